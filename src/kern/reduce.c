/* reduce.c: the leaves of sums, maxima and minima, one set of loops for each
** dtype from fold.inc, and the two scans along one row: position of the
** extreme, running sum. The tree above the leaves is the caller's where they are
** not evenly spaced (tensor/reduce.c) or made on the way (graph/group.c). f32
** sums are kept in f64, integer sums wrap. The blocked pairwise sum is the
** classical one (Higham, Accuracy and Stability, 4.2): error of order
** eps log n. MIT licence. */
#include "kern/kern.h"

#include <math.h>

#define WAYS 8 /* accumulators of a leaf */

#define OP(a, v) ((a) + (v))
#define NAME sum_f64
#define T double
#define ACC double
#define OUT double
#define INIT 0.0
#include "kern/fold.inc"
#define NAME sum_f32
#define T float
#define ACC double
#define OUT float
#define INIT 0.0
#include "kern/fold.inc"
#define NAME sum_i64
#define T sl_int
#define ACC uint64_t
#define OUT sl_int
#define INIT 0
#include "kern/fold.inc"
#define NAME sum_u8
#define T uint8_t
#define ACC uint64_t
#define OUT sl_int
#define INIT 0
#include "kern/fold.inc"
#undef OP

/* A NaN wins whichever side it is on: kept when in a, taken when v != v. */
#define OP(a, v) ((((v) > (a)) | ((v) != (v))) ? (v) : (a))
#define NAME max_f64
#define T double
#define ACC double
#define OUT double
#define INIT (-HUGE_VAL)
#include "kern/fold.inc"
#define NAME max_f32
#define T float
#define ACC float
#define OUT float
#define INIT (-HUGE_VALF)
#include "kern/fold.inc"
#undef OP
#define OP(a, v) ((v) > (a) ? (v) : (a))
#define NAME max_i64
#define T sl_int
#define ACC sl_int
#define OUT sl_int
#define INIT INT64_MIN
#include "kern/fold.inc"
#define NAME max_u8
#define T uint8_t
#define ACC uint8_t
#define OUT uint8_t
#define INIT 0
#include "kern/fold.inc"
#undef OP

#define OP(a, v) ((((v) < (a)) | ((v) != (v))) ? (v) : (a))
#define NAME min_f64
#define T double
#define ACC double
#define OUT double
#define INIT HUGE_VAL
#include "kern/fold.inc"
#define NAME min_f32
#define T float
#define ACC float
#define OUT float
#define INIT HUGE_VALF
#include "kern/fold.inc"
#undef OP
#define OP(a, v) ((v) < (a) ? (v) : (a))
#define NAME min_i64
#define T sl_int
#define ACC sl_int
#define OUT sl_int
#define INIT INT64_MAX
#include "kern/fold.inc"
#define NAME min_u8
#define T uint8_t
#define ACC uint8_t
#define OUT uint8_t
#define INIT 255
#include "kern/fold.inc"
#undef OP

#define FOLDER(name, acc, out) \
  {acc, out, name##_leaf, name##_join_rows, name##_store}

static const sl_folder folders[][SL_NDTYPE] = {
    [SL_FOLD_SUM] = {[SL_U8] = FOLDER(sum_u8, SL_I64, SL_I64),
                     [SL_I64] = FOLDER(sum_i64, SL_I64, SL_I64),
                     [SL_F32] = FOLDER(sum_f32, SL_F64, SL_F32),
                     [SL_F64] = FOLDER(sum_f64, SL_F64, SL_F64)},
    [SL_FOLD_MAX] = {[SL_U8] = FOLDER(max_u8, SL_U8, SL_U8),
                     [SL_I64] = FOLDER(max_i64, SL_I64, SL_I64),
                     [SL_F32] = FOLDER(max_f32, SL_F32, SL_F32),
                     [SL_F64] = FOLDER(max_f64, SL_F64, SL_F64)},
    [SL_FOLD_MIN] = {[SL_U8] = FOLDER(min_u8, SL_U8, SL_U8),
                     [SL_I64] = FOLDER(min_i64, SL_I64, SL_I64),
                     [SL_F32] = FOLDER(min_f32, SL_F32, SL_F32),
                     [SL_F64] = FOLDER(min_f64, SL_F64, SL_F64)},
};

const sl_folder *sl_folder_get(sl_fold kind, sl_dtype d) {
  return &folders[kind][d];
}

void sl_fold_halves(const sl_folder *f, sl_columns *acc, sl_int nk,
                    const char *x, sl_int sk, sl_int n, sl_int step,
                    sl_int size) {
  sl_columns other;
  sl_int half = sl_fold_half(n);
  const char *rest = x + half * step * size;
  sl_fold_tree(f, acc, nk, x, sk, half, step, size);
  sl_fold_tree(f, &other, nk, rest, sk, n - half, step, size);
  f->join(nk, acc, &other);
}

/* ---- scans --------------------------------------------------------------- */

/* v beats b: strictly better, or the first NaN. */
#define ARGEXT(T)                                                            \
  static sl_int arg_##T(bool max, sl_int n, const T *x, sl_int s) {          \
    sl_int best = 0;                                                         \
    T b = x[0];                                                              \
    for (sl_int k = 1; k < n && b == b; k++) {                               \
      const T v = x[k * s];                                                  \
      if ((max ? v > b : v < b) || v != v) {                                 \
        b = v;                                                               \
        best = k;                                                            \
      }                                                                      \
    }                                                                        \
    return best;                                                             \
  }
ARGEXT(uint8_t)
ARGEXT(sl_int)
ARGEXT(float)
ARGEXT(double)

sl_int sl_kern_argext(sl_dtype d, bool max, sl_int n, const void *x,
                      sl_int s) {
  switch (d) {
    case SL_U8: return arg_uint8_t(max, n, x, s);
    case SL_I64: return arg_sl_int(max, n, x, s);
    case SL_F32: return arg_float(max, n, x, s);
    default: return arg_double(max, n, x, s);
  }
}

#define CUMSUM(name, T, ACC, OUT)                                         \
  static void cumsum_##name(sl_int n, OUT *out, sl_int so, const T *x,    \
                            sl_int s) {                                   \
    ACC a = 0;                                                            \
    for (sl_int k = 0; k < n; k++) {                                      \
      a = k > 0 ? a + (ACC)x[k * s] : (ACC)x[k * s];                      \
      out[k * so] = (OUT)a;                                               \
    }                                                                     \
  }
CUMSUM(u8, uint8_t, uint64_t, sl_int)
CUMSUM(i64, sl_int, uint64_t, sl_int)
CUMSUM(f32, float, double, float)
CUMSUM(f64, double, double, double)

void sl_kern_cumsum(sl_dtype d, sl_int n, void *out, sl_int so, const void *x,
                    sl_int s) {
  switch (d) {
    case SL_U8: cumsum_u8(n, out, so, x, s); break;
    case SL_I64: cumsum_i64(n, out, so, x, s); break;
    case SL_F32: cumsum_f32(n, out, so, x, s); break;
    default: cumsum_f64(n, out, so, x, s); break;
  }
}
