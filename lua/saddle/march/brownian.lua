-- march/brownian.lua: increments of Brownian motions over a step of length dt as
-- noises of a march: dw, correlated if asked; i10, the integral of W - W_t over
-- the step, with H ~ N(0, dt/12) apart from dw; and iterated integrals
-- area[i][j] of W_i dW_j, jointly with i10, by the Fourier series of the
-- bridges, its tail Gaussian. Sources: docs/sde.md 2; Kloeden, Platen and Wright 1992, Stoch.
-- Anal. Appl. 10; Wiktorsson 2001, Ann. Appl. Probab. 11.  MIT licence.
local core = require "saddle.core"
local opt = require "saddle.opt"
local correlation = require "saddle.march.correlation"

local none = opt.none

local M = {}

-- The vector x of symbolic numbers mixed by L.
function M.mix(L, x)
  if L == nil then return x end
  local out = {}
  for i = 1, #x do
    for j = 1, i do
      if L[i][j] ~= 0 then
        local term = L[i][j] == 1 and x[j] or L[i][j] * x[j]
        out[i] = out[i] and out[i] + term or term
      end
    end
    out[i] = out[i] or 0 * x[1]
  end
  return out
end

local INTEGRALS = {"none", "time", "area"}
local TERMS = 8 -- of the Fourier series

local function parts(x, m)
  local list = {}
  for i = 1, m do list[i] = x[i] end
  return list
end

-- A tensor [m] of its elements, or the one there is where dim was not given.
local function joined(o, list)
  return o.dim and core.tensor.stack(list) or list[1]
end

-- sum of 1/r^2 beyond `terms`.
local function tail(terms)
  local s = math.pi^2 / 6
  for r = 1, terms do s = s - 1 / r^2 end
  return s
end

-- Normals that areas take: 2 for each term of each motion's series, 1 for the
-- rest of it, and 1 for each pair.
local function levy_size(m, terms)
  return m * (2 * terms + 1) + m * (m - 1) // 2
end

-- Space-time areas H and Levy areas A of independent motions w over a step dt,
-- from normals z. B = W - t w/dt has the series sum (cos - 1, sin)(2 pi r t/dt)
-- with coefficients -x_r, e_r over r: H is the sum of x_r/r, and
--   A_ij = H_i w_j - H_j w_i + b_ij
-- with b of the bridges alone. What the terms leave out is normal: exactly for
-- H, in b by its variance.
local function levy(w, dt, z, terms, m)
  local left, each = tail(terms), 2 * terms + 1
  local H, A, at = {}, {}, m * each
  for i = 1, m do
    local first, sum = (i - 1) * each, nil
    for r = 1, terms do
      local term = z[first + r] * (1 / r)
      sum = sum and sum + term or term
    end
    H[i] = (sum + math.sqrt(left) * z[first + each])
      * (math.sqrt(dt / 2) / math.pi)
    A[i] = {}
  end
  for i = 1, m do
    for j = i + 1, m do
      local x, y, sum = (i - 1) * each, (j - 1) * each, nil
      for r = 1, terms do
        local term = (z[x + r] * z[y + terms + r] - z[y + r] * z[x + terms + r])
          * (1 / r)
        sum = sum and sum + term or term
      end
      at = at + 1
      local bridges = (sum + math.sqrt(2 * left) * z[at]) * (dt / (2 * math.pi))
      A[i][j] = H[i] * w[j] - H[j] * w[i] + bridges
    end
  end
  return H, A
end

-- I_(i,j) of mixed motions: half of dw_i dw_j - delta dt, and their areas.
local function areas(dw, A, L, dt, m)
  local I = {}
  for i = 1, m do
    I[i] = {}
    for j = 1, m do
      local rho = 0
      for k = 1, m do
        rho = rho + (L and (L[i][k] or 0) * (L[j][k] or 0) or (i == j and k == i and 1 or 0))
      end
      I[i][j] = 0.5 * (dw[i] * dw[j] - rho * dt)
    end
  end
  for i = 1, m do
    for j = 1, m do
      if i ~= j then
        for k = 1, m do
          for l = k + 1, m do
            local c = L and ((L[i][k] or 0) * (L[j][l] or 0) -
              (L[i][l] or 0) * (L[j][k] or 0)) or
              (i == k and j == l and 1 or i == l and j == k and -1 or 0)
            if c ~= 0 then
              I[i][j] = I[i][j] + (c == 1 and A[k][l] or c * A[k][l])
            end
          end
        end
      end
    end
  end
  return I
end

local function check_dt(o, where)
  if not (opt.finite(o.dt) and o.dt > 0) then
    core.fail(("%s: option 'dt': expected a step > 0, got %s")
      :format(where, opt.show(o.dt)))
  end
end

local MOTIONS = 1024 -- and terms, at most

local function count(o, key, where)
  o[key] = o[key] ~= nil and
    opt.integer(o[key], ("option '%s'"):format(key), 1, where, MOTIONS)
    or nil
end

M.brownian = {
  options = {dim = none, dt = none, correlation = none, integrals = "none",
             terms = TERMS},
  draws = function(o, where)
    opt.choice(o.integrals, INTEGRALS, where .. ": option 'integrals'")
    check_dt(o, where)
    count(o, "dim", where)
    count(o, "terms", where)
    local m = o.dim or 1
    if o.correlation ~= nil then
      local _, L = correlation.factor(o.correlation, m, where)
      o.L = L
    end
    local list = {{kind = "normal", size = m, a = 0, b = math.sqrt(o.dt)}}
    if o.integrals == "area" and m > 1 then
      list[2] = {kind = "normal", a = 0, b = 1, size = levy_size(m, o.terms)}
    elseif o.integrals ~= "none" then
      list[2] = {kind = "normal", size = m, a = 0, b = math.sqrt(o.dt / 12)}
    end
    return list
  end,
  give = function(values, o)
    local m = o.dim or 1
    local w = parts(values[1], m)
    local dw = M.mix(o.L, w)
    local out = {dw = joined(o, dw), dt = o.dt}
    if o.integrals == "none" then return out end
    local H, A
    if o.integrals == "area" and m > 1 then
      H, A = levy(w, o.dt, values[2], o.terms, m)
    else
      H = parts(values[2], m)
    end
    local h, i10 = M.mix(o.L, H), {}
    for i = 1, m do i10[i] = o.dt * (0.5 * dw[i] + h[i]) end
    out.i10 = joined(o, i10)
    if o.integrals == "area" then
      out.area = areas(dw, A, o.L, o.dt, m)
    end
    return out
  end,
}

-- Simplified increments of weak order 2: +- sqrt(3 dt) with probability 1/6
-- each, else 0.
M.three_point = {
  options = {size = none, dt = 1},
  draws = function(o, where)
    check_dt(o, where)
    return {{kind = "uniform", size = o.size, a = 0, b = 1}}
  end,
  give = function(values, o)
    local u, far = values[1], math.sqrt(3 * o.dt)
    local where = core.tensor.where
    return where(u:lt(1 / 6), -far, where(u:gt(5 / 6), far, 0))
  end,
}

return M
