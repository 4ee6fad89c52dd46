-- gnuplot.lua: one conversation with gnuplot. The script is sent, a marker no
-- script can know is printed after it, and everything on standard error up to
-- the marker is gnuplot's answer to the script; a deadline stands over it all.
-- The process lives for one conversation, so no figure inherits the state, or
-- the error, of another.  MIT licence.
local core = require "saddle.core"
local process = core.process

local M = {
  program = "gnuplot", -- looked up in PATH
  timeout = 30,        -- seconds for one figure
}

local MISSING = "gnuplot not found: install the package gnuplot-nox "
                .. "(apt-get install gnuplot-nox)"
local OLDEST = 5.2
local serial = 0

local function start()
  local p, why = process.start({M.program, "-d"},
    {"GNUTERM=dumb", "LINES=1000000", "COLUMNS=200", "PAGER=cat",
     "LC_ALL=C.UTF-8"}) -- in the C locale it warns about every encoding
  if p then return p end
  return core.fail(M.program == "gnuplot" and MISSING or why)
end

-- A string no figure contains: it is made after the figure.
local function new_marker()
  serial = serial + 1
  return ("saddle-%s-%d-%d"):format(tostring({}):match("0x%x+") or "", serial,
                                    os.time())
end

local function no_answer(p, where, answer, seconds)
  local code = p:close(0)
  local said = answer:gsub("%s+$", "")
  if #said > 0 then said = ": " .. said:sub(-300) end
  if seconds then
    core.fail(("%s: gnuplot gave no answer within %g seconds and was ended%s")
              :format(where, seconds, said))
  end
  core.fail(("%s: gnuplot ended early (%s)%s"):format(where, code < 0
    and "signal " .. -code or "exit code " .. code, said))
end

-- Sends text, returns standard error up to the marker and what follows it on
-- its line.
local function converse(p, where, text, marker, seconds)
  local from, answer = 1, ""
  local deadline = core.system.clock() + seconds
  while true do
    local left = deadline - core.system.clock()
    if left <= 0 then no_answer(p, where, answer, seconds) end
    local sent, _, errors, ended = p:exchange(text, from, left)
    from = from + sent
    answer = answer .. errors
    local at, stop = answer:find(marker .. " ", 1, true)
    local eol = at and answer:find("\n", stop, true)
    if eol then return answer:sub(1, at - 1), answer:sub(stop + 1, eol - 1) end
    if ended then no_answer(p, where, answer) end
  end
end

-- The sentences of an answer: without echoed commands and carets, each once.
local function messages(answer)
  local list, seen = {}, {}
  for line in answer:gmatch("[^\n]+") do
    local text = line:match("line %d+: (.+)$")
                 or line:match("^%s*(%(?[Ww]arning.+)$")
    if text and not seen[text] then
      seen[text] = true
      list[#list + 1] = text
    end
  end
  return list
end

local function check_version(reply, where)
  local version = tonumber(reply:match("^%S+ (%S+)"))
  if version and version < OLDEST then
    core.fail(("%s: gnuplot %.1f is too old, %.1f or newer is needed: install "
               .. "the package gnuplot-nox"):format(where, version, OLDEST))
  end
end

-- run(where, script, timeout): runs a script to its end; returns the warnings.
-- Raises with gnuplot's own words when a command failed.
function M.run(where, script, timeout)
  local p <close> = start()
  local marker = new_marker()
  local seconds = timeout or M.timeout
  local ask = ("\nprint sprintf('%s %%d %%.1f %%s', GPVAL_ERRNO, GPVAL_VERSION,"
               .. " GPVAL_ERRMSG)\nreset errors\n"):format(marker)
  local answer, reply = converse(p, where, script .. ask, marker, seconds)
  check_version(reply, where)
  local said = messages(answer)
  local failed = tonumber(reply:match("^%S+")) ~= 0
  for _, text in ipairs(said) do
    failed = failed or text:find("Cannot find or open file", 1, true)
  end
  if failed then
    local text = table.concat(said, "; ")
    if text == "" then text = reply:match("^%S+ %S+ (.*)$") end
    core.fail(("%s: gnuplot: %s"):format(where, text))
  end
  p:close(2)
  return said
end

return M
