-- script.lua: a figure as gnuplot's commands and one block of binary data. The
-- script names its data by the string variable `data` and the byte where each
-- piece starts, so the same text serves a memory file and a file beside a
-- saved script. Every setting a panel depends on is written out, none is left
-- over from the panel before.  MIT licence.
local axes = require "saddle.plot.axes"
local data = require "saddle.plot.data"
local quote = require "saddle.plot.quote"

local M = {}

local q, num = quote.text, quote.number
local EM = 0.56 -- mean width of a letter, in heights of the font

-- ---- data -----------------------------------------------------------------

-- Cairo's time for a curve grows with the square of its points (200,000 took
-- a minute), so a long curve is thinned to what can be seen.
local LONG, COLUMNS = 10000, 2000

-- thin(cols, range): of a curve whose x never falls, the first, last, lowest
-- and highest point in each of COLUMNS strips of the axis, and one gap where
-- there are gaps: the drawn curve is the same at any width below that many
-- dots. Other curves are left alone.
local function thin(cols, range)
  local x, y = cols[1], cols[2]
  local xs, ys, before = {}, {}, -math.huge
  local strip, first, last, low, high, gap
  local function put_point(i)
    xs[#xs + 1], ys[#ys + 1] = data.at(x, i), data.at(y, i)
  end
  local function finish()
    if not strip then return end
    local keep = {first, low or first, high or first, gap or first, last}
    table.sort(keep)
    for k, i in ipairs(keep) do
      if i ~= keep[k - 1] then put_point(i) end
    end
  end
  for i = 1, x.n do
    local at, v = data.at(x, i), data.at(y, i)
    if not (at >= before) then return cols end
    before = at
    local share = axes.share(range, at)
    local here = share == share and share - share == 0
                 and share // (1 / COLUMNS) or -1
    if here ~= strip then
      finish()
      strip, first, low, high, gap = here, i, nil, nil, nil
    end
    if v - v ~= 0 then
      gap = i
    else
      if not low or v < data.at(y, low) then low = i end
      if not high or v > data.at(y, high) then high = i end
    end
    last = i
  end
  finish()
  return {data.from_list(xs), data.from_list(ys)}
end

-- Appends the layer's records to the blocks; returns the words that name them.
local function source(state, cols, record)
  local bytes = data.interleave(cols)
  local text = ("data binary record=%s skip=%d format='%s'"):format(
    record or ("%d"):format(cols[1].n), state.offset, ("%float64"):rep(#cols))
  state.blocks[#state.blocks + 1] = bytes
  state.offset = state.offset + #bytes
  return text
end

local function across_columns(layer, xr, yr)
  local ends = layer.across == "x" and yr or xr
  local along = data.from_list{ends[1], ends[2]}
  local level = data.from_list{layer.at, layer.at}
  if layer.across == "x" then return {level, along} end
  return {along, level}
end

local function title_of(layer)
  if layer.label == nil then return "notitle" end
  return "title " .. q(layer.shown) .. " noenhanced"
end

-- One element of the plot command. Without data the legend still shows it.
local function element(state, panel, layer, geo)
  local cols = layer.cols
  local where
  if layer.across then cols = across_columns(layer, geo.x, geo.y) end
  if layer.levels then
    where = state.tables[layer]
  elseif cols[1].n == 0 then
    where = "1/0"
    if layer.label == nil then return nil end
    return where .. " with " .. layer.with .. " " .. title_of(layer)
  else
    if cols[1].n > LONG and layer.trace and #cols == 2 then
      cols = thin(cols, geo.x)
    end
    where = source(state, cols, layer.record)
  end
  -- Terminals without a scale of their own for points get it here.
  local with = layer.with:gsub(" ps (%S+)", function(size)
    return " ps " .. num(size * state.points)
  end)
  return ("%s using %s with %s %s"):format(where, layer.using, with,
                                           title_of(layer))
end

-- ---- geometry -------------------------------------------------------------

local function lines_in(text)
  return text and select(2, tostring(text):gsub("\n", "")) + 1 or 0
end

local function letters_in(text) return utf8.len(text) or #text end

local function fill_lines(text, room)
  local lines, line = {}, nil
  for word in text:gmatch("%S+") do
    if line and letters_in(line) + 1 + letters_in(word) > room then
      lines[#lines + 1], line = line, word
    else
      line = line and line .. " " .. word or word
    end
  end
  lines[#lines + 1] = line
  return lines
end

-- Breaks a line longer than `room` characters between words, into as few lines
-- as it takes, of about one length.
local function wrap(text, room)
  if not text or text:find("\n") or letters_in(text) <= room then
    return text
  end
  local fewest = #fill_lines(text, room)
  local narrow = math.ceil(letters_in(text) / fewest)
  while #fill_lines(text, narrow) > fewest do narrow = narrow + 1 end
  return table.concat(fill_lines(text, narrow), "\n")
end

local function is_space(panel)
  for _, layer in ipairs(panel.layers) do
    if layer.space then return true end
  end
  return false
end

local function colored(panel)
  for _, layer in ipairs(panel.layers) do
    if layer.c then return true end
  end
  return false
end

-- Lines in the legend and the letters of the longest, labels broken to fit.
local function legend_entries(panel, room)
  local count, longest = 0, 0
  for _, layer in ipairs(panel.layers) do
    if layer.label then
      layer.shown = wrap(layer.label, room)
      count = count + lines_in(layer.shown)
      for line in (layer.shown .. "\n"):gmatch("(.-)\n") do
        longest = math.max(longest, letters_in(line))
      end
    end
  end
  return count, longest
end

-- Where the legend stands, and how many rows it takes below the panel.
local function legend_place(panel, geo)
  local where = panel.opts.legend
  local size = (panel.theme.fontsize - 1) / 72
  local letter = EM * size / geo.width
  local count, longest = legend_entries(panel, math.max(8, 0.9 / letter - 8))
  if where == false or count == 0 then return nil end
  local w = (longest + 7.5) * letter
  local h = (count * 1.3 + 0.8) * size / geo.height
  if where == "best" then
    where = geo.space and "top left"
            or axes.best_legend(panel, geo.x, geo.y, w, h, letter)
  end
  return where, math.ceil(count / math.max(1, 1 // w))
end

-- By how many characters of the given size the last tic's label on a linear x
-- axis would pass the edge of the figure.
local function over_edge(panel, geo, em)
  local values = panel.opts.xtics == nil and not geo.x.log and geo.xtics.values
  local last = values and values[#values]
  if not last then return 0 end
  local half = 0.5 * #("%.8g"):format(last) + 0.1
  local free = (1 - axes.share(geo.x, last)) * geo.width / em
  return math.max(0, half - free - geo.right)
end

-- Ranges, tics, margins in characters and the panel's size, all before any
-- command.
local function measure(figure, panel, width, height)
  local colors
  for _, layer in ipairs(panel.layers) do colors = layer.palette or colors end
  panel.colors = panel.opts.palette or colors or "sequential"
  local size = figure.theme.fontsize / 72
  local geo = {space = is_space(panel), colors = colored(panel)}
  for _, axis in ipairs{"x", "y", "z", "c"} do
    geo[axis] = axes.range(panel, axis)
  end
  local function upward(length, each)
    return function() return math.min(8, math.max(2, length / each)) end
  end
  local function along(length)
    return function(characters)
      return math.min(9, math.max(2, length / ((characters + 2.2) * EM * size)))
    end
  end
  geo.ytics = axes.tics(geo.y, upward(height, geo.space and 0.75 or 0.36))
  geo.ctics = axes.tics(geo.c, upward(height, geo.space and 0.6 or 0.36))
  geo.ztics = axes.tics(geo.z, upward(height, 0.7))
  geo.title = wrap(panel.opts.title, width / (EM * size * 1.1))
  geo.xlabel = wrap(panel.opts.xlabel, width * 0.9 / (EM * size))
  geo.ylabel = wrap(panel.opts.ylabel, height * 0.9 / (EM * size))
  geo.zlabel, geo.clabel = panel.opts.zlabel, panel.opts.clabel
  geo.left = geo.ytics.width + (geo.ylabel and 4.2 or 1.6)
             + 1.6 * math.max(0, lines_in(geo.ylabel) - 1)
  geo.top = geo.title and lines_in(geo.title) + 1.0 or 0.8
  geo.bottom = 1.7 + 1.1 * lines_in(geo.xlabel)
  local far = math.max(math.abs(geo.x[1]), math.abs(geo.x[2]))
  geo.right = not geo.x.log and (far >= 1e4 or far < 1e-3) and 3.4 or 1.6
  if geo.colors and panel.opts.colorbar and not geo.space then
    geo.right = 4.5 + geo.ctics.width + (geo.clabel and 2.6 or 0)
  end
  geo.width = width - (geo.left + geo.right) * EM * size
  geo.height = height - (geo.top + geo.bottom) * 1.2 * size
  geo.xtics = axes.tics(geo.x, along(geo.space and geo.width / 2 or geo.width))
  local more = geo.space and 0 or over_edge(panel, geo, EM * size)
  geo.right, geo.width = geo.right + more, geo.width - more * EM * size
  local rows
  geo.legend, rows = legend_place(panel, geo)
  if geo.legend == "below" then
    geo.bottom = geo.bottom + rows + (rows == 1 and 0.8 or 0.4)
  end
  if geo.legend == "right" then geo.right = -1 end
  return geo
end

-- ---- settings -------------------------------------------------------------

local function put(state, fmt, ...)
  state.out[#state.out + 1] = select("#", ...) > 0 and fmt:format(...) or fmt
end

local function font(theme, points)
  return ("font ',%s'"):format(num(points))
end

local function user_tics(tics, rotated)
  local parts = {}
  for i, v in ipairs(tics) do
    if type(v) == "table" then
      -- A tic's text is a format of its own: its percent signs are doubled.
      parts[i] = ("%s %s"):format(q((v[1]:gsub("%%", "%%%%"))), num(v[2]))
    else
      parts[i] = num(v)
    end
  end
  return (rotated and "rotate by 40 right " or "")
         .. "(" .. table.concat(parts, ", ") .. ")"
end

-- Names under bars: {text, place} pairs.
local function names_of(panel)
  for _, layer in ipairs(panel.layers) do
    if layer.places then return layer.places, 0 end
    if layer.names then
      local list, letters = {}, 0
      for i, name in ipairs(layer.names) do
        list[i] = {name, i}
        letters = letters + letters_in(name) + 2
      end
      return list, letters
    end
  end
end

local function power_format(state)
  return state.plain and "%.0e" or "10^{%L}"
end

local function put_tics(state, panel, geo, axis, word)
  local theme = panel.theme
  local tics, user = geo[axis .. "tics"], panel.opts[axis .. "tics"]
  local form = tics.power and power_format(state) or tics.format
  local look = word == "cb" and "scale 0.5 "
               or (geo.space and "scale 0.5 " or "out nomirror scale 0.6,0.35 ")
  local where = tics.list and user_tics(tics.list)
                or tics.step and num(tics.step) or ""
  if user == false then
    put(state, "unset %stics", word)
    return
  elseif type(user) == "table" then
    where = user_tics(user)
  elseif type(user) == "number" then
    where = num(user)
  end
  if axis == "x" and user == nil and geo.names then
    where = user_tics(geo.names, geo.rotated)
  end
  if not geo.rotated or axis ~= "x" then
    look = look .. "norotate autojustify "
  end
  if not geo.space and axis ~= "c" and not state.plain then
    look = look .. (axis == "x" and "offset 0,0.35 " or "offset 0.5,0 ")
  end
  put(state, "set format %s '%s'", word, form)
  put(state, "set %stics %s%s %s %s", word, look, where,
      axis == "x" and geo.names and "noenhanced" or "enhanced",
      font(theme, theme.fontsize - 1))
  if tics.minor then
    put(state, "set m%stics %d", word, tics.minor)
  else
    put(state, "unset m%stics", word)
  end
end

local function put_axis(state, panel, geo, axis, word)
  local r = geo[axis]
  if r.log then
    put(state, "set logscale %s 10", word)
  else
    put(state, "unset logscale %s", word)
  end
  put(state, "set %srange [%s:%s]", word, num(r[1]), num(r[2]))
  put_tics(state, panel, geo, axis, word)
  local label = geo[axis .. "label"]
  local place = ""
  if axis == "y" and not geo.space then
    place = "offset 0.6,0 "
  elseif axis == "x" and not geo.space then
    place = "offset 0,0.5 "
  elseif axis == "z" then
    place = "rotate by 90 offset 2.5,0 "
  end
  put(state, "set %slabel %s %snoenhanced %s", word, q(label or ""), place,
      font(panel.theme, panel.theme.fontsize))
end

local function palette_text(panel)
  local theme = panel.theme
  local colors = panel.colors
  if type(colors) == "string" then colors = theme[colors] end
  local parts = {}
  for i, rgb in ipairs(colors) do
    parts[i] = ("%s '%s'"):format(num((i - 1) / (#colors - 1)), rgb)
  end
  return "set palette defined (" .. table.concat(parts, ", ") .. ")"
end

local outside = {
  below = "bmargin center horizontal",
  right = "outside right top vertical",
}

local function put_legend(state, panel, geo)
  local where = geo.legend
  if not where then
    put(state, "unset key")
    return
  end
  put(state, "set key %s nobox noenhanced Left reverse samplen 1.6 "
      .. "spacing 1.05 %s", outside[where] or ("inside %s vertical")
      :format(where), font(panel.theme, panel.theme.fontsize - 1))
end

local function put_notes(state, panel, geo)
  put(state, "unset label")
  put(state, "unset arrow")
  for _, note in ipairs(panel.notes) do
    local unit = note.coords == "panel" and "graph" or "first"
    local function at(x, y)
      return ("%s %s, %s %s"):format(unit, num(x), unit, num(y))
    end
    if note.kind == "text" then
      put(state, "set label %s at %s %s rotate by %s front noenhanced %s "
          .. "textcolor %s offset %s,0%s", q(note.text), at(note.x, note.y),
          note.align, num(note.rotate),
          font(panel.theme, (panel.theme.fontsize - 0.5) * note.size),
          note.color, note.align == "left" and "0.3"
          or note.align == "right" and "-0.3" or "0",
          state.plain and "" or " boxed")
    else
      put(state, "set arrow from %s to %s front %s%s", at(note.x, note.y),
          at(note.x1, note.y1), note.head and "filled head size graph "
          .. "0.02,20" or "nohead", note.look)
    end
  end
end

local function put_frame(state, panel, geo)
  local theme = panel.theme
  local full = geo.space or geo.colors
  put(state, "set border %s front lw %s lc rgb '%s'", geo.space and "4095"
      or full and "15" or "3", num(theme.axiswidth), theme.ink)
  if geo.space then
    put(state, "set border 31 back lw %s lc rgb '%s'", num(theme.axiswidth),
        theme.ink)
  end
  local grid = panel.opts.grid
  if grid == nil then grid = theme.grid and not geo.colors or geo.space end
  put(state, "unset grid")
  if grid and grid ~= "none" and not state.plain then
    put(state, "set grid back lt 1 lw %s lc rgb '%s'", num(theme.gridwidth),
        theme.gridcolor)
  end
  put(state, "set size %s", panel.opts.equal and not geo.space and "ratio -1"
      or "noratio")
  put(state, "set title %s noenhanced %s offset 0,-0.5",
      q(geo.title or ""), font(theme, theme.fontsize + 0.5))
end

local function put_margins(state, geo)
  if geo.space then
    put(state, "set lmargin 7\nset rmargin %d\nset tmargin %s\n"
        .. "set bmargin %s", geo.colors and 9 or 3, num(geo.top),
        num(geo.bottom - 1.5))
    return
  end
  put(state, "set lmargin %s", num(geo.left))
  put(state, "set rmargin %s", num(geo.right))
  put(state, "set tmargin %s", num(geo.top))
  put(state, "set bmargin %s", num(geo.bottom))
end

-- gnuplot keeps the facets of "depthorder" for the end, over all curves: only
-- several surfaces need it.
local function facets(panel)
  local count = 0
  for _, layer in ipairs(panel.layers) do
    if layer.with == "pm3d" then count = count + 1 end
  end
  return count > 1 and "depthorder" or "scansautomatic"
end

local function put_space(state, panel, geo)
  local view = panel.opts.view
  put(state, "set view %s,%s,1,1", num(view[1]), num(view[2]))
  put(state, panel.opts.equal and "set view equal xy" or "set view noequal")
  put(state, "set xyplane at %s", num(geo.z[1]))
  put(state, "unset contour")
  put(state, "unset pm3d")
  for _, layer in ipairs(panel.layers) do
    if layer.with == "pm3d" then
      put(state, "set pm3d %s %s", facets(panel), layer.mesh
          and "border lc rgb '#a0262626' lw 0.25" or "noborder")
    end
    if layer.floor then
      put(state, "set contour base\nset cntrparam levels 10\n"
          .. "set cntrlabel onecolor")
    end
  end
end

-- ---- panels ---------------------------------------------------------------

local function put_panel(state, panel, geo)
  local letters
  geo.names, letters = names_of(panel)
  local size = panel.theme.fontsize / 72
  geo.rotated = geo.names and letters * EM * size > geo.width
  if geo.rotated then geo.bottom = -1 end
  put_frame(state, panel, geo)
  for _, pair in ipairs{{"x", "x"}, {"y", "y"}, {"c", "cb"}, {"z", "z"}} do
    if geo.space or pair[1] ~= "z" then
      put_axis(state, panel, geo, pair[1], pair[2])
    end
  end
  put(state, palette_text(panel))
  put(state, geo.colors and panel.opts.colorbar
      and "set colorbox noborder" or "unset colorbox")
  put_legend(state, panel, geo)
  put_notes(state, panel, geo)
  if geo.space then put_space(state, panel, geo) end
  put_margins(state, geo)
  local parts = {}
  for _, layer in ipairs(panel.layers) do
    parts[#parts + 1] = element(state, panel, layer, geo)
  end
  if #parts == 0 then parts[1] = "1/0 notitle" end
  put(state, "%s %s", geo.space and "splot" or "plot",
      table.concat(parts, ", \\\n  "))
end

-- Level lines are computed into named tables before anything is drawn.
local function put_tables(state, panels)
  local count = 0
  for _, panel in ipairs(panels) do
    for _, layer in ipairs(panel.layers) do
      if layer.levels then
        count = count + 1
        local name = ("$level%d"):format(count)
        state.tables[layer] = name
        local levels = {}
        for i, v in ipairs(layer.levels) do levels[i] = num(v) end
        put(state, "set contour base\nunset surface\nset cntrparam linear")
        put(state, "set cntrparam levels discrete %s",
            table.concat(levels, ","))
        put(state, "set format '%%.9g'\nset table %s", name)
        put(state, "splot %s using 1:2:3 notitle",
            source(state, layer.cols, layer.record))
        put(state, "unset table\nunset contour\nset surface\nset format")
      end
    end
  end
end

-- In a column of panels the vertical axes stand under each other, in a row
-- the horizontal ones beside each other.
local function align(geos, rows, columns)
  local function level(key, i, j, count)
    local most = 0
    for k = 0, count - 1 do
      local geo = geos[i + k * j]
      if geo and not geo.space then most = math.max(most, geo[key]) end
    end
    for k = 0, count - 1 do
      if geos[i + k * j] then geos[i + k * j][key] = most end
    end
  end
  for c = 1, columns do
    level("left", c, columns, rows)
    level("right", c, columns, rows)
  end
  for r = 0, rows - 1 do
    level("top", 1 + r * columns, 1, columns)
    level("bottom", 1 + r * columns, 1, columns)
  end
end

-- text(figure, how): the script and the list of data blocks. how: `terminal`
-- (a set terminal command's words), `data` and `output` (string expressions),
-- `plain` (a terminal without fonts), `points` (a factor on their size), `head`
-- (comment lines).
function M.text(figure, how)
  local state = {out = {}, blocks = {}, offset = 0, tables = {},
                 plain = how.plain, points = how.points or 1}
  local rows, columns = figure.rows, figure.columns
  put(state, "%s", how.head or "")
  put(state, "set encoding utf8")
  put(state, "data = %s", how.data)
  put(state, "set terminal %s", how.terminal)
  put(state, "set output %s", how.output)
  put(state, "set style textbox opaque margins 0.5,0.5 fillcolor '%s' noborder",
      figure.theme.background)
  put(state, "set samples 2\nset bars 0.6\nset style fill noborder")
  put_tables(state, figure.panels)
  local several = rows * columns > 1
  local width, height = figure.size[1] / columns, figure.size[2] / rows
  if several then
    put(state, "set multiplot layout %d,%d rowsfirst%s", rows, columns,
        figure.heading and (" title %s noenhanced %s"):format(q(figure.heading),
          font(figure.theme, figure.theme.fontsize + 1)) or "")
    if figure.heading then height = height - 0.25 / rows end
  end
  local geos = {}
  for i, panel in ipairs(figure.panels) do
    for _, layer in ipairs(panel.layers) do
      if layer.late then layer.late(layer, panel) end
    end
    geos[i] = measure(figure, panel, width, height)
  end
  if several then align(geos, rows, columns) end
  for i, panel in ipairs(figure.panels) do
    if #panel.layers + #panel.notes == 0 then
      put(state, "set multiplot next")
    else
      put_panel(state, panel, geos[i])
    end
  end
  if several then put(state, "unset multiplot") end
  put(state, "unset output")
  return table.concat(state.out, "\n") .. "\n", state.blocks
end

return M
