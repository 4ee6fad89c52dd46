-- opt_spec.lua: checking of option tables.
local t = require "runner"
local opt = require "saddle.opt"

local defaults = {steps = 100, lr = 0.1, method = "gd", trace = false,
                  callback = opt.none}

t.test("defaults fill in, given values win", function()
  local o = opt.check({lr = 1}, defaults, "minimize")
  t.eq(o.lr, 1)
  t.eq(o.steps, 100)
  t.eq(o.trace, false)
  t.eq(o.callback, nil)
end)

t.test("no options are all defaults", function()
  t.eq(opt.check(nil, defaults, "minimize").method, "gd")
end)

t.test("the result is fresh", function()
  local given = {lr = 1}
  local o = opt.check(given, defaults, "minimize")
  o.steps, o.lr = 1, 2
  t.eq(given, {lr = 1})
  t.eq(defaults.steps, 100)
end)

t.test("false turns a default off", function()
  t.eq(opt.check({steps = false}, defaults, "minimize").steps, false)
end)

t.test("a known key without default", function()
  t.eq(opt.check({callback = print}, defaults, "minimize").callback, print)
end)

t.test("unknown keys name the nearest", function()
  local wrong = {
    stpes = "steps", step = "steps", Lr = "lr", mehtod = "method",
    traces = "trace",
  }
  for word, near in pairs(wrong) do
    t.fails(function() opt.check({[word] = 1}, defaults, "minimize") end,
      "minimize: unknown option '" .. word .. "' %(did you mean '" .. near
      .. "'%?%)")
  end
end)

t.test("far words list what there is", function()
  t.fails(function() opt.check({temperature = 1}, {a = 1, bb = 2}, "f") end,
    "unknown option 'temperature' %(known: a, bb%)")
end)

t.test("positional entries are unknown options", function()
  t.fails(function() opt.check({5}, defaults, "minimize") end,
    "unknown option '1'")
end)

t.test("no table", function()
  t.fails(function() opt.check(3, defaults, "minimize") end,
    "minimize: options: expected a table, got number")
end)

t.test("true is no number and no name", function()
  t.fails(function() opt.check({lr = true}, defaults, "minimize") end,
    "option 'lr': expected a number, got true")
end)

t.test("choice", function()
  t.eq(opt.choice("newton", {"gd", "newton"}, "minimize: method"), "newton")
  t.fails(function()
    opt.choice("newtom", {"gd", "newton"}, "minimize: method")
  end, "minimize: method: 'newtom' is not known %(did you mean 'newton'%?%)")
end)

t.test("the message starts with the user's line", function()
  local line = debug.getinfo(1, "l").currentline + 1
  local _, err = pcall(function() opt.check({x = 1}, defaults, "f") end)
  t.ok(err:find("opt_spec.lua:" .. line .. ": f:", 1, true), err)
end)

t.test("values are numbers of a kind; text is none", function()
  t.eq(math.type(opt.number(2, "x", "f")), "float")
  t.eq(opt.positive(0.5, "x", "f"), 0.5)
  t.eq(math.type(opt.integer(3.0, "n", 1, "f")), "integer")
  for _, v in ipairs{1 / 0, -1 / 0, 0 / 0, "1", {}} do
    t.fails(function() opt.number(v, "x", "f") end, "f: x: expected a finite")
    t.fails(function() opt.positive(v, "x", "f") end, "f: x: expected a number")
    t.fails(function() opt.integer(v, "n", 0, "f") end, "f: n: expected an int")
  end
  t.fails(function() opt.number(nil, "x", "f") end, "got nil")
  t.fails(function() opt.positive(0, "x", "f") end, "number > 0, got 0")
  t.fails(function() opt.integer(0, "n", 1, "f") end, "integer >= 1, got 0")
  t.fails(function() opt.integer(1.5, "n", 1, "f") end, "got 1.5")
end)

t.test("nearest", function()
  t.eq(opt.nearest("sfn", {"gd", "sgd", "sfn"}), "sfn")
  t.eq(opt.nearest("zzzzzz", {"gd", "sgd"}), nil)
end)

return t
