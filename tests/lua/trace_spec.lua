-- trace_spec.lua: the tracing rules of the design, each with a test; what
-- transforms say about wrong arguments; where messages point.  MIT licence.
local t = require "runner"
local saddle = require "saddle"
local T = saddle.tensor
local grad, hessian, jvp, vjp, hvp, jacobian, vmap, jit = saddle.grad,
  saddle.hessian, saddle.jvp, saddle.vjp, saddle.hvp, saddle.jacobian,
  saddle.vmap, saddle.jit

-- The line that calls this.
local function here()
  return debug.getinfo(2, "l").currentline
end

-- ---- eager transforms trace at every call -----------------------------------------

t.test("branches, captured numbers and x:item() mean what they say", function()
  local scale = 2
  local f = grad(function(x)
    if x:item() > 0 then return scale * x * x end
    return -x
  end)
  t.eq(f(3.0), 12)
  t.eq(f(-3.0), -1)
  scale = 5
  t.eq(f(3.0), 30)
  local rounds = grad(function(x)
    local y = x
    while y:item() < 100 do y = y * x end
    return y
  end)
  t.eq(rounds(5.0), 3 * 25)
  t.eq(rounds(11.0), 22)
  t.eq(grad(function(w)
    local s = 0
    for i, v in ipairs(w) do s = s + i * v * v end
    return s
  end)(T {1, 2, 3}):totable(), {2, 8, 18})
  -- an inner value asks the outer trace for what it needs
  t.eq(grad(function(x)
    return grad(function(y) return (x * y):item() > 5 and y * y or y end)(3.0)
      * x
  end)(2.0), 6)
  local printed
  grad(function(x) printed = tostring(x) return x end)(1.0)
  t.ok(printed:find("symbolic"), printed)
end)

t.test("each eager call sees the captured tensor as it is", function()
  local c = T {1, 2}
  local f = grad(function(x) return (x * c):sum() end)
  t.eq(f(T {0, 0}):totable(), {1, 2})
  c:mul_(10)
  t.eq(f(T {0, 0}):totable(), {10, 20})
  c = T {7, 8}
  t.eq(f(T {0, 0}):totable(), {7, 8})
end)

-- ---- jit ---------------------------------------------------------------------------

local function counted(f)
  local n = 0
  return function(...)
    n = n + 1
    return f(...)
  end, function() return n end
end

t.test("numbers are slots: jit does not trace again for another one", function()
  local f, calls = counted(function(x, a) return (x * a + a):sum() end)
  local fast = jit(f)
  t.eq(fast(T {1, 2}, 2), 10)
  t.eq(calls(), 2) -- once, and once more to compare
  for a = 3, 30 do t.eq(fast(T {a, a}, a), 2 * a * a + 2 * a) end
  t.eq(fast(T {1, 2}, 0.5), 2.5)
  t.eq(calls(), 2)
  t.eq(fast(T {1, 2, 3}, 2), 18)
  t.eq(calls(), 4, "another shape")
  t.eq(fast(T({1, 2}, {dtype = "f32"}), 2), 10)
  t.eq(calls(), 6, "another dtype")
  t.eq(fast(T {1, 2}, 4), 20)
  t.eq(calls(), 6, "the first form is kept")
  t.eq(fast(T {1, 1}, T(4.0)), 16)
end)

t.test("jit reads captured tensors when it runs", function()
  local c = T {1, 2}
  local f, calls = counted(function(x) return x * c end)
  local fast = jit(f)
  t.eq(fast(T {1, 1}):totable(), {1, 2})
  c:mul_(10)
  t.eq(fast(T {1, 1}):totable(), {10, 20})
  c[1] = -1
  t.eq(fast(T {1, 1}):totable(), {-1, 20})
  t.eq(calls(), 2)
  local part = c[{"1:1"}]
  local view = jit(function(x) return x + part end)
  t.eq(view(T {0}):totable(), {-1})
  c[1] = 4
  t.eq(view(T {0}):totable(), {4})
end)

t.test("jit: arguments that only look alike have programs of their own",
  function()
    local named = jit(function(p) return p[1] and p[1] * 2 or p["1"] * 3 end)
    t.eq(named({T {1}}):totable(), {2})
    t.eq(named({["1"] = T {1}}):totable(), {3})
    local count = jit(function(...) return (...) * select("#", ...) end)
    t.eq(count(T {1}, "a;string:b"):totable(), {2})
    t.eq(count(T {1}, "a", "b"):totable(), {3})
    t.eq(count(T {1}, nil, true, false):totable(), {4})
    local apply = jit(function(x, f) return f(x) end)
    for i = 1, 100 do -- closures that die: addresses are used again
      t.eq(apply(T {1}, function(x) return x * i end)[1], i)
      collectgarbage()
    end
    local split = jit(function(p) return p.a and 1 or 2 end)
    t.eq(split({a = T {1}, ["b"] = T {1}}), 1)
    t.eq(split({['a.,"b"'] = T {1}}), 2)
  end)

t.test("jit keeps strides and views of its arguments apart", function()
  local f = jit(function(x) return x:reshape {6} * 1 end)
  local x = T {{1, 2, 3}, {4, 5, 6}}
  t.eq(f(x):totable(), {1, 2, 3, 4, 5, 6})
  t.eq(f(x:t():copy():t()):totable(), {1, 2, 3, 4, 5, 6})
  t.eq(f(x:flip(1)):totable(), {4, 5, 6, 1, 2, 3})
  t.eq(f(T {{9}, {8}}:expand {2, 3}):totable(), {9, 9, 9, 8, 8, 8})
  local y = f(x)
  x:mul_(0)
  t.eq(y[3], 3, "results are no views of arguments")
  local same = jit(function(v) return {v, v, v:t()} end)
  local out = same(T {{1, 2}, {3, 4}})
  out[1]:mul_(0)
  t.eq(out[2]:totable(), {{1, 2}, {3, 4}})
  t.eq(out[3]:totable(), {{1, 3}, {2, 4}})
end)

t.test("jit and vmap trace twice and see what differs", function()
  local rng, count, flip = saddle.random.new(1), 0, false
  local line
  local impure = {
    clock = function(x)
      line = here() + 1
      return x * saddle.clock()
    end,
    rng = function(x) return x + rng:normal {2} end,
    number = function(x) return x + rng:normal() end,
    counter = function(x)
      count = count + 1
      return x * count
    end,
    structure = function(x)
      flip = not flip
      return flip and {x} or x
    end,
    path = function(x)
      flip = not flip
      return flip and x:sin() or x:cos()
    end,
    shape = function(x)
      count = count + 1
      return T.zeros {count} + x:sum()
    end,
  }
  for name, f in pairs(impure) do
    t.fails(function() jit(f)(T {1, 2}) end, "clock, an rng or a counter")
    t.fails(function() vmap(f)(T {{1, 2}}) end, "clock, an rng or a counter")
    t.fails(function()
      grad(function(x) return jit(f)(x):sum() end)(T {1, 2})
    end, name == "structure" and "" or "clock, an rng or a counter")
  end
  local message = t.fails(function() jit(impure.clock)(T {1, 2}) end, "jit")
  t.ok(message:find("line " .. line, 1, true), message)
  -- a constant made inside is the same each time; so is a fixed seed
  local made = jit(function(x) return x + T.ones {2} end)
  t.eq(made(T {1, 2}):totable(), {2, 3})
  local seeded = jit(function(x) return x + saddle.random.new(3):normal {2} end)
  local z = saddle.random.new(3):normal {2}
  t.eq(seeded(T {0, 0}):totable(), z:totable())
  t.eq(seeded(T {0, 0}):totable(), z:totable())
  -- NaN is the same number as itself
  local nan = jit(function(x) return x * (0 / 0) end)(T {1})
  t.ok(nan[1] ~= nan[1])
end)

t.test("in jit and vmap x:item() is an error that suggests where", function()
  local function branch(x)
    if x:sum():item() > 0 then return x end
    return -x
  end
  for _, call in ipairs {
    function() return jit(branch)(T {1, 2}) end,
    function() return vmap(branch)(T {1, 2}) end,
    function()
      return jit(function(x) return grad(function(y)
        return branch(y):sum()
      end)(x) end)(T {1, 2})
    end,
    function()
      return grad(function(x) return vmap(branch)(x):sum() end)(T {1, 2})
    end,
  } do
    t.fails(call, "trace_spec.lua:%d+: .*where")
  end
  local f = vmap(function(x) return T.where(x:gt(0), x, -x) end)
  t.eq(f(T {1, -2, 3}):totable(), {1, 2, 3})
  -- a captured tensor's value is known
  local c = T(3.0)
  t.eq(jit(function(x) return x * c:item() end)(T {2}):totable(), {6})
end)

-- ---- symbolic tensors -------------------------------------------------------------------

t.test("symbolic tensors are immutable", function()
  for _, change in ipairs {
    function(x) x[1] = 3 end,
    function(x) x[{"1:2"}] = 0 end,
    function(x) x:add_(1) end,
    function(x) x:fill_(0) end,
    function(x) x:zero_() end,
    function(x) (x * 2):mul_(x) end,
  } do
    t.fails(function()
      grad(function(x)
        change(x)
        return x:sum()
      end)(T {1, 2})
    end, "immutable")
  end
  t.fails(function()
    grad(function(x)
      T.zeros {2}:add_(x)
      return x:sum()
    end)(T {1, 2})
  end, "trace_spec.lua:%d+: ")
end)

t.test("a symbolic tensor is of no use after its trace", function()
  local kept
  grad(function(x)
    kept = x * 2
    return x:sum()
  end)(T {1, 2})
  local late = "after the function it was an argument of had been traced"
  t.fails(function() return kept + 1 end, late)
  t.fails(function() return kept:sum() end, late)
  t.fails(function() return kept[1]:item() end, late)
  t.fails(function()
    return grad(function(x) return (x * kept):sum() end)(T {1, 2})
  end, late)
  t.fails(function()
    return grad(function() return kept[1] end)(T {1, 2})
  end, late)
  t.fails(function()
    local f = grad(function(x) return (x * x):sum() end)
    return f(kept)
  end, late)
  t.fails(function() return vmap(function(x) return x end)(kept) end, late)
  t.fails(function() return jit(function(x) return x end)(kept) end, late)
  t.ok(tostring(kept):find("finished"), tostring(kept))
  -- the inner one, used in the outer function
  t.fails(function()
    return grad(function(x)
      local inner
      grad(function(y)
        inner = y
        return y * x
      end)(1.0)
      return x * inner
    end)(2.0)
  end, late)
end)

t.test("a finished trace lets go of what it captured", function()
  local weak = setmetatable({}, {__mode = "v"})
  local function once()
    weak[1] = T {1, 2}
    local c = weak[1]
    local g = grad(function(x) return (x * c):sum() end)(T {3, 4})
    t.same(g, {2}, "f64", {1, 2})
  end
  once()
  collectgarbage()
  collectgarbage()
  t.eq(weak[1], nil)
end)

t.test("a captured tensor may change between two gradients", function()
  local c = T {1, 2}
  local g = grad(function(x) return (x * x * c):sum() end)
  t.same(g(T {3, 4}), {2}, "f64", {6, 16})
  c:add_(1)
  t.same(g(T {3, 4}), {2}, "f64", {12, 24})
end)

t.test("changing a captured tensor or the argument inside f raises", function()
  local function changed(f, w)
    t.fails(function() local g = grad(f)(w) return g end,
      "trace_spec.lua:%d+: .*changed in place.*copy")
  end
  local c = T {1, 2}
  changed(function(x)
    local y = (x * c):sum()
    c:add_(1)
    return y
  end, T {1, 2})
  changed(function(x)
    local y = (x * c):sum()
    c[1] = 5
    return y
  end, T {1, 2})
  local view = c[{"2:2"}]
  changed(function(x)
    local y = (x * c):sum()
    view:mul_(3)
    return y
  end, T {1, 2})
  local w = T {1, 2}
  changed(function(x)
    w:add_(1)
    return (x * x):sum()
  end, w)
  for _, wrap in ipairs {jit, vmap} do
    t.fails(function()
      local y = wrap(function(x)
        local z = x * c
        c:add_(1)
        return z
      end)(T {1, 2})
      return y
    end, "changed in place")
  end
  -- before its first use, or one that is not used, it may be changed
  local buffer = T.zeros {2}
  t.eq(grad(function(x)
    buffer:add_(1)
    return (x * buffer):sum()
  end)(T {1, 2}):totable(), {1, 1})
end)

-- ---- where ---------------------------------------------------------------------------------

t.test("where(x > 0, sqrt(x), 0) has derivative 0, not NaN, at 0", function()
  local function f(x) return T.where(x:gt(0), x:sqrt(), 0.0) end
  local at = T {0, 4, -1}
  local function total(x) return f(x):sum() end
  t.eq(grad(total)(at):totable(), {0, 0.25, 0})
  t.eq(select(2, jvp(f, at, T {1, 1, 1})):totable(), {0, 0.25, 0})
  t.eq(select(2, vjp(f, at, T {1, 1, 1})):totable(), {0, 0.25, 0})
  local second = {0, -1 / 32, 0}
  t.eq(hvp(total, at, T {1, 1, 1}):totable(), second) -- forward over reverse
  t.eq(grad(function(x) return grad(total)(x):sum() end)(at):totable(), second)
  t.eq(select(2, jvp(function(x)
    return select(2, jvp(f, x, T {1, 1, 1}))
  end, at, T {1, 1, 1})):totable(), second)
  t.eq(grad(function(x)
    return select(2, jvp(f, x, T {1, 1, 1})):sum()
  end)(at):totable(), second)
  t.eq(hessian(total, at):totable(),
    {{0, 0, 0}, {0, second[2], 0}, {0, 0, 0}})
  t.eq(hessian(f, 0.0), 0)
  t.eq(vmap(grad(f))(at):totable(), {0, 0.25, 0})
  local third = hessian(function(x) return grad(total)(x)[1] end, at)
  t.eq(third:totable(), {{0, 0, 0}, {0, 0, 0}, {0, 0, 0}})
  -- other guarded functions
  t.eq(grad(function(x)
    return T.where(x:gt(0), x * x:log(), 0.0)
  end)(0.0), 0)
  t.eq(grad(function(x) return T.where(x:ne(0), x:sin() / x, 1.0) end)(0.0), 0)
  t.eq(hessian(function(x)
    return T.where(x:ne(0), x:sin() / x, 1.0)
  end, 0.0), 0)
  t.eq(grad(function(x)
    return T.where(x:gt(0), (x ^ 2):sqrt(), 0.0):sum()
  end)(T {0, 3}):totable(), {0, 1})
end)

-- ---- messages --------------------------------------------------------------------------------

local function points_at(fn, line, pattern)
  local message = t.fails(fn, pattern)
  local found = tonumber(message:match("^%S*trace_spec%.lua:(%d+): "))
  t.ok(found == line, ("%s: should begin with line %d"):format(message, line))
end

t.test("shape errors name both shapes and begin with the user's line", function()
  local line
  local x = T {1, 2}
  points_at(function()
    local g = grad(function(v)
      line = here() + 1
      local y = v + T {1, 2, 3}
      return y:sum()
    end)(x)
    return g
  end, here() - 4, "add: .*%[2%] f64.*%[3%] f64")
  points_at(function()
    local g = vmap(function(v)
      line = here() + 1
      local y = v:mm(T {{1, 2, 3}})
      return y
    end)(T.ones {4, 1, 2})
    return g
  end, here() - 4, "inner sizes differ: .*%[1 x 2%] f64.*%[1 x 3%] f64")
  t.ok(line)
  points_at(function()
    local y = x * T.ones {3, 3}
    return y
  end, here() - 2, "mul: .*%[2%] f64.*%[3 x 3%] f64")
end)

t.test("run-time failures say where they were traced", function()
  local far = T({5}, {dtype = "i64"})
  local line
  local fast = jit(function(x, i)
    line = here() + 1
    local y = x[{i}]
    return y:sum()
  end)
  t.eq(fast(T {1, 2}, T({2}, {dtype = "i64"})), 2)
  local message = t.fails(function()
    local y = fast(T {1, 2}, far)
    return y
  end, "^%S*trace_spec.lua:%d+: gather: .*5")
  t.ok(message:find(("(traced at line %d)"):format(line), 1, true), message)
  t.eq(fast(T {1, 2}, T({1}, {dtype = "i64"})), 1, "usable afterwards")
  message = t.fails(function()
    local g = grad(function(a)
      line = here() + 1
      local s = a:solve(T {1, 2})
      return s:sum()
    end)(T {{1, 2}, {2, 4}})
    return g
  end, "^%S*trace_spec.lua:%d+: solve: .*singular")
  t.ok(message:find(("(traced at line %d)"):format(line), 1, true), message)
  message = t.fails(function() -- the derivative of line's operation
    local g = vmap(hessian(function(a)
      line = here() + 1
      local s = a:solve(T {1, 2})
      return s:sum()
    end))(T {{{1, 2}, {2, 4}}})
    return g
  end, "solve: .*singular")
  t.ok(message:find(("(traced at line %d)"):format(line), 1, true), message)
end)

t.test("wrong arguments: which, expected and given", function()
  local x, m = T {1, 2}, T {{1, 2}, {3, 4}}
  local ints = T({1, 2}, {dtype = "i64"})
  local function sum(v) return v:sum() end
  local function same(v) return v end
  for name, f in pairs {grad = grad, value_and_grad = saddle.value_and_grad,
                        hessian = hessian, jacobian = jacobian, jvp = jvp,
                        vjp = vjp, hvp = hvp, vmap = vmap, jit = jit,
                        trace = saddle.trace} do
    t.fails(function() f(3, x, x) end,
      "^%S*trace_spec.lua:%d+: " .. name ..
        ": argument 1: expected a function, got number")
    t.fails(function() f(nil) end, name .. ": .*function, got nil")
  end
  local function fails(pattern, fn)
    t.fails(fn, "^%S*trace_spec.lua:%d+: " .. pattern)
  end
  fails("grad: the function must return one number.*got %[2%] f64",
    function() grad(same)(x) end)
  fails("grad: .*one number.*got a table",
    function() grad(function() return {1} end)(x) end)
  fails("hessian: .*one number.*got %[2%] f64", function() hessian(same, x) end)
  fails("hvp: .*one number.*got %[2%] f64", function() hvp(same, x, x) end)
  fails("grad: result of the function: .*got nil",
    function() grad(function() end)(x) end)
  fails("grad: result of the function.*got string",
    function() grad(function() return "no" end)(x) end)
  fails("grad: argument: expected a tensor.*got nil",
    function() grad(sum)() end)
  fails("grad: argument%.b: expected a tensor.*got string",
    function() grad(sum)({b = "text"}) end)
  fails("grad: argument: .*f64 or f32.*%[2%] i64",
    function() grad(sum)(ints) end)
  fails("jacobian: argument: .*f64 or f32.*leaf 2 is %[2%] i64",
    function() jacobian(function(p) return p[1] end, {x, ints}) end)
  fails("jvp: argument 3: expected %[2%] f64, got %[3%] f64",
    function() jvp(same, x, T {1, 2, 3}) end)
  fails("jvp: argument 3: expected %[2%] f64, got %[2%] f32",
    function() jvp(same, x, T({1, 2}, {dtype = "f32"})) end)
  fails("jvp: argument 3: its structure",
    function() jvp(same, x, {x}) end)
  fails("jvp: argument 3: .*got nil", function() jvp(same, x) end)
  fails("hvp: argument 3: expected %[2%] f64, got %[2 x 2%] f64",
    function() hvp(sum, x, m) end)
  fails("vjp: cotangent: expected %[2%] f64, got %[1%] f64",
    function() vjp(same, x, T {1}) end)
  fails("vjp: cotangent: its structure",
    function() vjp(same, x, {1, 2}) end)
  local itself = {x}
  itself.again = itself
  fails("grad: argument.again: the table contains itself",
    function() grad(sum)(itself) end)
  fails("grad: argument: table keys must be strings or 1..n, got 2.5",
    function() grad(sum)({[2.5] = x}) end)
end)

t.test("wrong arguments of vmap", function()
  local x, m = T {1, 2}, T {{1, 2, 3}, {4, 5, 6}}
  local function first(v) return v end
  local function fails(pattern, fn)
    t.fails(fn, "^%S*trace_spec.lua:%d+: vmap: " .. pattern)
  end
  fails("unknown option 'axis' %(did you mean 'axes'%?%)",
    function() vmap(first, {axis = {1}}) end)
  fails("no argument is mapped", function() vmap(first)() end)
  fails("no argument is mapped",
    function() vmap(first, {axes = {false}})(x) end)
  fails("argument leaf 1 is %[%] .*no axis 1", function() vmap(first)(3) end)
  fails("axes differ in size: leaf 1 has 2, leaf 2 has 3",
    function() vmap(first)(x, T {1, 2, 3}) end)
  fails("axes differ in size: leaf 1 has 2, leaf 3 has 3",
    function() vmap(first, {axes = {1, false, 2}})(x, 7, m) end)
  fails("argument leaf 1 is %[2%] f64: it has no axis 2",
    function() vmap(first, {axes = {2}})(x) end)
  fails("option axes: expected a table.*got number",
    function() vmap(first, {axes = 2})(m) end)
  for _, axis in ipairs {-1, 0, 1.5, "a"} do
    fails("option axes: expected an axis or false for argument 1, got ",
      function() vmap(first, {axes = {axis}})(m) end)
  end
  fails("option axes: names 2 arguments, the function got 1",
    function() vmap(first, {axes = {1, 1}})(m) end)
  fails("argument 1: expected a tensor.*got string",
    function() vmap(first)("text") end)
end)

t.test("a trace prints a line for each node", function()
  local text = tostring(saddle.trace(function(x, a)
    return (x * a):sum() + x:sin():sum()
  end, T {1, 2, 3}, 2.0))
  t.ok(text:find("%%%d+: %[3%] f64 = input 1"), text)
  t.ok(text:find("%[3%] f64 = mul %%"), text)
  t.ok(text:find("= sum .*axes 1"), text)
  t.ok(text:find("return %%%d+"), text)
  local fast = jit(function(x) return x * 2 end)
  fast(T {1})
  t.ok(tostring(fast):find("1 compiled") and tostring(fast):find("plan: "),
    tostring(fast))
end)

return t
