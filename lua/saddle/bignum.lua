-- bignum.lua: natural numbers of any size, for probabilities that are exact
-- to the last printed digit. A number is a table of limbs of 24 bits, lowest
-- first, so that every step stays inside Lua's integers.  MIT licence.
local M = {}

local BITS = 24
local BASE = 1 << BITS

-- times(a, b): a b for a small factor b, below 2^39.
function M.times(a, b)
  local r, carry = {}, 0
  for i = 1, #a do
    local t = a[i] * b + carry
    r[i], carry = t % BASE, t // BASE
  end
  while carry > 0 do
    r[#r + 1], carry = carry % BASE, carry // BASE
  end
  return r
end

-- over(a, b): a / b for a small divisor b that leaves no remainder.
function M.over(a, b)
  local r, rest = {}, 0
  for i = #a, 1, -1 do
    local t = rest * BASE + a[i]
    r[i], rest = t // b, t % b
  end
  assert(rest == 0, "the division is exact")
  while #r > 0 and r[#r] == 0 do r[#r] = nil end
  return r
end

function M.plus(a, b)
  local r, carry = {}, 0
  for i = 1, math.max(#a, #b) do
    local t = (a[i] or 0) + (b[i] or 0) + carry
    r[i], carry = t % BASE, t // BASE
  end
  if carry > 0 then r[#r + 1] = carry end
  return r
end

-- at_most(a, b): a <= b?
function M.at_most(a, b)
  if #a ~= #b then return #a < #b end
  for i = #a, 1, -1 do
    if a[i] ~= b[i] then return a[i] < b[i] end
  end
  return true
end

-- power(b, n): b^n for a small b.
function M.power(b, n)
  local r = {1}
  for _ = 1, n do r = M.times(r, b) end
  return r
end

-- floor(a / 2^n) of a result below 2^63.
local function shift(a, n)
  local r, skip = 0, n // BITS
  for i = #a, skip + 1, -1 do
    r = (r << BITS) | a[i]
    if i == skip + 1 then break end
  end
  return r
end

-- fraction(a, n): the digits of a / 2^n < 1, cut off after 15: a 10^15 / 2^n.
function M.fraction(a, n)
  local pad = (BITS - n % BITS) % BITS -- make 2^n a whole number of limbs
  for _ = 1, 15 do a = M.times(a, 10) end
  return ("0.%015d"):format(shift(M.times(a, 1 << pad), n + pad))
end

-- returns(n, percent): P(|x_n| <= |x_0|) of the walk x (1 +- percent/100), each
-- sign with probability 1/2: 2^-n times the sum of C(n, k) over the k with
--   (100 + percent)^k (100 - percent)^(n - k) <= 100^n,
-- compared in integers. 15 digits as text, and the largest such k.
function M.returns(n, percent)
  local limit, value = M.power(100, n), M.power(100 - percent, n)
  local choose, sum, k = {1}, {}, 0
  while k <= n and M.at_most(value, limit) do
    sum = M.plus(sum, choose)
    choose = M.over(M.times(choose, n - k), k + 1)
    if k < n then
      value = M.over(M.times(value, 100 + percent), 100 - percent)
    end
    k = k + 1
  end
  return M.fraction(sum, n), k - 1
end

return M
