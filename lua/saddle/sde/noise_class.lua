-- sde/noise_class.lua: which class the noise of a model belongs to. Whether
-- the diffusion depends on the state at all is read off its graph; which
-- element depends on which, and whether the noises commute, off its Jacobian at
-- fixed points of several sizes: a dependence that begins elsewhere (a `where`
-- far out) is not seen there.
-- MIT licence.
local core = require "saddle.core"
local static = require "saddle.static"
local transform = require "saddle.transform"

local T, G = core.tensor, core.graph

local M = {}

M.names = {"additive", "scalar", "diagonal", "general"}

-- States to look at: fixed numbers without pattern, of size 0.3 to 10; every
-- other one positive.
local function points(d)
  local list, u = {}, 0.5
  for p, size in ipairs {1, 0.3, 3, 10, 1, 0.3} do
    local x = {}
    for i = 1, d do
      u = (u + 0.6180339887498949) % 1
      x[i] = size * (p % 2 == 0 and 0.2 + u or 2 * u - 1)
    end
    list[p] = d == 1 and T(x[1]) or T(x)
  end
  return list
end
M.points = points

local TIME = 0.37 -- a time to look at

local function finite(v)
  return v == v and v > -math.huge and v < math.huge
end

-- Does f's value depend on the state at all, by its graph?
local function depends(m)
  local x0 = m.dim == 1 and T(0.5) or T.ones {m.dim}
  local t = static.twice(function(x, time)
    return m:values(x, time)
  end, "model: diffusion", {x0, 0.0}, G.like, function(x)
    return x[1], x[2]
  end)
  local one = G.full(t.tr, t.x[1], 1)
  local dy = G.jvp(t.tr, {t.x[1]}, {one}, t.y)
  return dy[1] ~= false
end

-- Jacobians of the diffusion at the points: [g's shape][d], as tables.
local function jacobians(m)
  local list = {}
  for _, x in ipairs(points(m.dim)) do
    local j = transform.jacobian(function(y)
      return m:values(y, TIME)
    end, x)
    list[#list + 1] = type(j) == "number" and j or j:totable()
  end
  return list
end

-- Is the derivative zero wherever it is finite?
local function constant(list)
  local zero = true
  local function walk(v)
    if type(v) == "table" then
      for _, part in ipairs(v) do
        walk(part)
      end
    elseif finite(v) and v ~= 0 then
      zero = false
    end
  end
  walk(list)
  return zero
end

-- The first (i, j), i ~= j, with d g_i / d x_j not zero, for g [d] or the
-- diagonal of g [d x d]; a matrix also must be zero off its diagonal.
local function crossed(m, list)
  for _, jac in ipairs(list) do
    for i = 1, m.dim do
      for j = 1, m.dim do
        local v = m.layout == "matrix" and jac[i][i][j] or jac[i][j]
        if i ~= j and finite(v) and v ~= 0 then
          return i, j
        end
      end
    end
  end
  return nil
end

local function off_diagonal(m)
  for _, x in ipairs(points(m.dim)) do
    local v = m:values(x, TIME):totable()
    for i = 1, m.dim do
      for k = 1, m.noises do
        if i ~= k and v[i][k] ~= 0 then
          return i, k
        end
      end
    end
  end
  return nil
end

-- L^j g_k = L^k g_j at the points, up to rounding.
local function commutes(m)
  local along = require "saddle.sde.model".along
  for _, x in ipairs(points(m.dim)) do
    local g = m:columns(x, TIME)
    for j = 1, m.noises do
      for k = j + 1, m.noises do
        local function derivative(of, on)
          return along(function(y)
            return m:columns(y, TIME)[of]
          end, x, g[on])
        end
        local a, b = T(derivative(k, j)), T(derivative(j, k))
        local gap = (a - b):abs():flatten():max()
        local size = math.max(a:abs():flatten():max(),
          b:abs():flatten():max())
        if finite(gap) and gap > 1e-9 * size then
          return false
        end
      end
    end
  end
  return true
end

local function refuse(where, text, ...)
  core.fail(where .. ": noise: " .. text:format(...))
end

-- A declared diagonal in a matrix becomes its diagonal.
local function check_diagonal(m, where, list)
  if m.layout == "row" or m.noises ~= m.dim then
    refuse(where, "declared diagonal, but the diffusion has %d noises for " ..
      "dim = %d", m.noises, m.dim)
  end
  local i, j = crossed(m, list)
  if i then
    refuse(where, "declared diagonal, but element %d of the diffusion " ..
      "depends on x[%d]: declare noise = \"general\"", i, j)
  end
  if m.layout == "matrix" then
    i, j = off_diagonal(m)
    if i then
      refuse(where, "declared diagonal, but element (%d, %d) of the " ..
        "diffusion is not zero: declare noise = \"general\"", i, j)
    end
    local given = m.diffusion
    m.matrix, m.layout = given, "element"
    local eye = T.eye(m.dim)
    m.diffusion = function(x, t)
      local v = given(x, t)
      if type(v) == "table" then
        local diagonal = {}
        for k = 1, m.dim do
          diagonal[k] = v[k][k]
        end
        return diagonal
      end
      return (v * eye):sum(2)
    end
  end
end

-- The class found, when none was declared.
local function found(m, list)
  if m.noises == 1 then
    return "scalar"
  end
  if m.layout == "element" and not crossed(m, list) then
    return "diagonal"
  end
  return "general"
end

-- settle(m): checks the declared class or finds it; sets m.noise and, for
-- general noise, m.commutative.
function M.settle(m, where)
  local list
  if not depends(m) then
    if m.noise == nil or m.noise == "additive" then
      m.noise, m.commutative = "additive", true
      return
    end
  end
  list = jacobians(m)
  if m.noise == "additive" and not constant(list) then
    refuse(where, "declared additive, but the diffusion depends on x")
  elseif m.noise == "scalar" and m.noises ~= 1 then
    refuse(where, "declared scalar, but the diffusion has %d noises", m.noises)
  elseif m.noise == "diagonal" then
    check_diagonal(m, where, list)
  end
  m.noise = m.noise or found(m, list)
  m.commutative = m.noise ~= "general" or commutes(m)
end

return M
