-- run.lua (bench): the median time of at least five runs of each case, with
-- the spread between the quartiles. One line a case: name, median, spread.
-- Run by `make bench`; `saddle tests/bench/run.lua name ...` picks cases.
local saddle = require "saddle"
local T, clock = saddle.tensor, saddle.clock

local program = arg[0]
for i = -1, -20, -1 do
  if arg[i] == nil then break end
  program = arg[i]
end

local cases = {}
-- case(name, make): make() returns the function to time, called often enough
-- that a sample takes ten milliseconds.
local function case(name, make) cases[#cases + 1] = {name, make} end

case("start-up", function()
  local command = "'" .. program .. "' -e ''"
  return function() os.execute(command) end
end)

case("start-up with saddle", function()
  local command = "'" .. program .. "' -e 'require \"saddle\"'"
  return function() os.execute(command) end
end)

case("add, 2 elements", function()
  local a, b = T{1, 2}, T{3, 4}
  return function() return a + b end
end)

case("add, 1e6 elements", function()
  local a, b = T.ones{1000000}, T.ones{1000000}
  return function() return a + b end
end)

case("exp, 1e6 elements", function()
  local a = saddle.random.new(1):normal{1000000}
  return function() return a:exp() end
end)

case("sum, 1e6 elements", function()
  local a = T.ones{1000000}
  return function() return a:sum() end
end)

case("matmul, 512", function()
  local a = saddle.random.new(1):normal{512, 512}
  return function() return a:mm(a) end
end)

case("normal, 1e6", function()
  local rng = saddle.random.new(1)
  return function() return rng:normal{1000000} end
end)

case("hessian, 2 variables", function()
  local f = function(w) return 5*w[1]^2 - w[2]^2 end
  local w = T{1, 2}
  return function() return saddle.hessian(f, w) end
end)

local function scaled(seconds)
  for _, unit in ipairs{{1, "s"}, {1e-3, "ms"}, {1e-6, "us"}} do
    if seconds >= unit[1] then
      return ("%8.2f %s"):format(seconds / unit[1], unit[2])
    end
  end
  return ("%8.2f ns"):format(seconds / 1e-9)
end

local function measure(fn)
  fn()
  local repeats, took = 1, 0
  repeat
    local t = clock()
    for _ = 1, repeats do fn() end
    took = clock() - t
    if took < 0.01 then repeats = repeats * 2 end
  until took >= 0.01
  local samples = {}
  for i = 1, 9 do
    local t = clock()
    for _ = 1, repeats do fn() end
    samples[i] = (clock() - t) / repeats
  end
  table.sort(samples)
  return samples[5], samples[7] - samples[3]
end

local wanted = {}
for _, name in ipairs(arg) do wanted[name] = true end
for _, c in ipairs(cases) do
  if next(wanted) == nil or wanted[c[1]] then
    local median, spread = measure(c[2]())
    print(("%-24s %s  spread %s"):format(c[1], scaled(median),
                                         scaled(spread)))
  end
end
