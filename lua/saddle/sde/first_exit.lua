-- sde/first_exit.lua: `sde.first_exit`: when and where paths leave an interval.
-- Between two steps a path is a Brownian bridge, which may have been outside; its
-- law is exact where the scheme's own coordinate has unit or constant noise
-- (docs/sde.md 2), else the noise is frozen over the step. Paths that are done
-- make room for the next ones.  MIT licence.
local core = require "saddle.core"
local opt = require "saddle.opt"
local tree = require "saddle.tree"
local exits = require "saddle.march.exits"
local noises = require "saddle.march.noise"
local model = require "saddle.sde.model"
local stepping = require "saddle.sde.stepping"

local T, system, none = core.tensor, core.system, opt.none

local M = {}

local OPTIONS = {
  x0 = none, radius = none, lower = none, upper = none, of = none, dt = none,
  t_max = none, paths = none, seed = none, scheme = none, bridge = true,
  progress = true, block = 0, first_path = 0, t0 = 0,
}
local MOST_STEPS = 1e6 -- of a path where t_max is not given

local fail = opt.fail

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

-- ---- the run ------------------------------------------------------------------

--- first_exit(model, options) -> exits. x0 (a number, [d], or one for each path);
--- radius, or lower and upper; of = function(x, t): the number that must stay
--- between them (x itself); dt, t_max (1e6 dt), paths (1), seed, scheme, bridge
--- (true): crossings within a step are drawn from the bridge's law. The exits
--- have time [paths] (NaN: still inside at t_max), side (-1, 1; 0: inside), x,
--- mean, se (NaN when somebody is left), restricted_mean (of min(T, t_max)),
--- p_upper, p_upper_se, censored, bad, status, exact; method survival(t).
function M.first_exit(m, opts)
  local where = "first_exit"
  local o = stepping.options(m, opts, OPTIONS, {"x0", "dt"}, where)
  if o.of ~= nil and type(o.of) ~= "function" then
    fail("%s: option 'of': expected a function of x and t, got %s", where,
      opt.show(o.of))
  end
  local low, high = exits.bounds(o, where)
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
  if o.of == nil and x0:lt(low):lor(x0:gt(high)):all() then
    fail("%s: option 'x0': expected a number in [%g, %g], got %s", where, low,
      high, opt.show(o.x0))
  end
  local b = bridge_of(p, o, low, high, x0)
  local y0 = p.to_all(x0)
  local leaves, stree = tree.flatten(y0, where)
  local function step(y, noise, t)
    local z = p.step(y, t, o.dt, stepping.increments(p, noise))
    local before, after, v = b.look(y, z, t)
    return z, before, after, o.bridge and v or 0.0
  end
  local asked = {dt = o.dt, t0 = o.t0, lanes = paths, steps = steps,
    first_lane = o.first_path, block = o.block, seed = o.seed or system.seed(),
    label = o.progress and "first exits"}
  asked.noises, asked.draws = noises.read(stepping.noise(p, o.dt), where)
  local self = exits.run({model = m, scheme = p.name, exact = b.exact,
    dt = o.dt, t_max = steps * o.dt, lower = low, upper = high,
    what = "paths", about = ("%s by %s%s"):format(m.name, p.name, b.exact and
    "" or " (noise frozen within steps)")}, step, leaves, stree, asked, b, where)
  self.paths, self.x = self.time.shape[1], p.from_all(self.state)
  return self
end

return M
