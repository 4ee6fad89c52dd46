-- workloads.lua: what is measured, one row a workload:
--   name   how it is chosen and what the peers and limits call it
--   title  what it is
--   make   makes the function that does it once, and one that makes of its
--          result the number on which all sides must agree
--   units  one run is so many of what the time is given for; rate: its name
--          in the table, as units a second
--   flops  the limit is this arithmetic at the rate of dgemm; or
--   limit  true: hand-written, by name, in limits.c; or a Lua function
--   digits agreement of the checks (1e-8 relative; f32: 1e-3); or
--   errors the check is how many standard errors the result is away from
--          theory: no side may be further away than this
--   peers  who of the peers does it (NumPy, PyTorch and JAX)
-- The data are drawn once and written for the others.  MIT licence.
local saddle = require "saddle"
local T, nn = saddle.tensor, saddle.nn

local M = {}

-- Also in limits.h and peer.py.
local SAMPLES, FEW, COLUMNS = 10000, 1000, 8
local SGD_STEPS, SGD_RATE = 100, 0.05
local QUAD_STEPS, QUAD_RATE = 1000000, 1e-6
local LANES, LANE_STEPS, LANE_RATE = 100000, 1000, 1e-3
local LOOP_STEPS = 10000
local DEEP = {784, 1000, 500, 250, 30, 250, 500, 1000, 784}
local DEEP_BATCH = 1000
local WIDE, NARROW = {100, 50, 10}, {100, 10, 10}

local function mlp(sizes)
  local spec = {activation = "tanh"}
  for i, size in ipairs(sizes) do spec[i] = size end
  return nn.mlp(spec)
end

-- ---- data ------------------------------------------------------------------

local data

-- Everything the workloads start from, made on first use; written to `folder`
-- for the other processes.
local function draw()
  local rng = saddle.random.new(1)
  local d = {x = rng:normal{SAMPLES, 100}, lanes = rng:normal{LANES, 2}}
  local hidden = d.x:mm(rng:normal{100, 10}) + rng:normal{SAMPLES, 10}
  d.y = hidden:argmax(2)
  for prefix, net in pairs{[""] = mlp(WIDE), small_ = mlp(NARROW)} do
    local own = saddle.random.new(2)
    d[prefix .. "w"] = net:init(own)
    d[prefix .. "v"] = own:normal{net:dim()}
  end
  local deep, own = mlp(DEEP), saddle.random.new(3)
  d.deep_x = own:uniform{DEEP_BATCH, DEEP[1]}:to("f32")
  d.deep_w = deep:init(own):to("f32")
  d.deep_v = own:normal{deep:dim()}:to("f32")
  return d
end

function M.write(folder)
  data = data or draw()
  for name, tensor in pairs(data) do
    saddle.save(folder .. "/" .. name .. ".npy", tensor)
  end
end

-- ---- networks --------------------------------------------------------------

local function norm(t) return t:norm() end

-- The program that runs this.
local function program()
  local name = arg[0]
  for i = -1, -20, -1 do
    if arg[i] == nil then break end
    name = arg[i]
  end
  return name
end

local function has(object, name, what)
  if object[name] == nil then error(what .. " does not exist", 0) end
  return object[name]
end

local function objective(sizes, samples)
  local rows = "1:" .. samples
  return nn.objective(mlp(sizes), {x = data.x[{rows}]:contiguous(),
                                   y = data.y[{rows}]:contiguous()},
                      "cross_entropy")
end

local function hessian(sizes, samples, w)
  return function()
    local obj = objective(sizes, samples)
    return function() return obj:hessian(data[w]) end,
           function(h) return h[{":", "1:" .. COLUMNS}]:contiguous():norm() end,
           obj:path()
  end
end

-- Of the blocks by structure, each symmetric block once: see docs.
local function hessian_flops(sizes, samples)
  local m, h, c = sizes[1] + 1, sizes[2], sizes[3]
  local k = h + 1
  local first = h * (h + 1) / 2 * m * (m + 1)
  local cross = h * c * 2 * m * k
  local last = c * (c + 1) / 2 * k * (k + 1)
  return samples * (first + cross + last)
end

local function deep_objective()
  return nn.objective(mlp(DEEP), {x = data.deep_x, y = data.deep_x}, "mse",
                      {dtype = "f32"})
end

-- The three products of an objective made by `make`, w and v by name.
local function gradient(make, w)
  return function()
    local obj = make()
    return function() return obj:grad(data[w]) end, norm
  end
end

local function hvp(make, w, v)
  return function()
    local obj = make()
    return function() return obj:hvp(data[w], data[v]) end, norm
  end
end

local function kept(make, w, v)
  return function()
    local obj = make()
    has(obj, "at", "objective:at")
    local point = obj:at(data[w])
    return function() return point:hvp(data[v]) end, norm
  end
end

local function wide() return objective(WIDE, SAMPLES) end

-- ---- stochastic gradient descent -------------------------------------------

local function one_hot()
  return data.y:reshape(SAMPLES, 1):eq(T.arange(1, WIDE[3])):to("f64")
end

local function sgd(batch)
  return function()
    local net, hot = mlp(WIDE), one_hot()
    local step = saddle.jit(function(w, x, y, lr)
      local function loss(u)
        local z = net:apply(u, x)
        return (z:logsumexp(2) - (z * y):sum(2)):mean()
      end
      return w - lr * saddle.grad(loss)(w)
    end)
    local x, w, at = data.x, data.w, 1
    local function run()
      for _ = 1, SGD_STEPS do
        local rows = at .. ":" .. at + batch - 1
        w = step(w, x[{rows}], hot[{rows}], SGD_RATE)
        at = at + batch
        if at + batch - 1 > SAMPLES then at = 1 end
      end
      return w
    end
    return run, norm
  end
end

-- ---- gradient steps on 5 x^2 - y^2 -----------------------------------------

local function f(w) return 5 * w[1]^2 - w[2]^2 end

local function iterate(rate)
  has(saddle, "iterate", "saddle.iterate")
  return saddle.iterate, function(w) return w - rate * saddle.grad(f)(w) end
end

local function one_lane()
  local march, step = iterate(QUAD_RATE)
  local start = T{0.3, 0.1}
  return function() return march(step, start, QUAD_STEPS) end, norm
end

local function many_lanes()
  local march, step = iterate(LANE_RATE)
  return function()
    return march(step, data.lanes, LANE_STEPS, {lanes = true})
  end, norm
end

local function loop_by_hand()
  local c, lr = T{10, -2}, QUAD_RATE
  return function()
    local w = T{0.3, 0.1}
    for _ = 1, LOOP_STEPS do w = w - lr * (c * w) end
    return w
  end, norm
end

local function loop_by_grad()
  local lr, grad = QUAD_RATE, saddle.grad
  return function()
    local w = T{0.3, 0.1}
    for _ = 1, LOOP_STEPS do w = w - lr * grad(f)(w) end
    return w
  end, norm
end

-- What Lua itself needs for these steps, without tensors.
local bare = {units = LOOP_STEPS, note = "Lua, two local numbers",
  run = function()
    local x, y, lr = 0.3, 0.1, QUAD_RATE
    for _ = 1, LOOP_STEPS do
      x, y = x - lr * (10 * x), y - lr * (-2 * y)
    end
    return x, y
  end,
  check = function(x) return x and nil end}

-- ---- noise -----------------------------------------------------------------

-- Also in limits.h and peer.py.
local PATHS, STEPS, DT, X0 = 100000, 1000, 1e-3, 1
local SADDLE = {a = 0.3, sigma = 0.5, tau = 0.4, rho = 0.5}
local NORMALS = 1000000
local WALKERS, FLIPS, FLIP = 1000000, 1000, 0.1
local FLIPS_BELOW = 0.946625228982840 -- sum k <= 525 of C(1000, k) / 2^1000
local WELL = {paths = 100000, sigma = 0.5, t = 10, dt = 0.01}
local FHN = {a = 0.7, b = 0.8, eps = 0.08, i = 0.5, s = 0.3, r = 0.1, rho = 0.6,
             t = 10, dt = 0.01, longest = 0.5, tolerance = 1e-3,
             adaptive_paths = 10000}
-- E v, E w, E v^2, E w^2, E v w and their standard errors: 4e6 paths by the C
-- limit at this step, 1e6 at a quarter of it.
local FHN_EULER = {{0.6298433, 5.4e-4}, {1.1315355, 1.6e-4},
  {1.5748997, 6.1e-4}, {1.3840776, 3.5e-4}, {0.6784753, 6.3e-4}}
local FHN_FINE = {{0.6312129, 1.1e-3}, {1.1315537, 3.2e-4},
  {1.5734853, 1.2e-3}, {1.3840400, 7.0e-4}, {0.6805517, 1.3e-3}}

-- Standard errors between the mean of x and what it should be; the variance of
-- an element is the sample's unless known, `spread` is what is not known of
-- `expected`.
local function errors(x, expected, variance, spread)
  local n = x.shape[1]
  local mean = x:mean()
  variance = variance or ((x - mean) ^ 2):mean()
  return math.abs(mean - expected)
    / math.sqrt(variance / n + (spread or 0) ^ 2)
end

-- Of mean and second moment, by the recursion of Euler and Maruyama's scheme.
local function sde_check(x)
  local p, m1, m2 = SADDLE, X0, X0 ^ 2
  local up = 1 + p.a * DT
  for _ = 1, STEPS do
    m2 = m2 * (up ^ 2 + p.sigma ^ 2 * DT) + p.tau ^ 2 * DT
      + 2 * p.rho * p.sigma * p.tau * DT * m1
    m1 = m1 * up
  end
  return math.max(errors(x, m1, m2 - m1 ^ 2), errors(x ^ 2, m2))
end

local function simulation(model, options, check, note)
  return function()
    local sde = saddle.sde
    local m = model(sde)
    return function() return sde.simulate(m, options) end,
           function(run) return check(run.x) end, note
  end
end

local EULER = {x0 = X0, t = STEPS * DT, dt = DT, paths = PATHS, seed = 1,
               scheme = "euler_maruyama"}

local function two_noises(sde)
  local p = SADDLE
  return sde.model{
    drift = function(x) return p.a * x end,
    diffusion = function(x) return {p.sigma * x, p.tau} end,
    noises = 2, correlation = {{1, p.rho}, {p.rho, 1}}, sense = "ito"}
end

local function one_noise(sde) return sde.saddle(SADDLE) end

local function normals_check(x)
  local y = x ^ 2
  return math.max(errors(x, 0, 1), errors(y, 1, 2), errors(y ^ 2, 3, 96))
end

-- Of the share that did not rise, and of the mean logarithm.
local function coins_check(run)
  local x, p = run.state, FLIPS_BELOW
  local mean = FLIPS / 2 * math.log(1 - FLIP ^ 2)
  local apart = 0.5 * math.log((1 + FLIP) / (1 - FLIP))
  return math.max(errors(x:le(1):to("f64"), p, p * (1 - p)),
                  errors(x:log(), mean, FLIPS * apart ^ 2))
end

local function coins()
  local start = T.ones{WALKERS}
  return function()
    return saddle.march(function(x, noise)
      return x * (1 + FLIP * noise.s)
    end, start, FLIPS, {noise = {s = "sign"}, seed = 1})
  end, coins_check
end

-- Stationary at t = 10: x^2 has the gamma law of shape 1 / sigma^2 and mean 1.
local function well(sde)
  return sde.model{drift = function(x) return x - x ^ 3 end,
                   diffusion = function(x) return WELL.sigma * x end,
                   noises = 1, sense = "stratonovich"}
end

local function well_check(x)
  local s, y = WELL.sigma ^ 2, x ^ 2
  return math.max(errors(y, 1, s), errors(y ^ 2, 1 + s))
end

local function fhn(sde)
  local p = FHN
  return sde.model{
    dim = 2, noises = 2, correlation = {{1, p.rho}, {p.rho, 1}}, sense = "ito",
    drift = function(x)
      local v, w = x[1], x[2]
      return {v - v ^ 3 / 3 - w + p.i, p.eps * (v + p.a - p.b * w)}
    end,
    diffusion = function(x)
      local v = x[1]
      return {{p.s * (1 + v * v):sqrt(), 0}, {0, p.r * v}}
    end}
end

local function fhn_check(moments)
  return function(x)
    local v, w = x[{":", 1}]:contiguous(), x[{":", 2}]:contiguous()
    local worst = 0
    for i, y in ipairs{v, w, v * v, w * w, v * w} do
      worst = math.max(worst, errors(y, moments[i][1], nil, moments[i][2]))
    end
    return worst
  end
end

-- In a process of its own, which also says what it held at most.
local function memory()
  local command = ("'%s' '%s' 1000000 1000"):format(program(),
    (arg[0]:match("^(.*/)") or "./") .. "memory.lua")
  local function run()
    local pipe <close> = assert(io.popen(command))
    return pipe:read("a")
  end
  return run, nil, run():match("[^\n]*")
end

-- ---- single operations -----------------------------------------------------

local MILLION = 1000000

local function normal(shape) return saddle.random.new(1):normal(shape) end

local function shell(statement)
  return function()
    local command = ("'%s' -e '%s'"):format(program(), statement)
    return function() os.execute(command) end
  end
end

-- ---- tables ----------------------------------------------------------------

-- Who does a row of noise.
local ALL = {numpy = true, torch = true, jax = true, diffrax = true}
local ON_JAX = {jax = true, diffrax = true}

local PER_STEP, LANE, PATH = "steps/s", "lane-steps/s", "path-steps/s"

M.main = {
  {name = "hessian", title = "exact Hessian, tanh 100-50-10, softmax "
   .. "cross-entropy, N = 10,000, P = 5560", make = hessian(WIDE, SAMPLES, "w"),
   flops = hessian_flops(WIDE, SAMPLES)},
  {name = "hessian-small", title = "exact Hessian, 100-10-10, N = 1000, "
   .. "P = 1120", make = hessian(NARROW, FEW, "small_w"),
   flops = hessian_flops(NARROW, FEW)},
  {name = "gradient", title = "gradient, 100-50-10, N = 10,000",
   make = gradient(wide, "w"), limit = true},
  {name = "hvp", title = "Hessian-vector product, same",
   make = hvp(wide, "w", "v"), limit = true},
  {name = "hvp-kept", title = "same, forward pass kept",
   make = kept(wide, "w", "v"), limit = true},
  {name = "sgd-64", title = "SGD steps, 100-50-10, batch 64, through jit",
   make = sgd(64), units = SGD_STEPS, rate = PER_STEP, limit = true},
  {name = "sgd-128", title = "same, batch 128", make = sgd(128),
   units = SGD_STEPS, rate = PER_STEP, limit = true},
  {name = "deep-gradient", title = "autoencoder 784-1000-500-250-30-250-500-"
   .. "1000-784, f32, batch 1000: gradient",
   make = gradient(deep_objective, "deep_w"), limit = true, digits = 1e-3},
  {name = "deep-hvp", title = "same: Hessian-vector product",
   make = hvp(deep_objective, "deep_w", "deep_v"), limit = true,
   digits = 1e-3},
  {name = "deep-hvp-kept", title = "same, forward pass kept",
   make = kept(deep_objective, "deep_w", "deep_v"), limit = true,
   digits = 1e-3},
  {name = "iterate", title = "1e6 gradient steps on 5 x^2 - y^2 through "
   .. "iterate, one lane", make = one_lane, units = QUAD_STEPS, rate = PER_STEP,
   limit = true},
  {name = "iterate-lanes", title = "same, 1e5 lanes x 1000 steps",
   make = many_lanes, units = LANES * LANE_STEPS, rate = LANE, limit = true},
  {name = "loop", title = "same steps as a plain loop, gradient by hand",
   make = loop_by_hand, units = LOOP_STEPS, rate = PER_STEP, limit = bare},
  {name = "loop-grad", title = "same, grad(f)(w) traced anew each step",
   make = loop_by_grad, units = LOOP_STEPS, rate = PER_STEP, limit = bare},
  {name = "sde-two", title = "Euler-Maruyama of the saddle model, rho = 0.5, "
   .. "two noises, from a Lua model, 1e5 paths x 1000 steps",
   make = simulation(two_noises, EULER, sde_check), units = PATHS * STEPS,
   rate = PATH, limit = true, errors = 6, peers = ALL},
  {name = "sde-one", title = "same, the built-in model, one effective noise",
   make = simulation(one_noise, EULER, sde_check), units = PATHS * STEPS,
   rate = PATH, limit = true, errors = 6, peers = ALL},
  {name = "sde-normals", title = "1e6 normal numbers into a new tensor",
   make = function()
     local rng = saddle.random.new(1)
     return function() return rng:normal{NORMALS} end, normals_check
   end, units = NORMALS, rate = "numbers/s", limit = true, errors = 6},
  {name = "sde-coins", title = "x (1 +- 0.1) by a coin, 1e6 walkers x 1000 "
   .. "steps", make = coins, units = WALKERS * FLIPS, rate = PATH,
   limit = true, errors = 6},
  {name = "sde-heun", title = "Heun's scheme on dx = (x - x^3) dt + x/2 o dW, "
   .. "1e5 paths x 1000 steps", make = simulation(well, {x0 = 1, t = WELL.t,
     dt = WELL.dt, paths = WELL.paths, seed = 1, scheme = "heun"}, well_check),
   units = WELL.paths * WELL.t / WELL.dt, rate = PATH, limit = true,
   errors = 6, peers = ON_JAX},
  {name = "sde-fhn", title = "Euler-Maruyama of FitzHugh-Nagumo, two "
   .. "correlated noises that do not commute, 1e5 paths x 1000 steps",
   make = simulation(fhn, {x0 = T{0, 0}, t = FHN.t, dt = FHN.dt,
     paths = PATHS, seed = 1, scheme = "euler_maruyama"},
     fhn_check(FHN_EULER)), units = PATHS * FHN.t / FHN.dt, rate = PATH,
   limit = true, errors = 6, peers = ON_JAX},
  {name = "sde-adaptive", title = "same model, adaptive steps, tolerance 1e-3",
   make = simulation(fhn, {x0 = T{0, 0}, t = FHN.t, dt = FHN.longest,
     paths = FHN.adaptive_paths, seed = 1, scheme = "heun",
     adaptive = {tolerance = FHN.tolerance}}, fhn_check(FHN_FINE),
     "Heun and step doubling, about 270 steps a path"),
   units = FHN.adaptive_paths, rate = "paths/s", errors = 6,
   peers = {diffrax = true}},
  {name = "sde-memory", title = "saddle model, moments and histogram only, "
   .. "1e6 paths x 1000 steps, a process of its own", make = memory,
   units = 1e9, rate = PATH, peers = {}},
}

M.small = {
  {name = "start-up-bare", title = "start the program", make = shell ""},
  {name = "start-up", title = "start it and load the library",
   make = shell 'require "saddle"'},
  {name = "add-2", title = "add, 2 elements", make = function()
    local a, b = T{1, 2}, T{3, 4}
    return function() return a + b end
  end},
  {name = "add", title = "add, 1e6 elements", make = function()
    local a, b = T.ones{MILLION}, T.ones{MILLION}
    return function() return a + b end
  end},
  {name = "exp", title = "exp, 1e6 elements", make = function()
    local a = normal{MILLION}
    return function() return a:exp() end
  end},
  {name = "sum", title = "sum, 1e6 elements", make = function()
    local a = normal{MILLION}
    return function() return a:sum() end
  end},
  {name = "matmul", title = "matrix product, 512", flops = 2 * 512^3,
   make = function()
     local a = normal{512, 512}
     return function() return a:mm(a) end
   end},
  {name = "normal", title = "1e6 normal numbers", make = function()
    local rng = saddle.random.new(1)
    return function() return rng:normal{MILLION} end
  end},
  {name = "hessian-2", title = "Hessian of 5 x^2 - y^2", make = function()
    local w = T{1, 2}
    return function() return saddle.hessian(f, w) end
  end},
}

return M
