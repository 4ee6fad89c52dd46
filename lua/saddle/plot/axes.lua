-- axes.lua: what is computed about a panel before any command is written: the
-- range of every axis, its tics, and the corner where a legend covers no
-- curve. gnuplot's own choices are not used, since the legend's place and the
-- margins of neighbouring panels need to know them.  MIT licence.
local core = require "saddle.core"
local data = require "saddle.plot.data"

local M = {}

-- ---- ranges ---------------------------------------------------------------

-- Least and largest over columns; on a log axis of the positive values alone.
local function cover(cols, log)
  local lo, hi
  for _, col in ipairs(cols) do
    local a, b, positive = data.extent(col)
    if log then a = positive end
    if a and b and (not log or b > 0) then
      lo, hi = math.min(lo or a, a), math.max(hi or b, b)
    end
  end
  return lo, hi
end

local function gather(panel, axis, only_tight)
  local cols, tight, zero, trace, points = {}, false, false, true, false
  for _, layer in ipairs(panel.layers) do
    if layer[axis] and (layer.tight or not only_tight) then
      for _, col in ipairs(layer[axis]) do cols[#cols + 1] = col end
      points = points or #layer[axis] > 0
      tight = tight or layer.tight
      zero = zero or layer.zero
      trace = trace and (layer.trace or layer.across) and true
    end
  end
  return cols, tight, zero, trace
end

local function widen(lo, hi, share, log)
  if log then
    if lo == hi then return lo / 2, hi * 2 end
    local f = (hi / lo) ^ share
    return lo / f, hi * f
  end
  if lo == hi then
    local d = lo == 0 and 1 or math.abs(lo) * 0.1
    return lo - d, hi + d
  end
  local d = (hi - lo) * share
  return lo - d, hi + d
end

local function automatic(panel, axis, log)
  local cols, tight, zero, trace = gather(panel, axis, false)
  if tight and (axis == "x" or axis == "y") then
    cols = gather(panel, axis, true)
  end
  local lo, hi = cover(cols, log)
  if lo == nil then
    if log and cover(cols, false) then
      core.fail(("log%s: panel %d has no positive %s value"):format(axis,
        panel.index, axis))
    end
    return log and 1 or 0, log and 10 or 1
  end
  local share = panel.theme.margin
  if tight or axis == "c" or axis == "z" or (axis == "x" and trace) then
    share = 0
  end
  if lo == hi then return widen(lo, hi, share, log) end
  if axis == "y" and zero and not log then
    local a, b = widen(math.min(lo, 0), math.max(hi, 0), share, false)
    return lo >= 0 and 0 or a, hi <= 0 and 0 or b
  end
  if axis == "y" and zero then lo = lo / 2 end
  return widen(lo, hi, share, log)
end

-- range(panel, axis): {lo, hi, log = base or nil}.
function M.range(panel, axis)
  local opts = panel.opts
  local log = opts["log" .. axis]
  if axis == "c" and log == nil then
    for _, layer in ipairs(panel.layers) do log = log or layer.logc end
  end
  local given = opts[axis .. "range"]
  local lo, hi
  if given and given[1] and given[2] then
    lo, hi = given[1], given[2]
  else
    lo, hi = automatic(panel, axis, log)
    if given then lo, hi = given[1] or lo, given[2] or hi end
  end
  if log and (lo <= 0 or hi <= 0) then
    core.fail(("%srange: a log axis needs positive ends, they are %g and %g")
              :format(axis, lo, hi))
  end
  if lo == hi then
    core.fail(("%srange: its ends are equal (%g)"):format(axis, lo))
  end
  if axis == "c" and panel.colors == "diverging" and not given and not log then
    hi = math.max(math.abs(lo), math.abs(hi))
    lo = -hi
  end
  return {lo, hi, log = log or nil}
end

-- share(range, v): where v lies on the axis, 0 to 1.
function M.share(range, v)
  if range.log then
    if not (v > 0) then return 0 / 0 end
    return math.log(v / range[1]) / math.log(range[2] / range[1])
  end
  return (v - range[1]) / (range[2] - range[1])
end

-- ---- tics -----------------------------------------------------------------

local function places_of(lo, hi, step)
  local out = {}
  for k = math.ceil(lo / step - 1e-9), math.floor(hi / step + 1e-9) do
    out[#out + 1] = k * step
  end
  return out
end

local function label_width(values)
  local longest = 1
  for _, v in ipairs(values) do
    longest = math.max(longest, #("%.8g"):format(v))
  end
  return longest
end

-- The finest of 1, 2 and 5 times powers of ten whose labels fit. room(width)
-- tells how many labels of that many characters do.
local function linear_tics(lo, hi, room)
  local unit = 10.0 ^ (math.floor(math.log(hi - lo, 10)) - 1)
  local step, values, width
  for _, m in ipairs{1, 2, 5, 10, 20, 50, 100} do
    step = m * unit
    values = (hi - lo) / step < 50 and places_of(lo, hi, step)
    width = values and label_width(values)
    if values and #values <= room(width) then break end
  end
  local most = math.max(math.abs(lo), math.abs(hi))
  local plain = most < 1e7 and most >= 1e-3
  return {step = step, width = plain and width or math.max(width, 6),
          values = values, format = plain and "%.8g" or "%h"}
end

-- 1, 2 and 5 times powers of ten, for less than two decades.
local function few_decades(lo, hi)
  local out = {}
  for k = math.floor(math.log(lo, 10)), math.ceil(math.log(hi, 10)) do
    for _, m in ipairs{1, 2, 5} do
      local v = m * 10.0 ^ k
      if v >= lo * (1 - 1e-9) and v <= hi * (1 + 1e-9) then
        out[#out + 1] = v
      end
    end
  end
  return out
end

local function log_tics(lo, hi, room)
  local decades = math.log(hi / lo, 10)
  if decades < 2 then
    local list = few_decades(lo, hi)
    if #list < 3 then list = linear_tics(lo, hi, room).values end
    if #list <= room(label_width(list)) then
      return {list = list, width = label_width(list), format = "%g"}
    end
  end
  local exponent = math.max(math.abs(math.log(lo, 10)),
                            math.abs(math.log(hi, 10)))
  local width = 2.8 + 0.75 * ((exponent >= 10 and 2 or 1) + (lo < 0.5 and 1 or 0))
  local skip = 1
  while decades / skip + 1 > room(width) and skip < 400 do skip = skip + 1 end
  return {step = 10.0 ^ skip, width = width, power = true,
          minor = skip == 1 and 10 or nil}
end

-- tics(range, room): how an axis is marked: {step or list, width of the labels
-- in characters, format or power, minor}. room(width) says how many labels of
-- that width the axis has place for.
function M.tics(range, room)
  local lo, hi = math.min(range[1], range[2]), math.max(range[1], range[2])
  if range.log then return log_tics(lo, hi, room) end
  return linear_tics(lo, hi, room)
end

-- ---- legend ---------------------------------------------------------------

local COLUMNS, ROWS = 48, 48 -- cells of the map of what is drawn

local function mark(map, x, y)
  if x >= 0 and x < 1 and y >= 0 and y < 1 then
    local i = math.floor(x * COLUMNS) + COLUMNS * math.floor(y * ROWS)
    map[i] = (map[i] or 0) + 1
  end
end

local function mark_segment(map, x0, y0, x1, y1)
  local reach = math.max(math.abs(x1 - x0), math.abs(y1 - y0))
  local n = math.ceil(math.min(reach, 4) * COLUMNS * 1.5)
  for k = 1, n do
    mark(map, x0 + (x1 - x0) * k / n, y0 + (y1 - y0) * k / n)
  end
end

local SAMPLES = 1500

local function mark_columns(map, layer, xcol, ycol, xr, yr)
  local n = math.min(xcol.n, ycol.n)
  local stride = math.max(1, n // SAMPLES)
  local px, py
  for i = 1, n, stride do
    local x, y = M.share(xr, data.at(xcol, i)), M.share(yr, data.at(ycol, i))
    if layer.solid and y == y then
      mark_segment(map, x, M.share(yr, yr.log and yr[1] or 0), x, y)
    elseif x == x and y == y then
      mark(map, x, y)
      if layer.trace and px then mark_segment(map, px, py, x, y) end
    end
    px, py = x == x and y == y and x or nil, y
  end
end

local function mark_layer(map, layer, xr, yr)
  if layer.across then
    local v = M.share(layer.across == "x" and xr or yr, layer.at)
    if layer.across == "x" then mark_segment(map, v, 0, v, 1)
    else mark_segment(map, 0, v, 1, v) end
  elseif layer.solid then
    for _, xcol in ipairs(layer.x) do
      mark_columns(map, layer, xcol, layer.y[1], xr, yr)
    end
  elseif layer.x and layer.y then
    for _, ycol in ipairs(layer.y) do
      mark_columns(map, layer, layer.cols[1], ycol, xr, yr)
    end
  end
end

local function mark_notes(map, panel, xr, yr, letter)
  for _, note in ipairs(panel.notes) do
    local x, y = note.x, note.y
    if note.coords == "axes" then x, y = M.share(xr, x), M.share(yr, y) end
    if note.kind == "text" then
      local length = (utf8.len(note.text) or #note.text) * letter
      local left = note.align == "left" and 0 or note.align == "center"
                   and -length / 2 or -length
      for _, dy in ipairs{-0.02, 0, 0.02} do
        mark_segment(map, x + left, y + dy, x + left + length, y + dy)
      end
    elseif x == x and y == y then
      local x1, y1 = note.x1, note.y1
      if note.coords == "axes" then
        x1, y1 = M.share(xr, x1), M.share(yr, y1)
      end
      mark_segment(map, x, y, x1, y1)
    end
  end
end

local function covered(map, x0, y0, w, h)
  local sum = 0
  for i = math.max(0, math.floor(x0 * COLUMNS)),
      math.min(COLUMNS - 1, math.floor((x0 + w) * COLUMNS)) do
    for j = math.max(0, math.floor(y0 * ROWS)),
        math.min(ROWS - 1, math.floor((y0 + h) * ROWS)) do
      sum = sum + (map[i + COLUMNS * j] and 1 or 0)
    end
  end
  return sum
end

local places = {{"top right", 1, 1}, {"top left", 0, 1},
                {"bottom right", 1, 0}, {"bottom left", 0, 0},
                {"top center", 0.5, 1}, {"bottom center", 0.5, 0},
                {"center right", 1, 0.5}, {"center left", 0, 0.5}}

-- best_legend(panel, xr, yr, w, h, letter): the name of the first free place
-- for a box of w x h (shares of the panel), "below" when none is free. letter:
-- a character's width as a share of the panel's.
function M.best_legend(panel, xr, yr, w, h, letter)
  local map = {}
  for _, layer in ipairs(panel.layers) do
    if layer.map or layer.levels then return "below" end
  end
  for _, layer in ipairs(panel.layers) do mark_layer(map, layer, xr, yr) end
  mark_notes(map, panel, xr, yr, letter)
  if w > 0.9 or h > 0.8 then return "below" end
  for _, place in ipairs(places) do
    local x0, y0 = place[2] * (1 - w), place[3] * (1 - h)
    if covered(map, x0, y0, w, h) == 0 then return place[1] end
  end
  return "below"
end

return M
