/* test_kern.c: the loops of kern. Every lane against a long double reference of
** its own, in every layout; integer rules; conversions; leaves of sums; matrix
** products of all layouts against a triple loop. MIT licence. */
#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "kern/kern.h"

typedef long double real;

static const double inf = HUGE_VAL;
#define not_a_number __builtin_nan("") /* NAN is a float */

static uint64_t seed = 1;

/* Uniform in [lo, hi), Knuth's linear congruential generator. */
static double uniform(double lo, double hi) {
  seed = seed * 6364136223846793005u + 1442695040888963407u;
  return lo + (hi - lo) * ((double)(seed >> 11) * 0x1p-53);
}

/* ---- references: one row per lane ---------------------------------------- */

static real r_neg(real x, real y) { (void)y; return 0.0L - x; }
static real r_sign(real x, real y) {
  (void)y;
  return x > 0 ? 1.0L : (x < 0 ? -1.0L : 0.0L);
}
static real r_sigmoid(real x, real y) { (void)y; return 1 / (1 + expl(-x)); }
static real r_softplus(real x, real y) {
  (void)y;
  return x > 0 ? x + log1pl(expl(-x)) : log1pl(expl(x));
}
static real r_add(real x, real y) { return x + y; }
static real r_sub(real x, real y) { return x - y; }
static real r_mul(real x, real y) { return x * y; }
static real r_div(real x, real y) { return x / y; }
static real r_max(real x, real y) { return x > y ? x : y; }
static real r_min(real x, real y) { return x < y ? x : y; }
static real r_mod(real x, real y) { return x - floorl(x / y) * y; }
static real r_fdiv(real x, real y) { return floorl(x / y); }
static real r_lt(real x, real y) { return x < y; }
static real r_le(real x, real y) { return x <= y; }
static real r_gt(real x, real y) { return x > y; }
static real r_ge(real x, real y) { return x >= y; }
static real r_eq(real x, real y) { return x == y; }
static real r_ne(real x, real y) { return x != y; }
static real r_and(real x, real y) { return x != 0 && y != 0; }
static real r_or(real x, real y) { return x != 0 || y != 0; }
static real r_xor(real x, real y) { return (x != 0) != (y != 0); }
static real r_not(real x, real y) { (void)y; return x == 0; }
static real r_zero(real x, real y) { (void)x; (void)y; return 0; }
static real r_one(real x, real y) { (void)x; (void)y; return 1; }
#define ONE(f) \
  static real r_##f(real x, real y) { (void)y; return f##l(x); }
ONE(fabs) ONE(exp) ONE(expm1) ONE(log) ONE(log1p) ONE(sqrt) ONE(cos) ONE(sin)
ONE(tan) ONE(asin) ONE(acos) ONE(atan) ONE(sinh) ONE(cosh) ONE(tanh)
ONE(asinh) ONE(acosh) ONE(atanh) ONE(erf) ONE(erfc) ONE(floor) ONE(ceil)
ONE(rint)
static real r_pow(real x, real y) { return powl(x, y); }
static real r_atan2(real x, real y) { return atan2l(x, y); }
static real r_hypot(real x, real y) { return hypotl(x, y); }

typedef struct reference {
  sl_lane lane;
  real (*f)(real x, real y);
  double lo, hi; /* of x and y, for floats */
} reference;

static const reference references[] = {
    {SL_LANE_neg, r_neg, -9, 9},        {SL_LANE_abs, r_fabs, -9, 9},
    {SL_LANE_sign, r_sign, -9, 9},      {SL_LANE_exp, r_exp, -80, 80},
    {SL_LANE_expm1, r_expm1, -2, 2},    {SL_LANE_log, r_log, 0.01, 90},
    {SL_LANE_log1p, r_log1p, -0.9, 3},  {SL_LANE_sqrt, r_sqrt, 0, 9},
    {SL_LANE_cos, r_cos, -9, 9},        {SL_LANE_sin, r_sin, -9, 9},
    {SL_LANE_tan, r_tan, -1.4, 1.4},    {SL_LANE_asin, r_asin, -1, 1},
    {SL_LANE_acos, r_acos, -1, 1},      {SL_LANE_atan, r_atan, -9, 9},
    {SL_LANE_sinh, r_sinh, -9, 9},      {SL_LANE_cosh, r_cosh, -9, 9},
    {SL_LANE_tanh, r_tanh, -9, 9},      {SL_LANE_asinh, r_asinh, -9, 9},
    {SL_LANE_acosh, r_acosh, 1.1, 9},   {SL_LANE_atanh, r_atanh, -0.9, 0.9},
    {SL_LANE_sigmoid, r_sigmoid, -80, 80},
    {SL_LANE_softplus, r_softplus, -80, 80},
    {SL_LANE_erf, r_erf, -3, 3},        {SL_LANE_erfc, r_erfc, -3, 5},
    {SL_LANE_floor, r_floor, -9, 9},    {SL_LANE_ceil, r_ceil, -9, 9},
    {SL_LANE_round, r_rint, -9, 9},     {SL_LANE_add, r_add, -9, 9},
    {SL_LANE_sub, r_sub, -9, 9},        {SL_LANE_mul, r_mul, -9, 9},
    {SL_LANE_div, r_div, 1, 9},         {SL_LANE_pow, r_pow, 0.1, 9},
    {SL_LANE_maximum, r_max, -9, 9},    {SL_LANE_minimum, r_min, -9, 9},
    {SL_LANE_atan2, r_atan2, -9, 9},    {SL_LANE_mod, r_mod, -9, 9},
    {SL_LANE_floordiv, r_fdiv, -9, 9},  {SL_LANE_hypot, r_hypot, -9, 9},
    {SL_LANE_mulz, r_mul, -9, 9},       {SL_LANE_lt, r_lt, -9, 9},
    {SL_LANE_le, r_le, -9, 9},          {SL_LANE_gt, r_gt, -9, 9},
    {SL_LANE_ge, r_ge, -9, 9},          {SL_LANE_eq, r_eq, -9, 9},
    {SL_LANE_ne, r_ne, -9, 9},          {SL_LANE_land, r_and, 0, 3},
    {SL_LANE_lor, r_or, 0, 3},          {SL_LANE_lxor, r_xor, 0, 3},
    {SL_LANE_lnot, r_not, 0, 3},        {SL_LANE_isnan, r_zero, -9, 9},
    {SL_LANE_isinf, r_zero, -9, 9},     {SL_LANE_isfinite, r_one, -9, 9},
};
enum { NREF = sizeof references / sizeof *references };

static double load(sl_dtype d, const void *p, sl_int i) {
  switch (d) {
    case SL_U8: return ((const uint8_t *)p)[i];
    case SL_I64: return (double)((const sl_int *)p)[i];
    case SL_F32: return (double)((const float *)p)[i];
    default: return ((const double *)p)[i];
  }
}

static void store(sl_dtype d, void *p, sl_int i, double v) {
  switch (d) {
    case SL_U8: ((uint8_t *)p)[i] = (uint8_t)v; break;
    case SL_I64: ((sl_int *)p)[i] = (sl_int)v; break;
    case SL_F32: ((float *)p)[i] = (float)v; break;
    default: ((double *)p)[i] = v; break;
  }
}

/* Integers meet 0 and each other; 0 is kept from the second operand, where the
** reference divides. */
static void fill_random(const reference *r, sl_dtype d, void *p, bool second) {
  for (int i = 0; i < 64; i++) {
    double v = uniform(r->lo, r->hi);
    if (!sl_dtype_isfloat(d)) {
      v = floor(uniform(d == SL_U8 ? 0 : -4, 5));
      v = second && d == SL_I64 && v == 0 ? 3 : v;
    }
    store(d, p, i, v);
  }
}

static void check_layout(const reference *r, sl_dtype d, sl_int so, sl_int sx,
                         sl_int sy) {
  double x[64], y[64], out[64]; /* any dtype fits */
  fill_random(r, d, x, false);
  fill_random(r, d, y, true);
  const char *name = sl_lane_name(r->lane);
  sl_dtype dout = sl_lane_result(r->lane, d);
  enum { N = 19 };
  sl_int ox = sx < 0 ? 60 : 0, oy = sy < 0 ? 60 : 0, oo = so < 0 ? 60 : 0;
  sl_int size = sl_dtype_size(d), outsize = sl_dtype_size(dout);
  const void *in[2] = {(char *)x + ox * size, (char *)y + oy * size};
  sl_int si[2] = {sx, sy};
  memset(out, 0x55, sizeof out);
  sl_lane_get(r->lane, d)(N, (char *)out + oo * outsize, so, in, si);
  /* libm and one or two roundings of our own; mod cancels down from x */
  double eps = dout == SL_F32 ? (double)FLT_EPSILON : DBL_EPSILON;
  for (int k = 0; k < N; k++) {
    double a = load(d, x, ox + k * sx), b = load(d, y, oy + k * sy);
    double want = (double)r->f((real)a, (real)b);
    double got = load(dout, out, oo + k * so);
    double scale = r->lane == SL_LANE_mod ? 9 : fabs(want);
    cr_assert(fabs(got - want) <= 4 * eps * scale,
              "%s %s at %d (strides %d %d %d): f(%.17g, %.17g) = %.17g, "
              "expected %.17g",
              name, sl_dtype_name(d), k, (int)so, (int)sx, (int)sy, a, b, got,
              want);
  }
}

Test(kern, every_lane_has_a_reference) {
  for (int lane = 0; lane < SL_NLANE; lane++) {
    bool found = lane == SL_LANE_where; /* its own test */
    for (int i = 0; i < NREF; i++) {
      found |= references[i].lane == (sl_lane)lane;
    }
    cr_assert(found, "no reference for lane %s", sl_lane_name((sl_lane)lane));
  }
}

Test(kern, lanes_in_every_layout) {
  static const sl_int layouts[][3] = {{1, 1, 1},  {1, 1, 0}, {1, 0, 1},
                                      {1, 0, 0},  {2, 1, 1}, {1, 3, 2},
                                      {1, -1, 1}, {-2, 2, -3}};
  for (int i = 0; i < NREF; i++) {
    for (int d = 0; d < SL_NDTYPE; d++) {
      if (sl_lane_get(references[i].lane, (sl_dtype)d) == NULL) {
        continue;
      }
      for (size_t l = 0; l < sizeof layouts / sizeof *layouts; l++) {
        check_layout(&references[i], (sl_dtype)d, layouts[l][0], layouts[l][1],
                     layouts[l][2]);
      }
    }
  }
}

Test(kern, lanes_in_place) {
  for (sl_int n = 0; n < 40; n++) {
    double x[40], y[40];
    for (int i = 0; i < 40; i++) {
      x[i] = i;
      y[i] = 100 * i;
    }
    const void *in[2] = {x, y};
    sl_lane_get(SL_LANE_add, SL_F64)(n, x, 1, in, (sl_int[]){1, 1});
    for (int i = 0; i < 40; i++) {
      cr_assert_eq(x[i], i < n ? 101.0 * i : i);
    }
  }
}

Test(kern, where_takes_any_nonzero_as_true) {
  uint8_t mask[] = {0, 1, 255, 0, 7};
  sl_int a[] = {1, 2, 3, 4, 5}, b[] = {-1}, out[5];
  const void *in[] = {mask, a, b};
  sl_lane_get(SL_LANE_where, SL_I64)(5, out, 1, in, (sl_int[]){1, 1, 0});
  static const sl_int want[] = {-1, 2, 3, -1, 5};
  cr_assert_arr_eq(out, want, sizeof want);
}

static double f64_1(sl_lane lane, double x) {
  double out;
  const void *in[] = {&x};
  sl_lane_get(lane, SL_F64)(1, &out, 1, in, (sl_int[]){1});
  return out;
}

static double f64_2(sl_lane lane, double x, double y) {
  double out;
  const void *in[] = {&x, &y};
  sl_lane_get(lane, SL_F64)(1, &out, 1, in, (sl_int[]){1, 1});
  return out;
}

static sl_int i64_2(sl_lane lane, sl_int x, sl_int y) {
  sl_int out;
  const void *in[] = {&x, &y};
  sl_lane_get(lane, SL_I64)(1, &out, 1, in, (sl_int[]){1, 1});
  return out;
}

Test(kern, nan_and_infinity) {
  cr_assert(isnan(f64_2(SL_LANE_maximum, not_a_number, 1)));
  cr_assert(isnan(f64_2(SL_LANE_maximum, 1, not_a_number)));
  cr_assert(isnan(f64_2(SL_LANE_minimum, not_a_number, 1)));
  cr_assert(isnan(f64_2(SL_LANE_minimum, 1, not_a_number)));
  cr_assert(isnan(f64_1(SL_LANE_sign, not_a_number)));
  cr_assert_eq(f64_1(SL_LANE_sign, 0), 0);
  cr_assert_eq(f64_1(SL_LANE_sign, -inf), -1);
  cr_assert_eq(f64_2(SL_LANE_mulz, 0, inf), 0);
  cr_assert_eq(f64_2(SL_LANE_mulz, 0, not_a_number), 0);
  cr_assert(isnan(f64_2(SL_LANE_mulz, not_a_number, 0)));
  cr_assert_eq(f64_1(SL_LANE_sigmoid, inf), 1);
  cr_assert_eq(f64_1(SL_LANE_sigmoid, -inf), 0);
  cr_assert_eq(f64_1(SL_LANE_softplus, inf), inf);
  cr_assert_eq(f64_1(SL_LANE_softplus, -inf), 0);
  cr_assert(isnan(f64_1(SL_LANE_sigmoid, not_a_number)));
  cr_assert(isnan(f64_1(SL_LANE_softplus, not_a_number)));
  cr_assert_eq(f64_1(SL_LANE_round, 2.5), 2);
  cr_assert_eq(f64_1(SL_LANE_round, 3.5), 4);
}

/* Far tails, where a careless form gives 0, 1 or Inf: exp(-700) and 1e6. */
Test(kern, tails_of_sigmoid_and_softplus) {
  double tiny = exp(-700);
  cr_assert_float_eq(f64_1(SL_LANE_sigmoid, -700) / tiny, 1, 1e-15);
  cr_assert_float_eq(f64_1(SL_LANE_softplus, -700) / tiny, 1, 1e-15);
  cr_assert_eq(f64_1(SL_LANE_softplus, 1e6), 1e6);
  cr_assert_eq(f64_1(SL_LANE_sigmoid, 1e6), 1);
}

Test(kern, tests_of_floats) {
  double x[] = {0, not_a_number, inf, -inf, 1e308};
  static const uint8_t nan_[] = {0, 1, 0, 0, 0}, inf_[] = {0, 0, 1, 1, 0},
                       fin[] = {1, 0, 0, 0, 1};
  uint8_t out[5];
  const void *in[] = {x};
  sl_lane_get(SL_LANE_isnan, SL_F64)(5, out, 1, in, (sl_int[]){1});
  cr_assert_arr_eq(out, nan_, 5);
  sl_lane_get(SL_LANE_isinf, SL_F64)(5, out, 1, in, (sl_int[]){1});
  cr_assert_arr_eq(out, inf_, 5);
  sl_lane_get(SL_LANE_isfinite, SL_F64)(5, out, 1, in, (sl_int[]){1});
  cr_assert_arr_eq(out, fin, 5);
}

/* Lua 5.4: 7 % -3 = -2, -7 % 3 = 2, -7 // 2 = -4; infinite divisors too. */
Test(kern, floor_division_has_lua_signs) {
  cr_assert_eq(i64_2(SL_LANE_mod, 7, -3), -2);
  cr_assert_eq(i64_2(SL_LANE_mod, -7, 3), 2);
  cr_assert_eq(i64_2(SL_LANE_floordiv, -7, 2), -4);
  cr_assert_eq(i64_2(SL_LANE_floordiv, 7, -2), -4);
  cr_assert_eq(i64_2(SL_LANE_floordiv, -6, 2), -3);
  cr_assert_eq(i64_2(SL_LANE_mod, 5, 0), 0);
  cr_assert_eq(i64_2(SL_LANE_floordiv, 5, 0), 0);
  cr_assert_eq(i64_2(SL_LANE_mod, INT64_MIN, -1), 0);
  cr_assert_eq(i64_2(SL_LANE_floordiv, INT64_MIN, -1), INT64_MIN);
  cr_assert_eq(f64_2(SL_LANE_mod, 5.5, -2), -0.5);
  cr_assert_eq(f64_2(SL_LANE_mod, -5.5, 2), 0.5);
  cr_assert_eq(f64_2(SL_LANE_mod, -1, inf), inf);
  cr_assert_eq(f64_2(SL_LANE_mod, 1, inf), 1);
  cr_assert(isnan(f64_2(SL_LANE_mod, 1, 0)));
  cr_assert_eq(f64_2(SL_LANE_floordiv, -7, 2), -4);
}

Test(kern, integers_wrap) {
  cr_assert_eq(i64_2(SL_LANE_add, INT64_MAX, 1), INT64_MIN);
  cr_assert_eq(i64_2(SL_LANE_sub, INT64_MIN, 1), INT64_MAX);
  cr_assert_eq(i64_2(SL_LANE_mul, INT64_MAX, 2), -2);
  sl_int x = INT64_MIN, out;
  const void *in[] = {&x};
  sl_lane_get(SL_LANE_abs, SL_I64)(1, &out, 1, in, (sl_int[]){1});
  cr_assert_eq(out, INT64_MIN);
}

Test(kern, promotion) {
  cr_assert_eq(sl_dtype_promote(SL_I64, SL_F32), SL_F64);
  cr_assert_eq(sl_dtype_promote(SL_F32, SL_I64), SL_F64);
  cr_assert_eq(sl_dtype_promote(SL_U8, SL_F32), SL_F32);
  cr_assert_eq(sl_dtype_promote(SL_U8, SL_I64), SL_I64);
  cr_assert_eq(sl_dtype_promote(SL_F64, SL_U8), SL_F64);
  sl_dtype d;
  cr_assert(sl_dtype_parse("f32", &d) && d == SL_F32);
  cr_assert_not(sl_dtype_parse("f16", &d));
}

/* ---- integer powers ------------------------------------------------------ */

Test(kern, powi_against_powl) {
  static const sl_int powers[] = {0, 1, 2, 3, -1, -2, 7, -9, 31, 33, -40, 100};
  for (size_t i = 0; i < sizeof powers / sizeof *powers; i++) {
    sl_int p = powers[i];
    for (int k = 0; k < 300; k++) {
      double x = uniform(-3, 3), out;
      sl_kern_powi(SL_F64, 1, &out, 1, &x, 1, p);
      double want = (double)powl((real)x, (real)p);
      double bound = DBL_EPSILON * (double)(llabs(p) + 2);
      cr_assert(fabs(out - want) <= bound * fabs(want), "%.17g ^ %d", x,
                (int)p);
    }
  }
}

Test(kern, powi_at_the_edges) {
  double x[] = {1e160, 0, -2, -1}, out[4];
  sl_kern_powi(SL_F64, 4, out, 1, x, 1, -2);
  cr_assert_float_eq(out[0] / 1e-320, 1, 1e-3); /* subnormal: few digits */
  cr_assert_eq(out[1], inf);
  cr_assert_eq(out[2], 0.25);
  sl_kern_powi(SL_F64, 4, out, 1, x, 1, INT64_MAX); /* odd */
  cr_assert_eq(out[3], -1);
  cr_assert_eq(out[2], -inf);
  sl_kern_powi(SL_F64, 4, out, 1, x, 1, INT64_MIN);
  cr_assert_eq(out[3], 1);
  cr_assert_eq(out[2], 0);
  sl_int i[] = {3, -2, 0}, io[3];
  sl_kern_powi(SL_I64, 3, io, 1, i, 1, 3);
  cr_assert(io[0] == 27 && io[1] == -8 && io[2] == 0);
  sl_kern_powi(SL_I64, 3, io, 1, i, 1, 0);
  cr_assert(io[0] == 1 && io[1] == 1 && io[2] == 1);
  float f[] = {3.0f}, fo[1];
  sl_kern_powi(SL_F32, 1, fo, 1, f, 1, 5);
  cr_assert_eq(fo[0], 243.0f);
}

/* ---- conversion ---------------------------------------------------------- */

Test(kern, what_fits_into_integers) {
  static const struct {
    double v;
    bool u8, i64;
  } rows[] = {{0, true, true},       {-0.9, true, true},
              {255.9, true, true},   {256, false, true},
              {-1, false, true},     {not_a_number, false, false},
              {inf, false, false}, {0x1p63, false, false},
              {-0x1p63, false, true}, {-0x1.1p63, false, false}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    double v = rows[i].v;
    float f = (float)v;
    cr_assert_eq(sl_kern_fits(1, &v, SL_F64, 1, SL_U8), rows[i].u8, "%g", v);
    cr_assert_eq(sl_kern_fits(1, &v, SL_F64, 1, SL_I64), rows[i].i64, "%g", v);
    cr_assert_eq(sl_kern_fits(1, &f, SL_F32, 1, SL_U8), rows[i].u8, "%g", v);
    cr_assert_eq(sl_kern_fits(1, &f, SL_F32, 1, SL_I64), rows[i].i64, "%g", v);
  }
}

Test(kern, conversions_truncate) {
  double x[] = {-0.9, 1.9, 254.999};
  uint8_t u[3];
  sl_kern_convert(3, u, SL_U8, 1, x, SL_F64, 1);
  cr_assert(u[0] == 0 && u[1] == 1 && u[2] == 254);
  sl_int i[2];
  sl_kern_convert(2, i, SL_I64, 1, x, SL_F64, 1);
  cr_assert(i[0] == 0 && i[1] == 1);
}

/* ---- leaves of sums ------------------------------------------------------ */

/* The same column alone, beside others, strided, by offsets: the same bits. */
Test(kern, leaves_do_not_depend_on_the_layout) {
  static double x[128 * 8];
  for (int i = 0; i < 128 * 8; i++) {
    x[i] = uniform(-1, 1) * pow(2, uniform(-30, 30));
  }
  sl_int off[128];
  for (int r = 0; r < 128; r++) {
    off[r] = r * 8;
  }
  const sl_folder *f = sl_folder_get(SL_FOLD_SUM, SL_F64);
  for (sl_int n = 0; n <= 128; n++) {
    double beside[8], offset[8];
    f->leaf(beside, 8, x, 1, n, NULL, 8);
    f->leaf(offset, 8, x, 1, n, off, 0);
    for (int k = 0; k < 8; k++) {
      double alone, row[128], dense;
      real exact = 0, size = 0;
      for (sl_int r = 0; r < n; r++) {
        row[r] = x[r * 8 + k];
        exact += (real)row[r];
        size += fabsl((real)row[r]);
      }
      f->leaf(&alone, 1, x + k, 0, n, NULL, 8);
      f->leaf(&dense, 1, row, 0, n, NULL, 1);
      cr_assert(alone == beside[k] && alone == offset[k] && alone == dense);
      cr_assert(fabsl((real)alone - exact) <= 20 * (real)DBL_EPSILON * size);
    }
  }
}

Test(kern, position_of_extremes) {
  double x[] = {1, 5, 5, -2, -2, not_a_number, not_a_number};
  cr_assert_eq(sl_kern_argext(SL_F64, true, 5, x, 1), 1);
  cr_assert_eq(sl_kern_argext(SL_F64, false, 5, x, 1), 3);
  cr_assert_eq(sl_kern_argext(SL_F64, true, 7, x, 1), 5);
  cr_assert_eq(sl_kern_argext(SL_F64, false, 7, x, 1), 5);
  cr_assert_eq(sl_kern_argext(SL_F64, true, 5, x + 4, -1), 2);
}

/* ---- matrix products ----------------------------------------------------- */

/* Every kind of layout an operand can have, over a buffer with room around. */
enum { ROWS, COLS, PADDED, SPACED, BACKWARD, FIXED_ROW, FIXED_ALL, NLAYOUT };

static sl_matrix lay_out(int how, double *p, sl_int rows, sl_int cols) {
  switch (how) {
    case ROWS: return (sl_matrix){p, cols, 1};
    case COLS: return (sl_matrix){p, 1, rows};
    case PADDED: return (sl_matrix){p, cols + 3, 1};
    case SPACED: return (sl_matrix){p, 2 * cols + 1, 2};
    case BACKWARD: return (sl_matrix){p + rows * cols - 1, -cols, -1};
    case FIXED_ROW: return (sl_matrix){p, 0, 1};
    default: return (sl_matrix){p, 0, 0};
  }
}

static double element(const sl_matrix *x, sl_int i, sl_int j) {
  return ((double *)x->data)[i * x->rs + j * x->cs];
}

/* Any order of summing k products is within k u sum |a b| (Higham, Accuracy and
** Stability, 3.1); one more u for the reference's own rounding. */
static void check_product(sl_int m, sl_int n, sl_int k, int hc, int ha, int hb,
                          double *buf) {
  sl_int room = 3 * (m + 2) * (k + 4) + 3 * (k + 2) * (n + 4);
  double *pa = buf, *pb = pa + 3 * (m + 2) * (k + 4), *pc = buf + room;
  for (sl_int i = 0; i < room; i++) {
    buf[i] = uniform(-1, 1);
  }
  sl_matrix a = lay_out(ha, pa, m, k), b = lay_out(hb, pb, k, n);
  sl_matrix c = lay_out(hc, pc, m, n);
  sl_err err;
  cr_assert_eq(sl_kern_gemm(SL_F64, m, n, k, &c, &a, &b, true, &err), SL_OK);
  for (sl_int i = 0; i < m; i++) {
    for (sl_int j = 0; j < n; j++) {
      real want = 0, size = 0;
      for (sl_int l = 0; l < k; l++) {
        real term = (real)element(&a, i, l) * (real)element(&b, l, j);
        want += term;
        size += fabsl(term);
      }
      real bound = (real)(k + 1) * (real)(DBL_EPSILON / 2) * size;
      cr_assert(fabsl((real)element(&c, i, j) - want) <= bound,
                "[%d x %d x %d] layouts c %d a %d b %d at %d, %d: %g, "
                "expected %g",
                (int)m, (int)n, (int)k, hc, ha, hb, (int)i, (int)j,
                element(&c, i, j), (double)want);
    }
  }
}

Test(kern, products_of_all_layouts) {
  static const sl_int sizes[][3] = {{1, 1, 1},   {2, 3, 4},  {1, 40, 30},
                                    {40, 1, 30}, {1, 1, 600}, {17, 33, 9},
                                    {33, 9, 1},  {5, 7, 0}};
  double *buf = sl_malloc(8 * 64 * 1024);
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
    for (int hc = 0; hc < FIXED_ROW; hc++) {
      for (int ha = 0; ha < NLAYOUT; ha++) {
        for (int hb = 0; hb < NLAYOUT; hb++) {
          check_product(sizes[s][0], sizes[s][1], sizes[s][2], hc, ha, hb,
                        buf);
        }
      }
    }
  }
  sl_free(buf);
}

Test(kern, products_in_tiles) {
  static const sl_int sizes[][3] = {{300, 20, 300},  {20, 300, 300},
                                    {500, 500, 5},   {4, 6, 60000},
                                    {110, 110, 110}, {1, 1100, 1100},
                                    {1100, 1, 1100}, {2, 2, 300000},
                                    {129, 91, 100},  {1030, 523, 7},
                                    {3000, 3, 130},  {3, 3000, 130},
                                    {2000, 70, 9},   {102, 103, 4095}};
  double *buf = sl_malloc(8 * 10 * 1024 * 1024);
  cr_assert(!sl_kern_gemm_tiles(101, 101, 101));
  cr_assert(sl_kern_gemm_tiles(102, 102, 102));
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
    const sl_int *z = sizes[s];
    cr_assert(sl_kern_gemm_tiles(z[0], z[1], z[2]));
    check_product(z[0], z[1], z[2], ROWS, ROWS, ROWS, buf);
    check_product(z[0], z[1], z[2], COLS, COLS, ROWS, buf);
    check_product(z[0], z[1], z[2], PADDED, SPACED, COLS, buf);
  }
  sl_free(buf);
}

Test(kern, products_of_integers_wrap) {
  sl_int a[] = {INT64_MAX, 2, 3, 4}, b[] = {2, 0, 5, -1}, c[4];
  sl_matrix ma = {a, 2, 1}, mb = {b, 2, 1}, mc = {c, 2, 1};
  sl_kern_gemm(SL_I64, 2, 2, 2, &mc, &ma, &mb, true, NULL);
  cr_assert(c[0] == 8 && c[1] == -2 && c[2] == 26 && c[3] == -4);
}

Test(kern, products_stop_on_interrupt_and_without_memory) {
  double *buf = sl_malloc(8 * 3 * 300 * 300);
  memset(buf, 0, 8 * 3 * 300 * 300);
  sl_matrix a = {buf, 300, 1}, b = {buf + 90000, 300, 1};
  sl_matrix c = {buf + 180000, 300, 1}, odd = {buf, 2, 2};
  sl_err err;
  sl_interrupt_set();
  cr_assert_eq(sl_kern_gemm(SL_F64, 300, 300, 300, &c, &a, &b, true, &err),
               SL_EINTR);
  sl_interrupt_clear();
  sl_malloc_fail_at(1);
  cr_assert_eq(sl_kern_gemm(SL_F64, 30, 30, 30, &c, &odd, &b, true, &err),
               SL_ENOMEM);
  sl_malloc_fail_at(0);
  sl_free(buf);
}
