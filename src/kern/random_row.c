/* random_row.c: distributions. Rows of raw words go to the L1 cache first, then
** a second pass turns them into numbers: two vectors (radius, angle) at a time
** for normals by Box and Muller (Ann. Math. Stat. 29, 1958).  MIT licence. */
#include <math.h>

#include "kern/philox.h"
#include "kern/random_dist.h"

#define ROW 1024 /* 8 KB of words and 8 KB of values in L1 */
#define FEW 3    /* up to here one by one beats a chunk */

/* Row functions: n words, a multiple of LEAST, to n values; the words may be
** overwritten. */
enum { LEAST = 32 };
typedef void row_fn(const sl_draw *d, sl_int n, uint64_t *w, double *out);

static void row_uniform(const sl_draw *d, sl_int n, uint64_t *w,
                        double *out) {
  const double width = d->b - d->a;
  const vd top = vd_all(nextafter(d->b, d->a));
  for (sl_int i = 0; i < n; i += SL_VW) {
    vd v = d->a + width * unit(vu_load(w + i));
    vd_store(out + i, vd_select((vu)(v < top), v, top));
  }
}

/* The first word of vector number v of the radii; those of its angles come 8
** later. */
static inline sl_int vector(sl_int v) {
  return 16 * (v / (8 / SL_VW)) + v % (8 / SL_VW) * SL_VW;
}

/* Radii in place of the words they are made from. */
static inline void radii(sl_int n, uint64_t *w) {
  for (sl_int v = 0; v < n / (2 * SL_VW); v += SIDE) {
    vd u[SIDE];
    PAIR u[k] = unit(vu_load(w + vector(v + k)));
    vlog(u, u);
    PAIR vu_store(w + vector(v + k), (vu)vd_sqrt(-2.0 * u[k]));
  }
}

static inline void pairs(bool standard, double mean, double sd, sl_int n,
                         const uint64_t *w, double *out) {
  for (sl_int v = 0; v < n / (2 * SL_VW); v += SIDE) {
    vu t[SIDE];
    vd c[SIDE], s[SIDE];
    PAIR t[k] = vu_load(w + vector(v + k) + 8);
    vturn(t, c, s);
    PAIR c[k] = (vd)vu_load(w + vector(v + k)) * c[k];
    PAIR s[k] = (vd)vu_load(w + vector(v + k)) * s[k];
    if (!standard) {
      PAIR c[k] = mean + sd * c[k];
      PAIR s[k] = mean + sd * s[k];
    }
    PAIR vd_store(out + vector(v + k), c[k]);
    PAIR vd_store(out + vector(v + k) + 8, s[k]);
  }
}

/* In two passes, the radii's bound by division. No zero comes here, so that
** leaving out 0 + 1 z changes no bit. */
static void row_normal(const sl_draw *d, sl_int n, uint64_t *w, double *out) {
  radii(n, w);
  if (d->a == 0 && d->b == 1) {
    pairs(true, 0, 1, n, w, out);
  } else {
    pairs(false, d->a, d->b, n, w, out);
  }
}

static void row_sign(const sl_draw *d, sl_int n, uint64_t *w,
                     double *out) {
  (void)d;
  for (sl_int i = 0; i < n; i += SL_VW) {
    vu sign = vu_load(w + i) >> 63 << 63;
    vd_store(out + i, (vd)(sign | ONE));
  }
}

static void row_bernoulli(const sl_draw *d, sl_int n, uint64_t *w,
                          double *out) {
  const vd p = vd_all(d->a);
  for (sl_int i = 0; i < n; i += SL_VW) {
    vu hit = (vu)(unit(vu_load(w + i)) < p);
    vd_store(out + i, (vd)(hit & ONE));
  }
}

static void row_exponential(const sl_draw *d, sl_int n, uint64_t *w,
                            double *out) {
  for (sl_int i = 0; i < n; i += SIDE * SL_VW) {
    vd u[SIDE];
    PAIR u[k] = unit(vu_load(w + i + k * SL_VW));
    vlog(u, u);
    PAIR vd_store(out + i + k * SL_VW, -u[k] / d->a);
  }
}

static row_fn *const row_table[] = {
    [SL_RUNIFORM] = row_uniform,
    [SL_RNORMAL] = row_normal,
    [SL_RSIGN] = row_sign,
    [SL_RBERNOULLI] = row_bernoulli,
    [SL_REXPONENTIAL] = row_exponential,
};

/* How many of n positions from pos one row of whole chunks can serve, how many
** of the row come before pos, and the words it takes. */
static sl_int span(uint64_t pos, sl_int n, sl_int *skip, sl_int *words) {
  *skip = (sl_int)(pos % SL_RANDOM_CHUNK);
  sl_int take = n < ROW - *skip ? n : ROW - *skip;
  *words = (*skip + take + SL_RANDOM_CHUNK - 1) & -SL_RANDOM_CHUNK;
  return take;
}

/* One draw, from the words of its block in a row that is blank otherwise. */
static void draw_one(uint64_t key, uint32_t stream, const sl_draw *d,
                     uint64_t pos, double *out) {
  uint64_t w[LEAST] = {0};
  double row[LEAST];
  const uint64_t first = pos - pos % 16 + pos % 8;
  w[pos % 8] = sl_random_word(key, stream, d->kind, first);
  w[pos % 8 + 8] = sl_random_word(key, stream, d->kind, first + 8);
  row_table[d->kind](d, LEAST, w, row);
  *out = row[pos % 16];
}

void sl_random_row(uint64_t key, uint32_t stream, const sl_draw *d,
                   uint64_t pos, sl_int n, double *out) {
  uint64_t w[ROW] __attribute__((aligned(64)));
  double tmp[ROW] __attribute__((aligned(64)));
  while (n > FEW) {
    sl_int skip, words, take = span(pos, n, &skip, &words);
    sl_random_words(key, stream, d->kind, pos - (uint64_t)skip, words, w);
    if (take == words) {
      row_table[d->kind](d, words, w, out);
    } else {
      row_table[d->kind](d, words, w, tmp);
      memcpy(out, tmp + skip, (size_t)take * sizeof *out);
    }
    out += take;
    pos += (uint64_t)take;
    n -= take;
  }
  for (sl_int i = 0; i < n; i++) {
    draw_one(key, stream, d, pos + (uint64_t)i, out + i);
  }
}

/* An unbiased integer in [0, range), 0 standing for 2^64, from word w of a
** position; further attempts take the words of the next attempt counters.
** Source: Lemire, ACM Trans. Model. Comput. Simul. 29 (2019), algorithm 5. */
static inline uint64_t bounded(uint64_t w, uint64_t range, uint64_t key,
                               uint32_t stream, uint32_t kind, uint64_t pos) {
  if (range == 0) {
    return w;
  }
  __extension__ typedef unsigned __int128 u128;
  u128 m = (u128)w * range;
  if ((uint64_t)m < range) {
    const uint64_t least = (0 - range) % range;
    for (uint32_t attempt = 1; (uint64_t)m < least; attempt++) {
      w = sl_random_word(key, stream, kind + 256 * attempt, pos);
      m = (u128)w * range;
    }
  }
  return (uint64_t)(m >> 64);
}

uint64_t sl_random_bounded(uint64_t key, uint32_t stream, uint32_t kind,
                           uint64_t pos, uint64_t range) {
  uint64_t w = sl_random_word(key, stream, kind, pos);
  return bounded(w, range, key, stream, kind, pos);
}

void sl_random_row_int(uint64_t key, uint32_t stream, const sl_draw *d,
                       uint64_t pos, sl_int n, sl_int *out) {
  uint64_t w[ROW];
  const uint64_t range = (uint64_t)d->hi - (uint64_t)d->lo + 1;
  while (n > FEW) {
    sl_int skip, words, take = span(pos, n, &skip, &words);
    sl_random_words(key, stream, d->kind, pos - (uint64_t)skip, words, w);
    for (sl_int i = 0; i < take; i++) {
      uint64_t x = bounded(w[skip + i], range, key, stream, d->kind,
                           pos + (uint64_t)i);
      out[i] = (sl_int)((uint64_t)d->lo + x);
    }
    out += take;
    pos += (uint64_t)take;
    n -= take;
  }
  for (sl_int i = 0; i < n; i++) {
    uint64_t x = sl_random_bounded(key, stream, d->kind, pos + (uint64_t)i,
                                   range);
    out[i] = (sl_int)((uint64_t)d->lo + x);
  }
}
