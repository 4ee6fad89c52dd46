-- sde/langevin.lua: `sde.langevin`: motion in a potential V with noise, of
-- stationary law e^{-V/T} in the positions:
--   overdamped     dx = F dt + sqrt(2 T) dW,  F = -grad V
--   with friction  dx = v dt, dv = (F - friction v) dt
--                              + sqrt(2 friction T) dW
-- The second is a model of dimension 2 dim: positions, then velocities. Both
-- are models as any other; BAOAB, Leimkuhler-Matthews and SGLD are written for
-- them. docs/sde.md 2.  MIT licence.
local core = require "saddle.core"
local opt = require "saddle.opt"
local transform = require "saddle.transform"
local model = require "saddle.sde.model"

local T = core.tensor
local fail = core.fail

local M = {}

local defaults = {
  potential = opt.none, force = opt.none, friction = opt.none,
  temperature = opt.none, dim = 1, batch = opt.none,
}

local function positive(v, name) return opt.positive(v, name, "langevin") end

-- F as a function of the positions: a number for dim = 1.
local function force_of(o)
  if (o.potential == nil) == (o.force == nil) then
    fail("langevin: give either potential = V(x) or force = F(x)")
  end
  if o.force then
    return o.force
  elseif o.dim == 1 then
    return function(x)
      return -model.along(o.potential, x, 0 * x + 1)
    end
  end
  return function(x)
    return -transform.grad(o.potential)(x)
  end
end

-- batch = {n = samples, size = drawn each step, force = f(x, i)}: f gives an
-- unbiased estimate of F from the samples numbered by the integers i [size].
local function check_batch(batch)
  if batch == nil then
    return nil
  end
  local b = opt.check(batch, {n = opt.none, size = 1, force = opt.none},
    "langevin: batch")
  local n, size = opt.whole(b.n), opt.whole(b.size)
  if not (n and n >= 1 and size and size >= 1) then
    fail("langevin: batch: expected integers n >= 1 and size >= 1")
  elseif type(b.force) ~= "function" then
    fail(("langevin: batch: force: expected a function of (x, i), got %s")
      :format(opt.show(b.force)))
  end
  return b
end

local function halves(x, d)
  if d == 1 then
    return x[1], x[2]
  end
  return x("1:" .. d), x(d + 1 .. ":" .. 2 * d)
end
M.halves = halves

local function join(x, v, d)
  return d == 1 and T.stack {x, v} or T.concat {x, v}
end
M.join = join

local function overdamped(o, force, temperature)
  local sd = (2 * temperature) ^ 0.5
  local m = model.model {
    name = "langevin", sense = "ito", dim = o.dim, noise = "additive",
    params = {temperature = temperature},
    drift = force,
    diffusion = function()
      return o.dim == 1 and sd or T.full({o.dim}, sd)
    end,
  }
  m.kind, m.default_scheme = "overdamped", "leimkuhler_matthews"
  return m
end

local function underdamped(o, force, temperature, friction)
  local d = o.dim
  local noise = T.concat({T.zeros {d, d},
    T.eye(d) * (2 * friction * temperature) ^ 0.5}, 1)
  local m = model.model {
    name = "langevin", sense = "ito", dim = 2 * d, noise = "additive",
    params = {temperature = temperature, friction = friction},
    drift = function(y)
      local x, v = halves(y, d)
      return join(v, force(x) - friction * v, d)
    end,
    diffusion = function()
      return noise
    end,
  }
  m.kind, m.default_scheme = "langevin", "baoab"
  return m
end

-- langevin{potential = V(x) | force = F(x), temperature =, friction =, dim = 1,
-- batch =}: x as in sde.model. Without friction the motion is overdamped. batch
-- is for SGLD.
function M.langevin(spec)
  local o = opt.check(spec, defaults, "langevin")
  local force, batch = force_of(o), check_batch(o.batch)
  local temperature = positive(o.temperature, "temperature")
  local m
  if o.friction == nil then
    m = overdamped(o, force, temperature)
  elseif batch then
    fail("langevin: batch is for overdamped motion: leave friction out")
  else
    m = underdamped(o, force, temperature, positive(o.friction, "friction"))
  end
  m.force, m.potential, m.batch, m.sites = force, o.potential, batch, o.dim
  return m
end

return M
