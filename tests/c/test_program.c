/* test_program.c: planned programs. Random graphs of element-wise, structural
** and reducing operations are run as programs and node by node in separate
** buffers: an overlap in the plan shows as a difference.  MIT licence. */
#include "graphs.h"

/* ---- running and comparing ---------------------------------------------- */

static void pointers(const sl_tensor *x, const sl_tensor **p, int n) {
  for (int k = 0; k < n; k++) {
    p[k] = &x[k];
  }
}

/* Runs p into fresh tensors and compares with value[]. */
static void compare_run(sl_program *p, const sl_graph *g,
                        const leaves *l, const double *slots, int nout,
                        const sl_node *outs, const sl_tensor *value) {
  const sl_tensor *in[LEAVES];
  const sl_tensor *cap[LEAVES];
  sl_tensor result[8];
  sl_tensor *out[8];
  sl_err err = {.msg = ""};
  pointers(l->input, in, LEAVES);
  pointers(l->capture, cap, LEAVES);
  for (int k = 0; k < nout; k++) {
    sl_type t;
    sl_node_type(g, outs[k], &t);
    result[k] = fresh(&t);
    out[k] = &result[k];
  }
  sl_int bytes = sl_program_scratch(p);
  char *scratch = sl_malloc_aligned(bytes + 64);
  memset(scratch, 0xa5, (size_t)bytes + 64);
  sl_status s = sl_program_run(p, in, cap, slots, out, scratch, &err);
  cr_assert_eq(s, SL_OK, "%s", err.msg);
  for (sl_int k = 0; k < 64; k++) {
    cr_assert_eq((unsigned char)scratch[bytes + k], 0xa5, "scratch overrun");
  }
  for (int k = 0; k < nout; k++) {
    static char text[20000];
    if (!close_to(&result[k], &value[outs[k]])) {
      sl_program_text(text, sizeof text, p);
      cr_assert_fail("result %d differs:\n%s", k, text);
    }
    sl_free(result[k].data);
  }
  sl_free(scratch);
}

static void one_program(uint64_t seed, int nodes) {
  sl_graph g;
  leaves l;
  sl_node outs[8];
  sl_tensor value[MAX_NODES];
  sl_program *p;
  sl_err err = {.msg = ""};
  double other[2] = {-0.75, 2.25};
  state = seed;
  random_graph(&g, &l, nodes);
  int nout = random_outs(&g, outs);
  cr_assert_eq(sl_program_make(&p, &g, nout, outs, &err), SL_OK, "%s",
               err.msg);
  for (int turn = 0; turn < 2; turn++) {
    const double *slots = turn == 0 ? NULL : other;
    evaluate(&g, l.input, l.capture, slots, value);
    compare_run(p, &g, &l, slots, nout, outs, value);
    for (sl_node n = 0; n < g.nnode; n++) {
      sl_free(value[n].data);
    }
  }
  sl_program_free(p);
  sl_graph_free(&g);
  free_leaves(&l);
}

Test(graph, thousands_of_random_programs) {
  for (uint64_t seed = 1; seed <= 4000; seed++) {
    one_program(seed, 14 + (int)(seed % 50));
  }
  for (uint64_t seed = 1; seed <= 50; seed++) {
    one_program(seed << 32, MAX_NODES - 10);
  }
}

/* A reshape of a reshape: whether the first needs a copy is known only when
** the program runs, and the second is then a view of that copy, which must
** live as long. */
Test(graph, views_of_a_reshape_that_had_to_copy) {
  for (int layout = 0; layout < 3; layout++) {
    sl_graph g;
    leaves l = {.slot = {0.0}};
    sl_program *p;
    sl_tensor value[MAX_NODES];
    sl_err err;
    sl_type t = type_of(SL_F64, 2, (sl_int[]){3, 4});
    sl_graph_init(&g);
    state = 7;
    l.input[0] = leaf_value(&t, layout, &l.block[0]);
    sl_node x = input(&g, SL_F64, 2, t.shape);
    sl_node flat = add(&g, SL_OP_reshape, 1, &x, ATTR(12));
    sl_node six = add(&g, SL_OP_reshape, 1, &flat, ATTR(6, 2));
    sl_node view = add(&g, SL_OP_permute, 1, &six, ATTR(1, 0));
    sl_node y = x;
    for (int k = 0; k < 6; k++) { /* would take the place of the copy */
      y = add1(&g, k % 2 ? SL_OP_sin : SL_OP_cos, y);
    }
    sl_node outs[3] = {y, view, add1(&g, SL_OP_neg, six)};
    cr_assert_eq(sl_program_make(&p, &g, 3, outs, &err), SL_OK);
    evaluate(&g, l.input, l.capture, NULL, value);
    compare_run(p, &g, &l, NULL, 3, outs, value);
    for (sl_node n = 0; n < g.nnode; n++) {
      sl_free(value[n].data);
    }
    free_leaves(&l);
    sl_program_free(p);
    sl_graph_free(&g);
  }
}

/* A failure in a step names the line where it was traced. */
Test(graph, run_time_failure_names_the_line) {
  sl_graph g;
  sl_program *p;
  sl_err err;
  sl_type t = type_of(SL_F64, 0, NULL);
  sl_graph_init(&g);
  sl_node x = input(&g, SL_F64, 1, (sl_int[]){2});
  sl_node i = input(&g, SL_I64, 0, NULL);
  sl_node in[2] = {x, i};
  g.line = 42;
  sl_node y = add(&g, SL_OP_gather, 2, in, ATTR(0, 0));
  cr_assert_eq(sl_program_make(&p, &g, 1, &y, &err), SL_OK);
  double data[2] = {1, 2};
  sl_int index = 2;
  sl_tensor tx, ti, out = fresh(&t);
  sl_type type2 = type_of(SL_F64, 1, (sl_int[]){2});
  sl_type type0 = type_of(SL_I64, 0, NULL);
  sl_tensor_init(&tx, &type2, data);
  sl_tensor_init(&ti, &type0, &index);
  const sl_tensor *args[2] = {&tx, &ti};
  sl_tensor *outs[1] = {&out};
  void *scratch = sl_malloc_aligned(sl_program_scratch(p));
  cr_assert_neq(sl_program_run(p, args, NULL, NULL, outs, scratch, &err),
                SL_OK);
  cr_assert(strstr(err.msg, "(traced at line 42)"), "%s", err.msg);
  index = 1;
  cr_assert_eq(sl_program_run(p, args, NULL, NULL, outs, scratch, &err),
               SL_OK);
  cr_assert_eq(*(double *)out.data, 2.0);
  sl_interrupt_set();
  cr_assert_eq(sl_program_run(p, args, NULL, NULL, outs, scratch, &err),
               SL_EINTR);
  sl_interrupt_clear();
  sl_free(scratch);
  sl_free(out.data);
  sl_program_free(p);
  sl_graph_free(&g);
}
