/* reductions.c: sums, extremes, statistics and what runs along an axis.
** Axes: none named means all; a number or a list of numbers names them;
** {keepdim = true} keeps them with size one. A reduction of a Tensor to a
** single value gives a Lua number, of a symbolic tensor a 0-d one.
** MIT licence. */
#include <math.h>
#include <string.h>

#include "bind/tensors.h"

/* ---- axes ---------------------------------------------------------------- */

/* Options beside the axes 1 .. n in the table at arg. */
static void check_named(lua_State *L, int arg, const char *const *extra) {
  static const char *names[8];
  int n = 0;
  names[n++] = "keepdim";
  for (; extra != NULL && *extra != NULL; extra++) {
    names[n++] = *extra;
  }
  names[n] = NULL;
  lua_newtable(L);
  for (lua_pushnil(L); lua_next(L, arg) != 0; lua_pop(L, 1)) {
    if (lua_type(L, -2) == LUA_TSTRING) {
      lua_pushvalue(L, -2);
      lua_pushboolean(L, 1);
      lua_rawset(L, -5);
    }
  }
  sl_checkopts(L, lua_gettop(L), names);
  lua_pop(L, 1);
}

static uint32_t listed_axes(lua_State *L, int arg, int ndim) {
  uint32_t mask = 0;
  int n = (int)lua_rawlen(L, arg);
  for (int k = 1; k <= n; k++) {
    lua_rawgeti(L, arg, k);
    mask |= 1u << sl_checkaxis(L, lua_gettop(L), ndim);
    lua_pop(L, 1);
  }
  return mask;
}

/* What a reduction runs over. */
typedef struct span {
  sl_type type;  /* of the value at 1 */
  uint32_t mask; /* of axes */
  bool keepdim;
  int opts; /* the options' place on the stack, 0 when there are none */
} span;

/* Reads argument 2: nil (all axes), an axis or a list of them; then options:
** keepdim and the names in extra. */
static span check_span(lua_State *L, const char *const *extra) {
  span s = {.opts = 0};
  sl_checkvalue(L, 1, &s.type);
  uint32_t all = (1u << s.type.ndim) - 1;
  if (lua_isnoneornil(L, 2)) {
    s.mask = all;
  } else if (lua_istable(L, 2)) {
    s.mask = lua_rawlen(L, 2) > 0 ? listed_axes(L, 2, s.type.ndim) : all;
    s.opts = 2;
  } else {
    s.mask = 1u << sl_checkaxis(L, 2, s.type.ndim);
  }
  if (lua_istable(L, 3)) {
    s.opts = 3;
  } else if (!lua_isnoneornil(L, 3)) {
    sl_argerror(L, 3, "expected a table of options, got %s", sl_typename(L, 3));
  }
  for (int k = 2; k <= 3; k++) {
    if (lua_istable(L, k)) {
      check_named(L, k, extra);
      s.keepdim |= sl_optflag(L, k, "keepdim");
    }
  }
  return s;
}

static void kept_type(const sl_type *type, uint32_t mask, sl_type *out) {
  *out = *type;
  for (int a = 0; a < type->ndim; a++) {
    out->shape[a] = mask >> a & 1 ? 1 : type->shape[a];
  }
}

/* Pushes a row of class SL_REDUCE of the value at idx. */
static void reduce(lua_State *L, sl_op op, int idx, uint32_t mask,
                   bool keepdim) {
  sl_type type, kept;
  sl_int attr = mask;
  idx = lua_absindex(L, idx);
  sl_value_type(L, idx, &type);
  sl_apply_attr(L, op, idx, 1, &attr);
  if (keepdim) {
    kept_type(&type, mask, &kept);
    sl_apply_reshape(L, lua_gettop(L), &kept);
    lua_remove(L, -2);
  }
}

/* Elements that one result is made of. */
static double count_of(const sl_type *type, uint32_t mask) {
  double n = 1;
  for (int a = 0; a < type->ndim; a++) {
    n *= mask >> a & 1 ? (double)type->shape[a] : 1;
  }
  return n;
}

/* Replaces an integer value at arg by an f64 one. */
static void need_float(lua_State *L, int arg) {
  sl_type type;
  sl_checkvalue(L, arg, &type);
  if (!sl_dtype_isfloat(type.dtype)) {
    sl_apply_cast(L, arg, SL_F64);
    lua_replace(L, arg);
  }
}

/* The result on top: a number when it is a 0-d Tensor. */
static int result(lua_State *L, bool keepdim) {
  if (!keepdim) {
    sl_unbox(L);
  }
  return 1;
}

/* ---- sums and extremes --------------------------------------------------- */

/* x:sum() and its like of a Tensor of floats, to a number: no tensor is made on
** the way. */
static bool reduce_to_number(lua_State *L, sl_op op) {
  const sl_tensor *t = lua_gettop(L) == 1 ? sl_totensor(L, 1) : NULL;
  if (t == NULL || t->type.dtype != SL_F64) {
    return false;
  }
  double value;
  sl_tensor out;
  sl_err err;
  const sl_int all = ((sl_int)1 << t->type.ndim) - 1;
  sl_type type;
  sl_try(L, sl_op_type(op, &t->type, 1, &all, 1, &type, &err), &err);
  sl_tensor_init(&out, &type, &value);
  sl_try(L, sl_op_eval(op, &out, &t, 1, &all, 1, &err), &err);
  lua_pushnumber(L, value);
  return true;
}

static int plain_reduction(lua_State *L, sl_op op) {
  if (reduce_to_number(L, op)) {
    return 1;
  }
  span s = check_span(L, NULL);
  reduce(L, op, 1, s.mask, s.keepdim);
  return result(L, s.keepdim);
}

static int reduce_sum(lua_State *L) { return plain_reduction(L, SL_OP_sum); }
static int reduce_amax(lua_State *L) { return plain_reduction(L, SL_OP_amax); }
static int reduce_amin(lua_State *L) { return plain_reduction(L, SL_OP_amin); }

/* Pushes sum / count of the value at idx. */
static void push_mean(lua_State *L, int idx, uint32_t mask, bool keepdim,
                      double count) {
  reduce(L, SL_OP_sum, idx, mask, keepdim);
  lua_pushnumber(L, count);
  sl_apply2(L, SL_OP_div, -2, -1);
}

static int reduce_mean(lua_State *L) {
  need_float(L, 1);
  span s = check_span(L, NULL);
  push_mean(L, 1, s.mask, s.keepdim, count_of(&s.type, s.mask));
  return result(L, s.keepdim);
}

/* Pushes the variance: mean of the squared distance from the mean, divided by
** n - ddof. */
static bool push_var(lua_State *L) {
  static const char *const extra[] = {"ddof", NULL};
  need_float(L, 1);
  span s = check_span(L, extra);
  double ddof = s.opts != 0 ? sl_optnum(L, s.opts, "ddof", 0) : 0;
  double n = count_of(&s.type, s.mask);
  push_mean(L, 1, s.mask, true, n);
  sl_apply2(L, SL_OP_sub, 1, -1);
  const sl_int two = 2;
  sl_apply_attr(L, SL_OP_powi, lua_gettop(L), 1, &two);
  push_mean(L, lua_gettop(L), s.mask, s.keepdim, n - ddof);
  return s.keepdim;
}

static int reduce_var(lua_State *L) { return result(L, push_var(L)); }

/* Pushes the square root of the value on top. Traced, its derivative at 0 is
** made 0, not infinite: of norms and deviations the least subgradient. */
static void push_root(lua_State *L) {
  int s = lua_gettop(L);
  sl_apply1(L, SL_OP_sqrt, s);
  if (sl_issym(L, s)) {
    lua_pushinteger(L, 0);
    sl_apply2(L, SL_OP_eq, s, s + 2);
    const int args[3] = {s + 3, s + 2, s + 1};
    sl_apply(L, SL_OP_where, 3, args, 0, NULL);
  }
}

static int reduce_std(lua_State *L) {
  bool keepdim = push_var(L);
  push_root(L);
  return result(L, keepdim);
}

/* The order of a norm at argument 2 (2 when absent), which is removed. */
static double norm_order(lua_State *L) {
  double p = 2;
  if (lua_type(L, 2) == LUA_TSTRING) {
    const char *name = lua_tostring(L, 2);
    if (strcmp(name, "inf") == 0) {
      p = HUGE_VAL;
    } else if (strcmp(name, "fro") != 0) {
      sl_raisef(L, "norm: order must be a positive number, \"inf\" or "
                   "\"fro\", got \"%.40s\"", name);
    }
  } else if (!lua_isnoneornil(L, 2) && !lua_istable(L, 2)) {
    p = sl_checknum(L, 2, "order");
    if (!(p > 0)) {
      sl_raisef(L, "norm: order must be positive, got %.14g", p);
    }
  }
  if (!lua_isnone(L, 2) && !lua_istable(L, 2)) {
    lua_remove(L, 2);
  }
  return p;
}

/* x:norm([p [, axes [, options]]]): of the elements; p = 2, 1, math.huge... */
static int reduce_norm(lua_State *L) {
  need_float(L, 1);
  double p = norm_order(L);
  span s = check_span(L, NULL);
  const sl_int two = 2;
  if (p == 2) {
    sl_apply_attr(L, SL_OP_powi, 1, 1, &two);
    reduce(L, SL_OP_sum, lua_gettop(L), s.mask, s.keepdim);
    push_root(L);
    return result(L, s.keepdim);
  }
  sl_apply1(L, SL_OP_abs, 1);
  if (isinf(p)) {
    reduce(L, SL_OP_amax, lua_gettop(L), s.mask, s.keepdim);
  } else if (p == 1) {
    reduce(L, SL_OP_sum, lua_gettop(L), s.mask, s.keepdim);
  } else {
    lua_pushnumber(L, p);
    sl_push_pow(L, lua_gettop(L) - 1, lua_gettop(L));
    reduce(L, SL_OP_sum, lua_gettop(L), s.mask, s.keepdim);
    lua_pushnumber(L, 1 / p);
    sl_apply2(L, SL_OP_pow, -2, -1);
  }
  return result(L, s.keepdim);
}

/* ---- products ------------------------------------------------------------ */

/* Replaces the value on top by its product along axis, which keeps size one:
** halves are multiplied until one is left, so that it differentiates without
** a division by elements that may be 0. */
static void halve(lua_State *L, int axis) {
  sl_type type;
  int at = lua_gettop(L);
  sl_value_type(L, at, &type);
  while (type.shape[axis] > 1) {
    sl_int n = type.shape[axis], half = n / 2;
    sl_push_part(L, at, &type, axis, 0, half);
    sl_push_part(L, at, &type, axis, half, half);
    sl_apply2(L, SL_OP_mul, -2, -1);
    if (n % 2 != 0) {
      sl_push_part(L, at, &type, axis, n - 1, 1);
      sl_join(L, 2, axis);
    }
    lua_replace(L, at);
    lua_settop(L, at);
    type.shape[axis] = half + n % 2;
  }
}

/* Pushes ones of a type: the product of nothing. */
static void push_ones(lua_State *L, const sl_type *type) {
  sl_fill(sl_newtensor(L, type), 1, 1);
}

static int reduce_prod(lua_State *L) {
  span s = check_span(L, NULL);
  sl_type type = s.type, kept;
  type.dtype = type.dtype == SL_U8 ? SL_I64 : type.dtype;
  kept_type(&type, s.mask, &kept);
  if (count_of(&type, s.mask) == 0) {
    push_ones(L, &kept);
  } else {
    sl_apply_cast(L, 1, type.dtype);
    for (int a = 0; a < type.ndim; a++) {
      if (s.mask >> a & 1) {
        halve(L, a);
      }
    }
  }
  if (!s.keepdim) {
    sl_type out = {.dtype = type.dtype, .ndim = 0};
    for (int a = 0; a < type.ndim; a++) {
      if (!(s.mask >> a & 1)) {
        out.shape[out.ndim++] = type.shape[a];
      }
    }
    sl_apply_reshape(L, lua_gettop(L), &out);
  }
  return result(L, s.keepdim);
}

/* ---- truth --------------------------------------------------------------- */

/* any: some element nonzero; all: none is zero. A boolean for a Tensor as a
** whole, else masks. */
static int truth(lua_State *L, bool every) {
  span s = check_span(L, NULL);
  lua_pushinteger(L, 0);
  sl_apply2(L, every ? SL_OP_eq : SL_OP_ne, 1, -1);
  if (lua_type(L, -1) == LUA_TNUMBER) { /* of numbers alone */
    lua_pushboolean(L, (lua_tointeger(L, -1) != 0) != every);
    return 1;
  }
  reduce(L, SL_OP_sum, lua_gettop(L), s.mask, s.keepdim);
  lua_pushinteger(L, 0);
  sl_apply2(L, every ? SL_OP_eq : SL_OP_ne, -2, -1);
  if (!s.keepdim) {
    sl_unbox(L);
    if (lua_type(L, -1) == LUA_TNUMBER) {
      lua_pushboolean(L, lua_tointeger(L, -1) != 0);
    }
  }
  return 1;
}

static int reduce_any(lua_State *L) { return truth(L, false); }
static int reduce_all(lua_State *L) { return truth(L, true); }

/* ---- positions ----------------------------------------------------------- */

/* 1-based position; without an axis, in the flattened tensor. */
static int argext(lua_State *L, sl_op op) {
  sl_type type;
  sl_int axis = 0;
  sl_checkvalue(L, 1, &type);
  if (lua_isnoneornil(L, 2)) {
    sl_type flat = {.dtype = type.dtype, .ndim = 1};
    flat.shape[0] = sl_numel(&type);
    lua_settop(L, 1);
    sl_apply_reshape(L, 1, &flat);
    if (lua_type(L, -1) == LUA_TNUMBER) {
      lua_pushinteger(L, 1);
      return 1;
    }
  } else {
    axis = sl_checkaxis(L, 2, type.ndim);
    lua_settop(L, 1);
    lua_pushvalue(L, 1);
  }
  sl_apply_attr(L, op, 2, 1, &axis);
  lua_pushinteger(L, 1);
  sl_apply2(L, SL_OP_add, -2, -1);
  return result(L, false);
}

static int reduce_argmax(lua_State *L) { return argext(L, SL_OP_argmax); }
static int reduce_argmin(lua_State *L) { return argext(L, SL_OP_argmin); }

/* ---- along an axis ------------------------------------------------------- */

/* The axis at argument 2; the last one when absent. */
static sl_int axis_or_last(lua_State *L, const sl_type *type) {
  if (type->ndim == 0) {
    sl_raisef(L, "%s: a 0-d tensor has no axes", sl_callee(L));
  }
  return lua_isnoneornil(L, 2) ? type->ndim - 1
                               : sl_checkaxis(L, 2, type->ndim);
}

/* Running sums; a matrix needs the axis named. */
static int along_cumsum(lua_State *L) {
  sl_type type;
  sl_checkvalue(L, 1, &type);
  if (type.ndim > 1 && lua_isnoneornil(L, 2)) {
    sl_raisef(L, "cumsum: name the axis: the tensor has %d", type.ndim);
  }
  sl_int axis = axis_or_last(L, &type);
  sl_apply_attr(L, SL_OP_cumsum, 1, 1, &axis);
  return 1;
}

static int along_softmax(lua_State *L) {
  sl_type type;
  sl_checkvalue(L, 1, &type);
  sl_int axis = axis_or_last(L, &type);
  sl_apply_attr(L, SL_OP_softmax, 1, 1, &axis);
  return 1;
}

/* Pushes logsumexp along one axis, which keeps size one if asked. */
static void push_logsumexp(lua_State *L, int idx, const sl_type *type,
                           sl_int axis, bool keepdim) {
  sl_type kept;
  sl_apply_attr(L, SL_OP_logsumexp, idx, 1, &axis);
  if (keepdim) {
    kept_type(type, 1u << axis, &kept);
    sl_apply_reshape(L, lua_gettop(L), &kept);
  }
}

/* y - logsumexp(y) with y = x - max x: so large values lose no digits. */
static int along_log_softmax(lua_State *L) {
  sl_type type;
  need_float(L, 1);
  sl_checkvalue(L, 1, &type);
  sl_int axis = axis_or_last(L, &type);
  if (type.shape[axis] > 0) {
    reduce(L, SL_OP_amax, 1, 1u << axis, true);
    sl_apply1(L, SL_OP_stop, -1);
    sl_apply2(L, SL_OP_sub, 1, -1);
    lua_replace(L, 1);
  }
  push_logsumexp(L, 1, &type, axis, true);
  sl_apply2(L, SL_OP_sub, 1, -1);
  return 1;
}

/* x:logsumexp([axis]): one axis, or all of the elements. */
static int along_logsumexp(lua_State *L) {
  span s = check_span(L, NULL);
  int axis = __builtin_ctz(s.mask | 1u << 31);
  if (s.type.ndim == 0) {
    lua_settop(L, 1);
    return result(L, false);
  }
  if ((s.mask & (s.mask - 1)) == 0) {
    push_logsumexp(L, 1, &s.type, axis, s.keepdim);
    return result(L, s.keepdim);
  }
  if (s.mask != (1u << s.type.ndim) - 1) {
    sl_raisef(L, "logsumexp: one axis or all");
  }
  sl_type flat = {.dtype = s.type.dtype, .ndim = 1};
  flat.shape[0] = sl_numel(&s.type);
  sl_apply_reshape(L, 1, &flat);
  push_logsumexp(L, lua_gettop(L), &flat, 0, false);
  if (s.keepdim) {
    sl_type kept;
    kept_type(&s.type, s.mask, &kept);
    sl_apply_reshape(L, lua_gettop(L), &kept);
  }
  return result(L, s.keepdim);
}

const luaL_Reg sl_reductions_methods[] = {
    {"sum", reduce_sum},
    {"mean", reduce_mean},
    {"amax", reduce_amax},
    {"amin", reduce_amin},
    {"max", reduce_amax},
    {"min", reduce_amin},
    {"var", reduce_var},
    {"std", reduce_std},
    {"norm", reduce_norm},
    {"prod", reduce_prod},
    {"any", reduce_any},
    {"all", reduce_all},
    {"argmax", reduce_argmax},
    {"argmin", reduce_argmin},
    {"cumsum", along_cumsum},
    {"softmax", along_softmax},
    {"log_softmax", along_log_softmax},
    {"logsumexp", along_logsumexp},
    {NULL, NULL},
};
