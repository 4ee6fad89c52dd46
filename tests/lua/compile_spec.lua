-- compile_spec.lua: compiled functions against operations run one by one on
-- concrete tensors: every row of ops.def, random programs, derivatives; what
-- recompiles and what does not; hostile arguments. Bits are equal but for the
-- sign of zeros, and for matrix products, whose sums BLAS orders by strides.
-- MIT licence.
local t = require "runner"
local saddle = require "saddle"
local core = require "saddle.core"
local cases = require "ops_cases"
local data = require "ops_data"
local T, G = saddle.tensor, core.graph
local jit, grad, jvp, vjp = saddle.jit, saddle.grad, saddle.jvp, saddle.vjp

local attributes, operands, tensors, plain = data.attributes, data.operands,
  data.tensors, data.plain

-- The same shape, dtype and values; NaN is NaN. jit gives 0-d results as values.
local function same(got, want, what)
  if type(want) ~= "number" and want.ndim == 0 then want = want:item() end
  if type(want) == "number" then
    got = type(got) == "number" and got or got:item()
    t.eq(math.type(got), math.type(want), what .. ": type")
    t.eq(got, want, what)
    return
  end
  t.eq(got.dtype, want.dtype, what .. ": dtype")
  t.eq(plain(got), plain(want), what)
end

-- ---- every row ---------------------------------------------------------------

local SHAPES = {{}, {1}, {5}, {0}, {2, 3}, {2, 0, 3}, {300}, {70, 11}}

local function map_cases(row)
  local list = {}
  for _, shape in ipairs(SHAPES) do
    local case = {attr = {}}
    for k = 1, row.arity do case[k] = shape end
    list[#list + 1] = case
  end
  if row.arity == 2 then
    list[#list + 1] = {{2, 1}, {3}, attr = {}}
    list[#list + 1] = {{}, {40, 30}, attr = {}}
    list[#list + 1] = {{0, 1}, {1, 4}, attr = {}}
  elseif row.arity == 3 then
    list[#list + 1] = {{2, 1, 1}, {3, 1}, {2}, attr = {}}
  end
  return list
end

local rows = {}
for _, row in ipairs(G.ops()) do
  if not row.leaf then rows[#rows + 1] = row end
end

-- Other strides: back to front, every second element, axes the other way.
local VIEWS = {
  function(x) return x end,
  function(x)
    for a = 1, x.ndim do
      if x.shape[a] > 0 then x = x:flip(a):copy():flip(a) end
    end
    return x
  end,
  function(x)
    if x.ndim == 0 or x:numel() == 0 then return x end
    local pair = T.stack({x, T.zeros_like(x)}, x.ndim + 1)
    local index = {}
    for a = 1, x.ndim do index[a] = "1:" end
    index[x.ndim + 1] = 1
    return pair[index]
  end,
  function(x)
    local axes = {}
    for a = 1, x.ndim do axes[a] = x.ndim + 1 - a end
    return x.ndim > 1 and x:permute(axes):copy():permute(axes) or x
  end,
}

local LOOSE = {matmul = true, solve = true}

local function close_or_same(row, got, want, what)
  if LOOSE[row.name] then
    data.close(plain(got), plain(want), 64 * data.EPS[want.dtype], what)
  else
    same(got, want, what)
  end
end

local function check_value(row, case, ops, what)
  local attr = attributes(case)
  local fast = jit(function(...) return {G.apply(row.name, {...}, attr)} end)
  for v, view in ipairs(VIEWS) do
    local x = {}
    for k, op in ipairs(ops) do x[k] = view(op) end
    local want = G.apply(row.name, ops, attr)
    close_or_same(row, fast(table.unpack(x))[1], want, what .. ", view " .. v)
    if #ops == 0 then return end
  end
end

-- The derivative by jit against the same rules with each operation run at
-- once: forward by nesting dual numbers is what jvp gives eagerly.
local function check_derivatives(row, case, ops, what)
  local attr, kinds, reals = attributes(case), data.letters(row, case), {}
  for k in ipairs(ops) do
    if kinds[k] ~= "b" and kinds[k] ~= "i" then reals[#reals + 1] = k end
  end
  local y = G.apply(row.name, ops, attr)
  if #reals == 0 or not row.differentiable or not data.EPS[y.dtype] then
    return
  end
  local function f(w)
    local all = table.move(ops, 1, #ops, 1, {})
    for j, k in ipairs(reals) do all[k] = w[j] end
    return G.apply(row.name, all, attr)
  end
  local x, v = {}, {}
  for j, k in ipairs(reals) do
    x[j], v[j] = ops[k], ops[k]:cos():to(ops[k].dtype)
  end
  local u = (y * 1.25 + 0.5):to(y.dtype)
  local function forward(a, b) return {select(2, jvp(f, a, b))} end
  local function back(a) return grad(function(w) return (f(w) * u):sum() end)(a) end
  local want, got = forward(x, v)[1], jit(forward)(x, v)[1]
  if type(want) ~= "number" then
    close_or_same(row, got, want, what .. " jvp")
  else
    t.near(got, want, 1e-14, what .. " jvp")
  end
  want, got = back(x), jit(back)(x)
  for j in ipairs(reals) do
    close_or_same(row, got[j], want[j], what .. " grad")
  end
  local _, pulled = vjp(f, x, u) -- the other way to the same transpose
  for j in ipairs(reals) do
    data.close(plain(got[j]), plain(pulled[j]), 64 * data.EPS[y.dtype],
      what .. " vjp")
  end
end

for number, row in ipairs(rows) do
  t.test(row.name .. " compiled", function()
    local list = row.map and map_cases(row) or cases[row.name]
    for c, case in ipairs(list) do
      local rng = saddle.random.new(1000 * number + c)
      local arrays = operands(rng, row, case)
      local what = data.label(row, case)
      for _, dtype in ipairs {"f64", "f32"} do
        local ops = tensors(row, case, arrays, dtype)
        check_value(row, case, ops, what .. " " .. dtype)
        if #ops > 0 and not case.coarse then
          check_derivatives(row, case, ops, what .. " " .. dtype)
        end
      end
    end
  end)
end

t.test("integers and masks compiled", function()
  local m, n = T({1, 0, 1}, {dtype = "u8"}), T({1, 1, 0}, {dtype = "u8"})
  local i = T({-7, 3, 2 ^ 60 | 0}, {dtype = "i64"})
  for _, case in ipairs {
    {"cast", {m}, {0}}, {"cast", {m}, {1}}, {"cast", {m}, {3}},
    {"cast", {i}, {1}}, {"cast", {i}, {3}}, {"land", {m, n}}, {"lxor", {m, n}},
    {"lnot", {m}}, {"where", {m, n, m}}, {"where", {m, i, -i}}, {"add", {i, i}},
    {"mul", {i, i}}, {"mod", {i, T({4, 4, 4}, {dtype = "i64"})}},
    {"sum", {i}, {1}}, {"sum", {m}, {1}}, {"sum", {m}, {0}}, {"cumsum", {m}, {0}},
    {"amax", {i}, {1}}, {"argmax", {i}, {0}}, {"powi", {i}, {3}},
    {"reshape", {m}, {3, 1}}, {"concat", {m, n}, {0}}, {"slice", {m}, {2, -1, 3}},
    {"pad", {m}, {1, 1, 5}}, {"broadcast", {m}, {2, 3}}, {"lt", {i, -i}},
  } do
    local name, args, attr = table.unpack(case)
    local want = G.apply(name, args, attr or {})
    local got = jit(function(...) return {G.apply(name, {...}, attr or {})} end)(
      table.unpack(args))[1]
    same(got, want, name)
  end
end)

-- ---- random programs ------------------------------------------------------------

local STEPS = { -- of [r x c] values; without matrix products: bit by bit
  function(x) return x:tanh() end,
  function(x, y) return x * y end,
  function(x, y) return x - y * 0.5 end,
  function(x, y) return -x + y end,
  function(x) return 2 * x end,
  function(x) return x * 1.0 + 0 end,
  function(x) return x / 2 end,
  function(x, y) return T.where(x:gt(y), x, y * 0.25) end,
  function(x) return x:gt(0):to("f64") * x end,
  function(x) return x:softmax(1) end,
  function(x) return x:softmax(2) end,
  function(x) return x - x:logsumexp(2):unsqueeze(2) end,
  function(x) return x - x:mean(1) end,
  function(x) return x:sum(2):unsqueeze(2) * 0.1 + x end,
  function(x) return x - x:max(1) end,
  function(x) return x:cumsum(1) * 0.25 end,
  function(x) return x:cumsum(2) * 0.25 end,
  function(x) return x:flip(1) end,
  function(x) return x ^ 2 end,
  function(x) return (x ^ 2 + 1) ^ 0.5 end,
  function(x) return x:sin() * x:cos() end,
  function(x, y) return T.concat({x[{"1:1"}], y[{"2:"}]}, 1) end,
  function(x) return x:t():reshape(x.shape) end,
  function(x) return x:abs():log1p() end,
  function(x, y) return T.maximum(x, y) end,
  function(x) return x:sigmoid() + x:erf() end,
  function(x, y) return x[{y:argmin(1)[{"1:1"}]}] + y end,
}

local function random_plan(rng, n)
  local plan = {}
  for k = 1, n do
    plan[k] = {rng:integer(1, #STEPS), rng:integer(1, k + 1), rng:integer(1, k + 1)}
  end
  return function(x, y)
    local made = {x, y}
    for _, p in ipairs(plan) do
      made[#made + 1] = STEPS[p[1]](made[p[2]], made[p[3]])
    end
    return made[#made], made[#made - 1]:sum()
  end
end

local SIZES = {{2, 2}, {2, 3}, {3, 5}, {7, 30}, {4, 500}}

t.test("random programs: jit is the operations one by one", function()
  for seed = 1, 2000 do
    local rng = saddle.random.new(seed)
    local size = SIZES[1 + seed % #SIZES]
    local f = random_plan(rng, 2 + seed % 12)
    local x, y = rng:normal(size), rng:normal(size)
    local a, b = f(x, y)
    local fast = jit(f)
    local c, d = fast(x, y)
    same(c, a, "seed " .. seed)
    same(d, b, "seed " .. seed)
    c, d = fast(y, x) -- the same program on other values
    a, b = f(y, x)
    same(c, a, "seed " .. seed .. " again")
    same(d, b, "seed " .. seed .. " again")
  end
end)

local SMOOTH = {1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 16, 17, 18, 19, 20,
                21, 22, 23, 26}

-- Differences: step 1e-4 and Richardson's extrapolation leave 1e-7 of the scale
-- of the value, as in compose_spec.
t.test("random programs: derivatives", function()
  for seed = 1, 500 do
    local rng = saddle.random.new(10000 + seed)
    local size = SIZES[1 + seed % 4]
    local plan, weight = {}, rng:normal(size)
    for k = 1, 2 + seed % 8 do
      plan[k] = {SMOOTH[rng:integer(1, #SMOOTH)], rng:integer(1, k + 1),
                 rng:integer(1, k + 1)}
    end
    local c = rng:normal(size)
    local function f(x)
      local made = {x, c}
      for _, p in ipairs(plan) do
        made[#made + 1] = STEPS[p[1]](made[p[2]], made[p[3]])
      end
      return (made[#made] * weight):sum()
    end
    local x, v = rng:normal(size), rng:normal(size)
    local name = "seed " .. seed
    local g = grad(f)(x)
    local fast = jit(grad(f))
    same(fast(x), g, name .. " grad")
    same(jit(function(w) return grad(f)(w) end)(x), g, name .. " grad inside")
    local slope = (g * v):sum()
    local _, forward = jit(function(a, b) return jvp(f, a, b) end)(x, v)
    local size_of = 1 + math.abs(f(x)) + (g ^ 2):sum() ^ 0.5
    t.near(forward / size_of, slope / size_of, 1e-11, name .. " jvp")
    local function central(s)
      return (f(x + v * s) - f(x - v * s)) / (2 * s)
    end
    local h = 1e-4
    local d = (4 * central(h / 2) - central(h)) / 3
    if math.abs(d) < 1e6 then
      t.near(forward / size_of, d / size_of, 1e-6, name .. " differences")
    end
  end
end)

-- ---- numbers, captures, structures --------------------------------------------------

local function made() return G.plans().made end

t.test("numbers are slots: an annealed rate neither recompiles nor goes stale",
  function()
    local w0 = T {1, -2, 3}
    local function loss(w) return (w ^ 2 * 0.5):sum() end
    local w = w0
    grad(function(z) return loss(z) * 0.5 end)(w) -- the plan is made here
    local before = made()
    for k = 1, 50 do
      local rate = 1 / (k + 1)
      local g = grad(function(z) return loss(z) * rate end)(w0)
      t.eq(g, w0 * rate, "rate " .. rate)
    end
    t.eq(made(), before, "grad: plans made")
    local step = jit(function(z, lr) return z - lr * grad(loss)(z) end)
    step(w, 0.5)
    local program, count = step:program(), 0
    before = made()
    for k = 1, 50 do
      local lr = 0.9 / k
      t.eq(step(w0, lr), w0 - lr * w0, "lr " .. lr)
      count = count + 1
    end
    t.eq(made(), before, "jit: plans made")
    t.ok(rawequal(step:program(), program), "one program")
    t.eq(program:stats().runs, count + 1)
  end)

t.test("a function traced anew finds its plan; another structure does not",
  function()
    local function value(n) -- n terms
      return grad(function(w)
        local s = w
        for k = 1, n do s = s:tanh() * k end
        return s:sum()
      end)(T {0.5, 0.25})
    end
    value(21)
    local before = made()
    value(21)
    t.eq(made(), before)
    value(22)
    t.eq(made(), before + 1)
    local found = G.plans().found
    value(22)
    t.eq(G.plans().found, found + 1)
  end)

t.test("captured tensors changed in place are seen", function()
  local c, big = T {1, 2}, T.ones(5000)
  local small = jit(function(x) return x * c + big[{"1:2"}] end)
  local large = jit(function(x) return (x * big):sum() + (x[{"1:2"}] * c):sum() end)
  t.eq(small(T {1, 1}), T {2, 3})
  t.eq(large(big), 5003)
  c[1] = 10
  big[1] = 3
  t.eq(small(T {1, 1}), T {13, 3})
  t.eq(large(T.ones(5000)), 5002 + 12)
end)

t.test("jit: tables, several results, numbers, other types later", function()
  local f = jit(function(p, k)
    return {s = p.w * k, n = k + 1, inner = {p.w:sum()}}, p.w:t(), k
  end)
  for turn = 1, 2 do
    for _, w in ipairs {T {{1, 2}, {3, 4}}, T.ones {2, 700},
                        T.ones {2, 2}:to("f32"), T.ones {3, 2}} do
      local out, tr, k = f({w = w}, turn)
      t.eq(out.s, w * turn)
      t.eq(out.n, turn + 1)
      t.eq(out.inner[1], w:sum())
      t.eq(tr, w:t())
      t.eq(k, turn)
    end
  end
  local plain_f = jit(function(x, y) return x + y end)
  t.eq(plain_f(1, 2), 3)
  t.eq(plain_f(T {1}, 2), T {3})
  t.eq(plain_f(2, T {1}), T {3})
  t.eq(plain_f(T {1}, T {1, 2}), T {2, 3})
  t.eq(plain_f(1, 5), 6)
  local text = tostring(plain_f)
  t.ok(text:find("^jit: 4 compiled"), text)
  t.ok(text:find("plan: "), text)
end)

t.test("program:stats and print(program)", function()
  local w = T.ones {300, 300}
  local f = jit(function(x) return (w:mm(x):tanh() * 2):sum() end)
  t.eq(f:program(), nil)
  f(w)
  f(w)
  local stats = f:program():stats()
  t.eq(stats.runs, 2)
  local flops, seconds = 0, 0
  for _, step in ipairs(stats.steps) do
    t.ok(type(step.what) == "string" and step.bytes >= 0)
    flops, seconds = flops + step.flops, seconds + step.seconds
  end
  t.ok(flops >= 2 * 300 ^ 3, flops)
  t.ok(seconds > 0)
  t.ok(tostring(f:program()):find("matmul"), tostring(f:program()))
end)

t.test("compiled functions in coroutines", function()
  local inner = jit(function(x) return x:sin():sum() end)
  local function body(x)
    local out = 0
    for _ = 1, 3 do
      out = out + inner(x)
      coroutine.yield(out)
    end
    return grad(function(w) coroutine.yield("traced") return (w * w):sum() end)(x)
  end
  local a, b = coroutine.wrap(body), coroutine.wrap(body)
  local x, y = T {1, 2}, T.ones(900)
  for k = 1, 3 do
    t.near(a(x), k * x:sin():sum(), 1e-14)
    t.near(b(y), k * y:sin():sum(), 1e-14)
  end
  t.eq(a(), "traced")
  t.eq(b(), "traced")
  t.eq(b(), y * 2)
  t.eq(a(), x * 2)
  local yields = jit(function(z) coroutine.yield(1) return z * 3 end)
  local co = coroutine.wrap(function() return yields(x) end)
  local got = co()
  while got == 1 do got = co() end
  t.eq(got, x * 3)
end)

-- ---- hostile use -----------------------------------------------------------------

t.test("jit and programs refuse what they cannot take", function()
  local f = jit(function(x) return x:sum() * 2 end)
  local x = T.ones(3000)
  f(x)
  local p = f:program()
  t.eq(p:run {x}[1]:item(), 6000)
  t.fails(function() p:run {T {1}} end, "argument 1: expected %[3000%] f64, got %[1%]")
  t.fails(function() p:run {x:to("f32")} end, "expected %[3000%] f64, got %[3000%] f32")
  t.fails(function() p:run {} end, "argument 1: expected a Tensor, got nil")
  t.fails(function() p:run {5} end, "argument 1: expected a Tensor, got number")
  t.fails(function() p:run(x) end, "table expected")
  t.fails(function() p.run(x, {x}) end, "saddle.jit expected")
  t.fails(function() jit(5) end, "jit: argument 1: expected a function")
  t.fails(function() jit() end, "jit: argument 1: expected a function")
  t.fails(function() f(print, {}, "a") end, "")
  t.fails(function() jit(function() return "text" end)(x) end, "got string")
  t.eq(f(x), 6000)
  getmetatable(p).__gc(p)
  t.fails(function() return tostring(p) end, "has been closed")
  t.fails(function() p:run {x} end, "has been closed")
  t.fails(function() p:stats() end, "has been closed")
  t.fails(function() f(x) end, "has been closed")
  getmetatable(p).__gc(p)
end)

t.test("errors of running name the line; the program runs on", function()
  local f = jit(function(x, i) return x[{i}] * 2 end)
  local x = T.ones(3)
  local good, bad = T({1, 2}, {dtype = "i64"}), T({1, 9}, {dtype = "i64"})
  t.eq(f(x, good), T {2, 2})
  for _ = 1, 3 do
    t.fails(function() f(x, bad) end, "compile_spec.lua:%d+")
    t.eq(f(x, good), T {2, 2})
  end
end)

-- Finalizers run while results are made: they may run programs of their own,
-- which need a larger workspace, and push plans out of the cache.
t.test("finalizers that run programs", function()
  local n, stop = 1000, false
  local function trap()
    setmetatable({}, {__gc = function()
      n = n + 1777
      local depth = 1 + n % 5
      grad(function(x)
        for _ = 1, depth do x = x:tanh():softmax(1) end
        return x:dot(x)
      end)(T.ones(n))
      if not stop and n < 200000 then trap() end
    end})
  end
  trap()
  local function f(x) return (x:tanh() * x):softmax(1), x:cumsum(1):softmax(1) end
  local x = T.ones(20000)
  local fast, a, b = jit(f), f(x)
  local g = grad(function(w) return (w:tanh() * w):softmax(1):dot(w) end)
  local want = g(x)
  for _ = 1, 400 do
    local c, d = fast(x)
    t.ok(c:equal(a) and d:equal(b))
    t.ok(g(x):equal(want))
  end
  stop = true
  t.ok(n > 10000, "finalizers ran: " .. n)
end)

-- A sum of products begins with the first one, compiled or not, so that what
-- is made of a negative zero has the same sign: 1/0, the angle of (-1, -0).
t.test("negative zeros of short products and running sums", function()
  local function mm(a, b) return a:reshape(1, #a):mm(b:reshape(#b, 1)) end
  local two = T{2.0, 2.0}
  for n = 1, 2 do
    local a = T.full({n}, -0.0)
    local b = two[{"1:" .. n}]
    local cases = {
      function() return 1 / mm(a, b) end,
      function() return 1 / (mm(a, b) + a[1]) end,
      function() return 1 / a:cumsum(1) end,
    }
    for k, case in ipairs(cases) do
      local want = -math.huge
      t.eq(case():min(), want, ("eager %d, case %d"):format(n, k))
      t.eq(jit(function(x) return case() + 0 * x end)(1.0):max(), want,
           ("compiled %d, case %d"):format(n, k))
    end
    t.eq(jit(function(x) return T.atan2(mm(x, b), T{{-1.0}}) end)(a):item(),
         -math.pi, "angle")
  end
end)

t.test("numbers take the dtype of the tensors, traced or not", function()
  local x = T {1, -2, 3}
  local function f(v, lr) return v * lr - v^2 * (lr / 2 + 2 * lr) end
  for _, dtype in ipairs {"f32", "f64"} do
    local v = x:to(dtype)
    local fast = jit(f)
    t.eq(fast(v, 0.1), f(v, 0.1))
    t.eq(fast(v, 0.1).dtype, dtype)
    t.eq(saddle.grad(function(u, lr) return f(u, lr):sum() end)(v, 0.1).dtype,
      dtype)
    t.eq(saddle.trace(function(lr) return lr * v end, 0.5).y[1].dtype, dtype)
  end
  local i = T({1, 2}, {dtype = "i64"})
  t.eq(jit(f)(i, 0.1), f(i, 0.1))
  -- a 0-d tensor is no number
  t.eq(jit(f)(x:to("f32"), T(0.1)).dtype, f(x:to("f32"), T(0.1)).dtype)
end)

t.test("second derivatives by the short way are those of the long one", function()
  local rng = saddle.random.new(11)
  for _, n in ipairs {1, 2, 7, 32, 33} do
    for _, dtype in ipairs {"f64", "f32"} do
      local c = rng:normal {n}:to(dtype)
      local function f(w)
        return ((w * c):sin() * w[1]):sum() + (w:tanh() + c):sum()^2
      end
      local w, v = rng:normal {n}:to(dtype), rng:normal {n}:to(dtype)
      local tol = dtype == "f64" and 1e-12 or 1e-4
      local H, J = saddle.hessian(f, w), saddle.jacobian(saddle.grad(f), w)
      t.eq(H.dtype, dtype)
      t.ok(H:allclose(J, {rtol = tol, atol = tol}), dtype .. " " .. n)
      t.ok(H:mv(v):allclose(saddle.hvp(f, w, v), {rtol = tol, atol = tol}))
      local long = saddle.hvp(function(p) return f(p[1]) end, {w}, {v})[1]
      t.ok(long:allclose(saddle.hvp(f, w, v), {rtol = tol, atol = tol}))
    end
  end
  -- nothing that does not vary, and nothing at all
  t.eq(saddle.hessian(function(w) return 3 * w:sum() end, T {1, 2}),
    T.zeros {2, 2})
  t.eq(saddle.hvp(function() return T(1.0) end, T {1, 2}, T {1, 1}), T {0, 0})
end)

t.test("second derivatives are compiled once", function()
  local function f(w, k) return (w^3):sum() * k end
  local w = T {1, 2, 3}
  saddle.hessian(function(u) return f(u, 1) end, w)
  saddle.hvp(function(u) return f(u, 1) end, w, w)
  local made = core.graph.plans().made
  for k = 2, 5 do
    t.eq(saddle.hessian(function(u) return f(u, k) end, w),
      T {{6 * k, 0, 0}, {0, 12 * k, 0}, {0, 0, 18 * k}})
    t.eq(saddle.hvp(function(u) return f(u, k) end, w, T {0, 1, 0}),
      T {0, 12 * k, 0})
  end
  t.eq(core.graph.plans().made, made)
end)

t.test("second derivatives refuse what they always did", function()
  local w = T {1, 2}
  t.fails(function() saddle.hvp(function(u) return u:sum() end, w, T {1}) end,
    "hvp: argument 3: expected %[2%] f64, got %[1%] f64")
  t.fails(function() saddle.hvp(function(u) return u end, w, w) end,
    "hvp: the function must return one number")
  t.fails(function() saddle.hessian(function(u) return u, 1 end, w) end,
    "hessian: the function must return one value, got 2")
  t.fails(function() saddle.hessian(function() error "mine" end, w) end, "mine")
end)

return t
