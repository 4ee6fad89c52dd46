-- law/cauchy.lua: Cauchy's law: the saddle model at a = 0, docs/sde.md 3.2.
-- MIT licence.
local base = require "saddle.law.base"
local opt = require "saddle.opt"

return function(o)
  local p = base.options(o or {}, {scale = 1, location = 0}, "cauchy")
  base.demand(p.scale > 0, "cauchy", "scale", "a number > 0", p.scale)
  local function standard(j)
    local why = ("E |x|^%d is infinite: nu = 1"):format(j)
    if j % 2 == 0 then return math.huge, why end
    return opt.nan, why .. " on both sides"
  end
  return base.new {
    name = "cauchy", params = p, support = {-math.huge, math.huge},
    core = base.make("cauchy", 0, 0, p.location, p.scale),
    mode = p.location, mean = opt.nan, variance = math.huge, nu = 1.0,
    moments = base.affine(p.location, p.scale, standard),
  }
end
