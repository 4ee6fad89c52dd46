-- nn/loss.lua: losses of outputs [N x C] against targets, each a mean:
--   cross_entropy  mean over samples of  logsumexp(z_n) - z_n[y_n]; y class
--                  labels 1..C [N], or probabilities [N x C]
--   mse            mean over all N C elements of (z - y)^2
--   bce            mean over all elements of softplus(z) - y z: the logistic
--                  loss of logits z for y in [0, 1]
-- `targets` checks y once and brings it into the form `mean` works on: a
-- float tensor [N x C].  MIT licence.
local core = require "saddle.core"
local opt = require "saddle.opt"

local M = {named = {}}

local Loss = {}
Loss.__index = Loss
Loss.__tostring = function(l) return l.name end
Loss.__call = function(l, z, y)
  if type(z) == "table" then z = core.tensor(z) end
  if not opt.is_tensor(z) then
    core.fail(("%s: outputs: expected a tensor [samples x outputs], got %s")
              :format(l.name, opt.show(z)))
  end
  local shape = z.shape
  if #shape ~= 2 then
    core.fail(("%s: outputs: expected [samples x outputs], got %d axes")
              :format(l.name, #shape))
  end
  return l.mean(z, l.targets(y, shape[1], shape[2], l.name))
end

local function shape_text(y)
  local s = y.shape
  return "[" .. table.concat(s, " x ") .. "] " .. y.dtype
end
M.shape_text = shape_text

local function as_tensor(y, where)
  if type(y) == "table" then y = core.tensor(y) end
  if not opt.is_tensor(y) then
    core.fail(("%s: y: expected a tensor, got %s"):format(where, opt.show(y)))
  end
  return y
end

-- y as f64 [N x C], finite.
local function real_targets(y, n, c, where)
  local s = y.shape
  if #s == 1 and c == 1 and s[1] == n then
    y, s = y:reshape(n, 1), {n, 1}
  end
  if #s ~= 2 or s[1] ~= n or s[2] ~= c then
    core.fail(("%s: y: expected [%d x %d] targets, got %s")
              :format(where, n, c, shape_text(y)))
  end
  y = y:to("f64")
  if n * c > 0 and not y:isfinite():all() then
    core.fail(where .. ": y: there is a NaN or an infinity among the targets")
  end
  return y
end

-- Class labels as an i64 vector, each checked to be an integer in 1..C.
function M.labels(y, n, c, where)
  y = as_tensor(y, where)
  if #y.shape ~= 1 or y.shape[1] ~= n then
    core.fail(("%s: y: expected %d class labels, got %s")
              :format(where, n, shape_text(y)))
  end
  local list = y:totable()
  for i = 1, n do
    local k = math.tointeger(list[i])
    if not k or k < 1 or k > c then
      core.fail(("%s: y[%d]: expected a class label in 1..%d, got %s")
                :format(where, i, c, tostring(list[i])))
    end
    list[i] = k
  end
  return core.tensor(list, {dtype = "i64"}), list
end

local function one_hot(labels, n, c)
  local rows = {}
  for i = 1, n do
    local row = {}
    for j = 1, c do row[j] = 0.0 end
    row[labels[i]] = 1.0
    rows[i] = row
  end
  return n > 0 and core.tensor(rows) or core.tensor.zeros{0, c}
end

local function between(y, lo, hi, where, what)
  if y:numel() > 0 and (y:min() < lo or y:max() > hi) then
    core.fail(("%s: y: expected %s in [%g, %g], got values in [%g, %g]")
              :format(where, what, lo, hi, y:min(), y:max()))
  end
  return y
end

local function define(name, targets, mean)
  M.named[name] = setmetatable({name = name, targets = targets, mean = mean},
                               Loss)
end

define("cross_entropy", function(y, n, c, where)
  y = as_tensor(y, where)
  if #y.shape == 1 then
    local _, list = M.labels(y, n, c, where)
    return one_hot(list, n, c)
  end
  return between(real_targets(y, n, c, where), 0, 1, where, "probabilities")
end, function(z, y)
  -- For probabilities that sum to s_n the first term is weighted by s_n.
  return ((z:logsumexp(2) * y:sum(2)) - (z * y):sum(2)):mean()
end)

define("mse", function(y, n, c, where)
  return real_targets(as_tensor(y, where), n, c, where)
end, function(z, y)
  local d = z - y
  return (d * d):mean()
end)

define("bce", function(y, n, c, where)
  y = real_targets(as_tensor(y, where), n, c, where)
  return between(y, 0, 1, where, "targets")
end, function(z, y)
  return (z:softplus() - y * z):mean()
end)

local names = {"bce", "cross_entropy", "mse"}

function M.get(l, where)
  if getmetatable(l) == Loss then return l end
  if type(l) ~= "string" then
    core.fail(("%s: loss: expected a name or a loss, got a %s")
              :format(where, type(l)))
  end
  return M.named[opt.choice(l, names, where .. ": loss")]
end

return M
