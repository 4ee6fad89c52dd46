/* law_passage.c: first-passage times of Brownian motion with drift, docs/sde.md
** 3.3: to one barrier at distance 1 (inverse Gaussian), and out of (0, 1). For
** the latter two sums are equal: over sines, quick for large times, and over
** images, quick for small ones; they change over at CHANGE. Exponents are joined
** before exp, so that strong drifts neither overflow nor cancel.
** MIT licence. */
#include <float.h>
#include <math.h>

#include "num/law.h"
#include "num/special.h"

#define LOG_SQRT_2PI 0.91893853320467274178
#define TWO_OVER_PI 0.63661977236758134308
#define CHANGE 0.4 /* images fall like exp(-2 j^2/z), sines like exp(-5 k^2 z) */
#define IMAGES 4
#define SINES 12

/* Splits a law on z > 0 at its mode of log z or at a quantile near 1/2, found
** by bisection on log z. */
static void split_middle(sl_law *law) {
  const sl_law_class *c = sl_law_class_of(law->kind);
  double lo = -690, hi = 690, p, q;
  for (int i = 0; i < 40; i++) {
    double mid = 0.5 * (lo + hi);
    c->tails(law, exp(mid), &p, &q);
    if (p < q) {
      lo = mid;
    } else {
      hi = mid;
    }
  }
  c->tails(law, exp(lo), &p, &q);
  law->split[0] = law->split[1] = lo;
  law->logtail[0] = log(p);
  law->logtail[1] = log(q);
}

/* Slope of a tail at y = log z from density and tail. */
static double tail_slope(int side, double y, double logpdf, double logp) {
  double s = exp(y + logpdf - logp);
  return side == 0 ? s : -s;
}

/* ---- one barrier --------------------------------------------------------- */
/* Density exp(-(1 - m z)^2/(2 z))/sqrt(2 pi z^3), m = |drift|; for drift < 0
** it is reached with probability exp(2 drift) and then at the same times.
** With a = (m z - 1)/sqrt z and b = (m z + 1)/sqrt z the tails are
** phi(a) (R(-a) + R(b)) and phi(a) (R(a) - R(b)). own[0] = m. */

static double hitting_logpdf(const sl_law *law, double z) {
  double m = law->own[0];
  if (!(z > 0) || isinf(z)) {
    return -HUGE_VAL;
  }
  double d = (1 - m * z) / sqrt(z);
  return -0.5 * d * d - LOG_SQRT_2PI - 1.5 * log(z);
}

/* log of the lower and of the upper tail; each accurate on its own half. */
static double hitting_log(const sl_law *law, int side, double z) {
  double m = law->own[0], root = sqrt(z);
  double a = (m * z - 1) / root, b = (m * z + 1) / root;
  double log_phi = -0.5 * a * a - LOG_SQRT_2PI;
  if (side == 0) {
    return a < 0 ? log_phi + log(sl_mills(-a) + sl_mills(b))
                 : log1p(-exp(hitting_log(law, 1, z)));
  }
  if (a < -1 || (m == 0 && b > 1)) {
    return log1p(-exp(hitting_log(law, 0, z)));
  }
  return log_phi + log(sl_mills_drop(a, b));
}

static void hitting_tails(const sl_law *law, double z, double *p, double *q) {
  if (!(z > 0) || isinf(z)) {
    *p = z > 0;
    *q = !(z > 0);
    return;
  }
  *p = exp(hitting_log(law, 0, z));
  *q = exp(hitting_log(law, 1, z));
}

static double hitting_logtail(const sl_law *law, int side, double y,
                              double *slope) {
  if (side == 1 && law->own[0] == 0 && y > 600) { /* z overflows */
    *slope = -0.5;
    return 0.5 * (log(TWO_OVER_PI) - y);
  }
  double z = exp(y), logp = hitting_log(law, side, z);
  *slope = tail_slope(side, y, hitting_logpdf(law, z), logp);
  return logp;
}

/* Lower: exp(-1/(2 z)). Upper: z^(-1/2) without drift, else exp(-m^2 z/2). */
static double hitting_guess(const sl_law *law, int side, double logp) {
  double m = law->own[0], y = law->split[side];
  if (side == 0) {
    return fmin(log(-0.5 / (logp - M_LN2)), y);
  }
  double power = -2 * logp + log(TWO_OVER_PI);
  double z = m > 0 ? 1 / m - 2 * logp / (m * m) : HUGE_VAL;
  return fmax(fmin(power, log(z)), y);
}

static sl_status hitting_make(sl_law *law, sl_err *err) {
  double drift = law->par[0];
  if (!isfinite(drift)) {
    return sl_fail(err, SL_EARG, "first passage: expected a finite drift, "
                   "got %g", drift);
  }
  law->own[0] = fabs(drift);
  law->mass = drift < 0 ? exp(2 * drift) : 1;
  split_middle(law);
  return SL_OK;
}

const sl_law_class sl_law_hitting = {
    .name = "first passage", .make = hitting_make, .logpdf = hitting_logpdf,
    .tails = hitting_tails, .logtail = hitting_logtail,
    .guess = hitting_guess, .point = sl_law_point_log};

/* ---- two barriers -------------------------------------------------------- */
/* par: drift m, start l in (0, 1). own[0], own[1]: log of exp(-m l) and
** exp(m (1 - l)), the weights of the ends 0 and 1. Seen from end 1 the drift
** is -m and the start 1 - l. */

static double from_end(const sl_law *law, int end) {
  return end == 0 ? law->par[1] : 1 - law->par[1];
}

double sl_law_exit_side(const sl_law *law, int end, double z) {
  double m = law->par[0], l = from_end(law, end), sum = 0;
  double lead = law->own[end] - 0.5 * m * m * z;
  if (!(z > 0) || isinf(z)) {
    return 0;
  }
  if (z > CHANGE) {
    for (int k = 1; k <= SINES; k++) {
      double w = k * M_PI;
      sum += w * sin(w * l) * exp(lead - 0.5 * w * w * z);
    }
    return sum;
  }
  for (int j = -IMAGES; j <= IMAGES; j++) {
    double h = l + 2 * j;
    sum += h * exp(lead - 0.5 * h * h / z);
  }
  return sum * exp(-LOG_SQRT_2PI - 1.5 * log(z));
}

static double exit_logpdf(const sl_law *law, double z) {
  double m = law->par[0];
  double f = sl_law_exit_side(law, 0, z) + sl_law_exit_side(law, 1, z);
  if (f > 1e-290 || !(z > 0) || isinf(z)) {
    return log(f);
  }
  if (z > CHANGE) { /* the first sine alone */
    double s = sin(M_PI * law->par[1]) * M_PI;
    double top = fmax(law->own[0], law->own[1]);
    return top + log(s * (exp(law->own[0] - top) + exp(law->own[1] - top))) -
           0.5 * (m * m + M_PI * M_PI) * z;
  }
  double best = -HUGE_VAL; /* the nearer end alone */
  for (int end = 0; end < 2; end++) {
    double l = from_end(law, end);
    best = fmax(best, law->own[end] - 0.5 * (m * m * z + l * l / z) + log(l));
  }
  return best - LOG_SQRT_2PI - 1.5 * log(z);
}

/* Probability that Brownian motion with drift, weighted by exp(lead), has
** reached distance h > 0 by z: exp(lead - h^2/2z - m^2 z/2)(erfcx + erfcx)/2. */
static double reached(double lead, double m, double h, double z) {
  double root = sqrt(2 * z), down = (h - m * z) / root, up = (h + m * z) / root;
  double common = lead - 0.5 * (h * h / z + m * m * z);
  double first = down > 0 ? exp(common) * sl_erfcx(down)
                          : exp(lead - m * h) * erfc(down);
  return 0.5 * (first + exp(common) * sl_erfcx(up));
}

/* P(T <= z) by images. */
static double exit_lower(const sl_law *law, double z) {
  double m = fabs(law->par[0]), sum = 0;
  for (int end = 0; end < 2; end++) {
    double l = from_end(law, end);
    for (int j = 0; j <= IMAGES; j++) {
      sum += reached(law->own[end], m, l + 2 * j, z);
      sum -= reached(law->own[end], m, 2 * (j + 1) - l, z);
    }
  }
  return sum;
}

/* P(T > z) by sines, as a logarithm. */
static double exit_upper_log(const sl_law *law, double z) {
  double m = law->par[0], l = law->par[1], sum = 0;
  double lead = fmax(law->own[0], law->own[1]);
  for (int k = 1; k <= SINES; k++) {
    double w = k * M_PI, rate = 0.5 * (w * w + m * m);
    double ends = exp(law->own[0] - lead) +
                  (k % 2 == 1 ? 1 : -1) * exp(law->own[1] - lead);
    sum += w * sin(w * l) / rate * ends * exp(-0.5 * w * w * z +
                                              0.5 * M_PI * M_PI * z);
  }
  return lead - 0.5 * (m * m + M_PI * M_PI) * z + log(sum);
}

/* exp(lead) (Phi(b) - Phi(a)), a <= b, without cancellation in the tails. */
static double slice(double lead, double a, double b) {
  if (a > 0) {
    return slice(lead, -b, -a);
  }
  if (b > 0) {
    return exp(lead) * (sl_normal_cdf(b) - sl_normal_cdf(a));
  }
  return exp(lead + sl_normal_logcdf(b)) - exp(lead + sl_normal_logcdf(a));
}

/* P(T > z) by images: the density of those still inside, integrated. */
static double exit_upper(const sl_law *law, double z) {
  double m = law->par[0], l = law->par[1], root = sqrt(z), sum = 0;
  if (z > CHANGE) {
    return exp(exit_upper_log(law, z));
  }
  for (int j = -IMAGES; j <= IMAGES; j++) {
    double c = 2 * j - m * z;
    sum += slice(-2 * j * m, (c - l) / root, (c + 1 - l) / root);
    sum -= slice(-2 * m * (l + j), (c + l) / root, (c + 1 + l) / root);
  }
  return fmax(sum, 0);
}

static void exit_tails(const sl_law *law, double z, double *p, double *q) {
  if (!(z > 0) || isinf(z)) {
    *p = z > 0;
    *q = !(z > 0);
    return;
  }
  *q = exit_upper(law, z);
  *p = z > CHANGE ? 1 - *q : exit_lower(law, z);
  if (*p > 0.9) {
    *p = 1 - *q;
  } else if (*p < 0.1) {
    *q = 1 - *p;
  }
}

static double exit_logtail(const sl_law *law, int side, double y,
                           double *slope) {
  double z = exp(y), p, q, logp;
  if (side == 1 && z > CHANGE) {
    logp = exit_upper_log(law, z);
  } else {
    exit_tails(law, z, &p, &q);
    logp = log(side == 0 ? p : q);
  }
  *slope = tail_slope(side, y, exit_logpdf(law, z), logp);
  return logp;
}

/* Lower: exp(-l^2/(2 z)) from the nearer end. Upper: the first sine. */
static double exit_guess(const sl_law *law, int side, double logp) {
  double m = law->par[0], l = fmin(law->par[1], 1 - law->par[1]);
  if (side == 0) {
    double z = l * l / (2 * (fabs(m) * l + M_LN2 - logp));
    return fmin(log(z), law->split[0]);
  }
  double rate = 0.5 * (m * m + M_PI * M_PI);
  double z = exp(law->split[1]) + (law->logtail[1] - logp) / rate;
  return fmax(log(z), law->split[1]);
}

static sl_status exit_make(sl_law *law, sl_err *err) {
  double m = law->par[0], l = law->par[1];
  if (!isfinite(m) || !(l > 0 && l < 1)) {
    return sl_fail(err, SL_EARG, "exit: expected a finite drift and a start "
                   "between the ends, got drift %g, start %g of the interval",
                   m, l);
  }
  law->own[0] = -m * l;
  law->own[1] = m * (1 - l);
  split_middle(law);
  return SL_OK;
}

const sl_law_class sl_law_exit = {
    .name = "exit", .make = exit_make, .logpdf = exit_logpdf,
    .tails = exit_tails, .logtail = exit_logtail, .guess = exit_guess,
    .point = sl_law_point_log};
