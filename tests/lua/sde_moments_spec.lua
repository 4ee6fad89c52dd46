-- sde_moments_spec.lua: the moments of the saddle model over time: the anchor of
-- docs/sde.md 3.1, its formula away from the limits, the limits of 3.11.
-- MIT licence.
local t = require "runner"
local saddle = require "saddle"
local moments = require "saddle.sde.moments"
local T, law = saddle.tensor, saddle.law

local inf = math.huge

local function rel(got, want, tol, what)
  t.ok(got == want or math.abs(got - want) <= tol * math.abs(want),
    ("%s: got %.17g, expected %.17g"):format(what, got, want))
end

t.test("moments over time: anchor, limits, tensors", function()
  local p = {a = .3, sigma = .5, tau = .4, rho = -.6}
  local mean, v, second = moments.moments(p, 1, 1)
  t.near(mean, 1.349858807576, 1e-12)
  t.near(v, .337789360460, 1e-12)
  t.near(second, v + mean ^ 2, 1e-15)
  local m, w = moments.moments(p, 1, T{0, 1})
  t.near(m, T{1, mean}, 1e-15)
  t.near(w, T{0, v}, 1e-15)
  -- docs/sde.md 3.1 as it stands there, away from its limits
  local function plain(a, s, tau, rho, x0, at)
    local k, e = 2 * a + s * s, math.exp
    return x0 ^ 2 * e(k * at) + 2 * rho * s * tau * x0 * (e(k * at) - e(a * at))
      / (a + s * s) + tau ^ 2 * (e(k * at) - 1) / k
  end
  for _, o in ipairs {{.3, .5, .4, -.6, 1, 1}, {-1, .7, 2, .9, -3, .4}} do
    local _, _, s = moments.moments({a = o[1], sigma = o[2], tau = o[3],
      rho = o[4]}, o[5], o[6])
    rel(s, plain(table.unpack(o)), 1e-13, "second moment")
  end
  -- kappa = 0: tau^2 t; a + sigma^2 = 0: 2 rho sigma tau x0 t e^(a t); a = 0
  local _, var = moments.moments({a = -.5, sigma = 1, tau = 2, rho = 0}, 0, 3)
  t.near(var, 12, 1e-14)
  local _, _, s = moments.moments({a = -1, sigma = 1, tau = 2, rho = .5}, 3, 2)
  t.near(s, 9 * math.exp(-2) + 2 * .5 * 2 * 3 * 2 * math.exp(-2)
    + 4 * (1 - math.exp(-2)), 1e-13)
  -- small t: the variance is s^2(x0) t, no cancellation
  local _, tiny = moments.moments(p, 1, 1e-12)
  rel(tiny, (.25 - .24 + .16) * 1e-12, 1e-11, "small time")
  -- without sigma: tau^2 (e^(2 a t) - 1)/(2 a)
  local _, ou = moments.moments({a = -1, sigma = 0, tau = 2}, 5, 2)
  t.near(ou, 2 * (1 - math.exp(-4)), 1e-14)
end)

t.test("autocovariance, stationary and log-normal moments", function()
  local p = {a = -1, sigma = .5, tau = .4, rho = .3}
  local _, v = moments.moments(p, 2, 1)
  t.near(moments.autocovariance(p, 2, 1, 3), math.exp(-2) * v, 1e-15)
  t.near(moments.autocovariance(p, 2, 3, 1), math.exp(-2) * v, 1e-15)
  local mean, var = moments.stationary(p)
  local _, late = moments.moments(p, 2, 40)
  t.eq(mean, 0.0)
  t.near(var, late, 1e-14)
  t.eq(select(2, moments.stationary{a = 0, sigma = 1, tau = 1}), inf)
  local l = law.lognormal{mu = (.1 - .125) * 2, sigma = .5 * math.sqrt(2)}
  for k = 1, 3 do
    rel(moments.gbm({a = .1, sigma = .5}, 1, 2, k), l:moment(k), 1e-14, "gbm")
  end
end)

return t
