-- law/normal.lua: the normal law: the saddle model without multiplicative noise,
-- docs/sde.md 3.2.  MIT licence.
local base = require "saddle.law.base"

return function(o)
  local p = base.options(o or {}, {mean = 0, sd = 1}, "normal")
  base.demand(p.sd > 0, "normal", "sd", "a number > 0", p.sd)
  return base.new {
    name = "normal", params = p, support = {-math.huge, math.huge},
    core = base.make("normal", 0, 0, p.mean, p.sd),
    mode = p.mean, mean = p.mean, variance = p.sd ^ 2,
    moments = base.affine(p.mean, p.sd, function(j)
      local value = j % 2 == 0 and 1.0 or 0.0
      for k = 1, j - 1, 2 do value = value * k end
      return value
    end),
  }
end
