/* npy.c: NumPy's .npy files, versions 1.0, 2.0 and 3.0. The header is a Python
** dictionary; a small strict parser takes exactly the three keys it must have,
** and every complaint carries the byte offset where it arose.
** source: NumPy Enhancement Proposal 1.  MIT licence. */
#include <inttypes.h>
#include <string.h>

#include "tensor/file.h"

#define HEAD_MOST 65535 /* more than any header of SL_MAXDIM axes needs */
#define BIG_HOST (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)

/* ---- the dictionary ----------------------------------------------------- */

typedef struct parser {
  const sl_source *source;
  const char *text, *p, *end;
  sl_int base; /* offset of text[0] in the file */
  bool seen[3];
  sl_npy *out;
} parser;

static const char *const key_names[3] = {"descr", "fortran_order", "shape"};

static sl_int place(const parser *c) { return c->base + (c->p - c->text); }

static void skip_space(parser *c) {
  while (c->p < c->end && (*c->p == ' ' || *c->p == '\n' || *c->p == '\t')) {
    c->p++;
  }
}

/* The next character that is not space, or '\0' at the end. */
static char peek(parser *c) {
  skip_space(c);
  return c->p < c->end ? *c->p : '\0';
}

/* What stands at c->p, for a message: printable, at most 12 characters. */
static const char *found(const parser *c, char buf[16]) {
  int n = 0;
  buf[n++] = '\'';
  for (const char *p = c->p; p < c->end && n < 13 && *p != '\n'; p++) {
    buf[n++] = *p >= 32 && *p < 127 ? *p : '?';
  }
  buf[n++] = '\'';
  buf[n] = '\0';
  return c->p < c->end ? buf : "the header's end";
}

static sl_status expected(const parser *c, const char *field, const char *what,
                          sl_err *err) {
  char buf[16];
  return sl_source_bad(c->source, err, place(c), field,
                       "expected %s, found %s", what, found(c, buf));
}

static sl_status want(parser *c, char ch, const char *field, sl_err *err) {
  char what[4] = {'\'', ch, '\'', '\0'};
  if (peek(c) != ch) {
    return expected(c, field, what, err);
  }
  c->p++;
  return SL_OK;
}

/* 'text' or "text", without escapes. */
static sl_status parse_string(parser *c, const char *field, char *buf,
                              size_t size, sl_err *err) {
  char quote = peek(c);
  if (quote != '\'' && quote != '"') {
    return expected(c, field, "a string", err);
  }
  const char *start = c->p + 1;
  const char *stop = start;
  while (stop < c->end && *stop != quote && *stop != '\\') {
    stop++;
  }
  if (stop == c->end || *stop != quote || (size_t)(stop - start) >= size) {
    return expected(c, field, "a short string", err);
  }
  memcpy(buf, start, (size_t)(stop - start));
  buf[stop - start] = '\0';
  c->p = stop + 1;
  return SL_OK;
}

/* Is the element type one that a dtype can hold? */
static bool elem_known(sl_elem e) {
  switch (e.kind) {
    case 'b': return e.size == 1;
    case 'f': return e.size == 4 || e.size == 8;
    case 'i':
    case 'u': return e.size == 1 || e.size == 2 || e.size == 4 || e.size == 8;
    default: return false;
  }
}

static sl_status parse_descr(parser *c, sl_err *err) {
  char text[16];
  if (peek(c) == '[') {
    return expected(c, "'descr'", "a plain element type, not a record type",
                    err);
  }
  skip_space(c);
  sl_int at = place(c);
  SL_TRY(parse_string(c, "'descr'", text, sizeof text, err));
  bool order = strchr("<>|=", text[0]) != NULL;
  bool digit = text[0] != '\0' && text[1] != '\0' && text[2] >= '1' &&
               text[2] <= '9' && text[3] == '\0';
  sl_elem e = {text[1], digit ? text[2] - '0' : 0, BIG_HOST};
  if (text[0] == '<' || text[0] == '>') {
    e.big = text[0] == '>';
  }
  if (!order || !digit || !elem_known(e) || (text[0] == '|' && e.size > 1)) {
    sl_source_bad(c->source, err, at, "'descr'",
                  "expected f4, f8, b1, or i or u of 1, 2, 4 or 8 bytes, each "
                  "after <, > or |, found '%s'",
                  text);
    return err == NULL ? SL_EDTYPE : (err->code = SL_EDTYPE);
  }
  c->out->elem = e;
  return SL_OK;
}

static sl_status parse_fortran(parser *c, sl_err *err) {
  skip_space(c);
  size_t left = (size_t)(c->end - c->p);
  if (left >= 4 && memcmp(c->p, "True", 4) == 0) {
    c->out->fortran = true;
    c->p += 4;
  } else if (left >= 5 && memcmp(c->p, "False", 5) == 0) {
    c->out->fortran = false;
    c->p += 5;
  } else {
    return expected(c, "'fortran_order'", "True or False", err);
  }
  return SL_OK;
}

static sl_status parse_extent(parser *c, sl_int *out, sl_err *err) {
  char ch = peek(c);
  if (ch < '0' || ch > '9') {
    return expected(c, "'shape'", "an extent of 0 or more", err);
  }
  sl_int v = 0;
  const char *start = c->p;
  for (; c->p < c->end && *c->p >= '0' && *c->p <= '9'; c->p++) {
    if (!sl_mul(v, 10, &v) || !sl_add(v, *c->p - '0', &v)) {
      c->p = start;
      return expected(c, "'shape'", "an extent below 2^63", err);
    }
  }
  if (c->p < c->end && *c->p == 'L') { /* written by Python 2 */
    c->p++;
  }
  *out = v;
  return SL_OK;
}

/* (), (3,), (3, 4), (3, 4,). */
static sl_status parse_shape(parser *c, sl_err *err) {
  sl_type *t = &c->out->type;
  t->ndim = 0;
  SL_TRY(want(c, '(', "'shape'", err));
  bool comma = true;
  while (peek(c) != ')') {
    if (!comma) {
      return expected(c, "'shape'", "',' or ')'", err);
    }
    if (t->ndim == SL_MAXDIM) {
      return expected(c, "'shape'", "at most 12 axes", err);
    }
    SL_TRY(parse_extent(c, &t->shape[t->ndim++], err));
    comma = peek(c) == ',';
    c->p += comma;
  }
  if (t->ndim == 1 && !comma) {
    return expected(c, "'shape'", "',' after the only extent", err);
  }
  c->p++;
  return SL_OK;
}

static sl_status parse_pair(parser *c, sl_err *err) {
  char name[16];
  skip_space(c);
  sl_int at = place(c);
  SL_TRY(parse_string(c, "header key", name, sizeof name, err));
  int k = 0;
  while (k < 3 && strcmp(name, key_names[k]) != 0) {
    k++;
  }
  if (k == 3 || c->seen[k]) {
    return sl_source_bad(c->source, err, at, "header key",
                         "expected 'descr', 'fortran_order' and 'shape' once "
                         "each, found '%s'%s",
                         name, k == 3 ? "" : " again");
  }
  c->seen[k] = true;
  SL_TRY(want(c, ':', key_names[k], err));
  return k == 0 ? parse_descr(c, err)
         : k == 1 ? parse_fortran(c, err) : parse_shape(c, err);
}

static sl_status parse_dictionary(parser *c, sl_err *err) {
  SL_TRY(want(c, '{', "header", err));
  bool comma = true;
  while (peek(c) != '}') {
    if (!comma) {
      return expected(c, "header", "',' or '}'", err);
    }
    SL_TRY(parse_pair(c, err));
    comma = peek(c) == ',';
    c->p += comma;
  }
  for (int k = 0; k < 3; k++) {
    if (!c->seen[k]) {
      return sl_source_bad(c->source, err, place(c), "header key",
                           "expected '%s', found no such key", key_names[k]);
    }
  }
  c->p++;
  return peek(c) == '\0' && c->p == c->end
             ? SL_OK
             : expected(c, "header", "spaces to its end", err);
}

/* ---- reading ------------------------------------------------------------ */

/* Magic, version and header length; *n the length of the dictionary's text. */
static sl_status read_preamble(sl_source *s, sl_int *n, sl_err *err) {
  unsigned char b[8], len[4] = {0, 0, 0, 0};
  SL_TRY(sl_source_read(s, b, 6, "magic", err));
  if (memcmp(b, "\x93NUMPY", 6) != 0) {
    return sl_source_bad(s, err, 0, "magic",
                         "expected 93 'NUMPY', found %02x %02x %02x %02x %02x "
                         "%02x",
                         b[0], b[1], b[2], b[3], b[4], b[5]);
  }
  SL_TRY(sl_source_read(s, b, 2, "version", err));
  if (b[0] < 1 || b[0] > 3 || b[1] != 0) {
    return sl_source_bad(s, err, 6, "version",
                         "expected 1.0, 2.0 or 3.0, found %d.%d", b[0], b[1]);
  }
  SL_TRY(sl_source_read(s, len, b[0] == 1 ? 2 : 4, "header length", err));
  *n = len[0] | len[1] << 8 | len[2] << 16 | (sl_int)len[3] << 24;
  if (*n > HEAD_MOST) {
    return sl_source_bad(s, err, 8, "header length",
                         "expected at most %d, found %" PRId64, HEAD_MOST, *n);
  }
  return SL_OK;
}

static sl_status check_size(const sl_source *s, sl_npy *h, sl_err *err) {
  sl_int bytes = h->elem.size;
  sl_err inner;
  sl_type t = h->type;
  if (sl_type_make(&h->type, sl_elem_dtype(h->elem), t.ndim, t.shape,
                   &inner) != SL_OK) {
    return sl_source_bad(s, err, s->offset, "'shape'", "%s", inner.msg);
  }
  if (!sl_mul(bytes, sl_numel(&h->type), &bytes)) {
    return sl_source_bad(s, err, s->offset, "'shape'",
                         "expected a size below 2^63 bytes, found %" PRId64
                         " elements",
                         sl_numel(&h->type));
  }
  return sl_source_expect(s, bytes, true, "elements after the header", err);
}

/* A Fortran-ordered array is a C-ordered one of reversed axes. */
static void set_stored(sl_npy *h) {
  h->stored = h->type;
  for (int i = 0; h->fortran && i < h->type.ndim; i++) {
    h->stored.shape[i] = h->type.shape[h->type.ndim - 1 - i];
  }
}

sl_status sl_npy_header(sl_source *s, sl_npy *h, sl_err *err) {
  sl_int n = 0;
  memset(h, 0, sizeof *h);
  SL_TRY(read_preamble(s, &n, err));
  SL_TRY(sl_source_expect(s, n, false, "header", err));
  char *text = (char *)s->work; /* of SL_FILE_CHUNK > HEAD_MOST bytes */
  parser c = {.source = s, .text = text, .p = text, .end = text + n,
              .base = s->offset, .out = h};
  SL_TRY(sl_source_read(s, text, n, "header", err));
  SL_TRY(parse_dictionary(&c, err));
  SL_TRY(check_size(s, h, err));
  set_stored(h);
  return SL_OK;
}

sl_status sl_npy_payload(sl_source *s, const sl_npy *h, sl_tensor *stored,
                         sl_err *err) {
  return sl_source_elements(s, h->elem, sl_numel(&h->stored), stored->data,
                            err);
}

void sl_npy_view(const sl_npy *h, const sl_tensor *stored, sl_tensor *out) {
  int perm[SL_MAXDIM];
  for (int i = 0; i < h->type.ndim; i++) {
    perm[i] = h->fortran ? h->type.ndim - 1 - i : i;
  }
  sl_view_permute(out, stored, perm);
}

/* ---- writing ------------------------------------------------------------ */

static const char *descr_of(sl_dtype d) {
  switch (d) {
    case SL_U8: return "|u1";
    case SL_I64: return BIG_HOST ? ">i8" : "<i8";
    case SL_F32: return BIG_HOST ? ">f4" : "<f4";
    default: return BIG_HOST ? ">f8" : "<f8";
  }
}

sl_int sl_npy_head(char buf[SL_NPY_HEAD], const sl_type *t) {
  char *text = buf + 10;
  size_t size = SL_NPY_HEAD - 10;
  int n = snprintf(text, size,
                   "{'descr': '%s', 'fortran_order': False, 'shape': (",
                   descr_of(t->dtype));
  for (int i = 0; i < t->ndim; i++) {
    const char *after = t->ndim == 1 ? "," : i + 1 < t->ndim ? ", " : "";
    n += snprintf(text + n, size - (size_t)n, "%" PRId64 "%s", t->shape[i],
                  after);
  }
  n += snprintf(text + n, size - (size_t)n, "), }");
  int total = (10 + n + 1 + 63) / 64 * 64; /* elements start aligned */
  memset(text + n, ' ', (size_t)(total - 10 - n));
  buf[total - 1] = '\n';
  int len = total - 10;
  memcpy(buf, "\x93NUMPY\x01", 8);
  buf[8] = (char)(len & 0xff);
  buf[9] = (char)(len >> 8);
  return total;
}

sl_status sl_npy_write(sl_sink *k, const sl_tensor *t, sl_err *err) {
  if (!sl_is_contiguous(t)) {
    return sl_fail(err, SL_EARG, "save: expected a contiguous tensor");
  }
  char head[SL_NPY_HEAD];
  SL_TRY(sl_sink_write(k, head, sl_npy_head(head, &t->type), err));
  sl_int bytes = sl_numel(&t->type) * sl_dtype_size(t->type.dtype);
  return sl_sink_write(k, t->data, bytes, err);
}
