/* powi.c: integer powers. Small exponents by repeated squaring, in blocks, so
** that the loop over exponent bits stays outside and the products vectorise;
** beyond SQUARINGS the rounding of a squaring chain (about |p| half-ulps) is
** worse than that of pow, which then takes over. f32 is computed in f64.
** MIT licence. */
#include "kern/kern.h"

#include <math.h>
#include <string.h>

#define BLOCK 128
#define SQUARINGS 32 /* the largest |p| done by products */

/* v[k] = v[k]^p for p >= 0; scratch is the running square. A function of its
** own, for scripts/packed.lua. */
static __attribute__((noinline)) void square_block(sl_int n, double *v, sl_int p) {
  double base[BLOCK];
  for (sl_int k = 0; k < n; k++) {
    base[k] = v[k];
    v[k] = 1.0;
  }
  for (; p > 0; p >>= 1) {
    if (p & 1) {
      for (sl_int k = 0; k < n; k++) {
        v[k] *= base[k];
      }
    }
    if (p > 1) {
      for (sl_int k = 0; k < n; k++) {
        base[k] *= base[k];
      }
    }
  }
}

/* v[k] = v[k]^p by pow. |p| may exceed 2^53, where the parity that decides the
** sign is lost in the conversion to double: hence the sign by hand. */
static void pow_large(sl_int n, double *v, sl_int p) {
  double x[BLOCK];
  for (sl_int k = 0; k < n; k++) {
    x[k] = fabs(v[k]);
  }
  const double y = (double)p;
  const void *in[] = {x, &y};
  const sl_int step[] = {1, 0};
  const bool odd = (p & 1) != 0;
  sl_lane_get(SL_LANE_pow, SL_F64)(n, x, 1, in, step);
  for (sl_int k = 0; k < n; k++) {
    v[k] = copysign(x[k], odd ? v[k] : 1.0);
  }
}

static bool lost(double v) { /* x^|p| out of range */
  return isinf(v) || fabs(v) < 0x1p-1000;
}

/* v[k] = x[k]^p of v[k] = x[k]^-p, p < 0 */
static void invert_block(sl_int n, double *v, double *x, sl_int p) {
  int any = 0;
  for (sl_int k = 0; k < n; k++) {
    any |= lost(v[k]);
    x[k] = lost(v[k]) ? x[k] : 1.0 / v[k];
  }
  for (sl_int k = 0; k < n && any; k++) {
    if (lost(v[k])) {
      pow_large(1, x + k, p);
    }
  }
  memcpy(v, x, (size_t)n * sizeof *v);
}

static void pow_block(sl_int n, double *v, sl_int p) {
  if (p < -SQUARINGS || p > SQUARINGS) {
    pow_large(n, v, p);
    return;
  }
  double x[BLOCK];
  for (sl_int k = 0; k < n; k++) {
    x[k] = v[k];
  }
  square_block(n, v, p < 0 ? -p : p);
  if (p < 0) {
    invert_block(n, v, x, p);
  }
}

static void powi_i64(sl_int n, sl_int *out, sl_int so, const sl_int *x,
                     sl_int sx, sl_int p) {
  for (sl_int k = 0; k < n; k++) {
    uint64_t base = (uint64_t)x[k * sx], v = 1;
    for (sl_int q = p; q > 0; q >>= 1) {
      v *= q & 1 ? base : 1;
      base *= base;
    }
    out[k * so] = (sl_int)v;
  }
}

static void powi_float(sl_dtype d, sl_int n, char *out, sl_int so,
                       const char *x, sl_int sx, sl_int p) {
  double v[BLOCK];
  sl_int size = sl_dtype_size(d);
  for (sl_int i = 0; i < n; i += BLOCK) {
    sl_int len = n - i < BLOCK ? n - i : BLOCK;
    sl_kern_convert(len, v, SL_F64, 1, x + i * sx * size, d, sx);
    pow_block(len, v, p);
    sl_kern_convert(len, out + i * so * size, d, so, v, SL_F64, 1);
  }
}

void sl_kern_powi(sl_dtype d, sl_int n, void *out, sl_int so, const void *x,
                  sl_int sx, sl_int p) {
  if (d == SL_I64) {
    powi_i64(n, out, so, x, sx, p);
  } else {
    powi_float(d, n, out, so, x, sx, p);
  }
}
