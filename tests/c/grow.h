/* grow.h: random graphs over (nearly) all rows of ops.def, for test_compile.c:
** masks, integers, constants that the compiler has rules for, sums of padded
** pieces, long axes. Operands that do not fit are refused by the shape rules.
** MIT licence. */
#ifndef TEST_GROW_H
#define TEST_GROW_H

#include "graphs.h"

typedef struct garden {
  sl_graph g;
  leaves l;
  sl_type palette[4]; /* shapes of the leaves and their kin */
  sl_int most;        /* elements of a node */
  sl_node square;     /* a capture that can be solved with */
  bool *plain;        /* by node: a matrix product of few bits, exact */
  int nplain;
} garden;

typedef sl_status grow_fn(garden *w, sl_node x, const sl_type *t, sl_node *out,
                          sl_err *err);

/* ---- short ways to nodes ------------------------------------------------- */

static inline sl_status g_map(garden *w, sl_op op, int nin, const sl_node *in,
                              sl_node *out, sl_err *err) {
  return sl_graph_map(&w->g, op, nin, in, out, err);
}

static inline sl_status g_map2(garden *w, sl_op op, sl_node x, sl_node y,
                               sl_node *out, sl_err *err) {
  sl_node in[2] = {x, y};
  return g_map(w, op, 2, in, out, err);
}

static inline sl_status g_one(garden *w, sl_op op, sl_node x, int nattr,
                              const sl_int *attr, sl_node *out, sl_err *err) {
  return sl_graph_add(&w->g, op, 1, &x, nattr, attr, out, err);
}

/* x op a constant, or the other way round. */
static inline sl_status g_number(garden *w, sl_op op, sl_node x, double c,
                                 bool first, sl_node *out, sl_err *err) {
  sl_node n;
  sl_dtype d = (sl_dtype)w->g.node[x].dtype;
  SL_TRY(sl_graph_const(&w->g, c, d, &n, err));
  return first ? g_map2(w, op, n, x, out, err) : g_map2(w, op, x, n, out, err);
}

/* Not too large to be worked with; larger ones are never needed. */
static inline bool handy(const garden *w, sl_node n) {
  sl_type t;
  sl_node_type(&w->g, n, &t);
  return sl_numel(&t) <= w->most;
}

static inline sl_node any_node(const garden *w) {
  sl_node n = pick(w->g.nnode);
  while (!handy(w, n)) {
    n = pick(w->g.nnode);
  }
  return n;
}

/* A node of dtype d, if some tries find one. */
static inline sl_node any_of(const garden *w, sl_dtype d) {
  sl_node n = any_node(w);
  for (int tries = 0; tries < 20 && w->g.node[n].dtype != d; tries++) {
    n = any_node(w);
  }
  return n;
}

/* ---- element-wise -------------------------------------------------------- */

static inline sl_status grow_unary(garden *w, sl_node x, const sl_type *t,
                                   sl_node *out, sl_err *err) {
  static const sl_op ops[] = {
      SL_OP_neg,      SL_OP_neg,   SL_OP_abs,     SL_OP_sign,  SL_OP_tanh,
      SL_OP_sin,      SL_OP_cos,   SL_OP_atan,    SL_OP_asinh, SL_OP_sigmoid,
      SL_OP_softplus, SL_OP_erf,   SL_OP_erfc,    SL_OP_floor, SL_OP_round,
      SL_OP_ceil,     SL_OP_expm1, SL_OP_isfinite};
  static const sl_op positive[] = {SL_OP_sqrt, SL_OP_log1p, SL_OP_log};
  static const sl_op narrow[] = {SL_OP_exp, SL_OP_sinh, SL_OP_cosh,
                                 SL_OP_tan, SL_OP_asin, SL_OP_atanh};
  (void)t;
  int what = pick(8);
  if (what == 0) {
    SL_TRY(g_one(w, SL_OP_abs, x, 0, NULL, &x, err));
    return g_one(w, positive[pick(3)], x, 0, NULL, out, err);
  }
  if (what == 1) {
    SL_TRY(g_one(w, SL_OP_tanh, x, 0, NULL, &x, err));
    return g_one(w, narrow[pick(6)], x, 0, NULL, out, err);
  }
  return g_one(w, ops[pick(sizeof ops / sizeof *ops)], x, 0, NULL, out, err);
}

static const sl_op grow_pairs[] = {
    SL_OP_add,     SL_OP_sub,     SL_OP_mul,   SL_OP_mulz, SL_OP_div,
    SL_OP_maximum, SL_OP_minimum, SL_OP_atan2, SL_OP_hypot, SL_OP_mod,
    SL_OP_floordiv};
enum { NPAIRS = sizeof grow_pairs / sizeof *grow_pairs };

static inline sl_status grow_binary(garden *w, sl_node x, const sl_type *t,
                                    sl_node *out, sl_err *err) {
  (void)t;
  return g_map2(w, grow_pairs[pick(NPAIRS)], x,
                any_of(w, (sl_dtype)w->g.node[x].dtype), out, err);
}

/* With the constants that rules know, signs, and scales by powers of two. */
static inline sl_status grow_constant(garden *w, sl_node x, const sl_type *t,
                                      sl_node *out, sl_err *err) {
  static const double value[] = {0.0, 1.0, -1.0, 2.0, 0.5, -0.25, 3.0, -0.0};
  static const sl_op ops[] = {SL_OP_add, SL_OP_sub, SL_OP_mul, SL_OP_mul,
                              SL_OP_mulz, SL_OP_mulz, SL_OP_div};
  sl_op op = ops[pick(7)];
  (void)t;
  return g_number(w, op, x, value[pick(8)], pick(2) && op != SL_OP_div, out,
                  err);
}

/* Negations among sums; a number times (a constant times x). */
static inline sl_status grow_rules(garden *w, sl_node x, const sl_type *t,
                                   sl_node *out, sl_err *err) {
  sl_dtype d = t->dtype;
  sl_node y = any_of(w, d), s, n;
  if (pick(2)) {
    SL_TRY(g_one(w, SL_OP_neg, pick(2) ? x : y, 0, NULL, &n, err));
    return pick(2) ? g_map2(w, pick(2) ? SL_OP_add : SL_OP_sub, n, y, out, err)
                   : g_map2(w, pick(2) ? SL_OP_add : SL_OP_sub, y, n, out,
                            err);
  }
  static const double scale[] = {2.0, 0.5, -1.0, 4.0, 3.0};
  SL_TRY(g_number(w, SL_OP_mul, x, scale[pick(5)], pick(2), &n, err));
  SL_TRY(sl_graph_slot(&w->g, 0.5, d, &s, err));
  sl_op op = pick(2) ? SL_OP_mul : SL_OP_mulz;
  return pick(2) ? g_map2(w, op, s, n, out, err) : g_map2(w, op, n, s, out, err);
}

static inline sl_status grow_where(garden *w, sl_node x, const sl_type *t,
                                   sl_node *out, sl_err *err) {
  static const sl_op tests[] = {SL_OP_lt, SL_OP_le, SL_OP_gt,
                                SL_OP_ge, SL_OP_eq, SL_OP_ne};
  static const sl_op logic[] = {SL_OP_land, SL_OP_lor, SL_OP_lxor};
  sl_node in[3], other;
  in[1] = any_of(w, t->dtype);
  SL_TRY(g_map2(w, tests[pick(6)], x, in[1], &in[0], err));
  if (pick(2)) {
    other = any_of(w, SL_U8);
    SL_TRY(g_map2(w, logic[pick(3)], in[0], other, &in[0], err));
  }
  if (pick(4) == 0) {
    SL_TRY(g_one(w, SL_OP_lnot, in[0], 0, NULL, &in[0], err));
  }
  in[2] = any_of(w, t->dtype);
  return g_map(w, SL_OP_where, 3, in, out, err);
}

static inline sl_status grow_cast(garden *w, sl_node x, const sl_type *t,
                                  sl_node *out, sl_err *err) {
  sl_int to = pick(3) == 0 ? SL_F32 : SL_F64;
  if (t->dtype != SL_U8 && pick(4) == 0) { /* floats to small integers */
    SL_TRY(g_one(w, SL_OP_isfinite, x, 0, NULL, out, err));
    return g_one(w, SL_OP_cast, *out, 1, &(sl_int){SL_I64}, out, err);
  }
  if (t->dtype == SL_U8 && pick(5) == 0) {
    to = SL_U8;
  }
  return g_one(w, SL_OP_cast, x, 1, &to, out, err);
}

static inline sl_status grow_powi(garden *w, sl_node x, const sl_type *t,
                                  sl_node *out, sl_err *err) {
  sl_int p = pick(7) - (t->dtype == SL_I64 ? 0 : 2);
  return g_one(w, SL_OP_powi, x, 1, &p, out, err);
}

/* ---- structure and reductions -------------------------------------------- */

static inline sl_status grow_structure(garden *w, sl_node x, const sl_type *t,
                                       sl_node *out, sl_err *err) {
  if (pick(8) == 0) {
    return g_one(w, SL_OP_stop, x, 0, NULL, out, err);
  }
  return structural(&w->g, x, t, out, err);
}

static inline sl_status grow_reduction(garden *w, sl_node x, const sl_type *t,
                                       sl_node *out, sl_err *err) {
  static const sl_op over[] = {SL_OP_sum, SL_OP_sum, SL_OP_sum, SL_OP_amax,
                               SL_OP_amin};
  static const sl_op along[] = {SL_OP_cumsum, SL_OP_softmax, SL_OP_logsumexp,
                                SL_OP_argmax, SL_OP_argmin};
  sl_int attr = pick(1 << t->ndim);
  if (pick(2)) {
    return g_one(w, over[pick(5)], x, 1, &attr, out, err);
  }
  attr = t->ndim > 0 ? pick(t->ndim) : 0;
  return g_one(w, along[pick(5)], x, 1, &attr, out, err);
}

/* x where i64 numbers, brought into range, say; perhaps scattered back. */
static inline sl_status grow_gather(garden *w, sl_node x, const sl_type *t,
                                    sl_node *out, sl_err *err) {
  sl_node idx = any_of(w, SL_I64);
  sl_int axis = t->ndim > 0 ? pick(t->ndim) : 0;
  if (t->ndim == 0 || t->shape[axis] == 0) {
    return SL_OK;
  }
  SL_TRY(g_number(w, SL_OP_mod, idx, (double)t->shape[axis], false, &idx,
                  err));
  sl_node in[2] = {x, idx};
  sl_int attr[2] = {axis, 0}, back[3] = {axis, t->shape[axis] + pick(2), 0};
  SL_TRY(sl_graph_add(&w->g, SL_OP_gather, 2, in, 2, attr, out, err));
  if (pick(2) || t->dtype == SL_U8 || !handy(w, *out)) {
    return SL_OK;
  }
  in[0] = *out;
  return sl_graph_add(&w->g, SL_OP_scatter, 2, in, 3, back, out, err);
}

/* The shape of gradients of slices of one vector of parameters. */
static inline sl_status grow_pieces(garden *w, sl_node x, const sl_type *t,
                                    sl_node *out, sl_err *err) {
  sl_int n = sl_numel(t), at = 0;
  sl_node part[6], flat;
  int count = 0;
  SL_TRY(g_one(w, SL_OP_reshape, x, 1, &n, &flat, err));
  while (at < n && count < 6) {
    sl_int len = count == 5 || pick(3) == 0 ? n - at : 1 + pick((int)(n - at));
    sl_int gap = pick(12) == 0; /* then no concat */
    const sl_int cut[3] = {at, 1, len}, place[3] = {at + gap, 1, n + gap};
    SL_TRY(g_one(w, SL_OP_slice, flat, 3, cut, &part[count], err));
    SL_TRY(g_one(w, pick(2) ? SL_OP_neg : SL_OP_abs, part[count], 0, NULL,
                 &part[count], err));
    SL_TRY(g_one(w, SL_OP_pad, part[count], 3, place, &part[count], err));
    at += len;
    count++;
  }
  for (; count > 1; count--) { /* in any order */
    int a = pick(count), b = pick(count);
    sl_node sum;
    b = a == b ? (b + 1) % count : b;
    SL_TRY(g_map2(w, SL_OP_add, part[a], part[b], &sum, err));
    part[a < b ? a : b] = sum;
    part[a < b ? b : a] = part[count - 1];
  }
  *out = count > 0 ? part[0] : flat;
  return SL_OK;
}

static inline sl_status grow_concat(garden *w, sl_node x, const sl_type *t,
                                    sl_node *out, sl_err *err) {
  sl_node in[3] = {x, any_of(w, t->dtype), any_of(w, t->dtype)};
  sl_int axis = t->ndim > 0 ? pick(t->ndim) : 0;
  return sl_graph_add(&w->g, SL_OP_concat, 1 + pick(3), in, 1, &axis, out,
                      err);
}

static inline sl_status grow_iota(garden *w, sl_node x, const sl_type *t,
                                  sl_node *out, sl_err *err) {
  sl_int n = t->ndim > 0 ? t->shape[t->ndim - 1] : 1 + pick(3), to = SL_F64;
  (void)x;
  SL_TRY(sl_graph_add(&w->g, SL_OP_iota, 0, NULL, 1, &n, out, err));
  return pick(2) ? SL_OK : g_one(w, SL_OP_cast, *out, 1, &to, out, err);
}

/* ---- products ------------------------------------------------------------ */

/* Numbers of few bits: their products are exact in any order. */
static inline sl_status few_bits(garden *w, sl_node *x, sl_err *err) {
  sl_node in[3], q;
  SL_TRY(g_number(w, SL_OP_minimum, *x, 8.0, false, &q, err));
  SL_TRY(g_number(w, SL_OP_maximum, q, -8.0, false, &q, err));
  SL_TRY(g_number(w, SL_OP_mul, q, 4.0, false, &q, err));
  SL_TRY(g_one(w, SL_OP_floor, q, 0, NULL, &in[1], err));
  SL_TRY(g_one(w, SL_OP_isfinite, q, 0, NULL, &in[0], err));
  SL_TRY(sl_graph_const(&w->g, 1.0, (sl_dtype)w->g.node[q].dtype, &in[2],
                        err));
  return g_map(w, SL_OP_where, 3, in, x, err);
}

static inline bool sl_is_matrix(const garden *w, sl_node x) {
  return w->g.node[x].ndim >= 2;
}

/* Of operands that fit, transposed by flag or by permute, the result too. */
static inline sl_status grow_matmul(garden *w, sl_node x, const sl_type *t,
                                    sl_node *out, sl_err *err) {
  sl_node in[2] = {x, pick(2) ? x : any_of(w, t->dtype)};
  sl_int flag[2] = {pick(2), pick(2)}, perm[SL_MAXDIM];
  bool exact = pick(3) > 0;
  if (!sl_is_matrix(w, in[0]) || !sl_is_matrix(w, in[1]) ||
      !sl_dtype_isfloat(t->dtype)) {
    return SL_OK;
  }
  for (int i = 0; i < 2; i++) {
    int nd = w->g.node[in[i]].ndim;
    for (int a = 0; a < nd; a++) {
      perm[a] = a < nd - 2 ? a : 2 * nd - 3 - a;
    }
    if (exact) {
      SL_TRY(few_bits(w, &in[i], err));
    }
    if (pick(2)) {
      SL_TRY(g_one(w, SL_OP_permute, in[i], nd, perm, &in[i], err));
    }
  }
  SL_TRY(sl_graph_add(&w->g, SL_OP_matmul, 2, in, 2, flag, out, err));
  if (exact) {
    w->plain[*out] = true;
    w->nplain++;
  }
  return pick(2) ? SL_OK
                 : g_one(w, SL_OP_permute, *out, w->g.node[*out].ndim, perm,
                         out, err);
}

static inline sl_status grow_solve(garden *w, sl_node x, const sl_type *t,
                                   sl_node *out, sl_err *err) {
  sl_int n = sl_numel(t), trans = pick(2);
  const sl_int cut[3] = {0, 1, 3}, column[2] = {3, 1};
  if (n < 3 || t->dtype != SL_F64) {
    return SL_OK;
  }
  SL_TRY(g_one(w, SL_OP_reshape, x, 1, &n, &x, err));
  SL_TRY(g_one(w, SL_OP_slice, x, 3, cut, &x, err));
  SL_TRY(g_one(w, SL_OP_tanh, x, 0, NULL, &x, err));
  SL_TRY(g_one(w, SL_OP_reshape, x, 2, column, &x, err));
  sl_node in[2] = {w->square, x};
  return sl_graph_add(&w->g, SL_OP_solve, 2, in, 1, &trans, out, err);
}

/* ---- gardens ------------------------------------------------------------- */

static inline sl_int side(int kind) {
  static const sl_int small[] = {1, 2, 3, 2, 1, 3};
  static const sl_int medium[] = {5, 7, 8, 1, 12, 0};
  return kind == 0 ? small[pick(6)] : medium[pick(pick(3) == 0 ? 6 : 5)];
}

/* kind 0: few elements (written out by elements), 1: some, 2: a long axis. */
static inline void choose_palette(garden *w, int kind) {
  static const sl_int longs[] = {200, 5000, 70000};
  int which = pick(3);
  sl_type base = {.dtype = SL_F64, .ndim = kind == 2 ? 2 : 1 + pick(3)};
  for (int a = 0; a < base.ndim; a++) {
    base.shape[a] = side(kind == 2 ? 0 : kind);
  }
  if (kind == 2) {
    base.shape[pick(2)] = longs[which];
  }
  w->most = kind == 0 ? 100 : kind == 1 ? 2000 : which == 2 ? 300000 : 40000;
  for (int k = 0; k < 4; k++) {
    w->palette[k] = base;
    for (int a = 0; k > 0 && a < base.ndim; a++) {
      w->palette[k].shape[a] = pick(3) == 0 ? 1 : base.shape[a];
    }
    if (k == 3) {
      w->palette[k].ndim = pick(2) ? 0 : base.ndim;
    }
  }
}

static inline void plant_leaf(garden *w, int k, bool capture) {
  sl_type t = w->palette[pick(2) ? 0 : k];
  sl_err err;
  sl_node n;
  t.dtype = k < 2 ? SL_F64 : pick(4) ? SL_F32 : SL_I64;
  if (k == 3) {
    t.dtype = pick(2) ? SL_I64 : SL_F64;
  }
  sl_tensor x = leaf_value(&t, pick(3), &w->l.block[2 * k + capture]);
  for (sl_int e = 0; t.dtype == SL_F64 && e < sl_numel(&t); e++) {
    if (pick(3) == 0) { /* both signs, and some that stay unchanged */
      sl_set(&x, e, pick(4) ? -sl_get(&x, e) : (double)(pick(5) - 2), 0);
    }
  }
  *(capture ? &w->l.capture[k] : &w->l.input[k]) = x;
  cr_assert_eq(capture ? sl_graph_capture(&w->g, &t, &n, &err)
                       : sl_graph_input(&w->g, &t, &n, &err), SL_OK);
}

/* Capture 2 is a matrix with a large diagonal. */
static inline void plant_square(garden *w) {
  sl_type t = type_of(SL_F64, 2, (sl_int[]){3, 3});
  sl_err err;
  sl_tensor x = leaf_value(&t, 0, &w->l.block[2 * 2 + 1]);
  for (int i = 0; i < 3; i++) {
    sl_set(&x, 4 * i, 6.0 + i, 0);
  }
  w->l.capture[2] = x;
  cr_assert_eq(sl_graph_capture(&w->g, &t, &w->square, &err), SL_OK);
}

static inline void grow_garden(garden *w, uint64_t seed, int kind, int nodes) {
  static grow_fn *const grows[] = {
      grow_unary,     grow_unary,     grow_binary, grow_binary, grow_constant,
      grow_constant,  grow_rules,     grow_where,  grow_cast,   grow_powi,
      grow_structure, grow_structure, grow_reduction, grow_reduction,
      grow_gather,    grow_pieces,    grow_concat, grow_iota,   grow_matmul,
      grow_solve};
  sl_err err;
  sl_node out;
  state = seed;
  *w = (garden){.nplain = 0};
  w->plain = calloc(20 * (size_t)nodes + 400, sizeof *w->plain);
  sl_graph_init(&w->g);
  choose_palette(w, kind);
  for (int k = 0; k < LEAVES; k++) {
    plant_leaf(w, k, false);
    if (k == 2) {
      plant_square(w);
    } else {
      plant_leaf(w, k, true);
    }
  }
  for (int k = 0; k < 2; k++) {
    w->l.slot[k] = 0.5 + k;
    cr_assert_eq(sl_graph_slot(&w->g, w->l.slot[k], SL_F64, &out, &err),
                 SL_OK);
  }
  for (int tries = 0; w->g.nnode < nodes && tries < 20 * nodes; tries++) {
    sl_type t;
    sl_node x = pick(3) ? w->g.nnode - 1 - pick(w->g.nnode / 2) : any_node(w);
    sl_node_type(&w->g, x, &t);
    if (sl_numel(&t) <= w->most) {
      sl_status s = grows[pick(sizeof grows / sizeof *grows)](w, x, &t, &out,
                                                              &err);
      cr_assert(s == SL_OK || s == SL_ESHAPE || s == SL_EDTYPE ||
                    s == SL_EINDEX || s == SL_EARG,
                "status %d: %s", (int)s, err.msg);
    }
  }
}

/* Results asked for, late nodes first. */
static inline int garden_outs(const garden *w, sl_node *outs) {
  int nout = random_outs(&w->g, outs);
  for (int k = 0; k < nout; k++) {
    outs[k] = handy(w, outs[k]) ? outs[k] : any_node(w);
  }
  return nout;
}

static inline void clear_garden(garden *w) {
  free_leaves(&w->l);
  sl_graph_free(&w->g);
  free(w->plain);
}

#endif
