/* test_random.c: the generators: Random123's known answers, addresses, moments,
** distributions against theory, unbiasedness, threads, pieces, errors. All
** seeds are fixed, so a pass is a pass for ever; the levels say how
** surprising each statistic would be for a true generator.  MIT licence. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kern/philox.h"

static sl_random seeded(uint64_t seed) {
  return (sl_random){.key = seed};
}

static const sl_draw NORMAL = {.kind = SL_RNORMAL, .a = 0, .b = 1};
static const sl_draw UNIFORM = {.kind = SL_RUNIFORM, .a = 0, .b = 1};
static const sl_draw SIGN = {.kind = SL_RSIGN};
static const sl_draw EXPONENTIAL = {.kind = SL_REXPONENTIAL, .a = 2};
static const sl_draw BERNOULLI = {.kind = SL_RBERNOULLI, .a = 0.3};

static double *filled(sl_random *r, const sl_draw *d, sl_int n) {
  double *x = malloc((size_t)n * sizeof *x);
  sl_err err;
  cr_assert_eq(sl_random_fill(r, d, SL_F64, n, x, &err), SL_OK);
  return x;
}

/* Mean of x^p. */
static double moment(const double *x, sl_int n, int p) {
  double sum = 0;
  for (sl_int i = 0; i < n; i++) {
    sum += pow(x[i], p);
  }
  return sum / (double)n;
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Kolmogorov's sqrt(n) D; sorts x. Exceeds 1.628 with probability 0.01. */
static double kolmogorov(double *x, sl_int n, double (*cdf)(double)) {
  qsort(x, (size_t)n, sizeof *x, by_value);
  double worst = 0;
  for (sl_int i = 0; i < n; i++) {
    double f = cdf(x[i]);
    worst = fmax(worst, fmax(f - (double)i / (double)n,
                             (double)(i + 1) / (double)n - f));
  }
  return worst * sqrt((double)n);
}

static double normal_cdf(double x) {
  return 0.5 * erfc(-x / sqrt(2));
}

static double uniform_cdf(double x) {
  return x;
}

static double exponential_cdf(double x) {
  return -expm1(-2 * x);
}

/* Chi-square of counts against equal expectations. */
static double chi_square(const sl_int *count, int classes, sl_int n) {
  double e = (double)n / classes, sum = 0;
  for (int i = 0; i < classes; i++) {
    sum += ((double)count[i] - e) * ((double)count[i] - e) / e;
  }
  return sum;
}

/* ---- the block ----------------------------------------------------------- */

Test(philox, known_answers) {
  static const uint32_t rows[3][10] = {
      {0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
      {~0u, ~0u, ~0u, ~0u, ~0u, ~0u, 0x408f276d, 0x41c83b0e, 0xa20bc7c6,
       0x6d5451fd},
      {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0,
       0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}};
  for (int i = 0; i < 3; i++) {
    uint32_t out[4];
    sl_philox4x32(rows[i], rows[i] + 4, out);
    cr_assert_arr_eq(out, rows[i] + 6, sizeof out, "row %d", i);
  }
}

/* The known answers again, through the addresses: 16 positions a group. */
Test(philox, words_have_the_documented_address) {
  cr_assert_eq(sl_random_word(0, 0, 0, 0), 0xe169c58d6627e8d5u);
  cr_assert_eq(sl_random_word(0, 0, 0, 8), 0x9b00dbd8bc57ac4cu);
  uint32_t c[4] = {13, 5, 77, 6}, k[2] = {0x89abcdef, 0x01234567};
  sl_philox4x32(c, k, c);
  /* block 5 2^32 + 13 is lane 5 of group 5 2^29 + 1 */
  uint64_t pos = sl_random_at(5, 0) + 16 + 5;
  uint64_t key = 0x0123456789abcdefu;
  cr_assert_eq(sl_random_word(key, 77, 6, pos), c[0] | (uint64_t)c[1] << 32);
  cr_assert_eq(sl_random_word(key, 77, 6, pos + 8),
               c[2] | (uint64_t)c[3] << 32);
}

Test(philox, vectors_equal_the_scalar_block) {
  enum { N = 512 };
  /* the middle one crosses 2^32 counters */
  const uint64_t starts[] = {0, (UINT64_C(1) << 33) - 256, UINT64_C(1) << 61};
  uint64_t key = 0xfedcba9876543210u, out[N];
  for (int s = 0; s < 3; s++) {
    sl_random_words(key, 9, 0x80000001u, starts[s], N, out);
    for (uint64_t i = 0; i < N; i++) {
      cr_assert_eq(out[i], sl_random_word(key, 9, 0x80000001u, starts[s] + i),
                   "start %d, word %d", s, (int)i);
    }
  }
}

/* ---- values against an independent computation --------------------------- */

static long double unit_of(uint64_t w) {
  return (2 * (long double)(w >> 12) + 1) / 0x1p53L;
}

Test(random, normals_are_box_muller_of_the_words) {
  enum { N = 1 << 16 };
  sl_random r = seeded(3);
  double *x = filled(&r, &NORMAL, N);
  for (uint64_t p = 0; p < N; p++) {
    uint64_t first = p - p % 16 + p % 8;
    uint64_t a = sl_random_word(3, 0, SL_RNORMAL, first);
    uint64_t b = sl_random_word(3, 0, SL_RNORMAL, first + 8);
    /* quarter turn, then the offset from its middle in (-1/2, 1/2) quarters */
    long double g = unit_of(b << 2) - 0.5L + (long double)(b >> 62);
    long double angle = g * 1.57079632679489661923132169163975144L;
    long double z = sqrtl(-2 * logl(unit_of(a))) *
                    (p % 16 < 8 ? cosl(angle) : sinl(angle));
    cr_assert(fabsl((long double)x[p] - z) <= 6e-16L * fabsl(z) + 1e-17L,
              "position %d: %.17g, expected %.17Lg", (int)p, x[p], z);
  }
  free(x);
}

Test(random, other_kinds_follow_their_words) {
  enum { N = 4096 };
  sl_random r = seeded(4);
  double *u = filled(&r, &UNIFORM, N);
  double *e = filled(&r, &EXPONENTIAL, N);
  double *s = filled(&r, &SIGN, N);
  double *b = filled(&r, &BERNOULLI, N);
  for (uint64_t p = 0; p < N; p++) {
    cr_assert_eq(u[p], (double)unit_of(sl_random_word(4, 0, 1, p)));
    long double x = -logl(unit_of(sl_random_word(4, 0, 5, N + p))) / 2;
    cr_assert(fabsl((long double)e[p] - x) <= 6e-16L * x);
    cr_assert_eq(s[p], sl_random_word(4, 0, 3, 2 * N + p) >> 63 ? -1 : 1);
    cr_assert_eq(b[p], unit_of(sl_random_word(4, 0, 4, 3 * N + p)) < 0.3L);
  }
  free(u), free(e), free(s), free(b);
}

/* ---- distributions ------------------------------------------------------- */

enum { MILLION = 1000000 };

Test(random, moments_of_normals) {
  sl_random r = seeded(1);
  double *x = filled(&r, &NORMAL, MILLION);
  /* E z^p and the variance of z^p, p = 1 .. 6 */
  const double mean[] = {0, 0, 1, 0, 3, 0, 15};
  const double var[] = {0, 1, 2, 15, 96, 945, 10170};
  for (int p = 1; p <= 6; p++) {
    double se = sqrt(var[p] / MILLION);
    cr_assert(fabs(moment(x, MILLION, p) - mean[p]) < 4 * se, "power %d", p);
  }
  double pair = 0, next = 0;
  for (int i = 0; i < MILLION - 8; i++) {
    pair += x[i] * x[i + 8];
    next += x[i] * x[i + 1];
  }
  cr_assert(fabs(pair) < 4 * sqrt(MILLION));
  cr_assert(fabs(next) < 4 * sqrt(MILLION));
  free(x);
}

Test(random, moments_of_uniforms) {
  sl_random r = seeded(2);
  double *x = filled(&r, &UNIFORM, MILLION);
  for (int p = 1; p <= 4; p++) {
    double mean = 1.0 / (p + 1), var = 1.0 / (2 * p + 1) - mean * mean;
    cr_assert(fabs(moment(x, MILLION, p) - mean) < 4 * sqrt(var / MILLION));
  }
  free(x);
}

Test(random, kolmogorov_smirnov_at_one_percent) {
  sl_random r = seeded(11);
  double *x = filled(&r, &NORMAL, 100000);
  cr_assert_lt(kolmogorov(x, 100000, normal_cdf), 1.628);
  free(x);
  x = filled(&r, &UNIFORM, 100000);
  cr_assert_lt(kolmogorov(x, 100000, uniform_cdf), 1.628);
  free(x);
  x = filled(&r, &EXPONENTIAL, 100000);
  cr_assert_lt(kolmogorov(x, 100000, exponential_cdf), 1.628);
  free(x);
}

/* Counts beyond 3, 4, 5 in 2^24 normals within 4 standard errors (Poisson). */
Test(random, tails_of_normals) {
  const sl_int n = 1 << 24;
  sl_random r = seeded(5);
  double *x = filled(&r, &NORMAL, n);
  for (int t = 3; t <= 5; t++) {
    double expected = (double)n * erfc(t / sqrt(2)), seen = 0;
    for (sl_int i = 0; i < n; i++) {
      seen += fabs(x[i]) > t;
    }
    cr_assert(fabs(seen - expected) < 4 * sqrt(expected), "beyond %d", t);
  }
  free(x);
}

Test(random, signs_and_bernoulli) {
  sl_random r = seeded(6);
  double *x = filled(&r, &SIGN, MILLION);
  cr_assert(fabs(moment(x, MILLION, 1)) < 4 / sqrt(MILLION));
  cr_assert_eq(moment(x, MILLION, 2), 1);
  free(x);
  x = filled(&r, &BERNOULLI, MILLION);
  cr_assert(fabs(moment(x, MILLION, 1) - 0.3) < 4 * sqrt(0.21 / MILLION));
  free(x);
  sl_draw never = {.kind = SL_RBERNOULLI, .a = 0};
  sl_draw always = {.kind = SL_RBERNOULLI, .a = 1};
  uint8_t bits[1000];
  sl_err err;
  cr_assert_eq(sl_random_fill(&r, &never, SL_U8, 1000, bits, &err), SL_OK);
  for (int i = 0; i < 1000; i++) {
    cr_assert_eq(bits[i], 0);
  }
  cr_assert_eq(sl_random_fill(&r, &always, SL_U8, 1000, bits, &err), SL_OK);
  for (int i = 0; i < 1000; i++) {
    cr_assert_eq(bits[i], 1);
  }
}

/* Chi-square with 9 degrees of freedom exceeds 27.88 with probability 0.001. */
Test(random, integers_are_uniform) {
  sl_random r = seeded(7);
  sl_draw d = {.kind = SL_RINTEGER, .lo = -4, .hi = 5};
  sl_int *k = malloc(MILLION * sizeof *k), count[10] = {0};
  sl_err err;
  cr_assert_eq(sl_random_fill(&r, &d, SL_I64, MILLION, k, &err), SL_OK);
  for (int i = 0; i < MILLION; i++) {
    cr_assert(k[i] >= -4 && k[i] <= 5);
    count[k[i] + 4]++;
  }
  cr_assert_lt(chi_square(count, 10, MILLION), 27.88);
  free(k);
}

/* A range of 3 2^62: plain multiplication would give one third of the values
** twice the weight; only rejection evens them. */
Test(random, wide_integers_are_rejected_without_bias) {
  sl_random r = seeded(8);
  sl_draw d = {.kind = SL_RINTEGER, .lo = INT64_MIN};
  d.hi = INT64_MIN + (INT64_C(1) << 62) + ((INT64_C(1) << 62) - 1);
  d.hi += INT64_C(1) << 62; /* 3 2^62 values */
  sl_int *k = malloc(MILLION * sizeof *k), count[12] = {0}, odd[3] = {0};
  sl_err err;
  cr_assert_eq(sl_random_fill(&r, &d, SL_I64, MILLION, k, &err), SL_OK);
  for (int i = 0; i < MILLION; i++) {
    uint64_t x = (uint64_t)k[i] - (uint64_t)d.lo;
    cr_assert_lt(x, UINT64_C(3) << 62);
    count[x >> 60]++;
    odd[x % 3]++;
  }
  cr_assert_lt(chi_square(count, 12, MILLION), 31.26); /* 11 dof, 0.001 */
  cr_assert_lt(chi_square(odd, 3, MILLION), 13.82);    /* 2 dof, 0.001 */
  free(k);
}

Test(random, integers_at_the_extremes) {
  sl_random r = seeded(9);
  sl_draw all = {.kind = SL_RINTEGER, .lo = INT64_MIN, .hi = INT64_MAX};
  sl_draw top = {.kind = SL_RINTEGER, .lo = INT64_MAX, .hi = INT64_MAX};
  sl_int k[4096];
  sl_err err;
  cr_assert_eq(sl_random_fill(&r, &all, SL_I64, 4096, k, &err), SL_OK);
  for (int bit = 0; bit < 64; bit++) {
    int ones = 0;
    for (int i = 0; i < 4096; i++) {
      ones += (int)((uint64_t)k[i] >> bit & 1);
    }
    cr_assert(abs(ones - 2048) < 4.5 * 32, "bit %d: %d", bit, ones);
  }
  cr_assert_eq(sl_random_fill(&r, &top, SL_I64, 8, k, &err), SL_OK);
  cr_assert_eq(k[7], INT64_MAX);
}

/* ---- permutations and choices -------------------------------------------- */

static int rank4(const sl_int *p) {
  int rank = 0;
  for (int i = 0; i < 4; i++) {
    int smaller = 0;
    for (int j = i + 1; j < 4; j++) {
      smaller += p[j] < p[i];
    }
    rank = rank * (4 - i) + smaller;
  }
  return rank;
}

/* 24 classes: chi-square with 23 degrees exceeds 49.73 with chance 0.001. */
Test(random, permutations_are_uniform) {
  sl_random r = seeded(10);
  sl_int count[24] = {0}, p[4];
  for (int i = 0; i < 240000; i++) {
    cr_assert_eq(sl_random_permutation(&r, 4, p, NULL), SL_OK);
    count[rank4(p)]++;
  }
  cr_assert_lt(chi_square(count, 24, 240000), 49.73);
}

Test(random, permutation_has_each_once) {
  sl_random r = seeded(10);
  sl_int p[1000], seen[1000] = {0};
  sl_random_permutation(&r, 1000, p, NULL);
  for (int i = 0; i < 1000; i++) {
    seen[p[i]]++;
  }
  for (int i = 0; i < 1000; i++) {
    cr_assert_eq(seen[i], 1);
  }
  cr_assert_eq(r.pos, 1000);
  cr_assert_eq(sl_random_permutation(&r, 0, p, NULL), SL_OK);
}

/* Ordered pairs out of 5: 20 classes, 19 degrees, 43.82 at 0.001. */
Test(random, choice_without_replacement_is_uniform) {
  sl_random r = seeded(12);
  sl_int count[25] = {0}, used[20], k[2];
  for (int i = 0; i < 200000; i++) {
    cr_assert_eq(sl_random_choice(&r, 5, NULL, false, 2, k, NULL), SL_OK);
    count[5 * k[0] + k[1]]++;
  }
  int n = 0;
  for (int i = 0; i < 25; i++) {
    if (i % 6 == 0) {
      cr_assert_eq(count[i], 0);
    } else {
      used[n++] = count[i];
    }
  }
  cr_assert_lt(chi_square(used, 20, 200000), 43.82);
}

/* The first k of n by the hash table are those of the array: k just below and
** just above the switch begin alike, step i depending on i and n alone. */
Test(random, few_and_many_agree) {
  enum { N = 16384 };
  sl_random a = seeded(13), b = seeded(13);
  static sl_int few[N / 16 - 1], many[N];
  cr_assert_eq(sl_random_choice(&a, N, NULL, false, N / 16 - 1, few, NULL), 0);
  cr_assert_eq(sl_random_choice(&b, N, NULL, false, N, many, NULL), 0);
  cr_assert_arr_eq(few, many, sizeof few);
  cr_assert_eq(a.pos, N / 16 - 1);
}

Test(random, weighted_choice) {
  const double w[4] = {1, 0, 3, 6};
  sl_random r = seeded(14);
  static sl_int k[100000];
  double count[4] = {0};
  sl_random_choice(&r, 4, w, true, 100000, k, NULL);
  for (int i = 0; i < 100000; i++) {
    count[k[i]]++;
  }
  for (int i = 0; i < 4; i++) {
    double p = w[i] / 10;
    cr_assert(fabs(count[i] - 1e5 * p) <= 4 * sqrt(1e5 * p * (1 - p)));
  }
  /* without replacement: P(i then j) = p_i p_j / (1 - p_i) */
  double pair[4][4] = {{0}};
  for (int i = 0; i < 100000; i++) {
    sl_random_choice(&r, 4, w, false, 2, k, NULL);
    pair[k[0]][k[1]]++;
  }
  for (int i = 0; i < 4; i++) {
    for (int j = 0; j < 4; j++) {
      double p = i == j ? 0 : w[i] / 10 * (w[j] / 10) / (1 - w[i] / 10);
      cr_assert(fabs(pair[i][j] - 1e5 * p) <= 4 * sqrt(1e5 * p * (1 - p)),
                "%d then %d", i, j);
    }
  }
}

/* ---- determinism --------------------------------------------------------- */

Test(random, bits_do_not_depend_on_threads) {
  const sl_int n = 300001;
  const sl_draw integer = {.kind = SL_RINTEGER, .lo = 1, .hi = 1000003};
  const sl_draw *all[] = {&NORMAL, &UNIFORM, &SIGN, &EXPONENTIAL, &integer};
  for (int i = 0; i < 5; i++) {
    sl_random a = seeded(15), b = seeded(15);
    a.pos = b.pos = 5;
    cr_assert_eq(sl_threads_set(1, NULL), SL_OK);
    double *x = filled(&a, all[i], n);
    cr_assert_eq(sl_threads_set(2, NULL), SL_OK);
    double *y = filled(&b, all[i], n);
    cr_assert_arr_eq(x, y, (size_t)n * sizeof *x, "kind %d", all[i]->kind);
    free(x), free(y);
  }
}

Test(random, pieces_make_the_whole) {
  enum { N = 5000 };
  const sl_draw integer = {.kind = SL_RINTEGER, .lo = 1, .hi = 1000003};
  const sl_draw *all[] = {&NORMAL, &UNIFORM, &SIGN, &EXPONENTIAL, &integer};
  const sl_int cuts[] = {1, 1, 7, 55, 64, 100, 1024, 1030, 0, 2048, 670};
  for (int i = 0; i < 5; i++) {
    sl_random a = seeded(16), b = seeded(16);
    double *whole = filled(&a, all[i], N), parts[N];
    sl_int at = 0;
    for (int c = 0; c < 11; c++) {
      sl_random_fill(&b, all[i], SL_F64, cuts[c], parts + at, NULL);
      at += cuts[c];
    }
    cr_assert_eq(at, N);
    cr_assert_eq(b.pos, N);
    cr_assert_arr_eq(whole, parts, sizeof parts, "kind %d", all[i]->kind);
    free(whole);
  }
}

/* The bits themselves: a change of these is a change of every stored result. */
Test(random, stored_bits) {
  sl_random r = seeded(42);
  double *x = filled(&r, &NORMAL, 100000);
  uint64_t hash = 0;
  for (int i = 0; i < 100000; i++) {
    uint64_t bits;
    memcpy(&bits, x + i, sizeof bits);
    hash = hash * UINT64_C(0x9E3779B97F4A7C15) + bits;
  }
  cr_assert_eq(hash, UINT64_C(0x6f0231d7af3d54d7), "hash 0x%llx",
               (unsigned long long)hash);
  free(x);
}

Test(random, f32_is_f64_rounded) {
  enum { N = 3000 };
  sl_random a = seeded(17), b = seeded(17);
  float f[N];
  double *x = filled(&a, &NORMAL, N);
  sl_random_fill(&b, &NORMAL, SL_F32, N, f, NULL);
  for (int i = 0; i < N; i++) {
    cr_assert_eq(f[i], (float)x[i]);
  }
  free(x);
}

/* An interval one f32 step wide: half of the draws would round to its end. */
Test(random, uniforms_stay_below_high) {
  enum { N = 4096 };
  sl_random r = seeded(18);
  sl_draw narrow = {.kind = SL_RUNIFORM, .a = 1, .b = 1 + 0x1p-52};
  double *x = filled(&r, &narrow, N);
  float f[N];
  for (int i = 0; i < N; i++) {
    cr_assert_eq(x[i], 1);
  }
  narrow.b = 1 + 0x1p-23;
  sl_random_fill(&r, &narrow, SL_F32, N, f, NULL);
  for (int i = 0; i < N; i++) {
    cr_assert_eq(f[i], 1);
  }
  free(x);
}

/* ---- splitting ----------------------------------------------------------- */

Test(random, split_streams_are_uncorrelated) {
  enum { N = 200000, M = 4 };
  sl_random parent = seeded(19);
  double *x[M + 1];
  for (int i = 0; i < M; i++) {
    sl_random child = sl_random_split(&parent);
    cr_assert_eq(child.pos, 0);
    x[i] = filled(&child, &NORMAL, N);
  }
  x[M] = filled(&parent, &NORMAL, N);
  for (int i = 0; i <= M; i++) {
    for (int j = 0; j < i; j++) {
      double sum = 0;
      for (int k = 0; k < N; k++) {
        sum += x[i][k] * x[j][k];
      }
      cr_assert(fabs(sum) < 4 * sqrt(N), "streams %d and %d", i, j);
    }
  }
  for (int i = 0; i <= M; i++) {
    free(x[i]);
  }
}

Test(random, split_ignores_the_position) {
  sl_random a = seeded(20), b = seeded(20);
  free(filled(&b, &NORMAL, 100));
  sl_random one = sl_random_split(&a), two = sl_random_split(&a);
  cr_assert_eq(one.key, sl_random_split(&b).key);
  cr_assert_eq(two.key, sl_random_split(&b).key);
  cr_assert_neq(one.key, two.key);
}

/* ---- errors -------------------------------------------------------------- */

Test(random, errors_name_the_parameter) {
  sl_random r = seeded(21);
  double x[4] = {7, 7, 7, 7};
  sl_int k[4];
  sl_err err;
  sl_draw d = {.kind = SL_RNORMAL, .a = 0, .b = -1};
  cr_assert_eq(sl_random_fill(&r, &d, SL_F64, 4, x, &err), SL_EARG);
  cr_assert(strstr(err.msg, "normal: expected a finite sd >= 0, got -1"));
  d = (sl_draw){.kind = SL_RUNIFORM, .a = -1.5e308, .b = 1.5e308};
  cr_assert_eq(sl_random_fill(&r, &d, SL_F64, 4, x, &err), SL_EARG);
  d = (sl_draw){.kind = SL_RUNIFORM, .a = nan(""), .b = 1};
  cr_assert_eq(sl_random_fill(&r, &d, SL_F64, 4, x, &err), SL_EARG);
  d = (sl_draw){.kind = SL_RINTEGER, .lo = 2, .hi = 1};
  cr_assert_eq(sl_random_fill(&r, &d, SL_I64, 4, k, &err), SL_EARG);
  d = (sl_draw){.kind = SL_RINTEGER, .lo = 0, .hi = 256};
  cr_assert_eq(sl_random_fill(&r, &d, SL_U8, 4, k, &err), SL_EDTYPE);
  cr_assert_eq(sl_random_fill(&r, &NORMAL, SL_I64, 4, k, &err), SL_EDTYPE);
  const double w[3] = {1, -1, 2};
  cr_assert_eq(sl_random_choice(&r, 3, w, true, 1, k, &err), SL_EARG);
  cr_assert(strstr(err.msg, "weights[2] is -1"));
  cr_assert_eq(sl_random_choice(&r, 3, NULL, false, 4, k, &err), SL_EARG);
  cr_assert_eq(sl_random_choice(&r, 0, NULL, true, 1, k, &err), SL_EARG);
  cr_assert_eq(sl_random_choice(&r, 0, NULL, true, 0, k, &err), SL_OK);
  cr_assert_eq(r.pos, 0);
  cr_assert_eq(x[0], 7);
  r.pos = SL_RANDOM_END - 3;
  cr_assert_eq(sl_random_fill(&r, &NORMAL, SL_F64, 4, x, &err), SL_EARG);
  cr_assert_eq(sl_random_fill(&r, &NORMAL, SL_F64, 3, x, &err), SL_OK);
}

Test(random, out_of_memory_is_an_error) {
  sl_random r = seeded(22);
  sl_int k[100];
  const double w[100] = {1};
  sl_err err;
  for (int i = 0; i < 4; i++) {
    sl_malloc_fail_at(1);
    sl_int n = i == 1 ? 10000 : 100;
    cr_assert_eq(sl_random_choice(&r, n, i > 1 ? w : NULL, i == 3, 1, k, &err),
                 SL_ENOMEM);
    sl_malloc_fail_at(0);
  }
  cr_assert_eq(r.pos, 0);
}
