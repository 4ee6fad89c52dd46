/* law_simple.c: laws whose tails are known functions: normal, log-normal,
** Cauchy, Student, inverse gamma.  MIT licence. */
#include <float.h>
#include <math.h>

#include "num/law.h"
#include "num/special.h"

#define LOG_SQRT_2PI 0.91893853320467274178
#define LOG_PI 1.1447298858494001741

static sl_status halves(sl_law *law, double y0, double y1) {
  law->split[0] = y0;
  law->split[1] = y1;
  law->logtail[0] = law->logtail[1] = -M_LN2;
  return SL_OK;
}

/* ---- normal: y is z ------------------------------------------------------ */

static sl_status normal_make(sl_law *law, sl_err *err) {
  (void)err;
  return halves(law, 0, 0);
}

static double normal_logpdf(const sl_law *law, double z) {
  (void)law;
  return -0.5 * z * z - LOG_SQRT_2PI;
}

static void normal_tails(const sl_law *law, double z, double *p, double *q) {
  (void)law;
  *p = sl_normal_cdf(z);
  *q = sl_normal_cdf(-z);
}

static double normal_inverse(const sl_law *law, int side, double logp) {
  (void)law;
  double z = sl_normal_quantile(logp);
  return side == 0 ? z : -z;
}

static double normal_point(const sl_law *law, int side, double y) {
  (void)law;
  (void)side;
  return y;
}

const sl_law_class sl_law_normal = {
    .name = "normal", .make = normal_make, .logpdf = normal_logpdf,
    .tails = normal_tails, .inverse = normal_inverse, .point = normal_point};

/* ---- log-normal ---------------------------------------------------------- */

static sl_status lognormal_make(sl_law *law, sl_err *err) {
  if (!isfinite(law->par[0]) || !(law->par[1] > 0) || isinf(law->par[1])) {
    return sl_fail(err, SL_EARG,
                   "lognormal: expected a finite mu and a finite sigma > 0, "
                   "got %g and %g", law->par[0], law->par[1]);
  }
  return halves(law, law->par[0], law->par[0]);
}

static double lognormal_logpdf(const sl_law *law, double z) {
  if (!(z > 0) || isinf(z)) {
    return -HUGE_VAL;
  }
  double g = (log(z) - law->par[0]) / law->par[1];
  return -0.5 * g * g - LOG_SQRT_2PI - log(law->par[1]) - log(z);
}

static void lognormal_tails(const sl_law *law, double z, double *p,
                            double *q) {
  double g = z > 0 ? (log(z) - law->par[0]) / law->par[1] : -HUGE_VAL;
  normal_tails(law, g, p, q);
}

static double lognormal_inverse(const sl_law *law, int side, double logp) {
  return law->par[0] + law->par[1] * normal_inverse(law, side, logp);
}

const sl_law_class sl_law_lognormal = {
    .name = "lognormal", .make = lognormal_make, .logpdf = lognormal_logpdf,
    .tails = lognormal_tails, .inverse = lognormal_inverse,
    .point = sl_law_point_log};

/* ---- Cauchy: the angle 2 atan(exp y) from an end is uniform -------------- */

static sl_status cauchy_make(sl_law *law, sl_err *err) {
  (void)err;
  return halves(law, 0, 0);
}

static double log1p_square(double z) { /* log(1 + z^2) for any z */
  return fabs(z) > 1e100 ? 2 * log(fabs(z)) : log1p(z * z);
}

static double cauchy_logpdf(const sl_law *law, double z) {
  (void)law;
  return -LOG_PI - log1p_square(z);
}

static void cauchy_tails(const sl_law *law, double z, double *p, double *q) {
  (void)law;
  *p = atan2(1, -z) / M_PI;
  *q = atan2(1, z) / M_PI;
}

static double cauchy_inverse(const sl_law *law, int side, double logp) {
  (void)law;
  (void)side;
  return logp < -40 ? logp + LOG_PI - M_LN2 : log(tan(M_PI_2 * exp(logp)));
}

const sl_law_class sl_law_cauchy = {
    .name = "cauchy", .make = cauchy_make, .logpdf = cauchy_logpdf,
    .tails = cauchy_tails, .inverse = cauchy_inverse,
    .point = sl_law_point_asinh,
    .rises = true};

/* ---- Student: z = sqrt(nu) sinh y ---------------------------------------- */
/* own[0] = log B(nu/2, 1/2), own[1] = sqrt nu. */

static sl_status student_make(sl_law *law, sl_err *err) {
  double nu = law->par[0];
  if (!(nu > 0) || isinf(nu)) {
    return sl_fail(err, SL_EARG, "student_t: expected a finite nu > 0, got %g",
                   nu);
  }
  law->own[0] = sl_lbeta(0.5 * nu, 0.5);
  law->own[1] = sqrt(nu);
  return halves(law, 0, 0);
}

static double student_logpdf(const sl_law *law, double z) {
  double nu = law->par[0], w = z / law->own[1];
  return -0.5 * (nu + 1) * log1p_square(w) - law->own[0] - log(law->own[1]);
}

static void student_tails(const sl_law *law, double z, double *p, double *q) {
  double tail = exp(sl_student_tail(fabs(z), law->par[0]));
  *p = z < 0 ? tail : 1 - tail;
  *q = z < 0 ? 1 - tail : tail;
}

static double student_logtail(const sl_law *law, int side, double y,
                              double *slope) {
  (void)side;
  double nu = law->par[0], log_sin = M_LN2 + y - log1p(exp(2 * y)), logp;
  if (y < -300) {
    logp = nu * log_sin - law->own[0] - log(nu);
  } else {
    logp = sl_student_tail(-law->own[1] * sinh(y), nu);
  }
  *slope = exp(nu * log_sin - law->own[0] - logp);
  return logp;
}

static double student_guess(const sl_law *law, int side, double logp) {
  (void)side;
  double nu = law->par[0];
  if (nu > 30) { /* nearly normal */
    return fmin(asinh(sl_normal_quantile(logp) / law->own[1]), 0);
  }
  return fmin((logp + law->own[0] + log(nu)) / nu - M_LN2, 0);
}

static double student_point(const sl_law *law, int side, double y) {
  return law->own[1] * sl_law_point_asinh(law, side, y);
}

const sl_law_class sl_law_student = {
    .name = "student_t", .make = student_make, .logpdf = student_logpdf,
    .tails = student_tails, .logtail = student_logtail,
    .guess = student_guess, .point = student_point,
    .rises = true};

/* ---- inverse gamma: z = 1/g ---------------------------------------------- */

static sl_status inverse_gamma_make(sl_law *law, sl_err *err) {
  double alpha = law->par[0];
  if (!(alpha > 0) || isinf(alpha)) {
    return sl_fail(err, SL_EARG,
                   "inverse_gamma: expected a finite alpha > 0, got %g", alpha);
  }
  double y = -sl_gamma_quantile(alpha, -M_LN2, true);
  return halves(law, y, y);
}

static double inverse_gamma_logpdf(const sl_law *law, double z) {
  double g = 1 / z;
  if (!(z > 0) || g == 0) {
    return -HUGE_VAL;
  }
  return isinf(g) ? -HUGE_VAL
                  : sl_gamma_logdensity(law->par[0], g) + log(g);
}

static void inverse_gamma_tails(const sl_law *law, double z, double *p,
                                double *q) {
  double lower, upper;
  sl_gamma_pq(law->par[0], z > 0 ? 1 / z : HUGE_VAL, &lower, &upper);
  *p = exp(upper);
  *q = exp(lower);
}

static double inverse_gamma_inverse(const sl_law *law, int side,
                                    double logp) {
  return -sl_gamma_quantile(law->par[0], logp, side == 0);
}

const sl_law_class sl_law_inverse_gamma = {
    .name = "inverse_gamma", .make = inverse_gamma_make,
    .logpdf = inverse_gamma_logpdf, .tails = inverse_gamma_tails,
    .inverse = inverse_gamma_inverse, .point = sl_law_point_log};
