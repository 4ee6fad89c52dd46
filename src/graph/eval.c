/* eval.c: the rows of ops.def on concrete tensors: thin adaptors from integer
** attributes to the loops of the tensor layer. Element-wise rows need none:
** their lane runs them.  MIT licence. */
#include "graph/ops.h"

sl_status eval_iota(sl_tensor *out, const sl_tensor *const *in, int nin,
                    const sl_int *attr, int nattr, sl_err *err) {
  (void)in, (void)nin, (void)nattr, (void)err;
  sl_int *p = out->data;
  for (sl_int k = 0; k < attr[0]; k++) {
    p[k] = k;
  }
  return SL_OK;
}

sl_status eval_powi(sl_tensor *out, const sl_tensor *const *in, int nin,
                    const sl_int *attr, int nattr, sl_err *err) {
  (void)nin, (void)nattr;
  return sl_powi(out, in[0], attr[0], err);
}

sl_status eval_cast(sl_tensor *out, const sl_tensor *const *in, int nin,
                    const sl_int *attr, int nattr, sl_err *err) {
  (void)nin, (void)attr, (void)nattr;
  return sl_copy(out, in[0], err);
}

sl_status eval_copy(sl_tensor *out, const sl_tensor *const *in, int nin,
                    const sl_int *attr, int nattr, sl_err *err) {
  (void)nin, (void)attr, (void)nattr;
  return sl_copy(out, in[0], err);
}

/* ---- along axes ---------------------------------------------------------- */

#define REDUCTION(name, kind)                                               \
  sl_status eval_##name(sl_tensor *out, const sl_tensor *const *in, int nin, \
                        const sl_int *attr, int nattr, sl_err *err) {        \
    (void)nin, (void)nattr;                                                  \
    return sl_reduce(kind, out, in[0], (uint32_t)attr[0], err);              \
  }
REDUCTION(sum, SL_RSUM)
REDUCTION(amax, SL_RMAX)
REDUCTION(amin, SL_RMIN)
#undef REDUCTION

#define ALONG(name, call)                                                   \
  sl_status eval_##name(sl_tensor *out, const sl_tensor *const *in, int nin, \
                        const sl_int *attr, int nattr, sl_err *err) {        \
    (void)nin, (void)nattr;                                                  \
    const sl_tensor *x = in[0];                                              \
    int axis = (int)attr[0];                                                 \
    return call;                                                             \
  }
ALONG(argmax, sl_argext(true, out, x, axis, err))
ALONG(argmin, sl_argext(false, out, x, axis, err))
ALONG(cumsum, sl_cumsum(out, x, axis, err))
ALONG(softmax, sl_softmax(out, x, axis, err))
ALONG(logsumexp, sl_logsumexp(out, x, axis, err))
#undef ALONG

/* ---- views --------------------------------------------------------------- */

bool view_same(sl_tensor *out, const sl_tensor *in, const sl_int *attr,
               int nattr, const sl_type *type) {
  (void)attr, (void)nattr, (void)type;
  *out = *in;
  return true;
}

bool view_reshape(sl_tensor *out, const sl_tensor *in, const sl_int *attr,
                  int nattr, const sl_type *type) {
  (void)attr, (void)nattr;
  return sl_view_reshape(out, in, type);
}

bool view_broadcast(sl_tensor *out, const sl_tensor *in, const sl_int *attr,
                    int nattr, const sl_type *type) {
  (void)attr, (void)nattr;
  sl_view_broadcast(out, in, type);
  return true;
}

bool view_permute(sl_tensor *out, const sl_tensor *in, const sl_int *attr,
                  int nattr, const sl_type *type) {
  (void)type;
  int perm[SL_MAXDIM];
  for (int a = 0; a < nattr; a++) {
    perm[a] = (int)attr[a];
  }
  sl_view_permute(out, in, perm);
  return true;
}

bool view_slice(sl_tensor *out, const sl_tensor *in, const sl_int *attr,
                int nattr, const sl_type *type) {
  (void)type;
  *out = *in;
  for (int a = 0; a < nattr / 3; a++) {
    sl_tensor part = *out;
    sl_view_slice(out, &part, a, attr[3 * a], attr[3 * a + 1],
                  attr[3 * a + 2]);
  }
  return true;
}

/* A reshape that cannot be a view: copy in row-major order. */
sl_status eval_reshape(sl_tensor *out, const sl_tensor *const *in, int nin,
                       const sl_int *attr, int nattr, sl_err *err) {
  (void)nin, (void)attr, (void)nattr;
  sl_tensor flat;
  sl_tensor_init(&flat, &in[0]->type, out->data);
  return sl_copy(&flat, in[0], err);
}

/* ---- placing and picking ------------------------------------------------- */

sl_status eval_pad(sl_tensor *out, const sl_tensor *const *in, int nin,
                   const sl_int *attr, int nattr, sl_err *err) {
  (void)nin;
  sl_fill(out, 0.0, 0);
  sl_tensor hole = *out;
  for (int a = 0; a < nattr / 3; a++) {
    sl_tensor part = hole;
    sl_view_slice(&hole, &part, a, attr[3 * a], attr[3 * a + 1],
                  in[0]->type.shape[a]);
  }
  return sl_copy(&hole, in[0], err);
}

sl_status eval_concat(sl_tensor *out, const sl_tensor *const *in, int nin,
                      const sl_int *attr, int nattr, sl_err *err) {
  (void)nattr;
  int axis = (int)attr[0];
  sl_int start = 0;
  for (int i = 0; i < nin; i++) {
    sl_tensor part;
    sl_int len = in[i]->type.shape[axis];
    sl_view_slice(&part, out, axis, start, 1, len);
    SL_TRY(sl_copy(&part, in[i], err));
    start += len;
  }
  return SL_OK;
}

/* Runs f on every item of the first n axes, which the three share. */
typedef sl_status pick_fn(sl_tensor *out, const sl_tensor *x,
                          const sl_tensor *idx, int axis, sl_err *err);

static sl_status each_batch(pick_fn *f, int n, sl_tensor *out,
                            const sl_tensor *x, const sl_tensor *idx, int axis,
                            sl_err *err) {
  if (n == 0) {
    return f(out, x, idx, axis, err);
  }
  for (sl_int i = 0; i < x->type.shape[0]; i++) {
    sl_tensor o;
    sl_tensor a;
    sl_tensor b;
    sl_view_index(&o, out, 0, i);
    sl_view_index(&a, x, 0, i);
    sl_view_index(&b, idx, 0, i);
    SL_TRY(each_batch(f, n - 1, &o, &a, &b, axis - 1, err));
  }
  return SL_OK;
}

sl_status eval_gather(sl_tensor *out, const sl_tensor *const *in, int nin,
                      const sl_int *attr, int nattr, sl_err *err) {
  (void)nin, (void)nattr;
  return each_batch(sl_gather, (int)attr[1], out, in[0], in[1], (int)attr[0],
                    err);
}

sl_status eval_scatter(sl_tensor *out, const sl_tensor *const *in, int nin,
                       const sl_int *attr, int nattr, sl_err *err) {
  (void)nin, (void)nattr;
  return each_batch(sl_scatter, (int)attr[2], out, in[0], in[1], (int)attr[0],
                    err);
}

/* ---- contractions -------------------------------------------------------- */

sl_status eval_matmul(sl_tensor *out, const sl_tensor *const *in, int nin,
                      const sl_int *attr, int nattr, sl_err *err) {
  (void)nin, (void)nattr;
  return sl_matmul(out, in[0], in[1], attr[0] != 0, attr[1] != 0, err);
}

sl_status eval_solve(sl_tensor *out, const sl_tensor *const *in, int nin,
                     const sl_int *attr, int nattr, sl_err *err) {
  (void)nin, (void)nattr;
  return sl_solve(out, in[0], in[1], attr[0] != 0, err);
}
