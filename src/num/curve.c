/* curve.c: fits curves. A piece is tried as long as what remains, then halved
** until it fits; the next one is tried twice as long as the last.
** MIT licence. */
#include "num/curve.h"

#include <math.h>

#define N SL_CURVE_TERMS

/* Coefficients of the polynomial through the values at the N Chebyshev points
** of the piece; false when a value is not finite or the last ones are large. */
static bool piece(double *c, sl_curve_fn *f, void *user, double a, double b,
                  double tol, double floor) {
  double v[N], most = 0;
  for (int i = 0; i < N; i++) {
    double t = -cos(M_PI * (i + 0.5) / N); /* rising */
    v[i] = f(0.5 * (a + b) + 0.5 * (b - a) * t, user);
    if (!isfinite(v[i])) {
      return false;
    }
    most = fmax(most, fabs(v[i]));
  }
  for (int k = 0; k < N; k++) {
    double sum = 0;
    for (int i = 0; i < N; i++) {
      sum += v[i] * cos(k * M_PI * (N - i - 0.5) / N);
    }
    c[k] = (k == 0 ? 1.0 : 2.0) / N * sum;
  }
  double end = fmax(fabs(c[N - 1]), fabs(c[N - 2]));
  return end <= fmax(tol * most, floor);
}

sl_status sl_curve_fit(sl_curve *c, sl_curve_fn *f, sl_curve_accept *accept,
                       void *user, double a, double b, double tol,
                       double floor, sl_err *err) {
  double from = a, width = b - a;
  c->at[c->n] = a;
  while (from < b) {
    double to = from + width < b ? from + width : b;
    if (c->n == SL_CURVE_PIECES) {
      return sl_fail(err, SL_ECONVERGE, "curve: more than %d pieces",
                     SL_CURVE_PIECES);
    }
    if (!(width > 1e-15 * (fabs(from) + fabs(b)) * 0.01)) {
      return sl_fail(err, SL_ECONVERGE, "curve: no polynomial fits at %g", from);
    }
    if (!piece(c->c[c->n], f, user, from, to, tol, floor)) {
      width = 0.5 * (to - from);
      continue;
    }
    if (accept != NULL) {
      accept(to, user);
    }
    c->at[++c->n] = to;
    width = 2 * (to - from);
    from = to;
  }
  return SL_OK;
}
