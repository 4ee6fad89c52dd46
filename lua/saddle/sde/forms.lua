-- sde/forms.lua: a model in words: both its forms, Ito and Stratonovich. For
-- built-in models they are formulas (m.formula, which the tests evaluate); for
-- others a table of values, with the difference of the drifts checked against
-- central differences of the diffusion.  MIT licence.
local core = require "saddle.core"
local opt = require "saddle.opt"

local T = core.tensor

local M = {}

local function parameters(m)
  local names = {}
  for name, v in pairs(m.params) do
    if type(v) == "number" then
      names[#names + 1] = name
    end
  end
  table.sort(names)
  local parts = {}
  for i, name in ipairs(names) do
    parts[i] = ("%s = %.6g"):format(name, m.params[name])
  end
  return table.concat(parts, ", ")
end

local function noises(m)
  local text = ("%s noise, %d Brownian motion%s"):format(m.noise, m.noises,
    m.noises == 1 and "" or "s")
  if m.correlation then
    text = text .. ", correlated"
  end
  if m.noise == "general" then
    text = text .. (m.commutative and ", commutative" or ", not commutative")
  end
  return text
end

-- A value in one short line.
local function short(v)
  v = opt.is_tensor(v) and v:totable() or v
  if type(v) == "number" then
    return ("%.6g"):format(v == 0 and 0.0 or v) -- no minus zero
  end
  local parts = {}
  for i, part in ipairs(v) do
    parts[i] = short(part)
  end
  return "{" .. table.concat(parts, ", ") .. "}"
end

-- 1/2 sum_k (g_k(x + e g_k) - g_k(x - e g_k)) / 2e: the correction without
-- any derivative rule.
local function by_differences(m, x, t)
  local e = 1e-5
  local sum = 0.0
  for k, g in ipairs(m:columns(x, t)) do
    local up = m:columns(x + e * g, t)[k]
    local down = m:columns(x - e * g, t)[k]
    sum = sum + (up - down) / (4 * e)
  end
  return sum
end

local function largest(v)
  return type(v) == "number" and math.abs(v) or v:abs():flatten():max()
end

-- Largest relative departure of the drifts' difference from by_differences.
function M.departure(m, points, t)
  local worst = 0.0
  local ito, strat = m:ito_drift(), m:stratonovich_drift()
  for _, x in ipairs(points) do
    local gap = T(ito(x, t)) - T(strat(x, t))
    local other = by_differences(m, x, t)
    local off = largest(gap - other) / (1 + largest(gap))
    worst = off > worst and off or worst
  end
  return worst
end

local function table_of(m)
  local lines = {}
  local ito, strat = m:ito_drift(), m:stratonovich_drift()
  local places = {}
  for i, v in ipairs {-1, 0.5, 2} do
    local x = m.dim == 1 and T(v + 0.0) or T.linspace(v, v + 1, m.dim)
    places[i] = x
    lines[i] = ("  x = %s: ito drift %s, stratonovich drift %s, diffusion %s")
      :format(short(x), short(ito(x, 0.0)), short(strat(x, 0.0)),
        short(m:values(x, 0.0)))
  end
  lines[#lines + 1] = ("  (the difference agrees with central differences " ..
    "of the diffusion to %.0e)"):format(math.max(M.departure(m, places, 0.0),
      1e-9))
  return table.concat(lines, "\n")
end

-- Both forms as text.
function M.both(m)
  local f = m.formula
  if f == nil then
    return "  at t = 0:\n" .. table_of(m)
  end
  local noise, rest = f.noise:match("^([^,]*)(.*)$")
  return ("  ito:          dx = (%s) dt + %s%s\n  stratonovich: dx = (%s) dt + " ..
    "%s%s"):format(f.ito, noise, rest, f.stratonovich,
    (noise:gsub(" d([WUB])", " o d%1")), rest)
end

-- What print(model) shows.
function M.text(m)
  local head = ("%s: dim %d, %s, given in the %s sense"):format(
    opt.show(m.name), m.dim, noises(m), m.sense)
  local values = parameters(m)
  return head .. (values ~= "" and "\n  " .. values or "") .. "\n" .. M.both(m)
end

return M
