/* tensors.h: what the files of the tensor module share among themselves: the
** tables of functions each contributes and a few helpers over sl_apply.
** A composite pushes intermediate results and leaves its result on top.
** MIT licence. */
#ifndef SL_TENSORS_H
#define SL_TENSORS_H

#include "bind/bind.h"

/* Functions of the module and methods; methods are functions as well. */
extern const luaL_Reg sl_construct_functions[]; /* construct.c */
extern const luaL_Reg sl_construct_methods[];   /* construct.c */
extern const luaL_Reg sl_joins_functions[];     /* joins.c */
extern const luaL_Reg sl_shapes_methods[];      /* shapes.c */
extern const luaL_Reg sl_reductions_methods[];  /* reductions.c */
extern const luaL_Reg sl_methods_methods[];     /* methods.c */
extern const luaL_Reg sl_products_methods[];    /* products.c */
extern const luaL_Reg sl_order_methods[];       /* order.c */
extern const luaL_Reg sl_operators[];           /* operators.c: metamethods */

/* Pushes a table's or number's tensor. dtype SL_NDTYPE: i64 when every number
** is a Lua integer, else f64. A table holding symbolic tensors becomes a
** symbolic tensor. (construct.c) */
void sl_push_nested(lua_State *L, int idx, sl_dtype d);
/* The callable constructor T(...). (construct.c) */
int sl_construct_call(lua_State *L);

/* Adds one method per row of ops.def to the table on top. (rows.c) */
void sl_install_rows(lua_State *L);

/* Metamethods __index, __newindex, __call; upvalue 1 of the first two is the
** table of methods. (index.c) */
int sl_index_get(lua_State *L);
int sl_index_set(lua_State *L);
int sl_index_call(lua_State *L);

/* Is the value usable as an operand: Tensor, symbolic tensor or number? */
bool sl_isvalue(lua_State *L, int idx);
/* Derives the dtype rules of the rows; called when the module opens. */
void sl_apply_setup(void);
/* Type of the operand at arg; raises for anything else. A nested table is
** replaced by its tensor first. (apply.c) */
void sl_checkvalue(lua_State *L, int arg, sl_type *type);

/* Short forms of sl_apply; operands are stack indices, relative ones too. */
void sl_apply1(lua_State *L, sl_op op, int a);
void sl_apply2(lua_State *L, sl_op op, int a, int b);
void sl_apply_attr(lua_State *L, sl_op op, int a, int nattr,
                   const sl_int *attr);
/* Pushes the operand at a converted to dtype d (itself when it has it). */
void sl_apply_cast(lua_State *L, int a, sl_dtype d);
/* Pushes the operand with that shape. */
void sl_apply_reshape(lua_State *L, int a, const sl_type *type);
void sl_apply_broadcast(lua_State *L, int a, const sl_type *type);

/* "a Tensor", "a symbolic tensor" or Lua's name of the type. (args.c) */
const char *sl_typename(lua_State *L, int idx);
/* Raises "what: need: a is [..] .., b is [..] ..". (products.c) */
void sl_raise_shapes(lua_State *L, const char *what, const char *need,
                     const sl_type *a, const sl_type *b);
/* a:solve(b, options), also linalg.solve. (products.c) */
int sl_method_solve(lua_State *L);
/* The two operands of a method; drops further arguments. (products.c) */
void sl_check_pair(lua_State *L, sl_type *a, sl_type *b);
/* Joins the n values on top along a 0-based axis into one. (joins.c) */
void sl_join(lua_State *L, int n, int axis);
/* Pushes elements from .. from + len - 1 along axis of the value at idx, whose
** type is given. (shapes.c) */
void sl_push_part(lua_State *L, int idx, const sl_type *type, int axis,
                  sl_int from, sl_int len);
/* Pushes a ^ b: powi for small integral numbers b, else pow. (operators.c) */
void sl_push_pow(lua_State *L, int a, int b);

/* In-place op on the Tensor at args[0]: see rows.c. */
void sl_inplace(lua_State *L, sl_op op, int nin, const int *args);
/* dst (Tensor at a writable arg) = src broadcast to it; any overlap. */
void sl_assign(lua_State *L, const char *what, sl_tensor *dst,
               const sl_tensor *src);

/* An options table at arg (nil allowed): every key must be in names. */
void sl_checkopts(lua_State *L, int arg, const char *const *names);
/* dtype option of the table at arg, dflt when absent. */
sl_dtype sl_optdtype(lua_State *L, int arg, sl_dtype dflt);
/* Option `name` of the table at arg; dflt (false) when it is absent or arg is
** no table. */
double sl_optnum(lua_State *L, int arg, const char *name, double dflt);
sl_int sl_optint(lua_State *L, int arg, const char *name, sl_int dflt);
bool sl_optflag(lua_State *L, int arg, const char *name);
sl_dtype sl_checkdtype(lua_State *L, int idx, const char *what);

/* A shape given as {3, 4} or as numbers arg, arg + 1, ...; options in the
** table itself or in one that follows. Returns the next unused argument. */
int sl_checkshapes(lua_State *L, int arg, sl_dtype dflt, sl_type *type);

#endif
