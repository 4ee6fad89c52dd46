/* along.h: running a kernel along one axis for every position of the others,
** private to tensor/. MIT licence. */
#ifndef SL_ALONG_H
#define SL_ALONG_H

#include "tensor/nest.h"

/* n elements along the axis: of out at distance so (1 when out drops the
** axis), of x at distance s. */
typedef void sl_along_fn(void *ctx, sl_int n, void *out, sl_int so,
                         const void *x, sl_int s);

/* Calls fn for each line of `in` along `axis`; out has in's shape when it keeps
** the axis, else lacks it. Lines are spread over threads in blocks fixed by
** shape.
** errors: SL_ESHAPE with both types when out has another shape; SL_EINTR. */
sl_status sl_along(const char *what, sl_tensor *out, bool keeps,
                   const sl_tensor *in, int axis, sl_along_fn *fn, void *ctx,
                   sl_err *err);

#endif
