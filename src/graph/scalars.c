/* scalars.c: a small graph written out element by element (lanecode.h). Each
** node is a tensor of value numbers: structural operations move the numbers by
** the very kernels that move elements, element-wise ones make new values, equal
** values are made once, and the rules of algebra.h apply to each. Sums follow
** the tree of kern/fold.inc, so the bits are those of the graph run node by
** node (but for the sign of zeros).  MIT licence. */
#include <math.h>
#include <string.h>

#include "graph/algebra.h"
#include "graph/lanecode.h"
#include "graph/rules.h"

enum {
  ELEMENTS = 1 << 16, /* of all nodes together */
  PRODUCTS = 27,      /* m n k of a matrix product done by plain loops */
  PER_NODE = 6,       /* operations a node beyond which rows are quicker */
  POWERS = 32,        /* exponents done by products, as in kern/powi.c */
  WAYS = 8            /* accumulators of a sum, as in kern/fold.inc */
};

typedef struct value {
  uint16_t op; /* element-wise row that makes it; SL_NOP: a leaf */
  uint8_t nin, level;
  bool mask, needed; /* u8; is it, in the end? */
  bool loose; /* a zero may have the other sign than the graph's: see apply */
  int32_t in[3];
  int32_t line, number; /* number: in the finished program */
  sl_lload load;        /* of a leaf */
} value;

typedef struct maker {
  const sl_graph *g;
  const sl_level *level; /* of inputs, then captures, or NULL */
  value *v;
  int32_t n, cap;
  int32_t *bucket; /* open addressing over v, -1 empty; nbucket = 2^k */
  int32_t nbucket;
  sl_tensor *ids;  /* by node: value numbers, i64, contiguous */
  sl_int *room;    /* of all ids */
  sl_int used, most, nop;
  int32_t line;
  bool unfit;
  sl_status status;
  sl_err *err;
} maker;

/* ---- values, each made once ---------------------------------------------- */

static bool failed(const maker *m) { return m->unfit || m->status != SL_OK; }

static uint64_t hash_value(const value *v) {
  uint64_t bits;
  uint64_t h = sl_hash_mix(v->op, (uint64_t)v->nin);
  for (int i = 0; i < v->nin; i++) {
    h = sl_hash_mix(h, (uint64_t)v->in[i]);
  }
  if (v->op == SL_NOP) {
    memcpy(&bits, &v->load.value, sizeof bits);
    h = sl_hash_mix(h, bits);
    h = sl_hash_mix(h, (uint64_t)v->load.source << 32 | (uint64_t)v->load.k);
    h = sl_hash_mix(h, (uint64_t)v->load.element);
  }
  return h ^ h >> 29;
}

static bool same_value(const value *a, const value *b) {
  if (a->op != b->op || a->nin != b->nin || a->mask != b->mask ||
      memcmp(a->in, b->in, sizeof a->in) != 0) {
    return false;
  }
  return a->op != SL_NOP ||
         (a->load.source == b->load.source && a->load.k == b->load.k &&
          a->load.element == b->load.element &&
          memcmp(&a->load.value, &b->load.value, sizeof(double)) == 0);
}

static int32_t *slot_of(maker *m, const value *v) {
  uint64_t i = hash_value(v) & (uint64_t)(m->nbucket - 1);
  while (m->bucket[i] >= 0 && !same_value(&m->v[m->bucket[i]], v)) {
    i = (i + 1) & (uint64_t)(m->nbucket - 1);
  }
  return &m->bucket[i];
}

static void no_memory(maker *m) {
  m->status = sl_fail(m->err, SL_ENOMEM, "program: no memory for %d values",
                      m->cap);
}

/* Doubles the room for values and their buckets. */
static bool widen(maker *m) {
  int32_t cap = m->cap > 0 ? 2 * m->cap : 128;
  value *v = sl_realloc(m->v, cap * (sl_int)sizeof *v);
  m->v = v != NULL ? v : m->v;
  int32_t *bucket = sl_malloc(2 * cap * (sl_int)sizeof *bucket);
  if (v == NULL || bucket == NULL) {
    sl_free(bucket);
    no_memory(m);
    return false;
  }
  sl_free(m->bucket);
  m->bucket = bucket;
  m->cap = cap;
  m->nbucket = 2 * cap;
  memset(bucket, 0xff, (size_t)m->nbucket * sizeof *bucket);
  for (int32_t k = 0; k < m->n; k++) {
    *slot_of(m, &m->v[k]) = k;
  }
  return true;
}

static int32_t intern(maker *m, const value *v) {
  if (failed(m) || (m->n == m->cap && !widen(m))) {
    return 0;
  }
  int32_t *at = slot_of(m, v);
  if (*at < 0) {
    m->unfit = v->op != SL_NOP && ++m->nop > m->most;
    m->v[m->n] = *v;
    *at = m->n++;
  }
  return *at;
}

static int32_t leaf(maker *m, sl_source source, sl_int k, sl_int element,
                    double number, bool mask, uint8_t level) {
  value v = {.op = SL_NOP, .level = level, .mask = mask,
             .load = {.source = (uint8_t)source, .k = (int32_t)k,
                      .element = element, .value = number}};
  return intern(m, &v);
}

static int32_t constant(maker *m, double number) {
  return leaf(m, SL_FROM_CONST, 0, 0, number, false, SL_FIXED);
}

/* ---- operations on values ------------------------------------------------ */

static bool is_const(const value *v) {
  return v->op == SL_NOP && v->load.source == SL_FROM_CONST;
}

static bool known(const maker *m, int32_t k, sl_known *out) {
  const value *v = &m->v[k];
  *out = (sl_known){.op = (sl_op)v->op, .isconst = is_const(v),
                    .value = v->load.value, .shared = v->level == SL_FIXED,
                    .scale = -1};
  for (int i = 0; v->op == SL_OP_mul && i < 2; i++) {
    const value *x = &m->v[v->in[i]];
    out->scale = is_const(x) && sl_is_power(x->load.value) ? i : out->scale;
  }
  return out->isconst;
}

/* The kernel on constants. */
static int32_t fold(maker *m, sl_lane_fn *fn, int nin, const sl_known *in) {
  static const sl_int step[3] = {0, 0, 0};
  const void *p[3] = {&in[0].value, &in[1].value, &in[2].value};
  double out = 0.0;
  (void)nin;
  fn(1, &out, 1, p, step);
  return constant(m, out);
}

/* x + 0 is taken to be x, which can turn 0 into -0. What that reaches is loose:
** results that are get a 0 added in the end. */
static bool becomes_loose(const maker *m, sl_op op, int nin,
                          const int32_t *in) {
  bool sum = op == SL_OP_add || op == SL_OP_sub, any = false, all = true;
  for (int i = 0; i < nin; i++) {
    any = any || m->v[in[i]].loose;
    all = all && m->v[in[i]].loose;
  }
  return sum ? all : any;
}

static int32_t make(maker *m, sl_op op, int nin, const int32_t *in, bool mask,
                    bool result_mask) {
  value v = {.op = (uint16_t)op, .nin = (uint8_t)nin, .mask = result_mask,
             .line = m->line, .loose = becomes_loose(m, op, nin, in)};
  if (sl_lane_get(sl_ops[op].lane, mask ? SL_U8 : SL_F64) == NULL) {
    m->unfit = true;
    return 0;
  }
  for (int i = 0; i < nin; i++) {
    v.in[i] = in[i];
    v.level = m->v[in[i]].level > v.level ? m->v[in[i]].level : v.level;
  }
  return intern(m, &v);
}

/* The value of op on others, by a rule if there is one. */
static int32_t apply(maker *m, sl_op op, int nin, const int32_t *operands) {
  sl_known k[3] = {{0}};
  int32_t in[3] = {0};
  if (failed(m)) {
    return 0;
  }
  bool all = true, mask = m->v[operands[nin - 1]].mask;
  for (int i = 0; i < nin; i++) {
    in[i] = operands[i];
    all = known(m, in[i], &k[i]) && all && !m->v[in[i]].mask;
  }
  sl_rewrite r = sl_algebra(op, mask ? SL_U8 : SL_F64, nin, k);
  switch (r.kind) {
    case SL_OPERAND:
      m->v[in[r.which]].loose |= op == SL_OP_add;
      return in[r.which];
    case SL_INNER:
      return m->v[in[r.which]].in[0];
    case SL_CONSTANT:
      return constant(m, r.value);
    case SL_BECOME:
      if (r.strip >= 0) {
        in[r.strip] = m->v[in[r.strip]].in[0];
      }
      int32_t turned[3] = {in[r.swap], in[!r.swap], in[2]};
      return apply(m, r.op, nin, turned);
    case SL_RESCALE: {
      const int32_t *product = m->v[in[r.which]].in;
      int scale = k[r.which].scale;
      int32_t both[2] = {in[1 - r.which], product[scale]};
      in[r.which] = product[1 - scale];
      in[1 - r.which] = apply(m, SL_OP_mul, 2, both);
      return apply(m, op, nin, in);
    }
    default:
      break;
  }
  sl_lane lane = sl_ops[op].lane;
  bool result_mask = sl_lane_result(lane, mask ? SL_U8 : SL_F64) == SL_U8;
  if (all && !result_mask) {
    return fold(m, sl_lane_get(lane, SL_F64), nin, k);
  }
  return make(m, op, nin, in, mask, result_mask);
}

static int32_t apply1(maker *m, sl_op op, int32_t x) {
  return apply(m, op, 1, &x);
}

static int32_t apply2(maker *m, sl_op op, int32_t x, int32_t y) {
  int32_t in[2] = {x, y};
  return apply(m, op, 2, in);
}

/* n values folded by op in the order of kern/fold.inc. */
static int32_t fold_values(maker *m, sl_op op, const sl_int *x, sl_int n) {
  int32_t w[WAYS];
  bool sum = op == SL_OP_add;
  for (sl_int i = 0; i < n; i++) {
    int32_t v = (int32_t)x[i], *a = &w[i % WAYS];
    *a = i < WAYS ? v : sum ? apply2(m, op, *a, v) : apply2(m, op, v, *a);
  }
  sl_int ways = n < WAYS ? n : WAYS;
  for (sl_int h = 1; h < WAYS; h *= 2) {
    for (sl_int j = 0; j + h < ways; j += 2 * h) {
      w[j] = sum ? apply2(m, op, w[j], w[j + h])
                 : apply2(m, op, w[j + h], w[j]);
    }
  }
  return n > 0 ? w[0] : constant(m, 0.0);
}

/* ---- nodes --------------------------------------------------------------- */

static sl_int *elements(const maker *m, sl_node n) {
  return m->ids[n].data;
}

static sl_node operand(const maker *m, sl_node n, int i) {
  return (sl_node)sl_node_in(m->g, n)[i];
}

static sl_int *take(maker *m, sl_int count) {
  if (m->used + count > ELEMENTS) {
    m->unfit = true;
    return m->room;
  }
  sl_int *p = m->room + m->used;
  m->used += count;
  return p;
}

static void expand_leaf(maker *m, sl_node n, sl_int count) {
  const sl_gnode *node = &m->g->node[n];
  sl_int k = sl_node_attr(m->g, n)[0], *out = elements(m, n);
  bool mask = node->dtype == SL_U8;
  double number;
  if (node->op == SL_OP_const) {
    memcpy(&number, &k, sizeof number);
    out[0] = constant(m, number);
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
    out[e] = leaf(m, source, k, e, 0.0, mask, level);
  }
}

static void expand_map(maker *m, sl_node n, sl_int count) {
  const sl_gnode *node = &m->g->node[n];
  sl_int *out = elements(m, n);
  for (sl_int e = 0; e < count && !failed(m); e++) {
    int32_t in[3];
    for (int i = 0; i < node->nin; i++) {
      in[i] = (int32_t)elements(m, operand(m, n, i))[e];
    }
    out[e] = apply(m, (sl_op)node->op, node->nin, in);
  }
}

/* The kernel of the operation itself, on numbers instead of elements; what it
** fills with zeros is value 0, the constant 0. */
static void expand_structure(maker *m, sl_node n) {
  const sl_gnode *node = &m->g->node[n];
  const sl_tensor *in[SL_MAXIN];
  for (int i = 0; i < node->nin; i++) {
    in[i] = &m->ids[operand(m, n, i)];
  }
  m->unfit |= node->op == SL_OP_pad && node->dtype == SL_U8;
  if (!failed(m)) {
    m->status = sl_op_eval((sl_op)node->op, &m->ids[n], in, node->nin,
                           sl_node_attr(m->g, n), node->nattr, m->err);
  }
}

/* The operand's numbers as [kept x gone], the axes in `mask` last. */
static sl_int *gone_last(maker *m, sl_node x, uint32_t mask, sl_int *gone) {
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
  if (!failed(m)) {
    sl_view_permute(&turned, ids, perm);
    sl_tensor_init(&flat, &turned.type, p);
    m->status = sl_copy(&flat, &turned, m->err);
  }
  return p;
}

static void expand_reduce(maker *m, sl_node n, sl_op op, sl_int count) {
  sl_int gone, *out = elements(m, n);
  sl_node x = operand(m, n, 0);
  uint32_t mask = (uint32_t)sl_node_attr(m->g, n)[0];
  const sl_int *in = gone_last(m, x, mask, &gone);
  m->unfit |= gone > SL_FOLD_LEAF || m->g->node[x].dtype != SL_F64;
  for (sl_int e = 0; e < count && !failed(m); e++) {
    out[e] = fold_values(m, op, in + e * gone, gone);
  }
}

/* Largest of a line as kern/softmax.c finds it, and exp(x - largest). */
static int32_t shifted_exponentials(maker *m, sl_int len, const sl_int *x,
                                    sl_int *e) {
  int32_t top = (int32_t)x[0];
  for (sl_int i = 1; i < len; i++) {
    top = apply2(m, SL_OP_maximum, (int32_t)x[i], top);
  }
  for (sl_int i = 0; i < len; i++) {
    e[i] = apply1(m, SL_OP_exp, apply2(m, SL_OP_sub, (int32_t)x[i], top));
  }
  return top;
}

static void softmax_line(maker *m, sl_int len, const sl_int *x, sl_int *out) {
  shifted_exponentials(m, len, x, out);
  int32_t sum = fold_values(m, SL_OP_add, out, len);
  for (sl_int i = 0; i < len; i++) {
    out[i] = apply2(m, SL_OP_div, (int32_t)out[i], sum);
  }
}

static void logsumexp_line(maker *m, sl_int len, const sl_int *x,
                           sl_int *out) {
  sl_int e[SL_FOLD_LEAF];
  int32_t top = shifted_exponentials(m, len, x, e);
  int32_t in[3] = {apply1(m, SL_OP_isfinite, top),
                   fold_values(m, SL_OP_add, e, len), constant(m, 1.0)};
  int32_t sum = apply(m, SL_OP_where, 3, in);
  out[0] = apply2(m, SL_OP_add, top, apply1(m, SL_OP_log, sum));
}

static void cumsum_line(maker *m, sl_int len, const sl_int *x, sl_int *out) {
  int32_t sum = constant(m, 0.0);
  for (sl_int i = 0; i < len; i++) {
    out[i] = sum = apply2(m, SL_OP_add, sum, (int32_t)x[i]);
  }
}

typedef void line_fn(maker *m, sl_int len, const sl_int *x, sl_int *out);

/* f on every line along the axis; results are put back in the node's order. */
static void expand_lines(maker *m, sl_node n, line_fn *f, bool keeps) {
  sl_int len;
  int axis = (int)sl_node_attr(m->g, n)[0];
  sl_node x = operand(m, n, 0);
  const sl_int *in = gone_last(m, x, 1u << axis, &len);
  m->unfit |= len < 1 || len > SL_FOLD_LEAF;
  sl_int lines = len > 0 ? sl_numel(&m->ids[x].type) / len : 0;
  sl_int *out = keeps ? take(m, lines * len) : elements(m, n);
  for (sl_int k = 0; k < lines && !failed(m); k++) {
    f(m, len, in + k * len, out + (keeps ? k * len : k));
  }
  if (keeps && !failed(m)) { /* [others x axis] to the node's axes */
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

static void expand_powi(maker *m, sl_node n, sl_int count) {
  sl_int p = sl_node_attr(m->g, n)[0], *out = elements(m, n);
  const sl_int *x = elements(m, operand(m, n, 0));
  m->unfit |= p < 0 || p > POWERS;
  for (sl_int e = 0; e < count && !failed(m); e++) {
    int32_t v = constant(m, 1.0), base = (int32_t)x[e];
    for (sl_int q = p; q > 0; q >>= 1) {
      v = q & 1 ? apply2(m, SL_OP_mul, v, base) : v;
      base = q > 1 ? apply2(m, SL_OP_mul, base, base) : base;
    }
    out[e] = v;
  }
}

/* A mask as numbers, or as it is. */
static void expand_cast(maker *m, sl_node n, sl_int count) {
  const sl_int *x = elements(m, operand(m, n, 0));
  sl_int *out = elements(m, n);
  m->unfit |= m->g->node[operand(m, n, 0)].dtype != SL_U8;
  for (sl_int e = 0; e < count && !failed(m); e++) {
    int32_t in[3] = {(int32_t)x[e], constant(m, 1.0), constant(m, 0.0)};
    bool mask = m->g->node[n].dtype == SL_U8;
    out[e] = mask ? in[0] : apply(m, SL_OP_where, 3, in);
  }
}

static void expand_matmul(maker *m, sl_node n, sl_int count) {
  const sl_int *flag = sl_node_attr(m->g, n);
  sl_node x = operand(m, n, 0), y = operand(m, n, 1);
  int nd = m->ids[n].type.ndim;
  const sl_int *shape = &m->ids[n].type.shape[nd - 2];
  sl_int rows = shape[0], cols = shape[1];
  sl_int depth = m->ids[x].type.shape[nd - 2 + !flag[0]];
  sl_int *out = elements(m, n);
  sl_int sx = flag[0] ? rows : 1, sy = flag[1] ? 1 : cols;
  m->unfit |= rows * cols * depth > PRODUCTS;
  for (sl_int e = 0; e < count && !failed(m); e++) {
    sl_int item = e / (rows * cols), i = e / cols % rows, j = e % cols;
    const sl_int *a = elements(m, x) + item * rows * depth +
                      (flag[0] ? i : i * depth);
    const sl_int *b = elements(m, y) + item * depth * cols +
                      (flag[1] ? j * depth : j);
    int32_t s = constant(m, 0.0);
    for (sl_int l = 0; l < depth; l++) {
      int32_t t = apply2(m, SL_OP_mul, (int32_t)a[l * sx],
                         (int32_t)b[l * sy]);
      s = apply2(m, SL_OP_add, s, t);
    }
    out[e] = s;
  }
}

static void expand_other(maker *m, sl_node n, sl_int count) {
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

static void expand(maker *m, sl_node n) {
  const sl_gnode *node = &m->g->node[n];
  sl_type t;
  sl_node_type(m->g, n, &t);
  sl_int count = sl_numel(&t);
  m->unfit |= t.dtype != SL_F64 && t.dtype != SL_U8;
  t.dtype = SL_I64;
  sl_tensor_init(&m->ids[n], &t, take(m, count));
  m->line = node->line;
  if (failed(m)) {
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

/* A result with its zeros as the graph has them. */
static int32_t firm(maker *m, int32_t k) {
  const int32_t zero = 0; /* value 0 is the constant 0 */
  const value *v = &m->v[k];
  if (!v->loose || v->op == SL_NOP || v->mask) {
    return k;
  }
  int32_t in[2] = {k, zero};
  int32_t sum = make(m, SL_OP_add, 2, in, false, false);
  m->v[sum].loose = false;
  return sum;
}

static void firm_results(maker *m, int nout, const sl_node *outs) {
  for (int k = 0; k < nout && !failed(m); k++) {
    sl_int count = sl_numel(&m->ids[outs[k]].type);
    sl_int *x = elements(m, outs[k]);
    for (sl_int e = 0; e < count; e++) {
      x[e] = firm(m, (int32_t)x[e]);
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

static void mark_needed_values(maker *m, int nout, const sl_node *outs) {
  for (int k = 0; k < nout; k++) {
    sl_int count = sl_numel(&m->ids[outs[k]].type);
    for (sl_int e = 0; e < count; e++) {
      m->v[elements(m, outs[k])[e]].needed = true;
    }
  }
  for (int32_t k = m->n - 1; k >= 0; k--) {
    for (int i = 0; m->v[k].needed && i < m->v[k].nin; i++) {
      m->v[m->v[k].in[i]].needed = true;
    }
  }
}

/* Counts leaves and operations among the needed values. */
static void count_needed(const maker *m, sl_lanecode *c) {
  for (int32_t k = 0; k < m->n; k++) {
    if (m->v[k].needed) {
      c->nvalue++;
      c->nload += m->v[k].op == SL_NOP;
      c->nop += m->v[k].op != SL_NOP;
      c->nfixed += m->v[k].op != SL_NOP && m->v[k].level == SL_FIXED;
    }
  }
}

static void number_values(maker *m, sl_lanecode *c) {
  int32_t loads = 0, number = 0, fixed = 0, moving = c->nfixed;
  for (int32_t k = 0; k < m->n; k++) {
    value *v = &m->v[k];
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
    *op = (sl_lop){.nin = v->nin, .level = v->level, .out = v->number,
                   .line = v->line};
    op->fn = sl_lane_get(sl_ops[v->op].lane, mask ? SL_U8 : SL_F64);
    for (int i = 0; i < v->nin; i++) {
      op->in[i] = m->v[v->in[i]].number;
    }
  }
}

static sl_status finish(maker *m, int nout, const sl_node *outs,
                        sl_lanecode *c) {
  sl_int total = 0;
  mark_needed_values(m, nout, outs);
  count_needed(m, c);
  for (int k = 0; k < nout; k++) {
    total += sl_numel(&m->ids[outs[k]].type);
  }
  c->nresult = nout;
  c->level = sl_malloc(c->nvalue + 1);
  c->load = sl_malloc((c->nload + 1) * (sl_int)sizeof *c->load);
  c->op = sl_malloc((c->nop + 1) * (sl_int)sizeof *c->op);
  c->first = sl_malloc((nout + 1) * (sl_int)sizeof *c->first);
  c->out = sl_malloc((total + 1) * (sl_int)sizeof *c->out);
  if (c->level == NULL || c->load == NULL || c->op == NULL ||
      c->first == NULL || c->out == NULL) {
    no_memory(m);
    return m->status;
  }
  number_values(m, c);
  sl_int at = 0;
  for (int k = 0; k < nout; k++) {
    c->first[k] = at;
    sl_int count = sl_numel(&m->ids[outs[k]].type);
    for (sl_int e = 0; e < count; e++) {
      c->out[at++] = m->v[elements(m, outs[k])[e]].number;
    }
  }
  c->first[nout] = at;
  return SL_OK;
}

/* Expands all needed nodes. */
static void expand_all(maker *m, int nout, const sl_node *outs, sl_node top,
                       const unsigned char *mark) {
  constant(m, 0.0); /* value 0: what pad fills with */
  for (sl_node n = 0; n < top && !failed(m); n++) {
    if (mark[n]) {
      expand(m, n);
    }
  }
  firm_results(m, nout, outs);
}

/* Elements of the needed nodes; *count their number. */
static sl_int total_elements(const sl_graph *g, sl_node top,
                             const unsigned char *mark, sl_int *count) {
  sl_int total = 0;
  *count = 0;
  for (sl_node n = 0; n < top && total <= ELEMENTS; n++) {
    sl_type t;
    if (mark[n]) {
      sl_node_type(g, n, &t);
      total += sl_numel(&t);
      (*count)++;
    }
  }
  return total;
}

static sl_status write_out(maker *m, sl_lanecode **code, int nout,
                           const sl_node *outs, sl_node top,
                           const unsigned char *mark) {
  m->ids = sl_malloc((m->g->nnode + 1) * (sl_int)sizeof *m->ids);
  m->room = sl_malloc(ELEMENTS * (sl_int)sizeof *m->room);
  sl_lanecode *c = sl_malloc((sl_int)sizeof *c);
  if (m->ids == NULL || m->room == NULL || c == NULL) {
    no_memory(m);
  } else {
    memset(c, 0, sizeof *c);
    expand_all(m, nout, outs, top, mark);
    if (!failed(m)) {
      finish(m, nout, outs, c);
    }
  }
  sl_free(m->v);
  sl_free(m->bucket);
  sl_free(m->ids);
  sl_free(m->room);
  if (failed(m)) {
    if (m->ids != NULL && m->room != NULL) {
      sl_lanecode_free(c);
    } else {
      sl_free(c);
    }
    return m->status;
  }
  *code = c;
  return SL_OK;
}

sl_status sl_lanecode_make(sl_lanecode **code, const sl_graph *g, int nout,
                           const sl_node *outs, const sl_level *level,
                           sl_int most, sl_err *err) {
  maker m = {.g = g, .level = level, .err = err};
  unsigned char *mark = sl_malloc(g->nnode + 1);
  sl_int nodes;
  *code = NULL;
  if (mark == NULL) {
    return sl_fail(err, SL_ENOMEM, "program: no memory");
  }
  sl_node top = sl_graph_needed(g, nout, outs, mark);
  sl_int total = total_elements(g, top, mark, &nodes);
  m.most = level == NULL && PER_NODE * nodes < most ? PER_NODE * nodes : most;
  sl_status s = SL_OK;
  if (total <= ELEMENTS && total <= 64 * m.most) {
    s = write_out(&m, code, nout, outs, top, mark);
  }
  sl_free(mark);
  return s;
}
