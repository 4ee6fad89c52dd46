/* idx.c: IDX files, the format of MNIST: two zero bytes, an element type, a
** count of axes, big-endian 32-bit extents, then the elements, big-endian.
** The file must hold exactly what its header says.
** source: Y. LeCun, C. Cortes, C. Burges, THE MNIST DATABASE.  MIT licence. */
#include <inttypes.h>
#include <string.h>

#include "tensor/file.h"

static bool elem_of(int code, sl_elem *e) {
  switch (code) {
    case 0x08: *e = (sl_elem){'u', 1, true}; return true;
    case 0x09: *e = (sl_elem){'i', 1, true}; return true;
    case 0x0b: *e = (sl_elem){'i', 2, true}; return true;
    case 0x0c: *e = (sl_elem){'i', 4, true}; return true;
    case 0x0d: *e = (sl_elem){'f', 4, true}; return true;
    case 0x0e: *e = (sl_elem){'f', 8, true}; return true;
    default: return false;
  }
}

static sl_status read_magic(sl_source *s, sl_idx *h, int *ndim, sl_err *err) {
  unsigned char b[4];
  SL_TRY(sl_source_read(s, b, 4, "magic", err));
  if (b[0] != 0 || b[1] != 0) {
    return sl_source_bad(s, err, 0, "magic", "expected 00 00, found %02x %02x",
                         b[0], b[1]);
  }
  if (!elem_of(b[2], &h->elem)) {
    return sl_source_bad(s, err, 2, "element type",
                         "expected 08, 09, 0b, 0c, 0d or 0e, found %02x",
                         b[2]);
  }
  if (b[3] < 1 || b[3] > SL_MAXDIM) {
    return sl_source_bad(s, err, 3, "number of axes",
                         "expected 1 to %d, found %d", SL_MAXDIM, b[3]);
  }
  *ndim = b[3];
  return SL_OK;
}

static sl_status read_shape(sl_source *s, sl_int *shape, int ndim,
                            sl_err *err) {
  for (int i = 0; i < ndim; i++) {
    unsigned char b[4];
    SL_TRY(sl_source_read(s, b, 4, "extent", err));
    shape[i] = (sl_int)b[0] << 24 | b[1] << 16 | b[2] << 8 | b[3];
  }
  return SL_OK;
}

/* The bytes of the whole payload, whatever the limit. */
static sl_status check_size(const sl_source *s, const sl_idx *h, sl_err *err) {
  sl_int bytes;
  if (!sl_mul(sl_numel(&h->type), h->elem.size, &bytes)) {
    return sl_source_bad(s, err, 4, "extents",
                         "expected a size below 2^63 bytes, found %" PRId64
                         " elements",
                         sl_numel(&h->type));
  }
  return sl_source_expect(s, bytes, true, "elements after the header", err);
}

sl_status sl_idx_header(sl_source *s, sl_idx *h, sl_int limit, sl_err *err) {
  int ndim = 0;
  sl_int shape[SL_MAXDIM];
  sl_err inner;
  memset(h, 0, sizeof *h);
  SL_TRY(read_magic(s, h, &ndim, err));
  SL_TRY(read_shape(s, shape, ndim, err));
  if (sl_type_make(&h->type, sl_elem_dtype(h->elem), ndim, shape, &inner) !=
      SL_OK) {
    return sl_source_bad(s, err, 4, "extents", "%s", inner.msg);
  }
  SL_TRY(check_size(s, h, err));
  h->whole = limit < 0 || limit >= shape[0];
  if (!h->whole) {
    h->type.shape[0] = limit;
  }
  return SL_OK;
}

sl_status sl_idx_payload(sl_source *s, const sl_idx *h, sl_tensor *out,
                         sl_err *err) {
  SL_TRY(sl_source_elements(s, h->elem, sl_numel(&h->type), out->data, err));
  return h->whole ? sl_source_end(s, err) : SL_OK;
}
