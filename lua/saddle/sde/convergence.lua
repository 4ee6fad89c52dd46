-- sde/convergence.lua: `sde.convergence`: measured orders of any scheme on any
-- model. Strong errors are root mean squares over paths that all step sizes
-- share (increments.lua), against the model's closed form or a fine run; the
-- slope's standard error comes from GROUPS independent groups of paths. Weak
-- errors are computed without sampling (weak.lua).  MIT licence.
local core = require "saddle.core"
local opt = require "saddle.opt"
local static = require "saddle.static"
local increments = require "saddle.sde.increments"
local model = require "saddle.sde.model"
local scheme = require "saddle.sde.scheme"
local stepping = require "saddle.sde.stepping"
local fit = require "saddle.sde.fit"
local weak = require "saddle.sde.weak"

local T = core.tensor
local fail = core.fail

local M = {}

local GROUPS = 10

local defaults = {
  model = opt.none, scheme = opt.none, t = 1,
  steps = opt.none, paths = 4000, seed = 1, x0 = opt.none, exact = opt.none,
  reference = opt.none, reference_scheme = opt.none, compare = opt.none,
  strong = true, weak = opt.none, value = opt.none, interval = opt.none,
  nodes = 40,
}

-- ---- options ------------------------------------------------------------------

local function count(v, what)
  return opt.integer(v, what, 1, "convergence")
end

local function check_steps(list)
  list = list or {8, 16, 32, 64, 128}
  if type(list) ~= "table" or #list < 2 then
    fail("convergence: steps: expected a list of two or more numbers of steps")
  end
  local out = {}
  for i, n in ipairs(list) do
    out[i] = count(n, "steps")
    if i > 1 and (out[i] <= out[i - 1] or out[i] % out[i - 1] ~= 0) then
      fail(("convergence: steps: each must be a multiple of the one before, " ..
        "got %d after %d"):format(out[i], out[i - 1]))
    end
  end
  return out
end

-- The scheme of the reference run: of the highest strong order for the noise.
local function best(m)
  return m.noise == "additive" and "sra1" or m.noise ~= "general" and "sriw1"
    or "milstein"
end

local REFINE = 8 -- the reference's steps for each of the finest ones

local function options(spec)
  local o = opt.check(spec, defaults, "convergence")
  if o.model == nil then
    fail("convergence: model is missing")
  elseif getmetatable(o.model) ~= model.Model then
    fail(("convergence: model: expected a model (sde.model, sde.saddle ..), " ..
      "got %s"):format(opt.show(o.model)))
  end
  for _, key in ipairs {"exact", "compare"} do
    if o[key] ~= nil and type(o[key]) ~= "function" then
      fail(("convergence: %s: expected a function, got %s"):format(key,
        opt.show(o[key])))
    end
  end
  if o.value ~= nil and type(o.value) ~= "number" then
    fail(("convergence: value: expected a number, got %s"):format(
      opt.show(o.value)))
  end
  opt.positive(o.t, "t", "convergence")
  o.steps, o.paths = check_steps(o.steps), count(o.paths, "paths")
  o.paths = math.max(o.paths, GROUPS)
  if o.exact == nil and o.reference == nil then
    o.exact = o.model.exact
  end
  if o.exact == nil then
    local last = o.steps[#o.steps]
    o.reference = count(o.reference or REFINE * last, "reference")
    if o.reference % last ~= 0 or o.reference == last then
      fail(("convergence: reference: expected a multiple of %d, got %d")
        :format(last, o.reference))
    end
  end
  return o
end

-- ---- strong --------------------------------------------------------------------

local function start(m, x0, paths)
  if x0 == nil then
    x0 = m.dim == 1 and 1 or T.ones {m.dim}
  end
  return (stepping.start(x0, m.dim, paths, "convergence"))
end

-- One run of a scheme for all paths: advance(k, piece) makes the k-th step.
local function runner(p, x0)
  if p.extra > 0 or next(p.noise) then
    fail(("convergence: %s draws random numbers of its own, which step sizes " ..
      "cannot share: it has no strong error here"):format(p.name))
  end
  local step = static.jit(static.vmap(function(x, w, t, h)
    return p.step(x, t, h, w)
  end, {axes = {1, 1, false, false}}))
  local run = {x = static.vmap(p.to)(x0), prepared = p}
  local time, area = p.integrals == "time", p.integrals == "area"
  function run.advance(k, piece)
    local h = piece.h
    run.x = step(run.x, {dw = piece.dw, i10 = time and piece.i10 or nil,
      area = area and piece.area or nil}, (k - 1) * h, h)
  end
  return run
end

local function all_runs(o, p, counts, x0)
  local runs, want = {}, {}
  local function add(q)
    runs[#runs + 1] = runner(q, x0)
    want[q.integrals] = true
  end
  for _ = 1, #o.steps do
    add(p)
  end
  if o.reference then
    counts[#counts + 1] = o.reference
    add(scheme.prepare(o.model, o.reference_scheme or best(o.model)))
  end
  return runs, want
end

-- What is compared: x, or compare(x).
local function outcome(o, p, x)
  local f = o.compare
  return static.vmap(function(s)
    local v = p.from(s)
    return f and f(v) or v
  end)(x)
end

-- Squared distances by path.
local function squares(a, b)
  local d = a - b
  d = d * d
  return d.ndim > 1 and d:sum(2) or d
end

local function exact_outcome(o, x0, total)
  local x = o.exact(x0, o.t, total.dw)
  return o.compare and static.vmap(o.compare)(x) or x
end

local function rms(sq)
  return math.sqrt(sq:mean())
end

-- Root mean squares by level and by group of paths.
local function gather(list, paths)
  local errors, groups = {}, {}
  local size = paths // GROUPS
  for l, sq in ipairs(list) do
    errors[l] = rms(sq)
    for g = 1, GROUPS do
      groups[g] = groups[g] or {}
      groups[g][l] = rms(sq[{(g - 1) * size + 1 .. ":" .. g * size}])
    end
  end
  return errors, groups
end

local function strong(o, p)
  local m = o.model
  local counts = table.move(o.steps, 1, #o.steps, 1, {})
  local x0 = start(m, o.x0, o.paths)
  local runs, want = all_runs(o, p, counts, x0)
  local rng = core.random.new(o.seed)
  local total
  increments.levels(counts, function()
    return increments.draw(rng, o.t / counts[#counts], o.paths, m.noises, want)
  end, function(l, k, piece)
    runs[l].advance(k, piece)
    if l == 1 then
      total = increments.join(total, piece)
    end
  end)
  local last = runs[#runs]
  local goal = o.reference and outcome(o, last.prepared, last.x)
    or exact_outcome(o, x0, total)
  local list = {}
  for l = 1, #o.steps do
    list[l] = squares(outcome(o, p, runs[l].x), goal)
  end
  return gather(list, o.paths)
end

-- ---- the call ------------------------------------------------------------------

local Result = {__name = "convergence", __tostring = fit.text}
Result.__index = Result

-- The log-log figure of errors with the slopes they should have.
function Result:figure()
  return fit.figure(self)
end

-- convergence{model =, ...} -> measured orders. Options:
--   scheme  a name (the model's default); t = 1, the end; x0 = 1, a number or [d]
--   steps   {8, 16, ...}: numbers of steps, each a multiple of the one before
--   paths = 4000, seed = 1
--   exact   function(x0, t, W) -> x, elementwise (the model's own closed form)
--   reference   else: steps of a fine run (8 times the finest), done by
--           reference_scheme (SRA1, SRIW1 or Milstein, by the noise)
--   compare function(x): errors of this instead of x
--   weak    an integer k, for E x^k, or a function f(x), for E f(x): also
--           computes weak errors, for dim = 1; value: the true one (from
--           m:moments when not given); interval, nodes: see weak.lua
--   strong = false   only the weak ones
-- Result: steps, h, strong = {errors, slope, se, order, constants, local},
-- weak = the same. errors are root mean squares, or absolute values; order is
-- what the table of schemes says, constants are error / h^order. The fields of
-- the strong part (else of the weak) are fields of the result as well; print it
-- for a table, r:figure() draws it.
function M.convergence(spec)
  local o = options(spec)
  local p = scheme.prepare(o.model, o.scheme)
  local r = {name = p.name, model = o.model.name, steps = o.steps, h = {},
             t = o.t}
  for i, n in ipairs(o.steps) do
    r.h[i] = o.t / n
  end
  if o.strong then
    local errors, groups = strong(o, p)
    r.strong = fit.slope(r.h, errors, p.strong, groups)
  end
  if o.weak then
    r.weak = fit.slope(r.h, weak.errors(o, p), p.weak)
  end
  for key, v in pairs(r.strong or r.weak or {}) do
    r[key] = v
  end
  return setmetatable(r, Result)
end

return M
