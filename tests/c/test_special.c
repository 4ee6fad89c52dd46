/* test_special.c: quadrature and special functions against values computed in
** 50 digits with mpmath 1.3 (erfc, loggamma, gammainc, betainc, quad; the
** arguments as the doubles they are), the Kolmogorov-Smirnov ones as the matrix
** power in 40 digits and with SciPy 1.17 (ks_2samp, kstwo.sf for n > 1000).
** Tolerances are relative to the value, or for logarithms absolute where that is
** larger: 1e-14 unless a row says otherwise, some tens of roundings.  MIT licence. */
#include <criterion/criterion.h>
#include <math.h>

#include "num/curve.h"
#include "num/quadrature.h"
#include "num/special.h"

#define COUNT(table) ((int)(sizeof table / sizeof *table))

static void near(double got, double want, double tol, const char *what,
                 int row) {
  cr_assert(got == want || fabs(got - want) <= tol * fabs(want),
            "%s, row %d: got %.17g, expected %.17g", what, row, got, want);
}

/* A logarithm: the error of what it is the logarithm of. */
static void near_log(double got, double want, double tol, const char *what,
                     int row) {
  cr_assert(got == want || fabs(got - want) <= tol * fmin(1, fabs(want)) ||
                fabs(got - want) <= 1e-15 * fabs(want),
            "%s, row %d: got %.17g, expected %.17g", what, row, got, want);
}

/* ---- quadrature ---------------------------------------------------------- */

static double power(double x, double from_a, double from_b, void *user) {
  (void)x;
  (void)from_b;
  return pow(from_a, *(double *)user);
}

static double right_power(double x, double from_a, double from_b,
                          void *user) {
  (void)x;
  (void)from_a;
  return pow(from_b, *(double *)user);
}

static double bell(double x, double from_a, double from_b, void *user) {
  (void)from_a;
  (void)from_b;
  double w = *(double *)user;
  return exp(-0.5 * (x - 0.3) * (x - 0.3) / (w * w));
}

static double logarithm(double x, double from_a, double from_b, void *user) {
  (void)x;
  (void)from_b;
  (void)user;
  return log(from_a);
}

static double rational(double x, double from_a, double from_b, void *user) {
  (void)from_a;
  (void)from_b;
  (void)user;
  return 1 / (1 + x * x);
}

static double broken(double x, double from_a, double from_b, void *user) {
  (void)from_a;
  (void)from_b;
  (void)user;
  return x > 0.5 ? (double)NAN : 1;
}

static double monomial(double x, double from_a, double from_b, void *user) {
  (void)from_a;
  (void)from_b;
  return pow(x, *(double *)user);
}

/* Integrals with known values; tolerance of 20 roundings. */
Test(quadrature, tanh_sinh_known) {
  double v, e, p = -0.9, w = 1, small = 1e-3, near_one = -0.99;
  const double tol = 20 * 2.2e-16, root = sqrt(2 * M_PI);
  cr_assert_eq(sl_quad_tanh_sinh(power, &p, 0, 1, 0, &v, &e, NULL), SL_OK);
  near(v, 10, tol, "x^-0.9", 0);
  cr_assert(e < 1e-12);
  sl_quad_tanh_sinh(right_power, &p, 3, 7, 0, &v, NULL, NULL);
  near(v, 10 * pow(4, 0.1), tol, "(7 - x)^-0.9", 1);
  sl_quad_tanh_sinh(logarithm, NULL, 0, 1, 0, &v, NULL, NULL);
  near(v, -1, tol, "log x", 2);
  sl_quad_tanh_sinh(bell, &w, -HUGE_VAL, HUGE_VAL, 0, &v, NULL, NULL);
  near(v, root, tol, "bell on the line", 3);
  sl_quad_tanh_sinh(rational, NULL, 0, HUGE_VAL, 0, &v, NULL, NULL);
  near(v, M_PI_2, tol, "1/(1 + x^2) on the half line", 4);
  sl_quad_tanh_sinh(rational, NULL, -HUGE_VAL, 0, 0, &v, NULL, NULL);
  near(v, M_PI_2, tol, "and on the other", 5);
  sl_quad_tanh_sinh(bell, &small, 1, 0, 1e-12, &v, NULL, NULL);
  near(v, -small * root, 1e-12, "a narrow bell, ends exchanged", 6);
  /* nodes down to 1e-307 leave 1e-307^0.01 = 8.5e-4 of the integral */
  sl_quad_tanh_sinh(power, &near_one, 0, 1, 0, &v, NULL, NULL);
  cr_assert(fabs(v / 100 - 1) < 1e-3);
}

Test(quadrature, gauss_kronrod) {
  double v, e, w = 1e-3, one = 1;
  const double root = sqrt(2 * M_PI);
  for (double d = 0; d < 31; d++) { /* exact for polynomials of degree 31 */
    cr_assert_eq(sl_quad_adaptive(monomial, &d, 0, 2, 0, 1e-10, &v, &e, NULL),
                 SL_OK);
    near(v, pow(2, d + 1) / (d + 1), 1e-14, "x^d", (int)d);
  }
  sl_quad_adaptive(bell, &w, 0, 1, 0, 1e-13, &v, &e, NULL);
  near(v, w * root, 1e-13, "narrow bell", 0);
  sl_quad_adaptive(bell, &one, -HUGE_VAL, HUGE_VAL, 0, 1e-13, &v, NULL, NULL);
  near(v, root, 1e-13, "bell on the line", 1);
  sl_quad_adaptive(rational, NULL, HUGE_VAL, 0, 0, 1e-13, &v, NULL, NULL);
  near(v, -M_PI_2, 1e-13, "ends exchanged", 2);
}

Test(quadrature, refusals) {
  double v, e;
  sl_err err;
  cr_assert_eq(sl_quad_tanh_sinh(broken, NULL, 0, 1, 0, &v, &e, &err), SL_EDOM);
  cr_assert_eq(sl_quad_adaptive(broken, NULL, 0, 1, 0, 1e-9, &v, &e, &err),
               SL_EDOM);
  cr_assert_eq(sl_quad_tanh_sinh(rational, NULL, (double)NAN, 1, 0, &v, &e,
                                 &err), SL_EARG);
  cr_assert_eq(sl_quad_tanh_sinh(rational, NULL, 2, 2, 0, &v, &e, &err), SL_OK);
  cr_assert_eq(v, 0);
}

Test(quadrature, gauss_degree) { /* 16 points: exact up to degree 31 */
  double x[SL_QUAD_GAUSS], w[SL_QUAD_GAUSS];
  sl_quad_gauss(-1, 3, x, w);
  for (int d = 0; d <= 31; d++) {
    double sum = 0;
    for (int i = 0; i < SL_QUAD_GAUSS; i++) {
      sum += w[i] * pow(x[i] / 3, d);
    }
    near(sum, 3 * (1 - pow(-1.0 / 3, d + 1)) / (d + 1), 1e-13, "degree", d);
  }
}

/* ---- the normal law ------------------------------------------------------ */

Test(special, normal) {
  static const double rows[][3] = {
      {-37.5, 4.60535300958195484e-308, -707.668989317507191},
      {-12.25, 8.39979606363341766e-35, -78.4622708273759286},
      {-6.5, 4.01600058385911781e-11, -23.9381494951618386},
      {-3.1, 9.67603213218356602e-4, -6.94068845842122812},
      {-0.7, 0.241963652223073029, -1.41896776153153158},
      {0.25, 0.598706325682923724, -0.512984075409430432},
      {2.5, 0.993790334674223865, -6.22902548586000238e-3}};
  for (int i = 0; i < COUNT(rows); i++) {
    near(sl_normal_cdf(rows[i][0]), rows[i][1], 1e-14, "cdf", i);
    near(sl_normal_logcdf(rows[i][0]), rows[i][2], 1e-14, "logcdf", i);
    near(sl_normal_quantile(rows[i][2]), rows[i][0], 1e-14, "quantile", i);
  }
  cr_assert_eq(sl_normal_quantile(0), HUGE_VAL);
  cr_assert_eq(sl_normal_quantile(-HUGE_VAL), -HUGE_VAL);
  cr_assert(isnan(sl_normal_quantile(0.1)));
}

Test(special, mills) {
  static const double rows[][3] = {
      {-2, 18.1002477111261527, 37.2004954222523053},
      {0.1, 1.15926239961873632, 0.884073760038126361},
      {1.9, 0.437646928787120882, 0.168470835304470362},
      {2.1, 0.406160982625574005, 0.147061936486294553},
      {3.5, 0.266567768968223757, 0.06701280861121685},
      {30, 0.0332964190724972134, 1.10742782508359854e-3},
      {100000.0, 9.999999999e-6, 9.999999997e-11}};
  static const double drops[][3] = {
      {-0.99, -0.98, 0.0435968767729136018},
      {-0.5, 3, 1.65942719664789046},
      {0.125, 0.1251, 8.57762124283232493e-5},
      {2, 2.5, 0.0671041179582608064},
      {10, 10.125, 1.1996780270750429e-3},
      {30, 70, 0.0190136184555262247}};
  static const double scaled[][2] = {
      {-20, 1.04429393795282879e+174}, {-1, 5.00898008076228347},
      {0.125, 0.87322184508215081},    {2.9, 0.184601825955590825},
      {24.9, 0.0226399877760495063},   {25.1, 0.0224598758175813882},
      {1000000000.0, 5.64189583547756287e-10}};
  for (int i = 0; i < COUNT(rows); i++) {
    near(sl_mills(rows[i][0]), rows[i][1], 1e-14, "mills", i);
    near(sl_mills_rest(rows[i][0]), rows[i][2], 1e-14, "rest", i);
  }
  for (int i = 0; i < COUNT(drops); i++) {
    near(sl_mills_drop(drops[i][0], drops[i][1]), drops[i][2], 1e-14, "drop",
         i);
  }
  for (int i = 0; i < COUNT(scaled); i++) {
    near(sl_erfcx(scaled[i][0]), scaled[i][1], 1e-14, "erfcx", i);
  }
}

/* ---- gamma --------------------------------------------------------------- */

Test(special, complex_lgamma) {
  static const double rows[][4] = {
      {1.5, 0.25, -0.14976915644291347, 0.0112530599566473021},
      {0.8125, 0.2, 0.096198812858054439, -0.181840040015553085},
      {5, 8.25, -2.34066304244889404, 15.0590527042325639},
      {0.5001, 0.001, 0.572166150037456165, -1.96301382675894468e-3},
      {100, 300, 98.9733320294027647, 1551.21862409911058},
      {3, 1000000.0, -1.5707608690799685e+6, 1.28155144849520078e+7},
      {-2.5, 1.3, -3.17612942968757001, -7.95300044313301495},
      {0.75, 0, 0.203280951431295371, 0.0}};
  for (int i = 0; i < COUNT(rows); i++) {
    double im, re = sl_clgamma(rows[i][0], rows[i][1], &im);
    double z = hypot(rows[i][0], rows[i][1]);
    double size = 1 + z * fabs(log(z)); /* as the header promises */
    cr_assert(fabs(re - rows[i][2]) <= 1e-15 * size + 4e-15, "re of row %d", i);
    cr_assert(fabs(im - rows[i][3]) <= 1e-15 * size + 4e-15, "im of row %d", i);
  }
}

Test(special, lgamma1p) {
  static const double rows[][2] = {{1e-12, -5.77215664900710382e-13},
                                   {-1e-05, 5.77223889611935983e-6},
                                   {0.05, -0.0268530725022601695},
                                   {-0.09, 0.0589225676238323768},
                                   {0.3, -0.108174809507860469},
                                   {-0.5, 0.572364942924700087}};
  for (int i = 0; i < COUNT(rows); i++) {
    near(sl_lgamma1p(rows[i][0]), rows[i][1], 1e-14, "lgamma1p", i);
  }
}

Test(special, incomplete_gamma) {
  static const double rows[][4] = {
      {1e-08, 1e-05, -1.09357198082682661e-7, -16.0286463205810418},
      {0.001, 0.5, -5.6022355238477665e-4, -7.48745475190646419},
      {0.1, 1e-200, -46.0018294186210765, -1.05113700611177512e-20},
      {0.5, 2, -0.0465679122923901635, -3.09003715312208664},
      {0.9, 0.01, -4.11040143555710759, -0.0165371776526934512},
      {1, 1, -0.458675145387081891, -1.0},
      {1.5, 40, -3.06927748617241718e-17, -38.0225043935216525},
      {3, 0.001, -22.5157752874234244, -1.66541716666648836e-10},
      {10, 9, -0.885296659959889175, -0.532035225021692711},
      {10, 11, -0.416289444128075763, -1.0773088984752507},
      {100, 60, -13.4224368183037999, -1.48152873010919388e-6},
      {100.5, 150, -7.33138124412027629e-6, -11.8233502883819563},
      {1000, 1000, -0.684771863290310146, -0.701593236645972496},
      {100000.0, 99500.0, -2.86924371735785649, -0.0584152514371958987}};
  for (int i = 0; i < COUNT(rows); i++) {
    double p, q;
    sl_gamma_pq(rows[i][0], rows[i][1], &p, &q);
    near_log(p, rows[i][2], 4e-14, "P", i);
    near_log(q, rows[i][3], 4e-14, "Q", i);
  }
  double p, q;
  sl_gamma_pq(2, 0, &p, &q);
  cr_assert(p == -HUGE_VAL && q == 0);
  sl_gamma_pq(-1, 1, &p, &q);
  cr_assert(isnan(p) && isnan(q));
}

Test(special, gamma_quantile) {
  static const struct {
    double a, logp;
    bool upper;
    double y;
  } rows[] = {{0.01, -0.5, false, -50.5690307946069635},
              {0.3, -30, false, -100.360582698359539},
              {1, -100, false, -100.0},
              {2.5, -1, false, 0.54302179955191191},
              {2.5, -600, true, 6.41237038684505672},
              {50, -20, false, 2.93799399619405751},
              {50, -3, true, 4.13016133282174558},
              {1000, -0.7, true, 6.90769260971177793},
              {1000, -200, false, 6.20829826847410273}};
  for (int i = 0; i < COUNT(rows); i++) {
    near(sl_gamma_quantile(rows[i].a, rows[i].logp, rows[i].upper), rows[i].y,
         1e-14, "quantile", i);
  }
  /* far outside of doubles: y = (log p + log Gamma(a + 1))/a, DLMF 8.7.1 */
  near(sl_gamma_quantile(1e-3, -10, false),
       (-10 + sl_lgamma1p(1e-3)) / 1e-3, 1e-14, "tiny shape", 0);
}

/* ---- beta and Student ---------------------------------------------------- */

Test(special, incomplete_beta) {
  static const double rows[][5] = {
      {0.5, 0.5, 0.1, -1.58556141473035332, -0.229202827581115156},
      {2, 3, 0.25, -1.34048482508859642, -0.303430429419920096},
      {20, 0.5, 0.95, -1.86697377310965295, -0.167934486524511564},
      {0.3, 40, 0.001, -0.869061307084609999, -0.543598503553871121},
      {150, 250, 0.4, -0.163635889648498945, -1.8908140021510855},
      {1500, 700, 0.7, -0.0330711349085276384, -3.42558443124409539}};
  for (int i = 0; i < COUNT(rows); i++) {
    double p, q, x = rows[i][2];
    sl_beta_pq(rows[i][0], rows[i][1], x, 1 - x, &p, &q);
    /* 1 - x is rounded: an error of some parts in 1e16 times a or b */
    double tol = 2e-14 + 2e-16 * (rows[i][0] + rows[i][1]);
    near_log(p, rows[i][3], tol, "I", i);
    near_log(q, rows[i][4], tol, "1 - I", i);
  }
}

Test(special, student) {
  static const double rows[][3] = {
      {0.1, 10000000000.0, -3.17634254251500733},
      {0.6, 2, -1.6005166155725579},
      {1, -3, -0.108048995660973426},
      {2.5, 50, -10.110450827765661},
      {10, 0.001, -0.693925700152955465},
      {100, 8, -27.5031272308492908},
      {10000.0, 3, -6.6052653152756348},
      {1000000.0, 6, -20.7364271622900063}};
  for (int i = 0; i < COUNT(rows); i++) {
    near_log(sl_student_tail(rows[i][1], rows[i][0]), rows[i][2], 2e-14,
             "tail", i);
  }
}

/* ---- Kolmogorov and Smirnov ---------------------------------------------- */

Test(special, kolmogorov) {
  static const struct {
    double d;
    sl_int n;
    double p, tol;
  } rows[] = {{0.6, 1, 0.8, 1e-13},
              {0.3, 5, 0.664, 1e-13},
              {0.2741, 10, 0.3710887663628101, 1e-12},
              {0.1, 50, 0.6623112704658185, 1e-12},
              {0.08, 200, 0.1463963165742863, 1e-11},
              {0.05, 200, 0.6802627254395575, 1e-11},
              /* the limit law with its corrections */
              {0.03, 1000, 0.3226902464132999, 1e-6},
              {0.1, 1000, 3.70368709681771e-09, 1e-8},
              {0.004, 100000, 0.0813014892022247, 1e-6},
              {0.02, 100000, 3.53727119314796e-35, 1e-8}};
  for (int i = 0; i < COUNT(rows); i++) {
    near(sl_kolmogorov_sf(rows[i].d, rows[i].n), rows[i].p, rows[i].tol, "p",
         i);
  }
  cr_assert_eq(sl_kolmogorov_sf(1, 5), 0);
  cr_assert_eq(sl_kolmogorov_sf(0.05, 10), 1); /* n d <= 1/2 */
}

Test(special, smirnov) {
  double a[] = {1, 3, 5, 7, 9, 11}, b[] = {2, 4, 10, 12, 14}, p;
  double d = sl_ks2(6, a, 5, b);
  near(d, 13.0 / 30, 1e-15, "statistic", 0);
  cr_assert_eq(sl_smirnov_sf(d, 6, 5, &p, NULL), SL_OK);
  near(p, 0.5909090909090909, 1e-13, "exact p", 0);
  cr_assert_eq(sl_smirnov_sf(0.3, 20, 15, &p, NULL), SL_OK);
  near(p, 0.36311512914530186, 1e-13, "exact p", 1);
  cr_assert_eq(sl_smirnov_sf(0.0205, 2000, 2500, &p, NULL), SL_OK);
  near(p, 0.7308657625091244, 1e-3, "limit law", 2);
  double ties[] = {1, 1, 1, 2};
  cr_assert_eq(sl_ks2(4, ties, 4, ties), 0);
}

/* ---- curves -------------------------------------------------------------- */

static double steep(double x, void *user) {
  (void)user;
  return exp(-x) + 1 / (1e-3 + x * x);
}

static double hopeless(double x, void *user) {
  (void)user;
  return sin(1e6 * x);
}

Test(special, curve) {
  sl_curve c;
  c.n = 0;
  cr_assert_eq(sl_curve_fit(&c, steep, NULL, NULL, 0, 8, 1e-14, 0, NULL),
               SL_OK);
  for (double x = 0; x <= 8; x += 0.001) { /* relative to 1000, the largest */
    cr_assert(fabs(sl_curve_at(&c, x) - steep(x, NULL)) < 1e-11, "at %g", x);
  }
  c.n = 0;
  cr_assert_eq(sl_curve_fit(&c, hopeless, NULL, NULL, 0, 1, 1e-12, 0, NULL),
               SL_ECONVERGE);
}
