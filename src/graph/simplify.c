/* simplify.c: a graph made smaller before it becomes a program. One walk in
** index order, operands first: a node whose equal is there already is that one;
** the algebraic rules of algebra.h; constants folded by the operation's own
** kernel; structural operations that change nothing dropped and chains of one
** kind joined; operations on repeated values done once and then repeated; sums
** of padded pieces joined end to end. Results keep every bit but the sign of
** zeros.  MIT licence. */
#include <string.h>

#include "graph/algebra.h"
#include "graph/rules.h"

typedef struct simplifier {
  sl_build b;           /* of the new graph */
  const sl_graph *from;
  sl_node *map;         /* node of `from` to node of the new graph */
  int32_t *bucket;      /* nodes of the new graph by structure, -1 empty */
  int32_t nbucket;
} simplifier;

/* ---- equal nodes --------------------------------------------------------- */

static sl_int entries(const sl_gnode *n) { return n->nin + n->nattr + n->ndim; }

static uint64_t hash_node(const sl_graph *g, sl_node n) {
  const sl_gnode *node = &g->node[n];
  const sl_int *p = g->pool + node->pool;
  uint64_t h = sl_hash_mix(node->op, (uint64_t)node->dtype << 8 | node->ndim);
  for (sl_int i = 0; i < entries(node); i++) {
    h = sl_hash_mix(h, (uint64_t)p[i]);
  }
  return h ^ h >> 29;
}

static bool equal_nodes(const sl_graph *g, sl_node x, sl_node y) {
  const sl_gnode *a = &g->node[x], *b = &g->node[y];
  return a->op == b->op && a->dtype == b->dtype && a->ndim == b->ndim &&
         a->nin == b->nin && a->nattr == b->nattr &&
         memcmp(g->pool + a->pool, g->pool + b->pool,
                (size_t)entries(a) * sizeof *g->pool) == 0;
}

static int32_t *place_of(const simplifier *s, sl_node n) {
  uint64_t i = hash_node(s->b.g, n) & (uint64_t)(s->nbucket - 1);
  while (s->bucket[i] >= 0 && !equal_nodes(s->b.g, s->bucket[i], n)) {
    i = (i + 1) & (uint64_t)(s->nbucket - 1);
  }
  return &s->bucket[i];
}

/* Doubles the buckets once they are half full. */
static void make_room(simplifier *s) {
  const sl_graph *g = s->b.g;
  if (2 * g->nnode + 2 < s->nbucket) {
    return;
  }
  int32_t n = s->nbucket > 0 ? 2 * s->nbucket : 256;
  int32_t *bucket = sl_malloc(n * (sl_int)sizeof *bucket);
  if (bucket == NULL) {
    s->b.status = sl_fail(s->b.err, SL_ENOMEM, "program: no memory");
    return;
  }
  sl_free(s->bucket);
  s->bucket = bucket;
  s->nbucket = n;
  memset(bucket, 0xff, (size_t)n * sizeof *bucket);
  for (sl_node k = 0; k < g->nnode; k++) {
    int32_t *at = place_of(s, k);
    *at = *at < 0 ? k : *at;
  }
}

/* Node n, just added, or an equal one that was there before. */
static sl_node unique(simplifier *s, sl_node n) {
  if (s->b.status != SL_OK) {
    return 0;
  }
  make_room(s);
  if (s->b.status != SL_OK) {
    return 0;
  }
  int32_t *at = place_of(s, n);
  *at = *at < 0 ? n : *at;
  return *at;
}

static sl_node emit(simplifier *s, sl_op op, int nin, const sl_node *in,
                    int nattr, const sl_int *attr) {
  return unique(s, sl_emit(&s->b, op, nin, in, nattr, attr));
}

/* ---- looking at nodes ---------------------------------------------------- */

static const sl_gnode *node_at(const simplifier *s, sl_node n) {
  return &s->b.g->node[n];
}

static sl_op op_of(const simplifier *s, sl_node n) {
  return (sl_op)node_at(s, n)->op;
}

static sl_node inner(const simplifier *s, sl_node n, int i) {
  return (sl_node)sl_node_in(s->b.g, n)[i];
}

static bool has_type(const simplifier *s, sl_node n, const sl_type *t) {
  sl_type own;
  sl_node_type(s->b.g, n, &own);
  return sl_type_eq(&own, t);
}

/* One number for all elements: of no axes, and repeated if that is not all. */
static bool is_shared(const simplifier *s, sl_node n) {
  return op_of(s, n) == SL_OP_broadcast &&
         node_at(s, inner(s, n, 0))->ndim == 0;
}

/* A constant, plain or repeated. */
static bool is_constant(const simplifier *s, sl_node n, double *value) {
  n = op_of(s, n) == SL_OP_broadcast ? inner(s, n, 0) : n;
  if (op_of(s, n) != SL_OP_const) {
    return false;
  }
  memcpy(value, sl_node_attr(s->b.g, n), sizeof *value);
  return true;
}

static sl_node broadcast(simplifier *s, sl_node x, const sl_type *t) {
  if (has_type(s, x, t) || s->b.status != SL_OK) {
    return x;
  }
  return emit(s, SL_OP_broadcast, 1, &x, t->ndim, t->shape);
}

static sl_node constant(simplifier *s, double value, const sl_type *t) {
  sl_node c = 0;
  if (s->b.status == SL_OK) {
    s->b.status = sl_graph_const(s->b.g, value, t->dtype, &c, s->b.err);
  }
  return broadcast(s, unique(s, c), t);
}

/* ---- element-wise nodes -------------------------------------------------- */

static sl_node simplify(simplifier *s, sl_op op, int nin, const sl_node *in,
                        int nattr, const sl_int *attr, const sl_type *t);

/* The kernel on one element of each constant. */
static bool fold(simplifier *s, sl_op op, int nin, const double *value,
                 const sl_type *t, sl_node *out) {
  double room[4];
  sl_tensor x[4];
  const sl_tensor *arg[3];
  sl_type scalar = {.dtype = t->dtype, .ndim = 0};
  if (!sl_dtype_isfloat(t->dtype) || nin > 3) {
    return false;
  }
  for (int i = 0; i <= nin; i++) {
    sl_tensor_init(&x[i], &scalar, &room[i]);
    if (i < nin) {
      sl_set(&x[i], 0, value[i], 0);
      arg[i] = &x[i];
    }
  }
  s->b.status = sl_op_eval(op, &x[nin], arg, nin, NULL, 0, s->b.err);
  if (s->b.status == SL_OK) {
    *out = constant(s, sl_get(&x[nin], 0), t);
  }
  return true;
}

/* All operands repeat values of one type: the operation on those, repeated. */
static bool below_broadcast(simplifier *s, sl_op op, int nin,
                            const sl_node *in, const sl_type *t,
                            sl_node *out) {
  sl_node source[3];
  sl_type first = {.ndim = 0}, next;
  for (int i = 0; i < nin; i++) {
    if (op_of(s, in[i]) != SL_OP_broadcast) {
      return false;
    }
    source[i] = inner(s, in[i], 0);
    sl_node_type(s->b.g, source[i], &next);
    if (i > 0 && !sl_shape_eq(&first, &next)) {
      return false;
    }
    first = next;
  }
  first.dtype = t->dtype;
  *out = broadcast(s, simplify(s, op, nin, source, 0, NULL, &first), t);
  return true;
}

/* Extent and place of a padded vector piece: false if n is none. */
static bool piece(const simplifier *s, sl_node n, sl_int *first,
                  sl_int *count) {
  if (op_of(s, n) != SL_OP_pad || node_at(s, n)->ndim != 1 ||
      sl_node_attr(s->b.g, n)[1] != 1) {
    return false;
  }
  sl_type t;
  sl_node_type(s->b.g, inner(s, n, 0), &t);
  *first = sl_node_attr(s->b.g, n)[0];
  *count = t.shape[0];
  return true;
}

/* Pieces of a sum of padded vectors, in order of place. */
typedef struct pieces {
  sl_node x[SL_MAXIN];
  sl_int first[SL_MAXIN], count[SL_MAXIN];
  int n;
} pieces;

/* A sum within `depth` others has at least as many pieces beside it. */
static bool collect(const simplifier *s, sl_node n, pieces *p, int depth) {
  sl_int first, count;
  if (op_of(s, n) == SL_OP_add) {
    return depth < SL_MAXIN && collect(s, inner(s, n, 0), p, depth + 1) &&
           collect(s, inner(s, n, 1), p, depth + 1);
  }
  if (p->n == SL_MAXIN || !piece(s, n, &first, &count)) {
    return false;
  }
  int k = p->n++;
  for (; k > 0 && p->first[k - 1] > first; k--) {
    p->x[k] = p->x[k - 1];
    p->first[k] = p->first[k - 1];
    p->count[k] = p->count[k - 1];
  }
  p->x[k] = inner(s, n, 0);
  p->first[k] = first;
  p->count[k] = count;
  return true;
}

/* pad a + pad b + ... that fill the vector without overlap: a concat. */
static bool end_to_end(simplifier *s, const sl_node *in, const sl_type *t,
                       sl_node *out) {
  pieces p = {.n = 0};
  if (t->ndim != 1 || !collect(s, in[0], &p, 1) || !collect(s, in[1], &p, 1)) {
    return false;
  }
  sl_int at = 0;
  for (int k = 0; k < p.n; k++) {
    if (p.first[k] != at) {
      return false;
    }
    at += p.count[k];
  }
  const sl_int axis = 0;
  if (at != t->shape[0]) {
    return false;
  }
  *out = emit(s, SL_OP_concat, p.n, p.x, 1, &axis);
  return true;
}

/* Applies a rule of algebra.h, or says that none applies. */
static bool by_rule(simplifier *s, sl_op op, int nin, const sl_node *in,
                    const sl_known *k, const sl_type *t, sl_node *out) {
  sl_rewrite r = sl_algebra(op, t->dtype, nin, k);
  sl_node turned[3] = {in[0], nin > 1 ? in[1] : 0, nin > 2 ? in[2] : 0};
  switch (r.kind) {
    case SL_OPERAND:
      *out = in[r.which];
      return true;
    case SL_INNER:
      *out = inner(s, in[r.which], 0);
      return true;
    case SL_CONSTANT:
      *out = constant(s, r.value, t);
      return true;
    case SL_BECOME:
      if (r.strip >= 0) {
        turned[r.strip] = inner(s, in[r.strip], 0);
      }
      if (r.swap) {
        sl_node x = turned[0];
        turned[0] = turned[1];
        turned[1] = x;
      }
      *out = simplify(s, r.op, nin, turned, 0, NULL, t);
      return true;
    case SL_RESCALE: {
      int scale = k[r.which].scale;
      sl_node both[2] = {in[1 - r.which], inner(s, in[r.which], scale)};
      turned[r.which] = inner(s, in[r.which], 1 - scale);
      turned[1 - r.which] = simplify(s, SL_OP_mul, 2, both, 0, NULL, t);
      *out = simplify(s, op, nin, turned, 0, NULL, t);
      return true;
    }
    default:
      return false;
  }
}

/* Which operand of the product n is a constant power of two, or -1. */
static int scale_of(const simplifier *s, sl_node n) {
  double value;
  for (int i = 0; op_of(s, n) == SL_OP_mul && i < 2; i++) {
    if (is_constant(s, inner(s, n, i), &value) && sl_is_power(value)) {
      return i;
    }
  }
  return -1;
}

static bool simplify_map(simplifier *s, sl_op op, int nin, const sl_node *in,
                         const sl_type *t, sl_node *out) {
  sl_known k[3] = {{0}};
  double value[3] = {0.0};
  bool all = true;
  for (int i = 0; i < nin; i++) {
    k[i].isconst = is_constant(s, in[i], &value[i]);
    k[i].value = value[i];
    k[i].op = op_of(s, in[i]);
    k[i].shared = is_shared(s, in[i]);
    k[i].scale = scale_of(s, in[i]);
    all = all && k[i].isconst && node_at(s, in[i])->dtype == t->dtype;
  }
  return by_rule(s, op, nin, in, k, t, out) ||
         (all && fold(s, op, nin, value, t, out)) ||
         below_broadcast(s, op, nin, in, t, out) ||
         (op == SL_OP_add && end_to_end(s, in, t, out));
}

/* ---- structure ----------------------------------------------------------- */

static bool swaps_last_two(const sl_int *perm, int n) {
  for (int a = 0; a < n; a++) {
    if (perm[a] != (a == n - 1 ? n - 2 : a == n - 2 ? n - 1 : a)) {
      return false;
    }
  }
  return n >= 2;
}

/* permute of permute: one permute, or none; a transposed product: the product
** of the transposed factors in the other order. */
static sl_node permute(simplifier *s, sl_node x, int n, const sl_int *attr) {
  sl_int joined[SL_MAXDIM];
  if (op_of(s, x) == SL_OP_matmul && swaps_last_two(attr, n)) {
    const sl_int *flag = sl_node_attr(s->b.g, x);
    sl_int turned[2] = {!flag[1], !flag[0]};
    sl_node in[2] = {inner(s, x, 1), inner(s, x, 0)};
    return emit(s, SL_OP_matmul, 2, in, 2, turned);
  }
  bool same = true, twice = op_of(s, x) == SL_OP_permute;
  for (int a = 0; a < n; a++) {
    joined[a] = twice ? sl_node_attr(s->b.g, x)[attr[a]] : attr[a];
    same = same && joined[a] == a;
  }
  x = twice ? inner(s, x, 0) : x;
  return same ? x : emit(s, SL_OP_permute, 1, &x, n, joined);
}

static bool whole(const simplifier *s, sl_node x, const sl_int *attr) {
  sl_type t;
  sl_node_type(s->b.g, x, &t);
  for (int a = 0; a < t.ndim; a++) {
    if (attr[3 * a] != 0 || attr[3 * a + 1] != 1 ||
        attr[3 * a + 2] != t.shape[a]) {
      return false;
    }
  }
  return true;
}

/* A product whose operand is transposed in its last two axes takes it as it
** is, with the flag turned. */
static sl_node matmul(simplifier *s, const sl_node *in, const sl_int *attr) {
  sl_node x[2] = {in[0], in[1]};
  sl_int flag[2] = {attr[0], attr[1]};
  for (int i = 0; i < 2; i++) {
    if (op_of(s, x[i]) == SL_OP_permute &&
        swaps_last_two(sl_node_attr(s->b.g, x[i]), node_at(s, x[i])->ndim)) {
      x[i] = inner(s, x[i], 0);
      flag[i] = !flag[i];
    }
  }
  return emit(s, SL_OP_matmul, 2, x, 2, flag);
}

/* A sum over axes of extent 1 only is a reshape. */
static bool sums_nothing(const simplifier *s, sl_node x, sl_int mask) {
  sl_type t;
  sl_node_type(s->b.g, x, &t);
  for (int a = 0; a < t.ndim; a++) {
    if ((mask >> a & 1) && t.shape[a] != 1) {
      return false;
    }
  }
  return t.dtype != SL_U8;
}

static bool simplify_other(simplifier *s, sl_op op, const sl_node *in,
                           int nattr, const sl_int *attr, const sl_type *t,
                           sl_node *out) {
  sl_node x = in[0];
  bool again = op_of(s, x) == op;
  switch (op) {
    case SL_OP_stop:
      *out = x;
      return true;
    case SL_OP_cast:
      *out = x;
      return has_type(s, x, t);
    case SL_OP_reshape:
    case SL_OP_broadcast:
      x = again ? inner(s, x, 0) : x;
      *out = has_type(s, x, t) ? x : emit(s, op, 1, &x, nattr, attr);
      return true;
    case SL_OP_permute:
      *out = permute(s, x, nattr, attr);
      return true;
    case SL_OP_slice:
    case SL_OP_pad:
      *out = x;
      return has_type(s, x, t) && whole(s, x, attr);
    case SL_OP_sum:
      if (!sums_nothing(s, x, attr[0])) {
        return false;
      }
      *out = simplify(s, SL_OP_reshape, 1, &x, t->ndim, t->shape, t);
      return true;
    case SL_OP_matmul:
      *out = matmul(s, in, attr);
      return true;
    default:
      return false;
  }
}

static sl_node simplify(simplifier *s, sl_op op, int nin, const sl_node *in,
                        int nattr, const sl_int *attr, const sl_type *t) {
  sl_node out = 0;
  if (s->b.status != SL_OK) {
    return 0;
  }
  bool done = sl_ops[op].cls == SL_MAP
                  ? simplify_map(s, op, nin, in, t, &out)
                  : nin > 0 && simplify_other(s, op, in, nattr, attr, t, &out);
  return done ? out : emit(s, op, nin, in, nattr, attr);
}

/* ---- the walk ------------------------------------------------------------ */

static void simplify_node(simplifier *s, sl_node n) {
  const sl_gnode *node = &s->from->node[n];
  const sl_int *old = sl_node_in(s->from, n);
  sl_node in[SL_MAXIN], leaf;
  sl_type t;
  s->b.g->line = node->line;
  if (sl_ops[node->op].cls == SL_LEAF) {
    s->b.status =
        sl_graph_copy_node(s->b.g, s->from, n, NULL, &leaf, s->b.err);
    s->map[n] = unique(s, leaf);
    return;
  }
  for (int i = 0; i < node->nin; i++) {
    in[i] = s->map[old[i]];
  }
  sl_node_type(s->from, n, &t);
  s->map[n] = simplify(s, (sl_op)node->op, node->nin, in, node->nattr,
                       sl_node_attr(s->from, n), &t);
}

sl_status sl_graph_simplify(sl_graph *to, const sl_graph *from, int nout,
                            const sl_node *outs, sl_node *dst, sl_err *err) {
  sl_graph all;
  sl_graph_init(&all);
  sl_graph_init(to);
  simplifier s = {.b = {.g = &all, .err = err, .status = SL_OK}, .from = from};
  s.map = sl_malloc((sl_int)(sizeof *s.map + 1) * (from->nnode + 1));
  if (s.map == NULL) {
    return sl_fail(err, SL_ENOMEM, "program: no memory for %d nodes",
                   from->nnode);
  }
  unsigned char *mark = (unsigned char *)(s.map + from->nnode + 1);
  sl_node top = sl_graph_needed(from, nout, outs, mark);
  s.b.status = sl_graph_copy_counts(&all, from, err);
  for (sl_node n = 0; n < top && s.b.status == SL_OK; n++) {
    if (mark[n]) {
      simplify_node(&s, n);
    }
  }
  for (int k = 0; k < nout && s.b.status == SL_OK; k++) {
    dst[k] = s.map[outs[k]];
  }
  if (s.b.status == SL_OK) {
    s.b.status = sl_graph_extract(to, &all, nout, dst, dst, err);
  }
  sl_graph_free(&all);
  sl_free(s.bucket);
  sl_free(s.map);
  return s.b.status;
}
