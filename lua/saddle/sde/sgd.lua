-- sde/sgd.lua: stochastic gradient descent near a critical point as the saddle
-- model. Sample i has the loss h_i x^2/2 + b_i x; a step is
--   x <- x - lr (mean of h_i x + b_i over a batch of B)
-- and, in time t = lr k measured from the critical point,
--   a = -E h, sigma^2 = lr Var(h)/B, tau^2 = lr Var(b)/B, rho = corr(h, b)
-- (docs/sde.md 2). Each object carries both: params of the model, and the step
-- itself with its noise, as march takes them, so that model and descent can be
-- compared.  MIT licence.
local core = require "saddle.core"
local opt = require "saddle.opt"

local T = core.tensor
local fail = core.fail

local M = {}

local Sgd = {__name = "sgd"}
Sgd.__index = Sgd
M.Sgd = Sgd

-- ---- checks --------------------------------------------------------------------

local function vector(v, name)
  if type(v) == "table" then
    v = T(v)
  end
  if not opt.is_tensor(v) or v.ndim ~= 1 or v.shape[1] < 1 then
    fail(("from_sgd: %s: expected a vector of one number a sample, got %s")
      :format(name, opt.show(v)))
  end
  return v:to "f64":contiguous()
end

local function check_batch(batch, n, replacement)
  local size = opt.whole(batch)
  if size == nil or size < 1 or not replacement and size > n then
    fail(("from_sgd: batch: expected an integer in 1 .. %s, got %s"):format(
      replacement and "any" or tostring(n), opt.show(batch)))
  end
  return size
end

-- ---- the noise -----------------------------------------------------------------

local function variance(v)
  local d = v - v:mean()
  return (d * d):mean(), d
end

-- x* with E h x* + E b = 0.
local function centre_of(h, b)
  local eh, eb = h:mean(), b:mean()
  if eb == 0 then
    return 0.0
  elseif eh == 0 then
    fail("from_sgd: b: E h = 0 and E b ~= 0: there is no critical point")
  end
  return -eb / eh
end

local function parameters(h, b, lr, shrink)
  local vh, dh = variance(h)
  local vb, db = variance(b)
  local rho = 0.0
  if vh > 0 and vb > 0 then
    rho = (dh * db):mean() / math.sqrt(vh * vb)
    rho = math.max(-1.0, math.min(1.0, rho))
  end
  return {a = -h:mean(), sigma = math.sqrt(lr * vh * shrink),
          tau = math.sqrt(lr * vb * shrink), rho = rho}
end

local function finish(s)
  for name, v in pairs(s.params) do
    s[name] = v
  end
  return setmetatable(s, Sgd)
end

local function inherit(s, fields)
  local out = {}
  for _, key in ipairs {"h", "b", "lr", "batch", "n", "centre",
                        "replacement"} do
    out[key] = s[key]
  end
  for key, v in pairs(fields) do
    out[key] = v
  end
  return finish(out)
end

-- from_sgd{h =, b = zeros, lr =, batch = 1, replacement = true}: h and b [N]
-- one curvature and one slope a sample. Fields: a, sigma, tau, rho (params: the
-- four), centre (the critical point -E b/E h, from which x is measured), lr,
-- batch, n; and the descent itself:
--   step(x, noise)   the next x, measured from the centre
--   noise            its inputs for march: {i = {"index", ...}}, with
--                    replacement = false {"permutation", ...}: every sample
--                    once an epoch. The model then has the variance of one
--                    step, smaller by (N - B)/(N - 1); it knows nothing of the
--                    steps of an epoch cancelling each other.
function M.from_sgd(spec)
  local where = "from_sgd"
  local o = opt.check(spec, {h = opt.none, b = opt.none, lr = opt.none,
    batch = 1, replacement = true}, where)
  local h = vector(o.h, "h")
  local n = h.shape[1]
  local b = o.b == nil and T.zeros {n} or vector(o.b, "b")
  if b.shape[1] ~= n then
    fail(("%s: b: expected %d numbers, one a sample as in h, got %d"):format(
      where, n, b.shape[1]))
  end
  local lr = opt.positive(o.lr, "lr", where)
  local batch = check_batch(o.batch, n, o.replacement)
  local centre = centre_of(h, b)
  b = b + centre * h
  local shrink = 1 / batch
  if not o.replacement then
    shrink = n > 1 and shrink * (n - batch) / (n - 1) or 0.0
  end
  local s = {h = h, b = b, lr = lr, batch = batch, n = n, centre = centre,
             replacement = o.replacement and true or false,
             params = parameters(h, b, lr, shrink)}
  s.noise = {i = {o.replacement and "index" or "permutation", n = n,
                  size = batch}}
  function s.step(x, noise)
    local hi, bi = h:gather(noise.i):mean(), b:gather(noise.i):mean()
    return x - lr * (hi * x + bi)
  end
  return finish(s)
end

-- s:svrg{landmark =, every =}: variance-reduced steps about a landmark (measured
-- from the centre). The noise of a sample is h_i (x - landmark), so that the
-- model is dx = a x dt + sigma (x - landmark) dW: rho = -1 or 1, whatever b is.
-- The state is {x =, landmark =, k =}: every so many steps x becomes the
-- landmark (0: never). s:start(x0) makes it.
function Sgd:svrg(spec)
  local o = opt.check(spec, {landmark = opt.none, every = 0}, "svrg")
  local landmark = o.landmark
  if type(landmark) ~= "number" or landmark ~= landmark then
    fail(("svrg: landmark: expected a number, got %s"):format(
      opt.show(landmark)))
  end
  local every = opt.integer(o.every, "every", 0, "svrg")
  local p, h, lr, eh = self.params, self.h, self.lr, self.h:mean()
  local s = inherit(self, {landmark = landmark, every = every, kind = "svrg",
    noise = self.noise, params = {
      a = p.a, sigma = p.sigma, tau = p.sigma * math.abs(landmark),
      rho = landmark > 0 and -1.0 or landmark < 0 and 1.0 or 0.0}})
  function s.step(state, noise)
    local x, mark = state.x, state.landmark
    local hi = h:gather(noise.i):mean()
    local new = x - lr * (hi * (x - mark) + eh * mark)
    if every == 0 then
      return {x = new, landmark = mark, k = state.k}
    end
    local k = state.k + 1
    local turn = T(k):ge(every)
    return {x = new, landmark = T.where(turn, new, mark),
            k = T.where(turn, 0 * k, k)}
  end
  function s.start(x0)
    return {x = x0, landmark = 0 * x0 + landmark, k = 0 * x0}
  end
  return s
end

-- s:psgd{tau =}: perturbed steps: independent normal noise of tau sqrt(lr) is
-- added to each. tau grows to sqrt(tau^2 + added^2) and rho falls with it, so
-- that rho tau / sigma, the centre of the law, stays.
function Sgd:psgd(spec)
  local o = opt.check(spec, {tau = opt.none}, "psgd")
  local added = opt.positive(o.tau, "tau", "psgd")
  local p = self.params
  local tau = math.sqrt(p.tau ^ 2 + added ^ 2)
  local size, plain = added * math.sqrt(self.lr), self.step
  local s = inherit(self, {kind = "psgd", added = added,
    noise = {i = self.noise.i, z = "normal"},
    params = {a = p.a, sigma = p.sigma, tau = tau,
              rho = p.rho * p.tau / tau}})
  function s.step(x, noise)
    return plain(x, noise) + size * noise.z
  end
  return s
end

-- The saddle model with these parameters (form = "one", "two").
function Sgd:model(form)
  local p = self.params
  return require "saddle.sde.models".saddle {a = p.a, sigma = p.sigma,
    tau = p.tau, rho = p.rho, form = form or "one"}
end

-- Mean of ln |x'/x| per unit time far from the critical point, for batches of
-- one: where it is below 0 descent is drawn there, whatever a is. a - sigma^2/2
-- is its limit for small lr.
function Sgd:growth()
  if self.batch ~= 1 then
    fail("growth: known for batch = 1 alone")
  end
  return (1 - self.lr * self.h):abs():log():mean() / self.lr
end

function Sgd:__tostring()
  local p = self.params
  return ("%s: %d samples, lr = %g, batch = %d: a = %.6g, sigma = %.6g, " ..
    "tau = %.6g, rho = %.6g"):format(self.kind or "sgd", self.n, self.lr,
    self.batch, p.a, p.sigma, p.tau, p.rho)
end

opt.class(Sgd, "sgd")

return M
