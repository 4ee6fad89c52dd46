-- scheme/tamed.lua: tamed Euler: the drift's step h b is divided by 1 + h |b|,
-- so that a drift that grows faster than x (a cubic) cannot throw paths to
-- infinity. Hutzenthaler, Jentzen & Kloeden 2012; docs/sde.md 2.  MIT licence.
local core = require "saddle.core"

return {
  name = "tamed", strong = 0.5, weak = 1, sense = "ito",
  noise = {"additive", "scalar", "diagonal", "commutative", "general"},
  source = "Hutzenthaler, Jentzen, Kloeden 2012",
  setup = function(p)
    p.strong = p.model.noise == "additive" and 1 or 0.5
  end,
  step = function(p, x, t, h, w)
    local b = p.b(x, t)
    local size = p.dim == 1 and core.tensor(b):abs() or core.tensor((b * b):sum()):sqrt()
    return x + h * b / (1 + h * size) + p:gw(x, t, w.dw)
  end,
}
