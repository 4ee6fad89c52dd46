-- scheme/sgld.lua: stochastic gradient Langevin dynamics, x + h f + sqrt(2 T) dW
-- with f the force, or its estimate from a minibatch drawn at each step
-- (sde.langevin{batch =}): w.i holds the samples' numbers. Variance in a
-- harmonic well of stiffness k without batches: T/(k (1 - h k/2)). Welling & Teh
-- 2011; docs/sde.md 2.  MIT licence.
return {
  name = "sgld", strong = 1, weak = 1, sense = "ito",
  kinds = {"overdamped"}, noise = {"additive"},
  what = "overdamped Langevin motion", source = "Welling, Teh 2011",
  note = "minibatch forces",
  setup = function(p)
    local batch = p.model.batch
    if batch then
      p.noise.i = {"index", n = batch.n, size = batch.size}
      p.strong = nil
    end
  end,
  step = function(p, x, _, h, w)
    local batch = p.model.batch
    local force = batch and batch.force(x, w.i) or p.model.force(x)
    return x + h * force + (2 * p.params.temperature) ^ 0.5 * w.dw
  end,
}
