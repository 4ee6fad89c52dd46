-- memory.lua: what the laboratory holds at most while it runs 1e6 paths of the
-- saddle model and keeps their moments and a histogram: the peak of the resident
-- memory of this process beyond that at the start. The number of steps changes
-- the time alone.
--   saddle tests/bench/memory.lua [paths [steps]]     (1000000 10000)
-- MIT licence.
local saddle = require "saddle"
local clock = require("saddle.core").system.clock

local paths = math.tointeger(tonumber(arg[1] or 1000000))
local steps = math.tointeger(tonumber(arg[2] or 10000))
local T1 = 1.0

-- Peak resident memory in MB.
local function peak()
  for line in io.lines "/proc/self/status" do
    local kilobytes = line:match "^VmHWM:%s*(%d+)"
    if kilobytes then return kilobytes * 1024 / 1e6 end
  end
end

local model = saddle.sde.saddle{a = 0.3, sigma = 0.5, tau = 0.4, rho = 0.5}
local function run(n, count)
  local dt = T1 / count
  return saddle.sde.simulate(model, {x0 = 1, t = T1, dt = dt, paths = n,
    seed = 1, scheme = "euler_maruyama", observe = {at = {T1 / 2, T1},
    moments = true, histogram = {scale = "asinh", bins = 400, low = -50,
                                 high = 50}}})
end

run(1000, 10) -- everything is loaded and traced
local before = peak()
local start = clock()
local ensemble = run(paths, steps)
local seconds = clock() - start
local after = peak()
local mean, _, second = model:moments(1, T1)
io.write(("%d paths x %d steps in %.3g s, %.3g M path-steps/s: %.1f MB beyond "
  .. "the %.1f of the start\n"):format(paths, steps, seconds,
  paths * steps / seconds / 1e6, after - before, before))
io.write(("E x = %.5f, exactly %.5f; E x^2 = %.5f, exactly %.5f\n"):format(
  ensemble.x:mean(), mean, (ensemble.x ^ 2):mean(), second))
