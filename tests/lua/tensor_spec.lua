-- tensor_spec.lua: constructors, broadcasting, operators, dtypes, fields, each
-- against plain Lua or values worked out by hand.  MIT licence.
local t = require "runner"
local T = require "saddle.core".tensor
local same, inf, nan = t.same, math.huge, 0 / 0

-- ---- constructors -----------------------------------------------------------

t.test("nested tables", function()
  same(T{{1, 2}, {3, 4}}, {2, 2}, "f64", {1, 2, 3, 4})
  same(T(5.5), {}, "f64", {5.5})
  same(T{}, {0}, "f64", {})
  same(T{{}, {}}, {2, 0}, "f64", {})
  same(T({{1, 2}}, {dtype = "i64"}), {1, 2}, "i64", {1, 2})
  same(T{1, 255, dtype = "u8"}, {2}, "u8", {1, 255})
  same(T{1, 2.5, dtype = "f32"}, {2}, "f32", {1, 2.5})
  same(T{T{1, 2}, {3, 4}}, {2, 2}, "f64", {1, 2, 3, 4})
  same(T{{{1}, {2}}, {{3}, {4}}}, {2, 2, 1}, "f64", {1, 2, 3, 4})
  local x = T{1, 2}
  local y = T(x)
  y[1] = 9
  t.eq(x[1], 1.0)
end)

t.test("ragged and wrong tables name the place", function()
  local cases = {
    {{{1, 2}, {3}}, "at %[2%]: ragged: 1 items, expected 2"},
    {{1, {2}}, "at %[2%]: ragged: expected a number, got a table"},
    {{{1}, 2}, "at %[2%]: ragged"},
    {{{1, 2}, {3, "x"}}, "at %[2%]%[2%]: expected a number, got string"},
    {{1, 2, foo = 3}, "unknown option 'foo'"},
    {{{1, 2}, {3, 4, dtype = "f32"}}, "at %[2%]: unknown option 'dtype'"},
    {{1, nil, 3}, "gaps"},
    {{true}, "at %[1%]: expected a number, got boolean"},
    {{1, 2.5, dtype = "i64"}, "at %[2%]: 2.5 is not a value of dtype i64"},
    {{300, dtype = "u8"}, "at %[1%]: 300 is not a value of dtype u8"},
    {{1, dtype = "f16"}, 'dtype must be .* got f16'},
  }
  for _, c in ipairs(cases) do
    t.fails(function() return T(c[1]) end, c[2])
  end
  t.fails(function() return T("x") end, "got string")
  t.fails(function() return T({1}, {dtyp = "f32"}) end, "mean 'dtype'")
end)

t.test("filled tensors", function()
  same(T.zeros{2, 3}, {2, 3}, "f64", {0, 0, 0, 0, 0, 0})
  same(T.zeros(2, 3), {2, 3}, "f64", {0, 0, 0, 0, 0, 0})
  same(T.zeros(2, {dtype = "u8"}), {2}, "u8", {0, 0})
  same(T.ones{2, dtype = "f32"}, {2}, "f32", {1, 1})
  same(T.ones(2.0), {2}, "f64", {1, 1})
  same(T.zeros{}, {}, "f64", {0})
  same(T.zeros(3, 0), {3, 0}, "f64", {})
  same(T.full({2}, 7), {2}, "f64", {7, 7})
  same(T.full({2, dtype = "i64"}, 7), {2}, "i64", {7, 7})
  same(T.eye(2), {2, 2}, "f64", {1, 0, 0, 1})
  same(T.eye(2, 3), {2, 3}, "f64", {1, 0, 0, 0, 1, 0})
  same(T.eye(3, 1, {dtype = "u8"}), {3, 1}, "u8", {1, 0, 0})
  t.eq(T.empty{4, 5}.shape, {4, 5})
  same(T.zeros_like(T{1, 2}), {2}, "f64", {0, 0})
  same(T.ones_like(T{1, dtype = "i64"}), {1}, "i64", {1})
  t.fails(function() return T.zeros(2.5) end, "must be an integer, got 2.5")
  t.fails(function() return T.zeros(-1) end, "size %-1")
  t.fails(function() return T.zeros{2, dtyp = "f32"} end, "mean 'dtype'")
  t.fails(function() return T.zeros("x") end, "got string")
  t.fails(function() return T.full({2, dtype = "i64"}, 0.5) end, "integer")
end)

t.test("sequences", function()
  same(T.arange(1, 5), {5}, "f64", {1, 2, 3, 4, 5})
  same(T.arange(5, 1, -2), {3}, "f64", {5, 3, 1})
  same(T.arange(2, 1), {0}, "f64", {})
  same(T.arange(1, 3, {dtype = "i64"}), {3}, "i64", {1, 2, 3})
  t.eq(#T.arange(0, 1, 0.1), 11)
  t.near(T.arange(0, 1, 0.1)[11], 1, 1e-15)
  same(T.linspace(0, 1, 5), {5}, "f64", {0, 0.25, 0.5, 0.75, 1})
  same(T.linspace(3, 9, 1), {1}, "f64", {3})
  t.eq(T.linspace(0, 0.3, 7)[7], 0.3)
  t.fails(function() return T.arange(0, 1, 0) end, "step must not be 0")
  t.fails(function() return T.arange(0, inf) end, "finite")
end)

t.test("joins", function()
  local a, b = T{{1, 2}}, T{{3, 4}}
  same(T.concat{a, b}, {2, 2}, "f64", {1, 2, 3, 4})
  same(T.concat({a, b}, 2), {1, 4}, "f64", {1, 2, 3, 4})
  same(T.concat({a, b}, -1), {1, 4}, "f64", {1, 2, 3, 4})
  same(T.stack{T{1, 2}, T{3, 4}}, {2, 2}, "f64", {1, 2, 3, 4})
  same(T.stack({T{1, 2}, T{3, 4}}, 2), {2, 2}, "f64", {1, 3, 2, 4})
  same(T.stack{1, 2.5, 3}, {3}, "f64", {1, 2.5, 3})
  same(T.concat{T{1, dtype = "i64"}, T{2, dtype = "f32"}}, {2}, "f64", {1, 2})
  local many, want = {}, {}
  for i = 1, 5000 do
    many[i] = T{i}
    want[i] = i
  end
  same(T.concat(many), {5000}, "f64", want)
  local x, y = T.meshgrid(T{1, 2}, T{3, 4, 5})
  same(x, {2, 3}, "f64", {1, 1, 1, 2, 2, 2})
  same(y, {2, 3}, "f64", {3, 4, 5, 3, 4, 5})
  t.fails(function() return T.concat{T{1}, T{{1}}} end, "concat.*%[1%] f64")
  t.fails(function() return T.stack{T{1}, T{1, 2}} end, "stack.*%[2%] f64")
  t.fails(function() return T.concat{} end, "at least one")
  t.fails(function() return T.concat(T{1}) end, "list of tensors, got a Tensor")
  t.fails(function() return T.stack{T{1}, "a"} end, "item 2 is not a tensor")
end)

t.test("tables, numbers and bytes back", function()
  t.eq(T{{1, 2}, {3, 4}}:totable(), {{1, 2}, {3, 4}})
  t.eq(T(3):totable(), 3.0)
  t.eq(T{{}, {}}:totable(), {{}, {}})
  t.eq(T{{7}}:item(), 7.0)
  t.eq(math.type(T{7, dtype = "i64"}:item()), "integer")
  t.fails(function() return T{1, 2}:item() end, "item.*%[2%] f64")
  local x = T{{1, 2.5}, {-3, nan}}
  t.eq(T.from_bytes(x:to_bytes(), {2, 2}), x)
  t.eq(#x:t():to_bytes(), 32)
  t.eq(T.from_bytes(x:t():to_bytes(), {2, 2}), x:t())
  t.fails(function() return T.from_bytes("abc", {2}) end, "16 bytes, got 3")
end)

-- ---- broadcasting -----------------------------------------------------------

-- numpy's rule in plain Lua: the shape, or nil.
local function broadcast(a, b)
  local n, out = math.max(#a, #b), {}
  for k = 1, n do
    local x, y = a[#a - n + k] or 1, b[#b - n + k] or 1
    if x ~= y and x ~= 1 and y ~= 1 then return nil end
    out[k] = x == 1 and y or x
  end
  return out
end

-- Element at row-major position p of shape `out`, in an array of shape s.
local function at(p, out, s)
  local rest, pos, step = p, 0, 1
  for k = #out, 1, -1 do
    local i = rest % out[k]
    rest = rest // out[k]
    local n = s[#s - #out + k]
    if n then
      pos = pos + (n == 1 and 0 or i) * step
      step = step * n
    end
  end
  return pos
end

local function counted(shape, from)
  local n = 1
  for _, k in ipairs(shape) do n = n * k end
  local v = {}
  for i = 1, n do v[i] = from + 1.25 * i end
  return #v == 0 and T.zeros(shape) or T(v):reshape(shape), v, n
end

t.test("every pair of small shapes broadcasts as numpy's do", function()
  local shapes = {{}}
  for _, a in ipairs{0, 1, 2, 3} do
    shapes[#shapes + 1] = {a}
    for _, b in ipairs{0, 1, 2} do
      shapes[#shapes + 1] = {b, a}
      shapes[#shapes + 1] = {1, b, a}
      shapes[#shapes + 1] = {2, b, a}
    end
  end
  for _, sa in ipairs(shapes) do
    for _, sb in ipairs(shapes) do
      local a, va = counted(sa, 10)
      local b, vb = counted(sb, -3)
      local so = broadcast(sa, sb)
      local name = table.concat(sa, "x") .. " with " .. table.concat(sb, "x")
      if so == nil then
        t.fails(function() return a - b end,
                "sub: shapes do not broadcast: a is %[.*%] f64, b is %[.*%]")
      else
        local n, want = 1, {}
        for _, k in ipairs(so) do n = n * k end
        for p = 0, n - 1 do
          want[p + 1] = va[at(p, so, sa) + 1] - vb[at(p, so, sb) + 1]
        end
        same(a - b, so, "f64", want, name)
      end
    end
  end
end)

-- ---- operators and dtypes ---------------------------------------------------

t.test("operators", function()
  local x, y = T{7, -7, 7, -7}, T{2, 2, -2, -2}
  t.eq(x + y, T{9, -5, 5, -9})
  t.eq(x - y, T{5, -9, 9, -5})
  t.eq(x * y, T{14, -14, -14, 14})
  t.eq(x / y, T{3.5, -3.5, -3.5, 3.5})
  t.eq(x // y, T{7 // 2, -7 // 2, 7 // -2, -7 // -2})
  t.eq(x % y, T{7 % 2, -7 % 2, 7 % -2, -7 % -2})
  t.eq(-x, T{-7, 7, -7, 7})
  t.eq(x ^ 2, T{49, 49, 49, 49})
  t.near(T{4, 9} ^ 0.5, T{2, 3}, 1e-15)
  t.near(2 ^ T{1, 3}, T{2, 8}, 1e-15)
  t.eq(10 - T{1, 2}, T{9, 8})
  t.eq(1 / T{2, 4}, T{0.5, 0.25})
  t.eq(T{1, 2} + {10, 20}, T{11, 22})
  t.eq({10, 20} - T{1, 2}, T{9, 18})
  t.eq(#T.zeros(3, 2), 3)
  local m, n = T{1, 1, 0, dtype = "u8"}, T{1, 0, 0, dtype = "u8"}
  same(m & n, {3}, "u8", {1, 0, 0})
  same(m | n, {3}, "u8", {1, 1, 0})
  same(m ~ n, {3}, "u8", {0, 1, 0})
  same(~m, {3}, "u8", {0, 0, 1})
  t.ok(x == x and x ~= T(x), "== is identity")
  t.fails(function() return x < y end, "x:lt%(y%)")
  t.fails(function() return x .. "a" end, "tostring")
  t.fails(function() return #T(1) end, "0%-d")
  t.fails(function() return x & y end, "land: expected masks %(u8%), operand 1")
  t.fails(function() return x + "a" end, "add: expected a tensor or a number")
  t.fails(function() return x + nil end, "got nil")
end)

t.test("dtype of results", function()
  local v = {}
  for _, d in ipairs{"u8", "i64", "f32", "f64"} do v[d] = T{3, 2, dtype = d} end
  local rank = {u8 = 1, i64 = 2, f32 = 3, f64 = 4}
  local function promoted(a, b)
    if rank[a] > rank[b] then a, b = b, a end
    if a == "i64" and b == "f32" then return "f64" end
    return b
  end
  for a, x in pairs(v) do
    for b, y in pairs(v) do
      local d = promoted(a, b)
      local arith = d == "u8" and "i64" or d
      local float = (d == "u8" or d == "i64") and "f64" or d
      local name = a .. " with " .. b
      for _, op in ipairs{"add", "sub", "mul", "mod", "floordiv", "maximum",
                          "minimum"} do
        t.eq(x[op](x, y).dtype, arith, op .. " " .. name)
      end
      for _, op in ipairs{"div", "pow", "atan2", "hypot"} do
        t.eq(x[op](x, y).dtype, float, op .. " " .. name)
      end
      for _, op in ipairs{"lt", "le", "gt", "ge", "eq", "ne"} do
        t.eq(x[op](x, y).dtype, "u8", op .. " " .. name)
      end
      t.eq(T.where(T{1, 0, dtype = "u8"}, x, y).dtype, d, "where " .. name)
    end
  end
  local numbers = {u8 = {"i64", "f64"}, i64 = {"i64", "f64"},
                   f32 = {"f32", "f32"}, f64 = {"f64", "f64"}}
  for d, want in pairs(numbers) do
    t.eq((v[d] + 1).dtype, want[1], d .. " + 1")
    t.eq((1 + v[d]).dtype, want[1], "1 + " .. d)
    t.eq((v[d] + 1.5).dtype, want[2], d .. " + 1.5")
    t.eq((v[d] ^ 2).dtype, d == "u8" and "i64" or d, d .. " ^ 2")
    t.eq((v[d] / 2).dtype, d == "f32" and "f32" or "f64", d .. " / 2")
    t.eq(v[d]:exp().dtype, d == "f32" and "f32" or "f64", "exp " .. d)
    t.eq((-v[d]).dtype, d == "u8" and "i64" or d, "-" .. d)
    t.eq(v[d]:gt(1).dtype, "u8")
    t.eq(v[d]:isnan().dtype, "u8")
    t.eq(v[d]:mean(1, {keepdim = true}).dtype, d == "f32" and "f32" or "f64")
  end
  same(T{7, -7, dtype = "i64"} // 2, {2}, "i64", {3, -4})
  same(T{7, -7, dtype = "i64"} % 2.0, {2}, "f64", {1, 1})
  same(T{200, 100, dtype = "u8"} + T{100, 100, dtype = "u8"}, {2}, "i64",
       {300, 200})
  same(T{2, 3, dtype = "i64"} ^ 3, {2}, "i64", {8, 27})
  same(T{2, 4, dtype = "i64"} ^ -1, {2}, "f64", {0.5, 0.25})
  local big = 2 ^ 53 | 0
  t.eq((T{big, dtype = "i64"} + 1)[1], big + 1)
end)

t.test("functions of numbers give numbers", function()
  t.near(T.sqrt(2.25), 1.5, 1e-15)
  t.eq(T.maximum(2, 3), 3)
  t.eq(T.where(1, 2.5, 3.5), 2.5)
  t.eq(T.add(1, 2), 3)
  t.eq(math.type(T.add(1, 2)), "integer")
  t.eq(T.relu(-2), 0)
  t.eq(T.relu(2), 2)
  t.eq(T.clamp(5, 0, 3), 3)
  t.eq(T.sum(5), 5)
  t.eq(T.pow(2, 3), 8.0)
end)
-- ---- the rest ---------------------------------------------------------------

t.test("0-d and empty tensors everywhere", function()
  local s, e = T(3), T.zeros(0, 2)
  t.eq(s + 1, T(4))
  t.eq((s * T{1, 2}), T{3, 6})
  t.eq(s:sum(), 3.0)
  t.eq(s:tanh().shape, {})
  t.eq(s:reshape(1, 1), T{{3}})
  t.eq(s:flatten(), T{3})
  t.eq(s:copy():add_(1):item(), 4.0)
  t.eq((e + e).shape, {0, 2})
  t.eq(e:exp().shape, {0, 2})
  t.eq(e:t().shape, {2, 0})
  t.eq(e:mm(T.zeros(2, 3)).shape, {0, 3})
  t.eq(e:copy():add_(1).shape, {0, 2})
  t.eq(T.concat{e, T{{1, 2}}}, T{{1, 2}})
  t.eq(e:reshape(2, 0).shape, {2, 0})
  t.eq(e:mean(2).shape, {0})
  t.ok(e:mean() ~= e:mean(), "the mean of nothing is NaN")
  t.ok(tostring(s):find("%[%] f64") and tostring(e):find("%[0 x 2%]"))
end)

t.test("fields and names", function()
  local x = T{1, 2}
  t.ok(T.istensor(x) and not T.istensor(1) and not T.istensor{})
  t.ok(not T.issymbolic(x))
  t.fails(function() return x.sumx end, "'sumx' %(did you mean 'sum'%?%)")
  t.fails(function() return x.qqqqqqqqq end, "no method or field 'qqqqqqqqq'$")
  t.fails(function() x.foo = 1 end, "fields cannot be set")
  t.fails(function() return x:add(print) end, "got function")
  local big = 2 ^ 40 | 0
  t.fails(function() return T.zeros(big, 4) end, "not enough memory.*MB")
  t.fails(function() return T.zeros(2 ^ 62 | 0, 4) end, "too large")
end)

t.test("messages start with the user's line", function()
  local here = debug.getinfo(1, "l").currentline + 1
  local ok, err = pcall(function() return T{1, 2} + T{1, 2, 3} end)
  t.ok(not ok and err:find(":" .. here .. ": add: ", 1, true), err)
end)

return t
