-- style.lua: per-curve options turned into gnuplot's words. Every value is
-- checked here, and only names and numbers of ours come out, so no option can
-- carry a command.  MIT licence.
local core = require "saddle.core"
local opt = require "saddle.opt"
local quote = require "saddle.plot.quote"

local M = {}

local dashes = {solid = "1", dash = "(9,5)", dot = "(1.5,4)",
                dashdot = "(9,4,1.5,4)", none = "0"}
local markers = {circle = 7, opencircle = 6, square = 5, opensquare = 4,
                 triangle = 9, opentriangle = 8, diamond = 13,
                 opendiamond = 12, down = 11, opendown = 10, plus = 1,
                 cross = 2, star = 3, dot = 0}

local function names_of(t)
  local names = {}
  for name in pairs(t) do names[#names + 1] = name end
  table.sort(names)
  return names
end

local dash_names, marker_names = names_of(dashes), names_of(markers)

function M.finite(v, what)
  if type(v) ~= "number" or v - v ~= 0 then
    core.fail(("%s: a finite number is expected, got %s"):format(what,
                                                                opt.show(v)))
  end
  return v
end

function M.positive(v, what)
  if M.finite(v, what) <= 0 then
    core.fail(("%s: a number above 0 is expected, got %s"):format(what,
                                                                 opt.show(v)))
  end
  return v
end

-- A whole number of 2 or more (2.0 passes, 2.5 does not).
function M.count(v, what)
  local n = math.tointeger(v)
  if type(v) ~= "number" or not n or n < 2 then
    core.fail(("%s: a whole number of 2 or more is expected, got %s")
              :format(what, opt.show(v)))
  end
  return n
end

-- {lo, hi}: two finite numbers.
function M.range(v, what)
  local a, b
  if type(v) == "table" or type(v) == "userdata" then a, b = v[1], v[2] end
  if type(a) ~= "number" or type(b) ~= "number" or a - a ~= 0 or b - b ~= 0 then
    core.fail(what .. ": two finite numbers {a, b} are expected")
  end
  return {a, b}
end

local function hex(panel, value, where)
  if math.type(value) == "float" then value = math.tointeger(value) or value end
  if math.type(value) == "integer" then
    local colors = panel.theme.colors
    return colors[(value - 1) % #colors + 1]
  end
  if type(value) == "string" then
    if value:match("^#%x%x%x%x%x%x$") then return value end
    if panel.theme.names[value] then return panel.theme.names[value] end
    core.fail(("%s: color '%s' is neither '#rrggbb' nor a known name%s"):format(
      where, opt.show(value), opt.did_you_mean(value, names_of(panel.theme.names))))
  end
  return core.fail(("%s: color: expected an index, a name or '#rrggbb', got %s")
                   :format(where, opt.show(value)))
end

-- color(panel, value, alpha, where): an rgb clause; alpha 1 is opaque.
function M.color(panel, value, alpha, where)
  M.finite(alpha, where .. ": alpha")
  if alpha < 0 or alpha > 1 then
    core.fail(("%s: alpha: expected 0 to 1, got %g"):format(where, alpha))
  end
  local rgb = hex(panel, value, where)
  local clear = math.floor((1 - alpha) * 255 + 0.5)
  if clear == 0 then return "rgb '" .. rgb .. "'" end
  return ("rgb '#%02x%s'"):format(clear, rgb:sub(2))
end

-- The curve's own colour, else the next of the theme. Second value: how many
-- times the theme's colours have all been used.
local function next_color(panel, opts)
  local turn = 0
  local value = opts.color
  if value == nil then
    panel.count = panel.count + 1
    value = panel.count
    turn = (panel.count - 1) // #panel.theme.colors
  end
  panel.last_color = value
  return value, turn
end

function M.width(opts, where)
  local width = opts.width or 1.2
  return (" lw %s"):format(quote.number(M.positive(width, where .. ": width")))
end

-- marker(opts, where): point type and size.
function M.marker(opts, where)
  local name = opts.marker == true and "circle" or opts.marker or "circle"
  opt.choice(name, marker_names, where .. ": marker")
  local size = M.positive(opts.size or 1, where .. ": size")
  return (" pt %d ps %s"):format(markers[name], quote.number(size))
end

-- line(panel, opts, where): dash, width, colour and, if asked for, marker.
-- Past the theme's last colour the dashes change.
function M.line(panel, opts, where)
  local color, turn = next_color(panel, opts)
  local cycle = {"solid", "dash", "dot", "dashdot"}
  local name = opts.style or cycle[turn % #cycle + 1]
  opt.choice(name, dash_names, where .. ": style")
  local width = opts.width or panel.theme.linewidth
  local text = (" dt %s lw %s lc %s"):format(dashes[name],
    quote.number(M.positive(width, where .. ": width")),
    M.color(panel, color, opts.alpha, where))
  return opts.marker and text .. M.marker(opts, where) or text
end

-- point(panel, opts, where): marker and colour.
function M.point(panel, opts, where)
  local color = next_color(panel, opts)
  local dash = ""
  if opts.style then
    opt.choice(opts.style, dash_names, where .. ": style")
    dash = " dt " .. dashes[opts.style]
  end
  return M.marker(opts, where) .. dash .. M.width(opts, where) .. " lc "
         .. M.color(panel, color, opts.alpha, where)
end

-- fill(panel, opts, where): a filled area of that alpha, without border.
function M.fill(panel, opts, where)
  local color = next_color(panel, opts)
  M.color(panel, color, opts.alpha, where)
  return (" fs transparent solid %s noborder lc %s"):format(
    quote.number(opts.alpha), M.color(panel, color, 1, where))
end

return M
