-- critical_spec.lua: searches and verification: what each class asserts, on
-- functions where the answer is known, and what must never be called critical.
-- MIT licence.
local t = require "runner"
local saddle = require "saddle"
local core = require "saddle.core"
local T, nn, critical = saddle.tensor, saddle.nn, saddle.critical

local function diag(d)
  local a = T(d)
  return function(w) return (a * w * w):sum() / 2 end
end

t.test("classes by the signs of the eigenvalues", function()
  local cases = {
    {{2, 1, 3}, "minimum", 0, 0, 3}, {{-2, 1, 3}, "saddle", 1, 0, 2},
    {{-2, -1, 3}, "saddle", 2, 0, 1}, {{-2, -1, -3}, "maximum", 3, 0, 0},
    {{0, 1, 3}, "degenerate", 0, 1, 2}, {{0, -1, 3}, "degenerate", 1, 1, 1},
    {{0, 0, 0}, "degenerate", 0, 3, 0},
  }
  for _, c in ipairs(cases) do
    local cp = critical.verify(diag(c[1]), T{0.0, 0, 0})
    t.eq(cp.class, c[2])
    t.eq({cp.n_neg, cp.n_zero, cp.n_pos}, {c[3], c[4], c[5]})
    t.near(cp.alpha, c[3] / 3, 1e-15)
    t.ok(cp.critical)
  end
end)

t.test("both methods find a saddle of a given index", function()
  for _, method in ipairs{"newton", "newton_mr"} do
    local f = function(w)
      return (w[1]^2 - 1)^2 + (w[2]^2 - 1)^2 + 0.5 * w[3]^2
    end
    local cp = critical.find(f, T{0.1, 0.9, 0.3}, {method = method})
    t.near(cp.w, T{0, 1, 0}, 1e-9, method)
    t.eq(cp.class, "saddle", method)
    t.eq(cp.index, 1, method)
    t.eq(cp.status, "converged", method)
    t.ok(cp.eta < 1e-8 and cp.certain, method)
    t.eq(#cp.history, cp.steps + 1, method)
    t.ok(cp.r_max >= 0 and cp.r_max <= 1, method)
    for k = 2, #cp.history do
      t.ok(cp.history[k].grad_norm < cp.history[k - 1].grad_norm, method)
    end
  end
end)

t.test("an exact saddle is no success of descent: its index is reported",
       function()
  local cp = critical.verify(diag{1, -1e-3}, T{0.0, 0})
  t.eq(cp.class, "saddle")
  t.eq(cp.index, 1)
end)

t.test("a small gradient alone is not critical: a slope without end", function()
  -- f = exp(-x): g = H = 2e-9 at x = 20, and the Newton step is 1 for ever.
  local f = function(w) return (-w[1]):exp() + w[2] * w[2] end
  local cp = critical.verify(f, T{20.0, 0})
  t.ok(cp.grad_norm < 1e-8)
  t.ok(not cp.critical)
  t.near(cp.eta, 1, 1e-6)
  t.ok(cp.class == "unconverged" or cp.class == "gradient_flat")
end)

t.test("a small gradient alone is not critical: a tilted flat direction",
       function()
  local f = function(w) return 1e-9 * w[1] + w[2] * w[2] end
  local cp = critical.verify(f, T{0.0, 0})
  t.ok(cp.grad_norm <= 1e-8 and not cp.critical)
  t.eq(cp.class, "gradient_flat")
end)

t.test("a tiny scale does not make every point critical", function()
  local f = function(w) return 1e-12 * ((w[1] - 3)^2 + w[2]^2) end
  t.eq(critical.verify(f, T{0.0, 0}).class, "unconverged")
  t.eq(critical.verify(f, T{3.0, 0}).class, "minimum")
end)

t.test("degenerate: monkey saddle and x^4, at and near the point", function()
  local monkey = function(w) return w[1]^3 - 3 * w[1] * w[2]^2 end
  t.eq(critical.verify(monkey, T{0.0, 0}).class, "degenerate")
  -- Near it H = 6r diag(1, -1) looks like a saddle of index 1; the change of
  -- the Hessian along the Newton step is as large as the eigenvalues.
  local near = critical.verify(monkey, T{1e-7, 0.0})
  t.eq(near.class, "degenerate")
  t.eq(near.n_zero, 2)
  local cp = critical.find(function(w) return w[1]^4 + w[2]^2 end,
                           T{0.5, 0.2}, {steps = 200})
  t.ok(cp.class == "degenerate" or not cp.critical)
  t.ok(cp.class ~= "minimum" and cp.class ~= "saddle")
end)

t.test("no critical point: the search says so, and 0 is never reported",
       function()
  -- g = (1 + x^2, y) has no zero; |g| is least, and H singular, at x = 0; the
  -- zero vector is where |g| = 1.
  local f = function(w) return w[1] + w[1]^3 / 3 + w[2]^2 / 2 end
  for _, method in ipairs{"newton", "newton_mr"} do
    local cp = critical.find(f, T{0.8, 0.5}, {method = method, steps = 150})
    t.ok(not cp.critical, method)
    t.ok(cp.status ~= "converged", method)
    t.near(cp.grad_norm, 1, 1e-6, method)
    t.eq(cp.class, "gradient_flat", method)
  end
end)

t.test("a failed search keeps its last point, not the zero vector", function()
  -- The origin is a critical point of this function, far from the trap near
  -- (5, 0) where |g| has a local minimum.
  local f = function(w)
    local x = w[1]
    return x^2 * (x^2 / 4 - 10 * x / 3 + 12.6) + w[2]^2
  end
  local trap = T{(20 + math.sqrt(97.6)) / 6, 0} -- f'' = 0: |g| is least
  for _, method in ipairs{"newton", "newton_mr"} do
    local cp = critical.find(f, trap, {method = method})
    t.eq(cp.status, "stalled", method)
    t.near(cp.w, trap, 1e-7, method)
    t.eq(cp.class, "gradient_flat", method)
    cp = critical.find(f, T{5.9, 0.2}, {method = method, steps = 150})
    if not cp.critical then
      t.ok(cp.w:norm() > 3, method)
      t.ok(cp.class == "gradient_flat" or cp.class == "unconverged", method)
    else
      t.near(saddle.grad(f)(cp.w):norm(), 0, 1e-8, method)
    end
  end
end)

t.test("max_steps and interrupt are told", function()
  local f = function(w) return (w^4):sum() + (w^2):sum() end
  local cp = critical.find(f, T{3.0, 4.0}, {steps = 1, damping = {0}})
  t.eq(cp.status, "max_steps")
  t.eq(cp.steps, 1)
  t.eq(cp.class, "unconverged")
  local calls = 0
  local obj = saddle.objective(f, {dim = 2, grad = function(w)
    calls = calls + 1
    if calls == 3 then core.system.interrupt() end
    return 4 * w^3 + 2 * w
  end})
  cp = critical.find(obj, T{3.0, 4.0}, {damping = {0}})
  t.eq(cp.status, "interrupted")
  t.eq(cp.class, "unconverged")
  t.ok(not core.system.interrupted())
end)

t.test("known symmetries are removed before the inertia", function()
  -- (|w|^2 - 1)^2 has a circle of minima.
  local function f(w) return ((w * w):sum() - 1)^2 end
  local w = T{0.6, 0.8}
  t.eq(critical.verify(f, w).class, "degenerate")
  local obj = saddle.objective(f, {dim = 2, symmetries = function(u)
    return T{{-u[2], u[1]}}
  end})
  local cp = critical.verify(obj, w)
  t.eq(cp.class, "minimum")
  t.eq(cp.symmetries, 1)
  t.near(cp.eigenvalues, T{8.0}, 1e-12)
end)

t.test("directions that are no symmetries are refused", function()
  local obj = saddle.objective(diag{1, 2}, {dim = 2, symmetries = T{{1.0, 0}}})
  t.fails(function() critical.verify(obj, T{0.0, 0}) end, "not zero along")
  t.ok(not critical.verify(obj, T{1e-3, 0}).critical)
end)

t.test("inertia at three tolerances", function()
  local cp = critical.verify(diag{1, 1e-5, -1e-7, -1e-9}, T{0.0, 0, 0, 0})
  local got = {}
  for i, c in ipairs(cp.inertia) do got[i] = {c.n_neg, c.n_zero, c.n_pos} end
  t.eq(got, {{0, 3, 1}, {0, 2, 2}, {1, 1, 2}})
  t.eq(cp.class, "degenerate")
  t.ok(not cp.certain)
end)

local function small_net(l2)
  local rng = saddle.random.new(12)
  local net = nn.mlp{4, 3, 3, activation = "tanh"}
  local x, y = rng:normal{40, 4}, {}
  for i = 1, 40 do
    local row = x[i]
    y[i] = row[1] > 0.3 and 1 or row[2] * row[3] > 0 and 2 or 3
  end
  return net, nn.objective(net, {x = x, y = y}, "cross_entropy", {l2 = l2}),
         rng
end

t.test("a small network: verified points pass an independent check", function()
  local net, obj, rng = small_net(1e-2)
  local verified = 0
  for k = 1, 6 do
    local cp = critical.find(obj, net:init(rng) * (0.5 * k), {steps = 60})
    t.ok(cp.counts.hessian > 0)
    if cp.critical then
      verified = verified + 1
      local graph = nn.objective(net, {x = obj.x, y = obj.labels},
                                 "cross_entropy", {l2 = 1e-2, path = "graph"})
      t.ok(graph:grad(cp.w):norm() < 1e-8)
      local l = saddle.linalg.eigh(graph:hessian(cp.w)):totable()
      local negative = 0
      for _, v in ipairs(l) do
        if v < 0 then negative = negative + 1 end
      end
      t.eq(cp.index, negative)
    end
  end
  t.ok(verified >= 2, "verified " .. verified)
end)

t.test("same bits with one thread and with two", function()
  local net, obj = small_net(1e-2)
  local threads = core.system.threads()
  local function go(n, method)
    core.system.set_threads(n)
    return critical.find(obj, net:init(3), {method = method, steps = 15})
  end
  for _, method in ipairs{"newton", "newton_mr"} do
    local a, b = go(1, method), go(2, method)
    core.system.set_threads(threads)
    t.eq(a.w, b.w, method)
    t.eq(a.eigenvalues, b.eigenvalues, method)
  end
end)

t.test("softmax gauge: no class is decided on its zero eigenvalues", function()
  local net, obj = small_net(0)
  local cp = critical.verify(obj, saddle.random.new(4):normal{net:dim()})
  t.eq(cp.symmetries, 4)
  t.eq(cp.eigenvalues.shape, {net:dim() - 4})
  t.eq(cp.class, "unconverged")
end)

t.test("canonical form: permutations and signs of tanh units", function()
  local net, obj, rng = small_net(1e-2)
  local w = rng:normal{net:dim()}
  local u = w:copy()
  local a, b = net:views(w), net:views(u)
  local order, sign = {3, 1, 2}, {-1, 1, -1}
  for i = 1, 3 do
    b.layer1.weight[i] = a.layer1.weight[order[i]] * sign[i]
    b.layer1.bias[i] = a.layer1.bias[order[i]] * sign[i]
    b.layer2.weight[{":", i}] = a.layer2.weight[{":", order[i]}] * sign[i]
  end
  t.near(obj:value(u), obj:value(w), 1e-14)
  t.near(critical.distinct.canonical(net, u),
         critical.distinct.canonical(net, w), 1e-15)
  local groups = critical.distinct({{w = w, value = 1}, {w = u, value = 1},
                                    {w = w + 0.1, value = 1}}, {net = net})
  t.eq(#groups, 2)
  t.eq(groups[1].times, 2)
end)

-- A double root of the gradient: the eigenvalue seen beside it is not sure,
-- however near the point is.
t.test("degenerate: beside x^3 and x^3 +- x^4, at any distance", function()
  local shapes = {
    function(w) return (w^3):sum() end,
    function(w) return (w^3 - w^4):sum() end,
    function(w) return (w^3 + w^4):sum() end,
  }
  local rng = saddle.random.new(11)
  for _, f in ipairs(shapes) do
    for _ = 1, 60 do
      local x = rng:sign() * 10 ^ rng:uniform{low = -8, high = -6}
      local cp = critical.verify(f, T{x})
      t.ok(not cp.critical or cp.class == "degenerate",
           ("%g: %s"):format(x, cp.class))
    end
  end
  for _, method in ipairs{"newton", "newton_mr"} do
    local cp = critical.find(shapes[1], T{0.3}, {method = method})
    t.ok(not cp.critical or cp.class == "degenerate", method .. cp.class)
  end
end)

t.test("a kink is no minimum: x^2 - 2|x|, and a ReLU net at its corner",
       function()
  local cp = critical.verify(function(w)
    return w[1]^2 - 2 * w[1]:abs() + w[2]^2
  end, T{0.0, 0.0})
  t.eq(cp.class, "degenerate")
  t.eq(cp.smooth, false)
  local rng = saddle.random.new(2)
  local net = nn.mlp{4, 3, 2, activation = "relu"}
  local obj = nn.objective(net, {x = rng:normal{60, 4},
    y = rng:integer({60}, 1, 2)}, "cross_entropy", {l2 = 1e-3})
  cp = critical.find(obj, T.zeros{net:dim()})
  t.ok(cp.class ~= "minimum", cp.class)
  cp = critical.verify(diag{1, 2}, T{0.0, 0.0})
  t.eq(cp.smooth, true)
  t.eq(cp.class, "minimum")
end)

t.test("symmetries are removed from tiny Hessians without noise", function()
  local rng = saddle.random.new(4)
  for _ = 1, 20 do -- rank 4 of 6: one null direction is told, one is not
    local Q = core.linalg.qr(rng:normal{6, 6})
    local B = Q[{":", "1:4"}]
    local H = B:mm(B:t()) * 1e-11
    local obj = saddle.objective(function(w) return w:dot(H:mv(w)) / 2 end,
      {dim = 6, symmetries = function() return Q[{":", "6:6"}]:t() end})
    t.eq(critical.verify(obj, T.zeros{6}).class, "degenerate")
  end
end)

t.test("mistakes are named", function()
  local f = diag{1, 2}
  t.fails(function() critical.find(f, T{1.0, 2}, {method = "newtom"}) end,
          "newton")
  t.fails(function() critical.find(f, T{1.0, 2}, {tolerance = 1}) end,
          "tolerance")
  t.fails(function() critical.find(f, T{{1.0, 2}}) end, "vector")
  t.fails(function() critical.verify(f, T{0 / 0, 2}) end, "NaN")
  t.fails(function() critical.find(3, T{1.0}) end, "objective or a function")
end)

return t
