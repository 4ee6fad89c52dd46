-- run.lua (bench): Saddle, hand-written limits and peers on the same work in
-- one run. For each workload all are prepared and warmed up, then take turns,
-- one sample each a round, so that the machine's drift hits all alike. Prints
-- the table with medians and spreads, writes JSON, appends to the history.
--   saddle tests/bench/run.lua [options] [name ...]
--     name          workloads whose names begin so; all when none is given
--     --rounds n    samples of each (5)      --list     the names
--     --build dir   products and data (build)     --peers a,b    those only, or
--                                                                none
--     --history f   "" for none (tests/bench/history.csv)
-- Peers run in $SADDLE_PYTHON, or python3; what is missing is skipped with a
-- line. Run by `make bench`.  MIT licence.
local folder = arg[0]:match("^(.*/)") or "./"
package.path = folder .. "?.lua;" .. package.path

local core = require "saddle.core"
local participant = require "participant"
local report = require "report"
local workloads = require "workloads"

local PEERS = {numpy = true, torch = true, jax = true, diffrax = true}
local PEERS_OF_ROWS = {numpy = true, torch = true, jax = true}
local DIGITS = 1e-8 -- relative agreement of the checks

local options = {rounds = "5", build = "build", peers = "numpy,torch,jax,diffrax",
                 history = folder .. "history.csv"}
local wanted, list_only = {}, false

local function read_arguments()
  local i = 1
  while arg[i] do
    local key = arg[i]:match("^%-%-(%a+)$")
    if key == "list" then
      list_only = true
    elseif key then
      if not options[key] or not arg[i + 1] then
        error("bench: unknown or unfinished option " .. arg[i], 0)
      end
      options[key], i = arg[i + 1], i + 1
    else
      wanted[#wanted + 1] = arg[i]
    end
    i = i + 1
  end
  options.rounds = math.tointeger(tonumber(options.rounds))
  if not options.rounds or options.rounds < 1 then
    error("bench: --rounds: expected an integer >= 1", 0)
  end
  if options.peers == "none" then options.peers = "" end
  for name in options.peers:gmatch("[^,]+") do
    if not PEERS[name] then
      error("bench: --peers: expected numpy, torch, jax, diffrax or none, got " .. name,
            0)
    end
  end
end

-- The rows of a table whose names begin as wanted; marks what was found.
local function chosen(rows, found)
  local list = {}
  for _, row in ipairs(rows) do
    local take = #wanted == 0
    for _, name in ipairs(wanted) do
      if row.name:sub(1, #name) == name then take, found[name] = true, true end
    end
    if take then list[#list + 1] = row end
  end
  return list
end

local function check_names(found)
  for _, name in ipairs(wanted) do
    if not found[name] then
      local known = {}
      for _, row in ipairs(workloads.main) do known[#known + 1] = row.name end
      for _, row in ipairs(workloads.small) do known[#known + 1] = row.name end
      error(("bench: no workload '%s'; there are %s"):format(name,
        table.concat(known, " ")), 0)
    end
  end
end

-- ---- the machine -----------------------------------------------------------

local function output(command)
  local pipe <close> = io.popen(command .. " 2>/dev/null")
  local line = pipe and pipe:read("l")
  return line and line ~= "" and line or nil
end

local function commit()
  local hash = output("git rev-parse --short HEAD")
  if not hash then return "-" end
  return hash .. (output("git status --porcelain -uno") and "+" or "")
end

local function describe()
  local cpu = core.system.cpu()
  local compiler = os.getenv("CC") or "cc"
  return {
    date = os.date("!%Y-%m-%dT%H:%M:%SZ"), commit = commit(),
    saddle = core.system.version(), lua = _VERSION,
    machine = ("%s; %d cores; %d threads"):format(cpu.model, cpu.processors,
                                                  core.system.threads()),
    compiler = output(compiler .. " --version") or "unknown",
    blas = (cpu.blas:match("^OpenBLAS [%d.]+%S*") or cpu.blas)
      .. ", kernel " .. cpu.kernel,
    rounds = options.rounds, load = output("cut -d' ' -f1-3 /proc/loadavg"),
  }
end

local function show_machine(about)
  for _, key in ipairs{"date", "machine", "load", "saddle", "commit",
                       "compiler", "blas", "lua"} do
    print(("%-9s %s"):format(key, about[key] or "-"))
  end
end

-- ---- who takes part --------------------------------------------------------

-- A child that has greeted, or nil after a line that says why not.
local function start(name, argv, about)
  local child, why = participant.start(name, argv, core.system.threads())
  if child then
    about.peers[name] = child.version
    print(("%-9s %s"):format(name, child.version))
    return child
  end
  print(("%-9s skipped: %s"):format(name, why))
  about.peers[name] = "skipped: " .. why
  return nil
end

local function start_all(about, data)
  local python = os.getenv("SADDLE_PYTHON") or "python3"
  local limits = start("limits", {options.build .. "/bench/limits", data},
                       about)
  local peers = {}
  for name in options.peers:gmatch("[^,]+") do
    peers[#peers + 1] = start(name, {python, folder .. "peer_" .. name .. ".py",
                                     data}, about)
  end
  return limits, peers
end

-- ---- one workload ----------------------------------------------------------

-- Prepares p for row: an entry for the report, with p where it can be sampled.
local function prepare(p, row)
  local ready, why = p:prepare(row)
  local entry = {name = p.name, samples = {}}
  if not ready then
    entry.reason = why
    return entry
  end
  entry.check, entry.note, entry.ways = ready.check, ready.note, ready.ways
  entry.who = p
  return entry
end

local function take_turns(entries)
  for _ = 1, options.rounds do
    for _, entry in ipairs(entries) do
      if entry.who then
        local took, why = entry.who:sample()
        if took then
          table.insert(entry.samples, took)
        else
          entry.who, entry.reason = nil, why
        end
      end
    end
  end
end

local function finish(entry)
  if entry.reason or #entry.samples == 0 then return end
  for key, value in pairs(report.summary(entry.samples)) do
    entry[key] = value
  end
end

-- Both have a check, and they differ.
local function differ(a, b, digits)
  local x, y = a.check, b.check
  if not x or not y or x ~= x or y ~= y then return false end
  return not (math.abs(x - y) <= digits * math.max(math.abs(x), math.abs(y)))
end

-- Results further away from theory than the row allows are not timed.
local function judge(result)
  local most = result.row.errors
  for _, entry in ipairs{result.saddle, result.limit or result.saddle,
                         table.unpack(result.peers)} do
    if entry.seconds and not (entry.check and entry.check <= most) then
      entry.reason = ("its result is %.3g standard errors from theory")
        :format(entry.check or 0 / 0)
      entry.seconds = nil
    end
  end
end

-- Times of results that differ are not compared: all must agree with the first
-- that has a check, which is Saddle where it does the workload.
local function compare(result)
  local own, digits = result.saddle, result.row.digits or DIGITS
  local first
  if result.row.errors then judge(result) end
  for _, entry in ipairs{own, result.limit or own,
                         table.unpack(result.peers)} do
    if result.row.errors then break end
    if entry.seconds and first and differ(first, entry, digits) then
      entry.reason = ("its result differs from %s's: %.12g, not %.12g")
        :format(first.name, entry.check, first.check)
      entry.seconds = nil
    elseif entry.seconds and entry.check and entry.check == entry.check then
      first = first or entry
    end
  end
  for _, peer in ipairs(result.peers) do
    if peer.seconds and own.seconds then
      peer.ratio = peer.seconds / own.seconds
    end
  end
end

-- The row as the limits know it, and what turns their time into the limit.
local function limit_of(row, limits)
  if row.flops and limits then
    return limits, {name = "dgemm"}, row.flops,
           ("%.4g operations at the rate of dgemm"):format(row.flops)
  elseif type(row.limit) == "table" then
    return participant.plain(), row, 1
  elseif row.limit and limits then
    return limits, row, 1
  end
end

local function measure(row, own, limits, peers)
  local result = {row = row, saddle = prepare(own, row), peers = {}}
  local entries = {result.saddle}
  local who, as, factor, note = limit_of(row, limits)
  if who then
    result.limit = prepare(who, as)
    result.limit.note = note or result.limit.note
    entries[#entries + 1] = result.limit
  end
  for _, peer in ipairs(peers) do
    if (row.peers or PEERS_OF_ROWS)[peer.name] then
      result.peers[#result.peers + 1] = prepare(peer, row)
      entries[#entries + 1] = result.peers[#result.peers]
    end
  end
  take_turns(entries)
  if who then
    for i, took in ipairs(result.limit.samples) do
      result.limit.samples[i] = took * factor
    end
  end
  for _, entry in ipairs(entries) do finish(entry) end
  compare(result)
  return result
end

-- ---- run -------------------------------------------------------------------

local function write(path, text)
  local f <close> = assert(io.open(path, "w"))
  f:write(text)
end

local function main()
  read_arguments()
  local found, tables = {}, {}
  tables[1] = chosen(workloads.main, found)
  tables[2] = chosen(workloads.small, found)
  check_names(found)
  if list_only then
    for _, rows in ipairs(tables) do
      for _, row in ipairs(rows) do
        print(("%-14s %s"):format(row.name, row.title))
      end
    end
    return
  end
  local about, data = describe(), options.build .. "/bench"
  about.peers = {}
  workloads.write(data)
  show_machine(about)
  local limits, peers = start_all(about, data)
  local own, results = participant.own(), {}
  for _, rows in ipairs(tables) do
    if #rows > 0 then print("\n" .. report.heading()) end
    for _, row in ipairs(rows) do
      local result = measure(row, own, limits, peers)
      results[#results + 1] = result
      print(table.concat(report.lines(result), "\n"))
      io.stdout:flush()
    end
  end
  if limits then limits:close() end
  for _, peer in ipairs(peers) do peer:close() end
  print("\nratio: the peer's time over Saddle's\n"
        .. table.concat(report.notes(results), "\n"))
  print("\n" .. report.ahead(results))
  write(options.build .. "/bench.json", report.json(about, results))
  if options.history ~= "" then
    report.append(options.history, report.history(about, results))
  end
end

-- A mistake in the arguments is a sentence, any other error has its traceback.
local ok, message = xpcall(main, function(e)
  return type(e) == "string" and e:find("^bench: ") and e
    or debug.traceback(e, 2)
end)
if not ok then
  io.stderr:write(message, "\n")
  os.exit(1, true)
end
