/* random_choice.c: permutations, choices and splitting. Equal weights without
** replacement are the first k steps of a Fisher-Yates shuffle; when k is small
** the shuffled array is a hash table of the places that were touched, with the
** same outcome. Weights without replacement: the k smallest of exponential
** variables with rates w (Efraimidis and Spirakis, Inf. Process. Lett. 97,
** 2006), which is drawing one after another from what is left.  MIT licence. */
#include <math.h>
#include <stdlib.h>

#include "kern/random_lanes.h"

/* The place among the n - i left that step i of the shuffle takes. */
static sl_int pick(const sl_random *r, uint32_t kind, sl_int i, sl_int n) {
  uint64_t left = (uint64_t)(n - i);
  return i + (sl_int)sl_random_bounded(r->key, 0, kind, r->pos + (uint64_t)i,
                                       left);
}

sl_status sl_random_permutation(sl_random *r, sl_int n, sl_int *out,
                                sl_err *err) {
  if (n < 0) {
    return sl_fail(err, SL_EARG,
                   "random.permutation: expected n >= 0, got %lld",
                   (long long)n);
  }
  sl_random after = *r;
  SL_TRY(sl_random_advance(&after, n, err));
  for (sl_int i = 0; i < n; i++) {
    out[i] = i;
  }
  for (sl_int i = 0; i < n; i++) {
    if ((i & 0xffff) == 0xffff) {
      SL_TRY(sl_poll(err, "random.permutation"));
    }
    sl_int j = pick(r, SL_RPERMUTATION, i, n);
    sl_int t = out[i];
    out[i] = out[j];
    out[j] = t;
  }
  *r = after;
  return SL_OK;
}

enum { PATIENCE = 1 << 14 }; /* picks between two looks at Ctrl-C */

void sl_random_shuffle(uint64_t key, sl_int n, uint32_t *out) {
  const sl_random r = {.key = key};
  for (sl_int i = 0; i < n; i++) {
    out[i] = (uint32_t)i;
  }
  for (sl_int i = 0; i < n; i++) {
    if (i % PATIENCE == 0 && sl_interrupted()) {
      return;
    }
    sl_int j = pick(&r, SL_RPERMUTATION, i, n);
    uint32_t t = out[i];
    out[i] = out[j];
    out[j] = t;
  }
}

/* ---- without replacement, equal weights ---------------------------------- */

/* The array 0 .. n-1 under swaps: place -> content, where it differs. */
typedef struct places {
  sl_int *slot; /* pairs place + 1 (0: empty), content */
  sl_int mask;
} places;

static sl_int *place_find(const places *p, sl_int place) {
  uint64_t h = (uint64_t)place * UINT64_C(0x9E3779B97F4A7C15);
  for (sl_int i = (sl_int)(h >> 32) & p->mask;; i = (i + 1) & p->mask) {
    sl_int *s = p->slot + 2 * i;
    if (s[0] == 0 || s[0] == place + 1) {
      return s;
    }
  }
}

static sl_int place_get(const places *p, sl_int place) {
  const sl_int *s = place_find(p, place);
  return s[0] ? s[1] : place;
}

static void place_set(places *p, sl_int place, sl_int content) {
  sl_int *s = place_find(p, place);
  s[0] = place + 1;
  s[1] = content;
}

static sl_status choose_few(const sl_random *r, sl_int n, sl_int k, sl_int *out,
                            sl_err *err) {
  sl_int size = 16;
  while (size < 2 * k) {
    size *= 2;
  }
  places p = {sl_malloc(2 * size * (sl_int)sizeof(sl_int)), size - 1};
  if (!p.slot) {
    return sl_fail(err, SL_ENOMEM, "random.choice: out of memory");
  }
  for (sl_int i = 0; i < 2 * size; i++) {
    p.slot[i] = 0;
  }
  for (sl_int i = 0; i < k; i++) {
    sl_int j = pick(r, SL_RCHOICE, i, n);
    out[i] = place_get(&p, j);
    place_set(&p, j, place_get(&p, i)); /* place i is never asked for again */
  }
  sl_free(p.slot);
  return SL_OK;
}

static sl_status choose_many(const sl_random *r, sl_int n, sl_int k,
                             sl_int *out, sl_err *err) {
  sl_int *all = sl_malloc(n * (sl_int)sizeof *all);
  if (!all) {
    return sl_fail(err, SL_ENOMEM, "random.choice: out of memory");
  }
  for (sl_int i = 0; i < n; i++) {
    all[i] = i;
  }
  sl_status status = SL_OK;
  for (sl_int i = 0; i < k && status == SL_OK; i++) {
    sl_int j = pick(r, SL_RCHOICE, i, n);
    out[i] = all[j];
    all[j] = all[i];
    if ((i & 0xffff) == 0xffff) {
      status = sl_poll(err, "random.choice");
    }
  }
  sl_free(all);
  return status;
}

/* ---- weights ------------------------------------------------------------- */

/* Checks the weights; *some counts those above 0. */
static sl_status check_weights(sl_int n, const double *w, sl_int *some,
                               sl_err *err) {
  double total = 0;
  *some = 0;
  for (sl_int i = 0; i < n; i++) {
    if (!(w[i] >= 0) || !isfinite(w[i])) {
      return sl_fail(err, SL_EARG,
                     "random.choice: weights[%lld] is %g, expected a finite "
                     "number >= 0", (long long)(i + 1), w[i]);
    }
    total += w[i];
    *some += w[i] > 0;
  }
  if (!isfinite(total)) {
    return sl_fail(err, SL_EARG, "random.choice: the sum of weights overflows");
  }
  return SL_OK;
}

/* The first i with u < sum of w[0 .. i], given those sums. A place of weight 0
** has no interval of its own, so it is never found. */
static sl_int find_weight(sl_int n, const double *sum, double u) {
  sl_int low = 0, high = n - 1;
  while (low < high) {
    sl_int mid = low + (high - low) / 2;
    if (u < sum[mid]) {
      high = mid;
    } else {
      low = mid + 1;
    }
  }
  return low;
}

static sl_status choose_weighted(const sl_random *r, sl_int n, const double *w,
                                 sl_int k, sl_int *out, sl_err *err) {
  double *sum = sl_malloc(n * (sl_int)sizeof *sum);
  if (!sum) {
    return sl_fail(err, SL_ENOMEM, "random.choice: out of memory");
  }
  double total = 0;
  for (sl_int i = 0; i < n; i++) {
    total += w[i];
    sum[i] = total;
  }
  const double largest = nextafter(total, 0);
  sl_status status = SL_OK;
  for (sl_int i = 0; i < k && status == SL_OK; i++) {
    if ((i & 0xffff) == 0xffff) {
      status = sl_poll(err, "random.choice");
    }
    uint64_t word = sl_random_word(r->key, 0, SL_RCHOICE, r->pos + (uint64_t)i);
    double u = total * (0x1p-53 + (double)(word >> 12) * 0x1p-52);
    out[i] = find_weight(n, sum, u < largest ? u : largest);
  }
  sl_free(sum);
  return status;
}

typedef struct arrival {
  double time;
  sl_int place;
} arrival;

static int arrival_order(const void *a, const void *b) {
  const arrival *x = a, *y = b;
  if (x->time != y->time) {
    return x->time < y->time ? -1 : 1;
  }
  return (x->place > y->place) - (x->place < y->place);
}

static sl_status choose_arrivals(const sl_random *r, sl_int n, const double *w,
                                 sl_int k, sl_int *out, sl_err *err) {
  arrival *all = sl_malloc(n * (sl_int)sizeof *all);
  if (!all) {
    return sl_fail(err, SL_ENOMEM, "random.choice: out of memory");
  }
  const sl_draw d = {.kind = SL_REXPONENTIAL, .a = 1};
  double e[SL_RANDOM_CHUNK];
  sl_int some = 0;
  for (sl_int i = 0; i < n; i++) {
    sl_int j = i % SL_RANDOM_CHUNK;
    if (j == 0) {
      sl_random_row(r->key, 0, &d, r->pos + (uint64_t)i, SL_RANDOM_CHUNK, e);
    }
    if (w[i] > 0) {
      all[some++] = (arrival){log(e[j]) - log(w[i]), i}; /* no overflow */
    }
  }
  qsort(all, (size_t)some, sizeof *all, arrival_order);
  for (sl_int i = 0; i < k; i++) {
    out[i] = all[i].place;
  }
  sl_free(all);
  return SL_OK;
}

/* ---- the choice ---------------------------------------------------------- */

static sl_status check_choice(sl_int n, const double *w, bool replace, sl_int k,
                              sl_err *err) {
  if (n < 0 || k < 0) {
    return sl_fail(err, SL_EARG,
                   "random.choice: expected n >= 0 and k >= 0, got n = %lld, "
                   "k = %lld", (long long)n, (long long)k);
  }
  sl_int some = n;
  if (w) {
    SL_TRY(check_weights(n, w, &some, err));
  }
  if (k > 0 && (some == 0 || (!replace && k > some))) {
    return sl_fail(err, SL_EARG,
                   "random.choice: cannot choose k = %lld of %lld%s %s "
                   "replacement", (long long)k, (long long)some,
                   w ? " with weight above 0" : "",
                   replace ? "with" : "without");
  }
  return SL_OK;
}

sl_status sl_random_choice(sl_random *r, sl_int n, const double *weights,
                           bool replace, sl_int k, sl_int *out, sl_err *err) {
  SL_TRY(check_choice(n, weights, replace, k, err));
  sl_random after = *r;
  SL_TRY(sl_random_advance(&after, weights && !replace ? n : k, err));
  if (k == 0) {
    return SL_OK;
  }
  if (weights && replace) {
    SL_TRY(choose_weighted(r, n, weights, k, out, err));
  } else if (weights) {
    SL_TRY(choose_arrivals(r, n, weights, k, out, err));
  } else if (replace) {
    const sl_draw d = {.kind = SL_RINTEGER, .lo = 0, .hi = n - 1};
    sl_random_row_int(r->key, 0, &d, r->pos, k, out);
  } else if (k < n / 16) {
    SL_TRY(choose_few(r, n, k, out, err));
  } else {
    SL_TRY(choose_many(r, n, k, out, err));
  }
  *r = after;
  return SL_OK;
}

sl_random sl_random_split(sl_random *r) {
  uint32_t k[2] = {(uint32_t)r->key, (uint32_t)(r->key >> 32)};
  uint32_t c[4] = {(uint32_t)r->children, (uint32_t)(r->children >> 32), 0,
                   SL_RSPLIT};
  sl_philox4x32(c, k, c);
  r->children++;
  return (sl_random){.key = c[0] | (uint64_t)c[1] << 32};
}
