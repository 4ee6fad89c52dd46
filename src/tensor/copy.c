/* copy.c: copies with conversion, fills, single elements. MIT licence. */
#include "tensor/nest.h"

#include <string.h>

/* ---- copy ---------------------------------------------------------------- */

typedef struct copy_job {
  sl_dtype to, from;
  bool fits;
} copy_job;

static void copy_row(void *ctx, sl_int n, char *const *p, const sl_int *s) {
  const copy_job *job = ctx;
  sl_kern_convert(n, p[0], job->to, s[0], p[1], job->from, s[1]);
}

static void fits_row(void *ctx, sl_int n, char *const *p, const sl_int *s) {
  copy_job *job = ctx;
  job->fits = job->fits && sl_kern_fits(n, p[0], job->from, s[0], job->to);
}

static sl_status check_fits(const sl_tensor *in, sl_dtype to, sl_err *err) {
  copy_job job = {to, in->type.dtype, true};
  sl_nest t;
  sl_nest_init(&t, in->type.ndim, in->type.shape);
  sl_nest_add(&t, in->data, in->type.dtype, in->stride);
  sl_nest_finish(&t, true);
  SL_TRY(sl_nest_run(&t, false, fits_row, &job, "copy", err));
  if (!job.fits) {
    char text[256];
    return sl_fail(err, SL_EDOM,
                   "convert: a value of %s is NaN or outside the range of %s",
                   sl_type_text(text, sizeof text, &in->type),
                   sl_dtype_name(to));
  }
  return SL_OK;
}

/* Square blocks of this edge when two operands run along different axes: both
** then stay in the L1 cache. */
#define EDGE 32

static sl_int smaller(sl_int a, sl_int b) { return a < b ? a : b; }

/* Rows [i0, i0 + EDGE) of a two-axis nest, block after block. */
static void copy_band(const sl_nest *t, sl_int i0, copy_job *job) {
  sl_int i1 = smaller(i0 + EDGE, t->n[0]);
  for (sl_int k0 = 0; k0 < t->n[1]; k0 += EDGE) {
    sl_int len = smaller(EDGE, t->n[1] - k0);
    for (sl_int i = i0; i < i1; i++) {
      char *q[2];
      for (int o = 0; o < 2; o++) {
        q[o] = t->p[o] + (i * t->s[0][o] + k0 * t->s[1][o]) * t->size[o];
      }
      copy_row(job, len, q, t->s[1]);
    }
  }
}

static sl_status copy_crossed(const sl_nest *t, copy_job *job, sl_err *err) {
  if (t->numel <= SL_SERIAL) {
    for (sl_int i0 = 0; i0 < t->n[0]; i0 += EDGE) {
      copy_band(t, i0, job);
    }
    return SL_OK;
  }
  int threads = t->numel > SL_NEST_LIGHT / 2 ? sl_threads() : 1;
#pragma omp parallel for num_threads(threads) schedule(static) if (threads > 1)
  for (sl_int i0 = 0; i0 < t->n[0]; i0 += EDGE) {
    if (!sl_interrupted()) {
      copy_band(t, i0, job);
    }
  }
  return sl_poll(err, "copy");
}

/* A transposed matrix: two axes, each operand dense along another one. */
static bool is_crossed(const sl_nest *t) {
  return t->ndim == 2 && t->s[1][0] == 1 && t->s[0][1] == 1 &&
         t->n[0] >= EDGE && t->n[1] >= EDGE;
}

static sl_status copy_apart(sl_tensor *out, const sl_tensor *in, sl_err *err) {
  copy_job job = {out->type.dtype, in->type.dtype, true};
  sl_int n = sl_numel(&out->type), so, si;
  if (n <= SL_SERIAL && sl_flat_step(out, &so) && sl_flat_step(in, &si)) {
    sl_kern_convert(n, out->data, job.to, so, in->data, job.from, si);
    return SL_OK;
  }
  sl_nest t;
  sl_nest_init(&t, out->type.ndim, out->type.shape);
  sl_nest_add(&t, out->data, out->type.dtype, out->stride);
  sl_nest_add(&t, in->data, in->type.dtype, in->stride);
  sl_nest_finish(&t, true);
  if (is_crossed(&t)) {
    return copy_crossed(&t, &job, err);
  }
  return sl_nest_run(&t, true, copy_row, &job, "copy", err);
}

static sl_status copy_through_scratch(sl_tensor *out, const sl_tensor *in,
                                      sl_err *err) {
  sl_int bytes = sl_numel(&in->type) * sl_dtype_size(in->type.dtype);
  void *scratch = sl_temp_take(bytes);
  if (scratch == NULL) {
    return sl_fail(err, SL_ENOMEM, "copy: no memory for %lld bytes",
                   (long long)bytes);
  }
  sl_tensor between;
  sl_tensor_init(&between, &in->type, scratch);
  sl_status status = copy_apart(&between, in, err);
  if (status == SL_OK) {
    status = copy_apart(out, &between, err);
  }
  sl_temp_give(scratch);
  return status;
}

static bool same_elements(const sl_tensor *a, const sl_tensor *b) {
  bool same = a->data == b->data && a->type.dtype == b->type.dtype;
  for (int j = 0; j < a->type.ndim && same; j++) {
    same = a->stride[j] == b->stride[j] || a->type.shape[j] == 1;
  }
  return same;
}

sl_status sl_copy(sl_tensor *out, const sl_tensor *in, sl_err *err) {
  if (!sl_shape_eq(&out->type, &in->type)) {
    char a[256], b[256];
    return sl_fail(err, SL_ESHAPE, "copy: the source is %s, the target is %s",
                   sl_type_text(a, sizeof a, &in->type),
                   sl_type_text(b, sizeof b, &out->type));
  }
  bool narrows = !sl_dtype_isfloat(out->type.dtype) &&
                 in->type.dtype > out->type.dtype;
  if (narrows) {
    SL_TRY(check_fits(in, out->type.dtype, err));
  }
  if (same_elements(out, in)) {
    return SL_OK;
  }
  return sl_overlap(out, in) ? copy_through_scratch(out, in, err)
                             : copy_apart(out, in, err);
}

/* ---- fill ---------------------------------------------------------------- */

typedef struct fill_job {
  sl_dtype dtype;
  double v;
  sl_int iv;
} fill_job;

typedef struct row_writer {
  char *to;
  sl_dtype dtype;
} row_writer;

/* Short pieces are copied without a call. */
#define COPY_PIECE(T)                                     \
  static void piece_##T(sl_int n, T *to, const T *x, sl_int s) { \
    if (s == 0) {                                         \
      const T v = x[0];                                   \
      for (sl_int k = 0; k < n; k++) {                    \
        to[k] = v;                                        \
      }                                                   \
    } else {                                              \
      for (sl_int k = 0; k < n; k++) {                    \
        to[k] = x[k * s];                                 \
      }                                                   \
    }                                                     \
  }
COPY_PIECE(uint64_t)
COPY_PIECE(uint32_t)
COPY_PIECE(uint8_t)

static void read_part(void *ctx, sl_int n, char *const *p, const sl_int *s) {
  row_writer *w = ctx;
  sl_int size = sl_dtype_size(w->dtype);
  const void *x = p[0];
  void *to = w->to;
  if (size == 8) {
    piece_uint64_t(n, to, x, s[0]);
  } else if (size == 4) {
    piece_uint32_t(n, to, x, s[0]);
  } else {
    piece_uint8_t(n, to, x, s[0]);
  }
  w->to += n * size;
}

/* The pieces of a row that repeats with `period` after its first one: doubled. */
static void repeat(char *row, sl_int period, sl_int bytes) {
  for (sl_int done = period; done < bytes; done *= 2) {
    memcpy(row + done, row, (size_t)(done < bytes - done ? done
                                                         : bytes - done));
  }
}

void sl_read_row(const sl_tensor *t, sl_int first, sl_int n, void *out) {
  row_writer w = {out, t->type.dtype};
  sl_nest nest;
  sl_nest_init(&nest, t->type.ndim, t->type.shape);
  sl_nest_add(&nest, t->data, t->type.dtype, t->stride);
  sl_nest_finish(&nest, false);
  sl_int period = nest.ndim == 2 && nest.s[0][0] == 0 ? nest.n[1] : 0;
  if (period > 0 && n > period) {
    sl_int size = sl_dtype_size(w.dtype);
    sl_nest_range(&nest, first, first + period, read_part, &w);
    repeat(out, period * size, n * size);
    return;
  }
  sl_nest_range(&nest, first, first + n, read_part, &w);
}

static void fill_row(void *ctx, sl_int n, char *const *p, const sl_int *s) {
  const fill_job *job = ctx;
  sl_kern_fill(job->dtype, n, p[0], s[0], job->v, job->iv);
}

void sl_fill(sl_tensor *out, double value, sl_int ivalue) {
  fill_job job = {out->type.dtype, value, ivalue};
  sl_nest t;
  sl_nest_init(&t, out->type.ndim, out->type.shape);
  sl_nest_add(&t, out->data, out->type.dtype, out->stride);
  sl_nest_finish(&t, true);
  sl_nest_range(&t, 0, t.numel, fill_row, &job);
}

/* ---- one element --------------------------------------------------------- */

/* The address of row-major position p. */
static void *element(const sl_tensor *t, sl_int p) {
  sl_int offset = 0;
  for (int j = t->type.ndim - 1; j >= 0; j--) {
    sl_int n = t->type.shape[j];
    offset += p % n * t->stride[j];
    p /= n;
  }
  return (char *)t->data + offset * sl_dtype_size(t->type.dtype);
}

double sl_get(const sl_tensor *t, sl_int p) {
  const void *e = element(t, p);
  switch (t->type.dtype) {
    case SL_U8: return *(const uint8_t *)e;
    case SL_I64: return (double)*(const sl_int *)e;
    case SL_F32: return (double)*(const float *)e;
    default: return *(const double *)e;
  }
}

sl_int sl_geti(const sl_tensor *t, sl_int p) {
  const void *e = element(t, p);
  switch (t->type.dtype) {
    case SL_U8: return *(const uint8_t *)e;
    case SL_I64: return *(const sl_int *)e;
    case SL_F32: return (sl_int) * (const float *)e;
    default: return (sl_int) * (const double *)e;
  }
}

void sl_set(sl_tensor *t, sl_int p, double v, sl_int iv) {
  sl_kern_fill(t->type.dtype, 1, element(t, p), 1, v, iv);
}
