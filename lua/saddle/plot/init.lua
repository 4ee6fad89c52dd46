-- saddle.plot: figures. A figure is a description; nothing reaches gnuplot
-- before save, show, ascii or script. Drawing methods (kinds.lua) and setters
-- exist on figures and on their panels and return what they were called on:
--   plot.figure{title = "escape", xlabel = "t"}
--     :line(t, x, {label = "x"}):hline(0):save "escape.svg"
--   local fig = plot.figure{panels = {1, 2}}
--   fig[1]:line(t, x); fig[2]:hist(x); fig:save "both.pdf"
-- MIT licence.
local core = require "saddle.core"
local opt = require "saddle.opt"
local data = require "saddle.plot.data"
local gnuplot = require "saddle.plot.gnuplot"
local kinds = require "saddle.plot.kinds"
local quote = require "saddle.plot.quote"
local script = require "saddle.plot.script"
local style = require "saddle.plot.style"
local theme = require "saddle.plot.theme"

local process = core.process
local M = {theme = theme, gnuplot = gnuplot}

local none = opt.none

-- Options of a panel; given to a figure they hold for all its panels.
local panel_defaults = {
  title = none, xlabel = none, ylabel = none, zlabel = none, clabel = none,
  xrange = none, yrange = none, zrange = none, crange = none,
  logx = none, logy = none, logz = none, logc = none,
  xtics = none, ytics = none, ztics = none, ctics = none,
  legend = "best", grid = none, equal = false, view = none, palette = none,
  colorbar = true,
}
local figure_defaults = {panels = none, size = none, theme = none}
for key, value in pairs(panel_defaults) do figure_defaults[key] = value end

local legends = {"best", "top right", "top left", "top center", "bottom right",
                 "bottom left", "bottom center", "center right", "center left",
                 "below", "right"}

-- ---- options --------------------------------------------------------------

-- {lo, hi}, where a missing end (false) is automatic.
local function check_range(v, what)
  if type(v) ~= "table" and not opt.is_tensor(v) then
    core.fail(("%s: expected {from, to}, got %s"):format(what, opt.show(v)))
  end
  local a, b = v[1], v[2]
  if a and b then return style.range(v, what) end
  for _, x in ipairs{a or 0, b or 0} do style.finite(x, what) end
  return {a, b}
end

local function check_tics(v, what)
  if v == false then return v end
  if type(v) == "number" then return style.positive(v, what) end
  local out = {}
  if type(v) ~= "table" then
    core.fail(what .. ": expected false, a step or a list of places")
  end
  for i, tic in ipairs(v) do
    if type(tic) == "table" then
      out[i] = {quote.plain(tic[1], what), style.finite(tic[2], what)}
    else
      out[i] = style.finite(tic, what)
    end
  end
  return out
end

local function check_palette(v, what)
  if type(v) == "string" then
    return opt.choice(v, {"sequential", "diverging"}, what)
  end
  if type(v) ~= "table" or #v < 2 then
    core.fail(what .. ": expected a name or a list of '#rrggbb'")
  end
  for _, rgb in ipairs(v) do
    if type(rgb) ~= "string" or not rgb:match("^#%x%x%x%x%x%x$") then
      core.fail(("%s: '%s' is not '#rrggbb'"):format(what, opt.show(rgb)))
    end
  end
  return v
end

local function check_legend(v, what)
  if v == false then return v end
  if v == true then return "best" end
  return opt.choice(v, legends, what)
end

-- Checks and normalises one option; what reads "figure: xrange".
local function check_value(key, value, what)
  if key:match("label$") or key == "title" then
    return quote.plain(value, what)
  end
  if key:match("range$") then return check_range(value, what) end
  if key:match("tics$") then return check_tics(value, what) end
  if key == "view" then return style.range(value, what) end
  if key == "palette" then return check_palette(value, what) end
  if key == "legend" then return check_legend(value, what) end
  return value
end

local function check_panel(opts, where)
  opts = opt.check(opts, panel_defaults, where)
  for key, value in pairs(opts) do
    opts[key] = check_value(key, value, where .. ": " .. key)
  end
  opts.view = opts.view or {60, 30}
  return opts
end

-- ---- panels ---------------------------------------------------------------

local Panel, Figure = {}, {}
Panel.__index = Panel
Panel.__name = "saddle.panel"

local function new_panel(figure, index, opts)
  return setmetatable({figure = figure, index = index, opts = opts,
                       theme = figure.theme, layers = {}, notes = {},
                       kinds = {}, count = 0}, Panel)
end

for name, kind in pairs(kinds) do
  Panel[name] = function(self, ...)
    for _, layer in ipairs(kind(self, ...)) do
      if type(layer.palette) ~= "nil" then
        layer.palette = check_palette(layer.palette, name .. ": palette")
      end
      self.layers[#self.layers + 1] = layer
    end
    self.kinds[#self.kinds + 1] = name
    return self
  end
  Figure[name] = function(self, ...)
    local panel = self.panels[self.current]
    panel[name](panel, ...)
    return self
  end
end

-- Setters: panel:xlabel "t", panel:xrange(0, 1), panel:logy().
local function setter(key)
  return function(self, value, second)
    if value == nil then value = true end
    if key:match("range$") and second ~= nil then value = {value, second} end
    if key == "view" and second ~= nil then value = {value, second} end
    self.opts[key] = check_value(key, value, key)
    return self
  end
end

for key in pairs(panel_defaults) do
  Panel[key] = setter(key)
  Figure[key] = function(self, ...)
    if key == "title" and #self.panels > 1 then
      self.heading = check_value(key, (...), key)
      return self
    end
    local panel = self.panels[self.current]
    panel[key](panel, ...)
    return self
  end
end

-- set{...}: several options at once, checked like plot.figure's.
function Panel:set(opts)
  opts = opts or {}
  for key, value in pairs(opt.check(opts, panel_defaults, "set")) do
    if opts[key] ~= nil then
      self.opts[key] = check_value(key, value, "set: " .. key)
    end
  end
  return self
end

function Figure:set(opts)
  self.panels[self.current]:set(opts)
  return self
end

-- ---- figures --------------------------------------------------------------

local function whole(v)
  local n = type(v) == "number" and math.tointeger(v)
  return n and n >= 1 and n or nil
end

local function check_panels(v)
  if v == nil then return 1, 1 end
  local rows, columns
  if type(v) == "number" then
    rows, columns = 1, whole(v)
  elseif type(v) == "table" then
    rows, columns = whole(v[1]), whole(v[2] or 1)
  end
  if not rows or not columns or rows * columns > 100 then
    core.fail("plot.figure: panels: expected {rows, columns}")
  end
  return rows, columns
end

-- Inches: {width, height}, "column", "page" or automatic.
local function check_size(v, rows, columns, th)
  if type(v) == "table" then
    for i = 1, 2 do
      style.positive(v[i], "plot.figure: size")
      if v[i] > 60 then core.fail("plot.figure: size: inches, at most 60") end
    end
    return {v[1], v[2]}
  end
  v = v or (columns > 1 and "page" or "column")
  opt.choice(v, {"column", "page"}, "plot.figure: size")
  local width = v == "page" and th.page or th.column
  local height = math.min(width / columns * th.aspect, 3.2)
  return {width, math.min(height * rows, 9)}
end

-- figure(options): see panel_defaults for the options of panels; besides,
-- panels = {rows, columns}, size = {inches, inches} or "column" or "page",
-- theme = changes to plot.theme. With several panels the title stands above
-- them all.
function M.figure(opts)
  opts = opt.check(opts, figure_defaults, "plot.figure")
  local self = {panels = {}, current = 1, warnings = {}}
  self.theme = opt.check(opts.theme, theme, "plot.figure: theme")
  quote.check_theme(self.theme, "plot.figure: theme")
  self.rows, self.columns = check_panels(opts.panels)
  self.size = check_size(opts.size, self.rows, self.columns, self.theme)
  local several = self.rows * self.columns > 1
  if several and opts.title ~= nil then
    self.heading = quote.plain(opts.title, "plot.figure: title")
  end
  for key in pairs(figure_defaults) do
    if panel_defaults[key] == nil or (several and key == "title") then
      opts[key] = nil
    end
  end
  for i = 1, self.rows * self.columns do
    self.panels[i] = new_panel(self, i, check_panel(opts, "plot.figure"))
  end
  return setmetatable(self, Figure)
end

Figure.__name = "saddle.figure"

function Figure.__index(self, key)
  local method = Figure[key]
  if method ~= nil then return method end
  local i = type(key) == "number" and math.tointeger(key)
  if not i then return nil end
  local panel = rawget(self, "panels")[i]
  if panel == nil and i ~= #self.panels + 1 then
    core.fail(("figure: panel %d of %d"):format(i, #self.panels))
  end
  return panel
end

function Figure:__len() return #self.panels end

-- panel(i): the i-th panel. next(): later drawing goes to the next one.
function Figure:panel(i)
  local k = type(i) == "number" and math.tointeger(i)
  if not k or not self.panels[k] then
    core.fail(("figure: panel %s of %d"):format(opt.show(i), #self.panels))
  end
  return self.panels[k]
end

function Figure:next()
  if self.current == #self.panels then
    core.fail(("figure: next: panel %d is the last"):format(self.current))
  end
  self.current = self.current + 1
  return self
end

function Figure:__tostring()
  local title = self.heading or self.panels[1].opts.title
  local parts = {}
  for i, panel in ipairs(self.panels) do
    parts[i] = #panel.kinds > 0 and table.concat(panel.kinds, " + ") or "empty"
  end
  return ("figure%s: %d panel%s (%s), %.3g x %.3g in"):format(
    title and " '" .. title .. "'" or "", #self.panels,
    #self.panels > 1 and "s" or "", table.concat(parts, "; "), self.size[1],
    self.size[2])
end

function Panel:__tostring()
  return ("panel %d of %s"):format(self.index, tostring(self.figure))
end

-- ---- output ---------------------------------------------------------------

-- Terminals by file ending. A point is 1/72 inch in all of them; the factors
-- bring gnuplot's own units for text and lines there.
local terminals = {}

function terminals.png(fig, dpi)
  local th, k = fig.theme, dpi / 72
  return ("pngcairo enhanced size %d,%d font '%s,%s' fontscale %s linewidth %s "
          .. "pointscale %s background rgb '%s'"):format(
    math.floor(fig.size[1] * dpi + 0.5), math.floor(fig.size[2] * dpi + 0.5),
    th.font, quote.number(th.fontsize), quote.number(dpi / 96), quote.number(k),
    quote.number(th.pointsize * k), th.background)
end

function terminals.svg(fig)
  local th, k = fig.theme, 96 / 72
  return ("svg enhanced size %d,%d font '%s,%s' fontscale %s "
          .. "linewidth %s background rgb '%s' name 'saddle'"):format(
    math.floor(fig.size[1] * 96 + 0.5), math.floor(fig.size[2] * 96 + 0.5),
    th.svgfont, quote.number(th.fontsize), quote.number(k), quote.number(k),
    th.background)
end

function terminals.pdf(fig)
  local th = fig.theme
  return ("pdfcairo enhanced size %sin,%sin font '%s,%s' fontscale 0.75 "
          .. "linewidth 2 pointscale %s background rgb '%s'"):format(
    quote.number(fig.size[1]), quote.number(fig.size[2]), th.font,
    quote.number(th.fontsize), quote.number(th.pointsize), th.background)
end

local function terminal_for(path, where)
  local ending = path:match("%.([%w]+)$")
  local make = ending and terminals[ending:lower()]
  if not make then
    core.fail(("%s: '%s': the ending must be .png, .svg or .pdf"):format(where,
                                                                     path))
  end
  return make
end

-- svg has no scale for points: 0.62 of gnuplot's size is the theme's.
local function terminal_words(path)
  return {points = path:lower():match("%.?svg$") and 0.62 or 1}
end

local function check_path(path, where)
  if type(path) ~= "string" or path == "" or path:find("\0", 1, true) then
    core.fail(where .. ": a file name is expected")
  end
  local dir = path:match("^(.*)/[^/]*$")
  if dir and dir ~= "" and not process.isdir(dir) then
    core.fail(("%s: directory '%s' does not exist"):format(where, dir))
  end
end

local function check_drawn(fig, where)
  for _, panel in ipairs(fig.panels) do
    if #panel.layers + #panel.notes > 0 then return end
  end
  core.fail(where .. ": nothing has been drawn in this figure")
end

-- Runs the figure through gnuplot into a memory file, which it returns open.
local function render(fig, where, terminal, how, timeout)
  check_drawn(fig, where)
  local out = process.memfile()
  local input = process.memfile()
  local ok, why = pcall(function()
    how.terminal = terminal
    how.data, how.output = quote.path(input:path()), quote.path(out:path())
    local text, blocks = script.text(fig, how)
    for _, block in ipairs(blocks) do input:append(block) end
    fig.warnings = gnuplot.run(where, text, timeout)
    if out:size() == 0 then
      core.fail(where .. ": gnuplot wrote nothing"
                .. (fig.warnings[1] and ": " .. fig.warnings[1] or ""))
    end
  end)
  input:close()
  if not ok then
    out:close()
    error(why, 0)
  end
  return out
end

-- save(path, {dpi, timeout}): png, svg or pdf by the ending. The file appears
-- whole or not at all. gnuplot's warnings are left in fig.warnings.
function Figure:save(path, opts)
  opts = opt.check(opts, {dpi = self.theme.dpi, timeout = gnuplot.timeout},
                   "save")
  check_path(path, "save")
  local terminal = terminal_for(path, "save")
  local dpi = style.positive(opts.dpi, "save: dpi")
  local out <close> = render(self, "save", terminal(self, dpi),
                             terminal_words(path),
                             style.positive(opts.timeout, "save: timeout"))
  local ok, why = out:save(path)
  if not ok then core.fail("save: " .. why) end
  return self
end

-- ascii({width, height, timeout}): the figure in characters.
function Figure:ascii(opts)
  opts = opt.check(opts, {width = 79, height = 24, timeout = gnuplot.timeout},
                   "ascii")
  local width = style.count(opts.width, "ascii: width")
  local height = style.count(opts.height, "ascii: height")
  local terminal = ("dumb noenhanced nofeed size %d,%d"):format(width, height)
  local out <close> = render(self, "ascii", terminal, {plain = true},
                             opts.timeout)
  return (out:read():gsub("%s+\n", "\n"):gsub("^\n+", ""))
end

-- show({width, height}): prints the figure to the terminal.
function Figure:show(opts)
  io.stdout:write(self:ascii(opts), "\n")
  return self
end

-- ---- replayable scripts ---------------------------------------------------

local function comment_lines(fig, extra)
  local lines = {"# " .. quote.comment(tostring(fig)),
                 "# replay: gnuplot <this file>"}
  local keys = {}
  for key in pairs(extra) do keys[#keys + 1] = tostring(key) end
  table.sort(keys)
  for _, key in ipairs(keys) do
    lines[#lines + 1] = ("# %s: %s"):format(quote.comment(key),
                                            quote.comment(extra[key]))
  end
  return table.concat(lines, "\n")
end

local function provenance(extra)
  local all = {}
  local ok, saddle = pcall(require, "saddle")
  if ok and type(saddle) == "table" and saddle.provenance then
    for key, value in pairs(saddle.provenance()) do all[key] = value end
  end
  for key, value in pairs(extra or {}) do all[key] = value end
  return all
end

local function write_file(path, blocks, where)
  local file <close> = process.memfile(table.unpack(blocks, 1,
                                                    math.min(#blocks, 50)))
  for i = 51, #blocks do file:append(blocks[i]) end
  local ok, why = file:save(path)
  if not ok then core.fail(where .. ": " .. why) end
end

-- The script finds its data and puts its output beside itself.
local BESIDE = [[
dir = exists("ARG0") ? ARG0 : ''
while (strlen(dir) > 0 && dir[strlen(dir):strlen(dir)] ne '/') {
  dir = strlen(dir) > 1 ? dir[1:strlen(dir)-1] : ''
}
if (strlen(dir) == 0) { dir = './' }]]

-- script(path, {format, dpi, provenance}): writes path, a gnuplot script, and
-- beside it its data (ending .dat). Replayed, it writes the figure beside
-- itself. provenance: a table whose entries are written as comments next to
-- what saddle.provenance() gives.
function Figure:script(path, opts)
  opts = opt.check(opts, {format = "png", dpi = self.theme.dpi,
                          provenance = none}, "script")
  check_path(path, "script")
  check_drawn(self, "script")
  opt.choice(opts.format, {"png", "svg", "pdf"}, "script: format")
  local stem = path:match("([^/]+)%.[%w]+$") or path:match("([^/]+)$")
  local dir = path:match("^(.*/)") or ""
  if stem == nil then core.fail("script: a file name is expected") end
  local text, blocks = script.text(self, {
    terminal = terminals[opts.format](self, opts.dpi),
    points = terminal_words(opts.format).points,
    data = "dir." .. quote.path(stem .. ".dat"),
    output = "dir." .. quote.path(stem .. "." .. opts.format),
    head = comment_lines(self, provenance(opts.provenance)) .. "\n" .. BESIDE})
  write_file(dir .. stem .. ".dat", blocks, "script")
  write_file(path, {text}, "script")
  return self
end

for _, name in ipairs{"save", "show", "ascii", "script"} do
  Panel[name] = function(self, ...)
    local result = self.figure[name](self.figure, ...)
    return result == self.figure and self or result
  end
end

opt.class(Panel, "panel")
opt.class(Figure, "figure")

-- Shorthands: plot.line(xs, ys, opts) is plot.figure():line(xs, ys, opts).
for name in pairs(kinds) do
  M[name] = function(...)
    local figure = M.figure()
    return figure[name](figure, ...)
  end
end

-- histogram(values, bins, range, density): edges and heights as plain tables.
function M.histogram(values, bins, range, density)
  return data.histogram(data.numbers(values, "histogram: values"), bins,
                        range and style.range(range, "histogram: range"),
                        density, "histogram")
end

return M
