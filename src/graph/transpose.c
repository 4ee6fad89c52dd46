/* transpose.c: reverse mode. A vjp is the jvp with fresh tangents, whose
** linear part is then transposed, so forward and reverse cannot disagree.
** First the rules of the rows that are linear in some operand: the cotangent
** of operand i from the node's own; then the driver.
** Source of the scheme: Radul et al., "You only linearize once" (2023).
** MIT licence. */
#include "graph/ops.h"
#include "graph/rules.h"

#include <string.h>

static sl_node operand(sl_build *b, sl_node y, int i) {
  return (sl_node)sl_node_in(b->g, y)[i];
}

static sl_type operand_type(sl_build *b, sl_node y, int i) {
  sl_type t;
  sl_node_type(b->g, operand(b, y, i), &t);
  return t;
}

/* ---- element-wise -------------------------------------------------------- */

sl_node t_neg(sl_build *b, sl_node y, int i, sl_node ct) {
  (void)y, (void)i;
  return sl_zneg(b, ct);
}

sl_node t_cast(sl_build *b, sl_node y, int i, sl_node ct) {
  sl_int dtype = operand_type(b, y, i).dtype;
  return sl_emit(b, SL_OP_cast, 1, &ct, 1, &dtype);
}

sl_node t_add(sl_build *b, sl_node y, int i, sl_node ct) {
  (void)b, (void)y, (void)i;
  return ct;
}

sl_node t_sub(sl_build *b, sl_node y, int i, sl_node ct) {
  (void)y;
  return i == 0 ? ct : sl_zneg(b, ct);
}

/* The factor that is known is 0 where a tangent was: keep it strong. */
sl_node t_mulz(sl_build *b, sl_node y, int i, sl_node ct) {
  return i == 0 ? sl_zmul(b, ct, operand(b, y, 1))
                : sl_zmul(b, operand(b, y, 0), ct);
}

sl_node t_where(sl_build *b, sl_node y, int i, sl_node ct) {
  sl_node zero = sl_const_like(b, 0.0, ct);
  sl_node in[3] = {operand(b, y, 0), i == 1 ? ct : zero, i == 1 ? zero : ct};
  return sl_emit(b, SL_OP_where, 3, in, 0, NULL);
}

/* ---- reductions and scans ------------------------------------------------ */

sl_node t_sum(sl_build *b, sl_node y, int i, sl_node ct) {
  uint32_t mask = (uint32_t)sl_node_attr(b->g, y)[0];
  return sl_unreduce(b, ct, mask, operand(b, y, i));
}

static sl_node reverse(sl_build *b, sl_node x, int axis) {
  sl_type t;
  sl_int attr[3 * SL_MAXDIM];
  sl_node_type(b->g, x, &t);
  for (int a = 0; a < t.ndim; a++) {
    bool flip = a == axis && t.shape[a] > 0;
    attr[3 * a] = flip ? t.shape[a] - 1 : 0;
    attr[3 * a + 1] = flip ? -1 : 1;
    attr[3 * a + 2] = t.shape[a];
  }
  return sl_emit(b, SL_OP_slice, 1, &x, 3 * t.ndim, attr);
}

sl_node t_cumsum(sl_build *b, sl_node y, int i, sl_node ct) {
  (void)i;
  int axis = (int)sl_node_attr(b->g, y)[0];
  sl_node back = reverse(b, ct, axis);
  return reverse(b, sl_again(b, y, &back), axis);
}

/* ---- structure ----------------------------------------------------------- */

sl_node t_reshape(sl_build *b, sl_node y, int i, sl_node ct) {
  sl_type t = operand_type(b, y, i);
  return sl_reshape(b, ct, t.ndim, t.shape);
}

/* Sum over the axes that were added or stretched. */
sl_node t_broadcast(sl_build *b, sl_node y, int i, sl_node ct) {
  sl_type t = operand_type(b, y, i);
  sl_type wide;
  sl_node_type(b->g, ct, &wide);
  int lead = wide.ndim - t.ndim;
  sl_int mask = 0;
  for (int a = 0; a < wide.ndim; a++) {
    bool stretched = a < lead || t.shape[a - lead] != wide.shape[a];
    mask |= (sl_int)stretched << a;
  }
  sl_node s = mask == 0 ? ct : sl_emit(b, SL_OP_sum, 1, &ct, 1, &mask);
  return sl_reshape(b, s, t.ndim, t.shape);
}

sl_node t_permute(sl_build *b, sl_node y, int i, sl_node ct) {
  (void)i;
  int back[SL_MAXDIM];
  for (int a = 0; a < b->g->node[y].ndim; a++) {
    back[sl_node_attr(b->g, y)[a]] = a;
  }
  return sl_permute(b, ct, back);
}

/* pad puts back where slice took from, and the other way round: the attributes
** of y with the extents of its operand. */
static sl_node window(sl_build *b, sl_op op, sl_node y, int i, sl_node ct) {
  sl_type t = operand_type(b, y, i);
  sl_int attr[3 * SL_MAXDIM];
  for (int a = 0; a < t.ndim; a++) {
    attr[3 * a] = sl_node_attr(b->g, y)[3 * a];
    attr[3 * a + 1] = sl_node_attr(b->g, y)[3 * a + 1];
    attr[3 * a + 2] = t.shape[a];
  }
  return sl_emit(b, op, 1, &ct, 3 * t.ndim, attr);
}

sl_node t_slice(sl_build *b, sl_node y, int i, sl_node ct) {
  return window(b, SL_OP_pad, y, i, ct);
}

sl_node t_pad(sl_build *b, sl_node y, int i, sl_node ct) {
  return window(b, SL_OP_slice, y, i, ct);
}

sl_node t_concat(sl_build *b, sl_node y, int i, sl_node ct) {
  int axis = (int)sl_node_attr(b->g, y)[0];
  sl_type t = operand_type(b, y, i);
  sl_int start = 0;
  for (int j = 0; j < i; j++) {
    start += operand_type(b, y, j).shape[axis];
  }
  sl_int attr[3 * SL_MAXDIM];
  for (int a = 0; a < t.ndim; a++) {
    attr[3 * a] = a == axis && t.shape[a] > 0 ? start : 0;
    attr[3 * a + 1] = 1;
    attr[3 * a + 2] = t.shape[a];
  }
  return sl_emit(b, SL_OP_slice, 1, &ct, 3 * t.ndim, attr);
}

sl_node t_gather(sl_build *b, sl_node y, int i, sl_node ct) {
  const sl_int *at = sl_node_attr(b->g, y);
  sl_type t = operand_type(b, y, i);
  sl_int attr[3] = {at[0], t.shape[at[0]], at[1]};
  sl_node in[2] = {ct, operand(b, y, 1)};
  return sl_emit(b, SL_OP_scatter, 2, in, 3, attr);
}

sl_node t_scatter(sl_build *b, sl_node y, int i, sl_node ct) {
  (void)i;
  const sl_int *at = sl_node_attr(b->g, y);
  sl_int attr[2] = {at[0], at[2]};
  sl_node in[2] = {ct, operand(b, y, 1)};
  return sl_emit(b, SL_OP_gather, 2, in, 2, attr);
}

/* ---- contractions -------------------------------------------------------- */

/* C = op(A) op(B): A' = C' op(B)^T and B' = op(A)^T C', transposed back. */
sl_node t_matmul(sl_build *b, sl_node y, int i, sl_node ct) {
  bool ta = sl_node_attr(b->g, y)[0] != 0;
  bool tb = sl_node_attr(b->g, y)[1] != 0;
  sl_node u = operand(b, y, 0);
  sl_node v = operand(b, y, 1);
  if (i == 0) {
    return ta ? sl_matmul_node(b, v, ct, tb, true)
              : sl_matmul_node(b, ct, v, false, !tb);
  }
  return tb ? sl_matmul_node(b, ct, u, true, ta)
            : sl_matmul_node(b, u, ct, !ta, false);
}

sl_node t_solve(sl_build *b, sl_node y, int i, sl_node ct) {
  (void)i;
  sl_int trans = !sl_node_attr(b->g, y)[0];
  sl_node in[2] = {operand(b, y, 0), ct};
  return sl_emit(b, SL_OP_solve, 2, in, 1, &trans);
}

/* ---- the driver ---------------------------------------------------------- */

typedef struct work {
  sl_node *ct;           /* cotangent of node first + k, or SL_NONE */
  unsigned char *linear; /* does node first + k depend on the tangents? */
  sl_node first, end;
} work;

/* Marks what depends on the fresh tangent leaves among nodes first .. end. */
static void mark_linear(const sl_graph *g, work *w) {
  for (sl_node n = w->first; n < w->end; n++) {
    const sl_gnode *node = &g->node[n];
    const sl_int *in = sl_node_in(g, n);
    bool lin = node->op == SL_OP_input && in[0] < 0;
    for (int i = 0; i < node->nin && !lin; i++) {
      lin = in[i] >= w->first && w->linear[in[i] - w->first];
    }
    w->linear[n - w->first] = lin;
  }
}

/* Hands node n's cotangent down to those operands that are linear. */
static void pull_back(sl_build *b, work *w, sl_node n) {
  const sl_gnode node = b->g->node[n];
  b->g->line = node.line;
  for (int i = 0; i < node.nin && b->status == SL_OK; i++) {
    sl_node x = operand(b, n, i);
    if (x < w->first || !w->linear[x - w->first]) {
      continue;
    }
    sl_transpose_fn *rule = sl_ops[node.op].transpose;
    if (rule == NULL) {
      b->status = sl_fail(b->err, SL_EBUG, "vjp: %s is not linear",
                          sl_ops[node.op].name);
      return;
    }
    sl_node *slot = &w->ct[x - w->first];
    *slot = sl_zadd(b, *slot, rule(b, n, i, w->ct[n - w->first]));
  }
}

static sl_status transpose(sl_build *b, int nx, const sl_node *dx, int ny,
                           const sl_node *dy, const sl_node *ct, sl_node *cx,
                           sl_node first) {
  work w = {.first = first, .end = b->g->nnode};
  sl_int count = w.end - first;
  w.ct = sl_malloc(count * (sl_int)(sizeof *w.ct + 1) + 1);
  if (w.ct == NULL) {
    return sl_fail(b->err, SL_ENOMEM, "vjp: no memory for %lld nodes",
                   (long long)count);
  }
  w.linear = (unsigned char *)(w.ct + count);
  for (sl_int k = 0; k < count; k++) {
    w.ct[k] = SL_NONE;
  }
  mark_linear(b->g, &w);
  for (int k = 0; k < ny; k++) {
    if (dy[k] != SL_NONE && ct[k] != SL_NONE) {
      w.ct[dy[k] - first] = sl_zadd(b, w.ct[dy[k] - first], ct[k]);
    }
  }
  for (sl_node n = w.end - 1; n >= first && b->status == SL_OK; n--) {
    if (w.ct[n - first] != SL_NONE && w.linear[n - first]) {
      pull_back(b, &w, n);
    }
  }
  for (int k = 0; k < nx; k++) {
    cx[k] = dx[k] == SL_NONE ? SL_NONE : w.ct[dx[k] - first];
  }
  sl_free(w.ct);
  return b->status;
}

/* Fresh tangents for those of x that are floating point. */
static sl_status fresh_tangents(sl_graph *g, int nx, const sl_node *x,
                                sl_node *dx, sl_err *err) {
  for (int k = 0; k < nx; k++) {
    sl_type t;
    sl_node_type(g, x[k], &t);
    dx[k] = SL_NONE;
    if (sl_dtype_isfloat(t.dtype)) {
      SL_TRY(sl_graph_tangent(g, &t, &dx[k], err));
    }
  }
  return SL_OK;
}

sl_status sl_graph_vjp(sl_graph *g, int nx, const sl_node *x, int ny,
                       const sl_node *y, const sl_node *ct, sl_node *cx,
                       sl_err *err) {
  sl_node *dx = sl_malloc((sl_int)sizeof *dx * (nx + ny + 1));
  if (dx == NULL) {
    return sl_fail(err, SL_ENOMEM, "vjp: no memory");
  }
  sl_node *dy = dx + nx;
  sl_node first = g->nnode;
  int32_t line = g->line;
  sl_status s = fresh_tangents(g, nx, x, dx, err);
  if (s == SL_OK) {
    s = sl_graph_jvp(g, nx, x, dx, ny, y, dy, err);
  }
  if (s == SL_OK) {
    sl_build b = {.g = g, .err = err, .status = SL_OK};
    s = transpose(&b, nx, dx, ny, dy, ct, cx, first);
  }
  g->line = line;
  sl_free(dx);
  return s;
}
