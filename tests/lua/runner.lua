-- runner.lua: the test runner of the Lua specs. A spec calls test(name, fn);
-- inside fn the checks below raise on failure. One line is printed for each
-- failed test, with the place of the failed check.  MIT licence.
local M = {passed = 0, failed = 0, spec = "?", failures = {}}

local function show(v, depth)
  depth = depth or 0
  if type(v) == "string" then return ("%q"):format(v) end
  if type(v) ~= "table" or getmetatable(v) or depth > 3 then
    return tostring(v)
  end
  local parts, n = {}, #v
  for i = 1, n do parts[i] = show(v[i], depth + 1) end
  for k, x in pairs(v) do
    if not (math.type(k) == "integer" and k >= 1 and k <= n) then
      parts[#parts + 1] = tostring(k) .. " = " .. show(x, depth + 1)
    end
  end
  return "{" .. table.concat(parts, ", ") .. "}"
end

-- "file:line: " of the check's caller: the first frame outside this file.
local here = debug.getinfo(1, "S").source
local function fail(message)
  for level = 2, 20 do
    local info = debug.getinfo(level, "Sl")
    if not info then break end
    if info.source ~= here and info.currentline > 0 then
      error(info.short_src .. ":" .. info.currentline .. ": " .. message, 0)
    end
  end
  error(message, 0)
end

local function is_tensor(v)
  return type(v) == "userdata" and type(v.totable) == "function"
end

-- Tensors as {shape, nested table}, anything else as it is.
local function plain(v)
  if is_tensor(v) then return v:totable() end
  return v
end

local function deep(a, b, same, path)
  if rawequal(a, b) then return nil end
  a, b = plain(a), plain(b)
  if #path > 200 then return "the tables go too deep to compare" end
  if type(a) ~= "table" or type(b) ~= "table" then
    if same(a, b) then return nil end
    return ("%sgot %s, expected %s"):format(
      path ~= "" and "at " .. path .. ": " or "", show(a), show(b))
  end
  for k, x in pairs(a) do
    local why = deep(x, b[k], same, path .. "[" .. tostring(k) .. "]")
    if why then return why end
  end
  for k, x in pairs(b) do
    if a[k] == nil then
      return ("at %s[%s]: missing, expected %s"):format(path, tostring(k),
                                                        show(x))
    end
  end
  return nil
end

local function check_shapes(a, b)
  if not (is_tensor(a) and is_tensor(b)) then return end
  local why = deep(a.shape, b.shape, rawequal, "shape")
  if why then fail(why) end
end

function M.ok(cond, message)
  if not cond then fail(message or "expected a true value") end
  return cond
end

-- Equal values: numbers by value (NaN equals NaN), tables and tensors deeply.
function M.eq(a, b, message)
  check_shapes(a, b)
  local why = deep(a, b, function(x, y)
    return x == y or (x ~= x and y ~= y)
  end, "")
  if why then fail((message and message .. ": " or "") .. why) end
end

-- Numbers, tables or tensors of numbers with |a - b| <= tol (1 + |b|).
function M.near(a, b, tol, message)
  tol = tol or 1e-12
  check_shapes(a, b)
  local why = deep(a, b, function(x, y)
    if type(x) ~= "number" or type(y) ~= "number" then return x == y end
    return x == y or (x ~= x and y ~= y)
      or math.abs(x - y) <= tol * (1 + math.abs(y))
  end, "")
  if why then
    fail(("%s%s (tolerance %g)"):format(message and message .. ": " or "", why,
                                        tol))
  end
end

-- The shape, the dtype and, in row-major order, the values of a tensor.
function M.same(x, shape, dtype, values, message)
  M.eq(x.shape, shape, message)
  M.eq(x.dtype, dtype, message)
  M.eq(x:flatten():totable(), values, message)
end

-- fn raises, and the message matches the Lua pattern; returns the message.
function M.fails(fn, pattern)
  local good, err = pcall(fn)
  if good then fail("expected an error matching " .. show(pattern)) end
  err = tostring(err)
  if pattern and not err:find(pattern) then
    fail(("error %s does not match %s"):format(show(err), show(pattern)))
  end
  return err
end

local function handler(err)
  if type(err) == "string" and err:match("^%S-:%d+:") then return err end
  return debug.traceback(tostring(err), 2)
end

function M.test(name, fn)
  local good, err = xpcall(fn, handler)
  if good then
    M.passed = M.passed + 1
    return
  end
  M.failed = M.failed + 1
  print(("FAIL %s: %s\n  %s"):format(M.spec, name, err))
end

return M
