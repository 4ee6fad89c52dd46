-- lint.lua: the style rules that a machine can check, as tables (stock Lua,
-- from the project root). Ends with the list of long files.  MIT licence.
local LINE, AIM, ACCEPT = 100, 300, 600
local bad = 0

local function complain(file, line, text)
  bad = bad + 1
  print(("%s:%d: %s"):format(file, line, text))
end

local function lines_of(command)
  local list, pipe = {}, assert(io.popen(command))
  for line in pipe:lines() do list[#list + 1] = line end
  pipe:close()
  return list
end

local function read(file)
  local f <close> = assert(io.open(file, "rb"))
  return f:read("a")
end

local function line_at(text, position)
  local _, n = text:sub(1, position - 1):gsub("\n", "")
  return n + 1
end

-- ---- every text file: a pattern that must not occur in a line --------------
local function word(a, b) return a .. b end -- keeps this file itself clean
local everywhere = {
  {"\t", "tab", except = {"Makefile"}, code = true},
  {"[ \t\r]$", "trailing blank"},
  {word("TO", "DO"), "unfinished work"},
  {word("FIX", "ME"), "unfinished work"},
  {word("/ho", "me/"), "a machine's path"},
  {word("/ro", "ot/"), "a machine's path"},
  {word("/wo", "rk/"), "a machine's path"},
  {word("/tm", "p/"), "a machine's path"},
}

local function listed(list, file)
  for _, name in ipairs(list or {}) do
    if file == name then return true end
  end
  return false
end

local function check_text(file, text)
  local number = 0
  local prose = file:match("%.md$") or file:match("%.out$")
  for line in (text .. "\n"):gmatch("(.-)\n") do
    number = number + 1
    if not prose and utf8.len(line) and utf8.len(line) > LINE then
      complain(file, number, "line longer than " .. LINE)
    end
    for _, rule in ipairs(everywhere) do
      if line:find(rule[1]) and not listed(rule.except, file)
          and not (rule.code and prose) then
        complain(file, number, rule[2])
      end
    end
  end
  if text ~= "" and text:sub(-1) ~= "\n" then
    complain(file, number, "no newline at the end")
  end
end

-- ---- C -----------------------------------------------------------------------
-- Comments and strings blanked, line numbers kept; `code` keeps the strings.
local function blank(s) return (s:gsub("[^\n]", " ")) end
local function strip(text)
  return (text:gsub("/%*.-%*/", blank):gsub("//[^\n]*", blank))
end

-- Calls whose argument number n must be a string literal.
local literal = {luaL_error = 2, lua_pushfstring = 2, sl_raisef = 2,
                 sl_fail = 3}

-- Calls kept to some folders: pattern, what, allowed folders, excepted files.
-- The line editor hands out its lines for the caller to free.
local kept = {
  {"%f[%w_]malloc%s*%(", "malloc", "base"},
  {"%f[%w_]calloc%s*%(", "calloc", "base"},
  {"%f[%w_]realloc%s*%(", "realloc", "base"},
  {"%f[%w_]free%s*%(", "free", "base", {"src/app/repl.c"}},
  {"%f[%w_]abort%s*%(", "abort", ""},
  {"%f[%w_]exit%s*%(", "exit", "app"},
}

-- Position and first character of the n-th argument of the call whose opening
-- bracket is at `open`.
local function argument(code, open, n)
  local depth, k, i = 0, 1, open
  local quoted = false
  while i <= #code do
    local c = code:sub(i, i)
    if quoted then
      if c == "\\" then i = i + 1 elseif c == '"' then quoted = false end
    elseif depth == 1 and k == n and not c:match("[%s(]") then
      return code:match("^[^,;]*", i), c
    elseif c == '"' then
      quoted = true
    elseif c == "(" or c == "[" or c == "{" then
      depth = depth + 1
    elseif c == ")" or c == "]" or c == "}" then
      depth = depth - 1
      if depth == 0 then return nil end
    elseif c == "," and depth == 1 then
      k = k + 1
    end
    i = i + 1
  end
  return nil
end

local function check_literals(file, code)
  for name, n in pairs(literal) do
    local from = 1
    while true do
      local s, e = code:find("%f[%w_]" .. name .. "%s*%(", from)
      if not s then break end
      local text, first = argument(code, e, n)
      local either = text and text:match('^[^"]-%?%s*"[^"]*"%s*:%s*"')
      if text and first ~= '"' and not either
          and not text:match("^const char") then
        complain(file, line_at(code, s), name .. ": format is no literal")
      end
      from = e + 1
    end
  end
end

local function check_kept(file, code)
  local folder = file:match("^src/([^/]+)/")
  for _, rule in ipairs(kept) do
    local s = code:find(rule[1])
    if s and folder and not (" " .. rule[3] .. " "):find(" " .. folder .. " ")
        and not listed(rule[4], file) then
      complain(file, line_at(code, s), rule[2] .. " outside " .. rule[3])
    end
  end
end

-- Each paragraph of a header that declares functions holds a comment.
local function check_header(file, text)
  local number, start, paragraph = 0, 1, {}
  local function finish()
    local all = table.concat(paragraph, "\n")
    local bare = strip(all)
    if bare:match("%f[%w_]sl_[%w_]+%s*%(") and bare:match("%)%s*;")
        and not bare:match("^%s*#%s*define") and not all:find("/*", 1, true)
        and not bare:match("^%s*static") then
      complain(file, start, "prototype without a comment")
    end
    paragraph = {}
  end
  for line in (text .. "\n\n"):gmatch("(.-)\n") do
    number = number + 1
    if line:match("^%s*$") then
      finish()
      start = number + 1
    else
      paragraph[#paragraph + 1] = line
    end
  end
end

local function check_c(file, text)
  local code = strip(text)
  if not text:match("^%s*/%*") then
    complain(file, 1, "no comment at the head of the file")
  end
  check_literals(file, code)
  check_kept(file, code)
  if file:match("^src/.*%.h$") then check_header(file, text) end
end

-- A folder's README names every file in it.
local function check_named(file)
  local folder, name = file:match("^(src/[^/]+/)([^/]+)$")
  if folder and name ~= "README.md"
      and not read(folder .. "README.md"):find("`" .. name .. "`", 1, true) then
    complain(folder .. "README.md", 1, name .. " is not named")
  end
end

-- ---- Lua ---------------------------------------------------------------------
local standard = {}
for name in ([[
  _G _VERSION arg assert collectgarbage coroutine debug dofile error
  getmetatable io ipairs load loadfile math next os package pairs pcall print
  rawequal rawget rawlen rawset require select setmetatable string table
  tonumber tostring type utf8 warn xpcall]]):gmatch("%S+") do
  standard[name] = true
end

local function check_lua(file)
  for _, line in ipairs(lines_of("luac5.4 -l -p '" .. file .. "' 2>&1")) do
    local number, op, name =
      line:match('%[(%d+)%]%s+([GS]ETTABUP).-; _ENV "([^"]*)"')
    if op == "SETTABUP" then
      complain(file, number, "writes global " .. name)
    elseif op and not standard[name] then
      complain(file, number, "reads global " .. name)
    end
    if line:match("^luac") then complain(file, 0, line) end
  end
end

-- ---- run ---------------------------------------------------------------------
local long = {}
local all = lines_of("find Makefile README.md LICENSE .gitignore .ci src lua "
  .. "tests scripts docs examples -type f \\( -name '*.[ch]' -o -name '*.inc'"
  .. " -o -name '*.def' -o -name '*.lua' -o -name '*.md' -o -name '*.supp' -o"
  .. " -path '.ci/*' -o -path 'scripts/*' -o -name Makefile \\) 2>/dev/null | sort")
for _, file in ipairs(all) do
  local text = read(file)
  check_text(file, text)
  check_named(file)
  if file:match("%.[ch]$") or file:match("%.inc$") then check_c(file, text) end
  if file:match("%.lua$") then check_lua(file) end
  local _, count = text:gsub("\n", "")
  if count > AIM and not file:match("%.md$") then
    long[#long + 1] = ("%5d %s"):format(count, file)
    if count > ACCEPT then
      complain(file, count, "file longer than " .. ACCEPT)
    end
  end
end
table.sort(long, function(a, b) return a > b end)
if arg[1] == "-l" then -- the longest files, for whoever tidies up
  print(("files over %d lines (accepted to %d): %d"):format(AIM, ACCEPT, #long))
  for _, entry in ipairs(long) do print(entry) end
end
print(bad == 0 and "lint: clean" or ("lint: %d complaints"):format(bad))
os.exit(bad == 0)
