-- sde/fit.lua: slopes of errors over step sizes, as numbers, text and figure.
-- MIT licence.
local M = {}

-- Slope of log e over log h by least squares, where e is finite and not 0: at
-- coarse steps paths may have exploded.
local function slope(h, e)
  local n, sx, sy, sxx, sxy = 0, 0, 0, 0, 0
  for i = 1, #h do
    if e[i] > 0 and e[i] < math.huge then
      local x, y = math.log(h[i]), math.log(e[i])
      n, sx, sy = n + 1, sx + x, sy + y
      sxx, sxy = sxx + x * x, sxy + x * y
    end
  end
  return (n * sxy - sx * sy) / (n * sxx - sx * sx)
end

-- slope(h, errors, order, groups) -> {errors, slope, se, order, constants,
-- between}: se is the standard error of the slope over the groups' slopes (nil
-- without groups); between, the slopes from each step size to the next.
function M.slope(h, errors, order, groups)
  local r = {errors = errors, slope = slope(h, errors), order = order,
             constants = {}, between = {}}
  for i, e in ipairs(errors) do
    if order and order < math.huge then
      r.constants[i] = e / h[i] ^ order
    end
    if i > 1 then
      r.between[i - 1] = math.log(errors[i - 1] / e) / math.log(h[i - 1] / h[i])
    end
  end
  if groups then
    local sum, squares = 0, 0
    for _, e in ipairs(groups) do
      local s = slope(h, e)
      sum, squares = sum + s, squares + s * s
    end
    local n = #groups
    local variance = math.max(0, squares / n - (sum / n) ^ 2)
    r.se = math.sqrt(variance / (n - 1))
  end
  return r
end

local function part_text(lines, r, what)
  local part = r[what]
  if part == nil then
    return
  end
  lines[#lines + 1] = ("  %-8s slope %.3f%s, stated %s"):format(what,
    part.slope, part.se and (" +- %.3f"):format(part.se) or "",
    part.order == math.huge and "exact" or
    part.order and ("%g"):format(part.order) or "none")
  for i, e in ipairs(part.errors) do
    lines[#lines + 1] = ("  %6d  h = %-10.6g error %-12.6g%s"):format(
      r.steps[i], r.h[i], e, i > 1 and ("slope %.3f"):format(
      part.between[i - 1]) or "")
  end
end

function M.text(r)
  local lines = {("%s on %s to t = %g"):format(r.name, r.model, r.t)}
  part_text(lines, r, "strong")
  part_text(lines, r, "weak")
  return table.concat(lines, "\n")
end

-- A line of the stated order just below the points.
local function guide(fig, r, part, what)
  if not part.order or part.order == math.huge then
    return
  end
  local last = 0.6 * part.errors[#part.errors]
  local ys = {}
  for i, h in ipairs(r.h) do
    ys[i] = last * (h / r.h[#r.h]) ^ part.order
  end
  fig:line(r.h, ys, {style = "dash", color = "gray", width = 1,
    label = ("%s order %g"):format(what, part.order)})
end

function M.figure(r)
  local plot = require "saddle.plot"
  local fig = plot.figure {title = r.name .. " on " .. r.model,
    xlabel = "step size h", ylabel = "error", logx = true, logy = true}
  for _, what in ipairs {"strong", "weak"} do
    local part = r[what]
    if part then
      guide(fig, r, part, what)
      fig:line(r.h, part.errors, {marker = "circle",
        label = ("%s, slope %.2f"):format(what, part.slope)})
    end
  end
  return fig
end

return M
