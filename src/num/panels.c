/* panels.c: polynomials on panels: Chebyshev points of the second kind, running
** integrals by a fixed matrix, Chebyshev coefficients, evaluation by the
** barycentric formula, and the test that a panel is short enough. The tables
** depend on SL_PANEL alone.  source: Trefethen, Approximation Theory and
** Approximation Practice, chapters 3, 5, 19.  MIT licence. */
#include <math.h>
#include <string.h>

#include "num/exit.h"

enum { N = SL_PANEL };

typedef struct tables {
  double x[N];     /* ascending in [-1, 1] */
  double q[N][N];  /* integral from -1 to x_i = sum q_ij f_j */
  double c[N][N];  /* coefficients of T_k = sum c_kj f_j */
} tables;

static tables T;

/* T_k at node i. */
static double chebyshev(int k, int i) {
  return cos(M_PI * (double)k * (N - 1 - i) / (N - 1));
}

/* Integral of T_k from -1 to node i. */
static double integral(int k, int i) {
  if (k == 0) {
    return T.x[i] + 1;
  }
  if (k == 1) {
    return (T.x[i] * T.x[i] - 1) / 2;
  }
  double up = chebyshev(k + 1, i) / (k + 1);
  double down = chebyshev(k - 1, i) / (k - 1);
  double end = (k % 2 == 0 ? -1.0 : 1.0) / (k + 1) -
               (k % 2 == 0 ? -1.0 : 1.0) / (k - 1);
  return (up - down - end) / 2;
}

__attribute__((constructor)) static void make_tables(void) {
  for (int i = 0; i < N; i++) {
    T.x[i] = sin(M_PI * (2 * i - (N - 1)) / (2.0 * (N - 1)));
  }
  for (int k = 0; k < N; k++) {
    for (int j = 0; j < N; j++) {
      double end = j == 0 || j == N - 1 ? 0.5 : 1;
      double sum = k == 0 || k == N - 1 ? 0.5 : 1;
      T.c[k][j] = 2 * sum * end * chebyshev(k, j) / (N - 1);
    }
  }
  for (int i = 0; i < N; i++) {
    for (int j = 0; j < N; j++) {
      double s = 0;
      for (int k = 0; k < N; k++) {
        s += integral(k, i) * T.c[k][j];
      }
      T.q[i][j] = i == 0 ? 0 : s;
    }
  }
}

void sl_panel_nodes(double *x, const double *edge, sl_int panels) {
  for (sl_int p = 0; p < panels; p++) {
    double mid = (edge[p] + edge[p + 1]) / 2, h = (edge[p + 1] - edge[p]) / 2;
    double *at = x + p * N;
    for (int i = 0; i < N; i++) {
      at[i] = mid + h * T.x[i];
    }
    at[0] = edge[p];
    at[N - 1] = edge[p + 1];
  }
}

void sl_panel_integral(double *out, const double *f, double h, int from) {
  for (int i = 0; i < N; i++) {
    const double *q = from == 0 ? T.q[i] : T.q[N - 1 - i];
    double s = 0;
    for (int j = 0; j < N; j++) {
      s += q[from == 0 ? j : N - 1 - j] * f[j];
    }
    out[i] = h * s;
  }
}

double sl_panel_total(const double *f, double h) {
  double s = 0;
  for (int j = 0; j < N; j++) {
    s += T.q[N - 1][j] * f[j];
  }
  return h * s;
}

void sl_panel_weights(double *out, int i) {
  memcpy(out, T.q[i], sizeof T.q[i]);
}

double sl_panel_tail(const double *f) {
  double c[N], largest = 0;
  for (int k = 0; k < N; k++) {
    c[k] = 0;
    for (int j = 0; j < N; j++) {
      c[k] += T.c[k][j] * f[j];
    }
    c[k] = fabs(c[k]);
    largest = fmax(largest, c[k]);
  }
  double last = fmax(c[N - 1], c[N - 2]);
  double before = fmax(c[N - 5], c[N - 6]);
  if (last == 0 || (last < 1e-10 * largest && last > 0.1 * before)) {
    return 0;
  }
  return last / largest;
}

/* The panel that holds x. */
static sl_int find(const double *edge, sl_int panels, double x) {
  sl_int low = 0, high = panels;
  while (high - low > 1) {
    sl_int mid = (low + high) / 2;
    if (edge[mid] <= x) {
      low = mid;
    } else {
      high = mid;
    }
  }
  return low;
}

/* Barycentric formula at z in [-1, 1]. */
static double value(const double *f, double z) {
  double top = 0, bottom = 0;
  for (int i = 0; i < N; i++) {
    double d = z - T.x[i];
    if (d == 0) {
      return f[i];
    }
    double w = (i % 2 == 0 ? 1.0 : -1.0) / d;
    if (i == 0 || i == N - 1) {
      w /= 2;
    }
    top += w * f[i];
    bottom += w;
  }
  return top / bottom;
}

/* x in its panel's coordinate, measured from the nearer end. */
static double local(const double *edge, sl_int p, double x) {
  double width = edge[p + 1] - edge[p];
  double left = x - edge[p], right = edge[p + 1] - x;
  return left < right ? 2 * left / width - 1 : 1 - 2 * right / width;
}

void sl_panel_at(double *out, const double *x, sl_int n, const double *edge,
                 sl_int panels, const double *f) {
  for (sl_int i = 0; i < n; i++) {
    if (!(x[i] >= edge[0] && x[i] <= edge[panels])) {
      out[i] = (double)NAN;
      continue;
    }
    sl_int p = find(edge, panels, x[i]);
    out[i] = value(f + p * N, local(edge, p, x[i]));
  }
}

static double inverse(double y, const double *edge, sl_int panels,
                      const double *f) {
  sl_int low = 0, high = panels;
  while (high - low > 1) {
    sl_int mid = (low + high) / 2;
    if (f[mid * N] <= y) {
      low = mid;
    } else {
      high = mid;
    }
  }
  double a = -1, b = 1;
  for (int k = 0; k < 60; k++) {
    double mid = (a + b) / 2;
    if (value(f + low * N, mid) <= y) {
      a = mid;
    } else {
      b = mid;
    }
  }
  return edge[low] + (edge[low + 1] - edge[low]) * ((a + b) / 2 + 1) / 2;
}

sl_status sl_panel_inverse(double *x, const double *y, sl_int n,
                           const double *edge, sl_int panels, const double *f,
                           sl_err *err) {
  enum { PATIENCE = 4096 };
  for (sl_int from = 0; from < n; from += PATIENCE) {
    sl_int to = from + PATIENCE < n ? from + PATIENCE : n;
    for (sl_int i = from; i < to; i++) {
      x[i] = inverse(y[i], edge, panels, f);
    }
    SL_TRY(sl_poll(err, "inverse"));
  }
  return SL_OK;
}

/* ---- is a panel short enough? --------------------------------------------- */
static sl_status check_values(const double *x, const double *b,
                              const double *g, sl_err *err) {
  for (int i = 0; i < N; i++) {
    if (!isfinite(b[i])) {
      return sl_fail(err, SL_EDOM, "drift is %g at x = %.17g", b[i], x[i]);
    }
    if (!isfinite(g[i])) {
      return sl_fail(err, SL_EDOM, "diffusion is %g at x = %.17g", g[i], x[i]);
    }
    if (g[i] == 0) {
      return sl_fail(err, SL_EDOM, "diffusion is zero at x = %.17g: the "
                     "interval must not reach there", x[i]);
    }
  }
  return SL_OK;
}

static double spread(const double *f) {
  double low = f[0], high = f[0];
  for (int i = 1; i < N; i++) {
    low = fmin(low, f[i]);
    high = fmax(high, f[i]);
  }
  return high - low;
}

/* The worst tail of S', of m and of 1/g; rise: how far phi moves. */
static double worst_tail(const double *b, const double *g, double h,
                         double *rise) {
  double f[N], phi[N], tail = 0;
  for (int i = 0; i < N; i++) {
    f[i] = 2 * b[i] / (g[i] * g[i]);
  }
  sl_panel_integral(phi, f, h, 0);
  *rise = spread(phi);
  if (!(*rise <= 4.5)) {
    return 1;
  }
  for (int kind = 0; kind < 3; kind++) {
    for (int i = 0; i < N; i++) {
      double e = exp(phi[i]);
      f[i] = kind == 0 ? 1 / e : (kind == 1 ? e / (g[i] * g[i]) : 1 / g[i]);
    }
    tail = fmax(tail, sl_panel_tail(f));
  }
  return tail;
}

/* A panel that cannot be split further: a jump or a kink is harmless there, a
** zero of g or a pole of the drift is not. */
static sl_status check_point(double x, const double *g, double largest,
                             double rise, sl_err *err) {
  double here = 0;
  for (int i = 0; i < N; i++) {
    here = fmax(here, fabs(g[i]));
  }
  if (here < 1e-5 * largest) {
    return sl_fail(err, SL_EDOM, "diffusion vanishes near x = %.15g: the "
                   "interval must not reach there", x);
  }
  if (!(rise < 1e-3)) {
    return sl_fail(err, SL_EDOM, "2 b / g^2 has no integral near x = %.15g", x);
  }
  return SL_OK;
}

sl_status sl_panel_test(uint8_t *split, const double *edge, sl_int panels,
                        const double *b, const double *g, sl_err *err) {
  double x[N], largest = 0;
  for (sl_int p = 0; p < panels; p++) {
    sl_panel_nodes(x, edge + p, 1);
    SL_TRY(check_values(x, b + p * N, g + p * N, err));
    largest = fmax(largest, fabs(g[p * N]));
  }
  for (sl_int p = 0; p < panels; p++) {
    double width = edge[p + 1] - edge[p], rise = 0;
    double tail = worst_tail(b + p * N, g + p * N, width / 2, &rise);
    double ends = fmax(fabs(edge[p]), fabs(edge[p + 1]));
    split[p] = tail > 1e-12;
    if (split[p] && width < 64 * 0x1p-52 * ends + 1e-300) {
      SL_TRY(check_point(edge[p], g + p * N, largest, rise, err));
      split[p] = 0;
    }
  }
  return SL_OK;
}
