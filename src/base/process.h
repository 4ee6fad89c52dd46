/* process.h: child processes without a shell, and memory files to hand them
** data: what the two-way pipe to gnuplot stands on. Every descriptor is
** close-on-exec, no signal disposition of the host is changed, and whoever
** owns a struct closes it with one idempotent call.  MIT licence. */
#ifndef SL_PROCESS_H
#define SL_PROCESS_H

#include "base/base.h"

/* A child with its three standard streams. A closed one has pid 0 and every
** descriptor -1 (SL_PROCESS_CLOSED). */
typedef struct sl_process {
  int pid;
  int in;       /* we write its standard input: a socket, so that a write to a
                ** dead child is an error code and never SIGPIPE */
  int out, err; /* we read its standard output and standard error */
} sl_process;

#define SL_PROCESS_CLOSED ((sl_process){0, -1, -1, -1})

/* sl_process_start: runs argv[0], looked up in PATH, in a process group of its
** own, so that the terminal's Ctrl-C does not reach it. argv is
** NULL-terminated; env, NULL or a NULL-terminated list of "NAME=value", is put
** over the inherited environment.
** errors: SL_EIO, the message names argv[0]; *p is then closed, and *missing
** (missing may be NULL) tells a program that is not installed from others. */
sl_status sl_process_start(sl_process *p, const char *const *argv,
                           const char *const *env, bool *missing, sl_err *err);

/* One turn of the conversation. data[0..n) waits to be sent, out and err have
** room for cap bytes each. */
typedef struct sl_exchange {
  const char *data;
  sl_int n;
  char *out, *err;
  sl_int cap;
  sl_int sent, nout, nerr; /* filled: bytes moved in this turn */
  bool ended;              /* filled: the child has closed both its outputs */
} sl_exchange;

/* sl_process_exchange: waits until something can move, moves it, returns.
** After `seconds` without movement it returns with sent = nout = nerr = 0.
** Reading and writing share the turn, so neither side can block the other.
** errors: SL_EIO closed process; SL_EINTR the interrupt flag is set. */
sl_status sl_process_exchange(sl_process *p, sl_exchange *x, double seconds,
                              sl_err *err);

/* sl_process_close: closes the streams, waits `grace` seconds for the child to
** leave, kills its group when it has not, reaps it. Returns its exit code, or
** minus the signal that ended it; 0 when already closed. */
int sl_process_close(sl_process *p, double grace);

/* sl_memfile_open: an anonymous file in memory (an unlinked temporary one
** where the kernel has none). Other processes of the same user open it as
** /proc/<pid>/fd/<fd>. */
sl_status sl_memfile_open(int *fd, sl_err *err);
sl_status sl_memfile_append(int fd, const void *data, sl_int n, sl_err *err);
sl_status sl_memfile_size(int fd, sl_int *size, sl_err *err);
/* Reads exactly n bytes from offset `from`. */
sl_status sl_memfile_read(int fd, sl_int from, void *data, sl_int n,
                          sl_err *err);

/* sl_memfile_save: copies the file to path: a new file in the same directory
** first, then a rename, so that path is never half-written.
** errors: SL_EIO, the message names the path, or its directory if missing. */
sl_status sl_memfile_save(int fd, const char *path, sl_err *err);

#endif
