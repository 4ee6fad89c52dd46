/* test_plans.c: the plan cache: what is the same plan and what is not, even
** when hashes collide; which goes first; keys of graphs that have grown since;
** and every allocation of making and keeping programs made to fail in turn.
** MIT licence. */
#include "graph/plans.h"
#include "grow.h"

/* x^power by products or one powi, of n elements; the value at x = 2. */
typedef struct sample {
  sl_graph g;
  sl_node out;
} sample;

static sample sample_of(sl_int n, sl_int power, double slot, int line) {
  sample s;
  sl_node c, in[2];
  sl_err err;
  sl_graph_init(&s.g);
  s.g.line = line;
  sl_node x = input(&s.g, SL_F64, 1, &n);
  sl_node p = add(&s.g, SL_OP_powi, 1, &x, 1, &power);
  cr_assert_eq(sl_graph_slot(&s.g, slot, SL_F64, &c, &err), SL_OK);
  in[0] = p;
  in[1] = c;
  cr_assert_eq(sl_graph_map(&s.g, SL_OP_mul, 2, in, &s.out, &err), SL_OK);
  return s;
}

static sl_program *program_of(const sample *s) {
  sl_program *p;
  sl_err err;
  cr_assert_eq(sl_program_make(&p, &s->g, 1, &s->out, &err), SL_OK);
  return p;
}

static void keep(sl_plans *c, const sample *s, const sl_plan_key *key) {
  sl_err err;
  cr_assert_eq(sl_plans_add(c, key, program_of(s), &err), SL_OK);
}

static sl_program *find(sl_plans *c, const sample *s, int kind) {
  sl_plan_key key = sl_plan_key_of(&s->g, kind, 1, &s->out);
  return sl_plans_find(c, &key);
}

static void add_sample(sl_plans *c, const sample *s, int kind) {
  sl_plan_key key = sl_plan_key_of(&s->g, kind, 1, &s->out);
  keep(c, s, &key);
}

Test(plans, hits_and_misses) {
  sl_plans *c = sl_plans_new(8);
  sample a = sample_of(3, 2, 5.0, 1);
  sample same = sample_of(3, 2, -7.0, 99); /* another number, another line */
  sample longer = sample_of(4, 2, 5.0, 1), other = sample_of(3, 3, 5.0, 1);
  cr_assert_null(find(c, &a, 0));
  add_sample(c, &a, 0);
  sl_program *p = find(c, &a, 0);
  cr_assert_not_null(p);
  cr_assert_eq(find(c, &same, 0), p);
  cr_assert_null(find(c, &a, 1), "another kind");
  cr_assert_null(find(c, &longer, 0), "another shape");
  cr_assert_null(find(c, &other, 0), "another attribute");
  sl_node outs[2] = {a.out, a.out};
  sl_plan_key twice = sl_plan_key_of(&a.g, 0, 2, outs);
  cr_assert_null(sl_plans_find(c, &twice), "another number of results");
  outs[0] = 0;
  sl_plan_key early = sl_plan_key_of(&a.g, 0, 1, outs);
  cr_assert_null(sl_plans_find(c, &early), "another result");
  sl_plans_count n = sl_plans_counts(c);
  cr_assert(n.kept == 1 && n.made == 1 && n.dropped == 0 && n.found == 2);
  sl_plans_free(c);
  sl_graph_free(&a.g);
  sl_graph_free(&same.g);
  sl_graph_free(&longer.g);
  sl_graph_free(&other.g);
}

/* All keys given one hash: they are still told apart. */
Test(plans, collisions) {
  enum { N = 12 };
  sl_plans *c = sl_plans_new(N);
  sample s[N];
  sl_program *made[N];
  sl_plan_key key[N];
  sl_err err;
  for (int k = 0; k < N; k++) {
    s[k] = sample_of(2 + k % 3, 2 + k / 3, 1.0, k);
    key[k] = sl_plan_key_of(&s[k].g, 0, 1, &s[k].out);
    key[k].hash = 7;
    cr_assert_null(sl_plans_find(c, &key[k]));
    made[k] = program_of(&s[k]);
    cr_assert_eq(sl_plans_add(c, &key[k], made[k], &err), SL_OK);
  }
  for (int k = N - 1; k >= 0; k--) {
    cr_assert_eq(sl_plans_find(c, &key[k]), made[k], "plan %d", k);
  }
  sl_node first = 0;
  sl_plan_key like = key[0];
  like.kind = 1;
  cr_assert_null(sl_plans_find(c, &like), "another kind");
  like = key[0];
  like.outs = &first;
  cr_assert_null(sl_plans_find(c, &like), "another result");
  sample more = sample_of(9, 9, 1.0, 0); /* pushes out the least used: N - 1 */
  sl_plan_key last = sl_plan_key_of(&more.g, 0, 1, &more.out);
  last.hash = 7;
  keep(c, &more, &last);
  for (int k = 0; k < N; k++) {
    cr_assert_eq(sl_plans_find(c, &key[k]), k == N - 1 ? NULL : made[k]);
    sl_graph_free(&s[k].g);
  }
  sl_graph_free(&more.g);
  sl_plans_free(c);
}

/* The least recently used goes; a hit counts as use. Against a plain list. */
Test(plans, order_of_eviction) {
  enum { MOST = 5, N = 9 };
  sl_plans *c = sl_plans_new(MOST);
  int used[MOST], nused = 0; /* oldest first */
  sample s[N];
  state = 11;
  for (int k = 0; k < N; k++) {
    s[k] = sample_of(2 + k, 2, 1.0, k);
  }
  for (int turn = 0; turn < 2000; turn++) {
    int k = pick(N), at = -1;
    for (int i = 0; i < nused; i++) {
      at = used[i] == k ? i : at;
    }
    cr_assert_eq(find(c, &s[k], 0) != NULL, at >= 0, "turn %d", turn);
    if (at < 0) {
      add_sample(c, &s[k], 0);
      at = nused < MOST ? nused++ : 0;
    }
    for (int i = at; i + 1 < nused; i++) {
      used[i] = used[i + 1];
    }
    used[nused - 1] = k;
    cr_assert_eq(sl_plans_counts(c).kept, nused);
  }
  sl_plans_count n = sl_plans_counts(c);
  cr_assert_eq(n.made - n.dropped, n.kept);
  for (int k = 0; k < N; k++) {
    sl_graph_free(&s[k].g);
  }
  sl_plans_free(c);
}

/* A gradient is kept under the key of the function, whose graph grew while it
** was differentiated. */
Test(plans, keys_of_graphs_that_grew) {
  sl_plans *c = sl_plans_new(4);
  sample a = sample_of(3, 2, 1.0, 0), b = sample_of(3, 2, 2.0, 0);
  sample d = sample_of(3, 2, 1.0, 0);
  sl_plan_key key = sl_plan_key_of(&a.g, 1, 1, &a.out);
  add1(&a.g, SL_OP_exp, a.out);
  keep(c, &a, &key);
  cr_assert_not_null(find(c, &b, 1));
  cr_assert_null(find(c, &a, 1), "the whole is another graph");
  add1(&d.g, SL_OP_exp, d.out);
  cr_assert_null(find(c, &d, 1));
  sl_graph_free(&a.g);
  sl_graph_free(&b.g);
  sl_graph_free(&d.g);
  sl_plans_free(c);
}

/* ---- out of memory ------------------------------------------------------- */

static sl_status make_and_keep(const garden *w, int nout, const sl_node *outs,
                               sl_err *err) {
  sl_plans *c = sl_plans_new(1);
  sl_program *p;
  sl_status s = c != NULL ? SL_OK : sl_fail(err, SL_ENOMEM, "no memory");
  for (int kind = 0; s == SL_OK && kind < 2; kind++) {
    sl_plan_key key = sl_plan_key_of(&w->g, kind, nout, outs);
    s = sl_program_make(&p, &w->g, nout, outs, err);
    s = s == SL_OK ? sl_plans_add(c, &key, p, err) : s;
    if (s == SL_OK) {
      cr_assert_not_null(sl_plans_find(c, &key));
    }
  }
  sl_plans_free(c);
  return s;
}

/* Leaks are the sanitizers' to find. */
Test(plans, every_allocation_may_fail) {
  for (uint64_t seed = 1; seed <= 12; seed++) {
    garden w;
    sl_node outs[8];
    sl_status s = SL_ENOMEM;
    int k = 1;
    grow_garden(&w, seed << 12, (int)(seed % 2), 40);
    int nout = garden_outs(&w, outs);
    for (; s != SL_OK; k++) {
      sl_err err = {.msg = ""};
      sl_malloc_fail_at(k);
      s = make_and_keep(&w, nout, outs, &err);
      sl_malloc_fail_at(0);
      cr_assert(s == SL_OK || s == SL_ENOMEM, "k %d: %s", k, err.msg);
      cr_assert(s == SL_OK || strstr(err.msg, "no memory"), "%s", err.msg);
      cr_assert_lt(k, 3000);
    }
    cr_assert_gt(k, 20, "only %d allocations", k);
    clear_garden(&w);
  }
}
