-- n10_exits.lua: the text's open question: when does x first exceed R, and on
-- which side, and what are the excursions that escape?
-- Usage: saddle n10_exits.lua [--quick] [--out DIR].  MIT licence.
local saddle = require "saddle"
local T, sde, plot, report = saddle.tensor, saddle.sde, saddle.plot, saddle.report

local r = report.start{
  source = "Noise at saddle points, 'Open questions': first exit from |x| < R",
  question = "How does the mean exit time grow with R, which side does x leave by, how long is "
    .. "the excursion that escapes?",
  expected = "From x = 0: ln R / (a - s^2/2) for s^2 < 2a; (asinh(s R/tau)/s)^2 at the border "
    .. "s^2 = 2a; R^nu, nu = 1 - 2a/s^2, beyond. The last excursion, from tau/s to R, takes "
    .. "about L coth(m L/s^2)/m - s^2/m^2, L = ln(s R/tau), m = a - s^2/2: the same for m and -m",
  time = "40 s; --quick 3 s",
}
local PATHS = r.quick and 1000 or 20000

local function model(a, s, tau, rho)
  return sde.saddle{a = a, sigma = s, tau = tau, rho = rho or 0}
end
local function theory(m, R) return sde.exit_theory(m, {radius = R}) end
local function relative(name, got, want, tolerance)
  r:check(name, got, want, tolerance * math.abs(want))
end

-- ---- theory against values known by other means --------------------------------

for _, v in ipairs{{.3, 1, .1, 0, 1, 12.8752405108}, {.1, 1, .1, 0, 1, 19.6216703166},
                   {-.2, 1, .5, 0, 2, 10.1893099014}, {.6, 1, .01, 0, 1, 20.7479253819},
                   {.3, 1, .5, .5, 1, 2.5824044694, .45158600238},
                   {.3, 1, .5, .9, 1, 3.52041788327, .335218991401}} do
  local e = theory(model(v[1], v[2], v[3], v[4]), v[5])
  relative(("T(0) at a = %g, s = %g, tau = %g, rho = %g, R = %g"):format(v[1], v[2], v[3], v[4],
           v[5]), e:mean(0), v[6], 1e-9)
  if v[7] then r:check("  P(through R)", e:probability(0), v[7], 1e-10) end
end

-- ---- survival ----------------------------------------------------------------------

local slow = model(.3, 1, .1)
local stay = theory(slow, 1)
local exits = sde.first_exit(slow, {x0 = 0, radius = 1, paths = 5 * PATHS, dt = 0.02, seed = 5})
for _, v in ipairs{{1, .003496900813}, {2, .04477180973}, {3, .1123564246},
                   {5, .2528422753}} do
  local t, want = v[1], v[2]
  r:check(("P(T <= %d) at a = 0.3, tau = 0.1, R = 1"):format(t), stay:cdf(t, 0), want, 1e-9)
  local inside = exits:survival(t)
  r:within("  the same of paths", 1 - inside, want, (want * (1 - want) / (5 * PATHS))^0.5)
end

-- ---- three regimes -----------------------------------------------------------------

local function asinh(x) return math.log(x + (x * x + 1)^0.5) end
local regimes = {
  {name = "σ² < 2a", a = 1, s = 1, tau = 0.1},
  {name = "σ² = 2a", a = 0.5, s = 1, tau = 0.1},
  {name = "σ² > 2a", a = 0.25, s = 1, tau = 0.1},
}
local border = regimes[2]
for _, R in ipairs{0.1, 1, 100} do
  relative(("border, R = %g: (asinh(s R/tau)/s)^2"):format(R),
           theory(model(border.a, 1, 0.1), R):mean(0), asinh(R / 0.1)^2, 1e-9)
end
local function T0(g, R) return theory(model(g.a, g.s, g.tau), R):mean(0) end
local per_e = (T0(regimes[1], 1e6) - T0(regimes[1], 1e5)) / math.log(10)
relative("s^2 < 2a: T grows by 1/(a - s^2/2) per ln R", per_e, 1 / (1 - 0.5), 1e-4)
local nu = 1 - 2 * 0.25
-- sqrt(pi)/2 Gamma(nu/2)/Gamma((nu + 1)/2) 2 (s/tau)^nu R^nu / (nu s^2), nu = 1/2
local constant = 1.7724538509055 / 2 * 3.6256099082219 / 1.2254167024652 * 2 * 10^nu / nu
relative("s^2 > 2a: T / R^nu at R = 1e8", T0(regimes[3], 1e8) / 1e8^nu, constant, 2e-3)

local fig = plot.figure{panels = {1, 3}, size = {7, 2.8}}
local left, middle, right = fig:panel(1), fig:panel(2), fig:panel(3)
left:set{logx = true, logy = true, xlabel = "σR / τ", ylabel = "mean exit time",
         legend = "top left"}
local radii = {}
for k = 0, 40 do radii[k + 1] = 10^(-2 + 5 * k / 40) end
for i, g in ipairs(regimes) do
  local line, at, mean, bar = {}, {}, {}, {}
  for k, R in ipairs(radii) do line[k] = T0(g, R) end
  for k, R in ipairs(r.quick and {0.1, 1} or {0.1, 1, 10, 100}) do
    local hit = sde.first_exit(model(g.a, g.s, g.tau), {x0 = 0, radius = R, paths = PATHS,
      dt = R < 1 and 0.005 or 0.02, t_max = 10000, seed = 10 * i + k})
    r:ok(("%s, R = %g: no path is left at t_max"):format(g.name, R), hit.censored == 0)
    r:within("  mean exit time", hit.mean, T0(g, R), hit.se)
    local up, se = report.share(hit.side:gt(0), 0.5)
    r:within("  share through R", up, 0.5, se)
    at[k], mean[k], bar[k] = 10 * R, hit.mean, hit.se
  end
  left:line(T(radii) * 10, line, {label = g.name, color = i})
  left:errorbar(at, mean, bar, {color = i})
end

-- ---- sides --------------------------------------------------------------------------

middle:set{xlabel = "correlation ρ", ylabel = "P(leaves through x = R)", legend = "below",
           yrange = {0, 1}}
for i, g in ipairs{{.3, 1, .5, 1}, {-.5, 1, 1, 2}} do
  local rhos, p = {}, {}
  for k = -19, 19 do
    rhos[k + 20] = k / 20
    p[k + 20] = theory(model(g[1], g[2], g[3], k / 20), g[4]):probability(0)
  end
  middle:line(rhos, p, {label = ("a = %g"):format(g[1]), color = i})
  local at, share, bar = {}, {}, {}
  for k, rho in ipairs{-0.9, -0.5, 0.5, 0.9} do
    local m = model(g[1], g[2], g[3], rho)
    local hit = sde.first_exit(m, {x0 = 0, radius = g[4], paths = PATHS, dt = 0.02, t_max = 3000,
                                   seed = 100 * i + k})
    local want = theory(m, g[4]):probability(0)
    at[k], share[k], bar[k] = rho, report.share(hit.side:gt(0), want)
    r:within(("share through R at a = %g, rho = %g"):format(g[1], rho), share[k], want, bar[k])
    r:within("  mean exit time", hit.mean, theory(m, g[4]):mean(0), hit.se)
  end
  middle:errorbar(at, share, bar, {color = i})
end

-- ---- the excursion that escapes ------------------------------------------------------

-- In y = asinh(s x/tau)/s noise has factor 1, so that crossings between two
-- steps have the Brownian bridge's probability: exact for frozen drift.
local function excursions(g, R, paths, h)
  local rng = saddle.random.new(77)
  local p = sde.scheme.prepare(model(g.a, g.s, g.tau), "lamperti_sra1")
  local top, core = asinh(g.s * R / g.tau) / g.s, asinh(1) / g.s -- |x| = R and tau/s
  local y, last, total, length = T.zeros{paths}, T.zeros{paths}, {}, {}
  local t = 0
  local function crosses(d0, d1, n) -- does the bridge reach 0?
    local chance = T.where(d0:gt(0):land(d1:gt(0)), (d0 * d1 * (-2 / h)):exp(), T.ones{n})
    return rng:uniform{n}:lt(chance)
  end
  while y:numel() > 0 do
    local n = y:numel()
    local dw = h^0.5 * rng:normal{n}
    local i10 = 0.5 * h * dw + h * (h / 12)^0.5 * rng:normal{n}
    local new = p.step(y, 0, h, {dw = dw, i10 = i10})
    local a0, a1 = y:abs(), new:abs()
    last = T.where(crosses(a0 - core, a1 - core, n), t + 0.5 * h, last)
    local out = crosses(top - a0, top - a1, n)
    t = t + h
    if out:any() then
      local gone, kept = out:nonzero(), out:eq(0):nonzero()
      local start = last:gather(gone)
      for _, s0 in ipairs(start:totable()) do
        total[#total + 1], length[#length + 1] = t - 0.5 * h, t - 0.5 * h - s0
      end
      new, last = new:gather(kept), last:gather(kept)
    end
    y = new
  end
  return T(total), T(length)
end

local agree = true
for _, g in ipairs(regimes) do
  local R = 10
  local m = model(g.a, g.s, g.tau)
  local total, length = excursions(g, R, r.quick and 500 or 4000, 0.02)
  local whole, whole_se = report.mean(total)
  agree = r:within(g.name .. ", R = 10: mean exit time", whole, T0(g, R), whole_se) and agree
  local c = g.tau / g.s
  -- From just above tau/s, on condition that R is reached first.
  local want = sde.exit_theory(m, {lower = c, upper = R}):mean(c * (1 + 1e-6), "upper")
  g.length, g.length_se = report.mean(length)
  r:within("  mean length of the last excursion", g.length, want, g.length_se)
  g.total, g.want = whole, want
  local L, drift = math.log(R / c), g.a - 0.5 * g.s^2
  local k = math.exp(2 * drift * L / g.s^2)
  r:note("  a geometric Brownian motion from tau/s to R on that condition: %.3f",
         drift == 0 and L^2 / 3
         or L * (k + 1) / (k - 1) / drift - g.s^2 / drift^2)
end

-- The text's example has tau = 0; from x_0 it reaches R with probability (x_0/R)^nu.
local example = sde.gbm{a = 0.5, sigma = 1.2}
local reach = sde.exit_theory(example, {lower = 1e-30, upper = 5}):probability(0.05)
relative("tau = 0, a = 0.5, s = 1.2: P(R = 100 x_0 is ever reached)", reach, 0.01^(1 - 1 / 1.44),
         1e-6)
local few = sde.first_exit(example, {x0 = 0.05, lower = 1e-12, upper = 5, paths = PATHS,
                                     dt = 0.5, seed = 6})
r:within("  the same of paths", few.p_upper, reach, few.p_upper_se)

r:claim("x_t makes occasional very large forays; any such might suffice to escape",
  ("s^2 > 2a, R = 100 tau/s: mean exit time %.1f, the foray that escapes takes %s of it; theory "
    .. "%.2f"):format(regimes[3].total, report.pm(regimes[3].length, regimes[3].length_se),
  regimes[3].want), regimes[3].length < 0.3 * regimes[3].total)
r:claim("it would be worthwhile exploring when x_t first exceeds R (an open question)",
  ("mean times %.2f, %.2f, %.2f at s R/tau = 100 in the three regimes, as scale functions say: "
    .. "ln R, ln^2 R, R^nu"):format(regimes[1].total, regimes[2].total, regimes[3].total), agree)
r:erratum("the text's example has tau = 0: started at x_0 it then reaches R with probability "
  .. "(x_0/R)^nu for s^2 > 2a, and sinks to 0 otherwise; with tau > 0 it always escapes")

-- ---- a path -------------------------------------------------------------------------

local g = {a = 0.5, s = 1.2, tau = 0.05}
local R = 5
local path
for seed = 1, 200 do
  local ens = sde.simulate(model(g.a, g.s, g.tau), {x0 = 0, t = 90, dt = 0.02, paths = 1,
    seed = seed,
                                                    every = 2})
  local list = ens.path:flatten():totable()
  for k, x in ipairs(list) do
    if math.abs(x) > R and k > 1500 then path = table.move(list, 1, k, 1, {}) break end
    if math.abs(x) > R then break end
  end
  if path then break end
end
right:set{xlabel = "t", ylabel = "x", legend = false, yrange = {-6.5, 6.5},
          title = "a = 0.5, σ = 1.2, τ = 0.05"}
if path then
  local last = 1
  for k, x in ipairs(path) do
    if math.abs(x) < g.tau / g.s then last = k end
  end
  local ts = {}
  for k = 1, #path do ts[k] = (k - 1) * 0.04 end
  right:line(T(ts), path, {color = 1, width = 0.8})
  right:line(table.move(ts, last, #ts, 1, {}), table.move(path, last, #path, 1, {}),
             {color = 2, width = 1.2})
  right:text(20, 2, "held", {color = 1})
  right:text(ts[#ts] - 3, 4, "escapes", {color = 2, align = "right"})
  right:hline(R):hline(-R)
end
r:figure(fig, "n10_exits")
r:finish()
