-- critical/newton.lua: damped Newton on the gradient (NewtonTR of Frye et al.
-- 2019): trial steps p = -(H + c I)^+ g for every damping c of a list, the one
-- of smallest |g| kept. The list ends in 0, Newton's own step, so that the end
-- is quadratic. Where the best trial does not halve |g|, steps that point
-- downhill on |g|^2 whatever the signs of H are tried as well:
--   p = -(H^2 + c^2 I)^-1 H g      (Levenberg-Marquardt), c = 1e-6 |H| 4^k
-- If nothing shrinks |g|, the search has failed and says so. One
-- eigendecomposition serves all trials and the flatness.  MIT licence.
local core = require "saddle.core"
local search = require "saddle.search"
local verify = require "saddle.critical.verify"

local M = {defaults = {damping = {1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 0}}}

local EPS = 2.0 ^ -52
local SMALLEST, GROWTH, TRIALS = 1e-6, 4, 36

local function downhill_step(lambda, V, coef, c)
  return -V:mv(coef * lambda / (lambda * lambda + c * c))
end

-- The trial w + p; nil when it is not finite.
local function look(obj, s, p)
  local w = s.w + p
  if not w:isfinite():all() then return nil end
  local grad = obj:grad(w)
  local size = grad:norm()
  if size ~= size or size == math.huge then return nil end
  return {w = w, grad = grad, norm = size, move = p:norm()}
end

-- The best of the downhill steps: c grows until |g| falls, and on while it
-- falls further.
local function downhill(obj, s, lambda, V, coef)
  local c, best = SMALLEST * lambda:abs():max(), nil
  if c == 0 then return nil end
  for _ = 1, TRIALS do
    local t = look(obj, s, downhill_step(lambda, V, coef, c))
    local falls = t and t.norm < s.norm
    if best and (not falls or t.norm >= best.norm) then break end
    if falls then
      best, t.damping, t.downhill = t, c, true
    end
    c = c * GROWTH
  end
  return best
end

function M.step(obj, s, o)
  local lambda, V = core.linalg.eigh(obj:hessian(s.w))
  local coef = V:t():mv(s.grad)
  local cut = EPS * lambda:numel() * lambda:abs():max()
  local best
  for _, c in ipairs(o.damping) do
    local t = look(obj, s, search.newton_step(V, lambda + c, coef, cut))
    if t and t.norm < (best and best.norm or s.norm) then
      best, t.damping = t, c
    end
  end
  if not best or best.norm > 0.5 * s.norm then
    local t = downhill(obj, s, lambda, V, coef)
    if t and (not best or t.norm < best.norm) then best = t end
  end
  if best then
    best.r, best.r_H = verify.flatness(lambda, coef, lambda:norm(), o.flat_rh)
  end
  return best
end

return M
