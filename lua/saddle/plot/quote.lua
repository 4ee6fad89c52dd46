-- quote.lua: how text and numbers enter a gnuplot script. The one idea: users'
-- text stands only inside single quotes, where gnuplot expands nothing (no
-- backquotes, no macros, no backslashes), and no control character is ever
-- sent, so that a command line ends where we end it.  MIT licence.
local opt = require "saddle.opt"
local core = require "saddle.core"

local M = {}

-- plain(v, what): the text of a title or label: a string or a number.
function M.plain(v, what)
  if type(v) ~= "string" and type(v) ~= "number" then
    core.fail(("%s: expected a text, got %s"):format(what, opt.show(v)))
  end
  return tostring(v)
end

-- Bytes that are not UTF-8 become U+FFFD, as the fonts could not show them.
local function valid(text)
  if utf8.len(text) then return text end
  local out, from = {}, 1
  while from <= #text do
    local ok, bad = utf8.len(text, from)
    local upto = ok and #text or bad - 1
    out[#out + 1] = text:sub(from, upto)
    if not ok then out[#out + 1] = "\u{FFFD}" end
    from = upto + 2
  end
  return table.concat(out)
end

-- Our own doubled quotes would do inside a string, but gnuplot takes two at its
-- beginning for an empty one, so quotes and control characters are spelt by
-- code.
local function expression(s)
  local parts = {}
  for plain, special in (s .. "\0"):gmatch("([^%c']*)([%c'])") do
    if plain ~= "" then parts[#parts + 1] = "'" .. plain .. "'" end
    if special ~= "\0" then
      parts[#parts + 1] = ("sprintf('%%c',%d)"):format(special:byte())
    end
  end
  return #parts > 0 and table.concat(parts, ".") or "''"
end

-- text(s): a gnuplot string expression with the value s. Newlines stay, other
-- control characters become blanks.
function M.text(s)
  s = valid(tostring(s)):gsub("\r\n?", "\n")
  return expression((s:gsub("[^\n%C]", " ")))
end

-- path(s): the same for a file name, every byte kept.
M.path = expression

-- comment(s): safe after "# ": one line, and no backslash that would join the
-- next one to it.
function M.comment(s)
  return (valid(tostring(s)):gsub("%c", " "):gsub("\\", "/"))
end

-- number(v): a finite number that reads back to the same bits, under any
-- locale.
function M.number(v)
  if v ~= v or v == math.huge or v == -math.huge then return "NaN" end
  if math.type(v) == "integer" then v = v + 0.0 end
  return (("%.17g"):format(v):gsub(",", "."))
end

-- A theme's words (colours, fonts) stand between quotes in commands as they
-- are: letters, digits and # , . - only.
function M.check_theme(theme, where)
  for key, value in pairs(theme) do
    local name = where .. "." .. tostring(key)
    if type(value) == "table" then
      M.check_theme(value, name)
    elseif type(value) == "string" and value:find("[^%w #,.%-]") then
      core.fail(("%s: expected letters, digits, spaces and # , . -, got %q")
        :format(name, value:sub(1, 60)))
    end
  end
end

return M
