-- n09_relu.lua: a piecewise linear saddle, and its mesh refined towards the
-- smooth one.  Usage: saddle n09_relu.lua [--quick] [--out DIR].  MIT licence.
local saddle = require "saddle"
local T, plot, report = saddle.tensor, saddle.plot, saddle.report

local r = report.start{
  source = "Noise at saddle points, 'Use ReLu's' and its figure",
  question = "Does a piecewise linear surface do away with attractive noise?",
  expected = "At one kink the noise is diffusive only and |x|/n -> a whatever its strength. On "
    .. "a mesh of width h of a smooth saddle that attracts, x sinks at the smooth rate E ln|1 + "
    .. "a + s xi| until it reaches h, and stays there",
  time = "6 s; --quick 1 s",
}

-- ---- one kink: f = -(a + xi)|x| - eta x --------------------------------------

local A = 1
local PATHS = r.quick and 4000 or 40000
local N = 1024
local curves = {}
for i, sd in ipairs{0.5, 2, 5} do
  local run = saddle.march(function(x, noise)
    return x + (A + sd * noise.xi) * T.where(x:ge(0), 1.0, -1.0) + 0.5 * noise.eta
  end, 0, 2 * N, {lanes = PATHS, noise = {xi = "normal", eta = "normal"}, seed = i,
    observe = {at = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, N, 2 * N}, keep = true,
               moments = true,
               of = function(x) return x:abs() end}})
  curves[i] = {sd, run.at, run.moments.mean / T(run.at)}
  local speed, se = report.mean((run.kept[12] - run.kept[11]) / N)
  r:within(("speed of |x| over steps 1025 to 2048, noise %g a"):format(sd), speed, A, se)
  if i == 3 then
    r:claim("piecewise linear surfaces eliminate the attractive noise",
      ("speed %s at noise of sd 5 a, where the smooth saddle would have s^2/2a = 12.5")
      :format(report.pm(speed, se)), math.abs(speed - A) < 4 * se)
  end
end

-- ---- meshes ------------------------------------------------------------------------

-- Slope of the interpolant of x^2/2 on the mesh k h.
local function slope(x, h)
  return T.where(x:ge(0), 1.0, -1.0) * ((x:abs() / h):floor() + 0.5) * h
end

local a, s = 0.02, 0.4 -- of each step; s^2/2a = 4: the smooth saddle attracts
local function rate(a_, s_)
  return report.expect(function(z) return math.log(math.abs(1 + a_ + s_ * z)) end,
                       {-(1 + a_) / s_})
end
local smooth = rate(a, s)
local STEPS = 400
local meshes = {1, 1e-2, 1e-4, 1e-6, 2.0^-300}
local paths, rates, ends = {}, {}, {}
for i, h in ipairs(meshes) do
  local run = saddle.march(function(x, noise) return x + (a + s * noise.xi) * slope(x, h) end,
                           1, STEPS,
    {lanes = PATHS, noise = {xi = "normal"}, seed = 10 + i, observe = {every = 10, keep = true}})
  local list = {}
  for k = 1, STEPS // 10 + 1 do list[k] = (run.kept[k]:abs():sort())[PATHS // 2] end
  rates[i] = {report.mean(run.kept[11]:abs():log() / 100)}
  paths[i], ends[i] = list, list[#list]
end
r:within("rate of ln|x| over 100 steps on the finest mesh against E ln|1 + a + s xi|",
         rates[5][1],
         smooth, rates[5][2])
-- The step at x depends on x/h alone: where x has settled, medians go as h.
r:check("median at the end: mesh 1e-2 over mesh 1 is 1e-2 (in ln)", math.log(ends[2] / ends[1]),
        math.log(1e-2), 8 / PATHS^0.5) -- 4 s.e. of two medians

-- The rate at |x| = 1 for a mesh that refines: averaged over where the mesh
-- lies, by quadrature over the noise.
local hs, local_rates = {}, {}
for k = 0, 12 do
  local h, sum = 2.0^(1 - k), 0
  for j = 1, 16 do
    local x = 1 + h * (j - 0.5) / 16
    local m = (math.floor(x / h) + 0.5) * h / x
    sum = sum + rate(a * m, s * m) / 16
  end
  hs[k + 1], local_rates[k + 1] = h, sum
end
r:check("the smooth rate returns at h = |x|/2048", local_rates[13], smooth, 1e-4)

r:claim("if the piecewise linear loss is fine and close to a smooth one, SGD may still suffer "
  .. "near saddles",
  ("a = 0.02, s = 0.4: over 100 steps ln|x| changes by %.4f, %.4f, %.4f, %.4f ± %.4f a step for "
    .. "h = 1, 1e-2, 1e-4, 1e-6, by %.4f on the smooth saddle; the median stays at %.2g h"):format(
  rates[1][1], rates[2][1], rates[3][1], rates[4][1], rates[4][2], smooth, ends[2] / meshes[2]),
  math.abs(rates[4][1] - smooth) < 0.1 * math.abs(smooth))
r:erratum("the mesh sets the depth of the trap, not its strength: noise that scales the loss is "
  .. "attractive on every scale above h")

-- ---- the figure -----------------------------------------------------------------

local fig = plot.figure{panels = {1, 3}, size = {7, 2.7}}
local left, middle, right = fig:panel(1), fig:panel(2), fig:panel(3)
left:set{logx = true, xlabel = "steps n", ylabel = "mean of |x| / (a n)", title = "one kink",
         legend = "top right", yrange = {0, 4}}
for i, c in ipairs(curves) do
  left:line(c[2], c[3], {label = ("noise %g a"):format(c[1]), marker = "circle", color = i})
end
left:hline(1)
middle:set{logy = true, xlabel = "steps n", ylabel = "median of |x|", title = "meshes",
           legend = "bottom left"}
local grid = T.arange(0, STEPS, 10)
for i in ipairs(meshes) do
  local text = ({"= 1", "= 10⁻²", "= 10⁻⁴", "= 10⁻⁶", "→ 0"})[i]
  middle:line(grid, paths[i], {label = "h " .. text, color = i})
end
middle:line({0, STEPS}, {1, math.exp(smooth * STEPS)}, {color = "grey", style = "dash",
            label = "smooth rate"})
right:set{logx = true, xlabel = "mesh width h / |x|", ylabel = "rate of ln|x| per step",
          title = "refinement", legend = "bottom left"}
right:line(hs, local_rates, {marker = "circle", label = "piecewise linear"})
right:hline(smooth, {label = "smooth"})
r:figure(fig, "n09_relu")
r:finish()
