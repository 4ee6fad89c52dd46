-- sde/fokker_planck.lua: the density of a one-dimensional model in time, or its
-- stationary law on an interval, on cells with the flux of Scharfetter and
-- Gummel: conservative, positive, exact at the stationary law; docs/sde.md 3.10.
-- The start is smoothed by four half steps of backward Euler (Rannacher).
-- MIT licence.
local core = require "saddle.core"
local opt = require "saddle.opt"
local coefficients = require "saddle.sde.coefficients"
local gridding = require "saddle.sde.grid"
local progress = require "saddle.progress"
local transform = require "saddle.transform"

local D, tensor, system = core.diffusion, core.tensor, core.system
local WHERE = "fokker_planck"

local OPTIONS = {
  lower = opt.none, upper = opt.none, points = 400, grid = "lamperti",
  centre = 0, width = 1, boundary = opt.none, x0 = opt.none,
  initial = opt.none, t = opt.none, times = opt.none, dt = opt.none,
  method = "tr_bdf2", smooth = true, stationary = false, progress = false,
}

local METHODS = {"tr_bdf2", "crank_nicolson", "euler"}

local function bad(name, expected, value)
  return core.fail(("%s: %s: expected %s, got %s")
    :format(WHERE, name, expected, opt.show(value)))
end

local function finite(v)
  return type(v) == "number" and v == v and math.abs(v) < math.huge
end

-- ---- arguments --------------------------------------------------------------
local function interval(o)
  for _, name in ipairs {"lower", "upper"} do
    if not finite(o[name]) then bad(name, "a finite number", o[name]) end
  end
  if not (o.lower < o.upper) then
    core.fail(("%s: lower, upper: expected lower < upper, got %g and %g")
      :format(WHERE, o.lower, o.upper))
  end
  return o.lower + 0.0, o.upper + 0.0
end

local ENDS = {"reflecting", "absorbing", "periodic"}

-- The two ends, of a name or {lower =, upper =} or {a, b}.
local function boundary(b)
  b = b == nil and "reflecting" or b
  local low, high = b, b
  if type(b) == "table" then
    low, high = b.lower or b[1] or "reflecting", b.upper or b[2] or "reflecting"
  end
  opt.choice(low, ENDS, WHERE .. ": boundary")
  opt.choice(high, ENDS, WHERE .. ": boundary")
  if (low == "periodic") ~= (high == "periodic") then
    core.fail(WHERE .. ": boundary: expected both ends periodic, or none")
  end
  return low, high
end

local function times(o)
  local list = o.times
  if list == nil then list = {o.t} end
  if opt.is_tensor(list) then list = list:flatten():totable() end
  if type(list) ~= "table" or #list == 0 then
    bad("times", "a list of times, or t = a time", o.times)
  end
  local last = -1
  for i, t in ipairs(list) do
    if not finite(t) or t < 0 or t <= last then
      bad(("times[%d]"):format(i), "an increasing list of times >= 0", t)
    end
    last = t
  end
  return list
end

-- ---- the start --------------------------------------------------------------
-- A point as masses of the two nearest cells, mean kept; between an absorbing
-- end and the first centre part of it is gone at once. Returns masses and what
-- left through the lower and the upper end.
local function point(grid, x0, ends)
  local m, n, out = tensor.zeros{grid.n}, grid.n, {0, 0}
  if x0 <= grid.x[1] then
    local share = (x0 - grid.face[1]) / (grid.x[1] - grid.face[1])
    m[1] = ends[1] == "absorbing" and share or 1
    out[1] = 1 - m[1]
    return m, out
  end
  if x0 >= grid.x[n] then
    local share = (grid.face[n + 1] - x0) / (grid.face[n + 1] - grid.x[n])
    m[n] = ends[2] == "absorbing" and share or 1
    out[2] = 1 - m[n]
    return m, out
  end
  local i = math.tointeger(grid.x:le(x0):sum())
  local share = (x0 - grid.x[i]) / (grid.x[i + 1] - grid.x[i])
  m[i], m[i + 1] = 1 - share, share
  return m, out
end

-- Densities at the centres (a tensor, a table), a function of x, or a law,
-- whose cdf gives the masses.
local function spread(grid, initial)
  local p
  if type(initial) == "function" then
    p = transform.vmap(initial)(grid.x)
  elseif type(initial) == "table" and type(initial.cdf) == "function" then
    local f = initial:cdf(grid.face)
    return f["2:" .. grid.n + 1] - f["1:" .. grid.n]
  elseif type(initial) == "table" or opt.is_tensor(initial) then
    p = opt.is_tensor(initial) and initial or tensor(initial)
  else
    bad("initial", "values, a function or a law", initial)
  end
  p = p:to("f64")
  if #p.shape ~= 1 or p.shape[1] ~= grid.n then
    core.fail(("%s: initial: expected %d values, one a cell, got %s")
      :format(WHERE, grid.n, opt.show(p)))
  end
  if not p:isfinite():all() or not p:ge(0):all() then
    core.fail(WHERE .. ": initial: expected finite densities >= 0")
  end
  return p * grid.width
end

local function start(grid, o, ends)
  if (o.x0 == nil) == (o.initial == nil) then
    core.fail(WHERE .. ": expected x0 or initial, got " ..
      (o.x0 == nil and "neither" or "both"))
  end
  if o.initial ~= nil then return spread(grid, o.initial), {0, 0} end
  if not finite(o.x0) or o.x0 < o.lower or o.x0 > o.upper then
    bad("x0", ("a number in [%g, %g]"):format(o.lower, o.upper), o.x0)
  end
  return point(grid, o.x0, ends)
end

-- ---- the result -------------------------------------------------------------
local Density = {}
Density.__index = Density

-- mean(i): of the law at times[i] (the last), given that it is still inside.
function Density:mean(i) return self:moment(1, i) end

function Density:variance(i)
  local mean = self:mean(i)
  local m = self.path[i or #self.times] * self.width
  return (m * (self.x - mean):square()):sum() / m:sum()
end

function Density:moment(k, i)
  local m = self.path[i or #self.times] * self.width
  return (m * self.x ^ k):sum() / m:sum()
end

-- cdf(i): P(X <= face) at the faces at times[i].
function Density:cdf(i)
  local m = self.path[i or #self.times] * self.width
  return tensor.concat({tensor.zeros{1}, m:cumsum(1)}, 1)
end

function Density:__tostring()
  return ("fokker_planck: %d cells on [%g, %g], t %g, mass %.6g, out %.6g " ..
    "below and %.6g above, status %s"):format(self.x.shape[1], self.face[1],
    self.face[self.face.shape[1]], self.t, self.mass, self.out.lower,
    self.out.upper, self.status)
end

opt.class(Density, "Fokker-Planck density")

local function result(grid, s, status)
  local r = {x = grid.x, face = grid.face, width = grid.width, status = status,
             times = s.at, t = s.at[#s.at] or 0, steps = s.steps}
  r.path = tensor.stack(s.path, 1)
  r.p = r.path[#s.path]
  r.survival = tensor(s.mass):f64()
  r.mass = s.mass[#s.mass]
  r.gone = {lower = tensor(s.low):f64(), upper = tensor(s.high):f64()}
  r.flux = {lower = tensor(s.flux_low):f64(),
            upper = tensor(s.flux_high):f64()}
  r.out = {lower = s.low[#s.low], upper = s.high[#s.high]}
  r.least = r.path:min()
  return setmetatable(r, Density)
end

-- ---- time -------------------------------------------------------------------
local function rates(s, t)
  local d, pe = gridding.coefficients(s.grid, s.c, t, WHERE)
  s.right, s.left = D.rates(s.grid.face, s.grid.x, d, pe, s.ends[1],
                            s.ends[2])
end

local function snapshot(s, t)
  local k, n = #s.at + 1, s.grid.n
  if s.moving then rates(s, t) end
  s.at[k], s.path[k], s.mass[k] = t, s.m / s.grid.width, s.m:sum()
  s.low[k], s.high[k] = s.out[1], s.out[2]
  s.flux_low[k] = s.periodic and 0.0 or s.left[1] * s.m[1]
  s.flux_high[k] = s.periodic and 0.0 or s.right[n] * s.m[n]
end

local function advance(s, h, steps, method)
  s.m, s.out[1], s.out[2] = D.run(WHERE, s.right, s.left, s.periodic, s.m, h,
                                  steps, method, s.total, s.out[1], s.out[2])
  s.steps = s.steps + steps
end

-- From time t on: `steps` steps of length h, in pieces after which Ctrl-C and
-- the progress bar get their turn; moving coefficients are those of the
-- middle of each step.
local function go(s, t, h, steps, method, tick)
  local piece = s.moving and 1 or 64
  local done = 0
  while done < steps do
    local k = math.min(piece, steps - done)
    local good, message = pcall(function()
      if s.moving then rates(s, t + (done + 0.5) * h) end
      advance(s, h, k, method)
    end)
    if system.interrupted(true) then return false end
    if not good then error(message, 0) end
    done = done + k
    s.now = t + done * h
    tick()
  end
  return true
end

-- From one snapshot to the next.
local function interval_steps(s, o, from, to, tick)
  local count = math.max(1, math.ceil((to - from) / o.dt - 1e-9))
  local h, done = (to - from) / count, 0
  if s.rough then
    local euler = math.min(2, count)
    if not go(s, from, h / 2, 2 * euler, "euler", tick) then return false end
    s.rough, done = false, euler
  end
  return go(s, from + done * h, h, count - done, o.method, tick)
end

local function loop(s, o, list)
  local t, last = 0, list[#list]
  local total = math.ceil(last / o.dt) + 1
  local bar <close> = progress.new(total, o.progress and WHERE)
  for _, to in ipairs(list) do
    if to > t and not interval_steps(s, o, t, to, function()
      bar:step(math.min(total, s.steps))
    end) then
      return "interrupted"
    end
    t, s.now = to, to
    snapshot(s, t)
  end
  return "done"
end

-- Do the coefficients differ between times of the run?
local function moves(c, x, last)
  for _, name in ipairs {"b", "g"} do
    local first = c[name](x, 0)
    for _, share in ipairs {0.3141, 1} do
      if not first:equal(c[name](x, last * share)) then return true end
    end
  end
  return false
end

local function evolve(grid, c, o, ends)
  local list = times(o)
  local last = list[#list]
  if o.dt == nil then o.dt = last > 0 and last / 500 or 1 end
  if not finite(o.dt) or o.dt <= 0 then bad("dt", "a number > 0", o.dt) end
  opt.choice(o.method, METHODS, WHERE .. ": method")
  local s = {grid = grid, c = c, ends = ends, steps = 0, now = 0.0, at = {},
             path = {},
             mass = {}, low = {}, high = {}, flux_low = {}, flux_high = {},
             periodic = ends[1] == "periodic", rough = o.smooth,
             moving = moves(c, grid.x, last)}
  s.m, s.out = start(grid, o, ends)
  s.total = s.m:sum() + s.out[1] + s.out[2]
  rates(s, 0)
  local status = system.guard(loop, s, o, list)
  if #s.at == 0 or s.now > s.at[#s.at] then snapshot(s, s.now) end
  return result(grid, s, status)
end

-- ---- stationary -------------------------------------------------------------
local function stationary(grid, c, ends)
  if ends[1] == "absorbing" or ends[2] == "absorbing" then
    core.fail(WHERE .. ": stationary: expected reflecting or periodic ends: " ..
      "through an absorbing one all mass leaves")
  end
  if moves(c, grid.x, 1) then
    core.fail(WHERE .. ": stationary: expected coefficients that do not " ..
      "depend on t")
  end
  local s = {grid = grid, c = c, ends = ends}
  rates(s, 0)
  local m, current = D.stationary(WHERE, s.right, s.left,
                                  ends[1] == "periodic")
  local r = result(grid, {steps = 0, at = {math.huge}, mass = {m:sum()},
    path = {m / grid.width}, low = {0.0}, high = {0.0}, flux_low = {0.0},
    flux_high = {0.0}}, "stationary")
  r.current = current
  return r
end

local M = {}

--- fokker_planck(model, options) -> the density of a one-dimensional model.
--- lower, upper: the interval; points (400): cells n; grid: "lamperti",
--- "uniform", "asinh" (about `centre`, of `width`) or faces [n + 1]; boundary:
--- "reflecting", "absorbing", "periodic", or {lower =, upper =}; x0, a point, or
--- initial: densities at the centres [n], a function of x, or a law; t or times;
--- dt (a 500th of the last time); method: "tr_bdf2", "crank_nicolson", "euler";
--- smooth (true): the first steps are backward Euler; progress; stationary =
--- true: the law that paths settle into instead. Fields: x [n], face [n + 1],
--- width [n], times, path [times x n], p (the last of them), survival [times]
--- (mass inside), gone and flux (lower, upper: [times]), mass, out, least (the
--- smallest density), steps, status, current (of a stationary law on a ring);
--- methods mean(i), variance(i), moment(k, i), cdf(i) [n + 1] at times[i].
function M.fokker_planck(model, opts)
  local o = opt.check(opts, OPTIONS, WHERE)
  local lower, upper = interval(o)
  local ends = {boundary(o.boundary)}
  local n = opt.whole(o.points)
  if n == nil or n < 3 or n > 10000000 then
    bad("points", "an integer >= 3", o.points)
  end
  if not finite(o.width) or o.width <= 0 then
    bad("width", "a number > 0", o.width)
  end
  local c = coefficients.new(model, WHERE)
  local grid = gridding.new(c, lower, upper, n, o, WHERE)
  if o.stationary then return stationary(grid, c, ends) end
  return evolve(grid, c, o, ends)
end

return M
