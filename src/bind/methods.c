/* methods.c: composites of element-wise rows, changes in place, comparison as a
** whole. Composites are sequences of sl_apply, so they trace and differentiate.
** MIT licence. */
#include <math.h>

#include "bind/tensors.h"

/* ---- composites ---------------------------------------------------------- */

static int method_relu(lua_State *L) {
  sl_type type;
  sl_checkvalue(L, 1, &type);
  lua_settop(L, 1);
  lua_pushinteger(L, 0);
  sl_apply2(L, SL_OP_gt, 1, 2);
  static const int args[3] = {3, 1, 2};
  if (lua_type(L, 3) == LUA_TNUMBER) {
    lua_settop(L, lua_tointeger(L, 3) != 0 ? 1 : 2);
    return 1;
  }
  sl_apply(L, SL_OP_where, 3, args, 0, NULL);
  return 1;
}

/* x:clamp(low, high): either may be nil. */
static int method_clamp(lua_State *L) {
  lua_settop(L, 3);
  lua_pushvalue(L, 1);
  if (!lua_isnil(L, 2)) {
    sl_apply2(L, SL_OP_maximum, 4, 2);
    lua_replace(L, 4);
  }
  if (!lua_isnil(L, 3)) {
    sl_apply2(L, SL_OP_minimum, 4, 3);
    lua_replace(L, 4);
  }
  return 1;
}

static int power(lua_State *L, sl_int n) {
  sl_type type;
  sl_checkvalue(L, 1, &type);
  sl_apply_attr(L, SL_OP_powi, 1, 1, &n);
  return 1;
}

static int method_square(lua_State *L) { return power(L, 2); }

static int method_reciprocal(lua_State *L) {
  sl_type type;
  sl_checkvalue(L, 1, &type);
  lua_pushinteger(L, 1);
  sl_apply2(L, SL_OP_div, -1, 1);
  return 1;
}

static int method_rsqrt(lua_State *L) {
  sl_type type;
  sl_checkvalue(L, 1, &type);
  lua_pushinteger(L, 1);
  sl_apply1(L, SL_OP_sqrt, 1);
  sl_apply2(L, SL_OP_div, -2, -1);
  return 1;
}

static int method_pow(lua_State *L) {
  sl_type a, b;
  sl_check_pair(L, &a, &b);
  sl_push_pow(L, 1, 2);
  return 1;
}

/* log_b x = log x / log b for the common bases. */
static int log_base(lua_State *L, double base) {
  sl_type type;
  sl_checkvalue(L, 1, &type);
  sl_apply1(L, SL_OP_log, 1);
  lua_pushnumber(L, log(base));
  sl_apply2(L, SL_OP_div, -2, -1);
  return 1;
}

static int method_log2(lua_State *L) { return log_base(L, 2); }
static int method_log10(lua_State *L) { return log_base(L, 10); }

/* ---- in place ------------------------------------------------------------ */

/* A tensor of floats does not go silently into integers. */
static void check_lossless(lua_State *L, const char *what, const sl_tensor *to,
                           const sl_tensor *from) {
  if (!sl_dtype_isfloat(to->type.dtype) &&
      sl_dtype_isfloat(from->type.dtype)) {
    sl_raise_shapes(L, what, "float values do not fit an integer target",
                 &to->type, &from->type);
  }
}

/* x:copy_(y): y broadcast into x. */
static int method_copy_(lua_State *L) {
  sl_tensor *to = sl_checkwritable(L, 1);
  bool plain = lua_type(L, 2) == LUA_TNUMBER || lua_istable(L, 2);
  const sl_tensor *from =
      sl_astensor(L, 2, plain ? to->type.dtype : SL_NDTYPE);
  check_lossless(L, "copy_", to, from);
  sl_assign(L, "copy_", to, from);
  lua_settop(L, 1);
  return 1;
}

static int method_fill_(lua_State *L) {
  sl_tensor *t = sl_checkwritable(L, 1);
  double v = sl_checknum(L, 2, "value");
  sl_int i = sl_dtype_isfloat(t->type.dtype) ? 0 : sl_checkint(L, 2, "value");
  if (t->type.dtype == SL_U8 && (i < 0 || i > 255)) {
    sl_argerror(L, 2, "%lld is not a value of dtype u8", (long long)i);
  }
  sl_fill(t, v, i);
  lua_settop(L, 1);
  return 1;
}

static int method_zero_(lua_State *L) {
  sl_fill(sl_checkwritable(L, 1), 0, 0);
  lua_settop(L, 1);
  return 1;
}

/* x:f_(...) = x:copy_(x:f(...)) for composites. */
static int replace_by(lua_State *L, lua_CFunction f, const char *what) {
  int n = lua_gettop(L);
  sl_checkwritable(L, 1);
  lua_pushcfunction(L, f);
  for (int k = 1; k <= n; k++) {
    lua_pushvalue(L, k);
  }
  lua_call(L, n, 1);
  sl_tensor *to = sl_checktensor(L, 1);
  const sl_tensor *from = sl_checktensor(L, -1);
  check_lossless(L, what, to, from);
  sl_assign(L, what, to, from);
  lua_settop(L, 1);
  return 1;
}

static int method_clamp_(lua_State *L) {
  return replace_by(L, method_clamp, "clamp_");
}
static int method_relu_(lua_State *L) {
  return replace_by(L, method_relu, "relu_");
}
static int method_square_(lua_State *L) {
  return replace_by(L, method_square, "square_");
}
static int method_pow_(lua_State *L) {
  return replace_by(L, method_pow, "pow_");
}
static int method_reciprocal_(lua_State *L) {
  return replace_by(L, method_reciprocal, "reciprocal_");
}

/* ---- comparison as a whole ----------------------------------------------- */

/* Looks at the interrupt flag every so many elements. */
static void poll(lua_State *L, sl_int k, const char *what) {
  sl_err err;
  if ((k & 0xfffff) == 0xfffff) {
    sl_try(L, sl_poll(&err, what), &err);
  }
}

/* x:equal(y): same shape and dtype and elements? NaN differs from itself. */
static int method_equal(lua_State *L) {
  const sl_tensor *a = sl_checktensor(L, 1), *b = sl_totensor(L, 2);
  bool same = b != NULL && sl_type_eq(&a->type, &b->type);
  sl_int n = same ? sl_numel(&a->type) : 0;
  bool real = sl_dtype_isfloat(a->type.dtype);
  for (sl_int k = 0; same && k < n; k++) {
    poll(L, k, "equal");
    same = real ? sl_get(a, k) == sl_get(b, k) : sl_geti(a, k) == sl_geti(b, k);
  }
  lua_pushboolean(L, same);
  return 1;
}

/* |a - b| <= atol + rtol |b|, infinities only to themselves, NaN never. */
static bool close_values(double a, double b, double rtol, double atol) {
  return a == b || (isfinite(b) && fabs(a - b) <= atol + rtol * fabs(b));
}

/* x:allclose(y [, {rtol = 1e-5, atol = 1e-8}]): y is broadcast. */
static int method_allclose(lua_State *L) {
  static const char *const names[] = {"rtol", "atol", NULL};
  lua_settop(L, 3);
  sl_checkopts(L, 3, names);
  double rtol = sl_optnum(L, 3, "rtol", 1e-5);
  double atol = sl_optnum(L, 3, "atol", 1e-8);
  const sl_tensor *a = sl_astensor(L, 1, SL_F64);
  const sl_tensor *b = sl_astensor(L, 2, SL_F64);
  sl_type type;
  sl_tensor wa, wb;
  sl_err err;
  sl_try(L, sl_broadcast("allclose", &a->type, &b->type, &type, &err), &err);
  type.dtype = SL_F64;
  sl_view_broadcast(&wa, a, &type);
  sl_view_broadcast(&wb, b, &type);
  bool same = true;
  sl_int n = sl_numel(&type);
  for (sl_int k = 0; same && k < n; k++) {
    poll(L, k, "allclose");
    double x = sl_get(&wa, k), y = sl_get(&wb, k);
    same = close_values(x, y, rtol, atol);
  }
  lua_pushboolean(L, same);
  return 1;
}

const luaL_Reg sl_methods_methods[] = {
    {"relu", method_relu},
    {"clamp", method_clamp},
    {"square", method_square},
    {"reciprocal", method_reciprocal},
    {"rsqrt", method_rsqrt},
    {"pow", method_pow},
    {"log2", method_log2},
    {"log10", method_log10},
    {"copy_", method_copy_},
    {"fill_", method_fill_},
    {"zero_", method_zero_},
    {"clamp_", method_clamp_},
    {"relu_", method_relu_},
    {"square_", method_square_},
    {"pow_", method_pow_},
    {"reciprocal_", method_reciprocal_},
    {"equal", method_equal},
    {"allclose", method_allclose},
    {NULL, NULL},
};
