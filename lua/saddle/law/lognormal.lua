-- law/lognormal.lua: location + side exp(g), g normal with mean mu and deviation
-- sigma: geometric Brownian motion at one time, docs/sde.md 3.1.  MIT licence.
local base = require "saddle.law.base"

return function(o)
  local p = base.options(o or {}, {mu = 0, sigma = 1, side = 1, location = 0},
    "lognormal")
  local mu, s = p.mu, p.sigma
  base.demand(s > 0, "lognormal", "sigma", "a number > 0", s)
  base.demand(p.side == 1 or p.side == -1, "lognormal", "side", "1 or -1",
    p.side)
  local law = base.new {
    name = "lognormal", params = p,
    support = p.side == 1 and {p.location, math.huge}
      or {-math.huge, p.location},
    core = base.make("lognormal", mu, s, p.location, p.side),
    mode = p.location + p.side * math.exp(mu - s * s),
    variance = math.exp(2 * mu + s * s)
      * (s * s < 1e-3 and s * s * (1 + s * s / 2 * (1 + s * s / 3))
        or math.exp(s * s) - 1),
    moments = base.affine(p.location, p.side, function(j)
      return math.exp(j * mu + 0.5 * j * j * s * s)
    end),
  }
  law.mean = law:moment(1)
  return law
end
