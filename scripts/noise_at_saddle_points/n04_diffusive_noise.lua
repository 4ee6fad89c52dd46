-- n04_diffusive_noise.lua: x_N = x_0 + sum of N independent draws of standard
-- deviation tau.  Usage: saddle n04_diffusive_noise.lua [--quick] [--out DIR].
-- MIT licence.
local saddle = require "saddle"
local T, plot, report = saddle.tensor, saddle.plot, saddle.report

local r = report.start{
  source = "Noise at saddle points, 'Diffusive noise': x_N ~ N(x_0, tau sqrt N)",
  question = "How fast does noise that does not depend on x carry it away, and does its law "
    .. "matter?",
  expected = "sd tau sqrt N whatever the law: slope 1/2 on log axes; normal as N grows",
  time = "4 s; --quick 1 s",
}
local TAU, STEPS = 0.5, 1000
local PATHS = r.quick and 20000 or 200000

local laws = {
  -- name, the draw from what the march gives, its kind, excess kurtosis
  {"normal", function(v) return v end, "normal", 0},
  {"coin flips", function(v) return v end, "sign", -2},
  {"uniform", function(v) return 12^0.5 * (v - 0.5) end, "uniform", -1.2},
  {"exponential - 1", function(v) return v - 1 end, "exponential", 6},
}

local fig = plot.figure{panels = {1, 2}, size = {7, 2.9}}
local left, right = fig:panel(1), fig:panel(2)
left:set{logx = true, logy = true, xlabel = "steps N", ylabel = "standard deviation of x",
         legend = "top left"}
right:set{xlabel = "x / (τ √N)", ylabel = "distribution function", xrange = {-3, 3},
          legend = "top left", title = "N = 4"}

local markers = {"circle", "opensquare", "opentriangle", "opendiamond"}
local slopes = {}
local steps = {2, 4, 8, 16, 32, 64, 128, 256, 512, STEPS}
local grid = T.linspace(-3, 3, 121)
for i, law in ipairs(laws) do
  local name, draw, kind, kurtosis = table.unpack(law)
  local run = saddle.march(function(x, noise) return x + TAU * draw(noise.v) end, 0, STEPS,
    {lanes = PATHS, noise = {v = kind}, seed = 4, observe = {at = steps, keep = true,
      moments = true}})
  local sds, lx, ly = {}, {}, {}
  for k, n in ipairs(steps) do
    local variance = run.moments.variance[k]
    sds[k], lx[k], ly[k] = variance^0.5, math.log(n), 0.5 * math.log(variance)
    -- Var x^2 = (2 + kurtosis/N) sd^4
    if k == 1 or n == 32 or n == STEPS then
      r:within(("%s: variance of x_%d"):format(name, n), variance, TAU^2 * n,
               TAU^2 * n * ((2 + kurtosis / n) / PATHS)^0.5)
    end
  end
  local x, share = run.kept[2], {}
  for k, v in ipairs(grid:totable()) do share[k] = x:le(v * TAU * 2):to("f64"):mean() end
  right:line(grid, share, {label = name, color = i, width = i == 1 and 4 or nil})
  x = run.state
  slopes[i] = report.slope(lx, ly)
  left:scatter(steps, sds, {label = name, marker = markers[i], color = i, size = 1.2})
  if i == 1 then
    -- The end of a path is N(0, tau^2 N): skewness and kurtosis vanish.
    local third, third_se = report.mean((x / (TAU * STEPS^0.5))^3)
    r:within("skewness at the end, normal draws", third, 0, third_se)
  elseif kurtosis == 6 then
    local third, third_se = report.mean((x / (TAU * STEPS^0.5))^3)
    r:within("skewness at the end, exponential draws, 2 / sqrt N", third, 2 / STEPS^0.5, third_se)
  end
end
local ns = {1, 1000}
left:line(ns, {TAU, TAU * 1000^0.5}, {color = "grey", style = "dash", label = "τ √N"})

-- Ten nested points, each sd to a relative 1/sqrt(2 PATHS): the slope is
-- good to that over the spread of ln N.
local bar = 4 / (2 * PATHS)^0.5 / 2
local worst = 0
for i, law in ipairs(laws) do
  worst = math.max(worst, math.abs(slopes[i] - 0.5))
  r:check("slope on log axes, " .. law[1], slopes[i], 0.5, bar)
end
r:claim("x diffuses at a rate of tau sqrt N, whatever the law of the noise",
  ("slopes %.4f, %.4f, %.4f, %.4f, each ± %.4f"):format(slopes[1], slopes[2], slopes[3],
    slopes[4],
  bar / 4), worst < bar)
r:erratum("the sum from n = 0 to N has N + 1 terms; tau sqrt N is a standard deviation, where "
  .. "N(x, .) usually has the variance")
r:figure(fig, "n04_diffusive_noise")
r:finish()
