/* lanes.c: the element-wise kernels, generated from lanes.def. One loop macro
** per arity; unit strides and scalar operands get loops of their own, so that
** plain arithmetic compiles to packed instructions (omp simd: no dependence
** between iterations, which holds for out == in). Strided calls take the last
** loop; the long functions of vmath.h take them in blocks copied to rows. Every
** element is computed by the same expression in each loop, so the layout never
** changes a bit. MIT licence. */
#include "kern/kern.h"
#include "kern/vmath.h"

#include <math.h>

/* ---- what the expressions of lanes.def call ------------------------------ */

static inline sl_int iadd(sl_int x, sl_int y) {
  return (sl_int)((uint64_t)x + (uint64_t)y);
}

static inline sl_int isub(sl_int x, sl_int y) {
  return (sl_int)((uint64_t)x - (uint64_t)y);
}

static inline sl_int imul(sl_int x, sl_int y) {
  return (sl_int)((uint64_t)x * (uint64_t)y);
}

/* The two divisors that would trap, 0 and -1 (by the least integer), never
** reach the processor's division. */
static inline sl_int imod(sl_int x, sl_int y) {
  if (y == 0 || y == -1) {
    return 0;
  }
  sl_int m = x % y;
  return m != 0 && (m ^ y) < 0 ? m + y : m;
}

static inline sl_int ifloordiv(sl_int x, sl_int y) {
  if (y == 0) {
    return 0;
  }
  if (y == -1) {
    return isub(0, x);
  }
  sl_int q = x / y;
  return (x ^ y) < 0 && q * y != x ? q - 1 : q;
}

static inline double floormod(double x, double y) {
  double m = fmod(x, y);
  return (m > 0 ? y < 0 : (m < 0 && y > 0)) ? m + y : m;
}

static inline float floormodf(float x, float y) {
  float m = fmodf(x, y);
  return (m > 0 ? y < 0 : (m < 0 && y > 0)) ? m + y : m;
}

/* ---- loops --------------------------------------------------------------- */

#ifdef __clang__ /* rows that call libm have no vector form: no news */
#pragma clang diagnostic ignored "-Wpass-failed"
#endif

#define FOR _Pragma("omp simd") for (sl_int k = 0; k < n; k++)

#define LOOP_1(fn, To, Ti, expr)                                              \
  static void fn(sl_int n, void *out, sl_int so, const void *const *in,       \
                 const sl_int *si) {                                          \
    To *o = out;                                                              \
    const Ti *a = in[0];                                                      \
    const sl_int sa = si[0];                                                  \
    if (so == 1 && sa == 1) {                                                 \
      FOR {                                                                   \
        const Ti x = a[k];                                                    \
        o[k] = (To)(expr);                                                    \
      }                                                                       \
    } else {                                                                  \
      for (sl_int k = 0; k < n; k++) {                                        \
        const Ti x = a[k * sa];                                               \
        o[k * so] = (To)(expr);                                               \
      }                                                                       \
    }                                                                         \
  }

#define LOOP_2(fn, To, Ti, expr)                                              \
  static void fn(sl_int n, void *out, sl_int so, const void *const *in,       \
                 const sl_int *si) {                                          \
    To *o = out;                                                              \
    const Ti *a = in[0], *b = in[1];                                          \
    const sl_int sa = si[0], sb = si[1];                                      \
    if (so == 1 && sa == 1 && sb == 1) {                                      \
      FOR {                                                                   \
        const Ti x = a[k], y = b[k];                                          \
        o[k] = (To)(expr);                                                    \
      }                                                                       \
    } else if (so == 1 && sa == 1 && sb == 0) {                               \
      const Ti y = b[0];                                                      \
      FOR {                                                                   \
        const Ti x = a[k];                                                    \
        o[k] = (To)(expr);                                                    \
      }                                                                       \
    } else if (so == 1 && sa == 0 && sb == 1) {                               \
      const Ti x = a[0];                                                      \
      FOR {                                                                   \
        const Ti y = b[k];                                                    \
        o[k] = (To)(expr);                                                    \
      }                                                                       \
    } else {                                                                  \
      for (sl_int k = 0; k < n; k++) {                                        \
        const Ti x = a[k * sa], y = b[k * sb];                                \
        o[k * so] = (To)(expr);                                               \
      }                                                                       \
    }                                                                         \
  }

/* ---- the functions of vmath.h: blocks of rows ---------------------------- */

#define BLOCK 128

/* n elements at distance s as a row: in place, or copied to `row`. */
#define ROW_OF(T)                                                           \
  static const T *row_of_##T(sl_int n, const T *x, sl_int s, T *row) {      \
    if (s == 1) {                                                           \
      return x;                                                             \
    }                                                                       \
    for (sl_int k = 0; k < n; k++) {                                        \
      row[k] = x[k * s];                                                    \
    }                                                                       \
    return row;                                                             \
  }
ROW_OF(double)
ROW_OF(float)

/* The loop over blocks: `body` makes row o of rows a and, where the arity is 2,
** b. A scalar operand becomes a row too: the compilers would split the loop by
** its cases instead of vectorising. */
#define BLOCKS(fn, T, arity, body)                                          \
  static void fn(sl_int n, void *out, sl_int so, const void *const *in,     \
                 const sl_int *si) {                                        \
    T ra[BLOCK], rb[arity == 2 ? BLOCK : 1], ro[BLOCK];                     \
    for (sl_int i = 0; i < n; i += BLOCK) {                                 \
      const sl_int len = n - i < BLOCK ? n - i : BLOCK;                     \
      T *to = (T *)out + i * so, *o = so == 1 ? to : ro;                    \
      const T *a = row_of_##T(len, (const T *)in[0] + i * si[0], si[0], ra); \
      const T *b = rb;                                                      \
      if (arity == 2) {                                                     \
        b = row_of_##T(len, (const T *)in[1] + i * si[1], si[1], rb);       \
      }                                                                     \
      body                                                                  \
      for (sl_int k = 0; k < len && so != 1; k++) {                         \
        to[k * so] = o[k];                                                  \
      }                                                                     \
      (void)b;                                                              \
    }                                                                       \
  }

#define ROWS_1(T, expr)                                     \
  _Pragma("omp simd") for (sl_int k = 0; k < len; k++) {    \
    const T x = a[k];                                       \
    o[k] = expr;                                            \
  }
#define ROWS_2(T, expr)                                     \
  _Pragma("omp simd") for (sl_int k = 0; k < len; k++) {    \
    const T x = a[k], y = b[k];                             \
    o[k] = expr;                                            \
  }
#define LOOP_ROWS(fn, T, arity, expr) \
  BLOCKS(fn, T, arity, ROWS_##arity(T, expr))

/* Is any |x| of the row >= NEAR_MAX, or NaN? The borrow tells. */
#define ANY_FAR(T)                                                             \
  static bool any_far_##T(sl_int n, const T *x) {                              \
    uint64_t borrow = 0;                                                       \
    _Pragma("omp simd reduction(| : borrow)") for (sl_int k = 0; k < n; k++) { \
      const uint64_t a = v64_bits(fabs((double)x[k]));                         \
      borrow |= v64_bits(NEAR_MAX) - 1 - a;                                    \
    }                                                                          \
    return borrow >> 63 != 0;                                                  \
  }
ANY_FAR(double)
ANY_FAR(float)

/* The choice is of each element; a row of near ones has no choice to make. */
#define FAR_ROWS(T, near, far)                              \
  if (any_far_##T(len, a)) {                                \
    for (sl_int k = 0; k < len; k++) {                      \
      const double x = (double)a[k];                        \
      o[k] = fabs(x) < NEAR_MAX ? (T)(near) : (T)(far);     \
    }                                                       \
  } else {                                                  \
    _Pragma("omp simd") for (sl_int k = 0; k < len; k++) {  \
      const double x = (double)a[k];                        \
      o[k] = (T)(near);                                     \
    }                                                       \
  }
#define LOOP_FAR(fn, T, near, far) BLOCKS(fn, T, 1, FAR_ROWS(T, near, far))

/* ---- where --------------------------------------------------------------- */

/* only `where` has three operands; its first is a mask */
#define LOOP_3(fn, To, Ti, expr)                                              \
  static void fn(sl_int n, void *out, sl_int so, const void *const *in,       \
                 const sl_int *si) {                                          \
    To *o = out;                                                              \
    const uint8_t *a = in[0];                                                 \
    const Ti *b = in[1], *c = in[2];                                          \
    const sl_int sa = si[0], sb = si[1], sc = si[2];                          \
    if (so == 1 && sa == 1 && sb == 1 && sc == 1) {                           \
      FOR {                                                                   \
        const uint8_t x = a[k];                                               \
        const Ti y = b[k], z = c[k];                                          \
        o[k] = expr;                                                          \
      }                                                                       \
    } else if (so == 1 && sa == 1 && sb == 1 && sc == 0) {                    \
      const Ti z = c[0];                                                      \
      FOR {                                                                   \
        const uint8_t x = a[k];                                               \
        const Ti y = b[k];                                                    \
        o[k] = expr;                                                          \
      }                                                                       \
    } else {                                                                  \
      for (sl_int k = 0; k < n; k++) {                                        \
        const uint8_t x = a[k * sa];                                          \
        const Ti y = b[k * sb], z = c[k * sc];                                \
        o[k * so] = expr;                                                     \
      }                                                                       \
    }                                                                         \
  }

/* ---- functions: which dtypes a kind has ---------------------------------- */

#define MAKE_FLOAT(name, arity, e64, e32, ei)  \
  LOOP_##arity(name##_f64, double, double, e64) \
  LOOP_##arity(name##_f32, float, float, e32)
#define MAKE_FAR(name, arity, near, far, ei)  \
  LOOP_FAR(name##_f64, double, near, far)     \
  LOOP_FAR(name##_f32, float, near, far)
#define MAKE_ROWS(name, arity, e64, e32, ei) \
  LOOP_ROWS(name##_f64, double, arity, e64)  \
  LOOP_ROWS(name##_f32, float, arity, e32)
#define MAKE_ARITH(name, arity, e64, e32, ei) \
  MAKE_FLOAT(name, arity, e64, e32, ei)       \
  LOOP_##arity(name##_i64, sl_int, sl_int, ei)
#define MAKE_TEST(name, arity, e64, e32, ei)     \
  LOOP_##arity(name##_f64, uint8_t, double, e64) \
  LOOP_##arity(name##_f32, uint8_t, float, e32)
#define MAKE_COMPARE(name, arity, e64, e32, ei)   \
  MAKE_TEST(name, arity, e64, e32, ei)            \
  LOOP_##arity(name##_i64, uint8_t, sl_int, ei)   \
  LOOP_##arity(name##_u8, uint8_t, uint8_t, ei)
#define MAKE_LOGIC(name, arity, e64, e32, ei) \
  LOOP_##arity(name##_u8, uint8_t, uint8_t, e64)
#define MAKE_SELECT(name, arity, e64, e32, ei)  \
  LOOP_##arity(name##_f64, double, double, e64) \
  LOOP_##arity(name##_f32, float, float, e64)   \
  LOOP_##arity(name##_i64, sl_int, sl_int, e64) \
  LOOP_##arity(name##_u8, uint8_t, uint8_t, e64)

#define SL_LANE(name, arity, kind, e64, e32, ei) \
  MAKE_##kind(name, arity, e64, e32, ei)
#include "kern/lanes.def"
#undef SL_LANE

/* ---- the table, columns in the order of sl_dtype ------------------------- */

#define COLUMNS_FLOAT(name) {NULL, NULL, name##_f32, name##_f64}
#define COLUMNS_FAR(name) COLUMNS_FLOAT(name)
#define COLUMNS_ROWS(name) COLUMNS_FLOAT(name)
#define COLUMNS_ARITH(name) {NULL, name##_i64, name##_f32, name##_f64}
#define COLUMNS_TEST(name) COLUMNS_FLOAT(name)
#define COLUMNS_COMPARE(name) {name##_u8, name##_i64, name##_f32, name##_f64}
#define COLUMNS_LOGIC(name) {name##_u8, NULL, NULL, NULL}
#define COLUMNS_SELECT(name) COLUMNS_COMPARE(name)

#define GIVES_FLOAT false
#define GIVES_FAR false
#define GIVES_ROWS false
#define GIVES_ARITH false
#define GIVES_TEST true
#define GIVES_COMPARE true
#define GIVES_LOGIC true
#define GIVES_SELECT false

#define SLOW_FLOAT true
#define SLOW_FAR true
#define SLOW_ROWS true
#define SLOW_ARITH false
#define SLOW_TEST false
#define SLOW_COMPARE false
#define SLOW_LOGIC false
#define SLOW_SELECT false

static const struct {
  const char *name;
  int arity;
  bool mask; /* writes u8 */
  bool slow;
  sl_lane_fn *fn[SL_NDTYPE];
} lanes[] = {
#define SL_LANE(name, arity, kind, ...) \
  {#name, arity, GIVES_##kind, SLOW_##kind, COLUMNS_##kind(name)},
#include "kern/lanes.def"
#undef SL_LANE
};

sl_lane_fn *sl_lane_get(sl_lane lane, sl_dtype d) { return lanes[lane].fn[d]; }

const char *sl_lane_name(sl_lane lane) { return lanes[lane].name; }

int sl_lane_arity(sl_lane lane) { return lanes[lane].arity; }

sl_dtype sl_lane_result(sl_lane lane, sl_dtype d) {
  return lanes[lane].mask ? SL_U8 : d;
}

bool sl_lane_slow(sl_lane lane) {
  return lanes[lane].slow && lane != SL_LANE_div && lane != SL_LANE_sqrt;
}
