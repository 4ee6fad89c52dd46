/* trace.h: what trace.c (symbolic tensors) and graph.c (transforms on traces)
** share. A trace owns one graph; its user values anchor what the graph refers
** to: 1 the values bound to inputs, 2 the captured tensors, 3 their numbers by
** identity, 4 the captured tensors' versions when they were met, 5 the versions
** of the values bound to inputs.  MIT licence. */
#ifndef SL_TRACE_H
#define SL_TRACE_H

#include "bind/bind.h"

enum { TRACE_INPUTS = 1, TRACE_CAPTURES, TRACE_NUMBERS, TRACE_VERSIONS,
       TRACE_BOUND };

typedef struct sl_trace {
  sl_graph g;
  uint64_t serial; /* later traces are inner ones */
  bool open;       /* operations may still be added by the user's function */
  bool isstatic;   /* jit, vmap: values must not be asked for while tracing */
} sl_trace;

/* The trace at idx, or raises. */
sl_trace *sl_checktrace(lua_State *L, int idx);
/* Pushes a fresh open trace. */
sl_trace *sl_newtrace(lua_State *L, bool isstatic);
/* The symbolic tensor at idx as a node of the trace at `trace`; its trace must
** be that one. Raises otherwise. */
sl_node sl_checknode(lua_State *L, int idx, int trace);
/* Pushes a symbolic tensor for a node of the trace at `trace`. */
void sl_newsym(lua_State *L, int trace, sl_node node);
/* The value at idx (number, Tensor, symbolic tensor of this or an outer trace)
** as a node of the trace at `trace`; numbers take dtype d. */
sl_node sl_lift(lua_State *L, int trace, int idx, sl_dtype d);
/* Pushes nout values: the results when all that is needed is concrete, else
** symbolic tensors of the innermost trace they depend on. */
void sl_trace_results(lua_State *L, int trace, int nout, const sl_node *outs);
/* Records the version of the value at idx, which input k (from 1) is bound to.
*/
void sl_note_bound(lua_State *L, int trace, int k, int idx);
/* Raises when a captured tensor or an argument was written to since then. */
void sl_check_versions(lua_State *L, int trace);

#endif
