-- stats.lua: `saddle.stats`: does a sample fit a law, how heavy are its tails,
-- how sure is a mean or a slope. Samples are tensors (or tables) of numbers;
-- results are tables of numbers. Errors name the argument.  MIT licence.
local core = require "saddle.core"
local law_base = require "saddle.law.base"
local opt = require "saddle.opt"

local T, special = core.tensor, core.law
local M = {}

-- The sample as one flat f64 tensor of at least `least` finite values.
local function sample(x, where, name, least)
  if type(x) == "table" and not getmetatable(x) then x = T(x) end
  if type(x) ~= "userdata" or not opt.is_tensor(x) then
    core.fail(("%s: %s: expected a tensor of numbers, got %s"):format(where,
      name, opt.show(x)))
  end
  x = x:to("f64"):flatten()
  local n = x.shape[1]
  if n < least then
    core.fail(("%s: %s: expected at least %d values, got %d"):format(where,
      name, least, n))
  end
  return x, n
end

local function no_nan(x, where, name)
  local s = x:ne(x):sum()
  if s > 0 then
    core.fail(("%s: %s: %d values are nan"):format(where, name, s))
  end
end

local function check_law(law, where)
  if not law_base.is_law(law) then
    core.fail(("%s: law: expected a law of saddle.law, got %s"):format(where,
      opt.show(law)))
  end
end

-- A result whose fields are seen when it is printed.
local Shown = {__tostring = function(self)
  local parts = {}
  for key, v in pairs(self) do
    parts[#parts + 1] = key .. " = " ..
      (type(v) == "number" and ("%.6g"):format(v) or opt.show(v))
  end
  table.sort(parts)
  return table.concat(parts, ", ")
end}

local function shown(result) return setmetatable(result, Shown) end

-- ---- goodness of fit ---------------------------------------------------------

-- ks(sample, law): Kolmogorov and Smirnov's test of one sample: statistic (the
-- largest distance of the sample's distribution function from the law's),
-- p_value (exact for up to 200 values and for small p, else within 1e-6), n, at
-- (where the distance is). Infinite values are allowed, nan is not.
function M.ks(x, law)
  local n
  x, n = sample(x, "ks", "sample", 1)
  check_law(law, "ks")
  if law.name == "point" then
    core.fail("ks: law: expected a law without atoms, got a point mass")
  end
  no_nan(x, "ks", "sample")
  x = x:sort()
  local F = law:cdf(x)
  local rank = T.arange(1, n):to("f64")
  local above = rank / n - F
  local below = F - (rank - 1) / n
  local i, j = above:argmax(), below:argmax()
  local d, at = above[i], x[i]
  if below[j] > d then d, at = below[j], x[j] end
  return shown{statistic = d, p_value = special.kolmogorov_sf(d, n), n = n,
    at = at}
end

-- ks2(a, b): the same test that two samples have one law; exact without ties
-- where the product of the sizes is at most 4e6.
function M.ks2(a, b)
  local m, n
  a, m = sample(a, "ks2", "a", 1)
  b, n = sample(b, "ks2", "b", 1)
  no_nan(a, "ks2", "a")
  no_nan(b, "ks2", "b")
  local d = special.ks2(a:sort(), b:sort())
  return shown{statistic = d, p_value = special.smirnov_sf(d, m, n), m = m, n = n}
end

-- chi_square(counts, probabilities, {fitted = 0}): Pearson's test of counts in
-- classes: statistic, p_value, df = classes - 1 - fitted, least (the smallest
-- expected count: below 5 the p-value is rough). The probabilities sum to 1.
function M.chi_square(counts, probabilities, options)
  local o = opt.check(options, {fitted = 0}, "chi_square")
  local k, m
  counts, k = sample(counts, "chi_square", "counts", 2)
  probabilities, m = sample(probabilities, "chi_square", "probabilities", 2)
  if m ~= k then
    core.fail(("chi_square: probabilities: expected %d values, one for each " ..
      "count, got %d"):format(k, m))
  end
  if not (counts:min() >= 0) then
    core.fail(("chi_square: counts: expected numbers >= 0, got %g"):format(
      counts:min()))
  end
  if not (probabilities:min() > 0) then
    core.fail(("chi_square: probabilities: expected numbers > 0, got %g")
      :format(probabilities:min()))
  end
  local total = probabilities:sum()
  if math.abs(total - 1) > 1e-8 then
    core.fail(("chi_square: probabilities: expected a sum of 1, got %.10g")
      :format(total))
  end
  local df = k - 1 - o.fitted
  if df < 1 then
    core.fail(("chi_square: fitted: %g parameters leave no degree of freedom " ..
      "of %d classes"):format(o.fitted, k))
  end
  local expected = probabilities * counts:sum()
  local d = counts - expected
  local statistic = (d * d / expected):sum()
  local _, q = special.gamma_pq(df / 2, statistic / 2)
  return shown{statistic = statistic, p_value = q, df = df,
    least = expected:min()}
end

-- ---- tails -------------------------------------------------------------------

local SIDES = {"upper", "lower", "both"}

-- The values whose tail is looked at, largest first, and their number.
local function tail(x, side, where)
  x = sample(x, where, "sample", 2)
  no_nan(x, where, "sample")
  side = opt.choice(side or "upper", SIDES, where .. ": side")
  if side == "lower" then x = -x end
  if side == "both" then x = x:abs() end
  return (-x):sort() * -1
end

-- Hill's estimates from the k largest for k = 1 .. most: with running sums of
-- logarithms H(k) = mean(log x_i, i <= k) - log x_(k+1), exponent 1/H.
local function hill_table(y, most)
  local logs = y[{"1:" .. most + 1}]:log()
  local k = T.arange(1, most):to("f64")
  local sums = logs[{"1:" .. most}]:cumsum(1)
  return k / (sums - k * logs[{"2:" .. most + 1}]), k
end

local function check_k(k, y, where)
  local n = y.shape[1]
  local whole = type(k) == "number" and math.tointeger(k)
  if not whole or whole < 1 or whole >= n then
    core.fail(("%s: k: expected an integer in 1..%d, got %s"):format(where,
      n - 1, opt.show(k)))
  end
  if not (y[whole + 1] > 0) then
    core.fail(("%s: k: the %d largest values must be positive, number %d is %g")
      :format(where, whole + 1, whole + 1, y[whole + 1]))
  end
  return whole
end

-- hill(sample, k, side): Hill's estimate of the tail's exponent nu, P(X > x) ~
-- x^-nu, from the k largest values; side "upper" (default), "lower" or "both"
-- (of |x|). exponent, se = exponent/sqrt(k), k, threshold.
function M.hill(x, k, side)
  local y = tail(x, side, "hill")
  k = check_k(k, y, "hill")
  local exponents = hill_table(y, k)
  local e = exponents[k]
  return shown{exponent = e, se = e / math.sqrt(k), k = k, threshold = y[k + 1]}
end

-- hill_plot(sample, most, side): the estimates for all k up to `most`, for a
-- plot: tensors k, exponent, se, threshold.
function M.hill_plot(x, most, side)
  local y = tail(x, side, "hill_plot")
  most = check_k(most, y, "hill_plot")
  local e, k = hill_table(y, most)
  return shown{k = k, exponent = e, se = e / k:sqrt(),
          threshold = y[{"2:" .. most + 1}]:copy()}
end

-- qq(sample, law, points): quantiles of the sample beside those of the law at
-- `points` probabilities (i - 1/2)/points (100): tensors p, law, sample.
function M.qq(x, law, points)
  local n
  x, n = sample(x, "qq", "sample", 1)
  no_nan(x, "qq", "sample")
  check_law(law, "qq")
  points = points == nil and math.min(100, n) or points
  local m = type(points) == "number" and math.tointeger(points)
  if not m or m < 1 then
    core.fail(("qq: points: expected an integer >= 1, got %s"):format(
      opt.show(points)))
  end
  local p = (T.arange(1, m):to("f64") - 0.5) / m
  -- the sample's quantile at p is its value of rank ceil(p n)
  local rank = (p * n):ceil():to("i64")
  return shown{p = p, law = law:quantile(p), sample = x:sort()[rank]}
end

-- quantile(sample, p): the value below which a share p of the sample lies,
-- linear between order statistics (rank 1 + (n - 1) p, as NumPy's default); for
-- a table or tensor of shares a tensor.
function M.quantile(x, p)
  local n
  x, n = sample(x, "quantile", "sample", 1)
  no_nan(x, "quantile", "sample")
  local one = type(p) == "number"
  local q = one and T{p} or sample(p, "quantile", "p", 1)
  if not (q:ge(0):all() and q:le(1):all()) then
    core.fail(("quantile: p: expected shares in [0, 1], got %s"):format(
      one and tostring(p) or "others among them"))
  end
  x = x:sort()
  local rank = (n - 1) * q:to("f64")
  local low = rank:floor()
  local a = x[low:to("i64") + 1]
  local b = x[(low + 1):minimum(n - 1):to("i64") + 1]
  local share = rank - low
  local value = T.where(share:eq(0), a, a + share * (b - a))
  return one and value[1] or value
end

-- ---- means and lines ---------------------------------------------------------

-- mean_se(sample): mean, se (its standard error), sd, n.
function M.mean_se(x)
  local n
  x, n = sample(x, "mean_se", "sample", 2)
  local mean = x:mean()
  local d = x - mean
  local sd = math.sqrt((d * d):sum() / (n - 1))
  return shown{mean = mean, se = sd / math.sqrt(n), sd = sd, n = n}
end

-- slope(xs, ys): the least-squares line: slope, se (of the slope, from the
-- residuals; nan for two points), intercept, residual (their standard
-- deviation), n. For an order of convergence give logarithms.
function M.slope(xs, ys)
  local n, m
  xs, n = sample(xs, "slope", "xs", 2)
  ys, m = sample(ys, "slope", "ys", 2)
  if m ~= n then
    core.fail(("slope: ys: expected %d values like xs, got %d"):format(n, m))
  end
  local x, y = xs - xs:mean(), ys - ys:mean()
  local sxx = (x * x):sum()
  if not (sxx > 0) then
    core.fail("slope: xs: expected values that differ")
  end
  local b = (x * y):sum() / sxx
  local r = y - x * b
  local s2 = (r * r):sum() / (n - 2)
  return shown{slope = b, se = n > 2 and math.sqrt(s2 / sxx) or opt.nan,
          intercept = ys:mean() - b * xs:mean(),
          residual = n > 2 and math.sqrt(s2) or opt.nan, n = n}
end

-- binomial_se(p, n): standard error of a share p seen in n trials.
function M.binomial_se(p, n)
  if type(p) ~= "number" or not (p >= 0 and p <= 1) then
    core.fail(("binomial_se: p: expected a number in [0, 1], got %s"):format(
      opt.show(p)))
  end
  if type(n) ~= "number" or not (n >= 1) then
    core.fail(("binomial_se: n: expected a number >= 1, got %s"):format(
      opt.show(n)))
  end
  return math.sqrt(p * (1 - p) / n)
end

return M
