/* network.c: the public face of the network passes: names, layout, argument
** checks; the work is done by net_f64.c and net_f32.c.  MIT licence. */
#include "num/network.h"

#include <math.h>
#include <string.h>

#include "num/net.h"

static const char *const act_names[SL_NACT] = {
    [SL_ACT_IDENTITY] = "identity", [SL_ACT_TANH] = "tanh",
    [SL_ACT_SIGMOID] = "sigmoid",   [SL_ACT_RELU] = "relu",
    [SL_ACT_SOFTPLUS] = "softplus"};
static const char *const loss_names[SL_NLOSS] = {
    [SL_LOSS_CROSS_ENTROPY] = "cross_entropy",
    [SL_LOSS_MSE] = "mse",
    [SL_LOSS_BCE] = "bce"};

static int find(const char *const *names, int count, const char *name) {
  for (int i = 0; i < count; i++) {
    if (strcmp(names[i], name) == 0) {
      return i;
    }
  }
  return -1;
}

const char *sl_activation_name(sl_activation a) { return act_names[a]; }
const char *sl_loss_name(sl_loss loss) { return loss_names[loss]; }

bool sl_activation_parse(const char *name, sl_activation *a) {
  int i = find(act_names, SL_NACT, name);
  *a = i < 0 ? *a : (sl_activation)i;
  return i >= 0;
}

bool sl_loss_parse(const char *name, sl_loss *loss) {
  int i = find(loss_names, SL_NLOSS, name);
  *loss = i < 0 ? *loss : (sl_loss)i;
  return i >= 0;
}

sl_int sl_net_offset(const sl_net *net, int l) {
  sl_int at = 0;
  for (int k = 1; k < l; k++) {
    at += net->size[k] * (net->size[k - 1] + (net->bias[k - 1] ? 1 : 0));
  }
  return at;
}

sl_int sl_net_dim(const sl_net *net) {
  return sl_net_offset(net, net->layers + 1);
}

sl_status sl_net_check(const sl_net *net, sl_err *err) {
  if (net->layers < 1 || net->layers > SL_NET_MAXLAYERS) {
    return sl_fail(err, SL_EARG, "network: layers must be 1 to %d, is %d",
                   SL_NET_MAXLAYERS, net->layers);
  }
  if (!(net->l2 >= 0) || !isfinite(net->l2)) {
    return sl_fail(err, SL_EARG, "network: l2 must be finite and >= 0, is %g",
                   net->l2);
  }
  for (int l = 0; l <= net->layers; l++) {
    if (net->size[l] < 1 || net->size[l] > INT32_MAX) {
      return sl_fail(err, SL_EARG,
                     "network: size %d must be 1 to %d, is %lld", l + 1,
                     INT32_MAX, (long long)net->size[l]);
    }
  }
  sl_int total = 0, part;
  for (int l = 1; l <= net->layers; l++) {
    if (!sl_mul(net->size[l], net->size[l - 1] + 1, &part) ||
        !sl_add(total, part, &total)) {
      return sl_fail(err, SL_EARG, "network: too many parameters");
    }
  }
  return SL_OK;
}

static sl_status check_one(const char *where, const char *name,
                           const sl_tensor *t, sl_dtype d, int ndim, sl_int n0,
                           sl_int n1, sl_err *err) {
  sl_type want = {.dtype = d, .ndim = ndim, .shape = {n0, n1}};
  char has[200], need[200];
  if (sl_type_eq(&t->type, &want) && sl_is_contiguous(t)) {
    return SL_OK;
  }
  return sl_fail(err, t->type.dtype == d ? SL_ESHAPE : SL_EDTYPE,
                 "%s: %s must be %s, is %s%s", where, name,
                 sl_type_text(need, sizeof need, &want),
                 sl_type_text(has, sizeof has, &t->type),
                 sl_is_contiguous(t) ? "" : " (not contiguous)");
}

static sl_status check_labels(const char *where, const sl_net *net,
                              const int64_t *label, sl_int samples,
                              sl_err *err) {
  sl_int first = net->label_base, classes = net->size[net->layers];
  for (sl_int i = 0; i < samples; i++) {
    if (label[i] < first || label[i] >= first + classes) {
      return sl_fail(err, SL_EINDEX,
                     "%s: y has label %lld at position %lld; the labels of "
                     "%lld classes are %lld to %lld",
                     where, (long long)label[i], (long long)(i + first),
                     (long long)classes, (long long)first,
                     (long long)(first + classes - 1));
    }
  }
  return SL_OK;
}

/* Checks the common arguments and fills the job; v may be NULL. */
static sl_status prepare(sl_net_job *job, const char *where, const sl_net *net,
                         const sl_tensor *w, const sl_tensor *v,
                         const sl_tensor *x, const sl_tensor *y, sl_err *err) {
  sl_dtype d = w->type.dtype;
  char text[200];
  SL_TRY(sl_net_check(net, err));
  if (!sl_dtype_isfloat(d)) {
    return sl_fail(err, SL_EDTYPE, "%s: w must be f64 or f32, is %s", where,
                   sl_type_text(text, sizeof text, &w->type));
  }
  sl_int P = sl_net_dim(net), N = x->type.ndim == 2 ? x->type.shape[0] : 0;
  SL_TRY(check_one(where, "w", w, d, 1, P, 0, err));
  if (v) {
    SL_TRY(check_one(where, "v", v, d, 1, P, 0, err));
  }
  SL_TRY(check_one(where, "x", x, d, 2, N, net->size[0], err));
  if (N < 1 || N > INT32_MAX) {
    return sl_fail(err, SL_ESHAPE, "%s: x must hold at least one sample, is %s",
                   where, sl_type_text(text, sizeof text, &x->type));
  }
  if (net->loss == SL_LOSS_CROSS_ENTROPY) {
    SL_TRY(check_one(where, "y", y, SL_I64, 1, N, 0, err));
    SL_TRY(check_labels(where, net, y->data, N, err));
  } else {
    SL_TRY(check_one(where, "y", y, d, 2, N, net->size[net->layers], err));
  }
  *job = (sl_net_job){net,     N,       w->data, v ? v->data : NULL,
                      x->data, y->data, NULL};
  return SL_OK;
}

static const sl_net_ops *ops_for(sl_dtype d) {
  return d == SL_F32 ? &sl_net_f32 : &sl_net_f64;
}

static const sl_net_ops *ops_of(const sl_tensor *w) {
  return ops_for(w->type.dtype);
}

sl_status sl_net_value(const sl_net *net, double *value, const sl_tensor *w,
                       const sl_tensor *x, const sl_tensor *y, sl_err *err) {
  sl_net_job job;
  SL_TRY(prepare(&job, "network.value", net, w, NULL, x, y, err));
  return ops_of(w)->value_grad(&job, value, NULL, err);
}

sl_status sl_net_value_grad(const sl_net *net, double *value, sl_tensor *grad,
                            const sl_tensor *w, const sl_tensor *x,
                            const sl_tensor *y, sl_err *err) {
  const char *where = "network.value_grad";
  sl_net_job job;
  SL_TRY(prepare(&job, where, net, w, NULL, x, y, err));
  SL_TRY(check_one(where, "grad", grad, w->type.dtype, 1, w->type.shape[0], 0,
                   err));
  return ops_of(w)->value_grad(&job, value, grad->data, err);
}

sl_status sl_net_sample_grads(const sl_net *net, sl_tensor *out,
                              const sl_tensor *w, const sl_tensor *x,
                              const sl_tensor *y, sl_err *err) {
  const char *where = "network.sample_grads";
  sl_net_job job;
  SL_TRY(prepare(&job, where, net, w, NULL, x, y, err));
  SL_TRY(check_one(where, "out", out, w->type.dtype, 2, job.samples,
                   w->type.shape[0], err));
  return ops_of(w)->sample_grads(&job, out->data, err);
}

sl_status sl_net_hvp(const sl_net *net, sl_tensor *out, const sl_tensor *w,
                     const sl_tensor *v, const sl_tensor *x,
                     const sl_tensor *y, sl_err *err) {
  const char *where = "network.hvp";
  sl_net_job job;
  SL_TRY(prepare(&job, where, net, w, v, x, y, err));
  SL_TRY(
      check_one(where, "out", out, w->type.dtype, 1, w->type.shape[0], 0, err));
  return ops_of(w)->hvps(&job, 1, out->data, err);
}

sl_status sl_net_along(const sl_net *net, sl_tensor *slope, sl_tensor *curve,
                       const sl_tensor *w, const sl_tensor *v,
                       const sl_tensor *x, const sl_tensor *y, sl_err *err) {
  const char *where = "network.along";
  sl_net_job job;
  SL_TRY(prepare(&job, where, net, w, v, x, y, err));
  sl_dtype d = w->type.dtype;
  SL_TRY(check_one(where, "slope", slope, d, 1, job.samples, 0, err));
  SL_TRY(check_one(where, "curve", curve, d, 1, job.samples, 0, err));
  return ops_of(w)->along(&job, slope->data, curve->data, err);
}

/* V and out as k rows of P. */
static sl_status check_rows(const char *where, const sl_tensor *out,
                            const sl_tensor *V, sl_dtype d, sl_int P,
                            sl_int *k, sl_err *err) {
  int ndim = V->type.ndim == 1 ? 1 : 2;
  *k = V->type.ndim > 1 ? V->type.shape[0] : 1;
  sl_int n0 = ndim == 2 ? *k : P, n1 = ndim == 2 ? P : 0;
  SL_TRY(check_one(where, "v", V, d, ndim, n0, n1, err));
  return check_one(where, "out", out, d, ndim, n0, n1, err);
}

sl_status sl_net_hvps(const sl_net *net, sl_tensor *out, const sl_tensor *w,
                      const sl_tensor *V, const sl_tensor *x,
                      const sl_tensor *y, sl_err *err) {
  const char *where = "network.hvps";
  sl_net_job job;
  sl_int k;
  SL_TRY(prepare(&job, where, net, w, NULL, x, y, err));
  SL_TRY(check_rows(where, out, V, w->type.dtype, w->type.shape[0], &k, err));
  job.v = V->data;
  return ops_of(w)->hvps(&job, k, out->data, err);
}

/* ---- curvature ----------------------------------------------------------- */
static sl_status square(const char *where, const sl_net *net,
                        sl_curvature kind, sl_tensor *H, const sl_tensor *w,
                        const sl_tensor *x, const sl_tensor *y, sl_err *err) {
  sl_net_job job;
  SL_TRY(prepare(&job, where, net, w, NULL, x, y, err));
  sl_int P = w->type.shape[0];
  SL_TRY(check_one(where, "H", H, w->type.dtype, 2, P, P, err));
  return ops_of(w)->curvature(&job, kind, H->data, err);
}

sl_status sl_net_hessian(const sl_net *net, sl_tensor *H, const sl_tensor *w,
                         const sl_tensor *x, const sl_tensor *y, sl_err *err) {
  return square("network.hessian", net, SL_CURVATURE_HESSIAN, H, w, x, y, err);
}

sl_status sl_net_gauss_newton(const sl_net *net, sl_tensor *G,
                              const sl_tensor *w, const sl_tensor *x,
                              const sl_tensor *y, sl_err *err) {
  return square("network.gauss_newton", net, SL_CURVATURE_GAUSS_NEWTON, G, w,
                x, y, err);
}

static sl_status check_kind(const char *where, sl_curvature kind,
                            sl_err *err) {
  if (kind == SL_CURVATURE_HESSIAN || kind == SL_CURVATURE_GAUSS_NEWTON) {
    return SL_OK;
  }
  return sl_fail(err, SL_EARG, "%s: kind must be Hessian or Gauss-Newton",
                 where);
}

sl_status sl_net_block(const sl_net *net, sl_curvature kind, sl_tensor *out,
                       int row, int column, const sl_tensor *w,
                       const sl_tensor *x, const sl_tensor *y, sl_err *err) {
  const char *where = "network.block";
  sl_net_job job;
  SL_TRY(check_kind(where, kind, err));
  SL_TRY(prepare(&job, where, net, w, NULL, x, y, err));
  if (column < 1 || row < column || row > net->layers) {
    return sl_fail(err, SL_EARG,
                   "%s: layers must be 1 to %d, the row's at least the "
                   "column's, are %d and %d",
                   where, net->layers, row, column);
  }
  SL_TRY(check_one(where, "out", out, w->type.dtype, 2,
                   sl_net_layer_dim(net, row), sl_net_layer_dim(net, column),
                   err));
  return ops_of(w)->layer_block(&job, kind, row, column, out->data, err);
}

sl_status sl_net_diagonal(const sl_net *net, sl_curvature kind, sl_tensor *out,
                          const sl_tensor *w, const sl_tensor *x,
                          const sl_tensor *y, sl_err *err) {
  const char *where = "network.diagonal";
  sl_net_job job;
  SL_TRY(check_kind(where, kind, err));
  SL_TRY(prepare(&job, where, net, w, NULL, x, y, err));
  SL_TRY(
      check_one(where, "out", out, w->type.dtype, 1, w->type.shape[0], 0, err));
  return ops_of(w)->diagonal(&job, kind, out->data, err);
}

sl_status sl_net_second_moment(const sl_net *net, bool centred, sl_tensor *S,
                               const sl_tensor *w, const sl_tensor *x,
                               const sl_tensor *y, sl_err *err) {
  const char *where = "network.second_moment";
  sl_net_job job;
  SL_TRY(prepare(&job, where, net, w, NULL, x, y, err));
  sl_int P = w->type.shape[0];
  SL_TRY(check_one(where, "S", S, w->type.dtype, 2, P, P, err));
  return ops_of(w)->second_moment(&job, centred, S->data, err);
}

/* ---- points -------------------------------------------------------------- */
enum { HEAD = (sizeof(sl_net_point) + 63) / 64 * 64 };

sl_int sl_net_point_bytes(const sl_net *net, sl_dtype d, sl_int N, bool keep) {
  sl_int count = ops_for(d)->point_elements(net, N < 1 ? 1 : N, keep);
  return count < 0 ? -1 : HEAD + count * sl_dtype_size(d);
}

sl_status sl_net_point_init(sl_net_point *p, bool keep, const sl_net *net,
                            const sl_tensor *w, const sl_tensor *x,
                            const sl_tensor *y, sl_err *err) {
  sl_net_job job;
  SL_TRY(prepare(&job, "network.point", net, w, NULL, x, y, err));
  *p = (sl_net_point){.net = *net, .dtype = w->type.dtype,
                      .samples = job.samples, .x = job.x, .y = job.y};
  job.net = &p->net;
  return ops_of(w)->point_init(&job, p, (char *)p + HEAD, keep, err);
}

sl_int sl_net_point_dim(const sl_net_point *p, sl_dtype *d) {
  *d = p->dtype;
  return sl_net_dim(&p->net);
}

double sl_net_point_value(const sl_net_point *p) { return p->value; }

sl_status sl_net_point_grad(const sl_net_point *p, sl_tensor *grad,
                            sl_err *err) {
  sl_int P = sl_net_dim(&p->net);
  SL_TRY(check_one("network.point.grad", "grad", grad, p->dtype, 1, P, 0,
                   err));
  memcpy(grad->data, p->grad, (size_t)(P * sl_dtype_size(p->dtype)));
  return SL_OK;
}

sl_status sl_net_point_hvps(const sl_net_point *p, sl_tensor *out,
                            const sl_tensor *V, sl_err *err) {
  const char *where = "network.point.hvps";
  sl_int P = sl_net_dim(&p->net), k;
  SL_TRY(check_rows(where, out, V, p->dtype, P, &k, err));
  if (!p->tapes && p->net.loss == SL_LOSS_CROSS_ENTROPY) {
    /* read anew, and may have been changed in place */
    SL_TRY(check_labels(where, &p->net, p->y, p->samples, err));
  }
  sl_net_job job = {&p->net, p->samples, p->w, V->data, p->x, p->y,
                    p->tapes ? p : NULL};
  return ops_for(p->dtype)->hvps(&job, k, out->data, err);
}
