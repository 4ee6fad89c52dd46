-- participant.lua: those who do a workload, all with one interface:
--   p:prepare(row)  sets the workload up, does it once and finds how often to
--                   repeat it; returns {check =, note =}, or nil and why not
--   p:sample()      seconds for one unit of it, warm
-- Saddle does it in this process; a peer or the limits in a child, asked line
-- by line, so that all can take turns and the machine's drift hits all of them.
-- MIT licence.
local core = require "saddle.core"
local process, clock = core.process, core.system.clock

local M = {}

local SAMPLE = 0.05  -- seconds a sample should take; also in peer.py
local LONG = 0.5     -- seconds of a run that needs no warm-up in each sample
local PATIENCE = 600 -- seconds for one answer
local GRACE = 2

-- ---- Saddle ----------------------------------------------------------------

local Own = {name = "saddle"}
Own.__index = Own

function M.own() return setmetatable({}, Own) end

local function timed(run, times)
  local t = clock()
  for _ = 1, times do run() end
  return clock() - t
end

local function calibrate(run)
  local times = 1
  while timed(run, times) < SAMPLE do times = times * 2 end
  return times
end

local function first_line(message)
  return (tostring(message):gsub("^[^\n]-:%d+: ", ""):match("^[^\n]*"))
end

function Own:prepare(row)
  self.run = nil
  collectgarbage()
  local ok, why, note = pcall(function()
    local run, check, text = row.make()
    local number = check and check(run()) or nil
    self.times, self.run, self.units = calibrate(run), run, row.units or 1
    return number, text
  end)
  if not ok then return nil, "not available: " .. first_line(why) end
  return {check = why, note = note}
end

function Own:sample()
  collectgarbage()
  local took = timed(self.run, 1)
  if took < LONG then took = timed(self.run, self.times) / self.times end
  return took / self.units
end

function Own:close() self.run = nil end

-- ---- a Lua function as a limit ---------------------------------------------

-- A participant for rows whose limit is {run =, units =, note =}.
function M.plain()
  local own = M.own()
  return {name = "limit", prepare = function(_, row)
    return own:prepare{make = function()
      return row.limit.run, row.limit.check, row.limit.note
    end, units = row.limit.units}
  end, sample = function() return own:sample() end}
end

-- ---- children --------------------------------------------------------------

local Child = {}
Child.__index = Child

-- Raises when the child has ended or says nothing for too long.
local function ask(self, request)
  local from, deadline = 1, clock() + PATIENCE
  request = request or ""
  while true do
    local line, rest = self.out:match("^([^\n]*)\n(.*)$")
    if line and from > #request then
      self.out = rest
      return line
    end
    local left = deadline - clock()
    if left <= 0 then error(self.name .. ": no answer", 0) end
    local sent, out, errors, ended = self.process:exchange(request, from, left)
    from = from + sent
    self.out = self.out .. out
    self.errors = (self.errors .. errors):sub(-20000)
    if ended and not self.out:find("\n", 1, true) then
      local last = self.errors:gsub("%s+$", ""):match("[^\n]*$")
      error(("%s: ended early%s"):format(self.name,
        last ~= "" and ": " .. last or ""), 0)
    end
  end
end

-- Starts argv with our thread count; nil and a sentence when that fails. The
-- host's own settings of OpenMP and OpenBLAS are not for others.
function M.start(name, argv, threads)
  local command = {"env", "-u", "GOMP_SPINCOUNT"}
  for _, key in ipairs{"OMP", "OPENBLAS", "MKL"} do
    command[#command + 1] = key .. "_NUM_THREADS=" .. threads
  end
  for _, word in ipairs(argv) do command[#command + 1] = word end
  local p, why = process.start(command)
  if not p then return nil, why end
  local self = setmetatable({name = name, process = p, out = "", errors = ""},
                            Child)
  local ok, line = pcall(ask, self)
  if not ok then return nil, line end
  self.version = line:match("^hello (.*)$")
  if not self.version then
    self:close()
    return nil, (line:gsub("^missing ", ""))
  end
  return self
end

-- The times of all the ways a peer tried, as it told them on its errors.
local function ways(errors, name)
  local list = {}
  for line in errors:gmatch("[^\n]+") do
    local note, seconds = line:match("^  " .. name:gsub("%p", "%%%0")
                                     .. ": (.*): (%S+) s$")
    if note then
      list[#list + 1] = {note = note, seconds = tonumber(seconds)}
    end
  end
  return list
end

function Child:request(text)
  if self.gone then return nil, self.gone end
  local ok, line = pcall(ask, self, text .. "\n")
  if not ok then
    self.gone = line
    return nil, line
  end
  return line
end

function Child:prepare(row)
  self.errors = ""
  local line, why = self:request("prepare " .. row.name)
  if not line then return nil, why end
  local check, note = line:match("^ready (%S+) ?(.*)$")
  if not check then return nil, (line:gsub("^none ", "")) end
  return {check = tonumber(check), note = note ~= "" and note or nil,
          ways = ways(self.errors, row.name)}
end

function Child:sample()
  local line, why = self:request("sample")
  if not line then return nil, why end
  local took = tonumber(line:match("^took (%S+)$"))
  if not took then return nil, (line:gsub("^none ", "")) end
  return took
end

function Child:close() self.process:close(GRACE) end

return M
