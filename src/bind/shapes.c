/* shapes.c: methods about shape and layout. All go through sl_apply, so that
** they give views of Tensors and nodes of symbolic ones.
** MIT licence. */
#include <string.h>

#include "bind/tensors.h"

static void too_many_axes(lua_State *L) {
  sl_raisef(L, "%s: at most %d axes are possible", sl_callee(L), SL_MAXDIM);
}

/* ---- asking -------------------------------------------------------------- */

static int shape_size(lua_State *L) {
  sl_type type;
  sl_checkvalue(L, 1, &type);
  if (lua_isnoneornil(L, 2)) {
    lua_createtable(L, type.ndim, 0);
    for (int a = 0; a < type.ndim; a++) {
      lua_pushinteger(L, (lua_Integer)type.shape[a]);
      lua_rawseti(L, -2, a + 1);
    }
    return 1;
  }
  lua_pushinteger(L, (lua_Integer)type.shape[sl_checkaxis(L, 2, type.ndim)]);
  return 1;
}

static int shape_dim(lua_State *L) {
  sl_type type;
  sl_checkvalue(L, 1, &type);
  lua_pushinteger(L, type.ndim);
  return 1;
}

static int shape_numel(lua_State *L) {
  sl_type type;
  sl_checkvalue(L, 1, &type);
  lua_pushinteger(L, (lua_Integer)sl_numel(&type));
  return 1;
}

static int shape_is_contiguous(lua_State *L) {
  lua_pushboolean(L, sl_is_contiguous(sl_checktensor(L, 1)));
  return 1;
}

/* ---- reshaping ----------------------------------------------------------- */

/* Sizes given as arguments arg, ... or one table; at most one is -1 (returned,
** else -1). A tensor's x.shape is such a table. */
static int read_sizes(lua_State *L, int arg, sl_type *type) {
  int hole = -1;
  type->ndim = 0;
  if (lua_istable(L, arg)) {
    int n = (int)lua_rawlen(L, arg);
    luaL_checkstack(L, n + 4, "sizes");
    for (int k = 1; k <= n; k++) {
      lua_rawgeti(L, arg, k);
    }
    lua_remove(L, arg);
  }
  for (int k = arg; k <= lua_gettop(L); k++) {
    if (type->ndim == SL_MAXDIM) {
      too_many_axes(L);
    }
    sl_int n = sl_checkint(L, k, "size");
    if (n < -1 || (n == -1 && hole >= 0)) {
      sl_raisef(L, "%s: sizes must be at least 0, one of them may be -1",
                sl_callee(L));
    }
    hole = n == -1 ? type->ndim : hole;
    type->shape[type->ndim++] = n;
  }
  return hole;
}

/* x:reshape(3, -1) or x:reshape{3, -1} */
static int shape_reshape(lua_State *L) {
  sl_type type, to;
  sl_checkvalue(L, 1, &type);
  int hole = read_sizes(L, 2, &to);
  to.dtype = type.dtype;
  if (hole >= 0) {
    sl_int rest = 1, n = sl_numel(&type);
    for (int a = 0; a < to.ndim; a++) {
      if (a != hole && !sl_mul(rest, to.shape[a], &rest)) {
        sl_raisef(L, "reshape: the sizes' product overflows");
      }
    }
    if (rest == 0 || n % rest != 0) {
      char text[160];
      sl_raisef(L, "reshape: %s: no size in place of -1 gives %lld elements",
                sl_type_text(text, sizeof text, &type), (long long)n);
    }
    to.shape[hole] = n / rest;
  }
  sl_apply_reshape(L, 1, &to);
  return 1;
}

static int shape_flatten(lua_State *L) {
  sl_type type, to;
  sl_checkvalue(L, 1, &type);
  to.dtype = type.dtype;
  to.ndim = 1;
  to.shape[0] = sl_numel(&type);
  sl_apply_reshape(L, 1, &to);
  return 1;
}

/* x:squeeze(): all axes of one; x:squeeze(axis): that one. */
static int shape_squeeze(lua_State *L) {
  sl_type type, to = {.ndim = 0};
  sl_checkvalue(L, 1, &type);
  int only = lua_isnoneornil(L, 2) ? -1 : sl_checkaxis(L, 2, type.ndim);
  if (only >= 0 && type.shape[only] != 1) {
    char text[160];
    sl_raisef(L, "squeeze: axis %d of %s is not of size 1", only + 1,
              sl_type_text(text, sizeof text, &type));
  }
  to.dtype = type.dtype;
  for (int a = 0; a < type.ndim; a++) {
    if (type.shape[a] != 1 || (only >= 0 && a != only)) {
      to.shape[to.ndim++] = type.shape[a];
    }
  }
  sl_apply_reshape(L, 1, &to);
  return 1;
}

static int shape_unsqueeze(lua_State *L) {
  sl_type type, to;
  sl_checkvalue(L, 1, &type);
  if (type.ndim == SL_MAXDIM) {
    too_many_axes(L);
  }
  int axis = sl_checkaxis(L, 2, type.ndim + 1);
  to.dtype = type.dtype;
  to.ndim = type.ndim + 1;
  for (int a = 0, from = 0; a < to.ndim; a++) {
    to.shape[a] = a == axis ? 1 : type.shape[from++];
  }
  sl_apply_reshape(L, 1, &to);
  return 1;
}

/* x:expand(3, -1): -1 keeps the size of the axis. */
static int shape_expand(lua_State *L) {
  sl_type type, to = {.ndim = 0};
  sl_checkvalue(L, 1, &type);
  if (lua_istable(L, 2)) {
    int n = (int)lua_rawlen(L, 2);
    luaL_checkstack(L, n + 4, "sizes");
    for (int k = 1; k <= n; k++) {
      lua_rawgeti(L, 2, k);
    }
    lua_remove(L, 2);
  }
  to.dtype = type.dtype;
  to.ndim = lua_gettop(L) - 1;
  if (to.ndim > SL_MAXDIM) {
    too_many_axes(L);
  }
  int lead = to.ndim - type.ndim;
  for (int a = 0; a < to.ndim; a++) {
    to.shape[a] = sl_checkint(L, a + 2, "size");
    if (to.shape[a] == -1 && a >= lead && lead >= 0) {
      to.shape[a] = type.shape[a - lead];
    }
  }
  sl_apply_broadcast(L, 1, &to);
  return 1;
}

/* ---- order of axes ------------------------------------------------------- */

static int swap_axes(lua_State *L, const sl_type *type, int a, int b) {
  sl_int perm[SL_MAXDIM];
  for (int k = 0; k < type->ndim; k++) {
    perm[k] = k == a ? b : k == b ? a : k;
  }
  sl_apply_attr(L, SL_OP_permute, 1, type->ndim, perm);
  return 1;
}

/* x:t(): the last two axes swapped. */
static int shape_t(lua_State *L) {
  sl_type type;
  sl_checkvalue(L, 1, &type);
  if (type.ndim < 2) {
    char text[160];
    sl_raisef(L, "t: needs a matrix, got %s",
              sl_type_text(text, sizeof text, &type));
  }
  return swap_axes(L, &type, type.ndim - 2, type.ndim - 1);
}

/* x:transpose(a, b); x:transpose() reverses all axes. */
static int shape_transpose(lua_State *L) {
  sl_type type;
  sl_checkvalue(L, 1, &type);
  if (lua_isnoneornil(L, 2)) {
    sl_int perm[SL_MAXDIM];
    for (int k = 0; k < type.ndim; k++) {
      perm[k] = type.ndim - 1 - k;
    }
    sl_apply_attr(L, SL_OP_permute, 1, type.ndim, perm);
    return 1;
  }
  int a = sl_checkaxis(L, 2, type.ndim);
  return swap_axes(L, &type, a, sl_checkaxis(L, 3, type.ndim));
}

/* x:permute(2, 3, 1) */
static int shape_permute(lua_State *L) {
  sl_type type;
  sl_int perm[SL_MAXDIM];
  sl_checkvalue(L, 1, &type);
  int base = 1, n = lua_gettop(L) - 1;
  if (lua_istable(L, 2)) {
    base = lua_gettop(L);
    n = (int)lua_rawlen(L, 2);
    luaL_checkstack(L, n + 4, "axes");
    for (int k = 1; k <= n; k++) {
      lua_rawgeti(L, 2, k);
    }
  }
  if (n != type.ndim) {
    char text[160];
    sl_raisef(L, "permute: %s has %d axes, %d were named",
              sl_type_text(text, sizeof text, &type), type.ndim, n);
  }
  for (int k = 0; k < n; k++) {
    perm[k] = sl_checkaxis(L, base + 1 + k, type.ndim);
  }
  sl_apply_attr(L, SL_OP_permute, 1, n, perm);
  return 1;
}

/* x:flip(axis): a view from the end. */
static int shape_flip(lua_State *L) {
  sl_type type;
  sl_int attr[3 * SL_MAXDIM];
  sl_checkvalue(L, 1, &type);
  int axis = sl_checkaxis(L, 2, type.ndim);
  for (int a = 0; a < type.ndim; a++) {
    sl_int n = type.shape[a];
    attr[3 * a] = a == axis && n > 0 ? n - 1 : 0;
    attr[3 * a + 1] = a == axis ? -1 : 1;
    attr[3 * a + 2] = n;
  }
  sl_apply_attr(L, SL_OP_slice, 1, 3 * type.ndim, attr);
  return 1;
}

void sl_push_part(lua_State *L, int idx, const sl_type *type, int axis,
                  sl_int from, sl_int len) {
  sl_int attr[3 * SL_MAXDIM];
  for (int a = 0; a < type->ndim; a++) {
    attr[3 * a] = a == axis ? from : 0;
    attr[3 * a + 1] = 1;
    attr[3 * a + 2] = a == axis ? len : type->shape[a];
  }
  sl_apply_attr(L, SL_OP_slice, idx, 3 * type->ndim, attr);
}

/* x:roll(shift [, axis]): element i goes to i + shift, round the end. */
static int shape_roll(lua_State *L) {
  sl_type type;
  sl_checkvalue(L, 1, &type);
  sl_int shift = sl_checkint(L, 2, "shift");
  if (lua_isnoneornil(L, 3)) {
    lua_settop(L, 2);
    lua_pushinteger(L, 1);
  }
  int axis = sl_checkaxis(L, 3, type.ndim);
  sl_int n = type.shape[axis];
  shift = n > 0 ? (shift % n + n) % n : 0;
  sl_push_part(L, 1, &type, axis, n - shift, shift);
  sl_push_part(L, 1, &type, axis, 0, n - shift);
  sl_join(L, 2, axis);
  return 1;
}

/* x:tile(2, 3): repeated that often along the axes (aligned to the right). */
static int shape_tile(lua_State *L) {
  sl_type type, times, from, wide, to;
  sl_checkvalue(L, 1, &type);
  read_sizes(L, 2, &times);
  int n = times.ndim > type.ndim ? times.ndim : type.ndim;
  if (2 * n > SL_MAXDIM) {
    too_many_axes(L);
  }
  from.dtype = wide.dtype = to.dtype = type.dtype;
  from.ndim = wide.ndim = 2 * n;
  to.ndim = n;
  for (int a = 0; a < n; a++) {
    int at = a - (n - type.ndim), rep = a - (n - times.ndim);
    sl_int size = at >= 0 ? type.shape[at] : 1;
    sl_int count = rep >= 0 ? times.shape[rep] : 1;
    from.shape[2 * a] = 1;
    wide.shape[2 * a] = count;
    from.shape[2 * a + 1] = wide.shape[2 * a + 1] = size;
    if (!sl_mul(count, size, &to.shape[a])) {
      sl_raisef(L, "tile: %lld times %lld elements do not fit",
                (long long)count, (long long)size);
    }
  }
  sl_apply_reshape(L, 1, &from);
  sl_apply_broadcast(L, lua_gettop(L), &wide);
  sl_apply_reshape(L, lua_gettop(L), &to);
  return 1;
}

/* ---- copies and conversions ---------------------------------------------- */

static int shape_copy(lua_State *L) {
  if (sl_issym(L, 1)) { /* immutable: itself */
    lua_settop(L, 1);
    return 1;
  }
  const sl_tensor *t = sl_checktensor(L, 1);
  sl_tensor *out = sl_newtensor(L, &t->type);
  sl_err err;
  sl_try(L, sl_copy(out, t, &err), &err);
  return 1;
}

static int shape_contiguous(lua_State *L) {
  const sl_tensor *t = sl_totensor(L, 1);
  if (t != NULL && !sl_is_contiguous(t)) {
    return shape_copy(L);
  }
  sl_type type;
  sl_checkvalue(L, 1, &type);
  lua_settop(L, 1);
  return 1;
}

static int convert(lua_State *L, sl_dtype d) {
  sl_type type;
  sl_checkvalue(L, 1, &type);
  sl_apply_cast(L, 1, d);
  return 1;
}

/* x:to "f32": itself when it has that dtype. */
static int shape_to(lua_State *L) {
  return convert(L, sl_checkdtype(L, 2, "to"));
}

static int shape_f64(lua_State *L) { return convert(L, SL_F64); }
static int shape_f32(lua_State *L) { return convert(L, SL_F32); }
static int shape_i64(lua_State *L) { return convert(L, SL_I64); }
static int shape_u8(lua_State *L) { return convert(L, SL_U8); }

/* ---- diagonals and triangles --------------------------------------------- */

/* Pushes the u8 mask [rows x cols] of where col - row is in [low, high]. */
static void push_band(lua_State *L, sl_int rows, sl_int cols, sl_int low,
                      sl_int high) {
  const sl_int shape[2] = {rows, cols};
  uint8_t *p = sl_newtensor_nd(L, SL_U8, 2, shape)->data;
  for (sl_int i = 0; i < rows; i++) {
    for (sl_int j = 0; j < cols; j++) {
      *p++ = j - i >= low && j - i <= high;
    }
  }
}

/* where(band of col - row in [low, high], x, 0) */
static int keep_band(lua_State *L, bool lower) {
  sl_type type;
  sl_checkvalue(L, 1, &type);
  sl_int k = lua_isnoneornil(L, 2) ? 0 : sl_checkint(L, 2, "diagonal");
  if (type.ndim < 2) {
    char text[160];
    sl_raisef(L, "%s: needs a matrix, got %s", sl_callee(L),
              sl_type_text(text, sizeof text, &type));
  }
  push_band(L, type.shape[type.ndim - 2], type.shape[type.ndim - 1],
            lower ? -INT64_MAX : k, lower ? k : INT64_MAX);
  int mask = lua_gettop(L);
  lua_pushinteger(L, 0);
  int args[3] = {mask, 1, mask + 1};
  sl_apply(L, SL_OP_where, 3, args, 0, NULL);
  return 1;
}

static int shape_tril(lua_State *L) { return keep_band(L, true); }
static int shape_triu(lua_State *L) { return keep_band(L, false); }

static void diagonal_of(lua_State *L, const sl_type *type) {
  sl_int rows = type->shape[0], cols = type->shape[1];
  sl_int n = rows < cols ? rows : cols;
  const sl_tensor *t = sl_totensor(L, 1);
  if (t != NULL) {
    sl_tensor view = *t;
    view.type.ndim = 1;
    view.type.shape[0] = n;
    view.stride[0] = t->stride[0] + t->stride[1];
    sl_newview(L, 1, &view);
    return;
  }
  sl_type flat = {.dtype = type->dtype, .ndim = 1, .shape = {rows * cols}};
  const sl_int attr[3] = {0, cols + 1, n};
  sl_apply_reshape(L, 1, &flat);
  sl_apply_attr(L, SL_OP_slice, lua_gettop(L), 3, attr);
}

/* x:diag(): the matrix of a vector, the diagonal (a view) of a matrix. */
static int shape_diag(lua_State *L) {
  sl_type type;
  sl_checkvalue(L, 1, &type);
  lua_settop(L, 1);
  if (type.ndim == 2) {
    diagonal_of(L, &type);
    return 1;
  }
  if (type.ndim != 1) {
    char text[160];
    sl_raisef(L, "diag: needs a vector or a matrix, got %s",
              sl_type_text(text, sizeof text, &type));
  }
  push_band(L, type.shape[0], type.shape[0], 0, 0);
  lua_pushinteger(L, 0);
  static const int args[3] = {2, 1, 3};
  sl_apply(L, SL_OP_where, 3, args, 0, NULL);
  return 1;
}

const luaL_Reg sl_shapes_methods[] = {
    {"size", shape_size},
    {"dim", shape_dim},
    {"numel", shape_numel},
    {"is_contiguous", shape_is_contiguous},
    {"reshape", shape_reshape},
    {"flatten", shape_flatten},
    {"squeeze", shape_squeeze},
    {"unsqueeze", shape_unsqueeze},
    {"expand", shape_expand},
    {"broadcast_to", shape_expand},
    {"t", shape_t},
    {"transpose", shape_transpose},
    {"permute", shape_permute},
    {"flip", shape_flip},
    {"roll", shape_roll},
    {"tile", shape_tile},
    {"copy", shape_copy},
    {"clone", shape_copy},
    {"contiguous", shape_contiguous},
    {"to", shape_to},
    {"f64", shape_f64},
    {"f32", shape_f32},
    {"i64", shape_i64},
    {"u8", shape_u8},
    {"tril", shape_tril},
    {"triu", shape_triu},
    {"diag", shape_diag},
    {NULL, NULL},
};
