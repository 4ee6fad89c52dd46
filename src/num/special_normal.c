/* special_normal.c: the normal law by erfc, and what Mills' ratio adds where
** erfc runs out of range or two values cancel.  MIT licence. */
#include "num/special.h"

#include <float.h>
#include <math.h>

#include "num/quadrature.h"

#define SQRT_2PI 2.5066282746310005024
#define LOG_SQRT_2PI 0.91893853320467274178
#define SQRT_PI_2 1.2533141373155002512

/* exp(x^2) with the rounding of the square taken along. */
static double exp_square(double x) {
  double s = x * x, low = fma(x, x, -s);
  return exp(s) * (1 + low);
}

/* c(k) of R(x) = 1/(x + 1/(x + 2/(x + ...))) from its k-th level on, for
** x >= 2. N levels leave about exp(-2 x sqrt(2 N)). */
static double fraction(double x, int level) {
  double c = 0;
  for (int k = 20 + (int)(320 / (x * x)); k >= level; k--) {
    c = k / (x + c);
  }
  return c;
}

double sl_erfcx(double x) {
  if (!(x >= 25)) { /* nan as well */
    return x < -26.7 ? HUGE_VAL : exp_square(x) * erfc(x);
  }
  return x > 1e8 ? 1 / (x * sqrt(M_PI))
                 : sl_mills(x * M_SQRT2) / SQRT_PI_2;
}

double sl_mills(double x) {
  if (x >= 3) {
    return x > 1e8 ? 1 / x : 1 / (x + fraction(x, 1));
  }
  return SQRT_PI_2 * sl_erfcx(x * M_SQRT1_2);
}

double sl_mills_rest(double x) {
  if (x >= 2) {
    double c = x > 1e8 ? 1 / x : fraction(x, 1);
    return c / (x + c);
  }
  return 1 - x * sl_mills(x);
}

double sl_mills_drop(double a, double b) {
  if (b - a > 0.5 * fmax(1, a)) {
    return sl_mills(a) - sl_mills(b);
  }
  double x[SL_QUAD_GAUSS], w[SL_QUAD_GAUSS], sum = 0;
  sl_quad_gauss(a, b, x, w);
  for (int i = 0; i < SL_QUAD_GAUSS; i++) {
    sum += w[i] * sl_mills_rest(x[i]);
  }
  return sum;
}

/* erfc at x/sqrt 2 with the rounding of that quotient taken along. */
double sl_normal_cdf(double x) {
  if (isnan(x) || isinf(x)) {
    return isnan(x) ? x : (x > 0 ? 1 : 0);
  }
  const double low = -4.8336466559835836e-17; /* 1/sqrt 2 - M_SQRT1_2 */
  double y = -x, h = y * M_SQRT1_2, l = fma(y, M_SQRT1_2, -h) + y * low;
  return 0.5 * (erfc(h) - M_2_SQRTPI * exp(-h * h) * l);
}

double sl_normal_logcdf(double x) {
  if (x > -5) {
    return x > 1 ? log1p(-sl_normal_cdf(-x)) : log(sl_normal_cdf(x));
  }
  if (isinf(x)) {
    return -HUGE_VAL;
  }
  return -0.5 * x * x - LOG_SQRT_2PI + log(sl_mills(-x));
}

/* Start: Abramowitz and Stegun 26.2.23, error 4.5e-4; then Halley's steps for
** log Phi, whose second derivative is -s (s + x), s = phi/Phi. */
static double lower_quantile(double logp) {
  double t = sqrt(-2 * logp);
  double x = -(t - (2.515517 + t * (0.802853 + t * 0.010328)) /
                       (1 + t * (1.432788 + t * (0.189269 + t * 0.001308))));
  for (int i = 0; i < 3; i++) {
    double s = 1 / sl_mills(-x), f = sl_normal_logcdf(x) - logp;
    double step = f / s;
    x -= step / (1 + 0.5 * step * (s + x));
    if (fabs(step) < 1e-9 * fabs(x)) {
      break;
    }
  }
  return x;
}

double sl_normal_quantile(double logp) {
  if (!(logp <= 0)) {
    return (double)NAN;
  }
  if (logp > -M_LN2) { /* by symmetry; 1 - p without cancellation */
    return logp == 0 ? HUGE_VAL : -lower_quantile(log(-expm1(logp)));
  }
  return isinf(logp) ? -HUGE_VAL : lower_quantile(logp);
}
