-- sde/adaptive.lua: `simulate` with the option adaptive: every path takes steps
-- of its own length. A trial makes one step and two halves; their difference is
-- the error, the halves are kept. Any scheme that needs no more than increments
-- and their time integrals will do. The tree of Brownian increments forgets
-- nothing, so refusing steps does not bias them. But steps chosen by the path
-- make an Ito sum of increments alone go to a wrong limit (Gaines and Lyons
-- 1997, SIAM J. Appl. Math. 57): the scheme must have the term in dW dW, as
-- Milstein's and Heun's. docs/sde.md 2.  MIT licence.
local core = require "saddle.core"
local opt = require "saddle.opt"
local march = require "saddle.march"
local observing = require "saddle.march.observe"
local tree = require "saddle.tree"
local chunks = require "saddle.march.chunks"
local trace = require "saddle.march.trace"
local increments = require "saddle.sde.increments"
local stepping = require "saddle.sde.stepping"

local G, T, system, none = core.graph, core.tensor, core.system, opt.none

local M = {}

local OPTIONS = {tolerance = 1e-3, rtol = none, atol = none, halvings = 16,
                 safety = 0.9, start = none}

local fail = opt.fail

-- ---- the trial ----------------------------------------------------------------

-- Increments of an interval of length h from dw and the space-time area.
local function piece(p, h, dw, area)
  return {dw = dw, h = h,
          i10 = p.integrals == "time" and h * (0.5 * dw + area) or nil}
end

-- Parts of the given row: h, then per motion W', H', W'', H''.
local function halves(p, given)
  local m = p.noises
  local function part(k)
    local first = 2 + (k - 1) * m
    if m == 1 then return given[first] end
    return given[{first .. ":" .. first + m - 1}]
  end
  local h = 0.5 * given[1]
  return piece(p, h, part(1), part(2)), piece(p, h, part(3), part(4))
end

local function largest(x)
  local _, shape = G.type(x)
  return #shape == 0 and x or x:reshape(-1):max()
end

-- The largest of all leaves' errors, in units of the tolerance.
local function error_of(one, two, before, o)
  local a = tree.flatten(one, "adaptive")
  local b = tree.flatten(two, "adaptive")
  local c = tree.flatten(before, "adaptive")
  local worst
  for i = 1, #a do
    local size = b[i]:abs():maximum(c[i]:abs())
    local e = largest((a[i] - b[i]):abs() / (o.atol + o.rtol * size))
    worst = worst and worst:maximum(e) or e
  end
  return worst
end

local function trial_of(p, o)
  return function(y, given, t)
    local left, right = halves(p, given)
    local h = left.h
    local one = p.step(y, t, 2 * h, increments.join(left, right))
    local middle = p.step(y, t, h, left)
    local two = p.step(middle, t + h, h, right)
    return two, error_of(one, two, y, o)
  end
end

local function machine_of(p, a, o, y0, where)
  local leaves, stree = tree.flatten(y0, where)
  local draws = {{kind = "given", size = 1 + 4 * p.noises}}
  local t = trace.lane(trial_of(p, a), leaves, stree,
    {dt = o.dt, t0 = o.t0, draws = draws}, where)
  local machine = trace.narrow(t, #leaves, draws, "aged")
  if not machine then
    fail("%s: adaptive: the step is too large to be run lane by lane", where)
  end
  return machine, leaves, stree
end

-- ---- which schemes ------------------------------------------------------------

-- Why a prepared scheme cannot be used, or nil.
local function unfit(p)
  if p.integrals == "area" or p.extra > 0 or next(p.noise) ~= nil then
    return "draws more than increments and their time integrals"
  elseif p.strong == nil then
    return "has no strong order"
  elseif p.strong < 1 and p.scheme.sense ~= "stratonovich" and
      p.model.noise ~= "additive" then
    return "goes to a wrong limit when steps depend on the path, for it has " ..
      "no term in dW dW"
  end
end

-- prepare(model, name): the scheme, or without a name the model's default if it
-- will do, else Heun's.
function M.prepare(m, name, where)
  local p = stepping.prepare(m, name)
  local why = unfit(p)
  if why and name == nil then return stepping.prepare(m, "heun") end
  if why then
    fail("%s: adaptive: the scheme %s %s: use \"heun\"%s", where, p.name, why,
      m.commutative and " or \"milstein\"" or "")
  end
  return p
end

-- ---- options ------------------------------------------------------------------

local function options(given, o, where)
  where = where .. ": adaptive"
  if given == true then given = {} end
  local a = opt.check(given, OPTIONS, where)
  stepping.positive(a.tolerance, "tolerance", where)
  a.rtol = a.rtol and stepping.positive(a.rtol, "rtol", where) or a.tolerance
  a.atol = a.atol and stepping.positive(a.atol, "atol", where) or a.tolerance
  a.halvings = stepping.integer(a.halvings, "halvings", 1, where)
  if a.halvings > 40 then
    fail("%s: option 'halvings': at most 40, got %d", where, a.halvings)
  end
  stepping.positive(a.safety, "safety", where)
  a.start = a.start and stepping.positive(a.start, "start", where) or o.dt
  return a
end

-- ---- results ------------------------------------------------------------------

local Ensemble = {__name = "adaptive ensemble"}
Ensemble.__index = Ensemble

function Ensemble:__tostring()
  return ("ensemble: %s by %s, %d paths, t = %g, adaptive: %.1f steps a path " ..
    "(%.1f refused), seed %d, %s%s"):format(self.model.name, self.scheme,
    self.paths, self.t, self.accepted:to("f64"):mean(),
    self.rejected:to("f64"):mean(), self.seed, self.status,
    self.bad > 0 and (", %d paths not finite"):format(self.bad) or "")
end

Ensemble.bad_paths = march.bad_lanes

-- ---- the run ------------------------------------------------------------------

local LEAST = 1024 -- paths of a chunk

-- What was observed, over the parts of the paths.
local function read_observed(self, parts, values)
  local o = self.observe
  if o.keep then
    local list = {}
    for r = 1, #values.shapes do
      local all = chunks.field(parts, function(p) return p.keep[r] end, 2)
      list[r] = all:reshape(all.shape[1], self.paths,
        table.unpack(values.shapes[r]))
    end
    self.path = tree.unflatten(values.tree, list)
  end
  self.moments = parts[1].moments and observing.moments(parts[1].moments)
  self.histogram = parts[1].count and
    observing.histogram(o.bins, parts[1].count, self.times)
end

-- simulate's other half: o are its options, checked but for what is here.
function M.simulate(m, p, o, observed)
  local where = "simulate"
  local a = options(o.adaptive, o, where)
  local machine, leaves, stree = machine_of(p, a, o, p.to_all(o.x0), where)
  local self = setmetatable({model = m, scheme = p.name,
    seed = o.seed or system.seed(), t = o.t0 + o.t, dt = o.dt,
    first_path = o.first_path}, Ensemble)
  local job = {steps = o.n, seed = self.seed, block = o.block,
    motions = p.noises, deepest = a.halvings, span = o.dt, start = a.start,
    exponent = 1 / ((p.strong or 1) + 0.5), safety = a.safety}
  local values
  self.observe = observing.read(observed, 0, o.n, where)
  if self.observe then
    local watch
    watch, values = trace.watch(self.observe.of, leaves, stree, o,
      where .. ": observe")
    observing.set_values(self.observe, values.size)
    local times = self.observe.times
    job.watch = observing.request(self.observe, watch, 1, #times)
    self.times = {}
    for i, s in ipairs(times) do self.times[i] = o.t0 + s * o.dt end
  end
  local seen = self.observe
  local parts
  parts, self.status = chunks.run(function()
    job.bad = T.zeros{job.lanes, dtype = "u8"}
    local out = machine:adaptive(job)
    out.bad = job.bad
    return out
  end, job, leaves, {lanes = o.paths, first_lane = o.first_path, least = LEAST,
    whole = seen and (seen.moments or seen.bins), -- are over all paths at once
    label = o.progress and "simulate"}, where)
  for _, name in ipairs{"accepted", "rejected", "forced"} do
    self[name] = chunks.field(parts, function(q) return q[name] end)
  end
  self.bad_mask = chunks.field(parts, function(q) return q.bad end)
  self.bad, self.paths = self.bad_mask:sum(), self.bad_mask.shape[1]
  self.x = p.from_all(tree.unflatten(stree, chunks.states(parts)))
  if self.observe then read_observed(self, parts, values) end
  return self
end

return M
