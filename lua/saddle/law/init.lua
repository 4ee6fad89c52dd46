-- law/init.lua: `saddle.law`: distributions on the line as objects; see
-- law/base.lua for what they answer. One file a law, loaded at its first use:
-- saddle (the stationary law of the saddle model, whichever it is), pearson4,
-- student_t, cauchy, inverse_gamma, lognormal, normal, point; times of first
-- passage: first_passage, inverse_gaussian, gbm_exit, brownian_exit, ou_exit.
-- MIT licence.
local base = require "saddle.law.base"

local files = {
  saddle = true, pearson4 = true, student_t = true, cauchy = true,
  inverse_gamma = true, lognormal = true, normal = true, point = true,
  first_passage = "first_passage", inverse_gaussian = "first_passage",
  gbm_exit = "exit", brownian_exit = "exit", ou_exit = true,
}

local M = {is_law = base.is_law}

-- names(): the laws there are.
function M.names()
  local list = {}
  for name in pairs(files) do list[#list + 1] = name end
  table.sort(list)
  return list
end

setmetatable(M, {__index = function(self, name)
  local file = files[name]
  if file == nil then return nil end
  local made = require("saddle.law." .. (file == true and name or file))
  if file ~= true then made = made[name] end
  rawset(self, name, made)
  return made
end})

return M
