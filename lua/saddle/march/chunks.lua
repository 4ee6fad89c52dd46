-- march/chunks.lua: a job for many lanes in chunks of them. Between two chunks
-- the progress bar is drawn and Ctrl-C is heard; what was done by then is kept.
-- Lanes draw by their own numbers, so chunks do not change their bits.
-- MIT licence.
local core = require "saddle.core"
local progress = require "saddle.progress"
local observing = require "saddle.march.observe"

local system = core.system

local M = {}

local CHUNKS = 32 -- at most

local function each(work, job, leaves, o, parts)
  local bar <close> = progress.new(o.lanes, o.label)
  local chunk = o.whole and o.lanes or
    math.max(o.least, (o.lanes + CHUNKS - 1) // CHUNKS)
  for first = 0, o.lanes - 1, chunk do
    local n = math.min(chunk, o.lanes - first)
    job.states = {}
    for i, leaf in ipairs(leaves) do
      job.states[i] = leaf[{first + 1 .. ":" .. first + n}]:contiguous()
    end
    job.lanes, job.first_lane = n, o.first_lane + first
    local good, out = pcall(work, job)
    if not (good and out) then
      if system.interrupted(true) then return "interrupted" end
      error(out, 0)
    end
    parts[#parts + 1] = out
    bar:step(first + n)
  end
  return "done"
end

-- run(work, job, leaves, o, where) -> the results of work(job) by chunk, in the
-- order of lanes, and "done" or "interrupted". The job is given states, lanes
-- and first_lane; work raises, or returns nothing, where Ctrl-C stopped it.
-- leaves: [lanes x ...]. o: lanes, first_lane, least (lanes of a chunk), whole
-- (one chunk), label (of the bar, or false). Raises if not one chunk was done.
function M.run(work, job, leaves, o, where)
  local parts = {}
  local status = system.guard(each, work, job, leaves, o, parts)
  if #parts == 0 then core.fail(where .. ": interrupted!") end
  return parts, status
end

-- field(parts, pick, axis): pick(part) of all parts, one after the other along an
-- axis (1).
function M.field(parts, pick, axis)
  local list = {}
  for i, part in ipairs(parts) do list[i] = pick(part) end
  return observing.joined(list, axis)
end

-- states(parts): the leaves of all final states.
function M.states(parts)
  local list = {}
  for i = 1, #parts[1].states do
    list[i] = M.field(parts, function(part) return part.states[i] end)
  end
  return list
end

return M
