-- tree.lua: nested tables of tensors and numbers as a list of leaves and a
-- structure, so that transforms see lists and users see their own tables.
-- Keys are walked in a fixed order: 1..n, then string keys sorted.
-- MIT licence.
local core = require "saddle.core"

local M = {}

local type_of = core.graph.type

local function sorted_keys(t, where)
  local n, keys = #t, {}
  for i = 1, n do
    keys[i] = i
  end
  local names = {}
  for k in pairs(t) do
    if type(k) == "string" then
      names[#names + 1] = k
    elseif math.type(k) ~= "integer" or k < 1 or k > n then
      core.fail(("%s: table keys must be strings or 1..n, got %s")
        :format(where, tostring(k)))
    end
  end
  table.sort(names)
  return table.move(names, 1, #names, n + 1, keys)
end

local function walk(value, where, leaves, seen)
  if type_of(value) then
    leaves[#leaves + 1] = value
    return #leaves
  end
  if type(value) ~= "table" then
    core.fail(("%s: expected a tensor, a number or a table of them, got %s")
      :format(where, type(value)))
  end
  if seen[value] then
    core.fail(where .. ": the table contains itself")
  end
  seen[value] = true
  local node = {keys = sorted_keys(value, where)}
  for i, k in ipairs(node.keys) do
    node[i] = walk(value[k], where .. "." .. tostring(k), leaves, seen)
  end
  seen[value] = nil
  return node
end

-- flatten(value, where) -> leaves, structure. `where` names the value in
-- error messages. The structure of a single leaf is the number 1.
function M.flatten(value, where)
  local leaves = {}
  return leaves, walk(value, where, leaves, {})
end

-- unflatten(structure, leaves) -> the user's shape again
function M.unflatten(node, leaves)
  if type(node) == "number" then
    return leaves[node]
  end
  local t = {}
  for i, k in ipairs(node.keys) do
    t[k] = M.unflatten(node[i], leaves)
  end
  return t
end

-- text(structure): ("a".,"b"(1.,2.)), other text for another structure
function M.text(node)
  if type(node) == "number" then
    return "."
  end
  local parts = {}
  for i, k in ipairs(node.keys) do
    local key = type(k) == "string" and ("%q"):format(k) or tostring(k)
    parts[i] = key .. M.text(node[i])
  end
  return "(" .. table.concat(parts, ",") .. ")"
end

-- same(a, b): equal structures?
function M.same(a, b)
  if type(a) == "number" or type(b) == "number" then
    return a == b
  end
  if #a.keys ~= #b.keys then
    return false
  end
  for i, k in ipairs(a.keys) do
    if b.keys[i] ~= k or not M.same(a[i], b[i]) then
      return false
    end
  end
  return true
end

return M
