/* products.c: products of vectors and matrices, and the linear systems that
** undo them. Leading axes are batches and broadcast; vectors follow numpy's
** matmul. Sequences of sl_apply, so they trace and differentiate.
** MIT licence. */
#include "bind/tensors.h"

void sl_raise_shapes(lua_State *L, const char *what, const char *need,
                     const sl_type *a, const sl_type *b) {
  char x[160], y[160];
  sl_raisef(L, "%s: %s: a is %s, b is %s", what, need,
            sl_type_text(x, sizeof x, a), sl_type_text(y, sizeof y, b));
}

void sl_check_pair(lua_State *L, sl_type *a, sl_type *b) {
  sl_checkvalue(L, 1, a);
  sl_checkvalue(L, 2, b);
  lua_settop(L, 2);
}

/* Pushes the value at idx with its leading axes broadcast to batch's. */
static void widen_batch(lua_State *L, int idx, const sl_type *batch) {
  sl_type type, to;
  sl_value_type(L, idx, &type);
  to = *batch;
  to.dtype = type.dtype;
  to.ndim = batch->ndim + 2;
  to.shape[batch->ndim] = type.shape[type.ndim - 2];
  to.shape[batch->ndim + 1] = type.shape[type.ndim - 1];
  if (to.ndim > SL_MAXDIM) {
    sl_raisef(L, "matmul: at most %d axes are possible", SL_MAXDIM);
  }
  if (sl_shape_eq(&to, &type)) {
    lua_pushvalue(L, idx);
  } else {
    sl_apply_broadcast(L, idx, &to);
  }
}

/* Pushes a @ b for values of at least two axes at absolute indices. */
static void push_matmul(lua_State *L, int a, int b, const char *what) {
  sl_type ta, tb, batch;
  sl_err err;
  sl_value_type(L, a, &ta);
  sl_value_type(L, b, &tb);
  if (ta.shape[ta.ndim - 1] != tb.shape[tb.ndim - 2]) {
    sl_raise_shapes(L, what, "inner sizes differ", &ta, &tb);
  }
  int args[2] = {a, b};
  const sl_int attr[2] = {0, 0};
  if (ta.ndim > 2 || tb.ndim > 2) {
    sl_type la = ta, lb = tb;
    la.ndim -= 2;
    lb.ndim -= 2;
    if (sl_broadcast(what, &la, &lb, &batch, &err) != SL_OK) {
      sl_raise_shapes(L, what, "batch axes do not broadcast", &ta, &tb);
    }
    widen_batch(L, a, &batch);
    widen_batch(L, b, &batch);
    args[0] = lua_gettop(L) - 1;
    args[1] = lua_gettop(L);
  }
  sl_apply(L, SL_OP_matmul, 2, args, 2, attr);
}

/* x:mm(y): matrices, or batches of them. */
static int method_mm(lua_State *L) {
  sl_type a, b;
  sl_check_pair(L, &a, &b);
  if (a.ndim < 2 || b.ndim < 2) {
    sl_raise_shapes(L, "mm", "needs matrices", &a, &b);
  }
  push_matmul(L, 1, 2, "mm");
  return 1;
}

/* Replaces the vector at idx by a matrix of one row or column. */
static void as_matrix(lua_State *L, int idx, const sl_type *type, bool row) {
  sl_type to = {.dtype = type->dtype, .ndim = 2};
  to.shape[row ? 0 : 1] = 1;
  to.shape[row ? 1 : 0] = type->shape[0];
  sl_apply_reshape(L, idx, &to);
  lua_replace(L, idx);
}

/* numpy's rule: a vector counts as a row on the left, a column on the right,
** and its axis is dropped from the result. */
static void push_product(lua_State *L, const sl_type *a, const sl_type *b,
                         const char *what) {
  if (a->ndim == 0 || b->ndim == 0 ||
      a->shape[a->ndim - 1] != b->shape[b->ndim > 1 ? b->ndim - 2 : 0]) {
    sl_raise_shapes(L, what, "inner sizes differ", a, b);
  }
  if (a->ndim == 1) {
    as_matrix(L, 1, a, true);
  }
  if (b->ndim == 1) {
    as_matrix(L, 2, b, false);
  }
  push_matmul(L, 1, 2, what);
  if (a->ndim == 1 || b->ndim == 1) {
    sl_type type, to = {.ndim = 0};
    sl_value_type(L, -1, &type);
    to.dtype = type.dtype;
    for (int k = 0; k < type.ndim; k++) {
      bool drop = (a->ndim == 1 && k == type.ndim - 2) ||
                  (b->ndim == 1 && k == type.ndim - 1);
      if (!drop) {
        to.shape[to.ndim++] = type.shape[k];
      }
    }
    sl_apply_reshape(L, lua_gettop(L), &to);
  }
}

static int method_matmul(lua_State *L) {
  sl_type a, b;
  sl_check_pair(L, &a, &b);
  push_product(L, &a, &b, "matmul");
  sl_unbox(L);
  return 1;
}

static int method_mv(lua_State *L) {
  sl_type a, b;
  sl_check_pair(L, &a, &b);
  if (a.ndim != 2 || b.ndim != 1) {
    sl_raise_shapes(L, "mv", "needs a matrix and a vector", &a, &b);
  }
  push_product(L, &a, &b, "mv");
  return 1;
}

/* Two vectors of one float dtype: no userdata is made. */
static bool quick_dot(lua_State *L) {
  const sl_tensor *a = sl_totensor(L, 1), *b = sl_totensor(L, 2);
  if (a == NULL || b == NULL || a->type.dtype != SL_F64 ||
      b->type.dtype != SL_F64) {
    return false;
  }
  sl_tensor row = *a, column = *b, out;
  static const sl_type one = {
      .dtype = SL_F64, .ndim = 2, .shape = {1, 1}};
  double value = 0;
  sl_err err;
  row.type.ndim = column.type.ndim = 2;
  row.type.shape[0] = column.type.shape[1] = 1;
  row.type.shape[1] = column.type.shape[0] = a->type.shape[0];
  row.stride[1] = a->stride[0];
  row.stride[0] = a->type.shape[0] * a->stride[0];
  column.stride[0] = b->stride[0];
  column.stride[1] = 1;
  sl_tensor_init(&out, &one, &value);
  sl_try(L, sl_matmul(&out, &row, &column, false, false, &err), &err);
  lua_pushnumber(L, value);
  return true;
}

static int method_dot(lua_State *L) {
  sl_type a, b;
  sl_check_pair(L, &a, &b);
  if (a.ndim != 1 || b.ndim != 1 || a.shape[0] != b.shape[0]) {
    sl_raise_shapes(L, "dot", "needs two vectors of one length", &a, &b);
  }
  if (!quick_dot(L)) {
    push_product(L, &a, &b, "dot");
    sl_unbox(L);
  }
  return 1;
}

static int method_outer(lua_State *L) {
  sl_type a, b;
  sl_check_pair(L, &a, &b);
  if (a.ndim != 1 || b.ndim != 1) {
    sl_raise_shapes(L, "outer", "needs two vectors", &a, &b);
  }
  as_matrix(L, 1, &a, false);
  sl_apply2(L, SL_OP_mul, 1, 2);
  return 1;
}

/* Sum of the diagonal. */
static int method_trace(lua_State *L) {
  sl_type type;
  sl_checkvalue(L, 1, &type);
  lua_settop(L, 1);
  if (type.ndim != 2) {
    char text[160];
    sl_raisef(L, "trace: needs a matrix, got %s",
              sl_type_text(text, sizeof text, &type));
  }
  lua_getfield(L, 1, "diag");
  lua_pushvalue(L, 1);
  lua_call(L, 1, 1);
  const sl_int axes = 1;
  sl_apply_attr(L, SL_OP_sum, 2, 1, &axes);
  sl_unbox(L);
  return 1;
}

/* a:solve(b [, {trans = false}]): x with a x = b, or a' x = b; b a vector, a
** matrix or a batch. */
int sl_method_solve(lua_State *L) {
  static const char *const names[] = {"trans", NULL};
  sl_type a, b;
  sl_checkopts(L, 3, names);
  const sl_int trans = sl_optflag(L, 3, "trans");
  sl_check_pair(L, &a, &b);
  bool vector = b.ndim == 1 && a.ndim == 2;
  if (vector) {
    as_matrix(L, 2, &b, false);
  } else if (a.ndim >= 2 && b.ndim >= 2 && (a.ndim > 2 || b.ndim > 2)) {
    sl_type la = a, lb = b, batch;
    sl_err err;
    la.ndim -= 2;
    lb.ndim -= 2;
    if (sl_broadcast("solve", &la, &lb, &batch, &err) != SL_OK) {
      sl_raise_shapes(L, "solve", "batch axes do not broadcast", &a, &b);
    }
    widen_batch(L, 1, &batch);
    lua_replace(L, 1);
    widen_batch(L, 2, &batch);
    lua_replace(L, 2);
  }
  static const int args[2] = {1, 2};
  sl_apply(L, SL_OP_solve, 2, args, 1, &trans);
  if (vector) {
    sl_type to = {.ndim = 1, .shape = {b.shape[0]}};
    sl_apply_reshape(L, lua_gettop(L), &to);
  }
  return 1;
}

/* a:inv() as a solution, so that it differentiates. */
static int method_inv(lua_State *L) {
  sl_type type;
  sl_checkvalue(L, 1, &type);
  lua_settop(L, 1);
  if (type.ndim < 2 || type.shape[type.ndim - 1] != type.shape[type.ndim - 2]) {
    char text[160];
    sl_raisef(L, "inv: needs a square matrix, got %s",
              sl_type_text(text, sizeof text, &type));
  }
  sl_int n = type.shape[type.ndim - 1];
  const sl_int shape[2] = {n, n};
  sl_dtype d = sl_dtype_isfloat(type.dtype) ? type.dtype : SL_F64;
  sl_tensor *eye = sl_newtensor_nd(L, d, 2, shape);
  sl_fill(eye, 0, 0);
  for (sl_int k = 0; k < n; k++) {
    sl_set(eye, k * (n + 1), 1, 1);
  }
  return sl_method_solve(L);
}

const luaL_Reg sl_products_methods[] = {
    {"mm", method_mm},
    {"bmm", method_mm},
    {"matmul", method_matmul},
    {"mv", method_mv},
    {"dot", method_dot},
    {"outer", method_outer},
    {"trace", method_trace},
    {"solve", sl_method_solve},
    {"inv", method_inv},
    {NULL, NULL},
};
