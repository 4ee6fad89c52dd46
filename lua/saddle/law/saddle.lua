-- law/saddle.lua: the stationary law of dx = a x dt + sigma x dW + tau dU with
-- d<W, U> = rho dt, docs/sde.md 3.2, and its special cases, docs/sde.md 3.11:
-- which of them holds is decided here and nowhere else.
-- With c = rho tau/sigma, delta = tau sqrt(1 - rho^2)/sigma the noise is
-- s^2(x) = sigma^2 ((x + c)^2 + delta^2), and nu = 1 - 2 a/sigma^2 is the
-- exponent of the tails.  MIT licence.
local base = require "saddle.law.base"
local opt = require "saddle.opt"

local function child(name, params)
  return require("saddle.law." .. name)(params)
end

-- Without multiplicative noise: Ornstein-Uhlenbeck, or no noise at all.
local function additive(p)
  if p.tau == 0 then
    if p.a < 0 then return child("point", {at = 0}) end
    return nil, p.a == 0 and "nothing moves: every law is stationary"
      or "without noise every path but 0 grows without bound"
  end
  if p.a < 0 then
    return child("normal", {sd = p.tau / math.sqrt(-2 * p.a)})
  end
  return nil, (p.a == 0 and "a = 0 without multiplicative noise is Brownian " ..
    "motion, which spreads for ever" or "a > 0 without multiplicative noise: " ..
    "paths leave like exp(a t)") ..
    "; the density of zero flux is not normalisable"
end

-- |rho| = 1: u = x + c is multiplied by its noise alone, and keeps to one side.
local function one_sided(p, c)
  if p.a == 0 then return child("point", {at = -c}) end
  return child("inverse_gamma", {
    alpha = 1 - 2 * p.a / p.sigma ^ 2,
    beta = 2 * math.abs(p.a) * p.tau / p.sigma ^ 3,
    side = p.a * p.rho > 0 and -1 or 1, location = -c,
  })
end

-- sqrt(1 - rho^2) without cancellation.
local function rest(rho) return math.sqrt((1 - rho) * (1 + rho)) end

local function both(p)
  local a, sigma, tau, rho = p.a, p.sigma, p.tau, p.rho
  local c, s2 = rho * tau / sigma, sigma * sigma
  local nu = 1 - 2 * a / s2
  if math.abs(nu) < 1e-15 then nu = 0.0 end -- sigma = 2^0.5 is meant
  if nu <= 0 then
    local edge = nu == 0
    return nil, ("2 a %s sigma^2: nu = 1 - 2 a/sigma^2 = %g is not positive, " ..
      "the density |x|^-(1 + nu) is not normalisable; paths %s"):format(
      edge and "=" or ">", nu, edge and "wander ever further" or
      "grow without bound")
  end
  if tau == 0 then
    -- x = 0 is reached by all: the growth rate a - sigma^2/2 is negative
    return child("point", {at = 0})
  end
  if math.abs(rho) == 1 then return one_sided(p, c) end
  local q = rest(rho)
  if a == 0 then
    return child("cauchy", {location = -c, scale = tau * q / sigma})
  elseif rho == 0 then
    return child("student_t", {nu = 1 - 2 * a / s2,
      scale = tau / math.sqrt(s2 - 2 * a)})
  end
  return child("pearson4", {m = 1 - a / s2, n = 2 * a * rho / (s2 * q),
    scale = tau * q / sigma, location = -c})
end

return function(o)
  local p = base.options(o, {a = opt.none, sigma = opt.none, tau = opt.none,
    rho = 0}, "law.saddle")
  base.demand(p.sigma >= 0, "law.saddle", "sigma", "a number >= 0", p.sigma)
  base.demand(p.tau >= 0, "law.saddle", "tau", "a number >= 0", p.tau)
  base.demand(math.abs(p.rho) <= 1, "law.saddle", "rho", "a number in [-1, 1]",
    p.rho)
  local law, why
  if p.sigma == 0 then
    law, why = additive(p)
  else
    law, why = both(p)
  end
  law = law or base.none("saddle", p, why)
  law.model = p
  return law
end
