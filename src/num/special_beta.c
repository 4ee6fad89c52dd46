/* special_beta.c: the incomplete beta function and Student's law. The prefactor
** x^a y^b/B(a, b) is formed from logarithms of ratios near 1, so that large
** parameters keep their digits.  MIT licence. */
#include "num/special.h"

#include <float.h>
#include <math.h>

#include "num/quadrature.h"

#define LOG_SQRT_2PI 0.91893853320467274178
#define MOST 200000
#define LARGE 1000

/* log Gamma(b) - log Gamma(a + b) for b >= 10 (Stirling on both). */
static double gamma_ratio(double a, double b) {
  return -(a + b - 0.5) * log1p(a / b) - a * (log(b) - 1) + sl_stirling(b) -
         sl_stirling(a + b);
}

double sl_lbeta(double a, double b) {
  double small = fmin(a, b), large = fmax(a, b);
  if (small >= 10) {
    double r = small / large;
    return LOG_SQRT_2PI - 0.5 * log(large) +
           (small - 0.5) * log(r / (1 + r)) - large * log1p(r) +
           sl_stirling(small) + sl_stirling(large) -
           sl_stirling(small + large);
  }
  if (large >= 10) {
    return sl_lgamma(small) + gamma_ratio(small, large);
  }
  return sl_lgamma(small) + (sl_lgamma(large) - sl_lgamma(small + large));
}

/* log(x^a y^b / B(a, b)). For large a, b as deviations from the peak
** x = a/(a + b), where x^a y^b is almost 1/B. */
static double prefactor(double a, double b, double x, double y) {
  if (fmin(a, b) < 10) {
    double lx = x > 0.5 ? log1p(-y) : log(x);
    double ly = y > 0.5 ? log1p(-x) : log(y);
    return a * lx + b * ly - sl_lbeta(a, b);
  }
  double n = a + b, d = x * b - y * a; /* (x - a/n) n */
  double u = d / a, v = -d / b;
  double peak = a * sl_log1pmx(u) + b * sl_log1pmx(v);
  double h = 0.5 * (log(a) + log(b / n)) - LOG_SQRT_2PI;
  return peak + h - sl_stirling(a) - sl_stirling(b) + sl_stirling(n);
}

/* The fraction of DLMF 8.17.22, by modified Lentz: I_x = prefactor/a times it,
** quick for x < (a + 1)/(a + b + 2). */
static double fraction(double a, double b, double x) {
  const double tiny = 1e-300;
  double c = 1, d = 1 - (a + b) * x / (a + 1);
  d = 1 / (fabs(d) < tiny ? tiny : d);
  double h = d;
  for (int k = 1; k < MOST; k++) {
    double two = 2.0 * k;
    double even = k * (b - k) * x / ((a + two - 1) * (a + two));
    d = 1 + even * d;
    d = 1 / (fabs(d) < tiny ? tiny : d);
    c = 1 + even / c;
    c = fabs(c) < tiny ? tiny : c;
    h *= d * c;
    double odd = -(a + k) * (a + b + k) * x / ((a + two) * (a + two + 1));
    d = 1 + odd * d;
    d = 1 / (fabs(d) < tiny ? tiny : d);
    c = 1 + odd / c;
    c = fabs(c) < tiny ? tiny : c;
    double step = d * c;
    h *= step;
    if (fabs(step - 1) < DBL_EPSILON) {
      break;
    }
  }
  return h;
}

static double other(double logp) { /* log(1 - p) */
  return logp > -M_LN2 ? log(-expm1(logp)) : log1p(-exp(logp));
}

void sl_beta_pq(double a, double b, double x, double y, double *logp,
                double *logq) {
  if (!(a > 0) || !(b > 0) || !(x >= 0) || !(y >= 0)) {
    *logp = *logq = (double)NAN;
  } else if (x == 0 || y == 0) {
    *logp = x == 0 ? -HUGE_VAL : 0;
    *logq = x == 0 ? 0 : -HUGE_VAL;
  } else if (x < (a + 1) / (a + b + 2)) {
    *logp = prefactor(a, b, x, y) - log(a) + log(fraction(a, b, x));
    *logq = other(*logp);
  } else {
    *logq = prefactor(b, a, y, x) - log(b) + log(fraction(b, a, y));
    *logp = other(*logq);
  }
}

/* The same tail for large nu, where the fraction needs many levels: with
** w = t/sqrt nu it is the integral of (1 + u^2)^-(nu + 1)/2 from w, over pieces
** of the length in which the integrand falls. */
static double large_tail(double w, double nu) {
  double h = 0.5 * (nu + 1), one = 1 + w * w, sum = 0, part = 1;
  double length = 3 * fmin(1 / sqrt(nu), one / ((nu + 1) * w));
  double x[SL_QUAD_GAUSS], c[SL_QUAD_GAUSS];
  for (double v = 0; part > 1e-17 * sum; v += length) {
    sl_quad_gauss(v, v + length, x, c);
    part = 0;
    for (int i = 0; i < SL_QUAD_GAUSS; i++) {
      part += c[i] * exp(-h * log1p(x[i] * (2 * w + x[i]) / one));
    }
    sum += part;
  }
  return log(sum) - h * log1p(w * w) - sl_lbeta(0.5 * nu, 0.5);
}

/* P(T > t) = I_x(nu/2, 1/2)/2 with x = nu/(nu + t^2), for t > 0. */
double sl_student_tail(double t, double nu) {
  if (isnan(t) || !(nu > 0)) {
    return (double)NAN;
  }
  double logp, logq, w = t / sqrt(nu), z = w * w;
  if (nu > LARGE && fabs(w) < 1e100) {
    logp = large_tail(fabs(w), nu);
    return t >= 0 ? logp : log1p(-exp(logp));
  }
  if (fabs(w) > 1e150) { /* x underflows: the power law is exact */
    logp = -nu * log(fabs(w)) - log(0.5 * nu) - sl_lbeta(0.5 * nu, 0.5);
  } else {
    sl_beta_pq(0.5 * nu, 0.5, 1 / (1 + z), z / (1 + z), &logp, &logq);
  }
  return t >= 0 ? logp - M_LN2 : log1p(-0.5 * exp(logp));
}
