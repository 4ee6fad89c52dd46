/* bind.h: the edge between Lua and the core: Tensor and symbolic-tensor
** userdata, argument checks, raising. Only bind and app include lua.h.
** Rule of every bound function: check all arguments; push every userdata it
** will need; then call the core; then return. Any lua_* call may longjmp, so
** nothing may be owned by a C local at that moment: temporaries are userdata
** on the stack (sl_bind_scratch).  MIT licence. */
#ifndef SL_BIND_H
#define SL_BIND_H

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "base/base.h"
#include "graph/graph.h"
#include "tensor/tensor.h"

/* ---- errors (error.c) ---------------------------------------------------- */
/* Raise err.msg, prefixed with the position of the innermost Lua frame that is
** not Saddle's own Lua code: the user's line. Never return. */
int sl_raise(lua_State *L, const sl_err *err);
int sl_raisef(lua_State *L, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* sl_try(L, status, &err): raises when status is not SL_OK. */
void sl_try(lua_State *L, sl_status status, const sl_err *err);
/* core.fail(message), core.where(): the same for Lua. */
int sl_lua_fail(lua_State *L);
int sl_lua_where(lua_State *L);
/* Tells where Saddle's own Lua code is: a folder, with its last separator. */
void sl_set_luadir(lua_State *L, const char *dir);
/* Line of the user's frame, 0 when there is none. *source (NULL at first, not
** to be read) remembers what was found, which makes the next call cheap. */
int sl_user_line(lua_State *L, const void **source);

/* ---- tensors (tensor.c) --------------------------------------------------- */
/* What the userdata of Tensors and of symbolic tensors begins with. The address
** of the metatable tells them from others: a foreign userdata may hold stale
** bytes of a freed one, but then its metatable is another. */
enum { SL_SYM_TENSOR = 1, SL_SYM_NUMBER = 2 };

typedef struct sl_object {
  const void *meta;
  int32_t issym; /* SL_SYM_NUMBER: stands for a Lua number and counts as one */
  int32_t node; /* of a symbolic tensor */
} sl_object;
static inline sl_object *sl_toobject(lua_State *L, int idx) {
  sl_object *o = lua_touserdata(L, idx);
  if (o == NULL || lua_rawlen(L, idx) < sizeof *o ||
      !lua_getmetatable(L, idx)) {
    return NULL;
  }
  const void *meta = lua_topointer(L, -1);
  lua_pop(L, 1);
  return o->meta == meta ? o : NULL;
}
/* The Tensor that o is; NULL when it is none. */
sl_tensor *sl_object_tensor(sl_object *o);
/* NULL when the value at idx is not a Tensor. Borrowed: valid while the
** userdata is on the stack or anchored. */
sl_tensor *sl_totensor(lua_State *L, int idx);
sl_tensor *sl_checktensor(lua_State *L, int arg);
/* Pushes a fresh contiguous tensor, elements undefined. Payload inline in the
** userdata, 64-byte aligned. Raises on size overflow or no memory. */
sl_tensor *sl_newtensor(lua_State *L, const sl_type *type);
/* The same for at most some thousand elements, quicker; `like`: absolute index
** of a Tensor. */
sl_tensor *sl_newsmall(lua_State *L, const sl_type *type, int like);
sl_tensor *sl_newtensor_nd(lua_State *L, sl_dtype d, int ndim,
                           const sl_int *shape);
/* Pushes a view described by desc that keeps the storage of the Tensor at
** `owner` alive. */
sl_tensor *sl_newview(lua_State *L, int owner, const sl_tensor *desc);
/* To be called before writing in place into the Tensor at arg: raises when it
** is a read-only (broadcast) view; counts a new version of its storage. */
sl_tensor *sl_checkwritable(lua_State *L, int arg);
/* Number of in-place writes the storage of the Tensor at idx has seen; views
** share their owner's count. 0 for anything but a Tensor. */
uint64_t sl_tensor_version(lua_State *L, int idx);
/* Name by which the user called the running C function ("mm"), for messages;
** "saddle" when it has none. */
const char *sl_callee(lua_State *L);
/* Raises "<callee>: argument <arg>: <text>"; a method's object is number 1. */
int sl_argerror(lua_State *L, int arg, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The name of the list (NULL-terminated) nearest to a misspelt one, or NULL
** when none is near. (args.c) */
const char *sl_nearest(const char *word, const char *const *names);
/* Fills the table on top of the stack with the metamethods that Tensor and
** symbolic tensors share (__index, __newindex, __call, __len, arithmetic,
** masks); methods: index of the table of methods. (tensor.c) */
void sl_tensor_metamethods(lua_State *L, int methods);
/* A 0-d Tensor on top of the stack becomes a Lua number; others stay. */
void sl_unbox(lua_State *L);
/* The value at arg as a tensor of dtype d (SL_NDTYPE: keep its own; numbers and
** nested tables become i64 when all are integers, else f64): returns it as is
** when it already is one, else pushes a converted copy; the result is
** anchored on the stack. Accepts Tensor, number, nested table. */
const sl_tensor *sl_astensor(lua_State *L, int arg, sl_dtype d);
/* As sl_astensor, then contiguous row-major. */
const sl_tensor *sl_ascontiguous(lua_State *L, int arg, sl_dtype d);
/* Parses {3, 4, dtype = "f32"} (or a plain integer) at arg into *type; other
** keys raise with the nearest known name unless listed in `extra` (a
** NULL-terminated list, or NULL). Absent dtype gives `dflt`. */
void sl_checkshape(lua_State *L, int arg, sl_dtype dflt,
                   const char *const *extra, sl_type *type);
/* An integer argument: accepts integral floats, names the argument. */
sl_int sl_checkint(lua_State *L, int arg, const char *name);
double sl_checknum(lua_State *L, int arg, const char *name);
/* 1-based axis (negative counts from the end) to 0-based; raises outside. */
int sl_checkaxis(lua_State *L, int arg, int ndim);

/* ---- operations on tensors, symbolic tensors and numbers ------------------ */
/* Is the value at idx a symbolic tensor (of an open or closed trace)? */
bool sl_issym(lua_State *L, int idx); /* trace.c */
/* Is it a Lua number, or a symbolic tensor that stands for one? Then it takes the
** dtype of the tensors it is used with. (trace.c) */
bool sl_isnumber(lua_State *L, int idx);
/* Its type; false when the value at idx is not a symbolic tensor. (trace.c) */
bool sl_sym_type(lua_State *L, int idx, sl_type *type);
/* Type of a Tensor, symbolic tensor or number (0-d, i64 or f64); false for
** anything else. (apply.c) */
bool sl_value_type(lua_State *L, int idx, sl_type *type);
/* The one door to ops.def: pushes op applied to the values at stack indices
** args[]. Promotes dtypes, broadcasts element-wise operands (numbers take the
** dtype of the tensors), then either runs the kernel (a fresh Tensor; a view
** for SL_VIEW rows) or, when any operand is symbolic, appends to its trace.
** All composites (mean, relu, x[...]) are sequences of it, so they trace.
** Attributes as listed in graph.h. (apply.c) */
void sl_apply(lua_State *L, sl_op op, int nin, const int *args, int nattr,
              const sl_int *attr);
/* The symbolic half of sl_apply. Tensor and symbolic operands have been cast to
** their common dtype; numbers take the dtype of the others (for `where`, of
** the values); shapes are not broadcast yet. (trace.c) */
void sl_trace_apply(lua_State *L, sl_op op, int nin, const int *args,
                    int nattr, const sl_int *attr);
/* The same for the commonest case, without its detours: one or two operands,
** symbolic of one trace and one float dtype, or a number; o[i]: the object at
** args[i], NULL for a number. false: nothing was done. (trace.c) */
bool sl_trace_small(lua_State *L, sl_op op, int nin, const int *args,
                    sl_object *const *o, int nattr, const sl_int *attr);
/* Pushes the part of the symbolic tensor at idx that slice's attributes
** describe, reshaped to `type` unless that is NULL. (trace.c) */
void sl_trace_part(lua_State *L, int idx, int nattr, const sl_int *attr,
                   const sl_type *type);
/* Pushes the part of the symbolic tensor at idx, whose object is o, at the
** 1-based position i of its first axis; false when there is no such position.
** (trace.c) */
bool sl_trace_at(lua_State *L, int idx, sl_object *o, sl_int i);
/* Pushes the concrete Tensor a symbolic tensor stands for, evaluating what it
** needs; raises in jit and vmap, with the advice to use `where`. (trace.c) */
void sl_sym_evaluate(lua_State *L, int idx);
/* Installs one metatable for Tensor and one for symbolic tensors; both share
** the method table whose index is given. (trace.c, called by tensor.c) */
void sl_sym_metatable(lua_State *L, int methods);

/* Pushes a userdata of that many bytes, 64-byte aligned address returned. */
void *sl_bind_scratch(lua_State *L, sl_int bytes);

/* ---- module openers: each pushes one table ------------------------------- */
int sl_open_tensor(lua_State *L); /* constructors, methods: tensor.c ... */
int sl_open_graph(lua_State *L);  /* tracing and transforms */
int sl_open_linalg(lua_State *L); /* eigh, svd, ...; also installed as methods */
int sl_open_random(lua_State *L);
int sl_open_file(lua_State *L);   /* npy, npz, idx, gzip, atomic writes */
int sl_open_process(lua_State *L);/* two-way pipe to gnuplot */
int sl_open_network(lua_State *L);/* exact Hessian blocks of networks */
int sl_open_diffusion(lua_State *L); /* exits, Fokker-Planck */
int sl_open_march(lua_State *L);  /* machines of steps, marches */
int sl_open_law(lua_State *L);    /* laws and special functions */
int sl_open_system(lua_State *L); /* clock, threads, interrupt, version, memory */

/* saddle.core: a table with the modules above as fields. */
int luaopen_saddle_core(lua_State *L);

#endif
