-- optim/sfn.lua: saddle-free Newton: w <- w - (|H| + c I)^+ g, where |H| has
-- the absolute eigenvalues of the exact Hessian; at each step the damping c of
-- lowest value among `damping` (1 .. 1e-5) is taken. A number fixes it.
-- Dauphin et al. 2014, algorithm 1 without its Krylov subspace.  MIT licence.
local damped = require "saddle.optim.damped"

local M = {defaults = {damping = damped.GRID}}

function M.init(_, s, o) s.grid = damped.check(o, "minimize (sfn)") end

function M.step(obj, s) return damped.step(obj, s, s.grid, true) end

return M
