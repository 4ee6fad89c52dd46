-- escape.lua: which of gradient descent, Newton and saddle-free Newton leaves
-- a saddle?  (Figure 2 of Dauphin et al. 2014.)
-- Expected answer: at 5x^2 - y^2 (a saddle of index 1) and x^3 - 3xy^2 (the
-- monkey saddle, Hessian zero) Newton converges to the saddle; the other two
-- leave it, saddle-free Newton first. Without damping its step lands on
-- (0, 2y), Newton's on (0, 0); at the monkey saddle its step has length r/2.
-- From y = 0, x > 0 all three converge to the monkey saddle: there the force
-- points at it and no method knows better.
-- Run time: under 2 s.  Usage: saddle escape.lua [--out DIR]
-- MIT licence.
local saddle = require "saddle"
local T, optim, plot = saddle.tensor, saddle.optim, saddle.plot

local out = "figures"
for i = 1, #arg do
  if arg[i] == "--out" then out = arg[i + 1] end
end

local problems = {
  {
    name = "5x^2 - y^2", title = "5x² − y²", levels = 16,
    start = {1, 0.1}, lr = 0.02, level = -1,
    f = function(w) return 5 * w[1]^2 - w[2]^2 end,
    plain = function(x, y) return 5 * x^2 - y^2 end,
  },
  {
    name = "x^3 - 3xy^2", title = "x³ − 3xy²", levels = 16,
    start = {0.8, 0.12}, lr = 0.03, level = -1,
    f = function(w) return w[1]^3 - 3 * w[1] * w[2]^2 end,
    plain = function(x, y) return x^3 - 3 * x * y^2 end,
  },
}

local methods = {
  {name = "gradient descent", method = "gd"},
  {name = "Newton", method = "newton"},
  {name = "saddle-free Newton", method = "sfn"},
}

-- Undamped, until f <= -1 (it left), |g| <= 1e-6 (it arrived) or 3000 steps.
local function run(p, m, start, steps)
  local opts = {method = m.method, steps = steps or 3000, tol = 1e-6,
                lower = p.level, record = 1}
  if m.method == "gd" then opts.lr = p.lr else opts.damping = 0 end
  return optim.minimize(p.f, T(start), opts)
end

-- Fixed decimals without a negative zero.
local function fixed(x, digits)
  return (("%." .. digits .. "f"):format(x):gsub("^%-(0%.?0*)$", "%1"))
end

local verdict = {below = "left", converged = "arrived at the saddle",
                 max_steps = "still on its way"}

local function report(p, m, start, steps)
  local r = run(p, m, start, steps)
  local x, y = r.w[1], r.w[2]
  print(("  %-19s %-21s after %4d steps  |w| = %s"):format(m.name,
    verdict[r.status] or r.status, r.steps, fixed((x * x + y * y)^0.5, 4)))
  return r
end

local paths = {}
for k, p in ipairs(problems) do
  print(("%s from (%s, %s):"):format(p.name, p.start[1], p.start[2]))
  paths[k] = {}
  for i, m in ipairs(methods) do
    paths[k][i] = report(p, m, p.start).path
  end
end

print("One undamped step from the start:")
for _, p in ipairs(problems) do
  for i = 2, 3 do
    local m = methods[i]
    local w = optim.minimize(p.f, T(p.start),
      {method = m.method, steps = 1, damping = 0}).w
    print(("  %-12s %-19s (%s, %s)"):format(p.name, m.name, fixed(w[1], 6),
                                            fixed(w[2], 6)))
  end
end

print("The monkey saddle from (0.8, 0), where the force points at it:")
for _, m in ipairs(methods) do report(problems[2], m, {0.8, 0}, 200) end

print("What the verification says of (0, 0):")
for _, p in ipairs(problems) do
  local cp = saddle.critical.verify(p.f, T{0, 0})
  print(("  %-12s %s, n- = %d, n0 = %d, n+ = %d"):format(p.name, cp.class,
    cp.n_neg, cp.n_zero, cp.n_pos))
end

-- The part of a path inside the window, and one point beyond.
local function visible(path, half)
  local xs, ys = {}, {}
  for i = 1, path.shape[1] do
    xs[i], ys[i] = path[{i, 1}], path[{i, 2}]
    if math.abs(xs[i]) > half or math.abs(ys[i]) > half then break end
  end
  return xs, ys
end

local HALF = 1.2
local colors, markers = {1, 2, 3}, {"circle", "square", "triangle"}
local fig = plot.figure{panels = {1, 2}, size = {7, 4.3}}
for k, p in ipairs(problems) do
  local panel = fig:panel(k)
  panel:set{title = p.title, xlabel = "x", ylabel = "y",
            xrange = {-HALF, HALF}, yrange = {-HALF, HALF},
            legend = k == 2 and "below" or false}
  panel:contour({-HALF, HALF}, {-HALF, HALF}, p.plain,
                {levels = p.levels, color = "#b0b0b0", width = 0.5})
  for i, m in ipairs(methods) do
    local xs, ys = visible(paths[k][i], HALF)
    panel:line(xs, ys, {label = m.name, color = colors[i],
                        marker = markers[i], size = 0.8})
  end
  if k == 2 then
    panel:line({0.8, 0}, {0, 0}, {label = "from y = 0, all three",
                                  color = "black", style = "dash"})
  end
  panel:scatter({p.start[1]}, {p.start[2]},
                {label = "start", color = "orange", size = 2})
end
os.execute('mkdir -p "' .. out .. '"')
fig:save(out .. "/escape.svg")
print("figure: escape.svg")
