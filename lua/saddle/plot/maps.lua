-- maps.lua: drawings of functions of two variables and of points in space:
-- heat maps, level lines, surfaces, vector fields. Each returns layers as
-- kinds.lua describes them.  MIT licence.
local core = require "saddle.core"
local opt = require "saddle.opt"
local args_of = require "saddle.plot.args"
local data = require "saddle.plot.data"
local style = require "saddle.plot.style"

local M = {}
local none = opt.none
local split_options, check = args_of.split_options, args_of.check
local vectors, plus = args_of.vectors, args_of.plus
local line_options = args_of.line_options

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

-- ---- fields ---------------------------------------------------------------

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

return M
