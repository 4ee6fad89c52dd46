-- ops_spec.lua: walks ops.def. Each row is run on the data of ops_cases.lua
-- (element-wise rows: on shapes given here) against the plain Lua of
-- ops_reference.lua, and its derivative and batching rules against differences,
-- adjoints and loops. A row without data fails.  MIT licence.
local t = require "runner"
local saddle = require "saddle"
local core = require "saddle.core"
local reference = require "ops_reference"
local cases = require "ops_cases"
local data = require "ops_data"
local T, G = saddle.tensor, core.graph

local EPS, TOL = data.EPS, data.TOL
local tensor, plain, draw, letters = data.tensor, data.plain, data.draw,
  data.letters
local operands, tensors, attributes = data.operands, data.tensors,
  data.attributes
local scale_of, close, label = data.scale_of, data.close, data.label

-- Element-wise rows that keep integers.
local INTEGER = {}
for _, name in ipairs {"neg", "abs", "sign", "add", "sub", "mul", "mulz",
                       "maximum", "minimum", "mod", "floordiv", "where"} do
  INTEGER[name] = true
end

-- ---- what is checked of every case -------------------------------------------------

local function expected(row, case, arrays)
  local list = table.move(arrays, 1, #arrays, 1, {})
  if row.map then
    local fn = reference.map[row.name]
    local shape = case.result or case[1]
    for k, a in ipairs(list) do
      list[k] = reference.array.broadcast(a, table.unpack(shape))
    end
    return reference.build(shape, function(i)
      local v = {}
      for k, a in ipairs(list) do v[k] = reference.at(a, i) end
      return fn(table.unpack(v))
    end)
  end
  table.move(case.attr, 1, #case.attr, #list + 1, list)
  return reference.array[row.name](table.unpack(list))
end

-- The value in one dtype. References see the operands as rounded to it.
local function check_value(row, case, arrays, dtype)
  local ops = tensors(row, case, arrays, dtype)
  local got = G.apply(row.name, ops, attributes(case))
  local rounded = {}
  for k, x in ipairs(ops) do rounded[k] = plain(x) end
  local kind = case.out or dtype
  t.eq(got.dtype, kind, label(row, case) .. ": dtype")
  local eps = EPS[kind] or 0
  close(plain(got), expected(row, case, rounded), (TOL[row.tol] or 0) * eps,
    label(row, case) .. " " .. dtype)
  return ops, got
end

-- Integers: small ones, so that nothing wraps; zero where the domain has it.
local function check_integers(row, case, rng)
  local list, kinds = {}, letters(row, case)
  for k, shape in ipairs(case) do
    if kinds[k] == "r" or kinds[k] == "n" or kinds[k] == "m" then
      local a = {shape = shape}
      for e = 1, reference.numel(shape) do
        local v = math.floor(rng:uniform() * 19) - 9
        a[e] = v == 0 and kinds[k] == "n" and 4 or v
      end
      list[k] = a
    else
      list[k] = draw(rng, kinds[k], shape, case)
    end
  end
  local got = G.apply(row.name, tensors(row, case, list, "i64"),
    attributes(case))
  t.eq(got.dtype, case.out or "i64", label(row, case) .. ": i64 dtype")
  t.eq(plain(got), expected(row, case, list), label(row, case) .. " i64")
end

-- The same values under other strides.
local LAYOUT = {
  transposed = function(x)
    local axes, back = {}, {}
    for a = 1, x.ndim do axes[a], back[a] = x.ndim + 1 - a, x.ndim + 1 - a end
    return x.ndim > 1 and x:permute(axes):copy():permute(back) or x
  end,
  reversed = function(x)
    for a = 1, x.ndim do
      if x.shape[a] > 0 then x = x:flip(a):copy():flip(a) end
    end
    return x
  end,
  stepped = function(x)
    if x.ndim == 0 or x:numel() == 0 then return x end
    local pair = T.stack({x, T.zeros_like(x)}, x.ndim + 1)
    local wide = x.shape
    wide[#wide + 1] = 1
    local attr = {}
    for a = 1, x.ndim + 1 do
      table.move({0, 1, wide[a]}, 1, 3, #attr + 1, attr)
    end
    local thin = G.apply("slice", {pair}, attr)
    local shape = table.move(wide, 1, x.ndim, 1, {})
    return thin:reshape(shape)
  end,
}

local function check_layouts(row, case, ops, value)
  local attr = attributes(case)
  for name, view in pairs(LAYOUT) do
    local other = {}
    for k, x in ipairs(ops) do other[k] = view(x) end
    local what = ("%s, %s operands"):format(label(row, case), name)
    close(plain(G.apply(row.name, other, attr)), plain(value),
      4 * EPS.f64, what)
    if #ops > 0 then
      local run = saddle.jit(function(...)
        return {G.apply(row.name, {...}, attr)}
      end)
      close(plain(run(table.unpack(other))[1]), plain(value), 4 * EPS.f64,
        what .. ", compiled")
    end
  end
end

-- f of the real operands alone; the others are fixed.
local function real_part(row, case, ops)
  local kinds, reals, where = letters(row, case), {}, {}
  for k, x in ipairs(ops) do
    if kinds[k] ~= "b" and kinds[k] ~= "i" then
      reals[#reals + 1] = x
      where[#where + 1] = k
    end
  end
  local attr = attributes(case)
  local function f(w)
    local all = table.move(ops, 1, #ops, 1, {})
    for j, k in ipairs(where) do all[k] = w[j] end
    return G.apply(row.name, all, attr)
  end
  return f, reals
end

local function random_like(rng, x)
  local a = {shape = x.shape}
  for k = 1, x:numel() do a[k] = rng:uniform() * 2 - 1 end
  return tensor(a, x.dtype)
end

local function each_like(rng, list)
  local out = {}
  for k, x in ipairs(list) do out[k] = random_like(rng, x) end
  return out
end

local function shifted(list, v, h)
  local out = {}
  for k, x in ipairs(list) do out[k] = x + v[k] * h end
  return out
end

-- All elements of a list of tensors as one array.
local function joined(list)
  local out = {shape = {0}}
  for _, x in ipairs(list) do
    for _, v in ipairs(plain(x)) do out[#out + 1] = v end
  end
  out.shape[1] = #out
  return out
end

-- Richardson's extrapolation of central differences of g(x + h v): the error
-- is h^4 g''''' / 120 and rounding eps g / h. With h = 2e-3 and the domains
-- above, both are below 1e-9 of the scale of g and its derivative.
local function differences(g, x, v)
  local h = 2e-3
  local function central(step)
    local a, b = joined(g(shifted(x, v, step))), joined(g(shifted(x, v, -step)))
    local d = {shape = a.shape}
    for k = 1, #a do d[k] = (a[k] - b[k]) / (2 * step) end
    return d
  end
  local d1, d2 = central(h), central(h / 2)
  for k = 1, #d1 do d2[k] = (4 * d2[k] - d1[k]) / 3 end
  return d2
end

local function close_derivative(got, want, value, what)
  local bound = 1e-8 * (1 + scale_of(want) + scale_of(value))
  t.eq(#got, #want, what .. ": elements")
  for k, w in ipairs(want) do
    t.ok(math.abs(got[k] - w) <= bound,
      ("%s: element %d is %.12g, differences give %.12g")
        :format(what, k, got[k], w))
  end
end

local function inner(a, b)
  a, b = joined(a), joined(b)
  local s, size = 0, 0
  for k = 1, #a do
    s, size = s + a[k] * b[k], size + math.abs(a[k] * b[k])
  end
  return s, size
end

local function adjoint(a, b, c, d, what, tol)
  local s1, z1 = inner(a, b)
  local s2, z2 = inner(c, d)
  t.ok(math.abs(s1 - s2) <= (tol or 1e-12) * (z1 + z2),
    ("%s: %.17g and %.17g"):format(what, s1, s2))
end

local function check_derivatives(row, case, ops, value, rng)
  local f, x = real_part(row, case, ops)
  local name = label(row, case)
  if #x == 0 or not EPS[value.dtype] then return end
  local v, u = each_like(rng, x), random_like(rng, value)
  local y, jv = saddle.jvp(f, x, v)
  if type(y) == "number" then y, jv = T(y), T(jv) end
  t.eq(plain(y), plain(value), name .. ": value beside jvp")
  local _, ju = saddle.vjp(f, x, u)
  adjoint({u}, {jv}, ju, v, name .. ": <u, J v> and <J' u, v>",
    case.coarse and 8 * EPS.f32)
  if not row.differentiable or row.name == "stop" then
    t.eq(scale_of(plain(jv)), 0, name .. ": derivative of a constant")
    return
  end
  local function weighted(w) return (f(w) * u):sum() end
  local g = saddle.grad(weighted)
  close_derivative(joined(g(x)), joined(ju), {}, name .. ": grad and vjp")
  if case.coarse then return end
  local function eager(w) return {f(w)} end
  close_derivative(joined {jv}, differences(eager, x, v), joined {value},
    name .. ": jvp")
  local w = each_like(rng, x)
  local hv, hw = saddle.hvp(weighted, x, v), saddle.hvp(weighted, x, w)
  adjoint(w, hv, v, hw, name .. ": <w, H v> and <v, H w>")
  close_derivative(joined(hv), differences(g, x, v), joined(g(x)),
    name .. ": hvp")
end

local LANES = 3

-- vmap over the operands whose bit is set, against a loop; the value, the
-- derivative along a fixed direction and the gradient.
local function check_batch(row, case, ops, subset, rng)
  local kinds, axes, args, lanes = letters(row, case), {}, {}, {}
  for k, x in ipairs(ops) do
    axes[k] = subset >> (k - 1) & 1 == 1 and 1 or false
    args[k] = x
    if axes[k] then
      local list = {x}
      for b = 2, LANES do
        list[b] = tensor(draw(rng, kinds[k], x.shape, case), x.dtype)
      end
      lanes[k], args[k] = list, T.stack(list, 1)
    end
  end
  local attr = attributes(case)
  local function value(...) return G.apply(row.name, {...}, attr) end
  local functions = {value}
  local f, x = real_part(row, case, ops)
  local y = f(x)
  if row.differentiable and EPS[y.dtype] and #x > 0 then
    local v, u = each_like(rng, x), random_like(rng, y)
    functions[2] = function(...)
      local g, w = real_part(row, case, {...})
      return (select(2, saddle.jvp(g, w, v)))
    end
    functions[3] = function(...)
      local g, w = real_part(row, case, {...})
      return saddle.grad(function(z) return (g(z) * u):sum() end)(w)
    end
  end
  local title = {"batched", "batched jvp", "batched grad"}
  for n, fn in ipairs(functions) do
    local got = saddle.vmap(fn, {axes = axes})(table.unpack(args))
    if n < 3 then got = {got} end
    for b = 1, LANES do
      local one = {}
      for k in ipairs(ops) do
        one[k] = lanes[k] and lanes[k][b] or ops[k]
      end
      local want = fn(table.unpack(one))
      if n < 3 then want = {want} end
      for k, tensor_want in ipairs(want) do
        local row_of = got[k][b]
        close(plain(row_of), plain(tensor_want), 1e-12, ("%s %s, operands %d")
          :format(label(row, case), title[n], subset))
      end
    end
  end
end

local function check_f32_derivative(row, case, arrays, rng)
  local f64, x64 = real_part(row, case, tensors(row, case, arrays, "f64"))
  local f32, x32 = real_part(row, case, tensors(row, case, arrays, "f32"))
  local y = f32(x32)
  if not row.differentiable or y.dtype ~= "f32" or case.out then return end
  local v32, v64 = each_like(rng, x32), {}
  for k, v in ipairs(v32) do
    v64[k], x64[k] = v:to("f64"), x32[k]:to("f64")
  end
  local _, got = saddle.jvp(f32, x32, v32)
  local _, want = saddle.jvp(f64, x64, v64)
  if type(got) == "number" then return end
  t.eq(got.dtype, "f32", label(row, case) .. ": dtype of an f32 jvp")
  close(plain(got), plain(want), 256 * EPS.f32, label(row, case) .. " f32 jvp")
end

-- ---- the walk -------------------------------------------------------------------------

local SHAPES = {{2, 3}, {5}, {1}, {0}, {2, 0, 3}, {}, {700}}

local function comparison(name)
  return ({lt = 1, le = 1, gt = 1, ge = 1, eq = 1, ne = 1, isnan = 1,
           isinf = 1, isfinite = 1, lnot = 1, land = 1, lor = 1,
           lxor = 1})[name] ~= nil
end

-- Element-wise rows: one shape for all operands, then broadcast ones.
local function map_cases(row)
  local list = {}
  local function add(case)
    case.out = comparison(row.name) and "u8" or nil
    case.attr = {}
    case.int = INTEGER[row.name]
    list[#list + 1] = case
  end
  for _, shape in ipairs(SHAPES) do
    local case = {}
    for k = 1, row.arity do case[k] = shape end
    add(case)
  end
  if row.arity == 2 then
    add {{2, 1}, {3}, result = {2, 3}}
    add {{}, {2, 2}, result = {2, 2}}
    add {{3, 2}, {}, result = {3, 2}}
    add {{0, 1}, {1, 4}, result = {0, 4}}
  elseif row.arity == 3 then
    add {{2, 1, 1}, {3, 1}, {2}, result = {2, 3, 2}}
    add {{2, 3}, {}, {3}, result = {2, 3}}
  end
  return list
end

local rows = {}
for _, row in ipairs(G.ops()) do
  if not row.leaf then rows[row.name] = row end
end

t.test("every row has test data and all data has its row", function()
  for name, row in pairs(rows) do
    if row.map then
      t.ok(reference.map[name], name .. ": no reference in ops_reference.lua")
      t.ok(reference.special[name], name .. ": no special values")
    else
      t.ok(reference.array[name], name .. ": no reference in ops_reference.lua")
      t.ok(cases[name] and #cases[name] > 0, name .. ": no case in ops_cases.lua")
    end
  end
  for _, list in ipairs {reference.map, reference.special, reference.array,
                         cases} do
    for name in pairs(list) do
      t.ok(rows[name], name .. ": test data without a row of ops.def")
    end
  end
end)

local names = {}
for name in pairs(rows) do names[#names + 1] = name end
table.sort(names)

local function each_case(title, check)
  for order, name in ipairs(names) do
    local row = rows[name]
    local list = row.map and map_cases(row) or cases[name] or {}
    t.test(name .. ": " .. title, function()
      for number, case in ipairs(list) do
        local rng = saddle.random.new(1000 * order + number)
        check(row, case, rng)
      end
    end)
  end
end

each_case("values, dtypes, layouts", function(row, case, rng)
  local arrays = operands(rng, row, case)
  local ops, value = check_value(row, case, arrays, "f64")
  check_value(row, case, arrays, "f32")
  check_layouts(row, case, ops, value)
  if case.int then check_integers(row, case, rng) end
end)

each_case("first and second derivatives", function(row, case, rng)
  if reference.numel(case[1] or {}) > 100 then return end
  local arrays = operands(rng, row, case)
  local ops = tensors(row, case, arrays, "f64")
  local value = G.apply(row.name, ops, attributes(case))
  check_derivatives(row, case, ops, value, rng)
  if row.domain ~= "" then check_f32_derivative(row, case, arrays, rng) end
end)

each_case("batching every subset of operands", function(row, case, rng)
  if #case == 0 or reference.numel(case[1]) > 100 then return end
  local ops = tensors(row, case, operands(rng, row, case), "f64")
  for subset = 1, (1 << #case) - 1 do
    check_batch(row, case, ops, subset, rng)
  end
end)

return t
