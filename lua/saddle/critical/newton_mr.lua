-- critical/newton_mr.lua: Newton-MR: the step p of minimum residual |Hp + g|
-- (and of minimum length) in a Krylov space, by MINRES-QLP, and a line search
-- on |g|^2 along it (Roosta et al. 2018; constants of Frye et al. 2019):
--   accept when |g(w + a p)|^2 <= |g|^2 + 2 rho a p'H g
-- the unit step is tried first with rho = 0.5, then a starts at twice the last
-- accepted one, rho = 1e-4, and is halved. Where a underflows the search has
-- failed: no point is returned.
-- Options: inner Krylov steps (the dimension, at most 1000); rtol = 5e-4 of
-- MINRES-QLP at first, then 0.1 |g| / |g at the start| where that is less: its
-- residual is measured against |H| |p| + |g|, and p may be 1 / |smallest
-- eigenvalue| times longer than g, so that 5e-4 for ever would stop short.
-- dense = true builds the Hessian once per step; false works by
-- Hessian-vector products alone, and |H| in r, r_H is then MINRES-QLP's
-- estimate of it.  MIT licence.
local core = require "saddle.core"
local opt = require "saddle.opt"

local M = {defaults = {inner = opt.none, rtol = 5e-4, dense = true}}

local FIRST, ARMIJO, BETA = 0.5, 1e-4, 0.5
local SHORTEST = 2.0 ^ -52
local FORCING = 0.1

-- r and r_H of the step p with residual e = Hp + g.
local function flatness(apply, normH, p, e, g)
  local size = e:norm()
  if size == 0 then return 0.0, 0.0 end
  local r = size / (normH * p:norm() + g)
  local curved = apply(e):norm()
  return r, normH > 0 and curved / (normH * size) or 0.0
end

local function look(obj, s, p, a, slope, rho)
  local w = s.w + a * p
  if not w:isfinite():all() then return nil end
  local grad = obj:grad(w)
  local size = grad:norm()
  if size == size and size ^ 2 <= s.norm ^ 2 + 2 * rho * a * slope
      and size < s.norm then
    return {w = w, grad = grad, alpha = a, move = a * p:norm()}
  end
  return nil
end

local function search(obj, s, p, slope)
  local t = look(obj, s, p, 1.0, slope, FIRST)
  local a = math.min(1, (s.alpha or 1) / BETA)
  while not t and a > SHORTEST do
    t = look(obj, s, p, a, slope, ARMIJO)
    a = a * BETA
  end
  return t
end

function M.step(obj, s, o)
  local H = o.dense and obj:hessian(s.w)
  local here = not H and obj.at and obj:at(s.w) -- keeps the passes at w
  local function apply(v)
    if H then return H:mv(v) end
    return here and here:hvp(v) or obj:hvp(s.w, v)
  end
  local p, info = core.linalg.minres_qlp(H or apply, -s.grad, {
    maxiter = o.inner or math.min(s.w.shape[1] + 5, 1000),
    rtol = math.min(o.rtol, FORCING * s.norm / s.history[1].grad_norm),
  })
  local Hp = apply(p)
  local slope = Hp:dot(s.grad) -- p'H g
  if not (slope < 0) then return nil end
  local t = search(obj, s, p, slope)
  if not t then return nil end
  local normH = H and H:norm() or info.anorm
  t.r, t.r_H = flatness(apply, normH, p, Hp + s.grad, s.norm)
  return t
end

return M
