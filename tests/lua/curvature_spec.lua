-- curvature_spec.lua: matrices and products from a network's structure against
-- the graph's, for every depth, activation and loss; the routes of quantities,
-- points that keep their passes, single precision, inertia, autoencoders.
-- Tolerances are relative to the norm of what is compared: 1e-12 leaves four
-- digits for sums in another order.  MIT licence.
local t = require "runner"
local saddle = require "saddle"
local T, nn = saddle.tensor, saddle.nn

local N, D, C = 11, 3, 3
local ACTS = {"tanh", "sigmoid", "relu", "softplus", "identity"}
local LOSSES = {"cross_entropy", "mse", "bce"}
local HIDDEN = {{}, {4}, {2, 5}, {4, 2, 3}} -- of depth 1 to 4

local function data_for(loss, n)
  local rng = saddle.random.new(21)
  n = n or N
  local y = loss == "cross_entropy" and rng:integer({n}, 1, C)
    or loss == "bce" and rng:uniform{n, C} or rng:normal{n, C}
  return {x = rng:normal{n, D}, y = y}
end

local function net_of(depth, spec)
  local sizes = {D}
  for _, h in ipairs(HIDDEN[depth]) do sizes[#sizes + 1] = h end
  sizes[#sizes + 1] = C
  for k, v in pairs(spec or {}) do sizes[k] = v end
  return nn.mlp(sizes)
end

local function relative(a, b)
  return (a - b):norm() / (1e-300 + b:norm())
end

local function same(a, b, tol, what)
  local r = relative(a, b)
  t.ok(r <= tol, ("%s: relative error %g > %g"):format(what, r, tol))
end

local function symmetric(A, what)
  t.eq(A, A:t():contiguous(), what .. ": symmetric to the bit")
end

-- J'CJ and its l2, sample by sample, from the graph's jacobian and hessian.
local function gauss_newton(net, data, loss, l2, w)
  local P = net:dim()
  local G = l2 * T.eye(P)
  for n = 1, data.x.shape[1] do
    local x, y = data.x[{n .. ":" .. n}], data.y[{n .. ":" .. n}]
    local J = saddle.jacobian(function(u)
      return net:apply(u, x):reshape(C)
    end, w)
    local function of_outputs(z) return nn[loss](z:reshape(1, C), y) end
    local B = saddle.hessian(of_outputs, net:apply(w, x):reshape(C))
    G = G + J:t():mm(B:mm(J)) / data.x.shape[1]
  end
  return G
end

local function blocks_match(a, H, w, ranges)
  for l, r in ipairs(ranges) do
    for m, s in ipairs(ranges) do
      t.eq(a:hessian_block(w, l, m), H[{r, s}]:contiguous(),
           ("block %d, %d: the bits of the whole"):format(l, m))
    end
  end
  local list = a:block_diagonal(w)
  t.eq(#list, #ranges)
  for l, r in ipairs(ranges) do
    t.eq(list[l], H[{r, r}]:contiguous())
  end
end

local function ranges_of(sizes)
  local out, at = {}, 1
  for l = 2, #sizes do
    local n = sizes[l] * (sizes[l - 1] + 1)
    out[#out + 1] = at .. ":" .. at + n - 1
    at = at + n
  end
  return out
end

for depth = 1, 4 do
  for k, act in ipairs(ACTS) do
    for j, loss in ipairs(LOSSES) do
      t.test(("curvature: depth %d, %s, %s"):format(depth, act, loss),
             function()
        -- every third net has its activation at the output too
        local net = net_of(depth, {activation = act,
          output = (k + j) % 3 == 0 and act or "identity"})
        local data, l2 = data_for(loss), 0.03
        local a = nn.objective(net, data, loss, {l2 = l2})
        local b = nn.objective(net, data, loss, {l2 = l2, path = "graph"})
        local w = saddle.random.new(5):normal{net:dim()}
        local H = a:hessian(w)
        same(H, b:hessian(w), 1e-12, "hessian")
        symmetric(H, "hessian")
        same(a:hessian_diagonal(w), H:diag(), 1e-12, "diagonal")
        local sizes = {D, table.unpack(HIDDEN[depth])}
        sizes[#sizes + 1] = C
        blocks_match(a, H, w, ranges_of(sizes))
        local G = a:gauss_newton(w)
        same(G, gauss_newton(net, data, loss, l2, w), 1e-12, "Gauss-Newton")
        symmetric(G, "Gauss-Newton")
        same(a:gauss_newton_diagonal(w), G:diag(), 1e-12, "its diagonal")
        local rows = a:sample_grads(w)
        local S = a:second_moment(w)
        same(S, rows:t():mm(rows) / N, 1e-12, "second moment")
        symmetric(S, "second moment")
        local apart = rows - rows:mean(1)
        local V = a:second_moment(w, {centered = true})
        -- by subtraction: the error is relative to the uncentred matrix
        t.ok((V - apart:t():mm(apart) / N):norm() <= 1e-14 * S:norm())
        symmetric(V, "centred")
      end)
    end
  end
end

t.test("the graph's own curvatures agree with those by structure", function()
  local net = net_of(3)
  for _, loss in ipairs(LOSSES) do
    local data = data_for(loss)
    local a = nn.objective(net, data, loss, {l2 = 0.1})
    local b = nn.objective(net, data, loss, {l2 = 0.1, path = "graph"})
    local rng = saddle.random.new(8)
    local w, V = rng:normal{net:dim()}, rng:normal{40, net:dim()}
    same(b:gauss_newton(w), a:gauss_newton(w), 1e-12, "Gauss-Newton")
    same(b:hessian_diagonal(w), a:hessian_diagonal(w), 1e-12, "diagonal")
    same(b:gauss_newton_diagonal(w), a:gauss_newton_diagonal(w), 1e-12,
         "its diagonal")
    same(b:hessian_block(w, 1, 3), a:hessian_block(w, 1, 3), 1e-12, "block")
    same(b:block_diagonal(w)[2], a:block_diagonal(w)[2], 1e-12, "blocks")
    same(b:second_moment(w), a:second_moment(w), 1e-12, "second moment")
    same(b:second_moment(w, {centered = true}),
         a:second_moment(w, {centered = true}), 1e-12, "centred")
    same(b:hvps(w, V), a:hvps(w, V), 1e-12, "hvps")
  end
end)

t.test("Gauss-Newton is the Hessian where the outputs are linear in w",
       function()
  local net = net_of(1)
  local obj = nn.objective(net, data_for "cross_entropy")
  local w = saddle.random.new(2):normal{net:dim()}
  same(obj:gauss_newton(w), obj:hessian(w), 1e-15, "one linear layer")
end)

t.test("many samples: products of several blocks, chunks and threads",
       function()
  -- 700 samples are three chunks; 30 and 12 units several panels of the chain
  local rng = saddle.random.new(4)
  local net = nn.mlp{9, 30, 12, 3, activation = "tanh"}
  local data = {x = rng:normal{700, 9}, y = rng:integer({700}, 1, 3)}
  local obj = nn.objective(net, data, "cross_entropy", {l2 = 1e-3})
  local w, V = net:init(rng), rng:normal{3, net:dim()}
  local H = obj:hessian(w)
  same(V:mm(H), obj:hvps(w, V), 1e-13, "H V")
  same(H:diag(), obj:hessian_diagonal(w), 1e-13, "diagonal")
  local rows = obj:sample_grads(w)
  same(obj:second_moment(w), rows:t():mm(rows) / 700, 1e-13, "second moment")
end)

t.test("a point keeps the passes: the same bits", function()
  local rng = saddle.random.new(4)
  local net = nn.mlp{9, 30, 3}
  local data = {x = rng:normal{600, 9}, y = rng:integer({600}, 1, 3)}
  local obj = nn.objective(net, data, "cross_entropy", {l2 = 1e-3})
  local w, V = net:init(rng), rng:normal{20, net:dim()}
  local p, bare = obj:at(w), obj:at(w, {memory = 1000})
  t.eq({p.cached, bare.cached}, {true, false})
  t.ok(p.bytes > 4 * 33 * 600 * 8 and p.bytes < 6 * 33 * 600 * 8)
  t.ok(tostring(p):find "kept in" and tostring(bare):find "not kept")
  t.eq({p:value(), bare:value()}, {obj:value(w), obj:value(w)})
  t.eq(p:grad(), obj:grad(w))
  for j = 1, 3 do
    t.eq(p:hvp(V[j]), obj:hvp(w, V[j]))
    t.eq(bare:hvp(V[j]), obj:hvp(w, V[j]))
  end
  -- several at once are wider products: other kernels, other last bits
  local all = p:hvps(V)
  t.eq(all, obj:hvps(w, V))
  for j = 1, 20 do
    same(all[j], obj:hvp(w, V[j]), 1e-14, "row " .. j)
  end
  local none = T.zeros{0, net:dim()}
  t.eq({p:hvps(none), bare:hvps(none), obj:hvps(w, none)}, {none, none, none})
  local first = w:clone()
  w:mul_(2)
  t.eq(p:grad(), obj:grad(first), "w was copied")
end)

t.test("labels changed under a point without passes are checked", function()
  local c = require "saddle.core".network.new{sizes = {4, 3},
    activations = {"identity"}, loss = "cross_entropy"}
  local y = T({1, 2, 3}, {dtype = "i64"})
  local p = c:point(T.ones{15}, T.ones{3, 4}, y, 0)
  t.ok(p:hvps(T.ones{15}):isfinite():all())
  t.fails(function() p:hvps(T(1)) end, "v must be %[1 x 15%] f64, is %[%]")
  t.fails(function() c:hvps(T.ones{15}, T(1), T.ones{3, 4}, y) end,
          "v must be %[1 x 15%] f64, is %[%]")
  y[2] = 1000000
  t.fails(function() p:hvps(T.ones{15}) end,
          "y has label 1000000 at position 2; the labels of 3 classes")
end)

t.test("a point of an objective by the graph", function()
  local obj = saddle.objective(function(w) return (w * w * w):sum() end,
                               {dim = 3})
  local p = obj:at(T{1.0, 2, 3})
  t.eq(p.cached, false)
  t.eq(p:value(), 36.0)
  t.eq(p:grad(), T{3.0, 12, 27})
  t.eq(p:hvp(T{1.0, 1, 1}), T{6.0, 12, 18})
  t.eq(p:hvps(T{{1.0, 0, 0}, {0, 0, 1}}), T{{6.0, 0, 0}, {0, 0, 18}})
  t.eq(obj:hessian_diagonal(T{1.0, 2, 3}), T{6.0, 12, 18})
  t.eq(obj.counts.hvp, 3)
end)

t.test("routes of quantities", function()
  local net = net_of(2)
  local a = nn.objective(net, data_for "mse", "mse")
  local b = nn.objective(net, data_for "mse", "mse", {path = "graph"})
  for _, q in ipairs{"hessian", "gauss_newton", "hessian_block",
                     "block_diagonal", "hessian_diagonal", "second_moment",
                     "hvp", "hvps", "sample_grads", "grad"} do
    t.eq({a:path(q), b:path(q)}, {"structure", "graph"}, q)
  end
  local f = saddle.objective(function(w) return (w * w):sum() end, {dim = 2})
  t.eq(f:path "hessian", "graph")
  t.eq(f:path "gauss_newton", nil)
  local u = saddle.objective(function(w) return (w * w):sum() end,
    {dim = 2, hessian = function() return 2 * T.eye(2) end})
  t.eq({u:path(), u:path "hessian", u:path "grad"}, {"user", "user", "graph"})
  t.fails(function() a:path "hesian" end, "did you mean 'hessian'")
end)

t.test("what curvatures refuse", function()
  local net = net_of(2)
  local obj = nn.objective(net, data_for "mse", "mse")
  local w = T.zeros{net:dim()}
  t.fails(function() obj:hessian_block(w, 3) end,
          "l: expected a layer, 1 to 2, got 3")
  t.fails(function() obj:hessian_block(w, 1, 0) end, "m: expected a layer")
  t.fails(function() obj:gauss_newton(T.zeros{3}) end, "expected %[31%] f64")
  t.fails(function() obj:hvps(w, T.zeros{31}) end, "expected %[k x 31%]")
  t.fails(function() obj:second_moment(w, {centred = true}) end,
          "did you mean 'centered'")
  t.fails(function() obj:at(w, {memory = -1}) end, "memory")
  t.fails(function() obj:at(w):hvp(T.zeros{2}) end, "expected %[31%]")
  t.fails(function() obj:at(w):hvps(w) end, "expected %[k x 31%]")
  local f = saddle.objective(function(u) return (u * u):sum() end, {dim = 2})
  t.fails(function() f:gauss_newton(T{1.0, 2}) end, "has no outputs")
  t.fails(function() f:block_diagonal(T{1.0, 2}) end, "has no layers")
  t.fails(function() f:second_moment(T{1.0, 2}) end, "has no samples")
  t.fails(function() nn.objective(net, data_for "mse", "mse",
                                  {dtype = "f16"}) end, "dtype: 'f16'")
end)

-- ---- single precision ------------------------------------------------------

-- f32 has 2^-24 = 6e-8 of rounding; sums over 3 layers and 50 samples lose a
-- few bits more, so 5e-6 is safe and would still catch a wrong term.
for _, path in ipairs{"structure", "graph"} do
  t.test("f32 by " .. path .. " against f64", function()
    local net = net_of(3)
    for _, loss in ipairs(LOSSES) do
      local data = data_for(loss, 50)
      local a = nn.objective(net, data, loss, {l2 = 0.1, path = path})
      local s = nn.objective(net, data, loss, {l2 = 0.1, path = path,
                                               dtype = "f32"})
      t.eq(s:path(), path)
      local rng = saddle.random.new(8)
      local w, v = rng:normal{net:dim()}, rng:normal{net:dim()}
      t.near(s:value(w), a:value(w), 1e-6 * a:value(w))
      for _, q in ipairs{"grad", "hessian", "gauss_newton", "second_moment",
                         "hessian_diagonal", "sample_grads"} do
        local got = s[q](s, w)
        t.eq(got.dtype, "f32", q)
        same(got:to("f64"), a[q](a, w), 5e-6, q)
      end
      t.eq(s:hvp(w, v).dtype, "f32")
      same(s:hvp(w, v):to("f64"), a:hvp(w, v), 5e-6, "hvp")
      same(s:at(w):hvp(v):to("f64"), a:hvp(w, v), 5e-6, "kept hvp")
      symmetric(s:hessian(w), "f32 hessian")
      t.eq(s:minibatch{1, 2, 3}:grad(w).dtype, "f32")
    end
  end)
end

-- ---- inertia, autoencoders -------------------------------------------------

t.test("inertia of H - t I counts the eigenvalues under t", function()
  local net = net_of(3)
  local obj = nn.objective(net, data_for "cross_entropy")
  local w = saddle.random.new(3):normal{net:dim()}
  local lambda = T.eigh(obj:hessian(w))
  for _, share in ipairs{0.1, 0.5, 0.9} do
    local k = math.floor(share * net:dim())
    while lambda[k + 1] - lambda[k] < 1e-6 do k = k + 1 end -- not in a cluster
    local shift = (lambda[k] + lambda[k + 1]) / 2
    local neg, zero, pos = obj:inertia(w, {shift = shift, tol = 0})
    t.eq({neg, zero, pos}, {k, 0, net:dim() - k})
  end
end)

t.test("autoencoders mirror their sizes and take the structure", function()
  local net = nn.autoencoder{6, 5, 2}
  t.eq(net:structure().sizes, {6, 5, 2, 5, 6})
  t.eq(net:structure().activations, {"tanh", "identity", "tanh", "identity"})
  local deep = nn.autoencoder{784, 1000, 500, 250, 30, code = "sigmoid",
                              output = "sigmoid"}
  t.eq(deep:structure().sizes,
       {784, 1000, 500, 250, 30, 250, 500, 1000, 784})
  t.eq(deep:structure().activations[4], "sigmoid")
  local x = saddle.random.new(1):uniform{7, 6}
  local obj = nn.objective(net, {x = x, y = x}, "mse")
  t.eq(obj:path(), "structure")
  local w = net:init(3)
  local d = net:apply(w, x) - x
  t.near(obj:value(w), (d * d):mean(), 1e-15)
  t.fails(function() nn.autoencoder{6, 5, cod = "tanh"} end,
          "did you mean 'code'")
  t.fails(function() nn.autoencoder{6} end, "at least two sizes")
end)

return t
