/* plans.c: see plans.h. A table of buckets by hash, the entries of a bucket in
** a list, and one list of all in order of use.  MIT licence. */
#include "graph/plans.h"

#include <string.h>

typedef struct plan {
  struct plan *next;          /* in its bucket */
  struct plan *newer, *older; /* in order of use */
  uint64_t hash;
  int kind, nout;
  sl_node nnode;
  int32_t npool;
  sl_program *program;
  sl_gnode *node; /* copies of what the key stands for */
  sl_int *pool;
  sl_node *outs;
} plan;

struct sl_plans {
  plan **bucket;
  int nbucket, most;
  plan *newest, *oldest;
  sl_plans_count count;
};

sl_plan_key sl_plan_key_of(const sl_graph *g, int kind, int nout,
                           const sl_node *outs) {
  sl_plan_key key = {.g = g, .nnode = g->nnode, .kind = kind, .nout = nout,
                     .outs = outs};
  uint64_t h = sl_hash_mix(g->hash, (uint64_t)kind << 32 | (uint64_t)nout);
  for (int k = 0; k < nout; k++) {
    h = sl_hash_mix(h, (uint64_t)outs[k]);
  }
  key.hash = h ^ h >> 31;
  return key;
}

sl_plans *sl_plans_new(int most) {
  sl_plans *c = sl_malloc((sl_int)sizeof *c);
  if (c == NULL) {
    return NULL;
  }
  *c = (sl_plans){.nbucket = 64, .most = most};
  while (c->nbucket < 2 * most) {
    c->nbucket *= 2;
  }
  c->bucket = sl_malloc(c->nbucket * (sl_int)sizeof *c->bucket);
  if (c->bucket == NULL) {
    sl_free(c);
    return NULL;
  }
  for (int k = 0; k < c->nbucket; k++) {
    c->bucket[k] = NULL;
  }
  return c;
}

static void plan_free(plan *p) {
  sl_program_free(p->program);
  sl_free(p->node);
  sl_free(p->pool);
  sl_free(p->outs);
  sl_free(p);
}

void sl_plans_free(sl_plans *c) {
  if (c == NULL) {
    return;
  }
  for (plan *p = c->newest; p != NULL;) {
    plan *older = p->older;
    plan_free(p);
    p = older;
  }
  sl_free(c->bucket);
  sl_free(c);
}

/* ---- order of use -------------------------------------------------------- */

static void unlink_use(sl_plans *c, plan *p) {
  *(p->newer != NULL ? &p->newer->older : &c->newest) = p->older;
  *(p->older != NULL ? &p->older->newer : &c->oldest) = p->newer;
}

static void link_newest(sl_plans *c, plan *p) {
  p->newer = NULL;
  p->older = c->newest;
  *(c->newest != NULL ? &c->newest->newer : &c->oldest) = p;
  c->newest = p;
}

static plan **bucket_of(const sl_plans *c, uint64_t hash) {
  return &c->bucket[hash & (uint64_t)(c->nbucket - 1)];
}

static void drop(sl_plans *c, plan *p) {
  plan **at = bucket_of(c, p->hash);
  while (*at != p) {
    at = &(*at)->next;
  }
  *at = p->next;
  unlink_use(c, p);
  plan_free(p);
  c->count.kept--;
  c->count.dropped++;
}

/* ---- finding ------------------------------------------------------------- */

static int32_t pool_of(const sl_plan_key *key) {
  if (key->nnode == key->g->nnode) {
    return key->g->npool;
  }
  return key->g->node[key->nnode].pool; /* where the next node's begins */
}

/* Lines do not count: they only name the place of an error. */
static bool same_nodes(const sl_gnode *a, const sl_gnode *b, sl_node n) {
  for (sl_node k = 0; k < n; k++) {
    if (a[k].op != b[k].op || a[k].dtype != b[k].dtype ||
        a[k].ndim != b[k].ndim || a[k].nin != b[k].nin ||
        a[k].nattr != b[k].nattr || a[k].pool != b[k].pool) {
      return false;
    }
  }
  return true;
}

static bool matches(const plan *p, const sl_plan_key *key) {
  return p->hash == key->hash && p->kind == key->kind &&
         p->nout == key->nout && p->nnode == key->nnode &&
         p->npool == pool_of(key) &&
         memcmp(p->outs, key->outs, (size_t)p->nout * sizeof *p->outs) == 0 &&
         memcmp(p->pool, key->g->pool, (size_t)p->npool * sizeof *p->pool) ==
             0 &&
         same_nodes(p->node, key->g->node, p->nnode);
}

sl_program *sl_plans_find(sl_plans *c, const sl_plan_key *key) {
  plan *p = *bucket_of(c, key->hash);
  while (p != NULL && !matches(p, key)) {
    p = p->next;
  }
  if (p == NULL) {
    return NULL;
  }
  if (c->newest != p) {
    unlink_use(c, p);
    link_newest(c, p);
  }
  c->count.found++;
  return p->program;
}

/* ---- adding -------------------------------------------------------------- */

static void *copy_of(const void *from, sl_int bytes) {
  void *p = sl_malloc(bytes + 1);
  if (p != NULL && bytes > 0) {
    memcpy(p, from, (size_t)bytes);
  }
  return p;
}

sl_status sl_plans_add(sl_plans *c, const sl_plan_key *key, sl_program *program,
                       sl_err *err) {
  plan *p = sl_malloc((sl_int)sizeof *p);
  if (p == NULL) {
    sl_program_free(program);
    return sl_fail(err, SL_ENOMEM, "program: no memory to keep it");
  }
  *p = (plan){.hash = key->hash, .kind = key->kind, .nout = key->nout,
              .nnode = key->nnode, .npool = pool_of(key),
              .program = program};
  p->node = copy_of(key->g->node, p->nnode * (sl_int)sizeof *p->node);
  p->pool = copy_of(key->g->pool, p->npool * (sl_int)sizeof *p->pool);
  p->outs = copy_of(key->outs, p->nout * (sl_int)sizeof *p->outs);
  if (p->node == NULL || p->pool == NULL || p->outs == NULL) {
    plan_free(p);
    return sl_fail(err, SL_ENOMEM, "program: no memory to keep it");
  }
  if (c->count.kept == c->most) {
    drop(c, c->oldest);
  }
  plan **at = bucket_of(c, p->hash);
  p->next = *at;
  *at = p;
  link_newest(c, p);
  c->count.kept++;
  c->count.made++;
  return SL_OK;
}

sl_plans_count sl_plans_counts(const sl_plans *c) { return c->count; }
