-- hostile_noise_spec.lua: clumsy and hostile use of the noise laboratory:
-- whatever comes, the message names the argument and begins with the user's line,
-- and tables that no Lua file of ours would write are refused by the core.
-- MIT licence.
local t = require "runner"
local saddle = require "saddle"
local core = require "saddle.core"
local static = require "saddle.static"

local T, sde, march, G = saddle.tensor, saddle.sde, saddle.march, core.graph

-- fn raises a message that begins with a line of this file and holds text.
local function refuses(fn, text)
  local err = t.fails(fn)
  t.ok(err:find("^%S*hostile_noise_spec%.lua:%d+: "), "no line of ours: " .. err)
  t.ok(err:find(text, 1, true), ("'%s' is not in: %s"):format(text, err))
  t.ok(not err:find("\n", 1, true), "one line: " .. err)
end

local function id(x) return x end
local function noisy(x, n) return x + n.z end

-- ---- the core -----------------------------------------------------------------

-- A machine of a step of three lanes x, a clock and a normal.
local function spec(fields)
  local s = {nstate = 1, clock = 2, first_noise = 3,
             noise = {{kind = "normal", a = 0, b = 1}}}
  for k, v in pairs(fields or {}) do s[k] = v end
  return s
end

local function traced(f, x)
  return static.twice(f, "x", {x, 0.0, 0.0}, function(tr, leaf, i)
    return (i == 1 and G.lane or G.like)(tr, leaf)
  end, function(v) return v[1], v[2], v[3] end)
end

local X = T{1.0, 2, 3}
local step = traced(function(x, c, z) return x + z + c end, X)
local seen = traced(function(x) return x * x end, X)

local function machine(fields) -- of spec(fields)
  return core.march.machine(step.tr, step.y, spec(fields))
end

local function watch(x)
  local tr = x and traced(function(v) return v:sum() end, x) or seen
  return core.march.machine(tr.tr, tr.y, {nstate = 1, clock = 2, watch = true})
end

t.test("machines of inputs that are something else", function()
  refuses(function() machine{nstate = 2^32 + 1} end, "nstate: expected")
  refuses(function() machine{nstate = 0} end, "is no state, noise or clock")
  refuses(function() machine{clock = 1} end, "share an input")
  refuses(function() machine{clock = 0} end, "is no state, noise or clock")
  refuses(function() machine{first_noise = 2} end, "share an input")
  refuses(function() machine{first_noise = -1} end, "first_noise: expected")
  refuses(function() machine{noise = {{kind = "normal", size = 5}}} end,
          "noise 1 of size 5 is no such input")
  refuses(function() machine{noise = {5}} end, "noise: expected a table")
  refuses(function()
    local mask = traced(function(x) return x:gt(0) end, X)
    core.march.machine(mask.tr, mask.y, spec())
  end, "state 1 and its next value are of two types")
  refuses(function() core.march.machine(step.tr, {}, spec{nstate = 1}) end,
          "0 results for 1 states")
end)

t.test("jobs with states, lanes and steps of others", function()
  local m = machine()
  local function run(fields)
    local job = {states = {X}, lanes = 3, steps = 3}
    for k, v in pairs(fields) do job[k] = v end
    return m:run(job)
  end
  t.eq(#run{}.states, 1)
  for _, lanes in ipairs{0, 2, 4, 1000} do
    refuses(function() run{lanes = lanes} end, "no contiguous state")
  end
  for _, x in ipairs{T.f32{1, 2, 3}, T{1, 2, 3}, T.ones{6}("1:6:2"),
                     T.ones{3, 2}} do
    if x.dtype ~= "f64" or x:numel() ~= 3 or not x:equal(T{1.0, 2, 3}) then
      refuses(function() run{states = {x}} end, "no contiguous state")
    end
  end
  refuses(function() run{lanes = 2^33} end, "lanes: expected")
  refuses(function() run{first_lane = 2^32} end, "lanes go below 2^32")
  refuses(function() run{first = 2^33} end, "steps below 2^33")
  refuses(function() run{every = -1} end, "every: expected")
  refuses(function() run{block = 100} end, "multiple of 64")
  refuses(function() run{bad = T.zeros{2, dtype = "u8"}} end, "bad: expected")
  refuses(function() run{bad = T.zeros{3}} end, "bad: expected")
  refuses(function() run{states = 5} end, "states: expected a table")
  refuses(function() m:adaptive{states = {X}, lanes = 3, deepest = -1} end,
          "deepest: expected")
  refuses(function() m:adaptive{states = {X}, lanes = 3, span = 0} end,
          "expected numbers > 0")
end)

t.test("watches of other states, at impossible times", function()
  local m = machine()
  local function run(w)
    return m:run{states = {X}, lanes = 3, steps = 3, watch = w}
  end
  t.eq(run{machine = watch(), times = {0, 3}, moments = true}.moments.shape[1],
       2)
  refuses(function() run{machine = watch(T.ones{3, 5}), times = {0}} end,
          "of other states")
  refuses(function() run{machine = m, times = {0}} end, "of other states")
  for _, times in ipairs{{3, 1}, {-1}, {4}, {2^53}} do
    refuses(function() run{machine = watch(), times = times} end,
            "times: expected ascending")
  end
  -- bins without width count below or above, and write nowhere else
  for _, ends in ipairs{{1, 1}, {0 / 0, 1}, {-1e308, 1e308}, {2, 1}} do
    local count = run{machine = watch(), times = {0, 3}, histogram =
      {low = {ends[1]}, high = {ends[2]}, bins = 4}}.count
    t.eq(count:sum(), 6)
  end
  refuses(function()
    run{machine = watch(), times = {0}, histogram = {low = {0}, high = {1},
                                                     bins = -3}}
  end, "bins: expected")
end)

-- ---- marches --------------------------------------------------------------------

t.test("march: options of noises", function()
  local function noise(z)
    return function()
      march(function(x, n) return x + n.z end, 1.0, 2, {lanes = 2,
        noise = {z = z}})
    end
  end
  refuses(noise{"normal", sd = -1}, "noise 'z': option 'sd': expected")
  refuses(noise{"normal", sd = id}, "option 'sd': expected a number >= 0")
  refuses(noise{"normal", size = "3"}, "option 'size': expected an integer")
  refuses(noise{"normal", size = 2^40}, "option 'size': expected an integer")
  refuses(noise{"uniform", low = 1, high = 1}, "option 'high': expected a")
  refuses(noise{"exponential", rate = 0}, "option 'rate': expected")
  refuses(noise{"bernoulli", p = 1.1}, "option 'p': expected")
  refuses(noise{"three_point", dt = -1}, "option 'dt': expected a step > 0")
  refuses(noise{"permutation", n = 2^40}, "option 'n': expected an integer in")
  refuses(noise{"brownian", dt = 1, dim = 3, terms = 0, integrals = "area"},
          "option 'terms': expected an integer in 1..")
  local c = {{1, 1, 0}, {1, 1, 0.5}, {0, 0.5, 1}}
  refuses(noise{"brownian", dt = 1, dim = 3, correlation = c},
          "not positive semi-definite")
  refuses(noise{"brownian", dt = 1, dim = 2, correlation = T.eye(3)},
          "correlation: expected [2 x 2] or a number")
  refuses(noise{"brownian", dt = 1, dim = 2, correlation = id},
          "correlation: expected [2 x 2]")
end)

t.test("march: times, bins and lanes without end", function()
  local z = {z = "normal"}
  local function go(n, o)
    return function()
      o.lanes, o.seed = 2, 1
      local run = march(o.noise and noisy or id, 1.0, n, o)
      return run
    end
  end
  refuses(go(2^33 + 1, {noise = z}), "expected at most 8589934592 steps")
  refuses(go(2^30, {observe = {every = 1}}), "expected at most 16777216 times")
  refuses(go(2, {t0 = 0 / 0}), "option 't0': expected a finite number")
  local function bins(h)
    return go(2, {noise = z, observe = {histogram = h}})
  end
  refuses(bins{low = -1e308, high = 1e308}, "no 100 bins between")
  refuses(bins{low = 1, high = 1 + 2^-52}, "no 100 bins between")
  refuses(bins{low = 1e300, high = 1e301, unit = 1e-300, scale = "asinh"},
          "no 100 bins between")
  refuses(go(2, {observe = {of = function() return {} end}}),
          "there is nothing to look at")
  local run = bins{low = -4, high = 4}()
  refuses(function() run.histogram:edges(2) end, "expected a value in 1..1")
  refuses(function() run.histogram:density(3) end, "expected a time in 1..1")
  refuses(function() run:bad_lanes("x") end, "expected an integer >= 0")
  t.eq(run.histogram:density():sum() > 0, true)
  t.eq(go(2, {observe = {histogram = false, moments = true}})().moments.n[1], 2)
end)

t.test("iterate: no lanes", function()
  local function double(x) return 2 * x end
  local x, path = saddle.iterate(double, T.zeros{0, 3}, 4, {lanes = true,
                                                            every = 2})
  t.eq(x.shape[1], 0)
  t.eq(path.shape[2], 0)
end)

-- ---- checkpoints ----------------------------------------------------------------

t.test("checkpoints that were tampered with", function()
  local name = os.tmpname() .. ".npz"
  local function go(n, x0, observe)
    return march(noisy, x0 or 1.0, n, {lanes = 5, seed = 2, checkpoint = name,
      noise = {z = "normal"}, observe = observe or {at = {1, 3}, keep = true,
      moments = true, histogram = {low = -9, high = 9}}})
  end
  go(4)
  local good = saddle.load(name)
  for key, value in pairs(good) do
    for _, other in ipairs{value:to("f32"), T.concat({value, value}, 1),
                           value:to("f64") * -1 - 1} do
      local damaged = {}
      for k, v in pairs(good) do damaged[k] = k == key and other or v end
      saddle.save(name, damaged)
      local fine = key == "state_1" or key == "kept_1" or key == "moments"
      if not (fine and other.dtype == "f64" and other.shape[1] ==
              value.shape[1]) then
        refuses(function() go(8) end, "option 'checkpoint'")
      end
    end
    local less = {}
    for k, v in pairs(good) do less[k] = k ~= key and v or nil end
    saddle.save(name, less)
    refuses(function() go(8) end, "option 'checkpoint'")
  end
  saddle.save(name, good)
  refuses(function() go(8, 2.0) end, "began at another state")
  refuses(function()
    go(8, nil, {at = {1, 3}, keep = true, moments = true,
                histogram = {low = -8, high = 9}})
  end, "is of another march")
  t.eq(go(8).steps, 8)
  os.remove(name)
  refuses(function()
    march(id, 1.0, 2^40, {lanes = 2, checkpoint = "/nonexistent/x.npz"})
  end, "cannot be written")
  refuses(function()
    march(id, 1.0, 2, {lanes = 2, checkpoint = "x.npy"})
  end, "a file name ending in .npz")
end)

t.test("a checkpoint with lanes that are not finite goes on", function()
  local name = os.tmpname() .. ".npz"
  local function go(n, file)
    return march(function(x) return (x - 0.1):sqrt() end,
      T.linspace(0.05, 1, 100), n, {seed = 1, checkpoint = file})
  end
  go(3, name)
  local run, whole = go(6, name), go(6)
  os.remove(name)
  t.ok(run.bad > 0)
  t.eq(run.bad_mask, whole.bad_mask)
end)

-- ---- equations ------------------------------------------------------------------

local m = sde.saddle{a = 1, sigma = 2, tau = 1, rho = 0.5}
local gbm = sde.gbm{a = 1, sigma = 0.5}

t.test("simulations", function()
  local function sim(fields)
    return function()
      local o = {x0 = 1, t = 1, dt = 0.25, paths = 3, seed = 1}
      for k, v in pairs(fields) do o[k] = v end
      local run = sde.simulate(gbm, o)
      return run
    end
  end
  refuses(sim{dt = 2^31}, "no whole number of steps")
  refuses(sim{t = 2^60}, "more than 2^53 steps")
  refuses(sim{save = 2^62}, "more than 2^53 steps")
  refuses(sim{save = {{1}}}, "option 'save': expected times")
  refuses(sim{t0 = 1 / 0}, "option 't0': expected a time")
  refuses(sim{first_path = -1}, "option 'first_path': expected an integer")
  refuses(sim{seed = "x"}, "simulate: option 'seed': expected an integer")
  refuses(sim{adaptive = true, scheme = "milstein", checkpoint = "x.npz"},
          "option 'checkpoint': is for steps of one length")
  refuses(sim{adaptive = true, scheme = "milstein", first_path = id},
          "option 'first_path'")
  refuses(function()
    sde.first_exit(m, {x0 = 0, radius = 1, dt = 0.1, of = 3})
  end, "option 'of': expected a function")
end)

t.test("models, schemes, laws", function()
  local f = {drift = id, diffusion = id, sense = "ito"}
  local function model(key, value)
    return function()
      local o = {[key] = value}
      for k, v in pairs(f) do o[k] = o[k] or v end
      local made = sde.model(o)
      return made
    end
  end
  refuses(model("params", 3), "params: expected a table")
  refuses(model("name", {}), "name: expected a text")
  refuses(model("dim", 1.5), "dim: expected an integer")
  refuses(function() sde.scheme.pick(3) end, "expected a model")
  refuses(function() sde.scheme.fitting({}) end, "expected a model")
  refuses(function() m:moments(1, {}) end, "t: expected a finite number")
  refuses(function() m:moments("1", 1) end, "x0: expected a finite number")
  refuses(function() m.ito_drift() end, "expected a model before the colon")
  refuses(function() saddle.law.normal{sd = 1}:moment(2^31) end,
          "k: expected an integer in 0..1000")
  refuses(function() saddle.law.point{at = 0}:pdf(true) end,
          "x: expected a number, a tensor")
  refuses(function() sde.convergence{model = 3} end, "expected a model")
  refuses(function() sde.convergence{model = gbm, x0 = {}} end,
          "x0: expected a number")
  refuses(function() sde.convergence{model = gbm, exact = 3} end,
          "exact: expected a function")
  refuses(function()
    sde.convergence{model = gbm, strong = false, weak = 2^31}
  end, "weak: expected an integer in 1..100")
  refuses(function()
    sde.fokker_planck(m, {lower = -1, upper = 1, x0 = 0, t = 1, grid = "asinh",
                          centre = id})
  end, "centre: expected a number")
end)

return t
