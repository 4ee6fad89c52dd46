/* kolmogorov.c: distributions of the Kolmogorov-Smirnov statistics, one and two
** samples. Exact where that is cheap; otherwise the limit law with its next
** orders in 1/sqrt n.  MIT licence. */
#include <float.h>
#include <math.h>

#include "base/base.h"
#include "num/special.h"

#define EXACT 200   /* samples for which the matrix is powered */
#define ORDER 64    /* its largest order */
#define TAIL 2.2    /* sqrt n d from which twice one side is exact to 1e-8 */
#define PATHS 4e6   /* m n up to which paths are counted */

/* 1 - K(x), K the limit law of sqrt n D; both sums of the theta function. */
static double limit_sf(double x) {
  double sum = 0;
  if (x < 0.04) {
    return 1;
  }
  if (x < 1) {
    for (int k = 1; k < 12; k += 2) {
      sum += exp(-k * k * M_PI * M_PI / (8 * x * x));
    }
    return 1 - sqrt(2 * M_PI) / x * sum;
  }
  for (int k = 1; k < 12; k++) {
    sum += (k % 2 == 1 ? 2 : -2) * exp(-2.0 * k * k * x * x);
  }
  return sum;
}

/* The limit law with three more orders in 1/sqrt n:
** K0 + K1/n^(1/2) + K2/n + K3/n^(3/2), each a sum over odd m of polynomials in
** (m pi/2)^2 times exp(-(m pi/2)^2/(2 z^2)), and for K2, K3 one over all k.
** source: Pelz and Good 1976, equations as in Simard and L'Ecuyer 2011 */
static double series_sf(double z, double n) {
  double z2 = z * z, z4 = z2 * z2, z6 = z4 * z2, k[4] = {0};
  for (int m = 1; m < 60; m += 2) {
    double w = 0.25 * m * m * M_PI * M_PI, e = exp(-0.5 * w / z2);
    k[0] += e;
    k[1] += e * (w - z2);
    k[2] += e * (6 * z6 + 2 * z4 + w * (2 * z4 - 5 * z2 + w * (1 - 2 * z2)));
    k[3] += e * (-30 * z6 - 90 * z6 * z2 +
                 w * (135 * z4 - 96 * z6 +
                      w * (212 * z4 - 60 * z2 + w * (5 - 30 * z2))));
  }
  double two = 0, three = 0;
  for (int j = 1; j < 30; j++) {
    double w = j * j * M_PI * M_PI, e = exp(-0.5 * w / z2);
    two += w * e;
    three += w * (3 * z2 - w) * e;
  }
  double root = sqrt(n), z3 = z2 * z;
  double sum = k[0] / z + k[1] / (6 * z4 * root) +
               (k[2] / (72 * z4 * z3) - two / (36 * z3)) / n +
               (k[3] / (6480 * z4 * z6) + three / (216 * z6)) / (n * root);
  return 1 - sqrt(2 * M_PI) * sum;
}

/* P(D+ >= d) = d sum_j C(n, j) (d + j/n)^(j-1) (1 - d - j/n)^(n-j), exact.
** source: Birnbaum and Tingey 1951 */
static double one_sided(double d, sl_int n) {
  double sum = 0, count = (double)n, log_n = sl_lgamma(count + 1);
  sl_int most = (sl_int)(count * (1 - d));
  for (sl_int i = 0; i <= most; i++) {
    double j = (double)i, up = d + j / count, down = 1 - up;
    if (down <= 0) {
      break;
    }
    double c = log_n - sl_lgamma(j + 1) - sl_lgamma(count - j + 1);
    sum += exp(c + (j - 1) * log(up) + (count - j) * log(down));
  }
  return d * sum;
}

/* c = a b, m x m; c is none of them. */
static void multiply(int m, double *c, const double *a, const double *b) {
  for (int i = 0; i < m; i++) {
    for (int j = 0; j < m; j++) {
      double sum = 0;
      for (int k = 0; k < m; k++) {
        sum += a[i * m + k] * b[k * m + j];
      }
      c[i * m + j] = sum;
    }
  }
}

/* The matrix H of Marsaglia, Tsang and Wang; order m = 2 k - 1, n d = k - h. */
static void fill(int m, double *H, double h) {
  for (int i = 0; i < m; i++) {
    for (int j = 0; j < m; j++) {
      H[i * m + j] = i - j + 1 >= 0;
    }
  }
  for (int i = 0; i < m; i++) {
    H[i * m] -= pow(h, i + 1);
    H[(m - 1) * m + i] -= pow(h, m - i);
  }
  H[(m - 1) * m] += 2 * h - 1 > 0 ? pow(2 * h - 1, m) : 0;
  for (int i = 0; i < m; i++) {
    for (int j = 0; j < m; j++) {
      for (int g = 2; g <= i - j + 1; g++) {
        H[i * m + j] /= g;
      }
    }
  }
}

/* P(D < d) = n!/n^n times the middle of H^n.
** source: Marsaglia, Tsang and Wang 2003 */
static double exact_cdf(double d, sl_int n) {
  static const double big = 1e140;
  double H[ORDER * ORDER] = {0}, P[ORDER * ORDER], Q[ORDER * ORDER];
  double nd = d * (double)n, exponent = 0;
  int k = (int)nd + 1, m = 2 * k - 1;
  fill(m, H, k - nd);
  for (int i = 0; i < m * m; i++) {
    P[i] = i % (m + 1) == 0;
  }
  for (sl_int i = 0; i < n; i++) { /* n is small: no squaring needed */
    multiply(m, Q, H, P);
    double middle = Q[(k - 1) * m + k - 1];
    double f = middle > big ? 1 / big : 1;
    exponent += middle > big ? log(big) : 0;
    for (int j = 0; j < m * m; j++) {
      P[j] = Q[j] * f;
    }
  }
  double count = (double)n;
  return P[(k - 1) * m + k - 1] *
         exp(exponent + sl_lgamma(count + 1) - count * log(count));
}

double sl_kolmogorov_sf(double d, sl_int n) {
  double root = sqrt((double)n), x = root * d;
  if (!(d >= 0) || n < 1) {
    return (double)NAN;
  }
  if (d >= 1 || x * root <= 0.5) {
    return d >= 1 ? 0 : 1;
  }
  if (x > TAIL || d > 0.5) {
    return fmin(1, 2 * one_sided(d, n)); /* exact for d > 1/2 */
  }
  if (n <= EXACT) {
    return fmax(0, 1 - exact_cdf(d, n));
  }
  return x < 0.2 ? 1 : series_sf(x, (double)n); /* P(D < d) < 1e-12 */
}

double sl_ks2(sl_int m, const double *a, sl_int n, const double *b) {
  double most = 0;
  for (sl_int i = 0, j = 0; i < m && j < n;) {
    double at = fmin(a[i], b[j]);
    while (i < m && a[i] <= at) {
      i++;
    }
    while (j < n && b[j] <= at) {
      j++;
    }
    most = fmax(most, fabs((double)i / (double)m - (double)j / (double)n));
  }
  return most;
}

/* Share of lattice paths from (0, 0) to (m, n) that reach distance d from the
** diagonal, by rows; u[j]: those that have not, over all paths to (i, j). */
static double paths(double *u, double d, sl_int m, sl_int n) {
  double dm = (double)m, dn = (double)n, limit = d - 1e-7 / (dm * dn);
  for (sl_int j = 0; j <= n; j++) {
    u[j] = (double)j / dn < limit && (j == 0 || u[j - 1] > 0);
  }
  for (sl_int i = 1; i <= m; i++) {
    double di = (double)i;
    u[0] = di / dm < limit ? u[0] : 0;
    for (sl_int j = 1; j <= n; j++) {
      double dj = (double)j;
      u[j] = fabs(di / dm - dj / dn) < limit
                 ? (di * u[j] + dj * u[j - 1]) / (di + dj)
                 : 0;
    }
  }
  return 1 - u[n];
}

sl_status sl_smirnov_sf(double d, sl_int m, sl_int n, double *p, sl_err *err) {
  double dm = (double)m, dn = (double)n;
  if (dm * dn > PATHS) {
    double root = sqrt(dm * dn / (dm + dn)), x = root * d;
    *p = limit_sf(x + 1 / (6 * root) + (x - 1) / (4 * root * root));
    return SL_OK;
  }
  double *u = sl_malloc((n + 1) * (sl_int)sizeof *u);
  if (u == NULL) {
    return sl_fail(err, SL_ENOMEM, "ks2: out of memory");
  }
  *p = paths(u, d, m, n);
  sl_free(u);
  return SL_OK;
}
