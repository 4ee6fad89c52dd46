/* fokker_planck.h: the density of a one-dimensional diffusion on cells of an
** interval, by the flux of Scharfetter & Gummel (Chang & Cooper). The unknowns
** are the masses of the cells, and the scheme a Markov chain that jumps between
** neighbours: right[i] is the rate from cell i to i + 1, left[i] to i - 1; those
** of the end cells lead out, or round when the interval is a ring. Hence
** conservation and positivity by construction. docs/sde.md 3.10.
** MIT licence. */
#ifndef SL_FOKKER_PLANCK_H
#define SL_FOKKER_PLANCK_H

#include "base/base.h"

typedef enum sl_fp_end {
  SL_FP_REFLECTING,
  SL_FP_ABSORBING,
  SL_FP_PERIODIC, /* both ends, or none */
  SL_FP_NEND
} sl_fp_end;

typedef enum sl_fp_method {
  SL_FP_EULER,  /* backward Euler: order 1, positive for any step */
  SL_FP_CN,     /* Crank-Nicolson: order 2, keeps ripples of rough starts */
  SL_FP_TRBDF2, /* order 2, damps them */
  SL_FP_NMETHOD
} sl_fp_method;

typedef struct sl_fp {
  sl_int n;
  bool periodic;
  const double *right, *left; /* [n] */
} sl_fp;

/* Rates from cells with faces face[n + 1] and centres x[n]: d[n] = g^2 / 2 at
** the centres, pe[n + 1] the integrals of 2 b / g^2 from lower to x[0], between
** neighbouring centres, and from x[n - 1] to upper. Zero flux exactly where
** d p falls as exp(integral): source: Scharfetter & Gummel 1969, IEEE Trans.
** Electron Devices 16, 64; Chang & Cooper 1970, J. Comput. Phys. 6, 1. */
void sl_fp_rates(double *right, double *left, sl_int n, const double *face,
                 const double *x, const double *d, const double *pe,
                 const sl_fp_end end[2]);

/* `steps` steps of length h with the masses m[n] in place; out[0], out[1] grow
** by what leaves through lower and upper. total: what m and out sum to, kept
** against rounding.  errors: SL_ENOMEM, SL_EINTR
** source: Bank et al. 1985, IEEE Trans. Electron Devices 32, 1992 (TR-BDF2). */
sl_status sl_fp_run(const sl_fp *fp, double *m, double h, sl_int steps,
                    sl_fp_method method, double total, double out[2],
                    sl_err *err);

/* Masses m[n], of sum 1, that the chain leaves alone: closed (reflecting at both
** ends) or a ring. *current: mass a unit time that goes round. errors: SL_EDOM
** a rate between neighbours is 0. */
sl_status sl_fp_stationary(const sl_fp *fp, double *m, double *current,
                           sl_err *err);

#endif
