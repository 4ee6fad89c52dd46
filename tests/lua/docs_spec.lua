-- docs_spec.lua: every ```lua block of the manual runs, and what it prints is
-- what the lines marked --> say. The blocks of one file share their locals, as
-- a reader at the prompt would.  MIT licence.
local t = require "runner"

local function read(name)
  local file = assert(io.open(name))
  local text = file:read("a")
  file:close()
  return text
end

-- The blocks joined into one chunk; the lines they should print.
local function blocks(text)
  local code, expected = {}, {}
  for block in text:gmatch("```lua\n(.-)```") do
    code[#code + 1] = block
    for line in block:gmatch("[^\n]+") do
      local out = line:match("%-%->%s?(.*)$")
      if out then
        expected[#expected + 1] = out
      end
    end
  end
  return table.concat(code), expected
end

local function run(code, name)
  local printed = {}
  local env = setmetatable({print = function(...)
    local parts = table.pack(...)
    for i = 1, parts.n do
      parts[i] = tostring(parts[i])
    end
    for line in (table.concat(parts, "\t") .. "\n"):gmatch("(.-)\n") do
      printed[#printed + 1] = line
    end
  end}, {__index = _G})
  assert(load(code, "=" .. name, "t", env))()
  return printed
end

local function trim(line)
  return (line:gsub("%s+$", ""):gsub("^%s+", ""):gsub("[ ]+", " "))
end

for _, name in ipairs {"docs/manual.md", "docs/noise.md"} do
  t.test(name .. ": the blocks print what they say", function()
    local code, expected = blocks(read(name))
    local printed = run(code, name)
    t.ok(#expected > 10, "too few blocks were found")
    for i = 1, math.max(#printed, #expected) do
      t.eq(trim(printed[i] or "(nothing)"), trim(expected[i] or "(nothing)"),
        "output line " .. i)
    end
  end)
end

return t
