-- march/observe.lua: what a march is asked to look at, and what it saw: values
-- kept, moments, histograms, at chosen numbers of steps.  MIT licence.
local core = require "saddle.core"
local opt = require "saddle.opt"

local tensor, none = core.tensor, opt.none

local M = {}

local OPTIONS = {at = none, every = none, of = none, keep = none,
                 moments = false, histogram = none}
local HISTOGRAM = {low = none, high = none, bins = 100, scale = "linear",
                   unit = 1, pooled = false}
M.OPTIONS = OPTIONS

local SCALES = {"linear", "log", "asinh"}

-- ---- requests -----------------------------------------------------------------

local MOST = 1 << 24 -- times

local function check_number(n, where)
  if n > MOST then
    core.fail(("%s: expected at most %d times, got %d"):format(where, MOST, n))
  end
end

-- The numbers of steps observed, ascending, within first .. last.
local function times_of(o, first, last, where)
  if o.at ~= nil and o.every ~= nil then
    core.fail(where .. ": give 'at' or 'every', not both")
  end
  local list = {}
  if o.at ~= nil then
    local at = opt.is_tensor(o.at) and o.at:totable() or o.at
    if type(at) == "number" then at = {at} end
    if type(at) ~= "table" then
      core.fail(("%s: option 'at': expected numbers of steps, got %s")
        :format(where, opt.show(at)))
    end
    check_number(#at, where)
    for _, v in ipairs(at) do
      local n = opt.whole(v)
      if n == nil or n < 0 or n > last and first == 0 then
        core.fail(("%s: option 'at': expected integers in %d..%d, got %s")
          :format(where, first, last, opt.show(v)))
      end
      if n <= last and (n > first or first == 0) then list[#list + 1] = n end
    end
    table.sort(list)
  else
    local every = opt.whole(o.every == nil and last - first or o.every)
    if every == nil or every < (o.every and 1 or 0) then
      core.fail(("%s: option 'every': expected an integer >= 1, got %s")
        :format(where, opt.show(o.every)))
    end
    local from = o.every and first + -first % every or last
    if first > 0 and from == first then from = from + every end -- seen before
    check_number((last - from) // math.max(every, 1) + 1, where)
    for s = from, last, math.max(every, 1) do list[#list + 1] = s end
  end
  return list
end

local function bound(h, key, k, where)
  local v = h[key]
  if type(v) == "table" then v = v[k] end
  if not opt.finite(v) or h.scale == "log" and v <= 0 then
    core.fail(("%s: option '%s': expected a number%s for value %d, got %s")
      :format(where, key, h.scale == "log" and " > 0" or "", k, opt.show(v)))
  end
  return v + 0.0
end

local function to_scale(h, x)
  if h.scale == "log" then return math.log(x) end
  if h.scale == "asinh" then
    local z = x / h.unit
    local a = math.abs(z) -- above 1e8 the 1 does not count, and a * a may be inf
    return (z < 0 and -1 or 1) * (a > 1e8 and math.log(a) + math.log(2) or
      math.log(a + math.sqrt(a * a + 1)))
  end
  return x
end

-- Every bin must have a width, and all together one that is finite.
local function check_width(h, k, where)
  local low, high = to_scale(h, h.low[k]), to_scale(h, h.high[k])
  local width = (high - low) / h.bins
  if not (opt.finite(width) and low + width > low and high - width < high) then
    core.fail(("%s: no %d bins between %.17g and %.17g in the scale '%s'")
      :format(where, h.bins, h.low[k], h.high[k], h.scale))
  end
end

local function histogram_of(given, values, where)
  where = where .. ": histogram"
  local h = opt.check(given, HISTOGRAM, where)
  opt.choice(h.scale, SCALES, where .. ": scale")
  local bins = opt.whole(h.bins)
  if bins == nil or bins < 1 or bins > 1 << 24 then
    core.fail(("%s: option 'bins': expected an integer in 1..%d, got %s")
      :format(where, 1 << 24, opt.show(h.bins)))
  end
  if not (opt.finite(h.unit) and h.unit > 0) then
    core.fail(("%s: option 'unit': expected a number > 0, got %s")
      :format(where, opt.show(h.unit)))
  end
  local out = {scale = h.scale, bins = bins, unit = h.unit + 0.0,
               pooled = h.pooled and true, low = {}, high = {}}
  for k = 1, values do
    out.low[k], out.high[k] = bound(h, "low", k, where),
      bound(h, "high", k, where)
    if out.low[k] >= out.high[k] then
      core.fail(("%s: expected low < high for value %d, got %g and %g")
        :format(where, k, out.low[k], out.high[k]))
    end
    check_width(out, k, where)
  end
  return out
end

-- read(given, first, last, where): checked options; values is told later, when
-- the function `of` has been traced.
function M.read(given, first, last, where)
  if given == nil then return nil end
  where = where .. ": observe"
  local o = opt.check(given, OPTIONS, where)
  o.times = times_of(o, first, last, where)
  if o.of ~= nil and type(o.of) ~= "function" then
    core.fail(("%s: option 'of': expected a function of the state, got %s")
      :format(where, opt.show(o.of)))
  end
  if o.keep == nil then o.keep = not (o.moments or o.histogram) end
  o.where = where
  return o
end

-- The core's request for the times from..to (numbers in o.times).
function M.request(o, machine, from, to)
  return {machine = machine, times = table.move(o.times, from, to, 1, {}),
          keep = o.keep, moments = o.moments and true, histogram = o.bins}
end

function M.set_values(o, values)
  o.values = values
  o.bins = o.histogram and histogram_of(o.histogram, values, o.where) or nil
end

-- ---- moments --------------------------------------------------------------------

local Moments = {__name = "moments"}
Moments.__index = Moments

local COLUMN = {n = 1, mean = 2, m2 = 3, m3 = 4, m4 = 5, low = 6, high = 7}

-- From [times x values x 7]; one value drops its axis.
function M.moments(m)
  local self = setmetatable({}, Moments)
  for name, k in pairs(COLUMN) do
    local column = m[{":", ":", k}]
    self[name] = m.shape[2] == 1 and column[{":", 1}] or column
  end
  local n = self.n
  self.variance = self.m2 / (n - 1)
  self.sd = self.variance:sqrt()
  self.se = (self.variance / n):sqrt()
  self.skewness = n:sqrt() * self.m3 / self.m2:pow(1.5)
  self.kurtosis = n * self.m4 / (self.m2 * self.m2)
  -- standard error of the variance
  self.variance_se = ((self.m4 / n - self.variance^2) / n):sqrt()
  return self
end

function Moments:__tostring()
  return ("moments at %d times: mean, variance, sd, se, skewness, kurtosis, " ..
    "low, high, n"):format(self.n.shape[1])
end

-- ---- histograms -----------------------------------------------------------------

local Histogram = {__name = "histogram"}
Histogram.__index = Histogram

local function from_scale(h, y)
  if h.scale == "log" then return math.exp(y) end
  if h.scale == "asinh" then
    return h.unit * (math.exp(y) - math.exp(-y)) / 2
  end
  return y
end

-- count: i64 [times x values x bins + 2].
function M.histogram(bins, count, times)
  local n = bins.bins
  return setmetatable({bins = n, scale = bins.scale, unit = bins.unit,
    lows = bins.low, highs = bins.high, times = times, all = count,
    counts = count[{":", ":", "2:" .. n + 1}], below = count[{":", ":", 1}],
    above = count[{":", ":", n + 2}], pooled = bins.pooled}, Histogram)
end

-- The number of a value watched, and of a time: the first value, the last time.
local function value_of(self, k, where)
  local n = opt.whole(k == nil and 1 or k)
  if n == nil or n < 1 or n > #self.lows then
    core.fail(("%s: expected a value in 1..%d, got %s"):format(where,
      #self.lows, opt.show(k)))
  end
  return n
end

local function time_of(self, t, where)
  local last = self.all.shape[1]
  local n = opt.whole(t == nil and last or t)
  if n == nil or n < 1 or n > last then
    core.fail(("%s: expected a time in 1..%d, got %s"):format(where, last,
      opt.show(t)))
  end
  return n
end

-- edges(k): bins + 1 edges of value k (1).
function Histogram:edges(k)
  k = value_of(self, k, "edges")
  local a, b = to_scale(self, self.lows[k]), to_scale(self, self.highs[k])
  local list = {}
  for i = 0, self.bins do
    list[i + 1] = from_scale(self, a + (b - a) * i / self.bins)
  end
  return tensor(list)
end

-- centres(k): middles of the bins in their scale.
function Histogram:centres(k)
  k = value_of(self, k, "centres")
  local a, b = to_scale(self, self.lows[k]), to_scale(self, self.highs[k])
  local list = {}
  for i = 1, self.bins do
    list[i] = from_scale(self, a + (b - a) * (i - 0.5) / self.bins)
  end
  return tensor(list)
end

local function total(self, t, k) return self.all[{t, k, ":"}]:sum() end

-- density(t, k): counts over total and width, at time number t (the last).
function Histogram:density(t, k)
  t, k = time_of(self, t, "density"), value_of(self, k, "density")
  local e = self:edges(k)
  local width = e[{"2:"}] - e[{"1:" .. self.bins}]
  return self.counts[{t, k, ":"}]:to("f64") / width / total(self, t, k)
end

-- quantile(p, t, k): the value below which a share p lies, linear within bins;
-- nan where it lies outside of them.
function Histogram:quantile(p, t, k)
  t, k = time_of(self, t, "quantile"), value_of(self, k, "quantile")
  if type(p) ~= "number" or not (p >= 0 and p <= 1) then
    core.fail(("quantile: expected a share in [0, 1], got %s")
      :format(opt.show(p)))
  end
  local row, want = self.all[{t, k, ":"}]:totable(), p * total(self, t, k)
  local edges, sum = self:edges(k), row[1]
  if want < sum then return opt.nan end
  for i = 1, self.bins do
    if sum + row[i + 1] >= want and row[i + 1] > 0 then
      local share = (want - sum) / row[i + 1]
      return edges[i] + share * (edges[i + 1] - edges[i])
    end
    sum = sum + row[i + 1]
  end
  return opt.nan
end

function Histogram:__tostring()
  return ("histogram: %d %s bins at %s"):format(self.bins, self.scale,
    self.pooled and "all times" or self.all.shape[1] .. " times")
end

-- ---- joining the parts of a march -----------------------------------------------

-- Adds what a segment gave to what was there.
function M.add(seen, out, o)
  seen.kept = seen.kept or {}
  for r, part in ipairs(out.keep or {}) do
    seen.kept[r] = seen.kept[r] or {}
    table.insert(seen.kept[r], part)
  end
  if out.moments then
    seen.moments = seen.moments or {}
    table.insert(seen.moments, out.moments)
  end
  if out.count and o.bins.pooled then
    seen.count = seen.count and {seen.count[1] + out.count} or {out.count}
  elseif out.count then
    seen.count = seen.count or {}
    table.insert(seen.count, out.count)
  end
end

-- The tensors of a list one after the other along an axis (1).
function M.joined(list, axis)
  return #list == 1 and list[1] or tensor.concat(list, axis or 1)
end

return M
