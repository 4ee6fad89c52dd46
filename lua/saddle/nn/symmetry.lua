-- nn/symmetry.lua: directions along which a network's loss does not change,
-- whatever the data. They make the Hessian singular at critical points, and
-- are removed before its inertia is read.
--   softmax shift   adding one number to all logits: one direction for each
--                   unit before the output and one for the output's bias;
--                   flat at every point
--   relu scaling    unit i: incoming weights times s, outgoing ones divided
--   linear hidden   h -> A h, undone by the next layer: GL(width); and a shift
--                   of the bias, undone by the next bias
-- Only continuous symmetries have directions; permutations and signs of units
-- are handled where points are compared. The l2 term breaks all of these.
-- MIT licence.
local core = require "saddle.core"
local tensor = core.tensor

local M = {}

local DEPENDENT = 1e-6 -- of a unit vector, after projection: it is in the span
local VANISHED = 1e-6  -- of 1 + |w|: a tangent that is rounding error

-- The length below which a tangent at w says nothing: where the orbit of w is
-- a point (an idle unit, say) what is left of it is rounding error, and its
-- direction is no symmetry.
function M.least(w) return VANISHED * math.min(1 + w:norm(), 1e3) end

-- An orthonormal basis [k x n] of the span of those rows (a list of vectors, a
-- tensor [m x n], or nil) that are longer than `least` (0): Gram-Schmidt, twice
-- for each vector.
function M.orthonormal(rows, n, least)
  local basis = {}
  if type(rows) == "userdata" then
    local list = {}
    for i = 1, rows.shape[1] do list[i] = rows[i] end
    rows = list
  end
  for _, row in ipairs(rows or {}) do
    local size = row:norm()
    if size > (least or 0) then
      local u = row / size
      for _ = 1, 2 do
        for _, b in ipairs(basis) do u = u - b * b:dot(u) end
      end
      local left = u:norm()
      if left > DEPENDENT then basis[#basis + 1] = u / left end
    end
  end
  if #basis == 0 then return tensor.zeros{0, n} end
  local flat = {}
  for i, b in ipairs(basis) do flat[i] = b:reshape(1, n) end
  return tensor.concat(flat, 1)
end

-- A fresh vector of zeros, filled through its views by `write`.
local function direction(net, write)
  local t = tensor.zeros{net:dim()}
  write(net:views(t))
  return t
end

local function softmax_shift(net, w, last, rows)
  local name = "layer" .. last
  local view = net:views(w)[name]
  for j = 1, view.weight.shape[2] do
    rows[#rows + 1] = direction(net, function(v)
      v[name].weight[{":", j}] = 1
    end)
  end
  if view.bias then
    rows[#rows + 1] = direction(net, function(v)
      v[name].bias[{":"}] = 1
    end)
  end
end

-- Unit i of layer l takes up a times unit j's incoming weights; the outgoing
-- weights of unit j pay for it. i = j is the scaling.
local function mix(net, w, l, i, j)
  local view = net:views(w)
  local a, b = "layer" .. l, "layer" .. (l + 1)
  return direction(net, function(v)
    v[a].weight[{i, ":"}] = view[a].weight[j]
    if v[a].bias then v[a].bias[i] = view[a].bias[j] end
    v[b].weight[{":", j}] = -view[b].weight[{":", i}]
  end)
end

local function bias_shift(net, w, l, i)
  local a, b = "layer" .. l, "layer" .. (l + 1)
  local view = net:views(w)
  return direction(net, function(v)
    v[a].bias[i] = 1
    v[b].bias[{":"}] = -view[b].weight[{":", i}]
  end)
end

local function hidden(net, w, plan, rows)
  for l = 1, #plan.activations - 1 do
    local width, act = plan.sizes[l + 1], plan.activations[l]
    for i = 1, width do
      if act == "relu" then
        rows[#rows + 1] = mix(net, w, l, i, i)
      elseif act == "identity" then
        for j = 1, width do rows[#rows + 1] = mix(net, w, l, i, j) end
        if plan.bias then rows[#rows + 1] = bias_shift(net, w, l, i) end
      end
    end
  end
end

-- A list of directions [P] (not orthonormal) for an objective made from a
-- network; empty for l2 > 0 and for networks with layers we do not know.
function M.of_network(obj, w)
  local rows, plan = {}, obj.net:structure()
  if obj.l2 > 0 or not plan then return rows end
  local last = #plan.activations
  if obj.loss.name == "cross_entropy"
      and plan.activations[last] == "identity" then
    softmax_shift(obj.net, w, last, rows)
  end
  hidden(obj.net, w, plan, rows)
  return rows
end

return M
