/* tensors.h: what the tensor tests share: random tensors, hostile layouts of
** them. Included once by each suite. MIT licence. */
#ifndef TENSORS_H
#define TENSORS_H

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/tensor.h"

#define not_a_number __builtin_nan("") /* NAN is a float */
static const double inf = HUGE_VAL;

typedef long double real;

static uint64_t seed = 1;

static double uniform(double lo, double hi) {
  seed = seed * 6364136223846793005u + 1442695040888963407u;
  return lo + (hi - lo) * ((double)(seed >> 11) * 0x1p-53);
}

#define SHAPE(...)                                         \
  (int)(sizeof((sl_int[]){__VA_ARGS__}) / sizeof(sl_int)), \
      (sl_int[]){__VA_ARGS__}

static sl_type type(sl_dtype d, int ndim, const sl_int *shape) {
  sl_type t;
  cr_assert_eq(sl_type_make(&t, d, ndim, shape, NULL), SL_OK);
  return t;
}

/* What a test makes lives until its end: a list through the block's front. */
static void *made;

static void free_made(void) {
  while (made != NULL) {
    void *next = *(void **)made;
    sl_free(made);
    made = next;
  }
}

static sl_tensor make(sl_dtype d, int ndim, const sl_int *shape) {
  sl_type t = type(d, ndim, shape);
  char *block = sl_malloc(64 + sl_numel(&t) * sl_dtype_size(d));
  cr_assert(block != NULL);
  *(void **)(void *)block = made;
  made = block;
  sl_tensor x;
  sl_tensor_init(&x, &t, block + 64);
  return x;
}

static sl_tensor scalar(sl_dtype d) { return make(d, 0, NULL); }

static sl_tensor random_tensor(sl_dtype d, int ndim, const sl_int *shape) {
  sl_tensor x = make(d, ndim, shape);
  for (sl_int p = 0; p < sl_numel(&x.type); p++) {
    double v = uniform(-1, 1) / 0.9; /* full mantissas: sums must round */
    sl_set(&x, p, v, (sl_int)uniform(0, 100));
  }
  return x;
}

static sl_tensor iota(sl_dtype d, int ndim, const sl_int *shape) {
  sl_tensor x = make(d, ndim, shape);
  for (sl_int p = 0; p < sl_numel(&x.type); p++) {
    sl_set(&x, p, (double)p, p);
  }
  return x;
}

/* The same values in another order of axes in memory (reversed), negated along
** the first axis, and with gaps: a copy laid out as hostile as possible. */
static sl_tensor hostile(const sl_tensor *x) {
  int ndim = x->type.ndim;
  sl_type wide = x->type;
  int perm[SL_MAXDIM];
  for (int j = 0; j < ndim; j++) {
    wide.shape[j] = 2 * x->type.shape[ndim - 1 - j] + 1;
    perm[j] = ndim - 1 - j;
  }
  sl_tensor w = make(wide.dtype, ndim, wide.shape), v = w;
  memset(w.data, 0, (size_t)(sl_numel(&w.type) * sl_dtype_size(wide.dtype)));
  sl_view_permute(&v, &v, perm);
  for (int j = 0; j < ndim; j++) {
    sl_int n = x->type.shape[j];
    if (j == 0) {
      sl_view_slice(&v, &v, j, n > 0 ? 2 * n - 1 : 0, -2, n);
    } else {
      sl_view_slice(&v, &v, j, 1, 2, n);
    }
  }
  cr_assert_eq(sl_copy(&v, x, NULL), SL_OK);
  return v;
}

#endif
