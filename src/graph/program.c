/* program.c: a graph made runnable. Needed nodes in index order; views share
** storage; every other result has a planned place in one scratch block, freed
** for reuse after its last reader, so that running allocates nothing. Results
** are written straight into the caller's tensors. This is the place of the
** compiler: fusion replaces `steps`, the interface stays.  MIT licence. */
#include <stdio.h>
#include <string.h>

#include "graph/rules.h"

typedef enum place {
  PLACE_NONE,    /* a view: no storage of its own */
  PLACE_LEAF,    /* input or capture: the caller's */
  PLACE_SCRATCH, /* at offset in the scratch block */
  PLACE_OUT      /* the caller's result tensor number `out` */
} place;

typedef struct step {
  sl_node node;  /* in the program's own graph */
  uint8_t place;
  bool try_view; /* a reshape of a leaf: a view if its strides allow */
  int32_t root;  /* step whose storage this one reads */
  int32_t last;  /* last step that reads this one's storage */
  int32_t out;
  sl_int offset, bytes;
} step;

struct sl_program {
  sl_graph g; /* only the needed nodes: step k is node k */
  step *steps;
  int32_t nstep;
  int nout;
  sl_node *outs;  /* steps of the results */
  sl_int scratch; /* bytes for values; descriptors come on top */
  unsigned char *used; /* per input, then per capture: is it read? */
};

/* ---- planning: who reads whom -------------------------------------------- */

static sl_int bytes_of(const sl_graph *g, sl_node n) {
  sl_type t;
  sl_node_type(g, n, &t);
  sl_int bytes = sl_numel(&t) * sl_dtype_size(t.dtype);
  return (bytes + 63) / 64 * 64;
}

/* Strides of leaves are known only when the program runs, and so are those of
** views of them. */
static bool dynamic(const sl_program *p, int32_t k) {
  const step *root = &p->steps[p->steps[k].root];
  return root->place == PLACE_LEAF || root->try_view;
}

/* Decides where step k lives; desc[] holds stand-in descriptors. */
static void place_step(sl_program *p, int32_t k, sl_tensor *desc) {
  step *s = &p->steps[k];
  const sl_gnode *node = &p->g.node[k];
  sl_type type;
  sl_node_type(&p->g, k, &type);
  s->root = k;
  s->place = PLACE_SCRATCH;
  s->bytes = bytes_of(&p->g, k);
  sl_tensor_init(&desc[k], &type, NULL);
  if (node->op == SL_OP_input || node->op == SL_OP_capture) {
    s->place = PLACE_LEAF;
    return;
  }
  if (sl_ops[node->op].cls != SL_VIEW) {
    return;
  }
  int32_t from = (int32_t)sl_node_in(&p->g, k)[0];
  if (node->op == SL_OP_reshape && dynamic(p, from)) {
    s->try_view = true;
    return;
  }
  sl_tensor view;
  if (sl_op_view((sl_op)node->op, &view, &desc[from], sl_node_attr(&p->g, k),
                 node->nattr, &type)) {
    desc[k] = view;
    s->place = PLACE_NONE;
    s->root = p->steps[from].root;
    s->bytes = 0;
  }
}

/* Step `reader` reads step k's storage: and what that may be a view of. */
static void note_reader(sl_program *p, int32_t k, int32_t reader) {
  step *root = &p->steps[p->steps[k].root];
  root->last = reader > root->last ? reader : root->last;
  while (root->try_view) {
    sl_int from = sl_node_in(&p->g, root->node)[0];
    root = &p->steps[p->steps[from].root];
    root->last = reader > root->last ? reader : root->last;
  }
}

static void note_readers(sl_program *p) {
  for (int32_t k = 0; k < p->nstep; k++) {
    const sl_int *in = sl_node_in(&p->g, k);
    p->steps[k].last = k;
    for (int i = 0; i < p->g.node[k].nin; i++) {
      note_reader(p, (int32_t)in[i], k);
    }
  }
  for (int i = 0; i < p->nout; i++) {
    note_reader(p, p->outs[i], p->nstep);
  }
}

/* Results that are computed (no view, no leaf, not twice) go straight out. */
static void place_results(sl_program *p) {
  for (int i = 0; i < p->nout; i++) {
    step *s = &p->steps[p->outs[i]];
    if (s->place == PLACE_SCRATCH && !s->try_view) {
      s->place = PLACE_OUT;
      s->out = i;
    }
  }
}

/* ---- planning: offsets --------------------------------------------------- */

typedef struct hole {
  sl_int offset, bytes;
} hole;

typedef struct arena {
  hole *hole; /* sorted by offset, never adjacent */
  int32_t n;
  sl_int top;
} arena;

static void remove_hole(arena *a, int32_t i) {
  a->n--;
  memmove(&a->hole[i], &a->hole[i + 1], (size_t)(a->n - i) * sizeof(hole));
}

static sl_int arena_take(arena *a, sl_int bytes) {
  int32_t best = -1;
  for (int32_t i = 0; i < a->n; i++) {
    sl_int room = a->hole[i].bytes;
    if (room >= bytes && (best < 0 || room < a->hole[best].bytes)) {
      best = i;
    }
  }
  if (best < 0) {
    sl_int offset = a->top;
    a->top += bytes;
    return offset;
  }
  sl_int offset = a->hole[best].offset;
  a->hole[best].offset += bytes;
  a->hole[best].bytes -= bytes;
  if (a->hole[best].bytes == 0) {
    remove_hole(a, best);
  }
  return offset;
}

static void arena_give(arena *a, sl_int offset, sl_int bytes) {
  int32_t i = 0;
  while (i < a->n && a->hole[i].offset < offset) {
    i++;
  }
  memmove(&a->hole[i + 1], &a->hole[i], (size_t)(a->n - i) * sizeof(hole));
  a->hole[i] = (hole){offset, bytes};
  a->n++;
  if (i + 1 < a->n && offset + bytes == a->hole[i + 1].offset) {
    a->hole[i].bytes += a->hole[i + 1].bytes;
    remove_hole(a, i + 1);
  }
  if (i > 0 && a->hole[i - 1].offset + a->hole[i - 1].bytes == offset) {
    a->hole[i - 1].bytes += a->hole[i].bytes;
    remove_hole(a, i);
  }
}

/* Frees what step k was the last to read, through a list by last reader:
** next[] chains steps, head[k] is the first whose storage dies after k. */
static void plan_offsets(sl_program *p, hole *holes, int32_t *head,
                         int32_t *next) {
  arena a = {.hole = holes};
  for (int32_t k = 0; k <= p->nstep; k++) {
    head[k] = -1;
  }
  for (int32_t k = 0; k < p->nstep; k++) {
    step *s = &p->steps[k];
    if (s->place == PLACE_SCRATCH && s->bytes > 0) {
      s->offset = arena_take(&a, s->bytes);
      next[k] = head[s->last];
      head[s->last] = k;
    }
    for (int32_t d = head[k]; d >= 0; d = next[d]) {
      arena_give(&a, p->steps[d].offset, p->steps[d].bytes);
    }
  }
  p->scratch = a.top;
}

/* ---- making -------------------------------------------------------------- */

void sl_program_free(sl_program *p) {
  if (p != NULL) {
    sl_graph_free(&p->g);
    sl_free(p->steps);
    sl_free(p->outs);
    sl_free(p->used);
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
  for (int32_t k = 0; k < p->nstep; k++) {
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

static sl_status plan(sl_program *p, sl_err *err) {
  sl_int n = p->nstep + 1;
  p->steps = sl_malloc(n * (sl_int)sizeof *p->steps);
  sl_tensor *desc = sl_malloc(n * (sl_int)sizeof *desc);
  hole *holes = sl_malloc((n + 1) * (sl_int)sizeof *holes);
  int32_t *lists = sl_malloc(2 * n * (sl_int)sizeof *lists);
  sl_status s = SL_OK;
  if (p->steps == NULL || desc == NULL || holes == NULL || lists == NULL) {
    s = sl_fail(err, SL_ENOMEM, "program: no memory for %d steps", p->nstep);
  } else {
    memset(p->steps, 0, (size_t)n * sizeof *p->steps);
    for (int32_t k = 0; k < p->nstep; k++) {
      p->steps[k].node = k;
      place_step(p, k, desc);
    }
    note_readers(p);
    place_results(p);
    plan_offsets(p, holes, lists, lists + n);
  }
  sl_free(desc);
  sl_free(holes);
  sl_free(lists);
  return s;
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
                    ? sl_graph_extract(&p->g, g, nout, outs, p->outs, err)
                    : sl_fail(err, SL_ENOMEM, "program: no memory");
  p->nstep = p->g.nnode;
  s = s == SL_OK ? note_leaves(p, err) : s;
  s = s == SL_OK ? plan(p, err) : s;
  if (s != SL_OK) {
    sl_program_free(p);
    return s;
  }
  *out = p;
  return SL_OK;
}

/* ---- running ------------------------------------------------------------- */

static sl_int desc_bytes(const sl_program *p) {
  return ((sl_int)sizeof(sl_tensor) * p->nstep + 63) / 64 * 64;
}

sl_int sl_program_scratch(const sl_program *p) {
  return p->scratch + desc_bytes(p);
}

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
  sl_tensor *desc; /* of every step */
  char *values;
} frame;

/* Fills a leaf's descriptor; scalars are stored in their planned place. */
static void run_leaf(const sl_program *p, const frame *f, int32_t k) {
  const sl_int *attr = sl_node_attr(&p->g, k);
  double value;
  switch (p->g.node[k].op) {
    case SL_OP_input:
      f->desc[k] = *f->inputs[attr[0]];
      return;
    case SL_OP_capture:
      f->desc[k] = *f->captures[attr[0]];
      return;
    case SL_OP_slot:
      value = f->slots != NULL ? f->slots[attr[0]] : p->g.slot[attr[0]];
      break;
    default:
      memcpy(&value, attr, sizeof value);
  }
  bool whole = !sl_dtype_isfloat((sl_dtype)p->g.node[k].dtype);
  sl_set(&f->desc[k], 0, value, whole ? (sl_int)value : 0);
}

static sl_status run_step(const sl_program *p, const frame *f, int32_t k,
                          sl_err *err) {
  const step *s = &p->steps[k];
  const sl_gnode *node = &p->g.node[k];
  const sl_int *in = sl_node_in(&p->g, k);
  const sl_int *attr = sl_node_attr(&p->g, k);
  sl_type type;
  sl_node_type(&p->g, k, &type);
  void *data = s->place == PLACE_OUT ? f->out[s->out]->data
                                     : f->values + s->offset;
  sl_tensor_init(&f->desc[k], &type, data);
  if (sl_ops[node->op].cls == SL_LEAF) {
    run_leaf(p, f, k);
    return SL_OK;
  }
  if (s->place == PLACE_NONE || s->try_view) {
    sl_tensor view;
    if (sl_op_view((sl_op)node->op, &view, &f->desc[in[0]], attr, node->nattr,
                   &type)) {
      f->desc[k] = view;
      return SL_OK;
    }
  }
  const sl_tensor *arg[SL_MAXIN];
  for (int i = 0; i < node->nin; i++) {
    arg[i] = &f->desc[in[i]];
  }
  return sl_op_eval((sl_op)node->op, &f->desc[k], arg, node->nin, attr,
                    node->nattr, err);
}

/* Results that are leaves, views or listed twice are copied at the end. */
static sl_status copy_results(const sl_program *p, const frame *f,
                              sl_err *err) {
  for (int i = 0; i < p->nout; i++) {
    const step *s = &p->steps[p->outs[i]];
    if (s->place != PLACE_OUT || s->out != i) {
      SL_TRY(sl_copy(f->out[i], &f->desc[p->outs[i]], err));
    }
  }
  return SL_OK;
}

/* A failure in step k, with the line where the user wrote that step. */
static sl_status report(const sl_program *p, int32_t k, sl_status s,
                        const sl_err *inner, sl_err *err) {
  int line = p->g.node[k].line;
  return line > 0 && s != SL_EINTR
             ? sl_fail(err, s, "%.700s (traced at line %d)", inner->msg, line)
             : sl_fail(err, s, "%.700s", inner->msg);
}

sl_status sl_program_run(const sl_program *p, const sl_tensor *const *inputs,
                         const sl_tensor *const *captures, const double *slots,
                         sl_tensor *const *out, void *scratch, sl_err *err) {
  frame f = {.inputs = inputs,
             .captures = captures,
             .slots = slots,
             .out = out,
             .desc = scratch,
             .values = (char *)scratch + desc_bytes(p)};
  for (int32_t k = 0; k < p->nstep; k++) {
    sl_err inner;
    sl_status s = sl_poll(&inner, "run");
    s = s == SL_OK ? run_step(p, &f, k, &inner) : s;
    if (s != SL_OK) {
      return report(p, k, s, &inner, err);
    }
  }
  return copy_results(p, &f, err);
}

/* ---- printing ------------------------------------------------------------ */

sl_int sl_program_text(char *buf, sl_int n, const sl_program *p) {
  sl_int len = sl_graph_text(buf, n, &p->g, p->outs, p->nout);
  char tail[128];
  int more = snprintf(tail, sizeof tail, "%d steps, %lld bytes of scratch\n",
                      (int)p->nstep, (long long)sl_program_scratch(p));
  if (len < n) {
    snprintf(buf + len, (size_t)(n - len), "%s", tail);
  }
  return len + more;
}
