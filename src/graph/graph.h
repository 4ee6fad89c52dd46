/* graph.h: one expression graph. A node is an operation of ops.def, its
** operands (smaller indices: index order is topological order) and integer
** attributes; types are inferred by the row's shape rule. Differentiation,
** transposition and batching append nodes to the same graph, so that any
** order and any nesting is again a graph.
** Elements of one graph are shape-exact: broadcasting is an explicit node.
** Sees base, kern, tensor.  MIT licence. */
#ifndef SL_GRAPH_H
#define SL_GRAPH_H

#include "base/base.h"
#include "tensor/tensor.h"

typedef int32_t sl_node;
#define SL_NONE ((sl_node)-1) /* no node; as a tangent: symbolic zero */
#define SL_MAXIN 64           /* operands of one node (concat) */

typedef enum sl_op {
#define SL_OP(name, ...) SL_OP_##name,
#include "graph/ops.def"
#undef SL_OP
  SL_NOP
} sl_op;

typedef struct sl_gnode {
  uint16_t op;
  uint8_t dtype;
  uint8_t ndim;
  uint16_t nin;
  uint16_t nattr;
  int32_t pool; /* graph->pool[pool ..]: operands, attributes, shape */
  int32_t line; /* user's line where it was traced, 0 unknown */
} sl_gnode;

typedef struct sl_graph {
  sl_gnode *node;
  sl_int *pool;
  double *slot; /* numbers met in tracing, in order of SLOT nodes */
  int32_t nnode, node_cap, npool, pool_cap, nslot, slot_cap;
  int32_t ninput, ncapture; /* counts of INPUT and CAPTURE leaves */
  int32_t line;             /* stamped on nodes as they are added */
  uint64_t hash;            /* of the structure: all nodes in order, see below */
} sl_graph;

/* The running hash of a graph takes in each node's operation, type, operands
** and attributes; numbers in slots and lines are no part of it. Equal graphs
** have equal hashes; the converse is for the caller to check. */
static inline uint64_t sl_hash_mix(uint64_t h, uint64_t x) {
  h = (h ^ x) * 0x9E3779B97F4A7C15u; /* odd: no bit of x is lost */
  return h ^ (h >> 32);
}

/* ---- the table of operations (ops.c) ------------------------------------- */
typedef enum sl_opclass {
  SL_LEAF,    /* INPUT, CAPTURE, SLOT, CONST, IOTA */
  SL_MAP,     /* element-wise: operands and result of one shape, run by a lane */
  SL_REDUCE,  /* drops axes */
  SL_VIEW,    /* result may share its operand's storage */
  SL_OTHER    /* everything else: an eval function of its own */
} sl_opclass;

struct sl_build; /* graph being extended, with a sticky error: rules.h */

typedef sl_status sl_shape_fn(const sl_type *in, int nin, const sl_int *attr,
                              int nattr, sl_type *out, sl_err *err);
typedef sl_status sl_eval_fn(sl_tensor *out, const sl_tensor *const *in,
                             int nin, const sl_int *attr, int nattr,
                             sl_err *err);
/* Result as a view of in[0]; false: needs a copy into a fresh tensor, which
** sl_eval_fn of the row then makes. */
typedef bool sl_view_fn(sl_tensor *out, const sl_tensor *in,
                        const sl_int *attr, int nattr, const sl_type *type);
/* Tangent of node y, whose operands' tangents are dx[] (SL_NONE: zero). */
typedef sl_node sl_jvp_fn(struct sl_build *b, sl_node y, const sl_node *dx);
/* Cotangent of operand i of the linear node y, given y's cotangent ct. */
typedef sl_node sl_transpose_fn(struct sl_build *b, sl_node y, int i,
                                sl_node ct);
/* y with operands x[], those with batched[i] carrying a leading axis of
** `size`; the result carries it too. */
typedef sl_node sl_batch_fn(struct sl_build *b, sl_node y, const sl_node *x,
                            const bool *batched, sl_int size);

typedef struct sl_opinfo {
  const char *name;
  int arity; /* -1: any number */
  sl_opclass cls;
  sl_lane lane; /* SL_MAP rows */
  sl_shape_fn *shape;
  sl_eval_fn *eval;
  sl_view_fn *view;
  sl_jvp_fn *jvp;             /* NULL: derivative zero (integers, comparisons) */
  sl_transpose_fn *transpose; /* NULL: not linear in any operand */
  sl_batch_fn *batch;
  const char *domain; /* test domain of each operand, see ops.def */
  const char *tol;    /* tolerance class of the tests */
  const char *doc;
} sl_opinfo;

extern const sl_opinfo sl_ops[SL_NOP];
/* -1 when no row has that name. */
int sl_op_find(const char *name);

/* Runs one operation on concrete operands. For SL_MAP rows operands may be of
** any broadcast-compatible shape (out has the broadcast one). out is fresh,
** contiguous, of the type given by sl_op_type. */
sl_status sl_op_type(sl_op op, const sl_type *in, int nin, const sl_int *attr,
                     int nattr, sl_type *out, sl_err *err);
sl_status sl_op_eval(sl_op op, sl_tensor *out, const sl_tensor *const *in,
                     int nin, const sl_int *attr, int nattr, sl_err *err);
/* SL_VIEW rows: true when *out now is a view of in. */
bool sl_op_view(sl_op op, sl_tensor *out, const sl_tensor *in,
                const sl_int *attr, int nattr, const sl_type *type);

/* Attributes by op (all int64):
**   input k; capture k; slot k; const bits-of-double; iota n
**   powi n; cast dtype
**   sum, amax, amin: mask of axes (bit a set: axis a goes)
**   argmax, argmin, cumsum, softmax, logsumexp: axis
**   reshape, broadcast: the new shape; permute: perm[ndim]
**   slice: per axis start, step, len  (3 ndim numbers, 0-based)
**   pad (slice's transpose; zeros elsewhere): per axis start, step, extent
**   concat: axis; gather: axis, nbatch; scatter: axis, extent, nbatch (the first nbatch
**   axes of both operands are shared)
**   matmul: ta, tb; solve: trans
** const, input, capture, slot carry dtype and shape in the node itself. */

/* ---- building (graph.c) -------------------------------------------------- */
void sl_graph_init(sl_graph *g);
void sl_graph_free(sl_graph *g); /* idempotent */
void sl_graph_clear(sl_graph *g); /* no nodes; keeps its memory for the next */
/* Appends; infers the type; SL_ESHAPE etc. with both shapes in the message. */
sl_status sl_graph_add(sl_graph *g, sl_op op, int nin, const sl_node *in,
                       int nattr, const sl_int *attr, sl_node *out,
                       sl_err *err);
/* Leaves. Inputs and captures are numbered 0, 1, ... in order of creation. */
sl_status sl_graph_input(sl_graph *g, const sl_type *type, sl_node *out,
                         sl_err *err);
sl_status sl_graph_capture(sl_graph *g, const sl_type *type, sl_node *out,
                           sl_err *err);
sl_status sl_graph_slot(sl_graph *g, double value, sl_dtype d, sl_node *out,
                        sl_err *err);
sl_status sl_graph_const(sl_graph *g, double value, sl_dtype d, sl_node *out,
                         sl_err *err);
/* The part of x at position `at` of its first axis, which is dropped: a slice
** and a reshape. at is in range. */
sl_status sl_graph_at(sl_graph *g, sl_node x, sl_int at, sl_node *out,
                      sl_err *err);
/* For SL_MAP ops: broadcasts operands to one shape, then adds. */
sl_status sl_graph_map(sl_graph *g, sl_op op, int nin, const sl_node *in,
                       sl_node *out, sl_err *err);

/* Type, operands and attributes of a node. The pointers are good until the
** graph grows. */
void sl_node_type(const sl_graph *g, sl_node n, sl_type *out);
static inline const sl_int *sl_node_in(const sl_graph *g, sl_node n) {
  return g->pool + g->node[n].pool;
}
static inline const sl_int *sl_node_attr(const sl_graph *g, sl_node n) {
  return g->pool + g->node[n].pool + g->node[n].nin;
}

/* Printing (print.c): one line per node needed by outs, or all when nout = 0:
**   %3: [3 x 4] f64 = tanh %2
** snprintf's contract. */
sl_int sl_graph_text(char *buf, sl_int n, const sl_graph *g,
                     const sl_node *outs, int nout);

/* Same structure, attributes, types, needed by outs? Slot values are compared
** when slots is true; *where gets the first node that differs. (graph.c) */
bool sl_graph_same(const sl_graph *a, const sl_node *aout, const sl_graph *b,
                   const sl_node *bout, int nout, bool slots, sl_node *where);

/* ---- transforms: append to g --------------------------------------------- */
/* Tangents of outs given tangents dx of nodes x (SL_NONE: zero); dy[k] is
** SL_NONE where an output does not depend on x. (jvp.c) */
sl_status sl_graph_jvp(sl_graph *g, int nx, const sl_node *x, const sl_node *dx,
                       int ny, const sl_node *y, sl_node *dy, sl_err *err);
/* Cotangents of x given cotangents ct of y (SL_NONE: zero): the jvp with fresh
** tangents, its linear part transposed. cx[k] is SL_NONE for zero. (transpose.c)
*/
sl_status sl_graph_vjp(sl_graph *g, int nx, const sl_node *x, int ny,
                       const sl_node *y, const sl_node *ct, sl_node *cx,
                       sl_err *err);
/* y with nodes x replaced by bx, which carry a leading axis of `size`: by[k]
** carries it as well, or is y[k] itself where it does not depend on x and
** flags[k] is then false. (batch.c) */
sl_status sl_graph_batch(sl_graph *g, sl_int size, int nx, const sl_node *x,
                         const sl_node *bx, int ny, const sl_node *y,
                         sl_node *by, bool *flags, sl_err *err);
/* Copies what outs need from `from` into `to`. leaf[k] for input k and
** capture[k] for capture k are nodes of `to`; dst[k] are the copies of outs.
** (graph.c) */
sl_status sl_graph_splice(sl_graph *to, const sl_graph *from,
                          const sl_node *input, const sl_node *capture,
                          int nout, const sl_node *outs, sl_node *dst,
                          sl_err *err);

/* The part of `from` that outs need, as a fresh graph whose inputs, captures
** and slots keep their numbers. (graph.c) */
sl_status sl_graph_extract(sl_graph *to, const sl_graph *from, int nout,
                           const sl_node *outs, sl_node *dst, sl_err *err);

/* mark[n] = needed by one of y (SL_NONE allowed); marks has y's largest index
** + 1 entries. Returns that count. (graph.c) */
sl_node sl_graph_needed(const sl_graph *g, int ny, const sl_node *y,
                        unsigned char *mark);
/* A smaller graph with the same results: equal nodes joined, constants folded,
** the rules of algebra.h and of simplify.c applied; leaves keep their numbers.
** (simplify.c) */
sl_status sl_graph_simplify(sl_graph *to, const sl_graph *from, int nout,
                            const sl_node *outs, sl_node *dst, sl_err *err);

/* ---- execution (program.c) ----------------------------------------------- */
/* A program is a graph compiled: simplified, fused, its memory planned, so that
** running it allocates nothing (but what BLAS and long reductions need for
** their partial results). It belongs to one thread at a time. */
typedef struct sl_program sl_program;
sl_status sl_program_make(sl_program **out, const sl_graph *g, int nout,
                          const sl_node *outs, sl_err *err);
void sl_program_free(sl_program *p);
sl_int sl_program_scratch(const sl_program *p); /* bytes it needs to run */
/* Which leaves it reads, so that callers can check they are bound. */
bool sl_program_uses_input(const sl_program *p, int k);
bool sl_program_uses_capture(const sl_program *p, int k);
/* inputs[k], captures[k]: descriptors of the leaves' types, any strides (NULL
** where unused); slots: values by number (NULL: those in the graph when made).
** out[k]: fresh contiguous tensors. scratch: 64-byte aligned. Polls. */
sl_status sl_program_run(sl_program *p, const sl_tensor *const *inputs,
                         const sl_tensor *const *captures, const double *slots,
                         sl_tensor *const *out, void *scratch, sl_err *err);

/* The plan, a line per step. snprintf's contract. (plan.c) */
sl_int sl_program_text(char *buf, sl_int n, const sl_program *p);
/* One step of the plan, for statistics. */
typedef struct sl_step_stats {
  char what[120];
  double flops, bytes; /* of one run: arithmetic; memory read and written */
  double seconds;      /* of one run, mean over those that were timed */
} sl_step_stats;
int32_t sl_program_steps(const sl_program *p);
void sl_program_stats(const sl_program *p, int32_t step, sl_step_stats *out);
int64_t sl_program_runs(const sl_program *p); /* so far */

#endif
