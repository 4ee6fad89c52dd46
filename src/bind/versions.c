/* versions.c: a trace notes how often the tensors it refers to had been written to
** when it met them, so that a change in place behind its back is an error.
** MIT licence. */
#include "bind/trace.h"

void sl_note_version(lua_State *L, sl_versions *v, int k, uint64_t version) {
  if (k > v->cap) {
    int cap = k < 8 ? 8 : 2 * k;
    void *p = sl_realloc(v->at, cap * (sl_int)sizeof *v->at);
    if (p == NULL) {
      sl_raisef(L, "trace: no memory for %d tensors", cap);
    }
    v->at = p;
    v->cap = cap;
  }
  while (v->n < k) {
    v->at[v->n++] = SL_UNBOUND;
  }
  v->at[k - 1] = version;
}

void sl_note_bound(lua_State *L, int trace, int k, int idx) {
  sl_trace *t = lua_touserdata(L, trace);
  sl_note_version(L, &t->inputs, k, sl_tensor_version(L, idx));
}

/* The values of one list against their versions when they were met. */
static void check_list(lua_State *L, int trace, int which,
                       const sl_versions *v) {
  if (v->n == 0) {
    return;
  }
  lua_getiuservalue(L, trace, which);
  for (int k = 0; k < v->n; k++) {
    lua_rawgeti(L, -1, k + 1);
    if (v->at[k] != SL_UNBOUND && v->at[k] != sl_tensor_version(L, -1)) {
      sl_raisef(L, "a tensor the traced function refers to was changed in "
                   "place after it was used: change a copy() of it");
    }
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

void sl_check_versions(lua_State *L, int trace) {
  const sl_trace *t = lua_touserdata(L, trace);
  check_list(L, trace, TRACE_INPUTS, &t->inputs);
  check_list(L, trace, TRACE_CAPTURES, &t->captures);
}
