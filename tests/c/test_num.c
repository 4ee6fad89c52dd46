/* test_num.c: dense linear algebra against identities, theory and independent
** computation.  MIT licence. */
#include <cblas.h>

#include "nums.h"
#include "tensor/mat.h"

TestSuite(num, .fini = free_owned);

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

/* Several panels and tiles: bits on one and three threads, the signs from an
** independent count. Both precisions. */
static void compare_threads(sl_dtype d, sl_int n) {
  sl_err err = {0};
  sl_tensor a = symmetric(d, n), w = make(d, 1, n, 0);
  sl_tensor L[2], D[2], perm = make(SL_I64, 1, n, 0);
  for (int k = 0; k < 2; k++) {
    OK(sl_threads_set(k == 0 ? 1 : 3, &err));
    L[k] = make(d, 2, n, n);
    D[k] = make(d, 2, n, n);
    OK(sl_ldl(&L[k], &D[k], &perm, &a, &err));
  }
  size_t bytes = (size_t)(n * n * sl_dtype_size(d));
  cr_assert_eq(memcmp(L[0].data, L[1].data, bytes), 0);
  cr_assert_eq(memcmp(D[0].data, D[1].data, bytes), 0);
  OK(sl_eigh(&w, NULL, &a, &err));
  sl_int under = 0, count[3];
  for (sl_int i = 0; i < n; i++) {
    under += sl_get(&w, i) < 0.25;
  }
  OK(sl_inertia(count, &a, 0.25, 0, &err));
  cr_assert_eq(count[0], under);
  cr_assert_eq(count[2], n - under);
}

Test(num, ldl_has_the_same_bits_on_one_and_three_threads) {
  compare_threads(SL_F64, 700);
  compare_threads(SL_F32, 500);
}

/* OpenBLAS is given threads for large calls alone, and loses them again, after
** a failure too. */
Test(num, lapack_raises_the_threads_for_its_own_duration) {
  sl_err err = {0};
  sl_int n = 1000;
  openblas_set_num_threads(1);
  OK(sl_threads_set(2, &err));
  cr_assert(!sl_blas_raise(n, n - 1));
  cr_assert_eq(openblas_get_num_threads(), 1);
  bool raised = sl_blas_raise(n, n);
  cr_assert(raised);
  cr_assert_eq(openblas_get_num_threads(), 2);
  sl_blas_lower(raised);
  cr_assert_eq(openblas_get_num_threads(), 1);
  int inside = 0;
#pragma omp parallel num_threads(2) reduction(+ : inside)
  inside += sl_blas_raise(n, n);
  cr_assert_eq(inside, 0);
  OK(sl_threads_set(1, &err));
  cr_assert(!sl_blas_raise(n, n));
  OK(sl_threads_set(2, &err));
  sl_tensor zero = make(SL_F64, 2, n, n), out = make(SL_F64, 2, n, n);
  cr_assert_eq(sl_chol(&out, &zero, &err), SL_EDOM);
  cr_assert_eq(openblas_get_num_threads(), 1);
  cr_assert_eq(sl_inv(&out, &zero, &err), SL_ESINGULAR);
  cr_assert_eq(openblas_get_num_threads(), 1);
  f64(zero)[5] = nan("");
  cr_assert_eq(sl_chol(&out, &zero, &err), SL_EDOM);
  cr_assert_eq(openblas_get_num_threads(), 1);
}

/* H D H with a reflection H = I - 2 v v': its eigenvalues are those of D, and
** backward stability puts LAPACK's within a small multiple of n eps |D|; n eps
** |D| itself holds with a margin. */
Test(num, eigenvalues_of_a_large_matrix) {
  sl_err err = {0};
  sl_int n = 3500;
  sl_tensor a = make(SL_F32, 2, n, n), w = make(SL_F32, 1, n, 0);
  float *x = a.data;
  double *v = own(8 * (size_t)n), norm = 0, mean = 0;
  for (sl_int i = 0; i < n; i++) {
    v[i] = uniform();
    norm += v[i] * v[i];
  }
  for (sl_int i = 0; i < n; i++) {
    v[i] /= sqrt(norm);
    mean += v[i] * v[i] * (double)(i - 1000);
  }
  for (sl_int i = 0; i < n; i++) {
    for (sl_int j = 0; j < n; j++) {
      double s = 4 * mean - 2 * (double)(i - 1000) - 2 * (double)(j - 1000);
      s = s * v[i] * v[j] + (i == j ? (double)(i - 1000) : 0);
      x[i * n + j] = (float)s;
    }
  }
  OK(sl_eigh(&w, NULL, &a, &err));
  double eps = (double)n * 0x1p-23 * 2500;
  for (sl_int i = 0; i < n; i++) {
    cr_assert_float_eq(sl_get(&w, i), (double)(i - 1000), eps);
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

/* ---- what every entry must survive --------------------------------------- */

typedef struct job {
  sl_tensor a, out, out2, perm, vector;
} job;

static sl_status call_one(int which, void *arg, sl_err *err) {
  job *j = arg;
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
    default:
      return sl_lu(&j->perm, &j->out, &j->out2, NULL, &j->a, err);
  }
}

static job make_job(void) {
  sl_int n = 100;
  return (job){symmetric(SL_F64, n), make(SL_F64, 2, n, n),
               make(SL_F64, 2, n, n), make(SL_I64, 1, n, 0),
               make(SL_F64, 1, n, 0)};
}

Test(num, stops_when_interrupted) {
  job j = make_job();
  stops_when_interrupted(call_one, 7, &j);
}

Test(num, reports_when_memory_runs_out) {
  job j = make_job();
  reports_no_memory(call_one, 7, &j);
}
