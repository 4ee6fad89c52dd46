-- sde/coefficients.lua: drift and diffusion of a one-dimensional model on whole
-- arrays of points: the Ito drift b and g = the diffusion, as functions of a
-- vector of points and a time. The model's functions are mapped by vmap; where
-- they cannot be traced (math.sin, an `if`), they are called point by point.
-- MIT licence.
local core = require "saddle.core"
local opt = require "saddle.opt"
local transform = require "saddle.transform"

local tensor = core.tensor

local M = {}

local function one_by_one(f, xs)
  local list = xs:totable()
  for i, x in ipairs(list) do
    local y = f(x)
    if opt.is_tensor(y) and y:numel() == 1 then y = y:item() end
    list[i] = y
  end
  return list
end

-- A vector of f at the points xs (f64 [n]); name: "drift" or "diffusion".
local function map(f, xs, name, where)
  local good, y = pcall(transform.vmap(f), xs)
  if not good then
    local message = tostring(y)
    if message:find("interrupted", 1, true)
        or message:find("another graph", 1, true) then
      error(y, 0)
    end
    local plain, list = pcall(one_by_one, f, xs)
    if not plain then error(y, 0) end
    y = list
  end
  if type(y) == "table" then
    for i, v in ipairs(y) do
      if type(v) ~= "number" then
        core.fail(("%s: %s: expected a number at x = %.15g, got %s")
          :format(where, name, xs[i], opt.show(v)))
      end
    end
    y = #y > 0 and tensor(y) or y
  end
  if not opt.is_tensor(y) then
    core.fail(("%s: %s: expected a number for each x, got %s")
      :format(where, name, opt.show(y)))
  end
  y = y:to("f64")
  if #y.shape ~= 1 or y.shape[1] ~= xs.shape[1] then
    core.fail(("%s: %s: expected one number for each x, got values of shape " ..
      "[%s]"):format(where, name, table.concat(y.shape, " x ", 2)))
  end
  return y
end

local function callable(f)
  local meta = getmetatable(f)
  return type(f) == "function" or type(meta) == "table" and meta.__call ~= nil
end

local function check(model, where)
  if type(model) ~= "table" or not callable(model.drift)
      or not callable(model.diffusion) then
    core.fail(("%s: model: expected a model (sde.model, sde.saddle ..), got %s")
      :format(where, opt.show(model)))
  end
  if (model.dim or 1) ~= 1 then
    core.fail(("%s: model: expected one dimension, got %s")
      :format(where, opt.show(model.dim)))
  end
  if model.sense ~= "ito" and model.sense ~= "stratonovich" then
    core.fail(("%s: model.sense: expected 'ito' or 'stratonovich', got %s")
      :format(where, opt.show(model.sense)))
  end
end

-- The diffusion of the one Brownian motion that several, correlated by R (nil:
-- independent), amount to: sqrt(g' R g).
local function joined(diffusion, noises, R)
  if noises == 1 then return diffusion end
  return function(x, t)
    local g, sum = diffusion(x, t), 0
    for i = 1, noises do
      for j = 1, noises do
        local r = R and R[i][j] or (i == j and 1 or 0)
        if r ~= 0 then sum = sum + g[i] * g[j] * r end
      end
    end
    return sum ^ 0.5
  end
end

-- The derivative of f at the points: by grad, else, where f cannot be traced,
-- by the central difference of fourth order (error about 1e-11 of f).
local function slope(f, xs, where)
  local good, d = pcall(transform.vmap(transform.grad(f)), xs)
  if good then return d end
  local h = (xs:abs() + 1e-3) * 1e-3
  local function at(k) return map(f, xs + h * k, "diffusion", where) end
  return ((at(1) - at(-1)) * 8 - (at(2) - at(-2))) / (h * 12)
end

-- The Ito drift as a function of (x, t), or nil where it has to be worked out.
local function ito(model, noises, where)
  if model.sense == "ito" then return model.drift end
  if callable(model.ito_drift) then return model:ito_drift() end
  if noises > 1 then
    core.fail(where .. ": model: expected an Ito drift for several noises")
  end
  return nil
end

-- new(model, where): a table with b(xs, t) and g(xs, t).
function M.new(model, where)
  check(model, where)
  local noises = model.noises or 1
  local drift = ito(model, noises, where)
  local diffusion = joined(model.diffusion, noises, model.correlation)
  local c = {}
  function c.g(xs, t)
    return map(function(x) return diffusion(x, t) end, xs, "diffusion", where)
  end
  function c.b(xs, t)
    local f = drift or model.drift
    local b = map(function(x) return f(x, t) end, xs, "drift", where)
    if drift then return b end
    local function g(x) return diffusion(x, t) end
    return b + c.g(xs, t) * slope(g, xs, where) * 0.5
  end
  return c
end

-- Raises when b or g at the points xs differs between two times.
function M.check_autonomous(c, xs, where)
  for _, name in ipairs {"b", "g"} do
    local now, later = c[name](xs, 0), c[name](xs, 1.7)
    local same = now:eq(later) + now:isnan():mul(later:isnan())
    if not same:gt(0):all() then
      core.fail(("%s: model: expected coefficients that do not depend on t, " ..
        "got a %s that does"):format(where,
          name == "b" and "drift" or "diffusion"))
    end
  end
end

return M
