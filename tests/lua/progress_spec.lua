-- progress_spec.lua: bars appear only after a second, read the clock seldom,
-- and clean up behind themselves.
local t = require "runner"
local core = require "saddle.core"
local progress = require "saddle.progress"

-- A stream that keeps what it is given, and a clock that the test winds.
local function fake()
  local stream = {text = ""}
  function stream:write(...) self.text = self.text .. table.concat{...} end
  function stream:flush() end
  return stream
end

local function with_clock(fn)
  local real, now, looks = core.system.clock, 0, 0
  core.system.clock = function()
    looks = looks + 1
    return now
  end
  local good, err = pcall(fn, function(s) now = now + s end,
    function() return looks end)
  core.system.clock = real
  if not good then error(err, 0) end
end

t.test("silent for loops under a second", function()
  with_clock(function(advance)
    local s = fake()
    local p = progress.new(100, "short", {stream = s, enabled = true})
    for k = 1, 100 do
      advance(0.0099)
      p:step(k)
    end
    p:done()
    t.eq(s.text, "")
  end)
end)

t.test("drawn for longer ones, and wiped", function()
  with_clock(function(advance)
    local s = fake()
    local p = progress.new(100, "long", {stream = s, enabled = true})
    for k = 1, 50 do
      advance(0.1)
      p:step(k, function() return "loss " .. k end)
    end
    t.ok(s.text:find("long %[=+ +%] +%d+%%  0:0%d<0:0%d  loss %d+"), s.text)
    p:done()
    t.ok(s.text:find("\r +\r$"))
    local before = #s.text
    p:done()
    p:step(51)
    t.eq(#s.text, before)
  end)
end)

t.test("the clock is read seldom in a fast loop", function()
  with_clock(function(advance, looks)
    local p = progress.new(1e6, "fast", {stream = fake(), enabled = true})
    for k = 1, 1000000 do
      advance(2e-6)
      p:step(k)
    end
    t.ok(looks() < 2000, "looked " .. looks() .. " times")
  end)
end)

t.test("not enabled, never writes", function()
  local s = fake()
  local p = progress.new(3, "x", {stream = s, enabled = false})
  for k = 1, 3 do p:step(k) end
  p:done()
  t.eq(s.text, "")
end)

t.test("texts", function()
  t.eq(progress.text("a", 5, 10, 60),
    "a [" .. ("="):rep(12) .. (" "):rep(12) .. "]  50%  1:00<1:00")
  t.eq(progress.text("a", 7, nil, 3725, "x"), "a 7  1:02:05  x")
end)

return t
