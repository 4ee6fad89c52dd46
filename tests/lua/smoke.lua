-- smoke.lua: a little of everything at sizes that an instrumented run (make
-- memcheck) gets through in a minute. Raises when a result is wrong.
local saddle = require "saddle"
local T = saddle.tensor

local function number(v) return type(v) == "number" and v or v:item() end
local function near(got, want, tol, what)
  got = number(got)
  if not (math.abs(got - want) <= (tol or 1e-9)) then
    error(("%s: got %.17g, expected %.17g"):format(what, got, want))
  end
end

local x = T{{1, 2}, {3, 4}}
near(x:mm(x):sum(), 54, nil, "matmul")
near(x[1][2], 2, nil, "view")
near((x + x:t() * 2):sum(), 30, nil, "broadcast")
local w = T.eigh(x:mm(x:t()))
near(w:sum(), 30, 1e-9, "eigenvalues")

local rng = saddle.random.new(7)
near(rng:normal{500}:mean(), 0, 0.2, "normals")

local function f(v) return 5 * v[1]^2 - v[2]^2 + saddle.tensor.tanh((v * v):sum()) end
local at = T{0.3, -0.2}
local g = saddle.grad(f)(at)
local h = 1e-6
local up, down = f(T{0.3 + h, -0.2}), f(T{0.3 - h, -0.2})
near(g[1], (number(up) - number(down)) / (2 * h), 1e-6, "gradient")
local H = saddle.hessian(f, at)
near(H[1][2], H[2][1], 1e-12, "symmetry")

local net = saddle.nn.mlp{4, 3, 2, activation = "tanh"}
local labels = {}
for i = 1, 20 do labels[i] = i % 2 + 1 end
local obj = saddle.nn.objective(net, {x = rng:normal{20, 4}, y = T(labels)},
                                "cross_entropy", {l2 = 1e-3})
local w0 = net:init(rng)
local run = saddle.optim.minimize(obj, w0, {method = "gd", lr = 0.5,
                                            steps = 20})
if not (run.value < number(obj:value(w0))) then error("gd does not descend") end
obj:hessian(run.w)

local sde = saddle.sde
local model = sde.saddle{a = -0.5, sigma = 1, tau = 1, rho = 0.5}
local ens = sde.simulate(model, {x0 = 0, t = 2, dt = 0.1, paths = 300, seed = 1,
  observe = {every = 5, moments = true, keep = true,
             histogram = {low = -3, high = 3, bins = 10}}})
near(ens.x:mean(), 0, 0.5, "simulate")
local slow = sde.simulate(model, {x0 = 0, t = 1, dt = 0.5, paths = 70, seed = 1,
  scheme = "milstein", adaptive = {tolerance = 0.1}})
near(slow.bad, 0, 0, "adaptive")
local hit = sde.first_exit(model, {x0 = 0, radius = 1, dt = 0.1, paths = 200,
                                   seed = 1})
-- exit_theory's 1.1254: its long doubles are too short under valgrind
near(hit.mean, 1.1254, 5 * hit.se + 0.1, "first exits")
local p = saddle.stats.ks(model:stationary():sample(rng, {200}),
                          model:stationary()).p_value
if p < 1e-4 then error("the law's samples are not its own") end
saddle.march(function(s, n) return s + w0[n.i] * n.p:to("f64"):sum() end, 0.0, 9,
  {lanes = 40, noise = {i = {"index", n = 20}, p = {"permutation", n = 6,
                                                    size = 2}}})

if pcall(function() return x:mm(T{1, 2, 3}) end) then error("shapes") end
print("smoke: good")
