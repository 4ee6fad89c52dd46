-- law/base.lua: what every law is: an object with methods pdf, logpdf, cdf, sf,
-- quantile, isf, sample, moment and fields mode, mean, variance, support,
-- exists, why, name, params. Points may be numbers or tensors. A law that does
-- not exist keeps its name, parameters and reason; all else raises the reason.
-- MIT licence.
local core = require "saddle.core"
local opt = require "saddle.opt"

local M = {}

local Law = {}

local FIELDS = {mode = true, mean = true, variance = true, support = true}

local function missing(self, key)
  core.fail(("%s: %s: this law does not exist: %s"):format(self.name, key,
    self.why))
end

local meta = {}
meta.__index = function(self, key)
  local method = Law[key]
  if rawget(self, "exists") == false and (method or FIELDS[key]) then
    if method then return function() missing(self, key) end end
    missing(self, key)
  end
  if method then return method end
  local lazy = rawget(self, "lazy")
  if lazy and lazy[key] then
    local value = lazy[key](self)
    rawset(self, key, value)
    return value
  end
  return nil
end

function meta.__tostring(self)
  local parts = {}
  for key, value in pairs(self.params) do
    parts[#parts + 1] = ("%s = %.6g"):format(key, value)
  end
  table.sort(parts)
  return ("%s{%s}%s"):format(self.name, table.concat(parts, ", "),
    self.exists and "" or " does not exist: " .. self.why)
end

-- new(law): makes a law of its fields: name, params, support; core (the law in
-- C); moments(k): a value and, where it is infinite or undefined, the reason;
-- fields that cost something as functions in `lazy`.
function M.new(law)
  law.exists, law.normalisable = true, law.normalisable ~= false
  return setmetatable(law, meta)
end

-- none(name, params, why): a law that does not exist, for lack of a density of
-- finite integral, and why.
function M.none(name, params, why)
  return setmetatable({name = name, params = params, exists = false,
    normalisable = false, why = why}, meta)
end

-- is_law(v): is v one of these objects?
function M.is_law(v) return getmetatable(v) == meta end

for _, what in ipairs {"pdf", "logpdf", "cdf", "sf", "quantile", "isf"} do
  Law[what] = function(self, x)
    if not M.is_law(self) then
      core.fail(("%s: expected a law before the colon, got %s"):format(what,
        opt.show(self)))
    end
    return self.core:eval(what, x)
  end
end

-- law:sample(rng): one draw; law:sample(rng, {sizes}): a tensor of draws. They
-- depend on the generator's seed and position alone.
function Law:sample(rng, shape)
  return self.core:sample(rng, shape)
end

-- law:moment(k): E x^k, k = 0, 1, 2 ...; where it is infinite or undefined, inf
-- or nan and the reason.
function Law:moment(k)
  local n = opt.whole(k)
  if n == nil or n < 0 then
    core.fail(("moment: k: expected an integer >= 0, got %s"):format(
      opt.show(k)))
  end
  if n == 0 then return 1.0 end
  return self.moments(n)
end

-- ---- helpers for the kinds ---------------------------------------------------

-- affine(location, scale, standard): raw moments of location + scale z from
-- those of z.
function M.affine(location, scale, standard)
  return function(k)
    local last, why = standard(k)
    if why then return last * (scale < 0 and (-1) ^ k or 1), why end
    local sum, choose = 0.0, 1
    for j = 0, k do
      local value = j == 0 and 1.0 or (standard(j))
      sum = sum + choose * location ^ (k - j) * scale ^ j * value
      choose = choose * (k - j) / (j + 1)
    end
    return sum
  end
end

-- options(o, defaults, where): finite numbers by name; opt.none: must be given.
function M.options(o, defaults, where)
  if type(o) ~= "table" then
    core.fail(("%s: expected a table of parameters, got %s"):format(where,
      opt.show(o)))
  end
  local out, keys = opt.check(o, defaults, where), {}
  for key in pairs(defaults) do keys[#keys + 1] = key end
  table.sort(keys)
  for _, key in ipairs(keys) do
    local value = out[key]
    if type(value) ~= "number" or value ~= value
        or math.abs(value) == math.huge then
      core.fail(("%s: %s: expected a finite number, got %s"):format(where, key,
        value == nil and "nothing" or opt.show(value)))
    end
    out[key] = value + 0.0
  end
  return out
end

-- demand(cond, where, key, expected, got): raises unless cond.
function M.demand(cond, where, key, expected, got)
  if not cond then
    core.fail(("%s: %s: expected %s, got %.17g"):format(where, key, expected,
      got))
  end
end

-- make(kind, p1, p2, location, scale): the law in C.
function M.make(kind, p1, p2, location, scale)
  return core.law.make(kind, p1 or 0, p2 or 0, location, scale)
end

-- ---- times ------------------------------------------------------------------

-- time_moment(law, k): E t^k, the integral of k t^(k-1) P(T > t), by the
-- trapezoidal rule in log t, which converges geometrically where the tail falls
-- exponentially.
function M.time_moment(law, k)
  local T, n = core.tensor, 8001
  local centre = math.log(law:quantile(0.5))
  local lo, hi = centre - 45 / k, centre + 9
  local u = T.linspace(lo, hi, n)
  local s = law:sf(u:exp())
  return k * (hi - lo) / (n - 1) * (s * (u * k):exp()):sum()
end

-- time_mode(law): the largest density, by refined grids in log t.
function M.time_mode(law)
  local T, n = core.tensor, 401
  local lo, hi = math.log(law:quantile(1e-6)), math.log(law:quantile(0.999))
  for _ = 1, 5 do
    local u = T.linspace(lo, hi, n)
    local at, step = u[law:logpdf(u:exp()):argmax()], (hi - lo) / (n - 1)
    lo, hi = at - 2 * step, at + 2 * step
  end
  return math.exp(0.5 * (lo + hi))
end

return M
