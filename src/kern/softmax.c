/* softmax.c: softmax and log sum exp of one row. Shifted by the maximum, so
** that the largest term is exp(0) = 1: nothing overflows and the sum lies in
** [1, n]. Sums are in f64, pairwise over leaves. MIT licence. */
#include "kern/kern.h"
#include "kern/vmath.h"

#include <math.h>

/* The pairwise sum of n values at distance s, in f64. */
#define PAIRWISE(T, dtype)                                                  \
  static double pairwise_##T(sl_int n, const T *x, sl_int s) {              \
    sl_columns acc;                                                         \
    sl_fold_tree(sl_folder_get(SL_FOLD_SUM, dtype), &acc, 1, x, 0, n, s,    \
                 (sl_int)sizeof(T));                                        \
    return acc.f64[0];                                                      \
  }
PAIRWISE(double, SL_F64)
PAIRWISE(float, SL_F32)

/* NaN when any is NaN; -Inf when n = 0. */
#define MAXIMUM(T)                                        \
  static T max_##T(sl_int n, const T *x, sl_int s) {      \
    T m = (T)-HUGE_VAL;                                   \
    for (sl_int k = 0; k < n; k++) {                      \
      const T v = x[k * s];                               \
      m = ((v > m) | (v != v)) ? v : m;                   \
    }                                                     \
    return m;                                             \
  }
MAXIMUM(double)
MAXIMUM(float)

#define BLOCK 128

/* out[k] = exp(x[k] - m), in blocks, so that strided ones are packed code too.
** A function of its own, for scripts/packed.lua. */
#define EXPS(T, fexp)                                                       \
  static __attribute__((noinline)) void exps_##T(sl_int n, T *out, sl_int so, \
                                                 const T *x, sl_int s,      \
                                                 T m) {                     \
    T row[BLOCK];                                                           \
    for (sl_int i = 0; i < n; i += BLOCK) {                                 \
      const sl_int len = n - i < BLOCK ? n - i : BLOCK;                     \
      T *to = out + i * so, *o = so == 1 ? to : row;                        \
      for (sl_int k = 0; k < len; k++) {                                    \
        o[k] = x[(i + k) * s] - m;                                          \
      }                                                                     \
      _Pragma("omp simd") for (sl_int k = 0; k < len; k++) {                \
        o[k] = fexp(o[k]);                                                  \
      }                                                                     \
      for (sl_int k = 0; k < len && so != 1; k++) {                         \
        to[k * so] = o[k];                                                  \
      }                                                                     \
    }                                                                       \
  }
EXPS(double, v64_exp)
EXPS(float, v32_exp)

static void softmax_f64(sl_int n, double *out, sl_int so, const double *x,
                        sl_int s) {
  double m = max_double(n, x, s);
  exps_double(n, out, so, x, s, m);
  double sum = pairwise_double(n, out, so);
  for (sl_int k = 0; k < n; k++) {
    out[k * so] /= sum;
  }
}

static void softmax_f32(sl_int n, float *out, sl_int so, const float *x,
                        sl_int s) {
  float m = max_float(n, x, s);
  exps_float(n, out, so, x, s, m);
  double sum = pairwise_float(n, out, so);
  for (sl_int k = 0; k < n; k++) {
    out[k * so] = (float)((double)out[k * so] / sum);
  }
}

void sl_kern_softmax(sl_dtype d, sl_int n, void *out, sl_int so, const void *x,
                     sl_int s) {
  if (d == SL_F32) {
    softmax_f32(n, out, so, x, s);
  } else {
    softmax_f64(n, out, so, x, s);
  }
}

/* Short rows one after the other: the exponentials of many rows are one loop.
** The bits are those of sl_kern_softmax on each. */
#define ROWS(T)                                                             \
  static __attribute__((noinline)) void rows_##T(sl_int rows, sl_int n,     \
                                                 T *out, const T *x) {      \
    for (sl_int r = 0; r < rows; r++) {                                     \
      const T m = max_##T(n, x + r * n, 1);                                 \
      for (sl_int k = r * n; k < (r + 1) * n; k++) {                        \
        out[k] = x[k] - m;                                                  \
      }                                                                     \
    }                                                                       \
    exps_##T(rows * n, out, 1, out, 1, 0);                                  \
    for (sl_int r = 0; r < rows; r++) {                                     \
      const double sum = pairwise_##T(n, out + r * n, 1);                   \
      for (sl_int k = r * n; k < (r + 1) * n; k++) {                        \
        out[k] = (T)((double)out[k] / sum);                                 \
      }                                                                     \
    }                                                                       \
  }
ROWS(double)
ROWS(float)

void sl_kern_softmax_rows(sl_dtype d, sl_int rows, sl_int n, void *out,
                          const void *x) {
  if (d == SL_F32) {
    rows_float(rows, n, out, x);
  } else {
    rows_double(rows, n, out, x);
  }
}

/* log sum exp(x[k*s] - m), the tree of leaves as in pairwise_T, the terms made
** leaf by leaf. */
#define SUMEXP(T)                                                           \
  static double sumexp_##T(sl_int n, const T *x, sl_int s, T m) {           \
    if (n > SL_FOLD_LEAF) {                                                 \
      sl_int half = sl_fold_half(n);                                        \
      return sumexp_##T(half, x, s, m) +                                    \
             sumexp_##T(n - half, x + half * s, s, m);                      \
    }                                                                       \
    T term[SL_FOLD_LEAF];                                                   \
    exps_##T(n, term, 1, x, s, m);                                          \
    return pairwise_##T(n, term, 1);                                        \
  }
SUMEXP(double)
SUMEXP(float)

/* An infinite or NaN maximum is the answer itself. */
void sl_kern_logsumexp(sl_dtype d, sl_int n, void *out, const void *x,
                       sl_int s) {
  if (d == SL_F32) {
    float m = max_float(n, x, s);
    double sum = isfinite(m) ? sumexp_float(n, x, s, m) : 1.0;
    *(float *)out = (float)((double)m + v64_log(sum));
  } else {
    double m = max_double(n, x, s);
    double sum = isfinite(m) ? sumexp_double(n, x, s, m) : 1.0;
    *(double *)out = m + v64_log(sum);
  }
}
