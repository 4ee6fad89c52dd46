-- scheme/sriw1.lua: SRIW1 of Roessler 2010 (SIAM J. Numer. Anal. 48, 922-952),
-- strong order 1.5 for scalar and diagonal noise: two drifts and four diffusions
-- a step. Its weak order is 1.5 too (2 is often claimed): sqrt(h) enters the
-- stages, and one step's error in E x^2 is of order h^2.5 unless drift and
-- diffusion are linear. I10 is the integral of W - W_t over the step;
-- I11 = (dW^2 - h)/2 and I111 = (dW^3 - 3 h dW)/6. The tableau is written out
-- below for the order conditions that the tests check; docs/sde.md 2.
-- MIT licence.
local M = {
  name = "sriw1", strong = 1.5, weak = 1.5, sense = "ito",
  noise = {"scalar", "diagonal"},
  source = "Roessler 2010", integrals = "time",
  note = "weak order 2 for linear equations",
}

-- The coefficients in Roessler's notation; rows are stages.
M.tableau = {
  A0 = {{0, 0, 0, 0}, {3 / 4, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}},
  A1 = {{0, 0, 0, 0}, {1 / 4, 0, 0, 0}, {1, 0, 0, 0}, {0, 0, 1 / 4, 0}},
  B0 = {{0, 0, 0, 0}, {3 / 2, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}},
  B1 = {{0, 0, 0, 0}, {1 / 2, 0, 0, 0}, {-1, 0, 0, 0}, {-5, 3, 1 / 2, 0}},
  alpha = {1 / 3, 2 / 3, 0, 0},
  beta1 = {-1, 4 / 3, 2 / 3, 0},   -- times I1
  beta2 = {-1, 4 / 3, -1 / 3, 0},  -- times I11 / sqrt(h)
  beta3 = {2, -4 / 3, -2 / 3, 0},  -- times I10 / h
  beta4 = {-2, 5 / 3, -2 / 3, 1},  -- times I111 / h
}

function M.step(p, x, t, h, w)
  local root, i1, i10 = h ^ 0.5, w.dw, w.i10 * (1 / h)
  local square = i1 * i1
  local i11 = (square - h) * (0.5 / root)
  local i111 = (square - 3 * h) * i1 * (1 / (6 * h))
  local b1, g1 = p.b(x, t), p.g(x, t)
  local b2 = p.b(x + 0.75 * h * b1 + 1.5 * g1 * i10, t + 0.75 * h)
  local g2 = p.g(x + 0.25 * h * b1 + 0.5 * root * g1, t + 0.25 * h)
  local g3 = p.g(x + h * b1 - root * g1, t + h)
  local g4 = p.g(x + 0.25 * h * b1 + root * (-5 * g1 + 3 * g2 + 0.5 * g3),
    t + 0.25 * h)
  return x + h / 3 * (b1 + 2 * b2)
    + g1 * (-i1 - i11 + 2 * i10 - 2 * i111)
    + g2 * (4 / 3 * i1 + 4 / 3 * i11 - 4 / 3 * i10 + 5 / 3 * i111)
    + g3 * (2 / 3 * i1 - 1 / 3 * i11 - 2 / 3 * i10 - 2 / 3 * i111)
    + g4 * i111
end

return M
