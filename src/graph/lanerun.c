/* lanerun.c: a lane program on single numbers: every value has a cell, every
** operation the addresses of its cells, so that a run is a few loads, one
** kernel call of some nanoseconds an operation, and a few stores.
** MIT licence. */
#include <string.h>

#include "graph/lanecode.h"

struct sl_lanerun {
  sl_lanecode *code;
  sl_instr *instr; /* one an operation */
  double *cell;    /* by value */
};

void sl_lane_copy(sl_int n, void *out, sl_int so, const void *const *in,
                  const sl_int *si) {
  double *o = out;
  const double *x = in[0];
  for (sl_int k = 0; k < n; k++) {
    o[k * so] = x[k * si[0]];
  }
}

static const struct {
  sl_lane_fn *fn;
  sl_quick quick;
} quick_forms[] = {
    {sl_lane_copy, SL_QUICK_COPY},
    {sl_lane_add_product, SL_QUICK_ADD_PRODUCT},
    {sl_lane_sub_product, SL_QUICK_SUB_PRODUCT},
    {sl_lane_product_sub, SL_QUICK_PRODUCT_SUB},
    {sl_lane_sum_of_products, SL_QUICK_SUM_OF_PRODUCTS},
    {sl_lane_difference_of_products, SL_QUICK_DIFFERENCE_OF_PRODUCTS},
    {sl_lane_add_add, SL_QUICK_ADD_ADD},
    {sl_lane_add_sub, SL_QUICK_ADD_SUB},
    {sl_lane_sub_add, SL_QUICK_SUB_ADD},
    {sl_lane_sub_sub, SL_QUICK_SUB_SUB},
};

static const struct {
  sl_lane lane;
  sl_quick quick;
} quick_lanes[] = {
    {SL_LANE_add, SL_QUICK_ADD},   {SL_LANE_sub, SL_QUICK_SUB},
    {SL_LANE_mul, SL_QUICK_MUL},   {SL_LANE_mulz, SL_QUICK_MULZ},
    {SL_LANE_div, SL_QUICK_DIV},   {SL_LANE_neg, SL_QUICK_NEG},
};

sl_quick sl_quick_of(sl_lane_fn *fn) {
  for (size_t k = 0; k < sizeof quick_forms / sizeof *quick_forms; k++) {
    if (fn == quick_forms[k].fn) {
      return quick_forms[k].quick;
    }
  }
  for (size_t k = 0; k < sizeof quick_lanes / sizeof *quick_lanes; k++) {
    if (fn == sl_lane_get(quick_lanes[k].lane, SL_F64)) {
      return quick_lanes[k].quick;
    }
  }
  return SL_QUICK_NONE;
}

void sl_lanerun_free(sl_lanerun *r) {
  if (r != NULL) {
    sl_lanecode_free(r->code);
    sl_free(r->instr);
    sl_free(r->cell);
    sl_free(r);
  }
}

static void resolve(sl_lanerun *r) {
  const sl_lanecode *c = r->code;
  for (int32_t i = 0; i < c->nop; i++) {
    sl_instr *to = &r->instr[i];
    *to = (sl_instr){.fn = c->op[i].fn, .lanes = 1,
                     .out = &r->cell[c->op[i].out],
                     .quick = sl_quick_of(c->op[i].fn)};
    for (int k = 0; k < c->op[i].nin; k++) {
      to->in[k] = &r->cell[c->op[i].in[k]];
      to->step[k] = 1;
    }
  }
  for (int32_t i = 0; i < c->nload; i++) {
    if (c->load[i].source == SL_FROM_CONST) {
      r->cell[c->load[i].out] = c->load[i].value;
    }
  }
}

sl_status sl_lanerun_make(sl_lanerun **out, sl_lanecode *code, sl_err *err) {
  sl_lanerun *r = sl_malloc((sl_int)sizeof *r);
  *out = NULL;
  if (r == NULL) {
    sl_lanecode_free(code);
    return sl_fail(err, SL_ENOMEM, "program: no memory");
  }
  r->code = code;
  r->instr = sl_malloc((code->nop + 1) * (sl_int)sizeof *r->instr);
  r->cell = sl_malloc((code->nvalue + 1) * (sl_int)sizeof *r->cell);
  if (r->instr == NULL || r->cell == NULL) {
    sl_fail(err, SL_ENOMEM, "program: no memory for %d operations", code->nop);
    sl_lanerun_free(r);
    return SL_ENOMEM;
  }
  resolve(r);
  *out = r;
  return SL_OK;
}

int32_t sl_lanerun_ops(const sl_lanerun *r) { return r->code->nop; }

void sl_lane_read(double *cell, const sl_tensor *t, sl_int e) {
  sl_int at = e;
  if (t->type.ndim == 1) {
    at = e * t->stride[0];
  } else if (!sl_is_contiguous(t)) {
    at = 0;
    for (int a = t->type.ndim - 1; a >= 0; a--) {
      at += e % t->type.shape[a] * t->stride[a];
      e /= t->type.shape[a];
    }
  }
  if (t->type.dtype == SL_F64) {
    *cell = ((const double *)t->data)[at];
  } else {
    *(uint8_t *)cell = ((const uint8_t *)t->data)[at];
  }
}

static void load(const sl_lanerun *r, const sl_tensor *const *inputs,
                 const sl_tensor *const *captures, const double *slots) {
  for (int32_t i = 0; i < r->code->nload; i++) {
    const sl_lload *l = &r->code->load[i];
    double *cell = &r->cell[l->out];
    switch ((sl_source)l->source) {
      case SL_FROM_INPUT:
        sl_lane_read(cell, inputs[l->k], l->element);
        break;
      case SL_FROM_CAPTURE:
        sl_lane_read(cell, captures[l->k], l->element);
        break;
      case SL_FROM_SLOT:
        *cell = slots[l->k];
        break;
      default:
        break;
    }
  }
}

static void store(const sl_lanerun *r, sl_tensor *const *out) {
  const sl_lanecode *c = r->code;
  for (int k = 0; k < c->nresult; k++) {
    sl_int count = c->first[k + 1] - c->first[k];
    const int32_t *from = c->out + c->first[k];
    double *f64 = out[k]->data;
    uint8_t *u8 = out[k]->data;
    bool mask = out[k]->type.dtype == SL_U8;
    for (sl_int e = 0; e < count; e++) {
      if (mask) {
        u8[e] = *(const uint8_t *)&r->cell[from[e]];
      } else {
        f64[e] = r->cell[from[e]];
      }
    }
  }
}

void sl_lanerun_run(const sl_lanerun *r, const sl_tensor *const *inputs,
                    const sl_tensor *const *captures, const double *slots,
                    sl_tensor *const *out) {
  load(r, inputs, captures, slots);
  sl_execute_one(r->instr, r->code->nop);
  store(r, out);
}
