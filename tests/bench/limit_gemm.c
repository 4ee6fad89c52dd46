/* limit_gemm.c: bounds made of matrix products alone, on one-threaded OpenBLAS
** spread over OpenMP threads: the rate of dgemm at 2048, and the products that
** a deep network's gradient and Hessian-vector product cannot do without, each
** in its own shape. Activations, biases and losses cost nothing here.
** MIT licence. */
#include <cblas.h>
#include <omp.h>

#include "limits.h"

/* ---- the rate of dgemm ---------------------------------------------------- */

enum { N = 2048, TILE = 256 };
static double *ga, *gb, *gc;

int gemm_setup(const char *dir) {
  (void)dir;
  if (ga == NULL) {
    ga = bench_alloc(8.0 * N * N);
    gb = bench_alloc(8.0 * N * N);
    gc = bench_alloc(8.0 * N * N);
    for (int i = 0; i < N * N; i++) {
      ga[i] = 1.0 / (1 + i % 7);
      gb[i] = 1.0 / (1 + i % 11);
    }
  }
  return 0;
}

void gemm_run(void) {
#pragma omp parallel for schedule(static)
  for (int i = 0; i < N; i += TILE) {
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, TILE, N, N, 1.0,
                ga + (long)i * N, N, gb, N, 0.0, gc + (long)i * N, N);
  }
}

/* ---- the products of a deep network, f32 ---------------------------------- */

enum { BATCH = 1000, LAYERS = 8 };
static const int sizes[LAYERS + 1] = {784, 1000, 500, 250, 30,
                                      250, 500,  1000, 784};
static float *w[LAYERS], *g[LAYERS], *a[LAYERS + 1], *d[LAYERS + 1];

static float *filled(double n) {
  float *p = bench_alloc(4.0 * n);
  for (long i = 0; i < (long)n; i++) {
    p[i] = 0.01f / (float)(1 + i % 13);
  }
  return p;
}

int deep_setup(const char *dir) {
  (void)dir;
  if (w[0] != NULL) {
    return 0;
  }
  for (int l = 0; l <= LAYERS; l++) {
    a[l] = filled((double)BATCH * sizes[l]);
    d[l] = filled((double)BATCH * sizes[l]);
    if (l < LAYERS) {
      w[l] = filled((double)sizes[l] * sizes[l + 1]);
      g[l] = filled((double)sizes[l] * sizes[l + 1]);
    }
  }
  return 0;
}

/* Thread t's part of `total`: [*from, *from + the value returned). */
static int share(int total, int *from) {
  int t = omp_get_thread_num(), n = omp_get_num_threads();
  int first = (int)((long)total * t / n), last = (int)((long)total * (t + 1) / n);
  *from = first;
  return last - first;
}

/* a[l+1] = a[l] w', rows over threads. */
static void ahead(int l) {
  int in = sizes[l], out = sizes[l + 1];
#pragma omp parallel
  {
    int from, rows = share(BATCH, &from);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, rows, out, in, 1.0f,
                a[l] + (long)from * in, in, w[l], in, 0.0f,
                a[l + 1] + (long)from * out, out);
  }
}

/* d[l] = d[l+1] w, rows over threads. */
static void back(int l) {
  int in = sizes[l], out = sizes[l + 1];
#pragma omp parallel
  {
    int from, rows = share(BATCH, &from);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows, in, out, 1.0f,
                d[l + 1] + (long)from * out, out, w[l], in, 0.0f,
                d[l] + (long)from * in, in);
  }
}

/* g[l] = d[l+1]' a[l], rows of the result over threads. */
static void weight(int l) {
  int in = sizes[l], out = sizes[l + 1];
#pragma omp parallel
  {
    int from, rows = share(out, &from);
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, rows, in, BATCH, 1.0f,
                d[l + 1] + from, out, a[l], in, 0.0f, g[l] + (long)from * in,
                in);
  }
}

static void times(void (*product)(int), int first, int count) {
  for (int k = 0; k < count; k++) {
    for (int l = first; l < LAYERS; l++) {
      product(l);
    }
  }
}

/* The first layer needs no derivative by its input. */
void deep_grad(void) {
  times(ahead, 0, 1);
  times(back, 1, 1);
  times(weight, 0, 1);
}

/* Along v a layer has two products where it had one; the data and what is
** before the first layer do not move, which saves one each there. */
void deep_kept(void) {
  times(ahead, 0, 1);
  times(ahead, 1, 1);
  times(back, 1, 2);
  times(weight, 0, 1);
  times(weight, 1, 1);
}

void deep_hvp(void) {
  times(ahead, 0, 1);
  times(back, 1, 1);
  deep_kept();
}
