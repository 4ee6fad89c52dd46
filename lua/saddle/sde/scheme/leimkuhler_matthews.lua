-- scheme/leimkuhler_matthews.lua: overdamped Langevin motion with averaged
-- noise, x + h F + sqrt(2 T h) (xi_n + xi_(n+1))/2: stationary averages of
-- second order at the cost of Euler-Maruyama, exact variance for a harmonic
-- potential. The state is {x =, dw =}: it keeps the last increment (0 at the
-- start). Leimkuhler & Matthews 2013; docs/sde.md 2.  MIT licence.
return {
  name = "leimkuhler_matthews", strong = nil, weak = 1, sense = "ito",
  kinds = {"overdamped"}, noise = {"additive"},
  what = "overdamped Langevin motion",
  source = "Leimkuhler, Matthews 2013",
  note = "stationary averages of order 2", remembers = true,
  setup = function(p)
    function p.to(x)
      return {x = x, dw = 0 * x}
    end
    function p.from(s)
      return s.x
    end
  end,
  step = function(p, s, _, h, w)
    local sd = (2 * p.params.temperature) ^ 0.5
    return {x = s.x + h * p.model.force(s.x) + 0.5 * sd * (s.dw + w.dw),
            dw = w.dw}
  end,
}
