-- optim/newton.lua: damped Newton: w <- w - (H + c I)^+ g by the exact
-- Hessian; at each step the damping c of lowest value among `damping` (1 ..
-- 1e-5) is taken. A number fixes it; 0 is Newton's own step. It is attracted
-- by saddles, as Newton's method is.
-- Dauphin et al. 2014, sections 4 and F.1.  MIT licence.
local damped = require "saddle.optim.damped"

local M = {defaults = {damping = damped.GRID}}

function M.init(_, s, o) s.grid = damped.check(o, "minimize (newton)") end

function M.step(obj, s) return damped.step(obj, s, s.grid, false) end

return M
