-- sde/simulate.lua: `sde.simulate`: paths of a model by a scheme, many at once,
-- over march. What is observed is seen in the model's own coordinates, whatever
-- the scheme works in.  MIT licence.
local core = require "saddle.core"
local opt = require "saddle.opt"
local march = require "saddle.march"
local observing = require "saddle.march.observe"
local stepping = require "saddle.sde.stepping"

local none = opt.none

local M = {}

local OPTIONS = {
  x0 = none, t = none, dt = none, paths = none, seed = none, scheme = none,
  t0 = 0, save = none, every = none, observe = none, progress = true,
  adaptive = none, block = 0, checkpoint = none, first_path = 0,
}

local fail = opt.fail

-- ---- what is observed ---------------------------------------------------------

-- Times as numbers of steps.
local function steps_at(times, o, name, where)
  if opt.is_tensor(times) then times = times:totable() end
  if type(times) == "number" then times = {times} end
  if type(times) ~= "table" then
    fail("%s: option '%s': expected times, got %s", where, name,
      opt.show(times))
  end
  local list = {}
  for i, t in ipairs(times) do
    if not opt.finite(t) then
      fail("%s: option '%s': expected times, got %s", where, name, opt.show(t))
    end
    list[i] = stepping.steps_of(t - o.t0, o.dt, name, where)
    if list[i] > o.n then
      fail("%s: option '%s': expected times up to %g, got %g", where, name,
        o.t0 + o.t, t)
    end
  end
  return list
end

-- march's observe: `at` are times, `of` is a function of (x, t).
local function observer(o, p, where)
  if o.save == nil and o.every == nil and o.observe == nil then return nil end
  local given = opt.check(o.observe, observing.OPTIONS, where .. ": observe")
  if o.save ~= nil or o.every ~= nil then
    if given.at ~= nil or given.every ~= nil then
      fail("%s: give times in 'save' or 'every', or in 'observe', not both",
        where)
    end
    given.keep = given.keep == nil or given.keep
    given.at, given.every = o.save, o.every
  end
  local out = {moments = given.moments, histogram = given.histogram,
               keep = given.keep, every = given.every}
  if given.at ~= nil then
    out.at = steps_at(given.at, o, o.save and "save" or "observe.at", where)
  end
  if given.of ~= nil and type(given.of) ~= "function" then
    fail("%s: observe: option 'of': expected a function of x and t, got %s",
      where, opt.show(given.of))
  end
  if given.of or p.from ~= p.identity then
    local of = given.of or function(x) return x end
    function out.of(state, t) return of(p.from(state), t) end
  end
  return out
end

-- ---- results ------------------------------------------------------------------

local Ensemble = {__name = "ensemble"}

function Ensemble:__index(key)
  local own = Ensemble[key]
  if own ~= nil then return own end
  local run = rawget(self, "run")
  return run and run[key]
end

local function ensemble(run, m, p, o)
  local self = setmetatable({model = m, scheme = p.name, run = run, p = p,
    dt = o.dt, paths = run.lanes, x = p.from_all(run.state),
    path = run.kept, t = run.t}, Ensemble)
  return self
end

-- bad_paths(most): numbers of paths that are not finite.
function Ensemble:bad_paths(most) return self.run:bad_lanes(most) end

-- replay(n): path number n alone at all steps, [steps + 1] or [steps + 1 x d],
-- and the first step that gave something not finite, or nil.
function Ensemble:replay(n)
  local states, first = self.run:replay(n)
  return self.p.from_all(states), first
end

-- resume(t): the same paths for a further time t; the bits are those of one run.
function Ensemble:resume(t)
  local n = stepping.steps_of(t, self.dt, "t", "resume")
  return ensemble(self.run:resume(n), self.model, self.p, {dt = self.dt})
end

function Ensemble:save(file) return self.run:save(file) end

function Ensemble:__tostring()
  local run = self.run
  return ("ensemble: %s by %s, %d paths, t = %g, dt = %g, seed %d, %s%s")
    :format(self.model.name, self.scheme, self.paths, self.t, self.dt,
    run.seed, run.status,
    run.bad > 0 and (", %d paths not finite"):format(run.bad) or "")
end

-- ---- the simulation -----------------------------------------------------------

--- simulate(model, options) -> ensemble. x0: a number (or [d]), or one for each
--- path; t: how long; dt: the step; paths (1), seed, scheme (the model's
--- default); save = times, or every = k steps: paths kept; observe = {at =
--- times, of = function(x, t), moments = true, histogram = {...}}; adaptive =
--- {tolerance = ...}; progress; checkpoint = file. The ensemble has x [paths] or
--- [paths x d], t, path, times, moments, histogram, bad, status; methods replay,
--- bad_paths, resume, save.
function M.simulate(m, opts)
  local where = "simulate"
  local o = stepping.options(m, opts, OPTIONS, {"x0", "t", "dt"}, where)
  local adaptive = o.adaptive and require "saddle.sde.adaptive"
  local p = (adaptive or stepping).prepare(m, o.scheme, where)
  o.n = stepping.steps_of(o.t, o.dt, "t", where)
  local x0, paths = stepping.start(o.x0, m.dim, o.paths, where)
  if adaptive then
    if o.checkpoint ~= nil then
      fail("%s: option 'checkpoint': is for steps of one length, not for " ..
        "adaptive ones", where)
    end
    o.x0, o.paths = x0, paths
    return adaptive.simulate(m, p, o, observer(o, p, where))
  end
  local run = march(function(x, noise, t)
    return p.step(x, t, o.dt, stepping.increments(p, noise))
  end, p.to_all(x0), o.n, {noise = stepping.noise(p, o.dt), seed = o.seed,
    dt = o.dt, t0 = o.t0, block = o.block, progress = o.progress,
    first_lane = o.first_path, checkpoint = o.checkpoint,
    observe = observer(o, p, where)})
  return ensemble(run, m, p, o)
end

return M
