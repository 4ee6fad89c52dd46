/* trace.c: symbolic tensors. A user's function is traced by calling it with
** them: each operation appends a node to the trace they belong to. There is no
** global trace stack: a symbolic tensor carries its trace, and a value of an
** outer trace met in an inner one is captured like any tensor, so nesting,
** errors and coroutines need no care. The innermost trace is the youngest.
** MIT licence. */
#include "bind/trace.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

typedef struct sym {
  sl_object o;
  sl_trace *trace; /* user value 1 keeps it alive */
  uint64_t serial; /* of the trace when this was made: it may be another now */
} sym;

static const char sym_key = 0;
static const char trace_key = 0; /* addresses are registry keys */
static const char pool_key = 0;
static atomic_uint_fast64_t serials;

/* ---- recognising --------------------------------------------------------- */

static sym *to_sym(lua_State *L, int idx) {
  sl_object *o = sl_toobject(L, idx);
  return o != NULL && o->issym ? (sym *)o : NULL;
}

bool sl_issym(lua_State *L, int idx) { return to_sym(L, idx) != NULL; }

bool sl_isnumber(lua_State *L, int idx) {
  const sym *s = to_sym(L, idx);
  return s != NULL ? s->o.issym == SL_SYM_NUMBER
                   : lua_type(L, idx) == LUA_TNUMBER;
}

/* Is its node still one of its trace's? */
static bool known(const sym *s) { return s->serial == s->trace->serial; }

static bool is_of(const sym *s, const sl_trace *t) {
  return s != NULL && s->trace == t && s->serial == t->serial;
}

static void finished(lua_State *L, const char *what) {
  sl_raisef(L, "%sa symbolic tensor was used after the function it was an "
               "argument of had been traced", what);
}

bool sl_sym_type(lua_State *L, int idx, sl_type *type) {
  const sym *s = to_sym(L, idx);
  if (s == NULL) {
    return false;
  }
  if (!known(s)) {
    finished(L, "");
  }
  sl_node_type(&s->trace->g, s->o.node, type);
  return true;
}

sl_trace *sl_sym_trace(lua_State *L, int idx) {
  const sym *s = to_sym(L, idx);
  if (s == NULL) {
    return NULL;
  }
  if (!known(s)) {
    finished(L, "");
  }
  return s->trace;
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
  if (!is_of(s, lua_touserdata(L, trace))) {
    sl_raisef(L, "expected a symbolic tensor of this trace, got %s",
              luaL_typename(L, idx));
  }
  return s->o.node;
}

/* ---- making -------------------------------------------------------------- */

/* Traces that were released wait in a list for the next ones, so that a small
** function traced at every step makes no garbage of graphs and tables. */
enum { POOL = 16, POOL_NODES = 4096, POOL_VALUES = 256 };

/* Pushes a released trace, or nothing: NULL. */
static sl_trace *pool_take(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &pool_key);
  lua_Unsigned n = lua_rawlen(L, -1);
  if (n == 0) {
    lua_pop(L, 1);
    return NULL;
  }
  lua_rawgeti(L, -1, (lua_Integer)n);
  lua_pushnil(L);
  lua_rawseti(L, -3, (lua_Integer)n);
  lua_remove(L, -2);
  return lua_touserdata(L, -1);
}

static sl_trace *trace_make(lua_State *L) {
  sl_trace *t = lua_newuserdatauv(L, sizeof *t, TRACE_NUMBERS);
  memset(t, 0, sizeof *t);
  sl_graph_init(&t->g);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &trace_key);
  lua_setmetatable(L, -2);
  for (int k = TRACE_INPUTS; k <= TRACE_NUMBERS; k++) {
    lua_newtable(L);
    lua_setiuservalue(L, -2, k);
  }
  return t;
}

sl_trace *sl_newtrace(lua_State *L, bool isstatic) {
  sl_trace *t = pool_take(L);
  if (t == NULL) {
    t = trace_make(L);
  }
  t->serial = atomic_fetch_add(&serials, 1) + 1;
  t->open = true;
  t->isstatic = isstatic;
  t->source = NULL;
  return t;
}

static void free_memory(sl_trace *t) {
  sl_graph_free(&t->g);
  sl_free(t->inputs.at);
  sl_free(t->captures.at);
  memset(&t->inputs, 0, sizeof t->inputs);
  memset(&t->captures, 0, sizeof t->captures);
}

/* Empties one list of values; those of captures also as keys. No entry is
** added, so that this cannot fail. */
static void forget(lua_State *L, int trace, int which, int n) {
  if (n == 0) {
    return;
  }
  lua_getiuservalue(L, trace, which);
  lua_getiuservalue(L, trace, TRACE_NUMBERS);
  for (int k = 1; k <= n; k++) {
    if (which == TRACE_CAPTURES && lua_rawgeti(L, -2, k) != LUA_TNIL) {
      lua_pushnil(L);
      lua_rawset(L, -3);
    } else if (which == TRACE_CAPTURES) {
      lua_pop(L, 1);
    }
    lua_pushnil(L);
    lua_rawseti(L, -3, k);
  }
  lua_pop(L, 2);
}

void sl_trace_release(lua_State *L, int trace) {
  sl_trace *t = lua_touserdata(L, trace);
  trace = lua_absindex(L, trace);
  if (t->serial == 0) {
    return;
  }
  bool big = t->g.node_cap > POOL_NODES || t->captures.cap > POOL_VALUES ||
             t->inputs.cap > POOL_VALUES;
  t->open = false;
  t->serial = 0;
  forget(L, trace, TRACE_INPUTS, t->g.ninput);
  forget(L, trace, TRACE_CAPTURES, t->g.ncapture);
  t->inputs.n = t->captures.n = 0;
  sl_graph_clear(&t->g);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &pool_key);
  lua_Unsigned n = lua_rawlen(L, -1);
  if (n < POOL && !big) {
    lua_pushvalue(L, trace);
    lua_rawseti(L, -2, (lua_Integer)n + 1);
  }
  lua_pop(L, 1);
}

static int trace_gc(lua_State *L) {
  free_memory(sl_checktrace(L, 1));
  return 0;
}

/* Makes the userdata on top, whose trace is above it, a symbolic tensor; the
** metatable above both. */
static void finish_sym(lua_State *L, sym *s, sl_trace *t, sl_node node) {
  s->o.issym = SL_SYM_TENSOR;
  s->o.node = node;
  s->trace = t;
  s->serial = t->serial;
  lua_setmetatable(L, -3);
  lua_setiuservalue(L, -2, 1);
}

static sym *push_sym(lua_State *L, int trace, sl_node node) {
  trace = lua_absindex(L, trace);
  sym *s = lua_newuserdatauv(L, sizeof *s, 1);
  lua_pushvalue(L, trace);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &sym_key);
  s->o.meta = lua_topointer(L, -1);
  finish_sym(L, s, lua_touserdata(L, trace), node);
  return s;
}

void sl_newsym(lua_State *L, int trace, sl_node node) {
  push_sym(L, trace, node);
}

void sl_newnumber(lua_State *L, int trace, sl_node node) {
  push_sym(L, trace, node)->o.issym = SL_SYM_NUMBER;
}

/* The same with the trace and the metatable of the one at absolute index
** `like`. */
static sym *new_like(lua_State *L, int like, sl_trace *t, sl_node node) {
  sym *s = lua_newuserdatauv(L, sizeof *s, 1);
  s->o.meta = ((const sym *)lua_touserdata(L, like))->o.meta;
  lua_getiuservalue(L, like, 1);
  lua_getmetatable(L, like);
  finish_sym(L, s, t, node);
  return s;
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
  lua_pop(L, 2);
  sl_note_version(L, &t->captures, t->g.ncapture, sl_tensor_version(L, idx));
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
  if (is_of(s, t)) {
    return s->o.node;
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

sl_node sl_trace_input(lua_State *L, int trace, const sl_type *type, int idx) {
  sl_trace *t = lua_touserdata(L, trace);
  sl_node node;
  sl_err err;
  sl_try(L, sl_graph_input(&t->g, type, &node, &err), &err);
  lua_getiuservalue(L, trace, TRACE_INPUTS);
  if (idx != 0) {
    lua_pushvalue(L, idx);
  } else {
    lua_pushboolean(L, false);
  }
  lua_rawseti(L, -2, t->g.ninput);
  lua_pop(L, 1);
  if (idx != 0) {
    sl_note_bound(L, trace, t->g.ninput, idx);
  }
  return node;
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
    if (!known(s) || !s->trace->open) {
      char name[64];
      snprintf(name, sizeof name, "%s: ", sl_ops[op].name);
      finished(L, name);
    }
    if (best == NULL || s->trace->serial > best->trace->serial) {
      best = s;
    }
  }
  return best;
}

/* Is the result of op on these a number again: 0-d, of nothing but numbers? */
static bool gives_number(lua_State *L, sl_op op, int nin, const int *args) {
  bool all = sl_ops[op].cls == SL_MAP || op == SL_OP_powi;
  for (int i = 0; i < nin && all; i++) {
    all = sl_isnumber(L, args[i]);
  }
  return all;
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
  t->g.line = sl_user_line(L, &t->source);
  for (int i = 0; i < nin; i++) {
    in[i] = sl_lift(L, trace, args[i], d);
  }
  sl_status st =
      sl_ops[op].cls == SL_MAP
          ? sl_graph_map(&t->g, op, nin, in, &out, &err)
          : sl_graph_add(&t->g, op, nin, in, nattr, attr, &out, &err);
  sl_try(L, st, &err);
  if (gives_number(L, op, nin, args)) {
    sl_newnumber(L, trace, out);
  } else {
    sl_newsym(L, trace, out);
  }
  lua_remove(L, trace);
}

/* The user's line of what is traced next. Programs run at once name it only in
** errors of running: of operations that cannot fail it is not asked for. */
static void note_line(lua_State *L, sl_trace *t, sl_op op) {
  sl_opclass c = sl_ops[op].cls;
  bool safe = c == SL_MAP || c == SL_VIEW || op == SL_OP_sum ||
              op == SL_OP_powi;
  t->g.line = safe && !t->isstatic ? 0 : sl_user_line(L, &t->source);
}

/* Fills in[] with the nodes of the operands when they are of one trace and
** float dtype (any dtype when there is but one), or numbers; the index of a
** symbolic one, 0 when they are not like that. */
static int small_nodes(lua_State *L, int n, const int *args,
                       sl_object *const *o, sl_node *in) {
  int like = 0;
  const sl_gnode *first = NULL;
  const sl_trace *t = NULL;
  for (int i = 0; i < n; i++) {
    const sym *s = (const sym *)o[i];
    if (s == NULL && lua_type(L, args[i]) == LUA_TNUMBER) {
      continue;
    }
    if (s == NULL || !s->o.issym || !known(s) || !s->trace->open ||
        (t != NULL && s->trace != t)) {
      return 0;
    }
    t = s->trace;
    const sl_gnode *node = &t->g.node[s->o.node];
    if (n > 1 && (!sl_dtype_isfloat((sl_dtype)node->dtype) ||
                  (first != NULL && first->dtype != node->dtype))) {
      return 0;
    }
    first = node;
    in[i] = s->o.node;
    like = args[i];
  }
  return like;
}

bool sl_trace_small(lua_State *L, sl_op op, int nin, const int *args,
                    sl_object *const *o, int nattr, const sl_int *attr) {
  sl_node in[2], out;
  sl_err err;
  int like = small_nodes(L, nin, args, o, in);
  if (like == 0) {
    return false;
  }
  luaL_checkstack(L, 8, "trace");
  like = lua_absindex(L, like);
  sl_trace *t = ((sym *)lua_touserdata(L, like))->trace;
  note_line(L, t, op);
  for (int i = 0; i < nin; i++) {
    if (o[i] == NULL) {
      sl_node with = in[1 - i];
      sl_dtype d = (sl_dtype)t->g.node[with].dtype;
      sl_try(L, sl_graph_slot(&t->g, lua_tonumber(L, args[i]), d, &in[i],
                              &err), &err);
    }
  }
  sl_status s = sl_ops[op].cls == SL_MAP
                    ? sl_graph_map(&t->g, op, nin, in, &out, &err)
                    : sl_graph_add(&t->g, op, nin, in, nattr, attr, &out,
                                   &err);
  sl_try(L, s, &err);
  bool number = sl_ops[op].cls == SL_MAP || op == SL_OP_powi;
  for (int i = 0; i < nin; i++) {
    number = number && (o[i] == NULL || o[i]->issym == SL_SYM_NUMBER);
  }
  sym *y = new_like(L, like, t, out);
  y->o.issym = number ? SL_SYM_NUMBER : SL_SYM_TENSOR;
  return true;
}

void sl_trace_part(lua_State *L, int idx, int nattr, const sl_int *attr,
                   const sl_type *type) {
  const sym *s = to_sym(L, idx);
  sl_trace *t = s->trace;
  sl_node node;
  sl_err err;
  if (!known(s) || !t->open) {
    finished(L, "index: ");
  }
  luaL_checkstack(L, 8, "trace");
  note_line(L, t, SL_OP_slice);
  sl_try(L, sl_graph_add(&t->g, SL_OP_slice, 1, &s->o.node, nattr, attr, &node,
                         &err), &err);
  if (type != NULL) {
    sl_try(L, sl_graph_add(&t->g, SL_OP_reshape, 1, &node, type->ndim,
                           type->shape, &node, &err), &err);
  }
  new_like(L, lua_absindex(L, idx), t, node);
}

bool sl_trace_at(lua_State *L, int idx, sl_object *o, sl_int i) {
  const sym *s = (const sym *)o;
  sl_trace *t = s->trace;
  sl_node node;
  sl_err err;
  if (!known(s) || !t->open) {
    finished(L, "index: ");
  }
  const sl_gnode *x = &t->g.node[o->node];
  const sl_int n = x->ndim > 0 ? sl_node_attr(&t->g, o->node)[x->nattr] : 0;
  sl_int at = i < 0 ? i + n : i - 1;
  if (i == 0 || at < 0 || at >= n) {
    return false;
  }
  note_line(L, t, SL_OP_slice);
  sl_try(L, sl_graph_at(&t->g, o->node, at, &node, &err), &err);
  luaL_checkstack(L, 8, "trace");
  new_like(L, lua_absindex(L, idx), t, node);
  return true;
}

/* ---- values -------------------------------------------------------------- */

/* Replaces the symbolic tensor on top of the stack by its value. */
static void evaluate_top(lua_State *L) {
  const sym *s = to_sym(L, -1);
  if (!known(s)) {
    finished(L, "");
  }
  if (s->trace->isstatic) {
    sl_raisef(L, "the value of a symbolic tensor is not known while jit, "
                 "vmap or iterate traces: use where(mask, a, b) instead of a branch");
  }
  if (!s->trace->open) {
    finished(L, "");
  }
  sl_node node = s->o.node;
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

/* ---- metatables ---------------------------------------------------------- */

static int sym_tostring(lua_State *L) {
  char text[160];
  sl_type type;
  const sym *s = to_sym(L, 1);
  if (!known(s)) {
    lua_pushliteral(L, "symbolic tensor (of a finished trace)");
    return 1;
  }
  sl_sym_type(L, 1, &type);
  lua_pushfstring(L, "symbolic %s %%%d%s",
                  sl_type_text(text, sizeof text, &type), (int)s->o.node,
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
  lua_newtable(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &pool_key);
}
