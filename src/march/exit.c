/* exit.c: first exits from an interval. Between two steps a path is a Brownian
** bridge, which may have left and come back: the chance of that, where, and when
** are known in closed form, also where both ends are in reach. Lanes that are
** done leave their slot to the next lane that waits, which starts at its own step
** 0; since noise is addressed by lane and step, nobody's numbers change.
** MIT licence. */
#include <math.h>
#include <string.h>

#include "march/machine.h"

enum {
  PATIENCE = 1 << 16,
  IMAGES = 1000, /* of an interval, at most */
  TURNS = 1000   /* draws of a time, at most */
};

#define SURE 20.0 /* a bridge that passes a bound by e^-40 does not touch it */

typedef struct worker {
  sl_machine k;
  const sl_march_job *job;
  const sl_exits *exits;
  sl_int *lane, *born; /* by slot: its lane, -1 when it is done; first step */
  uint8_t *near;
  sl_int live, period;
  sl_int *waiting; /* of all threads: the lanes from this one on wait */
} worker;

/* ---- what happens within a step ------------------------------------------ */

/* A draw from the inverse Gaussian law of mean mu (perhaps infinite) and shape
** lambda, from a normal z and a uniform u; the smaller root is written without
** cancellation. source: Michael, Schucany and Haas 1976, Am. Stat. 30. */
static double inverse_gauss(double mu, double lambda, double z, double u) {
  const double y = z * z;
  if (isinf(mu)) {
    return lambda / y;
  }
  const double w = mu * y / (2 * lambda);
  const double x = mu / (1 + w + sqrt(w * (2 + w)));
  return u <= mu / (mu + x) ? x : mu * (mu / x);
}

/* The chance that a bridge of variance v, from distance a to distance b of one
** end of an interval of this width, leaves it there first: a sum over mirror
** images, of which one is left where the other end is far. b < 0 is beyond.
** a and width may be infinite.
** source: Anderson 1960, Ann. Math. Stat. 31. */
static double leaves_here(double a, double b, double width, double v) {
  if (a <= 0 || !(v > 0)) {
    return a <= 0 || b <= 0;
  }
  if (isinf(a)) {
    return 0;
  }
  double sum = b <= 0 ? 1 : exp(-2 * a * b / v);
  for (int j = 1; j < IMAGES && !isinf(width); j++) {
    const double far = 2 * j * width + a, back = 2 * j * width - a;
    const double c = fabs(b), d = a - b;
    const double plus = exp(-(far + c - d) * (far + c + d) / (2 * v));
    const double minus = exp(-(back + c - d) * (back + c + d) / (2 * v));
    sum += plus - minus;
    if (!(minus > 1e-17)) {
      break;
    }
  }
  return sum;
}

/* Of paths that first touch one end, at distance a, after the variance s: the
** share that did not touch the other end before. */
static double untouched(double a, double width, double s) {
  double sum = 1;
  for (int j = 1; j < IMAGES && !isinf(width); j++) {
    const double k = 2 * j * width;
    const double minus = (k / a - 1) * exp(-k * (j * width - a) / s);
    sum += (k / a + 1) * exp(-k * (j * width + a) / s) - minus;
    if (!(minus > 1e-17)) {
      break;
    }
  }
  return sum;
}

/* The share of the step after which the bridge first leaves: the time of the
** first touch of this end, drawn again if the other end was touched before. */
static double when(const worker *w, double a, double b, double width, double v,
                   sl_int lane, sl_int step) {
  if (a <= 0 || !(v > 0)) {
    return a <= 0 ? 0 : 1;
  }
  const uint64_t seed = w->job->seed;
  const uint64_t number = (uint64_t)(w->job->first_lane + lane);
  sl_lane_luck luck = sl_random_lane_luck(seed, number, (uint64_t)step, 0);
  for (uint32_t turn = 1;; turn++) {
    const double zeta = inverse_gauss(a / fabs(b), a * a / v, luck.z, luck.v);
    const double u = isinf(zeta) ? 1 : zeta / (1 + zeta);
    const double good = untouched(a, width, v * u);
    if (!(good < 1) || turn == TURNS) {
      return u;
    }
    luck = sl_random_lane_luck(seed, number, (uint64_t)step, turn);
    if (luck.u < good) {
      return u;
    }
  }
}

/* The step's share of the variance as one of its time. */
static double clock_of(const sl_exits *e, double u) {
  return e->rate == 0 ? u : -log1p(expm1(-e->rate) * u) / e->rate;
}

/* Slot i after step number `step` of its lane: has it left? */
static bool leaves(const worker *w, sl_int i, double x, double y, double v,
                   sl_int step) {
  const sl_exits *e = w->exits;
  const sl_int lane = w->lane[i];
  if (!isfinite(y) || isnan(v)) {
    e->time[lane] = e->side[lane] = (double)NAN;
    return true;
  }
  const double a = e->high - x, b = e->high_end - y, c = x - e->low,
               d = y - e->low_end, width = fmax(a + c, b + d);
  const double up = leaves_here(a, b, width, v);
  const double down = leaves_here(c, d, width, v);
  const double u = sl_random_lane_luck(
      w->job->seed, (uint64_t)(w->job->first_lane + lane), (uint64_t)step,
      0).u;
  if (u < up) {
    e->time[lane] =
        (double)step + clock_of(e, when(w, a, b, width, v, lane, step));
    e->side[lane] = 1;
  } else if (u < up + down || b <= 0 || d <= 0) {
    e->time[lane] =
        (double)step + clock_of(e, when(w, c, d, width, v, lane, step));
    e->side[lane] = -1;
  } else {
    return false;
  }
  return true;
}

/* ---- slots --------------------------------------------------------------- */

/* The next lane that waits takes slot i when step s begins, s a multiple of the
** period; false when there is none. */
static bool board(worker *w, sl_int i, sl_int s) {
  sl_int lane;
  sl_noises *z = &w->k.noise;
#pragma omp atomic capture
  lane = (*w->waiting)++;
  if (lane >= w->job->lanes) {
    return false;
  }
  w->lane[i] = lane;
  w->born[i] = s;
  w->live++;
  if (w->k.m->nnoise > 0) {
    const uint64_t number = (uint64_t)(w->job->first_lane + lane);
    z->together = false;
    z->at[i] = number - ((uint64_t)(s / 2) << 32);
    z->at_sign[i] = number - ((uint64_t)(s / SL_SIGN_STEPS) << 32);
  }
  sl_machine_read(&w->k, w->job->start, lane, 1, i, 0);
  return true;
}

/* The final state of slot i's lane, from the rows after s steps. */
static void alight(worker *w, sl_int i, sl_int s) {
  const sl_march *m = w->k.m;
  for (int t = 0; t < m->nstate; t++) {
    const sl_int count = m->first[t + 1] - m->first[t];
    double *x = w->job->final[t]->data;
    for (sl_int e = 0; e < count; e++) {
      x[w->lane[i] * count + e] =
          sl_machine_row(&w->k, (int32_t)(m->first[t] + e), (int)(s & 1))[i];
    }
  }
  w->lane[i] = -1;
  w->live--;
}

/* Slot i becomes what slot j is, before an even step. */
static void move(worker *w, sl_int i, sl_int j) {
  for (int32_t e = 0; e < w->k.m->width; e++) {
    double *row = sl_machine_row(&w->k, e, 0);
    row[i] = row[j];
  }
  w->lane[i] = w->lane[j];
  w->born[i] = w->born[j];
  if (w->k.m->nnoise > 0) {
    w->k.noise.at[i] = w->k.noise.at[j];
    w->k.noise.at_sign[i] = w->k.noise.at_sign[j];
  }
}

/* Before step s, a multiple of the period: waiting lanes take free slots; when
** there are none, those that are left move together. */
static void fill_slots(worker *w, sl_int s) {
  sl_int n = w->k.lanes, i = 0;
  bool changed = false, waiting = true;
  for (; i < n && waiting; i++) {
    if (w->lane[i] < 0) {
      waiting = board(w, i, s);
      changed = changed || waiting;
    }
  }
  if (w->live < n && (w->live == 0 || w->live <= n - n / 8 - 1)) {
    sl_int kept = 0;
    for (i = 0; i < n; i++) {
      if (w->lane[i] >= 0) {
        move(w, kept++, i);
      }
    }
    if (kept > 0) {
      sl_machine_lanes(&w->k, kept);
    }
    changed = true;
  }
  if (changed && w->k.m->nnoise > 0) {
    sl_noises_forget(&w->k.noise, w->k.m);
  }
}

/* ---- steps --------------------------------------------------------------- */

static void set_clocks(worker *w, sl_int s) {
  double *clock = sl_machine_clocks(&w->k);
  for (sl_int i = 0; clock != NULL && i < w->k.lanes; i++) {
    clock[i] = (double)(s - w->born[i]);
  }
}

/* Marks the slots whose bridge may have touched a bound, or is NaN. */
static void look(worker *w, const double *x, const double *y,
                 const double *v) {
  const sl_exits e = *w->exits;
  for (sl_int i = 0; i < w->k.lanes; i++) {
    const double up = e.high_end - y[i], down = y[i] - e.low_end;
    const double reach = SURE * v[i];
    const bool clear = (up > 0) & (down > 0) &
                       ((e.high - x[i]) * up > reach) &
                       ((x[i] - e.low) * down > reach);
    w->near[i] = !clear;
  }
}

static const double *result(const worker *w, sl_int back) {
  const sl_march *m = w->k.m;
  return sl_machine_row(&w->k,
                        sl_result_row(m, m->nnext + m->nvalue - back), 0);
}

/* Who has left in step s, and who has made all the steps there are. */
static void check_slots(worker *w, sl_int s) {
  const double *x = result(w, 3), *y = result(w, 2), *v = result(w, 1);
  look(w, x, y, v);
  for (sl_int i = 0; i < w->k.lanes; i++) {
    if (w->lane[i] < 0) {
      continue;
    }
    if (w->near[i] && leaves(w, i, x[i], y[i], v[i], s - w->born[i])) {
      alight(w, i, s + 1);
    } else if (s + 1 - w->born[i] == w->job->steps) {
      w->exits->time[w->lane[i]] = (double)NAN;
      w->exits->side[w->lane[i]] = 0;
      alight(w, i, s + 1);
    }
  }
}

/* Steps until nobody is left, or Ctrl-C. */
static void run_lanes(worker *w, sl_int n) {
  const sl_int patience = PATIENCE / (n * (w->k.ncode + 1)) + 1;
  w->live = 0;
  sl_machine_lanes(&w->k, n);
  for (sl_int i = 0; i < n; i++) {
    w->lane[i] = -1;
  }
  for (sl_int s = 0; s % patience != 0 || !sl_interrupted(); s++) {
    if (s % w->period == 0 && w->live < w->k.lanes) {
      fill_slots(w, s);
      if (w->live == 0) {
        return;
      }
    }
    set_clocks(w, s);
    if (w->k.m->nnoise > 0) {
      sl_noises_draw(&w->k, s);
    }
    sl_machine_execute(&w->k, (int)(s & 1));
    check_slots(w, s);
  }
}

/* ---- the whole ----------------------------------------------------------- */

static bool has_signs(const sl_march *m) {
  for (int k = 0; k < m->nnoise; k++) {
    if (m->noise[k].draw.kind == SL_RSIGN) {
      return true;
    }
  }
  return false;
}

typedef struct plan {
  const sl_march *m;
  const sl_march_job *job;
  const sl_exits *exits;
  sl_int block, machine, own;
  char *base;
} plan;

static void run_thread(const plan *p, int thread, sl_int *waiting) {
  char *base = p->base + thread * p->own;
  sl_int *slots = (sl_int *)(void *)(base + p->machine);
  worker w = {.job = p->job, .exits = p->exits, .lane = slots,
              .born = slots + p->block,
              .near = (uint8_t *)(slots + 2 * p->block),
              .period = has_signs(p->m) ? SL_SIGN_STEPS : 2,
              .waiting = waiting};
  sl_machine_init(&w.k, p->m, &p->job->reads, p->job->seed, p->block, base);
  unsigned state = sl_flush_denormals();
  run_lanes(&w, p->block);
  sl_restore_denormals(state);
}

sl_status sl_march_exits(const sl_march *m, const sl_march_job *job,
                         const sl_exits *exits, sl_err *err) {
  for (sl_int i = 0; job->steps == 0 && i < job->lanes; i++) {
    exits->time[i] = (double)NAN;
    exits->side[i] = 0;
  }
  if (job->lanes == 0 || job->steps == 0) {
    return SL_OK;
  }
  plan p = {.m = m, .job = job, .exits = exits};
  int threads = sl_march_threads(
      sl_march_work(m, (double)job->lanes, (double)job->steps));
  p.block = sl_block_size(m, job->lanes, (job->lanes + threads - 1) / threads,
                          job->block);
  p.machine = sl_machine_bytes(m, p.block);
  p.own = p.machine + sl_aligned(p.block * (2 * (sl_int)sizeof(sl_int) + 1));
  p.base = sl_temp_take(threads * p.own);
  if (p.base == NULL) {
    return sl_fail(err, SL_ENOMEM, "first exits: no memory for %lld bytes",
                   (long long)(threads * p.own));
  }
  sl_int waiting = 0;
#pragma omp parallel for num_threads(threads) schedule(static, 1) \
    if (threads > 1)
  for (int t = 0; t < threads; t++) {
    run_thread(&p, t, &waiting);
  }
  sl_temp_give(p.base);
  return sl_poll(err, "first exits");
}
