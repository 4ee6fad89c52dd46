-- data.lua: labelled data sets. The pixels stay bytes until numbers are asked
-- for: `x` is made on first use from `raw` by one affine map, so taking parts,
-- shuffling and choosing another normalisation cost nothing, and downsampling
-- reads bytes. Methods return new data objects and never change one.
-- MIT licence.
local core = require "saddle.core"
local opt = require "saddle.opt"

local M = {}
local Data = {}

local debian = "/usr/share/datasets/" -- where Debian's packages put data sets

-- ---- arguments ----

local function integer(v, where, name, low, high)
  local i = math.type(v) and math.tointeger(v)
  if not i or i < low or i > high then
    core.fail(("%s: %s: expected an integer from %d to %d, got %s"):format(
      where, name, low, high, opt.show(v)))
  end
  return i
end

local function is_tensor(v)
  return type(v) == "userdata" and core.tensor.istensor(v)
end

local function finite(v, where, name)
  if type(v) ~= "number" or v ~= v or math.abs(v) == math.huge then
    core.fail(("%s: %s: expected a finite number, got %s"):format(where, name,
                                                                 opt.show(v)))
  end
  return v
end

-- ---- the object ----

-- x = (raw/unit - mean)/sd, f64 [n x features].
local function numbers(raw, norm)
  return core.file.scale(raw, norm.unit, norm.mean, norm.sd)
end

local function lookup(self, key)
  if key ~= "x" then return Data[key] end
  local x = numbers(self.raw, self.norm)
  rawset(self, "x", x)
  return x
end

local function describe(self)
  local im = self.images
  return ("%s: %d samples of %d features%s%s, x %s"):format(self.name, self.n,
    self.features, im and (" (%d x %d)"):format(im.rows, im.cols) or "",
    self.classes and (", %d classes"):format(self.classes) or "",
    self.norm.kind)
end

local meta = {
  __index = lookup,
  __len = function(self) return self.n end,
  __tostring = describe,
  __name = "data",
}

-- A copy of self (or of plain fields) with some fields replaced.
local function derive(self, changes)
  local new = {}
  for _, key in ipairs {"name", "raw", "y", "n", "features", "classes",
                        "images", "norm"} do
    new[key] = changes[key]
    if new[key] == nil then new[key] = rawget(self, key) end
  end
  return setmetatable(new, meta)
end

-- Rows by a selector: "a:b" or an i64 tensor.
local function rows(self, selector, n)
  return derive(self, {raw = self.raw[{selector}],
                       y = self.y and self.y[{selector}], n = n})
end

local function need_self(self, method)
  if getmetatable(self) ~= meta then
    core.fail(("%s: expected a data object before the colon, got a %s"):format(
      method, type(self)))
  end
end

-- subset(n): the first n. subset(from, to), subset{from =, to =}: a range,
-- 1-based and inclusive. subset(indices): a table or an integer tensor, any
-- order, repeats allowed.
function Data:subset(what, to)
  need_self(self, "subset")
  if type(what) == "table" and (what.from or what.to) then
    local range = opt.check(what, {from = opt.none, to = opt.none}, "subset")
    what, to = range.from or 1, range.to or self.n
  elseif type(what) == "number" and to == nil then
    what, to = 1, integer(what, "subset", "n", 0, self.n)
  end
  if type(what) == "number" then
    local a = integer(what, "subset", "from", 1, self.n + 1)
    local b = integer(to, "subset", "to", a - 1, self.n)
    return rows(self, ("%d:%d"):format(a, b), b - a + 1)
  end
  if type(what) ~= "table" and not is_tensor(what) then
    core.fail("subset: expected a number, a range {from =, to =} or indices, "
      .. "got a " .. type(what))
  end
  local idx = is_tensor(what) and what
    or core.tensor.zeros{#what, dtype = "i64"}
  if idx ~= what then
    for k, v in ipairs(what) do
      idx[k] = integer(v, "subset", "index " .. k, 1, self.n)
    end
  end
  return rows(self, idx, #idx)
end

local function permutation(rng, n, where)
  if type(rng) ~= "userdata" or is_tensor(rng) then
    core.fail(("%s: rng: expected a generator such as saddle.random.new(1), "
      .. "got a %s"):format(where, type(rng)))
  end
  return rng:permutation(n)
end

-- shuffle(rng): the same samples in random order.
function Data:shuffle(rng)
  need_self(self, "shuffle")
  return rows(self, permutation(rng, self.n, "shuffle"), self.n)
end

-- split(size [, rng]): the first `size` samples and the others; a size below 1
-- is a fraction. With rng the samples are shuffled first.
function Data:split(size, rng)
  need_self(self, "split")
  finite(size, "split", "size")
  if size > 0 and size < 1 then size = math.floor(size * self.n + 0.5) end
  size = integer(size, "split", "size", 0, self.n)
  local all = rng ~= nil and self:shuffle(rng) or self
  return all:subset(size), all:subset(size + 1, self.n)
end

-- downsample(rows, cols): images of another size by area average: each new
-- pixel is the exact mean of the part of the image it covers.
function Data:downsample(r, c)
  need_self(self, "downsample")
  local im = self.images
  if not im then
    core.fail("downsample: " .. self.name .. ": the samples are no images")
  end
  r = integer(r, "downsample", "rows", 1, im.rows)
  c = integer(c == nil and r or c, "downsample", "cols", 1, im.cols)
  return derive(self, {
    raw = core.file.downsample(self.raw, im.rows, im.cols, r, c),
    images = {rows = r, cols = c}, features = r * c,
  })
end

local function normalisation(self, kind, where)
  local unit = self.norm.unit
  if type(kind) == "table" then
    kind = opt.check(kind, {mean = opt.none, sd = opt.none}, where)
    finite(kind.mean, where, "mean")
    if finite(kind.sd, where, "sd") <= 0 then
      core.fail(("%s: sd: expected a positive number, got %g"):format(where,
                                                                     kind.sd))
    end
    return {kind = "given", unit = unit, mean = kind.mean, sd = kind.sd}
  end
  opt.choice(kind, {"unit", "standard", "none"}, where)
  if kind == "unit" then
    return {kind = kind, unit = unit, mean = 0, sd = 1}
  elseif kind == "none" then
    return {kind = kind, unit = unit, mean = 0, sd = 1 / unit}
  end
  local mean, sd = core.file.moments(self.raw)
  if not (sd > 0) then
    core.fail(("%s: 'standard': expected values that differ, got %s"):format(
      where, self.n == 0 and "no samples" or "a constant"))
  end
  return {kind = kind, unit = unit, mean = mean / unit, sd = sd / unit}
end

-- normalize(kind): "unit" (pixels in [0, 1]), "standard" (mean 0 and standard
-- deviation 1 over all pixels of this set), "none" (as in the file), or
-- {mean =, sd =} in units of [0, 1]: another set's, found in its `norm`.
function Data:normalize(kind)
  need_self(self, "normalize")
  return derive(self, {norm = normalisation(self, kind, "normalize")})
end

-- for x, y, indices in data:batches(size [, rng [, {partial = true}]]): all
-- samples once, shuffled by rng when given; the last batch may be smaller, or
-- is left out with partial = false.
function Data:batches(size, rng, opts)
  need_self(self, "batches")
  size = integer(size, "batches", "size", 1, math.maxinteger)
  opts = opt.check(opts, {partial = true}, "batches")
  local order = rng ~= nil and permutation(rng, self.n, "batches") or nil
  local at = 0
  return function()
    local n = math.min(size, self.n - at)
    if n <= 0 or (n < size and not opts.partial) then return nil end
    local from, to = at + 1, at + n
    at = to
    local range = ("%d:%d"):format(from, to)
    local idx = order and order[{range}] or range
    local x = rawget(self, "x")
    return x and x[{idx}] or numbers(self.raw[{idx}], self.norm),
      self.y and self.y[{idx}], idx
  end
end

-- ---- data sets from tensors ----

-- new{x =, y =, classes =, rows =, cols =, name =}: x [samples x features], f64
-- or u8; y class labels 1..classes or targets, one row a sample.
function M.new(opts)
  opts = opt.check(opts, {x = opt.none, y = opt.none, classes = opt.none,
    rows = opt.none, cols = opt.none, name = "data"}, "data.new")
  local x, y = opts.x, opts.y
  if not is_tensor(x) or #x.shape ~= 2 then
    core.fail("data.new: x: expected a tensor [samples x features]")
  end
  local n, features = x.shape[1], x.shape[2]
  if y ~= nil and (not is_tensor(y) or y.shape[1] ~= n) then
    core.fail(("data.new: y: expected a tensor of %d rows"):format(n))
  end
  local r, c = opts.rows, opts.cols
  for key, v in pairs{rows = r, cols = c, classes = opts.classes} do
    integer(v, "data.new", key, 1, math.maxinteger)
  end
  if (r or c) and (not r or not c or r * c ~= features) then
    core.fail(("data.new: rows, cols: expected a product of %d, got %s x %s")
      :format(features, opt.show(r), opt.show(c)))
  end
  return derive({}, {name = opts.name, raw = x, y = y, n = n,
    features = features, classes = opts.classes,
    images = r and {rows = r, cols = c} or nil,
    norm = {kind = "none", unit = 1, mean = 0, sd = 1}})
end

-- ---- MNIST and its like ----

local stems = {
  train = {"train-images", "train-labels"},
  test = {"t10k-images", "t10k-labels"},
}

-- The folders to look in: the one asked for, else SADDLE_DATA and the system's.
local function folders(set, dir)
  if dir ~= nil then
    if type(dir) ~= "string" then
      core.fail(("%s: option 'dir': expected a string, got a %s"):format(
        set.name, type(dir)))
    end
    return {dir, dir .. "/" .. set.folder}
  end
  local list = {}
  local root = os.getenv("SADDLE_DATA")
  if root and root ~= "" then
    list = {root .. "/" .. set.folder, root}
  end
  if set.package then list[#list + 1] = debian .. set.folder end
  return list
end

-- The path of a file under one of its usual names, or nil.
local function find_in(folder, stem, axes)
  for _, joint in ipairs {"-", "."} do
    for _, ending in ipairs {"", ".gz"} do
      local path = ("%s/%s%sidx%d-ubyte%s"):format(folder, stem, joint, axes,
                                                   ending)
      if core.file.exists(path) == "file" then return path end
    end
  end
end

local function missing(set, stem, list)
  local advice = set.package
    and "install the package " .. set.package .. ", or name a folder"
    or "put its four files into a folder and name it"
  local looked = #list > 0 and table.concat(list, ", ") or "no folder"
  core.fail(("%s: the data set is not here: looked for %s-idx3-ubyte and "
    .. "%s-idx1-ubyte (or .gz) in %s; %s with dir = or SADDLE_DATA"):format(
    set.name, stem[1], stem[2], looked, advice))
end

local function find(set, stem, dir)
  local list = folders(set, dir)
  for _, folder in ipairs(list) do
    local images = find_in(folder, stem[1], 3)
    local labels = images and find_in(folder, stem[2], 1)
    if labels then return images, labels end
  end
  missing(set, stem, list)
end

-- Pixels [n x rows*cols] u8 and labels 1..10 i64.
local function read(set, images, labels, limit)
  local pixels, kind = core.file.idx(images, limit)
  local digits = core.file.idx(labels, limit)
  local shape = pixels.shape
  if #shape ~= 3 or not kind:find("u8$") or shape[2] * shape[3] == 0 then
    core.fail(("%s: %s: expected images [n x rows x cols] u8, found %s")
      :format(set.name, images, kind))
  end
  local y, why = core.file.labels(digits, set.classes)
  if not y then core.fail(("%s: %s: %s"):format(set.name, labels, why)) end
  if #y ~= shape[1] then
    core.fail(("%s: %s: expected %d labels, one for each image, found %d")
      :format(set.name, labels, shape[1], #y))
  end
  return pixels:reshape{shape[1], shape[2] * shape[3]}, y, shape
end

local function load(set, opts)
  opts = opt.check(opts, {dir = opt.none, subset = "train", n = opt.none,
    normalize = "unit"}, set.name)
  opt.choice(opts.subset, {"train", "test"}, set.name .. ": option 'subset'")
  local limit = opts.n
    and integer(opts.n, set.name, "option 'n'", 1, math.maxinteger)
  local images, labels = find(set, stems[opts.subset], opts.dir)
  local raw, y, shape = read(set, images, labels, limit)
  local data = derive({}, {name = set.folder .. " " .. opts.subset, raw = raw,
    y = y, n = shape[1], features = shape[2] * shape[3],
    classes = set.classes, images = {rows = shape[2], cols = shape[3]},
    norm = {kind = "unit", unit = 255, mean = 0, sd = 1}})
  return opts.normalize == "unit" and data or derive(data, {
    norm = normalisation(data, opts.normalize,
                         set.name .. ": option 'normalize'")})
end

-- mnist{dir =, subset = "train" | "test", n =, normalize =}: x f64 [n x 784], y
-- i64 labels 1..10 (digit 0 is class 1). n reads only the first n images.
function M.mnist(opts)
  return load({name = "data.mnist", folder = "mnist", classes = 10}, opts)
end

-- fashion_mnist{...}: the same for Fashion-MNIST.
function M.fashion_mnist(opts)
  return load({name = "data.fashion_mnist", folder = "fashion-mnist",
    classes = 10, package = "dataset-fashion-mnist"}, opts)
end

return M
