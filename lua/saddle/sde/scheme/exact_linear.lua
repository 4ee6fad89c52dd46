-- scheme/exact_linear.lua: the saddle model given the path of W. With
-- Phi = exp((a - sigma^2/2) h + sigma dW), u = x + c and xi a fresh normal,
--   u' = Phi [u - a c J1] + tau q Phi sqrt(J2) xi
-- has the exact conditional law; J1 and J2, the integrals of 1/Phi_s and
-- 1/Phi_s^2 over the step, are taken by the trapezium rule on SUB parts, for
-- which W is refined by Brownian bridges. |rho| = 1 included: u then keeps its
-- sign on the side it is drawn to. Exact in law but for J1, J2: their error is
-- of order h/SUB a step. docs/sde.md 2.  MIT licence.
local core = require "saddle.core"

local T = core.tensor
local SUB = 8

-- W at 0, h/8, ..., h from dW and normals z: midpoints, level by level.
local function refined(h, dw, z)
  local path = {[0] = 0.0, [SUB] = dw}
  local width, used = SUB, 0
  while width > 1 do
    local half = width // 2
    local sd = (h * width / SUB) ^ 0.5 / 2
    for left = 0, SUB - width, width do
      used = used + 1
      path[left + half] = 0.5 * (path[left] + path[left + width])
        + sd * z[used]
    end
    width = half
  end
  return path
end

-- J1, J2 and Phi over the step.
local function functionals(p, h, path)
  local a, sigma = p.params.a, p.params.sigma
  local rate = a - sigma ^ 2 / 2
  local dt = h / SUB
  local j1, j2, phi = 0.5 * dt, 0.5 * dt, nil
  for k = 1, SUB do
    local inverse = T(-rate * k * dt - sigma * path[k]):exp()
    local weight = k == SUB and 0.5 * dt or dt
    j1 = j1 + weight * inverse
    j2 = j2 + weight * inverse * inverse
    phi = inverse
  end
  return j1, j2, 1 / phi
end

return {
  name = "exact_linear", strong = nil, weak = nil, sense = "ito",
  kinds = {"saddle"}, noise = {"scalar", "additive", "commutative", "general"},
  what = "the saddle model with sigma > 0",
  fits = function(m)
    return m.params.sigma > 0
  end,
  source = "Ito 1951", note = "exact in law given the path of W", extra = SUB,
  setup = function(p)
    p.extra = p.model.form == "two" and SUB - 1 or SUB
  end,
  step = function(p, x, _, h, w)
    local m = p.model
    local two = m.form == "two"
    local dw = two and w.dw[1] or w.dw
    local j1, j2, phi = functionals(p, h, refined(h, dw, w.extra))
    local xi = two and w.dw[2] * h ^ -0.5 or w.extra[SUB]
    return phi * (x + m.c - p.params.a * m.c * j1
      + p.params.tau * m.q * T(j2):sqrt() * xi) - m.c
  end,
}
