-- point.lua: an objective at one w, for many products with its Hessian there:
-- conjugate gradients, MINRES, Lanczos. By structure the forward and backward
-- passes at w are kept (p.cached), for about four numbers a unit and sample;
-- otherwise each product runs them anew. p.w must not change.  MIT licence.
local core = require "saddle.core"
local opt = require "saddle.opt"

local M = {}
local Point = {}
Point.__index = Point

-- A point of obj at a checked w, keeping at most `limit` bytes.
function M.make(obj, w, limit)
  local p = {obj = obj, w = w:clone(), cached = false, bytes = 0}
  if obj.fn.point then
    p.kept, p.bytes, p.cached = obj.fn.point(p.w, limit)
    obj.counts.value = obj.counts.value + 1
    obj.counts.grad = obj.counts.grad + 1
  end
  return setmetatable(p, Point)
end

function Point:value()
  if self.kept then return self.kept:value() end
  self.number = self.number or self.obj:value(self.w)
  return self.number
end

function Point:grad()
  if self.kept then return self.kept:grad() end
  self.vector = self.vector or self.obj:grad(self.w)
  return self.vector:clone()
end

local function check(self, V, ndim, name, where, shape)
  if type(V) == "table" then V = core.tensor(V) end
  local s = opt.is_tensor(V) and V.shape or {}
  if #s ~= ndim or s[ndim] ~= self.obj:dim() then
    core.fail(("%s: %s: expected [%s%d] %s, got %s"):format(where, name, shape,
      self.obj:dim(), self.obj.dtype, opt.show(V)))
  end
  return V:to(self.obj.dtype)
end

-- H v.
function Point:hvp(v)
  if not self.kept then return self.obj:hvp(self.w, v) end
  v = check(self, v, 1, "v", "hvp", "")
  self.obj.counts.hvp = self.obj.counts.hvp + 1
  return self.kept:hvps(v)
end

-- The rows of V [k x P] multiplied by H.
function Point:hvps(V)
  if not self.kept then return self.obj:hvps(self.w, V) end
  V = check(self, V, 2, "V", "hvps", "k x ")
  self.obj.counts.hvp = self.obj.counts.hvp + V.shape[1]
  return self.kept:hvps(V)
end

opt.class(Point, "point")

function Point:__tostring()
  return ("point of an objective of %d parameters, passes %s"):format(
    self.obj:dim(), self.cached
      and ("kept in %.1f MB"):format(self.bytes / 1e6)
      or "not kept: each product runs them")
end

return M
