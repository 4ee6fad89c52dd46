-- sde/panels.lua: cuts an interval into panels on which a model's drift and
-- diffusion are polynomials to working accuracy: every panel that fails the
-- test of core.diffusion is halved. Boundary layers, the scale tau/sigma of the
-- saddle model and kinks are found in this way in any coordinate.
-- MIT licence.
local core = require "saddle.core"
local coefficients = require "saddle.sde.coefficients"

local D, tensor = core.diffusion, core.tensor

local M = {}

-- Of what core.diffusion.build returns: 2 b / g^2 integrated, log of the scale
-- function, log of the speed density, the Lamperti coordinate.
M.ROWS = {phi = 1, scale = 2, speed = 5, time = 6}

local FIRST, MOST = 16, 60000

local function halved(edge, split)
  local out, k = {edge[1]}, 1
  for i = 1, #edge - 1 do
    if split[k] == i then
      out[#out + 1] = edge[i] + (edge[i + 1] - edge[i]) / 2
      k = k + 1
    end
    out[#out + 1] = edge[i + 1]
  end
  return out
end

local function first(lower, upper)
  local edge = {}
  for i = 0, FIRST do
    edge[i + 1] = lower + (upper - lower) * (i / FIRST)
  end
  edge[FIRST + 1] = upper
  return edge
end

local function too_many(list, c, where)
  local k = 1
  for i = 1, #list - 1 do
    if list[i + 1] - list[i] < list[k + 1] - list[k] then k = i end
  end
  core.fail(("%s: %d panels do not resolve drift and diffusion, least near " ..
    "x = %.15g, where the diffusion is %g: the interval must not reach a " ..
    "zero of it"):format(where, #list, list[k], c.g(tensor{list[k]}, 0)[1]))
end

-- new(c, lower, upper, where, moving): {edge =, x =, b =, g =}, tensors: edges and the
-- values at the nodes. c: from coefficients.new. moving: may they depend on t?
-- Then the panels are those of t = 0.
function M.new(c, lower, upper, where, moving)
  local list = first(lower, upper)
  while true do
    local edge = tensor(list)
    local x = D.nodes(edge)
    local b, g = c.b(x, 0), c.g(x, 0)
    local split = D.test(where, edge, b, g)
    if #split == 0 then
      if not moving then coefficients.check_autonomous(c, x, where) end
      return {edge = edge, x = x, b = b, g = g}
    end
    list = halved(list, split)
    if #list > MOST then
      too_many(list, c, where)
    end
  end
end

-- finer(c, p, length, time, where): the panels p cut further, so that none is
-- longer than `length` in the Lamperti coordinate, whose values are `time`.
function M.finer(c, p, length, time, where)
  local nodes, list = D.nodes(tensor{0.0, 1.0}).shape[1], {}
  if time:max() / length > MOST then
    core.fail(("%s: s or 1/t is too large: a motion of that rate has %.1g " ..
      "waves in the interval"):format(where, time:max() / length))
  end
  for i = 1, p.edge.shape[1] - 1 do
    local a, b = p.edge[i], p.edge[i + 1]
    local long = time[i * nodes] - time[(i - 1) * nodes + 1]
    local parts = math.ceil(1.2 * long / length)
    for k = 0, parts - 1 do list[#list + 1] = a + (b - a) * (k / parts) end
  end
  list[#list + 1] = p.edge[p.edge.shape[1]]
  local edge = tensor(list)
  local x = D.nodes(edge)
  return {edge = edge, x = x, b = c.b(x, 0), g = c.g(x, 0)}
end

return M
