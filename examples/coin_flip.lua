-- coin_flip.lua: a walker multiplies x by 1 + s or 1 - s, each with
-- probability 1/2. Its mean stays where it was: does the walker?
-- Expected answer: it ends nearer to 0. P(|x_n| <= |x_0|) at s = 0.1 is, from
-- integers, 0.75 after 2 steps, falls to 0.588 after 20 and rises to 0.946
-- after 1000: not monotone in n, but tending to 1, since ln|x| drifts by
-- (1/2) ln(1 - s^2) = -0.00502516793 a step. Sampling agrees to four standard
-- errors.
-- Run time: under 1 s.  Usage: saddle coin_flip.lua [--out DIR]
-- tolerance: 1e-15
-- MIT licence.
local saddle = require "saddle"
local T, plot = saddle.tensor, saddle.plot
local exact = saddle.bignum.returns

local out = "figures"
for i = 1, #arg do
  if arg[i] == "--out" then out = arg[i + 1] end
end

-- ---- the tree ---------------------------------------------------------------

print("x_n from x_0 = 1, s = 0.1, and the probability of each:")
for _, n in ipairs{1, 2, 4} do
  local parts, ways = {}, 1
  for k = 0, n do
    parts[#parts + 1] = ("%.4f: %d/%d"):format(1.1^k * 0.9^(n - k), ways, 2^n)
    ways = ways * (n - k) // (k + 1)
  end
  print(("  n = %d   %s"):format(n, table.concat(parts, "   ")))
end

-- ---- exact against sampled ------------------------------------------------

local PATHS, SHOW = 20000, 300
local steps = {2, 4, 10, 20, 100, 1000}
local rng = saddle.random.new(11)
local x = T.ones{PATHS}
local done, samples, estimates = 0, {}, {}
for _, n in ipairs(steps) do
  for _ = done + 1, n do x:mul_(1 + 0.1 * rng:sign{PATHS}) end
  done = n
  samples[n] = x[{"1:" .. SHOW}]:copy()
  estimates[n] = x:le(1):to("f64"):mean()
end

print("P(|x_n| <= |x_0|), exact to 15 digits and by 20000 walkers:")
print("     n   k*  exact              sampled   within 4 s.e.")
for _, n in ipairs(steps) do
  local digits, k = exact(n, 10)
  local p = tonumber(digits)
  local se = (p * (1 - p) / PATHS)^0.5
  print(("  %4d  %3d  %s  %.4f    %s"):format(n, k, digits, estimates[n],
    math.abs(estimates[n] - p) < 4 * se and "yes" or "NO"))
end

local logs = x:log()
local drift = logs:mean() / 1000
local spread = (logs - logs:mean()):norm() / PATHS^0.5
local law = 0.5 * math.log(1 - 0.01)
print(("drift of ln|x| per step: %.11f, sampled %.5f, within 4 s.e.: %s")
  :format(law, drift,
  math.abs(drift - law) < 4 * spread / PATHS^0.5 / 1000 and "yes" or "NO"))

-- ---- the figure -----------------------------------------------------------

local fig = plot.figure{panels = {2, 2}, size = {7, 4.8}}
for i, n in ipairs{10, 20, 100, 1000} do
  local near, far = {{}, {}}, {{}, {}}
  for k = 1, SHOW do
    local v = samples[n][k]
    local side = v <= 1 and near or far
    side[1][#side[1] + 1], side[2][#side[2] + 1] = k, v
  end
  local panel = fig:panel(i)
  panel:set{title = ("after %d steps"):format(n), logy = true,
            xlabel = "walker", ylabel = "x / x₀",
            legend = i == 1 and "below" or false}
  panel:scatter(near[1], near[2], {label = "|x| ≤ |x₀|", color = 1})
  panel:scatter(far[1], far[2], {label = "|x| > |x₀|", color = 2})
  panel:hline(1)
end
os.execute('mkdir -p "' .. out .. '"')
fig:save(out .. "/coin_flip.svg")
print("figure: coin_flip.svg")
