-- sde_scheme_spec.lua: the schemes one step at a time: the table, noise classes,
-- senses, formulas, order conditions, stability, and what they keep exactly.
-- Measured orders: sde_convergence_spec.lua.  MIT licence.
local t = require "runner"
local saddle = require "saddle"
local T, sde = saddle.tensor, saddle.sde
local scheme = sde.scheme

local function prepare(m, name) return scheme.prepare(m, name) end

local function value(v) return T(v):item() end

-- One step for dim = 1 from numbers.
local function step(m, name, x, h, w)
  local p = prepare(m, name)
  return value(p.from(p.step(p.to(T(x)), 0.2, h, w)))
end

local function user(drift, diffusion, more)
  local spec = {drift = drift, diffusion = diffusion, sense = "ito"}
  for key, v in pairs(more or {}) do spec[key] = v end
  return sde.model(spec)
end

local cubic = user(function(x) return x - x ^ 3 end,
  function(x) return 0.4 * x + 0.1 * (2 * x):sin() end)

-- ---- the table -----------------------------------------------------------------

t.test("every row of the table is complete", function()
  local classes = {additive = 1, scalar = 1, diagonal = 1, commutative = 1,
                   general = 1}
  for _, name in ipairs(scheme.names()) do
    local row = scheme.get(name)
    t.eq(row.name, name)
    t.ok(row.sense == "ito" or row.sense == "stratonovich", name)
    t.ok(type(row.source) == "string" and type(row.step) == "function", name)
    t.ok(row.integrals == nil or row.integrals == "time"
      or row.integrals == "area", name)
    for _, class in ipairs(row.noise) do t.ok(classes[class], name) end
    t.ok(tostring(scheme):find(name, 1, true), name)
  end
  t.ok(#scheme.names() >= 17)
  t.eq(scheme.get("em").name, "euler_maruyama")
  t.fails(function() scheme.get("milstien") end, "did you mean 'milstein'")
  t.fails(function() scheme.get{name = "mine", noise = {"scalar"}} end,
    "a row with name, noise, step; its step is nil")
end)

t.test("a scheme outside its noise class names one that fits", function()
  t.fails(function() prepare(cubic, "sra1") end,
    "sra1 is for additive noise, but 'model' has scalar noise: use \"sriw1\"")
  local two = sde.saddle {a = 1, sigma = 1, tau = 1, rho = 0.3, form = "two"}
  t.fails(function() prepare(two, "sriw1") end,
    "has general noise that does not commute: use \"euler_maruyama\"")
  t.fails(function() prepare(cubic, "lamperti") end,
    "written for the saddle model in its one%-noise form.*use \"sriw1\"")
  t.fails(function() prepare(two, "exact_gbm") end, "geometric Brownian")
  t.fails(function() prepare(cubic, "baoab") end, "Langevin motion with friction")
  t.fails(function() prepare({}, "em") end, "expected a model, got a table")
  for _, m in ipairs {cubic, two, sde.ou {a = -1, tau = 1}} do
    for _, name in ipairs(scheme.fitting(m)) do prepare(m, name) end
  end
end)

t.test("the default by model", function()
  local function pick(p) return scheme.prepare(sde.saddle(p)).name end
  t.eq(pick {a = 1, sigma = 1, tau = 1, rho = 0.3}, "lamperti_sra1")
  t.eq(pick {a = 1, sigma = 0, tau = 1}, "exact_ou")
  t.eq(pick {a = 1, sigma = 1, tau = 0}, "exact_gbm")
  t.eq(pick {a = 1, sigma = 0, tau = 0}, "exact_ou")
  t.eq(pick {a = 1, sigma = 1, tau = 1, rho = -1}, "exact_linear")
  t.eq(pick {a = 1, sigma = 1, tau = 1, rho = 1 - 1e-8}, "exact_linear")
  t.eq(pick {a = 1, sigma = 1, tau = 1, rho = 0.3, form = "two"},
    "euler_maruyama")
  t.eq(scheme.pick(cubic), "sriw1")
  t.eq(scheme.pick(sde.double_well {tau = 1}), "sra1")
  t.eq(scheme.pick(sde.gbm {a = 1, sigma = 1}), "exact_gbm")
  t.eq(scheme.pick(sde.ou {a = 1, tau = 1}), "exact_ou")
  local function v(x) return x * x end
  t.eq(scheme.pick(sde.langevin {potential = v, temperature = 1}),
    "leimkuhler_matthews")
  t.eq(scheme.pick(sde.langevin {potential = v, temperature = 1, friction = 1}),
    "baoab")
end)

-- ---- formulas ------------------------------------------------------------------

local function b(x) return x - x ^ 3 end
local function g(x) return 0.4 * x + 0.1 * math.sin(2 * x) end
local function dg(x) return 0.4 + 0.2 * math.cos(2 * x) end
local X, STEP, DW = 0.7, 0.05, -0.3

-- docs/sde.md 2, written out by hand.
local by_hand = {
  euler_maruyama = function() return X + b(X) * STEP + g(X) * DW end,
  milstein = function()
    return X + b(X) * STEP + g(X) * DW
      + 0.5 * g(X) * dg(X) * (DW ^ 2 - STEP)
  end,
  milstein_df = function()
    local u = X + b(X) * STEP + g(X) * math.sqrt(STEP)
    return X + b(X) * STEP + g(X) * DW
      + (g(u) - g(X)) * (DW ^ 2 - STEP) / (2 * math.sqrt(STEP))
  end,
  heun = function()
    local function bs(x) return b(x) - 0.5 * g(x) * dg(x) end
    local y = X + bs(X) * STEP + g(X) * DW
    return X + 0.5 * (bs(X) + bs(y)) * STEP + 0.5 * (g(X) + g(y)) * DW
  end,
  euler_heun = function()
    local y = X + g(X) * DW
    return X + (b(X) - 0.5 * g(X) * dg(X)) * STEP + 0.5 * (g(X) + g(y)) * DW
  end,
  platen = function()
    local root = math.sqrt(STEP)
    local u = X + b(X) * STEP + g(X) * DW
    local up, down = X + b(X) * STEP + g(X) * root, X + b(X) * STEP - g(X) * root
    return X + 0.5 * STEP * (b(u) + b(X))
      + 0.25 * DW * (g(up) + g(down) + 2 * g(X))
      + 0.25 * (g(up) - g(down)) * (DW ^ 2 - STEP) / root
  end,
  tamed = function()
    return X + STEP * b(X) / (1 + STEP * math.abs(b(X))) + g(X) * DW
  end,
}

t.test("steps are their formulas", function()
  for name, f in pairs(by_hand) do
    t.near(step(cubic, name, X, STEP, {dw = DW}), f(), 1e-14, name)
  end
end)

-- Two dimensions, a matrix of diffusion, outside traces; the drifts' difference
-- is 1/2 sum_k Dg_k g_k.
t.test("steps of a system are their formulas", function()
  local m = sde.model{dim = 2, sense = "ito",
    drift = function(x) return {x[2]^2, -3 * x[1]} end,
    diffusion = function(x) return {{0.3 * x[2], 0.1}, {0.2, 0.4 * x[1]}} end}
  local function b(x, y) return y^2, -3 * x end
  local function gw(x, y, u, v) return 0.3 * y * u + 0.1 * v, 0.2 * u + 0.4 * x * v end
  local x, y, u, v, h = 0.7, -0.4, 0.05, -0.12, 0.03
  local b1, b2 = b(x, y)
  local w1, w2 = gw(x, y, u, v)
  local size = 1 + h * math.sqrt(b1^2 + b2^2)
  local function correction() return 0.5 * 0.3 * 0.2, 0.5 * 0.4 * 0.1 end
  local c1, c2 = correction()
  local p1, p2 = x + (b1 - c1) * h + w1, y + (b2 - c2) * h + w2
  local d1, d2 = b(p1, p2)
  local e1, e2 = gw(p1, p2, u, v)
  local want = {
    euler_maruyama = {x + h * b1 + w1, y + h * b2 + w2},
    tamed = {x + h * b1 / size + w1, y + h * b2 / size + w2},
    heun = {x + h * ((b1 + d1) / 2 - c1) + (w1 + e1) / 2,
            y + h * ((b2 + d2) / 2 - c2) + (w2 + e2) / 2},
  }
  for name, list in pairs(want) do
    local got = prepare(m, name).step(T{x, y}, 0.0, h, {dw = T{u, v}})
    t.near(got[1], list[1], 1e-14, name)
    t.near(got[2], list[2], 1e-14, name)
  end
end)

t.test("traced, mapped over paths and on whole tensors: one value", function()
  local xs, dw = T {0.7, -1.1, 0.0, 2.0}, T {0.1, -0.3, 0.2, 0.05}
  local i10 = T {0.001, 0.002, -0.003, 0.0}
  for _, name in ipairs(scheme.fitting(cubic)) do
    local p = prepare(cubic, name)
    local mapped = saddle.vmap(function(x, d, i)
      return p.step(x, 0.2, 0.05, {dw = d, i10 = i})
    end)(xs, dw, i10)
    t.near(p.step(xs, 0.2, 0.05, {dw = dw, i10 = i10}), mapped, 1e-15, name)
    for k = 1, 4 do
      t.near(value(p.step(T(xs[k]), 0.2, 0.05, {dw = dw[k], i10 = i10[k]})),
        mapped[k], 1e-15, name)
    end
  end
end)

t.test("the drift is converted to the scheme's own sense", function()
  local function growth(c)
    return function(x) return c * x end
  end
  local ito = user(growth(0.3), growth(0.5))
  local strat = user(growth(0.3 - 0.125), growth(0.5), {sense = "stratonovich"})
  for _, name in ipairs(scheme.fitting(ito)) do
    local w = {dw = 0.2, i10 = 0.004}
    t.near(step(ito, name, 0.8, 0.1, w), step(strat, name, 0.8, 0.1, w), 1e-14,
      name)
  end
end)

-- ---- several noises ----------------------------------------------------------------

-- The same equation as diagonal noise with a correlation, and as a matrix with
-- the correlation's factor multiplied in.
t.test("correlated noise, elementwise and as a matrix", function()
  local rho, q = 0.6, 0.8
  local function drift(x) return -x end
  local diagonal = user(drift, function(x) return {x[1] ^ 2, x[2]:sin()} end,
    {dim = 2, correlation = rho})
  local matrix = user(drift, function(x)
    return {{x[1] ^ 2, 0}, {rho * x[2]:sin(), q * x[2]:sin()}}
  end, {dim = 2})
  t.eq({diagonal.noise, matrix.noise, matrix.commutative},
    {"diagonal", "general", true})
  local x = T {0.7, -0.4}
  for _, name in ipairs(scheme.fitting(matrix)) do
    local p, r = prepare(diagonal, name), prepare(matrix, name)
    local w = {dw = T {0.1, -0.25}}
    local function run(s) return saddle.jit(function(v)
      return s.step(v, 0.0, 0.05, w)
    end)(x) end
    t.near(run(p), run(r), 1e-14, name)
  end
end)

t.test("Milstein with areas: docs/sde.md 2's formula for two noises", function()
  local a, sigma, tau, rho = 0.3, 0.5, 0.4, -0.6
  local q = math.sqrt(1 - rho ^ 2)
  local m = sde.saddle {a = a, sigma = sigma, tau = tau, rho = rho, form = "two"}
  t.eq(prepare(m, "milstein").integrals, "area")
  local x, h, w1, w2, i21 = 0.9, 0.1, 0.2, -0.35, 0.031
  local g1, g2 = sigma * x + rho * tau, tau * q
  local area = {{(w1 ^ 2 - h) / 2, w1 * w2 - i21}, {i21, (w2 ^ 2 - h) / 2}}
  t.near(step(m, "milstein", x, h, {dw = {w1, w2}, area = area}),
    x + a * x * h + g1 * w1 + g2 * w2 + 0.5 * sigma * g1 * (w1 ^ 2 - h)
      + sigma * tau * q * i21, 1e-14)
end)

t.test("noise that commutes gives the same with areas and without", function()
  local m = user(function(x) return -x end, function(x)
    return T.stack({x * x, 3 * x * x}, 2)
  end, {dim = 2, noises = 2})
  t.ok(m.commutative and m.noise == "general")
  local p = prepare(m, "milstein")
  t.eq(p.integrals, "none")
  local h, w1, w2, i21 = 0.1, 0.2, -0.35, 0.031
  local function run(area)
    return saddle.jit(function(x)
      return p.step(x, 0.0, h, {dw = T {w1, w2}, area = area})
    end)(T {0.5, -0.8})
  end
  t.near(run {{(w1 ^ 2 - h) / 2, w1 * w2 - i21}, {i21, (w2 ^ 2 - h) / 2}},
    run(nil), 1e-14)
end)

-- ---- SRIW1's tableau ------------------------------------------------------------------

local tableau = scheme.get("sriw1").tableau

local function matrix(m) return T(m) end
local function apply(m, v) return matrix(m):mv(v) end
local function dot(v, w) return (T(v) * w):sum() end

-- The conditions for strong order 1.5, Roessler 2010, theorem 5.1; e = ones.
t.test("SRIW1 meets the order conditions", function()
  local s = tableau
  local e = T.ones {4}
  local a0, a1 = apply(s.A0, e), apply(s.A1, e)
  local b0, b1 = apply(s.B0, e), apply(s.B1, e)
  local bb, ab = apply(s.B1, b1), apply(s.A1, b0)
  local al, p, q, r, u = s.alpha, s.beta1, s.beta2, s.beta3, s.beta4
  for i, c in ipairs {
    {dot(al, e), 1}, {dot(p, e), 1}, {dot(q, e), 0}, {dot(r, e), 0},
    {dot(u, e), 0}, {dot(p, b1), 0}, {dot(q, b1), 1}, {dot(r, b1), 0},
    {dot(u, b1), 0}, {dot(al, a0), 1 / 2}, {dot(al, b0), 1},
    {dot(al, b0 * b0), 3 / 2}, {dot(p, a1), 1}, {dot(q, a1), 0},
    {dot(r, a1), -1}, {dot(u, a1), 0}, {dot(p, b1 * b1), 1},
    {dot(q, b1 * b1), 0}, {dot(r, b1 * b1), -1}, {dot(u, b1 * b1), 2},
    {dot(p, bb), 0}, {dot(q, bb), 0}, {dot(r, bb), 0}, {dot(u, bb), 1},
    {dot(p, ab) / 2 + dot(r, ab) / 3, 0},
  } do
    t.near(c[1], c[2], 1e-15, "condition " .. i)
  end
end)

t.test("SRIW1's step is its tableau", function()
  local x, h, dw, i10 = 0.7, 0.05, -0.3, 0.004
  local s, root = tableau, math.sqrt(h)
  local hb, hg = {}, {}
  for i = 1, 4 do
    local z, y = x, x
    for j = 1, i - 1 do
      z = z + s.A0[i][j] * h * b(hb[j]) + s.B0[i][j] * i10 / h * g(hg[j])
      y = y + s.A1[i][j] * h * b(hb[j]) + s.B1[i][j] * root * g(hg[j])
    end
    hb[i], hg[i] = z, y
  end
  local i11, i111 = (dw ^ 2 - h) / 2, (dw ^ 3 - 3 * h * dw) / 6
  local sum = x
  for i = 1, 4 do
    sum = sum + s.alpha[i] * h * b(hb[i]) + g(hg[i]) * (s.beta1[i] * dw
      + s.beta2[i] * i11 / root + s.beta3[i] * i10 / h + s.beta4[i] * i111 / h)
  end
  t.near(step(cubic, "sriw1", x, h, {dw = dw, i10 = i10}), sum, 1e-14)
end)

-- ---- theta ---------------------------------------------------------------------------

t.test("theta: the implicit equation holds", function()
  local p = prepare(cubic, "theta")
  t.eq(p.newton, 4)
  local y = step(cubic, "theta", X, STEP, {dw = DW})
  -- Newton squares the error at each step, from about 0.05: far below rounding
  t.near(y, X + STEP * (b(X) + b(y)) / 2 + g(X) * DW, 1e-14)
  local linear = user(function(x) return -3 * x + 1 end, function(x) return x end)
  t.eq(prepare(linear, "theta").newton, 1)
  y = step(linear, "theta", X, STEP, {dw = DW})
  t.near(y, (X + STEP / 2 * (1 - 3 * X) + STEP / 2 + X * DW)
    / (1 + 3 * STEP / 2), 1e-14)
end)

-- Few unknowns are solved for by Cramer's rule, more by a factorisation.
t.test("theta in several dimensions", function()
  for d = 2, 6 do
    local coupling = saddle.random.new(d):normal {d, d}
    local m = user(function(x) return coupling:mv(x) - x ^ 3 end,
      function(x) return 0.3 * x end, {dim = d})
    local p = prepare(m, "theta")
    local x, w = T.linspace(-0.8, 0.9, d), {dw = T.linspace(0.1, 0.2, d)}
    local y = saddle.jit(function(v) return p.step(v, 0.0, 0.1, w) end)(x)
    local drift = m:ito_drift()
    t.near(y, x + 0.05 * (drift(x, 0.0) + drift(y, 0.0)) + 0.3 * x * w.dw,
      1e-13)
  end
end)

-- E (x'/x)^2 of one step: (step at 0)^2 + h (slope in dW)^2, since theta's step
-- is linear in dW. Stable iff it is below 1 (docs/sde.md 2).
t.test("theta: mean-square stability", function()
  for _, theta in ipairs {0, 0.5, 1} do
    local row = scheme.with("theta", {theta = theta})
    for _, p in ipairs {{-3, 1, 0.5}, {-3, 1, 2}, {-3, 2.3, 0.5}, {-1, 1, 5},
                        {-8, 1, 0.3}} do
      local a, sigma, h = p[1], p[2], p[3]
      local m = user(function(x) return a * x end,
        function(x) return sigma * x end)
      local still = step(m, row, 1, h, {dw = 0.0})
      local slope = step(m, row, 1, h, {dw = 1.0}) - still
      local second = still ^ 2 + h * slope ^ 2
      t.eq(second < 1, (1 + (1 - theta) * a * h) ^ 2 + sigma ^ 2 * h
        < (1 - theta * a * h) ^ 2)
    end
  end
end)

-- ---- exact schemes ---------------------------------------------------------------------

-- A step linear in x and dW: x' = m x + n + s dW.
local function linear(m, name, h)
  local n = step(m, name, 0, h, {dw = 0.0})
  return step(m, name, 1, h, {dw = 0.0}) - n, n,
    step(m, name, 0, h, {dw = 1.0}) - n
end

t.test("Ornstein-Uhlenbeck: mean and variance at any step", function()
  for _, a in ipairs {-1.5, 0.4, 0, 1e-9} do
    local m = sde.ou {a = a, tau = 0.7, mean = 0.3}
    for _, h in ipairs {0.01, 1.0, 7.0} do
      local factor, shift, sd = linear(m, "exact_ou", h)
      local mean, var = m:moments(2, h)
      t.near(factor * 2 + shift, mean, 1e-13)
      t.near(sd ^ 2 * h, var, 1e-13)
    end
  end
end)

t.test("geometric Brownian motion: a long step is two short ones", function()
  local m = sde.gbm {a = 0.3, sigma = 0.8}
  local half = step(m, "exact_gbm", 1.2, 0.4, {dw = 0.3})
  t.near(step(m, "exact_gbm", half, 0.6, {dw = -0.1}),
    step(m, "exact_gbm", 1.2, 1.0, {dw = 0.2}), 1e-14)
  t.near(step(m, "exact_gbm", 1.2, 1.0, {dw = 0.2}),
    1.2 * math.exp(0.3 - 0.32 + 0.16), 1e-14)
end)

-- Runs a scheme for all paths at once, on fresh noise.
local function run(p, x, n, h, seed)
  local rng = saddle.random.new(seed)
  local size = x.shape[1]
  local advance = saddle.jit(saddle.vmap(p.step, {axes = {1, false, false, 1}}))
  x = saddle.vmap(p.to)(x)
  local function normals()
    return p.noises == 1 and rng:normal {size} or rng:normal {size, p.noises}
  end
  for k = 1, n do
    local w = {dw = normals() * math.sqrt(h), extra = {}}
    if p.integrals == "time" then
      w.i10 = 0.5 * h * w.dw + normals() * math.sqrt(h ^ 3 / 12)
    end
    for j = 1, p.extra do w.extra[j] = rng:normal {size} end
    x = advance(x, (k - 1) * h, h, w)
  end
  return saddle.vmap(p.from)(x)
end

local function check_moments(y, mean, second, bias)
  local n = y.shape[1]
  local square = y * y
  t.ok(math.abs(y:mean() - mean) < 4 * y:std() / math.sqrt(n) + bias,
    ("mean %g, expected %g"):format(y:mean(), mean))
  t.ok(math.abs(square:mean() - second) < 4 * square:std() / math.sqrt(n) + bias,
    ("second moment %g, expected %g"):format(square:mean(), second))
end

-- sigma is small enough for the fourth moment, which the standard error of the
-- second needs. The bias allowed is the trapezium rule's, about a tenth of the
-- standard error here (h/8 = 0.025).
t.test("conditional-exact linear: the moments, in both forms", function()
  for _, form in ipairs {"one", "two"} do
    for _, rho in ipairs {-0.6, 1} do
      local m = sde.saddle {a = 0.3, sigma = 0.5, tau = 0.4, rho = rho,
                            form = form}
      local mean, _, second = m:moments(1, 1)
      check_moments(run(prepare(m, "exact_linear"), T.ones {40000}, 5, 0.2, 3),
        mean, second, 1e-3)
    end
  end
end)

t.test("|rho| = 1: a start beside -c stays on its side", function()
  -- u = x + c has drift a (u - c): for a < 0, c > 0 it cannot reach u = 0
  local m = sde.saddle {a = -1, sigma = 2, tau = 1, rho = 1}
  local y = run(prepare(m), T.full({20000}, -0.49), 40, 0.1, 5)
  t.ok((y + m.c):min() > 0)
end)

t.test("Lamperti: the moments; no overflow far out", function()
  local m = sde.saddle {a = 0.3, sigma = 0.5, tau = 0.4, rho = -0.6}
  local mean, _, second = m:moments(1, 1)
  check_moments(run(prepare(m), T.ones {40000}, 20, 0.05, 3), mean, second, 1e-4)
  local p = prepare(m)
  local y = p.step(T(1300.0), 0.0, 0.1, {dw = 0.1, i10 = 0.0})
  t.ok(p.from(y):item() < math.huge and p.from(y):item() > 1e200)
end)

-- Over march every scheme has the moments of the model: four standard errors,
-- and the weak error of order h (below 0.03 for steps of 0.05 here).
t.test("every scheme over march", function()
  local p = {a = -0.3, sigma = 0.5, tau = 0.4, rho = -0.6}
  local plain = sde.saddle(p)
  p.form = "two"
  for _, m in ipairs {plain, sde.saddle(p), sde.gbm {a = 0.2, sigma = 0.3},
                      sde.ou {a = -1, tau = 0.5, mean = 0.3}} do
    local mean, _, second = m:moments(1, 1)
    for _, name in ipairs(scheme.fitting(m)) do
      local ens = sde.simulate(m, {x0 = 1, t = 1, dt = 0.05, paths = 20000,
                                   seed = 2, scheme = name})
      t.eq(ens.bad, 0)
      check_moments(ens.x, mean, second, 0.03)
    end
  end
end)

t.test("several dimensions and Langevin motion over march", function()
  local function drift(x) return {x[2] - x[1], -x[1]} end
  local linear = user(drift, function(x) return 0.3 * x + 0.2 end,
    {dim = 2, correlation = -0.7})
  local crossed = user(drift, function(x)
    return {{0.3 * x[2], 0.2}, {0.1, 0.2 * x[1]}}
  end, {dim = 2})
  -- means: the linear equation's, by many Euler steps
  local m1, m2 = 1.0, 0.5
  for _ = 1, 20000 do
    m1, m2 = m1 + (m2 - m1) / 20000, m2 - m1 / 20000
  end
  for _, m in ipairs {linear, crossed} do
    for _, name in ipairs(scheme.fitting(m)) do
      local x = sde.simulate(m, {x0 = {1, 0.5}, t = 1, dt = 0.05, paths = 10000,
                                 seed = 2, scheme = name}).x
      for i, mean in ipairs {m1, m2} do
        local v = x(":", i)
        t.ok(math.abs(v:mean() - mean) < 4 * v:std() / 100 + 0.03,
          name .. " on element " .. i)
      end
    end
  end
  local function spring(x) return x * x end
  for _, friction in ipairs {0, 1} do
    local under = friction > 0
    local m = sde.langevin {potential = spring, temperature = 0.5,
                            friction = under and friction or nil}
    for _, name in ipairs(scheme.fitting(m)) do
      local x = sde.simulate(m, {x0 = under and {0, 0} or 0, t = 12, dt = 0.05,
        paths = 10000, seed = 3, scheme = name}).x
      if under then x = x(":", 1) end
      -- T/k = 0.25; Euler-Maruyama's own bias with friction is 15 percent
      t.ok(math.abs((x * x):mean() - 0.25) < 0.25 * 4 * math.sqrt(2) / 100
        + (under and 0.05 or 0.03), name)
    end
  end
end)

-- ---- others ----------------------------------------------------------------------------

t.test("tamed Euler survives where Euler does not", function()
  local m = user(function(x) return x - x ^ 3 end,
    function(x) return 0.3 * x end)
  local x = T.full({2000}, 30.0)
  local tamed = run(prepare(m, "tamed"), x, 100, 0.1, 1)
  t.ok(tamed:isfinite():all() and tamed:abs():max() < 100)
  t.ok(not run(prepare(m, "em"), x, 100, 0.1, 1):isfinite():any())
end)

-- Means over +-sqrt(3h) (1/6 each) and 0 (2/3) of the linear equation's step:
-- E A = e^{ah} and E A^2 = e^{kappa h} up to h^3.
t.test("Platen's weak scheme with three-point increments", function()
  local a, sigma = 0.7, 0.9
  local m = sde.gbm {a = a, sigma = sigma}
  local function gaps(h)
    local first, second = 0, 0
    for _, p in ipairs {{-math.sqrt(3 * h), 1 / 6}, {0.0, 2 / 3},
                        {math.sqrt(3 * h), 1 / 6}} do
      local y = step(m, "platen", 1, h, {dw = 99.0, three = p[1]})
      first, second = first + p[2] * y, second + p[2] * y * y
    end
    return math.abs(first - math.exp(a * h)),
      math.abs(second - math.exp((2 * a + sigma ^ 2) * h))
  end
  local m1, s1 = gaps(0.02)
  local m2, s2 = gaps(0.01)
  t.near(m1 / m2, 8, 0.02) -- third order, plus O(h)
  t.near(s1 / s2, 8, 0.02)
end)

t.test("SRA1 reads the time of an additive noise", function()
  local m = user(function(x, s) return -x + s end, function(_, s)
    return 1 + s * s
  end)
  local x, s, h, dw, i10 = 0.7, 0.2, 0.1, 0.3, 0.01
  local late, early = 1 + (s + h) ^ 2, 1 + s ^ 2
  local y = x + 0.75 * h * (-x + s) + 1.5 * late * i10 / h
  t.near(step(m, "sra1", x, h, {dw = dw, i10 = i10}),
    x + h / 3 * (-x + s) + 2 * h / 3 * (-y + s + 0.75 * h)
      + late * (dw - i10 / h) + early * i10 / h, 1e-14)
end)

t.test("docs/howto-scheme.md: the scheme it adds, and what it prints", function()
  local file = assert(io.open("docs/howto-scheme.md"))
  local text = file:read("a")
  file:close()
  local code, printed = {}, {}
  for block in text:gmatch("```lua\n(.-)```") do code[#code + 1] = block end
  t.eq(#code, 2)
  local env = setmetatable({print = function(v)
    printed[#printed + 1] = tostring(v)
  end}, {__index = _G})
  assert(load(table.concat(code), "=howto", "t", env))()
  t.eq(printed, {"true"})
end)

return t
