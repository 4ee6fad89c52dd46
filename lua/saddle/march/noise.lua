-- march/noise.lua: named noises of a march. Each kind is a row: the base draws
-- it asks of the machine, and what the step is given of them. A noise is named
-- by its kind, or by a table {kind, option = value}; size = k gives a tensor of
-- k numbers, without it there is one number.  MIT licence.
local core = require "saddle.core"
local opt = require "saddle.opt"
local brownian = require "saddle.march.brownian"

local none = opt.none

local M = {}

-- Does what a base draw gives stand for sample numbers?
M.counts = {index = true, permutation = true}

local function one(name)
  return function(o)
    return {{kind = name, size = o.size, n = o.n, a = o.a, b = o.b}}
  end
end

local function number(o, key, good, expected, where)
  if not (opt.finite(o[key]) and good(o[key])) then
    core.fail(("%s: option '%s': expected %s, got %s"):format(where, key,
      expected, opt.show(o[key])))
  end
end

local function not_negative(v) return v >= 0 end
local function positive(v) return v > 0 end
local function share(v) return v >= 0 and v <= 1 end

local function same(values) return values[1] end

-- options: their defaults; draws(o, where): the base draws; give(values, o):
-- what the step sees of their symbolic values.
local kinds = {
  normal = {options = {size = none, sd = 1}, give = same,
    draws = function(o, where)
      number(o, "sd", not_negative, "a number >= 0", where)
      return {{kind = "normal", size = o.size, a = 0, b = o.sd}}
    end},
  sign = {options = {size = none}, draws = one "sign", give = same},
  uniform = {options = {size = none, low = 0, high = 1}, give = same,
    draws = function(o, where)
      number(o, "low", opt.finite, "a number", where)
      number(o, "high", function(v) return v > o.low and opt.finite(v - o.low)
        end, ("a number > %.17g"):format(o.low), where)
      return {{kind = "uniform", size = o.size, a = o.low, b = o.high}}
    end},
  exponential = {options = {size = none, rate = 1}, give = same,
    draws = function(o, where)
      number(o, "rate", positive, "a number > 0", where)
      return {{kind = "exponential", size = o.size, a = o.rate}}
    end},
  bernoulli = {options = {size = none, p = 0.5}, give = same,
    draws = function(o, where)
      number(o, "p", share, "a number in [0, 1]", where)
      return {{kind = "bernoulli", size = o.size, a = o.p}}
    end},
  index = {options = {n = none, size = none}, draws = one "index",
    give = same},
  permutation = {options = {n = none, size = none}, draws = one "permutation",
    give = same},
  three_point = brownian.three_point,
  brownian = brownian.brownian,
}

local function names()
  local list = {}
  for name in pairs(kinds) do list[#list + 1] = name end
  table.sort(list)
  return list
end

-- What a step draws at most, and the samples that can be told apart.
local MOST = {size = 1 << 20, n = 1 << 53}

local function check_size(o, kind, where)
  for _, key in ipairs{"size", "n"} do
    local most = key == "n" and kind == "permutation" and 1 << 31 or MOST[key]
    o[key] = o[key] ~= nil and
      opt.integer(o[key], ("option '%s'"):format(key), 1, where, most) or nil
  end
  if o.n and o.size and o.size > o.n then
    core.fail(("%s: option 'size': at most n = %d, got %d")
      :format(where, o.n, o.size))
  end
end

local function one_noise(name, value, where)
  where = ("%s: noise '%s'"):format(where, name)
  if type(value) == "string" then value = {value} end
  if type(value) ~= "table" then
    core.fail(("%s: expected a kind or a table, got %s")
      :format(where, opt.show(value)))
  end
  local kind = opt.choice(value[1], names(), where)
  local row, given = kinds[kind], {}
  for k, v in pairs(value) do
    if k ~= 1 then given[k] = v end
  end
  local o = opt.check(given, row.options, where)
  check_size(o, kind, where)
  if M.counts[kind] and not o.n then
    core.fail(("%s: option 'n', the number of samples, is missing")
      :format(where))
  end
  return {name = name, row = row, o = o, draws = row.draws(o, where)}
end

-- read(noise, where): the noises of a march in the order of their names, and the
-- base draws of all.
function M.read(noise, where)
  local list, draws, keys = {}, {}, {}
  if noise ~= nil and type(noise) ~= "table" then
    core.fail(("%s: option 'noise': expected a table of named noises, got %s")
      :format(where, opt.show(noise)))
  end
  for name in pairs(noise or {}) do
    if type(name) ~= "string" then
      core.fail(("%s: option 'noise': expected names, got the key %s")
        :format(where, opt.show(name)))
    end
    keys[#keys + 1] = name
  end
  table.sort(keys)
  for i, name in ipairs(keys) do
    list[i] = one_noise(name, noise[name], where)
    list[i].first = #draws + 1
    table.move(list[i].draws, 1, #list[i].draws, #draws + 1, draws)
  end
  return list, draws
end

-- give(list, values): the table the step sees, of the symbolic values of the
-- base draws.
function M.give(list, values)
  local out = setmetatable({}, {__index = function(_, name)
    local known = {}
    for i, noise in ipairs(list) do known[i] = noise.name end
    core.fail(("the step reads noise '%s', which option 'noise' does not name" ..
      " (named: %s)"):format(opt.show(name), #known > 0 and
      table.concat(known, ", ") or "none"))
  end})
  for _, noise in ipairs(list) do
    local own = table.move(values, noise.first,
      noise.first + #noise.draws - 1, 1, {})
    out[noise.name] = noise.row.give(own, noise.o)
  end
  return out
end

-- sample(draw): a value of the type of a base draw for one lane.
function M.sample(draw)
  local dtype = M.counts[draw.kind] and "i64" or "f64"
  if draw.size then
    return core.tensor.zeros{draw.size, dtype = dtype}
  end
  return dtype == "i64" and core.tensor.zeros{dtype = dtype} or 0.0
end

return M
