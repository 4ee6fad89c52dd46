/* type.c: shapes with their dtype: sizes, equality, text, and numpy's
** broadcasting rule. MIT licence. */
#include "tensor/tensor.h"

#include <inttypes.h>
#include <stdio.h>

sl_int sl_numel(const sl_type *t) {
  sl_int n = 1;
  for (int j = 0; j < t->ndim; j++) {
    n *= t->shape[j];
  }
  return n;
}

/* The product of the extents that are not 0 must fit, so that strides fit in
** empty shapes too. */
sl_status sl_type_make(sl_type *t, sl_dtype d, int ndim, const sl_int *shape,
                       sl_err *err) {
  if (ndim < 0 || ndim > SL_MAXDIM) {
    return sl_fail(err, SL_ESHAPE, "shape: %d axes, at most %d are possible",
                   ndim, SL_MAXDIM);
  }
  sl_int bytes = sl_dtype_size(d);
  for (int j = 0; j < ndim; j++) {
    if (shape[j] < 0) {
      return sl_fail(err, SL_ESHAPE, "shape: axis %d has size %" PRId64, j + 1,
                     shape[j]);
    }
    if (shape[j] > 0 && !sl_mul(bytes, shape[j], &bytes)) {
      return sl_fail(err, SL_ESHAPE,
                     "shape: too large at axis %d (size %" PRId64
                     "): the bytes exceed 2^63 - 1",
                     j + 1, shape[j]);
    }
  }
  t->dtype = d;
  t->ndim = ndim;
  for (int j = 0; j < ndim; j++) {
    t->shape[j] = shape[j];
  }
  return SL_OK;
}

bool sl_shape_eq(const sl_type *a, const sl_type *b) {
  if (a->ndim != b->ndim) {
    return false;
  }
  for (int j = 0; j < a->ndim; j++) {
    if (a->shape[j] != b->shape[j]) {
      return false;
    }
  }
  return true;
}

bool sl_type_eq(const sl_type *a, const sl_type *b) {
  return a->dtype == b->dtype && sl_shape_eq(a, b);
}

/* snprintf returns what it would have written: clamp, to keep appending. */
static size_t used(size_t at, int wrote, size_t n) {
  size_t end = at + (size_t)(wrote > 0 ? wrote : 0);
  return end < n ? end : n - 1;
}

char *sl_type_text(char *buf, size_t n, const sl_type *t) {
  if (n == 0) {
    return buf;
  }
  size_t at = used(0, snprintf(buf, n, "["), n);
  for (int j = 0; j < t->ndim; j++) {
    const char *sep = j > 0 ? " x " : "";
    int w = snprintf(buf + at, n - at, "%s%" PRId64, sep, t->shape[j]);
    at = used(at, w, n);
  }
  snprintf(buf + at, n - at, "] %s", sl_dtype_name(t->dtype));
  return buf;
}

/* The extent of axis j counted from the right; 1 beyond the first axis. */
static sl_int from_right(const sl_type *t, int j) {
  return j < t->ndim ? t->shape[t->ndim - 1 - j] : 1;
}

sl_status sl_broadcast(const char *what, const sl_type *a, const sl_type *b,
                       sl_type *out, sl_err *err) {
  int ndim = a->ndim > b->ndim ? a->ndim : b->ndim;
  sl_int shape[SL_MAXDIM] = {0};
  for (int j = 0; j < ndim; j++) {
    sl_int na = from_right(a, j), nb = from_right(b, j);
    if (na != nb && na != 1 && nb != 1) {
      char ta[256], tb[256];
      return sl_fail(err, SL_ESHAPE,
                     "%s: shapes do not broadcast: a is %s, b is %s", what,
                     sl_type_text(ta, sizeof ta, a),
                     sl_type_text(tb, sizeof tb, b));
    }
    shape[ndim - 1 - j] = na == 1 ? nb : na;
  }
  sl_type made; /* out's dtype may not have been set */
  SL_TRY(sl_type_make(&made, a->dtype, ndim, shape, err));
  out->ndim = ndim;
  for (int j = 0; j < ndim; j++) {
    out->shape[j] = shape[j];
  }
  return SL_OK;
}
