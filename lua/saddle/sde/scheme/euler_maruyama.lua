-- scheme/euler_maruyama.lua: x + b h + g dW (Maruyama 1955); docs/sde.md 2.
-- MIT licence.
return {
  name = "euler_maruyama", strong = 0.5, weak = 1, sense = "ito",
  noise = {"additive", "scalar", "diagonal", "commutative", "general"},
  source = "Maruyama 1955", note = "strong order 1 for additive noise",
  setup = function(p)
    p.strong = p.model.noise == "additive" and 1 or 0.5
  end,
  step = function(p, x, t, h, w)
    return x + p.b(x, t) * h + p:gw(x, t, w.dw)
  end,
}
