/* random_lanes.h: random numbers for many lanes at once, each addressed by its
** own (lane, step), so that lanes may be of different ages, stand in any order,
** and draw the same numbers whoever runs beside them.
**
** Addresses. Draws of a lane at steps 2p and 2p + 1 share the block with the
** counter { lane, p, stream, kind + 256 attempt }: a normal at an even step is
** the cosine of one Box-Muller pair, at the odd step after it the sine; other
** kinds read word 0 and word 1. Signs take one bit each: step 32 q + j reads bit
** 63 - j of word 0 of the block { lane, q, stream, kind }. An address is
** lane + (p << 32). Streams count from 1: stream 0 belongs to the fills of
** philox.h.
** MIT licence. */
#ifndef SL_RANDOM_LANES_H
#define SL_RANDOM_LANES_H

#include "kern/philox.h"

/* Rows have room for whole groups of so many lanes, addresses included. */
enum { SL_LANE_GROUP = 64, SL_SIGN_STEPS = 32 };

/* sl_random_lanes: draws of lanes at[i] + shift for an even step and the odd
** one after it, i < n, a multiple of SL_LANE_GROUP. d: normal (standard
** deviation b, mean 0), uniform in [a, b), exponential (rate a), bernoulli
** (probability a), integer lo .. hi as doubles. together: all addresses have the
** same p, which is quicker. One thread, nothing checked. */
void sl_random_lanes(uint64_t key, uint32_t stream, const sl_draw *d,
                     const uint64_t *at, uint64_t shift, bool together,
                     sl_int n, double *even, double *odd);

/* The words that signs are read from: word 0 of lanes at[i] + shift. */
void sl_random_lane_words(uint64_t key, uint32_t stream, uint32_t last,
                          const uint64_t *at, uint64_t shift, bool together,
                          sl_int n, uint64_t *word);

/* out[i] = -1 or 1 by bit 63 - j of word[i]. */
void sl_random_lane_signs(const uint64_t *word, int j, sl_int n, double *out);

/* What a lane needs to be told about one step of its own beside its noises: two
** uniforms and a normal, as often as it asks (turn 0, 1, ..), of the attempts
** 2 turn and 2 turn + 1 of the block { lane, step, 2^32 - 1, SL_RBRIDGE }. */
typedef struct sl_lane_luck {
  double u, v, z;
} sl_lane_luck;
sl_lane_luck sl_random_lane_luck(uint64_t key, uint64_t lane, uint64_t step,
                                 uint32_t turn);

/* Two independent standard normals for one node of a lane's Brownian tree, of
** motion j < 64 and level < 256: those of the block { lane, low half of node,
** j + 64 level + 2^14 (node >> 32), SL_RTREE }; node < 2^50. */
void sl_random_tree(uint64_t key, uint64_t lane, uint64_t node, int level,
                    int j, double out[2]);

/* out[0 .. n) = 0 .. n-1, n < 2^31, in the order sl_random_permutation gives a
** fresh generator of that key. (random_choice.c) */
void sl_random_shuffle(uint64_t key, sl_int n, uint32_t *out);

#endif
