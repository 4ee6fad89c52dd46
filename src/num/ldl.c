/* ldl.c: symmetric indefinite factorisation and inertia, both read from the
** factors that sytrf.inc computes.
** source: Bunch & Kaufman 1977; Sylvester's law of inertia.  MIT licence. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "num/dense.h"

static void swap_rows(sl_dtype d, void *A, sl_int n, sl_int r, sl_int s,
                      sl_int columns) {
  for (sl_int j = 0; r != s && j < columns; j++) {
    double v = sl_scratch_get(d, A, r + j * n);
    sl_scratch_set(d, A, r + j * n, sl_scratch_get(d, A, s + j * n));
    sl_scratch_set(d, A, s + j * n, v);
  }
}

/* Takes the factors apart: A becomes L with all interchanges applied to its
** earlier columns, D its diagonal blocks, perm the order of rows. */
static void expand(sl_dtype d, sl_int n, void *A, void *D,
                   const lapack_int *pivot, sl_tensor *perm) {
  memset(D, 0, (size_t)(n * n * sl_dtype_size(d)));
  for (sl_int i = 0; i < n; i++) {
    sl_set(perm, i, 0, i);
  }
  for (sl_int k = 0; k < n;) {
    bool two = pivot[k] < 0;
    sl_int row = two ? k + 1 : k, other = (two ? -pivot[k] : pivot[k]) - 1;
    sl_int was = sl_geti(perm, row);
    sl_set(perm, row, 0, sl_geti(perm, other));
    sl_set(perm, other, 0, was);
    swap_rows(d, A, n, row, other, k);
    for (sl_int i = k; i <= row; i++) {
      sl_scratch_set(d, D, i + i * n, sl_scratch_get(d, A, i + i * n));
    }
    if (two) {
      double off = sl_scratch_get(d, A, row + k * n);
      sl_scratch_set(d, D, row + k * n, off);
      sl_scratch_set(d, D, k + row * n, off);
      sl_scratch_set(d, A, row + k * n, 0);
    }
    k = row + 1;
  }
  for (sl_int j = 0; j < n; j++) {
    for (sl_int i = 0; i <= j; i++) {
      sl_scratch_set(d, A, i + j * n, i == j ? 1 : 0);
    }
  }
}

/* What both entries begin with: the factors of a - shift I in scratch. */
static sl_status begin(const char *what, sl_bag *bag, const sl_tensor *a,
                       double shift, void **A, lapack_int **pivot,
                       sl_err *err) {
  sl_dtype d = a->type.dtype;
  lapack_int n = (lapack_int)a->type.shape[1];
  *A = sl_bag_take(bag, d, n, n);
  *pivot = sl_bag_ints(bag, n);
  void *w = sl_bag_take(bag, d, n, SL_SYTRF_PANEL);
  SL_TRY(sl_bag_ready(bag, what, err));
  SL_TRY(sl_mat_load(*A, sl_mat_at(a, 0), what, err));
  for (sl_int i = 0; shift != 0 && i < n; i++) {
    sl_int at = i + i * n;
    sl_scratch_set(d, *A, at, sl_scratch_get(d, *A, at) - shift);
  }
  return d == SL_F32 ? sl_sytrf_f32(what, n, *A, *pivot, w, err)
                     : sl_sytrf_f64(what, n, *A, *pivot, w, err);
}

sl_status sl_ldl(sl_tensor *L, sl_tensor *D, sl_tensor *perm,
                 const sl_tensor *a, sl_err *err) {
  SL_TRY(sl_mat_check("ldl: a", a, true, err));
  sl_int n = a->type.shape[1];
  sl_bag bag = {0};
  void *A, *D0 = sl_bag_take(&bag, a->type.dtype, n, n);
  lapack_int *pivot;
  sl_status status = begin("ldl: a", &bag, a, 0, &A, &pivot, err);
  if (status == SL_OK) {
    expand(a->type.dtype, n, A, D0, pivot, perm);
    sl_mat_store(sl_mat_at(L, 0), A, n);
    sl_mat_store(sl_mat_at(D, 0), D0, n);
  }
  return sl_bag_close(&bag, status, "ldl", err);
}

/* The eigenvalues of D into e: 1 x 1 blocks as they are, 2 x 2 blocks by the
** formula that does not cancel; det / big is taken in an order in which no
** square underflows or overflows. */
static void block_values(sl_dtype d, sl_int n, const void *A,
                         const lapack_int *pivot, double *e) {
  for (sl_int k = 0; k < n; k++) {
    double p = sl_scratch_get(d, A, k + k * n);
    if (pivot[k] > 0) {
      e[k] = p;
      continue;
    }
    double q = sl_scratch_get(d, A, k + 1 + k * n);
    double r = sl_scratch_get(d, A, k + 1 + (k + 1) * n);
    double mean = (p + r) / 2, radius = hypot((p - r) / 2, q);
    double big = mean >= 0 ? mean + radius : mean - radius;
    e[k] = big;
    e[k + 1] = big == 0 ? 0 : fma(p / big, r, -(q / big) * q);
    k++;
  }
}

/* Negative, zero and positive eigenvalues of a - shift I. */
static sl_status signs(sl_int count[3], const sl_tensor *a, double shift,
                       sl_err *err) {
  sl_int n = a->type.shape[1];
  sl_bag bag = {0};
  void *A;
  double *e = sl_bag_take(&bag, SL_F64, n, 1);
  lapack_int *pivot;
  sl_status status = begin("inertia: a", &bag, a, shift, &A, &pivot, err);
  memset(count, 0, 3 * sizeof count[0]);
  if (status == SL_OK) {
    block_values(a->type.dtype, n, A, pivot, e);
    for (sl_int i = 0; i < n; i++) {
      count[e[i] < 0 ? 0 : (e[i] > 0 ? 2 : 1)]++;
    }
  }
  return sl_bag_close(&bag, status, "inertia", err);
}

/* The Frobenius norm of a - shift I, scaled by its largest entry. */
static double size_of(const sl_tensor *a, double shift) {
  sl_mat m = sl_mat_at(a, 0);
  double top = 0, sum = 0;
  for (int pass = 0; pass < 2; pass++) {
    for (sl_int i = 0; i < m.n; i++) {
      double part = 0;
      for (sl_int j = 0; j < m.n; j++) {
        double x = sl_scratch_get(m.dtype, m.p, i * m.rs + j * m.cs);
        x = fabs(x - (i == j ? shift : 0));
        top = pass == 0 && x > top ? x : top;
        part += pass == 1 && top > 0 ? x / top * (x / top) : 0;
      }
      sum += part;
    }
  }
  return top * sqrt(sum);
}

sl_status sl_inertia(sl_int count[3], const sl_tensor *a, double shift,
                     double tol, sl_err *err) {
  SL_TRY(sl_mat_check("inertia: a", a, true, err));
  if (!isfinite(shift) || isnan(tol) || tol > DBL_MAX) {
    return sl_fail(err, SL_EDOM, "inertia: shift %g, tol %g must be finite",
                   shift, tol);
  }
  sl_int n = a->type.shape[1], above[3];
  if (tol < 0) {
    tol = (double)n * sl_eps(a->type.dtype) * size_of(a, shift);
  }
  SL_TRY(signs(count, a, shift - tol, err));
  if (tol > 0) {
    SL_TRY(signs(above, a, shift + tol, err));
    count[2] = above[2];
    count[1] = n - count[0] - count[2];
  }
  return SL_OK;
}
