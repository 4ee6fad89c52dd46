-- objective_spec.lua: the two routes to derivatives against each other for
-- every activation and loss, per-sample gradients, minibatches, counters,
-- symmetries and the checks of data.  MIT licence.
local t = require "runner"
local saddle = require "saddle"
local T, nn = saddle.tensor, saddle.nn

local N, D, C = 13, 4, 3

local function data_for(loss)
  local rng = saddle.random.new(21)
  local x = rng:normal{N, D}
  if loss == "cross_entropy" then
    return {x = x, y = rng:integer({N}, 1, C)}
  elseif loss == "bce" then
    return {x = x, y = rng:uniform{N, C}}
  end
  return {x = x, y = rng:normal{N, C}}
end

local function relative(a, b)
  return (a - b):norm() / (1e-300 + b:norm())
end

for _, act in ipairs{"tanh", "sigmoid", "relu", "softplus", "identity"} do
  for _, loss in ipairs{"cross_entropy", "mse", "bce"} do
    t.test(("structure and graph agree: %s, %s"):format(act, loss), function()
      local net = nn.mlp{D, 5, C, activation = act}
      local data = data_for(loss)
      local a = nn.objective(net, data, loss, {l2 = 0.03})
      local b = nn.objective(net, data, loss, {l2 = 0.03, path = "graph"})
      t.eq(a:path(), "structure")
      t.eq(b:path(), "graph")
      local rng = saddle.random.new(6)
      local w, v = rng:normal{net:dim()}, rng:normal{net:dim()}
      t.near(a:value(w), b:value(w), 1e-13)
      t.ok(relative(a:grad(w), b:grad(w)) < 1e-12, "grad")
      t.ok(relative(a:hvp(w, v), b:hvp(w, v)) < 1e-12, "hvp")
      local H, G = a:hessian(w), b:hessian(w)
      t.ok(relative(H, G) < 1e-12, "hessian")
      t.ok(relative(H:mv(v), a:hvp(w, v)) < 1e-12, "H v")
      t.eq(H, H:t():contiguous(), "symmetric to the bit")
      t.eq(G, G:t():contiguous(), "symmetric to the bit")
      local s = a:sample_grads(w)
      t.eq(s.shape, {N, net:dim()})
      t.ok(relative(s, b:sample_grads(w)) < 1e-12, "sample_grads")
      t.ok(relative(s:mean(1), a:grad(w)) < 1e-12, "mean of sample_grads")
      local value, grad = a:value_grad(w)
      t.near(value, a:value(w), 1e-15)
      t.ok(relative(grad, a:grad(w)) < 1e-15)
    end)
  end
end

t.test("derivatives against central differences", function()
  local net = nn.mlp{D, 5, C}
  local obj = nn.objective(net, data_for "cross_entropy", "cross_entropy",
                           {l2 = 0.1})
  local rng = saddle.random.new(9)
  local w, v = rng:normal{net:dim()}, rng:normal{net:dim()}
  local e = 1e-5
  local slope = (obj:value(w + e * v) - obj:value(w - e * v)) / (2 * e)
  t.near(v:dot(obj:grad(w)), slope, 1e-8)
  local bend = (obj:grad(w + e * v) - obj:grad(w - e * v)) / (2 * e)
  t.ok(relative(obj:hvp(w, v), bend) < 1e-7)
end)

t.test("l2 is (l2/2)|w|^2 over all parameters", function()
  local net, data = nn.mlp{D, 5, C}, data_for "mse"
  local w = saddle.random.new(3):normal{net:dim()}
  for _, path in ipairs{"structure", "graph"} do
    local with = nn.objective(net, data, "mse", {l2 = 0.7, path = path})
    local none = nn.objective(net, data, "mse", {path = path})
    t.near(with:value(w) - none:value(w), 0.35 * w:dot(w), 1e-12)
    t.ok(relative(with:grad(w) - none:grad(w), 0.7 * w) < 1e-12)
    t.ok(relative(with:hessian(w) - none:hessian(w), 0.7 * T.eye(net:dim()))
         < 1e-12)
  end
end)

t.test("minibatches: all samples give the full gradient, parts their mean",
       function()
  local net = nn.mlp{D, 5, C}
  local obj = nn.objective(net, data_for "cross_entropy", "cross_entropy",
                           {l2 = 0.2})
  local w = saddle.random.new(3):normal{net:dim()}
  local all = {}
  for i = 1, N do all[i] = i end
  t.ok(relative(obj:minibatch(all):grad(w), obj:grad(w)) < 1e-14)
  local s = obj:sample_grads(w)
  local part = obj:minibatch(T{2, 7, 7, 1})
  t.ok(relative(part:grad(w), (s[2] + 2 * s[7] + s[1]) / 4) < 1e-13)
  local sum, count = T.zeros{net:dim()}, 0
  for batch in obj:batches(5, saddle.random.new(1)) do
    sum:add_(batch:grad(w) * batch.samples)
    count = count + batch.samples
  end
  t.eq(count, N)
  t.ok(relative(sum / N, obj:grad(w)) < 1e-13)
  for _, bad in ipairs{{}, 3, T{{1, 2}}, T.zeros(0)} do
    t.fails(function() obj:minibatch(bad) end, "minibatch: idx: expected a list")
  end
  t.fails(function() obj:minibatch(T.zeros{N, dtype = "u8"}) end, "no sample")
end)

t.test("shuffling depends on the seed alone", function()
  local obj = nn.objective(nn.mlp{D, C}, data_for "cross_entropy")
  local function first(seed)
    return obj:batches(4, saddle.random.new(seed))().x
  end
  t.eq(first(1), first(1))
  t.ok((first(1) - first(2)):norm() > 0)
end)

t.test("counters", function()
  local net = nn.mlp{D, C}
  local obj = nn.objective(net, data_for "cross_entropy")
  local w = T.zeros{net:dim()}
  obj:value(w)
  obj:value_grad(w)
  obj:hvp(w, w)
  obj:hvp(w, w)
  obj:hessian(w)
  obj:sample_grads(w)
  obj:minibatch({1, 2}):grad(w)
  t.eq(obj.counts, {value = 2, grad = 2, hvp = 2, hessian = 1,
                    sample_grads = 1})
end)

t.test("error rate", function()
  local net = nn.mlp{1, 2, bias = false}
  local obj = nn.objective(net, {x = T{{1.0}, {2}, {-1}, {3}},
                                 y = {1, 2, 2, 1}})
  t.near(obj:error(T{1.0, 0}), 0.25, 0)
  t.near(obj:error(T{0.0, 1}), 0.75, 0)
  local bce = nn.objective(nn.mlp{1, 1, bias = false},
                           {x = T{{1.0}, {2}, {-1}, {3}}, y = T{1.0, 1, 1, 1}},
                           "bce")
  t.near(bce:error(T{1.0}), 0.25, 0)
  local mse = nn.objective(nn.mlp{1, 1}, {x = T{{1.0}}, y = T{1.0}}, "mse")
  t.eq(mse:error(T{0.0, 0}), nil)
end)

t.test("class probabilities as targets take the graph", function()
  local net = nn.mlp{D, C}
  local data = data_for "cross_entropy"
  local hot = T.zeros{N, C}
  for i = 1, N do hot[{i, data.y[i]}] = 1 end
  local a = nn.objective(net, data)
  local b = nn.objective(net, {x = data.x, y = hot}, "cross_entropy")
  t.eq(b:path(), "graph")
  local w = saddle.random.new(3):normal{net:dim()}
  t.near(a:value(w), b:value(w), 1e-14)
  t.near(a:error(w), b:error(w), 0)
end)

t.test("a net with a function layer, and an objective from a function",
       function()
  local net = nn.sequential{nn.linear(2, 2), function(x) return x:sin() end,
                            nn.linear(2, 1)}
  local obj = nn.objective(net, {x = T{{1.0, 2}, {0, -1}}, y = T{0.5, 1}},
                           "mse")
  t.eq(obj:path(), "graph")
  local w = saddle.random.new(3):normal{net:dim()}
  t.near(obj:sample_grads(w):mean(1), obj:grad(w), 1e-13)
  local f = saddle.objective(function(u) return (u^4):sum() end, {dim = 3})
  t.eq(f:dim(), 3)
  t.near(f:value(T{1.0, 2, 0}), 17, 1e-15)
  t.near(f:grad(T{1.0, 2, 0}), T{4.0, 32, 0}, 1e-14)
  t.near(f:hessian(T{1.0, 2, 0}), T{{12.0, 0, 0}, {0, 48, 0}, {0, 0, 0}},
         1e-14)
  t.near(f:hvp(T{1.0, 2, 0}, T{1.0, 1, 1}), T{12.0, 48, 0}, 1e-14)
end)

t.test("derivatives the caller gives are used", function()
  local f = saddle.objective(function(u) return u[1] * u[1] end, {dim = 1,
    grad = function() return T{7.0} end,
    hessian = function() return T{{3.0}} end})
  t.eq(f:grad(T{1.0}), T{7.0})
  t.eq(f:hvp(T{1.0}, T{2.0}), T{6.0})
  t.eq(f:path(), "user")
  local value, grad = f:value_grad(T{2.0})
  t.eq(value, 4.0)
  t.eq(grad, T{7.0})
end)

-- ---- symmetries -----------------------------------------------------------

local function flatness(obj, w)
  local S = obj:symmetries(w)
  local k = S.shape[1]
  if k > 0 then t.near(S:mm(S:t()), T.eye(k), 1e-12) end
  return k, S
end

t.test("softmax shift: hidden + 1 flat directions at every point", function()
  local net = nn.mlp{D, 5, C}
  local obj = nn.objective(net, data_for "cross_entropy")
  local w = saddle.random.new(3):normal{net:dim()}
  local k, S = flatness(obj, w)
  t.eq(k, 6)
  t.near(obj:hessian(w):mm(S:t()):abs():max(), 0, 1e-13)
  t.near(S:mv(obj:grad(w)):norm(), 0, 1e-13)
  t.near(obj:value(w + S:t():mv(T{3.0, -2, 1, 5, 2, -7})), obj:value(w), 1e-12)
  t.eq(flatness(nn.objective(net, data_for "cross_entropy", "cross_entropy",
                             {l2 = 1e-3}), w), 0)
end)

t.test("relu scaling and linear mixing: the gradient has no part there",
       function()
  local cases = {{"relu", "mse", 5}, {"relu", "cross_entropy", 5 + 6},
                 {"identity", "mse", 25 + 5}, {"tanh", "mse", 0}}
  for _, c in ipairs(cases) do
    local net = nn.mlp{D, 5, C, activation = c[1]}
    local obj = nn.objective(net, data_for(c[2]), c[2])
    local w = saddle.random.new(3):normal{net:dim()}
    local k, S = flatness(obj, w)
    if c[1] == "identity" then
      -- 4 inputs, a bias and 3 outputs hold the 30 directions.
      t.ok(k <= c[3] and k >= 25, "rank " .. k)
    else
      t.eq(k, c[3])
    end
    if k > 0 then t.near(S:mv(obj:grad(w)):norm(), 0, 1e-12) end
  end
end)

t.test("a tangent that is rounding error is no direction", function()
  local rng = saddle.random.new(4)
  -- The zero of a linear autoencoder is a point: mixing does not move it.
  local net = nn.mlp{4, 2, 4, activation = "identity", bias = false}
  local x = rng:normal{N, 4}
  local obj = nn.objective(net, {x = x, y = x}, "mse")
  t.eq(flatness(obj, 1e-20 * rng:normal{net:dim()}), 0)
  t.eq(flatness(obj, rng:normal{net:dim()}), 4)
  local cp = saddle.critical.find(obj, 1e-3 * rng:normal{net:dim()})
  t.eq({cp.class, cp.index, cp.symmetries}, {"saddle", 8, 0})
  -- An idle relu unit has no scaling, the other two have.
  net = nn.mlp{4, 3, 2, activation = "relu"}
  local w = rng:normal{net:dim()}
  local v = net:views(w)
  v.layer1.weight[2], v.layer1.bias[2] = 1e-15, 1e-15
  v.layer2.weight[{":", 2}] = 1e-15
  t.eq(flatness(nn.objective(net, {x = x, y = x[{":", "1:2"}]}, "mse"), w), 2)
  -- Constant directions stay at any size of w.
  obj = nn.objective(nn.mlp{4, 3}, {x = x, y = T.ones{N}}, "cross_entropy")
  t.eq(flatness(obj, 1e9 * rng:normal{15}), 5)
end)

-- ---- checks ---------------------------------------------------------------

t.test("mistakes are named", function()
  local net = nn.mlp{D, C}
  local x = T.zeros{N, D}
  local function try(data, loss, opts)
    return function() nn.objective(net, data, loss, opts) end
  end
  local good = data_for "cross_entropy"
  local zero, high, half = good.y:totable(), good.y:totable(), good.y:totable()
  zero[4], high[2], half[3] = 0, C + 1, 1.5
  t.fails(try{x = x, y = zero}, "y%[4%].*1%.%.3.*0")
  t.fails(try{x = x, y = high}, "y%[2%].*1%.%.3.*4")
  t.fails(try{x = x, y = half}, "y%[3%].*1.5")
  t.fails(try{x = x, y = {1, 2}}, "13 class labels.*%[2%]")
  t.fails(try{x = T.zeros{N, D + 1}, y = good.y}, "takes 4 features.*13 x 5")
  t.fails(try{x = T{0 / 0, 1}:reshape(1, 2), y = {1}}, "features")
  local bad = T.zeros{N, D}
  bad[{2, 2}] = 0 / 0
  t.fails(try{x = bad, y = good.y}, "NaN")
  t.fails(try({x = x, y = T.zeros{N, 2}}, "mse"), "13 x 3.*13 x 2")
  t.fails(try({x = x, y = 2 * T.ones{N, C}}, "bce"), "%[0, 1%]")
  t.fails(try(good, "cross_entropi"), "cross_entropy")
  t.fails(try(good, "cross_entropy", {l2 = -1}), "l2")
  t.fails(try(good, "cross_entropy", {L2 = 1}), "l2")
  t.fails(try{x = x}, "without y")
  t.fails(function() nn.objective(3) end, "network or a function")
  t.fails(function() saddle.objective(function() end, {}) end, "dim")
  local obj = nn.objective(net, good)
  t.fails(function() obj:value(T.zeros{3}) end, "%[15%].*%[3%]")
  t.fails(function() obj:hvp(T.zeros{15}, T.zeros{14}) end, "v:.*%[14%]")
  t.fails(function() obj:batches(0) end, "size")
  local f = saddle.objective(function(w) return w end, {dim = 2})
  t.fails(function() f:value(T{1.0, 2}) end, "one number")
  t.fails(function() f:minibatch{1} end, "no samples")
end)

t.test("an objective is a function: it can be called, traced and mapped",
       function()
  local rng = saddle.random.new(9)
  local net = nn.mlp{4, 3, 3, activation = "tanh"}
  local obj = nn.objective(net, {x = rng:normal{30, 4},
    y = rng:integer({30}, 1, 3)}, "cross_entropy", {l2 = 1e-2})
  t.eq(obj:path(), "structure")
  local w, V = net:init(rng), rng:normal{5, net:dim()}
  t.eq(obj(w), obj:value(w))
  t.near(saddle.grad(obj)(w), obj:grad(w), 1e-14)
  t.near(saddle.hvp(obj, w, V[1]), obj:hvp(w, V[1]), 1e-13)
  t.near(saddle.hessian(obj, w), obj:hessian(w), 1e-13)
  local rows = saddle.vmap(function(v) return obj:hvp(w, v) end)(V)
  t.near(rows, V:mm(obj:hessian(w)), 1e-12)
  local third = saddle.grad(function(u)
    return obj:hvp(u, V[1]):dot(V[1])
  end)(w)
  local h = 1e-5
  t.near(third:dot(V[2]), (obj:hvp(w + h * V[2], V[1]):dot(V[1])
    - obj:hvp(w - h * V[2], V[1]):dot(V[1])) / (2 * h), 1e-7)
end)

return t
