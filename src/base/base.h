/* base.h: what every layer stands on: status codes and messages, checked
** sizes, counted allocation, the interrupt flag, the thread count, version.
** The lowest layer: it includes nothing of Saddle's.  MIT licence. */
#ifndef SL_BASE_H
#define SL_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SL_VERSION "0.1.0"

typedef int64_t sl_int; /* sizes, strides, indices: always signed */

typedef enum sl_status {
#define SL_STATUS(code, text) code,
#include "base/errors.def"
#undef SL_STATUS
  SL_NSTATUS
} sl_status;

/* The caller's error buffer. Filled only on failure. */
typedef struct sl_err {
  sl_status code;
  char msg[768]; /* holds two shapes, two dtypes and a file name */
} sl_err;

#define SL_TRY(call)                      \
  do {                                    \
    sl_status status_ = (call);           \
    if (status_ != SL_OK) return status_; \
  } while (0)

/* sl_fail: fills err (which may be NULL) and returns code, so that a failing
** function ends in `return sl_fail(err, SL_ESHAPE, "matmul: ...")`. */
sl_status sl_fail(sl_err *err, sl_status code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* sl_status_text: the sentence of errors.def for a code. */
const char *sl_status_text(sl_status code);

/* sl_mul, sl_add: *out = a*b, a+b for a, b >= 0; false when it overflows. */
bool sl_mul(sl_int a, sl_int b, sl_int *out);
bool sl_add(sl_int a, sl_int b, sl_int *out);

/* sl_malloc, sl_realloc, sl_free: malloc with a count, and a switch that fails
** the k-th allocation from now (k = 0: never), for the out-of-memory tests.
** Core code allocates scratch only through these; sizes in bytes; 64-byte
** aligned is sl_malloc_aligned (free it with sl_free as well). */
void *sl_malloc(sl_int bytes);
void *sl_malloc_aligned(sl_int bytes);
void *sl_realloc(void *p, sl_int bytes);
void sl_free(void *p);
/* sl_temp_take, sl_temp_give: a 64-byte aligned block for the duration of one
** operation. Blocks given back are kept for the next, up to a bound, so that an
** operation that is repeated allocates once. Any thread. */
void *sl_temp_take(sl_int bytes);
void sl_temp_give(void *p);
int64_t sl_malloc_count(void);
void sl_malloc_fail_at(int64_t k);

/* The interrupt flag: set from a signal handler, polled by long loops, cleared
** by whoever reports the interrupt. sl_poll turns it into SL_EINTR. */
void sl_interrupt_set(void);
void sl_interrupt_clear(void);
bool sl_interrupted(void);
sl_status sl_poll(sl_err *err, const char *where);
/* How many drivers now running end in good order by themselves once the flag
** is set (see core.system.guard): the host then lets the first Ctrl-C pass. */
int sl_guard(void);
void sl_guard_set(int depth);

/* Thread count of OpenMP regions and of large LAPACK calls; at least 1. Unless
** set, it is sl_threads_default: SADDLE_THREADS, else the number of processors
** this process may use. sl_threads_start, called once at the start, refuses a
** SADDLE_THREADS that is no number (SL_EARG) unless the count is set already. */
int sl_threads(void);
sl_status sl_threads_set(int n, sl_err *err);
sl_status sl_threads_start(sl_err *err);
int sl_threads_default(void);
int sl_processors(void);

/* sl_clock: monotonic seconds. */
double sl_clock(void);

/* sl_version: "major.minor.patch". */
const char *sl_version(void);

#endif
