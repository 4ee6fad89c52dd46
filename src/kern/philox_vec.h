/* philox_vec.h: Philox blocks in vectors. Four chains of them run interleaved,
** because one chain waits for its multiplications (two a round, ten rounds).
** Private to the generators of src/kern.  MIT licence. */
#ifndef SL_PHILOX_VEC_H
#define SL_PHILOX_VEC_H

#include "kern/random_vec.h"

/* Multipliers and the Weyl increments of the key: section 3.2 of the paper. */
#define MUL0 UINT32_C(0xD2511F53)
#define MUL1 UINT32_C(0xCD9E8D57)
#define WEYL0 UINT32_C(0x9E3779B9)
#define WEYL1 UINT32_C(0xBB67AE85)
#define ROUNDS 10
#define CHAINS 4

/* Four vectors of blocks: counters {low half of c0, low half of c1, stream,
** last} to the two 64-bit words of each. High halves of the lanes may carry
** rubbish: in c0 no multiplication reads them, in c1 they must be zero. */
static inline void sl_chains(uint64_t key, vu c0[CHAINS], vu c1[CHAINS],
                             uint32_t stream, uint32_t last, vu w0[CHAINS],
                             vu w1[CHAINS]) {
  vu c2[CHAINS], c3[CHAINS];
  for (int i = 0; i < CHAINS; i++) {
    c2[i] = vu_all(stream);
    c3[i] = vu_all(last);
  }
  uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
  const vu m0 = vu_all(MUL0), m1 = vu_all(MUL1);
#pragma GCC unroll 10
  for (int round = 0; round < ROUNDS; round++) {
    const vu v0 = vu_all(k0), v1 = vu_all(k1);
#pragma GCC unroll 4
    for (int i = 0; i < CHAINS; i++) {
      vu p0 = vu_mul32(c0[i], m0);
      vu p1 = vu_mul32(c2[i], m1);
      c0[i] = (p1 >> 32) ^ c1[i] ^ v0;
      c2[i] = (p0 >> 32) ^ c3[i] ^ v1;
      c1[i] = p1;
      c3[i] = p0;
    }
    k0 += WEYL0;
    k1 += WEYL1;
  }
  for (int i = 0; i < CHAINS; i++) {
    w0[i] = (c0[i] & 0xffffffffu) | c1[i] << 32;
    w1[i] = (c2[i] & 0xffffffffu) | c3[i] << 32;
  }
}

#endif
