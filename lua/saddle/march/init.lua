-- march/init.lua: `saddle.march`: many independent lanes, many steps, fresh noise
-- each step. A step is traced once and run by the core over blocks of lanes that
-- stay in the cache; what a lane draws depends on (seed; lane, step, noise)
-- alone. Long marches go in segments, between which there are the progress bar,
-- Ctrl-C and nothing else.  MIT licence.
local core = require "saddle.core"
local opt = require "saddle.opt"
local tree = require "saddle.tree"
local static = require "saddle.static"
local progress = require "saddle.progress"
local options = require "saddle.march.options"
local trace = require "saddle.march.trace"
local observing = require "saddle.march.observe"
local checkpoint = require "saddle.march.checkpoint"
local exits = require "saddle.march.exits"
local file = require "saddle.file"

local G, system, tensor, none = core.graph, core.system, core.tensor, opt.none
local flatten, unflatten = tree.flatten, tree.unflatten

local M = {}

local OPTIONS = {noise = none, seed = none, lanes = none, dt = none, t0 = 0,
                 observe = none, progress = true, block = 0, check = true,
                 first_lane = 0, checkpoint = none}

local fail = opt.fail

-- Noise has addresses for so many steps; without it they only must stay exact.
local function check_steps(n, o, where)
  local most = #o.draws > 0 and 1 << 33 or 1 << 53
  if n > most then
    fail("%s: expected at most %d steps, got %d", where, most, n)
  end
end

-- ---- segments -----------------------------------------------------------------

-- Lane operations of the first segment, of which a draw is worth so many; seconds
-- that later ones should take; most records of observers in one. No bit of a
-- march depends on where its segments end.
local SEGMENT, PER_DRAW = 2e8, 16
local SHORT, LONG = 0.25, 1
local RECORDS = 8192

-- Steps of the first segment.
local function segment_steps(machine, lanes)
  local ops, draws = machine:ops()
  local each = lanes * (ops + 1 + PER_DRAW * draws)
  return math.max(1, math.floor(SEGMENT / each))
end

-- The last step of a segment from s on; observations from..to lie in it.
local function segment_end(self, s, last)
  local stop = math.min(last, s + self.segment)
  local o, from = self.observe, self.next_seen
  if o == nil then return stop end
  local most = math.max(1, RECORDS // self.values.size)
  local to = from - 1
  while to < #o.times and o.times[to + 1] <= stop and to - from + 1 < most do
    to = to + 1
  end
  if to < #o.times and o.times[to + 1] <= stop then
    stop = math.max(o.times[to], s)
  end
  return stop, from, to
end

local function run_segment(self, s, last)
  local stop, from, to = segment_end(self, s, last)
  local watch = self.observe and to >= from and
    observing.request(self.observe, self.watch, from, to) or nil
  local bad, began = self.bad_mask:copy(), system.clock()
  local out = self.machine:run{states = self.leaves, lanes = self.lanes,
    steps = stop - s, first = s, seed = self.seed, block = self.block,
    first_lane = self.first_lane, bad = bad, watch = watch}
  self.leaves, self.bad_mask = out.states, bad
  if watch then
    observing.add(self.seen, out, self.observe)
    self.next_seen = to + 1
  end
  self.steps = stop
  local took = system.clock() - began
  if took < SHORT and stop - s == self.segment then
    self.segment = 2 * self.segment
  elseif took > LONG then
    self.segment = math.max(1, self.segment // 2)
  end
  return stop
end

local REST = 60 -- seconds between two writings of a checkpoint

-- Keeps the run in its file when some time has passed, or at the end.
local function keep(self, last)
  if not self.o.checkpoint then return end
  local now = system.clock()
  if last or now - (self.kept_at or now) >= REST then
    checkpoint.save(self, self.o.checkpoint)
    self.kept_at = now
  end
  self.kept_at = self.kept_at or now
end

-- Segments up to step `last`; under the guard the first Ctrl-C only sets a flag.
local function run_segments(self, last, label)
  local bar <close> = progress.new(last, label)
  local s = self.steps
  self.status = "done"
  repeat
    if system.interrupted(true) then
      self.status = "interrupted"
      return
    end
    local good, result = pcall(run_segment, self, s, last)
    if not good then
      if system.interrupted(true) then
        self.status = "interrupted"
        return
      end
      error(result, 0)
    end
    s = result
    bar:step(s)
    keep(self)
  until s >= last and (self.observe == nil or
                       self.next_seen > #self.observe.times)
end

local function run_all(self, last, label)
  run_segments(self, last, label)
  keep(self, true)
end

-- ---- results ------------------------------------------------------------------

local Run = {__name = "march"}
Run.__index = Run

-- Kept values in the structure of `of`, [times x lanes x shape].
local function kept_values(self)
  local list = {}
  for r, parts in ipairs(self.seen.kept) do
    local all = observing.joined(parts)
    list[r] = all:reshape(all.shape[1], self.lanes,
      table.unpack(self.values.shapes[r]))
  end
  return unflatten(self.values.tree, list)
end

local function finish(self)
  self.state = unflatten(self.stree, self.leaves)
  self.t = trace.time(self.steps, self.o)
  local o = self.observe
  if o then
    self.times, self.at = {}, {}
    for i = 1, self.next_seen - 1 do
      self.at[i] = o.times[i]
      self.times[i] = trace.time(o.times[i], self.o)
    end
    if #self.at > 0 then
      self.kept = o.keep and kept_values(self) or nil
      self.moments = o.moments and
        observing.moments(observing.joined(self.seen.moments)) or nil
      self.histogram = o.bins and observing.histogram(o.bins,
        observing.joined(self.seen.count), self.times) or nil
    end
  end
  self.bad = self.bad_mask:sum()
  return self
end

-- bad_lanes(most): the numbers, from 1, of lanes whose state is not finite.
function M.bad_lanes(self, most)
  local list, mask = {}, self.bad_mask:nonzero()
  most = most and opt.integer(most, "argument 1", 0, "bad_lanes") or 100
  for i = 1, math.min(mask.shape[1], most) do
    list[i] = mask[i]
  end
  return list
end
Run.bad_lanes = M.bad_lanes

-- replay(lane): the states of one lane after 0, 1, ... steps, [steps + 1 x ...],
-- and the number of the first step that gave something not finite, or nil.
function Run:replay(lane)
  local n = opt.integer(lane, "argument 1", 1, "replay")
  if n > self.lanes then
    fail("replay: expected a lane in 1..%d, got %d", self.lanes, n)
  end
  local leaves = {}
  for i, leaf in ipairs(self.start) do
    leaves[i] = leaf[{n .. ":" .. n}]:contiguous()
  end
  local machine = self.narrow or trace.wide(
    trace.lane(self.step, leaves, self.stree, self.o, "replay"), leaves, 1,
    self.o.draws)
  local out = machine:run{states = leaves, lanes = 1, seed = self.seed,
    steps = self.steps - self.from, first = self.from, every = 1,
    first_lane = self.first_lane + n - 1}
  local paths, first = {}, nil
  for i, path in ipairs(out.path) do
    local shape = leaves[i].shape
    shape[1] = self.steps - self.from
    local all = tensor.concat({leaves[i], path:reshape(shape)}, 1)
    local flat = all:reshape(shape[1] + 1, -1):isfinite()
    local off = flat:lnot():nonzero()
    if off.shape[1] > 0 then
      first = math.min(first or math.huge, off[{1, 1}] - 1)
    end
    paths[i] = all
  end
  return unflatten(self.stree, paths), first and math.tointeger(first)
end

-- resume(n): the same march for n further steps, as a new run: its bits are
-- those of one march.
function Run:resume(n)
  n = opt.integer(n, "argument 1", 0, "resume")
  local run = setmetatable({}, Run)
  for key, value in pairs(self) do run[key] = value end
  run.seen_at = self.at or {}
  run.seen = {}
  for key, list in pairs(self.seen) do
    run.seen[key] = {}
    for i, part in ipairs(list) do
      run.seen[key][i] = key == "kept" and table.move(part, 1, #part, 1, {})
        or part
    end
  end
  run.bad_mask = self.bad_mask:copy()
  check_steps(self.steps + math.min(n, 1 << 60), self.o, "resume")
  M.observe(run, self.steps + n, "resume")
  system.guard(run_all, run, self.steps + n, self.o.progress and "march")
  return finish(run)
end

-- save(file): into a .npz file, which the option checkpoint goes on from.
function Run:save(path)
  checkpoint.check_path(path, "save")
  checkpoint.save(self, path)
end

function Run:__tostring()
  return ("march: %s, %d lanes, %d steps, seed %d%s"):format(self.status,
    self.lanes, self.steps, self.seed,
    self.bad > 0 and (", %d lanes not finite"):format(self.bad) or "")
end

-- ---- the march ----------------------------------------------------------------

-- A step that gives nothing finite at once is an error, not a long run.
local function check_first(self, where)
  local lanes = math.min(self.lanes, 64)
  local leaves, finite = {}, false
  for i, leaf in ipairs(self.leaves) do
    leaves[i] = leaf[{"1:" .. lanes}]:contiguous()
    if self.steps == 0 and not leaves[i]:isfinite():all() then
      fail("%s: the state: leaf %d has a NaN or an infinity", where, i)
    end
  end
  if self.narrow == nil then leaves, lanes = self.leaves, self.lanes end
  local bad = tensor.zeros{lanes, dtype = "u8"}
  self.machine:run{states = leaves, lanes = lanes, steps = 1,
    first = self.steps, seed = self.seed, first_lane = self.first_lane,
    bad = bad}
  finite = bad:sum() < lanes
  if not finite and self.steps == 0 then
    fail("%s: the first step gives NaN or infinity in every lane", where)
  end
end

-- Goes on from the option's file where there is one.
local function continue_from(self, n, where)
  local path = self.o.checkpoint
  checkpoint.check_path(path, where .. ": option 'checkpoint'")
  if file.exists(path) == nil then
    checkpoint.save(self, path) -- can it be written? Better now than at the end
    return
  end
  checkpoint.load(self, path)
  if self.steps > n then
    fail("%s: option 'checkpoint': %s has made %d steps, more than %d", where,
      path, self.steps, n)
  end
  M.observe(self, n, where)
end

--- march(step, state, n, options) -> run: n steps of many independent lanes.
--- step(state, noise, t) is traced once, for one lane; axis 1 of every tensor of
--- `state` counts lanes, or option lanes = k repeats one state. noise has the
--- fields that the option `noise` names ({z = "normal", i = {"index", n = 100,
--- size = 8}}: kinds normal, sign, uniform, exponential, bernoulli, index,
--- permutation, brownian, three_point); t is the number of steps made before,
--- or t0 + made dt with the option dt. observe = {at = steps | every = k, of =
--- function(state, t), keep =, moments = true, histogram = {low =, high =, bins
--- =, scale = "linear" | "log" | "asinh"}}; seed, progress, block. The run has
--- state, steps, t, status ("done", "interrupted"), kept, moments, histogram,
--- times, bad; methods replay, bad_lanes, resume, save.
function M.march(step, state, n, opts)
  local where = "march"
  static.check_function(step, where)
  local o = options.check(opts, OPTIONS, where)
  n = opt.integer(n, "argument 3", 0, where)
  check_steps(n, o, where)
  local leaves, stree = flatten(state, where .. ": argument 2")
  local lanes = options.state(leaves, o.lanes, where)
  local self = setmetatable({step = step, o = o, lanes = lanes, from = 0,
    seed = o.seed, block = o.block, stree = stree,
    leaves = leaves, start = leaves, steps = 0, next_seen = 1, seen = {},
    seen_at = {},
    first_lane = o.first_lane,
    bad_mask = tensor.zeros{lanes, dtype = "u8"}}, Run)
  M.prepare(self, n, where)
  if o.checkpoint ~= nil then continue_from(self, n, where) end
  if o.check and self.steps < n then check_first(self, where) end
  system.guard(run_all, self, n, o.progress and "march")
  return finish(self)
end

-- Makes the machines of a run that goes on to step `last`.
function M.prepare(self, last, where)
  local o = self.o
  local t = trace.lane(self.step, self.leaves, self.stree, o, where)
  trace.check_state(t, self.stree, where)
  if G.symbolic(t.tr) then
    fail("%s: the step refers to a symbolic tensor of an outer function: " ..
      "inside a traced function write the loop in Lua", where)
  end
  self.narrow = trace.narrow(t, #self.leaves, o.draws)
  self.machine = self.narrow or
    trace.wide(t, self.leaves, self.lanes, o.draws)
  self.segment = self.narrow and segment_steps(self.narrow, self.lanes) or 10
  M.observe(self, last, where)
end

-- The observers of a run up to step `last`; what was seen before, at steps
-- seen_at, stays.
function M.observe(self, last, where)
  local o = observing.read(self.o.observe, self.steps, last, where)
  self.observe = o
  if o == nil then return end
  self.watch, self.values = trace.watch(o.of, self.leaves, self.stree, self.o,
    where .. ": observe")
  observing.set_values(o, self.values.size)
  local before = self.seen_at
  self.next_seen = #before + 1
  o.times = table.move(o.times, 1, #o.times, #before + 1,
    table.move(before, 1, #before, 1, {}))
end

local EXIT_OPTIONS = {noise = none, seed = none, lanes = none, dt = none,
  t0 = 0, progress = true, block = 0, first_lane = 0, radius = none,
  lower = none, upper = none, of = none, variance = none}

--- first_exit(step, state, n, options) -> exits: when and where a number leaves an
--- interval, within n steps of a march. radius, or lower and upper; of =
--- function(state, t): the number (the state itself, if it is one); variance =
--- function(state, t): of the Brownian bridge over a step from that state (a
--- jump when not given: only the ends of steps count). Lanes that have left make room
--- for the next. Other options as in march. The exits have time (in steps, or
--- units of dt), side (-1, 1; 0: still inside, its time NaN), state, mean, se,
--- restricted_mean, p_upper, p_upper_se, censored, bad, status; method survival(t).
function M.first_exit(step, state, n, opts)
  local where = "first_exit"
  static.check_function(step, where)
  local o = options.check(opts, EXIT_OPTIONS, where)
  o.steps = opt.integer(n, "argument 3", 1, where)
  check_steps(o.steps, o, where)
  local low, high = exits.bounds(o, where)
  for _, name in ipairs{"of", "variance"} do
    if o[name] ~= nil and type(o[name]) ~= "function" then
      fail("%s: option '%s': expected a function of state and t, got %s", where,
        name, opt.show(o[name]))
    end
  end
  local leaves, stree = flatten(state, where .. ": argument 2")
  o.lanes = options.state(leaves, o.lanes, where)
  o.label = o.progress and "first exits"
  local of = o.of or function(x) return x end
  local function watched(x, noise, t)
    local y = step(x, noise, t)
    return y, of(x, t), of(y, t + (o.dt or 1)),
      o.variance and o.variance(x, t) or 0.0
  end
  return exits.run({about = "march", what = "lanes", t_max = o.steps *
    (o.dt or 1)}, watched, leaves, stree, o, {low = low, high = high}, where)
end

return setmetatable(M, {__call = function(_, ...) return M.march(...) end})
