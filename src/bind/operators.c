/* operators.c: Lua's operators on tensors. Arithmetic is element-wise; & | ~
** act on masks; == stays identity, since Lua turns its result into a boolean.
** MIT licence. */
#include <math.h>

#include "bind/tensors.h"

static int binary(lua_State *L, sl_op op) {
  static const int args[] = {1, 2};
  sl_apply(L, op, 2, args, 0, NULL);
  return 1;
}

static int operator_add(lua_State *L) { return binary(L, SL_OP_add); }
static int operator_sub(lua_State *L) { return binary(L, SL_OP_sub); }
static int operator_mul(lua_State *L) { return binary(L, SL_OP_mul); }
static int operator_div(lua_State *L) { return binary(L, SL_OP_div); }
static int operator_mod(lua_State *L) { return binary(L, SL_OP_mod); }
static int operator_idiv(lua_State *L) { return binary(L, SL_OP_floordiv); }
static int operator_band(lua_State *L) { return binary(L, SL_OP_land); }
static int operator_bor(lua_State *L) { return binary(L, SL_OP_lor); }

static int operator_unm(lua_State *L) {
  sl_apply1(L, SL_OP_neg, 1);
  return 1;
}

static int operator_bnot(lua_State *L) {
  sl_apply1(L, SL_OP_lnot, 1);
  return 1;
}

static int operator_bxor(lua_State *L) { return binary(L, SL_OP_lxor); }

/* Powers by repeated multiplication are exact for integers and have a
** derivative everywhere; beyond this exponent pow is the better one. */
enum { POWI_MAX = 64 };

/* Pushes a ^ b by powi where that serves; b is a number, a is none. */
static bool push_powi(lua_State *L, int a, int b) {
  double y = lua_tonumber(L, b);
  sl_type type;
  if (y != floor(y) || fabs(y) > POWI_MAX ||
      (y < 0 && !(sl_value_type(L, a, &type) &&
                  sl_dtype_isfloat(type.dtype)))) {
    return false;
  }
  sl_int n = (sl_int)y;
  sl_apply_attr(L, SL_OP_powi, a, 1, &n);
  return true;
}

void sl_push_pow(lua_State *L, int a, int b) {
  bool power = lua_type(L, b) == LUA_TNUMBER && lua_isuserdata(L, a) &&
               sl_isvalue(L, a);
  if (!power || !push_powi(L, a, b)) {
    sl_apply2(L, SL_OP_pow, a, b);
  }
}

/* With a number on the right the tensor is on the left. */
static int operator_pow(lua_State *L) {
  bool power = lua_type(L, 2) == LUA_TNUMBER && lua_isuserdata(L, 1);
  if (!power || !push_powi(L, 1, 2)) {
    sl_push_pow(L, 1, 2);
  }
  return 1;
}

static int operator_len(lua_State *L) {
  sl_type type;
  sl_checkvalue(L, 1, &type);
  if (type.ndim == 0) {
    sl_raisef(L, "#: a 0-d tensor has no length");
  }
  lua_pushinteger(L, (lua_Integer)type.shape[0]);
  return 1;
}

/* Lua asks for these only when a tensor is compared by order, which has no
** single answer. */
static int no_order(lua_State *L) {
  return sl_raisef(L, "tensors have no order: use x:lt(y), x:le(y), x:gt(y), "
                      "x:ge(y) for masks, x:item() for numbers");
}

static int no_concat(lua_State *L) {
  return sl_raisef(L, "tensors are not joined by ..: use tostring(x) for text, "
                      "T.concat for tensors");
}

const luaL_Reg sl_operators[] = {
    {"__add", operator_add},   {"__sub", operator_sub},
    {"__mul", operator_mul},   {"__div", operator_div},
    {"__mod", operator_mod},   {"__idiv", operator_idiv},
    {"__pow", operator_pow},   {"__unm", operator_unm},
    {"__band", operator_band}, {"__bor", operator_bor},
    {"__bxor", operator_bxor}, {"__bnot", operator_bnot},
    {"__len", operator_len},   {"__lt", no_order},
    {"__le", no_order},        {"__concat", no_concat},
    {NULL, NULL},
};
