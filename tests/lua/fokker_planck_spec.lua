-- fokker_planck_spec.lua: densities in time and stationary laws against exact
-- laws, exit theory (docs/sde.md 3.4, 3.5) and each other.  MIT licence.
local t = require "runner"
local saddle = require "saddle"

local T, sde = saddle.tensor, saddle.sde
local exit, solve = sde.exit_theory, sde.fokker_planck

local function model(drift, diffusion, sense)
  return {dim = 1, sense = sense or "ito", drift = drift, diffusion = diffusion}
end

local function scalar(a, s, tau, rho)
  return sde.saddle {a = a, sigma = s, tau = tau, rho = rho}
end

local function brown(s) return model(function() return 0 end, function() return s end) end

local function between(x, low, high, what)
  t.ok(x >= low and x <= high,
    ("%s: got %.17g, expected %g .. %g"):format(what or "value", x, low, high))
end

-- ---- exits -----------------------------------------------------------------
t.test("mass is conserved to 1e-13, and positive", function()
  for _, ends in ipairs {"reflecting", "absorbing",
                         {lower = "absorbing", upper = "reflecting"}} do
    for _, method in ipairs {"euler", "crank_nicolson", "tr_bdf2"} do
      local r = solve(scalar(0.3, 1, 0.5, 0.5), {lower = -1, upper = 1.5,
        boundary = ends, x0 = 0.2, times = {0.5, 1, 4}, dt = 1e-3,
        points = 200, method = method})
      t.near(r.survival + r.gone.lower + r.gone.upper, T.ones{3}, 1e-13)
      t.ok(r.least >= 0, "negative density")
      t.eq(r.status, "done")
      if ends == "reflecting" then t.near(r.mass, 1, 1e-13) end
    end
  end
end)

t.test("absorbing ends: exits of 3.4 and 3.5, order 2 in the cell", function()
  local m, b = scalar(0.3, 1, 0.1, 0), {}
  local want = {0.003496900813, 0.04477180973, 0.1123564246, 0.2528422753}
  for k, n in ipairs {200, 400, 800} do
    local r = solve(m, {lower = -1, upper = 1, boundary = "absorbing", x0 = 0,
      times = {1, 2, 3, 5}, dt = 0.5 / n, points = n})
    b[k] = {}
    for i = 1, 4 do b[k][i] = 1 - r.survival[i] - want[i] end
    t.near(r.gone.lower, r.gone.upper, 1e-12)
  end
  for i = 1, 4 do
    -- errors fall by 4; extrapolated they are gone
    between(b[1][i] / b[2][i], 3.85, 4.15, "ratio")
    between(b[2][i] / b[3][i], 3.93, 4.07, "ratio")
    t.near((4 * b[3][i] - b[2][i]) / 3, 0, 1e-8)
  end
  -- repelling Ornstein-Uhlenbeck: layers of tau^2 / (a R) = 0.01 at the ends
  local ou = model(function(x) return x end, function() return 0.1 end)
  local errors = {}
  for k, n in ipairs {400, 800} do
    local r = solve(ou, {lower = -1, upper = 1, boundary = "absorbing", x0 = 0,
      times = {2, 5}, dt = 0.5 / n, points = n})
    errors[k] = 1 - r.survival[2] - 0.9244658919
  end
  between(errors[1] / errors[2], 3.9, 4.2, "ratio")
  t.near((4 * errors[2] - errors[1]) / 3, 0, 2e-7)
end)

t.test("each side and its flux, as exit theory has them", function()
  local m = scalar(0.3, 1, 0.5, 0.5)
  local e = exit(m, {lower = -1, upper = 2})
  for _, grid in ipairs {"lamperti", "uniform", "asinh"} do
    local r = solve(m, {lower = -1, upper = 2, boundary = "absorbing",
      x0 = 0.3, times = {0.5, 2}, dt = 2e-3, points = 800, grid = grid,
      centre = -0.25, width = 0.43})
    -- O(dx^2), dx = 1/300
    t.near(r.gone.upper, e:cdf({0.5, 2}, 0.3, "upper"), 2e-5)
    t.near(r.gone.lower, e:cdf({0.5, 2}, 0.3, "lower"), 2e-5)
    t.near(r.flux.upper, e:density({0.5, 2}, 0.3, "upper"), 2e-5)
    t.near(r.flux.lower, e:density({0.5, 2}, 0.3, "lower"), 2e-5)
  end
end)

t.test("absorbing below, reflecting above: Brownian motion", function()
  local r = solve(brown(1), {lower = 0, upper = 1, x0 = 0.3, times = {0.1, 1},
    boundary = {lower = "absorbing"}, dt = 1e-3, points = 500})
  for i, time in ipairs {0.1, 1} do
    local s = 0
    for k = 0, 20 do
      local w = (2 * k + 1) * math.pi / 2
      s = s + 2 / w * math.sin(w * 0.3) * math.exp(-w * w * time / 2)
    end
    t.near(r.survival[i], s, 2e-5) -- dx^2 = 4e-6, dt^2 / t^2 = 1e-4 a step
  end
  t.eq(r.out.upper, 0)
end)

t.test("a start beside an absorbing end", function()
  local e = exit(brown(1), {lower = 0, upper = 1})
  for _, x0 in ipairs {0, 0.0004, 0.003, 0.9995} do
    local r = solve(brown(1), {lower = 0, upper = 1, x0 = x0, t = 0.05,
      boundary = "absorbing", dt = 1e-4, points = 500})
    t.near(r.mass, e:survival(0.05, x0), 1e-5)
    t.near(r.mass + r.out.lower + r.out.upper, 1, 1e-13)
  end
end)

-- ---- stationary laws ---------------------------------------------------------
t.test("the stationary law is Pearson IV to rounding, whatever the grid",
  function()
  -- 3.2: (a, sigma, tau, rho) = (-0.5, 1, 1, 0.5): m = 1.5
  local m, n, c, d = 1.5, -0.57735026918962576, 0.5, math.sqrt(0.75)
  for _, grid in ipairs {"lamperti", "uniform", "asinh"} do
    local r = solve(scalar(-0.5, 1, 1, 0.5), {lower = -20, upper = 30,
      stationary = true, grid = grid, points = 500})
    local y = (r.x + c) / d
    local p = ((y * y + 1):log() * -m - y:atan() * n):exp()
    local ratio = r.p / p
    t.ok(ratio:max() / ratio:min() - 1 < 1e-10, grid)
    t.near(r.mass, 1, 1e-14)
    t.eq(r.current, 0)
  end
end)

t.test("its distribution is that of 3.2 when the ends are far", function()
  -- P(|X| > 1e4) = O(1e-8) for nu = 2; the grid's error is O(dx^2)
  local r = solve(scalar(-0.5, 1, 1, 0.5), {lower = -1e4, upper = 1e4,
    stationary = true, points = 4000})
  local f = r:cdf()
  for x, want in pairs {[-3] = 0.011715766641238, [0] = 0.60989346347954,
                        [4] = 0.98079240413703} do
    local i = math.tointeger(r.face:le(x):sum())
    local share = (x - r.face[i]) / (r.face[i + 1] - r.face[i])
    t.near(f[i] + share * (f[i + 1] - f[i]), want, 1e-5)
  end
end)

t.test("laws: the model's own, as stationary law and as start", function()
  local m = scalar(-0.5, 1, 1, 0.5)
  local law = m:stationary()
  local d = solve(m, {lower = -1e4, upper = 1e4, points = 4000,
    stationary = true})
  t.near(d:cdf(), law:cdf(d.face), 1e-6) -- O(dx^2), dx = 0.005
  local r = solve(m, {lower = -1e3, upper = 1e3, points = 1000, initial = law,
    t = 1})
  t.near(r:cdf(), law:cdf(r.face), 1e-5)
end)

t.test("the stationary law stays, and others come to it", function()
  local m = scalar(-0.5, 1, 1, 0.5)
  local o = {lower = -6, upper = 8, points = 200}
  local law = solve(m, {lower = -6, upper = 8, points = 200, stationary = true})
  local stays = solve(m, {lower = -6, upper = 8, points = 200, t = 10,
    dt = 0.01, initial = law.p})
  t.near(stays.p, law.p, 1e-12)
  o.x0, o.t, o.dt = 5, 60, 0.05
  t.near(solve(m, o).p, law.p, 1e-10)
end)

t.test("a ring carries a current", function()
  local function ring(n)
    return solve(model(function(x) return T.sin(x) + 0.4 end, function()
      return 0.7
    end), {lower = 0, upper = 2 * math.pi, boundary = "periodic",
      stationary = true, points = n})
  end
  -- p ~ (2 / g^2) e^phi int_x^{x + 2 pi} e^-phi, by mpmath with 25 digits
  local want = 0.00320220927954225421
  local a, b = ring(200), ring(400)
  t.near((4 * b.current - a.current) / 3, want, 1e-7 * want)
  -- a constant drift: uniform, current v / length, exactly
  local flat = solve(model(function() return 3 end, function() return 0.5 end),
    {lower = 0, upper = 2, boundary = "periodic", stationary = true, points = 64})
  t.near(flat.p, T.ones{64} * 0.5, 1e-13)
  t.near(flat.current, 1.5, 1e-13)
  -- and evolution goes there
  local later = solve(model(function(x) return T.sin(x) + 0.4 end, function()
    return 0.7
  end), {lower = 0, upper = 2 * math.pi, boundary = "periodic", x0 = 1,
    t = 120, dt = 0.1, points = 200})
  t.near(later.p, a.p, 1e-9)
  t.near(later.mass, 1, 1e-13)
end)

t.test("a deep well: the law spans 300 orders of magnitude", function()
  local r = solve(model(function(x) return -x end, function() return 0.04 end),
    {lower = -1, upper = 1, stationary = true, points = 400})
  local want = (r.x * r.x * (-1 / 0.0016)):exp()
  local ratio = r.p / want
  t.ok(ratio:max() / ratio:min() - 1 < 1e-11)
end)

-- ---- in time ------------------------------------------------------------------
t.test("Ornstein-Uhlenbeck: mean and variance in time", function()
  local a, tau, x0, time = -0.7, 0.5, 1, 1.3
  local var = tau ^ 2 * (math.exp(2 * a * time) - 1) / (2 * a)
  local error, mean = {}, {}
  for k, n in ipairs {160, 320} do -- x0 on a face: the split is the same
    local r = solve(model(function(x) return a * x end, function()
      return tau
    end), {lower = -4, upper = 4, x0 = x0, t = time, points = n, dt = 0.4 / n})
    error[k] = r:variance() - var
    mean[k] = r:mean() - x0 * math.exp(a * time)
    t.near(r:moment(2), r:variance() + r:mean() ^ 2, 1e-13)
  end
  between(error[1] / error[2], 3.8, 4.2, "ratio") -- dx and dt halved
  between(mean[1] / mean[2], 3.8, 4.2, "ratio")
  t.near((4 * error[2] - error[1]) / 3, 0, 2e-6)
end)

t.test("orders in time: 1 for Euler, 2 for the others", function()
  local function gone(method, dt)
    return 1 - solve(scalar(0.3, 1, 0.1, 0), {lower = -1, upper = 1,
      boundary = "absorbing", x0 = 0, t = 2, dt = dt, points = 100,
      method = method}).mass
  end
  for method, order in pairs {euler = 1, crank_nicolson = 2, tr_bdf2 = 2} do
    local a, b, c = gone(method, 0.04), gone(method, 0.02), gone(method, 0.01)
    local slope = math.log(math.abs((a - b) / (b - c)), 2)
    between(slope, order - 0.2, order + 0.2, method)
  end
end)

t.test("coefficients that depend on time", function()
  -- dx = cos t dt + (1 + t) / 2 dW: mean sin t, variance ((1 + t)^3 - 1) / 12
  local m = model(function(x, time) return T.cos(time + 0 * x) end,
    function(_, time) return (1 + time) / 2 end)
  local error = {}
  for k, n in ipairs {300, 600} do
    local r = solve(m, {lower = -12, upper = 12, x0 = 0, times = {0.5, 2},
      dt = 6 / n, points = n})
    t.near(r:mean(1), math.sin(0.5), 3e-4)
    t.near(r:mean(2), math.sin(2), 3e-4)
    error[k] = r:variance(2) - 26 / 12
    t.near(r.mass, 1, 1e-13)
  end
  between(error[1] / error[2], 3.7, 4.3, "ratio")
end)

t.test("starts: values, a function, a law; snapshots; t = 0", function()
  local o = {lower = -5, upper = 5, points = 300, times = {0, 0.5}, dt = 0.01}
  local function with(initial)
    o.initial = initial
    return solve(brown(1), o)
  end
  local function normal(x) return T.exp(x * x * -0.5) / math.sqrt(2 * math.pi) end
  local f = with(normal)
  local law = with({cdf = function(_, x)
    return (x / math.sqrt(2)):erf() * 0.5 + 0.5
  end})
  t.near(f.mass, 1, 1e-5) -- 6e-7 lies outside
  t.near(f:variance(1), 1, 1e-4)
  t.near(f:variance(2), 1.5, 1e-3)
  t.near(law.path, f.path, 1e-3)
  t.near(with(f.path[1]).path, f.path, 1e-14)
  t.eq(f.path.shape, {2, 300})
  t.eq(f.times, {0, 0.5})
  t.near((f.p * f.width):sum(), f.mass, 1e-14)
  t.near(f:cdf()[301], f.mass, 1e-14)
end)

t.test("grids: faces of one's own; Stratonovich; zero diffusion at an end",
  function()
  local faces = (T.linspace(-1, 1, 201) ^ 3 + T.linspace(-1, 1, 201)) * 0.5
  faces[1], faces[201] = -1, 1
  local r = solve(brown(1), {lower = -1, upper = 1, grid = faces, x0 = 0,
    t = 0.3, boundary = "absorbing"})
  t.eq(r.x.shape, {200})
  t.near(r.mass, exit(brown(1), {radius = 1}):survival(0.3, 0), 1e-4)
  -- Stratonovich dx = x dW is Ito dx = x / 2 dt + x dW
  local function at(m)
    return solve(m, {lower = 0, upper = 3, grid = "uniform", points = 300,
      x0 = 1, t = 0.2}).p
  end
  local strat = at(model(function() return 0 end, function(x) return x end,
    "stratonovich"))
  local ito = at(model(function(x) return 0.5 * x end, function(x) return x end))
  t.near(strat, ito, 1e-12)
end)

t.test("the same bits for one and two threads, and again", function()
  local function run()
    return solve(scalar(0.3, 1, 0.5, 0.5), {lower = -1, upper = 1, x0 = 0,
      t = 1, boundary = "absorbing"}).p
  end
  local core = require "saddle.core"
  local before = core.system.threads()
  core.system.set_threads(1)
  local a = run()
  core.system.set_threads(2)
  local b = run()
  core.system.set_threads(before)
  t.ok(a:equal(b))
end)

t.test("an interrupt keeps what there is", function()
  local core = require "saddle.core"
  local calls = 0
  local m = model(function(x, time)
    calls = calls + 1
    if calls == 60 then core.system.interrupt() end
    return x * time
  end, function() return 1 end)
  local r = solve(m, {lower = -1, upper = 1, x0 = 0, times = {0.01, 1},
    dt = 1e-3})
  t.eq(r.status, "interrupted")
  t.eq(#r.times, 2) -- the one asked for, and where it stopped
  t.eq(r.times[1], 0.01)
  t.ok(r.times[2] > 0.01 and r.times[2] < 0.1)
  t.near(r.mass, 1, 1e-13)
  t.ok(not core.system.interrupted())
end)

-- ---- arguments ------------------------------------------------------------------
t.test("bad arguments", function()
  local m = brown(1)
  local function fails(o, text, other)
    local err = t.fails(function() solve(other or m, o) end)
    t.ok(err:find(text, 1, true), ("'%s' is not in: %s"):format(text, err))
    t.ok(err:find("fokker_planck_spec.lua", 1, true), "no line of ours: " .. err)
  end
  fails({lower = 1, upper = 0}, "expected lower < upper, got 1 and 0")
  fails({upper = 0}, "lower: expected a finite number, got nil")
  fails({lower = 0, upper = 0 / 0}, "upper: expected a finite number")
  local function with(o)
    o.lower, o.upper = o.lower or 0, 1
    return o
  end
  fails(with {x0 = 2, t = 1}, "x0: expected a number in [0, 1], got 2")
  fails(with {t = 1}, "expected x0 or initial, got neither")
  fails(with {x0 = 0.5, initial = {1}, t = 1}, "got both")
  fails(with {x0 = 0.5}, "times: expected a list of times")
  fails(with {x0 = 0.5, times = {1, 1}}, "times[2]: expected an increasing")
  fails(with {x0 = 0.5, t = 1, dt = 0}, "dt: expected a number > 0, got 0")
  fails(with {x0 = 0.5, t = 1, points = 2}, "points: expected an integer >= 3")
  fails(with {x0 = 0.5, t = 1, pionts = 9}, "did you mean 'points'?")
  fails(with {x0 = 0.5, t = 1, boundary = "absorbin"}, "'absorbing'?")
  fails(with {x0 = 0.5, t = 1, boundary = {"periodic", "absorbing"}},
    "both ends periodic, or none")
  fails(with {x0 = 0.5, t = 1, method = "rk4"}, "method: 'rk4' is not known")
  fails(with {x0 = 0.5, t = 1, grid = "log"}, "grid: 'log' is not known")
  fails(with {x0 = 0.5, t = 1, grid = {0, 0.5, 0.4, 1}}, "increasing")
  fails(with {x0 = 0.5, t = 1, grid = {0, 0.4, 0.5, 2}}, "at 0 and 1, got 0 and 2")
  fails(with {initial = {1, 2}, t = 1}, "initial: expected 400 values")
  fails(with {initial = function(x) return x - 0.5 end, t = 1},
    "initial: expected finite densities >= 0")
  fails(with {stationary = true, boundary = "absorbing"}, "stationary: expected")
  fails(with {x0 = 0.5, t = 1}, "model: expected a model", {})
  fails(with {lower = -1, x0 = 0.5, t = 1, grid = "uniform", points = 101},
    "diffusion is 0 at x = ", model(m.drift, function(x) return x * 1 end))
  fails(with {lower = -1, x0 = 0.5, t = 1}, "diffusion is zero at x = 0",
    model(m.drift, function(x) return x * 1 end))
  fails(with {x0 = 0.5, t = 1, grid = "uniform"}, "2 drift / diffusion^2 is",
    model(function(x) return x * 0 / 0 end, m.diffusion))
end)

return t
