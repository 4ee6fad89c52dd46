/* derive.c: the short way of grad, value_and_grad, hvp and hessian. The function
** is traced anew at every call; the plan of its derivative is found by the traced
** function alone, so that nothing is differentiated or compiled twice. A first
** argument that is a float Tensor and a result that is one number go this way;
** everything else is left to a Lua function, rest(trace, x, w, results of f), or
** rest(nil, arguments) before there is a trace.  MIT licence. */
#include <string.h>

#include "bind/trace.h"

enum {
  FEW_CAPTURES = 16,
  SMALL = 512, /* elements of a result that is allocated the short way */
  MOST = 32    /* variables of a Hessian that is had in one run */
};

/* ---- graphs -------------------------------------------------------------- */

static sl_status zeros_like(sl_graph *g, sl_node x, sl_node *out,
                            sl_err *err) {
  sl_type t;
  sl_node_type(g, x, &t);
  SL_TRY(sl_graph_const(g, 0.0, t.dtype, out, err));
  return t.ndim == 0 ? SL_OK
                     : sl_graph_add(g, SL_OP_broadcast, 1, out, t.ndim,
                                    t.shape, out, err);
}

/* The unit vectors of n variables, [n x n]. */
static sl_status unit_vectors(sl_graph *g, sl_int n, sl_dtype d, sl_node *out,
                              sl_err *err) {
  const sl_int one[1] = {1}, flat = 0, square[2] = {n, n};
  sl_node x, row[MOST];
  SL_TRY(sl_graph_const(g, 1.0, d, &x, err));
  SL_TRY(sl_graph_add(g, SL_OP_broadcast, 1, &x, 1, one, &x, err));
  for (sl_int k = 0; k < n; k++) {
    const sl_int at[3] = {k, 1, n};
    SL_TRY(sl_graph_add(g, SL_OP_pad, 1, &x, 3, at, &row[k], err));
  }
  SL_TRY(sl_graph_add(g, SL_OP_concat, (int)n, row, 1, &flat, &x, err));
  return sl_graph_add(g, SL_OP_reshape, 1, &x, 2, square, out, err);
}

/* The derivative of the gradient cx along v, an input more. */
static sl_status along_input(sl_graph *g, sl_node x, sl_node cx, sl_node *v,
                             sl_node *h, sl_err *err) {
  sl_type t;
  sl_node_type(g, x, &t);
  SL_TRY(sl_graph_input(g, &t, v, err));
  SL_TRY(sl_graph_jvp(g, 1, &x, v, 1, &cx, h, err));
  return *h == SL_NONE ? zeros_like(g, x, h, err) : SL_OK;
}

/* All columns of the Hessian at once, then in their places. */
static sl_status all_columns(sl_graph *g, sl_node x, sl_node v, sl_node *h,
                             sl_err *err) {
  static const sl_int turned[2] = {1, 0};
  sl_type t;
  sl_node e, by;
  bool varies;
  sl_node_type(g, x, &t);
  sl_int n = t.shape[0], square[2] = {n, n};
  SL_TRY(unit_vectors(g, n, t.dtype, &e, err));
  SL_TRY(sl_graph_batch(g, n, 1, &v, &e, 1, h, &by, &varies, err));
  if (!varies) {
    return sl_graph_add(g, SL_OP_broadcast, 1, &by, 2, square, h, err);
  }
  return sl_graph_add(g, SL_OP_permute, 1, &by, 2, turned, h, err);
}

/* What is asked for of y as a function of x: outs, and their number. */
static sl_status differentiate(sl_graph *g, sl_node x, sl_node y, int kind,
                               sl_node *outs, int *nout, sl_err *err) {
  sl_type type;
  sl_node one, cx, v;
  *nout = kind == SL_PLAN_VALUE_AND_GRAD ? 2 : 1;
  outs[0] = y;
  sl_node_type(g, y, &type);
  SL_TRY(sl_graph_const(g, 1.0, type.dtype, &one, err));
  SL_TRY(sl_graph_vjp(g, 1, &x, 1, &y, &one, &cx, err));
  if (cx == SL_NONE) {
    SL_TRY(zeros_like(g, x, &cx, err));
  }
  outs[*nout - 1] = cx;
  if (kind == SL_PLAN_HVP || kind == SL_PLAN_HESSIAN) {
    SL_TRY(along_input(g, x, cx, &v, &outs[0], err));
  }
  return kind == SL_PLAN_HESSIAN ? all_columns(g, x, v, &outs[0], err)
                                 : SL_OK;
}

static sl_program *program_of(lua_State *L, sl_graph *g, sl_node x, sl_node y,
                              int kind) {
  sl_plans *plans = sl_plan_cache(L);
  sl_plan_key key = sl_plan_key_of(g, kind, 1, &y);
  sl_program *p = sl_plans_find(plans, &key);
  if (p == NULL) {
    sl_err err;
    sl_node outs[2];
    int nout;
    sl_try(L, differentiate(g, x, y, kind, outs, &nout, &err), &err);
    sl_try(L, sl_program_make(&p, g, nout, outs, &err), &err);
    sl_try(L, sl_plans_add(plans, &key, p, &err), &err);
  }
  return p;
}

/* ---- calls --------------------------------------------------------------- */

/* The stack of a call: what is derived how, then the user's arguments, of which
** f gets those from EXTRA on, then the trace, the symbolic x, and what f returns.
*/
enum { F = 1, REST, KIND, W, EXTRA };

/* Is the value on top, the only result, a 0-d float node of the trace, and is
** every captured value a Tensor? */
static bool plain_result(lua_State *L, int trace, int nresult,
                         const sl_tensor **captures, sl_node *y) {
  const sl_trace *t = lua_touserdata(L, trace);
  if (nresult != 1 || sl_sym_trace(L, -1) != t ||
      t->g.ncapture > FEW_CAPTURES) {
    return false;
  }
  *y = sl_checknode(L, -1, trace);
  return t->g.node[*y].ndim == 0 &&
         sl_dtype_isfloat((sl_dtype)t->g.node[*y].dtype) &&
         sl_trace_leaves(L, trace, TRACE_CAPTURES, t->g.ncapture, captures);
}

/* A fresh tensor for the result: of w's type, or a square of it. */
static sl_tensor *push_result(lua_State *L, const sl_tensor *w, int kind) {
  if (kind == SL_PLAN_HESSIAN) {
    sl_int n = w->type.shape[0], shape[2] = {n, n};
    return sl_newtensor_nd(L, w->type.dtype, 2, shape);
  }
  return sl_numel(&w->type) <= SMALL ? sl_newsmall(L, &w->type, W)
                                     : sl_newtensor(L, &w->type);
}

/* Runs the program into a fresh tensor, left on top, and *value. */
static void run(lua_State *L, sl_trace *t, const sl_tensor **captures,
                sl_node x, sl_node y, int kind, double *value) {
  const sl_tensor *w = sl_totensor(L, W);
  const sl_tensor *input[2] = {w, kind == SL_PLAN_HVP ? sl_totensor(L, EXTRA)
                                                      : NULL};
  double room = 0.0;
  sl_tensor scalar, *out[2];
  sl_type type = {.dtype = (sl_dtype)t->g.node[y].dtype, .ndim = 0};
  sl_err err;
  sl_tensor_init(&scalar, &type, &room);
  /* first: finalizers that run meanwhile may use programs too */
  sl_tensor *result = push_result(L, w, kind);
  sl_program *p = program_of(L, &t->g, x, y, kind);
  void *scratch = sl_workspace(L, sl_program_scratch(p));
  out[0] = kind == SL_PLAN_VALUE_AND_GRAD ? &scalar : result;
  out[1] = result;
  sl_try(L, sl_program_run(p, input, captures, t->g.slot, out, scratch, &err),
         &err);
  *value = sl_get(&scalar, 0);
}

/* The results of rest, which begin above `base`. */
static int rest_results(lua_State *L, int status, lua_KContext base) {
  (void)status;
  return lua_gettop(L) - (int)base;
}

/* Goes on when f has returned. A continuation, so that f may yield. */
static int finish(lua_State *L, int status, lua_KContext at) {
  (void)status;
  int trace = (int)at, nresult = lua_gettop(L) - trace - 1;
  sl_trace *t = lua_touserdata(L, trace);
  int kind = (int)lua_tointeger(L, KIND);
  const sl_tensor *captures[FEW_CAPTURES];
  sl_node y, x = sl_checknode(L, trace + 1, trace);
  double value;
  t->open = false;
  luaL_checkstack(L, 8, "grad");
  if (!plain_result(L, trace, nresult, captures, &y)) {
    lua_pushvalue(L, REST);
    lua_pushvalue(L, trace);
    lua_pushvalue(L, trace + 1);
    lua_pushvalue(L, W);
    lua_rotate(L, trace + 2, 4); /* rest, trace, x, w below the results */
    lua_callk(L, nresult + 3, LUA_MULTRET, trace + 1, rest_results);
    return rest_results(L, LUA_OK, trace + 1);
  }
  sl_check_versions(L, trace);
  run(L, t, captures, x, y, kind, &value);
  sl_trace_release(L, trace);
  if (kind != SL_PLAN_VALUE_AND_GRAD) {
    return 1;
  }
  lua_pushnumber(L, value);
  lua_insert(L, -2);
  return 2;
}

/* Is this a case for the short way? */
static bool is_short(lua_State *L, int kind) {
  const sl_tensor *w = sl_totensor(L, W);
  if (w == NULL || !sl_dtype_isfloat(w->type.dtype)) {
    return false;
  }
  if (kind == SL_PLAN_HVP) {
    const sl_tensor *v = sl_totensor(L, EXTRA);
    return v != NULL && sl_type_eq(&v->type, &w->type);
  }
  return kind != SL_PLAN_HESSIAN ||
         (w->type.ndim == 1 && w->type.shape[0] >= 1 &&
          w->type.shape[0] <= MOST);
}

static int derive(lua_State *L) {
  int kind = (int)lua_tointeger(L, KIND), top = lua_gettop(L);
  luaL_checkstack(L, top + 8, "grad");
  if (top < W || !is_short(L, kind)) {
    lua_pushvalue(L, REST);
    lua_replace(L, F);
    lua_remove(L, REST); /* F holds rest; KIND becomes nil: no trace yet */
    lua_pushnil(L);
    lua_replace(L, REST);
    lua_callk(L, lua_gettop(L) - 1, LUA_MULTRET, 0, rest_results);
    return rest_results(L, LUA_OK, 0);
  }
  bool passes = kind == SL_PLAN_GRAD || kind == SL_PLAN_VALUE_AND_GRAD;
  sl_newtrace(L, false);
  int trace = top + 1, more = passes ? top - W : 0;
  const sl_tensor *w = sl_totensor(L, W);
  sl_newsym(L, trace, sl_trace_input(L, trace, &w->type, W));
  lua_pushvalue(L, F);
  lua_pushvalue(L, trace + 1);
  for (int k = 0; k < more; k++) {
    lua_pushvalue(L, EXTRA + k);
  }
  lua_callk(L, 1 + more, LUA_MULTRET, trace, finish);
  return finish(L, LUA_OK, trace);
}

/* The closure of grad(f) and value_and_grad(f): f, rest and kind go below the
** arguments. */
static int gradient_call(lua_State *L) {
  luaL_checkstack(L, 8, "grad");
  for (int k = F; k <= KIND; k++) {
    lua_pushvalue(L, lua_upvalueindex(k));
    lua_insert(L, k);
  }
  return derive(L);
}

/* gradient(f, rest, with_value) -> function of w, ... */
static int graph_gradient(lua_State *L) {
  lua_settop(L, 3);
  lua_pushinteger(L, lua_toboolean(L, 3) ? SL_PLAN_VALUE_AND_GRAD
                                         : SL_PLAN_GRAD);
  lua_replace(L, 3);
  lua_pushcclosure(L, gradient_call, 3);
  return 1;
}

/* hvp(f, rest, w, v), hessian(f, rest, w) */
static int second(lua_State *L, int kind, int nargs) {
  lua_settop(L, REST + nargs);
  lua_pushinteger(L, kind);
  lua_insert(L, KIND);
  return derive(L);
}

static int graph_hvp(lua_State *L) { return second(L, SL_PLAN_HVP, 2); }
static int graph_hessian(lua_State *L) {
  return second(L, SL_PLAN_HESSIAN, 1);
}

const luaL_Reg sl_derive_functions[] = {{"gradient", graph_gradient},
                                        {"hvp", graph_hvp},
                                        {"hessian", graph_hessian},
                                        {NULL, NULL}};
