/* elements.c: a step that works on its state element by element only, written
** for one element: every tensor becomes a number, and captured tensors of the
** state's shape go with the elements.  MIT licence. */
#include <string.h>

#include "march/machine.h"

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

/* Slots are numbered as they are met: those that are not needed are taken along,
** so that the others keep their numbers. */
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

sl_status sl_march_make_elements(sl_march **out, const sl_step *step,
                                 sl_err *err) {
  const sl_graph *g = step->g;
  sl_graph small;
  sl_type shape;
  bool fits = false;
  *out = NULL;
  if (step->nstate < 1 || step->nnoise > 0 || step->nout != step->nstate ||
      !one_shape(g, step->nstate, step->outs)) {
    return SL_OK;
  }
  sl_graph_init(&small);
  sl_node_type(g, step->outs[0], &shape);
  reduction r = {.from = g, .to = &small, .shape = &shape, .err = err};
  sl_level *captures =
      sl_malloc((g->ncapture + 1) * (sl_int)sizeof *captures);
  sl_node *dst = sl_malloc((step->nstate + 1) * (sl_int)sizeof *dst);
  sl_status s = captures != NULL && dst != NULL
                    ? SL_OK
                    : sl_fail(err, SL_ENOMEM, "march: no memory");
  for (int k = 0; s == SL_OK && k < g->ncapture; k++) {
    captures[k] = SL_FIXED;
  }
  if (s == SL_OK) {
    s = reduce_graph(&r, step->nstate, step->outs, dst, captures, &fits);
  }
  if (s == SL_OK && fits) {
    sl_step one = *step;
    one.g = &small;
    one.outs = dst;
    s = sl_march_build(out, &one, true, captures, err);
  }
  sl_free(captures);
  sl_free(dst);
  sl_graph_free(&small);
  return s;
}
