-- n07_special_cases.lua: inverse gamma, Student's t, the tail exponent.
-- Usage: saddle n07_special_cases.lua [--quick] [--out DIR].  MIT licence.
local saddle = require "saddle"
local T, sde, law, stats = saddle.tensor, saddle.sde, saddle.law, saddle.stats
local plot, report = saddle.plot, saddle.report

local r = report.start{
  source = "Noise at saddle points, special cases 1 (rho = 1) and 2 (rho = 0), and the tail "
    .. "exponent",
  question = "Are the laws of the special cases those given, and how heavy are the tails?",
  expected = "|rho| = 1: -sign(a rho)(x + rho tau/s) ~ InvGamma(1 - 2a/s^2, 2|a| tau/s^3), by "
    .. "side; rho = 0: Student t, nu = 1 - 2a/s^2, scale tau / sqrt(s^2 - 2a); P(|x| > R) ~ "
    .. "R^-nu. Discrete steps change the exponent: E|1 + ah + s sqrt(h) xi|^kappa = 1",
  time = "30 s; --quick 2 s",
}
local PATHS = r.quick and 4000 or 100000

local function simulated(p, t, seed, x0)
  return sde.simulate(sde.saddle(p), {x0 = x0 or 0, t = t, dt = p.rho and 0.1 or 0.05,
                                      paths = PATHS,
                                     seed = seed}).x
end
local function fits(name, x, l)
  local test = stats.ks(x, l)
  r:ok(name, test.p_value > 1e-4, ("D = %.5f, p = %.3g"):format(test.statistic, test.p_value))
  return test
end

-- ---- |rho| = 1 ----------------------------------------------------------------------

-- From x = 0, which lies on the side that keeps: u = x + rho tau/s has the sign
-- of rho there; for a > 0 it crosses u = 0 once.
local side = {}
for i, c in ipairs{{-0.5, 1, 1, 1}, {1, 2, 1, 1}, {-0.5, 1, 1, -1}, {0.2, 1, 0.5, -1}} do
  local p = {a = c[1], sigma = c[2], tau = c[3], rho = c[4]}
  local sign = p.a * p.rho > 0 and -1 or 1
  local l = law.saddle(p)
  local x = simulated(p, 80, 70 + i, sign * 2 - p.rho * p.tau / p.sigma)
  local u = (x + p.rho * p.tau / p.sigma) * sign
  local alpha, beta = 1 - 2 * p.a / p.sigma^2, 2 * math.abs(p.a) * p.tau / p.sigma^3
  r:ok(("a = %g, rho = %g: all paths on one side"):format(p.a, p.rho), u:min() > 0)
  local test = fits("  inverse gamma, by that side", u, law.inverse_gamma{alpha = alpha,
    beta = beta})
  local points = T.linspace(0.05, 3, 40)
  local ours = l:pdf(sign * points - p.rho * p.tau / p.sigma)
  local gamma = law.inverse_gamma{alpha = alpha, beta = beta}:pdf(points)
  r:check("  the model's law is that one", (ours - gamma):abs():max(), 0, 1e-11)
  side[i] = {u = u, alpha = alpha, beta = beta, p = test.p_value, D = test.statistic}
end
r:claim("rho = 1: x + tau/s ~ InvGamma with shape 1 - 2a/s^2 and scale -2 a tau/s^3, at a "
  .. "minimum",
  ("a = -1/2, s = 1: KS distance %.4f, p = %.2g"):format(side[1].D, side[1].p), side[1].p > 1e-3)
r:claim("the same at a saddle, a > 0",
  ("a = 1, s = 2: no, the scale would be negative; -(x + tau/s) ~ InvGamma(1/2, +2 a tau/s^3): "
    .. "KS distance %.4f, p = %.2g"):format(side[2].D, side[2].p), side[2].u:min() < 0)
r:erratum("for a, tau > 0, the saddle, the scale given is negative and no law: there x + tau/s "
  .. "< 0, and it is -(x + tau/s) that has the law with the scale's sign turned")

-- On the wrong side: it crosses once and does not return.
local p = {a = -0.5, sigma = 1, tau = 1, rho = 1}
local wrong = simulated(p, 40, 79, -3)
r:ok("a start on the wrong side crosses over", (wrong + 1):min() > 0)
local still = simulated({a = 0, sigma = 1, tau = 1, rho = 1}, 20, 80, 2)
local gone, gone_se = report.mean((still + 1):log())
r:within("a = 0: u = x + tau/s is a geometric Brownian motion that dies: ln u at t = 20", gone,
         math.log(3) - 10, gone_se)

-- ---- rho = 0 ----------------------------------------------------------------------------

local student, hills = {}, true
for i, c in ipairs{{1, 2, 1, 80}, {0, 1, 1, 60}, {-0.5, 1, 1, 20}} do
  local q = {a = c[1], sigma = c[2], tau = c[3]}
  local nu, scale = 1 - 2 * q.a / q.sigma^2, (q.tau^2 / (q.sigma^2 - 2 * q.a))^0.5
  local t = law.student_t{nu = nu, scale = scale}
  local points = T.linspace(-5, 5, 101)
  r:check(("a = %g, s = %g: the model's law is Student's t with nu = %g"):format(q.a, q.sigma,
    nu),
          (law.saddle(q):pdf(points) - t:pdf(points)):abs():max(), 0, 1e-12)
  local x = simulated(q, c[4], 90 + i)
  local test = fits("  and that of the paths", x, t)
  local hill = stats.hill(x:abs(), PATHS // 50)
  r:within("  tail exponent by Hill's estimate, largest 2 %", hill.exponent, nu, hill.se)
  hills = hills and math.abs(hill.exponent - nu) < 4 * hill.se
  student[i] = {x = x, nu = nu, t = t, hill = hill, p = test.p_value}
end
r:claim("rho = 0: Student's t with 1 - 2a/s^2 degrees of freedom and scale tau / sqrt(s^2 - 2a)",
  ("KS p = %.2g, %.2g, %.2g at nu = 1/2, 1, 2"):format(student[1].p, student[2].p,
    student[3].p), math.min(student[1].p, student[2].p, student[3].p) > 1e-3)
r:claim("P(|x| > R) = O(R^-(1 - 2a/s^2))",
  ("Hill: %s, %s, %s where nu = 1/2, 1, 2"):format(report.pm(student[1].hill.exponent,
  student[1].hill.se), report.pm(student[2].hill.exponent, student[2].hill.se),
  report.pm(student[3].hill.exponent, student[3].hill.se)), hills)

-- ---- discrete steps --------------------------------------------------------------------

local function kesten(a, h, coins)
  return report.root(function(k)
    if coins then
      return 0.5 * (math.abs(1 + a * h + h^0.5)^k + math.abs(1 + a * h - h^0.5)^k) - 1
    end
    return report.expect(function(z) return math.abs(1 + a * h + h^0.5 * z)^k end,
                         {-(1 + a * h) / h^0.5}) - 1
  end, 0.5, 40)
end
for _, v in ipairs{{-0.5, 0.01, 1.99749}, {-0.5, 0.2, 1.94207}, {-2, 0.01, 5.0203},
                   {-2, 0.2, 5.4500}, {-2, 0.01, 5.0637, true}, {-2, 0.2, 15.03, true}} do
  r:check(("exponent of %s, a = %g, h = %g"):format(v[4] and "coin flips" or "Euler-Maruyama",
    v[1],
          v[2]), kesten(v[1], v[2], v[4]), v[3], v[3] > 15 and 5e-3 or 6e-5 * v[3] + 5e-5)
end

-- ---- the figure ----------------------------------------------------------------------------

local fig = plot.figure{panels = {1, 3}, size = {7, 2.8}}
local left, middle, right = fig:panel(1), fig:panel(2), fig:panel(3)
left:set{xlabel = "-(x + τ/σ)", ylabel = "density", title = "ρ = 1, a = 1, σ = 2", xrange = {0,
  3},
         legend = "top right"}
local us = T.linspace(0.005, 3, 300)
left:hist(side[2].u, {bins = 60, range = {0, 3}, density = true, color = 6,
                      label = "paths at t = 80"})
left:line(us, law.inverse_gamma{alpha = side[2].alpha, beta = side[2].beta}:pdf(us),
          {color = 1, label = "inverse gamma"})
middle:set{logx = true, logy = true, xlabel = "R", ylabel = "P(|x| > R)", title = "ρ = 0",
           xrange = {0.1, 1e6}, yrange = {1e-5, 1.5}, legend = "bottom left"}
local Rs = {}
for k = 0, 70 do Rs[k + 1] = 10^(-1 + 7 * k / 70) end
for i, s in ipairs(student) do
  local at, share = {}, {}
  for k = 1, #Rs, 4 do
    local v = s.x:abs():gt(Rs[k]):to("f64"):mean()
    if v > 0 then at[#at + 1], share[#share + 1] = Rs[k], v end
  end
  middle:line(Rs, s.t:sf(T(Rs)) * 2, {color = i, label = ("ν = %g"):format(s.nu)})
  middle:scatter(at, share, {color = i})
end
right:set{xlabel = "step h", ylabel = "tail exponent", title = "a = -2, σ = 1: ν = 5",
          legend = "top left"}
local hs, normal, coins = {}, {}, {}
for k = 1, 20 do
  hs[k] = 0.01 * k
  normal[k], coins[k] = kesten(-2, hs[k]), kesten(-2, hs[k], true)
end
right:line(hs, coins, {color = 2, label = "coin flips"})
right:line(hs, normal, {color = 1, label = "Euler-Maruyama"}):hline(5, {label = "h → 0"})
r:figure(fig, "n07_special_cases")
r:finish()
