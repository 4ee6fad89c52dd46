/* noise.c: rows of fresh numbers for a block of lanes. Every number has an
** address (seed; lane, step, stream), its stream being the noise and the element
** of it, so neither the block nor the other lanes can change it. Rows for an
** even step and the odd one after it are drawn together; for few lanes many
** steps ahead, since short rows do not pay.  MIT licence. */
#include <math.h>
#include <string.h>

#include "march/machine.h"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

enum { GROUP = SL_LANE_GROUP, FEW = GROUP / 2 };
#define MOST ((sl_int)1 << 53) /* integers that doubles can tell apart */

/* ---- checks -------------------------------------------------------------- */

/* NULL where lanes cannot draw that kind. */
static const char *kind_name(sl_random_kind kind) {
  static const char *const names[] = {
      [SL_RUNIFORM] = "uniform",         [SL_RNORMAL] = "normal",
      [SL_RSIGN] = "sign",               [SL_RBERNOULLI] = "bernoulli",
      [SL_REXPONENTIAL] = "exponential", [SL_RINTEGER] = "index",
      [SL_RPERMUTATION] = "permutation", [SL_RGIVEN] = "given"};
  return (size_t)kind < sizeof names / sizeof *names ? names[kind] : NULL;
}

static bool counts_samples(sl_random_kind kind) {
  return kind == SL_RINTEGER || kind == SL_RPERMUTATION;
}

static sl_status check_samples(const sl_noise *z, int k, sl_err *err) {
  const sl_draw *d = &z->draw;
  const sl_int most = d->kind == SL_RPERMUTATION ? INT32_MAX : MOST;
  if (d->lo > d->hi || d->hi - d->lo >= most) {
    return sl_fail(err, SL_EARG, "noise %d: %s of %lld samples", k + 1,
                   kind_name(d->kind), (long long)(d->hi - d->lo + 1));
  }
  if (d->kind == SL_RPERMUTATION && z->size > d->hi - d->lo + 1) {
    return sl_fail(err, SL_EARG,
                   "noise %d: permutation: %lld samples a step, of %lld",
                   k + 1, (long long)z->size, (long long)(d->hi - d->lo + 1));
  }
  return SL_OK;
}

sl_status sl_noise_check(const sl_noise *noise, int n, sl_err *err) {
  if (n > SL_MARCH_NOISES) {
    return sl_fail(err, SL_EARG, "march: %d noises, at most %d", n,
                   SL_MARCH_NOISES);
  }
  for (int k = 0; k < n; k++) {
    const sl_noise *z = &noise[k];
    if (kind_name(z->draw.kind) == NULL || z->size < 1 ||
        z->size > 1 << 20) {
      return sl_fail(err, SL_EARG, "noise %d: no such kind or size", k + 1);
    }
    if (counts_samples(z->draw.kind)) {
      SL_TRY(check_samples(z, k, err));
    } else if (z->draw.kind != SL_RGIVEN) {
      SL_TRY(sl_random_check(&z->draw, err));
    }
  }
  return SL_OK;
}

/* ---- room ---------------------------------------------------------------- */

static sl_int samples(const sl_noise *z) { return z->draw.hi - z->draw.lo + 1; }

/* Entries of all permutations of one lane. */
static sl_int order_entries(const sl_march *m) {
  sl_int n = 0;
  for (int k = 0; k < m->nnoise; k++) {
    n += m->noise[k].draw.kind == SL_RPERMUTATION ? samples(&m->noise[k]) : 0;
  }
  return n;
}

/* What was drawn belongs to other lanes now. */
void sl_noises_forget(sl_noises *z, const sl_march *m) {
  z->ahead_from = z->pair = z->group = UINT64_MAX;
  z->ahead_pairs = 0;
  for (int k = 0; k < m->nnoise; k++) {
    z->order_epoch[k] = -1;
  }
}

sl_int sl_noises_lay(sl_noises *z, const sl_march *m, sl_int block, sl_int room,
                     char *base) {
  if (m->nnoise == 0) {
    return 0;
  }
  sl_int at = sl_aligned(room * (sl_int)sizeof *z->at);
  sl_int ahead = 2 * m->draws * GROUP * (sl_int)sizeof *z->ahead;
  sl_int epochs = sl_aligned(m->nnoise * (sl_int)sizeof *z->order_epoch);
  sl_int entries = block * order_entries(m);
  sl_int order = sl_aligned(entries * (sl_int)sizeof *z->order);
  if (base != NULL) {
    z->at = (uint64_t *)(void *)base;
    z->at_sign = (uint64_t *)(void *)(base + at);
    z->ahead = (double *)(void *)(base + 2 * at);
    z->order_epoch = (sl_int *)(void *)(base + 2 * at + ahead);
    z->order = (uint32_t *)(void *)(base + 2 * at + ahead + epochs);
    memset(base, 0, (size_t)(2 * at));
    sl_noises_forget(z, m);
  }
  return 2 * at + ahead + epochs + order;
}

/* ---- drawing ------------------------------------------------------------- */

/* Noise k, element e: streams count from 1, the elements above the low byte. */
static uint32_t stream_of(int k, sl_int e) {
  return (uint32_t)(k + 1) + ((uint32_t)e << 8);
}

static sl_int groups_of(sl_int n) { return sl_rounded(n, GROUP); }

/* Pairs from p on for few lanes: slot i of pair p + j at j lanes + i. */
static void draw_ahead(sl_machine *k, uint64_t p) {
  sl_noises *z = &k->noise;
  uint64_t at[GROUP] = {0};
  sl_int draw = 0;
  z->ahead_pairs = GROUP / k->lanes;
  z->ahead_from = p;
  for (sl_int j = 0; j < z->ahead_pairs; j++) {
    for (sl_int i = 0; i < k->lanes; i++) {
      at[j * k->lanes + i] = z->at[i] + ((uint64_t)j << 32);
    }
  }
  for (int i = 0; i < k->m->nnoise; i++) {
    const sl_noise *noise = &k->m->noise[i];
    for (sl_int e = 0; e < noise->size; e++, draw++) {
      double *to = z->ahead + 2 * draw * GROUP;
      if (!sl_noise_single(noise->draw.kind)) {
        sl_random_lanes(z->seed, stream_of(i, e), &noise->draw, at, p << 32,
                        false, GROUP, to, to + GROUP);
      }
    }
  }
}

/* Both rows of draw number `draw`, an element of noise i, at pair p. */
static void draw_pair(sl_machine *k, int i, sl_int e, sl_int draw, uint64_t p,
                      double *even) {
  const sl_noises *z = &k->noise;
  double *odd = even + k->room;
  if (k->lanes > FEW) {
    sl_random_lanes(z->seed, stream_of(i, e), &k->m->noise[i].draw, z->at,
                    p << 32, z->together, groups_of(k->lanes), even, odd);
    return;
  }
  const double *from =
      z->ahead + 2 * draw * GROUP + (sl_int)(p - z->ahead_from) * k->lanes;
  for (sl_int l = 0; l < k->lanes; l++) {
    even[l] = from[l];
    odd[l] = from[GROUP + l];
  }
}

/* Signs: the first row holds words of many steps, the second this step's. */
static void draw_signs(sl_machine *k, int i, sl_int e, sl_int s, bool fresh,
                       double *row) {
  const sl_noises *z = &k->noise;
  uint64_t *word = (uint64_t *)(void *)row;
  int j = (int)(s % SL_SIGN_STEPS);
  if (fresh) {
    sl_random_lane_words(z->seed, stream_of(i, e), SL_RSIGN, z->at_sign,
                         (uint64_t)(s / SL_SIGN_STEPS) << 32, z->together,
                         groups_of(k->lanes), word);
  }
  sl_random_lane_signs(word, j, groups_of(k->lanes), row + k->room);
}

/* The orders of an epoch for all lanes of the block: Fisher and Yates's shuffle
** of a generator of their own each. */
static void draw_orders(sl_machine *k, int i, sl_int epoch, uint32_t *order) {
  const sl_noises *z = &k->noise;
  const sl_int n = samples(&k->m->noise[i]);
  for (sl_int l = 0; l < k->lanes; l++) {
    uint32_t key[2] = {(uint32_t)z->seed, (uint32_t)(z->seed >> 32)};
    uint32_t c[4] = {(uint32_t)z->at[l], (uint32_t)epoch, stream_of(i, 0),
                     SL_RPERMUTATION};
    sl_philox4x32(c, key, c);
    sl_random_shuffle(c[0] | (uint64_t)c[1] << 32, n, order + l * n);
  }
}

static void draw_permutation(sl_machine *k, int i, sl_int s, uint32_t *order,
                             double *row) {
  const sl_noise *z = &k->m->noise[i];
  const sl_int n = samples(z), steps = n / z->size, epoch = s / steps;
  if (k->noise.order_epoch[i] != epoch) {
    draw_orders(k, i, epoch, order);
    k->noise.order_epoch[i] = epoch;
  }
  for (sl_int e = 0; e < z->size; e++, row += 2 * k->room) {
    const uint32_t *at = order + s % steps * z->size + e;
    for (sl_int l = 0; l < k->lanes; l++) {
      row[k->room + l] = (double)(z->draw.lo + (sl_int)at[l * n]);
    }
  }
}

void sl_noises_draw(sl_machine *k, sl_int s) {
  const sl_march *m = k->m;
  sl_noises *z = &k->noise;
  const uint64_t p = (uint64_t)s / 2, group = (uint64_t)s / SL_SIGN_STEPS;
  const bool pair = p != z->pair, words = group != z->group;
  double *row = k->rows + sl_noise_row(m) * k->room;
  uint32_t *order = z->order;
  sl_int draw = 0;
  if (pair && k->lanes <= FEW && p - z->ahead_from >= (uint64_t)z->ahead_pairs) {
    draw_ahead(k, p);
  }
  for (int i = 0; i < m->nnoise; i++) {
    const sl_noise *noise = &m->noise[i];
    if (noise->draw.kind == SL_RPERMUTATION) {
      draw_permutation(k, i, s, order, row);
      order += k->block * samples(noise);
    }
    for (sl_int e = 0; e < noise->size; e++, draw++, row += 2 * k->room) {
      if (noise->draw.kind == SL_RSIGN) {
        draw_signs(k, i, e, s, words, row);
      } else if (pair && !sl_noise_single(noise->draw.kind)) {
        draw_pair(k, i, e, draw, p, row);
      }
    }
  }
  z->pair = p;
  z->group = group;
}

/* ---- denormals ----------------------------------------------------------- */

#if defined(__SSE2__)
unsigned sl_flush_denormals(void) {
  unsigned old = _mm_getcsr();
  _mm_setcsr(old | 0x8040); /* flush to zero, denormals are zero */
  return old;
}
void sl_restore_denormals(unsigned state) { _mm_setcsr(state); }
#else
unsigned sl_flush_denormals(void) { return 0; }
void sl_restore_denormals(unsigned state) { (void)state; }
#endif
