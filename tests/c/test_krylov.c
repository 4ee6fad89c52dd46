/* test_krylov.c: MINRES-QLP, conjugate gradients and Lanczos against theory and
** dense factorisations.  MIT licence. */
#include "nums.h"

#include "num/krylov.h"

TestSuite(krylov, .fini = free_owned);

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
