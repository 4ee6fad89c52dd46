/* limit_vec.h: vectors as wide as the target has them, Philox4x32-10 and the
** transform of Box and Muller, for the limits of the noise rows. Nothing here
** is Saddle's: the words of a block are laid out, rounded and fused as is
** fastest.  MIT licence. */
#ifndef BENCH_LIMIT_VEC_H
#define BENCH_LIMIT_VEC_H

#include <math.h>
#include <stdint.h>

#if defined(__AVX512F__) && defined(__AVX512DQ__)
#include <immintrin.h>
#define VW 8
#elif defined(__AVX2__)
#include <immintrin.h>
#define VW 4
#else
#define VW 2
#endif

typedef double vd __attribute__((vector_size(8 * VW), may_alias));
typedef uint64_t vu __attribute__((vector_size(8 * VW), may_alias));

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 10")

INLINE vu vu_all(uint64_t x) { return x - (vu){0}; }
INLINE vd vd_all(double x) { return x - (vd){0}; }

/* Low halves of the lanes multiplied; low halves of a, of b into the high
** ones; square roots; a where the top bit of w is set, else b. */
#if VW == 8
INLINE vu vu_mul32(vu a, vu b) {
  return (vu)_mm512_mul_epu32((__m512i)a, (__m512i)b);
}
INLINE vu vu_join(vu a, vu b) {
  return (vu)_mm512_mask_blend_epi32(0xaaaa, (__m512i)a, (__m512i)(b << 32));
}
INLINE vd vd_sqrt(vd a) { return (vd)_mm512_sqrt_pd((__m512d)a); }
INLINE vd vd_pick(vu w, vd a, vd b) {
  return (vd)_mm512_mask_blend_pd(_mm512_movepi64_mask((__m512i)w),
                                  (__m512d)b, (__m512d)a);
}
#elif VW == 4
INLINE vu vu_mul32(vu a, vu b) {
  return (vu)_mm256_mul_epu32((__m256i)a, (__m256i)b);
}
INLINE vu vu_join(vu a, vu b) {
  return (vu)_mm256_blend_epi32((__m256i)a, (__m256i)(b << 32), 0xaa);
}
INLINE vd vd_sqrt(vd a) { return (vd)_mm256_sqrt_pd((__m256d)a); }
INLINE vd vd_pick(vu w, vd a, vd b) {
  return (vd)_mm256_blendv_pd((__m256d)b, (__m256d)a, (__m256d)w);
}
#else
INLINE vu vu_mul32(vu a, vu b) { return (a & 0xffffffffu) * (b & 0xffffffffu); }
INLINE vu vu_join(vu a, vu b) { return (a & 0xffffffffu) | b << 32; }
INLINE vd vd_sqrt(vd a) { return (vd){sqrt(a[0]), sqrt(a[1])}; }
INLINE vd vd_pick(vu w, vd a, vd b) {
  vu m = 0 - (w >> 63);
  return (vd)(((vu)a & m) | ((vu)b & ~m));
}
#endif

/* ---- Philox4x32-10 --------------------------------------------------------*/

#define MUL0 0xD2511F53u
#define MUL1 0xCD9E8D57u
#define CHAINS 4 /* one chain waits for its multiplications */

/* The keys of the rounds, spread over the lanes. */
typedef struct philox {
  vu k0[10], k1[10];
} philox;

INLINE void philox_key(philox *p, uint64_t seed) {
  uint32_t a = (uint32_t)seed, b = (uint32_t)(seed >> 32);
  for (int r = 0; r < 10; r++) {
    p->k0[r] = vu_all(a);
    p->k1[r] = vu_all(b);
    a += 0x9E3779B9u;
    b += 0xBB67AE85u;
  }
}

/* Blocks of the counters (first + 0 .. n-1, step, 1, 0), n a multiple of
** CHAINS * VW: for each VW counters VW words, then their VW second words. Only
** c0 differs between lanes, so half of the first two rounds and more is done
** once for all. */
INLINE void philox_words(const philox *p, uint32_t first, uint32_t step, int n,
                         uint64_t *out) {
  const vu m0 = vu_all(MUL0), m1 = vu_all(MUL1);
  const uint64_t q1 = MUL1;
  const uint32_t d0 = (uint32_t)(q1 >> 32) ^ step ^ (uint32_t)p->k0[0][0];
  const uint64_t q0 = (uint64_t)MUL0 * d0;
  const vu ka = p->k1[0], kb = vu_all((uint32_t)q1) ^ p->k0[1];
  const vu kc = vu_all(q0 >> 32) ^ p->k1[1];
  const vu kd = vu_all((uint32_t)q0) ^ p->k1[2], ke = p->k0[2];
  vu lane;
  for (int i = 0; i < VW; i++) {
    lane[i] = (uint64_t)i;
  }
  for (int i = 0; i < n; i += CHAINS * VW) {
    vu c0[CHAINS], c1[CHAINS], c2[CHAINS], c3[CHAINS];
    UNROLL for (int k = 0; k < CHAINS; k++) {
      vu t0 = vu_mul32(lane + vu_all(first + (uint32_t)(i + k * VW)), m0);
      vu t1 = vu_mul32((t0 >> 32) ^ ka, m1);
      c3[k] = vu_mul32((t1 >> 32) ^ kb, m0);
      c1[k] = vu_mul32(t0 ^ kc, m1);
      c0[k] = (c1[k] >> 32) ^ (t1 ^ ke);
      c2[k] = (c3[k] >> 32) ^ kd;
    }
    UNROLL for (int r = 3; r < 10; r++) {
      const vu k0 = p->k0[r], k1 = p->k1[r];
      UNROLL for (int k = 0; k < CHAINS; k++) {
        vu p0 = vu_mul32(c0[k], m0), p1 = vu_mul32(c2[k], m1);
        c0[k] = (p1 >> 32) ^ (c1[k] ^ k0);
        c2[k] = (p0 >> 32) ^ (c3[k] ^ k1);
        c1[k] = p1;
        c3[k] = p0;
      }
    }
    UNROLL for (int k = 0; k < CHAINS; k++) {
      vu *at = (vu *)(out + 2 * (i + k * VW));
      at[0] = vu_join(c0[k], c1[k]);
      at[1] = vu_join(c2[k], c3[k]);
    }
  }
}

/* ---- Box and Muller -------------------------------------------------------*/

#define ROWS 3 /* vectors in step with one another */
#define EACH UNROLL for (int k = 0; k < ROWS; k++)
#define ONE 0x3ff0000000000000u
#define MANTISSA 0x000fffffffffffffu
#define SQRT_HALF 0x3fe6a09e667f3bcdu

/* scale * log u of the top 52 bits: u = 2^e m, m near 1, s = (m-1)/(m+1),
** log u = e log 2 + 2 atanh s; the series' coefficients fitted. */
INLINE void scaled_log(const vu *w, double scale, vd *out) {
  vd u[ROWS], e[ROWS], m[ROWS], s[ROWS], z[ROWS], y[ROWS], a[ROWS], b[ROWS];
  vu t[ROWS];
  EACH u[k] = (vd)((w[k] >> 12) | ONE) - (1.0 - 0x1p-53);
  EACH t[k] = (vu)u[k] + (ONE - SQRT_HALF);
  EACH m[k] = (vd)((t[k] & MANTISSA) + SQRT_HALF);
  EACH e[k] = (vd)((t[k] >> 52) | 0x4330000000000000u) - (0x1p52 + 1023.0);
  EACH s[k] = (m[k] - 1.0) / (m[k] + 1.0);
  EACH z[k] = s[k] * s[k];
  EACH y[k] = z[k] * z[k];
  EACH a[k] = 0x1.7462b4ad0d879p-3 + y[k] * 0x1.2b584dae87b55p-3;
  EACH b[k] = 0x1.c71c62e579789p-3 + y[k] * 0x1.39fe60271f67fp-3;
  EACH a[k] = 0x1.2492492df14dfp-2 + y[k] * a[k];
  EACH b[k] = 0x1.99999999952e2p-2 + y[k] * b[k];
  EACH a[k] = b[k] + z[k] * a[k];
  EACH a[k] = 0x1.5555555555558p-1 + z[k] * a[k];
  EACH s[k] *= scale;
  EACH a[k] = 2.0 + z[k] * a[k];
  EACH e[k] *= scale * 0x1.62e42fefa39efp-1;
  EACH out[k] = e[k] + s[k] * a[k];
}

/* A point of the unit circle: 52 bits are an angle in (-1/8, 1/8) turns, the
** top bit the cosine's sign, the next says whether the two change places. */
INLINE void circle(const vu *w, vd *x, vd *y) {
  vd g[ROWS], z[ROWS], s[ROWS], c[ROWS];
  EACH g[k] = (vd)((w[k] & MANTISSA) | ONE) - 1.5;
  EACH z[k] = g[k] * g[k];
  EACH s[k] = z[k] * 0x1.e3f38399551bfp-25 - 0x1.e30071afc3e59p-19;
  EACH c[k] = z[k] * -0x1.b264ba152378ap-28 + 0x1.f9cc41140bb60p-22;
  EACH s[k] = z[k] * s[k] + 0x1.50782fda12d96p-13;
  EACH c[k] = z[k] * c[k] - 0x1.a6d1ec7906c20p-16;
  EACH s[k] = z[k] * s[k] - 0x1.32d2cce2e5b19p-8;
  EACH c[k] = z[k] * c[k] + 0x1.e1f5068355e15p-11;
  EACH s[k] = z[k] * s[k] + 0x1.466bc677587f8p-4;
  EACH c[k] = z[k] * c[k] - 0x1.55d3c7e3c90f8p-6;
  EACH s[k] = z[k] * s[k] - 0x1.4abbce625be41p-1;
  EACH c[k] = z[k] * c[k] + 0x1.03c1f081b5aacp-2;
  EACH s[k] = z[k] * s[k] + 0x1.921fb54442d18p+0;
  EACH c[k] = z[k] * c[k] - 0x1.3bd3cc9be45dep+0;
  EACH c[k] = z[k] * c[k] + 1.0;
  EACH s[k] *= g[k];
  EACH c[k] = (vd)((vu)c[k] ^ (w[k] & (UINT64_C(1) << 63)));
  EACH x[k] = vd_pick(w[k] << 1, s[k], c[k]);
  EACH y[k] = vd_pick(w[k] << 1, c[k], s[k]);
}

#endif
