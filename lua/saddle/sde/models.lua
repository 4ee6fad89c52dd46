-- sde/models.lua: models with known answers. In all of them a is the growth
-- rate, sigma the noise that multiplies x and tau the noise that does not:
--   saddle            dx = a x dt + sigma x dW + tau dU, dW dU = rho dt
--   gbm               dx = a x dt + sigma x dW
--   ou                dx = a (x - mean) dt + tau dW
--   double_well       dx = (b^2 x - x^3) dt + sigma x dW + tau dU
--   kloeden_platen    the nonlinear test of docs/sde.md 3.9
-- all in the Ito sense. m.exact(x0, t, W) is the solution as a function of the
-- Brownian path where there is one; m:moments(x0, t) mean, variance and second
-- moment.  MIT licence.
local core = require "saddle.core"
local opt = require "saddle.opt"
local model = require "saddle.sde.model"
local moments = require "saddle.sde.moments"

local T = core.tensor
local fail = core.fail

local M = {}

-- ---- parameters -----------------------------------------------------------------

local number = opt.number

local function at_least_zero(v, name, where)
  if number(v, name, where) < 0 then
    fail(("%s: %s: expected a number >= 0, got %g"):format(where, name, v))
  end
  return v + 0.0
end

local function correlation(v, where)
  if math.abs(number(v, "rho", where)) > 1 then
    fail(("%s: rho: expected a correlation in [-1, 1], got %g"):format(where,
      v))
  end
  return v + 0.0
end

-- (e^{kt} - 1) / k, t at k = 0.
local function phi(k, t)
  return k == 0 and t or T(k * t + 0.0):expm1():item() / k
end

-- ---- the saddle model --------------------------------------------------------

-- The parameters of a model whose moments are asked for from x0 after t.
local function params_of(m, x0, t)
  if getmetatable(m) ~= model.Model then
    fail(("moments: expected a model before the colon, got %s"):format(
      opt.show(m)))
  end
  number(x0, "x0", "moments")
  at_least_zero(t, "t", "moments")
  return m.params
end

local function saddle_moments(m, x0, t)
  return moments.moments(params_of(m, x0, t), x0, t)
end

-- y = asinh((x + c)/delta)/sigma has unit noise and this bounded drift:
--   [(a/sigma - sigma/2) tanh z - (a rho/(sigma q)) sech z],  z = sigma y
-- with one exponential e = e^{-|z|} for both functions.
local function saddle_lamperti(p, c, delta, q)
  local k, l = p.a / p.sigma - p.sigma / 2, p.a * p.rho / (p.sigma * q)
  return {
    to = function(x)
      return T((x + c) / delta):asinh() / p.sigma
    end,
    from = function(y)
      return delta * T(p.sigma * y):sinh() - c
    end,
    drift = l == 0 and function(y)
      return k * T(p.sigma * y):tanh()
    end or function(y)
      local e = T(-p.sigma * T(y):abs()):exp()
      local square = e * e
      return (k * T(y):sign() * (1 - square) - 2 * l * e) / (1 + square)
    end,
  }
end

-- The noise s(x) as one factor: smooth forms in the limits, and otherwise a
-- root that cannot meet a negative number.
local function saddle_factor(p, q)
  local sigma, tau, shift = p.sigma, p.tau, p.rho * p.tau
  local rest = (tau * q) ^ 2
  if sigma == 0 then
    return function()
      return tau
    end
  elseif tau == 0 then
    return function(x)
      return sigma * x
    end
  elseif q == 0 then
    return function(x)
      return sigma * x + shift
    end
  end
  return function(x)
    local u = sigma * x + shift
    return T(u * u + rest):sqrt()
  end
end

local function saddle_formula(form)
  return {
    ito = "a*x",
    stratonovich = "a*x - sigma^2*x/2 - rho*sigma*tau/2",
    noise = form == "two" and "sigma*x dW + tau dU, dW dU = rho dt"
      or "sqrt(sigma^2*x^2 + 2*rho*sigma*tau*x + tau^2) dB",
  }
end

-- The least q = sqrt(1 - rho^2) at which the Lamperti form is used: its drift
-- has a peak of a rho/(sigma q).
M.LEAST_Q = 1e-3

local function describe_saddle(m, form)
  local p = m.params
  m.kind, m.form = "saddle", form
  m.formula = saddle_formula(form)
  m.q = math.sqrt((1 - p.rho) * (1 + p.rho))
  if p.sigma > 0 then
    m.c, m.delta = p.rho * p.tau / p.sigma, p.tau * m.q / p.sigma
    if form == "one" and p.tau > 0 and m.q >= M.LEAST_Q then
      m.lamperti = saddle_lamperti(p, m.c, m.delta, m.q)
    end
  end
  m.moments = saddle_moments
  return m
end

-- saddle{a =, sigma =, tau =, rho = 0, form = "one"}: near a saddle point, or
-- near a minimum for a < 0. form = "one": dx = a x dt + s(x) dB with
-- s^2 = sigma^2 x^2 + 2 rho sigma tau x + tau^2, which has the same law and
-- schemes of higher order; "two": the noises W and U apart, with correlation
-- rho, to share them between runs.
function M.saddle(spec)
  local where = "saddle"
  if type(spec) == "table" and type(spec.params) == "table" then
    spec = spec.params -- of sde.from_sgd
  end
  local p = opt.check(spec, {a = opt.none, sigma = opt.none, tau = opt.none,
    rho = 0, form = "one"}, where)
  local form = opt.choice(p.form, {"one", "two"}, where .. ": form")
  p = {a = number(p.a, "a", where),
       sigma = at_least_zero(p.sigma, "sigma", where),
       tau = at_least_zero(p.tau, "tau", where),
       rho = correlation(p.rho, where)}
  local q = math.sqrt((1 - p.rho) * (1 + p.rho))
  local a, sigma, tau = p.a, p.sigma, p.tau
  local two = form == "two"
  local m = model.model {
    name = "saddle", sense = "ito", params = p,
    drift = function(x)
      return a * x
    end,
    diffusion = two and function(x)
      return {sigma * x, tau}
    end or saddle_factor(p, q),
    correlation = two and p.rho or nil,
  }
  return describe_saddle(m, form)
end

-- ---- others -----------------------------------------------------------------

-- gbm{a =, sigma =}: geometric Brownian motion.
function M.gbm(spec)
  local o = opt.check(spec, {a = opt.none, sigma = opt.none}, "gbm")
  local a = number(o.a, "a", "gbm")
  local sigma = at_least_zero(o.sigma, "sigma", "gbm")
  local m = M.saddle {a = a, sigma = sigma, tau = 0}
  m.name, m.params = "gbm", {a = a, sigma = sigma, tau = 0.0, rho = 0.0}
  m.formula = {ito = "a*x", stratonovich = "a*x - sigma^2*x/2",
               noise = "sigma*x dW"}
  m.exact = function(x0, t, w)
    return x0 * T((a - sigma ^ 2 / 2) * t + sigma * w):exp()
  end
  return m
end

-- ou{a =, tau =, mean = 0}: Ornstein-Uhlenbeck; it returns to the mean where
-- a < 0.
function M.ou(spec)
  local where = "ou"
  local o = opt.check(spec, {a = opt.none, tau = opt.none, mean = 0}, where)
  local a, mean = number(o.a, "a", where), number(o.mean, "mean", where)
  local tau = at_least_zero(o.tau, "tau", where)
  local m = model.model {
    name = where, sense = "ito",
    params = {a = a, sigma = 0.0, tau = tau, rho = 0.0, mean = mean},
    drift = function(x)
      return a * (x - mean)
    end,
    diffusion = function()
      return tau
    end,
  }
  m.kind = "ou"
  m.formula = {ito = "a*(x - mean)", stratonovich = "a*(x - mean)",
               noise = "tau dW"}
  function m.moments(self, x0, t)
    params_of(self, x0, t)
    local e = mean + (x0 - mean) * math.exp(a * t)
    local var = tau ^ 2 * phi(2 * a, t)
    return e, var, var + e ^ 2
  end
  return m
end

-- double_well{b = 1, tau =, sigma = 0}: the gradient flow of x^4/4 - b^2 x^2/2
-- with additive and multiplicative noise: minima at b and -b, a saddle at 0.
function M.double_well(spec)
  local where = "double_well"
  local o = opt.check(spec, {b = 1, tau = opt.none, sigma = 0}, where)
  local b, tau = number(o.b, "b", where), at_least_zero(o.tau, "tau", where)
  local sigma = at_least_zero(o.sigma, "sigma", where)
  local factor = saddle_factor({sigma = sigma, tau = tau, rho = 0.0}, 1.0)
  local m = model.model {
    name = where, sense = "ito", params = {b = b, tau = tau, sigma = sigma},
    drift = function(x)
      return (b ^ 2 - x * x) * x
    end,
    diffusion = factor,
  }
  m.formula = {ito = "b^2*x - x^3",
               stratonovich = "b^2*x - x^3 - sigma^2*x/2",
               noise = "sqrt(sigma^2*x^2 + tau^2) dB"}
  return m
end

-- kloeden_platen{alpha =, beta =}: dx = -(alpha + beta^2 x)(1 - x^2) dt
-- + beta (1 - x^2) dW, whose solution is a rational function of
-- E = exp(-2 alpha t + 2 beta W) and stays in (-1, 1).
function M.kloeden_platen(spec)
  local where = "kloeden_platen"
  local o = opt.check(spec, {alpha = opt.none, beta = opt.none}, where)
  local alpha = number(o.alpha, "alpha", where)
  local beta = number(o.beta, "beta", where)
  local m = model.model {
    name = where, sense = "ito", params = {alpha = alpha, beta = beta},
    drift = function(x)
      return -(alpha + beta ^ 2 * x) * (1 - x * x)
    end,
    diffusion = function(x)
      return beta * (1 - x * x)
    end,
  }
  m.formula = {ito = "-(alpha + beta^2*x)*(1 - x^2)",
               stratonovich = "-alpha*(1 - x^2)", noise = "beta*(1 - x^2) dW"}
  -- ((1 + x0) E + x0 - 1)/((1 + x0) E + 1 - x0), where no E can overflow
  m.exact = function(x0, t, w)
    return T(T(x0 + 0.0):atanh() - alpha * t + beta * w):tanh()
  end
  return m
end

return M
