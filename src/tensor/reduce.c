/* reduce.c: sums, maxima, minima over any set of axes. The reduced elements of
** one result, in row-major order, form a fixed tree: leaves of at most
** SL_FOLD_LEAF, halves below SL_CHUNK, and the same again over the chunks.
** The kept axis of least stride is walked as a vector of columns where that is
** the faster way; the tree, and so every bit, is the same either way and on
** any number of threads. MIT licence. */
#include "tensor/nest.h"

#include <string.h>

typedef struct fold_job {
  const sl_folder *f;
  sl_nest kept;    /* operands: out, in */
  sl_nest reduced; /* operand: in */
  bool columns;    /* the last kept axis is walked as a vector */
  sl_int block;    /* kept elements of a task */
  sl_int chunks;   /* pieces of the reduced range */
  char *partial;   /* [chunks x kept] accumulators when chunks > 1 */
} fold_job;

/* ---- the tree ------------------------------------------------------------ */

/* Offsets of reduced elements [p0, p0 + n) from the first one. */
static void leaf_offsets(const sl_nest *t, sl_int p0, sl_int n, sl_int *off) {
  sl_int at[SL_MAXDIM], o = 0;
  for (int j = t->ndim - 1; j >= 0; j--) {
    at[j] = p0 % t->n[j];
    p0 /= t->n[j];
    o += at[j] * t->s[j][0];
  }
  for (sl_int i = 0; i < n; i++) {
    off[i] = o;
    for (int j = t->ndim - 1; j >= 0; j--) {
      o += t->s[j][0];
      if (++at[j] < t->n[j]) {
        break;
      }
      o -= at[j] * t->s[j][0];
      at[j] = 0;
    }
  }
}

/* acc[k] = fold of reduced elements [p0, p0 + n) of column k < nk. */
static void tree(const sl_folder *f, const sl_nest *t, sl_columns *acc,
                 sl_int nk, const char *x, sl_int sk, sl_int p0, sl_int n) {
  if (t->ndim == 1) {
    sl_int step = t->s[0][0], size = t->size[0];
    sl_fold_tree(f, acc, nk, x + p0 * step * size, sk, n, step, size);
  } else if (n <= SL_FOLD_LEAF) {
    sl_int off[SL_FOLD_LEAF];
    leaf_offsets(t, p0, n, off);
    f->leaf(acc, nk, x, sk, n, off, 0);
  } else {
    sl_columns other;
    sl_int half = sl_fold_half(n);
    tree(f, t, acc, nk, x, sk, p0, half);
    tree(f, t, &other, nk, x, sk, p0 + half, n - half);
    f->join(nk, acc, &other);
  }
}

/* ---- tasks --------------------------------------------------------------- */

typedef struct row_job {
  const fold_job *job;
  sl_int chunk;
  sl_int done; /* kept elements before this row */
} row_job;

/* A row of kept elements, p = {out, in}: at most SL_FOLD_WIDTH at a time. */
static void fold_row(void *ctx, sl_int n, char *const *p, const sl_int *s) {
  row_job *row = ctx;
  const fold_job *job = row->job;
  sl_int p0 = row->chunk * SL_CHUNK;
  sl_int len = job->reduced.numel - p0;
  if (job->chunks > 1 && len > SL_CHUNK) {
    len = SL_CHUNK;
  }
  sl_int width = job->columns ? SL_FOLD_WIDTH : 1;
  sl_int so = s[0] * job->kept.size[0], si = s[1] * job->kept.size[1];
  sl_int acc_size = sl_dtype_size(job->f->acc);
  for (sl_int k = 0; k < n; k += width) {
    sl_columns acc;
    sl_int nk = n - k < width ? n - k : width;
    tree(job->f, &job->reduced, &acc, nk, p[1] + k * si, s[1], p0, len);
    if (job->chunks == 1) {
      job->f->store(nk, p[0] + k * so, s[0], &acc);
    } else {
      sl_int at = row->chunk * job->kept.numel + row->done + k;
      memcpy(job->partial + at * acc_size, &acc, (size_t)(nk * acc_size));
    }
  }
  row->done += n;
}

static void fold_task(const fold_job *job, sl_int task) {
  sl_int first = task / job->chunks * job->block;
  sl_int end = first + job->block;
  row_job row = {job, task % job->chunks, first};
  end = end < job->kept.numel ? end : job->kept.numel;
  sl_nest_range(&job->kept, first, end, fold_row, &row);
}

/* The tree over the chunks' accumulators. */
static void join_row(void *ctx, sl_int n, char *const *p, const sl_int *s) {
  row_job *row = ctx;
  const fold_job *job = row->job;
  sl_fold kind = (sl_fold)row->chunk;
  const sl_folder *f = sl_folder_get(kind, job->f->acc);
  sl_int size = sl_dtype_size(job->f->acc);
  for (sl_int k = 0; k < n; k++) {
    sl_columns acc;
    sl_fold_tree(f, &acc, 1, job->partial + (row->done + k) * size, 0,
                 job->chunks, job->kept.numel, size);
    job->f->store(1, p[0] + k * s[0] * job->kept.size[0], 1, &acc);
  }
  row->done += n;
}

static sl_status run_tasks(const fold_job *job, sl_err *err) {
  sl_int blocks = (job->kept.numel + job->block - 1) / job->block;
  sl_int tasks = blocks * job->chunks;
  sl_int work = job->kept.numel * job->reduced.numel;
  if (work <= SL_SERIAL) { /* not even a region of one thread: 300 ns */
    for (sl_int i = 0; i < tasks; i++) {
      fold_task(job, i);
    }
    return SL_OK;
  }
  int threads = work > SL_NEST_SUM ? sl_threads() : 1;
#pragma omp parallel for num_threads(threads) schedule(static) if (threads > 1)
  for (sl_int i = 0; i < tasks; i++) {
    if (!sl_interrupted()) {
      fold_task(job, i);
    }
  }
  return sl_poll(err, "reduce");
}

/* Integer joins of partial sums read i64 accumulators of either sign: the
** folder of the accumulator's dtype serves all. */
static sl_status run(fold_job *job, sl_fold kind, sl_err *err) {
  if (job->chunks == 1) {
    return run_tasks(job, err);
  }
  sl_int bytes = job->chunks * job->kept.numel * sl_dtype_size(job->f->acc);
  job->partial = sl_temp_take(bytes);
  if (job->partial == NULL) {
    return sl_fail(err, SL_ENOMEM, "reduce: no memory for %lld bytes",
                   (long long)bytes);
  }
  sl_status status = run_tasks(job, err);
  if (status == SL_OK) {
    row_job row = {job, (sl_int)kind, 0};
    sl_nest_range(&job->kept, 0, job->kept.numel, join_row, &row);
  }
  sl_temp_give(job->partial);
  return status;
}

/* ---- setting up ---------------------------------------------------------- */

static sl_int magnitude(sl_int s) { return s < 0 ? -s : s; }

/* Splits in's axes; the kept ones walk out and in, ordered by in's strides so
** that the last is the densest. */
static void split_axes(fold_job *job, const sl_tensor *out, const sl_tensor *in,
                       uint32_t axes) {
  sl_int n[2][SL_MAXDIM], s[2][SL_MAXDIM];
  int count[2] = {0, 0};
  for (int j = 0; j < in->type.ndim; j++) {
    int r = axes >> j & 1;
    n[r][count[r]] = in->type.shape[j];
    s[r][count[r]++] = in->stride[j];
  }
  sl_nest_init(&job->kept, count[0], n[0]);
  sl_nest_add(&job->kept, in->data, in->type.dtype, s[0]);
  sl_nest_add(&job->kept, out->data, out->type.dtype, out->stride);
  sl_nest_finish(&job->kept, true);
  sl_nest_init(&job->reduced, count[1], n[1]);
  sl_nest_add(&job->reduced, in->data, in->type.dtype, s[1]);
  sl_nest_finish(&job->reduced, false);
}

/* Operand order {in, out} served the sorting; the rows want {out, in}. */
static void out_first(sl_nest *t) {
  for (int j = 0; j < t->ndim; j++) {
    sl_int s = t->s[j][0];
    t->s[j][0] = t->s[j][1];
    t->s[j][1] = s;
  }
  char *p = t->p[0];
  t->p[0] = t->p[1];
  t->p[1] = p;
  sl_int size = t->size[0];
  t->size[0] = t->size[1];
  t->size[1] = size;
}

/* Columns pay when they are denser than the reduced run, or that is short. */
static bool wants_columns(const sl_nest *kept, const sl_nest *reduced) {
  int k = kept->ndim - 1, r = reduced->ndim - 1;
  if (kept->n[k] < 4) {
    return false;
  }
  return reduced->numel < 32 ||
         magnitude(kept->s[k][1]) < magnitude(reduced->s[r][0]);
}

static sl_status check(const char *what, const sl_folder *f,
                       const sl_tensor *out, const sl_tensor *in,
                       uint32_t axes, sl_err *err) {
  sl_type want = {.dtype = f->out};
  for (int j = 0; j < in->type.ndim; j++) {
    if (!(axes >> j & 1)) {
      want.shape[want.ndim++] = in->type.shape[j];
    }
  }
  if (!sl_type_eq(&want, &out->type)) {
    char a[256], b[256];
    return sl_fail(err, SL_ESHAPE, "%s: the result should be %s, given %s",
                   what, sl_type_text(a, sizeof a, &want),
                   sl_type_text(b, sizeof b, &out->type));
  }
  return SL_OK;
}

static sl_status reduce_nothing(sl_reduction r, const char *what,
                                sl_tensor *out, const sl_tensor *in,
                                sl_err *err) {
  if (r == SL_RSUM) {
    sl_fill(out, 0.0, 0);
    return SL_OK;
  }
  char text[256];
  return sl_fail(err, SL_EARG, "%s: nothing to choose from: the operand is %s",
                 what, sl_type_text(text, sizeof text, &in->type));
}

sl_status sl_reduce(sl_reduction r, sl_tensor *out, const sl_tensor *in,
                    uint32_t axes, sl_err *err) {
  static const char *const names[] = {"sum", "max", "min"};
  static const sl_fold kinds[] = {SL_FOLD_SUM, SL_FOLD_MAX, SL_FOLD_MIN};
  fold_job job = {.f = sl_folder_get(kinds[r], in->type.dtype)};
  SL_TRY(check(names[r], job.f, out, in, axes, err));
  if (in->type.ndim == 1 && axes == 1 && in->type.shape[0] > 0 &&
      in->type.shape[0] <= SL_FOLD_LEAF) { /* short vectors: no nest */
    sl_columns acc;
    job.f->leaf(&acc, 1, in->data, 0, in->type.shape[0], NULL, in->stride[0]);
    job.f->store(1, out->data, 1, &acc);
    return SL_OK;
  }
  split_axes(&job, out, in, axes);
  if (job.reduced.numel == 0) {
    return reduce_nothing(r, names[r], out, in, err);
  }
  if (job.kept.numel == 0) {
    return SL_OK;
  }
  out_first(&job.kept);
  job.columns = wants_columns(&job.kept, &job.reduced);
  sl_int n = job.reduced.numel;
  job.chunks = 1;
  if (n > SL_SERIAL) {
    job.chunks = (n + SL_CHUNK - 1) / SL_CHUNK;
  }
  sl_int piece = n < SL_CHUNK ? n : SL_CHUNK;
  job.block = SL_CHUNK / piece;
  if (job.columns && job.block < SL_FOLD_WIDTH) {
    job.block = SL_FOLD_WIDTH;
  }
  return run(&job, kinds[r], err);
}
