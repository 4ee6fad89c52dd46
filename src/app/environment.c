/* environment.c: settings of the libraries under us that can only be given
** before they are loaded, that is before main. They are put into the
** environment and the program starts once more (a millisecond). What the user
** has set stays.  MIT licence. */
#include <stdlib.h>
#include <unistd.h>

#include "app/app.h"

/* OpenMP's idle threads spin for milliseconds by default. On a busy machine
** each short parallel loop then costs a time slice; and a fresh thread that
** spins on the core of the one it waits for never sleeps, so the scheduler
** never moves it. 300 turns (6 microseconds) are measured best: docs/numerics.md
** has the figures, and why threads are not pinned. OpenBLAS would make threads
** that are rarely used, and after a LAPACK call they would burn 27
** milliseconds each: 2^20 ticks are half a one. */
static const struct {
  const char *name, *value, *unless;
} settings[] = {
    {"GOMP_SPINCOUNT", "300", "OMP_WAIT_POLICY"},
    {"OPENBLAS_NUM_THREADS", "1", "OPENBLAS_NUM_THREADS"},
    {"OPENBLAS_THREAD_TIMEOUT", "20", "OPENBLAS_THREAD_TIMEOUT"},
};

void app_settle_environment(char **argv) {
  bool changed = false;
  for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
    if (getenv(settings[i].name) == NULL &&
        getenv(settings[i].unless) == NULL) {
      changed |= setenv(settings[i].name, settings[i].value, 0) == 0;
    }
  }
  if (changed) {
    execv("/proc/self/exe", argv); /* returns only if that failed */
  }
}
