/* network.h: value, gradient, per-sample gradients, Hessian-vector products
** and exact curvature matrices of a feed-forward network, from its structure.
**   z_l = W_l a_(l-1) + b_l,  a_l = phi_l(z_l),  a_0 = x,   l = 1 .. layers
**   objective = mean over samples of loss(a_L, y) + (l2/2) |w|^2
** Parameters are one flat vector: for each layer W_l [out x in] row-major,
** then b_l [out] if the layer has a bias. l2 acts on all of them.
** Samples are worked on in blocks whose size, and the order in which they are
** summed, depend on shapes alone: the bits do not depend on the thread count.
** MIT licence. */
#ifndef SL_NETWORK_H
#define SL_NETWORK_H

#include "tensor/tensor.h"

#define SL_NET_MAXLAYERS 32

typedef enum sl_activation {
  SL_ACT_IDENTITY,
  SL_ACT_TANH,
  SL_ACT_SIGMOID,
  SL_ACT_RELU,     /* derivative 0 at 0 */
  SL_ACT_SOFTPLUS, /* log(1 + exp z) */
  SL_NACT
} sl_activation;

typedef enum sl_loss {
  SL_LOSS_CROSS_ENTROPY, /* -log softmax(a_L)[y], integer labels y */
  SL_LOSS_MSE,           /* (1/outputs) sum_k (a_k - y_k)^2 */
  SL_LOSS_BCE,           /* (1/outputs) sum_k softplus(a_k) - y_k a_k */
  SL_NLOSS
} sl_loss;

typedef enum sl_curvature {
  SL_CURVATURE_HESSIAN,
  SL_CURVATURE_GAUSS_NEWTON, /* mean of J' C J, + l2: J the derivatives of the
                                outputs a_L, C the loss' curvature in them */
  SL_CURVATURE_MOMENT        /* mean of g_n g_n': sl_net_second_moment only */
} sl_curvature;

typedef struct sl_net {
  int layers;                        /* 1 .. SL_NET_MAXLAYERS */
  sl_int size[SL_NET_MAXLAYERS + 1]; /* [0] inputs .. [layers] outputs */
  sl_activation act[SL_NET_MAXLAYERS]; /* act[l-1] and bias[l-1]: layer l */
  bool bias[SL_NET_MAXLAYERS];
  sl_loss loss;
  double l2;
  sl_int label_base; /* the label of the first class: 0, or 1 for Lua */
} sl_net;

/* Names as a script writes them ("tanh", "cross_entropy"); parse is false for
** an unknown one. */
const char *sl_activation_name(sl_activation a);
bool sl_activation_parse(const char *name, sl_activation *a);
const char *sl_loss_name(sl_loss loss);
bool sl_loss_parse(const char *name, sl_loss *loss);

/* sl_net_check: sizes at least 1, l2 finite and >= 0, size of w fits.
** errors: SL_EARG. */
sl_status sl_net_check(const sl_net *net, sl_err *err);

/* sl_net_dim: number P of parameters of a checked net. */
sl_int sl_net_dim(const sl_net *net);

/* sl_net_offset: where W_l begins in w, l = 1 .. layers; layers + 1 gives P. */
sl_int sl_net_offset(const sl_net *net, int l);

/* Arguments below. w, v [P]; x [N x size[0]], N >= 1; y: i64 [N] for
** cross_entropy, else [N x size[layers]]. w, v, x, a float y and every output
** have one dtype, f64 or f32; all are contiguous. Outputs overlap no input.
** errors: SL_ESHAPE, SL_EDTYPE; SL_EINDEX label out of range; SL_ENOMEM;
** SL_EINTR, asked between blocks of samples. */

/* sl_net_value: *value = the objective.  cost: 2 N P flops. */
sl_status sl_net_value(const sl_net *net, double *value, const sl_tensor *w,
                       const sl_tensor *x, const sl_tensor *y, sl_err *err);

/* sl_net_value_grad: *value and grad [P].  cost: 6 N P flops. */
sl_status sl_net_value_grad(const sl_net *net, double *value, sl_tensor *grad,
                            const sl_tensor *w, const sl_tensor *x,
                            const sl_tensor *y, sl_err *err);

/* sl_net_sample_grads: out [N x P], row n the gradient of loss_n + l2/2 |w|^2,
** so that the mean of the rows is the gradient. */
sl_status sl_net_sample_grads(const sl_net *net, sl_tensor *out,
                              const sl_tensor *w, const sl_tensor *x,
                              const sl_tensor *y, sl_err *err);

/* sl_net_hvp: out [P] = H v, exact.  cost: 12 N P flops.
** source: Pearlmutter 1994, Fast exact multiplication by the Hessian. */
sl_status sl_net_hvp(const sl_net *net, sl_tensor *out, const sl_tensor *w,
                     const sl_tensor *v, const sl_tensor *x,
                     const sl_tensor *y, sl_err *err);

/* sl_net_along: per sample n the slope[n] = v'g_n and curve[n] = v'H_n v of
** loss_n + l2/2 |w|^2 along v; both [N]. Forward passes only. */
sl_status sl_net_along(const sl_net *net, sl_tensor *slope, sl_tensor *curve,
                       const sl_tensor *w, const sl_tensor *v,
                       const sl_tensor *x, const sl_tensor *y, sl_err *err);

/* sl_net_hvps: out [k x P], row j = H V_j for the rows of V [k x P]; several
** directions share a sweep, as wider products. Agrees with sl_net_hvp to
** rounding (the products have other shapes); for k = 1 to the bit. */
sl_status sl_net_hvps(const sl_net *net, sl_tensor *out, const sl_tensor *w,
                      const sl_tensor *V, const sl_tensor *x,
                      const sl_tensor *y, sl_err *err);

/* sl_net_hessian: H [P x P], exact, symmetric to the last bit.
** cost: about N P^2 flops, level-3 BLAS; areas of at most 96 MB, or of 16
** samples where that is more.
** source: Bishop 1992, Exact calculation of the Hessian matrix for the
** multilayer perceptron, summed over samples by matrix products. */
sl_status sl_net_hessian(const sl_net *net, sl_tensor *H, const sl_tensor *w,
                         const sl_tensor *x, const sl_tensor *y, sl_err *err);

/* sl_net_gauss_newton: G [P x P], the same way and as symmetric. */
sl_status sl_net_gauss_newton(const sl_net *net, sl_tensor *G,
                              const sl_tensor *w, const sl_tensor *x,
                              const sl_tensor *y, sl_err *err);

/* sl_net_block: out [dim of layer row x dim of layer column], a block of the
** Hessian or the Gauss-Newton matrix; layers from 1, row >= column (the others
** are transposes). The bits are those of the whole matrix.
** errors: SL_EARG a layer or a kind that is none. */
sl_status sl_net_block(const sl_net *net, sl_curvature kind, sl_tensor *out,
                       int row, int column, const sl_tensor *w,
                       const sl_tensor *x, const sl_tensor *y, sl_err *err);

/* sl_net_diagonal: out [P], the exact diagonal of the same two, without the
** rest: about 4 N (sum of widths) P / width flops and memory for a slab. */
sl_status sl_net_diagonal(const sl_net *net, sl_curvature kind, sl_tensor *out,
                          const sl_tensor *w, const sl_tensor *x,
                          const sl_tensor *y, sl_err *err);

/* sl_net_second_moment: S [P x P], the mean of g_n g_n' over samples, g_n as
** in sl_net_sample_grads; centred: of (g_n - g)(g_n - g)', by subtraction, so
** with errors of rounding relative to the uncentred one.  cost: as the
** Hessian's, less the chain. */
sl_status sl_net_second_moment(const sl_net *net, bool centred, sl_tensor *S,
                               const sl_tensor *w, const sl_tensor *x,
                               const sl_tensor *y, sl_err *err);

/* ---- a point: the passes at w kept for many products --------------------- */
typedef struct sl_net_point sl_net_point;

/* sl_net_point_bytes: what a point needs for N samples in dtype d; keep false:
** without the tapes, products then run the passes anew.  -1: too large. */
sl_int sl_net_point_bytes(const sl_net *net, sl_dtype d, sl_int N, bool keep);

/* sl_net_point_init: lays a point into 64-byte aligned memory of that size and
** takes value and gradient. w is copied; x and y must live as long. */
sl_status sl_net_point_init(sl_net_point *p, bool keep, const sl_net *net,
                            const sl_tensor *w, const sl_tensor *x,
                            const sl_tensor *y, sl_err *err);

/* Its number of parameters and its dtype. */
sl_int sl_net_point_dim(const sl_net_point *p, sl_dtype *d);
double sl_net_point_value(const sl_net_point *p);
sl_status sl_net_point_grad(const sl_net_point *p, sl_tensor *grad,
                            sl_err *err);
/* out = H V for V [P] or [k x P]; the bits of sl_net_hvp, sl_net_hvps. */
sl_status sl_net_point_hvps(const sl_net_point *p, sl_tensor *out,
                            const sl_tensor *V, sl_err *err);

#endif
