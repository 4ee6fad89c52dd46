/* trace.h: what trace.c (symbolic tensors), results.c (their values), programs.c
** (compiled functions) and graph.c (transforms on traces) share. A trace owns
** one graph; its user values anchor what the graph refers to: 1 the values bound
** to inputs, 2 the captured tensors, 3 their numbers by identity.
** MIT licence. */
#ifndef SL_TRACE_H
#define SL_TRACE_H

#include "bind/bind.h"
#include "graph/plans.h"

enum { TRACE_INPUTS = 1, TRACE_CAPTURES, TRACE_NUMBERS };

/* Versions of tensors when they were met, by number of input or capture. */
typedef struct sl_versions {
  uint64_t *at; /* SL_UNBOUND: no value yet */
  int32_t n, cap;
} sl_versions;
#define SL_UNBOUND UINT64_MAX

typedef struct sl_trace {
  sl_graph g;
  sl_versions inputs, captures;
  uint64_t serial; /* later traces are inner ones; 0: released */
  const void *source; /* of the user's code: see sl_user_line */
  bool open;       /* operations may still be added by the user's function */
  bool isstatic;   /* jit, vmap: values must not be asked for while tracing */
} sl_trace;

/* The trace at idx, or raises. */
sl_trace *sl_checktrace(lua_State *L, int idx);
/* Pushes a fresh open trace. */
sl_trace *sl_newtrace(lua_State *L, bool isstatic);
/* Gives the trace at idx, which nobody will ask for anything again, to the next
** sl_newtrace. Symbolic tensors of it that are still about raise when used. */
void sl_trace_release(lua_State *L, int idx);
/* Adds an input bound to the value at idx, whose type is given (idx 0: not
** bound yet). */
sl_node sl_trace_input(lua_State *L, int trace, const sl_type *type, int idx);
/* The symbolic tensor at idx as a node of the trace at `trace`; its trace must
** be that one. Raises otherwise. */
sl_node sl_checknode(lua_State *L, int idx, int trace);
/* Pushes scratch holding the nodes of the sequence at idx, all of the trace at
** stack index 1. (programs.c) */
sl_node *sl_node_list(lua_State *L, int idx, int *n);
/* The trace of the symbolic tensor at idx; NULL when it is none. Raises when the
** trace has been released. */
sl_trace *sl_sym_trace(lua_State *L, int idx);
/* Pushes a symbolic tensor for a node of the trace at `trace`. */
void sl_newsym(lua_State *L, int trace, sl_node node);
/* The same for a node that stands for a Lua number. */
void sl_newnumber(lua_State *L, int trace, sl_node node);
/* The value at idx (number, Tensor, symbolic tensor of this or an outer trace)
** as a node of the trace at `trace`; numbers take dtype d. */
sl_node sl_lift(lua_State *L, int trace, int idx, sl_dtype d);
/* Pushes nout values: the results when all that is needed is concrete, else
** symbolic tensors of the innermost trace they depend on. */
void sl_trace_results(lua_State *L, int trace, int nout, const sl_node *outs);
/* The two below are results.c's as well: what programs are kept and run in. */
/* The program of outs, from the plan cache or made for it; borrowed until the
** next call. kind 0: the nodes as they stand. */
sl_program *sl_trace_program(lua_State *L, const sl_graph *g, int nout,
                             const sl_node *outs);
/* The plan cache, and what its entries are of: the kind of a key. */
enum { SL_PLAN_VALUES, SL_PLAN_GRAD, SL_PLAN_VALUE_AND_GRAD, SL_PLAN_HVP,
       SL_PLAN_HESSIAN };
sl_plans *sl_plan_cache(lua_State *L);
/* Fills descs with the values numbered 1 .. n of user value `which`; false when
** one of them is no Tensor (its desc is NULL then). */
bool sl_trace_leaves(lua_State *L, int trace, int which, int n,
                     const sl_tensor **descs);
/* A block of at least that many bytes, the same for all programs; good until
** the next call. */
void *sl_workspace(lua_State *L, sl_int bytes);
/* Functions of saddle.core.graph: those of results.c, programs.c and derive.c. */
extern const luaL_Reg sl_results_functions[], sl_programs_functions[],
    sl_derive_functions[];
/* Make what they need: the plan cache, the metatable of programs. */
void sl_open_results(lua_State *L);
void sl_open_programs(lua_State *L);
/* Notes the version of tensor k (from 1) of a list. (versions.c) */
void sl_note_version(lua_State *L, sl_versions *v, int k, uint64_t version);
/* Records the version of the value at idx, which input k (from 1) is bound to.
*/
void sl_note_bound(lua_State *L, int trace, int k, int idx);
/* Raises when a captured tensor or an argument was written to since then. */
void sl_check_versions(lua_State *L, int trace);

#endif
