-- scheme/exact_gbm.lua: geometric Brownian motion's own flow,
-- x exp((a - sigma^2/2) h + sigma dW): no error at any step. docs/sde.md 2.
-- MIT licence.
local core = require "saddle.core"

return {
  name = "exact_gbm", strong = math.huge, weak = math.huge, sense = "ito",
  kinds = {"saddle"}, noise = {"scalar", "additive"},
  what = "geometric Brownian motion",
  fits = function(m)
    return m.params.tau == 0 and m.form == "one"
  end,
  source = "Ito 1951",
  step = function(p, x, _, h, w)
    local a, sigma = p.params.a, p.params.sigma
    return x * core.tensor((a - sigma ^ 2 / 2) * h + sigma * w.dw):exp()
  end,
}
