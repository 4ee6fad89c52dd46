/* law.c: `saddle.core.law`: laws as userdata, and the special functions that
** statistics need as functions of numbers. A law answers for a number or for a
** whole tensor at once; what a law is called and when it exists is decided in
** lua/saddle/law.  MIT licence. */
#include <math.h>
#include <string.h>

#include "bind/tensors.h"
#include "num/law.h"
#include "num/special.h"

static const char meta_name[] = "saddle.core.Law";

static sl_law *check_law(lua_State *L) {
  sl_law *law = luaL_testudata(L, 1, meta_name);
  if (law == NULL) {
    sl_argerror(L, 1, "expected a law, got %s", sl_typename(L, 1));
  }
  return law;
}

/* make(kind, p1, p2, location, scale): a law; see num/law.h for kinds. */
static int law_make(lua_State *L) {
  static const char *const kinds[] = {
      "normal",        "lognormal", "cauchy",  "student_t",
      "inverse_gamma", "pearson4",  "hitting", "exit",
      "ou_exit",       NULL};
  int kind = luaL_checkoption(L, 1, NULL, kinds);
  double par[2] = {luaL_checknumber(L, 2), luaL_checknumber(L, 3)};
  double location = luaL_checknumber(L, 4), scale = luaL_checknumber(L, 5);
  sl_law *law = lua_newuserdatauv(L, sizeof *law, 0);
  luaL_setmetatable(L, meta_name);
  sl_err err;
  sl_try(L, sl_law_make(law, (sl_law_kind)kind, par, location, scale, &err),
         &err);
  return 1;
}

/* law:eval(what, x): x a number or anything that makes a tensor; f64 out. */
static int law_eval(lua_State *L) {
  static const char *const names[] = {"pdf", "logpdf",   "cdf", "sf",
                                      "quantile", "isf", "side_pdf", NULL};
  sl_err err;
  const sl_law *law = check_law(L);
  sl_law_what what = (sl_law_what)luaL_checkoption(L, 2, NULL, names);
  if (lua_type(L, 3) == LUA_TNUMBER) {
    double x = lua_tonumber(L, 3);
    sl_try(L, sl_law_eval(law, what, 1, &x, &x, &err), &err);
    lua_pushnumber(L, x);
    return 1;
  }
  if (sl_issym(L, 3)) {
    sl_raisef(L, "%s: a law has no derivative rule, its argument is being "
              "traced", names[what]);
  }
  if (sl_totensor(L, 3) == NULL && !lua_istable(L, 3)) {
    sl_raisef(L, "%s: x: expected a number, a tensor or a table of numbers, "
              "got %s", names[what], sl_typename(L, 3));
  }
  const sl_tensor *x = sl_ascontiguous(L, 3, SL_F64);
  sl_tensor *out = sl_newtensor(L, &x->type);
  sl_try(L, sl_law_eval(law, what, sl_numel(&x->type), x->data, out->data,
                        &err), &err);
  return 1;
}

/* law:sample(rng, shape): draws, advancing rng; a number without shape. */
static int law_sample(lua_State *L) {
  static const char *const none[] = {NULL};
  sl_err err;
  sl_law *law = check_law(L);
  sl_random *r = luaL_testudata(L, 2, "saddle.Random");
  if (r == NULL) {
    sl_raisef(L, "sample: rng: expected a generator of saddle.random, got %s",
              sl_typename(L, 2));
  }
  if (lua_isnoneornil(L, 3)) {
    double x;
    sl_try(L, sl_law_sample(law, r, 1, &x, &err), &err);
    lua_pushnumber(L, x);
    return 1;
  }
  sl_type type;
  sl_checkshape(L, 3, SL_F64, none, &type);
  sl_dtype dtype = type.dtype;
  if (dtype != SL_F64 && dtype != SL_F32) {
    sl_raisef(L, "sample: expected dtype f64 or f32, got %s",
              sl_dtype_name(dtype));
  }
  type.dtype = SL_F64;
  sl_tensor *out = sl_newtensor(L, &type);
  sl_try(L, sl_law_sample(law, r, sl_numel(&type), out->data, &err), &err);
  if (dtype != SL_F64) {
    sl_astensor(L, lua_gettop(L), dtype);
  }
  return 1;
}

/* law:own(): mass, and for pearson4 log k as well. */
static int law_own(lua_State *L) {
  const sl_law *law = check_law(L);
  lua_pushnumber(L, law->mass);
  if (law->kind != SL_LAW_PEARSON4) {
    return 1;
  }
  lua_pushnumber(L, sl_law_logk(law));
  return 2;
}

/* law:rates(): the eigenvalues of ou_exit in its own time. */
static int law_rates(lua_State *L) {
  const sl_law *law = check_law(L);
  sl_int n = law->kind == SL_LAW_OU_EXIT ? SL_LAW_MODES : 0;
  sl_tensor *out = sl_newtensor_nd(L, SL_F64, 1, &n);
  memcpy(out->data, law->lambda, (size_t)n * sizeof(double));
  return 1;
}

/* ---- numbers ------------------------------------------------------------- */

static int special_lgamma(lua_State *L) {
  lua_pushnumber(L, sl_lgamma(luaL_checknumber(L, 1)));
  return 1;
}

static int special_expm1(lua_State *L) {
  lua_pushnumber(L, expm1(luaL_checknumber(L, 1)));
  return 1;
}

/* p, q = gamma_pq(a, x) */
static int special_gamma_pq(lua_State *L) {
  double p, q;
  sl_gamma_pq(luaL_checknumber(L, 1), luaL_checknumber(L, 2), &p, &q);
  lua_pushnumber(L, exp(p));
  lua_pushnumber(L, exp(q));
  return 2;
}

/* p, q = beta_pq(a, b, x) */
static int special_beta_pq(lua_State *L) {
  double p, q, x = luaL_checknumber(L, 3);
  sl_beta_pq(luaL_checknumber(L, 1), luaL_checknumber(L, 2), x, 1 - x, &p, &q);
  lua_pushnumber(L, exp(p));
  lua_pushnumber(L, exp(q));
  return 2;
}

static int special_normal_cdf(lua_State *L) {
  lua_pushnumber(L, sl_normal_cdf(luaL_checknumber(L, 1)));
  return 1;
}

static int special_normal_quantile(lua_State *L) {
  lua_pushnumber(L, sl_normal_quantile(log(luaL_checknumber(L, 1))));
  return 1;
}

/* student_sf(t, nu) */
static int special_student_sf(lua_State *L) {
  lua_pushnumber(
      L, exp(sl_student_tail(luaL_checknumber(L, 1), luaL_checknumber(L, 2))));
  return 1;
}

/* kolmogorov_sf(d, n) */
static int special_kolmogorov_sf(lua_State *L) {
  double d = luaL_checknumber(L, 1);
  sl_int n = sl_checkint(L, 2, "n");
  lua_pushnumber(L, sl_kolmogorov_sf(d, n));
  return 1;
}

/* d = ks2(a, b): the largest distance of the distribution functions of two
** sorted samples; p = smirnov_sf(d, m, n). */
static int special_ks2(lua_State *L) {
  const sl_tensor *a = sl_ascontiguous(L, 1, SL_F64);
  const sl_tensor *b = sl_ascontiguous(L, 2, SL_F64);
  lua_pushnumber(L, sl_ks2(sl_numel(&a->type), a->data, sl_numel(&b->type),
                           b->data));
  return 1;
}

static int special_smirnov_sf(lua_State *L) {
  double d = luaL_checknumber(L, 1), p;
  sl_err err;
  sl_int m = sl_checkint(L, 2, "m"), n = sl_checkint(L, 3, "n");
  sl_try(L, sl_smirnov_sf(d, m, n, &p, &err), &err);
  lua_pushnumber(L, p);
  return 1;
}

static const luaL_Reg methods[] = {
    {"eval", law_eval}, {"sample", law_sample}, {"own", law_own},
    {"rates", law_rates}, {NULL, NULL}};

static const luaL_Reg functions[] = {
    {"make", law_make},
    {"lgamma", special_lgamma},
    {"expm1", special_expm1},
    {"gamma_pq", special_gamma_pq},
    {"beta_pq", special_beta_pq},
    {"normal_cdf", special_normal_cdf},
    {"normal_quantile", special_normal_quantile},
    {"student_sf", special_student_sf},
    {"kolmogorov_sf", special_kolmogorov_sf},
    {"ks2", special_ks2},
    {"smirnov_sf", special_smirnov_sf},
    {NULL, NULL}};

int sl_open_law(lua_State *L) {
  luaL_newmetatable(L, meta_name);
  luaL_setfuncs(L, methods, 0);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  luaL_newlib(L, functions);
  return 1;
}
