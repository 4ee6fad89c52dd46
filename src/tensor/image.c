/* image.c: what a data set of images needs before it becomes numbers: the
** exact area average, and scaling in one pass. An output pixel covers an
** interval of source pixels in each direction; the weights are the shares of
** that interval, so every row of weights sums to 1 and constants stay.
** MIT licence. */
#include <math.h>
#include <string.h>

#include "tensor/file.h"

/* Row o of the weights: source pixels first .. first + count - 1. */
typedef struct span {
  sl_int first, count;
  const double *weight;
} span;

/* Weights of `to` intervals over `from` pixels. Interval o is
** [o from/to, (o + 1) from/to); in units of 1/to pixel all ends are integers,
** so the shares are exact quotients of integers. */
static void make_spans(span *spans, double *weight, sl_int from, sl_int to) {
  for (sl_int o = 0; o < to; o++) {
    sl_int lo = o * from, hi = lo + from;
    sl_int first = lo / to, last = (hi - 1) / to;
    spans[o] = (span){first, last - first + 1, weight};
    for (sl_int p = first; p <= last; p++) {
      sl_int a = p * to > lo ? p * to : lo;
      sl_int b = (p + 1) * to < hi ? (p + 1) * to : hi;
      *weight++ = (double)(b - a) / (double)from;
    }
  }
}

/* At most this many weights: each pixel once, and once more at each border. */
static sl_int span_room(sl_int from, sl_int to) { return from + 2 * to; }

/* line[q] = sum_p weight[p] image[first + p][q] */
static void mix_rows_u8(double *line, const unsigned char *image, sl_int cols,
                        span s) {
  memset(line, 0, (size_t)cols * sizeof *line);
  for (sl_int p = 0; p < s.count; p++) {
    const unsigned char *row = image + (s.first + p) * cols;
    for (sl_int q = 0; q < cols; q++) {
      line[q] += s.weight[p] * (double)row[q];
    }
  }
}

static void mix_rows_f64(double *line, const double *image, sl_int cols,
                         span s) {
  memset(line, 0, (size_t)cols * sizeof *line);
  for (sl_int p = 0; p < s.count; p++) {
    const double *row = image + (s.first + p) * cols;
    for (sl_int q = 0; q < cols; q++) {
      line[q] += s.weight[p] * row[q];
    }
  }
}

static double mix_line(const double *line, span s) {
  double sum = 0;
  for (sl_int p = 0; p < s.count; p++) {
    sum += s.weight[p] * line[s.first + p];
  }
  return sum;
}

typedef struct plan {
  sl_int r, c, rows, cols;
  span *down, *across;
  double *line;
} plan;

static void average(double *out, const sl_tensor *in, sl_int i,
                    const plan *k) {
  sl_int at = i * k->rows * k->cols;
  for (sl_int a = 0; a < k->r; a++) {
    if (in->type.dtype == SL_U8) {
      mix_rows_u8(k->line, (const unsigned char *)in->data + at, k->cols,
                  k->down[a]);
    } else {
      mix_rows_f64(k->line, (const double *)in->data + at, k->cols,
                   k->down[a]);
    }
    for (sl_int b = 0; b < k->c; b++) {
      out[(i * k->r + a) * k->c + b] = mix_line(k->line, k->across[b]);
    }
  }
}

static sl_status check_pair(const sl_tensor *out, const sl_tensor *in,
                            const char *what, sl_err *err) {
  if (!sl_is_contiguous(in) || !sl_is_contiguous(out)) {
    return sl_fail(err, SL_EARG, "%s: expected contiguous tensors", what);
  }
  if ((in->type.dtype != SL_U8 && in->type.dtype != SL_F64) ||
      out->type.dtype != SL_F64) {
    return sl_fail(err, SL_EDTYPE, "%s: expected u8 or f64, got %s", what,
                   sl_dtype_name(in->type.dtype));
  }
  return SL_OK;
}

static sl_status check_downsample(const sl_tensor *out, const sl_tensor *in,
                                  const plan *k, sl_err *err) {
  SL_TRY(check_pair(out, in, "downsample", err));
  bool fits = in->type.ndim == 2 && out->type.ndim == 2 && k->rows > 0 &&
              k->cols > 0 && in->type.shape[1] == k->rows * k->cols &&
              out->type.shape[1] == k->r * k->c &&
              in->type.shape[0] == out->type.shape[0];
  if (!fits || k->r < 1 || k->r > k->rows || k->c < 1 || k->c > k->cols) {
    char a[160], b[160];
    return sl_fail(err, SL_ESHAPE,
                   "downsample: sizes do not fit: images of %lld x %lld in %s, "
                   "wanted %lld x %lld in %s",
                   (long long)k->rows, (long long)k->cols,
                   sl_type_text(a, sizeof a, &in->type), (long long)k->r,
                   (long long)k->c, sl_type_text(b, sizeof b, &out->type));
  }
  return SL_OK;
}

sl_status sl_image_downsample(sl_tensor *out, sl_int r, sl_int c,
                              const sl_tensor *in, sl_int rows, sl_int cols,
                              sl_err *err) {
  plan k = {r, c, rows, cols, NULL, NULL, NULL};
  SL_TRY(check_downsample(out, in, &k, err));
  sl_int nr = span_room(rows, r), nc = span_room(cols, c);
  sl_int spans = (r + c) * (sl_int)sizeof(span);
  double *scratch = sl_malloc((nr + nc + cols) * (sl_int)sizeof(double) +
                              spans);
  if (scratch == NULL) {
    return sl_fail(err, SL_ENOMEM, "downsample: no memory for the weights");
  }
  k.line = scratch + nr + nc;
  k.down = (span *)(k.line + cols);
  k.across = k.down + r;
  make_spans(k.down, scratch, rows, r);
  make_spans(k.across, scratch + nr, cols, c);
  sl_status status = SL_OK;
  for (sl_int i = 0; i < in->type.shape[0] && status == SL_OK; i++) {
    average(out->data, in, i, &k);
    status = i % 1024 == 0 ? sl_poll(err, "downsample") : SL_OK;
  }
  sl_free(scratch);
  return status;
}

sl_status sl_image_scale(sl_tensor *out, const sl_tensor *in, double unit,
                         double mean, double sd, sl_err *err) {
  SL_TRY(check_pair(out, in, "scale", err));
  if (!sl_shape_eq(&out->type, &in->type)) {
    return sl_fail(err, SL_ESHAPE, "scale: shapes differ");
  }
  double *to = out->data, table[256];
  sl_int n = sl_numel(&in->type);
  for (int v = 0; v < 256; v++) {
    table[v] = (v / unit - mean) / sd;
  }
  for (sl_int i = 0; i < n && in->type.dtype == SL_U8; i++) {
    to[i] = table[((const unsigned char *)in->data)[i]];
  }
  for (sl_int i = 0; i < n && in->type.dtype == SL_F64; i++) {
    to[i] = (((const double *)in->data)[i] / unit - mean) / sd;
  }
  return SL_OK;
}

/* Sums over at most 4096 elements, then over those sums: the error grows with
** the root of the count of blocks at most. The centre is subtracted. */
static double power_sum(const double *x, sl_int n, double centre, int power) {
  double total = 0;
  for (sl_int at = 0; at < n; at += 4096) {
    double part = 0;
    for (sl_int i = at; i < n && i < at + 4096; i++) {
      double d = x[i] - centre;
      part += power == 1 ? d : d * d;
    }
    total += part;
  }
  return total;
}

static void moments_u8(const unsigned char *x, sl_int n, double *mean,
                       double *sd) {
  sl_int count[256] = {0};
  double sum = 0, squares = 0;
  for (sl_int i = 0; i < n; i++) {
    count[x[i]]++;
  }
  for (int v = 0; v < 256; v++) {
    sum += (double)count[v] * v;
  }
  *mean = sum / (double)n;
  for (int v = 0; v < 256; v++) {
    squares += (double)count[v] * (v - *mean) * (v - *mean);
  }
  *sd = sqrt(squares / (double)n);
}

sl_status sl_image_moments(const sl_tensor *in, double *mean, double *sd,
                           sl_err *err) {
  sl_tensor out = *in;
  out.type.dtype = SL_F64;
  SL_TRY(check_pair(&out, in, "moments", err));
  sl_int n = sl_numel(&in->type);
  if (in->type.dtype == SL_U8) {
    moments_u8(in->data, n, mean, sd);
  } else {
    *mean = power_sum(in->data, n, 0, 1) / (double)n;
    *sd = sqrt(power_sum(in->data, n, *mean, 2) / (double)n);
  }
  return SL_OK;
}

sl_status sl_image_labels(sl_tensor *out, const sl_tensor *in, sl_int classes,
                          sl_err *err) {
  if (in->type.dtype != SL_U8 || out->type.dtype != SL_I64 ||
      in->type.ndim != 1 || !sl_shape_eq(&in->type, &out->type) ||
      !sl_is_contiguous(in) || !sl_is_contiguous(out)) {
    char text[160];
    return sl_fail(err, SL_ESHAPE, "expected labels [n] u8, found %s",
                   sl_type_text(text, sizeof text, &in->type));
  }
  const unsigned char *from = in->data;
  int64_t *to = out->data;
  for (sl_int i = 0; i < in->type.shape[0]; i++) {
    if (from[i] >= classes) {
      return sl_fail(err, SL_EFORMAT,
                     "label %lld: expected 0 to %lld, found %d",
                     (long long)i + 1, (long long)classes - 1, from[i]);
    }
    to[i] = from[i] + 1;
  }
  return SL_OK;
}
