/* solve.c: linear systems with a general matrix, for the graph and for num.
** LU with partial pivoting by LAPACK, with the reciprocal condition number
** estimated in the 1-norm (Higham 1988, LAPACK's gecon); a system that is
** singular to working precision is an error, never a wild answer.
** MIT licence. */
#include <float.h>

#include "tensor/mat.h"

typedef struct work {
  void *a, *b;
  lapack_int *pivot;
} work;

static double eps_of(sl_dtype d) {
  return d == SL_F32 ? (double)FLT_EPSILON : DBL_EPSILON;
}

static double norm_of(sl_dtype d, lapack_int n, const void *a) {
  return d == SL_F32
             ? (double)LAPACKE_slange(LAPACK_COL_MAJOR, '1', n, n, a, n)
             : LAPACKE_dlange(LAPACK_COL_MAJOR, '1', n, n, a, n);
}

static double rcond_of(sl_dtype d, lapack_int n, const void *lu, double norm) {
  if (d == SL_F32) {
    float r = 0;
    LAPACKE_sgecon(LAPACK_COL_MAJOR, '1', n, lu, n, (float)norm, &r);
    return (double)r;
  }
  double r = 0;
  LAPACKE_dgecon(LAPACK_COL_MAJOR, '1', n, lu, n, norm, &r);
  return r;
}

static sl_status solve_one(work *w, sl_mat x, sl_mat a, sl_mat b, bool trans,
                           sl_err *err) {
  lapack_int n = (lapack_int)a.m, k = (lapack_int)b.n;
  SL_TRY(sl_mat_load(w->a, a, "solve: a", err));
  SL_TRY(sl_mat_load(w->b, b, "solve: b", err));
  if (n == 0) {
    return SL_OK;
  }
  double norm = norm_of(a.dtype, n, w->a);
  lapack_int info =
      SL_LAPACK(a.dtype, getrf, LAPACK_COL_MAJOR, n, n, w->a, n, w->pivot);
  if (info < 0) {
    return sl_fail(err, SL_ENOMEM, "solve: no memory for LAPACK");
  }
  double rcond = info > 0 ? 0 : rcond_of(a.dtype, n, w->a, norm);
  if (!(rcond >= eps_of(a.dtype))) {
    return sl_fail(err, SL_ESINGULAR,
                   "solve: a [%d x %d] is singular to working precision "
                   "(rcond %.3g)",
                   (int)n, (int)n, rcond);
  }
  SL_LAPACK(a.dtype, getrs, LAPACK_COL_MAJOR, trans ? 'T' : 'N', n, k, w->a, n,
            w->pivot, w->b, n);
  sl_mat_store(x, w->b, a.m);
  return SL_OK;
}

static sl_status check(const sl_tensor *x, const sl_tensor *a,
                       const sl_tensor *b, sl_err *err) {
  char ta[200], tb[200];
  SL_TRY(sl_mat_check("solve: a", a, true, err));
  SL_TRY(sl_mat_check("solve: b", b, false, err));
  int d = a->type.ndim;
  bool fits = d == b->type.ndim && a->type.dtype == b->type.dtype;
  for (int i = 0; fits && i < d - 1; i++) {
    fits = a->type.shape[i] == b->type.shape[i];
  }
  if (!fits) {
    return sl_fail(err, SL_ESHAPE,
                   "solve: a must be [.. x n x n] and b [.. x n x k] of one "
                   "dtype: a is %s, b is %s",
                   sl_type_text(ta, sizeof ta, &a->type),
                   sl_type_text(tb, sizeof tb, &b->type));
  }
  if (!sl_type_eq(&x->type, &b->type)) {
    return sl_fail(err, SL_EBUG, "solve: x must have the type of b");
  }
  return SL_OK;
}

sl_status sl_solve(sl_tensor *x, const sl_tensor *a, const sl_tensor *b,
                   bool trans, sl_err *err) {
  SL_TRY(check(x, a, b, err));
  sl_int n = a->type.shape[a->type.ndim - 1];
  sl_int k = b->type.shape[b->type.ndim - 1];
  sl_int size = sl_dtype_size(a->type.dtype);
  work w = {sl_temp_take(n * n * size), sl_temp_take(n * k * size),
            sl_temp_take((n + 1) * (sl_int)sizeof(lapack_int))};
  sl_status status = SL_OK;
  if (!w.a || !w.b || !w.pivot) {
    status = sl_fail(err, SL_ENOMEM, "solve: no memory for %lld x %lld",
                     (long long)n, (long long)n);
  }
  bool raised = status == SL_OK && sl_blas_raise(n, n);
  for (sl_int i = 0; status == SL_OK && i < sl_mat_count(a); i++) {
    status = sl_poll(err, "solve");
    if (status == SL_OK) {
      status = solve_one(&w, sl_mat_at(x, i), sl_mat_at(a, i), sl_mat_at(b, i),
                         trans, err);
    }
  }
  sl_blas_lower(raised);
  sl_temp_give(w.a);
  sl_temp_give(w.b);
  sl_temp_give(w.pivot);
  return status == SL_OK ? sl_poll(err, "solve") : status;
}
