/* scan.c: running sums and positions of extremes along one axis: each line is
** one call of a kernel. MIT licence. */
#include "tensor/along.h"

static sl_status want_dtype(const char *what, const sl_tensor *out,
                            sl_dtype want, sl_err *err) {
  if (out->type.dtype != want) {
    return sl_fail(err, SL_EDTYPE, "%s: the result should be %s, given %s",
                   what, sl_dtype_name(want), sl_dtype_name(out->type.dtype));
  }
  return SL_OK;
}

typedef struct scan_job {
  sl_dtype dtype;
  bool max;
} scan_job;

static void cumsum_line(void *ctx, sl_int n, void *out, sl_int so,
                        const void *x, sl_int s) {
  const scan_job *job = ctx;
  sl_kern_cumsum(job->dtype, n, out, so, x, s);
}

static void argext_line(void *ctx, sl_int n, void *out, sl_int so,
                        const void *x, sl_int s) {
  const scan_job *job = ctx;
  (void)so;
  *(sl_int *)out = sl_kern_argext(job->dtype, job->max, n, x, s);
}

sl_status sl_cumsum(sl_tensor *out, const sl_tensor *in, int axis,
                    sl_err *err) {
  scan_job job = {in->type.dtype, false};
  sl_dtype want = job.dtype == SL_U8 ? SL_I64 : job.dtype;
  SL_TRY(want_dtype("cumsum", out, want, err));
  return sl_along("cumsum", out, true, in, axis, cumsum_line, &job, err);
}

sl_status sl_argext(bool max, sl_tensor *out, const sl_tensor *in, int axis,
                    sl_err *err) {
  const char *what = max ? "argmax" : "argmin";
  scan_job job = {in->type.dtype, max};
  SL_TRY(want_dtype(what, out, SL_I64, err));
  if (in->type.shape[axis] == 0) {
    char text[256];
    return sl_fail(err, SL_EARG,
                   "%s: nothing to choose from: the operand is %s, axis %d",
                   what, sl_type_text(text, sizeof text, &in->type), axis + 1);
  }
  return sl_along(what, out, false, in, axis, argext_line, &job, err);
}
