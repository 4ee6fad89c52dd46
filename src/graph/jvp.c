/* jvp.c: forward derivatives as graph: the driver, and the rules of all rows
** that are not element-wise. A rule appends the tangent of a node, given its
** operands' tangents (SL_NONE: symbolic zero), so nothing is spent where
** nothing varies. Source of the scheme: Griewank & Walther, ch. 3.
** MIT licence. */
#include "graph/ops.h"
#include "graph/rules.h"

#include <string.h>

static sl_node operand(sl_build *b, sl_node y, int i) {
  return (sl_node)sl_node_in(b->g, y)[i];
}

/* ---- rows that are linear ------------------------------------------------ */

sl_node j_linear(sl_build *b, sl_node y, const sl_node *dx) {
  return dx[0] == SL_NONE ? SL_NONE : sl_again(b, y, dx);
}

sl_node j_cast(sl_build *b, sl_node y, const sl_node *dx) {
  return sl_dtype_isfloat((sl_dtype)b->g->node[y].dtype) ? j_linear(b, y, dx)
                                                         : SL_NONE;
}

sl_node j_add(sl_build *b, sl_node y, const sl_node *dx) {
  (void)y;
  return sl_zadd(b, dx[0], dx[1]);
}

sl_node j_sub(sl_build *b, sl_node y, const sl_node *dx) {
  (void)y;
  if (dx[0] == SL_NONE || dx[1] == SL_NONE) {
    return dx[0] == SL_NONE ? sl_zneg(b, dx[1]) : dx[0];
  }
  return sl_emit2(b, SL_OP_sub, dx[0], dx[1]);
}

sl_node j_mulz(sl_build *b, sl_node y, const sl_node *dx) {
  sl_node first = sl_zmul(b, dx[0], operand(b, y, 1));
  return dx[1] == SL_NONE
             ? first
             : sl_zadd(b, first, sl_zmul(b, operand(b, y, 0), dx[1]));
}

/* The tangent, or an explicit zero of the operand's type. */
static sl_node or_zeros(sl_build *b, sl_node dx, sl_node x) {
  return dx == SL_NONE ? sl_const_like(b, 0.0, x) : dx;
}

sl_node j_where(sl_build *b, sl_node y, const sl_node *dx) {
  if (dx[1] == SL_NONE && dx[2] == SL_NONE) {
    return SL_NONE;
  }
  sl_node in[3] = {operand(b, y, 0), or_zeros(b, dx[1], operand(b, y, 1)),
                   or_zeros(b, dx[2], operand(b, y, 2))};
  return sl_emit(b, SL_OP_where, 3, in, 0, NULL);
}

sl_node j_concat(sl_build *b, sl_node y, const sl_node *dx) {
  sl_node in[SL_MAXIN];
  for (int i = 0; i < b->g->node[y].nin; i++) {
    in[i] = or_zeros(b, dx[i], operand(b, y, i));
  }
  return sl_again(b, y, in);
}

static sl_node along_index(sl_build *b, sl_node y, const sl_node *dx) {
  sl_node in[2] = {dx[0], operand(b, y, 1)};
  return dx[0] == SL_NONE ? SL_NONE : sl_again(b, y, in);
}

sl_node j_gather(sl_build *b, sl_node y, const sl_node *dx) {
  return along_index(b, y, dx);
}

sl_node j_scatter(sl_build *b, sl_node y, const sl_node *dx) {
  return along_index(b, y, dx);
}

/* ---- reductions ---------------------------------------------------------- */

static sl_node sum_axes(sl_build *b, sl_node x, sl_int mask) {
  return sl_emit(b, SL_OP_sum, 1, &x, 1, &mask);
}

/* The extreme elements share the derivative equally. */
static sl_node j_extreme(sl_build *b, sl_node y, const sl_node *dx) {
  if (dx[0] == SL_NONE) {
    return SL_NONE;
  }
  sl_node x = operand(b, y, 0);
  sl_int mask = sl_node_attr(b->g, y)[0];
  sl_int dtype = b->g->node[x].dtype;
  sl_node best = sl_unreduce(b, y, (uint32_t)mask, x);
  sl_node hit = sl_emit2(b, SL_OP_eq, x, best);
  hit = sl_emit(b, SL_OP_cast, 1, &hit, 1, &dtype);
  sl_node count = sl_unreduce(b, sum_axes(b, hit, mask), (uint32_t)mask, x);
  sl_node share = sl_emit2(b, SL_OP_div, hit, count);
  return sum_axes(b, sl_zmul(b, dx[0], share), mask);
}

sl_node j_amax(sl_build *b, sl_node y, const sl_node *dx) {
  return j_extreme(b, y, dx);
}

sl_node j_amin(sl_build *b, sl_node y, const sl_node *dx) {
  return j_extreme(b, y, dx);
}

/* dy = y dx - y sum(y dx) */
sl_node j_softmax(sl_build *b, sl_node y, const sl_node *dx) {
  if (dx[0] == SL_NONE) {
    return SL_NONE;
  }
  sl_int mask = (sl_int)1 << sl_node_attr(b->g, y)[0];
  sl_node t = sl_zmul(b, dx[0], y);
  sl_node s = sl_unreduce(b, sum_axes(b, t, mask), (uint32_t)mask, y);
  return sl_emit2(b, SL_OP_sub, t, sl_zmul(b, s, y));
}

sl_node j_logsumexp(sl_build *b, sl_node y, const sl_node *dx) {
  if (dx[0] == SL_NONE) {
    return SL_NONE;
  }
  sl_node x = operand(b, y, 0);
  sl_int axis = sl_node_attr(b->g, y)[0];
  sl_node p = sl_emit(b, SL_OP_softmax, 1, &x, 1, &axis);
  return sum_axes(b, sl_zmul(b, dx[0], p), (sl_int)1 << axis);
}

/* ---- contractions -------------------------------------------------------- */

sl_node j_matmul(sl_build *b, sl_node y, const sl_node *dx) {
  sl_node left[2] = {dx[0], operand(b, y, 1)};
  sl_node right[2] = {operand(b, y, 0), dx[1]};
  sl_node da = dx[0] == SL_NONE ? SL_NONE : sl_again(b, y, left);
  sl_node db = dx[1] == SL_NONE ? SL_NONE : sl_again(b, y, right);
  return sl_zadd(b, da, db);
}

/* op(A) X = B: op(A) dX = dB - op(dA) X */
sl_node j_solve(sl_build *b, sl_node y, const sl_node *dx) {
  if (dx[0] == SL_NONE && dx[1] == SL_NONE) {
    return SL_NONE;
  }
  sl_node rhs = dx[1];
  if (dx[0] != SL_NONE) {
    bool trans = sl_node_attr(b->g, y)[0] != 0;
    sl_node t = sl_matmul_node(b, dx[0], y, trans, false);
    rhs = sl_zadd(b, rhs, sl_zneg(b, t));
  }
  sl_node in[2] = {operand(b, y, 0), rhs};
  return sl_again(b, y, in);
}

/* ---- the driver ---------------------------------------------------------- */

/* Tangent of node n from those of its operands in tan[]. */
static sl_node tangent(sl_build *b, sl_node n, const sl_node *tan) {
  const sl_gnode node = b->g->node[n];
  sl_jvp_fn *rule = sl_ops[node.op].jvp;
  if (rule == NULL || !sl_dtype_isfloat((sl_dtype)node.dtype)) {
    return SL_NONE;
  }
  sl_node dx[SL_MAXIN];
  bool any = false;
  for (int i = 0; i < node.nin; i++) {
    dx[i] = tan[operand(b, n, i)];
    any = any || dx[i] != SL_NONE;
  }
  int32_t line = b->g->line;
  b->g->line = node.line;
  sl_node dy = any ? rule(b, n, dx) : SL_NONE;
  b->g->line = line;
  return dy;
}

sl_status sl_graph_jvp(sl_graph *g, int nx, const sl_node *x,
                       const sl_node *dx, int ny, const sl_node *y,
                       sl_node *dy, sl_err *err) {
  sl_build b = {.g = g, .err = err, .status = SL_OK};
  sl_int count = g->nnode;
  sl_node *tan = sl_malloc(count * (sl_int)(sizeof *tan + 2) + 1);
  if (tan == NULL) {
    return sl_fail(err, SL_ENOMEM, "jvp: no memory for %d nodes", g->nnode);
  }
  unsigned char *needed = (unsigned char *)(tan + count);
  unsigned char *seed = needed + count;
  sl_node top = sl_graph_needed(g, ny, y, needed);
  memset(seed, 0, (size_t)count);
  for (int k = 0; k < nx; k++) {
    seed[x[k]] = 1;
    tan[x[k]] = dx[k];
  }
  for (sl_node n = 0; n < top && b.status == SL_OK; n++) {
    if (!seed[n]) {
      tan[n] = needed[n] ? tangent(&b, n, tan) : SL_NONE;
    }
  }
  for (int k = 0; k < ny; k++) {
    dy[k] = y[k] == SL_NONE ? SL_NONE : tan[y[k]];
  }
  sl_free(tan);
  return b.status;
}
