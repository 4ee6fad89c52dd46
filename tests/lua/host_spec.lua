-- host_spec.lua: the command line of the built `saddle`: where stock Lua 5.4
-- has an answer (output, exit code), the two must agree.
local t = require "runner"

local saddle = arg[0]
for i = -1, -20, -1 do
  if arg[i] == nil then break end
  saddle = arg[i]
end
local lua = "lua5.4"

local function quote(s) return "'" .. s:gsub("'", "'\\''") .. "'" end

local function capture(command)
  local pipe = assert(io.popen("{ " .. command .. "\n} 2>&1"))
  local text = pipe:read("a")
  local _, _, code = pipe:close()
  return text, code
end

-- An absolute path, so that it holds from other folders.
if saddle:find("/", 1, true) and saddle:sub(1, 1) ~= "/" then
  saddle = capture("pwd"):gsub("\n", "") .. "/" .. saddle
end

local dir = capture("mktemp -d"):gsub("\n", "")
local function write(name, text)
  local path = dir .. "/" .. name
  local f <close> = assert(io.open(path, "w"))
  f:write(text)
  return path
end

-- Runs a program in the scratch folder without Lua's variables.
local function run(program, words, env)
  local text, code = capture(("cd %s && env -u LUA_INIT -u LUA_INIT_5_4 "
    .. "-u LUA_PATH -u LUA_CPATH %s %s %s"):format(quote(dir), env or "",
    quote(program), words))
  local name = "\n" .. program:gsub("%p", "%%%0") .. ":"
  return ("\n" .. text):gsub(name, "\nPROGRAM:"):sub(2), code
end

write("args.lua", [[
for i = -9, 9 do
  if arg[i] then
    io.write(i, "=", arg[i - 1] and tostring(arg[i]) or "program", " ")
  end
end
print("|", ...)]])
write("fails.lua", "local function f()\n  error('boom')\nend\nf()\n")
write("object.lua",
  "error(setmetatable({}, {__tostring = function() return 'shown' end}))")
write("table.lua", "error({})")
write("nilerror.lua", "error(nil)")
write("number.lua", "error(42)")
write("syntax.lua", "x = = 1\n")
write("hash.lua", "#!/usr/bin/env lua\nprint('after hash')")
write("exit.lua", "os.exit(tonumber(arg[1]))")
write("exittrue.lua", "os.exit(true, true)")
write("exitfalse.lua", "os.exit(false)")
write("mod.lua", "return {name = ...}")
write("init.lua", "print('init file')")
write("closes.lua", [[
setmetatable({}, {__gc = function() print("collected") end})
local x <close> = setmetatable({}, {__close = function() print("closed") end})
error("late")]])

-- Same output and same exit code: {what, words, environment}.
local same = {
  {"nothing to do", "-e ''"},
  {"one chunk", "-e 'print(1 + 1)'"},
  {"joined chunk", "-e'print(3)'"},
  {"two chunks in order", "-e 'x = 1' -e 'print(x)'"},
  {"chunk then script", "-e 'x = 5' args.lua a b"},
  {"error in chunk", "-e 'error(\"no\")'"},
  {"syntax error in chunk", "-e 'x ='"},
  {"second chunk not run after error", "-e 'error()' -e 'print(1)'"},
  {"arguments", "args.lua one 'two three' ''"},
  {"arguments look like options", "args.lua -e -x --seed"},
  {"double dash", "-- args.lua a"},
  {"double dash and dash", "-- - a"},
  {"dash with stdin", "- a b < args.lua"},
  {"stdin", "< args.lua"},
  {"stdin not read after -e", "-e 'print(1)' < args.lua"},
  {"traceback", "fails.lua"},
  {"__tostring error", "object.lua"},
  {"table error", "table.lua"},
  {"nil error", "nilerror.lua"},
  {"number error", "number.lua"},
  {"syntax error", "syntax.lua"},
  {"hash line", "hash.lua"},
  {"missing script", "absent.lua"},
  {"exit 0", "exit.lua 0"},
  {"exit 7", "exit.lua 7"},
  {"exit true", "exittrue.lua"},
  {"exit false", "exitfalse.lua"},
  {"close and collect", "closes.lua"},
  {"library", "-l mod -e 'print(mod.name)'"},
  {"joined library", "-lmod -e 'print(mod.name)'"},
  {"library under a name", "-l m=mod -e 'print(m.name, mod)'"},
  {"missing library", "-l absent_library -e 'print(1)'", nil, "first line"},
  {"warnings off", "-e 'warn(\"careful\")'"},
  {"warnings on", "-W -e 'warn(\"care\", \"ful\")'"},
  {"warnings by control", "-e 'warn(\"@on\") warn(\"x\")'"},
  {"LUA_INIT", "-e 'print(1)'", "LUA_INIT='print(0)'"},
  {"LUA_INIT_5_4 first", "-e 'print(1)'",
   "LUA_INIT='print(0)' LUA_INIT_5_4='print(4)'"},
  {"LUA_INIT file", "-e 'print(1)'", "LUA_INIT=@init.lua"},
  {"LUA_INIT error", "-e 'print(1)'", "LUA_INIT='error(1)'"},
  {"LUA_INIT syntax error", "-e 'print(1)'", "LUA_INIT='x='"},
  {"-E", "-E -e 'print(1)'", "LUA_INIT='print(0)'"},
  {"-E and LUA_PATH", "-E -e 'print(package.path:find(\"weird\"))'",
   "LUA_PATH='weird/?.lua'"},
  {"LUA_PATH", "-e 'print(package.path:find(\"weird\", 1, true))'",
   "LUA_PATH='weird/?.lua'"},
  {"bad option", "-x", nil, "first line"},
  {"bad long option", "--what", nil, "first line"},
  {"option with a tail", "-vx", nil, "first line"},
  {"-e without code", "-e", nil, "first line"},
  {"-e before an option", "-e -v", nil, "first line"},
  {"-l without name", "-l", nil, "first line"},
  {"changed arg", "-e 'arg[1] = \"new\"' args.lua old"},
  {"arg replaced", "-e 'arg = 1' args.lua old", nil, "first line"},
  {"standard libraries",
   "-e 'for _, n in ipairs{\"utf8\", \"debug\", \"coroutine\"} do "
   .. "print(type(_G[n])) end'"},
}
for _, case in ipairs(same) do
  local what, words, env, part = table.unpack(case, 1, 4)
  t.test("as stock Lua: " .. what, function()
    local want, want_code = run(lua, words, env)
    local got, got_code = run(saddle, words, env)
    if part == "first line" then
      want, got = want:match("^[^\n]*"), got:match("^[^\n]*")
    end
    t.eq(got, want)
    t.eq(got_code, want_code)
  end)
end

t.test("a failing script on stdin gives exit code 1", function()
  -- Stock Lua gives 0 here; a laboratory's scripts run in pipelines.
  local want = run(lua, "< fails.lua")
  local got, code = run(saddle, "< fails.lua")
  t.eq(got, want)
  t.eq(code, 1)
end)

t.test("interactive input from a pipe", function()
  local text, code = run(saddle, "-i < prompt.txt")
  t.ok(code ~= 0, "no such file: " .. text)
  write("prompt.txt", "x = 20\nx + 1\nfor i = 1, 2 do\nprint('i' .. i)\nend\n"
    .. "error('oops')\n=x * 2\n'last'")
  text, code = run(saddle, "-i < prompt.txt")
  t.eq(code, 0)
  t.ok(text:find("^Saddle"), text)
  t.ok(text:find("> 21\n", 1, true), text)
  t.ok(text:find("i1\ni2\n", 1, true), text)
  t.ok(text:find("stdin:1: oops\nstack traceback:", 1, true), text)
  t.ok(not text:find("PROGRAM:", 1, true), text)
  t.ok(text:find("> 40\n", 1, true), text)
  t.ok(text:find("> last\n", 1, true), text)
end)

t.test("prompts can be changed", function()
  write("prompt.txt", "_PROMPT = 'one '\n_PROMPT2 = 'more '\ndo\nend\n")
  t.eq(run(saddle, "-i < prompt.txt"):match("\n(.*)$"), "> one one more one \n")
end)

t.test("-i after a script keeps its globals", function()
  write("sets.lua", "value = 99")
  write("prompt.txt", "value\n")
  local text = run(saddle, "-i sets.lua < prompt.txt")
  t.ok(text:find("> 99\n", 1, true), text)
end)

t.test("version and help", function()
  t.ok(run(saddle, "-v"):find("^Saddle %d+%.%d+%.%d+  Lua 5%.4"))
  t.ok(run(saddle, "--version"):find("OpenBLAS"))
  local help, code = run(saddle, "--help")
  t.eq(code, 0)
  for _, word in ipairs{"-e stat", "--seed N", "--threads N", "-W"} do
    t.ok(help:find(word, 1, true), word)
  end
end)

t.test("seed and threads", function()
  local code = "-e 'print(math.random(1 << 40), math.random(1 << 40))'"
  local plain = run(saddle, code)
  t.eq(run(saddle, code), plain)
  t.eq(run(saddle, "--seed 0 " .. code), plain)
  t.eq(run(saddle, "--seed=0 " .. code), plain)
  t.ok(run(saddle, "--seed 1 " .. code) ~= plain)
  t.eq(run(saddle, "--seed=-5 -e 'print(require(\"saddle.core\").system"
    .. ".seed())'"), "-5\n")
  t.eq(run(saddle, "--threads 3 -e 'print(require(\"saddle.core\").system"
    .. ".threads())'"), "3\n")
  for _, words in ipairs{"--threads 0", "--threads", "--seed", "--seed x",
                         "--threads 1.5", "--seed="} do
    local text, status = run(saddle, words)
    t.eq(status, 1, words)
    t.ok(text:find("needs a whole number", 1, true), text)
  end
  t.ok(run(saddle, "--threads 1e9"):find(
    "'--threads 1e9' needs a whole number from 1 to 1024", 1, true))
  t.ok(run(saddle, "--threads=abc"):find(
    "'--threads=abc' needs a whole number from 1 to 1024", 1, true))
  t.ok(run(saddle, "--threads"):find("'--threads' needs", 1, true))
end)

t.test("threads from the environment", function()
  local code = "-e 'print(require(\"saddle.core\").system.threads())'"
  t.eq(run(saddle, code, "SADDLE_THREADS=3"), "3\n")
  t.eq(run(saddle, "--threads 2 " .. code, "SADDLE_THREADS=3"), "2\n")
  t.eq(run(saddle, code, "SADDLE_THREADS="), run(saddle, code))
  for _, bad in ipairs{"abc", "0", "-1", "1e9", "2.5"} do
    local text, status = run(saddle, code, "SADDLE_THREADS=" .. bad)
    t.eq(status, 1, bad)
    t.eq(text, "PROGRAM: SADDLE_THREADS: expected a whole number from 1 to "
      .. "1024, got '" .. bad .. "'\n")
    t.eq(run(saddle, "--threads 2 " .. code, "SADDLE_THREADS=" .. bad), "2\n")
  end
end)

t.test("what the libraries read is set before they are loaded", function()
  local code = "-e 'for _, name in ipairs{\"GOMP_SPINCOUNT\", "
    .. "\"OPENBLAS_NUM_THREADS\", \"OPENBLAS_THREAD_TIMEOUT\"} do "
    .. "print(os.getenv(name)) end'"
  local unset = "-u GOMP_SPINCOUNT -u OMP_WAIT_POLICY -u OPENBLAS_NUM_THREADS "
    .. "-u OPENBLAS_THREAD_TIMEOUT "
  t.eq(run(saddle, code, unset), "300\n1\n20\n")
  t.eq(run(saddle, code, unset .. "GOMP_SPINCOUNT=7 OPENBLAS_NUM_THREADS=2"),
    "7\n2\n20\n")
end)

t.test("presses of Ctrl-C that were served long ago do not add up", function()
  write("presses.lua", [[
for press = 1, 4 do
  local ok, err = pcall(function()
    os.execute(("(sleep 0.1; kill -INT %d) &"):format(
      io.open("/proc/self/stat"):read("n")))
    local start = require "saddle".clock()
    repeat until require "saddle".clock() > start + 20
  end)
  print(ok, tostring(err):match("interrupted!"))
  local clock = require "saddle".clock
  local start = clock()
  while press > 1 and clock() - start < 1.02 do end
end]])
  t.eq(run(saddle, "presses.lua"), ("false\tinterrupted!\n"):rep(4))
end)

t.test("arg before and after long options", function()
  t.eq(run(saddle, "--seed 3 args.lua x"),
    "-3=program -2=--seed -1=3 0=args.lua 1=x |\tx\n")
end)

local ask = "-e 'print(require(\"saddle\").version)'"
t.test("finds saddle from anywhere, through links too", function()
  local version = run(saddle, ask)
  t.ok(version:find("^%d+%.%d+%.%d+\n$"), version)
  local link = dir .. "/linked"
  capture(("ln -sf %s %s"):format(quote(saddle), quote(link)))
  t.eq(run(link, ask), version)
  t.eq(capture(("cd / && %s %s"):format(quote(link), ask)), version)
  t.eq(capture(("cd / && PATH=%s:$PATH linked %s"):format(quote(dir), ask)),
    version)
end)

t.test("an installed tree finds its own files", function()
  capture(("cd %s && mkdir -p at/bin at/share/saddle/lua/saddle && cp %s at/bin"
    .. " && echo \"return {version = 'installed'}\" > "
    .. "at/share/saddle/lua/saddle/init.lua"):format(quote(dir),
    quote(saddle)))
  t.eq(run(dir .. "/at/bin/" .. saddle:match("[^/]+$"), ask), "installed\n")
end)

t.test("errors name the user's line, not Saddle's", function()
  write("wrong.lua", [[
local opt = require "saddle.opt"
local function inner(o)
  return (opt.check(o, {steps = 1}, "minimize"))
end
inner {stpes = 2}]])
  local text, code = run(saddle, "wrong.lua")
  t.eq(code, 1)
  t.eq(text:match("^[^\n]*"), "PROGRAM: wrong.lua:3: minimize: unknown option "
    .. "'stpes' (did you mean 'steps'?)")
  text = run(saddle, "-e 'require(\"saddle.core\").fail(\"no\")'")
  t.eq(text:match("^[^\n]*"), "PROGRAM: (command line):1: no")
end)

t.test("Ctrl-C stops a Lua loop with exit code 1", function()
  -- A background job of a shell ignores the signal, hence the fresh handler of
  -- timeout's child.
  write("loop.lua", "io.stdout:write('on ') io.stdout:flush() while true do end")
  local text, code = run("timeout", "--foreground -s INT 1 " .. quote(saddle)
    .. " loop.lua; echo code $?")
  t.eq(code, 0)
  t.ok(text:find("interrupted!", 1, true), text)
  t.ok(text:find("loop.lua:1: in main chunk", 1, true), text)
end)

t.test("a guarded driver ends in good order on the first Ctrl-C", function()
  write("guarded.lua", [[
local system = require("saddle.core").system
local function drive()
  local n = 0
  while not system.interrupted(true) do n = n + 1 end
  return n > 0 and "best so far"
end
print(system.guard(drive))
print(pcall(system.guard, error, "passed on"))
print(system.interrupted())]])
  local text = run("timeout", "--foreground -s INT 1 " .. quote(saddle) .. " guarded.lua")
  t.eq(text, "best so far\nfalse\tpassed on\nfalse\n")
end)

-- Runs a script and presses Ctrl-C n times, a fifth of a second apart, once the
-- script has said that it runs.
local function pressed(script, n)
  local command = ([[
cd %s && rm -f ready && { %s %s & } && pid=$!
while [ ! -e ready ]; do sleep 0.02; done
for k in %s; do sleep 0.2; kill -INT $pid 2>/dev/null; done
wait $pid; echo "code $?"]]):format(quote(dir), quote(saddle), script,
    ("x "):rep(n))
  return (capture(command))
end

local ready = "io.open('ready', 'w'):close()\n"

t.test("the second Ctrl-C stops a guarded driver that does not end", function()
  write("stubborn.lua", ready .. "local s = require('saddle.core').system\n"
    .. "s.guard(function() while true do end end)")
  local text = pressed("stubborn.lua", 2)
  t.ok(text:find("interrupted!", 1, true), text)
  t.ok(text:find("code 1\n", 1, true), text)
end)

t.test("the third Ctrl-C ends the process whatever it does", function()
  write("deaf.lua", ready
    .. "while true do pcall(function() while true do end end) end")
  local text = pressed("deaf.lua", 3)
  t.ok(text:find("code 130\n", 1, true), text)
end)

t.test("Ctrl-C stops a long loop in C, and one press raises once", function()
  write("long.lua", ready .. [[
local rng = require("saddle").random.new(1)
local good, err = pcall(function()
  for _ = 1, 1000 do rng:normal{10000000} end
end)
print(good, err)
for i = 1, 1000000 do good = i end
print(good)]])
  local text = pressed("long.lua", 1)
  t.ok(text:find("^false\t[^\n]*interrupted!\n1000000\ncode 0\n"), text)
end)

t.test("Ctrl-C is not lost while tensors are allocated", function()
  write("alloc.lua", ready .. [[
local rng = require("saddle").random.new(1)
local good, err = pcall(function()
  for _ = 1, 60 do rng:normal{10000000} end
end)
print(good, err)]])
  for _ = 1, 5 do
    local text = pressed("alloc.lua", 1)
    t.ok(text:find("^false\t[^\n]*interrupted!"), text)
  end
end)

os.execute("rm -rf " .. quote(dir))
return t
