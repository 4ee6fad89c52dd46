/* construct.c: tensors from Lua values and back: T{...}, zeros, arange, ...
** A nested table is read twice: once for its shape, checking that it is not
** ragged, once for its numbers. A table with symbolic tensors in it is joined
** from them, so that T{w[1]^2, w[2]} traces.
** MIT licence. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "bind/tensors.h"

/* ---- nested tables ------------------------------------------------------- */

/* Where the reader is, for messages: "[2][1]". */
typedef struct place {
  int depth;
  sl_int at[SL_MAXDIM];
  bool integers; /* every number so far is a Lua integer */
  bool symbolic; /* a symbolic tensor was met */
} place;

static const char *place_text(const place *p, char *buf, size_t n) {
  size_t used = 0;
  buf[0] = '\0';
  for (int k = 0; k < p->depth && used + 1 < n; k++) {
    used += (size_t)snprintf(buf + used, n - used, "[%lld]",
                             (long long)p->at[k]);
  }
  return p->depth == 0 ? "the top" : buf;
}

static void bad_item(lua_State *L, const place *p, const char *what) {
  char buf[128];
  sl_raisef(L, "tensor: at %s: %s", place_text(p, buf, sizeof buf), what);
}

/* Shape of the item on top of the stack; numbers and tensors are leaves. */
static void first_shape(lua_State *L, place *p, sl_type *type) {
  sl_type leaf;
  int top = lua_gettop(L);
  type->dtype = SL_F64;
  type->ndim = 0;
  while (lua_istable(L, -1)) {
    if (type->ndim == SL_MAXDIM) {
      bad_item(L, p, "a table nested too deeply");
    }
    type->shape[type->ndim++] = (sl_int)lua_rawlen(L, -1);
    luaL_checkstack(L, 4, "nested table");
    lua_rawgeti(L, -1, 1);
  }
  if (!lua_isnil(L, -1) && sl_value_type(L, -1, &leaf)) {
    for (int a = 0; a < leaf.ndim; a++) {
      if (type->ndim == SL_MAXDIM) {
        bad_item(L, p, "a table nested too deeply");
      }
      type->shape[type->ndim++] = leaf.shape[a];
    }
  }
  lua_settop(L, top);
}

static void check_leaf(lua_State *L, place *p, const sl_type *type, int axis) {
  sl_type leaf, rest = {.ndim = type->ndim - axis};
  char text[256], a[96], b[96];
  if (!sl_value_type(L, -1, &leaf)) {
    snprintf(text, sizeof text, "expected a %s, got %s",
             rest.ndim > 0 ? "table" : "number", sl_typename(L, -1));
    bad_item(L, p, text);
  }
  p->symbolic |= sl_issym(L, -1);
  p->integers &= leaf.dtype == SL_I64 || leaf.dtype == SL_U8;
  for (int k = 0; k < rest.ndim; k++) {
    rest.shape[k] = type->shape[axis + k];
  }
  if (!sl_shape_eq(&leaf, &rest)) {
    rest.dtype = leaf.dtype;
    snprintf(text, sizeof text, "ragged: expected shape %s, got %s",
             sl_type_text(a, sizeof a, &rest),
             sl_type_text(b, sizeof b, &leaf));
    bad_item(L, p, text);
  }
}

/* Keys beside 1 .. n: none, but for dtype at the top. */
static void check_keys(lua_State *L, place *p, sl_int n) {
  sl_int count = 0;
  for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1)) {
    if (lua_type(L, -2) == LUA_TSTRING) {
      const char *key = lua_tostring(L, -2);
      char text[128];
      if (p->depth == 0 && strcmp(key, "dtype") == 0) {
        continue;
      }
      snprintf(text, sizeof text, "unknown option '%.40s'%s", key,
               p->depth == 0 ? " (known: 'dtype')" : "");
      bad_item(L, p, text);
    }
    count++;
  }
  if (count != n) {
    bad_item(L, p, "a list with gaps");
  }
}

/* Checks the item on top against axes axis .. of type. */
static void check_nested(lua_State *L, place *p, const sl_type *type,
                         int axis) {
  if (lua_type(L, -1) == LUA_TNUMBER && axis == type->ndim) {
    p->integers &= (bool)lua_isinteger(L, -1);
    return;
  }
  if (!lua_istable(L, -1)) {
    check_leaf(L, p, type, axis);
    return;
  }
  sl_int n = (sl_int)lua_rawlen(L, -1);
  char text[96];
  if (axis == type->ndim) {
    bad_item(L, p, "ragged: expected a number, got a table");
  }
  if (n != type->shape[axis]) {
    snprintf(text, sizeof text, "ragged: %lld items, expected %lld",
             (long long)n, (long long)type->shape[axis]);
    bad_item(L, p, text);
  }
  check_keys(L, p, n);
  luaL_checkstack(L, 4, "nested table");
  p->depth++;
  for (sl_int i = 1; i <= n; i++) {
    p->at[p->depth - 1] = i;
    lua_rawgeti(L, -1, i);
    check_nested(L, p, type, axis + 1);
    lua_pop(L, 1);
  }
  p->depth--;
}

static void set_number(lua_State *L, place *p, sl_tensor *out, sl_int at) {
  double v = lua_tonumber(L, -1);
  sl_int i = 0;
  if (!sl_dtype_isfloat(out->type.dtype)) {
    int exact = 0;
    i = (sl_int)lua_tointegerx(L, -1, &exact);
    if (!exact || (out->type.dtype == SL_U8 && (i < 0 || i > 255))) {
      char text[96];
      snprintf(text, sizeof text, "%.14g is not a value of dtype %s", v,
               sl_dtype_name(out->type.dtype));
      bad_item(L, p, text);
    }
  }
  sl_set(out, at, v, i);
}

/* Writes the item on top into out from element *at on. */
static void fill_nested(lua_State *L, place *p, sl_tensor *out, sl_int *at) {
  if (lua_type(L, -1) == LUA_TNUMBER) {
    set_number(L, p, out, (*at)++);
    return;
  }
  if (!lua_istable(L, -1)) {
    sl_tensor part;
    sl_err err;
    const sl_tensor *t = sl_checktensor(L, -1);
    sl_type type = t->type;
    type.dtype = out->type.dtype;
    sl_tensor_init(&part, &type,
                   (char *)out->data + *at * sl_dtype_size(type.dtype));
    sl_try(L, sl_copy(&part, t, &err), &err);
    *at += sl_numel(&type);
    return;
  }
  sl_int n = (sl_int)lua_rawlen(L, -1);
  p->depth++;
  for (sl_int i = 1; i <= n; i++) {
    p->at[p->depth - 1] = i;
    lua_rawgeti(L, -1, i);
    fill_nested(L, p, out, at);
    lua_pop(L, 1);
  }
  p->depth--;
}

/* ---- nested tables with symbolic tensors --------------------------------- */

/* Replaces the item on top by its value with a leading axis of one. */
static void push_row(lua_State *L, int item, sl_dtype d);

static void push_joined(lua_State *L, int idx, sl_dtype d) {
  int n = (int)lua_rawlen(L, idx);
  luaL_checkstack(L, n + 8, "too many symbolic items in one table");
  for (int i = 1; i <= n; i++) {
    lua_rawgeti(L, idx, i);
    push_row(L, lua_gettop(L), d);
    lua_replace(L, -2);
  }
  sl_join(L, n, 0);
}

static void push_row(lua_State *L, int item, sl_dtype d) {
  sl_type type, row;
  if (lua_istable(L, item)) {
    push_joined(L, item, d);
  } else if (lua_type(L, item) == LUA_TNUMBER) {
    sl_push_nested(L, item, d);
  } else {
    sl_apply_cast(L, item, d);
  }
  sl_value_type(L, -1, &type);
  row.dtype = d;
  row.ndim = type.ndim + 1;
  row.shape[0] = 1;
  memcpy(row.shape + 1, type.shape, (size_t)type.ndim * sizeof(sl_int));
  sl_apply_reshape(L, lua_gettop(L), &row);
  lua_replace(L, -2);
}

void sl_push_nested(lua_State *L, int idx, sl_dtype d) {
  sl_type type;
  place p = {.integers = true};
  luaL_checkstack(L, 8, "nested table");
  lua_pushvalue(L, idx);
  first_shape(L, &p, &type);
  sl_err err;
  sl_try(L, sl_type_make(&type, SL_F64, type.ndim, type.shape, &err), &err);
  check_nested(L, &p, &type, 0);
  type.dtype = d != SL_NDTYPE ? d : p.integers ? SL_I64 : SL_F64;
  if (p.symbolic) {
    push_joined(L, lua_gettop(L), d != SL_NDTYPE ? d : SL_F64);
  } else {
    sl_int at = 0;
    sl_tensor *out = sl_newtensor(L, &type);
    lua_insert(L, -2);
    fill_nested(L, &p, out, &at);
    lua_pushvalue(L, -2);
  }
  lua_replace(L, -3);
  lua_pop(L, 1);
}

/* T(value [, {dtype = }]): value is a nested table, a number or a tensor. */
int sl_construct_call(lua_State *L) {
  static const char *const names[] = {"dtype", NULL};
  lua_settop(L, 3);
  sl_checkopts(L, 3, names);
  sl_dtype d = sl_optdtype(L, 3, sl_optdtype(L, 2, SL_NDTYPE));
  int kind = lua_type(L, 2);
  if (kind == LUA_TNUMBER || kind == LUA_TTABLE) {
    sl_push_nested(L, 2, d == SL_NDTYPE ? SL_F64 : d);
    return 1;
  }
  if (sl_issym(L, 2)) {
    sl_type type;
    sl_value_type(L, 2, &type);
    sl_apply_cast(L, 2, d == SL_NDTYPE ? type.dtype : d);
    return 1;
  }
  if (sl_totensor(L, 2) == NULL) {
    sl_raisef(L, "tensor: expected a number, a table or a tensor, got %s",
              sl_typename(L, 2));
  }
  const sl_tensor *t = sl_totensor(L, 2);
  sl_type type = t->type;
  type.dtype = d == SL_NDTYPE ? type.dtype : d;
  sl_tensor *out = sl_newtensor(L, &type);
  sl_err err;
  sl_try(L, sl_copy(out, t, &err), &err);
  return 1;
}

/* ---- filled tensors ------------------------------------------------------ */

static int filled(lua_State *L, double v) {
  sl_type type;
  sl_checkshapes(L, 1, SL_F64, &type);
  sl_fill(sl_newtensor(L, &type), v, (sl_int)v);
  return 1;
}

static int construct_zeros(lua_State *L) { return filled(L, 0); }
static int construct_ones(lua_State *L) { return filled(L, 1); }

/* T.empty{3, 4}: elements undefined. */
static int construct_empty(lua_State *L) {
  sl_type type;
  sl_checkshapes(L, 1, SL_F64, &type);
  sl_newtensor(L, &type);
  return 1;
}

/* A number's integer value for an integer tensor. */
static sl_int fill_int(lua_State *L, int arg, sl_dtype d) {
  if (sl_dtype_isfloat(d)) {
    return 0;
  }
  sl_int i = sl_checkint(L, arg, "value");
  if (d == SL_U8 && (i < 0 || i > 255)) {
    sl_argerror(L, arg, "%lld is not a value of dtype u8", (long long)i);
  }
  return i;
}

/* T.full({3, 4, dtype =}, v) */
static int construct_full(lua_State *L) {
  static const char *const names[] = {"dtype", NULL};
  sl_type type;
  sl_checkshape(L, 1, SL_F64, NULL, &type);
  sl_checkopts(L, 3, names);
  type.dtype = sl_optdtype(L, 3, type.dtype);
  double v = sl_checknum(L, 2, "value");
  sl_int i = fill_int(L, 2, type.dtype);
  sl_fill(sl_newtensor(L, &type), v, i);
  return 1;
}

/* T.eye(n [, m] [, {dtype =}]) */
static int construct_eye(lua_State *L) {
  static const char *const names[] = {"dtype", NULL};
  sl_int shape[2];
  shape[0] = sl_checkint(L, 1, "n");
  int opts = lua_type(L, 2) == LUA_TNUMBER ? 3 : 2;
  shape[1] = opts == 3 ? sl_checkint(L, 2, "m") : shape[0];
  sl_checkopts(L, opts, names);
  sl_tensor *t = sl_newtensor_nd(L, sl_optdtype(L, opts, SL_F64), 2, shape);
  sl_fill(t, 0, 0);
  sl_tensor diagonal = *t;
  diagonal.type.ndim = 1;
  diagonal.type.shape[0] = shape[0] < shape[1] ? shape[0] : shape[1];
  diagonal.stride[0] = shape[1] + 1;
  sl_fill(&diagonal, 1, 1);
  return 1;
}

/* The numbers from, from + step, ... of a sequence of n. */
static void fill_sequence(sl_tensor *t, double from, double step) {
  sl_int n = sl_numel(&t->type);
  for (sl_int k = 0; k < n; k++) {
    double v = from + (double)k * step;
    sl_set(t, k, v, (sl_int)v);
  }
}

/* T.arange(from, to [, step] [, {dtype =}]): inclusive, as Lua's for. */
static int construct_arange(lua_State *L) {
  static const char *const names[] = {"dtype", NULL};
  double from = sl_checknum(L, 1, "from"), to = sl_checknum(L, 2, "to");
  int opts = lua_type(L, 3) == LUA_TNUMBER ? 4 : 3;
  double step = opts == 4 ? sl_checknum(L, 3, "step") : 1;
  sl_checkopts(L, opts, names);
  sl_dtype d = sl_optdtype(L, opts, SL_F64);
  if (!(fabs(step) > 0) || !isfinite(from) || !isfinite(to)) {
    sl_raisef(L, "arange: step must not be 0 and all must be finite: "
                 "from %.14g to %.14g by %.14g", from, to, step);
  }
  /* one part in 2^40 of a step forgives the rounding of 0, 1, 0.1 */
  double count = floor((to - from) / step + 0x1p-40) + 1;
  if (count > 9e15) {
    sl_raisef(L, "arange: %.4g elements are too many", count);
  }
  if (!sl_dtype_isfloat(d) && (from != floor(from) || step != floor(step))) {
    sl_raisef(L, "arange: from and step must be integers for dtype %s",
              sl_dtype_name(d));
  }
  sl_int n = count > 0 ? (sl_int)count : 0;
  fill_sequence(sl_newtensor_nd(L, d, 1, &n), from, step);
  return 1;
}

/* T.linspace(a, b, n [, {dtype =}]): both ends exact. */
static int construct_linspace(lua_State *L) {
  static const char *const names[] = {"dtype", NULL};
  double a = sl_checknum(L, 1, "from"), b = sl_checknum(L, 2, "to");
  sl_int n = sl_checkint(L, 3, "n");
  sl_checkopts(L, 4, names);
  sl_tensor *t = sl_newtensor_nd(L, sl_optdtype(L, 4, SL_F64), 1, &n);
  fill_sequence(t, a, n > 1 ? (b - a) / (double)(n - 1) : 0);
  if (n > 1) {
    sl_set(t, n - 1, b, (sl_int)b);
  }
  return 1;
}

/* ---- and back ------------------------------------------------------------ */

static void push_element(lua_State *L, const sl_tensor *t, sl_int at) {
  if (sl_dtype_isfloat(t->type.dtype)) {
    lua_pushnumber(L, sl_get(t, at));
  } else {
    lua_pushinteger(L, (lua_Integer)sl_geti(t, at));
  }
}

static void push_table(lua_State *L, const sl_tensor *t, int axis,
                       sl_int *at) {
  if (axis == t->type.ndim) {
    push_element(L, t, (*at)++);
    return;
  }
  sl_int n = t->type.shape[axis];
  luaL_checkstack(L, 4, "nested table");
  lua_createtable(L, n < INT32_MAX ? (int)n : 0, 0);
  for (sl_int i = 1; i <= n; i++) {
    if ((i & 0xffff) == 0) {
      sl_err err;
      sl_try(L, sl_poll(&err, "totable"), &err);
    }
    push_table(L, t, axis + 1, at);
    lua_rawseti(L, -2, i);
  }
}

/* x:totable(): nested tables of numbers; a number for a 0-d tensor. */
static int construct_totable(lua_State *L) {
  const sl_tensor *t = sl_checktensor(L, 1);
  sl_int at = 0;
  push_table(L, t, 0, &at);
  return 1;
}

/* x:item(): the only element, as a number. */
static int construct_item(lua_State *L) {
  if (lua_type(L, 1) == LUA_TNUMBER) {
    lua_settop(L, 1);
    return 1;
  }
  if (sl_issym(L, 1)) {
    sl_sym_evaluate(L, 1);
    lua_replace(L, 1);
  }
  const sl_tensor *t = sl_checktensor(L, 1);
  if (sl_numel(&t->type) != 1) {
    char text[160];
    sl_raisef(L, "item: needs a tensor of one element, got %s",
              sl_type_text(text, sizeof text, &t->type));
  }
  push_element(L, t, 0);
  return 1;
}

/* A new tensor of the argument's shape. */
static sl_tensor *like(lua_State *L) {
  static const char *const names[] = {"dtype", NULL};
  sl_type type;
  sl_checkvalue(L, 1, &type);
  sl_checkopts(L, 2, names);
  type.dtype = sl_optdtype(L, 2, type.dtype);
  return sl_newtensor(L, &type);
}

static int construct_zeros_like(lua_State *L) {
  sl_fill(like(L), 0, 0);
  return 1;
}

static int construct_ones_like(lua_State *L) {
  sl_fill(like(L), 1, 1);
  return 1;
}

static int construct_istensor(lua_State *L) {
  lua_pushboolean(L, sl_totensor(L, 1) != NULL || sl_issym(L, 1));
  return 1;
}

static int construct_issymbolic(lua_State *L) {
  lua_pushboolean(L, sl_issym(L, 1));
  return 1;
}

/* x:to_bytes(): the elements in row-major order, native byte order. */
static int construct_to_bytes(lua_State *L) {
  const sl_tensor *t = sl_checktensor(L, 1);
  t = sl_ascontiguous(L, 1, t->type.dtype);
  size_t n = (size_t)(sl_numel(&t->type) * sl_dtype_size(t->type.dtype));
  lua_pushlstring(L, t->data, n);
  return 1;
}

/* T.from_bytes(bytes, {3, 4, dtype =}): the inverse. */
static int construct_from_bytes(lua_State *L) {
  size_t n;
  sl_type type;
  if (lua_type(L, 1) != LUA_TSTRING) {
    sl_argerror(L, 1, "expected a string of bytes, got %s", sl_typename(L, 1));
  }
  const char *bytes = lua_tolstring(L, 1, &n);
  sl_checkshape(L, 2, SL_F64, NULL, &type);
  sl_int need = sl_numel(&type) * sl_dtype_size(type.dtype);
  if ((sl_int)n != need) {
    char text[160];
    sl_raisef(L, "from_bytes: %s needs %lld bytes, got %zu",
              sl_type_text(text, sizeof text, &type), (long long)need, n);
  }
  sl_tensor *t = sl_newtensor(L, &type);
  memcpy(t->data, bytes, n);
  return 1;
}

const luaL_Reg sl_construct_functions[] = {
    {"zeros", construct_zeros},
    {"ones", construct_ones},
    {"empty", construct_empty},
    {"full", construct_full},
    {"eye", construct_eye},
    {"arange", construct_arange},
    {"linspace", construct_linspace},
    {"istensor", construct_istensor},
    {"issymbolic", construct_issymbolic},
    {"from_bytes", construct_from_bytes},
    {NULL, NULL},
};

const luaL_Reg sl_construct_methods[] = {
    {"totable", construct_totable},
    {"tolist", construct_totable},
    {"item", construct_item},
    {"zeros_like", construct_zeros_like},
    {"ones_like", construct_ones_like},
    {"to_bytes", construct_to_bytes},
    {NULL, NULL},
};
