-- report_spec.lua: what scripts that reproduce results stand on: verdicts, exit
-- codes, quadrature, big integers, the runner and its digest.  MIT licence.
local t = require "runner"
local saddle = require "saddle"
local report, bignum = saddle.report, saddle.bignum

local program = arg[0]
for i = -1, -20, -1 do
  if arg[i] == nil then break end
  program = arg[i]
end
local function quote(s) return "'" .. s:gsub("'", "'\\''") .. "'" end
local function capture(command)
  local pipe = assert(io.popen("{ " .. command .. "\n} 2>&1"))
  local text = pipe:read("a")
  local _, _, code = pipe:close()
  return text, code
end

-- ---- verdicts ------------------------------------------------------------------

local function script(body, words)
  local path = os.tmpname()
  local f = assert(io.open(path, "w"))
  f:write('local report = require("saddle").report\nlocal r = report.start{question = "why"}\n',
    body, "\nr:finish()\n")
  f:close()
  local text, code = capture(quote(program) .. " " .. path .. " " .. (words or ""))
  os.remove(path)
  return text, code
end

t.test("a failed check is an error of the script", function()
  for _, case in ipairs {
    {"r:check('x', 1, 1.5, 0.4)", 1}, {"r:check('x', 1, 1.5, 0.5)", 0},
    {"r:check('x', 0/0, 1, 1e9)", 1}, {"r:within('x', 1, 1.41, 0.1)", 1},
    {"r:within('x', 1, 1.39, 0.1)", 0}, {"r:within('x', 1, 1.1, 0/0)", 1},
    {"r:ok('x', false)", 1}, {"r:ok('x', nil)", 1}, {"r:ok('x', 3)", 0},
    {"r:claim('a', 'b', false) r:claim('a', 'b')", 0},
  } do
    local text, code = script(case[1])
    t.eq(code, case[2], case[1] .. "\n" .. text)
    t.eq(text:find("FAIL") ~= nil, case[2] == 1, case[1])
  end
end)

t.test("claims have verdicts, never failures", function()
  local text = script("r:claim('it holds', 'so', true):claim('it does not', 'no', false)"
    .. ":claim('who knows', 'nobody'):erratum('a sign')")
  t.ok(text:find("verdict: reproduced\n", 1, true))
  t.ok(text:find("verdict: not reproduced\n", 1, true))
  t.ok(text:find("verdict: undecided\n", 1, true))
  t.ok(text:find("erratum: a sign", 1, true))
  t.ok(text:find("0 checks passed, 0 failed; 3 claims", 1, true))
end)

t.test("the command line", function()
  local text, code = script("print(r.quick, r.out)", "--quick --out here")
  t.eq(code, 0)
  t.ok(text:find("true\there", 1, true))
  text, code = script("", "--fast")
  t.eq(code, 1)
  t.ok(text:find("unknown argument '--fast'", 1, true), text)
end)

-- ---- numbers -------------------------------------------------------------------

t.test("quadrature with a logarithm's pole", function()
  local euler = 0.57721566490153286
  t.near(report.expect(function() return 1 end), 1, 1e-14)
  t.near(report.expect(function(z) return z^4 end), 3, 1e-13)
  -- E ln Z^2 = -gamma - ln 2
  t.near(report.expect(function(z) return math.log(z * z) end, {0}),
         -euler - math.log(2), 1e-13)
end)

t.test("bisection", function()
  t.near(report.root(function(x) return x * x - 2 end, 0, 2), 2^0.5, 1e-14)
  t.near(report.root(function(x) return 2 - x * x end, 0, 2), 2^0.5, 1e-14)
end)

t.test("the error bar sets the digits", function()
  t.eq(report.pm(1.23456, 0.0123), "1.235 ± 0.012")
  t.eq(report.pm(123.456, 12), "123 ± 12")
  t.eq(report.pm(2, 0), "2 ± 0")
end)

t.test("integers of any size", function()
  local p = bignum.power(3, 200)
  t.ok(bignum.at_most(p, bignum.plus(p, {1})))
  t.ok(not bignum.at_most(bignum.plus(p, {1}), p))
  for _ = 1, 200 do p = bignum.over(p, 3) end
  t.eq(p, {1})
  t.fails(function() bignum.over({10}, 3) end, "exact")
  t.eq(bignum.fraction({3}, 3), "0.375000000000000")
end)

t.test("the walk's exact probabilities", function()
  -- 319/512 = 0.623046875, 308333/524288: two of the values of docs/sde.md 3.6
  t.eq(bignum.returns(10, 10), "0.623046875000000")
  t.eq(bignum.returns(20, 10), "0.588098526000976")
  t.eq(select(2, bignum.returns(1000, 10)), 525)
  -- against a sum in doubles at another s
  local sum, c, n = 0, 1, 30
  for k = 0, n do
    if k * math.log(1.3) + (n - k) * math.log(0.7) <= 0 then sum = sum + c end
    c = c * (n - k) // (k + 1)
  end
  t.near(tonumber((bignum.returns(n, 30))), sum / 2^n, 2e-15)
end)

-- ---- the runner ------------------------------------------------------------------

t.test("the runner runs, counts and digests", function()
  local dir = capture("mktemp -d"):gsub("\n", "")
  local page = dir .. "/page.md"
  local text, code = capture(("%s scripts/reproduce.lua --quick --out %s --digest %s n01"):format(
    quote(program), quote(dir), quote(page)))
  t.eq(code, 0, text)
  t.ok(text:find("1 scripts passed, 0 failed", 1, true), text)
  local f = assert(io.open(page))
  local digest = f:read("a")
  f:close()
  t.ok(digest:find("- **reproduced**: ", 1, true))
  t.ok(digest:find("*Measured:* step length", 1, true))
  t.ok(not digest:find("nil", 1, true))
  text, code = capture(quote(program) .. " scripts/reproduce.lua --quick n99")
  t.eq(code, 1, text)
  capture("rm -r " .. quote(dir))
end)
