-- n04_diffusive_noise.lua: x_N = x_0 + sum of N independent draws of standard
-- deviation tau.  Usage: saddle n04_diffusive_noise.lua [--quick] [--out DIR].
-- MIT licence.
local saddle = require "saddle"
local T, plot, report = saddle.tensor, saddle.plot, saddle.report

local r = report.start{
  source = "Noise at saddle points, 'Diffusive noise': x_N ~ N(x_0, tau sqrt N)",
  question = "How fast does noise that does not depend on x carry it away, and does its "
    .. "law matter?",
  expected = "sd tau sqrt N whatever the law: slope 1/2 on log axes; normal as N grows",
  time = "4 s; --quick 1 s",
}
local TAU, STEPS = 0.5, 1000
local PATHS = r.quick and 20000 or 200000
local rng = saddle.random.new(4)

local laws = {
  {"normal", function() return rng:normal{PATHS, sd = TAU} end, 0},
  {"coin flips", function() return TAU * rng:sign{PATHS} end, -2},
  {"uniform", function()
    return rng:uniform{PATHS, low = -TAU * 3^0.5, high = TAU * 3^0.5}
  end, -1.2},
  {"exponential - 1", function() return TAU * (rng:exponential{PATHS} - 1) end, 6},
}

local fig = plot.figure{panels = {1, 2}, size = {7, 2.9}}
local left, right = fig:panel(1), fig:panel(2)
left:set{logx = true, logy = true, xlabel = "steps N", ylabel = "standard deviation of x_N",
         legend = "top left"}
right:set{xlabel = "x_N / (τ √N)", ylabel = "distribution function", xrange = {-3, 3},
          legend = "top left", title = "N = 4"}

local markers = {"circle", "opensquare", "opentriangle", "opendiamond"}
local slopes = {}
local grid = T.linspace(-3, 3, 121)
for i, law in ipairs(laws) do
  local name, draw, kurtosis = law[1], law[2], law[3]
  local x, at, sds, lx, ly = T.zeros{PATHS}, {}, {}, {}, {}
  for n = 1, STEPS do
    x:add_(draw())
    if n & (n - 1) == 0 or n == STEPS then
      local variance, se = report.mean(x^2)
      -- Var x^2 = (2 + kurtosis/N) sd^4; the measured one can vanish (N = 1).
      local sure = TAU^2 * n * ((2 + kurtosis / n) / PATHS)^0.5
      if sure > 0 then
        at[#at + 1], sds[#sds + 1] = n, variance^0.5
        lx[#lx + 1], ly[#ly + 1] = math.log(n), 0.5 * math.log(variance)
        if n == 1 or n == 32 or n == STEPS then
          r:within(("%s: variance of "
            .. "x_%d"):format(name, n), variance, TAU^2 * n, math.max(se, sure))
        end
      end
    end
    if n == 4 then
      local share = {}
      for k, v in ipairs(grid:totable()) do
        share[k] = x:le(v * TAU * 2):to("f64"):mean()
      end
      right:line(grid, share, {label = name, color = i})
    end
  end
  slopes[i] = report.slope(lx, ly)
  left:scatter(at, sds, {label = name, marker = markers[i], color = i, size = 1.2})
  if i == 1 then
    -- The end of a path is N(0, tau^2 N): skewness and kurtosis vanish.
    local third, third_se = report.mean((x / (TAU * STEPS^0.5))^3)
    r:within("skewness at the end, normal draws", third, 0, third_se)
  elseif kurtosis == 6 then
    local third, third_se = report.mean((x / (TAU * STEPS^0.5))^3)
    r:within("skewness at the end, exponential draws, 2 / sqrt "
      .. "N", third, 2 / STEPS^0.5, third_se)
  end
end
local ns = {1, 1000}
left:line(ns, {TAU, TAU * 1000^0.5}, {color = "grey", style = "dash", label = "τ √N"})

-- Eleven nested points, each sd to a relative 1/sqrt(2 PATHS): the slope is
-- good to that over the spread of ln N.
local bar = 4 / (2 * PATHS)^0.5 / 2
for i, law in ipairs(laws) do
  r:check("slope on log axes, " .. law[1], slopes[i], 0.5, bar)
end
r:claim("x diffuses at a rate of tau sqrt N, whatever the law of the noise",
  ("slopes %.4f, %.4f, %.4f, %.4f, each ± "
    .. "%.4f"):format(slopes[1], slopes[2], slopes[3], slopes[4],
  bar / 4), true)
r:erratum("the sum from n = 0 to N has N + 1 terms; tau sqrt N is a standard deviation, "
  .. "where N(x, .) "
  .. "usually has the variance")
r:figure(fig, "n04_diffusive_noise")
r:finish()
