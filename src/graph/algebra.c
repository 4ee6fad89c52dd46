/* algebra.c: see algebra.h. Two tables: what an operation does with a constant
** operand, and what it does with a negated one. Everything else that is
** constant is folded by the operation's own kernel.  MIT licence. */
#include "graph/algebra.h"

#include <math.h>

/* op with operand `at` equal to `value` is the other operand, or zero. */
typedef struct unit_rule {
  sl_op op;
  int at;
  double value;
  bool zero; /* the result is 0 whatever the other operand */
} unit_rule;

static const unit_rule units[] = {
    {SL_OP_add, 0, 0.0, false},     {SL_OP_add, 1, 0.0, false},
    {SL_OP_sub, 1, 0.0, false},     {SL_OP_mul, 0, 1.0, false},
    {SL_OP_mul, 1, 1.0, false},     {SL_OP_mulz, 0, 1.0, false},
    {SL_OP_mulz, 1, 1.0, false},    {SL_OP_div, 1, 1.0, false},
    {SL_OP_mulz, 0, 0.0, true},
};

/* op with operand `at` negated becomes `other` on what was negated. */
typedef struct sign_rule {
  sl_op op;
  int at;
  sl_op other;
  bool swap;
} sign_rule;

static const sign_rule signs[] = {
    {SL_OP_add, 1, SL_OP_sub, false}, /* x + -y = x - y */
    {SL_OP_add, 0, SL_OP_sub, true},  /* -x + y = y - x */
    {SL_OP_sub, 1, SL_OP_add, false}, /* x - -y = x + y */
};

static bool is_value(const sl_known *x, double value) {
  return x->isconst && x->value == value;
}

/* The strong product is the plain one where the first factor is a constant
** other than 0, or the second a finite constant. */
static bool plain_product(const sl_known *in) {
  return (in[0].isconst && in[0].value != 0.0 && !isnan(in[0].value)) ||
         (in[1].isconst && isfinite(in[1].value));
}

bool sl_is_power(double value) {
  int exponent;
  return isfinite(value) && fabs(frexp(value, &exponent)) == 0.5;
}

/* A shared number times (c x): the scale goes to the number, where it costs
** nothing. Which operand is the product, or -1. */
static int rescaled(sl_op op, const sl_known *in) {
  if (op != SL_OP_mul && op != SL_OP_mulz) {
    return -1;
  }
  for (int i = 0; i < 2; i++) {
    if (in[i].scale >= 0 && !in[i].shared && in[1 - i].shared) {
      return i;
    }
  }
  return -1;
}

/* Numbers of all dtypes but masks obey them; f64 and f32 fold alike. */
sl_rewrite sl_algebra(sl_op op, sl_dtype d, int nin, const sl_known *in) {
  const sl_rewrite keep = {.kind = SL_KEEP};
  if (d == SL_U8) {
    return keep;
  }
  if (op == SL_OP_neg && in[0].op == SL_OP_neg) {
    return (sl_rewrite){.kind = SL_INNER, .which = 0};
  }
  for (size_t k = 0; nin == 2 && k < sizeof units / sizeof *units; k++) {
    const unit_rule *r = &units[k];
    if (r->op == op && is_value(&in[r->at], r->value)) {
      return r->zero
                 ? (sl_rewrite){.kind = SL_CONSTANT, .value = 0.0}
                 : (sl_rewrite){.kind = SL_OPERAND, .which = 1 - r->at};
    }
  }
  for (size_t k = 0; nin == 2 && k < sizeof signs / sizeof *signs; k++) {
    const sign_rule *r = &signs[k];
    if (r->op == op && in[r->at].op == SL_OP_neg) {
      return (sl_rewrite){.kind = SL_BECOME, .op = r->other, .strip = r->at,
                          .swap = r->swap};
    }
  }
  int product = nin == 2 && sl_dtype_isfloat(d) ? rescaled(op, in) : -1;
  if (product >= 0) {
    return (sl_rewrite){.kind = SL_RESCALE, .which = product};
  }
  if (op == SL_OP_mulz && plain_product(in)) {
    return (sl_rewrite){.kind = SL_BECOME, .op = SL_OP_mul, .strip = -1};
  }
  return keep;
}
