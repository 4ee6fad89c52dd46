-- sde/exit_closed.lua: mean exit times that have a formula, each from symbols
-- alone: what exit_theory is tested against, and quicker where it fits:
-- Ornstein-Uhlenbeck, the saddle model with rho = 0 where 2a is -s^2, 0, s^2 or
-- 2 s^2 (s = sigma), and its growth for large intervals. Those of geometric
-- Brownian motion are laws: law.gbm_exit, law.first_passage. docs/sde.md 3.3 to
-- 3.5.  MIT licence.
local core = require "saddle.core"
local opt = require "saddle.opt"

local tensor = core.tensor

local M = {}

local EULER = 0.57721566490153286

-- ---- arguments --------------------------------------------------------------
local function check(o, names, where)
  local defaults = {}
  for _, name in ipairs(names) do defaults[name] = opt.none end
  o = opt.check(o, defaults, where)
  for _, name in ipairs(names) do opt.number(o[name], name, where) end
  return o
end

local function need(good, where, name, expected, value)
  if not good then
    core.fail(("%s: %s: expected %s, got %g")
      :format(where, name, expected, value))
  end
end

local function log1p(x) return tensor(x + 0.0):log1p():item() end

-- ---- Ornstein-Uhlenbeck ------------------------------------------------------
-- z 2F2(1, 1; 3/2, 2; -z) by its series, for z < 1 or negative.
local function series(z)
  local term, sum, n = z, z, 0
  repeat
    n = n + 1
    term = term * -z * n / ((n + 0.5) * (n + 1))
    sum = sum + term
  until math.abs(term) < 1e-17 * math.abs(sum)
  return sum
end

-- 2 times the integral of Dawson's function from 0 to X: Rybicki's sum of
-- Gaussians h apart, integrated term by term (error exp(-(pi / 2h)^2)).
local function dawson_integral(X)
  if X > 50 then
    local y = 1 / (X * X)
    return (math.log(4 * X * X) + EULER) / 2
      - y / 4 * (1 + y * (0.75 + y * 1.25))
  end
  local h = 0.2
  local n = tensor.arange(1, 2 * math.ceil((X + 7) / h) + 1, 2):f64()
  local terms = (n * h):erf() * 2 - (n * h + X):erf() - (n * h - X):erf()
  return (terms / n):sum()
end

-- ou{a, tau, radius}: of dx = a x dt + tau dW, a > 0 repelling: mean(x), the
-- mean time to leave (-radius, radius) from x.
function M.ou(options)
  local where = "exit_closed.ou"
  local o = check(options, {"a", "tau", "radius"}, where)
  need(o.tau > 0, where, "tau", "a number > 0", o.tau)
  need(o.radius > 0, where, "radius", "a number > 0", o.radius)
  -- T(0) for the radius r; T(x) is the difference of two of them.
  local function centre(r)
    local z = o.a * r * r / (o.tau * o.tau)
    if z == 0 then return r * r / (o.tau * o.tau) end
    return (z < 1 and series(z) or dawson_integral(math.sqrt(z))) / o.a
  end
  local r = {}
  function r.mean(x)
    need(math.abs(x) <= o.radius, where, "x", "a number of size <= radius", x)
    return centre(o.radius) - centre(math.abs(x))
  end
  -- The size of large intervals, a > 0: log R.
  if o.a > 0 then
    r.large = (math.log(4 * o.a * o.radius ^ 2 / o.tau ^ 2) + EULER)
      / (2 * o.a)
  end
  return r
end

-- ---- the saddle model, rho = 0 -----------------------------------------------
-- T(0) sigma^2 as a function of u = sigma R / tau, by nu = 1 - 2a/sigma^2.
local CASES = {
  [-1] = function(u) return log1p(u * u) end,
  [0] = function(u) return tensor(u + 0.0):asinh():item() ^ 2 end,
  [1] = function(u) return 2 * u * math.atan(u) - log1p(u * u) end,
  [2] = function(u) return u * u end,
}

local function gamma_ratio(x) -- Gamma(x) / Gamma(x + 1/2), x > 0
  local shift = 1
  while x < 30 do
    shift, x = shift * (x + 0.5) / x, x + 1
  end
  local y = 1 / x
  return shift * math.sqrt(y) * (1 + y / 8 + y ^ 2 / 128 - 5 * y ^ 3 / 1024
    - 21 * y ^ 4 / 32768 + 399 * y ^ 5 / 262144)
end

local function digamma(x) -- x > 0
  local shift = 0
  while x < 12 do
    shift, x = shift - 1 / x, x + 1
  end
  local y = 1 / (x * x)
  return shift + math.log(x) - 0.5 / x
    - y * (1 / 12 - y * (1 / 120 - y * (1 / 252 - y * (1 / 240 - y / 132))))
end

-- saddle{a, sigma, tau}: {nu, regime = "log" (a > sigma^2/2), "log2" (equal) or
-- "power", exponent, mean(R, x) where a formula is known (else nil), and
-- large(R), the mean from 0 for large R: with its constant in the regimes "log"
-- and "log2", its leading power else}.
function M.saddle(options)
  local where = "exit_closed.saddle"
  local o = check(options, {"a", "sigma", "tau"}, where)
  need(o.sigma > 0, where, "sigma", "a number > 0", o.sigma)
  need(o.tau > 0, where, "tau", "a number > 0", o.tau)
  local s, scale = o.sigma, o.sigma / o.tau
  local nu = 1 - 2 * o.a / (s * s)
  local near = math.floor(nu + 0.5)
  local case = math.abs(nu - near) < 1e-14 and CASES[near]
  local r = {nu = nu, exponent = math.max(nu, 0)}
  r.regime = nu > 1e-14 and "power" or nu < -1e-14 and "log" or "log2"
  r.mean = case and function(R, x)
    need(R > 0, where, "R", "a number > 0", R)
    x = math.abs(x or 0)
    need(x <= R, where, "x", "a number of size <= R", x)
    return (case(scale * R) - case(scale * x)) / (s * s)
  end or nil
  function r.large(R)
    local u = scale * R
    if r.regime == "log2" then return (math.log(2 * u) / s) ^ 2 end
    if r.regime == "log" then
      return (2 * math.log(u) + digamma(-nu / 2) + EULER + 2 * math.log(2))
        / (2 * o.a - s * s)
    end
    local whole = math.sqrt(math.pi) / 2 * gamma_ratio(nu / 2)
    return 2 * whole * u ^ nu / (nu * s * s)
  end
  return r
end

return M
