/* test_file.c: array files against NumPy's own (tests/data/README.md), files
** damaged one field at a time, files damaged at random, and printing.
** MIT licence. */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tensor/file.h"

#define DATA "tests/data/"

static sl_source source; /* large: not on the stack */
static sl_err err;

typedef struct array {
  sl_tensor t; /* the array */
  void *storage;
} array;

static void array_free(array *a) {
  sl_free(a->storage);
  a->storage = NULL;
}

/* What a caller does between the phases; refuses absurd sizes. */
static sl_status make(const sl_type *type, sl_tensor *t, array *a) {
  sl_int bytes = sl_numel(type) * sl_dtype_size(type->dtype);
  if (bytes > 1 << 26) {
    return sl_fail(&err, SL_ENOMEM, "%s: too large for this test", source.path);
  }
  a->storage = sl_malloc_aligned(bytes);
  sl_tensor_init(t, type, a->storage);
  return SL_OK;
}

static sl_status read_npy(array *a) {
  sl_npy h;
  sl_tensor stored;
  SL_TRY(sl_npy_header(&source, &h, &err));
  SL_TRY(make(&h.stored, &stored, a));
  SL_TRY(sl_npy_payload(&source, &h, &stored, &err));
  sl_npy_view(&h, &stored, &a->t);
  return SL_OK;
}

static sl_status read_npy_file(const char *path, array *a) {
  SL_TRY(sl_source_open(&source, path, &err));
  sl_status status = read_npy(a);
  if (status == SL_OK) {
    status = sl_source_end(&source, &err);
  }
  sl_source_close(&source);
  return status;
}

/* All members; the one called `want` is left in *a. */
static sl_status read_members(const char *want, array *a, int *count) {
  sl_zip z;
  SL_TRY(sl_zip_open(&z, &source, &err));
  for (*count = 0;; ++*count) {
    sl_zip_entry e;
    bool more;
    SL_TRY(sl_zip_next(&z, &e, &more, &err));
    if (!more) {
      return SL_OK;
    }
    array b = {.storage = NULL};
    sl_status status = sl_zip_enter(&z, &e, &err);
    status = status != SL_OK ? status : read_npy(&b);
    status = status != SL_OK ? status : sl_zip_leave(&z, &e, &err);
    if (status == SL_OK && want != NULL && strcmp(want, e.name) == 0) {
      *a = b;
    } else {
      array_free(&b);
    }
    SL_TRY(status);
  }
}

static sl_status read_npz_file(const char *path, const char *want, array *a,
                               int *count) {
  SL_TRY(sl_source_open(&source, path, &err));
  sl_status status = read_members(want, a, count);
  sl_source_close(&source);
  return status;
}

static sl_status read_idx(array *a, sl_int limit) {
  sl_idx h;
  SL_TRY(sl_idx_header(&source, &h, limit, &err));
  SL_TRY(make(&h.type, &a->t, a));
  return sl_idx_payload(&source, &h, &a->t, &err);
}

static sl_status read_idx_file(const char *path, sl_int limit, array *a) {
  SL_TRY(sl_source_open(&source, path, &err));
  sl_status status = read_idx(a, limit);
  sl_source_close(&source);
  return status;
}

static void expect(const array *a, const char *type, int n, const double *v) {
  char text[128];
  cr_assert_str_eq(sl_type_text(text, sizeof text, &a->t.type), type);
  cr_assert_eq(sl_numel(&a->t.type), n);
  for (int i = 0; i < n; i++) {
    cr_assert_eq(sl_get(&a->t, i), v[i], "element %d: %g", i, sl_get(&a->t, i));
  }
}

static void expect_npy(const char *name, const char *type, int n,
                       const double *v) {
  char path[256];
  array a = {.storage = NULL};
  snprintf(path, sizeof path, DATA "%s", name);
  cr_assert_eq(read_npy_file(path, &a), SL_OK, "%s", err.msg);
  expect(&a, type, n, v);
  array_free(&a);
}

static const double half_steps[12] = {-1,  -0.5, 0,   0.5, 1,   1.5,
                                      2,   2.5,  3,   3.5, 4,   4.5};

/* ---- NumPy's files ------------------------------------------------------ */

Test(file, numpy_orders_and_versions) {
  expect_npy("c_f8.npy", "[3 x 4] f64", 12, half_steps);
  expect_npy("fortran_f8.npy", "[3 x 4] f64", 12, half_steps);
  expect_npy("version2.npy", "[3 x 4] f64", 12, half_steps);
  expect_npy("version3.npy", "[3 x 4] f64", 12, half_steps);
  expect_npy("big_f4.npy", "[3 x 4] f32", 12, half_steps);
}

Test(file, numpy_shapes) {
  double u[24];
  for (int i = 0; i < 24; i++) {
    u[i] = i;
  }
  expect_npy("scalar_f8.npy", "[] f64", 1, (double[]){2.5});
  expect_npy("empty_f8.npy", "[0 x 3] f64", 0, NULL);
  expect_npy("u1_3d.npy", "[2 x 3 x 4] u8", 24, u);
}

Test(file, numpy_integers) {
  expect_npy("big_i2.npy", "[3] i64", 3, (double[]){-300, 0, 300});
  expect_npy("i1.npy", "[2] i64", 2, (double[]){-128, 127});
  expect_npy("u4.npy", "[2] i64", 2, (double[]){0, 4294967295.0});
  expect_npy("bool.npy", "[3] u8", 3, (double[]){1, 0, 1});
  array a = {.storage = NULL};
  cr_assert_eq(read_npy_file(DATA "i8.npy", &a), SL_OK);
  cr_assert_eq(sl_geti(&a.t, 0), -(INT64_C(1) << 62));
  cr_assert_eq(sl_geti(&a.t, 3), -1);
  array_free(&a);
  cr_assert_eq(read_npy_file(DATA "u8_fits.npy", &a), SL_OK);
  cr_assert_eq(sl_geti(&a.t, 1), INT64_MAX);
  array_free(&a);
}

static void expect_refused(const char *path, sl_status code,
                           const char *text) {
  array a = {.storage = NULL};
  cr_assert_eq(read_npy_file(path, &a), code);
  cr_assert(strstr(err.msg, path) != NULL, "%s", err.msg);
  cr_assert(strstr(err.msg, text) != NULL, "%s", err.msg);
  array_free(&a);
}

Test(file, numpy_types_without_counterpart) {
  expect_refused(DATA "f2.npy", SL_EDTYPE, "'descr': expected f4, f8");
  expect_refused(DATA "c16.npy", SL_EDTYPE, "found '<c16'");
  expect_refused(DATA "record.npy", SL_EFORMAT, "not a record type");
  expect_refused(DATA "u8_high.npy", SL_EFORMAT,
                 "byte 136: unsigned integer: expected at most 2^63 - 1");
}

static void expect_member(const char *path, const char *member, int members,
                          const char *type, int n, const double *v) {
  array a = {.storage = NULL};
  int count = -1;
  cr_assert_eq(read_npz_file(path, member, &a, &count), SL_OK, "%s", err.msg);
  cr_assert_eq(count, members);
  cr_assert(a.storage != NULL, "no member %s", member);
  expect(&a, type, n, v);
  array_free(&a);
}

Test(file, numpy_archives) {
  const char *stored = DATA "stored.npz", *deflated = DATA "deflated.npz";
  expect_member(stored, "a.npy", 4, "[3 x 4] f64", 12, half_steps);
  expect_member(stored, "b.npy", 4, "[3 x 4] f64", 12, half_steps);
  expect_member(stored, "s.npy", 4, "[] f64", 1, (double[]){2.5});
  expect_member(stored, "empty.npy", 4, "[0 x 3] f64", 0, NULL);
  expect_member(deflated, "a.npy", 3, "[3 x 4] f64", 12, half_steps);
  expect_member(deflated, "n.npy", 3, "[3] i64", 3, (double[]){1, 2, 3});
  expect_member(deflated, "m.npy", 3, "[2] u8", 2, (double[]){1, 0});
}

Test(file, idx_plain_and_gzipped) {
  const char *const names[] = {DATA "images.idx", DATA "images.idx.gz",
                               DATA "two_members.idx.gz"};
  double v[24];
  for (int i = 0; i < 24; i++) {
    v[i] = 10 * i;
  }
  for (int k = 0; k < 3; k++) {
    array a = {.storage = NULL};
    cr_assert_eq(read_idx_file(names[k], -1, &a), SL_OK, "%s", err.msg);
    expect(&a, "[2 x 3 x 4] u8", 24, v);
    array_free(&a);
    cr_assert_eq(read_idx_file(names[k], 1, &a), SL_OK, "%s", err.msg);
    expect(&a, "[1 x 3 x 4] u8", 12, v);
    array_free(&a);
  }
}

Test(file, idx_other_types) {
  array a = {.storage = NULL};
  cr_assert_eq(read_idx_file(DATA "f4.idx", -1, &a), SL_OK, "%s", err.msg);
  expect(&a, "[1 x 2] f32", 2, (double[]){1.5, -2.25});
  array_free(&a);
  cr_assert_eq(read_idx_file(DATA "i2.idx", -1, &a), SL_OK, "%s", err.msg);
  expect(&a, "[2] i64", 2, (double[]){-3, 300});
  array_free(&a);
}

/* ---- writing, and reading it back --------------------------------------- */

static char scratch_path[256];

/* A file name of this process's own. */
static const char *scratch(const char *ending) {
  snprintf(scratch_path, sizeof scratch_path, "%s/saddle-file-%ld%s", P_tmpdir,
           (long)getpid(), ending);
  return scratch_path;
}

static sl_status write_npy_file(const char *path, const sl_tensor *t) {
  sl_sink k = {.file = NULL};
  SL_TRY(sl_sink_open(&k, path, &err));
  SL_TRY(sl_npy_write(&k, t, &err));
  return sl_sink_commit(&k, &err);
}

Test(file, write_npy_every_dtype_and_shape) {
  const char *path = scratch(".npy");
  const sl_int shapes[][3] = {{2, 3, 4}, {0, 3, 1}, {1, 1, 1}, {5, 1, 0}};
  for (int d = 0; d < SL_NDTYPE; d++) {
    for (int k = 0; k < 4; k++) {
      sl_type type;
      array a = {.storage = NULL}, b = {.storage = NULL};
      cr_assert_eq(sl_type_make(&type, (sl_dtype)d, k, shapes[k], &err), SL_OK);
      cr_assert_eq(make(&type, &a.t, &a), SL_OK);
      for (sl_int i = 0; i < sl_numel(&type); i++) {
        sl_set(&a.t, i, (double)(3 * i + 1), 3 * i + 1);
      }
      cr_assert_eq(write_npy_file(path, &a.t), SL_OK, "%s", err.msg);
      cr_assert_eq(read_npy_file(path, &b), SL_OK, "%s", err.msg);
      cr_assert(sl_type_eq(&a.t.type, &b.t.type));
      for (sl_int i = 0; i < sl_numel(&type); i++) {
        cr_assert_eq(sl_get(&b.t, i), (double)(3 * i + 1));
      }
      array_free(&a);
      array_free(&b);
    }
  }
  unlink(path);
}

static double sample[1000];

static sl_tensor sample_tensor(void) {
  sl_tensor t;
  sl_type type;
  for (int i = 0; i < 1000; i++) {
    sample[i] = i % 17 / 16.0;
  }
  sl_type_make(&type, SL_F64, 2, (sl_int[]){25, 40}, &err);
  sl_tensor_init(&t, &type, sample);
  return t;
}

static void write_archive(const char *path, bool compress, bool force64) {
  sl_tensor t = sample_tensor();
  sl_zip_entry entries[2];
  sl_sink k = {.file = NULL};
  sl_zip_out z = {.sink = &k, .entries = entries, .capacity = 2,
                  .compress = compress, .force64 = force64};
  cr_assert_eq(sl_sink_open(&k, path, &err), SL_OK, "%s", err.msg);
  cr_assert_eq(sl_zip_add(&z, "first", &t, &err), SL_OK, "%s", err.msg);
  cr_assert_eq(sl_zip_add(&z, "second", &t, &err), SL_OK, "%s", err.msg);
  cr_assert_eq(sl_zip_add(&z, "third", &t, &err), SL_EARG);
  cr_assert_eq(sl_zip_finish(&z, &err), SL_OK, "%s", err.msg);
  cr_assert_eq(sl_sink_commit(&k, &err), SL_OK, "%s", err.msg);
}

Test(file, write_npz_stored_deflated_zip64) {
  const char *path = scratch(".npz");
  for (int k = 0; k < 4; k++) {
    write_archive(path, k & 1, k & 2);
    expect_member(path, "first.npy", 2, "[25 x 40] f64", 1000, sample);
    expect_member(path, "second.npy", 2, "[25 x 40] f64", 1000, sample);
    struct stat st;
    cr_assert_eq(stat(path, &st), 0);
    cr_assert((k & 1) == (st.st_size < 8000));
  }
  unlink(path);
}

Test(file, write_is_atomic) {
  const char *path = scratch(".npy");
  char temp[SL_PATH_MAX + 64];
  sl_tensor t = sample_tensor();
  cr_assert_eq(write_npy_file(path, &t), SL_OK);
  sl_sink k = {.file = NULL};
  cr_assert_eq(sl_sink_open(&k, path, &err), SL_OK);
  strcpy(temp, k.temp);
  cr_assert_eq(access(temp, F_OK), 0);
  cr_assert_eq(sl_sink_write(&k, "half", 4, &err), SL_OK);
  sl_sink_close(&k); /* given up: the old file stays, nothing is left over */
  sl_sink_close(&k);
  cr_assert_neq(access(temp, F_OK), 0);
  array a = {.storage = NULL};
  cr_assert_eq(read_npy_file(path, &a), SL_OK, "%s", err.msg);
  array_free(&a);
  unlink(path);
}

Test(file, write_says_where_it_cannot) {
  sl_sink k = {.file = NULL};
  cr_assert_eq(sl_sink_open(&k, "no/such/folder/x.npy", &err), SL_EIO);
  cr_assert(strstr(err.msg, "no/such/folder/x.npy") != NULL);
  cr_assert(k.file == NULL);
  cr_assert_eq(sl_source_open(&source, DATA, &err), SL_EIO);
  cr_assert(strstr(err.msg, "a directory") != NULL, "%s", err.msg);
  cr_assert_eq(sl_source_open(&source, "no/such.npy", &err), SL_EIO);
}

/* ---- files damaged one field at a time ---------------------------------- */

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

/* ---- images ------------------------------------------------------------- */

static sl_tensor tensor2(sl_dtype d, sl_int n, sl_int m, void *data) {
  sl_type type;
  sl_tensor t;
  cr_assert_eq(sl_type_make(&type, d, 2, (sl_int[]){n, m}, &err), SL_OK);
  sl_tensor_init(&t, &type, data);
  return t;
}

/* 3 x 2 -> 2 x 1 by hand: rows {1, 1/2} and {1/2, 1} of 3/2, columns halved. */
Test(image, area_average_by_hand) {
  unsigned char u[6] = {3, 5, 10, 20, 60, 100};
  double out[2];
  sl_tensor in = tensor2(SL_U8, 1, 6, u), to = tensor2(SL_F64, 1, 2, out);
  cr_assert_eq(sl_image_downsample(&to, 2, 1, &in, 3, 2, &err), SL_OK);
  cr_assert_float_eq(out[0], (4 * 2.0 + 15) / 3, 1e-14);
  cr_assert_float_eq(out[1], (15 + 80 * 2.0) / 3, 1e-14);
}

/* A constant stays, the mean is kept, the same size is the identity. */
Test(image, area_average_keeps_mass) {
  static const sl_int sizes[][4] = {{28, 28, 10, 10}, {28, 28, 28, 28},
                                    {28, 28, 1, 1},   {32, 32, 8, 8},
                                    {7, 5, 3, 4},     {28, 28, 27, 13}};
  for (int k = 0; k < 6; k++) {
    sl_int n = sizes[k][0] * sizes[k][1], m = sizes[k][2] * sizes[k][3];
    double in[2048], out[2048], mean = 0, after = 0;
    for (sl_int i = 0; i < n; i++) {
      in[i] = 100;
      in[n + i] = (double)fuzz(256);
      mean += in[n + i] / (double)n;
    }
    sl_tensor a = tensor2(SL_F64, 2, n, in), b = tensor2(SL_F64, 2, m, out);
    cr_assert_eq(sl_image_downsample(&b, sizes[k][2], sizes[k][3], &a,
                                     sizes[k][0], sizes[k][1], &err), SL_OK);
    for (sl_int i = 0; i < m; i++) {
      cr_assert_float_eq(out[i], 100, 1e-12);
      after += out[m + i] / (double)m;
      cr_assert(n != m || out[m + i] == in[n + i]);
    }
    cr_assert_float_eq(after, mean, 1e-12 * 256);
  }
}

Test(image, wrong_sizes_are_errors) {
  double in[12] = {0}, out[12];
  sl_tensor a = tensor2(SL_F64, 1, 12, in), b = tensor2(SL_F64, 1, 4, out);
  cr_assert_eq(sl_image_downsample(&b, 2, 2, &a, 3, 5, &err), SL_ESHAPE);
  cr_assert_eq(sl_image_downsample(&b, 4, 1, &a, 3, 4, &err), SL_ESHAPE);
  cr_assert_eq(sl_image_downsample(&b, 0, 4, &a, 3, 4, &err), SL_ESHAPE);
  sl_tensor f = tensor2(SL_F32, 1, 12, in);
  cr_assert_eq(sl_image_downsample(&b, 2, 2, &f, 3, 4, &err), SL_EDTYPE);
}

Test(image, scale) {
  unsigned char u[3] = {0, 51, 255};
  double out[3];
  sl_tensor in = tensor2(SL_U8, 1, 3, u), to = tensor2(SL_F64, 1, 3, out);
  cr_assert_eq(sl_image_scale(&to, &in, 255, 0, 1, &err), SL_OK);
  cr_assert(out[0] == 0 && out[1] == 51 / 255.0 && out[2] == 1);
  cr_assert_eq(sl_image_scale(&to, &in, 255, 0.5, 2, &err), SL_OK);
  cr_assert(out[0] == -0.25 && out[2] == 0.25);
}

Test(image, moments) {
  unsigned char u[4] = {0, 0, 255, 255};
  double f[4] = {1e8 + 1, 1e8 - 1, 1e8 + 1, 1e8 - 1}, mean, sd;
  sl_tensor a = tensor2(SL_U8, 2, 2, u), b = tensor2(SL_F64, 2, 2, f);
  cr_assert_eq(sl_image_moments(&a, &mean, &sd, &err), SL_OK);
  cr_assert(mean == 127.5 && sd == 127.5);
  cr_assert_eq(sl_image_moments(&b, &mean, &sd, &err), SL_OK);
  cr_assert(mean == 1e8 && sd == 1);
  a.type.shape[0] = 0;
  cr_assert_eq(sl_image_moments(&a, &mean, &sd, &err), SL_OK);
  cr_assert(isnan(mean) && isnan(sd));
}

/* ---- printing ----------------------------------------------------------- */

static void expect_text(const sl_tensor *t, const char *text) {
  char buf[8192];
  sl_int n = sl_tensor_text(buf, sizeof buf, t, NULL);
  cr_assert_str_eq(buf, text, "got\n%s\nexpected\n%s", buf, text);
  cr_assert_eq(n, (sl_int)strlen(text));
  char small[8];
  cr_assert_eq(sl_tensor_text(small, sizeof small, t, NULL), n);
  cr_assert_eq(strncmp(small, text, 7), 0);
  cr_assert_eq(sl_tensor_text(NULL, 0, t, NULL), n);
}

static sl_tensor tensor_of(sl_dtype d, int ndim, const sl_int *shape,
                           void *data) {
  sl_type type;
  sl_tensor t;
  cr_assert_eq(sl_type_make(&type, d, ndim, shape, &err), SL_OK);
  sl_tensor_init(&t, &type, data);
  return t;
}

static void expect_vector(int n, double *v, const char *text) {
  sl_tensor t = tensor_of(SL_F64, 1, (sl_int[]){n}, v);
  expect_text(&t, text);
}

Test(print, hessian) {
  double h[4] = {10, 0, 0, -2};
  sl_tensor t = tensor2(SL_F64, 2, 2, h);
  expect_text(&t, "[2 x 2] f64\n  10   0\n   0  -2");
}

Test(print, formats) {
  expect_vector(3, (double[]){1.5, -2.25, 0}, "[3] f64\n   1.50  -2.25      0");
  expect_vector(2, (double[]){-0.0, 3}, "[2] f64\n  -0   3");
  expect_vector(4, (double[]){(double)NAN, HUGE_VAL, -HUGE_VAL, 7},
                "[4] f64\n   nan   inf  -inf     7");
  expect_vector(2, (double[]){1e-10, 10}, "[2] f64\n  1e-10  1e+01");
  expect_vector(2, (double[]){1e300, 1.25e-300},
                "[2] f64\n  1.00e+300  1.25e-300");
  expect_vector(2, (double[]){1e9, 1}, "[2] f64\n  1000000000           1");
  expect_vector(2, (double[]){1.0 / 3, 100}, "[2] f64\n    0.33  100.00");
  expect_vector(2, (double[]){1.0 / 3, 1}, "[2] f64\n  0.3333  1.0000");
  expect_vector(2, (double[]){12345.678, 0.5}, "[2] f64\n  12345.68      0.50");
  expect_vector(1, (double[]){0.1}, "[1] f64\n  0.1");
  expect_vector(2, (double[]){1 + 1e-12, 1}, "[2] f64\n  1.0000  1.0000");
}

Test(print, integers_and_scalars) {
  int64_t i[3] = {INT64_MIN, INT64_MAX, 0};
  sl_tensor t = tensor_of(SL_I64, 1, (sl_int[]){3}, i);
  expect_text(&t, "[3] i64\n  -9223372036854775808   9223372036854775807"
                  "                     0");
  unsigned char u[2] = {0, 255};
  t = tensor_of(SL_U8, 1, (sl_int[]){2}, u);
  expect_text(&t, "[2] u8\n    0  255");
  double d = 0.1;
  t = tensor_of(SL_F64, 0, NULL, &d);
  expect_text(&t, "[] f64\n  0.1");
  d = 1.0 / 3;
  expect_text(&t, "[] f64\n  0.3333333333333333");
  float f = 0.1f;
  t = tensor_of(SL_F32, 0, NULL, &f);
  expect_text(&t, "[] f32\n  0.1");
}

Test(print, nothing) {
  double d = 0;
  sl_tensor t = tensor_of(SL_F64, 2, (sl_int[]){0, 3}, &d);
  expect_text(&t, "[0 x 3] f64");
  t = tensor_of(SL_F64, 3, (sl_int[]){2, 0, 5}, &d);
  expect_text(&t, "[2 x 0 x 5] f64");
}

Test(print, slices) {
  unsigned char u[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  sl_tensor t = tensor_of(SL_U8, 3, (sl_int[]){2, 2, 2}, u);
  expect_text(&t, "[2 x 2 x 2] u8\n(1, :, :)\n  1  2\n  3  4\n(2, :, :)\n"
                  "  5  6\n  7  8");
}

Test(print, wide) {
  double v[60];
  for (int i = 0; i < 60; i++) {
    v[i] = i % 30 * 1000 + 0.5;
  }
  sl_tensor t = tensor2(SL_F64, 2, 30, v);
  char buf[4096];
  sl_tensor_text(buf, sizeof buf, &t, NULL);
  cr_assert(strstr(buf, "\n(:, 1:8)\n") != NULL, "%s", buf);
  cr_assert(strstr(buf, "\n(:, 25:30)\n") != NULL, "%s", buf);
  char *line = strtok(buf, "\n");
  for (; line != NULL; line = strtok(NULL, "\n")) {
    cr_assert(strlen(line) <= 80, "%zu: %s", strlen(line), line);
  }
}

/* A broadcast view of 1e8 elements: only what is shown is read. */
Test(print, huge_view, .timeout = 5) {
  double one = 1;
  sl_tensor t = tensor2(SL_F64, 10000, 10000, &one);
  t.stride[0] = t.stride[1] = 0;
  expect_text(&t, "[10000 x 10000] f64\n"
                  "  1  1  1  ...  1  1  1\n  1  1  1  ...  1  1  1\n"
                  "  1  1  1  ...  1  1  1\n  ...\n"
                  "  1  1  1  ...  1  1  1\n  1  1  1  ...  1  1  1\n"
                  "  1  1  1  ...  1  1  1");
  t = tensor_of(SL_F64, 1, (sl_int[]){100000000}, &one);
  t.stride[0] = 0;
  expect_text(&t, "[100000000] f64\n  1  1  1  ...  1  1  1");
}

Test(print, many_axes, .timeout = 5) {
  double one = 1;
  sl_int shape[12] = {7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7};
  sl_tensor t = tensor_of(SL_F64, 12, shape, &one);
  memset(t.stride, 0, sizeof t.stride);
  sl_int n = sl_tensor_text(NULL, 0, &t, NULL);
  cr_assert(n > 0 && n < 200000, "%" PRId64, n);
}
