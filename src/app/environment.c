/* environment.c: settings of the libraries under us that can only be given
** before they are loaded, that is before main. They are put into the
** environment and the program starts once more (a millisecond). What the user
** has set stays.  MIT licence. */
#include <stdlib.h>
#include <unistd.h>

#include "app/app.h"

/* OpenMP's idle threads spin for milliseconds by default: on a busy machine
** each short parallel loop then costs a time slice (5 ms instead of 0.2 for a
** subtraction of 2 MB, measured with load 5 on two cores). OpenBLAS would make
** threads that we never use. */
static const struct {
  const char *name, *value, *unless;
} settings[] = {
    {"GOMP_SPINCOUNT", "2000", "OMP_WAIT_POLICY"},
    {"OPENBLAS_NUM_THREADS", "1", "OPENBLAS_NUM_THREADS"},
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
