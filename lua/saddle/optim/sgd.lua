-- optim/sgd.lua: stochastic gradient descent on minibatches of an objective
-- with samples: each epoch visits every sample once in a fresh shuffled order
-- that depends on the seed alone; steps as in momentum.lua.
-- Options: batch = 32, rng or seed = 0, drop = false (true: leave out the
-- short batch at an epoch's end), lr, momentum, nesterov.  MIT licence.
local core = require "saddle.core"
local opt = require "saddle.opt"
local momentum = require "saddle.optim.momentum"

local M = {stochastic = true, defaults = {batch = 32, rng = opt.none, seed = 0,
                                          drop = false}}
for key, value in pairs(momentum.defaults) do M.defaults[key] = value end

function M.init(obj, s, o)
  momentum.check(o, "minimize (sgd)")
  if not obj.samples then
    core.fail("minimize (sgd): the objective has no samples; use gd")
  end
  local batch = math.tointeger(o.batch)
  if not batch or batch < 1 then
    core.fail("minimize (sgd): batch: expected an integer >= 1")
  end
  s.batch = math.min(batch, obj.samples)
  s.rng = o.rng or core.random.new(o.seed)
  s.per_epoch = o.drop and obj.samples // s.batch
    or (obj.samples + s.batch - 1) // s.batch
  s.eval, s.left = s.per_epoch, 0
end

function M.step(obj, s, o)
  if s.left == 0 then
    s.iterator, s.left = obj:batches(s.batch, s.rng), s.per_epoch
  end
  s.left = s.left - 1
  return momentum.apply(s, s.iterator():grad(s.w), o)
end

return M
