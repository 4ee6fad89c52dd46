/* program.c: the compiler's driver. A graph is simplified, then either written
** out element by element, when it is small (lanecode.h), or fused into groups
** and put in order (fuse.c) with memory planned (layout.c): running it
** allocates nothing. A program belongs to one thread at a time.
** MIT licence. */
#include "graph/program.h"

#include <string.h>

enum {
  SMALL = 400,     /* operations of a program written out by elements */
  TIMED_EVERY = 16 /* runs between those that are timed by step */
};

/* ---- making -------------------------------------------------------------- */

void sl_program_free(sl_program *p) {
  if (p != NULL) {
    sl_graph_free(&p->g);
    sl_lanerun_free(p->lane);
    sl_free(p->slot);
    sl_free(p->item);
    sl_free(p->group);
    sl_free(p->gop);
    sl_free(p->read);
    sl_free(p->outs);
    sl_free(p->used);
    sl_free(p->desc);
    sl_free(p->moving);
    sl_free(p->seconds);
    sl_free(p);
  }
}

static sl_status note_leaves(sl_program *p, sl_err *err) {
  sl_int count = (sl_int)p->g.ninput + p->g.ncapture;
  p->used = sl_malloc(count);
  if (p->used == NULL) {
    return sl_fail(err, SL_ENOMEM, "program: no memory for %lld leaves",
                   (long long)count);
  }
  memset(p->used, 0, (size_t)count);
  for (int32_t k = 0; k < p->g.nnode; k++) {
    int op = p->g.node[k].op;
    if (op == SL_OP_input || op == SL_OP_capture) {
      sl_int number = sl_node_attr(&p->g, k)[0];
      if (number < 0) {
        return sl_fail(err, SL_EBUG, "program: a bare tangent is needed");
      }
      p->used[op == SL_OP_input ? number : p->g.ninput + number] = 1;
    }
  }
  return SL_OK;
}

/* The slot that owns the storage of node k. */
static const sl_slot *owner_of(const sl_program *p, int32_t k) {
  const sl_slot *s = &p->slot[p->slot[k].root];
  while (s->place == SL_AT_PART) {
    s = &p->slot[s->whole];
  }
  return s;
}

/* Does the descriptor of node k change from run to run? */
static bool moves(const sl_program *p, int32_t k) {
  const sl_slot *s = &p->slot[k], *root = owner_of(p, k);
  return sl_ops[p->g.node[k].op].cls == SL_LEAF || s->try_view ||
         root->try_view || root->place == SL_AT_LEAF ||
         root->place == SL_AT_OUT;
}

static sl_status describe(sl_program *p, sl_err *err) {
  sl_int n = p->g.nnode + 1;
  p->desc = sl_malloc_aligned(n * (sl_int)sizeof *p->desc);
  p->moving = sl_malloc(n * (sl_int)sizeof *p->moving);
  p->seconds = sl_malloc((p->nitem + 1) * (sl_int)sizeof *p->seconds);
  if (p->desc == NULL || p->moving == NULL || p->seconds == NULL) {
    return sl_fail(err, SL_ENOMEM, "program: no memory for %d nodes",
                   p->g.nnode);
  }
  memset(p->seconds, 0, (size_t)(p->nitem + 1) * sizeof *p->seconds);
  for (int32_t k = 0; k < p->g.nnode; k++) {
    sl_type t;
    sl_node_type(&p->g, k, &t);
    sl_tensor_init(&p->desc[k], &t, NULL);
    if (moves(p, k)) {
      p->moving[p->nmoving++] = k;
    }
  }
  return SL_OK;
}

/* A small graph of few elements: as a lane program. It is made from the graph as
** it stands, since it keeps the signs of zeros, which simplifying does not. */
static sl_status try_lanes(sl_program *p, const sl_graph *g,
                           const sl_node *outs, sl_err *err) {
  sl_lanecode *code;
  SL_TRY(sl_lanecode_make(&code, g, p->nout, outs, NULL, SMALL, err));
  if (code == NULL) {
    return SL_OK;
  }
  for (int32_t i = 0; i < code->nload; i++) {
    const sl_lload *l = &code->load[i];
    if (l->source == SL_FROM_INPUT || l->source == SL_FROM_CAPTURE) {
      p->used[l->source == SL_FROM_INPUT ? l->k : g->ninput + l->k] = 1;
    }
  }
  p->seconds = sl_malloc((sl_int)sizeof *p->seconds);
  if (p->seconds == NULL) {
    sl_lanecode_free(code);
    return sl_fail(err, SL_ENOMEM, "program: no memory");
  }
  p->seconds[0] = 0.0;
  return sl_lanerun_make(&p->lane, code, err);
}

static sl_status compile(sl_program *p, const sl_graph *g,
                         const sl_node *outs, sl_err *err) {
  SL_TRY(note_leaves(p, err));
  SL_TRY(try_lanes(p, g, outs, err));
  if (p->lane != NULL) {
    return SL_OK;
  }
  SL_TRY(sl_layout_views(p, err));
  SL_TRY(sl_fuse(p, err));
  SL_TRY(sl_layout(p, err));
  sl_fuse_rows(p);
  return describe(p, err);
}

sl_status sl_program_make(sl_program **out, const sl_graph *g, int nout,
                          const sl_node *outs, sl_err *err) {
  *out = NULL;
  sl_program *p = sl_malloc((sl_int)sizeof *p);
  if (p == NULL) {
    return sl_fail(err, SL_ENOMEM, "program: no memory");
  }
  memset(p, 0, sizeof *p);
  p->nout = nout;
  p->outs = sl_malloc((sl_int)sizeof *p->outs * (nout + 1));
  sl_status s = p->outs != NULL
                    ? sl_graph_simplify(&p->g, g, nout, outs, p->outs, err)
                    : sl_fail(err, SL_ENOMEM, "program: no memory");
  s = s == SL_OK ? compile(p, g, outs, err) : s;
  if (s != SL_OK) {
    sl_program_free(p);
    return s;
  }
  *out = p;
  return SL_OK;
}

/* ---- running ------------------------------------------------------------- */

sl_int sl_program_scratch(const sl_program *p) { return p->scratch; }

bool sl_program_uses_input(const sl_program *p, int k) {
  return k < p->g.ninput && p->used[k];
}

bool sl_program_uses_capture(const sl_program *p, int k) {
  return k < p->g.ncapture && p->used[p->g.ninput + k];
}

typedef struct frame {
  const sl_tensor *const *inputs;
  const sl_tensor *const *captures;
  const double *slots;
  sl_tensor *const *out;
  char *values;
} frame;

/* Slots and constants, stored in their planned place. */
static void set_number(sl_program *p, const frame *f, int32_t k) {
  const sl_int *attr = sl_node_attr(&p->g, k);
  double value;
  if (p->g.node[k].op == SL_OP_slot) {
    value = f->slots[attr[0]];
  } else {
    memcpy(&value, attr, sizeof value);
  }
  p->desc[k].data = f->values + p->slot[k].offset;
  bool whole = !sl_dtype_isfloat((sl_dtype)p->g.node[k].dtype);
  sl_set(&p->desc[k], 0, value, whole ? (sl_int)value : 0);
}

static bool view_of(sl_program *p, int32_t k, sl_tensor *view) {
  const sl_gnode *node = &p->g.node[k];
  sl_type type;
  sl_node_type(&p->g, k, &type);
  return sl_op_view((sl_op)node->op, view,
                    &p->desc[sl_node_in(&p->g, k)[0]],
                    sl_node_attr(&p->g, k), node->nattr, &type);
}

/* Address of the storage of node k, which is no leaf and no view. */
static char *address_of(const sl_program *p, const frame *f, int32_t k) {
  const sl_slot *s = &p->slot[k];
  sl_int offset = 0;
  for (; s->place == SL_AT_PART; s = &p->slot[s->whole]) {
    offset += s->offset;
  }
  return s->place == SL_AT_OUT ? (char *)f->out[s->out]->data + offset
                               : f->values + s->offset + offset;
}

static void locate(sl_program *p, const frame *f, int32_t k) {
  const sl_slot *s = &p->slot[k];
  const sl_gnode *node = &p->g.node[k];
  sl_tensor view;
  if (node->op == SL_OP_input || node->op == SL_OP_capture) {
    sl_int number = sl_node_attr(&p->g, k)[0];
    p->desc[k] = *(node->op == SL_OP_input ? f->inputs : f->captures)[number];
  } else if (sl_ops[node->op].cls == SL_LEAF) {
    set_number(p, f, k);
  } else if (s->place == SL_AT_NONE || s->try_view) {
    if (view_of(p, k, &view)) {
      p->desc[k] = view;
      return;
    }
    sl_type type = p->desc[k].type; /* a reshape that has to copy */
    sl_tensor_init(&p->desc[k], &type, f->values + s->offset);
  } else if (s->place != SL_AT_LANE) {
    p->desc[k].data = address_of(p, f, k);
  }
}

/* Brings the descriptors up to date, in order of the graph. */
static void locate_all(sl_program *p, const frame *f) {
  if (p->base != f->values) {
    p->base = f->values;
    for (int32_t k = 0; k < p->g.nnode; k++) {
      locate(p, f, k);
    }
    return;
  }
  for (int32_t i = 0; i < p->nmoving; i++) {
    locate(p, f, p->moving[i]);
  }
}

/* Bytes before row `start` of node k. */
static sl_int part_offset(const sl_program *p, int32_t k, sl_int start) {
  const sl_tensor *t = &p->desc[k];
  sl_int row = t->type.shape[0] > 0
                   ? sl_numel(&t->type) / t->type.shape[0] : 0;
  return start * row * sl_dtype_size(t->type.dtype);
}

/* The pieces of concat k that were not computed in their place. */
static sl_status run_concat(const sl_program *p, int32_t k, sl_err *err) {
  const sl_int *in = sl_node_in(&p->g, k);
  int axis = (int)sl_node_attr(&p->g, k)[0];
  sl_int start = 0;
  for (int i = 0; i < p->g.node[k].nin; i++) {
    const sl_slot *root = &p->slot[p->slot[in[i]].root];
    sl_int len = p->desc[in[i]].type.shape[axis];
    if (root->place != SL_AT_PART || root->whole != k ||
        root->offset != part_offset(p, k, start)) {
      sl_tensor part;
      sl_view_slice(&part, &p->desc[k], axis, start, 1, len);
      SL_TRY(sl_copy(&part, &p->desc[in[i]], err));
    }
    start += len;
  }
  return SL_OK;
}

static sl_status run_node(const sl_program *p, const frame *f, int32_t k,
                          sl_err *err) {
  const sl_gnode *node = &p->g.node[k];
  const sl_int *in = sl_node_in(&p->g, k);
  const sl_tensor *arg[SL_MAXIN];
  sl_tensor out = p->desc[k];
  if (p->slot[k].try_view && out.data != f->values + p->slot[k].offset) {
    return SL_OK;
  }
  if (node->op == SL_OP_concat) {
    return run_concat(p, k, err);
  }
  for (int i = 0; i < node->nin; i++) {
    arg[i] = &p->desc[in[i]];
  }
  return sl_op_eval((sl_op)node->op, &out, arg, node->nin,
                    sl_node_attr(&p->g, k), node->nattr, err);
}

static sl_status run_item(const sl_program *p, const frame *f, int32_t i,
                          sl_err *err) {
  SL_TRY(sl_poll(err, "run"));
  const sl_item *item = &p->item[i];
  if (item->group < 0) {
    return run_node(p, f, item->node, err);
  }
  const sl_group *g = &p->group[item->group];
  return item->node < 0
             ? sl_group_run(p, g, p->desc, err)
             : sl_group_run_product(p, g, item->node, p->desc, err);
}

/* Results that are leaves, views or listed twice are copied at the end. */
static sl_status copy_results(const sl_program *p, const frame *f,
                              sl_err *err) {
  for (int i = 0; i < p->nout; i++) {
    const sl_slot *s = &p->slot[p->outs[i]];
    if (s->place != SL_AT_OUT || s->out != i) {
      SL_TRY(sl_copy(f->out[i], &p->desc[p->outs[i]], err));
    }
  }
  return SL_OK;
}

/* A failure in item i, with the line where the user wrote that step. */
static sl_status report(const sl_program *p, int32_t i, sl_status s,
                        const sl_err *inner, sl_err *err) {
  int line = p->item[i].node >= 0 ? p->g.node[p->item[i].node].line : 0;
  return line > 0 && s != SL_EINTR
             ? sl_fail(err, s, "%.700s (traced at line %d)", inner->msg, line)
             : sl_fail(err, s, "%.700s", inner->msg);
}

static sl_status run_items(sl_program *p, const frame *f, bool timed,
                           sl_err *err) {
  sl_err inner;
  double before = timed ? sl_clock() : 0.0;
  p->timed += timed;
  for (int32_t i = 0; i < p->nitem; i++) {
    sl_status s = run_item(p, f, i, &inner);
    if (s != SL_OK) {
      return report(p, i, s, &inner, err);
    }
    if (timed) {
      double now = sl_clock();
      p->seconds[i] += now - before;
      before = now;
    }
  }
  return copy_results(p, f, err);
}

sl_status sl_program_run(sl_program *p, const sl_tensor *const *inputs,
                         const sl_tensor *const *captures, const double *slots,
                         sl_tensor *const *out, void *scratch, sl_err *err) {
  slots = slots != NULL ? slots : p->g.slot;
  int64_t run = p->runs++;
  bool timed = run < 3 || run % TIMED_EVERY == 0;
  if (p->lane != NULL) {
    SL_TRY(sl_poll(err, "run"));
    double before = timed ? sl_clock() : 0.0;
    sl_lanerun_run(p->lane, inputs, captures, slots, out);
    if (timed) {
      p->seconds[0] += sl_clock() - before;
      p->timed++;
    }
    return SL_OK;
  }
  frame f = {.inputs = inputs, .captures = captures, .slots = slots,
             .out = out, .values = scratch};
  locate_all(p, &f);
  return run_items(p, &f, timed, err);
}
