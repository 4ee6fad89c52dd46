-- march/options.lua: what every march is asked for: its seed, clock, blocks,
-- noises, and a state whose leaves count lanes on axis 1.  MIT licence.
local core = require "saddle.core"
local opt = require "saddle.opt"
local noises = require "saddle.march.noise"

local G, system, tensor = core.graph, core.system, core.tensor

local M = {}

local fail = opt.fail

-- check(opts, defaults, where): opts checked; seed, dt, t0, block, first_lane,
-- noise are among them, noises and draws are added.
function M.check(opts, defaults, where)
  local o = opt.check(opts, defaults, where)
  if o.dt ~= nil and not (type(o.dt) == "number" and o.dt > 0 and
                          o.dt < math.huge) then
    fail("%s: option 'dt': expected a step > 0, got %s", where,
      opt.show(o.dt))
  end
  o.t0 = opt.number(o.t0, "option 't0'", where)
  o.seed = o.seed == nil and system.seed() or
    opt.integer(o.seed, "option 'seed'", math.mininteger, where)
  o.block = opt.integer(o.block, "option 'block'", 0, where)
  if o.block % 64 ~= 0 then
    fail("%s: option 'block': expected a multiple of 64, got %d", where,
      o.block)
  end
  o.lanes = o.lanes and opt.integer(o.lanes, "option 'lanes'", 1, where)
  o.first_lane = opt.integer(o.first_lane, "option 'first_lane'", 0, where)
  o.noises, o.draws = noises.read(o.noise, where)
  return o
end

-- state(leaves, lanes, where): makes the leaves contiguous f64 with lanes on axis
-- 1, whose number is returned. lanes: nil, or how often the state of one lane is
-- repeated.
function M.state(leaves, lanes, where)
  local size = lanes
  for i, leaf in ipairs(leaves) do
    local x = type(leaf) == "number" and tensor(leaf + 0.0) or leaf
    local text, shape, dtype = G.type(x)
    if G.issymbolic(x) then
      fail("%s: the state: expected concrete tensors: inside a traced " ..
        "function write the loop in Lua", where)
    end
    if dtype ~= "f64" then
      fail("%s: the state: expected f64, leaf %d is %s", where, i, text)
    end
    if lanes then
      x = x:reshape(1, table.unpack(shape))
        :broadcast_to(lanes, table.unpack(shape))
    elseif shape[1] == nil or size and shape[1] ~= size then
      fail("%s: the state: leaf %d is %s: axis 1 of every leaf counts lanes%s",
        where, i, text, size and (", of which the first has " .. size) or
        "; for copies of one state give the option lanes")
    end
    size = size or shape[1]
    leaves[i] = x:contiguous()
  end
  if size == nil or size < 1 then
    fail("%s: the state: expected at least one lane", where)
  end
  return size
end

return M
