-- transform_spec.lua: grad, jvp, vjp, hvp, hessian, jacobian, vmap and jit on
-- functions with known answers, nested in each other, on nested arguments.
-- MIT licence.
local t = require "runner"
local saddle = require "saddle"
local core = require "saddle.core"
local T = saddle.tensor
local grad, value_and_grad, hessian = saddle.grad, saddle.value_and_grad,
  saddle.hessian
local jvp, vjp, hvp = saddle.jvp, saddle.vjp, saddle.hvp
local jacobian, vmap, jit = saddle.jacobian, saddle.vmap, saddle.jit


-- ---- numbers -------------------------------------------------------------------

t.test("derivatives of numbers are numbers, to the third order", function()
  local function f(x) return x ^ 4 + (2 * x):sin() end
  local d1 = grad(f)
  local d2 = grad(d1)
  local d3 = grad(d2)
  local d4 = grad(d3)
  local x = 0.7
  t.near(d1(x), 4 * x ^ 3 + 2 * math.cos(2 * x), 1e-14)
  t.near(d2(x), 12 * x ^ 2 - 4 * math.sin(2 * x), 1e-14)
  t.near(d3(x), 24 * x - 8 * math.cos(2 * x), 1e-14)
  t.near(d4(x), 24 + 16 * math.sin(2 * x), 1e-14)
  t.eq(type(d3(x)), "number")
  t.near(hessian(f, x), d2(x), 1e-14)
  t.near(grad(function(u) return hessian(f, u) end)(x), d3(x), 1e-13)
  local y, dy = jvp(f, x, 2.0)
  t.near(y, x ^ 4 + math.sin(2 * x), 1e-15)
  t.near(dy, 2 * d1(x), 1e-14)
  t.near(hvp(f, x, 3.0), 3 * d2(x), 1e-14)
  t.near(grad(f)(2), 32 + 2 * math.cos(4), 1e-14, "an integer argument")
end)

t.test("value_and_grad, further arguments held constant", function()
  local function f(w, a, name)
    t.eq(name, "label")
    return (w * a):sum()
  end
  local v, g = value_and_grad(f)(T {1, 2}, T {3, 4}, "label")
  t.eq(v, 11)
  t.eq(type(v), "number")
  t.eq(g:totable(), {3, 4})
  t.eq(grad(f)(T {1, 2}, 5, "label"):totable(), {5, 5})
end)

t.test("perturbations are not confused", function()
  -- d/dx [x d/dy (x + y)] = 1
  t.eq(grad(function(x)
    return x * grad(function(y) return x + y end)(2.0)
  end)(3.0), 1)
  -- d/dx [x d/dy (x y)] = d/dx x^2 = 2x
  t.eq(grad(function(x)
    return x * grad(function(y) return x * y end)(2.0)
  end)(3.0), 6)
  -- the inner point depends on x: d/dx [d/dy y^3 at y = x^2] = d/dx 3 x^4
  t.near(grad(function(x)
    return grad(function(y) return y ^ 3 end)(x ^ 2)
  end)(1.5), 12 * 1.5 ^ 3, 1e-14)
  -- forward inside reverse, reverse inside forward
  t.eq(grad(function(x)
    return x * select(2, jvp(function(y) return x * y end, 2.0, 1.0))
  end)(3.0), 6)
  t.eq(select(2, jvp(function(x)
    return x * grad(function(y) return x * y * y end)(2.0)
  end, 3.0, 1.0)), 24)
  -- forward in forward (Siskind and Pearlmutter's example)
  t.eq(select(2, jvp(function(x)
    local _, d = jvp(function(y) return x + y end, 1.0, 1.0)
    return x * d
  end, 1.0, 1.0)), 1)
  -- three levels: d/dx [x d/dy (y d/dz (x y z))] = d/dx [x (2 x y)] at y = 2
  t.eq(grad(function(x)
    return x * grad(function(y)
      return y * grad(function(z) return x * y * z end)(5.0)
    end)(2.0)
  end)(3.0), 4 * 2 * 3)
  -- the tangent itself depends on x
  t.eq(grad(function(x)
    return select(2, jvp(function(y) return y * y end, x, x))
  end)(3.0), 12)
  -- a derivative function that leaves its level: d/dx of (d/dy (x y))(x)
  t.eq(grad(function(x)
    local inner = grad(function(y) return x * y * y end)
    return inner(x) + inner(1.0)
  end)(3.0), 14)
end)

t.test("a result that does not depend on the argument", function()
  t.eq(grad(function() return 3.0 end)(2.0), 0)
  t.eq(grad(function() return T(3.0) end)(T {1, 2}):totable(), {0, 0})
  t.eq(hessian(function(w) return w[1] end, T {1, 2}):totable(),
    {{0, 0}, {0, 0}})
  local y, d = jvp(function() return T {5, 6} end, 1.0, 1.0)
  t.eq(y:totable(), {5, 6})
  t.eq(d:totable(), {0, 0})
  t.eq(hvp(function(w) return w:sum() end, T {1, 2}, T {3, 4}):totable(), {0, 0})
  t.eq(jacobian(function() return T {1, 2} end, T {1, 2, 3}):totable(),
    {{0, 0, 0}, {0, 0, 0}})
  t.eq(vmap(function() return 4.0 end)(T {1, 2, 3}):totable(), {4, 4, 4})
  t.eq(jit(function() return 4.0 end)(T {1}), 4)
  -- an outer value as the inner result
  t.eq(grad(function(x) return grad(function() return x end)(1.0) end)(2.0), 0)
  t.eq(grad(function(x)
    return (value_and_grad(function() return x end)(1.0))
  end)(2.0), 1)
  t.eq(vmap(function(x)
    return vmap(function() return x end)(T {1, 2})
  end)(T {5, 6, 7}):totable(), {{5, 5}, {6, 6}, {7, 7}})
  t.eq(vjp(function() return 1.0 end, T {1, 2}, 1.0), 1)
end)

-- ---- nested tables --------------------------------------------------------------

t.test("gradients mirror nested tables of tensors and numbers", function()
  local w = {layer = {T {{1, 2}, {3, 4}}, T {5, 6}}, scale = 2.0,
             bias = T(3.0)}
  local function f(p)
    return p.scale * (p.layer[1]:sum() + (p.layer[2] ^ 2):sum()) * p.bias
  end
  local g = grad(f)(w)
  t.eq(g.layer[1]:totable(), {{6, 6}, {6, 6}})
  t.eq(g.layer[2]:totable(), {60, 72})
  t.eq(g.scale, (10 + 61) * 3)
  t.eq(g.bias:item(), 71 * 2)
  t.eq(type(g.scale), "number")
  local y, dy = jvp(f, w, {layer = {T.zeros {2, 2}, T {1, 0}}, scale = 1.0,
                           bias = T(0.0)})
  t.eq(y, 2 * 71 * 3)
  t.eq(dy, 71 * 3 + 2 * 10 * 3)
  local h = hvp(f, w, {layer = {T.zeros {2, 2}, T {1, 0}}, scale = 0.0,
                       bias = T(0.0)})
  t.eq(h.layer[2]:totable(), {12, 0})
  t.eq(h.scale, 30)
  t.eq(h.bias:item(), 20)
end)

t.test("hessian and jacobian of tables give tables of blocks", function()
  local w = {a = T {1, 2}, b = 3.0}
  local h = hessian(function(p) return (p.a ^ 2):sum() * p.b + p.b ^ 3 end, w)
  t.eq(h.a.a:totable(), {{6, 0}, {0, 6}})
  t.eq(h.a.b:totable(), {2, 4})
  t.eq(h.b.a:totable(), {2, 4})
  t.eq(h.b.b, 18)
  local j = jacobian(function(p)
    return {u = p.a * p.b, v = p.b * 2}
  end, w)
  t.eq(j.u.a:totable(), {{3, 0}, {0, 3}})
  t.eq(j.u.b:totable(), {1, 2})
  t.eq(j.v.a:totable(), {0, 0})
  t.eq(j.v.b, 2)
  local m = T {{1, 2, 3}, {4, 5, 6}}
  local big = hessian(function(x) return (x ^ 3):sum() end, m)
  t.eq(big.shape, {2, 3, 2, 3})
  for i = 1, 2 do
    for k = 1, 3 do
      for p = 1, 2 do
        for q = 1, 3 do
          t.eq(big[i][k][p][q], i == p and k == q and 6 * m[i][k] or 0)
        end
      end
    end
  end
end)

t.test("results may be tables, empty ones too", function()
  local y, d = jvp(function(x)
    return {x * 2, sub = {x:sum(), 7}}
  end, T {1, 2}, T {1, 0})
  t.eq(y[1]:totable(), {2, 4})
  t.eq(y.sub[1], 3)
  t.eq(y.sub[2], 7)
  t.eq(d[1]:totable(), {2, 0})
  t.eq(d.sub[1], 1)
  t.eq(d.sub[2], 0)
  t.eq(grad(function(p) return T(1.0) * (p.x or 2) end)({}), {})
  local value, back = vjp(function(x) return {x * 2, x:sum()} end, T {1, 2})
  t.eq(value[2], 3)
  t.eq(back({T {1, 1}, 5.0}):totable(), {7, 7})
  t.eq(back({T {0, 1}, 0.0}):totable(), {0, 2})
end)

t.test("vjp without cotangent: one trace, any number of cotangents", function()
  local calls, w = 0, T {1, 2}
  local value, back = vjp(function(x)
    calls = calls + 1
    return x ^ 2
  end, w)
  t.eq(value:totable(), {1, 4})
  for k = 1, 20 do
    t.eq(back(T {k, 1}):totable(), {2 * k, 4})
  end
  t.eq(calls, 1)
  t.fails(function() back(T {1, 2, 3}) end, "expected %[2%] f64, got %[3%] f64")
  t.eq(back(T {1, 0}):totable(), {2, 0})
  -- symbolic cotangents: sum of 2 x c has the derivative 2 x in c
  t.eq(grad(function(c) return back(c):sum() end)(T {1, 1}):totable(), {2, 4})
  t.eq(vmap(back)(T {{1, 0}, {0, 1}}):totable(), {{2, 0}, {0, 4}})
  t.eq(back(T {0, 1}):totable(), {0, 4})
  w:add_(1) -- what was traced is gone
  t.fails(function() back(T {1, 1}) end, "changed in place")
end)

-- ---- nesting ----------------------------------------------------------------------

local A = T {{2, -1, 0.5}, {0.3, 1, -2}, {1.5, 0.2, 0.7}}

-- A smooth function of three numbers with all mixed derivatives.
local function wave(x)
  return (A:mv(x):sin() * x:exp()):sum() + x[1] * x[2] * x[3]
end

local function numeric(f, x, k)
  local h = 1e-3
  local e = T.zeros {x.shape[1]}
  e[k] = 1
  local function central(s)
    return (f(x + e * s) - f(x - e * s)) / (2 * s)
  end
  return (central(h / 2) * 4 - central(h)) / 3
end

t.test("gradient of a Hessian trace", function()
  local x = T {0.3, -0.4, 0.9}
  local function trace(u) return hessian(wave, u):trace() end
  local g = grad(trace)(x)
  for k = 1, 3 do
    t.near(g[k], numeric(trace, x, k), 1e-8)
  end
  local third = jacobian(function(u) return hessian(wave, u) end, x)
  t.eq(third.shape, {3, 3, 3})
  for i = 1, 3 do
    for j = 1, 3 do
      for k = 1, 3 do
        t.near(third[i][j][k], third[k][j][i], 1e-12, "a symmetric tensor")
      end
    end
  end
  for k = 1, 3 do
    t.near(g[k], third[1][1][k] + third[2][2][k] + third[3][3][k], 1e-12)
  end
end)

t.test("hessian against differences of grad, hvp and itself nested", function()
  local x, v = T {0.3, -0.4, 0.9}, T {1, -2, 0.5}
  local h = hessian(wave, x)
  for k = 1, 3 do
    t.near(h[k]:totable(), numeric(grad(wave), x, k):totable(), 1e-8)
  end
  t.near(hvp(wave, x, v):totable(), h:mv(v):totable(), 1e-13)
  t.near(jacobian(grad(wave), x):totable(), h:totable(), 1e-13)
  t.near(select(2, jvp(grad(wave), x, v)):totable(), h:mv(v):totable(), 1e-13)
  t.near(grad(function(u) return grad(wave)(u):dot(v) end)(x):totable(),
    h:mv(v):totable(), 1e-13)
  t.near(select(2, vjp(grad(wave), x, v)):totable(), h:mv(v):totable(), 1e-13)
  t.near(hessian(wave)(x):totable(), h:totable(), 0)
end)

t.test("jvp of grad of vmap, grad of vmap, vmap of hvp", function()
  local X = T {{0.3, -0.4, 0.9}, {1, 0.2, -0.5}}
  local V = T {{1, 0, 2}, {-1, 0.5, 0}}
  local function total(x) return vmap(wave)(x):sum() end
  local g = grad(total)(X)
  local _, d = jvp(grad(total), X, V)
  local hv = vmap(function(x, v) return hvp(wave, x, v) end)(X, V)
  local hs = vmap(hessian(wave))(X)
  for b = 1, 2 do
    t.near(g[b]:totable(), grad(wave)(X[b]):totable(), 1e-13)
    t.near(d[b]:totable(), hvp(wave, X[b], V[b]):totable(), 1e-13)
    t.near(hv[b]:totable(), hvp(wave, X[b], V[b]):totable(), 1e-13)
    t.near(hs[b]:totable(), hessian(wave, X[b]):totable(), 1e-13)
  end
  local H = hessian(total, X)
  t.near(H[1][{":", 1, ":"}]:totable(), hs[1]:totable(), 1e-13)
  t.near(H[1][{":", 2, ":"}]:totable(), T.zeros {3, 3}:totable(), 0)
end)

t.test("vmap of vmap, axes, tables, shared arguments", function()
  local a, b = T {1, 2, 3}, T {10, 20}
  local outer = vmap(function(x)
    return vmap(function(y) return x * y end)(b)
  end)(a)
  t.eq(outer:totable(), {{10, 20}, {20, 40}, {30, 60}})
  local M = T {{1, 2, 3}, {4, 5, 6}}
  t.eq(vmap(function(c) return c:sum() end, {axes = {2}})(M):totable(),
    {5, 7, 9})
  t.eq(vmap(function(c, s) return c * s end, {axes = {2, false}})(M, 10)
    :totable(), {{10, 40}, {20, 50}, {30, 60}})
  local r = vmap(function(p) return {p.x + p.y, n = p.x} end)
    {x = T {1, 2}, y = T {3, 4}}
  t.eq(r[1]:totable(), {4, 6})
  t.eq(r.n:totable(), {1, 2})
  t.eq(vmap(function(x) return x * 2 end)(T.zeros {0, 3}).shape, {0, 3})
  t.eq(vmap(vmap(vmap(function(x) return x + 1 end)))(T.ones {2, 3, 4}):sum(),
    48)
  local i = T({2, 1}, {dtype = "i64"})
  t.eq(vmap(function(x, k) return x * k end)(T {5, 6}, i):totable(), {10, 6})
  t.eq(vmap(function(x)
    return grad(function(y) return x * y * y end)(3.0)
  end)(a):totable(), {6, 12, 18})
end)

t.test("hessian of jit, jit of hessian, jit in vmap, vmap in jit", function()
  local x = T {0.3, -0.4, 0.9}
  local want = hessian(wave, x):totable()
  t.near(hessian(jit(wave), x):totable(), want, 1e-13)
  local fast = jit(hessian(wave))
  t.near(fast(x):totable(), want, 1e-13)
  t.near(fast(x * 1):totable(), want, 1e-13)
  t.near(jit(jit(wave))(x), wave(x), 1e-14)
  local X = T.stack {x, x * 2}
  local both = {wave(x), wave(x * 2)}
  t.near(vmap(jit(wave))(X):totable(), both, 1e-13)
  t.near(jit(vmap(wave))(X):totable(), both, 1e-13)
  t.near(grad(function(u) return jit(wave)(u) * 2 end)(x):totable(),
    (grad(wave)(x) * 2):totable(), 1e-13)
  local scaled = jit(function(u, s) return wave(u) * s end)
  t.near(grad(function(s) return scaled(x, s) end)(2.0), wave(x), 1e-13)
  t.near(scaled(x, 3), 3 * wave(x), 1e-13)
end)

t.test("jacobian: forward and reverse agree", function()
  local B = T {{1, 2, 3, 4}, {-1, 0.5, 2, 1}}
  local function down(x) return B:mv(x):tanh() end -- 4 to 2: reverse
  local function up(x) return B:t():mv(x):tanh() end -- 2 to 4: forward
  local x, y = T {0.1, 0.2, -0.3, 0.4}, T {0.2, -0.1}
  local jd, ju = jacobian(down, x), jacobian(up, y)
  t.eq(jd.shape, {2, 4})
  t.eq(ju.shape, {4, 2})
  for k = 1, 4 do
    local e = T.zeros {4}
    e[k] = 1
    local _, column = jvp(down, x, e)
    t.near(jd[{":", k}]:totable(), column:totable(), 1e-14)
    local _, row = vjp(up, y, e)
    t.near(ju[k]:totable(), row:totable(), 1e-14)
  end
  local square = jacobian(function(v) return v ^ 2 end, x)
  t.near(square:totable(), T.diag(x * 2):totable(), 1e-15)
end)

-- ---- many parameters ------------------------------------------------------------------

t.test("vmap over more lanes than memory holds", function()
  t.fails(function()
    saddle.vmap(function(x) return x * 2 end)(T {1}:expand(1 << 50))
  end, "not enough memory for a tensor %[1125899906842624%]")
  local x = T.arange(1, 300000)
  local y, mask = saddle.vmap(function(v)
    return v * 2, v:gt(5)
  end)(x)
  t.eq(y, x * 2)
  t.eq(mask, x:gt(5))
end)

t.test("a hessian over 64 parameters, done in blocks", function()
  local n = 150
  local rng = saddle.random.new(3)
  local w, C = rng:normal {n}, rng:normal {n, n}
  local function f(x) return (x:tanh() * C:mv(x):tanh()):sum() end
  local H = hessian(f, w)
  t.eq(H.shape, {n, n})
  local whole = jit(hessian(f))(w) -- compiled: all directions at once
  t.near(H:totable(), whole:totable(), 1e-12)
  t.near(H:totable(), H:t():totable(), 1e-12)
  for _, k in ipairs {1, 64, 65, 128, 129, 150} do
    local e = T.zeros {n}
    e[k] = 1
    t.near(H[k]:totable(), hvp(f, w, e):totable(), 1e-12)
    t.near(H[k]:totable(), numeric(grad(f), w, k):totable(), 1e-7)
  end
  local parts = hessian(function(p)
    return f(T.concat {p.a, p.b})
  end, {a = w[{"1:70"}], b = w[{"71:150"}]})
  t.near(parts.a.b:totable(), H[{"1:70", "71:150"}]:totable(), 1e-12)
  t.near(parts.b.b:totable(), H[{"71:150", "71:150"}]:totable(), 1e-12)
end)

-- Forward and backward through tanh(x W1 + b1) W2 + b2 and the mean of
-- squares, by hand, in plain Lua.
local function by_hand(W1, b1, W2, b2, X, Y)
  local n, hidden, outs = #X, #b1, #b2
  local g = {W1 = {}, b1 = {}, W2 = {}, b2 = {}}
  for i = 1, #W1 do
    g.W1[i] = {}
    for j = 1, hidden do g.W1[i][j] = 0 end
  end
  for j = 1, hidden do
    g.b1[j], g.W2[j] = 0, {}
    for k = 1, outs do g.W2[j][k], g.b2[k] = 0, 0 end
  end
  local loss = 0
  for s = 1, n do
    local h, delta = {}, {}
    for j = 1, hidden do
      local z = b1[j]
      for i = 1, #W1 do z = z + X[s][i] * W1[i][j] end
      local e = math.exp(2 * z)
      h[j], delta[j] = (e - 1) / (e + 1), 0
    end
    for k = 1, outs do
      local out = b2[k]
      for j = 1, hidden do out = out + h[j] * W2[j][k] end
      local d = 2 * (out - Y[s][k]) / (n * outs)
      loss = loss + (out - Y[s][k]) ^ 2 / (n * outs)
      g.b2[k] = g.b2[k] + d
      for j = 1, hidden do
        g.W2[j][k] = g.W2[j][k] + d * h[j]
        delta[j] = delta[j] + d * W2[j][k]
      end
    end
    for j = 1, hidden do
      local d = delta[j] * (1 - h[j] ^ 2)
      g.b1[j] = g.b1[j] + d
      for i = 1, #W1 do g.W1[i][j] = g.W1[i][j] + d * X[s][i] end
    end
  end
  return loss, g
end

t.test("a network's gradient against backpropagation by hand", function()
  local rng = saddle.random.new(11)
  local w = {W1 = rng:normal {4, 5}, b1 = rng:normal {5},
             W2 = rng:normal {5, 3}, b2 = rng:normal {3}}
  local X, Y = rng:normal {7, 4}, rng:normal {7, 3}
  local function loss(p)
    local out = (X:mm(p.W1) + p.b1):tanh():mm(p.W2) + p.b2
    return ((out - Y) ^ 2):mean()
  end
  local want, g = by_hand(w.W1:totable(), w.b1:totable(), w.W2:totable(),
    w.b2:totable(), X:totable(), Y:totable())
  local value, got = value_and_grad(loss)(w)
  t.near(value, want, 1e-13)
  for name, block in pairs(got) do
    t.near(block:totable(), g[name], 1e-13, name)
  end
  -- per-sample gradients by vmap add up to the whole
  local each = vmap(grad(function(p, x, y)
    local out = (x:unsqueeze(1):mm(p.W1) + p.b1):tanh():mm(p.W2) + p.b2
    return ((out - y) ^ 2):mean()
  end), {axes = {false, 1, 1}})(w, X, Y)
  t.eq(each.W1.shape, {7, 4, 5})
  for name, block in pairs(each) do
    t.near(block:mean(1):totable(), g[name], 1e-13, "per sample " .. name)
  end
end)

-- ---- captured values, f32 -----------------------------------------------------------

t.test("captured tensors of integers: indices, masks, labels", function()
  local idx = T({3, 1, 1}, {dtype = "i64"})
  local labels = T({1, 0, 1}, {dtype = "u8"})
  local function f(x) return (x[{idx}] ^ 2):sum() end
  t.eq(grad(f)(T {1, 2, 3}):totable(), {4, 0, 6})
  t.eq(hessian(f, T {1, 2, 3}):totable(), {{4, 0, 0}, {0, 0, 0}, {0, 0, 2}})
  t.eq(grad(function(x) return (x * labels):sum() end)(T {5, 6, 7}):totable(),
    {1, 0, 1})
  t.eq(grad(function(x) return (x * idx):sum() end)(T {5, 6, 7}):totable(),
    {3, 1, 1})
  t.eq(grad(function(x)
    return T.where(labels, x, x * 3):sum()
  end)(T {5, 6, 7}):totable(), {1, 3, 1})
end)

t.test("integers beyond 2^53 are traced exactly", function()
  local x, big = T({1, 2}, {dtype = "i64"}), 2 ^ 53 // 1 | 1
  t.eq(vmap(function(i) return i + big end)(x):totable(), {big + 1, big + 2})
  t.eq(jit(function(i) return i + big end)(x):totable(), {big + 1, big + 2})
end)

t.test("f32 in, f32 out", function()
  local x = T({1, 2, 3}, {dtype = "f32"})
  local g = grad(function(v) return (v ^ 2 * 0.5):sum() end)(x)
  t.eq(g.dtype, "f32")
  t.eq(g:totable(), {1, 2, 3})
  local h = hessian(function(v) return (v ^ 3):sum() end, x)
  t.eq(h.dtype, "f32")
  t.eq(h[2][2], 12)
  t.eq(vmap(function(v) return v * 0.1 + 1 end)(x).dtype, "f32")
  t.eq(jit(function(v) return v * 0.1 + 1 end)(x).dtype, "f32")
  local mixed = grad(function(p) return (p.a * p.b):sum() end)
    {a = x, b = T {1, 1, 1}}
  t.eq(mixed.a.dtype, "f32")
  t.eq(mixed.b.dtype, "f64")
  t.eq(mixed.b:totable(), {1, 2, 3})
end)

t.test("indexing, slices, masks, concat, stack, solve inside grad", function()
  local x = T {1, 2, 3, 4}
  t.eq(grad(function(v) return (v[{"4:1:-2"}] ^ 2):sum() end)(x):totable(),
    {0, 4, 0, 8})
  t.eq(grad(function(v) return v[2] * v[4] end)(x):totable(), {0, 4, 0, 2})
  t.eq(grad(function(v)
    return T.concat({v, v * 2}, 1):sum()
  end)(x):totable(), {3, 3, 3, 3})
  t.eq(grad(function(v)
    return (T.stack({v, v * 2}, 2) ^ 2):sum()
  end)(x):totable(), {10, 20, 30, 40})
  t.eq(grad(function(v) return v:cumsum(1):sum() end)(x):totable(), {4, 3, 2, 1})
  local B = T {{4, 1}, {2, 3}}
  local function f(b) return B:solve(b):sum() end
  local want = B:t():solve(T {1, 1})
  t.near(grad(f)(T {1, 2}):totable(), want:totable(), 1e-14)
  local function g(m) return m:solve(T {1, 2}):sum() end
  local gm = grad(g)(B)
  local s = B:solve(T {1, 2})
  for i = 1, 2 do
    for j = 1, 2 do t.near(gm[i][j], -want[i] * s[j], 1e-14) end
  end
end)

-- ---- robustness ----------------------------------------------------------------------

t.test("an error inside f leaves everything usable", function()
  local x = T {1, 2}
  for _, wrap in ipairs {
    function(f) return grad(f)(x) end,
    function(f) return hessian(f, x) end,
    function(f) return vmap(f)(x) end,
    function(f) return jit(f)(x) end,
    function(f) return grad(function(u) return vmap(f)(u):sum() end)(x) end,
  } do
    for _ = 1, 3 do
      t.fails(function()
        wrap(function() error("my own trouble") end)
      end, "my own trouble")
    end
    local object = {}
    local good, err = pcall(wrap, function() error(object) end)
    t.ok(not good and err == object, "error objects pass through")
  end
  t.eq(grad(function(v) return (v * v):sum() end)(x):totable(), {2, 4})
  local f = jit(function(v, n)
    if n.shape[1] > 1 then error("later") end
    return v * 2
  end)
  t.eq(f(x, T {1}):totable(), {2, 4})
  t.fails(function() f(x, T {1, 2}) end, "later")
  t.eq(f(x, T {1}):totable(), {2, 4})
end)

t.test("coroutines interleave two traces", function()
  local function stepper(scale)
    return coroutine.wrap(function()
      local g = grad(function(x)
        local y = x * scale
        coroutine.yield("first")
        y = y * x
        coroutine.yield("second")
        return y * x
      end)(2.0)
      return g
    end)
  end
  local a, b = stepper(1), stepper(10)
  t.eq(a(), "first")
  t.eq(b(), "first")
  t.eq(b(), "second")
  t.eq(a(), "second")
  t.eq(a(), 12)
  t.eq(b(), 120)
end)

t.test("callable tables and pcall inside f", function()
  local quadratic = setmetatable({}, {__call = function(_, x) return x * x end})
  t.eq(grad(quadratic)(3.0), 6)
  t.eq(grad(function(x)
    local ok = pcall(function() return x:mm(x) end)
    return ok and x or x * x
  end)(3.0), 6)
end)

t.test("10,000 gradients keep memory bounded", function()
  local w = saddle.random.new(5):normal {200}
  local g = grad(function(x)
    local y = x
    for _ = 1, 10 do y = (y * 0.9):tanh() end
    return y:sum()
  end)
  local function turns(n)
    for _ = 1, n do g(w) end
  end
  turns(500)
  collectgarbage()
  local lua_before, before = collectgarbage("count"), core.system.memory()
  turns(10000)
  local after = core.system.memory()
  collectgarbage()
  t.ok(collectgarbage("count") < lua_before + 200,
    ("Lua holds %.0f KB more"):format(collectgarbage("count") - lua_before))
  local function peak(m) return type(m) == "table" and m.peak or m end
  -- a gradient's graph takes 60 KB: 10,000 kept ones would be 600 MB
  t.ok(peak(after) - peak(before) < 32 * 2 ^ 20,
    ("the peak rose by %.1f MB"):format((peak(after) - peak(before)) / 2 ^ 20))
end)

return t
