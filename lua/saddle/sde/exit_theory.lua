-- sde/exit_theory.lua: how long a one-dimensional diffusion stays in an
-- interval, through which side it leaves, and the laws of both, by quadrature:
-- no paths, no grid to choose, about twelve digits. From scale function and
-- speed measure; see docs/sde.md 3.5.  MIT licence.
local core = require "saddle.core"
local opt = require "saddle.opt"
local coefficients = require "saddle.sde.coefficients"
local panels = require "saddle.sde.panels"

local D, tensor, ROWS = core.diffusion, core.tensor, panels.ROWS

local OPTIONS = {lower = opt.none, upper = opt.none, radius = opt.none}
local WHERE = "exit_theory"

local Exit = {}
Exit.__index = Exit

function Exit:__tostring()
  return ("exit theory on [%g, %g], %d panels"):format(self.lower, self.upper,
    self.panels.edge.shape[1] - 1)
end

-- ---- arguments --------------------------------------------------------------
local function interval(o)
  if o.radius ~= nil then
    if o.lower ~= nil or o.upper ~= nil then
      core.fail(WHERE .. ": expected lower and upper, or radius, got both")
    end
    local r = opt.positive(o.radius, "radius", WHERE)
    return -r, r
  end
  local lower = opt.number(o.lower, "lower", WHERE)
  local upper = opt.number(o.upper, "upper", WHERE)
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
-- scale(x): S with S(lower) = 0, S'(lower) = 1.
function Exit:scale(x)
  return at(self, nodes(self, "scale", function()
    return self.data[ROWS.scale]:exp()
  end), x, "scale")
end

-- speed(x): the speed density m = 2 / (g^2 S') in that scale.
function Exit:speed(x)
  local log_m = at(self, self.data[ROWS.speed], x, "speed")
  return type(log_m) == "number" and math.exp(log_m) or log_m:exp()
end

-- ---- the law of the exit time -----------------------------------------------
-- Panels that resolve waves of that number in the Lamperti coordinate: edges
-- and data, kept by powers of two.
local function resolved(self, wave)
  local level = math.max(0, math.ceil(math.log(wave * self.length, 2)))
  return nodes(self, "level " .. level, function()
    local p = panels.finer(self.c, self.panels, 3 * self.length / 2.0 ^ level,
                           self.data[ROWS.time], WHERE)
    return {edge = p.edge, x = p.x,
            data = D.build(WHERE, p.edge, p.b, p.g)}
  end)
end

-- The k smallest eigenvalues and their functions, on panels fine enough for
-- the last of them.
local function modes(self, k)
  return nodes(self, "modes " .. k, function()
    local wave = 2 * k * math.pi / self.length -- Lanczos goes beyond k
    while true do
      local fine = resolved(self, wave)
      local lambda, chi, found = D.modes(WHERE, fine.edge, fine.data, k)
      local need = math.sqrt(2 * lambda[found])
      if need <= wave then
        local log_m = fine.data[ROWS.speed]
        return {lambda = lambda, found = found, fine = fine,
                psi = chi * ((log_m:max() - log_m) * 0.5):exp(),
                weights = D.weights(fine.edge, fine.data)}
      end
      wave = 2 * need
    end
  end)
end

-- sum over modes of c_i psi_i(x) h(lambda_i), c: of 1 or of a side's
-- probability.
local function expansion(self, m, side, xs, h)
  local fine, sum = m.fine, nil
  local weight = m.weights
  if side then
    weight = weight * D.side(fine.edge, fine.data, side == "upper")
  end
  for i = 1, m.found do
    local factor = h(m.lambda[i])
    if factor ~= 0 then
      local psi = D.at(fine.edge, m.psi[i], xs)
      local term = psi * (weight:dot(m.psi[i]) * factor)
      sum = sum and sum + term or term
    end
  end
  return sum or xs * 0
end

-- The modes that suffice at time t: those left out have died out (e^-37).
local FEW, MANY, DEAD = 12, 48, 37

local function enough(m, t)
  local next_one = m.lambda[m.found]
  if m.found < m.lambda.shape[1] then next_one = 1e7 * m.lambda[1] end
  return next_one * t > DEAD and m
end

-- Where m ranges over more than e^RANGE, the tails of psi drown in rounding
-- and the expansion is not used.
local RANGE = 16

local function modes_for(self, t)
  local log_m = self.data[ROWS.speed]
  if log_m:max() - log_m:min() > RANGE then return false end
  return enough(modes(self, FEW), t) or enough(modes(self, MANY), t)
end

-- The points of Talbot's contour for each x: the more, the further to the right
-- it crosses the real axis, at s = 0.4 points / t, and the larger the terms
-- F(s) exp(s t) that cancel there. Taken are the most for which these are not
-- above e^SLACK times the answer, of which min(1, their least) is a bound: so
-- small answers get the contour near their saddle point, and keep their
-- relative accuracy.
local POINTS = {22, 28, 36, 46, 60, 80, 104, 136, 176}
local SLACK = 9
local TINY = -140 -- log of what counts as 0

local function contour_points(self, t, low, up, xs)
  local count = xs.shape[1]
  local chosen, least, open = {}, {}, count
  for i = 1, count do chosen[i], least[i] = POINTS[1], 0 end
  for _, points in ipairs(POINTS) do
    if open == 0 then break end
    local s = 0.4 * points
    local fine = resolved(self, math.sqrt(2 * s / t))
    local f = D.laplace(WHERE, fine.edge, fine.data, s / t, low, up, xs)
    open = 0
    for i = 1, count do
      local bound = math.log(f[i]) + s
      least[i] = math.min(least[i], bound)
      if bound <= least[i] + SLACK then
        chosen[i], open = points, open + 1
      end
    end
  end
  for i = 1, count do
    if least[i] < TINY then chosen[i] = 0 end
  end
  return chosen
end

-- Places of the x that can reach an end in time t with a probability that is a
-- number: e^-TINY at least, by the Gaussian in the Lamperti coordinate; the
-- drift can help with half the range of phi.
local function in_reach(self, t, side, xs)
  local time = D.at(self.panels.edge, self.data[ROWS.time], xs)
  local phi = self.data[ROWS.phi]
  local help = (phi:max() - phi:min()) / 2
  local which = {}
  for i = 1, xs.shape[1] do
    local low, high = time[i], self.length - time[i]
    local way = side == "lower" and low or side == "upper" and high
      or math.min(low, high)
    if way * way / (2 * t) < help - 1.5 * TINY then which[#which + 1] = i end
  end
  return which
end

local function invert_some(self, t, side, xs, density)
  local low = side ~= "upper" and 1 or 0
  local up = side ~= "lower" and 1 or 0
  local points = contour_points(self, t, low, up, xs)
  local out = tensor.zeros(xs.shape)
  for _, count in ipairs(POINTS) do
    local which = {}
    for i, n in ipairs(points) do
      if n == count then which[#which + 1] = i end
    end
    if #which > 0 then
      local fine = resolved(self, math.sqrt(6.4 * count / t))
      local part = D.talbot(WHERE, fine.edge, fine.data, t, count, density,
                            low, up, tensor.take(xs, which))
      for k, i in ipairs(which) do out[i] = part[k] end
    end
  end
  return out
end

local function invert(self, t, side, xs, density)
  local which = in_reach(self, t, side, xs)
  local out = tensor.zeros(xs.shape)
  if #which == 0 then return out end
  local part = invert_some(self, t, side, tensor.take(xs, which), density)
  for k, i in ipairs(which) do out[i] = part[k] end
  return out
end

-- Times as a list, and whether one number was given.
local function times(t, method)
  if type(t) == "number" then t = {t} elseif opt.is_tensor(t) then
    t = t:flatten():totable()
  end
  if type(t) ~= "table" then
    core.fail(("%s: %s: t: expected a number or a list of numbers, got %s")
      :format(WHERE, method, opt.show(t)))
  end
  for _, v in ipairs(t) do
    if type(v) ~= "number" or not (v >= 0 and v < math.huge) then
      core.fail(("%s: %s: t: expected finite numbers >= 0, got %s")
        :format(WHERE, method, opt.show(v)))
    end
  end
  return t
end

-- f(t, xs) at one or many t and x0: the axis of t, if there are many, before
-- those of x0.
local function over(self, t, x0, method, f)
  local list = times(t, method)
  local xs, back = starts(self, x0, method)
  local rows = {}
  for i, v in ipairs(list) do rows[i] = back(f(v + 0.0, xs)) end
  if type(t) == "number" then return rows[1] end
  if #rows == 0 then return tensor.zeros{0} end
  return type(x0) == "number" and tensor(rows) or tensor.stack(rows, 1)
end

-- cdf(t, x0, side): P(T <= t), or of leaving by t through that side. Small
-- values are accurate relative to themselves.
function Exit:cdf(t, x0, side)
  check_side(side, "cdf")
  return over(self, t, x0, "cdf", function(at_t, xs)
    if at_t == 0 then
      return tensor.where(self:probability(xs, side):ge(1), 1.0, xs * 0)
    end
    local m = modes_for(self, at_t)
    if not m then return invert(self, at_t, side, xs) end
    local alive = expansion(self, m, side, xs, function(lambda)
      return math.exp(-lambda * at_t)
    end)
    local total = side and self:probability(xs, side) or 1
    local gone = total - alive
    if (gone / total):ge(1e-3):all() then return gone end
    return invert(self, at_t, side, xs)
  end)
end

-- The last of a decay, where the expansion above is not to be trusted: the same
-- sum with coefficients that are residues of the Laplace transform. nil when
-- more modes matter than TAIL.
local TAIL = 8

local function residues(self, t, side, xs)
  local lambda = self:eigenvalues(TAIL)
  if (lambda[TAIL] - lambda[1]) * t < DEAD then return nil end
  local sum = xs * 0
  for i = 1, TAIL - 1 do
    if (lambda[i] - lambda[1]) * t < DEAD then
      local gap = math.min(lambda[i] - (i > 1 and lambda[i - 1] or 0),
                           lambda[i + 1] - lambda[i])
      local fine = resolved(self, 2 * math.sqrt(2 * lambda[i + 1]))
      local c = D.residue(WHERE, fine.edge, fine.data, lambda[i], gap / 4,
                          side ~= "upper" and 1 or 0,
                          side ~= "lower" and 1 or 0, xs)
      sum = sum + c * math.exp(-lambda[i] * t)
    end
  end
  return sum
end

-- survival(t, x0): P(T > t); with a side, P(T > t, and out through that side).
function Exit:survival(t, x0, side)
  check_side(side, "survival")
  return over(self, t, x0, "survival", function(at_t, xs)
    local m = at_t > 0 and modes_for(self, at_t)
    if m then
      return expansion(self, m, side, xs, function(lambda)
        return math.exp(-lambda * at_t)
      end)
    end
    local total = side and self:probability(xs, side) or 1
    local left = total - self:cdf(at_t, xs, side)
    if at_t > 0 and not (left / total):gt(1e-3):all() then
      left = residues(self, at_t, side, xs) or left
    end
    return left
  end)
end

-- density(t, x0): of the exit time; with a side, of leaving through it at t.
function Exit:density(t, x0, side)
  check_side(side, "density")
  return over(self, t, x0, "density", function(at_t, xs)
    if at_t == 0 then return xs * 0 end
    local m = modes_for(self, at_t)
    if not m then return invert(self, at_t, side, xs, true) end
    local f = expansion(self, m, side, xs, function(lambda)
      return lambda * math.exp(-lambda * at_t)
    end)
    local scale = m.lambda[1]
    if f:gt(1e-4 * scale):all() then return f end
    return invert(self, at_t, side, xs, true)
  end)
end

-- laplace(s, x0, side): E exp(-s T), or the part of it that leaves through
-- that side; s >= 0.
function Exit:laplace(s, x0, side)
  check_side(side, "laplace")
  if type(s) ~= "number" or not (s >= 0 and s < math.huge) then
    core.fail(("%s: laplace: s: expected a number >= 0, got %s")
      :format(WHERE, opt.show(s)))
  end
  local xs, back = starts(self, x0, "laplace")
  local fine = resolved(self, math.sqrt(2 * s) + 1e-9)
  return back(D.laplace(WHERE, fine.edge, fine.data, s,
                        side ~= "upper" and 1 or 0,
                        side ~= "lower" and 1 or 0, xs))
end

-- Eigenvalue k between low and high, by halving with Sturm's count: for those
-- that Lanczos loses in rounding beside a tiny first one.
local function by_count(self, k, low)
  local function below(lambda)
    local fine = resolved(self, 2 * math.sqrt(2 * lambda))
    return D.count(WHERE, fine.edge, fine.data, lambda)
  end
  local high = math.max(2 * low, (k * math.pi / self.length) ^ 2 / 2)
  while below(high) < k do low, high = high, 2 * high end
  while high - low > 4e-15 * high do
    local mid = low < high / 4 and math.sqrt(low * high) or (low + high) / 2
    if mid <= low or mid >= high then break end
    if below(mid) < k then low = mid else high = mid end
  end
  return (low + high) / 2
end

-- eigenvalues(k): the k smallest rates of decay, P(T > t) ~ exp(-lambda_1 t).
function Exit:eigenvalues(k)
  local n = opt.whole(k == nil and 1 or k)
  if n == nil or n < 1 or n > 200 then
    core.fail(("%s: eigenvalues: k: expected an integer in 1 .. 200, got %s")
      :format(WHERE, opt.show(k)))
  end
  local m = modes(self, n)
  local lambda = m.lambda:copy()
  for i = m.found + 1, n do
    lambda[i] = nodes(self, "eigenvalue " .. i, function()
      return by_count(self, i, lambda[i - 1])
    end)
  end
  return lambda
end

opt.class(Exit, "exit theory")

local M = {}

--- exit_theory(model, {lower =, upper =} or {radius =}) -> exits of a model of one
--- dimension, autonomous and with a diffusion that is not 0 there. Methods take
--- a start x0, a number or a tensor whose shape the answer has, and perhaps the
--- side left through, "lower" or "upper": probability(x0, side) (of the upper),
--- mean, second, variance (given the side), cdf(t, x0, side), survival, density
--- (jointly with the side; t may be a list: the first axis then), laplace(s, x0,
--- side); scale(x), speed(x); eigenvalues(k) [k]. Fields: lower, upper, length
--- (of the interval in the Lamperti coordinate).
function M.exit_theory(model, opts)
  local o = opt.check(opts, OPTIONS, WHERE)
  local lower, upper = interval(o)
  local c = coefficients.new(model, WHERE)
  local p = panels.new(c, lower, upper, WHERE)
  local data = D.build(WHERE, p.edge, p.b, p.g)
  return setmetatable({lower = lower, upper = upper, model = model,
                       c = c, panels = p, data = data, cache = {},
                       length = data[ROWS.time]:max()}, Exit)
end

return M
