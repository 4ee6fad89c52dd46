-- facts_spec.lua: critical points whose place, value, index and whole spectrum
-- are known in closed form. Sources: Baldi & Hornik 1989 (linear autoencoder),
-- Ge et al. 2015 (orthogonal tensor), Frye et al. 2020 (gradient-flat
-- quartic), Dauphin et al. 2014 (saddle-free steps).  MIT licence.
local t = require "runner"
local saddle = require "saddle"
local T, nn, optim, critical = saddle.tensor, saddle.nn, saddle.optim,
                               saddle.critical
local linalg = saddle.linalg

local function sorted(list)
  table.sort(list)
  return list
end

local function spectrum(h)
  return (linalg.eigh((h + h:t()) * 0.5)):totable()
end

-- An orthogonal matrix with no zero entries.
local function rotation(n, seed)
  return (linalg.qr(saddle.random.new(seed):normal{n, n}))
end

-- ---- 1. linear autoencoder ------------------------------------------------

local function subsets(n, most)
  local list = {{}}
  for i = 1, n do list[#list + 1] = {i} end
  if most >= 2 then
    for i = 1, n do
      for j = i + 1, n do list[#list + 1] = {i, j} end
    end
  end
  return list
end

local function autoencoder(S, n, p)
  local eye = T.eye(n)
  return function(w)
    local A = w[{"1:" .. n * p}]:reshape(p, n)
    local B = w[{(n * p + 1) .. ":" .. 2 * n * p}]:reshape(n, p)
    local D = eye - B:mm(A)
    return (D:mm(S) * D):sum()
  end
end

-- w of B = [U_I, 0], A = B'.
local function autoencoder_point(U, I, n, p)
  local w = T.zeros{2 * n * p}
  for c, i in ipairs(I) do
    for row = 1, n do
      w[(c - 1) * n + row] = U[{row, i}]
      w[n * p + (row - 1) * p + c] = U[{row, i}]
    end
  end
  return w
end

local function autoencoder_spectrum(l, I, n, p)
  local used, list = {}, {}
  for _, i in ipairs(I) do used[i] = true end
  local index = (p - #I) * (n - #I)
  for _, i in ipairs(I) do
    for _ = 1, #I do
      list[#list + 1], list[#list + 2] = 4 * l[i], 0
    end
    for j = 1, n do
      if not used[j] then
        local d = math.sqrt((l[i] - l[j])^2 + 4 * l[j]^2)
        list[#list + 1], list[#list + 2] = l[i] + l[j] - d, l[i] + l[j] + d
        if l[j] > l[i] then index = index + 1 end
      end
    end
  end
  for _ = #I + 1, p do
    for j = 1, n do
      list[#list + 1] = used[j] and 0 or 2 * l[j]
      list[#list + 1] = used[j] and 0 or -2 * l[j]
    end
  end
  return sorted(list), index
end

t.test("linear autoencoder: value, gradient, index and spectrum at all 22 "
       .. "classes", function()
  local n, p = 6, 2
  local l = {5.5, 4.25, 3.1, 2.2, 1.3, 0.6}
  local U = rotation(n, 3)
  local S = (U * T(l)):mm(U:t())
  local f = autoencoder(S, n, p)
  local all = subsets(n, p)
  t.eq(#all, 22)
  for _, I in ipairs(all) do
    local w = autoencoder_point(U, I, n, p)
    local loss = 0
    for i = 1, n do loss = loss + l[i] end
    for _, i in ipairs(I) do loss = loss - l[i] end
    t.near(f(w), loss, 1e-13)
    t.near(saddle.grad(f)(w):norm(), 0, 1e-12)
    local want, index = autoencoder_spectrum(l, I, n, p)
    t.eq(#want, 2 * n * p)
    local got = spectrum(saddle.hessian(f, w))
    t.near(got, want, 1e-12)
    local negative = 0
    for _, x in ipairs(got) do
      if x < -1e-9 then negative = negative + 1 end
    end
    t.eq(negative, index)
  end
end)

-- ---- 2. rank-1 factorisation ------------------------------------------------

local function rank_one(M)
  return function(x)
    local d = x:reshape(3, 1):mm(x:reshape(1, 3)) - M
    return (d * d):sum() / 4
  end
end

t.test("rank-1 factorisation: spectra, index and class", function()
  local f = rank_one(T{{3, 0, 0}, {0, 2, 0}, {0, 0, 1}})
  local cases = {
    {{math.sqrt(3), 0, 0}, {1, 2, 6}, 0, "minimum"},
    {{0, -math.sqrt(2), 0}, {-1, 1, 4}, 1, "saddle"},
    {{0, 0, 1}, {-2, -1, 2}, 2, "saddle"},
    {{0, 0, 0}, {-3, -2, -1}, 3, "maximum"},
  }
  for _, c in ipairs(cases) do
    local w = T(c[1])
    t.near(saddle.grad(f)(w):norm(), 0, 1e-14)
    t.near(spectrum(saddle.hessian(f, w)), c[2], 1e-13)
    local cp = critical.verify(f, w)
    t.eq(cp.index, c[3])
    t.eq(cp.class, c[4])
    local found = critical.find(f, w + T{0.03, -0.02, 0.04})
    t.near(found.w, w, 1e-9)
    t.eq(found.class, c[4])
  end
end)

-- ---- 3. orthogonal tensor on the sphere -------------------------------------

t.test("Ge tensor in plain coordinates: all 26 critical points", function()
  local d = 3
  local A = rotation(d, 8)
  local function f(u)
    local c = u:reshape(1, d):mm(A)
    return -(c * c * c * c):sum()
  end
  local points = 0
  for code = 1, 3^d - 1 do
    local signs, k, rest = {}, 0, code
    for i = 1, d do
      signs[i] = rest % 3 == 2 and -1.0 or rest % 3 * 1.0
      if signs[i] ~= 0 then k = k + 1 end
      rest = rest // 3
    end
    local u = A:mv(T(signs)) / math.sqrt(k)
    t.near(f(u), -1 / k, 1e-14)
    local g = saddle.grad(f)(u)
    local radial = u:dot(g)
    t.near((g - radial * u):norm(), 0, 1e-13)
    -- On the tangent space the Riemannian Hessian is H - (u'g) I; the normal
    -- direction is moved to 100.
    local P = T.eye(d) - u:reshape(d, 1):mm(u:reshape(1, d))
    local H = saddle.hessian(f, u) - radial * T.eye(d)
    local got = spectrum(P:mm(H):mm(P) + 100 * (T.eye(d) - P))
    local want = {100}
    for _ = 1, k - 1 do want[#want + 1] = -8 / k end
    for _ = 1, d - k do want[#want + 1] = 4 / k end
    t.near(got, sorted(want), 1e-12)
    points = points + 1
  end
  t.eq(points, 26)
end)

-- ---- 7. softmax regression ------------------------------------------------

t.test("softmax regression at zero: spectrum by both routes", function()
  local N, D, C = 40, 3, 4
  local rng = saddle.random.new(5)
  local x = rng:normal{N, D}
  local y = {}
  for i = 1, N do y[i] = i % C + 1 end
  local net = nn.mlp{D, C, bias = false}
  local mu = spectrum(x:t():mm(x) / N)
  local want = {}
  for _ = 1, D do want[#want + 1] = 0 end
  for _, m in ipairs(mu) do
    for _ = 1, C - 1 do want[#want + 1] = m / C end
  end
  sorted(want)
  local w = T.zeros{net:dim()}
  for _, path in ipairs{"structure", "graph"} do
    local obj = nn.objective(net, {x = x, y = y}, "cross_entropy",
                             {path = path})
    t.eq(obj:path(), path)
    t.near(obj:value(w), math.log(C), 1e-14)
    t.near(spectrum(obj:hessian(w)), want, 1e-13)
    local cp = critical.verify(obj, w)
    t.eq(cp.symmetries, D)
    t.near(cp.eigenvalues:totable(), {table.unpack(want, D + 1)}, 1e-12)
  end
end)

-- ---- 11. steps at two saddles -----------------------------------------------

local function classic(w) return 5 * w[1]^2 - w[2]^2 end
local function monkey(w) return w[1]^3 - 3 * w[1] * w[2]^2 end

local function one_step(f, method, start)
  return optim.minimize(f, T(start), {method = method, steps = 1,
                                      damping = 0}).w
end

t.test("5x^2 - y^2: Newton lands on the saddle, saddle-free on (0, 2y)",
       function()
  t.near(one_step(classic, "newton", {0.7, 0.3}), T{0.0, 0.0}, 1e-15)
  t.near(one_step(classic, "sfn", {0.7, 0.3}), T{0.0, 0.6}, 1e-15)
end)

t.test("monkey saddle: the steps are -w/2 and -g/(6r)", function()
  for _, start in ipairs{{0.7, 0.3}, {-0.4, 0.9}, {0.5, 0.0}} do
    local w = T(start)
    local r = w:norm()
    t.near(one_step(monkey, "newton", start), w / 2, 1e-14)
    local step = one_step(monkey, "sfn", start) - w
    t.near(step, -saddle.grad(monkey)(w) / (6 * r), 1e-14)
    t.near(step:norm(), r / 2, 1e-14)
  end
end)

t.test("monkey saddle: Newton converges linearly, by a factor of 2", function()
  local run = optim.minimize(monkey, T{0.8, 0.6}, {method = "newton",
    damping = 0, steps = 10, record = 1})
  t.near(run.path[11]:norm(), 2.0^-10, 1e-15)
end)

t.test("gradient descent grows by 1 + 2 lr along y, exactly", function()
  local run = optim.minimize(classic, T{0.0, 0.25}, {lr = 0.125, steps = 8})
  t.eq(run.w[2], 0.25 * 1.25^8)
end)

-- ---- 12. gradient-flat quartic ----------------------------------------------

local function quartic(w)
  local x, y = w[1], w[2]
  return x^4 / 4 - 3 * x^2 + 9 * x + 0.9 * y^4 + 5 * y^2 + 40
end

t.test("gradient-flat quartic: the trap at (sqrt 2, 0) is labelled flat",
       function()
  for _, method in ipairs{"newton", "newton_mr"} do
    local cp = critical.find(quartic, T{math.sqrt(2) + 0.01, 0.01},
                             {method = method, steps = 200})
    t.near(cp.w, T{math.sqrt(2), 0}, 1e-3, method)
    t.near(cp.grad_norm^2, 11.17662, 1e-5, method)
    t.eq(cp.class, "gradient_flat", method)
    t.ok(not cp.critical, method)
    t.ok(cp.r > 0.9 and cp.r_H < 5e-4, method)
    t.ok(cp.status ~= "converged", method)
  end
end)

t.test("gradient-flat quartic: from around the trap every search ends flat "
       .. "in it, or at the one critical point", function()
  for _, method in ipairs{"newton", "newton_mr"} do
    local flat = 0
    for _, d in ipairs{0.3, -0.3, 0.1, -0.1, 0.03, -0.03, 1e-3, -1e-3} do
      local cp = critical.find(quartic, T{math.sqrt(2) + d, 0.01},
                               {method = method, steps = 200})
      if cp.class == "gradient_flat" then
        flat = flat + 1
        t.near(cp.w, T{math.sqrt(2), 0}, 1e-3, method)
      else
        t.eq(cp.class, "minimum", method)
        t.near(cp.w, T{-3, 0}, 1e-8, method)
      end
    end
    t.ok(flat >= 4, method .. ": " .. flat .. " of 8 ended in the trap")
  end
end)

t.test("gradient-flat quartic: the only critical point is found", function()
  for _, method in ipairs{"newton", "newton_mr"} do
    local cp = critical.find(quartic, T{-3.5, 0.4}, {method = method})
    t.near(cp.w, T{-3, 0}, 1e-9, method)
    t.near(cp.value, 6.25, 1e-12, method)
    t.eq(cp.class, "minimum", method)
    t.eq(cp.index, 0, method)
    t.eq(cp.status, "converged", method)
  end
end)

t.test("gradient-flat quartic: (-sqrt 2, 0) is no critical point", function()
  local cp = critical.verify(quartic, T{-math.sqrt(2), 0})
  t.near(cp.grad_norm^2, 214.8234, 1e-6)
  t.eq(cp.class, "gradient_flat")
end)

return t
