-- compose_spec.lua: random compositions of operations, on which every transform
-- must agree with the others and with differences.  MIT licence.
local t = require "runner"
local saddle = require "saddle"
local T = saddle.tensor
local grad, value_and_grad, hessian = saddle.grad, saddle.value_and_grad,
  saddle.hessian
local jvp, hvp, vmap, jit = saddle.jvp, saddle.hvp, saddle.vmap, saddle.jit

local STEPS = { -- smooth maps of [3 x 4] to [3 x 4]; c is another such value
  function(x) return x:tanh() end,
  function(x, c) return x * c:sin() end,
  function(x, c) return x + c:sigmoid() end,
  function(x) return (x * 0.3):exp() end,
  function(x, c) return x:mm(c:t()):mm(c) * 0.1 end,
  function(x) return x:softmax(2) * 2 end,
  function(x) return x:cumsum(1) * 0.5 end,
  function(x) return x - x:mean(2):unsqueeze(2) end,
  function(x, c) return x / (c ^ 2 + 1):sum(1) end,
  function(x) return x:t():reshape {3, 4} end,
  function(x, c) return T.concat({x[{"2:3"}], c[{"1:1"}]}, 1) end,
  function(x) return x[{"3:1:-1", "4:1:-1"}] end,
  function(x, c) return T.where(c:gt(0), x, x * 2) end,
  function(x) return x[{T({1, 3, 1}, {dtype = "i64"})}] end,
  function(x, c) return (x ^ 2 + c ^ 2 + 1):sqrt() end,
  function(x) return x:logsumexp(2):unsqueeze(2) * x * 0.2 end,
  function(x, c) return T.stack({x, c}, 1):sum(1) end,
  function(x) return x:abs() + x end,
}

-- A function {a = [3 x 4], b = [4]} -> number of n steps drawn once.
local function random_function(rng, n)
  local plan = {}
  for k = 1, n do
    plan[k] = {rng:integer(1, #STEPS), rng:integer(1, k)}
  end
  local weight = rng:normal {3, 4}
  return function(p)
    local made = {p.a * p.b}
    for k, step in ipairs(plan) do
      made[k + 1] = STEPS[step[1]](made[k], made[step[2]])
    end
    return (made[n + 1] * weight):sum()
  end
end

local function combine(x, v, h)
  return {a = x.a + v.a * h, b = x.b + v.b * h}
end

local function inner(u, v)
  return (u.a * v.a):sum() + (u.b * v.b):sum()
end

t.test("random compositions: every transform agrees with the others", function()
  for seed = 1, 60 do
    local rng = saddle.random.new(seed)
    local function draw() return {a = rng:normal {3, 4}, b = rng:normal {4}} end
    local f = random_function(rng, 2 + seed % 8)
    local x, u, v = draw(), draw(), draw()
    local value, g = value_and_grad(f)(x)
    local size = 1 + math.abs(value) + math.sqrt(inner(g, g))
    local name = "seed " .. seed
    t.near(value, f(x), 1e-13, name)
    local y, slope = jvp(f, x, v)
    t.near(y, value, 1e-13, name)
    t.near(slope / size, inner(g, v) / size, 1e-12, name .. " jvp")
    local h = 1e-4
    local function central(s)
      return (f(combine(x, v, s)) - f(combine(x, v, -s))) / (2 * s)
    end
    t.near(slope / size, (4 * central(h / 2) - central(h)) / 3 / size, 1e-7,
      name .. " differences")
    local hv, hu = hvp(f, x, v), hvp(f, x, u)
    local big = 1 + math.sqrt(inner(hv, hv)) + math.sqrt(inner(hu, hu))
    t.near(inner(u, hv) / big, inner(v, hu) / big, 1e-11, name .. " symmetric")
    local _, jg = jvp(grad(f), x, v)
    t.near(inner(jg, u) / big, inner(hv, u) / big, 1e-11, name)
    local back = grad(function(p) return inner(grad(f)(p), v) end)(x)
    t.near(inner(back, u) / big, inner(hv, u) / big, 1e-11,
      name .. " reverse over reverse")
    local H = hessian(f, x)
    t.near(H.a.b:reshape {12, 4}:mv(v.b):dot(u.a:reshape {12}) / big,
      inner({a = u.a, b = T.zeros {4}},
        hvp(f, x, {a = T.zeros {3, 4}, b = v.b})) / big, 1e-11, name)
    t.near(jit(f)(x), value, 1e-13, name .. " jit")
    local two = vmap(function(p, q) return hvp(f, p, q) end)(
      {a = T.stack {x.a, u.a}, b = T.stack {x.b, u.b}},
      {a = T.stack {v.a, v.a}, b = T.stack {v.b, v.b}})
    t.near((two.a[1] / big):totable(), (hv.a / big):totable(), 1e-11,
      name .. " vmap of hvp")
    t.near((jit(function(p, q) return hvp(f, p, q) end)(x, v).a / big):totable(),
      (hv.a / big):totable(), 1e-11, name .. " jit of hvp")
  end
end)

t.test("several results: jit and vmap give all, grad refuses", function()
  local both = saddle.value_and_grad(function(w) return (w^2):sum() end)
  local v, g = saddle.jit(both)(T{1, 2})
  t.eq(v, 5.0)
  t.eq(g, T{2, 4})
  v, g = saddle.vmap(both)(T{{1, 2}, {3, 4}})
  t.eq(v, T{5, 25})
  t.eq(g, T{{2, 4}, {6, 8}})
  t.fails(function()
    saddle.grad(function(w) return w:sum(), w end)(T{1, 2})
  end, "must return one value, got 2")
end)

t.test("0^p does not vary with p > 0, in any order of derivative", function()
  local f = function(p) return (T{0, 2}^p):sum() end
  local l = math.log(2)
  t.near(saddle.grad(f)(3.0), 8 * l, 1e-14)
  t.near(saddle.grad(saddle.grad(f))(3.0), 8 * l^2, 1e-14)
  t.near(saddle.grad(saddle.grad(saddle.grad(f)))(3.0), 8 * l^3, 1e-14)
  t.near(saddle.hessian(f, 3.0), 8 * l^2, 1e-14)
end)

return t
