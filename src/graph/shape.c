/* shape.c: shape rules of ops.def: the type of a result from the types of its
** operands, and the messages users see when they do not fit (sl_op_type puts
** the operation's name before them). Element-wise rules take operands of one
** shape or broadcast them by numpy's rule; dtype promotion has happened
** before.  MIT licence. */
#include "graph/ops.h"

#include <stdio.h>
#include <string.h>

typedef struct text {
  char s[160];
} text;

static text show(const sl_type *t) {
  text out;
  sl_type_text(out.s, sizeof out.s, t);
  return out;
}

sl_status shape_leaf(const sl_type *in, int nin, const sl_int *attr, int nattr,
                     sl_type *out, sl_err *err) {
  (void)in, (void)nin, (void)attr, (void)nattr, (void)out;
  return sl_fail(err, SL_EBUG, "graph: a leaf carries its own type");
}

sl_status shape_iota(const sl_type *in, int nin, const sl_int *attr, int nattr,
                     sl_type *out, sl_err *err) {
  (void)in, (void)nin, (void)nattr;
  return sl_type_make(out, SL_I64, 1, attr, err);
}

/* ---- element-wise -------------------------------------------------------- */

/* Broadcast shape and common dtype of operands first .. nin-1. */
static sl_status common(const sl_type *in, int first, int nin, sl_type *out,
                        sl_err *err) {
  sl_type_copy(out, &in[0]);
  for (int i = 1; i < nin; i++) {
    sl_type sum;
    if (sl_shape_eq(out, &in[i])) {
      continue;
    }
    if (sl_broadcast("", out, &in[i], &sum, NULL) != SL_OK) {
      return sl_fail(err, SL_ESHAPE,
                     "shapes do not broadcast: a is %s, b is %s",
                     show(&in[i - 1]).s, show(&in[i]).s);
    }
    sum.dtype = out->dtype;
    sl_type_copy(out, &sum);
  }
  out->dtype = in[first].dtype;
  for (int i = first + 1; i < nin; i++) {
    if (in[i].dtype != out->dtype) {
      return sl_fail(err, SL_EDTYPE, "dtypes differ: a is %s, b is %s",
                     show(&in[first]).s, show(&in[i]).s);
    }
  }
  return SL_OK;
}

static sl_status need(bool ok, const char *what, const sl_type *t,
                      sl_err *err) {
  return ok ? SL_OK
            : sl_fail(err, SL_EDTYPE, "expected %s, got %s", what, show(t).s);
}

sl_status shape_arith(const sl_type *in, int nin, const sl_int *attr,
                      int nattr, sl_type *out, sl_err *err) {
  (void)attr, (void)nattr;
  SL_TRY(common(in, 0, nin, out, err));
  return need(out->dtype != SL_U8, "i64, f32 or f64", out, err);
}

sl_status shape_float(const sl_type *in, int nin, const sl_int *attr,
                      int nattr, sl_type *out, sl_err *err) {
  (void)attr, (void)nattr;
  SL_TRY(common(in, 0, nin, out, err));
  return need(sl_dtype_isfloat(out->dtype), "f32 or f64", out, err);
}

sl_status shape_test(const sl_type *in, int nin, const sl_int *attr, int nattr,
                     sl_type *out, sl_err *err) {
  SL_TRY(shape_float(in, nin, attr, nattr, out, err));
  out->dtype = SL_U8;
  return SL_OK;
}

sl_status shape_logic(const sl_type *in, int nin, const sl_int *attr,
                      int nattr, sl_type *out, sl_err *err) {
  (void)attr, (void)nattr;
  SL_TRY(common(in, 0, nin, out, err));
  return need(out->dtype == SL_U8, "a mask (u8)", out, err);
}

sl_status shape_compare(const sl_type *in, int nin, const sl_int *attr,
                        int nattr, sl_type *out, sl_err *err) {
  (void)attr, (void)nattr;
  SL_TRY(common(in, 0, nin, out, err));
  out->dtype = SL_U8;
  return SL_OK;
}

sl_status shape_where(const sl_type *in, int nin, const sl_int *attr,
                      int nattr, sl_type *out, sl_err *err) {
  (void)attr, (void)nattr;
  SL_TRY(need(in[0].dtype == SL_U8, "a mask (u8) as condition", &in[0],
              err));
  return common(in, 1, nin, out, err);
}

sl_status shape_same(const sl_type *in, int nin, const sl_int *attr, int nattr,
                     sl_type *out, sl_err *err) {
  (void)nin, (void)attr, (void)nattr, (void)err;
  sl_type_copy(out, &in[0]);
  return SL_OK;
}

sl_status shape_cast(const sl_type *in, int nin, const sl_int *attr, int nattr,
                     sl_type *out, sl_err *err) {
  (void)nin, (void)nattr, (void)err;
  sl_type_copy(out, &in[0]);
  out->dtype = (sl_dtype)attr[0];
  return SL_OK;
}

/* ---- reductions ---------------------------------------------------------- */

static void drop_axes(sl_type *out, const sl_type *in, uint32_t mask) {
  out->dtype = in->dtype;
  out->ndim = 0;
  for (int a = 0; a < in->ndim; a++) {
    if (!(mask >> a & 1)) {
      out->shape[out->ndim++] = in->shape[a];
    }
  }
}

sl_status shape_sum(const sl_type *in, int nin, const sl_int *attr, int nattr,
                    sl_type *out, sl_err *err) {
  (void)nin, (void)nattr, (void)err;
  drop_axes(out, in, (uint32_t)attr[0]);
  out->dtype = in->dtype == SL_U8 ? SL_I64 : in->dtype;
  return SL_OK;
}

sl_status shape_reduce(const sl_type *in, int nin, const sl_int *attr,
                       int nattr, sl_type *out, sl_err *err) {
  (void)nin, (void)nattr;
  uint32_t mask = (uint32_t)attr[0];
  drop_axes(out, in, mask);
  for (int a = 0; a < in->ndim; a++) {
    if ((mask >> a & 1) && in->shape[a] == 0) {
      return sl_fail(err, SL_EARG,
                     "max or min of nothing: axis %d of %s has no elements",
                     a + 1, show(in).s);
    }
  }
  return SL_OK;
}

static sl_status axis_ok(const sl_type *in, sl_int axis, sl_err *err) {
  if (axis < 0 || axis >= in->ndim) {
    return sl_fail(err, SL_EINDEX, "axis %lld is outside %s",
                   (long long)axis + 1, show(in).s);
  }
  return SL_OK;
}

sl_status shape_axis(const sl_type *in, int nin, const sl_int *attr, int nattr,
                     sl_type *out, sl_err *err) {
  (void)nin, (void)nattr;
  sl_type_copy(out, &in[0]);
  out->dtype = in->dtype == SL_U8 ? SL_I64 : in->dtype;
  return axis_ok(in, attr[0], err);
}

sl_status shape_axisf(const sl_type *in, int nin, const sl_int *attr,
                      int nattr, sl_type *out, sl_err *err) {
  SL_TRY(need(sl_dtype_isfloat(in->dtype), "f32 or f64", in, err));
  return shape_axis(in, nin, attr, nattr, out, err);
}

sl_status shape_dropf(const sl_type *in, int nin, const sl_int *attr,
                      int nattr, sl_type *out, sl_err *err) {
  SL_TRY(shape_axisf(in, nin, attr, nattr, out, err));
  drop_axes(out, in, 1u << attr[0]);
  return SL_OK;
}

sl_status shape_argext(const sl_type *in, int nin, const sl_int *attr,
                       int nattr, sl_type *out, sl_err *err) {
  SL_TRY(axis_ok(in, attr[0], err));
  sl_int mask = (sl_int)1 << attr[0];
  SL_TRY(shape_reduce(in, nin, &mask, nattr, out, err));
  out->dtype = SL_I64;
  return SL_OK;
}

/* ---- structure ----------------------------------------------------------- */

sl_status shape_reshape(const sl_type *in, int nin, const sl_int *attr,
                        int nattr, sl_type *out, sl_err *err) {
  (void)nin;
  SL_TRY(sl_type_make(out, in->dtype, nattr, attr, err));
  if (sl_numel(out) != sl_numel(in)) {
    return sl_fail(err, SL_ESHAPE,
                   "%s has %lld elements, %s needs %lld", show(in).s,
                   (long long)sl_numel(in), show(out).s,
                   (long long)sl_numel(out));
  }
  return SL_OK;
}

sl_status shape_broadcast(const sl_type *in, int nin, const sl_int *attr,
                          int nattr, sl_type *out, sl_err *err) {
  (void)nin;
  SL_TRY(sl_type_make(out, in->dtype, nattr, attr, err));
  int lead = nattr - in->ndim;
  for (int a = 0; a < in->ndim; a++) {
    bool ok = lead >= 0 &&
              (in->shape[a] == 1 || in->shape[a] == out->shape[lead + a]);
    if (!ok) {
      return sl_fail(err, SL_ESHAPE, "%s does not broadcast to %s",
                     show(in).s, show(out).s);
    }
  }
  return lead < 0 ? sl_fail(err, SL_ESHAPE, "%s has more axes than %s",
                            show(in).s, show(out).s)
                  : SL_OK;
}

sl_status shape_permute(const sl_type *in, int nin, const sl_int *attr,
                        int nattr, sl_type *out, sl_err *err) {
  (void)nin;
  if (nattr != in->ndim) {
    return sl_fail(err, SL_ESHAPE, "%s has %d axes, %d were named",
                   show(in).s, in->ndim, nattr);
  }
  uint32_t seen = 0;
  out->dtype = in->dtype;
  out->ndim = in->ndim;
  for (int a = 0; a < nattr; a++) {
    SL_TRY(axis_ok(in, attr[a], err));
    seen |= 1u << attr[a];
    out->shape[a] = in->shape[attr[a]];
  }
  return seen == (1u << nattr) - 1
             ? SL_OK
             : sl_fail(err, SL_EARG, "an axis of %s is named twice",
                       show(in).s);
}

sl_status shape_slice(const sl_type *in, int nin, const sl_int *attr,
                      int nattr, sl_type *out, sl_err *err) {
  (void)nin;
  sl_type_copy(out, in);
  if (nattr != 3 * in->ndim) {
    return sl_fail(err, SL_EARG, "needs 3 numbers an axis of %s",
                   show(in).s);
  }
  for (int a = 0; a < in->ndim; a++) {
    sl_int start = attr[3 * a];
    sl_int len = attr[3 * a + 2];
    sl_int last = len > 0 ? start + (len - 1) * attr[3 * a + 1] : start;
    bool ok = len >= 0 && (len == 0 || (start >= 0 && start < in->shape[a] &&
                                        last >= 0 && last < in->shape[a]));
    if (!ok) {
      return sl_fail(err, SL_EINDEX,
                     "%lld to %lld is outside axis %d of %s",
                     (long long)start + 1, (long long)last + 1, a + 1,
                     show(in).s);
    }
    out->shape[a] = len;
  }
  return SL_OK;
}

sl_status shape_pad(const sl_type *in, int nin, const sl_int *attr, int nattr,
                    sl_type *out, sl_err *err) {
  (void)nin, (void)err, (void)nattr;
  sl_type_copy(out, in);
  for (int a = 0; a < in->ndim; a++) {
    out->shape[a] = attr[3 * a + 2];
  }
  return SL_OK;
}

sl_status shape_concat(const sl_type *in, int nin, const sl_int *attr,
                       int nattr, sl_type *out, sl_err *err) {
  (void)nattr;
  if (nin < 1) {
    return sl_fail(err, SL_EARG, "needs at least one tensor");
  }
  SL_TRY(axis_ok(in, attr[0], err));
  sl_type_copy(out, &in[0]);
  for (int i = 1; i < nin; i++) {
    bool ok = in[i].ndim == in[0].ndim && in[i].dtype == in[0].dtype;
    for (int a = 0; ok && a < in[0].ndim; a++) {
      ok = a == attr[0] || in[i].shape[a] == in[0].shape[a];
    }
    if (!ok) {
      return sl_fail(err, SL_ESHAPE,
                     "the first is %s, number %d is %s (axis %lld)",
                     show(&in[0]).s, i + 1, show(&in[i]).s,
                     (long long)attr[0] + 1);
    }
    out->shape[attr[0]] += in[i].shape[attr[0]];
  }
  return SL_OK;
}

/* x[.., axis, ..] with idx[batch.., sel..]: attrs axis, nbatch. */
sl_status shape_gather(const sl_type *in, int nin, const sl_int *attr,
                       int nattr, sl_type *out, sl_err *err) {
  (void)nin, (void)nattr;
  const sl_type *x = &in[0];
  const sl_type *idx = &in[1];
  int axis = (int)attr[0];
  int nbatch = (int)attr[1];
  SL_TRY(axis_ok(x, axis, err));
  SL_TRY(need(idx->dtype == SL_I64, "indices of dtype i64", idx, err));
  if (x->ndim + idx->ndim - nbatch - 1 > SL_MAXDIM) {
    return sl_fail(err, SL_ESHAPE, "%s at %s has over %d axes",
                   show(x).s, show(idx).s, SL_MAXDIM);
  }
  sl_int shape[2 * SL_MAXDIM];
  int n = 0;
  for (int a = 0; a < axis; a++) {
    shape[n++] = x->shape[a];
  }
  for (int a = nbatch; a < idx->ndim; a++) {
    shape[n++] = idx->shape[a];
  }
  for (int a = axis + 1; a < x->ndim; a++) {
    shape[n++] = x->shape[a];
  }
  return sl_type_make(out, x->dtype, n, shape, err);
}

/* upd has gather's result shape; attrs axis, extent, nbatch. */
sl_status shape_scatter(const sl_type *in, int nin, const sl_int *attr,
                        int nattr, sl_type *out, sl_err *err) {
  (void)nin, (void)nattr;
  const sl_type *upd = &in[0];
  const sl_type *idx = &in[1];
  int axis = (int)attr[0];
  int nsel = idx->ndim - (int)attr[2];
  SL_TRY(need(idx->dtype == SL_I64, "indices of dtype i64", idx, err));
  bool ok = upd->ndim >= axis + nsel;
  for (int a = 0; ok && a < nsel; a++) {
    ok = upd->shape[axis + a] == idx->shape[attr[2] + a];
  }
  if (!ok) {
    return sl_fail(err, SL_ESHAPE,
                   "values are %s, indices %s (axis %d)", show(upd).s,
                   show(idx).s, axis + 1);
  }
  sl_int shape[SL_MAXDIM + 1];
  int n = 0;
  for (int a = 0; a < axis; a++) {
    shape[n++] = upd->shape[a];
  }
  shape[n++] = attr[1];
  for (int a = axis + nsel; a < upd->ndim; a++) {
    shape[n++] = upd->shape[a];
  }
  return sl_type_make(out, upd->dtype, n, shape, err);
}

/* ---- contractions -------------------------------------------------------- */

static bool same_batch(const sl_type *a, const sl_type *b) {
  bool ok = a->ndim == b->ndim;
  for (int i = 0; ok && i < a->ndim - 2; i++) {
    ok = a->shape[i] == b->shape[i];
  }
  return ok;
}

static sl_status matrices(const sl_type *in, sl_err *err) {
  if (in[0].ndim < 2 || in[1].ndim < 2 || !same_batch(&in[0], &in[1])) {
    return sl_fail(err, SL_ESHAPE,
                   "needs matrices with equal batch axes: a is %s, b is %s",
                   show(&in[0]).s, show(&in[1]).s);
  }
  if (in[0].dtype != in[1].dtype) {
    return sl_fail(err, SL_EDTYPE, "dtypes differ: a is %s, b is %s",
                   show(&in[0]).s, show(&in[1]).s);
  }
  return SL_OK;
}

sl_status shape_matmul(const sl_type *in, int nin, const sl_int *attr,
                       int nattr, sl_type *out, sl_err *err) {
  (void)nin, (void)nattr;
  SL_TRY(matrices(in, err));
  int d = in[0].ndim;
  const sl_int *a = &in[0].shape[d - 2];
  const sl_int *b = &in[1].shape[d - 2];
  if (a[!attr[0]] != b[attr[1]]) {
    return sl_fail(err, SL_ESHAPE,
                   "inner sizes differ: a is %s%s, b is %s%s",
                   show(&in[0]).s, attr[0] ? " (transposed)" : "",
                   show(&in[1]).s, attr[1] ? " (transposed)" : "");
  }
  SL_TRY(need(in[0].dtype != SL_U8, "i64, f32 or f64", &in[0], err));
  sl_type_copy(out, &in[0]);
  out->shape[d - 2] = a[attr[0]];
  out->shape[d - 1] = b[!attr[1]];
  return SL_OK;
}

sl_status shape_solve(const sl_type *in, int nin, const sl_int *attr,
                      int nattr, sl_type *out, sl_err *err) {
  (void)nin, (void)attr, (void)nattr;
  SL_TRY(matrices(in, err));
  int d = in[0].ndim;
  const sl_int *a = &in[0].shape[d - 2];
  if (a[0] != a[1] || a[1] != in[1].shape[d - 2]) {
    return sl_fail(err, SL_ESHAPE,
                   "expected a square a and b with as many rows: "
                   "a is %s, b is %s",
                   show(&in[0]).s, show(&in[1]).s);
  }
  SL_TRY(need(sl_dtype_isfloat(in[0].dtype), "f32 or f64", &in[0], err));
  *out = in[1];
  return SL_OK;
}
