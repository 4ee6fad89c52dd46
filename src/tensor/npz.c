/* npz.c: NumPy's .npz archives: zip files of .npy members, stored or deflated,
** with zip64 sizes. Reading goes by the central directory and trusts nothing:
** offsets, sizes, names, ratio and checksum of each member are checked before
** its bytes are used. Written archives hold no dates, so that equal arrays
** give equal files.  source: PKWARE APPNOTE 6.3.  MIT licence. */
#include <inttypes.h>
#include <string.h>

#include "tensor/file.h"

enum {
  LOCAL_MARK = 0x04034b50, CENTRAL_MARK = 0x02014b50, END_MARK = 0x06054b50,
  END64_MARK = 0x06064b50, LOCATOR_MARK = 0x07064b50,
  LOCAL_SIZE = 30, CENTRAL_SIZE = 46, END_SIZE = 22, END64_SIZE = 56,
  LOCATOR_SIZE = 20, COMMENT_MOST = 65535
};
#define FULL32 0xffffffffu /* "see the zip64 field" */
#define EPOCH 0x21         /* 1980-01-01, the zero of zip dates */

/* ---- little-endian fields ----------------------------------------------- */

static sl_int get(const unsigned char *p, int bytes) {
  uint64_t v = 0;
  for (int i = bytes - 1; i >= 0; i--) {
    v = v << 8 | p[i];
  }
  return v > INT64_MAX ? INT64_MAX : (sl_int)v;
}

static unsigned char *put(unsigned char *p, int bytes, sl_int v) {
  for (int i = 0; i < bytes; i++) {
    p[i] = (unsigned char)(v >> (8 * i));
  }
  return p + bytes;
}

/* ---- reading ------------------------------------------------------------ */

/* n bytes of the file at an offset. */
static sl_status read_at(sl_source *s, sl_int at, void *buf, sl_int n,
                         const char *field, sl_err *err) {
  s->member[0] = '\0';
  if (at < 0 || n > s->size || at > s->size - n) {
    s->coding = SL_PLAIN;
    return sl_source_bad(s, err, at, field,
                         "expected %" PRId64 " bytes inside the file of %"
                         PRId64,
                         n, s->size);
  }
  SL_TRY(sl_source_start(s, at, n, n, SL_PLAIN, err));
  s->offset = at; /* so that messages count from the file's start */
  return sl_source_read(s, buf, n, field, err);
}

/* Where the end record stands: it is last, but for a comment. The tail is
** searched through s->work, backwards. */
static sl_status find_end(sl_source *s, sl_int *at, sl_err *err) {
  sl_int n = s->size < SL_FILE_CHUNK ? s->size : SL_FILE_CHUNK;
  sl_int base = s->size - n;
  SL_TRY(read_at(s, base, s->work, n, "zip end record", err));
  for (sl_int i = n - END_SIZE; i >= 0; i--) {
    const unsigned char *p = s->work + i;
    if (get(p, 4) == END_MARK && get(p + 20, 2) == n - i - END_SIZE) {
      *at = base + i;
      return SL_OK;
    }
  }
  return sl_source_bad(s, err, s->size, "zip end record",
                       "expected PK 05 06 near the end, found none: the file "
                       "is cut short or no zip archive");
}

typedef struct directory {
  sl_int count, size, at;
} directory;

static sl_status read_end64(sl_source *s, sl_int locator, directory *d,
                            sl_err *err) {
  unsigned char b[END64_SIZE];
  SL_TRY(read_at(s, locator, b, LOCATOR_SIZE, "zip64 locator", err));
  if (get(b, 4) != LOCATOR_MARK) {
    return sl_source_bad(s, err, locator, "zip64 locator",
                         "expected PK 06 07, found %08" PRIx64,
                         (uint64_t)get(b, 4));
  }
  sl_int at = get(b + 8, 8);
  SL_TRY(read_at(s, at, b, END64_SIZE, "zip64 end record", err));
  if (get(b, 4) != END64_MARK) {
    return sl_source_bad(s, err, at, "zip64 end record",
                         "expected PK 06 06, found %08" PRIx64,
                         (uint64_t)get(b, 4));
  }
  *d = (directory){get(b + 32, 8), get(b + 40, 8), get(b + 48, 8)};
  return SL_OK;
}

sl_status sl_zip_open(sl_zip *z, sl_source *s, sl_err *err) {
  sl_int at = 0;
  unsigned char b[END_SIZE];
  SL_TRY(find_end(s, &at, err));
  SL_TRY(read_at(s, at, b, END_SIZE, "zip end record", err));
  if (get(b + 4, 2) != 0 && get(b + 4, 2) != 0xffff) {
    return sl_source_bad(s, err, at + 4, "disk number",
                         "expected 0, found %" PRId64, get(b + 4, 2));
  }
  directory d = {get(b + 10, 2), get(b + 12, 4), get(b + 16, 4)};
  if (d.count == 0xffff || d.size == FULL32 || d.at == FULL32) {
    SL_TRY(read_end64(s, at - LOCATOR_SIZE, &d, err));
  }
  if (d.at > at || d.size > at - d.at || d.count > d.size / CENTRAL_SIZE) {
    return sl_source_bad(s, err, at + 10, "central directory",
                         "expected to end before byte %" PRId64 ", found %"
                         PRId64 " entries in %" PRId64 " bytes at %" PRId64,
                         at, d.count, d.size, d.at);
  }
  *z = (sl_zip){s, d.at, d.at + d.size, d.count, s->size};
  return SL_OK;
}

/* Replaces the fields that are full by those of the zip64 extra field. */
static sl_status read_extra(sl_source *s, const unsigned char *p, sl_int n,
                            sl_int at, sl_zip_entry *e, sl_err *err) {
  sl_int *fields[3] = {&e->decoded, &e->coded, &e->at};
  for (sl_int i = 0; i + 4 <= n;) {
    sl_int len = get(p + i + 2, 2);
    if (len > n - i - 4) {
      return sl_source_bad(s, err, at + i, "extra field",
                           "expected at most %" PRId64 " bytes, found %"
                           PRId64,
                           n - i - 4, len);
    }
    const unsigned char *v = p + i + 4;
    for (int k = 0; get(p + i, 2) == 1 && k < 3; k++) {
      if (*fields[k] == FULL32 && len >= 8) {
        *fields[k] = get(v, 8);
        v += 8;
        len -= 8;
      }
    }
    i += 4 + get(p + i + 2, 2);
  }
  return SL_OK;
}

static sl_status check_name(sl_source *s, sl_int at, const char *name,
                            sl_int n, sl_err *err) {
  bool clean = n > 0;
  for (sl_int i = 0; i < n; i++) {
    clean = clean && (unsigned char)name[i] >= 32 && name[i] != 127;
  }
  if (!clean) {
    return sl_source_bad(s, err, at, "member name",
                         "expected printable characters, found others");
  }
  return SL_OK;
}

/* Members that overlap could make a small file fill any memory. */
static sl_status check_place(sl_zip *z, const sl_zip_entry *e, sl_int at,
                             sl_err *err) {
  if (e->coded > z->room || e->at > z->source->size) {
    return sl_source_bad(z->source, err, at + 20, e->name,
                         "expected a member inside the %" PRId64
                         " bytes that are left, found %" PRId64
                         " bytes at %" PRId64,
                         z->room, e->coded, e->at);
  }
  z->room -= e->coded;
  return SL_OK;
}

static sl_status check_entry(sl_source *s, const sl_zip_entry *e, sl_int at,
                             int flags, sl_err *err) {
  if (flags & 1) {
    return sl_source_bad(s, err, at + 8, e->name,
                         "expected no encryption, found an encrypted member");
  }
  if (e->method != 0 && e->method != 8) {
    return sl_source_bad(s, err, at + 10, e->name,
                         "expected method 0 (stored) or 8 (deflated), found "
                         "%d",
                         e->method);
  }
  sl_int most = e->method == 0 ? e->coded : 64 + 1032 * e->coded;
  if (e->decoded > most || (e->method == 0 && e->decoded != e->coded)) {
    return sl_source_bad(s, err, at + 24, e->name,
                         "expected at most %" PRId64 " unpacked bytes, found "
                         "%" PRId64,
                         most, e->decoded);
  }
  return SL_OK;
}

/* The variable part after the fixed one: name, extra, comment. */
static sl_status read_names(sl_zip *z, const unsigned char *b, sl_zip_entry *e,
                            sl_err *err) {
  sl_source *s = z->source;
  sl_int at = z->next + CENTRAL_SIZE;
  sl_int name = get(b + 28, 2), extra = get(b + 30, 2);
  if (name > SL_NAME_MAX) {
    return sl_source_bad(s, err, z->next + 28, "length of member name",
                         "expected at most %d, found %" PRId64, SL_NAME_MAX,
                         name);
  }
  if (extra > SL_FILE_CHUNK - SL_NAME_MAX) {
    return sl_source_bad(s, err, z->next + 30, "length of extra field",
                         "expected less, found %" PRId64, extra);
  }
  SL_TRY(read_at(s, at, s->work, name + extra, "name and extra field", err));
  memcpy(e->name, s->work, (size_t)name);
  e->name[name] = '\0';
  SL_TRY(check_name(s, at, e->name, name, err));
  return read_extra(s, s->work + name, extra, at + name, e, err);
}

sl_status sl_zip_next(sl_zip *z, sl_zip_entry *e, bool *more, sl_err *err) {
  unsigned char b[CENTRAL_SIZE];
  sl_source *s = z->source;
  sl_int at = z->next;
  *more = z->left > 0;
  if (!*more) {
    return SL_OK;
  }
  memset(e, 0, sizeof *e);
  SL_TRY(read_at(s, at, b, CENTRAL_SIZE, "central directory", err));
  if (get(b, 4) != CENTRAL_MARK) {
    return sl_source_bad(s, err, at, "central directory",
                         "expected PK 01 02, found %08" PRIx64,
                         (uint64_t)get(b, 4));
  }
  e->method = (int)get(b + 10, 2);
  e->crc = (uint32_t)get(b + 16, 4);
  e->coded = get(b + 20, 4);
  e->decoded = get(b + 24, 4);
  e->at = get(b + 42, 4);
  SL_TRY(read_names(z, b, e, err));
  SL_TRY(check_place(z, e, at, err));
  SL_TRY(check_entry(s, e, at, (int)get(b + 8, 2), err));
  z->next = at + CENTRAL_SIZE + get(b + 28, 2) + get(b + 30, 2) +
            get(b + 32, 2);
  z->left--;
  if (z->next > z->end) {
    return sl_source_bad(s, err, at, "central directory",
                         "expected to end at byte %" PRId64 ", found %" PRId64,
                         z->end, z->next);
  }
  return SL_OK;
}

sl_status sl_zip_enter(sl_zip *z, const sl_zip_entry *e, sl_err *err) {
  unsigned char b[LOCAL_SIZE];
  sl_source *s = z->source;
  SL_TRY(read_at(s, e->at, b, LOCAL_SIZE, "local header", err));
  if (get(b, 4) != LOCAL_MARK) {
    return sl_source_bad(s, err, e->at, "local header",
                         "expected PK 03 04, found %08" PRIx64,
                         (uint64_t)get(b, 4));
  }
  if (get(b + 8, 2) != e->method) {
    return sl_source_bad(s, err, e->at + 8, "local header",
                         "expected method %d as in the central directory, "
                         "found %" PRId64,
                         e->method, get(b + 8, 2));
  }
  sl_int at = e->at + LOCAL_SIZE + get(b + 26, 2) + get(b + 28, 2);
  if (at > s->size || e->coded > s->size - at) {
    return sl_source_bad(s, err, e->at, e->name,
                         "expected %" PRId64 " bytes of data at %" PRId64
                         ", found a file of %" PRId64,
                         e->coded, at, s->size);
  }
  memcpy(s->member, e->name, sizeof s->member);
  return sl_source_start(s, at, e->coded, e->decoded,
                         e->method == 0 ? SL_PLAIN : SL_DEFLATE, err);
}

sl_status sl_zip_leave(sl_zip *z, const sl_zip_entry *e, sl_err *err) {
  sl_source *s = z->source;
  SL_TRY(sl_source_end(s, err));
  if (s->crc != e->crc) {
    return sl_source_bad(s, err, s->offset, "checksum",
                         "expected %08" PRIx32 ", found %08" PRIx32, e->crc,
                         s->crc);
  }
  return SL_OK;
}

/* ---- writing ------------------------------------------------------------ */

/* Bytes of a member go through here: counted, summed, perhaps deflated. */
typedef struct packer {
  sl_sink *sink;
  sl_zip_entry *e;
  z_stream *z; /* NULL: stored */
} packer;

static sl_status deflate_some(packer *p, int flush, sl_err *err) {
  unsigned char out[16384];
  do {
    p->z->next_out = out;
    p->z->avail_out = sizeof out;
    deflate(p->z, flush);
    sl_int n = (sl_int)(sizeof out - p->z->avail_out);
    p->e->coded += n;
    SL_TRY(sl_sink_write(p->sink, out, n, err));
  } while (p->z->avail_out == 0);
  return SL_OK;
}

static sl_status pack(packer *p, const void *data, sl_int n, sl_err *err) {
  const unsigned char *from = data;
  for (sl_int done = 0; done < n; done += 1 << 20) {
    uInt k = n - done < 1 << 20 ? (uInt)(n - done) : 1 << 20;
    SL_TRY(sl_poll(err, "save"));
    p->e->crc = (uint32_t)crc32(p->e->crc, from + done, k);
    if (p->z == NULL) {
      p->e->coded += k;
      SL_TRY(sl_sink_write(p->sink, from + done, k, err));
    } else {
      p->z->next_in = (Bytef *)(uintptr_t)(from + done);
      p->z->avail_in = k;
      SL_TRY(deflate_some(p, Z_NO_FLUSH, err));
    }
  }
  p->e->decoded += n;
  return SL_OK;
}

static sl_status pack_tensor(packer *p, const sl_tensor *t, sl_err *err) {
  char head[SL_NPY_HEAD];
  SL_TRY(pack(p, head, sl_npy_head(head, &t->type), err));
  sl_int bytes = sl_numel(&t->type) * sl_dtype_size(t->type.dtype);
  SL_TRY(pack(p, t->data, bytes, err));
  return p->z == NULL ? SL_OK : deflate_some(p, Z_FINISH, err);
}

static bool needs64(const sl_zip_out *z, sl_int v) {
  return z->force64 || v >= (sl_int)FULL32;
}

/* What the local header and the directory's entry have alike, from the version
** needed to the length of the extra field; sizes and checksum as in *e. */
static unsigned char *put_entry(unsigned char *p, const sl_zip_entry *e,
                                bool wide, sl_int extra) {
  p = put(p, 2, wide ? 45 : 20);
  p = put(p, 2, 0);
  p = put(p, 2, e->method);
  p = put(p, 4, (sl_int)EPOCH << 16);
  p = put(p, 4, e->crc);
  p = put(p, 4, wide ? (sl_int)FULL32 : e->coded);
  p = put(p, 4, wide ? (sl_int)FULL32 : e->decoded);
  p = put(p, 2, (sl_int)strlen(e->name));
  return put(p, 2, wide ? extra : 0);
}

static unsigned char *put_name(unsigned char *p, const sl_zip_entry *e) {
  size_t n = strlen(e->name);
  memcpy(p, e->name, n);
  return p + n;
}

static sl_status write_local(sl_zip_out *z, const sl_zip_entry *e, bool wide,
                             sl_err *err) {
  unsigned char b[LOCAL_SIZE + SL_NAME_MAX + 20];
  unsigned char *p = put(b, 4, LOCAL_MARK);
  p = put_name(put_entry(p, e, wide, 20), e);
  if (wide) {
    p = put(put(p, 2, 1), 2, 16);
    p = put(put(p, 8, e->decoded), 8, e->coded);
  }
  return sl_sink_write(z->sink, b, p - b, err);
}

static sl_status seek_to(sl_sink *k, sl_int at, sl_err *err) {
  return fseeko(k->file, at, SEEK_SET) == 0
             ? SL_OK
             : sl_fail(err, SL_EIO, "%.300s: cannot be positioned", k->path);
}

static sl_status tell(sl_sink *k, sl_int *at, sl_err *err) {
  *at = ftello(k->file);
  return *at >= 0 ? SL_OK
                  : sl_fail(err, SL_EIO, "%.300s: cannot be positioned",
                            k->path);
}

/* Header, data, then the header again with the sizes now known. */
static sl_status write_member(sl_zip_out *z, sl_zip_entry *e, z_stream *zs,
                              const sl_tensor *t, sl_err *err) {
  sl_int bytes = sl_numel(&t->type) * sl_dtype_size(t->type.dtype), end;
  /* deflate may add a little to what it cannot shrink */
  bool wide = needs64(z, bytes + bytes / 1000 + 4096);
  packer p = {z->sink, e, zs};
  SL_TRY(tell(z->sink, &e->at, err));
  SL_TRY(write_local(z, e, wide, err));
  SL_TRY(pack_tensor(&p, t, err));
  SL_TRY(tell(z->sink, &end, err));
  SL_TRY(seek_to(z->sink, e->at, err));
  SL_TRY(write_local(z, e, wide, err));
  return seek_to(z->sink, end, err);
}

static sl_status start_entry(sl_zip_out *z, const char *name, sl_zip_entry *e,
                             sl_err *err) {
  size_t n = strlen(name);
  if (n == 0 || n + 4 > SL_NAME_MAX) {
    return sl_fail(err, SL_EARG,
                   "save: %.200s: name of an array: expected 1 to %d bytes, "
                   "got %zu",
                   z->sink->path, SL_NAME_MAX - 4, n);
  }
  for (size_t i = 0; i < n; i++) {
    if ((unsigned char)name[i] < 32 || name[i] == 127) {
      return sl_fail(err, SL_EARG,
                     "save: %.200s: name of an array: expected printable "
                     "characters, got code %d",
                     z->sink->path, (unsigned char)name[i]);
    }
  }
  memset(e, 0, sizeof *e);
  snprintf(e->name, sizeof e->name, "%s.npy", name);
  e->method = z->compress ? 8 : 0;
  return SL_OK;
}

sl_status sl_zip_add(sl_zip_out *z, const char *name, const sl_tensor *t,
                     sl_err *err) {
  if (z->count == z->capacity || !sl_is_contiguous(t)) {
    return sl_fail(err, SL_EARG, "save: expected contiguous tensors, at most "
                   "%" PRId64, z->capacity);
  }
  sl_zip_entry *e = &z->entries[z->count];
  SL_TRY(start_entry(z, name, e, err));
  z_stream zs;
  memset(&zs, 0, sizeof zs);
  if (z->compress &&
      deflateInit2(&zs, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -15, 8,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    return sl_fail(err, SL_ENOMEM, "%.300s: no memory to compress",
                   z->sink->path);
  }
  sl_status status = write_member(z, e, z->compress ? &zs : NULL, t, err);
  if (z->compress) {
    deflateEnd(&zs);
  }
  z->count += status == SL_OK;
  return status;
}

static sl_status write_central(sl_zip_out *z, const sl_zip_entry *e,
                               sl_err *err) {
  unsigned char b[CENTRAL_SIZE + SL_NAME_MAX + 28];
  bool wide = needs64(z, e->coded) || needs64(z, e->decoded) ||
              needs64(z, e->at);
  unsigned char *p = put(b, 4, CENTRAL_MARK);
  p = put(p, 2, 45);
  p = put_entry(p, e, wide, 28);
  p = put(p, 8, 0); /* comment, disk, attributes */
  p = put(p, 2, 0);
  p = put(p, 4, wide ? (sl_int)FULL32 : e->at);
  p = put_name(p, e);
  if (wide) {
    p = put(put(p, 2, 1), 2, 24);
    p = put(put(put(p, 8, e->decoded), 8, e->coded), 8, e->at);
  }
  return sl_sink_write(z->sink, b, p - b, err);
}

/* The zip64 end record and its locator. */
static sl_status write_end64(sl_zip_out *z, sl_int at, sl_int size,
                             sl_err *err) {
  unsigned char b[END64_SIZE + LOCATOR_SIZE];
  unsigned char *p = put(put(b, 4, END64_MARK), 8, END64_SIZE - 12);
  p = put(put(p, 2, 45), 2, 45);
  p = put(p, 8, 0); /* disk numbers */
  p = put(put(p, 8, z->count), 8, z->count);
  p = put(put(p, 8, size), 8, at);
  p = put(put(p, 4, LOCATOR_MARK), 4, 0);
  p = put(put(p, 8, at + size), 4, 1);
  return sl_sink_write(z->sink, b, p - b, err);
}

sl_status sl_zip_finish(sl_zip_out *z, sl_err *err) {
  unsigned char b[END_SIZE];
  sl_int at, end;
  SL_TRY(tell(z->sink, &at, err));
  for (sl_int i = 0; i < z->count; i++) {
    SL_TRY(write_central(z, &z->entries[i], err));
  }
  SL_TRY(tell(z->sink, &end, err));
  bool wide = needs64(z, end) || z->count >= 0xffff;
  if (wide) {
    SL_TRY(write_end64(z, at, end - at, err));
  }
  sl_int count = wide ? 0xffff : z->count;
  unsigned char *p = put(put(b, 4, END_MARK), 4, 0);
  p = put(put(p, 2, count), 2, count);
  p = put(p, 4, wide ? (sl_int)FULL32 : end - at);
  p = put(p, 4, wide ? (sl_int)FULL32 : at);
  p = put(p, 2, 0);
  return sl_sink_write(z->sink, b, p - b, err);
}
