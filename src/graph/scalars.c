/* scalars.c: the values of a graph written out element by element. Equal values
** are made once, constants are folded by the kernels themselves, and the rules
** of algebra.h apply to each. Sums follow the tree of kern/fold.inc, so the bits
** are those of the graph run node by node.  MIT licence. */
#include "graph/scalars.h"

#include <string.h>

#include "graph/algebra.h"

enum { WAYS = 8 /* accumulators of a sum, as in kern/fold.inc */ };

/* ---- values, each made once ---------------------------------------------- */

static uint64_t hash_value(const sl_value *v) {
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

static bool same_value(const sl_value *a, const sl_value *b) {
  if (a->op != b->op || a->nin != b->nin || a->mask != b->mask ||
      memcmp(a->in, b->in, sizeof a->in) != 0) {
    return false;
  }
  return a->op != SL_NOP ||
         (a->load.source == b->load.source && a->load.k == b->load.k &&
          a->load.element == b->load.element &&
          memcmp(&a->load.value, &b->load.value, sizeof(double)) == 0);
}

static int32_t *slot_of(sl_scalars *m, const sl_value *v) {
  uint64_t i = hash_value(v) & (uint64_t)(m->nbucket - 1);
  while (m->bucket[i] >= 0 && !same_value(&m->v[m->bucket[i]], v)) {
    i = (i + 1) & (uint64_t)(m->nbucket - 1);
  }
  return &m->bucket[i];
}

void sl_scalars_no_memory(sl_scalars *m) {
  m->status =
      sl_fail(m->err, SL_ENOMEM, "program: no memory for %d values", m->cap);
}

/* Doubles the room for values and their buckets. */
static bool widen(sl_scalars *m) {
  int32_t cap = m->cap > 0 ? 2 * m->cap : 128;
  sl_value *v = sl_realloc(m->v, cap * (sl_int)sizeof *v);
  m->v = v != NULL ? v : m->v;
  int32_t *bucket = sl_malloc(2 * cap * (sl_int)sizeof *bucket);
  if (v == NULL || bucket == NULL) {
    sl_free(bucket);
    sl_scalars_no_memory(m);
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

static int32_t intern(sl_scalars *m, const sl_value *v) {
  if (sl_scalars_failed(m) || (m->n == m->cap && !widen(m))) {
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

int32_t sl_scalar_leaf(sl_scalars *m, sl_source source, sl_int k,
                       sl_int element, double number, bool mask,
                       uint8_t level) {
  sl_value v = {.op = SL_NOP,
                .level = level,
                .mask = mask,
                .load = {.source = (uint8_t)source,
                         .k = (int32_t)k,
                         .element = element,
                         .value = number}};
  return intern(m, &v);
}

int32_t sl_scalar_const(sl_scalars *m, double number) {
  return sl_scalar_leaf(m, SL_FROM_CONST, 0, 0, number, false, SL_FIXED);
}

/* ---- operations on values ------------------------------------------------ */

static bool is_const(const sl_value *v) {
  return v->op == SL_NOP && v->load.source == SL_FROM_CONST;
}

static bool known(const sl_scalars *m, int32_t k, sl_known *out) {
  const sl_value *v = &m->v[k];
  *out = (sl_known){.op = (sl_op)v->op,
                    .isconst = is_const(v),
                    .value = v->load.value,
                    .shared = v->level == SL_FIXED,
                    .scale = -1};
  for (int i = 0; v->op == SL_OP_mul && i < 2; i++) {
    const sl_value *x = &m->v[v->in[i]];
    out->scale = is_const(x) && sl_is_power(x->load.value) ? i : out->scale;
  }
  return out->isconst;
}

/* The kernel on constants. */
static int32_t fold(sl_scalars *m, sl_lane_fn *fn, const sl_known *in) {
  static const sl_int step[3] = {0, 0, 0};
  const void *p[3] = {&in[0].value, &in[1].value, &in[2].value};
  double out = 0.0;
  fn(1, &out, 1, p, step);
  return sl_scalar_const(m, out);
}

/* x + 0 is taken to be x, which can turn 0 into -0. What that reaches is loose:
** results that are get a 0 added in the end. */
static bool becomes_loose(const sl_scalars *m, sl_op op, int nin,
                          const int32_t *in) {
  bool sum = op == SL_OP_add || op == SL_OP_sub, any = false, all = true;
  for (int i = 0; i < nin; i++) {
    any = any || m->v[in[i]].loose;
    all = all && m->v[in[i]].loose;
  }
  return sum ? all : any;
}

static int32_t make(sl_scalars *m, sl_op op, int nin, const int32_t *in,
                    bool mask, bool result_mask) {
  sl_value v = {.op = (uint16_t)op,
                .nin = (uint8_t)nin,
                .mask = result_mask,
                .line = m->line,
                .loose = becomes_loose(m, op, nin, in)};
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
int32_t sl_scalar_apply(sl_scalars *m, sl_op op, int nin,
                        const int32_t *operands) {
  sl_known k[3] = {{0}};
  int32_t in[3] = {0};
  if (sl_scalars_failed(m)) {
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
      return sl_scalar_const(m, r.value);
    case SL_BECOME:
      if (r.strip >= 0) {
        in[r.strip] = m->v[in[r.strip]].in[0];
      }
      int32_t turned[3] = {in[r.swap], in[!r.swap], in[2]};
      return sl_scalar_apply(m, r.op, nin, turned);
    case SL_RESCALE: {
      const int32_t *product = m->v[in[r.which]].in;
      int scale = k[r.which].scale;
      int32_t both[2] = {in[1 - r.which], product[scale]};
      in[r.which] = product[1 - scale];
      in[1 - r.which] = sl_scalar_apply(m, SL_OP_mul, 2, both);
      return sl_scalar_apply(m, op, nin, in);
    }
    default:
      break;
  }
  sl_lane lane = sl_ops[op].lane;
  bool result_mask = sl_lane_result(lane, mask ? SL_U8 : SL_F64) == SL_U8;
  if (all && !result_mask) {
    return fold(m, sl_lane_get(lane, SL_F64), k);
  }
  return make(m, op, nin, in, mask, result_mask);
}

int32_t sl_scalar_gather(sl_scalars *m, int32_t index, sl_int k, int axis,
                         sl_int element, sl_int count) {
  sl_value v = {.op = SL_OP_gather, .nin = 3, .line = m->line};
  v.in[0] = index;
  v.in[1] =
      sl_scalar_leaf(m, SL_FROM_TABLE, k, element, axis, false, SL_FIXED);
  v.in[2] = sl_scalar_const(m, (double)count);
  v.level = m->v[index].level;
  m->unfit |= v.level == SL_FIXED;
  return intern(m, &v);
}

/* n values folded by op in the order of kern/fold.inc. */
int32_t sl_scalar_fold(sl_scalars *m, sl_op op, const sl_int *x, sl_int n) {
  int32_t w[WAYS];
  bool sum = op == SL_OP_add;
  for (sl_int i = 0; i < n; i++) {
    int32_t v = (int32_t)x[i], *a = &w[i % WAYS];
    *a = i < WAYS ? v
         : sum    ? sl_scalar_apply2(m, op, *a, v)
                  : sl_scalar_apply2(m, op, v, *a);
  }
  sl_int ways = n < WAYS ? n : WAYS;
  for (sl_int h = 1; h < WAYS; h *= 2) {
    for (sl_int j = 0; j + h < ways; j += 2 * h) {
      w[j] = sum ? sl_scalar_apply2(m, op, w[j], w[j + h])
                 : sl_scalar_apply2(m, op, w[j + h], w[j]);
    }
  }
  return n > 0 ? w[0] : sl_scalar_const(m, 0.0);
}

/* A result with its zeros as the graph has them. */
int32_t sl_scalar_firm(sl_scalars *m, int32_t k) {
  const int32_t zero = 0; /* value 0 is the constant 0 */
  const sl_value *v = &m->v[k];
  if (!v->loose || v->op == SL_NOP || v->mask) {
    return k;
  }
  int32_t in[2] = {k, zero};
  int32_t sum = make(m, SL_OP_add, 2, in, false, false);
  m->v[sum].loose = false;
  return sum;
}
