/* march.c: runs a machine over lanes and steps: lanes in slabs, which threads
** take one by one, slabs in blocks that stay in the L1 cache for all steps.
** MIT licence. */
#include <math.h>
#include <string.h>

#include "march/machine.h"

enum {
  SLABS = 64,         /* at most */
  SMALL = 64,         /* lanes: slabs are multiples of it */
  SHARED = 256,       /* lanes of a slab that need not be smaller */
  PATIENCE = 1 << 16, /* lane operations between two looks at Ctrl-C */
  WORTH = 1 << 17,    /* lane operations worth a thread */
  PER_DRAW = 16       /* operations that a number of noise costs as much as */
};

sl_int sl_slab_size(sl_int lanes) {
  sl_int few = sl_rounded((lanes + 1) / 2, SMALL);
  sl_int many = sl_rounded((lanes + SLABS - 1) / SLABS, SMALL);
  few = few < SHARED ? few : SHARED;
  return many > few ? many : few;
}

sl_int sl_block_size(const sl_march *m, sl_int lanes, sl_int slab,
                     sl_int asked) {
  sl_int fit = asked > 0 ? asked : sl_machine_fit(m);
  sl_int blocks = (slab + fit - 1) / fit;
  sl_int block =
      asked > 0 ? asked : sl_rounded((slab + blocks - 1) / blocks, SMALL);
  return block < lanes ? block : lanes;
}

double sl_march_work(const sl_march *m, double lanes, double steps) {
  return lanes * steps * (double)(sl_march_ops(m) + 1 + PER_DRAW * m->draws);
}

int sl_march_threads(double work) {
  return work > 2 * WORTH ? sl_threads() : 1;
}

/* ---- a block of lanes ---------------------------------------------------- */

/* The next step at which something is to be seen, or the end. */
static sl_int next_stop(const sl_worker *w, sl_int s, sl_int seen) {
  const sl_march_job *job = w->job;
  sl_int end = job->first + job->steps, stop = end;
  if (job->every > 0) {
    sl_int made = s - job->first;
    stop = job->first + (made / job->every + 1) * job->every;
  }
  if (w->o != NULL && seen < job->watch->ntime &&
      job->watch->time[seen] < stop) {
    stop = job->watch->time[seen];
  }
  return stop < end ? stop : end;
}

sl_int sl_worker_observe(sl_worker *w, sl_int s, sl_int seen, int odd,
                         sl_int lane) {
  const sl_watch *watch = w->job->watch;
  while (w->o != NULL && seen < watch->ntime && watch->time[seen] == s) {
    sl_observe(w->o, &w->k, s, odd, seen++, lane, w->job->lanes);
  }
  return seen;
}

void sl_worker_finish(sl_worker *w, sl_int lane, int odd) {
  const sl_march_job *job = w->job;
  const sl_int n = w->k.lanes;
  sl_machine_write(&w->k, lane, n, odd, job->final, 0, job->lanes);
  for (int32_t e = 0; job->bad != NULL && e < w->k.m->width; e++) {
    const double *row = sl_machine_row(&w->k, e, odd);
    for (sl_int i = 0; i < n; i++) {
      job->bad[lane + i] = job->bad[lane + i] || !isfinite(row[i]);
    }
  }
}

/* All steps of one block, in runs that end where something is seen and are short
** enough for Ctrl-C, after which the rest is left. */
static void march_block(sl_worker *w, sl_int lane, sl_int n) {
  const sl_march_job *job = w->job;
  const double each = sl_march_work(w->k.m, (double)n, 1);
  const sl_int longest = (sl_int)(PATIENCE / each) + 1;
  const sl_int end = job->first + job->steps;
  sl_int s = job->first, seen = 0;
  sl_machine_read(&w->k, job->start, lane, n, 0, (int)(s & 1));
  for (;;) {
    seen = sl_worker_observe(w, s, seen, (int)(s & 1), lane);
    if (s == end || sl_interrupted()) {
      break;
    }
    sl_int stop = next_stop(w, s, seen);
    sl_int next = stop - s < longest ? stop : s + longest;
    sl_machine_step(&w->k, s, next - s);
    s = next;
    if (job->every > 0 && (s - job->first) % job->every == 0) {
      sl_machine_write(&w->k, lane, n, (int)(s & 1), job->path,
                       (s - job->first) / job->every - 1, job->lanes);
    }
  }
  if (s == end) {
    sl_worker_finish(w, lane, (int)(s & 1));
  }
}

/* ---- the whole ----------------------------------------------------------- */

/* What all threads share, and one block of memory for everything. */
typedef struct plan {
  const sl_march *m;
  const sl_march_job *job;
  sl_int slab, block, slabs;
  int threads;
  sl_block_fn *march;
  const void *user;
  sl_int values, counts; /* entries of statistics */
  sl_int machine, watch, extra, own; /* bytes: of a thread */
  char *base;
  sl_moments *moments; /* [slabs][values] */
} plan;

static sl_status make_plan(plan *p, sl_int per_lane, sl_err *err) {
  const sl_march_job *job = p->job;
  const sl_watch *w = job->watch;
  double work = sl_march_work(p->m, (double)job->lanes, (double)job->steps);
  p->slab = sl_slab_size(job->lanes);
  p->block = sl_block_size(p->m, job->lanes, p->slab, job->block);
  p->slabs = (job->lanes + p->slab - 1) / p->slab;
  p->threads = sl_march_threads(work);
  p->threads = p->threads < p->slabs ? p->threads : (int)p->slabs;
  p->machine = sl_machine_bytes(p->m, p->block);
  if (w != NULL) {
    const sl_int q = sl_march_values(w->of);
    const sl_int times = w->histogram.pooled ? 1 : w->ntime;
    p->watch = sl_observer_bytes(w, p->block);
    p->values = w->moments != NULL ? w->ntime * q : 0;
    p->counts = w->count != NULL ? times * q * (w->histogram.bins + 2) : 0;
  }
  p->extra = sl_aligned(p->block * per_lane);
  p->own = p->machine + p->watch + p->extra +
           sl_aligned(p->counts * (sl_int)sizeof(sl_int));
  sl_int shared = sl_aligned(p->slabs * p->values * (sl_int)sizeof(sl_moments));
  sl_int bytes = shared + p->threads * p->own;
  p->base = sl_temp_take(bytes);
  if (p->base == NULL) {
    return sl_fail(err, SL_ENOMEM, "march: no memory for %lld bytes",
                   (long long)bytes);
  }
  p->moments = (sl_moments *)(void *)(p->base + p->threads * p->own);
  memset(p->moments, 0, (size_t)shared);
  return SL_OK;
}

static sl_int *counts_of(const plan *p, int thread) {
  return (sl_int *)(void *)(p->base + thread * p->own + p->machine + p->watch +
                            p->extra);
}

static void march_slab(const plan *p, sl_worker *w, sl_int slab) {
  sl_int lane = slab * p->slab, end = lane + p->slab;
  end = end < p->job->lanes ? end : p->job->lanes;
  if (w->o != NULL) {
    w->o->moments = p->moments + slab * p->values;
  }
  for (; lane < end && !sl_interrupted(); lane += p->block) {
    sl_machine_lanes(&w->k, end - lane < p->block ? end - lane : p->block);
    sl_machine_number(&w->k, (uint64_t)(p->job->first_lane + lane));
    p->march(w, lane, w->k.lanes);
  }
}

static void run_thread(const plan *p, int thread, sl_int *next) {
  const sl_march_job *job = p->job;
  char *base = p->base + thread * p->own;
  sl_worker w = {.job = job, .user = p->user,
                 .own = base + p->machine + p->watch};
  sl_observer o;
  unsigned state = 0;
  sl_machine_init(&w.k, p->m, &job->reads, job->seed, p->block, base);
  if (job->watch != NULL) {
    sl_int *count = counts_of(p, thread);
    memset(count, 0, (size_t)p->counts * sizeof *count);
    sl_observer_init(&o, job->watch, p->block, count, base + p->machine);
    w.o = &o;
  }
  if (p->m->nnoise > 0) {
    state = sl_flush_denormals();
  }
  for (;;) {
    sl_int slab;
#pragma omp atomic capture
    slab = (*next)++;
    if (slab >= p->slabs) {
      break;
    }
    march_slab(p, &w, slab);
  }
  if (p->m->nnoise > 0) {
    sl_restore_denormals(state);
  }
}

static void gather_statistics(const plan *p) {
  const sl_watch *w = p->job->watch;
  sl_moments_gather(p->moments, p->slabs, p->values);
  if (p->values > 0) {
    memcpy(w->moments, p->moments, (size_t)p->values * sizeof *w->moments);
  }
  for (int t = 0; t < p->threads && p->counts > 0; t++) {
    const sl_int *count = counts_of(p, t);
    for (sl_int i = 0; i < p->counts; i++) {
      w->count[i] += count[i];
    }
  }
}

sl_status sl_slabs_run(const sl_march *m, const sl_march_job *job,
                       sl_block_fn *march, const void *user, sl_int per_lane,
                       sl_err *err) {
  if (job->lanes == 0 || m->width == 0) {
    return SL_OK;
  }
  plan p = {.m = m, .job = job, .march = march, .user = user};
  SL_TRY(make_plan(&p, per_lane, err));
  sl_int next = 0;
#pragma omp parallel for num_threads(p.threads) schedule(static, 1) \
    if (p.threads > 1)
  for (int t = 0; t < p.threads; t++) {
    run_thread(&p, t, &next);
  }
  if (job->watch != NULL) {
    gather_statistics(&p);
  }
  sl_temp_give(p.base);
  return sl_poll(err, "march");
}

sl_status sl_march_run(const sl_march *m, const sl_march_job *job,
                       sl_err *err) {
  return sl_slabs_run(m, job, march_block, NULL, 0, err);
}
