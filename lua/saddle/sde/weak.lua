-- sde/weak.lua: E f(x_n) of a scheme without sampling, for dim = 1. One step's
-- mean over its noise is Gauss-Hermite quadrature over each normal that the step
-- uses (exact for polynomials up to degree 11), and u_k(x) = E f(x_n | x_k = x)
-- is carried backwards from u_n = f by its values at Chebyshev nodes of an
-- interval:
--   u_(k-1)(x_i) = sum_q w_q u_k(step(x_i, noise_q)),
-- u_k between the nodes by barycentric interpolation. For a linear model, a
-- moment of order k and a scheme whose step is linear in x this is the moment
-- recursion with k + 1 nodes, exact up to rounding. For others take more nodes
-- and an interval that paths hardly leave: outside u_k keeps its value at the end.
-- MIT licence.
local core = require "saddle.core"
local opt = require "saddle.opt"
local static = require "saddle.static"

local T = core.tensor
local fail = core.fail

local M = {}

local NODES = 6 -- of each normal

-- Gauss-Hermite nodes and weights of a standard normal, from the Jacobi
-- matrix with off-diagonal sqrt(1), sqrt(2), ...
local function hermite(n)
  local off = {}
  for k = 1, n - 1 do
    off[k] = math.sqrt(k)
  end
  local x, w = core.linalg.tridiagonal(T.zeros {n}, T(off))
  return x:totable(), w:totable()
end

-- All combinations of n variables: values[j] [points], weights [points].
local function grid(n, x, w)
  local values, weights = {}, {1}
  for j = 1, n do
    values[j] = {}
  end
  for j = 1, n do
    local old, fresh, scaled = weights, {}, {}
    for i = 1, n do
      scaled[i] = {}
    end
    for k = 1, #old do
      for q = 1, #x do
        fresh[#fresh + 1] = old[k] * w[q]
        for i = 1, j - 1 do
          table.insert(scaled[i], values[i][k])
        end
        table.insert(scaled[j], x[q])
      end
    end
    weights, values = fresh, scaled
  end
  return values, weights
end

-- How many normals a step of p uses: dW, I10, areas, its own.
local function normals(p)
  local m = p.noises
  local n = m * (p.integrals == "time" and 2 or 1) + p.extra
  return p.integrals == "area" and n + m * (m - 1) // 2 or n
end

-- The step's inputs from normals z[1..]: for m = 1 tensors, else lists of them.
local function inputs(p, z, h)
  local m, used = p.noises, p.noises
  local dw, i10 = {}, nil
  for k = 1, m do
    dw[k] = z[k] * h ^ 0.5
  end
  if p.integrals == "time" then
    i10 = {}
    for k = 1, m do
      i10[k] = 0.5 * h * dw[k] + z[m + k] * (h ^ 3 / 12) ^ 0.5
    end
    used = 2 * m
  end
  local w = {dw = dw, i10 = i10, extra = {}}
  if p.integrals == "area" then
    w.area = {}
    for i = 1, m do
      w.area[i] = w.area[i] or {}
      w.area[i][i] = 0.5 * (dw[i] * dw[i] - h)
      for j = i + 1, m do
        used = used + 1
        w.area[j] = w.area[j] or {}
        local levy = z[used] * (h * (h + dw[i] * dw[i] + dw[j] * dw[j]) / 12)
          :sqrt()
        w.area[i][j] = 0.5 * dw[i] * dw[j] + levy
        w.area[j][i] = 0.5 * dw[i] * dw[j] - levy
      end
    end
  end
  for k = 1, p.extra do
    w.extra[k] = z[used + k]
  end
  if m == 1 then
    w.dw, w.i10 = dw[1], i10 and i10[1]
  end
  return w
end

-- The step from every node by every combination: [nodes x points].
local function landed(p, nodes, values, h)
  local points = #values[1]
  local x = T(nodes):reshape(#nodes, 1):broadcast_to {#nodes, points}
    :contiguous():flatten()
  local z = {}
  for j, v in ipairs(values) do
    z[j] = T(v):reshape(1, points):broadcast_to {#nodes, points}:contiguous()
      :flatten()
  end
  local step = static.vmap(function(s, noise)
    return p.from(p.step(p.to(s), 0.0, h, inputs(p, noise, h)))
  end)
  return step(x, z)
end

local function chebyshev(n, interval)
  local lo, hi = interval[1], interval[2]
  local x, c = {}, {}
  for i = 1, n do
    local angle = math.pi * (2 * i - 1) / (2 * n)
    x[i] = (lo + hi) / 2 + (hi - lo) / 2 * math.cos(angle)
    c[i] = (i % 2 == 1 and 1 or -1) * math.sin(angle)
  end
  return x, c
end

-- Matrix [points x nodes] of barycentric interpolation from nodes x (weights
-- c) to the places y.
local function interpolation(x, c, y)
  local away = y:reshape(-1, 1) - T(x):reshape(1, -1)
  local hit = away:eq(0)
  local q = T(c):reshape(1, -1) / T.where(hit, T.ones_like(away), away)
  local any = hit:to "f64":sum(2, {keepdim = true}):gt(0)
  q = T.where(any, hit:to "f64", q)
  return q / q:sum(2, {keepdim = true})
end

-- The matrix of one step on values at the nodes.
local function transfer(p, x, c, h, ends)
  local hx, hw = hermite(NODES)
  local values, weights = grid(normals(p), hx, hw)
  local y = landed(p, x, values, h)
  local to = interpolation(x, c, ends and y:clamp(ends[1], ends[2]) or y)
  local n, points = #x, #weights
  return (to:reshape(n, points, n) * T(weights):reshape(1, points, 1)):sum(2)
end

local MOMENT = 100 -- the highest: it takes as many nodes

local function function_of(o)
  if type(o.weak) == "function" then
    return static.vmap(o.weak)
  end
  local k = opt.whole(o.weak)
  if k == nil or k < 1 or k > MOMENT then
    fail(("convergence: weak: expected an integer in 1..%d or a function, " ..
      "got %s"):format(MOMENT, opt.show(o.weak)))
  end
  return function(x)
    return x ^ k
  end, k
end

-- E f(x_n) of p over n steps to time t; more: nodes beyond those that a moment
-- of a linear model needs.
local function expectation(o, p, n, more)
  local f, k = function_of(o)
  local x0 = o.x0 or 1
  local interval = o.interval or {-2 * math.abs(x0) - 1, 2 * math.abs(x0) + 1}
  local size = k and not o.interval and k + 1 + (more or 0) or o.nodes
  local x, c = chebyshev(size, interval)
  local h = o.t / n
  local u = f(T(x)):reshape(-1, 1)
  local step = transfer(p, x, c, h, o.interval)
  for _ = 1, n do
    u = step:mm(u)
  end
  return interpolation(x, c, T {x0 + 0.0}):mm(u):item()
end

local function true_value(o, p)
  if o.value then
    return o.value
  end
  local k = opt.whole(o.weak)
  if o.model.moments and k and k <= 2 then
    local mean, _, second = o.model:moments(o.x0 or 1, o.t)
    return k == 1 and mean or second
  end
  -- two fine runs and Richardson's extrapolation
  local n = 4 * o.steps[#o.steps]
  local order = p.weak or 1
  local coarse, fine = expectation(o, p, n), expectation(o, p, 2 * n)
  return fine + (fine - coarse) / (2 ^ order - 1)
end

-- Moments of coefficients that are not linear do not close: more nodes would then
-- give another value.
local function check_closed(o, p)
  if o.interval then
    return
  end
  local n = o.steps[1]
  local value, again = expectation(o, p, n), expectation(o, p, n, 4)
  if not (math.abs(value - again) <= 1e-6 * (1 + math.abs(value))) then
    fail("convergence: weak: the moments of this scheme and model do not " ..
      "close: give interval = {low, high}, which paths hardly leave, and " ..
      "perhaps nodes")
  end
end

-- On an interval: is the smallest error that of the scheme, or of interpolation?
local function check_resolved(o, p, value, least)
  if not o.interval then
    return
  end
  local finer = setmetatable({nodes = o.nodes * 3 // 2}, {__index = o})
  local again =
    math.abs(expectation(finer, p, o.steps[#o.steps]) - value)
  if math.abs(again - least) > 0.1 * least + 1e-12 then
    fail(("convergence: weak: %d nodes do not resolve the function on this " ..
      "interval (the smallest error is %.3g, with %d nodes %.3g): narrow the " ..
      "interval to where paths are, or give more nodes"):format(o.nodes, least,
      finer.nodes, again))
  end
end

-- errors(o, p) -> |E f(x_n) - E f(x_t)| for each number of steps.
function M.errors(o, p)
  if o.model.dim ~= 1 or p.scheme.remembers then
    fail("convergence: weak: computed for dim = 1 and a state that is x")
  end
  check_closed(o, p)
  local value, errors = true_value(o, p), {}
  for i, n in ipairs(o.steps) do
    errors[i] = math.abs(expectation(o, p, n) - value)
  end
  check_resolved(o, p, value, errors[#errors])
  return errors
end

return M
