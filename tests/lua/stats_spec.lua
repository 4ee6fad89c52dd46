-- stats_spec.lua: saddle.stats against exact values (small cases worked by hand
-- or with SciPy 1.17: ks_2samp exact, chisquare, linregress) and, for estimates
-- of tails, against samples of known exponent.  MIT licence.
local t = require "runner"
local saddle = require "saddle"
local T, law, stats = saddle.tensor, saddle.law, saddle.stats

t.test("ks: the statistic by hand, both directions, p exact", function()
  local n = law.normal()
  -- one value at x: D = max(F, 1 - F), and P(D >= d) = 2 (1 - d) for d > 1/2
  local r = stats.ks({1}, n)
  t.near(r.statistic, n:cdf(1), 1e-15)
  t.near(r.p_value, 2 * (1 - r.statistic), 1e-13)
  t.eq(r.at, 1.0)
  r = stats.ks({-1}, n)
  t.near(r.statistic, n:sf(-1), 1e-15)
  -- quantiles at i/5 - 1/10: D = 1/10, the least there is
  local p = (T.arange(1, 5):to "f64" - .5) / 5
  r = stats.ks(n:quantile(p), n)
  t.near(r.statistic, .1, 1e-14)
  t.near(r.p_value, 1, 1e-12)
  t.eq(r.n, 5)
  -- infinite values are values
  r = stats.ks({-math.huge, 0, math.huge}, n)
  t.near(r.statistic, 1 / 3, 1e-15)
end)

t.test("ks: finds a law that differs by little, and no other", function()
  local l = law.student_t{nu = 3}
  local x = l:sample(saddle.random.new(11), {100000})
  t.ok(stats.ks(x, l).p_value > 1e-3)
  -- sup |F - G| is .0052 for nu = 3.3: 1.65/sqrt n away
  t.ok(stats.ks(x, law.student_t{nu = 4}).p_value < 1e-6)
  local shape = x:reshape(100, 1000)
  t.eq(stats.ks(shape, l).statistic, stats.ks(x, l).statistic)
end)

t.test("ks: p-values are uniform under the law", function()
  local rng, l, below = saddle.random.new(5), law.cauchy(), 0
  for _ = 1, 400 do
    if stats.ks(l:sample(rng, {300}), l).p_value < .2 then below = below + 1 end
  end
  -- 80 expected, standard error 8
  t.ok(math.abs(below - 80) < 32, below)
end)

t.test("ks2", function()
  local r = stats.ks2({1, 3, 5, 7, 9, 11}, {2, 4, 10, 12, 14})
  t.near(r.statistic, 13 / 30, 1e-15)
  t.near(r.p_value, .5909090909090909, 1e-13)
  t.eq(stats.ks2({3, 1, 2}, {2, 3, 1}).statistic, 0.0)
  t.eq(stats.ks2({1, 1, 2}, {1, 2, 2}).statistic, 1 / 3)
  local rng = saddle.random.new(2)
  local a, b = rng:normal{100000}, rng:normal{80000}
  t.ok(stats.ks2(a, b).p_value > 1e-3)
  t.ok(stats.ks2(a, b + .05).p_value < 1e-6)
end)

t.test("chi_square", function()
  local r = stats.chi_square({10, 20, 30, 41}, {.1, .2, .3, .4})
  t.near(r.statistic, .014851485148514709, 1e-13)
  t.near(r.p_value, .9995207749840564, 1e-13)
  t.eq(r.df, 3)
  t.near(r.least, 10.1, 1e-13)
  -- two degrees of freedom: exp(-x/2)
  r = stats.chi_square({10, 20, 30, 41}, {.1, .2, .3, .4}, {fitted = 1})
  t.eq(r.df, 2)
  t.near(r.p_value, math.exp(-r.statistic / 2), 1e-14)
end)

t.test("hill: by hand, and on samples of known exponent", function()
  local r = stats.hill({1, 2, 4, 8}, 2) -- mean of log(8/2), log(4/2)
  t.near(r.exponent, 1 / (1.5 * math.log(2)), 1e-14)
  t.near(r.se, r.exponent / math.sqrt(2), 1e-14)
  t.eq(r.threshold, 2.0)
  t.near(stats.hill({-1, -2, -4, -8}, 2, "lower").exponent, r.exponent, 1e-14)
  t.near(stats.hill({1, -2, 4, -8}, 2, "both").exponent, r.exponent, 1e-14)
  -- exact Pareto tails: nu within four standard errors
  local u = saddle.random.new(4):uniform{200000}
  local x = u ^ (-1 / 1.6)
  local h = stats.hill(x, 20000)
  t.ok(math.abs(h.exponent - 1.6) < 4 * h.se)
  -- the saddle model: nu = 1 - 2 a/sigma^2 on either side, far enough out
  local l = law.saddle{a = -.3, sigma = 1, tau = 1, rho = .5}
  local y = l:sample(saddle.random.new(9), {1000000})
  for _, side in ipairs {"upper", "lower", "both"} do
    h = stats.hill(y, 1000, side)
    t.ok(math.abs(h.exponent - 1.6) < 4 * h.se, side)
  end
  local plot = stats.hill_plot(y, 1000, "both")
  t.near(plot.exponent[1000], h.exponent, 1e-12)
  t.eq(plot.threshold[1000], h.threshold)
  t.near(plot.se[250], plot.exponent[250] / math.sqrt(250), 1e-13)
  t.eq(plot.k[7], 7.0)
end)

t.test("qq", function()
  local n = law.normal()
  local q = stats.qq({3, 1, 2, 4}, n, 2) -- p = 1/4, 3/4: ranks 1 and 3
  t.eq(q.p, T{.25, .75})
  t.eq(q.sample, T{1.0, 3.0})
  t.near(q.law, n:quantile(T{.25, .75}), 1e-15)
  local x = n:sample(saddle.random.new(1), {100000})
  q = stats.qq(x, n, 50)
  t.ok((q.law - q.sample):abs():max() < .05) -- 4 se at p = .01 are .047
  t.eq(stats.qq({1, 2, 3}, n).p.shape, {3})
end)

t.test("mean_se, slope, binomial_se", function()
  local m = stats.mean_se{1, 2, 3, 6}
  t.eq(m.mean, 3.0)
  t.near(m.sd, math.sqrt(14 / 3), 1e-15)
  t.near(m.se, math.sqrt(14 / 12), 1e-15)
  local s = stats.slope({1, 2, 3, 5}, {1, 2.5, 2.75, 6})
  t.near(s.slope, 1.207142857142857, 1e-14)
  t.near(s.intercept, -.2571428571428571, 1e-13)
  t.near(s.se, .1767045268121854, 1e-13)
  s = stats.slope({0, 1}, {3, 1})
  t.eq(s.slope, -2.0)
  t.ok(s.se ~= s.se)
  t.near(stats.binomial_se(.2, 400), .02, 1e-15)
end)

t.test("quantiles of a sample", function()
  local x = saddle.tensor{3, 1, 2, 5, 4}
  t.eq(stats.quantile(x, 0), 1.0)
  t.eq(stats.quantile(x, 0.5), 3.0)
  t.near(stats.quantile(x, 0.9), 4.6, 1e-14) -- numpy.quantile
  t.eq(stats.quantile(x, {0.25, 1}), saddle.tensor{2, 5})
  t.eq(stats.quantile({1, math.huge}, 0), 1.0)
  t.fails(function() stats.quantile(x, 1.5) end, "shares in %[0, 1%], got 1.5")
end)

t.test("errors name the argument, expected and given", function()
  local n = law.normal()
  t.fails(function() stats.ks("x", n) end, "ks: sample: expected a tensor")
  t.fails(function() stats.ks({}, n) end, "sample: expected at least 1 value")
  t.fails(function() stats.ks({0 / 0}, n) end, "sample: 1 values are nan")
  t.fails(function() stats.ks({1}, 3) end, "law: expected a law")
  t.fails(function() stats.ks2({1}, nil) end, "ks2: b: expected a tensor")
  t.fails(function() stats.chi_square({1, 2}, {.5, .4}) end, "a sum of 1")
  t.fails(function() stats.chi_square({1, 2}, {1}) end, "at least 2 values")
  t.fails(function() stats.chi_square({1, -2}, {.5, .5}) end,
    "counts: expected numbers >= 0, got %-2")
  t.fails(function() stats.chi_square({1, 2}, {.5, .5}, {fit = 1}) end,
    "unknown option 'fit'")
  t.fails(function() stats.hill({1, 2, 3}, 3) end,
    "k: expected an integer in 1..2, got 3")
  t.fails(function() stats.hill({-1, -2, 3}, 2) end, "must be positive")
  t.fails(function() stats.hill({1, 2, 3}, 1, "left") end, "side")
  t.fails(function() stats.qq({1, 2}, n, 0) end, "points: expected an integer")
  t.fails(function() stats.slope({1, 2}, {1, 2, 3}) end, "ys: expected 2 values")
  t.fails(function() stats.slope({1, 1}, {1, 2}) end, "values that differ")
  t.fails(function() stats.mean_se{1} end, "at least 2 values, got 1")
  t.fails(function() stats.binomial_se(2, 3) end, "p: expected a number in")
end)

return t
