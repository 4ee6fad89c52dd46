-- examples.lua: runs every examples/*.lua and compares with the stored output
-- beside it (same name, .out). Run by saddle from the project root:
--   saddle scripts/examples.lua <folder to run in> [name ...]
-- Text must agree word for word. Numbers agree to a relative 1e-6, or to what
-- the example's header says (`-- tolerance: 1e-3`). "<any>" in a stored line
-- stands for any text up to the end of the line: times, folders, dates.
-- `-- test arguments: ...` in the header are passed to the script.
-- MIT licence.
local dir = arg[1] or "build/examples"
local wanted = {}
for i = 2, #arg do wanted[arg[i]] = true end

local function lines_of(command)
  local list, pipe = {}, assert(io.popen(command))
  for line in pipe:lines() do list[#list + 1] = line end
  return list, pipe:close()
end

local function quote(s) return "'" .. s:gsub("'", "'\\''") .. "'" end

local function read_lines(file)
  local list = {}
  for line in io.lines(file) do list[#list + 1] = line end
  return list
end

local function same_word(got, want, tolerance)
  if got == want then return true end
  local a, b = tonumber(got), tonumber(want)
  return a and b and math.abs(a - b) <= tolerance * (1e-300 + math.abs(b))
end

-- Words are split at blanks and at what commonly surrounds numbers.
local function words(line)
  local list = {}
  for word in line:gmatch("[^%s,;:()%[%]{}=|<>]+") do list[#list + 1] = word end
  return list
end

local function same_line(got, want, tolerance)
  local open = want:find("<any>", 1, true)
  if open then
    if got:sub(1, open - 1) == want:sub(1, open - 1) then return true end
    want = want:sub(1, open - 1)
  end
  local a, b = words(got), words(want)
  if #a ~= #b and not (open and #a >= #b) then return false end
  for i = 1, #b do
    if not same_word(a[i], b[i], tolerance) then return false end
  end
  return true
end

local function compare(got, want, tolerance)
  for i = 1, math.max(#got, #want) do
    if not same_line(got[i] or "", want[i] or "", tolerance) then
      return ("line %d\n  got      %s\n  expected %s"):format(i,
        got[i] or "(nothing)", want[i] or "(nothing)")
    end
  end
  return nil
end

local function absolute(path)
  if path:sub(1, 1) == "/" then return path end
  return lines_of("pwd")[1] .. "/" .. path
end

local saddle
for i = 0, -20, -1 do
  if arg[i] then saddle = arg[i] end
end
if saddle:find("/", 1, true) then saddle = absolute(saddle) end

os.execute("mkdir -p " .. quote(dir))
local passed, failed = 0, 0
local function exists(file)
  local f = io.open(file)
  return f and f:close()
end

for _, script in ipairs((lines_of("find examples -name '*.lua' | sort"))) do
  local name = script:match("([^/]+)%.lua$")
  local out = script:gsub("%.lua$", ".out")
  if not exists(out) then
    failed = failed + 1
    print(("FAIL examples/%s: no stored output %s"):format(name, out))
  elseif next(wanted) == nil or wanted[name] then
    local header = table.concat(read_lines(script), "\n"):match("^.-\n\n")
      or ""
    local tolerance = tonumber(header:match("%-%- tolerance:%s*(%S+)")) or 1e-6
    local extra = header:match("%-%- test arguments:%s*([^\n]*)") or ""
    local got, good = lines_of(("cd %s && %s %s %s 2>&1"):format(quote(dir),
      quote(saddle), quote(absolute(script)), extra))
    local why = compare(got, read_lines(out), tolerance)
    if not good then
      why = "the script failed\n  " .. table.concat(got, "\n  ")
    end
    if why then
      failed = failed + 1
      print(("FAIL examples/%s: %s"):format(name, why))
    else
      passed = passed + 1
    end
  end
end
print(("%d examples passed, %d failed"):format(passed, failed))
os.exit(failed == 0, true)
