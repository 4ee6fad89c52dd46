/* nest.c: see nest.h. The chunks are numbered by position in the nest, so the
** work of each is fixed by shape; which thread takes it changes nothing.
** MIT licence. */
#include "tensor/nest.h"

void sl_nest_init(sl_nest *t, int ndim, const sl_int *shape) {
  t->nops = 0;
  t->ndim = ndim;
  t->alone = SL_NEST_LIGHT;
  t->numel = 1;
  for (int j = 0; j < ndim; j++) {
    t->n[j] = shape[j];
    t->numel *= shape[j];
  }
}

void sl_nest_add(sl_nest *t, void *data, sl_dtype d, const sl_int *stride) {
  int i = t->nops++;
  t->p[i] = data;
  t->size[i] = sl_dtype_size(d);
  for (int j = 0; j < t->ndim; j++) {
    t->s[j][i] = stride[j];
  }
}

/* ---- preparing ----------------------------------------------------------- */

static void swap_axes(sl_nest *t, int a, int b) {
  sl_int n = t->n[a];
  t->n[a] = t->n[b];
  t->n[b] = n;
  for (int i = 0; i < t->nops; i++) {
    sl_int s = t->s[a][i];
    t->s[a][i] = t->s[b][i];
    t->s[b][i] = s;
  }
}

static void copy_axis(sl_nest *t, int to, int from) {
  t->n[to] = t->n[from];
  for (int i = 0; i < t->nops; i++) {
    t->s[to][i] = t->s[from][i];
  }
}

static void drop_ones(sl_nest *t) {
  int kept = 0;
  for (int j = 0; j < t->ndim; j++) {
    if (t->n[j] != 1) {
      copy_axis(t, kept++, j);
    }
  }
  t->ndim = kept;
}

static sl_int magnitude(sl_int s) { return s < 0 ? -s : s; }

/* Should axis a lie outside axis b? By the first operand that tells. */
static bool belongs_outside(const sl_nest *t, int a, int b) {
  for (int i = 0; i < t->nops; i++) {
    sl_int sa = magnitude(t->s[a][i]), sb = magnitude(t->s[b][i]);
    if (sa != sb) {
      return sa > sb;
    }
  }
  return false;
}

static void sort_axes(sl_nest *t) {
  for (int j = 1; j < t->ndim; j++) {
    for (int i = j; i > 0 && belongs_outside(t, i, i - 1); i--) {
      swap_axes(t, i, i - 1);
    }
  }
}

static bool walks_evenly(const sl_nest *t, int outer, int inner) {
  for (int i = 0; i < t->nops; i++) {
    if (t->s[outer][i] != t->s[inner][i] * t->n[inner]) {
      return false;
    }
  }
  return true;
}

static void merge_axes(sl_nest *t) {
  int last = 0;
  for (int j = 1; j < t->ndim; j++) {
    if (walks_evenly(t, last, j)) {
      sl_int n = t->n[last];
      copy_axis(t, last, j);
      t->n[last] *= n;
    } else {
      copy_axis(t, ++last, j);
    }
  }
  t->ndim = t->ndim > 0 ? last + 1 : 0;
}

/* Rows of fewer than SHORT elements cost more in calls than strides cost in
** cache lines: then the longest axis becomes the row. */
#define SHORT 16
static void lengthen_rows(sl_nest *t) {
  int last = t->ndim - 1, longest = last;
  if (last < 1 || t->n[last] >= SHORT) {
    return;
  }
  for (int j = 0; j < last; j++) {
    longest = t->n[j] > t->n[longest] ? j : longest;
  }
  if (t->n[longest] >= 4 * t->n[last]) {
    swap_axes(t, longest, last);
  }
}

void sl_nest_finish(sl_nest *t, bool reorder) {
  drop_ones(t);
  if (reorder) {
    sort_axes(t);
  }
  merge_axes(t);
  if (reorder) {
    lengthen_rows(t);
  }
  if (t->ndim == 0) {
    t->ndim = 1;
    t->n[0] = t->numel;
    for (int i = 0; i < t->nops; i++) {
      t->s[0][i] = 0;
    }
  }
}

/* ---- running ------------------------------------------------------------- */

static void move(const sl_nest *t, char **p, int axis, sl_int steps) {
  for (int i = 0; i < t->nops; i++) {
    p[i] += steps * t->s[axis][i] * t->size[i];
  }
}

/* After a whole row: the next index of the outer axes, odometer fashion. */
static void carry(const sl_nest *t, char **p, sl_int *at) {
  for (int j = t->ndim - 2; j >= 0; j--) {
    move(t, p, j, 1);
    if (++at[j] < t->n[j]) {
      return;
    }
    move(t, p, j, -at[j]);
    at[j] = 0;
  }
}

void sl_nest_range(const sl_nest *t, sl_int p0, sl_int p1, sl_nest_row *row,
                   void *ctx) {
  if (p0 >= p1) {
    return;
  }
  char *p[SL_NEST_OPS];
  sl_int at[SL_MAXDIM];
  for (int i = 0; i < t->nops; i++) {
    p[i] = t->p[i];
  }
  sl_int rest = p0;
  for (int j = t->ndim - 1; j >= 0; j--) {
    at[j] = rest % t->n[j];
    rest /= t->n[j];
    move(t, p, j, at[j]);
  }
  int last = t->ndim - 1;
  sl_int from = at[last];
  while (p0 < p1) {
    sl_int len = t->n[last] - from;
    len = len < p1 - p0 ? len : p1 - p0;
    row(ctx, len, p, t->s[last]);
    p0 += len;
    move(t, p, last, -from);
    from = 0;
    carry(t, p, at);
  }
}

sl_status sl_nest_run(const sl_nest *t, bool parallel, sl_nest_row *row,
                      void *ctx, const char *what, sl_err *err) {
  if (t->numel <= SL_SERIAL) {
    sl_nest_range(t, 0, t->numel, row, ctx);
    return SL_OK;
  }
  sl_int tasks = (t->numel + SL_CHUNK - 1) / SL_CHUNK;
  int threads = parallel && t->numel > t->alone ? sl_threads() : 1;
#pragma omp parallel for num_threads(threads) schedule(static) if (threads > 1)
  for (sl_int c = 0; c < tasks; c++) {
    if (!sl_interrupted()) {
      sl_int p0 = c * SL_CHUNK, p1 = p0 + SL_CHUNK;
      sl_nest_range(t, p0, p1 < t->numel ? p1 : t->numel, row, ctx);
    }
  }
  return sl_poll(err, what);
}
