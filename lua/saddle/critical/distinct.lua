-- critical/distinct.lua: which points of a network are the same up to its
-- discrete symmetries: hidden units may be permuted, and units of an odd
-- activation (tanh, identity) may change sign together with their outgoing
-- weights. The canonical form orders the units of each hidden layer by the
-- size of their weights and makes the largest weight of each positive.
-- MIT licence.
local core = require "saddle.core"
local opt = require "saddle.opt"

local M = {}

local ODD = {tanh = true, identity = true}

-- The weights of unit i between layers a and b: incoming, bias, outgoing.
local function unit(a, b, i)
  local list = a.weight[i]:totable()
  if a.bias then list[#list + 1] = a.bias[i] end
  local out = b.weight[{":", i}]:totable()
  table.move(out, 1, #out, #list + 1, list)
  return list
end

local function size_and_sign(list)
  local sum, largest = 0, 0
  for _, x in ipairs(list) do
    sum = sum + x * x
    if math.abs(x) > math.abs(largest) then largest = x end
  end
  return sum, largest < 0 and -1 or 1
end

local function order_layer(a, b, odd)
  local width = a.weight.shape[1]
  local units = {}
  for i = 1, width do
    local size, sign = size_and_sign(unit(a, b, i))
    units[i] = {at = i, size = size, sign = odd and sign or 1}
  end
  table.sort(units, function(x, y)
    if x.size ~= y.size then return x.size > y.size end
    return x.at < y.at
  end)
  local W, c, out = a.weight:copy(), a.bias and a.bias:copy(), b.weight:copy()
  for i, u in ipairs(units) do
    a.weight[i] = W[u.at] * u.sign
    if c then a.bias[i] = c[u.at] * u.sign end
    b.weight[{":", i}] = out[{":", u.at}] * u.sign
  end
end

-- The canonical form of the parameters w of a plain network.
function M.canonical(net, w)
  local plan = net:structure()
  if not plan then
    core.fail("canonical: only for plain feed-forward networks")
  end
  w = w:copy()
  local v = net:views(w)
  for l = 1, #plan.activations - 1 do
    order_layer(v["layer" .. l], v["layer" .. (l + 1)],
                ODD[plan.activations[l]])
  end
  return w
end

local function same(a, b, o)
  return math.abs(a.value - b.value) <= o.tol * (1 + math.abs(b.value))
    and (a.form - b.form):norm() <= o.tol * (1 + b.form:norm())
end

-- distinct(points, {net =, tol = 1e-5}): one entry {point, times, form} for
-- each group of points (tables with w and value) that agree to tol, in the
-- order of their first member.
local function distinct(points, opts)
  local o = opt.check(opts, {net = opt.none, tol = 1e-5}, "distinct")
  local groups = {}
  for _, p in ipairs(points) do
    local entry = {point = p, value = p.value, times = 1,
                   form = o.net and M.canonical(o.net, p.w) or p.w}
    local found
    for _, g in ipairs(groups) do
      if same(entry, g, o) then
        g.times, found = g.times + 1, true
        break
      end
    end
    if not found then groups[#groups + 1] = entry end
  end
  return groups
end

return setmetatable(M, {__call = function(_, ...) return distinct(...) end})
