/* args.c: argument checks that every bound function uses. The one idea: a
** message names the function as the user called it, the argument, what was
** expected and what came; misspelt names are answered with the nearest one.
** MIT licence. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "bind/tensors.h"

const char *sl_callee(lua_State *L) {
  lua_Debug ar;
  if (!lua_getstack(L, 0, &ar) || !lua_getinfo(L, "n", &ar) ||
      ar.name == NULL) {
    return "saddle";
  }
  return strcmp(ar.name, "newindex") == 0 ? "assignment" : ar.name;
}

int sl_argerror(lua_State *L, int arg, const char *fmt, ...) {
  char text[512];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  return sl_raisef(L, "%s: argument %d: %s", sl_callee(L), arg, text);
}

const char *sl_typename(lua_State *L, int idx) {
  if (sl_totensor(L, idx) != NULL) {
    return "a Tensor";
  }
  return sl_issym(L, idx) ? "a symbolic tensor" : luaL_typename(L, idx);
}

/* Distance in single-letter edits, a swap of neighbours counting one; words
** over 31 letters are far from all. */
static int edits(const char *a, const char *b) {
  enum { MAX = 32 };
  size_t n = strlen(a), m = strlen(b);
  if (n >= MAX || m >= MAX) {
    return MAX;
  }
  int row[MAX][MAX];
  for (size_t i = 0; i <= n; i++) {
    for (size_t j = 0; j <= m; j++) {
      if (i == 0 || j == 0) {
        row[i][j] = (int)(i + j);
        continue;
      }
      int best = row[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
      best = row[i - 1][j] + 1 < best ? row[i - 1][j] + 1 : best;
      best = row[i][j - 1] + 1 < best ? row[i][j - 1] + 1 : best;
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
          row[i - 2][j - 2] + 1 < best) {
        best = row[i - 2][j - 2] + 1;
      }
      row[i][j] = best;
    }
  }
  return row[n][m];
}

const char *sl_nearest(const char *word, const char *const *names) {
  int limit = (int)(strlen(word) / 3) + 1;
  const char *found = NULL;
  for (; names != NULL && *names != NULL; names++) {
    int d = edits(word, *names);
    if (d <= limit) {
      limit = d - 1;
      found = *names;
    }
  }
  return found;
}

/* ---- numbers ------------------------------------------------------------- */

sl_int sl_checkint(lua_State *L, int arg, const char *name) {
  int exact = 0;
  lua_Integer i = 0;
  if (lua_type(L, arg) == LUA_TNUMBER) {
    i = lua_tointegerx(L, arg, &exact);
    if (!exact) {
      sl_raisef(L, "%s: %s must be an integer, got %.14g", sl_callee(L), name,
                lua_tonumber(L, arg));
    }
  } else {
    sl_raisef(L, "%s: %s must be an integer, got %s", sl_callee(L), name,
              sl_typename(L, arg));
  }
  return (sl_int)i;
}

double sl_checknum(lua_State *L, int arg, const char *name) {
  if (lua_type(L, arg) != LUA_TNUMBER) {
    sl_tensor *t = sl_totensor(L, arg);
    if (t != NULL && sl_numel(&t->type) == 1) {
      return sl_get(t, 0);
    }
    sl_raisef(L, "%s: %s must be a number, got %s", sl_callee(L), name,
              sl_typename(L, arg));
  }
  return lua_tonumber(L, arg);
}

int sl_checkaxis(lua_State *L, int arg, int ndim) {
  sl_int a = sl_checkint(L, arg, "axis");
  sl_int axis = a < 0 ? a + ndim : a - 1;
  if (a == 0 || axis < 0 || axis >= ndim) {
    sl_raisef(L, "%s: axis %lld does not exist: the tensor has %d ax%s",
              sl_callee(L), (long long)a, ndim, ndim == 1 ? "is" : "es");
  }
  return (int)axis;
}

/* ---- dtypes and options -------------------------------------------------- */

sl_dtype sl_checkdtype(lua_State *L, int idx, const char *what) {
  sl_dtype d = SL_F64;
  const char *name = lua_type(L, idx) == LUA_TSTRING ? lua_tostring(L, idx)
                                                     : NULL;
  if (name == NULL || !sl_dtype_parse(name, &d)) {
    sl_raisef(L,
              "%s: dtype must be \"f64\", \"f32\", \"i64\" or \"u8\", got %s",
              what, name != NULL ? name : sl_typename(L, idx));
  }
  return d;
}

/* Raises for a key that is not among names. */
static void unknown_key(lua_State *L, const char *key,
                        const char *const *names) {
  const char *near = sl_nearest(key, names);
  if (near != NULL) {
    sl_raisef(L, "%s: unknown option '%s' (did you mean '%s'?)", sl_callee(L),
              key, near);
  }
  sl_raisef(L, "%s: unknown option '%s'", sl_callee(L), key);
}

static bool among(const char *key, const char *const *names) {
  for (; names != NULL && *names != NULL; names++) {
    if (strcmp(key, *names) == 0) {
      return true;
    }
  }
  return false;
}

void sl_checkopts(lua_State *L, int arg, const char *const *names) {
  if (lua_isnoneornil(L, arg)) {
    return;
  }
  if (!lua_istable(L, arg)) {
    sl_argerror(L, arg, "expected a table of options, got %s",
                sl_typename(L, arg));
  }
  for (lua_pushnil(L); lua_next(L, arg) != 0; lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING) {
      sl_argerror(L, arg, "expected named options, got a key of type %s",
                  sl_typename(L, -2));
    }
    const char *key = lua_tostring(L, -2);
    if (!among(key, names)) {
      unknown_key(L, key, names);
    }
  }
}

/* Pushes option `name` of the table at arg when it is given. */
static bool given(lua_State *L, int arg, const char *name) {
  if (!lua_istable(L, arg)) {
    return false;
  }
  if (lua_getfield(L, arg, name) == LUA_TNIL) {
    lua_pop(L, 1);
    return false;
  }
  return true;
}

sl_dtype sl_optdtype(lua_State *L, int arg, sl_dtype dflt) {
  if (given(L, arg, "dtype")) {
    dflt = sl_checkdtype(L, -1, sl_callee(L));
    lua_pop(L, 1);
  }
  return dflt;
}

double sl_optnum(lua_State *L, int arg, const char *name, double dflt) {
  if (given(L, arg, name)) {
    dflt = sl_checknum(L, -1, name);
    lua_pop(L, 1);
  }
  return dflt;
}

sl_int sl_optint(lua_State *L, int arg, const char *name, sl_int dflt) {
  if (given(L, arg, name)) {
    dflt = sl_checkint(L, -1, name);
    lua_pop(L, 1);
  }
  return dflt;
}

bool sl_optflag(lua_State *L, int arg, const char *name) {
  bool flag = false;
  if (given(L, arg, name)) {
    flag = lua_toboolean(L, -1);
    lua_pop(L, 1);
  }
  return flag;
}

/* ---- shapes -------------------------------------------------------------- */

static void make_type(lua_State *L, sl_type *type, sl_dtype d, int ndim,
                      const sl_int *shape) {
  sl_err err;
  sl_try(L, sl_type_make(type, d, ndim, shape, &err), &err);
}

/* Sizes 1 .. n of the table at arg. */
static int table_sizes(lua_State *L, int arg, sl_int *shape) {
  sl_int n = (sl_int)lua_rawlen(L, arg);
  if (n > SL_MAXDIM) {
    sl_argerror(L, arg, "%lld axes, at most %d are possible", (long long)n,
                SL_MAXDIM);
  }
  for (sl_int k = 0; k < n; k++) {
    lua_rawgeti(L, arg, k + 1);
    shape[k] = sl_checkint(L, -1, "size");
    lua_pop(L, 1);
  }
  return (int)n;
}

static void check_shape_keys(lua_State *L, int arg, sl_int n,
                             const char *const *extra) {
  for (lua_pushnil(L); lua_next(L, arg) != 0; lua_pop(L, 1)) {
    if (lua_type(L, -2) == LUA_TSTRING) {
      const char *key = lua_tostring(L, -2);
      static const char *const own[] = {"dtype", NULL};
      if (strcmp(key, "dtype") != 0 && !among(key, extra)) {
        unknown_key(L, key, sl_nearest(key, extra) != NULL ? extra : own);
      }
    } else if (!lua_isinteger(L, -2) || lua_tointeger(L, -2) < 1 ||
               lua_tointeger(L, -2) > n) {
      sl_argerror(L, arg, "a shape is a list of sizes without gaps");
    }
  }
}

void sl_checkshape(lua_State *L, int arg, sl_dtype dflt,
                   const char *const *extra, sl_type *type) {
  sl_int shape[SL_MAXDIM];
  arg = lua_absindex(L, arg);
  if (lua_type(L, arg) == LUA_TNUMBER) {
    shape[0] = sl_checkint(L, arg, "size");
    make_type(L, type, dflt, 1, shape);
    return;
  }
  if (!lua_istable(L, arg)) {
    sl_argerror(L, arg, "expected a shape such as {3, 4}, got %s",
                sl_typename(L, arg));
  }
  int n = table_sizes(L, arg, shape);
  check_shape_keys(L, arg, n, extra);
  make_type(L, type, sl_optdtype(L, arg, dflt), n, shape);
}

int sl_checkshapes(lua_State *L, int arg, sl_dtype dflt, sl_type *type) {
  static const char *const names[] = {"dtype", NULL};
  sl_int shape[SL_MAXDIM];
  int n = 0, next = arg;
  if (lua_istable(L, arg)) {
    sl_checkshape(L, arg, dflt, NULL, type);
    next = arg + 1;
  } else {
    while (lua_type(L, next) == LUA_TNUMBER) {
      if (n == SL_MAXDIM) {
        sl_argerror(L, next, "at most %d axes are possible", SL_MAXDIM);
      }
      shape[n++] = sl_checkint(L, next++, "size");
    }
    if (n == 0 && !lua_isnone(L, arg)) {
      sl_argerror(L, arg, "expected a shape such as {3, 4}, got %s",
                  sl_typename(L, arg));
    }
    make_type(L, type, dflt, n, shape);
  }
  if (lua_istable(L, next)) {
    sl_checkopts(L, next, names);
    type->dtype = sl_optdtype(L, next, type->dtype);
    next++;
  }
  return next;
}
