-- n01_gradient_descent.lua: gradient descent over contours, a saddle surface
-- with its two curves, and points that crowd near a saddle.
-- Usage: saddle n01_gradient_descent.lua [--quick] [--out DIR].  MIT licence.
local saddle = require "saddle"
local T, plot, report = saddle.tensor, saddle.plot, saddle.report

local r = report.start{
  source = "Noise at saddle points, the figures 'Gradient Descent', the saddle surface and "
    .. "'points cluster more closely around the saddle'",
  question = "Where does gradient descent go, and why is it slow near a saddle point?",
  expected = "Near the saddle a step is as long as lr |H d|, linear in the distance d; from "
    .. "distance d along the descending axis it takes ln(1/d) / ln(1 + lr a) steps to leave; "
    .. "random starts all leave",
  time = "2 s; --quick 1 s",
}
local LR = 0.1

-- Two wells at (+-1, 0), a saddle at the origin with eigenvalues -1 and 2.
local function f(w) return 0.25 * w[1]^4 - 0.5 * w[1]^2 + w[2]^2 end
local function height(x, y) return 0.25 * x^4 - 0.5 * x^2 + y^2 end
local step = function(w) return w - LR * saddle.grad(f)(w) end

local function run(x, y, n)
  local _, path = saddle.iterate(step, T{x, y}, n, {every = 1})
  return T.concat({T{{x, y}}, path}, 1)
end

-- ---- step length against distance ------------------------------------------

local cp = saddle.critical.find(f, T{0.1, 0.1})
r:ok("the origin is a saddle of index 1", cp.class == "saddle" and cp.index == 1, cp.class)
r:check("its negative eigenvalue", cp.eigenvalues[1], -1, 1e-12)

-- Along the descending axis a step has length lr |d - d^3| exactly.
local distances, lengths, lx, ly = {}, {}, {}, {}
for k = 0, 24 do
  local d = 10^(-6 + k / 4)
  local w = T{d * 0.6, d * 0.8}
  distances[#distances + 1] = d
  lengths[#lengths + 1] = (step(w) - w):norm()
  if d < 0.02 then
    lx[#lx + 1], ly[#ly + 1] = math.log(d), math.log(lengths[#lengths])
  end
end
local slope, _, ahead = report.slope(lx, ly)
r:check("slope of ln step against ln distance below 0.02 (cubic terms: 1e-4)", slope, 1, 1e-4)
r:check("step / (lr distance) along (0.6, 0.8) is |H u|", math.exp(ahead) / LR,
        (0.6^2 + 1.6^2)^0.5, 1e-3)

-- ---- time to leave ----------------------------------------------------------

-- In the local model x grows by 1 + lr a a step, so that each decade of the
-- starting distance costs ln 10 / ln(1 + lr a) steps.
local function leave(d)
  local path = run(d, 0.3, 400):t()[1]
  for k, x in ipairs(path:totable()) do
    if math.abs(x) > 0.5 then return k - 1 end
  end
end
local at, steps, lnd = {}, {}, {}
for k = 1, 12 do
  at[k] = 10.0^-k
  steps[k], lnd[k] = leave(at[k]), math.log(at[k])
end
local per_e = report.slope(lnd, steps)
r:check("steps per factor e of the distance, against 1 / ln(1 + lr a)", -per_e,
        1 / math.log(1 + LR),
        0.5 / math.log(10)) -- a step more or less over 11 decades

-- ---- random starts --------------------------------------------------------------

local N = r.quick and 10000 or 100000
local rng = saddle.random.new(1)
local ends = saddle.iterate(step, rng:uniform{N, 2, low = -2, high = 2}, 400, {lanes = true})
local gap = (ends:t()[1]:abs() - 1):abs():max()
r:ok("all random starts end in a well", gap < 1e-9,
     ("%d starts, largest distance %.1e"):format(N, gap))

r:claim("gradient descent proceeds extremely slowly near a saddle point, its points crowd there",
  ("step length is distance to the power %.5f below 0.02; %d steps to leave from 1e-12")
  :format(slope, steps[12]), math.abs(slope - 1) < 1e-3)
r:erratum("'extremely' is linear: the steps shrink with the distance, and leaving takes ln(1/d) "
  .. "steps")
r:claim("with random initialisation gradient descent almost surely escapes",
  ("%d of %d starts escaped; if the share that does not is p, p < %.1g with 95 %%"):format(N, N,
    3 / N), gap < 1e-9)
r:erratum("the local model needs 1 <= k < m: the text's 1 < k leaves out a single descending "
  .. "direction")

-- ---- figures ------------------------------------------------------------------

local fig = plot.figure{panels = {1, 3}, size = {7, 2.7}}
local function columns(path) local t = path:t() return t[1], t[2] end

local left = fig:panel(1)
left:set{xlabel = "x", ylabel = "y", title = "to a minimum", xrange = {-2, 2}, yrange = {-1.6,
  1.6},
         legend = false}
left:contour({-2, 2}, {-1.6, 1.6}, height, {levels = 14, color = "#9a9a9a", width = 0.5})
local px, py = columns(run(1.9, 1.5, 60))
left:line(px, py, {color = "red", marker = "circle", size = 0.7})
left:scatter({1, -1}, {0, 0}, {marker = "star", color = 1, size = 1.4})
left:text(1, -0.25, "minimum", {align = "center"})

local middle = fig:panel(2)
middle:set{xlabel = "x", ylabel = "y", title = "near the saddle", xrange = {-1.25, 1.25},
           yrange = {-0.35, 1.35}, legend = false}
middle:contour({-1.25, 1.25}, {-0.35, 1.35}, height, {levels = 14, color = "#9a9a9a",
  width = 0.5})
px, py = columns(run(1e-3, 1.25, 120))
middle:line(px, py, {color = "red", marker = "circle", size = 0.7})
px, py = columns(run(-0.05, 1.1, 80))
middle:line(px, py, {color = 1, marker = "circle", size = 0.7})
middle:text(0.06, -0.15, "saddle")

local right = fig:panel(3)
right:set{logx = true, logy = true, xlabel = "distance to the saddle",
          ylabel = "length of the step",
          title = "linear in the distance", legend = "top left"}
right:scatter(distances, lengths, {label = "along (0.6, 0.8)"})
right:line(distances, T(distances) * LR * (0.6^2 + 1.6^2)^0.5, {label = "lr |H d|", color = 2})
r:figure(fig, "n01_gradient_descent")

fig = plot.figure{size = {3.4, 2.8}, xlabel = "x", ylabel = "y", view = {55, 112},
                  colorbar = false,
                  legend = false, zrange = {-1, 1}, palette = {"#dfe8f0", "#9fb8cf"}}
local u = T.linspace(-1, 1, 41)
local zero = T.zeros{41}
fig:surface({-1, 1}, {-1, 1}, function(x, y) return y^2 - x^2 end, {n = 25})
local near = T.linspace(-0.22, 1, 41) -- the rest lies behind the ridge
fig:line3(near, zero, -(near^2) + 0.01, {color = "red", width = 2.4})
fig:line3(zero, u, u^2 + 0.01, {color = "green", width = 2.4})
fig:scatter3({0}, {0}, {0.02}, {color = "black", size = 1.4})
r:figure(fig, "n01_saddle_surface")
r:finish()
