/* lstsq.c: least squares of least norm, pseudo-inverse, rank; all decide what
** counts as zero by singular values.  source: LAPACK gelsd, gesdd.
** MIT licence. */
#include <math.h>

#include "num/dense.h"

static double cutoff(const sl_tensor *a, double rcond) {
  sl_int m = a->type.shape[0], n = a->type.shape[1];
  return rcond >= 0 ? rcond : sl_eps(a->type.dtype) * (double)(m > n ? m : n);
}

static lapack_int gelsd(sl_dtype d, lapack_int m, lapack_int n, lapack_int k,
                        void *A, void *B, lapack_int ldb, void *s, double rcond,
                        lapack_int *rank) {
  if (d == SL_F32) {
    return LAPACKE_sgelsd(LAPACK_COL_MAJOR, m, n, k, A, m, B, ldb, s,
                          (float)rcond, rank);
  }
  return LAPACKE_dgelsd(LAPACK_COL_MAJOR, m, n, k, A, m, B, ldb, s, rcond,
                        rank);
}

/* Moves the columns of B [m x k] apart (or together) to leading dimension to;
** rows beyond `from` are zeroed. */
static void restride(sl_dtype d, void *B, sl_int from, sl_int to, sl_int k) {
  for (sl_int j = k - 1; j >= 0; j--) {
    for (sl_int i = to - 1; i >= 0; i--) {
      double v = i < from ? sl_scratch_get(d, B, i + j * from) : 0;
      sl_scratch_set(d, B, i + j * to, v);
    }
  }
}

static sl_status check_lstsq(const sl_tensor *a, const sl_tensor *b,
                             sl_err *err) {
  char ta[200], tb[200];
  SL_TRY(sl_mat_check("lstsq: a", a, false, err));
  SL_TRY(sl_mat_check("lstsq: b", b, false, err));
  if (a->type.ndim != 2 || b->type.ndim != 2 ||
      a->type.shape[0] != b->type.shape[0] ||
      a->type.dtype != b->type.dtype) {
    return sl_fail(err, SL_ESHAPE,
                   "lstsq: a must be [m x n] and b [m x k] of one dtype: a is "
                   "%s, b is %s",
                   sl_type_text(ta, sizeof ta, &a->type),
                   sl_type_text(tb, sizeof tb, &b->type));
  }
  return SL_OK;
}

sl_status sl_lstsq(sl_tensor *x, sl_int *rank, sl_tensor *s, const sl_tensor *a,
                   const sl_tensor *b, double rcond, sl_err *err) {
  SL_TRY(check_lstsq(a, b, err));
  sl_dtype d = a->type.dtype;
  lapack_int m = (lapack_int)a->type.shape[0], n = (lapack_int)a->type.shape[1];
  lapack_int k = (lapack_int)b->type.shape[1], r = 0, tall = m > n ? m : n;
  sl_bag bag = {0};
  void *A = sl_bag_take(&bag, d, m, n), *B = sl_bag_take(&bag, d, tall, k);
  void *sv = sl_bag_take(&bag, d, tall, 1);
  sl_status status = sl_bag_lapack(&bag, m, n, "lstsq", err);
  if (status == SL_OK) {
    status = sl_mat_load(A, sl_mat_at(a, 0), "lstsq: a", err);
  }
  if (status == SL_OK) {
    status = sl_mat_load(B, sl_mat_at(b, 0), "lstsq: b", err);
  }
  if (status == SL_OK) {
    restride(d, B, m, tall, k);
    lapack_int info = 0;
    if (m > 0 && n > 0) {
      info = gelsd(d, m, n, k, A, B, tall, sv, cutoff(a, rcond), &r);
    } else {
      for (sl_int i = 0; i < (sl_int)tall * k; i++) {
        sl_scratch_set(d, B, i, 0);
      }
    }
    status = info > 0 ? sl_fail(err, SL_ECONVERGE,
                                "lstsq: LAPACK did not converge (%d left)",
                                (int)info)
                      : sl_info("lstsq", info, err);
  }
  if (status == SL_OK) {
    *rank = r;
    sl_mat_store(sl_mat_at(x, 0), B, tall);
    sl_mat_store(sl_mat_vector(s), sv, tall);
  }
  return sl_bag_close(&bag, status, "lstsq", err);
}

/* A column-major matrix in scratch as a tensor: [m x n]. */
static sl_tensor over(sl_dtype d, void *p, sl_int m, sl_int n) {
  sl_tensor t = {.type = {.dtype = d, .ndim = 2, .shape = {m, n}},
                 .stride = {1, m},
                 .data = p};
  return t;
}

/* out = V diag(1/s) U', singular values at most `least` left out. */
static sl_status pinv_of(sl_tensor *out, sl_tensor *U, const void *s,
                         const sl_tensor *Vt, double least, sl_err *err) {
  sl_dtype d = U->type.dtype;
  sl_int m = U->type.shape[0], k = U->type.shape[1];
  for (sl_int j = 0; j < k; j++) {
    double value = sl_scratch_get(d, s, j);
    double f = value > least ? 1 / value : 0;
    for (sl_int i = 0; i < m; i++) {
      sl_int at = i + j * m;
      sl_scratch_set(d, U->data, at, f * sl_scratch_get(d, U->data, at));
    }
  }
  return sl_matmul(out, Vt, U, true, true, err);
}

sl_status sl_pinv(sl_tensor *out, const sl_tensor *a, double rcond,
                  sl_err *err) {
  SL_TRY(sl_mat_check("pinv: a", a, false, err));
  sl_dtype d = a->type.dtype;
  sl_int m = a->type.shape[0], n = a->type.shape[1], k = m < n ? m : n;
  sl_bag bag = {0};
  sl_tensor U = over(d, sl_bag_take(&bag, d, m, k), m, k);
  sl_tensor Vt = over(d, sl_bag_take(&bag, d, k, n), k, n);
  void *sv = sl_bag_take(&bag, d, k, 1);
  sl_tensor s = {.type = {.dtype = d, .ndim = 1, .shape = {k}},
                 .stride = {1},
                 .data = sv};
  sl_status status = sl_bag_ready(&bag, "pinv", err);
  if (status == SL_OK) {
    status = sl_svd(&U, &s, &Vt, a, err);
  }
  if (status == SL_OK) {
    double top = k > 0 ? sl_scratch_get(d, sv, 0) : 0;
    status = pinv_of(out, &U, sv, &Vt, cutoff(a, rcond) * top, err);
  }
  return sl_bag_close(&bag, status, "pinv", err);
}

sl_status sl_matrix_rank(sl_int *rank, const sl_tensor *a, double tol,
                         sl_err *err) {
  SL_TRY(sl_mat_check("matrix_rank: a", a, false, err));
  sl_dtype d = a->type.dtype;
  sl_int m = a->type.shape[0], n = a->type.shape[1], k = m < n ? m : n;
  sl_bag bag = {0};
  void *sv = sl_bag_take(&bag, d, k, 1);
  sl_tensor s = {.type = {.dtype = d, .ndim = 1, .shape = {k}},
                 .stride = {1},
                 .data = sv};
  sl_status status = sl_bag_ready(&bag, "matrix_rank", err);
  if (status == SL_OK) {
    status = sl_svd(NULL, &s, NULL, a, err);
  }
  if (status == SL_OK) {
    double top = k > 0 ? sl_scratch_get(d, sv, 0) : 0;
    double least = tol >= 0 ? tol : cutoff(a, -1) * top;
    *rank = 0;
    for (sl_int i = 0; i < k; i++) {
      *rank += sl_scratch_get(d, sv, i) > least ? 1 : 0;
    }
  }
  return sl_bag_close(&bag, status, "matrix_rank", err);
}
