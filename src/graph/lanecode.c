/* lanecode.c: the lane program of a graph written out element by element: what
** is needed of its values, numbered, with what is fixed before what moves.
** MIT licence. */
#include "graph/lanecode.h"

#include <string.h>

#include "graph/rules.h"
#include "graph/scalars.h"

enum { PER_NODE = 6 /* operations a node beyond which rows are quicker */ };

static void firm_results(sl_scalars *m, int nout, const sl_node *outs) {
  for (int k = 0; k < nout && !sl_scalars_failed(m); k++) {
    sl_int count = sl_numel(&m->ids[outs[k]].type);
    sl_int *x = sl_scalar_ids(m, outs[k]);
    for (sl_int e = 0; e < count; e++) {
      x[e] = sl_scalar_firm(m, (int32_t)x[e]);
    }
  }
}

/* ---- the finished program ------------------------------------------------ */

void sl_lanecode_free(sl_lanecode *code) {
  if (code != NULL) {
    sl_free(code->level);
    sl_free(code->load);
    sl_free(code->op);
    sl_free(code->first);
    sl_free(code->out);
    sl_free(code);
  }
}

static void mark_needed_values(sl_scalars *m, int nout, const sl_node *outs) {
  for (int k = 0; k < nout; k++) {
    sl_int count = sl_numel(&m->ids[outs[k]].type);
    for (sl_int e = 0; e < count; e++) {
      m->v[sl_scalar_ids(m, outs[k])[e]].needed = true;
    }
  }
  for (int32_t k = m->n - 1; k >= 0; k--) {
    for (int i = 0; m->v[k].needed && i < m->v[k].nin; i++) {
      m->v[m->v[k].in[i]].needed = true;
    }
  }
}

/* Counts leaves and operations among the needed values. */
static void count_needed(const sl_scalars *m, sl_lanecode *c) {
  for (int32_t k = 0; k < m->n; k++) {
    if (m->v[k].needed) {
      c->nvalue++;
      c->nload += m->v[k].op == SL_NOP;
      c->nop += m->v[k].op != SL_NOP;
      c->nfixed += m->v[k].op != SL_NOP && m->v[k].level == SL_FIXED;
    }
  }
}

static void number_values(sl_scalars *m, sl_lanecode *c) {
  int32_t loads = 0, number = 0, fixed = 0, moving = c->nfixed;
  for (int32_t k = 0; k < m->n; k++) {
    sl_value *v = &m->v[k];
    if (!v->needed) {
      continue;
    }
    v->number = number++;
    c->level[v->number] = v->level;
    if (v->op == SL_NOP) {
      v->load.out = v->number;
      c->load[loads++] = v->load;
      continue;
    }
    bool mask = m->v[v->in[v->nin - 1]].mask;
    sl_lop *op = &c->op[v->level == SL_FIXED ? fixed++ : moving++];
    *op = (sl_lop){
        .nin = v->nin, .level = v->level, .out = v->number, .line = v->line};
    op->fn = v->op == SL_OP_gather
                 ? sl_lane_gather
                 : sl_lane_get(sl_ops[v->op].lane, mask ? SL_U8 : SL_F64);
    for (int i = 0; i < v->nin; i++) {
      op->in[i] = m->v[v->in[i]].number;
    }
  }
}

/* ---- products with the sum that takes them ------------------------------- */

typedef struct pairing {
  sl_lanecode *c;
  int32_t *maker; /* by value: the operation that makes it, or -1 */
  int32_t *uses;  /* by value: how often it is read, results included */
} pairing;

/* Operation i as a product that only its reader needs, or -1. */
static int32_t lone_product(const pairing *p, const sl_lop *reader, int32_t v) {
  int32_t i = p->maker[v];
  bool fits = i >= 0 && p->uses[v] == 1 &&
              p->c->op[i].fn == sl_lane_get(SL_LANE_mul, SL_F64) &&
              p->c->op[i].level == reader->level;
  return fits ? i : -1;
}

/* x + y z, x - y z or y z - x in place of a sum and a product. */
static void pair(pairing *p, sl_lop *op) {
  for (int k = 1; k >= 0; k--) {
    sl_lane_fn *both = sl_lane_of_product(op->fn, k);
    int32_t i = both != NULL ? lone_product(p, op, op->in[k]) : -1;
    if (i < 0) {
      continue;
    }
    sl_lop *product = &p->c->op[i];
    int32_t x = op->in[1 - k], y = product->in[0], z = product->in[1];
    bool shared = p->c->level[z] < p->c->level[y]; /* y has the quick loop */
    op->fn = both;
    op->nin = 3;
    op->in[0] = x;
    op->in[1] = shared ? z : y;
    op->in[2] = shared ? y : z;
    product->fn = NULL;
    return;
  }
}

/* Of a product y z in rows the factor z, if it is a lone multiple of a row by a
** number, becomes that row, and the number is returned. */
static int32_t take_scale(pairing *p, int32_t *y, int32_t *z) {
  const sl_lanecode *c = p->c;
  for (int turn = 0; turn < 2 && c->level[*z] == SL_EACH; turn++) {
    int32_t i = p->maker[*z];
    sl_lop *op = i >= 0 ? &p->c->op[i] : NULL;
    if (op != NULL && p->uses[*z] == 1 && op->level == SL_EACH &&
        op->fn == sl_lane_get(SL_LANE_mul, SL_F64)) {
      int shared = c->level[op->in[0]] < c->level[op->in[1]] ? 0 : 1;
      if (c->level[op->in[shared]] < SL_EACH) {
        op->fn = NULL;
        *z = op->in[1 - shared];
        return op->in[shared];
      }
    }
    if (c->level[*y] == SL_EACH) {
      int32_t t = *y;
      *y = *z;
      *z = t;
    }
  }
  return SL_LANE_ONE;
}

/* A sum whose x is a lone product, or a sum of one, does that too: rows less are
** written and read. Only where there are rows. */
static void join_products(pairing *p, sl_lop *op) {
  int32_t i = op->nin == 3 ? p->maker[op->in[0]] : -1;
  if (i < 0 || op->level != SL_EACH || p->uses[op->in[0]] != 1) {
    return;
  }
  sl_lop *inner = &p->c->op[i];
  sl_lane_fn *both =
      inner->fn != NULL && inner->level == SL_EACH
          ? sl_lane_of_two_products(inner->fn, op->fn)
          : NULL;
  if (both == NULL ||
      (inner->nin == 3 && p->c->level[inner->in[0]] != SL_EACH)) {
    return;
  }
  int32_t in[SL_LANE_OPERANDS], n = inner->nin;
  memcpy(in, inner->in, (size_t)n * sizeof *in);
  if (n == 2 && p->c->level[in[1]] != SL_EACH) { /* rows come second */
    in[1] = inner->in[0];
    in[0] = inner->in[1];
  }
  in[n] = op->in[1];
  in[n + 1] = op->in[2];
  in[n + 2] = take_scale(p, &in[n - 2], &in[n - 1]);
  in[n + 3] = take_scale(p, &in[n], &in[n + 1]);
  op->nin = (uint8_t)(n + 4);
  memcpy(op->in, in, (size_t)op->nin * sizeof *in);
  op->fn = both;
  inner->fn = NULL;
}

/* sqrt(x + y z) in one pass: the sum hides behind the root. */
static void join_root(pairing *p, sl_lop *op) {
  int32_t i = op->nin == 1 ? p->maker[op->in[0]] : -1;
  if (i < 0 || op->level != SL_EACH || p->uses[op->in[0]] != 1 ||
      op->fn != sl_lane_get(SL_LANE_sqrt, SL_F64)) {
    return;
  }
  sl_lop *sum = &p->c->op[i];
  if (sum->fn == sl_lane_add_product && sum->level == SL_EACH) {
    memcpy(op->in, sum->in, 3 * sizeof *op->in);
    op->nin = 3;
    op->fn = sl_lane_root_of_sum;
    sum->fn = NULL;
  }
}

static void drop_paired(sl_lanecode *c) {
  int32_t kept = 0, fixed = 0;
  for (int32_t i = 0; i < c->nop; i++) {
    if (c->op[i].fn != NULL) {
      fixed += i < c->nfixed;
      c->op[kept++] = c->op[i];
    }
  }
  c->nop = kept;
  c->nfixed = fixed;
}

/* Products go into the sums that are their only readers. */
static void pair_products(sl_lanecode *c, int32_t *lists, sl_int results) {
  pairing p = {.c = c, .maker = lists, .uses = lists + c->nvalue};
  for (int32_t v = 0; v < c->nvalue; v++) {
    p.maker[v] = -1;
    p.uses[v] = 0;
  }
  for (int32_t i = 0; i < c->nop; i++) {
    p.maker[c->op[i].out] = i;
    for (int k = 0; k < c->op[i].nin; k++) {
      p.uses[c->op[i].in[k]]++;
    }
  }
  for (sl_int j = 0; j < results; j++) {
    p.uses[c->out[j]]++;
  }
  for (int32_t i = 0; i < c->nop; i++) {
    pair(&p, &c->op[i]);
  }
  for (int32_t i = 0; i < c->nop; i++) {
    join_products(&p, &c->op[i]);
    join_root(&p, &c->op[i]);
  }
  drop_paired(c);
}

/* ---- the whole ----------------------------------------------------------- */

static sl_int result_elements(const sl_scalars *m, int nout,
                              const sl_node *outs) {
  sl_int total = 0;
  for (int k = 0; k < nout; k++) {
    total += sl_numel(&m->ids[outs[k]].type);
  }
  return total;
}

static void note_results(const sl_scalars *m, int nout, const sl_node *outs,
                         sl_lanecode *c) {
  sl_int at = 0;
  for (int k = 0; k < nout; k++) {
    c->first[k] = at;
    sl_int count = sl_numel(&m->ids[outs[k]].type);
    for (sl_int e = 0; e < count; e++) {
      c->out[at++] = m->v[sl_scalar_ids(m, outs[k])[e]].number;
    }
  }
  c->first[nout] = at;
}

static void finish(sl_scalars *m, int nout, const sl_node *outs,
                   sl_lanecode *c) {
  sl_int total = result_elements(m, nout, outs);
  mark_needed_values(m, nout, outs);
  count_needed(m, c);
  c->nresult = nout;
  c->level = sl_malloc(c->nvalue + 1);
  c->load = sl_malloc((c->nload + 1) * (sl_int)sizeof *c->load);
  c->op = sl_malloc((c->nop + 1) * (sl_int)sizeof *c->op);
  c->first = sl_malloc((nout + 1) * (sl_int)sizeof *c->first);
  c->out = sl_malloc((total + 1) * (sl_int)sizeof *c->out);
  int32_t *lists = sl_malloc((2 * c->nvalue + 1) * (sl_int)sizeof *lists);
  if (c->level == NULL || c->load == NULL || c->op == NULL ||
      c->first == NULL || c->out == NULL || lists == NULL) {
    sl_scalars_no_memory(m);
  } else {
    number_values(m, c);
    note_results(m, nout, outs, c);
    pair_products(c, lists, total);
  }
  sl_free(lists);
}

/* Expands all needed nodes. */
static void expand_all(sl_scalars *m, int nout, const sl_node *outs,
                       sl_node top, const unsigned char *mark) {
  sl_scalar_const(m, 0.0); /* value 0: what pad fills with */
  for (sl_node n = 0; n < top && !sl_scalars_failed(m); n++) {
    if (mark[n]) {
      sl_expand_node(m, n);
    }
  }
  firm_results(m, nout, outs);
}

/* Captures that are only gathered from need no values of their elements: they
** are not marked any more. */
static void unmark_tables(const sl_graph *g, sl_node top,
                          unsigned char *mark) {
  enum { TABLE = 2 };
  for (sl_node n = 0; n < top; n++) {
    const sl_gnode *node = &g->node[n];
    const sl_int *in = sl_node_in(g, n);
    for (int i = 0; mark[n] && i < node->nin; i++) {
      bool table = node->op == SL_OP_gather && i == 0;
      unsigned char *of = &mark[in[i]];
      *of = table && g->node[in[i]].op == SL_OP_capture && *of != TABLE + 1
                ? TABLE
                : TABLE + 1;
    }
  }
  for (sl_node n = 0; n < top; n++) {
    mark[n] = mark[n] != 0 && mark[n] != TABLE;
  }
}

/* Elements of the needed nodes; *count their number. */
static sl_int total_elements(const sl_graph *g, sl_node top,
                             const unsigned char *mark, sl_int *count) {
  sl_int total = 0;
  *count = 0;
  for (sl_node n = 0; n < top && total <= SL_SCALAR_ELEMENTS; n++) {
    sl_type t;
    if (mark[n]) {
      sl_node_type(g, n, &t);
      total += sl_numel(&t);
      (*count)++;
    }
  }
  return total;
}

static sl_status write_out(sl_scalars *m, sl_lanecode **code, int nout,
                           const sl_node *outs, sl_node top,
                           const unsigned char *mark) {
  m->ids = sl_malloc((m->g->nnode + 1) * (sl_int)sizeof *m->ids);
  m->room = sl_malloc(SL_SCALAR_ELEMENTS * (sl_int)sizeof *m->room);
  sl_lanecode *c = sl_malloc((sl_int)sizeof *c);
  if (c != NULL) {
    memset(c, 0, sizeof *c);
  }
  if (m->ids == NULL || m->room == NULL || c == NULL) {
    sl_scalars_no_memory(m);
  } else {
    expand_all(m, nout, outs, top, mark);
    if (!sl_scalars_failed(m)) {
      finish(m, nout, outs, c);
    }
  }
  sl_free(m->v);
  sl_free(m->bucket);
  sl_free(m->ids);
  sl_free(m->room);
  if (sl_scalars_failed(m)) {
    sl_lanecode_free(c);
    return m->status;
  }
  *code = c;
  return SL_OK;
}

sl_status sl_lanecode_make(sl_lanecode **code, const sl_graph *g, int nout,
                           const sl_node *outs, const sl_level *level,
                           sl_int most, sl_err *err) {
  sl_scalars m = {.g = g, .level = level, .err = err};
  unsigned char *mark = sl_malloc(g->nnode + 1);
  sl_int nodes;
  *code = NULL;
  if (mark == NULL) {
    return sl_fail(err, SL_ENOMEM, "program: no memory");
  }
  sl_node top = sl_graph_needed(g, nout, outs, mark);
  if (level != NULL) {
    unmark_tables(g, top, mark);
  }
  sl_int total = total_elements(g, top, mark, &nodes);
  m.most = level == NULL && PER_NODE * nodes < most ? PER_NODE * nodes : most;
  sl_status s = SL_OK;
  if (total <= SL_SCALAR_ELEMENTS && total <= 64 * m.most) {
    s = write_out(&m, code, nout, outs, top, mark);
  }
  sl_free(mark);
  return s;
}
