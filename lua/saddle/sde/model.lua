-- sde/model.lua: `sde.model`: a stochastic differential equation
--   dx = b(x, t) dt + sum_k g_k(x, t) dW_k,   dW_j dW_k = R_jk dt
-- from Lua functions of tensors. The sense (Ito or Stratonovich) must be said:
-- the two drifts differ by c = 1/2 sum_jk R_jk Dg_j g_k, which is what noise at
-- saddle points is about (docs/sde.md 6). The noise is classified by tracing,
-- shapes are checked there, and derivatives come from jvp.
-- MIT licence.
local core = require "saddle.core"
local opt = require "saddle.opt"
local static = require "saddle.static"
local transform = require "saddle.transform"
local forms = require "saddle.sde.forms"
local noise_class = require "saddle.sde.noise_class"

local T, G = core.tensor, core.graph
local none = opt.none

local M = {}
local Model = {__name = "sde model", __tostring = forms.text}
Model.__index = Model
M.Model = Model

local defaults = {
  drift = none, diffusion = none, sense = none, dim = 1, noises = none,
  noise = none, correlation = none, params = none, name = "model",
}

local fail = core.fail

-- ---- values that users return -------------------------------------------------

-- Lists of numbers and tensors as one tensor; anything else as it is.
local function joined(v)
  if type(v) ~= "table" then
    return v
  end
  local list = {}
  for i = 1, #v do
    local part = joined(v[i])
    list[i] = type(part) == "number" and T(part + 0.0) or part
  end
  return T.stack(list)
end

local function shape_of(v)
  local text, shape = G.type(v)
  return shape, text
end

-- ---- checks --------------------------------------------------------------------

local function check_count(v, where, what)
  local n = math.tointeger(v)
  if n == nil or n < 1 then
    fail(("%s: %s: expected an integer >= 1, got %s"):format(where, what,
      opt.show(v)))
  end
  return n
end

local function check_function(f, where, what)
  local meta = getmetatable(f)
  if type(f) ~= "function" and not (type(meta) == "table" and meta.__call) then
    fail(("%s: %s: expected a function of (x, t), got %s"):format(where, what,
      opt.show(f)))
  end
  return f
end

local function check_sense(sense, where)
  if sense == nil then
    fail(where .. ": sense is missing: say sense = \"ito\" or " ..
      "\"stratonovich\". The same drift means two processes: they differ by " ..
      "half the derivative of the diffusion along itself, which can decide " ..
      "whether a point attracts")
  end
  return opt.choice(sense, {"ito", "stratonovich"}, where .. ": sense")
end

-- A state of zeros, as functions of the model see it.
local function blank(d)
  return d == 1 and T(0.0) or T.zeros {d}
end

-- The type of f's value as text and as shape, after two equal traces.
local function traced(f, where, d)
  local t = static.twice(function(x, time)
    return joined(f(x, time))
  end, where, {blank(d), 0.0}, G.like, function(x)
    return x[1], x[2]
  end)
  if t.many or #t.y ~= 1 then
    fail(("%s: the function must return one value, got %d"):format(where,
      #t.y))
  end
  return shape_of(t.y[1])
end

local function check_drift(m, where)
  local shape, text = traced(m.drift, where .. ": drift", m.dim)
  local good = m.dim == 1 and #shape == 0
    or m.dim > 1 and #shape == 1 and shape[1] == m.dim
  if not good then
    fail(("%s: drift: expected %s, got %s"):format(where,
      m.dim == 1 and "a number (0-d) for dim = 1" or
      ("[%d] for dim = %d"):format(m.dim, m.dim), text))
  end
end

-- The number of noises, and how the diffusion is laid out:
--   "element"   a value for the one noise, or one noise for each element of x
--   "row"       dim = 1, several noises: [m]
--   "matrix"    [d x m]
local function layout_of(m, where)
  local shape, text = traced(m.diffusion, where .. ": diffusion", m.dim)
  local d, want = m.dim, m.noises
  local layout, n
  if d == 1 and #shape == 0 then
    layout, n = "element", 1
  elseif d == 1 and #shape == 1 then
    layout, n = "row", shape[1]
  elseif d > 1 and #shape == 1 and shape[1] == d then
    layout, n = "element", (want == 1 or m.noise == "scalar") and 1 or d
  elseif d > 1 and #shape == 2 and shape[1] == d then
    layout, n = "matrix", shape[2]
  end
  if n == nil or want and want ~= n then
    local m_text = want and tostring(want) or "m"
    fail(("%s: diffusion: expected %s, got %s"):format(where, d == 1 and
      (want == 1 and "a number (0-d) for one noise" or
       ("a number (one noise) or [%s]"):format(m_text)) or
      ("[%d] (one noise an element, or noises = 1) or [%d x %s]"):format(d, d,
        m_text), text))
  end
  return layout, n
end

-- ---- correlation ----------------------------------------------------------------

local function matrix_of(c, m, where)
  if type(c) == "number" and m == 2 then
    return {{1, c}, {c, 1}}
  end
  c = opt.is_tensor(c) and c:totable() or c
  if type(c) ~= "table" or #c ~= m then
    fail(("%s: correlation: expected [%d x %d]%s, got %s"):format(where, m, m,
      m == 2 and " or a number" or "", opt.show(c)))
  end
  for i = 1, m do
    if type(c[i]) ~= "table" or #c[i] ~= m then
      fail(("%s: correlation: row %d: expected %d numbers, got %s"):format(
        where, i, m, opt.show(c[i])))
    end
  end
  return c
end

local EPS = 1e-12 -- rounding in correlations that users computed

local function check_entries(c, m, where)
  for i = 1, m do
    for j = 1, m do
      local v = c[i][j]
      if type(v) ~= "number" or not (math.abs(v) <= 1 + EPS) then
        fail(("%s: correlation: expected numbers in [-1, 1], got %s at " ..
          "(%d, %d)"):format(where, opt.show(v), i, j))
      end
      if math.abs(v - c[j][i]) > EPS or i == j and math.abs(v - 1) > EPS then
        fail(("%s: correlation: expected a symmetric matrix with a diagonal " ..
          "of ones, got %g at (%d, %d)"):format(where, v, i, j))
      end
    end
  end
end

-- Lower triangular L with L L' = c; zero columns where c is singular.
local function factor(c, m, where)
  local l = {}
  for i = 1, m do
    l[i] = {}
    for j = 1, m do
      l[i][j] = 0.0
    end
    for j = 1, i do
      local s = c[i][j] + 0.0
      for k = 1, j - 1 do
        s = s - l[i][k] * l[j][k]
      end
      if i > j then
        if l[j][j] > 0 then
          l[i][j] = s / l[j][j]
        elseif math.abs(s) > 1e-7 then
          s = math.huge
        end
      elseif s > EPS then
        l[i][i] = math.sqrt(s)
      end
      if s < -1e-10 and i == j or s == math.huge then
        fail(where .. ": correlation: no such correlation exists: the " ..
          "matrix is not positive semi-definite")
      end
    end
  end
  return l
end

local function set_correlation(m, c, where)
  if c == nil then
    return
  end
  c = matrix_of(c, m.noises, where)
  check_entries(c, m.noises, where)
  m.correlation, m.mix = c, factor(c, m.noises, where)
end

-- ---- the model -------------------------------------------------------------------

-- model{drift =, diffusion =, sense =, dim = 1, noises =, noise =,
-- correlation =, params =, name =}
--   drift(x, t), diffusion(x, t)  functions of tensors; x is a 0-d tensor for
--           dim = 1, [dim] else. The drift returns the like of x. The
--           diffusion: dim = 1, a number, or a list of m; else [dim], one
--           noise for each element (or one for all: noises = 1), or [dim x m].
--           Lists of numbers and 0-d tensors are taken for tensors.
--   sense   "ito" or "stratonovich": what the drift means; no default
--   noise   "additive" (no dependence on x), "scalar" (one noise), "diagonal"
--           (element i of x alone decides the factor of its noise), "general":
--           found by tracing; a class that is given is checked. m.commutative
--           says of general noise that it needs no areas.
--   correlation   of the noises: [m x m], or a number for two
function M.model(spec)
  local where = "model"
  local o = opt.check(spec, defaults, where)
  local m = setmetatable({name = o.name, params = o.params or {}}, Model)
  m.sense = check_sense(o.sense, where)
  m.drift = check_function(o.drift, where, "drift")
  m.diffusion = check_function(o.diffusion, where, "diffusion")
  m.dim = check_count(o.dim, where, "dim")
  m.noises = o.noises and check_count(o.noises, where, "noises")
  m.noise = o.noise and opt.choice(o.noise, noise_class.names,
    where .. ": noise")
  check_drift(m, where)
  m.layout, m.noises = layout_of(m, where)
  set_correlation(m, o.correlation, where)
  noise_class.settle(m, where)
  return m
end

-- The diffusion as users gave it, as one tensor.
function Model:values(x, t)
  return joined(self.diffusion(x, t))
end

-- The drift as one tensor, in the model's own sense.
function Model:own_drift(x, t)
  return joined(self.drift(x, t))
end

local function raw_columns(m, x, t)
  local v = m.diffusion(x, t)
  if m.layout == "row" then
    local list = {}
    for k = 1, m.noises do
      list[k] = v[k]
    end
    return list
  end
  v = joined(v)
  local list = {}
  for k = 1, m.noises do
    if m.layout == "matrix" then
      list[k] = v(":", k)
    elseif m.noises == 1 then
      list[k] = v
    else
      local e = T.zeros {m.dim}
      e[k] = 1
      list[k] = e * v
    end
  end
  return list
end

-- columns(x, t) -> {g_1, ..., g_m}, each like x, for independent noises: the
-- correlation is mixed in.
function Model:columns(x, t)
  local g = raw_columns(self, x, t)
  if self.mix == nil then
    return g
  end
  local list = {}
  for k = 1, self.noises do
    local sum
    for i = k, self.noises do
      if self.mix[i][k] ~= 0 then
        local term = self.mix[i][k] * g[i]
        sum = sum and sum + term or term
      end
    end
    list[k] = sum or 0.0 * g[k]
  end
  return list
end

-- f's derivative at x along v: 0 when f does not depend on x.
function M.along(f, x, v)
  if type(v) == "number" and type(x) ~= "number" then
    v = T(v + 0.0)
  end
  local _, d = transform.jvp(f, x, v)
  return d
end

-- 1/2 sum_k Dg_k g_k: Ito's drift is Stratonovich's plus this.
function Model:correction(x, t)
  if self.noise == "additive" then
    return 0.0
  end
  if self.layout == "element" and self.noise ~= "general" then
    local function g(y)
      return self:values(y, t)
    end
    return 0.5 * M.along(g, x, g(x))
  end
  local sum
  for k, gk in ipairs(self:columns(x, t)) do
    local term = M.along(function(y)
      return self:columns(y, t)[k]
    end, x, gk)
    sum = sum and sum + term or term
  end
  return 0.5 * sum
end

-- The drift in a sense, as a function of (x, t).
function Model:drift_in(sense)
  local own = function(x, t)
    return joined(self.drift(x, t))
  end
  if sense == self.sense or self.noise == "additive" then
    return own
  end
  local sign = sense == "ito" and 1 or -1
  return function(x, t)
    return own(x, t) + sign * self:correction(x, t)
  end
end

function Model:ito_drift()
  return self:drift_in("ito")
end

function Model:stratonovich_drift()
  return self:drift_in("stratonovich")
end

-- Both forms as text; for built-in models as formulas.
function Model:forms()
  return forms.both(self)
end

return M
