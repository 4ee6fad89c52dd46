-- run.lua: runs the Lua specs named on the command line ("tensor", a path, or
-- nothing for all) and ends with `N passed, N failed`; exit code 1 on any
-- failure. `-t` adds each spec's time.  MIT licence.
local dir = arg[0]:match("^(.*[/\\])") or "./"
package.path = dir .. "?.lua;" .. package.path
local runner = require "runner"

local function all_specs()
  local list, names = io.popen('ls "' .. dir .. '"'), {}
  for file in list:lines() do
    names[#names + 1] = file:match("^(.*)_spec%.lua$")
  end
  list:close()
  table.sort(names)
  return names
end

local times, names = false, {}
for _, word in ipairs(arg) do
  if word == "-t" then
    times = true
  else
    names[#names + 1] = word:gsub("^.*/", ""):gsub("_spec%.lua$", "")
  end
end
if #names == 0 then names = all_specs() end

for _, name in ipairs(names) do
  runner.spec = name
  local before = os.clock()
  local chunk, err = loadfile(dir .. name .. "_spec.lua")
  local good = chunk and true
  if chunk then good, err = xpcall(chunk, debug.traceback, name) end
  if not good then
    runner.failed = runner.failed + 1
    print(("FAIL %s: the spec does not run\n  %s"):format(name, err))
  end
  if times then print(("%-20s %6.2f s"):format(name, os.clock() - before)) end
end
print(("%d passed, %d failed"):format(runner.passed, runner.failed))
os.exit(runner.failed == 0, true)
