-- opt.lua: option tables and their values. check() refuses unknown keys, naming the nearest
-- known one, and returns a fresh table with the defaults filled in, so that a
-- misspelt option is never silently ignored.  MIT licence.
local core = require "saddle.core"

local M = {}

-- A default that stands for "no default, but the key is known".
M.none = setmetatable({}, {__tostring = function() return "opt.none" end})

-- What is printed as nan; 0/0 has the sign bit set on some machines: -nan.
M.nan = math.abs(0 / 0)

-- Any value in one short line, for messages: text cut and without control
-- characters, tensors by shape and dtype.
function M.show(v)
  local kind = type(v)
  if kind == "string" then
    local text = #v > 60 and v:sub(1, 57) .. "..." or v
    return (text:gsub("%c", "?"))
  end
  if kind == "number" or kind == "boolean" or kind == "nil" then
    return tostring(v)
  end
  if M.is_tensor(v) then
    return "a tensor " .. core.graph.type(v)
  end
  return "a " .. kind
end

-- Is v a tensor or a symbolic tensor?
function M.is_tensor(v)
  return type(v) == "userdata" and core.graph.type(v) ~= nil
end

-- The integer that a number is, or nil: no strings, which math.tointeger takes.
function M.whole(v)
  return type(v) == "number" and math.tointeger(v) or nil
end

-- Is v a number, and neither NaN nor infinite?
function M.finite(v)
  return type(v) == "number" and v == v and math.abs(v) < math.huge
end

-- Edit distance between two short strings; a swap of neighbours counts one.
local function distance(a, b)
  local before, row = {}, {}
  for j = 0, #b do row[j] = j end
  for i = 1, #a do
    local above = row
    row = {[0] = i}
    for j = 1, #b do
      local same = a:byte(i) == b:byte(j)
      row[j] = math.min(above[j] + 1, row[j - 1] + 1,
                        above[j - 1] + (same and 0 or 1))
      if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1)
          and a:byte(i - 1) == b:byte(j) then
        row[j] = math.min(row[j], before[j - 2] + 1)
      end
    end
    before = above
  end
  return row[#b]
end

-- nearest(name, names): the closest entry of a list, or nil when none is close.
function M.nearest(name, names)
  if #name > 40 then return nil end
  local best, least = nil, math.max(2, #name // 2) + 1
  for _, known in ipairs(names) do
    local d = distance(name:lower(), known:lower())
    if d < least then best, least = known, d end
  end
  return best
end

-- did_you_mean(name, names): " (did you mean 'x'?)", or the list of names.
function M.did_you_mean(name, names)
  local near = type(name) == "string" and M.nearest(name, names)
  if near then return (" (did you mean '%s'?)"):format(near) end
  if #names == 0 then return "" end
  return " (known: " .. table.concat(names, ", ") .. ")"
end

local function known_names(defaults)
  local names = {}
  for key in pairs(defaults) do names[#names + 1] = tostring(key) end
  table.sort(names)
  return names
end

-- fail(format, ...): raises, as string.format has it, from the user's line.
function M.fail(...) return core.fail((...):format(select(2, ...))) end

-- check(opts, defaults, where): opts may be nil. Keys of `defaults` are the
-- known ones; a default of opt.none stays nil when not given. Where the default
-- is a number the value must be one, a function that gives one, or false
-- ("off"); where it is a string it may be richer (a function, a table), not true.
function M.check(opts, defaults, where)
  if opts ~= nil and type(opts) ~= "table" then
    core.fail(("%s: options: expected a table, got %s"):format(where,
                                                               type(opts)))
  end
  local out = {}
  for key, default in pairs(defaults) do
    if default ~= M.none then out[key] = default end
  end
  for key, value in pairs(opts or {}) do
    if defaults[key] == nil then
      core.fail(("%s: unknown option '%s'%s"):format(where, M.show(key),
        M.did_you_mean(key, known_names(defaults))))
    end
    local want, got = type(defaults[key]), type(value)
    if want == "number" and got ~= "number" and got ~= "function"
        and value ~= false or want == "string" and value == true then
      core.fail(("%s: option '%s': expected a %s, got %s"):format(where, key,
        want, M.show(value)))
    end
    out[key] = value
  end
  return out
end

-- choice(value, list, where): value, when it is one of the list's names.
function M.choice(value, list, where)
  for _, name in ipairs(list) do
    if value == name then return value end
  end
  return core.fail(("%s: '%s' is not known%s"):format(where, M.show(value),
    M.did_you_mean(value, list)))
end

-- number(v, name, where), positive(v, name, where): v as a float, which is finite;
-- > 0. integer(v, name, least, where, most): the integer that v is, at least
-- `least` and, if that is given, at most `most`.
-- name: what messages call it: "t", "option 't'", "argument 2".
function M.number(v, name, where)
  if not M.finite(v) then
    core.fail(("%s: %s: expected a finite number, got %s"):format(where, name,
      M.show(v)))
  end
  return v + 0.0
end

function M.positive(v, name, where)
  if type(v) ~= "number" or not (v > 0 and v < math.huge) then
    core.fail(("%s: %s: expected a number > 0, got %s"):format(where, name,
      M.show(v)))
  end
  return v + 0.0
end

function M.integer(v, name, least, where, most)
  local n = M.whole(v)
  if not n or n < least or most and n > most then
    core.fail(("%s: %s: expected an integer %s, got %s"):format(where, name,
      most and ("in %d..%d"):format(least, most) or (">= %d"):format(least),
      M.show(v)))
  end
  return n
end

-- class(meta, name): makes every method of meta check that it was called on an
-- object of that class: fig.line(x) instead of fig:line(x) is told so.
function M.class(meta, name, methods)
  methods = methods or meta
  for key, method in pairs(methods) do
    if type(method) == "function" and not key:match("^__") then
      methods[key] = function(self, ...)
        if getmetatable(self) ~= meta then
          core.fail(("%s: expected %s %s before the colon, got %s"):format(key,
            name:find("^[aeiou]") and "an" or "a", name, M.show(self)))
        end
        return method(self, ...)
      end
    end
  end
end

return M
