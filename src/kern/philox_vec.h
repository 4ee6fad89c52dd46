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

/* The rounds' keys, each spread over a vector. They are filled out of line and
** so lie in memory, from where the rounds take them without an instruction of
** their own; it also makes gcc align the frame, to which it spills. */
typedef struct sl_keys {
  vu k0[ROUNDS], k1[ROUNDS];
} sl_keys;

/* The keys that a seed gives. (philox.c) */
void sl_keys_of(uint64_t key, sl_keys *out);

/* Four chains of counters on their way. Low halves of the lanes count; high ones
** carry rubbish that no multiplication reads. */
typedef struct sl_philox_chains {
  vu c0[CHAINS], c1[CHAINS], c2[CHAINS], c3[CHAINS];
} sl_philox_chains;

#define EACH_CHAIN _Pragma("GCC unroll 4") for (int i = 0; i < CHAINS; i++)

static inline void sl_chain_rounds(sl_philox_chains *x, const sl_keys *key,
                                   int first) {
  const vu m0 = vu_all(MUL0), m1 = vu_all(MUL1);
#pragma GCC unroll 10
  for (int round = first; round < ROUNDS; round++) {
    const vu v0 = key->k0[round], v1 = key->k1[round];
    EACH_CHAIN {
      vu p0 = vu_mul32(x->c0[i], m0);
      vu p1 = vu_mul32(x->c2[i], m1);
      x->c0[i] = (p1 >> 32) ^ (x->c1[i] ^ v0);
      x->c2[i] = (p0 >> 32) ^ (x->c3[i] ^ v1);
      x->c1[i] = p1;
      x->c3[i] = p0;
    }
  }
}

static inline void sl_chain_words(const sl_philox_chains *x, vu w0[CHAINS],
                                  vu w1[CHAINS]) {
  EACH_CHAIN {
    w0[i] = vu_join(x->c0[i], x->c1[i]);
    w1[i] = vu_join(x->c2[i], x->c3[i]);
  }
}

/* Four vectors of blocks: counters {low half of c0, low half of c1, stream,
** last} to the two 64-bit words of each. High halves of c1 must be zero. */
static inline void sl_chains(const sl_keys *key, const vu c0[CHAINS],
                             const vu c1[CHAINS], uint32_t stream,
                             uint32_t last, vu w0[CHAINS], vu w1[CHAINS]) {
  sl_philox_chains x;
  EACH_CHAIN {
    x.c0[i] = c0[i];
    x.c1[i] = c1[i];
    x.c2[i] = vu_all(stream);
    x.c3[i] = vu_all(last);
  }
  sl_chain_rounds(&x, key, 0);
  sl_chain_words(&x, w0, w1);
}

/* Where all lanes share the second counter word too, half of the first rounds is
** the same for all: what it leaves for the vectors. */
typedef struct sl_shared {
  vu first, even, odd, next0, next1;
} sl_shared;

static inline sl_shared sl_share(const sl_keys *key, uint32_t c1,
                                 uint32_t stream, uint32_t last) {
  const uint64_t p = (uint64_t)MUL1 * stream;
  const uint32_t a = (uint32_t)(p >> 32) ^ c1 ^ (uint32_t)key->k0[0][0];
  const uint64_t q = (uint64_t)MUL0 * a;
  return (sl_shared){.first = vu_all(last) ^ key->k1[0],
                     .even = vu_all((uint32_t)p) ^ key->k0[1],
                     .odd = vu_all(q >> 32) ^ key->k1[1],
                     .next0 = key->k0[2],
                     .next1 = vu_all((uint32_t)q) ^ key->k1[2]};
}

static inline void sl_chains_shared(const sl_keys *key, const sl_shared *s,
                                    const vu c0[CHAINS], vu w0[CHAINS],
                                    vu w1[CHAINS]) {
  const vu m0 = vu_all(MUL0), m1 = vu_all(MUL1);
  sl_philox_chains x;
  EACH_CHAIN {
    vu p0 = vu_mul32(c0[i], m0);
    vu p1 = vu_mul32((p0 >> 32) ^ s->first, m1);
    vu r0 = vu_mul32((p1 >> 32) ^ s->even, m0);
    vu r1 = vu_mul32(p0 ^ s->odd, m1);
    x.c0[i] = (r1 >> 32) ^ (p1 ^ s->next0);
    x.c2[i] = (r0 >> 32) ^ s->next1;
    x.c1[i] = r1;
    x.c3[i] = r0;
  }
  sl_chain_rounds(&x, key, 3);
  sl_chain_words(&x, w0, w1);
}

#endif
