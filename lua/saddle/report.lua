-- report.lua: how a script that reproduces a result of the literature reports.
--   local r = report.start{source =, question =, expected =, time =}
--   r.quick, r.out              from the command line: --quick, --out DIR
--   r:check, r:within, r:ok     our code against theory; a failure makes the
--                               script fail
--   r:claim, r:erratum          the source against what was measured; never a
--                               failure, whatever the verdict
--   r:figure(fig, name)         saves a figure into r.out
--   r:finish()                  the totals; leaves with an error if a check
--                               failed
-- MIT licence.
local core = require "saddle.core"
local opt = require "saddle.opt"
local stats = require "saddle.stats"

local M = {}
local Report = {}
Report.__index = Report
Report.__name = "saddle.report"

local WIDTH = 78 -- of printed text
local BARS = 4 -- standard errors that a sampled check may be off

-- Text broken at blanks into lines that begin with `head`, then with `indent`.
local function wrap(text, head, indent)
  local lines, line, bare = {}, head, true
  for word in text:gmatch("%S+") do
    local blank = not bare and " " or ""
    if not bare and (utf8.len(line) or #line) + 1
        + (utf8.len(word) or #word) > WIDTH then
      lines[#lines + 1] = line
      line, blank = indent, ""
    end
    line, bare = line .. blank .. word, false
  end
  lines[#lines + 1] = line
  return table.concat(lines, "\n")
end

local function number(v)
  if type(v) ~= "number" then v = tonumber(tostring(v)) or v:item() end
  return v
end

local function short(v) return ("%.10g"):format(v) end

-- start{source =, question =, expected =, time =, args = arg}: what the script
-- is about, printed at once.
function M.start(opts)
  opts = opt.check(opts, {source = "", question = "", expected = "",
                          time = "", args = arg or {}}, "report.start")
  local self = setmetatable({quick = false, out = "build/figures",
    passed = 0, failed = 0, claims = 0, clock = core.system.clock()}, Report)
  local list, i = opts.args, 1
  while i <= #list do
    if list[i] == "--quick" then
      self.quick = true
    elseif list[i] == "--out" and list[i + 1] then
      self.out, i = list[i + 1], i + 1
    else
      core.fail(("%s: unknown argument '%s' (known: --quick, --out DIR)")
                :format(list[0] or "script", opt.show(list[i])))
    end
    i = i + 1
  end
  for _, key in ipairs{"source", "question", "expected"} do
    if opts[key] ~= "" then
      print(wrap(opts[key], ("%-10s"):format(key .. ":"), (" "):rep(10)))
    end
  end
  if opts.time ~= "" then
    print(("%-10s%s on two cores%s"):format("time:", opts.time,
          self.quick and " (this is the quick form)" or ""))
  end
  return self
end

-- note(text, ...): a formatted line between the others.
function Report:note(text, ...)
  print(select("#", ...) > 0 and text:format(...) or text)
  return self
end

local function verdict(self, name, good, detail)
  local key = good and "passed" or "failed"
  self[key] = self[key] + 1
  print(("check  %-4s  %s: %s"):format(good and "ok" or "FAIL", name, detail))
  return good
end

-- check(name, got, want, tolerance): |got - want| at most the tolerance.
function Report:check(name, got, want, tolerance)
  got, want = number(got), number(want)
  return verdict(self, name, math.abs(got - want) <= tolerance,
    ("%s, expected %s, tolerance %.2g"):format(short(got), short(want),
                                               tolerance))
end

-- within(name, got, want, se): off by at most four standard errors.
function Report:within(name, got, want, se)
  got, want, se = number(got), number(want), number(se)
  return verdict(self, name, math.abs(got - want) <= BARS * se,
    ("%s ± %.2g, expected %s (%.1f s.e.)"):format(short(got), se, short(want),
      math.abs(got - want) / se))
end

-- ok(name, condition, detail)
function Report:ok(name, condition, detail)
  return verdict(self, name, condition and true or false,
                 detail or (condition and "yes" or "no"))
end

local verdicts = {[true] = "reproduced", [false] = "not reproduced"}

-- claim(says, measured, verdict): what the source says; what we measured, with
-- its error bar; true, false, or nil for undecided.
function Report:claim(says, measured, holds)
  self.claims = self.claims + 1
  print(wrap(says, "claim  says: ", (" "):rep(13)))
  print(wrap(measured, "   measured: ", (" "):rep(13)))
  print("    verdict: " .. (verdicts[holds] or "undecided"))
  return self
end

-- erratum(text): what the source has wrong or leaves out; stands under the
-- claim that it belongs to.
function Report:erratum(text)
  print(wrap(text, "    erratum: ", (" "):rep(13)))
  return self
end

-- figure(fig, name): <out>/<name>.svg
function Report:figure(fig, name)
  os.execute("mkdir -p '" .. self.out:gsub("'", "'\\''") .. "'")
  fig:save(self.out .. "/" .. name .. ".svg")
  print(("figure: %s.svg"):format(name))
  return self
end

-- finish(): totals and time; the process ends with an error if a check failed.
function Report:finish()
  print(("%d checks passed, %d failed; %d claims; %.1f s"):format(self.passed,
    self.failed, self.claims, core.system.clock() - self.clock))
  if self.failed > 0 then os.exit(false, true) end
end

-- mean(x): mean and its standard error, of independent samples x [n].
function M.mean(x)
  local s = stats.mean_se(x)
  return s.mean, s.se
end

-- share(mask): the share of samples that a mask [n] holds for, and its
-- standard error; `p`, when known, gives the exact one.
function M.share(mask, p)
  if not opt.is_tensor(mask) then
    core.fail(("report.share: expected a tensor, got %s"):format(opt.show(mask)))
  end
  local n, got = mask:numel(), mask:to("f64"):mean()
  p = p or got
  return got, math.sqrt(p * (1 - p) / n)
end

-- slope(xs, ys): least squares: slope, its standard error, intercept.
function M.slope(xs, ys)
  local s = stats.slope(xs, ys)
  return s.slope, s.se, s.intercept
end

local function sinh(x) return 0.5 * (math.exp(x) - math.exp(-x)) end
local function cosh(x) return 0.5 * (math.exp(x) + math.exp(-x)) end

-- Integral of f over (a, b) by the tanh-sinh rule, whose points crowd at both
-- ends: a logarithm's pole there costs no digits. Takahasi & Mori 1974.
local function tanh_sinh(f, a, b)
  local sum, h = 0, 1 / 32
  for k = -4 * 32, 4 * 32 do
    local t = k * h
    local u = 0.5 * math.pi * sinh(t)
    local near = 1 / (1 + math.exp(2 * math.abs(u))) -- distance to the end
    local x = u < 0 and a + (b - a) * near or b - (b - a) * near
    local weight = 0.25 * math.pi * cosh(t) / cosh(u)^2
    local v = weight > 0 and x > a and x < b and f(x) or 0
    if v - v == 0 then sum = sum + weight * v end -- a rounded pole counts 0
  end
  return sum * h * (b - a)
end

-- expect(f, poles): E f(Z) of a standard normal Z by quadrature; f may have
-- logarithmic poles at the given points.
function M.expect(f, poles)
  local ends = {-12, 12}
  for _, p in ipairs(poles or {}) do
    if p > -12 and p < 12 then ends[#ends + 1] = p end
  end
  table.sort(ends)
  local sum, function_of = 0, function(z)
    return f(z) * math.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)
  end
  for i = 2, #ends do sum = sum + tanh_sinh(function_of, ends[i - 1], ends[i]) end
  return sum
end

-- root(f, a, b): where f changes its sign, by bisection.
function M.root(f, a, b)
  local left = f(a) < 0
  for _ = 1, 60 do
    local m = 0.5 * (a + b)
    if (f(m) < 0) == left then a = m else b = m end
  end
  return 0.5 * (a + b)
end

-- pm(value, se): "1.2345 ± 0.0052": two digits of the error.
function M.pm(value, se)
  if not (se > 0) or se > 1e5 or se < 1e-9 then
    return ("%.6g ± %.2g"):format(value, se)
  end
  local places = math.max(0, 1 - math.floor(math.log(se, 10)))
  local form = ("%%.%df ± %%.%df"):format(places, places)
  return form:format(value, se)
end

opt.class(Report, "report")

return M
