/* kern.h: loops over arrays: dtypes, element-wise lanes, reductions, copies,
** matrix products over CBLAS, Philox and its distributions.
** Pointers, sizes and strides only: no shapes, no ownership. Strides are in
** elements and may be 0 or negative. Element-wise kernels allow out == in.
** Sees base.  MIT licence. */
#ifndef SL_KERN_H
#define SL_KERN_H

#include "base/base.h"

/* In promotion order: the dtype of a mixed operation is the larger one, but
** i64 with f32 gives f64 (numpy's rule). u8 is for masks and image bytes. */
typedef enum sl_dtype { SL_U8, SL_I64, SL_F32, SL_F64, SL_NDTYPE } sl_dtype;

sl_int sl_dtype_size(sl_dtype d);          /* bytes of one element */
const char *sl_dtype_name(sl_dtype d);     /* "f64" */
bool sl_dtype_parse(const char *name, sl_dtype *d);
bool sl_dtype_isfloat(sl_dtype d);
sl_dtype sl_dtype_promote(sl_dtype a, sl_dtype b);

/* A lane kernel: out[k*so] = f(in[0][k*si[0]], ...) for k in [0, n). */
typedef void sl_lane_fn(sl_int n, void *out, sl_int so, const void *const *in,
                        const sl_int *si);

/* lanes.def rows are SL_LANE(name, arity, kind, f64, f32, i64 expression);
** see there for the kinds. */
typedef enum sl_lane {
#define SL_LANE(name, ...) SL_LANE_##name,
#include "kern/lanes.def"
#undef SL_LANE
  SL_NLANE
} sl_lane;

/* sl_lane_get: the kernel of a lane for operands of dtype d (for `where`, of
** the two values; its condition is u8; comparisons write u8), or NULL when the
** lane is not defined for d. */
sl_lane_fn *sl_lane_get(sl_lane lane, sl_dtype d);

/* The lane's name ("add"), its operand count, and the dtype it gives for
** operands of dtype d (u8 for comparisons, tests and logic). */
const char *sl_lane_name(sl_lane lane);
int sl_lane_arity(sl_lane lane);
sl_dtype sl_lane_result(sl_lane lane, sl_dtype d);

/* Whether an element takes nanoseconds (exp, tanh), not the half of one that
** arithmetic takes. */
bool sl_lane_slow(sl_lane lane);

/* Products and sums of f64 in one pass, of operands x, y, z: x + y z, x - y z,
** y z - x, rounded twice. Not rows of lanes.def: no operation, but what lane
** programs make of two. (product.c) */
sl_lane_fn sl_lane_add_product, sl_lane_sub_product, sl_lane_product_sub;
sl_lane_fn sl_lane_root_of_sum; /* sqrt(x + y z) */
/* The one for the sum or difference fn whose operand k, 0 or 1, is a product; x
** is the other operand. NULL when fn is neither, in f64. */
sl_lane_fn *sl_lane_of_product(sl_lane_fn *fn, int k);
/* Of the operands y, z, u, v, c, d: y (c z) +- u (d v); of x and those:
** (x +- y (c z)) +- u (d v). c and d are one number for all lanes. */
sl_lane_fn sl_lane_sum_of_products, sl_lane_difference_of_products,
    sl_lane_add_add, sl_lane_add_sub, sl_lane_sub_add, sl_lane_sub_sub;
/* out[k] = the element of a table, in[1] with s[1] from one to the next, whose
** number from 0 is in[0][k]; NaN where there are not so many as the number in[2].
** (gather.c) */
sl_lane_fn sl_lane_gather;
/* The one that does the work of `inner` (mul, add_product, sub_product) and of
** `outer` (add_product, sub_product), whose x it makes; NULL: there is none. */
sl_lane_fn *sl_lane_of_two_products(sl_lane_fn *inner, sl_lane_fn *outer);


/* out[k*so] = x[k*sx]^p, d one of i64 (p >= 0), f32, f64; out may be x.
** Relative error about |p| ulps up to |p| = 32, then pow's. (powi.c) */
void sl_kern_powi(sl_dtype d, sl_int n, void *out, sl_int so, const void *x,
                  sl_int sx, sl_int p);

/* ---- copies (convert.c) -------------------------------------------------- */
/* out[k*so] = in[k*si], converted; floats truncate. Where an integer dtype
** narrows, every value must fit: ask sl_kern_fits first. */
void sl_kern_convert(sl_int n, void *out, sl_dtype dout, sl_int so,
                     const void *in, sl_dtype din, sl_int si);
bool sl_kern_fits(sl_int n, const void *in, sl_dtype din, sl_int si,
                  sl_dtype dout); /* NaN fits no integer */
/* floats take v, integers iv (u8 its low byte) */
void sl_kern_fill(sl_dtype d, sl_int n, void *out, sl_int so, double v,
                  sl_int iv);

/* ---- reductions (reduce.c) ----------------------------------------------- */
typedef enum sl_fold { SL_FOLD_SUM, SL_FOLD_MAX, SL_FOLD_MIN } sl_fold;
#define SL_FOLD_LEAF 128 /* elements of a leaf of the tree */
#define SL_FOLD_WIDTH 64 /* columns reduced side by side */

typedef struct sl_folder {
  sl_dtype acc, out; /* of accumulators and of the result */
  /* acc[k] = fold over r < n of x[k*sk + (off ? off[r] : r*step)], k < nk;
  ** n <= SL_FOLD_LEAF, nk <= SL_FOLD_WIDTH. The bits of acc[k] depend on the
  ** values alone, never on nk or the layout. */
  void (*leaf)(void *acc, sl_int nk, const void *x, sl_int sk, sl_int n,
               const sl_int *off, sl_int step);
  void (*join)(sl_int nk, void *acc, const void *other); /* acc (+)= other */
  void (*store)(sl_int nk, void *out, sl_int so, const void *acc);
} sl_folder;

/* NULL where the dtype has no such fold. */
const sl_folder *sl_folder_get(sl_fold kind, sl_dtype d);

/* Accumulators of SL_FOLD_WIDTH columns, of whichever dtype. */
typedef union sl_columns {
  double f64[SL_FOLD_WIDTH];
  float f32[SL_FOLD_WIDTH];
  sl_int i64[SL_FOLD_WIDTH];
  uint8_t u8[SL_FOLD_WIDTH];
} sl_columns;

/* The tree above the leaves: more than SL_FOLD_LEAF elements are cut after so
** many, in multiples of a leaf's accumulators. */
static inline sl_int sl_fold_half(sl_int n) { return n / 2 - n / 2 % 8; }
/* acc[k] = the tree over r < n of x[k*sk + r*step], k < nk <= SL_FOLD_WIDTH;
** size: bytes of an element of x. */
void sl_fold_halves(const sl_folder *f, sl_columns *acc, sl_int nk,
                    const char *x, sl_int sk, sl_int n, sl_int step,
                    sl_int size);
static inline void sl_fold_tree(const sl_folder *f, sl_columns *acc, sl_int nk,
                                const void *x, sl_int sk, sl_int n,
                                sl_int step, sl_int size) {
  if (n <= SL_FOLD_LEAF) {
    f->leaf(acc, nk, x, sk, n, NULL, step);
  } else {
    sl_fold_halves(f, acc, nk, x, sk, n, step, size);
  }
}

/* Position of the first largest (smallest) of n >= 1 values; the first NaN
** beats all. */
sl_int sl_kern_argext(sl_dtype d, bool max, sl_int n, const void *x, sl_int s);
/* Running sums; f32 accumulates in f64, u8 gives i64, integers wrap. */
void sl_kern_cumsum(sl_dtype d, sl_int n, void *out, sl_int so, const void *x,
                    sl_int s);
/* One row along which softmax, log sum exp are taken; d is f32 or f64.
** Softmax: out may be x. logsumexp: out is one element. (softmax.c) */
void sl_kern_softmax(sl_dtype d, sl_int n, void *out, sl_int so, const void *x,
                     sl_int s);
/* The same for `rows` rows of n elements that lie one after the other. */
void sl_kern_softmax_rows(sl_dtype d, sl_int rows, sl_int n, void *out,
                          const void *x);
void sl_kern_logsumexp(sl_dtype d, sl_int n, void *out, const void *x,
                       sl_int s);

/* ---- gather (gather.c) --------------------------------------------------- */
/* out[k*so] = x[k*sx + idx[k*si]*axis]; size is of one element, in bytes. */
void sl_kern_gather(sl_int size, sl_int n, void *out, sl_int so, const void *x,
                    sl_int sx, const sl_int *idx, sl_int si, sl_int axis);
/* out[k*so + idx[k*si]*axis] += u[k*su], in the order of k; integers wrap. */
void sl_kern_scatter(sl_dtype d, sl_int n, void *out, sl_int so, const void *u,
                     sl_int su, const sl_int *idx, sl_int si, sl_int axis);

/* ---- matrix product (gemm.c) --------------------------------------------- */
typedef struct sl_matrix {
  void *data;
  sl_int rs, cs; /* distance of rows, of columns; any sign, 0 allowed */
} sl_matrix;

/* c [m x n] = a [m x k] b [k x n], d one of i64, f32, f64; c overlaps nothing.
** Split into tiles by m, n, k alone: OpenMP runs over them when `parallel`, and
** the bits are the same when not. k = 0 gives zeros.
** errors: SL_ENOMEM (scratch), SL_EINTR. */
sl_status sl_kern_gemm(sl_dtype d, sl_int m, sl_int n, sl_int k,
                       const sl_matrix *c, const sl_matrix *a,
                       const sl_matrix *b, bool parallel, sl_err *err);
/* The same, and then(ctx, i, m, j, n) for each tile of c when it is done, rows
** i .. i + m and columns j .. j + n, by the thread that made it: what is done
** with a tile finds it in the cache. *called is false, and nothing was called,
** when the product was not made in tiles. */
typedef void sl_tile_fn(void *ctx, sl_int i, sl_int m, sl_int j, sl_int n);
sl_status sl_kern_gemm_then(sl_dtype d, sl_int m, sl_int n, sl_int k,
                            const sl_matrix *c, const sl_matrix *a,
                            const sl_matrix *b, bool parallel,
                            sl_tile_fn *then, void *ctx, bool *called,
                            sl_err *err);
/* Would sl_kern_gemm use more than one tile? */
bool sl_kern_gemm_tiles(sl_int m, sl_int n, sl_int k);

#endif
