-- n08_rates.lua: minibatch size, learning rate (fixed and annealed).
-- Usage: saddle n08_rates.lua [--quick] [--out DIR].  MIT licence.
local saddle = require "saddle"
local T, plot, report = saddle.tensor, saddle.plot, saddle.report

local r = report.start{
  source = "Noise at saddle points, 'How should we escape saddle points': minibatch size and "
    .. "learning rate",
  question = "How large a minibatch, how small a learning rate, lets descent leave an "
    .. "attractive saddle?",
  expected = "On the equation dx = a x dt + s x dW: minibatch factor > s^2/2a, learning rate < "
    .. "2a/s^2. Discrete descent: E ln|1 + lr (a + s xi)| = 0, for coin flips lr = 2a/(s^2 - "
    .. "a^2); normal noise turns earlier, and never for a > 0.328 s",
  time = "3 s; --quick 1 s",
}
local A, S = 0.2, 1 -- s^2/2a = 2.5
local rng = saddle.random.new(8)
local PATHS = r.quick and 20000 or 200000

-- ---- growth a step ----------------------------------------------------------------

local function gaussian(lr, s)
  s = s or S
  return report.expect(function(z) return math.log(math.abs(1 + lr * (A + s * z))) end,
                       {-(1 / lr + A) / s})
end
local function coins(lr, s)
  s = s or S
  return 0.5 * math.log(math.abs((1 + lr * (A + s)) * (1 + lr * (A - s))))
end
local function sde(lr, s) return lr * A - 0.5 * (lr * (s or S))^2 end

-- ---- the text's thresholds, on the equation ----------------------------------------

-- The exact solution's ln|x_t| / t at t = 20, minibatches larger by a factor.
local function equation(a, s) -- mean and bar of its growth rate
  local t = 20
  return report.mean(a - 0.5 * s^2 + s * rng:normal{PATHS} / t^0.5)
end
local edge = S^2 / (2 * A)
local below, below_se = equation(A, S / (0.8 * edge)^0.5)
local above, above_se = equation(A, S / (1.25 * edge)^0.5)
r:within("growth with minibatch factor 0.8 s^2/2a", below, A - A / 0.8, below_se)
r:within("growth with minibatch factor 1.25 s^2/2a", above, A - A / 1.25, above_se)
r:claim("for minibatches larger by more than s^2/2a we expect to escape",
  ("on the equation ln|x| grows by %s at 0.8 of that factor, by %s at 1.25 of it"):format(
  report.pm(below, below_se), report.pm(above, above_se)), below < 0 and above > 0)

-- ---- learning rate --------------------------------------------------------------------

local root_gauss, root_over = report.root(gaussian, 0.2, 0.6), report.root(gaussian, 0.9, 1.5)
local root_coins = report.root(coins, 0.2, 0.6)
r:check("learning rate where coin flips turn, 2a/(s^2 - a^2)", root_coins, 2 * A / (S^2 - A^2),
        1e-12)
r:check("  at a = 1, s = 2", report.root(function(lr)
  return math.log(math.abs((1 + 3 * lr) * (1 - lr)))
end, 0.5, 0.9), 2 / 3, 1e-12)
r:check("the equation's 2a/s^2", report.root(sde, 0.1, 0.9), 2 * A / S^2, 1e-12)
local function sampled(lr, draw)
  return report.mean((1 + lr * (A + S * draw)):abs():log())
end
for _, lr in ipairs{root_gauss, 0.4, 0.8} do
  local m, se = sampled(lr, rng:normal{PATHS})
  r:within(("growth a step at lr = %.4f, normal noise"):format(lr), m, gaussian(lr), se)
  m, se = sampled(lr, rng:sign{PATHS})
  r:within(("growth a step at lr = %.4f, coin flips"):format(lr), m, coins(lr), se)
end
-- The least growth over all learning rates, normal noise of sd 1.
local function least(a)
  local low = math.huge
  for k = 50, 100 do
    local lr = 0.01 * k
    low = math.min(low, report.expect(function(z)
      return math.log(math.abs(1 + lr * (a + z)))
    end, {-1 / lr - a}))
  end
  return low
end
local never = r.quick and 0.3282 or report.root(least, 0.3, 0.35)
r:ok("normal noise attracts at no learning rate once a > 0.3283 s", least(0.3283) > 0 and
     least(0.3281) < 0, ("the border is a = %.4f s"):format(never))
r:claim("for learning rates below 2a/s^2 stochastic gradient descent should escape",
  ("at a = 0.2, s = 1: coin flips escape below %.4f, normal noise below %.4f and above %.3f; "
    .. "2a/s^2 = %.4f"):format(root_coins, root_gauss, root_over, 2 * A / S^2),
  root_gauss >= 2 * A / S^2 and root_coins >= 2 * A / S^2)
r:erratum("2a/s^2 is the equation's; a discrete step has E ln|1 + lr (a + s xi)| = 0: coin "
  .. "flips allow more, 2a/(s^2 - a^2), normal noise less; large steps overshoot and escape, "
  .. "and with normal noise and a > 0.328 s (the text's a = 1, s = 2, say) no learning rate is "
  .. "attracted at all")

-- Per-sample quadratics h_i x^2/2 of a data set, minibatches drawn from it.
local SAMPLES = 2000
local h = rng:normal{SAMPLES}
h = (h - h:mean()) / h:std() * S - A -- mean -a, sd s
local sd = ((h + A)^2):mean()^0.5
local batches, measured, bars, law = {1, 2, 3, 4, 6, 8, 12, 16}, {}, {}, {}
local LR = 0.8
for i, b in ipairs(batches) do
  local mean = T.zeros{PATHS}
  for _ = 1, b do mean:add_(h:gather(rng:integer({PATHS}, 1, SAMPLES))) end
  local growth = (1 - LR * mean / b):abs():log()
  measured[i], bars[i] = report.mean(growth)
  law[i] = gaussian(LR, sd / b^0.5)
end
-- For minibatches of one the data set itself is the law.
r:within("minibatch 1: the sum over the samples", measured[1], (1 - LR * h):abs():log():mean(),
         bars[1])
local turn = report.root(function(b) return gaussian(LR, S / b^0.5) end, 1, 8)
r:check("minibatch 16 against normal noise (its mean is nearly normal)", measured[8], law[8],
        4 * bars[8] + 2e-3)

-- Annealed: lr_k = lr_0 / (1 + k / K).
local STEPS, K = 1000, 40
local x, sum, mean_ln, sums = T.zeros{PATHS // 10}, 0, {0}, {0}
for k = 1, STEPS do
  local lr = LR / (1 + (k - 1) / K)
  x:add_((1 + lr * (A + S * rng:normal{PATHS // 10})):abs():log())
  sum = sum + gaussian(lr)
  if k % 10 == 0 then mean_ln[#mean_ln + 1], sums[#sums + 1] = x:mean(), sum end
end
local annealed, annealed_se = report.mean(x)
r:within("ln|x_1000| of annealed descent against the sum of its rates", annealed, sum,
         annealed_se)
local out = report.share(x:gt(0))
local lowest = math.min(table.unpack(sums))
r:claim("annealing the learning rate we almost surely escape",
  ("lr = 0.8 / (1 + k/40): the mean of ln|x| sinks to %.2f and is at %s after 1000 steps, where "
    .. "%.1f %% are beyond |x_0|")
  :format(lowest, report.pm(annealed, annealed_se), 100 * out), sum > 0)

-- ---- figures ------------------------------------------------------------------------------

local lrs, g, c, e = {}, {}, {}, {}
for k = 1, 70 do
  lrs[k] = 0.02 * k
  g[k], c[k], e[k] = gaussian(lrs[k]), coins(lrs[k]), sde(lrs[k])
end

local fig = plot.figure{panels = {1, 3}, size = {7, 2.8}}
local left, middle, right = fig:panel(1), fig:panel(2), fig:panel(3)
left:set{xlabel = "learning rate", ylabel = "growth of ln|x| per step", yrange = {-0.35, 0.15},
         legend = "bottom left", title = "a = 0.2, σ = 1"}
left:line(lrs, e, {label = "equation"}):line(lrs, g, {label = "normal noise"})
left:line(lrs, c, {label = "coin flips"}):hline(0)
left:scatter({2 * A / S^2}, {0}, {color = 1, marker = "square", size = 1.3})
left:scatter({root_gauss}, {0}, {color = 2, marker = "square", size = 1.3})
left:scatter({root_coins}, {0}, {color = 3, marker = "square", size = 1.3})
middle:set{xlabel = "minibatch size", ylabel = "growth of ln|x| per step", legend = "bottom right",
           title = "learning rate 0.8"}
middle:errorbar(batches, measured, bars, {label = "data set", color = "black"})
local bs, bl, be = {}, {}, {}
for k = 1, 61 do
  bs[k] = 1 + (k - 1) / 4
  bl[k], be[k] = gaussian(LR, S / bs[k]^0.5), sde(LR, S / bs[k]^0.5)
end
middle:line(bs, bl, {label = "normal noise", color = 2}):line(bs, be, {label = "equation",
  color = 1})
middle:hline(0)
right:set{xlabel = "step", ylabel = "mean of ln|x|", legend = "top left", title = "annealed"}
right:line(T.arange(0, STEPS, 10), mean_ln, {label = "0.8 / (1 + k/40)"})
local fixed = {}
for k = 0, STEPS, 10 do fixed[#fixed + 1] = k * gaussian(LR) end
right:line(T.arange(0, STEPS, 10), fixed, {label = "0.8", style = "dash", color = 2}):hline(0)
right:set{yrange = {-20, 20}}
r:figure(fig, "n08_rates")
r:note("minibatch where normal noise turns at lr = 0.8: %.3f; the equation says %.3f", turn,
       LR * S^2 / (2 * A))
r:finish()
