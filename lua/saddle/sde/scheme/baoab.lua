-- scheme/baoab.lua: Langevin motion split into half kicks (B), half drifts (A)
-- and an exact Ornstein-Uhlenbeck turn of the velocities (O):
--   v + hF/2, x + hv/2, v = e^{-gh} v + sqrt(T (1 - e^{-2gh})) xi,
--   x + hv/2, v + hF/2 with the new F
-- Weak order 2; the mean of x^2 is exact for a harmonic potential. Leimkuhler &
-- Matthews 2013; docs/sde.md 2.  MIT licence.
local core = require "saddle.core"
local langevin = require "saddle.sde.langevin"

local T = core.tensor

return {
  name = "baoab", strong = 1, weak = 2, sense = "ito",
  kinds = {"langevin"}, noise = {"additive"},
  what = "Langevin motion with friction",
  source = "Leimkuhler, Matthews 2013",
  step = function(p, y, _, h, w)
    local m, d = p.model, p.model.sites
    local friction, temperature = m.params.friction, m.params.temperature
    local x, v = langevin.halves(y, d)
    local loss = T(-2 * friction * h):expm1()
    v = v + 0.5 * h * m.force(x)
    x = x + 0.5 * h * v
    v = T(-friction * h):exp() * v
      + (-temperature * loss / h) ^ 0.5 * w.dw
    x = x + 0.5 * h * v
    v = v + 0.5 * h * m.force(x)
    return langevin.join(x, v, d)
  end,
}
