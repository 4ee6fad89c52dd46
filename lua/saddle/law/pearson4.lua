-- law/pearson4.lua: Pearson's type IV law, density proportional to
-- (1 + z^2)^-m exp(-n atan z), z = (x - location)/scale: the stationary law of
-- the saddle model, docs/sde.md 3.2.  MIT licence.
local base = require "saddle.law.base"
local opt = require "saddle.opt"

-- E z^j from E[(1 + z^2) p z^k]' = 0:
-- E z^(k+1) (2 m - 2 - k) = k E z^(k-1) - n E z^k.
local function standard(m, n)
  return function(j)
    if j >= 2 * m - 1 then
      local why = ("E |x|^%d is infinite: the density falls like |x|^-%g")
        :format(j, 2 * m)
      if j % 2 == 0 then return math.huge, why end
      return opt.nan, why .. " on both sides"
    end
    local before, now = 0.0, 1.0
    for k = 0, j - 1 do
      before, now = now, (k * before - n * now) / (2 * m - 2 - k)
    end
    return now
  end
end

return function(o)
  local p = base.options(o, {m = opt.none, n = 0, scale = 1, location = 0},
    "pearson4")
  local m, n, scale, location = p.m, p.n, p.scale, p.location
  base.demand(scale > 0, "pearson4", "scale", "a number > 0", scale)
  if m <= 0.5 then
    return base.none("pearson4", p, ("m = %g is at most 1/2: the density is " ..
      "not normalisable, its tails fall like |x|^-%g"):format(m, 2 * m))
  end
  local law = base.new {
    name = "pearson4", params = p, support = {-math.huge, math.huge},
    core = base.make("pearson4", m, n, location, scale),
    mode = location - scale * n / (2 * m),
    moments = base.affine(location, scale, standard(m, n)),
    nu = 2 * m - 1, -- exponent of the tails
  }
  local _, logk = law.core:own()
  law.log_constant = logk - math.log(scale)
  law.mean = law:moment(1)
  local r = 2 * (m - 1)
  law.variance = m > 1.5
    and scale * scale * (1 + (n / r) ^ 2) / (r - 1) or math.huge
  return law
end
