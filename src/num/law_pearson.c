/* law_pearson.c: Pearson's type IV law, docs/sde.md 3.2. In the angle e from
** the lower end (z = -cot e) its density is sin(e)^(nu - 1) exp(-n e) up to a
** constant, nu = 2 m - 1, and the lower tail is A(e) H(e)/nu, with the peak
** A(e) = sin(e)^nu exp(-n e) and H smooth, H(0) = 1,
**   sin(e) H' = nu - (nu cos e - n sin e) H.
** H is kept as a curve from each end (the upper end has -n) up to the split,
** the mode of z; the two tails there add to 1, which gives the constant without
** any gamma function. The split's A divides every A, so that no exponent is
** large where the law is. Away from the end the variable is
** w = log tan(e/2) = asinh z (upper end: -asinh z), in which both ends of the
** angle are far away: sin e = 1/cosh w, cot e = -sinh w.  MIT licence. */
#include <float.h>
#include <math.h>

#include "num/law.h"
#include "num/quadrature.h"
#include "num/special.h"

/* own[]: split as z and angle; nu; log(H0 + H1); log sin of the split's angle;
** where the curve's variable changes, by side */
enum { ZS, ES, NU, LOGH, LOGSIN, FIRST };
#define SERIES 48

static double side_n(const sl_law *law, int side) {
  return side == 0 ? law->par[1] : -law->par[1];
}

/* The curve's variable: e/first near the end, then w from there. */
static double variable(double first, double e, double w) {
  return e <= first ? e / first : 1 + w - log(tan(0.5 * first));
}

static double h_of(const sl_law *law, int side, double e, double w) {
  double x = variable(law->own[FIRST + side], e, w);
  return sl_curve_at(&law->forward[side], x);
}

/* log(A(e + d)/A(e)), cot of e given, with nu cot e - n, which is small near
** the peak, taken together; *sines = sin(e + d)/sin e. */
static double log_ratio(double nu, double n, double cot, double d,
                        double *sines) {
  double half = sin(0.5 * d), bend = -2 * half * half;
  double u = bend + sin(d) * cot;
  *sines = 1 + u;
  if (fabs(d) > 0.3) {
    return nu * log1p(u) - n * d;
  }
  bend += cot * (sin(d) - d);
  return nu * sl_log1pmx(u) + (nu * cot - n) * d + nu * bend;
}

/* ---- the curves of H ----------------------------------------------------- */

typedef struct builder {
  double nu, n, first;     /* the power series serves up to `first` */
  double c[SERIES];
  double from, value;      /* w and H at the end of the pieces made so far */
} builder;

/* Coefficients of H from its equation, with those of sin and cos. */
static void series(builder *b) {
  double s[SERIES] = {0}, k[SERIES] = {0}, f = 1;
  for (int i = 0; i < SERIES; i++) {
    f = i == 0 ? 1 : f / i;
    double v = i % 4 < 2 ? f : -f;
    (i % 2 == 0 ? k : s)[i] = v;
  }
  b->c[0] = 1;
  for (int j = 1; j < SERIES; j++) {
    double sum = 0;
    for (int i = 1; i <= j; i++) {
      sum += (b->n * s[i] - b->nu * k[i]) * b->c[j - i];
      sum -= i >= 3 ? s[i] * (j - i + 1) * b->c[j - i + 1] : 0;
    }
    b->c[j] = sum / (j + b->nu);
  }
}

/* H at w from its value at b->from: downwards by pieces of the length in which
** the integrand changes, until it has vanished. Distances in e are the
** variable: e itself is too coarse for large nu. */
static double integral(const builder *b, double w) {
  double cot = -sinh(w), sine = 1 / cosh(w), sum = 0, part = 1, sines;
  double rate = b->nu * cot - b->n;
  double length = 4 / (fabs(rate) + sqrt(b->nu) / sine);
  double depth = 2 * atan((exp(w) - exp(b->from)) / (1 + exp(w + b->from)));
  double d[SL_QUAD_GAUSS], c[SL_QUAD_GAUSS];
  for (double top = 0; top < depth; top += length) {
    sl_quad_gauss(-fmin(top + length, depth), -top, d, c);
    part = 0;
    for (int i = 0; i < SL_QUAD_GAUSS; i++) {
      double a = log_ratio(b->nu, b->n, cot, d[i], &sines);
      part += c[i] * exp(a) / (sine * sines);
    }
    sum += part;
    if (part < 1e-19 * sum) {
      return b->nu * sum;
    }
  }
  double a = log_ratio(b->nu, b->n, cot, -depth, &sines);
  return b->value * exp(a) + b->nu * sum;
}

/* H at the curve's variable x. */
static double h_at(double x, void *user) {
  const builder *b = user;
  if (x > 1) {
    return integral(b, x - 1 + log(tan(0.5 * b->first)));
  }
  double sum = 0, e = x * b->first;
  for (int j = SERIES - 1; j >= 0; j--) {
    sum = b->c[j] + e * sum;
  }
  return sum;
}

static void h_accept(double x, void *user) {
  builder *b = user;
  double value = h_at(x, b);
  b->from = x - 1 + log(tan(0.5 * b->first));
  b->value = value;
}

/* The power series is used while its terms fall fast: for large nu it is almost
** 1/(cos e - (n/nu) sin e), whose pole is near the split. */
static sl_status build(sl_law *law, int side, sl_err *err) {
  builder b = {.nu = law->own[NU], .n = side_n(law, side)};
  double end = side == 0 ? law->own[ES] : M_PI - law->own[ES];
  b.first = fmin(fmin(0.5, 0.4 * end), 0.5 * (1 + b.nu) / (fabs(b.n) + 1));
  law->own[FIRST + side] = b.first;
  series(&b);
  sl_curve *c = &law->forward[side];
  double tol = 4e-15 + 4 * DBL_EPSILON * sqrt(b.nu); /* rounding of exponents */
  c->n = 0;
  SL_TRY(sl_curve_fit(c, h_at, NULL, &b, 0, 1, tol, 0, err));
  h_accept(1, &b);
  double last = variable(b.first, end, law->split[side]);
  return sl_curve_fit(c, h_at, h_accept, &b, 1, last, tol, 0, err);
}

static sl_status pearson_make(sl_law *law, sl_err *err) {
  double m = law->par[0], n = law->par[1], nu = 2 * m - 1;
  if (!(m > 0.5) || isinf(m)) {
    return sl_fail(err, SL_EARG,
                   "pearson4: expected a finite m > 1/2 (else the density has "
                   "no finite integral), got %g", m);
  }
  if (!isfinite(n)) {
    return sl_fail(err, SL_EARG, "pearson4: expected a finite n, got %g", n);
  }
  law->own[NU] = nu;
  law->own[ES] = atan2(nu + 1, n);
  law->own[ZS] = -n / (nu + 1);
  law->own[LOGSIN] = -0.5 * log1p(law->own[ZS] * law->own[ZS]);
  law->split[0] = asinh(law->own[ZS]);
  law->split[1] = -law->split[0];
  double h[2];
  for (int side = 0; side < 2; side++) {
    SL_TRY(build(law, side, err));
    const sl_curve *c = &law->forward[side];
    h[side] = sl_curve_at(c, c->at[c->n]);
  }
  law->own[LOGH] = log(h[0] + h[1]);
  for (int side = 0; side < 2; side++) {
    law->logtail[side] = log(h[side] / (h[0] + h[1]));
  }
  return SL_OK;
}

double sl_law_logk(const sl_law *law) {
  double nu = law->own[NU];
  return log(nu) - law->own[LOGH] - nu * law->own[LOGSIN] +
         law->par[1] * (law->own[ES] - M_PI_2);
}

/* ---- density and tails --------------------------------------------------- */

/* log(A/A(split)) at z, from differences. */
static double log_peak(const sl_law *law, double z) {
  double zs = law->own[ZS], one = 1 + zs * zs;
  double angle = isinf(z) ? (z > 0 ? M_PI : 0) - law->own[ES]
                          : atan2(z - zs, 1 + z * zs);
  double sines = fabs(z) > 1e100
                     ? log(fabs(z)) - 0.5 * log(one)
                     : 0.5 * log1p((z - zs) * ((z + zs) / one));
  return -law->own[NU] * sines - law->par[1] * angle;
}

static double pearson_logpdf(const sl_law *law, double z) {
  double root = fabs(z) > 1e100 ? log(fabs(z)) : 0.5 * log1p(z * z);
  return log(law->own[NU]) - law->own[LOGH] - root + log_peak(law, z);
}

static void pearson_tails(const sl_law *law, double z, double *p, double *q) {
  int side = z > law->own[ZS];
  double u = side == 0 ? z : -z, h = h_of(law, side, atan2(1, -u), asinh(u));
  double tail = h * exp(log_peak(law, z) - law->own[LOGH]);
  *p = side == 0 ? tail : 1 - tail;
  *q = side == 0 ? 1 - tail : tail;
}

static double pearson_logtail(const sl_law *law, int side, double y,
                              double *slope) {
  double nu = law->own[NU], n = side_n(law, side), sign = side == 0 ? 1 : -1;
  double h = h_of(law, side, 2 * atan(exp(y)), y), peak;
  if (y > -300) {
    peak = log_peak(law, sign * sinh(y));
  } else { /* sin e = 2 exp(y) */
    double end = side == 0 ? law->own[ES] : M_PI - law->own[ES];
    peak = nu * (y + M_LN2 - law->own[LOGSIN]) + n * end;
  }
  *slope = nu / h;
  return peak + log(h) - law->own[LOGH];
}

/* The tail's power law, which lies above the probability where A is concave. */
static double pearson_guess(const sl_law *law, int side, double logp) {
  double nu = law->own[NU], n = side_n(law, side);
  double end = side == 0 ? law->own[ES] : M_PI - law->own[ES];
  double lead = nu * (M_LN2 - law->own[LOGSIN]) + n * end - law->own[LOGH];
  return fmin((logp - lead) / nu, law->split[side]);
}

const sl_law_class sl_law_pearson4 = {
    .name = "pearson4", .make = pearson_make, .logpdf = pearson_logpdf,
    .tails = pearson_tails, .logtail = pearson_logtail,
    .guess = pearson_guess, .point = sl_law_point_asinh,
    .rises = true};
