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
    local text = line:match("^%-%-%-? ?(.*)$")
    local class, rest = line:match("^function (%u%w*)[.:](%w[%w_]*%b())")
    if text and at_head then
      head[#head + 1] = text:gsub("%s*MIT licence%.$", "")
    elseif text then
      comment[#comment + 1] = text
    else
      at_head = false
      if rest then
        class = class == "M" and "" or class:lower() .. ":"
        entries[#entries + 1] = {comment, class .. rest}
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

-- ---- modules written in C ----------------------------------------------------

-- The comments of a C file that begin with a call of a function of t, such as
-- `x:sort(...): ...` or `w, V = eigh(a): ...`, by its name.
local function c_comments(file, t, found)
  local f <close> = assert(io.open("src/bind/" .. file .. ".c"))
  for text in f:read("a"):gmatch("\n/%*%s([^-].-)%s*%*/") do
    text = text:gsub("\n%*%*", ""):gsub("%s+", " ")
    local head = text:match("^.-:%s") or text
    local name = head:match("^%a+[:.]([%w_]+)%s?[({\"]")
      or file == "linalg" and (head:match("^([%w_]+)%(")
      or head:match("^[^(]-=%s([%w_]+)%("))
    if name and t[name] and not found[name] then found[name] = text end
  end
end

local function names_of(t)
  local list = {}
  for name in pairs(t) do
    if name:find "^%a" and not name:find "_$" then list[#list + 1] = name end
  end
  table.sort(list)
  return list
end

local function wrap(text, width, indent)
  local lines, line = {}, ""
  for word in text:gmatch("%S+") do
    if #line + #word >= width then
      lines[#lines + 1], line = line, ""
    end
    line = line .. (line == "" and "" or " ") .. word
  end
  lines[#lines + 1] = line
  return table.concat(lines, "\n" .. indent)
end

-- The functions of t with a comment one by one, the others as a list.
local function c_section(title, intro, t, files, skip)
  local found, rest = {}, {}
  for _, file in ipairs(files) do c_comments(file, t, found) end
  put("### ", title, "\n\n", wrap(intro, 78, ""), "\n")
  for _, name in ipairs(names_of(t)) do
    if found[name] then
      put("- `", name, "`\n\n  ```text\n  ", wrap(found[name], 76, "  "),
        "\n  ```")
    elseif not skip[name] then
      rest[#rest + 1] = "`" .. name .. "`"
    end
  end
  if #rest > 0 then
    put("\n", wrap("Besides: " .. table.concat(rest, ", ") .. ".", 78, ""))
  end
  put("")
end

local function written_in_c()
  local lab, ops = require "saddle", {}
  for _, op in ipairs(require "saddle.core".graph.ops()) do
    ops[op.name] = true
  end
  put("## Tensors, random numbers, linear algebra\n")
  c_section("saddle.tensor", "`T.f(x, ...)` and `x:f(...)` are the same. The "
    .. "operations of the next section are methods as well; element by "
    .. "element ones also have a form that changes the tensor in place: "
    .. "`x:exp_()`, `x:add_(y)`. Axes count from 1.", lab.tensor,
    {"construct", "joins", "methods", "order", "products", "reductions",
     "shapes"}, ops)
  c_section("saddle.random", "`saddle.random.new(seed)` makes a generator, "
    .. "`saddle.random.default()` gives the one that `--seed` seeds. Sizes "
    .. "are a table, with the parameters by name: `rng:normal{3, 4, mean = 1, "
    .. "sd = 2}`, `rng:uniform{5, low = -1, high = 1}`, "
    .. "`rng:exponential{5, rate = 2}`, `rng:bernoulli{5, p = 0.1}`; without "
    .. "sizes a draw is a number.",
    getmetatable(lab.random.new(1)).__index, {"random"}, {})
  c_section("saddle.linalg", "Of f64 or f32 tensors, all but the Krylov "
    .. "methods also of batches.", lab.linalg, {"linalg"}, {})
end

-- ---- ops.def -----------------------------------------------------------------
local row = "#define SL_OP(name, arity, cls, lane, shape, eval, view, jvp, "
  .. "transpose, batch, domain, tol, doc) ROW #name arity #transpose doc"

local function operations()
  put("## Operations\n\nThe rows of the core's table, `src/graph/ops.def`: "
    .. "each works on tensors and, in\na traced function, on symbolic ones. "
    .. "Positions count from 0 here; the methods\n`argmax`, `gather` and "
    .. "the like count from 1.\n\n| name | operands | linear | |\n| --- | --- | --- "
    .. "| --- |")
  local command = "printf '%s\\n' " .. quote(row)
    .. " '#include \"graph/ops.def\"' | cc -E -P -Isrc -"
  local text = table.concat(lines_of(command), "\n")
  for name, arity, linear, doc in
      text:gmatch('ROW "([%w_]+)"%s*(%-?%w+)%s*"([%w_]+)"%s*("[^\n]*)') do
    doc = doc:gsub('"%s*"', ""):gsub('^"(.*)"%s*$', "%1"):gsub("|", "\\|")
    put("| ", name, " | ", arity, " | ", linear == "0" and "" or "yes", " | ",
      doc, " |")
  end
  put("")
end

put("# Reference\n\nMade by `make docs` from the sources; not edited by hand.\n")
command_line()
modules()
written_in_c()
operations()
local f <close> = assert(io.open(target, "w"))
f:write((table.concat(out, "\n"):gsub("\n+$", "\n")))
print(target)
