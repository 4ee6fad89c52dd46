/* test_damage.c: files damaged one field at a time, each with the message that
** says where; then at random: nothing but a status comes of any bytes.
** MIT licence. */
#include "files.h"

typedef struct bytes {
  unsigned char b[4096];
  size_t n;
} bytes;

static bytes slurp(const char *path) {
  bytes x = {.n = 0};
  FILE *f = fopen(path, "rb");
  cr_assert(f != NULL, "%s", path);
  x.n = fread(x.b, 1, sizeof x.b, f);
  fclose(f);
  return x;
}

static void spill(const char *path, const bytes *x) {
  FILE *f = fopen(path, "wb");
  cr_assert(f != NULL, "%s", path);
  cr_assert_eq(fwrite(x->b, 1, x->n, f), x->n);
  fclose(f);
}

static sl_status read_any(const char *path, char kind) {
  array a = {.storage = NULL};
  int count;
  sl_status status = kind == 'n'   ? read_npy_file(path, &a)
                     : kind == 'z' ? read_npz_file(path, NULL, &a, &count)
                                   : read_idx_file(path, -1, &a);
  array_free(&a);
  return status;
}

static void expect_damage(const bytes *x, char kind, const char *text) {
  const char *path = scratch(".bad");
  spill(path, x);
  sl_status status = read_any(path, kind);
  unlink(path);
  cr_assert(status == SL_EFORMAT || status == SL_EDTYPE, "%d for %s",
            (int)status, text);
  cr_assert(strstr(err.msg, path) == err.msg, "%s", err.msg);
  cr_assert(strstr(err.msg, text) != NULL, "got %s, expected %s", err.msg,
            text);
}

/* A version 1.0 file of this header text and n payload bytes. */
static bytes npy_of(const char *text, size_t n) {
  bytes x = {.n = 0};
  size_t len = strlen(text);
  memcpy(x.b, "\x93NUMPY\x01\x00", 8);
  x.b[8] = (unsigned char)len;
  x.b[9] = (unsigned char)(len >> 8);
  memcpy(x.b + 10, text, len);
  x.n = 10 + len + n;
  return x;
}

#define HEAD(descr, order, shape)                                         \
  "{'descr': " descr ", 'fortran_order': " order ", 'shape': " shape ", }\n"

Test(damage, npy_headers) {
  static const struct {
    const char *text, *message;
    size_t n;
  } row[] = {
    {HEAD("'<f8'", "False", "(3,)"), "expected 24 bytes, found 23", 23},
    {HEAD("'<f8'", "False", "(3,)"), "expected 24 bytes, found 25", 25},
    {HEAD("'<f8'", "False", "(-3,)"), "'shape': expected an extent", 24},
    {HEAD("'<f8'", "False", "(3)"), "',' after the only extent", 24},
    {HEAD("'<f8'", "False", "3"), "'shape': expected '('", 24},
    {HEAD("'<f8'", "False", "(3.5,)"), "',' or ')', found '.5,)", 24},
    {HEAD("'<f8'", "False", "(99999999999999999999,)"), "below 2^63", 24},
    {HEAD("'<f8'", "False", "(4611686018427387904, 4)"), "'shape'", 24},
    {HEAD("'<f8'", "False", "(2305843009213693952,)"), "'shape'", 24},
    {HEAD("'<f8'", "False", "(1,1,1,1,1,1,1,1,1,1,1,1,1)"), "12 axes", 8},
    {HEAD("'<f8'", "Maybe", "(3,)"), "expected True or False", 24},
    {HEAD("'<f8'", "1", "(3,)"), "'fortran_order': expected True", 24},
    {HEAD("'<g8'", "False", "(3,)"), "found '<g8'", 24},
    {HEAD("'|f8'", "False", "(3,)"), "found '|f8'", 24},
    {HEAD("'<f'", "False", "(3,)"), "found '<f'", 24},
    {HEAD("''", "False", "(3,)"), "found ''", 24},
    {HEAD("'|O'", "False", "(3,)"), "found '|O'", 24},
    {HEAD("8", "False", "(3,)"), "'descr': expected a string", 24},
    {HEAD("'<f8", "False", "(3,)"), "'descr'", 24},
    {"{'descr': '<f8', 'shape': (3,), }\n", "expected 'fortran_order'", 24},
    {"{'descr': '<f8', 'fortran_order': False}\n", "expected 'shape'", 24},
    {"{'descr': '<f8', 'descr': '<f8'}\n", "found 'descr' again", 24},
    {"{'descr': '<f8', 'extra': 1}\n", "found 'extra'", 24},
    {"{'descr': '<f8' 'shape': (3,)}\n", "',' or '}'", 24},
    {"['descr']\n", "header: expected '{'", 24},
    {"{'descr': '<f8', 'fortran_order': False, 'shape': (3,)} x\n",
     "spaces to its end", 24},
    {"{'descr': '<f8', 'fortran_order': False, 'shape': (3,", "'shape'", 0},
    {"", "header: expected '{', found the header's end", 0},
  };
  for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
    bytes x = npy_of(row[i].text, row[i].n);
    expect_damage(&x, 'n', row[i].message);
  }
}

Test(damage, npy_preamble) {
  bytes x = slurp(DATA "c_f8.npy");
  x.n = 4;
  expect_damage(&x, 'n', "byte 4: magic: expected 6 bytes, found 4");
  x = slurp(DATA "c_f8.npy");
  x.b[1] = 'M';
  expect_damage(&x, 'n', "byte 0: magic");
  x = slurp(DATA "c_f8.npy");
  x.b[6] = 7;
  expect_damage(&x, 'n', "byte 6: version: expected 1.0, 2.0 or 3.0, found 7");
  x = slurp(DATA "c_f8.npy");
  x.b[9] = 2;
  expect_damage(&x, 'n', "header: expected 630 bytes, found 214");
  x = slurp(DATA "version2.npy");
  x.b[11] = 0xff;
  expect_damage(&x, 'n', "header length: expected at most");
  x.n = 0;
  expect_damage(&x, 'n', "magic: expected 6 bytes, found 0");
  x = slurp(DATA "bool.npy");
  x.b[129] = 2;
  expect_damage(&x, 'n', "byte 129: bool: expected 0 or 1, found 2");
}

Test(damage, idx) {
  bytes x = slurp(DATA "images.idx");
  x.b[0] = 1;
  expect_damage(&x, 'i', "byte 0: magic: expected 00 00, found 01 00");
  x = slurp(DATA "images.idx");
  x.b[2] = 7;
  expect_damage(&x, 'i', "byte 2: element type");
  x = slurp(DATA "images.idx");
  x.b[3] = 0;
  expect_damage(&x, 'i', "byte 3: number of axes: expected 1 to 12, found 0");
  x.b[3] = 2;
  expect_damage(&x, 'i', "expected 6 bytes, found 28");
  x.b[3] = 4;
  expect_damage(&x, 'i', "elements after the header: expected");
  x = slurp(DATA "images.idx");
  x.n--;
  expect_damage(&x, 'i', "expected 24 bytes, found 23");
  x = slurp(DATA "images.idx");
  x.n++;
  expect_damage(&x, 'i', "expected 24 bytes, found 25");
  x = slurp(DATA "images.idx");
  memset(x.b + 4, 0xff, 12);
  expect_damage(&x, 'i', "byte 4: extents");
  x.n = 9;
  expect_damage(&x, 'i', "byte 9: extent: expected 4 bytes, found 1");
}

Test(damage, gzip) {
  bytes x = slurp(DATA "images.idx.gz");
  size_t n = x.n;
  for (x.n = 2; x.n < n; x.n++) { /* cut anywhere, even in the trailer */
    expect_damage(&x, 'i', "compressed data: expected more");
  }
  x.b[n - 6] ^= 1;
  expect_damage(&x, 'i', "compressed data: damaged (incorrect data check)");
  x = slurp(DATA "images.idx.gz");
  x.b[n - 1] ^= 1;
  expect_damage(&x, 'i', "compressed data: damaged (incorrect length check)");
  x = slurp(DATA "images.idx.gz");
  x.n += 3; /* rubbish after the end */
  x.b[n] = 'x';
  expect_damage(&x, 'i', "byte 40 unpacked: compressed data: damaged");
}

/* The place of the k-th mark "PK" a b. */
static size_t mark(const bytes *x, int a, int b, int k) {
  for (size_t i = 0; i + 4 <= x->n; i++) {
    if (x->b[i] == 'P' && x->b[i + 1] == 'K' && x->b[i + 2] == a &&
        x->b[i + 3] == b && k-- == 0) {
      return i;
    }
  }
  cr_assert(false, "no such mark");
  return 0;
}

/* stored.npz with one byte changed at an offset from a mark. */
static void expect_zip(int a, int b, size_t at, int value, const char *text) {
  bytes x = slurp(DATA "stored.npz");
  x.b[mark(&x, a, b, 0) + at] = (unsigned char)value;
  expect_damage(&x, 'z', text);
}

Test(damage, zip_fields) {
  expect_zip(3, 4, 0, 'Q', "byte 0: local header: expected PK 03 04");
  expect_zip(3, 4, 8, 8, "local header: expected method 0");
  expect_zip(1, 2, 0, 'Q', "central directory: expected PK 01 02");
  expect_zip(1, 2, 8, 1, "a.npy: expected no encryption");
  expect_zip(1, 2, 10, 9, "a.npy: expected method 0 (stored) or 8");
  expect_zip(1, 2, 16, 0x55, "(a.npy): byte 224: checksum: expected");
  expect_zip(1, 2, 21, 0x7f, "a.npy: expected a member inside the 1166");
  expect_zip(1, 2, 24, 7, "a.npy: expected at most 224 unpacked bytes");
  expect_zip(1, 2, 29, 1, "length of member name: expected at most 255");
  expect_zip(1, 2, 31, 1, "extra field");
  expect_zip(1, 2, 44, 0x7f, "expected a member inside the 1166");
  expect_zip(1, 2, 46, 7, "member name: expected printable");
  expect_zip(5, 6, 4, 3, "disk number: expected 0, found 3");
  expect_zip(5, 6, 10, 200, "central directory");
  expect_zip(5, 6, 10, 5, "central directory");
  expect_zip(5, 6, 19, 0x10, "central directory: expected to end before");
  expect_zip(5, 6, 0, 'Q', "zip end record: expected PK 05 06");
}

Test(damage, zip_contents) {
  bytes x = slurp(DATA "stored.npz");
  size_t at = mark(&x, 1, 2, 0);
  x.b[at - 60] ^= 1; /* in the last member's header text */
  expect_damage(&x, 'z', "empty.npy");
  x = slurp(DATA "stored.npz");
  x.b[200] ^= 1; /* in the first member's numbers */
  expect_damage(&x, 'z', "(a.npy): byte 224: checksum");
  x = slurp(DATA "stored.npz");
  for (x.n--; x.n > at; x.n--) {
    expect_damage(&x, 'z', "zip end record");
  }
  x = slurp(DATA "stored.npz");
  size_t size = mark(&x, 1, 2, 3) + 20; /* members claim the same bytes */
  x.b[size] = x.b[size + 4] = 0;
  x.b[size + 1] = x.b[size + 5] = 3;
  expect_damage(&x, 'z', "empty.npy: expected a member inside the");
  x = slurp(DATA "deflated.npz");
  x.b[mark(&x, 1, 2, 0) + 20] -= 5; /* the deflated size is too short */
  expect_damage(&x, 'z', "(a.npy): byte");
}

/* ---- files damaged at random -------------------------------------------- */

static uint64_t fuzz_state = 88172645463325252u;

static uint32_t fuzz(uint32_t below) { /* Marsaglia's xorshift64 */
  fuzz_state ^= fuzz_state << 13;
  fuzz_state ^= fuzz_state >> 7;
  fuzz_state ^= fuzz_state << 17;
  return (uint32_t)(fuzz_state >> 33) % below;
}

static void mutate(bytes *x) {
  if (fuzz(8) == 0) {
    x->n = fuzz((uint32_t)x->n);
  }
  for (uint32_t k = fuzz(6) + 1; k > 0 && x->n > 0; k--) {
    static const unsigned char sharp[] = {0, 1, 127, 128, 255, '9', ',', ')'};
    unsigned char *p = &x->b[fuzz((uint32_t)x->n)];
    *p = fuzz(2) ? sharp[fuzz(8)] : (unsigned char)fuzz(256);
  }
}

Test(damage, at_random, .timeout = 120) {
  static const struct {
    const char *path;
    char kind;
  } seeds[] = {
    {DATA "c_f8.npy", 'n'},    {DATA "fortran_f8.npy", 'n'},
    {DATA "version3.npy", 'n'}, {DATA "big_i2.npy", 'n'},
    {DATA "stored.npz", 'z'},  {DATA "deflated.npz", 'z'},
    {DATA "images.idx", 'i'},  {DATA "images.idx.gz", 'i'},
    {DATA "two_members.idx.gz", 'i'},
  };
  const char *path = scratch(".fuzz");
  int refused = 0;
  for (int i = 0; i < 9000; i++) {
    bytes x = slurp(seeds[i % 9].path);
    mutate(&x);
    spill(path, &x);
    sl_status status = read_any(path, seeds[i % 9].kind);
    refused += status != SL_OK;
    cr_assert(status == SL_OK || strstr(err.msg, path) == err.msg, "%s",
              err.msg);
    cr_assert(source.file == NULL && !source.inflating);
  }
  unlink(path);
  cr_assert(refused > 3000, "only %d refused", refused);
}
