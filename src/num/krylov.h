/* krylov.h: Krylov methods in step form, double precision. The caller owns the
** workspace and supplies products with a symmetric A:
**     init(state, n, .., work);
**     while (!state.done) { y = A state.v;  step(state, y); }
** y may be any vector of n that the step may overwrite. No allocation, no
** callback. state.v is NULL once there is nothing left to multiply.
** MIT licence. */
#ifndef SL_KRYLOV_H
#define SL_KRYLOV_H

#include "base/base.h"

/* ---- MINRES-QLP ---------------------------------------------------------- */
/* The x of least norm among those minimising |A x - b|, A symmetric, perhaps
** indefinite or singular, b perhaps outside its range.
** source: Choi, Paige & Saunders 2011, MINRES-QLP: a Krylov subspace method
** for indefinite or singular symmetric systems, SIAM J. Sci. Comput. 33(4). */
typedef enum sl_minres_flag {
  SL_MINRES_RUNNING,
  SL_MINRES_ZERO,        /* b = 0: x = 0 */
  SL_MINRES_RESIDUAL,    /* |r| <= rtol (|A| |x| + |b|) */
  SL_MINRES_LEASTSQUARE, /* |A r| <= rtol |A| |r|: x solves in that sense */
  SL_MINRES_EIGENVECTOR, /* b is an eigenvector; x = b / eigenvalue */
  SL_MINRES_RESIDUAL_EPS,    /* the two above, at machine precision */
  SL_MINRES_LEASTSQUARE_EPS,
  SL_MINRES_MAXXNORM,    /* |x| reached maxxnorm */
  SL_MINRES_ACONDLIM,    /* estimated condition reached acondlim: the last
                            component, singular within that, was left out */
  SL_MINRES_MAXIT,
  SL_MINRES_NFLAG
} sl_minres_flag;

const char *sl_minres_flag_name(sl_minres_flag flag); /* "residual", ... */

typedef struct sl_minres_opts {
  sl_int maxit;
  double rtol, maxxnorm, acondlim, trancond;
} sl_minres_opts;

/* maxit 4 n (set by init when 0), rtol 1e-10, 1e4, 1e7, 1e4 */
extern const sl_minres_opts sl_minres_default;

typedef struct sl_minres {
  sl_int n, iterations, qlp_iterations;
  sl_minres_opts opts;
  sl_minres_flag flag;
  bool done;
  double *v; /* [n] multiply this */
  double *x; /* [n] the answer */
  double residual;  /* |b - A x| */
  double a_residual; /* estimate of |A r| at the iterate before the last */
  double anorm, acond, xnorm; /* running estimates */
  /* vectors [n] */
  double *r1, *r2, *w, *wl, *wl2, *xl2;
  /* the recurrences; the paper's letters, l = last, l2 = the one before */
  double beta1, beta, betan, tau, taul, phi, gmin, gminl;
  double cs, sn, cr1, sr1, cr2, sr2;
  double dltan, eplnn, gama, gamal, gamal2, eta, etal, etal2;
  double vepln, veplnl, veplnl2, u, ul, ul2, ul3, xl2norm;
  double gamal_qlp, vepln_qlp, gama_qlp, ul_qlp, u_qlp;
} sl_minres;

enum { SL_MINRES_VECTORS = 8 };

/* work: SL_MINRES_VECTORS * n doubles. b is read here only.
** errors: SL_EARG an option out of range; SL_EDOM b not finite. */
sl_status sl_minres_init(sl_minres *s, sl_int n, const double *b,
                         const sl_minres_opts *opts, double *work,
                         sl_err *err);

/* av = A s->v, overwritten. errors: SL_EDOM av not finite. */
sl_status sl_minres_step(sl_minres *s, double *av, sl_err *err);

/* ---- conjugate gradients ------------------------------------------------- */
typedef enum sl_cg_flag {
  SL_CG_RUNNING,
  SL_CG_CONVERGED, /* |r| <= rtol |b| */
  SL_CG_NEGATIVE,  /* v'A v <= 0: v is a direction of such curvature */
  SL_CG_MAXIT,
  SL_CG_NFLAG
} sl_cg_flag;

/* Lua-visible name of a flag. */
const char *sl_cg_flag_name(sl_cg_flag flag);

/* source: Hestenes & Stiefel 1952; the curvature test, Steihaug 1983. */
typedef struct sl_cg {
  sl_int n, iterations, maxit;
  double rtol, bnorm, rr, residual;
  double curvature; /* v'A v / v'v of the last direction */
  sl_cg_flag flag;
  bool done;
  double *v, *x, *r; /* [n] direction (multiply this), answer, residual */
} sl_cg;

enum { SL_CG_VECTORS = 3 };

/* work: SL_CG_VECTORS * n doubles; maxit 0 means 10 n. */
sl_status sl_cg_init(sl_cg *s, sl_int n, const double *b, double rtol,
                     sl_int maxit, double *work, sl_err *err);
sl_status sl_cg_step(sl_cg *s, const double *av, sl_err *err);

/* ---- Lanczos ------------------------------------------------------------- */
/* A V = V T with T tridiagonal (alpha, beta), V orthonormal by full two-pass
** reorthogonalisation (CGS2: two matrix-vector products a pass). beta is the
** length after reorthogonalising, so T is V'A V. When the space is exhausted
** before the last step, beta is set to 0 and a fresh vector orthogonal to all
** others continues (`breakdowns` counts): T splits, and shows eigenvalues
** that the start vector cannot see. Steps beyond n are dropped.
** source: Paige 1972; Giraud, Langou & Rozloznik 2005 (twice is enough). */
typedef struct sl_lanczos {
  sl_int n, steps, k; /* k steps are complete */
  sl_int breakdowns;
  bool done;
  double scale;  /* largest |alpha|, beta so far: the measure of breakdown */
  double *v;     /* [n] multiply this: row k of V */
  double *V;     /* [steps x n], a basis vector per row */
  double *alpha; /* [steps] */
  double *beta;  /* [steps]: beta[j] couples j and j + 1; the last is the
                    length of the remainder */
  double *c;     /* [steps] scratch */
} sl_lanczos;

/* Doubles of workspace for min(steps, n) steps. */
sl_int sl_lanczos_work(sl_int n, sl_int steps);

/* errors: SL_EARG steps < 1; SL_EDOM v0 zero or not finite. */
sl_status sl_lanczos_init(sl_lanczos *s, sl_int n, const double *v0,
                          sl_int steps, double *work, sl_err *err);
sl_status sl_lanczos_step(sl_lanczos *s, double *av, sl_err *err);

/* sl_tridiagonal: eigenvalues (ascending) of the m x m tridiagonal matrix with
** diagonal d and off-diagonal e [m-1]; weight (may be NULL) the squares of the
** first components of its eigenvectors: the Gauss quadrature rule of the start
** vector. theta, weight [m].  source: LAPACK stevd. errors: SL_ECONVERGE. */
sl_status sl_tridiagonal(double *theta, double *weight, const double *d,
                         const double *e, sl_int m, sl_err *err);

#endif
