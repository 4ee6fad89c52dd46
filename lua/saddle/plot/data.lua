-- data.lua: what the user gives, taken as columns of raw doubles at the moment
-- of the call, so that a tensor changed later does not change the figure.
-- Columns {bytes, n, shape}; grids {x, y, z}; histogram bins.  MIT licence.
local core = require "saddle.core"
local opt = require "saddle.opt"
local process = core.process

local M = {}

local function shape_text(shape)
  return "[" .. table.concat(shape, " x ") .. "]"
end

-- numbers(value, what): a column of every element, in row-major order. `what`
-- reads "line: y".
function M.numbers(value, what)
  local kind = type(value)
  if kind ~= "table" and kind ~= "userdata" and kind ~= "number" then
    core.fail(("%s: expected a tensor or a table of numbers, got %s")
              :format(what, kind == "nil" and "nothing" or kind))
  end
  local ok, bytes, shape = pcall(process.column, value)
  if not ok then
    core.fail(what .. ": " .. tostring(bytes):gsub("^[^%s:]+:%d+: ", ""))
  end
  return {bytes = bytes, n = #bytes // 8, shape = shape}
end

-- vector(value, what): a column from something with one axis; axes of length
-- one are ignored.
function M.vector(value, what)
  local col = M.numbers(value, what)
  local long = 0
  for _, extent in ipairs(col.shape) do
    if extent ~= 1 then long = long + 1 end
  end
  if long > 1 then
    core.fail(("%s: one axis is expected, its shape is %s")
              :format(what, shape_text(col.shape)))
  end
  return col
end

-- same(where, names, cols): raises when the lengths differ, naming both.
function M.same(where, names, cols)
  for i = 2, #cols do
    if cols[i].n ~= cols[1].n then
      core.fail(("%s: lengths differ: %s has %d, %s has %d"):format(where,
        names[1], cols[1].n, names[i], cols[i].n))
    end
  end
end

-- from_list(list): a column from a plain list of numbers of ours.
function M.from_list(list)
  local parts, n = {}, #list
  for from = 1, n, 100 do
    local upto = math.min(from + 99, n)
    parts[#parts + 1] = string.pack("<" .. ("d"):rep(upto - from + 1),
                                    table.unpack(list, from, upto))
  end
  return {bytes = table.concat(parts), n = n, shape = {n}}
end

function M.at(col, i)
  return (string.unpack("<d", col.bytes, 8 * i - 7))
end

-- each(col): iterates over the values, a hundred to an unpack.
function M.each(col, visit)
  local full = "<" .. ("d"):rep(100)
  local i, bytes = 1, col.bytes
  while i + 99 <= col.n do
    local block = {string.unpack(full, bytes, 8 * i - 7)}
    for k = 1, 100 do visit(block[k]) end
    i = i + 100
  end
  for k = i, col.n do visit(M.at(col, k)) end
end

-- map(f, col, ...): a new column.
function M.map(f, col, other)
  local out = {}
  for i = 1, col.n do
    out[i] = f(M.at(col, i), other and M.at(other, i))
  end
  return M.from_list(out)
end

-- extent(col): least, largest, least positive, number of finite values.
function M.extent(col)
  if not col.seen then col.seen = {process.extent(col.bytes)} end
  return table.unpack(col.seen, 1, 4)
end

function M.interleave(cols)
  local bytes = {}
  for i, col in ipairs(cols) do bytes[i] = col.bytes end
  return process.interleave(table.unpack(bytes))
end

-- linspace(lo, hi, n): a plain list.
function M.linspace(lo, hi, n)
  local out = {}
  for i = 1, n do out[i] = lo + (hi - lo) * (i - 1) / (n - 1) end
  return out
end

local function list(col)
  local out = {}
  M.each(col, function(v) out[#out + 1] = v end)
  return out
end

-- A range {lo, hi} as n points; anything longer as it is.
local function axis_points(value, n, what)
  local col = M.vector(value, what)
  local points = list(col)
  if #points == 2 then return M.linspace(points[1], points[2], n) end
  if #points < 2 then core.fail(what .. ": two points or more are expected") end
  return points
end

local function call_number(f, x, y, where)
  local v = f(x, y)
  if opt.is_tensor(v) and v:numel() == 1 then v = v:item() end
  if type(v) ~= "number" then
    core.fail(("%s: f(%g, %g) gave %s, not a number"):format(where, x, y,
                                                             opt.show(v)))
  end
  return v
end

local function grid_of_function(xs, ys, f, where)
  local z = {}
  for _, y in ipairs(ys) do
    for _, x in ipairs(xs) do
      z[#z + 1] = call_number(f, x, y, where)
    end
  end
  return M.from_list(z)
end

local function check_matrix(xs, ys, z, where)
  if #z.shape ~= 2 or z.n == 0 then
    core.fail(("%s: z: a matrix is expected, its shape is %s")
              :format(where, shape_text(z.shape)))
  end
  if z.shape[1] ~= #ys or z.shape[2] ~= #xs then
    core.fail(("%s: z must be [y x x] = [%d x %d], its shape is %s")
              :format(where, #ys, #xs, shape_text(z.shape)))
  end
end

local function indices(n)
  local out = {}
  for i = 1, n do out[i] = i end
  return out
end

-- grid(where, n, a, b, c): from (z), (x, y, z) or (x, y, f). z has one row per
-- y and one column per x; a range {lo, hi} beside a function is sampled at n
-- points.
function M.grid(where, n, a, b, c)
  if b == nil and c == nil then
    local z = M.numbers(a, where .. ": z")
    local rows, columns = z.shape[1] or 0, z.shape[2] or 0
    local xs, ys = indices(columns), indices(rows)
    check_matrix(xs, ys, z, where)
    return {x = xs, y = ys, z = z}
  end
  local f = type(c) == "function"
  local xs = axis_points(a, f and n or 2, where .. ": x")
  local ys = axis_points(b, f and n or 2, where .. ": y")
  if f then
    return {x = xs, y = ys, z = grid_of_function(xs, ys, c, where)}
  end
  local z = M.numbers(c, where .. ": z")
  check_matrix(xs, ys, z, where)
  return {x = xs, y = ys, z = z}
end

-- grid_columns(g): x, y and z of every point, x fastest.
function M.grid_columns(g)
  local row = M.from_list(g.x).bytes
  local ys = {}
  for i, y in ipairs(g.y) do
    ys[i] = string.pack("<d", y):rep(#g.x)
  end
  local n = #g.x * #g.y
  return {bytes = row:rep(#g.y), n = n}, {bytes = table.concat(ys), n = n}, g.z
end

-- is_uniform(list): equal steps, to a thousandth of a step.
function M.is_uniform(points)
  local n = #points
  local step = (points[n] - points[1]) / (n - 1)
  for i = 2, n do
    if math.abs(points[i] - points[1] - (i - 1) * step)
        > 1e-3 * math.abs(step) then
      return false
    end
  end
  return step ~= 0
end

-- nice_step(span, count): 1, 2 or 5 times a power of ten, at most `count`
-- steps in the span.
function M.nice_step(span, count)
  local raw = span / count
  local unit = 10.0 ^ math.floor(math.log(raw, 10))
  for _, m in ipairs{1, 2, 5} do
    if raw <= m * unit * (1 + 1e-9) then return m * unit end
  end
  return 10 * unit
end

local function quantile(sorted, q)
  local at = 1 + (#sorted - 1) * q
  local i = math.floor(at)
  local v = sorted[i]
  return v + (at - i) * ((sorted[i + 1] or v) - v)
end

-- Freedman and Diaconis 1981: width 2 IQR n^(-1/3), on at most 4096 samples of
-- the column; between 10 and 200 bins.
local function bin_count(col, lo, hi, finite)
  local some, stride = {}, math.max(1, col.n // 4096)
  for i = 1, col.n, stride do
    local v = M.at(col, i)
    if v >= lo and v <= hi then some[#some + 1] = v end
  end
  table.sort(some)
  local iqr = #some > 1 and quantile(some, 0.75) - quantile(some, 0.25) or 0
  if iqr <= 0 then return 30 end
  local width = 2 * iqr * finite ^ (-1 / 3)
  return math.tointeger(math.min(200, math.max(10, math.ceil((hi - lo)
                                                             / width))))
end

local function check_edges(edges, where)
  for i = 2, #edges do
    if not (edges[i] > edges[i - 1]) then
      core.fail(where .. ": bins: edges must increase")
    end
  end
  if #edges < 2 then
    core.fail(where .. ": bins: two edges or more are needed")
  end
  return edges
end

local function edges_of(col, bins, range, where)
  if bins ~= nil and type(bins) ~= "number" then
    return check_edges(list(M.vector(bins, where .. ": bins")), where), false
  end
  local lo, hi, _, finite = M.extent(col)
  if finite == 0 then core.fail(where .. ": there is no finite value") end
  if range then lo, hi = range[1], range[2] end
  if lo == hi then lo, hi = lo - 0.5, hi + 0.5 end
  local n = bins and math.tointeger(bins) or bins
  n = n or bin_count(col, lo, hi, finite)
  if math.type(n) ~= "integer" or n < 1 or n > 1000000 then
    core.fail(("%s: bins: expected a whole number of 1 or more, got %s")
              :format(where, opt.show(bins)))
  end
  return M.linspace(lo, hi, n + 1), true
end

local function bisect(edges, v)
  local a, b = 1, #edges
  while b - a > 1 do
    local m = (a + b) // 2
    if v >= edges[m] then a = m else b = m end
  end
  return a
end

-- histogram(col, bins, range, density, where): edges and heights. Bins are
-- half-open, the last one closed. A density divides by the number of all
-- finite values, inside the range or not, so that it lies on the law's own
-- density even when the tails are cut off.
function M.histogram(col, bins, range, density, where)
  local edges, uniform = edges_of(col, bins, range, where)
  local n = #edges - 1
  local lo, hi = edges[1], edges[n + 1]
  local count, finite, scale = {}, 0, n / (hi - lo)
  for i = 1, n do count[i] = 0.0 end
  M.each(col, function(v)
    if v - v == 0 then finite = finite + 1 end
    if v >= lo and v <= hi then
      local i = uniform and math.min(n, math.floor((v - lo) * scale) + 1)
                or bisect(edges, v)
      if uniform and v < edges[i] then i = i - 1 end
      if uniform and i < n and v >= edges[i + 1] then i = i + 1 end
      count[i] = count[i] + 1
    end
  end)
  if density then
    for i = 1, n do
      count[i] = count[i] / (finite * (edges[i + 1] - edges[i]))
    end
  end
  return edges, count
end

return M
