/* random_row.c: distributions. Rows of raw words go to the L1 cache first, then
** a second pass turns them into numbers: two vectors (radius, angle) at a time
** for normals by Box and Muller (Ann. Math. Stat. 29, 1958). The polynomials
** interpolate at Chebyshev nodes, coefficients computed to 60 digits and
** rounded; relative errors of the fits are 5e-18 and less.  MIT licence. */
#include <math.h>

#include "kern/philox.h"
#include "kern/random_vec.h"

#define ROW 1024 /* 8 KB of words and 8 KB of values in L1 */
#define FEW 3    /* up to here one by one beats a chunk */
#define ONE UINT64_C(0x3ff0000000000000)
#define MANTISSA UINT64_C(0x000fffffffffffff)
#define SQRT_HALF UINT64_C(0x3fe6a09e667f3bcd)

/* Top 52 bits of w to the middle of their cell: (2 k + 1) / 2^53. Exact. */
static inline vd unit(vu w) {
  return (vd)((w >> 12) | ONE) - (1.0 - 0x1p-53);
}

/* log x for normal positive x: x = 2^e m, m in [sqrt 1/2, sqrt 2),
** log m = 2 atanh s = 2 s + s z q(z), s = (m - 1) / (m + 1), z = s^2. */
static inline vd vlog(vd x) {
  vu t = (vu)x + (ONE - SQRT_HALF);
  vd e = (vd)((t >> 52) | 0x4330000000000000u) - (0x1p52 + 1023.0);
  vd m = (vd)((t & MANTISSA) + SQRT_HALF);
  vd f = m - 1.0;
  vd s = f / (m + 1.0);
  vd z = s * s;
  vd z2 = z * z;
  vd even = 0x1.2492492df14dfp-2 +
            z2 * (0x1.7462b4ad0d879p-3 + z2 * 0x1.2b584dae87b55p-3);
  vd odd = 0x1.99999999952e2p-2 +
           z2 * (0x1.c71c62e579789p-3 + z2 * 0x1.39fe60271f67fp-3);
  vd q = 0x1.5555555555558p-1 + z * (odd + z * even);
  vd tail = s * (z * q) + e * 0x1.a39ef35793c76p-33;
  /* e log 2 in two parts: the first product is exact */
  return e * 0x1.62e42fee00000p-1 + (2.0 * s + tail);
}

/* Cosine and sine of 2 pi w / 2^64: the top two bits count quarter turns, the
** next 52 are an angle g in (-1/2, 1/2) quarters. */
static inline void vturn(vu w, vd *cosine, vd *sine) {
  vu q = w >> 62;
  vd g = ((vd)((w << 2 >> 12) | ONE) - 1.5) + 0x1p-53; /* both exact */
  vd z = g * g;
  vd s = g * (0x1.921fb54442d18p+0 +
         z * (-0x1.4abbce625be41p-1 + z * (0x1.466bc677587f8p-4 +
         z * (-0x1.32d2cce2e5b19p-8 + z * (0x1.50782fda12d96p-13 +
         z * (-0x1.e30071afc3e59p-19 + z * 0x1.e3f38399551bfp-25))))));
  vd c = 1.0 + z * (-0x1.3bd3cc9be45dep+0 +
         z * (0x1.03c1f081b5aacp-2 + z * (-0x1.55d3c7e3c90f8p-6 +
         z * (0x1.e1f5068355e15p-11 + z * (-0x1.a6d1ec7906c20p-16 +
         z * (0x1.f9cc41140bb60p-22 + z * -0x1.b264ba152378ap-28))))));
  vu swap = 0 - (q & 1);
  *cosine = (vd)((vu)vd_select(swap, s, c) ^ (q ^ q >> 1) << 63);
  *sine = (vd)((vu)vd_select(swap, c, s) ^ (q >> 1) << 63);
}

/* Row functions: n words, a multiple of 16, to n values. */
typedef void row_fn(const sl_draw *d, sl_int n, const uint64_t *w, double *out);

static void row_uniform(const sl_draw *d, sl_int n, const uint64_t *w,
                        double *out) {
  const double width = d->b - d->a;
  const vd top = vd_all(nextafter(d->b, d->a));
  for (sl_int i = 0; i < n; i += SL_VW) {
    vd v = d->a + width * unit(vu_load(w + i));
    vd_store(out + i, vd_select((vu)(v < top), v, top));
  }
}

static void row_normal(const sl_draw *d, sl_int n, const uint64_t *w,
                       double *out) {
  const double mean = d->a, sd = d->b;
  for (sl_int group = 0; group < n; group += 16) {
    for (sl_int i = group; i < group + 8; i += SL_VW) {
      vd c, s;
      vturn(vu_load(w + i + 8), &c, &s);
      vd r = vd_sqrt(-2.0 * vlog(unit(vu_load(w + i))));
      vd_store(out + i, mean + sd * (r * c));
      vd_store(out + i + 8, mean + sd * (r * s));
    }
  }
}

static void row_sign(const sl_draw *d, sl_int n, const uint64_t *w,
                     double *out) {
  (void)d;
  for (sl_int i = 0; i < n; i += SL_VW) {
    vu sign = vu_load(w + i) >> 63 << 63;
    vd_store(out + i, (vd)(sign | ONE));
  }
}

static void row_bernoulli(const sl_draw *d, sl_int n, const uint64_t *w,
                          double *out) {
  const vd p = vd_all(d->a);
  for (sl_int i = 0; i < n; i += SL_VW) {
    vu hit = (vu)(unit(vu_load(w + i)) < p);
    vd_store(out + i, (vd)(hit & ONE));
  }
}

static void row_exponential(const sl_draw *d, sl_int n, const uint64_t *w,
                            double *out) {
  for (sl_int i = 0; i < n; i += SL_VW) {
    vd_store(out + i, -vlog(unit(vu_load(w + i))) / d->a);
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

/* One draw, from the words of its block in a group that is blank otherwise. */
static void draw_one(uint64_t key, uint32_t stream, const sl_draw *d,
                     uint64_t pos, double *out) {
  uint64_t w[16] = {0};
  double group[16];
  const uint64_t first = pos - pos % 16 + pos % 8;
  w[pos % 8] = sl_random_word(key, stream, d->kind, first);
  w[pos % 8 + 8] = sl_random_word(key, stream, d->kind, first + 8);
  row_table[d->kind](d, 16, w, group);
  *out = group[pos % 16];
}

void sl_random_row(uint64_t key, uint32_t stream, const sl_draw *d,
                   uint64_t pos, sl_int n, double *out) {
  uint64_t w[ROW];
  double tmp[ROW];
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
