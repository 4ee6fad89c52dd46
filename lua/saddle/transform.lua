-- transform.lua: functions of functions: grad, jvp, vjp, hvp, hessian, jacobian.
-- Each traces the user's function into a graph, extends that graph (jvp, vjp,
-- batch append nodes to it) and runs what is asked for. When an argument or a
-- value the function refers to is itself symbolic, the result is inlined into
-- the outer trace: that is all there is to nesting.
--
-- Eager transforms (grad(f)(w)) trace at every call, so branches and captured
-- values mean what they say; vmap and jit are those of static.lua.
-- MIT licence.
local core = require "saddle.core"
local tree = require "saddle.tree"
local tracing = require "saddle.tracing"
local static = require "saddle.static"

local G = core.graph
local flatten, unflatten = tree.flatten, tree.unflatten
local check_function, finish = tracing.check_function, tracing.finish
local is_number, scalar, results =
  tracing.is_number, tracing.scalar, tracing.results

local M = {vmap = static.vmap, jit = static.jit, trace = static.trace,
           iterate = static.iterate}

-- ---- tracing ---------------------------------------------------------------

local function one_value(t, where)
  if t.many then
    core.fail(("%s: the function must return one value, got %d; " ..
      "a table may hold several"):format(where, t.many))
  end
end

-- Traces f(w, ...) with w symbolic; further arguments are passed as they are.
local function trace(f, where, w, ...)
  local t = {tr = G.trace(false), x = {}}
  t.leaves, t.xtree = flatten(w, where .. ": argument")
  for i, leaf in ipairs(t.leaves) do
    t.x[i] = G.input(t.tr, leaf)
  end
  finish(t, f, where, unflatten(t.xtree, t.x), ...)
  one_value(t, where)
  return t
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

local function append(a, b)
  return table.move(b, 1, #b, #a + 1, table.move(a, 1, #a, 1, {}))
end

-- The leaves of v, which must have the structure `structure` of the `of` and
-- the types of the nodes in list.
local function leaves_like(v, list, structure, where, of)
  local leaves, vtree = flatten(v, where)
  if not tree.same(vtree, structure) then
    core.fail(("%s: its structure is not that of the %s"):format(where, of))
  end
  for i, leaf in ipairs(leaves) do
    local want = G.type(list[i])
    local got = is_number(leaf) and "[] f64" or (G.type(leaf))
    if got ~= want then
      core.fail(("%s: expected %s, got %s"):format(where, want, got))
    end
  end
  return leaves
end

local function inputs(t, leaves)
  local out = {}
  for i, leaf in ipairs(leaves) do
    out[i] = G.input(t.tr, leaf)
  end
  return out
end

-- Tangents of the first argument as inputs.
local function like_argument(t, v, where)
  return inputs(t, leaves_like(v, t.x, t.xtree, where, "argument"))
end

-- ---- first derivatives -------------------------------------------------------

-- Cotangents of the argument for a scalar result.
local function gradient_nodes(t, where)
  check_float(t, where)
  check_scalar(t, where)
  local one = G.full(t.tr, t.y[1], 1)
  return filled(t, G.vjp(t.tr, t.x, t.y, {one}), t.x)
end

-- The trace that C has begun for f at the tensor w, or one begun here.
local function resume(f, where, tr, ...)
  if tr == nil then
    return trace(f, where, ...)
  end
  local x, w = ...
  local t = tracing.finish({tr = tr, x = {x}, leaves = {w}, xtree = 1}, nil,
    where, select(3, ...))
  one_value(t, where)
  return t
end

-- The long way of grad and value_and_grad, for what G.gradient leaves: without
-- a trace, everything; with one, f's results at the symbolic x, which stands
-- for the tensor w. Those of hvp and hessian are like it.
local function gradient_rest(f, where, with_value)
  return function(...)
    local t = resume(f, where, ...)
    local g = gradient_nodes(t, where)
    local values = G.run(t.tr, with_value and append(t.y, g) or g)
    if with_value then
      return scalar(values[1]), mirror(t, values, 2)
    end
    return mirror(t, values, 1)
  end
end

--- value_and_grad(f)(w, ...) -> f(w, ...), gradient in the shape of w
function M.value_and_grad(f)
  check_function(f, "value_and_grad")
  return G.gradient(f, gradient_rest(f, "value_and_grad", true), true)
end

--- grad(f)(w, ...) -> gradient in the shape of w. f returns one number;
--- further arguments are held constant.
function M.grad(f)
  check_function(f, "grad")
  return G.gradient(f, gradient_rest(f, "grad", false), false)
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

--- vjp(f, w, ct) -> f(w), the cotangent of w; without ct: f(w) and a function
--- from cotangents of the result to cotangents of w, which does not call f
--- again
function M.vjp(f, w, ct)
  check_function(f, "vjp")
  local t = trace(f, "vjp", w)
  check_float(t, "vjp")
  local c, cx
  local function pull(cotangent)
    local leaves = leaves_like(cotangent, t.y, t.ytree, "vjp: cotangent",
      "result")
    if cx == nil then
      c = inputs(t, leaves)
      cx = filled(t, G.vjp(t.tr, t.x, t.y, c), t.x)
    else
      for i, leaf in ipairs(leaves) do
        G.bind(t.tr, c[i], leaf)
      end
    end
  end
  if ct ~= nil then
    pull(ct)
    local values = G.run(t.tr, append(t.y, cx))
    return results(t, values, 1), mirror(t, values, #t.y + 1)
  end
  return results(t, G.run(t.tr, t.y), 1), function(cotangent)
    pull(cotangent)
    return mirror(t, G.run(t.tr, cx), 1)
  end
end

-- ---- second derivatives and matrices -------------------------------------------

--- hvp(f, w, v) -> Hessian of f at w times v, in the shape of w
--- (forward over reverse)
function M.hvp(f, w, v)
  check_function(f, "hvp")
  return G.hvp(f, function(tr, x, ...)
    local t = tr and resume(f, "hvp", tr, x, ...) or trace(f, "hvp", w)
    local g = gradient_nodes(t, "hvp")
    local dx = like_argument(t, v, "hvp: argument 3")
    local h = filled(t, G.jvp(t.tr, t.x, dx, g), t.x)
    return mirror(t, G.run(t.tr, h), 1)
  end, w, v)
end

local function numel(shape)
  local n = 1
  for _, s in ipairs(shape) do
    n = n * s
  end
  return n
end

local LANES = 64 -- basis vectors at a time, at most

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
  local lanes = size
  if not G.symbolic(t.tr) then
    lanes = static.lanes_at_once(t.tr, outs, math.min(size, LANES))
  end
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
  return G.hessian(f, function(...)
    local t = resume(f, "hessian", ...)
    local g = gradient_nodes(t, "hessian")
    return nest(t.xtree, t.xtree, blocks_forward(t, g))
  end, w)
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

return M
