-- static.lua: `saddle.vmap`, `saddle.jit`, `saddle.iterate`, and `saddle.trace`
-- for looking at graphs. All but trace call the user's function twice and raise
-- when the two graphs differ: the graph then stands for the function at every
-- value.  MIT licence.
local core = require "saddle.core"
local tree = require "saddle.tree"
local tracing = require "saddle.tracing"

local G = core.graph
local flatten, unflatten = tree.flatten, tree.unflatten
local check_function, finish = tracing.check_function, tracing.finish
local is_number, results = tracing.is_number, tracing.results

local M = {check_function = check_function}

--- twice(f, where, leaves, input, build): the trace of f(build(x)) with an
--- input(tr, leaf, i) for every leaf, after a second one gave the same graph.
function M.twice(f, where, leaves, input, build)
  local function once()
    local t = {tr = G.trace(true), x = {}}
    for i, leaf in ipairs(leaves) do
      t.x[i] = input(t.tr, leaf, i)
    end
    return finish(t, f, where, build(t.x))
  end
  local a, b = once(), once()
  local same, what = G.same(a.tr, a.y, b.tr, b.y)
  if not (same and tree.same(a.ytree, b.ytree)) then
    core.fail(("%s: the function gave another graph when traced again (%s): " ..
      "it reads a clock, an rng or a counter; pass such values as arguments")
      :format(where, what))
  end
  return a
end


local VMAP_OPTIONS = {axes = false}

local function lane_count(leaves, mapped)
  local size, first
  for i, leaf in ipairs(leaves) do
    local _, shape = G.type(leaf)
    local n = shape[1]
    if mapped[i] and size ~= nil and n ~= size then
      core.fail(("vmap: axes differ in size: leaf %d has %d, leaf %d has %d")
        :format(first, size, i, n))
    end
    if mapped[i] then
      size, first = n, first or i
    end
  end
  if size == nil then
    core.fail("vmap: no argument is mapped")
  end
  return size
end

-- One axis, or false, for each of n arguments.
local function check_axes(axes, n)
  if type(axes) ~= "table" then
    core.fail("vmap: option axes: expected a table with an axis or false " ..
      "for each argument, got " .. type(axes))
  end
  if #axes > n then
    core.fail(("vmap: option axes: names %d arguments, the function got %d")
      :format(#axes, n))
  end
  for i = 1, #axes do
    local axis = math.tointeger(axes[i])
    if axes[i] and (axis == nil or axis < 1) then
      core.fail(("vmap: option axes: expected an axis or false for argument " ..
        "%d, got %s"):format(i, tostring(axes[i])))
    end
  end
end

-- Moves an axis of leaf i to the front.
local function to_front(leaf, axis, i)
  local text, shape = G.type(leaf)
  if shape[axis] == nil then
    core.fail(("vmap: argument leaf %d is %s: it has no axis %d")
      :format(i, text, axis))
  end
  if axis == 1 then
    return leaf
  end
  local axes = {axis}
  for a = 1, #shape do
    if a ~= axis then
      axes[#axes + 1] = a
    end
  end
  return leaf:permute(axes)
end

-- Per argument its leaves; per leaf its mapped axis (false: shared).
local function vmap_arguments(args, n, axes)
  local leaves, trees, mapped = {}, {}, {}
  for i = 1, n do
    local list, node = flatten(args[i], "vmap: argument " .. i)
    local axis = axes == nil and 1 or axes[i] or false
    trees[i] = {node = node, first = #leaves + 1, count = #list}
    for _, leaf in ipairs(list) do
      local k = #leaves + 1
      leaves[k] = axis and to_front(leaf, math.tointeger(axis), k) or leaf
      mapped[k] = axis and true
    end
  end
  return leaves, trees, mapped
end

-- The arguments again, with x for their leaves; what has no leaves as it is.
local function rebuild(trees, x)
  local out = {}
  for i, t in ipairs(trees) do
    if t.node then
      out[i] = unflatten(t.node, table.move(x, t.first,
        t.first + t.count - 1, 1, {}))
    else
      out[i] = t.static
    end
  end
  return table.unpack(out, 1, #trees)
end

-- Lanes that run at once: so many that their temporaries stay in the cache.
local CACHE = 1 << 20

function M.lanes_at_once(tr, outs, size)
  local bytes = G.scratch(tr, outs)
  return math.min(size, math.max(1, CACHE // math.max(bytes, 1)))
end

-- outs for lanes first .. last of the mapped leaves.
local function some_lanes(t, narrow, mapped, first, last)
  local wide = {}
  for i, leaf in ipairs(mapped) do
    wide[i] = G.input(t.tr, leaf[{first .. ":" .. last}])
  end
  return G.batch(t.tr, last - first + 1, narrow, wide, t.y), wide
end

-- An empty tensor for `size` results like those of a block.
local function room(block, size)
  local shape = block.shape
  shape[1], shape.dtype = size, block.dtype
  return core.tensor.empty(shape)
end

-- The results of all lanes, block by block.
local function all_lanes(t, size, narrow, mapped)
  local block = M.lanes_at_once(t.tr, t.y, size)
  local by, wide = some_lanes(t, narrow, mapped, 1, block)
  local out = {}
  for first = 1, size, block do
    local last = math.min(first + block - 1, size)
    if last - first + 1 < block then
      by = some_lanes(t, narrow, mapped, first, last)
    elseif first > 1 then
      for i, leaf in ipairs(mapped) do
        G.bind(t.tr, wide[i], leaf[{first .. ":" .. last}])
      end
    end
    local values = G.run(t.tr, by)
    if block == size then
      return values
    end
    for k, v in ipairs(values) do
      out[k] = out[k] or room(v, size)
      out[k][{first .. ":" .. last}] = v
    end
  end
  return out
end

--- vmap(f, {axes = {1, false, ...}})(...) maps f over axis 1 of every argument
--- (or over the axes given; false holds an argument constant); results carry
--- the lanes on axis 1.
function M.vmap(f, opts)
  check_function(f, "vmap")
  opts = require "saddle.opt".check(opts, VMAP_OPTIONS, "vmap")
  local axes = opts.axes or nil
  return function(...)
    local n = select("#", ...)
    if axes then
      check_axes(axes, n)
    end
    local leaves, trees, mapped = vmap_arguments({...}, n, axes)
    local size = lane_count(leaves, mapped)
    local t = M.twice(f, "vmap", leaves, function(tr, leaf, i)
      return (mapped[i] and G.lane or G.like)(tr, leaf)
    end, function(x)
      return rebuild(trees, x)
    end)
    local lanes, narrow, wide, symbolic = {}, {}, {}, G.symbolic(t.tr)
    for i, leaf in ipairs(leaves) do
      symbolic = symbolic or G.issymbolic(leaf)
      if mapped[i] then
        narrow[#narrow + 1] = t.x[i]
        lanes[#lanes + 1] = leaf
      else
        G.bind(t.tr, t.x[i], leaf)
      end
    end
    if not symbolic and size > 0 then
      return tracing.give(t, all_lanes(t, size, narrow, lanes))
    end
    for i, leaf in ipairs(lanes) do
      wide[i] = G.input(t.tr, leaf)
    end
    return tracing.give(t, G.run(t.tr, G.batch(t.tr, size, narrow, wide, t.y)))
  end
end

-- A value that is no leaf, as text: strings quoted, since separators may occur
-- in them; objects by address, which stays theirs while the entry holds them.
local function identity(value)
  local kind = type(value)
  if kind == "string" then
    return ("%q"):format(value)
  end
  local simple = kind == "nil" or kind == "boolean"
  return simple and tostring(value) or kind .. (":%p"):format(value)
end

-- What a compiled function is keyed by: structure, shapes and dtypes of
-- tensors; numbers are arguments; anything else is itself part of the key.
local function signature(args, n)
  local key, leaves, trees = {}, {}, {}
  local function add(value)
    local text = G.type(value)
    if text then
      leaves[#leaves + 1] = value
      key[#key + 1] = is_number(value) and "number" or text
    elseif type(value) == "table" then
      local list, node = flatten(value, "jit: argument")
      key[#key + 1] = "{" .. tree.text(node)
      for _, leaf in ipairs(list) do
        add(leaf)
      end
      key[#key + 1] = "}"
      return {node = node, count = #list}
    else
      key[#key + 1] = identity(value)
      return {static = value}
    end
    return {node = 1, count = 1}
  end
  for i = 1, n do
    local first = #leaves + 1
    trees[i] = add(args[i])
    trees[i].first = first
  end
  return table.concat(key, ";"), leaves, trees
end

-- Is every argument a leaf, and every result? Then C alone serves a call.
local function is_flat(t, trees)
  for _, tree_of in ipairs(trees) do
    if tree_of.node ~= 1 then
      return false
    end
  end
  if not t.many then
    return t.ytree == 1
  end
  for i = 1, t.many do
    if t.ytree[i] ~= i then
      return false
    end
  end
  return t.many == #t.y
end

-- Which leaves are Lua numbers.
local function numbers_of(leaves)
  local numbers = {}
  for i, leaf in ipairs(leaves) do
    numbers[i] = is_number(leaf)
  end
  return numbers
end

local function jit_entry(f, leaves, trees)
  local t = M.twice(f, "jit", leaves, G.like, function(x)
    return rebuild(trees, x)
  end)
  t.held = trees -- keeps what the key names by address
  if not G.symbolic(t.tr) then
    t.program = G.compile(t.tr, t.y, is_flat(t, trees) and numbers_of(leaves))
  end
  return t
end

local function as_tensors(leaves)
  local symbolic = false
  for i, leaf in ipairs(leaves) do
    if is_number(leaf) then
      leaves[i] = core.tensor(leaf + 0.0)
    end
    symbolic = symbolic or G.issymbolic(leaves[i])
  end
  return symbolic
end

local KEPT = 64 -- compiled forms of one function; the oldest goes

-- The call is jit_call, in C: it runs self.last when the arguments are of its
-- types, and falls back on self:slow(...).
local Compiled = {__name = "jit", __call = G.jit_call}
Compiled.__index = Compiled

function Compiled:slow(...)
  local n = select("#", ...)
  local key, leaves, trees = signature({...}, n)
  local t = self.entries[key]
  if t == nil then
    t = jit_entry(self.f, leaves, trees)
    if t.program then
      table.insert(self.keys, key)
      self.entries[key] = t
      if #self.keys > KEPT then
        self.entries[table.remove(self.keys, 1)] = nil
      end
    end
  end
  local symbolic = as_tensors(leaves)
  if symbolic or not t.program then
    return results(t, G.splice(t.tr, t.y, leaves), 1)
  end
  self.last = t.program
  return results(t, t.program:run(leaves), 1)
end

local Stats = {__name = "stats"}

function Stats:__tostring()
  local total = 0
  for _, step in ipairs(self.steps) do
    total = total + step.seconds
  end
  local lines = {("%d runs, %d bytes of scratch, %.3g us a run")
    :format(self.runs, self.scratch, total * 1e6)}
  lines[2] = "     time us  share  Mflop    MB  step"
  for i, step in ipairs(self.steps) do
    lines[i + 2] = ("%3d %8.2f %5.1f%% %6.3f %5.2f  %s"):format(i,
      step.seconds * 1e6, total > 0 and 100 * step.seconds / total or 0,
      step.flops / 1e6, step.bytes / 1e6, step.what)
  end
  return table.concat(lines, "\n")
end

--- program(f): the program of f last run; print it to see its plan; nil before
--- the first call
function Compiled:program()
  return self.last
end

--- stats(f): what the program last run costs, step by step: {runs =, scratch =,
--- steps = {{what =, flops =, bytes =, seconds =}, ...}}. Seconds are the mean
--- of the first runs and of every sixteenth after them. print it for a table.
function Compiled:stats()
  if self.last == nil then
    core.fail("stats: the function has not been called yet")
  end
  return setmetatable(self.last:stats(), Stats)
end

function Compiled:__tostring()
  local parts = {("jit: %d compiled"):format(#self.keys)}
  for i, key in ipairs(self.keys) do
    parts[i + 1] = key .. "\n" .. tostring(self.entries[key].program)
  end
  return table.concat(parts, "\n")
end

require "saddle.opt".class(Compiled, "compiled function")

--- jit(f) -> a function that traces f once per structure of its arguments and
--- then runs the program. Numbers among the arguments may change freely;
--- captured tensors are read at run time; captured numbers, and which tensors
--- are captured, are those of the first call. print it to see its programs.
function M.jit(f)
  check_function(f, "jit")
  return setmetatable({f = f, entries = {}, keys = {}}, Compiled)
end

-- ---- iterate ----------------------------------------------------------------

local ITERATE_OPTIONS = {every = 0, lanes = false}

local function count(value, name, least)
  local n = math.tointeger(value)
  if n == nil or n < least then
    core.fail(("iterate: %s: expected an integer >= %d, got %s")
      :format(name, least, tostring(value)))
  end
  return n
end

-- State leaves as tensors of their own storage; the number of lanes, 0 for
-- none.
local function state_leaves(leaves, lanes)
  local size
  for i, leaf in ipairs(leaves) do
    leaf = is_number(leaf) and core.tensor(leaf + 0.0) or leaf
    local text, shape, dtype = G.type(leaf)
    if G.issymbolic(leaf) then
      core.fail("iterate: argument 2: expected concrete tensors: inside a " ..
        "traced function write the loop in Lua")
    end
    if dtype ~= "f64" and dtype ~= "f32" then
      core.fail(("iterate: argument 2: expected f64 or f32, leaf %d is %s")
        :format(i, text))
    end
    if lanes and (shape[1] == nil or (size and shape[1] ~= size)) then
      core.fail(("iterate: argument 2: leaf %d is %s: with lanes, axis 1 of " ..
        "every leaf is the lane%s"):format(i, text,
        size and (", of which the first has " .. size) or ""))
    end
    size = lanes and shape[1] or nil
    leaves[i] = leaf:contiguous()
  end
  return size
end

-- What the step returns must have the structure and the types of the state.
local function check_step(t, stree)
  if not tree.same(t.ytree, stree) or t.many then
    core.fail("iterate: the step must return a state of the structure it was " ..
      "given")
  end
  for i, y in ipairs(t.y) do
    local got, want = G.type(y), G.type(t.x[i])
    if got ~= want then
      core.fail(("iterate: the step must return the types it was given: " ..
        "leaf %d is %s, it returns %s"):format(i, want, got))
    end
  end
end

-- The trace of a step for all lanes at once, where one for each cannot be had.
local function widen(t, leaves, lanes)
  local n = #leaves
  local wide = {}
  for i, leaf in ipairs(leaves) do
    wide[i] = G.like(t.tr, leaf)
  end
  local narrow = table.move(t.x, 1, n, 1, {})
  return G.batch(t.tr, lanes, narrow, wide, t.y)
end

-- A machine for the step, and the lanes to run on it: one lane after another in
-- rows; element by element; or, where neither can be had, a program over all.
-- lanes: nil for a state without them.
local function step_machine(t, leaves, lanes)
  local spec = {nstate = #leaves, clock = #leaves + 1}
  local machine = core.march.machine(t.tr, t.y, spec)
  if machine then
    return machine, lanes or 1
  end
  if lanes == nil then
    spec.elements = true
    machine = core.march.machine(t.tr, t.y, spec)
    if machine then
      return machine, leaves[1]:numel()
    end
  end
  spec = {nstate = #leaves, clock = #leaves + 1, wide = true}
  local y = t.y
  if lanes then -- unbound narrow inputs stand before the wide ones
    y = widen(t, leaves, lanes)
    spec.first_state = #leaves + 2
  end
  return core.march.machine(t.tr, y, spec), lanes or 1
end

--- iterate(step, state, n, {every = k, lanes = false}) -> the state after n
--- steps; with every = k (0: none) also the states after k, 2k, ... steps,
--- stacked on a new first axis. step(state, made) is traced once, as jit does; made is the
--- number of steps made before, from 0. The state is a tensor, a number or a
--- table of them. With lanes = true axis 1 of every state tensor counts lanes,
--- each of which goes its own way, and the step is written for one lane.
function M.iterate(step, state, n, opts)
  check_function(step, "iterate")
  opts = require "saddle.opt".check(opts, ITERATE_OPTIONS, "iterate")
  n = count(n, "argument 3", 0)
  local every = count(opts.every, "option every", 0)
  local leaves, stree = flatten(state, "iterate: argument 2")
  local numbers = numbers_of(leaves)
  local lanes = state_leaves(leaves, opts.lanes)
  local inputs = table.move(leaves, 1, #leaves, 1, {})
  inputs[#inputs + 1] = 0.0 -- the clock
  local t = M.twice(step, "iterate", inputs, function(tr, leaf, i)
    return (opts.lanes and i <= #leaves and G.lane or G.like)(tr, leaf)
  end, function(x)
    return unflatten(stree, x), x[#x]
  end)
  check_step(t, stree)
  if G.symbolic(t.tr) then
    core.fail("iterate: the step refers to a symbolic tensor of an outer " ..
      "function: inside a traced function write the loop in Lua")
  end
  local machine, size = step_machine(t, leaves, lanes)
  local out = machine:run{states = leaves, lanes = size, steps = n,
                          every = every}
  local final, path = out.states, out.path
  for i = 1, #leaves do
    final[i] = numbers[i] and final[i]:item() or final[i]
  end
  final = unflatten(stree, final)
  if every == 0 then
    return final
  end
  return final, unflatten(stree, path)
end

local Trace = {__name = "trace"}

function Trace:__tostring()
  return (G.text(self.tr, self.y):gsub("\n$", ""))
end

--- trace(f, ...) -> the graph of f at these arguments; print it
function M.trace(f, ...)
  check_function(f, "trace")
  local _, leaves, trees = signature({...}, select("#", ...))
  local t = {tr = G.trace(false), x = {}}
  for i, leaf in ipairs(leaves) do
    t.x[i] = G.input(t.tr, leaf)
  end
  return setmetatable(finish(t, f, "trace", rebuild(trees, t.x)), Trace)
end

return M
