-- reference.lua: writes the reference from the sources themselves: the command
-- line, the functions of each Lua module with the comment above them, and the
-- operations of ops.def. From the project root:
--   saddle scripts/reference.lua docs/reference.md
-- MIT licence.
local target = arg[1] or "docs/reference.md"
local out = {}
local function put(...) out[#out + 1] = table.concat{...} end

local function lines_of(command)
  local list, pipe = {}, assert(io.popen(command))
  for line in pipe:lines() do list[#list + 1] = line end
  assert(pipe:close(), command)
  return list
end

local function quote(s) return "'" .. s:gsub("'", "'\\''") .. "'" end

local saddle
for i = -1, -20, -1 do
  if arg[i] == nil then break end
  saddle = arg[i]
end

local function command_line()
  put("## The command line\n\n```")
  for i, line in ipairs(lines_of(quote(saddle) .. " --help")) do
    put((i <= 2 and line:gsub(saddle:gsub("%p", "%%%0"), "saddle") or line))
  end
  put("```\n")
end

-- ---- Lua modules -------------------------------------------------------------
local function flush_entry(comment, signature)
  put("- `", signature, "`")
  if #comment > 0 then
    put("\n  ```text")
    for _, text in ipairs(comment) do put("  ", text) end
    put("  ```")
  end
end

local function module_section(file)
  local name = file:match("^lua/(.*)%.lua$"):gsub("/init$", "")
    :gsub("/", ".")
  local head, comment, entries, at_head = {}, {}, {}, true
  for line in io.lines(file) do
    local text = line:match("^%-%- ?(.*)$")
    local kind, rest = line:match("^function M([.:])([%w_]+%b())")
    if text and at_head then
      head[#head + 1] = text:gsub("%s*MIT licence%.$", "")
    elseif text then
      comment[#comment + 1] = text
    else
      at_head = false
      if rest then
        entries[#entries + 1] = {comment, (kind == ":" and "M:" or "") .. rest}
      end
      comment = {}
    end
  end
  if #entries == 0 then return end
  put("### ", name, "\n")
  put("```text\n", (table.concat(head, "\n"):gsub("%s+$", "")), "\n```\n")
  for _, e in ipairs(entries) do flush_entry(e[1], e[2]) end
  put("")
end

local function modules()
  put("## Lua modules\n")
  for _, file in ipairs(lines_of("find lua -name '*.lua' | sort")) do
    module_section(file)
  end
end

-- ---- ops.def -----------------------------------------------------------------
local row = "#define SL_OP(name, arity, cls, lane, shape, eval, view, jvp, "
  .. "transpose, batch, domain, tol, doc) ROW #name arity #transpose doc"

local function operations()
  put("## Operations\n\nEach works on tensors and, in a traced function, on "
    .. "symbolic ones.\n\n| name | operands | linear | |\n| --- | --- | --- "
    .. "| --- |")
  local command = "printf '%s\\n' " .. quote(row)
    .. " '#include \"graph/ops.def\"' | cc -E -P -Isrc -"
  local text = table.concat(lines_of(command), "\n")
  for name, arity, linear, doc in
      text:gmatch('ROW "([%w_]+)"%s*(%-?%w+)%s*"(%w+)"%s*("[^\n]*)') do
    doc = doc:gsub('"%s*"', ""):gsub('^"(.*)"%s*$', "%1"):gsub("|", "\\|")
    put("| ", name, " | ", arity, " | ", linear == "0" and "" or "yes", " | ",
      doc, " |")
  end
  put("")
end

put("# Reference\n\nMade by `make docs` from the sources; not edited by hand.\n")
command_line()
modules()
operations()
local f <close> = assert(io.open(target, "w"))
f:write((table.concat(out, "\n"):gsub("\n+$", "\n")))
print(target)
