/* dtype.c: the four element types: size, name, promotion. MIT licence. */
#include "kern/kern.h"

#include <string.h>

static const struct {
  const char *name;
  sl_int size;
} dtypes[SL_NDTYPE] = {
    [SL_U8] = {"u8", 1},
    [SL_I64] = {"i64", 8},
    [SL_F32] = {"f32", 4},
    [SL_F64] = {"f64", 8},
};

sl_int sl_dtype_size(sl_dtype d) { return dtypes[d].size; }

const char *sl_dtype_name(sl_dtype d) {
  return d < SL_NDTYPE ? dtypes[d].name : "?";
}

bool sl_dtype_parse(const char *name, sl_dtype *d) {
  for (int i = 0; i < SL_NDTYPE; i++) {
    if (strcmp(name, dtypes[i].name) == 0) {
      *d = (sl_dtype)i;
      return true;
    }
  }
  return false;
}

bool sl_dtype_isfloat(sl_dtype d) { return d == SL_F32 || d == SL_F64; }

sl_dtype sl_dtype_promote(sl_dtype a, sl_dtype b) {
  if ((a == SL_I64 && b == SL_F32) || (a == SL_F32 && b == SL_I64)) {
    return SL_F64; /* f32 does not hold the integers of i64 */
  }
  return a > b ? a : b;
}
