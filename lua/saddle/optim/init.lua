-- optim/init.lua: `saddle.optim`: minimisers and the driver they share.
-- A method is a table in its own file:
--   defaults             its options
--   init(obj, s, opts)   optional: prepares the state s
--   step(obj, s, opts)   returns the next w (or nil: it can go no further);
--                        reads s.w, s.value, s.grad, s.k; keeps its own fields
--   done(obj, s, opts)   optional: a status, or nil
--   stochastic           true: it needs no full value and gradient each step;
--                        the driver then evaluates every opts.eval steps
-- The driver does evaluation, trace, stopping, progress and interrupts. A new
-- minimiser is one new file and one name below.  MIT licence.
local core = require "saddle.core"
local opt = require "saddle.opt"
local objective = require "saddle.objective"
local search = require "saddle.search"

local tensor, none = core.tensor, opt.none

local M = {}

local NAMES = {"gd", "newton", "sfn", "sgd"}
function M.methods() return table.move(NAMES, 1, #NAMES, 1, {}) end

-- Options every method takes.
--   steps     most steps taken
--   tol       stop when the gradient norm is at most this: "converged"
--   lower     stop when the value is at most this: "below" (off)
--   record    keep w every so many steps in run.path (0: never)
--   eval      stochastic methods: steps between two full evaluations (an
--             epoch when not given)
--   progress  a bar for long runs: true, or its label
--   callback  function(s) after each step; returning true stops: "stopped"
local common = {
  method = "gd", steps = 100, tol = 1e-8, lower = none, record = 0, eval = none,
  progress = false, callback = none,
}

local function pick(method)
  if type(method) == "table" and method.step then return method, "method" end
  opt.choice(method, NAMES, "minimize: method")
  return require("saddle.optim." .. method), method
end

local function options(opts)
  local method, name = pick(search.method(opts, common.method, "minimize"))
  local o = search.options(opts, "minimize (" .. name .. ")",
    {common, method.defaults or {}})
  return method, name, o
end

local function finite(x) return x == x and x > -math.huge and x < math.huge end

-- Full value and gradient at s.w, the trace, the best point so far.
local function evaluate(obj, s, trace)
  s.value, s.grad = obj:value_grad(s.w)
  s.grad_norm = s.grad:norm()
  local n = #trace.values + 1
  trace.at[n], trace.values[n], trace.norms[n] = s.k, s.value, s.grad_norm
  if finite(s.value) and (not s.best or s.value < s.best.value) then
    s.best = {w = s.w, value = s.value, step = s.k}
  end
end

local function keep(s, trace, every)
  if every > 0 and s.k % every == 0 then
    trace.path[#trace.path + 1] = s.w
  end
end

local function status_of(obj, method, s, o)
  if not finite(s.value) or not finite(s.grad_norm) then return "diverged" end
  if s.grad_norm <= o.tol then return "converged" end
  if o.lower and s.value <= o.lower then return "below" end
  return method.done and method.done(obj, s, o) or nil
end

local function advance(obj, method, s, o, trace)
  local w = method.step(obj, s, o)
  if not w then return "stalled" end
  s.k = s.k + 1
  local full = not method.stochastic or s.k % s.eval == 0 or s.k == o.steps
  s.w, s.fresh = w, full
  keep(s, trace, o.record)
  if full then evaluate(obj, s, trace) end
  if o.callback and o.callback(s) then return "stopped" end
  return full and status_of(obj, method, s, o) or nil
end

local function stack(list, n)
  if #list == 0 then return nil end
  local rows = {}
  for i, w in ipairs(list) do rows[i] = w:reshape(1, n) end
  return tensor.concat(rows, 1)
end

-- minimize(obj, w0, {method = "gd" | "sgd" | "newton" | "sfn", ...}): obj is
-- an objective, or a Lua function of a tensor. Returns a run:
--   w, value, grad_norm   the last point; the best one when the run was
--                         interrupted or diverged
--   status   "converged" (gradient norm at most tol: NOT yet a minimum, see
--            saddle.critical), "below" (the value reached `lower`),
--            "max_steps", "diverged", "stalled" (the method can go no
--            further), "interrupted", "stopped" (by the callback)
--   steps, best = {w, value, step}, method, counts
--   values, grad_norms, at   of every evaluation, and the steps they belong to
--   path     [m x P] when record > 0: w at steps 0, record, 2 record, ...
function M.minimize(obj, w0, opts)
  local method, name, o = options(opts)
  w0 = search.start(w0, "minimize")
  obj = objective.wrap(obj, w0.shape[1], "minimize")
  local trace = {at = {}, values = {}, norms = {}, path = {}}
  local s = {w = w0, k = 0, fresh = true}
  evaluate(obj, s, trace)
  keep(s, trace, o.record)
  if method.init then method.init(obj, s, o) end
  s.eval = math.tointeger(o.eval or s.eval or 1)
  local status = search.run(s, o, "minimize", status_of(obj, method, s, o),
    function() return advance(obj, method, s, o, trace) end,
    function() return ("value %.6g  |g| %.2e"):format(s.value, s.grad_norm) end)
  if not s.fresh then evaluate(obj, s, trace) end
  local run = search.result("run", {
    w = s.w, value = s.value, grad_norm = s.grad_norm, status = status,
    steps = s.k, best = s.best, method = name, counts = obj.counts,
    at = trace.at, values = trace.values, grad_norms = trace.norms,
    path = stack(trace.path, w0.shape[1]),
  })
  if s.best and (status == "interrupted" or status == "diverged") then
    run.w, run.value = s.best.w, s.best.value
    run.grad_norm = nil
  end
  return run
end

return M
