/* random_vec.h: the vector types of the generators, as wide as the target has
** them, and the three operations the compilers' vector types lack. Each lane is
** computed by the same IEEE operations at any width (no fused multiply-add, no
** table, no library call), so the width never shows in the bits.
** MIT licence. */
#ifndef SL_RANDOM_VEC_H
#define SL_RANDOM_VEC_H

#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
#define SL_VW 8
#elif defined(__AVX2__)
#define SL_VW 4
#else
#define SL_VW 2
#endif

typedef double vd __attribute__((vector_size(SL_VW * 8)));
typedef uint64_t vu __attribute__((vector_size(SL_VW * 8)));

/* The same with the alignment of one element, for memory. */
typedef vd vd_mem __attribute__((aligned(8), may_alias));
typedef vu vu_mem __attribute__((aligned(8), may_alias));

static inline vu vu_load(const uint64_t *p) {
  return *(const vu_mem *)p;
}

static inline void vu_store(uint64_t *p, vu v) {
  *(vu_mem *)p = v;
}

static inline void vd_store(double *p, vd v) {
  *(vd_mem *)p = v;
}

static inline vu vu_all(uint64_t x) {
  return x - (vu){0};
}

static inline vd vd_all(double x) {
  return x - (vd){0};
}

/* Product of the low 32 bits of each lane with m < 2^32; ignores high bits. */
static inline vu vu_mul32(vu a, vu m) {
#if defined(__AVX512F__)
  return (vu)_mm512_mul_epu32((__m512i)a, (__m512i)m);
#elif defined(__AVX2__)
  return (vu)_mm256_mul_epu32((__m256i)a, (__m256i)m);
#elif defined(__SSE2__)
  return (vu)_mm_mul_epu32((__m128i)a, (__m128i)m);
#else
  return (a & 0xffffffffu) * (m & 0xffffffffu);
#endif
}

/* The low halves of a's lanes, with those of b above them. */
static inline vu vu_join(vu a, vu b) {
#if defined(__AVX2__) && !defined(__AVX512F__)
  return (vu)_mm256_blend_epi32((__m256i)a, (__m256i)(b << 32), 0xaa);
#else
  return (a & 0xffffffffu) | b << 32;
#endif
}

/* Correctly rounded square root. */
static inline vd vd_sqrt(vd a) {
#if defined(__AVX512F__)
  return (vd)_mm512_sqrt_pd((__m512d)a);
#elif defined(__AVX2__)
  return (vd)_mm256_sqrt_pd((__m256d)a);
#elif defined(__SSE2__)
  return (vd)_mm_sqrt_pd((__m128d)a);
#else
  for (int i = 0; i < SL_VW; i++) {
    a[i] = __builtin_sqrt(a[i]);
  }
  return a;
#endif
}

/* a b + c, rounded once: the same bits with and without the instruction. */
static inline vd vd_fma(vd a, vd b, vd c) {
#if defined(__AVX512F__)
  return (vd)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
#elif defined(__AVX2__) && defined(__FMA__)
  return (vd)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
#else
  for (int i = 0; i < SL_VW; i++) {
    a[i] = __builtin_fma(a[i], b[i], c[i]);
  }
  return a;
#endif
}

/* a where the top bit of w is set, else b. */
static inline vd vd_pick(vu w, vd a, vd b) {
#if defined(__AVX512F__)
  __mmask8 top = _mm512_cmplt_epi64_mask((__m512i)w, _mm512_setzero_si512());
  return (vd)_mm512_mask_blend_pd(top, (__m512d)b, (__m512d)a);
#elif defined(__AVX2__)
  return (vd)_mm256_blendv_pd((__m256d)b, (__m256d)a, (__m256d)w);
#else
  vu mask = 0 - (w >> 63);
  return (vd)(((vu)a & mask) | ((vu)b & ~mask));
#endif
}

/* a where the mask's bits are set, else b. */
static inline vd vd_select(vu mask, vd a, vd b) {
  return (vd)(((vu)a & mask) | ((vu)b & ~mask));
}

#endif
