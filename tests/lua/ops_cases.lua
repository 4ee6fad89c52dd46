-- ops_cases.lua: test data of the rows of ops.def that are not element-wise:
-- several settings each. A case is {shapes of the operands; attr = 0-based
-- attributes; extent = of the indices drawn for an operand of domain "i";
-- idx = given indices; int = true: also run on i64; out = dtype of the result
-- where it is not the operands'}.  MIT licence.
local M = {}

M.iota = {{attr = {0}, out = "i64"}, {attr = {1}, out = "i64"},
          {attr = {5}, out = "i64"}}

M.powi = {}
for n = -3, 5 do
  M.powi[#M.powi + 1] = {{2, 3}, attr = {n}, int = n >= 0}
end
M.powi[#M.powi + 1] = {{}, attr = {3}}
M.powi[#M.powi + 1] = {{0}, attr = {3}}

M.cast = {{{2, 3}, attr = {"f64"}, out = "f64"},
          {{2, 3}, attr = {"f32"}, out = "f32", coarse = true},
          {{}, attr = {"f64"}, out = "f64"}}
M.stop = {{{2, 3}, attr = {}, int = true}, {{}, attr = {}}}

M.sum = {
  {{4}, attr = {1}, int = true}, {{2, 3}, attr = {1}, int = true},
  {{2, 3}, attr = {2}, int = true}, {{2, 3}, attr = {3}, int = true},
  {{2, 3, 4}, attr = {5}, int = true}, {{2, 3, 4}, attr = {2}},
  {{2, 3, 4}, attr = {6}}, {{2, 3}, attr = {0}}, {{}, attr = {0}},
  {{0, 3}, attr = {1}}, {{0, 3}, attr = {2}}, {{3, 1}, attr = {2}},
  {{300}, attr = {1}},
}
M.amax = {
  {{4}, attr = {1}, int = true}, {{2, 3}, attr = {1}, int = true},
  {{2, 3}, attr = {2}}, {{2, 3, 2}, attr = {5}}, {{2, 3}, attr = {3}},
  {{0, 3}, attr = {2}}, {{1}, attr = {1}}, {{3, 2}, attr = {0}},
}
M.amin = M.amax
M.argmax = {
  {{4}, attr = {0}, out = "i64", int = true},
  {{3, 4}, attr = {0}, out = "i64"}, {{3, 4}, attr = {1}, out = "i64"},
  {{2, 3, 4}, attr = {1}, out = "i64", int = true},
  {{0, 3}, attr = {1}, out = "i64"}, {{1}, attr = {0}, out = "i64"},
}
M.argmin = M.argmax
M.cumsum = {
  {{5}, attr = {0}, int = true}, {{3, 4}, attr = {0}, int = true},
  {{3, 4}, attr = {1}}, {{2, 3, 2}, attr = {1}}, {{0, 3}, attr = {0}},
  {{1}, attr = {0}},
}
M.softmax = {
  {{5}, attr = {0}}, {{3, 4}, attr = {0}}, {{3, 4}, attr = {1}},
  {{2, 3, 2}, attr = {1}}, {{3, 1}, attr = {1}}, {{0, 3}, attr = {1}},
}
M.logsumexp = M.softmax

M.reshape = {
  {{2, 3}, attr = {6}, int = true}, {{2, 3}, attr = {3, 2}},
  {{6}, attr = {1, 2, 1, 3}}, {{}, attr = {1, 1}}, {{1}, attr = {}},
  {{0, 3}, attr = {3, 0}}, {{2, 3}, attr = {2, 3}},
}
M.broadcast = {
  {{3}, attr = {2, 3}, int = true}, {{2, 1}, attr = {2, 3}},
  {{}, attr = {2, 2}}, {{1, 3}, attr = {4, 2, 3}}, {{1}, attr = {0}},
  {{2, 3}, attr = {2, 3}}, {{1, 2, 1}, attr = {3, 2, 2}},
  {{3}, attr = {0, 3}},
}
M.permute = {
  {{2, 3}, attr = {1, 0}, int = true}, {{2, 3, 4}, attr = {2, 0, 1}},
  {{2, 3, 4}, attr = {1, 2, 0}}, {{2, 3, 4}, attr = {0, 1, 2}},
  {{}, attr = {}}, {{0, 3}, attr = {1, 0}},
}
M.slice = {
  {{5}, attr = {1, 1, 3}, int = true}, {{5}, attr = {4, -1, 5}, int = true},
  {{7}, attr = {5, -2, 3}}, {{7}, attr = {0, 3, 3}},
  {{3, 4}, attr = {2, -1, 2, 0, 2, 2}}, {{3, 4}, attr = {1, 1, 1, 3, -3, 2}},
  {{3, 4}, attr = {0, 1, 0, 0, 1, 4}}, {{}, attr = {}},
  {{0, 2}, attr = {0, 1, 0, 1, -1, 2}},
}
M.pad = {
  {{3}, attr = {1, 1, 5}, int = true}, {{3}, attr = {4, -2, 5}},
  {{2}, attr = {0, 3, 4}}, {{2, 3}, attr = {1, 1, 4, 2, -1, 3}},
  {{0, 2}, attr = {0, 1, 3, 0, 1, 2}}, {{}, attr = {}},
}
M.concat = {
  {{2}, {3}, attr = {0}, int = true}, {{2, 3}, {1, 3}, attr = {0}},
  {{2, 3}, {2, 1}, attr = {1}, int = true}, {{0, 3}, {2, 3}, attr = {0}},
  {{2, 1}, attr = {1}}, {{2, 1, 2}, {2, 2, 2}, {2, 3, 2}, attr = {1}},
}
M.gather = {
  {{4}, {3}, attr = {0, 0}, extent = 4, int = true},
  {{4, 3}, {5}, attr = {0, 0}, extent = 4},
  {{4, 3}, {2, 2}, attr = {1, 0}, extent = 3, int = true},
  {{2, 4, 3}, {2}, attr = {1, 0}, extent = 4},
  {{4}, {6}, attr = {0, 0}, idx = {2, 2, 0, 2, 3, 2}},
  {{4, 3}, {}, attr = {0, 0}, extent = 4},
  {{4, 3}, {0}, attr = {0, 0}, extent = 4},
  {{2, 4}, {2, 3}, attr = {1, 1}, extent = 4, int = true},
  {{2, 4, 3}, {2, 5}, attr = {2, 1}, extent = 3},
  {{2, 3, 4}, {2, 3, 2}, attr = {2, 2}, extent = 4},
  {{2, 4}, {2}, attr = {1, 1}, extent = 4},
}
M.scatter = {
  {{3}, {3}, attr = {0, 4, 0}, extent = 4, int = true},
  {{6}, {6}, attr = {0, 3, 0}, idx = {1, 1, 1, 0, 1, 0}, int = true},
  {{5, 3}, {5}, attr = {0, 4, 0}, extent = 4},
  {{4, 2, 2}, {2, 2}, attr = {1, 3, 0}, extent = 3},
  {{0, 3}, {0}, attr = {0, 4, 0}, extent = 4},
  {{3}, {}, attr = {0, 4, 0}, extent = 4},
  {{2, 3}, {2, 3}, attr = {1, 2, 1}, extent = 2, int = true},
  {{2, 4, 5}, {2, 5}, attr = {2, 3, 1}, extent = 3},
  {{2, 3, 2}, {2, 3, 2}, attr = {2, 4, 2}, extent = 4},
}
M.matmul = {
  {{2, 3}, {3, 4}, attr = {0, 0}, int = true},
  {{3, 2}, {3, 4}, attr = {1, 0}, int = true},
  {{2, 3}, {4, 3}, attr = {0, 1}}, {{3, 2}, {4, 3}, attr = {1, 1}},
  {{1, 1}, {1, 1}, attr = {0, 0}}, {{2, 0}, {0, 3}, attr = {0, 0}},
  {{0, 2}, {2, 3}, attr = {0, 0}}, {{2, 2, 3}, {2, 3, 4}, attr = {0, 0}},
  {{2, 3, 2}, {2, 4, 3}, attr = {1, 1}, int = true},
  {{2, 2, 3, 1}, {2, 2, 3, 2}, attr = {1, 0}}, {{0, 2, 3}, {0, 3, 2}, attr = {0, 0}},
}
M.solve = {
  {{3, 3}, {3, 2}, attr = {0}}, {{3, 3}, {3, 2}, attr = {1}},
  {{1, 1}, {1, 1}, attr = {0}}, {{2, 3, 3}, {2, 3, 2}, attr = {0}},
  {{2, 3, 3}, {2, 3, 1}, attr = {1}}, {{3, 3}, {3, 0}, attr = {0}},
  {{0, 0}, {0, 2}, attr = {0}},
}

return M
