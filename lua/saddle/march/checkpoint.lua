-- march/checkpoint.lua: a march in a file (.npz): states, steps made, what was
-- observed. Code is not stored: whoever goes on gives the same step, noise and
-- observers again, and a text in the file tells when they are others.
-- MIT licence.
local core = require "saddle.core"
local file = require "saddle.file"
local tree = require "saddle.tree"
local observing = require "saddle.march.observe"

local T, joined = core.tensor, observing.joined

local M = {}

local function bytes_of(text)
  local list = {text:byte(1, -1)}
  return T(list):to("u8")
end

local function text_of(bytes)
  local list = bytes:totable()
  for i, b in ipairs(list) do list[i] = string.char(b) end
  return table.concat(list)
end

local function int(n) return T{n, dtype = "i64"} end

-- What must be the same for a run to go on: seed, lanes, structure, noises, what
-- is observed.
local function description(run)
  local parts = {("seed %d, %d lanes from %d, state %s"):format(run.seed,
    run.lanes, run.first_lane, tree.text(run.stree))}
  for _, draw in ipairs(run.o.draws) do
    parts[#parts + 1] = ("%s %s %.17g %.17g %s"):format(draw.kind,
      draw.size or 0, draw.a or 0, draw.b or 0, draw.n or 0)
  end
  local o = run.observe
  if o then
    parts[#parts + 1] = ("observe: keep %s, moments %s, %d values, bins %s")
      :format(o.keep, o.moments and true or false, run.values.size,
        o.bins and o.bins.bins or "none")
  end
  return table.concat(parts, "; ")
end

function M.save(run, path)
  local out = {steps = int(run.steps), from = int(run.from),
               about = bytes_of(description(run)), bad = run.bad_mask}
  for i, leaf in ipairs(run.leaves) do
    out["state_" .. i], out["start_" .. i] = leaf, run.start[i]
  end
  local seen, at = run.seen, {}
  for i = 1, run.observe and run.next_seen - 1 or 0 do
    at[i] = run.observe.times[i]
  end
  if #at > 0 then
    out.at = T(at):to("i64")
    for r, parts in ipairs(seen.kept or {}) do
      out["kept_" .. r] = joined(parts)
    end
    out.moments = seen.moments and joined(seen.moments)
    out.count = seen.count and joined(seen.count)
  end
  file.save(path, out)
end

-- Puts what the file holds into a run that has been prepared but not begun.
function M.load(run, path)
  local data = file.load(path)
  local want = description(run)
  local got = type(data) == "table" and data.about and text_of(data.about)
  if got ~= want then
    core.fail(("march: option 'checkpoint': %s is of another march: it has " ..
      "\"%s\", this is \"%s\""):format(path, got or "no description", want))
  end
  run.steps, run.from = data.steps[1], data.from[1]
  run.bad_mask = data.bad
  run.leaves, run.start = {}, {}
  for i = 1, #run.start_types do
    run.leaves[i], run.start[i] = data["state_" .. i], data["start_" .. i]
    if not (run.leaves[i] and
            core.graph.type(run.leaves[i]) == run.start_types[i]) then
      core.fail(("march: option 'checkpoint': %s: leaf %d is %s, expected %s")
        :format(path, i, run.leaves[i] and core.graph.type(run.leaves[i]) or
        "missing", run.start_types[i]))
    end
  end
  if data.at then
    run.seen, run.seen_at = {kept = {}}, data.at:totable()
    local r = 1
    while data["kept_" .. r] do
      run.seen.kept[r], r = {data["kept_" .. r]}, r + 1
    end
    run.seen.moments = data.moments and {data.moments}
    run.seen.count = data.count and {data.count}
  end
end

return M
