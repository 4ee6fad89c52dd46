/* process.c: child processes. The one idea: nobody blocks on one stream: a
** turn of sl_process_exchange polls all three at once, in short slices between
** which the interrupt flag is read, so any conversation can have a deadline.
** Standard input is a socket because send() takes MSG_NOSIGNAL and a pipe does
** not: SIGPIPE belongs to the host program.  MIT licence. */
#define _GNU_SOURCE
#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

/* Longest wait between two looks at the interrupt flag, in milliseconds. */
enum { SLICE = 50 };

static void close_fd(int *fd) {
  if (*fd >= 0) {
    close(*fd);
  }
  *fd = -1;
}

static void nap(double seconds) {
  struct timespec t = {.tv_sec = (time_t)seconds};
  t.tv_nsec = (long)((seconds - (double)t.tv_sec) * 1e9);
  nanosleep(&t, NULL);
}

/* ---- starting ------------------------------------------------------------ */

/* Moves fd above the standard streams: a host that runs with some of them
** closed would otherwise see the child's dup2 calls overwrite each other. */
static bool lift(int *fd) {
  if (*fd > STDERR_FILENO) {
    return true;
  }
  int high = fcntl(*fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  close_fd(fd);
  *fd = high;
  return high >= 0;
}

/* ends[0..2] are ours, ends[3..5] the child's: input, output, errors. */
static bool open_streams(int ends[6]) {
  int in[2], out[2], err[2];
  for (int i = 0; i < 6; i++) {
    ends[i] = -1;
  }
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in) == 0) {
    ends[0] = in[0];
    ends[3] = in[1];
  }
  if (ends[0] >= 0 && pipe2(out, O_CLOEXEC) == 0) {
    ends[1] = out[0];
    ends[4] = out[1];
  }
  if (ends[1] >= 0 && pipe2(err, O_CLOEXEC) == 0) {
    ends[2] = err[0];
    ends[5] = err[1];
  }
  bool ok = ends[2] >= 0;
  for (int i = 0; ok && i < 6; i++) {
    ok = lift(&ends[i]);
  }
  for (int i = 1; ok && i < 3; i++) {
    ok = fcntl(ends[i], F_SETFL, O_NONBLOCK) == 0;
  }
  return ok;
}

static void close_streams(int ends[6], int from, int to) {
  for (int i = from; i < to; i++) {
    close_fd(&ends[i]);
  }
}

static bool overridden(const char *entry, const char *const *env) {
  size_t name = strcspn(entry, "=") + 1;
  for (int i = 0; env != NULL && env[i] != NULL; i++) {
    if (strncmp(entry, env[i], name) == 0) {
      return true;
    }
  }
  return false;
}

/* The inherited environment with env over it: one block of pointers. */
static const char **merge_env(const char *const *env) {
  sl_int n = 1;
  for (sl_int i = 0; environ != NULL && environ[i] != NULL; i++) {
    n++;
  }
  for (sl_int i = 0; env != NULL && env[i] != NULL; i++) {
    n++;
  }
  const char **all = sl_malloc(n * (sl_int)sizeof *all);
  if (all == NULL) {
    return NULL;
  }
  sl_int k = 0;
  for (sl_int i = 0; environ != NULL && environ[i] != NULL; i++) {
    if (!overridden(environ[i], env)) {
      all[k++] = environ[i];
    }
  }
  for (sl_int i = 0; env != NULL && env[i] != NULL; i++) {
    all[k++] = env[i];
  }
  all[k] = NULL;
  return all;
}

/* Own process group; every signal at its default and none blocked, whatever
** the host has chosen for itself. */
static int set_attributes(posix_spawnattr_t *attr) {
  sigset_t all, none;
  sigfillset(&all);
  sigemptyset(&none);
  int bad = posix_spawnattr_setflags(
      attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF |
                POSIX_SPAWN_SETSIGMASK);
  bad = bad ? bad : posix_spawnattr_setpgroup(attr, 0);
  bad = bad ? bad : posix_spawnattr_setsigdefault(attr, &all);
  return bad ? bad : posix_spawnattr_setsigmask(attr, &none);
}

/* posix_spawnp takes char *const *, and promises to leave the strings alone. */
static char *const *spawn_list(const char *const *list) {
  union {
    const char *const *from;
    char *const *to;
  } u = {.from = list};
  return u.to;
}

static int spawn(int *pid, const char *const *argv, const char *const *env,
                 const int child[3]) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attr;
  int bad = posix_spawn_file_actions_init(&actions);
  if (bad) {
    return bad;
  }
  bad = posix_spawnattr_init(&attr);
  if (bad) {
    posix_spawn_file_actions_destroy(&actions);
    return bad;
  }
  for (int i = 0; !bad && i < 3; i++) {
    bad = posix_spawn_file_actions_adddup2(&actions, child[i], i);
  }
  bad = bad ? bad : set_attributes(&attr);
  pid_t got = 0;
  bad = bad ? bad
            : posix_spawnp(&got, argv[0], &actions, &attr, spawn_list(argv),
                           spawn_list(env));
  *pid = bad ? 0 : (int)got;
  posix_spawnattr_destroy(&attr);
  posix_spawn_file_actions_destroy(&actions);
  return bad;
}

sl_status sl_process_start(sl_process *p, const char *const *argv,
                           const char *const *env, bool *missing,
                           sl_err *err) {
  int ends[6];
  *p = SL_PROCESS_CLOSED;
  if (missing != NULL) {
    *missing = false;
  }
  if (!open_streams(ends)) {
    int why = errno;
    close_streams(ends, 0, 6);
    return sl_fail(err, SL_EIO, "%s: no pipe to it: %s", argv[0],
                   strerror(why));
  }
  const char **all = merge_env(env);
  int pid = 0;
  int why = all == NULL ? ENOMEM : spawn(&pid, argv, all, ends + 3);
  sl_free(all);
  close_streams(ends, 3, 6);
  if (why != 0) {
    close_streams(ends, 0, 3);
    if (missing != NULL) {
      *missing = why == ENOENT;
    }
    return sl_fail(err, SL_EIO, "%s: cannot be started: %s", argv[0],
                   strerror(why));
  }
  *p = (sl_process){pid, ends[0], ends[1], ends[2]};
  return SL_OK;
}

/* ---- talking ------------------------------------------------------------- */

/* Reads what is there; closes the stream at its end. */
static sl_int read_some(int *fd, char *buf, sl_int cap) {
  ssize_t got = read(*fd, buf, (size_t)cap);
  if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
    close_fd(fd);
  }
  return got > 0 ? (sl_int)got : 0;
}

/* Sends what fits; a child that has gone closes the stream. */
static sl_int send_some(int *fd, const char *data, sl_int n) {
  ssize_t got = send(*fd, data, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (got < 0 && errno != EAGAIN && errno != EINTR) {
    close_fd(fd);
  }
  return got > 0 ? (sl_int)got : 0;
}

static bool turn(sl_process *p, sl_exchange *x, int wait_ms) {
  bool sending = p->in >= 0 && x->n > 0;
  struct pollfd f[3] = {{.fd = sending ? p->in : -1, .events = POLLOUT},
                        {.fd = p->out, .events = POLLIN},
                        {.fd = p->err, .events = POLLIN}};
  if (poll(f, 3, wait_ms) <= 0) {
    return false;
  }
  if (f[0].revents != 0) {
    x->sent = send_some(&p->in, x->data, x->n);
  }
  if (f[1].revents != 0) {
    x->nout = read_some(&p->out, x->out, x->cap);
  }
  if (f[2].revents != 0) {
    x->nerr = read_some(&p->err, x->err, x->cap);
  }
  return x->sent + x->nout + x->nerr > 0;
}

sl_status sl_process_exchange(sl_process *p, sl_exchange *x, double seconds,
                              sl_err *err) {
  x->sent = x->nout = x->nerr = 0;
  x->ended = false;
  if (p->pid == 0) {
    return sl_fail(err, SL_EIO, "process: it is closed");
  }
  double end = sl_clock() + seconds;
  for (;;) {
    SL_TRY(sl_poll(err, "process"));
    double left = (end - sl_clock()) * 1e3;
    int wait_ms = left <= 0 ? 0 : left < SLICE ? (int)ceil(left) : SLICE;
    bool moved = turn(p, x, wait_ms);
    x->ended = p->out < 0 && p->err < 0;
    if (moved || x->ended || left <= 0) {
      return SL_OK;
    }
  }
}

/* ---- ending -------------------------------------------------------------- */

/* Reaps the child if it has ended (or if someone else has reaped it). */
static bool reap(int pid, int *status, int flags) {
  pid_t got;
  do {
    got = waitpid(pid, status, flags);
  } while (got < 0 && errno == EINTR);
  return got != 0;
}

int sl_process_close(sl_process *p, double grace) {
  if (p->pid == 0) {
    return 0;
  }
  int pid = p->pid;
  int status = 0;
  close_fd(&p->in);
  close_fd(&p->out);
  close_fd(&p->err);
  p->pid = 0;
  double end = sl_clock() + grace;
  double wait = 2e-4;
  bool gone = reap(pid, &status, WNOHANG);
  while (!gone && sl_clock() < end) {
    nap(wait);
    wait = wait < 0.02 ? wait * 1.5 : wait;
    gone = reap(pid, &status, WNOHANG);
  }
  if (!gone) {
    kill(-pid, SIGKILL);
    reap(pid, &status, 0);
  }
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}
