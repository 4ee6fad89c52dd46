-- layers.lua: checks who may include whom (stock Lua, from the project root).
-- base <- kern <- tensor <- graph <- march; num stands beside graph; bind sees
-- all of them and is, with app, the only user of Lua's headers; the Lua code
-- requires nothing but saddle's own modules.  MIT licence.
local sees = {
  base = "base",
  kern = "base kern",
  tensor = "base kern tensor",
  graph = "base kern tensor graph",
  march = "base kern tensor graph march",
  num = "base kern tensor num",
  bind = "base kern tensor graph march num bind",
  app = "base kern tensor graph march num bind app",
}
local lua_headers = {["lua.h"] = true, ["lauxlib.h"] = true,
                     ["lualib.h"] = true, ["lua.hpp"] = true}
local bad = 0

local function complain(file, line, text)
  bad = bad + 1
  print(("%s:%d: %s"):format(file, line, text))
end

local function files(pattern)
  local list = {}
  local pipe = assert(io.popen("find " .. pattern .. " | sort"))
  for name in pipe:lines() do list[#list + 1] = name end
  pipe:close()
  return list
end

local function check_c(file)
  local folder = file:match("^src/([^/]+)/")
  local allowed = {}
  for name in (sees[folder] or ""):gmatch("%S+") do allowed[name] = true end
  local number = 0
  for line in io.lines(file) do
    number = number + 1
    local own = line:match('^%s*#%s*include%s*"([^"]+)"')
    local other = line:match("^%s*#%s*include%s*<([^>]+)>")
    local target = own and own:match("^([^/]+)/")
    if own and not target then
      complain(file, number, 'include "' .. own .. '" without its folder')
    elseif target and not allowed[target] then
      complain(file, number, folder .. " must not see " .. target)
    end
    if other and lua_headers[other] and folder ~= "bind"
        and folder ~= "app" then
      complain(file, number, "only bind and app include " .. other)
    end
  end
end

local function check_lua(file)
  local number = 0
  for line in io.lines(file) do
    number = number + 1
    local code = line:gsub("%-%-.*$", "")
    for name in code:gmatch('require%s*%(?%s*["\']([^"\']+)["\']') do
      if not (name == "saddle" or name:match("^saddle%.")) then
        complain(file, number, "lua/ requires only saddle: " .. name)
      end
    end
  end
end

for _, file in ipairs(files("src -name '*.[ch]' -o -name '*.inc'")) do
  check_c(file)
end
for _, file in ipairs(files("lua -name '*.lua'")) do check_lua(file) end
print(bad == 0 and "layers: in order" or ("layers: %d breaches"):format(bad))
os.exit(bad == 0)
