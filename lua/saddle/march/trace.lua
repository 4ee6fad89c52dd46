-- march/trace.lua: functions of one lane, traced and made into machines of the
-- core: the step, for lanes in blocks or for all of them at once, and what is
-- observed. Inputs of every trace are the leaves of the state, the clock and the
-- base draws, in this order.  MIT licence.
local core = require "saddle.core"
local opt = require "saddle.opt"
local static = require "saddle.static"
local tree = require "saddle.tree"
local noises = require "saddle.march.noise"

local G, tensor = core.graph, core.tensor

local M = {}

local fail = opt.fail

-- time(made, o): when `made` steps have been made: t0 + made dt, or without dt
-- the number itself.
function M.time(made, o)
  return o.dt and (o.t0 == 0 and made * o.dt or o.t0 + made * o.dt) or made
end

-- lane(f, leaves, stree, o, where): the trace of f(state, noise, t) for one of
-- the lanes that axis 1 of the leaves counts. o: dt, t0, draws, and noises, of
-- whose values f gets its noise (nil: the value of the first draw).
function M.lane(f, leaves, stree, o, where)
  local n, draws = #leaves, o.draws
  local inputs = table.move(leaves, 1, n, 1, {})
  inputs[n + 1] = 0.0
  for i, draw in ipairs(draws) do inputs[n + 1 + i] = noises.sample(draw) end
  return static.twice(f, where, inputs, function(tr, leaf, i)
    return (i <= n and G.lane or G.like)(tr, leaf)
  end, function(x)
    local values = table.move(x, n + 2, #x, 1, {})
    local noise = values[1]
    if o.noises then noise = noises.give(o.noises, values) end
    return tree.unflatten(stree, x), noise, M.time(x[n + 1], o)
  end)
end

-- narrow(t, n, draws, kind): the machine of a trace with n leaves, for lanes in
-- blocks; nil where the core cannot write the step out by elements. kind: nil,
-- "aged" (lanes have clocks of their own) or "watch" (no result is a state).
function M.narrow(t, n, draws, kind)
  return core.march.machine(t.tr, t.y, {nstate = n, clock = n + 1,
    first_noise = n + 2, noise = draws, aged = kind == "aged",
    watch = kind == "watch"})
end

-- wide(t, leaves, lanes, draws): the step for all lanes at once, as a program.
function M.wide(t, leaves, lanes, draws)
  local n, wide, narrow = #leaves, {}, {}
  for i, leaf in ipairs(leaves) do
    narrow[i], wide[i] = t.x[i], G.like(t.tr, leaf)
  end
  for i, draw in ipairs(draws) do
    local one = noises.sample(draw)
    one = type(one) == "number" and tensor(one) or one
    narrow[n + i] = t.x[n + 1 + i]
    local shape = one.shape
    wide[n + i] = G.like(t.tr, one:reshape(1, table.unpack(shape))
      :broadcast_to(lanes, table.unpack(shape)))
  end
  local y = G.batch(t.tr, lanes, narrow, wide, t.y)
  local first = n + 1 + #draws -- unbound narrow inputs stand before
  return core.march.machine(t.tr, y, {nstate = n, clock = n + 1, wide = true,
    first_state = first + 1, first_noise = first + n + 1, noise = draws})
end

-- check_state(t, stree, where): does the step return a state like its own?
function M.check_state(t, stree, where)
  if not tree.same(t.ytree, stree) or t.many then
    fail("%s: the step must return a state of the structure it was given",
      where)
  end
  for i, y in ipairs(t.y) do
    local got, want = G.type(y), G.type(t.x[i])
    if got ~= want then
      fail("%s: the step must return the types it was given: leaf %d is %s, " ..
        "it returns %s", where, i, want, got)
    end
  end
end

-- watch(of, leaves, stree, o, where): the machine for the values of(state, t)
-- (nil: the state itself) as f64, and {tree =, shapes =, size =} of them.
function M.watch(of, leaves, stree, o, where)
  local function values(state, _, t)
    local list, structure = tree.flatten(state, where)
    if of then
      list, structure = tree.flatten(of(state, t), where .. ": of")
    end
    for i, v in ipairs(list) do
      local _, _, dtype = G.type(v)
      if G.issymbolic(v) and dtype ~= "f64" then list[i] = v:to("f64") end
    end
    return tree.unflatten(structure, list)
  end
  local t = M.lane(values, leaves, stree, {dt = o.dt, t0 = o.t0, draws = {}},
    where .. ": of")
  local machine = M.narrow(t, #leaves, {}, "watch")
  if not machine then
    fail("%s: 'of' must be made of element-wise operations, sums and small " ..
      "products of the state", where)
  end
  local shapes, size = {}, 0
  for i, y in ipairs(t.y) do
    local _, shape = G.type(y)
    shapes[i] = shape
    local count = 1
    for _, s in ipairs(shape) do count = count * s end
    size = size + count
  end
  if size == 0 then fail("%s: there is nothing to look at", where) end
  return machine, {tree = t.ytree, shapes = shapes, size = size}
end

return M
