/* product.c: a product and a sum in one pass, for lane programs: two roundings,
** as when done one after the other, and no fused multiply-add. Operands that are
** one number for all lanes have loops of their own.  MIT licence. */
#include "kern/kern.h"

#define FOR _Pragma("omp simd") for (sl_int k = 0; k < n; k++)

/* One loop; x and y are rows or numbers. */
#define LOOP(vx, vy, expr)                    \
  {                                           \
    const double x0 = px[0], y0 = py[0];      \
    (void)x0, (void)y0;                       \
    FOR {                                     \
      const double x = vx, y = vy, z = pz[k]; \
      o[k] = expr;                            \
    }                                         \
  }

#define PRODUCT(name, expr)                                               \
  void name(sl_int n, void *out, sl_int so, const void *const *in,        \
            const sl_int *s) {                                            \
    double *o = out;                                                      \
    const bool swap = s[2] == 0; /* the shared factor comes first */      \
    const double *px = in[0], *py = in[1 + swap], *pz = in[2 - swap];     \
    const sl_int sx = s[0], sy = s[1 + swap], sz = s[2 - swap];           \
    const bool rows = n > 0 && so == 1 && sz == 1 && (sx | sy | 1) == 1;  \
    if (rows && sx == 1 && sy == 0) {                                     \
      LOOP(px[k], y0, expr)                                               \
    } else if (rows && sx == 1) {                                         \
      LOOP(px[k], py[k], expr)                                            \
    } else if (rows && sy == 0) {                                         \
      LOOP(x0, y0, expr)                                                  \
    } else if (rows) {                                                    \
      LOOP(x0, py[k], expr)                                               \
    } else {                                                              \
      for (sl_int k = 0; k < n; k++) {                                    \
        const double x = px[k * sx], y = py[k * sy], z = pz[k * sz];      \
        o[k * so] = expr;                                                 \
      }                                                                   \
    }                                                                     \
  }
PRODUCT(sl_lane_add_product, x + y * z)
PRODUCT(sl_lane_sub_product, x - y * z)
PRODUCT(sl_lane_product_sub, y * z - x)

sl_lane_fn *sl_lane_of_product(sl_lane_fn *fn, int k) {
  if (fn == sl_lane_get(SL_LANE_add, SL_F64)) {
    return sl_lane_add_product;
  }
  if (fn == sl_lane_get(SL_LANE_sub, SL_F64)) {
    return k == 1 ? sl_lane_sub_product : sl_lane_product_sub;
  }
  return NULL;
}
