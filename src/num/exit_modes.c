/* exit_modes.c: eigenvalues and eigenfunctions of a diffusion killed at the ends
** of an interval, by Lanczos with full reorthogonalisation on Green's operator,
** whose largest eigenvalues 1 / lambda are well apart. Vectors are
** chi = sqrt(m) u: in them the operator is symmetric and of moderate size
** everywhere, however far m ranges.  MIT licence. */
#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "num/exit.h"

enum { N = SL_PANEL, EXTRA = 40, CHECK = 8 };

void sl_exit_weights(const sl_exit *e, double *weight) {
  double w[N], high = -HUGE_VAL;
  const double *speed = e->row[SL_EXIT_SPEED];
  sl_panel_weights(w, N - 1);
  for (sl_int i = 0; i < e->nodes; i++) {
    high = fmax(high, speed[i]);
  }
  for (sl_int p = 0; p < e->panels; p++) {
    double h = (e->edge[p + 1] - e->edge[p]) / 2;
    for (int i = 0; i < N; i++) {
      weight[p * N + i] = h * w[i] * exp(speed[p * N + i] - high);
    }
  }
}

static void quadrature(const sl_exit *e, double *weight) {
  double w[N];
  sl_panel_weights(w, N - 1);
  for (sl_int p = 0; p < e->panels; p++) {
    for (int i = 0; i < N; i++) {
      weight[p * N + i] = (e->edge[p + 1] - e->edge[p]) / 2 * w[i];
    }
  }
}

static double inner(const double *w, const double *f, const double *g,
                    sl_int n) {
  double s = 0;
  for (sl_int i = 0; i < n; i++) {
    s += w[i] * f[i] * g[i];
  }
  return s;
}

/* Green's function times sqrt(m(x) m(y)), as products of a part at y and a part
** at x in a unit per panel; unit: from one panel's to the next one's. */
typedef struct kernel {
  double *at_y[2], *at_x[2]; /* [nodes]; 0: y < x, 1: y > x */
  double *unit[2];           /* [panels] */
} kernel;

static void make_kernel(const sl_exit *e, kernel *k) {
  double total = e->row[SL_EXIT_SCALE][e->nodes - 1];
  const double *m = e->row[SL_EXIT_SPEED];
  for (int side = 0; side < 2; side++) {
    const double *y = e->row[side == 0 ? SL_EXIT_LOWER : SL_EXIT_UPPER];
    const double *x = e->row[side == 0 ? SL_EXIT_UPPER : SL_EXIT_LOWER];
    for (sl_int p = 0; p < e->panels; p++) {
      sl_int at = p * N, from = at + (side == 0 ? 0 : N - 1);
      sl_int next = side == 0 ? at + N : at - 1;
      double c = x[from] + m[from] / 2 + total;
      for (sl_int i = at; i < at + N; i++) {
        k->at_y[side][i] = exp(y[i] + m[i] / 2 + c);
        k->at_x[side][i] = exp(x[i] + m[i] / 2 + total - c);
      }
      bool last = next < 0 || next >= e->nodes;
      k->unit[side][p] = last ? 0 : exp(x[next] + m[next] / 2 + total - c);
    }
  }
}

static void apply(const sl_exit *e, const kernel *k, double *u,
                  const double *f) {
  double w[N], out[N];
  for (int side = 0; side < 2; side++) {
    double sum = 0;
    for (sl_int i = 0; i < e->panels; i++) {
      sl_int p = side == 0 ? i : e->panels - 1 - i, at = p * N;
      for (int j = 0; j < N; j++) {
        w[j] = k->at_y[side][at + j] * f[at + j];
      }
      double h = (e->edge[p + 1] - e->edge[p]) / 2;
      sl_panel_integral(out, w, h, side);
      for (int j = 0; j < N; j++) {
        double value = k->at_x[side][at + j] * (sum + out[j]);
        u[at + j] = side == 0 ? value : u[at + j] + value;
      }
      sum = k->unit[side][p] * (sum + out[side == 0 ? N - 1 : 0]);
    }
  }
}

typedef struct lanczos {
  const sl_exit *e;
  kernel kernel;
  sl_int n, most, steps;
  double *v;      /* [(most + 1) x n] */
  double *weight; /* [n] */
  double *alpha, *beta; /* [most] */
  double *d, *off, *z;  /* [most], [most], [most x most]: of T */
} lanczos;

static sl_status reserve(lanczos *s, const sl_exit *e, sl_int most,
                         sl_err *err) {
  sl_int n = e->nodes;
  sl_int count = (most + 6) * n + 2 * e->panels + 4 * most + most * most;
  *s = (lanczos){.e = e, .n = n, .most = most};
  s->v = sl_malloc(count * (sl_int)sizeof(double));
  if (s->v == NULL) {
    return sl_fail(err, SL_ENOMEM, "no memory for %lld numbers",
                   (long long)count);
  }
  s->weight = s->v + (most + 1) * n;
  s->alpha = s->weight + n;
  s->beta = s->alpha + most;
  s->d = s->beta + most;
  s->off = s->d + most;
  s->z = s->off + most;
  double *at = s->z + most * most;
  for (int side = 0; side < 2; side++, at += 2 * n + e->panels) {
    s->kernel.at_y[side] = at;
    s->kernel.at_x[side] = at + n;
    s->kernel.unit[side] = at + 2 * n;
  }
  quadrature(e, s->weight);
  make_kernel(e, &s->kernel);
  return SL_OK;
}

static double normalise(lanczos *s, double *v) {
  double length = sqrt(inner(s->weight, v, v, s->n));
  for (sl_int i = 0; i < s->n && length > 0; i++) {
    v[i] /= length;
  }
  return length;
}

/* A start without symmetry, smooth in the Lamperti coordinate. */
static void start(lanczos *s) {
  const double *y = s->e->row[SL_EXIT_TIME];
  for (sl_int i = 0; i < s->n; i++) {
    double z = y[i] / y[s->n - 1];
    s->v[i] = 1 + 0.7 * z - 0.4 * z * z;
  }
  normalise(s, s->v);
}

static void step(lanczos *s) {
  sl_int j = s->steps++, n = s->n;
  double *u = s->v + (j + 1) * n;
  apply(s->e, &s->kernel, u, s->v + j * n);
  s->alpha[j] = 0;
  for (int pass = 0; pass < 2; pass++) {
    for (sl_int i = j; i >= 0; i--) {
      const double *v = s->v + i * n;
      double c = inner(s->weight, u, v, n);
      for (sl_int k = 0; k < n; k++) {
        u[k] -= c * v[k];
      }
      s->alpha[j] += i == j ? c : 0;
    }
  }
  s->beta[j] = normalise(s, u);
}

/* Eigenvalues of T, ascending, in d; *error: residual of the k-th largest
** relative to it. */
static sl_status ritz(lanczos *s, sl_int k, double *error, sl_err *err) {
  sl_int m = s->steps;
  memcpy(s->d, s->alpha, (size_t)m * sizeof(double));
  memcpy(s->off, s->beta, (size_t)m * sizeof(double));
  if (LAPACKE_dstev(LAPACK_COL_MAJOR, 'V', (int)m, s->d, s->off, s->z,
                    (int)m) != 0) {
    return sl_fail(err, SL_ECONVERGE, "the eigenvalues did not converge");
  }
  *error = 0;
  for (sl_int i = 0; i < k; i++) {
    sl_int at = m - 1 - i;
    double r = fabs(s->beta[m - 1] * s->z[at * m + m - 1]);
    *error = fmax(*error, s->d[at] > 1e-7 * s->d[m - 1] ? r / s->d[at] : 0);
  }
  return SL_OK;
}

/* chi = V z for the i-th mode. */
static void mode(lanczos *s, sl_int i, double *chi) {
  sl_int m = s->steps;
  memset(chi, 0, (size_t)s->n * sizeof(double));
  for (sl_int j = 0; j < m; j++) {
    double c = s->z[(m - 1 - i) * m + j];
    for (sl_int k = 0; k < s->n; k++) {
      chi[k] += c * s->v[j * s->n + k];
    }
  }
  normalise(s, chi);
}

/* Rayleigh's quotient of Green's operator at a normalised chi: its error is the
** square of chi's, whatever symmetry the rounding has cost. */
static double rate(lanczos *s, const double *chi) {
  double *u = s->v; /* no longer needed */
  apply(s->e, &s->kernel, u, chi);
  double theta = inner(s->weight, u, chi, s->n);
  return theta > 0 ? 1 / theta : HUGE_VAL;
}

static sl_status iterate(lanczos *s, sl_int k, sl_err *err) {
  double error = 1;
  start(s);
  while (s->steps < s->most) {
    SL_TRY(sl_poll(err, "exit_theory"));
    step(s);
    bool dry = !(s->beta[s->steps - 1] > 0);
    if (s->steps >= k && (s->steps % CHECK == 0 || dry ||
                          s->steps == s->most)) {
      SL_TRY(ritz(s, k, &error, err));
      if (error < 1e-12 || dry) {
        return SL_OK;
      }
    }
  }
  if (error < 1e-7) {
    return SL_OK;
  }
  return sl_fail(err, SL_ECONVERGE, "eigenvalue %lld did not converge",
                 (long long)k);
}

sl_status sl_exit_modes(const sl_exit *e, sl_int k, double *lambda,
                        double *chi, sl_int *found, sl_err *err) {
  lanczos s;
  sl_int most = 3 * k + EXTRA;
  SL_TRY(reserve(&s, e, most < e->nodes ? most : e->nodes, err));
  sl_status status = iterate(&s, k, err);
  *found = 0;
  for (sl_int i = 0; i < k && status == SL_OK; i++) {
    mode(&s, i, chi + i * e->nodes);
  }
  for (sl_int i = 0; i < k && status == SL_OK; i++) {
    lambda[i] = rate(&s, chi + i * e->nodes);
    *found += lambda[i] < 1e7 * lambda[0];
  }
  sl_free(s.v);
  return status;
}
