/* diffusion.c: `saddle.core.diffusion`: panels, exits and Fokker-Planck of
** one-dimensional diffusions, on plain f64 tensors. What Lua's exit_theory.lua
** and fokker_planck.lua stand on: they check the user's arguments, evaluate
** drift and diffusion at the nodes asked for here, and keep the results.
** Functions that can fail take the caller's name first.  MIT licence. */
#include <string.h>

#include "bind/bind.h"
#include "num/exit.h"
#include "num/fokker_planck.h"

static int fail(lua_State *L, const sl_err *err) {
  return sl_raisef(L, "%s: %s", lua_tostring(L, 1), err->msg);
}

static void try(lua_State *L, sl_status status, const sl_err *err) {
  if (status != SL_OK) {
    fail(L, err);
  }
}

/* The argument as contiguous f64 of `size` elements (-1: any). */
static const double *doubles(lua_State *L, int arg, sl_int size, sl_int *n) {
  const sl_tensor *t = sl_ascontiguous(L, arg, SL_F64);
  if (t != sl_totensor(L, arg)) {
    lua_replace(L, arg);
  }
  sl_int have = sl_numel(&t->type);
  if (size >= 0 && have != size) {
    sl_raisef(L, "%s: argument %d has %lld elements, expected %lld",
              sl_callee(L), arg, (long long)have, (long long)size);
  }
  if (n != NULL) {
    *n = have;
  }
  return t->data;
}

static double *push(lua_State *L, sl_int n) {
  return sl_newtensor_nd(L, SL_F64, 1, &n)->data;
}

/* The edges at arg; *panels of them. */
static const double *edges(lua_State *L, int arg, sl_int *panels) {
  sl_int n;
  const double *edge = doubles(L, arg, -1, &n);
  if (n < 2) {
    sl_raisef(L, "%s: expected two edges at least", sl_callee(L));
  }
  *panels = n - 1;
  return edge;
}

/* nodes(edges) */
static int diffusion_nodes(lua_State *L) {
  sl_int panels;
  const double *edge = edges(L, 1, &panels);
  sl_panel_nodes(push(L, panels * SL_PANEL), edge, panels);
  return 1;
}

/* at(edges, f, x): NaN outside */
static int diffusion_at(lua_State *L) {
  sl_int panels, n;
  const double *edge = edges(L, 1, &panels);
  const double *f = doubles(L, 2, panels * SL_PANEL, NULL);
  const double *x = doubles(L, 3, -1, &n);
  sl_panel_at(push(L, n), x, n, edge, panels, f);
  return 1;
}

/* inverse(edges, f, y): f increasing */
static int diffusion_inverse(lua_State *L) {
  sl_int panels, n;
  const double *edge = edges(L, 1, &panels);
  const double *f = doubles(L, 2, panels * SL_PANEL, NULL);
  const double *y = doubles(L, 3, -1, &n);
  sl_err err;
  sl_try(L, sl_panel_inverse(push(L, n), y, n, edge, panels, f, &err), &err);
  return 1;
}

/* test(where, edges, b, g): list of the panels to be split */
static int diffusion_test(lua_State *L) {
  sl_err err;
  sl_int panels;
  const double *edge = edges(L, 2, &panels);
  const double *b = doubles(L, 3, panels * SL_PANEL, NULL);
  const double *g = doubles(L, 4, panels * SL_PANEL, NULL);
  uint8_t *split = sl_bind_scratch(L, panels);
  try(L, sl_panel_test(split, edge, panels, b, g, &err), &err);
  lua_newtable(L);
  for (sl_int p = 0, k = 0; p < panels; p++) {
    if (split[p]) {
      lua_pushinteger(L, p + 1);
      lua_rawseti(L, -2, ++k);
    }
  }
  return 1;
}

/* ---- exits ---------------------------------------------------------------- */
/* build(where, edges, b, g): [rows x nodes] */
static int diffusion_build(lua_State *L) {
  sl_err err;
  sl_exit e;
  sl_int panels;
  const double *edge = edges(L, 2, &panels);
  const double *b = doubles(L, 3, panels * SL_PANEL, NULL);
  const double *g = doubles(L, 4, panels * SL_PANEL, NULL);
  sl_int shape[2] = {SL_EXIT_ROWS, panels * SL_PANEL};
  sl_exit_init(&e, edge, panels, sl_newtensor_nd(L, SL_F64, 2, shape)->data);
  try(L, sl_exit_build(&e, b, g, &err), &err);
  return 1;
}

/* The exit problem of the edges at arg and the data after them. */
static sl_exit problem(lua_State *L, int arg) {
  sl_exit e;
  sl_int panels;
  const double *edge = edges(L, arg, &panels);
  const double *data =
      doubles(L, arg + 1, SL_EXIT_ROWS * panels * SL_PANEL, NULL);
  sl_exit_init(&e, edge, panels, (double *)data);
  return e;
}

/* green(edges, data, f) */
static int diffusion_green(lua_State *L) {
  sl_exit e = problem(L, 1);
  const double *f = doubles(L, 3, e.nodes, NULL);
  sl_exit_green(&e, push(L, e.nodes), f);
  return 1;
}

/* side(edges, data, upper) */
static int diffusion_side(lua_State *L) {
  sl_exit e = problem(L, 1);
  bool upper = lua_toboolean(L, 3);
  sl_exit_side(&e, push(L, e.nodes), upper);
  return 1;
}

/* weights(edges, data) */
static int diffusion_weights(lua_State *L) {
  sl_exit e = problem(L, 1);
  sl_exit_weights(&e, push(L, e.nodes));
  return 1;
}

/* lambda, psi [k x nodes], found = modes(where, edges, data, k) */
static int diffusion_modes(lua_State *L) {
  sl_err err;
  sl_exit e = problem(L, 2);
  sl_int found, shape[2] = {sl_checkint(L, 4, "k"), e.nodes};
  double *lambda = push(L, shape[0]);
  double *psi = sl_newtensor_nd(L, SL_F64, 2, shape)->data;
  try(L, sl_exit_modes(&e, shape[0], lambda, psi, &found, &err), &err);
  lua_pushinteger(L, found);
  return 3;
}

/* laplace(where, edges, data, s, at_lower, at_upper, x) */
static int diffusion_laplace(lua_State *L) {
  sl_err err;
  sl_int n;
  sl_exit e = problem(L, 2);
  double s = sl_checknum(L, 4, "s");
  double low = sl_checknum(L, 5, "at_lower");
  double up = sl_checknum(L, 6, "at_upper");
  const double *x = doubles(L, 7, -1, &n);
  double *out = push(L, n);
  try(L, sl_exit_laplace(&e, s, low, up, x, n, out, &err), &err);
  return 1;
}

/* count(where, edges, data, lambda) */
static int diffusion_count(lua_State *L) {
  sl_err err;
  sl_int count = 0;
  sl_exit e = problem(L, 2);
  double lambda = sl_checknum(L, 4, "lambda");
  try(L, sl_exit_count(&e, lambda, &count, &err), &err);
  lua_pushinteger(L, count);
  return 1;
}

/* talbot(where, edges, data, t, points, density, at_lower, at_upper, x) */
static int diffusion_talbot(lua_State *L) {
  sl_err err;
  sl_int n;
  sl_exit e = problem(L, 2);
  double t = sl_checknum(L, 4, "t");
  int points = (int)sl_checkint(L, 5, "points");
  bool density = lua_toboolean(L, 6);
  double low = sl_checknum(L, 7, "at_lower");
  double up = sl_checknum(L, 8, "at_upper");
  const double *x = doubles(L, 9, -1, &n);
  double *out = push(L, n);
  try(L, sl_exit_talbot(&e, t, points, density, low, up, x, n, out, &err),
      &err);
  return 1;
}

/* residue(where, edges, data, lambda, radius, at_lower, at_upper, x) */
static int diffusion_residue(lua_State *L) {
  sl_err err;
  sl_int n;
  sl_exit e = problem(L, 2);
  double lambda = sl_checknum(L, 4, "lambda");
  double radius = sl_checknum(L, 5, "radius");
  double low = sl_checknum(L, 6, "at_lower");
  double up = sl_checknum(L, 7, "at_upper");
  const double *x = doubles(L, 8, -1, &n);
  double *out = push(L, n);
  try(L, sl_exit_residue(&e, lambda, radius, low, up, x, n, out, &err), &err);
  return 1;
}

/* ---- Fokker-Planck -------------------------------------------------------- */
static int option(lua_State *L, int arg, const char *const *names) {
  return luaL_checkoption(L, arg, NULL, names);
}

static const char *const ends[] = {"reflecting", "absorbing", "periodic", NULL};
static const char *const methods[] = {"euler", "crank_nicolson", "tr_bdf2",
                                      NULL};

/* right, left = rates(face, x, d, pe, end, end) */
static int diffusion_rates(lua_State *L) {
  sl_int n;
  const double *x = doubles(L, 2, -1, &n);
  if (n < 3) {
    sl_raisef(L, "%s: expected 3 cells at least", sl_callee(L));
  }
  const double *face = doubles(L, 1, n + 1, NULL);
  const double *d = doubles(L, 3, n, NULL), *pe = doubles(L, 4, n + 1, NULL);
  sl_fp_end end[2] = {(sl_fp_end)option(L, 5, ends),
                      (sl_fp_end)option(L, 6, ends)};
  double *right = push(L, n), *left = push(L, n);
  sl_fp_rates(right, left, n, face, x, d, pe, end);
  return 2;
}

static sl_fp chain(lua_State *L, int arg) {
  sl_fp fp = {.periodic = lua_toboolean(L, arg + 2)};
  fp.right = doubles(L, arg, -1, &fp.n);
  fp.left = doubles(L, arg + 1, fp.n, NULL);
  if (fp.n < 3) {
    sl_raisef(L, "%s: expected 3 cells at least", sl_callee(L));
  }
  return fp;
}

/* masses, low, high = run(where, right, left, periodic, masses, h, steps,
** method, total, low, high) */
static int diffusion_run(lua_State *L) {
  sl_err err;
  sl_fp fp = chain(L, 2);
  const double *before = doubles(L, 5, fp.n, NULL);
  double h = sl_checknum(L, 6, "h"), total = sl_checknum(L, 9, "total");
  double out[2] = {sl_checknum(L, 10, "low"), sl_checknum(L, 11, "high")};
  sl_int steps = sl_checkint(L, 7, "steps");
  sl_fp_method method = (sl_fp_method)option(L, 8, methods);
  double *m = push(L, fp.n);
  memcpy(m, before, (size_t)fp.n * sizeof(double));
  try(L, sl_fp_run(&fp, m, h, steps, method, total, out, &err), &err);
  lua_pushnumber(L, out[0]);
  lua_pushnumber(L, out[1]);
  return 3;
}

/* masses, current = stationary(where, right, left, periodic) */
static int diffusion_stationary(lua_State *L) {
  sl_err err;
  sl_fp fp = chain(L, 2);
  double current = 0, *m = push(L, fp.n);
  try(L, sl_fp_stationary(&fp, m, &current, &err), &err);
  lua_pushnumber(L, current);
  return 2;
}

static const luaL_Reg functions[] = {
  {"nodes", diffusion_nodes}, {"at", diffusion_at},
  {"inverse", diffusion_inverse}, {"test", diffusion_test},
  {"build", diffusion_build}, {"green", diffusion_green},
  {"side", diffusion_side}, {"weights", diffusion_weights},
  {"modes", diffusion_modes}, {"laplace", diffusion_laplace},
  {"count", diffusion_count}, {"talbot", diffusion_talbot},
  {"residue", diffusion_residue}, {"rates", diffusion_rates},
  {"run", diffusion_run}, {"stationary", diffusion_stationary},
  {NULL, NULL},
};

int sl_open_diffusion(lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}
