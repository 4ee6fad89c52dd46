/* quadrature.c: integrals over an interval by the double exponential rule and
** by adaptive Gauss-Kronrod pieces. Both ask for their values in batches; the
** one-point form is a batch that loops. Sums are compensated, so that the
** result carries the rounding of the values alone.  MIT licence. */
#include "num/quadrature.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* ---- shared -------------------------------------------------------------- */

typedef struct integrand {
  sl_quad_batch *f;
  void *user;
  double a, b;
  bool flip; /* b < a was given */
} integrand;

typedef struct single {
  sl_quad_fn *f;
  void *user;
} single;

static sl_status each(sl_int n, const double *x, const double *from_a,
                      const double *from_b, double *y, void *user,
                      sl_err *err) {
  (void)err;
  const single *s = user;
  for (sl_int i = 0; i < n; i++) {
    y[i] = s->f(x[i], from_a[i], from_b[i], s->user);
  }
  return SL_OK;
}

/* A sum with its rounding carried along (Neumaier). */
typedef struct total {
  double sum, low, size;
} total;

static void add(total *s, double v) {
  double t = s->sum + v;
  s->low += fabs(s->sum) >= fabs(v) ? (s->sum - t) + v : (v - t) + s->sum;
  s->sum = t;
  s->size += fabs(v);
}

static sl_status start(integrand *g, const char *name, sl_err *err) {
  if (isnan(g->a) || isnan(g->b)) {
    return sl_fail(err, SL_EARG, "%s: expected ends a and b, got %g and %g",
                   name, g->a, g->b);
  }
  g->flip = g->b < g->a;
  if (g->flip) {
    double a = g->a;
    g->a = g->b;
    g->b = a;
  }
  return SL_OK;
}

static void deliver(const integrand *g, double sum, double bound,
                    double *value, double *error) {
  *value = g->flip ? -sum : sum;
  if (error != NULL) {
    *error = bound;
  }
}

static sl_status not_finite(const char *name, double x, double y,
                            sl_err *err) {
  return sl_fail(err, SL_EDOM, "%s: the function is %g at x = %.17g", name, y,
                 x);
}

/* ---- double exponential -------------------------------------------------- */
/* Nodes at t = k h, |t| <= REACH; each level halves h and adds the odd ones. */
#define LEVELS 11
#define LEAST 3            /* first level that may be the last */
#define REACH_FINITE 6.11  /* pi sinh t = 707: distances down to 1e-307 */
#define REACH_INFINITE 6.7 /* (pi/2) sinh t = 638: distances 1e-277 .. 1e277 */
#define EDGE 1e-280        /* nearer to an end nothing can be lost */
#define FAR 1e140          /* beyond it a value that is not finite is no news */
#define BATCH 256

/* Does a value that is not finite count as 0 at this node? */
static bool edge(const integrand *g, double x, double from_a, double from_b) {
  if (isinf(g->a) || isinf(g->b)) {
    return fabs(x) > FAR || fmin(from_a, from_b) < EDGE;
  }
  return fmin(from_a, from_b) <= EDGE * (g->b - g->a);
}

/* The node at t: x, its distances, and dx/dt. */
static double node(const integrand *g, double t, double *x, double *from_a,
                   double *from_b) {
  double s = sinh(t), c = cosh(t);
  if (isinf(g->a) && isinf(g->b)) {
    *x = sinh(M_PI_2 * s);
    *from_a = *from_b = HUGE_VAL;
    return M_PI_2 * c * cosh(M_PI_2 * s);
  }
  if (isinf(g->b)) {
    double d = exp(M_PI_2 * s);
    *x = g->a + d;
    *from_a = d;
    *from_b = HUGE_VAL;
    return M_PI_2 * c * d;
  }
  if (isinf(g->a)) {
    double d = exp(-M_PI_2 * s);
    *x = g->b - d;
    *from_a = HUGE_VAL;
    *from_b = d;
    return M_PI_2 * c * d;
  }
  double length = g->b - g->a, u = exp(-M_PI * fabs(s));
  double near = length * (u / (1 + u)), far = length / (1 + u);
  *from_a = t < 0 ? near : far;
  *from_b = t < 0 ? far : near;
  *x = t < 0 ? g->a + near : g->b - near;
  return length * M_PI * c * (u / (1 + u)) / (1 + u);
}

/* Adds the terms of one level, h its step, to s. */
static sl_status level_sum(const integrand *g, int level, double h, total *s,
                           sl_err *err) {
  double x[BATCH], from_a[BATCH], from_b[BATCH], w[BATCH], y[BATCH];
  double reach = isinf(g->a) || isinf(g->b) ? REACH_INFINITE : REACH_FINITE;
  sl_int most = (sl_int)(reach / h), step = level == 0 ? 1 : 2;
  sl_int k = level == 0 ? -most : -(most - (most % 2 == 0));
  while (k <= most) {
    sl_int n = 0;
    for (; n < BATCH && k <= most; n++, k += step) {
      w[n] = node(g, (double)k * h, &x[n], &from_a[n], &from_b[n]);
    }
    SL_TRY(g->f(n, x, from_a, from_b, y, g->user, err));
    for (sl_int i = 0; i < n; i++) {
      double term = w[i] * y[i];
      if (isfinite(term)) {
        add(s, term);
      } else if (!edge(g, x[i], from_a[i], from_b[i])) {
        return not_finite("tanh_sinh", x[i], y[i], err);
      }
    }
  }
  return SL_OK;
}

sl_status sl_quad_tanh_sinh_batch(sl_quad_batch *f, void *user, double a,
                                  double b, double rtol, double *value,
                                  double *error, sl_err *err) {
  integrand g = {.f = f, .user = user, .a = a, .b = b};
  SL_TRY(start(&g, "tanh_sinh", err));
  total s = {0};
  double before = 0, now = 0, change = 0;
  if (g.a == g.b) {
    deliver(&g, 0, 0, value, error);
    return SL_OK;
  }
  for (int level = 0; level <= LEVELS; level++) {
    double h = ldexp(1, -level);
    SL_TRY(level_sum(&g, level, h, &s, err));
    SL_TRY(sl_poll(err, "tanh_sinh"));
    before = now;
    now = h * (s.sum + s.low);
    change = fabs(now - before);
    double noise = 4 * DBL_EPSILON * h * s.size;
    bool flat = now == 0 && level < LEVELS / 2; /* a peak may be missed */
    if (level >= LEAST && !flat && change <= fmax(rtol * fabs(now), noise)) {
      deliver(&g, now, fmax(change, noise), value, error);
      return SL_OK;
    }
  }
  deliver(&g, now, change, value, error);
  return sl_fail(err, SL_ECONVERGE,
                 "tanh_sinh: reached %g with an estimated error of %g", now,
                 change);
}

sl_status sl_quad_tanh_sinh(sl_quad_fn *f, void *user, double a, double b,
                            double rtol, double *value, double *error,
                            sl_err *err) {
  single s = {f, user};
  return sl_quad_tanh_sinh_batch(each, &s, a, b, rtol, value, error, err);
}

/* ---- adaptive Gauss-Kronrod ---------------------------------------------- */
/* Abscissae and weights of the 21 point rule, of QUADPACK's qk21; every second
** one belongs to the 10 point Gauss rule. */
static const double kronrod_x[11] = {
    0.995657163025808080735527280689003, 0.973906528517171720077964012084452,
    0.930157491355708226001207180059508, 0.865063366688984510732096688423493,
    0.780817726586416897063717578345042, 0.679409568299024406234327365114874,
    0.562757134668604683339000099272694, 0.433395394129247190799265943165784,
    0.294392862701460198131126603103866, 0.148874338981631210884826001129720,
    0};
static const double kronrod_w[11] = {
    0.011694638867371874278064396062192, 0.032558162307964727478818972459390,
    0.054755896574351996031381300244580, 0.075039674810919952767043140916190,
    0.093125454583697605535065465083366, 0.109387158802297641899210590325805,
    0.123491976262065851077958109585166, 0.134709217311473325928054001771707,
    0.142775938577060080797094273138717, 0.147739104901338491374841515972068,
    0.149445554002916905664936468389821};
static const double gauss_w[5] = {
    0.066671344308688137593568809893332, 0.149451349150580593145863397657697,
    0.219086362515982043995534934228163, 0.269266719309996355091226921569469,
    0.295524224714752870173815619188769};

#define PIECES 2000
#define KRONROD 21

typedef struct piece {
  double a, b, value, error, size;
} piece;

/* Points of the piece in the variable that is integrated over: for an infinite
** range u, with x = end +- (1 - u)/u; weights hold dx/du. */
static void place(const integrand *g, double u, double *x, double *from_a,
                  double *from_b, double *w) {
  if (!isinf(g->a) && !isinf(g->b)) {
    *x = u;
    *from_a = u - g->a;
    *from_b = g->b - u;
    *w = 1;
    return;
  }
  bool both = isinf(g->a) && isinf(g->b), down = isinf(g->a) && !both;
  double side = both && u < 0 ? -1 : 1, v = fabs(u), d = (1 - v) / v;
  *x = both ? side * d : (down ? g->b - d : g->a + d);
  *from_a = isinf(g->a) ? HUGE_VAL : d;
  *from_b = isinf(g->b) ? HUGE_VAL : d;
  *w = 1 / (v * v);
}

static sl_status rule(const integrand *g, piece *p, sl_err *err) {
  double x[KRONROD], from_a[KRONROD], from_b[KRONROD], w[KRONROD], y[KRONROD];
  double mid = 0.5 * (p->a + p->b), half = 0.5 * (p->b - p->a);
  for (int i = 0; i < KRONROD; i++) {
    double z = i < 10 ? -kronrod_x[i] : kronrod_x[20 - i];
    place(g, mid + half * z, &x[i], &from_a[i], &from_b[i], &w[i]);
  }
  SL_TRY(g->f(KRONROD, x, from_a, from_b, y, g->user, err));
  total k = {0}, gauss = {0};
  for (int i = 0; i < KRONROD; i++) {
    int j = i < 10 ? i : 20 - i;
    double v = half * w[i] * y[i];
    v = isinf(w[i]) || (!isfinite(v) && fabs(x[i]) > FAR) ? 0 : v;
    if (!isfinite(v)) {
      return not_finite("adaptive", x[i], y[i], err);
    }
    add(&k, v * kronrod_w[j]);
    if (j % 2 == 1) {
      add(&gauss, v * gauss_w[j / 2]);
    }
  }
  p->value = k.sum + k.low;
  p->size = k.size;
  p->error = fabs(p->value - (gauss.sum + gauss.low));
  return SL_OK;
}

/* QUADPACK's sharper estimate needs the spread of the values; the difference
** raised to 3/2 relative to the size is its essence. */
static double estimate(const piece *p) {
  double noise = 2 * DBL_EPSILON * p->size;
  if (p->size == 0) {
    return 0;
  }
  double ratio = 200 * p->error / p->size;
  return fmax(noise, ratio < 1 ? p->size * ratio * sqrt(ratio) : p->error);
}

static sl_int worst(const piece *p, sl_int n) {
  sl_int at = 0;
  for (sl_int i = 1; i < n; i++) {
    at = p[i].error > p[at].error ? i : at;
  }
  return at;
}

static void sums(const piece *p, sl_int n, double *value, double *error,
                 double *size) {
  total v = {0}, e = {0};
  *size = 0;
  for (sl_int i = 0; i < n; i++) {
    add(&v, p[i].value);
    add(&e, p[i].error);
    *size += p[i].size;
  }
  *value = v.sum + v.low;
  *error = e.sum + e.low;
}

/* Halves the worst piece of n; there is room for one more. */
static sl_status bisect(const integrand *g, piece *p, sl_int n, sl_err *err) {
  piece *first = &p[worst(p, n)], *second = &p[n];
  double mid = 0.5 * (first->a + first->b);
  *second = (piece){.a = mid, .b = first->b};
  first->b = mid;
  SL_TRY(rule(g, first, err));
  SL_TRY(rule(g, second, err));
  first->error = estimate(first);
  second->error = estimate(second);
  return SL_OK;
}

static sl_status refine(const integrand *g, piece *p, double atol, double rtol,
                        double *value, double *error, sl_err *err) {
  bool both = isinf(g->a) && isinf(g->b), infinite = isinf(g->a) || isinf(g->b);
  sl_int n = both ? 2 : 1;
  p[0] = infinite ? (piece){.a = 0, .b = 1} : (piece){.a = g->a, .b = g->b};
  p[1] = (piece){.a = -1, .b = 0};
  for (sl_int i = 0; i < n; i++) {
    SL_TRY(rule(g, &p[i], err));
    p[i].error = estimate(&p[i]);
  }
  for (; n < PIECES; n++) {
    double v, e, size;
    sums(p, n, &v, &e, &size);
    deliver(g, v, e, value, error);
    if (e <= fmax(fmax(atol, rtol * fabs(v)), 8 * DBL_EPSILON * size)) {
      return SL_OK;
    }
    SL_TRY(sl_poll(err, "adaptive"));
    SL_TRY(bisect(g, p, n, err));
  }
  return sl_fail(err, SL_ECONVERGE,
                 "adaptive: %d pieces do not reach the tolerance", PIECES);
}

sl_status sl_quad_adaptive_batch(sl_quad_batch *f, void *user, double a,
                                 double b, double atol, double rtol,
                                 double *value, double *error, sl_err *err) {
  integrand g = {.f = f, .user = user, .a = a, .b = b};
  SL_TRY(start(&g, "adaptive", err));
  if (g.a == g.b) {
    deliver(&g, 0, 0, value, error);
    return SL_OK;
  }
  piece *p = sl_malloc((PIECES + 1) * (sl_int)sizeof *p);
  if (p == NULL) {
    return sl_fail(err, SL_ENOMEM, "adaptive: out of memory");
  }
  sl_status status = refine(&g, p, atol, rtol, value, error, err);
  sl_free(p);
  return status;
}

sl_status sl_quad_adaptive(sl_quad_fn *f, void *user, double a, double b,
                           double atol, double rtol, double *value,
                           double *error, sl_err *err) {
  single s = {f, user};
  return sl_quad_adaptive_batch(each, &s, a, b, atol, rtol, value, error, err);
}

/* ---- Gauss-Legendre ------------------------------------------------------ */

void sl_quad_gauss(double a, double b, double x[SL_QUAD_GAUSS],
                   double w[SL_QUAD_GAUSS]) {
  static const double nodes[8] = {
      0.095012509837637440185, 0.28160355077925891323, 0.45801677765722738634,
      0.61787624440264374845,  0.7554044083550030339,  0.86563120238783174388,
      0.94457502307323257608,  0.9894009349916499326};
  static const double weights[8] = {
      0.18945061045506849629, 0.18260341504492358887,  0.16915651939500253819,
      0.14959598881657673208, 0.12462897125553387205,  0.09515851168249278481,
      0.062253523938647892863, 0.027152459411754094852};
  double mid = 0.5 * (a + b), half = 0.5 * (b - a);
  for (int i = 0; i < 8; i++) {
    x[7 - i] = mid - half * nodes[i];
    x[8 + i] = mid + half * nodes[i];
    w[7 - i] = w[8 + i] = half * weights[i];
  }
}
