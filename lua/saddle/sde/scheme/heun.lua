-- scheme/heun.lua: Heun's rule, for the Stratonovich sense: a predictor
-- y = x + b h + g dW, then the mean of both ends for drift and diffusion.
-- Strong order 1 where the noise commutes, 1/2 else. Ruemelin 1982;
-- docs/sde.md 2.  MIT licence.
return {
  name = "heun", strong = 1, weak = 1, sense = "stratonovich",
  noise = {"additive", "scalar", "diagonal", "commutative", "general"},
  source = "Ruemelin 1982", note = "strong order 1/2 for noise that does not commute",
  setup = function(p)
    p.strong = p.model.commutative and 1 or 0.5
  end,
  step = function(p, x, t, h, w)
    local b, gw = p.b(x, t), p:gw(x, t, w.dw)
    local y = x + b * h + gw
    return x + 0.5 * h * (b + p.b(y, t + h))
      + 0.5 * (gw + p:gw(y, t + h, w.dw))
  end,
}
