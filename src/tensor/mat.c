/* mat.c: matrices of batched tensors, copied between any strides and the
** column-major scratch of LAPACK; and the threads of its larger calls. Copies
** go by 32 x 32 squares, so that a transposing copy touches whole cache lines.
** MIT licence. */
#include "tensor/mat.h"

#include <cblas.h>
#include <omp.h>
#include <string.h>

enum { SQUARE = 32 };

sl_status sl_mat_check(const char *what, const sl_tensor *t, bool square,
                       sl_err *err) {
  char text[200];
  const sl_type *type = &t->type;
  sl_type_text(text, sizeof text, type);
  if (!sl_dtype_isfloat(type->dtype)) {
    return sl_fail(err, SL_EDTYPE, "%s must be f64 or f32, is %s", what, text);
  }
  if (type->ndim < 2) {
    return sl_fail(err, SL_ESHAPE, "%s must be a matrix [.. x m x n], is %s",
                   what, text);
  }
  sl_int m = type->shape[type->ndim - 2], n = type->shape[type->ndim - 1];
  if (square && m != n) {
    return sl_fail(err, SL_ESHAPE, "%s must be square, is %s", what, text);
  }
  if (m > INT32_MAX || n > INT32_MAX) {
    return sl_fail(err, SL_ESHAPE, "%s is too large for LAPACK: %s", what,
                   text);
  }
  return SL_OK;
}

sl_int sl_mat_count(const sl_tensor *t) {
  sl_int count = 1;
  for (int i = 0; i < t->type.ndim - 2; i++) {
    count *= t->type.shape[i];
  }
  return count;
}

/* Address of the k-th item over the first `axes` axes. */
static char *item(const sl_tensor *t, int axes, sl_int k) {
  sl_int offset = 0;
  for (int i = axes - 1; i >= 0; i--) {
    offset += k % t->type.shape[i] * t->stride[i];
    k /= t->type.shape[i];
  }
  return (char *)t->data + offset * sl_dtype_size(t->type.dtype);
}

sl_mat sl_mat_at(const sl_tensor *t, sl_int k) {
  int d = t->type.ndim;
  return (sl_mat){.dtype = t->type.dtype,
                  .m = t->type.shape[d - 2],
                  .n = t->type.shape[d - 1],
                  .rs = t->stride[d - 2],
                  .cs = t->stride[d - 1],
                  .p = item(t, d - 2, k)};
}

sl_mat sl_mat_vector(const sl_tensor *t) {
  return (sl_mat){.dtype = t->type.dtype, .m = t->type.shape[0], .n = 1,
                  .rs = t->stride[0], .cs = 0, .p = t->data};
}

sl_mat sl_mat_row(const sl_tensor *t, sl_int k) {
  int d = t->type.ndim;
  return (sl_mat){.dtype = t->type.dtype, .m = t->type.shape[d - 1], .n = 1,
                  .rs = t->stride[d - 1], .cs = 0, .p = item(t, d - 1, k)};
}

sl_mat sl_mat_transposed(sl_mat a) {
  return (sl_mat){.dtype = a.dtype, .m = a.n, .n = a.m, .rs = a.cs,
                  .cs = a.rs, .p = a.p};
}

static sl_int least(sl_int a, sl_int b) { return a < b ? a : b; }

/* to[i*tr + j*tc] = from[i*fr + j*fc] by squares, for one element type. */
#define COPY(name, type)                                                   \
  static void name(type *to, sl_int tr, sl_int tc, const type *from,       \
                   sl_int fr, sl_int fc, sl_int m, sl_int n) {             \
    for (sl_int j0 = 0; j0 < n; j0 += SQUARE) {                            \
      for (sl_int i0 = 0; i0 < m; i0 += SQUARE) {                          \
        for (sl_int j = j0; j < least(j0 + SQUARE, n); j++) {              \
          for (sl_int i = i0; i < least(i0 + SQUARE, m); i++) {            \
            to[i * tr + j * tc] = from[i * fr + j * fc];                   \
          }                                                                \
        }                                                                  \
      }                                                                    \
    }                                                                      \
  }
COPY(copy_f64, double)
COPY(copy_f32, float)

/* The first entry whose exponent is all ones, or count. */
static sl_int first_infinite_f64(const double *x, sl_int count) {
  const uint64_t mask = 0x7ff0000000000000u;
  uint64_t bits;
  for (sl_int i = 0; i < count; i++) {
    memcpy(&bits, &x[i], sizeof bits);
    if ((bits & mask) == mask) {
      return i;
    }
  }
  return count;
}

static sl_int first_infinite_f32(const float *x, sl_int count) {
  const uint32_t mask = 0x7f800000u;
  uint32_t bits;
  for (sl_int i = 0; i < count; i++) {
    memcpy(&bits, &x[i], sizeof bits);
    if ((bits & mask) == mask) {
      return i;
    }
  }
  return count;
}

sl_status sl_mat_load(void *dst, sl_mat a, const char *what, sl_err *err) {
  sl_int bad, count = a.m * a.n;
  if (a.dtype == SL_F32) {
    copy_f32(dst, 1, a.m, (const float *)a.p, a.rs, a.cs, a.m, a.n);
    bad = first_infinite_f32(dst, count);
  } else {
    copy_f64(dst, 1, a.m, (const double *)a.p, a.rs, a.cs, a.m, a.n);
    bad = first_infinite_f64(dst, count);
  }
  if (bad < count) {
    return sl_fail(err, SL_EDOM,
                   "%s has an entry that is NaN or infinite: row %lld, "
                   "column %lld",
                   what, (long long)(bad % a.m + 1),
                   (long long)(bad / a.m + 1));
  }
  return SL_OK;
}

void sl_mat_store(sl_mat out, const void *src, sl_int ld) {
  if (out.dtype == SL_F32) {
    copy_f32((float *)out.p, out.rs, out.cs, src, 1, ld, out.m, out.n);
  } else {
    copy_f64((double *)out.p, out.rs, out.cs, src, 1, ld, out.m, out.n);
  }
}

void *sl_mat_scratch(sl_dtype d, sl_int a, sl_int b) {
  sl_int count, bytes;
  if (!sl_mul(a, b, &count) || !sl_mul(count, sl_dtype_size(d), &bytes)) {
    return NULL;
  }
  return sl_malloc_aligned(bytes > 0 ? bytes : 64);
}

/* ---- threads of OpenBLAS ------------------------------------------------- */

/* Below SL_LAPACK_WIDE its threads wait for each other most of the time: two
** take as long as one at n = 500 (LU), two thirds of it at n = 1000. */
bool sl_blas_raise(sl_int m, sl_int n) {
  double work = (double)m * (double)n * (double)least(m, n);
  if (work < SL_LAPACK_WIDE || sl_threads() == 1 || omp_in_parallel()) {
    return false;
  }
  openblas_set_num_threads(sl_threads());
  return true;
}

void sl_blas_lower(bool raised) {
  if (raised) {
    openblas_set_num_threads(1);
  }
}
