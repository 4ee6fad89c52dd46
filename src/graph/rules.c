/* rules.c: the builder of rules.h: one-line ways to append the nodes that
** derivative and batching rules are made of.  MIT licence. */
#include "graph/rules.h"

sl_node sl_emit(sl_build *b, sl_op op, int nin, const sl_node *in, int nattr,
                const sl_int *attr) {
  sl_node out = 0;
  if (b->status == SL_OK) {
    b->status = sl_graph_add(b->g, op, nin, in, nattr, attr, &out, b->err);
  }
  return b->status == SL_OK ? out : 0;
}

sl_node sl_emit1(sl_build *b, sl_op op, sl_node x) {
  return sl_emit(b, op, 1, &x, 0, NULL);
}

sl_node sl_emit2(sl_build *b, sl_op op, sl_node x, sl_node y) {
  sl_node in[2] = {x, y};
  return sl_emit(b, op, 2, in, 0, NULL);
}

sl_node sl_again(sl_build *b, sl_node y, const sl_node *in) {
  if (b->status != SL_OK) {
    return 0;
  }
  /* The pool may move while the node is added: attributes are copied out. */
  const sl_gnode node = b->g->node[y];
  sl_int attr[3 * SL_MAXDIM];
  for (int i = 0; i < node.nattr; i++) {
    attr[i] = sl_node_attr(b->g, y)[i];
  }
  return sl_emit(b, (sl_op)node.op, node.nin, in, node.nattr, attr);
}

/* ---- constants ----------------------------------------------------------- */

sl_node sl_const_like(sl_build *b, double value, sl_node like) {
  sl_type type;
  sl_node c = 0;
  sl_node_type(b->g, like, &type);
  if (b->status == SL_OK) {
    b->status = sl_graph_const(b->g, value, type.dtype, &c, b->err);
  }
  return sl_broadcast_to(b, c, type.ndim, type.shape);
}

/* ---- tangents ------------------------------------------------------------ */

sl_node sl_zadd(sl_build *b, sl_node x, sl_node y) {
  if (x == SL_NONE || y == SL_NONE) {
    return x == SL_NONE ? y : x;
  }
  return sl_emit2(b, SL_OP_add, x, y);
}

sl_node sl_zneg(sl_build *b, sl_node x) {
  return x == SL_NONE ? x : sl_emit1(b, SL_OP_neg, x);
}

sl_node sl_zmul(sl_build *b, sl_node dx, sl_node factor) {
  return dx == SL_NONE ? dx : sl_emit2(b, SL_OP_mulz, dx, factor);
}

/* ---- shapes -------------------------------------------------------------- */

static bool has_shape(sl_build *b, sl_node x, int ndim, const sl_int *shape) {
  sl_type t;
  sl_node_type(b->g, x, &t);
  bool same = t.ndim == ndim;
  for (int a = 0; same && a < ndim; a++) {
    same = t.shape[a] == shape[a];
  }
  return same;
}

sl_node sl_reshape(sl_build *b, sl_node x, int ndim, const sl_int *shape) {
  if (b->status != SL_OK || has_shape(b, x, ndim, shape)) {
    return x;
  }
  return sl_emit(b, SL_OP_reshape, 1, &x, ndim, shape);
}

sl_node sl_broadcast_to(sl_build *b, sl_node x, int ndim,
                        const sl_int *shape) {
  if (b->status != SL_OK || has_shape(b, x, ndim, shape)) {
    return x;
  }
  return sl_emit(b, SL_OP_broadcast, 1, &x, ndim, shape);
}

sl_node sl_permute(sl_build *b, sl_node x, const int *perm) {
  if (b->status != SL_OK) {
    return x;
  }
  int ndim = b->g->node[x].ndim;
  sl_int attr[SL_MAXDIM];
  bool same = true;
  for (int a = 0; a < ndim; a++) {
    attr[a] = perm[a];
    same = same && perm[a] == a;
  }
  return same ? x : sl_emit(b, SL_OP_permute, 1, &x, ndim, attr);
}

sl_node sl_move_axis(sl_build *b, sl_node x, int from, int to) {
  int perm[SL_MAXDIM];
  int ndim = b->g->node[x].ndim;
  int source = 0;
  for (int a = 0; a < ndim; a++) {
    if (a == to) {
      perm[a] = from;
    } else {
      source += source == from;
      perm[a] = source++;
    }
  }
  return sl_permute(b, x, perm);
}

sl_node sl_matmul_node(sl_build *b, sl_node x, sl_node y, bool tx, bool ty) {
  sl_node in[2] = {x, y};
  sl_int attr[2] = {tx, ty};
  return sl_emit(b, SL_OP_matmul, 2, in, 2, attr);
}

sl_node sl_unreduce(sl_build *b, sl_node r, uint32_t mask, sl_node x) {
  sl_type t;
  sl_int kept[SL_MAXDIM];
  sl_node_type(b->g, x, &t);
  for (int a = 0; a < t.ndim; a++) {
    kept[a] = mask >> a & 1 ? 1 : t.shape[a];
  }
  return sl_broadcast_to(b, sl_reshape(b, r, t.ndim, kept), t.ndim, t.shape);
}

sl_node sl_add_batch(sl_build *b, sl_node x, sl_int size) {
  sl_type t;
  sl_int shape[SL_MAXDIM + 1];
  sl_node_type(b->g, x, &t);
  shape[0] = size;
  for (int a = 0; a < t.ndim; a++) {
    shape[a + 1] = t.shape[a];
  }
  sl_int attr[SL_MAXDIM + 1];
  for (int a = 0; a <= t.ndim; a++) {
    attr[a] = shape[a];
  }
  return b->status == SL_OK
             ? sl_emit(b, SL_OP_broadcast, 1, &x, t.ndim + 1, attr)
             : x;
}
