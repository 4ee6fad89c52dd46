-- optim/momentum.lua: the step of gd and sgd, given a gradient g:
--   v <- momentum v + g          (v starts at 0)
--   w <- w - lr v                heavy ball (Polyak 1964)
--   w <- w - lr (g + momentum v) with nesterov
-- Sutskever et al. 2013 keep lr inside of v; outside, a schedule acts at once.
-- With nesterov our w is their look-ahead point.  MIT licence.
local core = require "saddle.core"

local M = {}

M.defaults = {lr = 0.1, momentum = 0, nesterov = false}

function M.check(o, where)
  local lr = o.lr
  if type(lr) ~= "function" and not (type(lr) == "number" and lr > 0
                                     and lr < math.huge) then
    core.fail(where .. ": lr: expected a number > 0 or a function of the step")
  end
  if type(o.momentum) ~= "number" or o.momentum < 0 or o.momentum >= 1 then
    core.fail(where .. ": momentum: expected a number in [0, 1)")
  end
  if o.nesterov and o.momentum == 0 then
    core.fail(where .. ": nesterov needs momentum > 0")
  end
end

-- The next w; s.velocity is v. lr may be a function of the step 1, 2, ...
function M.apply(s, g, o)
  local lr = o.lr
  if type(lr) == "function" then lr = lr(s.k + 1) end
  if o.momentum == 0 then return s.w - lr * g end
  s.velocity = s.velocity and o.momentum * s.velocity + g or g
  local d = o.nesterov and g + o.momentum * s.velocity or s.velocity
  return s.w - lr * d
end

return M
