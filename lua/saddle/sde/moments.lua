-- sde/moments.lua: the moments of the saddle model dx = a x dt + sigma x dW +
-- tau dU, d<W, U> = rho dt, at time t from x0, docs/sde.md 3.1. With kappa =
-- 2 a + sigma^2 and phi(z) = (e^z - 1)/z every term is finite in every limit
-- (kappa = 0, a + sigma^2 = 0, a = 0) and none is a difference of large ones.
-- Times and starts are numbers or tensors.  MIT licence.
local core = require "saddle.core"
local base = require "saddle.law.base"
local opt = require "saddle.opt"

local T = core.tensor
local M = {}

local function expm1(z)
  return type(z) == "number" and core.law.expm1(z) or z:expm1()
end

local function exp(z)
  return type(z) == "number" and math.exp(z) or z:exp()
end

-- (e^z - 1)/z, 1 at 0.
local function phi(z)
  if type(z) == "number" then return z == 0 and 1.0 or expm1(z) / z end
  local zero = z:eq(0)
  local safe = T.where(zero, z + 1, z)
  return T.where(zero, z * 0 + 1, safe:expm1() / safe)
end

local function check(params, where)
  local p = {}
  for _, key in ipairs {"a", "sigma", "tau", "rho"} do
    p[key] = type(params) == "table" and params[key]
    if p[key] == nil and key == "rho" then p[key] = 0 end
  end
  p = base.options(p, {a = opt.none, sigma = opt.none, tau = opt.none,
    rho = 0}, where)
  base.demand(math.abs(p.rho) <= 1, where, "rho", "a number in [-1, 1]", p.rho)
  return p
end

local function numeric(v, where, name)
  if type(v) == "number" then return v end
  if type(v) == "table" and not getmetatable(v) then return T(v):to("f64") end
  if opt.is_tensor(v) then return v end
  return core.fail(("%s: %s: expected a number or a tensor, got %s"):format(
    where, name, opt.show(v)))
end

-- Variance = x0^2 e^(2 a t) (e^(sigma^2 t) - 1)
--   + 2 rho sigma tau x0 e^(a t) t phi((a + sigma^2) t) + tau^2 t phi(kappa t)
local function variance(p, x0, t)
  local s2 = p.sigma ^ 2
  local cross = 2 * p.rho * p.sigma * p.tau
  return x0 * x0 * exp(2 * p.a * t) * expm1(s2 * t)
    + cross * x0 * exp(p.a * t) * t * phi((p.a + s2) * t)
    + p.tau ^ 2 * t * phi((2 * p.a + s2) * t)
end

-- moments(params, x0, t): mean, variance and second moment of x_t; params: a,
-- sigma, tau, rho (0).
function M.moments(params, x0, t)
  local p = check(params, "moments")
  x0, t = numeric(x0, "moments", "x0"), numeric(t, "moments", "t")
  local mean, v = x0 * exp(p.a * t), variance(p, x0, t)
  return mean, v, v + mean * mean
end

-- autocovariance(params, x0, s, t): the covariance of x_s and x_t, numbers:
-- e^(a |t - s|) times the variance at the earlier one.
function M.autocovariance(params, x0, s, t)
  local p = check(params, "autocovariance")
  for name, v in pairs {x0 = x0, s = s, t = t} do
    if type(v) ~= "number" then
      core.fail(("autocovariance: %s: expected a number, got %s"):format(name,
        opt.show(v)))
    end
  end
  return math.exp(p.a * math.abs(t - s)) * variance(p, x0, math.min(s, t))
end

-- stationary(params): mean and variance of the stationary law: 0 and
-- tau^2/(-kappa) while kappa < 0, whatever rho; else inf, and nan for the mean
-- when a >= 0.
function M.stationary(params)
  local p = check(params, "stationary")
  local kappa = 2 * p.a + p.sigma ^ 2
  return p.a < 0 and 0.0 or opt.nan,
         kappa < 0 and p.tau ^ 2 / -kappa or math.huge
end

-- gbm(params, x0, t, k): E |x_t|^k without additive noise, any real k:
-- |x0|^k exp(k (a - sigma^2/2) t + k^2 sigma^2 t/2).
function M.gbm(params, x0, t, k)
  local p = check({a = params.a, sigma = params.sigma, tau = 0}, "gbm")
  local s2 = p.sigma ^ 2
  return math.abs(x0) ^ k
    * math.exp(k * (p.a - s2 / 2) * t + k * k * s2 * t / 2)
end

return M
