-- data_spec.lua: data sets: file search and checks on small files made here,
-- the data object's methods, and the real sets where they are installed.
-- MIT licence.
local t = require "runner"
local saddle = require "saddle"
local core = require "saddle.core"
local T, random = saddle.tensor, saddle.random

-- A total as a Lua number.
local function num(v) return type(v) == "number" and v or v:item() end

local function idx_bytes(shape, payload)
  local head = string.pack("BBBB", 0, 0, 8, #shape)
  for _, n in ipairs(shape) do head = head .. string.pack(">I4", n) end
  return head .. payload
end

-- A folder of a data set of n images of 4 x 6: image k has pixel values
-- k, k + 1, ..., k + 23 (mod 256) and label (k - 1) % 10.
local function make_set(folder, n, prefix, labels)
  local pixels, digits = {}, {}
  for k = 1, n do
    for p = 0, 23 do pixels[#pixels + 1] = string.char((k + p) % 256) end
    digits[k] = string.char((k - 1) % 10)
  end
  core.file.write(folder .. "/" .. prefix .. "-images-idx3-ubyte",
                  idx_bytes({n, 4, 6}, table.concat(pixels)))
  core.file.write(folder .. "/" .. prefix .. "-labels-idx1-ubyte",
                  labels or idx_bytes({n}, table.concat(digits)))
end

local function with_folder(fn)
  local dir = os.tmpname()
  os.remove(dir)
  assert(os.execute("mkdir -p " .. dir .. "/mnist"))
  local good, err = pcall(fn, dir)
  os.execute("rm -r " .. dir)
  if not good then error(err, 0) end
end

local function pixel(k, p) return (k + p - 1) % 256 / 255 end

t.test("mnist reads x, y, shape and classes", function()
  with_folder(function(dir)
    make_set(dir, 12, "train")
    make_set(dir .. "/mnist", 5, "t10k")
    local d = saddle.data.mnist{dir = dir}
    t.eq({#d, d.n, d.features, d.classes}, {12, 12, 24, 10})
    t.eq(d.images, {rows = 4, cols = 6})
    t.eq(d.x.shape, {12, 24})
    t.eq(d.x.dtype, "f64")
    t.eq(d.y.dtype, "i64")
    t.eq(d.y:totable(), {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1, 2})
    t.eq(d.x[{3, 2}], pixel(3, 2))
    t.eq(#saddle.data.mnist{dir = dir, subset = "test"}, 5)
    local few = saddle.data.mnist{dir = dir, n = 2}
    t.eq(few.y:totable(), {1, 2})
    t.eq(few.x, d.x[{"1:2"}])
    t.eq(tostring(few), "mnist train: 2 samples of 24 features (4 x 6), "
      .. "10 classes, x unit")
  end)
end)

t.test("files that do not belong together are refused", function()
  with_folder(function(dir)
    local function try() saddle.data.mnist{dir = dir} end
    make_set(dir, 4, "train", idx_bytes({3}, "\0\1\2"))
    t.fails(try, "labels%-idx1%-ubyte: expected 4 labels.*found 3")
    make_set(dir, 4, "train", idx_bytes({4}, "\0\1\2\10"))
    t.fails(try, "labels%-idx1%-ubyte: label 4: expected 0 to 9, found 10")
    make_set(dir, 4, "train", idx_bytes({2, 2}, "\0\1\2\3"))
    t.fails(try, "expected labels %[n%] u8, found %[2 x 2%] u8")
    make_set(dir, 4, "train", idx_bytes({4}, "\0\1\2"))
    t.fails(try, "labels%-idx1%-ubyte: byte 8: .*expected 4 bytes, found 3")
  end)
end)

t.test("a missing set names the files, the folders and the way out", function()
  local function try(set, opts)
    return function() saddle.data[set](opts) end
  end
  t.fails(try("mnist", {dir = "no/such"}),
    "train%-images%-idx3%-ubyte.*in no/such, no/such/mnist; put its four")
  t.fails(try("fashion_mnist", {dir = "no/such", subset = "test"}),
    "t10k%-labels%-idx1%-ubyte.*install the package dataset%-fashion%-mnist")
  t.fails(try("mnist", {dirr = "x"}), "dirr.*dir")
  t.fails(try("mnist", {subset = "valid"}), "subset.*valid")
  t.fails(try("mnist", {n = 1.5}), "option 'n'.*got 1.5")
  t.fails(try("mnist", {dir = 7}), "option 'dir': expected a string")
end)

-- 20 samples of 4 x 6 pixels, labels 1..10.
local function sample()
  local x = random.new(3):uniform{20, 24}
  local y = T.zeros{20, dtype = "i64"}
  for i = 1, 20 do y[i] = (i - 1) % 10 + 1 end
  return saddle.data.new{x = x, y = y, classes = 10, rows = 4, cols = 6}
end

t.test("subset, split and shuffle keep samples and labels together", function()
  local d = sample()
  t.eq(d:subset(3).y:totable(), {1, 2, 3})
  t.eq(d:subset(4, 6).x, d.x[{"4:6"}])
  t.eq(d:subset{from = 19}.y:totable(), {9, 10})
  local picked = d:subset{7, 7, 2}
  t.eq(picked.y:totable(), {7, 7, 2})
  t.eq(picked.x[2], d.x[7])
  t.eq(#d:subset(0), 0)
  local a, b = d:split(0.75)
  t.eq({#a, #b, b.y[1]}, {15, 5, 6})
  a, b = d:split(20)
  t.eq({#a, #b}, {20, 0})
  local s = d:shuffle(random.new(5))
  t.eq(s.x, d:shuffle(random.new(5)).x, "one seed, one order")
  t.ok(s.y:totable()[1] ~= 1 or s.y:totable()[2] ~= 2)
  t.near(num(s.x:sum()), num(d.x:sum()), 1e-13)
  for i = 1, 20 do -- each shuffled sample is one of its label's two
    local label = s.y[i]
    local same = s.x[i]:allclose(d.x[label]) or
      s.x[i]:allclose(d.x[label + 10])
    t.ok(same, "sample " .. i)
  end
  t.eq(d.y[1], 1, "the data set itself has not changed")
end)

t.test("mistakes in arguments are named", function()
  local d = sample()
  t.fails(function() d:subset(21) end, "subset: n:.*0 to 20, got 21")
  t.fails(function() d:subset(0, 3) end, "subset: from:.*got 0")
  t.fails(function() d:subset{1, 21} end, "index 2: .*got 21")
  t.fails(function() d:subset("x") end, "subset: expected a number")
  t.fails(function() d:split(0 / 0) end, "split: size")
  t.fails(function() d:split(2.5) end, "split: size: .*got 2.5")
  t.fails(function() d:shuffle() end, "shuffle: rng: expected a generator")
  t.fails(function() d:downsample(5, 2) end, "rows: .*1 to 4, got 5")
  t.fails(function() d:normalize("units") end, "units.*unit")
  t.fails(function() d:normalize{mean = 0} end, "sd: expected a finite")
  t.fails(function() d:batches(0) end, "size: ")
  t.fails(function() d:batches(4, nil, {partiall = true}) end, "partial")
  t.fails(function() d.batches(4) end, "before the colon")
  t.fails(function() saddle.data.new{x = T.ones{2}} end, "samples x features")
  t.fails(function() saddle.data.new{x = T.ones{2, 3}, y = T{1}} end, "2 rows")
  t.fails(function()
    saddle.data.new{x = T.ones{2, 3}}:downsample(1, 1)
  end, "no images")
end)

t.test("batches visit every sample once, in an order the seed fixes", function()
  local d = sample()
  local function labels(rng, opts)
    local sizes, seen = {}, {}
    for x, y, idx in d:batches(6, rng, opts) do
      sizes[#sizes + 1] = #y
      t.eq(x.shape, {#y, 24})
      for i = 1, #y do seen[#seen + 1] = y[i] end
      t.eq(x, d.x[{idx}])
    end
    return sizes, seen
  end
  local sizes, seen = labels()
  t.eq(sizes, {6, 6, 6, 2})
  t.eq(seen, d.y:totable())
  local _, first = labels(random.new(1))
  local _, again = labels(random.new(1))
  local _, other = labels(random.new(2))
  t.eq(first, again)
  t.ok(table.concat(first, " ") ~= table.concat(other, " "))
  table.sort(first)
  t.eq(first, {1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10})
  t.eq(labels(nil, {partial = false}), {6, 6, 6})
end)

t.test("normalisations", function()
  with_folder(function(dir)
    make_set(dir, 9, "train")
    local d = saddle.data.mnist{dir = dir}
    local s = d:normalize("standard")
    t.near(num(s.x:mean()), 0, 1e-13)
    t.near(num((s.x * s.x):mean()), 1, 1e-13)
    t.near(s.x * s.norm.sd + s.norm.mean, d.x, 1e-13)
    t.near(d:normalize("none").x[{2, 3}], 4, 1e-13)
    t.eq(d:normalize(s.norm and {mean = s.norm.mean, sd = s.norm.sd}).x, s.x)
    t.eq(saddle.data.mnist{dir = dir, normalize = "standard"}.x, s.x)
    t.near(s:downsample(2, 3).x, d:downsample(2, 3):normalize{
      mean = s.norm.mean, sd = s.norm.sd}.x, 1e-13)
    t.eq(d.norm.kind, "unit")
  end)
end)

-- The average as two products with explicit weights.
local function weights(to, from)
  local w = T.zeros{to, from}
  for o = 1, to do
    for p = 1, from do
      local lo = math.max((o - 1) * from / to, p - 1)
      local hi = math.min(o * from / to, p)
      if hi > lo then w[{o, p}] = (hi - lo) * to / from end
    end
  end
  return w
end

t.test("downsample is the area average", function()
  local d = sample()
  local small = d:downsample(3, 4)
  t.eq(small.images, {rows = 3, cols = 4})
  t.eq(small.x.shape, {20, 12})
  local r, c = weights(3, 4), weights(4, 6)
  for i = 1, 20 do
    local image = d.x[i]:reshape{4, 6}
    t.near(small.x[i]:reshape{3, 4}, r:mm(image):mm(c:t()), 1e-14)
  end
  t.near(num(small.x:mean()), num(d.x:mean()), 1e-14)
  t.eq(d:downsample(4, 6).x, d.x, "the same size is the identity")
  local flat = saddle.data.new{x = T.ones{2, 784}, rows = 28, cols = 28}
  t.near(flat:downsample(10, 10).x, T.ones{2, 100}, 1e-14)
end)

-- ---- the real sets, where they are ----

local function try_real(set, opts)
  local good, d = pcall(saddle.data[set], opts)
  if good then return d end
  t.ok(tostring(d):find("the data set is not here", 1, true), tostring(d))
end

t.test("Fashion-MNIST as installed: counts, balance, speed", function()
  local start = saddle.clock()
  local d = try_real("fashion_mnist", {})
  if not d then return end
  local small = d:downsample(10, 10)
  t.eq(small.x.shape, {60000, 100})
  t.ok(saddle.clock() - start < 10, "loading takes seconds")
  t.eq({d.n, d.images.rows, d.images.cols}, {60000, 28, 28})
  for class = 1, 10 do t.eq(num(d.y:eq(class):sum()), 6000) end
  local mean, sd = core.file.moments(d.raw)
  t.near(mean / 255, 0.2860, 1e-4) -- published values of the training set
  t.near(sd / 255, 0.3530, 1e-4)
  t.near(num(small.x:mean()), mean / 255, 1e-12)
end)

t.test("MNIST where SADDLE_DATA has it: first labels, mean", function()
  local d = try_real("mnist", {})
  if not d then return end
  t.eq(d:subset(10).y:totable(), {6, 1, 5, 2, 10, 3, 2, 4, 2, 5})
  local mean, sd = core.file.moments(d.raw)
  t.near(mean / 255, 0.1307, 1e-4)
  t.near(sd / 255, 0.3081, 1e-4)
end)

return t
