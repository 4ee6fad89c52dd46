/* minres.c: MINRES-QLP, one product per step. Lanczos turns A into a
** tridiagonal; left rotations make it upper triangular, right rotations lower
** triangular again, and the minimum-length x follows from the last entries.
** Well-conditioned systems take the cheaper MINRES update until the estimate
** of cond(A) passes trancond, then x is carried over to the QLP recurrences.
** source: Choi, Paige & Saunders 2011, table 4.1 and sec. 5.  MIT licence. */
#include <cblas.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "num/krylov.h"

const sl_minres_opts sl_minres_default = {0, 1e-10, 1e4, 1e7, 1e4};

static const char *const flag_names[SL_MINRES_NFLAG] = {
    "running",      "zero",          "residual", "least_squares",
    "eigenvector",  "residual_eps",  "least_squares_eps",
    "maxxnorm",     "acondlim",      "maxit"};

const char *sl_minres_flag_name(sl_minres_flag flag) {
  return flag_names[flag];
}

static double norm_of(sl_int n, const double *x) {
  return cblas_dnrm2((blasint)n, x, 1);
}

static double dot_of(sl_int n, const double *x, const double *y) {
  return cblas_ddot((blasint)n, x, 1, y, 1);
}

static double norm3(double a, double b, double c) {
  return hypot(hypot(a, b), c);
}

/* The rotation [c s; s -c] that takes (a, b) to (r, 0). */
static void rotation(double a, double b, double *c, double *s, double *r) {
  if (b == 0) {
    *s = 0;
    *c = a == 0 ? 1 : copysign(1, a);
    *r = fabs(a);
  } else if (a == 0) {
    *c = 0;
    *s = copysign(1, b);
    *r = fabs(b);
  } else {
    *r = hypot(a, b);
    *c = a / *r;
    *s = b / *r;
  }
}

static sl_status check(sl_minres_opts *o, sl_int n, sl_err *err) {
  o->maxit = o->maxit == 0 ? 4 * n : o->maxit;
  if (o->maxit < 0 || !(o->rtol >= 0) || !(o->maxxnorm > 0) ||
      !(o->acondlim > 0) || !(o->trancond > 0)) {
    return sl_fail(err, SL_EARG,
                   "minres_qlp: maxit, rtol must be >= 0 and maxxnorm, "
                   "acondlim, trancond > 0: are %lld, %g, %g, %g, %g",
                   (long long)o->maxit, o->rtol, o->maxxnorm, o->acondlim,
                   o->trancond);
  }
  return SL_OK;
}

sl_status sl_minres_init(sl_minres *s, sl_int n, const double *b,
                         const sl_minres_opts *opts, double *work,
                         sl_err *err) {
  sl_minres_opts o = *opts;
  SL_TRY(check(&o, n, err));
  double length = norm_of(n, b);
  if (!isfinite(length)) {
    return sl_fail(err, SL_EDOM, "minres_qlp: b is not finite");
  }
  *s = (sl_minres){.n = n, .opts = o};
  double **parts[SL_MINRES_VECTORS] = {&s->v, &s->x,  &s->r1,  &s->r2,
                                       &s->w, &s->wl, &s->wl2, &s->xl2};
  memset(work, 0, (size_t)(SL_MINRES_VECTORS * n) * sizeof(double));
  for (int i = 0; i < SL_MINRES_VECTORS; i++) {
    *parts[i] = work + i * n;
  }
  s->beta1 = s->betan = s->phi = s->residual = length;
  s->cs = s->cr1 = s->cr2 = -1;
  s->acond = 1;
  s->done = length == 0 || o.maxit == 0;
  s->flag = length == 0 ? SL_MINRES_ZERO
                        : (s->done ? SL_MINRES_MAXIT : SL_MINRES_RUNNING);
  if (!s->done) {
    memcpy(s->r2, b, (size_t)n * sizeof(double));
    for (sl_int i = 0; i < n; i++) {
      s->v[i] = b[i] / length;
    }
  }
  return SL_OK;
}

/* One Lanczos step: r1, r2 move on, alpha is returned; av becomes the next
** unnormalised vector. betal is the beta before s->beta. */
static double lanczos(sl_minres *s, double betal, double *av) {
  sl_int n = s->n;
  if (s->iterations > 1) {
    cblas_daxpy((blasint)n, -s->beta / betal, s->r1, 1, av, 1);
  }
  double alpha = dot_of(n, s->v, av);
  cblas_daxpy((blasint)n, -alpha / s->beta, s->r2, 1, av, 1);
  double *spare = s->r1;
  s->r1 = s->r2;
  s->r2 = spare;
  memcpy(s->r2, av, (size_t)n * sizeof(double));
  s->betan = norm_of(n, av);
  return alpha;
}

/* The MINRES update of x along w = (v - epln w_(k-2) - dlta w_(k-1)) / gama. */
static void update_minres(sl_minres *s, double epln, double dlta,
                          double gama) {
  double *spare = s->wl2;
  s->wl2 = s->wl;
  s->wl = s->w;
  s->w = spare;
  for (sl_int i = 0; i < s->n; i++) {
    s->w[i] = (s->v[i] - epln * s->wl2[i] - dlta * s->wl[i]) / gama;
  }
  cblas_daxpy((blasint)s->n, s->tau, s->w, 1, s->x, 1);
}

/* On the first QLP step: the directions of MINRES become those of QLP, and x
** is split into its settled part xl2 and the two moving components. */
static void transfer(sl_minres *s, double gamal3) {
  for (sl_int i = 0; s->iterations > 1 && i < s->n; i++) {
    if (s->iterations > 3) {
      s->wl2[i] =
          gamal3 * s->wl2[i] + s->veplnl2 * s->wl[i] + s->etal * s->w[i];
    }
    if (s->iterations > 2) {
      s->wl[i] = s->gamal_qlp * s->wl[i] + s->vepln_qlp * s->w[i];
    }
    s->w[i] *= s->gama_qlp;
    s->xl2[i] = s->x[i] - s->wl[i] * s->ul_qlp - s->w[i] * s->u_qlp;
  }
}

/* The right rotations applied to the directions, then x. */
static void update_qlp(sl_minres *s) {
  sl_int k = s->iterations;
  double c1 = s->cr1, s1 = s->sr1, c2 = s->cr2, s2 = s->sr2;
  for (sl_int i = 0; i < s->n; i++) {
    double v = s->v[i], w = s->w[i], wl = s->wl[i];
    if (k == 1) {
      s->wl2[i] = wl;
      s->wl[i] = v * s1;
      s->w[i] = -v * c1;
    } else if (k == 2) {
      s->wl2[i] = wl;
      s->wl[i] = w * c1 + v * s1;
      s->w[i] = w * s1 - v * c1;
    } else {
      double old = wl, turned = old * s2 - v * c2;
      s->wl2[i] = old * c2 + v * s2;
      s->wl[i] = w * c1 + turned * s1;
      s->w[i] = w * s1 - turned * c1;
    }
    s->xl2[i] += s->wl2[i] * s->ul2;
    s->x[i] = s->xl2[i] + s->wl[i] * s->ul + s->w[i] * s->u;
  }
}

/* The component of x along the newest direction. It is left out (u = 0) when
** x would grow beyond maxxnorm, or the matrix is singular there within
** acondlim: what the least-squares solution of least norm asks for. */
static sl_minres_flag last_component(sl_minres *s) {
  double partial = norm3(s->xl2norm, s->ul2, s->ul);
  s->u = 0;
  if (!(fabs(s->gama) * s->opts.acondlim > s->anorm)) {
    return SL_MINRES_ACONDLIM;
  }
  if (!(partial < s->opts.maxxnorm)) {
    return SL_MINRES_MAXXNORM;
  }
  double u = (s->tau - s->eta * s->ul2 - s->vepln * s->ul) / s->gama;
  if (hypot(partial, u) > s->opts.maxxnorm) {
    return SL_MINRES_MAXXNORM;
  }
  s->u = u;
  return SL_MINRES_RUNNING;
}

/* Left rotations of column k and the right rotations P_(k-2,k), P_(k-1,k);
** epln, dlta and gama of MINRES are handed out. */
static void rotate(sl_minres *s, double alpha, double out[5]) {
  double dbar = s->dltan, dlta = s->cs * dbar + s->sn * alpha;
  double gbar = s->sn * dbar - s->cs * alpha, epln = s->eplnn;
  s->eplnn = s->sn * s->betan;
  s->dltan = -s->cs * s->betan;
  out[0] = epln;
  out[1] = dlta;
  out[3] = s->gamal2; /* gamal3 of the paper */
  out[4] = hypot(gbar, s->dltan);
  s->gamal2 = s->gamal;
  s->gamal = s->gama;
  rotation(gbar, s->betan, &s->cs, &s->sn, &s->gama);
  out[2] = s->gama;
  if (s->iterations > 2) {
    s->veplnl2 = s->veplnl;
    s->etal2 = s->etal;
    s->etal = s->eta;
    double turned = s->sr2 * s->vepln - s->cr2 * dlta;
    s->veplnl = s->cr2 * s->vepln + s->sr2 * dlta;
    dlta = turned;
    s->eta = s->sr2 * s->gama;
    s->gama *= -s->cr2;
  }
  if (s->iterations > 1) {
    rotation(s->gamal, dlta, &s->cr1, &s->sr1, &s->gamal);
    s->vepln = s->sr1 * s->gama;
    s->gama *= -s->cr1;
  }
}

/* The last components of x in the QLP basis, and its norm. */
static sl_minres_flag components(sl_minres *s, double taul2) {
  double ul4 = s->ul3;
  s->ul3 = s->ul2;
  if (s->iterations > 2) {
    s->ul2 = (taul2 - s->etal2 * ul4 - s->veplnl2 * s->ul3) / s->gamal2;
  } else {
    s->ul2 = 0;
  }
  if (s->iterations > 1) {
    s->ul = (s->taul - s->etal * s->ul3 - s->veplnl * s->ul2) / s->gamal;
  }
  sl_minres_flag flag = last_component(s);
  s->xl2norm = hypot(s->xl2norm, s->ul2);
  s->xnorm = norm3(s->xl2norm, s->ul, s->u);
  return flag;
}

/* Norm estimates; keeps what the transfer to QLP will need, then makes the
** rotation P_(k-1,k+1). */
static void estimate(sl_minres *s, double pnorm) {
  double before = s->gamal, size = fabs(s->gama), gminl2 = s->gminl;
  rotation(s->gamal, s->eplnn, &s->cr2, &s->sr2, &s->gamal);
  s->gamal_qlp = before;
  s->vepln_qlp = s->vepln;
  s->gama_qlp = s->gama;
  s->ul_qlp = s->ul;
  s->u_qlp = s->u;
  s->anorm = fmax(fmax(s->anorm, s->gamal), fmax(size, pnorm));
  if (s->iterations == 1) {
    s->gmin = s->gminl = size;
  } else {
    s->gminl = s->gmin;
    s->gmin = fmin(fmin(gminl2, s->gamal), size);
  }
  s->acond = s->gmin > 0 ? s->anorm / s->gmin : HUGE_VAL;
}

/* The stopping tests, the last that holds wins. */
static sl_minres_flag judge(const sl_minres *s, double root) {
  double rel = s->residual / (s->anorm * s->xnorm + s->beta1);
  double rel_a = root / s->anorm;
  sl_minres_flag flag = SL_MINRES_RUNNING;
  flag = s->iterations >= s->opts.maxit ? SL_MINRES_MAXIT : flag;
  flag = s->acond >= s->opts.acondlim ? SL_MINRES_ACONDLIM : flag;
  flag = s->xnorm >= s->opts.maxxnorm ? SL_MINRES_MAXXNORM : flag;
  flag = 1 + rel_a <= 1 ? SL_MINRES_LEASTSQUARE_EPS : flag;
  flag = 1 + rel <= 1 ? SL_MINRES_RESIDUAL_EPS : flag;
  flag = rel_a <= s->opts.rtol ? SL_MINRES_LEASTSQUARE : flag;
  return rel <= s->opts.rtol ? SL_MINRES_RESIDUAL : flag;
}

/* A v = alpha v in the first step: the answer is in hand (0 for alpha = 0,
** where b lies in the null space). */
static void eigenvector(sl_minres *s, double alpha) {
  s->done = true;
  s->flag = alpha == 0 ? SL_MINRES_LEASTSQUARE : SL_MINRES_EIGENVECTOR;
  s->anorm = fabs(alpha);
  s->a_residual = 0;
  if (alpha != 0) {
    for (sl_int i = 0; i < s->n; i++) {
      s->x[i] = s->v[i] * (s->beta1 / alpha);
    }
    s->residual = 0;
    s->xnorm = s->beta1 / fabs(alpha);
  }
}

/* A settled flag ends the run; the next v follows otherwise. */
static void advance(sl_minres *s, sl_minres_flag flag) {
  s->flag = flag;
  s->done = flag != SL_MINRES_RUNNING;
  for (sl_int i = 0; !s->done && i < s->n; i++) {
    s->v[i] = s->r2[i] / s->betan;
  }
}

sl_status sl_minres_step(sl_minres *s, double *av, sl_err *err) {
  double betal = s->beta, taul2 = s->taul, before = s->residual, out[5];
  s->beta = s->betan;
  s->iterations++;
  double alpha = lanczos(s, betal, av);
  if (!isfinite(alpha) || !isfinite(s->betan)) {
    return sl_fail(err, SL_EDOM, "minres_qlp: product %lld is not finite",
                   (long long)s->iterations);
  }
  double pnorm = norm3(s->iterations > 1 ? s->beta : 0, alpha, s->betan);
  if (s->iterations == 1 && s->betan <= DBL_EPSILON * fabs(alpha)) {
    s->betan = 0;
  }
  if (s->iterations == 1 && s->betan == 0) {
    eigenvector(s, alpha);
    return SL_OK;
  }
  rotate(s, alpha, out);
  s->taul = s->tau;
  s->tau = s->cs * s->phi;
  s->phi = s->sn * s->phi;
  s->anorm = fmax(s->anorm, pnorm);
  sl_minres_flag flag = components(s, taul2);
  if (s->acond < s->opts.trancond && flag == SL_MINRES_RUNNING &&
      s->qlp_iterations == 0) {
    update_minres(s, out[0], out[1], out[2]);
  } else {
    if (s->qlp_iterations++ == 0) {
      transfer(s, out[3]);
    }
    update_qlp(s);
  }
  estimate(s, pnorm);
  if (flag == SL_MINRES_RUNNING) {
    s->residual = fabs(s->phi);
  }
  s->a_residual = before * out[4];
  sl_minres_flag verdict = judge(s, out[4]);
  bool solved = verdict != SL_MINRES_RUNNING && verdict < SL_MINRES_MAXXNORM;
  advance(s, flag == SL_MINRES_RUNNING || solved ? verdict : flag);
  return SL_OK;
}
