/* test_march.c: lanes marched against the step's graph evaluated node by node,
** lane by lane, step by step: the same bits, for any number of lanes, blocks
** and threads; states kept on the way, the clock, captures, states that are
** copied, permuted or constant.  MIT licence. */
#include "graphs.h"
#include "march/march.h"

enum { STATES = 3, MOST_LANES = 4099 };

typedef struct walk {
  sl_graph g;
  sl_node in[STATES], next[STATES], clock;
  sl_tensor capture[2];
  double captured[4];
  uint8_t mask[2];
  int nstate;
} walk;

static sl_node map2(sl_graph *g, sl_op op, sl_node u, sl_node v) {
  sl_node in[2] = {u, v}, out;
  sl_err err = {.msg = ""};
  cr_assert_eq(sl_graph_map(g, op, 2, in, &out, &err), SL_OK, "%s", err.msg);
  return out;
}

static sl_node number(sl_graph *g, double v) {
  sl_node n;
  sl_err err;
  cr_assert_eq(sl_graph_slot(g, v, SL_F64, &n, &err), SL_OK);
  return n;
}

/* Leaves: a [2], b [2 x 2], c []; the clock; captures [2] and a mask [2]. */
static walk leaves_of(int nstate) {
  walk w = {.nstate = nstate, .captured = {0.3, 9, -1.25, 9}, .mask = {1, 0}};
  static const sl_int shape[STATES][2] = {{2, 0}, {2, 2}, {0, 0}};
  static const int ndim[STATES] = {1, 2, 0};
  sl_err err;
  sl_node n;
  sl_graph_init(&w.g);
  for (int k = 0; k < nstate; k++) {
    w.in[k] = input(&w.g, SL_F64, ndim[k], shape[k]);
  }
  w.clock = input(&w.g, SL_F64, 0, NULL);
  sl_type t = type_of(SL_F64, 1, (sl_int[]){2});
  cr_assert_eq(sl_graph_capture(&w.g, &t, &n, &err), SL_OK);
  sl_tensor_init(&w.capture[0], &t, NULL);
  w.capture[0].stride[0] = 2;
  t.dtype = SL_U8;
  cr_assert_eq(sl_graph_capture(&w.g, &t, &n, &err), SL_OK);
  sl_tensor_init(&w.capture[1], &t, NULL);
  return w;
}

static void locate(walk *w) {
  w->capture[0].data = w->captured;
  w->capture[1].data = w->mask;
}

/* ---- steps --------------------------------------------------------------- */

/* A bit of everything: captures, a mask of the lane and one captured, the
** clock, sums, a small product, an operation that only depends on captures. */
static walk rich(void) {
  walk w = leaves_of(3);
  sl_graph *g = &w.g;
  sl_node a = w.in[0], b = w.in[1], c = w.in[2];
  sl_node cap = w.clock + 1, mask = w.clock + 2, in[3];
  sl_node fixed = add1(g, SL_OP_tanh, map2(g, SL_OP_mul, cap, number(g, 2.5)));
  sl_node sum = add(g, SL_OP_sum, 1, &b, ATTR(2));
  sl_node column = add(g, SL_OP_reshape, 1, &a, ATTR(2, 1));
  sl_node prod[2] = {b, column};
  sl_node p = add(g, SL_OP_matmul, 2, prod, ATTR(0, 0));
  p = add(g, SL_OP_reshape, 1, &p, ATTR(2));
  in[0] = map2(g, SL_OP_lt, a, sum);
  in[1] = map2(g, SL_OP_mul, a, number(g, 0.5));
  in[2] = map2(g, SL_OP_sub, fixed, p);
  sl_node chosen = add(g, SL_OP_where, 3, in, 0, NULL);
  in[0] = mask;
  in[1] = chosen;
  in[2] = map2(g, SL_OP_add, chosen, map2(g, SL_OP_mul, w.clock,
                                          number(g, 0.125)));
  w.next[0] = add(g, SL_OP_where, 3, in, 0, NULL);
  w.next[1] = add1(g, SL_OP_sin, map2(g, SL_OP_add, b, a));
  w.next[2] = add(g, SL_OP_sum, 1, &w.next[1], ATTR(3));
  w.next[2] = map2(g, SL_OP_add, w.next[2], map2(g, SL_OP_mul, c, c));
  return w;
}

/* States returned as they are, turned round, constant, exchanged. */
static walk moves(void) {
  walk w = leaves_of(3);
  sl_graph *g = &w.g;
  sl_node n;
  w.next[0] = add(g, SL_OP_slice, 1, &w.in[0], ATTR(1, -1, 2));
  w.next[1] = add(g, SL_OP_permute, 1, &w.in[1], ATTR(1, 0));
  n = w.clock + 1;
  n = add(g, SL_OP_sum, 1, &n, ATTR(1));
  w.next[2] = n; /* the same for all lanes */
  return w;
}

static walk stays(void) {
  walk w = leaves_of(3);
  w.next[0] = add(&w.g, SL_OP_broadcast, 1, (sl_node[]){w.in[2]}, ATTR(2));
  w.next[1] = w.in[1];
  w.next[2] = w.in[2];
  return w;
}

static walk constants(void) {
  walk w = leaves_of(2);
  sl_node n = number(&w.g, -3.5);
  w.next[0] = add(&w.g, SL_OP_broadcast, 1, &n, ATTR(2));
  w.next[1] = map2(&w.g, SL_OP_mul, w.in[1], w.clock);
  w.next[1] = map2(&w.g, SL_OP_add, w.next[1], w.in[0]);
  return w;
}

/* One value that is all of three places of the next state, and read later. */
static walk shared(void) {
  walk w = leaves_of(2);
  sl_node d = map2(&w.g, SL_OP_sub, w.in[0], number(&w.g, 0.75));
  sl_node m = map2(&w.g, SL_OP_mul, d, number(&w.g, 0.9));
  w.next[0] = m;
  w.next[1] = add(&w.g, SL_OP_broadcast, 1, &m, ATTR(2, 2));
  return w;
}

/* Temporaries read twice by one operation, others made right after. */
static walk twice(void) {
  walk w = leaves_of(1);
  sl_graph *g = &w.g;
  sl_node t = map2(g, SL_OP_add, w.in[0], number(g, 0.25));
  sl_node p = map2(g, SL_OP_mul, t, t);
  sl_node q = add1(g, SL_OP_sin, w.in[0]);
  sl_node r = add1(g, SL_OP_cos, w.in[0]);
  q = map2(g, SL_OP_sub, q, map2(g, SL_OP_mul, r, r));
  w.next[0] = map2(g, SL_OP_mul, map2(g, SL_OP_sub, p, q), number(g, 0.5));
  return w;
}

/* ---- the plain way ------------------------------------------------------- */

typedef struct states {
  sl_tensor t[STATES], path[STATES];
} states;

static sl_tensor with_axis(const sl_type *t, sl_int n, sl_int m) {
  sl_type wide = {.dtype = t->dtype};
  wide.shape[wide.ndim] = n;
  wide.ndim += n >= 0;
  wide.shape[wide.ndim] = m;
  wide.ndim++;
  for (int a = 0; a < t->ndim; a++) {
    wide.shape[wide.ndim++] = t->shape[a];
  }
  return fresh(&wide);
}

static states room_for(const walk *w, sl_int lanes, sl_int kept) {
  states s;
  for (int k = 0; k < w->nstate; k++) {
    sl_type t;
    sl_node_type(&w->g, w->in[k], &t);
    s.t[k] = with_axis(&t, -1, lanes);
    s.path[k] = with_axis(&t, kept, lanes);
  }
  return s;
}

static void free_states(const walk *w, states *s) {
  for (int k = 0; k < w->nstate; k++) {
    sl_free(s->t[k].data);
    sl_free(s->path[k].data);
  }
}

static states random_start(const walk *w, sl_int lanes) {
  states s = room_for(w, lanes, 0);
  for (int k = 0; k < w->nstate; k++) {
    for (sl_int e = 0; e < sl_numel(&s.t[k].type); e++) {
      sl_set(&s.t[k], e, 2 * uniform() - 1, 0);
    }
  }
  return s;
}

static void put(sl_tensor *to, sl_int at, const sl_tensor *from) {
  sl_int n = sl_numel(&from->type);
  memcpy((double *)to->data + at * n, from->data, (size_t)n * sizeof(double));
}

/* One lane, node by node. */
static void walk_lane(const walk *w, const states *start, sl_int lane,
                      sl_int lanes, sl_int steps, sl_int every, states *end) {
  sl_tensor in[STATES + 1], value[100];
  double now;
  sl_type scalar = {.dtype = SL_F64, .ndim = 0};
  for (int k = 0; k < w->nstate; k++) {
    sl_type t;
    sl_node_type(&w->g, w->in[k], &t);
    in[k] = fresh(&t);
    sl_int n = sl_numel(&t);
    memcpy(in[k].data, (double *)start->t[k].data + lane * n,
           (size_t)n * sizeof(double));
  }
  sl_tensor_init(&in[w->nstate], &scalar, &now);
  for (sl_int s = 0; s < steps; s++) {
    now = (double)s;
    evaluate(&w->g, in, w->capture, NULL, value);
    for (int k = 0; k < w->nstate; k++) {
      put(&in[k], 0, &value[w->next[k]]);
      if (every > 0 && (s + 1) % every == 0) {
        put(&end->path[k], ((s + 1) / every - 1) * lanes + lane, &in[k]);
      }
    }
    for (sl_node n = 0; n < w->g.nnode; n++) {
      sl_free(value[n].data);
    }
  }
  for (int k = 0; k < w->nstate; k++) {
    put(&end->t[k], lane, &in[k]);
    sl_free(in[k].data);
  }
}

/* ---- marching ------------------------------------------------------------ */

static sl_step step_of(const sl_graph *g, int nstate, const sl_node *outs,
                       int clock) {
  return (sl_step){.g = g, .nstate = nstate, .nout = nstate, .outs = outs,
                   .clock = clock};
}

static sl_status make(sl_march **m, const sl_graph *g, int nstate,
                      const sl_node *outs, int clock, sl_err *err) {
  sl_step step = step_of(g, nstate, outs, clock);
  return sl_march_make(m, &step, err);
}

static sl_status make_elements(sl_march **m, const sl_graph *g, int nstate,
                               const sl_node *outs, int clock, sl_err *err) {
  sl_step step = step_of(g, nstate, outs, clock);
  return sl_march_make_elements(m, &step, err);
}

static sl_status march(const walk *w, const sl_march *m, const states *start,
                       states *end, sl_int lanes, sl_int steps, sl_int every,
                       sl_err *err) {
  const sl_tensor *from[STATES], *cap[2] = {&w->capture[0], &w->capture[1]};
  sl_tensor *to[STATES], *path[STATES];
  for (int k = 0; k < w->nstate; k++) {
    from[k] = &start->t[k];
    to[k] = &end->t[k];
    path[k] = &end->path[k];
  }
  sl_march_job job = {.lanes = lanes, .steps = steps, .every = every,
                      .start = from, .final = to,
                      .path = every > 0 ? path : NULL, .reads.captures = cap,
                      .reads.slots = w->g.slot};
  return sl_march_run(m, &job, err);
}

static bool equal(const sl_tensor *a, const sl_tensor *b) {
  for (sl_int k = 0; k < sl_numel(&a->type); k++) {
    double u = ((double *)a->data)[k], v = ((double *)b->data)[k];
    if (!(u == v || (isnan(u) && isnan(v)))) {
      return false;
    }
  }
  return true;
}

static void compare_walk(walk *w, sl_int lanes, sl_int steps, sl_int every,
                         const char *name) {
  sl_march *m;
  sl_err err = {.msg = ""};
  sl_int kept = every > 0 ? steps / every : 0;
  cr_assert_eq(make(&m, &w->g, w->nstate, w->next, w->nstate, &err),
               SL_OK);
  cr_assert_not_null(m, "%s", name);
  states start = random_start(w, lanes), want = room_for(w, lanes, kept);
  for (sl_int k = 0; k < lanes; k++) {
    walk_lane(w, &start, k, lanes, steps, every, &want);
  }
  for (int threads = 1; threads <= 2; threads++) {
    states got = room_for(w, lanes, kept);
    sl_threads_set(threads, &err);
    cr_assert_eq(march(w, m, &start, &got, lanes, steps, every, &err), SL_OK);
    for (int k = 0; k < w->nstate; k++) {
      cr_assert(equal(&got.t[k], &want.t[k]), "%s: state %d, %d lanes, %d "
                "steps", name, k, (int)lanes, (int)steps);
      cr_assert(equal(&got.path[k], &want.path[k]), "%s: path %d", name, k);
    }
    free_states(w, &got);
  }
  free_states(w, &start);
  free_states(w, &want);
  sl_march_free(m);
}

typedef walk make_fn(void);
static make_fn *const walks[] = {rich, moves, stays, constants, shared,
                                 twice};
static const char *const names[] = {"rich", "moves", "stays", "constants",
                                    "shared", "twice"};

Test(march, is_the_graph_step_by_step) {
  static const sl_int lanes[] = {1, 7, 64, 130};
  static const sl_int steps[] = {0, 1, 2, 5, 8};
  for (int k = 0; k < 6; k++) {
    walk w = walks[k]();
    locate(&w);
    for (int l = 0; l < 4; l++) {
      for (int s = 0; s < 5; s++) {
        for (sl_int every = 0; every < 4; every++) {
          if (l < 2 || every == 2) {
            compare_walk(&w, lanes[l], steps[s], every, names[k]);
          }
        }
      }
    }
    sl_graph_free(&w.g);
  }
}

Test(march, many_lanes_in_blocks_and_threads) {
  walk w = rich();
  locate(&w);
  compare_walk(&w, 1000, 4, 3, "rich");
  compare_walk(&w, MOST_LANES, 3, 2, "rich");
  sl_graph_free(&w.g);
}

/* Long walks of many lanes on two threads: against lanes marched alone. */
Test(march, lanes_do_not_see_each_other) {
  walk w = rich();
  sl_march *m;
  sl_err err;
  locate(&w);
  cr_assert_eq(make(&m, &w.g, 3, w.next, 3, &err), SL_OK);
  states start = random_start(&w, MOST_LANES), all = room_for(&w, MOST_LANES, 0);
  sl_threads_set(2, &err);
  cr_assert_eq(march(&w, m, &start, &all, MOST_LANES, 501, 0, &err), SL_OK);
  for (sl_int lane = 0; lane < MOST_LANES; lane += 173) {
    states one = room_for(&w, 1, 0), end = room_for(&w, 1, 0);
    for (int k = 0; k < 3; k++) {
      sl_int n = sl_numel(&one.t[k].type);
      memcpy(one.t[k].data, (double *)start.t[k].data + lane * n,
             (size_t)n * sizeof(double));
    }
    cr_assert_eq(march(&w, m, &one, &end, 1, 501, 0, &err), SL_OK);
    for (int k = 0; k < 3; k++) {
      sl_int n = sl_numel(&end.t[k].type);
      for (sl_int e = 0; e < n; e++) {
        double u = ((double *)end.t[k].data)[e];
        double v = ((double *)all.t[k].data)[lane * n + e];
        cr_assert(u == v || (isnan(u) && isnan(v)), "lane %d", (int)lane);
      }
    }
    free_states(&w, &one);
    free_states(&w, &end);
  }
  free_states(&w, &start);
  free_states(&w, &all);
  sl_march_free(m);
  sl_graph_free(&w.g);
}

/* final may be start; no lanes at all is no work. */
Test(march, in_place_and_of_nothing) {
  walk w = rich();
  sl_march *m;
  sl_err err;
  locate(&w);
  cr_assert_eq(make(&m, &w.g, 3, w.next, 3, &err), SL_OK);
  states a = random_start(&w, 300), b = room_for(&w, 300, 0);
  cr_assert_eq(march(&w, m, &a, &b, 300, 7, 0, &err), SL_OK);
  cr_assert_eq(march(&w, m, &a, &a, 300, 7, 0, &err), SL_OK);
  for (int k = 0; k < 3; k++) {
    cr_assert(equal(&a.t[k], &b.t[k]));
  }
  cr_assert_eq(march(&w, m, &a, &b, 0, 7, 0, &err), SL_OK);
  int64_t before = sl_malloc_count();
  cr_assert_eq(march(&w, m, &a, &b, 300, 7, 0, &err), SL_OK);
  cr_assert_eq(sl_malloc_count(), before, "a march allocates");
  free_states(&w, &a);
  free_states(&w, &b);
  sl_march_free(m);
  sl_graph_free(&w.g);
}

/* ---- elements as lanes --------------------------------------------------- */

/* A step for elements of two [n] states: 0.9 v + s, a capture that goes with
** them, the clock. */
Test(march, elements_are_lanes) {
  enum { N = 5001 };
  sl_graph g;
  sl_err err;
  sl_node cap, next[2];
  const sl_int n = N;
  sl_type t = type_of(SL_F64, 1, &n);
  sl_graph_init(&g);
  sl_node x = input(&g, SL_F64, 1, &n), v = input(&g, SL_F64, 1, &n);
  sl_node clock = input(&g, SL_F64, 0, NULL);
  cr_assert_eq(sl_graph_capture(&g, &t, &cap, &err), SL_OK);
  next[1] = map2(&g, SL_OP_sub, map2(&g, SL_OP_mul, v, number(&g, 0.9)),
                 map2(&g, SL_OP_mul, cap, add1(&g, SL_OP_sin, x)));
  next[0] = map2(&g, SL_OP_add, x, map2(&g, SL_OP_mul, next[1], clock));
  sl_march *m;
  cr_assert_eq(make_elements(&m, &g, 2, next, 2, &err), SL_OK);
  cr_assert_not_null(m);
  sl_tensor s[2], end[2], c, value[40], in[3];
  double now;
  state = 3;
  void *block[3];
  s[0] = leaf_value(&t, 0, &block[0]);
  s[1] = leaf_value(&t, 0, &block[1]);
  c = leaf_value(&t, 1, &block[2]); /* back to front */
  end[0] = fresh(&t);
  end[1] = fresh(&t);
  for (int threads = 1; threads <= 2; threads++) {
    sl_march_job job = {.lanes = N, .steps = 20,
                        .start = (const sl_tensor *[]){&s[0], &s[1]},
                        .final = (sl_tensor *[]){&end[0], &end[1]},
                        .reads.captures = (const sl_tensor *[]){&c}, .reads.slots = g.slot};
    sl_threads_set(threads, &err);
    cr_assert_eq(sl_march_run(m, &job, &err), SL_OK);
  }
  sl_type scalar = {.dtype = SL_F64, .ndim = 0};
  sl_tensor_init(&in[2], &scalar, &now);
  in[0] = fresh(&t);
  in[1] = fresh(&t);
  put(&in[0], 0, &s[0]);
  put(&in[1], 0, &s[1]);
  for (int k = 0; k < 20; k++) {
    now = k;
    evaluate(&g, in, &c, NULL, value);
    put(&in[0], 0, &value[next[0]]);
    put(&in[1], 0, &value[next[1]]);
    for (sl_node i = 0; i < g.nnode; i++) {
      sl_free(value[i].data);
    }
  }
  cr_assert(equal(&in[0], &end[0]) && equal(&in[1], &end[1]));
  sl_tensor *all[] = {&in[0], &in[1], &end[0], &end[1]};
  for (int k = 0; k < 4; k++) {
    sl_free(all[k]->data);
  }
  for (int k = 0; k < 3; k++) {
    sl_free(block[k]);
  }
  sl_march_free(m);
  sl_graph_free(&g);
}

/* What is no machine: *out is NULL and no error. */
Test(march, refuses_what_is_no_machine) {
  sl_graph g;
  sl_err err;
  sl_march *m = (sl_march *)(uintptr_t)1;
  const sl_int n = 3, large = 5000;
  sl_graph_init(&g);
  sl_node a = input(&g, SL_F32, 1, &n), b = input(&g, SL_F64, 1, &large);
  sl_node c = input(&g, SL_F64, 0, NULL), d = input(&g, SL_U8, 1, &n);
  sl_node out[2] = {add1(&g, SL_OP_neg, a), 0};
  cr_assert_eq(make(&m, &g, 1, out, -1, &err), SL_OK);
  cr_assert_null(m, "f32");
  out[0] = d;
  cr_assert_eq(make(&m, &g, 1, out, -1, &err), SL_OK);
  cr_assert_null(m, "masks");
  out[0] = add1(&g, SL_OP_neg, b);
  cr_assert_eq(make(&m, &g, 1, out, -1, &err), SL_OK);
  cr_assert_null(m, "too large");
  out[1] = add1(&g, SL_OP_neg, c); /* a number beside it is no lane of it */
  cr_assert_eq(make_elements(&m, &g, 2, out, -1, &err), SL_OK);
  cr_assert_null(m, "two shapes");
  out[0] = add(&g, SL_OP_cumsum, 1, &b, ATTR(0));
  cr_assert_eq(make_elements(&m, &g, 1, out, -1, &err), SL_OK);
  cr_assert_null(m, "elements that depend on each other");
  sl_march_free(NULL);
  sl_graph_free(&g);
}

/* ---- what may go wrong --------------------------------------------------- */

Test(march, every_allocation_may_fail) {
  for (int elements = 0; elements < 2; elements++) {
    sl_status s = SL_ENOMEM;
    int k = 1;
    walk w = elements ? leaves_of(1) : rich();
    locate(&w);
    if (elements) {
      w.next[0] = map2(&w.g, SL_OP_mul, w.in[0], w.clock + 1);
    }
    for (; s != SL_OK; k++) {
      sl_err err = {.msg = ""};
      sl_march *m = NULL;
      states a = random_start(&w, 900), b = room_for(&w, 900, 0);
      sl_malloc_fail_at(k);
      s = elements ? make_elements(&m, &w.g, 1, w.next, 1, &err)
                   : make(&m, &w.g, 3, w.next, 3, &err);
      if (s == SL_OK && !elements) {
        s = march(&w, m, &a, &b, 900, 3, 0, &err);
      }
      sl_malloc_fail_at(0);
      cr_assert(s == SL_OK || strstr(err.msg, "no memory"), "%s", err.msg);
      cr_assert(s == SL_OK || s == SL_ENOMEM);
      cr_assert_lt(k, 500);
      sl_march_free(m);
      free_states(&w, &a);
      free_states(&w, &b);
    }
    cr_assert_gt(k, 8, "only %d allocations", k);
    sl_graph_free(&w.g);
  }
}

/* Ctrl-C ends a march that would take days. */
Test(march, interrupt, .timeout = 60) {
  walk w = rich();
  sl_march *m;
  sl_err err;
  locate(&w);
  cr_assert_eq(make(&m, &w.g, 3, w.next, 3, &err), SL_OK);
  states a = random_start(&w, MOST_LANES), b = room_for(&w, MOST_LANES, 0);
  for (int threads = 1; threads <= 2; threads++) {
    sl_threads_set(threads, &err);
    sl_interrupt_set();
    cr_assert_eq(march(&w, m, &a, &b, MOST_LANES, (sl_int)1 << 50, 0, &err),
                 SL_EINTR);
    sl_interrupt_clear();
  }
  free_states(&w, &a);
  free_states(&w, &b);
  sl_march_free(m);
  sl_graph_free(&w.g);
}
