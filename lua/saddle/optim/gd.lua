-- optim/gd.lua: gradient descent with the full gradient:
--   w <- w - lr grad f(w), with momentum and nesterov as in momentum.lua.
-- Options: lr = 0.1 (number or function of the step), momentum = 0,
-- nesterov = false.  MIT licence.
local momentum = require "saddle.optim.momentum"

local M = {defaults = momentum.defaults}

function M.init(_, _, o) momentum.check(o, "minimize (gd)") end

function M.step(_, s, o) return momentum.apply(s, s.grad, o) end

return M
