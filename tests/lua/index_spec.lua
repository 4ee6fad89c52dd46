-- index_spec.lua: reading and writing by index: every kind of selector against
-- a naive selection on nested Lua tables.  MIT licence.
local t = require "runner"
local T = require "saddle.core".tensor

-- ---- the naive reference ----------------------------------------------------

-- 1-based positions that a selector picks on an axis of n, and whether the axis
-- is dropped.
local function positions(sel, n)
  if type(sel) == "number" then
    return {sel < 0 and n + 1 + sel or sel}, true
  elseif type(sel) == "table" then
    local list = {}
    for i, k in ipairs(sel) do list[i] = k < 0 and n + 1 + k or k end
    return list, false
  end
  local a, b, s = sel:match("^%s*(-?%d*)%s*:%s*(-?%d*)%s*:?%s*(-?%d*)%s*$")
  a, b, s = tonumber(a), tonumber(b), tonumber(s) or 1
  a = a or (s > 0 and 1 or n)
  b = b or (s > 0 and n or 1)
  if a < 0 then a = n + 1 + a end
  if b < 0 then b = n + 1 + b end
  local list = {}
  for i = a, b, s do list[#list + 1] = i end
  return list, false
end

local function pick(tab, shape, sels, axis)
  axis = axis or 1
  if axis > #shape then return tab end
  local list, drop = positions(sels[axis] or ":", shape[axis])
  if drop then return pick(tab[list[1]], shape, sels, axis + 1) end
  local out = {}
  for k, i in ipairs(list) do out[k] = pick(tab[i], shape, sels, axis + 1) end
  return out
end

local selectors = {1, 3, -1, ":", "2:3", "2:", ":2", "1:-1", "-2:-1", "::2",
                   "::-1", "3:1:-1", "3:1:-2", "2:1", " 1 : 3 ", {1}, {3, 1},
                   {2, 2, -1}}

-- ---- reading ----------------------------------------------------------------

t.test("all pairs of selectors", function()
  local x = T.arange(1, 12):reshape(3, 4)
  local tab = x:totable()
  for _, a in ipairs(selectors) do
    local want = pick(tab, x.shape, {a})
    t.eq(x[{a}], want)
    t.eq(x(a), want)
    for _, b in ipairs(selectors) do
      want = pick(tab, x.shape, {a, b})
      t.eq(x[{a, b}], want)
      t.eq(x(a, b), want)
      t.eq(x:t():contiguous():t()[{a, b}], want, "strided")
    end
  end
end)

t.test("three axes, lists at each", function()
  local x = T.arange(1, 24):reshape(2, 3, 4)
  local tab = x:totable()
  for _, sels in ipairs{{1, ":", {1, 4}}, {{2, 1}, 3, "::2"},
                        {{2}, {3, 1}, {4, 2}},
                        {":", {1, 1}, -1}, {{1, 2}}, {"::-1", "2:3", "4:1:-3"},
                        {2, 3, 4}, {2, {3, 1}}} do
    t.eq(x[sels], pick(tab, x.shape, sels))
  end
end)

t.test("a number drops the first axis", function()
  local x = T{{1, 2}, {3, 4}}
  t.eq(x[1], T{1, 2})
  t.eq(x[-1], T{3, 4})
  t.eq(x[2][1], 3.0)
  t.eq(x[2.0], T{3, 4})
  t.eq(T{1, 2, dtype = "i64"}[2], 2)
  t.eq(math.type(T{1, 2, dtype = "i64"}[2]), "integer")
  t.eq(math.type(T{1, 2, dtype = "f32"}[2]), "float")
  t.eq(T{1, 2, dtype = "u8"}[-2], 1)
  t.eq(x[3], nil)
  t.eq(T{1, 2}[3], nil)
  t.eq(T{}[1], nil)
end)

t.test("ipairs walks rows and elements", function()
  local seen = {}
  for i, row in ipairs(T{{1, 2}, {3, 4}, {5, 6}}) do
    for j, v in ipairs(row) do seen[#seen + 1] = 100 * i + 10 * j + v end
  end
  t.eq(seen, {111, 122, 213, 224, 315, 326})
end)

t.test("index tensors and masks", function()
  local x = T{{1, 2, 3}, {4, 5, 6}}
  t.eq(x[{T{2, 1, dtype = "i64"}}], T{{4, 5, 6}, {1, 2, 3}})
  t.eq(x[T{2, 1}], T{{4, 5, 6}, {1, 2, 3}})
  t.eq(x[{":", T{{1, 2}, {3, 1}}}], T{{{1, 2}, {3, 1}}, {{4, 5}, {6, 4}}})
  t.eq(x[{":", T{1, 0, 1, dtype = "u8"}}], T{{1, 3}, {4, 6}})
  t.eq(x[x[{":", 1}]:gt(2)], T{{4, 5, 6}})
  t.eq(x[x:gt(2)], T{3, 4, 5, 6})
  t.eq(x[x:gt(9)], T.zeros(0))
  t.eq(T{1, 2, 3}[T{1, 2, 3}:ne(2)], T{1, 3})
  t.eq(x[{{}, ":"}].shape, {0, 3})
end)

t.test("views share, copies do not", function()
  local x = T{{1, 2, 3}, {4, 5, 6}}
  x[1][2] = 20
  x[{2, "::2"}]:mul_(10)
  x:t()[3][1] = 30
  x:reshape(6)[5] = 50
  t.eq(x, T{{1, 20, 30}, {40, 50, 60}})
  local copy = x[{{1, 2}}]
  copy:fill_(0)
  x["::-1"][1][1] = -4
  t.eq(x, T{{1, 20, 30}, {-4, 50, 60}})
  local view
  do
    local owner = T.arange(1, 1000)
    view = owner["10:20"]["2:3"]
  end
  collectgarbage()
  collectgarbage()
  for _ = 1, 100 do T.ones(1000) end
  t.eq(view, T{11, 12})
end)

t.test("outside", function()
  local x = T.zeros(3, 4)
  local cases = {
    {0, "index: 0 is outside axis 1 of %[3 x 4%] f64"},
    {-4, "%-4 is outside"}, {5, "5 is outside"},
    {{1, 5}, "5 is outside axis 2 of %[3 x 4%] f64"},
    {{1, 0}, "0 is outside axis 2"},
    {{"2:5"}, '"2:5" is outside %(axis 1'},
    {{":", "0:2"}, '"0:2" is outside %(axis 2'},
    {{":", "5:4:-1"}, "is outside"},
    {{":", "-5:2"}, "is outside"},
    {{"1:2:0"}, "step 0"}, {{"a:b"}, "is no range"}, {{"1:2:3:4"}, "no range"},
    {{"2"}, "is no range"}, {{"-:2"}, "is no range"}, {{""}, "is no range"},
    {{{4}}, "4 is not an index of axis 1"},
    {{{1.5}}, "1.5 is not an index"}, {{{0}}, "0 is not an index"},
    {{1, 1, 1}, "3 selectors for %[3 x 4%] f64"},
    {{print}, "got function"}, {{1.5}, "index must be an integer, got 1.5"},
    {1.5, "must be an integer"},
    {T{1, 0, dtype = "u8"}, "mask is %[2%] u8"},
    {true, "got boolean"},
  }
  for _, c in ipairs(cases) do
    t.fails(function() return x[c[1]] end, c[2])
    t.fails(function() x[c[1]] = 1 end)
  end
  t.fails(function() return T(1)[1] end, "0%-d")
  t.fails(function() x[4] = 1 end, "4 is outside")
  t.fails(function() T{1, 2}[3] = 1 end, "3 is outside axis 1 of %[2%] f64")
end)

-- ---- writing ----------------------------------------------------------------

-- Assigns v (a number) in a nested table by the same selectors.
local function put(tab, shape, sels, v, axis)
  axis = axis or 1
  local list = positions(sels[axis] or ":", shape[axis])
  for _, i in ipairs(list) do
    if axis == #shape then
      tab[i] = v
    else
      put(tab[i], shape, sels, v, axis + 1)
    end
  end
end

t.test("numbers to all pairs of selectors", function()
  for _, a in ipairs(selectors) do
    for _, b in ipairs(selectors) do
      local x = T.arange(1, 12):reshape(3, 4)
      local tab = x:totable()
      x[{a, b}] = -1
      put(tab, x.shape, {a, b}, -1)
      t.eq(x, tab)
    end
  end
end)

t.test("what is read can be written back", function()
  for _, a in ipairs(selectors) do
    for _, b in ipairs(selectors) do
      local x = T.arange(1, 12):reshape(3, 4)
      local y = T.zeros(3, 4)
      y[{a, b}] = x[{a, b}]
      t.eq(y[{a, b}], x[{a, b}])
      local ones = T.zeros(3, 4)
      ones[{a, b}] = 1
      t.eq(y, x * ones)
    end
  end
end)

t.test("values broadcast to the selection", function()
  local x = T.zeros(2, 3)
  x[1] = {1, 2, 3}
  x[{":", 2}] = T{7, 8}
  t.eq(x, T{{1, 7, 3}, {0, 8, 0}})
  x[{":", {3, 1}}] = T{{5}, {6}}
  t.eq(x, T{{5, 7, 5}, {6, 8, 6}})
  x[{{2, 1}}] = {{1, 1, 1}, {2, 2, 2}}
  t.eq(x, T{{2, 2, 2}, {1, 1, 1}})
  x[":"] = 4
  x["2:2"] = T{1, 2, 3}
  t.eq(x, T{{4, 4, 4}, {1, 2, 3}})
  x[x:gt(2)] = 0
  t.eq(x, T{{0, 0, 0}, {1, 2, 0}})
  x[x:gt(0)] = T{10, 20}
  t.eq(x, T{{0, 0, 0}, {10, 20, 0}})
  x[x[{":", 1}]:gt(0)] = 5
  t.eq(x, T{{0, 0, 0}, {5, 5, 5}})
  x[{2, T{1, 0, 1, dtype = "u8"}}] = T{8, 9}
  t.eq(x, T{{0, 0, 0}, {8, 5, 9}})
  local y = T{1, 2, 3}
  y["::-1"] = y
  t.eq(y, T{3, 2, 1})
  y[{{1, 2, 3}}] = y[{{3, 1, 2}}]
  t.eq(y, T{1, 3, 2})
  y[{{3, 2, 1}}] = y
  t.eq(y, T{2, 3, 1})
  local i = T{1, 2, dtype = "i64"}
  i[1] = 7
  i[2] = 8.0
  t.eq(i, T{7, 8, dtype = "i64"})
end)

t.test("writes that do not fit", function()
  local x = T.zeros(2, 3)
  t.fails(function() x[1] = T{1, 2} end, "index: .*%[3%] f64.*%[2%] f64")
  t.fails(function() x[1] = T.zeros(2, 3) end, "does not broadcast")
  t.fails(function() x[{{1, 2}}] = T{1, 2} end, "broadcast")
  t.fails(function() x[x:eq(0)] = T{1, 2} end, "mask selects 6 elements")
  t.fails(function() x[1] = "a" end, "got string")
  t.fails(function() x[1] = nil end, "got nil")
  t.fails(function() x:expand(2, 2, 3)[1] = 0 end, "read%-only")
  local i = T{1, 2, dtype = "i64"}
  t.fails(function() i[1] = 0.5 end, "0.5 is not a value of dtype i64")
  t.fails(function() i[":"] = T{0.5, 1} end, "f64 values do not fit")
  t.eq(x, T.zeros(2, 3))
end)

return t
