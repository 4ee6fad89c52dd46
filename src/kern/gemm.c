/* gemm.c: matrix products over CBLAS. OpenBLAS runs on one thread; our own
** tiles, cut by m, n, k alone, run over OpenMP, so the bits do not depend on
** the number of threads. A long inner dimension with a small result is cut
** along k and the pieces added in order. Operands BLAS cannot take as they lie
** (strides that are neither rows nor columns, zero or negative) are packed
** first. Tiny and integer products are plain loops. MIT licence. */
#include "kern/kern.h"

#include <cblas.h>
#include <stdatomic.h>

typedef struct gemm {
  sl_dtype dtype;
  sl_int m, n, k;
  sl_matrix c, a, b;
  sl_int tm, tn, tk; /* tile sizes */
  sl_tile_fn *then;  /* called for each tile, or NULL */
  void *ctx;
  bool *called;
} gemm;

#define TINY 27          /* m n k up to here: plain loops beat the call */
#define WHOLE (1 << 20)  /* m n k up to here: one tile, one thread */
#define LEAST (1 << 19)  /* m n k of a tile of a larger one */
#define SIDE 512         /* no tile is longer */
#define SMALL_RESULT (128 * 128) /* m n up to here may be cut along k */
#define MAX_SLABS 16
#define INT_LIMIT 2147483647 /* BLAS counts in int */

/* ---- tiles: functions of m, n, k ----------------------------------------- */

static sl_int at_least_one(sl_int n) { return n > 0 ? n : 1; }
static sl_int ceil_div(sl_int a, sl_int b) { return (a + b - 1) / b; }
static sl_int smaller(sl_int a, sl_int b) { return a < b ? a : b; }
static sl_int round_up(sl_int n, sl_int unit) {
  return ceil_div(n, unit) * unit;
}

/* m n k as a double: it is compared, never indexed with. */
static double work(sl_int m, sl_int n, sl_int k) {
  return (double)m * (double)n * (double)k;
}

/* Rows and columns of the grid of tiles. */
typedef struct grid {
  sl_int rows, cols;
} grid;

/* A tile copies its operands before it multiplies: the lines copied beyond
** those of the whole product, for each line of the result. */
static double repeated(const gemm *g, grid c) {
  return (double)(c.rows - 1) / (double)g->m +
         (double)(c.cols - 1) / (double)g->n;
}

/* The grid of at least that many tiles that repeats least. */
static grid best_grid(const gemm *g, sl_int tiles) {
  grid best = {0, 0};
  sl_int last = smaller(tiles, g->n);
  for (sl_int cols = 1; cols <= last; cols++) {
    grid c = {ceil_div(tiles, cols), cols};
    if (c.rows <= g->m &&
        (best.rows == 0 || repeated(g, c) < repeated(g, best))) {
      best = c;
    }
  }
  return best.rows > 0 ? best : (grid){g->m, g->n};
}

/* 16 tiles down to 2: as many as cost no more than a tenth in copying. */
static grid choose_grid(const gemm *g) {
  grid c = {ceil_div(g->m, SIDE), ceil_div(g->n, SIDE)};
  double most = work(g->m, g->n, g->k) / LEAST;
  if ((double)(c.rows * c.cols) > most) {
    return best_grid(g, (sl_int)most);
  }
  for (sl_int tiles = 16; c.rows * c.cols < tiles; tiles /= 2) {
    grid finer = best_grid(g, tiles);
    if (tiles == 2 || ((double)tiles <= most && repeated(g, finer) <= 0.008)) {
      return finer;
    }
  }
  return c;
}

static void choose_tiles(gemm *g) {
  g->tm = at_least_one(g->m);
  g->tn = at_least_one(g->n);
  g->tk = at_least_one(g->k);
  if (work(g->m, g->n, g->k) <= WHOLE) {
    return;
  }
  if (g->m * g->n <= SMALL_RESULT && g->k >= 4096) {
    g->tk = round_up(ceil_div(g->k, MAX_SLABS), 256);
    g->tk = g->tk < 1024 ? 1024 : g->tk;
    return;
  }
  grid c = choose_grid(g);
  g->tm = smaller(g->m, round_up(ceil_div(g->m, c.rows), 8));
  g->tn = smaller(g->n, round_up(ceil_div(g->n, c.cols), 8));
}

bool sl_kern_gemm_tiles(sl_int m, sl_int n, sl_int k) {
  gemm g = {.m = m, .n = n, .k = k};
  choose_tiles(&g);
  return g.tm < m || g.tn < n || g.tk < k;
}

/* ---- plain loops --------------------------------------------------------- */

/* k >= 1. A sum begins with its first product, not with 0: that keeps -0. */
#define PLAIN(T, name)                                                       \
  static void plain_##name(const gemm *g) {                                  \
    const T *a = g->a.data, *b = g->b.data;                                  \
    T *c = g->c.data;                                                        \
    for (sl_int i = 0; i < g->m; i++) {                                      \
      for (sl_int j = 0; j < g->n; j++) {                                    \
        T s = a[i * g->a.rs] * b[j * g->b.cs];                               \
        for (sl_int l = 1; l < g->k; l++) {                                  \
          s += a[i * g->a.rs + l * g->a.cs] * b[l * g->b.rs + j * g->b.cs];  \
        }                                                                    \
        c[i * g->c.rs + j * g->c.cs] = s;                                    \
      }                                                                      \
    }                                                                        \
  }
PLAIN(uint64_t, i64)
PLAIN(float, f32)
PLAIN(double, f64)

static void plain(const gemm *g) {
  if (g->dtype == SL_F64) {
    plain_f64(g);
  } else if (g->dtype == SL_F32) {
    plain_f32(g);
  } else {
    plain_i64(g);
  }
}

/* ---- what BLAS takes ----------------------------------------------------- */

/* Rows along memory: unit column stride and a leading dimension BLAS accepts. A
** single row or column has no stride of its own. */
static bool row_major(const sl_matrix *x, sl_int rows, sl_int cols) {
  return (x->cs == 1 || cols <= 1) &&
         (rows <= 1 || (x->rs >= at_least_one(cols) && x->rs <= INT_LIMIT));
}

static sl_matrix turned(const sl_matrix *x) {
  return (sl_matrix){x->data, x->cs, x->rs};
}

static bool col_major(const sl_matrix *x, sl_int rows, sl_int cols) {
  sl_matrix t = turned(x);
  return row_major(&t, cols, rows);
}

static int leading(const sl_matrix *x, sl_int rows, sl_int cols) {
  return (int)(rows <= 1 ? at_least_one(cols) : x->rs);
}

/* Element (i, j) as an address. */
static void *at(const gemm *g, const sl_matrix *x, sl_int i, sl_int j) {
  return (char *)x->data +
         (i * x->rs + j * x->cs) * sl_dtype_size(g->dtype);
}

static void copy_matrix(sl_dtype d, sl_int rows, sl_int cols,
                        const sl_matrix *to, const sl_matrix *from) {
  sl_int size = sl_dtype_size(d);
  for (sl_int i = 0; i < rows; i++) {
    sl_kern_convert(cols, (char *)to->data + i * to->rs * size, d, to->cs,
                    (const char *)from->data + i * from->rs * size, d,
                    from->cs);
  }
}

/* ---- one tile ------------------------------------------------------------ */

/* Vectors: y = x op(matrix), a stride of y and x must be positive for BLAS. */
static void call_gemv(const gemm *g, const sl_matrix *mat, sl_int rows,
                      sl_int cols, const sl_matrix *x, sl_int xs,
                      const sl_matrix *y, sl_int ys) {
  bool straight = row_major(mat, rows, cols);
  sl_matrix t = turned(mat);
  const sl_matrix *lies = straight ? mat : &t;
  int r = (int)(straight ? rows : cols), c = (int)(straight ? cols : rows);
  CBLAS_TRANSPOSE op = straight ? CblasNoTrans : CblasTrans;
  int ld = leading(lies, r, c);
  if (g->dtype == SL_F64) {
    cblas_dgemv(CblasRowMajor, op, r, c, 1.0, lies->data, ld, x->data, (int)xs,
                0.0, y->data, (int)ys);
  } else {
    cblas_sgemv(CblasRowMajor, op, r, c, 1.0f, lies->data, ld, x->data,
                (int)xs, 0.0f, y->data, (int)ys);
  }
}

static void call_gemm(const gemm *g) {
  bool ar = row_major(&g->a, g->m, g->k), br = row_major(&g->b, g->k, g->n);
  sl_matrix at_ = turned(&g->a), bt = turned(&g->b);
  int lda = ar ? leading(&g->a, g->m, g->k) : leading(&at_, g->k, g->m);
  int ldb = br ? leading(&g->b, g->k, g->n) : leading(&bt, g->n, g->k);
  CBLAS_TRANSPOSE ta = ar ? CblasNoTrans : CblasTrans;
  CBLAS_TRANSPOSE tb = br ? CblasNoTrans : CblasTrans;
  int m = (int)g->m, n = (int)g->n, k = (int)g->k;
  int ldc = leading(&g->c, g->m, g->n);
  if (g->dtype == SL_F64) {
    cblas_dgemm(CblasRowMajor, ta, tb, m, n, k, 1.0, g->a.data, lda, g->b.data,
                ldb, 0.0, g->c.data, ldc);
  } else {
    cblas_sgemm(CblasRowMajor, ta, tb, m, n, k, 1.0f, g->a.data, lda,
                g->b.data, ldb, 0.0f, g->c.data, ldc);
  }
}

static bool blas_stride(sl_int s, sl_int n) {
  return n <= 1 || (s > 0 && s <= INT_LIMIT);
}

static sl_int stride_of(sl_int s, sl_int n) { return n <= 1 ? 1 : s; }

static void tile(const gemm *g) {
  if (g->dtype == SL_I64 || work(g->m, g->n, g->k) <= TINY) {
    plain(g);
  } else if (g->n == 1 && blas_stride(g->b.rs, g->k) &&
             blas_stride(g->c.rs, g->m)) {
    call_gemv(g, &g->a, g->m, g->k, &g->b, stride_of(g->b.rs, g->k), &g->c,
              stride_of(g->c.rs, g->m));
  } else if (g->m == 1 && blas_stride(g->a.cs, g->k) &&
             blas_stride(g->c.cs, g->n)) {
    sl_matrix bt = turned(&g->b);
    call_gemv(g, &bt, g->n, g->k, &g->a, stride_of(g->a.cs, g->k), &g->c,
              stride_of(g->c.cs, g->n));
  } else {
    call_gemm(g);
  }
}

/* ---- all tiles ----------------------------------------------------------- */

static gemm sub(const gemm *g, sl_int i, sl_int j, sl_int l) {
  gemm s = *g;
  s.c.data = at(g, &g->c, i, j);
  s.a.data = at(g, &g->a, i, l);
  s.b.data = at(g, &g->b, l, j);
  s.m = smaller(g->m - i, g->tm);
  s.n = smaller(g->n - j, g->tn);
  s.k = smaller(g->k - l, g->tk);
  return s;
}

static sl_status run_tiles(const gemm *g, bool parallel, sl_err *err) {
  sl_int rows = ceil_div(g->m, g->tm), cols = ceil_div(g->n, g->tn);
  sl_int tasks = rows * cols;
  if (tasks == 1) {
    tile(g);
    return SL_OK;
  }
  int threads = parallel ? sl_threads() : 1;
  if (g->then != NULL) {
    *g->called = true;
  }
#pragma omp parallel for num_threads(threads) schedule(dynamic) \
    if (threads > 1)
  for (sl_int t = 0; t < tasks; t++) {
    if (!sl_interrupted()) {
      sl_int i = t / cols * g->tm, j = t % cols * g->tn;
      gemm s = sub(g, i, j, 0);
      tile(&s);
      if (g->then != NULL) {
        g->then(g->ctx, i, s.m, j, s.n);
      }
    }
  }
  return sl_poll(err, "matmul");
}

#define ADD_SLABS(T)                                                        \
  static void add_slabs_##T(const gemm *g, const T *part, sl_int slabs) {   \
    sl_int size = g->m * g->n;                                              \
    T *c = g->c.data;                                                       \
    for (sl_int i = 0; i < g->m; i++) {                                     \
      for (sl_int j = 0; j < g->n; j++) {                                   \
        T s = part[i * g->n + j];                                           \
        for (sl_int l = 1; l < slabs; l++) {                                \
          s += part[l * size + i * g->n + j];                               \
        }                                                                   \
        c[i * g->c.rs + j * g->c.cs] = s;                                   \
      }                                                                     \
    }                                                                       \
  }
ADD_SLABS(double)
ADD_SLABS(float)

/* Cut along k: every slab has a result of its own, added in order. */
static sl_status run_slabs(const gemm *g, bool parallel, sl_err *err) {
  sl_int slabs = ceil_div(g->k, g->tk), size = g->m * g->n;
  sl_int bytes = slabs * size * sl_dtype_size(g->dtype);
  char *part = sl_temp_take(bytes);
  if (part == NULL) {
    return sl_fail(err, SL_ENOMEM, "matmul: no memory for %lld bytes",
                   (long long)bytes);
  }
  int threads = parallel ? sl_threads() : 1;
#pragma omp parallel for num_threads(threads) schedule(dynamic) \
    if (threads > 1)
  for (sl_int l = 0; l < slabs; l++) {
    if (!sl_interrupted()) {
      gemm s = sub(g, 0, 0, l * g->tk);
      s.c = (sl_matrix){part + l * size * sl_dtype_size(g->dtype), g->n, 1};
      tile(&s);
    }
  }
  if (g->dtype == SL_F64) {
    add_slabs_double(g, (const double *)(const void *)part, slabs);
  } else {
    add_slabs_float(g, (const float *)(const void *)part, slabs);
  }
  sl_temp_give(part);
  return sl_poll(err, "matmul");
}

/* ---- packing ------------------------------------------------------------- */

/* x, or a packed copy of it whose block the caller frees. */
static sl_status packed(sl_dtype d, const sl_matrix *x, sl_int rows,
                        sl_int cols, bool needed, sl_matrix *out, void **block,
                        sl_err *err) {
  *out = *x;
  *block = NULL;
  if (!needed) {
    return SL_OK;
  }
  sl_int bytes = rows * cols * sl_dtype_size(d);
  *block = sl_temp_take(bytes);
  if (*block == NULL) {
    return sl_fail(err, SL_ENOMEM, "matmul: no memory for %lld bytes",
                   (long long)bytes);
  }
  *out = (sl_matrix){*block, at_least_one(cols), 1};
  return SL_OK;
}

static bool needs_packing(const sl_matrix *x, sl_int rows, sl_int cols) {
  return !row_major(x, rows, cols) && !col_major(x, rows, cols);
}

static sl_status multiply(const gemm *g, bool parallel, sl_err *err) {
  return g->tk < g->k ? run_slabs(g, parallel, err)
                      : run_tiles(g, parallel, err);
}

static sl_status multiply_packed(const gemm *g, bool parallel, sl_err *err) {
  gemm p = *g;
  void *block[3] = {NULL, NULL, NULL};
  bool pa = needs_packing(&g->a, g->m, g->k);
  bool pb = needs_packing(&g->b, g->k, g->n);
  bool pc = !row_major(&g->c, g->m, g->n);
  p.then = pc ? NULL : p.then; /* the tiles are of a copy */
  sl_status s = packed(g->dtype, &g->a, g->m, g->k, pa, &p.a, &block[0], err);
  if (s == SL_OK) {
    s = packed(g->dtype, &g->b, g->k, g->n, pb, &p.b, &block[1], err);
  }
  if (s == SL_OK) {
    s = packed(g->dtype, &g->c, g->m, g->n, pc, &p.c, &block[2], err);
  }
  if (s == SL_OK && pa) {
    copy_matrix(g->dtype, g->m, g->k, &p.a, &g->a);
  }
  if (s == SL_OK && pb) {
    copy_matrix(g->dtype, g->k, g->n, &p.b, &g->b);
  }
  if (s == SL_OK) {
    s = multiply(&p, parallel, err);
  }
  if (s == SL_OK && pc) {
    copy_matrix(g->dtype, g->m, g->n, &g->c, &p.c);
  }
  for (int i = 0; i < 3; i++) {
    sl_temp_give(block[i]);
  }
  return s;
}

/* ---- entry --------------------------------------------------------------- */

static void fill_zero(const gemm *g) {
  for (sl_int i = 0; i < g->m; i++) {
    sl_kern_fill(g->dtype, g->n, at(g, &g->c, i, 0), g->c.cs, 0.0, 0);
  }
}

/* The transposed problem: c' = b' a'. */
static gemm transposed(const gemm *g) {
  return (gemm){.dtype = g->dtype, .m = g->n, .n = g->m, .k = g->k,
                .c = turned(&g->c), .a = turned(&g->b), .b = turned(&g->a),
                .tm = g->tn, .tn = g->tm, .tk = g->tk};
}

/* Setting it twice does no harm; reading the flag costs nothing. */
static void one_blas_thread(void) {
  static atomic_bool done;
  if (!atomic_load_explicit(&done, memory_order_acquire)) {
    openblas_set_num_threads(1);
    atomic_store_explicit(&done, true, memory_order_release);
  }
}

sl_status sl_kern_gemm(sl_dtype d, sl_int m, sl_int n, sl_int k,
                       const sl_matrix *c, const sl_matrix *a,
                       const sl_matrix *b, bool parallel, sl_err *err) {
  bool called;
  return sl_kern_gemm_then(d, m, n, k, c, a, b, parallel, NULL, NULL, &called,
                           err);
}

sl_status sl_kern_gemm_then(sl_dtype d, sl_int m, sl_int n, sl_int k,
                            const sl_matrix *c, const sl_matrix *a,
                            const sl_matrix *b, bool parallel,
                            sl_tile_fn *then, void *ctx, bool *called,
                            sl_err *err) {
  gemm g = {.dtype = d, .m = m, .n = n, .k = k, .c = *c, .a = *a, .b = *b,
            .then = then, .ctx = ctx, .called = called};
  *called = false;
  if (m == 0 || n == 0) {
    return SL_OK;
  }
  if (k == 0) {
    fill_zero(&g);
    return SL_OK;
  }
  if (work(m, n, k) <= TINY) {
    plain(&g);
    return SL_OK;
  }
  if (m > INT_LIMIT || n > INT_LIMIT || k > INT_LIMIT) {
    return sl_fail(err, SL_ESHAPE,
                   "matmul: a side exceeds 2^31 - 1: m, n, k = %lld, %lld, "
                   "%lld",
                   (long long)m, (long long)n, (long long)k);
  }
  choose_tiles(&g);
  if (d == SL_I64) {
    g.tk = k;
    return run_tiles(&g, parallel, err);
  }
  one_blas_thread();
  if (!row_major(&g.c, m, n) && col_major(&g.c, m, n)) {
    g = transposed(&g);
  }
  return multiply_packed(&g, parallel, err);
}
