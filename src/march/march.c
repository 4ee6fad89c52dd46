/* march.c: runs a machine over lanes and steps. Each thread has cells for what
** all lanes share, rows for what each lane has, and the step's instructions
** twice, since the state lies in one set of rows before even steps and in the
** other before odd ones.  MIT licence. */
#include <string.h>

#include "march/machine.h"

enum {
  L1 = 24 << 10,      /* bytes of rows aimed at */
  SHORT = 64,         /* lanes of a block, least */
  LONG = 1024,        /* and most */
  PATIENCE = 1 << 16, /* lane operations between two looks at Ctrl-C */
  WORTH = 1 << 17     /* lane operations worth a thread */
};

/* ---- a thread's machine -------------------------------------------------- */

typedef struct machine {
  const sl_march *m;
  const sl_march_job *job;
  sl_int block;      /* lanes that rows have room for */
  double *cell;      /* by value */
  double *rows;      /* [nrow][block] */
  sl_instr *code[2]; /* before even steps, before odd ones */
  int32_t ncode;
} machine;

static sl_int align(sl_int bytes) { return (bytes + 63) / 64 * 64; }

/* Lays a machine into memory; only counts the bytes when base is NULL. */
static sl_int lay(machine *k, char *base) {
  const sl_lanecode *c = k->m->code;
  sl_int most = c->nop - c->nfixed + k->m->width;
  sl_int cells = align(c->nvalue * (sl_int)sizeof *k->cell);
  sl_int rows = align(k->m->nrow * k->block * (sl_int)sizeof *k->rows);
  sl_int code = align(most * (sl_int)sizeof *k->code[0]);
  if (base != NULL) {
    k->cell = (double *)(void *)base;
    k->rows = (double *)(void *)(base + cells);
    k->code[0] = (sl_instr *)(void *)(base + cells + rows);
    k->code[1] = (sl_instr *)(void *)(base + cells + rows + code);
  }
  return cells + rows + 2 * code;
}

/* Row r as it lies before a step of that parity: the two sets of state rows
** change places. */
static double *row_at(const machine *k, int32_t r, int odd) {
  sl_int width = k->m->width;
  if (odd && r < 2 * width) {
    r = (int32_t)(r < width ? r + width : r - width);
  }
  return k->rows + r * k->block;
}

static void address(const machine *k, sl_instr *to, int i, int32_t v,
                    int odd) {
  bool each = k->m->row[v] >= 0;
  to->in[i] = each ? row_at(k, k->m->row[v], odd) : &k->cell[v];
  to->step[i] = each;
}

/* The kernel of an operation, now that fixed values are known: the strong product
** with a fixed first factor that is no zero is the plain one. */
static sl_lane_fn *kernel_of(const machine *k, const sl_lop *op) {
  int32_t v = op->in[0];
  bool plain = op->fn == sl_lane_get(SL_LANE_mulz, SL_F64) &&
               k->m->code->level[v] == SL_FIXED && k->cell[v] != 0.0 &&
               k->cell[v] == k->cell[v];
  return plain ? sl_lane_get(SL_LANE_mul, SL_F64) : op->fn;
}

static void write_code(machine *k, int odd) {
  const sl_march *m = k->m;
  const sl_lanecode *c = m->code;
  sl_instr *to = k->code[odd];
  for (int32_t i = c->nfixed; i < c->nop; i++, to++) {
    const sl_lop *op = &c->op[i];
    bool each = op->level == SL_EACH;
    *to = (sl_instr){.fn = kernel_of(k, op), .lanes = each ? 0 : 1};
    to->quick = sl_quick_of(to->fn);
    to->out = each ? (void *)row_at(k, m->row[op->out], odd)
                   : &k->cell[op->out];
    for (int a = 0; a < op->nin; a++) {
      address(k, to, a, op->in[a], odd);
    }
  }
  for (sl_int j = 0; j < m->width; j++) {
    if (m->row[c->out[j]] != m->width + j) {
      *to = (sl_instr){.fn = sl_lane_copy, .quick = SL_QUICK_COPY};
      to->out = row_at(k, (int32_t)(m->width + j), odd);
      address(k, to++, 0, c->out[j], odd);
    }
  }
  k->ncode = (int32_t)(to - k->code[odd]);
}

/* All that does not change from step to step. */
static void fill_cells(machine *k) {
  const sl_lanecode *c = k->m->code;
  for (int32_t i = 0; i < c->nload; i++) {
    const sl_lload *l = &c->load[i];
    double *cell = &k->cell[l->out];
    if (l->source == SL_FROM_CONST) {
      *cell = l->value;
    } else if (l->source == SL_FROM_SLOT) {
      *cell = k->job->slots[l->k];
    } else if (l->source == SL_FROM_CAPTURE &&
               c->level[l->out] == SL_FIXED) {
      sl_lane_read(cell, k->job->captures[l->k], l->element);
    }
  }
  for (int32_t i = 0; i < c->nfixed; i++) {
    static const sl_int one[3] = {1, 1, 1};
    const void *in[3] = {NULL, NULL, NULL};
    for (int a = 0; a < c->op[i].nin; a++) {
      in[a] = &k->cell[c->op[i].in[a]];
    }
    c->op[i].fn(1, &k->cell[c->op[i].out], 1, in, one);
  }
}

static void set_lanes(machine *k, sl_int n) {
  for (int odd = 0; odd < 2; odd++) {
    for (int32_t i = 0; i < k->ncode; i++) {
      sl_instr *to = &k->code[odd][i];
      char *out = to->out;
      bool each = out >= (char *)k->rows;
      to->lanes = each ? n : 1;
    }
  }
}

/* ---- a block of lanes ---------------------------------------------------- */

/* Rows of lanes lane .. lane + n from the tensors of the start. */
static void read_state(const machine *k, sl_int lane, sl_int n) {
  const sl_march *m = k->m;
  for (int t = 0; t < m->nstate; t++) {
    sl_int count = m->first[t + 1] - m->first[t];
    const double *x = k->job->start[t]->data;
    for (sl_int e = 0; e < count; e++) {
      double *row = k->rows + (m->first[t] + e) * k->block;
      for (sl_int i = 0; i < n; i++) {
        row[i] = x[(lane + i) * count + e];
      }
    }
  }
  for (int32_t i = 0; m->elements && i < m->code->nload; i++) {
    const sl_lload *l = &m->code->load[i];
    if (l->source == SL_FROM_CAPTURE && m->row[l->out] >= 0) {
      sl_read_row(k->job->captures[l->k], lane, n,
                  k->rows + m->row[l->out] * k->block);
    }
  }
}

/* The state after `made` steps to tensors [.. x lanes x shape], item `at` of
** the first axis. */
static void write_state(const machine *k, sl_int lane, sl_int n, sl_int made,
                        sl_tensor *const *to, sl_int at) {
  const sl_march *m = k->m;
  for (int t = 0; t < m->nstate; t++) {
    sl_int count = m->first[t + 1] - m->first[t];
    double *x = to[t]->data;
    x += (at * k->job->lanes + lane) * count;
    for (sl_int e = 0; e < count; e++) {
      const double *row =
          row_at(k, (int32_t)(m->first[t] + e), made % 2 != 0);
      for (sl_int i = 0; i < n; i++) {
        x[i * count + e] = row[i];
      }
    }
  }
}

/* `count` steps from step s on. */
static void make_steps(machine *k, sl_int s, sl_int count, bool one) {
  double none, *clock = k->m->clock >= 0 ? &k->cell[k->m->clock] : &none;
  for (sl_int end = s + count; s < end; s++) {
    *clock = (double)s;
    if (one) {
      sl_execute_one(k->code[s & 1], k->ncode);
    } else {
      sl_execute(k->code[s & 1], k->ncode);
    }
  }
}

/* All steps of one block, in runs that end where a state is kept and are short
** enough for Ctrl-C, after which the rest is left. */
static void march_block(machine *k, sl_int lane, sl_int n) {
  const sl_march_job *job = k->job;
  sl_int longest = PATIENCE / (n * (k->ncode + 1)) + 1, s = 0;
  read_state(k, lane, n);
  while (s < job->steps && !sl_interrupted()) {
    sl_int kept = job->every > 0 ? (s / job->every + 1) * job->every
                                 : job->steps;
    sl_int next = kept < job->steps ? kept : job->steps;
    next = next - s < longest ? next : s + longest;
    make_steps(k, s, next - s, n == 1);
    s = next;
    if (job->every > 0 && s % job->every == 0) {
      write_state(k, lane, n, s, job->path, s / job->every - 1);
    }
  }
  if (s == job->steps) {
    write_state(k, lane, n, s, job->final, 0);
  }
}

/* ---- the whole ----------------------------------------------------------- */

static void run_machine(const sl_march *m, const sl_march_job *job,
                        sl_int block, char *base, int thread, int threads) {
  machine k = {.m = m, .job = job, .block = block};
  sl_int blocks = (job->lanes + block - 1) / block, lanes = -1;
  lay(&k, base);
  fill_cells(&k);
  write_code(&k, 0);
  write_code(&k, 1);
  for (sl_int b = thread; b < blocks; b += threads) {
    sl_int n = job->lanes - b * block < block ? job->lanes - b * block : block;
    if (n != lanes) {
      set_lanes(&k, n);
      lanes = n;
    }
    march_block(&k, b * block, n);
  }
}

/* Lanes of a block: what fits, but enough blocks for all threads. */
static sl_int block_size(const sl_march *m, sl_int lanes, int threads) {
  sl_int fits = L1 / (8 * (sl_int)m->nrow) / 8 * 8;
  sl_int share = (lanes + threads - 1) / threads;
  sl_int block = fits < SHORT ? SHORT : fits > LONG ? LONG : fits;
  share = (share + 7) / 8 * 8;
  block = block < share ? block : share;
  return block < lanes ? block : lanes;
}

sl_status sl_march_run(const sl_march *m, const sl_march_job *job,
                       sl_err *err) {
  if (job->lanes == 0 || m->width == 0) {
    return SL_OK;
  }
  double work = (double)job->lanes * (double)job->steps *
                (double)(sl_march_ops(m) + 1);
  int threads = work > 2 * WORTH ? sl_threads() : 1;
  sl_int block = block_size(m, job->lanes, threads);
  machine k = {.m = m, .block = block};
  sl_int bytes = lay(&k, NULL), blocks = (job->lanes + block - 1) / block;
  threads = threads < blocks ? threads : (int)blocks;
  char *base = sl_temp_take(bytes * threads);
  if (base == NULL) {
    return sl_fail(err, SL_ENOMEM, "march: no memory for %lld bytes",
                   (long long)(bytes * threads));
  }
#pragma omp parallel for num_threads(threads) schedule(static, 1) \
    if (threads > 1)
  for (int t = 0; t < threads; t++) {
    run_machine(m, job, block, base + t * bytes, t, threads);
  }
  sl_temp_give(base);
  return sl_poll(err, "iterate");
}
