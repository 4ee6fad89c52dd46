-- scheme/platen.lua: Platen's explicit scheme of weak order 2 for scalar and
-- diagonal noise. The increment may be any variable with the moments of dW up
-- to the fifth: w.three, +-sqrt(3h) with probability 1/6 each and else 0, where
-- it is given, dW itself where not. No strong order is claimed. Platen 1987;
-- docs/sde.md 2.  MIT licence.
return {
  name = "platen", strong = nil, weak = 2, sense = "ito",
  noise = {"scalar", "diagonal"},
  source = "Platen 1987", note = "takes three-point increments",
  step = function(p, x, t, h, w)
    local dw, root = w.three or w.dw, h ^ 0.5
    local b, g = p.b(x, t), p.g(x, t)
    local drifted, late = x + b * h, t + h
    local up = p.g(drifted + g * root, late)
    local down = p.g(drifted - g * root, late)
    return x + 0.5 * h * (p.b(drifted + g * dw, late) + b)
      + 0.25 * dw * (up + down + 2 * g)
      + 0.25 / root * (up - down) * (dw * dw - h)
  end,
}
