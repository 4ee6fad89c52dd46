-- ops_points_spec.lua: rows of ops.def at chosen points: special values,
-- integers, ends of domains, ties, overflow, stride-0 operands, indices that
-- are outside.  MIT licence.
local t = require "runner"
local saddle = require "saddle"
local core = require "saddle.core"
local reference = require "ops_reference"
local data = require "ops_data"
local T, G = saddle.tensor, core.graph
local EPS, TOL, DTYPE = data.EPS, data.TOL, data.DTYPE
local tensor, plain, letter_dtype = data.tensor, data.plain, data.letter_dtype

local rows, names = {}, {}
for _, row in ipairs(G.ops()) do
  rows[row.name] = row
  names[#names + 1] = row.name
end
table.sort(names)

-- ---- special values ---------------------------------------------------------------------

local function fits(entry, dtype)
  for _, v in ipairs(entry) do
    local size = math.abs(v)
    if dtype == "f32" and size < math.huge and size ~= 0
        and (size > 1e38 or size < 1e-37) then
      return false
    end
  end
  return true
end

local function check_special(row, entry, dtype)
  local ops, n = {}, #entry - 1
  for k = 1, n do
    local kind = letter_dtype(row.domain:sub(k, k), dtype)
    local v = kind == "u8" and math.floor(entry[k]) or entry[k]
    -- seven of them: through the vector loop and its rest
    ops[k] = tensor({shape = {7}, v, v, v, v, v, v, v}, kind)
  end
  local want = entry[n + 1]
  local exact = want == 0 or want ~= want or math.abs(want) == math.huge
  for _, got in ipairs(plain(G.apply(row.name, ops))) do
    local good = got == want or got ~= got and want ~= want or
      not exact and math.abs(got - want) <=
        TOL[row.tol] * EPS[dtype] * math.abs(want)
    t.ok(good, ("%s of %s, %s is %.17g, expected %.17g"):format(row.name,
      tostring(entry[1]), tostring(entry[2]), got, want))
  end
end

for _, name in ipairs(names) do
  if rows[name].map then
    t.test(name .. ": special values", function()
      for _, entry in ipairs(reference.special[name] or {}) do
        for _, dtype in ipairs {"f64", "f32"} do
          if fits(entry, dtype) then check_special(rows[name], entry, dtype) end
        end
      end
    end)
  end
end

t.test("mod and floordiv of integers have Lua's signs", function()
  local x, y = {}, {}
  for a = -7, 7 do
    for b = -4, 4 do
      if b ~= 0 then x[#x + 1], y[#y + 1] = a, b end
    end
  end
  local tx, ty = T(x, {dtype = "i64"}), T(y, {dtype = "i64"})
  local mod = G.apply("mod", {tx, ty}):totable()
  local div = G.apply("floordiv", {tx, ty}):totable()
  for k = 1, #x do
    t.eq(mod[k], x[k] % y[k])
    t.eq(div[k], x[k] // y[k])
  end
  local edge = T({math.mininteger}, {dtype = "i64"})
  local minus = T({-1}, {dtype = "i64"})
  t.eq(G.apply("floordiv", {edge, minus})[1], math.mininteger // -1)
  t.eq(G.apply("mod", {edge, minus})[1], 0)
end)

t.test("integers: u8 widens, float functions give f64, casts", function()
  local b = T({3, 200}, {dtype = "u8"})
  local i = T({-3, 200}, {dtype = "i64"})
  t.eq(G.apply("add", {b, b}).dtype, "i64")
  t.eq(G.apply("add", {b, b}):totable(), {6, 400})
  t.eq(G.apply("neg", {b}):totable(), {-3, -200})
  t.eq(G.apply("sum", {b}, {1}):item(), 203)
  t.eq(G.apply("exp", {i}).dtype, "f64")
  t.eq(G.apply("div", {i, i}).dtype, "f64")
  t.eq(G.apply("lt", {i, b}):totable(), {1, 0})
  t.eq(G.apply("cast", {T {-1.7, 2.7}}, {DTYPE.i64}):totable(), {-1, 2})
  t.eq(G.apply("cast", {b}, {DTYPE.f32}).dtype, "f32")
  t.fails(function() G.apply("cast", {T {0 / 0}}, {DTYPE.i64}) end, "NaN")
  t.fails(function() G.apply("powi", {i}, {-1}) end, "powi")
  t.fails(function() G.apply("land", {T {1.0}, T {1.0}}) end, "mask")
  t.fails(function() G.apply("where", {i, i, i}) end, "mask")
end)

-- ---- derivatives at chosen points ------------------------------------------------------

local function slope(name, x, attr)
  return saddle.grad(function(v) return G.apply(name, {v}, attr) end)(x)
end

local function second(name, x, attr)
  return saddle.hessian(function(v) return G.apply(name, {v}, attr) end, x)
end

t.test("derivatives where formulas meet their ends", function()
  local inf = math.huge
  t.eq(slope("abs", 0.0), 0)
  t.eq(slope("sqrt", 0.0), inf)
  t.eq(slope("softplus", 1000.0), 1)
  t.eq(slope("softplus", -1000.0), 0)
  for _, name in ipairs {"sigmoid", "tanh", "erf", "softplus"} do
    for _, x in ipairs {-800.0, 800.0} do
      t.ok(slope(name, x) == slope(name, x), name .. "': NaN")
      t.eq(second(name, x), 0, name .. "''")
    end
  end
  t.near(second("powi", 0.0, {2}), 2)
  t.eq(slope("powi", 0.0, {1}), 1)
  t.eq(slope("powi", 0.0, {0}), 0)
  t.eq(slope("log1p", -1.0), inf)
  t.eq(slope("asinh", 1e200), 1e-200)
  t.near(slope("atanh", 1 - 2.0 ^ -40) * 2.0 ^ -39, 1, 1e-9)
  t.near(slope("acosh", 1 + 2.0 ^ -40) * 2.0 ^ -19.5, 1, 1e-9)
end)

t.test("x^y at zero: no NaN where the derivative exists", function()
  local function at(x, y)
    return saddle.grad(function(w)
      return G.apply("pow", {w[1], w[2]})
    end)(T {x, y}):totable()
  end
  t.eq(at(0, 2), {0, 0})
  t.eq(at(0, 1), {1, 0})
  t.eq(at(3, 0)[1], 0)
  t.near(at(2, 3)[2], 8 * math.log(2))
  t.near(at(-2, 3)[1], 12)
  local h = saddle.hessian(function(x) return G.apply("pow", {x, 3.0}) end, 0.0)
  t.eq(h, 0)
end)

t.test("ties share the derivative", function()
  t.eq(saddle.grad(function(w)
    return G.apply("maximum", {w[1], w[2]})
  end)(T {2, 2}):totable(), {0.5, 0.5})
  t.eq(saddle.grad(function(w)
    return G.apply("minimum", {w[1], w[2]})
  end)(T {2, 2}):totable(), {0.5, 0.5})
  local x = T {{1, 4, 4, 2}, {3, 3, 3, 0}}
  local third = 1 / 3
  t.near(saddle.grad(function(w)
    return G.apply("amax", {w}, {2}):sum()
  end)(x):totable(), {{0, 0.5, 0.5, 0}, {third, third, third, 0}}, 1e-15)
  t.eq(G.apply("argmax", {x}, {1}):totable(), {1, 0})
  t.eq(G.apply("argmin", {T {2, 1, 1}}, {0}):item(), 1)
end)

t.test("softmax and logsumexp neither overflow nor lose their slope", function()
  local big = T {1e4, 1e4 - 1, -1e4}
  local e = math.exp(-1)
  t.near(G.apply("softmax", {big}, {0}):totable(),
    {1 / (1 + e), e / (1 + e), 0}, 1e-12)
  t.near(G.apply("logsumexp", {big}, {0}):item(), 1e4 + math.log(1 + e), 1e-15)
  local g = saddle.grad(function(x) return G.apply("logsumexp", {x}, {0}) end)
  t.near(g(big):totable(), {1 / (1 + e), e / (1 + e), 0}, 1e-12)
  t.eq(G.apply("logsumexp", {T {-math.huge, -math.huge}}, {0}):item(),
    -math.huge)
  t.eq(G.apply("logsumexp", {T {math.huge, 1}}, {0}):item(), math.huge)
  local nan = G.apply("softmax", {T {0 / 0, 1}}, {0})
  t.ok(nan[1] ~= nan[1])
end)

t.test("reductions: NaN passes through, of nothing", function()
  local x = T {{1, 0 / 0}, {3, 4}}
  local top = G.apply("amax", {x}, {2}):totable()
  t.ok(top[1] ~= top[1] and top[2] == 4)
  local low = G.apply("amin", {x}, {1}):totable()
  t.ok(low[1] == 1 and low[2] ~= low[2])
  t.fails(function() G.apply("amax", {T.zeros {0, 2}}, {1}) end,
    "amax.*axis 1 of %[0 x 2%] f64")
  t.fails(function() G.apply("argmax", {T.zeros {0}}, {0}) end, "argmax")
  t.eq(G.apply("sum", {T.zeros {0}}, {1}):item(), 0)
end)

t.test("stride-0 operands are read as what they show", function()
  local x = T {{1.5}, {-2.5}}
  local wide = G.apply("broadcast", {x}, {2, 3})
  t.eq(G.apply("sum", {wide}, {3}):item(), -3)
  t.eq(G.apply("mul", {wide, wide}):totable(),
    {{2.25, 2.25, 2.25}, {6.25, 6.25, 6.25}})
  t.eq(G.apply("matmul", {wide, wide}, {0, 1}):totable(),
    {{6.75, -11.25}, {-11.25, 18.75}})
  t.eq(G.apply("cumsum", {wide}, {1}):totable(),
    {{1.5, 3, 4.5}, {-2.5, -5, -7.5}})
  t.eq(G.apply("reshape", {wide}, {6}):totable(),
    {1.5, 1.5, 1.5, -2.5, -2.5, -2.5})
  local idx = G.apply("broadcast", {T({1}, {dtype = "i64"})}, {4})
  t.eq(G.apply("gather", {T {7, 8}, idx}, {0, 0}):totable(), {8, 8, 8, 8})
  t.eq(G.apply("scatter", {T {1, 2, 3, 4}, idx}, {0, 2, 0}):totable(), {0, 10})
end)

t.test("indices outside raise", function()
  local x, far = T {1, 2, 3}, T({0, 3}, {dtype = "i64"})
  local minus = T({-1}, {dtype = "i64"})
  t.fails(function() G.apply("gather", {x, far}, {0, 0}) end, "gather")
  t.fails(function() G.apply("gather", {x, minus}, {0, 0}) end, "gather")
  t.fails(function() G.apply("scatter", {T {1, 2}, far}, {0, 3, 0}) end,
    "scatter")
  t.fails(function() G.apply("solve", {T.zeros {2, 2}, T.zeros {2, 1}}, {0}) end,
    "solve")
end)

return t
