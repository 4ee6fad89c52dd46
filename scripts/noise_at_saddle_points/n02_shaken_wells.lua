-- n02_shaken_wells.lua: gradient descent on a two-well surface that a normal
-- vector translates anew at every step.
-- Usage: saddle n02_shaken_wells.lua [--quick] [--out DIR].  MIT licence.
local saddle = require "saddle"
local T, plot, report = saddle.tensor, saddle.plot, saddle.report

local r = report.start{
  source = "Noise at saddle points, 'Example': the surface shaken by noise of sd 0, 1, 2",
  question = "Shaking the surface holds descent at the saddle. Is that attractive noise, or is "
    .. "the saddle gone from the surface on average?",
  expected = "For x^4/4 - b^2 x^2/2 the mean surface E f(x + xi) has a minimum at 0 once sd > "
    .. "b/sqrt 3: that is the limit for small steps. Attractive noise lowers the threshold by a "
    .. "term in the step: E ln|1 - lr f''(xi)| = 0 at sd = b/sqrt 3 (1 - lr b^2/2 + ...)",
  time = "4 s; --quick 1 s",
}
-- The text does not give its surface. We take b = 2.5, so that the two sd it
-- shows lie on either side of b/sqrt 3 = 1.44, and show all sd / b.
local B, C = 2.5, 0.5
local function f(w) return 0.25 * w[1]^4 - 0.5 * B^2 * w[1]^2 + 0.5 * C * w[2]^2 end
local rng = saddle.random.new(2)

-- ---- the mean surface ----------------------------------------------------------

local function smoothed(sd) -- E f(x + xi), from the moments of a normal
  return function(w)
    return 0.25 * w[1]^4 + 0.5 * (3 * sd^2 - B^2) * w[1]^2 + 0.5 * C * w[2]^2
  end
end
local edge = B / 3^0.5
for _, sd in ipairs{0.99 * edge, 1.01 * edge} do
  local cp = saddle.critical.find(smoothed(sd), T{0.01, 0.01})
  local want = sd < edge and "saddle" or "minimum"
  r:ok(("the mean surface at sd = %.3f has a %s at 0"):format(sd, want), cp.class == want,
       cp.class)
end
local second = saddle.vmap(saddle.grad(saddle.grad(function(x)
  return 0.25 * x^4 - 0.5 * B^2 * x^2
end)))
local SAMPLES = r.quick and 100000 or 1000000
for _, sd in ipairs{1, 2} do
  local mean, se = report.mean(second(rng:normal{SAMPLES, sd = sd}))
  r:within(("E f''(xi) at sd = %d against 3 sd^2 - b^2"):format(sd), mean, 3 * sd^2 - B^2, se)
end

-- ---- shaken descent --------------------------------------------------------------

-- n steps of many lanes from x, y: the places, the step at which |x| first
-- passed b/2 (0: never), and the share of the second half of the steps spent
-- within 0.4 b of x = 0.
local function shaken(o)
  local lr, sd, half = o.lr, o.sd, o.steps // 2
  local function step(s, noise, k)
    local u, v = s.x + sd * noise.z[1], s.y + sd * noise.z[2]
    local x = s.x - lr * (u * u * u - B^2 * u)
    local passed = s.left:eq(0):land(x:abs():gt(B / 2))
    local near = x:abs():lt(0.4 * B):to "f64"
    return {x = x, y = s.y - lr * C * v, left = T.where(passed, k + 1, s.left),
            near = s.near + T.where(T.ge(k, half), near / (o.steps - half), 0.0)}
  end
  return saddle.march(step, {x = o.x, y = o.y, left = 0.0, near = 0.0}, o.steps,
    {lanes = o.lanes, noise = {z = {"normal", size = 2}}, seed = o.seed, observe = o.observe})
end

local LR = 0.005
local LANES, STEPS = r.quick and 500 or 5000, 2000
local share, spread, leave = {}, {}, {}
for i, sd in ipairs{0, 1, 2} do
  local s = shaken{lr = LR, sd = sd, x = 0.3, y = 3, steps = STEPS, lanes = LANES, seed = i}.state
  share[i], leave[i], spread[i] = {report.mean(s.near)}, s.left, {s.x:std(), s.y}
end
-- y is an autoregression: variance (lr c sd)^2 / (1 - (1 - lr c)^2).
local k = 1 - LR * C
local law = (LR * C * 2)^2 / (1 - k^2) * (1 - k^(2 * STEPS))
local mean, se = report.mean((spread[3][2] - 3 * k^STEPS)^2)
r:within("variance of y after 2000 steps at sd = 2", mean, law, se)

-- ---- the thresholds -----------------------------------------------------------------

local function growth(lr, sd) -- E ln|1 - lr f''(xi)|, pole where f'' = 1 / lr
  local pole = ((1 / lr + B^2) / 3)^0.5 / sd
  return report.expect(function(z)
    return math.log(math.abs(1 - lr * (3 * (sd * z)^2 - B^2)))
  end, {-pole, pole})
end
local function threshold(lr)
  return report.root(function(sd) return growth(lr, sd) end, 0.6 * edge, 1.2 * edge)
end

local rates, at = {}, {}
for i = 0, 20 do
  rates[#rates + 1] = (1e-3 + 0.2 * i / 20) / B^2
  at[#at + 1] = threshold(rates[#rates])
end
r:check("threshold at lr b^2 = 0.001 against b/sqrt 3 (1 - lr b^2/2)", at[1],
        edge * (1 - 0.5e-3), 1e-6 * edge) -- the next term is of order (lr b^2)^2
for _, lr in ipairs{0.05 / B^2, 0.2 / B^2} do
  local xi = rng:normal{SAMPLES, sd = threshold(lr)}
  local m, e = report.mean((1 - lr * second(xi)):abs():log())
  r:within(("E ln|1 - lr f''| is 0 there, lr b^2 = %.2g"):format(lr * B^2), m, 0, e)
end

-- Share of the second half of 2000 steps spent within 0.4 b of the saddle, from
-- a start in a well.
local sds, curves = {}, {}
for i = 0, r.quick and 6 or 18 do sds[i + 1] = 0.2 + 0.8 * i / (r.quick and 6 or 18) end
for i, s in ipairs{0.01, 0.06} do
  curves[i] = {s, {}}
  for j, sd in ipairs(sds) do
    local run = shaken{lr = s / B^2, sd = sd * B, x = B, y = 0, steps = math.floor(20 / s),
                       lanes = 400, seed = 100 * i + j}
    curves[i][2][j] = run.state.near:mean()
  end
end

-- ---- claims ---------------------------------------------------------------------

local plain, plain_se = report.mean(leave[1])
local slow, slow_se = report.mean(leave[2])
r:claim("with noise of sd 1 descent lingers along the ridge",
  ("steps until |x| > b/2: %s without noise, %s with sd 1 (0: never, %d of %d)"):format(
  report.pm(plain, plain_se), report.pm(slow, slow_se), leave[2]:eq(0):sum(), LANES),
  slow > plain + 4 * slow_se)
r:claim("with noise of sd 2 it converges fairly rapidly to the saddle point",
  ("share of steps 1001 to 2000 within 0.4 b of the saddle: %s, %s, %s at sd 0, 1, 2"):format(
  report.pm(table.unpack(share[1])), report.pm(table.unpack(share[2])),
  report.pm(table.unpack(share[3]))), share[3][1] > 0.9 and share[2][1] < 0.5)
r:erratum(("it does not stop there: noise in the gradient at the saddle is additive, x keeps a "
  .. "law of sd %.2f about it"):format(spread[3][1]))
r:erratum(("attractive noise is not the main cause: on the mean surface the saddle is a minimum "
  .. "for sd > b/sqrt 3, for steps as small as you like; attractive noise lowers that threshold "
  .. "by %.1f %% at lr = %.3g"):format(100 * (1 - threshold(LR) / edge), LR))

-- ---- the figure ---------------------------------------------------------------

local fig = plot.figure{panels = {1, 3}, size = {7, 2.8}}
local left = fig:panel(1)
left:set{xlabel = "x", ylabel = "y", xrange = {-4, 4}, yrange = {-2, 3.6}, legend = "below"}
left:contour({-4, 4}, {-2, 3.6}, function(x, y)
  return 0.25 * x^4 - 0.5 * B^2 * x^2 + 0.5 * C * y^2
end, {levels = {-9, -6, -3, 0, 3, 10}, color = "#a8a8a8", width = 0.5})
for i, sd in ipairs{2, 1, 0} do
  local path = shaken{lr = LR, sd = sd, x = 0.3, y = 3, steps = 2000, lanes = 1, seed = 4,
                      observe = {every = 1}}.kept
  left:line(path.x:flatten(), path.y:flatten(), {color = ({1, 3, 2})[i],
    width = i == 3 and 1.6 or 0.7,
                     label = ({"sd 2", "sd 1", "sd 0"})[i]})
end
left:scatter({0}, {0}, {marker = "cross", color = "black", size = 1.6})

local middle = fig:panel(2)
middle:set{xlabel = "sd / b", ylabel = "share of steps at the saddle", legend = "bottom right",
           yrange = {0, 1.02}}
for i, curve in ipairs(curves) do
  middle:line(sds, curve[2], {label = ("lr b² = %g"):format(curve[1]), marker = "circle",
                              color = i, size = 0.8})
end
middle:vline(1 / 3^0.5, {label = "b / √3"})

local right = fig:panel(3)
right:set{xlabel = "lr b²", ylabel = "sd / b at the threshold",
          legend = "top right", yrange = {0.5, 0.6}}
right:line(T(rates) * B^2, T(at) / B, {label = "E ln|1 - lr f″| = 0"})
right:line({0, 0.2}, {3^-0.5, 3^-0.5 * 0.9}, {style = "dash", color = "grey",
           label = "first order"})
right:hline(3^-0.5, {style = "dot"})
right:text(0.03, 0.579, "b / √3: mean surface")
r:figure(fig, "n02_shaken_wells")
r:finish()
