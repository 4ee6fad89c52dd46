-- scheme/lamperti_sra1.lua: the default for the saddle model. In
-- y = asinh((x + c)/delta)/sigma the noise is additive with factor 1 and the
-- drift is smooth and bounded, so SRA1 has its order 1.5 in y and heavy tails
-- cannot overflow. The state is y. Where it does not exist (q = sqrt(1 - rho^2)
-- < 1e-3: the drift has a peak of 1/q) the conditional-exact linear step takes
-- its place, without noise in one of the two factors the exact flows.
-- docs/sde.md 2.  MIT licence.
return {
  name = "lamperti_sra1", strong = 1.5, weak = 2, sense = "ito",
  kinds = {"saddle"}, noise = {"scalar", "additive"},
  what = "the saddle model in its one-noise form",
  fits = function(m)
    return m.form == "one"
  end,
  source = "Lamperti 1964, Roessler 2010", integrals = "time",
  note = "strong order in y",
  setup = function(p)
    local m = p.model
    if m.params.sigma == 0 then
      return "exact_ou"
    elseif m.params.tau == 0 then
      return "exact_gbm"
    elseif not m.lamperti then
      return "exact_linear"
    end
    p.to, p.from, p.drift = m.lamperti.to, m.lamperti.from, m.lamperti.drift
  end,
  step = function(p, y, _, h, w)
    local b = p.drift(y)
    local predictor = y + 0.75 * h * b + 1.5 / h * w.i10
    return y + h / 3 * b + 2 * h / 3 * p.drift(predictor) + w.dw
  end,
}
