-- module_spec.lua: the package itself: lazy submodules, what is exported, the
-- collector's mode, provenance, the process functions. Runs in the host and in
-- stock Lua with the same objects loaded as a module.
local t = require "runner"
local before = {}
for name in pairs(_G) do before[name] = true end
local saddle = require "saddle"
local core = require "saddle.core"

t.test("loading makes no globals", function()
  local grad = saddle.grad
  t.ok(type(grad) == "function")
  for name in pairs(_G) do t.ok(before[name], "new global " .. name) end
end)

t.test("submodules load on first use and are the required ones", function()
  for _, name in ipairs{"nn", "data", "optim", "critical", "plot", "opt",
                        "progress", "transform", "file"} do
    t.ok(rawequal(saddle[name], require("saddle." .. name)), name)
    t.ok(rawget(saddle, name) ~= nil, name)
  end
  for _, name in ipairs{"tensor", "random", "linalg"} do
    t.ok(rawequal(saddle[name], core[name]), name)
  end
end)

t.test("functions of the surface", function()
  for _, name in ipairs{"grad", "value_and_grad", "jvp", "vjp", "hvp",
                        "hessian", "jacobian", "vmap", "jit", "objective",
                        "clock", "provenance", "load", "save"} do
    t.eq(type(saddle[name]), "function", name)
  end
  t.eq(saddle.nothing_of_the_kind, nil)
end)

t.test("the README's line", function()
  local H = saddle.hessian(function(w) return 5*w[1]^2 - w[2]^2 end,
                           saddle.tensor{1, 2})
  t.eq(H:totable(), {{10, 0}, {0, -2}})
end)

t.test("the collector is incremental", function()
  t.eq(collectgarbage("incremental"), "incremental")
end)

t.test("provenance", function()
  local p = saddle.provenance()
  t.eq(p.saddle, saddle.version)
  t.ok(p.threads >= 1 and math.type(p.threads) == "integer")
  t.ok(p.date:find("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%dZ$"), p.date)
  t.ok(p.blas:find("OpenBLAS"), p.blas)
  t.eq(p.seed, core.system.seed())
end)

t.test("clock and memory", function()
  local a = saddle.clock()
  t.ok(saddle.clock() >= a)
  local m = core.system.memory()
  t.ok(m.current > 1e6 and m.peak >= m.current and m.lua > 1e4)
end)

t.test("threads", function()
  local n = core.system.threads()
  core.system.set_threads(2)
  t.eq(core.system.threads(), 2)
  core.system.set_threads(n)
  t.fails(function() core.system.set_threads(0) end,
    "module_spec.lua:%d+: threads: expected 1 to 1024")
end)

t.test("fail passes on what is no string", function()
  local thing = {}
  local good, err = pcall(core.fail, thing)
  t.ok(not good and rawequal(err, thing))
end)

t.test("guard: values, errors, nesting, yields", function()
  local guard = core.system.guard
  t.eq({guard(function(...) return select("#", ...), ... end, 1, nil)}, {2, 1})
  t.fails(function() guard(error, "inner") end, "inner")
  t.eq(guard(guard, function() return 5 end), 5)
  local co = coroutine.wrap(function()
    return guard(function(x) return x + coroutine.yield(x) end, 1)
  end)
  t.eq(co(), 1)
  t.eq(co(10), 11)
end)

t.test("an interrupt is served once", function()
  local system = core.system
  t.eq(system.interrupted(), false)
  system.interrupt()
  t.eq(system.interrupted(true), true)
  t.eq(system.interrupted(), false)
end)

return t
