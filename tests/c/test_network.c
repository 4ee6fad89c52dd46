/* test_network.c: derivatives of networks against a naive complex network:
** complex steps, differences, and identities between the entries.
** MIT licence. */
#include <complex.h>

#include "nums.h"

#include "num/network.h"

TestSuite(network, .fini = free_owned);

static double complex phi(sl_activation act, double complex z) {
  switch (act) {
    case SL_ACT_TANH:
      return ctanh(z);
    case SL_ACT_SIGMOID:
      return 1 / (1 + cexp(-z));
    case SL_ACT_RELU:
      return creal(z) > 0 ? z : 0;
    case SL_ACT_SOFTPLUS:
      return clog(1 + cexp(z));
    default:
      return z;
  }
}

static double complex loss_of(const sl_net *net, const double complex *o,
                              const double *y, sl_int label) {
  sl_int K = net->size[net->layers];
  double complex sum = 0;
  for (sl_int k = 0; k < K; k++) {
    if (net->loss == SL_LOSS_CROSS_ENTROPY) {
      sum += cexp(o[k]);
    } else if (net->loss == SL_LOSS_MSE) {
      sum += (o[k] - y[k]) * (o[k] - y[k]) / (double)K;
    } else {
      sum += (clog(1 + cexp(o[k])) - y[k] * o[k]) / (double)K;
    }
  }
  return net->loss == SL_LOSS_CROSS_ENTROPY ? clog(sum) - o[label] : sum;
}

/* The objective, sample by sample and weight by weight, for complex w. */
static double complex naive(const sl_net *net, const double complex *w,
                            sl_int N, const double *x, const double *y,
                            const int64_t *label) {
  double complex total = 0, a[16], z[16];
  for (sl_int n = 0; n < N; n++) {
    sl_int p = 0;
    for (sl_int j = 0; j < net->size[0]; j++) {
      a[j] = x[n * net->size[0] + j];
    }
    for (int l = 1; l <= net->layers; l++) {
      for (sl_int i = 0; i < net->size[l]; i++) {
        z[i] = 0;
        for (sl_int j = 0; j < net->size[l - 1]; j++) {
          z[i] += w[p++] * a[j];
        }
      }
      for (sl_int i = 0; i < net->size[l]; i++) {
        a[i] = phi(net->act[l - 1], z[i] + (net->bias[l - 1] ? w[p++] : 0));
      }
    }
    total += loss_of(net, a, y + n * net->size[net->layers],
                     label[n] - net->label_base);
  }
  double complex square = 0;
  for (sl_int i = 0; i < sl_net_dim(net); i++) {
    square += w[i] * w[i];
  }
  return total / (double)N + net->l2 / 2 * square;
}

/* Gradient by complex steps, exact to rounding. */
static void naive_grad(const sl_net *net, const double *w, sl_int N,
                       const double *x, const double *y, const int64_t *label,
                       double *g) {
  double complex c[400];
  for (sl_int i = 0; i < sl_net_dim(net); i++) {
    for (sl_int j = 0; j < sl_net_dim(net); j++) {
      c[j] = w[j];
    }
    c[i] += 1e-30 * (double complex)I;
    g[i] = cimag(naive(net, c, N, x, y, label)) / 1e-30;
  }
}

typedef struct problem {
  sl_tensor w, x, y, target, labels;
  sl_int P, N;
} problem;

static problem pose(const sl_net *net, sl_int N) {
  problem p = {.P = sl_net_dim(net), .N = N};
  p.w = filled(SL_F64, 1, p.P, 0);
  p.x = filled(SL_F64, 2, N, net->size[0]);
  p.target = filled(SL_F64, 2, N, net->size[net->layers]);
  p.labels = make(SL_I64, 1, N, 0);
  for (sl_int i = 0; i < N; i++) {
    sl_set(&p.labels, i, 0, i % net->size[net->layers] + net->label_base);
  }
  p.y = net->loss == SL_LOSS_CROSS_ENTROPY ? p.labels : p.target;
  return p;
}

/* Value and gradient against the naive network and its complex steps. */
static void check_gradient(const sl_net *net, const problem *p, sl_tensor *g) {
  sl_err err = {0};
  double value, want[400];
  double complex c[400];
  for (sl_int i = 0; i < p->P; i++) {
    c[i] = f64(p->w)[i];
  }
  OK(sl_net_value_grad(net, &value, g, &p->w, &p->x, &p->y, &err));
  double plain = creal(
      naive(net, c, p->N, p->x.data, p->target.data, p->labels.data));
  cr_assert_float_eq(value, plain, 1e-13 * (1 + fabs(plain)));
  naive_grad(net, p->w.data, p->N, p->x.data, p->target.data, p->labels.data,
             want);
  for (sl_int i = 0; i < p->P; i++) {
    cr_assert_float_eq(f64(*g)[i], want[i], 1e-13);
  }
}

/* The Hessian against differences of naive gradients; symmetric to the bit. */
static void check_hessian(const sl_net *net, const problem *p, sl_tensor *H) {
  sl_err err = {0};
  double up[400], down[400], w[400], h = 1e-5;
  OK(sl_net_hessian(net, H, &p->w, &p->x, &p->y, &err));
  memcpy(w, p->w.data, (size_t)p->P * 8);
  for (sl_int i = 0; i < p->P; i++) {
    w[i] += h;
    naive_grad(net, w, p->N, p->x.data, p->target.data, p->labels.data, up);
    w[i] -= 2 * h;
    naive_grad(net, w, p->N, p->x.data, p->target.data, p->labels.data, down);
    w[i] += h;
    for (sl_int j = 0; j < p->P; j++) {
      cr_assert_float_eq(at(*H, i, j), (up[j] - down[j]) / (2 * h), 2e-9,
                         "layers %d act %d loss %d (%d, %d): %g %g",
                         net->layers, (int)net->act[0], (int)net->loss, (int)i,
                         (int)j, at(*H, i, j), (up[j] - down[j]) / (2 * h));
      cr_assert_eq(at(*H, i, j), at(*H, j, i));
    }
  }
}

/* H v, and v'g_n, v'H_n v with their means. */
static void check_products(const sl_net *net, const problem *p, sl_tensor g,
                           sl_tensor H) {
  sl_err err = {0};
  sl_int P = p->P, N = p->N;
  sl_tensor v = filled(SL_F64, 1, P, 0), Hv = make(SL_F64, 1, P, 0);
  sl_tensor slope = make(SL_F64, 1, N, 0), curve = make(SL_F64, 1, N, 0);
  sl_tensor rows = make(SL_F64, 2, N, P);
  OK(sl_net_hvp(net, &Hv, &p->w, &v, &p->x, &p->y, &err));
  OK(sl_net_along(net, &slope, &curve, &p->w, &v, &p->x, &p->y, &err));
  OK(sl_net_sample_grads(net, &rows, &p->w, &p->x, &p->y, &err));
  double vHv = 0, mean = 0;
  for (sl_int i = 0; i < P; i++) {
    double sum = 0, row = 0;
    for (sl_int j = 0; j < P; j++) {
      sum += at(H, i, j) * f64(v)[j];
    }
    for (sl_int n = 0; n < N; n++) {
      row += at(rows, n, i) / (double)N;
    }
    cr_assert_float_eq(f64(Hv)[i], sum, 1e-12);
    cr_assert_float_eq(f64(g)[i], row, 1e-13);
    vHv += f64(v)[i] * f64(Hv)[i];
  }
  for (sl_int n = 0; n < N; n++) {
    double along = 0;
    for (sl_int i = 0; i < P; i++) {
      along += at(rows, n, i) * f64(v)[i];
    }
    cr_assert_float_eq(f64(slope)[n], along, 1e-12);
    mean += f64(curve)[n] / (double)N;
  }
  cr_assert_float_eq(mean, vHv, 1e-12 * (1 + fabs(vHv)));
}

static void check_net(const sl_net *net, sl_int N) {
  problem p = pose(net, N);
  sl_tensor g = make(SL_F64, 1, p.P, 0), H = make(SL_F64, 2, p.P, p.P);
  check_gradient(net, &p, &g);
  check_hessian(net, &p, &H);
  check_products(net, &p, g, H);
}

Test(network, every_depth_activation_and_loss) {
  for (int layers = 1; layers <= 4; layers++) {
    for (int act = 0; act < SL_NACT; act++) {
      for (int loss = 0; loss < SL_NLOSS; loss++) {
        sl_net net = {.layers = layers, .size = {3, 4, 2, 3, 2},
                      .loss = (sl_loss)loss, .l2 = 0.01, .label_base = act % 2};
        for (int l = 0; l < layers; l++) {
          bool last = l == layers - 1;
          net.act[l] = last && act % 2 ? SL_ACT_IDENTITY : (sl_activation)act;
          net.bias[l] = (l + act + loss) % 3 != 0;
        }
        check_net(&net, 7);
      }
    }
  }
}

static const sl_net wide_net = {
    .layers = 3, .size = {20, 19, 6, 5},
    .act = {SL_ACT_TANH, SL_ACT_SOFTPLUS, SL_ACT_IDENTITY},
    .bias = {true, true, true}, .loss = SL_LOSS_CROSS_ENTROPY, .l2 = 1e-3};

static void all_of(sl_dtype d, problem *p, sl_tensor *g, sl_tensor *H) {
  sl_err err = {0};
  sl_tensor w = make(d, 1, p->P, 0), x = make(d, 2, p->N, 20);
  double value;
  OK(sl_copy(&w, &p->w, &err));
  OK(sl_copy(&x, &p->x, &err));
  *g = make(d, 1, p->P, 0);
  *H = make(d, 2, p->P, p->P);
  OK(sl_net_value_grad(&wide_net, &value, g, &w, &x, &p->y, &err));
  OK(sl_net_hessian(&wide_net, H, &w, &x, &p->y, &err));
}

Test(network, many_blocks_and_threads_give_the_same_bits) {
  /* 5000 samples are several slabs and several blocks; the Hessian must be the
  ** mean of those of halves, and not depend on the thread count */
  sl_err err = {0};
  problem p = pose(&wide_net, 5000), half = p;
  sl_tensor g1, H1, g2, H2, Ha, Hb;
  OK(sl_threads_set(1, &err));
  all_of(SL_F64, &p, &g1, &H1);
  OK(sl_threads_set(2, &err));
  all_of(SL_F64, &p, &g2, &H2);
  cr_assert_eq(memcmp(g1.data, g2.data, (size_t)p.P * 8), 0);
  cr_assert_eq(memcmp(H1.data, H2.data, (size_t)(p.P * p.P) * 8), 0);
  half.N = 2500;
  sl_view_slice(&half.x, &p.x, 0, 0, 1, 2500);
  sl_view_slice(&half.y, &p.y, 0, 0, 1, 2500);
  all_of(SL_F64, &half, &g2, &Ha);
  sl_view_slice(&half.x, &p.x, 0, 2500, 1, 2500);
  sl_view_slice(&half.y, &p.y, 0, 2500, 1, 2500);
  all_of(SL_F64, &half, &g2, &Hb);
  for (sl_int i = 0; i < p.P * p.P; i++) {
    cr_assert_float_eq(f64(H1)[i], (f64(Ha)[i] + f64(Hb)[i]) / 2, 1e-14);
  }
}

Test(network, single_precision_agrees) {
  problem p = pose(&wide_net, 300);
  sl_tensor g, H, gf, Hf;
  all_of(SL_F64, &p, &g, &H);
  all_of(SL_F32, &p, &gf, &Hf);
  cr_assert_lt(apart(g, gf), 1e-5);
  cr_assert_lt(apart(H, Hf), 2e-5);
}

Test(network, softmax_regression_at_zero) {
  /* H = (1/C)(I - 11'/C) (x) X'X/N: checked entry by entry */
  sl_err err = {0};
  sl_net net = {.layers = 1, .size = {4, 3}, .loss = SL_LOSS_CROSS_ENTROPY};
  problem p = pose(&net, 50);
  sl_tensor H = make(SL_F64, 2, 12, 12);
  sl_fill(&p.w, 0, 0);
  OK(sl_net_hessian(&net, &H, &p.w, &p.x, &p.y, &err));
  for (int i = 0; i < 12; i++) {
    for (int j = 0; j < 12; j++) {
      double moment = 0;
      for (int n = 0; n < 50; n++) {
        moment += at(p.x, n, i % 4) * at(p.x, n, j % 4) / 50;
      }
      double c = ((i / 4 == j / 4) - 1.0 / 3) / 3;
      cr_assert_float_eq(at(H, i, j), c * moment, 1e-15);
    }
  }
}

Test(network, losses_do_not_overflow) {
  sl_err err = {0};
  sl_net net = {.layers = 1, .size = {1, 2}, .loss = SL_LOSS_CROSS_ENTROPY};
  sl_tensor w = make(SL_F64, 1, 2, 0), x = make(SL_F64, 2, 1, 1);
  sl_tensor y = make(SL_I64, 1, 1, 0), t = make(SL_F64, 2, 1, 2);
  double value;
  f64(x)[0] = 1;
  f64(w)[0] = 1000;
  f64(w)[1] = -1000;
  sl_set(&y, 0, 0, 1);
  OK(sl_net_value(&net, &value, &w, &x, &y, &err));
  cr_assert_eq(value, 2000);
  net.loss = SL_LOSS_BCE;
  OK(sl_net_value(&net, &value, &w, &x, &t, &err));
  cr_assert_eq(value, 500);
}

Test(network, errors) {
  sl_err err = {0};
  problem p = pose(&wide_net, 4);
  double value;
  sl_set(&p.labels, 2, 0, 5);
  cr_assert_eq(sl_net_value(&wide_net, &value, &p.w, &p.x, &p.labels, &err),
               SL_EINDEX);
  cr_assert(strstr(err.msg, "label 5"));
  sl_tensor few = filled(SL_F64, 1, 3, 0);
  cr_assert_eq(sl_net_value(&wide_net, &value, &few, &p.x, &p.labels, &err),
               SL_ESHAPE);
  cr_assert(strstr(err.msg, "[3] f64"), "%s", err.msg);
  sl_net bad = wide_net;
  bad.l2 = -1;
  cr_assert_eq(sl_net_check(&bad, &err), SL_EARG);
}

/* ---- all curvatures ------------------------------------------------------ */

/* Everything that is not a value, of one net, in one list. */
enum { NKINDS = 9 };

static sl_status kind_of(int kind, const sl_net *net, const problem *p,
                         sl_tensor *out, sl_err *err) {
  const sl_tensor *w = &p->w, *x = &p->x, *y = &p->y;
  sl_int P = p->P;
  bool square = kind == 0 || kind == 1 || kind == 2 || kind == 3;
  *out = make(SL_F64, square ? 2 : 1, P, square ? P : 0);
  switch (kind) {
    case 0:
      return sl_net_hessian(net, out, w, x, y, err);
    case 1:
      return sl_net_gauss_newton(net, out, w, x, y, err);
    case 2:
      return sl_net_second_moment(net, false, out, w, x, y, err);
    case 3:
      return sl_net_second_moment(net, true, out, w, x, y, err);
    case 4:
      return sl_net_diagonal(net, SL_CURVATURE_HESSIAN, out, w, x, y, err);
    case 5:
      return sl_net_diagonal(net, SL_CURVATURE_GAUSS_NEWTON, out, w, x, y,
                             err);
    case 6: {
      sl_tensor V = make(SL_F64, 2, 5, P);
      for (sl_int i = 0; i < 5 * P; i++) {
        f64(V)[i] = sin((double)i);
      }
      *out = make(SL_F64, 2, 5, P);
      return sl_net_hvps(net, out, w, &V, x, y, err);
    }
    case 7: {
      sl_int first = sl_net_offset(net, 2), next = sl_net_offset(net, 3);
      *out = make(SL_F64, 2, next - first, first);
      return sl_net_block(net, SL_CURVATURE_HESSIAN, out, 2, 1, w, x, y, err);
    }
    default: {
      double value;
      return sl_net_value_grad(net, &value, out, w, x, y, err);
    }
  }
}

Test(network, every_curvature_has_the_same_bits_for_any_threads) {
  sl_err err = {0};
  problem p = pose(&wide_net, 1500);
  for (int kind = 0; kind < NKINDS; kind++) {
    sl_tensor one, two;
    OK(sl_threads_set(1, &err));
    OK(kind_of(kind, &wide_net, &p, &one, &err));
    OK(sl_threads_set(3, &err));
    OK(kind_of(kind, &wide_net, &p, &two, &err));
    size_t bytes = (size_t)sl_numel(&one.type) * 8;
    cr_assert_eq(memcmp(one.data, two.data, bytes), 0, "kind %d", kind);
    if (kind < 4) {
      for (sl_int i = 0; i < p.P; i++) {
        for (sl_int j = 0; j < i; j++) {
          cr_assert_eq(at(one, i, j), at(one, j, i), "kind %d", kind);
        }
      }
    }
  }
}

/* A net of more than 2^17 parameters is worked on in tiles. */
static const sl_net huge_net = {
    .layers = 3, .size = {200, 600, 20, 30},
    .act = {SL_ACT_TANH, SL_ACT_IDENTITY, SL_ACT_SIGMOID},
    .bias = {true, true, true}, .loss = SL_LOSS_MSE, .l2 = 1e-3};

Test(network, tiles_of_a_wide_net) {
  /* the gradient against the mean of sample gradients, H v against the slopes
  ** of gradients, both of which go another way; sums of 600 terms of size 1 */
  sl_err err = {0};
  problem p = pose(&huge_net, 40);
  sl_int P = p.P;
  sl_tensor g = make(SL_F64, 1, P, 0), rows = make(SL_F64, 2, 40, P);
  sl_tensor v = filled(SL_F64, 1, P, 0), Hv = make(SL_F64, 1, P, 0);
  sl_tensor slope = make(SL_F64, 1, 40, 0), curve = make(SL_F64, 1, 40, 0);
  double value, vHv = 0, mean = 0;
  cr_assert_gt(P, 1 << 17);
  OK(sl_net_value_grad(&huge_net, &value, &g, &p.w, &p.x, &p.y, &err));
  OK(sl_net_sample_grads(&huge_net, &rows, &p.w, &p.x, &p.y, &err));
  for (sl_int i = 0; i < P; i++) {
    double sum = 0;
    for (sl_int n = 0; n < 40; n++) {
      sum += at(rows, n, i) / 40;
    }
    cr_assert_float_eq(f64(g)[i], sum, 1e-12);
  }
  OK(sl_net_hvp(&huge_net, &Hv, &p.w, &v, &p.x, &p.y, &err));
  OK(sl_net_along(&huge_net, &slope, &curve, &p.w, &v, &p.x, &p.y, &err));
  for (sl_int i = 0; i < P; i++) {
    vHv += f64(v)[i] * f64(Hv)[i];
  }
  for (sl_int n = 0; n < 40; n++) {
    mean += f64(curve)[n] / 40;
  }
  cr_assert_float_eq(vHv, mean, 1e-11 * (1 + fabs(mean)), "%g %g", vHv, mean);
}

Test(network, slabs_and_threads_of_a_wide_net) {
  sl_err err = {0};
  problem p = pose(&huge_net, 700), half = p;
  sl_tensor one, two, parts[2];
  for (int kind = 6; kind < NKINDS; kind += 2) { /* hvps and the gradient */
    OK(sl_threads_set(1, &err));
    OK(kind_of(kind, &huge_net, &p, &one, &err));
    OK(sl_threads_set(3, &err));
    OK(kind_of(kind, &huge_net, &p, &two, &err));
    sl_int count = sl_numel(&one.type);
    cr_assert_eq(memcmp(one.data, two.data, (size_t)count * 8), 0);
    half.N = 350;
    for (int i = 0; i < 2; i++) {
      sl_view_slice(&half.x, &p.x, 0, 350 * i, 1, 350);
      sl_view_slice(&half.y, &p.y, 0, 350 * i, 1, 350);
      OK(kind_of(kind, &huge_net, &half, &parts[i], &err));
    }
    for (sl_int i = 0; i < count; i++) {
      double want = (f64(parts[0])[i] + f64(parts[1])[i]) / 2;
      cr_assert_float_eq(f64(one)[i], want, 1e-11 * (1 + fabs(want)));
    }
  }
}

/* Point of the problem, its tapes kept or not. */
static sl_net_point *point_at(const problem *p, bool keep) {
  sl_err err = {0};
  sl_int bytes = sl_net_point_bytes(&wide_net, SL_F64, p->N, keep);
  char *block = own((size_t)bytes + 64);
  void *base = block + (64 - (uintptr_t)block % 64);
  OK(sl_net_point_init(base, keep, &wide_net, &p->w, &p->x, &p->y, &err));
  return base;
}

Test(network, a_point_gives_the_bits_of_the_plain_calls) {
  sl_err err = {0};
  problem p = pose(&wide_net, 900);
  sl_tensor g = make(SL_F64, 1, p.P, 0), same = make(SL_F64, 1, p.P, 0);
  sl_tensor V = filled(SL_F64, 2, 4, p.P), A = make(SL_F64, 2, 4, p.P);
  sl_tensor B = make(SL_F64, 2, 4, p.P), v, Hv = make(SL_F64, 1, p.P, 0);
  double value;
  OK(sl_net_value_grad(&wide_net, &value, &g, &p.w, &p.x, &p.y, &err));
  OK(sl_net_hvps(&wide_net, &A, &p.w, &V, &p.x, &p.y, &err));
  for (int keep = 0; keep < 2; keep++) {
    sl_net_point *point = point_at(&p, keep);
    cr_assert_eq(sl_net_point_value(point), value);
    OK(sl_net_point_grad(point, &same, &err));
    cr_assert_eq(memcmp(g.data, same.data, (size_t)p.P * 8), 0);
    OK(sl_net_point_hvps(point, &B, &V, &err));
    cr_assert_eq(memcmp(A.data, B.data, (size_t)p.P * 32), 0);
  }
  /* one at a time: the products have other shapes, hence 1e-14 */
  for (int j = 0; j < 4; j++) {
    sl_type type = Hv.type;
    sl_tensor_init(&v, &type, f64(V) + j * p.P);
    OK(sl_net_hvp(&wide_net, &Hv, &p.w, &v, &p.x, &p.y, &err));
    for (sl_int i = 0; i < p.P; i++) {
      cr_assert_float_eq(f64(Hv)[i], at(A, j, i), 1e-14);
    }
  }
}

Test(network, errors_of_curvatures) {
  sl_err err = {0};
  problem p = pose(&wide_net, 4);
  sl_tensor H = make(SL_F64, 2, 3, 3), d = make(SL_F64, 1, p.P, 0);
  cr_assert_eq(sl_net_block(&wide_net, SL_CURVATURE_HESSIAN, &H, 1, 2, &p.w,
                            &p.x, &p.y, &err), SL_EARG);
  cr_assert_eq(sl_net_block(&wide_net, SL_CURVATURE_HESSIAN, &H, 4, 1, &p.w,
                            &p.x, &p.y, &err), SL_EARG);
  cr_assert_eq(sl_net_block(&wide_net, SL_CURVATURE_HESSIAN, &H, 1, 1, &p.w,
                            &p.x, &p.y, &err), SL_ESHAPE);
  cr_assert_eq(sl_net_diagonal(&wide_net, SL_CURVATURE_MOMENT, &d, &p.w, &p.x,
                               &p.y, &err), SL_EARG);
  cr_assert_eq(sl_net_gauss_newton(&wide_net, &H, &p.w, &p.x, &p.y, &err),
               SL_ESHAPE);
  cr_assert_eq(sl_net_hvps(&wide_net, &d, &p.w, &H, &p.x, &p.y, &err),
               SL_ESHAPE);
}

/* ---- what every entry must survive --------------------------------------- */

static sl_status call_one(int which, void *arg, sl_err *err) {
  problem *p = arg;
  double value;
  sl_tensor out;
  if (which < NKINDS) {
    return kind_of(which, &wide_net, p, &out, err);
  }
  return sl_net_value(&wide_net, &value, &p->w, &p->x, &p->y, err);
}

Test(network, stops_when_interrupted) {
  problem p = pose(&wide_net, 40);
  stops_when_interrupted(call_one, NKINDS + 1, &p);
}

Test(network, reports_when_memory_runs_out) {
  problem p = pose(&wide_net, 40);
  reports_no_memory(call_one, NKINDS + 1, &p);
}
