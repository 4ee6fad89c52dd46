-- sde/first_exit.lua: `sde.first_exit`: when and where paths leave an interval.
-- Between two steps a path is a Brownian bridge, which may have been outside; its
-- law is exact where the scheme's own coordinate has unit or constant noise
-- (docs/sde.md 2), else the noise is frozen over the step. Paths that are done
-- make room for the next ones.  MIT licence.
local core = require "saddle.core"
local opt = require "saddle.opt"
local tree = require "saddle.tree"
local chunks = require "saddle.march.chunks"
local noises = require "saddle.march.noise"
local trace = require "saddle.march.trace"
local model = require "saddle.sde.model"
local stepping = require "saddle.sde.stepping"

local G, T, system, none = core.graph, core.tensor, core.system, opt.none

local M = {}

local OPTIONS = {
  x0 = none, radius = none, lower = none, upper = none, of = none, dt = none,
  t_max = none, paths = none, seed = none, scheme = none, bridge = true,
  progress = false, block = 0, first_path = 0, t0 = 0,
}
local MOST_STEPS = 1e6 -- of a path where t_max is not given

local function fail(...) return core.fail((...):format(select(2, ...))) end

-- ---- bounds -------------------------------------------------------------------

local function bounds(o, where)
  if o.radius ~= nil then
    if o.lower ~= nil or o.upper ~= nil then
      fail("%s: give 'radius', or 'lower' and 'upper', not both", where)
    end
    local r = stepping.positive(o.radius, "radius", where)
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

-- ---- what the bridge is made of -----------------------------------------------

local function itself(x) return x end

-- Ways of looking at a step from state y to state z: where it is before and
-- after, the bridge's variance, the bounds after the step and its clock. Rows by
-- what they are exact for.
local function frozen(p, of, h)
  local m = p.model
  return {exact = false, look = function(y, z, t)
    local x = p.from(y)
    local before, after = of(x, t), of(p.from(z), t + h)
    local v = 0.0
    for _, column in ipairs(p.columns(x, t)) do
      local slope = column
      if m.dim > 1 or of ~= itself then
        slope = model.along(function(u) return of(u, t) end, x, column)
      end
      v = v + slope * slope
    end
    return before, after, v * h
  end}
end

local function in_lamperti(p, low, high, h)
  return {exact = true, low = p.to(low), high = p.to(high),
          look = function(y, z) return y, z, h end}
end

local function in_logarithm(p, low, high, h)
  local sigma = p.params.sigma
  return {exact = true,
          low = low > 0 and math.log(low) or -math.huge,
          high = high > 0 and math.log(high) or -math.huge,
          look = function(y, z)
            return y:log(), z:log(), sigma^2 * h
          end}
end

local function in_ou(p, low, high, h)
  local a, tau, mean = p.params.a, p.params.tau, p.params.mean or 0
  local decay = math.exp(-a * h)
  local v = a == 0 and tau^2 * h or
    -tau^2 * T(-2 * a * h):expm1():item() / (2 * a)
  return {exact = true, low = low - mean, high = high - mean,
          low_end = (low - mean) * decay, high_end = (high - mean) * decay,
          rate = 2 * a * h,
          look = function(y, z)
            return y - mean, (z - mean) * decay, v
          end}
end

local function bridge_of(p, o, low, high, x0)
  local plain = o.of == nil
  if plain and p.name == "lamperti_sra1" then
    return in_lamperti(p, low, high, o.dt)
  elseif plain and p.name == "exact_ou" then
    return in_ou(p, low, high, o.dt)
  elseif plain and p.name == "exact_gbm" and x0:gt(0):all() then
    return in_logarithm(p, low, high, o.dt)
  end
  local b = frozen(p, o.of or itself, o.dt)
  b.low, b.high = low, high
  return b
end

-- ---- the machine --------------------------------------------------------------

local function machine_of(p, b, o, y0, draws, list, where)
  local leaves, stree = tree.flatten(y0, where)
  local function step(y, noise, t)
    local z = p.step(y, t, o.dt, stepping.increments(p, noise))
    local before, after, v = b.look(y, z, t)
    return z, before, after, o.bridge and v or 0.0
  end
  local t = trace.lane(step, leaves, stree,
    {dt = o.dt, t0 = o.t0, draws = draws, noises = list}, where)
  for i = #t.y - 2, #t.y do
    local text, shape = G.type(t.y[i])
    if #shape > 0 then
      fail("%s: option 'of': expected a function to a number, got %s", where,
        text)
    end
  end
  local machine = trace.narrow(t, #leaves, draws, "aged")
  if not machine then
    fail("%s: the step is too large to be run lane by lane", where)
  end
  return machine, leaves, stree
end

-- ---- results ------------------------------------------------------------------

local Exits = {__name = "first exits"}
Exits.__index = Exits

-- survival(t): the share of paths still inside at time t <= t_max, and its
-- standard error; for a tensor of times, tensors.
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
  return ("first exits: %s by %s%s, %d paths, %s, upper side %.4f +- %.4f%s")
    :format(self.model.name, self.scheme, self.exact and "" or
    " (noise frozen within steps)", self.valid, text, self.upper,
    self.upper_se, self.bad > 0 and (", %d not finite"):format(self.bad)
    or "")
end

local function summary(self)
  local done = self.time:isfinite()
  local upper = self.side:eq(1):to("f64"):sum()
  self.bad = self.side:isnan():sum()
  self.valid = self.paths - self.bad
  self.exited = done:sum()
  self.censored = self.valid - self.exited
  self.upper = upper / self.exited
  self.upper_se = math.sqrt(self.upper * (1 - self.upper) / self.exited)
  -- the mean of min(T, t_max), which is the mean of T when nobody is left
  local within = T.where(self.side:eq(0), self.t_max,
    T.where(done, self.time, 0))
  local mean = within:sum() / self.valid
  local spread = T.where(self.side:isnan(), 0, (within - mean)^2)
  self.restricted_mean = mean
  self.restricted_se =
    math.sqrt(spread:sum() / math.max(self.valid - 1, 1) / self.valid)
  local whole = self.censored == 0
  self.mean = whole and mean or 0 / 0
  self.se = whole and self.restricted_se or 0 / 0
  return self
end

-- ---- the run ------------------------------------------------------------------

local LEAST = 2048 -- paths of a chunk

--- first_exit(model, options) -> exits. x0 (a number, [d], or one for each path);
--- radius, or lower and upper; of = function(x, t): the number that must stay
--- between them (x itself); dt, t_max (1e6 dt), paths (1), seed, scheme, bridge
--- (true): crossings within a step are drawn from the bridge's law. The exits
--- have time [paths] (NaN: still inside at t_max), side (-1, 1; 0: inside), x,
--- mean, se (NaN when somebody is left), restricted_mean (of min(T, t_max)),
--- upper, upper_se, censored, bad, status, exact; method survival(t).
function M.first_exit(m, opts)
  local where = "first_exit"
  local o = opt.check(opts, OPTIONS, where)
  for _, name in ipairs{"x0", "dt"} do
    if o[name] == nil then fail("%s: option '%s' is missing", where, name) end
  end
  stepping.common(o, where)
  if o.of ~= nil and type(o.of) ~= "function" then
    fail("%s: option 'of': expected a function of x and t, got %s", where,
      opt.show(o.of))
  end
  local low, high = bounds(o, where)
  if m.dim > 1 and o.of == nil then
    fail("%s: option 'of': a model of %d dimensions needs a function to the " ..
      "number that leaves", where, m.dim)
  end
  local steps = math.ceil(o.t_max and
    stepping.positive(o.t_max, "t_max", where) / o.dt * (1 - 1e-12) or
    MOST_STEPS)
  local p = stepping.prepare(m, o.scheme)
  local x0, paths = stepping.start(o.x0, m.dim,
    o.paths, where)
  local b = bridge_of(p, o, low, high, x0)
  local y0 = p.to_all(x0)
  local list, draws = noises.read(stepping.noise(p, o.dt), where)
  local machine, leaves, stree = machine_of(p, b, o, y0, draws, list, where)
  local seed = o.seed or system.seed()
  local self = setmetatable({model = m, scheme = p.name, exact = b.exact,
    dt = o.dt, t_max = steps * o.dt, first_path = o.first_path,
    lower = low, upper_bound = high, seed = seed}, Exits)
  local job = {steps = steps, seed = seed, block = o.block,
    low = b.low, high = b.high, low_end = b.low_end, high_end = b.high_end,
    rate = b.rate}
  local parts
  parts, self.status = chunks.run(function()
    local out, stopped = machine:exits(job)
    return not stopped and out or nil
  end, job, leaves, {lanes = paths, first_lane = self.first_path, least = LEAST,
    label = o.progress and "first exits"}, where)
  self.time = chunks.field(parts, function(part) return part.time end) * o.dt
  self.side = chunks.field(parts, function(part) return part.side end)
  self.paths = self.time.shape[1]
  self.x = p.from_all(tree.unflatten(stree, chunks.states(parts)))
  return summary(self)
end

return M
