/* philox.c: the Philox4x32-10 block, once as a scalar and once for chunks of 32
** consecutive counters held in vectors (philox_vec.h).
** Source: Salmon, Moraes, Dror, Shaw, SC 2011; known answers in
** tests/c/test_random.c.  MIT licence. */
#include "kern/philox.h"

#include "kern/philox_vec.h"

#define COUNTERS (SL_RANDOM_CHUNK / 2)

void sl_philox4x32(const uint32_t ctr[4], const uint32_t key[2],
                   uint32_t out[4]) {
  uint32_t c0 = ctr[0], c1 = ctr[1], c2 = ctr[2], c3 = ctr[3];
  uint32_t k0 = key[0], k1 = key[1];
  for (int round = 0; round < ROUNDS; round++) {
    uint64_t p0 = (uint64_t)MUL0 * c0;
    uint64_t p1 = (uint64_t)MUL1 * c2;
    c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
    c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
    c1 = (uint32_t)p1;
    c3 = (uint32_t)p0;
    k0 += WEYL0;
    k1 += WEYL1;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

uint64_t sl_random_word(uint64_t key, uint32_t stream, uint32_t last,
                        uint64_t pos) {
  uint64_t block = 8 * (pos / 16) + pos % 8;
  uint32_t k[2] = {(uint32_t)key, (uint32_t)(key >> 32)};
  uint32_t c[4] = {(uint32_t)block, (uint32_t)(block >> 32), stream, last};
  sl_philox4x32(c, k, c);
  int half = (int)(pos / 8 % 2);
  return c[2 * half] | (uint64_t)c[2 * half + 1] << 32;
}

__attribute__((noinline)) void sl_keys_of(uint64_t key, sl_keys *out) {
  uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
  for (int round = 0; round < ROUNDS; round++) {
    out->k0[round] = vu_all(k0);
    out->k1[round] = vu_all(k1);
    k0 += WEYL0;
    k1 += WEYL1;
  }
}

/* 32 counters from low word `block`, a multiple of 32, so it never carries. */
static inline void chunk(const sl_keys *key, const sl_shared *shared,
                         uint32_t block, uint64_t *out) {
  vu lane;
  for (int i = 0; i < SL_VW; i++) {
    lane[i] = (uint64_t)i;
  }
  for (int first = 0; first < COUNTERS; first += CHAINS * SL_VW) {
    vu c0[CHAINS], w0[CHAINS], w1[CHAINS];
    for (int i = 0; i < CHAINS; i++) {
      c0[i] = lane + vu_all(block + (uint32_t)(first + i * SL_VW));
    }
    sl_chains_shared(key, shared, c0, w0, w1);
    for (int i = 0; i < CHAINS; i++) {
      int j = first + i * SL_VW;
      uint64_t *at = out + 16 * (j / 8) + j % 8;
      vu_store(at, w0[i]);
      vu_store(at + 8, w1[i]);
    }
  }
}

void sl_random_words(uint64_t key, uint32_t stream, uint32_t last,
                     uint64_t pos, sl_int n, uint64_t *out) {
  uint64_t block = pos / 2;
  sl_keys keys;
  sl_keys_of(key, &keys);
  sl_shared shared = sl_share(&keys, (uint32_t)(block >> 32), stream, last);
  for (sl_int i = 0; i < n; i += SL_RANDOM_CHUNK, block += COUNTERS) {
    if (i > 0 && (uint32_t)block == 0) {
      shared = sl_share(&keys, (uint32_t)(block >> 32), stream, last);
    }
    chunk(&keys, &shared, (uint32_t)block, out + i);
  }
}
