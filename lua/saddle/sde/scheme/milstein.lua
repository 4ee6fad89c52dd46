-- scheme/milstein.lua: Euler-Maruyama and the first Ito correction,
--   x + b h + sum_k g_k dW_k + sum_k Dg_k [sum_j I_(j,k) g_j]
-- the derivatives by jvp. For scalar and diagonal noise that is
-- 1/2 g g' (dW^2 - h); noise that commutes needs only I_(j,k) + I_(k,j) =
-- dW_j dW_k; other noise needs the areas. Milstein 1974; docs/sde.md 2.
-- MIT licence.
local function general(p, x, t, h, w)
  local g, dw = p.columns(x, t), {}
  for k = 1, p.noises do
    dw[k] = p.noises == 1 and w.dw or w.dw[k]
  end
  local y = x + p.b(x, t) * h
  for k = 1, p.noises do
    local v
    for j = 1, p.noises do
      local i = w.area and w.area[j][k]
        or 0.5 * (dw[j] * dw[k] - (j == k and h or 0))
      v = v and v + i * g[j] or i * g[j]
    end
    y = y + dw[k] * g[k] + p:dcolumn(x, t, k, v)
  end
  return y
end

return {
  name = "milstein", strong = 1, weak = 1, sense = "ito",
  noise = {"additive", "scalar", "diagonal", "commutative", "general"},
  source = "Milstein 1974", note = "areas where the noise does not commute",
  setup = function(p)
    p.integrals = p.model.commutative and "none" or "area"
  end,
  step = function(p, x, t, h, w)
    if not p.elementwise and p.model.noise ~= "additive" then
      return general(p, x, t, h, w)
    end
    local y = x + p.b(x, t) * h + p:gw(x, t, w.dw)
    if p.model.noise == "additive" then
      return y
    end
    local g = p.g(x, t)
    return y + 0.5 * p:dg(x, t, g) * (w.dw * w.dw - h)
  end,
}
