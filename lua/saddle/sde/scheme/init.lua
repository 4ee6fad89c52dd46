-- sde/scheme/init.lua: the table of schemes. One file a scheme; it returns
--   name, aliases, source, note
--   strong, weak   orders, nil where there is none to speak of
--   noise     the classes it is right for: "additive" (any layout), "scalar",
--             "diagonal" (both include additive noise of that layout),
--             "commutative" (general noise that commutes), "general"
--   sense     of the drift it works with: "ito" or "stratonovich"
--   kinds     models it is written for, where it is not for all
--   integrals what it needs beside the increments: "time" (the integral of
--             W - W_t over the step), "area" (the iterated integrals I_(i,j))
--   extra     number of standard normals it draws itself at each step
--   setup(p)  optional: checks, prepares; may return the name of the scheme
--             that takes its place for this model
--   remembers true where the state holds more than x
--   step(p, x, t, h, w)   the next x
-- p is the prepared model (below). Steps are pure functions of tensors: they
-- trace, one lane at a time, and for dim = 1 take all paths at once.
-- `prepare` is how they are used; docs/howto-scheme.md adds one.
-- MIT licence.
local core = require "saddle.core"
local opt = require "saddle.opt"
local model = require "saddle.sde.model"

local T = core.tensor
local fail = core.fail

local M = {}

local NAMES = {
  "euler_maruyama", "milstein", "milstein_df", "heun", "euler_heun", "sriw1",
  "sra1", "platen", "tamed", "theta", "exact_gbm", "exact_ou", "exact_linear",
  "lamperti_sra1", "baoab", "leimkuhler_matthews", "sgld",
}

local ALIASES = {
  em = "euler_maruyama", euler = "euler_maruyama", lamperti = "lamperti_sra1",
  df_milstein = "milstein_df", platen_weak2 = "platen",
  implicit = "theta", drift_implicit = "theta", tamed_euler = "tamed",
  gbm = "exact_gbm", ou = "exact_ou", lm = "leimkuhler_matthews",
}

-- names() -> the schemes' names, in the table's order.
function M.names()
  return table.move(NAMES, 1, #NAMES, 1, {})
end

-- What no row can do without, said before something fails for want of it.
local function check_row(row)
  for key, kind in pairs{name = "string", noise = "table", step = "function"} do
    if type(row[key]) ~= kind then
      fail(("scheme: expected a name or a row with name, noise, step; its %s " ..
        "is %s"):format(key, opt.show(row[key])))
    end
  end
end

-- get(name) -> the scheme's row. A table is taken for a row itself, so that a
-- new scheme can be tried before it is a file.
function M.get(name)
  if type(name) == "table" then
    check_row(name)
    return name
  end
  name = ALIASES[name] or name
  opt.choice(name, NAMES, "scheme")
  return require("saddle.sde.scheme." .. name)
end

-- with(name, fields) -> the scheme with some of its fields changed, to be given
-- in place of a name: with("theta", {theta = 1}).
function M.with(name, fields)
  local row = setmetatable({}, {__index = M.get(name)})
  for key, v in pairs(fields) do
    row[key] = v
  end
  return row
end

-- ---- what fits ------------------------------------------------------------------

local function has(list, word)
  for _, v in ipairs(list) do
    if v == word then
      return true
    end
  end
  return false
end

-- Do elements of the diffusion multiply elements of the noise one by one?
local function elementwise(m)
  return m.layout == "element" and m.noise ~= "general"
end

local function noise_fits(row, m)
  local list = row.noise
  if has(list, "general") or has(list, m.noise) then
    return true
  end
  if m.noise == "additive" and elementwise(m) then
    return has(list, m.noises == 1 and "scalar" or "diagonal")
  end
  return m.commutative and has(list, "commutative")
end

local function kind_fits(row, m)
  return not row.kinds
    or has(row.kinds, m.kind) and (not row.fits or row.fits(m))
end

local function check_model(m, where)
  if type(m) ~= "table" or type(m.dim) ~= "number" or m.noise == nil then
    fail(("%s: expected a model (sde.model, sde.saddle ..), got %s"):format(
      where, opt.show(m)))
  end
end

-- fitting(model) -> names of the schemes whose noise class the model is in.
function M.fitting(m)
  check_model(m, "fitting")
  local list = {}
  for _, name in ipairs(NAMES) do
    local row = M.get(name)
    if noise_fits(row, m) and kind_fits(row, m) then
      list[#list + 1] = name
    end
  end
  return setmetatable(list, {__tostring = function(names)
    return table.concat(names, " ")
  end})
end

local function for_general(m)
  return m.commutative and "milstein" or "euler_maruyama"
end

-- pick(model) -> the name of the scheme taken when none is given: exact where
-- there is one, else the highest strong order that needs no areas.
function M.pick(m)
  check_model(m, "pick")
  if m.default_scheme then
    return m.default_scheme
  end
  local p = m.params
  if m.kind == "ou" or m.kind == "saddle" and p.sigma == 0 then
    return "exact_ou"
  elseif m.kind == "saddle" and p.tau == 0 and m.form == "one" then
    return "exact_gbm"
  elseif m.kind == "saddle" and m.form == "one" then
    return "lamperti_sra1"
  end
  return m.noise == "additive" and "sra1"
    or elementwise(m) and "sriw1" or for_general(m)
end

local function check_fit(row, m)
  local best = M.pick(m)
  local list = table.concat(M.fitting(m), ", ")
  if not kind_fits(row, m) then
    fail(("scheme: %s is written for %s; it does not fit '%s': use \"%s\" " ..
      "(fitting: %s)"):format(row.name, row.what or "the models " ..
      table.concat(row.kinds, ", "), m.name, best, list))
  end
  if not noise_fits(row, m) then
    fail(("scheme: %s is for %s noise, but '%s' has %s noise%s: use \"%s\" " ..
      "(fitting: %s)"):format(row.name, table.concat(row.noise, ", "), m.name,
      m.noise, m.noise == "general" and not m.commutative and
      " that does not commute" or "", best, list))
  end
end

-- ---- the prepared model ------------------------------------------------------------

-- The k-th of several increments; one increment stands for itself.
local function part(p, dw, k)
  return p.noises == 1 and dw or dw[k]
end

local function correlated(mix, v)
  local list = {}
  for i, row in ipairs(mix) do
    for k = 1, i do
      local term = row[k] * v[k]
      list[i] = list[i] and list[i] + term or term
    end
  end
  return T.stack(list)
end

-- Independent noises made correlated ones, for elementwise diffusions.
local function mixed(mix, w)
  return setmetatable({
    dw = correlated(mix, w.dw), i10 = w.i10 and correlated(mix, w.i10),
  }, {__index = w})
end

local Prepared = {__name = "prepared scheme"}
Prepared.__index = Prepared

-- The diffusion times increments v: g v.
function Prepared:gw(x, t, v)
  if self.elementwise then
    return self.g(x, t) * v
  end
  local sum
  for k, column in ipairs(self.columns(x, t)) do
    local term = column * part(self, v, k)
    sum = sum and sum + term or term
  end
  return sum
end

-- Derivative of an elementwise diffusion along v; 0 for additive noise.
function Prepared:dg(x, t, v)
  if self.model.noise == "additive" then
    return 0.0
  end
  return model.along(function(y)
    return self.g(y, t)
  end, x, v)
end

-- Derivative of column k along v.
function Prepared:dcolumn(x, t, k, v)
  return model.along(function(y)
    return self.columns(y, t)[k]
  end, x, v)
end

-- The coordinates of schemes that work in x itself.
local function same(x)
  return x
end
M.same = same

local function new_prepared(m, row)
  return setmetatable({
    model = m, scheme = row, name = row.name, dim = m.dim, noises = m.noises,
    kind = m.kind, params = m.params, strong = row.strong, weak = row.weak,
    elementwise = elementwise(m), extra = row.extra or 0,
    integrals = row.integrals or "none", to = same, from = same,
    b = m.drift_in and m:drift_in(row.sense or "ito"),
    g = function(x, t)
      return m:values(x, t)
    end,
    columns = function(x, t)
      return m:columns(x, t)
    end,
    noise = {},
  }, Prepared)
end

-- prepare(model, name) -> the scheme for this model:
--   step(x, t, h, w)   the next state; w.dw, w.i10 are numbers for one noise,
--            [noises] else (a list of tensors does too), of independent
--            Brownian motions; w.area[i][j] 0-d; w.extra[1..extra] standard
--            normals, each like x
--   noises, integrals ("none", "time", "area"), extra    what w must hold
--   noise    further named inputs, as march takes them: w.name
--   to, from the state of a value of x, and back: y where the scheme works in
--            other coordinates, a table where it remembers more
--   b, g, columns, gw, dg      what steps use: drift in the scheme's sense,
--            diffusion, its columns with the correlation mixed in
--   scheme, model, name, strong, weak
-- Without a name the model's default is taken. A scheme outside its noise
-- class is an error that names one that fits.
function M.prepare(m, name)
  if getmetatable(m) ~= model.Model then
    fail(("scheme: expected a model, got %s"):format(opt.show(m)))
  end
  local row = M.get(name or M.pick(m))
  check_fit(row, m)
  local p = new_prepared(m, row)
  local instead = row.setup and row.setup(p)
  if instead then
    return M.prepare(m, instead)
  end
  local mix = p.elementwise and m.mix
  function p.step(x, t, h, w)
    return row.step(p, x, t, h, mix and mixed(mix, w) or w)
  end
  return p
end

-- ---- the table as text ---------------------------------------------------------------

local function order(v)
  return v == nil and "-" or v == math.huge and "exact" or ("%g"):format(v)
end

local LINE = "%-19s %-6s %-5s %-12s %s"

local function right_for(row)
  return row.what or has(row.noise, "general") and "all noise"
    or table.concat(row.noise, ", ") .. " noise"
end

-- The table of all schemes as text; print(sde.scheme) shows it.
function M.text()
  local lines = {LINE:format("scheme", "strong", "weak", "sense", "for")}
  for _, name in ipairs(NAMES) do
    local row = M.get(name)
    lines[#lines + 1] = LINE:format(name, order(row.strong), order(row.weak),
      row.sense, right_for(row))
    lines[#lines + 1] = "    " .. row.source .. (row.note and ": " .. row.note
      or "")
  end
  return table.concat(lines, "\n")
end

return setmetatable(M, {__tostring = M.text})
