/* ops.h: prototypes of the shape, evaluation, view, jvp, transpose and batch
** functions that ops.def names; ops.c gathers them into sl_ops.
** Private to src/graph.  MIT licence. */
#ifndef SL_OPS_H
#define SL_OPS_H

#include "graph/graph.h"

/* shape.c: the type of a result. Messages name both shapes. */
sl_shape_fn shape_leaf, shape_iota, shape_arith, shape_float, shape_test,
    shape_logic, shape_compare, shape_where, shape_same, shape_cast, shape_sum,
    shape_reduce, shape_argext, shape_axis, shape_axisf, shape_dropf,
    shape_reshape, shape_broadcast, shape_permute, shape_slice, shape_pad,
    shape_concat, shape_gather, shape_scatter, shape_matmul, shape_solve;

/* eval.c: results on concrete tensors. */
sl_eval_fn eval_iota, eval_powi, eval_cast, eval_copy, eval_sum, eval_amax,
    eval_amin, eval_argmax, eval_argmin, eval_cumsum, eval_softmax,
    eval_logsumexp, eval_reshape, eval_pad, eval_concat,
    eval_gather, eval_scatter, eval_matmul, eval_solve;
sl_view_fn view_same, view_reshape, view_broadcast, view_permute, view_slice;

/* partials.c: derivatives of element-wise rows. */
sl_jvp_fn d_abs, d_exp, d_expm1, d_log, d_log1p, d_sqrt, d_sin, d_cos, d_tan,
    d_asin, d_acos, d_atan, d_sinh, d_cosh, d_tanh, d_asinh, d_acosh, d_atanh,
    d_sigmoid, d_softplus, d_erf, d_erfc, d_powi, d_mul, d_div, d_pow,
    d_maximum, d_minimum, d_atan2, d_hypot, d_mod;

/* jvp.c: derivatives of the other rows. */
sl_jvp_fn j_linear, j_cast, j_add, j_sub, j_mulz, j_where, j_amax, j_amin,
    j_softmax, j_logsumexp, j_concat, j_gather, j_scatter, j_matmul, j_solve;

/* transpose.c: cotangents of linear operands. */
sl_transpose_fn t_neg, t_cast, t_add, t_sub, t_mulz, t_where, t_sum, t_cumsum,
    t_reshape, t_broadcast, t_permute, t_slice, t_pad, t_concat, t_gather,
    t_scatter, t_matmul, t_solve;

/* batch.c: a leading axis carried through. */
sl_batch_fn b_leaf, b_map, b_attr, b_powi, b_reduce, b_axis, b_reshape,
    b_broadcast, b_permute, b_slice, b_pad, b_concat, b_gather, b_scatter,
    b_matmul, b_solve;

#endif
