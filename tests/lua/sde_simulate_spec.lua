-- sde_simulate_spec.lua: simulations, first exits and adaptive steps over march
-- against theory: docs/sde.md 3.1 to 3.5. Seeds are fixed; means within 4
-- standard errors, Kolmogorov-Smirnov tests at the level 0.001.
local t = require "runner"
local saddle = require "saddle"
local core = require "saddle.core"
local T, sde, stats = saddle.tensor, saddle.sde, saddle.stats

local N = 1e5

local function near_mean(x, want, what)
  local m = x:mean()
  local se = ((x - m)^2):mean()^0.5 / x:numel()^0.5
  t.near(m, want, 4 * se, what)
end

-- ---- simulate -------------------------------------------------------------------

t.test("moments of the saddle model by several schemes", function()
  local p = {a = 0.3, sigma = 0.5, tau = 0.4, rho = -0.6}
  local one, two = sde.saddle(p), sde.saddle{a = 0.3, sigma = 0.5, tau = 0.4,
                                             rho = -0.6, form = "two"}
  local cases = {{one, "lamperti_sra1", 0.02}, {one, "milstein", 0.005},
                 {one, "sriw1", 0.05}, {one, "platen", 0.05},
                 {one, "heun", 0.005}, {two, "euler_maruyama", 0.005},
                 {two, "milstein", 0.01}}
  for k, case in ipairs(cases) do
    local ens = sde.simulate(case[1], {x0 = 1, t = 1, dt = case[3], paths = N,
                                       seed = k, scheme = case[2]})
    -- bias of the schemes of weak order 1 at dt = 0.005: below 0.002
    local slack = case[3] == 0.005 and 0.002 or 0
    t.near(ens.x:mean(), 1.349858807576,
      4 * (0.33779 / N)^0.5 + slack, case[2])
    local square = (ens.x - 1.349858807576)^2
    t.near(square:mean(), 0.337789360460,
      4 * ((square^2):mean() / N)^0.5 + slack, case[2])
  end
end)

t.test("stationary laws: Pearson IV, Student t, normal; exact schemes", function()
  local function ks(m, law, o)
    local ens = sde.simulate(m, o)
    local p = stats.ks(ens.x, law).p_value
    t.ok(p > 1e-3, ("%s: p = %g"):format(m.name, p))
    return ens
  end
  local s = sde.saddle{a = -0.5, sigma = 1, tau = 1, rho = 0.5}
  ks(s, s:stationary(), {x0 = 0, t = 20, dt = 0.1, paths = N, seed = 1})
  local heavy = sde.saddle{a = 0.2, sigma = 1, tau = 0.5, rho = 0.7}
  local law = heavy:stationary()
  -- from the law itself, so that slow relaxation is no matter
  ks(heavy, law, {x0 = law:sample(saddle.random.new(3), {N}), t = 5,
                  dt = 0.1, seed = 2})
  local ou = sde.ou{a = -1, tau = 0.5, mean = 2}
  ks(ou, ou:stationary(), {x0 = 5, t = 20, dt = 1, paths = N, seed = 3})
  local gbm = sde.gbm{a = 0.1, sigma = 0.5}
  local lognormal = saddle.law.lognormal{mu = (0.1 - 0.125) * 3,
                                         sigma = 0.5 * 3^0.5}
  ks(gbm, lognormal, {x0 = 1, t = 3, dt = 1.5, paths = N, seed = 4})
end)

t.test("paths, times, own coordinates, resuming, replaying", function()
  local s = sde.saddle{a = 0.3, sigma = 0.5, tau = 0.4, rho = -0.6}
  local o = {x0 = 1, t = 1, dt = 0.05, paths = 70, seed = 5, save = {0, 0.5, 1},
             observe = {of = function(x) return {x, x * x} end, keep = true}}
  local ens = sde.simulate(s, o)
  t.eq(ens.times, {0, 0.5, 1})
  t.eq(ens.path[1].shape, {3, 70})
  t.ok(ens.path[1][1]:allclose(T.ones{70}, {rtol = 1e-14}))
  t.eq(ens.path[1][3], ens.x)
  t.ok(ens.path[2][2]:allclose(ens.path[1][2]^2))
  local path = ens:replay(7)
  t.eq(path[21], ens.x[7])
  o.save, o.observe = nil, nil
  local whole = sde.simulate(s, o)
  o.t = 0.5
  local half = sde.simulate(s, o)
  t.eq(half:resume(0.5).x, whole.x)
  o.t, o.x0 = 1, T.full({70}, 1.0)
  t.eq(sde.simulate(s, o).x, whole.x)
  o.x0, o.paths, o.first_path = 1, 10, 60
  t.eq(sde.simulate(s, o).x, whole.x[{"61:70"}]:contiguous())
end)

t.test("two dimensions with correlated noise: covariance of a linear system",
  function()
    local m = sde.model{sense = "ito", dim = 2, noises = 2,
      drift = function(x) return T.stack{-x[1], -2 * x[2]} end,
      diffusion = function() return T{{0.5, 0}, {0, 1}} end,
      correlation = {{1, 0.8}, {0.8, 1}}}
    local ens = sde.simulate(m, {x0 = {0, 0}, t = 8, dt = 0.01, paths = 4e4,
                                 seed = 1})
    t.eq(ens.x.shape, {40000, 2})
    -- stationary covariance g_i g_j rho_ij / (k_i + k_j); dt bias below 2 %
    near_mean(ens.x(":", 1)^2, 0.125)
    near_mean(ens.x(":", 2)^2, 0.25)
    near_mean(ens.x(":", 1) * ens.x(":", 2), 0.8 * 0.5 / 3)
  end)

-- ---- first exits ------------------------------------------------------------------

local function exits(m, o, mean, upper, slack)
  local hit = sde.first_exit(m, o)
  t.eq(hit.censored, 0)
  t.near(hit.mean, mean, 4 * hit.se + (slack or 0), m.name)
  if upper then t.near(hit.p_upper, upper, 4 * hit.p_upper_se, "side") end
  return hit
end

t.test("mean exit times and sides: docs/sde.md 3.3 to 3.5", function()
  -- bridges exact in the scheme's coordinate; 0.01: what dt leaves
  exits(sde.ou{a = 1, tau = 0.1}, {x0 = 0, radius = 1, paths = N, dt = 0.2,
    seed = 1}, 3.28182103499198, 0.5)
  exits(sde.ou{a = -0.5, tau = 1}, {x0 = 0, radius = 2, paths = 4e4, dt = 0.1,
    seed = 2}, 9.00320483245815, 0.5)
  exits(sde.gbm{a = 0.1, sigma = 0.5}, {x0 = 1, lower = 0.5, upper = 3,
    paths = N, dt = 0.5, seed = 3}, 2.99727466867, 0.345032536013)
  exits(sde.saddle{a = 0.3, sigma = 1, tau = 0.1}, {x0 = 0, radius = 1,
    paths = 4e4, dt = 0.05, seed = 4}, 12.8752405108, 0.5, 0.02)
  exits(sde.saddle{a = 0.3, sigma = 1, tau = 0.5, rho = 0.9}, {x0 = 0,
    radius = 1, paths = N, dt = 0.02, seed = 5}, 3.52041788327,
    0.335218991401, 0.01)
  exits(sde.saddle{a = -0.5, sigma = 1, tau = 1, rho = 0.5}, {x0 = 0,
    radius = 2, paths = N, dt = 0.02, seed = 6}, 4.94286194146,
    0.617857742682, 0.01)
end)

t.test("exits of a function of the state and the time", function()
  -- all of them are Brownian motion in (-1, 1) with a drift of 0, 0, -1, for
  -- which the bridge is exact at any step: E T = tanh(drift) / drift
  local still = sde.ou{a = 0, tau = 1}
  local plain = sde.first_exit(still, {x0 = 0, radius = 1, paths = 2e4,
    dt = 0.5, seed = 9})
  local tripled = exits(still, {x0 = 0, radius = 3, paths = 2e4, dt = 0.5,
    seed = 9, scheme = "em", of = function(x) return 3 * x end}, 1, 0.5)
  t.near(tripled.mean, plain.mean, 1e-12)
  exits(sde.model{sense = "ito", dim = 2,
    drift = function(x) return 0 * x end,
    diffusion = function() return saddle.tensor{0.6, 0.8} end},
    {x0 = saddle.tensor{0, 0}, radius = 1, paths = 2e4, dt = 0.5, seed = 10,
     of = function(x) return x[1] + x[2] end}, 1, 0.5)
  exits(still, {x0 = 0, radius = 1, paths = 2e4, dt = 0.5, seed = 11,
    of = function(x, time) return x - time end}, 0.7615941559557649,
    0.11920292202211755)
end)

t.test("passage to one level: docs/sde.md 3.3", function()
  local gbm = sde.gbm{a = 0.1, sigma = 0.5}
  local law = saddle.law.first_passage{a = 0.1, sigma = 0.5, x0 = 1, level = 3}
  local hit = sde.first_exit(gbm, {x0 = 1, upper = 3, paths = 4e4, dt = 1,
                                   t_max = 20, seed = 10})
  t.ok(hit.exact)
  for _, time in ipairs{1, 3, 10, 20} do
    local p = law:cdf(time)
    t.near(1 - hit:survival(time), p, 4 * (p * (1 - p) / 4e4)^0.5)
  end
  -- below 0 the motion is the mirror image
  local low = sde.first_exit(gbm, {x0 = -1, lower = -3, paths = 2e4, dt = 0.05,
                                   t_max = 3, seed = 11})
  local p = law:cdf(3)
  t.near(1 - low:survival(3), p, 4 * (p * (1 - p) / 2e4)^0.5 + 0.004)
end)

-- Bridges of geometric Brownian motion are exact: a step may be much longer than
-- the path stays, and see both ends at once.
t.test("exits within one step: where and when, both ends in reach", function()
  local m = sde.gbm{a = 0.1, sigma = 0.5}
  local theory = sde.exit_theory(m, {lower = 0.5, upper = 3})
  for _, dt in ipairs{10, 300} do
    local hit = exits(m, {x0 = 1, lower = 0.5, upper = 3, paths = N, dt = dt,
      seed = 12}, 2.99727466867, 0.345032536013)
    for _, time in ipairs{0.5, 1, 3, 8} do
      local p = theory:survival(time, 1)
      t.near(hit:survival(time), p, 4 * (p * (1 - p) / N)^0.5)
    end
  end
  -- one end: mean ln 2/(a - sigma^2/2)
  local up = exits(sde.gbm{a = 0.5, sigma = 0.5}, {x0 = 1, upper = 2, paths = N,
    dt = 5, seed = 13}, math.log(2) / 0.375, 1)
  t.ok(up.exact)
end)

t.test("survival; censored paths are never left out of a mean", function()
  local s = sde.saddle{a = 0.3, sigma = 1, tau = 0.1}
  local hit = sde.first_exit(s, {x0 = 0, radius = 1, paths = N, dt = 0.05,
                                 t_max = 5, seed = 7})
  for time, p in pairs{[1] = 0.003496900813, [2] = 0.04477180973,
                       [3] = 0.1123564246, [5] = 0.2528422753} do
    t.near(1 - hit:survival(time), p, 4 * (p * (1 - p) / N)^0.5 + 5e-4)
  end
  t.ok(hit.mean ~= hit.mean and hit.censored > 0)
  t.eq(hit.time:isnan():sum(), hit.censored)
  t.eq(hit.side:eq(0):sum(), hit.censored)
  t.ok(hit.restricted_mean < 5)
  t.fails(function() hit:survival(6) end, "up to t_max = 5")
  -- without the bridge paths stay longer: the bias is of order sqrt(dt)
  local plain = sde.first_exit(s, {x0 = 0, radius = 1, paths = 2e4, dt = 0.1,
                                   seed = 7, bridge = false})
  t.ok(plain.mean > 14.5)
end)

t.test("exits: same bits for any block, thread count and neighbours", function()
  local s = sde.saddle{a = 0.3, sigma = 1, tau = 0.5, rho = 0.5}
  local function run(more)
    local o = {x0 = 0.1, radius = 1, paths = 3000, dt = 0.05, seed = 8}
    for k, v in pairs(more or {}) do o[k] = v end
    return sde.first_exit(s, o)
  end
  local one = run()
  for _, more in ipairs{{block = 64}, {block = 1024}} do
    local other = run(more)
    t.eq(other.time, one.time)
    t.eq(other.side, one.side)
    t.eq(other.x, one.x)
  end
  local threads = core.system.threads()
  core.system.set_threads(1)
  t.eq(run().time, one.time)
  core.system.set_threads(threads)
  t.eq(run{paths = 100, first_path = 500}.time,
    one.time[{"501:600"}]:contiguous())
  t.eq(run{paths = 1, first_path = 17}.time[1], one.time[18])
end)

t.test("exits of a function of two coordinates; starts outside", function()
  -- Brownian motion in the plane leaves the disc of radius 1 after R^2/2
  local m = sde.model{sense = "ito", dim = 2, noises = 2,
    drift = function(x) return 0 * x end,
    diffusion = function() return T{{1, 0}, {0, 1}} end}
  local hit = sde.first_exit(m, {x0 = {0.1, 0}, upper = 1, paths = 2e4,
    dt = 0.002, seed = 9, of = function(x) return (x * x):sum():sqrt() end})
  t.near(hit.mean, (1 - 0.01) / 2, 4 * hit.se + 0.005)
  t.ok(not hit.exact)
  local out = sde.first_exit(sde.ou{a = 1, tau = 1}, {x0 = T{-3, 0.5, 2},
    radius = 1, dt = 0.1, seed = 1})
  t.eq(out.time[1], 0.0)
  t.eq(out.side[1], -1.0)
  t.eq(out.time[3], 0.0)
  t.eq(out.side[3], 1.0)
  t.ok(out.time[2] > 0)
end)

-- ---- adaptive steps ---------------------------------------------------------------

-- W itself beside a path whose steps are refused often.
local function with_motion()
  return sde.model{sense = "ito", dim = 2, noises = 1,
    drift = function(x) return T.stack{x[1] - x[1]^3, 0 * x[1]} end,
    diffusion = function(x)
      return T.stack{T.stack{0.5 * x[1]}, T.stack{1 + 0 * x[1]}}
    end}
end

t.test("refused steps do not bias the motion: KS of W_T", function()
  local ens = sde.simulate(with_motion(), {x0 = {1, 0}, t = 1, dt = 1,
    paths = N, seed = 2, scheme = "heun",
    adaptive = {tolerance = 1e-3}})
  t.ok(ens.rejected:sum() > 3 * N)
  local w = ens.x(":", 2):contiguous()
  t.ok(stats.ks(w, saddle.law.normal{mean = 0, sd = 1}).p_value > 1e-3)
  -- and it is the same motion whatever is refused, to rounding
  local other = sde.simulate(with_motion(), {x0 = {1, 0}, t = 1, dt = 1,
    paths = 2000, seed = 2, scheme = "milstein", adaptive = {tolerance = 1e-1}})
  t.ok(other.x(":", 2):allclose(w[{"1:2000"}], {atol = 1e-12}))
end)

-- A scheme that only notes what the tree gives, and refuses all it may: at the
-- leaves sum dW^2 and 12 sum H^2 are chi-square with mean 1, sum dW H has mean 0.
t.test("increments of the tree's leaves have the law of Brownian motion",
  function()
    local note = {name = "note", source = "this spec", strong = 1, weak = 1,
      sense = "ito", noise = {"additive", "scalar", "diagonal", "general"},
      integrals = "time", step = function(_, x, _, h, w)
        local H = w.i10 / h - 0.5 * w.dw
        return x + T.stack{w.dw * w.dw, 12 * H * H, w.dw * H, w.dw}
      end}
    local m = sde.model{sense = "ito", dim = 4, noises = 1,
      drift = function(x) return 0 * x end,
      diffusion = function() return T{{1}, {1}, {1}, {1}} end}
    local ens = sde.simulate(m, {x0 = {0, 0, 0, 0}, t = 1, dt = 1, paths = 2e4,
      seed = 6, scheme = note, adaptive = {tolerance = 1e-9, halvings = 5}})
    t.eq(ens.accepted, T.full({20000}, 32):to("i64"))
    t.ok(ens.rejected:min() >= 1)
    local leaves = 64 -- two halves of each of 2^5 intervals
    near_mean(ens.x(":", 1), 1, "dW^2")
    near_mean(ens.x(":", 2), 1, "H^2")
    near_mean(ens.x(":", 3), 0, "dW H")
    near_mean((ens.x(":", 1) - 1)^2, 2 / leaves, "variance of sum dW^2")
    near_mean((ens.x(":", 2) - 1)^2, 2 / leaves, "variance of sum H^2")
    near_mean(ens.x(":", 4)^2, 1, "W")
    -- and of the halves of the root itself, when nothing is refused
    local root = sde.simulate(m, {x0 = {0, 0, 0, 0}, t = 1, dt = 1, paths = 2e4,
      seed = 7, scheme = note, adaptive = {tolerance = 1e9, halvings = 5}})
    t.eq(root.accepted:max(), 1)
    near_mean(root.x(":", 1), 1, "dW^2 of two halves")
    near_mean(root.x(":", 2), 1, "H^2 of two halves")
    near_mean(root.x(":", 3), 0, "dW H of two halves")
  end)

t.test("adaptive paths converge to the exact ones on their own motion",
  function()
    -- x = exp((a - s^2/2) t + s W): W is kept as a second coordinate
    local a, s = 1, 0.8
    local m = sde.model{sense = "ito", dim = 2, noises = 1,
      drift = function(x) return T.stack{a * x[1], 0 * x[2]} end,
      diffusion = function(x)
        return T.stack{T.stack{s * x[1]}, T.stack{1 + 0 * x[1]}}
      end}
    local last
    for _, tolerance in ipairs{1e-2, 1e-3, 1e-4} do
      local ens = sde.simulate(m, {x0 = {1, 0}, t = 1, dt = 0.25, paths = 2000,
        seed = 3, scheme = "milstein", adaptive = {tolerance = tolerance}})
      local exact = ((a - s^2 / 2) + s * ens.x(":", 2)):exp()
      local rms = ((ens.x(":", 1) - exact)^2):mean()^0.5
      t.ok(last == nil or rms < 0.4 * last, ("rms %g at %g"):format(rms,
        tolerance))
      last = rms
    end
    t.ok(last < 0.01)
    -- the Ito sum of increments alone has another limit: it is refused
    t.fails(function()
      sde.simulate(m, {x0 = {1, 0}, t = 1, dt = 0.25, paths = 2,
        scheme = "euler_maruyama", adaptive = true})
    end, "wrong limit")
  end)

t.test("adaptive: snapshots, moments, bits, paths that are lost", function()
  local s = sde.double_well{tau = 0.5}
  local function run(more)
    local o = {x0 = 0.1, t = 2, dt = 0.5, paths = 300, seed = 4,
               scheme = "heun", save = {0, 0.5, 2},
               observe = {moments = true}, adaptive = {tolerance = 1e-2}}
    for k, v in pairs(more or {}) do o[k] = v end
    return sde.simulate(s, o)
  end
  local one = run()
  t.eq(one.path.shape, {3, 300})
  t.eq(one.path[3], one.x)
  t.near(one.moments.mean[3], one.x:mean(), 1e-13)
  t.eq(run{block = 64}.x, one.x)
  t.eq(run{paths = 20, first_path = 100}.x,
    one.x[{"101:120"}]:contiguous())
  local broken = sde.model{sense = "ito",
    drift = function(x) return T.where(x:gt(0.5), 0 / 0, 0 * x) end,
    diffusion = function() return 1.0 end}
  local ens = sde.simulate(broken, {x0 = 0, t = 1, dt = 0.25, paths = 200,
    seed = 1, scheme = "euler_maruyama", adaptive = {halvings = 6}})
  t.ok(ens.bad > 20 and ens.bad < 200)
  t.eq(#ens:bad_paths(200), ens.bad)
end)

-- ---- errors -----------------------------------------------------------------------

t.test("errors name the option", function()
  local s = sde.saddle{a = 0.3, sigma = 1, tau = 0.5}
  local function fails(pattern, o, m)
    t.fails(function() sde.simulate(m or s, o) end, pattern)
  end
  fails("option 'x0' is missing", {t = 1, dt = 0.1})
  fails("option 'dt': expected a number > 0, got 0", {x0 = 1, t = 1, dt = 0})
  fails("option 'dt': expected a number > 0, got %-1", {x0 = 1, t = 1, dt = -1})
  fails("no whole number of steps", {x0 = 1, t = 1, dt = 0.3})
  fails("did you mean 'paths'", {x0 = 1, t = 1, dt = 0.1, path = 3})
  fails("expected an integer >= 1, got 0", {x0 = 1, t = 1, dt = 0.1, paths = 0})
  fails("expected a number", {x0 = {1, 2}, t = 1, dt = 0.1, paths = 3})
  fails("NaN", {x0 = 0 / 0, t = 1, dt = 0.1})
  fails("up to 1, got 2", {x0 = 1, t = 1, dt = 0.1, save = {2}})
  fails("scheme", {x0 = 1, t = 1, dt = 0.1, scheme = "rk4"})
  fails("scheme", {x0 = 1, t = 1, dt = 0.1, scheme = "sra1"})
  fails("simulate: argument 1: expected a model of saddle.sde, got a table",
    {x0 = 1, t = 1, dt = 0.1}, {})
  local nan = sde.model{sense = "ito", drift = function(x) return x * (0 / 0)
    end, diffusion = function() return 1.0 end}
  fails("NaN or infinity in every lane", {x0 = 1, t = 1, dt = 0.1}, nan)
  t.fails(function() sde.saddle{a = 1, sigma = 1, tau = 1, rho = 1.5} end,
    "%[%-1, 1%], got 1.5")
  local function no_exit(pattern, o, m)
    t.fails(function() sde.first_exit(m or s, o) end, pattern)
  end
  no_exit("'dt' is missing", {x0 = 0, radius = 1})
  no_exit("first_exit: argument 1: expected a model of saddle.sde, got a table",
    {x0 = 0, radius = 1, dt = 0.1}, {})
  no_exit("a radius, or lower < upper", {x0 = 0, dt = 0.1})
  no_exit("not both", {x0 = 0, dt = 0.1, radius = 1, upper = 2})
  no_exit("'x0': expected a number in %[%-1, 1%], got 3", {x0 = 3, dt = 0.1,
                                                           radius = 1})
  no_exit("lower < upper, got 2 and 1", {x0 = 0, dt = 0.1, lower = 2,
                                         upper = 1})
  no_exit("needs a function", {x0 = {1, 0}, dt = 0.1, radius = 2},
    with_motion())
  fails("'tolerance': expected a number > 0, got 0", {x0 = 1, t = 1, dt = 0.1,
    adaptive = {tolerance = 0}})
  fails("unknown option 'tol'", {x0 = 1, t = 1, dt = 0.1,
    adaptive = {tol = 0}})
  fails("has no strong order: use", {x0 = 1, t = 1, dt = 0.1,
    scheme = "platen", adaptive = true})
end)
