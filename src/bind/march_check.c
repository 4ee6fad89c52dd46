/* march_check.c: what is demanded of the tables that `saddle.core.march` is
** given: every number in its range, every tensor of the type that the step was
** traced with, every input of the step one thing only.  MIT licence. */
#include "bind/machines.h"

sl_int sl_range_field(lua_State *L, int idx, const char *name, sl_int dflt,
                      sl_int low, sl_int high) {
  lua_getfield(L, idx, name);
  sl_int v = lua_isnil(L, -1) ? dflt : sl_checkint(L, -1, name);
  lua_pop(L, 1);
  if (v < low || v > high) {
    sl_raisef(L, "march: %s: expected an integer in %lld..%lld, got %lld", name,
              (long long)low, (long long)high, (long long)v);
  }
  return v;
}

/* ---- steps --------------------------------------------------------------- */

/* The type of input number i; false when no node stands for it. */
static bool input_type(const sl_graph *g, int i, sl_type *t) {
  for (sl_node n = 0; n < g->nnode; n++) {
    if (g->node[n].op == SL_OP_input && sl_node_attr(g, n)[0] == i) {
      sl_node_type(g, n, t);
      return true;
    }
  }
  return false;
}

static bool in_range(sl_int i, int first, int count) {
  return i >= first && i < first + count;
}

static bool disjoint(int a, int na, int b, int nb) {
  return na == 0 || nb == 0 || a + na <= b || b + nb <= a;
}

static void check_places(lua_State *L, const machine *k) {
  const int clocks = k->clock >= 0;
  if (!disjoint(k->first_state, k->nstate, k->first_noise, k->nnoise) ||
      !disjoint(k->first_state, k->nstate, k->clock, clocks) ||
      !disjoint(k->first_noise, k->nnoise, k->clock, clocks)) {
    sl_raisef(L, "march: states, noises and clock share an input");
  }
}

/* Everything that the outs need must be a state, a noise or the clock. */
static void check_needed(lua_State *L, const machine *k, const sl_graph *g,
                         int nout, const sl_node *outs) {
  unsigned char *mark = sl_bind_scratch(L, (sl_int)g->nnode + 1);
  sl_node top = sl_graph_needed(g, nout, outs, mark);
  for (sl_node n = 0; n < top; n++) {
    sl_int i = g->node[n].op == SL_OP_input ? sl_node_attr(g, n)[0] : -1;
    if (mark[n] && i >= 0 && i != k->clock &&
        !in_range(i, k->first_state, k->nstate) &&
        !in_range(i, k->first_noise, k->nnoise)) {
      sl_raisef(L, "march: the step needs its input %lld, which is no state, "
                   "noise or clock", (long long)i + 1);
    }
  }
  lua_pop(L, 1);
}

static void check_noises(lua_State *L, const machine *k, const sl_graph *g,
                         bool wide) {
  sl_type t;
  for (int i = 0; i < k->nnoise; i++) {
    const bool known = input_type(g, k->first_noise + i, &t);
    const sl_int n = known ? sl_numel(&t) : 0, size = k->noise[i].size;
    if (!known || (wide ? n % size != 0 : n != size) ||
        (t.dtype != SL_F64 && t.dtype != SL_I64)) {
      sl_raisef(L, "march: noise %d of size %lld is no such input", i + 1,
                (long long)size);
    }
  }
}

void sl_check_step(lua_State *L, const machine *k, const sl_graph *g, int nout,
                   const sl_node *outs, bool wide) {
  sl_type t, out;
  check_places(L, k);
  check_needed(L, k, g, nout, outs);
  check_noises(L, k, g, wide);
  if (k->clock >= 0 && (!input_type(g, k->clock, &t) || t.ndim != 0 ||
                        t.dtype != SL_F64)) {
    sl_raisef(L, "march: the clock is no number");
  }
  if (!k->watch && nout < k->nstate) {
    sl_raisef(L, "march: %d results for %d states", nout, k->nstate);
  }
  for (int i = 0; i < k->nstate; i++) {
    bool good = input_type(g, k->first_state + i, &t);
    if (good && !k->watch) {
      sl_node_type(g, outs[i], &out);
      good = out.dtype == t.dtype && sl_shape_eq(&out, &t);
    }
    if (!good) {
      sl_raisef(L, "march: state %d and its next value are of two types",
                i + 1);
    }
  }
}

/* ---- jobs ---------------------------------------------------------------- */

void sl_check_state(lua_State *L, const machine *k, const sl_graph *g, int n,
                    const sl_tensor *x, sl_int lanes, bool f64) {
  bool good = sl_is_contiguous(x);
  if (k->m != NULL) {
    const sl_int size = sl_march_state_size(k->m, n);
    good = good && x->type.dtype == SL_F64 &&
           (size == 0 ? sl_numel(&x->type) == 0
                      : sl_numel(&x->type) / size == lanes &&
                            sl_numel(&x->type) % size == 0);
  } else {
    sl_type t;
    good = good && input_type(g, k->first_state + n, &t) &&
           t.dtype == x->type.dtype && sl_shape_eq(&t, &x->type) &&
           (lanes > 0 ? sl_numel(&t) % lanes : sl_numel(&t)) == 0 && (!f64 || t.dtype == SL_F64);
  }
  if (!good) {
    char text[128];
    sl_raisef(L, "march: state %d is %s: that is no contiguous state of %lld "
                 "lanes of this step", n + 1,
              sl_type_text(text, sizeof text, &x->type), (long long)lanes);
  }
}

void sl_check_lanes(lua_State *L, const machine *k, const sl_graph *g,
                    sl_int lanes) {
  sl_type t;
  for (int i = 0; i < k->nnoise; i++) {
    input_type(g, k->first_noise + i, &t);
    if (sl_numel(&t) / k->noise[i].size != lanes) {
      sl_raisef(L, "march: noise %d is not for %lld lanes", i + 1,
                (long long)lanes);
    }
  }
}

static bool same_states(const machine *k, const machine *of,
                        const sl_graph *g, sl_int lanes) {
  if (of->nstate != k->nstate || !of->watch || of->elements || k->elements) {
    return false;
  }
  for (int i = 0; i < k->nstate; i++) {
    sl_int size;
    sl_type t;
    if (k->m != NULL) {
      size = sl_march_state_size(k->m, i);
    } else {
      input_type(g, k->first_state + i, &t);
      size = sl_numel(&t) / lanes;
      size = t.dtype == SL_F64 ? size : -1;
    }
    if (size != sl_march_state_size(of->m, i)) {
      return false;
    }
  }
  return true;
}

void sl_check_watch(lua_State *L, const machine *k, const machine *of,
                    const sl_graph *g, const sl_watch *w,
                    const sl_march_job *job) {
  if (!same_states(k, of, g, job->lanes)) {
    sl_raisef(L, "march: the watch is of other states than the step");
  }
  sl_int last = job->first;
  for (sl_int i = 0; i < w->ntime; i++) {
    if (w->time[i] < last || w->time[i] > job->first + job->steps) {
      sl_raisef(L, "march: times: expected ascending numbers of steps in "
                   "%lld..%lld, got %lld", (long long)job->first,
                (long long)(job->first + job->steps), (long long)w->time[i]);
    }
    last = w->time[i];
  }
}
