/* norm.c: norms of vectors and matrices, in double and scaled by the largest
** entry, so that nothing overflows on the way.  MIT licence. */
#include <math.h>
#include <string.h>

#include "num/dense.h"

static double entry(const sl_mat *a, sl_int i, sl_int j) {
  return sl_scratch_get(a->dtype, a->p, i * a->rs + j * a->cs);
}

static double largest(const sl_mat *a) {
  double top = 0;
  for (sl_int i = 0; i < a->m; i++) {
    for (sl_int j = 0; j < a->n; j++) {
      double x = fabs(entry(a, i, j));
      if (isnan(x)) {
        return x;
      }
      top = x > top ? x : top;
    }
  }
  return top;
}

/* (sum |x|^p)^(1/p) over all entries, 0 < p < inf. */
static double power_norm(const sl_mat *a, double p) {
  double top = largest(a), sum = 0;
  if (!(top > 0) || isinf(top)) {
    return top; /* 0, inf or NaN */
  }
  for (sl_int i = 0; i < a->m; i++) {
    for (sl_int j = 0; j < a->n; j++) {
      double x = fabs(entry(a, i, j)) / top;
      sum += p == 2 ? x * x : (p == 1 ? x : pow(x, p));
    }
  }
  return top * (p == 2 ? sqrt(sum) : (p == 1 ? sum : pow(sum, 1 / p)));
}

static double smallest(const sl_mat *a) {
  double low = HUGE_VAL;
  for (sl_int i = 0; i < a->m; i++) {
    double x = fabs(entry(a, i, 0));
    if (isnan(x)) {
      return x;
    }
    low = x < low ? x : low;
  }
  return low;
}

static double nonzeros(const sl_mat *a) {
  double count = 0;
  for (sl_int i = 0; i < a->m; i++) {
    count += entry(a, i, 0) != 0 ? 1 : 0;
  }
  return count;
}

static double vector_norm(const sl_mat *a, double p) {
  if (p == 0) {
    return nonzeros(a);
  }
  if (isinf(p)) {
    return p > 0 ? largest(a) : smallest(a);
  }
  return power_norm(a, p);
}

/* Largest sum of |.| along the columns of a. */
static double column_norm(sl_mat a) {
  double top = 0;
  for (sl_int j = 0; j < a.n; j++) {
    double sum = 0;
    for (sl_int i = 0; i < a.m; i++) {
      sum += fabs(entry(&a, i, j));
    }
    if (isnan(sum)) {
      return sum;
    }
    top = sum > top ? sum : top;
  }
  return top;
}

static sl_status spectral(double *out, const sl_tensor *a, bool sum,
                          sl_err *err) {
  SL_TRY(sl_mat_check("norm: a", a, false, err));
  sl_int m = a->type.shape[0], n = a->type.shape[1], k = m < n ? m : n;
  sl_bag bag = {0};
  void *sv = sl_bag_take(&bag, a->type.dtype, k, 1);
  sl_tensor s = {.type = {.dtype = a->type.dtype, .ndim = 1, .shape = {k}},
                 .stride = {1},
                 .data = sv};
  sl_status status = sl_bag_ready(&bag, "norm", err);
  if (status == SL_OK) {
    status = sl_svd(NULL, &s, NULL, a, err);
  }
  if (status == SL_OK) {
    *out = 0;
    for (sl_int i = 0; i < (sum ? k : (k > 0 ? 1 : 0)); i++) {
      *out += sl_scratch_get(a->type.dtype, sv, i);
    }
  }
  return sl_bag_close(&bag, status, "norm", err);
}

static sl_status matrix_norm(double *out, const sl_tensor *a, double p,
                             sl_err *err) {
  if (p == 2) {
    return spectral(out, a, false, err);
  }
  sl_mat m = sl_mat_at(a, 0);
  if (p == 1) {
    *out = column_norm(m);
    return SL_OK;
  }
  if (isinf(p) && p > 0) {
    *out = column_norm(sl_mat_transposed(m));
    return SL_OK;
  }
  return sl_fail(err, SL_EARG,
                 "norm: p must be 1, 2 or inf for a matrix, is %g", p);
}

sl_status sl_norm(double *out, const sl_tensor *a, sl_norm_kind kind, double p,
                  sl_err *err) {
  char text[200];
  int ndim = a->type.ndim;
  sl_type_text(text, sizeof text, &a->type);
  if (!sl_dtype_isfloat(a->type.dtype)) {
    return sl_fail(err, SL_EDTYPE, "norm: a must be f64 or f32, is %s", text);
  }
  if (ndim != 1 && ndim != 2) {
    return sl_fail(err, SL_ESHAPE, "norm: a must be [n] or [m x n], is %s",
                   text);
  }
  if (kind == SL_NORM_NUC) {
    return spectral(out, a, true, err);
  }
  if (kind == SL_NORM_P && ndim == 2) {
    return matrix_norm(out, a, p, err);
  }
  if (kind == SL_NORM_P && !(p >= 0) && !isinf(p)) {
    return sl_fail(err, SL_EARG, "norm: p must be >= 0 or inf, is %g", p);
  }
  sl_mat m = ndim == 1 ? sl_mat_vector(a) : sl_mat_at(a, 0);
  *out = kind == SL_NORM_FRO ? power_norm(&m, 2) : vector_norm(&m, p);
  return SL_OK;
}
