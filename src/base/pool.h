/* pool.h: blocks of any size over malloc; small ones that are given back are
** kept by size, up to a bound, for the next of their size. One thread at a time.
** MIT licence. */
#ifndef SL_POOL_H
#define SL_POOL_H

#include <stddef.h>

#define SL_POOL_GRAIN 16  /* sizes are rounded up to it */
#define SL_POOL_SMALL 512 /* the largest size that is kept */

typedef struct sl_pool {
  struct sl_pool_block *kept[SL_POOL_SMALL / SL_POOL_GRAIN + 1];
  size_t bytes; /* of all kept blocks */
} sl_pool;

/* The block `old` of size `from` (NULL: a new one, whatever `from`) with size
** `to`; to = 0 frees it. NULL when there is no memory: old is as it was. A block
** that shrinks always succeeds. */
void *sl_pool_resize(sl_pool *p, void *old, size_t from, size_t to);

#endif
