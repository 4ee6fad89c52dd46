-- sde/tail.lua: `sde.tail_exponent`: the tail of the law that discrete steps of
-- the saddle model settle in. Far out a step is x' = A x with A = 1 + a h + sigma
-- sqrt(h) xi, and P(|x| > r) goes as r^-k with E |A|^k = 1 (Kesten 1973);
-- k -> 1 - 2a/sigma^2 as h -> 0. xi is normal, or a coin flip, whose steps may
-- have no tail at all. docs/sde.md 3.7.  MIT licence.
local core = require "saddle.core"
local opt = require "saddle.opt"

local T = core.tensor

local M = {}

-- Nodes and weights of Gauss and Legendre on [-1, 1].
local function legendre(n)
  local off = {}
  for k = 1, n - 1 do
    off[k] = k / math.sqrt(4 * k * k - 1)
  end
  local x, w = core.linalg.tridiagonal(T.zeros {n}, T(off))
  return x, 2 * w
end

local EDGE, PANEL, NODES = 13, 1, 32 -- normal density: 1e-37 at 13

-- |A| and its probabilities for normal xi: panels that end where A = 0, since
-- |A|^k is not smooth there.
local function normal_factors(mean, sd)
  local x, w = legendre(NODES)
  local zero = math.max(-EDGE, math.min(EDGE, -mean / sd))
  local zs, ws = {}, {}
  local function panels(from, to)
    local n = math.ceil((to - from) / PANEL)
    local half = n > 0 and (to - from) / n / 2
    for k = 1, n do
      zs[#zs + 1] = from + (2 * k - 1) * half + half * x
      ws[#ws + 1] = half * w
    end
  end
  panels(-EDGE, zero)
  panels(zero, EDGE)
  local z, weight = T.concat(zs, 1), T.concat(ws, 1)
  weight = weight * (-0.5 * z * z):exp() / math.sqrt(2 * math.pi)
  return (mean + sd * z):abs(), weight
end

local function factors(o)
  local mean, sd = 1 + o.a * o.dt, o.sigma * math.sqrt(o.dt)
  if o.noise == "normal" then
    return normal_factors(mean, sd)
  end
  return T {mean + sd, mean - sd}:abs(), T {0.5, 0.5}
end

-- tail_exponent{a =, sigma =, dt =, noise = "normal" | "sign"} -> k; math.huge
-- where no step makes x larger; nil and the reason where there is no law.
function M.tail_exponent(spec)
  local o = opt.check(spec, {a = opt.none, sigma = opt.none, dt = opt.none,
    noise = "normal"}, "tail_exponent")
  opt.number(o.a, "a", "tail_exponent")
  opt.positive(o.sigma, "sigma", "tail_exponent")
  opt.positive(o.dt, "dt", "tail_exponent")
  opt.choice(o.noise, {"normal", "sign"}, "tail_exponent: noise")
  local size, weight = factors(o)
  local growth = (weight * size:log()):sum()
  if growth >= 0 then
    return nil, ("E ln|1 + a h + sigma sqrt(h) xi| = %g is not negative: " ..
      "paths are not drawn in"):format(growth)
  elseif size:max() <= 1 then
    return math.huge
  end
  local function excess(k)
    return (weight * size ^ k):sum() - 1
  end
  local low, high = 0, 1
  while excess(high) < 0 do
    low, high = high, 2 * high
  end
  for _ = 1, 60 do
    local middle = 0.5 * (low + high)
    if excess(middle) < 0 then
      low = middle
    else
      high = middle
    end
  end
  return 0.5 * (low + high)
end

return M
