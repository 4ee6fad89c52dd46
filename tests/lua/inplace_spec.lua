-- inplace_spec.lua: changes in place: what they give, what they refuse, source
-- and target that overlap.  MIT licence.
local t = require "runner"
local T = require "saddle.core".tensor

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

return t
