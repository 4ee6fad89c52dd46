/* nest.h: the loop nest over the elements of up to four operands, private to
** tensor/. Axes are merged and ordered once; rows of the innermost axis go to
** a kernel; long nests are cut into chunks fixed by shape. MIT licence. */
#ifndef SL_NEST_H
#define SL_NEST_H

#include "tensor/tensor.h"

#define SL_NEST_OPS 4
/* Elements that one thread does alone, 50 to 100 microseconds: of arithmetic and
** copies (SL_SERIAL: of functions like exp); of sums. */
#define SL_NEST_LIGHT (1 << 17)
#define SL_NEST_SUM (1 << 18)

typedef struct sl_nest {
  int nops, ndim; /* ndim >= 1 */
  sl_int numel;
  sl_int alone; /* elements that are not worth a second thread */
  sl_int n[SL_MAXDIM];
  sl_int s[SL_MAXDIM][SL_NEST_OPS]; /* strides by axis, elements */
  sl_int size[SL_NEST_OPS];         /* bytes of one element */
  char *p[SL_NEST_OPS];
} sl_nest;

/* One row: n elements of each operand from p[i] at distance s[i]. */
typedef void sl_nest_row(void *ctx, sl_int n, char *const *p, const sl_int *s);

/* The nest over the axes of `shape`; add the operands, then finish. */
void sl_nest_init(sl_nest *t, int ndim, const sl_int *shape);
void sl_nest_add(sl_nest *t, void *data, sl_dtype d, const sl_int *stride);
/* Drops axes of extent 1 and merges neighbours that every operand walks
** evenly. With `reorder` the axes are first sorted so that operand 0 is
** walked in memory order, and short innermost axes move out: only for loops
** whose result does not depend on the order. */
void sl_nest_finish(sl_nest *t, bool reorder);
/* Calls row over elements [p0, p1) in the nest's order. */
void sl_nest_range(const sl_nest *t, sl_int p0, sl_int p1, sl_nest_row *row,
                   void *ctx);
/* Over everything, chunk by chunk, on threads when `parallel` and long.
** errors: SL_EINTR, polled between chunks. */
sl_status sl_nest_run(const sl_nest *t, bool parallel, sl_nest_row *row,
                      void *ctx, const char *what, sl_err *err);

#endif
