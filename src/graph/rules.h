/* rules.h: how rules write graph. A builder is a graph with a sticky error: a
** rule is then one expression, and the first failure is the one reported.
** Tangent arguments may be SL_NONE, symbolic zero: functions marked (z) take
** and return it. Because rules emit nodes, never numbers, derivatives nest.
** Private to src/graph.  MIT licence. */
#ifndef SL_RULES_H
#define SL_RULES_H

#include "graph/graph.h"

typedef struct sl_build {
  sl_graph *g;
  sl_err *err;
  sl_status status;
} sl_build;

/* Appends one node; any shape error is a bug in a rule, but is reported. */
sl_node sl_emit(sl_build *b, sl_op op, int nin, const sl_node *in, int nattr,
                const sl_int *attr);
sl_node sl_emit1(sl_build *b, sl_op op, sl_node x);
sl_node sl_emit2(sl_build *b, sl_op op, sl_node x, sl_node y);
/* Same operation and attributes as node y on other operands. */
sl_node sl_again(sl_build *b, sl_node y, const sl_node *in);

/* A constant of the shape and dtype of node `like`. */
sl_node sl_const_like(sl_build *b, double value, sl_node like);

/* (z) sums and products of tangents */
sl_node sl_zadd(sl_build *b, sl_node x, sl_node y);
sl_node sl_zneg(sl_build *b, sl_node x);
sl_node sl_zmul(sl_build *b, sl_node dx, sl_node factor); /* mulz */

/* Shape plumbing: no node is added where nothing changes. */
sl_node sl_reshape(sl_build *b, sl_node x, int ndim, const sl_int *shape);
sl_node sl_broadcast_to(sl_build *b, sl_node x, int ndim, const sl_int *shape);
sl_node sl_permute(sl_build *b, sl_node x, const int *perm);
sl_node sl_move_axis(sl_build *b, sl_node x, int from, int to);
sl_node sl_matmul_node(sl_build *b, sl_node x, sl_node y, bool tx, bool ty);
/* r, reduced over the axes in `mask`, repeated back to the shape of x. */
sl_node sl_unreduce(sl_build *b, sl_node r, uint32_t mask, sl_node x);
/* x repeated along a new leading axis. */
sl_node sl_add_batch(sl_build *b, sl_node x, sl_int size);

/* A leaf of the given type that stands for a tangent: linear in it is what a
** transposition transposes. Never needed once that is done. (graph.c) */
sl_status sl_graph_tangent(sl_graph *g, const sl_type *type, sl_node *out,
                           sl_err *err);

/* Node n of `from` appended to `to` on other operands: a leaf keeps its number,
** and what the numbers count is taken over first by sl_graph_copy_counts.
** (graph.c) */
sl_status sl_graph_copy_node(sl_graph *to, const sl_graph *from, sl_node n,
                             const sl_node *in, sl_node *out, sl_err *err);
sl_status sl_graph_copy_counts(sl_graph *to, const sl_graph *from, sl_err *err);

/* Text appended to a buffer of `size` bytes, cut where it is full; len goes on
** counting. (print.c) */
typedef struct sl_sink {
  char *buf;
  sl_int size, len;
} sl_sink;
void sl_put(sl_sink *s, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
