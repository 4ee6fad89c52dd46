-- progress.lua: progress bars on stderr for loops that last over a second.
-- Silent when stderr is no terminal. The clock is read only every so many
-- steps, a number that follows the loop's own speed, so that a bar never slows
-- a loop.  MIT licence.
local core = require "saddle.core"
local system = core.system

local M = {}
local Bar = {}
Bar.__index = Bar

local PATIENCE = 1.0 -- seconds before a bar appears
local REFRESH = 0.1 -- seconds between two drawings
local WIDTH = 24

-- 3725 -> "1:02:05"
local function duration(seconds)
  local s = math.floor(seconds + 0.5)
  local h, m = s // 3600, s // 60 % 60
  if h > 0 then return ("%d:%02d:%02d"):format(h, m, s % 60) end
  return ("%d:%02d"):format(m, s % 60)
end

-- The text of a bar: label, share, elapsed and remaining time, info.
function M.text(label, k, total, elapsed, info)
  local tail = info and "  " .. tostring(info) or ""
  if not total or total <= 0 then
    return ("%s %d  %s%s"):format(label, k, duration(elapsed), tail)
  end
  local share = math.min(math.max(k / total, 0), 1)
  local filled = math.floor(share * WIDTH + 0.5)
  local left = share > 0 and duration(elapsed * (1 / share - 1)) or "?"
  return ("%s [%s%s] %3d%%  %s<%s%s"):format(label, ("="):rep(filled),
    (" "):rep(WIDTH - filled), math.floor(100 * share), duration(elapsed),
    left, tail)
end

-- new(total, label, opts): total may be nil (unknown); opts.stream and
-- opts.enabled are for those who draw elsewhere. label = false: no bar.
function M.new(total, label, opts)
  local stream = opts and opts.stream or io.stderr
  local enabled = opts and opts.enabled
  if enabled == nil then enabled = label ~= false and system.isatty(2) end
  local now = system.clock()
  return setmetatable({
    total = total, label = label or "", stream = stream, enabled = enabled,
    start = now, last = now, next_look = 1, stride = 1, drawn = 0,
  }, Bar)
end

local function draw(self, k, now, info)
  local text = M.text(self.label, k, self.total, now - self.start, info)
  local pad = math.max(0, self.drawn - #text)
  self.stream:write("\r", text, (" "):rep(pad))
  self.stream:flush()
  self.drawn = #text
end

-- step(k, info): k steps are done; info is shown behind the bar: a string, or
-- a function called only when the bar is drawn.
function Bar:step(k, info)
  if not self.enabled or k < self.next_look then return end
  local now = system.clock()
  local elapsed = now - self.start
  if now - self.last >= REFRESH and elapsed >= PATIENCE then
    if type(info) == "function" then info = info() end
    draw(self, k, now, info)
    self.last = now
  end
  -- Look again after about a tenth of a refresh, by the speed so far.
  self.stride = math.max(1, math.floor(k * REFRESH / (10 * elapsed + 1e-9)))
  self.next_look = k + math.min(self.stride, 2 * math.max(1, k))
end

-- done(info): wipes the bar. Safe to call twice, and as __close.
function Bar:done()
  if self.drawn > 0 then
    self.stream:write("\r", (" "):rep(self.drawn), "\r")
    self.stream:flush()
    self.drawn = 0
  end
  self.enabled = false
end

Bar.__close = Bar.done

return M
