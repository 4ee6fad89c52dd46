/* protocol.h: how the driver talks to the C side of the benchmark. Lines on
** standard input, one answer line each:
**   prepare NAME   -> ready CHECK NOTE | none REASON
**   sample         -> took SECONDS     (for one unit of the workload)
** A workload has a function that runs it once, the units in one run, and a
** check: one number of its result that all sides must agree on, a NaN where the
** run is a bound and has no result.  MIT licence. */
#ifndef BENCH_PROTOCOL_H
#define BENCH_PROTOCOL_H

typedef struct workload {
  const char *name;
  int (*setup)(const char *dir); /* nonzero: cannot be run here */
  void (*run)(void);
  double (*check)(void);
  double units; /* one run is so many units: the time is divided by it */
  const char *note;
} workload;

/* bench_serve: answers until the end of standard input. */
int bench_serve(const char *greeting, const char *dir, const workload *list,
                int count);

/* bench_load: the numbers of DIR/NAME.npy (one of our own files: version 1,
** row-major); exits with a message when it cannot be read. */
void *bench_load(const char *dir, const char *name);

/* bench_alloc: 64-byte aligned, zeroed; exits when there is no memory. */
void *bench_alloc(double bytes);

/* bench_clock: monotonic seconds. */
double bench_clock(void);

#endif
