-- traced_methods_spec.lua: methods are sequences of operations, so they trace:
-- their derivatives against differences, and what tracing forbids.
-- MIT licence.
local t = require "runner"
local T = require "saddle.core".tensor
local nan = 0 / 0

-- Each maps a [2 x 3] matrix to a tensor; the derivative of a fixed weighted
-- sum of the result is compared with central differences.
local traced = {
  mean = function(x) return x:mean(1) end,
  mean_all = function(x) return x:mean() end,
  var = function(x) return x:var(2, {ddof = 1}) end,
  std = function(x) return x:std(1, {keepdim = true}) end,
  norm = function(x) return x:norm() end,
  norm1 = function(x) return x:norm(1, 2) end,
  norm3 = function(x) return x:norm(3, 1) end,
  norminf = function(x) return x:norm("inf", 2) end,
  prod = function(x) return x:prod(2) end,
  prod_all = function(x) return x:prod() end,
  max = function(x) return x:max(1) end,
  cumsum = function(x) return x:cumsum(2) end,
  softmax = function(x) return x:softmax(1) end,
  log_softmax = function(x) return x:log_softmax() end,
  logsumexp = function(x) return x:logsumexp() end,
  mm = function(x) return x:mm(x:t()) end,
  matmul = function(x) return x:matmul(x[1]) end,
  dot = function(x) return x[1]:dot(x[2]) end,
  outer = function(x) return x[1]:outer(x[2]) end,
  batch = function(x) return T.stack{x, 2 * x}:mm(x:t()) end,
  solve = function(x)
    return (x:mm(x:t()) + T.eye(2)):solve(x)
  end,
  solve_vector = function(x)
    return (x:mm(x:t()) + T.eye(2)):solve(x[{":", 2}])
  end,
  relu = function(x) return x:relu() end,
  clamp = function(x) return x:clamp(-0.6, 0.8) end,
  power = function(x) return x ^ 3 + (x * x) ^ 0.7 + 1.5 ^ x end,
  divide = function(x) return 1 / x + x / 3 end,
  logs = function(x) return (x * x):log2() + (x * x + 1):log10() end,
  rsqrt = function(x) return (x * x + 1):rsqrt() end,
  table_of = function(x) return T{x[1][1] ^ 2, x[1][2] * 3, 4} end,
  nested = function(x) return T{{x[1][1], 1}, {2, x[2][3]}} end,
  operand = function(x) return x * {1, 2, 3} end,
  concat = function(x) return T.concat({x, x ^ 2}, 2) end,
  stack = function(x) return T.stack({x[1], x[2]}, 2) end,
  flip = function(x) return x:flip(2) end,
  roll = function(x) return x:roll(1, 2) end,
  tile = function(x) return x:tile(2, 1) end,
  tril = function(x) return x:tril() + x:triu(1) ^ 2 end,
  diag = function(x) return x:diag() end,
  diag_of = function(x) return x[2]:diag() end,
  trace = function(x) return x:mm(x:t()):trace() end,
  expand = function(x) return x:unsqueeze(1):expand(4, -1, -1) end,
  permute = function(x) return x:permute(2, 1):reshape(2, -1) end,
  pick = function(x) return x[{":", {3, 1, 3}}] end,
  step = function(x) return x[{2, "::-2"}] end,
  mask = function(x) return x[T{{1, 0, 1}, {0, 1, 0}, dtype = "u8"}] end,
  gather = function(x) return x:gather({1, 1, 2}, 1) end,
  scatter = function(x) return x:scatter({2, 2, 1}, 4, 2) end,
  scatter_add = function(x) return x:scatter_add({2, 2}, x) end,
  masked = function(x) return x:masked_fill(x:gt(0.5), 2) end,
  where = function(x) return T.where(x:gt(0), x:exp(), -x) end,
}

t.test("composites differentiate", function()
  local grad = require "saddle".grad
  local v = {0.31, -0.72, 0.93, -1.14, 0.55, 0.27}
  local w0 = T(v)
  for name, f in pairs(traced) do
    local function loss(w)
      local y = f(w:reshape(2, 3))
      if type(y) == "number" then return y * math.sin(1) end
      local n = y:numel()
      return (y:flatten() * T.arange(1, n):sin()):sum()
    end
    local g = grad(loss)(w0)
    for i = 1, 6 do
      local h, a, b = 1e-5, w0:copy(), w0:copy()
      a[i] = v[i] + h
      b[i] = v[i] - h
      local d = (loss(a) - loss(b)) / (2 * h)
      t.near(g[i], d, 2e-8, name .. " at " .. i)
    end
  end
end)

t.test("norm and deviation have derivative 0 at 0", function()
  local saddle = require "saddle"
  t.eq(saddle.grad(function(x) return x:norm() end)(T{0, 0}), T{0, 0})
  t.eq(saddle.grad(function(x) return x:std() end)(T{2, 2}), T{0, 0})
  t.eq(saddle.value_and_grad(function(x) return x:norm() end)(T{nan, 0}), nan)
end)

t.test("what tracing forbids says so", function()
  local grad = require "saddle".grad
  local w = T{1, 2}
  local function bad(f, pattern)
    t.fails(function() grad(function(x) return f(x) or x:sum() end)(w) end,
            pattern)
  end
  bad(function(x) x[1] = 0 end, "immutable while tracing")
  bad(function(x) x:add_(1) end, "immutable while tracing")
  bad(function(x) x:copy_(w) end, "immutable while tracing")
  bad(function(x) x:relu_() end, "immutable while tracing")
  bad(function(x) w:copy()[1] = x[1] end, "symbolic tensor")
  bad(function(x) return x:sort() end, "not possible while tracing")
  bad(function(x) return x[x:gt(1)]:sum() end, "T.where")
  bad(function(x) return x.foo end, "no method or field 'foo'")
  bad(function(x) return x + T{1, 2, 3} end, "add: shapes do not broadcast")
  t.eq(grad(function(x) t.eq(x.shape, {2}) t.eq(#x, 2) return x:sum() end)(w),
       T{1, 1})
end)

return t
