/* net.h: what network.c asks of its two precisions. Internal to num.
** net_f64.c and net_f32.c are one source, the .inc files, compiled for double
** and for float.  MIT licence. */
#ifndef SL_NET_H
#define SL_NET_H

#include "num/network.h"

struct sl_net_point {
  sl_net net;
  sl_dtype dtype;
  sl_int samples;
  const void *x;         /* the caller's inputs */
  void *w, *grad, *tapes; /* copies; tapes NULL: products recompute */
  const void *y;         /* the caller's targets, used when they do */
  double value;
};

/* Checked arguments of one call; pointers to double or float by precision. */
typedef struct sl_net_job {
  const sl_net *net;
  sl_int samples;
  const void *w, *v, *x, *y; /* y: int64_t labels for cross_entropy */
  const sl_net_point *point; /* its tapes stand for x and y, or NULL */
} sl_net_job;

/* Parameters of layer l. */
static inline sl_int sl_net_layer_dim(const sl_net *net, int l) {
  return sl_net_offset(net, l + 1) - sl_net_offset(net, l);
}

typedef struct sl_net_ops {
  sl_status (*value_grad)(const sl_net_job *job, double *value, void *grad,
                          sl_err *err); /* grad may be NULL */
  sl_status (*sample_grads)(const sl_net_job *job, void *out, sl_err *err);
  sl_status (*hvps)(const sl_net_job *job, sl_int k, void *out, sl_err *err);
  sl_status (*along)(const sl_net_job *job, void *slope, void *curve,
                     sl_err *err);
  sl_status (*curvature)(const sl_net_job *job, sl_curvature kind, void *H,
                         sl_err *err);
  sl_status (*layer_block)(const sl_net_job *job, sl_curvature kind, int row,
                           int column, void *out, sl_err *err);
  sl_status (*diagonal)(const sl_net_job *job, sl_curvature kind, void *out,
                        sl_err *err);
  sl_status (*second_moment)(const sl_net_job *job, bool centred, void *S,
                             sl_err *err);
  /* point->net, x, y and samples are set; the rest is laid into memory */
  sl_status (*point_init)(const sl_net_job *job, sl_net_point *point,
                          void *memory, bool keep, sl_err *err);
  sl_int (*point_elements)(const sl_net *net, sl_int samples, bool tapes);
} sl_net_ops;

extern const sl_net_ops sl_net_f64, sl_net_f32;

#endif
