/* pool.c: see pool.h. Where blocks come and go by the million, and are freed in
** bursts, malloc spends its time merging and splitting them.  MIT licence. */
#include "base/pool.h"

#include <stdlib.h>
#include <string.h>

/* Sizes are rounded up to GRAIN, so that a kept block serves its whole class.
** KEEP bounds the bytes of all kept blocks: a few cycles of garbage. */
enum { GRAIN = SL_POOL_GRAIN, SMALL = SL_POOL_SMALL, KEEP = 16 << 20 };

typedef struct sl_pool_block {
  struct sl_pool_block *next;
} block;

/* A sanitizer must see each block come and go. */
#if defined(__SANITIZE_ADDRESS__)
enum { POOLED = 0 };
#else
enum { POOLED = 1 };
#endif

static size_t class_of(size_t n) { return (n + GRAIN - 1) / GRAIN; }

static void *take(sl_pool *p, size_t n) {
  size_t c = class_of(n);
  block *b = p->kept[c];
  if (b == NULL) {
    return malloc(c * GRAIN);
  }
  p->kept[c] = b->next;
  p->bytes -= c * GRAIN;
  return b;
}

static void give(sl_pool *p, void *old, size_t n) {
  size_t c = class_of(n);
  if (p->bytes >= KEEP) {
    free(old);
    return;
  }
  block *b = old;
  b->next = p->kept[c];
  p->kept[c] = b;
  p->bytes += c * GRAIN;
}

/* A block changes its size and one of the sizes is small. Where that fails a
** block that shrinks stays where it is, larger than it need be. */
static void *resize(sl_pool *p, void *old, size_t from, size_t to) {
  if (from <= SMALL && to <= SMALL && class_of(from) == class_of(to)) {
    return old;
  }
  void *fresh = to <= SMALL ? take(p, to) : malloc(to);
  if (fresh == NULL) {
    return to < from ? old : NULL;
  }
  memcpy(fresh, old, from < to ? from : to);
  if (from <= SMALL) {
    give(p, old, from);
  } else {
    free(old);
  }
  return fresh;
}

void *sl_pool_resize(sl_pool *p, void *old, size_t from, size_t to) {
  if (old == NULL) {
    return to == 0 ? NULL : to <= SMALL && POOLED ? take(p, to) : malloc(to);
  }
  if (to == 0) {
    if (from <= SMALL && POOLED) {
      give(p, old, from);
    } else {
      free(old);
    }
    return NULL;
  }
  return POOLED && (from <= SMALL || to <= SMALL) ? resize(p, old, from, to)
                                                  : realloc(old, to);
}
