-- law/inverse_gamma.lua: location + side y, where 1/y has the gamma law of shape
-- alpha and rate beta: on x > location for side = 1, on x < location for side =
-- -1. The saddle model at |rho| = 1, docs/sde.md 3.2.  MIT licence.
local base = require "saddle.law.base"
local opt = require "saddle.opt"

-- E y^j = beta^j/((alpha - 1) ... (alpha - j))
local function standard(alpha)
  return function(j)
    if j >= alpha then
      return math.huge, ("E |x|^%d is infinite: alpha = %g"):format(j, alpha)
    end
    local value = 1.0
    for i = 1, j do value = value / (alpha - i) end
    return value
  end
end

return function(o)
  local p = base.options(o, {alpha = opt.none, beta = opt.none, side = 1,
    location = 0}, "inverse_gamma")
  base.demand(p.beta > 0, "inverse_gamma", "beta", "a number > 0", p.beta)
  base.demand(p.side == 1 or p.side == -1, "inverse_gamma", "side", "1 or -1",
    p.side)
  if p.alpha <= 0 then
    return base.none("inverse_gamma", p, ("alpha = %g is not positive: the " ..
      "density is not normalisable"):format(p.alpha))
  end
  local scale, alpha = p.side * p.beta, p.alpha
  local law = base.new {
    name = "inverse_gamma", params = p, nu = alpha,
    support = p.side == 1 and {p.location, math.huge}
      or {-math.huge, p.location},
    core = base.make("inverse_gamma", alpha, 0, p.location, scale),
    mode = p.location + scale / (alpha + 1),
    moments = base.affine(p.location, scale, standard(alpha)),
    variance = alpha > 2 and p.beta ^ 2 / ((alpha - 1) ^ 2 * (alpha - 2))
      or math.huge,
  }
  law.mean = law:moment(1)
  return law
end
