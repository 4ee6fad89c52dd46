/* base.c: see base.h. MIT licence. */
#define _GNU_SOURCE
#include "base/base.h"

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *const status_text[] = {
#define SL_STATUS(code, text) text,
#include "base/errors.def"
#undef SL_STATUS
};

const char *sl_status_text(sl_status code) {
  return code >= 0 && code < SL_NSTATUS ? status_text[code] : "unknown status";
}

sl_status sl_fail(sl_err *err, sl_status code, const char *fmt, ...) {
  if (err != NULL) {
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(err->msg, sizeof err->msg, fmt, ap);
    va_end(ap);
    err->code = code;
  }
  return code;
}

bool sl_mul(sl_int a, sl_int b, sl_int *out) {
  return a >= 0 && b >= 0 && !__builtin_mul_overflow(a, b, out);
}

bool sl_add(sl_int a, sl_int b, sl_int *out) {
  return a >= 0 && b >= 0 && !__builtin_add_overflow(a, b, out);
}

/* ---- allocation ---------------------------------------------------------- */

static atomic_int_fast64_t malloc_count;
static atomic_int_fast64_t malloc_fail; /* 0: never; 1: the next one */

static bool fails_now(void) {
  atomic_fetch_add(&malloc_count, 1);
  int_fast64_t left = atomic_load(&malloc_fail);
  if (left <= 0) {
    return false;
  }
  atomic_store(&malloc_fail, left - 1);
  return left == 1;
}

void *sl_malloc(sl_int bytes) {
  return bytes < 0 || fails_now() ? NULL : malloc(bytes > 0 ? (size_t)bytes : 1);
}

void *sl_malloc_aligned(sl_int bytes) {
  if (bytes < 0 || bytes > INT64_MAX - 128 || fails_now()) {
    return NULL;
  }
  size_t size = ((size_t)bytes + 64) & ~(size_t)63;
  return aligned_alloc(64, size);
}

void *sl_realloc(void *p, sl_int bytes) {
  return bytes < 0 || fails_now() ? NULL
                                  : realloc(p, bytes > 0 ? (size_t)bytes : 1);
}

void sl_free(void *p) { free(p); }

/* Kept blocks, the oldest first; a block's first 64 bytes hold its size. */
enum { TEMPS = 12, TEMP_BYTES = 64 << 20 };
static struct {
  atomic_flag busy;
  int count;
  sl_int bytes;
  void *block[TEMPS];
} temps = {.busy = ATOMIC_FLAG_INIT};

static void temps_lock(void) {
  while (atomic_flag_test_and_set_explicit(&temps.busy,
                                           memory_order_acquire)) {
    sched_yield();
  }
}

static void temps_unlock(void) {
  atomic_flag_clear_explicit(&temps.busy, memory_order_release);
}

/* Takes block k out of the list. */
static void *temps_remove(int k) {
  sl_int *block = temps.block[k];
  temps.count--;
  for (int i = k; i < temps.count; i++) {
    temps.block[i] = temps.block[i + 1];
  }
  temps.bytes -= *block;
  return block;
}

/* The smallest kept block of that size and less than four times it. */
static void *temps_find(sl_int bytes) {
  int best = -1;
  for (int k = 0; k < temps.count; k++) {
    const sl_int *size = temps.block[k];
    if (*size >= bytes && *size / 4 <= bytes &&
        (best < 0 || *size < *(sl_int *)temps.block[best])) {
      best = k;
    }
  }
  return best < 0 ? NULL : temps_remove(best);
}

void *sl_temp_take(sl_int bytes) {
  if (bytes < 0 || bytes > INT64_MAX - 256) {
    return NULL;
  }
  sl_int *block = NULL;
  if (atomic_load(&malloc_fail) == 0) { /* else every taking may fail */
    temps_lock();
    block = temps_find(bytes);
    temps_unlock();
  }
  if (block == NULL) {
    block = sl_malloc_aligned(bytes + 64);
    if (block == NULL) {
      return NULL;
    }
    *block = bytes;
  }
  return (char *)block + 64;
}

/* Keeps the block, and lets the oldest go where there is no room. */
void sl_temp_give(void *p) {
  if (p == NULL) {
    return;
  }
  sl_int *block = (sl_int *)(void *)((char *)p - 64);
  void *gone[TEMPS + 1];
  int count = 0;
  temps_lock();
  bool keep = *block <= TEMP_BYTES;
  while (keep && (temps.count == TEMPS ||
                  temps.bytes + *block > TEMP_BYTES)) {
    gone[count++] = temps_remove(0);
  }
  if (keep) {
    temps.block[temps.count++] = block;
    temps.bytes += *block;
  } else {
    gone[count++] = block;
  }
  temps_unlock();
  while (count > 0) {
    sl_free(gone[--count]);
  }
}

int64_t sl_malloc_count(void) { return atomic_load(&malloc_count); }

void sl_malloc_fail_at(int64_t k) { atomic_store(&malloc_fail, k); }

/* ---- interrupt flag ------------------------------------------------------ */

static atomic_bool interrupt_flag; /* lock-free: safe in a signal handler */

void sl_interrupt_set(void) { atomic_store(&interrupt_flag, true); }
void sl_interrupt_clear(void) { atomic_store(&interrupt_flag, false); }
bool sl_interrupted(void) {
  return atomic_load_explicit(&interrupt_flag, memory_order_relaxed);
}

sl_status sl_poll(sl_err *err, const char *where) {
  return sl_interrupted() ? sl_fail(err, SL_EINTR, "%s: interrupted!", where)
                          : SL_OK;
}

static atomic_int guard_depth;

int sl_guard(void) { return atomic_load(&guard_depth); }
void sl_guard_set(int depth) { atomic_store(&guard_depth, depth); }

/* ---- threads, time, version ---------------------------------------------- */

enum { MAX_THREADS = 1024 };

static int thread_count; /* 0: not asked yet */

int sl_processors(void) {
  cpu_set_t set;
  int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
  return n >= 1 ? n : 1;
}

/* SADDLE_THREADS: 0 where it is not set or empty, -1 where it is no whole
** number in range. */
static int threads_wanted(const char *text) {
  if (text == NULL || *text == '\0') {
    return 0;
  }
  char *end;
  errno = 0;
  long n = strtol(text, &end, 10);
  bool good = errno == 0 && end != text && *end == '\0';
  return good && n >= 1 && n <= MAX_THREADS ? (int)n : -1;
}

sl_status sl_threads_start(sl_err *err) {
  const char *text = getenv("SADDLE_THREADS");
  if (thread_count == 0 && threads_wanted(text) < 0) {
    return sl_fail(err, SL_EARG,
                   "SADDLE_THREADS: expected a whole number from 1 to %d, got "
                   "'%.100s'",
                   MAX_THREADS, text);
  }
  sl_threads();
  return SL_OK;
}

int sl_threads_default(void) {
  int n = threads_wanted(getenv("SADDLE_THREADS"));
  return n >= 1 ? n : sl_processors();
}

int sl_threads(void) {
  if (thread_count == 0) {
    thread_count = sl_threads_default();
  }
  return thread_count;
}

sl_status sl_threads_set(int n, sl_err *err) {
  if (n < 1 || n > MAX_THREADS) {
    return sl_fail(err, SL_EARG, "threads: expected 1 to %d, got %d",
                   MAX_THREADS, n);
  }
  thread_count = n;
  return SL_OK;
}

double sl_clock(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

const char *sl_version(void) { return SL_VERSION; }
