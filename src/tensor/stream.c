/* stream.c: the byte streams under all array files. A source decodes a plain
** file, a gzip file or one member of a zip archive behind one call that
** delivers exactly the bytes asked for or says which field ended where; a sink
** writes to a temporary name and renames. Memory grows with what the file can
** hold, never with what a header claims.  MIT licence. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tensor/file.h"

/* Deflate cannot expand by more than this (zlib's technical notes). */
#define INFLATE_MOST 1032

#define BIG_HOST (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)

/* ---- errors ------------------------------------------------------------- */

sl_status sl_source_bad(const sl_source *s, sl_err *err, sl_int offset,
                        const char *field, const char *fmt, ...) {
  char text[256];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  bool inside = s->member[0] != '\0';
  return sl_fail(err, SL_EFORMAT, "%.300s%s%.80s%s: byte %" PRId64 "%s: %s: %s",
                 s->path, inside ? "(" : "", s->member, inside ? ")" : "",
                 offset, s->coding == SL_PLAIN ? "" : " unpacked", field, text);
}

static sl_status system_error(const char *path, const char *what, sl_err *err) {
  return sl_fail(err, SL_EIO, "%.300s: %s: %s", path, what, strerror(errno));
}

/* ---- opening and closing ------------------------------------------------ */

void sl_source_close(sl_source *s) {
  if (s->inflating) {
    inflateEnd(&s->z);
    s->inflating = false;
  }
  if (s->file != NULL) {
    fclose(s->file);
    s->file = NULL;
  }
}

/* The size of a regular file; a directory or a pipe is refused. */
static sl_status measure(sl_source *s, sl_err *err) {
  struct stat st;
  if (fstat(fileno(s->file), &st) != 0) {
    return system_error(s->path, "cannot be examined", err);
  }
  if (!S_ISREG(st.st_mode)) {
    return sl_fail(err, SL_EIO, "%.300s: expected a regular file, found %s",
                   s->path, S_ISDIR(st.st_mode) ? "a directory" : "a device");
  }
  s->size = st.st_size;
  return SL_OK;
}

static sl_status open_checked(sl_source *s, sl_err *err) {
  SL_TRY(measure(s, err));
  unsigned char magic[2];
  bool gz = fread(magic, 1, 2, s->file) == 2 && magic[0] == 0x1f &&
            magic[1] == 0x8b;
  return sl_source_start(s, 0, s->size, gz ? -1 : s->size,
                         gz ? SL_GZIP : SL_PLAIN, err);
}

sl_status sl_source_open(sl_source *s, const char *path, sl_err *err) {
  s->path = path;
  s->member[0] = '\0';
  /* Not to wait for a pipe's writer: what is no regular file is refused. */
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  s->file = fd >= 0 ? fdopen(fd, "rb") : NULL;
  if (s->file == NULL) {
    sl_status status = system_error(path, "cannot be opened", err);
    if (fd >= 0) {
      close(fd);
    }
    return status;
  }
  sl_status status = open_checked(s, err);
  if (status != SL_OK) {
    sl_source_close(s);
  }
  return status;
}

sl_status sl_source_start(sl_source *s, sl_int at, sl_int coded, sl_int total,
                          sl_coding coding, sl_err *err) {
  if (s->inflating) {
    inflateEnd(&s->z);
    s->inflating = false;
  }
  s->left = coded;
  s->total = total;
  s->coding = coding;
  s->offset = 0;
  s->ended = false;
  s->crc = (uint32_t)crc32(0, NULL, 0);
  if (fseeko(s->file, at, SEEK_SET) != 0) {
    return system_error(s->path, "cannot be positioned", err);
  }
  if (coding != SL_PLAIN) {
    memset(&s->z, 0, sizeof s->z);
    int bits = coding == SL_GZIP ? 15 + 16 : -15;
    if (inflateInit2(&s->z, bits) != Z_OK) {
      return sl_fail(err, SL_ENOMEM, "%.300s: no memory to decompress",
                     s->path);
    }
    s->inflating = true;
  }
  return SL_OK;
}

/* ---- reading ------------------------------------------------------------ */

/* Up to n coded bytes; fewer only at the end of the coded data. */
static sl_status take(sl_source *s, void *buf, sl_int n, sl_int *got,
                      sl_err *err) {
  if (n > s->left) {
    n = s->left;
  }
  size_t k = fread(buf, 1, (size_t)n, s->file);
  if (k < (size_t)n && ferror(s->file)) {
    return system_error(s->path, "cannot be read", err);
  }
  s->left = k < (size_t)n ? 0 : s->left - n;
  *got = (sl_int)k;
  return SL_OK;
}

static sl_status refill(sl_source *s, sl_err *err) {
  sl_int got = 0;
  SL_TRY(take(s, s->in, SL_FILE_CHUNK, &got, err));
  if (got == 0) {
    return sl_source_bad(s, err, s->offset, "compressed data",
                         "expected more, found the end of the file");
  }
  s->z.next_in = s->in;
  s->z.avail_in = (uInt)got;
  return SL_OK;
}

/* A gzip file may be several gzip streams in a row. */
static void stream_ended(sl_source *s) {
  if (s->coding == SL_GZIP && (s->z.avail_in > 0 || s->left > 0)) {
    inflateReset(&s->z);
  } else {
    s->ended = true;
  }
}

/* Up to n decoded bytes; fewer only at the end. */
static sl_status inflate_some(sl_source *s, unsigned char *buf, sl_int n,
                              sl_int *got, sl_err *err) {
  s->z.next_out = buf;
  s->z.avail_out = (uInt)n;
  while (s->z.avail_out > 0 && !s->ended) {
    if (s->z.avail_in == 0) {
      SL_TRY(refill(s, err));
    }
    int r = inflate(&s->z, Z_NO_FLUSH);
    if (r == Z_STREAM_END) {
      stream_ended(s);
    } else if (r == Z_MEM_ERROR) {
      return sl_fail(err, SL_ENOMEM, "%.300s: no memory to decompress",
                     s->path);
    } else if (r != Z_OK && r != Z_BUF_ERROR) {
      return sl_source_bad(s, err, s->offset + n - (sl_int)s->z.avail_out,
                           "compressed data", "damaged (%s)",
                           s->z.msg != NULL ? s->z.msg : "no reason given");
    }
  }
  *got = n - (sl_int)s->z.avail_out;
  return SL_OK;
}

static sl_status read_some(sl_source *s, unsigned char *buf, sl_int n,
                           sl_int *got, sl_err *err) {
  if (s->coding == SL_PLAIN) {
    SL_TRY(take(s, buf, n, got, err));
  } else {
    SL_TRY(inflate_some(s, buf, n, got, err));
  }
  if (s->member[0] != '\0') { /* gzip sums its own; plain files have none */
    s->crc = (uint32_t)crc32(s->crc, buf, (uInt)*got);
  }
  s->offset += *got;
  return SL_OK;
}

sl_status sl_source_read(sl_source *s, void *buf, sl_int n, const char *field,
                         sl_err *err) {
  unsigned char *to = buf;
  for (sl_int done = 0; done < n;) {
    sl_int want = n - done < SL_FILE_CHUNK ? n - done : SL_FILE_CHUNK;
    sl_int got = 0;
    SL_TRY(sl_poll(err, "load"));
    SL_TRY(read_some(s, to + done, want, &got, err));
    done += got;
    if (got < want) {
      return sl_source_bad(s, err, s->offset, field,
                           "expected %" PRId64 " bytes, found %" PRId64
                           " before the end",
                           n, done);
    }
  }
  return SL_OK;
}

sl_status sl_source_expect(const sl_source *s, sl_int bytes, bool exact,
                           const char *field, sl_err *err) {
  sl_int most;
  if (s->total >= 0) {
    most = s->total - s->offset;
  } else if (!sl_mul(s->size, INFLATE_MOST, &most)) {
    most = INT64_MAX;
  }
  if (bytes > most || (exact && s->total >= 0 && bytes < most)) {
    return sl_source_bad(s, err, s->offset, field,
                         "expected %" PRId64 " bytes, found %s%" PRId64, bytes,
                         s->total >= 0 ? "" : "at most ", most);
  }
  return SL_OK;
}

sl_status sl_source_end(sl_source *s, sl_err *err) {
  sl_int offset = s->offset, got = 0;
  unsigned char byte;
  SL_TRY(read_some(s, &byte, 1, &got, err));
  if (got > 0) {
    return sl_source_bad(s, err, offset, "end of data",
                         "expected the end, found more bytes");
  }
  if (s->coding == SL_DEFLATE && s->left + (sl_int)s->z.avail_in > 0) {
    return sl_source_bad(s, err, offset, "compressed data",
                         "expected the end, found %" PRId64 " more bytes",
                         s->left + (sl_int)s->z.avail_in);
  }
  return SL_OK;
}

/* ---- elements ----------------------------------------------------------- */

sl_dtype sl_elem_dtype(sl_elem e) {
  if (e.kind == 'f') {
    return e.size == 4 ? SL_F32 : SL_F64;
  }
  return e.size == 1 && e.kind != 'i' ? SL_U8 : SL_I64;
}

/* Can the file's bytes be used as they are? */
static bool is_native(sl_elem e) {
  bool same = e.kind == 'f' || (e.kind == 'i' && e.size == 8) ||
              (e.kind == 'u' && e.size == 1);
  return same && (e.size == 1 || e.big == BIG_HOST);
}

static uint64_t load_bits(const unsigned char *p, int size, bool big) {
  uint64_t v = 0;
  for (int i = 0; i < size; i++) {
    v = v << 8 | p[big ? i : size - 1 - i];
  }
  return v;
}

static void store_bits(void *out, sl_int i, sl_elem e, uint64_t v) {
  int shift = 64 - 8 * e.size;
  uint32_t half = (uint32_t)v;
  if (e.kind == 'f' && e.size == 4) {
    memcpy((char *)out + 4 * i, &half, 4);
  } else if (e.kind != 'i' && e.size == 1) {
    ((unsigned char *)out)[i] = (unsigned char)v;
  } else if (e.kind == 'i') {
    ((int64_t *)out)[i] = (int64_t)(v << shift) >> shift; /* sign */
  } else {
    memcpy((char *)out + 8 * i, &v, 8);
  }
}

/* Converts n elements of s->work; at is the offset of the first. */
static sl_status convert(sl_source *s, sl_elem e, sl_int n, sl_int at,
                         void *out, sl_int first, sl_err *err) {
  for (sl_int i = 0; i < n; i++) {
    uint64_t v = load_bits(s->work + i * e.size, e.size, e.big);
    if (e.kind == 'b' && v > 1) {
      return sl_source_bad(s, err, at + i, "bool",
                           "expected 0 or 1, found %d", (int)v);
    }
    if (e.kind == 'u' && v > INT64_MAX) {
      return sl_source_bad(s, err, at + i * e.size, "unsigned integer",
                           "expected at most 2^63 - 1, found %" PRIu64, v);
    }
    store_bits(out, first + i, e, v);
  }
  return SL_OK;
}

sl_status sl_source_elements(sl_source *s, sl_elem e, sl_int count, void *out,
                             sl_err *err) {
  if (is_native(e)) {
    return sl_source_read(s, out, count * e.size, "elements", err);
  }
  sl_int step = SL_FILE_CHUNK / e.size;
  for (sl_int done = 0; done < count; done += step) {
    sl_int n = count - done < step ? count - done : step;
    sl_int at = s->offset;
    SL_TRY(sl_source_read(s, s->work, n * e.size, "elements", err));
    SL_TRY(convert(s, e, n, at, out, done, err));
  }
  return SL_OK;
}

/* ---- sinks -------------------------------------------------------------- */

/* Two threads or processes that write one path never share a temporary. */
static int open_temporary(sl_sink *k) {
  static atomic_int serial;
  for (int attempt = 0; attempt < 100; attempt++) {
    snprintf(k->temp, sizeof k->temp, "%s.%ld-%d.tmp", k->path, (long)getpid(),
             atomic_fetch_add(&serial, 1));
    int fd = open(k->temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd >= 0 || errno != EEXIST) {
      return fd;
    }
  }
  return -1;
}

sl_status sl_sink_open(sl_sink *k, const char *path, sl_err *err) {
  if (strlen(path) >= sizeof k->path) {
    return sl_fail(err, SL_EIO,
                   "%.300s...: file name: expected fewer than %d bytes, "
                   "found %zu",
                   path, SL_PATH_MAX, strlen(path));
  }
  strcpy(k->path, path);
  struct stat st;
  if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
    return sl_fail(err, SL_EIO,
                   "%.300s: expected a regular file to replace, found %s",
                   path, S_ISDIR(st.st_mode) ? "a directory" : "a device");
  }
  int fd = open_temporary(k);
  if (fd < 0) {
    return system_error(path, "cannot be written", err);
  }
  k->file = fdopen(fd, "w+b");
  if (k->file == NULL) {
    close(fd);
    unlink(k->temp);
    return sl_fail(err, SL_ENOMEM, "%.300s: no memory for a buffer", path);
  }
  return SL_OK;
}

sl_status sl_sink_write(sl_sink *k, const void *buf, sl_int n, sl_err *err) {
  if (n > 0 && fwrite(buf, 1, (size_t)n, k->file) != (size_t)n) {
    return system_error(k->path, "cannot be written", err);
  }
  return SL_OK;
}

sl_status sl_sink_commit(sl_sink *k, sl_err *err) {
  FILE *file = k->file;
  k->file = NULL;
  if (fclose(file) != 0 || rename(k->temp, k->path) != 0) {
    sl_status status = system_error(k->path, "cannot be written", err);
    unlink(k->temp);
    return status;
  }
  return SL_OK;
}

void sl_sink_close(sl_sink *k) {
  if (k->file != NULL) {
    fclose(k->file);
    k->file = NULL;
    unlink(k->temp);
  }
}
