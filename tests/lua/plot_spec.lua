-- plot_spec.lua: figures reach the file they name, whole or not at all; what
-- is drawn is what was given; no text becomes a command; mistakes are named.
local t = require "runner"
local saddle = require "saddle"
local core = require "saddle.core"
local plot = require "saddle.plot"
local data = require "saddle.plot.data"
local quote = require "saddle.plot.quote"
local script = require "saddle.plot.script"

local dir = os.tmpname()
os.remove(dir)
assert(os.execute("mkdir '" .. dir .. "'"))

local function read(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local bytes = file:read("a")
  file:close()
  return bytes
end

local function path(name) return dir .. "/" .. name end

local function listing()
  local pipe = io.popen("ls -A '" .. dir .. "'")
  local names = pipe:read("a")
  pipe:close()
  return names
end

local xs, ys = {}, {}
for i = 1, 50 do xs[i], ys[i] = i / 5, math.sin(i / 5) end

local function simple(opts) return plot.figure(opts):line(xs, ys) end

-- The script of a figure, and its data.
local function text_of(figure)
  local text, blocks = script.text(figure, {terminal = "unknown",
    data = "'d'", output = "'o'"})
  return text, table.concat(blocks)
end

-- ---- files ----------------------------------------------------------------

t.test("each ending gives its format", function()
  local figure = simple{title = "formats"}
  local magic = {png = "\x89PNG\r\n", svg = "<?xml", pdf = "%PDF-"}
  for ending, head in pairs(magic) do
    local name = path("figure." .. ending)
    t.ok(rawequal(figure:save(name), figure), "save gives the figure back")
    t.eq(read(name):sub(1, #head), head)
  end
  simple():save(path("UPPER.SVG"))
  t.ok(read(path("UPPER.SVG")):find("</svg>", 1, true))
end)

t.test("a png has the size asked for", function()
  simple{size = {2, 1}}:save(path("size.png"), {dpi = 100})
  local w, h = string.unpack(">I4I4", read(path("size.png")), 17)
  t.eq(w, 200)
  t.eq(h, 100)
end)

t.test("other endings are named as unknown", function()
  t.fails(function() simple():save(path("figure.jpg")) end,
          "must be .png, .svg or .pdf")
  t.fails(function() simple():save(path("figure")) end, "must be .png")
end)

t.test("a missing directory is named", function()
  t.fails(function() simple():save(path("no/such/a.svg")) end,
          "directory '.*/no/such' does not exist")
end)

t.test("an unwritable target leaves nothing behind", function()
  assert(os.execute("mkdir '" .. path("taken.svg") .. "'"))
  t.fails(function() simple():save(path("taken.svg")) end, "cannot be written")
  t.ok(not listing():find("taken.svg.", 1, true), "a temporary file is left")
end)

t.test("an empty figure cannot be saved", function()
  t.fails(function() plot.figure():save(path("none.svg")) end,
          "nothing has been drawn")
  t.eq(read(path("none.svg")), nil)
end)

t.test("every kind reaches every format", function()
  local saddle_f = function(x, y) return x * x - y * y end
  local one = {1, 2, 3}
  local figures = {
    line = plot.line(one, one, {marker = "square", style = "dot"}),
    steps = plot.steps(one, one),
    scatter = plot.scatter(one, one, {values = one, palette = "diverging"}),
    errorbar = plot.errorbar(one, one, 0.1, {xerr = {lo = 0.1, hi = one}}),
    band = plot.band(one, {0, 1, 2}, {2, 3, 4}),
    hist = plot.hist(ys, {bins = 5}):hist(ys, {outline = true}),
    bar = plot.bar({"a", "b'`ls`"}, {1, -2}),
    heatmap = plot.heatmap{{1, 2}, {3, 4}},
    uneven = plot.heatmap({1, 2, 4}, {0, 1}, {{1, 2, 3}, {4, 5, 6}}),
    contour = plot.contour({-1, 1}, {-1, 1}, saddle_f, {n = 21}),
    filled = plot.contour({-1, 1}, {-1, 1}, saddle_f, {n = 21, fill = true}),
    surface = plot.surface({-1, 1}, {-1, 1}, saddle_f, {n = 11,
                                                        contour = true}),
    line3 = plot.line3(one, one, one), scatter3 = plot.scatter3(one, one, one),
    quiver = plot.quiver({-1, 1}, {-1, 1}, function(x, y) return x, -y end),
    path = plot.path(one, {1, 3, 2}),
    lines = plot.hline(1, {label = "h"}):vline(2, {label = "v"}),
    notes = plot.text(0.5, 0.5, "here"):arrow(0, 0, 1, 1)
                :annotate("there", {0, 0}, {1, 1}),
  }
  for name, figure in pairs(figures) do
    for _, ending in ipairs{"png", "svg", "pdf"} do
      local file = path(name .. "." .. ending)
      figure:save(file, {dpi = 72})
      t.ok(#read(file) > 500, name .. "." .. ending .. " is empty")
      t.eq(#figure.warnings, 0, name .. ": " .. table.concat(figure.warnings))
    end
    t.ok(#figure:ascii() > 100, name .. " in characters is empty")
  end
end)

t.test("panels, log axes and long texts", function()
  local figure = plot.figure{panels = {2, 2}, title = ("long "):rep(60),
                             xlabel = ("wide "):rep(40), logx = true}
  for i = 1, 3 do figure[i]:line(xs, xs, {label = ("label "):rep(10)}) end
  figure[2]:logy()
  figure:save(path("panels.svg"))
  t.eq(figure.warnings, {})
  t.eq(#figure, 4)
  t.eq(figure[5], nil)
  t.fails(function() return figure[6] end, "panel 6 of 4")
  t.ok(tostring(figure):find("4 panels (line; line; line; empty)", 1, true))
end)

-- ---- what is drawn --------------------------------------------------------

t.test("data travel as raw doubles, not as text", function()
  local text, bytes = text_of(plot.line({1, 2, 3}, {0.1, -7.25, 1e300}))
  local v = {string.unpack("<dddddd", bytes)}
  t.eq({v[1], v[2], v[3], v[4], v[5], v[6]}, {1, 0.1, 2, -7.25, 3, 1e300})
  t.ok(text:find("record=3 skip=0 format='%float64%float64'", 1, true))
end)

t.test("the figure keeps the data of the call", function()
  local y = {1, 2, 3}
  local figure = plot.line(y)
  y[1] = 100
  local _, bytes = text_of(figure)
  t.eq(string.unpack("<d", bytes, 9), 1.0)
end)

t.test("histogram counts", function()
  local edges, count = plot.histogram({0, 0.5, 1, 1.5, 2, 2, 0 / 0, 9}, 2,
                                      {0, 2})
  t.eq(edges, {0, 1, 2})
  t.eq(count, {2, 4}) -- half-open bins, the last one closed
  local _, sum = plot.histogram({0, 1, 3, 6, 10}, {0, 2, 4, 8}, nil, true)
  t.near(sum, {2 / 5 / 2, 1 / 5 / 2, 1 / 5 / 4}, 1e-15)
end)

t.test("a march's histogram, beside the same values counted by hist", function()
  local run = saddle.march(function(x, noise) return x + noise.z end,
    saddle.tensor{0, 0}, 4, {lanes = 500, seed = 1, noise = {z = {"normal", size = 2}},
    observe = {at = {2, 4}, keep = true,
               histogram = {low = -2, high = 2, bins = 5}}})
  local function heights(...) return {text_of(plot.hist(...))} end
  for time = 1, 2 do
    for value = 1, 2 do
      t.eq(heights(run.histogram, {time = time, value = value}),
           heights(run.kept[{time, ":", value}], {bins = 5, range = {-2, 2}}))
    end
  end
  t.fails(function() plot.hist(run.histogram, {bins = 3}) end, "has its own")
end)

t.test("the last tic's label stays inside the figure", function()
  local function margin(far)
    return tonumber(text_of(plot.line({0, far}, {0, 1}):set{
      xrange = {0, far}}):match("set rmargin ([%d.]+)"))
  end
  t.ok(margin(1000) > margin(100))
  t.near(margin(1000), 2.1, 1e-9) -- half of four digits, and a little
end)

t.test("histogram bins agree with a search in the edges", function()
  local v, n = {}, 0
  for i = 1, 2000 do v[i] = (i * 0.6180339887 % 1) * 3 - 1 end
  local edges, count = plot.histogram(v, 37)
  for i = 1, 37 do
    local expected = 0
    for _, x in ipairs(v) do
      if x >= edges[i] and (x < edges[i + 1] or i == 37) then
        expected = expected + 1
      end
    end
    t.eq(count[i], expected)
    n = n + count[i]
  end
  t.eq(n, 2000)
end)

t.test("titles, labels and curves appear in the svg", function()
  plot.figure{title = "Überschrift ∂f/∂x", xlabel = "x_1", ylabel = "^{2}"}
    :line(xs, ys, {label = "a_b"}):save(path("text.svg"))
  local svg = read(path("text.svg"))
  for _, text in ipairs{"Überschrift ∂f/∂x", "x_1", "^{2}", "a_b"} do
    t.ok(svg:find(text, 1, true), text .. " is missing")
  end
end)

t.test("ranges: margins, given ends, log", function()
  local text = text_of(plot.figure{yrange = {-3, 3}}:line({0, 10}, {0, 1}))
  t.ok(text:find("set xrange [0:10]", 1, true))
  t.ok(text:find("set yrange [-3:3]", 1, true))
  text = text_of(plot.figure():scatter({0, 10}, {0, 1}))
  t.ok(text:find("set xrange [-0.4", 1, true))
  text = text_of(plot.hist({1, 2, 2, 3}, {bins = 2}))
  t.ok(text:find("set yrange [0:", 1, true), "bars stand on zero")
  t.fails(function() text_of(plot.line({1, 2}, {-1, -2}):logy()) end,
          "logy: panel 1 has no positive y value")
  t.fails(function() text_of(plot.line({1, 2}):logy():yrange(0, 1)) end,
          "log axis needs positive ends")
end)

t.test("the legend stands where no curve is", function()
  local function place(y)
    local text = text_of(plot.line({0, 1, 2, 3}, y, {label = "l"}))
    return text:match("set key (.-) nobox")
  end
  t.eq(place{0, 0, 0, 3}, "inside top left vertical")
  t.eq(place{3, 0, 0, 0}, "inside top right vertical")
  t.eq(place{3, 0, 0, 3}, "inside bottom right vertical")
  local many = plot.figure()
  for k = 1, 40 do many:line({0, 1}, {k, k + 1}, {label = "l" .. k}) end
  t.eq(text_of(many):match("set key (%S+)"), "bmargin")
end)

t.test("a curve in space is drawn over the surface it lies on", function()
  local function bowl(x, y) return x * x + y * y end
  local figure = plot.figure{colorbar = false}
    :surface({-1, 1}, {-1, 1}, bowl, {n = 5})
    :line3({-1, 1}, {0, 0}, {1.1, 1.1}, {color = "#ff0000"})
  figure:save(path("over.svg"))
  local text = read(path("over.svg"))
  local curve, facet = nil, 0
  for at in text:gmatch("()<polygon") do facet = at end
  for at in text:gmatch("()rgb%(255, +0, +0%)") do curve = at end
  t.ok(facet > 0 and curve and curve > facet, "the curve comes after the facets")
  local two = plot.surface({-1, 1}, {-1, 1}, bowl, {n = 5})
                  :surface({-1, 1}, {-1, 1}, function(x, y) return x - y end, {n = 5})
  t.ok(text_of(two):find("set pm3d depthorder", 1, true), "several are sorted by depth")
end)

t.test("NaN breaks a line, Inf and empty curves do no harm", function()
  local figure = plot.line({1, 2, 3, 4, 5}, {1, 0 / 0, 2, 1 / 0, 3})
                     :line({}, {}, {label = "none"})
  figure:save(path("nan.svg"))
  t.eq(#figure.warnings, 0)
  plot.line({}, {}):save(path("empty_curve.svg"))
end)

t.test("a long curve is thinned but keeps its extremes and gaps", function()
  local x, y = {}, {}
  for i = 1, 30000 do x[i], y[i] = i, math.sin(i / 1000) end
  y[777], y[20001], y[5000] = 40, -50, 0 / 0
  local figure = plot.line(x, y)
  local _, bytes = text_of(figure)
  local seen, gaps = {}, 0
  for at = 1, #bytes, 16 do
    local a, b = string.unpack("<dd", bytes, at)
    if b == b then seen[a] = b else gaps = gaps + 1 end
  end
  t.ok(#bytes // 16 <= 10010, "thinned")
  t.eq({seen[1], seen[777], seen[20001]}, {math.sin(0.001), 40, -50})
  t.near(seen[30000], math.sin(30))
  t.eq(gaps, 1)
  figure:save(path("long.png"))
  t.ok(#text_of(plot.path(y, x)) > 0, "x that falls is left alone")
end)

t.test("contour levels lie inside and a constant is refused", function()
  local text = text_of(plot.contour({{0, 1}, {1, 2}}, {levels = {0.5, 1}}))
  t.ok(text:find("levels discrete 0.5,1\n", 1, true))
  t.fails(function() plot.contour{{1, 1}, {1, 1}} end, "z is constant")
end)

-- ---- tensors --------------------------------------------------------------

t.test("tensors of any stride and dtype", function()
  if not core.tensor then return end
  local T = require("saddle").tensor
  local x = T{{1, 10}, {2, 20}, {3, 30}}
  local _, bytes = text_of(plot.line(x(":", 1), x(":", 2)))
  t.eq({string.unpack("<dddddd", bytes)}, {1, 10, 2, 20, 3, 30, 49})
  _, bytes = text_of(plot.line(T{4, 5, dtype = "i64"}))
  t.eq({string.unpack("<dddd", bytes)}, {1, 4, 2, 5, 33})
  t.fails(function() plot.line(x, x) end, "line: x: one axis .*%[3 x 2%]")
  plot.heatmap(x:t()):hist(x):save(path("tensor.svg"))
end)

-- ---- mistakes -------------------------------------------------------------

t.test("lengths are compared, both are named", function()
  t.fails(function() plot.line({1, 2, 3}, {1, 2}) end,
          "line: lengths differ: x has 3, y has 2")
  t.fails(function() plot.band({1}, {1}, {1, 2}) end,
          "band: lengths differ: x has 1, yhigh has 2")
  t.fails(function() plot.errorbar({1, 2}, {1, 2}, {1}) end, "lengths differ")
  t.fails(function() plot.heatmap({1, 2, 3}, {1, 2}, {{1, 2}, {3, 4}}) end,
          "%[2 x 3%], its shape is %[2 x 2%]")
end)

t.test("unknown options name the nearest", function()
  t.fails(function() plot.line(xs, ys, {colr = 1}) end, "'colr'.*'color'")
  t.fails(function() plot.figure{xlable = "t"} end, "'xlable'.*'xlabel'")
  t.fails(function() simple():save(path("a.png"), {dip = 1}) end, "'dip'")
end)

t.test("bad values are refused when given, not when drawn", function()
  local bad = {
    {{color = "#12"}, "color '#12'"}, {{color = "blu"}, "'blue'"},
    {{color = "#00'; system 'x"}, "neither"}, {{width = -1}, "width"},
    {{width = "2; !ls"}, "width"}, {{alpha = 2}, "alpha"},
    {{style = "dashed"}, "'dash'"}, {{marker = "box"}, "marker"},
    {{size = 0, marker = "plus"}, "size"},
  }
  for _, case in ipairs(bad) do
    t.fails(function() plot.line(xs, ys, case[1]) end, case[2])
  end
  t.fails(function() plot.figure{legend = "top"} end, "legend")
  t.fails(function() plot.figure{palette = {"red", "blue"}} end, "#rrggbb")
  t.fails(function() plot.figure{xrange = {0, 0 / 0}} end, "xrange")
  t.fails(function() plot.figure{panels = {0, 1}} end, "panels")
  t.fails(function() plot.figure{panels = {1.5, 1}} end, "panels")
  t.fails(function() plot.line("sin(x)") end, "expected a tensor")
  t.fails(function() plot.hist(ys, {bins = 2.5}) end, "bins")
  t.fails(function() plot.text(1, 0 / 0, "s") end, "argument 2")
end)

-- ---- injection ------------------------------------------------------------

local attacks = {
  "'; system 'touch pwned'; '", '"; system("touch pwned"); "', "`touch pwned`",
  "$(touch pwned)", "a\n!touch pwned\nb", "a'\nsystem 'touch pwned'\n'",
  "\\\n!touch pwned", "@x", "%n", "a\\", "'", "''", "#", "a\r!touch pwned",
  "a\0b", "\27[31m", "'`touch pwned`'", "\\'`touch pwned`", "\"'`touch pwned`",
  "'\"`touch pwned`\"'", "`touch pwned`\\", "{/Symbol a}",
  "日本語 ∇²f", "\xff\xfe bad utf8",
}

local function none_ran()
  for _, place in ipairs{"pwned", path("pwned")} do
    if read(place) then
      os.remove(place)
      t.ok(false, "a command ran")
    end
  end
end

t.test("no text becomes a command", function()
  for _, s in ipairs(attacks) do
    local figure = plot.figure{title = s, xlabel = s, ylabel = s}
    figure:line(xs, ys, {label = s}):text(1, 0, s):annotate(s, {1, 0}, {2, 0})
    figure:bar({s, s}, {1, 2})
    figure:save(path("attack.svg"))
    t.eq(#figure.warnings, 0, ("%q: %s"):format(s,
                                        table.concat(figure.warnings, "; ")))
    none_ran()
    plot.figure{panels = {1, 2}, title = s}:line(xs, ys)
      :script(path("attack.gp"), {format = "svg", provenance = {[s] = s}})
    assert(os.execute("cd '" .. dir .. "' && LC_ALL=C.UTF-8 gnuplot -d attack.gp 2>err"))
    t.eq(read(path("err")), "")
    none_ran()
  end
end)

t.test("attacks are shown literally", function()
  for i = 1, 4 do
    simple{title = attacks[i]}:save(path("literal.svg"))
    local shown = attacks[i]:gsub("&", "&amp;"):gsub("<", "&lt;")
    local svg = read(path("literal.svg")):gsub("&quot;", '"')
                :gsub("&apos;", "'"):gsub("&#39;", "'")
    t.ok(svg:find(shown, 1, true), attacks[i] .. " is not shown")
  end
end)

t.test("file names are bytes, whatever they contain", function()
  local names = {
    "a b.svg", "it's.svg", "`touch pwned`.svg", "$(touch pwned).svg",
    "|touch pwned;.svg", "<touch pwned;.svg", "new\nline.svg", "q\"q.svg",
    "-o.svg", "\\n.svg", "%s%n.svg",
  }
  for _, name in ipairs(names) do
    simple():save(path(name))
    t.ok(read(path(name)):find("</svg>", 1, true), name)
    local stem = name:gsub("svg$", "gp")
    simple():script(path(stem))
    t.ok(read(path(stem)), stem)
    none_ran()
  end
  t.fails(function() simple():save(path("a\0b.svg")) end, "file name")
end)

t.test("quoting", function()
  t.eq(quote.text("it's"), "'it'.sprintf('%c',39).'s'")
  t.eq(quote.text("'"), "sprintf('%c',39)")
  t.eq(quote.text(""), "''")
  t.eq(quote.text("a\nb\r\nc"), "'a'.sprintf('%c',10).'b'.sprintf('%c',10).'c'")
  t.eq(quote.text("a\tb\0c"), "'a b c'")
  t.eq(quote.text("\xff"), "'\u{FFFD}'")
  t.eq(quote.path("a\nb"), "'a'.sprintf('%c',10).'b'")
  t.eq(quote.number(0.1), "0.10000000000000001")
  t.eq(quote.number(1 / 0), "NaN")
end)

-- ---- scripts --------------------------------------------------------------

t.test("a script replays to the same picture", function()
  local figure = plot.figure{title = "replay", panels = {1, 2}}
  figure[1]:line(xs, ys, {label = "sin"})
  figure[2]:contour({-1, 1}, {-1, 1}, function(x, y) return x * y end)
  figure:script(path("replay.gp"), {format = "svg",
                                    provenance = {seed = 7, note = "a\nb"}})
  local text = read(path("replay.gp"))
  t.ok(text:find("# seed: 7\n", 1, true))
  t.ok(text:find("# note: a b\n", 1, true))
  assert(os.execute("LC_ALL=C.UTF-8 gnuplot -d '" .. path("replay.gp") .. "'"))
  figure:save(path("direct.svg"))
  t.eq(read(path("replay.svg")), read(path("direct.svg")))
end)

-- ---- the process ----------------------------------------------------------

-- Runs f with a shell script in gnuplot's place.
local function with_program(lines, f)
  local name = path("fake-gnuplot")
  local file = assert(io.open(name, "w"))
  file:write("#!/bin/sh\n", lines, "\n")
  file:close()
  assert(os.execute("chmod +x '" .. name .. "'"))
  plot.gnuplot.program = name
  local ok, why = pcall(f)
  plot.gnuplot.program = "gnuplot"
  if not ok then error(why, 0) end
end

t.test("a missing gnuplot names the package", function()
  local start = core.process.start
  core.process.start = function() return nil, "not found" end
  local ok, why = pcall(function() simple():save(path("m.svg")) end)
  core.process.start = start
  t.ok(not ok and why:find("install the package gnuplot-nox (apt-get install "
                           .. "gnuplot-nox)", 1, true), why)
end)

t.test("a hung gnuplot is ended and the next one works", function()
  with_program("exec sleep 60", function()
    t.fails(function() simple():save(path("h.svg"), {timeout = 0.3}) end,
            "no answer within 0.3 seconds")
  end)
  t.eq(read(path("h.svg")), nil)
  simple():save(path("h.svg"))
  t.ok(read(path("h.svg")))
end)

t.test("a dying gnuplot is reported with its last words", function()
  with_program("echo no display >&2; exit 3", function()
    t.fails(function() simple():save(path("x.svg")) end,
            "ended early.*no display")
  end)
  with_program("kill -SEGV $$", function()
    t.fails(function() simple():save(path("x.svg")) end, "ended early")
  end)
  t.eq(read(path("x.svg")), nil)
end)

t.test("an old gnuplot and an empty output are refused", function()
  local answer = "while read l; do case \"$l\" in *saddle-*) m=${l#*saddle-}; "
                 .. "echo \"saddle-${m%%%% *} 0 %s \" >&2;; esac; done"
  with_program(answer:format("4.6"), function()
    t.fails(function() simple():save(path("old.svg")) end, "4.6 is too old")
  end)
  with_program(answer:format("5.4"), function()
    t.fails(function() simple():save(path("old.svg")) end, "wrote nothing")
  end)
  t.eq(read(path("old.svg")), nil)
end)

t.test("gnuplot's own message becomes the error", function()
  local run = plot.gnuplot.run
  t.fails(function() run("save", "set nonsense\n") end,
          "save: gnuplot: unrecognized option")
  t.fails(function() run("save", "plot undefined_function(x)\n") end,
          "undefined function")
  t.fails(function() run("save", "plot 'no-such-file'\n") end,
          "no%-such%-file")
  t.eq(run("save", "x = 1\n"), {})
end)

-- The least of some counts: a pipe to `ls` may be seen before we have closed
-- our copy of its other end.
local function count_fds()
  collectgarbage() -- handles that earlier tests dropped
  local least = math.huge
  for _ = 1, 8 do
    local pipe = io.popen("ls /proc/$PPID/fd | wc -l")
    least = math.min(least, tonumber(pipe:read("a")))
    pipe:close()
  end
  return least
end

-- Dead children nobody has waited for.
local function zombies()
  local file = assert(io.open("/proc/self/stat"))
  local self = file:read("n")
  file:close()
  local pipe, n, seen = io.popen("cat /proc/[0-9]*/stat 2>/dev/null"), 0, 0
  for line in pipe:lines() do
    local state, parent = line:match("%) (%a) (%d+)")
    seen = seen + 1
    if state == "Z" and tonumber(parent) == self then n = n + 1 end
  end
  pipe:close()
  t.ok(seen > 1, "no process was seen")
  return n
end

t.test("300 saves leave no descriptor and no child behind", function()
  local figure = simple()
  figure:save(path("fd.svg"))
  local before = count_fds()
  for _ = 1, 300 do figure:save(path("fd.svg")) end
  t.eq(count_fds(), before)
  t.eq(zombies(), 0)
end)

t.test("handles close once", function()
  local p = core.process.start{"sleep", "60"}
  t.ok(p:pid() > 0)
  t.eq(p:close(), -9)
  t.eq(p:close(), 0)
  t.fails(function() p:exchange("", 1, 0) end, "closed")
  local m = core.process.memfile("ab", "cd")
  t.eq(m:size(), 4)
  t.eq(m:read(), "abcd")
  m:close()
  m:close()
  t.fails(function() m:size() end, "closed")
end)

t.test("the terminal figure is text", function()
  local text = plot.figure{title = "in characters"}:line(xs, ys):ascii{
    width = 60, height = 20}
  t.ok(text:find("in characters", 1, true))
  for line in text:gmatch("[^\n]+") do t.ok(utf8.len(line) <= 60) end
end)

t.test("columns", function()
  local col = data.from_list{3, -1, 0 / 0, 1 / 0, 2}
  local lo, hi, positive, finite = data.extent(col)
  t.eq({lo, hi, positive, finite}, {-1, 3, 2, 3})
  t.eq(data.nice_step(10, 5), 2)
  t.near(data.nice_step(0.35, 4), 0.1, 1e-12)
  t.ok(data.is_uniform{0, 0.1, 0.2, 0.3})
  t.ok(not data.is_uniform{1, 2, 4})
end)

os.execute("rm -rf '" .. dir .. "'")

return t
