-- critical/verify.lua: is w a critical point, and of which kind? A numerical
-- verification in floating point, not a proof: L below is measured along one
-- step, so no Kantorovich certificate is claimed.
--
-- The known symmetries of the objective at w are removed first: the Hessian is
-- read on the orthogonal complement of their directions. There, with the
-- eigenpairs of H and the Newton step p = -H^+ g, w is called critical when
--   |g| <= tol, or at the rounding level of the gradient
--   eta = |p| <= eta_tol (1 + |w|)    the critical point is predicted near
--   g has no component beyond rounding where H is zero (p cannot remove it)
--   |g(w + p)| is not larger than |g(w)|   one Newton step confirms it
-- never on the gradient norm alone. The classes of critical points:
--   minimum, maximum, saddle   all eigenvalues have a sure sign: they exceed
--               both 1e-6 of the largest and four times the change of the
--               Hessian along p (Kantorovich's condition with L measured
--               there; beside a double root of g the change is half of it)
--   degenerate  some have not, or the gradient has a kink here (a ReLU at its
--               corner): the index counts the sure ones only, and nothing is
--               said of the others, nor of being a minimum
-- and of other points:
--   gradient_flat  not critical, and more than flat_r of g lies in directions
--               where H is nearly zero: r > 0.9 and r_H < 5e-4, Frye et al.
--               2020; methods that shrink |g| stop there
--   unconverged    neither
-- MIT licence.
local core = require "saddle.core"
local search = require "saddle.search"

local tensor, random = core.tensor, core.random

local M = {}

-- Options (also of critical.find):
--   tol         on the gradient norm
--   eta_tol     on the predicted distance to the critical point
--   tolerances  three levels, relative to the largest |eigenvalue|, at which
--               the inertia is counted; the class takes the second
--   flat_r, flat_rh   thresholds of gradient flatness
M.defaults = {tol = 1e-8, eta_tol = 1e-6, tolerances = {1e-4, 1e-6, 1e-8},
              flat_r = 0.9, flat_rh = 5e-4}

local EPS = 2.0 ^ -52
local SURE = 4       -- changes of the Hessian that an eigenvalue must exceed
local ROUNDING = 32 -- roundings a sum of terms of both signs may collect

local function norm(x) return x:norm() end

-- Eigenvalues (ascending) and vectors of H on the complement of the rows of S
-- (orthonormal, k of them). H is shifted along S to above its spectrum, and
-- the k largest pairs are dropped. Third value: the shifted matrix.
function M.eigen(H, S)
  local k = S.shape[1]
  if k == 0 then
    local lambda, V = core.linalg.eigh(H)
    return lambda, V, H
  end
  local HS = H:mm(S:t())
  local cross = HS:mm(S)
  local A = H - cross - cross:t() + S:t():mm(S:mm(HS)):mm(S)
  local size = norm(H)
  local top = size > 0 and 2 * size or 1
  A = A + top * S:t():mm(S)
  A = (A + A:t()) * 0.5
  local lambda, V = core.linalg.eigh(A)
  local m = lambda.shape[1] - k
  if m == 0 then return tensor.zeros{0}, tensor.zeros{V.shape[1], 0}, A end
  return lambda[{"1:" .. m}], V[{":", "1:" .. m}], A
end

-- r = |Hp + g| / (|H| |p| + |g|) and r_H = |H(Hp + g)| / (|H| |Hp + g|), with
-- |H| Frobenius and p the Newton step over |lambda| > flat_rh |H|: r near 1
-- says that the gradient lies where the curvature is negligible.
function M.flatness(lambda, coef, normH, flat_rh)
  local cut = flat_rh * normH
  local keep = lambda:abs():gt(cut)
  local p = norm(tensor.where(keep, coef / tensor.where(keep, lambda, 1), 0))
  local rest = tensor.where(keep, 0, coef)
  local size, g = norm(rest), norm(coef)
  if size == 0 then return 0.0, 0.0 end
  local curved = normH > 0 and norm(rest * lambda) / (normH * size) or 0.0
  return size / (normH * p + g), curved
end

local function count(lambda, tol)
  local neg = lambda:lt(-tol):to("i64"):sum()
  local pos = lambda:gt(tol):to("i64"):sum()
  return {tol = tol, n_neg = neg, n_pos = pos,
          n_zero = lambda:numel() - neg - pos}
end

-- The inertia at each tolerance, from LDL' factorisations of the shifted
-- Hessian A (its k largest eigenvalues are the symmetries'): a computation of
-- its own beside the eigenvalues.
local function inertia(A, lambda, largest, k, tolerances)
  local out = {}
  for i, rel in ipairs(tolerances) do
    local tol = rel * largest
    local neg, zero, pos = 0, lambda:numel(), 0
    if largest > 0 then
      neg, zero, pos = core.linalg.inertia(A, {tol = tol})
      pos = pos - k
    end
    out[i] = {tol = tol, n_neg = neg, n_zero = zero, n_pos = pos}
  end
  return out
end

-- One Newton step from w: the change of the gradient and of the Hessian.
local function confirm(obj, cp, p, H)
  if cp.eta == 0 then
    cp.next_grad_norm, cp.shift = cp.grad_norm, 0
    return
  end
  local there = cp.w + p
  cp.next_grad_norm = norm(obj:grad(there))
  cp.shift = norm(obj:hessian(there) - H)
end

-- Is the gradient differentiable at w, as H claims? What is left of
-- g(w + hv) - g(w) after hHv falls with h where it is, and not at a kink.
local PROBES, STEPS, SEEN = 3, {1e-5, 1e-6}, 1e-6

local function is_smooth(obj, w, grad, H, normH)
  local rng = random.new(0)
  local size = 1 + norm(w)
  for _ = 1, PROBES do
    local v = rng:normal{w.shape[1]}
    v = v / norm(v)
    local Hv = H:mv(v)
    for sign = -1, 1, 2 do
      local rest = {}
      for i, step in ipairs(STEPS) do
        local h = sign * step * size
        rest[i] = norm(obj:grad(w + h * v) - grad - h * Hv) / math.abs(h)
      end
      if rest[2] > SEEN * normH and rest[2] > 0.5 * rest[1] then
        return false
      end
    end
  end
  return true
end

-- Directions that the caller calls symmetries must be flat where g is zero.
local function check_symmetries(H, S, normH, tol)
  local along = norm(H:mm(S:t()))
  if along > tol * normH then
    core.fail(("verify: symmetries: the Hessian is not zero along them: "
      .. "|H s| = %.2g, |H| = %.2g"):format(along, normH))
  end
end

local function is_critical(cp, o)
  local size = 1 + norm(cp.w)
  return cp.grad_norm <= math.max(o.tol, cp.noise)
    and cp.eta <= o.eta_tol * size
    and cp.null_grad <= math.min(cp.noise, o.tol)
    and cp.next_grad_norm <= math.max(cp.grad_norm, cp.noise)
end

local function class_of(cp, o)
  if not cp.critical then
    return cp.r > o.flat_r and cp.r_H < o.flat_rh and "gradient_flat"
      or "unconverged"
  end
  if cp.n_zero > 0 or cp.n_neg + cp.n_pos == 0 or not cp.smooth then
    return "degenerate"
  end
  if cp.n_neg == 0 then return "minimum" end
  return cp.n_pos == 0 and "maximum" or "saddle"
end

-- Gradient, Hessian and Newton step at w on the complement of the symmetries.
local function measure(obj, cp, o)
  local w, P = cp.w, cp.w.shape[1]
  local value, grad = obj:value_grad(w)
  local H = obj:hessian(w)
  local S = obj.symmetries and obj:symmetries(w) or tensor.zeros{0, P}
  local lambda, V, A = M.eigen(H, S)
  local coef, normH = V:t():mv(grad), norm(lambda)
  local largest = lambda:numel() > 0 and lambda:abs():max() or 0
  local cut = ROUNDING * EPS * P * largest
  local p = search.newton_step(V, lambda, coef, cut)
  cp.value, cp.grad_norm, cp.eta = value, norm(grad), norm(p)
  cp.eigenvalues, cp.largest, cp.symmetries = lambda, largest, S.shape[1]
  cp.inertia = inertia(A, lambda, largest, S.shape[1], o.tolerances)
  cp.noise = ROUNDING * EPS * normH * (1 + norm(w))
  cp.r, cp.r_H = M.flatness(lambda, coef, normH, o.flat_rh)
  cp.null_grad = norm(S:mv(grad))
    + norm(tensor.where(lambda:abs():gt(cut), 0, coef))
  confirm(obj, cp, p, H)
  cp.critical = is_critical(cp, o)
  if cp.critical then
    check_symmetries(H, S, norm(H), o.tolerances[2])
    cp.smooth = is_smooth(obj, w, grad, H, normH)
  end
end

-- Index by the sure signs; whether all countings agree.
local function count_signs(cp, o)
  local first, last = cp.inertia[1], cp.inertia[3]
  cp.certain = first.n_neg == last.n_neg and first.n_pos == last.n_pos
  for _, at in ipairs(cp.inertia) do
    local seen = count(cp.eigenvalues, at.tol)
    cp.certain = cp.certain and seen.n_neg == at.n_neg
      and seen.n_pos == at.n_pos
  end
  cp.zero_tol = o.tolerances[2] * cp.largest
  if cp.critical then cp.zero_tol = math.max(cp.zero_tol, SURE * cp.shift) end
  local sure = count(cp.eigenvalues, cp.zero_tol)
  cp.n_neg, cp.n_zero, cp.n_pos = sure.n_neg, sure.n_zero, sure.n_pos
  cp.index, cp.alpha = cp.n_neg, cp.n_neg / cp.w.shape[1]
end

-- The verification of a finite point w [P]; o: checked options. Fields:
--   w, value, error (of classifiers), grad_norm, class, critical
--   index = n_neg, n_zero, n_pos   by the class's tolerance zero_tol; alpha =
--            n_neg / P; inertia: the counts at the three tolerances, by LDL'
--   certain  the first and the last of the three agree, and the eigenvalues'
--            signs say the same
--   eigenvalues   ascending, on the complement; largest |eigenvalue|;
--            symmetries: number of directions removed
--   r, r_H   flatness; eta: estimated distance to the critical point
--   smooth   of critical points: the gradient has no kink there
--   shift    change of the Hessian (Frobenius) along the Newton step
--   noise    rounding level taken for the gradient; null_grad: the gradient
--            along symmetries and where the Hessian is zero
--   counts   evaluations by the objective so far
function M.point(obj, w, o)
  local cp = search.result("point", {w = w, counts = {},
    error = obj.error and obj:error(w) or nil})
  measure(obj, cp, o)
  count_signs(cp, o)
  cp.class = class_of(cp, o)
  for _, key in ipairs{"value", "grad", "hvp", "hessian"} do
    cp.counts[key] = obj.counts and obj.counts[key]
  end
  return cp
end

return M
