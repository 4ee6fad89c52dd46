-- optim_spec.lua: every optimiser on one table of problems with known minima,
-- the formulas of momentum against hand loops, and the driver's promises.
-- MIT licence.
local t = require "runner"
local saddle = require "saddle"
local core = require "saddle.core"
local T, nn, optim = saddle.tensor, saddle.nn, saddle.optim

local problems = {
  {name = "quadratic, condition 10", start = {1.5, -0.7}, at = {1, -2},
   value = 0.25,
   f = function(w) return (w[1] - 1)^2 + 10 * (w[2] + 2)^2 + 0.25 end},
  {name = "double well", start = {0.8, 0.9}, at = {1, 0}, value = 0,
   f = function(w) return (w[1]^2 - 1)^2 + w[2]^2 end},
  {name = "Rosenbrock", start = {-1.2, 1}, at = {1, 1}, value = 0, hard = true,
   f = function(w)
     return (1 - w[1])^2 + 100 * (w[2] - w[1]^2)^2
   end},
  {name = "log-sum-exp", start = {0.3, 0.8}, at = {0, 0}, value = math.log(4),
   f = function(w)
     return T{w[1], -w[1], 2 * w[2], -2 * w[2]}:logsumexp(1)
   end},
}

local settings = {
  gd = {lr = 0.03, steps = 2000},
  newton = {steps = 200},
  sfn = {steps = 200},
}

for _, method in ipairs{"gd", "newton", "sfn"} do
  for _, p in ipairs(problems) do
    if not (p.hard and method == "gd") then
      t.test(method .. " on " .. p.name, function()
        local o = {method = method, tol = 1e-9}
        for key, value in pairs(settings[method]) do o[key] = value end
        local run = optim.minimize(p.f, T(p.start), o)
        t.eq(run.status, "converged")
        t.near(run.w, T(p.at), 1e-7)
        t.near(run.value, p.value, 1e-12)
        t.ok(run.grad_norm <= 1e-9)
        t.eq(run.method, method)
      end)
    end
  end
end

t.test("saddle-free Newton leaves a saddle, Newton's step goes to it",
       function()
  local f = function(w) return (w[1]^2 - 1)^2 + w[2]^2 end
  local sfn = optim.minimize(f, T{0.01, 0.5}, {method = "sfn", steps = 100})
  t.near(sfn.w, T{1, 0}, 1e-8)
  local newton = optim.minimize(f, T{0.01, 0.5}, {method = "newton",
    damping = 0, steps = 100})
  t.near(newton.w, T{0, 0}, 1e-8)
  t.eq(newton.status, "converged")
end)

-- w' = w - lr v with v = momentum v + g, by hand on f = sum a w^2 / 2.
local function by_hand(a, w, o, steps)
  local v = {0, 0}
  for _ = 1, steps do
    for i = 1, 2 do
      local g = a[i] * w[i]
      v[i] = o.momentum * v[i] + g
      local d = o.nesterov and g + o.momentum * v[i] or v[i]
      w[i] = w[i] - o.lr * d
    end
  end
  return w
end

t.test("momentum and Nesterov follow their formulas", function()
  local a = T{1.3, 0.4}
  local f = function(w) return (a * w * w):sum() / 2 end
  for _, nesterov in ipairs{false, true} do
    local o = {lr = 0.21, momentum = 0.87, nesterov = nesterov}
    local want = by_hand({1.3, 0.4}, {0.9, -1.7}, o, 17)
    o.method, o.steps, o.tol = "gd", 17, 0
    local run = optim.minimize(f, T{0.9, -1.7}, o)
    t.near(run.w, T(want), 1e-14)
    t.eq(run.steps, 17)
    t.eq(run.status, "max_steps")
  end
end)

t.test("a learning rate may be a function of the step", function()
  local f = function(w) return w[1]^2 / 2 end
  local run = optim.minimize(f, T{1.0}, {steps = 4, tol = 0,
    lr = function(k) return 1 / (k + 1) end})
  t.near(run.w[1], (1 / 2) * (2 / 3) * (3 / 4) * (4 / 5), 1e-15)
end)

-- ---- stochastic -----------------------------------------------------------

local function regression()
  local rng = saddle.random.new(4)
  local x = rng:normal{60, 3}
  local y = x:mv(T{1.0, -2.0, 0.5}):reshape(60, 1) + 0.1 * rng:normal{60, 1}
  local net = nn.mlp{3, 1, bias = false}
  return nn.objective(net, {x = x, y = y}, "mse"), x, y
end

t.test("sgd with a falling rate reaches the least-squares solution", function()
  local obj, x, y = regression()
  local best = saddle.linalg.solve(x:t():mm(x), x:t():mm(y)):reshape(3)
  local run = optim.minimize(obj, T{0.0, 0.0, 0.0}, {
    method = "sgd", batch = 6, steps = 4000, tol = 0, seed = 3,
    lr = function(k) return 0.1 / (1 + k / 50) end})
  -- The error is of the order sd * sqrt(lr at the end) = 0.1 * 0.035.
  t.near(run.w, best, 2e-2)
  t.eq(run.steps, 4000)
end)

t.test("one epoch of sgd equals a hand loop over the batches", function()
  local obj = regression()
  local o = {lr = 0.05, momentum = 0.9, nesterov = true}
  local w, v = T{0.3, 0.1, -0.2}, nil
  for batch in obj:batches(25, saddle.random.new(9)) do
    local g = batch:grad(w)
    v = v and o.momentum * v + g or g
    w = w - o.lr * (g + o.momentum * v)
  end
  local run = optim.minimize(obj, T{0.3, 0.1, -0.2}, {method = "sgd",
    batch = 25, lr = o.lr, momentum = o.momentum, nesterov = true, steps = 3,
    rng = saddle.random.new(9)})
  t.eq(run.w, w)
end)

t.test("sgd with the same seed gives the same bits, another seed others",
       function()
  local obj = regression()
  local function go(seed)
    return optim.minimize(obj, T{0.0, 0.0, 0.0}, {method = "sgd", batch = 7,
      steps = 40, lr = 0.05, seed = seed}).w
  end
  t.eq(go(1), go(1))
  t.ok((go(1) - go(2)):norm() > 0)
end)

-- ---- the driver -------------------------------------------------------------

local function bowl(w) return (w * w):sum() end

t.test("trace: values, gradient norms and path", function()
  local run = optim.minimize(bowl, T{1.0, 0.0}, {lr = 0.25, steps = 6, tol = 0,
                                                record = 2})
  t.eq(run.at, {0, 1, 2, 3, 4, 5, 6})
  for k = 0, 6 do
    t.near(run.values[k + 1], 0.25^k, 1e-15)
    t.near(run.grad_norms[k + 1], 2 * 0.5^k, 1e-15)
  end
  t.eq(run.path.shape, {4, 2})
  t.near(run.path[2][1], 0.25, 1e-15)
  t.near(run.best.value, 0.25^6, 1e-15)
  t.eq(run.best.step, 6)
end)

t.test("statuses: below, diverged, stalled, stopped", function()
  local down = function(w) return -(w * w):sum() end
  local run = optim.minimize(down, T{1.0, 0.0}, {lr = 0.5, steps = 90,
                                                lower = -100})
  t.eq(run.status, "below")
  t.eq(run.steps, 4)
  run = optim.minimize(down, T{1.0, 0.0}, {lr = 10, steps = 900})
  t.eq(run.status, "diverged")
  t.ok(run.w:isfinite():all() and run.value > -math.huge)
  local flat = function(w) return w[1] + w[2] end
  run = optim.minimize(flat, T{1.0, 0.0}, {method = "newton", damping = 0})
  t.eq(run.status, "stalled")
  t.eq(run.w, T{1.0, 0.0})
  run = optim.minimize(bowl, T{1.0, 0.0}, {lr = 0.1, steps = 50,
    callback = function(s) return s.k == 3 end})
  t.eq(run.status, "stopped")
  t.eq(run.steps, 3)
end)

t.test("an interrupt keeps the best so far", function()
  local run = optim.minimize(bowl, T{1.0, 0.0}, {lr = 0.1, steps = 50,
    callback = function(s)
      if s.k == 5 then core.system.interrupt() end
    end})
  t.eq(run.status, "interrupted")
  t.eq(run.steps, 5)
  t.near(run.value, 0.64^5, 1e-14)
  t.ok(not core.system.interrupted())
end)

t.test("the start is not changed, and an error passes through", function()
  local w0 = T{1.0, 2.0}
  optim.minimize(bowl, w0, {lr = 0.1, steps = 3})
  t.eq(w0, T{1.0, 2.0})
  t.fails(function()
    optim.minimize(function() error("my own mistake") end, w0)
  end, "my own mistake")
end)

t.test("a user's method is a table", function()
  local method = {defaults = {lr = 0.5}, step = function(_, s, o)
    return s.w - o.lr * s.grad
  end}
  local run = optim.minimize(bowl, T{3.0, 4.0}, {method = method})
  t.eq(run.w, T{0.0, 0.0})
  t.eq(run.status, "converged")
end)

t.test("mistakes are named", function()
  local w0 = T{1.0, 2.0}
  t.fails(function() optim.minimize(bowl, w0, {method = "sfm"}) end,
          "did you mean 'sfn'")
  t.fails(function() optim.minimize(bowl, w0, {learning_rate = 1}) end,
          "learning_rate")
  t.fails(function() optim.minimize(bowl, w0, {lr = -1}) end, "lr")
  t.fails(function() optim.minimize(bowl, w0, {momentum = 1}) end, "momentum")
  t.fails(function() optim.minimize(bowl, w0, {nesterov = true}) end,
          "nesterov")
  t.fails(function()
    optim.minimize(bowl, w0, {method = "sfn", damping = {}})
  end, "damping")
  t.fails(function() optim.minimize(bowl, w0, {steps = 2.5}) end, "steps")
  t.fails(function() optim.minimize(bowl, {{1, 2}}) end, "vector")
  t.fails(function() optim.minimize(bowl, T{0 / 0, 1}) end, "NaN")
  t.fails(function() optim.minimize(bowl, w0, {method = "sgd"}) end, "samples")
  t.fails(function() optim.minimize("f", w0) end, "objective or a function")
end)

return t
