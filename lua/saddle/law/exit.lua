-- law/exit.lua: the time at which Brownian motion with drift, or geometric
-- Brownian motion (the saddle model without additive noise), leaves an interval,
-- docs/sde.md 3.3. Besides the methods of all laws: p_lower, p_upper, the
-- probabilities of the two ends, and pdf_lower(t), pdf_upper(t), the densities
-- of leaving there, which integrate to them.  MIT licence.
local base = require "saddle.law.base"
local core = require "saddle.core"
local opt = require "saddle.opt"

local function expm1(x) return core.law.expm1(x) end

-- Of the motion in (0, 1) with drift m from l: probability of the end 1.
local function upper(m, l)
  if m == 0 then return l end
  if m < 0 then -- the same, with exponents that do not overflow
    return math.exp(2 * m * (1 - l)) * expm1(2 * m * l) / expm1(2 * m)
  end
  return expm1(-2 * m * l) / expm1(-2 * m)
end

-- Mean time (P - l)/m; near m = 0 its series, whose coefficients are Bernoulli
-- polynomials: the generating function of them is P.
local function mean_time(m, l)
  if math.abs(m) > 0.01 then return (upper(m, l) - l) / m end
  local b2, b3 = l * (l - 1), l * (l - 0.5) * (l - 1)
  local b4 = (l * (l - 1)) ^ 2
  local b5 = l * (l ^ 4 - 2.5 * l ^ 3 + 5 / 3 * l ^ 2 - 1 / 6)
  local b6 = l * l * (l ^ 4 - 3 * l ^ 3 + 2.5 * l ^ 2 - 0.5)
  return -b2 + m * (2 / 3 * b3 + m * (-b4 / 3 + m * (2 / 15 * b5
    - m * 2 / 45 * b6)))
end

local function side(sign)
  return function(self, t)
    if type(t) == "table" then t = core.tensor(t) end
    return self.core:eval("side_pdf", t * sign)
  end
end

-- Drift mu, noise sigma, on an interval of that length, from the share l.
local function exit(name, params, mu, sigma, length, l)
  local m, scale = mu * length / sigma ^ 2, (length / sigma) ^ 2
  local law = base.new {
    name = name, params = params, support = {0, math.huge},
    core = base.make("exit", m, l, 0, scale),
    p_upper = upper(m, l), p_lower = upper(-m, 1 - l),
    pdf_lower = side(1), pdf_upper = side(-1),
    mean = scale * mean_time(m, l),
    lazy = {mode = base.time_mode},
  }
  law.moments = function(k)
    if k == 1 then return law.mean end
    return base.time_moment(law, k)
  end
  law.lazy.variance = function(self)
    return self:moment(2) - self.mean ^ 2
  end
  return law
end

local function check(p, where, least)
  base.demand(p.sigma > 0, where, "sigma", "a number > 0", p.sigma)
  base.demand(p.lower > least, where, "lower", "a number above " .. least,
    p.lower)
  base.demand(p.upper > p.lower, where, "upper", "a number above lower",
    p.upper)
  base.demand(p.x0 > p.lower and p.x0 < p.upper, where, "x0",
    ("a number in (%g, %g)"):format(p.lower, p.upper), p.x0)
end

local M, none = {}, opt.none

-- brownian_exit{drift = 0, sigma = 1, x0 =, lower =, upper =}: of dx = drift dt
-- + sigma dW.
function M.brownian_exit(o)
  local p = base.options(o, {drift = 0, sigma = 1, x0 = none, lower = none,
    upper = none}, "brownian_exit")
  check(p, "brownian_exit", -math.huge)
  local length = p.upper - p.lower
  return exit("brownian_exit", p, p.drift, p.sigma, length,
    (p.x0 - p.lower) / length)
end

-- gbm_exit{a =, sigma =, x0 =, lower =, upper =}: of dx = a x dt + sigma x dW.
function M.gbm_exit(o)
  local p = base.options(o, {a = none, sigma = none, x0 = none, lower = none,
    upper = none}, "gbm_exit")
  check(p, "gbm_exit", 0)
  local length = math.log(p.upper / p.lower)
  return exit("gbm_exit", p, p.a - p.sigma ^ 2 / 2, p.sigma, length,
    math.log(p.x0 / p.lower) / length)
end

return M
