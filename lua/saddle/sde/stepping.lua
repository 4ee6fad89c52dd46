-- sde/stepping.lua: what simulations share: checked options, a model and scheme
-- made into a step for march, starts and values in the model's own coordinates.
-- MIT licence.
local core = require "saddle.core"
local opt = require "saddle.opt"
local model = require "saddle.sde.model"
local scheme = require "saddle.sde.scheme"
local transform = require "saddle.transform"

local T = core.tensor

local M = {}

local fail = opt.fail

local function named(name) return ("option '%s'"):format(name) end

function M.positive(v, name, where)
  return opt.positive(v, named(name), where)
end

function M.integer(v, name, least, where)
  return opt.integer(v, named(name), least, where)
end

-- options(m, opts, defaults, needed, where): the options of simulate and
-- first_exit; the model, those that are `needed` and those both have are checked.
function M.options(m, opts, defaults, needed, where)
  if getmetatable(m) ~= model.Model then
    fail("%s: argument 1: expected a model of saddle.sde, got %s", where,
      opt.show(m))
  end
  local o = opt.check(opts, defaults, where)
  for _, name in ipairs(needed) do
    if o[name] == nil then fail("%s: option '%s' is missing", where, name) end
  end
  if not opt.finite(o.t0) then
    fail("%s: option 't0': expected a time, got %s", where, opt.show(o.t0))
  end
  o.dt = M.positive(o.dt, "dt", where)
  o.first_path = M.integer(o.first_path, "first_path", 0, where)
  o.seed = o.seed ~= nil and M.integer(o.seed, "seed", math.mininteger, where)
    or nil
  o.paths = o.paths ~= nil and M.integer(o.paths, "paths", 1, where) or nil
  o.block = M.integer(o.block, "block", 0, where)
  if o.block % 64 ~= 0 or o.block > 1 << 20 then
    fail("%s: option 'block': expected a multiple of 64 up to %d, got %d", where,
      1 << 20, o.block)
  end
  return o
end

-- The whole number of steps dt in a time t.
function M.steps_of(t, dt, name, where)
  if type(t) ~= "number" or not (t >= 0 and t < math.huge) then
    fail("%s: option '%s': expected a time >= 0, got %s", where, name,
      opt.show(t))
  end
  if t / dt > 2 ^ 53 then
    fail("%s: option '%s': %.10g has more than 2^53 steps dt = %.10g", where,
      name, t, dt)
  end
  local n = math.floor(t / dt + 0.5)
  if n == 0 and t > 0 or math.abs(n * dt - t) > 1e-9 * math.max(t, dt) then
    fail("%s: option '%s': %.10g is no whole number of steps dt = %.10g: the " ..
      "nearest are %.10g and %.10g", where, name, t, dt, math.floor(t / dt) * dt,
      math.ceil(t / dt) * dt)
  end
  return math.tointeger(n)
end

-- The noises of march that a prepared scheme draws from; its step's w.
function M.noise(p, dt)
  local noise = {w = {"brownian", dt = dt, integrals = p.integrals,
                      dim = p.noises > 1 and p.noises or nil}}
  if p.extra > 0 then
    noise.extra = {"normal", size = p.extra * p.dim}
  end
  for name, kind in pairs(p.noise) do noise[name] = kind end
  return noise
end

-- extra[k]: like x.
local function extras(p, values)
  local list = {}
  for k = 1, p.extra do
    if p.dim == 1 then
      list[k] = values[k]
    else
      list[k] = values[{(k - 1) * p.dim + 1 .. ":" .. k * p.dim}]
    end
  end
  return list
end

-- What the scheme's step is given of a march's noise.
function M.increments(p, noise)
  local w = {}
  for name, value in pairs(noise) do
    if name == "w" then
      for k, v in pairs(value) do w[k] = v end
    elseif name == "extra" then
      w.extra = extras(p, value)
    else
      w[name] = value
    end
  end
  return w
end

local function is_same(p, f) return f == p.identity end

-- f of every lane of x; tables of tensors are states, too.
local function each(p, f, x)
  return is_same(p, f) and x or transform.vmap(f)(x)
end

-- x0 as [paths] or [paths x d], finite.
function M.start(x0, dim, paths, where)
  local x = type(x0) == "table" and T(x0) or x0
  if type(x) == "number" then x = T(x + 0.0) end
  if not opt.is_tensor(x) or core.graph.issymbolic(x) then
    fail("%s: option 'x0': expected a number or a tensor, got %s", where,
      opt.show(x0))
  end
  x = x:to("f64")
  local shape, n = x.shape, #x.shape
  local one = dim == 1 and n == 0 or dim > 1 and n == 1 and shape[1] == dim
  local many = dim == 1 and n == 1 or dim > 1 and n == 2 and shape[2] == dim
  if not (one or many and (paths == nil or shape[1] == paths)) then
    local lanes = paths and ("%d paths"):format(paths) or "the paths"
    fail("%s: option 'x0': expected %s, or one for each of %s, got %s", where,
      dim == 1 and "a number" or ("a tensor [%d]"):format(dim), lanes,
      core.graph.type(x))
  end
  if not x:isfinite():all() then
    fail("%s: option 'x0': there is a NaN or an infinity", where)
  end
  if many then return x:contiguous(), shape[1] end
  paths = paths or 1
  if dim == 1 then return x:reshape(1):broadcast_to(paths):contiguous(), paths end
  return x:reshape(1, dim):broadcast_to(paths, dim):contiguous(), paths
end

-- prepare(m, name): the scheme prepared, with to and from for all
-- paths: to_all, from_all.
function M.prepare(m, name)
  local p = scheme.prepare(m, name)
  p.identity = scheme.same
  function p.to_all(x) return each(p, p.to, x) end
  function p.from_all(y) return each(p, p.from, y) end
  return p
end

return M
