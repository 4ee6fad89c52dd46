-- march/exits.lua: first exits of lanes from an interval. A number made of the
-- state is watched; between two steps it is a Brownian bridge of a given variance,
-- which may have been outside (docs/sde.md 2), or with no variance a jump. Lanes
-- that have left make room for the next ones.  MIT licence.
local core = require "saddle.core"
local opt = require "saddle.opt"
local tree = require "saddle.tree"
local chunks = require "saddle.march.chunks"
local trace = require "saddle.march.trace"

local G, T = core.graph, core.tensor

local M = {}

local fail = opt.fail

-- bounds(o, where): the interval that the options radius, or lower and upper, say.
function M.bounds(o, where)
  if o.radius ~= nil then
    if o.lower ~= nil or o.upper ~= nil then
      fail("%s: give 'radius', or 'lower' and 'upper', not both", where)
    end
    local r = opt.positive(o.radius, "option 'radius'", where)
    return -r, r
  end
  local low, high = o.lower or -math.huge, o.upper or math.huge
  for name, v in pairs{lower = low, upper = high} do
    if type(v) ~= "number" or v ~= v then
      fail("%s: option '%s': expected a number, got %s", where, name,
        opt.show(v))
    end
  end
  if o.lower == nil and o.upper == nil or low >= high then
    fail("%s: expected a radius, or lower < upper, got %s and %s", where,
      opt.show(o.lower), opt.show(o.upper))
  end
  return low, high
end

-- ---- results ------------------------------------------------------------------

local Exits = {__name = "first exits"}
Exits.__index = Exits

-- survival(t): the share of lanes still inside at time t <= t_max, and its
-- standard error; for a tensor or table of times, tensors.
function Exits:survival(t)
  if opt.is_tensor(t) or type(t) == "table" then
    local list, errors = {}, {}
    for i, v in ipairs(type(t) == "table" and t or t:totable()) do
      list[i], errors[i] = self:survival(v)
    end
    return T(list), T(errors)
  end
  if type(t) ~= "number" or not (t <= self.t_max) then
    fail("survival: expected a time up to t_max = %g, got %s", self.t_max,
      opt.show(t))
  end
  local inside = 1 - self.time:le(t):to("f64"):sum() / self.valid
  return inside, math.sqrt(inside * (1 - inside) / self.valid)
end

function Exits:__tostring()
  local text = self.censored > 0 and
    ("%d still inside at t = %g"):format(self.censored, self.t_max) or
    ("mean time %.6g +- %.2g"):format(self.mean, self.se)
  return ("first exits: %s, %d %s, %s, upper side %.4f +- %.4f%s")
    :format(self.about, self.valid, self.what, text, self.p_upper,
    self.p_upper_se, (self.bad > 0 and (", %d not finite"):format(self.bad)
    or "") .. (self.status == "done" and "" or ", " .. self.status))
end

local function summary(self)
  local done = self.time:isfinite()
  local upper = self.side:eq(1):to("f64"):sum()
  self.bad = self.side:isnan():sum()
  self.valid = self.time.shape[1] - self.bad
  self.exited = done:sum()
  self.censored = self.valid - self.exited
  self.p_upper = upper / self.exited
  self.p_upper_se = math.sqrt(self.p_upper * (1 - self.p_upper) / self.exited)
  -- the mean of min(T, t_max), which is the mean of T when nobody is left
  local within = T.where(self.side:eq(0), self.t_max,
    T.where(done, self.time, 0))
  local mean = within:sum() / self.valid
  local spread = T.where(self.side:isnan(), 0, (within - mean)^2)
  self.restricted_mean = mean
  self.restricted_se =
    math.sqrt(spread:sum() / math.max(self.valid - 1, 1) / self.valid)
  local whole = self.censored == 0
  self.mean = whole and mean or opt.nan
  self.se = whole and self.restricted_se or opt.nan
  return self
end

-- ---- the run ------------------------------------------------------------------

local LEAST = 4096 -- lanes of a chunk

-- run(self, step, leaves, stree, o, b, where): fills self with what came of it.
-- step(state, noise, t) -> the next state, the number watched before and after,
-- and the bridge's variance. o: dt, t0, draws, noises (trace.lua), lanes,
-- first_lane, steps, seed, block, label. b: low, high and perhaps low_end,
-- high_end, rate (machine:exits). self: about, what (in its text), t_max.
function M.run(self, step, leaves, stree, o, b, where)
  local t = trace.lane(step, leaves, stree, o, where)
  for i = 1, #leaves do
    local want, got = G.type(t.x[i]), t.y[i + 3] and G.type(t.y[i])
    if got ~= want then
      fail("%s: the step must return the types it was given: leaf %d is %s, " ..
        "it returns %s", where, i, want, got or "nothing")
    end
  end
  if #t.y ~= #leaves + 3 then
    fail("%s: option 'of': expected a function to a number, got a table; a " ..
      "state of several tensors needs one", where)
  end
  for i = #t.y - 2, #t.y do
    local text, shape = G.type(t.y[i])
    if #shape > 0 then
      fail("%s: option 'of': expected a function to a number, got %s", where,
        text)
    end
  end
  local machine = trace.narrow(t, #leaves, o.draws, "aged")
  if not machine then
    fail("%s: the step is too large to be run lane by lane", where)
  end
  local job = {steps = o.steps, seed = o.seed, block = o.block,
    low = b.low, high = b.high, low_end = b.low_end, high_end = b.high_end,
    rate = b.rate}
  local parts
  parts, self.status = chunks.run(function()
    local out, stopped = machine:exits(job)
    return not stopped and out or nil
  end, job, leaves, {lanes = o.lanes, first_lane = o.first_lane, least = LEAST,
    label = o.label}, where)
  self.seed = o.seed
  self.time = chunks.field(parts, function(part) return part.time end) *
    (o.dt or 1)
  self.side = chunks.field(parts, function(part) return part.side end)
  self.state = tree.unflatten(stree, chunks.states(parts))
  return summary(setmetatable(self, Exits))
end

return M
