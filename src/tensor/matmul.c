/* matmul.c: batched matrix products. The last two axes go to sl_kern_gemm with
** their strides (a transpose is a swap of strides); a batch against one shared
** right factor is folded into a single taller product; small items of a batch
** are spread over threads, large ones use the threads inside. MIT licence. */
#include "tensor/nest.h"

typedef struct product {
  sl_dtype dtype;
  sl_int m, n, k;
  sl_matrix c, a, b; /* of the first item */
} product;

/* The last two axes of t, swapped when transposed. */
static sl_matrix last_two(const sl_tensor *t, bool transposed) {
  int r = t->type.ndim - 2, c = r + 1;
  sl_matrix m = {t->data, t->stride[r], t->stride[c]};
  if (transposed) {
    m.rs = t->stride[c];
    m.cs = t->stride[r];
  }
  return m;
}

static sl_int extent(const sl_tensor *t, bool transposed, int which) {
  return t->type.shape[t->type.ndim - 2 + (which ^ (transposed ? 1 : 0))];
}

static sl_status fail(const char *why, sl_status code, const sl_tensor *a,
                      const sl_tensor *b, bool ta, bool tb, sl_err *err) {
  char at[256], bt[256];
  return sl_fail(err, code, "matmul: %s: a is %s%s, b is %s%s", why,
                 sl_type_text(at, sizeof at, &a->type),
                 ta ? " transposed" : "",
                 sl_type_text(bt, sizeof bt, &b->type),
                 tb ? " transposed" : "");
}

static sl_status check(const sl_tensor *out, const sl_tensor *a,
                       const sl_tensor *b, bool ta, bool tb, sl_err *err) {
  int ndim = a->type.ndim;
  if (ndim < 2 || b->type.ndim != ndim || out->type.ndim != ndim) {
    return fail("both need the same two or more axes", SL_ESHAPE, a, b, ta, tb,
                err);
  }
  sl_dtype d = a->type.dtype;
  if (d != b->type.dtype || d != out->type.dtype || d == SL_U8) {
    return fail("needs one dtype among i64, f32, f64", SL_EDTYPE, a, b, ta, tb,
                err);
  }
  if (extent(a, ta, 1) != extent(b, tb, 0)) {
    return fail("inner sizes differ", SL_ESHAPE, a, b, ta, tb, err);
  }
  bool fits = extent(out, false, 0) == extent(a, ta, 0) &&
              extent(out, false, 1) == extent(b, tb, 1);
  for (int j = 0; j < ndim - 2; j++) {
    sl_int n = out->type.shape[j];
    if (a->type.shape[j] != n || b->type.shape[j] != n) {
      return fail("batch sizes differ", SL_ESHAPE, a, b, ta, tb, err);
    }
  }
  return fits ? SL_OK
              : fail("the result has another shape", SL_ESHAPE, a, b, ta, tb,
                     err);
}

/* One shared b, and the batch continues the rows of a and of out: then it is
** one product of batch*m rows. */
static bool fold_batch(product *p, sl_nest *batch) {
  if (batch->ndim != 1 || batch->s[0][2] != 0 ||
      batch->s[0][0] != p->c.rs * p->m || batch->s[0][1] != p->a.rs * p->m) {
    return false;
  }
  p->m *= batch->numel;
  batch->numel = 1;
  batch->n[0] = 1;
  return true;
}

typedef struct batch_job {
  const product *p;
  bool parallel; /* inside an item */
  sl_status status;
  sl_err *err;
} batch_job;

/* A row of items, q = {out, a, b}. After a failure the rest is skipped. */
static void multiply_row(void *ctx, sl_int n, char *const *q, const sl_int *s) {
  batch_job *job = ctx;
  const product *p = job->p;
  sl_int size = sl_dtype_size(p->dtype);
  for (sl_int i = 0; i < n && job->status == SL_OK; i++) {
    sl_matrix c = p->c, a = p->a, b = p->b;
    c.data = q[0] + i * s[0] * size;
    a.data = q[1] + i * s[1] * size;
    b.data = q[2] + i * s[2] * size;
    job->status = sl_interrupted()
                      ? sl_poll(job->err, "matmul")
                      : sl_kern_gemm(p->dtype, p->m, p->n, p->k, &c, &a, &b,
                                     job->parallel, job->err);
  }
}

/* The items of a task, fixed by shape: about 2^18 multiplications; four such
** tasks are worth a second thread. */
static sl_int items_of_task(const product *p) {
  sl_int each = p->m * p->n * (p->k > 0 ? p->k : 1);
  return each >= 1 << 18 ? 1 : (1 << 18) / each;
}

static sl_status run_batch(const product *p, const sl_nest *batch,
                           sl_err *err) {
  sl_int items = items_of_task(p), n = batch->numel;
  sl_int tasks = (n + items - 1) / items;
  if (tasks < 4 || sl_threads() == 1 || sl_kern_gemm_tiles(p->m, p->n, p->k)) {
    batch_job job = {p, true, SL_OK, err};
    sl_nest_range(batch, 0, n, multiply_row, &job);
    return job.status;
  }
  sl_status status = SL_OK;
#pragma omp parallel for num_threads(sl_threads()) schedule(static)
  for (sl_int i = 0; i < tasks; i++) {
    batch_job job = {p, false, SL_OK, NULL};
    sl_int end = (i + 1) * items;
    sl_nest_range(batch, i * items, end < n ? end : n, multiply_row, &job);
    if (job.status != SL_OK) {
#pragma omp critical(sl_matmul)
      status = job.status;
    }
  }
  return status == SL_OK ? SL_OK
                         : sl_fail(err, status, "matmul: %s",
                                   sl_status_text(status));
}

static product product_of(const sl_tensor *out, const sl_tensor *a,
                          const sl_tensor *b, bool ta, bool tb) {
  return (product){.dtype = out->type.dtype,
                   .m = extent(a, ta, 0),
                   .n = extent(b, tb, 1),
                   .k = extent(a, ta, 1),
                   .c = last_two(out, false),
                   .a = last_two(a, ta),
                   .b = last_two(b, tb)};
}

sl_status sl_matmul_then(sl_tensor *out, const sl_tensor *a,
                         const sl_tensor *b, bool ta, bool tb,
                         sl_tile_fn *then, void *ctx, bool *called,
                         sl_err *err) {
  SL_TRY(check(out, a, b, ta, tb, err));
  product p = product_of(out, a, b, ta, tb);
  return sl_kern_gemm_then(p.dtype, p.m, p.n, p.k, &p.c, &p.a, &p.b, true,
                           then, ctx, called, err);
}

sl_status sl_matmul(sl_tensor *out, const sl_tensor *a, const sl_tensor *b,
                    bool ta, bool tb, sl_err *err) {
  SL_TRY(check(out, a, b, ta, tb, err));
  product p = product_of(out, a, b, ta, tb);
  if (out->type.ndim == 2) {
    return sl_kern_gemm(p.dtype, p.m, p.n, p.k, &p.c, &p.a, &p.b, true, err);
  }
  if (sl_numel(&out->type) == 0) {
    return SL_OK;
  }
  sl_nest batch;
  sl_nest_init(&batch, out->type.ndim - 2, out->type.shape);
  sl_nest_add(&batch, out->data, p.dtype, out->stride);
  sl_nest_add(&batch, a->data, p.dtype, a->stride);
  sl_nest_add(&batch, b->data, p.dtype, b->stride);
  sl_nest_finish(&batch, false);
  fold_batch(&p, &batch);
  return run_batch(&p, &batch, err);
}
