/* index.c: x[...], x(...) and x[...] = v. Positions and ranges give views (one
** slice, then the dropped axes reshaped away: the same two operations trace);
** lists are gathered, axis by axis, into copies. Writes go into the view, or
** list by list into its slices.
** MIT licence. */
#include <string.h>

#include "bind/select.h"

/* ---- reading ------------------------------------------------------------- */

/* The view of t that positions and ranges describe; lists keep their axis. */
static void view_of(const sl_selection *s, sl_tensor *t) {
  for (int axis = s->n - 1; axis >= 0; axis--) {
    const sl_selector *o = &s->at[axis];
    if (o->kind == SL_LIST) {
      continue;
    }
    sl_tensor next;
    if (o->kind == SL_AT) {
      sl_view_index(&next, t, axis, o->start);
    } else {
      sl_view_slice(&next, t, axis, o->start, o->step, o->len);
    }
    *t = next;
  }
}

/* The same of a symbolic tensor: pushed. */
static void trace_view(lua_State *L, int x, const sl_selection *s) {
  sl_int attr[3 * SL_MAXDIM];
  sl_type kept;
  kept.ndim = 0;
  for (int axis = 0; axis < s->n; axis++) {
    const sl_selector *o = &s->at[axis];
    bool all = o->kind == SL_LIST;
    attr[3 * axis] = all ? 0 : o->start;
    attr[3 * axis + 1] = all ? 1 : o->step;
    attr[3 * axis + 2] = all ? s->type.shape[axis] : o->len;
    if (o->kind != SL_AT) {
      kept.shape[kept.ndim++] = attr[3 * axis + 2];
    }
  }
  sl_trace_part(L, x, 3 * s->n, attr, kept.ndim < s->n ? &kept : NULL);
}

/* Gathers the lists of the value on top, last axis first so that the axes
** before keep their numbers. */
static void gather_lists(lua_State *L, const sl_selection *s) {
  int kept = 0;
  for (int axis = 0; axis < s->n; axis++) {
    kept += s->at[axis].kind != SL_AT;
  }
  for (int axis = s->n - 1; axis >= 0; axis--) {
    kept -= s->at[axis].kind != SL_AT;
    if (s->at[axis].kind == SL_LIST) {
      int args[2] = {lua_gettop(L), s->at[axis].list};
      sl_int attr[2] = {kept, 0};
      sl_apply(L, SL_OP_gather, 2, args, 2, attr);
    }
  }
}

static void gather_mask(lua_State *L, int x, const sl_selection *s) {
  sl_type flat = {.dtype = s->type.dtype, .ndim = 1};
  flat.shape[0] = sl_numel(&s->type);
  sl_apply_reshape(L, x, &flat);
  sl_select_nonzero(L, sl_totensor(L, s->mask));
  int args[2] = {lua_gettop(L) - 1, lua_gettop(L)};
  const sl_int attr[2] = {0, 0};
  sl_apply(L, SL_OP_gather, 2, args, 2, attr);
}

/* The element k strides from the first of t. */
static void push_element(lua_State *L, const sl_tensor *t, sl_int k) {
  switch (t->type.dtype) {
    case SL_F64:
      lua_pushnumber(L, ((const double *)t->data)[k]);
      break;
    case SL_F32:
      lua_pushnumber(L, (double)((const float *)t->data)[k]);
      break;
    case SL_I64:
      lua_pushinteger(L, ((const sl_int *)t->data)[k]);
      break;
    default:
      lua_pushinteger(L, ((const uint8_t *)t->data)[k]);
  }
}

/* Pushes x selected by `count` selectors at stack index `first`. */
static void push_selected(lua_State *L, int x, int first, int count) {
  sl_selection s;
  sl_checkvalue(L, x, &s.type);
  sl_select(L, &s, first, count);
  const sl_tensor *t = sl_totensor(L, x);
  if (s.mask != 0) {
    gather_mask(L, x, &s);
  } else if (t == NULL) {
    trace_view(L, x, &s);
  } else {
    sl_tensor view = *t;
    view_of(&s, &view);
    if (view.type.ndim == 0 && s.n > 0) {
      push_element(L, &view, 0);
      return;
    }
    sl_newview(L, x, &view);
  }
  if (s.nlist > 0) {
    gather_lists(L, &s);
  }
}

/* The table at idx spread on the stack; returns how many. */
static int spread(lua_State *L, int idx) {
  int n = (int)lua_rawlen(L, idx);
  luaL_checkstack(L, n + 8, "selectors");
  for (int i = 1; i <= n; i++) {
    lua_rawgeti(L, idx, i);
  }
  return n;
}

static void outside(lua_State *L, const sl_type *type, sl_int i) {
  char buf[160];
  sl_raisef(L, "index: %lld is outside axis 1 of %s", (long long)i,
            sl_type_text(buf, sizeof buf, type));
}

/* x[i] for a 1-based i on axis 0, negative counted from the end: pushes the
** number, view or symbolic slice; nil for n + 1. */
static void index_first(lua_State *L, int idx, sl_int i) {
  sl_object *o = sl_toobject(L, idx);
  if (o != NULL && o->issym && sl_trace_at(L, idx, o, i)) {
    return;
  }
  const sl_tensor *t = sl_object_tensor(o);
  sl_type type;
  sl_int at = t != NULL && t->type.ndim > 0
                  ? sl_select_at(i, t->type.shape[0])
                  : -1;
  if (at >= 0 && t->type.ndim == 1) {
    push_element(L, t, at * t->stride[0]);
    return;
  }
  if (at >= 0) {
    sl_tensor view;
    sl_view_index(&view, t, 0, at);
    sl_newview(L, idx, &view);
    return;
  }
  sl_checkvalue(L, idx, &type);
  if (type.ndim == 0) {
    sl_raisef(L, "index: a 0-d tensor has no axes; use x:item()");
  }
  if (i == type.shape[0] + 1) {
    lua_pushnil(L); /* where ipairs stops */
    return;
  }
  outside(L, &type, i);
}

/* ---- fields -------------------------------------------------------------- */

static void push_shape(lua_State *L, const sl_type *type) {
  lua_createtable(L, type->ndim, 0);
  for (int a = 0; a < type->ndim; a++) {
    lua_pushinteger(L, (lua_Integer)type->shape[a]);
    lua_rawseti(L, -2, a + 1);
  }
}

static const char *const field_names[] = {"shape", "dtype", "ndim", NULL};

/* Raises; the methods' names are upvalue 1 of the running function. */
static void unknown_field(lua_State *L, const char *key) {
  sl_int n = 3;
  const int methods = lua_upvalueindex(1);
  for (lua_pushnil(L); lua_next(L, methods) != 0; lua_pop(L, 1)) {
    n++;
  }
  const char **names = sl_bind_scratch(L, (n + 1) * (sl_int)sizeof *names);
  memcpy(names, field_names, 3 * sizeof *names);
  n = 3;
  for (lua_pushnil(L); lua_next(L, methods) != 0; lua_pop(L, 1)) {
    names[n++] = lua_tostring(L, -2);
  }
  names[n] = NULL;
  const char *near = sl_nearest(key, names);
  sl_raisef(L, "Tensor has no method or field '%.40s'%s%s%s", key,
            near != NULL ? " (did you mean '" : "", near != NULL ? near : "",
            near != NULL ? "'?)" : "");
}

static int index_field(lua_State *L) {
  const char *key = lua_tostring(L, 2);
  sl_type type;
  if (strchr(key, ':') != NULL) {
    push_selected(L, 1, 2, 1);
    return 1;
  }
  sl_checkvalue(L, 1, &type);
  if (strcmp(key, "shape") == 0) {
    push_shape(L, &type);
  } else if (strcmp(key, "dtype") == 0) {
    lua_pushstring(L, sl_dtype_name(type.dtype));
  } else if (strcmp(key, "ndim") == 0) {
    lua_pushinteger(L, type.ndim);
  } else {
    unknown_field(L, key);
  }
  return 1;
}

int sl_index_get(lua_State *L) {
  switch (lua_type(L, 2)) {
    case LUA_TSTRING:
      lua_pushvalue(L, 2);
      if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) {
        return 1;
      }
      lua_pop(L, 1);
      return index_field(L);
    case LUA_TNUMBER:
      index_first(L, 1, sl_checkint(L, 2, "position"));
      return 1;
    case LUA_TTABLE: {
      int n = spread(L, 2);
      push_selected(L, 1, 3, n);
      return 1;
    }
    default:
      push_selected(L, 1, 2, 1);
      return 1;
  }
}

/* x(1, ":") */
int sl_index_call(lua_State *L) {
  push_selected(L, 1, 2, lua_gettop(L) - 1);
  return 1;
}

/* ---- writing ------------------------------------------------------------- */

/* The value at arg for a target: numbers and tables take its dtype; a tensor
** of floats is not cut down to integers. */
static const sl_tensor *value_for(lua_State *L, int arg, sl_dtype d) {
  const sl_tensor *t = sl_totensor(L, arg);
  if (t != NULL) {
    if (!sl_dtype_isfloat(d) && sl_dtype_isfloat(t->type.dtype)) {
      sl_raisef(L, "index: %s values do not fit a tensor of dtype %s: "
                   "convert them by to()",
                sl_dtype_name(t->type.dtype), sl_dtype_name(d));
    }
    return t;
  }
  int kind = lua_type(L, arg);
  if (sl_issym(L, arg)) {
    sl_raisef(L, "index: a symbolic tensor cannot be stored: tensors are "
                 "immutable while tracing");
  }
  if (kind != LUA_TNUMBER && kind != LUA_TTABLE) {
    sl_raisef(L, "index: a value is a number, a table or a tensor, got %s",
              sl_typename(L, arg));
  }
  return sl_astensor(L, arg, d);
}

/* Writes of the lists: one level per list, from the last axis to the first. */
typedef struct list_axis {
  const sl_tensor *list;
  int dst, src; /* axis of the target view; first axis of the value */
} list_axis;

static void write_lists(lua_State *L, const sl_tensor *dst,
                        const sl_tensor *src, const list_axis *lists, int n) {
  if (n == 0) {
    sl_tensor to = *dst;
    sl_err err;
    sl_try(L, sl_copy(&to, src, &err), &err);
    return;
  }
  const list_axis *last = &lists[n - 1];
  const sl_int *at = last->list->data;
  int ndim = last->list->type.ndim;
  sl_int count = sl_numel(&last->list->type);
  for (sl_int k = 0; k < count; k++) {
    sl_tensor to, from = *src, next;
    sl_view_index(&to, dst, last->dst, at[k]);
    sl_int rest = k;
    for (int a = ndim - 1; a >= 0; a--) {
      sl_int extent = last->list->type.shape[a];
      sl_view_index(&next, &from, last->src + a, rest % extent);
      rest /= extent;
      from = next;
    }
    write_lists(L, &to, &from, lists, n - 1);
  }
}

/* Type of the whole selection; fills lists. */
static int lists_of(lua_State *L, const sl_selection *s, const sl_tensor *view,
                    list_axis *lists, sl_type *type) {
  int n = 0, axis = 0;
  sl_int shape[SL_MAXDIM * SL_MAXDIM];
  int ndim = 0;
  for (int k = 0; k < s->n; k++) {
    if (s->at[k].kind == SL_AT) {
      continue;
    }
    if (s->at[k].kind == SL_LIST) {
      const sl_tensor *list = sl_checktensor(L, s->at[k].list);
      lists[n++] = (list_axis){list, axis, ndim};
      for (int a = 0; a < list->type.ndim; a++) {
        shape[ndim++] = list->type.shape[a];
      }
    } else {
      shape[ndim++] = view->type.shape[axis];
    }
    axis++;
  }
  sl_err err;
  sl_try(L, sl_type_make(type, view->type.dtype, ndim, shape, &err), &err);
  return n;
}

static void assign_lists(lua_State *L, const sl_selection *s,
                         const sl_tensor *view, const sl_tensor *value) {
  list_axis lists[SL_MAXDIM];
  sl_type type, sum;
  sl_tensor wide;
  sl_err err;
  int n = lists_of(L, s, view, lists, &type);
  if (sl_overlap(view, value)) {
    sl_tensor *copy = sl_newtensor(L, &value->type);
    sl_try(L, sl_copy(copy, value, &err), &err);
    value = copy;
  }
  sl_try(L, sl_broadcast("index", &type, &value->type, &sum, &err), &err);
  if (!sl_shape_eq(&sum, &type)) {
    char a[160], b[160];
    sl_raisef(L, "index: %s does not broadcast to the selection %s",
              sl_type_text(b, sizeof b, &value->type),
              sl_type_text(a, sizeof a, &type));
  }
  type.dtype = value->type.dtype;
  sl_view_broadcast(&wide, value, &type);
  write_lists(L, view, &wide, lists, n);
}

/* x[mask] = v for a mask of x's shape. */
static void assign_mask(lua_State *L, sl_tensor *t, int mask,
                        const sl_tensor *value) {
  const sl_tensor *at = sl_select_nonzero(L, sl_checktensor(L, mask));
  sl_int n = at->type.shape[0];
  const sl_int *k = at->data;
  bool one = value->type.ndim == 0;
  if (!one && (value->type.ndim != 1 || value->type.shape[0] != n)) {
    char a[160];
    sl_raisef(L, "index: the mask selects %lld elements, the value is %s",
              (long long)n, sl_type_text(a, sizeof a, &value->type));
  }
  bool real = sl_dtype_isfloat(value->type.dtype);
  for (sl_int i = 0; i < n; i++) {
    sl_int from = one ? 0 : i;
    double v = sl_get(value, from);
    sl_set(t, k[i], v, real ? 0 : sl_geti(value, from));
  }
}

static void assign(lua_State *L, int first, int count, int value) {
  sl_selection s;
  sl_tensor *t = sl_checkwritable(L, 1);
  s.type = t->type;
  sl_select(L, &s, first, count);
  const sl_tensor *v = value_for(L, value, t->type.dtype);
  if (s.mask != 0) {
    assign_mask(L, t, s.mask, v);
    return;
  }
  sl_tensor view = *t;
  view_of(&s, &view);
  if (s.nlist > 0) {
    assign_lists(L, &s, &view, v);
  } else {
    sl_assign(L, "index", &view, v);
  }
}

/* x[i] = number on a vector of f64, the commonest write. */
static bool write_element(lua_State *L) {
  sl_tensor *t = sl_totensor(L, 1);
  if (t == NULL || t->type.ndim != 1 || t->type.dtype != SL_F64 ||
      lua_type(L, 2) != LUA_TNUMBER || lua_type(L, 3) != LUA_TNUMBER) {
    return false;
  }
  sl_int i = sl_checkint(L, 2, "position");
  sl_int at = sl_select_at(i, t->type.shape[0]);
  if (at < 0) {
    outside(L, &t->type, i);
  }
  sl_checkwritable(L, 1);
  ((double *)t->data)[at * t->stride[0]] = lua_tonumber(L, 3);
  return true;
}

int sl_index_set(lua_State *L) {
  if (write_element(L)) {
    return 0;
  }
  int kind = lua_type(L, 2);
  if (kind == LUA_TSTRING && strchr(lua_tostring(L, 2), ':') == NULL) {
    sl_raisef(L, "a Tensor's fields cannot be set: '%.40s'",
              lua_tostring(L, 2));
  }
  if (kind == LUA_TTABLE) {
    int n = spread(L, 2);
    assign(L, 4, n, 3);
  } else {
    assign(L, 2, 1, 3);
  }
  return 0;
}
