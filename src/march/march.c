/* march.c: see march.h. Each thread has a machine: cells for what all lanes
** share, rows for what each lane has, and the step's instructions twice, since
** the state lies in one set of rows before even steps and in the other before
** odd ones.  MIT licence. */
#include "march/march.h"

#include <string.h>

#include "graph/lanecode.h"

enum {
  MOST = 4096,        /* operations of a step */
  L1 = 24 << 10,      /* bytes of rows aimed at */
  SHORT = 64,         /* lanes of a block, least */
  LONG = 1024,        /* and most */
  PATIENCE = 1 << 16, /* lane operations between two looks at Ctrl-C */
  WORTH = 1 << 17     /* lane operations worth a thread */
};

struct sl_march {
  sl_lanecode *code;
  int nstate;
  sl_int width;   /* state elements of a lane, all tensors together */
  sl_int *first;  /* [nstate + 1] where each tensor's begin */
  int32_t *row;   /* by value: its row, or -1 for a cell */
  int32_t nrow;   /* rows 0 .. width-1 and width .. 2 width-1: the state */
  int32_t clock;  /* value of the step number, or -1 */
  bool elements;  /* every element of the state tensors is a lane */
};

/* ---- making -------------------------------------------------------------- */

void sl_march_free(sl_march *m) {
  if (m != NULL) {
    sl_lanecode_free(m->code);
    sl_free(m->first);
    sl_free(m->row);
    sl_free(m);
  }
}

int32_t sl_march_ops(const sl_march *m) {
  return m->code->nop - m->code->nfixed;
}

/* Rows of loads: the state's; captures that go with the lanes get their own. */
static void rows_of_loads(sl_march *m) {
  const sl_lanecode *c = m->code;
  for (int32_t i = 0; i < c->nload; i++) {
    const sl_lload *l = &c->load[i];
    if (l->source == SL_FROM_INPUT && l->k < m->nstate) {
      m->row[l->out] = (int32_t)(m->first[l->k] + l->element);
    } else if (l->source == SL_FROM_INPUT) {
      m->clock = l->out;
    } else if (c->level[l->out] == SL_EACH) {
      m->row[l->out] = m->nrow++;
    }
  }
}

/* What an operation makes goes straight to the first place in the next state
** that it is all of. Loads and second places are copied there. */
static void rows_of_results(sl_march *m) {
  const sl_lanecode *c = m->code;
  for (sl_int j = m->width - 1; j >= 0; j--) {
    int32_t v = c->out[j];
    if (c->level[v] == SL_EACH) {
      m->row[v] = (int32_t)(m->width + j);
    }
  }
}

/* Rows for what only lives within a step, free again after the last reader. */
static void give_rows(sl_march *m, int32_t *last, int32_t *room) {
  const sl_lanecode *c = m->code;
  int32_t nroom = 0, first = m->nrow;
  for (int32_t i = c->nfixed; i < c->nop; i++) {
    for (int k = 0; k < c->op[i].nin; k++) {
      last[c->op[i].in[k]] = i;
    }
  }
  for (int32_t i = c->nfixed; i < c->nop; i++) {
    const sl_lop *op = &c->op[i];
    if (op->level != SL_EACH) {
      continue;
    }
    if (m->row[op->out] < 0) {
      m->row[op->out] = nroom > 0 ? room[--nroom] : m->nrow++;
    }
    for (int k = 0; k < op->nin; k++) {
      int32_t v = op->in[k];
      if (last[v] == i && m->row[v] >= first) {
        room[nroom++] = m->row[v];
        last[v] = -1; /* named twice by this operation: given once */
      }
    }
  }
}

static sl_status assign(sl_march *m, sl_err *err) {
  const sl_lanecode *c = m->code;
  sl_int n = c->nvalue + 1;
  int32_t *lists = sl_malloc(2 * n * (sl_int)sizeof *lists);
  m->row = sl_malloc(n * (sl_int)sizeof *m->row);
  if (m->row == NULL || lists == NULL) {
    sl_free(lists);
    return sl_fail(err, SL_ENOMEM, "march: no memory for %d values",
                   c->nvalue);
  }
  for (sl_int v = 0; v < n; v++) {
    m->row[v] = -1;
    lists[v] = -1;
  }
  m->nrow = (int32_t)(2 * m->width);
  m->clock = -1;
  rows_of_results(m);
  rows_of_loads(m);
  give_rows(m, lists, lists + n);
  sl_free(lists);
  return SL_OK;
}

/* States are numbers: rows of doubles. */
static bool all_f64(const sl_graph *g, int n, const sl_node *nodes) {
  for (int k = 0; k < n; k++) {
    if (g->node[nodes[k]].dtype != SL_F64) {
      return false;
    }
  }
  return true;
}

static sl_status make(sl_march **out, const sl_graph *g, int nstate,
                      const sl_node *outs, int clock, bool elements,
                      const sl_level *captures, sl_err *err) {
  *out = NULL;
  if (!all_f64(g, nstate, outs)) {
    return SL_OK;
  }
  sl_march *m = sl_malloc((sl_int)sizeof *m);
  sl_level *level =
      sl_malloc((g->ninput + g->ncapture + 1) * (sl_int)sizeof *level);
  sl_status s = SL_OK;
  if (m != NULL) {
    *m = (sl_march){.nstate = nstate, .elements = elements};
    m->first = sl_malloc((nstate + 1) * (sl_int)sizeof *m->first);
  }
  if (m == NULL || level == NULL || m->first == NULL) {
    s = sl_fail(err, SL_ENOMEM, "march: no memory");
  } else {
    for (int k = 0; k < g->ninput; k++) {
      level[k] = k == clock ? SL_STEP : SL_EACH;
    }
    for (int k = 0; k < g->ncapture; k++) {
      level[g->ninput + k] = captures != NULL ? captures[k] : SL_FIXED;
    }
    s = sl_lanecode_make(&m->code, g, nstate, outs, level, MOST, err);
  }
  sl_free(level);
  if (s == SL_OK && m->code != NULL) {
    memcpy(m->first, m->code->first,
           (size_t)(nstate + 1) * sizeof *m->first);
    m->width = m->first[nstate];
    s = assign(m, err);
  }
  if (s != SL_OK || m->code == NULL) {
    sl_march_free(m);
    return s;
  }
  *out = m;
  return SL_OK;
}

sl_status sl_march_make(sl_march **out, const sl_graph *g, int nstate,
                        const sl_node *outs, int clock, sl_err *err) {
  return make(out, g, nstate, outs, clock, false, NULL, err);
}

/* ---- elements as lanes --------------------------------------------------- */

/* The step for one element: every tensor a number. */
typedef struct reduction {
  const sl_graph *from;
  sl_graph *to;
  sl_node *map;
  const sl_type *shape; /* of the state */
  sl_err *err;
} reduction;

static bool whole(const sl_type *t, const sl_type *shape) {
  return t->ndim == 0 || sl_shape_eq(t, shape);
}

/* Leaves in the order of their numbers, so that they keep them. */
static sl_status add_leaves(reduction *r, sl_node *input, sl_node *capture) {
  const sl_graph *g = r->from;
  sl_type t = {.dtype = SL_F64, .ndim = 0};
  for (int k = 0; k < g->ninput; k++) {
    SL_TRY(sl_graph_input(r->to, &t, &input[k], r->err));
  }
  for (int k = 0; k < g->ncapture; k++) {
    SL_TRY(sl_graph_capture(r->to, &t, &capture[k], r->err));
  }
  return SL_OK;
}

/* The node of `to` for node n; false when it is not element-wise. */
static bool reduce_node(reduction *r, sl_node n, const sl_node *input,
                        const sl_node *capture, sl_status *s) {
  const sl_gnode *node = &r->from->node[n];
  const sl_int *in = sl_node_in(r->from, n), *attr = sl_node_attr(r->from, n);
  sl_node x[3];
  sl_type t;
  double value;
  sl_node_type(r->from, n, &t);
  if (!whole(&t, r->shape)) {
    return false;
  }
  switch (node->op) {
    case SL_OP_input:
    case SL_OP_capture:
      r->map[n] = (node->op == SL_OP_input ? input : capture)[attr[0]];
      return t.dtype == SL_F64;
    case SL_OP_slot:
      *s = sl_graph_slot(r->to, r->from->slot[attr[0]], t.dtype, &r->map[n],
                         r->err);
      return true;
    case SL_OP_const:
      memcpy(&value, attr, sizeof value);
      *s = sl_graph_const(r->to, value, t.dtype, &r->map[n], r->err);
      return true;
    case SL_OP_broadcast:
    case SL_OP_stop:
      r->map[n] = r->map[in[0]];
      return true;
    default:
      break;
  }
  bool fits = sl_ops[node->op].cls == SL_MAP || node->op == SL_OP_powi ||
              node->op == SL_OP_cast;
  for (int i = 0; fits && i < node->nin; i++) {
    x[i] = r->map[in[i]];
  }
  if (fits) {
    *s = sl_graph_add(r->to, (sl_op)node->op, node->nin, x, node->nattr, attr,
                      &r->map[n], r->err);
  }
  return fits;
}

/* Have all results one shape? A number beside a tensor is no lane of it. */
static bool one_shape(const sl_graph *g, int n, const sl_node *outs) {
  sl_type first, next;
  sl_node_type(g, outs[0], &first);
  for (int k = 1; k < n; k++) {
    sl_node_type(g, outs[k], &next);
    if (!sl_shape_eq(&first, &next)) {
      return false;
    }
  }
  return true;
}

/* Slots of `to` are numbered as they are met: number k of `from` is remembered
** in slot[]. */
static sl_status reduce_graph(reduction *r, int nout, const sl_node *outs,
                              sl_node *dst, sl_level *captures, bool *fits) {
  const sl_graph *g = r->from;
  sl_int n = (sl_int)g->nnode + g->ninput + g->ncapture + 3;
  r->map = sl_malloc(n * (sl_int)sizeof *r->map + g->nnode + 1);
  if (r->map == NULL) {
    return sl_fail(r->err, SL_ENOMEM, "march: no memory");
  }
  sl_node *input = r->map + g->nnode + 1, *capture = input + g->ninput + 1;
  unsigned char *mark = (unsigned char *)(r->map + n);
  sl_node top = sl_graph_needed(g, nout, outs, mark);
  sl_status s = add_leaves(r, input, capture);
  *fits = true;
  for (sl_node k = 0; k < top && s == SL_OK && *fits; k++) {
    if (mark[k] || g->node[k].op == SL_OP_slot) {
      *fits = reduce_node(r, k, input, capture, &s);
    }
    if (mark[k] && g->node[k].op == SL_OP_capture && g->node[k].ndim > 0) {
      captures[sl_node_attr(g, k)[0]] = SL_EACH;
    }
  }
  for (int k = 0; k < nout && *fits && s == SL_OK; k++) {
    dst[k] = r->map[outs[k]];
  }
  sl_free(r->map);
  return s;
}

sl_status sl_march_make_elements(sl_march **out, const sl_graph *g, int nstate,
                                 const sl_node *outs, int clock, sl_err *err) {
  sl_graph small;
  sl_type shape;
  bool fits = false;
  *out = NULL;
  if (nstate < 1 || !one_shape(g, nstate, outs)) {
    return SL_OK;
  }
  sl_graph_init(&small);
  sl_node_type(g, outs[0], &shape);
  reduction r = {.from = g, .to = &small, .shape = &shape, .err = err};
  sl_level *captures =
      sl_malloc((g->ncapture + 1) * (sl_int)sizeof *captures);
  sl_node *dst = sl_malloc((nstate + 1) * (sl_int)sizeof *dst);
  sl_status s = captures != NULL && dst != NULL
                    ? SL_OK
                    : sl_fail(err, SL_ENOMEM, "march: no memory");
  for (int k = 0; s == SL_OK && k < g->ncapture; k++) {
    captures[k] = SL_FIXED;
  }
  if (s == SL_OK) {
    s = reduce_graph(&r, nstate, outs, dst, captures, &fits);
  }
  if (s == SL_OK && fits) {
    s = make(out, &small, nstate, dst, clock, true, captures, err);
  }
  sl_free(captures);
  sl_free(dst);
  sl_graph_free(&small);
  return s;
}

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

static void write_code(machine *k, int odd) {
  const sl_march *m = k->m;
  const sl_lanecode *c = m->code;
  sl_instr *to = k->code[odd];
  for (int32_t i = c->nfixed; i < c->nop; i++, to++) {
    const sl_lop *op = &c->op[i];
    bool each = op->level == SL_EACH;
    *to = (sl_instr){.fn = op->fn, .lanes = each ? 0 : 1};
    to->out = each ? (void *)row_at(k, m->row[op->out], odd)
                   : &k->cell[op->out];
    for (int a = 0; a < op->nin; a++) {
      address(k, to, a, op->in[a], odd);
    }
  }
  for (sl_int j = 0; j < m->width; j++) {
    if (m->row[c->out[j]] != m->width + j) {
      *to = (sl_instr){.fn = sl_lane_copy};
      to->out = row_at(k, (int32_t)(m->width + j), odd);
      address(k, to++, 0, c->out[j], odd);
    }
  }
  k->ncode = (int32_t)(to - k->code[odd]);
}

/* Element e of a capture: a mask is one byte of its cell. */
static void fixed_capture(double *cell, const sl_tensor *t, sl_int e) {
  if (t->type.dtype == SL_U8) {
    *(uint8_t *)cell = (uint8_t)sl_geti(t, e);
  } else {
    *cell = sl_get(t, e);
  }
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
      fixed_capture(cell, k->job->captures[l->k], l->element);
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

/* All steps of one block; stops early when Ctrl-C was pressed. */
static void march_block(machine *k, sl_int lane, sl_int n) {
  const sl_march_job *job = k->job;
  sl_int patience = PATIENCE / (n * (k->ncode + 1)) + 1;
  read_state(k, lane, n);
  for (sl_int s = 0; s < job->steps; s++) {
    if (k->m->clock >= 0) {
      k->cell[k->m->clock] = (double)s;
    }
    sl_execute(k->code[s % 2], k->ncode);
    if (job->every > 0 && (s + 1) % job->every == 0) {
      write_state(k, lane, n, s + 1, job->path, (s + 1) / job->every - 1);
    }
    if (s % patience == 0 && sl_interrupted()) {
      return;
    }
  }
  write_state(k, lane, n, job->steps, job->final, 0);
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
  if (job->lanes == 0) {
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
  return sl_poll(err, "march");
}
