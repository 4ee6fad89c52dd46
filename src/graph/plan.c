/* plan.c: a program as text, a line per step, and what each step costs.
** A fused group is one line that names what it computes, reads and writes.
** MIT licence. */
#include <string.h>

#include "graph/program.h"

static sl_int numel_of(const sl_program *p, sl_int node) {
  sl_type t;
  sl_node_type(&p->g, (sl_node)node, &t);
  return sl_numel(&t);
}

static double bytes_of(const sl_program *p, sl_int node) {
  return (double)(numel_of(p, node) *
                  sl_dtype_size((sl_dtype)p->g.node[node].dtype));
}

/* ---- costs --------------------------------------------------------------- */

static double node_flops(const sl_program *p, int32_t k) {
  const sl_gnode *node = &p->g.node[k];
  const sl_int *in = sl_node_in(&p->g, k);
  sl_type a;
  double n = (double)numel_of(p, k);
  switch (node->op) {
    case SL_OP_matmul:
      sl_node_type(&p->g, (sl_node)in[0], &a);
      return 2 * n *
             (double)a.shape[a.ndim - 1 - (sl_node_attr(&p->g, k)[0] != 0)];
    case SL_OP_solve:
      sl_node_type(&p->g, (sl_node)in[0], &a);
      return (double)sl_numel(&a) * (double)a.shape[a.ndim - 1] * 2 / 3 +
             2 * n * (double)a.shape[a.ndim - 1];
    case SL_OP_softmax:
    case SL_OP_logsumexp:
      return 4 * (double)numel_of(p, in[0]);
    default:
      break;
  }
  bool moves_only = sl_ops[node->op].cls == SL_VIEW ||
                    sl_ops[node->op].jvp == NULL || node->op == SL_OP_pad ||
                    node->op == SL_OP_concat || node->op == SL_OP_gather;
  return moves_only ? 0.0 : (double)numel_of(p, in[0]);
}

static void group_costs(const sl_program *p, const sl_group *g,
                        sl_step_stats *out) {
  out->flops += (double)g->nop * (double)sl_numel(&g->type);
  for (int32_t i = 0; i < g->nread; i++) {
    out->bytes += bytes_of(p, p->slot[p->read[g->read + i]].root);
  }
  for (int32_t i = 0; i < g->nop; i++) {
    int32_t k = p->gop[g->op + i].node;
    out->bytes += p->slot[k].place == SL_AT_LANE ? 0.0 : bytes_of(p, k);
  }
  for (int i = 0; i < g->nfold; i++) {
    out->flops += (double)sl_numel(&g->type);
    out->bytes += bytes_of(p, g->fold[i].node);
  }
}

static void node_costs(const sl_program *p, int32_t k, sl_step_stats *out) {
  const sl_int *in = sl_node_in(&p->g, k);
  out->flops += node_flops(p, k);
  out->bytes += bytes_of(p, k);
  for (int i = 0; i < p->g.node[k].nin; i++) {
    out->bytes += bytes_of(p, in[i]);
  }
}

/* ---- names --------------------------------------------------------------- */

static void put_group_ops(sl_sink *s, const sl_program *p, const sl_group *g) {
  enum { SHOWN = 8 };
  for (int32_t i = 0; i < g->nop && i < SHOWN; i++) {
    const sl_gop *op = &p->gop[g->op + i];
    sl_put(s, "%s%s", i > 0 ? " " : "", sl_ops[p->g.node[op->node].op].name);
  }
  if (g->nop > SHOWN) {
    sl_put(s, " and %d more", (int)(g->nop - SHOWN));
  }
  for (int i = 0; i < g->nfold; i++) {
    sl_put(s, " %s", sl_ops[p->g.node[g->fold[i].node].op].name);
  }
}

static void put_step(sl_sink *s, const sl_program *p, int32_t i) {
  const sl_item *item = &p->item[i];
  if (item->node >= 0) {
    sl_put(s, "%s%s", sl_ops[p->g.node[item->node].op].name,
           item->group >= 0 ? " and " : "");
  }
  if (item->group >= 0) {
    const sl_group *g = &p->group[item->group];
    char type[160];
    sl_type t = g->type;
    t.dtype = (sl_dtype)p->g.node[p->gop[g->op].node].dtype;
    sl_put(s, "fused %s: ", sl_type_text(type, sizeof type, &t));
    put_group_ops(s, p, g);
  }
}

int32_t sl_program_steps(const sl_program *p) {
  return p->lane != NULL ? 1 : p->nitem;
}

int64_t sl_program_runs(const sl_program *p) { return p->runs; }

void sl_program_stats(const sl_program *p, int32_t i, sl_step_stats *out) {
  memset(out, 0, sizeof *out);
  sl_sink s = {.buf = out->what, .size = sizeof out->what};
  if (p->lane != NULL) {
    int32_t ops = sl_lanerun_ops(p->lane);
    sl_put(&s, "%d operations on single numbers", (int)ops);
    out->flops = ops;
    out->seconds = p->timed > 0 ? p->seconds[0] / (double)p->timed : 0.0;
    return;
  }
  put_step(&s, p, i);
  if (p->item[i].group >= 0) {
    group_costs(p, &p->group[p->item[i].group], out);
  }
  if (p->item[i].node >= 0) {
    node_costs(p, p->item[i].node, out);
  }
  out->seconds = p->timed > 0 ? p->seconds[i] / (double)p->timed : 0.0;
}

/* ---- the whole ----------------------------------------------------------- */

static void put_place(sl_sink *s, const sl_program *p, int32_t k) {
  const sl_slot *slot = &p->slot[k];
  if (slot->place == SL_AT_OUT) {
    sl_put(s, "%%%d (result %d)", (int)k, (int)slot->out + 1);
  } else {
    sl_put(s, "%%%d", (int)k);
  }
}

static void put_operands(sl_sink *s, const sl_program *p, int32_t i) {
  const sl_item *item = &p->item[i];
  if (item->node >= 0) {
    const sl_int *in = sl_node_in(&p->g, item->node);
    sl_put(s, " |");
    for (int k = 0; k < p->g.node[item->node].nin; k++) {
      sl_put(s, " %%%lld", (long long)in[k]);
    }
    sl_put(s, " -> ");
    put_place(s, p, item->node);
  }
  if (item->group < 0) {
    return;
  }
  const sl_group *g = &p->group[item->group];
  sl_put(s, " | reads");
  for (int32_t k = 0; k < g->nread; k++) {
    sl_put(s, " %%%d", (int)p->read[g->read + k]);
  }
  sl_put(s, " ->");
  for (int32_t k = 0; k < g->nop; k++) {
    int32_t node = p->gop[g->op + k].node;
    if (p->slot[node].place != SL_AT_LANE) {
      sl_put(s, " ");
      put_place(s, p, node);
    }
  }
  for (int k = 0; k < g->nfold; k++) {
    sl_put(s, " ");
    put_place(s, p, g->fold[k].node);
  }
}

sl_int sl_program_text(char *buf, sl_int n, const sl_program *p) {
  sl_int len = sl_graph_text(buf, n, &p->g, p->outs, p->nout);
  sl_sink s = {.buf = buf, .size = n, .len = len};
  if (p->lane != NULL) {
    sl_put(&s, "plan: %d operations on single numbers\n",
           (int)sl_lanerun_ops(p->lane));
    return s.len;
  }
  sl_put(&s, "plan: %d steps, %lld bytes of scratch\n", (int)p->nitem,
         (long long)p->scratch);
  for (int32_t i = 0; i < p->nitem; i++) {
    sl_put(&s, "%3d  ", (int)i + 1);
    put_step(&s, p, i);
    put_operands(&s, p, i);
    sl_put(&s, "\n");
  }
  return s.len;
}
