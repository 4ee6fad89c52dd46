/* vmath_pow.h: x^y in f64 as e^(y log x), the logarithm a pair good to about
** 2^-65; see vmath.h. MIT licence. */

/* (log((1 + s)/(1 - s))/s - 2 - 2z/3) / z^2, z = s^2 <= 0.02944: error of the
** logarithm 2^-66.3 */
SL_VMATH double v64_log_tail_poly(double z) {
  const double z2 = z * z;
  const double a = __builtin_fma(0x1.e030136d83bb8p-4, z,
                                 0x1.df7ca0c917854p-4);
  const double b = __builtin_fma(0x1.1118c8a47094bp-3, z,
                                 0x1.3b1395ce926b4p-3);
  const double c = __builtin_fma(0x1.745d177a9e783p-3, z,
                                 0x1.c71c71c6ea978p-3);
  const double d = __builtin_fma(0x1.2492492492522p-2, z,
                                 0x1.999999999999ap-2);
  return __builtin_fma(__builtin_fma(__builtin_fma(a, z2, b), z2, c), z2, d);
}

/* a b, both pairs, a b_lo and a_lo b included */
SL_VMATH v64_pair v64_product(v64_pair a, v64_pair b) {
  const double p = a.hi * b.hi;
  return (v64_pair){p, __builtin_fma(a.hi, b.hi, -p) +
                           __builtin_fma(a.hi, b.lo, a.lo * b.hi)};
}

/* log x, x > 0: k log 2 + 2s + s^3 (2/3 + z ...), each term a pair, with
** x = 2^k (1 + f), s = f/(2 + f). */
SL_VMATH v64_pair v64_log_pair(double x) {
  const bool small = x < 0x1p-1022;
  const v64_split m = v64_split_of(x * (small ? 0x1p54 : 1));
  const double k = m.k - (small ? 54 : 0), f = m.m - 1;
  const v64_pair d = v64_sum(2, f);
  const double rc = 1 / d.hi, q = f * rc;
  const double rest = __builtin_fma(-q, d.hi, f) - q * d.lo;
  const v64_pair s = {q, rest * rc}, z = v64_product(s, s);
  v64_pair t = v64_sum(0x1.5555555555555p-1, z.hi * v64_log_tail_poly(z.hi));
  t.lo += 0x1.5555555555555p-55;
  const v64_pair cube = v64_product(v64_product(s, z), t);
  const v64_pair a = v64_sum(k * 0x1.62e42fefa38p-1, 2 * s.hi);
  const v64_pair b = v64_sum(a.hi, cube.hi);
  const double lo = a.lo + (b.lo + (2 * s.lo + cube.lo));
  return v64_sum(b.hi, __builtin_fma(k, 0x1.ef35793c7673p-45, lo));
}

/* x^y for x > 0 finite, y finite */
SL_VMATH double v64_pow_positive(double x, double y) {
  const v64_pair l = v64_log_pair(x);
  const double p = y * l.hi, pl = __builtin_fma(y, l.hi, -p) + y * l.lo;
  const v64_power e = v64_reduce(p);
  const v64_pair one = v64_sum(1, e.r);
  const double all = one.hi + e.t;
  const double more = __builtin_fma(pl, all, one.lo + e.t);
  const double r = v64_scale(one.hi + more, e.k);
  const double q = p > 710 ? HUGE_VAL : r;
  return p < -746 ? 0 : q;
}

/* The same to more than the digits of f32, whose exponents magnify an error of
** the logarithm 104 times at most; x an f32, so never subnormal. */
SL_VMATH double v64_pow_rough(double x, double y) {
  const v64_split m = v64_split_of(x);
  const v64_pair l = v64_log_sum(m.k, m.m - 1);
  return v64_exp(y * (l.hi + l.lo));
}

SL_VMATH double v64_pow(double x, double y) {
  return v64_pow_cases(x, y, v64_pow_positive(__builtin_fabs(x), y));
}
