/* test_random_lanes.c: draws by lane and step against the scalar Philox block
** and long double mathematics; lanes of any age draw what they would have drawn
** alone.  MIT licence. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "kern/random_lanes.h"

enum { N = 192 };

static const uint64_t KEY = UINT64_C(0x123456789abcdef1);

/* Words 0 and 1 of the block { lane, pair, stream, last }. */
static void words_of(uint64_t at, uint32_t stream, uint32_t last,
                     uint64_t w[2]) {
  uint32_t k[2] = {(uint32_t)KEY, (uint32_t)(KEY >> 32)};
  uint32_t c[4] = {(uint32_t)at, (uint32_t)(at >> 32), stream, last};
  sl_philox4x32(c, k, c);
  w[0] = c[0] | (uint64_t)c[1] << 32;
  w[1] = c[2] | (uint64_t)c[3] << 32;
}

static long double unit_of(uint64_t w) {
  return (2 * (long double)(w >> 12) + 1) / 0x1p53L;
}

/* Lanes together, and lanes of all ages in any order. */
static void addresses(uint64_t at[N], bool together) {
  for (uint64_t i = 0; i < N; i++) {
    at[i] = together ? 4000000000u + i
                     : i * 7919 % 1000 - (i * i % 50 << 32);
  }
}

static void close_to(double got, long double want, const char *what) {
  cr_assert(fabsl((long double)got - want) <= 8e-16L * fabsl(want) + 2e-17L,
            "%s: %.17g, expected %.17Lg", what, got, want);
}

/* The two normals of a block: radius from word 0; of word 1 the low 52 bits are
** an angle in (-1/8, 1/8) turns, the top bit turns the cosine round, the next
** one swaps the two. */
static void normals_of(const uint64_t w[2], double sd, long double z[2]) {
  long double g = (2 * (long double)(w[1] & 0xfffffffffffffu) + 1) / 0x1p53L;
  long double angle = (g - 0.5L) * 1.57079632679489661923132169163975144L;
  long double r = (long double)sd * sqrtl(-2 * logl(unit_of(w[0])));
  long double c = cosl(angle) * (w[1] >> 63 ? -1 : 1), s = sinl(angle);
  bool swap = w[1] >> 62 & 1;
  z[0] = r * (swap ? s : c);
  z[1] = r * (swap ? c : s);
}

Test(random_lanes, draws_follow_their_words) {
  static const sl_draw draws[] = {
      {.kind = SL_RNORMAL, .b = 0.75},
      {.kind = SL_RUNIFORM, .a = -1, .b = 3},
      {.kind = SL_REXPONENTIAL, .a = 2},
      {.kind = SL_RBERNOULLI, .a = 0.3},
      {.kind = SL_RINTEGER, .lo = 1, .hi = 10},
  };
  uint64_t at[N];
  double even[N], odd[N];
  for (int together = 0; together < 2; together++) {
    addresses(at, together);
    for (size_t d = 0; d < sizeof draws / sizeof *draws; d++) {
      const sl_draw *draw = &draws[d];
      const uint64_t shift = UINT64_C(60) << 32;
      sl_random_lanes(KEY, 77, draw, at, shift, together, N, even, odd);
      for (int i = 0; i < N; i++) {
        uint64_t w[2];
        long double z[2];
        words_of(at[i] + shift, 77, draw->kind, w);
        normals_of(w, draw->b, z);
        for (int h = 0; h < 2; h++) {
          double got = h ? odd[i] : even[i];
          if (draw->kind == SL_RNORMAL) {
            close_to(got, z[h], "normal");
          } else if (draw->kind == SL_RUNIFORM) {
            cr_assert_eq(got, (double)(-1 + 4 * unit_of(w[h])));
          } else if (draw->kind == SL_REXPONENTIAL) {
            close_to(got, -logl(unit_of(w[h])) / 2, "exponential");
          } else if (draw->kind == SL_RBERNOULLI) {
            cr_assert_eq(got, unit_of(w[h]) < 0.3L);
          } else {
            __extension__ typedef unsigned __int128 u128;
            cr_assert_eq(got, 1 + (double)(uint64_t)((u128)w[h] * 10 >> 64));
          }
        }
      }
    }
  }
}

Test(random_lanes, signs_are_bits_of_one_word) {
  uint64_t at[N], word[N];
  double s[N];
  addresses(at, false);
  sl_random_lane_words(KEY, 5, SL_RSIGN, at, 0, false, N, word);
  for (int j = 0; j < SL_SIGN_STEPS; j++) {
    sl_random_lane_signs(word, j, N, s);
    for (int i = 0; i < N; i++) {
      uint64_t w[2];
      words_of(at[i], 5, SL_RSIGN, w);
      cr_assert_eq(word[i], w[0]);
      cr_assert_eq(s[i], w[0] >> (63 - j) & 1 ? -1 : 1);
    }
  }
}

/* A range just above 2^63 refuses nearly half of the words. */
Test(random_lanes, integers_try_again) {
  const sl_draw d = {.kind = SL_RINTEGER, .lo = INT64_MIN / 2,
                     .hi = INT64_MAX / 2 + 2};
  uint64_t at[N];
  double even[N], odd[N];
  int low = 0;
  addresses(at, true);
  sl_random_lanes(KEY, 1, &d, at, 0, true, N, even, odd);
  for (int i = 0; i < N; i++) {
    low += (even[i] < 0) + (odd[i] < 0);
    cr_assert(fabs(even[i]) <= 0x1p62 + 4 && fabs(odd[i]) <= 0x1p62 + 4);
  }
  /* 384 fair coins: 4 standard errors */
  cr_assert(abs(low - N) < 4 * 9.8, "%d of %d below 0", low, 2 * N);
}

Test(random_lanes, trees_and_luck) {
  for (uint64_t lane = 0; lane < 50; lane++) {
    uint64_t w[2];
    double z[2];
    long double want[2];
    const uint64_t node = lane * UINT64_C(0x123456789) % (UINT64_C(1) << 50);
    sl_random_tree(KEY, lane, node, 9, 3, z);
    words_of(lane | node << 32, (uint32_t)(3 + 64 * 9 + ((node >> 32) << 14)),
             SL_RTREE, w);
    normals_of(w, 1, want);
    close_to(z[0], want[0], "tree");
    close_to(z[1], want[1], "tree");
    sl_lane_luck luck = sl_random_lane_luck(KEY, lane, 12345, 0);
    words_of(lane | UINT64_C(12345) << 32, UINT32_MAX, SL_RBRIDGE, w);
    cr_assert_eq(luck.u, (double)unit_of(w[0]));
    cr_assert_eq(luck.v, (double)unit_of(w[1]));
    words_of(lane | UINT64_C(12345) << 32, UINT32_MAX, SL_RBRIDGE + 256, w);
    normals_of(w, 1, want);
    close_to(luck.z, want[0], "luck");
  }
}

Test(random_lanes, shuffles_are_permutations) {
  uint32_t a[100], b[100];
  int seen[100] = {0};
  sl_random r = {.key = 99};
  sl_int p[100];
  sl_err err;
  sl_random_shuffle(99, 100, a);
  sl_random_shuffle(98, 100, b);
  cr_assert_eq(sl_random_permutation(&r, 100, p, &err), SL_OK);
  for (int i = 0; i < 100; i++) {
    seen[a[i]]++;
    cr_assert_eq(a[i], (uint32_t)p[i]);
  }
  for (int i = 0; i < 100; i++) {
    cr_assert_eq(seen[i], 1);
  }
  cr_assert(memcmp(a, b, sizeof a) != 0);
}

/* Independence of streams, lanes and steps: correlations of normals below 5
** standard errors. */
Test(random_lanes, normals_are_not_correlated) {
  enum { LANES = 64, PAIRS = 2000 };
  const sl_draw d = {.kind = SL_RNORMAL, .b = 1};
  static double z[2][2 * PAIRS][LANES];
  uint64_t at[LANES];
  for (uint64_t i = 0; i < LANES; i++) {
    at[i] = i;
  }
  for (uint32_t s = 0; s < 2; s++) {
    for (uint64_t p = 0; p < PAIRS; p++) {
      sl_random_lanes(KEY, 1 + s, &d, at, p << 32, true, LANES, z[s][2 * p],
                      z[s][2 * p + 1]);
    }
  }
  double n = 0, lag = 0, lanes = 0, streams = 0, square = 0, fourth = 0;
  for (int t = 0; t + 1 < 2 * PAIRS; t++) {
    for (int i = 0; i + 1 < LANES; i++) {
      double x = z[0][t][i];
      lag += x * z[0][t + 1][i];
      lanes += x * z[0][t][i + 1];
      streams += x * z[1][t][i];
      square += x * x;
      fourth += x * x * x * x;
      n++;
    }
  }
  cr_assert(fabs(lag) < 5 * sqrt(n));
  cr_assert(fabs(lanes) < 5 * sqrt(n));
  cr_assert(fabs(streams) < 5 * sqrt(n));
  cr_assert(fabs(square - n) < 5 * sqrt(2 * n));
  cr_assert(fabs(fourth - 3 * n) < 5 * sqrt(96 * n));
}
