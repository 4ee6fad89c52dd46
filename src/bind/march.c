/* march.c: `saddle.core.march`: machines made of traced steps, and jobs of lanes
** and steps for them. lua/saddle/march/trace.lua and lua/saddle/static.lua know how
** they are used.  MIT licence. */
#include "bind/machines.h"

#include <math.h>
#include <string.h>

static const char meta_name[] = "saddle.march";

static int machine_close(lua_State *L) {
  machine *k = luaL_checkudata(L, 1, meta_name);
  sl_march_free(k->m);
  sl_program_free(k->program);
  k->m = NULL;
  k->program = NULL;
  return 0;
}

static machine *check_machine(lua_State *L, int idx) {
  machine *k = luaL_checkudata(L, idx, meta_name);
  if (k->m == NULL && k->program == NULL) {
    sl_raisef(L, "march: the machine has been closed");
  }
  return k;
}

/* ---- fields of a table ---------------------------------------------------- */

/* Raises unless a table is on top. */
static void need_table(lua_State *L, const char *name) {
  if (!lua_istable(L, -1)) {
    sl_raisef(L, "march: %s: expected a table, got %s", name,
              sl_typename(L, -1));
  }
}

static double num_field(lua_State *L, int idx, const char *name, double dflt) {
  lua_getfield(L, idx, name);
  double v = lua_isnil(L, -1) ? dflt : sl_checknum(L, -1, name);
  lua_pop(L, 1);
  return v;
}

static bool flag_field(lua_State *L, int idx, const char *name) {
  lua_getfield(L, idx, name);
  bool v = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return v;
}

/* ---- noise --------------------------------------------------------------- */

typedef struct kind_row {
  const char *name;
  sl_random_kind kind;
} kind_row;

static const kind_row kinds[] = {
    {"normal", SL_RNORMAL},           {"sign", SL_RSIGN},
    {"uniform", SL_RUNIFORM},         {"exponential", SL_REXPONENTIAL},
    {"bernoulli", SL_RBERNOULLI},     {"index", SL_RINTEGER},
    {"permutation", SL_RPERMUTATION}, {"given", SL_RGIVEN},
    {NULL, 0},
};

/* One noise from the table on top: {kind =, size =, a =, b =, n =}. */
static sl_noise read_noise(lua_State *L) {
  int at = lua_gettop(L);
  sl_noise z = {.size = sl_range_field(L, at, "size", 1, 1, 1 << 20)};
  lua_getfield(L, at, "kind");
  const char *name = lua_tostring(L, -1);
  const kind_row *row = kinds;
  while (row->name != NULL && (name == NULL || strcmp(row->name, name) != 0)) {
    row++;
  }
  lua_pop(L, 1);
  if (row->name == NULL) {
    sl_raisef(L, "noise: no kind '%s'", name != NULL ? name : "?");
  }
  z.draw = (sl_draw){.kind = row->kind,
                     .a = num_field(L, at, "a", 0),
                     .b = num_field(L, at, "b", 1),
                     .lo = 1,
                     .hi = sl_range_field(L, at, "n", 1, 1, SL_MACHINE_MOST)};
  return z;
}

static void read_noises(lua_State *L, int idx, machine *k) {
  sl_err err;
  lua_getfield(L, idx, "noise");
  k->nnoise = lua_istable(L, -1) ? (int)lua_rawlen(L, -1) : 0;
  if (k->nnoise > SL_MARCH_NOISES) {
    sl_raisef(L, "march: %d noises, at most %d", k->nnoise, SL_MARCH_NOISES);
  }
  for (int i = 0; i < k->nnoise; i++) {
    lua_rawgeti(L, -1, i + 1);
    need_table(L, "noise");
    k->noise[i] = read_noise(L);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  sl_try(L, sl_noise_check(k->noise, k->nnoise, &err), &err);
}

/* ---- machines ------------------------------------------------------------ */

/* machine(trace, outs, spec) -> machine, or nothing when the step cannot be
** written out. spec: {nstate =, clock = its input's number or 0, first_noise =
** number, noise = {...}, aged =, watch =, elements =, wide =, first_state =}.
** Numbers of inputs count from 1. wide: outs are of all lanes at once. */
static int march_machine(lua_State *L) {
  const sl_trace *t = sl_checktrace(L, 1);
  luaL_checktype(L, 3, LUA_TTABLE);
  lua_settop(L, 3);
  int nout;
  const sl_node *outs = sl_node_list(L, 2, &nout);
  sl_check_versions(L, 1);
  machine *k = lua_newuserdatauv(L, sizeof *k, 1);
  memset(k, 0, sizeof *k);
  luaL_setmetatable(L, meta_name);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, 1);
  read_noises(L, 3, k);
  const int most = t->g.ninput;
  k->nstate = (int)sl_range_field(L, 3, "nstate", nout, 0, most);
  k->clock = (int)sl_range_field(L, 3, "clock", 0, 0, most) - 1;
  k->first_state =
      (int)sl_range_field(L, 3, "first_state", 1, 1, most + 1) - 1;
  k->first_noise =
      (int)sl_range_field(L, 3, "first_noise", 1, 1, most + 1) - 1;
  k->ninput = most;
  k->ncapture = t->g.ncapture;
  k->serial = t->serial;
  k->elements = flag_field(L, 3, "elements");
  k->watch = flag_field(L, 3, "watch");
  bool wide = flag_field(L, 3, "wide");
  if (k->first_state > most - k->nstate || k->first_noise > most - k->nnoise ||
      (!wide && k->first_state > 0)) {
    sl_raisef(L, "march: a step of %d inputs", most);
  }
  sl_check_step(L, k, &t->g, nout, outs, wide);
  sl_step step = {.g = &t->g, .nstate = k->nstate, .nout = nout, .outs = outs,
                  .clock = k->clock, .aged = flag_field(L, 3, "aged"),
                  .watch = k->watch, .nnoise = k->nnoise,
                  .first_noise = k->first_noise, .noise = k->noise};
  sl_err err;
  if (wide) {
    sl_try(L, sl_program_make(&k->program, &t->g, nout, outs, &err), &err);
  } else if (k->elements) {
    sl_try(L, sl_march_make_elements(&k->m, &step, &err), &err);
  } else {
    sl_try(L, sl_march_make(&k->m, &step, &err), &err);
  }
  return k->m != NULL || k->program != NULL;
}

/* machine:ops() -> operations on lanes in one step, numbers of noise drawn */
static int machine_ops(lua_State *L) {
  const machine *k = check_machine(L, 1);
  lua_pushinteger(L, k->m != NULL ? sl_march_ops(k->m) : 0);
  lua_pushinteger(L, k->m != NULL ? sl_march_draws(k->m) : 0);
  return 2;
}

/* ---- a job --------------------------------------------------------------- */

typedef struct request {
  machine *k;
  sl_march_job job;
  sl_watch watch;
  const sl_tensor **start;
  sl_tensor **final, **path, **other;
} request;

/* Pushes scratch for n pointers. */
static void *pointers(lua_State *L, int n) {
  return sl_bind_scratch(L, (n + 1) * (sl_int)sizeof(void *));
}

/* The trace of the machine at idx, pushed. */
static const sl_trace *trace_of(lua_State *L, const machine *k, int idx) {
  lua_getiuservalue(L, idx, 1);
  const sl_trace *t = lua_touserdata(L, -1);
  if (t->serial != k->serial) {
    sl_raisef(L, "march: the trace of this machine is gone");
  }
  return t;
}

/* What the machine's trace refers to, as it is now; pushes what keeps it. */
static void read_leaves(lua_State *L, const machine *k, int idx,
                        sl_reads *reads) {
  const sl_tensor **captures = pointers(L, k->ncapture);
  const sl_trace *t = trace_of(L, k, idx);
  lua_getiuservalue(L, -1, TRACE_CAPTURES);
  for (int i = 0; i < k->ncapture; i++) {
    lua_rawgeti(L, -1, i + 1);
    captures[i] = sl_checktensor(L, -1);
    lua_pop(L, 1);
  }
  *reads = (sl_reads){.captures = captures, .slots = t->g.slot};
}

/* Pushes a table of fresh tensors of the types given, each with `axis` before
** the others if that is not negative. */
static void push_tensors(lua_State *L, int n, const sl_tensor *const *like,
                         sl_int axis, sl_tensor **out) {
  lua_createtable(L, n, 0);
  for (int k = 0; k < n; k++) {
    sl_type t = like[k]->type;
    if (axis >= 0) {
      sl_int shape[SL_MAXDIM + 1] = {axis};
      sl_err err;
      memcpy(shape + 1, t.shape, (size_t)t.ndim * sizeof *shape);
      sl_try(L, sl_type_make(&t, t.dtype, t.ndim + 1, shape, &err), &err);
    }
    out[k] = sl_newtensor(L, &t);
    lua_rawseti(L, -2, k + 1);
  }
}

/* States and what stands in the request at 2; the result's table is at `to`. */
static void read_states(lua_State *L, request *r, int to) {
  const int n = r->k->nstate;
  const sl_trace *t = trace_of(L, r->k, 1);
  r->start = pointers(L, n);
  r->final = pointers(L, n);
  r->path = pointers(L, n);
  lua_getfield(L, 2, "states");
  need_table(L, "states");
  for (int k = 0; k < n; k++) {
    lua_rawgeti(L, -1, k + 1);
    r->start[k] = sl_checktensor(L, -1);
    sl_check_state(L, r->k, &t->g, k, r->start[k], r->job.lanes,
                   r->job.bad != NULL);
    lua_pop(L, 1);
  }
  push_tensors(L, n, r->start, -1, r->final);
  lua_setfield(L, to, "states");
  if (r->job.every > 0) {
    push_tensors(L, n, r->start, r->job.steps / r->job.every, r->path);
    lua_setfield(L, to, "path");
  }
  r->job.start = r->start;
  r->job.final = r->final;
  r->job.path = r->path;
}

static uint8_t *read_bad(lua_State *L, sl_int lanes) {
  lua_getfield(L, 2, "bad");
  sl_tensor *bad = lua_isnil(L, -1) ? NULL : sl_checktensor(L, -1);
  if (bad != NULL && (bad->type.dtype != SL_U8 || !sl_is_contiguous(bad) ||
                      sl_numel(&bad->type) != lanes)) {
    sl_raisef(L, "march: bad: expected a contiguous u8 tensor of %lld lanes",
              (long long)lanes);
  }
  lua_pop(L, 1);
  return bad != NULL ? bad->data : NULL;
}

static void read_job(lua_State *L, request *r) {
  sl_march_job *job = &r->job;
  const bool noise = r->k->nnoise > 0;
  const sl_int lanes = noise ? (sl_int)1 << 32 : SL_MACHINE_MOST;
  const sl_int steps = noise ? SL_MARCH_STEPS : SL_MACHINE_MOST;
  job->first = sl_range_field(L, 2, "first", 0, 0, steps);
  job->steps = sl_range_field(L, 2, "steps", 0, 0, steps);
  job->every = sl_range_field(L, 2, "every", 0, 0, SL_MACHINE_MOST);
  job->first_lane = sl_range_field(L, 2, "first_lane", 0, 0, lanes);
  job->lanes = sl_range_field(L, 2, "lanes", 1, 0, lanes);
  job->block = sl_range_field(L, 2, "block", 0, 0, 1 << 20);
  job->seed = (uint64_t)sl_range_field(L, 2, "seed", 0, INT64_MIN, INT64_MAX);
  if (job->block % 64 != 0) {
    sl_raisef(L, "march: block: expected a multiple of 64, got %lld",
              (long long)job->block);
  }
  if (job->first + job->steps > steps || job->first_lane + job->lanes > lanes) {
    sl_raisef(L, "march: %lld lanes from number %lld on, %lld steps after "
                 "%lld: lanes go below 2^%d, steps below 2^%d",
              (long long)job->lanes, (long long)job->first_lane,
              (long long)job->steps, (long long)job->first, noise ? 32 : 53,
              noise ? 33 : 53);
  }
  job->bad = read_bad(L, job->lanes);
}

/* ---- observers ----------------------------------------------------------- */

/* Pushes scratch holding the numbers of the sequence in field `name`. */
static double *numbers(lua_State *L, int idx, const char *name, sl_int n) {
  double *x = sl_bind_scratch(L, (n + 1) * (sl_int)sizeof *x);
  lua_getfield(L, idx, name);
  need_table(L, name);
  for (sl_int i = 0; i < n; i++) {
    lua_rawgeti(L, -1, i + 1);
    x[i] = sl_checknum(L, -1, name);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  return x;
}

static void read_times(lua_State *L, int idx, sl_watch *w) {
  lua_getfield(L, idx, "times");
  need_table(L, "times");
  int at = lua_gettop(L);
  w->ntime = (sl_int)lua_rawlen(L, at);
  sl_int *time = sl_bind_scratch(L, (w->ntime + 1) * (sl_int)sizeof *time);
  for (sl_int i = 0; i < w->ntime; i++) {
    lua_rawgeti(L, at, i + 1);
    time[i] = sl_checkint(L, -1, "times");
    lua_pop(L, 1);
  }
  w->time = time;
}

static void read_histogram(lua_State *L, int idx, sl_watch *w, int to) {
  static const char *const scales[] = {"linear", "log", "asinh", NULL};
  const sl_int q = sl_march_values(w->of);
  sl_histogram *h = &w->histogram;
  lua_getfield(L, idx, "histogram");
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    return;
  }
  need_table(L, "histogram");
  int at = lua_gettop(L);
  lua_getfield(L, at, "scale");
  h->scale = (sl_bins)luaL_checkoption(L, -1, "linear", scales);
  h->bins = sl_range_field(L, at, "bins", 100, 1, 1 << 24);
  h->unit = num_field(L, at, "unit", 1);
  h->pooled = flag_field(L, at, "pooled");
  h->low = numbers(L, at, "low", q);
  h->high = numbers(L, at, "high", q);
  sl_int shape[3] = {h->pooled ? 1 : w->ntime, q, h->bins + 2};
  sl_tensor *count = sl_newtensor_nd(L, SL_I64, 3, shape);
  memset(count->data, 0, (size_t)sl_numel(&count->type) * sizeof(sl_int));
  w->count = count->data;
  lua_setfield(L, to, "count");
}

static void push_kept(lua_State *L, sl_watch *w, sl_int lanes, int to) {
  int n = sl_march_results(w->of);
  sl_tensor **keep = pointers(L, n);
  lua_createtable(L, n, 0);
  for (int r = 0; r < n; r++) {
    sl_int shape[3] = {w->ntime, lanes, sl_march_result_size(w->of, r)};
    keep[r] = sl_newtensor_nd(L, SL_F64, 3, shape);
    lua_rawseti(L, -2, r + 1);
  }
  w->keep = keep;
  lua_setfield(L, to, "keep");
}

/* request.watch: {machine =, times =, keep =, moments =, histogram =}. */
static void read_watch(lua_State *L, request *r, int to) {
  sl_watch *w = &r->watch;
  lua_getfield(L, 2, "watch");
  if (lua_isnil(L, -1)) {
    return;
  }
  need_table(L, "watch");
  int idx = lua_gettop(L);
  lua_getfield(L, idx, "machine");
  const machine *k = check_machine(L, -1);
  if (k->m == NULL) {
    sl_raisef(L, "march: a watch needs a machine");
  }
  w->of = k->m;
  read_leaves(L, k, lua_gettop(L), &w->reads);
  read_times(L, idx, w);
  if (r->job.lanes > 0) {
    sl_check_watch(L, r->k, k, &trace_of(L, r->k, 1)->g, w, &r->job);
  }
  read_histogram(L, idx, w, to);
  if (flag_field(L, idx, "keep")) {
    push_kept(L, w, r->job.lanes, to);
  }
  if (flag_field(L, idx, "moments")) {
    sl_int shape[3] = {w->ntime, sl_march_values(w->of),
                       (sl_int)(sizeof(sl_moments) / sizeof(double))};
    sl_tensor *m = sl_newtensor_nd(L, SL_F64, 3, shape);
    memset(m->data, 0, (size_t)sl_numel(&m->type) * sizeof(double));
    w->moments = m->data;
    lua_setfield(L, to, "moments");
  }
  r->job.watch = r->job.lanes > 0 ? w : NULL;
}

/* ---- running ------------------------------------------------------------- */

/* Inputs of a program over all lanes that are neither state nor unbound. */
static void run_wide(lua_State *L, request *r) {
  const machine *k = r->k;
  sl_err err;
  const sl_tensor **input = pointers(L, k->ninput);
  r->other = pointers(L, k->nstate);
  push_tensors(L, k->nstate, r->start, -1, r->other);
  for (int i = 0; i < k->ninput; i++) {
    input[i] = NULL;
  }
  if (k->clock >= 0) {
    input[k->clock] = sl_newtensor_nd(L, SL_F64, 0, NULL);
  }
  luaL_checkstack(L, k->nnoise + 8, "noise");
  const sl_trace *t = trace_of(L, k, 1);
  sl_check_lanes(L, k, &t->g, r->job.lanes);
  for (sl_node n = 0; n < t->g.nnode; n++) {
    if (t->g.node[n].op == SL_OP_input) {
      int i = (int)sl_node_attr(&t->g, n)[0];
      if (i >= k->first_noise && i < k->first_noise + k->nnoise) {
        sl_type type;
        sl_node_type(&t->g, n, &type);
        input[i] = sl_newtensor(L, &type);
      }
    }
  }
  sl_wide w = {.program = k->program, .input = input, .nstate = k->nstate,
               .first_state = k->first_state, .clock = k->clock,
               .nnoise = k->nnoise, .first_noise = k->first_noise,
               .noise = k->noise, .other = r->other};
  w.scratch = sl_workspace(L, sl_program_scratch(check_machine(L, 1)->program));
  sl_try(L, sl_march_wide(&w, &r->job, &err), &err);
}

enum { RESULT = 3 }; /* stack: machine, request, the result's table */

/* What all three ways of running open with. alone: its name, for those that run
** lane by lane only and want so many values beside the state, or NULL. */
static void begin(lua_State *L, request *r, const char *alone,
                  sl_int values) {
  *r = (request){.k = check_machine(L, 1)};
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  lua_newtable(L);
  luaL_checkstack(L, 64, "march");
  if (alone != NULL && (r->k->m == NULL || r->k->watch || r->k->elements ||
                        sl_march_values(r->k->m) < values)) {
    sl_raisef(L, "%s: the step cannot be run lane by lane", alone);
  }
  read_job(L, r);
  r->job.every = alone != NULL ? 0 : r->job.every;
  read_states(L, r, RESULT);
  read_leaves(L, r->k, 1, &r->job.reads);
}

/* machine:run(request) -> {states =, path =, keep =, moments =, count =}.
** request: {states = tensors, lanes =, steps =, first =, seed =, first_lane =,
** block =, every =, bad = u8 tensor, watch = {...}} */
static int machine_run(lua_State *L) {
  request r;
  begin(L, &r, NULL, 0);
  read_watch(L, &r, RESULT);
  if (r.k->m != NULL) {
    sl_err err;
    sl_try(L, sl_march_run(r.k->m, &r.job, &err), &err);
  } else if (r.job.lanes > 0) {
    run_wide(L, &r);
  }
  lua_settop(L, RESULT);
  return 1;
}

static sl_int *push_counts(lua_State *L, sl_int lanes, int to,
                           const char *name) {
  sl_tensor *t = sl_newtensor_nd(L, SL_I64, 1, &lanes);
  memset(t->data, 0, (size_t)lanes * sizeof(sl_int));
  lua_setfield(L, to, name);
  return t->data;
}

/* machine:adaptive(request) -> {states =, accepted =, rejected =, forced =, ...}.
** request as for run, with motions, deepest, span, start, exponent, safety. */
static int machine_adaptive(lua_State *L) {
  request r;
  begin(L, &r, "adaptive", 0);
  read_watch(L, &r, RESULT);
  const sl_int lanes = r.job.lanes;
  sl_adaptive a = {.motions = (int)sl_range_field(L, 2, "motions", 1, 1, 64),
                   .deepest = (int)sl_range_field(L, 2, "deepest", 16, 1, 48),
                   .span = num_field(L, 2, "span", 1),
                   .start = num_field(L, 2, "start", 1),
                   .exponent = num_field(L, 2, "exponent", 0.5),
                   .safety = num_field(L, 2, "safety", 0.9),
                   .accepted = push_counts(L, lanes, RESULT, "accepted"),
                   .rejected = push_counts(L, lanes, RESULT, "rejected"),
                   .forced = push_counts(L, lanes, RESULT, "forced")};
  if (!(a.span > 0 && isfinite(a.span) && a.start > 0 && a.exponent > 0 &&
        a.safety > 0)) {
    sl_raisef(L, "adaptive: span, start, exponent, safety: expected numbers "
                 "> 0");
  }
  sl_err err;
  sl_try(L, sl_march_adaptive(r.k->m, &r.job, &a, &err), &err);
  lua_settop(L, RESULT);
  return 1;
}

static double *push_lanes(lua_State *L, sl_int lanes, int to,
                          const char *name) {
  sl_tensor *t = sl_newtensor_nd(L, SL_F64, 1, &lanes);
  lua_setfield(L, to, name);
  return t->data;
}

/* machine:exits(request) -> {states =, time =, side =}, interrupted. request as
** for run, with low, high and perhaps low_end, high_end, rate. */
static int machine_exits(lua_State *L) {
  request r;
  begin(L, &r, "first exits", 3);
  sl_exits e = {.low = num_field(L, 2, "low", -HUGE_VAL),
                .high = num_field(L, 2, "high", HUGE_VAL),
                .rate = num_field(L, 2, "rate", 0)};
  e.low_end = num_field(L, 2, "low_end", e.low);
  e.high_end = num_field(L, 2, "high_end", e.high);
  e.time = push_lanes(L, r.job.lanes, RESULT, "time");
  e.side = push_lanes(L, r.job.lanes, RESULT, "side");
  sl_err err;
  sl_status s = sl_march_exits(r.k->m, &r.job, &e, &err);
  if (s != SL_EINTR) {
    sl_try(L, s, &err);
  }
  lua_settop(L, RESULT);
  lua_pushboolean(L, s == SL_EINTR);
  return 2;
}

static const luaL_Reg functions[] = {{"machine", march_machine}, {NULL, NULL}};

static const luaL_Reg methods[] = {{"run", machine_run},
                                   {"exits", machine_exits},
                                   {"adaptive", machine_adaptive},
                                   {"ops", machine_ops},
                                   {NULL, NULL}};

int sl_open_march(lua_State *L) {
  if (luaL_newmetatable(L, meta_name)) {
    lua_pushcfunction(L, machine_close);
    lua_setfield(L, -2, "__gc");
    luaL_newlib(L, methods);
    lua_setfield(L, -2, "__index");
  }
  lua_pop(L, 1);
  luaL_newlib(L, functions);
  return 1;
}
