/* plans.h: the plan cache: programs by the structure of the graph they were
** made from, so that a function traced anew at every call is compiled once.
** Numbers are argument slots and do not belong to the key. The least recently
** used plan goes when the cache is full.  MIT licence. */
#ifndef SL_PLANS_H
#define SL_PLANS_H

#include "graph/graph.h"

typedef struct sl_plans sl_plans;

/* What makes two requests the same: the graph as it stands, what is done with
** it (`kind`, the caller's) and which nodes are asked for. */
typedef struct sl_plan_key {
  const sl_graph *g;
  sl_node nnode; /* of its nodes only the first ones count */
  int kind, nout;
  const sl_node *outs;
  uint64_t hash; /* sl_plan_key_of's */
} sl_plan_key;

/* The key of a request, hash and all. */
sl_plan_key sl_plan_key_of(const sl_graph *g, int kind, int nout,
                           const sl_node *outs);

/* most: plans kept, at least 1. NULL when there is no memory. */
sl_plans *sl_plans_new(int most);
/* With all its programs; NULL does nothing. */
void sl_plans_free(sl_plans *c);

/* The program for a key, or NULL; borrowed until the next call here. */
sl_program *sl_plans_find(sl_plans *c, const sl_plan_key *key);
/* Keeps p under a key, and owns it from now on (also when it fails). The graph
** may have grown since the key was made. */
sl_status sl_plans_add(sl_plans *c, const sl_plan_key *key, sl_program *p,
                       sl_err *err);

typedef struct sl_plans_count {
  int64_t kept, found, made, dropped;
} sl_plans_count;
/* What it holds and has done so far. */
sl_plans_count sl_plans_counts(const sl_plans *c);

#endif
