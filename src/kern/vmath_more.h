/* vmath_more.h: erf, erfc, the inverse hyperbolic functions and hypot in f64;
** see vmath.h. MIT licence. */

/* ---- erf, erfc ----------------------------------------------------------- */

/* erf(x)/x - 1, z = x^2 <= 1: error of erf 2^-55.5 */
SL_VMATH double v64_erf_poly(double z) {
  const double w = z * z;
  double p = 0x1.05ffd737fb32ep-34;
  p = __builtin_fma(p, w, __builtin_fma(-0x1.389d4f2641625p-30, z,
                                        0x1.f7b4bf3b13964p-27));
  p = __builtin_fma(p, w, __builtin_fma(-0x1.5f1ecb6f0764cp-23, z,
                                        0x1.b9df224ca4b97p-20));
  p = __builtin_fma(p, w, __builtin_fma(-0x1.f4d1e3183f7aep-17, z,
                                        0x1.f9a321d5b8e1ep-14));
  p = __builtin_fma(p, w, __builtin_fma(-0x1.c02db3dac435fp-11, z,
                                        0x1.565bcd0dbaa38p-8));
  p = __builtin_fma(p, w, __builtin_fma(-0x1.b82ce31284ep-6, z,
                                        0x1.ce2f21a042b3p-4));
  p = __builtin_fma(p, w, __builtin_fma(-0x1.812746b0379e6p-2, z,
                                        0x1.06eba8214db69p-3));
  return p;
}

/* ((1 + 2a) e^(a^2) erfc(a) - 1) / s, s = 2a/(a + 4) = 1 + t, 0 <= a <= 28:
** error of erfc 2^-56 */
SL_VMATH double v64_erfc_poly(double t) {
  const double w = t * t;
  double p = __builtin_fma(0x1.c2677e5f4111dp-32, t,
                           0x1.1e4b479c31b11p-29);
  p = __builtin_fma(p, w, __builtin_fma(-0x1.6a9ae6ef8ef3dp-32, t,
                                        -0x1.29843fb5680fap-26));
  p = __builtin_fma(p, w, __builtin_fma(-0x1.6958e17191d3ep-29, t,
                                        0x1.f693a6f025afdp-24));
  p = __builtin_fma(p, w, __builtin_fma(-0x1.4b70b88363f34p-25, t,
                                        -0x1.a7fc2181aa613p-21));
  p = __builtin_fma(p, w, __builtin_fma(0x1.21f8961c0f9b8p-20, t,
                                        0x1.36c1ad2a836aep-18));
  p = __builtin_fma(p, w, __builtin_fma(-0x1.09ef655937921p-16, t,
                                        -0x1.1ed6fd128faefp-17));
  p = __builtin_fma(p, w, __builtin_fma(0x1.4dcd8b26bf57fp-13, t,
                                        -0x1.77d653bd00aaep-12));
  p = __builtin_fma(p, w, __builtin_fma(-0x1.a2bedcab847fap-12, t,
                                        0x1.63f260496c18dp-8));
  p = __builtin_fma(p, w, __builtin_fma(-0x1.625ed0991fd06p-6, t,
                                        0x1.e1a956431e9c5p-5));
  p = __builtin_fma(p, w, __builtin_fma(-0x1.00428c8fe854cp-3, t,
                                        0x1.c0398cb6f177bp-3));
  p = __builtin_fma(p, w, __builtin_fma(-0x1.47938f4c73124p-2, t,
                                        0x1.8d4ecb405c605p-2));
  p = __builtin_fma(p, w, __builtin_fma(-0x1.7d8f1c4524742p-2, t,
                                        0x1.dd2c8b74febf6p-3));
  return p;
}

/* erfc(a) = p 2^k for 0 <= a <= 28: e^-a^2, the square's rounding made good,
** times the polynomial over 1 + 2a. */
typedef struct v64_tail {
  double p, k;
} v64_tail;

SL_VMATH v64_tail v64_tail_of(double a) {
  const double h = a * a, l = __builtin_fma(a, a, -h);
  const v64_decay e = v64_exp_minus(h);
  const double s = 2 * a / (a + 4);
  const v64_pair g = v64_sum(1, s * v64_erfc_poly(s - 1));
  const double el = __builtin_fma(-l, e.p.hi, e.p.lo), n = e.p.hi * g.hi;
  const double nl = __builtin_fma(
      e.p.hi, g.lo, __builtin_fma(el, g.hi, __builtin_fma(e.p.hi, g.hi, -n)));
  const v64_pair d = v64_two_sum(1, 2 * a);
  return (v64_tail){v64_quotient(n, nl, d.hi, d.lo), e.k};
}

SL_VMATH double v64_erfc(double x) {
  const double a = __builtin_fabs(x);
  const v64_tail t = v64_tail_of(a > 28 ? 28 : a);
  const double y = v64_scale(t.p, t.k);
  return x < 0 ? 2 - y : y;
}

SL_VMATH double v64_erf(double x) {
  const double a = __builtin_fabs(x), z = a * a;
  const v64_tail t = v64_tail_of(a > 6 ? 6 : a);
  const double near = __builtin_fma(a, v64_erf_poly(z), a);
  const double y = a < 1 ? near : 1 - t.p * v64_pow2(t.k);
  return __builtin_copysign(y, x);
}

/* ---- inverse hyperbolic functions ---------------------------------------- */

/* the square root of s, s >= 0 */
SL_VMATH v64_pair v64_root(v64_pair s) {
  const double r = __builtin_sqrt(s.hi);
  const double rest = __builtin_fma(-r, r, s.hi) + s.lo;
  return (v64_pair){r, r > 0 ? rest / (r + r) : 0};
}

/* log(a + sqrt(a^2 + one)), one = 1 or -1; log(2a) from 2^60 on. A pair is
** exact enough for no cancellation in log to matter while a > 2^-27. */
SL_VMATH double v64_area(double a, double one) {
  const bool big = a > 0x1p60;
  const double b = big ? 1 : a, q = b * b;
  v64_pair s = v64_two_sum(q, one);
  s.lo += __builtin_fma(b, b, -q);
  const v64_pair r = v64_root(s), u = v64_two_sum(b, r.hi);
  const v64_pair y = v64_log_of(big ? a : u.hi, big ? 0 : u.lo + r.lo);
  const v64_pair t = v64_sum(y.hi, big ? 0x1.62e42fefa39efp-1 : 0);
  return t.hi + (t.lo + y.lo);
}

SL_VMATH double v64_asinh(double x) {
  const double a = __builtin_fabs(x), y = v64_area(a, 1);
  const bool inside = (a >= 0x1p-27) & (a < HUGE_VAL);
  return __builtin_copysign(inside ? y : a, x);
}

SL_VMATH double v64_acosh(double x) {
  const double y = v64_area(x, -1), edge = x < 1 ? __builtin_nan("") : x;
  return ((x >= 1) & (x < HUGE_VAL)) ? y : edge;
}

/* half the logarithm of (1 + a)/(1 - a) */
SL_VMATH double v64_atanh(double x) {
  const double a = __builtin_fabs(x);
  const v64_pair n = v64_two_sum(1, a), d = v64_two_sum(1, -a);
  const double rc = 1 / d.hi, q = n.hi * rc;
  const double rest =
      __builtin_fma(-q, d.hi, n.hi) + __builtin_fma(-q, d.lo, n.lo);
  const v64_pair u = v64_sum(q, rest * rc), y = v64_log_of(u.hi, u.lo);
  const double edge = a == 1 ? HUGE_VAL : (a > 1 ? __builtin_nan("") : a);
  const bool inside = (a >= 0x1p-27) & (a < 1);
  return __builtin_copysign(inside ? 0.5 * (y.hi + y.lo) : edge, x);
}

/* ---- hypot --------------------------------------------------------------- */

SL_VMATH double v64_hypot(double x, double y) {
  const double ax = __builtin_fabs(x), ay = __builtin_fabs(y), inf = HUGE_VAL;
  const double top = ax > ay ? ax : ay;
  const double f = top > 0x1p500 ? 0x1p-600 : (top < 0x1p-400 ? 0x1p600 : 1);
  const double g = top > 0x1p500 ? 0x1p600 : (top < 0x1p-400 ? 0x1p-600 : 1);
  const double m = top * f, n = (ax > ay ? ay : ax) * f;
  const double mm = m * m, nn = n * n;
  v64_pair s = v64_sum(mm, nn);
  s.lo += __builtin_fma(m, m, -mm) + __builtin_fma(n, n, -nn);
  const v64_pair r = v64_root(s);
  const double h = ((x != x) | (y != y)) ? x + y : (r.hi + r.lo) * g;
  return ((ax == inf) | (ay == inf)) ? inf : h;
}
