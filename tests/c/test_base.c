/* test_base.c: status texts, checked sizes, counted allocation, the interrupt
** flag, threads, clock. MIT licence. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/pool.h"

Test(base, every_status_has_its_own_text) {
  for (int i = 0; i < SL_NSTATUS; i++) {
    cr_assert(strlen(sl_status_text((sl_status)i)) > 0);
    for (int j = 0; j < i; j++) {
      cr_assert_str_neq(sl_status_text((sl_status)i),
                        sl_status_text((sl_status)j));
    }
  }
  cr_assert_str_eq(sl_status_text((sl_status)-1), "unknown status");
  cr_assert_str_eq(sl_status_text(SL_NSTATUS), "unknown status");
}

Test(base, fail_fills_the_buffer_and_returns_the_code) {
  sl_err err;
  cr_assert_eq(sl_fail(&err, SL_ESHAPE, "mm: %d is not %s", 3, "four"),
               SL_ESHAPE);
  cr_assert_eq(err.code, SL_ESHAPE);
  cr_assert_str_eq(err.msg, "mm: 3 is not four");
  cr_assert_eq(sl_fail(NULL, SL_EIO, "nobody listens"), SL_EIO);
}

Test(base, fail_cuts_long_messages) {
  char text[2000];
  memset(text, 'x', sizeof text - 1);
  text[sizeof text - 1] = '\0';
  sl_err err;
  sl_fail(&err, SL_EARG, "%s", text);
  cr_assert_eq(strlen(err.msg), sizeof err.msg - 1);
}

Test(base, products_and_sums_are_checked) {
  sl_int out = 0;
  cr_assert(sl_mul(6, 7, &out));
  cr_assert_eq(out, 42);
  cr_assert(sl_mul(0, INT64_MAX, &out));
  cr_assert_eq(out, 0);
  cr_assert(sl_mul(INT64_MAX, 1, &out));
  cr_assert(!sl_mul(INT64_MAX, 2, &out));
  cr_assert(!sl_mul((sl_int)1 << 32, (sl_int)1 << 31, &out));
  cr_assert(!sl_mul(-1, 2, &out));
  cr_assert(!sl_mul(2, -1, &out));
  cr_assert(sl_add(INT64_MAX - 1, 1, &out));
  cr_assert_eq(out, INT64_MAX);
  cr_assert(!sl_add(INT64_MAX, 1, &out));
  cr_assert(!sl_add(-1, 1, &out));
}

Test(base, allocation_of_any_size) {
  void *p = sl_malloc(0);
  cr_assert_not_null(p);
  sl_free(p);
  cr_assert_null(sl_malloc(-1));
  cr_assert_null(sl_malloc(INT64_MAX));
  cr_assert_null(sl_malloc_aligned(-1));
  cr_assert_null(sl_malloc_aligned(INT64_MAX));
  cr_assert_null(sl_realloc(NULL, -1));
  sl_free(NULL);
}

Test(base, aligned_allocation_is_aligned_and_writable) {
  for (sl_int n = 0; n < 300; n += 7) {
    char *p = sl_malloc_aligned(n);
    cr_assert_not_null(p);
    cr_assert_eq((uintptr_t)p % 64, 0);
    memset(p, 1, (size_t)n);
    sl_free(p);
  }
}

Test(base, realloc_keeps_the_contents) {
  char *p = sl_malloc(4);
  memcpy(p, "abc", 4);
  p = sl_realloc(p, 1 << 16);
  cr_assert_str_eq(p, "abc");
  sl_free(p);
}

Test(base, the_chosen_allocation_fails_and_only_that) {
  int64_t before = sl_malloc_count();
  sl_malloc_fail_at(3);
  void *a = sl_malloc(8);
  void *b = sl_malloc_aligned(8);
  void *c = sl_malloc(8);
  void *d = sl_malloc(8);
  cr_assert_not_null(a);
  cr_assert_not_null(b);
  cr_assert_null(c);
  cr_assert_not_null(d);
  cr_assert_eq(sl_malloc_count() - before, 4);
  sl_malloc_fail_at(1);
  cr_assert_null(sl_realloc(a, 100));
  sl_malloc_fail_at(0);
  sl_free(a);
  sl_free(b);
  sl_free(d);
}

static void *interrupt_later(void *unused) {
  (void)unused;
  sl_interrupt_set();
  return NULL;
}

Test(base, the_flag_is_seen_from_another_thread) {
  sl_err err;
  cr_assert_not(sl_interrupted());
  cr_assert_eq(sl_poll(&err, "loop"), SL_OK);
  pthread_t t;
  pthread_create(&t, NULL, interrupt_later, NULL);
  pthread_join(t, NULL);
  cr_assert(sl_interrupted());
  cr_assert_eq(sl_poll(&err, "loop"), SL_EINTR);
  cr_assert_str_eq(err.msg, "loop: interrupted!");
  sl_interrupt_clear();
  cr_assert_eq(sl_poll(&err, "loop"), SL_OK);
}

Test(base, guard_depth) {
  cr_assert_eq(sl_guard(), 0);
  sl_guard_set(2);
  cr_assert_eq(sl_guard(), 2);
}

Test(base, threads) {
  sl_err err;
  cr_assert_geq(sl_threads(), 1);
  cr_assert_eq(sl_threads_set(5, &err), SL_OK);
  cr_assert_eq(sl_threads(), 5);
  cr_assert_eq(sl_threads_set(0, &err), SL_EARG);
  cr_assert_str_eq(err.msg, "threads: expected 1 to 1024, got 0");
  cr_assert_eq(sl_threads_set(1025, &err), SL_EARG);
  cr_assert_eq(sl_threads(), 5);
}

Test(base, the_environment_sets_the_default_of_threads) {
  setenv("SADDLE_THREADS", "3", 1);
  cr_assert_eq(sl_threads_default(), 3);
  setenv("SADDLE_THREADS", "none", 1);
  cr_assert_geq(sl_threads_default(), 1);
}

Test(base, a_bad_count_in_the_environment_is_refused_once) {
  sl_err err;
  const char *bad[] = {"abc", "0", "-1", "1e9", "2x", "1025", "1.5",
                       "99999999999999999999"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    setenv("SADDLE_THREADS", bad[i], 1);
    cr_assert_eq(sl_threads_start(&err), SL_EARG, "%s", bad[i]);
    cr_assert(strstr(err.msg, "SADDLE_THREADS: expected a whole number from 1 "
                              "to 1024, got '"));
    cr_assert(strstr(err.msg, bad[i]));
  }
  setenv("SADDLE_THREADS", "", 1); /* as if it were not set */
  cr_assert_eq(sl_threads_default(), sl_processors());
  setenv("SADDLE_THREADS", "1024", 1);
  cr_assert_eq(sl_threads_start(&err), SL_OK);
  cr_assert_eq(sl_threads(), 1024);
  setenv("SADDLE_THREADS", "abc", 1); /* too late to matter */
  cr_assert_eq(sl_threads_start(&err), SL_OK);
  cr_assert_eq(sl_threads(), 1024);
}

Test(base, the_clock_does_not_run_backwards) {
  double last = sl_clock();
  for (int i = 0; i < 1000; i++) {
    double now = sl_clock();
    cr_assert_geq(now, last);
    last = now;
  }
}

/* ---- pool ---------------------------------------------------------------- */

/* Blocks that are alive at once do not overlap, keep what was written when they
** change size, and are aligned for anything. */
Test(pool, blocks_are_apart_and_keep_their_bytes) {
  enum { N = 200, ROUNDS = 200000 };
  static unsigned char *at[N];
  static size_t size[N];
  static sl_pool pool;
  uint64_t r = 1;
  for (int round = 0; round < ROUNDS; round++) {
    r = r * 6364136223846793005u + 1442695040888963407u;
    int k = (int)(r >> 33) % N;
    size_t to = (r >> 20) % 16 == 0 ? 0 : (size_t)(r >> 40) % 1200 + 1;
    unsigned char *p = sl_pool_resize(&pool, at[k], size[k], to);
    cr_assert_eq(p == NULL, to == 0);
    cr_assert_eq((uintptr_t)p % 16, 0);
    for (size_t i = 0; i < to && i < size[k]; i++) {
      cr_assert_eq(p[i], (unsigned char)k);
    }
    if (to > 0) {
      memset(p, k, to);
    }
    at[k] = p;
    size[k] = to;
  }
  for (int k = 0; k < N; k++) {
    sl_pool_resize(&pool, at[k], size[k], 0);
  }
}

/* What is kept has a bound: three times as much was given back. */
Test(pool, keeps_a_bounded_number_of_bytes) {
  enum { N = 150000, SIZE = 336 };
  static sl_pool pool;
  static void *at[N];
  for (int k = 0; k < N; k++) {
    at[k] = sl_pool_resize(&pool, NULL, 0, SIZE);
    cr_assert_not_null(at[k]);
  }
  for (int k = 0; k < N; k++) {
    sl_pool_resize(&pool, at[k], SIZE, 0);
  }
  cr_assert_leq(pool.bytes, (16u << 20) + SIZE);
}
