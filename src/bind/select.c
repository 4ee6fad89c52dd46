/* select.c: see select.h. Ranges are "first:last:step" with both ends
** included, 1-based, negative numbers counted from the end, parts left out
** meaning the whole; a range must lie inside its axis unless it is empty.
** MIT licence. */
#include "bind/select.h"

#include <stdio.h>
#include <string.h>

static const char *show(char *buf, size_t n, const sl_selection *s) {
  return sl_type_text(buf, n, &s->type);
}

sl_int sl_select_at(sl_int i, sl_int n) {
  sl_int at = i < 0 ? i + n : i - 1;
  return i != 0 && at >= 0 && at < n ? at : -1;
}

/* ---- ranges -------------------------------------------------------------- */

/* Reads an optional integer; false when what stands there is no number. */
static bool read_part(const char **text, bool *given, sl_int *value) {
  const char *p = *text;
  while (*p == ' ') {
    p++;
  }
  bool minus = *p == '-';
  p += minus || *p == '+';
  sl_int v = 0;
  const char *digits = p;
  while (*p >= '0' && *p <= '9') {
    if (v > INT64_MAX / 20) {
      return false;
    }
    v = 10 * v + (*p++ - '0');
  }
  *given = p > digits;
  if (!*given && p > *text && (p[-1] == '-' || p[-1] == '+')) {
    return false;
  }
  while (*p == ' ') {
    p++;
  }
  *value = minus ? -v : v;
  *text = p;
  return true;
}

static bool parse_range(const char *text, bool given[3], sl_int value[3]) {
  given[0] = given[1] = given[2] = false;
  for (int k = 0; k < 3; k++) {
    if (!read_part(&text, &given[k], &value[k])) {
      return false;
    }
    if (*text == '\0') {
      return k > 0;
    }
    if (*text++ != ':') {
      return false;
    }
  }
  return false;
}

static void bad_range(lua_State *L, const sl_selection *s, int axis,
                      const char *text, const char *why) {
  char buf[160];
  sl_raisef(L, "index: \"%.40s\" %s (axis %d of %s)", text, why, axis + 1,
            show(buf, sizeof buf, s));
}

static void select_range(lua_State *L, const sl_selection *s, int axis,
                         const char *text, sl_selector *out) {
  bool given[3];
  sl_int v[3], n = s->type.shape[axis];
  if (!parse_range(text, given, v)) {
    bad_range(L, s, axis, text,
              "is no range such as \"2:5\", \":\", \"1:-1:2\"");
  }
  sl_int step = given[2] ? v[2] : 1;
  if (step == 0) {
    bad_range(L, s, axis, text, "has step 0");
  }
  sl_int a = step > 0 ? 1 : n, b = step > 0 ? n : 1;
  a = !given[0] ? a : v[0] < 0 ? v[0] + n + 1 : v[0];
  b = !given[1] ? b : v[1] < 0 ? v[1] + n + 1 : v[1];
  sl_int low = step > 0 ? a : b, high = step > 0 ? b : a;
  bool empty = low > high;
  bool inside = empty ? low <= n + 1 && high >= 0 : low >= 1 && high <= n;
  if (!inside) {
    bad_range(L, s, axis, text, "is outside");
  }
  out->kind = SL_RANGE;
  out->start = empty ? 0 : a - 1;
  out->step = step;
  out->len = empty ? 0 : (b - a) / step + 1;
}

/* ---- lists and masks ----------------------------------------------------- */

sl_tensor *sl_select_nonzero(lua_State *L, const sl_tensor *mask) {
  sl_int n = sl_numel(&mask->type), count = 0;
  for (sl_int k = 0; k < n; k++) {
    count += sl_geti(mask, k) != 0;
  }
  sl_tensor *out = sl_newtensor_nd(L, SL_I64, 1, &count);
  sl_int *to = out->data;
  for (sl_int k = 0; k < n; k++) {
    if (sl_geti(mask, k) != 0) {
      *to++ = k;
    }
  }
  return out;
}

static void select_mask(lua_State *L, const sl_selection *s, int axis,
                        const sl_tensor *mask) {
  if (mask->type.ndim != 1 || mask->type.shape[0] != s->type.shape[axis]) {
    char a[160], b[160];
    sl_raisef(L, "index: mask is %s, axis %d of %s needs [%lld] u8",
              sl_type_text(a, sizeof a, &mask->type), axis + 1,
              show(b, sizeof b, s), (long long)s->type.shape[axis]);
  }
  sl_select_nonzero(L, mask);
}

/* Pushes 1-based indices, checked, as 0-based ones. */
static void select_list(lua_State *L, const sl_selection *s, int axis,
                        const sl_tensor *list) {
  sl_type type = list->type;
  type.dtype = SL_I64;
  sl_tensor *out = sl_newtensor(L, &type);
  sl_int *to = out->data;
  sl_int n = s->type.shape[axis], count = sl_numel(&type);
  bool real = sl_dtype_isfloat(list->type.dtype);
  for (sl_int k = 0; k < count; k++) {
    double v = real ? sl_get(list, k) : 0;
    sl_int i = real ? (v > -9e15 && v < 9e15 ? (sl_int)v : 0)
                    : sl_geti(list, k);
    to[k] = sl_select_at(i, n);
    if (to[k] < 0 || (real && (double)i != v)) {
      char buf[160];
      sl_raisef(L, "index: %.14g is not an index of axis %d of %s",
                real ? v : (double)i, axis + 1, show(buf, sizeof buf, s));
    }
  }
}

static void select_values(lua_State *L, const sl_selection *s, int axis,
                          int idx, sl_selector *out) {
  out->kind = SL_LIST;
  sl_type type;
  if (sl_sym_type(L, idx, &type)) {
    if (type.dtype == SL_U8) {
      sl_raisef(L, "index: a symbolic mask selects an unknown number of "
                   "elements: use T.where(mask, x, y)");
    }
    sl_apply_cast(L, idx, SL_I64);
    lua_pushinteger(L, 1);
    sl_apply2(L, SL_OP_sub, -2, -1);
  } else {
    const sl_tensor *list = sl_astensor(L, idx, SL_NDTYPE);
    if (list->type.dtype == SL_U8) {
      select_mask(L, s, axis, list);
    } else {
      select_list(L, s, axis, list);
    }
  }
  out->list = lua_gettop(L);
}

/* ---- all ----------------------------------------------------------------- */

static void select_one(lua_State *L, const sl_selection *s, int axis, int idx,
                       sl_selector *out) {
  char buf[160];
  switch (lua_type(L, idx)) {
    case LUA_TNUMBER: {
      sl_int i = sl_checkint(L, idx, "index");
      out->kind = SL_AT;
      out->start = sl_select_at(i, s->type.shape[axis]);
      out->step = 1;
      out->len = 1;
      if (out->start < 0) {
        sl_raisef(L, "index: %lld is outside axis %d of %s", (long long)i,
                  axis + 1, show(buf, sizeof buf, s));
      }
      return;
    }
    case LUA_TSTRING:
      select_range(L, s, axis, lua_tostring(L, idx), out);
      return;
    default:
      if (!lua_istable(L, idx) && !sl_isvalue(L, idx)) {
        sl_raisef(L, "index: a selector is a number, a range such as \"2:5\", "
                     "a list of indices or a mask, got %s (axis %d of %s)",
                  sl_typename(L, idx), axis + 1, show(buf, sizeof buf, s));
      }
      select_values(L, s, axis, idx, out);
  }
}

/* A single mask of the whole shape selects elements. */
static bool whole_mask(lua_State *L, const sl_selection *s, int idx) {
  const sl_tensor *t = sl_totensor(L, idx);
  return t != NULL && t->type.dtype == SL_U8 && t->type.ndim != 1 &&
         sl_shape_eq(&t->type, &s->type);
}

void sl_select(lua_State *L, sl_selection *s, int first, int count) {
  luaL_checkstack(L, 3 * count + 8, "selectors");
  s->n = s->type.ndim;
  s->nlist = 0;
  s->mask = 0;
  if (count == 1 && whole_mask(L, s, first)) {
    s->mask = first;
    return;
  }
  if (count > s->n) {
    char buf[160];
    sl_raisef(L, "index: %d selectors for %s", count, show(buf, sizeof buf, s));
  }
  for (int axis = 0; axis < s->n; axis++) {
    sl_selector *one = &s->at[axis];
    if (axis < count) {
      select_one(L, s, axis, first + axis, one);
      s->nlist += one->kind == SL_LIST;
    } else {
      *one = (sl_selector){SL_RANGE, 0, 1, s->type.shape[axis], 0};
    }
  }
}
