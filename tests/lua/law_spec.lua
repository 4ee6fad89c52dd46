-- law_spec.lua: saddle.law. Anchors: docs/sde.md 3.2 to 3.4; other constants in
-- 60 digits with mpmath (closed 2F1 form of the Pearson IV distribution,
-- gammainc, betainc, erfc, Kummer's function), the arguments as the doubles they
-- are. Relative errors of probabilities, tails included, are held to 1e-12, of
-- densities to 2e-13, unless said.
-- MIT licence.
local t = require "runner"
local saddle = require "saddle"
local T, law, stats = saddle.tensor, saddle.law, saddle.stats

local inf = math.huge

local function rel(got, want, tol, what)
  t.ok(got == want or math.abs(got - want) <= tol * math.abs(want),
    ("%s: got %.17g, expected %.17g"):format(what, got, want))
end

-- Laws of each kind.
local made
local function all()
  made = made or {
    law.pearson4{m = 1.5, n = -0.6, scale = 0.9, location = -0.5},
    law.pearson4{m = 0.8, n = 0.4}, law.pearson4{m = 5, n = -16.5},
    law.pearson4{m = 300, n = 200, scale = 3}, law.pearson4{m = 2, n = 900},
    law.student_t{nu = 0.7}, law.student_t{nu = 5, scale = 2, location = 1},
    law.student_t{nu = 1e5}, law.cauchy{scale = 2, location = -1},
    law.inverse_gamma{alpha = 0.6, beta = 2, location = 1},
    law.inverse_gamma{alpha = 30, beta = 2, side = -1, location = 1},
    law.normal{mean = 1, sd = 0.1}, law.lognormal{mu = 1, sigma = 2},
    law.lognormal{side = -1, location = 3},
    law.first_passage{a = 0.3, sigma = 0.5, x0 = 1, level = 2},
    law.inverse_gaussian{mean = 2, shape = 40},
    law.gbm_exit{a = 0.1, sigma = 0.5, x0 = 1, lower = 0.5, upper = 3},
    law.brownian_exit{drift = -3, x0 = 0.8, lower = 0, upper = 1},
    law.ou_exit{a = -0.5, tau = 1, radius = 2, x0 = 0.3},
    law.ou_exit{a = 1, tau = 0.1, radius = 1},
    law.ou_exit{a = 80, tau = 1, radius = 1, x0 = 0.4},
  }
  return made
end

-- ---- values ------------------------------------------------------------------

t.test("anchors of the stationary law", function()
  local rows = {
    {-.5, 1, 1, .5, 1.5, -.57735026919, .534508160381,
      {[-3] = .011715766641238, [0] = .60989346347954, [4] = .98079240413703}},
    {.2, 1, .5, .7, .8, .392078423528, .563925256269,
      {[-3] = .18241334727368, [0] = .81960825972287, [4] = .95910922202592}},
    {.1, .8, .3, -.6, .84375, -.234375, .787686837639,
      {[-3] = .046802477341562, [4] = .91368070662158}},
    {-1, .5, .2, .9, 5, -16.5179328387, 1.05369619843e-4,
      {[0] = .58323971073348}},
  }
  for _, r in ipairs(rows) do
    local a, sigma, tau, rho = r[1], r[2], r[3], r[4]
    local s = law.saddle{a = a, sigma = sigma, tau = tau, rho = rho}
    t.eq(s.name, "pearson4")
    t.near(s.params.m, r[5], 1e-11)
    t.near(s.params.n, r[6], 1e-11)
    -- the anchors have 12 digits
    rel(math.exp(s.log_constant), r[7], 1e-12, "k")
    for x, F in pairs(r[8]) do t.near(s:cdf(x), F, 2e-14) end
    t.near(s.mode, -rho * sigma * tau / (sigma ^ 2 - a), 1e-14)
  end
end)

t.test("Pearson IV against its closed form", function()
  for _, r in ipairs {
    {.5625, .25, -1e6, 1.4269991570193118e-8, .11415995793048227,
      .88584004206951773},
    {.5625, .25, 40, 5.8019420629088181e-4, .81530498278902163,
      .18469501721097837},
    {.75, -3, 2, .07217370331536424, .10033448666928872, .89966551333071128},
    {1.5, -.5, -30, 8.0881011507780272e-6, 1.2075105398012356e-4,
      .99987924894601988},
    {1.5, -.5, 1e5, 1.0348662021462432e-15, .9999999999482566,
      5.1743396350150888e-11},
    {5, -16.5, -2, 6.9819046085883345e-17, 1.0331116867734275e-17, 1},
    {5, -16.5, 8, 3.7404449523980555e-4, .99957781229372378,
      4.2218770627621881e-4},
    {20, 30, -1.5, .022634286112261967, 2.3793620866989484e-3,
      .99762063791330105},
    {200, -50, .25, .39623297051724859, .99252926037969988,
      7.470739620300116e-3},
    {3, 80, -100, 6.1523372919877122e-5, 1.4154525631245747e-3,
      .99858454743687543},
    {1000, 300, -.25, 1.2590603038754891e-3, 6.3931671180932799e-6,
      .99999360683288191},
  } do
    local p = law.pearson4{m = r[1], n = r[2]}
    rel(p:pdf(r[3]), r[4], 2e-13, tostring(p) .. " pdf")
    rel(p:cdf(r[3]), r[5], 2e-13, tostring(p) .. " cdf")
    rel(p:sf(r[3]), r[6], 2e-13, tostring(p) .. " sf")
  end
end)

t.test("inverse gamma, Student, inverse Gaussian against known values",
  function()
    local function check(l, x, pdf, cdf, sf)
      rel(l:pdf(x), pdf, 2e-13, tostring(l) .. " pdf")
      rel(l:logpdf(x), math.log(pdf), 2e-13, tostring(l) .. " logpdf")
      rel(l:cdf(x), cdf, 2e-13, tostring(l) .. " cdf")
      rel(l:sf(x), sf, 2e-13, tostring(l) .. " sf")
    end
    for _, r in ipairs {
      {.5, 3, .077799777378543261, .41421617824252512, .58578382175747488},
      {.05, 1e10, 1.6241724724359899e-12, .67516550548186543,
        .32483449451813457},
      {3, .1, .22699964881242433, 2.7693957155115772e-3, .99723060428448842},
      {40, .02, 42.99926239365597, .064570368921132994, .93542963107886701},
    } do
      check(law.inverse_gamma{alpha = r[1], beta = 1}, r[2], r[3], r[4], r[5])
      -- on the other side, moved and stretched
      local l = law.inverse_gamma{alpha = r[1], beta = 4, side = -1,
        location = 0}
      check(l, -4 * r[2], r[3] / 4, r[5], r[4])
    end
    for _, r in ipairs {
      {.6, -50, 3.6022571671295418e-4, .030023243042071858, .96997675695792814},
      {2, .3, .33096385830912663, .60375716957991119, .39624283042008881},
      {30, 4, 5.247164401974079e-4, .99980907718195812, 1.9092281804187842e-4},
    } do
      check(law.student_t{nu = r[1]}, r[2], r[3], r[4], r[5])
    end
    for _, r in ipairs {
      {1, 1, .01, 2.0811768202028318e-19, 4.1223134033187824e-23, 1},
      {2, .5, 3, .053169843767933883, .8343083811593115, .1656916188406885},
      {.5, 40, .5, 7.1364964646110845, .5222325024777926, .4777674975222074},
      {3, 1, 200, 2.9346068034397807e-9, .99999995306139318,
        4.6938606816402681e-8},
    } do
      check(law.inverse_gaussian{mean = r[1], shape = r[2]}, r[3], r[4], r[5],
        r[6])
    end
  end)

t.test("geometric Brownian motion out of an interval", function()
  local e = law.gbm_exit{a = .1, sigma = .5, x0 = 1, lower = .5, upper = 3}
  t.near(e.p_upper, .345032536013, 1e-12) -- anchors have 12 digits
  t.near(e.mean, 2.99727467866, 1e-11)
  t.near(e.p_lower + e.p_upper, 1, 1e-15)
  -- the two densities add to the law's and integrate to the two probabilities;
  -- trapezoids in log t, geometrically accurate
  local u = T.linspace(-12, 6, 4001)
  local x, h = u:exp(), 18 / 4000
  local lower, upper = e:pdf_lower(x), e:pdf_upper(x)
  t.near(lower + upper, e:pdf(x), 1e-13)
  t.near((upper * x):sum() * h, e.p_upper, 1e-12)
  t.near((lower * x):sum() * h, e.p_lower, 1e-12)
  t.near(e:moment(1), e.mean)
  -- below exp(-12) nothing has left
  t.near((e:sf(x) * x):sum() * h + math.exp(-12), e.mean, 1e-7)
  t.near(e.variance, (e:sf(x) * x * x):sum() * 2 * h - e.mean ^ 2, 1e-8)
end)

t.test("exits without drift, and across a = sigma^2/2", function()
  local e = law.brownian_exit{x0 = .2, lower = -1, upper = 2}
  t.near(e.p_upper, .4, 1e-15)
  t.near(e.mean, 1.2 * 1.8, 1e-15)
  -- mean l (L - l)/sigma^2 at a = sigma^2/2; smooth there: the series used for
  -- small drifts meets the formula used for others
  local function mean(a)
    return law.gbm_exit{a = a, sigma = .5, x0 = 1, lower = .5, upper = 3}.mean
  end
  local l, L = math.log(2), math.log(6)
  t.near(mean(.125), l * (L - l) / .25, 1e-14)
  local m = .01 * .25 / L -- drift at which the forms change over
  t.near(mean(.125 + m * (1 - 1e-9)), mean(.125 + m * (1 + 1e-9)), 1e-11)
  t.near(mean(.125 + 1e-7), mean(.125), 1e-6)
end)

t.test("one level: the probability of ever is a power, as the tail", function()
  for _, a in ipairs {.1, -.4} do
    local f = law.first_passage{a = a, sigma = .5, x0 = 1, level = 3}
    local nu = 1 - 2 * a / .25
    t.near(f.probability, 3 ^ -nu, 1e-14)
    t.eq(f.mean, inf)
    t.ok(f.why:find "defective")
    t.near(f:cdf(1e12), f.probability, 1e-12)
    t.near(f:sf(1e12), 1 - f.probability, 1e-12)
    t.eq(f:quantile(f.probability + 1e-9), inf)
    t.near(f:cdf(f:quantile(.5 * f.probability)), .5 * f.probability, 1e-13)
    t.near(f.conditional_mean, math.log(3) / math.abs(a - .125), 1e-14)
    local x = f:sample(saddle.random.new(5), {20000})
    local share = x:lt(inf):sum() / 20000
    t.ok(math.abs(share - f.probability)
      < 4 * stats.binomial_se(f.probability, 20000))
  end
  local up = law.first_passage{a = .3, sigma = .5, x0 = 1, level = 2}
  t.eq(up.probability, 1)
  t.near(up.mean, math.log(2) / (.3 - .125), 1e-14)
  local down = law.first_passage{a = .125, sigma = .5, x0 = 1, level = .5}
  t.eq(down.mean, inf)
  t.eq(down.probability, 1)
end)

t.test("Ornstein-Uhlenbeck: mean exit times and eigenvalues", function()
  for _, r in ipairs {
    {1, .1, 1, 3.28182103499198}, {1, .01, 1, 5.58690019712349},
    {-.5, 1, 2, 9.00320483245815}, {.3, 1, 1, .907511943752386},
  } do
    local e = law.ou_exit{a = r[1], tau = r[2], radius = r[3]}
    rel(e.mean, r[4], 2e-12, tostring(e))
  end
  local e = law.ou_exit{a = -.5, tau = 1, radius = 2}
  t.near(e.rates[1], .1214964404, 1e-10)
  t.near(e.rates[2], 2.681616316, 1e-9)
  t.near(e.rates[3], 7.623746208, 1e-9)
  -- a >> tau/R: the rates are a (2 k + 1), docs/sde.md 3.4
  local u = law.ou_exit{a = 1, tau = .1, radius = 1}
  for k = 1, 10 do t.near(u.rates[k], 2 * k - 1, 1e-12) end
end)

t.test("Ornstein-Uhlenbeck: survival", function()
  -- sums of residues of Kummer's function
  for _, r in ipairs {
    {-2, 0, .3, .94437053206116213}, {-2, 0, 1, .67645517523608234},
    {-2, 0, 3, .25592890624490417}, {-2, .5, .3, .82179346631554497},
    {-2, .5, 1, .58056456402447325}, {-2, .5, 3, .21964746651549977},
    {3, .25, .3, .54088781089978824}, {3, .25, 1, .055120920119690528},
    {3, .25, 3, 7.8357470568132926e-5}, {60, 0, .02, .99940688922187405},
    {60, 0, .03, .93141080492122104}, {60, 0, .06, .23345144941563639},
  } do
    local e = law.ou_exit{a = r[1], tau = 1, radius = 1, x0 = r[2]}
    rel(e:sf(r[3]), r[4], 1e-12, tostring(e))
    t.ok(e:sf(r[3]) < e:bound(r[3]))
  end
  local e = law.ou_exit{a = 1, tau = .1, radius = 1}
  for x, p in pairs {[2] = .05457817359, [3] = .4830394123,
                     [5] = .9244658919} do
    t.near(e:cdf(x), p, 1e-10) -- ten digits are known
  end
  -- far in the lower tail an approximation of some parts in 1000
  rel(e:cdf(1), 2.515911521e-8, 1e-3, "lower tail")
  -- beyond kappa = 600 the eigenfunctions have closed forms: both agree
  local function near_edge(kappa)
    return law.ou_exit{a = kappa, tau = 1, radius = 1, x0 = .02}
  end
  local below, above = near_edge(599.9999), near_edge(600.0001)
  for _, p in ipairs {1e-4, .1, .5, .9, .999} do
    local x = below:quantile(p)
    rel(above:cdf(x), p, 1e-5, "edge") -- the laws differ by 3e-7 in kappa
  end
  -- kappa = 0 is Brownian motion
  local flat = law.ou_exit{a = 0, tau = 2, radius = 3, x0 = 1}
  local bm = law.brownian_exit{sigma = 2, x0 = 1, lower = -3, upper = 3}
  for _, x in ipairs {1, 2, 5, 20} do t.near(flat:sf(x), bm:sf(x), 1e-12) end
  -- a stable origin: T is exponential, its mean past exp(50)
  local stuck = law.ou_exit{a = -50, tau = 1, radius = 1}
  t.near(stuck:sf(stuck.mean), math.exp(-1), 1e-12)
  rel(stuck:cdf(1e-9 * stuck.mean), 1e-9, 1e-8, "linear at first")
end)

-- ---- properties of every law -------------------------------------------------

local DEEP = {1e-12, 1e-8, 1e-3, .02, .3, .5, .7, .98}

t.test("quantile undoes cdf, isf undoes sf, to tails of 1e-12", function()
  for _, l in ipairs(all()) do
    -- a quantile is rounded: 1e-12 in F needs no more than that of it, but where
    -- x is near its location digits of x are lost
    local tol = l.name == "ou_exit" and 1e-5 or 1e-11
    for _, p in ipairs(DEEP) do
      local q, s = l:quantile(p), l:isf(p)
      t.ok(q >= l.support[1] and q <= l.support[2], "support")
      local spread = math.abs(l.params.location or 0)
        / math.max(math.abs(q - (l.params.location or 0)), 1e-300)
      rel(l:cdf(q), p, tol + 4e-16 * spread * 40, tostring(l) .. " cdf")
      spread = math.abs(l.params.location or 0)
        / math.max(math.abs(s - (l.params.location or 0)), 1e-300)
      rel(l:sf(s), p, tol + 4e-16 * spread * 40, tostring(l) .. " sf")
    end
    t.ok(l:quantile(0) == l.support[1] and l:quantile(1) == l.support[2],
      tostring(l) .. ": ends")
    t.ok(l:quantile(-.1) ~= l:quantile(-.1) and l:isf(1.1) ~= l:isf(1.1))
  end
end)

t.test("the density is the derivative of the distribution", function()
  for _, l in ipairs(all()) do
    for _, p in ipairs {1e-3, .1, .45, .8, .999} do
      local x = l:quantile(p)
      local h = 1e-4 * math.min(math.abs(l:quantile(p * .9) - x),
        math.abs(l:quantile(p + .1 * (1 - p)) - x))
      -- fourth order; rounding of F leaves 1e-16/1e-4
      local d = (8 * (l:cdf(x + h) - l:cdf(x - h))
        - (l:cdf(x + 2 * h) - l:cdf(x - 2 * h))) / (12 * h)
      local step = l:cdf(x + h) - l:cdf(x - h)
      -- cancellation in F: 1e-6 of it where the sum of ou_exit begins
      local noise = l.name ~= "ou_exit" and 4e-16
        or l.params.a == 80 and 4e-10 or 1e-13
      rel(l:pdf(x), d, 1e-9 + noise / step, tostring(l))
      t.near(l:cdf(x) + l:sf(x), 1, 1e-14)
      rel(math.exp(l:logpdf(x)), l:pdf(x), 1e-12, "logpdf")
    end
  end
end)

t.test("densities integrate to 1", function()
  -- trapezoids in asinh or, on a half line, in the logarithm: geometrically
  -- accurate; beyond the ends there is 2e-14
  local function asinh(z)
    return z < 0 and -asinh(-z) or math.log(z + math.sqrt(z * z + 1))
  end
  for _, l in ipairs(all()) do
    local lo, hi, n = l:quantile(1e-14), l:isf(1e-14), 20001
    local whole = l.support[1] == -inf and l.support[2] == inf
    local c, s = l:quantile(.5), l:quantile(.7) - l:quantile(.3)
    local from, to
    if whole then
      from, to = asinh((lo - c) / s), asinh((hi - c) / s)
    else -- the far end first when the support is below
      s = l.support[2] == inf and 1 or -1
      c = s == 1 and l.support[1] or l.support[2]
      from, to = math.log((lo - c) / s), math.log((hi - c) / s)
    end
    local e = T.linspace(from, to, n):exp()
    local x = whole and (e - 1 / e) * (s / 2) + c or e * s + c
    local w = whole and (e + 1 / e) * (s / 2) or e * s
    -- x - c is rounded where x is near c: 1e-9
    t.near((l:pdf(x) * w):sum() * (to - from) / (n - 1), 1, 1e-9, tostring(l))
  end
end)

t.test("the mode is the largest density", function()
  for _, l in ipairs(all()) do
    local at = l:logpdf(l.mode)
    for _, d in ipairs {-1e-2, -1e-3, 1e-3, 1e-2} do
      local x = l.mode + d * (l:quantile(.6) - l:quantile(.4))
      t.ok(l:logpdf(x) < at, tostring(l))
    end
  end
end)

t.test("samples: KS with 1e5 draws, equal for equal positions", function()
  for i, l in ipairs(all()) do
    local n = 100000
    local x = l:sample(saddle.random.new(1000 + i), {n})
    -- 20 laws at level 1e-4 each
    t.ok(stats.ks(x, l).p_value > 1e-4, tostring(l))
    local rng = saddle.random.new(1000 + i)
    local parts = {l:sample(rng, {333}), l:sample(rng, {1000})}
    t.eq(parts[1], x[{"1:333"}])
    t.eq(parts[2], x[{"334:1333"}])
    t.eq(rng:state().position, 1333)
  end
end)

t.test("samples and values are the same for one thread and two", function()
  local system = require "saddle.core".system
  local before = system.threads()
  local p = law.pearson4{m = 1.3, n = 2}
  local got = {}
  for threads = 1, 2 do
    system.set_threads(threads)
    local x = p:sample(saddle.random.new(3), {50000})
    got[threads] = {x, p:cdf(x), p:quantile(p:cdf(x))}
  end
  system.set_threads(before)
  for i = 1, 3 do t.eq(got[1][i]:ne(got[2][i]):sum(), 0) end
end)

t.test("moments agree with integrals of x^k", function()
  local function integral(l, k) -- over probabilities, 16 decades to each side
    local u = T.linspace(-36, -math.log(2), 20001)
    local p = u:exp()
    local h = (36 - math.log(2)) / 20000
    local f = (l:quantile(p) ^ k + l:isf(p) ^ k) * p
    return h * (f:sum() - .5 * (f[1] + f[20001]))
  end
  for _, r in ipairs {
    {law.pearson4{m = 4, n = -3, scale = 2, location = 1}, 3},
    {law.student_t{nu = 9, scale = .5, location = 2}, 4},
    {law.inverse_gamma{alpha = 8, beta = 3, side = -1, location = 2}, 3},
    {law.normal{mean = 1, sd = 2}, 4}, {law.lognormal{mu = .1, sigma = .3}, 3},
    {law.inverse_gaussian{mean = 2, shape = 5}, 3},
    {law.gbm_exit{a = .1, sigma = .5, x0 = 1, lower = .5, upper = 3}, 2},
    {law.ou_exit{a = .3, tau = 1, radius = 1}, 2},
  } do
    local l = r[1]
    for k = 1, r[2] do
      -- trapezoid with 20000 steps; heavy tails beyond exp(-36) are lost
      rel(integral(l, k), l:moment(k), 2e-5, tostring(l) .. " moment " .. k)
    end
    t.near(l.mean, l:moment(1), 1e-12)
    t.near(l.variance, l:moment(2) - l.mean ^ 2, 1e-10)
    t.eq(l:moment(0), 1.0)
  end
end)

t.test("moments that do not exist are inf or nan, with the reason", function()
  local p = law.pearson4{m = 1.5, n = 1} -- nu = 2
  t.near(p.mean, -1, 1e-14) -- -n/(2 m - 2)
  t.eq(p.variance, inf)
  local value, why = p:moment(2)
  t.eq(value, inf)
  t.ok(why:find "infinite")
  value, why = p:moment(3)
  t.ok(value ~= value and why:find "both sides")
  t.ok(law.cauchy().mean ~= law.cauchy().mean)
  t.eq(law.inverse_gamma{alpha = .6, beta = 1, side = -1}.mean, -inf)
  t.eq(law.inverse_gamma{alpha = .6, beta = 1}.mean, inf)
  value, why = law.first_passage{a = .1, sigma = .5, x0 = 1, level = 2}
    :moment(1)
  t.eq(value, inf)
  t.ok(why:find "never")
end)

-- ---- the special cases of the saddle model, docs/sde.md 3.11 -----------------

-- Zero flux: (s^2 p)'/2 = a x p, by central differences of log(s^2 p).
local function no_flux(o, l, points)
  for _, x in ipairs(points) do
    local function s2(y)
      return o.sigma ^ 2 * y * y + 2 * o.rho * o.sigma * o.tau * y + o.tau ^ 2
    end
    local h = 1e-4
    local function f(y) return math.log(s2(y)) + l:logpdf(y) end
    local slope = (8 * (f(x + h) - f(x - h)) - (f(x + 2 * h) - f(x - 2 * h)))
      / (12 * h)
    t.near(slope, 2 * o.a * x / s2(x), 1e-9, tostring(l))
  end
end

t.test("every branch has no flux", function()
  for _, r in ipairs {
    {"pearson4", {a = -.7, sigma = 1.2, tau = .5, rho = -.4}, {-2, .1, 3}},
    {"pearson4", {a = .2, sigma = 1, tau = .5, rho = .7}, {-2, .1, 3}},
    {"student_t", {a = -.7, sigma = 1.2, tau = .5, rho = 0}, {-2, .1, 3}},
    {"cauchy", {a = 0, sigma = 1.2, tau = .5, rho = .8}, {-2, .1, 3}},
    {"normal", {a = -.7, sigma = 0, tau = .5, rho = .3}, {-1, .1, .6}},
    -- u = x + c > 0 for a rho < 0, u < 0 for a rho > 0; c = rho tau/sigma
    {"inverse_gamma", {a = -.7, sigma = 1, tau = .5, rho = 1}, {-.4, .1, 3}},
    {"inverse_gamma", {a = .2, sigma = 1, tau = .5, rho = 1}, {-.6, -1, -9}},
    {"inverse_gamma", {a = -.7, sigma = 1, tau = .5, rho = -1}, {.4, -.1, -3}},
    {"inverse_gamma", {a = .2, sigma = 1, tau = .5, rho = -1}, {.6, 1, 9}},
  } do
    local l = law.saddle(r[2])
    t.eq(l.name, r[1])
    no_flux(r[2], l, r[3])
    t.ok(l.exists and l.normalisable)
  end
end)

t.test("point masses: a = 0 with |rho| = 1, and no additive noise", function()
  for _, r in ipairs {
    {{a = 0, sigma = 2, tau = 1, rho = 1}, -.5},
    {{a = 0, sigma = 2, tau = 1, rho = -1}, .5},
    {{a = .1, sigma = 1, tau = 0}, 0}, {{a = -1, sigma = 1, tau = 0}, 0},
    {{a = -1, sigma = 0, tau = 0}, 0},
  } do
    local l = law.saddle(r[1])
    t.eq(l.name, "point")
    t.eq(l.mean, r[2])
    t.eq(l.variance, 0.0)
    t.ok(l.exists and not l.normalisable)
    t.eq(l:cdf(r[2] - 1e-9), 0.0)
    t.eq(l:cdf(r[2]), 1.0)
    t.eq(l:cdf(T{r[2] - 1, r[2], r[2] + 1}), T{0.0, 1.0, 1.0})
    t.eq(l:sf(T{r[2] - 1, r[2], r[2] + 1}), T{1.0, 0.0, 0.0})
    t.eq(l:pdf(r[2]), inf)
    t.eq(l:quantile(.3), r[2])
    t.eq(l:sample(saddle.random.new(1), {3}), T{r[2], r[2], r[2]} + 0.0)
    t.fails(function() stats.ks({1, 2}, l) end, "without atoms")
  end
end)

t.test("laws that do not exist say why", function()
  for _, r in ipairs {
    {{a = 1, sigma = 1, tau = 1, rho = .3}, "2 a > sigma^2"},
    {{a = .5, sigma = 1, tau = 1, rho = .3}, "2 a = sigma^2"},
    {{a = .5, sigma = 1, tau = 1, rho = 1}, "2 a = sigma^2"},
    {{a = 1, sigma = 1, tau = 0}, "2 a > sigma^2"},
    {{a = .1, sigma = 0, tau = 1}, "leave like exp"},
    {{a = 0, sigma = 0, tau = 1}, "Brownian motion"},
    {{a = 0, sigma = 0, tau = 0}, "nothing moves"},
  } do
    local l = law.saddle(r[1])
    t.eq(l.exists, false)
    t.eq(l.normalisable, false)
    t.ok(l.why:find(r[2], 1, true), l.why)
    t.fails(function() l:cdf(1) end, "cdf: this law does not exist")
    t.fails(function() return l.mean end, "mean: this law does not exist")
    t.fails(function() l:sample(saddle.random.new(1)) end, "does not exist")
  end
  t.eq(law.pearson4{m = .5, n = 1}.exists, false)
  t.eq(law.student_t{nu = 0}.exists, false)
  t.eq(law.inverse_gamma{alpha = -1, beta = 1}.exists, false)
end)

t.test("the branches are limits of their neighbours", function()
  local function F(o) return law.saddle(o) end
  local function close(a, b, points, tol)
    for _, x in ipairs(points) do t.near(a:cdf(x), b:cdf(x), tol) end
  end
  local xs = {-3, -.4, .2, 5}
  close(F{a = 1e-9, sigma = 1, tau = .5, rho = .3},
    F{a = 0, sigma = 1, tau = .5, rho = .3}, xs, 1e-8)
  close(F{a = -.3, sigma = 1, tau = .5, rho = 1e-9},
    F{a = -.3, sigma = 1, tau = .5, rho = 0}, xs, 1e-8)
  -- sigma -> 0: the error is of order sigma
  close(F{a = -1, sigma = 1e-3, tau = 1, rho = .5},
    F{a = -1, sigma = 0, tau = 1}, {-1, 0, 1}, 2e-3)
  close(F{a = -1, sigma = 1e-4, tau = 1, rho = 0},
    F{a = -1, sigma = 0, tau = 1}, {-1, 0, 1}, 1e-7)
  -- rho -> 1: delta = tau sqrt(1 - rho^2)/sigma -> 0
  close(F{a = -.7, sigma = 1, tau = .5, rho = 1 - 1e-8},
    F{a = -.7, sigma = 1, tau = .5, rho = 1}, {-.4, .1, 3}, 1e-4)
  close(F{a = .2, sigma = 1, tau = .5, rho = 1 - 1e-8},
    F{a = .2, sigma = 1, tau = .5, rho = 1}, {-.8, -2, -9}, 1e-4)
  -- rho -> -rho mirrors the law
  local l = F{a = .2, sigma = 1, tau = .5, rho = .7}
  local r = F{a = .2, sigma = 1, tau = .5, rho = -.7}
  for _, x in ipairs(xs) do t.near(l:cdf(x), r:sf(-x), 1e-14) end
  -- the stationary variance tau^2/(-kappa), whatever rho
  for _, rho in ipairs {-.9, 0, .5, 1} do
    t.near(F{a = -1, sigma = .5, tau = .7, rho = rho}.variance, .49 / 1.75,
      1e-13)
    t.near(F{a = -1, sigma = .5, tau = .7, rho = rho}.mean, 0, 1e-14)
  end
end)

-- ---- arguments ---------------------------------------------------------------

t.test("tensors of any shape and dtype, tables, numbers", function()
  local p = law.pearson4{m = 2, n = 1}
  t.eq(math.type(p:pdf(1)), "float")
  t.eq(p:cdf{0, 1}, T{p:cdf(0), p:cdf(1)})
  local x = T{{0, 1, 2}, {3, 4, 5}}
  t.eq(p:cdf(x).shape, {2, 3})
  t.eq(p:cdf(x:t())[3][2], p:cdf(5))
  t.eq(p:cdf(T{0.5, 1}:to("f32")), p:cdf(T{0.5, 1}))
  t.eq(p:cdf(T.zeros{0}).shape, {0})
  t.eq(p:cdf(inf), 1.0)
  t.eq(p:cdf(-inf), 0.0)
  t.eq(p:pdf(inf), 0.0)
  t.ok(p:cdf(0 / 0) ~= p:cdf(0 / 0))
  t.eq(math.type(p:sample(saddle.random.new(1))), "float")
  t.eq(p:sample(saddle.random.new(1), {2, 3}).shape, {2, 3})
  t.eq(p:sample(saddle.random.new(1), {2, dtype = "f32"}).dtype, "f32")
end)

t.test("errors name the law, the argument, expected and given", function()
  t.fails(function() law.pearson4{n = 1} end,
    "pearson4: m: expected a finite number, got nothing")
  t.fails(function() law.pearson4{m = 1, n = 1, scale = 0} end,
    "pearson4: scale: expected a number > 0, got 0")
  t.fails(function() law.pearson4{m = 1, shape = 1} end, "unknown option")
  t.fails(function() law.pearson4(3) end, "expected a table of parameters")
  t.fails(function() law.saddle{a = 1, sigma = 1, tau = 1, rho = 1.5} end,
    "rho: expected a number in %[%-1, 1%], got 1.5")
  t.fails(function() law.saddle{a = 1, sigma = -1, tau = 1} end, "sigma")
  t.fails(function() law.student_t{nu = "2"} end, "nu: expected a finite")
  t.fails(function() law.inverse_gamma{alpha = 1, beta = 1, side = 0} end,
    "side: expected 1 or %-1, got 0")
  t.fails(function()
    law.gbm_exit{a = 1, sigma = 1, x0 = 5, lower = 1, upper = 3}
  end, "x0: expected a number in %(1, 3%), got 5")
  t.fails(function()
    law.first_passage{a = 1, sigma = 1, x0 = 1, level = 1}
  end, "level")
  t.fails(function() law.ou_exit{a = -1e3, tau = 1, radius = 1} end, "kappa")
  local p = law.pearson4{m = 2}
  t.fails(function() p.cdf(1) end, "expected a law before the colon")
  t.fails(function() p:cdf("x") end, "x: expected a number, a tensor")
  t.fails(function() p:sample(7, {3}) end, "rng: expected a generator")
  t.fails(function() p:moment(1.5) end, "k: expected an integer in 0..1000, got 1.5")
  t.fails(function() saddle.grad(function(x) return p:pdf(x) end)(T{1.0}) end,
    "no derivative rule")
  t.eq(law.no_such_law, nil)
  t.ok(law.is_law(p) and not law.is_law{})
end)

return t
