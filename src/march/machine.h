/* machine.h: what march's files share: a step made ready for lanes.
** Private to src/march.  MIT licence. */
#ifndef SL_MACHINE_H
#define SL_MACHINE_H

#include "graph/lanecode.h"
#include "march/march.h"

struct sl_march {
  sl_lanecode *code;
  int nstate;
  sl_int width;   /* state elements of a lane, all tensors together */
  sl_int *first;  /* [nstate + 1] where each tensor's begin */
  int32_t *row;   /* by value: its row, or -1 for a cell */
  int32_t nrow;   /* rows 0 .. width-1 and width .. 2 width-1: the state */
  int32_t clock;  /* value of the step number, or -1 */
  bool elements;  /* every element of the state tensors is a lane */
};

/* build.c: the machine of a step whose captures have the levels given (NULL: the
** same for all lanes). *out is NULL, with SL_OK, when there is none. */
sl_status sl_march_build(sl_march **out, const sl_graph *g, int nstate,
                         const sl_node *outs, int clock, bool elements,
                         const sl_level *captures, sl_err *err);

#endif
