/* limit_net.c: gradient, Hessian-vector product and SGD step of a tanh network
** with one hidden layer and softmax cross-entropy, written by hand over CBLAS:
** what the machine allows. Samples run in slabs that stay in cache, slabs over
** threads, OpenBLAS on one thread. With `kept` the forward pass is made once,
** at setup. Layout of parameters: W1 [h x in], b1, W2 [c x h], b2.
** MIT licence. */
#include <cblas.h>
#include <math.h>
#include <omp.h>
#include <stdint.h>
#include <string.h>

#include "limits.h"

enum { IN = 100, HID = 50, OUT = 10, SLAB = 250, MAXTHREADS = 64 };
enum { P1 = HID * IN, P = P1 + HID + OUT * HID + OUT };

/* What one slab needs; rows are samples. a: tanh; p: probabilities; d2: the
** loss's derivative by the logits; g: d2 W2; r..: derivatives along v. */
typedef struct slab {
  double *a, *p, *d2, *g, *r1, *r2, *d1;
} slab;

static struct {
  const double *x, *w, *v;
  const int64_t *y;
  int n, threads;
  bool kept;
  double *own;   /* the SGD's parameters */
  double *parts; /* a result for each thread */
  double *out;
  slab all;
  slab part[MAXTHREADS];
  int batch, at;
} net;

static slab new_slab(int rows) {
  double h = 8.0 * rows * HID, c = 8.0 * rows * OUT;
  return (slab){.a = bench_alloc(h), .p = bench_alloc(c),
                .d2 = bench_alloc(c), .g = bench_alloc(h),
                .r1 = bench_alloc(h), .r2 = bench_alloc(c),
                .d1 = bench_alloc(h)};
}

/* exp by reduction to |r| <= ln2/2 and a polynomial of degree 11, written so
** that the compiler makes vectors of it; |x| <= 700. */
static inline double fast_exp(double x) {
  double k = x * 0x1.71547652b82fep+0 + 0x1.8p52;
  int64_t bits;
  memcpy(&bits, &k, 8);
  k -= 0x1.8p52;
  double r = (x - k * 0x1.62e42fefa0000p-1) - k * 0x1.cf79abc9e3b3ap-40;
  double s = 1.0 / 39916800;
  s = s * r + 1.0 / 3628800;
  s = s * r + 1.0 / 362880;
  s = s * r + 1.0 / 40320;
  s = s * r + 1.0 / 5040;
  s = s * r + 1.0 / 720;
  s = s * r + 1.0 / 120;
  s = s * r + 1.0 / 24;
  s = s * r + 1.0 / 6;
  s = s * r + 0.5;
  s = s * r + 1.0;
  s = s * r + 1.0;
  bits = (int64_t)((uint64_t)bits << 52) + 0x3ff0000000000000;
  double scale;
  memcpy(&scale, &bits, 8);
  return s * scale;
}

static void tanh_all(int n, double *z) {
  for (int i = 0; i < n; i++) {
    double t = z[i] > 20 ? 20 : z[i];
    t = t < -20 ? -20 : t;
    double e = fast_exp(2.0 * t);
    z[i] = (e - 1.0) / (e + 1.0);
  }
}

/* C [m x n] = op(A) op(B) + beta C, all row-major and dense. */
static void mul(CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, int m, int n, int k,
                const double *a, const double *b, double beta, double *c) {
  cblas_dgemm(CblasRowMajor, ta, tb, m, n, k, 1.0, a,
              ta == CblasNoTrans ? k : m, b, tb == CblasNoTrans ? n : k, beta,
              c, n);
}
#define NO CblasNoTrans
#define TR CblasTrans

static void set_rows(int rows, int cols, const double *b, double *z) {
  for (int i = 0; i < rows; i++) {
    memcpy(z + i * cols, b, sizeof(double) * (size_t)cols);
  }
}

static void add_rows(int rows, int cols, const double *d, double *sum) {
  for (int i = 0; i < rows; i++) {
    for (int j = 0; j < cols; j++) {
      sum[j] += d[i * cols + j];
    }
  }
}

static void softmax(int rows, const int64_t *y, double scale, double *p,
                    double *d2) {
  for (int i = 0; i < rows; i++) {
    double *z = p + i * OUT, most = z[0], sum = 0;
    for (int j = 1; j < OUT; j++) {
      most = z[j] > most ? z[j] : most;
    }
    for (int j = 0; j < OUT; j++) {
      z[j] = fast_exp(z[j] - most);
      sum += z[j];
    }
    double one = 1.0 / sum;
    for (int j = 0; j < OUT; j++) {
      z[j] *= one;
      d2[i * OUT + j] = z[j] * scale;
    }
    d2[i * OUT + y[i] - 1] -= scale;
  }
}

static void forward(const double *w, int rows, const double *x,
                    const int64_t *y, double scale, const slab *s) {
  const double *w2 = w + P1 + HID;
  set_rows(rows, HID, w + P1, s->a);
  mul(NO, TR, rows, HID, IN, x, w, 1.0, s->a);
  tanh_all(rows * HID, s->a);
  set_rows(rows, OUT, w2 + OUT * HID, s->p);
  mul(NO, TR, rows, OUT, HID, s->a, w2, 1.0, s->p);
  softmax(rows, y, scale, s->p, s->d2);
  mul(NO, NO, rows, HID, OUT, s->d2, w2, 0.0, s->g);
}

/* out += the slab's gradient. */
static void backward(int rows, const double *x, const slab *s, double *out) {
  double *o2 = out + P1 + HID;
  for (int i = 0; i < rows * HID; i++) {
    s->d1[i] = s->g[i] * (1.0 - s->a[i] * s->a[i]);
  }
  mul(TR, NO, HID, IN, rows, s->d1, x, 1.0, out);
  add_rows(rows, HID, s->d1, out + P1);
  mul(TR, NO, OUT, HID, rows, s->d2, s->a, 1.0, o2);
  add_rows(rows, OUT, s->d2, o2 + OUT * HID);
}

/* r2 (derivatives of the logits) becomes that of d2. */
static void softmax_along(int rows, double scale, const double *p,
                          double *r2) {
  for (int i = 0; i < rows; i++) {
    double dot = 0;
    for (int j = 0; j < OUT; j++) {
      dot += p[i * OUT + j] * r2[i * OUT + j];
    }
    for (int j = 0; j < OUT; j++) {
      r2[i * OUT + j] = scale * p[i * OUT + j] * (r2[i * OUT + j] - dot);
    }
  }
}

/* out += the slab's H v: the derivative of forward and backward along v. */
static void along(const double *w, const double *v, int rows, const double *x,
                  double scale, const slab *s, double *out) {
  const double *w2 = w + P1 + HID, *v2 = v + P1 + HID;
  double *o2 = out + P1 + HID;
  set_rows(rows, HID, v + P1, s->r1);
  mul(NO, TR, rows, HID, IN, x, v, 1.0, s->r1);
  for (int i = 0; i < rows * HID; i++) {
    double slope = 1.0 - s->a[i] * s->a[i];
    double ra = slope * s->r1[i];
    s->d1[i] = -2.0 * s->a[i] * ra * s->g[i];
    s->r1[i] = ra;
  }
  set_rows(rows, OUT, v2 + OUT * HID, s->r2);
  mul(NO, TR, rows, OUT, HID, s->r1, w2, 1.0, s->r2);
  mul(NO, TR, rows, OUT, HID, s->a, v2, 1.0, s->r2);
  softmax_along(rows, scale, s->p, s->r2);
  mul(TR, NO, OUT, HID, rows, s->r2, s->a, 1.0, o2);
  mul(TR, NO, OUT, HID, rows, s->d2, s->r1, 1.0, o2);
  add_rows(rows, OUT, s->r2, o2 + OUT * HID);
  double *rg = s->r1; /* no longer needed */
  mul(NO, NO, rows, HID, OUT, s->r2, w2, 0.0, rg);
  mul(NO, NO, rows, HID, OUT, s->d2, v2, 1.0, rg);
  for (int i = 0; i < rows * HID; i++) {
    s->d1[i] += rg[i] * (1.0 - s->a[i] * s->a[i]);
  }
  mul(TR, NO, HID, IN, rows, s->d1, x, 1.0, out);
  add_rows(rows, HID, s->d1, out + P1);
}

static slab rows_from(slab s, int first) {
  return (slab){s.a + first * HID,  s.p + first * OUT,  s.d2 + first * OUT,
                s.g + first * HID,  s.r1 + first * HID, s.r2 + first * OUT,
                s.d1 + first * HID};
}

/* One slab of the gradient (v NULL) or of H v into a thread's result. */
static void one_slab(int first, const double *v, slab s, double *out) {
  int rows = net.n - first < SLAB ? net.n - first : SLAB;
  const double *x = net.x + (size_t)first * IN;
  double scale = 1.0 / net.n;
  if (net.kept) {
    slab k = rows_from(net.all, first);
    s.a = k.a;
    s.p = k.p;
    s.d2 = k.d2;
    s.g = k.g;
  } else {
    forward(net.w, rows, x, net.y + first, scale, &s);
  }
  if (v == NULL) {
    backward(rows, x, &s, out);
  } else {
    along(net.w, v, rows, x, scale, &s, out);
  }
}

static void all_slabs(const double *v) {
  int slabs = (net.n + SLAB - 1) / SLAB;
#pragma omp parallel num_threads(net.threads)
  {
    int me = omp_get_thread_num();
    double *out = net.parts + (size_t)me * P;
    memset(out, 0, sizeof(double) * P);
#pragma omp for schedule(static)
    for (int i = 0; i < slabs; i++) {
      one_slab(i * SLAB, v, net.part[me], out);
    }
  }
  memcpy(net.out, net.parts, sizeof(double) * P);
  for (int t = 1; t < net.threads; t++) {
    cblas_daxpy(P, 1.0, net.parts + (size_t)t * P, 1, net.out, 1);
  }
}

static void load_once(const char *dir) {
  if (net.x != NULL) {
    return;
  }
  net.threads = omp_get_max_threads();
  net.threads = net.threads < MAXTHREADS ? net.threads : MAXTHREADS;
  net.n = 10000;
  net.x = bench_load(dir, "x");
  net.y = bench_load(dir, "y");
  net.w = bench_load(dir, "w");
  net.v = bench_load(dir, "v");
  net.parts = bench_alloc(8.0 * P * net.threads);
  net.out = bench_alloc(8.0 * P);
  net.own = bench_alloc(8.0 * P);
  for (int t = 0; t < net.threads; t++) {
    net.part[t] = new_slab(SLAB);
  }
}

int net_setup(const char *dir) {
  load_once(dir);
  net.kept = false;
  return 0;
}

int net_setup_kept(const char *dir) {
  load_once(dir);
  if (net.all.a == NULL) {
    net.all = new_slab(net.n);
    forward(net.w, net.n, net.x, net.y, 1.0 / net.n, &net.all);
  }
  net.kept = true;
  return 0;
}

void net_grad(void) { all_slabs(NULL); }
void net_hvp(void) { all_slabs(net.v); }
double net_check(void) { return cblas_dnrm2(P, net.out, 1); }

/* ---- stochastic gradient descent, one thread ------------------------------ */

static int sgd_setup(const char *dir, int batch) {
  load_once(dir);
  net.batch = batch;
  net.at = 0;
  memcpy(net.own, net.w, sizeof(double) * P);
  return 0;
}

int sgd_setup_64(const char *dir) { return sgd_setup(dir, 64); }
int sgd_setup_128(const char *dir) { return sgd_setup(dir, 128); }

/* SGD_STEPS steps along the data, batch after batch. */
void sgd_run(void) {
  for (int i = 0; i < SGD_STEPS; i++) {
    const double *x = net.x + (size_t)net.at * IN;
    memset(net.out, 0, sizeof(double) * P);
    forward(net.own, net.batch, x, net.y + net.at, 1.0 / net.batch,
            &net.part[0]);
    backward(net.batch, x, &net.part[0], net.out);
    cblas_daxpy(P, -SGD_RATE, net.out, 1, net.own, 1);
    net.at += net.batch;
    net.at = net.at + net.batch > net.n ? 0 : net.at;
  }
}

double sgd_check(void) { return cblas_dnrm2(P, net.own, 1); }
