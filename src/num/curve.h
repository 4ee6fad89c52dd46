/* curve.h: a smooth function of one variable as Chebyshev polynomials on pieces
** of its interval, for functions that are asked often and cost much: inverse
** distribution functions above all. Evaluation is a search and a Clenshaw
** recurrence. Plain data, no pointers.  MIT licence. */
#ifndef SL_CURVE_H
#define SL_CURVE_H

#include "base/base.h"

#define SL_CURVE_PIECES 96
#define SL_CURVE_TERMS 16

typedef struct sl_curve {
  int n;                         /* pieces */
  double at[SL_CURVE_PIECES + 1]; /* their ends, rising */
  double c[SL_CURVE_PIECES][SL_CURVE_TERMS];
} sl_curve;

/* sl_curve_fit: c = f on (a, b), appended to the n pieces there are (which end
** at a; set n = 0 for a new curve), by pieces upwards, each as long as the
** last two coefficients stay below tol times the largest value of the piece
** (or below floor). accept, unless NULL, is told the end of each piece.
** errors: SL_ECONVERGE too many pieces, or f is not smooth or not finite */
typedef double sl_curve_fn(double x, void *user);
typedef void sl_curve_accept(double x, void *user);
sl_status sl_curve_fit(sl_curve *c, sl_curve_fn *f, sl_curve_accept *accept,
                       void *user, double a, double b, double tol,
                       double floor, sl_err *err);

/* sl_curve_at: its value; x outside goes to the nearest piece. */
static inline double sl_curve_at(const sl_curve *c, double x) {
  int lo = 0, hi = c->n;
  while (hi - lo > 1) {
    int mid = (lo + hi) / 2;
    if (x < c->at[mid]) {
      hi = mid;
    } else {
      lo = mid;
    }
  }
  const double *k = c->c[lo];
  double t = (2 * x - c->at[lo] - c->at[lo + 1]) / (c->at[lo + 1] - c->at[lo]);
  double b1 = 0, b2 = 0;
  for (int i = SL_CURVE_TERMS - 1; i > 0; i--) {
    double b = 2 * t * b1 - b2 + k[i];
    b2 = b1;
    b1 = b;
  }
  return t * b1 - b2 + k[0];
}

#endif
