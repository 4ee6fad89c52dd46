-- critical_points.lua: where are the critical points of a real network's error
-- surface, and does their index grow with their error?
-- A tanh network 100-5-10 (565 parameters, l2 = 1e-3) on the first 1,000
-- images of Fashion-MNIST at 10 x 10. Searches for critical points start from
--   units   minima of the networks with 0 .. 5 of the five hidden units, the
--           idle units at zero, all with noise
--   run     points of saddle-free Newton runs, uniform in loss, half with noise
--   random  random weights of several sizes
-- by damped Newton and by Newton-MR. Each end point is verified, and its exact
-- Hessian taken; what did not converge is shown as such.
-- Expected answer: verified points at all heights, from minima at about 7 %
-- training error to the constant predictor at 88.5 %. Every idle unit adds
-- nine to the index, the directions in which it can start to tell ten classes
-- apart: 0, 9, 18 ... 45. So the index grows with the error and no high point
-- is a minimum. Searches from `run` and `random` end gradient-flat or
-- unconverged, most of them, as Frye et al. 2020 report. (The points from
-- `units` show what is there at each height, not how frequent it is.)
-- Sources: Dauphin et al. 2014, figure 1 and appendix C; Frye et al. 2020.
-- Run time: about 1 minute on two cores; --quick about 5 s.
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

local SAMPLES, L2, UNITS = 1000, 1e-3, 5
local data = saddle.data.fashion_mnist{n = SAMPLES}:downsample(10, 10)
  :normalize "standard"

local function surface(units)
  local net = nn.mlp{100, units, 10, activation = "tanh"}
  return net, nn.objective(net, data, "cross_entropy", {l2 = L2})
end

local net, obj = surface(UNITS)
local P = net:dim()
print(("Fashion-MNIST at 10 x 10, %d images; tanh 100-%d-10, P = %d, l2 = %g")
  :format(SAMPLES, UNITS, P, L2))
print("exact Hessian by " .. obj:path())

-- ---- where searches start ---------------------------------------------------

local rng = saddle.random.new(1)
local starts, runs = {}, {}

local function start(from, w) starts[#starts + 1] = {from = from, w = w} end
local function noise(size) return size * rng:normal{P} end

-- The parameters of a network with fewer units, with idle units at zero.
local function embed(small, w, units)
  local big = T.zeros{P}
  local a, b = small:views(w), net:views(big)
  b.layer1.weight[{"1:" .. units, ":"}] = a.layer1.weight
  b.layer1.bias[{"1:" .. units}] = a.layer1.bias
  b.layer2.weight[{":", "1:" .. units}] = a.layer2.weight
  b.layer2.bias[{":"}] = a.layer2.bias
  return big
end

local function train(units)
  local small, o = surface(units)
  local run = optim.minimize(o, small:init(rng), {method = "sfn", steps = 80,
    tol = 1e-6, record = 1, progress = "training"})
  if units == UNITS then runs[#runs + 1] = run end
  return embed(small, run.w, units), run
end

local REPEATS = quick and 1 or 4
start("0 units", noise(1e-3))
for units = 1, UNITS do
  if not quick or units == 2 or units == UNITS then
    for _ = 1, units < UNITS and REPEATS or math.min(REPEATS, 3) do
      local w, run = train(units)
      start(units .. (units > 1 and " units" or " unit"), w + noise(1e-3))
      if not quick then
        print(("%d of %d units: saddle-free Newton, %2d steps, %-9s loss "
          .. "%.3f -> %.3f"):format(units, UNITS, run.steps, run.status,
          run.values[1], run.value))
      end
    end
  end
end

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

local LEVELS = quick and 1 or 3
for r = 1, math.min(#runs, 2) do
  local high, low = runs[r].values[1], runs[r].value
  for i = 1, LEVELS do
    local w = nearest(runs[r], low + (high - low) * (i - 0.5) / LEVELS)
    start("run", i % 2 == 0 and w + noise(1e-2) or w)
  end
end
for _, size in ipairs(quick and {0.3} or {0.1, 0.3, 0.5, 1}) do
  start("random", (2 * rng:uniform{P} - 1) * size)
end

-- ---- search and verify ------------------------------------------------------

local found = {}
local clock = saddle.clock()
for i, s in ipairs(starts) do
  for m, method in ipairs{"newton", "newton_mr"} do
    if not quick or (i + m) % 2 == 0 then
      local cp = critical.find(obj, s.w, {method = method,
        steps = quick and 20 or 100, patience = 0,
        progress = ("search %d of %d"):format(i, #starts)})
      cp.from = s.from
      found[#found + 1] = cp
    end
  end
end
local seconds = saddle.clock() - clock

-- ---- the table --------------------------------------------------------------

local verified, others, counts = {}, {}, {}
for _, cp in ipairs(found) do
  local list = cp.critical and verified or others
  list[#list + 1] = cp
  counts[cp.class] = (counts[cp.class] or 0) + 1
end

local function row(cp, times)
  print(("%6.1f %8.5f %8.1e %8.1e %4d %3d %4d %7.4f  %-13s %4s  %-9s %s")
    :format(100 * cp.error, cp.value, cp.grad_norm, cp.r, cp.n_neg, cp.n_zero,
    cp.n_pos, cp.alpha, cp.class, times, cp.method, cp.from))
end

local function heading(title)
  print("\n" .. title)
  print(" err %     loss      |g|        r   n-  n0   n+   alpha  class"
    .. "         found  method and start")
end

local function by_value(a, b) return a.value < b.value end

local groups = critical.distinct(verified, {net = net})
assert(#groups > 0, "no critical point was verified")
table.sort(groups, by_value)
if quick then
  heading "Every search"
  for _, cp in ipairs(found) do row(cp, "") end
else
  heading "Verified critical points, up to permutation and sign of units"
  for _, g in ipairs(groups) do row(g.point, g.times) end
  heading "End points of searches that are not critical points"
  table.sort(others, by_value)
  for _, cp in ipairs(others) do row(cp, "") end
end

-- ---- the digest -----------------------------------------------------------

-- Spearman's rank correlation; ties share their mean rank.
local function ranks(list)
  local r = {}
  for i, x in ipairs(list) do
    local below, same = 0, 0
    for _, y in ipairs(list) do
      if y < x then below = below + 1 elseif y == x then same = same + 1 end
    end
    r[i] = below + (same + 1) / 2
  end
  return r
end

local function correlation(a, b)
  local n, ma, mb = #a, 0, 0
  for i = 1, n do ma, mb = ma + a[i] / n, mb + b[i] / n end
  local ab, aa, bb = 0, 0, 0
  for i = 1, n do
    ab = ab + (a[i] - ma) * (b[i] - mb)
    aa, bb = aa + (a[i] - ma)^2, bb + (b[i] - mb)^2
  end
  return ab / math.sqrt(aa * bb)
end

local parts = {}
for _, class in ipairs{"minimum", "saddle", "maximum", "degenerate",
                       "gradient_flat", "unconverged"} do
  parts[#parts + 1] = ("%d %s"):format(counts[class] or 0, class)
end
print(("\n%d searches: %s"):format(#found, table.concat(parts, ", ")))
print(("%d verified, %d of them distinct; %.0f verified points a minute")
  :format(#verified, #groups, 60 * #verified / seconds))

local errors, alphas, sharp, certain = {}, {}, true, 0
for i, g in ipairs(groups) do
  local cp = g.point
  errors[i], alphas[i] = cp.error, cp.alpha
  sharp = sharp and cp.grad_norm <= 1e-8
    and cp.eta <= 1e-6 * (1 + cp.w:norm())
  if cp.inertia[1].n_neg == cp.n_neg and cp.inertia[3].n_neg == cp.n_neg then
    certain = certain + 1
  end
end
print(("rank correlation of error and index over the distinct points: %.3f")
  :format(correlation(ranks(errors), ranks(alphas))))
print("each has |g| <= 1e-8 and lies within 1e-6 (1 + |w|) of its critical "
  .. "point, by Newton's step: " .. (sharp and "yes" or "NO"))
print(("same index at tolerances 1e-4, 1e-6 and 1e-8 of the largest "
  .. "eigenvalue: %d of %d"):format(certain, #groups))

-- Each hidden unit at zero opens nine directions of descent.
local nine = true
for _, cp in ipairs(verified) do
  local units = tonumber(cp.from:match("^(%d) unit"))
  if units then nine = nine and cp.index == 9 * (UNITS - units) end
end
print("index = 9 for each idle unit, wherever a search from `units` was "
  .. "verified: " .. (nine and "yes" or "NO"))

local top = groups[#groups].point
print(("the highest one: error %.1f %%, loss %.5f, index %d, class %s")
  :format(100 * top.error, top.value, top.index, top.class))

-- ---- the figure -----------------------------------------------------------

local looks = {
  {"unconverged", "unconverged", "cross", "#b0b0b0", 1},
  {"gradient_flat", "gradient-flat", "opentriangle", 7, 1.1},
  {"degenerate", "degenerate", "diamond", 4, 1.2},
  {"saddle", "saddle", "circle", 1, 1.2},
  {"minimum", "minimum", "square", 2, 1.2},
}

local fig = saddle.plot.figure{panels = {1, 2}, size = {7, 3}}
local left = fig:panel(1)
left:set{xlabel = "index α (share of negative eigenvalues)",
         ylabel = "training error (%)", title = "end points of searches",
         yrange = {0, 100}, legend = "bottom right"}
for _, look in ipairs(looks) do
  local xs, ys = {}, {}
  for _, cp in ipairs(found) do
    if cp.class == look[1] then
      xs[#xs + 1], ys[#ys + 1] = cp.alpha, 100 * cp.error
    end
  end
  if #xs > 0 then
    left:scatter(xs, ys, {label = look[2], marker = look[3], color = look[4],
                          size = look[5]})
  end
end

-- The verified points of least, middle (30 %) and most error.
local three = {groups[1], groups[1], groups[#groups]}
for _, g in ipairs(groups) do
  if math.abs(g.point.error - 0.3) < math.abs(three[2].point.error - 0.3) then
    three[2] = g
  end
end

-- Counts of eigenvalues in bins as an outline; empty bins lie on `floor`.
local function outline(values, lo, hi, bins, floor)
  local count, xs, ys = {}, {lo}, {floor}
  for b = 1, bins do count[b] = 0 end
  for _, v in ipairs(values:totable()) do
    local b = math.floor((v - lo) / (hi - lo) * bins) + 1
    if b >= 1 and b <= bins then count[b] = count[b] + 1 end
  end
  for b = 1, bins do
    local left_edge = lo + (hi - lo) * (b - 1) / bins
    local height = math.max(count[b], floor)
    xs[#xs + 1], ys[#ys + 1] = left_edge, height
    xs[#xs + 1], ys[#ys + 1] = left_edge + (hi - lo) / bins, height
  end
  xs[#xs + 1], ys[#ys + 1] = hi, floor
  return xs, ys
end

local right = fig:panel(2)
right:set{xlabel = "eigenvalue of the exact Hessian", logy = true,
          ylabel = "number in bins of 0.05", xrange = {-1.5, 2.5},
          yrange = {0.5, 1000}, legend = "top right",
          title = "spectra of the three ringed points"}
right:vline(0)
for i, g in ipairs(three) do
  local cp, color = g.point, ({2, 1, 3})[i]
  local xs, ys = outline(cp.eigenvalues, -1.5, 2.5, 80, 0.5)
  right:line(xs, ys, {color = color, width = 1,
    label = ("error %.1f %%, index %d"):format(100 * cp.error, cp.index)})
  left:scatter({cp.alpha}, {100 * cp.error}, {marker = "opencircle", size = 2.4,
                                              color = color})
end
os.execute('mkdir -p "' .. out .. '"')
fig:save(out .. "/critical_points.svg")
print("figure: " .. out .. "/critical_points.svg")
