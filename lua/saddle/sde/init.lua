-- sde/init.lua: `saddle.sde`: models of noise, schemes, convergence. Each part
-- is a file of its own, loaded on first use.  MIT licence.
local origin = {
  model = "model", saddle = "models", gbm = "models", ou = "models",
  double_well = "models", kloeden_platen = "models", langevin = "langevin",
  from_sgd = "sgd", tail_exponent = "tail",
  convergence = "convergence", simulate = "simulate",
  first_exit = "first_exit", exit_theory = "exit_theory",
  fokker_planck = "fokker_planck", moments = "moments",
  autocovariance = "moments",
}
local whole = {scheme = "scheme", exit_closed = "exit_closed"}

-- The names there are, for who looks around at the prompt.
local function names()
  local list = {}
  for _, from in ipairs{origin, whole} do
    for name in pairs(from) do list[#list + 1] = name end
  end
  table.sort(list)
  return "saddle.sde: " .. table.concat(list, ", ")
end

return setmetatable({}, {__tostring = names, __index = function(self, name)
  local value
  if whole[name] then
    value = require("saddle.sde." .. whole[name])
  elseif origin[name] then
    value = require("saddle.sde." .. origin[name])[name]
  end
  rawset(self, name, value)
  return value
end})
