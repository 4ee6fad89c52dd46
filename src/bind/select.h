/* select.h: selectors: what stands between the brackets of x[...] made into
** numbers. One selector per axis: a position, a range, or a list of indices.
** MIT licence. */
#ifndef SL_SELECT_H
#define SL_SELECT_H

#include "bind/tensors.h"

typedef enum sl_selkind { SL_AT, SL_RANGE, SL_LIST } sl_selkind;

typedef struct sl_selector {
  sl_selkind kind;
  sl_int start, step, len; /* 0-based; SL_AT: len 1 */
  int list;                /* stack index of 0-based i64 indices */
} sl_selector;

typedef struct sl_selection {
  sl_type type; /* of the tensor selected from */
  int n;        /* selectors: one per axis */
  int nlist;
  sl_selector at[SL_MAXDIM];
  int mask; /* stack index of a mask of the tensor's shape; else 0 */
} sl_selection;

/* Reads the count values at stack index `first`, ... as selectors of a tensor
** of s->type; absent ones are ":". Index lists are left on the stack. Raises
** for what is outside, naming the axis. (select.c) */
void sl_select(lua_State *L, sl_selection *s, int first, int count);
/* 0-based position of the 1-based i (negative: from the end) on an axis of n,
** or -1. */
sl_int sl_select_at(sl_int i, sl_int n);
/* Positions (0-based, i64) of the nonzero elements of a mask, in row-major
** order: pushes them as a vector. */
sl_tensor *sl_select_nonzero(lua_State *L, const sl_tensor *mask);

#endif
