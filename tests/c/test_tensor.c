/* test_tensor.c: types, views, element-wise maps and copies, against naive
** loops over sl_get, which knows nothing of the nest. Every layout of the
** operands, empty and 0-d shapes. MIT licence. */
#include "tensors.h"

TestSuite(tensor, .fini = free_made);

/* ---- types --------------------------------------------------------------- */

Test(tensor, sizes_are_checked) {
  sl_type t;
  sl_err err;
  sl_int huge[] = {INT64_MAX / 8, 2}, ok[] = {INT64_MAX / 8};
  sl_int empty[] = {0, INT64_MAX / 8, 2}, negative[] = {3, -1};
  cr_assert_eq(sl_type_make(&t, SL_F64, 2, huge, &err), SL_ESHAPE);
  cr_assert(strstr(err.msg, "axis 2") != NULL);
  cr_assert_eq(sl_type_make(&t, SL_F64, 1, ok, &err), SL_OK);
  cr_assert_eq(sl_type_make(&t, SL_F64, 3, empty, &err), SL_ESHAPE);
  cr_assert_eq(sl_type_make(&t, SL_F64, 2, negative, &err), SL_ESHAPE);
  sl_int ones[SL_MAXDIM + 1];
  for (int j = 0; j <= SL_MAXDIM; j++) {
    ones[j] = 1;
  }
  cr_assert_eq(sl_type_make(&t, SL_F64, SL_MAXDIM, ones, &err), SL_OK);
  cr_assert_eq(sl_type_make(&t, SL_F64, SL_MAXDIM + 1, ones, &err), SL_ESHAPE);
}

Test(tensor, text_of_types) {
  char buf[64];
  sl_type t = type(SL_F32, SHAPE(3, 4)), z = type(SL_I64, 0, NULL);
  cr_assert_str_eq(sl_type_text(buf, sizeof buf, &t), "[3 x 4] f32");
  cr_assert_str_eq(sl_type_text(buf, sizeof buf, &z), "[] i64");
  cr_assert_str_eq(sl_type_text(buf, 5, &t), "[3 x");
  cr_assert_str_eq(sl_type_text(buf, 1, &t), "");
}

/* numpy's rule: -1 ends a shape; want[0] = -2: an error. */
Test(tensor, broadcasting_rule) {
  static const sl_int rows[][3][5] = {
      {{-1}, {-1}, {-1}},
      {{3, -1}, {-1}, {3, -1}},
      {{3, -1}, {1, -1}, {3, -1}},
      {{2, 3, -1}, {3, -1}, {2, 3, -1}},
      {{2, 1, -1}, {1, 5, -1}, {2, 5, -1}},
      {{4, 1, 3, -1}, {2, 1, -1}, {4, 2, 3, -1}},
      {{0, -1}, {1, -1}, {0, -1}},
      {{2, 0, -1}, {1, 1, -1}, {2, 0, -1}},
      {{1, -1}, {0, -1}, {0, -1}},
      {{0, -1}, {3, -1}, {-2}},
      {{0, -1}, {2, -1}, {-2}},
      {{2, 3, -1}, {2, -1}, {-2}},
      {{3, -1}, {4, -1}, {-2}},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    sl_type t[2], out = {.dtype = SL_F64};
    for (int side = 0; side < 2; side++) {
      int n = 0;
      while (rows[i][side][n] >= 0) {
        n++;
      }
      t[side] = type(SL_F64, n, rows[i][side]);
    }
    for (int swap = 0; swap < 2; swap++) {
      sl_err err;
      sl_status s = sl_broadcast("add", &t[swap], &t[1 - swap], &out, &err);
      if (rows[i][2][0] == -2) {
        cr_assert_eq(s, SL_ESHAPE);
        continue;
      }
      int n = 0;
      for (; rows[i][2][n] >= 0; n++) {
        cr_assert(n < out.ndim && out.shape[n] == rows[i][2][n], "row %d",
                  (int)i);
      }
      cr_assert_eq(out.ndim, n);
    }
  }
}

Test(tensor, broadcasting_message_shows_both_shapes) {
  sl_type a = type(SL_F64, SHAPE(3, 4)), b = type(SL_F32, SHAPE(5)), out = a;
  sl_err err;
  sl_broadcast("add", &a, &b, &out, &err);
  cr_assert_str_eq(err.msg, "add: shapes do not broadcast: a is [3 x 4] f64, "
                            "b is [5] f32");
}

/* ---- views --------------------------------------------------------------- */

Test(tensor, slices_and_indices) {
  sl_tensor x = iota(SL_F64, SHAPE(4, 5)), v;
  sl_view_slice(&v, &x, 1, 4, -2, 3);
  static const double want[] = {4, 2, 0, 9, 7, 5};
  for (int p = 0; p < 6; p++) {
    cr_assert_eq(sl_get(&v, p), want[p]);
  }
  sl_view_index(&v, &v, 0, 3);
  cr_assert(v.type.ndim == 1 && sl_get(&v, 1) == 17);
  sl_view_slice(&v, &x, 0, 4, 1, 0);
  cr_assert(sl_numel(&v.type) == 0 && v.data == x.data);
}

Test(tensor, reshape_without_copy_where_possible) {
  sl_tensor x = iota(SL_F64, SHAPE(4, 6)), v, w;
  sl_type t = type(SL_F64, SHAPE(2, 2, 3, 2));
  cr_assert(sl_view_reshape(&v, &x, &t) && sl_is_contiguous(&v));
  int perm[] = {1, 0};
  sl_view_permute(&v, &x, perm); /* [6 x 4], columns first */
  t = type(SL_F64, SHAPE(24));
  cr_assert_not(sl_view_reshape(&w, &v, &t));
  t = type(SL_F64, SHAPE(2, 3, 1, 2, 2));
  cr_assert(sl_view_reshape(&w, &v, &t));
  for (int p = 0; p < 24; p++) {
    cr_assert_eq(sl_get(&w, p), sl_get(&v, p));
  }
  t = type(SL_F64, SHAPE(4, 6));
  cr_assert_not(sl_view_reshape(&w, &v, &t));
  sl_view_slice(&v, &x, 0, 3, -1, 4); /* backwards rows */
  t = type(SL_F64, SHAPE(2, 2, 6));
  cr_assert(sl_view_reshape(&w, &v, &t) && sl_get(&w, 6) == sl_get(&v, 6));
  sl_tensor s = iota(SL_F64, SHAPE(1, 1)), z;
  t = type(SL_F64, 0, NULL);
  cr_assert(sl_view_reshape(&z, &s, &t) && sl_get(&z, 0) == 0);
  sl_tensor e = make(SL_F64, SHAPE(0, 3));
  t = type(SL_F64, SHAPE(7, 0));
  cr_assert(sl_view_reshape(&z, &e, &t) && z.type.shape[0] == 7);
}

Test(tensor, contiguity_broadcast_overlap) {
  sl_tensor x = iota(SL_F64, SHAPE(4, 6)), v, top, low, b;
  cr_assert(sl_is_contiguous(&x) && !sl_is_broadcast(&x));
  sl_view_slice(&v, &x, 1, 0, 1, 3);
  cr_assert_not(sl_is_contiguous(&v));
  sl_view_slice(&v, &x, 1, 2, 1, 1);
  sl_view_slice(&v, &v, 0, 0, 1, 1);
  cr_assert(sl_is_contiguous(&v));
  sl_view_slice(&top, &x, 0, 1, -1, 2);
  sl_view_slice(&low, &x, 0, 2, 1, 2);
  cr_assert(!sl_overlap(&top, &low) && sl_overlap(&top, &x));
  sl_type t = type(SL_F64, SHAPE(3, 4, 6));
  sl_view_broadcast(&b, &x, &t);
  cr_assert(sl_is_broadcast(&b) && sl_get(&b, 24 + 7) == 7);
  sl_view_slice(&v, &x, 0, 0, 1, 0);
  cr_assert(!sl_overlap(&v, &x) && sl_is_contiguous(&v));
}

/* ---- maps ---------------------------------------------------------------- */

static void check_add(const sl_tensor *a, const sl_tensor *b,
                      sl_tensor *out) {
  const sl_tensor *in[] = {a, b};
  sl_err err;
  cr_assert_eq(sl_map(SL_LANE_add, out, 2, in, &err), SL_OK, "%s", err.msg);
  for (sl_int p = 0; p < sl_numel(&out->type); p++) {
    cr_assert_eq(sl_get(out, p), sl_get(a, p) + sl_get(b, p), "at %d", (int)p);
  }
}

Test(tensor, maps_in_every_layout) {
  static const struct {
    int ndim;
    sl_int n[4];
  } shapes[] = {{0, {0}},        {1, {7}},          {1, {0}},
                {2, {3, 5}},     {2, {0, 5}},       {3, {2, 3, 4}},
                {3, {40, 1, 2}}, {4, {3, 1, 70, 2}}, {2, {400, 200}}};
  for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
    int nd = shapes[s].ndim;
    sl_tensor a = random_tensor(SL_F64, nd, shapes[s].n), ah = hostile(&a);
    sl_tensor b = random_tensor(SL_F64, nd, shapes[s].n), bh = hostile(&b);
    sl_tensor out = make(SL_F64, nd, shapes[s].n), oh = hostile(&out);
    check_add(&a, &b, &out);
    check_add(&ah, &b, &out);
    check_add(&a, &bh, &oh);
    check_add(&ah, &bh, &oh);
    for (int axis = 0; axis < nd; axis++) { /* one operand fixed along it */
      if (shapes[s].n[axis] > 0) {
        sl_tensor row;
        sl_view_slice(&row, &bh, axis, 0, 1, 1);
        sl_view_broadcast(&row, &row, &a.type);
        check_add(&a, &row, &out);
        check_add(&row, &ah, &oh);
      }
    }
    sl_tensor one = random_tensor(SL_F64, 0, NULL), wide;
    sl_view_broadcast(&wide, &one, &a.type);
    check_add(&a, &wide, &out);
    check_add(&wide, &a, &oh);
  }
}

Test(tensor, maps_in_place) {
  sl_tensor x = iota(SL_F64, SHAPE(200, 300)), v;
  int perm[] = {1, 0};
  sl_view_permute(&v, &x, perm);
  const sl_tensor *in[] = {&v, &v};
  cr_assert_eq(sl_map(SL_LANE_add, &v, 2, in, NULL), SL_OK);
  for (sl_int p = 0; p < 60000; p++) {
    cr_assert_eq(sl_get(&x, p), 2.0 * (double)p);
  }
  cr_assert_eq(sl_powi(&v, &v, 2, NULL), SL_OK);
  cr_assert_eq(sl_get(&x, 500), 1e6);
}

Test(tensor, maps_check_their_operands) {
  sl_tensor a = iota(SL_F64, SHAPE(3)), b = iota(SL_F32, SHAPE(3));
  sl_tensor c = iota(SL_F64, SHAPE(4)), m = iota(SL_U8, SHAPE(3));
  sl_tensor i = iota(SL_I64, SHAPE(3));
  sl_err err;
  const sl_tensor *mixed[] = {&b, &a}, *shapes[] = {&a, &c}, *ok[] = {&a, &a};
  const sl_tensor *ints[] = {&i, &i}, *masks[] = {&m, &m};
  cr_assert_eq(sl_map(SL_LANE_add, &a, 2, mixed, &err), SL_EDTYPE);
  cr_assert_eq(sl_map(SL_LANE_add, &a, 2, shapes, &err), SL_ESHAPE);
  cr_assert_eq(sl_map(SL_LANE_lt, &a, 2, ok, &err), SL_EDTYPE);
  cr_assert_eq(sl_map(SL_LANE_lt, &m, 2, ok, &err), SL_OK);
  cr_assert_eq(sl_map(SL_LANE_div, &i, 2, ints, &err), SL_EDTYPE);
  cr_assert_str_eq(err.msg, "div: not defined for i64");
  cr_assert_eq(sl_map(SL_LANE_add, &m, 2, masks, &err), SL_EDTYPE);
  cr_assert_eq(sl_powi(&i, &i, -1, &err), SL_EDOM);
  cr_assert_eq(sl_powi(&m, &m, 2, &err), SL_EDTYPE);
}

Test(tensor, long_loops_stop_on_interrupt) {
  sl_tensor a = iota(SL_F64, SHAPE(300, 300)), s = scalar(SL_F64), b = a;
  const sl_tensor *in[] = {&a};
  int perm[] = {1, 0};
  sl_view_permute(&b, &a, perm);
  sl_tensor c = make(SL_F64, SHAPE(300, 300));
  sl_interrupt_set();
  sl_err err;
  cr_assert_eq(sl_map(SL_LANE_neg, &a, 1, in, &err), SL_EINTR);
  cr_assert_eq(sl_reduce(SL_RSUM, &s, &a, 3, &err), SL_EINTR);
  cr_assert_eq(sl_copy(&c, &b, &err), SL_EINTR);
  cr_assert_eq(sl_cumsum(&c, &b, 0, &err), SL_EINTR);
  cr_assert_eq(sl_matmul(&c, &a, &b, false, false, &err), SL_EINTR);
  sl_interrupt_clear();
  cr_assert_eq(sl_reduce(SL_RSUM, &s, &a, 3, &err), SL_OK);
}

/* ---- copies -------------------------------------------------------------- */

Test(tensor, copies_between_layouts_and_dtypes) {
  sl_tensor x = random_tensor(SL_I64, SHAPE(50, 3, 40)), h = hostile(&x);
  for (int d = 0; d < SL_NDTYPE; d++) {
    sl_tensor to = make((sl_dtype)d, SHAPE(50, 3, 40)), th = hostile(&to);
    sl_fill(&th, -5, 5);
    cr_assert_eq(sl_copy(&to, &h, NULL), SL_OK);
    cr_assert_eq(sl_copy(&th, &x, NULL), SL_OK);
    for (sl_int p = 0; p < 6000; p++) {
      cr_assert(sl_geti(&to, p) == sl_geti(&x, p) &&
                sl_get(&th, p) == sl_get(&x, p));
    }
  }
}

Test(tensor, refused_conversions_leave_the_target_alone) {
  sl_tensor x = iota(SL_F64, SHAPE(300)), to = iota(SL_U8, SHAPE(300));
  sl_tensor i = iota(SL_I64, SHAPE(300));
  sl_err err;
  sl_fill(&to, 0, 9);
  cr_assert_eq(sl_copy(&to, &x, &err), SL_EDOM);
  cr_assert_str_eq(err.msg, "convert: a value of [300] f64 is NaN or outside "
                            "the range of u8");
  cr_assert_eq(sl_copy(&to, &i, &err), SL_EDOM);
  cr_assert_eq(sl_geti(&to, 0), 9);
  sl_set(&x, 7, not_a_number, 0);
  cr_assert_eq(sl_copy(&i, &x, &err), SL_EDOM);
  cr_assert_eq(sl_geti(&i, 299), 299);
}

Test(tensor, copies_may_overlap) {
  sl_tensor x = iota(SL_F64, SHAPE(100)), a, b;
  sl_view_slice(&a, &x, 0, 0, 1, 99);
  sl_view_slice(&b, &x, 0, 1, 1, 99);
  cr_assert_eq(sl_copy(&b, &a, NULL), SL_OK);
  sl_view_slice(&a, &x, 0, 99, -1, 100);
  cr_assert_eq(sl_copy(&x, &a, NULL), SL_OK);
  for (int p = 0; p < 99; p++) {
    cr_assert_eq(sl_get(&x, p), 98 - p);
  }
  cr_assert_eq(sl_get(&x, 99), 0);
  sl_malloc_fail_at(1);
  cr_assert_eq(sl_copy(&x, &a, NULL), SL_ENOMEM);
  sl_malloc_fail_at(0);
}
