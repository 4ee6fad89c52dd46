-- march_spec.lua: noise, observers, checkpoints and errors of saddle.march.
-- Same bits for any block, thread count, number of lanes, and way of going on;
-- statistics against those of the values kept, and against theory within
-- 4.5 standard errors.
local t = require "runner"
local saddle = require "saddle"
local core = require "saddle.core"
local T, march = saddle.tensor, saddle.march

local function temp(name) return os.tmpname() .. name end

-- A step with every kind of noise that lanes can draw, a clock and two states.
local function step(x, n, time)
  return {a = x.a + 0.1 * n.z * x.b + 0.01 * n.e,
          b = x.b * (1 + 0.01 * n.s) + 0.001 * n.u:sum() + 0 * time
            + 0.01 * n.w.i10 + 0.01 * n.w.dw}
end

local NOISE = {z = "normal", s = "sign", u = {"uniform", size = 3},
               e = "exponential",
               w = {"brownian", dt = 0.1, integrals = "time"}}

local function state(n) return {a = T.zeros{n}, b = T.ones{n}} end

local function options(more)
  local o = {seed = 3, noise = NOISE, observe = {every = 7, moments = true,
             keep = true, histogram = {low = -3, high = 3, bins = 20}}}
  for k, v in pairs(more or {}) do o[k] = v end
  return o
end

local function same(a, b)
  t.eq(a.state.a, b.state.a)
  t.eq(a.state.b, b.state.b)
  t.eq(a.at, b.at)
  t.eq(a.kept.a, b.kept.a)
  for _, field in ipairs{"n", "mean", "m2", "m3", "m4", "low", "high"} do
    t.eq(a.moments[field], b.moments[field])
  end
  t.eq(a.histogram.all, b.histogram.all)
end

t.test("same bits for any block and any number of threads", function()
  local one = march(step, state(3000), 50, options())
  same(march(step, state(3000), 50, options{block = 256}), one)
  same(march(step, state(3000), 50, options{block = 1024}), one)
  same(march(step, state(3000), 50, options{block = 64}), one)
  local threads = core.system.threads()
  core.system.set_threads(1)
  same(march(step, state(3000), 50, options()), one)
  core.system.set_threads(2)
  same(march(step, state(3000), 50, options()), one)
  core.system.set_threads(threads)
end)

t.test("a lane draws the same whoever runs beside it", function()
  local many = march(step, state(700), 33, options())
  for _, n in ipairs{1, 2, 31, 33, 64, 65} do
    local few = march(step, state(n), 33, options())
    t.eq(few.state.a, many.state.a[{"1:" .. n}]:contiguous())
  end
  local late = march(step, state(100), 33, options{first_lane = 600})
  t.eq(late.state.b, many.state.b[{"601:700"}]:contiguous())
  local path, first = many:replay(321)
  t.eq(path.a.shape, {34})
  t.eq(path.a[34], many.state.a[321])
  t.eq(path.b[34], many.state.b[321])
  t.eq(first, nil)
end)

t.test("going on gives the bits of one march", function()
  local one = march(step, state(500), 91, options())
  same(march(step, state(500), 35, options()):resume(10):resume(46), one)
  local name = temp ".npz"
  march(step, state(500), 35, options{checkpoint = name})
  same(march(step, state(500), 91, options{checkpoint = name}), one)
  t.fails(function()
    march(step, state(500), 91, options{checkpoint = name, seed = 4})
  end, "of another march")
  t.fails(function()
    march(step, state(500), 20, options{checkpoint = name})
  end, "more than 20")
  local run = march(step, state(500), 35, options())
  run:save(name)
  same(march(step, state(500), 91, options{checkpoint = name}), one)
  os.remove(name)
end)

t.test("another seed, other bits; the same seed, the same", function()
  local a = march(step, state(50), 5, options())
  local b = march(step, state(50), 5, options())
  local c = march(step, state(50), 5, options{seed = 5})
  t.eq(a.state.a, b.state.a)
  t.ok(not a.state.a:allclose(c.state.a))
end)

t.test("a step as a program over all lanes draws the same noise", function()
  local big = T.ones{300} -- too long a line to be written out by elements
  local function wide(x, n, time)
    local y = step(x, n, time)
    return {a = y.a + 0 * (big * x.a):cumsum(1)[300], b = y.b}
  end
  local a = march(step, state(70), 20, options())
  local b = march(wide, state(70), 20, options())
  t.ok(a.narrow and not b.narrow)
  t.ok(b.state.a:allclose(a.state.a, {rtol = 0, atol = 1e-14}))
  t.eq(b.moments.n, a.moments.n)
  t.ok(b.moments.m4:allclose(a.moments.m4, {rtol = 1e-12, atol = 0}))
  t.ok(b:resume(5).state.b:allclose(
    march(step, state(70), 25, options()).state.b, {atol = 1e-13}))
end)

t.test("moments and histograms are those of the values kept", function()
  local run = march(step, state(5000), 14, options{observe = {at = {0, 7, 14},
    keep = true, moments = true, of = function(x) return x.a end,
    histogram = {low = -0.5, high = 0.7, bins = 12}}})
  for k = 1, 3 do
    local x = run.kept[k]
    t.eq(run.moments.n[k], 5000.0)
    t.near(run.moments.mean[k], x:mean(), 1e-14)
    if k > 1 then
      local d = x - x:mean()
      t.near(run.moments.m2[k] / (d^2):sum(), 1, 1e-12)
      t.near(run.moments.m3[k], (d^3):sum(), 1e-9)
      t.near(run.moments.m4[k] / (d^4):sum(), 1, 1e-12)
    end
    t.eq(run.moments.low[k], x:min())
    t.eq(run.moments.high[k], x:max())
    local counts = run.histogram.counts[{k, 1, ":"}]
    local edges = run.histogram:edges()
    for i = 1, 12 do
      local inside = x:ge(edges[i]):to("f64") * x:lt(edges[i + 1]):to("f64")
      t.ok(math.abs(inside:sum() - counts[i]) <= 1, "bin " .. i)
    end
    t.eq(counts:sum() + run.histogram.below[{k, 1}] +
      run.histogram.above[{k, 1}], 5000)
  end
end)

t.test("bins in log and asinh; pooled counts; quantiles", function()
  local run = march(function(x, n) return x * (0.3 * n.z):exp() end, 1.0, 20,
    {lanes = 20000, seed = 1, noise = {z = "normal"}, observe = {every = 5,
     histogram = {low = 1e-3, high = 1e3, bins = 200, scale = "log"}}})
  local s = 0.3 * 20^0.5
  for _, p in ipairs{0.1, 0.5, 0.9} do
    local z = ({[0.1] = -1.2815515655, [0.5] = 0, [0.9] = 1.2815515655})[p]
    local density = math.exp(-z * z / 2) / (2 * math.pi)^0.5
    local se = (p * (1 - p) / 20000)^0.5 / density
    t.near(math.log(run.histogram:quantile(p)) / s, z, 4.5 * se + 0.02)
  end
  t.near((run.histogram:density() * (run.histogram:edges()[{"2:"}] -
    run.histogram:edges()[{"1:200"}])):sum(), 1, 1e-12)
  local pooled = march(function(x, n) return x + n.z end, 0.0, 20,
    {lanes = 300, seed = 1, noise = {z = "normal"}, observe = {every = 5,
     histogram = {low = -100, high = 100, bins = 31, scale = "asinh",
                  unit = 0.5, pooled = true}}})
  t.eq(pooled.histogram.all.shape, {1, 1, 33})
  t.eq(pooled.histogram.all:sum(), 300 * 5)
  t.eq(pooled.histogram.counts[{1, 1, 16}] >= 300, true) -- 0 is in the middle
end)

t.test("asinh bins and quantiles of known values", function()
  local x = T.arange(1, 1000):to("f64") * 0.05 - 10 -- -9.95 .. 40
  local run = march(function(v) return v end, x, 1, {observe = {at = 1,
    keep = true, histogram = {low = -8, high = 30, bins = 19, scale = "asinh",
                              unit = 0.25}}})
  local edges, counts = run.histogram:edges(), run.histogram.counts[{1, 1, ":"}]
  local function scaled(v) return T(v / 0.25):asinh():item() end
  local low, high = scaled(-8), scaled(30)
  for i = 1, 20 do
    t.near(edges[i], 0.25 * T(low + (high - low) * (i - 1) / 19):sinh():item(),
      1e-12)
  end
  for i = 1, 19 do
    local inside = x:ge(edges[i]):to("f64") * x:lt(edges[i + 1]):to("f64")
    t.ok(math.abs(inside:sum() - counts[i]) <= 1, "bin " .. i)
  end
  -- values that fill each bin evenly: the quantile is linear within bins
  local even = march(function(v) return v end, T.arange(1, 1000):to("f64") - 0.5,
    1, {observe = {at = 1, histogram = {low = 0, high = 1000, bins = 8}}})
  for _, p in ipairs{0.01, 0.2, 0.3, 0.77, 1} do
    t.near(even.histogram:quantile(p), 1000 * p, 1e-9)
  end
end)

t.test("normal, sign, uniform, exponential, bernoulli: their moments", function()
  local n = 40000
  local run = march(function(x, w)
    return {w.z, w.s, w.u, w.e, w.b}
  end, {0.0, 0.0, 0.0, 0.0, 0.0}, 3, {lanes = n, seed = 9, noise = {
    z = {"normal", sd = 2}, s = "sign", u = {"uniform", low = -1, high = 3},
    e = {"exponential", rate = 4}, b = {"bernoulli", p = 0.2}},
    observe = {at = 3, moments = true}})
  local mean = {0, 0, 1, 0.25, 0.2}
  local variance = {4, 1, 16 / 12, 1 / 16, 0.16}
  for i = 1, 5 do
    local se = (variance[i] / n)^0.5
    t.near(run.moments.mean[{1, i}], mean[i], 4.5 * se)
    t.near(run.moments.variance[{1, i}] / variance[i], 1, 4.5 * (8 / n)^0.5)
  end
end)

t.test("brownian noise: correlation, integrals, areas", function()
  local n, h = 40000, 0.25
  local R = {{1, 0.6, -0.3}, {0.6, 1, 0.2}, {-0.3, 0.2, 1}}
  local run = march(function(_, w)
    local b = w.w
    return {dw = b.dw, i10 = b.i10, area = T.stack{b.area[1][2], b.area[2][1],
            b.area[1][1], b.area[1][3]}}
  end, {dw = T.zeros{n, 3}, i10 = T.zeros{n, 3}, area = T.zeros{n, 4}}, 1,
    {seed = 2, noise = {w = {"brownian", dim = 3, dt = h, correlation = R,
                             integrals = "area"}}})
  local dw, i10, area = run.state.dw, run.state.i10, run.state.area
  local function mean(x, want, what)
    local m = x:mean()
    local se = ((x - m)^2):mean()^0.5 / n^0.5
    t.near(m, want, 4.5 * se + 1e-12, what)
  end
  for i = 1, 3 do
    for j = 1, 3 do
      mean(dw(":", i) * dw(":", j), R[i][j] * h, "dw dw")
      mean(dw(":", i) * i10(":", j), R[i][j] * h^2 / 2, "dw i10")
      mean(i10(":", i) * i10(":", j), R[i][j] * h^3 / 3, "i10 i10")
    end
  end
  -- I12 + I21 = dw1 dw2 - rho h; I11 = (dw^2 - h)/2
  local sum = area(":", 1) + area(":", 2) - dw(":", 1) * dw(":", 2) + 0.6 * h
  t.ok(sum:abs():max() < 1e-14)
  t.ok((area(":", 3) - 0.5 * (dw(":", 1)^2 - h)):abs():max() < 1e-14)
  -- the area (I12 - I21)/2 of motions correlated by rho has variance
  -- (1 - rho^2) h^2/4, and mean 0
  local levy = 0.5 * (area(":", 1) - area(":", 2))
  mean(levy, 0, "area")
  mean(levy^2, (1 - 0.36) * h^2 / 4, "area squared")
  -- A_12 = H_1 dw_2 - H_2 dw_1 + what the bridges alone enclose
  local function space_time(k) return i10(":", k) / h - 0.5 * dw(":", k) end
  mean(levy * space_time(1) * dw(":", 2), (1 - 0.36) * h^2 / 12, "area, i10")
  mean(levy * space_time(2) * dw(":", 1), -(1 - 0.36) * h^2 / 12, "area, i10")
  -- and E area^2 dw_1^2 = h/12 (h + (dw_1^2 + dw_2^2)) dw_1^2 for rho = 0;
  -- areas that share a motion, E[A_12 A_13 | dw] = h dw_2 dw_3/12
  local free = march(function(_, w)
    local b = w.w
    return T.stack{b.dw[1], b.dw[2], b.dw[3], b.area[1][2], b.area[1][3]}
  end, T.zeros{n, 5}, 1, {seed = 3, noise = {w = {"brownian", dim = 3, dt = h,
    integrals = "area"}}}).state
  local A = free(":", 4) - 0.5 * free(":", 1) * free(":", 2)
  local B = free(":", 5) - 0.5 * free(":", 1) * free(":", 3)
  mean(A^2 * free(":", 1)^2, h / 12 * (h * h + 3 * h * h + h * h), "area | dw")
  mean(A^4, 5 / 16 * h^4, "area, fourth moment")
  mean(A * B, 0, "two areas")
  mean(A * B * free(":", 2) * free(":", 3), h^3 / 12, "two areas | dw")
end)

t.test("samples by number: unbiased, every one once in an epoch", function()
  local n, size = 12, 4
  -- counts of sample numbers in a state of n numbers
  local numbers = T.arange(1, n):to("f64")
  local function count(x, w)
    local seen = 0
    for k = 1, size do
      seen = seen + numbers:eq(w.p[k]:to("f64")):to("f64")
    end
    return x + seen
  end
  local epochs = march(count, T.zeros{20, n}, 9, {seed = 1,
    noise = {p = {"permutation", n = n, size = size}},
    observe = {every = 3, keep = true}})
  for k = 1, 4 do
    t.eq(epochs.kept[k], T.full({20, n}, k - 1.0)) -- after k - 1 epochs
  end
  local one = march(count, T.zeros{20, n}, 1, {seed = 1,
    noise = {p = {"permutation", n = n, size = size}}}).state
  t.ok(one[1]:ne(one[2]):any() or one[1]:ne(one[3]):any())
  local free = march(function(x, w)
    return x + numbers:eq(w.i:to("f64")):to("f64")
  end, T.zeros{2000, n}, 30, {seed = 1, noise = {i = {"index", n = n}}}).state
  local got, want = free:sum(1), 2000 * 30 / n
  -- chi-square with 11 degrees of freedom, 99.9 %: 31.26
  t.ok(((got - want)^2 / want):sum() < 31.26)
end)

t.test("minibatch descent on samples, by index, as it would be by hand",
  function()
    local rng = saddle.random.new(4)
    local h, b = rng:normal{50}, rng:normal{50}
    local function sgd(x, n)
      return x - 0.1 * (h[n.i] * x + b[n.i]):mean()
    end
    local run = march(sgd, 1.0, 20, {lanes = 30, seed = 5,
      noise = {i = {"index", n = 50, size = 8}}})
    local numbers = march(function(x, n) return n.i:to("f64") end,
      T.zeros{30, 8}, 20, {seed = 5, noise = {i = {"index", n = 50, size = 8}},
      observe = {every = 1, keep = true}}).kept
    local x = T.ones{30}
    for k = 1, 20 do
      local i = numbers[k + 1]:to("i64")
      x = x - 0.1 * (h[i] * x:reshape(30, 1) + b[i]):mean(2)
    end
    t.ok(run.state:allclose(x, {rtol = 1e-13, atol = 1e-13}))
  end)

t.test("tables by sample number: any axis, any strides, as a program does it",
  function()
    local rng = saddle.random.new(6)
    local A, big = rng:normal{4, 7}, T.ones{300}
    local B = rng:normal{3, 5, 2}:permute{3, 1, 2} -- [2 x 3 x 5], strided
    local function step(x, n)
      local rows, columns = A[n.i], A:t():gather(n.j, 1)
      local middle = B:gather(n.k, 2)
      return 0.5 * x + rows:sum() + columns:sum() * n.i[1]:to("f64")
        + middle:sum() + T.where(n.i[1]:eq(n.i[2]), 1, 0)
    end
    local noise = {i = {"index", n = 4, size = 2}, j = {"index", n = 7},
                   k = {"permutation", n = 3, size = 2}}
    local narrow = march(step, 0.0, 9, {lanes = 300, seed = 1, noise = noise})
    local wide = march(function(x, n)
      return step(x, n) + 0 * (big * x):cumsum(1)[300]
    end, 0.0, 9, {lanes = 300, seed = 1, noise = noise})
    t.ok(narrow.narrow and not wide.narrow)
    t.ok(narrow.state:allclose(wide.state, {rtol = 1e-13, atol = 1e-13}))
    -- a table is read when the march runs
    local h = T{1, 2, 3}
    local function sum(x, n) return x + h[n.i] end
    local run = march(sum, 0.0, 5, {lanes = 40, seed = 2,
                                    noise = {i = {"index", n = 3}}})
    t.ok(run.state:ge(5):all() and run.state:le(15):all())
    -- numbers beyond a table give NaN
    local off = march(sum, 0.0, 5, {lanes = 40, seed = 2,
                                    noise = {i = {"index", n = 4}}})
    t.ok(off.bad > 0)
    t.fails(function()
      march(function(x, n) return x + h[n.i + 3] end, 0.0, 5, {lanes = 40,
        noise = {i = {"index", n = 3}}})
    end, "NaN")
  end)

t.test("minibatch descent and SVRG on a network, as they would be by hand",
  function()
    local nn = saddle.nn
    local net = nn.mlp{3, 4, 2, activation = "tanh"}
    local rng = saddle.random.new(7)
    local obj = nn.objective(net, {x = rng:normal{30, 3},
      y = rng:integer({30}, 1, 2)}, "cross_entropy", {l2 = 1e-3})
    local w0 = net:init(rng)
    local noise = {i = {"index", n = 30, size = 5}}
    local numbers = march(function(_, n) return n.i:to("f64") end,
      T.zeros{4, 5}, 12, {seed = 2, noise = noise,
      observe = {every = 1, keep = true}}).kept
    local plain = march(function(w, n)
      return w - 0.1 * obj:minibatch(n.i):grad(w)
    end, w0, 12, {lanes = 4, seed = 2, noise = noise})
    local svrg = march(function(s, n, made)
      local part, fresh = obj:minibatch(n.i), (made % 5):eq(0)
      local mark = T.where(fresh, s.w, s.mark)
      local full = T.where(fresh, saddle.grad(function(v) return obj(v) end)(s.w),
        s.full)
      return {w = s.w - 0.1 * (part:grad(s.w) - part:grad(mark) + full),
              mark = mark, full = full}
    end, {w = w0, mark = w0, full = obj:grad(w0)}, 12, {lanes = 4, seed = 2,
      noise = noise})
    local w, v, mark, full = w0, w0, nil, nil
    for k = 1, 12 do
      local part = obj:minibatch(numbers[{k + 1, 3, ":"}]:to("i64"))
      w = w - 0.1 * part:grad(w)
      if (k - 1) % 5 == 0 then mark, full = v, obj:grad(v) end
      v = v - 0.1 * (part:grad(v) - part:grad(mark) + full)
    end
    t.ok(plain.state[3]:allclose(w, {rtol = 1e-12, atol = 1e-13}))
    t.ok(svrg.state.w[3]:allclose(v, {rtol = 1e-12, atol = 1e-13}))
  end)

t.test("lanes that are not finite are counted, left out, and replayed",
  function()
    local run = march(function(x, n)
      return T.where(x:gt(3), 0 / 0, x + n.z)
    end, 0.0, 12, {lanes = 1000, seed = 1, noise = {z = "normal"},
                   observe = {at = 12, moments = true, keep = true}})
    local bad = run:bad_lanes(2000)
    t.ok(run.bad > 50 and run.bad < 950 and #bad == run.bad)
    t.eq(run.moments.n[1], 1000.0 - run.bad)
    local path, first = run:replay(bad[3])
    t.ok(path[first + 1] ~= path[first + 1])
    t.ok(path[first] > 3)
    t.ok(tostring(run):find(run.bad .. " lanes not finite", 1, true))
    t.eq(#run:bad_lanes(5), 5)
    local huge = march(function(x, n) return x * (1 + n.b * 1e200) end, 1.0, 2,
      {lanes = 400, seed = 2, noise = {b = "bernoulli"}})
    t.eq(huge.bad, huge.state:isinf():sum())
    t.ok(huge.bad > 50)
  end)

t.test("first exits of walks: gambler's ruin, and a bridge", function()
  local function walk(x, n) return x + n.s end
  for _, start in ipairs{0, 2} do
    local hit = march.first_exit(walk, start + 0.0, 2000, {lanes = 2e4, seed = 3,
      noise = {s = "sign"}, radius = 5})
    t.eq(hit.censored, 0)
    t.near(hit.mean, 25 - start^2, 4 * hit.se)
    t.near(hit.p_upper, (start + 5) / 10, 4 * hit.p_upper_se)
    t.eq(hit.state:abs(), T.full({20000}, 5.0))
    t.eq(hit.side, hit.state / 5)
    -- a walk from an even place ends at 5 after an odd number of steps
    t.eq((hit.time % 2):min(), (5 - start) % 2 + 0.0)
  end
  local o = {lanes = 300, seed = 4, noise = {z = {"normal", sd = 0.1}}, dt = 0.01,
             upper = 1, lower = -1, variance = function() return 0.01 end}
  local function wiener(x, n) return {w = x.w + n.z, k = x.k + 1} end
  o.of = function(x) return x.w end
  local few = march.first_exit(wiener, {w = 0.0, k = 0.0}, 10000, o)
  o.lanes = 2e4
  local many = march.first_exit(wiener, {w = 0.0, k = 0.0}, 10000, o)
  t.eq(few.time, many.time[{"1:300"}]:contiguous())
  t.near(many.mean, 1, 4 * many.se) -- E T of the Wiener process from (-1, 1)
  local steps = (many.time / 0.01):ceil()
  t.ok((steps - many.state.k):abs():max() <= 1e-9)
  t.ok(tostring(many):find("first exits: march, 20000 lanes, mean time", 1, true))
  local stop = march.first_exit(wiener, {w = 0.0, k = 0.0}, 20, o)
  t.ok(stop.censored > 0 and stop.mean ~= stop.mean)
  t.near(stop.t_max, 0.2, 1e-15)
  t.fails(function() march.first_exit(walk, 0.0, 5, {lanes = 2,
    noise = {s = "sign"}}) end, "a radius, or lower < upper")
  t.fails(function() march.first_exit(walk, T.zeros{2, 2}, 5, {radius = 1,
    noise = {s = "sign"}}) end, "expected a function to a number")
  t.fails(function() march.first_exit(wiener, {w = 0.0, k = 0.0}, 5,
    {lanes = 2, radius = 1, noise = o.noise}) end, "a state of several tensors needs one")
end)

t.test("the clock of a bridge within its step", function()
  local exits = require "saddle.march.exits"
  local noises = require "saddle.march.noise"
  local function run(rate)
    local o = {t0 = 0, lanes = 500, first_lane = 0, steps = 400, seed = 3,
               block = 0, label = false}
    o.noises, o.draws = noises.read({z = "normal"}, "spec")
    return exits.run({about = "spec", what = "lanes", t_max = 400},
      function(x, n) return x + n.z, x, x + n.z, 1.0 end, {T.zeros{500}}, 1, o,
      {low = -3, high = 3, rate = rate}, "spec")
  end
  local plain = run(0)
  for _, rate in ipairs{1.5, -0.7} do
    local other = run(rate)
    t.eq(other.side, plain.side)
    local u = plain.time - plain.time:floor()
    local want = plain.time:floor() - (1 - (1 - math.exp(-rate)) * u):log() / rate
    t.ok(other.time:allclose(want, {rtol = 1e-12}))
  end
end)

t.test("the clock", function()
  local run = march(function(x, _, s) return x + s end, 0.0, 5, {lanes = 2})
  t.eq(run.state, T{10, 10})
  run = march(function(x, _, s) return x + s end, 0.0, 5,
    {lanes = 2, dt = 0.5, t0 = 1})
  t.eq(run.state, T{10, 10})
  t.eq(run.t, 3.5)
  run = march(function(x) return x + 1 end, 0.0, 4, {lanes = 2, dt = 0.5,
    observe = {every = 2, of = function(x, s) return x * 10 + s end}})
  t.eq(run.kept, T{{0, 0}, {21, 21}, {42, 42}})
  t.eq(run.times, {0, 1, 2})
end)

t.test("errors name the argument", function()
  local function fails(pattern, ...)
    local args = table.pack(...)
    t.fails(function() march(table.unpack(args, 1, args.n)) end, pattern)
  end
  local function id(x, n) return x + n.z end
  local z = {z = "normal"}
  fails("expected a function", 3, 1.0, 5)
  fails("argument 3: expected an integer >= 0, got %-1", id, 1.0, -1)
  fails("argument 3", id, 1.0, "many")
  fails("axis 1 of every leaf counts lanes", id, 1.0, 5, {noise = z})
  fails("of which the first has 3", id, {T.ones{3}, T.ones{4}}, 5)
  fails("expected f64", id, T.ones{3, dtype = "f32"}, 5)
  fails("option 'lanes': expected an integer >= 1", id, 1.0, 5, {lanes = 0})
  fails("unknown option 'laens' %(did you mean 'lanes'", id, 1.0, 5,
    {laens = 3})
  fails("'gauss' is not known", id, 1.0, 5, {lanes = 3,
    noise = {z = "gauss"}})
  fails("expected a step > 0, got 0", id, 1.0, 5, {lanes = 3, dt = 0})
  fails("expected a step > 0, got %-0.1", id, 1.0, 5, {lanes = 3, dt = -0.1})
  fails("option 'dt'", id, 1.0, 5, {lanes = 3, noise = {z = "brownian"}})
  fails("'n', the number of samples, is missing", id, 1.0, 5, {lanes = 3,
    noise = {z = "index"}})
  fails("at most n = 3, got 5", id, 1.0, 5, {lanes = 3,
    noise = {z = {"permutation", n = 3, size = 5}}})
  fails("numbers in %[%-1, 1%], got 2", id, 1.0, 5, {lanes = 3,
    noise = {z = {"brownian", dim = 2, dt = 1, correlation = 2}}})
  fails("not positive semi%-definite", id, 1.0, 5, {lanes = 3,
    noise = {z = {"brownian", dim = 3, dt = 1, correlation =
      {{1, 0.9, -0.9}, {0.9, 1, 0.9}, {-0.9, 0.9, 1}}}}})
  fails("multiple of 64", id, 1.0, 5, {lanes = 3, noise = z, block = 100})
  fails("'at': expected integers in 0..5, got 9", id, 1.0, 5, {lanes = 3,
    noise = z, observe = {at = 9}})
  fails("low < high", id, 1.0, 5, {lanes = 3, noise = z, observe = {
    histogram = {low = 1, high = 1}}})
  fails("expected a number > 0 for value 1", id, 1.0, 5, {lanes = 3,
    noise = z, observe = {histogram = {low = 0, high = 1, scale = "log"}}})
  fails("first step gives NaN or infinity in every lane", function(x)
    return x * (0 / 0)
  end, 1.0, 5, {lanes = 3})
  fails("has a NaN", id, 0 / 0, 5, {lanes = 3, noise = z})
  fails("clock, an rng or a counter", function(x)
    return x * saddle.clock()
  end, 1.0, 5, {lanes = 3})
  local rng = saddle.random.new(1)
  fails("clock, an rng or a counter", function(x)
    return x + rng:normal()
  end, 1.0, 5, {lanes = 3})
  fails("reads noise 'w', which option 'noise' does not name %(named: z%)",
    function(x, n) return x + n.w end, 1.0, 5, {lanes = 3, noise = z})
  fails("must return the types", function(x) return T.stack{x, x} end, 1.0, 5,
    {lanes = 3})
  fails("own message", function() error("own message") end, 1.0, 5,
    {lanes = 3})
  local run = march(id, 1.0, 5, {lanes = 3, noise = z})
  t.fails(function() run:replay(4) end, "1..3, got 4")
  t.fails(function() run:resume(-1) end, "expected an integer >= 0")
end)

t.test("Ctrl-C ends a march with what it has", function()
  core.system.interrupt()
  local run = march(function(x, n) return x + n.z end, 0.0, 2^32 | 0,
    {lanes = 1000, noise = {z = "normal"}, check = false})
  t.eq(run.status, "interrupted")
  t.eq(run.steps, 0)
  t.ok(not core.system.interrupted(true))
end)

t.test("a march of many lanes takes no memory for its steps", function()
  local run = march(function(x, n) return x + 0.01 * n.z end, 0.0, 2000,
    {lanes = 3e4, seed = 1, noise = {z = "normal"}, observe = {every = 100,
     moments = true, histogram = {low = -3, high = 3}}})
  for k = 2, 21 do
    local v = 1e-4 * 100 * (k - 1)
    t.near(run.moments.variance[k] / v, 1, 4.5 * (2 / 3e4)^0.5)
  end
end)
