-- optim/damped.lua: what newton and sfn share: one eigendecomposition of the
-- Hessian, one trial step for each damping c, the one of lowest value taken,
-- whether or not it is lower than the present value:
--   step(c) = - V diag(1 / (m(lambda) + c)) V' g,   m = identity or abs
-- Directions with |m + c| at the rounding level of the largest eigenvalue are
-- left out (pseudo-inverse).
-- Dauphin et al. 2014, appendix F.1.  MIT licence.
local core = require "saddle.core"
local search = require "saddle.search"

local M = {}

M.GRID = {1, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5}
local EPS = 2.0 ^ -52

function M.check(o, where)
  local list = type(o.damping) == "number" and {o.damping} or o.damping
  if type(list) ~= "table" or #list == 0 then
    core.fail(where .. ": damping: expected a number or a list of numbers")
  end
  for _, c in ipairs(list) do
    if type(c) ~= "number" or not (c >= 0 and c < math.huge) then
      core.fail(where .. ": damping: expected finite numbers >= 0, got "
                .. tostring(c))
    end
  end
  return list
end

local function finite(x) return x == x and x < math.huge end

-- The next w: the best of the trials; nil when none is finite or moves.
function M.step(obj, s, list, absolute)
  local lambda, V = core.linalg.eigh(obj:hessian(s.w))
  local coef = V:t():mv(s.grad)
  if absolute then lambda = lambda:abs() end
  local cut = EPS * lambda.shape[1] * lambda:abs():max()
  local best, least
  for _, c in ipairs(list) do
    local p = search.newton_step(V, lambda + c, coef, cut)
    local w = s.w + p
    if p:norm() > 0 and w:isfinite():all() then
      local value = #list > 1 and obj:value(w) or 0
      if finite(value) and (not least or value < least) then
        best, least, s.damping = w, value, c
      end
    end
  end
  return best
end

return M
