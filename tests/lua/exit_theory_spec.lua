-- exit_theory_spec.lua: exits of one-dimensional models against the worked
-- values of docs/sde.md 3.3 to 3.5, closed forms, and double integrals done by
-- mpmath with 30 digits (noted where they stand).  MIT licence.
local t = require "runner"
local saddle = require "saddle"

local T, sde = saddle.tensor, saddle.sde
local exit, closed = sde.exit_theory, sde.exit_closed

local function model(drift, diffusion, sense)
  return {dim = 1, sense = sense or "ito", drift = drift, diffusion = diffusion}
end

local function scalar(a, s, tau, rho)
  return sde.saddle {a = a, sigma = s, tau = tau, rho = rho}
end

local function ou(a, tau) return sde.ou {a = a, tau = tau} end

-- |got - want| <= tol |want|: relative, unlike t.near.
local function close(got, want, tol, what)
  t.ok(math.abs(got - want) <= tol * math.abs(want),
    ("%s: got %.17g, expected %.17g, relative error %.1e"):format(what or "value",
      got, want, math.abs(got / want - 1)))
end

-- ---- worked values: as many digits as are printed ----------------------------
t.test("Ornstein-Uhlenbeck: mean time from the centre (3.4)", function()
  for _, v in ipairs {
    {1, 0.1, 1, 3.28182103499198}, {1, 0.01, 1, 5.58690019712349},
    {-0.5, 1, 2, 9.00320483245815}, {0.3, 1, 1, 0.907511943752386},
  } do
    local e = exit(ou(v[1], v[2]), {radius = v[3]})
    close(e:mean(0), v[4], 2e-14)
    close(e:probability(0), 0.5, 1e-13)
  end
end)

t.test("Ornstein-Uhlenbeck: eigenvalues (3.4)", function()
  local e = exit(ou(-0.5, 1), {radius = 2})
  local lambda = e:eigenvalues(5)
  -- 3.4 lists those of even functions: every other one
  for i, want in ipairs {0.1214964404, 2.681616316, 7.623746208} do
    close(lambda[2 * i - 1], want, 5e-10)
  end
  -- repelling, R >> tau: a, 2 a, .. (even and odd)
  t.near(exit(ou(1, 0.1), {radius = 1}):eigenvalues(8), T.arange(1, 8):f64(),
    1e-12)
end)

t.test("Ornstein-Uhlenbeck: P(T <= t), small ones too (3.4)", function()
  local e = exit(ou(1, 0.1), {radius = 1})
  local p = e:cdf({1, 2, 3, 5}, 0)
  -- to more digits than 3.4 prints: mpmath's Talbot with 60 points, 40 digits
  for i, want in ipairs {2.51591152130323e-8, 0.0545781735936076,
                         0.483039412326331, 0.924465891904438} do
    close(p[i], want, 1e-10)
  end
  t.near(e:survival({1, 2, 3, 5}, 0), 1 - p, 1e-11)
end)

t.test("the saddle model: mean time and side (3.5)", function()
  for _, v in ipairs {
    {0.3, 1, 0.1, 0, 1, 12.8752405108, 0.5},
    {0.1, 1, 0.1, 0, 1, 19.6216703166, 0.5},
    {-0.2, 1, 0.5, 0, 2, 10.1893099014, 0.5},
    {0.6, 1, 0.01, 0, 1, 20.7479253819, 0.5},
    {0.3, 1, 0.5, 0.5, 1, 2.5824044694, 0.45158600238},
    {0.3, 1, 0.5, 0.9, 1, 3.52041788327, 0.335218991401},
    {-0.5, 1, 1, 0.5, 2, 4.94286194146, 0.617857742682},
  } do
    local e = exit(scalar(v[1], v[2], v[3], v[4]), {radius = v[5]})
    close(e:mean(0), v[6], 3e-12)
    close(e:probability(0), v[7], 3e-11)
    local mirror = exit(scalar(v[1], v[2], v[3], -v[4]), {radius = v[5]})
    t.near(mirror:probability(0), 1 - e:probability(0), 1e-13)
  end
end)

t.test("the saddle model: P(T <= t) (3.5)", function()
  local p = exit(scalar(0.3, 1, 0.1, 0), {radius = 1}):cdf({1, 2, 3, 5}, 0)
  for i, want in ipairs {0.003496900813, 0.04477180973, 0.1123564246,
                         0.2528422753} do
    close(p[i], want, 5e-10) -- half a unit of the last digit printed
  end
end)

t.test("geometric Brownian motion (3.3)", function()
  local c = saddle.law.gbm_exit {a = 0.1, sigma = 0.5, lower = 0.5, upper = 3,
                                 x0 = 1}
  close(c.p_upper, 0.345032536013, 2e-12)
  close(c.mean, 2.99727467866, 2e-12)
  local e = exit(model(function(x) return 0.1 * x end, function(x)
    return 0.5 * x
  end), {lower = 0.5, upper = 3})
  close(e:probability(1), c.p_upper, 1e-13)
  close(e:mean(1), c.mean, 1e-13)
  for _, time in ipairs {0.02, 0.05, 0.5, 1, 3, 10} do
    for _, side in ipairs {"lower", "upper"} do
      -- 1e-19 at t = 0.02: small densities keep their relative accuracy
      close(e:density(time, 1, side), c["pdf_" .. side](c, time), 1e-9)
    end
  end
  close(e:density(0.7, 1), c:pdf(0.7), 1e-10)
end)

-- ---- independent values for user models ---------------------------------------
-- mpmath, 30 digits: P = S(l, x) / S(l, u) and T = P int_x^u S(y, u) m dy +
-- (1 - P) int_l^x S(l, y) m dy by nested quad, phi in closed form.
t.test("a double well and multiplicative noise, by mpmath", function()
  local well = exit(model(function(x) return x - x ^ 3 end, function()
    return 0.5
  end), {lower = -2, upper = 0.5})
  close(well:probability(-1), 0.999995481785688247, 1e-14)
  close(well:mean(-1), 35.0268008068375351, 1e-13)
  local function g(x) return 0.5 * (1 + x * x) end
  local many = exit(model(function(x) return 1 - x ^ 3 end, g),
    {lower = -3, upper = 2})
  close(many:probability(0.3), 0.999999118738443939, 1e-14)
  close(many:probability(0.3, "lower"), 8.81261556061e-7, 1e-9)
  close(many:mean(0.3), 5.28913760527939412, 1e-13)
  local strat = exit(model(function(x) return 1 - x ^ 3 end, g,
    "stratonovich"), {lower = -3, upper = 2})
  close(strat:probability(0.3), 0.999996635596413051, 1e-14)
  close(strat:mean(0.3), 2.83755954642836828, 1e-13)
end)

t.test("models that cannot be traced, or are read as Stratonovich", function()
  local function drift(x) return 1 - x ^ 3 end
  local function g(x) return 0.5 * (1 + x * x) end
  local plain = exit(model(function(x)
    if x > 1e6 then return 0 end -- an `if`: called point by point
    return 1 - x ^ 3
  end, g), {lower = -3, upper = 2})
  local traced = exit(model(drift, g), {lower = -3, upper = 2})
  close(plain:mean(0.3), traced:mean(0.3), 1e-14)
  -- b + g g' / 2 by hand
  local by_hand = exit(model(function(x)
    return 1 - x ^ 3 + 0.25 * x * (1 + x * x)
  end, g), {lower = -3, upper = 2})
  local strat = exit(model(drift, g, "stratonovich"), {lower = -3, upper = 2})
  close(strat:mean(0.3), by_hand:mean(0.3), 1e-13)
  -- and where g cannot be differentiated but by differences
  local rough = exit(model(drift, function(x)
    if x > 1e6 then return 1 end
    return g(x)
  end, "stratonovich"), {lower = -3, upper = 2})
  close(rough:mean(0.3), by_hand:mean(0.3), 1e-10)
end)

t.test("two correlated noises are one effective noise", function()
  local two = model(function(x) return 0.3 * x end, function(x)
    return {x, 0.5}
  end)
  two.noises, two.correlation = 2, {{1, 0.5}, {0.5, 1}}
  close(exit(two, {radius = 1}):mean(0), 2.5824044694, 1e-10)
  local form = sde.saddle {a = 0.3, sigma = 1, tau = 0.5, rho = 0.5,
                           form = "two"}
  close(exit(form, {radius = 1}):mean(0), 2.5824044694, 1e-10)
  -- two equal noises, perfectly correlated or opposed at 0
  two.correlation = {{1, 1}, {1, 1}}
  two.diffusion = function() return {0.25, 0.25} end
  close(exit(two, {radius = 1}):mean(0), exit(ou(0.3, 0.5), {radius = 1}):mean(0),
    1e-13)
end)

-- ---- closed forms ---------------------------------------------------------------
t.test("Ornstein-Uhlenbeck in closed form, off the centre", function()
  for _, v in ipairs {{1, 0.1, 1}, {1, 0.03, 1}, {-0.5, 1, 2}, {-2, 1, 3},
                      {2, 1, 0.5}, {1, 1, 1}, {0, 0.5, 1}} do
    local e = exit(ou(v[1], v[2]), {radius = v[3]})
    local c = closed.ou {a = v[1], tau = v[2], radius = v[3]}
    for _, share in ipairs {0, 0.3, -0.9} do
      close(e:mean(share * v[3]), c.mean(share * v[3]), 1e-13)
    end
  end
  local c = closed.ou {a = 1, tau = 1e-3, radius = 1}
  close(c.mean(0), c.large, 1e-6) -- next term: tau^2 / (4 a^2 R^2)
end)

t.test("the law of saddle.law for the same exits", function()
  local law = saddle.law.ou_exit {a = -0.5, tau = 1, radius = 2, x0 = 0.3}
  local e = exit(ou(-0.5, 1), {radius = 2})
  for _, time in ipairs {0.3, 1, 5, 40} do
    close(e:cdf(time, 0.3), law:cdf(time), 1e-9)
    close(e:survival(time, 0.3), law:sf(time), 1e-9)
    close(e:density(time, 0.3), law:pdf(time), 1e-9)
  end
end)

t.test("the saddle model where it has a formula", function()
  for _, a in ipairs {1, 0.5, 0, -0.5} do -- nu = -1, 0, 1, 2
    local c = closed.saddle {a = a, sigma = 1, tau = 0.1}
    local e = exit(scalar(a, 1, 0.1, 0), {radius = 3})
    close(e:mean(1), c.mean(3, 1), 1e-13)
    close(e:mean(0), c.mean(3), 1e-13)
  end
  t.eq(closed.saddle {a = 0.2, sigma = 1, tau = 0.1}.mean, nil)
  -- the border 2a = sigma^2: (asinh(sigma R / tau) / sigma)^2
  close(closed.saddle {a = 2, sigma = 2, tau = 0.3}.mean(5),
    (math.log(10 / 0.3 + math.sqrt(100 / 0.09 + 1)) / 2) ^ 2, 1e-14)
end)

t.test("three regimes of large intervals", function()
  for _, v in ipairs {{0.8, "log"}, {0.5, "log2"}, {0.2, "power"},
                      {-0.7, "power"}} do
    local c = closed.saddle {a = v[1], sigma = 1, tau = 0.1}
    t.eq(c.regime, v[2])
    -- corrections: u^nu in "log", 1 / u^2 in "log2", u^-nu ln u in "power";
    -- u = 1e9, nu = -0.6, 0, 0.6, 2.4
    close(exit(scalar(v[1], 1, 0.1, 0), {radius = 1e8}):mean(0), c.large(1e8),
      2e-4)
  end
end)

t.test("first passage of geometric Brownian motion to one level", function()
  local c = saddle.law.first_passage {a = 0.3, sigma = 0.5, x0 = 1, level = 3}
  close(c.mean, math.log(3) / (0.3 - 0.125), 1e-14)
  t.eq(c.probability, 1.0)
  -- a far lower end: nothing leaves there
  local e = exit(model(function(x) return 0.3 * x end, function(x)
    return 0.5 * x
  end), {lower = 1e-12, upper = 3})
  close(e:cdf(2, 1), c:cdf(2), 1e-9)
  close(e:density(2, 1), c:pdf(2), 1e-9)
end)

-- ---- identities ------------------------------------------------------------------
t.test("moments by side add up; Laplace transform gives them", function()
  local e = exit(scalar(0.3, 1, 0.5, 0.5), {lower = -1, upper = 2})
  local x = 0.4
  local up, down = e:probability(x), e:probability(x, "lower")
  close(up + down, 1, 1e-14)
  close(up * e:mean(x, "upper") + down * e:mean(x, "lower"), e:mean(x), 1e-13)
  close(up * e:second(x, "upper") + down * e:second(x, "lower"), e:second(x),
    1e-13)
  close(e:variance(x), e:second(x) - e:mean(x) ^ 2, 1e-12)
  -- E exp(-s T) = 1 - s T1 + s^2 T2 / 2 - ..: by differences, to h^2
  local h = 1e-4
  local f0, f1, f2 = e:laplace(0, x), e:laplace(h, x), e:laplace(2 * h, x)
  close(f0, 1, 1e-13)
  close((-3 * f0 + 4 * f1 - f2) / (2 * h), -e:mean(x), 1e-5)
  close(e:laplace(0, x, "upper"), up, 1e-12)
end)

t.test("density is the slope of the distribution, and integrates to it",
  function()
  local e = exit(scalar(0.3, 1, 0.5, 0.5), {radius = 1})
  for _, time in ipairs {0.05, 0.3, 2} do
    local h = 1e-3 * time
    local p = e:cdf({time - h, time + h}, 0.2)
    close((p[2] - p[1]) / (2 * h), e:density(time, 0.2), 1e-5)
    close(e:survival(time, 0.2) + e:cdf(time, 0.2), 1, 1e-11)
    local up, down = e:cdf(time, 0.2, "upper"), e:cdf(time, 0.2, "lower")
    close(up + down, e:cdf(time, 0.2), 1e-9)
  end
  -- both ways of computing agree where they meet: 1 - P by modes, and by the
  -- contour
  local p = e:cdf(T.linspace(0.01, 1, 100), 0.2)
  t.ok((p["2:100"] - p["1:99"]):min() > 0, "P(T <= t) must grow")
end)

t.test("Brownian motion: everything is known", function()
  local e = exit(model(function() return 0 end, function() return 2 end),
    {lower = -1, upper = 3})
  local x = T {-1, -0.5, 0, 1, 2.9, 3}
  t.near(e:mean(x), (x + 1) * (3 - x) / 4, 1e-14)
  t.near(e:probability(x), (x + 1) / 4, 1e-14)
  t.near(e:scale(x), x + 1, 1e-14)
  t.near(e:speed(x), x * 0 + 0.5, 1e-14)
  local k = T.arange(1, 48):f64()
  local want = k * k * (math.pi ^ 2 * 4 / 2 / 16)
  t.ok(((e:eigenvalues(48) - want) / want):abs():max() < 1e-12)
  -- E T^2 = (l u / 3 s^4)(l^2 + u^2 + 3 l u), distances l = 2, u = 2
  close(e:second(1), 4 / (3 * 16) * (4 + 4 + 12), 1e-13)
end)

t.test("scale and speed of the saddle model are the formulas of 3.5", function()
  local a, s, tau, rho = 0.3, 1, 0.5, 0.5
  local e = exit(scalar(a, s, tau, rho), {radius = 1})
  local c, q = rho * tau / s, math.sqrt(1 - rho * rho)
  local d, n = tau * q / s, 2 * a * rho / (s * s * q)
  local function density(x)
    local z = (x + c) / d
    return (1 + z * z) ^ (-a / (s * s)) * math.exp(n * math.atan(z))
  end
  for _, x in ipairs {-0.7, 0.1, 0.9} do
    local g2 = s * s * x * x + 2 * rho * s * tau * x + tau * tau
    close(e:speed(x), 2 * density(-1) / (g2 * density(x)), 1e-12)
    local h = 1e-5
    close((e:scale(x + h) - e:scale(x - h)) / (2 * h),
      density(x) / density(-1), 1e-8)
  end
end)

t.test("kinks, jumps and steep potentials", function()
  -- drift -sign(x), noise 1, from 0 in (-1, 1): T = (e^2 - 3) / 2
  local vee = model(function(x)
    return T.where(T.gt(x, 0.0), -1.0, 1.0)
  end, function() return 1 end)
  close(exit(vee, {radius = 1}):mean(0), (math.exp(2) - 3) / 2, 1e-12)
  -- the same with the kink at a place the halving never hits
  local shifted = model(function(x)
    return T.where(T.gt(x, 0.3), -1.0, 1.0)
  end, function() return 1 end)
  close(exit(shifted, {lower = -0.7, upper = 1.3}):mean(0.3),
    (math.exp(2) - 3) / 2, 1e-12)
  -- noise 0.1: 2 U / g^2 = 50 to climb; the other side 1e-172 (mpmath, 40
  -- digits, Gauss-Legendre with running sums from both ends)
  local cold = exit(model(function(x) return x - x ^ 3 end, function()
    return 0.1
  end), {lower = -2, upper = 0.5})
  close(cold:mean(-1), 2.32120868567662209e22, 1e-13)
  close(cold:probability(-1, "lower"), 4.08282329561e-172, 1e-11)
  -- noise 0.05 in the double well: 2 U / g^2 = 200 to climb, T = 3.2e87
  local well = exit(model(function(x) return x - x ^ 3 end, function()
    return 0.05
  end), {lower = -2, upper = 0.5})
  close(well:eigenvalues(1)[1] * well:mean(-1), 1, 1e-9)
end)

t.test("very short and very long times, starts at the ends", function()
  local e = exit(scalar(0.3, 1, 0.1, 0), {radius = 1})
  t.eq(e:cdf({0, 1e-300, 1e-9, 1e-4}, 0), {0, 0, 0, 0})
  t.near(e:cdf({0, 1}, 1), T {1, 1}, 1e-11)
  t.near(e:survival({0, 1e-300, 1e6}, 0), T {1, 1, 0}, 1e-15)
  t.near(e:cdf(1, T {-1, 0, 1}, "upper"), T {0, e:cdf(1, 0) / 2, 1}, 1e-10)
  t.eq(e:density({0, 1e-6}, 0), {0, 0})
  t.near(e:density(0.5, T {-1, 1}), T {0, 0}, 1e-9)
  t.eq(e:mean(T {-1, 1}), {0, 0})
  -- far from the end that is asked for, near the other
  local b = exit(sde.ou {a = 0, tau = 1}, {radius = 1})
  -- distance one standard deviation: erfc(1 / sqrt 2); the other is out of reach
  close(b:cdf(1e-4, 0.99), T {math.sqrt(0.5)}:erfc()[1], 1e-10)
  t.eq(b:cdf(1e-4, 0.99, "lower"), 0)
end)

t.test("the last survivors of a repelling point", function()
  -- a = 1, R / tau = 10: m ranges over e^100. The first mode is
  -- exp(-a x^2 / tau^2); its coefficient tends to 2 R / (tau sqrt pi)
  local e = exit(ou(1, 0.1), {radius = 1})
  local want = 2 * 10 / math.sqrt(math.pi)
  close(e:survival(20, 0) / math.exp(-20), want, 1e-2)
  close(e:survival(40, 0) / e:survival(30, 0), math.exp(-10), 1e-8)
  close(e:survival(30, 0.1, "upper") + e:survival(30, 0.1, "lower"),
    e:survival(30, 0.1), 1e-11)
  -- both ways agree where both work, at the crossing of 1e-3
  local m = model(function(x) return -0.5 * x end, function() return 1 end)
  local b = exit(m, {radius = 2})
  local core = require "saddle.core"
  local l = b:eigenvalues(2)
  local c = core.diffusion.residue("c", b.panels.edge, b.data, l[1],
    (l[2] - l[1]) / 40, 1, 1, T {0.3})[1]
  close(b:survival(200, 0.3), c * math.exp(-200 * l[1]), 1e-10)
end)

t.test("eigenvalues that lie ten decades apart", function()
  local well = exit(model(function(x) return x - x ^ 3 end, function()
    return 0.2
  end), {lower = -1.6, upper = 1.5})
  local lambda = well:eigenvalues(6)
  -- -s^2/2 d^2/dx^2 + b^2/(2 s^2) + b'/2 by Chebyshev collocation with 160
  -- points in numpy: its absolute error is 1e-13 of its norm
  for i, want in ipairs {false, false, 0.9285947634039, 1.587317118382,
                         1.674572996634, 1.816766356043} do
    if want then close(lambda[i], want, 1e-12) end
  end
  close(lambda[1], 1.16145e-8, 1e-5)
  close(lambda[2], 1.6349983e-6, 5e-8)
  -- Sturm's count against Lanczos where both work
  local core = require "saddle.core"
  local e = exit(sde.ou {a = -0.5, tau = 1}, {radius = 2})
  local l = e:eigenvalues(3)
  for i = 1, 3 do
    for _, share in ipairs {1 - 1e-9, 1 + 1e-9} do
      t.eq(core.diffusion.count("count", e.panels.edge, e.data, l[i] * share),
        share < 1 and i - 1 or i)
    end
  end
end)

-- ---- arguments ------------------------------------------------------------------
t.test("bad arguments", function()
  local m = ou(1, 1)
  local e = exit(m, {radius = 1})
  local function fails(fn, text)
    local err = t.fails(fn)
    t.ok(err:find(text, 1, true), ("'%s' is not in: %s"):format(text, err))
    t.ok(err:find("exit_theory_spec.lua", 1, true), "no line of ours: " .. err)
  end
  fails(function() exit(m, {lower = 1, upper = 1}) end,
    "lower, upper: expected lower < upper, got 1 and 1")
  fails(function() exit(m, {lower = 0}) end,
    "upper: expected a finite number, got nil")
  fails(function() exit(m, {radius = -1}) end, "radius: expected a number > 0")
  fails(function() exit(m, {radius = 1, lower = 0}) end, "got both")
  fails(function() exit(m, {radios = 1}) end, "did you mean 'radius'?")
  fails(function() exit({}, {radius = 1}) end, "model: expected a model")
  fails(function() exit(model(m.drift, m.diffusion, "itoo"), {radius = 1}) end,
    "expected 'ito' or 'stratonovich', got itoo")
  fails(function()
    exit({dim = 2, sense = "ito", drift = m.drift, diffusion = m.diffusion},
      {radius = 1})
  end, "expected one dimension, got 2")
  fails(function() e:mean(1.5) end, "x0: expected a number in [-1, 1], got 1.5")
  fails(function() e:mean(T {0, -2}) end, "got -2 at place 2")
  fails(function() e:mean("a") end, "x0: expected a number or a tensor")
  fails(function() e:mean(0 / 0) end, "expected a number in [-1, 1]")
  fails(function() e:mean(0, "left") end, "side: expected 'lower', 'upper'")
  fails(function() e:cdf(-1, 0) end, "t: expected finite numbers >= 0, got -1")
  fails(function() e:eigenvalues(0) end, "expected an integer in 1 .. 200")
  fails(function() e.mean(0) end, "expected an exit theory before the colon")
end)

t.test("models that have no exit theory say where", function()
  local function fails(b, g, text)
    local err = t.fails(function() exit(model(b, g), {lower = -2, upper = 2}) end)
    t.ok(err:find(text, 1, true), ("'%s' is not in: %s"):format(text, err))
  end
  local function one() return 1 end
  local function zero() return 0 end
  fails(zero, function(x) return x end, "diffusion is zero at x = 0")
  fails(zero, function(x) return x - 0.3 end, "diffusion")
  fails(one, function(x) return x - 0.3 end, "least near x = 0.29")
  fails(function(x) return 1 / (x - 0.3) end, one, "near x = 0.29999")
  fails(function(x) return x * 0 / 0 end, one, "drift is")
  fails(function(x, time) return x * time end, one,
    "expected coefficients that do not depend on t, got a drift that does")
  fails(function() return "a" end, one, "drift")
  fails(one, function() return nil end, "diffusion")
end)

return t
