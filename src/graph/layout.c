/* layout.c: where the values of a program live. Views share storage; every
** other value that leaves its group has a planned place in one scratch block,
** free for reuse after its last reader, so that running allocates nothing.
** Results are written straight into the caller's tensors.  MIT licence. */
#include <string.h>

#include "graph/program.h"

/* ---- views --------------------------------------------------------------- */

static sl_int bytes_of(const sl_graph *g, sl_node n) {
  sl_type t;
  sl_node_type(g, n, &t);
  sl_int bytes = sl_numel(&t) * sl_dtype_size(t.dtype);
  return (bytes + 63) / 64 * 64;
}

/* Strides of leaves are known only when the program runs, and so are those of
** views of them. */
static bool dynamic(const sl_program *p, int32_t k) {
  const sl_slot *root = &p->slot[p->slot[k].root];
  return root->place == SL_AT_LEAF || root->try_view;
}

/* Is node k a view, and of what? desc[] holds stand-in descriptors. */
static void place_node(sl_program *p, int32_t k, sl_tensor *desc) {
  sl_slot *s = &p->slot[k];
  const sl_gnode *node = &p->g.node[k];
  sl_type type;
  sl_node_type(&p->g, k, &type);
  *s = (sl_slot){.root = k, .place = SL_AT_SCRATCH, .group = -1, .item = -1,
                 .bytes = bytes_of(&p->g, k)};
  sl_tensor_init(&desc[k], &type, NULL);
  if (node->op == SL_OP_input || node->op == SL_OP_capture) {
    s->place = SL_AT_LEAF;
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
    s->place = SL_AT_NONE;
    s->root = p->slot[from].root;
    s->bytes = 0;
  }
}

sl_status sl_layout_views(sl_program *p, sl_err *err) {
  sl_int n = p->g.nnode;
  sl_tensor *desc = sl_malloc((n + 1) * (sl_int)sizeof *desc);
  p->slot = sl_malloc((n + 1) * (sl_int)sizeof *p->slot);
  if (desc == NULL || p->slot == NULL) {
    sl_free(desc);
    return sl_fail(err, SL_ENOMEM, "program: no memory for %lld nodes",
                   (long long)n);
  }
  for (int32_t k = 0; k < n; k++) {
    place_node(p, k, desc);
  }
  sl_free(desc);
  return SL_OK;
}

/* ---- readers ------------------------------------------------------------- */

/* Position `item` reads node k's storage: and what that may be a view of. */
static void note_reader(sl_program *p, int32_t k, int32_t item) {
  sl_slot *root = &p->slot[p->slot[k].root];
  root->last = item > root->last ? item : root->last;
  while (root->try_view) {
    sl_int from = sl_node_in(&p->g, (sl_node)(root - p->slot))[0];
    root = &p->slot[p->slot[from].root];
    root->last = item > root->last ? item : root->last;
  }
}

static void note_readers(sl_program *p) {
  for (int32_t k = 0; k < p->g.nnode; k++) {
    bool always = sl_ops[p->g.node[k].op].cls == SL_LEAF; /* numbers stay */
    p->slot[k].last = always ? p->nitem : p->slot[k].item;
  }
  for (int32_t k = 0; k < p->g.nnode; k++) {
    const sl_int *in = sl_node_in(&p->g, k);
    for (int i = 0; i < p->g.node[k].nin && p->slot[k].item >= 0; i++) {
      note_reader(p, (int32_t)in[i], p->slot[k].item);
    }
  }
  for (int i = 0; i < p->nout; i++) {
    note_reader(p, p->outs[i], p->nitem);
  }
}

/* Is the value read by anything outside its group? Views count: who reads
** them reads memory. */
static void keep_in_lanes(sl_program *p) {
  for (int32_t k = 0; k < p->g.nnode; k++) {
    bool member = sl_ops[p->g.node[k].op].cls == SL_MAP; /* no reduction */
    if (p->slot[k].group >= 0 && member) {
      p->slot[k].place = SL_AT_LANE;
    }
  }
  for (int32_t k = 0; k < p->g.nnode; k++) {
    const sl_int *in = sl_node_in(&p->g, k);
    for (int i = 0; i < p->g.node[k].nin; i++) {
      sl_slot *s = &p->slot[in[i]];
      if (s->place == SL_AT_LANE && s->group != p->slot[k].group) {
        s->place = SL_AT_SCRATCH;
      }
    }
  }
  for (int i = 0; i < p->nout; i++) {
    sl_slot *s = &p->slot[p->outs[i]];
    s->place = s->place == SL_AT_LANE ? SL_AT_SCRATCH : s->place;
  }
}

/* Results that are computed (no view, no leaf, not twice) go straight out. */
static void place_results(sl_program *p) {
  for (int i = 0; i < p->nout; i++) {
    sl_slot *s = &p->slot[p->outs[i]];
    bool number = sl_ops[p->g.node[p->outs[i]].op].cls == SL_LEAF;
    if (s->place == SL_AT_SCRATCH && !s->try_view && !number) {
      s->place = SL_AT_OUT;
      s->out = i;
    }
  }
}

/* ---- pieces of a whole --------------------------------------------------- */

/* The node whose storage is all of node x's elements in order, if a concat may
** take it into its own; else -1. */
static int32_t adoptable(const sl_program *p, int32_t x) {
  int32_t root = p->slot[x].root;
  while (x != root && p->g.node[x].op == SL_OP_reshape) {
    x = (int32_t)sl_node_in(&p->g, x)[0];
  }
  const sl_slot *s = &p->slot[root];
  bool number = sl_ops[p->g.node[root].op].cls == SL_LEAF;
  return x == root && s->place == SL_AT_SCRATCH && !s->try_view && !number
             ? root
             : -1;
}

/* Pieces of concat k along its first axis are computed right where they belong:
** nothing is copied. */
static void adopt_pieces(sl_program *p, int32_t k) {
  const sl_int *in = sl_node_in(&p->g, k);
  sl_slot *whole = &p->slot[k];
  sl_int offset = 0;
  bool fits = sl_node_attr(&p->g, k)[0] == 0 &&
              (whole->place == SL_AT_SCRATCH || whole->place == SL_AT_OUT);
  for (int i = 0; i < p->g.node[k].nin && fits; i++) {
    int32_t root = adoptable(p, (int32_t)in[i]);
    sl_type t;
    sl_node_type(&p->g, (sl_node)in[i], &t);
    if (root >= 0) {
      sl_slot *s = &p->slot[root];
      s->place = SL_AT_PART;
      s->whole = k;
      s->offset = offset;
      whole->first = s->item < whole->first ? s->item : whole->first;
      whole->last = s->last > whole->last ? s->last : whole->last;
    }
    offset += sl_numel(&t) * sl_dtype_size(t.dtype);
  }
}

/* In order of the graph: a whole that is itself a piece has settled first what it
** needs of its own. */
static void adopt_all(sl_program *p) {
  for (int32_t k = 0; k < p->g.nnode; k++) {
    p->slot[k].first = p->slot[k].item;
  }
  for (int32_t k = 0; k < p->g.nnode; k++) {
    if (p->g.node[k].op == SL_OP_concat) {
      adopt_pieces(p, k);
    }
  }
}

/* ---- offsets ------------------------------------------------------------- */

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

/* Nodes are taken up where they are computed and given back after the last
** position that reads them, through lists by position: begins[i] and ends[i]
** are the first nodes, next[] chains them. */
static void plan_offsets(sl_program *p, hole *holes, int32_t *lists) {
  int32_t n = p->g.nnode, items = p->nitem;
  int32_t *begins = lists, *ends = begins + items + 1;
  int32_t *next_begin = ends + items + 1, *next_end = next_begin + n;
  arena a = {.hole = holes};
  for (int32_t i = 0; i <= items; i++) {
    begins[i] = ends[i] = -1;
  }
  for (int32_t k = 0; k < n; k++) {
    const sl_slot *s = &p->slot[k];
    if (s->place == SL_AT_SCRATCH && s->bytes > 0) {
      next_begin[k] = begins[s->first];
      begins[s->first] = k;
      next_end[k] = ends[s->last];
      ends[s->last] = k;
    }
  }
  for (int32_t i = 0; i <= items; i++) {
    for (int32_t k = begins[i]; k >= 0; k = next_begin[k]) {
      p->slot[k].offset = arena_take(&a, p->slot[k].bytes);
    }
    for (int32_t k = ends[i]; k >= 0; k = next_end[k]) {
      arena_give(&a, p->slot[k].offset, p->slot[k].bytes);
    }
  }
  p->scratch = a.top;
}

sl_status sl_layout(sl_program *p, sl_err *err) {
  sl_int n = p->g.nnode, items = p->nitem;
  hole *holes = sl_malloc((n + 2) * (sl_int)sizeof *holes);
  int32_t *lists =
      sl_malloc((2 * n + 2 * items + 4) * (sl_int)sizeof *lists);
  sl_status s = SL_OK;
  if (holes == NULL || lists == NULL) {
    s = sl_fail(err, SL_ENOMEM, "program: no memory for %lld nodes",
                (long long)n);
  } else {
    note_readers(p);
    keep_in_lanes(p);
    place_results(p);
    adopt_all(p);
    plan_offsets(p, holes, lists);
  }
  sl_free(holes);
  sl_free(lists);
  return s;
}
