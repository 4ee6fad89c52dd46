/* methods.c: products of matrices, composites of element-wise rows, changes in
** place, comparisons as a whole, gathering, sorting. Composites are sequences
** of sl_apply, so they trace and differentiate.
** MIT licence. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bind/select.h"

static void raise_shapes(lua_State *L, const char *what, const char *need,
                         const sl_type *a, const sl_type *b) {
  char x[160], y[160];
  sl_raisef(L, "%s: %s: a is %s, b is %s", what, need,
            sl_type_text(x, sizeof x, a), sl_type_text(y, sizeof y, b));
}

/* ---- matrix products -------------------------------------------------------------- */

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
    raise_shapes(L, what, "inner sizes differ", &ta, &tb);
  }
  int args[2] = {a, b};
  const sl_int attr[2] = {0, 0};
  if (ta.ndim > 2 || tb.ndim > 2) {
    sl_type la = ta, lb = tb;
    la.ndim -= 2;
    lb.ndim -= 2;
    if (sl_broadcast(what, &la, &lb, &batch, &err) != SL_OK) {
      raise_shapes(L, what, "batch axes do not broadcast", &ta, &tb);
    }
    widen_batch(L, a, &batch);
    widen_batch(L, b, &batch);
    args[0] = lua_gettop(L) - 1;
    args[1] = lua_gettop(L);
  }
  sl_apply(L, SL_OP_matmul, 2, args, 2, attr);
}

static void check_pair(lua_State *L, sl_type *a, sl_type *b) {
  sl_checkvalue(L, 1, a);
  sl_checkvalue(L, 2, b);
  lua_settop(L, 2);
}

/* x:mm(y): matrices, or batches of them. */
static int method_mm(lua_State *L) {
  sl_type a, b;
  check_pair(L, &a, &b);
  if (a.ndim < 2 || b.ndim < 2) {
    raise_shapes(L, "mm", "needs matrices", &a, &b);
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
    raise_shapes(L, what, "inner sizes differ", a, b);
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
  check_pair(L, &a, &b);
  push_product(L, &a, &b, "matmul");
  sl_unbox(L);
  return 1;
}

static int method_mv(lua_State *L) {
  sl_type a, b;
  check_pair(L, &a, &b);
  if (a.ndim != 2 || b.ndim != 1) {
    raise_shapes(L, "mv", "needs a matrix and a vector", &a, &b);
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
  check_pair(L, &a, &b);
  if (a.ndim != 1 || b.ndim != 1 || a.shape[0] != b.shape[0]) {
    raise_shapes(L, "dot", "needs two vectors of one length", &a, &b);
  }
  if (!quick_dot(L)) {
    push_product(L, &a, &b, "dot");
    sl_unbox(L);
  }
  return 1;
}

static int method_outer(lua_State *L) {
  sl_type a, b;
  check_pair(L, &a, &b);
  if (a.ndim != 1 || b.ndim != 1) {
    raise_shapes(L, "outer", "needs two vectors", &a, &b);
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

/* a:solve(b): x with a x = b; b a vector, a matrix or a batch. */
static int method_solve(lua_State *L) {
  sl_type a, b;
  check_pair(L, &a, &b);
  bool vector = b.ndim == 1 && a.ndim == 2;
  if (vector) {
    as_matrix(L, 2, &b, false);
  } else if (a.ndim >= 2 && b.ndim >= 2 && (a.ndim > 2 || b.ndim > 2)) {
    sl_type la = a, lb = b, batch;
    sl_err err;
    la.ndim -= 2;
    lb.ndim -= 2;
    if (sl_broadcast("solve", &la, &lb, &batch, &err) != SL_OK) {
      raise_shapes(L, "solve", "batch axes do not broadcast", &a, &b);
    }
    widen_batch(L, 1, &batch);
    lua_replace(L, 1);
    widen_batch(L, 2, &batch);
    lua_replace(L, 2);
  }
  const sl_int trans = 0;
  static const int args[2] = {1, 2};
  sl_apply(L, SL_OP_solve, 2, args, 1, &trans);
  if (vector) {
    sl_type to = {.ndim = 1, .shape = {b.shape[0]}};
    sl_apply_reshape(L, lua_gettop(L), &to);
  }
  return 1;
}

/* ---- composites -------------------------------------------------------------------------- */

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
  check_pair(L, &a, &b);
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

/* ---- in place ------------------------------------------------------------------------------- */

/* A tensor of floats does not go silently into integers. */
static void check_lossless(lua_State *L, const char *what, const sl_tensor *to,
                           const sl_tensor *from) {
  if (!sl_dtype_isfloat(to->type.dtype) &&
      sl_dtype_isfloat(from->type.dtype)) {
    raise_shapes(L, what, "float values do not fit an integer target",
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

/* ---- comparison as a whole -------------------------------------------------------------------- */

/* x:equal(y): same shape and dtype and elements? NaN differs from itself. */
static int method_equal(lua_State *L) {
  const sl_tensor *a = sl_checktensor(L, 1), *b = sl_totensor(L, 2);
  bool same = b != NULL && sl_type_eq(&a->type, &b->type);
  sl_int n = same ? sl_numel(&a->type) : 0;
  bool real = sl_dtype_isfloat(a->type.dtype);
  for (sl_int k = 0; same && k < n; k++) {
    same = real ? sl_get(a, k) == sl_get(b, k) : sl_geti(a, k) == sl_geti(b, k);
  }
  lua_pushboolean(L, same);
  return 1;
}

static double option(lua_State *L, const char *name, double dflt) {
  if (lua_istable(L, 3) && lua_getfield(L, 3, name) != LUA_TNIL) {
    return sl_checknum(L, lua_gettop(L), name);
  }
  return dflt;
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
  double rtol = option(L, "rtol", 1e-5), atol = option(L, "atol", 1e-8);
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
    double x = sl_get(&wa, k), y = sl_get(&wb, k);
    same = close_values(x, y, rtol, atol);
  }
  lua_pushboolean(L, same);
  return 1;
}

/* ---- gather and scatter ---------------------------------------------------------------------------- */

/* Pushes the 1-based indices at arg as checked 0-based ones for an axis. */
static void push_indices(lua_State *L, int arg, const sl_type *type,
                         int axis) {
  sl_selection s = {.type = {.dtype = type->dtype, .ndim = 1}};
  s.type.shape[0] = type->shape[axis];
  if (lua_type(L, arg) == LUA_TNUMBER) {
    sl_push_nested(L, arg, SL_I64);
    lua_replace(L, arg);
  }
  sl_select(L, &s, arg, 1);
  lua_pushvalue(L, s.at[0].list);
}

/* x:gather(indices [, axis]): numpy's take; 1-based, axis 1 when absent. */
static int method_gather(lua_State *L) {
  sl_type type;
  sl_checkvalue(L, 1, &type);
  lua_settop(L, 3);
  if (type.ndim == 0) {
    sl_raisef(L, "%s: a 0-d tensor has no axes", sl_callee(L));
  }
  int axis = lua_isnil(L, 3) ? 0 : sl_checkaxis(L, 3, type.ndim);
  push_indices(L, 2, &type, axis);
  int args[2] = {1, lua_gettop(L)};
  const sl_int attr[2] = {axis, 0};
  sl_apply(L, SL_OP_gather, 2, args, 2, attr);
  return 1;
}

/* v:scatter(indices, n [, axis]): zeros with n places along axis, to which v is
** added at the indices: gather transposed. */
static int method_scatter(lua_State *L) {
  sl_type type, places;
  sl_checkvalue(L, 1, &type);
  lua_settop(L, 4);
  sl_int n = sl_checkint(L, 3, "n");
  int axis = lua_isnil(L, 4) ? 0 : sl_checkaxis(L, 4, type.ndim);
  places.dtype = type.dtype;
  places.ndim = axis + 1;
  places.shape[axis] = n;
  push_indices(L, 2, &places, axis);
  int args[2] = {1, lua_gettop(L)};
  const sl_int attr[3] = {axis, n, 0};
  sl_apply(L, SL_OP_scatter, 2, args, 3, attr);
  return 1;
}

/* x:scatter_add(indices, v [, axis]): x + scatter of v. */
static int method_scatter_add(lua_State *L) {
  sl_type type, vtype;
  sl_checkvalue(L, 1, &type);
  sl_checkvalue(L, 3, &vtype);
  lua_settop(L, 4);
  int axis = lua_isnil(L, 4) ? 0 : sl_checkaxis(L, 4, type.ndim);
  push_indices(L, 2, &type, axis);
  int args[2] = {3, lua_gettop(L)};
  const sl_int attr[3] = {axis, type.shape[axis], 0};
  sl_apply(L, SL_OP_scatter, 2, args, 3, attr);
  sl_apply2(L, SL_OP_add, 1, -1);
  return 1;
}

/* x:masked_fill(mask, v) */
static int method_masked_fill(lua_State *L) {
  sl_type type;
  sl_checkvalue(L, 1, &type);
  lua_settop(L, 3);
  static const int args[3] = {2, 3, 1};
  sl_apply(L, SL_OP_where, 3, args, 0, NULL);
  return 1;
}

/* mask:nonzero(): 1-based indices, [n] for a vector, else [n x axes]. */
static int method_nonzero(lua_State *L) {
  const sl_tensor *t = sl_checktensor(L, 1);
  const sl_tensor *flat = sl_select_nonzero(L, t);
  int ndim = t->type.ndim;
  const sl_int *from = flat->data;
  const sl_int shape[2] = {flat->type.shape[0], ndim};
  sl_int *to = sl_newtensor_nd(L, SL_I64, ndim == 1 ? 1 : 2, shape)->data;
  for (sl_int k = 0; k < shape[0]; k++) {
    sl_int rest = from[k];
    for (int a = ndim - 1; a >= 0; a--) {
      to[k * ndim + a] = rest % t->type.shape[a] + 1;
      rest /= t->type.shape[a];
    }
  }
  return 1;
}

/* ---- sorting ------------------------------------------------------------------------------------------ */

typedef struct item {
  double v;
  sl_int at;
} item;

/* NaN last; equal values keep their order. */
static int ascending(const void *p, const void *q) {
  const item *a = p, *b = q;
  bool an = isnan(a->v), bn = isnan(b->v);
  if (an != bn) {
    return an ? 1 : -1;
  }
  if (!an && a->v != b->v) {
    return a->v < b->v ? -1 : 1;
  }
  return (a->at > b->at) - (a->at < b->at);
}

static int descending(const void *p, const void *q) {
  const item *a = p, *b = q;
  if (!isnan(a->v) && !isnan(b->v) && a->v != b->v) {
    return a->v > b->v ? -1 : 1;
  }
  return ascending(p, q);
}

static void sort_line(sl_tensor *values, sl_tensor *indices, sl_int from,
                      sl_int step, item *line, bool down) {
  sl_int n = values->type.shape[values->type.ndim - 1];
  (void)step;
  for (sl_int k = 0; k < n; k++) {
    line[k] = (item){sl_get(values, from + k), k};
  }
  qsort(line, (size_t)n, sizeof *line, down ? descending : ascending);
  for (sl_int k = 0; k < n; k++) {
    sl_set(values, from + k, line[k].v, (sl_int)line[k].v);
    sl_set(indices, from + k, 0, line[k].at + 1);
  }
}

/* x:sort([axis [, {descending = true}]]): sorted values and their 1-based
** places before; the last axis when none is named. */
static int method_sort(lua_State *L) {
  static const char *const names[] = {"descending", NULL};
  const sl_tensor *t = sl_checktensor(L, 1);
  lua_settop(L, 3);
  if (lua_istable(L, 2)) {
    lua_replace(L, 3);
    lua_pushnil(L);
    lua_insert(L, 2);
  }
  lua_settop(L, 3);
  sl_checkopts(L, 3, names);
  bool down = lua_istable(L, 3) && lua_getfield(L, 3, "descending") &&
              lua_toboolean(L, -1);
  lua_settop(L, 3);
  if (t->type.ndim == 0) {
    sl_raisef(L, "sort: a 0-d tensor has no axes");
  }
  int ndim = t->type.ndim;
  int axis = lua_isnil(L, 2) ? ndim - 1 : sl_checkaxis(L, 2, ndim);
  int perm[SL_MAXDIM];
  for (int k = 0; k < ndim; k++) {
    perm[k] = k == axis ? ndim - 1 : k == ndim - 1 ? axis : k;
  }
  sl_tensor view;
  sl_err err;
  sl_view_permute(&view, t, perm); /* the sorted axis last */
  sl_tensor *values = sl_newtensor(L, &view.type);
  sl_type itype = view.type;
  itype.dtype = SL_I64;
  sl_tensor *indices = sl_newtensor(L, &itype);
  sl_try(L, sl_copy(values, &view, &err), &err);
  sl_int n = view.type.shape[ndim - 1];
  item *line = sl_bind_scratch(L, n * (sl_int)sizeof *line);
  sl_int all = sl_numel(&view.type);
  for (sl_int from = 0; from < all; from += n) {
    sort_line(values, indices, from, 1, line, down);
  }
  sl_tensor back;
  sl_view_permute(&back, values, perm);
  sl_newview(L, 4, &back);
  sl_view_permute(&back, indices, perm);
  sl_newview(L, 5, &back);
  return 2;
}

const luaL_Reg sl_methods_methods[] = {
    {"mm", method_mm},
    {"bmm", method_mm},
    {"matmul", method_matmul},
    {"mv", method_mv},
    {"dot", method_dot},
    {"outer", method_outer},
    {"trace", method_trace},
    {"solve", method_solve},
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
    {"gather", method_gather},
    {"take", method_gather},
    {"scatter", method_scatter},
    {"scatter_add", method_scatter_add},
    {"masked_fill", method_masked_fill},
    {"nonzero", method_nonzero},
    {"sort", method_sort},
    {NULL, NULL},
};
