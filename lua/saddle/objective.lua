-- objective.lua: what optimisers, finders and spectra work on: a scalar
-- function of a vector w [P] with value, gradient, Hessian-vector products and
-- curvature matrices, counting its evaluations. Two routes (routes.lua) give
-- the derivatives:
--   structure  plain feed-forward networks: from per-layer products
--   graph      everything else: the transforms of a traced function, matrices
--              by blocks of Hessian-vector products
-- With data the objective is
--   mean over samples of loss(net(w, x_n), y_n)  +  (l2/2) |w|^2,
-- the second term over all parameters, biases too.  MIT licence.
local core = require "saddle.core"
local opt = require "saddle.opt"
local lossmod = require "saddle.nn.loss"
local point = require "saddle.point"
local routes = require "saddle.routes"
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

-- w as a vector of the objective's dtype.
local function vector(self, w, name, where)
  local dim = self.size
  if type(w) == "table" then w = tensor(w) end
  if not opt.is_tensor(w) then
    core.fail(("%s: %s: expected a tensor of %d numbers, got %s")
              :format(where, name, dim, opt.show(w)))
  end
  local s = w.shape
  if #s ~= 1 or s[1] ~= dim then
    core.fail(("%s: %s: expected [%d] %s, got %s")
              :format(where, name, dim, self.dtype, lossmod.shape_text(w)))
  end
  return w:to(self.dtype)
end

local function count(self, what, n)
  self.counts[what] = (self.counts[what] or 0) + (n or 1)
end

-- ---- methods ---------------------------------------------------------------

-- Number of parameters.
function Objective:dim() return self.size end

local QUANTITIES = {"block_diagonal", "gauss_newton", "gauss_newton_diagonal",
  "grad", "hessian", "hessian_block", "hessian_diagonal", "hvp", "hvps",
  "sample_grads", "second_moment", "value"}

-- How derivatives are taken: "structure", "graph", or "user" where the caller
-- gave the Hessian. Of one quantity, path("hessian"), the same; nil for what
-- the objective does not have. By "graph" matrices are had from blocks of
-- Hessian-vector products.
function Objective:path(quantity)
  if quantity == nil then return self.route end
  opt.choice(quantity, QUANTITIES, "path: quantity")
  local name = quantity == "block_diagonal" and "hessian_block" or quantity
  if not self.fn[name] then return nil end
  return self.fn.given and self.fn.given[name] and "user"
    or self.route == "user" and "graph" or self.route
end

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
  w = vector(self, w, "w", "value")
  self.counts.value = self.counts.value + 1
  return number(self.fn.value(w), "value")
end

function Objective:grad(w)
  if symbolic(w) then return transform().grad(self:traced())(w) end
  w = vector(self, w, "w", "grad")
  self.counts.grad = self.counts.grad + 1
  return self.fn.grad(w)
end

-- Value and gradient of one pass.
function Objective:value_grad(w)
  if symbolic(w) then return transform().value_and_grad(self:traced())(w) end
  w = vector(self, w, "w", "value_grad")
  self.counts.value = self.counts.value + 1
  self.counts.grad = self.counts.grad + 1
  local value, grad = self.fn.value_grad(w)
  return number(value, "value_grad"), grad
end

-- H v.
function Objective:hvp(w, v)
  if symbolic(w, v) then return transform().hvp(self:traced(), w, v) end
  w = vector(self, w, "w", "hvp")
  v = vector(self, v, "v", "hvp")
  self.counts.hvp = self.counts.hvp + 1
  return self.fn.hvp(w, v)
end

-- The rows of V [k x P] multiplied by H, in blocks that share their passes.
function Objective:hvps(w, V)
  w = vector(self, w, "w", "hvps")
  if type(V) == "table" then V = tensor(V) end
  local s = opt.is_tensor(V) and V.shape or {}
  if #s ~= 2 or s[2] ~= self.size then
    core.fail(("hvps: V: expected [k x %d] %s, got %s"):format(self.size,
      self.dtype, opt.show(V)))
  end
  count(self, "hvp", s[1])
  return self.fn.hvps(w, V:to(self.dtype))
end

-- The objective at w, kept for many products: p:value(), p:grad(), p:hvp(v),
-- p:hvps(V). On the route by structure the passes at w are kept, unless they
-- take more than `memory` bytes (1 GiB): p.cached and p.bytes tell.
function Objective:at(w, opts)
  local o = opt.check(opts, {memory = 2 ^ 30}, "at")
  if type(o.memory) ~= "number" or not (o.memory >= 0) then
    core.fail("at: memory: expected a number of bytes, got "
              .. opt.show(o.memory))
  end
  return point.make(self, vector(self, w, "w", "at"), o.memory)
end

-- ---- curvature -------------------------------------------------------------

-- H [P x P], symmetric to the last bit.
function Objective:hessian(w)
  if symbolic(w) then return transform().hessian(self:traced(), w) end
  w = vector(self, w, "w", "hessian")
  count(self, "hessian")
  return self.fn.hessian(w)
end

-- What the objective cannot have, and why.
local function needs(self, what, name)
  if not self.fn[what] then
    core.fail(name .. ": the objective was made from a function: it has no "
              .. (what == "hessian_block" and "layers" or "outputs"))
  end
end

-- J' C J + l2 I, mean over samples: J the derivatives of the network's
-- outputs, C the loss' second derivatives in them. Symmetric to the last bit.
function Objective:gauss_newton(w)
  needs(self, "gauss_newton", "gauss_newton")
  w = vector(self, w, "w", "gauss_newton")
  count(self, "gauss_newton")
  return self.fn.gauss_newton(w)
end

local function layer(self, l, name, where)
  local n = math.tointeger(l)
  if not n or n < 1 or n > self.layers then
    core.fail(("%s: %s: expected a layer, 1 to %d, got %s"):format(where, name,
      self.layers, opt.show(l)))
  end
  return n
end

-- The block of H of the rows of layer l, the columns of layer m (l).
function Objective:hessian_block(w, l, m)
  needs(self, "hessian_block", "hessian_block")
  w = vector(self, w, "w", "hessian_block")
  l = layer(self, l, "l", "hessian_block")
  m = m == nil and l or layer(self, m, "m", "hessian_block")
  count(self, "hessian_block")
  if l < m then return self.fn.hessian_block(w, m, l):t():contiguous() end
  return self.fn.hessian_block(w, l, m)
end

-- A list of the blocks of H of each layer with itself.
function Objective:block_diagonal(w)
  needs(self, "hessian_block", "block_diagonal")
  w = vector(self, w, "w", "block_diagonal")
  local blocks = {}
  for l = 1, self.layers do blocks[l] = self:hessian_block(w, l) end
  return blocks
end

-- The diagonal of H [P].
function Objective:hessian_diagonal(w)
  w = vector(self, w, "w", "hessian_diagonal")
  count(self, "hessian_diagonal")
  return self.fn.hessian_diagonal(w)
end

-- The diagonal of the Gauss-Newton matrix [P].
function Objective:gauss_newton_diagonal(w)
  needs(self, "gauss_newton_diagonal", "gauss_newton_diagonal")
  w = vector(self, w, "w", "gauss_newton_diagonal")
  count(self, "gauss_newton_diagonal")
  return self.fn.gauss_newton_diagonal(w)
end

-- Numbers of negative, zero and positive eigenvalues of H - shift I, by LDL';
-- options as of linalg.inertia: shift = 0, tol.
function Objective:inertia(w, opts)
  return core.linalg.inertia(self:hessian(w), opts)
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
  w = vector(self, w, "w", "sample_grads")
  self.counts.sample_grads = self.counts.sample_grads + 1
  return self.fn.sample_grads(w)
end

-- The mean over samples of g_n g_n' [P x P], g_n the rows of sample_grads;
-- centered: of (g_n - g)(g_n - g)', g their mean.
function Objective:second_moment(w, opts)
  needs_data(self, "second_moment")
  local o = opt.check(opts, {centered = false}, "second_moment")
  w = vector(self, w, "w", "second_moment")
  count(self, "second_moment")
  return self.fn.second_moment(w, o.centered and true or false)
end

-- Samples whose numbers are only known when a traced step runs (noise of a
-- march): value, grad and the call are those of the objective, traced.
local Traced = {__name = "traced minibatch"}
Traced.__index = Traced

function Traced:__call(w) return self.f(w) end
function Traced:value(w) return self.f(w) end
function Traced:grad(w) return transform().grad(self.f)(w) end

local function traced_minibatch(self, idx)
  self.dense = self.dense or (self.labels and self.loss.targets(self.labels,
    self.samples, self.outputs_n, "objective"):to(self.dtype) or self.targets)
  return setmetatable({f = routes.network_function(self.net, self.loss,
    self.l2, self.x[{idx}], self.dense[{idx}])}, Traced)
end

-- The same objective on some of the samples: idx is a table or tensor of
-- integers 1..N. It shares the counters. In a traced step idx may be a noise of
-- sample numbers.
function Objective:minibatch(idx)
  needs_data(self, "minibatch")
  if core.graph.issymbolic(idx) then return traced_minibatch(self, idx) end
  if type(idx) == "table" and #idx > 0 then
    idx = tensor(idx, {dtype = "i64"})
  end
  if not opt.is_tensor(idx) or #idx.shape ~= 1 or #idx == 0 then
    core.fail(("minibatch: idx: expected a list of integers 1 to %d, got %s")
              :format(self.samples, opt.show(idx)))
  end
  local x, y = self.x[{idx}], self.labels or self.targets
  if x.shape[1] == 0 then
    core.fail("minibatch: idx: the mask selects no sample")
  end
  local part = M.build(self, x, y[{idx}])
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
  return self.net:apply(vector(self, w, "w", "outputs"), self.x)
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
  w = vector(self, w, "w", "symmetries")
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

-- ---- making ----------------------------------------------------------------

local function new(fields)
  fields.counts = {value = 0, grad = 0, hvp = 0, hessian = 0, sample_grads = 0}
  return setmetatable(fields, Objective)
end

-- An objective with proto's net, loss, l2 and dtype on checked data x and y
-- (labels i64 [N], or targets).
function M.build(proto, x, y)
  local net, loss, n = proto.net, proto.loss, x.shape[1]
  local labels = loss.name == "cross_entropy" and #y.shape == 1 and y or nil
  local plan = not proto.force_graph and routes.plan_of(net, loss, labels)
    or nil
  local function targets()
    return labels and loss.targets(y, n, proto.outputs_n, "objective")
      :to(proto.dtype) or y
  end
  local fn = plan and routes.by_structure(plan, loss, proto.l2, x, y)
    or routes.network_by_graph(net, loss, proto.l2, x, targets())
  local self = new{
    net = net, loss = loss, l2 = proto.l2, x = x, labels = labels,
    targets = not labels and y or nil, samples = n, fn = fn,
    size = net:dim(), route = plan and "structure" or "graph",
    outputs_n = proto.outputs_n, force_graph = proto.force_graph,
    dtype = proto.dtype, layers = plan and #plan.activations
      or routes.layer_count(net),
  }
  fn.plain = plan and function()
    return routes.network_function(net, loss, proto.l2, x, targets())
  end
  fn.symmetries = function(w) return symmetry.of_network(self, w) end
  return self
end

-- Inputs as [N x features] of that dtype, contiguous and finite.
local function check_inputs(x, nin, dtype)
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
  x = x:to(dtype):contiguous()
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
  local o = opt.check(opts, {l2 = 0, path = none, dtype = "f64"},
                      "objective")
  if type(o.l2) ~= "number" or not (o.l2 >= 0 and o.l2 < math.huge) then
    core.fail("objective: l2: expected a finite number >= 0, got "
              .. opt.show(o.l2))
  end
  if o.path then
    opt.choice(o.path, {"graph", "structure"}, "objective: path")
  end
  opt.choice(o.dtype, {"f64", "f32"}, "objective: dtype")
  loss = lossmod.get(loss or "cross_entropy", "objective")
  local nin, nout = net:ends()
  local x = check_inputs(field(data, "x"), nin, o.dtype)
  local n = x.shape[1]
  nout = nout or net:apply(tensor.zeros{net:dim(), dtype = o.dtype},
                           x[{"1:1"}]).shape[2]
  local y, labels = field(data, "y"), nil
  if type(y) == "table" then y = tensor(y) end
  if loss.name == "cross_entropy" and type(y) == "userdata"
      and #y.shape == 1 then
    labels = lossmod.labels(y, n, nout, "objective")
  end
  y = labels or loss.targets(y, n, nout, "objective"):to(o.dtype)
    :contiguous()
  local self = M.build({net = net, loss = loss, l2 = o.l2, outputs_n = nout,
                        force_graph = o.path == "graph", dtype = o.dtype},
                       x, y)
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
  local fn = routes.by_graph(f)
  fn.given = {}
  if o.grad then
    fn.grad = o.grad
    fn.value_grad = function(w) return f(w), o.grad(w) end
    fn.given.grad = true
  end
  if o.hvp or o.hessian then
    fn.hvp = o.hvp or function(w, v) return o.hessian(w):mv(v) end
    fn.hvps = routes.one_by_one(fn.hvp)
    fn.given.hvp, fn.given.hvps = true, true
  end
  if o.hessian then
    fn.hessian = o.hessian
    fn.hessian_diagonal = function(w) return o.hessian(w):diag() end
    fn.given.hessian, fn.given.hessian_diagonal = true, true
  end
  local s = o.symmetries
  fn.symmetries = type(s) == "userdata" and function() return s end or s
  return new{fn = fn, size = dim, l2 = 0, dtype = "f64",
             route = o.hessian and "user" or "graph"}
end

function M.is(obj) return getmetatable(obj) == Objective end

-- make(net, data, loss, {l2 = 0, dtype = "f64", path = "graph"}) or
-- make(f, {dim = n, ...}). dtype = "f32": data, w and all results are f32.
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
