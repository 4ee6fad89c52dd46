/* along.c: see along.h. The nest runs over the other axes; each of its elements
** is the start of a line. MIT licence. */
#include "tensor/along.h"

typedef struct along_job {
  sl_along_fn *fn;
  void *ctx;
  sl_int n, so, s;
  sl_int size[2];
} along_job;

static void along_row(void *ctx, sl_int n, char *const *p, const sl_int *s) {
  const along_job *job = ctx;
  for (sl_int k = 0; k < n; k++) {
    job->fn(job->ctx, job->n, p[0] + k * s[0] * job->size[0], job->so,
            p[1] + k * s[1] * job->size[1], job->s);
  }
}

/* t without axis, or t itself when it has none to drop. */
static sl_tensor without(const sl_tensor *t, int axis) {
  sl_tensor v = *t;
  if (t->type.shape[axis] > 0) {
    sl_view_index(&v, t, axis, 0);
  } else {
    v.type.shape[axis] = 1;
    sl_view_index(&v, &v, axis, 0);
  }
  return v;
}

static sl_status run(const sl_nest *t, along_job *job, const char *what,
                     sl_err *err) {
  sl_int len = job->n > 0 ? job->n : 1;
  if (t->numel * len <= SL_SERIAL) {
    sl_nest_range(t, 0, t->numel, along_row, job);
    return SL_OK;
  }
  sl_int block = len < SL_CHUNK ? SL_CHUNK / len : 1;
  sl_int tasks = (t->numel + block - 1) / block;
  int threads = tasks > 1 ? sl_threads() : 1;
#pragma omp parallel for num_threads(threads) schedule(static) if (threads > 1)
  for (sl_int i = 0; i < tasks; i++) {
    if (!sl_interrupted()) {
      sl_int end = (i + 1) * block;
      sl_nest_range(t, i * block, end < t->numel ? end : t->numel, along_row,
                    job);
    }
  }
  return sl_poll(err, what);
}

sl_status sl_along(const char *what, sl_tensor *out, bool keeps,
                   const sl_tensor *in, int axis, sl_along_fn *fn, void *ctx,
                   sl_err *err) {
  sl_tensor lines = without(in, axis), starts = *out;
  bool fits = sl_shape_eq(&out->type, keeps ? &in->type : &lines.type);
  if (fits && keeps) {
    starts = without(out, axis);
  }
  if (!fits) {
    char a[256], b[256];
    return sl_fail(err, SL_ESHAPE,
                   "%s: the operand is %s (axis %d), the result is %s", what,
                   sl_type_text(a, sizeof a, &in->type), axis + 1,
                   sl_type_text(b, sizeof b, &out->type));
  }
  along_job job = {fn, ctx, in->type.shape[axis],
                   keeps ? out->stride[axis] : 1, in->stride[axis],
                   {sl_dtype_size(out->type.dtype),
                    sl_dtype_size(in->type.dtype)}};
  sl_nest t;
  sl_nest_init(&t, lines.type.ndim, lines.type.shape);
  sl_nest_add(&t, starts.data, out->type.dtype, starts.stride);
  sl_nest_add(&t, lines.data, in->type.dtype, lines.stride);
  sl_nest_finish(&t, true);
  return run(&t, &job, what, err);
}
