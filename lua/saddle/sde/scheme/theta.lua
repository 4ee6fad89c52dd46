-- scheme/theta.lua: the drift-implicit theta method,
--   x' = x + h ((1 - theta) b(x) + theta b(x')) + g(x) dW,  theta = 1/2
-- by Newton steps on x' from x, the derivative of the drift from jvp (dim = 1)
-- or its Jacobian: one step where the drift is linear, which is then exact,
-- NEWTON steps else, always the same number. Mean-square stable on dx = a x dt +
-- sigma x dW iff (1 + (1 - theta) a h)^2 + sigma^2 h < (1 - theta a h)^2.
-- Higham 2000; docs/sde.md 2.  MIT licence.
local core = require "saddle.core"
local transform = require "saddle.transform"
local model = require "saddle.sde.model"
local noise_class = require "saddle.sde.noise_class"

local T = core.tensor
local NEWTON = 4

-- Is the Jacobian of the drift the same at all points looked at?
local function linear(p)
  local first
  for _, x in ipairs(noise_class.points(p.dim)) do
    local j = T(transform.jacobian(function(y)
      return p.b(y, 0.0)
    end, x))
    first = first or j
    local size = first:abs():flatten():max()
    if not ((j - first):abs():flatten():max() <= 1e-12 * size) then
      return false
    end
  end
  return true
end

-- Rows of the Jacobian of b at y, as lists of 0-d values.
local function jacobian_rows(b, y, d)
  local rows = {}
  for i = 1, d do
    rows[i] = {}
  end
  for j = 1, d do
    local e = T.zeros {d}
    e[j] = 1
    local column = model.along(b, y, e)
    for i = 1, d do
      rows[i][j] = column[i]
    end
  end
  return rows
end

local function minor(a, row, column)
  local out = {}
  for i = 1, #a do
    if i ~= row then
      local line = {}
      for j = 1, #a do
        if j ~= column then
          line[#line + 1] = a[i][j]
        end
      end
      out[#out + 1] = line
    end
  end
  return out
end

local function determinant(a)
  if #a == 1 then
    return a[1][1]
  end
  local sum
  for j = 1, #a do
    local term = a[1][j] * determinant(minor(a, 1, j))
    sum = sum and (j % 2 == 1 and sum + term or sum - term) or term
  end
  return sum
end

-- a^-1 r by Cramer's rule: for few unknowns, element by element, lanes of march
-- run it where they could not run a factorisation.
local function cramer(a, r)
  local n, x, scale = #a, {}, 1 / determinant(a)
  for j = 1, n do
    local replaced = {}
    for i = 1, n do
      replaced[i] = table.move(a[i], 1, n, 1, {})
      replaced[i][j] = r[i]
    end
    x[j] = determinant(replaced) * scale
  end
  return T.stack(x)
end

local CRAMER = 4 -- unknowns, at most

-- y - F(y)/F'(y) for F(y) = y - known - k b(y, t).
local function newton(p, y, known, k, t)
  local function b(v)
    return p.b(v, t)
  end
  local residual = y - known - k * b(y)
  if p.dim == 1 then
    return y - residual / (1 - k * model.along(b, y, 0 * y + 1))
  end
  if p.dim > CRAMER then
    return y - (T.eye(p.dim) - k * transform.jacobian(b, y)):solve(residual)
  end
  local a = jacobian_rows(b, y, p.dim)
  for i = 1, p.dim do
    for j = 1, p.dim do
      a[i][j] = (i == j and 1 or 0) - k * a[i][j]
    end
  end
  return y - cramer(a, residual)
end

return {
  name = "theta", strong = 0.5, weak = 1, sense = "ito", theta = 0.5,
  noise = {"additive", "scalar", "diagonal", "commutative", "general"},
  source = "Higham 2000", note = "drift-implicit",
  setup = function(p)
    p.theta = p.scheme.theta
    p.newton = linear(p) and 1 or NEWTON
    p.strong = p.model.noise == "additive" and 1 or 0.5
  end,
  step = function(p, x, t, h, w)
    local k = p.theta * h
    local known = x + (h - k) * p.b(x, t) + p:gw(x, t, w.dw)
    local y = x
    for _ = 1, p.newton do
      y = newton(p, y, known, k, t + h)
    end
    return y
  end,
}
