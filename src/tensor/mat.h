/* mat.h: one matrix of a tensor [.., m, n], and its way into and out of the
** column-major scratch that LAPACK works on. Internal to tensor and num.
** Any strides are read and written; entries are checked to be finite on the
** way in, so that LAPACK never sees a NaN.  MIT licence. */
#ifndef SL_MAT_H
#define SL_MAT_H

#include <lapacke.h>

#include "tensor/tensor.h"

typedef struct sl_mat {
  sl_dtype dtype;
  sl_int m, n;   /* rows, columns */
  sl_int rs, cs; /* strides in elements between rows, columns */
  char *p;
} sl_mat;

/* SL_LAPACK(d, potrf, args): LAPACKE_spotrf or LAPACKE_dpotrf by dtype d. The
** array arguments are void pointers, the scalars must suit both. */
#define SL_LAPACK(d, name, ...)                     \
  ((d) == SL_F32 ? (LAPACKE_s##name)(__VA_ARGS__) \
                 : (LAPACKE_d##name)(__VA_ARGS__))

/* sl_mat_check: t is f64 or f32, has at least two axes (square: equal ones)
** and fits LAPACK's 32-bit sizes. `what` names operation and argument:
** "eigh: a". errors: SL_EDTYPE, SL_ESHAPE. */
sl_status sl_mat_check(const char *what, const sl_tensor *t, bool square,
                       sl_err *err);

/* sl_mat_count: number of matrices, the product of the leading axes. */
sl_int sl_mat_count(const sl_tensor *t);

/* sl_mat_at: matrix number k (row-major over the leading axes) of t. */
sl_mat sl_mat_at(const sl_tensor *t, sl_int k);

/* sl_mat_vector: a 1-d tensor as a single column. */
sl_mat sl_mat_vector(const sl_tensor *t);

/* sl_mat_row: row k of the leading axes of a [.., n] tensor, as a column. */
sl_mat sl_mat_row(const sl_tensor *t, sl_int k);

/* sl_mat_transposed: the same matrix read the other way round. */
sl_mat sl_mat_transposed(sl_mat a);

/* sl_mat_load: dst (column-major, leading dimension m) = a.
** errors: SL_EDOM when an entry is NaN or infinite, naming its position. */
sl_status sl_mat_load(void *dst, sl_mat a, const char *what, sl_err *err);

/* sl_mat_store: out = src (column-major, leading dimension ld >= m). */
void sl_mat_store(sl_mat out, const void *src, sl_int ld);

/* sl_mat_scratch: an aligned block of a x b elements of dtype d, at least one;
** NULL when memory runs out. Freed with sl_free. */
void *sl_mat_scratch(sl_dtype d, sl_int a, sl_int b);

/* sl_blas_raise: before LAPACK calls on m x n matrices: OpenBLAS takes
** sl_threads() threads if that pays, that is from m n min(m, n) = SL_LAPACK_WIDE
** on (n = 1000 for a square) and outside a parallel region; else it stays on
** one. Returns what sl_blas_lower is to be given after them. The one exception
** to "the same bits for any number of threads". */
#define SL_LAPACK_WIDE 1e9
bool sl_blas_raise(sl_int m, sl_int n);
void sl_blas_lower(bool raised);

#endif
