/* graphs.h: what test_graph.c and test_program.c share: building graphs by
** hand, random graphs with values of their leaves, and their evaluation node
** by node in separate buffers.  MIT licence. */
#ifndef TEST_GRAPHS_H
#define TEST_GRAPHS_H

#include "graph/graph.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- small helpers ------------------------------------------------------- */

#define ATTR(...)                                            \
  (int)(sizeof((sl_int[]){__VA_ARGS__}) / sizeof(sl_int)), \
      (const sl_int[]) {                                     \
    __VA_ARGS__                                              \
  }

static inline sl_type type_of(sl_dtype d, int ndim, const sl_int *shape) {
  sl_type t = {.dtype = d, .ndim = ndim};
  for (int a = 0; a < ndim; a++) {
    t.shape[a] = shape[a];
  }
  return t;
}

static inline sl_node input(sl_graph *g, sl_dtype d, int ndim, const sl_int *shape) {
  sl_type t = type_of(d, ndim, shape);
  sl_node n = SL_NONE;
  sl_err err;
  cr_assert_eq(sl_graph_input(g, &t, &n, &err), SL_OK);
  return n;
}

static inline sl_node add(sl_graph *g, sl_op op, int nin, const sl_node *in,
                   int nattr, const sl_int *attr) {
  sl_node n = SL_NONE;
  sl_err err = {.msg = ""};
  sl_status s = sl_graph_add(g, op, nin, in, nattr, attr, &n, &err);
  cr_assert_eq(s, SL_OK, "%s", err.msg);
  return n;
}

static inline sl_node add1(sl_graph *g, sl_op op, sl_node x) {
  return add(g, op, 1, &x, 0, NULL);
}

static inline sl_node add2(sl_graph *g, sl_op op, sl_node x, sl_node y) {
  sl_node in[2] = {x, y};
  return add(g, op, 2, in, 0, NULL);
}

/* splitmix64 */
static uint64_t state;
static inline uint64_t next(void) {
  uint64_t z = (state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}
static inline int pick(int n) { return (int)(next() % (uint64_t)n); }
static inline double uniform(void) { return (double)(next() >> 11) * 0x1p-53; }

/* ---- storage of the tests ------------------------------------------------ */

enum { MAX_NODES = 410, LEAVES = 4 };

/* A fresh tensor filled with a pattern that no result has. */
static inline sl_tensor fresh(const sl_type *t) {
  sl_tensor x;
  sl_int bytes = sl_numel(t) * sl_dtype_size(t->dtype);
  void *data = sl_malloc_aligned(bytes + 64);
  memset(data, 0xa5, (size_t)bytes + 64);
  sl_tensor_init(&x, t, data);
  return x;
}

/* Values, laid out plainly, back to front or with the axes swapped. */
static inline sl_tensor leaf_value(const sl_type *t, int layout, void **block) {
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

/* ---- node by node -------------------------------------------------------- */

static inline void set_scalar(sl_tensor *x, double v) {
  if (x->type.dtype == SL_F64) {
    *(double *)x->data = v;
  } else if (x->type.dtype == SL_F32) {
    *(float *)x->data = (float)v;
  } else {
    *(sl_int *)x->data = (sl_int)v;
  }
}

/* Every node of g in a buffer of its own; no node is a view of another. */
static inline void evaluate(const sl_graph *g, const sl_tensor *inputs,
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
static inline bool close_to(const sl_tensor *a, const sl_tensor *b) {
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

/* ---- random graphs ------------------------------------------------------- */

static const sl_int sizes[] = {1, 2, 3, 6, 1, 2, 0};

static inline sl_type random_type(void) {
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
static inline sl_status structural(sl_graph *g, sl_node x, const sl_type *t,
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

static inline sl_status reducing(sl_graph *g, sl_node x, const sl_type *t,
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
static inline sl_status grow(sl_graph *g, sl_err *err) {
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

static inline void random_leaves(sl_graph *g, leaves *l) {
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

static inline void random_graph(sl_graph *g, leaves *l, int nodes) {
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

static inline int random_outs(const sl_graph *g, sl_node *outs) {
  int nout = 1 + pick(6);
  for (int k = 0; k < nout; k++) {
    outs[k] = pick(3) ? g->nnode - 1 - pick(g->nnode / 2) : pick(g->nnode);
  }
  return nout;
}

static inline void free_leaves(leaves *l) {
  for (int k = 0; k < LEAVES; k++) {
    sl_free(l->block[2 * k]);
    sl_free(l->block[2 * k + 1]);
  }
}

#endif
