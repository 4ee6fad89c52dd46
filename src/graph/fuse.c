/* fuse.c: what runs together, and in what order. Element-wise nodes of one
** shape join the open group of that shape; a group is closed, that is put into
** the order, when something outside it needs one of its values. Open groups
** therefore depend on closed ones only, and joining is always allowed. A sum or
** extreme over the first or the last axes of what an open group computes is
** taken in the same pass.  MIT licence. */
#include <string.h>

#include "graph/program.h"

typedef struct open_group {
  sl_group g;
  int32_t read[SL_GROUP_READS];
  sl_gop op[SL_GROUP_OPS];
} open_group;

enum {
  OPEN = 8, /* open groups at once; the oldest is closed for a ninth */
  SLOW = 4  /* weight of a function like exp */
};

typedef struct fuser {
  sl_program *p;
  open_group *open;
  int nopen;
  int32_t *uses; /* by node: how often it is read */
} fuser;

/* ---- closing ------------------------------------------------------------- */

/* Does the group read the product of the last item as it is made? */
static bool follows_product(const sl_program *p, const sl_group *g) {
  int32_t k = p->nitem > 0 ? p->item[p->nitem - 1].node : -1;
  sl_type t;
  if (k < 0 || p->item[p->nitem - 1].group >= 0 ||
      p->g.node[k].op != SL_OP_matmul || g->nfold > 0) {
    return false;
  }
  sl_node_type(&p->g, k, &t);
  bool reads = false;
  for (int32_t i = 0; i < g->nread; i++) {
    int32_t x = p->read[g->read + i];
    if (x != k && p->slot[x].root == k) {
      return false; /* a view mixes tiles */
    }
    reads = reads || x == k;
  }
  return reads && t.ndim == 2 && sl_dtype_isfloat(t.dtype) &&
         sl_shape_eq(&t, &g->type);
}

/* Operation number i of o if it is a product that only one other reads, or -1.
** v: its value, as operations name it. */
static int lone_product(const fuser *f, const open_group *o, uint8_t v) {
  int i = v & 0x80 ? v & 0x7f : -1;
  bool fits = i >= 0 && f->uses[o->op[i].node] == 1 &&
              o->op[i].fn == sl_lane_get(SL_LANE_mul, SL_F64);
  return fits ? i : -1;
}

/* A product goes into the sum that is its only reader: one pass for the two. */
static void pair_products(fuser *f, open_group *o) {
  for (int32_t j = 0; j < o->g.nop; j++) {
    sl_gop *op = &o->op[j];
    for (int k = 1; k >= 0; k--) {
      sl_lane_fn *both = sl_lane_of_product(op->fn, k);
      int i = both != NULL ? lone_product(f, o, op->in[k]) : -1;
      if (i >= 0) {
        sl_gop *product = &o->op[i];
        op->fn = both;
        op->in[0] = op->in[1 - k];
        op->in[1] = product->in[0];
        op->in[2] = product->in[1];
        op->nin = 3;
        product->fn = NULL; /* not run any more */
      }
    }
  }
}

/* Moves a group's lists to the program's and gives it its place in the order.
** Its number was fixed when it was opened. */
static void close_group(fuser *f, int which) {
  sl_program *p = f->p;
  open_group *o = &f->open[which];
  int32_t number = p->slot[o->op[0].node].group;
  sl_group *g = &p->group[number];
  pair_products(f, o);
  *g = o->g;
  g->op = p->ngop;
  g->read = p->nread;
  for (int32_t i = 0; i < g->nop; i++) {
    o->op[i].out = (uint8_t)(g->nread + i); /* reads come first */
    for (int k = 0; k < o->op[i].nin; k++) {
      uint8_t v = o->op[i].in[k];
      o->op[i].in[k] = v & 0x80 ? (uint8_t)(g->nread + (v & 0x7f)) : v;
    }
    p->gop[p->ngop++] = o->op[i];
  }
  for (int i = 0; i < g->nfold; i++) {
    g->fold[i].value = (uint8_t)(g->nread + g->fold[i].value);
  }
  memcpy(p->read + p->nread, o->read, (size_t)g->nread * sizeof *o->read);
  p->nread += g->nread;
  if (follows_product(p, g)) {
    p->item[p->nitem - 1].group = number;
  } else {
    p->item[p->nitem++] = (sl_item){.node = -1, .group = number};
  }
  for (int32_t i = 0; i < g->nop; i++) {
    p->slot[o->op[i].node].item = p->nitem - 1;
  }
  for (int i = 0; i < g->nfold; i++) {
    p->slot[g->fold[i].node].item = p->nitem - 1;
  }
  f->nopen--;
  memmove(o, o + 1, (size_t)(f->nopen - which) * sizeof *o);
}

static int find_open(const fuser *f, int32_t number) {
  for (int i = 0; i < f->nopen; i++) {
    if (f->p->slot[f->open[i].op[0].node].group == number) {
      return i;
    }
  }
  return -1;
}

/* Makes the storage of node k final: closes the group that computes it. */
static void settle(fuser *f, int32_t k) {
  int32_t root = f->p->slot[k].root;
  int which = f->p->slot[root].group >= 0
                  ? find_open(f, f->p->slot[root].group)
                  : -1;
  if (which >= 0) {
    close_group(f, which);
  }
}

/* ---- joining ------------------------------------------------------------- */

/* The open group of the shape of node k with room for it, or a new one. */
static open_group *group_for(fuser *f, int32_t k) {
  sl_type t;
  sl_node_type(&f->p->g, k, &t);
  for (int i = 0; i < f->nopen; i++) {
    open_group *o = &f->open[i];
    if (sl_shape_eq(&o->g.type, &t)) {
      if (o->g.nop < SL_GROUP_OPS && o->g.nread + 3 <= SL_GROUP_READS) {
        return o;
      }
      close_group(f, i);
      break;
    }
  }
  if (f->nopen == OPEN) {
    close_group(f, 0);
  }
  open_group *o = &f->open[f->nopen++];
  o->g = (sl_group){.type = t};
  o->op[0].node = k;
  f->p->slot[k].group = f->p->ngroup++;
  return o;
}

/* The number of the value that node x is inside o: a member's with the high
** bit set until the group is closed. */
static uint8_t value_of(fuser *f, open_group *o, int32_t x) {
  int32_t own = f->p->slot[o->op[0].node].group;
  for (int32_t i = 0; f->p->slot[x].group == own && i < o->g.nop; i++) {
    if (o->op[i].node == x) {
      return (uint8_t)(0x80 | i);
    }
  }
  for (int32_t i = 0; i < o->g.nread; i++) {
    if (o->read[i] == x) {
      return (uint8_t)i;
    }
  }
  o->read[o->g.nread] = x;
  return (uint8_t)o->g.nread++;
}

static sl_dtype kernel_dtype(const sl_graph *g, int32_t k) {
  const sl_gnode *node = &g->node[k];
  return (sl_dtype)g->node[sl_node_in(g, k)[node->nin - 1]].dtype;
}

/* Is node x, if it is not in memory yet, a member of the open group of shape t?
** Views are read from memory, and so are reductions. */
static bool is_member(const fuser *f, int32_t x, const sl_type *t) {
  int32_t group = f->p->slot[x].group;
  int which = group >= 0 && f->p->slot[x].root == x ? find_open(f, group) : -1;
  return which >= 0 && sl_shape_eq(&f->open[which].g.type, t) &&
         sl_ops[f->p->g.node[x].op].cls == SL_MAP;
}

static void join(fuser *f, int32_t k) {
  const sl_graph *g = &f->p->g;
  const sl_gnode *node = &g->node[k];
  const sl_int *in = sl_node_in(g, k);
  sl_type own;
  sl_node_type(g, k, &own);
  for (int i = 0; i < node->nin; i++) {
    if (!is_member(f, (int32_t)in[i], &own)) {
      settle(f, (int32_t)in[i]);
    }
  }
  open_group *o = group_for(f, k);
  sl_gop op = {.node = k, .nin = (uint8_t)node->nin,
               .fn = sl_lane_get(sl_ops[node->op].lane, kernel_dtype(g, k))};
  for (int i = 0; i < node->nin; i++) {
    op.in[i] = value_of(f, o, (int32_t)in[i]);
  }
  f->p->slot[k].group = f->p->slot[o->op[0].node].group;
  o->g.weight += sl_lane_slow(sl_ops[node->op].lane) ? SLOW : 1;
  o->op[o->g.nop++] = op;
}

/* ---- reductions ---------------------------------------------------------- */

enum { COLUMNS = SL_FOLD_WIDTH }; /* kept elements of an outer sweep, at most */

/* The sweep that drops the axes in `mask`, and the two extents. */
static sl_sweep sweep_of(const sl_type *t, uint32_t mask, sl_int *outer,
                         sl_int *inner) {
  int n = t->ndim, first = 0, last = 0;
  while (first < n && (mask >> first & 1)) {
    first++;
  }
  while (last < n && (mask >> (n - 1 - last) & 1)) {
    last++;
  }
  bool is_last = mask == ((1u << n) - 1) - ((1u << (n - last)) - 1);
  bool is_first = mask == (1u << first) - 1;
  if (!is_last && !is_first) {
    return SL_SWEEP_NONE;
  }
  int at = is_last ? n - last : first; /* axes before it are outer */
  *outer = *inner = 1;
  for (int a = 0; a < n; a++) {
    *(a < at ? outer : inner) *= t->shape[a];
  }
  return is_last ? SL_SWEEP_INNER : SL_SWEEP_OUTER;
}

static sl_fold fold_kind(int op) {
  return op == SL_OP_sum    ? SL_FOLD_SUM
         : op == SL_OP_amax ? SL_FOLD_MAX
                            : SL_FOLD_MIN;
}

/* Takes reduction k along with the group that computes its operand, if that is
** open and swept the same way. */
static bool join_fold(fuser *f, int32_t k) {
  sl_program *p = f->p;
  int32_t x = (int32_t)sl_node_in(&p->g, k)[0];
  sl_type t;
  sl_int outer = 1, inner = 1;
  sl_node_type(&p->g, x, &t);
  if (!sl_dtype_isfloat(t.dtype) || !is_member(f, x, &t)) {
    return false;
  }
  sl_sweep sweep = sweep_of(&t, (uint32_t)sl_node_attr(&p->g, k)[0], &outer,
                            &inner);
  open_group *o = &f->open[find_open(f, p->slot[x].group)];
  bool same = o->g.sweep == SL_SWEEP_NONE ||
              (o->g.sweep == sweep && o->g.outer == outer &&
               o->g.inner == inner);
  if (sweep == SL_SWEEP_NONE || !same || o->g.nfold == SL_GROUP_FOLDS ||
      (sweep == SL_SWEEP_OUTER && inner > COLUMNS)) {
    return false;
  }
  o->g.sweep = sweep;
  o->g.outer = outer;
  o->g.inner = inner;
  o->g.fold[o->g.nfold++] =
      (sl_gfold){.node = k, .kind = (uint8_t)fold_kind(p->g.node[k].op),
                 .value = value_of(f, o, x) & 0x7f};
  p->slot[k].group = p->slot[x].group;
  return true;
}

/* ---- the walk ------------------------------------------------------------ */

static void run_alone(fuser *f, int32_t k) {
  sl_program *p = f->p;
  const sl_int *in = sl_node_in(&p->g, k);
  for (int i = 0; i < p->g.node[k].nin; i++) {
    settle(f, (int32_t)in[i]);
  }
  p->slot[k].item = p->nitem;
  p->item[p->nitem++] = (sl_item){.node = k, .group = -1};
}

static void place_in_order(fuser *f, int32_t k) {
  const sl_gnode *node = &f->p->g.node[k];
  sl_type t;
  sl_node_type(&f->p->g, k, &t);
  if (sl_ops[node->op].cls == SL_LEAF) {
    f->p->slot[k].item = f->p->slot[k].place == SL_AT_LEAF ? -1 : 0;
  } else if (sl_ops[node->op].cls == SL_MAP && sl_numel(&t) > 0) {
    join(f, k);
  } else if (sl_ops[node->op].cls == SL_REDUCE && join_fold(f, k)) {
    return;
  } else if (f->p->slot[k].place != SL_AT_NONE) {
    run_alone(f, k);
  }
}

/* L1 rows for values that stay in a group: a row is free again after the last
** operation that reads it. */
static void assign_rows(const sl_program *p, sl_group *g) {
  int last[SL_GROUP_VALUES] = {0};
  int free_row[SL_GROUP_VALUES], nfree = 0;
  const sl_gop *op = p->gop + g->op;
  for (int i = 0; i < g->nop; i++) {
    for (int k = 0; k < op[i].nin && op[i].fn != NULL; k++) {
      last[op[i].in[k]] = i;
    }
  }
  for (int i = 0; i < g->nfold; i++) {
    last[g->fold[i].value] = g->nop; /* read when all is done */
  }
  for (int v = 0; v < SL_GROUP_VALUES; v++) {
    g->row[v] = -1;
  }
  for (int i = 0; i < g->nop; i++) {
    if (op[i].fn == NULL) {
      continue;
    }
    if (p->slot[op[i].node].place == SL_AT_LANE) {
      g->row[op[i].out] =
          (int16_t)(nfree > 0 ? free_row[--nfree] : g->nrow++);
    }
    for (int k = 0; k < op[i].nin; k++) {
      int v = op[i].in[k];
      bool again = false; /* named twice by this operation */
      for (int l = 0; l < k; l++) {
        again = again || op[i].in[l] == v;
      }
      if (last[v] == i && g->row[v] >= 0 && !again) {
        free_row[nfree++] = g->row[v];
      }
    }
  }
}

void sl_fuse_rows(sl_program *p) {
  for (int32_t i = 0; i < p->ngroup; i++) {
    assign_rows(p, &p->group[i]);
  }
}

static void count_uses(const sl_program *p, int32_t *uses) {
  for (int32_t k = 0; k < p->g.nnode; k++) {
    uses[k] = 0;
    for (int i = 0; i < p->g.node[k].nin; i++) {
      uses[sl_node_in(&p->g, k)[i]]++;
    }
  }
  for (int i = 0; i < p->nout; i++) {
    uses[p->outs[i]]++;
  }
}

sl_status sl_fuse(sl_program *p, sl_err *err) {
  sl_int n = p->g.nnode + 1;
  fuser f = {.p = p, .open = sl_malloc(OPEN * (sl_int)sizeof *f.open)};
  p->item = sl_malloc(n * (sl_int)sizeof *p->item);
  p->group = sl_malloc(n * (sl_int)sizeof *p->group);
  p->gop = sl_malloc(n * (sl_int)sizeof *p->gop);
  p->read = sl_malloc(3 * n * (sl_int)sizeof *p->read);
  f.uses = sl_malloc(n * (sl_int)sizeof *f.uses);
  if (f.open == NULL || f.uses == NULL || p->item == NULL || p->group == NULL ||
      p->gop == NULL || p->read == NULL) {
    sl_free(f.open);
    sl_free(f.uses);
    return sl_fail(err, SL_ENOMEM, "program: no memory for %d nodes",
                   p->g.nnode);
  }
  count_uses(p, f.uses);
  for (int32_t k = 0; k < p->g.nnode; k++) {
    place_in_order(&f, k);
  }
  while (f.nopen > 0) {
    close_group(&f, 0);
  }
  sl_free(f.open);
  sl_free(f.uses);
  return SL_OK;
}
