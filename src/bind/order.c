/* order.c: elements by position: gather, scatter, masks, sorting. Indices are
** 1-based for the user and 0-based below; they are checked here.
** MIT licence. */
#include <math.h>
#include <stdlib.h>

#include "bind/select.h"

/* ---- gather and scatter -------------------------------------------------- */

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
  if (s.at[0].kind != SL_LIST) {
    sl_argerror(L, arg, "expected indices, got %s", sl_typename(L, arg));
  }
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

/* ---- sorting ------------------------------------------------------------- */

/* Between two looks at the interrupt flag qsort sees so many elements. */
enum { BLOCK = 1 << 16 };

/* A real value, or an integer one, which a double might round. */
typedef struct item {
  double v;
  sl_int i;
  sl_int at;
} item;

typedef int item_order(const void *, const void *);

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
  if (a->i != b->i) {
    return a->i < b->i ? -1 : 1;
  }
  return (a->at > b->at) - (a->at < b->at);
}

static int descending(const void *p, const void *q) {
  const item *a = p, *b = q;
  if (!isnan(a->v) && !isnan(b->v) && a->v != b->v) {
    return a->v > b->v ? -1 : 1;
  }
  if (a->i != b->i) {
    return a->i > b->i ? -1 : 1;
  }
  return ascending(p, q);
}

/* Merges the sorted [a, b) and [b, end) into out. */
static void merge(const item *a, const item *b, const item *end, item *out,
                  item_order *order) {
  for (const item *mid = b; a < mid || b < end;) {
    *out++ = b == end || (a < mid && order(a, b) < 0) ? *a++ : *b++;
  }
}

/* Sorts n items, blocks first, then pairs of ever longer runs between line and
** spare; returns the one that holds the result. Raises on Ctrl-C. */
static item *sort_items(lua_State *L, item *line, item *spare, sl_int n,
                        item_order *order) {
  sl_err err;
  for (sl_int at = 0; at < n; at += BLOCK) {
    sl_try(L, sl_poll(&err, "sort"), &err);
    qsort(line + at, (size_t)(n - at < BLOCK ? n - at : BLOCK), sizeof *line,
          order);
  }
  for (sl_int run = BLOCK; run < n; run *= 2) {
    for (sl_int at = 0; at < n; at += 2 * run) {
      sl_int mid = at + run < n ? at + run : n;
      sl_int end = mid + run < n ? mid + run : n;
      sl_try(L, sl_poll(&err, "sort"), &err);
      merge(line + at, line + mid, line + end, spare + at, order);
    }
    item *other = line;
    line = spare;
    spare = other;
  }
  return line;
}

/* Sorts the n values from element `from` on; indices get their old places.
** line has room for n items, twice when n > BLOCK. */
static void sort_line(lua_State *L, sl_tensor *values, sl_tensor *indices,
                      sl_int from, sl_int n, item *line, bool down) {
  bool real = sl_dtype_isfloat(values->type.dtype);
  for (sl_int k = 0; k < n; k++) {
    line[k] = (item){real ? sl_get(values, from + k) : 0,
                     real ? 0 : sl_geti(values, from + k), k};
  }
  line = sort_items(L, line, line + n, n, down ? descending : ascending);
  for (sl_int k = 0; k < n; k++) {
    sl_set(values, from + k, line[k].v, line[k].i);
    sl_set(indices, from + k, 0, line[k].at + 1);
  }
}

/* Reads [axis] [, {descending =}] at arguments 2 and 3. */
static int sort_options(lua_State *L, int ndim, bool *down) {
  static const char *const names[] = {"descending", NULL};
  int opts = lua_istable(L, 2) ? 2 : 3;
  lua_settop(L, 3);
  sl_checkopts(L, opts, names);
  *down = sl_optflag(L, opts, "descending");
  if (ndim == 0) {
    sl_raisef(L, "sort: a 0-d tensor has no axes");
  }
  return opts == 2 || lua_isnil(L, 2) ? ndim - 1 : sl_checkaxis(L, 2, ndim);
}

/* x:sort([axis] [, {descending = true}]): sorted values and their 1-based
** places before; the last axis when none is named; NaN last. */
static int method_sort(lua_State *L) {
  const sl_tensor *t = sl_checktensor(L, 1);
  int ndim = t->type.ndim, perm[SL_MAXDIM];
  bool down;
  int axis = sort_options(L, ndim, &down);
  for (int k = 0; k < ndim; k++) {
    perm[k] = k == axis ? ndim - 1 : k == ndim - 1 ? axis : k;
  }
  sl_tensor view, back;
  sl_err err;
  sl_view_permute(&view, t, perm); /* the sorted axis last */
  sl_type itype = view.type;
  itype.dtype = SL_I64;
  sl_tensor *values = sl_newtensor(L, &view.type); /* stack index 4 */
  sl_tensor *indices = sl_newtensor(L, &itype);    /* stack index 5 */
  sl_int n = view.type.shape[ndim - 1], all = sl_numel(&view.type);
  sl_int room = n > BLOCK ? 2 * n : n; /* no overflow: n is in memory */
  item *line = sl_bind_scratch(L, room * (sl_int)sizeof *line);
  sl_try(L, sl_copy(values, &view, &err), &err);
  for (sl_int from = 0; from < all; from += n) {
    sort_line(L, values, indices, from, n, line, down);
  }
  sl_view_permute(&back, values, perm);
  sl_newview(L, 4, &back);
  sl_view_permute(&back, indices, perm);
  sl_newview(L, 5, &back);
  return 2;
}

const luaL_Reg sl_order_methods[] = {
    {"gather", method_gather},
    {"take", method_gather},
    {"scatter", method_scatter},
    {"scatter_add", method_scatter_add},
    {"masked_fill", method_masked_fill},
    {"nonzero", method_nonzero},
    {"sort", method_sort},
    {NULL, NULL},
};
