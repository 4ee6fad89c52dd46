-- workloads.lua: what is measured, one row a workload:
--   name   how it is chosen and what the peers and limits call it
--   title  what it is
--   make   makes the function that does it once, and one that makes of its
--          result the number on which all sides must agree
--   units  one run is so many of what the time is given for; rate: its name
--          in the table, as units a second
--   flops  the limit is this arithmetic at the rate of dgemm; or
--   limit  true: hand-written, by name, in limits.c; or a Lua function
--   digits agreement of the checks (1e-8 relative; f32: 1e-3)
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

-- ---- single operations -----------------------------------------------------

local MILLION = 1000000

local function normal(shape) return saddle.random.new(1):normal(shape) end

local function shell(statement)
  local program = arg[0]
  for i = -1, -20, -1 do
    if arg[i] == nil then break end
    program = arg[i]
  end
  return function()
    local command = ("'%s' -e '%s'"):format(program, statement)
    return function() os.execute(command) end
  end
end

-- ---- tables ----------------------------------------------------------------

local STEPS, LANE = "steps/s", "lane-steps/s"

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
   make = sgd(64), units = SGD_STEPS, rate = STEPS, limit = true},
  {name = "sgd-128", title = "same, batch 128", make = sgd(128),
   units = SGD_STEPS, rate = STEPS, limit = true},
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
   .. "iterate, one lane", make = one_lane, units = QUAD_STEPS, rate = STEPS,
   limit = true},
  {name = "iterate-lanes", title = "same, 1e5 lanes x 1000 steps",
   make = many_lanes, units = LANES * LANE_STEPS, rate = LANE, limit = true},
  {name = "loop", title = "same steps as a plain loop, gradient by hand",
   make = loop_by_hand, units = LOOP_STEPS, rate = STEPS, limit = bare},
  {name = "loop-grad", title = "same, grad(f)(w) traced anew each step",
   make = loop_by_grad, units = LOOP_STEPS, rate = STEPS, limit = bare},
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
