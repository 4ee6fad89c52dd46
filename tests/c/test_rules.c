/* test_rules.c: each rule of algebra.c and simplify.c by itself: the graph
** that is left, and its values, among them 0, infinities and NaN, against those
** of the graph as it was. Cases in which a rule must not apply stand beside it.
** MIT licence. */
#include "graphs.h"

/* ---- a graph of two vectors and a matrix --------------------------------- */

static sl_graph g;
static sl_node x, y, a, s; /* [4], [4], [2 x 4], the number 3 */

static const double xs[4] = {1.5, -0.0, (double)INFINITY, -7.25};
static const double ys[4] = {-2.0, 3.0, (double)NAN, 0.0};
static const double as[8] = {1, 2, 3, 4, -5, 6, 0, -0.5};

static void begin(void) {
  sl_err err;
  sl_graph_init(&g);
  x = input(&g, SL_F64, 1, (sl_int[]){4});
  y = input(&g, SL_F64, 1, (sl_int[]){4});
  a = input(&g, SL_F64, 2, (sl_int[]){2, 4});
  cr_assert_eq(sl_graph_slot(&g, 3.0, SL_F64, &s, &err), SL_OK);
}

static sl_node map2(sl_op op, sl_node u, sl_node v) {
  sl_node in[2] = {u, v}, out;
  sl_err err = {.msg = ""};
  cr_assert_eq(sl_graph_map(&g, op, 2, in, &out, &err), SL_OK, "%s", err.msg);
  return out;
}

static sl_node number(double v) {
  sl_node n;
  sl_err err;
  cr_assert_eq(sl_graph_const(&g, v, SL_F64, &n, &err), SL_OK);
  return n;
}

static sl_node with(sl_op op, sl_node u, int nattr, const sl_int *attr) {
  return add(&g, op, 1, &u, nattr, attr);
}

static sl_node negated(sl_node n) { return add1(&g, SL_OP_neg, n); }

static sl_node product(sl_node u, sl_node v, sl_int tu, sl_int tv) {
  sl_node in[2] = {u, v};
  const sl_int flag[2] = {tu, tv};
  return add(&g, SL_OP_matmul, 2, in, 2, flag);
}

static sl_node turned(sl_node n) {
  return with(SL_OP_permute, n, ATTR(1, 0));
}

/* ---- what must be left --------------------------------------------------- */

static void same_values(const sl_graph *to, sl_node dst, sl_node out,
                        const char *what) {
  sl_type v = type_of(SL_F64, 1, (sl_int[]){4});
  sl_type m = type_of(SL_F64, 2, (sl_int[]){2, 4});
  sl_tensor in[3], want[64], got[64];
  sl_tensor_init(&in[0], &v, (void *)(uintptr_t)xs);
  sl_tensor_init(&in[1], &v, (void *)(uintptr_t)ys);
  sl_tensor_init(&in[2], &m, (void *)(uintptr_t)as);
  cr_assert_lt(g.nnode, 64);
  evaluate(&g, in, NULL, NULL, want);
  evaluate(to, in, NULL, NULL, got);
  cr_assert(sl_type_eq(&want[out].type, &got[dst].type), "%s: type", what);
  for (sl_int k = 0; k < sl_numel(&want[out].type); k++) {
    double u = sl_get(&want[out], k), w = sl_get(&got[dst], k);
    cr_assert(u == w || (isnan(u) && isnan(w)), "%s: element %d is %g, not %g",
              what, (int)k, w, u);
  }
  for (sl_node n = 0; n < g.nnode; n++) {
    sl_free(want[n].data);
  }
  for (sl_node n = 0; n < to->nnode; n++) {
    sl_free(got[n].data);
  }
}

/* One node: "input 1", "slot", "const 2", "pad %0 3 -1 4" with raw attributes. */
static void describe(char *text, size_t room, const sl_graph *to, sl_node n) {
  const sl_gnode *node = &to->node[n];
  size_t at = (size_t)snprintf(text, room, "%s", sl_ops[node->op].name);
  double value;
  for (int i = 0; i < node->nin; i++) {
    at += (size_t)snprintf(text + at, room - at, " %%%d",
                           (int)sl_node_in(to, n)[i]);
  }
  memcpy(&value, sl_node_attr(to, n), node->nattr > 0 ? sizeof value : 0);
  if (node->op == SL_OP_const) {
    snprintf(text + at, room - at, " %g", value);
  } else if (node->op == SL_OP_input) {
    snprintf(text + at, room - at, " %d", (int)sl_node_attr(to, n)[0] + 1);
  } else if (node->op != SL_OP_slot) {
    for (int i = 0; i < node->nattr; i++) {
      at += (size_t)snprintf(text + at, room - at, " %lld",
                             (long long)sl_node_attr(to, n)[i]);
    }
  }
}

/* The simplified graph of out, as its nodes in order: "input 1; neg %0". */
static void leaves_graph(sl_node out, const char *want) {
  sl_graph to;
  sl_node dst;
  sl_err err = {.msg = ""};
  char text[200], left[4000] = "";
  cr_assert_eq(sl_graph_simplify(&to, &g, 1, &out, &dst, &err), SL_OK, "%s",
               err.msg);
  for (sl_node n = 0; n < to.nnode; n++) {
    describe(text, sizeof text, &to, n);
    strcat(left, n > 0 ? "; " : "");
    strcat(left, text);
  }
  cr_assert_str_eq(left, want, "%s, expected %s", left, want);
  same_values(&to, dst, out, want);
  sl_graph_free(&to);
  sl_graph_free(&g);
}

#define RULE(out, want)      \
  do {                       \
    begin();                 \
    leaves_graph(out, want); \
  } while (0)

#define X "input 1"
#define XY "input 1; input 2"

/* ---- algebra.c ----------------------------------------------------------- */

Test(rules, units) {
  RULE(map2(SL_OP_add, number(0), x), X);
  RULE(map2(SL_OP_add, x, number(-0.0)), X);
  RULE(map2(SL_OP_sub, x, number(0)), X);
  RULE(map2(SL_OP_mul, number(1), x), X);
  RULE(map2(SL_OP_mul, x, number(1)), X);
  RULE(map2(SL_OP_mulz, number(1), x), X);
  RULE(map2(SL_OP_mulz, x, number(1)), X);
  RULE(map2(SL_OP_div, x, number(1)), X);
  RULE(map2(SL_OP_mulz, number(0), x), "const 0; broadcast %0 4");
}

Test(rules, units_that_are_none) {
  RULE(map2(SL_OP_sub, number(0), x),
       X "; const 0; broadcast %1 4; sub %2 %0");
  RULE(map2(SL_OP_div, number(1), x),
       X "; const 1; broadcast %1 4; div %2 %0");
  RULE(map2(SL_OP_mul, number(0), x),
       X "; const 0; broadcast %1 4; mul %2 %0");
  RULE(map2(SL_OP_mul, x, number(0)),
       X "; const 0; broadcast %1 4; mul %0 %2");
  RULE(map2(SL_OP_add, x, number(1)),
       X "; const 1; broadcast %1 4; add %0 %2");
  RULE(map2(SL_OP_maximum, x, number(0)),
       X "; const 0; broadcast %1 4; maximum %0 %2");
}

Test(rules, signs) {
  RULE(negated(negated(x)), X);
  RULE(negated(negated(negated(x))), X "; neg %0");
  RULE(map2(SL_OP_add, x, negated(y)), XY "; sub %0 %1");
  RULE(map2(SL_OP_add, negated(x), y), XY "; sub %1 %0");
  RULE(map2(SL_OP_sub, x, negated(y)), XY "; add %0 %1");
  RULE(map2(SL_OP_sub, negated(x), y), XY "; neg %0; sub %2 %1");
  RULE(map2(SL_OP_sub, negated(x), negated(y)), XY "; sub %1 %0");
  RULE(map2(SL_OP_mul, negated(x), y), XY "; neg %0; mul %2 %1");
}

/* 0 times infinity is 0 in the strong product, NaN in the plain one. */
Test(rules, strong_products) {
  RULE(map2(SL_OP_mulz, number(3), x),
       X "; const 3; broadcast %1 4; mul %2 %0");
  RULE(map2(SL_OP_mulz, x, number(3)),
       X "; const 3; broadcast %1 4; mul %0 %2");
  RULE(map2(SL_OP_mulz, x, number(0)),
       X "; const 0; broadcast %1 4; mul %0 %2");
  RULE(map2(SL_OP_mulz, number((double)INFINITY), y),
       "input 2; const inf; broadcast %1 4; mul %2 %0");
  RULE(map2(SL_OP_mulz, x, number((double)INFINITY)),
       X "; const inf; broadcast %1 4; mulz %0 %2");
  RULE(map2(SL_OP_mulz, x, number((double)NAN)),
       X "; const nan; broadcast %1 4; mulz %0 %2");
  RULE(map2(SL_OP_mulz, x, y), XY "; mulz %0 %1");
}

/* A number times c x, c = 2^k: c goes to the number. */
Test(rules, scales) {
  RULE(map2(SL_OP_mul, s, map2(SL_OP_mul, number(2), x)),
       X "; slot; const 2; mul %1 %2; broadcast %3 4; mul %4 %0");
  RULE(map2(SL_OP_mul, s, map2(SL_OP_mul, x, number(-0.5))),
       X "; slot; const -0.5; mul %1 %2; broadcast %3 4; mul %4 %0");
  RULE(map2(SL_OP_mul, map2(SL_OP_mul, number(2), x), s),
       X "; slot; const 2; mul %1 %2; broadcast %3 4; mul %0 %4");
  RULE(map2(SL_OP_mulz, s, map2(SL_OP_mul, number(2), y)),
       "input 2; slot; const 2; mul %1 %2; broadcast %3 4; mulz %4 %0");
  RULE(map2(SL_OP_mulz, map2(SL_OP_mul, number(2), x), s),
       X "; slot; const 2; mul %1 %2; broadcast %3 4; mulz %0 %4");
  RULE(map2(SL_OP_mul, s, map2(SL_OP_mul, number(3), x)),
       X "; slot; const 3; broadcast %2 4; mul %3 %0; broadcast %1 4; "
       "mul %5 %4");
  RULE(map2(SL_OP_mul, y, map2(SL_OP_mul, number(2), x)),
       XY "; const 2; broadcast %2 4; mul %3 %0; mul %1 %4");
  RULE(map2(SL_OP_div, s, map2(SL_OP_mul, number(2), x)),
       X "; slot; const 2; broadcast %2 4; mul %3 %0; broadcast %1 4; "
       "div %5 %4");
  RULE(map2(SL_OP_add, s, map2(SL_OP_mul, number(2), x)),
       X "; slot; const 2; broadcast %2 4; mul %3 %0; broadcast %1 4; "
       "add %5 %4");
}

/* ---- simplify.c: values -------------------------------------------------- */

Test(rules, constants_are_folded) {
  RULE(map2(SL_OP_sub, number(0.1), number(0.7)), "const -0.6");
  RULE(add1(&g, SL_OP_exp, with(SL_OP_broadcast, number(0), ATTR(3))),
       "const 1; broadcast %0 3");
  RULE(map2(SL_OP_div, number(1), number(0)), "const inf");
  RULE(map2(SL_OP_pow, number(2), with(SL_OP_broadcast, number(10), ATTR(2))),
       "const 1024; broadcast %0 2");
}

Test(rules, numbers_repeated_are_worked_on_once) {
  RULE(add1(&g, SL_OP_sin, with(SL_OP_broadcast, s, ATTR(4))),
       "slot; sin %0; broadcast %1 4");
  RULE(map2(SL_OP_sub, with(SL_OP_broadcast, x, ATTR(2, 4)),
            with(SL_OP_broadcast, y, ATTR(2, 4))),
       XY "; sub %0 %1; broadcast %2 2 4");
  RULE(map2(SL_OP_lt, with(SL_OP_broadcast, x, ATTR(2, 4)),
            with(SL_OP_broadcast, y, ATTR(2, 4))),
       XY "; lt %0 %1; broadcast %2 2 4");
  begin(); /* of other shapes: not */
  sl_node column = with(SL_OP_sum, a, ATTR(2));
  column = with(SL_OP_reshape, column, ATTR(2, 1));
  leaves_graph(map2(SL_OP_sub, with(SL_OP_broadcast, x, ATTR(2, 4)), column),
               X "; input 3; sum %1 2; reshape %2 2 1; broadcast %0 2 4; "
                 "broadcast %3 2 4; sub %4 %5");
}

Test(rules, equal_nodes_are_one) {
  RULE(map2(SL_OP_mul, add1(&g, SL_OP_tanh, x), add1(&g, SL_OP_tanh, x)),
       X "; tanh %0; mul %1 %1");
  begin();
  sl_node p = with(SL_OP_powi, x, ATTR(2));
  leaves_graph(map2(SL_OP_mul, p, with(SL_OP_powi, x, ATTR(3))),
               X "; powi %0 2; powi %0 3; mul %1 %2");
  begin();
  p = map2(SL_OP_sub, x, y);
  leaves_graph(map2(SL_OP_mul, p, map2(SL_OP_sub, y, x)),
               XY "; sub %0 %1; sub %1 %0; mul %2 %3");
  begin(); /* numbers are told apart by number, not by value */
  sl_node again;
  sl_err err;
  cr_assert_eq(sl_graph_slot(&g, 3.0, SL_F64, &again, &err), SL_OK);
  leaves_graph(map2(SL_OP_sub, s, again), "slot; slot; sub %0 %1");
}

/* ---- simplify.c: structure ----------------------------------------------- */

Test(rules, what_changes_nothing_goes) {
  RULE(add1(&g, SL_OP_stop, x), X);
  RULE(with(SL_OP_cast, x, ATTR(SL_F64)), X);
  RULE(with(SL_OP_cast, x, ATTR(SL_F32)), X "; cast %0 2");
  RULE(with(SL_OP_reshape, x, ATTR(4)), X);
  RULE(with(SL_OP_broadcast, x, ATTR(4)), X);
  RULE(with(SL_OP_permute, a, ATTR(0, 1)), "input 3");
  RULE(with(SL_OP_slice, a, ATTR(0, 1, 2, 0, 1, 4)), "input 3");
  RULE(with(SL_OP_pad, a, ATTR(0, 1, 2, 0, 1, 4)), "input 3");
  RULE(with(SL_OP_slice, x, ATTR(3, -1, 4)), X "; slice %0 3 -1 4");
  RULE(with(SL_OP_slice, x, ATTR(0, 1, 3)), X "; slice %0 0 1 3");
  RULE(with(SL_OP_pad, x, ATTR(3, -1, 4)), X "; pad %0 3 -1 4");
  RULE(with(SL_OP_pad, x, ATTR(0, 1, 5)), X "; pad %0 0 1 5");
}

Test(rules, chains_are_joined) {
  RULE(with(SL_OP_reshape, with(SL_OP_reshape, a, ATTR(8)), ATTR(4, 2)),
       "input 3; reshape %0 4 2");
  RULE(with(SL_OP_reshape, with(SL_OP_reshape, a, ATTR(8)), ATTR(2, 4)),
       "input 3");
  RULE(with(SL_OP_broadcast, with(SL_OP_broadcast, x, ATTR(3, 4)),
            ATTR(2, 3, 4)), X "; broadcast %0 2 3 4");
  RULE(turned(turned(a)), "input 3");
  begin();
  sl_node c = with(SL_OP_reshape, a, ATTR(2, 1, 4));
  c = with(SL_OP_permute, c, ATTR(2, 0, 1));
  leaves_graph(with(SL_OP_permute, c, ATTR(1, 0, 2)),
               "input 3; reshape %0 2 1 4; permute %1 0 2 1");
}

Test(rules, sums_of_nothing_are_reshapes) {
  RULE(with(SL_OP_sum, with(SL_OP_reshape, a, ATTR(2, 1, 4)), ATTR(2)),
       "input 3");
  RULE(with(SL_OP_sum, with(SL_OP_reshape, x, ATTR(4, 1)), ATTR(2)), X);
  RULE(with(SL_OP_sum, with(SL_OP_reshape, x, ATTR(4, 1)), ATTR(1)),
       X "; reshape %0 4 1; sum %1 1");
  RULE(with(SL_OP_sum, x, ATTR(0)), X);
  begin(); /* of masks they count */
  sl_node mask = map2(SL_OP_lt, x, y);
  leaves_graph(with(SL_OP_sum, mask, ATTR(0)), XY "; lt %0 %1; sum %2 0");
}

Test(rules, transposes_go_into_products) {
  RULE(product(turned(a), a, 0, 0), "input 3; matmul %0 %0 1 0");
  RULE(product(a, turned(a), 0, 0), "input 3; matmul %0 %0 0 1");
  RULE(product(turned(a), turned(a), 1, 0), "input 3; matmul %0 %0 0 1");
  RULE(turned(product(a, a, 1, 0)), "input 3; matmul %0 %0 1 0");
  begin();
  sl_node b = with(SL_OP_slice, a, ATTR(0, 1, 2, 0, 1, 3));
  leaves_graph(turned(product(a, b, 1, 0)), /* (a' b)' = b' a */
               "input 3; slice %0 0 1 2 0 1 3; matmul %1 %0 1 0");
  begin(); /* another order of axes than the last two: not */
  b = with(SL_OP_reshape, a, ATTR(2, 2, 2));
  b = with(SL_OP_permute, b, ATTR(1, 0, 2));
  leaves_graph(product(b, b, 0, 0),
               "input 3; reshape %0 2 2 2; permute %1 1 0 2; "
               "matmul %2 %2 0 0");
}

/* Pieces of x and y placed in a vector of n. */
static sl_node both(sl_op op, sl_int atx, sl_int stepx, sl_int aty,
                    sl_int extent) {
  sl_node p = with(SL_OP_pad, x, ATTR(atx, stepx, extent));
  return map2(op, p, with(SL_OP_pad, y, ATTR(aty, 1, extent)));
}

static sl_node placed(sl_node n, sl_int at, sl_int step, sl_int extent) {
  return with(SL_OP_pad, n, ATTR(at, step, extent));
}

Test(rules, pieces_end_to_end_are_joined) {
  RULE(both(SL_OP_add, 0, 1, 4, 8),
       XY "; concat %0 %1 0");
  RULE(both(SL_OP_add, 4, 1, 0, 8),
       XY "; concat %1 %0 0");
  begin();
  sl_node z = add1(&g, SL_OP_tanh, x);
  z = map2(SL_OP_add, placed(z, 4, 1, 12), placed(x, 8, 1, 12));
  leaves_graph(map2(SL_OP_add, placed(y, 0, 1, 12), z),
               XY "; tanh %0; concat %1 %2 %0 0");
  RULE(both(SL_OP_add, 0, 1, 3, 7), /* overlap */
       XY "; pad %0 0 1 7; pad %1 3 1 7; add %2 %3");
  RULE(both(SL_OP_add, 0, 1, 5, 9), /* a gap */
       XY "; pad %0 0 1 9; pad %1 5 1 9; add %2 %3");
  RULE(both(SL_OP_add, 0, 1, 4, 9), /* short */
       XY "; pad %0 0 1 9; pad %1 4 1 9; add %2 %3");
  RULE(both(SL_OP_add, 1, 1, 5, 9),
       XY "; pad %0 1 1 9; pad %1 5 1 9; add %2 %3");
  RULE(both(SL_OP_add, 3, -1, 4, 8), /* turned */
       XY "; pad %0 3 -1 8; pad %1 4 1 8; add %2 %3");
  RULE(both(SL_OP_add, 0, 2, 4, 8), /* every second place */
       XY "; pad %0 0 2 8; pad %1 4 1 8; add %2 %3");
  RULE(both(SL_OP_sub, 0, 1, 4, 8),
       XY "; pad %0 0 1 8; pad %1 4 1 8; sub %2 %3");
}

/* A gradient of many slices; and a long sum, whose terms are looked at once. */
Test(rules, many_pieces) {
  sl_graph to;
  sl_node dst, sum = SL_NONE;
  sl_err err;
  for (int n = SL_MAXIN; n <= SL_MAXIN + 1; n++) {
    begin();
    for (int k = 0; k < n; k++) {
      sl_node p = placed(k % 2 ? x : y, 4 * k, 1, 4 * n);
      sum = k == 0 ? p : map2(SL_OP_add, k % 3 ? sum : p, k % 3 ? p : sum);
    }
    cr_assert_eq(sl_graph_simplify(&to, &g, 1, &sum, &dst, &err), SL_OK);
    cr_assert_eq(to.node[dst].op, n <= SL_MAXIN ? SL_OP_concat : SL_OP_add);
    sl_graph_free(&to);
    sl_graph_free(&g);
  }
  begin();
  sum = x;
  for (int k = 0; k < 300000; k++) {
    sum = add2(&g, SL_OP_add, sum, y);
  }
  cr_assert_eq(sl_graph_simplify(&to, &g, 1, &sum, &dst, &err), SL_OK);
  cr_assert_eq(to.nnode, 300002);
  sl_graph_free(&to);
  sl_graph_free(&g);
}
