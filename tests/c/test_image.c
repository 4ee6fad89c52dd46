/* test_image.c: area averages, scaling and moments of images.
** MIT licence. */
#include <criterion/criterion.h>
#include <math.h>

#include "tensor/file.h"

static sl_err err;

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
      in[n + i] = (double)(i * 7919 % 257);
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
