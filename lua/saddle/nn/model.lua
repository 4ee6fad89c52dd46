-- nn/model.lua: feed-forward models over one flat parameter vector w. The
-- parameters of layer l are its weight [out x in], row-major, then its bias
-- [out]; layers with parameters are numbered 1, 2, ... as layer1, layer2.
-- A layer is linear, an activation, or any Lua function of a tensor
-- [samples x features].  MIT licence.
local core = require "saddle.core"
local opt = require "saddle.opt"
local activation = require "saddle.nn.activation"
local initial = require "saddle.nn.initial"

local M = {}

local Linear = {}
Linear.__index = Linear
Linear.__tostring = function(l)
  return ("linear %d -> %d%s"):format(l.nin, l.nout,
                                      l.bias and "" or ", no bias")
end

local Model = {}
Model.__index = Model

local function count(x, name, where)
  local n = math.tointeger(x)
  if not n or n < 1 then
    core.fail(("%s: %s: expected an integer >= 1, got %s")
              :format(where, name, opt.show(x)))
  end
  return n
end

-- nn.linear(nin, nout, {bias = true, init = "glorot_uniform"}): z = x W' + b.
function M.linear(nin, nout, opts)
  local where = "linear"
  opts = opt.check(opts, {bias = true, init = "glorot_uniform"}, where)
  return setmetatable({
    kind = "linear", nin = count(nin, "nin", where),
    nout = count(nout, "nout", where), bias = opts.bias and true or false,
    init = initial.get(opts.init, where),
  }, Linear)
end

local function check_layer(layer, k)
  if getmetatable(layer) == Linear or activation.is(layer) then return layer end
  if type(layer) == "string" then
    return activation.get(layer, "sequential: layer " .. k)
  end
  if type(layer) == "function" then
    return {kind = "function", fn = layer}
  end
  core.fail(("sequential: layer %d: expected nn.linear, an activation or a "
             .. "function, got a %s"):format(k, type(layer)))
end

-- Places of the parameters in w: {name, layer, offset, shape}.
local function place(layers)
  local entries, offset, index = {}, 0, 0
  local function add(name, layer, shape)
    local size = shape[1] * (shape[2] or 1)
    entries[#entries + 1] = {
      layer = "layer" .. index, field = name, of = layer, shape = shape,
      first = offset + 1, last = offset + size,
      name = "layer" .. index .. "." .. name,
    }
    offset = offset + size
  end
  for _, layer in ipairs(layers) do
    if layer.kind == "linear" then
      index = index + 1
      add("weight", layer, {layer.nout, layer.nin})
      if layer.bias then add("bias", layer, {layer.nout}) end
    end
  end
  return entries, offset
end

-- Adjacent linear layers must fit.
local function check_sizes(layers)
  local width
  for k, layer in ipairs(layers) do
    if layer.kind == "linear" then
      if width and width ~= layer.nin then
        core.fail(("sequential: layer %d takes %d features but gets %d")
                  :format(k, layer.nin, width))
      end
      width = layer.nout
    elseif layer.kind == "function" then
      width = nil -- a function may change it
    end
  end
end

-- nn.sequential{nn.linear(2, 3), nn.tanh, nn.linear(3, 1)}.
function M.sequential(list)
  if type(list) ~= "table" or #list == 0 then
    core.fail("sequential: expected a list of at least one layer")
  end
  for key in pairs(list) do
    if math.type(key) ~= "integer" or key < 1 or key > #list then
      core.fail(("sequential: unknown option '%s'"):format(opt.show(key)))
    end
  end
  local layers = {}
  for k = 1, #list do layers[k] = check_layer(list[k], k) end
  check_sizes(layers)
  local entries, size = place(layers)
  return setmetatable({layers = layers, entries = entries, size = size}, Model)
end

-- nn.mlp{100, 25, 10, activation = "tanh", output = "identity", bias = true,
-- init = "glorot_uniform"}: fully connected layers.
function M.mlp(spec)
  if type(spec) ~= "table" or #spec < 2 then
    core.fail("mlp: expected a list of at least two sizes")
  end
  local sizes, given = {}, {}
  for key, value in pairs(spec) do
    if math.type(key) == "integer" and key >= 1 and key <= #spec then
      sizes[key] = count(value, "size " .. key, "mlp")
    else
      given[key] = value
    end
  end
  local o = opt.check(given, {activation = "tanh", output = "identity",
                              bias = true, init = "glorot_uniform"}, "mlp")
  local act, out = activation.get(o.activation, "mlp"),
                   activation.get(o.output, "mlp: output")
  local list = {}
  for l = 1, #sizes - 1 do
    list[#list + 1] = M.linear(sizes[l], sizes[l + 1],
                               {bias = o.bias, init = o.init})
    list[#list + 1] = l < #sizes - 1 and act or out
  end
  if list[#list] == activation.named.identity then list[#list] = nil end
  return M.sequential(list)
end

-- nn.autoencoder{784, 1000, 500, 250, 30, activation = "tanh", code =
-- "identity", output = "identity", bias = true, init = "glorot_uniform"}: the
-- sizes down to the code and back up, 784-1000-500-250-30-250-500-1000-784.
-- The code and the output have activations of their own.
function M.autoencoder(spec)
  if type(spec) ~= "table" or #spec < 2 then
    core.fail("autoencoder: expected a list of at least two sizes")
  end
  local sizes, given = {}, {}
  for key, value in pairs(spec) do
    if math.type(key) == "integer" and key >= 1 and key <= #spec then
      sizes[key] = count(value, "size " .. key, "autoencoder")
    else
      given[key] = value
    end
  end
  local o = opt.check(given, {activation = "tanh", code = "identity",
    output = "identity", bias = true, init = "glorot_uniform"}, "autoencoder")
  local act = activation.get(o.activation, "autoencoder")
  local code = activation.get(o.code, "autoencoder: code")
  local out = activation.get(o.output, "autoencoder: output")
  local narrow = #sizes
  for l = narrow - 1, 1, -1 do sizes[#sizes + 1] = sizes[l] end
  local list = {}
  for l = 2, #sizes do
    local after = l == narrow and code or l == #sizes and out or act
    list[#list + 1] = M.linear(sizes[l - 1], sizes[l],
                               {bias = o.bias, init = o.init})
    if after ~= activation.named.identity then list[#list + 1] = after end
  end
  return M.sequential(list)
end

-- Number of parameters.
function Model:dim() return self.size end

function Model:names()
  local names = {}
  for i, e in ipairs(self.entries) do names[i] = e.name end
  return names
end

function Model:check(w, where)
  where = type(where) == "string" and where or "check"
  if type(w) == "table" then w = core.tensor(w) end
  if not opt.is_tensor(w) then
    core.fail(("%s: w: expected a tensor of %d parameters, got %s")
              :format(where, self.size, opt.show(w)))
  end
  local s = w.shape
  if #s ~= 1 or s[1] ~= self.size then
    core.fail(("%s: w: expected [%d] parameters, got [%s] %s")
              :format(where, self.size, table.concat(s, " x "), w.dtype))
  end
  return w
end

-- The part of w that entry e names, in its shape: a view of a Tensor.
local function part(w, e)
  local p = w[{e.first .. ":" .. e.last}]
  if #e.shape == 2 then return p:reshape(e.shape[1], e.shape[2]) end
  return p
end

-- {layer1 = {weight = [out x in], bias = [out]}, ...}: views of w, so that
-- writing to one writes to w. Works on symbolic tensors as well.
function Model:views(w)
  w = self:check(w, "views")
  local out = {}
  for _, e in ipairs(self.entries) do
    out[e.layer] = out[e.layer] or {}
    out[e.layer][e.field] = part(w, e)
  end
  return out
end
Model.unpack = Model.views

-- The flat vector of a table as views() gives it.
function Model:pack(tbl)
  local parts = {}
  local function entry(t, key)
    if type(t) ~= "table" then
      core.fail("pack: expected a table as views() gives it, got "
                .. opt.show(t))
    end
    return t[key]
  end
  for i, e in ipairs(self.entries) do
    local p = entry(entry(tbl, e.layer) or {}, e.field)
    if p == nil then core.fail("pack: " .. e.name .. " is missing") end
    if type(p) == "table" then p = core.tensor(p) end
    if not opt.is_tensor(p) then
      core.fail(("pack: %s: expected a tensor, got %s"):format(e.name,
        opt.show(p)))
    end
    local s = p.shape
    if s[1] ~= e.shape[1] or s[2] ~= e.shape[2] or #s ~= #e.shape then
      core.fail(("pack: %s: expected [%s], got [%s]"):format(e.name,
        table.concat(e.shape, " x "), table.concat(s, " x ")))
    end
    parts[i] = p:reshape(e.last - e.first + 1)
  end
  return core.tensor.concat(parts, 1)
end

-- A fresh w: weights by each layer's initialiser, biases zero. rng: a
-- generator of saddle.random, or a seed.
function Model:init(rng)
  if type(rng) == "number" then rng = core.random.new(rng) end
  if type(rng) ~= "userdata" and type(rng) ~= "table"
      or opt.is_tensor(rng) then
    core.fail("init: rng: expected saddle.random.new(seed), got "
              .. opt.show(rng))
  end
  local w = core.tensor.zeros{self.size}
  for _, e in ipairs(self.entries) do
    if e.field == "weight" then
      local a = e.of.init(rng, e.shape[1], e.shape[2])
      w[{e.first .. ":" .. e.last}] = a:reshape(e.last - e.first + 1)
    end
  end
  return w
end

-- Outputs [N x out] for x [N x in]; for one sample x [in] gives [out].
function Model:apply(w, x)
  local v = self:views(w)
  if type(x) == "table" then x = core.tensor(x) end
  if not opt.is_tensor(x) then
    core.fail("apply: x: expected a tensor [samples x features], got "
              .. opt.show(x))
  end
  local single = #x.shape == 1
  if single then x = x:reshape(1, x.shape[1]) end
  local index = 0
  for _, layer in ipairs(self.layers) do
    if layer.kind == "linear" then
      index = index + 1
      local p = v["layer" .. index]
      local s = x.shape
      if #s ~= 2 or s[2] ~= layer.nin then
        core.fail(("apply: layer%d: x: expected [samples x %d], got [%s]")
                  :format(index, layer.nin, table.concat(s, " x ")))
      end
      x = x:mm(p.weight:t())
      if p.bias then x = x + p.bias end
    else
      x = layer.fn(x)
    end
  end
  if single then x = x:reshape(x.shape[2]) end
  return x
end

-- The sizes and activation names of a plain feed-forward network, one
-- activation after each linear layer: what the exact Hessian from structure
-- covers. nil when the model is anything else.
function Model:structure()
  local sizes, acts, bias = {}, {}, nil
  for _, layer in ipairs(self.layers) do
    if layer.kind == "linear" then
      if bias ~= nil and bias ~= layer.bias then return nil end
      bias = layer.bias
      if #sizes == 0 then sizes[1] = layer.nin end
      sizes[#sizes + 1] = layer.nout
      acts[#acts + 1] = "identity"
    elseif layer.kind == "activation" then
      if #acts == 0 then return nil end
      if layer.name ~= "identity" then
        if acts[#acts] ~= "identity" then return nil end
        acts[#acts] = layer.name
      end
    else
      return nil
    end
  end
  if #acts == 0 then return nil end
  return {sizes = sizes, activations = acts, bias = bias}
end

-- Number of features in, and of outputs (nil when a function decides it).
function Model:ends()
  local nin, nout
  for _, layer in ipairs(self.layers) do
    if layer.kind == "linear" then
      nin, nout = nin or layer.nin, layer.nout
    elseif layer.kind == "function" then
      if not nin then return nil, nil end
      nout = nil
    end
  end
  return nin, nout
end

opt.class(Model, "model")
Model.__call = Model.apply

function Model:__tostring()
  local lines = {("model of %d parameters"):format(self.size)}
  for k, layer in ipairs(self.layers) do
    local text = layer.kind == "function" and "function" or tostring(layer)
    local own = layer.kind == "linear"
      and layer.nout * (layer.nin + (layer.bias and 1 or 0)) or 0
    lines[#lines + 1] = ("  %d  %-24s %s"):format(k, text,
      own > 0 and own .. " parameters" or "")
  end
  return (table.concat(lines, "\n"):gsub(" +\n", "\n"):gsub(" +$", ""))
end

return M
