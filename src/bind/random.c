/* random.c: `saddle.random` and its generators. A generator is a userdata of
** three integers (key, position, children); everything random is in the core,
** here are only arguments and results. Without sizes a draw is one Lua number.
** Indices are 1-based.  MIT licence. */
#include <string.h>

#include "bind/bind.h"
#include "bind/tensors.h"
#include "kern/philox.h"

static const char meta_name[] = "saddle.Random";
static const char default_name[] = "saddle.random.default";
static const char seed_name[] = "saddle.seed"; /* see system.c */
static const char generator_name[] = "philox4x32-10";

/* ---- generators ---------------------------------------------------------- */

static sl_random *push_random(lua_State *L, sl_random value) {
  sl_random *r = lua_newuserdatauv(L, sizeof *r, 0);
  *r = value;
  luaL_setmetatable(L, meta_name);
  return r;
}

static sl_random *check_random(lua_State *L) {
  sl_random *r = luaL_testudata(L, 1, meta_name);
  if (r == NULL) {
    sl_argerror(L, 1, "expected a generator (call it as rng:%s), got %s",
                sl_callee(L), luaL_typename(L, 1));
  }
  return r;
}

/* Arguments beyond the last one known would be ignored in silence. */
static void check_last(lua_State *L, int last) {
  if (lua_gettop(L) > last) {
    sl_argerror(L, last + 1, "unexpected, got %s",
                luaL_typename(L, last + 1));
  }
}

static sl_random seeded(lua_Integer seed) {
  return (sl_random){.key = (uint64_t)seed};
}

static int random_new(lua_State *L) {
  sl_int seed = sl_checkint(L, 1, "seed");
  check_last(L, 1);
  push_random(L, seeded(seed));
  return 1;
}

static int random_default(lua_State *L) {
  if (lua_getfield(L, LUA_REGISTRYINDEX, default_name) == LUA_TNIL) {
    lua_getfield(L, LUA_REGISTRYINDEX, seed_name);
    push_random(L, seeded(lua_tointeger(L, -1)));
    lua_pushvalue(L, -1);
    lua_setfield(L, LUA_REGISTRYINDEX, default_name);
  }
  return 1;
}

/* set_default_seed(n): the default generator starts again from this seed. */
static int random_set_default_seed(lua_State *L) {
  sl_int seed = sl_checkint(L, 1, "seed");
  lua_pushinteger(L, seed);
  lua_setfield(L, LUA_REGISTRYINDEX, seed_name);
  random_default(L);
  *(sl_random *)lua_touserdata(L, -1) = seeded(seed);
  return 0;
}

/* rng:seed() gives the seed; rng:seed(n) starts again from another. */
static int random_seed(lua_State *L) {
  sl_random *r = check_random(L);
  if (lua_isnoneornil(L, 2)) {
    lua_pushinteger(L, (lua_Integer)r->key);
    return 1;
  }
  *r = seeded(sl_checkint(L, 2, "seed"));
  lua_settop(L, 1);
  return 1;
}

static int random_copy(lua_State *L) {
  push_random(L, *check_random(L));
  return 1;
}

static int random_tostring(lua_State *L) {
  const sl_random *r = check_random(L);
  lua_pushfstring(L, "rng: seed %I, position %I", (LUAI_UACINT)r->key,
                  (LUAI_UACINT)r->pos);
  return 1;
}

static int random_split(lua_State *L) {
  enum { MOST = 1 << 24 };
  sl_random *r = check_random(L);
  check_last(L, 2);
  if (lua_isnoneornil(L, 2)) {
    push_random(L, sl_random_split(r));
    return 1;
  }
  sl_int n = sl_checkint(L, 2, "n");
  if (n < 0 || n > MOST) {
    sl_raisef(L, "split: n must be in 0..%d, got %lld", MOST, (long long)n);
  }
  lua_createtable(L, (int)n, 0);
  for (sl_int i = 1; i <= n; i++) {
    push_random(L, sl_random_split(r));
    lua_rawseti(L, -2, i);
  }
  return 1;
}

/* ---- state --------------------------------------------------------------- */

static int random_state(lua_State *L) {
  const sl_random *r = check_random(L);
  lua_createtable(L, 0, 4);
  lua_pushstring(L, generator_name);
  lua_setfield(L, -2, "generator");
  lua_pushinteger(L, (lua_Integer)r->key);
  lua_setfield(L, -2, "seed");
  lua_pushinteger(L, (lua_Integer)r->pos);
  lua_setfield(L, -2, "position");
  lua_pushinteger(L, (lua_Integer)r->children);
  lua_setfield(L, -2, "children");
  return 1;
}

static sl_int state_field(lua_State *L, int arg, const char *name) {
  lua_getfield(L, arg, name);
  sl_int value = sl_checkint(L, -1, name);
  lua_pop(L, 1);
  return value;
}

/* The state in the table at arg, checked in full. */
static sl_random check_state(lua_State *L, int arg) {
  static const char *const names[] = {"generator", "seed", "position",
                                      "children", NULL};
  if (!lua_istable(L, arg)) {
    sl_argerror(L, arg, "expected a state as rng:state() gives it, got %s",
                luaL_typename(L, arg));
  }
  sl_checkopts(L, arg, names);
  lua_getfield(L, arg, "generator");
  const char *name = lua_tostring(L, -1);
  if (name == NULL || strcmp(name, generator_name) != 0) {
    sl_raisef(L, "restore: generator must be \"%s\", got %s", generator_name,
              name != NULL ? name : luaL_typename(L, -1));
  }
  lua_pop(L, 1);
  sl_int seed = state_field(L, arg, "seed");
  sl_int pos = state_field(L, arg, "position");
  sl_int children = state_field(L, arg, "children");
  if (pos < 0 || (uint64_t)pos > SL_RANDOM_END) {
    sl_raisef(L, "restore: position must be in 0..2^62, got %lld",
              (long long)pos);
  }
  if (children < 0) {
    sl_raisef(L, "restore: children must not be negative, got %lld",
              (long long)children);
  }
  return (sl_random){(uint64_t)seed, (uint64_t)pos, (uint64_t)children};
}

/* random.restore(state) makes a generator. */
static int random_restore_new(lua_State *L) {
  push_random(L, check_state(L, 1));
  return 1;
}

/* rng:restore(state) sets this one. */
static int random_restore(lua_State *L) {
  sl_random *r = check_random(L);
  *r = check_state(L, 2);
  lua_settop(L, 1);
  return 1;
}

/* ---- draws --------------------------------------------------------------- */

/* Sizes at arguments 2, ...: a table with the names of `extra` besides, or
** integers up to argument `last`. False: no sizes, one number is wanted. */
static bool check_sizes(lua_State *L, int last, sl_dtype dflt,
                        const char *const *extra, sl_type *type) {
  static const char *const none[] = {NULL};
  if (last < 2 || lua_isnil(L, 2)) {
    sl_err err;
    sl_try(L, sl_type_make(type, dflt, 0, NULL, &err), &err);
    return false;
  }
  if (lua_type(L, 2) != LUA_TNUMBER) {
    sl_checkshape(L, 2, dflt, extra != NULL ? extra : none, type);
    return type->ndim > 0;
  }
  sl_int shape[SL_MAXDIM];
  int ndim = last - 1;
  if (ndim > SL_MAXDIM) {
    sl_raisef(L, "%s: %d axes, at most %d are possible", sl_callee(L), ndim,
              SL_MAXDIM);
  }
  for (int i = 0; i < ndim; i++) {
    shape[i] = sl_checkint(L, 2 + i, "size");
  }
  sl_err err;
  sl_try(L, sl_type_make(type, dflt, ndim, shape, &err), &err);
  return true;
}

/* Draws what d says, as a tensor or as one number. */
static int draw(lua_State *L, sl_random *r, const sl_draw *d, bool sized,
                const sl_type *type) {
  _Alignas(8) char value[8];
  sl_tensor one, *t = &one;
  if (sized) {
    t = sl_newtensor(L, type);
  } else {
    sl_tensor_init(&one, type, value);
  }
  sl_err err;
  sl_try(L, sl_random_fill(r, d, type->dtype, sl_numel(type), t->data, &err),
         &err);
  if (!sized && sl_dtype_isfloat(type->dtype)) {
    lua_pushnumber(L, sl_get(t, 0));
  } else if (!sized) {
    lua_pushinteger(L, sl_geti(t, 0));
  }
  return 1;
}

/* rng:kind(sizes) with up to two named real parameters. */
static int draw_named(lua_State *L, sl_random_kind kind, sl_dtype dflt,
                      const char *const *names, double a, double b) {
  sl_random *r = check_random(L);
  sl_type type;
  int top = lua_gettop(L);
  bool sized = check_sizes(L, top, dflt, names, &type);
  if (lua_type(L, 2) != LUA_TNUMBER) {
    check_last(L, 2);
  }
  sl_draw d = {.kind = kind};
  d.a = names[0] != NULL ? sl_optnum(L, 2, names[0], a) : a;
  d.b = names[0] != NULL && names[1] != NULL ? sl_optnum(L, 2, names[1], b) : b;
  return draw(L, r, &d, sized, &type);
}

static int random_normal(lua_State *L) {
  static const char *const names[] = {"mean", "sd", NULL};
  return draw_named(L, SL_RNORMAL, SL_F64, names, 0, 1);
}

static int random_uniform(lua_State *L) {
  static const char *const names[] = {"low", "high", NULL};
  return draw_named(L, SL_RUNIFORM, SL_F64, names, 0, 1);
}

static int random_sign(lua_State *L) {
  static const char *const names[] = {NULL};
  return draw_named(L, SL_RSIGN, SL_F64, names, 0, 0);
}

static int random_exponential(lua_State *L) {
  static const char *const names[] = {"rate", NULL};
  return draw_named(L, SL_REXPONENTIAL, SL_F64, names, 1, 0);
}

static int random_bernoulli(lua_State *L) {
  static const char *const names[] = {"p", NULL};
  return draw_named(L, SL_RBERNOULLI, SL_U8, names, 0.5, 0);
}

/* A bound of integer(): the key of the shape table, else the argument. */
static sl_int bound(lua_State *L, const char *name, int arg) {
  if (lua_istable(L, 2) && lua_getfield(L, 2, name) != LUA_TNIL) {
    return sl_checkint(L, -1, name);
  }
  return sl_checkint(L, arg, name);
}

/* rng:integer(lo, hi), rng:integer({sizes}, lo, hi),
** rng:integer{sizes, low =, high =}; a leading nil stands for no sizes. */
static int random_integer(lua_State *L) {
  static const char *const names[] = {"low", "high", NULL};
  sl_random *r = check_random(L);
  int top = lua_gettop(L);
  bool leading = top > 3 || (top > 1 && lua_type(L, 2) != LUA_TNUMBER);
  int first = leading ? 3 : 2;
  check_last(L, first + 1);
  sl_type type;
  bool sized = check_sizes(L, leading ? 2 : 1, SL_I64, names, &type);
  sl_draw d = {.kind = SL_RINTEGER};
  lua_settop(L, first + 1);
  d.lo = bound(L, "low", first);
  d.hi = bound(L, "high", first + 1);
  return draw(L, r, &d, sized, &type);
}

/* ---- orders and choices -------------------------------------------------- */

static void add_one(sl_int *index, sl_int n) {
  for (sl_int i = 0; i < n; i++) {
    index[i]++;
  }
}

static int random_permutation(lua_State *L) {
  sl_random *r = check_random(L);
  sl_int n = sl_checkint(L, 2, "n");
  check_last(L, 2);
  if (n < 0) {
    sl_raisef(L, "permutation: n must not be negative, got %lld",
              (long long)n);
  }
  sl_tensor *out = sl_newtensor_nd(L, SL_I64, 1, &n);
  sl_err err;
  sl_try(L, sl_random_permutation(r, n, out->data, &err), &err);
  add_one(out->data, n);
  return 1;
}

/* Rows of x (axis 1) must exist to be put in order or chosen from. */
static const sl_tensor *check_rows(lua_State *L, int arg) {
  const sl_tensor *x = sl_astensor(L, arg, SL_NDTYPE);
  if (x->type.ndim == 0) {
    sl_raisef(L, "%s: expected a tensor with at least one axis, got [] %s",
              sl_callee(L), sl_dtype_name(x->type.dtype));
  }
  return x;
}

/* Pushes a tensor of the n rows index[] of x. */
static void push_rows(lua_State *L, const sl_tensor *x,
                      const sl_tensor *index) {
  sl_type type = x->type;
  type.shape[0] = sl_numel(&index->type);
  sl_tensor *out = sl_newtensor(L, &type);
  sl_err err;
  sl_try(L, sl_gather(out, x, index, 0, &err), &err);
}

/* rng:shuffle(x): a copy with its rows in random order. */
static int random_shuffle(lua_State *L) {
  sl_random *r = check_random(L);
  check_last(L, 2);
  const sl_tensor *x = check_rows(L, 2);
  sl_int n = x->type.shape[0];
  sl_tensor *index = sl_newtensor_nd(L, SL_I64, 1, &n);
  sl_err err;
  sl_try(L, sl_random_permutation(r, n, index->data, &err), &err);
  push_rows(L, x, index);
  return 1;
}

typedef struct choice {
  const sl_tensor *from; /* NULL: the integers 1 .. n */
  const sl_tensor *weights;
  sl_int n, k;
  bool replace, one; /* one: no k was given, a single item is wanted */
} choice;

static void choice_options(lua_State *L, int arg, choice *c) {
  static const char *const names[] = {"replace", "weights", NULL};
  sl_checkopts(L, arg, names);
  if (!lua_istable(L, arg)) {
    return;
  }
  if (lua_getfield(L, arg, "replace") != LUA_TNIL) {
    if (!lua_isboolean(L, -1)) {
      sl_raisef(L, "choice: replace must be true or false, got %s",
                luaL_typename(L, -1));
    }
    c->replace = lua_toboolean(L, -1);
  }
  if (lua_getfield(L, arg, "weights") == LUA_TNIL) {
    return;
  }
  c->weights = sl_ascontiguous(L, lua_gettop(L), SL_F64);
  const sl_type *w = &c->weights->type;
  if (w->ndim != 1 || w->shape[0] != c->n) {
    char text[160];
    sl_raisef(L, "choice: weights must be [%lld] to choose from %lld, got %s",
              (long long)c->n, (long long)c->n,
              sl_type_text(text, sizeof text, w));
  }
}

/* Arguments from, k, options; k may be left out. */
static choice check_choice(lua_State *L) {
  choice c = {.k = 1};
  if (lua_type(L, 2) == LUA_TNUMBER) {
    c.n = sl_checkint(L, 2, "n");
  } else {
    c.from = check_rows(L, 2);
    c.n = c.from->type.shape[0];
  }
  if (c.n < 0) {
    sl_raisef(L, "choice: n must not be negative, got %lld", (long long)c.n);
  }
  c.one = lua_type(L, 3) != LUA_TNUMBER;
  if (!c.one) {
    c.k = sl_checkint(L, 3, "k");
  }
  if (c.k < 0) {
    sl_raisef(L, "choice: k must not be negative, got %lld", (long long)c.k);
  }
  choice_options(L, lua_istable(L, 3) ? 3 : 4, &c);
  return c;
}

/* Pushes row `at` of x: a number when x has one axis, else a copy. */
static void push_row(lua_State *L, const sl_tensor *x, sl_int at) {
  sl_tensor row;
  sl_view_index(&row, x, 0, at);
  if (row.type.ndim > 0) {
    sl_tensor *out = sl_newtensor(L, &row.type);
    sl_err err;
    sl_try(L, sl_copy(out, &row, &err), &err);
  } else if (sl_dtype_isfloat(row.type.dtype)) {
    lua_pushnumber(L, sl_get(&row, 0));
  } else {
    lua_pushinteger(L, sl_geti(&row, 0));
  }
}

/* rng:choice(n or x, k, {replace = false, weights =}). */
static int random_choice(lua_State *L) {
  sl_random *r = check_random(L);
  check_last(L, lua_istable(L, 3) ? 3 : 4);
  lua_settop(L, 4);
  choice c = check_choice(L);
  sl_tensor *index = sl_newtensor_nd(L, SL_I64, 1, &c.k);
  sl_err err;
  const double *w = c.weights != NULL ? c.weights->data : NULL;
  sl_try(L, sl_random_choice(r, c.n, w, c.replace, c.k, index->data, &err),
         &err);
  if (c.from != NULL && c.one) {
    push_row(L, c.from, sl_geti(index, 0));
  } else if (c.from != NULL) {
    push_rows(L, c.from, index);
  } else if (c.one) {
    lua_pushinteger(L, sl_geti(index, 0) + 1);
  } else {
    add_one(index->data, c.k);
  }
  return 1;
}

/* ---- the module ---------------------------------------------------------- */

static const luaL_Reg methods[] = {
  {"normal", random_normal},
  {"uniform", random_uniform},
  {"sign", random_sign},
  {"exponential", random_exponential},
  {"bernoulli", random_bernoulli},
  {"integer", random_integer},
  {"permutation", random_permutation},
  {"shuffle", random_shuffle},
  {"choice", random_choice},
  {"split", random_split},
  {"seed", random_seed},
  {"copy", random_copy},
  {"state", random_state},
  {"restore", random_restore},
  {"__tostring", random_tostring},
  {NULL, NULL},
};

static const luaL_Reg functions[] = {
  {"new", random_new},
  {"restore", random_restore_new},
  {"default", random_default},
  {"set_default_seed", random_set_default_seed},
  {NULL, NULL},
};

int sl_open_random(lua_State *L) {
  luaL_newmetatable(L, meta_name);
  luaL_setfuncs(L, methods, 0);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  luaL_newlib(L, functions);
  return 1;
}
