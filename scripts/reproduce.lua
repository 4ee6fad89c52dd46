-- reproduce.lua: runs the scripts that reproduce results of the literature,
-- scripts/<paper>/*.lua, one after the other. Run by saddle from the project
-- root:
--   saddle scripts/reproduce.lua [--quick] [--out DIR] [--digest FILE] [name ...]
-- A name is a script's beginning: n03. A script whose checks all pass has one
-- line; with --verbose, or when one fails, everything it printed is shown.
-- --digest writes claims, verdicts, errata and figures as Markdown (FILE stands
-- beside the folder `figures`). Leaves with an error when a script fails.
-- MIT licence.
local quick, verbose, out, digest, wanted = false, false, "build/figures", nil, {}
do
  local i = 1
  while i <= #arg do
    if arg[i] == "--quick" then
      quick = true
    elseif arg[i] == "--verbose" then
      verbose = true
    elseif arg[i] == "--out" then
      out, i = arg[i + 1], i + 1
    elseif arg[i] == "--digest" then
      digest, i = arg[i + 1], i + 1
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

-- ---- the digest ------------------------------------------------------------

-- A script's output as {key, text} pairs: lines that begin with blanks alone
-- continue the one before.
local function entries(text)
  local list = {}
  for _, line in ipairs(text) do
    local blank, key, rest = line:gsub("^claim", "     ")
      :match("^( *)(%a+): +(.*)$")
    if blank and #blank > 7 then key = nil end
    if line:match("^check") then
      key, rest = "check", line:match("^check +(%a+)")
    end
    if key then
      list[#list + 1] = {key, rest}
    elseif line:match("^ +%S") and #list > 0 then
      list[#list][2] = list[#list][2] .. " " .. line:match("^ +(.*)")
    end
  end
  return list
end

local page = {}
local function add(fmt, ...) page[#page + 1] = fmt:format(...) end

-- Markdown's own characters as they are.
local function plain(s) return (s:gsub("[*_~<>`\\]", "\\%0")) end

local function section(name, script, text)
  local checks, says, measured, figures = 0, nil, nil, {}
  local list = entries(text)
  add("## %s\n", name)
  for _, e in ipairs(list) do
    local key, rest = e[1], e[1] == "figure" and e[2] or plain(e[2])
    if key == "source" then
      add("`%s`. %s.\n", script, rest)
    elseif key == "question" or key == "expected" then
      add("*%s* %s\n", key == "question" and "Question." or "Expected.", rest)
    elseif key == "check" then
      checks = checks + 1
    elseif key == "says" then
      says = rest
    elseif key == "measured" then
      measured = rest
    elseif key == "verdict" then
      add("- **%s**: %s.\n  *Measured:* %s.", rest, says, measured)
    elseif key == "erratum" then
      add("  - Erratum: %s.", rest)
    elseif key == "figure" then
      figures[#figures + 1] = rest
    end
  end
  add("\n%d checks against theory or an independent computation.\n", checks)
  for _, figure in ipairs(figures) do
    add("![%s](%s/%s)\n", figure:match("[^.]+"), out:match("figures.*") or out,
        figure)
  end
end

-- ---- run ----------------------------------------------------------------------

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
    if good then section(name, script, text) end
  end
end
print(("%d scripts passed, %d failed"):format(passed, failed))
if digest and failed == 0 then
  local file <close> = assert(io.open(digest, "w"))
  file:write("# Reproductions\n\nMade by `make figures` from what the scripts ",
    "print; not edited by hand. A verdict compares\nthe source's words with ",
    "what was measured; nothing is tuned towards the source.\n\n",
    table.concat(page, "\n"), "\n")
end
os.exit(failed == 0 and passed > 0, true)
