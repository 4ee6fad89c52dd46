/* convert.c: copies and fills of rows with conversion between dtypes. Floats
** become integers by truncation; whether every value fits is asked first
** (sl_kern_fits), so that the conversion itself has no failing branch and a
** refused copy leaves its target alone. MIT licence. */
#include "kern/kern.h"

#include <string.h>

/* ---- copies -------------------------------------------------------------- */

#define CONVERT(To, Ti)                                                       \
  static void To##_from_##Ti(sl_int n, void *out, sl_int so, const void *in, \
                             sl_int si) {                                     \
    To *o = out;                                                              \
    const Ti *x = in;                                                         \
    if (so == 1 && si == 1) {                                                 \
      _Pragma("omp simd") for (sl_int k = 0; k < n; k++) {                    \
        o[k] = (To)x[k];                                                      \
      }                                                                       \
    } else {                                                                  \
      for (sl_int k = 0; k < n; k++) {                                        \
        o[k * so] = (To)x[k * si];                                            \
      }                                                                       \
    }                                                                         \
  }
#define CONVERT_FROM(Ti)                    \
  CONVERT(uint8_t, Ti) CONVERT(sl_int, Ti)  \
  CONVERT(float, Ti) CONVERT(double, Ti)
CONVERT_FROM(uint8_t)
CONVERT_FROM(sl_int)
CONVERT_FROM(float)
CONVERT_FROM(double)

#define TO_ALL_FROM(Ti)                                            \
  {uint8_t_from_##Ti, sl_int_from_##Ti, float_from_##Ti,           \
   double_from_##Ti}

typedef void convert_fn(sl_int n, void *out, sl_int so, const void *in,
                        sl_int si);

static convert_fn *const converters[SL_NDTYPE][SL_NDTYPE] = {
    [SL_U8] = TO_ALL_FROM(uint8_t),
    [SL_I64] = TO_ALL_FROM(sl_int),
    [SL_F32] = TO_ALL_FROM(float),
    [SL_F64] = TO_ALL_FROM(double),
};

void sl_kern_convert(sl_int n, void *out, sl_dtype dout, sl_int so,
                     const void *in, sl_dtype din, sl_int si) {
  if (dout == din && so == 1 && si == 1) {
    memmove(out, in, (size_t)(n * sl_dtype_size(din)));
    return;
  }
  converters[din][dout](n, out, so, in, si);
}

/* ---- ranges -------------------------------------------------------------- */

/* The bounds are powers of two, so they are exact in both float types; a NaN
** fails both comparisons. */
#define FITS(T, low_i64)                                                    \
  static bool T##_fits(sl_int n, const T *x, sl_int s, bool narrow) {       \
    const T low = narrow ? (T)-1 : (T)(low_i64);                            \
    const T high = narrow ? (T)256 : (T)0x1p63;                             \
    int bad = 0;                                                            \
    for (sl_int k = 0; k < n; k++) {                                        \
      const T v = x[k * s];                                                 \
      bad |= !((narrow ? v > low : v >= low) && v < high);                  \
    }                                                                       \
    return bad == 0;                                                        \
  }
FITS(float, -0x1p63)
FITS(double, -0x1p63)

static bool int_fits(sl_int n, const sl_int *x, sl_int s) {
  int bad = 0;
  for (sl_int k = 0; k < n; k++) {
    bad |= x[k * s] < 0 || x[k * s] > 255;
  }
  return bad == 0;
}

bool sl_kern_fits(sl_int n, const void *in, sl_dtype din, sl_int si,
                  sl_dtype dout) {
  if (sl_dtype_isfloat(dout) || din == SL_U8 || din == dout) {
    return true;
  }
  if (din == SL_I64) {
    return int_fits(n, in, si);
  }
  return din == SL_F64 ? double_fits(n, in, si, dout == SL_U8)
                       : float_fits(n, in, si, dout == SL_U8);
}

/* ---- fills --------------------------------------------------------------- */

#define FILL(T)                                                            \
  static void T##_fill(sl_int n, T *out, sl_int so, T v) {                 \
    if (so == 1) {                                                         \
      for (sl_int k = 0; k < n; k++) {                                     \
        out[k] = v;                                                        \
      }                                                                    \
    } else {                                                               \
      for (sl_int k = 0; k < n; k++) {                                     \
        out[k * so] = v;                                                   \
      }                                                                    \
    }                                                                      \
  }
FILL(uint8_t)
FILL(sl_int)
FILL(float)
FILL(double)

void sl_kern_fill(sl_dtype d, sl_int n, void *out, sl_int so, double v,
                  sl_int iv) {
  switch (d) {
    case SL_U8: uint8_t_fill(n, out, so, (uint8_t)iv); break;
    case SL_I64: sl_int_fill(n, out, so, iv); break;
    case SL_F32: float_fill(n, out, so, (float)v); break;
    default: double_fill(n, out, so, v); break;
  }
}
