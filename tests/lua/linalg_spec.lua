-- linalg_spec.lua: linear algebra, Krylov methods and networks as Lua sees
-- them: shapes, 1-based indices, options, messages. The numbers themselves are
-- tested in C.  MIT licence.
local t = require "runner"
local saddle = require "saddle"
local core = require "saddle.core"

local T, la = saddle.tensor, core.linalg
local rng = saddle.random.new(11)

local function symmetric(n)
  local a = rng:normal{n, n}
  return (a + a:t()) * 0.5
end

local function near(a, b, tol)
  t.ok((a - b):abs():max() <= (tol or 1e-12), "tensors differ")
end

t.test("eigh: also as T.eigh and a:eigh, batched, of tables", function()
  local a = symmetric(6)
  local w, V = T.eigh(a)
  near(V:mm(w:reshape(6, 1) * V:t()), a)
  local w2 = a:eigh()
  near(w, w2, 0)
  t.eq(la.eigh{{2, 0}, {0, 1}}, {1, 2})
  local many = rng:normal{3, 4, 4}
  many = many + many:transpose(2, 3)
  local wb, Vb = la.eigh(many)
  t.eq(wb.shape, {3, 4})
  near(wb[2], (la.eigh(many[2])))
  near(Vb[3]:mm(wb[3]:reshape(4, 1) * Vb[3]:t()), many[3])
end)

t.test("eig of a rotation", function()
  local re, im, V, W = la.eig{{0, -1}, {1, 0}}
  t.eq(re, {0, 0})
  t.eq(im, {1, -1})
  near(V * V + W * W, T{{0.5, 0.5}, {0.5, 0.5}}, 1e-15)
end)

t.test("svd, qr, chol, lu, ldl rebuild the matrix", function()
  local a = rng:normal{5, 3}
  local U, s, Vt = la.svd(a)
  near((U * s):mm(Vt), a)
  local Q, R = la.qr(a)
  near(Q:mm(R), a)
  local spd = a:t():mm(a)
  local L = la.chol(spd)
  near(L:mm(L:t()), spd)
  local P, low, up, perm = la.lu(a)
  near(P:mm(low):mm(up), a)
  near(low:mm(up), a[{perm}])
  local b = symmetric(7)
  local l, D, order = la.ldl(b)
  near(l:mm(D):mm(l:t()), b[{order}][{":", order}])
  t.eq(order:min() >= 1, true)
end)

t.test("inertia with a shift", function()
  local a = T{{1, 0, 0}, {0, -2, 0}, {0, 0, 5}}
  t.eq({la.inertia(a)}, {1, 0, 2})
  t.eq({la.inertia(a, {shift = 3})}, {2, 0, 1})
  t.eq({la.inertia(a, {shift = 1})}, {1, 1, 1})
  t.fails(function() la.inertia(a, {shft = 1}) end, "shift")
end)

t.test("inertia of singular matrices, at every scale", function()
  local rng = saddle.random.new(6)
  for n = 6, 96, 15 do
    for rank = 1, n - 1, (n + 3) // 4 do
      local x = rng:normal{n, rank}
      local sign = T.where(T.arange(1, rank):mod(3):eq(0), -T.ones{rank},
                           T.ones{rank})
      local a = (x * sign):mm(x:t())
      for _, scale in ipairs{1, 2.0^-700, 2.0^500, 2.0^700} do
        t.eq({la.inertia((a + a:t()) * scale)},
             {rank // 3, n - rank, rank - rank // 3})
      end
    end
  end
  -- Zeros on the diagonal: pivots of two rows and columns.
  local b = T{{0, 3, 1}, {3, 0, -2}, {1, -2, 0}}
  for _, scale in ipairs{1, 2.0^-700, 2.0^700} do
    t.eq({la.inertia(b * scale)}, {1, 0, 2})
  end
  -- Eigenvalues 1 and 3 with D = diag(2, 1.5): tol speaks of the former.
  t.eq({la.inertia(T{{2, 1}, {1, 2}}, {tol = 1.2})}, {0, 1, 1})
  t.eq({la.inertia(T{{2, 1}, {1, 2}}, {shift = 2, tol = 0.5})}, {1, 0, 1})
  t.fails(function() la.inertia(b, {tol = 1 / 0}) end, "finite")
end)

t.test("det, slogdet, inv, norm give numbers and tensors", function()
  local a = T{{0, 2}, {3, 0}}
  t.eq(la.det(a), -6)
  t.eq(la.det(T.zeros{0, 0}), 1)
  local sign, log = la.slogdet(a)
  t.eq(sign, -1)
  t.near(log, math.log(6), 1e-15)
  near(la.inv(a), T{{0, 1 / 3}, {0.5, 0}}, 1e-15)
  t.eq(la.det(rng:normal{3, 2, 2}).shape, {3})
  t.near(la.norm(T{3, 4.0}), 5, 1e-15)
  t.near(la.norm({{1.0, -2}, {3, 4}}, 1), 6, 0)
  t.near(la.norm({{1.0, -2}, {3, 4}}, "inf"), 7, 0)
  t.near(la.norm({{3.0, 0}, {0, -4}}, "nuc"), 7, 1e-14)
  t.near(la.norm({{3.0, 0}, {0, -4}}, 2), 4, 1e-14)
end)

t.test("solve, lstsq, pinv, rank", function()
  local a, b = rng:normal{4, 4}, rng:normal{4}
  near(a:mv(la.solve(a, b)), b, 1e-11)
  near(a:t():mv(la.solve(a, b, {trans = true})), b, 1e-11)
  local tall, y = rng:normal{6, 2}, rng:normal{6}
  local x, rank, s = la.lstsq(tall, y)
  t.eq(rank, 2)
  t.eq(s.shape, {2})
  near(tall:t():mv(tall:mv(x) - y), T.zeros{2})
  near(la.pinv(tall):mv(y), x)
  t.eq(la.matrix_rank{{1, 2}, {2, 4}}, 1)
end)

t.test("f32 stays f32", function()
  local w, V = la.eigh(symmetric(3):to("f32"))
  t.eq(w.dtype, "f32")
  t.eq(V.dtype, "f32")
end)

t.test("messages", function()
  local bad = T{{1, 2}, {3, 4}, {5, 6}}
  t.fails(function() la.eigh(bad) end, "square.*3 x 2")
  t.fails(function() la.solve({{1, 2}, {2, 4}}, {1, 1}) end, "rcond")
  t.fails(function() la.chol{{1, 2}, {2, 1}} end, "order 2")
  t.fails(function() la.eigh{{1, 0 / 0}, {0, 1}} end, "NaN")
  t.fails(function() la.lstsq({{1, 2}}) end, "lstsq")
end)

t.test("minres_qlp: the least-norm solution, by function and by matrix",
  function()
  local Q = la.qr(rng:normal{8, 8})
  local d = T{3, -2, 1, 0.5, 0, 0, -1, 2}
  local A, b = Q:mm(d:reshape(8, 1) * Q:t()), rng:normal{8}
  local want = la.pinv(A):mv(b)
  local x, info = la.minres_qlp(A, b)
  near(x, want, 1e-6)
  local calls = 0
  local y, info2 = la.minres_qlp(function(v)
    calls = calls + 1
    return A:mv(v)
  end, b)
  near(y, x, 1e-12)
  t.eq(calls, info2.iterations)
  t.near(info.residual, (A:mv(x) - b):norm(), 1e-6)
  local z, info3 = la.minres_qlp(A, A:mv(b), {maxiter = 50, rtol = 1e-12})
  near(z, la.pinv(A):mv(A:mv(b)), 1e-9)
  t.eq(info3.flag, "residual")
  t.fails(function() la.minres_qlp(A, b, {rtoll = 1}) end, "rtol")
  t.fails(function() la.minres_qlp(function() return T{1} end, b) end,
          "%[8%]")
end)

t.test("cg finds negative curvature", function()
  local x, info = la.cg(T{{2, 0}, {0, 3}}, {1, 1})
  near(x, T{0.5, 1 / 3}, 1e-14)
  t.eq(info.flag, "converged")
  local _, info2 = la.cg(T{{-2, 0}, {0, 1}}, {1.0, 0.5})
  t.eq(info2.flag, "negative_curvature")
  t.near(info2.curvature, (-2 + 0.25) / 1.25, 1e-14)
  t.eq(info2.direction, {1, 0.5})
end)

t.test("lanczos: V'AV is the tridiagonal", function()
  local A, v = symmetric(9), rng:normal{9}
  local alpha, beta, V, info = la.lanczos(A, v, 4)
  t.eq(V.shape, {9, 4})
  local M = V:t():mm(A):mm(V)
  for i = 1, 4 do
    t.near(M[i][i], alpha[i], 1e-13)
    if i < 4 then t.near(M[i][i + 1], beta[i], 1e-13) end
  end
  t.eq(info.breakdowns, 0)
  local all, off = la.lanczos(function(x) return A:mv(x) end, v, 100)
  local theta, weights = la.tridiagonal(all, off)
  near(theta, (la.eigh(A)), 1e-12)
  t.near(weights:sum(), 1, 1e-13)
end)

t.test("network: the handle against the graph's derivatives", function()
  local net = core.network.new{
    sizes = {3, 4, 2}, activations = {"tanh", "identity"}, bias = true,
    loss = "cross_entropy", l2 = 0.01,
  }
  local x, y = rng:normal{10, 3}, T{1, 2, 2, 1, 1, 2, 1, 2, 2, 2}
  local pick = T.zeros{10, 2}
  for i = 1, 10 do pick[{i, y[i]}] = 1 end
  local function f(w)
    local W1, b1 = w[{"1:12"}]:reshape(4, 3), w[{"13:16"}]
    local W2, b2 = w[{"17:24"}]:reshape(2, 4), w[{"25:26"}]
    local z = (x:mm(W1:t()) + b1):tanh():mm(W2:t()) + b2
    local each = z:logsumexp(2) - (z * pick):sum(2)
    return each:mean() + 0.005 * (w * w):sum()
  end
  local w, v = rng:normal{26}, rng:normal{26}
  t.eq(net:dim(), 26)
  t.near(net:value(w, x, y), f(w), 1e-14)
  local value, grad = net:value_grad(w, x, y)
  t.near(value, f(w), 1e-14)
  near(grad, saddle.grad(f)(w), 1e-14)
  near(net:grad(w, x, y), grad, 0)
  local H = net:hessian(w, x, y)
  near(H, saddle.hessian(f)(w), 1e-13)
  near(net:hvp(w, v, x, y), H:mv(v), 1e-13)
  near(net:sample_grads(w, x, y):mean(1), grad, 1e-14)
  local slope, curve = net:along(w, v, x, y)
  t.near(slope:mean(), grad:dot(v), 1e-13)
  t.near(curve:mean(), v:dot(H:mv(v)), 1e-12)
end)

t.test("network: what is refused", function()
  local new = core.network.new
  local net = new{sizes = {2, 3}, activations = {"identity"},
                  loss = "cross_entropy"}
  local w, x = T.zeros{9}, T.zeros{4, 2}
  t.fails(function() net:value(w, x, T{1, 2, 3, 4}) end,
          "label 4 at position 4.*1 to 3")
  t.fails(function() net:value(w, x, T{0, 2, 3, 1}) end, "label 0")
  t.fails(function() net:value(w, x, T{1.5, 2, 3, 1}) end, "integer")
  t.fails(function() net:value(T.zeros{8}, x, T{1, 1, 1, 1}) end,
          "w must be %[9%] f64, is %[8%] f64")
  t.fails(function() net:value(w, T.zeros{4, 3}, T{1, 1, 1, 1}) end,
          "x must be %[4 x 2%] f64")
  t.fails(function() new{sizes = {2, 3}, activations = {"tahn"},
                         loss = "mse"} end, "did you mean 'tanh'")
  t.fails(function() new{sizes = {2, 3}, activations = {}, loss = "mse"} end,
          "1 entries, has 0")
  t.fails(function() new{sizes = {2, 3}, activation = "tanh"} end,
          "activations")
end)

return t
