/* fuse.c: what runs together, and in what order. Element-wise nodes of one
** shape join the open group of that shape; a group is closed, that is put into
** the order, when something outside it needs one of its values. Open groups
** therefore depend on closed ones only, and joining is always allowed.
** MIT licence. */
#include <string.h>

#include "graph/program.h"

typedef struct open_group {
  sl_group g;
  int32_t read[SL_GROUP_READS];
  sl_gop op[SL_GROUP_OPS];
} open_group;

enum { OPEN = 8 }; /* open groups at once; the oldest is closed for a ninth */

typedef struct fuser {
  sl_program *p;
  open_group *open;
  int nopen;
} fuser;

/* ---- closing ------------------------------------------------------------- */

/* Moves a group's lists to the program's and gives it its place in the order.
** Its number was fixed when it was opened. */
static void close_group(fuser *f, int which) {
  sl_program *p = f->p;
  open_group *o = &f->open[which];
  int32_t number = p->slot[o->op[0].node].group;
  sl_group *g = &p->group[number];
  *g = o->g;
  g->op = p->ngop;
  g->read = p->nread;
  for (int32_t i = 0; i < g->nop; i++) {
    p->slot[o->op[i].node].item = p->nitem;
    o->op[i].out = (uint8_t)(g->nread + i); /* reads come first */
    for (int k = 0; k < o->op[i].nin; k++) {
      uint8_t v = o->op[i].in[k];
      o->op[i].in[k] = v & 0x80 ? (uint8_t)(g->nread + (v & 0x7f)) : v;
    }
    p->gop[p->ngop++] = o->op[i];
  }
  memcpy(p->read + p->nread, o->read, (size_t)g->nread * sizeof *o->read);
  p->nread += g->nread;
  p->item[p->nitem++] = (sl_item){.node = -1, .group = number};
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

/* Operands are settled first: a view, or a value of another shape, is read from
** memory. What remains is in memory or in the open group of this shape. */
static void join(fuser *f, int32_t k) {
  const sl_graph *g = &f->p->g;
  const sl_gnode *node = &g->node[k];
  const sl_int *in = sl_node_in(g, k);
  sl_type t, own;
  sl_node_type(g, k, &own);
  for (int i = 0; i < node->nin; i++) {
    sl_node_type(g, (sl_node)in[i], &t);
    if (f->p->slot[in[i]].root != in[i] || !sl_shape_eq(&t, &own)) {
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
  o->op[o->g.nop++] = op;
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
    for (int k = 0; k < op[i].nin; k++) {
      last[op[i].in[k]] = i;
    }
  }
  for (int v = 0; v < SL_GROUP_VALUES; v++) {
    g->row[v] = -1;
  }
  for (int i = 0; i < g->nop; i++) {
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

sl_status sl_fuse(sl_program *p, sl_err *err) {
  sl_int n = p->g.nnode + 1;
  fuser f = {.p = p, .open = sl_malloc(OPEN * (sl_int)sizeof *f.open)};
  p->item = sl_malloc(n * (sl_int)sizeof *p->item);
  p->group = sl_malloc(n * (sl_int)sizeof *p->group);
  p->gop = sl_malloc(n * (sl_int)sizeof *p->gop);
  p->read = sl_malloc(3 * n * (sl_int)sizeof *p->read);
  if (f.open == NULL || p->item == NULL || p->group == NULL ||
      p->gop == NULL || p->read == NULL) {
    sl_free(f.open);
    return sl_fail(err, SL_ENOMEM, "program: no memory for %d nodes",
                   p->g.nnode);
  }
  for (int32_t k = 0; k < p->g.nnode; k++) {
    place_in_order(&f, k);
  }
  while (f.nopen > 0) {
    close_group(&f, 0);
  }
  sl_free(f.open);
  return SL_OK;
}
