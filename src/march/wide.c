/* wide.c: a step that cannot be written out by elements, as a program over all
** lanes at once: networks, samples gathered by number, solvers. Noise has the
** same addresses and observers the same leaves as in march.c.  MIT licence. */
#include <math.h>
#include <string.h>

#include "march/machine.h"

enum { BLOCK = 256 };

typedef struct wide {
  const sl_wide *w;
  const sl_march_job *job;
  sl_march *noise;   /* a machine without operations */
  sl_machine source; /* all lanes in its rows */
  sl_observer o;
  sl_moments *moments;
  sl_int slab, slabs, values;
  char *base;
} wide;

/* ---- noise --------------------------------------------------------------- */

static sl_status noise_machine(sl_march **out, const sl_wide *w, sl_err *err) {
  sl_graph g;
  sl_graph_init(&g);
  sl_step step = {.g = &g, .clock = -1, .nnoise = w->nnoise, .noise = w->noise};
  sl_status s = sl_march_make(out, &step, err);
  sl_graph_free(&g);
  return s == SL_OK && *out == NULL
             ? sl_fail(err, SL_ENOMEM, "march: no memory")
             : s;
}

/* Rows to a tensor [lanes x size]. */
static void store_noise(const wide *x, sl_int draw, sl_int size, int odd,
                        bool single, const sl_tensor *t) {
  const sl_int lanes = x->job->lanes;
  for (sl_int e = 0; e < size; e++) {
    const sl_int r = sl_noise_row(x->noise) + 2 * (draw + e) + (single || odd);
    const double *row = x->source.rows + r * x->source.room;
    double *f = t->data;
    sl_int *i = t->data;
    for (sl_int l = 0; l < lanes; l++) {
      if (t->type.dtype == SL_I64) {
        i[l * size + e] = (sl_int)row[l];
      } else {
        f[l * size + e] = row[l];
      }
    }
  }
}

static void draw_noise(wide *x, sl_int s) {
  sl_int draw = 0;
  sl_noises_draw(&x->source, s);
  for (int k = 0; k < x->w->nnoise; k++) {
    const sl_noise *z = &x->w->noise[k];
    store_noise(x, draw, z->size, (int)(s & 1), sl_noise_single(z->draw.kind),
                x->w->input[x->w->first_noise + k]);
    draw += z->size;
  }
}

/* ---- observing ----------------------------------------------------------- */

static void observe(wide *x, const sl_tensor *const *state, sl_int s,
                    sl_int at) {
  const sl_int lanes = x->job->lanes;
  sl_machine *k = &x->o.machine;
  for (sl_int slab = 0; slab < x->slabs; slab++) {
    sl_int lane = slab * x->slab, end = lane + x->slab;
    end = end < lanes ? end : lanes;
    x->o.moments = x->moments + slab * x->values;
    for (; lane < end; lane += BLOCK) {
      sl_int n = end - lane < BLOCK ? end - lane : BLOCK;
      sl_machine_lanes(k, n);
      sl_machine_read(k, state, lane, n, 0, 0);
      sl_observe_rows(&x->o, s, at, lane, lanes);
    }
  }
}

static void mark_bad(const wide *x) {
  const sl_march_job *job = x->job;
  for (int t = 0; job->bad != NULL && t < x->w->nstate; t++) {
    const sl_int count = sl_numel(&job->final[t]->type) / job->lanes;
    const double *v = job->final[t]->data;
    for (sl_int i = 0; i < count * job->lanes; i++) {
      job->bad[i / count] = job->bad[i / count] || !isfinite(v[i]);
    }
  }
}

/* ---- the whole ----------------------------------------------------------- */

static sl_status prepare(wide *x, sl_err *err) {
  const sl_march_job *job = x->job;
  const sl_watch *w = job->watch;
  sl_int lanes = job->lanes, noise = 0, watch = 0;
  if (x->w->nnoise > 0) {
    SL_TRY(noise_machine(&x->noise, x->w, err));
    noise = sl_machine_bytes(x->noise, lanes);
  }
  x->slab = sl_slab_size(lanes);
  x->slabs = (lanes + x->slab - 1) / x->slab;
  if (w != NULL) {
    x->values = w->moments != NULL ? w->ntime * sl_march_values(w->of) : 0;
    watch = sl_aligned(sl_observer_bytes(w, BLOCK));
  }
  sl_int shared = sl_aligned(x->slabs * x->values * (sl_int)sizeof(sl_moments));
  x->base = sl_temp_take(noise + watch + shared + 64);
  if (x->base == NULL) {
    return sl_fail(err, SL_ENOMEM, "march: no memory for %lld bytes",
                   (long long)(noise + watch + shared));
  }
  if (x->w->nnoise > 0) {
    sl_reads none = {NULL, NULL};
    sl_machine_init(&x->source, x->noise, &none, job->seed, lanes, x->base);
    sl_machine_lanes(&x->source, lanes);
    sl_machine_number(&x->source, (uint64_t)job->first_lane);
  }
  if (w != NULL) {
    x->moments = (sl_moments *)(void *)(x->base + noise + watch);
    memset(x->moments, 0, (size_t)shared);
    sl_observer_init(&x->o, w, BLOCK, w->count, x->base + noise);
  }
  return SL_OK;
}

/* One step from states `from` to states `to`. */
static sl_status make_step(wide *x, const sl_tensor *const *from,
                           sl_tensor *const *to, sl_int s, sl_err *err) {
  const sl_wide *w = x->w;
  for (int k = 0; k < w->nstate; k++) {
    w->input[w->first_state + k] = from[k];
  }
  if (w->clock >= 0) {
    *(double *)w->input[w->clock]->data = (double)s;
  }
  if (w->nnoise > 0) {
    draw_noise(x, s);
  }
  return sl_program_run(w->program, w->input, x->job->reads.captures,
                        x->job->reads.slots, to, w->scratch, err);
}

static sl_status keep_path(const wide *x, sl_tensor *const *state, sl_int made,
                           sl_err *err) {
  const sl_march_job *job = x->job;
  for (int k = 0; job->every > 0 && made % job->every == 0 && k < x->w->nstate;
       k++) {
    sl_tensor item;
    sl_view_index(&item, job->path[k], 0, made / job->every - 1);
    SL_TRY(sl_copy(&item, state[k], err));
  }
  return SL_OK;
}

static sl_status steps(wide *x, sl_err *err) {
  const sl_march_job *job = x->job;
  const sl_watch *w = job->watch;
  sl_tensor *const *other = x->w->other;
  sl_int seen = 0;
  for (int k = 0; k < x->w->nstate; k++) {
    SL_TRY(sl_copy(job->final[k], job->start[k], err));
  }
  for (sl_int made = 0;; made++) {
    bool odd = (job->steps - made) % 2 != 0; /* the last ends in final */
    sl_tensor *const *now = odd && made > 0 ? other : job->final;
    sl_tensor *const *next = odd ? job->final : other;
    const sl_tensor *const *from =
        made == 0 ? job->start : (const sl_tensor *const *)now;
    for (; w != NULL && seen < w->ntime && w->time[seen] == job->first + made;
         seen++) {
      observe(x, from, job->first + made, seen);
    }
    if (made == job->steps) {
      return SL_OK;
    }
    SL_TRY(make_step(x, from, next, job->first + made, err));
    SL_TRY(keep_path(x, next, made + 1, err));
    SL_TRY(sl_poll(err, "march"));
  }
}

sl_status sl_march_wide(const sl_wide *w, const sl_march_job *job,
                        sl_err *err) {
  wide x = {.w = w, .job = job};
  sl_status s = prepare(&x, err);
  if (s == SL_OK) {
    unsigned state = w->nnoise > 0 ? sl_flush_denormals() : 0;
    s = steps(&x, err);
    if (w->nnoise > 0) {
      sl_restore_denormals(state);
    }
  }
  if (s == SL_OK && x.values > 0) {
    sl_moments_gather(x.moments, x.slabs, x.values);
    memcpy(job->watch->moments, x.moments,
           (size_t)x.values * sizeof *x.moments);
  }
  if (s == SL_OK) {
    mark_bad(&x);
  }
  if (x.base != NULL) {
    sl_temp_give(x.base);
  }
  sl_march_free(x.noise);
  return s;
}
