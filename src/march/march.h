/* march.h: many independent lanes, many steps. A traced step function, as a
** lane program, is run block by block: the lanes of a block stay in the L1
** cache for all steps, and nothing goes through main memory in between but the
** states that are asked for. Bits depend neither on the blocks nor on the
** number of threads.
** Sees base, kern, tensor and graph.  MIT licence. */
#ifndef SL_MARCH_H
#define SL_MARCH_H

#include "graph/graph.h"

typedef struct sl_march sl_march;

/* sl_march_make: the machine of a step. Inputs 0 .. nstate - 1 of g are the
** state of one lane, outs the next state, of the same types; input `clock`, if
** not -1, is a number: how many steps were made before. Captures and numbers
** are shared by all lanes.
** *out is NULL, with SL_OK, when the step is too large, or has operations or
** dtypes that cannot be written out by elements: then run it as a program.
** errors: SL_ENOMEM. */
sl_status sl_march_make(sl_march **out, const sl_graph *g, int nstate,
                        const sl_node *outs, int clock, sl_err *err);
/* The same for a step whose state tensors have one shape and are worked on
** element by element only: every element is a lane. Captures of that shape go
** with their elements. */
sl_status sl_march_make_elements(sl_march **out, const sl_graph *g, int nstate,
                                 const sl_node *outs, int clock, sl_err *err);
void sl_march_free(sl_march *m);

typedef struct sl_march_job {
  sl_int lanes, steps, every; /* every: 0, or states kept at multiples of it */
  /* State tensors: [lanes x shape of one lane], contiguous f64. final may be
  ** the same tensors as start. path[k]: [steps / every] of them, or NULL. */
  const sl_tensor *const *start;
  sl_tensor *const *final;
  sl_tensor *const *path;
  const sl_tensor *const *captures;
  const double *slots;
} sl_march_job;

/* errors: SL_ENOMEM; SL_EINTR, asked every few thousand operations: results
** are then undefined. */
sl_status sl_march_run(const sl_march *m, const sl_march_job *job,
                       sl_err *err);
/* Operations on lanes in one step, for reports. */
int32_t sl_march_ops(const sl_march *m);

#endif
