-- law/ou_exit.lua: the time at which dx = a x dt + tau dU, started at x0, leaves
-- (-radius, radius): the saddle model without multiplicative noise, docs/sde.md
-- 3.4. law.rates: the eigenvalues lambda_k of P(T > t) = sum w_k exp(-lambda_k
-- t); law:bound(t) = P(|x_t| < radius), which P(T > t) never exceeds, as quick
-- as erf.  MIT licence.
local base = require "saddle.law.base"
local core = require "saddle.core"
local opt = require "saddle.opt"

-- The variance of x_t and its mean, from x0.
local function spread(p, t)
  local v = p.a == 0 and t or core.law.expm1(2 * p.a * t) / (2 * p.a)
  return p.tau * math.sqrt(v), p.x0 * math.exp(p.a * t)
end

local function bound(self, t)
  if type(t) ~= "number" then
    core.fail("bound: t: expected a number, got " .. opt.show(t))
  end
  local p = self.params
  local s, m = spread(p, t)
  if not (t > 0) then return 1.0 end
  if s == math.huge then return 0.0 end
  local cdf = core.law.normal_cdf
  return cdf((p.radius - m) / s) - cdf((-p.radius - m) / s)
end

return function(o)
  local none = opt.none
  local p = base.options(o, {a = none, tau = none, radius = none, x0 = 0},
    "ou_exit")
  base.demand(p.tau > 0, "ou_exit", "tau", "a number > 0", p.tau)
  base.demand(p.radius > 0, "ou_exit", "radius", "a number > 0", p.radius)
  base.demand(math.abs(p.x0) < p.radius, "ou_exit", "x0",
    "a number inside the radius", p.x0)
  local scale = (p.radius / p.tau) ^ 2
  local law = base.new {
    name = "ou_exit", params = p, support = {0, math.huge},
    core = base.make("ou_exit", p.a * scale, p.x0 / p.radius, 0, scale),
    bound = bound, lazy = {mode = base.time_mode},
  }
  law.rates = law.core:rates() / scale
  law.moments = function(k) return base.time_moment(law, k) end
  law.lazy.mean = function(self) return (self:moment(1)) end
  law.lazy.variance = function(self) return self:moment(2) - self.mean ^ 2 end
  return law
end
