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

if pcall(function() return x:mm(T{1, 2, 3}) end) then error("shapes") end
print("smoke: good")
