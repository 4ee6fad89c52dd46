/* gather.c: indexed rows. Either the index varies along the row (picking
** elements) or it is fixed (copying a row): both are one loop with strides,
** the second a plain copy. MIT licence. */
#include <math.h>

#include "kern/kern.h"

#include <string.h>

#define GATHER(T)                                                             \
  static void gather_##T(sl_int n, T *out, sl_int so, const T *x, sl_int sx, \
                         const sl_int *idx, sl_int si, sl_int axis) {         \
    if (si == 0) {                                                            \
      const T *row = n > 0 ? x + idx[0] * axis : x;                           \
      for (sl_int k = 0; k < n; k++) {                                        \
        out[k * so] = row[k * sx];                                            \
      }                                                                       \
    } else {                                                                  \
      for (sl_int k = 0; k < n; k++) {                                        \
        out[k * so] = x[k * sx + idx[k * si] * axis];                         \
      }                                                                       \
    }                                                                         \
  }
GATHER(uint8_t)
GATHER(uint32_t)
GATHER(uint64_t)

void sl_kern_gather(sl_int size, sl_int n, void *out, sl_int so, const void *x,
                    sl_int sx, const sl_int *idx, sl_int si, sl_int axis) {
  if (si == 0 && so == 1 && sx == 1 && n > 0) {
    const char *row = (const char *)x + idx[0] * axis * size;
    memcpy(out, row, (size_t)(n * size));
  } else if (size == 1) {
    gather_uint8_t(n, out, so, x, sx, idx, si, axis);
  } else if (size == 4) {
    gather_uint32_t(n, out, so, x, sx, idx, si, axis);
  } else {
    gather_uint64_t(n, out, so, x, sx, idx, si, axis);
  }
}

#define SCATTER(T)                                                            \
  static void scatter_##T(sl_int n, T *out, sl_int so, const T *u, sl_int su, \
                          const sl_int *idx, sl_int si, sl_int axis) {        \
    for (sl_int k = 0; k < n; k++) {                                          \
      T *o = &out[k * so + idx[k * si] * axis];                               \
      *o = (T)(*o + u[k * su]);                                               \
    }                                                                         \
  }
SCATTER(uint8_t)
SCATTER(uint64_t)
SCATTER(float)
SCATTER(double)

void sl_kern_scatter(sl_dtype d, sl_int n, void *out, sl_int so, const void *u,
                     sl_int su, const sl_int *idx, sl_int si, sl_int axis) {
  switch (d) {
    case SL_U8: scatter_uint8_t(n, out, so, u, su, idx, si, axis); break;
    case SL_I64: scatter_uint64_t(n, out, so, u, su, idx, si, axis); break;
    case SL_F32: scatter_float(n, out, so, u, su, idx, si, axis); break;
    default: scatter_double(n, out, so, u, su, idx, si, axis); break;
  }
}

void sl_lane_gather(sl_int n, void *out, sl_int so, const void *const *in,
                    const sl_int *s) {
  double *o = out;
  const double *number = in[0], *table = in[1];
  const double count = *(const double *)in[2];
  for (sl_int k = 0; k < n; k++) {
    const double i = number[k * s[0]];
    const bool there = i >= 0 && i < count;
    o[k * so] = there ? table[(sl_int)i * s[1]] : (double)NAN;
  }
}
