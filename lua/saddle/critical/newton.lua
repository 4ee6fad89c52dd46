-- critical/newton.lua: damped Newton on the gradient (NewtonTR of Frye et al.
-- 2019): trial steps p = -(H + c I)^+ g for every damping c of a list, the one
-- of smallest |g| kept. The list ends in 0, Newton's own step, so that the end
-- is quadratic. Where no trial shrinks |g|, the step of c = 0, which always
-- points downhill on |g|^2, is halved until it does; if it never does, the
-- search has failed and says so.
-- One eigendecomposition serves all trials and the flatness.  MIT licence.
local core = require "saddle.core"
local verify = require "saddle.critical.verify"

local tensor = core.tensor

local M = {defaults = {damping = {1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 0}}}

local EPS = 2.0 ^ -52
local ARMIJO = 1e-4   -- share of the predicted fall of |g|^2 that is asked for
local HALVINGS = 52

local function step_of(lambda, V, coef, c)
  local d = lambda + c
  local keep = d:abs():gt(EPS * lambda:numel() * lambda:abs():max())
  local safe = tensor.where(keep, d, d * 0 + 1)
  return -V:mv(tensor.where(keep, coef / safe, coef * 0))
end

-- w + a p and the gradient there; nil when it is not finite.
local function look(obj, s, p, a)
  local w = s.w + a * p
  if not w:isfinite():all() then return nil end
  local grad = obj:grad(w)
  local size = grad:norm()
  if size ~= size or size == math.huge then return nil end
  return {w = w, grad = grad, norm = size, move = a * p:norm(),
          alpha = a}
end

-- Halves the step until |g|^2 falls, and on while it falls further: near a
-- trap of |g| the first success may be a jump across it.
local function backtrack(obj, s, p)
  local a, best = 1.0, nil
  for _ = 1, HALVINGS do
    a = a / 2
    local t = look(obj, s, p, a)
    -- The slope of |g|^2 along p is -2 |g|^2 on H's range.
    local falls = t and t.norm ^ 2 <= (1 - 2 * ARMIJO * a) * s.norm ^ 2
    if best and (not falls or t.norm >= best.norm) then break end
    if falls then best = t end
  end
  return best
end

function M.step(obj, s, o)
  local H = obj:hessian(s.w)
  local lambda, V = core.linalg.eigh(H)
  local coef = V:t():mv(s.grad)
  local best
  for _, c in ipairs(o.damping) do
    local t = look(obj, s, step_of(lambda, V, coef, c), 1.0)
    if t and (not best or t.norm < best.norm) then
      best, t.damping = t, c
    end
  end
  if not best or best.norm >= s.norm then
    best = backtrack(obj, s, step_of(lambda, V, coef, 0))
  end
  local r, r_H = verify.flatness(lambda, coef, lambda:norm(), o.flat_rh)
  if best then best.r, best.r_H = r, r_H end
  return best
end

return M
