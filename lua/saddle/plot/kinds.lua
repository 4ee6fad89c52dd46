-- kinds.lua: every kind of drawing, one function each. A kind checks its
-- arguments, takes a copy of the data and returns layers. A layer is
--   cols, record, using, with   the data and gnuplot's words for them
--   label, dash                 what the legend shows
--   x, y, z, c                  columns that each axis must cover
--   tight                       no free margin (maps); zero: y starts at 0
--   late                        a function that fills the rest when the script
--                               is written
-- Nothing here writes commands but `with` clauses made of our own words.
-- MIT licence.
local core = require "saddle.core"
local opt = require "saddle.opt"
local data = require "saddle.plot.data"
local style = require "saddle.plot.style"

local M = {}
local none = opt.none

-- The last argument when it is a table of options: no [1], some key.
local function split_options(...)
  local n = select("#", ...)
  local args = {...}
  while n > 0 and args[n] == nil do n = n - 1 end
  local last = args[n]
  if type(last) == "table" and last[1] == nil and next(last) ~= nil then
    args[n] = nil
    return args, last
  end
  return args, {}
end

local function with_defaults(extra)
  local all = {label = none, color = none, alpha = 1}
  for key, value in pairs(extra) do all[key] = value end
  return all
end

local function check(where, opts, extra)
  opts = opt.check(opts, with_defaults(extra), where)
  if opts.label ~= nil then opts.label = tostring(opts.label) end
  return opts
end

-- x and y; with y alone x counts from 1.
local function xy(where, args)
  if args[2] == nil then
    local y = data.vector(args[1], where .. ": y")
    local index = {}
    for i = 1, y.n do index[i] = i end
    return data.from_list(index), y
  end
  local x = data.vector(args[1], where .. ": x")
  local y = data.vector(args[2], where .. ": y")
  data.same(where, {"x", "y"}, {x, y})
  return x, y
end

local function vectors(where, names, args)
  local cols = {}
  for i, name in ipairs(names) do
    cols[i] = data.vector(args[i], where .. ": " .. name)
  end
  data.same(where, names, cols)
  return cols
end

local function constant(value, n)
  return {bytes = string.pack("<d", value):rep(n), n = n, shape = {n}}
end

-- ---- curves ---------------------------------------------------------------

local line_options = {width = none, style = none, marker = none, size = 1}

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

local function plus(a, b) return a + b end
local function minus(a, b) return a - b end

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

-- hist(values, {bins, range, density, outline, label, color, alpha}): bins is a
-- number or the edges; values may have any shape. outline = true draws the
-- contour alone, for several in one panel.
function M.hist(panel, ...)
  local args, opts = split_options(...)
  opts = check("hist", opts, {bins = none, range = none, density = false,
                              outline = false, alpha = 0.75, width = none,
                              style = none})
  local range = opts.range and style.range(opts.range, "hist: range")
  local col = data.numbers(args[1], "hist: values")
  local edges, count = data.histogram(col, opts.bins, range, opts.density,
                                      "hist")
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

-- ---- maps -----------------------------------------------------------------

-- n + 1 edges of the cells around n points: midpoints (geometric ones on a log
-- axis), the outer cells symmetric.
local function cell_edges(points, log)
  local n = #points
  local to = log and math.log or function(v) return v end
  local back = log and math.exp or to
  local edges = {}
  for i = 2, n do
    edges[i] = back(0.5 * (to(points[i - 1]) + to(points[i])))
  end
  local first = n > 1 and to(edges[2]) or to(points[1]) + 0.5
  local last = n > 1 and to(edges[n]) or to(points[n]) - 0.5
  edges[1] = back(2 * to(points[1]) - first)
  edges[n + 1] = back(2 * to(points[n]) - last)
  return edges
end

local function cells(g, xe, ye)
  local x, y, z = data.grid_columns(g)
  local function part(list, from)
    return table.move(list, from, #list - 2 + from, 1, {})
  end
  local x0, y0 = data.grid_columns{x = part(xe, 1), y = part(ye, 1)}
  local x1, y1 = data.grid_columns{x = part(xe, 2), y = part(ye, 2)}
  return {x, y, x0, x1, y0, y1, z}
end

local function check_positive(points, log, what)
  for _, v in ipairs(points) do
    if log and v <= 0 then
      core.fail(("heatmap: %s: a log axis needs positive values, got %g")
                :format(what, v))
    end
  end
end

local function increasing(points)
  return #points > 1 and points[1] < points[#points]
end

-- Even grids on linear axes are one image, all others a box for each cell.
-- Decided when the script is written: an axis may become logarithmic later.
local function resolve_map(layer, panel)
  local g, logx, logy = layer.grid, panel.opts.logx, panel.opts.logy
  check_positive(g.x, logx, "x")
  check_positive(g.y, logy, "y")
  local xe, ye = cell_edges(g.x, logx), cell_edges(g.y, logy)
  if not layer.clipped then
    layer.x = {data.from_list{xe[1], xe[#xe]}}
    layer.y = {data.from_list{ye[1], ye[#ye]}}
  end
  if not (logx or logy) and increasing(g.x) and increasing(g.y)
      and data.is_uniform(g.x) and data.is_uniform(g.y) then
    layer.cols = {data.grid_columns(g)}
    layer.record = ("(%d,%d)"):format(#g.x, #g.y)
    layer.using, layer.with = "1:2:3", "image"
  else
    layer.cols, layer.record = cells(g, xe, ye), nil
    layer.using = "1:2:3:4:5:6:7"
    layer.with = "boxxyerror fs solid noborder fc palette"
  end
end

-- clipped: the range is set by another layer.
local function map_layer(g, opts, clipped)
  return {grid = g, late = resolve_map, clipped = clipped, c = {g.z},
          tight = true, map = true, palette = opts.palette,
          label = not clipped and opts.label or nil}
end

-- heatmap(z), heatmap(xs, ys, z), heatmap({x0, x1}, {y0, y1}, f) with options
-- {palette, n}
function M.heatmap(_, ...)
  local args, opts = split_options(...)
  opts = check("heatmap", opts, {palette = "sequential", n = 101})
  local g = data.grid("heatmap", style.count(opts.n, "heatmap: n"), args[1],
                      args[2], args[3])
  return {map_layer(g, opts, false)}
end

local function linear_levels(lo, hi, n)
  local step = data.nice_step(hi - lo, n)
  local levels = {}
  for k = math.floor(lo / step) + 1, math.ceil(hi / step) - 1 do
    levels[#levels + 1] = k * step
  end
  return levels
end

local function log_levels(positive, hi, n)
  local levels = {}
  local a, b = math.log(positive), math.log(hi)
  for i = 1, n do levels[i] = math.exp(a + (b - a) * (i - 0.5) / n) end
  return levels
end

-- A number of levels, a list of them, or "log".
local function choose_levels(g, opts)
  local lo, hi, positive = data.extent(g.z)
  if lo == nil then core.fail("contour: z has no finite value") end
  local n = type(opts.levels) == "number"
            and style.count(opts.levels, "contour: levels") or 10
  if opts.levels ~= nil and type(opts.levels) ~= "number"
      and opts.levels ~= "log" then
    local levels = {}
    data.each(data.vector(opts.levels, "contour: levels"), function(v)
      levels[#levels + 1] = v
    end)
    return levels
  end
  if lo == hi then core.fail(("contour: z is constant (%g)"):format(lo)) end
  if opts.levels == "log" or opts.log then
    if not positive then core.fail("contour: levels: no z is positive") end
    return log_levels(positive, hi, n)
  end
  return linear_levels(lo, hi, n)
end

-- contour(z), contour(xs, ys, z), contour({x0, x1}, {y0, y1}, f) with options
-- {levels = number, list or "log"; log; fill; color; width; palette; n}. Lines
-- carry the palette's colour of their level; over a fill they are thin and
-- dark.
function M.contour(panel, ...)
  local args, opts = split_options(...)
  opts = check("contour", opts, {levels = none, log = false, fill = false,
                                 width = none, style = none, n = 101,
                                 palette = "sequential"})
  local g = data.grid("contour", style.count(opts.n, "contour: n"), args[1],
                      args[2], args[3])
  local layers = {}
  if #g.x < 2 or #g.y < 2 then
    core.fail("contour: z: two rows and two columns or more are needed")
  end
  local levels = choose_levels(g, opts)
  local plain = opts.fill or opts.color ~= nil
  if opts.fill then
    layers[1] = map_layer(g, opts, true) -- the lines' range cuts half a cell
    opts.color = opts.color or "#262626"
    opts.width = opts.width or 0.4
  end
  local log = opts.levels == "log" or opts.log
  local line = {
    cols = {data.grid_columns(g)}, levels = levels,
    record = ("(%d,%d)"):format(#g.x, #g.y), tight = true,
    x = {data.from_list{g.x[1], g.x[#g.x]}},
    y = {data.from_list{g.y[1], g.y[#g.y]}}, label = opts.label,
    using = plain and "1:2" or "1:2:3",
    with = "lines" .. (plain and style.line(panel, opts, "contour")
                       or style.width(opts, "contour") .. " lc palette"),
  }
  if not plain then
    line.c, line.palette = {data.from_list(levels)}, opts.palette
  end
  line.logc = log
  layers[#layers + 1] = line
  return layers
end

-- ---- three dimensions -----------------------------------------------------

-- surface(z), surface(xs, ys, z), surface({x0, x1}, {y0, y1}, f) with options
-- {palette, n, mesh, contour}. mesh = false leaves the lines out; contour =
-- true draws level lines on the floor.
function M.surface(_, ...)
  local args, opts = split_options(...)
  opts = check("surface", opts, {palette = "sequential", n = 41, mesh = true,
                                 contour = false})
  local g = data.grid("surface", style.count(opts.n, "surface: n"), args[1],
                      args[2], args[3])
  if #g.x < 2 or #g.y < 2 then
    core.fail("surface: z: two rows and two columns or more are needed")
  end
  local x, y = data.from_list(g.x), data.from_list(g.y)
  return {{cols = {data.grid_columns(g)}, using = "1:2:3", space = true,
           record = ("(%d,%d)"):format(#g.x, #g.y), x = {x}, y = {y},
           z = {g.z}, c = {g.z}, tight = true, palette = opts.palette,
           mesh = opts.mesh, floor = opts.contour, with = "pm3d",
           label = opts.label}}
end

-- line3(xs, ys, zs, opts), scatter3(xs, ys, zs, opts)
function M.line3(panel, ...)
  local args, opts = split_options(...)
  opts = check("line3", opts, line_options)
  local cols = vectors("line3", {"x", "y", "z"}, args)
  return {{cols = cols, using = "1:2:3", space = true, x = {cols[1]},
           y = {cols[2]}, z = {cols[3]}, label = opts.label,
           with = (opts.marker and "linespoints" or "lines")
                  .. style.line(panel, opts, "line3")}}
end

function M.scatter3(panel, ...)
  local args, opts = split_options(...)
  opts = check("scatter3", opts, {marker = "circle", size = 1})
  local cols = vectors("scatter3", {"x", "y", "z"}, args)
  return {{cols = cols, using = "1:2:3", space = true, x = {cols[1]},
           y = {cols[2]}, z = {cols[3]}, label = opts.label,
           with = "points" .. style.point(panel, opts, "scatter3")}}
end

-- ---- arrows ---------------------------------------------------------------

local function sample_field(where, args, n)
  local xs = data.linspace(args[1][1], args[1][2], n)
  local ys = data.linspace(args[2][1], args[2][2], n)
  local cols = {{}, {}, {}, {}}
  for _, y in ipairs(ys) do
    for _, x in ipairs(xs) do
      local u, v = args[3](x, y)
      if type(u) ~= "number" or type(v) ~= "number" then
        core.fail(where .. ": f must return two numbers")
      end
      local i = #cols[1] + 1
      cols[1][i], cols[2][i], cols[3][i], cols[4][i] = x, y, u, v
    end
  end
  for i = 1, 4 do cols[i] = data.from_list(cols[i]) end
  return cols
end

-- The longest arrow reaches over one cell of n points.
local function arrow_scale(cols)
  local longest = 0
  data.map(function(u, v)
    local length = math.sqrt(u * u + v * v)
    if length - length == 0 then longest = math.max(longest, length) end
    return 0
  end, cols[3], cols[4])
  local x0, x1 = data.extent(cols[1])
  local y0, y1 = data.extent(cols[2])
  local side = math.max((x1 or 0) - (x0 or 0), (y1 or 0) - (y0 or 0))
  return longest > 0 and side / math.sqrt(cols[1].n) / longest or 1
end

-- quiver(xs, ys, us, vs) or quiver({x0, x1}, {y0, y1}, f) where f(x, y) gives
-- u, v; options {scale, n, color, width}. The default scale makes the longest
-- arrow as long as the mean distance of the points.
function M.quiver(panel, ...)
  local args, opts = split_options(...)
  opts = check("quiver", opts, {scale = none, n = 15, width = 0.7,
                                style = none})
  local cols
  if type(args[3]) == "function" then
    for i = 1, 2 do
      args[i] = style.range(args[i], "quiver: " .. ("xy"):sub(i, i))
    end
    cols = sample_field("quiver", args, style.count(opts.n, "quiver: n"))
  else
    cols = vectors("quiver", {"x", "y", "u", "v"}, args)
  end
  local scale = opts.scale and style.positive(opts.scale, "quiver: scale")
                or arrow_scale(cols)
  local grow = function(v) return v * scale end
  local x, y = cols[1], cols[2]
  local u, v = data.map(grow, cols[3]), data.map(grow, cols[4])
  return {{cols = {x, y, u, v}, using = "1:2:3:4", label = opts.label,
           x = {x, data.map(plus, x, u)}, y = {y, data.map(plus, y, v)},
           with = "vectors filled head size graph 0.02,20"
                  .. style.line(panel, opts, "quiver")}}
end

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
      tostring(value)))
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
                :format(where, i, tostring(v)))
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
    text = tostring(s), align = opts.align, coords = opts.coords,
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

return M
