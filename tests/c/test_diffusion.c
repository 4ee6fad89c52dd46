/* test_diffusion.c: panels, exits and the Fokker-Planck chain against integrals
** and linear algebra done otherwise. What is made of them is tested in Lua.
** MIT licence. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "num/exit.h"
#include "num/fokker_planck.h"

#define OK(call) cr_assert_eq((call), SL_OK, "%s", err.msg)

enum { N = SL_PANEL };

TestSuite(diffusion);

/* ---- panels --------------------------------------------------------------- */
Test(diffusion, panels_integrate_polynomials) {
  const double edge[2] = {-1, 3};
  double x[N], f[N], up[N], down[N];
  sl_panel_nodes(x, edge, 1);
  cr_assert_eq(x[0], -1);
  cr_assert_eq(x[N - 1], 3);
  for (int i = 0; i < N; i++) {
    f[i] = 7 * pow(x[i], 6) - 2 * x[i];
  }
  sl_panel_integral(up, f, 2, 0);
  sl_panel_integral(down, f, 2, 1);
  for (int i = 0; i < N; i++) {
    double want = pow(x[i], 7) - x[i] * x[i] + 2;
    cr_assert_float_eq(up[i], want, 1e-11);
    cr_assert_float_eq(down[i], 2180 - want, 1e-11);
  }
  cr_assert_float_eq(sl_panel_total(f, 2), 2180, 1e-11);
}

Test(diffusion, panels_interpolate_and_invert) {
  const double edge[4] = {0, 0.5, 1.5, 2};
  double x[3 * N], f[3 * N], at[4] = {0, 0.7, 1.5, 2}, out[4];
  sl_panel_nodes(x, edge, 3);
  for (int i = 0; i < 3 * N; i++) {
    f[i] = exp(x[i]);
  }
  sl_panel_at(out, at, 4, edge, 3, f);
  for (int i = 0; i < 4; i++) {
    cr_assert_float_eq(out[i], exp(at[i]), 1e-13);
  }
  sl_err err;
  cr_assert(sl_panel_inverse(at, out, 4, edge, 3, f, &err) == SL_OK);
  for (int i = 0; i < 4; i++) {
    cr_assert_float_eq(at[i], log(out[i]), 1e-13);
  }
  double outside = 2.1;
  sl_panel_at(out, &outside, 1, edge, 3, f);
  cr_assert(isnan(out[0]));
}

Test(diffusion, panels_know_when_they_are_too_wide) {
  const double edge[3] = {-1, 0, 1};
  double x[2 * N], b[2 * N], g[2 * N];
  uint8_t split[2];
  sl_err err = {0};
  sl_panel_nodes(x, edge, 2);
  for (int i = 0; i < 2 * N; i++) {
    b[i] = i < N ? 0 : x[i];
    g[i] = i < N ? 1 : sqrt(x[i] * x[i] + 1e-4);
  }
  OK(sl_panel_test(split, edge, 2, b, g, &err));
  cr_assert_eq(split[0], 0);
  cr_assert_eq(split[1], 1);
  g[3] = 0;
  cr_assert_eq(sl_panel_test(split, edge, 2, b, g, &err), SL_EDOM);
  g[3] = (double)NAN;
  cr_assert_eq(sl_panel_test(split, edge, 2, b, g, &err), SL_EDOM);
}

/* ---- exits ---------------------------------------------------------------- */
/* Brownian motion with drift v on [0, 1], in one panel. */
typedef struct drifting {
  double edge[2], data[SL_EXIT_ROWS * N], x[N];
  sl_exit e;
} drifting;

static void make_drifting(drifting *d, double v) {
  sl_err err = {0};
  double b[N], g[N];
  d->edge[0] = 0;
  d->edge[1] = 1;
  sl_panel_nodes(d->x, d->edge, 1);
  for (int i = 0; i < N; i++) {
    b[i] = v;
    g[i] = 1;
  }
  sl_exit_init(&d->e, d->edge, 1, d->data);
  OK(sl_exit_build(&d->e, b, g, &err));
}

Test(diffusion, exit_of_drifting_brownian_motion) {
  drifting d;
  double p[N], u[N], one[N];
  make_drifting(&d, 0.8);
  sl_exit_side(&d.e, p, true);
  for (int i = 0; i < N; i++) {
    one[i] = 1;
  }
  sl_exit_green(&d.e, u, one);
  for (int i = 0; i < N; i++) {
    double want = expm1(-1.6 * d.x[i]) / expm1(-1.6);
    cr_assert_float_eq(p[i], want, 1e-14);
    cr_assert_float_eq(u[i], (want - d.x[i]) / 0.8, 1e-14);
  }
}

Test(diffusion, transform_of_drifting_brownian_motion) {
  drifting d;
  sl_err err = {0};
  make_drifting(&d, 0.8);
  double x[3] = {0.2, 0.5, 0.9}, up[3], down[3], s = 1.7;
  double r = sqrt(0.64 + 2 * s);
  OK(sl_exit_laplace(&d.e, s, 0, 1, x, 3, up, &err));
  OK(sl_exit_laplace(&d.e, s, 1, 0, x, 3, down, &err));
  for (int i = 0; i < 3; i++) {
    double a = exp(0.8 * (1 - x[i])) * sinh(r * x[i]) / sinh(r);
    double b = exp(-0.8 * x[i]) * sinh(r * (1 - x[i])) / sinh(r);
    cr_assert_float_eq(up[i], a, 1e-13);
    cr_assert_float_eq(down[i], b, 1e-13);
  }
}

Test(diffusion, modes_of_brownian_motion) {
  drifting d;
  sl_err err = {0};
  sl_int found;
  double lambda[2], chi[2 * N];
  make_drifting(&d, 0.8);
  OK(sl_exit_modes(&d.e, 2, lambda, chi, &found, &err));
  cr_assert_eq(found, 2);
  for (int k = 1; k <= 2; k++) {
    cr_assert_float_eq(lambda[k - 1], (M_PI * M_PI * k * k + 0.64) / 2, 1e-9);
  }
}

/* ---- the chain -------------------------------------------------------------- */
enum { CELLS = 7 };

typedef struct cells {
  double face[CELLS + 1], x[CELLS], d[CELLS], pe[CELLS + 1];
  double right[CELLS], left[CELLS];
  sl_fp fp;
} cells;

static void make_cells(cells *c, sl_fp_end low, sl_fp_end high) {
  sl_fp_end end[2] = {low, high};
  for (int i = 0; i <= CELLS; i++) {
    c->face[i] = i + 0.03 * i * i;
    c->pe[i] = 0.9 * sin(2.0 * i) - 0.2;
  }
  for (int i = 0; i < CELLS; i++) {
    c->x[i] = (c->face[i] + c->face[i + 1]) / 2;
    c->d[i] = 1 + 0.1 * i;
  }
  sl_fp_rates(c->right, c->left, CELLS, c->face, c->x, c->d, c->pe, end);
  c->fp = (sl_fp){CELLS, low == SL_FP_PERIODIC, c->right, c->left};
}

/* Mass that comes in less mass that goes out, a unit time. */
static double change(const cells *c, const double *m, int i) {
  int before = (i + CELLS - 1) % CELLS, after = (i + 1) % CELLS;
  double in = 0;
  if (i > 0 || c->fp.periodic) {
    in += c->right[before] * m[before];
  }
  if (i < CELLS - 1 || c->fp.periodic) {
    in += c->left[after] * m[after];
  }
  return in - (c->right[i] + c->left[i]) * m[i];
}

Test(diffusion, no_flux_at_the_stationary_law) {
  cells c;
  sl_err err = {0};
  double m[CELLS], current = 1, phi = 0;
  make_cells(&c, SL_FP_REFLECTING, SL_FP_REFLECTING);
  OK(sl_fp_stationary(&c.fp, m, &current, &err));
  cr_assert_eq(current, 0);
  double first = m[0] / (c.face[1] - c.face[0]) * c.d[0];
  for (int i = 1; i < CELLS; i++) {
    /* d p grows as exp of the integral */
    phi += c.pe[i];
    double p = m[i] / (c.face[i + 1] - c.face[i]);
    cr_assert_float_eq(p * c.d[i] / (first * exp(phi)), 1, 1e-14);
    cr_assert_float_eq(c.right[i - 1] * m[i - 1], c.left[i] * m[i], 1e-16);
  }
}

Test(diffusion, one_current_round_a_ring) {
  cells c;
  sl_err err = {0};
  double m[CELLS], current, total = 0;
  make_cells(&c, SL_FP_PERIODIC, SL_FP_PERIODIC);
  OK(sl_fp_stationary(&c.fp, m, &current, &err));
  for (int i = 0; i < CELLS; i++) {
    int next = (i + 1) % CELLS;
    total += m[i];
    cr_assert_float_eq(c.right[i] * m[i] - c.left[next] * m[next], current,
                       1e-15);
  }
  cr_assert_float_eq(total, 1, 1e-15);
  cr_assert(fabs(current) > 1e-3);
}

/* A backward Euler step solves m' - h A m' = m. */
Test(diffusion, euler_solves_its_equations) {
  static const sl_fp_end ends[4][2] = {
    {SL_FP_REFLECTING, SL_FP_REFLECTING}, {SL_FP_ABSORBING, SL_FP_REFLECTING},
    {SL_FP_ABSORBING, SL_FP_ABSORBING}, {SL_FP_PERIODIC, SL_FP_PERIODIC}};
  for (int k = 0; k < 4; k++) {
    cells c;
    sl_err err = {0};
    double m[CELLS], next[CELLS], out[2] = {0, 0}, total = 0;
    make_cells(&c, ends[k][0], ends[k][1]);
    for (int i = 0; i < CELLS; i++) {
      m[i] = i == 2 ? 1 : 0;
    }
    memcpy(next, m, sizeof m);
    OK(sl_fp_run(&c.fp, next, 0.4, 1, SL_FP_EULER, 1, out, &err));
    for (int i = 0; i < CELLS; i++) {
      cr_assert_float_eq(next[i] - 0.4 * change(&c, next, i), m[i], 1e-15);
      cr_assert(next[i] > 0);
      total += next[i];
    }
    cr_assert_float_eq(total + out[0] + out[1], 1, 1e-15);
  }
}

/* Both second order methods against many small steps. */
Test(diffusion, methods_agree) {
  cells c;
  sl_err err = {0};
  make_cells(&c, SL_FP_ABSORBING, SL_FP_ABSORBING);
  double fine[CELLS] = {0, 0, 1}, out[2] = {0, 0};
  OK(sl_fp_run(&c.fp, fine, 1e-4, 10000, SL_FP_TRBDF2, 1, out, &err));
  for (int k = SL_FP_CN; k <= SL_FP_TRBDF2; k++) {
    double error[2];
    for (int j = 0; j < 2; j++) {
      double m[CELLS] = {0, 0, 1}, gone[2] = {0, 0};
      OK(sl_fp_run(&c.fp, m, 0.02 / (1 + j), 50 * (1 + j), (sl_fp_method)k, 1,
                   gone, &err));
      error[j] = fabs(gone[1] - out[1]);
    }
    cr_assert_float_eq(error[0] / error[1], 4, 0.1);
  }
}

Test(diffusion, no_memory_and_interrupts) {
  cells c;
  drifting d;
  sl_err err = {0};
  sl_int found;
  double m[CELLS] = {1}, out[2] = {0, 0}, lambda[2], chi[2 * N], x = 0.5;
  make_cells(&c, SL_FP_REFLECTING, SL_FP_REFLECTING);
  make_drifting(&d, 1);
  sl_malloc_fail_at(1);
  cr_assert_eq(sl_fp_run(&c.fp, m, 1, 1, SL_FP_EULER, 1, out, &err),
               SL_ENOMEM);
  sl_malloc_fail_at(1);
  cr_assert_eq(sl_exit_modes(&d.e, 2, lambda, chi, &found, &err), SL_ENOMEM);
  sl_malloc_fail_at(1);
  cr_assert_eq(sl_exit_talbot(&d.e, 1, 22, false, 1, 1, &x, 1, out, &err),
               SL_ENOMEM);
  sl_malloc_fail_at(0);
  sl_interrupt_set();
  cr_assert_eq(sl_fp_run(&c.fp, m, 1, 9, SL_FP_EULER, 1, out, &err), SL_EINTR);
  sl_interrupt_clear();
  sl_interrupt_set();
  cr_assert_eq(sl_exit_modes(&d.e, 2, lambda, chi, &found, &err), SL_EINTR);
  sl_interrupt_clear();
}
