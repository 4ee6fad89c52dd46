-- args.lua: what the kinds of drawing share in reading their arguments: data
-- first, a table of options last.  MIT licence.
local opt = require "saddle.opt"
local data = require "saddle.plot.data"
local quote = require "saddle.plot.quote"

local M = {}
local none = opt.none

-- The last argument when it is a table of options: no [1], some key.
function M.split_options(...)
  local n = select("#", ...)
  local args = {...}
  while n > 0 and args[n] == nil do n = n - 1 end
  local last = args[n]
  if type(last) == "table" and last[1] == nil and next(last) ~= nil
      and getmetatable(last) == nil then
    args[n] = nil
    return args, last
  end
  return args, {}
end

local function with_defaults(extra)
  local all = {label = none, color = none, alpha = 1}
  for key, value in pairs(extra) do all[key] = value end
  return all
end

function M.check(where, opts, extra)
  opts = opt.check(opts, with_defaults(extra), where)
  if opts.label ~= nil then
    opts.label = quote.plain(opts.label, where .. ": label")
  end
  return opts
end

-- x and y; with y alone x counts from 1.
function M.xy(where, args)
  if args[2] == nil then
    local y = data.vector(args[1], where .. ": y")
    local index = {}
    for i = 1, y.n do index[i] = i end
    return data.from_list(index), y
  end
  local x = data.vector(args[1], where .. ": x")
  local y = data.vector(args[2], where .. ": y")
  data.same(where, {"x", "y"}, {x, y})
  return x, y
end

function M.vectors(where, names, args)
  local cols = {}
  for i, name in ipairs(names) do
    cols[i] = data.vector(args[i], where .. ": " .. name)
  end
  data.same(where, names, cols)
  return cols
end

function M.constant(value, n)
  return {bytes = string.pack("<d", value):rep(n), n = n, shape = {n}}
end

M.line_options = {width = none, style = none, marker = none, size = 1}

function M.plus(a, b) return a + b end
function M.minus(a, b) return a - b end

return M
