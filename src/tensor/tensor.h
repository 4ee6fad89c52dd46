/* tensor.h: borrowed descriptors of dense strided arrays and the operations on
** them. Nobody here owns memory: Lua does. A descriptor lives on the C stack
** or in a userdata; a view is a descriptor into another's storage.
** Sees base and kern.  MIT licence. */
#ifndef SL_TENSOR_H
#define SL_TENSOR_H

#include "base/base.h"
#include "kern/kern.h"

#define SL_MAXDIM 12
/* In a loop of very few rounds: keeps the compiler from making it vectors. */
#define SL_NOVECTOR __asm__ volatile("")

/* Shape and dtype: all that shape rules and tracing know of a value. */
typedef struct sl_type {
  sl_dtype dtype;
  int ndim; /* 0 .. SL_MAXDIM */
  sl_int shape[SL_MAXDIM];
} sl_type;

/* Copies the used part: 12 axes are many bytes. (One axis at a time: few are
** used, too few for the vector loop a compiler would make.) */
static inline void sl_type_copy(sl_type *to, const sl_type *from) {
  to->dtype = from->dtype;
  to->ndim = from->ndim;
  for (int a = 0; a < from->ndim; a++) {
    to->shape[a] = from->shape[a];
    SL_NOVECTOR;
  }
}

typedef struct sl_tensor {
  sl_type type;
  sl_int stride[SL_MAXDIM]; /* in elements; 0 on a broadcast axis */
  void *data;               /* address of element (0, ..., 0) */
} sl_tensor;

/* ---- types (type.c) ---------------------------------------------------- */
/* Axes are 0-based in C. Every `axis` argument has been normalised. */
sl_int sl_numel(const sl_type *t);                 /* 1 for 0-d */
sl_status sl_type_make(sl_type *t, sl_dtype d, int ndim, const sl_int *shape,
                       sl_err *err);               /* checks sizes, product */
bool sl_type_eq(const sl_type *a, const sl_type *b);
bool sl_shape_eq(const sl_type *a, const sl_type *b);
/* "[3 x 4] f64", "[] f64" for 0-d; truncates to size n; returns buf. */
char *sl_type_text(char *buf, size_t n, const sl_type *t);
/* numpy's broadcasting rule; out's dtype is untouched. `what` names the
** operation in the message, which shows both shapes. */
sl_status sl_broadcast(const char *what, const sl_type *a, const sl_type *b,
                       sl_type *out, sl_err *err);

/* ---- views (view.c): fill *out, share storage -------------------------- */
void sl_tensor_init(sl_tensor *t, const sl_type *type, void *data); /* contiguous */
bool sl_is_contiguous(const sl_tensor *t);
/* One stride that walks all of t in row-major order: 1, or 0 for a value
** broadcast everywhere, or the only axis's; false when there is none. */
bool sl_flat_step(const sl_tensor *t, sl_int *step);
/* true when two elements may share an address (stride 0 with extent > 1) */
bool sl_is_broadcast(const sl_tensor *t);
/* false when the shape cannot be had without a copy (out untouched). Shapes
** must have equal element counts. */
bool sl_view_reshape(sl_tensor *out, const sl_tensor *in, const sl_type *type);
void sl_view_permute(sl_tensor *out, const sl_tensor *in, const int *perm);
void sl_view_slice(sl_tensor *out, const sl_tensor *in, int axis, sl_int start,
                   sl_int step, sl_int len); /* step may be negative */
void sl_view_index(sl_tensor *out, const sl_tensor *in, int axis, sl_int i);
/* in's axes align right; its extents equal out's or are 1 */
void sl_view_broadcast(sl_tensor *out, const sl_tensor *in, const sl_type *type);
/* may the two touch the same bytes? conservative */
bool sl_overlap(const sl_tensor *a, const sl_tensor *b);

/* Long loops are cut into chunks of this many elements, which threads share;
** up to SL_SERIAL elements one thread does all. The trees of sums are cut the
** same way, so that the bits follow from the shape. */
enum { SL_CHUNK = 16384, SL_SERIAL = 32768 };

/* ---- loops over elements ------------------------------------------------ */
/* out and in[] have one shape (broadcast views allowed among in). Aliasing:
** out may equal an input exactly; any other overlap is the caller's to avoid.
** Large loops run on OpenMP over chunks fixed by shape. (map.c) */
sl_status sl_map(sl_lane lane, sl_tensor *out, int nin,
                 const sl_tensor *const *in, sl_err *err);
/* out = in^p, same dtype (i64, f32, f64) and shape; out may be in. (map.c)
** errors: SL_ESHAPE, SL_EDTYPE; SL_EDOM i64 with p < 0; SL_EINTR. */
sl_status sl_powi(sl_tensor *out, const sl_tensor *in, sl_int p, sl_err *err);
/* out = in with conversion; f -> integer truncates, NaN and out of range are
** SL_EDOM; any overlap is allowed (through a scratch copy). (copy.c) */
sl_status sl_copy(sl_tensor *out, const sl_tensor *in, sl_err *err);
/* Elements [first, first + n) of t in row-major order to out, packed. */
void sl_read_row(const sl_tensor *t, sl_int first, sl_int n, void *out);
void sl_fill(sl_tensor *out, double value, sl_int ivalue); /* ivalue for i64
                                                           ** and u8 */

typedef enum sl_reduction { SL_RSUM, SL_RMAX, SL_RMIN } sl_reduction;
/* Reduces the axes whose bit is set in `axes`; out has them dropped. Sums are
** pairwise (f32 accumulates in f64), with a tree fixed by shape. Sum of
** nothing is 0; max/min of nothing is SL_EARG. NaN propagates. Sums of u8 are
** i64. (reduce.c) */
sl_status sl_reduce(sl_reduction r, sl_tensor *out, const sl_tensor *in,
                    uint32_t axes, sl_err *err);
/* out i64: 0-based position of the first largest (smallest) along an axis. */
sl_status sl_argext(bool max, sl_tensor *out, const sl_tensor *in, int axis,
                    sl_err *err);
sl_status sl_cumsum(sl_tensor *out, const sl_tensor *in, int axis, sl_err *err);
/* Along `axis`, which out keeps (softmax) or drops (logsumexp). Shifted by the
** maximum; all -inf gives -inf (logsumexp) and NaN (softmax). */
sl_status sl_softmax(sl_tensor *out, const sl_tensor *in, int axis, sl_err *err);
sl_status sl_logsumexp(sl_tensor *out, const sl_tensor *in, int axis,
                       sl_err *err);

/* out [.., m, n] = op(a) [.., m, k] op(b) [.., k, n]; ta/tb transpose the last
** two axes; batch axes equal (stride 0 allowed). f64 and f32 by BLAS, i64 by
** a plain loop. Any strides (packs when BLAS cannot take them). Bits depend on
** shapes alone, never on the thread count. k = 0 gives zeros. (matmul.c) */
sl_status sl_matmul(sl_tensor *out, const sl_tensor *a, const sl_tensor *b,
                    bool ta, bool tb, sl_err *err);

/* The same for two axes, with sl_kern_gemm_then's call for each tile. */
sl_status sl_matmul_then(sl_tensor *out, const sl_tensor *a,
                         const sl_tensor *b, bool ta, bool tb,
                         sl_tile_fn *then, void *ctx, bool *called,
                         sl_err *err);

/* idx: i64, 0-based, any shape, checked: out[.., idx.., ..] along axis
** (numpy's take); scatter adds upd into out (zeroed first) at idx, in order. */
sl_status sl_gather(sl_tensor *out, const sl_tensor *x, const sl_tensor *idx,
                    int axis, sl_err *err);
sl_status sl_scatter(sl_tensor *out, const sl_tensor *upd, const sl_tensor *idx,
                     int axis, sl_err *err);

/* One element, by row-major position p in [0, numel). */
double sl_get(const sl_tensor *t, sl_int p);
sl_int sl_geti(const sl_tensor *t, sl_int p); /* integer dtypes: exact */
void sl_set(sl_tensor *t, sl_int p, double v, sl_int iv);

/* ---- printing (print.c) ------------------------------------------------- */
/* Header "[3 x 4] f64", then the values; formats only what it shows (at most
** `edge` items at each end of an axis once numel exceeds `threshold`; width
** columns). Writes at most n bytes, returns the length it needs (snprintf). */
typedef struct sl_print {
  sl_int threshold, edge;
  int digits, width;
} sl_print;
extern const sl_print sl_print_default; /* 1000, 3, 5, 80 */
sl_int sl_tensor_text(char *buf, sl_int n, const sl_tensor *t,
                      const sl_print *how);

/* ---- linear systems (solve.c) -------------------------------------------- */
/* x = a^-1 b, or a^-T b when trans. a [.., n, n], b and x [.., n, k]; batch
** axes equal (stride 0 allowed in a and b); f64 or f32, one dtype. x may be b.
** errors: SL_ESHAPE, SL_EDTYPE; SL_EDOM entries not finite; SL_ESINGULAR when
** rcond < eps (the message gives it); SL_EINTR.  cost: 2/3 n^3 + 2 n^2 k each.
** source: LAPACK getrf, gecon, getrs. */
sl_status sl_solve(sl_tensor *x, const sl_tensor *a, const sl_tensor *b,
                   bool trans, sl_err *err);

#endif
