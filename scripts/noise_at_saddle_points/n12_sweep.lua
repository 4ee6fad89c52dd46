-- n12_sweep.lua: how long is descent held at a saddle point?
--   dx = a x dt + sigma x dW + tau dU   from x = 0 until |x| = R
-- The mean time over all strengths of attractive noise (sigma), of diffusive
-- noise (tau) and all radii: by theory, and by simulation on top of it.
-- Usage: saddle n12_sweep.lua [--quick] [--out DIR].  MIT licence.
local saddle = require "saddle"
local sde, T = saddle.sde, saddle.tensor

local r = saddle.report.start{
  source = "Noise at saddle points, 'Does the diffusive or attractive noise dominate?'",
  question = "When does noise hold descent at a saddle point, and how long?",
  expected = "Inside tau/sigma x diffuses out in (R/tau)^2; outside, the time grows as ln R for "
    .. "sigma^2 < 2a, as ln^2 R at the border and as R^(1 - 2a/sigma^2) beyond",
  time = "40 s; --quick 1 s",
}

-- Units: time in 1/a, x in tau. Two numbers are left: sigma^2/2a and R/tau.
local function model(ratio)
  return sde.saddle{a = 1, sigma = (2 * ratio)^0.5, tau = 1}
end
local function theory(ratio, R)
  return sde.exit_theory(model(ratio), {radius = R}):mean(0)
end

local ratios = (10^T.linspace(-1, 1, r.quick and 11 or 41)):totable()
local radii = (10^T.linspace(-1, 5, r.quick and 13 or 49)):totable()
local map = {}
for k, R in ipairs(radii) do
  map[k] = {}
  for i, ratio in ipairs(ratios) do map[k][i] = theory(ratio, R) end
end

local fig = saddle.plot.figure{panels = {1, 2}, size = {7, 3}, logx = true, logy = true}
fig[1]:set{logc = true, xlabel = "σ²/2a", ylabel = "R √a / τ",
           clabel = "mean time to |x| = R, in 1/a"}
fig[1]:heatmap(ratios, radii, map):vline(1, {color = "white"})
fig[1]:contour(ratios, radii, map, {levels = {0.1, 1, 10, 100, 1000}, color = "black",
                                    width = 0.6})
fig[1]:line(ratios, (2 * T(ratios))^-0.5, {color = "white", style = "dot"}) -- R = tau/sigma
fig[2]:set{xlabel = "R √a / τ", ylabel = "mean time to |x| = R, in 1/a", legend = "top left"}

for i, ratio in ipairs{0.5, 1, 2, 4} do
  local line, at, mean, bar = {}, {}, {}, {}
  for k, R in ipairs(radii) do line[k] = theory(ratio, R) end
  for k, R in ipairs(r.quick and {1, 10} or {0.3, 1, 10, 100, 1000}) do
    local hit = sde.first_exit(model(ratio), {x0 = 0, radius = R, seed = k,
      paths = r.quick and 1000 or 20000, dt = 0.02 * math.min(1, R^2)})
    at[k], mean[k], bar[k] = R, hit.mean, hit.se
    r:within(("sigma^2/2a = %g, R = %g tau"):format(ratio, R), hit.mean, theory(ratio, R), hit.se)
  end
  fig[2]:line(radii, line, {label = "σ²/2a = " .. ratio, color = i})
  fig[2]:errorbar(at, mean, bar, {color = i})
end
r:figure(fig, "n12_sweep")

local function power(ratio, R) -- d ln T / d ln R
  return math.log(theory(ratio, 1.1 * R) / theory(ratio, R / 1.1)) / math.log(1.21)
end
r:check("power of R far inside tau/sigma", power(4, 1e-3), 2, 1e-4)
r:check("power of R far outside, 1 - 2a/sigma^2", power(4, 1e8), 0.75, 1e-4)
r:claim("attractive noise dominates for large x, diffusive noise for small x", ("sigma^2/2a = "
  .. "4: the time goes as R^%.3f at R = 0.01 tau/sigma, as R^%.3f at 1e4 tau/sigma"):format(
  power(4, 0.01 / 8^0.5), power(4, 1e4 / 8^0.5)),
  power(4, 0.01 / 8^0.5) > 1.9 and power(4, 1e4 / 8^0.5) < 1)
r:finish()
