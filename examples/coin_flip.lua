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

local out = "figures"
for i = 1, #arg do
  if arg[i] == "--out" then out = arg[i + 1] end
end

-- ---- integers of any size: limbs of 24 bits, lowest first ------------------

local BITS = 24
local BASE = 1 << BITS

-- a b for a small factor b.
local function times(a, b)
  local r, carry = {}, 0
  for i = 1, #a do
    local t = a[i] * b + carry
    r[i], carry = t % BASE, t // BASE
  end
  while carry > 0 do
    r[#r + 1], carry = carry % BASE, carry // BASE
  end
  return r
end

-- a / b for a small divisor b that leaves no remainder.
local function over(a, b)
  local r, rest = {}, 0
  for i = #a, 1, -1 do
    local t = rest * BASE + a[i]
    r[i], rest = t // b, t % b
  end
  assert(rest == 0, "the division is exact")
  while #r > 0 and r[#r] == 0 do r[#r] = nil end
  return r
end

local function plus(a, b)
  local r, carry = {}, 0
  for i = 1, math.max(#a, #b) do
    local t = (a[i] or 0) + (b[i] or 0) + carry
    r[i], carry = t % BASE, t // BASE
  end
  if carry > 0 then r[#r + 1] = carry end
  return r
end

local function at_most(a, b)
  if #a ~= #b then return #a < #b end
  for i = #a, 1, -1 do
    if a[i] ~= b[i] then return a[i] < b[i] end
  end
  return true
end

local function power(b, n)
  local r = {1}
  for _ = 1, n do r = times(r, b) end
  return r
end

-- floor(a / 2^n) of a result below 2^63.
local function shift(a, n)
  local r, skip = 0, n // BITS
  for i = #a, skip + 1, -1 do
    r = (r << BITS) | a[i]
    if i == skip + 1 then break end
  end
  return r
end

-- The digits of a / 2^n < 1, cut off after 15: a 10^15 / 2^n.
local function fraction(a, n)
  local pad = (BITS - n % BITS) % BITS -- make 2^n a whole number of limbs
  for _ = 1, 15 do a = times(a, 10) end
  return ("0.%015d"):format(shift(times(a, 1 << pad), n + pad))
end

-- P(|x_n| <= |x_0|) = 2^-n sum of C(n, k) over the k with
-- 11^k 9^(n-k) <= 10^n, the condition compared in integers.
local function exact(n)
  local limit, value = power(10, n), power(9, n)
  local choose, sum, k = {1}, {}, 0
  while k <= n and at_most(value, limit) do
    sum = plus(sum, choose)
    choose = over(times(choose, n - k), k + 1)
    if k < n then value = over(times(value, 11), 9) end
    k = k + 1
  end
  return fraction(sum, n), k - 1
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
  local digits, k = exact(n)
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
