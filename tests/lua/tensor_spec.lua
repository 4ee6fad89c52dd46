-- tensor_spec.lua: constructors, operators, dtypes, broadcasting, methods and
-- changes in place, each against plain Lua or values worked out by hand.
-- MIT licence.
local t = require "runner"
local core = require "saddle.core"
local T = core.tensor
local inf, nan = math.huge, 0 / 0

local function same(x, shape, dtype, values, message)
  t.eq(x.shape, shape, message)
  t.eq(x.dtype, dtype, message)
  t.eq(x:flatten():totable(), values, message)
end

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
        local want = op == "pow" and float or float
        t.eq(x[op](x, y).dtype, want, op .. " " .. name)
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

-- ---- methods ----------------------------------------------------------------

t.test("element-wise rows", function()
  local v = {0.3, -0.7, 0.9}
  local x = T(v)
  local fns = {
    abs = math.abs, exp = math.exp, sin = math.sin, cos = math.cos,
    tan = math.tan, asin = math.asin, acos = math.acos, atan = math.atan,
    floor = math.floor, ceil = math.ceil,
    square = function(a) return a * a end,
    reciprocal = function(a) return 1 / a end,
    sigmoid = function(a) return 1 / (1 + math.exp(-a)) end,
    softplus = function(a) return math.log(1 + math.exp(a)) end,
    tanh = function(a)
      return (math.exp(a) - math.exp(-a)) / (math.exp(a) + math.exp(-a))
    end,
    relu = function(a) return math.max(a, 0) end,
    neg = function(a) return -a end,
  }
  for name, f in pairs(fns) do
    local y = x[name](x)
    for i = 1, 3 do t.near(y[i], f(v[i]), 1e-14, name) end
    t.near(T[name](x), y, 0, name)
    t.eq(x, T(v), name .. " leaves its operand alone")
  end
  local p = T{0.5, 2, 10}
  for i = 1, 3 do
    t.near(p:log()[i], math.log(p[i]), 1e-15)
    t.near(p:log2()[i], math.log(p[i], 2), 1e-15)
    t.near(p:log10()[i], math.log(p[i], 10), 1e-15)
    t.near(p:rsqrt()[i], p[i] ^ -0.5, 1e-15)
  end
  same(T{1, nan, inf, -inf}:isnan(), {4}, "u8", {0, 1, 0, 0})
  same(T{1, nan, inf, -inf}:isinf(), {4}, "u8", {0, 0, 1, 1})
  same(T{1, nan, inf, -inf}:isfinite(), {4}, "u8", {1, 0, 0, 0})
  same(T{2.5, 3.5, -0.5}:round(), {3}, "f64", {2, 4, -0.0})
  t.eq(T{1, 5, 9}:clamp(2, 6), T{2, 5, 6})
  t.eq(T{1, 5, 9}:clamp(nil, 6), T{1, 5, 6})
  t.eq(T{1, 5, 9}:clamp(2), T{2, 5, 9})
  t.eq(T{1, nan}:maximum(0)[2], nan)
  t.fails(function() return x:add() end, "add: expected 2 operands, got 1")
  t.fails(function() return x:tanh(1) end, "tanh: expected 1 operand, got 2")
end)

t.test("comparisons and choice", function()
  local x, y = T{1, 2, 3}, T{3, 2, 1}
  local want = {lt = {1, 0, 0}, le = {1, 1, 0}, gt = {0, 0, 1}, ge = {0, 1, 1},
                eq = {0, 1, 0}, ne = {1, 0, 1}}
  for op, v in pairs(want) do same(x[op](x, y), {3}, "u8", v, op) end
  same(x:gt(2), {3}, "u8", {0, 0, 1})
  t.eq(T.where(x:gt(y), x, -1), T{-1, -1, 3})
  t.eq(T.where(x:gt(2), 1.5, 0), T{0, 0, 1.5})
  t.eq(x:masked_fill(x:lt(3), 0), T{0, 0, 3})
  t.fails(function() return T.where(x, 1, 2) end, "where: expected masks")
  t.ok(x:equal(T{1, 2, 3}) and not x:equal(y) and not x:equal(x:f32()))
  t.ok(not T{nan}:equal(T{nan}) and not x:equal(3))
  t.ok(x:allclose(x + 1e-9) and not x:allclose(x + 1e-3))
  t.ok(x:allclose(x + 1e-3, {atol = 1e-2}))
  t.ok(T{inf}:allclose{inf} and not T{inf}:allclose{1})
  t.ok(not T{1}:allclose{inf} and not T{nan}:allclose{nan})
  t.ok(T.ones(2, 2):allclose(1))
  t.fails(function() return x:allclose(y, {atoll = 1}) end, "mean 'atol'")
end)

t.test("shape and layout", function()
  local x = T.arange(1, 24):reshape(2, 3, 4)
  t.eq(x.shape, {2, 3, 4})
  t.eq(x:size(2), 3)
  t.eq(x:size(-1), 4)
  t.eq(x:size(), {2, 3, 4})
  t.eq(x:dim(), 3)
  t.eq(x.ndim, 3)
  t.eq(x:numel(), 24)
  t.eq(x:reshape(4, -1).shape, {4, 6})
  t.eq(x:reshape{4, -1}:flatten(), x:flatten())
  t.eq(x:t().shape, {2, 4, 3})
  t.eq(x:transpose(1, 3).shape, {4, 3, 2})
  t.eq(x:transpose().shape, {4, 3, 2})
  t.eq(x:permute(3, 1, 2).shape, {4, 2, 3})
  t.eq(x:permute{3, 1, 2}[4][2][3], x[2][3][4])
  t.eq(x:permute(3, 1, 2):reshape(8, 3)[{3, 2}], x[1][2][2])
  t.eq(x:unsqueeze(2).shape, {2, 1, 3, 4})
  t.eq(x:unsqueeze(-1).shape, {2, 3, 4, 1})
  t.eq(x:unsqueeze(2):squeeze().shape, {2, 3, 4})
  t.eq(T.zeros(1, 1):squeeze(1).shape, {1})
  t.eq(T{1, 2}:unsqueeze(2):expand(2, 3), T{{1, 1, 1}, {2, 2, 2}})
  t.eq(T{1, 2}:expand(3, -1).shape, {3, 2})
  t.ok(x:is_contiguous() and not x:t():is_contiguous())
  t.ok(x:t():contiguous():is_contiguous())
  t.eq(x:t():contiguous(), x:t())
  t.eq(T{1, 2, 3}:flip(1), T{3, 2, 1})
  t.eq(T{1, 2, 3, 4}:roll(1), T{4, 1, 2, 3})
  t.eq(T{1, 2, 3, 4}:roll(-1), T{2, 3, 4, 1})
  t.eq(T{{1, 2}, {3, 4}}:roll(1, 2), T{{2, 1}, {4, 3}})
  t.eq(T{1, 2}:tile(2), T{1, 2, 1, 2})
  t.fails(function() return T{1, 2}:tile(2 ^ 62 | 0) end, "do not fit")
  t.fails(function() return T{1, 2}:tile(-1) end, "tile")
  t.eq(T{{1, 2}}:tile(2, 2), T{{1, 2, 1, 2}, {1, 2, 1, 2}})
  t.eq(x:to("f32").dtype, "f32")
  t.eq(x:i64():u8():f32():f64(), x)
  t.fails(function() return T{1.5, nan}:to "i64" end, "NaN")
  t.fails(function() return x:reshape(5, -1) end, "reshape.*24 elements")
  t.fails(function() return x:reshape(5, 5) end, "reshape: %[2 x 3 x 4%] f64")
  t.fails(function() return x:squeeze(1) end, "squeeze: axis 1")
  t.fails(function() return x:size(4) end, "axis 4 does not exist.* 3 axes")
  t.fails(function() return x:size(0) end, "axis 0")
  t.fails(function() return x:permute(1, 2) end, "3 axes, 2 were named")
  t.fails(function() return x:permute(1, 2, 2) end, "twice")
  t.fails(function() return x:expand(2, 3, 5) end, "broadcast: %[2 x 3 x 4%]")
  t.fails(function() return T{1}:t() end, "matrix")
  t.fails(function() return x:to("f16") end, "dtype must be")
end)

t.test("diagonals and triangles", function()
  local a = T{{1, 2, 3}, {4, 5, 6}}
  t.eq(a:diag(), T{1, 5})
  t.eq(T{1, 2}:diag(), T{{1, 0}, {0, 2}})
  t.eq(T{inf, 1}:diag(), T{{inf, 0}, {0, 1}})
  t.eq(a:tril(), T{{1, 0, 0}, {4, 5, 0}})
  t.eq(a:triu(), T{{1, 2, 3}, {0, 5, 6}})
  t.eq(a:triu(1), T{{0, 2, 3}, {0, 0, 6}})
  t.eq(a:tril(-1), T{{0, 0, 0}, {4, 0, 0}})
  t.eq(T{{1, 2}, {3, 4}}:trace(), 5.0)
  local d = T.zeros(2, 2)
  d:diag():fill_(3)
  t.eq(d, T{{3, 0}, {0, 3}})
end)

t.test("reductions", function()
  local x = T{{1, 5, 3}, {4, 2, 9}}
  t.eq(x:sum(), 24.0)
  t.eq(math.type(x:i64():sum()), "integer")
  t.eq(x:sum(1), T{5, 7, 12})
  t.eq(x:sum(2), T{9, 15})
  t.eq(x:sum(-1), T{9, 15})
  t.eq(x:sum{1, 2}, 24.0)
  t.eq(x:sum(2, {keepdim = true}), T{{9}, {15}})
  t.eq(x:sum{2, keepdim = true}, T{{9}, {15}})
  t.eq(x:sum{keepdim = true}, T{{24}})
  t.eq(x:mean(1), T{2.5, 3.5, 6})
  t.eq(x:mean(), 4.0)
  t.eq(x:i64():mean(), 4.0)
  t.eq(x:max(), 9.0)
  t.eq(x:max(1), T{4, 5, 9})
  t.eq(x:min(2), T{1, 2})
  t.eq(x:amin(), 1.0)
  t.eq(x:amax(2, {keepdim = true}), T{{5}, {9}})
  same(x:argmax(2), {2}, "i64", {2, 3})
  same(x:argmin(1), {3}, "i64", {1, 2, 1})
  t.eq(x:argmax(), 6)
  t.eq(T{3, 1, 1}:argmin(1), 2)
  t.near(T{1, 2, 4}:var(), 14 / 9, 1e-15)
  t.near(T{1, 2, 4}:var(1, {ddof = 1}), 7 / 3, 1e-15)
  t.near(T{1, 2, 4}:std{ddof = 1}, math.sqrt(7 / 3), 1e-15)
  t.near(x:std(1), T{1.5, 1.5, 3}, 1e-15)
  t.near(T{3, 4}:norm(), 5, 1e-15)
  t.eq(T{3, -4}:norm(1), 7.0)
  t.eq(T{3, -4}:norm("inf"), 4.0)
  t.eq(T{3, -4}:norm(math.huge), 4.0)
  t.near(T{3, -4}:norm(3), (27 + 64) ^ (1 / 3), 1e-15)
  t.near(T{{3, 4}, {6, 8}}:norm(2, 2), T{5, 10}, 1e-15)
  t.eq(x:prod(), 1080.0)
  t.eq(x:prod(1), T{4, 10, 27})
  t.eq(x:prod(2, {keepdim = true}), T{{15}, {72}})
  t.eq(T{2, 3, 4, 5, 7, dtype = "i64"}:prod(), 840)
  t.eq(T{}:prod(), 1.0)
  t.eq(T.zeros(0, 2):prod(1), T{1, 1})
  t.eq(T{0, 1}:any(), true)
  t.eq(T{0, 1}:all(), false)
  t.eq(T{}:all(), true)
  t.eq(T{}:any(), false)
  t.eq(T{nan}:any(), true)
  same(T{{0, 1}, {0, 0}}:any(2), {2}, "u8", {1, 0})
  same(T{{0, 1}, {1, 1}}:all(2), {2}, "u8", {0, 1})
  t.eq(T{1, 2, 3}:cumsum(), T{1, 3, 6})
  t.eq(x:cumsum(2), T{{1, 6, 9}, {4, 6, 15}})
  t.eq(T.zeros(0, 3):sum(1), T{0, 0, 0})
  t.eq(T.zeros(0, 3):sum(), 0.0)
  local u = T{{200, 100}, {1, 2}, dtype = "u8"}
  t.eq(u:sum(), 303)
  same(u:cumsum(1), {2, 2}, "i64", {200, 100, 201, 102})
  same(u:prod(2), {2}, "i64", {20000, 2})
  same(u:max(1), {2}, "u8", {200, 100})
  same(u:mm(u), {2, 2}, "i64", {40100, 20200, 202, 104})
  t.near(T{0, 0, dtype = "i64"}:logsumexp(), math.log(2), 1e-15)
  t.near(u:softmax().dtype, "f64")
  t.near(T{1, 2, dtype = "f32"}:var(), 0.25, 0)
  t.fails(function() return T.zeros(0):max() end, "of nothing")
  t.fails(function() return x:sum(3) end, "axis 3 does not exist")
  t.fails(function() return x:sum(1, {keepdims = true}) end, "mean 'keepdim'")
  t.fails(function() return x:sum(1, true) end, "table of options")
  t.fails(function() return x:cumsum() end, "name the axis")
  t.fails(function() return x:norm(-1) end, "positive")
end)

t.test("softmax and its logarithm", function()
  local x = T{{0, math.log(3)}, {1000, 1000}}
  t.near(x:softmax(), T{{0.25, 0.75}, {0.5, 0.5}}, 1e-15)
  t.near(x:softmax(1)[{1, 1}], 0, 1e-300)
  t.near(x:logsumexp(2), T{math.log(4), 1000 + math.log(2)}, 1e-15)
  t.near(x:log_softmax()[2], T{-math.log(2), -math.log(2)}, 1e-15)
  t.near(T{0, 0}:logsumexp(), math.log(2), 1e-15)
  t.near(T{{0, 0}, {0, 0}}:logsumexp(), math.log(4), 1e-15)
  t.eq(x:logsumexp(2, {keepdim = true}).shape, {2, 1})
end)

t.test("products", function()
  local a = T{{1, 2, 3}, {4, 5, 6}}
  local b = T{{1, 0}, {0, 1}, {2, 2}}
  t.eq(a:mm(b), T{{7, 8}, {16, 17}})
  t.eq(a:t():mm(b:t()), T{{1, 4, 10}, {2, 5, 14}, {3, 6, 18}})
  t.eq(a:mv(T{1, 1, 1}), T{6, 15})
  t.eq(T{1, 2, 3}:dot(T{4, 5, 6}), 32.0)
  t.eq(T.arange(1, 6)["1:6:2"]:dot(T{1, 1, 1}), 9.0)
  t.eq(T{1, 2, dtype = "i64"}:dot(T{3, 4, dtype = "i64"}), 11)
  t.eq(T{}:dot(T{}), 0.0)
  t.eq(T{1, 2}:outer(T{3, 4, 5}), T{{3, 4, 5}, {6, 8, 10}})
  t.eq(a:matmul(T{1, 1, 1}), T{6, 15})
  t.eq(T{1, 1}:matmul(a), T{5, 7, 9})
  t.eq(T{1, 2}:matmul(T{3, 4}), 11.0)
  local batch = T.stack{a, 2 * a}
  t.eq(batch:mm(b), T.stack{a:mm(b), 2 * a:mm(b)})
  t.eq(batch:bmm(T.stack{b, b}), T.stack{a:mm(b), 2 * a:mm(b)})
  t.eq(batch:matmul(T{1, 1, 1}), T{{6, 15}, {12, 30}})
  t.eq(T.zeros(2, 0):mm(T.zeros(0, 3)), T.zeros(2, 3))
  t.eq(T{{1, 2}, {3, 4}, dtype = "i64"}:mm(T.eye(2)).dtype, "f64")
  t.near(T{{2, 1}, {1, 3}}:solve(T{3, 5}), T{0.8, 1.4}, 1e-14)
  t.near(T{{2, 0}, {0, 4}}:solve(T.eye(2)), T{{0.5, 0}, {0, 0.25}}, 1e-15)
  t.fails(function() return a:mm(a) end,
          "mm: inner sizes differ: a is %[2 x 3%] f64, b is %[2 x 3%] f64")
  t.fails(function() return a:dot(a) end, "dot: needs two vectors")
  t.fails(function() return T{1}:mm(a) end, "mm: needs matrices")
  t.fails(function() return a:mv(T{1}) end, "mv: inner sizes differ")
end)

t.test("gather, scatter, sort", function()
  local x = T{{1, 2}, {3, 4}, {5, 6}}
  t.eq(x:gather({3, 1}), T{{5, 6}, {1, 2}})
  t.eq(x:take({2, 2, 1}, 2), T{{2, 2, 1}, {4, 4, 3}, {6, 6, 5}})
  t.eq(x:gather(T{{1, 2}, {3, -1}}).shape, {2, 2, 2})
  t.eq(T{1, 2, 3}:scatter({1, 1, 3}, 4), T{3, 0, 3, 0})
  t.eq(T{10, 20}:scatter_add({2, 2}, T{1, 2}), T{10, 23})
  t.fails(function() return x:gather{4} end, "4 is not an index of axis 1")
  t.fails(function() return x:gather("1:2") end, "expected indices, got string")
  t.fails(function() return x:gather(1.5) end, "1.5 is not a value of dtype i64")
  t.eq(x:gather(2), T{3, 4})
  t.fails(function() return T{1}:scatter({1}, -1) end, "not an index")
  local v, i = T{3, 1, 2, 1}:sort()
  t.eq(v, T{1, 1, 2, 3})
  t.eq(i, T{2, 4, 3, 1, dtype = "i64"})
  v, i = T{{3, 1}, {nan, 5}}:sort(2, {descending = true})
  t.eq(v, T{{3, 1}, {5, nan}})
  t.eq(i:totable(), {{1, 2}, {2, 1}})
  t.eq(T{{3, 1}, {2, 5}}:sort(1), T{{2, 1}, {3, 5}})
  t.eq(T{}:sort(), T{})
  same(T{0, 3, 0, 1}:nonzero(), {2}, "i64", {2, 4})
  t.eq(T{{0, 1}, {1, 0}}:nonzero():totable(), {{1, 2}, {2, 1}})
end)

-- ---- in place ---------------------------------------------------------------

t.test("in place", function()
  local x = T{1, 2, 3}
  t.ok(x:add_(1) == x, "returns the target")
  t.eq(x, T{2, 3, 4})
  x:mul_(T{2, 2, 2}):sub_(1)
  t.eq(x, T{3, 5, 7})
  x:neg_():abs_():sqrt_():square_()
  t.near(x, T{3, 5, 7}, 1e-15)
  t.eq(T.zeros(2, 2):add_(T{1, 2}), T{{1, 2}, {1, 2}})
  t.eq(T.zeros(2):add_{1, 2}, T{1, 2})
  t.eq(T{1, 5, 9}:clamp_(2, 6), T{2, 5, 6})
  t.eq(T{-1, 2}:relu_(), T{0, 2})
  t.eq(T{2, 3}:pow_(2), T{4, 9})
  t.eq(T{1, 2}:fill_(7), T{7, 7})
  t.eq(T{1, 2}:zero_(), T{0, 0})
  t.eq(T.zeros(2, 2):copy_(T{1, 2}), T{{1, 2}, {1, 2}})
  t.eq(T{1, 2, dtype = "f32"}:add_(T{1, 1}).dtype, "f32")
  t.eq(T{1, 2, dtype = "i64"}:mul_(3), T{3, 6, dtype = "i64"})
  t.eq(T{1, 0, dtype = "u8"}:lnot_(), T{0, 1, dtype = "u8"})
  local y = T{{1, 2}, {3, 4}}
  y:t():mul_(T{{1, 10}, {100, 1000}})
  t.eq(y, T{{1, 200}, {30, 4000}})
end)

t.test("in place refuses what does not fit", function()
  local cases = {
    {function() T{1, 2}:add_(T{{1, 2}, {3, 4}}) end,
     "add_: %[2 x 2%] f64 does not broadcast to the target %[2%] f64"},
    {function() T.zeros(1):add_(T{1, 2}) end, "does not broadcast"},
    {function() T.zeros(3):add_(T{1, 2}) end, "add: shapes do not broadcast"},
    {function() T{1, dtype = "i64"}:add_(0.5) end,
     "add_: the target is %[1%] i64, but the result would be f64"},
    {function() T{1, dtype = "i64"}:div_(2) end, "result would be f64"},
    {function() T{1, dtype = "i64"}:exp_() end, "result would be f64"},
    {function() T{1, dtype = "u8"}:add_(1) end, "result would be i64"},
    {function() T{1, dtype = "i64"}:copy_(T{0.5}) end, "integer target"},
    {function() T{1, dtype = "i64"}:fill_(0.5) end, "must be an integer"},
    {function() T{1, dtype = "u8"}:fill_(256) end, "256 is not a value"},
    {function() T.zeros(2):copy_(T.zeros(3)) end, "copy_"},
    {function() T{1}:expand(3):add_(1) end, "read%-only"},
    {function() T{1}:expand(3):fill_(1) end, "read%-only"},
    {function() T{1}:expand(3)["1:1"]:fill_(1) end, "read%-only"},
    {function() return T{1}:eq_(1) end, "no method or field 'eq_'"},
  }
  for _, c in ipairs(cases) do t.fails(c[1], c[2]) end
  t.eq(T{1}:expand(3):copy():add_(1), T{2, 2, 2})
end)

t.test("overlapping source and target", function()
  local function fresh() return T.arange(1, 6) end
  local x = fresh()
  x["2:5"]:copy_(x["1:4"])
  t.eq(x, T{1, 1, 2, 3, 4, 6})
  x = fresh()
  x["1:4"]:copy_(x["2:5"])
  t.eq(x, T{2, 3, 4, 5, 5, 6})
  x = fresh()
  x:copy_(x:flip(1))
  t.eq(x, T{6, 5, 4, 3, 2, 1})
  x = fresh()
  x["2:6"]:add_(x["1:5"])
  t.eq(x, T{1, 3, 5, 7, 9, 11})
  x = fresh()
  x:add_(x)
  t.eq(x, T{2, 4, 6, 8, 10, 12})
  x = fresh()
  x:sub_(x[2])
  t.eq(x, T{-1, 0, 1, 2, 3, 4})
  x = fresh()
  x:sub_(x["2:2"])
  t.eq(x, T{-1, 0, 1, 2, 3, 4})
  local m = T{{1, 2}, {3, 4}}
  m:add_(m:t())
  t.eq(m, T{{2, 5}, {5, 8}})
  m = T{{1, 2}, {3, 4}}
  m:mul_(m[1])
  t.eq(m, T{{1, 4}, {3, 8}})
end)

-- ---- composites trace -------------------------------------------------------

-- Each maps a [2 x 3] matrix to a tensor; the derivative of a fixed weighted
-- sum of the result is compared with central differences.
local traced = {
  mean = function(x) return x:mean(1) end,
  mean_all = function(x) return x:mean() end,
  var = function(x) return x:var(2, {ddof = 1}) end,
  std = function(x) return x:std(1, {keepdim = true}) end,
  norm = function(x) return x:norm() end,
  norm1 = function(x) return x:norm(1, 2) end,
  norm3 = function(x) return x:norm(3, 1) end,
  norminf = function(x) return x:norm("inf", 2) end,
  prod = function(x) return x:prod(2) end,
  prod_all = function(x) return x:prod() end,
  max = function(x) return x:max(1) end,
  cumsum = function(x) return x:cumsum(2) end,
  softmax = function(x) return x:softmax(1) end,
  log_softmax = function(x) return x:log_softmax() end,
  logsumexp = function(x) return x:logsumexp() end,
  mm = function(x) return x:mm(x:t()) end,
  matmul = function(x) return x:matmul(x[1]) end,
  dot = function(x) return x[1]:dot(x[2]) end,
  outer = function(x) return x[1]:outer(x[2]) end,
  batch = function(x) return T.stack{x, 2 * x}:mm(x:t()) end,
  solve = function(x)
    return (x:mm(x:t()) + T.eye(2)):solve(x)
  end,
  solve_vector = function(x)
    return (x:mm(x:t()) + T.eye(2)):solve(x[{":", 2}])
  end,
  relu = function(x) return x:relu() end,
  clamp = function(x) return x:clamp(-0.6, 0.8) end,
  power = function(x) return x ^ 3 + (x * x) ^ 0.7 + 1.5 ^ x end,
  divide = function(x) return 1 / x + x / 3 end,
  logs = function(x) return (x * x):log2() + (x * x + 1):log10() end,
  rsqrt = function(x) return (x * x + 1):rsqrt() end,
  table_of = function(x) return T{x[1][1] ^ 2, x[1][2] * 3, 4} end,
  nested = function(x) return T{{x[1][1], 1}, {2, x[2][3]}} end,
  operand = function(x) return x * {1, 2, 3} end,
  concat = function(x) return T.concat({x, x ^ 2}, 2) end,
  stack = function(x) return T.stack({x[1], x[2]}, 2) end,
  flip = function(x) return x:flip(2) end,
  roll = function(x) return x:roll(1, 2) end,
  tile = function(x) return x:tile(2, 1) end,
  tril = function(x) return x:tril() + x:triu(1) ^ 2 end,
  diag = function(x) return x:diag() end,
  diag_of = function(x) return x[2]:diag() end,
  trace = function(x) return x:mm(x:t()):trace() end,
  expand = function(x) return x:unsqueeze(1):expand(4, -1, -1) end,
  permute = function(x) return x:permute(2, 1):reshape(2, -1) end,
  pick = function(x) return x[{":", {3, 1, 3}}] end,
  step = function(x) return x[{2, "::-2"}] end,
  mask = function(x) return x[T{{1, 0, 1}, {0, 1, 0}, dtype = "u8"}] end,
  gather = function(x) return x:gather({1, 1, 2}, 1) end,
  scatter = function(x) return x:scatter({2, 2, 1}, 4, 2) end,
  scatter_add = function(x) return x:scatter_add({2, 2}, x) end,
  masked = function(x) return x:masked_fill(x:gt(0.5), 2) end,
  where = function(x) return T.where(x:gt(0), x:exp(), -x) end,
}

t.test("composites differentiate", function()
  local transform = require "saddle".grad
  local v = {0.31, -0.72, 0.93, -1.14, 0.55, 0.27}
  local w0 = T(v)
  for name, f in pairs(traced) do
    local function loss(w)
      local y = f(w:reshape(2, 3))
      if type(y) == "number" then return y * math.sin(1) end
      local n = y:numel()
      return (y:flatten() * T.arange(1, n):sin()):sum()
    end
    local g = transform(loss)(w0)
    for i = 1, 6 do
      local h, a, b = 1e-5, w0:copy(), w0:copy()
      a[i] = v[i] + h
      b[i] = v[i] - h
      local d = (loss(a) - loss(b)) / (2 * h)
      t.near(g[i], d, 2e-8, name .. " at " .. i)
    end
  end
end)

t.test("norm and deviation have derivative 0 at 0", function()
  local saddle = require "saddle"
  t.eq(saddle.grad(function(x) return x:norm() end)(T{0, 0}), T{0, 0})
  t.eq(saddle.grad(function(x) return x:std() end)(T{2, 2}), T{0, 0})
  t.eq(saddle.value_and_grad(function(x) return x:norm() end)(T{nan, 0}), nan)
end)

t.test("what tracing forbids says so", function()
  local grad = require "saddle".grad
  local w = T{1, 2}
  local function bad(f, pattern)
    t.fails(function() grad(function(x) return f(x) or x:sum() end)(w) end,
            pattern)
  end
  bad(function(x) x[1] = 0 end, "immutable while tracing")
  bad(function(x) x:add_(1) end, "immutable while tracing")
  bad(function(x) x:copy_(w) end, "immutable while tracing")
  bad(function(x) x:relu_() end, "immutable while tracing")
  bad(function(x) w:copy()[1] = x[1] end, "symbolic tensor")
  bad(function(x) return x:sort() end, "not possible while tracing")
  bad(function(x) return x[x:gt(1)]:sum() end, "T.where")
  bad(function(x) return x.foo end, "no method or field 'foo'")
  bad(function(x) return x + T{1, 2, 3} end, "add: shapes do not broadcast")
  t.eq(grad(function(x) t.eq(x.shape, {2}) t.eq(#x, 2) return x:sum() end)(w),
       T{1, 1})
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
