/* gather.c: elements picked by an index tensor along one axis, and the adjoint
** that adds them back. Both walk one nest over (axes before, index axes, axes
** after); the picked axis enters only through the index. MIT licence. */
#include "tensor/nest.h"

#include <inttypes.h>

typedef struct gather_job {
  sl_dtype dtype;
  sl_int axis; /* stride of the indexed axis */
} gather_job;

/* ---- checks -------------------------------------------------------------- */

typedef struct range_job {
  sl_int low, high; /* smallest and largest index */
} range_job;

static void range_row(void *ctx, sl_int n, char *const *p, const sl_int *s) {
  range_job *job = ctx;
  const sl_int *x = (const sl_int *)(const void *)p[0];
  sl_int low = job->low, high = job->high;
  for (sl_int k = 0; k < n; k++) {
    sl_int v = x[k * s[0]];
    low = v < low ? v : low;
    high = v > high ? v : high;
  }
  job->low = low;
  job->high = high;
}

/* whole: the tensor with the axis; picked: the one with the index axes. */
static sl_status check_shapes(const char *what, const sl_tensor *whole,
                              const sl_tensor *picked, const sl_tensor *idx,
                              int axis, sl_err *err) {
  const sl_type *w = &whole->type, *i = &idx->type, *p = &picked->type;
  bool ok = i->dtype == SL_I64 && w->dtype == p->dtype && axis < w->ndim &&
            p->ndim == w->ndim - 1 + i->ndim;
  for (int j = 0; j < p->ndim && ok; j++) {
    sl_int want = j < axis             ? w->shape[j]
                  : j < axis + i->ndim ? i->shape[j - axis]
                                       : w->shape[j - i->ndim + 1];
    ok = p->shape[j] == want;
  }
  if (!ok) {
    char a[256], b[256], c[256];
    return sl_fail(err, SL_ESHAPE,
                   "%s: shapes or dtypes do not fit: %s indexed by %s at axis "
                   "%d, against %s",
                   what, sl_type_text(a, sizeof a, w),
                   sl_type_text(b, sizeof b, i), axis + 1,
                   sl_type_text(c, sizeof c, p));
  }
  return SL_OK;
}

static sl_status check_range(const char *what, const sl_tensor *idx, sl_int n,
                             int axis, sl_err *err) {
  if (sl_numel(&idx->type) == 0) {
    return SL_OK;
  }
  range_job job = {INT64_MAX, INT64_MIN};
  sl_nest t;
  sl_nest_init(&t, idx->type.ndim, idx->type.shape);
  sl_nest_add(&t, idx->data, SL_I64, idx->stride);
  sl_nest_finish(&t, true);
  sl_nest_range(&t, 0, t.numel, range_row, &job);
  if (job.low < 0 || job.high >= n) {
    sl_int bad = job.low < 0 ? job.low : job.high; /* shown as users count */
    return sl_fail(err, SL_EINDEX,
                   "%s: index %" PRId64 " is outside axis %d of size %" PRId64,
                   what, bad + 1, axis + 1, n);
  }
  return SL_OK;
}

/* ---- the common nest ----------------------------------------------------- */

/* Operands: whole (stride 0 along the index axes), picked, idx (stride 0 along
** the others). */
static void build(sl_nest *t, const sl_tensor *whole, const sl_tensor *picked,
                  const sl_tensor *idx, int axis) {
  sl_int sw[SL_MAXDIM], si[SL_MAXDIM];
  int m = idx->type.ndim;
  for (int j = 0; j < picked->type.ndim; j++) {
    bool inside = j >= axis && j < axis + m;
    int own = j < axis ? j : j - m + 1;
    sw[j] = inside ? 0 : whole->stride[own];
    si[j] = inside ? idx->stride[j - axis] : 0;
  }
  sl_nest_init(t, picked->type.ndim, picked->type.shape);
  sl_nest_add(t, whole->data, whole->type.dtype, sw);
  sl_nest_add(t, picked->data, picked->type.dtype, picked->stride);
  sl_nest_add(t, idx->data, SL_I64, si);
  sl_nest_finish(t, false);
}

static void gather_row(void *ctx, sl_int n, char *const *p, const sl_int *s) {
  const gather_job *job = ctx;
  sl_kern_gather(sl_dtype_size(job->dtype), n, p[1], s[1], p[0], s[0],
                 (const sl_int *)(const void *)p[2], s[2], job->axis);
}

static void scatter_row(void *ctx, sl_int n, char *const *p, const sl_int *s) {
  const gather_job *job = ctx;
  sl_kern_scatter(job->dtype, n, p[0], s[0], p[1], s[1],
                  (const sl_int *)(const void *)p[2], s[2], job->axis);
}

sl_status sl_gather(sl_tensor *out, const sl_tensor *x, const sl_tensor *idx,
                    int axis, sl_err *err) {
  SL_TRY(check_shapes("gather", x, out, idx, axis, err));
  SL_TRY(check_range("gather", idx, x->type.shape[axis], axis, err));
  gather_job job = {x->type.dtype, x->stride[axis]};
  sl_nest t;
  build(&t, x, out, idx, axis);
  return sl_nest_run(&t, true, gather_row, &job, "gather", err);
}

/* On one thread: two tasks could add to one element. */
sl_status sl_scatter(sl_tensor *out, const sl_tensor *upd, const sl_tensor *idx,
                     int axis, sl_err *err) {
  SL_TRY(check_shapes("scatter", out, upd, idx, axis, err));
  SL_TRY(check_range("scatter", idx, out->type.shape[axis], axis, err));
  sl_fill(out, 0.0, 0);
  gather_job job = {out->type.dtype, out->stride[axis]};
  sl_nest t;
  build(&t, out, upd, idx, axis);
  return sl_nest_run(&t, false, scatter_row, &job, "scatter", err);
}
