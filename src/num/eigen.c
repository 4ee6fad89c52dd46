/* eigen.c: symmetric and general eigenvalues, singular values. Each routine
** copies one matrix into column-major scratch, calls LAPACK there and copies
** the answer out, whatever the strides.  source: LAPACK 3.  MIT licence. */
#include "num/dense.h"

static sl_status diverged(const char *what, lapack_int info, sl_err *err) {
  return sl_fail(err, SL_ECONVERGE, "%s: LAPACK did not converge (%d left)",
                 what, (int)info);
}

/* Eigenvalues alone of matrices beyond the cache: the reduction in two stages
** is made of matrix products, the usual one of matrix-vector products. */
enum { TWO_STAGES = 3500 };

static lapack_int eigh_call(sl_dtype d, lapack_int n, void *A, void *w,
                            bool vectors) {
  if (!vectors && n >= TWO_STAGES) {
    return SL_LAPACK(d, syevd_2stage, LAPACK_COL_MAJOR, 'N', 'L', n, A, n, w);
  }
  return SL_LAPACK(d, syevd, LAPACK_COL_MAJOR, vectors ? 'V' : 'N', 'L', n, A,
                   n, w);
}

static sl_status eigh_one(void *A, void *w, sl_mat a, bool vectors,
                          sl_err *err) {
  lapack_int n = (lapack_int)a.n;
  SL_TRY(sl_mat_load(A, a, "eigh: a", err));
  if (n == 0) {
    return SL_OK;
  }
  lapack_int info = eigh_call(a.dtype, n, A, w, vectors);
  SL_TRY(sl_info("eigh", info, err));
  return info > 0 ? diverged("eigh", info, err) : SL_OK;
}

sl_status sl_eigh(sl_tensor *w, sl_tensor *V, const sl_tensor *a,
                  sl_err *err) {
  SL_TRY(sl_mat_check("eigh: a", a, true, err));
  sl_int n = a->type.shape[a->type.ndim - 1], count = sl_mat_count(a);
  sl_bag bag = {0};
  void *A = sl_bag_take(&bag, a->type.dtype, n, n);
  void *values = sl_bag_take(&bag, a->type.dtype, n, 1);
  sl_status status = sl_bag_lapack(&bag, n, n, "eigh", err);
  for (sl_int k = 0; status == SL_OK && k < count; k++) {
    status = eigh_one(A, values, sl_mat_at(a, k), V != NULL, err);
    if (status == SL_OK) {
      sl_mat_store(sl_mat_row(w, k), values, n);
      if (V) {
        sl_mat_store(sl_mat_at(V, k), A, n);
      }
      status = sl_poll(err, "eigh");
    }
  }
  return sl_bag_close(&bag, status, "eigh", err);
}

/* LAPACK packs a conjugate pair as two real columns: real part, imaginary
** part of the first. re and im become the full columns. */
static void unpack(sl_dtype d, sl_int n, const void *w_im, void *re,
                   void *im) {
  for (sl_int j = 0; j < n; j++) {
    bool pair = sl_scratch_get(d, w_im, j) != 0;
    for (sl_int i = 0; i < n; i++) {
      sl_int at = i + j * n;
      if (!pair) {
        sl_scratch_set(d, im, at, 0);
        continue;
      }
      double y = sl_scratch_get(d, re, at + n);
      sl_scratch_set(d, re, at + n, sl_scratch_get(d, re, at));
      sl_scratch_set(d, im, at, y);
      sl_scratch_set(d, im, at + n, -y);
    }
    j += pair ? 1 : 0;
  }
}

sl_status sl_eig(sl_tensor *w_re, sl_tensor *w_im, sl_tensor *V_re,
                 sl_tensor *V_im, const sl_tensor *a, sl_err *err) {
  SL_TRY(sl_mat_check("eig: a", a, true, err));
  sl_dtype d = a->type.dtype;
  lapack_int n = (lapack_int)a->type.shape[1], ld = n > 0 ? n : 1, info = 0;
  sl_bag bag = {0};
  void *A = sl_bag_take(&bag, d, n, n), *re = sl_bag_take(&bag, d, n, 1);
  void *im = sl_bag_take(&bag, d, n, 1), *V = sl_bag_take(&bag, d, n, n);
  void *V2 = sl_bag_take(&bag, d, n, n);
  sl_status status = sl_bag_lapack(&bag, n, n, "eig", err);
  if (status == SL_OK) {
    status = sl_mat_load(A, sl_mat_at(a, 0), "eig: a", err);
  }
  if (status == SL_OK && n > 0) {
    info = SL_LAPACK(d, geev, LAPACK_COL_MAJOR, 'N', V_re ? 'V' : 'N', n, A, ld,
                     re, im, NULL, 1, V, ld);
    status = info > 0 ? diverged("eig", info, err) : sl_info("eig", info, err);
  }
  if (status == SL_OK) {
    sl_mat_store(sl_mat_vector(w_re), re, n);
    sl_mat_store(sl_mat_vector(w_im), im, n);
    if (V_re) {
      unpack(d, n, im, V, V2);
      sl_mat_store(sl_mat_at(V_re, 0), V, n);
      sl_mat_store(sl_mat_at(V_im, 0), V2, n);
    }
  }
  return sl_bag_close(&bag, status, "eig", err);
}

/* Scratch of one singular value decomposition. */
typedef struct svd_work {
  void *A, *U, *s, *Vt, *super;
  bool vectors;
} svd_work;

static sl_status svd_one(const svd_work *w, sl_mat a, sl_err *err) {
  lapack_int m = (lapack_int)a.m, n = (lapack_int)a.n, k = m < n ? m : n;
  char job = w->vectors ? 'S' : 'N';
  SL_TRY(sl_mat_load(w->A, a, "svd: a", err));
  if (k == 0) {
    return SL_OK;
  }
  lapack_int info = SL_LAPACK(a.dtype, gesdd, LAPACK_COL_MAJOR, job, m, n,
                              w->A, m, w->s, w->U, m, w->Vt, k);
  if (info > 0) { /* divide and conquer failed: the slower, surer one */
    SL_TRY(sl_mat_load(w->A, a, "svd: a", err));
    info = SL_LAPACK(a.dtype, gesvd, LAPACK_COL_MAJOR, job, job, m, n, w->A, m,
                     w->s, w->U, m, w->Vt, k, w->super);
  }
  SL_TRY(sl_info("svd", info, err));
  return info > 0 ? diverged("svd", info, err) : SL_OK;
}

sl_status sl_svd(sl_tensor *U, sl_tensor *s, sl_tensor *Vt, const sl_tensor *a,
                 sl_err *err) {
  SL_TRY(sl_mat_check("svd: a", a, false, err));
  sl_dtype d = a->type.dtype;
  sl_int m = a->type.shape[a->type.ndim - 2];
  sl_int n = a->type.shape[a->type.ndim - 1], k = m < n ? m : n;
  sl_bag bag = {0};
  svd_work w = {.A = sl_bag_take(&bag, d, m, n),
                .U = sl_bag_take(&bag, d, m, k),
                .s = sl_bag_take(&bag, d, k, 1),
                .Vt = sl_bag_take(&bag, d, k, n),
                .super = sl_bag_take(&bag, d, k, 1),
                .vectors = U != NULL};
  sl_status status = sl_bag_lapack(&bag, m, n, "svd", err);
  for (sl_int i = 0; status == SL_OK && i < sl_mat_count(a); i++) {
    status = svd_one(&w, sl_mat_at(a, i), err);
    if (status != SL_OK) {
      break;
    }
    sl_mat_store(sl_mat_row(s, i), w.s, k);
    if (U) {
      sl_mat_store(sl_mat_at(U, i), w.U, m);
      sl_mat_store(sl_mat_at(Vt, i), w.Vt, k);
    }
    status = sl_poll(err, "svd");
  }
  return sl_bag_close(&bag, status, "svd", err);
}
