/* product.c: a product and a sum in one pass, for lane programs: two roundings,
** as when done one after the other, and no fused multiply-add. A factor that is
** one number for all lanes has a loop of its own.  MIT licence. */
#include "kern/kern.h"

#define FOR _Pragma("omp simd") for (sl_int k = 0; k < n; k++)

#define PRODUCT(name, expr)                                               \
  void name(sl_int n, void *out, sl_int so, const void *const *in,        \
            const sl_int *s) {                                            \
    double *o = out;                                                      \
    const double *px = in[0], *py = in[1], *pz = in[2];                   \
    if (so == 1 && s[0] == 1 && s[1] == 0 && s[2] == 1) {                 \
      const double y = py[0];                                             \
      FOR {                                                               \
        const double x = px[k], z = pz[k];                                \
        o[k] = expr;                                                      \
      }                                                                   \
    } else if (so == 1 && s[0] == 1 && s[1] == 1 && s[2] == 1) {          \
      FOR {                                                               \
        const double x = px[k], y = py[k], z = pz[k];                     \
        o[k] = expr;                                                      \
      }                                                                   \
    } else {                                                              \
      for (sl_int k = 0; k < n; k++) {                                    \
        const double x = px[k * s[0]], y = py[k * s[1]], z = pz[k * s[2]]; \
        o[k * so] = expr;                                                 \
      }                                                                   \
    }                                                                     \
  }
PRODUCT(sl_lane_add_product, x + y * z)
PRODUCT(sl_lane_sub_product, x - y * z)
PRODUCT(sl_lane_product_sub, y * z - x)
