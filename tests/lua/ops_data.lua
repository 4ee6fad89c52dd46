-- ops_data.lua: operands for the tests of ops.def, drawn from the letters of a
-- row's domain, and the comparing of results with plain arrays.  MIT licence.
local t = require "runner"
local saddle = require "saddle"
local reference = require "ops_reference"
local T = saddle.tensor

local EPS = {f64 = 2.0 ^ -52, f32 = 2.0 ^ -23}
local TOL = {tight = 4, near = 32, loose = 256}
local DTYPE = {u8 = 0, i64 = 1, f32 = 2, f64 = 3}
-- ---- data ----------------------------------------------------------------------

-- Plain array -> tensor and back.
local function tensor(a, dtype)
  if reference.numel(a.shape) == 0 then
    local shape = table.move(a.shape, 1, #a.shape, 1, {})
    shape.dtype = dtype
    return T.zeros(shape)
  end
  if #a.shape == 0 then return T(a[1], {dtype = dtype}) end
  local flat = table.move(a, 1, #a, 1, {})
  return T(flat, {dtype = dtype}):reshape(a.shape)
end

local function plain(x)
  if type(x) == "number" then return {shape = {}, x} end
  local out = {shape = x.shape}
  if reference.numel(x.shape) == 0 then return out end
  return table.move(x:copy():reshape {-1}:totable(), 1, x:numel(), 1, out)
end

-- A value of a domain from u in (0, 1) and a fair sign s.
local DRAW = {
  r = function(u, s) return s * (0.05 + 1.9 * u) end,
  p = function(u) return 0.3 + 1.7 * u end,
  u = function(u, s) return s * (0.05 + 0.8 * u) end,
  g = function(u) return 1.2 + 2 * u end,
  n = function(u, s) return s * (0.4 + 1.5 * u) end,
  m = function(u, s) return s * (0.05 + u) end,
  s = function(u, s) return s * (0.05 + u) end,
  b = function(u) return u < 0.5 and 1 or 0 end,
}

local function draw(rng, letter, shape, case)
  local n = reference.numel(shape)
  local out = {shape = shape}
  if letter == "i" and case.idx then
    return table.move(case.idx, 1, #case.idx, 1, out)
  end
  for k = 1, n do
    local u = rng:uniform()
    if letter == "i" then
      out[k] = math.floor(u * case.extent)
    else
      out[k] = DRAW[letter](u, rng:uniform() < 0.5 and -1 or 1)
    end
  end
  if letter == "s" then -- far from singular
    local d = shape[#shape]
    for k = 1, n do
      local r, c = (k - 1) // d % d, (k - 1) % d
      out[k] = out[k] + (r == c and 2 * d or 0)
    end
  end
  return out
end

local function letter_dtype(letter, dtype)
  return letter == "b" and "u8" or letter == "i" and "i64" or dtype
end

-- The domain letters of a case: a row of any number of operands repeats.
local function letters(row, case)
  local list = {}
  for k = 1, #case do
    list[k] = row.domain:sub(math.min(k, #row.domain), math.min(k, #row.domain))
  end
  return list
end

local function operands(rng, row, case)
  local list, kinds = {}, letters(row, case)
  for k, shape in ipairs(case) do
    list[k] = draw(rng, kinds[k], shape, case)
  end
  return list
end

local function tensors(row, case, arrays, dtype)
  local list, kinds = {}, letters(row, case)
  for k, a in ipairs(arrays) do
    list[k] = tensor(a, letter_dtype(kinds[k], dtype))
  end
  return list
end

local function attributes(case)
  local list = {}
  for k, v in ipairs(case.attr or {}) do list[k] = DTYPE[v] or v end
  return list
end

-- ---- comparing -------------------------------------------------------------------

local function scale_of(a)
  local s = 0
  for _, v in ipairs(a) do
    if v == v and math.abs(v) < math.huge then s = math.max(s, math.abs(v)) end
  end
  return s
end

-- |got - want| <= tol times the scale of want, element by element; shapes equal.
local function close(got, want, tol, what)
  t.eq(got.shape, want.shape, what .. ": shape")
  t.eq(#got, #want, what .. ": elements")
  local bound = tol * scale_of(want)
  for k, w in ipairs(want) do
    local g = got[k]
    local good = g == w or g ~= g and w ~= w or math.abs(g - w) <= bound
    t.ok(good, ("%s: element %d is %.17g, expected %.17g (within %g)")
      :format(what, k, g, w, bound))
  end
end

local function label(row, case)
  local shapes = {}
  for k, s in ipairs(case) do shapes[k] = "[" .. table.concat(s, " ") .. "]" end
  return ("%s %s {%s}"):format(row.name, table.concat(shapes, " "),
    table.concat(case.attr or {}, " "))
end

return {
  EPS = EPS, TOL = TOL, DTYPE = DTYPE,
  tensor = tensor,
  plain = plain,
  draw = draw,
  letters = letters,
  letter_dtype = letter_dtype,
  operands = operands,
  tensors = tensors,
  attributes = attributes,
  scale_of = scale_of,
  close = close,
  label = label,
}
