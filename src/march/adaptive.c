/* adaptive.c: every lane takes steps of its own length. A lane walks the leaves
** of a binary tree from left to right: a trial that is refused becomes its left
** half, and the right half waits. Increments of halves are drawn given their
** parent's, from the node's own address, so nothing that was seen is forgotten
** and no end of a refused step is passed over (which is what convergence needs:
** Foster and Jelincic 2023, arXiv 2311.14201).  MIT licence. */
#include <math.h>
#include <string.h>

#include "march/machine.h"

#define NOWHERE INT64_MAX
#define NODES ((sl_int)1 << 50)

enum {
  ROOT_LEVEL = 255, /* of the address of a root's own increment */
  DEEPEST = 48
};

/* A lane on its way. Followed in memory by its increments: (W, H) of each
** motion, for the interval it stands before and for the right halves that wait,
** by level. */
typedef struct walker {
  sl_int root, stop; /* number of the root it is in; where it has to wait */
  uint64_t place;    /* the interval: number `place` of 2^level in the root */
  int level;
  double want;       /* length of the next trial, in roots */
  sl_int accepted, rejected, forced;
} walker;

typedef struct walk {
  sl_worker *w;
  const sl_adaptive *a;
  sl_int each; /* bytes of a walker */
  sl_int lane;
} walk;

static walker *walker_of(const walk *x, sl_int i) {
  return (walker *)(void *)(x->w->own + i * x->each);
}

static double *pair_of(const walk *x, walker *k, int level) {
  return (double *)(void *)(k + 1) + 2 * x->a->motions * level;
}

static sl_int bytes_of(const sl_adaptive *a) {
  sl_int pairs = (sl_int)(a->deepest + 2) * 2 * a->motions;
  return (sl_int)sizeof(walker) + pairs * (sl_int)sizeof(double);
}

static uint64_t number(const walk *x, sl_int i) {
  return (uint64_t)(x->w->job->first_lane + x->lane + i);
}

static double *given(const walk *x, sl_int k) {
  const sl_machine *m = &x->w->k;
  return m->rows + (sl_noise_row(m->m) + 2 * k + 1) * m->room;
}

/* ---- the tree ------------------------------------------------------------ */

/* The interval a lane stands before has its pair at the level below the last. */
static double *current(const walk *x, walker *k) {
  return pair_of(x, k, x->a->deepest + 1);
}

static void enter_root(const walk *x, sl_int i, walker *k) {
  const double h = x->a->span;
  double z[2], *pair = current(x, k);
  k->place = 0;
  k->level = 0;
  for (int j = 0; j < x->a->motions; j++) {
    sl_random_tree(x->w->job->seed, number(x, i), (uint64_t)k->root,
                   ROOT_LEVEL, j, z);
    pair[2 * j] = sqrt(h) * z[0];
    pair[2 * j + 1] = sqrt(h / 12) * z[1];
  }
}

/* The two halves of a lane's interval, in the rows of lane i. */
static void draw_halves(const walk *x, sl_int i, walker *k) {
  const int m = x->a->motions;
  const double h = ldexp(x->a->span, -k->level);
  const double z_sd = sqrt(h / 16), n_sd = sqrt(h / 12);
  const double *pair = current(x, k);
  given(x, 0)[i] = h;
  for (int j = 0; j < m; j++) {
    const double w = pair[2 * j], area = pair[2 * j + 1];
    double r[2];
    sl_random_tree(x->w->job->seed, number(x, i),
                   ((uint64_t)k->root << k->level) + k->place, k->level, j, r);
    const double z = z_sd * r[0], n = n_sd * r[1];
    const double left = 0.5 * w + 1.5 * area + z;
    given(x, 1 + j)[i] = left;
    given(x, 1 + m + j)[i] = 0.25 * area - 0.5 * z + 0.5 * n;
    given(x, 1 + 2 * m + j)[i] = w - left;
    given(x, 1 + 3 * m + j)[i] = 0.25 * area - 0.5 * z - 0.5 * n;
  }
}

/* The lane goes on with the left half; the right one waits. */
static void halve(const walk *x, sl_int i, walker *k) {
  const int m = x->a->motions;
  double *pair = current(x, k), *waiting = pair_of(x, k, k->level);
  for (int j = 0; j < m; j++) {
    pair[2 * j] = given(x, 1 + j)[i];
    pair[2 * j + 1] = given(x, 1 + m + j)[i];
    waiting[2 * j] = given(x, 1 + 2 * m + j)[i];
    waiting[2 * j + 1] = given(x, 1 + 3 * m + j)[i];
  }
  k->level++;
  k->place *= 2;
}

/* Past its interval, a lane stands before the next that waits, or at the end of
** the root. */
static void advance(const walk *x, walker *k) {
  while (k->level > 0 && k->place % 2 == 1) {
    k->place /= 2;
    k->level--;
  }
  if (k->level == 0) {
    k->root++;
    return;
  }
  k->place++;
  memcpy(current(x, k), pair_of(x, k, k->level - 1),
         (size_t)(2 * x->a->motions) * sizeof(double));
}

/* ---- trials -------------------------------------------------------------- */

static double time_of(const walker *k) {
  return (double)k->root + ldexp((double)k->place, -k->level);
}

/* The next trial of lane i: an interval no longer than it wants. Lanes that wait
** at a stop try one of length 0. */
static void prepare(const walk *x, sl_int i, walker *k) {
  const sl_machine *m = &x->w->k;
  if (k->root >= k->stop) {
    for (sl_int e = 0; e < m->m->draws; e++) {
      given(x, e)[i] = 0;
    }
  } else {
    if (k->level == 0) {
      enter_root(x, i, k);
    }
    draw_halves(x, i, k);
    while (ldexp(1, -k->level) > 1.0001 * k->want &&
           k->level < x->a->deepest) {
      halve(x, i, k);
      draw_halves(x, i, k);
    }
  }
  double *clock = sl_machine_clocks(m);
  if (clock != NULL) {
    clock[i] = time_of(k);
  }
}

/* Puts lane i's old state back: rows after a step of that parity. */
static void take_back(const walk *x, sl_int i, int odd) {
  const sl_machine *m = &x->w->k;
  for (int32_t e = 0; e < m->m->width; e++) {
    sl_machine_row(m, e, !odd)[i] = sl_machine_row(m, e, odd)[i];
  }
}

/* Verdict on lane i's trial. */
static void judge(const walk *x, sl_int i, walker *k, double error, int odd) {
  const double length = ldexp(1, -k->level);
  const bool good = error <= 1, last = k->level == x->a->deepest;
  double factor = error > 0 ? x->a->safety * pow(error, -x->a->exponent) : 5;
  factor = !(factor > 0.2) ? 0.2 : factor > 5 ? 5 : factor;
  k->want = length * factor;
  k->want = k->want > 1 ? 1 : k->want;
  if (last && isnan(error)) {
    k->root = NOWHERE; /* it would be refused for ever: stays as it became */
  } else if (good || last) {
    k->accepted++;
    k->forced += !good;
    advance(x, k);
  } else {
    k->rejected++;
    k->want = k->want > 0.5 * length ? 0.5 * length : k->want;
    take_back(x, i, odd);
    halve(x, i, k);
  }
}

/* Trials of all lanes until each has come to the stop; the parity of the rows
** their states then lie in. */
static int walk_to(const walk *x, sl_int stop, int odd) {
  sl_machine *m = &x->w->k;
  const sl_int n = m->lanes;
  const int32_t error = sl_result_row(m->m, m->m->nnext + m->m->nvalue - 1);
  for (sl_int i = 0; i < n; i++) {
    walker_of(x, i)->stop = stop;
  }
  for (sl_int left = n; left > 0 && !sl_interrupted(); odd = !odd) {
    for (sl_int i = 0; i < n; i++) {
      prepare(x, i, walker_of(x, i));
    }
    sl_machine_execute(m, odd);
    left = 0;
    for (sl_int i = 0; i < n; i++) {
      walker *k = walker_of(x, i);
      if (k->root >= stop) {
        take_back(x, i, odd);
      } else {
        judge(x, i, k, sl_machine_row(m, error, 0)[i], odd);
        left += k->root < stop;
      }
    }
  }
  return odd;
}

static void count(const walk *x) {
  for (sl_int i = 0; x->a->accepted != NULL && i < x->w->k.lanes; i++) {
    const walker *k = walker_of(x, i);
    x->a->accepted[x->lane + i] += k->accepted;
    x->a->rejected[x->lane + i] += k->rejected;
    x->a->forced[x->lane + i] += k->forced;
  }
}

static void adaptive_block(sl_worker *w, sl_int lane, sl_int n) {
  const sl_march_job *job = w->job;
  walk x = {.w = w, .a = w->user, .lane = lane};
  x.each = bytes_of(x.a);
  const sl_int end = job->first + job->steps;
  for (sl_int i = 0; i < n; i++) {
    walker *k = walker_of(&x, i);
    *k = (walker){.root = job->first, .want = x.a->start / x.a->span};
  }
  int odd = 0;
  sl_machine_read(&w->k, job->start, lane, n, 0, odd);
  sl_int seen = sl_worker_observe(w, job->first, 0, odd, lane);
  for (sl_int stop = job->first; stop < end && !sl_interrupted();) {
    stop = w->o != NULL && seen < job->watch->ntime ? job->watch->time[seen]
                                                    : end;
    odd = walk_to(&x, stop, odd);
    seen = sl_worker_observe(w, stop, seen, odd, lane);
  }
  if (!sl_interrupted()) {
    count(&x);
    sl_worker_finish(w, lane, odd);
  }
}

sl_status sl_march_adaptive(const sl_march *m, const sl_march_job *job,
                            const sl_adaptive *adaptive, sl_err *err) {
  if (adaptive->deepest > DEEPEST || adaptive->motions > 64 ||
      m->draws != 1 + 4 * adaptive->motions || m->nvalue < 1) {
    return sl_fail(err, SL_EARG, "adaptive: the machine is no trial step");
  }
  if (job->first + job->steps > NODES >> adaptive->deepest) {
    return sl_fail(err, SL_EARG,
                   "adaptive: %lld steps of %d halvings: at most 2^50 parts",
                   (long long)(job->first + job->steps), adaptive->deepest);
  }
  return sl_slabs_run(m, job, adaptive_block, adaptive, bytes_of(adaptive),
                      err);
}
