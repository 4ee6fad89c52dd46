/* graph.c: the node array and its pool of integers; leaves; splicing one
** graph into another; comparing two. Nodes are never changed once added, so
** a node index stays valid for the life of its graph.  MIT licence. */
#include "graph/graph.h"

#include <string.h>

#include "graph/ops.h"
#include "graph/rules.h"

void sl_graph_init(sl_graph *g) { memset(g, 0, sizeof *g); }

void sl_graph_free(sl_graph *g) {
  sl_free(g->node);
  sl_free(g->pool);
  sl_free(g->slot);
  sl_graph_init(g);
}

void sl_graph_clear(sl_graph *g) {
  g->nnode = g->npool = g->nslot = 0;
  g->ninput = g->ncapture = g->line = 0;
  g->hash = 0;
}

/* Makes room for `need` entries of `size` bytes, doubling. */
static sl_status grow(void **p, int32_t *cap, int64_t need, sl_int size,
                      sl_err *err) {
  int64_t want = *cap > 0 ? 2 * (int64_t)*cap : 64;
  want = want > need ? want : need;
  void *q = want <= INT32_MAX ? sl_realloc(*p, want * size) : NULL;
  if (q == NULL) {
    return sl_fail(err, SL_ENOMEM, "graph: no memory for %lld nodes",
                   (long long)want);
  }
  *p = q;
  *cap = (int32_t)want;
  return SL_OK;
}

static sl_status grow_pool(sl_graph *g, int64_t more, sl_err *err) {
  if (g->npool + more <= g->pool_cap) {
    return SL_OK;
  }
  void *p = g->pool;
  sl_status s = grow(&p, &g->pool_cap, (int64_t)g->npool + more,
                     (sl_int)sizeof *g->pool, err);
  g->pool = p;
  return s;
}

static sl_status grow_nodes(sl_graph *g, int32_t more, sl_err *err) {
  if (g->nnode + more <= g->node_cap) {
    return SL_OK;
  }
  void *p = g->node;
  sl_status s = grow(&p, &g->node_cap, (int64_t)g->nnode + more,
                     (sl_int)sizeof *g->node, err);
  g->node = p;
  return s;
}

/* Writes a node, for which there is room, and takes it into the hash. */
static void put_node(sl_graph *g, sl_op op, int nin, const sl_node *in,
                     int nattr, const sl_int *attr, int dtype, int ndim,
                     const sl_int *shape) {
  sl_gnode *n = &g->node[g->nnode++];
  n->op = (uint16_t)op;
  n->dtype = (uint8_t)dtype;
  n->ndim = (uint8_t)ndim;
  n->nin = (uint16_t)nin;
  n->nattr = (uint16_t)nattr;
  n->pool = g->npool;
  n->line = g->line;
  uint64_t h = (uint64_t)op | (uint64_t)dtype << 16 | (uint64_t)ndim << 24 |
               (uint64_t)nin << 32 | (uint64_t)nattr << 48;
  h = sl_hash_mix(g->hash, h);
  sl_int *p = g->pool + g->npool;
  for (int i = 0; i < nin; i++) {
    h = sl_hash_mix(h, (uint64_t)(*p++ = in[i]));
  }
  for (int i = 0; i < nattr; i++) {
    h = sl_hash_mix(h, (uint64_t)(*p++ = attr[i]));
  }
  for (int i = 0; i < ndim; i++) {
    h = sl_hash_mix(h, (uint64_t)(*p++ = shape[i]));
  }
  g->hash = h;
  g->npool += nin + nattr + ndim;
}

/* Appends a node whose type is already known. */
static sl_status append(sl_graph *g, sl_op op, int nin, const sl_node *in,
                        int nattr, const sl_int *attr, const sl_type *type,
                        sl_node *out, sl_err *err) {
  SL_TRY(grow_nodes(g, 1, err));
  SL_TRY(grow_pool(g, (int64_t)nin + nattr + type->ndim, err));
  put_node(g, op, nin, in, nattr, attr, (int)type->dtype, type->ndim,
           type->shape);
  *out = g->nnode - 1;
  return SL_OK;
}

void sl_node_type(const sl_graph *g, sl_node n, sl_type *out) {
  const sl_gnode *node = &g->node[n];
  const sl_int *shape = g->pool + node->pool + node->nin + node->nattr;
  out->dtype = (sl_dtype)node->dtype;
  out->ndim = node->ndim;
  for (int i = 0; i < node->ndim; i++) {
    out->shape[i] = shape[i];
    SL_NOVECTOR;
  }
}

static const sl_int *shape_of(const sl_graph *g, const sl_gnode *n) {
  return g->pool + n->pool + n->nin + n->nattr;
}

/* Is the result's type that of the operands, all floats of one shape? The
** commonest case, which needs no inference. */
static bool keeps_type(const sl_graph *g, sl_op op, int nin,
                       const sl_node *in) {
  uint8_t d = g->node[in[0]].dtype;
  bool same = nin == sl_ops[op].arity && sl_dtype_isfloat((sl_dtype)d) &&
              (sl_ops[op].shape == shape_arith ||
               sl_ops[op].shape == shape_float);
  for (int i = 1; i < nin; i++) {
    same &= g->node[in[i]].dtype == d;
  }
  return same;
}

/* Appends a node of the type of its first operand. */
static sl_status append_like(sl_graph *g, sl_op op, int nin, const sl_node *in,
                             int nattr, const sl_int *attr, sl_node *out,
                             sl_err *err) {
  SL_TRY(grow_nodes(g, 1, err));
  SL_TRY(grow_pool(g, (int64_t)nin + nattr + SL_MAXDIM, err));
  const sl_gnode *a = &g->node[in[0]];
  put_node(g, op, nin, in, nattr, attr, a->dtype, a->ndim, shape_of(g, a));
  *out = g->nnode - 1;
  return SL_OK;
}

sl_status sl_graph_add(sl_graph *g, sl_op op, int nin, const sl_node *in,
                       int nattr, const sl_int *attr, sl_node *out,
                       sl_err *err) {
  if (nin > SL_MAXIN) {
    return sl_fail(err, SL_EARG, "%s: at most %d operands, got %d",
                   sl_ops[op].name, SL_MAXIN, nin);
  }
  if (nin == 1 && keeps_type(g, op, nin, in)) {
    return append_like(g, op, nin, in, nattr, attr, out, err);
  }
  sl_type types[SL_MAXIN];
  for (int i = 0; i < nin; i++) {
    sl_node_type(g, in[i], &types[i]);
  }
  sl_type type;
  SL_TRY(sl_op_type(op, types, nin, attr, nattr, &type, err));
  return append(g, op, nin, in, nattr, attr, &type, out, err);
}

static sl_status add_leaf(sl_graph *g, sl_op op, sl_int attr,
                          const sl_type *type, sl_node *out, sl_err *err) {
  return append(g, op, 0, NULL, 1, &attr, type, out, err);
}

sl_status sl_graph_input(sl_graph *g, const sl_type *type, sl_node *out,
                         sl_err *err) {
  SL_TRY(add_leaf(g, SL_OP_input, g->ninput, type, out, err));
  g->ninput++;
  return SL_OK;
}

sl_status sl_graph_tangent(sl_graph *g, const sl_type *type, sl_node *out,
                           sl_err *err) {
  return add_leaf(g, SL_OP_input, -1, type, out, err);
}

sl_status sl_graph_capture(sl_graph *g, const sl_type *type, sl_node *out,
                           sl_err *err) {
  SL_TRY(add_leaf(g, SL_OP_capture, g->ncapture, type, out, err));
  g->ncapture++;
  return SL_OK;
}

static sl_status grow_slots(sl_graph *g, int64_t need, sl_err *err) {
  if (need <= g->slot_cap) {
    return SL_OK;
  }
  void *p = g->slot;
  sl_status s = grow(&p, &g->slot_cap, need, (sl_int)sizeof *g->slot, err);
  g->slot = p;
  return s;
}

sl_status sl_graph_slot(sl_graph *g, double value, sl_dtype d, sl_node *out,
                        sl_err *err) {
  SL_TRY(grow_slots(g, (int64_t)g->nslot + 1, err));
  sl_type type;
  type.dtype = d;
  type.ndim = 0;
  SL_TRY(add_leaf(g, SL_OP_slot, g->nslot, &type, out, err));
  g->slot[g->nslot++] = value;
  return SL_OK;
}

sl_status sl_graph_const(sl_graph *g, double value, sl_dtype d, sl_node *out,
                         sl_err *err) {
  sl_int bits;
  memcpy(&bits, &value, sizeof bits);
  sl_type type;
  type.dtype = d;
  type.ndim = 0;
  return add_leaf(g, SL_OP_const, bits, &type, out, err);
}

static bool same_shapes(const sl_graph *g, int nin, const sl_node *in) {
  const sl_gnode *a = &g->node[in[0]];
  const sl_int *p = shape_of(g, a);
  for (int i = 1; i < nin; i++) {
    const sl_gnode *b = &g->node[in[i]];
    const sl_int *q = shape_of(g, b);
    if (a->ndim != b->ndim) {
      return false;
    }
    for (int k = 0; k < a->ndim; k++) {
      if (p[k] != q[k]) {
        return false;
      }
    }
  }
  return true;
}

sl_status sl_graph_map(sl_graph *g, sl_op op, int nin, const sl_node *in,
                       sl_node *out, sl_err *err) {
  if (same_shapes(g, nin, in)) {
    return keeps_type(g, op, nin, in)
               ? append_like(g, op, nin, in, 0, NULL, out, err)
               : sl_graph_add(g, op, nin, in, 0, NULL, out, err);
  }
  sl_type shape;
  sl_type t;
  sl_node_type(g, in[0], &shape);
  for (int i = 1; i < nin; i++) {
    sl_type sum;
    sl_node_type(g, in[i], &t);
    SL_TRY(sl_broadcast(sl_ops[op].name, &shape, &t, &sum, err));
    sum.dtype = shape.dtype;
    shape = sum;
  }
  sl_node same[3];
  for (int i = 0; i < nin; i++) {
    sl_node_type(g, in[i], &t);
    same[i] = in[i];
    if (!sl_shape_eq(&t, &shape)) {
      SL_TRY(sl_graph_add(g, SL_OP_broadcast, 1, &in[i], shape.ndim,
                          shape.shape, &same[i], err));
    }
  }
  return sl_graph_add(g, op, nin, same, 0, NULL, out, err);
}

sl_status sl_graph_at(sl_graph *g, sl_node x, sl_int at, sl_node *out,
                      sl_err *err) {
  sl_int attr[3 * SL_MAXDIM];
  sl_type t;
  SL_TRY(grow_nodes(g, 2, err));
  SL_TRY(grow_pool(g, 2 + 6 * SL_MAXDIM, err));
  sl_node_type(g, x, &t);
  for (int a = 0; a < t.ndim; a++) {
    attr[3 * a] = 0;
    attr[3 * a + 1] = 1;
    attr[3 * a + 2] = t.shape[a];
    SL_NOVECTOR;
  }
  attr[0] = at;
  attr[2] = t.shape[0] = 1;
  int rest = t.ndim - 1;
  put_node(g, SL_OP_slice, 1, &x, 3 * t.ndim, attr, (int)t.dtype, t.ndim,
           t.shape);
  sl_node slice = g->nnode - 1;
  put_node(g, SL_OP_reshape, 1, &slice, rest, t.shape + 1, (int)t.dtype, rest,
           t.shape + 1);
  *out = g->nnode - 1;
  return SL_OK;
}

/* ---- needed nodes -------------------------------------------------------- */

sl_node sl_graph_needed(const sl_graph *g, int ny, const sl_node *y,
                       unsigned char *mark) {
  sl_node top = 0;
  for (int k = 0; k < ny; k++) {
    top = y[k] >= top ? y[k] + 1 : top;
  }
  memset(mark, 0, (size_t)top);
  for (int k = 0; k < ny; k++) {
    if (y[k] != SL_NONE) {
      mark[y[k]] = 1;
    }
  }
  for (sl_node n = top - 1; n >= 0; n--) {
    const sl_int *in = sl_node_in(g, n);
    for (int i = 0; mark[n] && i < g->node[n].nin; i++) {
      mark[in[i]] = 1;
    }
  }
  return top;
}

/* ---- splicing ------------------------------------------------------------ */

/* The copy in `to` of node n of `from`, operands already in map[]. */
static sl_status splice_node(sl_graph *to, const sl_graph *from, sl_node n,
                             const sl_node *input, const sl_node *capture,
                             sl_node *map, sl_err *err) {
  const sl_gnode *node = &from->node[n];
  const sl_int *attr = sl_node_attr(from, n);
  sl_type type;
  sl_node_type(from, n, &type);
  switch (node->op) {
    case SL_OP_input:
      if (attr[0] < 0) {
        return sl_fail(err, SL_EBUG, "graph: a bare tangent is needed");
      }
      map[n] = input[attr[0]];
      return SL_OK;
    case SL_OP_capture:
      map[n] = capture[attr[0]];
      return SL_OK;
    case SL_OP_slot:
      return sl_graph_slot(to, from->slot[attr[0]], type.dtype, &map[n], err);
    default:
      break;
  }
  sl_node in[SL_MAXIN];
  const sl_int *old = sl_node_in(from, n);
  for (int i = 0; i < node->nin; i++) {
    in[i] = map[old[i]];
  }
  int32_t line = to->line;
  to->line = node->line;
  sl_status s = append(to, (sl_op)node->op, node->nin, in, node->nattr, attr,
                       &type, &map[n], err);
  to->line = line;
  return s;
}

sl_status sl_graph_splice(sl_graph *to, const sl_graph *from,
                          const sl_node *input, const sl_node *capture,
                          int nout, const sl_node *outs, sl_node *dst,
                          sl_err *err) {
  sl_int bytes = (sl_int)(sizeof(sl_node) + 1) * (from->nnode + 1);
  sl_node *map = sl_malloc(bytes);
  if (map == NULL) {
    return sl_fail(err, SL_ENOMEM, "graph: no memory to inline %d nodes",
                   from->nnode);
  }
  unsigned char *mark = (unsigned char *)(map + from->nnode + 1);
  sl_node top = sl_graph_needed(from, nout, outs, mark);
  sl_status s = SL_OK;
  for (sl_node n = 0; n < top && s == SL_OK; n++) {
    if (mark[n]) {
      s = splice_node(to, from, n, input, capture, map, err);
    }
  }
  for (int k = 0; k < nout && s == SL_OK; k++) {
    dst[k] = outs[k] == SL_NONE ? SL_NONE : map[outs[k]];
  }
  sl_free(map);
  return s;
}

sl_status sl_graph_copy_node(sl_graph *to, const sl_graph *from, sl_node n,
                             const sl_node *in, sl_node *out, sl_err *err) {
  const sl_gnode *node = &from->node[n];
  sl_type type;
  sl_node_type(from, n, &type);
  to->line = node->line;
  return append(to, (sl_op)node->op, node->nin, in, node->nattr,
                sl_node_attr(from, n), &type, out, err);
}

sl_status sl_graph_copy_counts(sl_graph *to, const sl_graph *from,
                               sl_err *err) {
  SL_TRY(grow_slots(to, from->nslot, err));
  if (from->nslot > 0) {
    memcpy(to->slot, from->slot, (size_t)from->nslot * sizeof *to->slot);
  }
  to->nslot = from->nslot;
  to->ninput = from->ninput;
  to->ncapture = from->ncapture;
  return SL_OK;
}

/* Operands by map[]; leaves keep their numbers. */
static sl_status extract_node(sl_graph *to, const sl_graph *from, sl_node n,
                              sl_node *map, sl_err *err) {
  sl_node in[SL_MAXIN];
  const sl_int *old = sl_node_in(from, n);
  for (int i = 0; i < from->node[n].nin; i++) {
    in[i] = map[old[i]];
  }
  return sl_graph_copy_node(to, from, n, in, &map[n], err);
}

sl_status sl_graph_extract(sl_graph *to, const sl_graph *from, int nout,
                           const sl_node *outs, sl_node *dst, sl_err *err) {
  sl_int bytes = (sl_int)(sizeof(sl_node) + 1) * (from->nnode + 1);
  sl_node *map = sl_malloc(bytes);
  sl_graph_init(to);
  if (map == NULL) {
    return sl_fail(err, SL_ENOMEM, "graph: no memory to copy %d nodes",
                   from->nnode);
  }
  unsigned char *mark = (unsigned char *)(map + from->nnode + 1);
  sl_node top = sl_graph_needed(from, nout, outs, mark);
  sl_status s = sl_graph_copy_counts(to, from, err);
  for (sl_node n = 0; n < top && s == SL_OK; n++) {
    if (mark[n]) {
      s = extract_node(to, from, n, map, err);
    }
  }
  for (int k = 0; k < nout && s == SL_OK; k++) {
    dst[k] = map[outs[k]];
  }
  sl_free(map);
  return s;
}

/* ---- comparing ----------------------------------------------------------- */

static bool same_node(const sl_graph *a, sl_node x, const sl_graph *b,
                      sl_node y, const sl_node *map, bool slots) {
  const sl_gnode *m = &a->node[x];
  const sl_gnode *n = &b->node[y];
  sl_type s;
  sl_type t;
  sl_node_type(a, x, &s);
  sl_node_type(b, y, &t);
  if (m->op != n->op || m->nin != n->nin || m->nattr != n->nattr ||
      !sl_type_eq(&s, &t)) {
    return false;
  }
  const sl_int *p = sl_node_in(a, x);
  const sl_int *q = sl_node_in(b, y);
  for (int i = 0; i < m->nin; i++) {
    if (map[p[i]] != q[i]) {
      return false;
    }
  }
  if (m->op == SL_OP_slot) {
    double u = a->slot[p[0]];
    double v = b->slot[q[0]];
    return !slots || memcmp(&u, &v, sizeof u) == 0;
  }
  for (int i = m->nin; i < m->nin + m->nattr; i++) {
    if (p[i] != q[i]) {
      return false;
    }
  }
  return true;
}

/* Walks the needed nodes of both in step; map[n of a] = its partner in b. */
static bool same_walk(const sl_graph *a, sl_node atop, unsigned char *amark,
                      const sl_graph *b, sl_node btop, unsigned char *bmark,
                      sl_node *map, bool slots, sl_node *where) {
  sl_node y = 0;
  for (sl_node x = 0; x < atop; x++) {
    if (!amark[x]) {
      continue;
    }
    while (y < btop && !bmark[y]) {
      y++;
    }
    *where = x;
    if (y == btop || !same_node(a, x, b, y, map, slots)) {
      return false;
    }
    map[x] = y++;
  }
  while (y < btop && !bmark[y]) {
    y++;
  }
  return y == btop;
}

bool sl_graph_same(const sl_graph *a, const sl_node *aout, const sl_graph *b,
                   const sl_node *bout, int nout, bool slots, sl_node *where) {
  sl_int bytes = (sl_int)sizeof(sl_node) * (a->nnode + 1) + a->nnode +
                 b->nnode + 2;
  sl_node *map = sl_malloc(bytes);
  *where = SL_NONE;
  if (map == NULL) {
    return false;
  }
  unsigned char *amark = (unsigned char *)(map + a->nnode + 1);
  unsigned char *bmark = amark + a->nnode + 1;
  sl_node atop = sl_graph_needed(a, nout, aout, amark);
  sl_node btop = sl_graph_needed(b, nout, bout, bmark);
  bool same =
      same_walk(a, atop, amark, b, btop, bmark, map, slots, where);
  for (int k = 0; k < nout && same; k++) {
    bool none = aout[k] == SL_NONE || bout[k] == SL_NONE;
    same = none ? aout[k] == bout[k] : map[aout[k]] == bout[k];
  }
  sl_free(map);
  return same;
}
