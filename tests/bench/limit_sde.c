/* limit_sde.c: the noise laboratory's rows in C, everything of a step fused by
** hand. Blocks of lanes keep their state and one step's random words in the L1
** cache for all steps, blocks go over threads. The checks say how many
** standard errors the results are away from theory.  MIT licence. */
#include "limit_vec.h"
#include "limits.h"

enum { BLOCK = 480 }; /* a multiple of CHAINS VW and of ROWS VW */

static philox key;
static double *states, *others, *numbers, *walkers;

/* ---- Euler-Maruyama of the saddle model -----------------------------------*/

int sde_setup(const char *dir) {
  (void)dir;
  philox_key(&key, 2026);
  if (states == NULL) {
    states = bench_alloc((SDE_PATHS + BLOCK) * sizeof *states);
    others = bench_alloc((SDE_PATHS + BLOCK) * sizeof *others);
  }
  return 0;
}

/* x + a x h + sigma x dW + tau dU, U = rho W + sqrt(1 - rho^2) V: W and V of a
** lane are one pair. */
static void step_two(const uint64_t *words, double *x) {
  const double h = SDE_DT, a = 1 + SDE_A * h, sigma = SDE_SIGMA;
  const double tau = SDE_TAU * SDE_RHO;
  const double rest = SDE_TAU * sqrt(1 - SDE_RHO * SDE_RHO);
  for (int i = 0; i < BLOCK; i += ROWS * VW) {
    const vu *from = (const vu *)(words + 2 * i);
    vd *to = (vd *)(x + i);
    vu w[ROWS];
    vd r[ROWS], p[ROWS], q[ROWS], g[ROWS];
    EACH w[k] = from[2 * k];
    scaled_log(w, -2 * h, r);
    EACH r[k] = vd_sqrt(r[k]);
    EACH w[k] = from[2 * k + 1];
    circle(w, p, q);
    EACH g[k] = sigma * to[k] + tau;
    EACH g[k] = g[k] * p[k] + rest * q[k];
    EACH to[k] = a * to[k] + r[k] * g[k];
  }
}

void sde_two(void) {
#pragma omp parallel for schedule(static)
  for (int b = 0; b < SDE_PATHS; b += BLOCK) {
    double x[BLOCK] __attribute__((aligned(64)));
    uint64_t words[2 * BLOCK] __attribute__((aligned(64)));
    for (int i = 0; i < BLOCK; i++) {
      x[i] = SDE_X0;
    }
    for (uint32_t s = 0; s < SDE_STEPS; s++) {
      philox_words(&key, (uint32_t)b, s, BLOCK, words);
      step_two(words, x);
    }
    for (int i = 0; i < BLOCK; i++) {
      states[b + i] = x[i];
    }
  }
}

/* x + a x h + s(x) dB: a pair serves two lanes. s and the radius of the normal
** are square roots, so one root of their product is enough. */
static void step_one(const uint64_t *words, double *x) {
  const double h = SDE_DT, a = 1 + SDE_A * h;
  const double s2 = SDE_SIGMA * SDE_SIGMA, t2 = SDE_TAU * SDE_TAU;
  const double st = 2 * SDE_RHO * SDE_SIGMA * SDE_TAU;
  for (int i = 0; i < BLOCK; i += ROWS * VW) {
    const vu *from = (const vu *)(words + 2 * i);
    vd *to = (vd *)(x + 2 * i);
    vu w[ROWS];
    vd l[ROWS], p[ROWS], q[ROWS], f[ROWS], g[ROWS];
    EACH w[k] = from[2 * k];
    scaled_log(w, -2 * h, l);
    EACH f[k] = (s2 * to[2 * k] + st) * to[2 * k] + t2;
    EACH g[k] = (s2 * to[2 * k + 1] + st) * to[2 * k + 1] + t2;
    EACH f[k] = vd_sqrt(f[k] * l[k]);
    EACH g[k] = vd_sqrt(g[k] * l[k]);
    EACH w[k] = from[2 * k + 1];
    circle(w, p, q);
    EACH to[2 * k] = a * to[2 * k] + f[k] * p[k];
    EACH to[2 * k + 1] = a * to[2 * k + 1] + g[k] * q[k];
  }
}

/* All steps of blocks of which each pair of words serves two lanes. */
INLINE void one_noise(void (*step)(const uint64_t *, double *), double start) {
#pragma omp parallel for schedule(static)
  for (int b = 0; b < SDE_PATHS; b += 2 * BLOCK) {
    double x[2 * BLOCK] __attribute__((aligned(64)));
    uint64_t words[2 * BLOCK] __attribute__((aligned(64)));
    for (int i = 0; i < 2 * BLOCK; i++) {
      x[i] = start;
    }
    for (uint32_t s = 0; s < SDE_STEPS; s++) {
      philox_words(&key, (uint32_t)(b / 2), s, BLOCK, words);
      step(words, x);
    }
    for (int i = 0; i < 2 * BLOCK && b + i < SDE_PATHS; i++) {
      states[b + i] = x[i];
    }
  }
}

void sde_one(void) { one_noise(step_one, SDE_X0); }

/* Of mean and second moment, against their exact recursion: that of the mean by
** the exact variance, of the second moment by the sample's. */
double sde_check(void) {
  const double h = SDE_DT, up = 1 + SDE_A * h, n = SDE_PATHS;
  double m1 = SDE_X0, m2 = SDE_X0 * SDE_X0, sum = 0, sum2 = 0, sum4 = 0;
  for (int s = 0; s < SDE_STEPS; s++) {
    m2 = m2 * (up * up + SDE_SIGMA * SDE_SIGMA * h) +
         2 * SDE_RHO * SDE_SIGMA * SDE_TAU * h * m1 + SDE_TAU * SDE_TAU * h;
    m1 *= up;
  }
  for (int i = 0; i < SDE_PATHS; i++) {
    double y = states[i] * states[i];
    sum += states[i];
    sum2 += y;
    sum4 += y * y;
  }
  double first = fabs(sum / n - m1) / sqrt((m2 - m1 * m1) / n);
  double spread = sqrt((sum4 / n - (sum2 / n) * (sum2 / n)) / n);
  return fmax(first, fabs(sum2 / n - m2) / spread);
}

/* ---- Heun's scheme in a double well ---------------------------------------*/

/* y = x + b(x) h + g(x) dW; x + (b(x) + b(y)) h/2 + (g(x) + g(y)) dW/2, with
** b = x - x^3 and g = sigma x: n is sigma dW of both lanes of a pair. */
INLINE void heun(const vd *n, vd *to) {
  const double h = WELL_DT;
  vd b[ROWS], x[ROWS], y[ROWS];
  EACH x[k] = to[2 * k];
  EACH b[k] = x[k] - x[k] * x[k] * x[k];
  EACH y[k] = (h * b[k] + x[k]) + n[k] * x[k];
  EACH b[k] += y[k] - y[k] * y[k] * y[k];
  EACH y[k] = n[k] * (x[k] + y[k]) + h * b[k];
  EACH to[2 * k] = x[k] + 0.5 * y[k];
}

static void step_well(const uint64_t *words, double *x) {
  const double scale = -2 * WELL_SIGMA * WELL_SIGMA * WELL_DT;
  for (int i = 0; i < BLOCK; i += ROWS * VW) {
    const vu *from = (const vu *)(words + 2 * i);
    vd *to = (vd *)(x + 2 * i);
    vu w[ROWS];
    vd r[ROWS], p[ROWS], q[ROWS];
    EACH w[k] = from[2 * k];
    scaled_log(w, scale, r);
    EACH r[k] = vd_sqrt(r[k]);
    EACH w[k] = from[2 * k + 1];
    circle(w, p, q);
    EACH p[k] *= r[k];
    EACH q[k] *= r[k];
    heun(p, to);
    heun(q, to + 1);
  }
}

void well_run(void) { one_noise(step_well, 1.0); }

/* Of E x^2 = 1 and E x^4 = 1 + sigma^2: at T = 10 the paths have the stationary
** law, x^2 the gamma law of shape 1 / sigma^2. */
double well_check(void) {
  const double n = SDE_PATHS, s = WELL_SIGMA * WELL_SIGMA;
  double sum2 = 0, sum4 = 0, sum8 = 0;
  for (int i = 0; i < SDE_PATHS; i++) {
    double y = states[i] * states[i];
    sum2 += y;
    sum4 += y * y;
    sum8 += y * y * y * y;
  }
  double spread = sqrt((sum8 / n - (sum4 / n) * (sum4 / n)) / n);
  return fmax(fabs(sum2 / n - 1) / sqrt(s / n),
              fabs(sum4 / n - (1 + s)) / spread);
}

/* ---- FitzHugh-Nagumo, two noises ------------------------------------------*/

static void step_fhn(const uint64_t *words, double *v, double *w) {
  const double h = FHN_DT, mix = sqrt(1 - FHN_RHO * FHN_RHO);
  for (int i = 0; i < BLOCK; i += ROWS * VW) {
    const vu *from = (const vu *)(words + 2 * i);
    vd *tv = (vd *)(v + i), *tw = (vd *)(w + i);
    vu u[ROWS];
    vd l[ROWS], r[ROWS], p[ROWS], q[ROWS], f[ROWS], y[ROWS];
    EACH u[k] = from[2 * k];
    scaled_log(u, -2 * h, l);
    EACH r[k] = vd_sqrt(l[k]);
    EACH y[k] = tv[k] * tv[k];
    EACH f[k] = vd_sqrt(l[k] * (y[k] + 1.0));
    EACH u[k] = from[2 * k + 1];
    circle(u, p, q);
    EACH q[k] = FHN_RHO * p[k] + mix * q[k];
    EACH r[k] = (FHN_R * r[k]) * (tv[k] * q[k]);
    EACH r[k] += h * (FHN_EPS * FHN_A) + (h * FHN_EPS) * tv[k];
    EACH p[k] = (FHN_S * f[k]) * p[k] + h * (FHN_I - tw[k]);
    EACH tw[k] = (1 - h * FHN_EPS * FHN_B) * tw[k] + r[k];
    EACH tv[k] = tv[k] * ((1 + h) - (h / 3) * y[k]) + p[k];
  }
}

void fhn_run(void) {
  const uint32_t steps = (uint32_t)(FHN_T / FHN_DT + 0.5);
#pragma omp parallel for schedule(static)
  for (int b = 0; b < SDE_PATHS; b += BLOCK) {
    double v[BLOCK] __attribute__((aligned(64))) = {0};
    double w[BLOCK] __attribute__((aligned(64))) = {0};
    uint64_t words[2 * BLOCK] __attribute__((aligned(64)));
    for (uint32_t s = 0; s < steps; s++) {
      philox_words(&key, (uint32_t)b, s, BLOCK, words);
      step_fhn(words, v, w);
    }
    for (int i = 0; i < BLOCK; i++) {
      states[b + i] = v[i];
      others[b + i] = w[i];
    }
  }
}

/* Of E v, E w, E v^2, E w^2, E v w. */
double fhn_check(void) {
  static const double expected[5][2] = FHN_EULER;
  const double n = SDE_PATHS;
  double sum[5] = {0}, square[5] = {0}, worst = 0;
  for (int i = 0; i < SDE_PATHS; i++) {
    const double v = states[i], w = others[i];
    const double moments[5] = {v, w, v * v, w * w, v * w};
    for (int m = 0; m < 5; m++) {
      sum[m] += moments[m];
      square[m] += moments[m] * moments[m];
    }
  }
  for (int m = 0; m < 5; m++) {
    double mean = sum[m] / n, variance = square[m] / n - mean * mean;
    double error = hypot(sqrt(variance / n), expected[m][1]);
    worst = fmax(worst, fabs(mean - expected[m][0]) / error);
  }
  return worst;
}

/* ---- normals into an array ------------------------------------------------*/

int normals_setup(const char *dir) {
  (void)dir;
  philox_key(&key, 2026);
  if (numbers == NULL) {
    numbers = bench_alloc((NORMALS + 2 * BLOCK) * sizeof *numbers);
  }
  return 0;
}

static void normals_block(uint32_t first, double *out) {
  uint64_t words[2 * BLOCK] __attribute__((aligned(64)));
  philox_words(&key, first, 0, BLOCK, words);
  for (int i = 0; i < BLOCK; i += ROWS * VW) {
    const vu *from = (const vu *)(words + 2 * i);
    vd *to = (vd *)(out + 2 * i);
    vu w[ROWS];
    vd r[ROWS], p[ROWS], q[ROWS];
    EACH w[k] = from[2 * k];
    scaled_log(w, -2, r);
    EACH r[k] = vd_sqrt(r[k]);
    EACH w[k] = from[2 * k + 1];
    circle(w, p, q);
    EACH to[2 * k] = r[k] * p[k];
    EACH to[2 * k + 1] = r[k] * q[k];
  }
}

void normals_run(void) {
#pragma omp parallel for schedule(static)
  for (int b = 0; b < NORMALS; b += 2 * BLOCK) {
    normals_block((uint32_t)(b / 2), numbers + b);
  }
}

/* Of the first, second and fourth moment. */
double normals_check(void) {
  const double n = NORMALS;
  double m1 = 0, m2 = 0, m4 = 0;
  for (int i = 0; i < NORMALS; i++) {
    double y = numbers[i] * numbers[i];
    m1 += numbers[i];
    m2 += y;
    m4 += y * y;
  }
  double z = fmax(fabs(m1 / n) * sqrt(n), fabs(m2 / n - 1) * sqrt(n / 2));
  return fmax(z, fabs(m4 / n - 3) * sqrt(n / 96));
}

/* ---- coin flips -----------------------------------------------------------*/

enum { COINS = CHAINS * VW }; /* walkers whose places are in registers */

int coins_setup(const char *dir) {
  (void)dir;
  philox_key(&key, 2026);
  if (walkers == NULL) {
    walkers = bench_alloc((COIN_WALKERS + COINS) * sizeof *walkers);
  }
  return 0;
}

/* `count` steps of all, at most 64, a bit of w for each. */
INLINE void flips(vu *w, vd *x, int stride, int count) {
  const vd up = vd_all(1 + COIN_SIZE), down = vd_all(1 - COIN_SIZE);
  vu v[CHAINS];
  UNROLL for (int k = 0; k < CHAINS; k++) {
    v[k] = w[stride * k];
  }
  for (int s = 0; s < count; s++) {
    UNROLL for (int k = 0; k < CHAINS; k++) {
      x[k] *= vd_pick(v[k], up, down);
      v[k] += v[k];
    }
  }
}

static void coins_block(uint32_t first, double *out) {
  uint64_t words[2 * COINS] __attribute__((aligned(64)));
  vd x[CHAINS];
  for (int k = 0; k < CHAINS; k++) {
    x[k] = vd_all(1);
  }
  for (int done = 0; done < COIN_STEPS; done += 128) {
    int left = COIN_STEPS - done;
    philox_words(&key, first, (uint32_t)done, COINS, words);
    flips((vu *)words, x, 2, left < 64 ? left : 64);
    if (left > 64) {
      flips((vu *)words + 1, x, 2, left < 128 ? left - 64 : 64);
    }
  }
  for (int k = 0; k < CHAINS; k++) {
    *(vd *)(out + k * VW) = x[k];
  }
}

void coins_run(void) {
#pragma omp parallel for schedule(static)
  for (int b = 0; b < COIN_WALKERS; b += COINS) {
    coins_block((uint32_t)b, walkers + b);
  }
}

/* Of the share that did not rise, and of the mean logarithm. */
double coins_check(void) {
  const double n = COIN_WALKERS, p = COIN_BELOW;
  const double mean = 0.5 * COIN_STEPS * log1p(-COIN_SIZE * COIN_SIZE);
  const double sd = sqrt(COIN_STEPS) * atanh(COIN_SIZE);
  double below = 0, sum = 0;
  for (int i = 0; i < COIN_WALKERS; i++) {
    below += walkers[i] <= 1;
    sum += log(walkers[i]);
  }
  double z = fabs(below / n - p) / sqrt(p * (1 - p) / n);
  return fmax(z, fabs(sum / n - mean) / (sd / sqrt(n)));
}
