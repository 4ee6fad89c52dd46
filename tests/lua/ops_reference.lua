-- ops_reference.lua: what each row of ops.def must give, in plain Lua: numbers
-- by series, continued fractions and the C library; arrays by naive loops.
-- Nothing here uses Saddle. An array is {shape = {...}, v1, v2, ...}, row-major.
-- MIT licence.
local M = {}

local inf, nan = math.huge, 0 / 0
local exp, log, sqrt, abs, floor =
  math.exp, math.log, math.sqrt, math.abs, math.floor

-- ---- numbers -----------------------------------------------------------------

local function expm1(x)
  if abs(x) > 0.5 then return exp(x) - 1 end
  local sum, term = 0.0, 1.0
  for n = 1, 25 do
    term = term * x / n
    sum = sum + term
  end
  return sum
end

-- Kahan's correction of log(1 + x).
local function log1p(x)
  local u = 1 + x
  if u == 1 or u == inf then return x end
  return log(u) * x / (u - 1)
end

local function sinh(x)
  if abs(x) > 1 then return (exp(x) - exp(-x)) / 2 end
  local sum, term = x, x
  for n = 1, 15 do
    term = term * x * x / ((2 * n) * (2 * n + 1))
    sum = sum + term
  end
  return sum
end

local function tanh(x)
  if abs(x) > 20 then return x > 0 and 1.0 or -1.0 end
  local e = expm1(2 * x)
  return e / (e + 2)
end

local function asinh(x)
  local u = abs(x)
  local y = log1p(u + u * u / (1 + sqrt(1 + u * u)))
  return x < 0 and -y or y
end

local function acosh(x)
  local u = x - 1
  return log1p(u + sqrt(2 * u + u * u))
end

local function sigmoid(x)
  if x >= 0 then return 1 / (1 + exp(-x)) end
  return exp(x) / (1 + exp(x))
end

local function softplus(x)
  return math.max(x, 0) + log1p(exp(-abs(x)))
end

-- Kummer's series: all terms of one sign.
local function erf(x)
  local sum, term, n = x, x, 0
  repeat
    n = n + 1
    term = term * 2 * x * x / (2 * n + 1)
    sum = sum + term
  until abs(term) <= 1e-18 * abs(sum) or n > 500
  return 2 / sqrt(math.pi) * exp(-x * x) * sum
end

-- Continued fraction from below for x >= 1 (Abramowitz & Stegun 7.1.14).
local function erfc(x)
  if x < 1 then return 1 - erf(x) end
  local f = x
  for n = 600, 1, -1 do
    f = x + n / 2 / f
  end
  return exp(-x * x) / sqrt(math.pi) / f
end

local function round(x)
  local down = floor(x)
  local rest = x - down
  if rest > 0.5 or rest == 0.5 and down % 2 == 1 then down = down + 1 end
  return down + 0.0
end

local function sign(x)
  return x > 0 and 1 or x < 0 and -1 or 0
end

local function hypot(x, y)
  x, y = math.max(abs(x), abs(y)), math.min(abs(x), abs(y))
  return x * sqrt(1 + (y / x) ^ 2)
end

local function mask(c) return c and 1 or 0 end

-- Element-wise rows.
M.map = {
  neg = function(x) return -x end,
  abs = function(x) return abs(x) end,
  sign = sign, exp = exp, expm1 = expm1, log = function(x) return log(x) end,
  log1p = log1p, sqrt = sqrt, sin = math.sin, cos = math.cos, tan = math.tan,
  asin = math.asin, acos = math.acos,
  atan = function(x) return math.atan(x) end,
  sinh = sinh, cosh = function(x) return (exp(x) + exp(-x)) / 2 end,
  tanh = tanh, asinh = asinh, acosh = acosh,
  atanh = function(x) return log1p(2 * x / (1 - x)) / 2 end,
  sigmoid = sigmoid, softplus = softplus, erf = erf, erfc = erfc,
  floor = function(x) return floor(x) + 0.0 end,
  ceil = function(x) return math.ceil(x) + 0.0 end,
  round = round,
  isnan = function(x) return mask(x ~= x) end,
  isinf = function(x) return mask(abs(x) == inf) end,
  isfinite = function(x) return mask(abs(x) < inf) end,
  lnot = function(x) return mask(x == 0) end,
  add = function(x, y) return x + y end,
  sub = function(x, y) return x - y end,
  mul = function(x, y) return x * y end,
  mulz = function(x, y) return x == 0 and 0 or x * y end,
  div = function(x, y) return x / y end,
  pow = function(x, y) return x ^ y end,
  maximum = math.max, minimum = math.min,
  atan2 = function(y, x) return math.atan(y, x) end,
  hypot = hypot,
  mod = function(x, y) return x % y end,
  floordiv = function(x, y) return x // y end,
  lt = function(x, y) return mask(x < y) end,
  le = function(x, y) return mask(x <= y) end,
  gt = function(x, y) return mask(x > y) end,
  ge = function(x, y) return mask(x >= y) end,
  eq = function(x, y) return mask(x == y) end,
  ne = function(x, y) return mask(x ~= y) end,
  land = function(x, y) return mask(x ~= 0 and y ~= 0) end,
  lor = function(x, y) return mask(x ~= 0 or y ~= 0) end,
  lxor = function(x, y) return mask((x ~= 0) ~= (y ~= 0)) end,
  where = function(c, x, y) if c ~= 0 then return x end return y end,
}

-- Results at special points: {operands..., result}. All hold for f64; those
-- whose numbers fit for f32 too.
M.special = {
  neg = {{inf, -inf}, {nan, nan}, {0.0, 0.0}},
  abs = {{-inf, inf}, {nan, nan}, {-0.0, 0.0}},
  sign = {{inf, 1}, {-inf, -1}, {0, 0}, {nan, nan}},
  exp = {{inf, inf}, {-inf, 0}, {1000, inf}, {-1000, 0}, {nan, nan}, {0, 1}},
  expm1 = {{inf, inf}, {-inf, -1}, {1e-30, 1e-30}, {nan, nan}},
  log = {{0, -inf}, {inf, inf}, {-1, nan}, {nan, nan}, {1, 0}},
  log1p = {{-1, -inf}, {-2, nan}, {1e-30, 1e-30}, {inf, inf}, {nan, nan}},
  sqrt = {{0, 0}, {-1, nan}, {inf, inf}, {nan, nan}, {1e-300, 1e-150}},
  sin = {{inf, nan}, {nan, nan}, {0, 0}, {1e-30, 1e-30}},
  cos = {{-inf, nan}, {nan, nan}, {0, 1}},
  tan = {{inf, nan}, {nan, nan}, {0, 0}},
  asin = {{2, nan}, {nan, nan}, {0, 0}, {1e-30, 1e-30}},
  acos = {{2, nan}, {nan, nan}, {1, 0}},
  atan = {{nan, nan}, {0, 0}, {1e-30, 1e-30}},
  sinh = {{inf, inf}, {-inf, -inf}, {nan, nan}, {1e-30, 1e-30}},
  cosh = {{inf, inf}, {-inf, inf}, {nan, nan}, {0, 1}},
  tanh = {{inf, 1}, {-inf, -1}, {500, 1}, {nan, nan}, {1e-30, 1e-30}},
  asinh = {{inf, inf}, {-inf, -inf}, {nan, nan}, {1e-30, 1e-30}},
  acosh = {{1, 0}, {0.5, nan}, {inf, inf}, {nan, nan}},
  atanh = {{1, inf}, {-1, -inf}, {2, nan}, {nan, nan}, {1e-30, 1e-30}},
  sigmoid = {{inf, 1}, {-inf, 0}, {1000, 1}, {-1000, 0}, {nan, nan}, {0, 0.5}},
  softplus = {{inf, inf}, {-inf, 0}, {1000, 1000}, {-1000, 0}, {nan, nan}},
  erf = {{inf, 1}, {-inf, -1}, {nan, nan}, {0, 0}, {10, 1}},
  erfc = {{inf, 0}, {-inf, 2}, {nan, nan}, {0, 1}, {-10, 2}},
  floor = {{-0.5, -1}, {inf, inf}, {-inf, -inf}, {nan, nan}, {2, 2}},
  ceil = {{-0.5, 0}, {0.5, 1}, {inf, inf}, {nan, nan}, {2, 2}},
  round = {{0.5, 0}, {1.5, 2}, {2.5, 2}, {-0.5, 0}, {-1.5, -2}, {inf, inf},
           {nan, nan}},
  isnan = {{nan, 1}, {inf, 0}, {0, 0}},
  isinf = {{nan, 0}, {inf, 1}, {-inf, 1}, {0, 0}},
  isfinite = {{nan, 0}, {inf, 0}, {-inf, 0}, {0, 1}},
  lnot = {{0, 1}, {1, 0}, {7, 0}},
  add = {{inf, -inf, nan}, {nan, 1, nan}, {inf, 1, inf}},
  sub = {{inf, inf, nan}, {1, nan, nan}, {1, inf, -inf}},
  mul = {{0, inf, nan}, {nan, 0, nan}, {-2, inf, -inf}},
  mulz = {{0, inf, 0}, {0, nan, 0}, {-0.0, nan, 0}, {inf, 0, nan},
          {nan, 0, nan}, {2, inf, inf}, {2, nan, nan}},
  div = {{1, 0, inf}, {-1, 0, -inf}, {0, 0, nan}, {1, inf, 0}, {nan, 1, nan}},
  pow = {{0, 0, 1}, {0, -1, inf}, {inf, 0, 1}, {nan, 0, 1}, {1, nan, 1},
         {-1, 0.5, nan}, {-2, 3, -8}, {2, inf, inf}, {0.5, inf, 0},
         {nan, 1, nan}},
  maximum = {{nan, 1, nan}, {1, nan, nan}, {inf, -inf, inf}, {2, 2, 2}},
  minimum = {{nan, 1, nan}, {1, nan, nan}, {inf, -inf, -inf}, {2, 2, 2}},
  atan2 = {{0, 0, 0}, {nan, 1, nan}, {1, nan, nan}, {0, 1, 0}},
  hypot = {{inf, nan, inf}, {nan, inf, inf}, {nan, 1, nan}, {0, 0, 0},
           {3e200, 4e200, 5e200}, {3e-200, 4e-200, 5e-200}, {3, 4, 5}},
  mod = {{5, 0, nan}, {-5, 3, 1}, {5, -3, -1}, {-5, -3, -2}, {6, 3, 0},
         {5, inf, 5}, {-5, inf, inf}, {5, -inf, -inf}, {inf, 2, nan},
         {nan, 1, nan}, {1, nan, nan}},
  floordiv = {{5, 0, inf}, {-5, 0, -inf}, {0, 0, nan}, {-5, 3, -2},
              {5, -3, -2}, {-5, -3, 1}, {1, inf, 0}, {nan, 1, nan}},
  lt = {{nan, 1, 0}, {1, nan, 0}, {1, 1, 0}, {-inf, inf, 1}},
  le = {{nan, nan, 0}, {1, 1, 1}, {inf, inf, 1}},
  gt = {{nan, 1, 0}, {1, nan, 0}, {1, 1, 0}, {inf, -inf, 1}},
  ge = {{nan, nan, 0}, {1, 1, 1}, {-inf, -inf, 1}},
  eq = {{nan, nan, 0}, {0.0, -0.0, 1}, {inf, inf, 1}, {inf, -inf, 0}},
  ne = {{nan, nan, 1}, {0.0, -0.0, 0}, {1, 2, 1}},
  land = {{1, 1, 1}, {1, 0, 0}, {0, 0, 0}, {3, 4, 1}},
  lor = {{1, 1, 1}, {1, 0, 1}, {0, 0, 0}, {0, 4, 1}},
  lxor = {{1, 1, 0}, {1, 0, 1}, {0, 0, 0}, {3, 4, 0}},
  where = {{1, 2, nan, 2}, {0, nan, 3, 3}, {1, nan, 3, nan}, {5, 1, 2, 1}},
}

-- ---- arrays --------------------------------------------------------------------

function M.numel(shape)
  local n = 1
  for _, s in ipairs(shape) do n = n * s end
  return n
end

-- The array of that shape whose element at the 0-based index i is fn(i).
local function build(shape, fn)
  local out, i = {shape = shape}, {}
  local function walk(axis)
    if axis > #shape then
      out[#out + 1] = fn(i)
      return
    end
    for k = 0, shape[axis] - 1 do
      i[axis] = k
      walk(axis + 1)
    end
  end
  walk(1)
  return out
end
M.build = build

local function at(a, i)
  local k = 0
  for axis, n in ipairs(a.shape) do k = k * n + i[axis] end
  return a[k + 1]
end
M.at = at

local function copy(t) return table.move(t, 1, #t, 1, {}) end

local function without(shape, dropped)
  local kept = {}
  for axis, n in ipairs(shape) do
    if not dropped[axis] then kept[#kept + 1] = n end
  end
  return kept
end

-- Reduces the axes of the mask by fold(list of elements).
local function reduce(x, bits, fold)
  local dropped = {}
  for axis = 1, #x.shape do dropped[axis] = bits >> (axis - 1) & 1 == 1 end
  local inner = {}
  for axis, n in ipairs(x.shape) do inner[axis] = dropped[axis] and n or 1 end
  return build(without(x.shape, dropped), function(i)
    local list = {}
    build(inner, function(j)
      local full, k = {}, 0
      for axis = 1, #x.shape do
        if not dropped[axis] then k = k + 1 end
        full[axis] = dropped[axis] and j[axis] or i[k]
      end
      list[#list + 1] = at(x, full)
      return 0
    end)
    return fold(list)
  end)
end

-- The elements of x along `axis` (0-based) through index i.
local function along(x, axis, i)
  local line, j = {}, copy(i)
  for k = 0, x.shape[axis + 1] - 1 do
    j[axis + 1] = k
    line[k + 1] = at(x, j)
  end
  return line
end

local function total(list)
  local s, c = 0, 0 -- Kahan's sum
  for _, v in ipairs(list) do
    local y = v - c
    local u = s + y
    c = (u - s) - y
    s = u
  end
  return s
end

local function largest(list) return math.max(table.unpack(list)) end

local function logsumexp(line)
  local top, e = largest(line), {}
  for k, v in ipairs(line) do e[k] = exp(v - top) end
  return top + log(total(e))
end

-- Position of the first element that no other beats.
local function first_extreme(better)
  return function(line)
    local best = 1
    for k, v in ipairs(line) do
      if better(v, line[best]) then best = k end
    end
    return best - 1
  end
end

local function on_axis(fold)
  return function(x, axis) return reduce(x, 1 << axis, fold) end
end

local A = {}
M.array = A

A.sum = function(x, bits) return reduce(x, bits, total) end
A.amax = function(x, bits) return reduce(x, bits, largest) end
A.amin = function(x, bits)
  return reduce(x, bits, function(l) return math.min(table.unpack(l)) end)
end
A.argmax = on_axis(first_extreme(function(a, b) return a > b end))
A.argmin = on_axis(first_extreme(function(a, b) return a < b end))
A.logsumexp = on_axis(logsumexp)

A.softmax = function(x, axis)
  return build(x.shape, function(i)
    return exp(at(x, i) - logsumexp(along(x, axis, i)))
  end)
end

A.cumsum = function(x, axis)
  return build(x.shape, function(i)
    return total(table.move(along(x, axis, i), 1, i[axis + 1] + 1, 1, {}))
  end)
end

A.iota = function(n)
  return build({n}, function(i) return i[1] end)
end

A.powi = function(x, n)
  return build(x.shape, function(i)
    local p = math.type(at(x, i)) == "integer" and 1 or 1.0
    for _ = 1, abs(n) do p = p * at(x, i) end
    return n < 0 and 1 / p or p
  end)
end

A.cast = function(x) return x end
A.stop = A.cast

A.reshape = function(x, ...)
  local out = copy(x)
  out.shape = {...}
  return out
end

A.broadcast = function(x, ...)
  local shape = {...}
  local lead = #shape - #x.shape
  return build(shape, function(i)
    local j = {}
    for axis, n in ipairs(x.shape) do j[axis] = n == 1 and 0 or i[lead + axis] end
    return at(x, j)
  end)
end

A.permute = function(x, ...)
  local perm, shape = {...}, {}
  for k, p in ipairs(perm) do shape[k] = x.shape[p + 1] end
  return build(shape, function(i)
    local j = {}
    for k, p in ipairs(perm) do j[p + 1] = i[k] end
    return at(x, j)
  end)
end

-- start, step, length of each axis
A.slice = function(x, ...)
  local r, shape = {...}, {}
  for axis = 1, #x.shape do shape[axis] = r[3 * axis] end
  return build(shape, function(i)
    local j = {}
    for axis = 1, #shape do j[axis] = r[3 * axis - 2] + i[axis] * r[3 * axis - 1] end
    return at(x, j)
  end)
end

-- start, step, extent of each axis
A.pad = function(x, ...)
  local r, shape = {...}, {}
  for axis = 1, #x.shape do shape[axis] = r[3 * axis] end
  return build(shape, function(i)
    local j, inside = {}, true
    for axis, n in ipairs(x.shape) do
      local k = (i[axis] - r[3 * axis - 2]) / r[3 * axis - 1]
      inside = inside and k == floor(k) and k >= 0 and k < n
      j[axis] = inside and floor(k) or 0
    end
    return inside and at(x, j) or 0
  end)
end

A.concat = function(...)
  local n = select("#", ...)
  local axis = select(n, ...) + 1
  local parts = {table.unpack({...}, 1, n - 1)}
  local shape = copy(parts[1].shape)
  shape[axis] = 0
  for _, p in ipairs(parts) do shape[axis] = shape[axis] + p.shape[axis] end
  return build(shape, function(i)
    local j, p = copy(i), 1
    while j[axis] >= parts[p].shape[axis] do
      j[axis] = j[axis] - parts[p].shape[axis]
      p = p + 1
    end
    return at(parts[p], j)
  end)
end

-- Index of x for output index i of a gather.
local function source(i, axis, nbatch, idx)
  local nsel = #idx.shape - nbatch
  local sel, j = {}, {}
  for k = 1, nbatch do sel[k] = i[k] end
  for k = 1, nsel do sel[nbatch + k] = i[axis + k] end
  for k = 1, axis do j[k] = i[k] end
  j[axis + 1] = at(idx, sel)
  for k = axis + nsel + 1, #i do j[#j + 1] = i[k] end
  return j
end

A.gather = function(x, idx, axis, nbatch)
  local shape = table.move(x.shape, 1, axis, 1, {})
  table.move(idx.shape, nbatch + 1, #idx.shape, #shape + 1, shape)
  table.move(x.shape, axis + 2, #x.shape, #shape + 1, shape)
  return build(shape, function(i) return at(x, source(i, axis, nbatch, idx)) end)
end

A.scatter = function(upd, idx, axis, extent, nbatch)
  local nsel = #idx.shape - nbatch
  local shape = table.move(upd.shape, 1, axis, 1, {})
  shape[axis + 1] = extent
  table.move(upd.shape, axis + nsel + 1, #upd.shape, #shape + 1, shape)
  local out = build(shape, function() return 0 end)
  build(upd.shape, function(i)
    local j, k = source(i, axis, nbatch, idx), 0
    for a, n in ipairs(shape) do k = k * n + j[a] end
    out[k + 1] = out[k + 1] + at(upd, i)
    return 0
  end)
  return out
end

local function last_two(i, r, c)
  local j = copy(i)
  j[#j - 1], j[#j] = r, c
  return j
end

A.matmul = function(a, b, ta, tb)
  local d = #a.shape
  local shape = copy(a.shape)
  shape[d - 1] = ta == 1 and a.shape[d] or a.shape[d - 1]
  shape[d] = tb == 1 and b.shape[d - 1] or b.shape[d]
  local inner = ta == 1 and a.shape[d - 1] or a.shape[d]
  return build(shape, function(i)
    local terms = {}
    for k = 0, inner - 1 do
      local r, c = i[d - 1], i[d]
      terms[k + 1] = at(a, ta == 1 and last_two(i, k, r) or last_two(i, r, k))
        * at(b, tb == 1 and last_two(i, c, k) or last_two(i, k, c))
    end
    return total(terms)
  end)
end

-- Gauss's elimination with row exchanges on rows of [matrix | right side].
local function eliminate(rows, n)
  for c = 1, n do
    local best = c
    for r = c, n do
      if abs(rows[r][c]) > abs(rows[best][c]) then best = r end
    end
    rows[c], rows[best] = rows[best], rows[c]
    for r = 1, n do
      local f = r ~= c and rows[r][c] / rows[c][c] or 0
      for k = c, n + 1 do rows[r][k] = rows[r][k] - f * rows[c][k] end
    end
  end
  local x = {}
  for r = 1, n do x[r] = rows[r][n + 1] / rows[r][r] end
  return x
end

A.solve = function(a, b, trans)
  local n = a.shape[#a.shape]
  return build(b.shape, function(i)
    local rows = {}
    for r = 1, n do
      rows[r] = {}
      for c = 1, n do
        local p, q = r - 1, c - 1
        rows[r][c] = at(a, trans == 1 and last_two(i, q, p) or last_two(i, p, q))
      end
      rows[r][n + 1] = at(b, last_two(i, r - 1, i[#i]))
    end
    return eliminate(rows, n)[i[#i - 1] + 1]
  end)
end

return M
