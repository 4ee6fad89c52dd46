-- n12_sweep.lua: attractive against diffusive noise: how long is descent held
-- at a saddle point?  dx = a x dt + sigma x dW + tau dU from x = 0 until
-- |x| = R: the mean time by theory on a grid of noises, and by simulation at
-- some of them.  Usage: saddle n12_sweep.lua [--quick] [--out DIR].
-- MIT licence.
local saddle = require "saddle"
local sde, plot = saddle.sde, saddle.plot

local r = saddle.report.start{
  source = "Noise at saddle points, 'Does the diffusive or attractive noise "
    .. "dominate?', as a sweep over (sigma^2/2a, tau, R)",
  question = "When does noise hold descent at a saddle point, and how long?",
  expected = "Inside |x| < tau/sigma x diffuses out in (R/tau)^2; outside T "
    .. "grows as ln R for sigma^2 < 2a and as R^(1 - 2a/sigma^2) beyond",
  time = "20 s; --quick 3 s",
}
local function model(ratio, tau) -- ratio = sigma^2/2a; time in units of 1/a
  return sde.saddle{a = 1, sigma = (2 * ratio)^0.5, tau = tau}
end
local function theory(ratio, R, tau)
  return sde.exit_theory(model(ratio, tau or 1), {radius = R}):mean(0)
end
r:check("T depends on R/tau alone", theory(2, 1, 0.1), theory(2, 10), 1e-9)

-- ---- simulation on theory ---------------------------------------------------
local fig = plot.figure{panels = {1, 2}, size = {7, 3}}
local radii = saddle.tensor.linspace(-1, 5, r.quick and 13 or 49):totable()
for k, v in ipairs(radii) do radii[k] = 10^v end
for i, ratio in ipairs{0.5, 1, 2, 4} do
  local times, at, mean, se = {}, {}, {}, {}
  for k, R in ipairs(radii) do times[k] = theory(ratio, R) end
  for k, R in ipairs(r.quick and {1, 10} or {0.3, 1, 10, 100, 1000}) do
    local hit = sde.first_exit(model(ratio, 1), {x0 = 0, radius = R,
      paths = r.quick and 1000 or 20000, dt = 0.01 * math.min(1, R^2),
      t_max = 4000, seed = k})
    at[k], mean[k], se[k] = R, hit.mean, hit.se
    r:within(("T at sigma^2/2a = %g, R = %g tau"):format(ratio, R), hit.mean,
             theory(ratio, R), hit.se)
  end
  fig[2]:line(radii, times, {label = "σ²/2a = " .. ratio, color = i})
  fig[2]:errorbar(at, mean, se, {color = i})
end

-- ---- the phase diagram --------------------------------------------------------
local ratios, map = {}, {}
local N = r.quick and 10 or 40
for i = 0, N do ratios[i + 1] = 0.1 * 100^(i / N) end
for k, R in ipairs(radii) do
  map[k] = {}
  for i, ratio in ipairs(ratios) do map[k][i] = theory(ratio, R) end
end
fig[1]:set{logx = true, logy = true, logc = true, xlabel = "σ²/2a",
           ylabel = "R / τ", clabel = "mean time to |x| = R, in 1/a"}
fig[1]:heatmap(ratios, radii, map):vline(1, {color = "white"})
fig[1]:contour(ratios, radii, map, {levels = {0.1, 1, 10, 100, 1000}, color = "black", width = 0.6})
fig[1]:line(ratios, saddle.vmap(function(q) return (2 * q)^-0.5 end)(
  saddle.tensor(ratios)), {color = "white", style = "dot"})
fig[2]:set{logx = true, logy = true, xlabel = "R / τ", ylabel = "mean time to |x| = R, in 1/a"}
r:figure(fig, "n12_sweep")

local function power(ratio, R) -- d ln T / d ln R
  return math.log(theory(ratio, R * 1.1) / theory(ratio, R / 1.1)) / 2 / math.log(1.1)
end
r:check("T goes as R^2 inside tau/sigma", power(4, 1e-3), 2, 1e-4)
r:check("T goes as R^(1 - 2a/sigma^2) outside", power(4, 1e8), 0.75, 1e-3)
r:claim("attractive noise dominates for large x, diffusive noise for small x",
  ("at sigma^2/2a = 4 T goes as R^%.3f at R = 0.01 tau/sigma and as R^%.3f at 1e4 "
    .. "tau/sigma; at "
  .. "sigma^2/2a = 0.5 as R^%.3f there"):format(power(4, 0.01 / 8^0.5), power(4, 1e4 / 8^0.5),
  power(0.5, 1e4)), true)
r:finish()
