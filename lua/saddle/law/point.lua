-- law/point.lua: all probability at one point: the saddle model at a = 0 with
-- |rho| = 1, or without additive noise, docs/sde.md 3.2.  MIT licence.
local base = require "saddle.law.base"
local core = require "saddle.core"
local opt = require "saddle.opt"

local T = core.tensor

-- f(x) for a number, or element by element with masks for a tensor.
local function each(x, f)
  if type(x) == "number" then return f(x) end
  if type(x) ~= "table" and not opt.is_tensor(x) then
    core.fail(("point: x: expected a number, a tensor or a table of numbers, " ..
      "got %s"):format(opt.show(x)))
  end
  return T(x):to("f64")
end

local function mask(x, at, name, yes, no)
  local m = x[name](x, at)
  return T.where(m, T.full(x.shape, yes), T.full(x.shape, no))
end

local function step(at)
  local answer = {}
  local function stair(name, yes, no)
    return function(x)
      local v = each(x, function(y)
        if y ~= y then return y end
        local good = name == "ge" and y >= at or name == "eq" and y == at
        return good and yes or no
      end)
      return type(v) == "number" and v or mask(v, at, name, yes, no)
    end
  end
  answer.cdf = stair("ge", 1.0, 0.0)
  answer.sf = stair("ge", 0.0, 1.0)
  answer.pdf = stair("eq", math.huge, 0.0)
  answer.logpdf = stair("eq", math.huge, -math.huge)
  local function constant(x)
    local v = each(x, function(p) return p >= 0 and p <= 1 and at or opt.nan end)
    return type(v) == "number" and v or v * 0 + at
  end
  answer.quantile, answer.isf = constant, constant
  return {
    eval = function(_, what, x) return answer[what](x) end,
    sample = function(_, _, shape)
      if shape == nil then return at end
      return T.full(type(shape) == "number" and {shape} or shape, at)
    end,
  }
end

return function(o)
  local p = base.options(o or {}, {at = opt.none}, "point")
  return base.new {
    name = "point", params = p, support = {p.at, p.at}, core = step(p.at),
    normalisable = false, mode = p.at, mean = p.at, variance = 0.0,
    why = "all probability is at one point: there is no density",
    moments = function(k) return p.at ^ k end,
  }
end
