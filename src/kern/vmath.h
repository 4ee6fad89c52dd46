/* vmath.h: the element-wise functions of lanes.def as scalar inline functions
** without branches or tables, which compilers turn into packed instructions
** inside the loops of lanes.c. An element's bits depend on its value alone: not
** on position, stride or vector width, for every fused multiply-add is written
** out (exact also where the processor has none). Special values follow C99
** Annex F. Polynomials: interpolation at Chebyshev nodes in 60 digits, each
** coefficient rounded; the stated error is that of the function, relative, with
** the rounded coefficients in exact arithmetic. Bounds: docs/numerics.md.
** MIT licence. */
#ifndef SL_VMATH_H
#define SL_VMATH_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Always, or the larger loops would call instead of vectorising. */
#define SL_VMATH static inline __attribute__((always_inline))

/* ---- f64 ----------------------------------------------------------------- */

#define REAL double
#define BITS uint64_t
#define FN(name) v64_##name
#define FMA __builtin_fma
#define ABS __builtin_fabs
#define COPYSIGN __builtin_copysign
#define RINT __builtin_rint
#define INF HUGE_VAL
#define NOT_A_NUMBER __builtin_nan("")
#define HALF 0.5
#define MANT 52
#define BIAS 1023.0
#define BIAS_BITS 1023
#define MAGIC 0x1.8p52 /* adding it leaves a whole number in the low bits */
#define TWO_MANT 0x1p52
#define MANT_2 54.0
#define MIN_NORMAL 0x1p-1022
#define TINY 0x1p-54 /* below it 1 + x is 1 */
#define LOG2E 0x1.71547652b82fep0
#define LN2_HI 0x1.62e42fefa39efp-1
#define LN2_LO 0x1.abc9e3b39803fp-56
#define LOG_LN2_HI 0x1.62e42fefa38p-1 /* 42 bits: times k it is exact */
#define LOG_LN2_LO 0x1.ef35793c7673p-45
#define SQRT_HALF_BITS UINT64_C(0x3fe6a09e667f3bcd)
#define MANT_MAX 64.0
#define EXP_MIN -746.0
#define EXP_MAX 710.0
#define EXPM1_MIN -40.0
#define EXPM1_MAX 710.0
#define TANH_MAX 20.0
#define SINH_MAX 710.6
#define SINH_TINY 0x1p-28

/* (e^r - 1 - r) / r^2, |r| <= 0.34661: error of e^r - 1 2^-58.7 */
SL_VMATH double v64_exp_poly(double r) {
  const double z = r * r;
  const double a = FMA(0x1.1f66dfd03f2b5p-29, r, 0x1.af38aa3dc1703p-26);
  const double b = FMA(0x1.27e4e1f463608p-22, r, 0x1.71de0dae2883ep-19);
  const double c = FMA(0x1.a01a01a47b0ep-16, r, 0x1.a01a01a7c42c9p-13);
  const double d = FMA(0x1.6c16c16c167e1p-10, r, 0x1.11111111109b3p-7);
  const double e = FMA(0x1.5555555555555p-5, r, 0x1.5555555555556p-3);
  const double p = FMA(FMA(FMA(FMA(a, z, b), z, c), z, d), z, e);
  return FMA(p, r, 0.5);
}

/* (log((1 + s)/(1 - s))/s - 2) / z, z = s^2 <= 0.02944: error 2^-57.6 */
SL_VMATH double v64_log_poly(double z) {
  const double z2 = z * z;
  const double a = FMA(0x1.39fe3f9a5222dp-3, z, 0x1.7462b5a7c4918p-3);
  const double b = FMA(0x1.c71c62e208731p-3, z, 0x1.2492492df400ep-2);
  const double c = FMA(0x1.99999999952c9p-2, z, 0x1.5555555555558p-1);
  return FMA(FMA(FMA(0x1.2b59dff819d71p-3, z2, a), z2, b), z2, c);
}

#include "kern/vmath_exp.inc"
#include "kern/vmath_undef.inc"

#include "kern/vmath_trig.h"
#include "kern/vmath_more.h"
#include "kern/vmath_pow.h"

/* ---- f32 ----------------------------------------------------------------- */

#define REAL float
#define BITS uint32_t
#define FN(name) v32_##name
#define FMA __builtin_fmaf
#define ABS __builtin_fabsf
#define COPYSIGN __builtin_copysignf
#define RINT __builtin_rintf
#define INF HUGE_VALF
#define NOT_A_NUMBER __builtin_nanf("")
#define HALF 0.5f
#define MANT 23
#define BIAS 127.0f
#define BIAS_BITS 127
#define MAGIC 0x1.8p23f
#define TWO_MANT 0x1p23f
#define MANT_2 25.0f
#define MIN_NORMAL 0x1p-126f
#define TINY 0x1p-25f
#define LOG2E 0x1.715476p0f
#define LN2_HI 0x1.62e43p-1f
#define LN2_LO -0x1.05c61p-29f
#define LOG_LN2_HI 0x1.62e4p-1f
#define LOG_LN2_LO 0x1.7f7d1cp-20f
#define SQRT_HALF_BITS UINT32_C(0x3f3504f3)
#define MANT_MAX 40.0f
#define EXP_MIN -104.0f
#define EXP_MAX 89.0f
#define EXPM1_MIN -20.0f
#define EXPM1_MAX 89.0f
#define TANH_MAX 10.0f
#define SINH_MAX 89.6f
#define SINH_TINY 0x1p-13f

/* as above: error 2^-29.4 */
SL_VMATH float v32_exp_poly(float r) {
  const float z = r * r;
  const float a = FMA(0x1.6d110ap-10f, r, 0x1.1110f6p-7f);
  const float b = FMA(0x1.55551ap-5f, r, 0x1.555556p-3f);
  return FMA(FMA(FMA(0x1.a0f86ep-13f, z, a), z, b), r, 0.5f);
}

/* as above: error 2^-31.6 */
SL_VMATH float v32_log_poly(float z) {
  const float a = FMA(0x1.ddd02ep-3f, z, 0x1.245c3ep-2f);
  return FMA(FMA(a, z, 0x1.9999ecp-2f), z, 0x1.555556p-1f);
}

#include "kern/vmath_exp.inc"
#include "kern/vmath_undef.inc"

SL_VMATH float v32_pow(float x, float y) {
  const double r = v64_pow_rough((double)__builtin_fabsf(x), (double)y);
  return v32_pow_cases(x, y, (float)r);
}

#endif
