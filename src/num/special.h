/* special.h: the special functions that laws stand on. Relative errors are a
** few 1e-15, tails included, unless said; where a value leaves the range of
** doubles there is a logarithm. Domain errors give NaN: the callers check their
** parameters. No globals are touched (lgamma's sign is not used).
** MIT licence. */
#ifndef SL_SPECIAL_H
#define SL_SPECIAL_H

#include <stdbool.h>

#include "base/base.h"

/* ---- the normal law (special_normal.c) ----------------------------------- */
/* sl_erfcx: exp(x^2) erfc(x); infinite below -26.7. */
double sl_erfcx(double x);
/* sl_mills: (1 - Phi(x))/phi(x), Mills' ratio. sl_mills_rest: 1 - x R(x), which
** is -R'(x); no cancellation for large x. */
double sl_mills(double x);
double sl_mills_rest(double x);
/* sl_mills_drop: R(a) - R(b) for a <= b, without cancellation when a, b are
** near; accurate to 1e-14 for a > -1. */
double sl_mills_drop(double a, double b);
/* sl_normal_cdf, sl_normal_logcdf: Phi(x), log Phi(x); the upper tail is
** Phi(-x). */
double sl_normal_cdf(double x);
double sl_normal_logcdf(double x);
/* sl_normal_quantile: x with log Phi(x) = logp. */
double sl_normal_quantile(double logp);

/* ---- gamma (special_gamma.c) --------------------------------------------- */
/* sl_lgamma: log |Gamma(x)|, glibc's. sl_lgamma1p: log Gamma(1 + a), |a| < 1,
** accurate for tiny a. */
double sl_lgamma(double x);
double sl_lgamma1p(double a);
/* sl_stirling: log Gamma(x) - ((x - 1/2) log x - x + log(2 pi)/2), x > 0. */
double sl_stirling(double x);
/* sl_log1pmx: log(1 + x) - x without cancellation, x > -1. */
double sl_log1pmx(double x);
/* sl_clgamma: the logarithm of Gamma(re + i im), its real part and, unless NULL,
** its imaginary part, continuous from the positive axis. Absolute error
** 1e-15 (1 + |z| log |z|).
** source: Stirling's series, DLMF 5.11.1, after DLMF 5.5.1 and 5.5.3 */
double sl_clgamma(double re, double im, double *imag);
/* sl_gamma_pq: regularised incomplete gamma P(a, x), Q(a, x), a > 0, x >= 0,
** as logarithms; both are accurate.
** source: DLMF 8.7.1, 8.9.2 (Lentz), 8.8; series of Gautschi for small a */
void sl_gamma_pq(double a, double x, double *logp, double *logq);
/* sl_gamma_logdensity: log(x^a e^-x / Gamma(a)), without the overflow and the
** cancellation of its three terms. */
double sl_gamma_logdensity(double a, double x);
/* sl_gamma_quantile: log x with log P(a, x) = logp (upper: log Q(a, x) =
** logp). A logarithm, for small a have quantiles outside of doubles. */
double sl_gamma_quantile(double a, double logp, bool upper);

/* ---- beta (special_beta.c) ----------------------------------------------- */
/* sl_lbeta: log B(a, b), a, b > 0, also where a and b differ by any factor. */
double sl_lbeta(double a, double b);
/* sl_beta_pq: regularised incomplete beta I_x(a, b) and I_y(b, a), y = 1 - x,
** as logarithms. x and y are given apart, so that neither loses digits.
** source: DLMF 8.17.22 (Lentz), 8.17.4 */
void sl_beta_pq(double a, double b, double x, double y, double *logp,
                double *logq);
/* sl_student_tail: log P(T > t) of Student's law with nu degrees of freedom. */
double sl_student_tail(double t, double nu);

/* ---- Kolmogorov and Smirnov (kolmogorov.c) ------------------------------- */
/* sl_kolmogorov_sf: P(D >= d) of the one-sample statistic of n values. Exact
** for n <= 200; where sqrt n d > 2.2 or d > 1/2 to 1e-8 of its value; else
** within 1e-6. */
double sl_kolmogorov_sf(double d, sl_int n);
/* sl_ks2: the statistic of two sorted samples; ties are taken together. */
double sl_ks2(sl_int m, const double *a, sl_int n, const double *b);
/* sl_smirnov_sf: P(D >= d) of the two-sample statistic: exact, without ties,
** for m n <= 4e6, else the limit law. errors: SL_ENOMEM */
sl_status sl_smirnov_sf(double d, sl_int m, sl_int n, double *p, sl_err *err);

#endif
