/* test_graph.c: the graph below Lua: comparing, splicing, extracting, shape
** rules, printing; and every allocation made to fail in turn.
** MIT licence. */
#include "graphs.h"

#include <malloc.h>

/* ---- comparing, splicing, extracting ------------------------------------- */

static sl_node sample(sl_graph *g, double slot, sl_int power, bool swap) {
  sl_node c;
  sl_err err;
  sl_graph_init(g);
  sl_node x = input(g, SL_F64, 1, (sl_int[]){3});
  sl_node y = input(g, SL_F64, 1, (sl_int[]){3});
  cr_assert_eq(sl_graph_slot(g, slot, SL_F64, &c, &err), SL_OK);
  sl_node p = add(g, SL_OP_powi, 1, &x, ATTR(power));
  add1(g, SL_OP_sin, y); /* not needed by the result */
  sl_node in[2] = {c, p};
  sl_node m;
  cr_assert_eq(sl_graph_map(g, SL_OP_mul, 2, in, &m, &err), SL_OK);
  return swap ? add2(g, SL_OP_sub, y, m) : add2(g, SL_OP_sub, m, y);
}

Test(graph, same_sees_structure_attributes_and_slots) {
  sl_graph a, b;
  sl_node where;
  sl_node x = sample(&a, 2.0, 3, false);
  sl_node y = sample(&b, 2.0, 3, false);
  cr_assert(sl_graph_same(&a, &x, &b, &y, 1, true, &where));
  add1(&b, SL_OP_cos, 0); /* what the result does not need is not compared */
  cr_assert(sl_graph_same(&a, &x, &b, &y, 1, true, &where));
  sl_graph_free(&b);
  y = sample(&b, 2.5, 3, false);
  cr_assert(!sl_graph_same(&a, &x, &b, &y, 1, true, &where));
  cr_assert_eq(a.node[where].op, SL_OP_slot);
  cr_assert(sl_graph_same(&a, &x, &b, &y, 1, false, &where));
  sl_graph_free(&b);
  y = sample(&b, 2.0, 4, false);
  cr_assert(!sl_graph_same(&a, &x, &b, &y, 1, true, &where));
  cr_assert_eq(a.node[where].op, SL_OP_powi);
  sl_graph_free(&b);
  y = sample(&b, 2.0, 3, true);
  cr_assert(!sl_graph_same(&a, &x, &b, &y, 1, true, &where));
  sl_graph_free(&b);
  y = sample(&b, (double)NAN, 3, false);
  sl_graph_free(&a);
  x = sample(&a, (double)NAN, 3, false);
  cr_assert(sl_graph_same(&a, &x, &b, &y, 1, true, &where));
  sl_node two[2] = {x, SL_NONE};
  sl_node also[2] = {y, SL_NONE};
  cr_assert(sl_graph_same(&a, two, &b, also, 2, true, &where));
  also[1] = y;
  cr_assert(!sl_graph_same(&a, two, &b, also, 2, true, &where));
  sl_graph_free(&a);
  sl_graph_free(&b);
}

static uint64_t sample_hash(double slot, sl_int power, bool swap) {
  sl_graph g;
  sample(&g, slot, power, swap);
  uint64_t h = g.hash;
  sl_graph_free(&g);
  return h;
}

/* The hash of one input of the given type. */
static uint64_t input_hash(sl_dtype d, int ndim, const sl_int *shape) {
  sl_graph g;
  sl_graph_init(&g);
  input(&g, d, ndim, shape);
  uint64_t h = g.hash;
  sl_graph_free(&g);
  return h;
}

Test(graph, hash_sees_structure_and_types_but_no_slots) {
  const uint64_t h = sample_hash(2.0, 3, false);
  cr_assert_eq(h, sample_hash(2.0, 3, false));
  cr_assert_eq(h, sample_hash(-7.5, 3, false));
  cr_assert_neq(h, sample_hash(2.0, 4, false));
  cr_assert_neq(h, sample_hash(2.0, 3, true));
  const uint64_t a = input_hash(SL_F64, 2, (sl_int[]){3, 4});
  cr_assert_neq(a, input_hash(SL_F32, 2, (sl_int[]){3, 4}));
  cr_assert_neq(a, input_hash(SL_F64, 2, (sl_int[]){4, 3}));
  cr_assert_neq(a, input_hash(SL_F64, 1, (sl_int[]){3}));
}

/* Random graphs: made twice they agree; no two of many collide, though they
** differ by little; a failed node leaves no mark. */
Test(graph, hash_tells_random_graphs_apart) {
  enum { N = 300 };
  static uint64_t seen[N];
  for (uint64_t seed = 0; seed < N; seed++) {
    sl_graph g;
    leaves l;
    sl_err err;
    for (int again = 0; again < 2; again++) {
      state = seed + 1;
      random_graph(&g, &l, 40);
      cr_assert(again == 0 || g.hash == seen[seed]);
      seen[seed] = g.hash;
      sl_node bad;
      sl_int axis[1] = {9};
      cr_assert_neq(sl_graph_add(&g, SL_OP_argmax, 1, (sl_node[]){0}, 1, axis,
                                 &bad, &err), SL_OK);
      cr_assert_eq(g.hash, seen[seed]);
      sl_graph_free(&g);
      free_leaves(&l);
    }
    for (uint64_t k = 0; k < seed; k++) {
      cr_assert_neq(seen[k], seen[seed]);
    }
  }
}

/* A cleared graph is as a new one. */
Test(graph, clear_leaves_nothing) {
  sl_graph a, b;
  sl_node where;
  sample(&a, 9.0, 7, true);
  sl_graph_clear(&a);
  cr_assert_eq(a.nnode + a.ninput + a.ncapture + a.nslot, 0);
  sl_graph_init(&b);
  sl_node x = add1(&a, SL_OP_tanh, input(&a, SL_F64, 1, (sl_int[]){3}));
  sl_node y = add1(&b, SL_OP_tanh, input(&b, SL_F64, 1, (sl_int[]){3}));
  cr_assert_eq(x, y);
  cr_assert(sl_graph_same(&a, &x, &b, &y, 1, true, &where));
  cr_assert_eq(a.hash, b.hash);
  sl_graph_free(&a);
  sl_graph_free(&b);
}

/* The short way to x[i] gives the nodes of the long one. */
Test(graph, at_is_a_slice_and_a_reshape) {
  const sl_int shape[3] = {5, 4, 3};
  for (int ndim = 1; ndim <= 3; ndim++) {
    sl_graph a, b;
    sl_node y, where;
    sl_err err;
    sl_graph_init(&a);
    sl_graph_init(&b);
    sl_node x = input(&a, SL_F32, ndim, shape);
    input(&b, SL_F32, ndim, shape);
    cr_assert_eq(sl_graph_at(&a, x, 2, &y, &err), SL_OK);
    const sl_int attr[9] = {2, 1, 1, 0, 1, 4, 0, 1, 3};
    sl_node s = add(&b, SL_OP_slice, 1, &x, 3 * ndim, attr);
    sl_node r = add(&b, SL_OP_reshape, 1, &s, ndim - 1, shape + 1);
    cr_assert(sl_graph_same(&a, &y, &b, &r, 1, true, &where));
    cr_assert_eq(a.hash, b.hash);
    sl_graph_free(&a);
    sl_graph_free(&b);
  }
}

Test(graph, extract_keeps_numbers_of_leaves) {
  for (uint64_t seed = 1; seed <= 300; seed++) {
    sl_graph g, part;
    leaves l;
    sl_node outs[8], dst[8], where;
    sl_tensor value[MAX_NODES];
    sl_tensor other[MAX_NODES];
    sl_err err;
    state = seed;
    random_graph(&g, &l, 40);
    int nout = random_outs(&g, outs);
    cr_assert_eq(sl_graph_extract(&part, &g, nout, outs, dst, &err), SL_OK);
    cr_assert(sl_graph_same(&g, outs, &part, dst, nout, true, &where));
    cr_assert_leq(part.nnode, g.nnode);
    cr_assert_eq(part.ninput, g.ninput);
    evaluate(&g, l.input, l.capture, NULL, value);
    evaluate(&part, l.input, l.capture, NULL, other);
    for (int k = 0; k < nout; k++) {
      cr_assert(close_to(&other[dst[k]], &value[outs[k]]));
    }
    for (sl_node n = 0; n < g.nnode; n++) {
      sl_free(value[n].data);
    }
    for (sl_node n = 0; n < part.nnode; n++) {
      sl_free(other[n].data);
    }
    free_leaves(&l);
    sl_graph_free(&part);
    sl_graph_free(&g);
  }
}

Test(graph, splice_puts_nodes_for_inputs_and_captures) {
  sl_graph g, to;
  sl_node where, c, out[2];
  sl_err err;
  sl_type t = type_of(SL_F64, 1, (sl_int[]){3});
  sl_graph_init(&g);
  sl_node x = input(&g, SL_F64, 1, (sl_int[]){3});
  cr_assert_eq(sl_graph_capture(&g, &t, &c, &err), SL_OK);
  sl_node s = add2(&g, SL_OP_mul, add1(&g, SL_OP_sin, x), c);
  sl_graph_init(&to);
  sl_node u = input(&to, SL_F64, 1, (sl_int[]){3});
  sl_node v = add1(&to, SL_OP_exp, u);
  sl_node outs[2] = {s, SL_NONE};
  to.line = 7;
  cr_assert_eq(sl_graph_splice(&to, &g, &v, &u, 2, outs, out, &err), SL_OK);
  cr_assert_eq(out[1], SL_NONE);
  cr_assert_eq(to.line, 7, "the line of the trace going on is kept");
  sl_graph want;
  sl_graph_init(&want);
  sl_node a = input(&want, SL_F64, 1, (sl_int[]){3});
  sl_node e = add1(&want, SL_OP_exp, a);
  sl_node m = add2(&want, SL_OP_mul, add1(&want, SL_OP_sin, e), a);
  cr_assert(sl_graph_same(&to, out, &want, &m, 1, true, &where));
  sl_graph_free(&g);
  sl_graph_free(&to);
  sl_graph_free(&want);
  sl_graph_free(&want); /* idempotent */
}

/* ---- messages and printing ----------------------------------------------- */

Test(graph, shape_rules_refuse_and_name_shapes) {
  sl_graph g;
  sl_node n;
  sl_err err;
  sl_graph_init(&g);
  sl_node a = input(&g, SL_F64, 2, (sl_int[]){3, 4});
  sl_node b = input(&g, SL_F64, 2, (sl_int[]){3, 5});
  sl_node f = input(&g, SL_F32, 2, (sl_int[]){3, 4});
  sl_node ab[2] = {a, b};
  sl_node af[2] = {a, f};
  int before = g.nnode;
  cr_assert_eq(sl_graph_add(&g, SL_OP_matmul, 2, ab, ATTR(0, 0), &n, &err),
               SL_ESHAPE);
  cr_assert(strstr(err.msg, "a is [3 x 4] f64, b is [3 x 5] f64"));
  cr_assert_eq(sl_graph_map(&g, SL_OP_add, 2, ab, &n, &err), SL_ESHAPE);
  cr_assert(strstr(err.msg, "[3 x 4]") && strstr(err.msg, "[3 x 5]"));
  cr_assert_eq(sl_graph_map(&g, SL_OP_add, 2, af, &n, &err), SL_EDTYPE);
  cr_assert(strstr(err.msg, "f32"));
  cr_assert_eq(sl_graph_add(&g, SL_OP_reshape, 1, ab, ATTR(5, 2), &n, &err),
               SL_ESHAPE);
  cr_assert_eq(sl_graph_add(&g, SL_OP_permute, 1, ab, ATTR(0, 0), &n, &err),
               SL_EARG);
  cr_assert_eq(sl_graph_add(&g, SL_OP_softmax, 1, ab, ATTR(2), &n, &err),
               SL_EINDEX);
  cr_assert_eq(sl_graph_add(&g, SL_OP_slice, 1, ab, ATTR(0, 1, 3, 3, 1, 2),
                            &n, &err), SL_EINDEX);
  cr_assert_eq(sl_graph_add(&g, SL_OP_sin, 2, ab, 0, NULL, &n, &err),
               SL_EARG);
  cr_assert_eq(sl_graph_add(&g, SL_OP_concat, 0, ab, ATTR(0), &n, &err),
               SL_EARG);
  sl_node many[SL_MAXIN + 1];
  for (int k = 0; k <= SL_MAXIN; k++) {
    many[k] = a;
  }
  cr_assert_eq(sl_graph_add(&g, SL_OP_concat, SL_MAXIN + 1, many, ATTR(0), &n,
                            &err), SL_EARG);
  cr_assert_eq(g.nnode, before, "nothing was added");
  sl_graph_free(&g);
}

Test(graph, prints_needed_nodes_into_any_buffer) {
  sl_graph g;
  sl_node y = sample(&g, 2.0, 3, false);
  char text[512];
  sl_int n = sl_graph_text(text, sizeof text, &g, &y, 1);
  cr_assert_str_eq(text,
                   "%0: [3] f64 = input 1\n"
                   "%1: [3] f64 = input 2\n"
                   "%2: [] f64 = slot 2\n"
                   "%3: [3] f64 = powi %0 3\n"
                   "%5: [3] f64 = broadcast %2\n"
                   "%6: [3] f64 = mul %5 %3\n"
                   "%7: [3] f64 = sub %6 %1\n"
                   "return %7\n");
  cr_assert_eq(n, (sl_int)strlen(text));
  cr_assert_eq(sl_graph_text(NULL, 0, &g, &y, 1), n);
  for (sl_int room = 1; room <= n; room++) {
    char *part = malloc((size_t)room);
    cr_assert_eq(sl_graph_text(part, room, &g, &y, 1), n);
    cr_assert(strncmp(part, text, (size_t)room - 1) == 0);
    cr_assert_eq(part[room - 1], 0);
    free(part);
  }
  sl_program *p;
  sl_err err;
  cr_assert_eq(sl_program_make(&p, &g, 1, &y, &err), SL_OK);
  n = sl_program_text(NULL, 0, p);
  for (sl_int room = 1; room <= n + 1; room++) {
    char *part = malloc((size_t)room);
    cr_assert_eq(sl_program_text(part, room, p), n);
    cr_assert_eq((sl_int)strlen(part), room - 1);
    free(part);
  }
  cr_assert(sl_program_uses_input(p, 0) && sl_program_uses_input(p, 1));
  cr_assert(!sl_program_uses_input(p, 2) && !sl_program_uses_capture(p, 0));
  sl_program_free(p);
  sl_program_free(NULL);
  sl_graph_free(&g);
}

/* ---- out of memory ------------------------------------------------------- */

/* Build, differentiate both ways, batch, splice, extract, compile. */
static sl_status whole_life(sl_graph *g, sl_graph *to, sl_graph *part,
                            sl_program **p, sl_err *err) {
  sl_type t = type_of(SL_F64, 2, (sl_int[]){3, 3});
  sl_type wide = type_of(SL_F64, 3, (sl_int[]){2, 3, 3});
  sl_node x, bx, c, y, one, cx, dx, dy, by, out;
  sl_int both = 3;
  bool flag;
  SL_TRY(sl_graph_input(g, &t, &x, err));
  SL_TRY(sl_graph_input(g, &wide, &bx, err));
  SL_TRY(sl_graph_capture(g, &t, &c, err));
  SL_TRY(sl_graph_slot(g, 2.0, SL_F64, &one, err));
  y = x;
  for (int k = 0; k < 12; k++) {
    sl_node in[2] = {y, k % 2 ? c : x};
    SL_TRY(sl_graph_add(g, SL_OP_matmul, 2, in, ATTR(0, 1), &y, err));
    sl_node with[2] = {y, one};
    SL_TRY(sl_graph_map(g, SL_OP_mul, 2, with, &y, err));
    SL_TRY(sl_graph_map(g, SL_OP_tanh, 1, &y, &y, err));
  }
  SL_TRY(sl_graph_add(g, SL_OP_sum, 1, &y, 1, &both, &y, err));
  SL_TRY(sl_graph_const(g, 1.0, SL_F64, &one, err));
  SL_TRY(sl_graph_vjp(g, 1, &x, 1, &y, &one, &cx, err));
  SL_TRY(sl_graph_capture(g, &t, &dx, err));
  SL_TRY(sl_graph_jvp(g, 1, &x, &dx, 1, &cx, &dy, err));
  SL_TRY(sl_graph_batch(g, 2, 1, &x, &bx, 1, &dy, &by, &flag, err));
  sl_node inputs[2], captures[2];
  SL_TRY(sl_graph_input(to, &t, &inputs[0], err));
  SL_TRY(sl_graph_input(to, &wide, &inputs[1], err));
  captures[0] = captures[1] = inputs[0];
  SL_TRY(sl_graph_splice(to, g, inputs, captures, 1, &by, &out, err));
  sl_node kept;
  SL_TRY(sl_graph_extract(part, to, 1, &out, &kept, err));
  return sl_program_make(p, part, 1, &kept, err);
}

static sl_int in_use(void) { return (sl_int)mallinfo2().uordblks; }

static sl_status fail_at(int k, sl_err *err) {
  sl_graph g, to, part;
  sl_program *p = NULL;
  sl_graph_init(&g);
  sl_graph_init(&to);
  sl_graph_init(&part);
  sl_malloc_fail_at(k);
  sl_status s = whole_life(&g, &to, &part, &p, err);
  sl_malloc_fail_at(0);
  cr_assert_eq(p != NULL, s == SL_OK);
  sl_program_free(p);
  sl_graph_free(&g);
  sl_graph_free(&to);
  sl_graph_free(&part);
  return s;
}

/* The least number of bytes in use over ten more failures at k. malloc's own
** caches make the number swing from turn to turn; only a leak lifts the least. */
static sl_int least_in_use(int k, sl_status *s, sl_err *err) {
  sl_int least = INT64_MAX;
  for (int turn = 0; turn < 10; turn++) {
    *s = fail_at(k, err);
    sl_int now = in_use();
    least = now < least ? now : least;
  }
  return least;
}

/* Each failure is met thirty times: the first ten fill malloc's caches. */
Test(graph, every_allocation_may_fail) {
  sl_status s = SL_ENOMEM;
  int k = 1;
  for (; s != SL_OK; k++) {
    sl_err err = {.msg = ""};
    least_in_use(k, &s, &err);
    sl_int before = least_in_use(k, &s, &err);
    sl_int after = least_in_use(k, &s, &err);
    cr_assert(s == SL_OK || s == SL_ENOMEM, "k %d: %s", k, err.msg);
    cr_assert(s == SL_OK || strstr(err.msg, "no memory"), "%s", err.msg);
    cr_assert_leq(after, before, "k %d: bytes were kept", k);
    cr_assert_lt(k, 1000);
  }
  cr_assert_gt(k, 20, "only %d allocations", k);
}

/* Refused nodes leave the graph as it was, also when memory is short. */
Test(graph, a_failed_node_is_not_there) {
  for (int k = 1; k <= 2; k++) {
    sl_graph g;
    sl_node n, y;
    sl_err err;
    sl_graph_init(&g);
    sl_node x = input(&g, SL_F64, 1, (sl_int[]){3});
    while (g.nnode < 64) {
      add1(&g, SL_OP_neg, x);
    }
    sl_malloc_fail_at(k);
    sl_status s = sl_graph_add(&g, SL_OP_neg, 1, &x, 0, NULL, &n, &err);
    sl_malloc_fail_at(0);
    cr_assert(s == SL_OK || (s == SL_ENOMEM && g.nnode == 64));
    y = add1(&g, SL_OP_sin, x);
    sl_type t;
    sl_node_type(&g, y, &t);
    cr_assert_eq(t.shape[0], 3);
    cr_assert_eq(sl_node_in(&g, y)[0], x);
    sl_graph_free(&g);
  }
}
