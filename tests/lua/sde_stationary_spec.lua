-- sde_stationary_spec.lua: the laws that discrete steps settle in: stationary
-- variances of linear steps, and tails. Everything is computed from single steps,
-- without sampling.  MIT licence.
local t = require "runner"
local saddle = require "saddle"
local T, sde = saddle.tensor, saddle.sde
local prepare = sde.scheme.prepare

local function value(v) return T(v):item() end

-- One step for dim = 1 from numbers.
local function step(m, name, x, h, w)
  local p = prepare(m, name)
  return value(p.from(p.step(p.to(T(x)), 0.0, h, w)))
end

-- A step linear in x and dW: x' = m x + n + s dW.
local function linear(m, name, h)
  local n = step(m, name, 0, h, {dw = 0.0})
  return step(m, name, 1, h, {dw = 0.0}) - n, n,
    step(m, name, 0, h, {dw = 1.0}) - n
end

-- Covariance P of s' = A s + n xi in the limit: P = A P A' + n n', by doubling.
local function stationary(A, n)
  local P = n:reshape(-1, 1):mm(n:reshape(1, -1))
  for _ = 1, 40 do
    P = P + A:mm(P):mm(A:t())
    A = A:mm(A)
  end
  return P
end

-- A and n of a step that is linear in its state [2] and in dW = sqrt(h) xi.
local function linear_state(f, h)
  local zero = f(T.zeros {2}, 0.0)
  t.near(zero, T.zeros {2}, 1e-15)
  local A = T.stack({f(T {1, 0}, 0.0), f(T {0, 1}, 0.0)}, 2)
  return A, f(T.zeros {2}, 1.0) * math.sqrt(h)
end

local K, TEMPERATURE = 2.5, 0.7
local function spring(x) return 0.5 * K * x * x end

t.test("BAOAB: the variance of x is exact in a harmonic well", function()
  local m = sde.langevin {potential = spring, temperature = TEMPERATURE,
                          friction = 0.8}
  local p = prepare(m)
  for _, h in ipairs {0.1, 0.5, 1.2} do
    local A, n = linear_state(saddle.jit(function(s, dw)
      return p.step(s, 0.0, h, {dw = dw})
    end), h)
    local P = stationary(A, n)
    t.near(P[1][1], TEMPERATURE / K, 1e-12)
    -- velocities are not exact: T (1 - h^2 K/4)
    t.near(P[2][2], TEMPERATURE * (1 - h * h * K / 4), 1e-12)
  end
end)

t.test("Leimkuhler-Matthews: the variance is exact in a harmonic well",
    function()
  local m = sde.langevin {potential = spring, temperature = TEMPERATURE}
  local p = prepare(m)
  for _, h in ipairs {0.05, 0.3, 0.7} do
    local A, n = linear_state(saddle.jit(function(s, dw)
      local y = p.step({x = s[1], dw = s[2]}, 0.0, h, {dw = dw})
      return T.stack {y.x, T(y.dw) + 0 * s[1]}
    end), h)
    t.near(stationary(A, n)[1][1], TEMPERATURE / K, 1e-12)
  end
end)

t.test("SGLD's variance, with and without batches", function()
  local h = 0.2
  local m = sde.langevin {potential = spring, temperature = TEMPERATURE}
  local factor, _, sd = linear(m, "sgld", h)
  t.near(sd ^ 2 * h / (1 - factor ^ 2), TEMPERATURE / (K * (1 - h * K / 2)),
    1e-13)
  -- forces -K x + d_i with d of mean 0 add their variance
  local d = T {0.3, -0.5, 0.2}
  local noisy = sde.langevin {potential = spring, temperature = TEMPERATURE,
    batch = {n = 3, size = 1, force = function(x, i)
      return -K * x + d:gather(i):mean()
    end}}
  local p = prepare(noisy, "sgld")
  t.eq(p.noise.i, {"index", n = 3, size = 1})
  for i = 1, 3 do
    t.near(value(p.step(T(0.4), 0.0, h, {dw = 0.1, i = T.i64(T {i})})),
      0.4 + h * (-K * 0.4 + d[i]) + math.sqrt(2 * TEMPERATURE) * 0.1, 1e-14)
  end
end)

t.test("Euler-Maruyama's stationary variances (docs/sde.md 3.7)", function()
  local h = 0.1
  local factor, _, sd = linear(sde.ou {a = -1.5, tau = 0.6}, "em", h)
  t.near(sd ^ 2 * h / (1 - factor ^ 2), 0.36 / (3 - 1.5 ^ 2 * h), 1e-13)
  -- both noises: E x'^2 = E x^2 (f^2 + sigma^2 h) + tau^2 h at rho = 0
  local a, sigma, tau = -1.5, 0.8, 0.6
  local m = sde.saddle {a = a, sigma = sigma, tau = tau}
  local f = step(m, "em", 1, h, {dw = 0.0})
  local s1 = step(m, "em", 1, h, {dw = 1.0}) - f
  local s0 = step(m, "em", 0, h, {dw = 1.0})
  t.near(s0 ^ 2 * h / (1 - f ^ 2 - (s1 ^ 2 - s0 ^ 2) * h),
    tau ^ 2 / (-2 * a - sigma ^ 2 - a ^ 2 * h), 1e-13)
end)

-- The worked values of docs/sde.md 3.7, all their digits (the last may be cut, not
-- rounded); one of them to more digits by quadrature in 20 digits.
t.test("tails of discrete steps", function()
  local hs = {0.01, 0.05, 0.1, 0.2}
  for _, row in ipairs {
    {-0.5, "normal", 1e-5, {1.99749, 1.98716, 1.97346, 1.94207}},
    {-2, "normal", 1e-4, {5.0203, 5.1063, 5.2205, 5.4500}},
    {-2, "sign", 1e-4, {5.0637, 5.4149, 6.2554}},
    {-2, "sign", 1e-2, {nil, nil, nil, 15.03}},
  } do
    for i, h in ipairs(hs) do
      local expected = row[4][i]
      if expected then
        local k = sde.tail_exponent {a = row[1], sigma = 1, dt = h,
                                     noise = row[2]}
        t.ok(math.abs(k - expected) <= row[3], ("%g, expected %g"):format(k,
          expected))
      end
    end
  end
  t.near(sde.tail_exponent {a = -0.5, sigma = 1, dt = 0.2}, 1.94207688128417,
    1e-11)
  -- small steps: 1 - 2a/sigma^2; large noise of the coin: no law, no tail
  t.near(sde.tail_exponent {a = 0.1, sigma = 1, dt = 1e-5}, 0.8, 1e-5)
  t.eq(sde.tail_exponent {a = -2, sigma = 1, dt = 0.3, noise = "sign"},
    math.huge)
  local k, why = sde.tail_exponent {a = 1, sigma = 1, dt = 0.01}
  t.eq(k, nil)
  t.ok(why:find("not negative"))
  t.fails(function() sde.tail_exponent {a = 1, sigma = 1, dt = 0} end,
    "dt: expected a number > 0, got 0")
end)

t.test("Langevin motion's bad input", function()
  t.fails(function() sde.langevin {temperature = 1} end, "either potential")
  t.fails(function()
    sde.langevin {potential = spring, temperature = 0}
  end, "temperature: expected a number > 0, got 0")
  t.fails(function()
    sde.langevin {potential = spring, temperature = 1, friction = 1,
                  batch = {n = 1, force = spring}}
  end, "batch is for overdamped")
end)

return t
