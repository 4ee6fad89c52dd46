/* product.c: products and the sums that take them in one pass, for lane programs:
** each rounded, as when done one after the other, and no fused multiply-add.
** Operands that are one number for all lanes have loops of their own.
** MIT licence. */
#include <math.h>

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
PRODUCT(sl_lane_root_of_sum, sqrt(x + y * z))

sl_lane_fn *sl_lane_of_product(sl_lane_fn *fn, int k) {
  if (fn == sl_lane_get(SL_LANE_add, SL_F64)) {
    return sl_lane_add_product;
  }
  if (fn == sl_lane_get(SL_LANE_sub, SL_F64)) {
    return k == 1 ? sl_lane_sub_product : sl_lane_product_sub;
  }
  return NULL;
}

/* ---- two products -------------------------------------------------------- */

#define LOOP2(vy, vu, expr)                                \
  {                                                        \
    const double y0 = py[0], u0 = pu[0];                   \
    (void)y0, (void)u0;                                    \
    FOR {                                                  \
      const double x = px[k], y = vy, z = c * pz[k];       \
      const double u = vu, v = d * pv[k];                  \
      (void)x;                                             \
      o[k] = expr;                                         \
    }                                                      \
  }

/* first: the place of y among the operands, 1 or 0; without an x, y stands for
** it. z and v are scaled by c and d, one number each for all lanes. */
#define TWO_PRODUCTS(name, first, expr)                                     \
  void name(sl_int n, void *out, sl_int so, const void *const *in,          \
            const sl_int *s) {                                              \
    enum { Y = first, Z, U, V, C, D };                                      \
    double *o = out;                                                        \
    const double *px = in[0], *py = in[Y], *pz = in[Z], *pu = in[U];        \
    const double *pv = in[V];                                               \
    const double c = *(const double *)in[C], d = *(const double *)in[D];    \
    const sl_int sx = s[0], sy = s[Y], sz = s[Z], su = s[U], sv = s[V];     \
    const bool rows = n > 0 && so == 1 && sz == 1 && sv == 1 &&             \
                      (sy | su | 1) == 1 && (Y == 0 || sx == 1);            \
    if (rows && Y == 0) {                                                   \
      px = pz; /* not used */                                               \
    }                                                                       \
    if (rows && sy == 0 && su == 0) {                                       \
      LOOP2(y0, u0, expr)                                                   \
    } else if (rows && sy == 0) {                                           \
      LOOP2(y0, pu[k], expr)                                                \
    } else if (rows && su == 0) {                                           \
      LOOP2(py[k], u0, expr)                                                \
    } else if (rows) {                                                      \
      LOOP2(py[k], pu[k], expr)                                             \
    } else {                                                                \
      for (sl_int k = 0; k < n; k++) {                                      \
        const double x = px[k * sx], y = py[k * sy], z = c * pz[k * sz];    \
        const double u = pu[k * su], v = d * pv[k * sv];                    \
        (void)x;                                                            \
        o[k * so] = expr;                                                   \
      }                                                                     \
    }                                                                       \
  }
TWO_PRODUCTS(sl_lane_sum_of_products, 0, y * z + u * v)
TWO_PRODUCTS(sl_lane_difference_of_products, 0, y * z - u * v)
TWO_PRODUCTS(sl_lane_add_add, 1, (x + y * z) + u * v)
TWO_PRODUCTS(sl_lane_add_sub, 1, (x + y * z) - u * v)
TWO_PRODUCTS(sl_lane_sub_add, 1, (x - y * z) + u * v)
TWO_PRODUCTS(sl_lane_sub_sub, 1, (x - y * z) - u * v)

/* By the kernel that makes x (0: mul) and the one that takes it. */
static sl_lane_fn *const joined[3][2] = {
    {sl_lane_sum_of_products, sl_lane_difference_of_products},
    {sl_lane_add_add, sl_lane_add_sub},
    {sl_lane_sub_add, sl_lane_sub_sub},
};

sl_lane_fn *sl_lane_of_two_products(sl_lane_fn *inner, sl_lane_fn *outer) {
  int row = inner == sl_lane_get(SL_LANE_mul, SL_F64) ? 0
            : inner == sl_lane_add_product            ? 1
            : inner == sl_lane_sub_product            ? 2
                                                      : -1;
  int column = outer == sl_lane_add_product   ? 0
               : outer == sl_lane_sub_product ? 1
                                              : -1;
  return row >= 0 && column >= 0 ? joined[row][column] : NULL;
}
