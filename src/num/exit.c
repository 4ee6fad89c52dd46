/* exit.c: scale and speed of a diffusion and Green's operator of its exit
** problem (docs/sde.md 3.5): with P the probability to leave through upper,
**   u(x) = P int_x^upper S(y, upper) m f dy
**        + (1 - P) int_lower^x S(lower, y) m f dy .
** Each factor alone may overflow; the products S(lower, y) m(y) S(x, upper) are
** of the size of an exit time. They are split into a part at y and a part at x
** scaled per panel, so that a running sum carries only such products.
** MIT licence. */
#include <math.h>

#include "num/exit.h"

enum { N = SL_PANEL };

void sl_exit_init(sl_exit *e, const double *edge, sl_int panels, double *data) {
  e->panels = panels;
  e->nodes = panels * N;
  e->edge = edge;
  for (int r = 0; r < SL_EXIT_ROWS; r++) {
    e->row[r] = data + (sl_int)r * e->nodes;
  }
}

static double half(const sl_exit *e, sl_int p) {
  return (e->edge[p + 1] - e->edge[p]) / 2;
}

/* What the rows are made of. phi may reach 1e4 and more, where the spacing of
** doubles would show in the results: hence long double. */
typedef struct logs {
  long double *phi, *lower, *upper, *speed;
} logs;

/* log(exp(a) + exp(b)) */
static long double log_sum(long double a, long double b) {
  long double high = a > b ? a : b, low = a > b ? b : a;
  return isinf(low) ? high : high + log1pl(expl(low - high));
}

/* phi, the speed density and the Lamperti coordinate. */
static void densities(sl_exit *e, logs *s, const double *b, const double *g) {
  long double phi = 0, time = 0;
  double f[N], out[N];
  for (sl_int p = 0; p < e->panels; p++) {
    sl_int at = p * N;
    for (int i = 0; i < N; i++) {
      f[i] = 2 * b[at + i] / (g[at + i] * g[at + i]);
    }
    sl_panel_integral(out, f, half(e, p), 0);
    for (int i = 0; i < N; i++) {
      long double size = fabsl((long double)g[at + i]);
      long double rise = (long double)out[i];
      s->phi[at + i] = phi + rise;
      s->speed[at + i] = phi + rise + logl(2) - 2 * logl(size);
      f[i] = 1 / (double)size;
    }
    phi += (long double)out[N - 1];
    sl_panel_integral(out, f, half(e, p), 0);
    for (int i = 0; i < N; i++) {
      e->row[SL_EXIT_TIME][at + i] = (double)(time + (long double)out[i]);
    }
    time += (long double)out[N - 1];
  }
}

/* log S from one end, running over the panels; from = 0: from lower. */
static void scale(const sl_exit *e, logs *s, int from) {
  long double total = -HUGE_VALL, *to = from == 0 ? s->lower : s->upper;
  double f[N], out[N];
  int far = from == 0 ? N - 1 : 0; /* where the running sum goes on */
  for (sl_int k = 0; k < e->panels; k++) {
    sl_int p = from == 0 ? k : e->panels - 1 - k, at = p * N;
    for (int i = 0; i < N; i++) {
      f[i] = exp((double)(s->phi[at] - s->phi[at + i]));
    }
    sl_panel_integral(out, f, half(e, p), from);
    for (int i = 0; i < N; i++) {
      long double part = (long double)out[i];
      long double here = part > 0 ? logl(part) - s->phi[at] : -HUGE_VALL;
      to[at + i] = log_sum(total, here);
    }
    total = to[at + far];
  }
}

/* The rows; factors of Green's function per panel in units of the largest S. */
static sl_status factors(sl_exit *e, const logs *s, sl_err *err) {
  double *const *r = e->row, peak = -HUGE_VAL;
  long double total = s->lower[e->nodes - 1];
  for (sl_int p = 0; p < e->panels; p++) {
    long double c = s->upper[p * N], d = s->lower[p * N + N - 1];
    for (sl_int i = p * N; i < p * N + N; i++) {
      long double low = s->lower[i], up = s->upper[i], m = s->speed[i];
      r[SL_EXIT_PHI][i] = (double)s->phi[i];
      r[SL_EXIT_SCALE][i] = (double)low;
      r[SL_EXIT_LOWER][i] = (double)(low - total);
      r[SL_EXIT_UPPER][i] = (double)(up - total);
      r[SL_EXIT_SPEED][i] = (double)m;
      r[SL_EXIT_PAST][i] = exp((double)(low + m - total + c));
      r[SL_EXIT_AHEAD][i] = exp((double)(up + m - total + d));
      r[SL_EXIT_FROM_UPPER][i] = exp((double)(up - c));
      r[SL_EXIT_FROM_LOWER][i] = exp((double)(low - d));
      peak = fmax(peak, (double)(low + up + m - total));
    }
  }
  peak += log(e->edge[e->panels] - e->edge[0]);
  if (!(peak < 690)) {
    return sl_fail(err, SL_EDOM, "the exit time is of the order 10^%.0f: too "
                   "long for a number", peak / log(10));
  }
  return SL_OK;
}

sl_status sl_exit_build(sl_exit *e, const double *b, const double *g,
                        sl_err *err) {
  sl_int bytes = 4 * e->nodes * (sl_int)sizeof(long double);
  long double *block = sl_malloc(bytes);
  if (block == NULL) {
    return sl_fail(err, SL_ENOMEM, "no memory for %lld bytes",
                   (long long)bytes);
  }
  logs s = {block, block + e->nodes, block + 2 * e->nodes,
            block + 3 * e->nodes};
  densities(e, &s, b, g);
  scale(e, &s, 0);
  scale(e, &s, 1);
  sl_status status = factors(e, &s, err);
  sl_free(block);
  return status;
}

/* Adds the part of u from one side of x; f is not u. */
static void half_green(const sl_exit *e, double *u, const double *f, int from,
                       bool add) {
  const double *inner = e->row[from == 0 ? SL_EXIT_PAST : SL_EXIT_AHEAD];
  const double *outer =
      e->row[from == 0 ? SL_EXIT_FROM_UPPER : SL_EXIT_FROM_LOWER];
  double sum = 0, w[N], out[N];
  int far = from == 0 ? N - 1 : 0;
  for (sl_int k = 0; k < e->panels; k++) {
    sl_int p = from == 0 ? k : e->panels - 1 - k, at = p * N;
    for (int i = 0; i < N; i++) {
      w[i] = inner[at + i] * f[at + i];
    }
    sl_panel_integral(out, w, half(e, p), from);
    for (int i = 0; i < N; i++) {
      double value = outer[at + i] * (sum + out[i]);
      u[at + i] = add ? u[at + i] + value : value;
    }
    sum = outer[at + far] * (sum + out[far]); /* in the next panel's units */
  }
}

void sl_exit_green(const sl_exit *e, double *u, const double *f) {
  half_green(e, u, f, 0, false);
  half_green(e, u, f, 1, true);
}

void sl_exit_side(const sl_exit *e, double *p, bool upper) {
  const double *share = e->row[upper ? SL_EXIT_LOWER : SL_EXIT_UPPER];
  for (sl_int i = 0; i < e->nodes; i++) {
    p[i] = exp(share[i]);
  }
}
