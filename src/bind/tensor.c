/* tensor.c: the Tensor userdata. A fresh tensor is one userdata: descriptor and
** payload, so that Lua's collector sees every byte; a view is a descriptor
** whose user value keeps the owner of the storage alive. Writes are counted in
** the owner. The module's tables are put together here.
** MIT licence. */
#include <string.h>

#include "bind/tensors.h"

typedef struct box {
  sl_object o;
  sl_tensor t;
  struct box *owner; /* of the storage; itself when it is inline */
  uint64_t version;  /* writes so far, counted in the owner */
  bool readonly;
} box;

enum { ALIGN = 64 };

/* Payloads from this size are allocated under pcall, so that running out of
** memory names the size; a pcall would cost small tensors a tenth. */
enum { BIG = 1 << 20 };

static const char metatable_key = 0; /* its address is the registry key */

static void *align_up(void *p) {
  return (void *)(((uintptr_t)p + ALIGN - 1) & ~(uintptr_t)(ALIGN - 1));
}

/* ---- recognising --------------------------------------------------------- */

static box *to_box(lua_State *L, int idx) {
  sl_object *o = sl_toobject(L, idx);
  return o != NULL && !o->issym ? (box *)o : NULL;
}

sl_tensor *sl_object_tensor(sl_object *o) {
  return o != NULL && !o->issym ? &((box *)o)->t : NULL;
}

sl_tensor *sl_totensor(lua_State *L, int idx) {
  box *b = to_box(L, idx);
  return b != NULL ? &b->t : NULL;
}

static box *check_box(lua_State *L, int arg) {
  box *b = to_box(L, arg);
  if (b == NULL) {
    if (sl_issym(L, arg)) {
      sl_argerror(L, arg, "not possible while tracing: the values of a "
                          "symbolic tensor are not known yet");
    }
    sl_argerror(L, arg, "expected a Tensor, got %s", sl_typename(L, arg));
  }
  return b;
}

sl_tensor *sl_checktensor(lua_State *L, int arg) {
  return &check_box(L, arg)->t;
}

uint64_t sl_tensor_version(lua_State *L, int idx) {
  box *b = to_box(L, idx);
  return b != NULL ? b->owner->version : 0;
}

sl_tensor *sl_checkwritable(lua_State *L, int arg) {
  if (sl_issym(L, arg)) {
    sl_raisef(L, "%s: symbolic tensors are immutable while tracing",
              sl_callee(L));
  }
  box *b = check_box(L, arg);
  if (b->readonly) {
    char text[160];
    sl_raisef(L, "%s: %s is read-only: a broadcast view; write into a copy()",
              sl_callee(L), sl_type_text(text, sizeof text, &b->t.type));
  }
  b->owner->version++;
  return &b->t;
}

/* ---- making -------------------------------------------------------------- */

static int alloc_protected(lua_State *L) {
  lua_newuserdatauv(L, (size_t)lua_tointeger(L, 1), 0);
  return 1;
}

/* Pushes a big userdata; after a failure collects all and tries once more
** (finalisers may have freed what Lua's own emergency collection did not). */
static void *alloc_big(lua_State *L, size_t bytes) {
  for (int attempt = 0; attempt < 2; attempt++) {
    lua_pushcfunction(L, alloc_protected);
    lua_pushinteger(L, (lua_Integer)bytes);
    int status = lua_pcall(L, 1, 1, 0);
    if (status == LUA_OK) {
      return lua_touserdata(L, -1);
    }
    if (status != LUA_ERRMEM) {
      lua_error(L); /* Ctrl-C's hook raised in there */
    }
    lua_pop(L, 1);
    lua_gc(L, LUA_GCCOLLECT);
  }
  return NULL;
}

static void too_big(lua_State *L, const sl_type *type, double bytes) {
  char text[160];
  sl_raisef(L, "%s: not enough memory for a tensor %s (%.4g MB)", sl_callee(L),
            sl_type_text(text, sizeof text, type), bytes / 1e6);
}

/* The metatable's own address is stored in each box. */
static void close_box(lua_State *L, box *b) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &metatable_key);
  b->o.meta = lua_topointer(L, -1);
  b->o.issym = false;
  lua_setmetatable(L, -2);
}

static void init_owner(box *b, const sl_type *type, void *data) {
  b->owner = b;
  b->version = 0;
  b->readonly = false;
  sl_tensor_init(&b->t, type, data);
}

sl_tensor *sl_newtensor(lua_State *L, const sl_type *type) {
  sl_int n = sl_numel(type), bytes;
  const sl_int head = (sl_int)sizeof(box) + ALIGN;
  if (!sl_mul(n, sl_dtype_size(type->dtype), &bytes) ||
      !sl_add(bytes, head, &bytes)) {
    too_big(L, type, (double)n * 8);
  }
  if (!lua_checkstack(L, 4)) {
    sl_raisef(L, "tensor: Lua's stack is full");
  }
  box *b = bytes < BIG ? lua_newuserdatauv(L, (size_t)bytes, 0)
                       : alloc_big(L, (size_t)bytes);
  if (b == NULL) {
    too_big(L, type, (double)bytes);
  }
  init_owner(b, type, align_up(b + 1));
  close_box(L, b);
  return &b->t;
}

/* A payload below one line of cache needs no alignment. */
sl_tensor *sl_newsmall(lua_State *L, const sl_type *type, int like) {
  size_t bytes = (size_t)(sl_numel(type) * sl_dtype_size(type->dtype));
  bool line = bytes >= ALIGN;
  if (!lua_checkstack(L, 4)) {
    sl_raisef(L, "tensor: Lua's stack is full");
  }
  box *b = lua_newuserdatauv(L, sizeof *b + bytes + (line ? ALIGN : 0), 0);
  init_owner(b, type, line ? align_up(b + 1) : (void *)(b + 1));
  lua_getmetatable(L, like);
  b->o.meta = lua_topointer(L, -1);
  b->o.issym = false;
  lua_setmetatable(L, -2);
  return &b->t;
}

sl_tensor *sl_newtensor_nd(lua_State *L, sl_dtype d, int ndim,
                           const sl_int *shape) {
  sl_type type;
  sl_err err;
  sl_try(L, sl_type_make(&type, d, ndim, shape, &err), &err);
  return sl_newtensor(L, &type);
}

static void copy_view(sl_tensor *to, const sl_tensor *from) {
  sl_type_copy(&to->type, &from->type);
  for (int a = 0; a < from->type.ndim; a++) {
    to->stride[a] = from->stride[a];
  }
  to->data = from->data;
}

/* A view of a view is anchored to the owner, so that chains stay short. */
sl_tensor *sl_newview(lua_State *L, int owner, const sl_tensor *desc) {
  luaL_checkstack(L, 4, "tensor");
  owner = lua_absindex(L, owner);
  const box *from = check_box(L, owner);
  box *b = lua_newuserdatauv(L, sizeof(box), 1);
  copy_view(&b->t, desc);
  b->owner = from->owner;
  b->version = 0;
  b->readonly = from->readonly || sl_is_broadcast(desc);
  if (from->owner == from) {
    lua_pushvalue(L, owner);
  } else {
    lua_getiuservalue(L, owner, 1);
  }
  lua_setiuservalue(L, -2, 1);
  close_box(L, b);
  return &b->t;
}

void *sl_bind_scratch(lua_State *L, sl_int bytes) {
  void *p = NULL;
  if (bytes >= 0 && bytes <= INT64_MAX - ALIGN) {
    size_t n = (size_t)bytes + ALIGN;
    p = n < BIG ? lua_newuserdatauv(L, n, 0) : alloc_big(L, n);
  }
  if (p == NULL) {
    sl_raisef(L, "%s: not enough memory for %.4g MB of workspace",
              sl_callee(L), (double)bytes / 1e6);
  }
  return align_up(p);
}

/* ---- conversion of arguments --------------------------------------------- */

const sl_tensor *sl_astensor(lua_State *L, int arg, sl_dtype d) {
  sl_tensor *t = sl_totensor(L, arg);
  if (t == NULL) {
    int kind = lua_type(L, arg);
    if (kind != LUA_TNUMBER && kind != LUA_TTABLE) {
      return sl_checktensor(L, arg);
    }
    sl_push_nested(L, arg, d);
    return sl_checktensor(L, -1);
  }
  if (d == SL_NDTYPE || t->type.dtype == d) {
    return t;
  }
  sl_type type = t->type;
  type.dtype = d;
  sl_tensor *out = sl_newtensor(L, &type);
  sl_err err;
  sl_try(L, sl_copy(out, t, &err), &err);
  return out;
}

const sl_tensor *sl_ascontiguous(lua_State *L, int arg, sl_dtype d) {
  const sl_tensor *t = sl_astensor(L, arg, d);
  if (sl_is_contiguous(t)) {
    return t;
  }
  sl_tensor *out = sl_newtensor(L, &t->type);
  sl_err err;
  sl_try(L, sl_copy(out, t, &err), &err);
  return out;
}

/* ---- the module ---------------------------------------------------------- */

static int tensor_tostring(lua_State *L) {
  const sl_tensor *t = sl_checktensor(L, 1);
  char small[512];
  sl_int n = sl_tensor_text(small, sizeof small, t, &sl_print_default);
  if (n < (sl_int)sizeof small) {
    lua_pushlstring(L, small, (size_t)n);
    return 1;
  }
  char *text = sl_bind_scratch(L, n + 1);
  sl_tensor_text(text, n + 1, t, &sl_print_default);
  lua_pushlstring(L, text, (size_t)n);
  return 1;
}

void sl_tensor_metamethods(lua_State *L, int methods) {
  methods = lua_absindex(L, methods);
  luaL_setfuncs(L, sl_operators, 0);
  lua_pushvalue(L, methods);
  lua_pushcclosure(L, sl_index_get, 1);
  lua_setfield(L, -2, "__index");
  lua_pushvalue(L, methods);
  lua_pushcclosure(L, sl_index_set, 1);
  lua_setfield(L, -2, "__newindex");
  lua_pushcfunction(L, sl_index_call);
  lua_setfield(L, -2, "__call");
}

static void make_metatable(lua_State *L, int methods) {
  lua_newtable(L);
  sl_tensor_metamethods(L, methods);
  lua_pushcfunction(L, tensor_tostring);
  lua_setfield(L, -2, "__tostring");
  lua_pushliteral(L, "Tensor");
  lua_setfield(L, -2, "__name");
  lua_rawsetp(L, LUA_REGISTRYINDEX, &metatable_key);
}

/* Copies what the table at `to` lacks from the one at `from`. */
static void add_missing(lua_State *L, int to, int from) {
  for (lua_pushnil(L); lua_next(L, from) != 0; lua_pop(L, 1)) {
    lua_pushvalue(L, -2);
    if (lua_rawget(L, to) == LUA_TNIL) {
      lua_pushvalue(L, -3);
      lua_pushvalue(L, -3);
      lua_rawset(L, to);
    }
    lua_pop(L, 1);
  }
}

static void install_methods(lua_State *L) {
  sl_install_rows(L);
  luaL_setfuncs(L, sl_construct_methods, 0);
  luaL_setfuncs(L, sl_shapes_methods, 0);
  luaL_setfuncs(L, sl_reductions_methods, 0);
  luaL_setfuncs(L, sl_methods_methods, 0);
  luaL_setfuncs(L, sl_products_methods, 0);
  luaL_setfuncs(L, sl_order_methods, 0);
}

/* The collector's pace. Incremental mode: bytes of a generational collection's
** young objects never force a major one, so large temporaries pile up. A cycle
** starts when the heap is half as large again as what survived the last one;
** a block that is never touched (and so takes no memory) counts as surviving,
** or a small program would mark its whole heap every few dozen tensors. Much
** more, and the garbage of a cycle leaves the second-level cache: steps with a
** gradient traced anew run at 346, 398, 406 and 320 thousand a second with 0, 1, 2
** and 8 MB. collectgarbage("count") counts it too. */
enum { GC_PAUSE = 150, GC_STEPMUL = 400, GC_BALLAST = 2 << 20 };

static void pace_collector(lua_State *L) {
  static const char ballast_key = 0;
  lua_gc(L, LUA_GCINC, GC_PAUSE, GC_STEPMUL, 0);
  lua_newuserdatauv(L, GC_BALLAST, 0);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &ballast_key);
}

int sl_open_tensor(lua_State *L) {
  sl_apply_setup();
  pace_collector(L);
  int base = lua_gettop(L);
  lua_newtable(L); /* base + 1: T */
  lua_newtable(L); /* base + 2: methods */
  install_methods(L);
  sl_open_linalg(L); /* base + 3 */
  add_missing(L, base + 2, base + 3);
  lua_settop(L, base + 2);
  add_missing(L, base + 1, base + 2);
  make_metatable(L, base + 2);
  sl_sym_metatable(L, base + 2);
  lua_settop(L, base + 1);
  luaL_setfuncs(L, sl_construct_functions, 0);
  luaL_setfuncs(L, sl_joins_functions, 0);
  lua_newtable(L);
  lua_pushcfunction(L, sl_construct_call);
  lua_setfield(L, -2, "__call");
  lua_setmetatable(L, -2);
  return 1;
}
