-- nn/activation.lua: activations. Each is a layer without parameters and can
-- be called as a function of a tensor, symbolic tensor or number; all are
-- compositions of primitives, so that they trace.  MIT licence.
local core = require "saddle.core"
local opt = require "saddle.opt"

local M = {named = {}}

local Activation = {}
Activation.__index = Activation
Activation.__tostring = function(a) return a.name end
Activation.__call = function(a, x)
  if type(x) == "number" or type(x) == "table" then x = core.tensor(x) end
  if not opt.is_tensor(x) then
    core.fail(("%s: expected a tensor or a number, got %s"):format(a.name,
      opt.show(x)))
  end
  return a.fn(x)
end

local function define(name, fn)
  M.named[name] = setmetatable({kind = "activation", name = name, fn = fn},
                               Activation)
end

define("tanh", function(x) return x:tanh() end)
define("sigmoid", function(x) return x:sigmoid() end)
define("softplus", function(x) return x:softplus() end)
-- The derivative at 0 is 0, as for where(x > 0, x, 0).
define("relu", function(x) return x:relu() end)
define("identity", function(x) return x end)

local names = {"identity", "relu", "sigmoid", "softplus", "tanh"}

-- The activation that `a` is, or names; false counts as identity.
function M.get(a, where)
  if a == false then return M.named.identity end
  if getmetatable(a) == Activation then return a end
  if type(a) ~= "string" then
    core.fail(("%s: activation: expected a name or an activation, got a %s")
              :format(where, type(a)))
  end
  return M.named[opt.choice(a, names, where .. ": activation")]
end

function M.is(a) return getmetatable(a) == Activation end

return M
