/* net.h: what network.c asks of its two precisions. Internal to num.
** net_f64.c and net_f32.c are one source, net_point.inc, net_pass.inc and
** net_hessian.inc, compiled for double and for float.  MIT licence. */
#ifndef SL_NET_H
#define SL_NET_H

#include "num/network.h"

/* Checked arguments of one call; pointers to double or float by precision. */
typedef struct sl_net_job {
  const sl_net *net;
  sl_int samples;
  const void *w, *v, *x, *y; /* y: int64_t labels for cross_entropy */
} sl_net_job;

typedef struct sl_net_ops {
  sl_status (*value_grad)(const sl_net_job *job, double *value, void *grad,
                          sl_err *err); /* grad may be NULL */
  sl_status (*sample_grads)(const sl_net_job *job, void *out, sl_err *err);
  sl_status (*hvp)(const sl_net_job *job, void *out, sl_err *err);
  sl_status (*along)(const sl_net_job *job, void *slope, void *curve,
                     sl_err *err);
  sl_status (*hessian)(const sl_net_job *job, void *H, sl_err *err);
} sl_net_ops;

extern const sl_net_ops sl_net_f64, sl_net_f32;

#endif
