/* batch.c: vmap as graph. A batched value carries its lanes on axis 0; a rule
** appends the node that works on all lanes at once. Contractions with one
** batched operand become one wider matrix product, not many.  MIT licence. */
#include "graph/ops.h"
#include "graph/rules.h"

#include <string.h>

/* x itself when it carries the batch axis, else repeated along one. */
static sl_node batched_or_repeat(sl_build *b, sl_node x, bool is, sl_int size) {
  return is ? x : sl_add_batch(b, x, size);
}

static void repeat_all(sl_build *b, sl_node y, const sl_node *x,
                       const bool *is, sl_int size, sl_node *out) {
  for (int i = 0; i < b->g->node[y].nin; i++) {
    out[i] = batched_or_repeat(b, x[i], is[i], size);
  }
}

/* Copies y's attributes (the pool may move while nodes are added). */
static int attributes(sl_build *b, sl_node y, sl_int *attr) {
  int n = b->g->node[y].nattr;
  memcpy(attr, sl_node_attr(b->g, y), (size_t)n * sizeof *attr);
  return n;
}

static sl_node emit_like(sl_build *b, sl_node y, const sl_node *x, int nattr,
                         const sl_int *attr) {
  const sl_gnode node = b->g->node[y];
  return sl_emit(b, (sl_op)node.op, node.nin, x, nattr, attr);
}

sl_node b_leaf(sl_build *b, sl_node y, const sl_node *x, const bool *is,
               sl_int size) {
  (void)b, (void)x, (void)is, (void)size;
  return y;
}

sl_node b_map(sl_build *b, sl_node y, const sl_node *x, const bool *is,
              sl_int size) {
  sl_node in[3];
  repeat_all(b, y, x, is, size, in);
  return sl_again(b, y, in);
}

sl_node b_attr(sl_build *b, sl_node y, const sl_node *x, const bool *is,
               sl_int size) {
  (void)is, (void)size;
  return sl_again(b, y, x);
}

sl_node b_powi(sl_build *b, sl_node y, const sl_node *x, const bool *is,
               sl_int size) {
  return b_attr(b, y, x, is, size);
}

sl_node b_reduce(sl_build *b, sl_node y, const sl_node *x, const bool *is,
                 sl_int size) {
  (void)is, (void)size;
  sl_int mask = sl_node_attr(b->g, y)[0] << 1;
  return emit_like(b, y, x, 1, &mask);
}

sl_node b_axis(sl_build *b, sl_node y, const sl_node *x, const bool *is,
               sl_int size) {
  (void)is, (void)size;
  sl_int axis = sl_node_attr(b->g, y)[0] + 1;
  return emit_like(b, y, x, 1, &axis);
}

/* ---- structure ----------------------------------------------------------- */

sl_node b_reshape(sl_build *b, sl_node y, const sl_node *x, const bool *is,
                  sl_int size) {
  (void)is;
  sl_int attr[SL_MAXDIM + 1];
  int n = attributes(b, y, attr + 1);
  attr[0] = size;
  return sl_emit(b, SL_OP_reshape, 1, x, n + 1, attr);
}

/* Unit axes between the batch and the operand's own keep it aligned right. */
sl_node b_broadcast(sl_build *b, sl_node y, const sl_node *x, const bool *is,
                    sl_int size) {
  (void)is;
  sl_int attr[SL_MAXDIM + 1];
  sl_int mid[SL_MAXDIM + 1];
  sl_type t;
  int n = attributes(b, y, attr + 1);
  attr[0] = size;
  sl_node_type(b->g, x[0], &t);
  int lead = n + 1 - t.ndim;
  mid[0] = size;
  for (int a = 1; a <= n; a++) {
    mid[a] = a <= lead ? 1 : t.shape[a - lead];
  }
  return sl_broadcast_to(b, sl_reshape(b, x[0], n + 1, mid), n + 1, attr);
}

sl_node b_permute(sl_build *b, sl_node y, const sl_node *x, const bool *is,
                  sl_int size) {
  (void)is, (void)size;
  sl_int attr[SL_MAXDIM + 1];
  int n = attributes(b, y, attr + 1);
  attr[0] = 0;
  for (int a = 1; a <= n; a++) {
    attr[a]++;
  }
  return emit_like(b, y, x, n + 1, attr);
}

static sl_node prefix_axis(sl_build *b, sl_node y, const sl_node *x,
                           sl_int size) {
  sl_int attr[3 * SL_MAXDIM + 3];
  int n = attributes(b, y, attr + 3);
  attr[0] = 0;
  attr[1] = 1;
  attr[2] = size;
  return emit_like(b, y, x, n + 3, attr);
}

sl_node b_slice(sl_build *b, sl_node y, const sl_node *x, const bool *is,
                sl_int size) {
  (void)is;
  return prefix_axis(b, y, x, size);
}

sl_node b_pad(sl_build *b, sl_node y, const sl_node *x, const bool *is,
              sl_int size) {
  (void)is;
  return prefix_axis(b, y, x, size);
}

sl_node b_concat(sl_build *b, sl_node y, const sl_node *x, const bool *is,
                 sl_int size) {
  sl_node in[SL_MAXIN];
  repeat_all(b, y, x, is, size, in);
  sl_int axis = sl_node_attr(b->g, y)[0] + 1;
  return emit_like(b, y, in, 1, &axis);
}

/* Indices shared by all lanes need no batch axis of their own; otherwise both
** operands share it (nbatch + 1). */
sl_node b_gather(sl_build *b, sl_node y, const sl_node *x, const bool *is,
                 sl_int size) {
  sl_int attr[2];
  sl_node in[2];
  attributes(b, y, attr);
  attr[0]++;
  if (!is[1] && attr[1] == 0) {
    return emit_like(b, y, x, 2, attr);
  }
  repeat_all(b, y, x, is, size, in);
  attr[1]++;
  return emit_like(b, y, in, 2, attr);
}

sl_node b_scatter(sl_build *b, sl_node y, const sl_node *x, const bool *is,
                  sl_int size) {
  sl_int attr[3];
  sl_node in[2];
  attributes(b, y, attr);
  attr[0]++;
  if (!is[1] && attr[2] == 0) {
    return emit_like(b, y, x, 3, attr);
  }
  repeat_all(b, y, x, is, size, in);
  attr[2]++;
  return emit_like(b, y, in, 3, attr);
}

/* ---- contractions -------------------------------------------------------- */

/* [B, m, k] [k, n] as one product of [B m, k]. */
static sl_node fold_left(sl_build *b, sl_node u, sl_node v, bool tv,
                         sl_int size, sl_int m, sl_int n) {
  sl_type t;
  sl_node_type(b->g, u, &t);
  sl_int flat[2] = {size * m, t.shape[2]};
  sl_int full[3] = {size, m, n};
  sl_node p = sl_matmul_node(b, sl_reshape(b, u, 2, flat), v, false, tv);
  return sl_reshape(b, p, 3, full);
}

/* op(u) [m, k] times the transpose of [B, n, k], seen as [B n, k]. */
static sl_node fold_right(sl_build *b, sl_node u, sl_node v, bool tu,
                          sl_int size, sl_int m, sl_int n) {
  sl_type t;
  sl_node_type(b->g, v, &t);
  sl_int flat[2] = {size * n, t.shape[2]};
  sl_int full[3] = {m, size, n};
  sl_node p = sl_matmul_node(b, u, sl_reshape(b, v, 2, flat), tu, true);
  return sl_move_axis(b, sl_reshape(b, p, 3, full), 1, 0);
}

sl_node b_matmul(sl_build *b, sl_node y, const sl_node *x, const bool *is,
                 sl_int size) {
  bool ta = sl_node_attr(b->g, y)[0] != 0;
  bool tb = sl_node_attr(b->g, y)[1] != 0;
  sl_type t;
  sl_node_type(b->g, y, &t);
  if (t.ndim == 2 && !is[1] && !ta) {
    return fold_left(b, x[0], x[1], tb, size, t.shape[0], t.shape[1]);
  }
  if (t.ndim == 2 && !is[0] && tb) {
    return fold_right(b, x[0], x[1], ta, size, t.shape[0], t.shape[1]);
  }
  sl_node in[2];
  repeat_all(b, y, x, is, size, in);
  return sl_matmul_node(b, in[0], in[1], ta, tb);
}

/* One factorisation serves all lanes when only right sides are batched. */
sl_node b_solve(sl_build *b, sl_node y, const sl_node *x, const bool *is,
                sl_int size) {
  sl_type t;
  sl_int trans = sl_node_attr(b->g, y)[0];
  sl_node_type(b->g, y, &t);
  if (t.ndim == 2 && !is[0]) {
    sl_int wide[2] = {t.shape[0], size * t.shape[1]};
    sl_int full[3] = {t.shape[0], size, t.shape[1]};
    sl_node in[2] = {x[0], sl_reshape(b, sl_move_axis(b, x[1], 0, 1), 2, wide)};
    sl_node p = sl_emit(b, SL_OP_solve, 2, in, 1, &trans);
    return sl_move_axis(b, sl_reshape(b, p, 3, full), 1, 0);
  }
  sl_node in[2];
  repeat_all(b, y, x, is, size, in);
  return sl_emit(b, SL_OP_solve, 2, in, 1, &trans);
}

/* ---- the driver ---------------------------------------------------------- */

/* The batched form of node n, or n itself when no operand is batched. */
static sl_node widen(sl_build *b, sl_node n, const sl_node *map,
                     const unsigned char *is, sl_int size, bool *batched) {
  const sl_gnode node = b->g->node[n];
  sl_node x[SL_MAXIN];
  bool flags[SL_MAXIN];
  *batched = false;
  for (int i = 0; i < node.nin; i++) {
    sl_node in = (sl_node)sl_node_in(b->g, n)[i];
    flags[i] = is[in];
    x[i] = map[in];
    *batched = *batched || flags[i];
  }
  if (!*batched) {
    return n;
  }
  if (node.ndim >= SL_MAXDIM) {
    b->status = sl_fail(b->err, SL_ESHAPE,
                        "vmap: %s would have more than %d axes",
                        sl_ops[node.op].name, SL_MAXDIM);
    return n;
  }
  int32_t line = b->g->line;
  b->g->line = node.line;
  sl_node out = sl_ops[node.op].batch(b, n, x, flags, size);
  b->g->line = line;
  return out;
}

sl_status sl_graph_batch(sl_graph *g, sl_int size, int nx, const sl_node *x,
                         const sl_node *bx, int ny, const sl_node *y,
                         sl_node *by, bool *flags, sl_err *err) {
  sl_build b = {.g = g, .err = err, .status = SL_OK};
  sl_int count = g->nnode;
  sl_node *map = sl_malloc(count * (sl_int)(sizeof *map + 2) + 1);
  if (map == NULL) {
    return sl_fail(err, SL_ENOMEM, "vmap: no memory for %d nodes", g->nnode);
  }
  unsigned char *is = (unsigned char *)(map + count);
  unsigned char *needed = is + count;
  memset(is, 0, (size_t)count);
  sl_node top = sl_graph_needed(g, ny, y, needed);
  for (int k = 0; k < nx; k++) {
    map[x[k]] = bx[k];
    is[x[k]] = 1;
  }
  for (sl_node n = 0; n < top && b.status == SL_OK; n++) {
    if (needed[n] && !is[n]) {
      bool batched;
      map[n] = widen(&b, n, map, is, size, &batched);
      is[n] = batched;
    }
  }
  for (int k = 0; k < ny; k++) {
    flags[k] = y[k] != SL_NONE && is[y[k]];
    by[k] = y[k] == SL_NONE ? SL_NONE : map[y[k]];
  }
  sl_free(map);
  return b.status;
}
