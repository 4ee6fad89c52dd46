-- law/student_t.lua: Student's law with nu degrees of freedom, of location +
-- scale t; the saddle model without correlation, docs/sde.md 3.2.
-- MIT licence.
local base = require "saddle.law.base"
local opt = require "saddle.opt"

-- E t^(k+2) = nu (k + 1)/(nu - k - 2) E t^k
local function standard(nu)
  return function(j)
    if j >= nu then
      local why = ("E |x|^%d is infinite: nu = %g"):format(j, nu)
      if j % 2 == 0 then return math.huge, why end
      return opt.nan, why .. " on both sides"
    end
    local value = j % 2 == 0 and 1.0 or 0.0
    for k = 0, j - 2, 2 do
      value = value * nu * (k + 1) / (nu - k - 2)
    end
    return value
  end
end

return function(o)
  local p = base.options(o, {nu = opt.none, scale = 1, location = 0},
    "student_t")
  base.demand(p.scale > 0, "student_t", "scale", "a number > 0", p.scale)
  if p.nu <= 0 then
    return base.none("student_t", p, ("nu = %g is not positive: the density " ..
      "is not normalisable"):format(p.nu))
  end
  local law = base.new {
    name = "student_t", params = p, support = {-math.huge, math.huge},
    core = base.make("student_t", p.nu, 0, p.location, p.scale),
    mode = p.location, nu = p.nu,
    moments = base.affine(p.location, p.scale, standard(p.nu)),
    variance = p.nu > 2 and p.scale ^ 2 * p.nu / (p.nu - 2) or math.huge,
  }
  law.mean = law:moment(1)
  return law
end
