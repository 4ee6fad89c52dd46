/* softmax.c: softmax and log sum exp along one axis. MIT licence. */
#include "tensor/along.h"

static void softmax_line(void *ctx, sl_int n, void *out, sl_int so,
                         const void *x, sl_int s) {
  sl_kern_softmax(*(const sl_dtype *)ctx, n, out, so, x, s);
}

static void logsumexp_line(void *ctx, sl_int n, void *out, sl_int so,
                           const void *x, sl_int s) {
  (void)so;
  sl_kern_logsumexp(*(const sl_dtype *)ctx, n, out, x, s);
}

static sl_status run(const char *what, sl_tensor *out, bool keeps,
                     const sl_tensor *in, int axis, sl_along_fn *fn,
                     sl_err *err) {
  sl_dtype d = in->type.dtype;
  if (!sl_dtype_isfloat(d) || out->type.dtype != d) {
    return sl_fail(err, SL_EDTYPE,
                   "%s: needs one float dtype: the operand is %s, the result "
                   "is %s",
                   what, sl_dtype_name(d), sl_dtype_name(out->type.dtype));
  }
  return sl_along(what, out, keeps, in, axis, fn, &d, err);
}

enum { SHORT_ROW = 64, FEW = SL_SERIAL };

/* Small tensors of short rows along memory need no call for each row. */
static bool short_rows(const sl_tensor *out, const sl_tensor *in, int axis) {
  sl_int n = in->type.shape[axis];
  return axis == in->type.ndim - 1 && n > 0 && n <= SHORT_ROW &&
         sl_type_eq(&out->type, &in->type) &&
         sl_dtype_isfloat(in->type.dtype) && sl_numel(&in->type) <= FEW &&
         sl_is_contiguous(in) && sl_is_contiguous(out);
}

sl_status sl_softmax(sl_tensor *out, const sl_tensor *in, int axis,
                     sl_err *err) {
  if (short_rows(out, in, axis)) {
    sl_int n = in->type.shape[axis];
    sl_kern_softmax_rows(in->type.dtype, sl_numel(&in->type) / n, n, out->data,
                         in->data);
    return SL_OK;
  }
  return run("softmax", out, true, in, axis, softmax_line, err);
}

sl_status sl_logsumexp(sl_tensor *out, const sl_tensor *in, int axis,
                       sl_err *err) {
  return run("logsumexp", out, false, in, axis, logsumexp_line, err);
}
