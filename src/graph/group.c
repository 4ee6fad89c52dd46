/* group.c: runs a fused group of element-wise nodes: the shape is walked in
** row-major order in blocks that stay in the L1 cache with all rows of the
** group. Operands that lie so in memory, and results, are used where they are;
** repeated numbers by stride 0; others are first copied into a row. Long shapes
** are cut into chunks fixed by shape and spread over threads.  MIT licence. */
#include "graph/program.h"

enum {
  ROOM = 48 << 10,   /* bytes of rows on the stack of each thread */
  AIM = 24 << 10,    /* bytes of rows that leave the rest of L1 to operands */
  LONGEST = 1024,    /* elements of a block */
  CHUNK = 16384,     /* elements of a task */
  SERIAL = 32768     /* up to here one thread does all */
};

/* How a value is reached during one run. */
typedef struct access {
  char *base;             /* in memory; NULL: a row of L1 */
  sl_int size, step;      /* bytes of an element; 0: one number for all */
  const sl_tensor *strided; /* copied into the row first */
  int row;
} access;

typedef struct group_run {
  const sl_gop *op;
  int32_t nop;
  int nvalue, nread;
  sl_int block;
  access value[SL_GROUP_VALUES];
} group_run;

static void prepare(group_run *run, const sl_program *p, const sl_group *g,
                    const sl_tensor *desc) {
  int row = g->nrow;
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
    bool lane = g->row[v] >= 0;
    run->value[v] = (access){.base = lane ? NULL : t->data, .step = 1,
                             .size = sl_dtype_size(t->type.dtype),
                             .row = g->row[v]};
  }
  sl_int block = row > 0 ? AIM / (8 * row) / 64 * 64 : LONGEST;
  block = block > LONGEST ? LONGEST : block < 64 ? 64 : block;
  run->block = block;
}

/* One block: elements p0 .. p0 + n. */
static void run_block(const group_run *run, sl_int p0, sl_int n, char *rows) {
  void *at[SL_GROUP_VALUES];
  for (int v = 0; v < run->nvalue; v++) {
    const access *a = &run->value[v];
    if (a->strided != NULL || a->base == NULL) {
      at[v] = rows + a->row * run->block * 8;
    } else {
      at[v] = a->base + p0 * a->step * a->size;
    }
    if (a->strided != NULL) {
      sl_read_row(a->strided, p0, n, at[v]);
    }
  }
  for (int32_t i = 0; i < run->nop; i++) {
    const sl_gop *op = &run->op[i];
    const void *in[3];
    sl_int step[3];
    for (int k = 0; k < op->nin; k++) {
      in[k] = at[op->in[k]];
      step[k] = run->value[op->in[k]].step;
    }
    op->fn(n, at[op->out], 1, in, step);
  }
}

static void run_range(const group_run *run, sl_int p0, sl_int p1) {
  _Alignas(64) char rows[ROOM];
  for (; p0 < p1; p0 += run->block) {
    sl_int n = p1 - p0 < run->block ? p1 - p0 : run->block;
    run_block(run, p0, n, rows);
  }
}

sl_status sl_group_run(const sl_program *p, const sl_group *g,
                       const sl_tensor *desc, sl_err *err) {
  group_run run;
  sl_int n = sl_numel(&g->type);
  prepare(&run, p, g, desc);
  if (n <= SERIAL) {
    run_range(&run, 0, n);
    return SL_OK;
  }
  sl_int tasks = (n + CHUNK - 1) / CHUNK;
#pragma omp parallel for num_threads(sl_threads()) schedule(static)
  for (sl_int t = 0; t < tasks; t++) {
    if (!sl_interrupted()) {
      sl_int end = (t + 1) * CHUNK;
      run_range(&run, t * CHUNK, end < n ? end : n);
    }
  }
  return sl_poll(err, "run");
}
