-- init.lua: what `require "saddle"` returns: every submodule and function,
-- each loaded on first use, so that starting costs a millisecond. No globals.
-- MIT licence.
local core = require "saddle.core"

local M = {version = core.system.version()}

-- name = where it comes from: true, a module of its own; "core", a module
-- written wholly in C; else the module whose function it is.
local origin = {
  tensor = "core", random = "core", linalg = "core",
  nn = true, data = true, optim = true, critical = true, plot = true,
  sde = true, march = true, law = true, stats = true,
  file = true, transform = true, opt = true, progress = true,
  bignum = true, report = true,
  grad = "transform", value_and_grad = "transform", jvp = "transform",
  vjp = "transform", hvp = "transform", hessian = "transform",
  jacobian = "transform", vmap = "transform", jit = "transform",
  iterate = "transform",
  trace = "transform", objective = "nn", load = "file", save = "file",
}

setmetatable(M, {__index = function(self, name)
  local from = origin[name]
  if from == nil then return nil end
  local value
  if from == true then
    value = require("saddle." .. name)
  else
    value = (from == "core" and core or self[from])[name]
  end
  rawset(self, name, value)
  return value
end})

-- Monotonic seconds.
M.clock = core.system.clock

-- What a result depends on, for figures and files: a fresh table of strings
-- and numbers.
function M.provenance()
  local cpu = core.system.cpu()
  return {
    saddle = M.version,
    lua = _VERSION,
    script = arg and arg[0] or "(none)",
    date = os.date("!%Y-%m-%dT%H:%M:%SZ"),
    seed = core.system.seed(),
    threads = core.system.threads(),
    blas = cpu.blas,
    kernel = cpu.kernel,
    processor = cpu.model,
  }
end

return M
