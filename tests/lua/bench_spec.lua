-- bench_spec.lua: the benchmark's arithmetic and its files: medians, who is
-- ahead, JSON, history; peers answer, are silent, are missing. No time is
-- asserted.
local t = require "runner"
local core = require "saddle.core"
package.path = "tests/bench/?.lua;" .. package.path
local report = require "report"
local participant = require "participant"

local function result(name, own, peers, rate)
  local r = {row = {name = name, title = "a, \"title\"", rate = rate},
             saddle = {name = "saddle", seconds = own, spread = 0.5},
             peers = {}}
  for _, p in ipairs(peers) do
    r.peers[#r.peers + 1] = {name = p[1], seconds = p[2], ratio = p[2] / own,
                             spread = 0}
  end
  return r
end

t.test("median and quartiles by linear interpolation, samples kept", function()
  local s = report.summary{5, 1, 4, 2, 3}
  t.eq(s.seconds, 3)
  t.eq(s.spread, (4 - 2) / 3)
  t.eq(s.least, 1)
  t.eq(table.concat(s.samples, " "), "5 1 4 2 3")
  local even = report.summary{1, 2, 3, 10} -- quartiles 1.75 and 4.75
  t.eq(even.seconds, 2.5)
  t.eq(even.spread, 3 / 2.5)
  t.eq(report.summary{7}.spread, 0)
end)

t.test("rows where a peer is ahead are named, others are not", function()
  local slow = result("slow", 2, {{"numpy", 1}, {"jax", 3}})
  local fast = result("fast", 1, {{"numpy", 2}})
  t.eq(report.ahead{slow, fast},
       "a peer is ahead in: slow (numpy, ratio 0.50)")
  t.eq(report.ahead{fast}, "no peer is ahead in any of 1 comparisons")
  t.eq(report.ahead{result("alone", 1, {})}, "no peer was compared")
end)

t.test("lines: a time or a rate, the limit's share, one line a peer", function()
  local r = result("row", 0.002, {{"numpy", 0.004}, {"jax", 0.001}})
  r.limit = {seconds = 0.001}
  local lines = report.lines(r)
  t.eq(#lines, 2)
  t.eq(lines[1]:gsub("%s+", " "),
       "row 2 ms 50% 1 ms 50% numpy 4 ms 0% 2")
  t.eq(lines[2]:gsub("%s+", " "), " jax 1 ms 0% 0.5")
  local rate = report.lines(result("row", 1e-6, {}, "steps/s"))[1]
  t.eq(rate:gsub("%s+", " "), "row 1 M/s 50% - -")
end)

t.test("JSON: strings quoted, numbers finite, empty lists", function()
  local r = result("row", 1, {})
  r.saddle.check = 0 / 0
  local text = report.json({a = "x\n\"y\\"}, {r})
  t.ok(text:find('"a": "x\\u000a\\u0022y\\u005c"', 1, true))
  t.ok(text:find('"title": "a, \\u0022title\\u0022"', 1, true))
  t.ok(text:find('"check": null', 1, true))
  t.ok(text:find('"peers": []', 1, true))
end)

t.test("history: the fastest peer, no comma inside a field", function()
  local about = {date = "d", commit = "c", machine = "m, n", compiler = "cc"}
  local rows = {result("one", 2, {{"numpy", 8}, {"jax", 3}}),
                result("two", 1, {}), result("three", nil, {})}
  t.eq(report.history(about, rows),
       "d,c,m; n,cc,one,2,0.500,jax,1.5\nd,c,m; n,cc,two,1,0.500,-,-\n")
end)

-- A peer written in the shell: it answers two requests, then ends.
local SHELL = [[
  echo hello sh 1; read line; echo "ready 2.5 by $line"
  echo '  row-1: a way: 0.25 s' >&2; read line; echo took 0.125; exit 0]]

t.test("a child is asked line by line, and its end is a reason", function()
  local child = participant.start("sh", {"sh", "-c", SHELL}, 1)
  t.eq(child.version, "sh 1")
  local ready = child:prepare{name = "row-1"}
  t.eq(ready.check, 2.5)
  t.eq(ready.note, "by prepare row-1")
  t.eq(child:sample(), 0.125)
  local took, why = child:sample()
  t.eq(took, nil)
  t.ok(why:find("sh: ended early", 1, true), why)
  t.eq(child:prepare{name = "row-1"}, nil)
  child:close()
end)

t.test("a peer that lacks its module is told", function()
  local child, why = participant.start("p",
    {"sh", "-c", "echo missing no module"}, 1)
  t.eq(child, nil)
  t.eq(why, "no module")
end)

t.test("Saddle: the check of the first run, seconds for a unit", function()
  local own, runs = participant.own(), 0
  local clock = core.system.clock
  local ready = own:prepare{units = 10, make = function()
    return function()
      runs = runs + 1
      local till = clock() + 0.001
      repeat until clock() >= till
      return runs
    end, function(x) return x end, "a note"
  end}
  t.eq(ready.check, 1)
  t.eq(ready.note, "a note")
  t.ok(own:sample() >= 0.0001) -- each run waits for ten units of that
  local none, why = own:prepare{make = function() error("no such thing") end}
  t.eq(none, nil)
  t.eq(why, "not available: no such thing")
end)
