/* expand.c: each node of a small graph as values of its elements. A node is a
** tensor of value numbers: structural operations move the numbers by the very
** kernels that move elements, element-wise ones make new values, and the others
** are written out in the order in which their kernels work.  MIT licence. */
#include <string.h>

#include "graph/scalars.h"

enum {
  PRODUCTS = 27, /* m n k of a matrix product done by plain loops */
  POWERS = 32    /* exponents done by products, as in kern/powi.c */
};

/* ---- nodes --------------------------------------------------------------- */

static sl_node operand(const sl_scalars *m, sl_node n, int i) {
  return (sl_node)sl_node_in(m->g, n)[i];
}

static sl_int *take(sl_scalars *m, sl_int count) {
  if (m->used + count > SL_SCALAR_ELEMENTS) {
    m->unfit = true;
    return m->room;
  }
  sl_int *p = m->room + m->used;
  m->used += count;
  return p;
}

static void expand_leaf(sl_scalars *m, sl_node n, sl_int count) {
  const sl_gnode *node = &m->g->node[n];
  sl_int k = sl_node_attr(m->g, n)[0], *out = sl_scalar_ids(m, n);
  bool mask = node->dtype == SL_U8;
  double number;
  if (node->op == SL_OP_const) {
    memcpy(&number, &k, sizeof number);
    out[0] = sl_scalar_const(m, number);
    m->unfit |= mask;
    return;
  }
  sl_source source = node->op == SL_OP_slot    ? SL_FROM_SLOT
                     : node->op == SL_OP_input ? SL_FROM_INPUT
                                               : SL_FROM_CAPTURE;
  sl_int place = source == SL_FROM_CAPTURE ? m->g->ninput + k : k;
  uint8_t level = source != SL_FROM_SLOT && m->level != NULL
                      ? (uint8_t)m->level[place]
                      : SL_FIXED;
  for (sl_int e = 0; e < count; e++) {
    out[e] = sl_scalar_leaf(m, source, k, e, 0.0, mask, level);
  }
}

static void expand_map(sl_scalars *m, sl_node n, sl_int count) {
  const sl_gnode *node = &m->g->node[n];
  sl_int *out = sl_scalar_ids(m, n);
  for (sl_int e = 0; e < count && !sl_scalars_failed(m); e++) {
    int32_t in[3];
    for (int i = 0; i < node->nin; i++) {
      in[i] = (int32_t)sl_scalar_ids(m, operand(m, n, i))[e];
    }
    out[e] = sl_scalar_apply(m, (sl_op)node->op, node->nin, in);
  }
}

/* The kernel of the operation itself, on numbers instead of elements; what it
** fills with zeros is value 0, the constant 0. */
static void expand_structure(sl_scalars *m, sl_node n) {
  const sl_gnode *node = &m->g->node[n];
  const sl_tensor *in[SL_MAXIN];
  for (int i = 0; i < node->nin; i++) {
    in[i] = &m->ids[operand(m, n, i)];
  }
  m->unfit |= node->op == SL_OP_pad && node->dtype == SL_U8;
  if (!sl_scalars_failed(m)) {
    m->status = sl_op_eval((sl_op)node->op, &m->ids[n], in, node->nin,
                           sl_node_attr(m->g, n), node->nattr, m->err);
  }
}

/* The operand's numbers as [kept x gone], the axes in `mask` last. */
static sl_int *gone_last(sl_scalars *m, sl_node x, uint32_t mask,
                         sl_int *gone) {
  const sl_tensor *ids = &m->ids[x];
  int perm[SL_MAXDIM], count = 0;
  sl_int size = 1;
  for (int pass = 0; pass < 2; pass++) {
    for (int a = 0; a < ids->type.ndim; a++) {
      if ((int)(mask >> a & 1) == pass) {
        perm[count++] = a;
        size *= pass ? ids->type.shape[a] : 1;
      }
    }
  }
  sl_tensor turned, flat;
  sl_int *p = take(m, sl_numel(&ids->type));
  *gone = size;
  if (!sl_scalars_failed(m)) {
    sl_view_permute(&turned, ids, perm);
    sl_tensor_init(&flat, &turned.type, p);
    m->status = sl_copy(&flat, &turned, m->err);
  }
  return p;
}

static void expand_reduce(sl_scalars *m, sl_node n, sl_op op, sl_int count) {
  sl_int gone, *out = sl_scalar_ids(m, n);
  sl_node x = operand(m, n, 0);
  uint32_t mask = (uint32_t)sl_node_attr(m->g, n)[0];
  const sl_int *in = gone_last(m, x, mask, &gone);
  m->unfit |= gone > SL_FOLD_LEAF || m->g->node[x].dtype != SL_F64;
  for (sl_int e = 0; e < count && !sl_scalars_failed(m); e++) {
    out[e] = sl_scalar_fold(m, op, in + e * gone, gone);
  }
}

/* Largest of a line as kern/softmax.c finds it, and exp(x - largest). */
static int32_t shifted_exponentials(sl_scalars *m, sl_int len, const sl_int *x,
                                    sl_int *e) {
  int32_t top = (int32_t)x[0];
  for (sl_int i = 1; i < len; i++) {
    top = sl_scalar_apply2(m, SL_OP_maximum, (int32_t)x[i], top);
  }
  for (sl_int i = 0; i < len; i++) {
    e[i] = sl_scalar_apply1(m, SL_OP_exp,
                            sl_scalar_apply2(m, SL_OP_sub, (int32_t)x[i], top));
  }
  return top;
}

static void softmax_line(sl_scalars *m, sl_int len, const sl_int *x,
                         sl_int *out) {
  shifted_exponentials(m, len, x, out);
  int32_t sum = sl_scalar_fold(m, SL_OP_add, out, len);
  for (sl_int i = 0; i < len; i++) {
    out[i] = sl_scalar_apply2(m, SL_OP_div, (int32_t)out[i], sum);
  }
}

static void logsumexp_line(sl_scalars *m, sl_int len, const sl_int *x,
                           sl_int *out) {
  sl_int e[SL_FOLD_LEAF];
  int32_t top = shifted_exponentials(m, len, x, e);
  int32_t in[3] = {sl_scalar_apply1(m, SL_OP_isfinite, top),
                   sl_scalar_fold(m, SL_OP_add, e, len),
                   sl_scalar_const(m, 1.0)};
  int32_t sum = sl_scalar_apply(m, SL_OP_where, 3, in);
  out[0] =
      sl_scalar_apply2(m, SL_OP_add, top, sl_scalar_apply1(m, SL_OP_log, sum));
}

static void cumsum_line(sl_scalars *m, sl_int len, const sl_int *x,
                        sl_int *out) {
  int32_t sum = (int32_t)x[0];
  out[0] = sum;
  for (sl_int i = 1; i < len; i++) {
    out[i] = sum = sl_scalar_apply2(m, SL_OP_add, sum, (int32_t)x[i]);
  }
}

typedef void line_fn(sl_scalars *m, sl_int len, const sl_int *x, sl_int *out);

/* f on every line along the axis; results are put back in the node's order. */
static void expand_lines(sl_scalars *m, sl_node n, line_fn *f, bool keeps) {
  sl_int len;
  int axis = (int)sl_node_attr(m->g, n)[0];
  sl_node x = operand(m, n, 0);
  const sl_int *in = gone_last(m, x, 1u << axis, &len);
  m->unfit |= len < 1 || len > SL_FOLD_LEAF;
  sl_int lines = len > 0 ? sl_numel(&m->ids[x].type) / len : 0;
  sl_int *out = keeps ? take(m, lines * len) : sl_scalar_ids(m, n);
  for (sl_int k = 0; k < lines && !sl_scalars_failed(m); k++) {
    f(m, len, in + k * len, out + (keeps ? k * len : k));
  }
  if (keeps && !sl_scalars_failed(m)) { /* [others x axis] to the node's axes */
    int nd = m->ids[n].type.ndim, perm[SL_MAXDIM];
    sl_type t = m->ids[n].type;
    sl_tensor flat, turned;
    for (int a = 0; a < nd; a++) {
      perm[a] = a < axis ? a : a == axis ? nd - 1 : a - 1;
    }
    for (int a = axis; a < nd - 1; a++) {
      t.shape[a] = m->ids[n].type.shape[a + 1];
    }
    t.shape[nd - 1] = len;
    sl_tensor_init(&flat, &t, out);
    sl_view_permute(&turned, &flat, perm);
    m->status = sl_copy(&m->ids[n], &turned, m->err);
  }
}

static void expand_powi(sl_scalars *m, sl_node n, sl_int count) {
  sl_int p = sl_node_attr(m->g, n)[0], *out = sl_scalar_ids(m, n);
  const sl_int *x = sl_scalar_ids(m, operand(m, n, 0));
  m->unfit |= p < 0 || p > POWERS;
  for (sl_int e = 0; e < count && !sl_scalars_failed(m); e++) {
    int32_t v = sl_scalar_const(m, 1.0), base = (int32_t)x[e];
    for (sl_int q = p; q > 0; q >>= 1) {
      v = q & 1 ? sl_scalar_apply2(m, SL_OP_mul, v, base) : v;
      base = q > 1 ? sl_scalar_apply2(m, SL_OP_mul, base, base) : base;
    }
    out[e] = v;
  }
}

/* A mask as numbers, or as it is; whole numbers are doubles already. */
static void expand_cast(sl_scalars *m, sl_node n, sl_int count) {
  const sl_int *x = sl_scalar_ids(m, operand(m, n, 0));
  sl_int *out = sl_scalar_ids(m, n);
  const int from = m->g->node[operand(m, n, 0)].dtype;
  if (from == SL_I64 && m->g->node[n].dtype == SL_F64) {
    memcpy(out, x, (size_t)count * sizeof *out);
    return;
  }
  m->unfit |= from != SL_U8;
  for (sl_int e = 0; e < count && !sl_scalars_failed(m); e++) {
    int32_t in[3] = {(int32_t)x[e], sl_scalar_const(m, 1.0),
                     sl_scalar_const(m, 0.0)};
    bool mask = m->g->node[n].dtype == SL_U8;
    out[e] = mask ? in[0] : sl_scalar_apply(m, SL_OP_where, 3, in);
  }
}

static void expand_matmul(sl_scalars *m, sl_node n, sl_int count) {
  const sl_int *flag = sl_node_attr(m->g, n);
  sl_node x = operand(m, n, 0), y = operand(m, n, 1);
  int nd = m->ids[n].type.ndim;
  const sl_int *shape = &m->ids[n].type.shape[nd - 2];
  sl_int rows = shape[0], cols = shape[1];
  sl_int depth = m->ids[x].type.shape[nd - 2 + !flag[0]];
  sl_int *out = sl_scalar_ids(m, n);
  sl_int sx = flag[0] ? rows : 1, sy = flag[1] ? 1 : cols;
  m->unfit |= rows * cols * depth > PRODUCTS;
  for (sl_int e = 0; e < count && !sl_scalars_failed(m); e++) {
    sl_int item = e / (rows * cols), i = e / cols % rows, j = e % cols;
    const sl_int *a =
        sl_scalar_ids(m, x) + item * rows * depth + (flag[0] ? i : i * depth);
    const sl_int *b =
        sl_scalar_ids(m, y) + item * depth * cols + (flag[1] ? j * depth : j);
    int32_t s = sl_scalar_const(m, 0.0);
    for (sl_int l = 0; l < depth; l++) {
      int32_t t = sl_scalar_apply2(m, SL_OP_mul, (int32_t)a[l * sx],
                                   (int32_t)b[l * sy]);
      s = l > 0 ? sl_scalar_apply2(m, SL_OP_add, s, t) : t;
    }
    out[e] = s;
  }
}

/* Rows of a captured table by a number that each lane has of its own. */
static void expand_gather(sl_scalars *m, sl_node n, sl_int count) {
  const sl_node from = operand(m, n, 0), idx = operand(m, n, 1);
  const sl_int *attr = sl_node_attr(m->g, n);
  const sl_gnode *table = &m->g->node[from];
  const int axis = (int)attr[0];
  const sl_int k = sl_node_attr(m->g, from)[0];
  sl_type t;
  sl_node_type(m->g, from, &t);
  if (m->level == NULL || table->op != SL_OP_capture || t.dtype != SL_F64 ||
      attr[1] != 0 || m->level[m->g->ninput + k] != SL_FIXED) {
    m->unfit = true;
    return;
  }
  const sl_int extent = t.shape[axis], numbers = sl_numel(&m->ids[idx].type);
  sl_int inner = 1, *out = sl_scalar_ids(m, n);
  for (int a = axis + 1; a < t.ndim; a++) {
    inner *= t.shape[a];
  }
  for (sl_int e = 0; e < count && !sl_scalars_failed(m); e++) {
    const sl_int outer = e / (numbers * inner), i = e % inner;
    const int32_t index = (int32_t)sl_scalar_ids(m, idx)[e / inner % numbers];
    out[e] = sl_scalar_gather(m, index, k, axis, outer * extent * inner + i,
                              extent);
  }
}

static void expand_other(sl_scalars *m, sl_node n, sl_int count) {
  switch (m->g->node[n].op) {
    case SL_OP_pad:
    case SL_OP_concat:
      expand_structure(m, n);
      break;
    case SL_OP_powi:
      expand_powi(m, n, count);
      break;
    case SL_OP_cast:
      expand_cast(m, n, count);
      break;
    case SL_OP_matmul:
      expand_matmul(m, n, count);
      break;
    case SL_OP_gather:
      expand_gather(m, n, count);
      break;
    case SL_OP_softmax:
      expand_lines(m, n, softmax_line, true);
      break;
    case SL_OP_cumsum:
      expand_lines(m, n, cumsum_line, true);
      break;
    case SL_OP_logsumexp:
      expand_lines(m, n, logsumexp_line, false);
      break;
    default:
      m->unfit = true;
  }
}

/* Whole numbers are doubles in lanes: sample numbers and what little is done to
** them before they are used. */
static bool whole_numbers_fit(const sl_scalars *m, const sl_gnode *node) {
  switch (node->op) {
    case SL_OP_add:
    case SL_OP_sub:
    case SL_OP_mul:
    case SL_OP_neg:
    case SL_OP_maximum:
    case SL_OP_minimum:
    case SL_OP_where:
      return m->level != NULL;
    default:
      return m->level != NULL && sl_ops[node->op].cls != SL_MAP &&
             sl_ops[node->op].cls != SL_REDUCE &&
             node->op != SL_OP_capture && node->op != SL_OP_cast;
  }
}

void sl_expand_node(sl_scalars *m, sl_node n) {
  const sl_gnode *node = &m->g->node[n];
  sl_type t;
  sl_node_type(m->g, n, &t);
  sl_int count = sl_numel(&t);
  m->unfit |= t.dtype != SL_F64 && t.dtype != SL_U8 &&
              !(t.dtype == SL_I64 && whole_numbers_fit(m, node));
  t.dtype = SL_I64;
  sl_tensor_init(&m->ids[n], &t, take(m, count));
  m->line = node->line;
  if (sl_scalars_failed(m)) {
    return;
  }
  switch (sl_ops[node->op].cls) {
    case SL_LEAF:
      expand_leaf(m, n, count);
      break;
    case SL_MAP:
      expand_map(m, n, count);
      break;
    case SL_REDUCE:
      expand_reduce(m, n,
                    node->op == SL_OP_sum    ? SL_OP_add
                    : node->op == SL_OP_amax ? SL_OP_maximum
                                             : SL_OP_minimum,
                    count);
      break;
    case SL_VIEW:
      expand_structure(m, n);
      break;
    default:
      expand_other(m, n, count);
  }
}
