/* kernels.c: the rates of OpenBLAS's matrix products, one line a case, for
** kernels.lua to compare under different OPENBLAS_CORETYPE. One-threaded calls:
** Saddle's threads each make such calls. `kernels core` prints only the name of
** the kernels in use.  MIT licence. */
#define _GNU_SOURCE
#include <cblas.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "protocol.h"

enum { REPEATS = 5 };
#define SAMPLE 0.01 /* seconds */
#define GROUP 1e7   /* operations between two looks at the clock */

typedef struct shape {
  const char *name;
  int m, n, k;
} shape;

/* Squares, and the shapes of the network 100-50-10 and of its Hessian. */
static const shape shapes[] = {
    {"2048", 2048, 2048, 2048},   {"512", 512, 512, 512},
    {"128", 128, 128, 128},       {"32", 32, 32, 32},
    {"64x50x100", 64, 50, 100},   {"250x50x100", 250, 50, 100},
    {"50x100x250", 50, 100, 250}, {"101x101x500", 101, 101, 500},
};

static const struct {
  const char *name;
  CBLAS_TRANSPOSE a, b;
} forms[] = {{"NN", CblasNoTrans, CblasNoTrans},
             {"NT", CblasNoTrans, CblasTrans},
             {"TN", CblasTrans, CblasNoTrans}};

static void *a, *b, *c;

static void multiply(const shape *s, int form, int single) {
  CBLAS_TRANSPOSE ta = forms[form].a, tb = forms[form].b;
  int lda = ta == CblasNoTrans ? s->k : s->m;
  int ldb = tb == CblasNoTrans ? s->n : s->k;
  if (single) {
    cblas_sgemm(CblasRowMajor, ta, tb, s->m, s->n, s->k, 1.0f, a, lda, b, ldb,
                0.0f, c, s->n);
  } else {
    cblas_dgemm(CblasRowMajor, ta, tb, s->m, s->n, s->k, 1.0, a, lda, b, ldb,
                0.0, c, s->n);
  }
}

/* The processor's time of this thread: waiting for a core does not count. */
static double busy(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The best of the repeats: the kernels are compared, not the machine's load. */
static double rate(const shape *s, int form, int single) {
  double flops = 2.0 * s->m * s->n * s->k, best = 0;
  int group = flops < GROUP ? (int)(GROUP / flops) : 1;
  multiply(s, form, single);
  for (int r = 0; r < REPEATS; r++) {
    double start = busy(), took = 0;
    long calls = 0;
    while (took < SAMPLE) {
      for (int i = 0; i < group; i++) {
        multiply(s, form, single);
      }
      took = busy() - start;
      calls += group;
    }
    double now = flops * (double)calls / took;
    best = now > best ? now : best;
  }
  return best;
}

int main(int argc, char **argv) {
  openblas_set_num_threads(1);
  if (argc > 1 && strcmp(argv[1], "core") == 0) {
    printf("%s\n", openblas_get_corename());
    return 0;
  }
  a = bench_alloc(8.0 * 2048 * 2048);
  b = bench_alloc(8.0 * 2048 * 2048);
  c = bench_alloc(8.0 * 2048 * 2048);
  for (int single = 0; single < 2; single++) {
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
      for (int form = 0; form < 3; form++) {
        printf("%s %s %s %.2f\n", single ? "sgemm" : "dgemm", shapes[i].name,
               forms[form].name, 1e-9 * rate(&shapes[i], form, single));
        fflush(stdout);
      }
    }
  }
  return 0;
}
