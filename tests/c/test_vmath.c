/* test_vmath.c: the elementary functions of the lanes. Their largest error in
** ulps against long double (64 bits of mantissa, itself good to about 1/1000 of
** an ulp of f64) over samples from every regime of the argument, bounds from one
** table; special values of C99 Annex F; that an element's bits depend neither
** on position nor on stride nor on neighbours. MIT licence. */
#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "kern/kern.h"

typedef long double real;

static uint64_t seed = 1;

static uint64_t draw(void) {
  seed = seed * 6364136223846793005u + 1442695040888963407u;
  return seed ^ (seed >> 32);
}

/* Uniform in [lo, hi). */
static double uniform(double lo, double hi) {
  return lo + (hi - lo) * ((double)(draw() >> 11) * 0x1p-53);
}

static real sigmoidl(real x) {
  return x < 0 ? expl(x) / (1 + expl(x)) : 1 / (1 + expl(-x));
}

static real softplusl(real x) {
  return (x > 0 ? x : 0) + log1pl(expl(-fabsl(x)));
}

/* ---- the table: name, bound of the f64 and of the f32 function in ulps, the
** interval of special interest, sampled densely. docs/numerics.md has the same
** bounds. ------------------------------------------------------------------ */
#define TABLE(ROW)                  \
  ROW(exp, 0.9, 0.9, -745, 710)     \
  ROW(expm1, 1.2, 1.2, -2, 2)       \
  ROW(log, 0.7, 0.7, 0, 4)          \
  ROW(log1p, 0.7, 0.7, -1, 2)       \
  ROW(sinh, 1.8, 1.8, -2, 2)        \
  ROW(cosh, 1.0, 1.0, -2, 2)        \
  ROW(tanh, 1.0, 1.0, -3, 3)        \
  ROW(sigmoid, 1.0, 1.0, -745, 40)  \
  ROW(softplus, 1.2, 1.2, -745, 40) \
  ROW(sin, 0.9, 0.6, -100, 100)     \
  ROW(cos, 0.9, 0.6, -100, 100)     \
  ROW(tan, 1.2, 0.6, -100, 100)     \
  ROW(asin, 0.9, 0.6, -1, 1)        \
  ROW(acos, 0.9, 0.6, -1, 1)        \
  ROW(atan, 1.2, 0.6, -4, 4)        \
  ROW(asinh, 0.9, 0.6, -4, 4)       \
  ROW(acosh, 0.9, 0.6, 1, 4)        \
  ROW(atanh, 0.9, 0.6, -1, 1)       \
  ROW(erf, 1.2, 0.6, -6, 6)         \
  ROW(erfc, 1.5, 0.6, -6, 28)

typedef struct row {
  const char *name;
  sl_lane lane;
  real (*exact)(real);
  double bound64, bound32, lo, hi;
} row;

static const row rows[] = {
#define ROW(name, b64, b32, lo, hi) \
  {#name, SL_LANE_##name, name##l, b64, b32, lo, hi},
    TABLE(ROW)
#undef ROW
};
#define NROWS (int)(sizeof rows / sizeof *rows)

static void apply(sl_lane lane, sl_dtype d, sl_int n, void *out, sl_int so,
                  const void *x, sl_int sx) {
  const void *in[] = {x};
  sl_lane_get(lane, d)(n, out, so, in, &sx);
}

/* ---- errors in ulps ------------------------------------------------------ */

/* |got - want| in units of the last place that a correctly rounded result of
** this size has; beyond the largest number the next binade counts. */
static double ulps(real want, double got, int digits, int min_exp, double max) {
  if (isnan(want)) {
    return isnan(got) ? 0 : HUGE_VAL;
  }
  if (isinf(got) || isinf(want)) {
    bool same = isinf(got) && (got > 0) == (want > 0);
    return same && fabsl(want) > max ? 0 : HUGE_VAL;
  }
  int e;
  frexpl(want, &e);
  int last = (want == 0 || e < min_exp ? min_exp : e) - digits;
  return (double)(fabsl((real)got - want) / ldexpl(1, last));
}

/* The regimes in turn: the row's interval, around 1, every binade, any bits. */
static double sample(const row *r, int mode) {
  double x = 0;
  uint64_t u = draw();
  switch (mode) {
    case 0: return uniform(r->lo, r->hi);
    case 1: return uniform(-2, 2);
    case 2: return ldexp(uniform(-1, 1), (int)uniform(-60, 12));
    default: memcpy(&x, &u, sizeof x); return x;
  }
}

#define N 1000
#define ROUNDS 200

static void errors_f64(const row *r) {
  static double x[N], y[N];
  double worst = 0, at = 0;
  for (int round = 0; round < ROUNDS; round++) {
    for (int i = 0; i < N; i++) {
      x[i] = sample(r, round % 4);
    }
    apply(r->lane, SL_F64, N, y, 1, x, 1);
    for (int i = 0; i < N; i++) {
      double e = ulps(r->exact((real)x[i]), y[i], 53, -1021, DBL_MAX);
      at = e > worst ? x[i] : at;
      worst = e > worst ? e : worst;
    }
  }
  cr_log_info("%s f64: %.3f ulp at %a", r->name, worst, at);
  cr_expect(worst <= r->bound64, "%s f64: %g ulp at %a", r->name, worst, at);
}

static float sample_f32(const row *r, int mode) {
  float x;
  uint32_t u = (uint32_t)draw();
  if (mode < 3) {
    double lo = r->lo < -105 ? -105 : r->lo, hi = r->hi > 90 ? 90 : r->hi;
    row small = *r;
    small.lo = lo, small.hi = hi;
    return (float)sample(&small, mode);
  }
  memcpy(&x, &u, sizeof x);
  return x;
}

static void errors_f32(const row *r) {
  static float x[N], y[N];
  double worst = 0, at = 0;
  for (int round = 0; round < ROUNDS; round++) {
    for (int i = 0; i < N; i++) {
      x[i] = sample_f32(r, round % 4);
    }
    apply(r->lane, SL_F32, N, y, 1, x, 1);
    for (int i = 0; i < N; i++) {
      double e = ulps(r->exact((real)x[i]), (double)y[i], 24, -125,
                      (double)FLT_MAX);
      at = e > worst ? (double)x[i] : at;
      worst = e > worst ? e : worst;
    }
  }
  cr_log_info("%s f32: %.3f ulp at %a", r->name, worst, at);
  cr_expect(worst <= r->bound32, "%s f32: %g ulp at %a", r->name, worst, at);
}

Test(vmath, errors_of_f64) {
  for (int i = 0; i < NROWS; i++) {
    errors_f64(&rows[i]);
  }
}

Test(vmath, errors_of_f32) {
  for (int i = 0; i < NROWS; i++) {
    errors_f32(&rows[i]);
  }
}

/* ---- special values ------------------------------------------------------ */

/* NaN equals NaN, 0 is not -0. */
static bool same(double a, double b) {
  return (isnan(a) && isnan(b)) || (a == b && signbit(a) == signbit(b));
}

#define INF HUGE_VAL
#define NOT __builtin_nan("")
#define LEAST 0x1p-1074

static const struct {
  sl_lane lane;
  double x, want;
} special[] = {
#define S(name, x, want) {SL_LANE_##name, x, want}
    S(exp, INF, INF), S(exp, -INF, 0), S(exp, 0, 1), S(exp, -0.0, 1),
    S(exp, 710, INF), S(exp, -746, 0), S(exp, -745, LEAST), S(exp, LEAST, 1),
    S(expm1, INF, INF), S(expm1, -INF, -1), S(expm1, 0, 0),
    S(expm1, -0.0, -0.0), S(expm1, LEAST, LEAST), S(expm1, 710, INF),
    S(expm1, -800, -1), S(log, INF, INF), S(log, -INF, NOT), S(log, 0, -INF),
    S(log, -0.0, -INF), S(log, -LEAST, NOT), S(log, 1, 0),
    S(log1p, INF, INF), S(log1p, -INF, NOT), S(log1p, -1, -INF),
    S(log1p, -1 - 0x1p-52, NOT), S(log1p, 0, 0), S(log1p, -0.0, -0.0),
    S(log1p, -LEAST, -LEAST), S(tanh, INF, 1), S(tanh, -INF, -1),
    S(tanh, 0, 0), S(tanh, -0.0, -0.0), S(tanh, LEAST, LEAST),
    S(tanh, 0x1p-1022, 0x1p-1022), S(sinh, INF, INF), S(sinh, -INF, -INF),
    S(sinh, -0.0, -0.0), S(sinh, LEAST, LEAST), S(sinh, 711, INF),
    S(cosh, INF, INF), S(cosh, -INF, INF), S(cosh, -0.0, 1),
    S(cosh, -711, INF), S(sigmoid, INF, 1), S(sigmoid, -INF, 0),
    S(sigmoid, 0, 0.5), S(sigmoid, -745, LEAST), S(softplus, INF, INF),
    S(softplus, -INF, 0), S(softplus, -745, LEAST), S(softplus, 1e300, 1e300),
    S(sin, INF, NOT), S(sin, -INF, NOT), S(sin, 0, 0), S(sin, -0.0, -0.0),
    S(sin, -LEAST, -LEAST), S(cos, INF, NOT), S(cos, -0.0, 1),
    S(cos, LEAST, 1), S(tan, INF, NOT), S(tan, -0.0, -0.0),
    S(tan, LEAST, LEAST), S(asin, 1, 0x1.921fb54442d18p0),
    S(asin, 1.1, NOT), S(asin, -INF, NOT), S(asin, -0.0, -0.0),
    S(asin, LEAST, LEAST), S(acos, 1, 0), S(acos, -1, 0x1.921fb54442d18p1),
    S(acos, -1.1, NOT), S(acos, INF, NOT), S(atan, INF, 0x1.921fb54442d18p0),
    S(atan, -INF, -0x1.921fb54442d18p0), S(atan, -0.0, -0.0),
    S(atan, LEAST, LEAST), S(asinh, INF, INF), S(asinh, -INF, -INF),
    S(asinh, -0.0, -0.0), S(asinh, LEAST, LEAST), S(acosh, 1, 0),
    S(acosh, INF, INF), S(acosh, 0.9, NOT), S(acosh, -INF, NOT),
    S(atanh, 1, INF), S(atanh, -1, -INF), S(atanh, 1.1, NOT),
    S(atanh, -0.0, -0.0), S(atanh, LEAST, LEAST), S(erf, INF, 1),
    S(erf, -INF, -1), S(erf, -0.0, -0.0), S(erfc, INF, 0), S(erfc, -INF, 2),
    S(erfc, 0, 1), S(erfc, 27, 0x0.0000000019e0fp-1022),
};

Test(vmath, special_values_follow_annex_f) {
  for (size_t i = 0; i < sizeof special / sizeof *special; i++) {
    double x[9], y[9];
    for (int k = 0; k < 9; k++) {
      x[k] = special[i].x;
    }
    apply(special[i].lane, SL_F64, 9, y, 1, x, 1);
    for (int k = 0; k < 9; k++) {
      cr_expect(same(y[k], special[i].want), "%s(%a) = %a, not %a",
                sl_lane_name(special[i].lane), x[k], y[k], special[i].want);
    }
  }
}

Test(vmath, nan_gives_nan) {
  for (int i = 0; i < NROWS; i++) {
    double x[5] = {NOT, NOT, NOT, NOT, NOT}, y[5];
    float xf[9], yf[9];
    for (int k = 0; k < 9; k++) {
      xf[k] = __builtin_nanf("");
    }
    apply(rows[i].lane, SL_F64, 5, y, 1, x, 1);
    apply(rows[i].lane, SL_F32, 9, yf, 1, xf, 1);
    for (int k = 0; k < 5; k++) {
      cr_expect(isnan(y[k]) && isnan(yf[k]), "%s(NaN)", rows[i].name);
    }
  }
}

/* The double nearest to a multiple of pi/2 of all (Kahan, "Minimizing
** q*m - n", 1983), and arguments on both sides of the slow path. sinl reduces
** exactly. */
Test(vmath, large_angles) {
  double x[] = {0x1.6ac5b262ca1ffp849, 0x1.921fb54442d18p39, 0x1p40,
                0x1.fffffffffffffp39, 1e22, DBL_MAX, 1e5, 0x1p62};
  int count = (int)(sizeof x / sizeof *x);
  for (int i = 0; i < NROWS; i++) {
    if (rows[i].lane == SL_LANE_sin || rows[i].lane == SL_LANE_cos ||
        rows[i].lane == SL_LANE_tan) {
      double y[8];
      apply(rows[i].lane, SL_F64, count, y, 1, x, 1);
      for (int k = 0; k < count; k++) {
        double e = ulps(rows[i].exact(x[k]), y[k], 53, -1021, DBL_MAX);
        cr_expect(e <= rows[i].bound64, "%s(%a): %g ulp", rows[i].name, x[k],
                  e);
      }
    }
  }
}

/* ---- two operands -------------------------------------------------------- */

static double call2(sl_lane lane, sl_dtype d, double x, double y) {
  float xf = (float)x, yf = (float)y, outf;
  double out;
  const void *in[] = {&x, &y}, *inf32[] = {&xf, &yf};
  sl_int s[] = {1, 1};
  if (d == SL_F32) {
    sl_lane_get(lane, d)(1, &outf, 1, inf32, s);
    return (double)outf;
  }
  sl_lane_get(lane, d)(1, &out, 1, in, s);
  return out;
}

static double sample_as(sl_dtype d, const row *r, int mode) {
  return d == SL_F64 ? sample(r, mode) : (double)sample_f32(r, mode);
}

static void pairs(sl_lane lane, sl_dtype d, real (*exact)(real, real),
                  double bound) {
  double worst = 0, at[2] = {0, 0};
  bool f64 = d == SL_F64;
  for (int i = 0; i < 200000; i++) {
    row plain = {.lo = -3, .hi = 3};
    double x = sample_as(d, &plain, i % 4);
    double y = i % 3 ? sample_as(d, &plain, i / 4 % 4) : x;
    double e = ulps(exact((real)x, (real)y), call2(lane, d, x, y),
                    f64 ? 53 : 24, f64 ? -1021 : -125,
                    f64 ? DBL_MAX : (double)FLT_MAX);
    if (e > worst) {
      worst = e, at[0] = x, at[1] = y;
    }
  }
  cr_log_info("%s %s: %.3f ulp", sl_lane_name(lane), sl_dtype_name(d), worst);
  cr_expect(worst <= bound, "%s(%a, %a) %s: %g ulp", sl_lane_name(lane), at[0],
            at[1], sl_dtype_name(d), worst);
}

Test(vmath, errors_of_two_operands) {
  pairs(SL_LANE_atan2, SL_F64, atan2l, 1.0);
  pairs(SL_LANE_atan2, SL_F32, atan2l, 0.6);
  pairs(SL_LANE_hypot, SL_F64, hypotl, 1.0);
  pairs(SL_LANE_hypot, SL_F32, hypotl, 0.6);
  pairs(SL_LANE_pow, SL_F64, powl, 1.2);
  pairs(SL_LANE_pow, SL_F32, powl, 0.6);
}

/* Rows, strides and scalar operands against one element at a time. */
Test(vmath, layouts_of_two_operands) {
  const sl_lane lane[] = {SL_LANE_atan2, SL_LANE_hypot, SL_LANE_pow};
  double x[300], y[300], out[600];
  for (int k = 0; k < 300; k++) {
    x[k] = uniform(0, 4), y[k] = uniform(-4, 4);
  }
  for (int i = 0; i < 3; i++) {
    sl_lane_fn *fn = sl_lane_get(lane[i], SL_F64);
    for (sl_int n = 1; n <= 150; n++) {
      for (sl_int mode = 0; mode < 8; mode++) {
        const void *in[] = {x, y};
        sl_int s[] = {mode % 3, mode / 3}, so = 1 + mode % 2;
        fn(n, out, so, in, s);
        for (sl_int k = 0; k < n; k++) {
          double want = call2(lane[i], SL_F64, x[k * s[0]], y[k * s[1]]);
          cr_assert(out[k * so] == want, "%s, mode %d", sl_lane_name(lane[i]),
                    (int)mode);
        }
      }
    }
  }
}

/* Powers whose result fills the whole range: y log x even in [-745, 710], where
** an error of the logarithm grows by |y log x|. */
Test(vmath, powers_of_every_size) {
  double worst = 0, at[2] = {0, 0};
  for (int i = 0; i < 400000; i++) {
    double x = i % 2 ? uniform(0.6, 1.6) : ldexp(uniform(1, 2), i % 300 - 150);
    double y = uniform(-745, 710) / log(x), out;
    const void *in[] = {&x, &y};
    sl_int s[] = {1, 1};
    sl_lane_get(SL_LANE_pow, SL_F64)(1, &out, 1, in, s);
    double e = ulps(powl((real)x, (real)y), out, 53, -1021, DBL_MAX);
    if (e > worst) {
      worst = e, at[0] = x, at[1] = y;
    }
  }
  cr_log_info("pow, large: %.3f ulp", worst);
  cr_expect(worst <= 1.2, "pow(%a, %a): %g ulp", at[0], at[1], worst);
}

/* Every pair of special operands as the C library has it, sign of zero too. */
Test(vmath, special_pairs) {
  const double v[] = {0, -0.0, 1, -1, 2, -3, 0.5, INF, -INF, NOT, LEAST,
                      -LEAST, DBL_MAX, -DBL_MAX};
  for (int i = 0; i < 14 * 14; i++) {
    double x[9], y[9], out[9];
    for (int k = 0; k < 9; k++) {
      x[k] = v[i % 14], y[k] = v[i / 14];
    }
    const void *in[] = {x, y};
    sl_int s[] = {1, 1};
    sl_lane_get(SL_LANE_atan2, SL_F64)(9, out, 1, in, s);
    double e = ulps(atan2l(x[0], y[0]), out[0], 53, -1021, DBL_MAX);
    cr_expect(e <= 0.7 && (isnan(out[8]) || signbit(out[8]) ==
              signbit(atan2(x[0], y[0]))), "atan2(%g, %g) = %g", x[0], y[0],
              out[8]);
    sl_lane_get(SL_LANE_hypot, SL_F64)(9, out, 1, in, s);
    e = ulps(hypotl(x[0], y[0]), out[8], 53, -1021, DBL_MAX);
    cr_expect(e <= 1.0, "hypot(%g, %g) = %g", x[0], y[0], out[8]);
    sl_lane_get(SL_LANE_pow, SL_F64)(9, out, 1, in, s);
    e = ulps(powl(x[0], y[0]), out[8], 53, -1021, DBL_MAX);
    cr_expect(e <= 1.0 && (isnan(out[8]) || signbit(out[8]) ==
              signbit(pow(x[0], y[0]))), "pow(%g, %g) = %g", x[0], y[0],
              out[8]);
  }
}

/* ---- the same bits everywhere -------------------------------------------- */

/* Offsets 0..4, lengths 1..40 and strides against one element at a time; each
** third row holds arguments of the slow path. */
static void layouts(sl_lane lane, sl_dtype d, const char *x, sl_int size) {
  char one[128][8], out[128 * 8], wide[256 * 8];
  const sl_int n = 40;
  for (sl_int k = 0; k < n + 5; k++) {
    apply(lane, d, 1, one[k], 1, x + k * size, 1);
  }
  for (sl_int len = 1; len <= n; len++) {
    for (sl_int off = 0; off < 5; off++) {
      apply(lane, d, len, out, 1, x + off * size, 1);
      apply(lane, d, len, wide, 2, x + off * size, 1);
      for (sl_int k = 0; k < len; k++) {
        cr_assert_arr_eq(out + k * size, one[k + off], (size_t)size);
        cr_assert_arr_eq(wide + 2 * k * size, one[k + off], (size_t)size);
      }
    }
  }
}

Test(vmath, position_and_layout_leave_the_bits) {
  for (int i = 0; i < NROWS; i++) {
    for (int round = 0; round < 30; round++) {
      double x[45];
      float xf[45];
      for (int k = 0; k < 45; k++) {
        do {
          x[k] = sample(&rows[i], round % 3 + (k % 7 == 6));
        } while (isnan((double)rows[i].exact(x[k]))); /* NaN: any payload */
        do {
          xf[k] = sample_f32(&rows[i], round % 3 + (k % 7 == 6));
        } while (isnan((double)rows[i].exact((real)xf[k])));
      }
      layouts(rows[i].lane, SL_F64, (const char *)x, 8);
      layouts(rows[i].lane, SL_F32, (const char *)xf, 4);
    }
  }
}
