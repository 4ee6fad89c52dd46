/* law_ou.c: the time at which dx = kappa x dt + dW, started at x0, leaves
** (-1, 1); docs/sde.md 3.4. P(T > t) is a sum of weight exp(-lambda t) over the
** even eigenfunctions of the generator. They are solved by Taylor steps for the
** attracting sign, -|kappa|, where the first eigenvalue may be tiny and must be
** had to all its digits: u'' = 2 |kappa| x u' - 2 mu u, u(0) = 1, u(1) = 0. For
** kappa > 0 the functions are exp(-kappa x^2) u, lambda = kappa + mu. Beyond
** LARGE the weights have closed forms. For small times the sum cancels; there
** Durbin's approximation for the two barriers is used, scaled to join it.
** MIT licence. */
#include <float.h>
#include <math.h>

#include "num/law.h"
#include "num/quadrature.h"
#include "num/special.h"

#define LARGE 600.0    /* exp(kappa) stays a double; far beyond, 1/kappa < eps */
#define TERMS 32
#define JOIN 1e-6      /* relative error of P(T <= t) allowed to the sum */
#define MODES SL_LAW_MODES

/* own[]: time of the join, factor of Durbin's approximation there */
/* and, for kappa < 0, 1 - weight[0] */
enum { TIME, FACTOR, REST };

/* ---- eigenfunctions ------------------------------------------------------ */

typedef struct shot {
  double k, mu, start; /* |kappa|; x0 */
  bool weighted, integrals;
  bool defect;         /* d = 1 - u is solved for, and its integral kept */
  double u, slope;     /* at the end reached */
  int zeros;           /* passed */
  double at_start;     /* u(start), if passed */
  double sum, square;  /* integrals of u or u w, and of u^2 w */
  double lost;         /* of u w d */
} shot;

/* Taylor coefficients of u at x from its value and slope there. */
static void taylor(const shot *s, double x, double c[TERMS]) {
  for (int j = 0; j + 2 < TERMS; j++) {
    double v = 2 * s->k * (x * (j + 1) * c[j + 1] + j * c[j]);
    v -= 2 * s->mu * (c[j] - (s->defect && j == 0));
    c[j + 2] = v / ((j + 1) * (j + 2));
  }
}

static double poly(const double c[TERMS], double h) {
  double sum = 0;
  for (int j = TERMS - 1; j >= 0; j--) {
    sum = c[j] + h * sum;
  }
  return sum;
}

static double poly_slope(const double c[TERMS], double h) {
  double sum = 0;
  for (int j = TERMS - 1; j >= 1; j--) {
    sum = j * c[j] + h * sum;
  }
  return sum;
}

static void integrate(shot *s, const double c[TERMS], double x, double h) {
  double d[SL_QUAD_GAUSS], w[SL_QUAD_GAUSS];
  sl_quad_gauss(fmin(0, h), fmax(0, h), d, w);
  for (int i = 0; i < SL_QUAD_GAUSS; i++) {
    double p = poly(c, d[i]), u = s->defect ? 1 - p : p;
    double weight = exp(-s->k * (x + d[i]) * (x + d[i]));
    s->sum += w[i] * u * (s->weighted ? weight : 1);
    s->square += w[i] * u * u * weight;
    s->lost += w[i] * u * weight * (s->defect ? p : 1 - p);
  }
}

/* Solves from a to b with steps short for the oscillation and the drift. */
static void shoot(shot *s, double a, double b, double u, double slope) {
  double c[TERMS] = {u, slope};
  int n = (int)(fmax(sqrt(2 * s->mu), s->k) * fabs(b - a)) + 8;
  s->zeros = 0;
  s->sum = s->square = s->lost = 0;
  for (int i = 0; i < n; i++) {
    double x = a + (b - a) * i / n, h = (b - a) / n, to = s->start - x;
    taylor(s, x, c);
    if (to / h >= 0 && to / h <= 1) {
      s->at_start = poly(c, to);
    }
    if (s->integrals) {
      integrate(s, c, x, h);
    }
    double next = poly(c, h), v = poly_slope(c, h);
    s->zeros += i > 0 && c[0] != 0 && (next < 0) != (c[0] < 0);
    c[0] = next;
    c[1] = v;
  }
  s->u = c[0];
  s->slope = c[1];
}

/* Where the solutions from the two ends meet: the turning point, up to which
** the one from 0 is stable, as the one from 1 is down to it. The first
** eigenvalue is had from 0 alone, for the sake of its relative accuracy. */
static double meeting(const shot *s, int k) {
  double turn = sqrt(2 * s->mu + s->k) / s->k;
  return k == 0 || !(turn < 1) ? 1 : turn;
}

/* Number of eigenvalues below s->mu. Where the solutions meet, the logarithmic
** slope of the outer one rises with mu and that of the inner one falls. *miss
** is 0 at an eigenvalue and changes sign there. */
static int below(shot *s, int k, double *miss) {
  double at = meeting(s, k);
  shoot(s, 0, at, 1, 0);
  *miss = s->u;
  if (at == 1) {
    return s->zeros;
  }
  shot in = *s;
  shoot(&in, 1, at, 0, -1);
  *miss = (s->slope * in.u - in.slope * s->u) /
          (fabs(in.u) + fabs(in.slope)) / (fabs(s->u) + fabs(s->slope));
  return s->zeros + in.zeros + (s->slope / s->u < in.slope / in.u);
}

/* The k-th eigenvalue, above lo: by bisection of its logarithm, then by regula
** falsi (Illinois) in the bracket that the count keeps. */
static double eigenvalue(shot *s, int k, double lo) {
  double hi = fmax(2 * lo, 1), f_lo, f_hi, f;
  s->integrals = false;
  s->mu = lo;
  below(s, k, &f_lo);
  for (s->mu = hi; below(s, k, &f_hi) <= k; s->mu = hi) {
    lo = hi;
    f_lo = f_hi;
    hi *= 2;
  }
  for (int i = 0, last = 0; i < 100; i++) {
    double mid = sqrt(lo) * sqrt(hi), line = (lo * f_hi - hi * f_lo) /
                                             (f_hi - f_lo);
    bool secant = hi < 1.5 * lo && i < 60 && line > lo && line < hi;
    s->mu = secant ? line : mid;
    if (!(s->mu > lo && s->mu < hi) || hi - lo <= 2 * DBL_EPSILON * lo) {
      break;
    }
    bool over = below(s, k, &f) > k;
    if (f == 0) {
      return s->mu;
    }
    if (over) {
      hi = s->mu;
      f_hi = f;
      f_lo *= last == 1 ? 0.5 : 1;
    } else {
      lo = s->mu;
      f_lo = f;
      f_hi *= last == -1 ? 0.5 : 1;
    }
    last = over ? 1 : -1;
  }
  return fabs(f_lo) < fabs(f_hi) ? lo : hi;
}

/* u(start) sum/square of the k-th function, the two parts made to agree. */
static double mode_weight(shot *s, int k) {
  double at = meeting(s, k);
  s->integrals = true;
  shoot(s, 0, at, 1, 0);
  if (at == 1) {
    return s->at_start * s->sum / s->square;
  }
  shot in = *s;
  shoot(&in, 1, at, 0, -1);
  double r = fabs(in.u) > fabs(in.slope) / s->k ? s->u / in.u
                                                : s->slope / in.slope;
  double u = s->start > at ? r * in.at_start : s->at_start;
  return u * (s->sum + r * in.sum) / (s->square + r * r * in.square);
}

static void set_mode(sl_law *law, int k, double lambda, double weight) {
  law->lambda[k] = lambda;
  law->weight[k] = weight;
}

/* 1 - weight of the first function for kappa < 0, tiny: with d = 1 - u it is
** (d(start) integral of u w - integral of u w d)/(integral of u^2 w). */
static double first_rest(shot s) {
  s.defect = s.integrals = true;
  shoot(&s, 0, 1, 0, 0);
  return (s.at_start * s.sum - s.lost) / s.square;
}

static void solve_modes(sl_law *law) {
  double kappa = law->par[0], x = fabs(law->par[1]), mu = 1e-290;
  shot s = {.k = fabs(kappa), .start = x, .weighted = kappa < 0};
  for (int k = 0; k < MODES; k++) {
    mu = eigenvalue(&s, k, mu);
    s.mu = mu;
    double lead = kappa > 0 ? exp(-kappa * x * x) : 1;
    set_mode(law, k, fmax(kappa, 0) + mu, lead * mode_weight(&s, k));
    if (k == 0) {
      law->own[REST] = first_rest(s);
    }
  }
}

/* The Hermite-like polynomial M(-k, 1/2, z). */
static double polynomial(int k, double z) {
  double term = 1, sum = 1;
  for (int j = 0; j < k; j++) {
    term *= (j - k) * z / ((0.5 + j) * (j + 1));
    sum += term;
  }
  return sum;
}

/* lambda = kappa (2 k + 1) up to exp(-kappa); residues of
** M(-s/2k, 1/2, -kappa x0^2)/(s M(-s/2k, 1/2, -kappa)) with DLMF 13.7.2. The
** weights are divided by kappa^k, which goes with exp(-lambda t). */
static void large_modes(sl_law *law) {
  double kappa = law->par[0], z = kappa * law->par[1] * law->par[1];
  for (int k = 0; k < MODES; k++) {
    double alpha = k + 0.5, term = 1, f = 1;
    for (int j = 0; j < 400 && fabs(term) > 1e-17 * f; j++) {
      term *= (alpha + j) * (alpha + 0.5 + j) / ((j + 1) * kappa);
      f += term;
    }
    double weight = 2 / (2 * k + 1.0) * sqrt(kappa / M_PI) / f * exp(-z) *
                    polynomial(k, z) * exp(-sl_lgamma(k + 1.0));
    set_mode(law, k, kappa * (2 * k + 1), k % 2 == 0 ? weight : -weight);
  }
}

/* exp(-lambda_k t), times kappa^k for closed weights. */
static double fall(const sl_law *law, int k, double t) {
  double kappa = law->par[0], power = kappa > LARGE ? k * log(kappa) : 0;
  return exp(power - law->lambda[k] * t);
}

/* P(T > t) and its density by the sum; size: of the terms together. */
static double survival(const sl_law *law, double t, double *density,
                       double *size) {
  double sum = 0, term = 0;
  *density = *size = 0;
  for (int k = MODES - 1; k >= 0; k--) {
    term = law->weight[k] * fall(law, k, t);
    sum += term;
    *density += law->lambda[k] * term;
    *size += fabs(term);
  }
  return sum;
}

/* P(T <= t); size: of what cancels. Away from a stable origin the first weight
** is almost 1 and its eigenvalue tiny, and their defects are what counts. */
static double arrival(const sl_law *law, double t, double *size) {
  double density, sum = law->own[REST];
  if (law->par[0] >= 0) {
    return 1 - survival(law, t, &density, size);
  }
  *size = fabs(sum);
  sum -= law->weight[0] * expm1(-law->lambda[0] * t);
  for (int k = 1; k < MODES; k++) {
    double term = law->weight[k] * fall(law, k, t);
    sum -= term;
    *size += fabs(term);
  }
  *size += fabs(sum);
  return sum;
}

/* ---- small times --------------------------------------------------------- */
/* x exp(-kappa t) - x0 is Brownian motion at the clock v = (1 - exp(-2 kappa
** t))/(2 kappa), the barriers become +-b(v), b = sqrt(1 - 2 kappa v). Durbin:
** density of reaching b first near (d/v - b') phi(d/sqrt v)/sqrt v, d = b - x0.
** source: Durbin 1985 */

static double clock_of(double kappa, double t) {
  return kappa == 0 ? t : -expm1(-2 * kappa * t) / (2 * kappa);
}

static double durbin(double v, double from_0, double from_end, void *user) {
  (void)from_end;
  (void)v;
  const double *par = user; /* kappa, x0 */
  double kappa = par[0], b = sqrt(1 - 2 * kappa * from_0), sum = 0;
  for (int side = -1; side <= 1; side += 2) {
    double d = b - side * par[1], r = d / sqrt(from_0);
    sum += (d / from_0 + kappa / b) * exp(-0.5 * r * r) /
           sqrt(2 * M_PI * from_0);
  }
  return sum;
}

static double small_cdf(const sl_law *law, double t) {
  double par[2] = {law->par[0], law->par[1]}, value = 0;
  double v = clock_of(par[0], t);
  sl_quad_tanh_sinh(durbin, par, 0, v, 1e-11, &value, NULL, NULL);
  return value;
}

static double small_pdf(const sl_law *law, double t) {
  double par[2] = {law->par[0], law->par[1]}, v = clock_of(par[0], t);
  return durbin(v, v, 0, par) * exp(-2 * par[0] * t);
}

/* ---- the law ------------------------------------------------------------- */

static void ou_tails(const sl_law *law, double t, double *p, double *q) {
  double density, size;
  if (!(t > 0) || isinf(t)) {
    *p = t > 0;
    *q = !(t > 0);
  } else if (t >= law->own[TIME]) {
    *q = survival(law, t, &density, &size);
    *p = arrival(law, t, &size);
  } else {
    *p = law->own[FACTOR] * small_cdf(law, t);
    *q = 1 - *p;
  }
}

static double ou_logpdf(const sl_law *law, double t) {
  double density, size;
  if (!(t > 0) || isinf(t)) {
    return -HUGE_VAL;
  }
  if (t < law->own[TIME]) {
    return log(law->own[FACTOR] * small_pdf(law, t));
  }
  survival(law, t, &density, &size);
  return density > 0 ? log(density)
                     : log(law->lambda[0] * law->weight[0]) -
                           law->lambda[0] * t;
}

static double ou_logtail(const sl_law *law, int side, double y,
                         double *slope) {
  double t = exp(y), p, q, logp;
  ou_tails(law, t, &p, &q);
  logp = log(side == 0 ? p : q);
  if (side == 1 && !(q > 1e-290)) { /* the first term alone */
    logp = log(law->weight[0]) - law->lambda[0] * t;
    *slope = -law->lambda[0] * t;
    return logp;
  }
  double s = exp(y + ou_logpdf(law, t) - logp);
  *slope = side == 0 ? s : -s;
  return logp;
}

static double ou_guess(const sl_law *law, int side, double logp) {
  if (side == 1) {
    double t = (log(law->weight[0]) - logp) / law->lambda[0];
    return fmax(log(fmax(t, DBL_MIN)), law->split[1]);
  }
  double d = 1 - fabs(law->par[1]), kappa = law->par[0];
  double v = d * d / (2 * (1 - logp) + 2 * fmax(kappa, 0) * d * d);
  double t = kappa == 0 ? v : -log1p(-2 * kappa * v) / (2 * kappa);
  return fmin(log(t), law->split[0]);
}

/* The time from which the sum is trusted, and the factor of the other there. */
static void join(sl_law *law) {
  double lo = -60, hi = 8 - log(law->lambda[0]), density, size;
  for (int i = 0; i < 70; i++) {
    double mid = 0.5 * (lo + hi), t = exp(mid);
    survival(law, t, &density, &size);
    double p = arrival(law, t, &size);
    double last = fabs(law->weight[MODES - 1]) * fall(law, MODES - 1, t);
    bool good = p > 0 && DBL_EPSILON * size + last <= JOIN * p && density > 0;
    lo = good ? lo : mid;
    hi = good ? mid : hi;
  }
  double t = exp(hi), p = arrival(law, t, &size);
  law->own[TIME] = t;
  law->own[FACTOR] = p / small_cdf(law, t);
  law->kink = log(p);
  law->close = JOIN;
}

static sl_status ou_make(sl_law *law, sl_err *err) {
  double kappa = law->par[0], x = law->par[1];
  if (!(fabs(x) < 1)) {
    return sl_fail(err, SL_EARG, "ou_exit: expected a start inside the "
                   "interval, got %g of its half", x);
  }
  if (!isfinite(kappa) || kappa < -LARGE) {
    return sl_fail(err, SL_EARG, "ou_exit: expected a finite kappa >= -%g, "
                   "got %g: the mean time, near exp(-kappa), leaves the range "
                   "of numbers", LARGE, kappa);
  }
  if (kappa > LARGE) {
    large_modes(law);
  } else {
    solve_modes(law);
  }
  join(law);
  double lo = log(law->own[TIME]) - 700, hi = 700, p, q;
  for (int i = 0; i < 45; i++) {
    double mid = 0.5 * (lo + hi);
    ou_tails(law, exp(mid), &p, &q);
    lo = p < q ? mid : lo;
    hi = p < q ? hi : mid;
  }
  ou_tails(law, exp(lo), &p, &q);
  law->split[0] = law->split[1] = lo;
  law->logtail[0] = log(p);
  law->logtail[1] = log(q);
  return SL_OK;
}

const sl_law_class sl_law_ou_exit = {
    .name = "ou_exit", .make = ou_make, .logpdf = ou_logpdf,
    .tails = ou_tails, .logtail = ou_logtail, .guess = ou_guess,
    .point = sl_law_point_log};
