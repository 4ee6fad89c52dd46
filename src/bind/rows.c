/* rows.c: methods made from the rows of ops.def: every element-wise row is
** x:name(...), and x:name_(...) changes x in place. A new element-wise row
** becomes a method without a line here.
** MIT licence. */
#include <string.h>

#include "bind/tensors.h"

static sl_op upvalue_op(lua_State *L) {
  return (sl_op)lua_tointeger(L, lua_upvalueindex(1));
}

static void check_count(lua_State *L, const char *name, const char *suffix,
                        int arity) {
  int n = lua_gettop(L);
  if (n != arity) {
    sl_raisef(L, "%s%s: expected %d operand%s, got %d", name, suffix, arity,
              arity == 1 ? "" : "s", n);
  }
}

static int row_method(lua_State *L) {
  static const int args[] = {1, 2, 3};
  sl_op op = upvalue_op(L);
  int arity = sl_ops[op].arity;
  check_count(L, sl_ops[op].name, "", arity);
  sl_apply(L, op, arity, args, 0, NULL);
  return 1;
}

static int row_inplace(lua_State *L) {
  static const int args[] = {1, 2, 3};
  sl_op op = upvalue_op(L);
  int arity = sl_ops[op].arity;
  check_count(L, sl_ops[op].name, "_", arity);
  if (sl_issym(L, 1)) {
    sl_checkwritable(L, 1);
  }
  sl_inplace(L, op, arity, args);
  lua_settop(L, 1);
  return 1;
}

/* Rows whose result is a mask never fit a float target, nor does `where`,
** whose first operand is the condition. */
static bool has_inplace(sl_op op) {
  switch (op) {
    case SL_OP_lt:
    case SL_OP_le:
    case SL_OP_gt:
    case SL_OP_ge:
    case SL_OP_eq:
    case SL_OP_ne:
    case SL_OP_isnan:
    case SL_OP_isinf:
    case SL_OP_isfinite:
    case SL_OP_where:
    case SL_OP_mulz:
      return false;
    default:
      return true;
  }
}

static void add_row(lua_State *L, sl_op op, lua_CFunction f,
                    const char *suffix) {
  lua_pushfstring(L, "%s%s", sl_ops[op].name, suffix);
  lua_pushinteger(L, op);
  lua_pushcclosure(L, f, 1);
  lua_rawset(L, -3);
}

void sl_install_rows(lua_State *L) {
  for (int i = 0; i < SL_NOP; i++) {
    sl_op op = (sl_op)i;
    if (sl_ops[op].cls != SL_MAP && op != SL_OP_stop) {
      continue;
    }
    add_row(L, op, row_method, "");
    if (sl_ops[op].cls == SL_MAP && has_inplace(op)) {
      add_row(L, op, row_inplace, "_");
    }
  }
}
