-- packed.lua: that the named kernels are vector code. Disassembles the objects
-- of a release build and counts packed arithmetic in each kernel; one without
-- any fails.  lua packed.lua build/release/obj      MIT licence.
local dir = assert(arg[1], "usage: packed.lua <object folder>")

-- object -> kernels; of the lanes, each row but those of `scalar`
local kernels = {
  ["kern/lanes.o"] = {},
  ["kern/softmax.o"] = {"exps_double", "exps_float"},
  ["kern/powi.o"] = {"square_block"},
  ["kern/product.o"] = {"sl_lane_add_product", "sl_lane_root_of_sum",
    "sl_lane_sum_of_products", "sl_lane_difference_of_products",
    "sl_lane_add_add", "sl_lane_add_sub", "sl_lane_sub_add",
    "sl_lane_sub_sub"},
  ["kern/random_lanes.o"] = {"group_normal"},
}
-- what has no arithmetic, or goes by libm's functions
local scalar = {mod = true, neg = true, abs = true, sign = true,
  floor = true, ceil = true, round = true, floordiv = true, isnan = true,
  isinf = true, isfinite = true, maximum = true, minimum = true}

for line in io.lines("src/kern/lanes.def") do
  local name, kind = line:match("^SL_LANE%((%w+), %d, (%u+)")
  local wanted = kind == "FLOAT" or kind == "FAR" or kind == "ROWS"
    or kind == "ARITH"
  if wanted and not scalar[name] then
    for _, dtype in ipairs {"f64", "f32"} do
      table.insert(kernels["kern/lanes.o"], name .. "_" .. dtype)
    end
  end
end

local function skip(why)
  print("packed: skipped, " .. why)
  os.exit(true)
end

-- Packed additions, products, quotients, roots and fused ones of each function
-- of the object, those of its clones and of what was split from it with it; the
-- last value tells whether the target has fused ones at all.
local function count(object)
  local counts, name, fused = {}, nil, false
  local pipe = io.popen("objdump -d --no-show-raw-insn " .. object)
  for line in pipe:lines() do
    name = line:match("^%x+ <([%w_]+)[^>]*>:") or name
    local op = line:match("^%s+%x+:%s+(%l[%w]*)")
    if op then
      counts[name] = counts[name] or 0
      fused = fused or op:find("^vfn?m") ~= nil
      if op:find("^v?f?n?m?addp[sd]") or op:find("^v?subp[sd]")
          or op:find("^v?mulp[sd]") or op:find("^v?divp[sd]")
          or op:find("^v?sqrtp[sd]") or op:find("^vfn?m%l+%d*p[sd]") then
        counts[name] = counts[name] + 1
      end
    end
  end
  pipe:close()
  return counts, fused
end

if not os.execute("command -v objdump >/dev/null 2>&1") then
  skip("no objdump")
end
local machine = io.popen("uname -m"):read("l")
if machine ~= "x86_64" then skip("not for " .. tostring(machine)) end
local bad, seen = 0, 0
for object, names in pairs(kernels) do
  local counts, fused = count(dir .. "/" .. object)
  if object == "kern/lanes.o" and not fused then
    skip("the target has no fused multiply-add")
  end
  for _, name in ipairs(names) do
    seen = seen + 1
    if (counts[name] or 0) == 0 then
      bad = bad + 1
      print(("packed: %s in %s %s"):format(name, object,
        counts[name] and "has no packed arithmetic" or "is not to be found"))
    end
  end
end
print(("packed: %d of %d kernels are vector code"):format(seen - bad, seen))
os.exit(bad == 0)
