-- search.lua: what minimisers and finders of critical points share: checked
-- options and start, the loop with its progress bar and interrupts, Newton's
-- step from eigenpairs, and how a result is shown.  MIT licence.
local core = require "saddle.core"
local opt = require "saddle.opt"
local progress = require "saddle.progress"

local system, tensor = core.system, core.tensor

local M = {}

-- The option `method` of opts, which may be nil, or the default.
function M.method(opts, default, where)
  if opts ~= nil and type(opts) ~= "table" then
    core.fail(("%s: options: expected a table, got %s")
      :format(where, opt.show(opts)))
  end
  return opts and opts.method or default
end

-- What an option of that name must be, beside being of its default's type.
local LEAST = {steps = 0, record = 0, patience = 0} -- integers
local POSITIVE = {"tol", "eta_tol", "flat_r", "flat_rh"}

-- opts checked against the union of the tables of defaults in `sources`.
function M.options(opts, where, sources)
  local defaults = {}
  for _, source in ipairs(sources) do
    for key, value in pairs(source) do defaults[key] = value end
  end
  local o = opt.check(opts, defaults, where)
  for key, least in pairs(LEAST) do
    local n = math.tointeger(o[key])
    if o[key] ~= nil and (n == nil or n < least) then
      core.fail(("%s: option '%s': expected an integer >= %d, got %s")
        :format(where, key, least, opt.show(o[key])))
    end
    o[key] = n
  end
  for _, key in ipairs(POSITIVE) do
    local v = o[key]
    if v ~= nil and not (type(v) == "number" and v >= 0) then
      core.fail(("%s: option '%s': expected a number >= 0, got %s")
        :format(where, key, opt.show(v)))
    end
  end
  return o
end

-- w0 as a fresh vector of finite f64; name: what the caller calls it ("w0").
function M.start(w0, where, name)
  where = where .. ": " .. (name or "w0")
  if type(w0) == "table" then w0 = tensor(w0) end
  if not opt.is_tensor(w0) or #w0.shape ~= 1 then
    core.fail(("%s: expected a vector of parameters, got %s")
      :format(where, core.graph.type(w0) or opt.show(w0)))
  end
  if not w0:isfinite():all() then
    core.fail(where .. ": there is a NaN or an infinity")
  end
  return w0:to("f64"):copy()
end

local function loop(s, o, label, status, step, info)
  local named = type(o.progress) == "string" and o.progress or label
  local bar <close> = progress.new(o.steps, o.progress and named)
  while not status do
    if s.k >= o.steps then return "max_steps" end
    if system.interrupted(true) then return "interrupted" end
    local good, result = pcall(step)
    if not good then
      if system.interrupted(true) then return "interrupted" end
      error(result, 0)
    end
    status = result
    bar:step(s.k, info)
  end
  return status
end

-- run(s, o, label, status, step, info): calls step(), which counts s.k up and
-- returns nil or the status that ends the search; "max_steps" after o.steps.
-- status: the one the search starts with, if it is over already. Runs under the
-- guard: the first Ctrl-C only sets a flag and ends it as "interrupted".
-- label, info: of the progress bar, drawn when o.progress is set.
function M.run(...) return system.guard(loop, ...) end

-- -V diag(1 / d) c over |d| > cut: Newton's step for eigenvalues d, vectors V
-- and the gradient's coefficients c = V'g, by the pseudo-inverse.
function M.newton_step(V, d, c, cut)
  local keep = d:abs():gt(cut)
  return -V:mv(tensor.where(keep, c / tensor.where(keep, d, 1), 0))
end

-- A result as one line when it is printed: the fields named, those it has.
local SHOWN = {"class", "index", "status", "steps", "value", "grad_norm"}

local Result = {}

function Result:__tostring()
  local parts = {}
  for _, key in ipairs(SHOWN) do
    local v = self[key]
    if v ~= nil then
      local text = math.type(v) == "float" and ("%.6g"):format(v) or tostring(v)
      parts[#parts + 1] = key .. " " .. text
    end
  end
  return self.what .. ": " .. table.concat(parts, ", ")
end

-- A result table that says what it is ("run") when it is printed.
function M.result(what, fields)
  fields.what = what
  return setmetatable(fields, Result)
end

return M
