-- n06_stationary_law.lua: the stationary density near a saddle and its mode.
-- Usage: saddle n06_stationary_law.lua [--quick] [--out DIR].  MIT licence.
local saddle = require "saddle"
local T, sde, law, stats = saddle.tensor, saddle.sde, saddle.law, saddle.stats
local plot, report = saddle.plot, saddle.report

local r = report.start{
  source = "Noise at saddle points, 'Stationary distribution' and its figure: a = 1, tau = -1, "
    .. "(s, rho) = (2, 0), (sqrt 2, 0), (2, .95)",
  question = "Is the stationary law the density given, with its mode at rho s tau / (a - s^2)?",
  expected = "Pearson IV with tail exponent 1 - 2a/s^2 where 2a < s^2; the figure's second case "
    .. "has 2a = s^2 and no stationary law: in y = asinh(s x/tau)/s it is Brownian motion",
  time = "10 s; --quick 1 s",
}
local PATHS = r.quick and 10000 or 100000
local A = 1

-- The models take tau >= 0: turning tau's sign is turning rho's.
local cases = {
  {sigma = 2, rho = 0}, {sigma = 2^0.5, rho = 0}, {sigma = 2, rho = 0.95},
}
local function model(c) return sde.saddle{a = A, sigma = c.sigma, tau = 1, rho = -c.rho} end
local function stationary(c) return law.saddle{a = A, sigma = c.sigma, tau = 1, rho = -c.rho} end

-- The text's density up to its constant, tau = -1.
local function text_density(c, x)
  local mu, omega = -c.rho / c.sigma, (1 - c.rho^2)^0.5
  local y = x + mu
  return (c.sigma^2 * y * y + omega^2)^(A / c.sigma^2 - 1)
    * (-2 * A * mu / (omega * c.sigma) * (c.sigma / omega * y):atan()):exp()
end

-- ---- the density against the text's ------------------------------------------------

local grid = T.linspace(-6, 6, 481)
for _, i in ipairs{1, 3} do
  local c = cases[i]
  local p = stationary(c)
  local ratio = p:pdf(grid) / text_density(c, grid)
  r:check(("case %d: our density over the text's is one constant"):format(i),
          ratio:max() / ratio:min() - 1, 0, 1e-11)
  local mode = c.rho * c.sigma * -1 / (A - c.sigma^2)
  r:check("  its mode, rho s tau / (a - s^2)", p.mode, mode, 1e-9)
  local near = p:pdf(T{mode - 1e-3, mode, mode + 1e-3})
  r:ok("  which is a maximum", near[2] > near[1] and near[2] > near[3])
  local slope = math.log(p:sf(1e8) / p:sf(1e6)) / math.log(100)
  r:check("  slope of P(x > R) on log axes", slope, -(1 - 2 * A / c.sigma^2), 1e-4)
end
r:ok("case 2 has no stationary law, and says so", not stationary(cases[2]).exists,
     stationary(cases[2]).why)

-- ---- simulation ----------------------------------------------------------------------------

local LAST = 80 -- nu = 1/2 relaxes over about 8 time units
local times = {1, 2, 4, 8, 16, 32, LAST}
local ends, distance, theory = {}, {}, {}

-- Largest distance of the law at each of the times from the stationary one, by the
-- Fokker-Planck equation; to 1e-5, as twice the cells show.
local function approach(c, at)
  local fp = sde.fokker_planck(model(c), {lower = -1e6, upper = 1e6, points = 2000, x0 = 0,
                                          times = at, dt = 0.02})
  local final, list = stationary(c):cdf(fp.face), {}
  for k = 1, #at do list[k] = (fp:cdf(k) - final):abs():max() end
  return list
end
for i, c in ipairs(cases) do
  local ens = sde.simulate(model(c), {x0 = 0, t = LAST, dt = 0.05, paths = PATHS, seed = 60 + i,
                                      save = times})
  ends[i] = ens.x
  if i ~= 2 then
    distance[i] = {}
    for k = 1, #times do distance[i][k] = stats.ks(ens.path[k], stationary(c)).statistic end
    theory[i] = approach(c, {1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32})
    for k, t in ipairs{1, 4, 16} do
      -- Dvoretzky, Kiefer, Wolfowitz: further off with probability 3e-5 only.
      r:check(("case %d: distance of the paths' law at t = %d from the last one, by "
        .. "Fokker-Planck")
              :format(i, t), distance[i][2 * k - 1], theory[i][({1, 5, 9})[k] ], 2.35 / PATHS^0.5)
    end
    local test = stats.ks(ens.x, stationary(c))
    c.ks, c.p = test.statistic, test.p_value
    r:ok(("case %d: Kolmogorov-Smirnov of %d paths at t = %d"):format(i, PATHS, LAST),
         test.p_value > 1e-4, ("D = %.5f, p = %.3g"):format(test.statistic, test.p_value))
  else
    for k = 1, #times do
      local y = (ens.path[k] * c.sigma):asinh() / c.sigma
      local test = stats.ks(y / times[k]^0.5, law.normal{})
      if k == #times then
        r:ok("case 2: y / sqrt t is standard normal at t = 80", test.p_value > 1e-4,
             ("D = %.5f, p = %.3g"):format(test.statistic, test.p_value))
      end
    end
  end
end

r:claim("the stationary density is Pearson's type IV as given",
  ("KS distance of %d paths at t = 80 to it: %.4f (p = %.2g) for (2, 0), %.4f (p = %.2g) for "
    .. "(2, .95)")
  :format(PATHS, cases[1].ks, cases[1].p, cases[3].ks, cases[3].p),
  math.min(cases[1].p, cases[3].p) > 1e-3)
r:claim("the figure's second case, s = sqrt 2, has a stationary distribution",
  "2a = s^2: the density has no finite integral; asinh(s x/tau)/s of the paths is N(0, t)",
  stationary(cases[2]).exists)
r:erratum("x_t converges in law: lim x_t does not exist, path by path it never settles")
r:claim("x_infinity is not integrable, its expected value is infinite",
  "at the figure's a = 1 the tail exponent is 1/2: true there",
  stationary(cases[1]).mean == math.huge
  or stationary(cases[1]).mean ~= stationary(cases[1]).mean)
r:erratum("said without a condition, it needs a >= 0: at a minimum, a < 0, the exponent 1 - "
  .. "2a/s^2 is above 1 and the mean is 0")
local negative = law.saddle{a = -1, sigma = 1, tau = 1, rho = 0.5}
r:check("mean at a = -1", negative.mean, 0, 1e-9)
r:check("variance at a = -1: tau^2 / (-2a - s^2)", negative.variance, 1, 1e-8)

-- ---- the figures ----------------------------------------------------------------------------

local fig = plot.figure{panels = {1, 3}, size = {7, 2.7}}
for i, c in ipairs(cases) do
  local panel = fig:panel(i)
  panel:set{xlabel = "x", ylabel = i == 1 and "density" or nil, xrange = {-4, 4}, yrange = {0,
    nil},
            title = ("σ = %s, ρ = %g"):format(i == 2 and "√2" or "2", c.rho),
            legend = i == 1 and "top left" or false}
  local xs = T.linspace(-4, 4, 321)
  if i == 2 then
    panel:line(xs, text_density(c, xs) * 0.3, {color = 1, style = "dash"})
    panel:text(-3.6, 0.025, "2a = σ²: not normalisable", {size = 0.9})
    panel:set{yrange = {0, 0.4}}
  else
    local p = stationary(c)
    panel:hist(ends[i], {bins = 80, range = {-4, 4}, density = true, color = 6,
                         label = "paths, t = 80"})
    panel:line(xs, p:pdf(xs), {color = 1, label = "Pearson IV"})
    panel:scatter({p.mode}, {p:pdf(p.mode)}, {color = "red", size = 1.4, label = "mode"})
    panel:set{yrange = {0, 1.15 * p:pdf(p.mode)}}
  end
end
r:figure(fig, "n06_stationary_law")

fig = plot.figure{xlabel = "t", ylabel = "KS distance to the stationary law", logx = true,
                  logy = true,
                  legend = "bottom left"}
for _, i in ipairs{1, 3} do
  local color = i == 1 and 1 or 2
  fig:line({1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32}, theory[i], {color = color,
           label = ("σ = 2, ρ = %g"):format(cases[i].rho)})
  fig:scatter(times, distance[i], {color = color, label = i == 3 and "paths" or nil})
end
fig:hline(1.3581 / PATHS^0.5, {label = "5 % level for the paths"})
r:figure(fig, "n06_relaxation")
r:finish()
