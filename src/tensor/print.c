/* print.c: a tensor as text: a header with shape and dtype, then the values.
** Only what is shown is read and formatted, so a view of 1e8 elements prints
** at once. One number format is chosen from the shown values: integral values
** print without a point, exact zeros as `0`, others with a common number of
** decimals, or with exponents when their magnitudes differ too much.
** Slices and wrapped columns carry 1-based captions.  MIT licence. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/tensor.h"

const sl_print sl_print_default = {1000, 3, 5, 80};

enum { CELL = 40 }; /* room for one formatted number */

/* ---- output, counted beyond the buffer's end as snprintf does ----------- */

typedef struct writer {
  char *buf;
  sl_int n, len;
} writer;

static void put(writer *w, const char *text, size_t n) {
  for (size_t i = 0; i < n; i++) {
    if (w->len + 1 < w->n) {
      w->buf[w->len] = text[i];
    }
    w->len++;
  }
}

static void puts_to(writer *w, const char *text) { put(w, text, strlen(text)); }

static void pad(writer *w, int n) {
  for (int i = 0; i < n; i++) {
    put(w, " ", 1);
  }
}

/* ---- which positions are shown ------------------------------------------ */

typedef struct page {
  const sl_tensor *t;
  const sl_print *how;
  sl_int edge;    /* items at each end of an elided axis */
  bool elide;
  char format;    /* 'i', 'd' integral floats, 'f', 'e', 's' shortest */
  int decimals, width;
} page;

static bool is_elided(const page *g, int axis) {
  return g->elide && g->t->type.shape[axis] > 2 * g->edge;
}

/* How many places an axis shows, not counting its dots. */
static sl_int shown(const page *g, int axis) {
  return is_elided(g, axis) ? 2 * g->edge : g->t->type.shape[axis];
}

/* The k-th shown place of an axis. */
static sl_int place(const page *g, int axis, sl_int k) {
  return is_elided(g, axis) && k >= g->edge
             ? g->t->type.shape[axis] - 2 * g->edge + k
             : k;
}

static sl_int all_shown(const page *g) {
  sl_int n = 1;
  for (int i = 0; i < g->t->type.ndim; i++) {
    if (!sl_mul(n, shown(g, i), &n)) {
      return INT64_MAX;
    }
  }
  return n;
}

/* Tensors of many axes show fewer items at each end. */
static void choose_edge(page *g) {
  sl_int most = g->how->threshold > 100 ? g->how->threshold : 100;
  g->elide = sl_numel(&g->t->type) > g->how->threshold;
  g->edge = g->how->edge > 0 ? g->how->edge : 1;
  while (g->elide && g->edge > 1 && all_shown(g) > most) {
    g->edge--;
  }
}

/* ---- values ------------------------------------------------------------- */

static double value_at(const sl_tensor *t, sl_int at, int64_t *integer) {
  *integer = 0;
  switch (t->type.dtype) {
    case SL_U8: return (double)(*integer = ((const uint8_t *)t->data)[at]);
    case SL_I64: return (double)(*integer = ((const int64_t *)t->data)[at]);
    case SL_F32: return (double)((const float *)t->data)[at];
    default: return ((const double *)t->data)[at];
  }
}

/* The fewest digits that give the value back. */
static int format_shortest(char *cell, double v, bool f32) {
  int n = 0;
  for (int digits = f32 ? 6 : 15; digits <= 17; digits++) {
    n = snprintf(cell, CELL, "%.*g", digits, v);
    double back = strtod(cell, NULL);
    if (f32 ? (float)back == (float)v : back == v) {
      break;
    }
  }
  return n;
}

static int format_cell(char *cell, const page *g, sl_int at) {
  int64_t i;
  double v = value_at(g->t, at, &i);
  if (g->format == 'i') {
    return snprintf(cell, CELL, "%" PRId64, i);
  }
  if (isnan(v)) {
    return snprintf(cell, CELL, "nan");
  }
  if (isinf(v) || v == 0 || g->format == 'd') {
    return snprintf(cell, CELL, "%.0f", v);
  }
  if (g->format == 's') {
    return format_shortest(cell, v, g->t->type.dtype == SL_F32);
  }
  return g->format == 'e' ? snprintf(cell, CELL, "%.*e", g->decimals, v)
                          : snprintf(cell, CELL, "%.*f", g->decimals, v);
}

/* Calls visit for each shown element with its offset. */
typedef void visitor(page *g, sl_int at, void *state);

static void walk(page *g, int axis, sl_int at, visitor *visit, void *state) {
  if (axis == g->t->type.ndim) {
    visit(g, at, state);
    return;
  }
  for (sl_int k = 0; k < shown(g, axis); k++) {
    walk(g, axis + 1, at + place(g, axis, k) * g->t->stride[axis], visit,
         state);
  }
}

/* ---- the format --------------------------------------------------------- */

typedef struct extent {
  double least, most; /* magnitudes of the finite nonzero values */
  bool integral;
} extent;

static void note_extent(page *g, sl_int at, void *state) {
  extent *x = state;
  int64_t i;
  double v = fabs(value_at(g->t, at, &i));
  if (isfinite(v) && v != 0) {
    x->least = v < x->least ? v : x->least;
    x->most = v > x->most ? v : x->most;
    x->integral = x->integral && v == floor(v);
  }
}

typedef struct trim {
  int need;   /* digits after the point, without trailing zeros */
  bool exact; /* the shown texts give the values back */
} trim;

static void note_trim(page *g, sl_int at, void *state) {
  char cell[CELL];
  trim *x = state;
  int64_t i;
  double v = value_at(g->t, at, &i);
  format_cell(cell, g, at);
  double back = strtod(cell, NULL);
  bool same = g->t->type.dtype == SL_F32 ? (float)back == (float)v : back == v;
  x->exact = x->exact && (same || isnan(v));
  const char *point = strchr(cell, '.');
  if (point != NULL) {
    int n = (int)strspn(point + 1, "0123456789");
    while (n > 0 && point[n] == '0') {
      n--;
    }
    x->need = n > x->need ? n : x->need;
  }
}

static void note_width(page *g, sl_int at, void *state) {
  char cell[CELL];
  int n = format_cell(cell, g, at), *width = state;
  *width = n > *width ? n : *width;
}

/* Fixed point keeps `digits` digits of the largest value and two of the least;
** when that takes too many places, exponents. Zeros at the end go only when
** nothing was rounded: 1.0000 is not 1. */
static void choose_decimals(page *g, const extent *x) {
  int high = (int)floor(log10(x->most)), low = (int)floor(log10(x->least));
  int digits = g->how->digits > 1 ? g->how->digits : 1;
  digits = digits < 17 ? digits : 17;
  int places = digits - 1 - high > 1 - low ? digits - 1 - high : 1 - low;
  bool fixed = high <= digits && places <= digits + 1;
  g->format = fixed ? 'f' : 'e';
  g->decimals = fixed ? (places > 1 ? places : 1) : digits - 1;
  trim ends = {0, true};
  walk(g, 0, 0, note_trim, &ends);
  g->decimals = ends.exact ? ends.need : g->decimals;
}

static void choose_format(page *g) {
  extent x = {HUGE_VAL, 0, true};
  if (!sl_dtype_isfloat(g->t->type.dtype)) {
    g->format = 'i';
  } else if (g->t->type.ndim == 0) {
    g->format = 's';
  } else {
    walk(g, 0, 0, note_extent, &x);
    g->format = 'd';
    if (!x.integral || x.most >= 1e10) {
      choose_decimals(g, &x);
    }
  }
  walk(g, 0, 0, note_width, &g->width);
}

/* ---- the layout --------------------------------------------------------- */

static void put_cell(writer *w, const page *g, sl_int at) {
  char cell[CELL];
  int n = format_cell(cell, g, at);
  pad(w, 2 + g->width - n);
  put(w, cell, (size_t)n);
}

/* Places [from, to) of the last axis in one line. */
static void put_line(writer *w, const page *g, sl_int at, sl_int from,
                     sl_int to) {
  int axis = g->t->type.ndim - 1;
  puts_to(w, "\n");
  for (sl_int k = from; k < to; k++) {
    if (is_elided(g, axis) && k == g->edge) {
      puts_to(w, "  ...");
    }
    put_cell(w, g, at + place(g, axis, k) * g->t->stride[axis]);
  }
}

/* How many cells stand in one line. */
static sl_int per_line(const page *g) {
  int axis = g->t->type.ndim - 1;
  int room = g->how->width - (is_elided(g, axis) ? 5 : 0);
  int n = room / (2 + g->width);
  return n > 1 ? n : 1;
}

static void put_vector(writer *w, const page *g) {
  sl_int n = shown(g, 0), step = per_line(g);
  for (sl_int k = 0; k < n; k += step) {
    put_line(w, g, 0, k, k + step < n ? k + step : n);
  }
}

/* Columns [from, to) of the matrix at `at`. */
static void put_block(writer *w, const page *g, sl_int at, sl_int from,
                      sl_int to) {
  int axis = g->t->type.ndim - 2;
  for (sl_int k = 0; k < shown(g, axis); k++) {
    if (is_elided(g, axis) && k == g->edge) {
      puts_to(w, "\n  ...");
    }
    put_line(w, g, at + place(g, axis, k) * g->t->stride[axis], from, to);
  }
}

/* "(2, :, 1:8)": the slice, and the columns unless all are there. */
static void put_caption(writer *w, const page *g, const sl_int *index,
                        sl_int from, sl_int to) {
  int last = g->t->type.ndim - 1;
  char text[64];
  puts_to(w, "\n(");
  for (int i = 0; i < last - 1; i++) {
    snprintf(text, sizeof text, "%" PRId64 ", ", index[i] + 1);
    puts_to(w, text);
  }
  if (from == 0 && to == shown(g, last)) {
    puts_to(w, ":, :)");
  } else {
    snprintf(text, sizeof text, ":, %" PRId64 ":%" PRId64 ")",
             place(g, last, from) + 1, place(g, last, to - 1) + 1);
    puts_to(w, text);
  }
}

static void put_matrix(writer *w, const page *g, const sl_int *index,
                       sl_int at) {
  sl_int n = shown(g, g->t->type.ndim - 1), step = per_line(g);
  for (sl_int k = 0; k < n; k += step) {
    sl_int to = k + step < n ? k + step : n;
    if (g->t->type.ndim > 2 || n > step) {
      put_caption(w, g, index, k, to);
    }
    put_block(w, g, at, k, to);
  }
}

static void put_slices(writer *w, const page *g, int axis, sl_int *index,
                       sl_int at) {
  if (axis == g->t->type.ndim - 2) {
    put_matrix(w, g, index, at);
    return;
  }
  for (sl_int k = 0; k < shown(g, axis); k++) {
    if (is_elided(g, axis) && k == g->edge) {
      puts_to(w, "\n...");
    }
    index[axis] = place(g, axis, k);
    put_slices(w, g, axis + 1, index, at + index[axis] * g->t->stride[axis]);
  }
}

sl_int sl_tensor_text(char *buf, sl_int n, const sl_tensor *t,
                      const sl_print *how) {
  writer w = {buf, n, 0};
  page g = {.t = t, .how = how != NULL ? how : &sl_print_default};
  char head[320];
  puts_to(&w, sl_type_text(head, sizeof head, &t->type));
  if (sl_numel(&t->type) > 0) {
    sl_int index[SL_MAXDIM] = {0};
    choose_edge(&g);
    choose_format(&g);
    if (t->type.ndim == 0) {
      puts_to(&w, "\n");
      put_cell(&w, &g, 0);
    } else if (t->type.ndim == 1) {
      put_vector(&w, &g);
    } else {
      put_slices(&w, &g, 0, index, 0);
    }
  }
  if (n > 0) {
    buf[w.len < n ? w.len : n - 1] = '\0';
  }
  return w.len;
}
