-- scheme/euler_heun.lua: Euler for the drift, Heun for the diffusion, in the
-- Stratonovich sense. Strong order 1 for noise that commutes, 1/2 else. Kloeden
-- & Platen 1992; docs/sde.md 2.  MIT licence.
return {
  name = "euler_heun", strong = 1, weak = 1, sense = "stratonovich",
  noise = {"additive", "scalar", "diagonal", "commutative", "general"},
  source = "Kloeden, Platen 1992",
  note = "strong order 1/2 for noise that does not commute",
  setup = function(p)
    p.strong = p.model.commutative and 1 or 0.5
  end,
  step = function(p, x, t, h, w)
    local gw = p:gw(x, t, w.dw)
    return x + p.b(x, t) * h + 0.5 * (gw + p:gw(x + gw, t + h, w.dw))
  end,
}
