/* results.c: the values of traces. Programs come from the plan cache, one for
** all functions traced anew at every call, and run in one shared block of
** memory. When something a result depends on is itself symbolic, the graph is
** inlined into the outer trace instead.  MIT licence. */
#include <string.h>

#include "bind/trace.h"
#include "graph/plans.h"

enum {
  PLANS = 512,       /* kept */
  SHARED = 64 << 20  /* bytes of the block that stays between runs */
};

typedef struct engine {
  sl_plans *plans;
  void *block;
  sl_int bytes;
} engine;

static const char engine_key = 0; /* its address is the registry key */

static engine *engine_of(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &engine_key);
  engine *e = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return e;
}

void *sl_workspace(lua_State *L, sl_int bytes) {
  engine *e = engine_of(L);
  if (e->bytes > SHARED && bytes <= SHARED) {
    sl_free(e->block);
    e->block = NULL;
    e->bytes = 0;
  }
  if (bytes > e->bytes || e->block == NULL) {
    sl_int want = bytes < SHARED / 2 ? 2 * bytes + 4096 : bytes;
    sl_free(e->block);
    e->block = sl_malloc_aligned(want);
    e->bytes = e->block != NULL ? want : 0;
    if (e->block == NULL) {
      sl_raisef(L, "run: not enough memory for %.4g MB of workspace",
                (double)bytes / 1e6);
    }
  }
  return e->block;
}

sl_plans *sl_plan_cache(lua_State *L) { return engine_of(L)->plans; }

sl_program *sl_trace_program(lua_State *L, const sl_graph *g, int nout,
                             const sl_node *outs) {
  sl_plans *plans = engine_of(L)->plans;
  sl_plan_key key = sl_plan_key_of(g, SL_PLAN_VALUES, nout, outs);
  sl_program *p = sl_plans_find(plans, &key);
  if (p == NULL) {
    sl_err err;
    sl_try(L, sl_program_make(&p, g, nout, outs, &err), &err);
    sl_try(L, sl_plans_add(plans, &key, p, &err), &err);
  }
  return p;
}

/* ---- leaves -------------------------------------------------------------- */

bool sl_trace_leaves(lua_State *L, int trace, int which, int n,
                     const sl_tensor **descs) {
  bool all = true;
  if (n == 0) {
    return true;
  }
  luaL_checkstack(L, 8, "leaves of a trace");
  lua_getiuservalue(L, trace, which);
  for (int k = 0; k < n; k++) {
    lua_rawgeti(L, -1, k + 1);
    descs[k] = sl_totensor(L, -1);
    all = all && descs[k] != NULL;
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  return all;
}

/* Value k (from 0) of user value `which`: is it symbolic? Raises when it is not
** known at all. */
static bool symbolic_leaf(lua_State *L, int trace, int which, sl_int k) {
  lua_getiuservalue(L, trace, which);
  lua_rawgeti(L, -1, k + 1);
  bool symbolic = sl_sym_trace(L, -1) != NULL;
  if (!symbolic && sl_totensor(L, -1) == NULL) {
    sl_raisef(L, "the value of an argument is not known while jit, vmap "
                 "or iterate traces: use where(mask, a, b) instead of a branch");
  }
  lua_pop(L, 2);
  return symbolic;
}

/* Do the results depend on something symbolic? */
static bool is_symbolic(lua_State *L, int trace, int nout,
                        const sl_node *outs) {
  const sl_graph *g = &((const sl_trace *)lua_touserdata(L, trace))->g;
  unsigned char *mark = sl_bind_scratch(L, g->nnode + 1);
  sl_node top = sl_graph_needed(g, nout, outs, mark);
  bool symbolic = false;
  for (sl_node n = 0; n < top; n++) {
    int op = g->node[n].op;
    if (mark[n] && (op == SL_OP_input || op == SL_OP_capture)) {
      int which = op == SL_OP_input ? TRACE_INPUTS : TRACE_CAPTURES;
      symbolic = symbolic_leaf(L, trace, which, sl_node_attr(g, n)[0]) ||
                 symbolic;
    }
  }
  lua_pop(L, 1);
  return symbolic;
}

/* ---- symbolic results ---------------------------------------------------- */

/* The outer trace that results belong to: the youngest of the leaves'. Pushes
** it. */
static void push_outer(lua_State *L, int trace) {
  const sl_trace *t = lua_touserdata(L, trace);
  uint64_t best = 0;
  lua_pushnil(L);
  for (int which = TRACE_INPUTS; which <= TRACE_CAPTURES; which++) {
    int n = which == TRACE_INPUTS ? t->g.ninput : t->g.ncapture;
    lua_getiuservalue(L, trace, which);
    for (int k = 1; k <= n; k++) {
      lua_rawgeti(L, -1, k);
      const sl_trace *s = sl_sym_trace(L, -1);
      if (s != NULL && s->serial > best) {
        best = s->serial;
        lua_getiuservalue(L, -1, 1);
        lua_replace(L, -4);
      }
      lua_pop(L, 1);
    }
    lua_pop(L, 1);
  }
}

/* Nodes of the trace at `outer` for leaves 1 .. n of user value `which`. */
static void lift_leaves(lua_State *L, int trace, int which, int n, int outer,
                        sl_node *nodes) {
  lua_getiuservalue(L, trace, which);
  for (int k = 0; k < n; k++) {
    nodes[k] = SL_NONE;
    if (lua_rawgeti(L, -1, k + 1) != LUA_TNIL &&
        !lua_isboolean(L, -1)) {
      nodes[k] = sl_lift(L, outer, lua_gettop(L), SL_F64);
    }
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

/* Some leaf is symbolic: the graph becomes part of the outer trace. */
static void inline_results(lua_State *L, int trace, int nout,
                           const sl_node *outs) {
  const sl_trace *t = lua_touserdata(L, trace);
  sl_int count = (sl_int)t->g.ninput + t->g.ncapture + nout + 1;
  sl_node *input = sl_bind_scratch(L, count * (sl_int)sizeof *input);
  sl_node *captures = input + t->g.ninput;
  sl_node *dst = captures + t->g.ncapture;
  push_outer(L, trace);
  int outer = lua_gettop(L);
  sl_trace *to = sl_checktrace(L, outer);
  if (!to->open) {
    sl_raisef(L, "a symbolic tensor was used after the function it was an "
                 "argument of had been traced");
  }
  lift_leaves(L, trace, TRACE_INPUTS, t->g.ninput, outer, input);
  lift_leaves(L, trace, TRACE_CAPTURES, t->g.ncapture, outer, captures);
  sl_err err;
  sl_try(L, sl_graph_splice(&to->g, &t->g, input, captures, nout, outs, dst,
                            &err), &err);
  luaL_checkstack(L, nout + 8, "results of a trace");
  for (int k = 0; k < nout; k++) {
    sl_newsym(L, outer, dst[k]);
  }
  lua_rotate(L, outer - 1, nout); /* results below scratch and outer */
  lua_pop(L, 2);
}

/* ---- concrete results ---------------------------------------------------- */

/* Pushes fresh result tensors and runs the program into them. Making tensors
** may collect garbage, and finalizers may run programs: hence program and
** workspace are asked for after it. */
static void run_results(lua_State *L, const sl_trace *t,
                        const sl_tensor *const *input,
                        const sl_tensor *const *captures, int nout,
                        const sl_node *outs) {
  sl_tensor **out = sl_bind_scratch(L, (nout + 1) * (sl_int)sizeof *out);
  luaL_checkstack(L, nout + 8, "results of a trace");
  for (int k = 0; k < nout; k++) {
    sl_type type;
    sl_node_type(&t->g, outs[k], &type);
    out[k] = sl_newtensor(L, &type);
  }
  sl_program *p = sl_trace_program(L, &t->g, nout, outs);
  void *scratch = sl_workspace(L, sl_program_scratch(p));
  sl_err err;
  sl_try(L, sl_program_run(p, input, captures, t->g.slot, out, scratch, &err),
         &err);
  lua_remove(L, -(nout + 1));
}

void sl_trace_results(lua_State *L, int trace, int nout, const sl_node *outs) {
  const sl_trace *t = lua_touserdata(L, trace);
  int base = lua_gettop(L);
  trace = lua_absindex(L, trace);
  sl_check_versions(L, trace);
  sl_int count = (sl_int)t->g.ninput + t->g.ncapture + 1;
  const sl_tensor **input =
      sl_bind_scratch(L, count * (sl_int)sizeof *input);
  const sl_tensor **captures = input + t->g.ninput;
  bool known = sl_trace_leaves(L, trace, TRACE_INPUTS, t->g.ninput, input);
  known = sl_trace_leaves(L, trace, TRACE_CAPTURES, t->g.ncapture, captures) && known;
  if (!known && is_symbolic(L, trace, nout, outs)) {
    inline_results(L, trace, nout, outs);
  } else {
    run_results(L, t, input, captures, nout, outs);
  }
  lua_remove(L, base + 1);
}

/* ---- the engine ---------------------------------------------------------- */

/* plans() -> {kept =, found =, made =, dropped =} */
static int graph_plans(lua_State *L) {
  sl_plans_count c = sl_plans_counts(engine_of(L)->plans);
  lua_createtable(L, 0, 4);
  lua_pushinteger(L, c.kept);
  lua_setfield(L, -2, "kept");
  lua_pushinteger(L, c.found);
  lua_setfield(L, -2, "found");
  lua_pushinteger(L, c.made);
  lua_setfield(L, -2, "made");
  lua_pushinteger(L, c.dropped);
  lua_setfield(L, -2, "dropped");
  return 1;
}

const luaL_Reg sl_results_functions[] = {{"plans", graph_plans},
                                         {NULL, NULL}};

static int engine_gc(lua_State *L) {
  engine *e = lua_touserdata(L, 1);
  sl_plans_free(e->plans);
  sl_free(e->block);
  *e = (engine){0};
  return 0;
}

void sl_open_results(lua_State *L) {
  engine *e = lua_newuserdatauv(L, sizeof *e, 0);
  *e = (engine){0};
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, engine_gc);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  e->plans = sl_plans_new(PLANS);
  if (e->plans == NULL) {
    sl_raisef(L, "saddle: no memory for the plan cache");
  }
  lua_rawsetp(L, LUA_REGISTRYINDEX, &engine_key);
}
