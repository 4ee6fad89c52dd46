-- critical_points.lua: where are the critical points of a real network's error
-- surface, and does their index grow with their error?
-- A tanh network 100-5-10 (565 parameters, l2 = 1e-3) on 1,000 images of
-- Fashion-MNIST at 10 x 10. Searches start from points of saddle-free Newton
-- runs, chosen uniformly in loss and partly with noise, and from random
-- weights; each end point is verified, its exact Hessian taken, and all are
-- shown, unconverged ones as such.
-- Expected answer: verified critical points from the lowest training error up
-- to the constant predictor at 90 %, whose index is 45 = 9 x 5 (nine
-- directions in which classes differ, for each of the five idle units); the
-- index grows with the error; none of the high ones is a minimum.
-- Sources: Dauphin et al. 2014, figure 1 and appendix C; Frye et al. 2019.
-- Run time: under 2 minutes on two cores; --quick under 20 s.
-- Usage: saddle critical_points.lua [--quick] [--out DIR]
-- test arguments: --quick
-- tolerance: 1e-4
-- MIT licence.
local saddle = require "saddle"
local T, nn, optim, critical = saddle.tensor, saddle.nn, saddle.optim,
                               saddle.critical

local quick, out = false, "figures"
for i = 1, #arg do
  if arg[i] == "--quick" then quick = true end
  if arg[i] == "--out" then out = arg[i + 1] end
end

-- ---- the surface ----------------------------------------------------------

local SAMPLES, L2 = 1000, 1e-3
local data = saddle.data.fashion_mnist{n = SAMPLES}:downsample(10, 10)
  :normalize "standard"
local net = nn.mlp{100, 5, 10, activation = "tanh"}
local obj = nn.objective(net, data, "cross_entropy", {l2 = L2})
local P = net:dim()
print(("Fashion-MNIST at 10 x 10, %d images; tanh 100-5-10, P = %d, l2 = %g; "
  .. "Hessian by %s"):format(SAMPLES, P, L2, obj:path()))

-- ---- where searches start ---------------------------------------------------

local rng = saddle.random.new(1)
local starts = {}

local function start(from, w) starts[#starts + 1] = {from = from, w = w} end

-- The point of a run whose loss is nearest to `level`.
local function nearest(run, level)
  local best, gap = 1, math.huge
  for k, value in ipairs(run.values) do
    if math.abs(value - level) < gap then
      best, gap = k, math.abs(value - level)
    end
  end
  return run.path[best]
end

local RUNS, LEVELS = quick and 1 or 3, quick and 4 or 12
for r = 1, RUNS do
  local run = optim.minimize(obj, net:init(rng) * 0.5, {method = "sfn",
    steps = quick and 12 or 25, record = 1, progress = "training"})
  local high, low = run.values[1], run.values[#run.values]
  print(("run %d: saddle-free Newton, %d steps, loss %.3f -> %.3f, training "
    .. "error %.1f %%"):format(r, run.steps, high, low,
                               100 * obj:error(run.w)))
  for i = 1, LEVELS do
    local w = nearest(run, low + (high - low) * (i - 1) / (LEVELS - 1))
    if i % 2 == 0 then w = w + 1e-2 * rng:normal{P} end
    start("run", w)
  end
end

local SCALES = quick and {0.05, 0.5} or {0.02, 0.05, 0.1, 0.2, 0.3, 0.5}
for _, scale in ipairs(SCALES) do
  for _ = 1, quick and 1 or 3 do
    start("random", (2 * rng:uniform{P} - 1) * scale)
  end
end

-- ---- search and verify ------------------------------------------------------

local methods = {"newton"}
local found = {}
local clock = saddle.clock()
for i, s in ipairs(starts) do
  for m, method in ipairs(methods) do
    if not quick or (i + m) % 2 == 0 then
      local cp = critical.find(obj, s.w, {method = method,
        steps = quick and 30 or 80,
        progress = ("search %d of %d"):format(i, #starts)})
      cp.from = s.from
      found[#found + 1] = cp
    end
  end
end
local seconds = saddle.clock() - clock

-- ---- the table ----------------------------------------------------------------

local verified, counts = {}, {}
for _, cp in ipairs(found) do
  if cp.critical then verified[#verified + 1] = cp end
  counts[cp.class] = (counts[cp.class] or 0) + 1
end
local groups = critical.distinct(verified, {net = net})

local function row(cp, times)
  print(("  %5.1f  %8.5f  %7.1e  %7.1e  %4d %4d %4d  %.4f  %-13s %5s  %s")
    :format(100 * cp.error, cp.value, cp.grad_norm, cp.r, cp.n_neg, cp.n_zero,
    cp.n_pos, cp.alpha, cp.class, times, cp.method .. " from " .. cp.from))
end

local function by_value(a, b) return a.value < b.value end

print("\nVerified critical points, up to permutation and sign of hidden units")
local head = "  err %      loss      |g|        r    n-   n0   n+   alpha  "
  .. "class         times  method and start (first time found)"
print(head)
table.sort(groups, by_value)
for _, g in ipairs(groups) do row(g.point, g.times) end

print("\nEnd points that are not critical points")
print(head)
local others = {}
for _, cp in ipairs(found) do
  if not cp.critical then others[#others + 1] = cp end
end
table.sort(others, by_value)
for _, cp in ipairs(others) do row(cp, "-") end
