-- scheme/milstein_df.lua: Milstein without derivatives: the support value
-- u = x + b h + g sqrt(h), and (g(u) - g)(dW^2 - h)/(2 sqrt(h)) for the
-- correction. Kloeden & Platen 1992, 11.1; docs/sde.md 2.  MIT licence.
return {
  name = "milstein_df", strong = 1, weak = 1, sense = "ito",
  noise = {"scalar", "diagonal"},
  source = "Kloeden, Platen 1992, 11.1",
  step = function(p, x, t, h, w)
    local g, root = p.g(x, t), h ^ 0.5
    local drifted = x + p.b(x, t) * h
    local dg = p.g(drifted + g * root, t) - g
    return drifted + g * w.dw + dg * (w.dw * w.dw - h) * (0.5 / root)
  end,
}
