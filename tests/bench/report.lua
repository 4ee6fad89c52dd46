-- report.lua: what a run of the benchmark leaves behind: lines of the table,
-- the notes and who is ahead, JSON, and rows of the history.  MIT licence.
local M = {}

-- ---- numbers ---------------------------------------------------------------

local function scaled(x, units)
  for _, unit in ipairs(units) do
    if x >= unit[1] then return ("%.3g %s"):format(x / unit[1], unit[2]) end
  end
  local last = units[#units]
  return ("%.3g %s"):format(x / last[1], last[2])
end

local times = {{1, "s"}, {1e-3, "ms"}, {1e-6, "us"}, {1e-9, "ns"}}
local rates = {{1e9, "G/s"}, {1e6, "M/s"}, {1e3, "k/s"}, {1, "/s"}}

-- Seconds for one unit, as a time or, for rows that count, as a rate.
local function amount(row, seconds)
  if not seconds then return "-" end
  if row.rate then return scaled(1 / seconds, rates) end
  return scaled(seconds, times)
end

local function percent(x) return x and ("%.0f%%"):format(100 * x) or "" end

-- Median, quarter to quarter distance over it, and least.
function M.summary(samples)
  local s = table.move(samples, 1, #samples, 1, {})
  table.sort(s)
  local function at(q)
    local k = 1 + q * (#s - 1)
    local low = math.floor(k)
    return s[low] + (k - low) * ((s[low + 1] or s[low]) - s[low])
  end
  return {seconds = at(0.5), spread = (at(0.75) - at(0.25)) / at(0.5),
          least = s[1], samples = samples}
end

-- ---- the table -------------------------------------------------------------

local FORMAT = "%-14s %10s %7s %10s %9s   %-7s %10s %7s %8s"

local function trimmed(...) return (FORMAT:format(...):gsub(" +$", "")) end

function M.heading()
  return trimmed("workload", "Saddle", "spread", "limit", "of limit", "peer",
                 "time", "spread", "ratio")
end

-- The lines of one result, one for each peer.
function M.lines(result)
  local row, own, limit = result.row, result.saddle, result.limit
  local of = own.seconds and limit and limit.seconds
    and percent(limit.seconds / own.seconds) or "-"
  local left = {row.name, amount(row, own.seconds), percent(own.spread),
                amount(row, limit and limit.seconds), of}
  local list = {}
  for _, peer in ipairs(result.peers) do
    local ratio = peer.ratio and ("%.3g"):format(peer.ratio) or "-"
    list[#list + 1] = trimmed(left[1], left[2], left[3], left[4], left[5],
      peer.name, amount(row, peer.seconds), percent(peer.spread), ratio)
    left = {"", "", "", "", ""}
  end
  if #list == 0 then
    list[1] = trimmed(left[1], left[2], left[3], left[4], left[5], "", "", "",
                      "")
  end
  return list
end

local function note_of(name, entry)
  local text = entry.reason or entry.note
  return text and text ~= "" and ("%s: %s"):format(name, text) or nil
end

-- What each row is, and how each side did it.
function M.notes(results)
  local list = {}
  for _, r in ipairs(results) do
    list[#list + 1] = ("%-14s %s"):format(r.row.name, r.row.title)
    local how = {}
    how[#how + 1] = note_of("Saddle", r.saddle)
    if r.limit then how[#how + 1] = note_of("limit", r.limit) end
    for _, peer in ipairs(r.peers) do
      how[#how + 1] = note_of(peer.name, peer)
    end
    for _, text in ipairs(how) do
      list[#list + 1] = (" "):rep(15) .. text
    end
  end
  return list
end

-- Rows where a peer is faster.
function M.ahead(results)
  local list, compared = {}, 0
  for _, r in ipairs(results) do
    for _, peer in ipairs(r.peers) do
      if peer.ratio then compared = compared + 1 end
      if peer.ratio and peer.ratio < 1 then
        list[#list + 1] = ("%s (%s, ratio %.2f)"):format(r.row.name, peer.name,
                                                         peer.ratio)
      end
    end
  end
  if compared == 0 then return "no peer was compared" end
  if #list == 0 then
    return ("no peer is ahead in any of %d comparisons"):format(compared)
  end
  return "a peer is ahead in: " .. table.concat(list, ", ")
end

-- ---- JSON ------------------------------------------------------------------

local function quoted(s)
  return '"' .. s:gsub('[%c"\\]', function(c)
    return ("\\u%04x"):format(c:byte())
  end) .. '"'
end

local encode

local function pairs_of(t)
  local keys, out = {}, {}
  for key in pairs(t) do keys[#keys + 1] = key end
  table.sort(keys)
  for i, key in ipairs(keys) do
    out[i] = quoted(key) .. ": " .. encode(t[key])
  end
  return "{" .. table.concat(out, ", ") .. "}"
end

local function list_of(t)
  local out = {}
  for i, value in ipairs(t) do out[i] = encode(value) end
  return "[" .. table.concat(out, ", ") .. "]"
end

-- Empty tables are lists; a NaN or an infinity is null.
function encode(value)
  if type(value) == "table" then
    return (#value > 0 or next(value) == nil) and list_of(value)
      or pairs_of(value)
  elseif type(value) == "string" then
    return quoted(value)
  elseif type(value) == "number" then
    local finite = value == value and math.abs(value) < math.huge
    return finite and ("%.9g"):format(value) or "null"
  end
  return tostring(value)
end

local function plain(entry)
  if not entry then return nil end
  return {name = entry.name, seconds = entry.seconds, spread = entry.spread,
          least = entry.least, samples = entry.samples, note = entry.note,
          reason = entry.reason, ratio = entry.ratio, check = entry.check,
          ways = entry.ways}
end

function M.json(about, results)
  local rows = {}
  for i, r in ipairs(results) do
    local peers = {}
    for k, peer in ipairs(r.peers) do peers[k] = plain(peer) end
    rows[i] = {name = r.row.name, title = r.row.title, rate = r.row.rate,
               saddle = plain(r.saddle), limit = plain(r.limit), peers = peers}
    rows[i] = "    " .. encode(rows[i])
  end
  return ('{\n  "about": %s,\n  "results": [\n%s\n  ]\n}\n'):format(
    encode(about), table.concat(rows, ",\n"))
end

-- ---- history ---------------------------------------------------------------

local HEADER = "date,commit,machine,compiler,case,seconds,spread,peer,ratio\n"

local function fastest(peers)
  local best
  for _, peer in ipairs(peers) do
    if peer.ratio and (not best or peer.ratio < best.ratio) then best = peer end
  end
  return best
end

-- One row for each case, with the fastest peer.
function M.history(about, results)
  local list = {}
  for _, r in ipairs(results) do
    if r.saddle.seconds then
      local best = fastest(r.peers)
      local fields = {about.date, about.commit, about.machine, about.compiler,
        r.row.name, ("%.6g"):format(r.saddle.seconds),
        ("%.3f"):format(r.saddle.spread), best and best.name or "-",
        best and ("%.3g"):format(best.ratio) or "-"}
      for i, field in ipairs(fields) do fields[i] = field:gsub(",", ";") end
      list[#list + 1] = table.concat(fields, ",") .. "\n"
    end
  end
  return table.concat(list)
end

function M.append(path, text)
  local old <close> = io.open(path, "r")
  local f <close> = assert(io.open(path, "a"))
  f:write(old and "" or HEADER, text)
end

return M
