/* test_graph.c: the graph below Lua. Random graphs of element-wise, structural
** and reducing operations are run as planned programs and node by node in
** separate buffers: an overlap in the plan shows as a difference. Comparing,
** splicing, extracting, printing; and every allocation made to fail in turn.
** MIT licence. */
#include "graph/graph.h"

#include <criterion/criterion.h>
#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- small helpers ----------------------------------------------------------- */

#define ATTR(...)                                            \
  (int)(sizeof((sl_int[]){__VA_ARGS__}) / sizeof(sl_int)), \
      (const sl_int[]) {                                     \
    __VA_ARGS__                                              \
  }

static sl_type type_of(sl_dtype d, int ndim, const sl_int *shape) {
  sl_type t = {.dtype = d, .ndim = ndim};
  for (int a = 0; a < ndim; a++) {
    t.shape[a] = shape[a];
  }
  return t;
}

static sl_node input(sl_graph *g, sl_dtype d, int ndim, const sl_int *shape) {
  sl_type t = type_of(d, ndim, shape);
  sl_node n = SL_NONE;
  sl_err err;
  cr_assert_eq(sl_graph_input(g, &t, &n, &err), SL_OK);
  return n;
}

static sl_node add(sl_graph *g, sl_op op, int nin, const sl_node *in,
                   int nattr, const sl_int *attr) {
  sl_node n = SL_NONE;
  sl_err err = {.msg = ""};
  sl_status s = sl_graph_add(g, op, nin, in, nattr, attr, &n, &err);
  cr_assert_eq(s, SL_OK, "%s", err.msg);
  return n;
}

static sl_node add1(sl_graph *g, sl_op op, sl_node x) {
  return add(g, op, 1, &x, 0, NULL);
}

static sl_node add2(sl_graph *g, sl_op op, sl_node x, sl_node y) {
  sl_node in[2] = {x, y};
  return add(g, op, 2, in, 0, NULL);
}

/* splitmix64 */
static uint64_t state;
static uint64_t next(void) {
  uint64_t z = (state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}
static int pick(int n) { return (int)(next() % (uint64_t)n); }
static double uniform(void) { return (double)(next() >> 11) * 0x1p-53; }

/* ---- storage of the tests -------------------------------------------------------- */

enum { MAX_NODES = 410, LEAVES = 4 };

/* A fresh tensor filled with a pattern that no result has. */
static sl_tensor fresh(const sl_type *t) {
  sl_tensor x;
  sl_int bytes = sl_numel(t) * sl_dtype_size(t->dtype);
  void *data = sl_malloc_aligned(bytes + 64);
  memset(data, 0xa5, (size_t)bytes + 64);
  sl_tensor_init(&x, t, data);
  return x;
}

/* Values, laid out plainly, back to front or with the axes swapped. */
static sl_tensor leaf_value(const sl_type *t, int layout, void **block) {
  sl_type wide = *t;
  int perm[SL_MAXDIM];
  for (int a = 0; a < t->ndim; a++) {
    perm[a] = layout == 2 ? t->ndim - 1 - a : a;
    wide.shape[a] = t->shape[perm[a]];
  }
  sl_tensor x = fresh(&wide);
  *block = x.data;
  for (sl_int k = 0; k < sl_numel(t); k++) {
    double v = 0.25 + uniform();
    if (t->dtype == SL_I64) {
      ((sl_int *)x.data)[k] = (sl_int)(v * 4);
    } else if (t->dtype == SL_F64) {
      ((double *)x.data)[k] = v;
    } else {
      ((float *)x.data)[k] = (float)v;
    }
  }
  sl_tensor y = x;
  if (layout == 2) {
    sl_view_permute(&y, &x, perm);
  } else if (layout == 1 && t->ndim > 0 && t->shape[0] > 0) {
    sl_view_slice(&y, &x, 0, t->shape[0] - 1, -1, t->shape[0]);
  }
  return y;
}

/* ---- node by node ------------------------------------------------------------------- */

static void set_scalar(sl_tensor *x, double v) {
  if (x->type.dtype == SL_F64) {
    *(double *)x->data = v;
  } else if (x->type.dtype == SL_F32) {
    *(float *)x->data = (float)v;
  } else {
    *(sl_int *)x->data = (sl_int)v;
  }
}

/* Every node of g in a buffer of its own; no node is a view of another. */
static void evaluate(const sl_graph *g, const sl_tensor *inputs,
                     const sl_tensor *captures, const double *slots,
                     sl_tensor *value) {
  for (sl_node n = 0; n < g->nnode; n++) {
    sl_type t;
    sl_err err = {.msg = ""};
    const sl_gnode *node = &g->node[n];
    const sl_int *attr = sl_node_attr(g, n);
    double v;
    sl_node_type(g, n, &t);
    value[n] = fresh(&t);
    switch (node->op) {
      case SL_OP_input:
        cr_assert_eq(sl_copy(&value[n], &inputs[attr[0]], &err), SL_OK);
        continue;
      case SL_OP_capture:
        cr_assert_eq(sl_copy(&value[n], &captures[attr[0]], &err), SL_OK);
        continue;
      case SL_OP_slot:
        set_scalar(&value[n], slots != NULL ? slots[attr[0]]
                                            : g->slot[attr[0]]);
        continue;
      case SL_OP_const:
        memcpy(&v, attr, sizeof v);
        set_scalar(&value[n], v);
        continue;
      default:
        break;
    }
    const sl_tensor *arg[SL_MAXIN];
    for (int i = 0; i < node->nin; i++) {
      arg[i] = &value[sl_node_in(g, n)[i]];
    }
    sl_status s = sl_op_eval((sl_op)node->op, &value[n], arg, node->nin, attr,
                             node->nattr, &err);
    cr_assert_eq(s, SL_OK, "%s", err.msg);
  }
}

/* Planned and separate evaluation may reach a matrix product with other
** strides, which BLAS sums in another order: hence not bit by bit. */
static bool close_to(const sl_tensor *a, const sl_tensor *b) {
  for (sl_int k = 0; k < sl_numel(&a->type); k++) {
    double u = 0.0;
    double v = 0.0;
    if (a->type.dtype == SL_F64) {
      u = ((double *)a->data)[k];
      v = ((double *)b->data)[k];
    } else if (a->type.dtype == SL_F32) {
      u = (double)((float *)a->data)[k];
      v = (double)((float *)b->data)[k];
    } else {
      sl_int size = sl_dtype_size(a->type.dtype);
      if (memcmp((char *)a->data + k * size, (char *)b->data + k * size,
                 (size_t)size) != 0) {
        return false;
      }
    }
    double tol = a->type.dtype == SL_F32 ? 1e-4 : 1e-9;
    bool same = u == v || (isnan(u) && isnan(v)) ||
                fabs(u - v) <= tol * (1 + fabs(v));
    if (!same) {
      return false;
    }
  }
  return true;
}

/* ---- random graphs ----------------------------------------------------------------------- */

static const sl_int sizes[] = {1, 2, 3, 6, 1, 2, 0};

static sl_type random_type(void) {
  sl_type t = {.dtype = pick(5) == 0 ? SL_F32 : SL_F64, .ndim = pick(4)};
  for (int a = 0; a < t.ndim; a++) {
    t.shape[a] = sizes[pick(pick(4) == 0 ? 7 : 6)];
  }
  return t;
}

static const sl_op unary[] = {SL_OP_neg,     SL_OP_abs,  SL_OP_sin,
                              SL_OP_tanh,    SL_OP_atan, SL_OP_asinh,
                              SL_OP_sigmoid, SL_OP_stop, SL_OP_erf};
static const sl_op binary[] = {SL_OP_add, SL_OP_sub, SL_OP_mul,
                               SL_OP_mulz, SL_OP_maximum, SL_OP_hypot};

/* A random view or copy of node x by attributes that fit its shape. */
static sl_status structural(sl_graph *g, sl_node x, const sl_type *t,
                            sl_node *out, sl_err *err) {
  sl_int attr[3 * SL_MAXDIM];
  int nd = t->ndim;
  int what = pick(5);
  if (what == 0) { /* reshape: flat, or a unit axis more */
    sl_int flat = sl_numel(t);
    for (int a = 0; a < nd; a++) {
      attr[a + 1] = t->shape[a];
    }
    attr[0] = 1;
    return pick(2) ? sl_graph_add(g, SL_OP_reshape, 1, &x, 1, &flat, out, err)
                   : sl_graph_add(g, SL_OP_reshape, 1, &x, nd + 1, attr, out,
                                  err);
  }
  if (what == 1) { /* broadcast along a new leading axis */
    for (int a = 0; a < nd; a++) {
      attr[a + 1] = t->shape[a] == 1 ? 1 + pick(3) : t->shape[a];
    }
    attr[0] = 1 + pick(2);
    return sl_graph_add(g, SL_OP_broadcast, 1, &x, nd + 1, attr, out, err);
  }
  if (what == 2) { /* permute: rotate the axes */
    int by = nd > 0 ? pick(nd) : 0;
    for (int a = 0; a < nd; a++) {
      attr[a] = (a + by) % nd;
    }
    return sl_graph_add(g, SL_OP_permute, 1, &x, nd, attr, out, err);
  }
  for (int a = 0; a < nd; a++) { /* slice or pad */
    sl_int n = t->shape[a];
    bool back = pick(2) && n > 0;
    attr[3 * a] = what == 3 ? (back ? n - 1 : 0) : (back ? n : 1);
    attr[3 * a + 1] = back ? -1 : 1;
    attr[3 * a + 2] = what == 3 ? (n > 0 ? 1 + pick((int)n) : 0) : n + 2;
  }
  return sl_graph_add(g, what == 3 ? SL_OP_slice : SL_OP_pad, 1, &x, 3 * nd,
                      attr, out, err);
}

static sl_status reducing(sl_graph *g, sl_node x, const sl_type *t,
                          sl_node *out, sl_err *err) {
  static const sl_op along[] = {SL_OP_cumsum, SL_OP_softmax, SL_OP_logsumexp};
  sl_int attr = t->ndim > 0 ? pick(1 << t->ndim) : 0;
  if (pick(2)) {
    return sl_graph_add(g, pick(2) ? SL_OP_sum : SL_OP_amax, 1, &x, 1, &attr,
                        out, err);
  }
  attr = t->ndim > 0 ? pick(t->ndim) : 0;
  return sl_graph_add(g, along[pick(3)], 1, &x, 1, &attr, out, err);
}

/* One more node on random operands; those that do not fit are refused by the
** shape rules, which is as it should be. */
static sl_status grow(sl_graph *g, sl_err *err) {
  sl_node x = pick(g->nnode);
  sl_node out;
  sl_node in[3] = {x, pick(g->nnode), pick(g->nnode)};
  sl_type t;
  sl_node_type(g, x, &t);
  sl_int attr[2] = {t.dtype == SL_F32 ? SL_F64 : SL_F32, 0};
  if (sl_numel(&t) > 300) {
    return SL_OK;
  }
  switch (pick(8)) {
    case 0:
      return sl_graph_map(g, unary[pick(9)], 1, in, &out, err);
    case 1:
    case 2:
      return sl_graph_map(g, binary[pick(6)], 2, in, &out, err);
    case 3:
    case 4:
      return structural(g, x, &t, &out, err);
    case 5:
      return reducing(g, x, &t, &out, err);
    case 6:
      if (pick(3) == 0) {
        return sl_graph_add(g, SL_OP_cast, 1, in, 1, attr, &out, err);
      }
      attr[0] = pick(2);
      attr[1] = pick(2);
      return sl_graph_add(g, SL_OP_matmul, 2, in, 2, attr, &out, err);
    default:
      attr[0] = t.ndim > 0 ? pick(t.ndim) : 0;
      return sl_graph_add(g, SL_OP_concat, 1 + pick(2), in, 1, attr, &out,
                          err);
  }
}

typedef struct leaves {
  sl_tensor input[LEAVES], capture[LEAVES];
  void *block[2 * LEAVES];
  double slot[2];
} leaves;

static void random_leaves(sl_graph *g, leaves *l) {
  sl_node n;
  sl_err err;
  for (int k = 0; k < LEAVES; k++) {
    sl_type t = random_type();
    l->input[k] = leaf_value(&t, pick(3), &l->block[2 * k]);
    cr_assert_eq(sl_graph_input(g, &t, &n, &err), SL_OK);
    t = random_type();
    l->capture[k] = leaf_value(&t, pick(3), &l->block[2 * k + 1]);
    cr_assert_eq(sl_graph_capture(g, &t, &n, &err), SL_OK);
  }
  for (int k = 0; k < 2; k++) {
    l->slot[k] = 0.5 + k;
    cr_assert_eq(sl_graph_slot(g, l->slot[k], SL_F64, &n, &err), SL_OK);
    cr_assert_eq(sl_graph_const(g, 1.5 - k, SL_F64, &n, &err), SL_OK);
  }
}

static void random_graph(sl_graph *g, leaves *l, int nodes) {
  sl_err err;
  sl_graph_init(g);
  random_leaves(g, l);
  for (int tries = 0; g->nnode < nodes && tries < 20 * nodes; tries++) {
    sl_status s = grow(g, &err);
    cr_assert(s == SL_OK || s == SL_ESHAPE || s == SL_EDTYPE ||
                  s == SL_EINDEX || s == SL_EARG,
              "status %d: %s", (int)s, err.msg);
  }
}

static void pointers(const sl_tensor *x, const sl_tensor **p, int n) {
  for (int k = 0; k < n; k++) {
    p[k] = &x[k];
  }
}

/* Runs p into fresh tensors and compares with value[]. */
static void compare_run(const sl_program *p, const sl_graph *g,
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

static int random_outs(const sl_graph *g, sl_node *outs) {
  int nout = 1 + pick(6);
  for (int k = 0; k < nout; k++) {
    outs[k] = pick(3) ? g->nnode - 1 - pick(g->nnode / 2) : pick(g->nnode);
  }
  return nout;
}

static void free_leaves(leaves *l) {
  for (int k = 0; k < LEAVES; k++) {
    sl_free(l->block[2 * k]);
    sl_free(l->block[2 * k + 1]);
  }
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

/* ---- comparing, splicing, extracting ------------------------------------------------------ */

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
  y = sample(&b, NAN, 3, false);
  sl_graph_free(&a);
  x = sample(&a, NAN, 3, false);
  cr_assert(sl_graph_same(&a, &x, &b, &y, 1, true, &where));
  sl_node two[2] = {x, SL_NONE};
  sl_node also[2] = {y, SL_NONE};
  cr_assert(sl_graph_same(&a, two, &b, also, 2, true, &where));
  also[1] = y;
  cr_assert(!sl_graph_same(&a, two, &b, also, 2, true, &where));
  sl_graph_free(&a);
  sl_graph_free(&b);
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

/* ---- messages and printing ------------------------------------------------------------------ */

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

/* ---- out of memory ------------------------------------------------------------------------------ */

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

/* Each failure is met ten times: malloc's own caches hold seven blocks of a
** size, and once they are full more bytes in use are a leak. */
Test(graph, every_allocation_may_fail) {
  sl_status s = SL_ENOMEM;
  int k = 1;
  for (; s != SL_OK; k++) {
    sl_err err = {.msg = ""};
    sl_int before = 0;
    for (int turn = 0; turn < 10; turn++) {
      before = in_use();
      s = fail_at(k, &err);
    }
    cr_assert(s == SL_OK || s == SL_ENOMEM, "k %d: %s", k, err.msg);
    cr_assert(s == SL_OK || strstr(err.msg, "no memory"), "%s", err.msg);
    cr_assert_leq(in_use(), before, "k %d: bytes were kept", k);
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
