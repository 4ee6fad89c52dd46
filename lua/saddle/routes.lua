-- routes.lua: how an objective's derivatives are had. A route is a table of
-- functions of w: value, grad, value_grad, hvp, hvps, hessian, ...
--   by_structure      core.network: passes and matrices from per-layer products
--   by_graph          the transforms of a traced function
--   network_by_graph  the same for a network with data
-- Where the graph gives a matrix it does so by Hessian-vector products, many at
-- a time, or by rows of gradients or Jacobians.  MIT licence.
local core = require "saddle.core"

local tensor = core.tensor

local M = {}

local LANES = 32           -- Hessian-vector products taken at once
local ELEMENTS = 1 << 24   -- of rows held at once

local function transform() return require "saddle.transform" end

-- To the last bit, which products of matrices by themselves do not promise.
local function symmetric(A) return (A + A:t()) * 0.5 end

-- ---- structure -------------------------------------------------------------

-- The plan of a net that core.network covers with that loss, or nil.
function M.plan_of(net, loss, labels)
  if loss.name == "cross_entropy" and not labels then return nil end
  return net:structure()
end

function M.by_structure(plan, loss, l2, x, y)
  local c = core.network.new{
    sizes = plan.sizes, activations = plan.activations, bias = plan.bias,
    loss = loss.name, l2 = l2,
  }
  return {
    value = function(w) return c:value(w, x, y) end,
    grad = function(w) return (select(2, c:value_grad(w, x, y))) end,
    value_grad = function(w) return c:value_grad(w, x, y) end,
    hvp = function(w, v) return c:hvp(w, v, x, y) end,
    hvps = function(w, V) return c:hvps(w, V, x, y) end,
    point = function(w, limit) return c:point(w, x, y, limit) end,
    hessian = function(w) return c:hessian(w, x, y) end,
    hessian_block = function(w, l, m) return c:hessian_block(w, x, y, l, m) end,
    hessian_diagonal = function(w) return c:hessian_diagonal(w, x, y) end,
    gauss_newton = function(w) return c:gauss_newton(w, x, y) end,
    gauss_newton_diagonal = function(w)
      return c:gauss_newton_diagonal(w, x, y)
    end,
    sample_grads = function(w) return c:sample_grads(w, x, y) end,
    second_moment = function(w, centered)
      return c:second_moment(w, x, y, centered)
    end,
  }
end

-- ---- any function ----------------------------------------------------------

-- hvps by an hvp that takes one vector.
function M.one_by_one(hvp)
  return function(w, V)
    local rows = {}
    for j = 1, V.shape[1] do
      rows[j] = hvp(w, V[j]):reshape(1, V.shape[2])
    end
    return #rows > 0 and tensor.concat(rows, 1) or V
  end
end

-- Rows first .. last of the identity.
local function unit_rows(w, first, last)
  local E = tensor.zeros{last - first + 1, w.shape[1], dtype = w.dtype}
  for i = first, last do E[{i - first + 1, i}] = 1 end
  return E
end

-- keep(rows, first, last) for the rows first .. last of H, some at a time.
local function each_rows(fn, w, first, last, keep)
  for a = first, last, LANES do
    local b = math.min(a + LANES - 1, last)
    keep(fn.hvps(w, unit_rows(w, a, b)), a, b)
  end
end

-- The transforms of a traced scalar function f.
function M.by_graph(f)
  local t = transform()
  local grad, both = t.grad(f), t.value_and_grad(f)
  local fn = {
    value = f,
    grad = grad,
    value_grad = both,
    hvp = function(w, v) return t.hvp(f, w, v) end,
    hessian = function(w) return symmetric(t.hessian(f, w)) end,
  }
  function fn.hvps(w, V)
    local parts, k = {}, V.shape[1]
    for a = 1, k, LANES do
      local some = V[{a .. ":" .. math.min(a + LANES - 1, k)}]
      parts[#parts + 1] = t.vmap(function(v) return t.hvp(f, w, v) end)(some)
    end
    return #parts > 0 and tensor.concat(parts, 1) or V
  end
  function fn.hessian_diagonal(w)
    local out = tensor.zeros{w.shape[1], dtype = w.dtype}
    each_rows(fn, w, 1, w.shape[1], function(rows, a, b)
      out[{a .. ":" .. b}] = rows[{":", a .. ":" .. b}]:diag()
    end)
    return out
  end
  return fn
end

-- ---- networks with data ----------------------------------------------------

function M.network_function(net, loss, l2, x, targets)
  return function(w)
    local v = loss.mean(net:apply(w, x), targets)
    if l2 > 0 then v = v + (l2 / 2) * (w * w):sum() end
    return v
  end
end

-- First and last parameter of each layer that has some.
local function layer_ranges(net)
  local list, of = {}, {}
  for _, e in ipairs(net.entries) do
    local r = of[e.layer]
    if not r then
      r = {e.first, e.last}
      of[e.layer], list[#list + 1] = r, r
    end
    r[2] = e.last
  end
  return list
end

function M.layer_count(net) return #layer_ranges(net) end

-- Gradient rows of some samples.
local function rows_of(net, loss, l2, w, x, targets)
  local t = transform()
  local function one(xi, yi)
    local d, c = xi.shape[1], yi.shape[1]
    xi, yi = xi:reshape(1, d), yi:reshape(1, c)
    return t.grad(function(u)
      return loss.mean(net:apply(u, xi), yi)
    end)(w)
  end
  local g = t.vmap(one)(x, targets)
  return l2 > 0 and g + l2 * w or g
end

-- Sum over some samples of J_n' C_n J_n.
local function curved(net, loss, w, x, targets)
  local t = transform()
  local n, c, P = x.shape[1], targets.shape[2], w.shape[1]
  local J = t.jacobian(function(u) return net:apply(u, x) end, w)
  local z = net:apply(w, x)
  local C = t.vmap(function(zi, yi)
    return t.hessian(function(u)
      return loss.mean(u:reshape(1, c), yi:reshape(1, c))
    end, zi)
  end)(z, targets)
  local CJ = C:matmul(J:reshape(n, c, P))
  return J:reshape(n * c, P):t():mm(CJ:reshape(n * c, P))
end

-- fn(x, targets) summed over samples, so many at a time that each makes no
-- more than ELEMENTS numbers of `each` a sample.
local function in_parts(x, targets, each, fn)
  local n = x.shape[1]
  local size = math.max(1, math.min(n, ELEMENTS // each))
  local sum
  for a = 1, n, size do
    local range = a .. ":" .. math.min(a + size - 1, n)
    local part = fn(x[{range}], targets[{range}])
    sum = sum and sum + part or part
  end
  return sum
end

function M.network_by_graph(net, loss, l2, x, targets)
  local fn = M.by_graph(M.network_function(net, loss, l2, x, targets))
  local n, c = x.shape[1], targets.shape[2]
  local layers = layer_ranges(net)
  function fn.sample_grads(w) return rows_of(net, loss, l2, w, x, targets) end
  function fn.gauss_newton(w)
    local P = w.shape[1]
    local G = in_parts(x, targets, 2 * c * P, function(xs, ys)
      return curved(net, loss, w, xs, ys)
    end)
    return symmetric(G / n) + l2 * tensor.eye(P, {dtype = w.dtype})
  end
  function fn.gauss_newton_diagonal(w) return fn.gauss_newton(w):diag() end
  function fn.second_moment(w, centered)
    local mean = centered and fn.grad(w)
    local S = in_parts(x, targets, w.shape[1], function(xs, ys)
      local rows = rows_of(net, loss, l2, w, xs, ys)
      rows = mean and rows - mean or rows
      return rows:t():mm(rows)
    end)
    return symmetric(S / n)
  end
  function fn.hessian_block(w, l, m)
    local r, s = layers[l], layers[m]
    local out = tensor.zeros{r[2] - r[1] + 1, s[2] - s[1] + 1, dtype = w.dtype}
    each_rows(fn, w, r[1], r[2], function(rows, a, b)
      out[{(a - r[1] + 1) .. ":" .. (b - r[1] + 1)}] =
        rows[{":", s[1] .. ":" .. s[2]}]
    end)
    return l == m and symmetric(out) or out
  end
  return fn
end

return M
