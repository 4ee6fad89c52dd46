-- file_spec.lua: saddle.load and saddle.save against files made by NumPy
-- (tests/data/README.md), and what they say of files that are not right.
-- MIT licence.
local t = require "runner"
local saddle = require "saddle"
local core = require "saddle.core"
local T = saddle.tensor
local data = "tests/data/"

local half_steps = {{-1, -0.5, 0, 0.5}, {1, 1.5, 2, 2.5}, {3, 3.5, 4, 4.5}}

-- Calls fn with a file name of its own, removed afterwards.
local function with_file(ending, fn)
  local base = os.tmpname()
  local path = base .. ending
  local good, err = pcall(fn, path)
  os.remove(base)
  os.remove(path)
  if not good then error(err, 0) end
end

local function slurp(path)
  local f <close> = assert(io.open(path, "rb"))
  return f:read("a")
end

t.test("NumPy's .npy files", function()
  for _, name in ipairs {"c_f8", "fortran_f8", "version2", "version3"} do
    local x = saddle.load(data .. name .. ".npy")
    t.eq(x.dtype, "f64", name)
    t.eq(x:totable(), half_steps, name)
  end
  t.eq(saddle.load(data .. "big_f4.npy").dtype, "f32")
  t.eq(saddle.load(data .. "big_f4.npy"):totable(), half_steps)
  t.eq(saddle.load(data .. "scalar_f8.npy"):item(), 2.5)
  t.eq(saddle.load(data .. "empty_f8.npy").shape, {0, 3})
  t.eq(saddle.load(data .. "i8.npy"):totable(), {{-(1 << 62), 5}, {7, -1}})
  t.eq(saddle.load(data .. "bool.npy"):totable(), {1, 0, 1})
  t.eq(saddle.load(data .. "bool.npy").dtype, "u8")
end)

t.test("a Fortran-ordered array computes like any other", function()
  local a = saddle.load(data .. "fortran_f8.npy")
  t.eq((a + 1)[{1, ":"}], T{0, 0.5, 1, 1.5})
  t.eq(a:totable(), half_steps)
end)

t.test("NumPy's .npz files", function()
  local z = saddle.load(data .. "stored.npz")
  t.eq(z.a:totable(), half_steps)
  t.eq(z.b:totable(), half_steps)
  t.eq(z.s:item(), 2.5)
  t.eq(z.empty.shape, {0, 3})
  z = saddle.load(data .. "deflated.npz")
  t.eq(z.a:totable(), half_steps)
  t.eq(z.n:totable(), {1, 2, 3})
end)

t.test("IDX, plain and gzipped", function()
  for _, name in ipairs {"images.idx", "images.idx.gz", "two_members.idx.gz"} do
    local x = saddle.file.idx(data .. name)
    t.eq(x.shape, {2, 3, 4}, name)
    t.eq(x[{2, 3, 4}], 230, name)
    t.eq(saddle.file.idx(data .. name, 1).shape, {1, 3, 4}, name)
  end
  t.fails(function() saddle.file.idx(data .. "c_f8.npy") end,
          "c_f8.npy: byte 0: magic: expected 00 00, found 93 4e")
  t.fails(function() saddle.file.idx(data .. "images.idx", 1.5) end, "n")
end)

t.test("save, then load: every dtype, views, 0-d, zero size", function()
  with_file(".npy", function(path)
    local m = T{{1, 2, 3}, {4, 5, 6}}
    local cases = {
      m, m:t(), T.zeros{0, 3}, T.ones{2, 2, dtype = "f32"},
      T.ones{3, dtype = "u8"}, T{1, 2} * 1.5, m[{":", "1:3:2"}],
    }
    for i, x in ipairs(cases) do
      saddle.save(path, x)
      local y = saddle.load(path)
      t.eq(y.dtype, x.dtype, "case " .. i)
      t.eq(y, x, "case " .. i)
    end
    saddle.save(path, 2.5)
    t.eq(saddle.load(path).shape, {})
    t.eq(saddle.load(path):item(), 2.5)
  end)
end)

t.test("save .npz: stored, deflated, in the order of names", function()
  with_file(".npz", function(path)
    local arrays = {w = T.zeros{40, 40}, b = T{1, 2, 3}, ["layer 1/w"] = T{7}}
    saddle.save(path, arrays)
    local stored = slurp(path)
    local z = saddle.load(path)
    t.eq(z, arrays)
    saddle.save(path, {["layer 1/w"] = T{7}, b = T{1, 2, 3},
                       w = T.zeros{40, 40}})
    t.eq(slurp(path) == stored, true, "equal arrays give equal files")
    t.ok(stored:find("b.npy", 1, true) < stored:find("layer 1", 1, true))
    saddle.save(path, arrays, {compress = true})
    t.eq(saddle.load(path), arrays)
    t.ok(#slurp(path) < #stored // 4)
    saddle.save(path, {})
    t.eq(next(saddle.load(path)), nil)
  end)
end)

t.test("names and values that cannot be saved", function()
  with_file(".npz", function(path)
    t.fails(function() saddle.save(path, T{1}) end, "table of tensors by name")
    t.fails(function() saddle.save(path, {T{1}}) end, "names of arrays")
    t.fails(function() saddle.save(path, {[""] = T{1}}) end, "1 to 251 bytes")
    t.fails(function() saddle.save(path, {["a\nb"] = T{1}}) end, "printable")
    t.fails(function() saddle.save(path, {["a\0b"] = T{1}}) end, "zero byte")
    t.fails(function() saddle.save(path, {a = "text"}) end)
    t.eq(core.file.exists(path), nil, "nothing is left behind")
    t.fails(function() saddle.save(path, {}, {compres = true}) end, "compress")
  end)
  t.fails(function() saddle.save(7, T{1}) end, "path: expected a string")
  t.fails(function() saddle.save("", T{1}) end, "an empty string")
  t.fails(function() saddle.save("no/such/folder/x.npy", T{1}) end,
          "no/such/folder/x.npy: cannot be written: No such file")
  t.fails(function() saddle.save("x.npy", T{1}, {compress = true}) end,
          "ending in .npz")
end)

t.test("files that are not right name the file and the place", function()
  t.fails(function() saddle.load("no/such.npy") end,
          "file_spec.lua:%d+: no/such.npy: cannot be opened: No such file")
  t.fails(function() saddle.load("tests") end, "found a directory")
  t.fails(function() saddle.load(data .. "README.md") end,
          "README.md: byte 0: magic: expected 93 'NUMPY'")
  t.fails(function() saddle.load(data .. "f2.npy") end,
          "f2.npy: byte 20: 'descr': expected f4, f8.*found '<f2'")
  t.fails(function() saddle.load(data .. "c16.npy") end, "found '<c16'")
  t.fails(function() saddle.load(data .. "record.npy") end, "record type")
  with_file(".npz", function(path)
    local bytes = slurp(data .. "deflated.npz")
    core.file.write(path, bytes:sub(1, -30))
    t.fails(function() saddle.load(path) end, "zip end record")
    local at = bytes:find("PK\1\2", 1, true) + 16 -- the stored checksum
    core.file.write(path, bytes:sub(1, at - 1) .. "\0\0\0\0"
      .. bytes:sub(at + 4))
    t.fails(function() saddle.load(path) end,
            "%(a.npy%): byte 224 unpacked: checksum: expected 00000000")
  end)
end)

t.test("files are closed when a file is refused", function()
  local list = os.tmpname()
  local function open_files() -- a file, not a pipe, which would count too
    os.execute("ls /proc/$PPID/fd > " .. list)
    return select(2, slurp(list):gsub("\n", ""))
  end
  local before = open_files()
  collectgarbage("stop")
  for _ = 1, 20 do
    pcall(saddle.load, data .. "u8_high.npy")
    pcall(saddle.load, data .. "f2.npy")
    pcall(saddle.file.idx, data .. "c_f8.npy")
  end
  local after = open_files()
  collectgarbage("restart")
  os.remove(list)
  t.ok(before > 2)
  t.eq(after, before)
end)

t.test("write replaces a file at once; exists says what is there", function()
  with_file(".txt", function(path)
    t.eq(saddle.file.exists(path), nil)
    saddle.file.write(path, "one\0two")
    t.eq(slurp(path), "one\0two")
    saddle.file.write(path, "")
    t.eq(slurp(path), "")
    t.eq(saddle.file.exists(path), "file")
  end)
  t.eq(saddle.file.exists("tests"), "directory")
end)

return t
