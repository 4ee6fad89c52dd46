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

int32_t sl_march_ops(const sl_march *m) {
  return m->code->nop - m->code->nfixed;
}

/* Rows of loads: the state's; captures that go with the lanes get their own. */
static void rows_of_loads(sl_march *m) {
  const sl_lanecode *c = m->code;
  for (int32_t i = 0; i < c->nload; i++) {
    const sl_lload *l = &c->load[i];
    if (l->source == SL_FROM_INPUT && l->k < m->nstate) {
      m->row[l->out] = (int32_t)(m->first[l->k] + l->element);
    } else if (l->source == SL_FROM_INPUT) {
      m->clock = l->out;
    } else if (c->level[l->out] == SL_EACH) {
      m->row[l->out] = m->nrow++;
    }
  }
}

/* What an operation makes goes straight to the first place in the next state
** that it is all of. Loads and second places are copied there. */
static void rows_of_results(sl_march *m) {
  const sl_lanecode *c = m->code;
  for (sl_int j = m->width - 1; j >= 0; j--) {
    int32_t v = c->out[j];
    if (c->level[v] == SL_EACH) {
      m->row[v] = (int32_t)(m->width + j);
    }
  }
}

/* Rows for what only lives within a step, free again after the last reader. */
static void give_rows(sl_march *m, int32_t *last, int32_t *room) {
  const sl_lanecode *c = m->code;
  int32_t nroom = 0, first = m->nrow;
  for (int32_t i = c->nfixed; i < c->nop; i++) {
    for (int k = 0; k < c->op[i].nin; k++) {
      last[c->op[i].in[k]] = i;
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
      if (last[v] == i && m->row[v] >= first) {
        room[nroom++] = m->row[v];
        last[v] = -1; /* named twice by this operation: given once */
      }
    }
  }
}

static sl_status assign(sl_march *m, sl_err *err) {
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
  m->nrow = (int32_t)(2 * m->width);
  m->clock = -1;
  rows_of_results(m);
  rows_of_loads(m);
  give_rows(m, lists, lists + n);
  sl_free(lists);
  return SL_OK;
}

/* States are numbers: rows of doubles. */
static bool all_f64(const sl_graph *g, int n, const sl_node *nodes) {
  for (int k = 0; k < n; k++) {
    if (g->node[nodes[k]].dtype != SL_F64) {
      return false;
    }
  }
  return true;
}

sl_status sl_march_build(sl_march **out, const sl_graph *g, int nstate,
                      const sl_node *outs, int clock, bool elements,
                      const sl_level *captures, sl_err *err) {
  *out = NULL;
  if (!all_f64(g, nstate, outs)) {
    return SL_OK;
  }
  sl_march *m = sl_malloc((sl_int)sizeof *m);
  sl_level *level =
      sl_malloc((g->ninput + g->ncapture + 1) * (sl_int)sizeof *level);
  sl_status s = SL_OK;
  if (m != NULL) {
    *m = (sl_march){.nstate = nstate, .elements = elements};
    m->first = sl_malloc((nstate + 1) * (sl_int)sizeof *m->first);
  }
  if (m == NULL || level == NULL || m->first == NULL) {
    s = sl_fail(err, SL_ENOMEM, "march: no memory");
  } else {
    for (int k = 0; k < g->ninput; k++) {
      level[k] = k == clock ? SL_STEP : SL_EACH;
    }
    for (int k = 0; k < g->ncapture; k++) {
      level[g->ninput + k] = captures != NULL ? captures[k] : SL_FIXED;
    }
    s = sl_lanecode_make(&m->code, g, nstate, outs, level, MOST, err);
  }
  sl_free(level);
  if (s == SL_OK && m->code != NULL) {
    memcpy(m->first, m->code->first,
           (size_t)(nstate + 1) * sizeof *m->first);
    m->width = m->first[nstate];
    s = assign(m, err);
  }
  if (s != SL_OK || m->code == NULL) {
    sl_march_free(m);
    return s;
  }
  *out = m;
  return SL_OK;
}

sl_status sl_march_make(sl_march **out, const sl_graph *g, int nstate,
                        const sl_node *outs, int clock, sl_err *err) {
  return sl_march_build(out, g, nstate, outs, clock, false, NULL, err);
}
