/* test_reduce.c: reductions, scans, softmax, matrix products, gather, against
** naive loops in long double over sl_get, in every layout; the same bits on one
** and two threads. MIT licence. */
#include "tensors.h"

TestSuite(reduce, .fini = free_made);

static void assert_near(const sl_tensor *x, sl_int p, real want, double tol,
                        const char *what) {
  double got = sl_get(x, p);
  cr_assert(fabsl((real)got - want) <= (real)tol, "%s at %d: %.17g, expected "
            "%.17g", what, (int)p, got, (double)want);
}

static void assert_same(const sl_tensor *a, const sl_tensor *b) {
  cr_assert(sl_type_eq(&a->type, &b->type));
  for (sl_int p = 0; p < sl_numel(&a->type); p++) {
    double x = sl_get(a, p), y = sl_get(b, p);
    cr_assert(memcmp(&x, &y, sizeof x) == 0, "at %d: %.17g and %.17g", (int)p,
              x, y);
  }
}

/* ---- reductions ---------------------------------------------------------- */

/* The position in the result of the element at row-major position p. */
static sl_int kept_position(const sl_type *t, uint32_t axes, sl_int p) {
  sl_int at[SL_MAXDIM], q = 0;
  for (int j = t->ndim - 1; j >= 0; j--) {
    at[j] = p % t->shape[j];
    p /= t->shape[j];
  }
  for (int j = 0; j < t->ndim; j++) {
    q = axes >> j & 1 ? q : q * t->shape[j] + at[j];
  }
  return q;
}

static sl_tensor make_reduced(sl_dtype d, const sl_type *t, uint32_t axes) {
  sl_int shape[SL_MAXDIM];
  int n = 0;
  for (int j = 0; j < t->ndim; j++) {
    if (!(axes >> j & 1)) {
      shape[n++] = t->shape[j];
    }
  }
  return make(d, n, shape);
}

/* Pairwise sums: eps (log2(n / 128) + 128 / 8 + 3) sum |x| bounds the tree. */
static void check_reduction(const sl_tensor *x, uint32_t axes) {
  enum { ROOM = 4096 };
  static real sum[ROOM], size[ROOM], max[ROOM], min[ROOM];
  sl_tensor s = make_reduced(SL_F64, &x->type, axes), sh = hostile(&s);
  sl_int kept = sl_numel(&s.type), n = sl_numel(&x->type);
  for (sl_int q = 0; q < kept; q++) {
    sum[q] = size[q] = 0;
    max[q] = -(real)inf;
    min[q] = (real)inf;
  }
  for (sl_int p = 0; p < n; p++) {
    sl_int q = kept_position(&x->type, axes, p);
    real v = (real)sl_get(x, p);
    sum[q] += v;
    size[q] += fabsl(v);
    max[q] = v > max[q] ? v : max[q];
    min[q] = v < min[q] ? v : min[q];
  }
  sl_err err;
  cr_assert_eq(sl_reduce(SL_RSUM, &s, x, axes, &err), SL_OK, "%s", err.msg);
  cr_assert_eq(sl_reduce(SL_RSUM, &sh, x, axes, &err), SL_OK);
  assert_same(&s, &sh);
  for (sl_int q = 0; q < kept; q++) {
    double tol = DBL_EPSILON / 2 * (16 + 3 + 12) * (double)size[q];
    assert_near(&s, q, sum[q], tol, "sum");
  }
  if (n == 0) {
    return;
  }
  cr_assert_eq(sl_reduce(SL_RMAX, &s, x, axes, &err), SL_OK);
  cr_assert_eq(sl_reduce(SL_RMIN, &sh, x, axes, &err), SL_OK);
  for (sl_int q = 0; q < kept; q++) {
    assert_near(&s, q, max[q], 0, "max");
    assert_near(&sh, q, min[q], 0, "min");
  }
}

Test(reduce, reductions_over_every_set_of_axes) {
  static const struct {
    int ndim;
    sl_int n[4];
  } shapes[] = {{0, {0}},         {1, {1}},          {1, {129}},
                {2, {5, 300}},    {2, {300, 5}},     {2, {700, 1}},
                {3, {3, 4, 5}},   {3, {130, 2, 9}},  {4, {3, 17, 2, 20}},
                {2, {3, 40000}},  {2, {40000, 3}},   {3, {3, 0, 2}},
                {3, {20, 50, 60}}};
  for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
    int nd = shapes[s].ndim;
    sl_tensor x = random_tensor(SL_F64, nd, shapes[s].n), h = hostile(&x);
    for (uint32_t axes = 0; axes < 1u << nd; axes++) {
      sl_tensor out = make_reduced(SL_F64, &x.type, axes);
      sl_int kept = sl_numel(&out.type);
      if (kept > 4096) {
        continue;
      }
      check_reduction(&x, axes);
      check_reduction(&h, axes);
      sl_tensor again = make_reduced(SL_F64, &x.type, axes);
      sl_reduce(SL_RSUM, &out, &x, axes, NULL);
      sl_reduce(SL_RSUM, &again, &h, axes, NULL);
      assert_same(&out, &again); /* the layout changes no bit */
    }
  }
}

Test(reduce, a_million_is_summed_to_rounding) {
  sl_tensor x = make(SL_F64, SHAPE(1000000)), s = scalar(SL_F64);
  real want = 0;
  for (sl_int p = 0; p < 1000000; p++) {
    double v = uniform(0, 1);
    sl_set(&x, p, v, 0);
    want += (real)v;
  }
  sl_reduce(SL_RSUM, &s, &x, 1, NULL);
  cr_assert(fabsl(((real)sl_get(&s, 0) - want) / want) < 1e-15L);
  sl_tensor f = make(SL_F32, SHAPE(1000000)), fs = scalar(SL_F32);
  sl_copy(&f, &x, NULL);
  sl_reduce(SL_RSUM, &fs, &f, 1, NULL);
  want = 0;
  for (sl_int p = 0; p < 1000000; p++) {
    want += (real)sl_get(&f, p);
  }
  cr_assert_eq((float)sl_get(&fs, 0), (float)want);
}

Test(reduce, reductions_of_integers) {
  sl_tensor u = make(SL_U8, SHAPE(100, 1000)), i = make(SL_I64, SHAPE(2));
  sl_fill(&u, 0, 255);
  sl_tensor s = scalar(SL_I64), m = scalar(SL_U8), wrong = scalar(SL_U8);
  sl_reduce(SL_RSUM, &s, &u, 3, NULL);
  cr_assert_eq(sl_geti(&s, 0), 25500000);
  sl_reduce(SL_RMIN, &m, &u, 3, NULL);
  cr_assert_eq(sl_geti(&m, 0), 255);
  cr_assert_eq(sl_reduce(SL_RSUM, &wrong, &u, 3, NULL), SL_ESHAPE);
  sl_set(&i, 0, 0, INT64_MAX);
  sl_set(&i, 1, 0, 2);
  sl_reduce(SL_RSUM, &s, &i, 1, NULL);
  cr_assert_eq(sl_geti(&s, 0), INT64_MIN + 1);
  sl_reduce(SL_RMAX, &s, &i, 1, NULL);
  cr_assert_eq(sl_geti(&s, 0), INT64_MAX);
  sl_tensor big = make(SL_I64, SHAPE(100000));
  sl_fill(&big, 0, -3);
  sl_reduce(SL_RSUM, &s, &big, 1, NULL);
  cr_assert_eq(sl_geti(&s, 0), -300000);
}

Test(reduce, reductions_pass_nan_and_refuse_nothing) {
  sl_tensor x = iota(SL_F64, SHAPE(50, 1000)), s = scalar(SL_F64);
  sl_tensor rows = make(SL_F64, SHAPE(50)), none = make(SL_F64, SHAPE(0, 3));
  sl_tensor three = make(SL_F64, SHAPE(3)), zero = make(SL_F64, SHAPE(0));
  for (sl_int p = 0; p < 50000; p += 7919) {
    sl_tensor y = make(SL_F64, SHAPE(50, 1000));
    sl_copy(&y, &x, NULL);
    sl_set(&y, p, not_a_number, 0);
    for (sl_reduction r = SL_RSUM; r <= SL_RMIN; r++) {
      sl_reduce(r, &s, &y, 3, NULL);
      cr_assert(isnan(sl_get(&s, 0)));
      sl_reduce(r, &rows, &y, 2, NULL);
      for (sl_int q = 0; q < 50; q++) {
        cr_assert_eq(isnan(sl_get(&rows, q)) != 0, q == p / 1000);
      }
    }
  }
  sl_err err;
  cr_assert_eq(sl_reduce(SL_RSUM, &three, &none, 1, &err), SL_OK);
  cr_assert(sl_get(&three, 0) == 0 && sl_get(&three, 2) == 0);
  cr_assert_eq(sl_reduce(SL_RMAX, &three, &none, 1, &err), SL_EARG);
  cr_assert_eq(sl_reduce(SL_RMAX, &zero, &none, 2, &err), SL_OK);
  sl_fill(&x, -inf, 0);
  sl_reduce(SL_RMAX, &s, &x, 3, NULL);
  cr_assert_eq(sl_get(&s, 0), -inf);
}

Test(reduce, positions_and_running_sums) {
  sl_tensor x = random_tensor(SL_F64, SHAPE(30, 7, 200)), h = hostile(&x);
  for (int axis = 0; axis < 3; axis++) {
    sl_tensor at = make_reduced(SL_I64, &x.type, 1u << axis);
    sl_tensor sums = make(SL_F64, SHAPE(30, 7, 200)), best;
    sl_int n = x.type.shape[axis];
    cr_assert_eq(sl_argext(true, &at, &h, axis, NULL), SL_OK);
    cr_assert_eq(sl_cumsum(&sums, &h, axis, NULL), SL_OK);
    best = make_reduced(SL_F64, &x.type, 1u << axis);
    sl_reduce(SL_RMAX, &best, &x, 1u << axis, NULL);
    for (sl_int q = 0; q < sl_numel(&at.type); q++) {
      sl_tensor line = x, run = sums;
      sl_int p = q;
      for (int j = 2; j >= 0; j--) { /* from the last, so axes keep numbers */
        if (j != axis) {
          sl_int i = p % x.type.shape[j];
          p /= x.type.shape[j];
          sl_view_index(&line, &line, j, i);
          sl_view_index(&run, &run, j, i);
        }
      }
      cr_assert_eq(sl_get(&line, sl_geti(&at, q)), sl_get(&best, q));
      real sum = 0;
      for (sl_int k = 0; k < n; k++) {
        sum += (real)sl_get(&line, k);
        assert_near(&run, k, sum, 200 * DBL_EPSILON * 20, "cumsum");
      }
    }
  }
  sl_err err;
  sl_tensor none = make(SL_F64, SHAPE(3, 0)), at = make(SL_I64, SHAPE(3));
  cr_assert_eq(sl_argext(true, &at, &none, 1, &err), SL_EARG);
  cr_assert_eq(sl_cumsum(&none, &none, 1, &err), SL_OK);
  cr_assert_eq(sl_argext(true, &at, &x, 1, &err), SL_ESHAPE);
}

/* ---- softmax ------------------------------------------------------------- */

static void check_softmax(const double *x, const double *want, double lse) {
  sl_tensor t = make(SL_F64, SHAPE(3, 1)), s = make(SL_F64, SHAPE(3, 1));
  sl_tensor l = make(SL_F64, SHAPE(1));
  for (int k = 0; k < 3; k++) {
    sl_set(&t, k, x[k], 0);
  }
  cr_assert_eq(sl_softmax(&s, &t, 0, NULL), SL_OK);
  cr_assert_eq(sl_logsumexp(&l, &t, 0, NULL), SL_OK);
  for (int k = 0; k < 3; k++) {
    double got = sl_get(&s, k);
    cr_assert(isnan(want[k]) ? isnan(got)
                             : fabs(got - want[k]) <= 4 * DBL_EPSILON,
              "softmax %g, expected %g", got, want[k]);
  }
  double got = sl_get(&l, 0);
  cr_assert(isnan(lse) ? isnan(got)
                       : got == lse || fabs(got - lse) <= 4e-16 * fabs(lse),
            "logsumexp %g, expected %g", got, lse);
}

Test(reduce, softmax_at_the_extremes) {
  double n = not_a_number;
  check_softmax((double[]){0, 0, 0}, (double[]){1. / 3, 1. / 3, 1. / 3},
                log(3));
  check_softmax((double[]){1e308, 0, -1e308}, (double[]){1, 0, 0}, 1e308);
  check_softmax((double[]){-1e5, -1e5, -inf}, (double[]){0.5, 0.5, 0},
                -1e5 + log(2));
  check_softmax((double[]){-inf, -inf, -inf}, (double[]){n, n, n}, -inf);
  check_softmax((double[]){inf, 0, 0}, (double[]){n, n, n}, inf);
  check_softmax((double[]){n, 0, 0}, (double[]){n, n, n}, n);
}

Test(reduce, softmax_along_any_axis) {
  sl_tensor x = random_tensor(SL_F64, SHAPE(20, 30, 70)), h = hostile(&x);
  for (int axis = 0; axis < 3; axis++) {
    sl_tensor s = make(SL_F64, SHAPE(20, 30, 70)), sh = hostile(&s);
    sl_tensor l = make_reduced(SL_F64, &x.type, 1u << axis);
    cr_assert_eq(sl_softmax(&s, &x, axis, NULL), SL_OK);
    cr_assert_eq(sl_softmax(&sh, &h, axis, NULL), SL_OK);
    assert_same(&s, &sh);
    cr_assert_eq(sl_logsumexp(&l, &h, axis, NULL), SL_OK);
    for (sl_int p = 0; p < sl_numel(&x.type); p++) {
      sl_int q = kept_position(&x.type, 1u << axis, p);
      real want = expl((real)sl_get(&x, p) - (real)sl_get(&l, q));
      assert_near(&s, p, want, 8 * DBL_EPSILON, "softmax");
    }
  }
  sl_tensor none = make(SL_F64, SHAPE(2, 0)), l = make(SL_F64, SHAPE(2));
  cr_assert_eq(sl_softmax(&none, &none, 1, NULL), SL_OK);
  cr_assert_eq(sl_logsumexp(&l, &none, 1, NULL), SL_OK);
  cr_assert_eq(sl_get(&l, 1), -inf);
  sl_tensor i = iota(SL_I64, SHAPE(3));
  cr_assert_eq(sl_softmax(&i, &i, 0, NULL), SL_EDTYPE);
  sl_tensor f = random_tensor(SL_F32, SHAPE(4, 300)), fs = hostile(&f);
  sl_tensor sums = make(SL_F32, SHAPE(4));
  sl_softmax(&fs, &f, 1, NULL);
  sl_reduce(SL_RSUM, &sums, &fs, 2, NULL);
  for (int k = 0; k < 4; k++) {
    assert_near(&sums, k, 1, 1e-6, "sum of f32 softmax");
  }
}

/* ---- matmul -------------------------------------------------------------- */

static double at3(const sl_tensor *t, sl_int s, sl_int i, sl_int j) {
  sl_int m = t->type.shape[t->type.ndim - 2];
  sl_int n = t->type.shape[t->type.ndim - 1];
  return sl_get(t, (s * m + i) * n + j);
}

static void check_matmul(const sl_tensor *a, const sl_tensor *b, bool ta,
                         bool tb, sl_tensor *out) {
  sl_err err;
  cr_assert_eq(sl_matmul(out, a, b, ta, tb, &err), SL_OK, "%s", err.msg);
  int nd = a->type.ndim;
  sl_int k = a->type.shape[nd - (ta ? 2 : 1)];
  sl_int m = out->type.shape[nd - 2], n = out->type.shape[nd - 1];
  sl_int batch = m * n > 0 ? sl_numel(&out->type) / (m * n) : 0;
  double eps = a->type.dtype == SL_F32 ? (double)FLT_EPSILON : DBL_EPSILON;
  for (sl_int s = 0; s < batch; s++) {
    for (sl_int i = 0; i < m; i++) {
      for (sl_int j = 0; j < n; j++) {
        real want = 0, size = 0;
        for (sl_int l = 0; l < k; l++) {
          real x = (real)(ta ? at3(a, s, l, i) : at3(a, s, i, l));
          real y = (real)(tb ? at3(b, s, j, l) : at3(b, s, l, j));
          want += x * y;
          size += fabsl(x * y);
        }
        assert_near(out, (s * m + i) * n + j, want,
                    (double)(k + 1) * eps / 2 * (double)size, "matmul");
      }
    }
  }
}

static void check_all_transposes(sl_dtype d, sl_int m, sl_int n, sl_int k) {
  for (int t = 0; t < 4; t++) {
    bool ta = t & 1, tb = t & 2;
    sl_tensor a = random_tensor(d, 2, ta ? (sl_int[]){k, m} : (sl_int[]){m, k});
    sl_tensor b = random_tensor(d, 2, tb ? (sl_int[]){n, k} : (sl_int[]){k, n});
    sl_tensor out = make(d, SHAPE(m, n));
    sl_tensor ah = hostile(&a), bh = hostile(&b), oh = hostile(&out);
    check_matmul(&a, &b, ta, tb, &out);
    check_matmul(&ah, &b, ta, tb, &out);
    check_matmul(&a, &bh, ta, tb, &oh);
    check_matmul(&ah, &bh, ta, tb, &oh);
  }
}

Test(reduce, matmul_of_all_transposes) {
  static const sl_int sizes[][3] = {{1, 1, 1},   {2, 3, 4},   {20, 30, 10},
                                    {1, 50, 60}, {50, 1, 60}, {1, 1, 900},
                                    {30, 20, 1}, {0, 3, 2},   {3, 0, 2},
                                    {3, 2, 0},   {0, 0, 0},   {70, 65, 80}};
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
    check_all_transposes(SL_F64, sizes[s][0], sizes[s][1], sizes[s][2]);
    check_all_transposes(SL_F32, sizes[s][0], sizes[s][1], sizes[s][2]);
    check_all_transposes(SL_I64, sizes[s][0], sizes[s][1], sizes[s][2]);
  }
}

Test(reduce, matmul_of_batches) {
  static const sl_int sizes[][4] = {
      {5, 3, 4, 2}, {3, 20, 30, 10}, {400, 9, 8, 7}, {2, 70, 70, 70},
      {0, 3, 4, 2}, {3, 0, 4, 2},    {3, 4, 5, 0}};
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
    sl_int q = sizes[s][0], m = sizes[s][1], n = sizes[s][2], k = sizes[s][3];
    sl_tensor a = random_tensor(SL_F64, SHAPE(q, m, k)), ah = hostile(&a);
    sl_tensor b = random_tensor(SL_F64, SHAPE(q, k, n)), bh = hostile(&b);
    sl_tensor out = make(SL_F64, SHAPE(q, m, n)), oh = hostile(&out);
    check_matmul(&a, &b, false, false, &out);
    check_matmul(&ah, &bh, false, false, &oh);
    sl_tensor shared = random_tensor(SL_F64, SHAPE(k, n)), all;
    sl_view_broadcast(&all, &shared, &b.type);
    check_matmul(&a, &all, false, false, &out); /* folded */
    check_matmul(&ah, &all, false, false, &oh);
    check_matmul(&ah, &all, false, false, &out);
    sl_tensor left = random_tensor(SL_F64, SHAPE(m, k));
    sl_view_broadcast(&all, &left, &a.type);
    check_matmul(&all, &b, false, false, &out);
    sl_tensor at = random_tensor(SL_F64, SHAPE(q, k, m));
    sl_tensor bt = random_tensor(SL_F64, SHAPE(q, n, k));
    check_matmul(&at, &bt, true, true, &oh);
  }
  sl_tensor a = random_tensor(SL_F64, SHAPE(2, 3, 4, 5));
  sl_tensor b = random_tensor(SL_F64, SHAPE(2, 3, 5, 6)), bh = hostile(&b);
  sl_tensor out = make(SL_F64, SHAPE(2, 3, 4, 6));
  check_matmul(&a, &bh, false, false, &out);
}

Test(reduce, matmul_says_what_differs) {
  sl_tensor a = iota(SL_F64, SHAPE(3, 4)), b = iota(SL_F64, SHAPE(3, 5));
  sl_tensor out = make(SL_F64, SHAPE(3, 5)), f = iota(SL_F32, SHAPE(4, 5));
  sl_err err;
  cr_assert_eq(sl_matmul(&out, &a, &b, false, false, &err), SL_ESHAPE);
  cr_assert_str_eq(err.msg, "matmul: inner sizes differ: a is [3 x 4] f64, b "
                            "is [3 x 5] f64");
  cr_assert_eq(sl_matmul(&out, &a, &f, false, false, &err), SL_EDTYPE);
}

/* ---- gather and scatter -------------------------------------------------- */

static void check_gather(sl_dtype d, int axis, const sl_tensor *idx) {
  sl_tensor x = random_tensor(d, SHAPE(4, 6, 5)), h = hostile(&x);
  sl_int shape[SL_MAXDIM];
  int n = 0;
  for (int j = 0; j < 3; j++) {
    if (j != axis) {
      shape[n++] = x.type.shape[j];
      continue;
    }
    for (int i = 0; i < idx->type.ndim; i++) {
      shape[n++] = idx->type.shape[i];
    }
  }
  sl_tensor out = make(d, n, shape), oh = hostile(&out);
  sl_tensor upd = random_tensor(d, n, shape), uh = hostile(&upd);
  sl_err err;
  cr_assert_eq(sl_gather(&out, &x, idx, axis, &err), SL_OK, "%s", err.msg);
  cr_assert_eq(sl_gather(&oh, &h, idx, axis, &err), SL_OK);
  assert_same(&out, &oh);
  sl_int inner = 1, count = sl_numel(&idx->type), extent = x.type.shape[axis];
  for (int j = axis + 1; j < 3; j++) {
    inner *= x.type.shape[j];
  }
  sl_tensor sum = make(d, SHAPE(4, 6, 5)), sh = hostile(&sum);
  sl_tensor want = make(d, SHAPE(4, 6, 5));
  sl_fill(&want, 0, 0);
  for (sl_int p = 0; p < sl_numel(&out.type); p++) {
    sl_int b = p % inner, i = p / inner % count, a = p / inner / count;
    sl_int from = (a * extent + sl_geti(idx, i)) * inner + b;
    cr_assert_eq(sl_get(&out, p), sl_get(&x, from));
    sl_set(&want, from, sl_get(&want, from) + sl_get(&upd, p),
           sl_geti(&want, from) + sl_geti(&upd, p));
  }
  cr_assert_eq(sl_scatter(&sum, &uh, idx, axis, &err), SL_OK, "%s", err.msg);
  cr_assert_eq(sl_scatter(&sh, &upd, idx, axis, &err), SL_OK);
  assert_same(&sum, &want);
  assert_same(&sh, &want);
}

Test(reduce, gather_and_scatter) {
  sl_tensor idx = make(SL_I64, SHAPE(3, 5)), one = make(SL_I64, 0, NULL);
  sl_tensor none = make(SL_I64, SHAPE(0));
  for (sl_int p = 0; p < 15; p++) {
    sl_set(&idx, p, 0, p * 7 % 4);
  }
  sl_set(&one, 0, 0, 3);
  sl_tensor h = hostile(&idx);
  for (int axis = 0; axis < 3; axis++) {
    for (int d = 0; d < SL_NDTYPE; d++) {
      check_gather((sl_dtype)d, axis, &idx);
      check_gather((sl_dtype)d, axis, &h);
      check_gather((sl_dtype)d, axis, &one);
      check_gather((sl_dtype)d, axis, &none);
    }
  }
}

Test(reduce, gather_checks_indices) {
  sl_tensor x = iota(SL_F64, SHAPE(4)), idx = make(SL_I64, SHAPE(2));
  sl_tensor out = make(SL_F64, SHAPE(2));
  sl_err err;
  sl_set(&idx, 0, 0, 1);
  sl_set(&idx, 1, 0, 4);
  cr_assert_eq(sl_gather(&out, &x, &idx, 0, &err), SL_EINDEX);
  cr_assert_str_eq(err.msg, "gather: index 5 is outside axis 1 of size 4");
  sl_set(&idx, 1, 0, -1);
  cr_assert_eq(sl_scatter(&x, &out, &idx, 0, &err), SL_EINDEX);
  cr_assert_eq(sl_get(&x, 3), 3);
}

/* ---- threads ------------------------------------------------------------- */

/* The same work on one and on two threads: the same bits. */
Test(reduce, thread_count_changes_no_bit) {
  sl_tensor a = random_tensor(SL_F64, SHAPE(300, 400)), h = hostile(&a);
  sl_tensor q = random_tensor(SL_F64, SHAPE(90, 20, 20));
  sl_tensor k = random_tensor(SL_F64, SHAPE(20000, 6));
  sl_tensor f = random_tensor(SL_F32, SHAPE(300, 400));
  sl_tensor r[2][8];
  for (int t = 0; t < 2; t++) {
    cr_assert_eq(sl_threads_set(t + 1, NULL), SL_OK);
    r[t][0] = scalar(SL_F64);
    sl_reduce(SL_RSUM, &r[t][0], &h, 3, NULL);
    r[t][1] = make(SL_F64, SHAPE(400));
    sl_reduce(SL_RSUM, &r[t][1], &a, 1, NULL);
    r[t][2] = make(SL_F64, SHAPE(300, 300));
    sl_matmul(&r[t][2], &a, &h, false, true, NULL);
    r[t][3] = make(SL_F64, SHAPE(90, 20, 20));
    sl_matmul(&r[t][3], &q, &q, false, true, NULL);
    r[t][4] = make(SL_F64, SHAPE(6, 6));
    sl_matmul(&r[t][4], &k, &k, true, false, NULL);
    r[t][5] = make(SL_F64, SHAPE(300, 400));
    sl_softmax(&r[t][5], &h, 0, NULL);
    r[t][6] = make(SL_F32, SHAPE(300, 300));
    sl_matmul(&r[t][6], &f, &f, false, true, NULL);
    r[t][7] = make(SL_F64, SHAPE(300, 400));
    sl_map(SL_LANE_exp, &r[t][7], 1, (const sl_tensor *[]){&h}, NULL);
  }
  for (int i = 0; i < 8; i++) {
    assert_same(&r[0][i], &r[1][i]);
  }
}

Test(reduce, every_allocation_may_fail) {
  sl_tensor a = random_tensor(SL_F64, SHAPE(40, 50)), h = hostile(&a);
  sl_tensor out = make(SL_F64, SHAPE(40, 40)), oh = hostile(&out);
  sl_tensor x = iota(SL_F64, SHAPE(100000)), s = scalar(SL_F64);
  for (int k = 1; k <= 3; k++) { /* both operands and the result are packed */
    sl_malloc_fail_at(k);
    cr_assert_eq(sl_matmul(&oh, &h, &h, false, true, NULL), SL_ENOMEM);
  }
  sl_malloc_fail_at(1);
  cr_assert_eq(sl_reduce(SL_RSUM, &s, &x, 1, NULL), SL_ENOMEM);
  sl_malloc_fail_at(0);
}
