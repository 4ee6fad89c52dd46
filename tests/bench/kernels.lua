-- kernels.lua: is the kernel that OpenBLAS chooses for this processor the best
-- one? Runs build/bench/kernels (stock Lua does) once for its own choice and
-- for each kernel that is legal here, and prints one-threaded GFLOP/s, the best
-- first. Run by `make bench-blas`.  MIT licence.
local program = arg[1] or "build/bench/kernels"
local candidates = {"Haswell", "Zen", "SkylakeX", "Cooperlake",
                    "Sapphirerapids"}
local ROUNDS = 3 -- of all kernels in turn, the better counts

local function read(command)
  local pipe <close> = assert(io.popen(command))
  return pipe:read("a")
end

local function lines(command) return read(command):gmatch("[^\n]+") end

local function processor()
  local text, flags = "unknown", ""
  for line in io.lines("/proc/cpuinfo") do
    text = line:match("^model name%s*:%s*(.+)") or text
    flags = line:match("^flags%s*:%s*(.+)") or flags
  end
  return text, " " .. flags .. " "
end

-- The kernels made of instructions this processor has.
local needs = {Haswell = "avx2", Zen = "avx2", SkylakeX = "avx512f",
               Cooperlake = "avx512_bf16", Sapphirerapids = "amx_bf16"}

-- OpenBLAS falls back silently where it has no such kernel: the name it then
-- uses tells.
local function legal(flags)
  local list = {}
  for _, name in ipairs(candidates) do
    if flags:find(" " .. needs[name] .. " ", 1, true) then
      local used = read(("OPENBLAS_CORETYPE=%s '%s' core 2>/dev/null"):format(
        name, program)):match("%S+")
      if used and used:lower() == name:lower() then list[#list + 1] = name end
    end
  end
  return list
end

local function measure(name, rates, order)
  local command = ("OPENBLAS_CORETYPE=%s '%s'"):format(name, program)
  for line in lines(command) do
    local case, rate = line:match("^(.*) (%S+)$")
    if not rates[case] then
      rates[case], order[#order + 1] = {}, case
    end
    rates[case][name] = math.max(rates[case][name] or 0, tonumber(rate))
  end
end

local function best_of(row)
  local best
  for name, rate in pairs(row) do
    if not best or rate > row[best] then best = name end
  end
  return best
end

local model, flags = processor()
local own = read(("'%s' core"):format(program)):match("%S+")
local names, rates, order = legal(flags), {}, {}
for _ = 1, ROUNDS do
  for _, name in ipairs(names) do measure(name, rates, order) end
end

print(("%s\nOpenBLAS chooses %s; GFLOP/s of one thread\n"):format(model, own))
local head = {("%-22s"):format("product")}
for _, name in ipairs(names) do head[#head + 1] = ("%11s"):format(name) end
print(table.concat(head) .. "  best")
for _, case in ipairs(order) do
  local row = {("%-22s"):format(case)}
  for _, name in ipairs(names) do
    row[#row + 1] = ("%11.1f"):format(rates[case][name] or 0)
  end
  local best = best_of(rates[case])
  local gain = own and rates[case][own]
    and rates[case][best] / rates[case][own] - 1 or 0
  print(table.concat(row) .. "  " .. best
        .. (gain > 0.02 and (" +%.0f%%"):format(100 * gain) or ""))
end
