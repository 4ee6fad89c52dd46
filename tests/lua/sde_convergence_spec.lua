-- sde_convergence_spec.lua: measured orders of every scheme, within 0.1 of the
-- table's, on problems and step ranges where the leading term dominates;
-- leading constants; the exact errors of docs/sde.md 3.8. Fixed seeds: the
-- numbers repeat to the last bit.  MIT licence.
local t = require "runner"
local saddle = require "saddle"
local T, sde = saddle.tensor, saddle.sde
local scheme = sde.scheme

local TOLERANCE = 0.1

local function measure(spec) return sde.convergence(spec) end

local function check(part, order, what)
  t.ok(math.abs(part.slope - order) < TOLERANCE,
    ("%s: slope %.3f, expected %g"):format(what, part.slope, order))
end

-- ---- problems ------------------------------------------------------------------

local kp = sde.kloeden_platen {alpha = 1, beta = 0.8}
local well = sde.double_well {tau = 0.5}
local one = sde.saddle {a = 0.3, sigma = 0.5, tau = 0.4, rho = -0.6}
local two = sde.saddle {a = 0.3, sigma = 0.5, tau = 0.4, rho = -0.6,
                        form = "two"}
local function quartic(x) return x ^ 4 / 4 - x ^ 2 / 2 end
local damped = sde.langevin {potential = quartic, temperature = 0.5,
                             friction = 1}
local overdamped = sde.langevin {potential = quartic, temperature = 0.5}
local driven = sde.model {name = "driven", sense = "ito",
  drift = function(x, s) return (3 * x + s):sin() end,
  diffusion = function(_, s) return 1.5 + s * s end}
-- two dimensions, correlated, not commuting
local plane = sde.model {name = "plane", sense = "ito", dim = 2,
  correlation = 0.5,
  drift = function(x) return {0.3 * x[2], -0.3 * x[1]} end,
  diffusion = function(x) return {{0.8 * x[2]:sin(), 0.5}, {0.8 * x[1], 0.1}} end}
-- two dimensions, diagonal and correlated: commutes, and its diffusion bends
local pair = sde.model {name = "pair", sense = "ito", dim = 2,
  correlation = -0.7,
  drift = function(x) return {x[2] - x[1], -x[1]} end,
  diffusion = function(x) return 0.5 * x:sin() + 0.2 end}

-- additive: three noises, two of them correlated, on two dimensions
local kicked = sde.model {name = "kicked", sense = "ito", dim = 2,
  correlation = {{1, 0.5, 0}, {0.5, 1, 0}, {0, 0, 1}},
  drift = function(x) return {(3 * x[2]):sin(), (2 * x[1]):cos()} end,
  diffusion = function() return T {{1, 0.5, 0}, {0, 0.7, 1}} end}

local from_32 = {32, 64, 128, 256, 512}
local from_16 = {16, 32, 64, 128}
local from_8 = {8, 16, 32, 64, 128}

-- scheme, model, steps, and order where it is not the table's; the first row of
-- a scheme is its own noise class at its full order.
local strong = {
  {"euler_maruyama", kp, {64, 128, 256, 512, 1024}, 0.5},
  {"euler_maruyama", two, from_8, 0.5},
  {"euler_maruyama", plane, from_16, 0.5},
  {"euler_maruyama", well, from_32, 1},
  {"milstein", kp, from_32}, {"milstein", two, from_8},
  {"milstein", plane, from_8}, {"milstein", pair, from_16},
  {"milstein_df", kp, from_32}, {"milstein_df", pair, from_16},
  {"heun", kp, from_32}, {"heun", two, from_8, 0.5}, {"heun", pair, from_16},
  {"euler_heun", kp, from_32}, {"euler_heun", plane, from_16, 0.5},
  {"sriw1", kp, from_32}, {"sriw1", pair, from_8},
  {"sra1", driven, from_32}, {"sra1", kicked, from_16},
  {"tamed", kp, {64, 128, 256, 512, 1024}, 0.5},
  {"theta", kp, {64, 128, 256, 512, 1024}, 0.5},
  {"exact_ou", sde.ou {a = -1, tau = 0.5}, from_8},
  {"lamperti_sra1", one, from_8, 1.5, compare = one.lamperti.to,
   reference_scheme = "lamperti_sra1"},
  {"baoab", damped, from_8}, {"sgld", overdamped, from_32},
}

-- Schemes without a strong error to measure here: their own random numbers, no
-- strong order claimed, or no error at all (tested below and in the other spec).
local elsewhere = {exact_linear = 1, platen = 1, leimkuhler_matthews = 1,
                   exact_gbm = 1}

t.test("strong orders", function()
  local seen = {}
  for _, row in ipairs(strong) do
    local name, m = row[1], row[2]
    seen[name] = true
    local r = measure {model = m, scheme = name, steps = row[3], x0 = m.dim == 1
      and 0.4 or {0.4, 0.6}, compare = row.compare, paths = m.dim == 1 and 4000 or 2000,
      reference_scheme = row.reference_scheme}
    check(r.strong, row[4] or scheme.get(name).strong, name .. " on " .. m.name)
    -- what the prepared scheme says of itself is what was measured
    t.eq(r.order, row[4] or scheme.get(name).strong, name .. " on " .. m.name)
    t.ok(r.se < 0.05, name .. " on " .. m.name)
  end
  for _, name in ipairs(scheme.names()) do
    t.ok(seen[name] or elsewhere[name], name .. " has no strong test")
  end
end)

t.test("the exact flow has no error but rounding", function()
  local r = measure {model = sde.gbm {a = 0.5, sigma = 0.7}, steps = {8, 64}}
  t.eq(r.name, "exact_gbm")
  t.ok(r.errors[2] < 1e-13)
end)

-- The area replaced by the half product: the order falls to 1/2.
t.test("Milstein needs the true area where noises do not commute", function()
  local naive = scheme.with("milstein", {name = "naive", strong = 0.5,
    setup = function() end})
  local r = measure {model = two, scheme = naive, x0 = 0.4,
    steps = from_8}
  check(r, 0.5, "half product")
  r = measure {model = two, scheme = "milstein", x0 = 0.4,
    steps = from_8}
  check(r, 1, "true area")
end)

-- The flow of W and half kicks by U, the same noises: without the correction
-- -rho sigma tau h/2 the limit is another process (docs/sde.md 2).
t.test("the splitting trap", function()
  local p = two.params
  local function row(correction)
    return {name = "splitting", strong = 0.5, sense = "ito", source = "a test",
      noise = {"general"}, step = function(_, x, _, h, w)
        local du = p.rho * w.dw[1] + two.q * w.dw[2]
        local kick = 0.5 * p.tau * du
        local flow = T((p.a - p.sigma ^ 2 / 2) * h + p.sigma * w.dw[1]):exp()
        return flow * (x + kick) + kick - correction * p.rho * p.sigma * p.tau * h
      end}
  end
  local r = measure {model = two, scheme = row(0.5), steps = from_8}
  check(r, 0.5, "corrected")
  r = measure {model = two, scheme = row(0), steps = from_8}
  t.ok(r.slope < 0.1 and r.errors[5] > 0.05)
end)

-- ---- constants -------------------------------------------------------------------

-- The roots of Hermite's polynomial as the normals' quadrature: exact to degree
-- 39, and for e^{sigma dW} far below 1e-12.
local x, weight = saddle.linalg.tridiagonal(T.zeros {20},
  T.arange(1, 19):to "f64":sqrt())
x, weight = x:totable(), weight:totable()

local function mean(f)
  local sum = 0
  for k, z in ipairs(x) do sum = sum + weight[k] * f(z) end
  return sum
end

-- E (X_n - x_T)^2 = A2^n + e^{kappa T} - 2 X^n with A2 the mean square of one
-- step of the linear equation and X the mean of step times exact flow.
local function exact_error(name, a, sigma, n)
  local m, h = sde.gbm {a = a, sigma = sigma}, 1 / n
  local p = scheme.prepare(m, name)
  local function step(z)
    return T(p.step(T(1.0), 0.0, h, {dw = z * math.sqrt(h)})):item()
  end
  local second = mean(function(z) return step(z) ^ 2 end)
  local cross = mean(function(z)
    return step(z) * math.exp((a - sigma ^ 2 / 2) * h + sigma * z * math.sqrt(h))
  end)
  return math.sqrt(second ^ n + math.exp(2 * a + sigma ^ 2) - 2 * cross ^ n)
end

-- The table of docs/sde.md 3.8. Cancellation: errors^2 down to 7e-5 from terms of
-- 25 with n roundings of 1e-16 each: 1e-9 relative at n = 1024.
t.test("exact errors for geometric Brownian motion", function()
  for _, row in ipairs {
    {8, 0.890699804, 0.838967125}, {64, 0.170589080, 0.128789428},
    {512, 0.0429869536, 0.0165720810}, {1024, 0.0292539797, 0.00830348592},
  } do
    t.near(exact_error("em", 1.5, 0.5, row[1]), row[2], 1e-9)
    t.near(exact_error("milstein", 1.5, 0.5, row[1]), row[3], 1e-9)
  end
end)

-- Four standard errors of the root mean square over 20000 paths (the fourth
-- moment of the error is finite, and about 15 times the square): 5 percent.
t.test("sampled errors are the exact ones", function()
  for _, name in ipairs {"em", "milstein"} do
    local r = measure {model = sde.gbm {a = 1.5, sigma = 0.5}, scheme = name,
                       steps = {8, 64, 512}, paths = 20000}
    for i, n in ipairs(r.steps) do
      t.ok(math.abs(r.errors[i] / exact_error(name, 1.5, 0.5, n) - 1) < 0.05)
    end
  end
end)

-- a = 0: sigma^2 sqrt(T/2) e^{sigma^2 T/2} sqrt(h), sigma^3 sqrt(T/6)
-- e^{sigma^2 T/2} h; the next term is of relative order h.
t.test("leading constants", function()
  local sigma, n = 0.8, 4096
  local growth = math.exp(sigma ^ 2 / 2)
  t.near(exact_error("em", 0, sigma, n) / (1 / n) ^ 0.5,
    sigma ^ 2 * math.sqrt(1 / 2) * growth, 2e-3)
  t.near(exact_error("milstein", 0, sigma, n) * n,
    sigma ^ 3 * math.sqrt(1 / 6) * growth, 2e-3)
  -- with a: e^{(a + sigma^2/2) T} for Euler-Maruyama, once the drift's O(h) term
  -- is small beside sqrt(h)
  t.near(exact_error("em", 0.2, sigma, 65536) * 256,
    sigma ^ 2 * math.sqrt(1 / 2) * math.exp(0.2 + sigma ^ 2 / 2), 5e-3)
  local r = measure {model = sde.gbm {a = 0, sigma = sigma}, scheme = "em",
                     steps = {256, 512, 1024}, paths = 20000}
  t.near(r.constants[3], sigma ^ 2 * math.sqrt(1 / 2) * growth, 0.03)
end)

-- ---- weak orders ------------------------------------------------------------------

local gbm = sde.gbm {a = 0.4, sigma = 0.6}
local ou = sde.ou {a = -1, tau = 0.5, mean = 0.3}
local weak = {
  {"euler_maruyama", gbm}, {"euler_maruyama", two}, {"milstein", gbm},
  {"milstein", two}, {"milstein_df", gbm}, {"heun", gbm}, {"heun", two},
  {"euler_heun", gbm},
  {"sriw1", gbm, order = 2}, {"sra1", ou}, {"platen", gbm},
  -- not linear in x; beyond 40 there is less than 1e-9 of E x^2
  {"tamed", gbm, {64, 128, 256, 512}, interval = {0, 40}, nodes = 60},
  {"theta", gbm},
  {"sgld", sde.langevin {potential = function(x) return x * x end,
                         temperature = 0.5}, from_8, value = 0},
}
-- no error to measure, or shown in the other spec or below
local no_weak = {exact_gbm = 1, exact_ou = 1, exact_linear = 1,
                 lamperti_sra1 = 1, baoab = 1, leimkuhler_matthews = 1}

t.test("weak orders by moment recursion, without sampling", function()
  local seen = {}
  for _, row in ipairs(weak) do
    local name, m = row[1], row[2]
    seen[name] = true
    local value
    if row.value then -- sgld: dx = -2x dt + dW: E x^2 from x0 = 1
      value = math.exp(-4) + (1 - math.exp(-4)) / 4
    end
    local r = measure {model = m, scheme = name, strong = false, weak = 2,
      steps = row[3] or {16, 32, 64, 128}, value = value,
      interval = row.interval, nodes = row.nodes}
    check(r.weak, row.order or scheme.get(name).weak, name .. " on " .. m.name)
  end
  for _, name in ipairs(scheme.names()) do
    t.ok(seen[name] or no_weak[name], name .. " has no weak test")
  end
end)

-- E X_n = (1 + a h)^n whatever the noise.
t.test("the mean of Euler-Maruyama is that of Euler", function()
  local r = measure {model = gbm, scheme = "em", strong = false, weak = 1,
                     steps = {10, 20}}
  for i, n in ipairs(r.steps) do
    t.near(r.weak.errors[i], math.exp(0.4) - (1 + 0.4 / n) ^ n, 1e-12)
  end
end)

-- Nonlinear, by interpolation: paths stay inside the interval, whose ends are
-- fixed points. SRIW1 has weak order 1.5 here: one step's error in E x^2 is of
-- order h^2.5, since sqrt(h) enters its stages; with linear coefficients that
-- term vanishes, and the order is 2.
t.test("weak orders of a nonlinear model", function()
  local m = sde.kloeden_platen {alpha = 0.3, beta = 0.4}
  for name, order in pairs {platen = 2, sriw1 = 1.5, euler_maruyama = 1} do
    local r = measure {model = m, scheme = name, strong = false, x0 = 0.2,
      weak = function(v) return v ^ 2 + v end, interval = {-1, 1},
      nodes = 40, steps = {8, 16, 32}}
    check(r.weak, order, name)
  end
end)

t.test("Lamperti: weak order 2 in y", function()
  -- the same equation in y, for the harness: unit noise and the drift in y
  local m = sde.model {sense = "ito", drift = one.lamperti.drift,
                       diffusion = function() return 1 end}
  local r = measure {model = m, scheme = "sra1", strong = false, x0 = 0.5,
    weak = function(y) return y:tanh() end, interval = {-9, 9}, nodes = 120,
    steps = {4, 8, 16}}
  check(r.weak, 2, "lamperti")
end)

-- Harmonic well: first and second moments by the linear recursion of one step,
-- against a run of 64 times the steps (its own error is 1/4096).
t.test("BAOAB: weak order 2", function()
  local m = sde.langevin {potential = function(v) return v * v end,
                          temperature = 0.6, friction = 0.7}
  local p = scheme.prepare(m, "baoab")
  local function second(n)
    local h = 1 / n
    local step = saddle.jit(function(s, dw)
      return p.step(s, 0.0, h, {dw = dw})
    end)
    local A = T.stack({step(T {1, 0}, 0.0), step(T {0, 1}, 0.0)}, 2)
    local noise = (step(T {0, 0}, 1.0) * math.sqrt(h)):reshape(2, 1)
    local P = T {{1, 0}, {0, 0}} -- from x = 1, v = 0
    for _ = 1, n do P = A:mm(P):mm(A:t()) + noise:mm(noise:t()) end
    return P[1][1]
  end
  local value, errors = second(4096), {}
  for i, n in ipairs {8, 16, 32} do errors[i] = math.abs(second(n) - value) end
  t.near(math.log(errors[1] / errors[2], 2), 2, 0.05)
  t.near(math.log(errors[2] / errors[3], 2), 2, 0.05)
end)

-- ---- the harness ----------------------------------------------------------------

t.test("increments of all step sizes are those of one path", function()
  local increments = require "saddle.sde.increments"
  local rng = saddle.random.new(4)
  local pieces, n, h = {}, 64, 0.01
  for k = 1, n do
    pieces[k] = increments.draw(rng, h, 3, 2, {time = true, area = true})
  end
  local whole
  for k = 1, n do whole = increments.join(whole, pieces[k]) end
  -- direct sums: W at the start of each piece, and what each adds
  local w, i10, i12 = T.zeros {3, 2}, T.zeros {3, 2}, T.zeros {3}
  for k = 1, n do
    i10 = i10 + h * w + pieces[k].i10
    i12 = i12 + w(":", 1) * pieces[k].dw(":", 2) + pieces[k].area[1][2]
    w = w + pieces[k].dw
  end
  t.near(whole.dw, w, 1e-14)
  t.near(whole.i10, i10, 1e-14)
  t.near(whole.area[1][2], i12, 1e-14)
  t.near(whole.area[1][2] + whole.area[2][1], w(":", 1) * w(":", 2), 1e-14)
  t.near(whole.area[1][1], 0.5 * (w(":", 1) * w(":", 1) - n * h), 1e-13)
  t.near(whole.h, n * h, 1e-13)
  -- order of joining does not matter
  local left, right
  for k = 1, n / 2 do
    left = increments.join(left, pieces[k])
    right = increments.join(right, pieces[n / 2 + k])
  end
  t.near(increments.join(left, right).area[2][1], whole.area[2][1], 1e-13)
end)

-- Var I10 = h^3/3, E dW I10 = h^2/2, Var I12 = h^2/2: within four standard errors
-- over 40000 draws (standard deviations of the squares: at most 3 times them).
t.test("the laws of the increments", function()
  local increments = require "saddle.sde.increments"
  local n, h = 40000, 0.5
  local piece = increments.draw(saddle.random.new(5), h, n, 2,
    {time = true, area = true})
  local dw, i10, i12 = piece.dw(":", 1), piece.i10(":", 1), piece.area[1][2]
  local four = 4 * 3 / math.sqrt(n)
  t.near((i10 * i10):mean() * 3 / h ^ 3, 1, four)
  t.near((dw * i10):mean() * 2 / h ^ 2, 1, four)
  t.near((i12 * i12):mean() * 2 / h ^ 2, 1, four)
end)

t.test("what a result holds, as text and as a figure", function()
  local r = measure {model = kp, scheme = "sriw1", x0 = 0.1, weak = 1,
    interval = {-1, 1}, steps = {8, 16, 32}, paths = 1000}
  t.eq(r.steps, {8, 16, 32})
  t.eq(r.h, {1 / 8, 1 / 16, 1 / 32})
  t.near(r.constants[3], r.errors[3] * 32 ^ 1.5, 1e-14)
  t.near(r.between[2], math.log(r.errors[2] / r.errors[3], 2), 1e-13)
  local text = tostring(r)
  t.ok(text:find("sriw1 on kloeden_platen"))
  t.ok(text:find("strong +slope %d%.%d+ %+%- .*stated 1.5"))
  t.ok(text:find("weak +slope"))
  local name = os.tmpname()
  r:figure():script(name)
  local file = assert(io.open(name))
  local script = file:read("a")
  file:close()
  os.remove(name)
  t.ok(script:find("logscale x") and script:find("strong order 1.5"))
  -- the same seed, the same bits
  local again = measure {model = kp, scheme = "sriw1", x0 = 0.1,
    steps = {8, 16, 32}, paths = 1000}
  t.eq(again.errors, r.errors)
end)

t.test("steps at which paths explode do not hide the others' slope", function()
  local m = sde.model {sense = "ito", drift = function(x) return -20 * x ^ 3 end,
                       diffusion = function(x) return x end}
  local r = measure {model = m, scheme = "em", x0 = 2, paths = 1000,
                     steps = {8, 16, 1024, 2048, 4096}}
  t.ok(not (r.errors[1] < math.huge))
  check(r, 0.5, "finite levels")
end)

t.test("weak errors of nonlinear coefficients ask for an interval", function()
  t.fails(function()
    sde.convergence {model = sde.kloeden_platen {alpha = 1, beta = 0.8},
      scheme = "milstein", x0 = 0.4, steps = {16, 32, 64}, strong = false,
      weak = 2}
  end, "give interval = {low, high}")
  t.fails(function()
    sde.convergence {model = sde.kloeden_platen {alpha = 1, beta = 0.8},
      scheme = "platen", x0 = 0.4, steps = {16, 32, 64}, strong = false,
      weak = function(x) return x * x + x end, interval = {-1.2, 1.2}}
  end, "do not resolve the function")
end)

t.test("the harness's bad input", function()
  t.fails(function() measure {scheme = "em"} end, "model is missing")
  t.fails(function() measure {model = kp, steps = {8, 12}} end,
    "multiple of the one before, got 12 after 8")
  t.fails(function() measure {model = kp, t = 0} end, "t: expected a number > 0")
  t.fails(function() measure {model = kp, path = 3} end, "did you mean 'paths'")
  t.fails(function() measure {model = well, reference = 100} end,
    "reference: expected a multiple of 128, got 100")
  t.fails(function()
    measure {model = one, scheme = "exact_linear"}
  end, "draws random numbers of its own")
  t.fails(function() measure {model = plane, x0 = {1, 2, 3}} end,
    "option 'x0': expected a tensor %[2%].* got %[3%]")
  t.fails(function() measure {model = kp, x0 = "one"} end,
    "'x0': expected a number.*, got one")
  t.fails(function()
    measure {model = plane, scheme = "em", strong = false, weak = 2}
  end, "computed for dim = 1")
  t.fails(function() measure {model = gbm, weak = 0} end, "weak: expected")
end)

return t
