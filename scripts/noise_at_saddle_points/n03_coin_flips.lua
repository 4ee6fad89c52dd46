-- n03_coin_flips.lua: the walk x (1 +- s): transition trees, and samples
-- coloured by |x_n| <= |x_0|.  Usage: saddle n03_coin_flips.lua [--quick]
-- [--out DIR].  MIT licence.
local saddle = require "saddle"
local plot, report = saddle.plot, saddle.report

local r = report.start{
  source = "Noise at saddle points, 'Attractive noise': the trees after 1, 2, 4 steps and the "
    .. "samples after 10, 20, 100, 1000 steps at s = 0.1",
  question = "A coin flip multiplies x by 1 + s or 1 - s: its mean stays. Does the walker?",
  expected = "It tends to 0: P(|x_n| <= |x_0|) = 3/4, 11/16, 0.623, 0.588, 0.691, 0.947 at n = "
    .. "2, 4, 10, 20, 100, 1000 (not monotone); ln|x| drifts by (1/2) ln(1 - s^2) a step",
  time = "2 s; --quick 0.5 s",
}
local S = 0.1
local PATHS = r.quick and 20000 or 400000

-- ---- exact from integers, and sampled --------------------------------------

local known = {[2] = "0.750000000000000", [4] = "0.687500000000000",
               [10] = "0.623046875000000", [20] = "0.588098526000976",
               [100] = "0.691350293205373", [1000] = "0.946625228982840"}
local steps = {2, 4, 10, 20, 100, 1000}
local walk = saddle.march(function(x, noise) return x * (1 + S * noise.flip) end, 1, 1000,
  {lanes = PATHS, noise = {flip = "sign"}, seed = 3,
   observe = {at = {1, 2, 4, 10, 20, 100, 1000}, keep = true}})
local samples, exact, share, bar = {}, {}, {}, {}
for i, n in ipairs(steps) do
  local x = walk.kept[i + 1]
  samples[n] = x[{"1:400"}]
  local digits = saddle.bignum.returns(n, 10)
  r:ok(("P(|x_%d| <= |x_0|) from integers, 15 digits"):format(n), digits == known[n],
       digits .. ", expected " .. known[n])
  exact[i] = tonumber(digits)
  share[i], bar[i] = report.share(x:le(1), exact[i])
  r:within("  the same of samples", share[i], exact[i], bar[i])
end
r:ok("not monotone in n", exact[3] > exact[4] and exact[4] < exact[5])

local x = walk.state
local drift, se = report.mean(x:log() / 1000)
local law = 0.5 * math.log(1 - S^2)
r:within("drift of ln|x| a step against (1/2) ln(1 - s^2)", drift, law, se)
local mean, mean_se = report.mean(walk.kept[1])
r:within("mean of x_1", mean, 1, mean_se)

-- The most probable end: as many heads as tails.
local counts = {}
for _, v in ipairs(((x:log() - 1000 * math.log(1 - S)) / math.log((1 + S) / (1 - S)))
                   :round():totable()) do
  counts[v] = (counts[v] or 0) + 1
end
local mode, most = 0, 0
for v, c in pairs(counts) do
  if c > most or c == most and v < mode then mode, most = v, c end
end

r:claim("|x_2| < |x_0| with probability 3/4; |x_4| < |x_0| with at least 11/16",
  ("exactly %s and %s"):format(saddle.bignum.returns(2, 10), saddle.bignum.returns(4, 10)),
  exact[1] == 3 / 4 and exact[2] >= 11 / 16)
r:erratum("the case of two heads is described as one of two tails; 'at least' 11/16 is an "
  .. "equality at s = 0.1")
r:claim("the mode of x_n is at n/2 heads", ("mode of %d samples at %d heads of 1000, where one "
  .. "head more or less changes the probability by 0.2 %%"):format(PATHS, mode),
  math.abs(mode - 500) < 12)
r:claim("x_n gravitates towards zero at the rate -s^2/2 = -0.005",
  report.pm(drift, se) .. (" a step, exact -%.8f: to one per cent"):format(-law),
  math.abs(law / (-S^2 / 2) - 1) < 0.01)
r:erratum("the rate is (1/2) ln(1 - s^2) = -0.0050252; -s^2/2 is its first term")
r:claim("the samples after 10, 20, 100, 1000 steps illustrate the trend: lim x_n = 0",
  ("P(|x_n| <= |x_0|) = %.3f, %.3f, %.3f, %.3f there"):format(exact[3], exact[4], exact[5],
  exact[6]), exact[6] > 0.9)
r:erratum("but not from the first of them to the next: on the lattice of n flips P falls to "
  .. "0.588 at n = 20 before it tends to 1")

-- ---- the trees ----------------------------------------------------------------

local function choose(n, k)
  local c = 1
  for i = 1, k do c = c * (n - i + 1) // i end
  return c
end

local fig = plot.figure{panels = {1, 3}, size = {7, 2.5}}
for i, n in ipairs{1, 2, 4} do
  local panel = fig:panel(i)
  panel:set{title = n == 1 and "after 1 step" or ("after %d steps"):format(n),
            xlabel = "step", ylabel = i == 1 and "x / x₀" or nil,
            xtics = 1, xrange = {-0.25, n * 1.45 + 0.2}, yrange = {0.58, 1.54}, legend = false}
  for m = 0, n - 1 do
    for k = 0, m do
      local from = (1 + S)^k * (1 - S)^(m - k)
      for _, f in ipairs{1 + S, 1 - S} do
        panel:line({m, m + 1}, {from, from * f}, {color = "grey", width = 0.8})
      end
    end
  end
  panel:hline(1)
  for m = 0, n do
    for k = 0, m do
      local v = (1 + S)^k * (1 - S)^(m - k)
      panel:scatter({m}, {v}, {color = v <= 1 and 2 or 1, size = 1.6})
      if m == n then
        panel:text(n + 0.08 * n, v, ("%d/%d"):format(choose(n, k), 2^n))
      end
    end
  end
end
r:figure(fig, "n03_trees")

-- ---- the samples ------------------------------------------------------------

fig = plot.figure{panels = {2, 2}, size = {7, 4.8}}
for i, n in ipairs{10, 20, 100, 1000} do
  local near, far = {{}, {}}, {{}, {}}
  for k, v in ipairs(samples[n]:totable()) do
    local side = v <= 1 and near or far
    side[1][#side[1] + 1], side[2][#side[2] + 1] = k, v
  end
  local panel = fig:panel(i)
  panel:set{title = ("after %d steps: P(|x| ≤ |x₀|) = %.3f"):format(n, exact[i + 2]),
            logy = true, xlabel = "walker", ylabel = "x / x₀", xrange = {0, 400},
            legend = i == 1 and "below" or false}
  panel:scatter(near[1], near[2], {label = "|x| ≤ |x₀|", color = 2, size = 0.8})
  panel:scatter(far[1], far[2], {label = "|x| > |x₀|", color = 1, size = 0.8})
  panel:hline(1)
end
r:figure(fig, "n03_samples")
r:finish()
