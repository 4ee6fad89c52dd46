-- objective.lua: what optimisers, finders and spectra work on: a scalar
-- function of a vector w [P] with value, gradient, Hessian-vector product and
-- Hessian, counting its evaluations. Two routes give the derivatives:
--   structure  plain feed-forward networks: the exact Hessian from per-layer
--              products (core.network)
--   graph      everything else: the transforms of a traced function
-- With data the objective is
--   mean over samples of loss(net(w, x_n), y_n)  +  (l2/2) |w|^2,
-- the second term over all parameters, biases too.  MIT licence.
local core = require "saddle.core"
local opt = require "saddle.opt"
local lossmod = require "saddle.nn.loss"
local symmetry = require "saddle.nn.symmetry"

local tensor, none = core.tensor, opt.none

local M = {}
local Objective = {}
Objective.__index = Objective

local function transform() return require "saddle.transform" end

-- The Lua number that a number or a tensor of one element is.
local function number(v, where)
  if type(v) == "number" then return v end
  if not opt.is_tensor(v) or v:numel() ~= 1 then
    core.fail(("%s: expected the function to return one number, got %s")
              :format(where, opt.show(v)))
  end
  return v:item()
end

local function vector(w, dim, name, where)
  if type(w) == "table" then w = tensor(w) end
  if not opt.is_tensor(w) then
    core.fail(("%s: %s: expected a tensor of %d numbers, got %s")
              :format(where, name, dim, opt.show(w)))
  end
  local s = w.shape
  if #s ~= 1 or s[1] ~= dim then
    core.fail(("%s: %s: expected [%d] f64, got %s")
              :format(where, name, dim, lossmod.shape_text(w)))
  end
  return w:to("f64")
end

-- ---- methods ---------------------------------------------------------------

-- Number of parameters.
function Objective:dim() return self.size end

-- "structure" or "graph": how derivatives are taken; "user" where the caller
-- gave the Hessian.
function Objective:path() return self.route end

-- The objective as a plain function of w that can be traced: what an objective
-- is when it is called, obj(w), or given symbolic parameters.
function Objective:traced()
  if not self.plain then
    self.plain = self.fn.plain and self.fn.plain() or self.fn.value
  end
  return self.plain
end

local function symbolic(w, v)
  return core.graph.issymbolic(w) or core.graph.issymbolic(v)
end

function Objective:__call(w) return self:value(w) end

function Objective:value(w)
  if symbolic(w) then return self:traced()(w) end
  w = vector(w, self.size, "w", "value")
  self.counts.value = self.counts.value + 1
  return number(self.fn.value(w), "value")
end

function Objective:grad(w)
  if symbolic(w) then return transform().grad(self:traced())(w) end
  w = vector(w, self.size, "w", "grad")
  self.counts.grad = self.counts.grad + 1
  return self.fn.grad(w)
end

-- Value and gradient of one pass.
function Objective:value_grad(w)
  if symbolic(w) then return transform().value_and_grad(self:traced())(w) end
  w = vector(w, self.size, "w", "value_grad")
  self.counts.value = self.counts.value + 1
  self.counts.grad = self.counts.grad + 1
  local value, grad = self.fn.value_grad(w)
  return number(value, "value_grad"), grad
end

-- H v.
function Objective:hvp(w, v)
  if symbolic(w, v) then return transform().hvp(self:traced(), w, v) end
  w = vector(w, self.size, "w", "hvp")
  v = vector(v, self.size, "v", "hvp")
  self.counts.hvp = self.counts.hvp + 1
  return self.fn.hvp(w, v)
end

-- H [P x P], symmetric to the last bit.
function Objective:hessian(w)
  if symbolic(w) then return transform().hessian(self:traced(), w) end
  w = vector(w, self.size, "w", "hessian")
  self.counts.hessian = self.counts.hessian + 1
  return self.fn.hessian(w)
end

local function needs_data(self, what)
  if not self.x then
    core.fail(what .. ": the objective was made from a function: it has no "
              .. "samples")
  end
end

-- [N x P]: row n the gradient of loss_n + (l2/2) |w|^2, so that the mean of
-- the rows is the gradient.
function Objective:sample_grads(w)
  needs_data(self, "sample_grads")
  w = vector(w, self.size, "w", "sample_grads")
  self.counts.sample_grads = self.counts.sample_grads + 1
  return self.fn.sample_grads(w)
end

-- The same objective on some of the samples: idx is a table or tensor of
-- integers 1..N. It shares the counters.
function Objective:minibatch(idx)
  needs_data(self, "minibatch")
  if type(idx) == "table" then
    if #idx == 0 then core.fail("minibatch: idx: expected at least one") end
    idx = tensor(idx, {dtype = "i64"})
  end
  local y = self.labels or self.targets
  local part = M.build(self, self.x[{idx}], y[{idx}])
  part.counts = self.counts
  return part
end

-- Iterator over one epoch of minibatches in shuffled order (rng a generator
-- or nil for the order of the data). The last one may be smaller.
function Objective:batches(size, rng)
  needs_data(self, "batches")
  size = math.tointeger(size)
  if not size or size < 1 then
    core.fail("batches: size: expected an integer >= 1")
  end
  if rng ~= nil and (type(rng) ~= "userdata" or opt.is_tensor(rng)) then
    core.fail("batches: rng: expected saddle.random.new(seed), got "
              .. opt.show(rng))
  end
  local n, first = self.samples, 1
  local order = rng and rng:permutation(n) or tensor.arange(1, n)
  return function()
    if first > n then return nil end
    local last = math.min(first + size - 1, n)
    local idx = order[{first .. ":" .. last}]
    first = last + 1
    return self:minibatch(idx)
  end
end

-- Outputs of the network on the objective's data.
function Objective:outputs(w)
  needs_data(self, "outputs")
  return self.net:apply(vector(w, self.size, "w", "outputs"), self.x)
end

-- Share of misclassified samples: the largest output against the label; for
-- one output under bce its sign. nil for losses that do not classify.
function Objective:error(w)
  if not self.x or self.loss.name == "mse" then return nil end
  local z, n = self:outputs(w), self.samples
  local wrong
  if self.loss.name == "bce" then
    local guess = z:gt(0):to("f64")
    wrong = guess:ne(self.targets:gt(0.5):to("f64"))
    return wrong:to("f64"):mean()
  end
  local labels = self.labels or self.targets:argmax(2)
  wrong = z:argmax(2):ne(labels)
  return wrong:to("f64"):sum() / n
end

-- Orthonormal basis [k x P] of the directions at w along which the objective
-- is known to be invariant: at a critical point they are in the null space of
-- the Hessian. k may be 0.
function Objective:symmetries(w)
  w = vector(w, self.size, "w", "symmetries")
  local rows = self.fn.symmetries and self.fn.symmetries(w)
  return symmetry.orthonormal(rows, self.size, symmetry.least(w))
end

function Objective:__tostring()
  local what = self.net
    and ("%s of %d samples"):format(self.loss.name, self.samples)
    or "a function"
  return ("objective: %s, %d parameters, l2 = %g, Hessian by %s")
    :format(what, self.size, self.l2, self.route)
end

opt.class(Objective, "objective")

-- ---- routes ----------------------------------------------------------------

local function new(fields)
  fields.counts = {value = 0, grad = 0, hvp = 0, hessian = 0, sample_grads = 0}
  return setmetatable(fields, Objective)
end

local function by_structure(net, plan, loss, l2, x, labels, targets)
  local c = core.network.new{
    sizes = plan.sizes, activations = plan.activations, bias = plan.bias,
    loss = loss.name, l2 = l2,
  }
  local y = labels or targets
  return {
    value = function(w) return c:value(w, x, y) end,
    grad = function(w) return (select(2, c:value_grad(w, x, y))) end,
    value_grad = function(w) return c:value_grad(w, x, y) end,
    hvp = function(w, v) return c:hvp(w, v, x, y) end,
    hessian = function(w) return c:hessian(w, x, y) end,
    sample_grads = function(w) return c:sample_grads(w, x, y) end,
  }
end

-- The transforms of a traced scalar function f.
local function by_graph(f)
  local t = transform()
  local grad, both = t.grad(f), t.value_and_grad(f)
  return {
    value = f,
    grad = grad,
    value_grad = both,
    hvp = function(w, v) return t.hvp(f, w, v) end,
    hessian = function(w)
      local h = t.hessian(f, w)
      return (h + h:t()) * 0.5
    end,
  }
end

local function network_function(net, loss, l2, x, targets)
  return function(w)
    local v = loss.mean(net:apply(w, x), targets)
    if l2 > 0 then v = v + (l2 / 2) * (w * w):sum() end
    return v
  end
end

local function network_by_graph(net, loss, l2, x, targets)
  local fn = by_graph(network_function(net, loss, l2, x, targets))
  function fn.sample_grads(w)
    local t = transform()
    local function one(xi, yi)
      local d, c = xi.shape[1], yi.shape[1]
      xi, yi = xi:reshape(1, d), yi:reshape(1, c)
      return t.grad(function(u)
        return loss.mean(net:apply(u, xi), yi)
      end)(w)
    end
    local g = t.vmap(one)(x, targets)
    return l2 > 0 and g + l2 * w or g
  end
  return fn
end

-- The route is structure when core.network covers the net and the loss.
local function plan_of(net, loss, labels)
  if not core.network or (loss.name == "cross_entropy" and not labels) then
    return nil
  end
  return net:structure()
end

-- An objective with proto's net, loss and l2 on checked data x and y (labels
-- i64 [N], or targets).
function M.build(proto, x, y)
  local net, loss, l2 = proto.net, proto.loss, proto.l2
  local n = x.shape[1]
  local labels = loss.name == "cross_entropy" and #y.shape == 1 and y or nil
  local plan = not proto.force_graph and plan_of(net, loss, labels) or nil
  local targets = y
  if labels and not plan then
    targets = loss.targets(y, n, proto.outputs_n, "objective")
  end
  local fn = plan
    and by_structure(net, plan, loss, l2, x, labels, targets)
    or network_by_graph(net, loss, l2, x, targets)
  local self = new{
    net = net, loss = loss, l2 = l2, x = x, labels = labels,
    targets = not labels and targets or nil, samples = n, fn = fn,
    size = net:dim(), route = plan and "structure" or "graph",
    outputs_n = proto.outputs_n, force_graph = proto.force_graph,
  }
  fn.plain = plan and function()
    return network_function(net, loss, l2, x,
      labels and loss.targets(y, n, proto.outputs_n, "objective") or targets)
  end
  fn.symmetries = function(w) return symmetry.of_network(self, w) end
  return self
end

-- Inputs as f64 [N x features], contiguous and finite.
local function check_inputs(x, nin)
  if type(x) == "table" then x = tensor(x) end
  if not opt.is_tensor(x) then
    core.fail("objective: data.x: expected a tensor, got " .. opt.show(x))
  end
  local s = x.shape
  if #s < 2 then
    core.fail("objective: data.x: expected [samples x features], got "
              .. lossmod.shape_text(x))
  end
  if #s > 2 and nin then x = x:reshape(s[1], x:numel() // math.max(s[1], 1)) end
  s = x.shape
  if s[1] == 0 then core.fail("objective: data.x: there are no samples") end
  if nin and s[2] ~= nin then
    core.fail(("objective: data.x: the network takes %d features, got %s")
              :format(nin, lossmod.shape_text(x)))
  end
  x = x:to("f64"):contiguous()
  if not x:isfinite():all() then
    core.fail("objective: data.x: there is a NaN or an infinity")
  end
  return x
end

local function field(data, key)
  local v = (type(data) == "table" or type(data) == "userdata") and data[key]
  if v == nil then
    core.fail(("objective: data: expected {x =, y =}, got a %s%s"):format(
      type(data), type(data) == "table" and " without " .. key or ""))
  end
  return v
end

local function from_network(net, data, loss, opts)
  local o = opt.check(opts, {l2 = 0, path = none}, "objective")
  if type(o.l2) ~= "number" or not (o.l2 >= 0 and o.l2 < math.huge) then
    core.fail("objective: l2: expected a finite number >= 0, got "
              .. opt.show(o.l2))
  end
  if o.path then
    opt.choice(o.path, {"graph", "structure"}, "objective: path")
  end
  loss = lossmod.get(loss or "cross_entropy", "objective")
  local nin, nout = net:ends()
  local x = check_inputs(field(data, "x"), nin)
  local n = x.shape[1]
  nout = nout or net:apply(tensor.zeros{net:dim()}, x[{"1:1"}]).shape[2]
  local y, labels = field(data, "y"), nil
  if type(y) == "table" then y = tensor(y) end
  if loss.name == "cross_entropy" and type(y) == "userdata"
      and #y.shape == 1 then
    labels = lossmod.labels(y, n, nout, "objective")
  end
  y = labels or loss.targets(y, n, nout, "objective"):contiguous()
  local self = M.build({net = net, loss = loss, l2 = o.l2, outputs_n = nout,
                        force_graph = o.path == "graph"}, x, y)
  if o.path == "structure" and self.route ~= "structure" then
    core.fail("objective: path: this network or loss has no structured "
              .. "Hessian")
  end
  return self
end

-- objective(f, {dim = n, grad =, hvp =, hessian =, symmetries =}): f is a Lua
-- function of a tensor [n]; the derivatives not given come from tracing it.
-- symmetries: a tensor [k x n] or a function of w that gives one.
local function from_function(f, opts)
  local o = opt.check(opts, {dim = none, grad = none, hvp = none,
    hessian = none, symmetries = none}, "objective")
  local dim = math.tointeger(o.dim)
  if not dim or dim < 1 then
    core.fail("objective: dim: expected the number of parameters, got "
              .. opt.show(o.dim))
  end
  local fn = by_graph(f)
  if o.grad then
    fn.grad = o.grad
    fn.value_grad = function(w) return f(w), o.grad(w) end
  end
  if o.hessian then
    fn.hessian = o.hessian
    fn.hvp = function(w, v) return o.hessian(w):mv(v) end
  end
  fn.hvp = o.hvp or fn.hvp
  local s = o.symmetries
  fn.symmetries = type(s) == "userdata" and function() return s end or s
  return new{fn = fn, size = dim, l2 = 0,
             route = o.hessian and "user" or "graph"}
end

function M.is(obj) return getmetatable(obj) == Objective end

-- make(net, data, loss, {l2 = 0, path = "graph"}) or make(f, {dim = n, ...}).
-- path = "graph" refuses the structured Hessian (to check one by the other).
function M.make(first, ...)
  if type(first) == "function" then return from_function(first, ...) end
  if type(first) == "table" and type(first.apply) == "function" then
    return from_network(first, ...)
  end
  core.fail("objective: expected a network or a function first, got a "
            .. type(first))
end

-- An objective as it is; a plain function of a tensor of dim numbers wrapped.
function M.wrap(obj, dim, where)
  if M.is(obj) then return obj end
  if type(obj) == "function" then return from_function(obj, {dim = dim}) end
  if type(obj) == "table" and type(obj.value_grad) == "function"
      and type(obj.hessian) == "function" then
    return obj
  end
  core.fail(("%s: expected an objective or a function, got a %s")
            :format(where, type(obj)))
end

return M
