/* trace.c: symbolic tensors. A user's function is traced by calling it with
** them: each operation appends a node to the trace they belong to. There is no
** global trace stack: a symbolic tensor carries its trace, and a value of an
** outer trace met in an inner one is captured like any tensor, so nesting,
** errors and coroutines need no care. The innermost trace is the youngest.
** MIT licence. */
#include "bind/trace.h"

#include <stdatomic.h>
#include <string.h>

typedef struct sym {
  const void *meta; /* address of the metatable: tells these from others */
  sl_trace *trace;  /* user value 1 keeps it alive */
  sl_node node;
} sym;

static const char sym_key = 0;
static const char trace_key = 0; /* addresses are registry keys */
static atomic_uint_fast64_t serials;

/* ---- recognising --------------------------------------------------------- */

static sym *to_sym(lua_State *L, int idx) {
  sym *s = lua_touserdata(L, idx);
  if (s == NULL || lua_rawlen(L, idx) != sizeof(sym) ||
      !lua_getmetatable(L, idx)) {
    return NULL;
  }
  const void *meta = lua_topointer(L, -1);
  lua_pop(L, 1);
  return s->meta == meta ? s : NULL;
}

bool sl_issym(lua_State *L, int idx) { return to_sym(L, idx) != NULL; }

bool sl_sym_type(lua_State *L, int idx, sl_type *type) {
  const sym *s = to_sym(L, idx);
  if (s == NULL) {
    return false;
  }
  sl_node_type(&s->trace->g, s->node, type);
  return true;
}

sl_trace *sl_checktrace(lua_State *L, int idx) {
  if (lua_getmetatable(L, idx)) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &trace_key);
    bool is = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    if (is) {
      return lua_touserdata(L, idx);
    }
  }
  sl_raisef(L, "expected a trace, got %s", luaL_typename(L, idx));
  return NULL;
}

sl_node sl_checknode(lua_State *L, int idx, int trace) {
  const sym *s = to_sym(L, idx);
  if (s == NULL || s->trace != lua_touserdata(L, trace)) {
    sl_raisef(L, "expected a symbolic tensor of this trace, got %s",
              luaL_typename(L, idx));
  }
  return s->node;
}

/* ---- making -------------------------------------------------------------- */

sl_trace *sl_newtrace(lua_State *L, bool isstatic) {
  sl_trace *t = lua_newuserdatauv(L, sizeof *t, TRACE_BOUND);
  sl_graph_init(&t->g);
  t->serial = atomic_fetch_add(&serials, 1) + 1;
  t->open = true;
  t->isstatic = isstatic;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &trace_key);
  lua_setmetatable(L, -2);
  for (int k = TRACE_INPUTS; k <= TRACE_BOUND; k++) {
    lua_newtable(L);
    lua_setiuservalue(L, -2, k);
  }
  return t;
}

static int trace_gc(lua_State *L) {
  sl_graph_free(&sl_checktrace(L, 1)->g);
  return 0;
}

void sl_newsym(lua_State *L, int trace, sl_node node) {
  trace = lua_absindex(L, trace);
  sym *s = lua_newuserdatauv(L, sizeof *s, 1);
  s->trace = lua_touserdata(L, trace);
  s->node = node;
  lua_pushvalue(L, trace);
  lua_setiuservalue(L, -2, 1);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &sym_key);
  s->meta = lua_topointer(L, -1);
  lua_setmetatable(L, -2);
}

/* ---- captures ------------------------------------------------------------ */

/* The node that reads the Tensor or outer symbolic tensor at idx; one value is
** captured once. */
static sl_node capture(lua_State *L, int trace, int idx) {
  sl_trace *t = lua_touserdata(L, trace);
  idx = lua_absindex(L, idx);
  lua_getiuservalue(L, trace, TRACE_NUMBERS);
  lua_pushvalue(L, idx);
  if (lua_rawget(L, -2) == LUA_TNUMBER) {
    sl_node known = (sl_node)lua_tointeger(L, -1);
    lua_pop(L, 2);
    return known;
  }
  lua_pop(L, 1);
  sl_type type;
  sl_node node;
  sl_err err;
  sl_value_type(L, idx, &type);
  sl_try(L, sl_graph_capture(&t->g, &type, &node, &err), &err);
  lua_pushvalue(L, idx);
  lua_pushinteger(L, node);
  lua_rawset(L, -3);
  lua_getiuservalue(L, trace, TRACE_CAPTURES);
  lua_pushvalue(L, idx);
  lua_rawseti(L, -2, t->g.ncapture);
  lua_getiuservalue(L, trace, TRACE_VERSIONS);
  lua_pushinteger(L, (lua_Integer)sl_tensor_version(L, idx));
  lua_rawseti(L, -2, t->g.ncapture);
  lua_pop(L, 3);
  return node;
}

/* Slots hold doubles: an integer that is none becomes a captured tensor. */
static sl_node capture_integer(lua_State *L, int trace, lua_Integer value) {
  sl_tensor *x = sl_newtensor_nd(L, SL_I64, 0, NULL);
  *(sl_int *)x->data = value;
  sl_node node = capture(L, trace, -1);
  lua_pop(L, 1);
  return node;
}

sl_node sl_lift(lua_State *L, int trace, int idx, sl_dtype d) {
  trace = lua_absindex(L, trace);
  sl_trace *t = lua_touserdata(L, trace);
  const sym *s = to_sym(L, idx);
  if (s != NULL && s->trace == t) {
    return s->node;
  }
  if (lua_type(L, idx) != LUA_TNUMBER) {
    return capture(L, trace, idx);
  }
  if (d == SL_I64 && lua_isinteger(L, idx) &&
      (lua_Integer)lua_tonumber(L, idx) != lua_tointeger(L, idx)) {
    return capture_integer(L, trace, lua_tointeger(L, idx));
  }
  sl_node node;
  sl_err err;
  sl_try(L, sl_graph_slot(&t->g, lua_tonumber(L, idx), d, &node, &err), &err);
  return node;
}

void sl_note_bound(lua_State *L, int trace, int k, int idx) {
  lua_getiuservalue(L, trace, TRACE_BOUND);
  lua_pushinteger(L, (lua_Integer)sl_tensor_version(L, idx));
  lua_rawseti(L, -2, k);
  lua_pop(L, 1);
}

/* Values 1 .. n of one user value against their versions in another; those
** without a version are not bound yet. */
static void check_list(lua_State *L, int trace, int values, int versions,
                       int n) {
  lua_getiuservalue(L, trace, values);
  lua_getiuservalue(L, trace, versions);
  for (int k = 1; k <= n; k++) {
    lua_rawgeti(L, -2, k);
    bool noted = lua_rawgeti(L, -2, k) == LUA_TNUMBER;
    if (noted &&
        lua_tointeger(L, -1) != (lua_Integer)sl_tensor_version(L, -2)) {
      sl_raisef(L, "a tensor the traced function refers to was changed in "
                   "place after it was used: change a copy() of it");
    }
    lua_pop(L, 2);
  }
  lua_pop(L, 2);
}

void sl_check_versions(lua_State *L, int trace) {
  const sl_trace *t = lua_touserdata(L, trace);
  check_list(L, trace, TRACE_INPUTS, TRACE_BOUND, t->g.ninput);
  check_list(L, trace, TRACE_CAPTURES, TRACE_VERSIONS, t->g.ncapture);
}

/* ---- operations ---------------------------------------------------------- */

/* The youngest trace among the operands, which all must be open. */
static const sym *innermost(lua_State *L, sl_op op, int nin, const int *args) {
  const sym *best = NULL;
  for (int i = 0; i < nin; i++) {
    const sym *s = to_sym(L, args[i]);
    if (s == NULL) {
      continue;
    }
    if (!s->trace->open) {
      sl_raisef(L, "%s: a symbolic tensor was used after the function it was "
                   "an argument of had been traced", sl_ops[op].name);
    }
    if (best == NULL || s->trace->serial > best->trace->serial) {
      best = s;
    }
  }
  return best;
}

/* dtype for numbers: that of the other operands, whose dtypes are one. */
static sl_dtype number_dtype(lua_State *L, sl_op op, int nin,
                             const int *args) {
  sl_dtype d = SL_I64;
  for (int i = op == SL_OP_where ? 1 : 0; i < nin; i++) {
    sl_type t;
    sl_value_type(L, args[i], &t);
    if (lua_type(L, args[i]) != LUA_TNUMBER) {
      return t.dtype;
    }
    d = t.dtype == SL_F64 ? SL_F64 : d;
  }
  return d;
}

void sl_trace_apply(lua_State *L, sl_op op, int nin, const int *args,
                    int nattr, const sl_int *attr) {
  sl_node in[SL_MAXIN];
  sl_node out;
  sl_err err;
  const sym *s = innermost(L, op, nin, args);
  sl_trace *t = s->trace;
  sl_dtype d = number_dtype(L, op, nin, args);
  luaL_checkstack(L, 8, "trace");
  for (int i = 0; i < nin; i++) {
    if (to_sym(L, args[i]) == s) {
      lua_getiuservalue(L, args[i], 1);
      break;
    }
  }
  int trace = lua_gettop(L);
  t->g.line = sl_user_line(L);
  for (int i = 0; i < nin; i++) {
    in[i] = sl_lift(L, trace, args[i], d);
  }
  sl_status st =
      sl_ops[op].cls == SL_MAP
          ? sl_graph_map(&t->g, op, nin, in, &out, &err)
          : sl_graph_add(&t->g, op, nin, in, nattr, attr, &out, &err);
  sl_try(L, st, &err);
  sl_newsym(L, trace, out);
  lua_remove(L, trace);
}

/* ---- values -------------------------------------------------------------- */

/* Replaces the symbolic tensor on top of the stack by its value. */
static void evaluate_top(lua_State *L) {
  const sym *s = to_sym(L, -1);
  if (s->trace->isstatic) {
    sl_raisef(L, "the value of a symbolic tensor is not known while jit or "
                 "vmap traces: use where(mask, a, b) instead of a branch");
  }
  if (!s->trace->open) {
    sl_raisef(L, "a symbolic tensor was used after the function it was an "
                 "argument of had been traced");
  }
  sl_node node = s->node;
  lua_getiuservalue(L, -1, 1);
  sl_trace_results(L, lua_gettop(L), 1, &node);
  lua_replace(L, -3);
  lua_pop(L, 1);
}

void sl_sym_evaluate(lua_State *L, int idx) {
  lua_pushvalue(L, idx);
  while (to_sym(L, -1) != NULL) { /* an inner trace's value may be an outer's */
    evaluate_top(L);
  }
}

static int program_gc(lua_State *L) {
  sl_program **p = lua_touserdata(L, 1);
  sl_program_free(*p);
  *p = NULL;
  return 0;
}

/* Pushes an empty box that will own a program. */
static sl_program **program_box(lua_State *L) {
  sl_program **p = lua_newuserdatauv(L, sizeof *p, 0);
  *p = NULL;
  if (luaL_newmetatable(L, "saddle.program")) {
    lua_pushcfunction(L, program_gc);
    lua_setfield(L, -2, "__gc");
  }
  lua_setmetatable(L, -2);
  return p;
}

/* Pushes the leaf values numbered 1 .. n of user value `which`, those that the
** program uses, and fills descs; true when some value is symbolic. */
static bool leaves(lua_State *L, int trace, int which, int n,
                   const sl_program *p, const sl_tensor **descs) {
  bool symbolic = false;
  luaL_checkstack(L, 8, "leaves of a trace");
  lua_getiuservalue(L, trace, which);
  int list = lua_gettop(L);
  for (int k = 0; k < n; k++) {
    bool used = which == TRACE_INPUTS ? sl_program_uses_input(p, k)
                                      : sl_program_uses_capture(p, k);
    descs[k] = NULL;
    if (!used) {
      continue;
    }
    lua_rawgeti(L, list, k + 1);
    descs[k] = sl_totensor(L, -1);
    if (descs[k] == NULL && to_sym(L, -1) == NULL) {
      sl_raisef(L, "the value of an argument is not known while jit or vmap "
                   "traces: use where(mask, a, b) instead of a branch");
    }
    symbolic = symbolic || descs[k] == NULL;
    lua_pop(L, 1);
  }
  lua_settop(L, list - 1);
  return symbolic;
}

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
      const sym *s = to_sym(L, -1);
      if (s != NULL && s->trace->serial > best) {
        best = s->trace->serial;
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

/* Pushes fresh result tensors and runs the program into them. */
static void run_results(lua_State *L, const sl_trace *t, const sl_program *p,
                        const sl_tensor *const *input,
                        const sl_tensor *const *captures, int nout,
                        const sl_node *outs) {
  sl_tensor **out = sl_bind_scratch(L, (nout + 1) * (sl_int)sizeof *out);
  void *scratch = sl_bind_scratch(L, sl_program_scratch(p));
  luaL_checkstack(L, nout + 8, "results of a trace");
  for (int k = 0; k < nout; k++) {
    sl_type type;
    sl_node_type(&t->g, outs[k], &type);
    out[k] = sl_newtensor(L, &type);
  }
  sl_err err;
  sl_try(L, sl_program_run(p, input, captures, NULL, out, scratch, &err),
         &err);
  lua_rotate(L, -(nout + 2), nout);
  lua_pop(L, 2);
}

void sl_trace_results(lua_State *L, int trace, int nout, const sl_node *outs) {
  const sl_trace *t = lua_touserdata(L, trace);
  int base = lua_gettop(L);
  sl_err err;
  trace = lua_absindex(L, trace);
  sl_check_versions(L, trace);
  sl_program **p = program_box(L);
  sl_try(L, sl_program_make(p, &t->g, nout, outs, &err), &err);
  sl_int count = (sl_int)t->g.ninput + t->g.ncapture + 1;
  const sl_tensor **input =
      sl_bind_scratch(L, count * (sl_int)sizeof *input);
  const sl_tensor **captures = input + t->g.ninput;
  bool outer_input = leaves(L, trace, TRACE_INPUTS, t->g.ninput, *p, input);
  bool outer_capture =
      leaves(L, trace, TRACE_CAPTURES, t->g.ncapture, *p, captures);
  if (outer_input || outer_capture) {
    inline_results(L, trace, nout, outs);
  } else {
    run_results(L, t, *p, input, captures, nout, outs);
  }
  lua_rotate(L, base + 1, nout);
  lua_settop(L, base + nout);
}

/* ---- metatables ---------------------------------------------------------- */

static int sym_tostring(lua_State *L) {
  char text[160];
  sl_type type;
  const sym *s = to_sym(L, 1);
  sl_sym_type(L, 1, &type);
  lua_pushfstring(L, "symbolic %s %%%d%s",
                  sl_type_text(text, sizeof text, &type), (int)s->node,
                  s->trace->open ? "" : " (of a finished trace)");
  return 1;
}

static int trace_tostring(lua_State *L) {
  const sl_trace *t = sl_checktrace(L, 1);
  sl_int n = sl_graph_text(NULL, 0, &t->g, NULL, 0);
  char *text = sl_bind_scratch(L, n + 1);
  sl_graph_text(text, n + 1, &t->g, NULL, 0);
  lua_pushlstring(L, text, (size_t)n);
  return 1;
}

void sl_sym_metatable(lua_State *L, int methods) {
  methods = lua_absindex(L, methods);
  lua_newtable(L);
  sl_tensor_metamethods(L, methods);
  lua_pushcfunction(L, sym_tostring);
  lua_setfield(L, -2, "__tostring");
  lua_pushliteral(L, "symbolic tensor");
  lua_setfield(L, -2, "__name");
  lua_rawsetp(L, LUA_REGISTRYINDEX, &sym_key);
  lua_newtable(L);
  lua_pushcfunction(L, trace_gc);
  lua_setfield(L, -2, "__gc");
  lua_pushcfunction(L, trace_tostring);
  lua_setfield(L, -2, "__tostring");
  lua_pushliteral(L, "trace");
  lua_setfield(L, -2, "__name");
  lua_rawsetp(L, LUA_REGISTRYINDEX, &trace_key);
}
