/* nums.h: what the suites of num share: small matrices that live as long as
** the test, plain products of them; what every entry must survive. Included
** once by a suite.  MIT licence. */
#ifndef NUMS_H
#define NUMS_H

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "num/num.h"

static uint64_t seed = 88172645463325252u;

static inline double uniform(void) { /* xorshift64, in (-1, 1) */
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return (double)(seed >> 11) * 0x1p-52 - 1;
}

/* Storage of the test that runs; freed when it ends. */
static void *owned[4096];
static int nowned;

static inline void free_owned(void) {
  while (nowned > 0) {
    free(owned[--nowned]);
  }
}

static inline void *own(size_t bytes) {
  cr_assert_lt(nowned, (int)(sizeof owned / sizeof *owned));
  return owned[nowned++] = calloc(bytes + 1, 1);
}

static inline sl_tensor make(sl_dtype d, int ndim, sl_int a, sl_int b) {
  sl_int shape[2] = {a, b}, count = ndim == 0 ? 1 : (ndim == 1 ? a : a * b);
  sl_type type;
  sl_tensor t;
  cr_assert_eq(sl_type_make(&type, d, ndim, shape, NULL), SL_OK);
  sl_tensor_init(&t, &type, own(8 * (size_t)count));
  return t;
}

static inline sl_tensor filled(sl_dtype d, int ndim, sl_int a, sl_int b) {
  sl_tensor t = make(d, ndim, a, b);
  for (sl_int i = 0; i < sl_numel(&t.type); i++) {
    sl_set(&t, i, uniform(), 0);
  }
  return t;
}

static inline double *f64(sl_tensor t) { return t.data; }

static inline double at(sl_tensor t, sl_int i, sl_int j) {
  return sl_get(&t, i * t.type.shape[1] + j);
}

static inline sl_tensor symmetric(sl_dtype d, sl_int n) {
  sl_tensor t = filled(d, 2, n, n);
  for (sl_int i = 0; i < n; i++) {
    for (sl_int j = 0; j < i; j++) {
      sl_set(&t, j * n + i, at(t, i, j), 0);
    }
  }
  return t;
}

/* a b, plainly */
static inline sl_tensor times(sl_tensor a, sl_tensor b) {
  sl_int m = a.type.shape[0], k = a.type.shape[1], n = b.type.shape[1];
  sl_tensor c = make(SL_F64, 2, m, n);
  for (sl_int i = 0; i < m; i++) {
    for (sl_int j = 0; j < n; j++) {
      double sum = 0;
      for (sl_int l = 0; l < k; l++) {
        sum += at(a, i, l) * at(b, l, j);
      }
      sl_set(&c, i * n + j, sum, 0);
    }
  }
  return c;
}

static inline sl_tensor flipped(sl_tensor a) {
  int perm[2] = {1, 0};
  sl_tensor t;
  sl_view_permute(&t, &a, perm);
  return t;
}

static inline double apart(sl_tensor a, sl_tensor b) {
  double most = 0;
  cr_assert(sl_shape_eq(&a.type, &b.type));
  for (sl_int i = 0; i < sl_numel(&a.type); i++) {
    most = fmax(most, fabs(sl_get(&a, i) - sl_get(&b, i)));
  }
  return most;
}

static inline sl_tensor diagonal(sl_tensor w) {
  sl_int n = w.type.shape[0];
  sl_tensor D = make(SL_F64, 2, n, n);
  for (sl_int i = 0; i < n; i++) {
    sl_set(&D, i * n + i, sl_get(&w, i), 0);
  }
  return D;
}

static inline sl_tensor identity(sl_int n) {
  sl_tensor one = make(SL_F64, 1, n, 0);
  sl_fill(&one, 1, 1);
  return diagonal(one);
}

#define OK(call) cr_assert_eq((call), SL_OK, "%s", err.msg)

static const sl_dtype both[2] = {SL_F64, SL_F32};
static const double near_[2] = {1e-12, 2e-4};

/* A symmetric matrix of given rank with eigenvalues of both signs. */
static inline sl_tensor of_rank(sl_int n, sl_int rank) {
  sl_err err = {0};
  sl_tensor a = symmetric(SL_F64, n), w = make(SL_F64, 1, n, 0);
  sl_tensor V = make(SL_F64, 2, n, n);
  OK(sl_eigh(&w, &V, &a, &err));
  for (sl_int i = 0; i < n; i++) {
    double size = 1 + (double)i / (double)n;
    f64(w)[i] = i < rank ? (i % 3 ? size : -size) : 0;
  }
  return times(times(V, diagonal(w)), flipped(V));
}

/* call(which, job, err) for which below count: each is interrupted, and then
** runs out of memory at every allocation it makes. */
typedef sl_status entry(int which, void *job, sl_err *err);

static inline void stops_when_interrupted(entry *call, int count, void *job) {
  sl_err err = {0};
  for (int which = 0; which < count; which++) {
    OK(call(which, job, &err));
    sl_interrupt_set();
    cr_assert_eq(call(which, job, &err), SL_EINTR, "call %d", which);
    sl_interrupt_clear();
  }
}

static inline void reports_no_memory(entry *call, int count, void *job) {
  sl_err err = {0};
  for (int which = 0; which < count; which++) {
    int failures = 0;
    for (int64_t k = 1; k < 20; k++) {
      sl_malloc_fail_at(k);
      sl_status status = call(which, job, &err);
      sl_malloc_fail_at(0);
      cr_assert(status == SL_OK || status == SL_ENOMEM, "call %d: %s", which,
                err.msg);
      failures += status == SL_ENOMEM;
    }
    cr_assert_gt(failures, 0, "call %d never failed", which);
  }
}

#endif
