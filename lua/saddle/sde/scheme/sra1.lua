-- scheme/sra1.lua: SRA1 of Roessler 2010: strong order 1.5, weak order 2 for
-- additive noise g(t), scalar, diagonal or a matrix, correlated or not, at two
-- drifts a step. docs/sde.md 2.  MIT licence.
return {
  name = "sra1", strong = 1.5, weak = 2, sense = "ito", noise = {"additive"},
  source = "Roessler 2010", integrals = "time",
  step = function(p, x, t, h, w)
    local b, i10 = p.b(x, t), w.i10 * (1 / h)
    local late = p:gw(x, t + h, i10)
    local y = x + 0.75 * h * b + 1.5 * late
    return x + h / 3 * b + 2 * h / 3 * p.b(y, t + 0.75 * h)
      + p:gw(x, t + h, w.dw) - late + p:gw(x, t, i10)
  end,
}
