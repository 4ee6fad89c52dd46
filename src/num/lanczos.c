/* lanczos.c: Lanczos with full reorthogonalisation, and the eigenvalues and
** quadrature weights of its tridiagonal.  source: see krylov.h.
** MIT licence. */
#include <cblas.h>
#include <float.h>
#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "num/krylov.h"

static double norm_of(sl_int n, const double *x) {
  return cblas_dnrm2((blasint)n, x, 1);
}

sl_int sl_lanczos_work(sl_int n, sl_int steps) {
  sl_int m = steps < n ? steps : n;
  return m * n + 3 * m;
}

sl_status sl_lanczos_init(sl_lanczos *s, sl_int n, const double *v0,
                          sl_int steps, double *work, sl_err *err) {
  double length = norm_of(n, v0);
  if (steps < 1) {
    return sl_fail(err, SL_EARG, "lanczos: steps must be at least 1, is %lld",
                   (long long)steps);
  }
  if (!(length > 0) || !isfinite(length)) {
    return sl_fail(err, SL_EDOM, "lanczos: v0 must be finite and not zero");
  }
  sl_int m = steps < n ? steps : n;
  *s = (sl_lanczos){.n = n, .steps = m, .V = work, .v = work};
  s->alpha = work + m * n;
  s->beta = s->alpha + m;
  s->c = s->beta + m;
  for (sl_int i = 0; i < n; i++) {
    s->V[i] = v0[i] / length;
  }
  return SL_OK;
}

/* x -= V' (V x) over the first rows, twice. */
static void orthogonalise(const sl_lanczos *s, sl_int rows, double *x) {
  for (int pass = 0; pass < 2; pass++) {
    cblas_dgemv(CblasRowMajor, CblasNoTrans, (blasint)rows, (blasint)s->n, 1,
                s->V, (blasint)s->n, x, 1, 0, s->c, 1);
    cblas_dgemv(CblasRowMajor, CblasTrans, (blasint)rows, (blasint)s->n, -1,
                s->V, (blasint)s->n, s->c, 1, 1, x, 1);
  }
}

/* A number in [-1, 1) scrambled from k. source: Steele, Lea & Flood 2014. */
static double scrambled(uint64_t k) {
  uint64_t z = (k + 1) * 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return (double)((z ^ (z >> 31)) >> 11) * 0x1p-52 - 1;
}

/* A unit vector orthogonal to the first rows, of no particular direction. It
** is normalised between passes, since little may be left of it. */
static void fresh(const sl_lanczos *s, sl_int rows, double *x) {
  for (sl_int i = 0; i < s->n; i++) {
    x[i] = scrambled((uint64_t)(rows * s->n + i));
  }
  for (int pass = 0; pass < 2; pass++) {
    orthogonalise(s, rows, x);
    cblas_dscal((blasint)s->n, 1 / norm_of(s->n, x), x, 1);
  }
}

sl_status sl_lanczos_step(sl_lanczos *s, double *av, sl_err *err) {
  sl_int n = s->n, k = s->k;
  double alpha = cblas_ddot((blasint)n, s->v, 1, av, 1);
  double whole = norm_of(n, av);
  if (!isfinite(alpha) || !isfinite(whole)) {
    return sl_fail(err, SL_EDOM, "lanczos: product %lld is not finite",
                   (long long)(k + 1));
  }
  orthogonalise(s, k + 1, av);
  s->alpha[k] = alpha;
  s->beta[k] = norm_of(n, av);
  s->scale = fmax(s->scale, whole);
  bool broken = s->beta[k] <= 8 * DBL_EPSILON * sqrt((double)n) * s->scale;
  s->k = k + 1;
  s->done = s->k == s->steps;
  if (broken) {
    s->beta[k] = 0;
  }
  if (s->done) {
    return SL_OK;
  }
  s->v = s->V + s->k * n;
  if (broken) {
    s->breakdowns++;
    fresh(s, s->k, s->v);
    return SL_OK;
  }
  for (sl_int i = 0; i < n; i++) {
    s->v[i] = av[i] / s->beta[k];
  }
  return SL_OK;
}

sl_status sl_tridiagonal(double *theta, double *weight, const double *d,
                         const double *e, sl_int m, sl_err *err) {
  sl_int bytes = 0;
  double *Z = NULL, *off = sl_malloc((m + 1) * (sl_int)sizeof(double));
  if (weight && sl_mul(m * m, (sl_int)sizeof(double), &bytes)) {
    Z = sl_malloc(bytes > 0 ? bytes : 8);
  }
  if (!off || (weight && !Z)) {
    sl_free(off);
    sl_free(Z);
    return sl_fail(err, SL_ENOMEM, "lanczos: no memory for %lld eigenvalues",
                   (long long)m);
  }
  memcpy(theta, d, (size_t)m * sizeof(double));
  memcpy(off, e, (size_t)(m > 0 ? m - 1 : 0) * sizeof(double));
  lapack_int info =
      m == 0 ? 0
             : LAPACKE_dstevd(LAPACK_COL_MAJOR, weight ? 'V' : 'N',
                              (lapack_int)m, theta, off, Z, (lapack_int)m);
  for (sl_int j = 0; weight && info == 0 && j < m; j++) {
    weight[j] = Z[j * m] * Z[j * m];
  }
  sl_free(off);
  sl_free(Z);
  return info == 0 ? SL_OK
                   : sl_fail(err, SL_ECONVERGE,
                             "lanczos: the tridiagonal eigenvalues failed (%d)",
                             (int)info);
}
