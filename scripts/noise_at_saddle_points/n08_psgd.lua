-- n08_psgd.lua: ways out of an attractive saddle: perturbed descent.
-- Usage: saddle n08_psgd.lua [--quick] [--out DIR].  MIT licence.
local saddle = require "saddle"
local T, sde, law = saddle.tensor, saddle.sde, saddle.law
local plot, report = saddle.plot, saddle.report

local r = report.start{
  source = "Noise at saddle points, 'Perturbed Stochastic Gradient Descent'",
  question = "Does noise added to descent free it, and does P(|x| < R) fall as 1/alpha when tau "
    .. "grows by a factor alpha?",
  expected = "Only for R far inside the law. Added noise is independent, so that rho falls "
    .. "while rho tau/s stays; the mean time to leave falls as alpha^-(1 - 2a/s^2)",
  time = "15 s; --quick 2 s",
}
local PATHS = r.quick and 2000 or 50000

-- Independent noise added to descent: tau grows by a factor alpha to
-- sqrt(tau^2 + added^2), rho falls by it, so that rho tau/s stays.
local base = {a = 1, sigma = 2, tau = 0.1, rho = 0.8}
local function perturbed(alpha)
  return {a = base.a, sigma = base.sigma, tau = base.tau * alpha, rho = base.rho / alpha}
end
local function held(params, R) -- P(|x| < R) under the stationary law
  local l = law.saddle(params)
  return l:cdf(R) - l:cdf(-R)
end
local rng = saddle.random.new(8)
local h = 2 * rng:normal{2000} - 1
local coarse = sde.from_sgd{h = h, b = 0.1 * rng:normal{2000} + 0.05 * h, lr = 0.1}
local pushed = coarse:psgd{tau = 3 * coarse.tau}
r:check("PSGD: rho tau/s stays when independent noise is added",
        pushed.rho * pushed.tau / pushed.sigma,
        coarse.rho * coarse.tau / coarse.sigma, 1e-12)
local unit = base.tau / base.sigma
local psgd, alphas = {}, {}
for k = 0, 30 do alphas[k + 1] = 10^(k / 15) end
for i, R in ipairs{unit, 10 * unit} do
  local line, wrong = {}, {}
  for k, alpha in ipairs(alphas) do
    line[k] = held(perturbed(alpha), R)
    wrong[k] = held({a = 1, sigma = 2, tau = base.tau * alpha, rho = base.rho}, R)
  end
  psgd[i] = {R = R, line = line, wrong = wrong, at = {}, share = {}, bar = {}}
  for k, alpha in ipairs{1, 4, 16} do
    local x = sde.simulate(sde.saddle(perturbed(alpha)), {x0 = 0, t = 80, dt = 0.05,
      paths = PATHS, seed = k}).x
    local share, bar = report.share(x:abs():lt(R), held(perturbed(alpha), R))
    r:within(("PSGD: P(|x| < %g tau/s), noise %g times larger"):format(R / unit, alpha), share,
             held(perturbed(alpha), R), bar)
    psgd[i].at[k], psgd[i].share[k], psgd[i].bar[k] = alpha, share, bar
  end
end
local function exponent(R, alpha) -- -d ln P / d ln alpha
  return math.log(held(perturbed(alpha / 1.1), R) / held(perturbed(alpha * 1.1),
    R)) / math.log(1.21)
end
local function wait(alpha)
  return sde.exit_theory(sde.saddle(perturbed(alpha)), {radius = 1e5 * unit}):mean(0)
end
local waits = {}
for k, alpha in ipairs(alphas) do waits[k] = wait(alpha) end
r:check("PSGD: P goes as 1/alpha once R is far inside the law", exponent(unit, 100), 1, 0.02)
r:claim("PSGD: scaling tau by alpha scales P(|x| < R) by about 1/alpha",
  ("at alpha = 2: as alpha^-%.2f for R = tau/s and alpha^-%.2f for R = 10 tau/s; at alpha = 50 "
    .. "alpha^-%.2f and alpha^-%.2f"):format(exponent(unit, 2), exponent(10 * unit, 2),
      exponent(unit, 50),
  exponent(10 * unit, 50)), math.abs(exponent(unit, 2) - 1) < 0.25 and
  math.abs(exponent(10 * unit, 2) - 1) < 0.25)
r:erratum("added noise is independent, so that rho changes as well while rho tau/s stays: the "
  .. "law is not just wider (dotted in the figure: rho kept)")
local slow = math.log(wait(30 / 1.1) / wait(30 * 1.1)) / math.log(1.21)
r:erratum(("1/alpha holds for R far inside the law. The mean time to |x| = 1e5 tau/s, what "
  .. "training waits for, falls as alpha^-%.2f at alpha = 30: its exponent is 1 - 2a/s^2"):format(
  slow))

-- ---- the figure ---------------------------------------------------------------

local fig = plot.figure{panels = {1, 2}, size = {7, 2.8}, logx = true, logy = true}
local left, right = fig:panel(1), fig:panel(2)
left:set{xlabel = "factor α of the diffusive noise", ylabel = "P(|x| < R)", legend = "bottom left"}
for i, c in ipairs(psgd) do
  left:line(alphas, c.line, {color = i, label = i == 1 and "R = τ/σ" or "R = 10 τ/σ"})
  left:line(alphas, c.wrong, {color = i, style = "dot",
            label = i == 2 and "the same, ρ kept" or nil})
  left:errorbar(c.at, c.share, c.bar, {color = i})
end
left:line({5, 100}, {0.5, 0.025}, {color = "grey", style = "dash", label = "1/α"})
right:set{xlabel = "factor α of the diffusive noise", ylabel = "mean time to |x| = 10⁵ τ/σ",
          legend = "bottom left"}
right:line(alphas, waits, {label = "theory"})
right:line(alphas, waits[31] * 10 * T(alphas)^-0.5, {color = "grey", style = "dash",
  label = "α^-(1 - 2a/σ²)"})
r:figure(fig, "n08_psgd")
r:finish()
