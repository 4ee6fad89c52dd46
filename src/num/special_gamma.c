/* special_gamma.c: gamma functions, complete and incomplete. Incomplete ones
** are a prefactor x^a e^-x/Gamma(a) times a series or a continued fraction; the
** prefactor is formed from log(1 + u) - u, u = (x - a)/a, so that nothing large
** cancels.  MIT licence. */
#include "num/special.h"

#include <complex.h>
#include <float.h>
#include <math.h>
#include <string.h>

#define LOG_SQRT_2PI 0.91893853320467274178
#define EULER 0.57721566490153286061
#define MOST 100000 /* terms; sqrt(a) times some are needed near x = a */

double sl_lgamma(double x) {
  int sign;
  return lgamma_r(x, &sign);
}

/* zeta(k)/k for k = 2 ..: log Gamma(1 + a) = -g a + sum (-a)^k zeta(k)/k. */
double sl_lgamma1p(double a) {
  static const double c[] = {
      0.8224670334241132182,  0.40068563438653142847, 0.27058080842778454788,
      0.20738555102867398527, 0.16955717699740818995, 0.14404989676884611812,
      0.12550966952474304242, 0.11133426586956469049, 0.10009945751278180853,
      0.090954017145829042233, 0.083353840546109004025, 0.076932516411352191473,
      0.071432946295361336059, 0.066668705882420468033,
      0.062500955141213040742};
  const int n = (int)(sizeof c / sizeof *c);
  if (fabs(a) > 0.1) {
    return sl_lgamma(1 + a);
  }
  double sum = 0;
  for (int k = n - 1; k >= 0; k--) {
    sum = c[k] - a * sum;
  }
  return a * (a * sum - EULER);
}

/* B(2k)/(2k (2k - 1)), DLMF 5.11.1 */
static const double stirling_c[] = {
    1.0 / 12,        -1.0 / 360,      1.0 / 1260,        -1.0 / 1680,
    1.0 / 1188,      -691.0 / 360360, 1.0 / 156,         -3617.0 / 122400,
    43867.0 / 244188};
#define STIRLING 9

double sl_stirling(double x) {
  if (x < 10) {
    double shift = 0; /* log Gamma(x) = log Gamma(x + 1) - log x */
    double y = x;
    for (; y < 10; y++) {
      shift += (y + 0.5) * log1p(1 / y) - 1;
    }
    return shift + sl_stirling(y);
  }
  double z = 1 / (x * x), sum = 0;
  for (int k = STIRLING - 1; k >= 0; k--) {
    sum = stirling_c[k] + z * sum;
  }
  return sum / x;
}

double sl_log1pmx(double x) {
  if (fabs(x) > 0.3) {
    return log1p(x) - x;
  }
  /* log((1 + r)/(1 - r)) = 2 (r + r^3/3 + ...), r = x/(2 + x) */
  double r = x / (2 + x), z = r * r, sum = 0;
  for (int k = 12; k >= 1; k--) {
    sum = z * (2.0 / (2 * k + 1) + sum);
  }
  return r * (sum - x);
}

/* ---- complex ------------------------------------------------------------- */

static double complex stirling_series(double complex z) {
  double complex w = 1 / (z * z), sum = 0;
  for (int k = STIRLING - 1; k >= 0; k--) {
    sum = stirling_c[k] + w * sum;
  }
  return (z - 0.5) * clog(z) - z + LOG_SQRT_2PI + sum / z;
}

/* For re > 0: moves right until Stirling's series is good, |z| >= 13. */
static double complex right_half(double complex z) {
  double complex shift = 0;
  while (cabs(z) < 13) {
    shift += clog(z);
    z += 1;
  }
  return stirling_series(z) - shift;
}

double sl_clgamma(double re, double im, double *imag) {
  double parts[2] = {re, im}; /* CMPLX, which not every compiler has */
  double complex z, value;
  memcpy(&z, parts, sizeof z);
  if (re > 0) {
    value = right_half(z);
  } else {
    /* log Gamma(z) = log Gamma(z + k) - sum log(z + j) */
    double complex shift = 0;
    while (creal(z) <= 0) {
      shift += clog(z);
      z += 1;
    }
    value = right_half(z) - shift;
  }
  if (imag != NULL) {
    *imag = cimag(value);
  }
  return creal(value);
}

/* ---- incomplete ---------------------------------------------------------- */

double sl_gamma_logdensity(double a, double x) {
  if (a < 1) {
    return a * log(x) - x - sl_lgamma1p(a) + log(a);
  }
  double u = (x - a) / a;
  double peak = u < -0.5 ? log(x / a) - u : sl_log1pmx(u);
  return a * peak + 0.5 * log(a) - LOG_SQRT_2PI - sl_stirling(a);
}

/* log of 1 + x/(a + 1) + x^2/((a + 1)(a + 2)) + ...: P = D/a times it. */
static double lower_series(double a, double x) {
  double term = 1, sum = 0; /* the terms after the first */
  for (int k = 1; k < MOST; k++) {
    term *= x / (a + k);
    sum += term;
    if (term < 0.25 * DBL_EPSILON * (1 + sum)) {
      break;
    }
  }
  return log1p(sum);
}

/* log of the fraction 1/(x + 1 - a - (1 - a)/(x + 3 - a - ...)): Q = D times
** it; modified Lentz. */
static double upper_fraction(double a, double x) {
  const double tiny = 1e-300;
  double b = x + 1 - a, c = 1 / tiny, d = 1 / b, h = d;
  for (int k = 1; k < MOST; k++) {
    double an = -k * (k - a);
    b += 2;
    d = an * d + b;
    d = 1 / (fabs(d) < tiny ? tiny : d);
    c = b + an / c;
    c = fabs(c) < tiny ? tiny : c;
    h *= d * c;
    if (fabs(d * c - 1) < DBL_EPSILON) {
      break;
    }
  }
  return log(h);
}

/* Q for small a and x, where P is near 1:
** P = x^a/Gamma(1 + a) (1 + a s), s = sum (-x)^k/((a + k) k!). */
static double small_upper(double a, double x) {
  double term = 1, s = 0;
  for (int k = 1; k < 200; k++) {
    term *= -x / k;
    double add = term / (a + k);
    s += add;
    if (fabs(add) < 0.1 * DBL_EPSILON * fabs(s)) {
      break;
    }
  }
  double lead = a * log(x) - sl_lgamma1p(a);
  return log(-expm1(lead) - exp(lead) * a * s);
}

static double other(double logp) { /* log(1 - p) */
  return logp > -M_LN2 ? log(-expm1(logp)) : log1p(-exp(logp));
}

void sl_gamma_pq(double a, double x, double *logp, double *logq) {
  if (!(a > 0) || !(x >= 0)) {
    *logp = *logq = (double)NAN;
  } else if (x == 0 || isinf(x)) {
    *logp = x == 0 ? -HUGE_VAL : 0;
    *logq = x == 0 ? 0 : -HUGE_VAL;
  } else if (a < 1 && x < 1.1) {
    *logp = sl_gamma_logdensity(a, x) - log(a) + lower_series(a, x);
    *logp = fmin(*logp, 0);
    *logq = *logp > -0.7 ? small_upper(a, x) : other(*logp);
    *logp = *logp > -0.7 ? log1p(-exp(*logq)) : *logp;
  } else if (x < a + 0.5) {
    *logp = sl_gamma_logdensity(a, x) - log(a) + lower_series(a, x);
    *logq = other(*logp);
  } else {
    *logq = sl_gamma_logdensity(a, x) + upper_fraction(a, x);
    *logp = other(*logq);
  }
}

/* Starting point for y = log x: the power of the lower tail, the exponential of
** the upper one, or Wilson and Hilferty's cube of a normal quantile. */
static double start_quantile(double a, double logp, bool upper) {
  double z = sl_normal_quantile(logp);
  z = upper ? -z : z;
  double c = 1 / (9 * a), cube = 1 - c + z * sqrt(c);
  if (a > 0.5 && cube > 0.2) {
    return log(a) + 3 * log(cube);
  }
  if (!upper) {
    return (logp + sl_lgamma1p(fmin(a, 1)) + (a > 1 ? sl_lgamma(a + 1) : 0)) /
           a;
  }
  double small = (other(logp) + sl_lgamma(a + 1)) / a;
  return small < -1 ? small : log(fmax(-logp + (a - 1) * log1p(-logp), 0.3));
}

/* Newton's steps for log P (or log Q) as a function of log x, inside a
** bracket; both are concave, so that steps from one side do not cross. */
double sl_gamma_quantile(double a, double logp, bool upper) {
  if (!(a > 0) || !(logp <= 0)) {
    return (double)NAN;
  }
  if (logp == 0 || isinf(logp)) {
    return (logp == 0) == upper ? -HUGE_VAL : HUGE_VAL;
  }
  double y = start_quantile(a, logp, upper), lo = -HUGE_VAL, hi = HUGE_VAL;
  for (int i = 0; i < 200; i++) {
    double x = exp(y), p, q;
    if (x < 1e-290) { /* the power law is exact there */
      double lower = upper ? other(logp) : logp;
      return (lower + sl_lgamma(a + 1)) / a;
    }
    sl_gamma_pq(a, x, &p, &q);
    double f = (upper ? q : p) - logp, d = sl_gamma_logdensity(a, x);
    double slope = exp(d - (upper ? q : p)) * (upper ? -1 : 1);
    bool above = (f > 0) != upper;
    hi = above ? y : hi;
    lo = above ? lo : y;
    double next = y - f / slope;
    if (!(next > lo && next < hi)) {
      double from = isinf(lo) ? hi - 1 : lo, to = isinf(hi) ? lo + 1 : hi;
      next = isinf(lo) || isinf(hi) ? (isinf(lo) ? from : to)
                                    : 0.5 * (from + to);
    }
    double step = fabs(next - y);
    y = next;
    if (step <= 4 * DBL_EPSILON * fmax(1, fabs(y))) {
      break;
    }
  }
  return y;
}
