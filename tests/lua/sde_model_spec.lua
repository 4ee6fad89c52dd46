-- sde_model_spec.lua: models of noise: checks, classes, both senses, closed
-- forms, and stochastic gradient descent's own models.  MIT licence.
local t = require "runner"
local saddle = require "saddle"
local T, sde = saddle.tensor, saddle.sde

local function identity(x) return x end

local function model(fields)
  local spec = {drift = function(x) return -x end,
                diffusion = function() return 1 end, sense = "ito"}
  for key, v in pairs(fields) do spec[key] = v end
  return sde.model(spec)
end

-- ---- what is refused ---------------------------------------------------------

t.test("the sense must be said", function()
  t.fails(function()
    sde.model {drift = identity, diffusion = identity}
  end, "sense is missing.*stratonovich.*half the derivative")
  t.fails(function() model {sense = "itto"} end,
    "sense: 'itto' is not known %(did you mean 'ito'%?%)")
end)

t.test("shapes: expected and given", function()
  t.fails(function() model {drift = function(x) return T.stack {x, x} end} end,
    "drift: expected a number %(0%-d%) for dim = 1, got %[2%] f64")
  t.fails(function() model {dim = 3, drift = function(x) return x:sum() end} end,
    "drift: expected %[3%] for dim = 3, got %[%] f64")
  t.fails(function()
    model {dim = 3, diffusion = function() return T.ones {2, 3} end}
  end, "diffusion: expected %[3%] .*or %[3 x m%], got %[2 x 3%] f64")
  t.fails(function()
    model {dim = 2, noises = 3, diffusion = function() return T.ones {2, 2} end}
  end, "or %[2 x 3%], got %[2 x 2%]")
  t.fails(function()
    model {noises = 1, diffusion = function() return {1, 2} end}
  end, "expected a number %(0%-d%) for one noise, got %[2%]")
  t.fails(function() model {drift = 3} end,
    "drift: expected a function of %(x, t%), got 3")
  t.fails(function() model {dim = 0} end, "dim: expected an integer >= 1, got 0")
  t.fails(function() model {drft = 3} end, "did you mean 'drift'")
end)

t.test("a clock, a generator or a counter inside is refused", function()
  local rng, calls = saddle.random.new(1), 0
  for _, f in ipairs {
    function(x) return x * saddle.clock() end,
    function(x) return x * rng:normal() end,
    function(x) calls = calls + 1; return x * calls end,
  } do
    t.fails(function() model {drift = f} end,
      "drift: the function gave another graph.*a clock, an rng")
    t.fails(function() model {diffusion = f} end, "diffusion: .*a clock")
  end
end)

t.test("correlations that cannot be", function()
  local function pair(c, m)
    return function()
      model {correlation = c, diffusion = function(x)
        local list = {}
        for k = 1, m or 2 do list[k] = k * x end
        return list
      end}
    end
  end
  t.fails(pair(1.5), "in %[%-1, 1%], got 1.5")
  t.fails(pair {{1, 0.5}, {0.4, 1}}, "symmetric")
  t.fails(pair {{1, 0.5}}, "expected %[2 x 2%] or a number")
  t.fails(pair({{1, 0.9, -0.9}, {0.9, 1, 0.9}, {-0.9, 0.9, 1}}, 3),
    "not positive semi%-definite")
  pair(1)()
  pair(-1)()
end)

-- ---- classes -----------------------------------------------------------------

t.test("the noise's class is found", function()
  local function class(dim, diffusion, more)
    local spec = {dim = dim, diffusion = diffusion}
    for key, v in pairs(more or {}) do spec[key] = v end
    local m = model(spec)
    return {m.noise, m.noises, m.commutative}
  end
  t.eq(class(1, function(_, s) return 0.3 * s end), {"additive", 1, true})
  t.eq(class(1, identity), {"scalar", 1, true})
  t.eq(class(2, identity), {"diagonal", 2, true})
  t.eq(class(2, identity, {noises = 1}), {"scalar", 1, true})
  t.eq(class(2, function(x) return {x[2], x[1]} end), {"general", 2, false})
  t.eq(class(2, function(x) return {x[2], 1} end), {"general", 2, false})
  t.eq(class(2, function(x) return T.stack {x, 2 * x}:t() end),
    {"general", 2, true})
  t.eq(class(1, function(x) return {x, 2 * x} end), {"general", 2, true})
  t.eq(class(1, function(x) return {x, 1} end), {"general", 2, false})
  t.eq(class(2, function() return T {{1, 2, 3}, {4, 5, 6}} end),
    {"additive", 3, true})
  t.eq(class(2, function(x) return {{x[1], 0}, {0, x[2]}} end,
    {noise = "diagonal"}), {"diagonal", 2, true})
  -- two rotations of the plane about different points do not commute
  t.eq(class(2, function(x) return {{x[2], 1}, {-x[1], 0}} end),
    {"general", 2, false})
end)

t.test("a class that is declared is checked", function()
  t.fails(function()
    model {dim = 2, noise = "diagonal", diffusion = function(x)
      return {x[2], 1}
    end}
  end, "declared diagonal, but element 1 of the diffusion depends on x%[2%]")
  t.fails(function()
    model {dim = 2, noise = "diagonal", diffusion = function(x)
      return {{x[1], 1}, {0, 1}}
    end}
  end, "element %(1, 2%) of the diffusion is not zero")
  t.fails(function() model {noise = "additive", diffusion = identity} end,
    "declared additive, but the diffusion depends on x")
  t.fails(function()
    model {noise = "scalar", diffusion = function(x) return {x, x} end}
  end, "declared scalar, but the diffusion has 2 noises")
  t.fails(function() model {noise = "diag"} end, "'diag' is not known")
  t.eq(model {noise = "scalar"}.noise, "scalar")
end)

-- ---- the two senses -------------------------------------------------------------

t.test("the Stratonovich drift of the saddle model", function()
  local a, sigma, tau, rho = 0.7, 1.3, 0.4, -0.6
  for _, form in ipairs {"one", "two"} do
    local m = sde.saddle {a = a, sigma = sigma, tau = tau, rho = rho,
                          form = form}
    local b = m:stratonovich_drift()
    for _, x in ipairs {-2.0, 0.0, 0.1, 5.0} do
      t.near(T(b(T(x), 0.0)):item(),
        a * x - sigma ^ 2 * x / 2 - rho * sigma * tau / 2, 1e-14)
      t.near(m:ito_drift()(T(x), 0.0):item(), a * x, 1e-15)
    end
  end
end)

-- The conversion against central differences of the diffusion's columns: error
-- about 1e-5^2 of the third derivative plus rounding 1e-16/1e-5.
t.test("conversions for every class, correlated or not", function()
  local forms = require "saddle.sde.forms"
  local function wave(x) return (0.5 * x):sin() + 2 end
  for _, m in ipairs {
    model {diffusion = wave},
    model {dim = 3, diffusion = wave},
    model {dim = 3, diffusion = wave, noises = 1},
    model {dim = 3, diffusion = wave,
           correlation = {{1, 0.5, 0}, {0.5, 1, 0.2}, {0, 0.2, 1}}},
    model {dim = 2, correlation = -0.7, diffusion = function(x)
      return {{x[1] * x[2], x[2]:cos()}, {x[1]:exp(), 0.3}}
    end},
    model {dim = 2, correlation = 1, diffusion = function(x)
      return {{x[1] * x[2], x[2]:cos()}, {x[1]:exp(), 0.3}}
    end},
    model {sense = "stratonovich", correlation = 0.4, diffusion = function(x)
      return {x * x, wave(x)}
    end},
  } do
    local points = {}
    for i, v in ipairs {-0.7, 0.2, 1.1} do
      points[i] = m.dim == 1 and T(v) or T.linspace(v, v + 1, m.dim)
    end
    t.near(forms.departure(m, points, 0.3), 0, 1e-9)
    -- and the difference is there
    local gap = T(m:ito_drift()(points[3], 0.3))
      - T(m:stratonovich_drift()(points[3], 0.3))
    t.ok(gap:abs():flatten():max() > 0.01)
  end
end)

t.test("a model given in the other sense is the same model", function()
  local g = function(x) return 0.3 * x * x end
  local ito = sde.model {drift = function(x) return 0.1 * x end, diffusion = g,
                         sense = "ito"}
  local strat = sde.model {drift = ito:stratonovich_drift(), diffusion = g,
                           sense = "stratonovich"}
  for _, x in ipairs {-1.5, 0.4, 2.0} do
    t.near(strat:ito_drift()(T(x), 0.0):item(), 0.1 * x, 1e-15)
  end
end)

local BUILT_IN = {
  sde.saddle {a = 0.3, sigma = 0.5, tau = 0.4, rho = -0.6},
  sde.saddle {a = 0.3, sigma = 0.5, tau = 0.4, rho = -0.6, form = "two"},
  sde.saddle {a = 0.3, sigma = 0.5, tau = 0.4, rho = 1},
  sde.saddle {a = 0.3, sigma = 0.5, tau = 0},
  sde.saddle {a = 0.3, sigma = 0, tau = 0.4, rho = 0.2},
  sde.gbm {a = 1, sigma = 0.4}, sde.ou {a = -1, tau = 0.3, mean = 2},
  sde.double_well {b = 1.2, tau = 0.3}, sde.double_well {tau = 0.3, sigma = 0.7},
  sde.kloeden_platen {alpha = 0.8, beta = 0.6},
}

t.test("the printed formulas are those that run", function()
  for _, m in ipairs(BUILT_IN) do
    local function value(formula, x)
      local env = {x = x, sqrt = math.sqrt}
      for key, v in pairs(m.params) do env[key] = v end
      return load("return " .. formula, "=formula", "t", env)()
    end
    local factor = m.formula.noise:match("^(.*) d[BW]$")
    for _, x in ipairs {-0.9, 0.35, 1.7} do
      t.near(T(m:ito_drift()(T(x), 0.0)):item(), value(m.formula.ito, x), 1e-14)
      t.near(T(m:stratonovich_drift()(T(x), 0.0)):item(),
        value(m.formula.stratonovich, x), 1e-14)
      if factor and m.noises == 1 then
        -- the law does not see the factor's sign
        t.near(math.abs(T(m.diffusion(T(x), 0.0)):item()),
          math.abs(value(factor, x)), 1e-14)
      end
    end
  end
end)

t.test("print shows both forms", function()
  local text = tostring(sde.saddle {a = 1, sigma = 2, tau = 1, rho = 0.5})
  t.ok(text:find("ito: +dx = %(a%*x%) dt"))
  t.ok(text:find("stratonovich: dx = %(a%*x %- sigma%^2%*x/2"))
  text = model {diffusion = function(x) return 0.5 * x end}:forms()
  t.ok(text:find("x = 2: ito drift %-2, stratonovich drift %-2.25"))
  t.ok(text:find("agrees with central differences"))
end)

-- ---- built-in models -------------------------------------------------------------

t.test("parameters out of range", function()
  local function with(key, v, name)
    local p = {a = 1, sigma = 1, tau = 1, rho = 0}
    p[key] = v
    return function() sde[name or "saddle"](p) end
  end
  t.fails(with("rho", 1.01), "rho: expected a correlation in %[%-1, 1%], got 1.01")
  t.fails(with("sigma", -1), "sigma: expected a number >= 0, got %-1")
  t.fails(with("tau", -0.5), "tau: expected a number >= 0")
  t.fails(with("a", 0 / 0), "a: expected a finite number")
  t.fails(with("a", "1"), "a: expected a finite number, got 1")
  t.fails(function() sde.saddle {a = 1, sigma = 1} end, "tau: expected .*got nil")
  t.fails(function() sde.gbm {a = 1, sgima = 1} end, "did you mean 'sigma'")
end)

-- docs/sde.md 3.1, its worked values; then limits against neighbours: the
-- formulas are analytic, so a change of 1e-7 moves them by about 1e-7.
t.test("moments of the saddle model", function()
  local m = sde.saddle {a = 0.3, sigma = 0.5, tau = 0.4, rho = -0.6}
  local mean, var, second = m:moments(1, 1)
  t.near(mean, 1.349858807576, 1e-12)
  t.near(var, 0.337789360460, 1e-11)
  t.near(second, var + mean ^ 2, 1e-15)
  for _, p in ipairs {{-0.5, 1}, {-1, 1}, {0, 1}, {0, 0}, {-0.5, 0}} do
    local function at(a)
      local mean2, var2 = sde.saddle {a = a, sigma = p[2], tau = 0.7,
                                      rho = 0.4}:moments(0.8, 1.5)
      return {mean2, var2}
    end
    t.near(at(p[1]), at(p[1] + 1e-7), 2e-6)
  end
  local flat = {sde.saddle {a = 0, sigma = 0, tau = 2, rho = 0}:moments(1, 3)}
  t.eq(flat, {1.0, 12.0, 13.0})
  -- e^(sigma^2 t) - 1 for small sigma: no difference of second moment and mean^2
  local _, small = sde.gbm {a = 0, sigma = 1e-6}:moments(1, 1)
  t.near(small, 1e-12 + 5e-25, 1e-27)
end)

-- Anchors of docs/sde.md 3.2 and 3.4, 3.5.
t.test("models know their stationary law and exit times", function()
  local m = sde.saddle {a = -0.5, sigma = 1, tau = 1, rho = 0.5}
  t.near(m:stationary():cdf(4), 0.98079240413703, 1e-12)
  t.eq(sde.saddle {a = 1, sigma = 1, tau = 1}:stationary().exists, false)
  local ou = sde.ou {a = -2, tau = 1.2, mean = 0.7}
  local mean, var = ou:moments(5, 40)
  t.near({ou:stationary().mean, ou:stationary().variance}, {mean, var}, 1e-12)
  m = sde.saddle {a = 0.3, sigma = 1, tau = 0.1}
  t.near(m:exit {radius = 1}:mean(0), 12.8752405108, 1e-10)
  t.near(sde.ou {a = 1, tau = 0.1}:exit {radius = 1}:mean(0), 3.28182103499198,
    1e-11)
end)

-- y = to(x): unit noise, y' s = 1, and Ito's drift b y' + s^2 y''/2.
t.test("the Lamperti coordinate has unit noise and the drift it says", function()
  for _, p in ipairs {{0.3, 0.5, 0.4, -0.6}, {-1, 2, 1, 0.95}, {0, 1, 1, 0}} do
    local m = sde.saddle {a = p[1], sigma = p[2], tau = p[3], rho = p[4]}
    local to, from, drift = m.lamperti.to, m.lamperti.from, m.lamperti.drift
    for _, x in ipairs {-3.0, -0.2, 0.0, 1.4, 20.0} do
      local d1 = saddle.grad(to)(x)
      local d2 = saddle.grad(saddle.grad(to))(x)
      local s = m.diffusion(T(x), 0.0):item()
      t.near(d1 * s, 1, 1e-12)
      local y = to(T(x))
      t.near(drift(y):item(), p[1] * x * d1 + 0.5 * s * s * d2, 1e-12)
      t.near(from(y):item(), x, 1e-12)
    end
    -- far out: no overflow of the drift
    local edge = p[1] / p[2] - p[2] / 2
    t.near(drift(T(1e4)):item(), edge, 1e-15)
    t.near(drift(T(-1e4)):item(), -edge, 1e-15)
  end
  t.eq(sde.saddle {a = 1, sigma = 1, tau = 1, rho = 1}.lamperti, nil)
  t.eq(sde.saddle {a = 1, sigma = 1, tau = 1, rho = 1 - 1e-7}.lamperti, nil)
end)

t.test("the limits of the saddle model keep smooth factors", function()
  local function class(p)
    local m = sde.saddle(p)
    return {m.noise, T(m.diffusion(T(0.5), 0.0)):item()}
  end
  t.eq(class {a = 1, sigma = 0, tau = 2, rho = 1}, {"additive", 2.0})
  t.eq(class {a = 1, sigma = 2, tau = 0}, {"scalar", 1.0})
  t.eq(class {a = 1, sigma = 2, tau = 1, rho = -1}, {"scalar", 0.0})
  t.eq(class {a = 1, sigma = 0, tau = 0}, {"additive", 0.0})
  -- the root's argument cannot fall below 0 by rounding
  local m = sde.saddle {a = 1, sigma = 1, tau = 1, rho = -1 + 1e-15}
  local s = m.diffusion(T(1.0), 0.0):item()
  t.ok(s == s and s >= 0)
end)

-- A function x(t, W) solves dx = b_S dt + g o dW iff dx/dt = b_S, dx/dW = g.
t.test("closed forms solve their equations", function()
  for _, m in ipairs {sde.gbm {a = 0.4, sigma = 0.7},
                      sde.kloeden_platen {alpha = 0.8, beta = 0.6}} do
    for _, p in ipairs {{0.2, 0.5, -0.3}, {-0.4, 1.2, 0.9}} do
      local x = m.exact(p[1], p[2], p[3]):item()
      local by_t = saddle.grad(function(s) return m.exact(p[1], s, p[3]) end)
      local by_w = saddle.grad(function(w) return m.exact(p[1], p[2], w) end)
      t.near(by_t(p[2]), m:stratonovich_drift()(T(x), 0.0):item(), 1e-13)
      t.near(by_w(p[3]), m.diffusion(T(x), 0.0):item(), 1e-13)
      t.near(T(m.exact(p[1], 0.0, 0.0)):item(), p[1], 1e-15)
    end
  end
end)

-- ---- stochastic gradient descent ---------------------------------------------------

local H, B = {1.5, -0.5, 0.25, -2.0}, {0.3, -0.1, 0.8, 0.6}

-- Mean and variance of one step from x over all batches, by enumeration.
local function enumerate(s, x, batches)
  local mean, square = 0, 0
  for _, list in ipairs(batches) do
    local y = s.step(T(x), {i = T.i64(T(list))}):item()
    mean, square = mean + y / #batches, square + y * y / #batches
  end
  return mean, square - mean ^ 2
end

local function check_step(s, x, batches)
  local mean, var = enumerate(s, x, batches)
  local p = s.params
  t.near(mean, x + s.lr * p.a * x, 1e-14)
  t.near(var, s.lr * (p.sigma ^ 2 * x ^ 2
    + 2 * p.rho * p.sigma * p.tau * x + p.tau ^ 2), 1e-13)
end

t.test("one step of descent has the model's mean and variance", function()
  local ones, pairs_of, distinct = {}, {}, {}
  for i = 1, 4 do
    ones[i] = {i}
    for j = 1, 4 do
      pairs_of[#pairs_of + 1] = {i, j}
      if i ~= j then distinct[#distinct + 1] = {i, j} end
    end
  end
  for _, x in ipairs {0.0, 1.0, -2.5} do
    check_step(sde.from_sgd {h = H, b = B, lr = 0.05}, x, ones)
    check_step(sde.from_sgd {h = T(H), b = T(B), lr = 0.05, batch = 2}, x,
      pairs_of)
    check_step(sde.from_sgd {h = H, b = B, lr = 0.05, batch = 2,
                             replacement = false}, x, distinct)
  end
end)

t.test("the step is descent on the samples, about their critical point",
    function()
  local s = sde.from_sgd {h = H, b = B, lr = 0.1}
  t.near(s.centre, (0.3 - 0.1 + 0.8 + 0.6) / (-1.5 + 0.5 - 0.25 + 2.0), 1e-14)
  local z = 0.7 -- measured from the centre
  for i = 1, 4 do
    local x = z + s.centre
    local y = x - 0.1 * (H[i] * x + B[i])
    t.near(s.step(T(z), {i = T.i64(T {i})}):item(), y - s.centre, 1e-14)
  end
  t.eq(s.noise.i, {"index", n = 4, size = 1})
  t.near(s.a, 0.75 / 4, 1e-15)
  t.near(s:growth(), (math.log(0.85) + math.log(1.05) + math.log(0.975)
    + math.log(1.2)) / 4 / 0.1, 1e-13)
end)

-- The steps' own law over n steps: mean (1 + lr a)^n x0, and second moment by
-- one step's recursion; four standard errors.
t.test("descent over march", function()
  local s = sde.from_sgd {h = H, b = B, lr = 0.02}
  local n, paths = 50, 20000
  for _, d in ipairs {s, s:psgd {tau = 0.5}} do
    local p = d.params
    local mean, second = 1, 1
    for _ = 1, n do
      second = second * ((1 + d.lr * p.a) ^ 2 + d.lr * p.sigma ^ 2)
        + 2 * d.lr * p.rho * p.sigma * p.tau * mean + d.lr * p.tau ^ 2
      mean = mean * (1 + d.lr * p.a)
    end
    local x = saddle.march(d.step, T.ones {paths}, n,
      {noise = d.noise, seed = 1, dt = d.lr}).state
    local square = x * x
    t.ok(math.abs(x:mean() - mean) < 4 * x:std() / math.sqrt(paths))
    t.ok(math.abs(square:mean() - second) < 4 * square:std() / math.sqrt(paths))
  end
  local v = s:svrg {landmark = 0.5, every = 5}
  local state = saddle.march(v.step, v.start(T.ones {paths}), n,
    {noise = v.noise, seed = 1, dt = v.lr}).state
  t.ok(math.abs(state.x:mean() - (1 + s.lr * s.a) ^ n)
    < 4 * state.x:std() / math.sqrt(paths))
  t.eq(state.landmark, state.x)
end)

t.test("larger batches and smaller steps: sigma^2 as lr/B", function()
  local s = sde.from_sgd {h = H, b = B, lr = 0.1}
  local small = sde.from_sgd {h = H, b = B, lr = 0.1, batch = 16}
  local slow = sde.from_sgd {h = H, b = B, lr = 0.025}
  t.near({small.sigma, small.tau, small.a, small.rho},
    {s.sigma / 4, s.tau / 4, s.a, s.rho}, 1e-14)
  t.near({slow.sigma, slow.tau, slow.a}, {s.sigma / 2, s.tau / 2, s.a}, 1e-14)
  local all = sde.from_sgd {h = H, b = B, lr = 0.1, batch = 4,
                            replacement = false}
  t.eq({all.sigma, all.tau}, {0.0, 0.0})
end)

t.test("SVRG: perfectly correlated noise that ends at the landmark", function()
  local s = sde.from_sgd {h = H, b = B, lr = 0.05}
  for _, mark in ipairs {0.8, -0.4} do
    local v = s:svrg {landmark = mark}
    t.near(v.tau, s.sigma * math.abs(mark), 1e-15)
    t.eq(v.rho, mark > 0 and -1.0 or 1.0)
    local m = v:model()
    t.near(m.diffusion(T(mark), 0.0):item(), 0, 1e-15)
    for _, x in ipairs {1.3, mark} do
      local mean, square = 0, 0
      for i = 1, 4 do
        local y = v.step(v.start(T(x)), {i = T.i64(T {i})}).x:item()
        mean, square = mean + y / 4, square + y * y / 4
      end
      t.near(mean, x + 0.05 * s.a * x, 1e-14)
      t.near(square - mean ^ 2, 0.05 * m.diffusion(T(x), 0.0):item() ^ 2, 1e-13)
    end
  end
  local v = s:svrg {landmark = 0.5, every = 2}
  local state = v.start(T(1.0))
  state = v.step(state, {i = T.i64(T {2})})
  t.eq({T(state.landmark):item(), T(state.k):item()}, {0.5, 1.0})
  state = v.step(state, {i = T.i64(T {3})})
  t.eq({T(state.landmark):item(), T(state.k):item()}, {state.x:item(), 0.0})
end)

t.test("PSGD: rho changes, rho tau / sigma does not", function()
  local s = sde.from_sgd {h = H, b = B, lr = 0.05}
  local v = s:psgd {tau = 0.9}
  t.near(v.tau, math.sqrt(s.tau ^ 2 + 0.81), 1e-15)
  t.ok(math.abs(v.rho) < math.abs(s.rho))
  t.near(v.rho * v.tau / v.sigma, s.rho * s.tau / s.sigma, 1e-14)
  t.near(v.step(T(1.0), {i = T.i64(T {1}), z = 2.0}):item()
    - s.step(T(1.0), {i = T.i64(T {1})}):item(), 2 * 0.9 * math.sqrt(0.05), 1e-14)
  t.near(sde.saddle(v):ito_drift()(T(1.0), 0.0):item(), s.a, 1e-15)
end)

t.test("descent's bad input", function()
  t.fails(function() sde.from_sgd {h = {}, lr = 1} end, "h: expected a vector")
  t.fails(function() sde.from_sgd {h = H, b = {1}, lr = 1} end,
    "b: expected 4 numbers.*got 1")
  t.fails(function() sde.from_sgd {h = H, lr = 0} end, "lr: expected a number > 0")
  t.fails(function() sde.from_sgd {h = H, lr = 1, batch = 0} end, "batch: expected")
  t.fails(function()
    sde.from_sgd {h = H, lr = 1, batch = 5, replacement = false}
  end, "batch: expected an integer in 1 .. 4, got 5")
  t.fails(function() sde.from_sgd {h = {1, -1}, b = {1, 1}, lr = 1} end,
    "no critical point")
  t.fails(function() sde.from_sgd {h = H, lr = 1}:svrg {} end, "landmark: expected")
end)

return t
