/* build.c: makes the machine of a step: its lane program, and a row for every
** value that lanes have of their own, reused when its last reader is done.
** MIT licence. */
#include <string.h>

#include "march/machine.h"

enum { MOST = 4096 /* operations of a step */ };

void sl_march_free(sl_march *m) {
  if (m != NULL) {
    sl_lanecode_free(m->code);
    sl_free(m->first);
    sl_free(m->row);
    sl_free(m);
  }
}

/* The row of an element of noise k before even steps. */
static int32_t noise_row(const sl_march *m, int k, sl_int element) {
  sl_random_kind kind = m->noise[k].draw.kind;
  bool single = sl_noise_single(kind);
  for (int i = 0; i < k; i++) {
    element += m->noise[i].size;
  }
  return (int32_t)(sl_noise_row(m) + 2 * element + single);
}

/* Rows of loads: the state's, the noise's; clocks and captures that go with the
** lanes get their own. */
static void rows_of_loads(sl_march *m, int clock, int first_noise) {
  const sl_lanecode *c = m->code;
  for (int32_t i = 0; i < c->nload; i++) {
    const sl_lload *l = &c->load[i];
    if (l->source == SL_FROM_TABLE) {
      m->row[l->out] = sl_table_row(i);
    } else if (l->source == SL_FROM_INPUT && l->k < m->nstate) {
      m->row[l->out] = (int32_t)(m->first[l->k] + l->element);
    } else if (l->source == SL_FROM_INPUT && l->k >= first_noise) {
      m->row[l->out] = noise_row(m, l->k - first_noise, l->element);
    } else if (c->level[l->out] == SL_EACH) {
      m->row[l->out] = m->nrow++;
    }
    if (l->source == SL_FROM_INPUT && l->k == clock) {
      m->clock = l->out;
    }
  }
}

/* What an operation makes goes straight to the first place among the results
** that it is all of. Loads and second places are copied there. */
static void rows_of_results(sl_march *m) {
  const sl_lanecode *c = m->code;
  for (sl_int j = m->nnext + m->nvalue - 1; j >= 0; j--) {
    int32_t v = c->out[j];
    if (c->level[v] == SL_EACH) {
      m->row[v] = sl_result_row(m, j);
    }
  }
}

/* Rows for what only lives within a step, free again after the last reader. */
static void give_rows(sl_march *m, int32_t *last, int32_t *room) {
  const sl_lanecode *c = m->code;
  int32_t nroom = 0, first = m->nrow;
  for (int32_t i = c->nfixed; i < c->nop; i++) {
    for (int k = 0; k < c->op[i].nin; k++) {
      if (c->op[i].in[k] != SL_LANE_ONE) {
        last[c->op[i].in[k]] = i;
      }
    }
  }
  for (int32_t i = c->nfixed; i < c->nop; i++) {
    const sl_lop *op = &c->op[i];
    if (op->level != SL_EACH) {
      continue;
    }
    if (m->row[op->out] < 0) {
      m->row[op->out] = nroom > 0 ? room[--nroom] : m->nrow++;
    }
    for (int k = 0; k < op->nin; k++) {
      int32_t v = op->in[k];
      if (v != SL_LANE_ONE && last[v] == i && m->row[v] >= first) {
        room[nroom++] = m->row[v];
        last[v] = -1; /* named twice by this operation: given once */
      }
    }
  }
}

static sl_status assign(sl_march *m, const sl_step *step, sl_err *err) {
  const sl_lanecode *c = m->code;
  sl_int n = c->nvalue + 1;
  int32_t *lists = sl_malloc(2 * n * (sl_int)sizeof *lists);
  m->row = sl_malloc(n * (sl_int)sizeof *m->row);
  if (m->row == NULL || lists == NULL) {
    sl_free(lists);
    return sl_fail(err, SL_ENOMEM, "march: no memory for %d values",
                   c->nvalue);
  }
  for (sl_int v = 0; v < n; v++) {
    m->row[v] = -1;
    lists[v] = -1;
  }
  m->nrow = (int32_t)(sl_value_row(m) + m->nvalue);
  m->clock = -1;
  rows_of_results(m);
  rows_of_loads(m, step->clock,
                step->nnoise > 0 ? step->first_noise : INT32_MAX);
  give_rows(m, lists, lists + n);
  sl_free(lists);
  return SL_OK;
}

/* States and values are numbers: rows of doubles. */
static bool all_f64(const sl_graph *g, int n, const sl_node *nodes) {
  for (int k = 0; k < n; k++) {
    if (g->node[nodes[k]].dtype != SL_F64) {
      return false;
    }
  }
  return true;
}

/* Elements of the state tensors, which are inputs, by what the graph says of
** them; an input that it never reads has the type of the next state. */
static void measure_state(sl_march *m, const sl_step *step) {
  const sl_graph *g = step->g;
  sl_type t;
  for (int k = 0; k < m->nstate; k++) {
    m->first[k + 1] = 0;
  }
  for (sl_node n = 0; n < g->nnode; n++) {
    if (g->node[n].op == SL_OP_input && sl_node_attr(g, n)[0] < m->nstate) {
      sl_node_type(g, n, &t);
      m->first[sl_node_attr(g, n)[0] + 1] = sl_numel(&t);
    }
  }
  m->first[0] = 0;
  for (int k = 0; k < m->nstate; k++) {
    m->first[k + 1] += m->first[k];
  }
  m->width = m->first[m->nstate];
}

static void describe(sl_march *m, const sl_step *step) {
  measure_state(m, step);
  m->nnoise = step->nnoise;
  for (int k = 0; k < step->nnoise; k++) {
    m->noise[k] = step->noise[k];
    m->draws += step->noise[k].size;
  }
  m->nnext = step->watch ? 0 : m->width;
  m->nvalue = m->code->first[m->code->nresult] - m->nnext;
}

static sl_status lane_program(sl_march *m, const sl_step *step,
                              const sl_level *captures, sl_err *err) {
  const sl_graph *g = step->g;
  sl_level *level =
      sl_malloc((g->ninput + g->ncapture + 1) * (sl_int)sizeof *level);
  if (level == NULL) {
    return sl_fail(err, SL_ENOMEM, "march: no memory");
  }
  for (int k = 0; k < g->ninput; k++) {
    level[k] = k == step->clock && !step->aged ? SL_STEP : SL_EACH;
  }
  for (int k = 0; k < g->ncapture; k++) {
    level[g->ninput + k] = captures != NULL ? captures[k] : SL_FIXED;
  }
  sl_status s = sl_lanecode_make(&m->code, g, step->nout, step->outs, level,
                                 MOST, err);
  sl_free(level);
  return s;
}

sl_status sl_march_build(sl_march **out, const sl_step *step, bool elements,
                         const sl_level *captures, sl_err *err) {
  *out = NULL;
  if (!all_f64(step->g, step->nout, step->outs)) {
    return SL_OK;
  }
  sl_march *m = sl_malloc((sl_int)sizeof *m);
  sl_status s = SL_OK;
  if (m != NULL) {
    memset(m, 0, sizeof *m);
    m->nstate = step->nstate;
    m->elements = elements;
    m->first = sl_malloc((step->nstate + 1) * (sl_int)sizeof *m->first);
  }
  if (m == NULL || m->first == NULL) {
    s = sl_fail(err, SL_ENOMEM, "march: no memory");
  } else {
    s = lane_program(m, step, captures, err);
  }
  if (s == SL_OK && m->code != NULL) {
    describe(m, step);
    s = assign(m, step, err);
  }
  if (s != SL_OK || m->code == NULL) {
    sl_march_free(m);
    return s;
  }
  *out = m;
  return SL_OK;
}

sl_status sl_march_make(sl_march **out, const sl_step *step, sl_err *err) {
  return sl_march_build(out, step, false, NULL, err);
}

int32_t sl_march_ops(const sl_march *m) {
  return m->code->nop - m->code->nfixed;
}

sl_int sl_march_draws(const sl_march *m) { return m->draws; }

sl_int sl_march_state_size(const sl_march *m, int k) {
  return m->first[k + 1] - m->first[k];
}

sl_int sl_march_values(const sl_march *m) { return m->nvalue; }

int sl_march_results(const sl_march *m) { return m->code->nresult; }

sl_int sl_march_result_size(const sl_march *m, int r) {
  return m->code->first[r + 1] - m->code->first[r];
}
