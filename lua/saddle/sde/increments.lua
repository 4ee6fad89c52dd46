-- sde/increments.lua: Brownian increments of all paths at once, at several step
-- sizes of one and the same path. The finest are drawn; coarser ones are put
-- together by Chen's relation, so that no step size sees another noise:
--   dW = dW' + dW'',  I10 = I10' + h'' dW' + I10'',
--   I_(i,j) = I'_(i,j) + I''_(i,j) + dW'_i dW''_j
-- An increment is {h =, dw =, i10 =, area =}: dw and i10 [paths], or
-- [paths x m] for m > 1 noises; area[i][j] [paths]. Fresh areas at each level
-- would hide a scheme's order (docs/sde.md 3.9).  MIT licence.
local core = require "saddle.core"

local T = core.tensor

local M = {}

-- The k-th noise of [paths x m].
local function column(v, k, m)
  return m == 1 and v or v(":", k)
end

-- I_(i,j) of a short step: its symmetric part is known; the Levy area is drawn
-- normal with the right variance given dW, h^2/12 + h (dW_i^2 + dW_j^2)/12. Sums of many
-- are what coarser steps use.
local function areas(rng, dw, h, paths, m)
  local list, w = {}, {}
  for i = 1, m do
    list[i], w[i] = {}, column(dw, i, m)
  end
  for i = 1, m do
    list[i][i] = 0.5 * (w[i] * w[i] - h)
    for j = i + 1, m do
      local levy = rng:normal {paths}
        * (h * (h + w[i] * w[i] + w[j] * w[j]) / 12):sqrt()
      local half = 0.5 * w[i] * w[j]
      list[i][j], list[j][i] = half + levy, half - levy
    end
  end
  return list
end

-- draw(rng, h, paths, m, integrals) -> one increment of length h; integrals as
-- schemes name them: "none", "time", "area"; a set {time =, area =}.
function M.draw(rng, h, paths, m, want)
  local sizes = m == 1 and {paths} or {paths, m}
  local dw = rng:normal(sizes) * h ^ 0.5
  local piece = {h = h, dw = dw}
  if want.time then
    piece.i10 = 0.5 * h * dw + rng:normal(sizes) * (h ^ 3 / 12) ^ 0.5
  end
  if want.area then
    piece.area = areas(rng, dw, h, paths, m)
  end
  return piece
end

-- join(a, b): the increment of a followed by b.
function M.join(a, b)
  if a == nil then
    return b
  end
  local piece = {h = a.h + b.h, dw = a.dw + b.dw}
  piece.i10 = a.i10 and a.i10 + b.h * a.dw + b.i10
  if a.area then
    local m = #a.area
    piece.area = {}
    for i = 1, m do
      piece.area[i] = {}
      for j = 1, m do
        piece.area[i][j] = a.area[i][j] + b.area[i][j]
          + column(a.dw, i, m) * column(b.dw, j, m)
      end
    end
  end
  return piece
end

-- levels(counts, draw, visit): counts ascending, each dividing the next, are
-- numbers of steps over the same time. Draws the finest increments one by one
-- and calls visit(level, k, piece) with the k-th increment of each level as it
-- is complete.
function M.levels(counts, draw, visit)
  local finest = #counts
  local done, sums = {}, {}
  for l = 1, finest do
    done[l] = 0
  end
  local function pass(l, piece)
    done[l] = done[l] + 1
    visit(l, done[l], piece)
    if l > 1 then
      sums[l - 1] = M.join(sums[l - 1], piece)
      if done[l] % (counts[l] // counts[l - 1]) == 0 then
        local whole = sums[l - 1]
        sums[l - 1] = nil
        pass(l - 1, whole)
      end
    end
  end
  for _ = 1, counts[finest] do
    pass(finest, draw())
  end
end

return M
