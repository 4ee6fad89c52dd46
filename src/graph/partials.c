/* partials.c: derivatives of the element-wise rows of ops.def. A tangent is
** always multiplied by `mulz`, which keeps a zero tangent zero whatever the
** factor: where(x > 0, sqrt(x), 0) has derivative 0 at 0, not 0 * inf.
** Forms are chosen to lose no digits near the ends of their domains, but for
** tanh, whose 1 - y^2 is within rounding of 1, not of itself, in its tails.
** MIT licence. */
#include "graph/ops.h"
#include "graph/rules.h"

#include <math.h>

static sl_node operand(sl_build *b, sl_node y, int i) {
  return (sl_node)sl_node_in(b->g, y)[i];
}

#define OP1(name, op)                                  \
  static sl_node name(sl_build *b, sl_node x) {        \
    return sl_emit1(b, op, x);                         \
  }
#define OP2(name, op)                                  \
  static sl_node name(sl_build *b, sl_node x, sl_node y) { \
    return sl_emit2(b, op, x, y);                      \
  }
OP1(neg, SL_OP_neg)
OP1(sqrt_, SL_OP_sqrt)
OP2(add, SL_OP_add)
OP2(sub, SL_OP_sub)
OP2(mul, SL_OP_mul)
OP2(div_, SL_OP_div)
#undef OP1
#undef OP2

static sl_node one(sl_build *b, sl_node like) {
  return sl_const_like(b, 1.0, like);
}

static sl_node recip(sl_build *b, sl_node x) { return div_(b, one(b, x), x); }

/* (1 - x)(1 + x): 1 - x^2 without cancellation near 1 */
static sl_node one_minus_square(sl_build *b, sl_node x) {
  return mul(b, sub(b, one(b, x), x), add(b, one(b, x), x));
}

/* Unary rows: the factor of the tangent, from x and y = f(x). */
#define PARTIAL(name, factor)                                    \
  sl_node d_##name(sl_build *b, sl_node y, const sl_node *dx) {  \
    if (dx[0] == SL_NONE) {                                      \
      return SL_NONE;                                            \
    }                                                            \
    sl_node x = operand(b, y, 0);                                \
    (void)x;                                                     \
    return sl_zmul(b, dx[0], factor);                            \
  }

PARTIAL(abs, sl_emit1(b, SL_OP_sign, x))
PARTIAL(exp, y)
PARTIAL(expm1, sl_emit1(b, SL_OP_exp, x))
PARTIAL(log, recip(b, x))
PARTIAL(log1p, recip(b, add(b, one(b, x), x)))
PARTIAL(sqrt, div_(b, sl_const_like(b, 0.5, y), y))
PARTIAL(sin, sl_emit1(b, SL_OP_cos, x))
PARTIAL(cos, neg(b, sl_emit1(b, SL_OP_sin, x)))
PARTIAL(tan, add(b, one(b, y), mul(b, y, y)))
PARTIAL(asin, recip(b, sqrt_(b, one_minus_square(b, x))))
PARTIAL(acos, neg(b, recip(b, sqrt_(b, one_minus_square(b, x)))))
PARTIAL(atan, recip(b, add(b, one(b, x), mul(b, x, x))))
PARTIAL(sinh, sl_emit1(b, SL_OP_cosh, x))
PARTIAL(cosh, sl_emit1(b, SL_OP_sinh, x))
PARTIAL(tanh, one_minus_square(b, y))
PARTIAL(asinh, recip(b, sl_emit2(b, SL_OP_hypot, one(b, x), x)))
PARTIAL(acosh, recip(b, mul(b, sqrt_(b, sub(b, x, one(b, x))),
                            sqrt_(b, add(b, x, one(b, x))))))
PARTIAL(atanh, recip(b, one_minus_square(b, x)))
PARTIAL(sigmoid, mul(b, y, sl_emit1(b, SL_OP_sigmoid, neg(b, x))))
PARTIAL(softplus, sl_emit1(b, SL_OP_sigmoid, x))

/* 2/sqrt(pi) e^{-x^2} */
static sl_node gauss(sl_build *b, double scale, sl_node x) {
  sl_node e = sl_emit1(b, SL_OP_exp, neg(b, mul(b, x, x)));
  return mul(b, sl_const_like(b, scale * M_2_SQRTPI, x), e);
}
PARTIAL(erf, gauss(b, 1.0, x))
PARTIAL(erfc, gauss(b, -1.0, x))
#undef PARTIAL

sl_node d_powi(sl_build *b, sl_node y, const sl_node *dx) {
  sl_int n = sl_node_attr(b->g, y)[0];
  if (dx[0] == SL_NONE || n == 0) {
    return SL_NONE;
  }
  sl_node x = operand(b, y, 0);
  sl_node factor = sl_const_like(b, (double)n, x);
  sl_int less = n - 1;
  if (n == 2) {
    factor = mul(b, factor, x);
  } else if (n != 1) {
    factor = mul(b, factor, sl_emit(b, SL_OP_powi, 1, &x, 1, &less));
  }
  return sl_zmul(b, dx[0], factor);
}

/* ---- two operands -------------------------------------------------------- */

sl_node d_mul(sl_build *b, sl_node y, const sl_node *dx) {
  sl_node u = operand(b, y, 0);
  sl_node v = operand(b, y, 1);
  return sl_zadd(b, sl_zmul(b, dx[0], v), sl_zmul(b, dx[1], u));
}

sl_node d_div(sl_build *b, sl_node y, const sl_node *dx) {
  sl_node v = operand(b, y, 1);
  sl_node r = recip(b, v);
  sl_node du = sl_zmul(b, dx[0], r);
  sl_node dv = dx[1] == SL_NONE ? SL_NONE : sl_zmul(b, dx[1], mul(b, y, r));
  return sl_zadd(b, du, sl_zneg(b, dv));
}

/* x^y: y x^(y-1) dx + x^y log(x) dy; the logarithm is kept finite at 0, where
** 0^y does not vary with y > 0 */
static sl_node finite_log(sl_build *b, sl_node x) {
  sl_node zero = sl_const_like(b, 0.0, x);
  sl_node in[3] = {sl_emit2(b, SL_OP_eq, x, zero), one(b, x), x};
  return sl_emit1(b, SL_OP_log, sl_emit(b, SL_OP_where, 3, in, 0, NULL));
}

sl_node d_pow(sl_build *b, sl_node y, const sl_node *dx) {
  sl_node x = operand(b, y, 0);
  sl_node p = operand(b, y, 1);
  sl_node d = SL_NONE;
  if (dx[0] != SL_NONE) {
    sl_node less = sl_emit2(b, SL_OP_pow, x, sub(b, p, one(b, p)));
    d = sl_zmul(b, dx[0], sl_zmul(b, p, less));
  }
  if (dx[1] != SL_NONE) {
    sl_node grow = mul(b, y, finite_log(b, x));
    d = sl_zadd(b, d, sl_zmul(b, dx[1], grow));
  }
  return d;
}

/* 1 where the mask holds, 1/2 where u = v, else 0: ties share. */
static sl_node choice(sl_build *b, sl_op wins, sl_node u, sl_node v) {
  sl_node half[3] = {sl_emit2(b, SL_OP_eq, u, v), sl_const_like(b, 0.5, u),
                     sl_const_like(b, 0.0, u)};
  sl_node full[3] = {sl_emit2(b, wins, u, v), one(b, u),
                     sl_emit(b, SL_OP_where, 3, half, 0, NULL)};
  return sl_emit(b, SL_OP_where, 3, full, 0, NULL);
}

static sl_node d_extreme(sl_build *b, sl_op wins, sl_node y,
                         const sl_node *dx) {
  sl_node d = SL_NONE;
  for (int i = 0; i < 2; i++) {
    if (dx[i] != SL_NONE) {
      sl_node w = choice(b, wins, operand(b, y, i), operand(b, y, 1 - i));
      d = sl_zadd(b, d, sl_zmul(b, dx[i], w));
    }
  }
  return d;
}

sl_node d_maximum(sl_build *b, sl_node y, const sl_node *dx) {
  return d_extreme(b, SL_OP_gt, y, dx);
}

sl_node d_minimum(sl_build *b, sl_node y, const sl_node *dx) {
  return d_extreme(b, SL_OP_lt, y, dx);
}

/* u/(u^2+v^2), by way of hypot so that squares do not overflow */
static sl_node over_square(sl_build *b, sl_node u, sl_node r) {
  return div_(b, div_(b, u, r), r);
}

/* atan2(y = u, x = v): (v du - u dv)/(u^2 + v^2) */
sl_node d_atan2(sl_build *b, sl_node y, const sl_node *dx) {
  sl_node u = operand(b, y, 0);
  sl_node v = operand(b, y, 1);
  sl_node r = sl_emit2(b, SL_OP_hypot, u, v);
  sl_node du = sl_zmul(b, dx[0], over_square(b, v, r));
  sl_node dv = sl_zmul(b, dx[1], over_square(b, u, r));
  return sl_zadd(b, du, sl_zneg(b, dv));
}

sl_node d_hypot(sl_build *b, sl_node y, const sl_node *dx) {
  sl_node du = sl_zmul(b, dx[0], div_(b, operand(b, y, 0), y));
  sl_node dv = sl_zmul(b, dx[1], div_(b, operand(b, y, 1), y));
  return sl_zadd(b, du, dv);
}

/* x - floor(x/v) v */
sl_node d_mod(sl_build *b, sl_node y, const sl_node *dx) {
  sl_node u = operand(b, y, 0);
  sl_node v = operand(b, y, 1);
  sl_node turns = sl_emit2(b, SL_OP_floordiv, u, v);
  return sl_zadd(b, dx[0], sl_zneg(b, sl_zmul(b, dx[1], turns)));
}
