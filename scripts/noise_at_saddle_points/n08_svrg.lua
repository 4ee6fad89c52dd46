-- n08_svrg.lua: ways out of an attractive saddle: SVRG.
-- Usage: saddle n08_svrg.lua [--quick] [--out DIR].  MIT licence.
local saddle = require "saddle"
local T, plot, report = saddle.tensor, saddle.plot, saddle.report

local r = report.start{
  source = "Noise at saddle points, 'Stochastic Variance Reduction Gradient Descent' and the "
    .. "figure of x_infinity at a = 1, s = 2, landmark 1",
  question = "How fast does SVRG leave an attractive saddle?",
  expected = "E x_T = e^{aT} x~ after an epoch of length T; once epochs converge ln x~ grows by "
    .. "E ln(1 + Y), Y ~ InvGamma(1 - 2a/s^2, 2a/s^2), an epoch: 1.8038 at a = 1, s = 2",
  time = "2 s; --quick 1 s",
}
local PATHS = r.quick and 20000 or 200000
local rng = saddle.random.new(8)

-- Inner loop from landmark 1: du = a (u + 1) dt + s u dW, u_0 = 0, x = 1 + u, at a = 1, s = 2.
-- By half a drift, the exact exponential, half a drift (weak order 2).
local a, s = 1, 2
local H, LAST = 0.02, 40
local n = PATHS // 4
local inner = saddle.march(function(u, noise)
  local e = ((a - 0.5 * s^2) * H + s * H^0.5 * noise.z):exp()
  return (u + 0.5 * a * H) * e + 0.5 * a * H
end, 0, math.floor(LAST / H + 0.5), {lanes = n, noise = {z = "normal"}, seed = 8, dt = H,
  observe = {every = 25, keep = true}})
local u, times, growth = inner.state, T(inner.times), {}
for k = 1, #inner.times do growth[k] = (1 + inner.kept[k]):log():mean() end
local mean3 = {report.mean(1 + inner.kept[2])}
r:within("SVRG: E x_T = e^{aT} at T = 0.5", mean3[1], math.exp(a * 0.5), mean3[2])
local ratio = 2 * a / s^2 -- 1/2: InvGamma(1/2, 1/2) is 1/Z^2
local exact = report.expect(function(z) return math.log(1 + 1 / (z * z)) end, {0})
r:check("SVRG: E ln(1 + Y) by quadrature", exact, 1.8038, 5e-5)
local direct, direct_se = report.mean((1 + rng:normal{PATHS}^-2):log())
r:within("  the same from samples of the inverse gamma law", direct, exact, direct_se)
local long, long_se = report.mean((1 + u):log())
r:within("  the same from the inner loop at T = 40", long, exact, long_se)
r:ok("every path ends further from the saddle than its landmark", u:min() > 0,
     ("least u = %.2g"):format(u:min()))
-- The descent itself: 2000 samples, the landmark moved every 100 steps.
local h = s / 0.05^0.5 * rng:normal{2000}
h = h - h:mean() - a
local descent = saddle.sde.from_sgd{h = h, lr = 0.05}:svrg{landmark = 1, every = 100}
local EPOCHS, few, at = 8, PATHS // 40, {0, 10}
for k = 1, EPOCHS do at[k + 2] = 100 * k end
local run = saddle.march(descent.step, descent.start(1.0), 100 * EPOCHS, {lanes = few,
  noise = descent.noise, seed = 9, observe = {at = at, keep = true}})
local mean, mean_se = report.mean(run.kept.x[2])
r:within("SVRG descent: E x after 10 steps is (1 + lr a)^10", mean, 1.05^10, mean_se)
local marks = run.kept.landmark:abs():log()
local first, first_se = report.mean(marks[3])
local rest, rest_se = report.mean((marks[EPOCHS + 2] - marks[3]) / (EPOCHS - 1))
r:within("SVRG descent: epochs 2 to 8 grow as the first", rest, first,
         (first_se^2 + rest_se^2)^0.5)
r:note("SVRG on 2000 samples, lr = 0.05, 100 steps an epoch: ln|x~| grows by %s an epoch",
       report.pm(rest, rest_se))
local nearer = (marks[EPOCHS + 2] - marks[EPOCHS + 1]):lt(0):to "f64":mean()
local least = inner.kept[{"2:"}]:min()
r:claim("with probability 1 the next landmark is further from the saddle",
  ("least x - x~ of %d inner loops from T = 0.5 to 40: %.2g; in the descent with lr = 0.05 %.2f "
    .. "%% of the landmarks come nearer"):format(n, least, 100 * nearer), least > 0)
r:erratum("that is the equation's: steps of finite size can pass the landmark")
r:claim("SVRG escapes no slower than geometrically in the updates of the landmark",
  ("ln x~ grows by %s an epoch, exactly %.4f; in the descent by %s in each"):format(
  report.pm(long, long_se), exact, report.pm(rest, rest_se)), rest > 4 * rest_se and
  math.abs(rest - first) < 4 * (first_se^2 + rest_se^2)^0.5)

-- Against 2a/s^2 = c: Y ~ InvGamma(1 - c, c) = c/G. E ln(1 + c/G) with G = e^v.
local function svrg_rate(c)
  local alpha = 1 - c
  -- Density of v = ln G: e^{alpha v - e^v} / Gamma(alpha); trapezium over the line.
  local top, bottom, dv = 0, 0, 0.01
  for k = -6000, 500 do
    local v = k * dv
    local w = math.exp(alpha * v - math.exp(v))
    top, bottom = top + w * math.log(1 + c * math.exp(-v)), bottom + w
  end
  return top / bottom
end
r:check("E ln(1 + Y) by another quadrature", svrg_rate(ratio), exact, 1e-9)
r:claim("at a rate proportional to 2a/s^2, which is 0.5 at a = 1, s = 2",
  ("E ln(1 + Y) is %.1f, %.1f, %.1f, %.1f, %.1f times 2a/s^2 at 2a/s^2 = 0.01, 0.1, 0.3, 0.5, "
    .. "0.9: roughly so in the middle, without bound towards 0 and 1"):format(
  svrg_rate(0.01) / 0.01, svrg_rate(0.1) / 0.1, svrg_rate(0.3) / 0.3, exact / 0.5,
  svrg_rate(0.9) / 0.9),
  math.abs(svrg_rate(0.01) / 0.01 - svrg_rate(0.9) / 0.9) < 0.1)
r:erratum("the mean E x_T = e^{aT} x~ of an epoch has no limit in T, since 2a > 0 makes E Y "
  .. "infinite: the growth of ln x~ has to be asked for")
local cs, svrg = {}, {}
for k = 1, 17 do cs[k], svrg[k] = 0.05 * k, svrg_rate(0.05 * k) end

-- ---- the figure ---------------------------------------------------------------

local fig = plot.figure{panels = {1, 3}, size = {7, 2.7}}
local left, middle, right = fig:panel(1), fig:panel(2), fig:panel(3)
left:set{xlabel = "x after a long epoch", ylabel = "density", xrange = {-0.5, 6},
         legend = "top right",
         title = "a = 1, σ = 2, landmark 1"}
left:hist(1 + u, {bins = 60, range = {1, 6}, density = true, color = 6,
                  label = "inner loop, T = 40"})
local xs, ps = {}, {}
for k = 1, 200 do
  local y = 5 * k / 200
  xs[k] = 1 + y
  ps[k] = (ratio / math.pi)^0.5 * y^-1.5 * math.exp(-ratio / y)
end
left:line(xs, ps, {label = "inverse gamma", color = 1})
left:vline(1, {color = "orange", style = "solid", width = 1.4, label = "landmark"})
left:vline(0, {color = "black", style = "dot"})
middle:set{xlabel = "epoch length T", ylabel = "E ln(x / landmark)", legend = "bottom right",
           title = "one epoch"}
middle:line(times, growth, {label = "inner loop"})
middle:hline(exact, {label = "E ln(1 + Y) = 1.8038"})
middle:hline(0.5, {label = "2a/σ²", style = "dot", color = 2})
right:set{xlabel = "2a / σ²", ylabel = "growth of ln x per epoch", legend = "top left",
          title = "converged epochs"}
right:line(cs, svrg, {label = "E ln(1 + Y)"})
right:line({0, 0.85}, {0, 0.85}, {label = "2a/σ²", style = "dot", color = 2})
r:figure(fig, "n08_svrg")
r:finish()
