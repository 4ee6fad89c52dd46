/* observe.c: what is seen of a block of lanes at chosen times: values kept,
** moments, histograms. Moments are taken over leaves of 64 lanes, shifted by the
** leaf's mean, and merged in the order of lanes, so that they do not depend on
** blocks or threads; counts do not depend on any order.  MIT licence. */
#include <math.h>
#include <string.h>

#include "march/machine.h"

enum { LEAF = 64, WAYS = 8 };

/* ---- moments ------------------------------------------------------------- */

void sl_moments_merge(sl_moments *a, const sl_moments *b) {
  if (b->n == 0) {
    return;
  }
  if (a->n == 0) {
    *a = *b;
    return;
  }
  const double n = a->n + b->n, d = b->mean - a->mean, q = d / n;
  const double na = a->n, nb = b->n, t = d * q * na * nb;
  const double m2 = a->m2 + b->m2 + t;
  const double m3 = a->m3 + b->m3 + t * q * (na - nb) +
                    3 * q * (na * b->m2 - nb * a->m2);
  const double m4 = a->m4 + b->m4 + t * q * q * (na * na - na * nb + nb * nb) +
                    6 * q * q * (na * na * b->m2 + nb * nb * a->m2) +
                    4 * q * (na * b->m3 - nb * a->m3);
  *a = (sl_moments){.n = n, .mean = a->mean + nb * q, .m2 = m2, .m3 = m3,
                    .m4 = m4, .low = fmin(a->low, b->low),
                    .high = fmax(a->high, b->high)};
}

void sl_moments_gather(sl_moments *m, sl_int slabs, sl_int values) {
  for (sl_int h = 1; h < slabs; h *= 2) {
    for (sl_int s = 0; s + h < slabs; s += 2 * h) {
      for (sl_int i = 0; i < values; i++) {
        sl_moments_merge(&m[s * values + i], &m[(s + h) * values + i]);
      }
    }
  }
}

static double sum_ways(const double w[WAYS]) {
  return ((w[0] + w[1]) + (w[2] + w[3])) + ((w[4] + w[5]) + (w[6] + w[7]));
}

/* Moments of x[0 .. n), n <= LEAF; what is not finite is left out. */
static sl_moments leaf_moments(const double *x, sl_int n) {
  double v[LEAF], one[LEAF], s1[WAYS] = {0}, s2[WAYS] = {0}, s3[WAYS] = {0},
         s4[WAYS] = {0}, count[WAYS] = {0};
  sl_moments m = {.low = HUGE_VAL, .high = -HUGE_VAL};
  for (sl_int i = 0; i < LEAF; i++) {
    bool in = i < n && isfinite(x[i]);
    one[i] = in;
    v[i] = in ? x[i] : 0;
    m.low = in && x[i] < m.low ? x[i] : m.low;
    m.high = in && x[i] > m.high ? x[i] : m.high;
  }
  for (int i = 0; i < LEAF; i += WAYS) {
    for (int w = 0; w < WAYS; w++) {
      count[w] += one[i + w];
      s1[w] += v[i + w];
    }
  }
  m.n = sum_ways(count);
  if (m.n == 0) {
    return m;
  }
  m.mean = sum_ways(s1) / m.n;
  for (int w = 0; w < WAYS; w++) {
    s1[w] = 0;
  }
  for (int i = 0; i < LEAF; i += WAYS) {
    for (int w = 0; w < WAYS; w++) {
      double d = one[i + w] * (v[i + w] - m.mean), dd = d * d;
      s1[w] += d;
      s2[w] += dd;
      s3[w] += dd * d;
      s4[w] += dd * dd;
    }
  }
  /* what rounding of the mean left over, to first order */
  const double e = sum_ways(s1) / m.n;
  m.mean += e;
  m.m2 = sum_ways(s2) - m.n * e * e;
  m.m3 = sum_ways(s3) - 3 * e * m.m2;
  m.m4 = sum_ways(s4) - 4 * e * m.m3;
  return m;
}

/* ---- histograms ---------------------------------------------------------- */

static void transform(const sl_histogram *h, sl_int n, const double *x,
                      double *out) {
  static const sl_int step[3] = {1, 0, 0};
  if (h->scale == SL_BINS_LINEAR) {
    memcpy(out, x, (size_t)n * sizeof *out);
  } else if (h->scale == SL_BINS_LOG) {
    const void *in[3] = {x, NULL, NULL};
    sl_lane_get(SL_LANE_log, SL_F64)(n, out, 1, in, step);
  } else {
    for (sl_int i = 0; i < n; i++) {
      out[i] = x[i] / h->unit;
    }
    const void *in[3] = {out, NULL, NULL};
    sl_lane_get(SL_LANE_asinh, SL_F64)(n, out, 1, in, step);
  }
}

static double scaled(const sl_histogram *h, double edge) {
  return h->scale == SL_BINS_LINEAR ? edge
         : h->scale == SL_BINS_LOG  ? log(edge)
                                    : asinh(edge / h->unit);
}

/* Counts value number q of n lanes: count[0] below, count[bins + 1] above. */
static void count_bins(const sl_histogram *h, sl_int q, sl_int n,
                       const double *x, double *y, sl_int *count) {
  const double low = scaled(h, h->low[q]), high = scaled(h, h->high[q]);
  const double width = (double)h->bins / (high - low);
  const double most = (double)h->bins + 1;
  transform(h, n, x, y);
  for (sl_int i = 0; i < n; i++) {
    double bin = floor((y[i] - low) * width) + 1;
    bin = !(bin > 0) ? 0 : bin > most ? most : bin; /* NaN: bins of no width */
    if (h->scale == SL_BINS_LOG && x[i] <= 0) {
      bin = 0;
    }
    if (isfinite(x[i])) {
      count[(sl_int)bin]++;
    }
  }
}

/* ---- one thread's observer ----------------------------------------------- */

sl_int sl_observer_bytes(const sl_watch *w, sl_int block) {
  return sl_machine_bytes(w->of, block) +
         sl_aligned(block * (sl_int)sizeof(double));
}

void sl_observer_init(sl_observer *o, const sl_watch *w, sl_int block,
                      sl_int *count, char *base) {
  *o = (sl_observer){.w = w, .count = count};
  sl_machine_init(&o->machine, w->of, &w->reads, 0, block, base);
  o->scaled = (double *)(void *)(base + sl_machine_bytes(w->of, block));
}

/* Result `r` of the watch to item `at` of its tensor. */
static void keep_result(const sl_observer *o, int r, sl_int at, sl_int lane,
                        sl_int lanes) {
  const sl_march *of = o->w->of;
  const sl_int first = of->code->first[r];
  const sl_int count = of->code->first[r + 1] - first, n = o->machine.lanes;
  double *x = o->w->keep[r]->data;
  x += (at * lanes + lane) * count;
  for (sl_int e = 0; e < count; e++) {
    const double *row =
        sl_machine_row(&o->machine, sl_result_row(of, first + e), 0);
    for (sl_int i = 0; i < n; i++) {
      x[i * count + e] = row[i];
    }
  }
}

static void take_statistics(sl_observer *o, sl_int at) {
  const sl_watch *w = o->w;
  const sl_int values = w->of->nvalue, n = o->machine.lanes;
  const sl_int each = w->histogram.bins + 2;
  for (sl_int q = 0; q < values; q++) {
    const double *row =
        sl_machine_row(&o->machine, sl_result_row(w->of, q), 0);
    for (sl_int i = 0; w->moments != NULL && i < n; i += LEAF) {
      sl_moments leaf = leaf_moments(row + i, n - i < LEAF ? n - i : LEAF);
      sl_moments_merge(&o->moments[at * values + q], &leaf);
    }
    if (w->count != NULL) {
      sl_int t = w->histogram.pooled ? 0 : at;
      count_bins(&w->histogram, q, n, row, o->scaled,
                 o->count + (t * values + q) * each);
    }
  }
}

void sl_observe_rows(sl_observer *o, sl_int s, sl_int at, sl_int lane,
                     sl_int lanes) {
  sl_machine *k = &o->machine;
  if (k->m->clock >= 0) {
    k->cell[k->m->clock] = (double)s;
  }
  sl_machine_execute(k, 0);
  for (int r = 0; o->w->keep != NULL && r < k->m->code->nresult; r++) {
    keep_result(o, r, at, lane, lanes);
  }
  if (o->w->moments != NULL || o->w->count != NULL) {
    take_statistics(o, at);
  }
}

void sl_observe(sl_observer *o, const sl_machine *k, sl_int s, int odd,
                sl_int at, sl_int lane, sl_int lanes) {
  sl_machine_lanes(&o->machine, k->lanes);
  for (int32_t e = 0; e < k->m->width; e++) {
    memcpy(sl_machine_row(&o->machine, e, 0), sl_machine_row(k, e, odd),
           (size_t)k->lanes * sizeof(double));
  }
  sl_observe_rows(o, s, at, lane, lanes);
}
