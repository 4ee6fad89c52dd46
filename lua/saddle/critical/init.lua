-- critical/init.lua: `saddle.critical`: searches for critical points of any
-- index, and their verification.
--   find(obj, w0, opts)    runs a method that shrinks |g|, then verifies
--   verify(obj, w, opts)   verifies any point
-- Both return the table described in verify.lua. Methods are one file each:
--   newton     damped Newton, the trial of smallest |g|
--   newton_mr  minimum-residual steps of MINRES-QLP, line search on |g|^2
-- A method is {defaults, step}: step(obj, s, opts) returns the next state
-- {w, grad, r, r_H, move}, or nil where its line search fails: the search then
-- keeps the last accepted point. Frye et al. 2019; Roosta et al. 2018.
-- MIT licence.
local core = require "saddle.core"
local opt = require "saddle.opt"
local objective = require "saddle.objective"
local search = require "saddle.search"
local verify = require "saddle.critical.verify"

local M = {distinct = require "saddle.critical.distinct"}

local NAMES = {"newton", "newton_mr"}

-- Options of every search, beside verify's and the method's own:
--   steps     most steps (100)
--   patience  stop as "stalled" when |g| has not fallen by 1 % in so many
--             steps (40; 0: never)
--   progress  a bar for long searches: true, or its label
local common = {method = "newton", steps = 100, patience = 40,
                progress = false}
local LEAST_FALL = 0.99

local function options(opts)
  local name = search.method(opts, common.method, "find")
  opt.choice(name, NAMES, "find: method")
  local method = require("saddle.critical." .. name)
  local o = search.options(opts, "find (" .. name .. ")",
    {verify.defaults, common, method.defaults})
  return method, name, o
end

local function stale(history, patience)
  local n = #history
  return patience > 0 and n > patience
    and history[n].grad_norm > LEAST_FALL * history[n - patience].grad_norm
end

-- One step. Returns a status when the search is over.
local function advance(obj, method, s, o)
  local new = method.step(obj, s, o)
  if not new then return "stalled" end
  local last = s.history[#s.history]
  last.r, last.r_H = new.r, new.r_H -- flatness at the point stepped from
  s.k = s.k + 1
  s.w, s.grad, s.alpha = new.w, new.grad, new.alpha
  s.norm, s.move = s.grad:norm(), new.move
  s.history[#s.history + 1] = {grad_norm = s.norm, step = s.move,
    damping = new.damping, downhill = new.downhill, alpha = new.alpha}
  if s.norm ~= s.norm then return "diverged" end
  if s.norm <= o.tol and s.move <= o.eta_tol * (1 + s.w:norm()) then
    return "converged"
  end
  return stale(s.history, o.patience) and "stalled" or nil
end

-- find(obj, w0, opts): beside verify's fields the result has
--   status   how the search ended: "converged" (|g| and the last step are
--            small, or rounding stopped it at a point that was verified; the
--            class says what it is), "max_steps", "stalled" (line search or
--            patience), "diverged", "interrupted"
--   steps, method, history   one entry per iterate: grad_norm, r, r_H, step
--   r_max    largest r over all iterates; flat_steps: iterates that were flat
function M.find(obj, w0, opts)
  local method, name, o = options(opts)
  w0 = search.start(w0, "find")
  obj = objective.wrap(obj, w0.shape[1], "find")
  local s = {w = w0, k = 0, grad = obj:grad(w0)}
  s.norm = s.grad:norm()
  s.history = {{grad_norm = s.norm}}
  if s.norm ~= s.norm then
    core.fail("find: the gradient at w0 is not a number")
  end
  local status = search.run(s, o, "critical", s.norm == 0 and "converged",
    function() return advance(obj, method, s, o) end,
    function() return ("|g| %.2e"):format(s.norm) end)
  local cp = verify.point(obj, s.w, o)
  -- At the rounding level nothing shrinks |g| any more.
  if status == "stalled" and cp.critical then status = "converged" end
  local last = s.history[#s.history]
  last.r, last.r_H = cp.r, cp.r_H
  cp.status, cp.steps, cp.method, cp.history = status, s.k, name, s.history
  for _, h in ipairs(s.history) do
    cp.r_max = math.max(cp.r_max or 0, h.r or 0)
    if h.r and h.r > o.flat_r and h.r_H < o.flat_rh then
      cp.flat_steps = (cp.flat_steps or 0) + 1
    end
  end
  cp.flat_steps = cp.flat_steps or 0
  return cp
end

-- verify(obj, w, opts): see verify.lua.
function M.verify(obj, w, opts)
  w = search.start(w, "verify", "w")
  obj = objective.wrap(obj, w.shape[1], "verify")
  return verify.point(obj, w, search.options(opts, "verify", {verify.defaults}))
end

return M
