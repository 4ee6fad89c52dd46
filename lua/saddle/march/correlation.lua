-- march/correlation.lua: correlations of Brownian motions, checked and factored.
-- MIT licence.
local core = require "saddle.core"
local opt = require "saddle.opt"

local fail = core.fail

local M = {}

local function matrix_of(c, m, where)
  if type(c) == "number" and m == 2 then
    return {{1, c}, {c, 1}}
  end
  c = opt.is_tensor(c) and c:totable() or c
  if type(c) ~= "table" or #c ~= m then
    fail(("%s: correlation: expected [%d x %d]%s, got %s"):format(where, m, m,
      m == 2 and " or a number" or "", opt.show(c)))
  end
  for i = 1, m do
    if type(c[i]) ~= "table" or #c[i] ~= m then
      fail(("%s: correlation: row %d: expected %d numbers, got %s"):format(
        where, i, m, opt.show(c[i])))
    end
  end
  return c
end

local EPS = 1e-12 -- rounding in correlations that users computed

local function check_entries(c, m, where)
  for i = 1, m do
    for j = 1, m do
      local v = c[i][j]
      if type(v) ~= "number" or not (math.abs(v) <= 1 + EPS) then
        fail(("%s: correlation: expected numbers in [-1, 1], got %s at " ..
          "(%d, %d)"):format(where, opt.show(v), i, j))
      end
    end
  end
  for i = 1, m do
    for j = 1, m do
      local v = c[i][j]
      if math.abs(v - c[j][i]) > EPS or i == j and math.abs(v - 1) > EPS then
        fail(("%s: correlation: expected a symmetric matrix with a diagonal " ..
          "of ones, got %g at (%d, %d)"):format(where, v, i, j))
      end
    end
  end
end

-- Lower triangular L with L L' = c; zero columns where c is singular.
local function cholesky(c, m, where)
  local l = {}
  for i = 1, m do
    l[i] = {}
    for j = 1, m do
      l[i][j] = 0.0
    end
    for j = 1, i do
      local s = c[i][j] + 0.0
      for k = 1, j - 1 do
        s = s - l[i][k] * l[j][k]
      end
      if i > j then
        if l[j][j] > 0 then
          l[i][j] = s / l[j][j]
        elseif math.abs(s) > 1e-7 then
          s = math.huge
        end
      elseif s > EPS then
        l[i][i] = math.sqrt(s)
      end
      if s < -1e-10 and i == j or s == math.huge then
        fail(where .. ": correlation: no such correlation exists: the " ..
          "matrix is not positive semi-definite")
      end
    end
  end
  return l
end

-- factor(c, m, where) -> the correlation of m noises as a table [m x m], and L
-- with L L' = c: L times independent increments has that correlation. c may be
-- one number for two noises.
function M.factor(c, m, where)
  c = matrix_of(c, m, where)
  check_entries(c, m, where)
  return c, cholesky(c, m, where)
end

return M
