-- iterate_spec.lua: many steps of a traced step function against a Lua loop
-- over tensors: by lanes, by elements and by programs, with every option; bit
-- by bit but for matrix products of programs. MIT licence.
local t = require "runner"
local saddle = require "saddle"
local core = require "saddle.core"
local T, iterate = saddle.tensor, saddle.iterate
local rng = saddle.random.new(7)

-- States leaf by leaf: numbers, tensors or tables of them.
local function same(got, want, what, tol)
  if type(want) == "table" then
    for k, v in pairs(want) do same(got[k], v, what .. "." .. k, tol) end
    for k in pairs(got) do t.ok(want[k] ~= nil, what .. ": extra " .. k) end
    return
  end
  if type(want) ~= "number" then t.eq(got.dtype, want.dtype, what) end
  t.eq(type(got), type(want), what)
  if tol then t.near(got, want, tol, what) else t.eq(got, want, what) end
end

local function map(state, fn)
  if type(state) ~= "table" then return fn(state) end
  local out = {}
  for k, v in pairs(state) do out[k] = map(v, fn) end
  return out
end

-- A list of states with each leaf stacked on a new first axis.
local function stacked(list)
  local first = list[1]
  if type(first) == "table" then
    local out = {}
    for k in pairs(first) do
      local part = {}
      for i, s in ipairs(list) do part[i] = s[k] end
      out[k] = stacked(part)
    end
    return out
  end
  return type(first) == "number" and T(list) or T.stack(list, 1)
end

local function loop(step, state, n, every)
  local path = {}
  for k = 0, n - 1 do
    state = step(state, k)
    if every > 0 and (k + 1) % every == 0 then path[#path + 1] = state end
  end
  return state, path
end

local function compare(step, state, n, what, tol)
  for _, every in ipairs {0, 1, 3} do
    local name = ("%s, every %d"):format(what, every)
    local want, list = loop(step, state, n, every)
    local got, path = iterate(step, state, n, {every = every})
    same(got, want, name, tol)
    if every == 0 then
      t.eq(path, nil)
    elseif #list > 0 then
      same(path, stacked(list), name .. " path", tol)
    end
  end
end

-- ---- against a loop -------------------------------------------------------------

local c = rng:normal {3}
local W = rng:normal {40, 40} * 0.2
local big = rng:normal {5000}
local mask = T({1, 0, 1}, {dtype = "u8"})

local STEPS = {
  {"number", function(x) return x * 0.5 + 1 end, 3.0},
  {"number and clock", function(x, k) return x * 0.9 + k end, 0.25},
  {"vector", function(x) return x - 0.1 * (c * x):sin() end, rng:normal {3}},
  {"captured mask", function(x) return T.where(mask, x * 2, x + 1) end, rng:normal {3}},
  {"mask", function(x) return T.where(x:gt(0), x - 1, x * -1.5) end, rng:normal {3}},
  {"sum", function(x) return x / (1 + (x ^ 2):sum() ^ 0.5) end, rng:normal {3}},
  {"turned", function(x) return x:flip(1) end, rng:normal {3}},
  {"unchanged", function(x) return x end, rng:normal {3}},
  {"constant", function() return T.ones(3) * 2 end, rng:normal {3}},
  {"matrix", function(x) return x:t() * 0.5 + x end, rng:normal {4, 4}},
  {"gradient", function(x)
    return x - 0.05 * saddle.grad(function(w) return (w ^ 4 - w ^ 2):sum() end)(x)
  end, rng:normal {2}},
  {"table", function(s, k)
    local v = s.v * 0.9 - s.w * 0.1
    return {w = s.w + v, v = v, n = s.n + k, deep = {s.deep[1] + s.n}}
  end, {w = rng:normal {3}, v = T.zeros {3}, n = 0.5, deep = {1.0}}},
  {"exchanged", function(s) return {a = s.b, b = s.a} end,
   {a = rng:normal {3}, b = rng:normal {3}}},
  {"elements", function(x) return x - (x * big):tanh() * 0.125 end, rng:normal {5000}},
  {"elements and clock", function(x, k) return x * 0.5 + big * k end, big},
  {"elements of a table", function(s)
    local v = s.v * 0.5 - s.x
    return {x = s.x + v * 0.1, v = v}
  end, {x = big, v = big * 2}},
  {"a number beside many elements", function(s)
    return {a = s.a * 0.5 + s.b, b = s.b + 1}
  end, {a = big, b = 1.0}},
  {"many elements beside a number", function(s)
    return {a = s.a + 1, b = s.b * 0.5 + s.a}
  end, {a = 1.0, b = big}},
  {"program", function(x) return x - x:cumsum(1) * 1e-3 end, big},
  {"program and clock", function(x, k) return x:softmax(1) * k end, big},
  {"scalars of f32", function(x) return x * 0.3 + x:sin() end, rng:normal {3}:to("f32")},
  {"f32", function(x) return x * 0.3 + x:sin() end, big:to("f32")},
  {"nothing", function(x) return x + 1 end, T.zeros {0, 3}},
}

for _, case in ipairs(STEPS) do
  local name, step, state = table.unpack(case)
  t.test(name, function()
    for _, n in ipairs {0, 1, 2, 7, 10} do
      compare(step, state, n, ("%s, %d steps"):format(name, n))
    end
  end)
end

-- A step of 40 products of 40 numbers sums in BLAS's order, which depends on
-- strides: ten steps of a contraction keep that within 1e-12.
t.test("large states with products go through programs", function()
  compare(function(x) return W:mv(x):tanh() end, rng:normal {40}, 10, "mv", 1e-12)
  compare(function(x) return (x:mm(W) * 0.5):tanh() + x * 0.1 end,
    rng:normal {30, 40}, 10, "mm", 1e-12)
  local function loss(p) return ((p.a:mm(p.b)):tanh() - 0.5):abs():mean() end
  compare(function(p)
    local g = saddle.grad(loss)(p)
    return {a = p.a - 0.1 * g.a, b = p.b - 0.1 * g.b}
  end, {a = rng:normal {20, 30}, b = rng:normal {30, 10}}, 6, "descent", 1e-11)
end)

-- ---- lanes ----------------------------------------------------------------------

local function lane(state, i) return map(state, function(x) return x[i] end) end

local LANED = {
  {"numbers", function(x) return 10 * x * 0.05 - x ^ 2 end, {}},
  {"vectors", function(x) return x * 0.5 + c * x:sum() * 0.1 end, {3}},
  {"clock", function(x, k) return x * 0.5 + k end, {3}},
  {"table", function(s) return {a = s.a * 0.5 + s.b, b = s.b:flip(1)} end, {3}, true},
  {"mask", function(x) return T.where(mask, x * 0.5, x:max(1)) end, {3}},
  {"products", function(x) return W:mv(x):tanh() + 0.1 * x end, {40}, false, 1e-12},
  {"products and clock", function(x, k) return W:mv(x):tanh() * (k + 1) end, {40},
   false, 1e-12},
  {"table of products", function(s)
    return {a = W:mv(s.b) * 0.1, b = s.a:sin()}
  end, {40}, true, 1e-12},
  {"rows too long for a lane", function(x) return x:cumsum(1) * 1e-3 end, {300}},
  {"constant", function() return c * 2 end, {3}},
}

for _, case in ipairs(LANED) do
  local name, step, shape, isdouble, tol = table.unpack(case)
  t.test("lanes: " .. name, function()
    for _, lanes in ipairs {1, 7, 100} do
      local wide = table.pack(lanes, table.unpack(shape))
      wide.n = nil
      local state = rng:normal(wide)
      if isdouble then state = {a = state, b = rng:normal(wide)} end
      for _, n in ipairs {0, 1, 6} do
        local got, path = iterate(step, state, n, {lanes = true, every = 2})
        for i = 1, lanes, 13 do
          local what = ("%s: lane %d of %d, %d steps"):format(name, i, lanes, n)
          local want, list = loop(step, lane(state, i), n, 2)
          same(lane(got, i), want, what, tol)
          for k, s in ipairs(list) do
            same(map(path, function(x) return x[k][i] end), s, what .. " path", tol)
          end
        end
      end
    end
  end)
end

t.test("lanes are the same bits by themselves and among many", function()
  local x = rng:normal {4099, 2}
  local function step(w)
    return w - 0.05 * saddle.grad(function(z)
      return (z ^ 4):sum() - 2 * z[1] * z[2]
    end)(w)
  end
  local all = iterate(step, x, 300, {lanes = true})
  for i = 1, 4099, 211 do
    t.eq(all[i], iterate(step, x[i], 300), "lane " .. i)
  end
end)

-- ---- arguments ---------------------------------------------------------------------

t.test("the caller's state stays as it was", function()
  local x = rng:normal {3}
  local before = x:copy()
  local y = iterate(function(w) return w end, x, 3)
  t.eq(x, before)
  y[1] = 100
  t.eq(x, before, "a state of its own")
  local view = rng:normal {3, 4}:t()
  t.eq(iterate(function(w) return w * 2 end, view, 2), view * 4)
end)

t.test("errors name the argument", function()
  local x = T.ones(3)
  local function step(w) return w * 0.5 end
  local function fails(pattern, ...)
    local args = table.pack(...)
    t.fails(function() return iterate(table.unpack(args, 1, args.n)) end, pattern)
  end
  fails("iterate: argument 1: expected a function, got nil")
  fails("iterate: argument 1: expected a function, got number", 5, x, 1)
  fails("iterate: argument 2", step, "text", 1)
  fails("iterate: argument 2", step, nil, 1)
  fails("argument 2: expected f64 or f32", step, T({1}, {dtype = "i64"}), 1)
  fails("argument 3: expected an integer >= 0, got nil", step, x)
  fails("argument 3: expected an integer >= 0, got %-1", step, x, -1)
  fails("argument 3: expected an integer >= 0, got 1.5", step, x, 1.5)
  fails("argument 3: expected an integer >= 0, got x", step, x, "x")
  fails("option every: expected an integer >= 0, got %-2", step, x, 1, {every = -2})
  fails("unknown option 'evry'", step, x, 1, {evry = 1})
  fails("axis 1 of every leaf is the lane", step, 1.0, 1, {lanes = true})
  fails("of which the first has 3", function(s) return s end,
    {x, T.ones(4)}, 1, {lanes = true})
  fails("must return the types", function(w) return w:sum() end, x, 1)
  fails("must return the types", function(w) return w:to("f32") end, x, 1)
  fails("structure", function(w) return {w} end, x, 1)
  fails("structure", function(w) return w, w end, x, 1)
  fails("clock, an rng or a counter", function(w)
    return w * rng:uniform()
  end, x, 1)
  fails("own message", function() error("own message") end, x, 1)
  fails("memory", step, T.ones {1000, 1000}, 2 ^ 40 | 0, {every = 1})
  saddle.grad(function(w)
    t.fails(function() iterate(step, w, 2) end, "concrete tensors")
    t.fails(function() iterate(function(z) return z * w end, x, 2) end,
      "symbolic tensor of an outer")
    return w:sum()
  end)(x)
end)

t.test("captured tensors are read at each call; every beyond n keeps none",
  function()
    local k = T {1, 2, 3}
    local function step(w) return w + k end
    t.eq(iterate(step, T.zeros(3), 2), T {2, 4, 6})
    k[1] = 5
    t.eq(iterate(step, T.zeros(3), 2), T {10, 4, 6})
    local _, path = iterate(step, T.zeros(3), 2, {every = 5})
    t.eq(path.shape, {0, 3})
  end)

t.test("Ctrl-C stops a march, a program and elements", function()
  for name, state in pairs {march = T.ones {500, 2}, elements = T.ones(70000),
                            program = T.ones(70000)} do
    local function step(w)
      return name == "program" and w:cumsum(1) * 1e-5 or w:sin() * 1.5
    end
    core.system.interrupt()
    local good, err = pcall(iterate, step, state, 2 ^ 50 | 0,
      {lanes = name == "march"})
    t.ok(not core.system.interrupted(true), name .. ": still pending")
    t.ok(not good and tostring(err):find("interrupted!", 1, true), name)
  end
end)

t.test("a captured tensor changed in place after its use is refused", function()
  local c = T {1, 2}
  t.fails(function()
    iterate(function(w)
      local y = w + c
      c:add_(1)
      return y
    end, T {0, 0}, 3)
  end, "changed in place")
  t.eq(iterate(function(w) return w + c end, T {0, 0}, 2), c * 2)
end)

t.test("the step number takes the dtype of the state", function()
  local function step(w, made) return w * 0.5 + made * 0.25 end
  local x = T {1, 2, 3}:to("f32")
  local w = x
  for made = 0, 6 do w = step(w, made) end
  local got = iterate(step, x, 7)
  t.eq(got.dtype, "f32")
  t.eq(got, w)
  t.eq(iterate(step, T.ones {70000, 1}:to("f32"), 3).dtype, "f32")
end)

return t
