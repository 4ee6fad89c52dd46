-- determinism_spec.lua: one seed, the same bits: in two runs, and with one and
-- two threads. A script that uses every threaded part runs in processes of its
-- own and prints its results in full (hexadecimal).  MIT licence.
local t = require "runner"

local script = [[
local saddle = require "saddle"
local T, nn = saddle.tensor, saddle.nn
local rng = saddle.random.default()
local function show(name, x)
  if type(x) ~= "number" then -- a sum in a fixed order, sensitive to each bit
    local v = x:contiguous():flatten()
    local a, b = 0, 0
    for i = 1, v:numel(), math.max(1, v:numel() // 997) do
      a, b = a + v[i], 1.000001 * b + v[i]
    end
    print(name, ("%a %a"):format(a, b))
  else
    print(name, ("%a"):format(x))
  end
end

show("normals", rng:normal{300000})
show("permutation", rng:permutation(70000):to("f64"))
local big = rng:normal{700, 600}
show("sum", big:sum())
show("mean over rows", big:mean(1))
show("product", big:t():mm(big))
show("tall product", rng:normal{20000, 30}:t():mm(rng:normal{20000, 20}))
show("mv", big:mv(rng:normal{600}))
show("element-wise", (big:tanh() * 3 + big):exp())
show("softmax", big:softmax(2))
show("solve", T.solve(big[{"1:600"}], big[{"1:600", "1:7"}]))

local data = {x = rng:normal{3000, 40}, y = rng:integer({3000}, 1, 6)}
local net = nn.mlp{40, 9, 6, activation = "tanh"}
local obj = nn.objective(net, data, "cross_entropy", {l2 = 1e-3})
local w = net:init(rng)
show("value", obj:value(w))
show("gradient", obj:grad(w))
show("hessian", obj:hessian(w))
local graph = nn.objective(net, data, "cross_entropy", {path = "graph"})
show("gradient by graph", graph:grad(w))
show("hvp by graph", graph:hvp(w, rng:normal{net:dim()}))
local run = saddle.optim.minimize(obj, w, {method = "sgd", lr = 0.1,
  batch = 64, steps = 60, seed = 3})
show("sgd", run.w)
run = saddle.optim.minimize(obj, run.w, {method = "sfn", steps = 3})
show("saddle-free Newton", run.w)
local cp = saddle.critical.find(obj, run.w, {steps = 5})
show("search", cp.w)

local function step(z) return z - 0.05 * (z ^ 3 - z:flip(1) * 2) end
show("march", saddle.iterate(step, rng:normal{4099, 2}, 200, {lanes = true}))
show("elements", saddle.iterate(function(z) return z - z:sin() * 0.1 end,
  rng:normal{70000}, 50))
local c = rng:normal{300, 300}
local function mixed(z)
  local h = (z:mm(c) * 0.1):tanh()
  return (h:softmax(2) * z):mean(1), (h - z):exp():sum()
end
local fast = saddle.jit(mixed)
local rows, total = fast(c)
show("compiled rows", rows)
show("compiled sum", total)
show("compiled gradient", saddle.jit(saddle.grad(function(z)
  return select(2, mixed(z))
end))(c))
show("fused sum", saddle.jit(function(z)
  return ((z * 2):sin() + z):sum()
end)(rng:normal{300000}))
show("fused columns", saddle.jit(function(z)
  return ((z * 2):sin() + z):sum(1)
end)(rng:normal{30000, 7}))
show("vmap", saddle.vmap(function(z, v)
  return saddle.hvp(function(u) return (u ^ 4):sum() + u:mm(u):tanh():sum() end, z, v)
end)(rng:normal{50, 20, 20}, rng:normal{50, 20, 20}))
]]

local saddle
for i = -1, -20, -1 do
  saddle = arg[i] or saddle
end

local function output(name, options)
  local command = ("'%s' %s '%s' 2>&1"):format(saddle, options, name)
  local pipe = assert(io.popen(command))
  local text = pipe:read("a")
  t.ok(pipe:close(), text)
  return text
end

t.test("the same bits in two runs and with 1 and 2 threads", function()
  local name = os.tmpname()
  local file = assert(io.open(name, "w"))
  file:write(script)
  file:close()
  local one = output(name, "--seed 5 --threads 1")
  local lines = select(2, one:gsub("\n", ""))
  t.eq(lines, 26, one)
  t.eq(output(name, "--seed 5 --threads 2"), one, "two threads")
  t.eq(output(name, "--seed 5 --threads 2"), one, "a second run")
  t.ok(output(name, "--seed 6 --threads 2") ~= one, "another seed")
  os.remove(name)
end)

return t
