/* vmath_trig.h: the trigonometric functions and their inverses in f64; see
** vmath.h. MIT licence. */

#define PI_HI 0x1.921fb54442d18p1
#define PI_LO 0x1.1a62633145c07p-53
#define HALF_PI_HI 0x1.921fb54442d18p0
#define HALF_PI_LO 0x1.1a62633145c07p-54
#define HALF_PI_LOWEST -0x1.f1976b7ed8fbcp-110
#define TWO_OVER_PI 0x1.45f306dc9c883p-1
/* Up to here three parts of pi/2 are enough: the nearest that a double comes to
** a multiple of pi/2 is about 2^-61, what the third part lacks is 2^-122. */
#define NEAR_MAX 0x1p40

/* ---- sin, cos, tan: |x| < NEAR_MAX --------------------------------------- */

/* x = q pi/2 + r, |r| <= pi/4 (of q the two low bits count) */
typedef struct v64_angle {
  v64_pair r;
  uint64_t q;
} v64_angle;

SL_VMATH v64_angle v64_turn(double x) {
  const double t = __builtin_fma(x, TWO_OVER_PI, 0x1.8p52), k = t - 0x1.8p52;
  const double a = __builtin_fma(-k, HALF_PI_HI, x); /* exact */
  const double p = k * HALF_PI_LO, pl = __builtin_fma(k, HALF_PI_LO, -p);
  v64_angle y = {v64_two_sum(a, -p), v64_bits(t)};
  y.r.lo = __builtin_fma(-k, HALF_PI_LOWEST, y.r.lo - pl);
  return y;
}

/* (sin r / r - 1) / z, z = r^2 <= 0.6169: error 2^-57.3 */
SL_VMATH double v64_sin_poly(double z) {
  const double a = __builtin_fma(0x1.61217f0a8a4adp-33, z,
                                 -0x1.ae645412c42aap-26);
  const double b = __builtin_fma(0x1.71de3a546095p-19, z,
                                 -0x1.a01a01a019938p-13);
  const double c = __builtin_fma(0x1.111111111111p-7, z,
                                 -0x1.5555555555555p-3);
  const double z2 = z * z;
  const double top = __builtin_fma(-0x1.ab17d373ff85ap-41, z2, a);
  return __builtin_fma(__builtin_fma(top, z2, b), z2, c);
}

/* (cos r - 1 + z/2) / z^2: error 2^-60 */
SL_VMATH double v64_cos_poly(double z) {
  const double a = __builtin_fma(-0x1.907da2e3b0622p-37, z,
                                 0x1.1eeb68e8843f9p-29);
  const double b = __builtin_fma(-0x1.27e4fa17d95a2p-22, z,
                                 0x1.a01a019f4eaf8p-16);
  const double c = __builtin_fma(-0x1.6c16c16c16967p-10, z,
                                 0x1.5555555555555p-5);
  const double z2 = z * z;
  return __builtin_fma(__builtin_fma(a, z2, b), z2, c);
}

/* sin and cos of r, as sums hi + lo with lo up to 0.1 */
typedef struct v64_circle {
  v64_pair sin, cos;
} v64_circle;

SL_VMATH v64_circle v64_circle_of(v64_pair r) {
  const double z = r.hi * r.hi, h = 0.5 * z, w = 1 - h;
  const double s = r.hi * z * v64_sin_poly(z);
  const double c = __builtin_fma(z * z, v64_cos_poly(z), -r.hi * r.lo);
  return (v64_circle){{r.hi, __builtin_fma(r.lo, w, s)},
                      {w, ((1 - w) - h) + c}};
}

SL_VMATH double v64_sin_at(v64_angle y) {
  const v64_circle c = v64_circle_of(y.r);
  const double s = c.sin.hi + c.sin.lo, v = c.cos.hi + c.cos.lo;
  const double odd = (y.q & 1) != 0 ? v : s;
  return v64_real(v64_bits(odd) ^ ((y.q & 2) << 62));
}

SL_VMATH double v64_sin(double x) {
  const double y = v64_sin_at(v64_turn(x));
  return __builtin_fabs(x) < 0x1p-27 ? x : y;
}

SL_VMATH double v64_cos(double x) {
  v64_angle y = v64_turn(x);
  y.q += 1;
  return v64_sin_at(y);
}

SL_VMATH double v64_tan(double x) {
  const v64_angle y = v64_turn(x);
  const v64_circle c = v64_circle_of(y.r);
  const v64_pair s = v64_sum(c.sin.hi, c.sin.lo);
  const v64_pair v = v64_sum(c.cos.hi, c.cos.lo);
  const bool odd = (y.q & 1) != 0;
  const double t = v64_quotient(odd ? -v.hi : s.hi, odd ? -v.lo : s.lo,
                                odd ? s.hi : v.hi, odd ? s.lo : v.lo);
  return __builtin_fabs(x) < 0x1p-27 ? x : t;
}

/* ---- atan, atan2 --------------------------------------------------------- */

/* (atan t / t - 1) / z, z = t^2, |t| <= tan(pi/8): error 2^-57.1 */
SL_VMATH double v64_atan_poly(double z) {
  const double z2 = z * z;
  const double a = __builtin_fma(0x1.4162a0ca08c48p-5, z,
                                 -0x1.a09991868cc89p-5);
  const double b = __builtin_fma(0x1.dfe6476b38d37p-5, z,
                                 -0x1.10fa7793115c9p-4);
  const double c = __builtin_fma(0x1.3b12630423962p-4, z,
                                 -0x1.745d0b288ff66p-4);
  const double d = __builtin_fma(0x1.c71c71853ce8ep-4, z,
                                 -0x1.24924924361f2p-3);
  const double e = __builtin_fma(0x1.999999999934cp-3, z,
                                 -0x1.5555555555555p-2);
  double p = __builtin_fma(-0x1.3a3164e53531fp-6, z2, a);
  p = __builtin_fma(__builtin_fma(p, z2, b), z2, c);
  return __builtin_fma(__builtin_fma(p, z2, d), z2, e);
}

/* The angle of y/x, both >= 0 and of moderate size: base + atan t with base 0,
** pi/4 or pi/2, t = y/x, (y - x)/(y + x) or -x/y. */
SL_VMATH v64_pair v64_angle_of(double y, double x) {
  const double low = 0x1.a827999fcef32p-2, high = 0x1.3504f333f9de6p1;
  const bool up = y > low * x, over = y > high * x;
  const v64_pair m = v64_two_sum(y, up ? -x : 0);
  const v64_pair p = v64_two_sum(x, up ? y : 0);
  const double a = over ? -x : m.hi, al = over ? 0 : m.lo;
  const double d = over ? y : p.hi, dl = over ? 0 : p.lo;
  const double half = over ? 1 : 0.5, part = up ? half : 0;
  const double base = part * HALF_PI_HI, under = part * HALF_PI_LO;
  const double rc = 1 / d, t = a * rc;
  const double rest = __builtin_fma(-t, d, a) + __builtin_fma(-t, dl, al);
  const v64_pair s = v64_sum(base, t);
  const double z = t * t, cube = t * z * v64_atan_poly(z);
  return (v64_pair){s.hi, s.lo + (__builtin_fma(rest, rc, under) + cube)};
}

SL_VMATH double v64_atan(double x) {
  const double a = __builtin_fabs(x);
  const v64_pair s = v64_angle_of(a > 0x1p60 ? 0x1p60 : a, 1);
  return a < 0x1p-27 ? x : __builtin_copysign(s.hi + s.lo, x);
}

/* Both scaled by a power of two where their sum or a reciprocal might leave the
** range; infinities become 1 beside 0. */
SL_VMATH double v64_atan2(double y, double x) {
  const double ay = __builtin_fabs(y), ax = __builtin_fabs(x);
  const double top = ax > ay ? ax : ay, inf = HUGE_VAL;
  const double f = top > 0x1p900 ? 0x1p-100 : (top < 0x1p-500 ? 0x1p500 : 1);
  const bool endless = top == inf, none = top == 0;
  const double v = endless ? (ay == inf ? 1 : 0) : ay * f;
  const double u = endless ? (ax == inf ? 1 : 0) : (none ? 1 : ax * f);
  const v64_pair s = v64_angle_of(v, u);
  const v64_pair w = v64_sum(PI_HI, -s.hi);
  const double left = w.hi + (w.lo + (PI_LO - s.lo));
  const double r = __builtin_copysign(1.0, x) < 0 ? left : s.hi + s.lo;
  return ((x != x) | (y != y)) ? x + y : __builtin_copysign(r, y);
}

/* ---- asin, acos ---------------------------------------------------------- */

/* (asin s / s - 1) / z, z = s^2 <= 1/4: error 2^-57.4 */
SL_VMATH double v64_asin_poly(double z) {
  const double z2 = z * z;
  const double a = __builtin_fma(-0x1.e6aaa8a0a04ccp-7, z,
                                 0x1.1d189408314eep-6);
  const double b = __builtin_fma(0x1.65a9c4dfcf8b2p-8, z,
                                 0x1.52420b04b37bep-7);
  const double c = __builtin_fma(0x1.782651caa6547p-7, z,
                                 0x1.c9cf07674736ap-7);
  const double d = __builtin_fma(0x1.1c4d35cf95421p-6, z,
                                 0x1.6e8bb1c8209a2p-6);
  const double e = __builtin_fma(0x1.f1c71c1db0623p-6, z,
                                 0x1.6db6db6e31f13p-5);
  const double f = __builtin_fma(0x1.3333333332ecap-4, z,
                                 0x1.5555555555556p-3);
  double p = __builtin_fma(0x1.d72b2bc8155f8p-6, z2, a);
  p = __builtin_fma(__builtin_fma(p, z2, b), z2, c);
  p = __builtin_fma(__builtin_fma(p, z2, d), z2, e);
  return __builtin_fma(p, z2, f);
}

/* asin of a <= 1/2 is s + rest with s = a; beyond, pi/2 - 2 (s + rest) with
** s = sqrt((1 - a)/2). NaN for a > 1. */
SL_VMATH v64_pair v64_half_angle(double a) {
  const bool big = a > 0.5;
  const double z = big ? (1 - a) * 0.5 : a * a;
  const double root = __builtin_sqrt(z), s = big ? root : a;
  const double lost = __builtin_fma(-root, root, z) / (root + root);
  return (v64_pair){s, __builtin_fma(s * z, v64_asin_poly(z),
                                     (big & (z != 0)) ? lost : 0)};
}

SL_VMATH double v64_asin(double x) {
  const double a = __builtin_fabs(x);
  const v64_pair s = v64_half_angle(a), w = v64_sum(HALF_PI_HI, -2 * s.hi);
  const double far = w.hi + (w.lo + (HALF_PI_LO - 2 * s.lo));
  const double y = a > 0.5 ? far : s.hi + s.lo;
  return a < 0x1p-27 ? x : __builtin_copysign(y, x);
}

SL_VMATH double v64_acos(double x) {
  const double a = __builtin_fabs(x);
  const v64_pair s = v64_half_angle(a);
  const bool big = a > 0.5, right = x > 0.5;
  const double base = right ? 0 : (big ? PI_HI : HALF_PI_HI);
  const double under = right ? 0 : (big ? PI_LO : HALF_PI_LO);
  const double f = right ? 2 : (big ? -2 : (x < 0 ? 1 : -1));
  const double hi = f * s.hi;
  const v64_pair w = v64_sum(base, hi);
  return w.hi + (w.lo + __builtin_fma(f, s.lo, under));
}
