/* cg.c: conjugate gradients that notice negative curvature instead of
** dividing by it.  source: Hestenes & Stiefel 1952; Steihaug 1983.
** MIT licence. */
#include <cblas.h>
#include <math.h>
#include <string.h>

#include "num/krylov.h"

static const char *const flag_names[SL_CG_NFLAG] = {
    "running", "converged", "negative_curvature", "maxit"};

const char *sl_cg_flag_name(sl_cg_flag flag) { return flag_names[flag]; }

static double dot_of(sl_int n, const double *x, const double *y) {
  return cblas_ddot((blasint)n, x, 1, y, 1);
}

static void judge(sl_cg *s) {
  s->residual = sqrt(s->rr);
  if (s->residual <= s->rtol * s->bnorm) {
    s->flag = SL_CG_CONVERGED;
  } else if (s->iterations >= s->maxit) {
    s->flag = SL_CG_MAXIT;
  }
  s->done = s->flag != SL_CG_RUNNING;
}

sl_status sl_cg_init(sl_cg *s, sl_int n, const double *b, double rtol,
                     sl_int maxit, double *work, sl_err *err) {
  if (!(rtol >= 0) || maxit < 0) {
    return sl_fail(err, SL_EARG, "cg: rtol and maxit must be >= 0: %g, %lld",
                   rtol, (long long)maxit);
  }
  double rr = dot_of(n, b, b);
  if (!isfinite(rr)) {
    return sl_fail(err, SL_EDOM, "cg: b is not finite");
  }
  *s = (sl_cg){.n = n, .rtol = rtol, .maxit = maxit ? maxit : 10 * n,
               .rr = rr, .bnorm = sqrt(rr)};
  s->v = work;
  s->x = work + n;
  s->r = work + 2 * n;
  memset(s->x, 0, (size_t)n * sizeof(double));
  memcpy(s->r, b, (size_t)n * sizeof(double));
  memcpy(s->v, b, (size_t)n * sizeof(double));
  judge(s);
  return SL_OK;
}

sl_status sl_cg_step(sl_cg *s, const double *av, sl_err *err) {
  sl_int n = s->n;
  double bend = dot_of(n, s->v, av);
  s->iterations++;
  s->curvature = bend / dot_of(n, s->v, s->v);
  if (!isfinite(s->curvature)) {
    return sl_fail(err, SL_EDOM, "cg: product %lld is not finite",
                   (long long)s->iterations);
  }
  if (!(bend > 0)) {
    s->flag = SL_CG_NEGATIVE;
    s->done = true;
    return SL_OK;
  }
  double step = s->rr / bend, was = s->rr;
  cblas_daxpy((blasint)n, step, s->v, 1, s->x, 1);
  cblas_daxpy((blasint)n, -step, av, 1, s->r, 1);
  s->rr = dot_of(n, s->r, s->r);
  judge(s);
  for (sl_int i = 0; !s->done && i < n; i++) {
    s->v[i] = s->r[i] + s->rr / was * s->v[i];
  }
  return SL_OK;
}
