/* group.c: runs a fused group of element-wise nodes: the shape is walked in
** row-major order in blocks that stay in the L1 cache with all rows of the
** group. Operands that lie so in memory, and results, are used where they are;
** repeated numbers by stride 0; others are first copied into a row. Reductions
** follow the tree of tensor/reduce.c, whose bits do not depend on how its leaves
** were made. Long shapes are cut into chunks fixed by shape and spread over
** threads.  MIT licence. */
#include <string.h>

#include "graph/program.h"

enum {
  SHORTEST = SL_FOLD_LEAF, /* elements of a block: a leaf of a sum */
  LONGEST = 1024,
  AIM = 24 << 10, /* bytes of rows that leave the rest of L1 to operands */
  ROOM = SL_GROUP_VALUES * SHORTEST * 8, /* of rows, on each thread's stack */
  WORTH = 4 * SL_SERIAL /* plain operations worth waking threads for */
};

/* A thread's rows. What repeats with the run's period is loaded once: `loaded`
** elements from phase `phase` on. */
typedef struct bench {
  _Alignas(64) char rows[ROOM];
  sl_int phase, loaded;
} bench;

/* How a value is reached during one run. */
typedef struct access {
  char *base;             /* in memory; NULL: a row of L1 */
  sl_int size, step;      /* bytes of an element; 0: one number for all */
  const sl_tensor *strided; /* copied into the row first */
  bool periodic; /* the same after each period of the run */
  int row;
} access;

typedef struct group_run {
  const sl_group *g;
  const sl_gop *op;
  int32_t nop;
  int nvalue, nread;
  sl_int block, period; /* period: of repeated rows, 0 for none */
  access value[SL_GROUP_VALUES];
} group_run;

/* After how many elements t repeats, being the same along its first axes; 0 when
** it does not. */
static sl_int period_of(const sl_tensor *t) {
  int first = 0;
  sl_int n = 1;
  while (first < t->type.ndim &&
         (t->stride[first] == 0 || t->type.shape[first] == 1)) {
    first++;
  }
  for (int a = first; a < t->type.ndim; a++) {
    n *= t->type.shape[a];
  }
  return first > 0 ? n : 0;
}

/* Takes the first period that fits a block, and blocks that are multiples of it
** (with reductions, whose blocks are cut otherwise, any block will do). */
static void choose_period(group_run *run) {
  run->period = 0;
  for (int v = 0; v < run->nread; v++) {
    access *a = &run->value[v];
    sl_int period = a->strided != NULL ? period_of(a->strided) : 0;
    if (run->period == 0 && period > 0 && 2 * period <= run->block) {
      run->period = period;
    }
    a->periodic = period > 0 && period == run->period;
  }
  if (run->period > 0 && run->g->nfold == 0) {
    run->block -= run->block % run->period;
  }
}

static void prepare(group_run *run, const sl_program *p, const sl_group *g,
                    const sl_tensor *desc) {
  int row = g->nrow;
  run->g = g;
  run->op = p->gop + g->op;
  run->nop = g->nop;
  run->nread = g->nread;
  run->nvalue = g->nread + g->nop;
  for (int v = 0; v < g->nread; v++) {
    const sl_tensor *t = &desc[p->read[g->read + v]];
    access *a = &run->value[v];
    sl_int step;
    *a = (access){.base = t->data, .size = sl_dtype_size(t->type.dtype)};
    bool flat = sl_flat_step(t, &step);
    a->step = flat ? step : 1;
    if (!flat || (step != 0 && step != 1)) {
      a->strided = t;
      a->step = 1;
      a->row = row++;
    }
  }
  for (int i = 0; i < g->nop; i++) {
    int v = g->nread + i;
    const sl_tensor *t = &desc[run->op[i].node];
    bool lane = g->row[v] >= 0 || run->op[i].fn == NULL;
    run->value[v] = (access){.base = lane ? NULL : t->data, .step = 1,
                             .size = sl_dtype_size(t->type.dtype),
                             .row = lane && g->row[v] >= 0 ? g->row[v] : 0};
  }
  sl_int block = row > 0 ? AIM / (8 * row) / 64 * 64 : LONGEST;
  block = block > LONGEST    ? LONGEST
          : block < SHORTEST ? SHORTEST
                             : block;
  run->block = block;
  choose_period(run);
}

/* One block: elements p0 .. p0 + n; at[v] is where value v has them. */
static void run_block(const group_run *run, sl_int p0, sl_int n, bench *b,
                      void **at) {
  sl_int phase = run->period > 0 ? p0 % run->period : 0;
  bool fresh = phase != b->phase || n > b->loaded;
  for (int v = 0; v < run->nvalue; v++) {
    const access *a = &run->value[v];
    if (a->strided != NULL || a->base == NULL) {
      at[v] = b->rows + a->row * run->block * 8;
    } else {
      at[v] = a->base + p0 * a->step * a->size;
    }
    if (a->strided != NULL && (fresh || !a->periodic)) {
      sl_read_row(a->strided, p0, n, at[v]);
    }
  }
  if (fresh) {
    b->phase = phase;
    b->loaded = n;
  }
  for (int32_t i = 0; i < run->nop; i++) {
    const sl_gop *op = &run->op[i];
    const void *in[3];
    sl_int step[3];
    if (op->fn == NULL) {
      continue;
    }
    for (int k = 0; k < op->nin; k++) {
      in[k] = at[op->in[k]];
      step[k] = run->value[op->in[k]].step;
    }
    op->fn(n, at[op->out], 1, in, step);
  }
}

static void run_range(const group_run *run, sl_int p0, sl_int p1) {
  bench b;
  void *at[SL_GROUP_VALUES];
  b.phase = b.loaded = 0;
  for (; p0 < p1; p0 += run->block) {
    sl_int n = p1 - p0 < run->block ? p1 - p0 : run->block;
    run_block(run, p0, n, &b, at);
  }
}

static bool is_worth_threads(const sl_group *g) {
  sl_int n = sl_numel(&g->type);
  return n > SL_SERIAL && n * (g->weight + g->nfold) > WORTH;
}

/* ---- reductions ---------------------------------------------------------- */

typedef struct fold_run {
  const group_run *run;
  const sl_folder *folder[SL_GROUP_FOLDS];
  sl_tensor out[SL_GROUP_FOLDS];
  sl_int reduced, chunks, kept;
  char *partial[SL_GROUP_FOLDS]; /* [chunks x kept] when chunks > 1 */
} fold_run;

static sl_int value_size(const fold_run *r, int i) {
  return r->run->value[r->run->g->fold[i].value].size;
}

static void join_all(const fold_run *r, sl_int nk, sl_columns *acc,
                     const sl_columns *other) {
  for (int i = 0; i < r->run->g->nfold; i++) {
    r->folder[i]->join(nk, &acc[i], &other[i]);
  }
}

/* Inner sweep: acc[i] = fold i of elements p0 .. p0 + n of one line. */
static void fold_line(const fold_run *r, sl_int p0, sl_int n, sl_columns *acc,
                      bench *b) {
  if (n <= r->run->block) {
    void *at[SL_GROUP_VALUES];
    run_block(r->run, p0, n, b, at);
    for (int i = 0; i < r->run->g->nfold; i++) {
      sl_fold_tree(r->folder[i], &acc[i], 1, at[r->run->g->fold[i].value], 0,
                   n, 1, value_size(r, i));
    }
    return;
  }
  sl_columns other[SL_GROUP_FOLDS];
  sl_int half = sl_fold_half(n);
  fold_line(r, p0, half, acc, b);
  fold_line(r, p0 + half, n - half, other, b);
  join_all(r, 1, acc, other);
}

/* Several whole short lines from one block. */
static void fold_lines(const fold_run *r, sl_int line, sl_int count,
                       bench *b) {
  const sl_group *g = r->run->g;
  void *at[SL_GROUP_VALUES];
  sl_columns acc;
  run_block(r->run, line * g->inner, count * g->inner, b, at);
  for (int i = 0; i < g->nfold; i++) {
    sl_int size = value_size(r, i);
    const char *x = at[g->fold[i].value];
    for (sl_int k = 0; k < count; k++) {
      sl_fold_tree(r->folder[i], &acc, 1, x + k * g->inner * size, 0,
                   g->inner, 1, size);
      r->folder[i]->store(1, (char *)r->out[i].data + (line + k) * size, 1,
                          &acc);
    }
  }
}

/* Outer sweep: a leaf's rows are collected, since a block holds fewer, unless
** they go to memory anyway. */
static void fold_leaf_rows(const fold_run *r, sl_int row, sl_int n,
                           sl_columns *acc, bench *b) {
  const sl_group *g = r->run->g;
  _Alignas(64) char leaf[SL_GROUP_FOLDS][SL_FOLD_LEAF * SL_FOLD_WIDTH * 8];
  void *at[SL_GROUP_VALUES];
  sl_int step = r->run->block / g->inner;
  for (sl_int k = 0; k < n; k += step) {
    sl_int count = n - k < step ? n - k : step;
    run_block(r->run, (row + k) * g->inner, count * g->inner, b, at);
    for (int i = 0; i < g->nfold; i++) {
      sl_int size = value_size(r, i) * g->inner;
      if (r->run->value[g->fold[i].value].base == NULL) {
        memcpy(leaf[i] + k * size, at[g->fold[i].value],
               (size_t)(count * size));
      }
    }
  }
  for (int i = 0; i < g->nfold; i++) {
    const access *a = &r->run->value[g->fold[i].value];
    const char *x = a->base == NULL ? leaf[i]
                                    : a->base + row * g->inner * a->size;
    r->folder[i]->leaf(&acc[i], g->inner, x, 1, n, NULL, g->inner);
  }
}

static void fold_rows(const fold_run *r, sl_int row, sl_int n, sl_columns *acc,
                      bench *b) {
  if (n <= SL_FOLD_LEAF) {
    fold_leaf_rows(r, row, n, acc, b);
    return;
  }
  sl_columns other[SL_GROUP_FOLDS];
  sl_int half = sl_fold_half(n);
  fold_rows(r, row, half, acc, b);
  fold_rows(r, row + half, n - half, other, b);
  join_all(r, r->run->g->inner, acc, other);
}

/* Puts the accumulators of kept elements first .. first + nk of a chunk where
** they belong. */
static void keep(const fold_run *r, sl_int chunk, sl_int first, sl_int nk,
                 const sl_columns *acc) {
  for (int i = 0; i < r->run->g->nfold; i++) {
    sl_int size = sl_dtype_size(r->folder[i]->out);
    sl_int wide = sl_dtype_size(r->folder[i]->acc);
    if (r->chunks == 1) {
      r->folder[i]->store(nk, (char *)r->out[i].data + first * size, 1,
                          &acc[i]);
    } else {
      memcpy(r->partial[i] + (chunk * r->kept + first) * wide, &acc[i],
             (size_t)(nk * wide));
    }
  }
}

/* One chunk of the reduced range, for one line or for all columns. */
static void fold_chunk(const fold_run *r, sl_int line, sl_int chunk) {
  bench b;
  sl_columns acc[SL_GROUP_FOLDS];
  b.loaded = 0;
  const sl_group *g = r->run->g;
  sl_int p0 = r->chunks > 1 ? chunk * SL_CHUNK : 0;
  sl_int n = r->reduced - p0;
  n = r->chunks > 1 && n > SL_CHUNK ? SL_CHUNK : n;
  if (g->sweep == SL_SWEEP_INNER) {
    fold_line(r, line * g->inner + p0, n, acc, &b);
    keep(r, chunk, line, 1, acc);
  } else {
    fold_rows(r, p0, n, acc, &b);
    keep(r, chunk, 0, g->inner, acc);
  }
}

/* The tree over the chunks' accumulators of each kept element. */
static void join_chunks(const fold_run *r) {
  for (int i = 0; i < r->run->g->nfold; i++) {
    const sl_folder *own = r->folder[i];
    const sl_folder *f =
        sl_folder_get((sl_fold)r->run->g->fold[i].kind, own->acc);
    sl_int size = sl_dtype_size(own->acc);
    for (sl_int k = 0; k < r->kept; k++) {
      sl_columns acc;
      sl_fold_tree(f, &acc, 1, r->partial[i] + k * size, 0, r->chunks, r->kept,
                   size);
      own->store(1, (char *)r->out[i].data + k * sl_dtype_size(own->out), 1,
                 &acc);
    }
  }
}

/* Short lines: blocks of several. */
static void fold_short_lines(const fold_run *r, bool parallel) {
  const sl_group *g = r->run->g;
  sl_int each = r->run->block / g->inner;
  sl_int tasks = (g->outer + each - 1) / each;
#pragma omp parallel for num_threads(sl_threads()) schedule(static) \
    if (parallel)
  for (sl_int t = 0; t < tasks; t++) {
    bench b;
    sl_int first = t * each, left = g->outer - first;
    if (!sl_interrupted()) {
      b.loaded = 0;
      fold_lines(r, first, left < each ? left : each, &b);
    }
  }
}

static void fold_all(const fold_run *r, bool parallel) {
  const sl_group *g = r->run->g;
  if (g->sweep == SL_SWEEP_INNER && g->inner <= r->run->block) {
    fold_short_lines(r, parallel);
    return;
  }
  sl_int lines = g->sweep == SL_SWEEP_INNER ? g->outer : 1;
  sl_int tasks = lines * r->chunks;
#pragma omp parallel for num_threads(sl_threads()) schedule(static) \
    if (parallel && tasks > 1)
  for (sl_int t = 0; t < tasks; t++) {
    if (!sl_interrupted()) {
      fold_chunk(r, t / r->chunks, t % r->chunks);
    }
  }
  if (r->chunks > 1) {
    join_chunks(r);
  }
}

static sl_status run_folds(const group_run *run, const sl_tensor *desc,
                           sl_err *err) {
  const sl_group *g = run->g;
  bool inner = g->sweep == SL_SWEEP_INNER;
  fold_run r = {.run = run, .reduced = inner ? g->inner : g->outer,
                .kept = inner ? g->outer : g->inner, .chunks = 1};
  if (r.reduced > SL_SERIAL) {
    r.chunks = (r.reduced + SL_CHUNK - 1) / SL_CHUNK;
  }
  sl_int each = r.chunks * r.kept * 8;
  char *partial = NULL;
  if (r.chunks > 1) {
    partial = sl_temp_take(each * g->nfold);
    if (partial == NULL) {
      return sl_fail(err, SL_ENOMEM, "sum: no memory for %lld bytes",
                     (long long)(each * g->nfold));
    }
  }
  for (int i = 0; i < g->nfold; i++) {
    r.out[i] = desc[g->fold[i].node];
    r.folder[i] = sl_folder_get((sl_fold)g->fold[i].kind,
                                r.out[i].type.dtype);
    r.partial[i] = partial != NULL ? partial + i * each : NULL;
  }
  fold_all(&r, is_worth_threads(g));
  sl_temp_give(partial);
  return sl_poll(err, "run");
}

/* ---- the whole ----------------------------------------------------------- */

sl_status sl_group_run(const sl_program *p, const sl_group *g,
                       const sl_tensor *desc, sl_err *err) {
  group_run run;
  sl_int n = sl_numel(&g->type);
  prepare(&run, p, g, desc);
  if (g->nfold > 0) {
    return run_folds(&run, desc, err);
  }
  if (!is_worth_threads(g)) {
    run_range(&run, 0, n);
    return sl_poll(err, "run");
  }
  sl_int tasks = (n + SL_CHUNK - 1) / SL_CHUNK;
#pragma omp parallel for num_threads(sl_threads()) schedule(static)
  for (sl_int t = 0; t < tasks; t++) {
    if (!sl_interrupted()) {
      sl_int end = (t + 1) * SL_CHUNK;
      run_range(&run, t * SL_CHUNK, end < n ? end : n);
    }
  }
  return sl_poll(err, "run");
}

/* ---- behind a matrix product --------------------------------------------- */

typedef struct tile_run {
  const group_run *run;
  sl_int columns; /* of the whole product */
} tile_run;

/* The group on one tile: whole rows are one range, pieces of rows several. */
static void run_tile(void *ctx, sl_int i, sl_int m, sl_int j, sl_int n) {
  const tile_run *t = ctx;
  if (n == t->columns) {
    run_range(t->run, i * n, (i + m) * n);
    return;
  }
  for (sl_int k = i; k < i + m; k++) {
    run_range(t->run, k * t->columns + j, k * t->columns + j + n);
  }
}

sl_status sl_group_run_product(const sl_program *p, const sl_group *g,
                               int32_t product, const sl_tensor *desc,
                               sl_err *err) {
  group_run run;
  tile_run t = {.run = &run, .columns = desc[product].type.shape[1]};
  const sl_int *in = sl_node_in(&p->g, product);
  const sl_int *flag = sl_node_attr(&p->g, product);
  sl_tensor out = desc[product];
  bool called;
  prepare(&run, p, g, desc);
  SL_TRY(sl_matmul_then(&out, &desc[in[0]], &desc[in[1]], flag[0] != 0,
                        flag[1] != 0, run_tile, &t, &called, err));
  return called ? SL_OK : sl_group_run(p, g, desc, err);
}
