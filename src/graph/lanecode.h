/* lanecode.h: lane programs. A small graph written out element by element: each
** element of each node is a value of its own, made by one element-wise kernel
** of kern/lanes.def, so views, paddings and sums over axes cost nothing or a
** few additions. Run on single numbers it is the quickest way to evaluate a
** small function (lanerun.c); with a row of lanes in place of each number it is
** what march steps.  Private to src/graph and src/march.  MIT licence. */
#ifndef SL_LANECODE_H
#define SL_LANECODE_H

#include "graph/graph.h"

/* How often a value changes. */
typedef enum sl_level {
  SL_FIXED, /* known before the first step: constants, numbers, captures */
  SL_STEP,  /* once a step, the same for all lanes */
  SL_EACH   /* for every lane */
} sl_level;

typedef enum sl_source {
  SL_FROM_CONST,
  SL_FROM_SLOT,
  SL_FROM_INPUT,
  SL_FROM_CAPTURE,
  SL_FROM_TABLE /* elements of a capture along one axis, by number: for gather */
} sl_source;

/* Where a value that no operation makes comes from. */
typedef struct sl_lload {
  uint8_t source;
  int32_t k;      /* number of the slot, input or capture */
  sl_int element; /* its place in row-major order */
  double value;   /* of a constant; of a table its axis */
  int32_t out;
} sl_lload;

/* SL_LANE_ONE among the operands is the number 1. */
enum { SL_LANE_OPERANDS = 7, SL_LANE_ONE = -1 };

typedef struct sl_lop {
  sl_lane_fn *fn;
  uint8_t nin, level;
  int32_t out, in[SL_LANE_OPERANDS];
  int32_t line; /* user's line of the node it belongs to */
} sl_lop;

/* Values are numbered from 0 and written once. Operations stand in order of
** level where that is SL_FIXED, then in order of the graph. All elements are
** f64, masks, or whole numbers as f64; every value has 8 bytes a lane. Second
** operand of sl_lane_gather is a table: no value but the address of its element
** number 0, and the step from one element to the next. */
typedef struct sl_lanecode {
  int32_t nvalue, nload, nop;
  uint8_t *level; /* by value */
  sl_lload *load;
  sl_lop *op;
  int nresult;
  sl_int *first;  /* [nresult + 1] where result r begins in out */
  int32_t *out;   /* the values of the results' elements, row-major */
  int32_t nfixed; /* so many operations are SL_FIXED */
} sl_lanecode;

/* sl_lanecode_make: the lane program of outs, at most `most` operations; inputs
** and then captures have the levels given. NULL: all SL_FIXED, for one run, and
** then no more operations than are quicker so. *code is NULL, with SL_OK, when
** the graph cannot be written out so: other dtypes, too large, or an operation
** without element form. */
sl_status sl_lanecode_make(sl_lanecode **code, const sl_graph *g, int nout,
                           const sl_node *outs, const sl_level *level,
                           sl_int most, sl_err *err);
void sl_lanecode_free(sl_lanecode *code);

/* out[k*so] = in[0][k*si[0]]: the one kernel lanes.def has not. */
void sl_lane_copy(sl_int n, void *out, sl_int so, const void *const *in,
                  const sl_int *si);

/* Element e of t, f64 or a mask, in row-major order; a mask fills one byte of
** the cell. (lanerun.c) */
void sl_lane_read(double *cell, const sl_tensor *t, sl_int e);

/* The commonest operations on f64, done without a call when there is one lane.
*/
typedef enum sl_quick {
  SL_QUICK_NONE,
  SL_QUICK_ADD,
  SL_QUICK_SUB,
  SL_QUICK_MUL,
  SL_QUICK_MULZ,
  SL_QUICK_DIV,
  SL_QUICK_NEG,
  SL_QUICK_COPY,
  SL_QUICK_ADD_PRODUCT,
  SL_QUICK_SUB_PRODUCT,
  SL_QUICK_PRODUCT_SUB,
  SL_QUICK_SUM_OF_PRODUCTS,
  SL_QUICK_DIFFERENCE_OF_PRODUCTS,
  SL_QUICK_ADD_ADD,
  SL_QUICK_ADD_SUB,
  SL_QUICK_SUB_ADD,
  SL_QUICK_SUB_SUB
} sl_quick;

/* An operation with its addresses: what a machine executes. */
typedef struct sl_instr {
  sl_lane_fn *fn;
  sl_int lanes;
  void *out;
  const void *in[SL_LANE_OPERANDS];
  sl_int step[SL_LANE_OPERANDS];
  sl_quick quick;
} sl_instr;

/* The quick form of a kernel, if it has one. (lanerun.c) */
sl_quick sl_quick_of(sl_lane_fn *fn);

/* Runs n operations, each on its lanes. */
static inline void sl_execute(const sl_instr *code, int32_t n) {
  for (int32_t i = 0; i < n; i++) {
    code[i].fn(code[i].lanes, code[i].out, 1, code[i].in, code[i].step);
  }
}

/* The same when all have one lane. The bits are those of the kernels. */
static inline void sl_execute_one(const sl_instr *code, int32_t n) {
  for (const sl_instr *end = code + n; code < end; code++) {
    double *out = code->out;
    const double *x = code->in[0], *y = code->in[1], *z = code->in[2];
    const double *u = code->in[3], *v = code->in[4];
    const double *c = code->in[5], *d = code->in[6];
    switch (code->quick) {
      case SL_QUICK_ADD:
        *out = *x + *y;
        break;
      case SL_QUICK_SUB:
        *out = *x - *y;
        break;
      case SL_QUICK_MUL:
        *out = *x * *y;
        break;
      case SL_QUICK_MULZ:
        *out = *x == 0 ? 0 : *x * *y;
        break;
      case SL_QUICK_DIV:
        *out = *x / *y;
        break;
      case SL_QUICK_NEG:
        *out = -*x;
        break;
      case SL_QUICK_COPY:
        *out = *x;
        break;
      case SL_QUICK_ADD_PRODUCT:
        *out = *x + *y * *z;
        break;
      case SL_QUICK_SUB_PRODUCT:
        *out = *x - *y * *z;
        break;
      case SL_QUICK_PRODUCT_SUB:
        *out = *y * *z - *x;
        break;
      case SL_QUICK_SUM_OF_PRODUCTS:
        *out = *x * (*v * *y) + *z * (*c * *u);
        break;
      case SL_QUICK_DIFFERENCE_OF_PRODUCTS:
        *out = *x * (*v * *y) - *z * (*c * *u);
        break;
      case SL_QUICK_ADD_ADD:
        *out = (*x + *y * (*c * *z)) + *u * (*d * *v);
        break;
      case SL_QUICK_ADD_SUB:
        *out = (*x + *y * (*c * *z)) - *u * (*d * *v);
        break;
      case SL_QUICK_SUB_ADD:
        *out = (*x - *y * (*c * *z)) + *u * (*d * *v);
        break;
      case SL_QUICK_SUB_SUB:
        *out = (*x - *y * (*c * *z)) - *u * (*d * *v);
        break;
      default:
        code->fn(1, code->out, 1, code->in, code->step);
    }
  }
}

/* ---- single numbers (lanerun.c) ------------------------------------------ */
typedef struct sl_lanerun sl_lanerun;
/* Takes code over, also when it fails. */
sl_status sl_lanerun_make(sl_lanerun **out, sl_lanecode *code, sl_err *err);
void sl_lanerun_free(sl_lanerun *r);
/* As sl_program_run. One thread at a time: the cells belong to the program. */
void sl_lanerun_run(const sl_lanerun *r, const sl_tensor *const *inputs,
                    const sl_tensor *const *captures, const double *slots,
                    sl_tensor *const *out);
int32_t sl_lanerun_ops(const sl_lanerun *r);

#endif
