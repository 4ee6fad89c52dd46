/* quadrature.h: integrals over an interval, ends at infinity allowed.
** Double exponential (tanh-sinh) for integrands with singular ends, adaptive
** Gauss-Kronrod for ones with features inside. A function gets its distances
** from both ends besides x, so that a singularity at an end keeps its digits:
** near b, x rounds to b while from_b is still exact. MIT licence. */
#ifndef SL_QUADRATURE_H
#define SL_QUADRATURE_H

#include "base/base.h"

/* x, x - a, b - x; the distance from an infinite end is infinite. */
typedef double sl_quad_fn(double x, double from_a, double from_b, void *user);

/* The same for n points at once; its failure ends the integral with its
** status. This is the form for functions that are costly to call one by one. */
typedef sl_status sl_quad_batch(sl_int n, const double *x, const double *from_a,
                                const double *from_b, double *y, void *user,
                                sl_err *err);

/* sl_quad_tanh_sinh: *value = integral of f over (a, b); an end may be
** infinite, b < a changes the sign. *error, which may be NULL, estimates the
** error of the value before last, a bound in practice. Ends where |f| grows
** like an integrable power or logarithm are met without loss; f is never asked
** at an end. Values that are not finite count as 0 where the distance from an
** end is below 1e-280 of the length, and are SL_EDOM elsewhere.
** rtol: relative to the value, 0 for the least possible, about 1e-15.
** errors: SL_EARG a or b is NaN; SL_EDOM f not finite; SL_ECONVERGE with value
** and error set to the best found; SL_ENOMEM, SL_EINTR
** source: Takahasi and Mori 1974 */
sl_status sl_quad_tanh_sinh(sl_quad_fn *f, void *user, double a, double b,
                            double rtol, double *value, double *error,
                            sl_err *err);
sl_status sl_quad_tanh_sinh_batch(sl_quad_batch *f, void *user, double a,
                                  double b, double rtol, double *value,
                                  double *error, sl_err *err);

/* sl_quad_adaptive: the same by bisecting the piece of the largest error, 21
** point Gauss-Kronrod in each, at most 2000 pieces. An infinite range is mapped
** to (0, 1] by x = a + (1 - u)/u. Done when the error is below
** max(atol, rtol |value|).
** errors: as above     source: QUADPACK's QAG, Piessens and others 1983 */
sl_status sl_quad_adaptive(sl_quad_fn *f, void *user, double a, double b,
                           double atol, double rtol, double *value,
                           double *error, sl_err *err);
sl_status sl_quad_adaptive_batch(sl_quad_batch *f, void *user, double a,
                                 double b, double atol, double rtol,
                                 double *value, double *error, sl_err *err);

/* sl_quad_gauss: 16 point Gauss-Legendre over (a, b): nodes and weights, for
** integrals of smooth functions over short pieces. */
#define SL_QUAD_GAUSS 16
void sl_quad_gauss(double a, double b, double x[SL_QUAD_GAUSS],
                   double w[SL_QUAD_GAUSS]);

#endif
