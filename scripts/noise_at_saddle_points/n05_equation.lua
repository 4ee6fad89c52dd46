-- n05_equation.lua: dx = a x dt + s x dW + tau dU: paths, the exact solution,
-- moments, growth rate, orders of schemes.
-- Usage: saddle n05_equation.lua [--quick] [--out DIR].  MIT licence.
local saddle = require "saddle"
local T, sde, plot, report = saddle.tensor, saddle.sde, saddle.plot, saddle.report

local r = report.start{
  source = "Noise at saddle points, the stochastic equation, its analytical solution, and the "
    .. "sample path of a = 0.5, s = 1.2, tau = 0",
  question = "Is the formula for the solution right, and does attractive noise lower the growth "
    .. "rate from a to a - s^2/2?",
  expected = "Yes: simulated paths approach the formula's as the step shrinks; E x_t = x_0 "
    .. "e^{at} and the second moment as in docs/sde.md 3.1; ln|x_t|/t -> a - s^2/2 for tau = 0",
  time = "2 s; --quick 1 s",
}
local rng = saddle.random.new(5)

-- ---- the exact solution, path by path ------------------------------------------

-- The text's solution, on the Brownian motions of the simulation:
--   y_t = y_0 Phi_t + int Phi_t / Phi_s d(omega V_s - a mu s),  y = x + mu,
-- Phi_t = exp((a - s^2/2) t + s W_t), its integral by left sums on the finest
-- grid; Euler-Maruyama and Milstein of the two-noise form on coarser ones.
local p = {a = 0.3, sigma = 0.5, tau = 0.4, rho = -0.6}
local x0, END = 1, 1
local PATHS, FINE = r.quick and 1000 or 4000, r.quick and 1024 or 4096

local function gap(levels)
  local h = END / FINE
  local mu, q = p.tau * p.rho / p.sigma, (1 - p.rho^2)^0.5
  local omega = p.tau * q
  local W, sum = T.zeros{PATHS}, T.zeros{PATHS}
  local state = {}
  for i, n in ipairs(levels) do
    state[i] = {x = T.full({PATHS}, x0), dw = T.zeros{PATHS}, du = T.zeros{PATHS},
                every = FINE // n}
  end
  for k = 1, FINE do
    local dw, dv = h^0.5 * rng:normal{PATHS}, h^0.5 * rng:normal{PATHS}
    local du = p.rho * dw + q * dv
    local inverse = (-(p.a - 0.5 * p.sigma^2) * (k - 1) * h - p.sigma * W):exp()
    sum:add_(inverse * (omega * dv - p.a * mu * h))
    W:add_(dw)
    for _, s in ipairs(state) do
      s.dw:add_(dw)
      s.du:add_(du)
      if k % s.every == 0 then
        local H = h * s.every
        s.x = s.x + p.a * s.x * H + p.sigma * s.x * s.dw + p.tau * s.du
        s.dw, s.du = T.zeros{PATHS}, T.zeros{PATHS}
      end
    end
  end
  local phi = ((p.a - 0.5 * p.sigma^2) * END + p.sigma * W):exp()
  local exact = (x0 + mu) * phi + phi * sum - mu
  local hs, errors = {}, {}
  for i, s in ipairs(state) do
    hs[i], errors[i] = END / levels[i], ((s.x - exact)^2):mean()^0.5
  end
  return hs, errors, exact
end
local levels = {8, 16, 32, 64, 128, 256}
local hs, errors, exact = gap(levels)
local function logs(list)
  local out = {}
  for i, v in ipairs(list) do out[i] = math.log(v) end
  return out
end
local order = report.slope(logs(hs), logs(errors))
r:check("Euler-Maruyama approaches the text's solution at order 1/2", order, 0.5, 0.1)
r:ok("  and is near it at the finest step", errors[#errors] < 0.03,
     ("rms %.4f at h = 1/256"):format(errors[#errors]))

-- ---- moments ----------------------------------------------------------------------

local m = sde.saddle(p)
local mean, _, second = m:moments(x0, END)
local e, se = report.mean(exact)
r:within("mean of the text's solution", e, mean, se)
e, se = report.mean(exact^2)
r:within("second moment of the text's solution", e, second, se)
local N = r.quick and 20000 or 400000
local ens = sde.simulate(m, {x0 = x0, t = END, dt = 0.02, paths = N, seed = 5})
local m1, s1 = report.mean(ens.x)
local m2, s2 = report.mean(ens.x^2)
r:within("mean, simulated by the default scheme, e^{at}", m1, 1.349858807576, s1)
r:within("second moment", m2, second, s2)
r:check("the formula for the variance (docs/sde.md 3.1)", second - mean^2, 0.33778936046, 1e-10)
r:claim("the equation has the analytical solution given",
  ("rms distance of Euler-Maruyama to it %.3f, %.3f, %.3f at h = 1/8, 1/32, 1/128: order %.2f")
  :format(errors[1], errors[3], errors[5], order), math.abs(order - 0.5) < 0.1)
r:erratum("the local model f = -(a + xi) x^2 - eta x has twice the slope that the text gives "
  .. "it: its equation is that of f = -(a + xi) x^2/2 - eta x")
r:erratum("footnote and text give U the name V in places; the integrator nu is omega V_s - a mu "
  .. "s with the V that is independent of W")

-- ---- growth -----------------------------------------------------------------------------

local a, s = 0.5, 1.2
local t = 40
ens = sde.simulate(sde.gbm{a = a, sigma = s}, {x0 = 1, t = t, dt = 0.25, paths = N // 4,
  seed = 6})
local growth, growth_se = report.mean(ens.x:abs():log() / t)
r:within("growth rate of ln|x| for tau = 0, exact scheme, a - s^2/2", growth, a - 0.5 * s^2,
         growth_se)
local euler = sde.simulate(sde.gbm{a = a, sigma = s}, {x0 = 1, t = t, dt = 0.05, paths = N // 20,
                                                       seed = 7, scheme = "euler_maruyama"})
local rate, rate_se = report.mean(euler.x:abs():log() / t)
-- Euler-Maruyama grows by E ln|1 + a h + s sqrt h Z| / h.
local h = 0.05
local euler_rate = report.expect(function(z)
  return math.log(math.abs(1 + a * h + s * h^0.5 * z)) / h
end, {-(1 + a * h) / (s * h^0.5)})
r:within("  the same by Euler-Maruyama, E ln|1 + ah + s sqrt(h) Z| / h", rate, euler_rate,
         rate_se)
local gone, gone_se = report.share(ens.x:abs():lt(1))
r:claim("attractive noise shifts the rate of exponential growth from a to a - s^2/2",
  ("a = 0.5, s = 1.2: %s, where a - s^2/2 = %.2f; %s of the paths are nearer than x_0 at t = 40")
  :format(report.pm(growth, growth_se), a - 0.5 * s^2, report.pm(gone, gone_se)),
  math.abs(growth - (a - 0.5 * s^2)) < 4 * growth_se)
r:erratum("the rate of ln|x| shifts; E x_t still grows at rate a, carried by ever fewer paths")

-- ---- orders of schemes ----------------------------------------------------------------

-- Strong on dx = s x dW against its solution on the same Brownian motions, weak by
-- the second moment of dx = x dt + s x dW without sampling.
local strong = {}
for _, row in ipairs{{"euler_maruyama", 0.5, 1}, {"milstein", 1, 1}, {"sriw1", 1.5, 2},
                     {"platen", nil, 2}} do
  local name, order_strong, order_weak = table.unpack(row, 1, 3)
  if order_strong then
    strong[name] = sde.convergence{model = sde.gbm{a = 0, sigma = 0.5}, scheme = name,
                                   steps = levels, paths = 4 * PATHS}.strong
    r:check("strong order of " .. name, strong[name].slope, order_strong, 0.1)
  end
  local weak = sde.convergence{model = sde.gbm{a = 1, sigma = 0.5}, scheme = name, weak = 2,
                               steps = {32, 64, 128, 256, 512}, strong = false}.weak
  r:check("weak order of " .. name, weak.slope, order_weak, 0.1)
end
-- A^n + e^{s^2} - 2 X^n with A = X = 1 + s^2 h is the mean square of Euler-Maruyama;
-- 4 PATHS squares of nearly normal errors vary by sqrt(2) of their mean, or twice that.
local exact_square = math.exp(0.25) - (1 + 0.25 / 64)^64
r:check("  mean square error of euler_maruyama at h = 1/64, exactly known",
        strong.euler_maruyama.errors[4]^2 / exact_square, 1, 4 * 2.8 / (4 * PATHS)^0.5)
local lamperti = sde.convergence{model = m, steps = {8, 16, 32, 64, 128}, reference = 1024,
                                 paths = PATHS, compare = m.lamperti.to}
r:check("strong order of lamperti_sra1 on the whole model, in its own coordinate",
        lamperti.strong.slope, 1.5, 0.1)

-- ---- figures ------------------------------------------------------------------------------

local fig = plot.figure{panels = {1, 3}, size = {7, 2.8}}
local left, middle, right = fig:panel(1), fig:panel(2), fig:panel(3)
local path = sde.simulate(sde.gbm{a = a, sigma = s}, {x0 = 1, t = 50, dt = 0.02, paths = 1,
  seed = 12,
                                                      every = 1})
left:set{xlabel = "t", ylabel = "x", title = "a = 0.5, σ = 1.2, τ = 0", legend = false}
left:line(path.times, path.path:flatten(), {width = 0.8})
local few = sde.simulate(sde.saddle{a = a, sigma = s, tau = 0.2}, {x0 = 1, t = 40, dt = 0.05,
  paths = 6, seed = 3, every = 2})
middle:set{xlabel = "t", ylabel = "|x|", logy = true, title = "six paths, τ = 0.2 and 0",
           yrange = {1e-8, 1e4}, legend = "bottom left"}
local still = sde.simulate(sde.gbm{a = a, sigma = s}, {x0 = 1, t = 40, dt = 0.05, paths = 6,
  seed = 3,
                                                       every = 2})
for i = 1, 6 do
  middle:line(few.times, few.path:t()[i]:abs(), {color = 1, width = 0.5,
              label = i == 1 and "τ = 0.2" or nil})
  middle:line(still.times, still.path:t()[i]:abs(), {color = 2, width = 0.5,
              label = i == 1 and "τ = 0" or nil})
end
middle:line({0, 40}, {1, math.exp((a - 0.5 * s^2) * 40)}, {color = "black", style = "dash",
            label = "a - σ²/2"})
right:set{logx = true, logy = true, xlabel = "step h", ylabel = "rms error at t = 1",
          yrange = {1e-6, 0.2},
          legend = "bottom right"}
right:line(hs, errors, {marker = "circle", label = "Euler, τ > 0", color = 3})
for i, name in ipairs{"euler_maruyama", "milstein", "sriw1"} do
  right:line(hs, strong[name].errors, {marker = "circle", color = ({1, 2, 4})[i],
             label = ({"Euler", "Milstein", "SRIW1"})[i]})
end
r:figure(fig, "n05_equation")
r:finish()
