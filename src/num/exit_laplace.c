/* exit_laplace.c: the Laplace transform w(x) = E_x exp(-s T) of an exit time,
** (1/2) g^2 w'' + b w' = s w, for complex s, and its inversion. On a panel, with
** S' and m in units of their values at its left end, w is the solution of
**   w = w_a + w'_a int S' + s int S' int m w ,
** two linear systems of SL_PANEL equations; panels are joined by (w, w'), from
** both ends with running scales, so that nothing overflows.
** docs/sde.md 3.4.  MIT licence. */
#include <complex.h>
#include <math.h>
#include <omp.h>
#include <string.h>

#include "num/exit.h"

enum { N = SL_PANEL };

typedef double complex cplx;

/* What a panel's equations are made of, for all s. */
typedef struct panel {
  double k[N][N];   /* int S' int m */
  double sigma[N];  /* int S' */
  double m[N];      /* weights of int m over the panel */
  double rise;      /* phi at its right end less phi at its left */
} panel;

/* Solutions on a panel that start as (1, 0) and (0, 1), and where they end. */
typedef struct pair {
  cplx w[N][2];
  cplx end[2][2]; /* end[0]: w, end[1]: w' */
} pair;

/* A solution at a panel's left end: (w, w') exp(scale). */
typedef struct state {
  cplx w, slope;
  double scale;
} state;

/* re + i im, without the arithmetic of I. */
static inline cplx number(double re, double im) {
  cplx z;
  ((double *)&z)[0] = re;
  ((double *)&z)[1] = im;
  return z;
}

/* Products without the checks for infinity of C's own. */
static inline cplx times(cplx a, cplx b) {
  return number(creal(a) * creal(b) - cimag(a) * cimag(b),
               creal(a) * cimag(b) + cimag(a) * creal(b));
}

static void prepare(const sl_exit *e, sl_int p, panel *out) {
  const double *phi = e->row[SL_EXIT_PHI] + p * N;
  const double *speed = e->row[SL_EXIT_SPEED] + p * N;
  double q[N][N], h = (e->edge[p + 1] - e->edge[p]) / 2, s[N], m[N];
  for (int i = 0; i < N; i++) {
    sl_panel_weights(q[i], i);
    s[i] = exp(phi[0] - phi[i]);
    m[i] = exp(speed[i] - phi[0]);
  }
  for (int i = 0; i < N; i++) {
    out->m[i] = h * q[N - 1][i] * m[i];
    out->sigma[i] = 0;
    for (int j = 0; j < N; j++) {
      double sum = 0;
      for (int l = 0; l < N; l++) {
        sum += q[i][l] * s[l] * q[l][j];
      }
      out->k[i][j] = h * h * sum * m[j];
      out->sigma[i] += h * q[i][j] * s[j];
    }
  }
  out->rise = phi[N - 1] - phi[0];
}

/* Gauss with row pivots on a [N][N + 2]; the solutions replace the last two
** columns. */
static void solve(cplx a[N][N + 2]) {
  for (int k = 0; k < N; k++) {
    int best = k;
    for (int i = k + 1; i < N; i++) {
      best = cabs(a[i][k]) > cabs(a[best][k]) ? i : best;
    }
    for (int j = k; j < N + 2 && best != k; j++) {
      cplx t = a[k][j];
      a[k][j] = a[best][j];
      a[best][j] = t;
    }
    cplx inverse = 1 / a[k][k];
    for (int i = k + 1; i < N; i++) {
      cplx f = times(a[i][k], inverse);
      for (int j = k + 1; j < N + 2; j++) {
        a[i][j] -= times(f, a[k][j]);
      }
    }
  }
  for (int k = N - 1; k >= 0; k--) {
    for (int c = N; c < N + 2; c++) {
      cplx x = a[k][c];
      for (int j = k + 1; j < N; j++) {
        x -= times(a[k][j], a[j][c]);
      }
      a[k][c] = x / a[k][k];
    }
  }
}

static void solve_panel(const panel *p, cplx s, pair *out) {
  cplx a[N][N + 2];
  for (int i = 0; i < N; i++) {
    for (int j = 0; j < N; j++) {
      a[i][j] = (i == j ? 1 : 0) - s * p->k[i][j];
    }
    a[i][N] = 1;
    a[i][N + 1] = p->sigma[i];
  }
  solve(a);
  for (int c = 0; c < 2; c++) {
    cplx flux = 0;
    for (int i = 0; i < N; i++) {
      out->w[i][c] = a[i][N + c];
      flux += p->m[i] * a[i][N + c];
    }
    out->end[0][c] = a[N - 1][N + c];
    out->end[1][c] = (c + times(s, flux)) * exp(-p->rise);
  }
}

static void rescale(state *at) {
  double size = fmax(cabs(at->w), cabs(at->slope));
  at->w /= size;
  at->slope /= size;
  at->scale += log(size);
}

/* To the right end of a panel, and back from it. */
static state forward(state a, const pair *p) {
  state b = {times(p->end[0][0], a.w) + times(p->end[0][1], a.slope),
             times(p->end[1][0], a.w) + times(p->end[1][1], a.slope), a.scale};
  rescale(&b);
  return b;
}

static state backward(state b, const pair *p, double rise) {
  double det = exp(-rise); /* the Wronskian falls as S' */
  state a = {(times(p->end[1][1], b.w) - times(p->end[0][1], b.slope)) / det,
             (times(p->end[0][0], b.slope) - times(p->end[1][0], b.w)) / det,
             b.scale};
  rescale(&a);
  return a;
}

/* The solution of a panel at x, as its real and imaginary polynomials. */
static cplx at_point(const sl_exit *e, sl_int p, const pair *s, state a,
                     double x) {
  double re[N], im[N], out[2];
  for (int i = 0; i < N; i++) {
    cplx w = times(s->w[i][0], a.w) + times(s->w[i][1], a.slope);
    re[i] = creal(w);
    im[i] = cimag(w);
  }
  sl_panel_at(out, &x, 1, e->edge + p, 1, re);
  sl_panel_at(out + 1, &x, 1, e->edge + p, 1, im);
  return number(out[0], out[1]);
}

typedef struct job {
  const sl_exit *e;
  const panel *panels;
  double at_lower, at_upper;
  const double *x;
  const sl_int *where; /* the panel of each x */
  sl_int n;
} job;

/* Space of one s. */
static sl_int work_bytes(const sl_exit *e) {
  return e->panels * (sl_int)(sizeof(pair) + 2 * sizeof(state)) +
         2 * (sl_int)sizeof(state);
}

/* out[n] = w at x[n] for this s. */
static void transform(const job *j, cplx s, void *work, cplx *out) {
  sl_int panels = j->e->panels;
  pair *solved = work;
  state *left = (state *)(solved + panels), *right = left + panels + 1;
  left[0] = (state){0, 1, 0};
  right[panels] = (state){0, 1, 0};
  for (sl_int p = 0; p < panels; p++) {
    solve_panel(&j->panels[p], s, &solved[p]);
    left[p + 1] = forward(left[p], &solved[p]);
  }
  for (sl_int p = panels - 1; p >= 0; p--) {
    right[p] = backward(right[p + 1], &solved[p], j->panels[p].rise);
  }
  for (sl_int i = 0; i < j->n; i++) {
    sl_int p = j->where[i];
    double up = left[p].scale - left[panels].scale;
    double down = right[p].scale - right[0].scale;
    cplx a = at_point(j->e, p, &solved[p], left[p], j->x[i]);
    cplx b = at_point(j->e, p, &solved[p], right[p], j->x[i]);
    out[i] = j->at_upper * exp(up) * (a / left[panels].w) +
             j->at_lower * exp(down) * (b / right[0].w);
  }
}

static void locate(const sl_exit *e, const double *x, sl_int n, sl_int *where) {
  for (sl_int i = 0; i < n; i++) {
    sl_int low = 0, high = e->panels;
    while (high - low > 1) {
      sl_int mid = (low + high) / 2;
      if (e->edge[mid] <= x[i]) {
        low = mid;
      } else {
        high = mid;
      }
    }
    where[i] = low;
  }
}

/* Everything one call needs, in one block: panels, places, work per thread. */
typedef struct space {
  void *block;
  panel *panels;
  sl_int *where;
  char *work;
  cplx *values; /* [count x n] */
} space;

static sl_status reserve(space *s, const sl_exit *e, sl_int n, sl_int count,
                         int threads, sl_err *err) {
  sl_int a = e->panels * (sl_int)sizeof(panel);
  sl_int b = count * n * (sl_int)sizeof(cplx);
  sl_int c = threads * work_bytes(e), d = n * (sl_int)sizeof(sl_int);
  s->block = sl_malloc_aligned(a + b + c + d);
  if (s->block == NULL) {
    return sl_fail(err, SL_ENOMEM, "no memory for %lld bytes",
                   (long long)(a + b + c + d));
  }
  s->panels = s->block;
  s->values = (cplx *)((char *)s->block + a);
  s->work = (char *)s->block + a + b;
  s->where = (sl_int *)(s->work + c);
  for (sl_int p = 0; p < e->panels; p++) {
    prepare(e, p, &s->panels[p]);
  }
  return SL_OK;
}

sl_status sl_exit_laplace(const sl_exit *e, double s, double at_lower,
                          double at_upper, const double *x, sl_int n,
                          double *out, sl_err *err) {
  space m = {0};
  SL_TRY(reserve(&m, e, n, 1, 1, err));
  job j = {e, m.panels, at_lower, at_upper, x, m.where, n};
  locate(e, x, n, m.where);
  transform(&j, s, m.work, m.values);
  for (sl_int i = 0; i < n; i++) {
    out[i] = creal(m.values[i]);
  }
  sl_free(m.block);
  return SL_OK;
}

/* Changes of sign along the nodes of a panel; *last: the sign so far. */
static sl_int sign_changes(const pair *p, state a, double *last) {
  sl_int count = 0;
  for (int i = 1; i < N; i++) {
    double w = creal(times(p->w[i][0], a.w) + times(p->w[i][1], a.slope));
    count += w * *last < 0;
    *last = w != 0 ? copysign(1, w) : *last;
  }
  return count;
}

sl_status sl_exit_count(const sl_exit *e, double lambda, sl_int *count,
                        sl_err *err) {
  space m = {0};
  SL_TRY(reserve(&m, e, 0, 0, 1, err));
  state at = {0, 1, 0};
  double last = 1;
  pair *solved = (pair *)(void *)m.work;
  *count = 0;
  for (sl_int p = 0; p < e->panels; p++) {
    solve_panel(&m.panels[p], -lambda, solved);
    *count += sign_changes(solved, at, &last);
    at = forward(at, solved);
  }
  sl_free(m.block);
  return SL_OK;
}

/* Point k of the contour and its weight, for t = 1. */
static void contour(int k, int points, cplx *s, cplx *weight) {
  double r = 0.4 * points, theta = M_PI * k / points;
  if (k == 0) {
    *s = r;
    *weight = 0.5 * exp(r) * r / points;
    return;
  }
  double cot = cos(theta) / sin(theta);
  *s = number(r * theta * cot, r * theta);
  *weight = cexp(*s) * number(1, theta + (theta * cot - 1) * cot) * r / points;
}

/* How many points matter: the others weigh less than 1e-20 of the first. */
static int points_used(int points) {
  double r = 0.4 * points;
  int k = 1;
  while (k < points && r * (M_PI * k / points) / tan(M_PI * k / points) >
                           r - 46) {
    k++;
  }
  return k;
}

/* out = sum over points of the real part of weight times transform. */
typedef struct route {
  int count;
  cplx s[SL_EXIT_POINTS], weight[SL_EXIT_POINTS];
} route;

static sl_status integrate(const sl_exit *e, const route *path, double at_lower,
                           double at_upper, const double *x, sl_int n,
                           double *out, sl_err *err) {
  space m = {0};
  int threads = sl_threads();
  SL_TRY(reserve(&m, e, n, path->count, threads, err));
  job j = {e, m.panels, at_lower, at_upper, x, m.where, n};
  locate(e, x, n, m.where);
#pragma omp parallel for num_threads(threads)
  for (int k = 0; k < path->count; k++) {
    if (!sl_interrupted()) {
      transform(&j, path->s[k], m.work + omp_get_thread_num() * work_bytes(e),
                m.values + k * n);
    }
  }
  sl_status status = sl_poll(err, "exit_theory");
  memset(out, 0, (size_t)n * sizeof(double));
  for (int k = 0; k < path->count && status == SL_OK; k++) {
    for (sl_int i = 0; i < n; i++) {
      out[i] += creal(times(path->weight[k], m.values[k * n + i]));
    }
  }
  sl_free(m.block);
  return status;
}

sl_status sl_exit_talbot(const sl_exit *e, double t, int points, bool density,
                         double at_lower, double at_upper, const double *x,
                         sl_int n, double *out, sl_err *err) {
  if (points < 1 || points > SL_EXIT_POINTS) {
    return sl_fail(err, SL_EARG, "points: expected 1 .. %d, got %d",
                   SL_EXIT_POINTS, points);
  }
  route path = {.count = points_used(points)};
  for (int k = 0; k < path.count; k++) {
    cplx s, weight;
    contour(k, points, &s, &weight);
    path.s[k] = s / t;
    path.weight[k] = density ? weight / t : weight / s;
  }
  return integrate(e, &path, at_lower, at_upper, x, n, out, err);
}

enum { CIRCLE = 12 }; /* points of its upper half: errors 4^-24 */

sl_status sl_exit_residue(const sl_exit *e, double lambda, double radius,
                          double at_lower, double at_upper, const double *x,
                          sl_int n, double *out, sl_err *err) {
  route path = {.count = CIRCLE};
  for (int k = 0; k < CIRCLE; k++) {
    double theta = M_PI * (k + 0.5) / CIRCLE;
    cplx step = number(radius * cos(theta), radius * sin(theta));
    path.s[k] = step - lambda;
    path.weight[k] = -step / path.s[k] / CIRCLE;
  }
  return integrate(e, &path, at_lower, at_upper, x, n, out, err);
}
