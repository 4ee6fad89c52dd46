/* view.c: descriptors into another tensor's storage. Nothing is copied; every
** function writes *out last, so out may be in. MIT licence. */
#include "tensor/tensor.h"

static char *address(const sl_tensor *t, int axis, sl_int i) {
  return (char *)t->data +
         i * t->stride[axis] * sl_dtype_size(t->type.dtype);
}

void sl_tensor_init(sl_tensor *t, const sl_type *type, void *data) {
  sl_type_copy(&t->type, type);
  t->data = data;
  sl_int s = 1;
  for (int j = t->type.ndim - 1; j >= 0; j--) {
    t->stride[j] = s;
    s *= t->type.shape[j] > 0 ? t->type.shape[j] : 1;
  }
}

bool sl_is_contiguous(const sl_tensor *t) {
  sl_int s = 1;
  bool whole = true;
  for (int j = t->type.ndim - 1; j >= 0; j--) {
    sl_int n = t->type.shape[j];
    if (n == 0) {
      return true;
    }
    whole &= n == 1 || t->stride[j] == s;
    s *= n;
  }
  return whole;
}

bool sl_is_broadcast(const sl_tensor *t) {
  bool shared = false;
  for (int j = 0; j < t->type.ndim; j++) {
    if (t->type.shape[j] == 0) {
      return false;
    }
    shared |= t->type.shape[j] > 1 && t->stride[j] == 0;
  }
  return shared;
}

/* ---- reshape ------------------------------------------------------------- */

/* in's axes of extent other than 1, neighbours merged where one stride serves
** both. Returns their number. */
static int merged_axes(const sl_tensor *in, sl_int *n, sl_int *s) {
  int m = 0;
  for (int j = 0; j < in->type.ndim; j++) {
    sl_int nj = in->type.shape[j], sj = in->stride[j];
    if (nj == 1) {
      continue;
    }
    if (m > 0 && s[m - 1] == sj * nj) {
      n[m - 1] *= nj;
      s[m - 1] = sj;
    } else {
      n[m] = nj;
      s[m++] = sj;
    }
  }
  return m;
}

/* Splits each merged axis into new axes, from the last; fails when a new axis
** would straddle two of them. */
bool sl_view_reshape(sl_tensor *out, const sl_tensor *in, const sl_type *type) {
  sl_tensor v;
  sl_tensor_init(&v, type, in->data);
  v.type.dtype = in->type.dtype;
  if (sl_numel(&in->type) == 0) {
    *out = v;
    return true;
  }
  sl_int n[SL_MAXDIM], s[SL_MAXDIM];
  int m = merged_axes(in, n, s);
  sl_int left = 1, step = 1; /* of the merged axis being split */
  for (int j = type->ndim - 1; j >= 0; j--) {
    if (type->shape[j] == 1) {
      continue;
    }
    if (left == 1) {
      m--;
      left = n[m];
      step = s[m];
    }
    if (left % type->shape[j] != 0) {
      return false;
    }
    v.stride[j] = step;
    step *= type->shape[j];
    left /= type->shape[j];
  }
  *out = v;
  return true;
}

/* ---- the other views ----------------------------------------------------- */

void sl_view_permute(sl_tensor *out, const sl_tensor *in, const int *perm) {
  sl_tensor v = *in;
  for (int j = 0; j < in->type.ndim; j++) {
    v.type.shape[j] = in->type.shape[perm[j]];
    v.stride[j] = in->stride[perm[j]];
  }
  *out = v;
}

void sl_view_slice(sl_tensor *out, const sl_tensor *in, int axis, sl_int start,
                   sl_int step, sl_int len) {
  sl_tensor v = *in;
  if (len > 0) { /* an empty view keeps an address inside the storage */
    v.data = address(in, axis, start);
  }
  v.type.shape[axis] = len;
  v.stride[axis] = len > 1 ? in->stride[axis] * step : in->stride[axis];
  *out = v;
}

void sl_view_index(sl_tensor *out, const sl_tensor *in, int axis, sl_int i) {
  sl_tensor v = *in;
  v.data = address(in, axis, i);
  v.type.ndim--;
  for (int j = axis; j < v.type.ndim; j++) {
    v.type.shape[j] = in->type.shape[j + 1];
    v.stride[j] = in->stride[j + 1];
  }
  *out = v;
}

void sl_view_broadcast(sl_tensor *out, const sl_tensor *in,
                       const sl_type *type) {
  sl_tensor v = *in;
  int lead = type->ndim - in->type.ndim;
  v.type.ndim = type->ndim;
  for (int j = type->ndim - 1; j >= 0; j--) {
    bool own = j >= lead && in->type.shape[j - lead] == type->shape[j];
    v.stride[j] = own ? in->stride[j - lead] : 0;
    v.type.shape[j] = type->shape[j];
  }
  *out = v;
}

/* The bytes [*low, *high) between a tensor's first and last element. */
static bool byte_range(const sl_tensor *t, uintptr_t *low, uintptr_t *high) {
  sl_int first = 0, last = 0;
  for (int j = 0; j < t->type.ndim; j++) {
    if (t->type.shape[j] == 0) {
      return false;
    }
    sl_int reach = (t->type.shape[j] - 1) * t->stride[j];
    first += reach < 0 ? reach : 0;
    last += reach > 0 ? reach : 0;
  }
  sl_int size = sl_dtype_size(t->type.dtype);
  *low = (uintptr_t)t->data + (uintptr_t)(first * size);
  *high = (uintptr_t)t->data + (uintptr_t)((last + 1) * size);
  return true;
}

bool sl_overlap(const sl_tensor *a, const sl_tensor *b) {
  uintptr_t a0, a1, b0, b1;
  return byte_range(a, &a0, &a1) && byte_range(b, &b0, &b1) && a0 < b1 &&
         b0 < a1;
}

bool sl_flat_step(const sl_tensor *t, sl_int *step) {
  int ndim = t->type.ndim;
  if (ndim <= 1) {
    *step = ndim == 1 ? t->stride[0] : 0;
    return true;
  }
  bool fixed = true;
  for (int j = 0; j < ndim && fixed; j++) {
    fixed = t->stride[j] == 0;
  }
  *step = fixed ? 0 : 1;
  return fixed || sl_is_contiguous(t);
}
