/* print.c: a graph as text, one line per node:
**   %5: [3] f64 = sum %4 {axes 1}
** Attributes are shown 1-based, as a Lua user would write them.  MIT licence. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/rules.h"

void sl_put(sl_sink *s, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  sl_int room = s->len < s->size ? s->size - s->len : 0;
  int n = vsnprintf(room > 0 ? s->buf + s->len : NULL, (size_t)room, fmt, ap);
  va_end(ap);
  s->len += n > 0 ? n : 0;
}

static void put_list(sl_sink *s, const char *name, const sl_int *v, int n,
                     sl_int base) {
  sl_put(s, " {%s", name);
  for (int i = 0; i < n; i++) {
    sl_put(s, " %lld", (long long)(v[i] + base));
  }
  sl_put(s, "}");
}

static void put_axes(sl_sink *s, sl_int mask) {
  sl_put(s, " {axes");
  for (int a = 0; a < SL_MAXDIM; a++) {
    if (mask >> a & 1) {
      sl_put(s, " %d", a + 1);
    }
  }
  sl_put(s, "}");
}

static void put_ranges(sl_sink *s, const sl_int *v, int n) {
  sl_put(s, " {");
  for (int a = 0; a < n / 3; a++) {
    sl_put(s, "%s%lld:%+lld:%lld", a > 0 ? " " : "", (long long)v[3 * a] + 1,
           (long long)v[3 * a + 1], (long long)v[3 * a + 2]);
  }
  sl_put(s, "}");
}

/* The shorter of two forms that give the number back. */
static void put_number(sl_sink *s, double value) {
  char text[32];
  snprintf(text, sizeof text, "%.15g", value);
  bool exact = strtod(text, NULL) == value;
  sl_put(s, exact ? " %.15g" : " %.17g", value);
}

static void put_attributes(sl_sink *s, const sl_graph *g, sl_node n) {
  const sl_gnode *node = &g->node[n];
  const sl_int *v = sl_node_attr(g, n);
  double value;
  switch (node->op) {
    case SL_OP_input:
      sl_put(s, v[0] < 0 ? " tangent" : " %lld", (long long)v[0] + 1);
      break;
    case SL_OP_capture:
      sl_put(s, " %lld", (long long)v[0] + 1);
      break;
    case SL_OP_slot:
      put_number(s, g->slot[v[0]]);
      break;
    case SL_OP_const:
      memcpy(&value, v, sizeof value);
      put_number(s, value);
      break;
    case SL_OP_sum:
    case SL_OP_amax:
    case SL_OP_amin:
      put_axes(s, v[0]);
      break;
    case SL_OP_slice:
    case SL_OP_pad:
      put_ranges(s, v, node->nattr);
      break;
    case SL_OP_permute:
      put_list(s, "axes", v, node->nattr, 1);
      break;
    case SL_OP_matmul:
      sl_put(s, "%s%s", v[0] ? " {a transposed}" : "",
             v[1] ? " {b transposed}" : "");
      break;
    case SL_OP_cast:
    case SL_OP_reshape:
    case SL_OP_broadcast:
      break; /* the type says it */
    case SL_OP_powi:
    case SL_OP_iota:
      sl_put(s, " %lld", (long long)v[0]);
      break;
    case SL_OP_solve:
      sl_put(s, "%s", v[0] ? " {a transposed}" : "");
      break;
    default:
      if (node->nattr > 0) {
        put_list(s, "axis", v, 1, 1);
      }
  }
}

static void put_node(sl_sink *s, const sl_graph *g, sl_node n) {
  const sl_gnode *node = &g->node[n];
  char type[160];
  sl_type t;
  sl_node_type(g, n, &t);
  sl_put(s, "%%%d: %s = %s", n, sl_type_text(type, sizeof type, &t),
         sl_ops[node->op].name);
  for (int i = 0; i < node->nin; i++) {
    sl_put(s, " %%%lld", (long long)sl_node_in(g, n)[i]);
  }
  put_attributes(s, g, n);
  sl_put(s, "\n");
}

sl_int sl_graph_text(char *buf, sl_int n, const sl_graph *g,
                     const sl_node *outs, int nout) {
  sl_sink s = {.buf = buf, .size = n};
  unsigned char *mark = sl_malloc(g->nnode + 1);
  if (mark == NULL) {
    return 0;
  }
  memset(mark, 1, (size_t)g->nnode + 1);
  sl_node top = nout > 0 ? sl_graph_needed(g, nout, outs, mark) : g->nnode;
  for (sl_node k = 0; k < top; k++) {
    if (mark[k]) {
      put_node(&s, g, k);
    }
  }
  sl_free(mark);
  for (int k = 0; k < nout; k++) {
    sl_put(&s, k == 0 ? "return %%%d" : ", %%%d", outs[k]);
  }
  sl_put(&s, nout > 0 ? "\n" : "%s", "");
  return s.len;
}
