/* test_num.c: dense linear algebra, Krylov methods and network derivatives
** against identities, theory and independent computation.  MIT licence. */
#include <complex.h>
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "num/krylov.h"
#include "num/network.h"
#include "num/num.h"

static uint64_t seed = 88172645463325252u;

static double uniform(void) { /* xorshift64, in (-1, 1) */
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return (double)(seed >> 11) * 0x1p-52 - 1;
}

/* Storage of the test that runs; freed when it ends. */
static void *owned[4096];
static int nowned;

static void free_owned(void) {
  while (nowned > 0) {
    free(owned[--nowned]);
  }
}

TestSuite(num, .fini = free_owned);
TestSuite(krylov, .fini = free_owned);
TestSuite(network, .fini = free_owned);

static void *own(size_t bytes) {
  cr_assert_lt(nowned, (int)(sizeof owned / sizeof *owned));
  return owned[nowned++] = calloc(bytes + 1, 1);
}

static sl_tensor make(sl_dtype d, int ndim, sl_int a, sl_int b) {
  sl_int shape[2] = {a, b}, count = ndim == 0 ? 1 : (ndim == 1 ? a : a * b);
  sl_type type;
  sl_tensor t;
  cr_assert_eq(sl_type_make(&type, d, ndim, shape, NULL), SL_OK);
  sl_tensor_init(&t, &type, own(8 * (size_t)count));
  return t;
}

static sl_tensor filled(sl_dtype d, int ndim, sl_int a, sl_int b) {
  sl_tensor t = make(d, ndim, a, b);
  for (sl_int i = 0; i < sl_numel(&t.type); i++) {
    sl_set(&t, i, uniform(), 0);
  }
  return t;
}

static double *f64(sl_tensor t) { return t.data; }

static double at(sl_tensor t, sl_int i, sl_int j) {
  return sl_get(&t, i * t.type.shape[1] + j);
}

static sl_tensor symmetric(sl_dtype d, sl_int n) {
  sl_tensor t = filled(d, 2, n, n);
  for (sl_int i = 0; i < n; i++) {
    for (sl_int j = 0; j < i; j++) {
      sl_set(&t, j * n + i, at(t, i, j), 0);
    }
  }
  return t;
}

/* a b, plainly */
static sl_tensor times(sl_tensor a, sl_tensor b) {
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

static sl_tensor flipped(sl_tensor a) {
  int perm[2] = {1, 0};
  sl_tensor t;
  sl_view_permute(&t, &a, perm);
  return t;
}

static double apart(sl_tensor a, sl_tensor b) {
  double most = 0;
  cr_assert(sl_shape_eq(&a.type, &b.type));
  for (sl_int i = 0; i < sl_numel(&a.type); i++) {
    most = fmax(most, fabs(sl_get(&a, i) - sl_get(&b, i)));
  }
  return most;
}

static sl_tensor diagonal(sl_tensor w) {
  sl_int n = w.type.shape[0];
  sl_tensor D = make(SL_F64, 2, n, n);
  for (sl_int i = 0; i < n; i++) {
    sl_set(&D, i * n + i, sl_get(&w, i), 0);
  }
  return D;
}

static sl_tensor identity(sl_int n) {
  sl_tensor one = make(SL_F64, 1, n, 0);
  sl_fill(&one, 1, 1);
  return diagonal(one);
}

#define OK(call) cr_assert_eq((call), SL_OK, "%s", err.msg)

static const sl_dtype both[2] = {SL_F64, SL_F32};
static const double near_[2] = {1e-12, 2e-4};

Test(num, eigh) {
  sl_err err = {0};
  for (int k = 0; k < 2; k++) {
    sl_tensor a = symmetric(both[k], 40), V = make(both[k], 2, 40, 40);
    sl_tensor w = make(both[k], 1, 40, 0);
    OK(sl_eigh(&w, &V, &a, &err));
    for (sl_int i = 1; i < 40; i++) {
      cr_assert(sl_get(&w, i) >= sl_get(&w, i - 1));
    }
    sl_tensor back = times(times(V, diagonal(w)), flipped(V));
    cr_assert_lt(apart(back, a), near_[k]);
    cr_assert_lt(apart(times(flipped(V), V), identity(40)), near_[k]);
  }
}

Test(num, eigh_second_difference_matrix) {
  /* eigenvalues 2 - 2 cos(pi k / (n + 1)) */
  sl_err err = {0};
  sl_tensor a = make(SL_F64, 2, 9, 9), w = make(SL_F64, 1, 9, 0);
  for (int i = 0; i < 9; i++) {
    f64(a)[i * 9 + i] = 2;
    if (i > 0) {
      f64(a)[i * 9 + i - 1] = -1;
      f64(a)[(i - 1) * 9 + i] = -1;
    }
  }
  OK(sl_eigh(&w, NULL, &a, &err));
  for (int i = 0; i < 9; i++) {
    cr_assert_float_eq(f64(w)[i], 2 - 2 * cos(M_PI * (i + 1) / 10), 1e-14);
  }
}

Test(num, eig_complex_pairs) {
  sl_err err = {0};
  sl_int n = 11;
  sl_tensor a = filled(SL_F64, 2, n, n), re = make(SL_F64, 1, n, 0);
  sl_tensor im = make(SL_F64, 1, n, 0), V = make(SL_F64, 2, n, n);
  sl_tensor W = make(SL_F64, 2, n, n);
  OK(sl_eig(&re, &im, &V, &W, &a, &err));
  sl_tensor AV = times(a, V), AW = times(a, W);
  int complex_ones = 0;
  for (sl_int j = 0; j < n; j++) {
    double p = f64(re)[j], q = f64(im)[j], length = 0;
    complex_ones += q != 0;
    for (sl_int i = 0; i < n; i++) {
      double x = at(V, i, j), y = at(W, i, j);
      cr_assert_float_eq(at(AV, i, j), p * x - q * y, 1e-12);
      cr_assert_float_eq(at(AW, i, j), p * y + q * x, 1e-12);
      length += x * x + y * y;
    }
    cr_assert_float_eq(length, 1, 1e-12);
  }
  cr_assert_gt(complex_ones, 0); /* else the test has not tested */
}

Test(num, svd_and_qr) {
  sl_err err = {0};
  const sl_int sizes[3][2] = {{12, 7}, {7, 12}, {8, 8}};
  for (int c = 0; c < 6; c++) {
    sl_dtype d = both[c / 3];
    double tol = near_[c / 3];
    sl_int m = sizes[c % 3][0], n = sizes[c % 3][1], k = m < n ? m : n;
    sl_tensor a = filled(d, 2, m, n), U = make(d, 2, m, k);
    sl_tensor s = make(d, 1, k, 0), Vt = make(d, 2, k, n);
    sl_tensor Q = make(d, 2, m, k), R = make(d, 2, k, n);
    OK(sl_svd(&U, &s, &Vt, &a, &err));
    cr_assert_lt(apart(times(times(U, diagonal(s)), Vt), a), tol);
    cr_assert_lt(apart(times(Vt, flipped(Vt)), identity(k)), tol);
    OK(sl_qr(&Q, &R, &a, &err));
    cr_assert_lt(apart(times(Q, R), a), tol);
    cr_assert_lt(apart(times(flipped(Q), Q), identity(k)), tol);
    for (sl_int i = 1; i < k; i++) {
      cr_assert_eq(at(R, i, i - 1), 0);
    }
  }
}

Test(num, chol_lu_inv_det) {
  sl_err err = {0};
  sl_int n = 9;
  sl_tensor a = filled(SL_F64, 2, n, n), L = make(SL_F64, 2, n, n);
  sl_tensor U = make(SL_F64, 2, n, n), packed = make(SL_F64, 2, n, n);
  sl_tensor spd = times(a, flipped(a)), perm = make(SL_I64, 1, n, 0);
  OK(sl_chol(&L, &spd, &err));
  cr_assert_lt(apart(times(L, flipped(L)), spd), 1e-12);
  sl_tensor b = filled(SL_F64, 2, 6, 9), Lb = make(SL_F64, 2, 6, 6);
  sl_tensor Ub = make(SL_F64, 2, 6, 9), pb = make(SL_I64, 1, 6, 0);
  OK(sl_lu(&pb, &Lb, &Ub, NULL, &b, &err));
  sl_tensor LU = times(Lb, Ub);
  for (sl_int i = 0; i < 6; i++) {
    for (sl_int j = 0; j < 9; j++) {
      cr_assert_float_eq(at(LU, i, j), at(b, sl_geti(&pb, i), j), 1e-14);
    }
  }
  OK(sl_lu(&perm, &L, &U, &packed, &a, &err));
  sl_tensor inv = make(SL_F64, 2, n, n);
  OK(sl_inv(&inv, &a, &err));
  cr_assert_lt(apart(times(a, inv), identity(n)), 1e-11);
  sl_tensor det = make(SL_F64, 0, 0, 0), sign = make(SL_F64, 0, 0, 0);
  sl_tensor logabs = make(SL_F64, 0, 0, 0);
  OK(sl_det(&det, &spd, &err));
  OK(sl_slogdet(&sign, &logabs, &spd, &err));
  OK(sl_chol(&L, &spd, &err));
  double half = 0;
  for (sl_int i = 0; i < n; i++) {
    half += log(at(L, i, i));
  }
  cr_assert_eq(*f64(sign), 1);
  cr_assert_float_eq(*f64(logabs), 2 * half, 1e-11);
  cr_assert_float_eq(log(*f64(det)), 2 * half, 1e-11);
}

Test(num, det_of_known_matrices) {
  sl_err err = {0};
  double m[9] = {0, 2, 0, 3, 0, 0, 0, 0, 5};
  sl_tensor a = make(SL_F64, 2, 3, 3), out = make(SL_F64, 0, 0, 0);
  sl_tensor log_ = make(SL_F64, 0, 0, 0), none = make(SL_F64, 2, 0, 0);
  memcpy(a.data, m, sizeof m);
  OK(sl_det(&out, &a, &err));
  cr_assert_eq(*f64(out), -30);
  OK(sl_slogdet(&out, &log_, &a, &err));
  cr_assert_eq(*f64(out), -1);
  cr_assert_float_eq(*f64(log_), log(30), 1e-14);
  OK(sl_det(&out, &none, &err));
  cr_assert_eq(*f64(out), 1);
  f64(a)[8] = 0;
  OK(sl_slogdet(&out, &log_, &a, &err));
  cr_assert_eq(*f64(out), 0);
  cr_assert(isinf(*f64(log_)) && *f64(log_) < 0);
}

Test(num, errors_name_what_is_wrong) {
  sl_err err = {0};
  sl_tensor a = symmetric(SL_F64, 3), x = make(SL_F64, 2, 3, 3);
  sl_tensor w = make(SL_F64, 1, 3, 0);
  double singular[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  double indefinite[9] = {1, 2, 0, 2, 1, 0, 0, 0, 1};
  memcpy(a.data, singular, sizeof singular);
  cr_assert_eq(sl_inv(&x, &a, &err), SL_ESINGULAR);
  cr_assert(strstr(err.msg, "rcond"));
  memcpy(a.data, indefinite, sizeof indefinite);
  cr_assert_eq(sl_chol(&x, &a, &err), SL_EDOM);
  cr_assert(strstr(err.msg, "order 2"));
  f64(a)[5] = nan("");
  cr_assert_eq(sl_eigh(&w, NULL, &a, &err), SL_EDOM);
  cr_assert(strstr(err.msg, "row 2, column 3"), "%s", err.msg);
  f64(a)[5] = HUGE_VAL;
  cr_assert_eq(sl_svd(NULL, &w, NULL, &a, &err), SL_EDOM);
  sl_tensor wide = filled(SL_F64, 2, 3, 4);
  cr_assert_eq(sl_eigh(&w, NULL, &wide, &err), SL_ESHAPE);
  cr_assert(strstr(err.msg, "[3 x 4] f64"));
}

Test(num, solve_with_batches_and_transposes) {
  sl_err err = {0};
  sl_int shape[3] = {4, 5, 5}, shape_b[3] = {4, 5, 2};
  sl_type ta, tb;
  OK(sl_type_make(&ta, SL_F64, 3, shape, &err));
  OK(sl_type_make(&tb, SL_F64, 3, shape_b, &err));
  sl_tensor flat_a = filled(SL_F64, 1, 100, 0), a, b, x, r;
  sl_tensor flat_b = filled(SL_F64, 1, 40, 0);
  sl_tensor_init(&a, &ta, flat_a.data);
  sl_tensor_init(&b, &tb, flat_b.data);
  for (int trans = 0; trans < 2; trans++) {
    sl_tensor_init(&x, &tb, own(320));
    sl_tensor_init(&r, &tb, own(320));
    OK(sl_solve(&x, &a, &b, trans, &err));
    OK(sl_matmul(&r, &a, &x, trans, false, &err));
    cr_assert_lt(apart(r, b), 1e-11);
  }
}

/* A symmetric matrix of given rank with eigenvalues of both signs. */
static sl_tensor of_rank(sl_int n, sl_int rank) {
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

Test(num, pinv_lstsq_rank) {
  sl_err err = {0};
  sl_tensor a = of_rank(10, 6), p = make(SL_F64, 2, 10, 10);
  sl_tensor b = filled(SL_F64, 2, 10, 3), x = make(SL_F64, 2, 10, 3);
  sl_tensor s = make(SL_F64, 1, 10, 0);
  sl_int rank = -1;
  OK(sl_pinv(&p, &a, -1, &err));
  cr_assert_lt(apart(times(times(a, p), a), a), 1e-12);
  cr_assert_lt(apart(times(times(p, a), p), p), 1e-12);
  OK(sl_lstsq(&x, &rank, &s, &a, &b, -1, &err));
  cr_assert_eq(rank, 6);
  cr_assert_lt(apart(x, times(p, b)), 1e-12);
  OK(sl_matrix_rank(&rank, &a, -1, &err));
  cr_assert_eq(rank, 6);
  sl_tensor tall = filled(SL_F64, 2, 9, 4), wide = filled(SL_F64, 2, 4, 9);
  sl_tensor pt = make(SL_F64, 2, 4, 9), pw = make(SL_F64, 2, 9, 4);
  OK(sl_pinv(&pt, &tall, -1, &err));
  cr_assert_lt(apart(times(pt, tall), identity(4)), 1e-12);
  OK(sl_pinv(&pw, &wide, -1, &err));
  cr_assert_lt(apart(times(wide, pw), identity(4)), 1e-12);
  sl_tensor bw = filled(SL_F64, 2, 4, 2), xw = make(SL_F64, 2, 9, 2);
  OK(sl_lstsq(&xw, &rank, &s, &wide, &bw, -1, &err));
  cr_assert_lt(apart(xw, times(pw, bw)), 1e-12);
}

Test(num, ldl_rebuilds_and_inertia_counts) {
  sl_err err = {0};
  const sl_int sizes[5] = {0, 1, 7, 48, 200}; /* below and above one panel */
  for (int c = 0; c < 5; c++) {
    sl_int n = sizes[c], count[3];
    sl_tensor a = symmetric(SL_F64, n), L = make(SL_F64, 2, n, n);
    sl_tensor D = make(SL_F64, 2, n, n), perm = make(SL_I64, 1, n, 0);
    OK(sl_ldl(&L, &D, &perm, &a, &err));
    sl_tensor back = times(times(L, D), flipped(L));
    for (sl_int i = 0; i < n; i++) {
      for (sl_int j = 0; j < n; j++) {
        cr_assert_float_eq(at(back, i, j),
                           at(a, sl_geti(&perm, i), sl_geti(&perm, j)), 2e-12);
      }
    }
    sl_tensor w = make(SL_F64, 1, n, 0);
    OK(sl_eigh(&w, NULL, &a, &err));
    for (int t = -2; t <= 2; t++) {
      sl_int under = 0;
      for (sl_int i = 0; i < n; i++) {
        under += f64(w)[i] < t;
      }
      OK(sl_inertia(count, &a, t, -1, &err));
      cr_assert_eq(count[0], under);
      cr_assert_eq(count[0] + count[1] + count[2], n);
    }
  }
  sl_int count[3];
  sl_tensor low = of_rank(20, 12);
  OK(sl_inertia(count, &low, 0, 1e-10, &err));
  cr_assert_eq(count[0], 4);
  cr_assert_eq(count[1], 8);
  cr_assert_eq(count[2], 8);
}

Test(num, inertia_does_not_depend_on_scale) {
  sl_err err = {0};
  const double scale[4] = {0x1p-700, 0x1p-500, 0x1p500, 0x1p700};
  sl_int n = 21, want[3], count[3];
  sl_tensor a = symmetric(SL_F64, n), b = make(SL_F64, 2, n, n);
  for (sl_int i = 0; i < n; i++) { /* a zero diagonal: pivots of two rows */
    f64(a)[i * n + i] = 0;
  }
  OK(sl_inertia(want, &a, 0, -1, &err));
  cr_assert_eq(want[1], 0);
  for (int k = 0; k < 4; k++) {
    for (sl_int i = 0; i < n * n; i++) {
      f64(b)[i] = f64(a)[i] * scale[k];
    }
    OK(sl_inertia(count, &b, 0, -1, &err));
    for (int i = 0; i < 3; i++) {
      cr_assert_eq(count[i], want[i]);
    }
  }
}

Test(num, norms) {
  sl_err err = {0};
  double out, v[4] = {3, -4, 0, 12}, m[6] = {1, -2, 3, 4, 5, -6};
  sl_tensor a = make(SL_F64, 1, 4, 0), b = make(SL_F64, 2, 2, 3);
  memcpy(a.data, v, sizeof v);
  memcpy(b.data, m, sizeof m);
  OK(sl_norm(&out, &a, SL_NORM_FRO, 0, &err));
  cr_assert_float_eq(out, 13, 1e-14);
  OK(sl_norm(&out, &a, SL_NORM_P, 1, &err));
  cr_assert_eq(out, 19);
  OK(sl_norm(&out, &a, SL_NORM_P, HUGE_VAL, &err));
  cr_assert_eq(out, 12);
  OK(sl_norm(&out, &a, SL_NORM_P, 3, &err));
  cr_assert_float_eq(out, cbrt(27 + 64 + 1728), 1e-13);
  OK(sl_norm(&out, &b, SL_NORM_P, 1, &err));
  cr_assert_eq(out, 9);
  OK(sl_norm(&out, &b, SL_NORM_P, HUGE_VAL, &err));
  cr_assert_eq(out, 15);
  /* b b' = [14 -24; -24 77]: its eigenvalues are the squares of sigma */
  double mean = 45.5, radius = hypot(31.5, 24);
  OK(sl_norm(&out, &b, SL_NORM_P, 2, &err));
  cr_assert_float_eq(out, sqrt(mean + radius), 1e-13);
  OK(sl_norm(&out, &b, SL_NORM_NUC, 0, &err));
  cr_assert_float_eq(out, sqrt(mean + radius) + sqrt(mean - radius), 1e-13);
  f64(a)[0] = 3e200;
  f64(a)[1] = 4e200;
  OK(sl_norm(&out, &a, SL_NORM_FRO, 0, &err));
  cr_assert_float_eq(out / 5e200, 1, 1e-15);
}

Test(num, sizes_of_zero) {
  sl_err err = {0};
  sl_tensor a = make(SL_F64, 2, 0, 0), V = make(SL_F64, 2, 0, 0);
  sl_tensor w = make(SL_F64, 1, 0, 0), p = make(SL_I64, 1, 0, 0);
  sl_tensor thin = make(SL_F64, 2, 3, 0), flat = make(SL_F64, 2, 0, 3);
  sl_int rank;
  OK(sl_eigh(&w, &V, &a, &err));
  OK(sl_eig(&w, &w, &V, &V, &a, &err));
  OK(sl_svd(&thin, &w, &V, &thin, &err));
  OK(sl_qr(&thin, &V, &thin, &err));
  OK(sl_chol(&V, &a, &err));
  OK(sl_lu(&p, &V, &flat, NULL, &flat, &err));
  OK(sl_inv(&V, &a, &err));
  OK(sl_pinv(&flat, &thin, -1, &err));
  OK(sl_matrix_rank(&rank, &thin, -1, &err));
  cr_assert_eq(rank, 0);
  sl_tensor b = filled(SL_F64, 2, 0, 2), x = filled(SL_F64, 2, 3, 2);
  OK(sl_lstsq(&x, &rank, &w, &flat, &b, -1, &err));
  cr_assert_eq(sl_get(&x, 3), 0);
}

/* ---- Krylov -------------------------------------------------------------- */
static void product(sl_tensor a, const double *v, double *out) {
  sl_int n = a.type.shape[0];
  for (sl_int i = 0; i < n; i++) {
    out[i] = 0;
    for (sl_int j = 0; j < n; j++) {
      out[i] += f64(a)[i * n + j] * v[j];
    }
  }
}

static sl_minres minres(sl_tensor a, const double *b, sl_minres_opts o) {
  sl_int n = a.type.shape[0];
  sl_err err = {0};
  sl_minres s;
  double *work = own(8 * (size_t)(SL_MINRES_VECTORS * n));
  double *av = own(8 * (size_t)n);
  OK(sl_minres_init(&s, n, b, &o, work, &err));
  while (!s.done) {
    product(a, s.v, av);
    OK(sl_minres_step(&s, av, &err));
  }
  return s;
}

static void check_minres(sl_int n, sl_int rank, bool compatible,
                         double trancond) {
  sl_err err = {0};
  sl_tensor a = of_rank(n, rank), p = make(SL_F64, 2, n, n);
  sl_tensor b = filled(SL_F64, 2, n, 1);
  OK(sl_pinv(&p, &a, 1e-10, &err));
  b = compatible ? times(a, b) : b;
  sl_minres_opts o = sl_minres_default;
  o.trancond = trancond;
  o.rtol = 1e-12;
  sl_minres s = minres(a, b.data, o);
  sl_tensor want = times(p, b), r = times(a, want);
  double rest = 0, off = 0, size = 0;
  for (sl_int i = 0; i < n; i++) {
    rest += pow(f64(b)[i] - f64(r)[i], 2);
    off += pow(f64(want)[i] - s.x[i], 2);
    size += pow(f64(want)[i], 2);
  }
  /* without a solution the last component is a quotient of two numbers that
  ** vanish together: rounding eps * acondlim against a remainder of
  ** 1 / acondlim, some 1e-7 at the default of 1e7 */
  double tol = compatible || rank == n ? 1e-10 : 10 / o.acondlim;
  cr_assert_lt(sqrt(off / size), tol, "n %d rank %d compatible %d: off %g, %s",
               (int)n, (int)rank, compatible, sqrt(off / size),
               sl_minres_flag_name(s.flag));
  cr_assert_float_eq(s.residual, sqrt(rest), 1e-7 * (1 + sqrt(rest)));
  cr_assert(s.flag == (compatible || rank == n ? SL_MINRES_RESIDUAL
                                               : SL_MINRES_LEASTSQUARE) ||
                s.flag == SL_MINRES_ACONDLIM ||
                (!compatible && s.flag == SL_MINRES_MAXXNORM),
            "%s", sl_minres_flag_name(s.flag));
}

Test(krylov, minres_qlp_is_the_pseudo_inverse) {
  const double trancond[3] = {1, 1e4, 1e7};
  for (int t = 0; t < 3; t++) {
    for (int k = 0; k < 10; k++) {
      check_minres(30, 30, true, trancond[t]);
      check_minres(30, 18, true, trancond[t]);
      check_minres(30, 18, false, trancond[t]);
      check_minres(60, 3, false, trancond[t]);
      check_minres(60, 59, false, trancond[t]);
    }
  }
}

Test(krylov, minres_qlp_edges) {
  sl_tensor a = of_rank(6, 6), w = make(SL_F64, 1, 6, 0);
  sl_tensor V = make(SL_F64, 2, 6, 6);
  sl_err err = {0};
  double b[6] = {0};
  sl_minres s = minres(a, b, sl_minres_default);
  cr_assert_eq(s.flag, SL_MINRES_ZERO);
  OK(sl_eigh(&w, &V, &a, &err));
  sl_tensor d = diagonal(w);
  b[2] = 3; /* an eigenvector of d */
  s = minres(d, b, sl_minres_default);
  cr_assert_eq(s.flag, SL_MINRES_EIGENVECTOR);
  cr_assert_float_eq(s.x[2], 3 / f64(w)[2], 1e-15);
  f64(d)[2 * 6 + 2] = 0; /* b in the null space */
  s = minres(d, b, sl_minres_default);
  cr_assert_eq(s.flag, SL_MINRES_LEASTSQUARE);
  cr_assert_eq(s.x[2], 0);
  cr_assert_eq(s.residual, 3);
  f64(d)[2 * 6 + 2] = 1e-6; /* the answer is longer than allowed */
  sl_minres_opts o = sl_minres_default;
  o.maxit = 2;
  for (int i = 0; i < 6; i++) {
    b[i] = 1 + i;
  }
  s = minres(a, b, o);
  cr_assert_eq(s.flag, SL_MINRES_MAXIT);
  cr_assert_eq(s.iterations, 2);
}

Test(krylov, cg) {
  sl_err err = {0};
  sl_int n = 20;
  sl_tensor g = filled(SL_F64, 2, n, n), b = filled(SL_F64, 2, n, 1);
  sl_tensor a = times(g, flipped(g)), x = make(SL_F64, 2, n, 1);
  double work[SL_CG_VECTORS * 20], av[20];
  sl_cg s;
  OK(sl_solve(&x, &a, &b, false, &err));
  OK(sl_cg_init(&s, n, b.data, 1e-12, 0, work, &err));
  while (!s.done) {
    product(a, s.v, av);
    OK(sl_cg_step(&s, av, &err));
  }
  cr_assert_eq(s.flag, SL_CG_CONVERGED);
  for (int i = 0; i < n; i++) {
    cr_assert_float_eq(s.x[i], f64(x)[i], 1e-7 * (1 + fabs(f64(x)[i])));
  }
  sl_tensor saddle = of_rank(n, n);
  OK(sl_cg_init(&s, n, b.data, 1e-12, 0, work, &err));
  while (!s.done) {
    product(saddle, s.v, av);
    OK(sl_cg_step(&s, av, &err));
  }
  cr_assert_eq(s.flag, SL_CG_NEGATIVE);
  double bend = 0, length = 0;
  product(saddle, s.v, av);
  for (int i = 0; i < n; i++) {
    bend += s.v[i] * av[i];
    length += s.v[i] * s.v[i];
  }
  cr_assert_lt(bend, 0);
  cr_assert_float_eq(s.curvature, bend / length, 1e-12);
}

static sl_lanczos lanczos(sl_tensor a, const double *v0, sl_int steps) {
  sl_int n = a.type.shape[0];
  sl_err err = {0};
  sl_lanczos s;
  double *work = own(8 * (size_t)sl_lanczos_work(n, steps));
  double *av = own(8 * (size_t)n);
  OK(sl_lanczos_init(&s, n, v0, steps, work, &err));
  while (!s.done) {
    product(a, s.v, av);
    OK(sl_lanczos_step(&s, av, &err));
  }
  return s;
}

Test(krylov, lanczos_is_a_gauss_rule) {
  /* m nodes reproduce v'A^q v for q < 2m; at q = 2m the defect is the product
  ** of the squares of all m betas. */
  sl_err err = {0};
  sl_int n = 25, m = 5;
  sl_tensor a = of_rank(n, n), v = filled(SL_F64, 1, n, 0);
  double length = 0, theta[5], weight[5], x[25], y[25], defect = 1;
  for (int i = 0; i < n; i++) {
    length += f64(v)[i] * f64(v)[i];
  }
  for (int i = 0; i < n; i++) {
    f64(v)[i] /= sqrt(length);
  }
  sl_lanczos s = lanczos(a, v.data, m);
  OK(sl_tridiagonal(theta, weight, s.alpha, s.beta, m, &err));
  memcpy(x, v.data, sizeof x);
  for (int q = 0; q <= 2 * m; q++) {
    double moment = 0, rule = 0;
    for (int i = 0; i < n; i++) {
      moment += f64(v)[i] * x[i];
    }
    for (int i = 0; i < m; i++) {
      rule += weight[i] * pow(theta[i], q);
      defect *= q == 0 ? s.beta[i] * s.beta[i] : 1;
    }
    cr_assert_float_eq(moment - rule, q < 2 * m ? 0 : defect, 1e-11);
    product(a, x, y);
    memcpy(x, y, sizeof x);
  }
}

Test(krylov, lanczos_past_breakdown_shows_the_whole_spectrum) {
  /* three distinct eigenvalues with multiplicity: the space of one vector is
  ** exhausted after three steps */
  sl_err err = {0};
  sl_int n = 12;
  sl_tensor w = make(SL_F64, 1, n, 0), v = filled(SL_F64, 1, n, 0);
  double theta[12];
  for (int i = 0; i < n; i++) {
    f64(w)[i] = i < 3 ? -1 : (i < 8 ? 0.5 : 2);
  }
  sl_lanczos s = lanczos(diagonal(w), v.data, 50);
  cr_assert_eq(s.k, n);
  cr_assert_geq(s.breakdowns, 3);
  OK(sl_tridiagonal(theta, NULL, s.alpha, s.beta, n, &err));
  for (int i = 0; i < n; i++) {
    cr_assert_float_eq(theta[i], f64(w)[i], 1e-12);
  }
  for (int i = 0; i < n; i++) {
    for (int j = 0; j <= i; j++) {
      double sum = 0;
      for (int k = 0; k < n; k++) {
        sum += s.V[i * n + k] * s.V[j * n + k];
      }
      cr_assert_float_eq(sum, i == j, 1e-13);
    }
  }
}

/* ---- networks ------------------------------------------------------------ */
static double complex phi(sl_activation act, double complex z) {
  switch (act) {
    case SL_ACT_TANH:
      return ctanh(z);
    case SL_ACT_SIGMOID:
      return 1 / (1 + cexp(-z));
    case SL_ACT_RELU:
      return creal(z) > 0 ? z : 0;
    case SL_ACT_SOFTPLUS:
      return clog(1 + cexp(z));
    default:
      return z;
  }
}

static double complex loss_of(const sl_net *net, const double complex *o,
                              const double *y, sl_int label) {
  sl_int K = net->size[net->layers];
  double complex sum = 0;
  for (sl_int k = 0; k < K; k++) {
    if (net->loss == SL_LOSS_CROSS_ENTROPY) {
      sum += cexp(o[k]);
    } else if (net->loss == SL_LOSS_MSE) {
      sum += (o[k] - y[k]) * (o[k] - y[k]) / (double)K;
    } else {
      sum += (clog(1 + cexp(o[k])) - y[k] * o[k]) / (double)K;
    }
  }
  return net->loss == SL_LOSS_CROSS_ENTROPY ? clog(sum) - o[label] : sum;
}

/* The objective, sample by sample and weight by weight, for complex w. */
static double complex naive(const sl_net *net, const double complex *w,
                            sl_int N, const double *x, const double *y,
                            const int64_t *label) {
  double complex total = 0, a[16], z[16];
  for (sl_int n = 0; n < N; n++) {
    sl_int p = 0;
    for (sl_int j = 0; j < net->size[0]; j++) {
      a[j] = x[n * net->size[0] + j];
    }
    for (int l = 1; l <= net->layers; l++) {
      for (sl_int i = 0; i < net->size[l]; i++) {
        z[i] = 0;
        for (sl_int j = 0; j < net->size[l - 1]; j++) {
          z[i] += w[p++] * a[j];
        }
      }
      for (sl_int i = 0; i < net->size[l]; i++) {
        a[i] = phi(net->act[l - 1], z[i] + (net->bias[l - 1] ? w[p++] : 0));
      }
    }
    total += loss_of(net, a, y + n * net->size[net->layers],
                     label[n] - net->label_base);
  }
  double complex square = 0;
  for (sl_int i = 0; i < sl_net_dim(net); i++) {
    square += w[i] * w[i];
  }
  return total / (double)N + net->l2 / 2 * square;
}

/* Gradient by complex steps, exact to rounding. */
static void naive_grad(const sl_net *net, const double *w, sl_int N,
                       const double *x, const double *y, const int64_t *label,
                       double *g) {
  double complex c[400];
  for (sl_int i = 0; i < sl_net_dim(net); i++) {
    for (sl_int j = 0; j < sl_net_dim(net); j++) {
      c[j] = w[j];
    }
    c[i] += 1e-30 * (double complex)I;
    g[i] = cimag(naive(net, c, N, x, y, label)) / 1e-30;
  }
}

typedef struct problem {
  sl_tensor w, x, y, target, labels;
  sl_int P, N;
} problem;

static problem pose(const sl_net *net, sl_int N) {
  problem p = {.P = sl_net_dim(net), .N = N};
  p.w = filled(SL_F64, 1, p.P, 0);
  p.x = filled(SL_F64, 2, N, net->size[0]);
  p.target = filled(SL_F64, 2, N, net->size[net->layers]);
  p.labels = make(SL_I64, 1, N, 0);
  for (sl_int i = 0; i < N; i++) {
    sl_set(&p.labels, i, 0, i % net->size[net->layers] + net->label_base);
  }
  p.y = net->loss == SL_LOSS_CROSS_ENTROPY ? p.labels : p.target;
  return p;
}

static void check_net(const sl_net *net, sl_int N) {
  sl_err err = {0};
  problem p = pose(net, N);
  sl_int P = p.P;
  sl_tensor g = make(SL_F64, 1, P, 0), H = make(SL_F64, 2, P, P);
  double value, want[400], up[400], down[400], w[400];
  double complex c[400];
  for (sl_int i = 0; i < P; i++) {
    c[i] = f64(p.w)[i];
  }
  OK(sl_net_value_grad(net, &value, &g, &p.w, &p.x, &p.y, &err));
  double plain = creal(
      naive(net, c, N, p.x.data, p.target.data, p.labels.data));
  cr_assert_float_eq(value, plain, 1e-13 * (1 + fabs(plain)));
  naive_grad(net, p.w.data, N, p.x.data, p.target.data, p.labels.data, want);
  for (sl_int i = 0; i < P; i++) {
    cr_assert_float_eq(f64(g)[i], want[i], 1e-13);
  }
  OK(sl_net_hessian(net, &H, &p.w, &p.x, &p.y, &err));
  memcpy(w, p.w.data, (size_t)P * 8);
  for (sl_int i = 0; i < P; i++) {
    double h = 1e-5;
    w[i] += h;
    naive_grad(net, w, N, p.x.data, p.target.data, p.labels.data, up);
    w[i] -= 2 * h;
    naive_grad(net, w, N, p.x.data, p.target.data, p.labels.data, down);
    w[i] += h;
    for (sl_int j = 0; j < P; j++) {
      cr_assert_float_eq(at(H, i, j), (up[j] - down[j]) / (2 * h), 2e-9,
                         "layers %d act %d loss %d (%d, %d): %g %g",
                         net->layers, (int)net->act[0], (int)net->loss, (int)i,
                         (int)j, at(H, i, j), (up[j] - down[j]) / (2 * h));
      cr_assert_eq(at(H, i, j), at(H, j, i));
    }
  }
  /* H v, and v'g_n, v'H_n v with their means */
  sl_tensor v = filled(SL_F64, 1, P, 0), Hv = make(SL_F64, 1, P, 0);
  sl_tensor slope = make(SL_F64, 1, N, 0), curve = make(SL_F64, 1, N, 0);
  sl_tensor rows = make(SL_F64, 2, N, P);
  OK(sl_net_hvp(net, &Hv, &p.w, &v, &p.x, &p.y, &err));
  OK(sl_net_along(net, &slope, &curve, &p.w, &v, &p.x, &p.y, &err));
  OK(sl_net_sample_grads(net, &rows, &p.w, &p.x, &p.y, &err));
  double vHv = 0, mean = 0;
  for (sl_int i = 0; i < P; i++) {
    double sum = 0, row = 0;
    for (sl_int j = 0; j < P; j++) {
      sum += at(H, i, j) * f64(v)[j];
    }
    for (sl_int n = 0; n < N; n++) {
      row += at(rows, n, i) / (double)N;
    }
    cr_assert_float_eq(f64(Hv)[i], sum, 1e-12);
    cr_assert_float_eq(f64(g)[i], row, 1e-13);
    vHv += f64(v)[i] * f64(Hv)[i];
  }
  for (sl_int n = 0; n < N; n++) {
    double along = 0;
    for (sl_int i = 0; i < P; i++) {
      along += at(rows, n, i) * f64(v)[i];
    }
    cr_assert_float_eq(f64(slope)[n], along, 1e-12);
    mean += f64(curve)[n] / (double)N;
  }
  cr_assert_float_eq(mean, vHv, 1e-12 * (1 + fabs(vHv)));
}

Test(network, every_depth_activation_and_loss) {
  for (int layers = 1; layers <= 4; layers++) {
    for (int act = 0; act < SL_NACT; act++) {
      for (int loss = 0; loss < SL_NLOSS; loss++) {
        sl_net net = {.layers = layers, .size = {3, 4, 2, 3, 2},
                      .loss = (sl_loss)loss, .l2 = 0.01, .label_base = act % 2};
        for (int l = 0; l < layers; l++) {
          bool last = l == layers - 1;
          net.act[l] = last && act % 2 ? SL_ACT_IDENTITY : (sl_activation)act;
          net.bias[l] = (l + act + loss) % 3 != 0;
        }
        check_net(&net, 7);
      }
    }
  }
}

static const sl_net wide_net = {
    .layers = 3, .size = {20, 19, 6, 5},
    .act = {SL_ACT_TANH, SL_ACT_SOFTPLUS, SL_ACT_IDENTITY},
    .bias = {true, true, true}, .loss = SL_LOSS_CROSS_ENTROPY, .l2 = 1e-3};

static void all_of(sl_dtype d, problem *p, sl_tensor *g, sl_tensor *H) {
  sl_err err = {0};
  sl_tensor w = make(d, 1, p->P, 0), x = make(d, 2, p->N, 20);
  double value;
  OK(sl_copy(&w, &p->w, &err));
  OK(sl_copy(&x, &p->x, &err));
  *g = make(d, 1, p->P, 0);
  *H = make(d, 2, p->P, p->P);
  OK(sl_net_value_grad(&wide_net, &value, g, &w, &x, &p->y, &err));
  OK(sl_net_hessian(&wide_net, H, &w, &x, &p->y, &err));
}

Test(network, many_blocks_and_threads_give_the_same_bits) {
  /* 5000 samples are several slabs and several blocks; the Hessian must be the
  ** mean of those of halves, and not depend on the thread count */
  sl_err err = {0};
  problem p = pose(&wide_net, 5000), half = p;
  sl_tensor g1, H1, g2, H2, Ha, Hb;
  OK(sl_threads_set(1, &err));
  all_of(SL_F64, &p, &g1, &H1);
  OK(sl_threads_set(2, &err));
  all_of(SL_F64, &p, &g2, &H2);
  cr_assert_eq(memcmp(g1.data, g2.data, (size_t)p.P * 8), 0);
  cr_assert_eq(memcmp(H1.data, H2.data, (size_t)(p.P * p.P) * 8), 0);
  half.N = 2500;
  sl_view_slice(&half.x, &p.x, 0, 0, 1, 2500);
  sl_view_slice(&half.y, &p.y, 0, 0, 1, 2500);
  all_of(SL_F64, &half, &g2, &Ha);
  sl_view_slice(&half.x, &p.x, 0, 2500, 1, 2500);
  sl_view_slice(&half.y, &p.y, 0, 2500, 1, 2500);
  all_of(SL_F64, &half, &g2, &Hb);
  for (sl_int i = 0; i < p.P * p.P; i++) {
    cr_assert_float_eq(f64(H1)[i], (f64(Ha)[i] + f64(Hb)[i]) / 2, 1e-14);
  }
}

Test(network, single_precision_agrees) {
  problem p = pose(&wide_net, 300);
  sl_tensor g, H, gf, Hf;
  all_of(SL_F64, &p, &g, &H);
  all_of(SL_F32, &p, &gf, &Hf);
  cr_assert_lt(apart(g, gf), 1e-5);
  cr_assert_lt(apart(H, Hf), 2e-5);
}

Test(network, softmax_regression_at_zero) {
  /* H = (1/C)(I - 11'/C) (x) X'X/N: checked entry by entry */
  sl_err err = {0};
  sl_net net = {.layers = 1, .size = {4, 3}, .loss = SL_LOSS_CROSS_ENTROPY};
  problem p = pose(&net, 50);
  sl_tensor H = make(SL_F64, 2, 12, 12);
  sl_fill(&p.w, 0, 0);
  OK(sl_net_hessian(&net, &H, &p.w, &p.x, &p.y, &err));
  for (int i = 0; i < 12; i++) {
    for (int j = 0; j < 12; j++) {
      double moment = 0;
      for (int n = 0; n < 50; n++) {
        moment += at(p.x, n, i % 4) * at(p.x, n, j % 4) / 50;
      }
      double c = ((i / 4 == j / 4) - 1.0 / 3) / 3;
      cr_assert_float_eq(at(H, i, j), c * moment, 1e-15);
    }
  }
}

Test(network, losses_do_not_overflow) {
  sl_err err = {0};
  sl_net net = {.layers = 1, .size = {1, 2}, .loss = SL_LOSS_CROSS_ENTROPY};
  sl_tensor w = make(SL_F64, 1, 2, 0), x = make(SL_F64, 2, 1, 1);
  sl_tensor y = make(SL_I64, 1, 1, 0), t = make(SL_F64, 2, 1, 2);
  double value;
  f64(x)[0] = 1;
  f64(w)[0] = 1000;
  f64(w)[1] = -1000;
  sl_set(&y, 0, 0, 1);
  OK(sl_net_value(&net, &value, &w, &x, &y, &err));
  cr_assert_eq(value, 2000);
  net.loss = SL_LOSS_BCE;
  OK(sl_net_value(&net, &value, &w, &x, &t, &err));
  cr_assert_eq(value, 500);
}

Test(network, errors) {
  sl_err err = {0};
  problem p = pose(&wide_net, 4);
  double value;
  sl_set(&p.labels, 2, 0, 5);
  cr_assert_eq(sl_net_value(&wide_net, &value, &p.w, &p.x, &p.labels, &err),
               SL_EINDEX);
  cr_assert(strstr(err.msg, "label 5"));
  sl_tensor few = filled(SL_F64, 1, 3, 0);
  cr_assert_eq(sl_net_value(&wide_net, &value, &few, &p.x, &p.labels, &err),
               SL_ESHAPE);
  cr_assert(strstr(err.msg, "[3] f64"), "%s", err.msg);
  sl_net bad = wide_net;
  bad.l2 = -1;
  cr_assert_eq(sl_net_check(&bad, &err), SL_EARG);
}

/* ---- what every entry must survive --------------------------------------- */
typedef struct job {
  sl_tensor a, out, out2, perm, vector;
  problem net;
} job;

static sl_status call_one(int which, job *j, sl_err *err) {
  double value;
  sl_int count[3];
  switch (which) {
    case 0:
      return sl_eigh(&j->vector, &j->out, &j->a, err);
    case 1:
      return sl_svd(&j->out, &j->vector, &j->out2, &j->a, err);
    case 2:
      return sl_ldl(&j->out, &j->out2, &j->perm, &j->a, err);
    case 3:
      return sl_inertia(count, &j->a, 0, -1, err);
    case 4:
      return sl_inv(&j->out, &j->a, err);
    case 5:
      return sl_pinv(&j->out, &j->a, -1, err);
    case 6:
      return sl_lu(&j->perm, &j->out, &j->out2, NULL, &j->a, err);
    case 7:
      return sl_net_value(&wide_net, &value, &j->net.w, &j->net.x, &j->net.y,
                          err);
    default: {
      sl_tensor H = make(SL_F64, 2, j->net.P, j->net.P);
      sl_status status = sl_net_hessian(&wide_net, &H, &j->net.w, &j->net.x,
                                        &j->net.y, err);
      return status;
    }
  }
}

static job make_job(void) {
  sl_int n = 100;
  return (job){symmetric(SL_F64, n),  make(SL_F64, 2, n, n),
               make(SL_F64, 2, n, n), make(SL_I64, 1, n, 0),
               make(SL_F64, 1, n, 0), pose(&wide_net, 40)};
}

Test(num, stops_when_interrupted) {
  sl_err err = {0};
  job j = make_job();
  for (int which = 0; which < 9; which++) {
    OK(call_one(which, &j, &err));
    sl_interrupt_set();
    cr_assert_eq(call_one(which, &j, &err), SL_EINTR, "call %d", which);
    sl_interrupt_clear();
  }
}

Test(num, reports_when_memory_runs_out) {
  sl_err err = {0};
  job j = make_job();
  for (int which = 0; which < 9; which++) {
    int failures = 0;
    for (int64_t k = 1; k < 20; k++) {
      sl_malloc_fail_at(k);
      sl_status status = call_one(which, &j, &err);
      sl_malloc_fail_at(0);
      cr_assert(status == SL_OK || status == SL_ENOMEM, "call %d: %s", which,
                err.msg);
      failures += status == SL_ENOMEM;
    }
    cr_assert_gt(failures, 0, "call %d never failed", which);
  }
}
