-- nn/initial.lua: initialisers of weight matrices [out x in]. An initialiser
-- is a function (rng, nout, nin) -> Tensor; the functions below make one, and
-- a name ("glorot_uniform") stands for the one with default arguments.
-- Variances: glorot 2/(in + out), he 2/in, lecun 1/in, times gain^2; Glorot &
-- Bengio 2010, He et al. 2015, LeCun et al. 1998; orthogonal: Saxe et al.
-- 2014. MIT licence.
local core = require "saddle.core"
local opt = require "saddle.opt"

local M = {}

local function positive(x, name, where)
  if type(x) ~= "number" or x ~= x or x < 0 or x == math.huge then
    core.fail(("%s: %s: expected a finite number >= 0, got %s")
              :format(where, name, opt.show(x)))
  end
  return x
end

-- An initialiser: its arguments are checked before fn is called.
local function make(where, fn)
  return function(rng, nout, nin)
    for name, size in pairs{nout = nout or false, nin = nin or false} do
      if not math.type(size) or not math.tointeger(size) or size < 0 then
        core.fail(("%s: %s: expected an integer >= 0, got %s"):format(where,
          name, opt.show(size)))
      end
    end
    if type(rng) ~= "userdata" or opt.is_tensor(rng) then
      core.fail(("%s: rng: expected saddle.random.new(seed), got %s"):format(
        where, opt.show(rng)))
    end
    return fn(rng, nout, nin)
  end
end

function M.zeros()
  return function(_, nout, nin) return core.tensor.zeros{nout, nin} end
end

function M.constant(c)
  if type(c) ~= "number" then
    core.fail("constant: expected a number, got a " .. type(c))
  end
  return function(_, nout, nin)
    return core.tensor.zeros{nout, nin}:add_(c)
  end
end

-- Mean 0, standard deviation sd (0.01).
function M.normal(sd)
  sd = positive(sd or 0.01, "sd", "normal")
  return make("normal", function(rng, nout, nin)
    return rng:normal{nout, nin}:mul_(sd)
  end)
end

-- Uniform in (-range, range) (0.05).
function M.uniform(range)
  range = positive(range or 0.05, "range", "uniform")
  return make("uniform", function(rng, nout, nin)
    return rng:uniform{nout, nin}:mul_(2 * range):sub_(range)
  end)
end

-- The two distributions of variance v(nin, nout) gain^2.
local function scaled(name, v)
  M[name .. "_normal"] = function(gain)
    gain = positive(gain or 1, "gain", name .. "_normal")
    return make(name .. "_normal", function(rng, nout, nin)
      return M.normal(gain * math.sqrt(v(nin, nout)))(rng, nout, nin)
    end)
  end
  M[name .. "_uniform"] = function(gain)
    gain = positive(gain or 1, "gain", name .. "_uniform")
    return make(name .. "_uniform", function(rng, nout, nin)
      return M.uniform(gain * math.sqrt(3 * v(nin, nout)))(rng, nout, nin)
    end)
  end
end

local function glorot(nin, nout) return 2 / math.max(nin + nout, 1) end
local function he(nin) return 2 / math.max(nin, 1) end
scaled("glorot", glorot)
scaled("xavier", glorot)
scaled("he", he)
scaled("kaiming", he)
scaled("lecun", function(nin) return 1 / math.max(nin, 1) end)

-- Rows or columns orthonormal (whichever are fewer), uniform over such
-- matrices: Q of a normal matrix with the signs of R's diagonal.
function M.orthogonal(gain)
  gain = positive(gain or 1, "gain", "orthogonal")
  return make("orthogonal", function(rng, nout, nin)
    local tall = nout >= nin
    local a = rng:normal{math.max(nout, nin), math.min(nout, nin)}
    local q, r = core.linalg.qr(a)
    local sign = {}
    for i = 1, math.min(nout, nin) do
      sign[i] = r[{i, i}] < 0 and -gain or gain
    end
    q = q * core.tensor(sign)
    return tall and q or q:t()
  end)
end

local names = {}
for name in pairs(M) do names[#names + 1] = name end
table.sort(names)

-- The initialiser that `init` is or names (not part of the user's surface).
local function get(init, where)
  if type(init) == "function" then return init end
  if type(init) ~= "string" then
    core.fail(("%s: init: expected a name or a function, got a %s")
              :format(where, type(init)))
  end
  return M[opt.choice(init, names, where .. ": init")]()
end

return setmetatable(M, {__index = {get = get, names = names}})
