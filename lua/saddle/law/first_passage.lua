-- law/first_passage.lua: the first time that geometric Brownian motion
-- dx = a x dt + sigma x dW, started at x0, is at `level` (on either side of x0):
-- the saddle model without additive noise, docs/sde.md 3.3. In log x it is
-- Brownian motion with drift; where the drift leads away, the level is reached
-- with a probability below 1 and the law is defective: cdf ends at
-- law.probability, samples are infinite with what is missing.  MIT licence.
local base = require "saddle.law.base"
local opt = require "saddle.opt"

-- Moments of the time z at which Brownian motion with drift m is at 1:
-- m^2 E z^(k+1) = (2 k - 1) E z^k + E z^(k-1).
local function standard(m)
  return function(j)
    if m < 0 then
      return math.huge, "with positive probability the level is never reached"
    elseif m == 0 then
      return math.huge, "the time's tail falls like t^-1/2: there is no drift"
    end
    local before, now = 1.0, 1 / m
    for k = 1, j - 1 do
      before, now = now, ((2 * k - 1) * now + before) / (m * m)
    end
    return now
  end
end

-- The law of scale z, m the drift of the standard motion.
local function passage(name, params, m, scale)
  local law = base.new {
    name = name, params = params, support = {0, math.huge},
    core = base.make("hitting", m, 0, 0, scale), drift = m,
    mode = scale / (math.sqrt(m * m + 2.25) + 1.5),
    moments = base.affine(0, scale, standard(m)),
    variance = m > 0 and scale ^ 2 / m ^ 3 or math.huge,
    conditional_mean = m ~= 0 and scale / math.abs(m) or math.huge,
  }
  law.mean = law:moment(1)
  law.probability = law.core:own()
  if law.probability < 1 then
    law.why = ("defective: the level is reached with probability %.6g")
      :format(law.probability)
  end
  return law
end

local M = {}

-- first_passage{a =, sigma =, x0 =, level =}
function M.first_passage(o)
  local none = opt.none
  local p = base.options(o, {a = none, sigma = none, x0 = none, level = none},
    "first_passage")
  base.demand(p.sigma > 0, "first_passage", "sigma", "a number > 0", p.sigma)
  base.demand(p.x0 > 0, "first_passage", "x0", "a number > 0", p.x0)
  base.demand(p.level > 0 and p.level ~= p.x0, "first_passage", "level",
    "a number > 0 other than x0", p.level)
  local h = math.log(p.level / p.x0)
  local drift = (p.a - p.sigma ^ 2 / 2) * (h > 0 and 1 or -1)
  h = math.abs(h)
  return passage("first_passage", p, drift * h / p.sigma ^ 2,
    (h / p.sigma) ^ 2)
end

-- inverse_gaussian{mean =, shape =}: the same law by its usual parameters.
function M.inverse_gaussian(o)
  local p = base.options(o, {mean = opt.none, shape = opt.none},
    "inverse_gaussian")
  base.demand(p.mean > 0, "inverse_gaussian", "mean", "a number > 0", p.mean)
  base.demand(p.shape > 0, "inverse_gaussian", "shape", "a number > 0",
    p.shape)
  return passage("inverse_gaussian", p, p.shape / p.mean, p.shape)
end

return M
