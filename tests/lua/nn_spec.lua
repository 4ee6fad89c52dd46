-- nn_spec.lua: models over a flat vector, initialisers and losses.
-- MIT licence.
local t = require "runner"
local saddle = require "saddle"
local T, nn = saddle.tensor, saddle.nn

t.test("layout: W row-major, then b, layer by layer", function()
  local net = nn.mlp{3, 2, 4, activation = "tanh"}
  t.eq(net:dim(), 3 * 2 + 2 + 2 * 4 + 4)
  t.eq(net:names(), {"layer1.weight", "layer1.bias", "layer2.weight",
                     "layer2.bias"})
  local w = T.arange(1, net:dim()):to("f64")
  local v = net:views(w)
  t.eq(v.layer1.weight, T{{1.0, 2, 3}, {4, 5, 6}})
  t.eq(v.layer1.bias, T{7.0, 8})
  t.eq(v.layer2.weight.shape, {4, 2})
  t.eq(v.layer2.bias, T{17.0, 18, 19, 20})
end)

t.test("views write through, pack undoes unpack", function()
  local net = nn.mlp{3, 2, 1}
  local w = net:init(5)
  local v = net:unpack(w)
  t.eq(net:pack(v), w)
  v.layer1.weight[{2, 3}] = 42
  t.eq(w[6], 42.0)
  v.layer2.bias[1] = -1
  t.eq(w[net:dim()], -1.0)
  t.fails(function() net:pack{layer1 = v.layer1} end, "layer2.weight")
  t.fails(function()
    net:pack{layer1 = {weight = T.zeros{3, 2}, bias = v.layer1.bias},
             layer2 = v.layer2}
  end, "layer1.weight.*2 x 3.*3 x 2")
end)

t.test("outputs equal a hand loop", function()
  local net = nn.mlp{2, 3, 2, activation = "sigmoid"}
  local rng = saddle.random.new(2)
  local w, x = rng:normal{net:dim()}, rng:normal{4, 2}
  local v, z = net:views(w), net(w, x)
  t.eq(z.shape, {4, 2})
  for n = 1, 4 do
    local h = {}
    for i = 1, 3 do
      local s = v.layer1.bias[i]
      for j = 1, 2 do s = s + v.layer1.weight[{i, j}] * x[{n, j}] end
      h[i] = 1 / (1 + math.exp(-s))
    end
    for k = 1, 2 do
      local s = v.layer2.bias[k]
      for i = 1, 3 do s = s + v.layer2.weight[{k, i}] * h[i] end
      t.near(z[{n, k}], s, 1e-14)
    end
  end
  t.near(net:apply(w, x[2]), z[2], 1e-14)
end)

t.test("layers: functions, activations by name, no bias", function()
  local net = nn.sequential{nn.linear(2, 2, {bias = false}), nn.relu,
                            function(x) return x * 3 end, nn.linear(2, 1),
                            "softplus"}
  t.eq(net:dim(), 4 + 3)
  t.eq(net:names(), {"layer1.weight", "layer2.weight", "layer2.bias"})
  local w = T{1.0, 0, 0, -1, 1, 1, 0.5}
  t.near(net(w, T{{2.0, 5}}), T{{math.log(1 + math.exp(6.5))}}, 1e-14)
  t.ok(net:structure() == nil)
  t.eq(nn.mlp{2, 3, 1}:structure(), {sizes = {2, 3, 1},
    activations = {"tanh", "identity"}, bias = true})
  t.ok(tostring(net):find("linear 2 %-> 2, no bias"))
end)

t.test("a network traces: gradient by w and by x", function()
  local net = nn.mlp{2, 3, 1}
  local rng = saddle.random.new(3)
  local w, x = rng:normal{net:dim()}, rng:normal{1, 2}
  local function f(u, y) return (net(u, y)):sum() end
  local g = saddle.grad(function(u) return f(u, x) end)(w)
  local e, k = 1e-6, 4
  local up, down = w:copy(), w:copy()
  up[k], down[k] = up[k] + e, down[k] - e
  t.near(g[k], (f(up, x) - f(down, x)) / (2 * e), 1e-8)
  local gx = saddle.grad(function(y) return f(w, y) end)(x)
  t.eq(gx.shape, {1, 2})
end)

t.test("activations are functions as well", function()
  t.near(nn.tanh(T{0.5}), T{math.tanh and math.tanh(0.5) or 0.46211715726001},
         1e-12)
  t.eq(nn.relu(T{-1.0, 0, 2}), T{0.0, 0, 2})
  t.eq(nn.identity(T{3.0}), T{3.0})
  t.eq(tostring(nn.sigmoid), "sigmoid")
end)

-- Variances within four standard errors, sqrt((kurtosis - 1)/n) of a variance:
-- sqrt(2/n) for normals, sqrt(0.8/n) for uniforms.
local cases = {
  {"normal", nn.init.normal(0.3), 0.09, 2},
  {"uniform", nn.init.uniform(0.6), 0.12, 0.8},
  {"glorot_uniform", nil, 2 / 350, 0.8}, {"glorot_normal", nil, 2 / 350, 2},
  {"xavier_uniform", nil, 2 / 350, 0.8}, {"xavier_normal", nil, 2 / 350, 2},
  {"he_uniform", nil, 2 / 200, 0.8}, {"he_normal", nil, 2 / 200, 2},
  {"kaiming_uniform", nil, 2 / 200, 0.8}, {"kaiming_normal", nil, 2 / 200, 2},
  {"lecun_uniform", nil, 1 / 200, 0.8}, {"lecun_normal", nil, 1 / 200, 2},
}

for _, c in ipairs(cases) do
  t.test("initialiser " .. c[1] .. ": mean and variance", function()
    local net = nn.mlp{200, 150, init = c[2] or c[1]}
    local w = net:init(saddle.random.new(17))
    local n = 200 * 150
    local a = w[{"1:" .. n}]
    local mean = a:mean()
    local var = ((a - mean) * (a - mean)):mean()
    t.ok(math.abs(mean) < 4 * math.sqrt(c[3] / n), "mean")
    t.ok(math.abs(var - c[3]) < 4 * c[3] * math.sqrt(c[4] / n), "variance")
    t.eq(w[{(n + 1) .. ":" .. (n + 150)}], T.zeros{150})
  end)
end

t.test("initialiser bounds, zeros, constant, gain", function()
  local r = saddle.random.new(1)
  local limit = math.sqrt(6 / 350)
  local a = nn.init.glorot_uniform()(r, 150, 200)
  t.ok(a:abs():max() <= limit and a:abs():max() > 0.99 * limit)
  t.eq(nn.init.zeros()(r, 2, 3), T.zeros{2, 3})
  t.eq(nn.init.constant(2)(r, 1, 2), T{{2.0, 2.0}})
  local b, c = nn.init.he_normal(3)(saddle.random.new(8), 4, 5),
               nn.init.he_normal()(saddle.random.new(8), 4, 5)
  t.near(b, 3 * c, 1e-15)
end)

t.test("orthogonal initialiser", function()
  local r = saddle.random.new(1)
  local a = nn.init.orthogonal()(r, 6, 4)
  t.near(a:t():mm(a), T.eye(4), 1e-14)
  local b = nn.init.orthogonal(2)(r, 3, 5)
  t.near(b:mm(b:t()), 4 * T.eye(3), 1e-14)
end)

t.test("init: same seed, same bits; a generator moves on", function()
  local net = nn.mlp{4, 3, 2}
  t.eq(net:init(7), net:init(saddle.random.new(7)))
  local rng = saddle.random.new(7)
  t.ok((net:init(rng) - net:init(rng)):norm() > 0)
end)

t.test("losses against formulas", function()
  local z = T{{1.0, -2, 0.5}, {0.25, 3, -1}}
  local function lse(a, b, c)
    return math.log(math.exp(a) + math.exp(b) + math.exp(c))
  end
  local want = (lse(1, -2, 0.5) - 0.5 + lse(0.25, 3, -1) - 0.25) / 2
  t.near(nn.cross_entropy(z, {3, 1}), want, 1e-14)
  t.near(nn.losses.cross_entropy(z, T{{0.0, 0, 1}, {1, 0, 0}}), want,
         1e-14)
  t.near(nn.mse(z, T{{0.0, 0, 0}, {0, 3, 0}}),
         (1 + 4 + 0.25 + 0.0625 + 1) / 6, 1e-14)
  t.near(nn.bce(T{{2.0}, {-1}}, T{1.0, 0}),
         (math.log(1 + math.exp(-2)) + math.log(1 + math.exp(-1))) / 2, 1e-14)
end)

t.test("losses do not overflow", function()
  t.near(nn.cross_entropy(T{{1000.0, -1000}}, {2}), 2000, 1e-14)
  t.near(nn.bce(T{{-1000.0}}, T{1.0}), 1000, 1e-14)
end)

t.test("mistakes are named", function()
  t.fails(function() nn.linear(2) end, "linear: nout")
  t.fails(function() nn.linear(2, 2.5) end, "nout.*2.5")
  t.fails(function() nn.linear(2, 3, {bais = false}) end, "bias")
  t.fails(function() nn.mlp{3} end, "two sizes")
  t.fails(function() nn.mlp{3, 2, activation = "tahn"} end, "tanh")
  t.fails(function() nn.mlp{3, 2, init = "xavier"} end, "init")
  t.fails(function() nn.sequential{nn.linear(2, 3), nn.linear(4, 1)} end,
          "takes 4 features but gets 3")
  t.fails(function() nn.sequential{} end, "at least one layer")
  local net = nn.mlp{3, 2}
  t.fails(function() net(T.zeros{9}, T.zeros{1, 3}) end, "%[8%].*%[9%]")
  t.fails(function() net(T.zeros{8}, T.zeros{1, 4}) end, "samples x 3.*1 x 4")
  t.fails(function() net:init("seed") end, "rng")
end)

return t
