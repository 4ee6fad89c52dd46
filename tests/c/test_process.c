/* test_process.c: children start without a shell, talk, hang, die and leave
** nothing behind; memory files are seen by children and saved atomically.
** MIT licence. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/process.h"

static int count_fds(void) {
  DIR *dir = opendir("/proc/self/fd");
  int n = 0;
  while (readdir(dir) != NULL) {
    n++;
  }
  closedir(dir);
  return n;
}

/* Sends text, then reads until the child ends or nothing moves for a second.
** Returns the bytes read from its standard output. */
static sl_int converse(sl_process *p, const char *text, sl_int n, char *out,
                       sl_int cap) {
  static char errors[256];
  sl_int total = 0;
  for (;;) {
    sl_exchange x = {text, n, out + total, errors, 0, 0, 0, 0, false};
    x.cap = cap - total < 256 ? cap - total : 256;
    cr_assert_eq(sl_process_exchange(p, &x, 1.0, NULL), SL_OK);
    text += x.sent;
    n -= x.sent;
    total += x.nout;
    if (x.ended || x.sent + x.nout + x.nerr == 0 || total == cap) {
      return total;
    }
    if (n == 0 && p->in >= 0) {
      close(p->in);
      p->in = -1;
    }
  }
}

Test(process, arguments_are_not_read_by_a_shell) {
  const char *argv[] = {"printf", "%s", "$(echo x); `id` | > 'a b'", NULL};
  sl_process p;
  char out[256] = {0};
  cr_assert_eq(sl_process_start(&p, argv, NULL, NULL, NULL), SL_OK);
  sl_int n = converse(&p, NULL, 0, out, 255);
  cr_assert_eq(n, (sl_int)strlen(argv[2]));
  cr_assert_str_eq(out, argv[2]);
  cr_assert_eq(sl_process_close(&p, 5.0), 0);
  cr_assert_eq(p.pid, 0);
  cr_assert_eq(sl_process_close(&p, 5.0), 0, "closing twice is allowed");
}

/* A megabyte through `cat`: both pipes fill, so a side that only wrote or only
** read would wait for ever. */
Test(process, long_text_goes_both_ways, .timeout = 30) {
  enum { N = 1 << 20 };
  const char *argv[] = {"cat", NULL};
  char *text = malloc(N), *back = malloc(N);
  for (int i = 0; i < N; i++) {
    text[i] = (char)('a' + i % 23);
  }
  sl_process p;
  cr_assert_eq(sl_process_start(&p, argv, NULL, NULL, NULL), SL_OK);
  cr_assert_eq(converse(&p, text, N, back, N), N);
  cr_assert_eq(memcmp(text, back, N), 0);
  cr_assert_eq(sl_process_close(&p, 5.0), 0);
  free(text);
  free(back);
}

Test(process, missing_program_is_told_apart) {
  const char *none[] = {"saddle-no-such-program", NULL};
  const char *denied[] = {"/", NULL};
  sl_process p;
  sl_err err;
  bool missing = false;
  int before = count_fds();
  cr_assert_eq(sl_process_start(&p, none, NULL, &missing, &err), SL_EIO);
  cr_assert(missing);
  cr_assert_not_null(strstr(err.msg, none[0]));
  cr_assert_eq(sl_process_start(&p, denied, NULL, &missing, &err), SL_EIO);
  cr_assert(!missing);
  cr_assert_eq(p.pid, 0);
  cr_assert_eq(count_fds(), before);
}

Test(process, environment_is_overlaid) {
  const char *argv[] = {"printenv", "SL_TEST_A", "SL_TEST_B", NULL};
  const char *env[] = {"SL_TEST_B=new", NULL};
  setenv("SL_TEST_A", "kept", 1);
  setenv("SL_TEST_B", "old", 1);
  sl_process p;
  char out[64] = {0};
  cr_assert_eq(sl_process_start(&p, argv, env, NULL, NULL), SL_OK);
  converse(&p, NULL, 0, out, 63);
  cr_assert_str_eq(out, "kept\nnew\n");
  cr_assert_eq(sl_process_close(&p, 5.0), 0);
}

Test(process, hung_child_is_killed_and_reaped, .timeout = 20) {
  const char *argv[] = {"sleep", "60", NULL};
  sl_process p;
  char out[8], errors[8];
  sl_exchange x = {NULL, 0, out, errors, 8, 0, 0, 0, false};
  cr_assert_eq(sl_process_start(&p, argv, NULL, NULL, NULL), SL_OK);
  double start = sl_clock();
  cr_assert_eq(sl_process_exchange(&p, &x, 0.2, NULL), SL_OK);
  cr_assert_geq(sl_clock() - start, 0.19);
  cr_assert_eq(x.sent + x.nout + x.nerr, 0);
  cr_assert(!x.ended);
  cr_assert_eq(sl_process_close(&p, 0.1), -SIGKILL);
  cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1, "a zombie is left");
  cr_assert_eq(errno, ECHILD);
}

/* Writing to a child that has gone must be noticed and not kill the host. */
Test(process, dead_child_raises_no_signal, .timeout = 20) {
  const char *argv[] = {"true", NULL};
  sl_process p;
  char out[8], errors[8];
  static char text[1 << 20];
  signal(SIGPIPE, SIG_DFL);
  cr_assert_eq(sl_process_start(&p, argv, NULL, NULL, NULL), SL_OK);
  sl_exchange x = {text, sizeof text, out, errors, 8, 0, 0, 0, false};
  double end = sl_clock() + 10;
  while (!x.ended && sl_clock() < end) {
    cr_assert_eq(sl_process_exchange(&p, &x, 1.0, NULL), SL_OK);
  }
  cr_assert(x.ended);
  for (int i = 0; i < 3; i++) {
    cr_assert_eq(sl_process_exchange(&p, &x, 0.1, NULL), SL_OK);
  }
  cr_assert_eq(sl_process_close(&p, 5.0), 0);
}

Test(process, interrupt_stops_the_wait, .timeout = 20) {
  const char *argv[] = {"sleep", "60", NULL};
  sl_process p;
  char out[8], errors[8];
  sl_exchange x = {NULL, 0, out, errors, 8, 0, 0, 0, false};
  sl_err err;
  cr_assert_eq(sl_process_start(&p, argv, NULL, NULL, NULL), SL_OK);
  sl_interrupt_set();
  cr_assert_eq(sl_process_exchange(&p, &x, 30, &err), SL_EINTR);
  sl_interrupt_clear();
  cr_assert_eq(sl_process_close(&p, 0), -SIGKILL);
}

Test(process, descriptors_do_not_leak, .timeout = 60) {
  const char *argv[] = {"true", NULL};
  int before = count_fds();
  for (int i = 0; i < 300; i++) {
    sl_process p;
    cr_assert_eq(sl_process_start(&p, argv, NULL, NULL, NULL), SL_OK);
    cr_assert_eq(sl_process_close(&p, 5.0), 0);
  }
  cr_assert_eq(count_fds(), before);
}

/* The child sees 0, 1, 2 and what `ls` opens itself: nothing of ours. */
Test(process, children_inherit_only_their_streams) {
  const char *argv[] = {"ls", "/proc/self/fd", NULL};
  sl_process p;
  int file;
  char out[256] = {0};
  cr_assert_eq(sl_memfile_open(&file, NULL), SL_OK);
  cr_assert_eq(sl_process_start(&p, argv, NULL, NULL, NULL), SL_OK);
  converse(&p, NULL, 0, out, 255);
  char name[16];
  snprintf(name, sizeof name, "\n%d\n", p.out);
  cr_assert_null(strstr(out, name));
  snprintf(name, sizeof name, "\n%d\n", p.in);
  cr_assert_null(strstr(out, name));
  sl_process_close(&p, 5.0);
  close(file);
}

Test(memfile, child_reads_it_by_name) {
  char path[64], out[64] = {0};
  const char *argv[] = {"cat", path, NULL};
  int fd;
  sl_process p;
  cr_assert_eq(sl_memfile_open(&fd, NULL), SL_OK);
  cr_assert_eq(sl_memfile_append(fd, "two ", 4, NULL), SL_OK);
  cr_assert_eq(sl_memfile_append(fd, "parts", 5, NULL), SL_OK);
  snprintf(path, sizeof path, "/proc/%ld/fd/%d", (long)getpid(), fd);
  cr_assert_eq(sl_process_start(&p, argv, NULL, NULL, NULL), SL_OK);
  converse(&p, NULL, 0, out, 63);
  cr_assert_str_eq(out, "two parts");
  sl_process_close(&p, 5.0);
  char part[4] = {0};
  cr_assert_eq(sl_memfile_read(fd, 4, part, 3, NULL), SL_OK);
  cr_assert_str_eq(part, "par");
  cr_assert_eq(sl_memfile_read(fd, 8, part, 3, NULL), SL_EIO);
  close(fd);
}

Test(memfile, save_is_atomic_and_names_a_missing_directory) {
  char dir[] = "test_memfile_XXXXXX", path[96];
  int fd;
  sl_err err;
  struct stat st;
  cr_assert_not_null(mkdtemp(dir));
  cr_assert_eq(sl_memfile_open(&fd, NULL), SL_OK);
  cr_assert_eq(sl_memfile_append(fd, "abc", 3, NULL), SL_OK);
  snprintf(path, sizeof path, "%s/a 'b'\n`c`", dir);
  cr_assert_eq(sl_memfile_save(fd, path, &err), SL_OK);
  cr_assert_eq(stat(path, &st), 0);
  cr_assert_eq(st.st_size, 3);
  unlink(path);
  snprintf(path, sizeof path, "%s/none/x", dir);
  cr_assert_eq(sl_memfile_save(fd, path, &err), SL_EIO);
  cr_assert_not_null(strstr(err.msg, "none' does not exist"));
  cr_assert_eq(sl_memfile_save(fd, dir, &err), SL_EIO);
  cr_assert_eq(rmdir(dir), 0, "a temporary file was left behind");
  snprintf(path, sizeof path, "%s.", dir);
  close(fd);
}
