/* factor.c: QR, Cholesky, LU, and what follows from LU: inverse, determinant.
** The inverse is a solve with the identity, so that its notion of singular is
** that of sl_solve.  source: LAPACK 3.  MIT licence. */
#include <math.h>
#include <string.h>

#include "num/dense.h"

/* Zeroes what lies strictly below (or above) the diagonal of A, m x n. */
static void clear(sl_dtype d, void *A, sl_int m, sl_int n, bool below) {
  for (sl_int j = 0; j < n; j++) {
    sl_int from = below ? j + 1 : 0, to = below ? m : (j < m ? j : m);
    for (sl_int i = from; i < to; i++) {
      sl_scratch_set(d, A, i + j * m, 0);
    }
  }
}

sl_status sl_qr(sl_tensor *Q, sl_tensor *R, const sl_tensor *a, sl_err *err) {
  SL_TRY(sl_mat_check("qr: a", a, false, err));
  sl_dtype d = a->type.dtype;
  lapack_int m = (lapack_int)a->type.shape[0], info = 0;
  lapack_int n = (lapack_int)a->type.shape[1], k = m < n ? m : n;
  sl_bag bag = {0};
  void *A = sl_bag_take(&bag, d, m, n), *tau = sl_bag_take(&bag, d, k, 1);
  void *R0 = sl_bag_take(&bag, d, m, n);
  sl_status status = sl_bag_lapack(&bag, m, n, "qr", err);
  if (status == SL_OK) {
    status = sl_mat_load(A, sl_mat_at(a, 0), "qr: a", err);
  }
  if (status == SL_OK && k > 0) {
    info = SL_LAPACK(d, geqrf, LAPACK_COL_MAJOR, m, n, A, m, tau);
    memcpy(R0, A, (size_t)((sl_int)m * n * sl_dtype_size(d)));
    clear(d, R0, m, n, true);
    if (info == 0) {
      info = SL_LAPACK(d, orgqr, LAPACK_COL_MAJOR, m, k, k, A, m, tau);
    }
    status = sl_info("qr", info, err);
  }
  if (status == SL_OK) {
    sl_mat_store(sl_mat_at(Q, 0), A, m);
    sl_mat_store(sl_mat_at(R, 0), R0, m);
  }
  return sl_bag_close(&bag, status, "qr", err);
}

static sl_status chol_one(void *A, sl_mat a, sl_err *err) {
  lapack_int n = (lapack_int)a.n;
  SL_TRY(sl_mat_load(A, a, "chol: a", err));
  if (n == 0) {
    return SL_OK;
  }
  lapack_int info = SL_LAPACK(a.dtype, potrf, LAPACK_COL_MAJOR, 'L', n, A, n);
  SL_TRY(sl_info("chol", info, err));
  if (info > 0) {
    return sl_fail(err, SL_EDOM,
                   "chol: a [%d x %d] is not positive definite: its leading "
                   "minor of order %d is not positive",
                   (int)n, (int)n, (int)info);
  }
  clear(a.dtype, A, n, n, false);
  return SL_OK;
}

sl_status sl_chol(sl_tensor *L, const sl_tensor *a, sl_err *err) {
  SL_TRY(sl_mat_check("chol: a", a, true, err));
  sl_int n = a->type.shape[a->type.ndim - 1];
  sl_bag bag = {0};
  void *A = sl_bag_take(&bag, a->type.dtype, n, n);
  sl_status status = sl_bag_lapack(&bag, n, n, "chol", err);
  for (sl_int k = 0; status == SL_OK && k < sl_mat_count(a); k++) {
    status = chol_one(A, sl_mat_at(a, k), err);
    if (status == SL_OK) {
      sl_mat_store(sl_mat_at(L, k), A, n);
      status = sl_poll(err, "chol");
    }
  }
  return sl_bag_close(&bag, status, "chol", err);
}

/* perm from LAPACK's list of interchanges (1-based). */
static void permute(sl_tensor *perm, sl_int m, const lapack_int *pivot,
                    sl_int k) {
  for (sl_int i = 0; i < m; i++) {
    sl_set(perm, i, 0, i);
  }
  for (sl_int i = 0; i < k; i++) {
    sl_int other = pivot[i] - 1, was = sl_geti(perm, i);
    sl_set(perm, i, 0, sl_geti(perm, other));
    sl_set(perm, other, 0, was);
  }
}

static void store_lu(sl_tensor *L, sl_tensor *U, sl_tensor *packed, void *A,
                     void *copy, sl_int m, sl_int n) {
  sl_dtype d = L->type.dtype;
  sl_int k = m < n ? m : n;
  if (packed) {
    sl_mat_store(sl_mat_at(packed, 0), A, m);
  }
  memcpy(copy, A, (size_t)(m * n * sl_dtype_size(d)));
  clear(d, copy, m, n, true);
  sl_mat_store(sl_mat_at(U, 0), copy, m);
  clear(d, A, m, n, false);
  for (sl_int i = 0; i < k; i++) {
    sl_scratch_set(d, A, i + i * m, 1);
  }
  sl_mat_store(sl_mat_at(L, 0), A, m);
}

sl_status sl_lu(sl_tensor *perm, sl_tensor *L, sl_tensor *U, sl_tensor *packed,
                const sl_tensor *a, sl_err *err) {
  SL_TRY(sl_mat_check("lu: a", a, false, err));
  sl_dtype d = a->type.dtype;
  lapack_int m = (lapack_int)a->type.shape[0], n = (lapack_int)a->type.shape[1];
  lapack_int k = m < n ? m : n;
  sl_bag bag = {0};
  void *A = sl_bag_take(&bag, d, m, n), *copy = sl_bag_take(&bag, d, m, n);
  lapack_int *pivot = sl_bag_ints(&bag, k);
  sl_status status = sl_bag_lapack(&bag, m, n, "lu", err);
  if (status == SL_OK) {
    status = sl_mat_load(A, sl_mat_at(a, 0), "lu: a", err);
  }
  if (status == SL_OK && k > 0) {
    status = sl_info(
        "lu", SL_LAPACK(d, getrf, LAPACK_COL_MAJOR, m, n, A, m, pivot), err);
  }
  if (status == SL_OK) {
    permute(perm, m, pivot, k);
    store_lu(L, U, packed, A, copy, m, n);
  }
  return sl_bag_close(&bag, status, "lu", err);
}

sl_status sl_inv(sl_tensor *out, const sl_tensor *a, sl_err *err) {
  SL_TRY(sl_mat_check("inv: a", a, true, err));
  sl_int n = a->type.shape[a->type.ndim - 1];
  sl_bag bag = {0};
  void *eye = sl_bag_take(&bag, a->type.dtype, n, n);
  sl_status status = sl_bag_ready(&bag, "inv", err);
  if (status == SL_OK) {
    memset(eye, 0, (size_t)(n * n * sl_dtype_size(a->type.dtype)));
    for (sl_int i = 0; i < n; i++) {
      sl_scratch_set(a->type.dtype, eye, i + i * n, 1);
    }
    sl_tensor b = *out; /* the identity, repeated over the batch axes */
    b.data = eye;
    memset(b.stride, 0, sizeof b.stride);
    b.stride[b.type.ndim - 2] = n;
    b.stride[b.type.ndim - 1] = 1;
    status = sl_solve(out, a, &b, false, err);
  }
  return sl_bag_close(&bag, status, "inv", err);
}

/* sign and log |det| of the LU factors in A. */
static void slogdet_of(sl_dtype d, const void *A, sl_int n,
                       const lapack_int *pivot, double *sign, double *log_abs) {
  *sign = 1;
  *log_abs = 0;
  for (sl_int i = 0; i < n; i++) {
    double u = sl_scratch_get(d, A, i + i * n);
    bool flip = (u < 0) != (pivot[i] != i + 1);
    *sign = u == 0 ? 0 : (flip ? -*sign : *sign);
    *log_abs += log(fabs(u));
  }
}

/* The product itself, exact where the factors are: no logarithm between. */
static double det_of(sl_dtype d, const void *A, sl_int n,
                     const lapack_int *pivot) {
  double det = 1;
  for (sl_int i = 0; i < n; i++) {
    double u = sl_scratch_get(d, A, i + i * n);
    det *= pivot[i] != i + 1 ? -u : u;
  }
  return det;
}

/* Both determinants: out2 NULL asks for det itself. */
static sl_status determinants(const char *what, sl_tensor *out,
                              sl_tensor *out2, const sl_tensor *a,
                              sl_err *err) {
  sl_dtype d = a->type.dtype;
  lapack_int n = (lapack_int)a->type.shape[a->type.ndim - 1], info = 0;
  sl_bag bag = {0};
  void *A = sl_bag_take(&bag, d, n, n);
  lapack_int *pivot = sl_bag_ints(&bag, n);
  sl_status status = sl_bag_lapack(&bag, n, n, what, err);
  for (sl_int k = 0; status == SL_OK && k < sl_mat_count(a); k++) {
    status = sl_mat_load(A, sl_mat_at(a, k), what, err);
    if (status == SL_OK && n > 0) {
      info = SL_LAPACK(d, getrf, LAPACK_COL_MAJOR, n, n, A, n, pivot);
      status = sl_info(what, info, err);
    }
    if (status != SL_OK) {
      break;
    }
    if (out2) {
      double sign, log_abs;
      slogdet_of(d, A, n, pivot, &sign, &log_abs);
      sl_set(out, k, sign, 0);
      sl_set(out2, k, log_abs, 0);
    } else {
      sl_set(out, k, det_of(d, A, n, pivot), 0);
    }
    status = sl_poll(err, what);
  }
  return sl_bag_close(&bag, status, what, err);
}

sl_status sl_slogdet(sl_tensor *sign, sl_tensor *logabs, const sl_tensor *a,
                     sl_err *err) {
  SL_TRY(sl_mat_check("slogdet: a", a, true, err));
  return determinants("slogdet: a", sign, logabs, a, err);
}

sl_status sl_det(sl_tensor *out, const sl_tensor *a, sl_err *err) {
  SL_TRY(sl_mat_check("det: a", a, true, err));
  return determinants("det: a", out, NULL, a, err);
}
