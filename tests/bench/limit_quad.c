/* limit_quad.c: gradient steps on 5 x^2 - y^2 in plain C: one lane with a call
** for each gradient; many lanes in blocks that stay in the L1 cache for all
** steps, blocks over threads.  MIT licence. */
#include <math.h>
#include <stddef.h>

#include "limits.h"

enum { BLOCK = 500 };

static double one[2];
static double *lanes;

/* Through a pointer the compiler cannot see through, as a solver that is given
** its function calls it. */
static void gradient(const double *w, double *g) {
  g[0] = 10.0 * w[0];
  g[1] = -2.0 * w[1];
}
static void (*volatile function)(const double *, double *) = gradient;

int quad_setup(const char *dir) {
  (void)dir;
  return 0;
}

void quad_run(void) {
  void (*grad)(const double *, double *) = function;
  double w[2] = {0.3, 0.1}, g[2];
  for (int i = 0; i < QUAD_STEPS; i++) {
    grad(w, g);
    w[0] -= QUAD_RATE * g[0];
    w[1] -= QUAD_RATE * g[1];
  }
  one[0] = w[0];
  one[1] = w[1];
}

double quad_check(void) { return hypot(one[0], one[1]); }

int lanes_setup(const char *dir) {
  if (lanes == NULL) {
    lanes = bench_load(dir, "lanes");
  }
  return 0;
}

static double total;

/* All steps of one block; the sum of squares of where it ends. */
static double block(const double *from) {
  double x[BLOCK], y[BLOCK], sum = 0;
  for (int i = 0; i < BLOCK; i++) {
    x[i] = from[2 * i];
    y[i] = from[2 * i + 1];
  }
  for (int s = 0; s < LANE_STEPS; s++) {
    for (int i = 0; i < BLOCK; i++) {
      x[i] -= LANE_RATE * (10.0 * x[i]);
      y[i] -= LANE_RATE * (-2.0 * y[i]);
    }
  }
  for (int i = 0; i < BLOCK; i++) {
    sum += x[i] * x[i] + y[i] * y[i];
  }
  return sum;
}

void lanes_run(void) {
  double sum = 0;
#pragma omp parallel for reduction(+ : sum) schedule(static)
  for (int b = 0; b < LANES / BLOCK; b++) {
    sum += block(lanes + (long)b * 2 * BLOCK);
  }
  total = sum;
}

double lanes_check(void) { return sqrt(total); }
