/* fokker_planck.c: rates, time steps and stationary masses of the chain that
** fokker_planck.h describes. Linear systems I - s A are solved by elimination
** written without subtraction (as Grassmann, Taksar & Heyman do for Markov
** chains): with e_i = s right_i + k_i, k_i = 1 + s left_i k_{i-1} / e_{i-1}, every
** quantity stays positive and the mass is kept to rounding.  MIT licence. */
#include <math.h>
#include <string.h>

#include "num/fokker_planck.h"

/* ---- rates ---------------------------------------------------------------- */
/* z / (exp(z) - 1) */
static double bernoulli(double z) {
  return z == 0 ? 1 : z / expm1(z);
}

void sl_fp_rates(double *right, double *left, sl_int n, const double *face,
                 const double *x, const double *d, const double *pe,
                 const sl_fp_end end[2]) {
  double first = x[0] - face[0], last = face[n] - x[n - 1];
  for (sl_int i = 0; i < n; i++) {
    double share = d[i] / (face[i + 1] - face[i]);
    if (i > 0) {
      left[i] = share * bernoulli(pe[i]) / (x[i] - x[i - 1]);
    }
    if (i < n - 1) {
      right[i] = share * bernoulli(-pe[i + 1]) / (x[i + 1] - x[i]);
    }
  }
  double low = d[0] / (face[1] - face[0]);
  double high = d[n - 1] / (face[n] - face[n - 1]);
  if (end[0] == SL_FP_PERIODIC) {
    double round = pe[0] + pe[n], width = first + last;
    left[0] = low * bernoulli(round) / width;
    right[n - 1] = high * bernoulli(-round) / width;
    return;
  }
  left[0] = end[0] == SL_FP_REFLECTING ? 0 : low * bernoulli(pe[0]) / first;
  right[n - 1] =
      end[1] == SL_FP_REFLECTING ? 0 : high * bernoulli(-pe[n]) / last;
}

/* ---- I - s A -------------------------------------------------------------- */
/* Of the first n cells; on a ring n is one less than there are, and z how they
** answer to a unit mass in the last cell. */
typedef struct factors {
  sl_int n;
  double s;
  double *up, *down; /* s right_{i} / e_i and s left_{i+1} / e_i */
  double *inverse;   /* 1 / e_i */
  double *z, total;
} factors;

static void substitute(const factors *f, double *m) {
  for (sl_int i = 1; i < f->n; i++) {
    m[i] += f->up[i - 1] * m[i - 1];
  }
  m[f->n - 1] *= f->inverse[f->n - 1];
  for (sl_int i = f->n - 2; i >= 0; i--) {
    m[i] = m[i] * f->inverse[i] + f->down[i] * m[i + 1];
  }
}

static void factorise(factors *f, const sl_fp *fp, double s) {
  const double *r = fp->right, *l = fp->left;
  sl_int n = fp->periodic ? fp->n - 1 : fp->n;
  f->n = n;
  f->s = s;
  double k = 1 + s * l[0];
  for (sl_int i = 0; i < n; i++) {
    double e = s * r[i] + k;
    f->inverse[i] = 1 / e;
    f->up[i] = s * r[i] / e;
    f->down[i] = i + 1 < n ? s * l[i + 1] / e : 0;
    k = i + 1 < n ? 1 + s * l[i + 1] * (k / e) : k;
  }
  if (!fp->periodic) {
    return;
  }
  memset(f->z, 0, (size_t)n * sizeof(double));
  f->z[0] += s * r[n];
  f->z[n - 1] += s * l[n];
  substitute(f, f->z);
  f->total = 1;
  for (sl_int i = 0; i < n; i++) {
    f->total += f->z[i];
  }
}

/* m = (I - s A)^-1 m */
static void solve(const factors *f, const sl_fp *fp, double *m) {
  substitute(f, m);
  if (!fp->periodic) {
    return;
  }
  sl_int n = f->n;
  double in = m[n] + f->s * (fp->right[n - 1] * m[n - 1] + fp->left[0] * m[0]);
  m[n] = in / f->total;
  for (sl_int i = 0; i < n; i++) {
    m[i] += f->z[i] * m[n];
  }
}

/* out = m + s A m */
static void explicit_part(const sl_fp *fp, double s, const double *m,
                          double *out) {
  sl_int n = fp->n;
  const double *r = fp->right, *l = fp->left;
  for (sl_int i = 0; i < n; i++) {
    double in = (i > 0 ? r[i - 1] * m[i - 1] : 0) +
                (i < n - 1 ? l[i + 1] * m[i + 1] : 0);
    out[i] = m[i] + s * (in - (r[i] + l[i]) * m[i]);
  }
  if (fp->periodic) {
    out[0] += s * r[n - 1] * m[n - 1];
    out[n - 1] += s * l[0] * m[0];
  }
}

/* ---- steps ---------------------------------------------------------------- */
static void leaves(const sl_fp *fp, double s, const double *m, double out[2]) {
  if (!fp->periodic) {
    out[0] += s * fp->left[0] * m[0];
    out[1] += s * fp->right[fp->n - 1] * m[fp->n - 1];
  }
}

static void euler(const sl_fp *fp, const factors *f, double *m,
                  double out[2]) {
  solve(f, fp, m);
  leaves(fp, f->s, m, out);
}

/* The trapezoidal rule over 2 s. */
static void trapezoid(const sl_fp *fp, const factors *f, double *m,
                      double *next, double out[2]) {
  leaves(fp, f->s, m, out);
  explicit_part(fp, f->s, m, next);
  solve(f, fp, next);
  leaves(fp, f->s, next, out);
}

static const double GAMMA = 0.58578643762690495; /* 2 - sqrt 2 */

/* A trapezoid over GAMMA h, then the backward difference of order 2; both have
** the same matrix, s = GAMMA h / 2. */
static void trbdf2(const sl_fp *fp, const factors *f, double *m, double *next,
                   double out[2]) {
  double gone[2] = {0, 0}, c = 1 / (GAMMA * (2 - GAMMA));
  trapezoid(fp, f, m, next, gone);
  for (sl_int i = 0; i < fp->n; i++) {
    m[i] = c * next[i] + (1 - c) * m[i];
  }
  solve(f, fp, m);
  out[0] += c * gone[0];
  out[1] += c * gone[1];
  leaves(fp, f->s, m, out);
}

static double sum(const double *m, sl_int n) {
  double s = 0, low = 0; /* Kahan: the bits that s has no place for */
  for (sl_int i = 0; i < n; i++) {
    double y = m[i] - low, t = s + y;
    low = (t - s) - y;
    s = t;
  }
  return s;
}

/* Rounding lets the mass drift by some 1e-16 a step, always the same way: give
** it back. */
static void settle(double *m, sl_int n, double mass) {
  double have = sum(m, n);
  if (have > 0 && fabs(mass / have - 1) < 1e-9) {
    for (sl_int i = 0; i < n; i++) {
      m[i] *= mass / have;
    }
  }
}

sl_status sl_fp_run(const sl_fp *fp, double *m, double h, sl_int steps,
                    sl_fp_method method, double total, double out[2],
                    sl_err *err) {
  sl_int n = fp->n;
  double *block = sl_malloc(5 * n * (sl_int)sizeof(double));
  if (block == NULL) {
    return sl_fail(err, SL_ENOMEM, "no memory for %lld cells", (long long)n);
  }
  factors f = {.up = block, .down = block + n, .inverse = block + 2 * n,
               .z = block + 3 * n};
  double *next = block + 4 * n;
  factorise(&f, fp, method == SL_FP_EULER ? h :
                    (method == SL_FP_CN ? h / 2 : GAMMA * h / 2));
  sl_status status = SL_OK;
  for (sl_int k = 0; k < steps && status == SL_OK; k++) {
    if (method == SL_FP_EULER) {
      euler(fp, &f, m, out);
    } else if (method == SL_FP_CN) {
      trapezoid(fp, &f, m, next, out);
      memcpy(m, next, (size_t)n * sizeof(double));
    } else {
      trbdf2(fp, &f, m, next, out);
    }
    status = sl_poll(err, "fokker_planck");
  }
  settle(m, n, total - out[0] - out[1]);
  sl_free(block);
  return status;
}

/* ---- stationary masses ---------------------------------------------------- */
static sl_status check_connected(const sl_fp *fp, sl_err *err) {
  for (sl_int i = 0; i + 1 < fp->n; i++) {
    if (!(fp->right[i] > 0) || !(fp->left[i + 1] > 0)) {
      return sl_fail(err, SL_EDOM, "no stationary law on this grid: between "
                     "cells %lld and %lld the drift is too strong for their "
                     "distance", (long long)i + 1, (long long)i + 2);
    }
  }
  return SL_OK;
}

/* Logarithms to masses of sum 1; returns log of what they summed to. */
static double normalise(double *m, sl_int n) {
  double high = -HUGE_VAL;
  for (sl_int i = 0; i < n; i++) {
    high = fmax(high, m[i]);
  }
  for (sl_int i = 0; i < n; i++) {
    m[i] = exp(m[i] - high);
  }
  double total = sum(m, n);
  for (sl_int i = 0; i < n; i++) {
    m[i] /= total;
  }
  return high + log(total);
}

static double log_sum(double a, double b) {
  double high = fmax(a, b), low = fmin(a, b);
  return high == -HUGE_VAL ? high : high + log1p(exp(low - high));
}

/* On a ring the mass of i is, up to a factor, the sum over the places k where
** the ring may be cut of the product of rates that lead to i on both sides:
** left ones from k to i, right ones from k + 1 on round to i. With
** phi_i = sum log(right_j / left_{j+1}) the sum over k >= i is e^{phi_i} times a
** running sum, that over k < i the same a turn further. */
static double ring(const sl_fp *fp, double *m, double *work) {
  sl_int n = fp->n;
  double *up = work, *cut = work + n + 1, phi = 0, past = -HUGE_VAL;
  up[0] = 0; /* log of products of right / left from 0 */
  for (sl_int i = 0; i < n; i++) {
    sl_int next = i + 1 < n ? i + 1 : 0;
    cut[i] = -phi - log(fp->right[i]); /* 1 / (right e^phi) */
    phi += log(fp->right[i]) - log(fp->left[next]);
    up[i + 1] = phi;
  }
  double ahead = -HUGE_VAL;
  for (sl_int i = n - 1; i >= 0; i--) {
    ahead = log_sum(ahead, cut[i]);
    m[i] = up[i] + ahead;
  }
  for (sl_int i = 0; i < n; i++) {
    m[i] = log_sum(m[i], up[i] + past - phi);
    past = log_sum(past, cut[i]);
  }
  /* m_i right_i - m_{i+1} left_{i+1} = 1 - exp(-phi) before scaling */
  double scale = normalise(m, n);
  return -expm1(-phi) * exp(-scale);
}

sl_status sl_fp_stationary(const sl_fp *fp, double *m, double *current,
                           sl_err *err) {
  SL_TRY(check_connected(fp, err));
  *current = 0;
  if (!fp->periodic) {
    m[0] = 0;
    for (sl_int i = 0; i + 1 < fp->n; i++) {
      m[i + 1] = m[i] + log(fp->right[i]) - log(fp->left[i + 1]);
    }
    normalise(m, fp->n);
    return SL_OK;
  }
  double *work = sl_malloc((2 * fp->n + 1) * (sl_int)sizeof(double));
  if (work == NULL) {
    return sl_fail(err, SL_ENOMEM, "no memory for %lld cells",
                   (long long)fp->n);
  }
  *current = ring(fp, m, work);
  sl_free(work);
  return SL_OK;
}
