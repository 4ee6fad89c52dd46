/* programs.c: compiled functions as Lua sees them: a finished trace made into a
** program that is run many times without coming back to Lua.  MIT licence. */
#include <string.h>

#include "bind/trace.h"

enum { DIRECT = 16 }; /* arguments of a call that needs no Lua */

typedef struct program {
  sl_program *p;
  int ninput, ncapture, nout;
  /* For direct calls: types of the arguments, numbers among them, and are the
  ** results leaves, one for each output? */
  int narg; /* -1: not possible */
  bool number[DIRECT];
  sl_type arg[DIRECT];
} program;

static const char meta_name[] = "saddle.jit";

static program *check_program(lua_State *L) {
  program *p = luaL_checkudata(L, 1, meta_name);
  if (p->p == NULL) {
    sl_raisef(L, "program: it has been closed");
  }
  return p;
}

static int program_close(lua_State *L) {
  program *p = luaL_checkudata(L, 1, meta_name);
  sl_program_free(p->p);
  p->p = NULL;
  return 0;
}

sl_node *sl_node_list(lua_State *L, int idx, int *n) {
  luaL_checktype(L, idx, LUA_TTABLE);
  *n = (int)lua_rawlen(L, idx);
  sl_node *list = sl_bind_scratch(L, (*n + 1) * (sl_int)sizeof *list);
  for (int k = 0; k < *n; k++) {
    lua_rawgeti(L, idx, k + 1);
    list[k] = sl_checknode(L, -1, 1);
    lua_pop(L, 1);
  }
  return list;
}

/* The types of the inputs by number. */
static void input_types(const sl_graph *g, sl_type *types) {
  for (sl_node k = 0; k < g->nnode; k++) {
    if (g->node[k].op == SL_OP_input && sl_node_attr(g, k)[0] >= 0) {
      sl_node_type(g, k, &types[sl_node_attr(g, k)[0]]);
    }
  }
}

/* compile(trace, outs, numbers) -> program; with numbers, calls may be direct:
** the arguments are the inputs, one for each, and the results the outputs;
** numbers[k] says whether argument k is a Lua number. User values: 1 the trace,
** 2 the types of the results and then of the inputs. */
static int trace_compile(lua_State *L) {
  const sl_trace *t = sl_checktrace(L, 1);
  int n;
  sl_err err;
  bool direct = lua_istable(L, 3);
  const sl_node *outs = sl_node_list(L, 2, &n);
  sl_check_versions(L, 1);
  size_t count = (size_t)(n + t->g.ninput + 1);
  sl_type *types = lua_newuserdatauv(L, count * sizeof *types, 0);
  for (int k = 0; k < n; k++) {
    sl_node_type(&t->g, outs[k], &types[k]);
  }
  input_types(&t->g, types + n);
  program *p = lua_newuserdatauv(L, sizeof *p, 2);
  memset(p, 0, sizeof *p);
  luaL_setmetatable(L, meta_name);
  lua_pushvalue(L, -2);
  lua_setiuservalue(L, -2, 2);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, 1);
  p->ninput = t->g.ninput;
  p->ncapture = t->g.ncapture;
  p->nout = n;
  p->narg = direct && t->g.ninput <= DIRECT && n <= DIRECT ? t->g.ninput : -1;
  if (p->narg >= 0) {
    input_types(&t->g, p->arg);
  }
  for (int k = 0; k < p->narg; k++) {
    lua_rawgeti(L, 3, k + 1);
    p->number[k] = lua_toboolean(L, -1);
    lua_pop(L, 1);
  }
  sl_try(L, sl_program_make(&p->p, &t->g, n, outs, &err), &err);
  return 1;
}

/* ---- running ------------------------------------------------------------- */

/* Captured values are read at every run. Pushes their table. */
static void capture_descs(lua_State *L, const program *p,
                          const sl_tensor **descs) {
  lua_getiuservalue(L, 1, 1);
  lua_getiuservalue(L, -1, TRACE_CAPTURES);
  lua_remove(L, -2);
  for (int k = 0; k < p->ncapture; k++) {
    descs[k] = NULL;
    if (sl_program_uses_capture(p->p, k)) {
      lua_rawgeti(L, -1, k + 1);
      descs[k] = sl_checktensor(L, -1);
      lua_pop(L, 1);
    }
  }
}

/* Argument k, at the top of the stack, as a Tensor of the type traced. */
static const sl_tensor *typed_argument(lua_State *L, int k,
                                       const sl_type *want) {
  char a[160], b[160];
  const sl_tensor *t = sl_totensor(L, -1);
  if (t == NULL) {
    sl_raisef(L, "run: argument %d: expected a Tensor, got %s", k + 1,
              luaL_typename(L, -1));
  }
  if (!sl_type_eq(&t->type, want)) {
    sl_raisef(L, "run: argument %d: expected %s, got %s", k + 1,
              sl_type_text(a, sizeof a, want),
              sl_type_text(b, sizeof b, &t->type));
  }
  return t;
}

/* program:run(args) -> results. Arguments are concrete Tensors of the types
** that were traced, in the order of the inputs. */
static int program_run(lua_State *L) {
  program *p = check_program(L);
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  lua_getiuservalue(L, 1, 2);
  const sl_type *types = lua_touserdata(L, -1);
  sl_int count = (sl_int)p->ninput + p->ncapture + p->nout + 1;
  const sl_tensor **input = sl_bind_scratch(L, count * (sl_int)sizeof *input);
  const sl_tensor **captures = input + p->ninput;
  sl_tensor **out = (sl_tensor **)(captures + p->ncapture);
  for (int k = 0; k < p->ninput; k++) {
    input[k] = NULL;
    if (sl_program_uses_input(p->p, k)) {
      lua_rawgeti(L, 2, k + 1);
      input[k] = typed_argument(L, k, &types[p->nout + k]);
      lua_pop(L, 1);
    }
  }
  capture_descs(L, p, captures);
  lua_createtable(L, p->nout, 0);
  for (int k = 0; k < p->nout; k++) {
    out[k] = sl_newtensor(L, &types[k]);
    lua_rawseti(L, -2, k + 1);
  }
  /* after the tensors: finalizers that ran meanwhile may have used it too */
  void *scratch = sl_workspace(L, sl_program_scratch(check_program(L)->p));
  sl_err err;
  sl_try(L, sl_program_run(p->p, input, captures, NULL, out, scratch, &err),
         &err);
  return 1;
}

typedef struct boxed {
  sl_tensor t;
  double value;
} boxed;

/* The arguments 2 .. of a direct call; false when one is not of the type that
** was traced. */
static bool direct_arguments(lua_State *L, const program *p, int n,
                             const sl_tensor **input, boxed *box) {
  static const sl_type scalar = {.dtype = SL_F64, .ndim = 0};
  if (n != p->narg) {
    return false;
  }
  for (int k = 0; k < n; k++) {
    const sl_tensor *t = sl_totensor(L, k + 2);
    bool number = t == NULL && lua_type(L, k + 2) == LUA_TNUMBER;
    if (number != p->number[k] ||
        !(number || (t != NULL && sl_type_eq(&t->type, &p->arg[k])))) {
      return false;
    }
    if (number) {
      box[k].value = lua_tonumber(L, k + 2);
      sl_tensor_init(&box[k].t, &scalar, &box[k].value);
      t = &box[k].t;
    }
    input[k] = t;
  }
  return true;
}

static int slow_results(lua_State *L, int status, lua_KContext base) {
  (void)status;
  return lua_gettop(L) - (int)base;
}

/* jit's call: self:slow(...) unless the program last used fits the arguments
** as they are. self.last is that program. */
static int jit_call(lua_State *L) {
  int n = lua_gettop(L) - 1;
  lua_getfield(L, 1, "last");
  program *p = luaL_testudata(L, -1, meta_name);
  const sl_tensor *input[DIRECT];
  boxed box[DIRECT];
  sl_tensor *out[DIRECT];
  if (p == NULL || p->p == NULL || p->narg < 0 ||
      !direct_arguments(L, p, n, input, box)) {
    lua_settop(L, n + 1);
    lua_getfield(L, 1, "slow");
    lua_insert(L, 1);
    lua_callk(L, n + 1, LUA_MULTRET, 0, slow_results);
    return slow_results(L, LUA_OK, 0);
  }
  luaL_checkstack(L, p->nout + 8, "jit");
  lua_replace(L, 1); /* the program, where capture_descs looks for it */
  const sl_tensor **captures =
      p->ncapture > 0
          ? sl_bind_scratch(L, p->ncapture * (sl_int)sizeof *captures)
          : NULL;
  if (p->ncapture > 0) {
    capture_descs(L, p, captures);
  }
  lua_getiuservalue(L, 1, 2);
  const sl_type *types = lua_touserdata(L, -1);
  int base = lua_gettop(L);
  for (int k = 0; k < p->nout; k++) {
    out[k] = sl_newtensor(L, &types[k]);
  }
  void *scratch = sl_workspace(L, sl_program_scratch(check_program(L)->p));
  sl_err err;
  sl_try(L, sl_program_run(p->p, input, captures, NULL, out, scratch, &err),
         &err);
  for (int k = 0; k < p->nout; k++) {
    if (types[k].ndim == 0) {
      lua_pushvalue(L, base + 1 + k);
      sl_unbox(L);
      lua_replace(L, base + 1 + k);
    }
  }
  return p->nout;
}

/* ---- text and statistics ------------------------------------------------- */

static int program_tostring(lua_State *L) {
  const program *p = check_program(L);
  sl_int n = sl_program_text(NULL, 0, p->p);
  char *text = sl_bind_scratch(L, n + 1);
  sl_program_text(text, n + 1, p->p);
  lua_pushlstring(L, text, (size_t)n);
  return 1;
}

/* program:stats() -> {runs =, scratch =, steps = {{what =, flops =, bytes =,
** seconds =}, ...}}; seconds of one run, mean of those that were timed */
static int program_stats(lua_State *L) {
  const program *p = check_program(L);
  lua_createtable(L, 0, 3);
  lua_pushinteger(L, sl_program_runs(p->p));
  lua_setfield(L, -2, "runs");
  lua_pushinteger(L, sl_program_scratch(p->p));
  lua_setfield(L, -2, "scratch");
  int32_t n = sl_program_steps(p->p);
  lua_createtable(L, n, 0);
  for (int32_t i = 0; i < n; i++) {
    sl_step_stats s;
    sl_program_stats(p->p, i, &s);
    lua_createtable(L, 0, 4);
    lua_pushstring(L, s.what);
    lua_setfield(L, -2, "what");
    lua_pushnumber(L, s.flops);
    lua_setfield(L, -2, "flops");
    lua_pushnumber(L, s.bytes);
    lua_setfield(L, -2, "bytes");
    lua_pushnumber(L, s.seconds);
    lua_setfield(L, -2, "seconds");
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, -2, "steps");
  return 1;
}

const luaL_Reg sl_programs_functions[] = {{"compile", trace_compile},
                                          {"jit_call", jit_call},
                                          {NULL, NULL}};

static const luaL_Reg methods[] = {{"run", program_run},
                                   {"stats", program_stats},
                                   {NULL, NULL}};

static const luaL_Reg meta[] = {{"__gc", program_close},
                                {"__tostring", program_tostring},
                                {NULL, NULL}};

void sl_open_programs(lua_State *L) {
  if (luaL_newmetatable(L, meta_name)) {
    luaL_setfuncs(L, meta, 0);
    luaL_newlib(L, methods);
    lua_setfield(L, -2, "__index");
  }
  lua_pop(L, 1);
}
