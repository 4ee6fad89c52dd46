-- hostile_spec.lua: clumsy and hostile arguments: whatever comes, the message
-- names the operation and the argument, and begins with the user's line.
-- MIT licence.
local t = require "runner"
local saddle = require "saddle"
local core = require "saddle.core"
local opt = require "saddle.opt"

local T, nn, plot = saddle.tensor, saddle.nn, saddle.plot

-- fn raises a message that begins with a line of this file and holds text.
local function refuses(fn, text)
  local err = t.fails(fn)
  t.ok(err:find("^%S*hostile_spec%.lua:%d+: "), "no line of ours: " .. err)
  t.ok(err:find(text, 1, true), ("'%s' is not in: %s"):format(text, err))
  t.ok(not err:find("\n", 1, true) and #err < 500, "one short line: " .. err)
end

t.test("values are shown in one short line", function()
  t.eq(opt.show("a\0b\n"), "a?b?")
  t.eq(#opt.show(("x"):rep(5000)), 60)
  t.eq(opt.show(T.f32{{1, 2}}), "a tensor [1 x 2] f32")
  t.eq(opt.show(saddle.random.new(1)), "a userdata")
  t.eq(opt.show(nil), "nil")
  t.eq(opt.show(setmetatable({}, {__tostring = error})), "a table")
end)

t.test("options of a wrong type", function()
  local f = function(w) return (w * w):sum() end
  local function gd(opts) return saddle.optim.minimize(f, T{1, 2}, opts) end
  refuses(function() gd{tol = "small"} end,
          "option 'tol': expected a number, got small")
  refuses(function() gd{tol = {}} end, "expected a number, got a table")
  refuses(function() gd{stepz = 3} end, "did you mean 'steps'?")
  refuses(function() gd{[("s"):rep(5000)] = 3} end, "unknown option 'sss")
  refuses(function() gd{3} end, "unknown option '1'")
end)

t.test("methods called with a dot instead of a colon", function()
  local fig, net = plot.figure{}, nn.mlp{2, 1}
  refuses(function() fig.line({1, 2}, {1, 2}) end,
          "line: expected a figure before the colon")
  refuses(function() fig[1].xlabel("x") end, "expected a panel before")
  refuses(function() net.init(saddle.random.new(1)) end,
          "init: expected a model before the colon, got a userdata")
  local jit = saddle.jit(function(x) return x end)
  refuses(function() jit.stats() end,
          "stats: expected a compiled function before the colon, got nil")
  local obj = nn.objective(function(w) return w:sum() end, {dim = 2})
  refuses(function() obj.value(T{1, 2}) end, "expected an objective before")
end)

t.test("no tensor where one is needed", function()
  local net, rng = nn.mlp{3, 4, 2}, saddle.random.new(1)
  local w = net:init(rng)
  local obj = nn.objective(net, {x = T.ones{4, 3}, y = {1, 2, 1, 2}})
  refuses(function() net:apply(w, rng) end, "apply: x: expected a tensor")
  refuses(function() net:apply(rng, w) end, "w: expected a tensor of 26")
  refuses(function() net:init(w) end, "init: rng: expected saddle.random")
  refuses(function() net:pack(7) end, "pack: expected a table")
  refuses(function() obj:hessian(rng) end, "hessian: w: expected a tensor")
  refuses(function() obj:batches(2, {}) end, "batches: rng: expected")
  refuses(function() nn.tanh("1") end, "tanh: expected a tensor or a number")
  refuses(function() nn.mse(nil, w) end, "mse: outputs: expected a tensor")
  refuses(function() nn.init.he_normal(2)(nil, 3, 2) end,
          "he_normal: rng: expected saddle.random.new(seed), got nil")
  refuses(function() nn.init.normal()(rng, "3", 2) end, "nout: expected")
  refuses(function() saddle.data.new{x = T.ones{2, 4}, rows = "2", cols = 2}
          end, "data.new: rows: expected an integer")
  refuses(function() saddle.file.write("x", 1 == 1) end, "write: text")
  refuses(function() T.from_bytes(T{1}) end, "expected a string of bytes")
end)

t.test("titles, labels and ranges", function()
  local fig = plot.figure{}
  refuses(function() fig:title({}) end, "title: expected a text, got a table")
  refuses(function() fig:xrange(true) end, "expected {from, to}, got true")
  refuses(function() fig:line({1, 2}, {label = T{1}}) end,
          "line: label: expected a text, got a tensor [1] f64")
  refuses(function() fig:text(0, 0, fig) end, "text: argument 3")
  refuses(function() fig:hline(T.ones{4, 4}) end, "got a tensor [4 x 4] f64")
  t.eq(fig:set(), fig)
end)

t.test("a lying length changes no memory of a started program", function()
  local liar = setmetatable({}, {__len = function() return -5 end})
  t.fails(function() core.process.start(liar) end, "name is missing")
end)

t.test("sorting keeps integers no double can hold, and long lines", function()
  local big = math.maxinteger
  local v, i = T.i64{big, 1, math.mininteger, big - 1}:sort()
  t.eq(v:totable(), {math.mininteger, 1, big - 1, big})
  t.eq(i:totable(), {3, 2, 4, 1})
  local n = 150001 -- three blocks: 7 is coprime to n, so all values differ
  local x = T.i64((function()
    local list = {}
    for k = 1, n do list[k] = 7 * k % n end
    return list
  end)())
  local up, places = x:sort()
  t.ok(up:equal(T.arange(0, n - 1):to "i64"), "ascending")
  t.ok(x[{places}]:equal(up), "places")
  t.ok(x:sort{descending = true}:flip(1):equal(up), "descending")
end)

t.test("Ctrl-C stops long serial loops", function()
  local rng = saddle.random.new(1)
  local x, wide = rng:uniform{200000}, T.ones{1, 1}:expand(2000, 2000)
  for name, fn in pairs{
    sort = function() x:sort() end,
    equal = function() wide:equal(wide) end,
    allclose = function() wide:allclose(wide) end,
    totable = function() x:totable() end,
    permutation = function() rng:permutation(200000) end,
    choice = function() rng:choice(200000, 100000) end,
  } do
    core.system.interrupt()
    local good, err = pcall(fn)
    t.ok(not core.system.interrupted(true), name .. ": still pending")
    t.ok(not good and err:find("interrupted!", 1, true), name)
  end
end)

t.test("files that are no files: a pipe, a device, a directory", function()
  local dir = os.tmpname()
  os.remove(dir)
  os.execute("mkdir " .. dir .. " && mkfifo " .. dir .. "/pipe")
  local T = saddle.tensor
  t.fails(function() saddle.load(dir .. "/pipe") end, "regular file")
  t.fails(function() saddle.load(dir) end, "regular file")
  t.fails(function() saddle.save("/dev/null", T{1}) end, "%.npy")
  t.fails(function() saddle.save(dir .. "/pipe", T{1}) end, "%.npy")
  t.fails(function() saddle.file.write("/dev/null", "x") end, "device")
  t.fails(function() saddle.file.write(dir .. "/pipe", "x") end, "device")
  os.execute("rm -r " .. dir)
end)

t.test("a theme cannot carry commands", function()
  t.fails(function()
    saddle.plot.figure{theme = {font = "x' ; system 'true"}}
  end, "theme.font")
  t.fails(function()
    saddle.plot.figure{theme = {colors = {"#000000'"}}}
  end, "theme.colors.1")
end)

return t
