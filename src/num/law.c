/* law.c: what all laws share: location, scale and side; arrays over threads;
** quantiles by Newton's steps in y; samples by a curve of the inverse. A class
** knows its standard law alone.  MIT licence. */
#include "num/law.h"

#include <float.h>
#include <math.h>

#include "num/special.h"

#define PIECE 256        /* elements a thread takes at once */
#define CLOSE 3e-14      /* error of y in samples, absolute or relative */
#define FADE 8.0         /* log p from a kink to where its noise is below 1e-9 */
#define LEAST_LOG -36.75 /* below log 2^-53, the smallest uniform */

const sl_law_class *sl_law_class_of(sl_law_kind kind) {
  static const sl_law_class *const classes[SL_NLAW] = {
      [SL_LAW_NORMAL] = &sl_law_normal,
      [SL_LAW_LOGNORMAL] = &sl_law_lognormal,
      [SL_LAW_CAUCHY] = &sl_law_cauchy,
      [SL_LAW_STUDENT] = &sl_law_student,
      [SL_LAW_INVERSE_GAMMA] = &sl_law_inverse_gamma,
      [SL_LAW_PEARSON4] = &sl_law_pearson4,
      [SL_LAW_HITTING] = &sl_law_hitting,
      [SL_LAW_EXIT] = &sl_law_exit,
      [SL_LAW_OU_EXIT] = &sl_law_ou_exit};
  return classes[kind];
}

double sl_law_point_log(const sl_law *law, int side, double y) {
  (void)law;
  (void)side;
  return exp(y);
}

double sl_law_point_asinh(const sl_law *law, int side, double y) {
  (void)law;
  return side == 0 ? sinh(y) : -sinh(y);
}

sl_status sl_law_make(sl_law *law, sl_law_kind kind, const double par[2],
                      double location, double scale, sl_err *err) {
  const sl_law_class *c = sl_law_class_of(kind);
  if (!isfinite(location)) {
    return sl_fail(err, SL_EARG, "%s: expected a finite location, got %g",
                   c->name, location);
  }
  if (!isfinite(scale) || scale == 0) {
    return sl_fail(err, SL_EARG,
                   "%s: expected a finite scale other than 0, got %g", c->name,
                   scale);
  }
  law->kind = kind;
  law->location = location;
  law->scale = scale;
  law->par[0] = par[0];
  law->par[1] = par[1];
  law->mass = 1;
  law->kink = -HUGE_VAL;
  law->close = CLOSE;
  law->sampler = false;
  law->inverse[0].n = law->inverse[1].n = 0;
  return c->make(law, err);
}

/* ---- quantiles ----------------------------------------------------------- */

/* A step inside the bracket (lo, hi), whose ends may be infinite. */
static double inside(double y, double step, double lo, double hi) {
  double next = y + step;
  if (next > lo && next < hi) {
    return next;
  }
  if (isfinite(lo) && isfinite(hi)) {
    return 0.5 * (lo + hi);
  }
  double far = fmax(1, fabs(y));
  return isinf(hi) ? fmax(y, lo) + far : fmin(y, hi) - far;
}

double sl_law_solve(const sl_law *law, int side, double logp) {
  const sl_law_class *c = sl_law_class_of(law->kind);
  if (c->inverse != NULL) {
    return c->inverse(law, side, logp);
  }
  bool falls = side == 1 && !c->rises;
  double y = c->guess(law, side, logp), lo = -HUGE_VAL, hi = HUGE_VAL;
  for (int i = 0; i < 200; i++) {
    double slope, f = c->logtail(law, side, y, &slope) - logp;
    bool above = (f > 0) != falls;
    hi = above ? y : hi;
    lo = above ? lo : y;
    if (fabs(f) < 1e-9) { /* one more step squares that */
      return y - (f == 0 ? 0 : f / slope);
    }
    if (hi - lo <= 2 * DBL_EPSILON * fabs(y)) {
      break;
    }
    y = inside(y, -f / slope, lo, hi);
  }
  return y;
}

/* z of probability p below and q above, p + q = 1. */
static double standard_quantile(const sl_law *law, double p, double q) {
  const sl_law_class *c = sl_law_class_of(law->kind);
  if (!(p >= 0 && q >= 0)) {
    return (double)NAN;
  }
  if (law->mass < 1) {
    p /= law->mass;
    q = 1 - p;
    if (q <= 0) {
      return HUGE_VAL;
    }
  }
  int side = p > 0 && (q == 0 || log(p) > law->logtail[0]);
  double log_tail = log(side == 0 ? p : q);
  if (isinf(log_tail)) {
    bool top = side == 1 && !c->rises;
    return c->point(law, side, top ? HUGE_VAL : -HUGE_VAL);
  }
  return c->point(law, side, sl_law_solve(law, side, log_tail));
}

static double quantile(const sl_law *law, double p, double q) {
  bool turned = law->scale < 0;
  double z = standard_quantile(law, turned ? q : p, turned ? p : q);
  return law->location + law->scale * z;
}

/* ---- probabilities ------------------------------------------------------- */

static double probability(const sl_law *law, double z, bool upper) {
  double p, q;
  if (isnan(z)) {
    return z;
  }
  sl_law_class_of(law->kind)->tails(law, z, &p, &q);
  if (law->mass < 1) {
    return upper ? (1 - law->mass) + law->mass * q : law->mass * p;
  }
  return upper ? q : p;
}

static double one(const sl_law *law, sl_law_what what, double x) {
  const sl_law_class *c = sl_law_class_of(law->kind);
  double z = (x - law->location) / law->scale;
  bool turned = law->scale < 0;
  switch (what) {
    case SL_LAW_PDF:
      return isnan(z) ? z
                      : exp(c->logpdf(law, z)) * law->mass / fabs(law->scale);
    case SL_LAW_LOGPDF:
      return isnan(z) ? z
                      : c->logpdf(law, z) + log(law->mass / fabs(law->scale));
    case SL_LAW_CDF:
      return probability(law, z, turned);
    case SL_LAW_SF:
      return probability(law, z, !turned);
    case SL_LAW_QUANTILE:
      return quantile(law, x, 1 - x);
    case SL_LAW_ISF:
      return quantile(law, 1 - x, x);
    case SL_LAW_SIDE_PDF:
    default:
      return sl_law_exit_side(law, signbit(z), fabs(z)) / law->scale;
  }
}

sl_status sl_law_eval(const sl_law *law, sl_law_what what, sl_int n,
                      const double *x, double *out, sl_err *err) {
  const sl_int pieces = (n + PIECE - 1) / PIECE;
#pragma omp parallel for schedule(dynamic) num_threads(sl_threads()) \
    if (pieces > 4)
  for (sl_int k = 0; k < pieces; k++) {
    sl_int end = (k + 1) * PIECE < n ? (k + 1) * PIECE : n;
    for (sl_int i = k * PIECE; i < end && !sl_interrupted(); i++) {
      out[i] = one(law, what, x[i]);
    }
  }
  return sl_poll(err, "law");
}

/* ---- samples ------------------------------------------------------------- */

typedef struct tail {
  const sl_law *law;
  int side;
} tail;

static double solve_tail(double logp, void *user) {
  const tail *t = user;
  return sl_law_solve(t->law, t->side, logp);
}

/* Appends the inverse between two log probabilities of a tail. */
static sl_status append(sl_law *law, int side, double from, double to,
                        double close, sl_err *err) {
  tail t = {law, side};
  if (!(from < to)) {
    return SL_OK;
  }
  return sl_curve_fit(&law->inverse[side], solve_tail, NULL, &t, from, to,
                      close, close, err);
}

static sl_status prepare(sl_law *law, sl_err *err) {
  for (int side = 0; side < 2 && !law->sampler; side++) {
    double from = LEAST_LOG, to = law->logtail[side];
    double kink = side == 0 ? fmax(law->kink, from) : from;
    double rough = side == 0 && kink > from ? kink + FADE : from;
    law->inverse[side].n = 0;
    SL_TRY(append(law, side, from, fmin(kink, to), law->close, err));
    SL_TRY(append(law, side, kink, fmin(rough, to), law->close, err));
    SL_TRY(append(law, side, rough, to, kink > from ? 1e-9 : CLOSE, err));
  }
  law->sampler = true;
  return SL_OK;
}

/* x for the uniform u: the upper tail has probability 1 - u, exactly. */
static double from_uniform(const sl_law *law, double u, double lower) {
  if (law->mass < 1) {
    if (u >= law->mass) {
      return HUGE_VAL;
    }
    u /= law->mass;
  }
  int side = u > lower;
  double y = sl_curve_at(&law->inverse[side], log(side == 0 ? u : 1 - u));
  double z = sl_law_class_of(law->kind)->point(law, side, y);
  return law->location + law->scale * z;
}

static double from_normal(const sl_law *law, double g) {
  double z = law->kind == SL_LAW_NORMAL ? g
                                        : exp(law->par[0] + law->par[1] * g);
  return law->location + law->scale * z;
}

sl_status sl_law_sample(sl_law *law, sl_random *r, sl_int n, double *out,
                        sl_err *err) {
  bool normal = law->kind == SL_LAW_NORMAL || law->kind == SL_LAW_LOGNORMAL;
  sl_draw d = {.kind = normal ? SL_RNORMAL : SL_RUNIFORM, .a = 0, .b = 1};
  if (!normal) {
    SL_TRY(prepare(law, err));
  }
  SL_TRY(sl_random_fill(r, &d, SL_F64, n, out, err));
  const double lower = exp(law->logtail[0]);
  const sl_int pieces = (n + PIECE - 1) / PIECE;
#pragma omp parallel for schedule(static) num_threads(sl_threads()) \
    if (pieces > 4)
  for (sl_int k = 0; k < pieces; k++) {
    sl_int end = (k + 1) * PIECE < n ? (k + 1) * PIECE : n;
    for (sl_int i = k * PIECE; i < end; i++) {
      out[i] = normal ? from_normal(law, out[i])
                      : from_uniform(law, out[i], lower);
    }
  }
  return sl_poll(err, "law");
}
