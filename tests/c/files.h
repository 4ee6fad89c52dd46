/* files.h: what the file tests share: whole files read in one call, the phases
** of the readers in order; names for scratch files. Included once by a suite.
** MIT licence. */
#ifndef FILES_H
#define FILES_H

#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

#include "tensor/file.h"

#define DATA "tests/data/"

static sl_source source; /* large: not on the stack */
static sl_err err;

typedef struct array {
  sl_tensor t; /* the array */
  void *storage;
} array;

static void array_free(array *a) {
  sl_free(a->storage);
  a->storage = NULL;
}

/* What a caller does between the phases; refuses absurd sizes. */
static sl_status make(const sl_type *type, sl_tensor *t, array *a) {
  sl_int bytes = sl_numel(type) * sl_dtype_size(type->dtype);
  if (bytes > 1 << 26) {
    return sl_fail(&err, SL_ENOMEM, "%s: too large for this test", source.path);
  }
  a->storage = sl_malloc_aligned(bytes);
  sl_tensor_init(t, type, a->storage);
  return SL_OK;
}

static sl_status read_npy(array *a) {
  sl_npy h;
  sl_tensor stored;
  SL_TRY(sl_npy_header(&source, &h, &err));
  SL_TRY(make(&h.stored, &stored, a));
  SL_TRY(sl_npy_payload(&source, &h, &stored, &err));
  sl_npy_view(&h, &stored, &a->t);
  return SL_OK;
}

static sl_status read_npy_file(const char *path, array *a) {
  SL_TRY(sl_source_open(&source, path, &err));
  sl_status status = read_npy(a);
  if (status == SL_OK) {
    status = sl_source_end(&source, &err);
  }
  sl_source_close(&source);
  return status;
}

/* All members; the one called `want` is left in *a. */
static sl_status read_members(const char *want, array *a, int *count) {
  sl_zip z;
  SL_TRY(sl_zip_open(&z, &source, &err));
  for (*count = 0;; ++*count) {
    sl_zip_entry e;
    bool more;
    SL_TRY(sl_zip_next(&z, &e, &more, &err));
    if (!more) {
      return SL_OK;
    }
    array b = {.storage = NULL};
    sl_status status = sl_zip_enter(&z, &e, &err);
    status = status != SL_OK ? status : read_npy(&b);
    status = status != SL_OK ? status : sl_zip_leave(&z, &e, &err);
    if (status == SL_OK && want != NULL && strcmp(want, e.name) == 0) {
      *a = b;
    } else {
      array_free(&b);
    }
    SL_TRY(status);
  }
}

static sl_status read_npz_file(const char *path, const char *want, array *a,
                               int *count) {
  SL_TRY(sl_source_open(&source, path, &err));
  sl_status status = read_members(want, a, count);
  sl_source_close(&source);
  return status;
}

static sl_status read_idx(array *a, sl_int limit) {
  sl_idx h;
  SL_TRY(sl_idx_header(&source, &h, limit, &err));
  SL_TRY(make(&h.type, &a->t, a));
  return sl_idx_payload(&source, &h, &a->t, &err);
}

static sl_status read_idx_file(const char *path, sl_int limit, array *a) {
  SL_TRY(sl_source_open(&source, path, &err));
  sl_status status = read_idx(a, limit);
  sl_source_close(&source);
  return status;
}

static char scratch_path[256];

/* A file name of this process's own. */
static const char *scratch(const char *ending) {
  snprintf(scratch_path, sizeof scratch_path, "%s/saddle-file-%ld%s", P_tmpdir,
           (long)getpid(), ending);
  return scratch_path;
}

#endif
