-- transform.lua: functions of functions: grad, hvp, hessian, vmap, jit ...
-- Each traces the user's function into a graph, extends that graph (jvp, vjp,
-- batch append nodes to it) and runs what is asked for. When an argument or a
-- value the function refers to is itself symbolic, the result is inlined into
-- the outer trace: that is all there is to nesting.
--
-- Eager transforms (grad(f)(w)) trace at every call, so branches and captured
-- values mean what they say. vmap and jit trace twice and raise when the two
-- graphs differ.  MIT licence.
local core = require "saddle.core"
local tree = require "saddle.tree"

local G = core.graph
local flatten, unflatten = tree.flatten, tree.unflatten

local M = {}

local function check_function(f, where)
  local meta = getmetatable(f)
  local callable = type(f) == "function" or
    type(meta) == "table" and meta.__call
  if not callable then
    core.fail(("%s: argument 1: expected a function, got %s")
      :format(where, type(f)))
  end
end

-- ---- tracing ---------------------------------------------------------------

-- A traced call: tr, the graph; x, the symbolic leaves of the first argument;
-- y, those of the result; and the structures and original leaves of both.
local function finish(t, f, where, ...)
  local out = f(...)
  G.close(t.tr)
  local leaves
  leaves, t.ytree = flatten(out, where .. ": result of the function")
  t.y = {}
  for i, leaf in ipairs(leaves) do
    t.y[i] = G.lift(t.tr, leaf)
  end
  return t
end

-- Traces f(w, ...) with w symbolic; further arguments are passed as they are.
local function trace(f, where, w, ...)
  local t = {tr = G.trace(false), x = {}}
  t.leaves, t.xtree = flatten(w, where .. ": argument")
  for i, leaf in ipairs(t.leaves) do
    t.x[i] = G.input(t.tr, leaf)
  end
  return finish(t, f, where, unflatten(t.xtree, t.x), ...)
end

local function is_number(leaf)
  return type(leaf) == "number"
end

-- A concrete 0-d result as a Lua number; symbolic ones stay.
local function scalar(v)
  return G.issymbolic(v) and v or v:item()
end

local function check_float(t, where)
  for i, x in ipairs(t.x) do
    local text, _, dtype = G.type(x)
    if dtype ~= "f64" and dtype ~= "f32" then
      core.fail(("%s: argument: derivatives need f64 or f32, leaf %d is %s")
        :format(where, i, text))
    end
  end
end

local function check_scalar(t, where)
  local text, shape = G.type(t.y[1])
  if #t.y ~= 1 or t.ytree ~= 1 or #shape ~= 0 then
    core.fail(("%s: the function must return one number (a 0-d tensor), " ..
      "got %s"):format(where, t.ytree == 1 and text or "a table"))
  end
end

-- Zeros in place of symbolic zeros.
local function filled(t, list, like)
  local out = {}
  for i, v in ipairs(list) do
    out[i] = v or G.full(t.tr, like[i], 0)
  end
  return out
end

-- Results in the shape of the first argument: numbers for numbers.
local function mirror(t, values, first)
  local out = {}
  for i, leaf in ipairs(t.leaves) do
    local v = values[first + i - 1]
    out[i] = is_number(leaf) and scalar(v) or v
  end
  return unflatten(t.xtree, out)
end

local function results(t, values, first)
  local out = {}
  for i = 1, #t.y do
    local _, shape = G.type(t.y[i])
    local v = values[first + i - 1]
    out[i] = #shape == 0 and scalar(v) or v
  end
  return unflatten(t.ytree, out)
end

local function append(a, b)
  return table.move(b, 1, #b, #a + 1, table.move(a, 1, #a, 1, {}))
end

-- Values shaped like the first argument (tangents): leaves as inputs.
local function like_argument(t, v, where)
  local leaves, vtree = flatten(v, where)
  if not tree.same(vtree, t.xtree) then
    core.fail(where .. ": its structure is not that of the argument")
  end
  local out = {}
  for i, leaf in ipairs(leaves) do
    local want = G.type(t.x[i])
    out[i] = G.input(t.tr, leaf)
    local got = G.type(out[i])
    if got ~= want then
      core.fail(("%s: expected %s, got %s"):format(where, want, got))
    end
  end
  return out
end

-- ---- first derivatives -------------------------------------------------------

-- Cotangents of the argument for a scalar result.
local function gradient_nodes(t, where)
  check_float(t, where)
  check_scalar(t, where)
  local one = G.full(t.tr, t.y[1], 1)
  return filled(t, G.vjp(t.tr, t.x, t.y, {one}), t.x)
end

--- value_and_grad(f)(w, ...) -> f(w, ...), gradient in the shape of w
function M.value_and_grad(f)
  check_function(f, "value_and_grad")
  return function(w, ...)
    local t = trace(f, "value_and_grad", w, ...)
    local g = gradient_nodes(t, "value_and_grad")
    local values = G.run(t.tr, append(t.y, g))
    return scalar(values[1]), mirror(t, values, 2)
  end
end

--- grad(f)(w, ...) -> gradient in the shape of w. f returns one number;
--- further arguments are held constant.
function M.grad(f)
  check_function(f, "grad")
  return function(w, ...)
    local t = trace(f, "grad", w, ...)
    return mirror(t, G.run(t.tr, gradient_nodes(t, "grad")), 1)
  end
end

--- jvp(f, w, v) -> f(w), its derivative along v
function M.jvp(f, w, v)
  check_function(f, "jvp")
  local t = trace(f, "jvp", w)
  check_float(t, "jvp")
  local dx = like_argument(t, v, "jvp: argument 3")
  local dy = filled(t, G.jvp(t.tr, t.x, dx, t.y), t.y)
  local values = G.run(t.tr, append(t.y, dy))
  return results(t, values, 1), results(t, values, #t.y + 1)
end

local function like_result(t, ct, where)
  local leaves, ctree = flatten(ct, where)
  if not tree.same(ctree, t.ytree) then
    core.fail(where .. ": its structure is not that of the result")
  end
  local out = {}
  for i, leaf in ipairs(leaves) do
    local want = G.type(t.y[i])
    out[i] = G.input(t.tr, leaf)
    local got = G.type(out[i])
    if got ~= want then
      core.fail(("%s: expected %s, got %s"):format(where, want, got))
    end
  end
  return out
end

--- vjp(f, w, ct) -> f(w), the cotangent of w; without ct: f(w) and a function
--- from cotangents of the result to cotangents of w
function M.vjp(f, w, ct)
  check_function(f, "vjp")
  local function pull(cotangent)
    local t = trace(f, "vjp", w)
    check_float(t, "vjp")
    local c = like_result(t, cotangent, "vjp: cotangent")
    local cx = filled(t, G.vjp(t.tr, t.x, t.y, c), t.x)
    local values = G.run(t.tr, append(t.y, cx))
    return results(t, values, 1), mirror(t, values, #t.y + 1)
  end
  if ct ~= nil then
    return pull(ct)
  end
  local t = trace(f, "vjp", w)
  return results(t, G.run(t.tr, t.y), 1), function(cotangent)
    local _, cx = pull(cotangent)
    return cx
  end
end

-- ---- second derivatives and matrices -------------------------------------------

--- hvp(f, w, v) -> Hessian of f at w times v, in the shape of w
--- (forward over reverse)
function M.hvp(f, w, v)
  check_function(f, "hvp")
  local t = trace(f, "hvp", w)
  local g = gradient_nodes(t, "hvp")
  local dx = like_argument(t, v, "hvp: argument 3")
  local h = filled(t, G.jvp(t.tr, t.x, dx, g), t.x)
  return mirror(t, G.run(t.tr, h), 1)
end

local function numel(shape)
  local n = 1
  for _, s in ipairs(shape) do
    n = n * s
  end
  return n
end

local LANES = 64 -- basis vectors at a time: bounds the temporaries

-- The unit vectors first .. last of a leaf's shape, padded with zeros to n.
local function basis(shape, dtype, first, n)
  local T = core.tensor
  local size = numel(shape)
  local e = T.zeros {n, size, dtype = dtype}
  for k = 1, math.min(n, size - first + 1) do
    e[{k, first + k - 1}] = 1
  end
  return e:reshape(append({n}, shape))
end

-- Runs outs once for each unit vector in place of the input v (of the type of
-- the leaf x): values [numel(x), shape of out...]. Many are done in blocks;
-- an outer trace takes them all at once.
local function along_basis(t, x, v, outs)
  local _, shape, dtype = G.type(x)
  local size = numel(shape)
  local lanes = (G.symbolic(t.tr) or size <= LANES) and size or LANES
  local wide = G.input(t.tr, basis(shape, dtype, 1, lanes))
  local by = G.batch(t.tr, lanes, {v}, {wide}, outs)
  if lanes == size then
    return G.run(t.tr, by)
  end
  local parts = {}
  for first = 1, size, lanes do
    G.bind(t.tr, wide, basis(shape, dtype, first, lanes))
    for i, p in ipairs(G.run(t.tr, by)) do
      parts[i] = parts[i] or {}
      table.insert(parts[i], p)
    end
  end
  local values = {}
  for i, list in ipairs(parts) do
    values[i] = core.tensor.concat(list, 1)[{"1:" .. size}]
  end
  return values
end

-- [n, yshape...] with n = numel(xshape) to yshape followed by xshape.
local function derivative_last(v, yshape, xshape)
  local axes = {}
  for a = 1, #yshape do
    axes[a] = a + 1
  end
  axes[#axes + 1] = 1
  return v:permute(axes):reshape(append(yshape, xshape))
end

-- blocks[i][j]: derivative of ys[i] with respect to leaf j, forward mode.
local function blocks_forward(t, ys)
  local blocks = {}
  for i = 1, #ys do
    blocks[i] = {}
  end
  for j, x in ipairs(t.x) do
    local v = G.like(t.tr, x)
    local dx = {}
    for k = 1, #t.x do
      dx[k] = k == j and v
    end
    local dy = filled(t, G.jvp(t.tr, t.x, dx, ys), ys)
    local _, xshape = G.type(x)
    for i, value in ipairs(along_basis(t, x, v, dy)) do
      local _, yshape = G.type(ys[i])
      blocks[i][j] = derivative_last(value, yshape, xshape)
    end
  end
  return blocks
end

-- The same by reverse mode: rows instead of columns.
local function blocks_reverse(t, ys)
  local blocks = {}
  for i, y in ipairs(ys) do
    local v = G.like(t.tr, y)
    local ct = {}
    for k = 1, #ys do
      ct[k] = k == i and v
    end
    local cx = filled(t, G.vjp(t.tr, t.x, ys, ct), t.x)
    local _, yshape = G.type(y)
    blocks[i] = {}
    for j, value in ipairs(along_basis(t, y, v, cx)) do
      local _, xshape = G.type(t.x[j])
      blocks[i][j] = value:reshape(append(yshape, xshape))
    end
  end
  return blocks
end

-- Numbers where both sides are numbers.
local function block_value(value)
  return value.ndim == 0 and scalar(value) or value
end

local function nest(ytree, xtree, blocks)
  local rows = {}
  for i, row in ipairs(blocks) do
    local out = {}
    for j, value in ipairs(row) do
      out[j] = block_value(value)
    end
    rows[i] = unflatten(xtree, out)
  end
  return unflatten(ytree, rows)
end

local function later(fn, f, where)
  check_function(f, where)
  return function(w)
    return fn(f, w)
  end
end

--- hessian(f, w) -> second derivatives; for a tensor w of shape s, a tensor of
--- shape s followed by s; for tables, tables of such blocks. hessian(f) is
--- the function of w.
function M.hessian(f, w)
  if w == nil then
    return later(M.hessian, f, "hessian")
  end
  check_function(f, "hessian")
  local t = trace(f, "hessian", w)
  local g = gradient_nodes(t, "hessian")
  return nest(t.xtree, t.xtree, blocks_forward(t, g))
end

local function total(list)
  local n = 0
  for _, x in ipairs(list) do
    local _, shape = G.type(x)
    n = n + numel(shape)
  end
  return n
end

--- jacobian(f, w) -> derivative of every result with respect to every element
--- of w: shape of the result followed by that of w. jacobian(f) is the
--- function of w.
function M.jacobian(f, w)
  if w == nil then
    return later(M.jacobian, f, "jacobian")
  end
  check_function(f, "jacobian")
  local t = trace(f, "jacobian", w)
  check_float(t, "jacobian")
  local by = total(t.y) < total(t.x) and blocks_reverse or blocks_forward
  return nest(t.ytree, t.xtree, by(t, t.y))
end

-- ---- vmap and jit ------------------------------------------------------------

-- Traces twice with inputs made by `input` and compares.
local function trace_static(f, where, leaves, input, build)
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

local function rebuild(trees, x)
  local out = {}
  for i, t in ipairs(trees) do
    out[i] = unflatten(t.node, table.move(x, t.first, t.first + t.count - 1,
      1, {}))
  end
  return table.unpack(out, 1, #trees)
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
    local t = trace_static(f, "vmap", leaves, function(tr, leaf, i)
      return (mapped[i] and G.lane or G.like)(tr, leaf)
    end, function(x)
      return rebuild(trees, x)
    end)
    local wide, narrow = {}, {}
    for i, leaf in ipairs(leaves) do
      if mapped[i] then
        narrow[#narrow + 1] = t.x[i]
        wide[#wide + 1] = G.input(t.tr, leaf)
      else
        G.bind(t.tr, t.x[i], leaf)
      end
    end
    local by = G.batch(t.tr, size, narrow, wide, t.y)
    return unflatten(t.ytree, G.run(t.tr, by))
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
      key[#key + 1] = "{" .. M.structure(node)
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

-- A structure as text: ("a".,"b"(1.,2.)).
function M.structure(node)
  if type(node) == "number" then
    return "."
  end
  local parts = {}
  for i, k in ipairs(node.keys) do
    local key = type(k) == "string" and ("%q"):format(k) or tostring(k)
    parts[i] = key .. M.structure(node[i])
  end
  return "(" .. table.concat(parts, ",") .. ")"
end

local function jit_arguments(trees, x)
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

local function jit_entry(f, leaves, trees)
  local t = trace_static(f, "jit", leaves, G.like, function(x)
    return jit_arguments(trees, x)
  end)
  t.held = trees -- keeps what the key names by address
  if not G.symbolic(t.tr) then
    t.program = G.compile(t.tr, t.y)
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

local Compiled = {__name = "jit"}

function Compiled:__call(...)
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
  return results(t, t.program:run(leaves), 1)
end

function Compiled:__tostring()
  local parts = {("jit: %d compiled"):format(#self.keys)}
  for i, key in ipairs(self.keys) do
    parts[i + 1] = key .. "\n" .. tostring(self.entries[key].program)
  end
  return table.concat(parts, "\n")
end

--- jit(f) -> a function that traces f once per structure of its arguments and
--- then runs the program. Numbers among the arguments may change freely;
--- captured tensors are read at run time; captured numbers are those of the
--- first call. print it to see its programs.
function M.jit(f)
  check_function(f, "jit")
  return setmetatable({f = f, entries = {}, keys = {}}, Compiled)
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
  return setmetatable(finish(t, f, "trace", jit_arguments(trees, t.x)), Trace)
end

return M
