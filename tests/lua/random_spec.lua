-- random_spec.lua: saddle.random as a user meets it: forms of the calls, state,
-- splitting, errors. Distributions are tested in C (test_random.c); here only
-- with enough draws to see that the right parameters arrive.  MIT licence.
local t = require "runner"
local saddle = require "saddle"
local T, random = saddle.tensor, saddle.random

-- The attributes of a tensor, be they fields or methods.
local function get(x, name)
  local v = x[name]
  return type(v) == "function" and v(x) or v
end
local function shape(x) return get(x, "shape") end
local function dtype(x) return get(x, "dtype") end

-- The sum of all elements as a Lua number.
local function total(x)
  local s = x:sum()
  return type(s) == "number" and s or s:item()
end
local function mean(x) return total(x) / shape(x)[1] end

t.test("any integer is a seed; one seed gives the same draws", function()
  for _, seed in ipairs{0, 7, -1, math.mininteger, math.maxinteger, 3.0} do
    local a, b = random.new(seed), random.new(seed)
    t.eq(a:normal{50}, b:normal{50})
    t.eq(a:seed(), math.tointeger(seed))
  end
  t.ok(random.new(1):normal() ~= random.new(2):normal())
end)

t.test("the known answers, seen through full-range integers", function()
  -- block {0, 0, 0, 6} with key 0 belongs to position 0, words 0 and 1
  local x = random.new(0):integer(math.mininteger, math.maxinteger)
  local y = random.new(0):integer({1}, math.mininteger, math.maxinteger)
  t.eq(y[1], x)
  t.eq(math.type(x), "integer")
end)

t.test("shapes, dtypes and single numbers", function()
  local r = random.new(1)
  t.eq(shape(r:normal{3, 2}), {3, 2})
  t.eq(shape(r:normal(3, 2)), {3, 2})
  t.eq(dtype(r:normal{3, dtype = "f32"}), "f32")
  t.eq(dtype(r:normal{3}), "f64")
  t.eq(shape(r:uniform{0, 4}), {0, 4})
  t.eq(dtype(r:bernoulli{3}), "u8")
  t.eq(dtype(r:sign{3, dtype = "i64"}), "i64")
  t.eq(dtype(r:integer({3}, 1, 2)), "i64")
  t.eq(dtype(r:integer({3, dtype = "u8"}, 0, 255)), "u8")
  t.eq(math.type(r:normal()), "float")
  t.eq(math.type(r:uniform{low = 2, high = 3}), "float")
  t.eq(math.type(r:bernoulli()), "integer")
  t.eq(math.type(r:integer(1, 6)), "integer")
  t.eq(math.abs(r:sign()), 1.0)
end)

t.test("parameters arrive: means within four standard errors", function()
  local r, n = random.new(2), 200000
  local function within(x, m, sd)
    local off = mean(x) - m
    t.ok(math.abs(off) < 4 * sd / n ^ 0.5, ("off by %g"):format(off))
  end
  within(r:normal{n, mean = 5, sd = 3}, 5, 3)
  within(r:uniform{n, low = -1, high = 3}, 1, 4 / 12 ^ 0.5)
  within(r:exponential{n, rate = 4}, 0.25, 0.25)
  within(r:bernoulli{n, p = 0.2, dtype = "f64"}, 0.2, 0.4)
  within(r:sign{n}, 0, 1)
  within(r:integer({n, dtype = "f64"}, -3, 8), 2.5, (143 / 12) ^ 0.5)
  within(r:integer{n, low = -3, high = 8, dtype = "f64"}, 2.5, (143 / 12) ^ 0.5)
  local z = r:normal{n}
  within(z * z, 1, 2 ^ 0.5)
end)

t.test("one call, pieces and single numbers give the same draws", function()
  local whole = random.new(3):normal{300}
  local r = random.new(3)
  local parts = T.zeros{300}
  parts["1:7"] = r:normal{7}
  for i = 8, 40 do parts[i] = r:normal() end
  parts["41:300"] = r:normal{260}
  t.eq(parts, whole)
  t.eq(r:state().position, 300)
end)

t.test("one and two threads give the same bits", function()
  local system = require("saddle.core").system
  local before = system.threads()
  system.set_threads(1)
  local a = random.new(4):normal{200001}
  system.set_threads(2)
  local b = random.new(4):normal{200001}
  system.set_threads(before)
  t.eq(total(a:eq(b)), 200001)
end)

t.test("integers keep to their bounds, extremes included", function()
  local r = random.new(5)
  local seen = {}
  for _ = 1, 500 do
    local k = r:integer(3, 6)
    t.ok(k >= 3 and k <= 6)
    seen[k] = true
  end
  t.ok(seen[3] and seen[4] and seen[5] and seen[6])
  t.eq(r:integer(math.maxinteger, math.maxinteger), math.maxinteger)
  t.eq(r:integer(math.mininteger, math.mininteger), math.mininteger)
  local low, high = 0, 0
  for _ = 1, 400 do
    if r:integer(math.mininteger, math.maxinteger) < 0 then
      low = low + 1
    else
      high = high + 1
    end
  end
  t.ok(math.abs(low - high) < 4 * 400 ^ 0.5)
end)

t.test("permutation and shuffle", function()
  local r = random.new(6)
  local p = r:permutation(9)
  t.eq(dtype(p), "i64")
  local seen = {}
  for i = 1, 9 do seen[p[i]] = true end
  t.eq(#seen, 9)
  t.eq(shape(r:permutation(0)), {0})
  local x = T{{1, 10}, {2, 20}, {3, 30}, {4, 40}}
  local y = r:shuffle(x)
  t.eq(shape(y), {4, 2})
  t.eq(y:sum(1), T{10, 100})
  for i = 1, 4 do t.eq(y[i][2], 10 * y[i][1]) end
  t.eq(x[1][1], 1.0)
  t.eq(r:shuffle({5, 5, 5}), T{5, 5, 5})
end)

t.test("choice with and without replacement", function()
  local r = random.new(7)
  local k = r:choice(10, 10)
  local seen = {}
  for i = 1, 10 do seen[k[i]] = true end
  t.eq(#seen, 10)
  t.eq(r:choice(1, 5, {replace = true}), T{1, 1, 1, 1, 1})
  t.eq(math.type(r:choice(10)), "integer")
  local x = T{{1, 10}, {2, 20}, {3, 30}}
  local rows = r:choice(x, 2)
  t.eq(shape(rows), {2, 2})
  t.eq(rows[1][2], 10 * rows[1][1])
  t.eq(shape(r:choice(x)), {2})
  t.eq(r:choice(T{5.5}), 5.5)
  t.eq(shape(r:choice(5, 0)), {0})
end)

t.test("choice with weights", function()
  local r, n = random.new(8), 20000
  local k = r:choice(3, n, {replace = true, weights = {1, 0, 3}})
  local ones = total(k:eq(1))
  t.ok(math.abs(ones - n / 4) < 4 * (n * 3 / 16) ^ 0.5)
  t.eq(total(k:eq(2)), 0)
  t.eq(r:choice(3, {weights = {0, 1, 0}}), 2)
  t.eq(r:choice({10, 20}, 1, {weights = T{0, 2}}), T{20})
  local both = r:choice(3, 2, {weights = {1, 0, 3}})
  t.eq(both[1] + both[2], 4)
end)

t.test("split gives independent generators that drawing does not shift",
  function()
    local a, b = random.new(9), random.new(9)
    b:normal{17}
    local xs, ys = a:split(4), b:split(4)
    t.eq(#xs, 4)
    for i = 1, 4 do t.eq(xs[i]:normal{5}, ys[i]:normal{5}) end
    local n = 50000
    local all = {a:normal{n}, a:split():normal{n}}
    for i = 1, 4 do all[#all + 1] = xs[i]:normal{n} end
    for i = 1, #all do
      for j = 1, i - 1 do
        t.ok(math.abs(total(all[i] * all[j])) < 4 * n ^ 0.5)
      end
    end
    t.eq(#a:split(0), 0)
  end)

t.test("state, restore, copy, seed", function()
  local r = random.new(10)
  r:uniform{13}
  r:split(2)
  local state = r:state()
  t.eq(state, {generator = "philox4x32-10", seed = 10, position = 13,
               children = 2})
  local twin, other = r:copy(), random.restore(state)
  local x, child = r:normal{20}, r:split():normal{3}
  t.eq(twin:normal{20}, x)
  t.eq(other:normal{20}, x)
  t.eq(other:split():normal{3}, child)
  t.eq(r:restore(state):normal{20}, x)
  t.eq(r:seed(10), r)
  t.eq(r:state().position, 0)
  t.eq(r:state().children, 0)
  t.eq(tostring(random.restore(state)), "rng: seed 10, position 13")
end)

t.test("the default generator follows the default seed", function()
  local before = random.default():state()
  random.set_default_seed(11)
  t.ok(random.default() == random.default())
  t.eq(random.default():normal{5}, random.new(11):normal{5})
  t.eq(random.default():state().position, 5)
  random.set_default_seed(before.seed)
  random.default():restore(before)
end)

t.test("errors name the argument, the expected and the given", function()
  local r = random.new(12)
  local function fails(pattern, fn) t.fails(fn, pattern) end
  fails("seed must be an integer, got 2.5", function() random.new(2.5) end)
  fails("seed must be an integer, got no value", function() random.new() end)
  fails("unknown option 'men' %(did you mean 'mean'%?%)",
    function() r:normal{3, men = 1} end)
  fails("unknown option 'low'", function() r:normal{3, low = 1} end)
  fails("expected a finite sd >= 0, got %-1",
    function() r:normal{3, sd = -1} end)
  fails("sd must be a number, got string", function() r:normal{3, sd = "x"} end)
  fails("expected finite low < high, got low = 2, high = 1",
    function() r:uniform{3, low = 2} end)
  fails("expected p in %[0, 1%], got 2", function() r:bernoulli{p = 2} end)
  fails("expected a finite rate > 0, got 0",
    function() r:exponential{rate = 0} end)
  fails("expected dtype f64 or f32, got i64",
    function() r:normal{3, dtype = "i64"} end)
  fails("u8 within 0..255, got u8",
    function() r:integer({3, dtype = "u8"}, 0, 256) end)
  fails("expected low <= high, got low = 3, high = 2",
    function() r:integer(3, 2) end)
  fails("high must be an integer, got nil", function() r:integer(3) end)
  fails("low must be an integer, got 1.5", function() r:integer(1.5, 2) end)
  fails("size must be an integer, got 2.5", function() r:normal{2.5} end)
  fails("call it as rng:normal", function() r.normal{3} end)
  fails("n must not be negative", function() r:permutation(-1) end)
  fails("cannot choose k = 4 of 3 without replacement",
    function() r:choice(3, 4) end)
  fails("cannot choose k = 1 of 0", function() r:choice(0) end)
  fails("cannot choose k = 2 of 1 with weight above 0",
    function() r:choice(3, 2, {weights = {0, 1, 0}}) end)
  fails("weights%[2%] is %-1", function()
    r:choice(3, 1, {weights = {1, -1, 1}})
  end)
  fails("weights must be %[3%] to choose from 3, got %[2%] f64",
    function() r:choice(3, 1, {weights = {1.5, 2}}) end)
  fails("replace must be true or false, got number",
    function() r:choice(3, 1, {replace = 1}) end)
  fails("unknown option 'weigths'",
    function() r:choice(3, 1, {weigths = {1, 1, 1}}) end)
  fails("n must be in 0..16777216, got %-1", function() r:split(-1) end)
  fails("argument 3: unexpected", function() r:permutation(3, 4) end)
  fails("argument 3: unexpected", function() r:normal({3}, 4) end)
  fails("expected a state", function() r:restore(5) end)
  fails("position must be in", function()
    random.restore{generator = "philox4x32-10", seed = 1, position = -1,
                   children = 0}
  end)
  fails("generator must be", function()
    random.restore{generator = "mt19937", seed = 1, position = 0, children = 0}
  end)
  t.eq(r:state().position, 0)
end)

return t
