-- sde/model.lua: `sde.model`: a stochastic differential equation
--   dx = b(x, t) dt + sum_k g_k(x, t) dW_k,   dW_j dW_k = R_jk dt
-- from Lua functions of tensors. The sense (Ito or Stratonovich) must be said:
-- the two drifts differ by c = 1/2 sum_jk R_jk Dg_j g_k, which is what noise at
-- saddle points is about (docs/sde.md 2). The noise is classified by tracing,
-- shapes are checked there, and derivatives come from jvp.
-- MIT licence.
local core = require "saddle.core"
local opt = require "saddle.opt"
local static = require "saddle.static"
local transform = require "saddle.transform"
local correlation = require "saddle.march.correlation"
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

-- ---- the model -------------------------------------------------------------------

-- f's derivative at x along v: 0 when f does not depend on x.
function M.along(f, x, v)
  if type(v) == "number" and type(x) ~= "number" then
    v = T(v + 0.0)
  end
  local _, d = transform.jvp(f, x, v)
  return d
end

-- f(x, t) for symbolic x; of values x it is what the traced f gives, since an
-- element of a tensor is a Lua number, and that of a symbolic one is not.
local function both_ways(m, f)
  local compiled
  return function(x, t)
    if G.issymbolic(x) then
      return f(x, t)
    elseif m.dim == 1 then
      return f(type(x) == "number" and T(x + 0.0) or x, t)
    end
    compiled = compiled or static.jit(f)
    return compiled(x, t)
  end
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

local function mixed_columns(m, x, t)
  local g = raw_columns(m, x, t)
  if m.mix == nil then
    return g
  end
  local list = {}
  for k = 1, m.noises do
    local sum
    for i = k, m.noises do
      if m.mix[i][k] ~= 0 then
        local term = m.mix[i][k] == 1 and g[i] or m.mix[i][k] * g[i]
        sum = sum and sum + term or term
      end
    end
    list[k] = sum or 0.0 * g[k]
  end
  return list
end

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
  if type(o.name) ~= "string" then
    fail(("%s: name: expected a text, got %s"):format(where, opt.show(o.name)))
  end
  if o.params ~= nil and type(o.params) ~= "table" then
    fail(("%s: params: expected a table, got %s"):format(where,
      opt.show(o.params)))
  end
  local m = setmetatable({name = o.name, params = o.params or {}}, Model)
  m.sense = check_sense(o.sense, where)
  m.drift = check_function(o.drift, where, "drift")
  m.diffusion = check_function(o.diffusion, where, "diffusion")
  m.dim = opt.integer(o.dim, "dim", 1, where)
  m.noises = o.noises and opt.integer(o.noises, "noises", 1, where)
  m.noise = o.noise and opt.choice(o.noise, noise_class.names,
    where .. ": noise")
  check_drift(m, where)
  m.layout, m.noises = layout_of(m, where)
  if o.correlation ~= nil then
    m.correlation, m.mix = correlation.factor(o.correlation, m.noises, where)
  end
  m.values_at = both_ways(m, function(x, t)
    return joined(m.diffusion(x, t))
  end)
  m.columns_at = both_ways(m, function(x, t)
    return mixed_columns(m, x, t)
  end)
  noise_class.settle(m, where)
  return m
end

-- 1/2 sum_k Dg_k g_k: Stratonovich's drift plus this is Ito's.
local function correction(m, x, t)
  if m.layout == "element" and m.noise ~= "general" then
    local function g(y)
      return joined(m.diffusion(y, t))
    end
    return 0.5 * M.along(g, x, g(x))
  end
  local sum
  for k, gk in ipairs(mixed_columns(m, x, t)) do
    local term = M.along(function(y)
      return mixed_columns(m, y, t)[k]
    end, x, gk)
    sum = sum and sum + term or term
  end
  return 0.5 * sum
end

-- The diffusion as one tensor; as columns {g_1, ..., g_m}, each like x, for
-- independent noises: the correlation is mixed in.
function Model:values(x, t)
  return self.values_at(x, t)
end

function Model:columns(x, t)
  return self.columns_at(x, t)
end

-- The drift in a sense, as a function of (x, t).
function Model:drift_in(sense)
  local own = function(x, t)
    return joined(self.drift(x, t))
  end
  if sense == self.sense or self.noise == "additive" then
    return both_ways(self, own)
  end
  local sign = sense == "ito" and 1 or -1
  return both_ways(self, function(x, t)
    return own(x, t) + sign * correction(self, x, t)
  end)
end

function Model:ito_drift()
  return self:drift_in("ito")
end

function Model:stratonovich_drift()
  return self:drift_in("stratonovich")
end

-- exit_theory of this model: how long it stays in an interval.
function Model:exit(opts)
  return require "saddle.sde.exit_theory".exit_theory(self, opts)
end

-- The law that paths settle into, where it has a closed form: of the saddle
-- model, geometric Brownian motion and Ornstein-Uhlenbeck. A law that does not
-- exist says why.
function Model:stationary()
  local law, p = require "saddle.law", self.params
  if self.kind == "ou" and p.a < 0 then
    return law.normal {mean = p.mean, sd = p.tau / math.sqrt(-2 * p.a)}
  elseif self.kind == "saddle" or self.kind == "ou" then
    return law.saddle {a = p.a, sigma = p.sigma, tau = p.tau, rho = p.rho}
  end
  fail(("stationary: no closed form for '%s': sde.fokker_planck with " ..
    "stationary = true gives its density"):format(self.name))
end

-- Both forms as text; for built-in models as formulas.
function Model:forms()
  return forms.both(self)
end

opt.class(Model, "model")

return M
