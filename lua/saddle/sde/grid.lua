-- sde/grid.lua: the cells of a Fokker-Planck grid: faces, centres, and for a
-- model on them g^2 / 2 at the centres and the integrals of 2 b / g^2 between
-- neighbouring centres, by Gauss-Legendre with four points.  MIT licence.
local core = require "saddle.core"
local opt = require "saddle.opt"
local panels = require "saddle.sde.panels"

local D, tensor = core.diffusion, core.tensor

local M = {}

local NAMES = {"lamperti", "uniform", "asinh"}

-- k = 0 .. 2 n, of which even ones are faces and odd ones centres.
local function steps(n) return tensor.arange(0, 2 * n):f64() / (2 * n) end

local function lamperti(c, lower, upper, n, where)
  local p = panels.new(c, lower, upper, where, true)
  local time = D.build(where, p.edge, p.b * 0, p.g)[panels.ROWS.time]
  return D.inverse(p.edge, time, steps(n) * time:max())
end

-- Uniform in asinh((x - centre) / width).
local function asinh(o, lower, upper, n)
  local low = tensor{(lower - o.centre) / o.width}:asinh()[1]
  local high = tensor{(upper - o.centre) / o.width}:asinh()[1]
  return (steps(n) * (high - low) + low):sinh() * o.width + o.centre
end

local function given(faces, where)
  local f = tensor(faces):to("f64")
  local n = #f.shape == 1 and f.shape[1] or 0
  if n < 4 or not f:isfinite():all()
      or not f["2:" .. n]:gt(f["1:" .. n - 1]):all() then
    core.fail(where .. ": grid: expected at least 4 faces, increasing")
  end
  return f, (f["2:" .. n] + f["1:" .. n - 1]) * 0.5
end

-- new(c, lower, upper, n, o, where): {face =, x =, width =, n =}
function M.new(c, lower, upper, n, o, where)
  local face, x
  if type(o.grid) ~= "string" then
    face, x = given(o.grid, where)
    if face[1] ~= lower or face[face.shape[1]] ~= upper then
      core.fail(("%s: grid: expected the first and last face at %g and %g, " ..
        "got %g and %g"):format(where, lower, upper, face[1],
          face[face.shape[1]]))
    end
  else
    local name = opt.choice(o.grid, NAMES, where .. ": grid")
    local all = name == "lamperti" and lamperti(c, lower, upper, n, where)
      or name == "asinh" and asinh(o, lower, upper, n)
      or steps(n) * (upper - lower) + lower
    all[1], all[2 * n + 1] = lower, upper
    face = all[{("1:%d:2"):format(2 * n + 1)}]:copy()
    x = all[{("2:%d:2"):format(2 * n)}]:copy()
  end
  n = x.shape[1]
  return {face = face, x = x, n = n,
          width = face["2:" .. n + 1] - face["1:" .. n]}
end

local NODE = {0.3399810435848563, 0.8611363115940526}
local WEIGHT = {0.6521451548625461, 0.3478548451374538}

-- The points of Gauss-Legendre between neighbouring centres and ends, and what
-- their values are to be multiplied with: [4 x (n + 1)].
local function quadrature(grid)
  if grid.points then return grid.points, grid.weights end
  local n, face = grid.n, grid.face
  local ends = tensor.concat({face["1:1"], grid.x, face[{n + 1 .. ":"}]}, 1)
  local from, to = ends["1:" .. n + 1], ends["2:" .. n + 2]
  local mid, half = (from + to) * 0.5, (to - from) * 0.5
  local xs, ws = {}, {}
  for i = 1, 2 do
    for _, sign in ipairs {-1, 1} do
      xs[#xs + 1] = mid + half * (sign * NODE[i])
      ws[#ws + 1] = half * WEIGHT[i]
    end
  end
  grid.points = tensor.stack(xs, 1):flatten()
  grid.weights = tensor.stack(ws, 1)
  return grid.points, grid.weights
end

local function refuse(grid, values, bad, name, where)
  local i = bad:argmax()
  core.fail(("%s: %s is %g at x = %.15g"):format(where, name, values[i],
    grid[i]))
end

-- Of the model at time t: g^2 / 2 at the centres, and the integrals of 2 b / g^2
-- from end to centre to centre to end [n + 1].
function M.coefficients(grid, c, t, where)
  local points, weights = quadrature(grid)
  local g = c.g(grid.x, t)
  local gs, bs = c.g(points, t), c.b(points, t)
  local zero = g:eq(0):lor(g:isfinite():lnot())
  if zero:any() then
    refuse(grid.x, g, zero:i64(), "diffusion", where)
  end
  local ratio = bs * 2 / (gs * gs)
  local bad = ratio:isfinite():lnot()
  if bad:any() then
    refuse(points, ratio, bad:i64(), "2 drift / diffusion^2", where)
  end
  return g * g * 0.5, (ratio:reshape(weights.shape) * weights):sum(1)
end

return M
