/* philox.h: random numbers from a counter. Philox4x32-10 (Salmon, Moraes, Dror
** and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011) turns a
** counter of four 32-bit words and a key of two into four random words, so
** every number has an address and nobody has to pass a state along: element i
** of a fill depends on (key, stream, kind, position i) alone. Bits do not
** depend on the thread count, the SIMD width or how a fill is cut in pieces.
**
** Addresses. Positions are counted in elements, whatever the distribution. A
** group of 16 positions takes 8 counters, of two 64-bit words each: with
**   b = 8 (p / 16) + p mod 8
** position p reads word (p / 8) mod 2 of the block with the counter
**   { low 32 bits of b, high 32 bits of b, stream, kind + 256 attempt }
** (words 0 and 1 of the block make 64-bit word 0, low half first). A normal
** takes both words of its block: p and p + 8 are the two of one Box-Muller
** pair. Attempts above 0 are asked for by bounded integers alone. Kinds have
** blocks of their own, so a normal and a uniform drawn at one position are
** independent.
**   Steps of many lanes use sl_random_at(step, lane) as position: the second
** counter word is then the step, the first counts lanes. Stream 0 belongs to
** the fills of sl_random_fill; lane programs number their noises from 1.
** MIT licence. */
#ifndef SL_PHILOX_H
#define SL_PHILOX_H

#include "base/base.h"
#include "kern/kern.h"

/* A generator. Its seed is its key. */
typedef struct sl_random {
  uint64_t key;
  uint64_t pos;      /* elements drawn so far; below SL_RANDOM_END */
  uint64_t children; /* generators split off so far */
} sl_random;

#define SL_RANDOM_END (UINT64_C(1) << 62)

/* The last counter word's low byte; part of the stored bits: never renumber. */
typedef enum sl_random_kind {
  SL_RUNIFORM = 1,  /* a + (b - a) u, in [a, b) */
  SL_RNORMAL = 2,   /* a + b z */
  SL_RSIGN = 3,     /* -1 or 1 */
  SL_RBERNOULLI = 4,/* 1 with probability a, else 0 */
  SL_REXPONENTIAL = 5, /* rate a */
  SL_RINTEGER = 6,  /* lo .. hi, both included */
  SL_RPERMUTATION = 7,
  SL_RCHOICE = 8,
  SL_RSPLIT = 9,
  SL_RBRIDGE = 10, /* what happens to a lane within a step: random_lanes.h */
  SL_RTREE = 11,   /* nodes of a Brownian tree: random_lanes.h */
  SL_RGIVEN = 12   /* no draw: rows that somebody else fills */
} sl_random_kind;

/* What to draw: parameters as in sl_random_kind, the others unused. */
typedef struct sl_draw {
  sl_random_kind kind;
  double a, b;
  sl_int lo, hi;
} sl_draw;

/* sl_philox4x32: one block, ten rounds. out may be ctr. */
void sl_philox4x32(const uint32_t ctr[4], const uint32_t key[2],
                   uint32_t out[4]);

/* sl_random_word: the 64-bit word at a position, by the scalar block. */
uint64_t sl_random_word(uint64_t key, uint32_t stream, uint32_t last,
                        uint64_t pos);

/* sl_random_words: out[i] = sl_random_word(key, stream, last, pos + i) for
** i < n, by vectors. pos and n are multiples of SL_RANDOM_CHUNK. */
#define SL_RANDOM_CHUNK 64
void sl_random_words(uint64_t key, uint32_t stream, uint32_t last,
                     uint64_t pos, sl_int n, uint64_t *out);

/* sl_random_at: the position of a lane at a step; lane < 2^33, step < 2^29. */
static inline uint64_t sl_random_at(uint64_t step, uint64_t lane) {
  return (step << 33) + lane;
}

/* sl_random_check: SL_EARG, naming the parameter, unless d can be drawn:
** finite a < b with a finite b - a (uniform), finite a and b >= 0 (normal),
** 0 <= a <= 1 (bernoulli), finite a > 0 (exponential), lo <= hi (integer). */
sl_status sl_random_check(const sl_draw *d, sl_err *err);

/* sl_random_row: out[i] = the draw at position pos + i, i < n. One thread, no
** allocation, nothing checked; cheapest when pos and n are multiples of
** SL_RANDOM_CHUNK. Not for SL_RINTEGER, which has the second form.
** Uniforms lie on (2 k + 1) / 2^53, k < 2^52: 0 and 1 do not occur, and the
** largest normal is sqrt(106 ln 2) = 8.57 standard deviations away. */
void sl_random_row(uint64_t key, uint32_t stream, const sl_draw *d,
                   uint64_t pos, sl_int n, double *out);
void sl_random_row_int(uint64_t key, uint32_t stream, const sl_draw *d,
                       uint64_t pos, sl_int n, sl_int *out);

/* sl_random_bounded: one unbiased integer in [0, range); range 0 means 2^64. */
uint64_t sl_random_bounded(uint64_t key, uint32_t stream, uint32_t kind,
                           uint64_t pos, uint64_t range);

/* sl_random_fill: n draws into contiguous out of dtype f64 or f32 (any kind),
** i64 or u8 (sign, bernoulli, integer); advances r->pos by n. f32 values are
** the f64 ones rounded, uniforms kept below b. Spread over threads.
** errors: as sl_random_check; SL_EDTYPE kind and dtype do not fit, or a value
** would not fit u8; SL_EINTR; r is then not advanced. */
sl_status sl_random_fill(sl_random *r, const sl_draw *d, sl_dtype dtype,
                         sl_int n, void *out, sl_err *err);

/* sl_random_advance: passes over n >= 0 positions. SL_EARG at the end of the
** stream, 2^62. */
sl_status sl_random_advance(sl_random *r, sl_int n, sl_err *err);

/* sl_random_permutation: out[0 .. n) = 0 .. n-1 in an order drawn uniformly
** (Fisher-Yates, unbiased); advances by n. */
sl_status sl_random_permutation(sl_random *r, sl_int n, sl_int *out,
                                sl_err *err);

/* sl_random_choice: k of 0 .. n-1, in the order drawn; advances by k, or by n
** for weights without replacement. weights: n values >= 0 (need not sum to 1),
** or NULL for equal ones; without replacement, the next one is drawn with
** probability proportional to the weights of those left.
** errors: SL_EARG k < 0, nothing to choose from, k above what there is,
** a bad weight; SL_ENOMEM. */
sl_status sl_random_choice(sl_random *r, sl_int n, const double *weights,
                           bool replace, sl_int k, sl_int *out, sl_err *err);

/* sl_random_split: a generator with a fresh key, Philox of (key of r, number of
** the child); depends on r's key and earlier splits alone, not on its position.
** Two of m keys coincide with probability m^2 / 2^65. */
sl_random sl_random_split(sl_random *r);

#endif
