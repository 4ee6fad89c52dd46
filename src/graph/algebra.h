/* algebra.h: the algebraic rules of the compiler, one table for tensors
** (simplify.c) and for single elements (scalars.c). A rule holds for every
** value but for the sign of a zero (x + 0 is x) and for products that leave the
** range of the dtype on the way (a (2 x) is (2 a) x). Constants are those that
** rules of differentiation made; a user's numbers are slots, which no rule sees.
** Private to src/graph.  MIT licence. */
#ifndef SL_ALGEBRA_H
#define SL_ALGEBRA_H

#include "graph/graph.h"

/* What the compiler knows of an operand of an element-wise operation. */
typedef struct sl_known {
  bool isconst;
  double value; /* of a constant */
  sl_op op;     /* that made it; SL_NOP when it is a leaf */
  bool shared;  /* one number for all elements or lanes */
  int scale;    /* a product by a constant power of two: which operand that is;
                ** else -1 */
} sl_known;

/* Is it one by which products are scaled exactly: +-2^k? */
bool sl_is_power(double value);

typedef enum sl_rewrite_kind {
  SL_KEEP,    /* no rule applies */
  SL_OPERAND, /* the result is operand `which` */
  SL_INNER,   /* the result is the operand of operand `which` */
  SL_CONSTANT,/* the result is `value` */
  SL_BECOME,  /* operation `op` on the same operands, see `strip` */
  SL_RESCALE, /* operand `which` is a product c x, and op is done on x and the
              ** other operand times c instead */
} sl_rewrite_kind;

typedef struct sl_rewrite {
  sl_rewrite_kind kind;
  int which;
  double value;
  sl_op op;
  int strip;  /* SL_BECOME: operand replaced by its own operand, or -1 */
  bool swap;  /* then the two operands change places */
} sl_rewrite;

/* sl_algebra: the rule that applies to op on operands of dtype d, if any. */
sl_rewrite sl_algebra(sl_op op, sl_dtype d, int nin, const sl_known *in);

#endif
