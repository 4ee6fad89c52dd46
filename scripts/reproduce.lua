-- reproduce.lua: runs the scripts that reproduce results of the literature,
-- scripts/<paper>/*.lua, one after the other. Run by saddle from the project
-- root:
--   saddle scripts/reproduce.lua [--quick] [--out DIR] [name ...]
-- A name is a script's beginning: n03. A script whose checks all pass has one
-- line; with --verbose, or when one fails, everything it printed is shown.
-- Leaves with an error when a script fails.  MIT licence.
local quick, verbose, out, wanted = false, false, "build/figures", {}
do
  local i = 1
  while i <= #arg do
    if arg[i] == "--quick" then
      quick = true
    elseif arg[i] == "--verbose" then
      verbose = true
    elseif arg[i] == "--out" then
      out, i = arg[i + 1], i + 1
    else
      wanted[#wanted + 1] = arg[i]
    end
    i = i + 1
  end
end

local saddle
for i = 0, -20, -1 do
  if arg[i] then saddle = arg[i] end
end

local function quote(s) return "'" .. s:gsub("'", "'\\''") .. "'" end

local function lines_of(command)
  local list, pipe = {}, assert(io.popen(command))
  for line in pipe:lines() do list[#list + 1] = line end
  return list, pipe:close()
end

local function chosen(name)
  for _, start in ipairs(wanted) do
    if name:sub(1, #start) == start then return true end
  end
  return #wanted == 0
end

local passed, failed = 0, 0
for _, script in ipairs((lines_of("ls scripts/*/*.lua"))) do
  local name = script:match("([^/]+)%.lua$")
  if chosen(name) then
    local text, good = lines_of(("%s %s %s --out %s 2>&1"):format(quote(saddle),
      quote(script), quick and "--quick" or "", quote(out)))
    passed, failed = passed + (good and 1 or 0), failed + (good and 0 or 1)
    if verbose or not good then print(table.concat(text, "\n")) end
    print(("%s %-24s %s"):format(good and "ok  " or "FAIL", name,
          text[#text] or "no output"))
    io.stdout:flush()
  end
end
print(("%d scripts passed, %d failed"):format(passed, failed))
os.exit(failed == 0 and passed > 0, true)
