-- memory_spec.lua: the collector keeps up with large tensors unaided. Each
-- loop runs in a process of its own, so that the peak is its own; the limit is
-- twice the live bytes plus 64 MB over the start.  MIT licence.
local t = require "runner"

local loops = {
  {"temporaries that die young", 2, 1500, [[
    local x = T.ones(n)
    for _ = 1, turns do local _ = x + x end]]},
  {"w = w - g", 4, 1500, [[
    local w, g = T.ones(n), T.ones(n)
    for _ = 1, turns do w = w - g end]]},
  {"a ring of 64 live tensors", 64, 1500, [[
    local ring = {}
    for i = 1, turns do ring[i % 64 + 1] = T.zeros(n // 2) end]]},
  {"views keep their owners only while they live", 2, 1500, [[
    local view
    for _ = 1, turns do view = T.zeros(n)["5:10"]["2:3"] end]]},
}

local interpreter = arg[-1]
for k = -1, -20, -1 do interpreter = arg[k] or interpreter end

local head = [[
local core = require "saddle.core"
local T, memory = core.tensor, core.system.memory
local n, turns = 2 * 2 ^ 20 // 8 | 0, %d
local start = memory().peak
%s
print(memory().peak - start)
]]

-- The child finds the module as this process does.
local function run(code)
  local file = os.tmpname()
  local out = assert(io.open(file, "w"))
  out:write(("package.path = %q\npackage.cpath = %q\n"):format(
    package.path, package.cpath), code)
  out:close()
  local pipe = assert(io.popen(("'%s' '%s' 2>&1"):format(interpreter, file)))
  local text = pipe:read("a")
  pipe:close()
  os.remove(file)
  return text
end

for _, loop in ipairs(loops) do
  local name, live, turns, body = table.unpack(loop)
  t.test(name, function()
    local text = run(head:format(turns, body))
    local peak = t.ok(tonumber(text), "the child printed: " .. text)
    local limit = (2 * live + 64) * 2 ^ 20
    t.ok(peak > 0 and peak < limit,
         ("peak %.0f MB, limit %.0f MB"):format(peak / 2 ^ 20, limit / 2 ^ 20))
  end)
end

-- Ten thousand structures: gradients traced anew, compiled functions that die,
-- marches. The plan cache keeps its few hundred; a plan is some ten kilobytes.
t.test("ten thousand different graphs", function()
  local text = run([[
local saddle = require "saddle"
local core = require "saddle.core"
local T, memory = core.tensor, core.system.memory
local ops = {"sin", "tanh", "sigmoid", "exp"}
local w = T.ones(40)
local function chain(x, k)
  for _ = 1, 7 do
    x = x[ops[1 + k % 4] ](x * 0.5)
    k = k // 4
  end
  return x:sum()
end
local half
for k = 1, 10000 do
  local function f(x) return chain(x, k) end
  if k % 3 == 0 then
    saddle.jit(f)(w)
  elseif k % 3 == 1 then
    saddle.grad(f)(w)
  else
    saddle.iterate(function(x) return x - f(x) * 1e-3 end, w, 2)
  end
  if k == 3000 then half = memory().peak end
end
local p = core.graph.plans()
print(memory().peak - half, p.kept, p.made, p.dropped)]])
  local grown, kept, made, dropped = text:match(
    "^(%d+)\t(%d+)\t(%d+)\t(%d+)\n$")
  t.ok(grown, text)
  t.ok(tonumber(grown) < 24 * 2 ^ 20,
    ("grown by %.1f MB after 3000"):format(grown / 2 ^ 20))
  t.ok(tonumber(kept) <= 512, "kept " .. kept)
  t.ok(tonumber(made) > 3000, "made " .. made)
  t.ok(tonumber(dropped) == made - kept, "dropped " .. dropped)
end)

t.test("running out of memory names the size and leaves the session whole",
       function()
  local text = run([[
local T = require "saddle.core".tensor
local ok, err = pcall(T.zeros, 2 ^ 45 | 0)
print(not ok and err:match("not enough memory for a tensor %[35184372088832%]")
      and T.ones(3):sum())]])
  t.eq(text, "3.0\n")
end)

return t
