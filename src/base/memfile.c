/* memfile.c: files in memory for handing data to a child and taking its result
** back without a name in any directory; saving one is atomic.  MIT licence. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/process.h"

/* Bytes copied at a time. */
enum { CHUNK = 1 << 16 };

sl_status sl_memfile_open(int *fd, sl_err *err) {
  *fd = memfd_create("saddle", MFD_CLOEXEC);
  if (*fd < 0) {
    const char *dir = getenv("TMPDIR");
    *fd = open(dir != NULL && dir[0] != '\0' ? dir : P_tmpdir,
               O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  }
  if (*fd < 0) {
    return sl_fail(err, SL_EIO, "memory file: %s", strerror(errno));
  }
  return SL_OK;
}

/* false with errno set when the disk or the memory is full. */
static bool write_all(int fd, const char *data, sl_int n) {
  while (n > 0) {
    size_t piece = n < (1 << 30) ? (size_t)n : (size_t)1 << 30;
    ssize_t got = write(fd, data, piece);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      return false;
    }
    data += got;
    n -= (sl_int)got;
  }
  return true;
}

sl_status sl_memfile_append(int fd, const void *data, sl_int n, sl_err *err) {
  if (lseek(fd, 0, SEEK_END) < 0 || !write_all(fd, data, n)) {
    return sl_fail(err, SL_EIO, "memory file: %s", strerror(errno));
  }
  return SL_OK;
}

sl_status sl_memfile_size(int fd, sl_int *size, sl_err *err) {
  struct stat st;
  if (fstat(fd, &st) != 0) {
    return sl_fail(err, SL_EIO, "memory file: %s", strerror(errno));
  }
  *size = (sl_int)st.st_size;
  return SL_OK;
}

sl_status sl_memfile_read(int fd, sl_int from, void *data, sl_int n,
                          sl_err *err) {
  char *to = data;
  while (n > 0) {
    ssize_t got = pread(fd, to, (size_t)n, (off_t)from);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      return sl_fail(err, SL_EIO, "memory file: %s",
                     got < 0 ? strerror(errno) : "it has become shorter");
    }
    to += got;
    from += (sl_int)got;
    n -= (sl_int)got;
  }
  return SL_OK;
}

static sl_status copy_to(int to, int from, const char *path, sl_err *err) {
  char buf[CHUNK];
  sl_int size, at = 0;
  SL_TRY(sl_memfile_size(from, &size, err));
  while (at < size) {
    sl_int n = size - at < CHUNK ? size - at : CHUNK;
    SL_TRY(sl_memfile_read(from, at, buf, n, err));
    if (!write_all(to, buf, n)) {
      return sl_fail(err, SL_EIO, "'%s' cannot be written: %s", path,
                     strerror(errno));
    }
    at += n;
  }
  return SL_OK;
}

/* Says which part of the path is at fault. */
static sl_status explain(const char *path, int why, sl_err *err) {
  const char *slash = strrchr(path, '/');
  if (why == ENOENT && slash != NULL) {
    return sl_fail(err, SL_EIO, "directory '%.*s' does not exist",
                   (int)(slash == path ? 1 : slash - path), path);
  }
  return sl_fail(err, SL_EIO, "'%s' cannot be written: %s", path,
                 strerror(why));
}

sl_status sl_memfile_save(int fd, const char *path, sl_err *err) {
  static atomic_uint counter;
  struct stat st;
  if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
    return sl_fail(err, SL_EIO, "'%s' cannot be written: it is %s", path,
                   S_ISDIR(st.st_mode) ? "a directory" : "a device");
  }
  sl_int room = (sl_int)strlen(path) + 48;
  char *temporary = sl_malloc(room);
  if (temporary == NULL) {
    return sl_fail(err, SL_ENOMEM, "'%s' cannot be written: no memory", path);
  }
  snprintf(temporary, (size_t)room, "%s.%ld-%u", path, (long)getpid(),
           atomic_fetch_add(&counter, 1));
  sl_status status = SL_OK;
  int to = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (to < 0) {
    status = explain(path, errno, err);
  } else {
    status = copy_to(to, fd, path, err);
    bool closed = close(to) == 0;
    if (status == SL_OK && (!closed || rename(temporary, path) != 0)) {
      status = explain(path, errno, err);
    }
    if (status != SL_OK) {
      unlink(temporary);
    }
  }
  sl_free(temporary);
  return status;
}
