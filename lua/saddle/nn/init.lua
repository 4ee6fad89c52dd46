-- nn/init.lua: `saddle.nn`, neural networks over one flat parameter vector.
-- A model is a list of layers; its parameters are always the caller's vector
-- w, never hidden state, so that every function of a network is a function of
-- w that the transforms and the finders can work on.
-- Files in reading order: activation, initial, loss, model.  MIT licence.
local activation = require "saddle.nn.activation"
local initial = require "saddle.nn.initial"
local loss = require "saddle.nn.loss"
local model = require "saddle.nn.model"
local objective = require "saddle.objective"

local M = {
  init = initial,        -- nn.init.glorot_uniform() ...
  losses = loss.named,   -- nn.losses.mse(out, y) ...
  linear = model.linear,
  sequential = model.sequential,
  mlp = model.mlp,
  autoencoder = model.autoencoder,
  objective = objective.make,
}

-- nn.tanh ... are layers that can also be called: nn.tanh(x).
for name, layer in pairs(activation.named) do M[name] = layer end
-- nn.cross_entropy(logits, y), nn.mse, nn.bce.
for name, l in pairs(loss.named) do M[name] = l end

return M
