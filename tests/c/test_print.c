/* test_print.c: tensors as text: formats, wide and long ones, what is left out.
** MIT licence. */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "tensor/tensor.h"

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
  cr_assert_eq(sl_type_make(&type, d, ndim, shape, NULL), SL_OK);
  sl_tensor_init(&t, &type, data);
  return t;
}

static void expect_vector(int n, double *v, const char *text) {
  sl_tensor t = tensor_of(SL_F64, 1, (sl_int[]){n}, v);
  expect_text(&t, text);
}

Test(print, hessian) {
  double h[4] = {10, 0, 0, -2};
  sl_tensor t = tensor_of(SL_F64, 2, (sl_int[]){2, 2}, h);
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
  sl_tensor t = tensor_of(SL_F64, 2, (sl_int[]){2, 30}, v);
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
  sl_tensor t = tensor_of(SL_F64, 2, (sl_int[]){10000, 10000}, &one);
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
