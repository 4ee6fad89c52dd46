/* map.c: element-wise operations. Small and contiguous operands go straight to
** the lane kernel; all else through the nest. MIT licence. */
#include "tensor/nest.h"

static sl_status bad_operand(sl_lane lane, const char *which,
                             const sl_type *given, const sl_type *out,
                             sl_status code, sl_err *err) {
  char a[256], b[256];
  return sl_fail(err, code, "%s: operand %s is %s, the result is %s",
                 sl_lane_name(lane), which, sl_type_text(a, sizeof a, given),
                 sl_type_text(b, sizeof b, out));
}

/* The dtype that chooses the kernel: of the last operand, which for `where`
** skips the mask. */
static sl_status check(sl_lane lane, const sl_tensor *out, int nin,
                       const sl_tensor *const *in, sl_err *err) {
  sl_dtype d = in[nin - 1]->type.dtype;
  if (nin != sl_lane_arity(lane) || sl_lane_get(lane, d) == NULL) {
    return sl_fail(err, SL_EDTYPE, "%s: not defined for %s",
                   sl_lane_name(lane), sl_dtype_name(d));
  }
  static const char *const names[] = {"1", "2", "3"};
  for (int i = 0; i < nin; i++) {
    sl_dtype want = nin == 3 && i == 0 ? SL_U8 : d;
    if (in[i]->type.dtype != want) {
      return sl_fail(err, SL_EDTYPE, "%s: operand %d is %s, expected %s",
                     sl_lane_name(lane), i + 1,
                     sl_dtype_name(in[i]->type.dtype), sl_dtype_name(want));
    }
    if (!sl_shape_eq(&in[i]->type, &out->type)) {
      return bad_operand(lane, names[i], &in[i]->type, &out->type, SL_ESHAPE,
                         err);
    }
  }
  if (out->type.dtype != sl_lane_result(lane, d)) {
    return bad_operand(lane, names[nin - 1], &in[nin - 1]->type, &out->type,
                       SL_EDTYPE, err);
  }
  return SL_OK;
}

typedef struct map_job {
  sl_lane_fn *fn;
} map_job;

static void map_row(void *ctx, sl_int n, char *const *p, const sl_int *s) {
  const map_job *job = ctx;
  job->fn(n, p[0], s[0], (const void *const *)(p + 1), s + 1);
}

sl_status sl_map(sl_lane lane, sl_tensor *out, int nin,
                 const sl_tensor *const *in, sl_err *err) {
  SL_TRY(check(lane, out, nin, in, err));
  map_job job = {sl_lane_get(lane, in[nin - 1]->type.dtype)};
  sl_int n = sl_numel(&out->type), so, si[3];
  const void *p[3];
  bool flat = n <= SL_SERIAL && sl_flat_step(out, &so);
  for (int i = 0; i < nin && flat; i++) {
    flat = sl_flat_step(in[i], &si[i]);
    p[i] = in[i]->data;
  }
  if (flat) {
    job.fn(n, out->data, so, p, si);
    return SL_OK;
  }
  sl_nest t;
  sl_nest_init(&t, out->type.ndim, out->type.shape);
  sl_nest_add(&t, out->data, out->type.dtype, out->stride);
  for (int i = 0; i < nin; i++) {
    sl_nest_add(&t, in[i]->data, in[i]->type.dtype, in[i]->stride);
  }
  sl_nest_finish(&t, true);
  t.alone = sl_lane_slow(lane) ? SL_SERIAL : SL_NEST_LIGHT;
  return sl_nest_run(&t, true, map_row, &job, sl_lane_name(lane), err);
}

/* ---- integer powers ------------------------------------------------------ */

typedef struct powi_job {
  sl_dtype dtype;
  sl_int p;
} powi_job;

static void powi_row(void *ctx, sl_int n, char *const *p, const sl_int *s) {
  const powi_job *job = ctx;
  sl_kern_powi(job->dtype, n, p[0], s[0], p[1], s[1], job->p);
}

sl_status sl_powi(sl_tensor *out, const sl_tensor *in, sl_int p, sl_err *err) {
  char a[256], b[256];
  sl_dtype d = in->type.dtype;
  if (!sl_type_eq(&out->type, &in->type)) {
    return sl_fail(err, SL_ESHAPE, "powi: the operand is %s, the result is %s",
                   sl_type_text(a, sizeof a, &in->type),
                   sl_type_text(b, sizeof b, &out->type));
  }
  if (d == SL_U8) {
    return sl_fail(err, SL_EDTYPE, "powi: not defined for u8");
  }
  if (d == SL_I64 && p < 0) {
    return sl_fail(err, SL_EDOM,
                   "powi: an i64 tensor cannot take the negative power %lld",
                   (long long)p);
  }
  powi_job job = {d, p};
  sl_int n = sl_numel(&out->type), so, si;
  if (n <= SL_SERIAL && sl_flat_step(out, &so) && sl_flat_step(in, &si)) {
    sl_kern_powi(d, n, out->data, so, in->data, si, p);
    return SL_OK;
  }
  sl_nest t;
  sl_nest_init(&t, out->type.ndim, out->type.shape);
  sl_nest_add(&t, out->data, d, out->stride);
  sl_nest_add(&t, in->data, d, in->stride);
  sl_nest_finish(&t, true);
  return sl_nest_run(&t, true, powi_row, &job, "powi", err);
}
