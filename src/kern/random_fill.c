/* random_fill.c: fills of any dtype from the rows of random_row.c, spread over
** threads in slabs; the checks of parameters and dtypes. Since every element
** has its own counter, cutting a fill in slabs cannot change it.
** MIT licence. */
#include <math.h>

#include "kern/philox.h"

#define PIECE 1024        /* elements converted at once, in L1 */
#define SLAB (64 * PIECE) /* elements a thread takes at once */

sl_status sl_random_check(const sl_draw *d, sl_err *err) {
  switch (d->kind) {
    case SL_RUNIFORM:
      if (!(d->a < d->b) || !isfinite(d->b - d->a)) {
        return sl_fail(err, SL_EARG,
                       "random.uniform: expected finite low < high, got "
                       "low = %.17g, high = %.17g", d->a, d->b);
      }
      return SL_OK;
    case SL_RNORMAL:
      if (!isfinite(d->a)) {
        return sl_fail(err, SL_EARG,
                       "random.normal: expected a finite mean, got %g", d->a);
      }
      if (!(d->b >= 0) || !isfinite(d->b)) {
        return sl_fail(err, SL_EARG,
                       "random.normal: expected a finite sd >= 0, got %g",
                       d->b);
      }
      return SL_OK;
    case SL_RBERNOULLI:
      if (!(d->a >= 0 && d->a <= 1)) {
        return sl_fail(err, SL_EARG,
                       "random.bernoulli: expected p in [0, 1], got %g", d->a);
      }
      return SL_OK;
    case SL_REXPONENTIAL:
      if (!(d->a > 0) || !isfinite(d->a)) {
        return sl_fail(err, SL_EARG,
                       "random.exponential: expected a finite rate > 0, got %g",
                       d->a);
      }
      return SL_OK;
    case SL_RINTEGER:
      if (d->lo > d->hi) {
        return sl_fail(err, SL_EARG,
                       "random.integer: expected low <= high, got low = %lld, "
                       "high = %lld", (long long)d->lo, (long long)d->hi);
      }
      return SL_OK;
    default:
      return SL_OK;
  }
}

static const char *kind_name(sl_random_kind kind) {
  static const char *const names[] = {
      [SL_RUNIFORM] = "uniform", [SL_RNORMAL] = "normal", [SL_RSIGN] = "sign",
      [SL_RBERNOULLI] = "bernoulli", [SL_REXPONENTIAL] = "exponential",
      [SL_RINTEGER] = "integer"};
  return names[kind];
}

/* Which dtypes hold every value of the draw. */
static sl_status check_dtype(const sl_draw *d, sl_dtype dtype, sl_err *err) {
  const char *name = kind_name(d->kind);
  const char *takes = "f64 or f32";
  bool fits = dtype == SL_F64 || dtype == SL_F32;
  if (d->kind == SL_RSIGN) {
    takes = "f64, f32 or i64";
    fits = fits || dtype == SL_I64;
  } else if (d->kind == SL_RBERNOULLI) {
    takes = "f64, f32, i64 or u8";
    fits = true;
  } else if (d->kind == SL_RINTEGER) {
    takes = "f64, f32, i64, or u8 within 0..255";
    fits = dtype != SL_U8 || (d->lo >= 0 && d->hi <= 255);
  }
  return fits ? SL_OK
              : sl_fail(err, SL_EDTYPE, "random.%s: expected dtype %s, got %s",
                        name, takes, sl_dtype_name(dtype));
}

/* The largest float below b: rounding must not reach the excluded end. */
static float below(double b) {
  float f = (float)b;
  return (double)f < b ? f : nextafterf(f, -INFINITY);
}

static void store_f32(const sl_draw *d, sl_int n, const double *v, float *out) {
  const float top = d->kind == SL_RUNIFORM ? below(d->b) : INFINITY;
  for (sl_int i = 0; i < n; i++) {
    float f = (float)v[i];
    out[i] = f < top ? f : top; /* no NaN comes here */
  }
}

static void store_int(sl_dtype dtype, sl_int n, const sl_int *k, void *out) {
  for (sl_int i = 0; i < n; i++) {
    switch (dtype) {
      case SL_F64:
        ((double *)out)[i] = (double)k[i];
        break;
      case SL_F32:
        ((float *)out)[i] = (float)k[i];
        break;
      case SL_I64:
        ((sl_int *)out)[i] = k[i];
        break;
      default:
        ((uint8_t *)out)[i] = (uint8_t)k[i];
        break;
    }
  }
}

/* One piece of a fill, straight to out where the dtype allows. */
static void piece(const sl_random *r, const sl_draw *d, uint64_t pos,
                  sl_dtype dtype, sl_int n, void *out) {
  double v[PIECE];
  sl_int k[PIECE];
  if (d->kind == SL_RINTEGER) {
    sl_random_row_int(r->key, 0, d, pos, n, k);
    store_int(dtype, n, k, out);
    return;
  }
  if (dtype == SL_F64) {
    sl_random_row(r->key, 0, d, pos, n, out);
    return;
  }
  sl_random_row(r->key, 0, d, pos, n, v);
  if (dtype == SL_F32) {
    store_f32(d, n, v, out);
    return;
  }
  for (sl_int i = 0; i < n; i++) {
    k[i] = (sl_int)v[i];
  }
  store_int(dtype, n, k, out);
}

/* Pieces end on multiples of SL_RANDOM_CHUNK, so only the first is ragged. */
static void slab(const sl_random *r, const sl_draw *d, uint64_t pos,
                 sl_dtype dtype, sl_int n, char *out) {
  const sl_int size = sl_dtype_size(dtype);
  while (n > 0) {
    sl_int take = PIECE - (sl_int)(pos % SL_RANDOM_CHUNK);
    take = take < n ? take : n;
    piece(r, d, pos, dtype, take, out);
    out += take * size;
    pos += (uint64_t)take;
    n -= take;
  }
}

sl_status sl_random_advance(sl_random *r, sl_int n, sl_err *err) {
  if ((uint64_t)n > SL_RANDOM_END - r->pos) {
    return sl_fail(err, SL_EARG,
                   "random: this generator is used up (2^62 draws); split it");
  }
  r->pos += (uint64_t)n;
  return SL_OK;
}

sl_status sl_random_fill(sl_random *r, const sl_draw *d, sl_dtype dtype,
                         sl_int n, void *out, sl_err *err) {
  SL_TRY(sl_random_check(d, err));
  SL_TRY(check_dtype(d, dtype, err));
  sl_random after = *r;
  SL_TRY(sl_random_advance(&after, n, err));
  const sl_int size = sl_dtype_size(dtype);
  const sl_int slabs = (n + SLAB - 1) / SLAB;
  if (slabs <= 1) {
    slab(r, d, r->pos, dtype, n, out);
    *r = after;
    return SL_OK;
  }
#pragma omp parallel for schedule(static) num_threads(sl_threads())
  for (sl_int s = 0; s < slabs; s++) {
    sl_int first = s * SLAB;
    sl_int len = n - first < SLAB ? n - first : SLAB;
    if (!sl_interrupted()) {
      slab(r, d, r->pos + (uint64_t)first, dtype, len,
           (char *)out + first * size);
    }
  }
  SL_TRY(sl_poll(err, "random"));
  *r = after;
  return SL_OK;
}
