/* ops.c: ops.def made into the table sl_ops, and the three ways to use a row:
** infer its type, run it, view it.  MIT licence. */
#include "graph/ops.h"

#include <string.h>

enum { SL_LANE_none = -1 };

/* Element-wise rows are run by their lane; the row's other column marks it. */
#define eval_map 0

const sl_opinfo sl_ops[SL_NOP] = {
#define SL_OP(name, arity, cls, lane, shape, eval, view, jvp, transpose, batch, \
              domain, tol, doc)                                                 \
  [SL_OP_##name] = {#name, arity, cls,   (sl_lane)SL_LANE_##lane,               \
                    shape, eval,  view,  jvp, transpose, batch,                 \
                    domain, tol,  doc},
#include "graph/ops.def"
#undef SL_OP
};

int sl_op_find(const char *name) {
  for (int op = 0; op < SL_NOP; op++) {
    if (strcmp(sl_ops[op].name, name) == 0) {
      return op;
    }
  }
  return -1;
}

sl_status sl_op_type(sl_op op, const sl_type *in, int nin, const sl_int *attr,
                     int nattr, sl_type *out, sl_err *err) {
  if (sl_ops[op].arity >= 0 && nin != sl_ops[op].arity) {
    return sl_fail(err, SL_EARG, "%s: expected %d operands, got %d",
                   sl_ops[op].name, sl_ops[op].arity, nin);
  }
  sl_err inner;
  sl_status s = sl_ops[op].shape(in, nin, attr, nattr, out, &inner);
  return s == SL_OK ? s
                    : sl_fail(err, s, "%s: %.600s", sl_ops[op].name, inner.msg);
}

/* Operands of other shapes are broadcast by stride 0. */
static sl_status eval_lane(sl_lane lane, sl_tensor *out,
                           const sl_tensor *const *in, int nin, sl_err *err) {
  sl_tensor wide[3];
  const sl_tensor *arg[3];
  for (int i = 0; i < nin; i++) {
    arg[i] = in[i];
    if (!sl_shape_eq(&in[i]->type, &out->type)) {
      sl_view_broadcast(&wide[i], in[i], &out->type);
      arg[i] = &wide[i];
    }
  }
  return sl_map(lane, out, nin, arg, err);
}

sl_status sl_op_eval(sl_op op, sl_tensor *out, const sl_tensor *const *in,
                     int nin, const sl_int *attr, int nattr, sl_err *err) {
  const sl_opinfo *row = &sl_ops[op];
  if (row->cls == SL_MAP) {
    return eval_lane(row->lane, out, in, nin, err);
  }
  sl_tensor view;
  if (nin == 1 && sl_op_view(op, &view, in[0], attr, nattr, &out->type)) {
    return sl_copy(out, &view, err);
  }
  if (row->eval == NULL) {
    return sl_fail(err, SL_EBUG, "%s: a leaf cannot be run", row->name);
  }
  return row->eval(out, in, nin, attr, nattr, err);
}

bool sl_op_view(sl_op op, sl_tensor *out, const sl_tensor *in,
                const sl_int *attr, int nattr, const sl_type *type) {
  sl_view_fn *view = sl_ops[op].view;
  return view != NULL && view(out, in, attr, nattr, type);
}
