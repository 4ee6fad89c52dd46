-- init.lua: what `require "saddle"` returns: every submodule and function,
-- each loaded on first use, so that starting costs a millisecond. No globals.
-- MIT licence.
local core = require "saddle.core"

-- Saddle's own folder: errors point at the first frame outside it.
local source = debug.getinfo(1, "S").source
core.set_luadir(source:match("^@(.*[/\\])") or "saddle/")

-- Tensors are large userdata. In generational mode a major collection waits
-- for the heap to double since the last one, while the old tensors a loop
-- leaves behind are promoted before they die: `w = w - g` at 2 MB holds on to
-- gigabytes. Incremental mode paces itself by every byte allocated. The host
-- sets it as well; stock Lua that loads us as a module gets it here.
collectgarbage("incremental")

local M = {version = core.system.version()}

-- name = the module it comes from (true: the module itself).
local origin = {
  tensor = true, random = true, nn = true, data = true, optim = true,
  critical = true, landscape = true, spectrum = true, noise = true, sde = true,
  plot = true, opt = true, progress = true, doc = true, transform = true,
  file = true, linalg = true, law = true, manifold = true, optimizer = true,
  grad = "transform", value_and_grad = "transform", jvp = "transform",
  vjp = "transform", hvp = "transform", hessian = "transform",
  jacobian = "transform", vmap = "transform", jit = "transform",
  trace = "transform", iterate = "transform", where = "transform",
  objective = "nn", load = "file", save = "file",
}

-- Submodules written wholly in C: the field of the core that is the module.
local bound = {tensor = "tensor", linalg = "linalg", random = "random",
               file = "file"}

local function submodule(name)
  if bound[name] and core[bound[name]]
      and not package.searchpath("saddle." .. name, package.path) then
    return core[bound[name]]
  end
  return require("saddle." .. name)
end

setmetatable(M, {__index = function(self, name)
  local from = origin[name]
  if from == nil then return nil end
  local value
  if from == true then
    value = submodule(name)
  else
    value = submodule(from)[name]
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
