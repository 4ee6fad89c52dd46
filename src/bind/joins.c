/* joins.c: one tensor from several: concat, stack, where, meshgrid. Operands
** may be symbolic; longer lists than one node can hold are joined in a tree.
** MIT licence. */
#include <string.h>

#include "bind/tensors.h"

void sl_join(lua_State *L, int n, int axis) {
  const sl_int attr = axis;
  while (n > 1) {
    int base = lua_gettop(L) - n, made = 0;
    for (int from = 0; from < n; from += SL_MAXIN) {
      int args[SL_MAXIN], count = 0;
      while (count < SL_MAXIN && from + count < n) {
        args[count] = base + 1 + from + count;
        count++;
      }
      sl_apply(L, SL_OP_concat, count, args, 1, &attr);
      lua_replace(L, base + 1 + made++);
    }
    lua_settop(L, base + made);
    n = made;
  }
}

/* Pushes the list at argument 1; returns its length. */
static int spread_list(lua_State *L) {
  if (!lua_istable(L, 1)) {
    sl_argerror(L, 1, "expected a list of tensors, got %s",
                sl_typename(L, 1));
  }
  int n = (int)lua_rawlen(L, 1);
  if (n == 0) {
    sl_argerror(L, 1, "expected at least one tensor");
  }
  luaL_checkstack(L, n + 16, "too many tensors in one list");
  for (int i = 1; i <= n; i++) {
    sl_type type;
    if (lua_rawgeti(L, 1, i) == LUA_TTABLE) {
      sl_push_nested(L, lua_gettop(L), SL_NDTYPE);
      lua_replace(L, -2);
    }
    if (!sl_value_type(L, -1, &type)) {
      sl_raisef(L, "%s: item %d is not a tensor but %s", sl_callee(L), i,
                sl_typename(L, -1));
    }
  }
  return n;
}

/* T.concat(list [, axis]) */
static int join_concat(lua_State *L) {
  sl_type type;
  lua_settop(L, 2);
  int n = spread_list(L);
  sl_value_type(L, 3, &type);
  if (type.ndim == 0) {
    sl_raisef(L, "concat: 0-d tensors have no axis to join along: use stack");
  }
  int axis = lua_isnil(L, 2) ? 0 : sl_checkaxis(L, 2, type.ndim);
  if (n == 1) {
    lua_pushinteger(L, 0); /* a copy, as joins of more would be */
    sl_apply2(L, SL_OP_add, 3, -1);
    return 1;
  }
  sl_join(L, n, axis);
  return 1;
}

/* The value at idx gets a new axis of one; numbers become [1]. */
static void widen(lua_State *L, int idx, int axis) {
  sl_type type, wide;
  sl_value_type(L, idx, &type);
  wide.dtype = type.dtype;
  wide.ndim = type.ndim + 1;
  if (wide.ndim > SL_MAXDIM) {
    sl_raisef(L, "stack: at most %d axes are possible", SL_MAXDIM);
  }
  memcpy(wide.shape, type.shape, (size_t)axis * sizeof(sl_int));
  wide.shape[axis] = 1;
  memcpy(wide.shape + axis + 1, type.shape + axis,
         (size_t)(type.ndim - axis) * sizeof(sl_int));
  if (lua_type(L, idx) == LUA_TNUMBER) {
    sl_push_nested(L, idx, SL_F64);
    lua_replace(L, idx);
  }
  sl_apply_reshape(L, idx, &wide);
  lua_replace(L, idx);
}

/* T.stack(list [, axis]): along a new axis. */
static int join_stack(lua_State *L) {
  sl_type first, type;
  lua_settop(L, 2);
  int n = spread_list(L);
  sl_value_type(L, 3, &first);
  int axis = lua_isnil(L, 2) ? 0 : sl_checkaxis(L, 2, first.ndim + 1);
  for (int i = 0; i < n; i++) {
    sl_value_type(L, 3 + i, &type);
    if (!sl_shape_eq(&type, &first)) {
      char a[160], b[160];
      sl_raisef(L, "stack: the first is %s, number %d is %s",
                sl_type_text(a, sizeof a, &first), i + 1,
                sl_type_text(b, sizeof b, &type));
    }
    widen(L, 3 + i, axis);
  }
  sl_join(L, n, axis);
  return 1;
}

/* T.meshgrid(x, y): two matrices [#x x #y], X[i][j] = x[i], Y[i][j] = y[j]. */
static int join_meshgrid(lua_State *L) {
  sl_type x, y, wide;
  sl_checkvalue(L, 1, &x);
  sl_checkvalue(L, 2, &y);
  if (x.ndim != 1 || y.ndim != 1) {
    char a[160], b[160];
    sl_raisef(L, "meshgrid: expected two vectors, got %s and %s",
              sl_type_text(a, sizeof a, &x), sl_type_text(b, sizeof b, &y));
  }
  wide.dtype = x.dtype;
  wide.ndim = 2;
  wide.shape[0] = x.shape[0];
  wide.shape[1] = 1;
  lua_settop(L, 2);
  sl_apply_reshape(L, 1, &wide);
  wide.shape[1] = y.shape[0];
  sl_apply_broadcast(L, 3, &wide);
  sl_apply_broadcast(L, 2, &wide);
  return 2;
}

const luaL_Reg sl_joins_functions[] = {
    {"concat", join_concat},
    {"cat", join_concat},
    {"stack", join_stack},
    {"meshgrid", join_meshgrid},
    {NULL, NULL},
};
