-- sde/exit_theory.lua: how long a one-dimensional diffusion stays in an
-- interval, through which side it leaves, and the laws of both, by quadrature:
-- no paths, no grid to choose, about twelve digits. From scale function and
-- speed measure; see docs/sde.md 3.5.  MIT licence.
local core = require "saddle.core"
local opt = require "saddle.opt"
local coefficients = require "saddle.sde.coefficients"
local panels = require "saddle.sde.panels"

local D, tensor = core.diffusion, core.tensor

local OPTIONS = {lower = opt.none, upper = opt.none, radius = opt.none}
local WHERE = "exit_theory"

local Exit = {}
Exit.__index = Exit

-- ---- arguments --------------------------------------------------------------
local function number(v, name)
  if type(v) ~= "number" or v ~= v or v == math.huge or v == -math.huge then
    core.fail(("%s: %s: expected a finite number, got %s")
      :format(WHERE, name, opt.show(v)))
  end
  return v + 0.0
end

local function interval(o)
  if o.radius ~= nil then
    if o.lower ~= nil or o.upper ~= nil then
      core.fail(WHERE .. ": expected lower and upper, or radius, got both")
    end
    local r = number(o.radius, "radius")
    if not (r > 0) then
      core.fail(("%s: radius: expected a number > 0, got %g")
        :format(WHERE, r))
    end
    return -r, r
  end
  local lower, upper = number(o.lower, "lower"), number(o.upper, "upper")
  if not (lower < upper) then
    core.fail(("%s: lower, upper: expected lower < upper, got %g and %g")
      :format(WHERE, lower, upper))
  end
  return lower, upper
end

-- x0 as a vector inside the interval, and how to give the answer back: as a
-- number, or in the shape x0 had.
local function starts(self, x0, method)
  local where = WHERE .. ": " .. method
  if type(x0) == "number" then
    if not (x0 >= self.lower and x0 <= self.upper) then
      core.fail(("%s: x0: expected a number in [%g, %g], got %g")
        :format(where, self.lower, self.upper, x0))
    end
    return tensor{x0 + 0.0}, function(y) return y[1] end
  end
  if type(x0) == "table" then x0 = tensor(x0) end
  if not (opt.is_tensor(x0) and not tensor.issymbolic(x0)) then
    core.fail(("%s: x0: expected a number or a tensor, got %s")
      :format(where, opt.show(x0)))
  end
  local xs = x0:to("f64"):flatten()
  local inside = xs:ge(self.lower):land(xs:le(self.upper))
  if xs.shape[1] > 0 and not inside:all() then
    local first = inside:argmin()
    core.fail(("%s: x0: expected numbers in [%g, %g], got %g at place %d")
      :format(where, self.lower, self.upper, xs[first], first))
  end
  return xs, function(y) return y:reshape(x0.shape) end
end

-- Values at the nodes, made once: a name and the function that makes them.
local function nodes(self, name, make)
  local f = self.cache[name]
  if f == nil then
    f = make()
    self.cache[name] = f
  end
  return f
end

local function at(self, f, x0, method)
  local xs, back = starts(self, x0, method)
  return back(D.at(self.panels.edge, f, xs))
end

-- ---- functions at the nodes -------------------------------------------------
local function green(self, f)
  return D.green(self.panels.edge, self.data, f)
end

local function ones(self) return tensor.ones(self.panels.x.shape) end

local function side_nodes(self, side)
  return nodes(self, "side " .. side, function()
    return D.side(self.panels.edge, self.data, side == "upper")
  end)
end

-- T_1 = E[T; side] (side nil: either).
local function mean_nodes(self, side)
  return nodes(self, "mean " .. tostring(side), function()
    return green(self, side and side_nodes(self, side) or ones(self))
  end)
end

-- E[T^2; side] = 2 G(E[T; side]).
local function second_nodes(self, side)
  return nodes(self, "second " .. tostring(side), function()
    return green(self, mean_nodes(self, side) * 2)
  end)
end

local function check_side(side, method)
  if side == nil or side == "lower" or side == "upper" then return side end
  return core.fail(("%s: %s: side: expected 'lower', 'upper' or nothing, " ..
    "got %s"):format(WHERE, method, opt.show(side)))
end

-- ---- methods ----------------------------------------------------------------
-- probability(x0): to leave through upper; side: through that side.
function Exit:probability(x0, side)
  side = check_side(side, "probability") or "upper"
  return at(self, side_nodes(self, side), x0, "probability")
end

-- mean(x0): the mean exit time; with a side, given that side.
function Exit:mean(x0, side)
  side = check_side(side, "mean")
  local mean = at(self, mean_nodes(self, side), x0, "mean")
  return side and mean / self:probability(x0, side) or mean
end

-- second(x0): the second moment of the exit time; with a side, given that side.
function Exit:second(x0, side)
  side = check_side(side, "second")
  local second = at(self, second_nodes(self, side), x0, "second")
  return side and second / self:probability(x0, side) or second
end

function Exit:variance(x0, side)
  local mean = self:mean(x0, side)
  return self:second(x0, side) - mean * mean
end

-- ---- scale and speed --------------------------------------------------------
local function row(self, i) return self.data[i] end

-- scale(x): S with S(lower) = 0, S'(lower) = 1.
function Exit:scale(x)
  return at(self, nodes(self, "scale", function()
    return row(self, 2):exp()
  end), x, "scale")
end

-- speed(x): the speed density m = 2 / (g^2 S') in that scale.
function Exit:speed(x)
  local log_m = at(self, row(self, 5), x, "speed")
  return type(log_m) == "number" and math.exp(log_m) or log_m:exp()
end

opt.class(Exit, "exit theory")

local M = {}

-- new(model, {lower =, upper =} or {radius =})
function M.new(model, opts)
  local o = opt.check(opts, OPTIONS, WHERE)
  local lower, upper = interval(o)
  local c = coefficients.new(model, WHERE)
  local p = panels.new(c, lower, upper, WHERE)
  local data = D.build(WHERE, p.edge, p.b, p.g)
  return setmetatable({lower = lower, upper = upper, model = model,
                       panels = p, data = data, cache = {}}, Exit)
end

return setmetatable(M, {__call = function(_, ...) return M.new(...) end})
