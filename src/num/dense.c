/* dense.c: scratch and status handling of the LAPACK files.  MIT licence. */
#include "num/dense.h"

#include <float.h>

void *sl_bag_take(sl_bag *bag, sl_dtype d, sl_int a, sl_int b) {
  void *p = sl_mat_scratch(d, a, b);
  bag->failed = bag->failed || !p;
  bag->block[bag->count++] = p;
  return p;
}

lapack_int *sl_bag_ints(sl_bag *bag, sl_int n) {
  /* an f64 element has room for any lapack_int */
  return sl_bag_take(bag, SL_F64, n + 1, 1);
}

sl_status sl_bag_ready(const sl_bag *bag, const char *what, sl_err *err) {
  if (bag->failed) {
    return sl_fail(err, SL_ENOMEM, "%s: no memory for its workspace", what);
  }
  return sl_poll(err, what);
}

sl_status sl_bag_lapack(sl_bag *bag, sl_int m, sl_int n, const char *what,
                        sl_err *err) {
  SL_TRY(sl_bag_ready(bag, what, err));
  bag->raised = sl_blas_raise(m, n);
  return SL_OK;
}

sl_status sl_bag_close(sl_bag *bag, sl_status status, const char *what,
                       sl_err *err) {
  sl_blas_lower(bag->raised);
  bag->raised = false;
  for (int i = 0; i < bag->count; i++) {
    sl_free(bag->block[i]);
  }
  bag->count = 0;
  return status == SL_OK ? sl_poll(err, what) : status;
}

sl_status sl_info(const char *what, lapack_int info, sl_err *err) {
  if (info < 0) {
    return sl_fail(err, SL_ENOMEM, "%s: no memory for LAPACK", what);
  }
  return SL_OK;
}

double sl_eps(sl_dtype d) {
  return d == SL_F32 ? (double)FLT_EPSILON : DBL_EPSILON;
}

double sl_scratch_get(sl_dtype d, const void *p, sl_int i) {
  return d == SL_F32 ? (double)((const float *)p)[i] : ((const double *)p)[i];
}

void sl_scratch_set(sl_dtype d, void *p, sl_int i, double v) {
  if (d == SL_F32) {
    ((float *)p)[i] = (float)v;
  } else {
    ((double *)p)[i] = v;
  }
}
