/* scalars.h: a graph being written out element by element: values, each made
** once (scalars.c), from nodes (expand.c), for a lane program (lanecode.c).
** Private to src/graph.  MIT licence. */
#ifndef SL_SCALARS_H
#define SL_SCALARS_H

#include "graph/lanecode.h"

enum { SL_SCALAR_ELEMENTS = 1 << 16 }; /* of all nodes together, at most */

typedef struct sl_value {
  uint16_t op; /* element-wise row that makes it; SL_NOP: a leaf */
  uint8_t nin, level;
  bool mask, needed; /* u8; is it, in the end? */
  bool loose; /* a zero may have the other sign than the graph's: see apply */
  int32_t in[3];
  int32_t line, number; /* number: in the finished program */
  sl_lload load;        /* of a leaf */
} sl_value;

typedef struct sl_scalars {
  const sl_graph *g;
  const sl_level *level; /* of inputs, then captures, or NULL */
  sl_value *v;
  int32_t n, cap;
  int32_t *bucket; /* open addressing over v, -1 empty; nbucket = 2^k */
  int32_t nbucket;
  sl_tensor *ids; /* by node: value numbers, i64, contiguous */
  sl_int *room;   /* of all ids */
  sl_int used, most, nop;
  int32_t line;
  bool unfit; /* the graph cannot be written out */
  sl_status status;
  sl_err *err;
} sl_scalars;

static inline bool sl_scalars_failed(const sl_scalars *m) {
  return m->unfit || m->status != SL_OK;
}

static inline sl_int *sl_scalar_ids(const sl_scalars *m, sl_node n) {
  return m->ids[n].data;
}

/* scalars.c: numbers of values; 0 after a failure. Value 0 is the constant 0.
*/
void sl_scalars_no_memory(sl_scalars *m);
int32_t sl_scalar_leaf(sl_scalars *m, sl_source source, sl_int k,
                       sl_int element, double number, bool mask,
                       uint8_t level);
int32_t sl_scalar_const(sl_scalars *m, double number);
/* The value of an element-wise operation on others, by a rule of algebra.h
** where there is one. */
int32_t sl_scalar_apply(sl_scalars *m, sl_op op, int nin,
                        const int32_t *operands);
static inline int32_t sl_scalar_apply1(sl_scalars *m, sl_op op, int32_t x) {
  return sl_scalar_apply(m, op, 1, &x);
}
static inline int32_t sl_scalar_apply2(sl_scalars *m, sl_op op, int32_t x,
                                       int32_t y) {
  int32_t in[2] = {x, y};
  return sl_scalar_apply(m, op, 2, in);
}
/* Element `index` (a value, from 0) along an axis of capture k; element: the
** place of number 0, row-major; count: how many there are. */
int32_t sl_scalar_gather(sl_scalars *m, int32_t index, sl_int k, int axis,
                         sl_int element, sl_int count);
/* n values folded by op in the order of kern/fold.inc. */
int32_t sl_scalar_fold(sl_scalars *m, sl_op op, const sl_int *x, sl_int n);
/* A result with its zeros as the graph has them. */
int32_t sl_scalar_firm(sl_scalars *m, int32_t k);

/* expand.c: the values of node n's elements, from those of its operands. */
void sl_expand_node(sl_scalars *m, sl_node n);

#endif
