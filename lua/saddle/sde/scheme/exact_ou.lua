-- scheme/exact_ou.lua: Ornstein-Uhlenbeck's transition law,
--   m + e^{ah} (x - m) + N(0, tau^2 (e^{2ah} - 1)/(2a))
-- exact in law at any step; the normal is dW/sqrt(h), so that paths of shared
-- noise stay close. expm1 serves small a h, a = 0 included. docs/sde.md 2.
-- MIT licence.
local core = require "saddle.core"

local T = core.tensor

return {
  name = "exact_ou", strong = 1, weak = math.huge, sense = "ito",
  kinds = {"ou", "saddle"}, noise = {"additive"},
  what = "linear drift and constant noise",
  fits = function(m)
    return m.params.sigma == 0 and m.form ~= "two"
  end,
  source = "Uhlenbeck, Ornstein 1930", note = "exact in law",
  step = function(p, x, _, h, w)
    local a, mean = p.params.a, p.params.mean or 0.0
    local variance = h -- of the noise over tau^2
    if a ~= 0 then
      variance = T(2 * a * h):expm1() / (2 * a)
    end
    local away = x - mean
    return mean + T(a * h):exp() * away
      + p.params.tau * (variance / h) ^ 0.5 * w.dw
  end,
}
