/* random_lanes.c: draws by address for rows of lanes. Words go to the L1 cache
** a group at a time, then become numbers, two vectors (radius, angle) at a time
** for normals.  MIT licence. */
#include "kern/random_lanes.h"

#include <math.h>

#include "kern/philox_vec.h"
#include "kern/random_dist.h"

enum { GROUP = SL_LANE_GROUP, ATTEMPT = 256 };

typedef struct words {
  uint64_t w0[GROUP], w1[GROUP];
} words;

/* The words of one group of lanes. The commonest case by far: all are at the
** same step. */
static inline void group_words(const sl_keys *key, uint32_t stream,
                               uint32_t last, const uint64_t *at, uint64_t shift,
                               bool together, uint64_t *w0, uint64_t *w1) {
  const sl_shared shared =
      sl_share(key, (uint32_t)((at[0] + shift) >> 32), stream, last);
  for (int first = 0; first < GROUP; first += CHAINS * SL_VW) {
    vu c0[CHAINS], c1[CHAINS], a[CHAINS], b[CHAINS];
    EACH_CHAIN {
      c0[i] = vu_load(at + first + i * SL_VW) + vu_all(shift);
    }
    if (together) {
      sl_chains_shared(key, &shared, c0, a, b);
    } else {
      EACH_CHAIN {
        c1[i] = c0[i] >> 32;
      }
      sl_chains(key, c0, c1, stream, last, a, b);
    }
    EACH_CHAIN {
      vu_store(w0 + first + i * SL_VW, a[i]);
      vu_store(w1 + first + i * SL_VW, b[i]);
    }
  }
}

/* ---- one group of numbers from its words --------------------------------- */

typedef void group_fn(const sl_draw *d, const words *w, double *even,
                      double *odd);

/* scale log u of the top 52 bits of w; as vlog of random_dist.h. */
static inline void log_of(const vu *w, double scale, vd *out) {
  vu t[SIDE];
  vd e[SIDE], s[SIDE], z[SIDE], y[SIDE], p[SIDE], q[SIDE];
  PAIR t[k] = (vu)unit(w[k]) + (ONE - SQRT_HALF);
  PAIR e[k] = (vd)((t[k] >> 52) | 0x4330000000000000u) - (0x1p52 + 1023.0);
  PAIR s[k] = (vd)((t[k] & MANTISSA) + SQRT_HALF);
  PAIR s[k] = (s[k] - 1.0) / (s[k] + 1.0);
  PAIR z[k] = s[k] * s[k];
  PAIR y[k] = z[k] * z[k];
  PAIR p[k] = vd_fma(y[k], vd_all(LOG[6]), vd_all(LOG[4]));
  PAIR q[k] = vd_fma(y[k], vd_all(LOG[5]), vd_all(LOG[3]));
  PAIR p[k] = vd_fma(y[k], p[k], vd_all(LOG[2]));
  PAIR q[k] = vd_fma(y[k], q[k], vd_all(LOG[1]));
  PAIR p[k] = vd_fma(z[k], p[k], q[k]);
  PAIR p[k] = vd_fma(z[k], p[k], vd_all(LOG[0]));
  PAIR p[k] = vd_fma(z[k], p[k], vd_all(2.0));
  PAIR s[k] = s[k] * scale;
  PAIR e[k] = e[k] * (scale * 0x1.62e42fefa39efp-1);
  PAIR out[k] = vd_fma(s[k], p[k], e[k]);
}

/* A point of the unit circle: the low 52 bits are an angle in (-1/8, 1/8) turns,
** the top bit turns the cosine's sign, the next one swaps the two. */
static inline void circle(const vu *w, vd *x, vd *y) {
  vd g[SIDE], z[SIDE], s[SIDE], c[SIDE];
  PAIR g[k] = ((vd)((w[k] & MANTISSA) | ONE) - 1.5) + 0x1p-53;
  PAIR z[k] = g[k] * g[k];
  PAIR s[k] = vd_all(SINE[6]);
  PAIR c[k] = vd_fma(z[k], vd_all(COSINE[7]), vd_all(COSINE[6]));
  for (int i = 5; i >= 0; i--) {
    PAIR s[k] = vd_fma(z[k], s[k], vd_all(SINE[i]));
    PAIR c[k] = vd_fma(z[k], c[k], vd_all(COSINE[i]));
  }
  PAIR s[k] = s[k] * g[k];
  PAIR c[k] = (vd)((vu)c[k] ^ (w[k] & UINT64_C(1) << 63));
  PAIR x[k] = vd_pick(w[k] << 1, s[k], c[k]);
  PAIR y[k] = vd_pick(w[k] << 1, c[k], s[k]);
}

/* The scale goes under the root: one multiplication a pair. */
static void group_normal(const sl_draw *d, const words *w, double *even,
                         double *odd) {
  const double scale = -2.0 * (d->b * d->b);
  for (int i = 0; i < GROUP; i += SIDE * SL_VW) {
    vu v[SIDE];
    vd r[SIDE], x[SIDE], y[SIDE];
    PAIR v[k] = vu_load(w->w0 + i + k * SL_VW);
    log_of(v, scale, r);
    PAIR r[k] = vd_sqrt(r[k]);
    PAIR v[k] = vu_load(w->w1 + i + k * SL_VW);
    circle(v, x, y);
    PAIR vd_store(even + i + k * SL_VW, r[k] * x[k]);
    PAIR vd_store(odd + i + k * SL_VW, r[k] * y[k]);
  }
}

static inline void one_uniform(const sl_draw *d, const uint64_t *w,
                               double *out) {
  const vd top = vd_all(nextafter(d->b, d->a));
  const double width = d->b - d->a;
  for (int i = 0; i < GROUP; i += SL_VW) {
    vd v = d->a + width * unit(vu_load(w + i));
    vd_store(out + i, vd_select((vu)(v < top), v, top));
  }
}

static void group_uniform(const sl_draw *d, const words *w, double *even,
                          double *odd) {
  one_uniform(d, w->w0, even);
  one_uniform(d, w->w1, odd);
}

static void group_exponential(const sl_draw *d, const words *w, double *even,
                              double *odd) {
  for (int i = 0; i < GROUP; i += SIDE * SL_VW) {
    vd u[SIDE], v[SIDE];
    PAIR u[k] = unit(vu_load(w->w0 + i + k * SL_VW));
    PAIR v[k] = unit(vu_load(w->w1 + i + k * SL_VW));
    vlog(u, u);
    vlog(v, v);
    PAIR vd_store(even + i + k * SL_VW, -u[k] / d->a);
    PAIR vd_store(odd + i + k * SL_VW, -v[k] / d->a);
  }
}

static void group_bernoulli(const sl_draw *d, const words *w, double *even,
                            double *odd) {
  const vd p = vd_all(d->a);
  for (int i = 0; i < GROUP; i += SL_VW) {
    vu first = (vu)(unit(vu_load(w->w0 + i)) < p);
    vu second = (vu)(unit(vu_load(w->w1 + i)) < p);
    vd_store(even + i, (vd)(first & ONE));
    vd_store(odd + i, (vd)(second & ONE));
  }
}

static group_fn *const groups[] = {
    [SL_RNORMAL] = group_normal,
    [SL_RUNIFORM] = group_uniform,
    [SL_REXPONENTIAL] = group_exponential,
    [SL_RBERNOULLI] = group_bernoulli,
};

/* ---- integers ------------------------------------------------------------ */

/* Both words of an address by the scalar block. */
static void scalar_words(uint64_t key, uint32_t stream, uint32_t last,
                         uint64_t at, uint64_t w[2]) {
  uint32_t k[2] = {(uint32_t)key, (uint32_t)(key >> 32)};
  uint32_t c[4] = {(uint32_t)at, (uint32_t)(at >> 32), stream, last};
  sl_philox4x32(c, k, c);
  w[0] = c[0] | (uint64_t)c[1] << 32;
  w[1] = c[2] | (uint64_t)c[3] << 32;
}

/* Unbiased, by Lemire's multiplication; see random_row.c. Words that would bias
** are replaced by those of the next attempt. */
static double bounded(const sl_draw *d, uint64_t key, uint32_t stream,
                      uint64_t at, uint64_t word, int half) {
  __extension__ typedef unsigned __int128 u128;
  const uint64_t range = (uint64_t)d->hi - (uint64_t)d->lo + 1;
  u128 m = (u128)word * range;
  if ((uint64_t)m < range) {
    const uint64_t least = (0 - range) % range;
    for (uint32_t t = 1; (uint64_t)m < least; t++) {
      uint64_t w[2];
      scalar_words(key, stream, SL_RINTEGER + ATTEMPT * t, at, w);
      m = (u128)w[half] * range;
    }
  }
  return (double)(d->lo + (sl_int)(uint64_t)(m >> 64));
}

static void group_integer(const sl_draw *d, uint64_t key, uint32_t stream,
                          const uint64_t *at, uint64_t shift, const words *w,
                          double *even, double *odd) {
  for (int i = 0; i < GROUP; i++) {
    even[i] = bounded(d, key, stream, at[i] + shift, w->w0[i], 0);
    odd[i] = bounded(d, key, stream, at[i] + shift, w->w1[i], 1);
  }
}

/* ---- rows ---------------------------------------------------------------- */

void sl_random_lanes(uint64_t key, uint32_t stream, const sl_draw *d,
                     const uint64_t *at, uint64_t shift, bool together,
                     sl_int n, double *even, double *odd) {
  words w;
  sl_keys keys;
  sl_keys_of(key, &keys);
  for (sl_int i = 0; i < n; i += GROUP) {
    group_words(&keys, stream, d->kind, at + i, shift, together, w.w0,
                w.w1);
    if (d->kind == SL_RINTEGER) {
      group_integer(d, key, stream, at + i, shift, &w, even + i, odd + i);
    } else {
      groups[d->kind](d, &w, even + i, odd + i);
    }
  }
}

void sl_random_lane_words(uint64_t key, uint32_t stream, uint32_t last,
                          const uint64_t *at, uint64_t shift, bool together,
                          sl_int n, uint64_t *word) {
  uint64_t unused[GROUP];
  sl_keys keys;
  sl_keys_of(key, &keys);
  for (sl_int i = 0; i < n; i += GROUP) {
    group_words(&keys, stream, last, at + i, shift, together,
                word + i, unused);
  }
}

void sl_random_lane_signs(const uint64_t *word, int j, sl_int n, double *out) {
  for (sl_int i = 0; i < n; i += SL_VW) {
    vu sign = vu_load(word + i) << j >> 63 << 63;
    vd_store(out + i, (vd)(sign | ONE));
  }
}

/* ---- single draws -------------------------------------------------------- */

/* Two normals from the words of one block, by the vectors. */
static void normal_pair(const uint64_t w[2], double out[2]) {
  vu v[SIDE];
  vd r[SIDE], x[SIDE], y[SIDE];
  PAIR v[k] = vu_all(w[0]);
  log_of(v, -2.0, r);
  PAIR v[k] = vu_all(w[1]);
  circle(v, x, y);
  out[0] = sqrt(r[0][0]) * x[0][0];
  out[1] = sqrt(r[0][0]) * y[0][0];
}

sl_lane_luck sl_random_lane_luck(uint64_t key, uint64_t lane, uint64_t step,
                                 uint32_t turn) {
  const uint64_t at = (lane & 0xffffffffu) | step << 32;
  uint64_t a[2], b[2];
  double z[2];
  const uint32_t last = SL_RBRIDGE + 2 * ATTEMPT * turn;
  scalar_words(key, UINT32_MAX, last, at, a);
  scalar_words(key, UINT32_MAX, last + ATTEMPT, at, b);
  normal_pair(b, z);
  return (sl_lane_luck){.u = unit(vu_all(a[0]))[0],
                        .v = unit(vu_all(a[1]))[0],
                        .z = z[0]};
}

void sl_random_tree(uint64_t key, uint64_t lane, uint64_t node, int level,
                    int j, double out[2]) {
  const uint64_t at = (lane & 0xffffffffu) | node << 32;
  const uint64_t stream =
      (uint64_t)j + 64 * (uint64_t)level + ((node >> 32) << 14);
  uint64_t w[2];
  scalar_words(key, (uint32_t)stream, SL_RTREE, at, w);
  normal_pair(w, out);
}
