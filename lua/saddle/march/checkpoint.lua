-- march/checkpoint.lua: a march in a file (.npz): states, steps made, what was
-- observed. Code is not stored: whoever goes on gives the same step, noise and
-- observers again, and a text in the file tells when they are others.
-- MIT licence.
local core = require "saddle.core"
local file = require "saddle.file"
local opt = require "saddle.opt"
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

local function bins_text(b)
  local ends = {}
  for k, low in ipairs(b.low) do
    ends[k] = ("%.17g..%.17g"):format(low, b.high[k])
  end
  return ("%d %s %.17g %s%s"):format(b.bins, b.scale, b.unit,
    table.concat(ends, " "), b.pooled and " pooled" or "")
end

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
      :format(o.keep and true or false, o.moments and true or false,
        run.values.size, o.bins and bins_text(o.bins) or "none")
  end
  return table.concat(parts, "; ")
end

function M.check_path(path, where)
  if type(path) ~= "string" or path:sub(-4) ~= ".npz" then
    core.fail(("%s: expected a file name ending in .npz, got %s"):format(where,
      opt.show(path)))
  end
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

-- ---- reading ------------------------------------------------------------------

-- A tensor of the file, of that type; dtype and shape, "n" for any length.
local function part(data, path, name, dtype, shape)
  local x = data[name]
  local text, got, kind = core.graph.type(x)
  local good = opt.is_tensor(x) and kind == dtype and #got == #shape
  for i = 1, good and #shape or 0 do
    good = good and (got[i] == shape[i] or shape[i] == "n")
  end
  if not good then
    core.fail(("march: option 'checkpoint': %s: '%s': expected [%s] %s, got %s")
      :format(path, name, table.concat(shape, " x "), dtype,
        opt.is_tensor(x) and text or "nothing"))
  end
  return x:contiguous()
end

local function damaged(path, what)
  core.fail(("march: option 'checkpoint': %s is damaged: %s"):format(path,
    what))
end

-- The numbers of steps made when something was seen.
local function times_seen(run, data, path)
  local at, last = part(data, path, "at", "i64", {"n"}):totable(), run.from
  for _, s in ipairs(at) do
    if s < last or s > run.steps then damaged(path, "the times seen") end
    last = s
  end
  return at
end

local function load_seen(run, data, path)
  local o, values, seen = run.observe, run.values, {kept = {}}
  run.seen, run.seen_at = seen, times_seen(run, data, path)
  local times = #run.seen_at
  for r, shape in ipairs(o.keep and values.shapes or {}) do
    local size = 1
    for _, n in ipairs(shape) do size = size * n end
    seen.kept[r] = {part(data, path, "kept_" .. r, "f64",
                         {times, run.lanes, size})}
  end
  if o.moments then
    seen.moments = {part(data, path, "moments", "f64", {times, values.size, 7})}
  end
  if o.bins then
    seen.count = {part(data, path, "count", "i64",
      {o.bins.pooled and 1 or times, values.size, o.bins.bins + 2})}
  end
end

local function check_description(run, data, path)
  local about = type(data) == "table" and data.about
  local got = opt.is_tensor(about) and about.dtype == "u8" and
    about.ndim == 1 and text_of(about)
  local want = description(run)
  if got ~= want then
    core.fail(("march: option 'checkpoint': %s is of another march: it has " ..
      "\"%s\", this is \"%s\""):format(path, opt.show(got or "no description"),
      want))
  end
end

-- Puts what the file holds into a run that has been prepared but not begun.
function M.load(run, path)
  local data = file.load(path)
  check_description(run, data, path)
  run.steps = part(data, path, "steps", "i64", {1})[1]
  run.from = part(data, path, "from", "i64", {1})[1]
  if run.from < 0 or run.steps < run.from then damaged(path, "steps") end
  run.bad_mask = part(data, path, "bad", "u8", {run.lanes})
  local leaves, start = {}, {}
  for i, leaf in ipairs(run.leaves) do
    leaves[i] = part(data, path, "state_" .. i, "f64", leaf.shape)
    start[i] = part(data, path, "start_" .. i, "f64", leaf.shape)
    local a, b = start[i], run.start[i]
    if not a:eq(b):lor(a:isnan():land(b:isnan())):all() then
      core.fail(("march: option 'checkpoint': %s is of another march: it " ..
        "began at another state"):format(path))
    end
  end
  run.leaves, run.start = leaves, start
  if data.at == nil and (data.kept_1 or data.moments or data.count) then
    damaged(path, "it has no times")
  end
  if run.observe and data.at ~= nil then load_seen(run, data, path) end
end

return M
