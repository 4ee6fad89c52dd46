/* graph.c: traces and their transforms as Lua sees them (saddle.core.graph);
** lua/saddle/transform.lua builds grad, hvp, vmap, jit from these few verbs.
** Lists are Lua sequences; `false` in a list of tangents or cotangents is a
** symbolic zero.  MIT licence. */
#include <string.h>

#include "bind/trace.h"

/* ---- lists of nodes ------------------------------------------------------ */

/* Pushes scratch holding the nodes of the sequence at idx; `false` is SL_NONE.
** Every element must be a symbolic tensor of the trace at 1. */
static sl_node *nodes_of(lua_State *L, int idx, int *n) {
  luaL_checktype(L, idx, LUA_TTABLE);
  *n = (int)lua_rawlen(L, idx);
  sl_node *list = sl_bind_scratch(L, (*n + 1) * (sl_int)sizeof *list);
  for (int k = 0; k < *n; k++) {
    lua_rawgeti(L, idx, k + 1);
    list[k] = lua_toboolean(L, -1) ? sl_checknode(L, -1, 1) : SL_NONE;
    lua_pop(L, 1);
  }
  return list;
}

static sl_node *room_for(lua_State *L, int n) {
  return sl_bind_scratch(L, (n + 1) * (sl_int)sizeof(sl_node));
}

static void same_length(lua_State *L, const char *what, int a, int b) {
  if (a != b) {
    sl_raisef(L, "%s: lists of %d and %d values", what, a, b);
  }
}

/* Pushes a sequence of symbolic tensors; SL_NONE becomes false. */
static void push_nodes(lua_State *L, int n, const sl_node *list) {
  lua_createtable(L, n, 0);
  for (int k = 0; k < n; k++) {
    if (list[k] == SL_NONE) {
      lua_pushboolean(L, false);
    } else {
      sl_newsym(L, 1, list[k]);
    }
    lua_rawseti(L, -2, k + 1);
  }
}

/* ---- leaves -------------------------------------------------------------- */

/* graph.trace(static) -> trace */
static int graph_trace(lua_State *L) {
  sl_newtrace(L, lua_toboolean(L, 1));
  return 1;
}

/* Adds an input of the given type bound to the value at idx (or unbound); does it
** stand for a number? */
static int push_input(lua_State *L, const sl_type *type, int value,
                      bool number) {
  sl_trace *t = sl_checktrace(L, 1);
  sl_node node;
  sl_err err;
  sl_try(L, sl_graph_input(&t->g, type, &node, &err), &err);
  lua_getiuservalue(L, 1, TRACE_INPUTS);
  if (value != 0) {
    lua_pushvalue(L, value);
  } else {
    lua_pushboolean(L, false);
  }
  lua_rawseti(L, -2, t->g.ninput);
  lua_pop(L, 1);
  if (value != 0) {
    sl_note_bound(L, 1, t->g.ninput, value);
  }
  if (number) {
    sl_newnumber(L, 1, node);
  } else {
    sl_newsym(L, 1, node);
  }
  return 1;
}

/* A number at idx becomes a 0-d f64 tensor there. */
static void box_number(lua_State *L, int idx) {
  if (lua_type(L, idx) == LUA_TNUMBER) {
    sl_tensor *t = sl_newtensor_nd(L, SL_F64, 0, NULL);
    *(double *)t->data = lua_tonumber(L, idx);
    lua_replace(L, idx);
  }
}

/* An input of the type of the value at 2, bound to it or not. */
static int input_of_value(lua_State *L, bool bound) {
  sl_type type;
  sl_checktrace(L, 1);
  lua_settop(L, 2);
  bool number = sl_isnumber(L, 2);
  box_number(L, 2);
  if (!sl_value_type(L, 2, &type)) {
    sl_raisef(L, "expected tensors, numbers or tables of them as arguments, "
                 "got %s", luaL_typename(L, 2));
  }
  return push_input(L, &type, bound ? 2 : 0, number);
}

/* trace:input(value) -> symbolic tensor bound to the value */
static int trace_input(lua_State *L) { return input_of_value(L, true); }

/* trace:like(value) -> unbound input of the value's type */
static int trace_like(lua_State *L) { return input_of_value(L, false); }

/* trace:lane(value) -> unbound input of the type of value[1] */
static int trace_lane(lua_State *L) {
  sl_type type;
  char text[160];
  sl_checktrace(L, 1);
  if (!sl_value_type(L, 2, &type)) {
    sl_raisef(L, "vmap: expected a tensor, got %s", luaL_typename(L, 2));
  }
  if (type.ndim == 0) {
    sl_raisef(L, "vmap: %s has no axis to map over",
              sl_type_text(text, sizeof text, &type));
  }
  type.ndim--;
  memmove(type.shape, type.shape + 1, (size_t)type.ndim * sizeof *type.shape);
  return push_input(L, &type, 0, false);
}

/* trace:bind(x, value): gives the input x another value of its type */
static int trace_bind(lua_State *L) {
  sl_trace *t = sl_checktrace(L, 1);
  sl_node x = sl_checknode(L, 2, 1);
  sl_type want;
  sl_type got;
  lua_settop(L, 3);
  box_number(L, 3);
  sl_node_type(&t->g, x, &want);
  bool ok = t->g.node[x].op == SL_OP_input && sl_value_type(L, 3, &got) &&
            sl_type_eq(&want, &got) && lua_isuserdata(L, 3);
  if (!ok) {
    sl_raisef(L, "bind: expected an input and a tensor of its type");
  }
  lua_getiuservalue(L, 1, TRACE_INPUTS);
  int k = (int)sl_node_attr(&t->g, x)[0] + 1;
  lua_pushvalue(L, 3);
  lua_rawseti(L, -2, k);
  sl_note_bound(L, 1, k, 3);
  return 0;
}

/* trace:symbolic() -> does it depend on values of an outer trace? */
static int trace_symbolic(lua_State *L) {
  bool symbolic = false;
  sl_checktrace(L, 1);
  for (int which = TRACE_INPUTS; which <= TRACE_CAPTURES; which++) {
    lua_getiuservalue(L, 1, which);
    int n = (int)lua_rawlen(L, -1);
    for (int k = 1; k <= n && !symbolic; k++) {
      lua_rawgeti(L, -1, k);
      symbolic = sl_issym(L, -1);
      lua_pop(L, 1);
    }
  }
  lua_pushboolean(L, symbolic);
  return 1;
}

/* trace:lift(value) -> symbolic tensor of this trace */
static int trace_lift(lua_State *L) {
  sl_type type;
  sl_checktrace(L, 1);
  if (!sl_value_type(L, 2, &type)) {
    sl_raisef(L, "expected the traced function to return tensors, numbers or "
                 "tables of them, got %s", luaL_typename(L, 2));
  }
  sl_newsym(L, 1, sl_lift(L, 1, 2, SL_F64));
  return 1;
}

/* trace:full(like, value) -> constant of that shape and dtype */
static int trace_full(lua_State *L) {
  sl_trace *t = sl_checktrace(L, 1);
  sl_node like = sl_checknode(L, 2, 1);
  sl_type type;
  sl_node c;
  sl_err err;
  sl_node_type(&t->g, like, &type);
  sl_status s =
      sl_graph_const(&t->g, luaL_checknumber(L, 3), type.dtype, &c, &err);
  sl_try(L, s, &err);
  if (type.ndim > 0) {
    sl_try(L, sl_graph_add(&t->g, SL_OP_broadcast, 1, &c, type.ndim,
                           type.shape, &c, &err), &err);
  }
  sl_newsym(L, 1, c);
  return 1;
}

/* trace:close(): the user's function has returned */
static int trace_close(lua_State *L) {
  sl_checktrace(L, 1)->open = false;
  return 0;
}

/* ---- transforms ---------------------------------------------------------- */

/* trace:jvp(x, dx, y) -> dy */
static int trace_jvp(lua_State *L) {
  sl_trace *t = sl_checktrace(L, 1);
  int nx, ndx, ny;
  sl_err err;
  const sl_node *x = nodes_of(L, 2, &nx);
  const sl_node *dx = nodes_of(L, 3, &ndx);
  const sl_node *y = nodes_of(L, 4, &ny);
  same_length(L, "jvp", nx, ndx);
  sl_node *dy = room_for(L, ny);
  sl_try(L, sl_graph_jvp(&t->g, nx, x, dx, ny, y, dy, &err), &err);
  push_nodes(L, ny, dy);
  return 1;
}

/* trace:vjp(x, y, ct) -> cx */
static int trace_vjp(lua_State *L) {
  sl_trace *t = sl_checktrace(L, 1);
  int nx, ny, nct;
  sl_err err;
  const sl_node *x = nodes_of(L, 2, &nx);
  const sl_node *y = nodes_of(L, 3, &ny);
  const sl_node *ct = nodes_of(L, 4, &nct);
  same_length(L, "vjp", ny, nct);
  sl_node *cx = room_for(L, nx);
  sl_try(L, sl_graph_vjp(&t->g, nx, x, ny, y, ct, cx, &err), &err);
  push_nodes(L, nx, cx);
  return 1;
}

/* trace:batch(size, x, bx, y) -> by, each carrying the lanes on axis 1 */
static int trace_batch(lua_State *L) {
  sl_trace *t = sl_checktrace(L, 1);
  sl_int size = luaL_checkinteger(L, 2);
  int nx, nbx, ny;
  sl_err err;
  const sl_node *x = nodes_of(L, 3, &nx);
  const sl_node *bx = nodes_of(L, 4, &nbx);
  const sl_node *y = nodes_of(L, 5, &ny);
  same_length(L, "vmap", nx, nbx);
  sl_node *by = room_for(L, ny);
  bool *flags = sl_bind_scratch(L, ny + 1);
  sl_try(L, sl_graph_batch(&t->g, size, nx, x, bx, ny, y, by, flags, &err),
         &err);
  for (int k = 0; k < ny; k++) {
    sl_type type;
    sl_int shape[SL_MAXDIM + 1];
    if (by[k] == SL_NONE || flags[k]) {
      continue;
    }
    sl_node_type(&t->g, by[k], &type);
    shape[0] = size;
    memcpy(shape + 1, type.shape, (size_t)type.ndim * sizeof *shape);
    sl_try(L, sl_graph_add(&t->g, SL_OP_broadcast, 1, &by[k], type.ndim + 1,
                           shape, &by[k], &err), &err);
  }
  push_nodes(L, ny, by);
  return 1;
}

/* Pushes the list of the values of n nodes of the trace at 1. */
static void push_results(lua_State *L, int n, const sl_node *outs) {
  lua_createtable(L, n, 0);
  int list = lua_gettop(L);
  sl_trace_results(L, 1, n, outs);
  for (int k = n; k >= 1; k--) {
    lua_rawseti(L, list, k);
  }
}

/* trace:run(outs) -> values: Tensors, or symbolic tensors of the innermost
** outer trace they depend on */
static int trace_run(lua_State *L) {
  int n;
  sl_checktrace(L, 1);
  const sl_node *outs = nodes_of(L, 2, &n);
  push_results(L, n, outs);
  return 1;
}

/* trace:scratch(outs) -> bytes of temporaries of their program */
static int trace_scratch(lua_State *L) {
  const sl_trace *t = sl_checktrace(L, 1);
  int n;
  const sl_node *outs = nodes_of(L, 2, &n);
  sl_program *p = sl_trace_program(L, &t->g, n, outs);
  lua_pushinteger(L, sl_program_scratch(p));
  return 1;
}

/* trace:text(outs) -> the nodes that outs need, a line each */
static int trace_text(lua_State *L) {
  const sl_trace *t = sl_checktrace(L, 1);
  int n;
  const sl_node *outs = nodes_of(L, 2, &n);
  sl_int len = sl_graph_text(NULL, 0, &t->g, outs, n);
  char *text = sl_bind_scratch(L, len + 1);
  sl_graph_text(text, len + 1, &t->g, outs, n);
  lua_pushlstring(L, text, (size_t)len);
  return 1;
}

/* ---- comparing two traces of one function -------------------------------- */

/* Are captures k of the traces at 1 and 2 the same object, or equal bits? */
static bool same_capture(lua_State *L, int k) {
  int top = lua_gettop(L);
  lua_getiuservalue(L, 1, TRACE_CAPTURES);
  lua_rawgeti(L, -1, k);
  lua_getiuservalue(L, 3, TRACE_CAPTURES);
  lua_rawgeti(L, -1, k);
  bool same = lua_rawequal(L, top + 2, top + 4);
  const sl_tensor *a = sl_totensor(L, top + 2);
  const sl_tensor *b = sl_totensor(L, top + 4);
  if (!same && a != NULL && b != NULL && sl_type_eq(&a->type, &b->type)) {
    a = sl_ascontiguous(L, top + 2, SL_NDTYPE);
    b = sl_ascontiguous(L, top + 4, SL_NDTYPE);
    sl_int bytes = sl_numel(&a->type) * sl_dtype_size(a->type.dtype);
    same = bytes == 0 || memcmp(a->data, b->data, (size_t)bytes) == 0;
  }
  lua_settop(L, top);
  return same;
}

/* trace:same(outs, other, otherouts) -> true, or false and what differs */
static int trace_same(lua_State *L) {
  const sl_trace *a = sl_checktrace(L, 1);
  const sl_trace *b = sl_checktrace(L, 3);
  int na, nb;
  const sl_node *aout = nodes_of(L, 2, &na);
  lua_pushvalue(L, 1);
  lua_pushvalue(L, 3);
  lua_replace(L, 1); /* nodes_of checks against the trace at 1 */
  const sl_node *bout = nodes_of(L, 4, &nb);
  lua_pushvalue(L, -2);
  lua_replace(L, 1);
  sl_node where = SL_NONE;
  bool same = na == nb && sl_graph_same(&a->g, aout, &b->g, bout, na, true,
                                        &where);
  int captures = a->g.ncapture;
  bool values = same && captures == b->g.ncapture;
  for (int k = 1; k <= captures && values; k++) {
    values = same_capture(L, k);
  }
  lua_pushboolean(L, same && values);
  if (!same && where != SL_NONE) {
    lua_pushfstring(L, "%s at line %d", sl_ops[a->g.node[where].op].name,
                    (int)a->g.node[where].line);
  } else {
    lua_pushliteral(L, "a tensor the function makes or refers to");
  }
  return 2;
}

/* graph.splice(trace, outs, args) -> symbolic tensors of the arguments' trace:
** the finished trace inlined where it is called with symbolic arguments. */
static int graph_splice(lua_State *L) {
  int n;
  sl_checktrace(L, 1);
  const sl_node *outs = nodes_of(L, 2, &n);
  luaL_checktype(L, 3, LUA_TTABLE);
  /* bind the arguments for the duration of one evaluation */
  lua_getiuservalue(L, 1, TRACE_INPUTS);
  lua_pushvalue(L, 3);
  lua_setiuservalue(L, 1, TRACE_INPUTS);
  int saved = lua_gettop(L);
  push_results(L, n, outs);
  lua_pushvalue(L, saved);
  lua_setiuservalue(L, 1, TRACE_INPUTS);
  return 1;
}

/* graph.type(value) -> "[3 x 4] f64", shape, dtype; nil for other values */
static int graph_type(lua_State *L) {
  sl_type type;
  char text[160];
  if (!sl_value_type(L, 1, &type)) {
    return 0;
  }
  lua_pushstring(L, sl_type_text(text, sizeof text, &type));
  lua_createtable(L, type.ndim, 0);
  for (int a = 0; a < type.ndim; a++) {
    lua_pushinteger(L, type.shape[a]);
    lua_rawseti(L, -2, a + 1);
  }
  lua_pushstring(L, sl_dtype_name(type.dtype));
  return 3;
}

static int graph_issymbolic(lua_State *L) {
  lua_pushboolean(L, sl_issym(L, 1));
  return 1;
}

/* graph.ops() -> the rows of ops.def, for the tests and the documentation */
static int graph_ops(lua_State *L) {
  lua_createtable(L, SL_NOP, 0);
  for (int op = 0; op < SL_NOP; op++) {
    const sl_opinfo *row = &sl_ops[op];
    lua_createtable(L, 0, 8);
    lua_pushstring(L, row->name);
    lua_setfield(L, -2, "name");
    lua_pushinteger(L, row->arity);
    lua_setfield(L, -2, "arity");
    lua_pushstring(L, row->domain);
    lua_setfield(L, -2, "domain");
    lua_pushstring(L, row->tol);
    lua_setfield(L, -2, "tol");
    lua_pushstring(L, row->doc);
    lua_setfield(L, -2, "doc");
    lua_pushboolean(L, row->cls == SL_LEAF);
    lua_setfield(L, -2, "leaf");
    lua_pushboolean(L, row->cls == SL_MAP);
    lua_setfield(L, -2, "map");
    lua_pushboolean(L, row->jvp != NULL);
    lua_setfield(L, -2, "differentiable");
    lua_rawseti(L, -2, op + 1);
  }
  return 1;
}

/* graph.apply(name, operands, attributes) -> value: any row of ops.def with
** its raw 0-based attributes, on numbers, Tensors and symbolic tensors */
static int graph_apply(lua_State *L) {
  int op = sl_op_find(luaL_checkstring(L, 1));
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 3);
  int nin = (int)lua_rawlen(L, 2);
  int nattr = lua_istable(L, 3) ? (int)lua_rawlen(L, 3) : 0;
  if (op < 0 || nin > SL_MAXIN || nattr > 3 * SL_MAXDIM) {
    sl_raisef(L, "apply: no operation %s with %d operands and %d attributes",
              lua_tostring(L, 1), nin, nattr);
  }
  if (sl_ops[op].cls == SL_LEAF) {
    sl_raisef(L, "apply: %s is a leaf of a graph", sl_ops[op].name);
  }
  int args[SL_MAXIN];
  sl_int attr[3 * SL_MAXDIM];
  luaL_checkstack(L, nin + 8, "operands");
  for (int i = 0; i < nin; i++) {
    lua_rawgeti(L, 2, i + 1);
    args[i] = lua_gettop(L);
  }
  for (int i = 0; i < nattr; i++) {
    lua_rawgeti(L, 3, i + 1);
    attr[i] = sl_checkint(L, -1, "attribute");
    lua_pop(L, 1);
  }
  sl_apply(L, (sl_op)op, nin, args, nattr, attr);
  return 1;
}

static const luaL_Reg functions[] = {
    {"trace", graph_trace},     {"input", trace_input},
    {"lane", trace_lane},       {"like", trace_like},
    {"bind", trace_bind},       {"symbolic", trace_symbolic},
    {"lift", trace_lift},       {"full", trace_full},
    {"close", trace_close},     {"jvp", trace_jvp},
    {"vjp", trace_vjp},         {"batch", trace_batch},
    {"run", trace_run},         {"text", trace_text},
    {"same", trace_same},       {"scratch", trace_scratch},
    {"splice", graph_splice},   {"type", graph_type},
    {"ops", graph_ops},         {"issymbolic", graph_issymbolic},
    {"apply", graph_apply},     {NULL, NULL}};

int sl_open_graph(lua_State *L) {
  luaL_newlib(L, functions);
  luaL_setfuncs(L, sl_results_functions, 0);
  luaL_setfuncs(L, sl_programs_functions, 0);
  luaL_setfuncs(L, sl_derive_functions, 0);
  sl_open_results(L);
  sl_open_programs(L);
  return 1;
}
