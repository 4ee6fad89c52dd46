-- kinds.lua: every kind of drawing, one function each (maps, surfaces and
-- fields in maps.lua). A kind checks its arguments, takes a copy of the data
-- and returns layers. A layer is
--   cols, record, using, with   the data and gnuplot's words for them
--   label                       what the legend shows
--   x, y, z, c                  columns that each axis must cover
--   trace, solid, across, map, space   a curve; bars; a line across the panel;
--                               a coloured area; a drawing in three dimensions
--   tight                       no free margin (maps); zero: y starts at 0
--   late                        a function that fills the rest when the script
--                               is written
-- Nothing here writes commands but `with` clauses made of our own words.
-- MIT licence.
local core = require "saddle.core"
local opt = require "saddle.opt"
local args_of = require "saddle.plot.args"
local data = require "saddle.plot.data"
local quote = require "saddle.plot.quote"
local style = require "saddle.plot.style"

local M = {}
local none = opt.none
local split_options, check = args_of.split_options, args_of.check
local xy, vectors, constant = args_of.xy, args_of.vectors, args_of.constant
local plus, minus = args_of.plus, args_of.minus
local line_options = args_of.line_options

-- ---- curves ---------------------------------------------------------------

-- line(xs, ys, {label, color, width, style, marker, size, alpha})
function M.line(panel, ...)
  local args, opts = split_options(...)
  opts = check("line", opts, line_options)
  local x, y = xy("line", args)
  local look = style.line(panel, opts, "line")
  local with = opts.marker and "linespoints" or "lines"
  return {{cols = {x, y}, using = "1:2", with = with .. look, x = {x},
           y = {y}, label = opts.label, trace = true}}
end

-- steps(xs, ys, opts): a curve that keeps its value until the next x.
function M.steps(panel, ...)
  local args, opts = split_options(...)
  opts = check("steps", opts, {width = none, style = none})
  local x, y = xy("steps", args)
  return {{cols = {x, y}, using = "1:2",
           with = "steps" .. style.line(panel, opts, "steps"), x = {x},
           y = {y}, label = opts.label, trace = true}}
end

-- scatter(xs, ys, {label, color, marker, size, alpha, values}): values colours
-- each point by the panel's palette.
function M.scatter(panel, ...)
  local args, opts = split_options(...)
  opts = check("scatter", opts, {marker = "circle", size = 1, values = none,
                                 palette = none})
  local x, y = xy("scatter", args)
  local layer = {cols = {x, y}, using = "1:2", x = {x}, y = {y},
                 label = opts.label}
  if opts.values ~= nil then
    local c = data.vector(opts.values, "scatter: values")
    data.same("scatter", {"x", "values"}, {x, c})
    layer.cols[3], layer.using, layer.c = c, "1:2:3", {c}
    layer.palette = opts.palette or "sequential"
    layer.with = "points" .. style.marker(opts, "scatter") .. " lc palette"
    -- A rim keeps the palette's palest colours visible on white.
    local rim = {cols = {x, y}, using = "1:2", with = "points" .. style.marker(
      {marker = opts.marker, size = opts.size * 1.25}, "scatter")
      .. " lc rgb '#808080'"}
    return {rim, layer}
  else
    layer.with = "points" .. style.point(panel, opts, "scatter")
  end
  return {layer}
end

-- Error bars: a number, a column, or {lo =, hi =} of either.
local function errors(value, n, what)
  if type(value) == "number" then
    return constant(value, n), constant(value, n)
  end
  if type(value) == "table" and (value.lo ~= nil or value.hi ~= nil) then
    local lo = errors(value.lo or 0, n, what .. ": lo")
    local hi = errors(value.hi or 0, n, what .. ": hi")
    return lo, hi
  end
  local col = data.vector(value, what)
  return col, col
end

local function bounds(v, value, what, name)
  local lo, hi = errors(value, v.n, what)
  data.same("errorbar", {name, name .. "err", name .. "err"}, {v, lo, hi})
  return data.map(minus, v, lo), data.map(plus, v, hi)
end

-- errorbar(xs, ys, yerr, {xerr, label, color, marker, size, line}): yerr and
-- xerr are a number, a column, or {lo =, hi =}. line = true joins the points.
function M.errorbar(panel, ...)
  local args, opts = split_options(...)
  if type(args[3]) == "nil" and type((select(3, ...))) == "table" then
    local third = select(3, ...)
    if third.lo ~= nil or third.hi ~= nil then args[3], opts = third, {} end
  end
  opts = check("errorbar", opts, {xerr = none, yerr = none, marker = "circle",
                                  size = 1, width = none, line = false,
                                  style = none})
  local x, y = xy("errorbar", args)
  local yerr = args[3]
  if yerr == nil then yerr = opts.yerr end
  local layer = {cols = {x, y}, x = {x}, y = {y}, label = opts.label}
  local kind
  if opts.xerr ~= nil then
    local lo, hi = bounds(x, opts.xerr, "errorbar: xerr", "x")
    layer.cols[3], layer.cols[4], layer.x = lo, hi, {lo, hi}
    layer.using, kind = "1:2:3:4", "xerror"
  end
  if yerr ~= nil then
    local lo, hi = bounds(y, yerr, "errorbar: yerr", "y")
    layer.cols[#layer.cols + 1], layer.cols[#layer.cols + 2] = lo, hi
    layer.y = {lo, hi}
    layer.using = kind and "1:2:3:4:5:6" or "1:2:3:4"
    kind = kind and "xyerror" or "yerror"
  end
  if not kind then core.fail("errorbar: yerr: the errors are missing") end
  layer.with = kind .. (opts.line and "lines" or "bars")
               .. style.point(panel, opts, "errorbar")
  return {layer}
end

-- band(xs, ylow, yhigh, {label, color, alpha})
function M.band(panel, ...)
  local args, opts = split_options(...)
  opts = check("band", opts, {alpha = 0.25})
  local cols = vectors("band", {"x", "ylow", "yhigh"}, args)
  return {{cols = cols, using = "1:2:3", x = {cols[1]},
           y = {cols[2], cols[3]}, label = opts.label, trace = true,
           with = "filledcurves" .. style.fill(panel, opts, "band")}}
end

-- ---- bars -----------------------------------------------------------------

local function boxes(panel, opts, where, centres, heights, widths)
  local left = data.map(function(c, w) return c - w / 2 end, centres, widths)
  local right = data.map(function(c, w) return c + w / 2 end, centres, widths)
  return {cols = {centres, heights, widths}, using = "1:2:3",
          with = "boxes" .. style.fill(panel, opts, where), x = {left, right},
          y = {heights}, zero = true, solid = true, label = opts.label}
end

-- Edges and heights: of values that are counted here, or of what a march
-- counted, by its number of time (the last) and of value (the first).
local function bins_of(values, opts)
  local meta = getmetatable(values)
  if type(values) == "table" and meta and meta.__name == "histogram" then
    local t, k = opts.time, opts.value
    if opts.bins or opts.range then
      core.fail("hist: bins, range: a march's histogram has its own")
    end
    local heights = opts.density and values:density(t, k) or
      values.counts[{t or values.counts.shape[1], k or 1, ":"}]
    return values:edges(k):totable(), heights:totable()
  end
  local range = opts.range and style.range(opts.range, "hist: range")
  local col = data.numbers(values, "hist: values")
  return data.histogram(col, opts.bins, range, opts.density, "hist")
end

-- hist(values, {bins, range, density, outline, label, color, alpha}): bins is a
-- number or the edges; values may have any shape. outline = true draws the
-- contour alone, for several in one panel. A march's histogram may stand in
-- place of values, with options time (its number, the last) and value (1).
function M.hist(panel, ...)
  local args, opts = split_options(...)
  opts = check("hist", opts, {bins = none, range = none, density = false,
                              outline = false, alpha = 0.75, width = none,
                              style = none, time = none, value = none})
  local edges, count = bins_of(args[1], opts)
  if opts.outline then
    opts.alpha = 1
    local xs, ys = {edges[1]}, {0}
    for i, v in ipairs(count) do
      xs[2 * i], ys[2 * i] = edges[i], v
      xs[2 * i + 1], ys[2 * i + 1] = edges[i + 1], v
    end
    xs[#xs + 1], ys[#ys + 1] = edges[#edges], 0
    local x, y = data.from_list(xs), data.from_list(ys)
    return {{cols = {x, y}, using = "1:2", x = {x}, y = {y}, zero = true,
             with = "lines" .. style.line(panel, opts, "hist"), trace = true,
             label = opts.label}}
  end
  local centre, width = {}, {}
  for i = 1, #count do
    centre[i] = 0.5 * (edges[i] + edges[i + 1])
    width[i] = edges[i + 1] - edges[i]
  end
  return {boxes(panel, opts, "hist", data.from_list(centre),
                data.from_list(count), data.from_list(width))}
end

-- bar(xs, heights, {width, label, color, alpha}): xs are numbers or names.
function M.bar(panel, ...)
  local args, opts = split_options(...)
  opts = check("bar", opts, {width = 0.7, alpha = 0.9})
  local xs, names = args[1], nil
  if type(xs) == "table" and type(xs[1]) == "string" then
    names, xs = xs, {}
    for i = 1, #names do xs[i] = i end
  end
  local cols = vectors("bar", {"x", "heights"}, {xs, args[2]})
  local width = style.positive(opts.width, "bar: width")
  local layer = boxes(panel, opts, "bar", cols[1], cols[2],
                      constant(width, cols[1].n))
  layer.names = names
  if not names and cols[1].n <= 12 then
    layer.places = {}
    data.each(cols[1], function(v)
      layer.places[#layer.places + 1] = v
    end)
  end
  return {layer}
end

-- ---- arrows ---------------------------------------------------------------

-- Where the heads of a path stand: `count` places evenly spaced along it.
local function head_places(x, y, count)
  local total, walked = 0, {0}
  for i = 2, x.n do
    local step = math.sqrt((data.at(x, i) - data.at(x, i - 1)) ^ 2
                           + (data.at(y, i) - data.at(y, i - 1)) ^ 2)
    total = total + (step == step and step or 0)
    walked[i] = total
  end
  local places, k = {}, 1
  for i = 2, x.n do
    local due = total * k / (count + 1)
    if k <= count and walked[i] >= due and walked[i] > walked[i - 1] then
      places[#places + 1] = i
      while k <= count and walked[i] >= total * k / (count + 1) do k = k + 1 end
    end
  end
  return places
end

-- path(xs, ys, {arrows, ends, ...line options}): a curve with a direction:
-- `arrows` heads along it (default 4), an open circle at its start and a full
-- one at its end.
function M.path(panel, ...)
  local args, opts = split_options(...)
  opts = check("path", opts, {width = none, style = none, marker = none,
                              size = 1, arrows = 4, ends = true})
  local x, y = xy("path", args)
  local look = style.line(panel, opts, "path")
  local layers = {{cols = {x, y}, using = "1:2", x = {x}, y = {y},
                   with = (opts.marker and "linespoints" or "lines") .. look,
                   label = opts.label, trace = true}}
  local heads = {{}, {}, {}, {}}
  local arrows = opts.arrows == true and 4 or opts.arrows or 0
  for _, i in ipairs(head_places(x, y, arrows)) do
    local x0, y0 = data.at(x, i - 1), data.at(y, i - 1)
    local k = #heads[1] + 1
    heads[1][k], heads[2][k] = x0, y0
    heads[3][k], heads[4][k] = data.at(x, i) - x0, data.at(y, i) - y0
  end
  if #heads[1] > 0 then
    for i = 1, 4 do heads[i] = data.from_list(heads[i]) end
    layers[2] = {cols = heads, using = "1:2:3:4",
                 with = "vectors filled head size graph 0.025,20" .. look}
  end
  if opts.ends and x.n > 0 then
    for i, name in ipairs{"opencircle", "circle"} do
      local at = i == 1 and 1 or x.n
      layers[#layers + 1] = {
        cols = {data.from_list{data.at(x, at)}, data.from_list{data.at(y, at)}},
        using = "1:2", with = "points" .. style.point(panel, {
          marker = name, size = 1.2 * opts.size, alpha = opts.alpha,
          color = opts.color or panel.last_color}, "path")}
    end
  end
  return layers
end

-- ---- lines across, text ---------------------------------------------------

local function across(where, value, opts, panel)
  opts = check(where, opts, {width = 0.8, style = "dash"})
  if type(value) ~= "number" or value - value ~= 0 then
    core.fail(("%s: a finite number is expected, got %s"):format(where,
      opt.show(value)))
  end
  if opts.color == nil then opts.color = "grey" end
  return opts, style.line(panel, opts, where)
end

-- hline(y, opts), vline(x, opts): a line across the panel.
function M.hline(panel, value, opts)
  local look
  opts, look = across("hline", value, opts, panel)
  local y = data.from_list{value}
  return {{y = {y}, label = opts.label, across = "y", at = value,
           using = "1:2", with = "lines" .. look}}
end

function M.vline(panel, value, opts)
  local look
  opts, look = across("vline", value, opts, panel)
  local x = data.from_list{value}
  return {{x = {x}, label = opts.label, across = "x", at = value,
           using = "1:2", with = "lines" .. look}}
end

local function finite(where, ...)
  for i = 1, select("#", ...) do
    local v = select(i, ...)
    if type(v) ~= "number" or v - v ~= 0 then
      core.fail(("%s: argument %d: a finite number is expected, got %s")
                :format(where, i, opt.show(v)))
    end
  end
end

-- text(x, y, s, {align, color, size, rotate, coords}): coords = "panel" counts
-- 0..1 over the panel instead of the axes' units.
function M.text(panel, x, y, s, opts)
  finite("text", x, y)
  opts = opt.check(opts, {align = "left", color = none, size = 1, rotate = 0,
                          coords = "axes"}, "text")
  opt.choice(opts.align, {"left", "center", "right"}, "text: align")
  opt.choice(opts.coords, {"axes", "panel"}, "text: coords")
  if s == nil then core.fail("text: argument 3: the text is missing") end
  panel.notes[#panel.notes + 1] = {kind = "text", x = x, y = y,
    text = quote.plain(s, "text: argument 3"), align = opts.align, coords = opts.coords,
    color = style.color(panel, opts.color or panel.theme.ink, 1, "text"),
    size = style.positive(opts.size, "text: size"),
    rotate = style.finite(opts.rotate, "text: rotate")}
  return {}
end

-- arrow(x0, y0, x1, y1, {color, width, style, head, coords})
function M.arrow(panel, x0, y0, x1, y1, opts)
  finite("arrow", x0, y0, x1, y1)
  opts = opt.check(opts, {color = none, width = 0.8, style = none, alpha = 1,
                          head = true, coords = "axes"}, "arrow")
  opt.choice(opts.coords, {"axes", "panel"}, "arrow: coords")
  if opts.color == nil then opts.color = panel.theme.ink end
  panel.notes[#panel.notes + 1] = {kind = "arrow", x = x0, y = y0, x1 = x1,
    y1 = y1, coords = opts.coords, head = opts.head,
    look = style.line(panel, opts, "arrow")}
  return {}
end

-- annotate(s, {x, y}, {tx, ty}, {align, color, size}): text at (tx, ty) with an
-- arrow to the point (x, y).
function M.annotate(panel, s, point, from, opts)
  point = style.range(point, "annotate: point")
  from = style.range(from, "annotate: text position")
  opts = opt.check(opts, {align = none, color = none, size = 1}, "annotate")
  local align = opts.align or (from[1] > point[1] and "left" or "right")
  M.arrow(panel, from[1], from[2], point[1], point[2], {color = opts.color})
  panel.notes[#panel.notes].gap = true
  M.text(panel, from[1], from[2], s, {align = align, color = opts.color,
                                      size = opts.size})
  return {}
end

for name, kind in pairs(require "saddle.plot.maps") do M[name] = kind end

return M
