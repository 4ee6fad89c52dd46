-- tracing.lua: what the transforms share: calling a user's function with
-- symbolic leaves, and giving results the user's structure.  MIT licence.
local core = require "saddle.core"
local tree = require "saddle.tree"

local G = core.graph

local M = {}

function M.check_function(f, where)
  local meta = getmetatable(f)
  local callable = type(f) == "function" or
    type(meta) == "table" and meta.__call
  if not callable then
    core.fail(("%s: argument 1: expected a function, got %s")
      :format(where, type(f)))
  end
end

-- A traced call: tr, the graph; x, the symbolic leaves of the first argument;
-- y, those of the result; and the structures and original leaves of both.
-- Several results are a table of them, and t.many their number. Without f the
-- values given are the results of a call that was made already.
function M.finish(t, f, where, ...)
  local out
  if f then
    out = table.pack(f(...))
  else
    out = table.pack(...)
  end
  G.close(t.tr)
  t.many = out.n > 1 and out.n
  out = t.many and table.move(out, 1, out.n, 1, {}) or out[1]
  local leaves
  leaves, t.ytree = tree.flatten(out, where .. ": result of the function")
  t.y = {}
  for i, leaf in ipairs(leaves) do
    t.y[i] = G.lift(t.tr, leaf)
  end
  return t
end

function M.is_number(leaf)
  return type(leaf) == "number"
end

-- A concrete 0-d result as a Lua number; symbolic ones stay.
function M.scalar(v)
  return G.issymbolic(v) and v or v:item()
end

-- Values in the structure of the function's result, or results.
function M.give(t, values)
  local out = tree.unflatten(t.ytree, values)
  if t.many then
    return table.unpack(out, 1, t.many)
  end
  return out
end

function M.results(t, values, first)
  local out = {}
  for i = 1, #t.y do
    local _, shape = G.type(t.y[i])
    local v = values[first + i - 1]
    out[i] = #shape == 0 and M.scalar(v) or v
  end
  return M.give(t, out)
end

return M
