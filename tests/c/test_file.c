/* test_file.c: array files against NumPy's own (tests/data/README.md); files
** written and read back.  MIT licence. */
#include <sys/stat.h>

#include "files.h"

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
