/* random_dist.h: from raw words to numbers, a vector at a time. The polynomials
** interpolate at Chebyshev nodes, coefficients computed to 60 digits and
** rounded; relative errors of the fits are 5e-18 and less.
** Private to the generators of src/kern.  MIT licence. */
#ifndef SL_RANDOM_DIST_H
#define SL_RANDOM_DIST_H

#include "kern/random_vec.h"

#define ONE UINT64_C(0x3ff0000000000000)
#define MANTISSA UINT64_C(0x000fffffffffffff)
#define SQRT_HALF UINT64_C(0x3fe6a09e667f3bcd)

/* log m = 2 s + s z LOG(z), z = s^2, s = (m - 1) / (m + 1), m near 1; sine and
** cosine of g quarter turns: g SINE(g^2), COSINE(g^2). */
static const double LOG[] = {
    0x1.5555555555558p-1, 0x1.99999999952e2p-2, 0x1.2492492df14dfp-2,
    0x1.c71c62e579789p-3, 0x1.7462b4ad0d879p-3, 0x1.39fe60271f67fp-3,
    0x1.2b584dae87b55p-3};
static const double SINE[] = {
    0x1.921fb54442d18p+0,  -0x1.4abbce625be41p-1, 0x1.466bc677587f8p-4,
    -0x1.32d2cce2e5b19p-8, 0x1.50782fda12d96p-13, -0x1.e30071afc3e59p-19,
    0x1.e3f38399551bfp-25};
static const double COSINE[] = {
    1.0, -0x1.3bd3cc9be45dep+0, 0x1.03c1f081b5aacp-2, -0x1.55d3c7e3c90f8p-6,
    0x1.e1f5068355e15p-11, -0x1.a6d1ec7906c20p-16, 0x1.f9cc41140bb60p-22,
    -0x1.b264ba152378ap-28};

/* Top 52 bits of w to the middle of their cell: (2 k + 1) / 2^53. Exact. */
static inline vd unit(vu w) {
  return (vd)((w >> 12) | ONE) - (1.0 - 0x1p-53);
}

/* Statements for vectors side by side: one's division and root hide behind the
** others' sums, for which neither the compiler nor the processor looks far
** enough when a vector is finished before the next one begins. */
enum { SIDE = 2 };
#define PAIR _Pragma("GCC unroll 4") for (int k = 0; k < SIDE; k++)

static inline void vpoly(const vd *z, const double *c, int n, vd *p) {
  PAIR p[k] = vd_all(c[n - 1]);
#pragma GCC unroll 8
  for (int i = n - 2; i >= 0; i--) {
    PAIR p[k] = vd_fma(p[k], z[k], vd_all(c[i]));
  }
}

/* log x for normal positive x: x = 2^e m, m in [sqrt 1/2, sqrt 2),
** log m = 2 atanh s = 2 s + s z q(z), s = (m - 1) / (m + 1), z = s^2; e log 2
** is added in two parts. */
static inline void vlog(const vd *x, vd *out) {
  vu t[SIDE];
  vd e[SIDE], s[SIDE], z[SIDE], q[SIDE];
  PAIR t[k] = (vu)x[k] + (ONE - SQRT_HALF);
  PAIR s[k] = (vd)((t[k] & MANTISSA) + SQRT_HALF);
  PAIR s[k] = (s[k] - 1.0) / (s[k] + 1.0);
  PAIR e[k] = (vd)((t[k] >> 52) | 0x4330000000000000u) - (0x1p52 + 1023.0);
  PAIR z[k] = s[k] * s[k];
  vpoly(z, LOG, 7, q);
  PAIR q[k] = z[k] * q[k];
  PAIR q[k] = vd_fma(s[k], q[k], e[k] * 0x1.a39ef35793c76p-33);
  PAIR q[k] = (s[k] + s[k]) + q[k];
  PAIR out[k] = vd_fma(e[k], vd_all(0x1.62e42fee00000p-1), q[k]);
}

/* Cosine and sine of 2 pi w / 2^64: the top two bits count quarter turns, the
** next 52 are an angle g in (-1/2, 1/2) quarters. */
static inline void vturn(const vu *w, vd *cosine, vd *sine) {
  const vu top = vu_all(UINT64_C(1) << 63);
  vd g[SIDE], z[SIDE], s[SIDE], c[SIDE];
  PAIR g[k] = ((vd)((w[k] << 2 >> 12) | ONE) - 1.5) + 0x1p-53; /* both exact */
  PAIR z[k] = g[k] * g[k];
  vpoly(z, SINE, 7, s);
  vpoly(z, COSINE, 8, c);
  PAIR s[k] = g[k] * s[k];
  PAIR cosine[k] = vd_pick(w[k] << 1, s[k], c[k]);
  PAIR sine[k] = vd_pick(w[k] << 1, c[k], s[k]);
  PAIR cosine[k] = (vd)((vu)cosine[k] ^ ((w[k] ^ w[k] << 1) & top));
  PAIR sine[k] = (vd)((vu)sine[k] ^ (w[k] & top));
}

#endif
