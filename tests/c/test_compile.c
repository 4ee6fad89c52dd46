/* test_compile.c: compiled programs against the same graphs evaluated node by
** node: random graphs of all operations and their derivatives, bit by bit but
** for the sign of zeros; results that depend on products of full mantissas,
** whose sums BLAS orders by strides, within 1e-9 of the largest value on the
** way. Running allocates nothing and gives the same bits on 1 and 2 threads.
** MIT licence. */
#include "grow.h"

/* ---- reference ----------------------------------------------------------- */

enum { EXACT, ROUGH, WILD }; /* WILD: a step function of something rough */

typedef struct reference {
  unsigned char *mark, *kind;
  sl_tensor *value;
  sl_status status;
  double largest; /* finite magnitude among all values */
  sl_node top;
} reference;

static bool steps(int op) {
  switch (op) {
    case SL_OP_sign: case SL_OP_floor: case SL_OP_ceil: case SL_OP_round:
    case SL_OP_mod: case SL_OP_floordiv: case SL_OP_lt: case SL_OP_le:
    case SL_OP_gt: case SL_OP_ge: case SL_OP_eq: case SL_OP_ne:
    case SL_OP_isfinite: case SL_OP_isinf: case SL_OP_isnan:
    case SL_OP_argmax: case SL_OP_argmin: case SL_OP_mulz:
      return true;
    default:
      return false;
  }
}

static int kind_of(const garden *w, const reference *r, sl_node n, int plain) {
  const sl_gnode *node = &w->g.node[n];
  const sl_int *in = sl_node_in(&w->g, n);
  bool product = node->op == SL_OP_matmul || node->op == SL_OP_solve;
  int kind = product && !(n < plain && w->plain[n]) ? ROUGH : EXACT;
  for (int i = 0; i < node->nin; i++) {
    kind = r->kind[in[i]] > kind ? r->kind[in[i]] : kind;
  }
  for (int i = 0; i < node->nin; i++) {
    kind = steps(node->op) && r->kind[in[i]] == ROUGH ? WILD : kind;
  }
  return kind;
}

static void note_largest(reference *r, const sl_tensor *x) {
  if (sl_dtype_isfloat(x->type.dtype)) {
    for (sl_int k = 0; k < sl_numel(&x->type); k++) {
      double v = fabs(sl_get(x, k));
      r->largest = isfinite(v) && v > r->largest ? v : r->largest;
    }
  }
}

static sl_status value_of_node(const garden *w, const double *slots,
                               reference *r, sl_node n, sl_err *err) {
  const sl_gnode *node = &w->g.node[n];
  const sl_int *attr = sl_node_attr(&w->g, n);
  const sl_tensor *arg[SL_MAXIN];
  double v;
  switch (node->op) {
    case SL_OP_input:
      return sl_copy(&r->value[n], &w->l.input[attr[0]], err);
    case SL_OP_capture:
      return sl_copy(&r->value[n], &w->l.capture[attr[0]], err);
    case SL_OP_slot:
      set_scalar(&r->value[n], slots[attr[0]]);
      return SL_OK;
    case SL_OP_const:
      memcpy(&v, attr, sizeof v);
      set_scalar(&r->value[n], v);
      return SL_OK;
    default:
      break;
  }
  for (int i = 0; i < node->nin; i++) {
    arg[i] = &r->value[sl_node_in(&w->g, n)[i]];
  }
  return sl_op_eval((sl_op)node->op, &r->value[n], arg, node->nin, attr,
                    node->nattr, err);
}

/* The needed nodes of w, each in a buffer of its own. `plain`: nodes that were
** there when w->plain was filled. */
static reference refer(const garden *w, const double *slots, int nout,
                       const sl_node *outs, int plain) {
  size_t n = (size_t)w->g.nnode + 1;
  reference r = {.mark = calloc(2 * n, 1), .status = SL_OK,
                 .value = calloc(n, sizeof *r.value)};
  sl_err err;
  r.kind = r.mark + n;
  r.top = sl_graph_needed(&w->g, nout, outs, r.mark);
  for (sl_node k = 0; k < r.top; k++) {
    sl_type t;
    if (r.mark[k] && r.status == SL_OK) {
      sl_node_type(&w->g, k, &t);
      r.value[k] = fresh(&t);
      r.kind[k] = (unsigned char)kind_of(w, &r, k, plain);
      r.status = value_of_node(w, slots, &r, k, &err);
      note_largest(&r, &r.value[k]);
    }
  }
  return r;
}

static void forget(reference *r) {
  for (sl_node k = 0; k < r->top; k++) {
    sl_free(r->value[k].data);
  }
  free(r->mark);
  free(r->value);
}

/* The first element that differs by more than `tol`, or -1. Exactly: NaN is
** NaN, 0 is -0. */
static sl_int differs(const sl_tensor *a, const sl_tensor *b, double tol) {
  bool whole = !sl_dtype_isfloat(a->type.dtype);
  for (sl_int k = 0; k < sl_numel(&a->type); k++) {
    double u = sl_get(a, k), v = sl_get(b, k);
    bool same = whole ? sl_geti(a, k) == sl_geti(b, k)
                      : u == v || (isnan(u) && isnan(v)) ||
                            fabs(u - v) <= tol;
    if (!same) {
      return k;
    }
  }
  return -1;
}

/* ---- running ------------------------------------------------------------- */

typedef struct run {
  sl_tensor result[8];
  sl_tensor *out[8];
  int n;
} run;

static run fresh_run(const sl_graph *g, int nout, const sl_node *outs) {
  run r = {.n = nout};
  for (int k = 0; k < nout; k++) {
    sl_type t;
    sl_node_type(g, outs[k], &t);
    r.result[k] = fresh(&t);
  }
  return r;
}

static void free_run(run *r) {
  for (int k = 0; k < r->n; k++) {
    sl_free(r->result[k].data);
  }
}

static sl_status go(const garden *w, sl_program *p, const double *slots,
                    run *r, char *scratch, sl_err *err) {
  const sl_tensor *in[LEAVES], *cap[LEAVES];
  for (int k = 0; k < LEAVES; k++) {
    in[k] = &w->l.input[k];
    cap[k] = &w->l.capture[k];
  }
  for (int k = 0; k < r->n; k++) {
    r->out[k] = &r->result[k];
  }
  return sl_program_run(p, in, cap, slots, r->out, scratch, err);
}

static struct {
  int64_t exact, rough, wild, failed, alone, lanes;
} tally;

static void compare(const garden *w, const reference *want, const run *got,
                    const sl_node *outs, const sl_program *p) {
  for (int k = 0; k < got->n; k++) {
    int kind = want->kind[outs[k]];
    double eps = w->g.node[outs[k]].dtype == SL_F32 ? 1e-4 : 1e-9;
    double tol = kind == EXACT ? 0.0 : eps * (1 + want->largest);
    tally.exact += kind == EXACT;
    tally.rough += kind == ROUGH;
    tally.wild += kind == WILD;
    if (kind == WILD) {
      continue;
    }
    sl_int at = differs(&got->result[k], &want->value[outs[k]], tol);
    if (at >= 0) {
      static char plan[60000], text[60000];
      sl_program_text(plan, sizeof plan, p);
      sl_graph_text(text, sizeof text, &w->g, &outs[k], 1);
      cr_assert_fail("result %d (%%%d), element %lld: %.17g, node by node "
                     "%.17g\n%s\n%s", k, (int)outs[k], (long long)at,
                     sl_get(&got->result[k], at),
                     sl_get(&want->value[outs[k]], at), text, plan);
    }
  }
}

static void same_bits(const run *a, const run *b, const char *what) {
  for (int k = 0; k < a->n; k++) {
    const sl_type *t = &a->result[k].type;
    size_t bytes = (size_t)(sl_numel(t) * sl_dtype_size(t->dtype));
    cr_assert(memcmp(a->result[k].data, b->result[k].data, bytes) == 0,
              "result %d: other bits: %s", k, what);
  }
}

/* Runs again: on the other number of threads, then counting allocations. */
static void run_again(const garden *w, sl_program *p, const double *slots,
                      const run *first, const sl_node *outs, char *scratch) {
  sl_err err;
  run r = fresh_run(&w->g, first->n, outs);
  sl_threads_set(2, &err);
  cr_assert_eq(go(w, p, slots, &r, scratch, &err), SL_OK);
  same_bits(first, &r, "two threads");
  sl_threads_set(1, &err);
  cr_assert_eq(go(w, p, slots, &r, scratch, &err), SL_OK);
  int64_t before = sl_malloc_count();
  cr_assert_eq(go(w, p, slots, &r, scratch, &err), SL_OK);
  cr_assert_eq(sl_malloc_count(), before, "a run allocates");
  same_bits(first, &r, "a later run");
  free_run(&r);
}

static void check_program(const garden *w, int nout, const sl_node *outs,
                          int plain, const double *other) {
  sl_program *p;
  sl_err err = {.msg = ""};
  sl_threads_set(1, &err);
  cr_assert_eq(sl_program_make(&p, &w->g, nout, outs, &err), SL_OK, "%s",
               err.msg);
  sl_int bytes = sl_program_scratch(p);
  char *scratch = sl_malloc_aligned(bytes + 64);
  memset(scratch, 0xa5, (size_t)bytes + 64);
  for (int turn = 0; turn < 2; turn++) {
    const double *slots = turn == 0 || !other ? w->g.slot : other;
    reference want = refer(w, slots, nout, outs, plain);
    run r = fresh_run(&w->g, nout, outs);
    sl_status s = go(w, p, turn == 0 ? NULL : other, &r, scratch, &err);
    if (want.status != SL_OK) {
      cr_assert_eq(s, want.status, "%d node by node, %d compiled",
                   (int)want.status, (int)s);
      tally.failed++;
    } else {
      cr_assert_eq(s, SL_OK, "%s", err.msg);
      compare(w, &want, &r, outs, p);
      run_again(w, p, turn == 0 ? NULL : other, &r, outs, scratch);
    }
    forget(&want);
    free_run(&r);
  }
  for (sl_int k = 0; k < 64; k++) {
    cr_assert_eq((unsigned char)scratch[bytes + k], 0xa5, "scratch overrun");
  }
  tally.lanes += bytes == 0;
  tally.alone++;
  sl_free(scratch);
  sl_program_free(p);
}

/* ---- random values and derivatives --------------------------------------- */

static double *other_slots(const garden *w) {
  double *s = malloc(((size_t)w->g.nslot + 1) * sizeof *s);
  for (int k = 0; k < w->g.nslot; k++) {
    s[k] = 2.0 * w->g.slot[k] - 1.75;
  }
  return s;
}

static void random_values(uint64_t seed, int kind, int nodes) {
  garden w;
  sl_node outs[8];
  grow_garden(&w, seed, kind, nodes);
  int nout = garden_outs(&w, outs);
  double *other = other_slots(&w);
  check_program(&w, nout, outs, w.g.nnode, other);
  free(other);
  clear_garden(&w);
}

/* A number that depends on much: the sum of the last float nodes. */
static sl_node total_of(garden *w) {
  sl_err err;
  sl_node total = SL_NONE, s;
  int terms = 0;
  for (sl_node n = w->g.nnode - 1; n >= 0 && terms < 4; n--) {
    sl_type t;
    sl_node_type(&w->g, n, &t);
    if (t.dtype == SL_F64 && t.ndim > 0 && handy(w, n)) {
      sl_int all = ((sl_int)1 << t.ndim) - 1;
      s = add(&w->g, SL_OP_sum, 1, &n, 1, &all);
      cr_assert(total == SL_NONE ||
                sl_graph_map(&w->g, SL_OP_add, 2, (sl_node[]){total, s}, &s,
                             &err) == SL_OK);
      total = s;
      terms++;
    }
  }
  return total;
}

static void random_derivatives(uint64_t seed, int kind, int nodes) {
  garden w;
  sl_node x[2], dx[2], outs[4], one, y;
  sl_err err = {.msg = ""};
  grow_garden(&w, seed, kind, nodes);
  int plain = w.g.nnode, nout = 1;
  y = total_of(&w);
  for (sl_node n = 0, k = 0; n < plain && k < 2; n++) {
    if (w.g.node[n].op == SL_OP_input) { /* 0 and 1 are f64 */
      x[k] = n;
      dx[k++] = add1(&w.g, SL_OP_sin, n);
    }
  }
  cr_assert_eq(sl_graph_const(&w.g, 1.0, SL_F64, &one, &err), SL_OK);
  outs[0] = y;
  cr_assert_eq(sl_graph_vjp(&w.g, 2, x, 1, &y, &one, &outs[1], &err), SL_OK,
               "%s", err.msg);
  cr_assert_eq(sl_graph_jvp(&w.g, 2, x, dx, 1, &y, &outs[3], &err), SL_OK,
               "%s", err.msg);
  for (int k = 1; k < 4; k++) {
    if (outs[k] != SL_NONE) {
      outs[nout++] = outs[k];
    }
  }
  double *other = other_slots(&w);
  check_program(&w, nout, outs, plain, other);
  free(other);
  clear_garden(&w);
}

/* Most comparisons are exact ones, and both ways of running are met. */
static void report(void) {
  int64_t all = tally.exact + tally.rough + tally.wild;
  cr_assert_gt(tally.exact, all / 2, "%lld of %lld exact",
               (long long)tally.exact, (long long)all);
  if (getenv("SADDLE_TALLY")) {
    fprintf(stderr, "%lld exact, %lld rough, %lld wild, %lld of %lld failed, "
            "%lld without scratch\n", (long long)tally.exact,
            (long long)tally.rough, (long long)tally.wild,
            (long long)tally.failed, (long long)tally.alone,
            (long long)tally.lanes);
  }
}

Test(compile, random_values_of_few_elements) {
  for (uint64_t seed = 1; seed <= 3000; seed++) {
    random_values(seed, 0, 14 + (int)(seed % 40));
  }
  report();
}

Test(compile, random_values) {
  for (uint64_t seed = 1; seed <= 2000; seed++) {
    random_values(seed << 20, 1, 16 + (int)(seed % 60));
  }
  report();
}

Test(compile, random_values_of_long_axes) {
  for (uint64_t seed = 1; seed <= 120; seed++) {
    random_values(seed << 32, 2, 16 + (int)(seed % 30));
  }
  report();
}

Test(compile, random_derivatives) {
  for (uint64_t seed = 1; seed <= 1500; seed++) {
    random_derivatives(seed << 8 | 1, (int)(seed % 2), 14 + (int)(seed % 30));
  }
  report();
}

Test(compile, random_derivatives_of_long_axes) {
  for (uint64_t seed = 1; seed <= 40; seed++) {
    random_derivatives(seed << 40, 2, 14 + (int)(seed % 16));
  }
  report();
}

/* ---- one operation ------------------------------------------------------- */

/* A garden of the plain value x [2 x 3], y [2 x 3]; some nodes more make the
** program one that is written out by elements. */
static garden bed(sl_dtype d, sl_node *in, int more) {
  garden w = {.most = 100};
  sl_type t = type_of(d, 2, (sl_int[]){2, 3});
  sl_graph_init(&w.g);
  for (int k = 0; k < 2; k++) {
    w.l.input[k] = leaf_value(&t, 0, &w.l.block[2 * k]);
    in[k] = input(&w.g, d, 2, t.shape);
    for (int i = 0; i < more; i++) {
      in[k] = add1(&w.g, SL_OP_stop, in[k]);
    }
  }
  w.plain = calloc(200, sizeof *w.plain);
  return w;
}

static void draw_again(garden *w, double scale) {
  for (int k = 0; k < 2; k++) {
    for (sl_int e = 0; e < 6; e++) {
      sl_set(&w->l.input[k], e, scale * (2 * uniform() - 1), pick(9));
    }
  }
}

/* Other draws through one program; 0 scratch: it was written out. */
static void many_draws(garden *w, sl_node y, bool written_out) {
  sl_program *p;
  sl_err err;
  cr_assert_eq(sl_program_make(&p, &w->g, 1, &y, &err), SL_OK);
  cr_assert(!written_out || sl_program_scratch(p) == 0);
  char *scratch = sl_malloc_aligned(sl_program_scratch(p) + 64);
  for (int turn = 0; turn < 400; turn++) {
    draw_again(w, turn % 3 == 0 ? 0.9 : turn % 3 == 1 ? 4.0 : 40.0);
    reference want = refer(w, NULL, 1, &y, w->g.nnode);
    run r = fresh_run(&w->g, 1, &y);
    cr_assert_eq(go(w, p, NULL, &r, scratch, &err), want.status);
    if (want.status == SL_OK) {
      compare(w, &want, &r, &y, p);
    }
    forget(&want);
    free_run(&r);
  }
  sl_free(scratch);
  sl_program_free(p);
}

Test(compile, element_wise_rows_one_by_one) {
  for (int op = 0; op < SL_NOP; op++) {
    for (int more = 0; more <= 20 && sl_ops[op].cls == SL_MAP; more += 20) {
      sl_node in[3], y;
      sl_err err;
      garden w = bed(SL_F64, in, more);
      in[2] = in[1];
      if (op == SL_OP_where || op == SL_OP_lnot || op == SL_OP_land ||
          op == SL_OP_lor || op == SL_OP_lxor) {
        in[0] = add2(&w.g, SL_OP_lt, in[0], in[1]);
        in[1] = op == SL_OP_where ? in[1] : in[0];
      }
      cr_assert_eq(sl_graph_add(&w.g, (sl_op)op, sl_ops[op].arity, in, 0, NULL,
                                &y, &err), SL_OK);
      many_draws(&w, y, true);
      clear_garden(&w);
    }
  }
}

Test(compile, reducing_rows_one_by_one) {
  static const sl_op ops[] = {SL_OP_sum, SL_OP_amax, SL_OP_amin, SL_OP_cumsum,
                              SL_OP_softmax, SL_OP_logsumexp, SL_OP_powi};
  for (int k = 0; k < 7; k++) {
    for (sl_int attr = 0; attr < 4; attr++) {
      for (int more = 0; more <= 20; more += 20) {
        sl_node in[2];
        garden w = bed(SL_F64, in, more);
        sl_int axis = k < 3 || k == 6 ? attr : attr % 2;
        sl_node y = add(&w.g, ops[k], 1, &in[0], 1, &axis);
        many_draws(&w, y, more > 0);
        clear_garden(&w);
      }
    }
  }
}

/* A mask cast to each dtype. */
Test(compile, masks_as_numbers) {
  for (sl_int d = SL_U8; d <= SL_F64; d++) {
    sl_node in[2];
    garden w = bed(SL_F64, in, 20);
    sl_node y = add2(&w.g, SL_OP_lt, in[0], in[1]);
    y = add(&w.g, SL_OP_cast, 1, &y, 1, &d);
    many_draws(&w, y, d == SL_U8 || d == SL_F64);
    clear_garden(&w);
  }
}

/* Element-wise chains of `live` values at once and their reductions: lines
** shorter and longer than a block, leaves of more rows than a block holds, and
** chunks. */
static void reduced_chain(sl_type t, int live) {
  garden w = {.most = 1 << 20};
  sl_node x[3], y[8], outs[8];
  int n = 0;
  sl_graph_init(&w.g);
  for (int k = 0; k < 2; k++) {
    w.l.input[k] = leaf_value(&t, k == 1 ? 2 : 0, &w.l.block[2 * k]);
    x[k] = input(&w.g, t.dtype, t.ndim, t.shape);
  }
  w.plain = calloc(200, sizeof *w.plain);
  for (int k = 0; k < live; k++) {
    y[k] = add1(&w.g, k % 2 ? SL_OP_sin : SL_OP_neg, k ? y[k - 1] : x[0]);
    y[k] = add2(&w.g, SL_OP_sub, y[k], x[1]);
  }
  x[2] = y[0];
  for (int k = 1; k < live; k++) {
    x[2] = add2(&w.g, SL_OP_mul, x[2], y[k]);
  }
  for (sl_int mask = 1; mask < 1 << t.ndim && n < 7; mask++) {
    sl_op op = mask % 3 == 1 ? SL_OP_amax : SL_OP_sum;
    outs[n++] = add(&w.g, op, 1, &x[2], 1, &mask);
    outs[n++] = add(&w.g, SL_OP_sum, 1, &y[live - 1], 1, &mask);
  }
  check_program(&w, n, outs, w.g.nnode, NULL);
  clear_garden(&w);
}

Test(compile, chains_and_their_reductions) {
  static const sl_int shapes[][3] = {
      {130, 64, 0}, {1000, 40, 0}, {257, 17, 0},   {300, 129, 0}, {7, 33000, 0},
      {33000, 7, 0}, {64, 1, 0},   {2, 5000, 3},   {40, 3, 50},   {1, 70001, 0},
      {5, 7, 9},     {70001, 1, 0}, {129, 65, 0},  {4, 1024, 0},  {3, 1023, 2}};
  for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
    for (int live = 1; live <= 7; live = live * 2 + 1) {
      state = k + 100;
      sl_type t = type_of(k % 4 == 3 ? SL_F32 : SL_F64,
                          shapes[k][2] > 0 ? 3 : 2, shapes[k]);
      reduced_chain(t, live);
    }
  }
}
