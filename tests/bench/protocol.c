/* protocol.c: the C side of the benchmark's conversation; see protocol.h. A
** sample repeats the run until it takes SAMPLE seconds, after one run that is
** not counted.  MIT licence. */
#define _GNU_SOURCE
#include "protocol.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SAMPLE 0.05 /* seconds a sample should take */
#define LONG 0.5    /* a run this long needs no warm-up in each sample */

double bench_clock(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void *bench_alloc(double bytes) {
  size_t size = ((size_t)bytes / 64 + 1) * 64;
  void *p = aligned_alloc(64, size);
  if (p == NULL) {
    fprintf(stderr, "no memory for %zu bytes\n", size);
    exit(1);
  }
  return memset(p, 0, size);
}

static void unreadable(const char *path) {
  fprintf(stderr, "cannot read %s\n", path);
  exit(1);
}

void *bench_load(const char *dir, const char *name) {
  char path[512];
  unsigned char head[10];
  snprintf(path, sizeof path, "%s/%s.npy", dir, name);
  FILE *f = fopen(path, "rb");
  if (f == NULL || fread(head, 1, sizeof head, f) != sizeof head ||
      head[6] != 1) {
    unreadable(path);
  }
  long from = 10 + head[8] + 256 * head[9];
  fseek(f, 0, SEEK_END);
  long size = ftell(f) - from;
  fseek(f, from, SEEK_SET);
  void *data = bench_alloc((double)size);
  if (fread(data, 1, (size_t)size, f) != (size_t)size) {
    unreadable(path);
  }
  fclose(f);
  return data;
}

static const workload *find(const workload *list, int count,
                            const char *name) {
  for (int i = 0; i < count; i++) {
    if (strcmp(list[i].name, name) == 0) {
      return &list[i];
    }
  }
  return NULL;
}

static double timed(const workload *w, int64_t runs) {
  double t = bench_clock();
  for (int64_t i = 0; i < runs; i++) {
    w->run();
  }
  return bench_clock() - t;
}

/* Runs in a sample: doubled until they take SAMPLE seconds. */
static int64_t calibrate(const workload *w) {
  int64_t runs = 1;
  while (timed(w, runs) < SAMPLE && runs < (int64_t)1 << 40) {
    runs *= 2;
  }
  return runs;
}

static void prepare(const workload *w, const char *dir, int64_t *runs) {
  if (w == NULL || w->setup(dir) != 0) {
    printf("none no such limit\n");
    return;
  }
  w->run();
  double check = w->check == NULL ? nan("") : w->check();
  *runs = calibrate(w);
  printf("ready %.17g %s\n", check, w->note);
}

static void sample(const workload *w, int64_t runs) {
  double warm = timed(w, 1);
  double took = warm > LONG ? warm : timed(w, runs) / (double)runs;
  printf("took %.9g\n", took / w->units);
}

int bench_serve(const char *greeting, const char *dir, const workload *list,
                int count) {
  char line[256];
  const workload *now = NULL;
  int64_t runs = 1;
  printf("hello %s\n", greeting);
  fflush(stdout);
  while (fgets(line, sizeof line, stdin) != NULL) {
    line[strcspn(line, "\n")] = '\0';
    if (strncmp(line, "prepare ", 8) == 0) {
      now = find(list, count, line + 8);
      prepare(now, dir, &runs);
    } else if (strcmp(line, "sample") == 0 && now != NULL) {
      sample(now, runs);
    } else {
      printf("none unknown request\n");
    }
    fflush(stdout);
  }
  return 0;
}
