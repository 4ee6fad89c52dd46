/* file.h: array files: NumPy's .npy and .npz, and IDX (the format of MNIST),
** plain or gzipped, checked in full before a value is believed.
** Reading has two phases, since the core owns no storage: the header gives a
** type, the caller makes a tensor of it, the payload fills it. A source or a
** sink is closed when zeroed and closing is idempotent, so that a userdata may
** hold it through an error.  Sees tensor, and zlib.  MIT licence. */
#ifndef SL_FILE_H
#define SL_FILE_H

#include <stdio.h>
#include <zlib.h>

#include "tensor/tensor.h"

enum { SL_FILE_CHUNK = 65536, SL_NAME_MAX = 255, SL_PATH_MAX = 4096 };

typedef enum sl_coding { SL_PLAIN, SL_GZIP, SL_DEFLATE } sl_coding;

/* ---- sources (stream.c) ------------------------------------------------- */
/* A byte stream out of a file, or out of one member of a zip archive. Offsets
** count decoded bytes. `path` is borrowed and must outlive the source. */
typedef struct sl_source {
  FILE *file;                   /* NULL: closed */
  const char *path;
  char member[SL_NAME_MAX + 1]; /* "" outside archives */
  sl_int size;                  /* bytes in the file */
  sl_int left;                  /* coded bytes not yet taken from the file */
  sl_int offset;                /* decoded bytes handed out */
  sl_int total;                 /* decoded bytes in all; -1: not known */
  sl_coding coding;
  bool inflating, ended;
  uint32_t crc;                 /* of a member's bytes handed out */
  z_stream z;
  unsigned char in[SL_FILE_CHUNK], work[SL_FILE_CHUNK];
} sl_source;

/* Opens a regular file; gzip is recognised by its first two bytes.
** errors: SL_EIO cannot be opened; SL_ENOMEM. The source stays closed. */
sl_status sl_source_open(sl_source *s, const char *path, sl_err *err);
void sl_source_close(sl_source *s);
/* Reads exactly n bytes of what `field` names.
** errors: SL_EFORMAT file ends or compressed data is damaged; SL_EIO. */
sl_status sl_source_read(sl_source *s, void *buf, sl_int n, const char *field,
                         sl_err *err);
/* Checks that `bytes` more can be there, and with `exact` no others, as far as
** the size is known: called before anything of that size is allocated. */
sl_status sl_source_expect(const sl_source *s, sl_int bytes, bool exact,
                           const char *field, sl_err *err);
/* Checks that nothing is left, and gzip's own checksum. */
sl_status sl_source_end(sl_source *s, sl_err *err);
/* Starts over at a byte of the file with another coding (zip members). */
sl_status sl_source_start(sl_source *s, sl_int at, sl_int coded, sl_int total,
                          sl_coding coding, sl_err *err);
/* "PATH(MEMBER): byte OFFSET: FIELD: TEXT" as SL_EFORMAT. */
sl_status sl_source_bad(const sl_source *s, sl_err *err, sl_int offset,
                        const char *field, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* How one element stands in a file: kind is 'b', 'u', 'i' or 'f'. */
typedef struct sl_elem {
  char kind;
  int size; /* bytes */
  bool big; /* most significant byte first */
} sl_elem;

/* The dtype that holds such elements: f4, f8, u1 keep theirs, b1 becomes u8,
** other integers i64. */
sl_dtype sl_elem_dtype(sl_elem e);
/* Reads count elements into contiguous storage of sl_elem_dtype(e).
** errors: those of sl_source_read; SL_EFORMAT a u8 above 2^63 - 1, or a bool
** other than 0 and 1; SL_EINTR. */
sl_status sl_source_elements(sl_source *s, sl_elem e, sl_int count, void *out,
                             sl_err *err);

/* ---- sinks (stream.c) --------------------------------------------------- */
/* Writes to a temporary name beside `path`; commit renames it, close without
** commit removes it. */
typedef struct sl_sink {
  FILE *file; /* NULL: closed */
  char path[SL_PATH_MAX], temp[SL_PATH_MAX + 64];
} sl_sink;

/* errors: SL_EIO, naming the file and the system's reason. */
sl_status sl_sink_open(sl_sink *k, const char *path, sl_err *err);
sl_status sl_sink_write(sl_sink *k, const void *buf, sl_int n, sl_err *err);
sl_status sl_sink_commit(sl_sink *k, sl_err *err);
void sl_sink_close(sl_sink *k);

/* ---- .npy (npy.c) ------------------------------------------------------- */
/* Format: NumPy Enhancement Proposal 1, versions 1.0, 2.0 and 3.0. */
typedef struct sl_npy {
  sl_elem elem;
  bool fortran;   /* first axis fastest in the file */
  sl_type type;   /* as the file says */
  sl_type stored; /* what to allocate: `type`, axes reversed when fortran */
} sl_npy;

/* Reads and checks magic, version, header and the payload's size.
** errors: SL_EFORMAT, naming file, offset, field, expected and found;
** SL_EDTYPE for element types that Saddle does not have. */
sl_status sl_npy_header(sl_source *s, sl_npy *h, sl_err *err);
/* Fills a contiguous tensor of type h->stored. */
sl_status sl_npy_payload(sl_source *s, const sl_npy *h, sl_tensor *stored,
                         sl_err *err);
/* The array itself: `stored`, with its axes in the file's order. */
void sl_npy_view(const sl_npy *h, const sl_tensor *stored, sl_tensor *out);
/* Fills buf with the version 1.0 header of a C-ordered array (a multiple of 64
** bytes) and returns its length, at most SL_NPY_HEAD. */
enum { SL_NPY_HEAD = 512 };
sl_int sl_npy_head(char buf[SL_NPY_HEAD], const sl_type *t);
/* The whole file; t must be contiguous (else SL_EARG). */
sl_status sl_npy_write(sl_sink *k, const sl_tensor *t, sl_err *err);

/* ---- .npz: zip archives of .npy (npz.c) --------------------------------- */
typedef struct sl_zip_entry {
  char name[SL_NAME_MAX + 1];
  int method; /* 0 stored, 8 deflated */
  uint32_t crc;
  sl_int coded, decoded, at; /* sizes; offset of the local header */
} sl_zip_entry;

typedef struct sl_zip {
  sl_source *source;
  sl_int next, end; /* offsets in the central directory */
  sl_int left;      /* entries not yet listed */
  sl_int room;      /* bytes of the file that no listed member has claimed */
} sl_zip;

/* Finds and checks the central directory. */
sl_status sl_zip_open(sl_zip *z, sl_source *s, sl_err *err);
/* *more = false at the end of the directory. */
sl_status sl_zip_next(sl_zip *z, sl_zip_entry *e, bool *more, sl_err *err);
/* Makes the source deliver the member's bytes. */
sl_status sl_zip_enter(sl_zip *z, const sl_zip_entry *e, sl_err *err);
/* After the payload: nothing left, checksum right. */
sl_status sl_zip_leave(sl_zip *z, const sl_zip_entry *e, sl_err *err);

/* Writing: entries[] is the caller's, one for each member to come. */
typedef struct sl_zip_out {
  sl_sink *sink;
  sl_zip_entry *entries;
  sl_int count, capacity;
  bool compress;
  bool force64; /* write zip64 fields although the sizes do not need them */
} sl_zip_out;

/* Adds NAME.npy; t contiguous. The result's bytes depend on names, types and
** values alone (no dates). */
sl_status sl_zip_add(sl_zip_out *z, const char *name, const sl_tensor *t,
                     sl_err *err);
/* Writes the central directory; the sink is then ready to commit. */
sl_status sl_zip_finish(sl_zip_out *z, sl_err *err);

/* ---- IDX (idx.c) -------------------------------------------------------- */
typedef struct sl_idx {
  sl_elem elem;
  bool whole;   /* false when `limit` cut the first axis */
  sl_type type; /* what to allocate */
} sl_idx;

/* At most `limit` items of the first axis are taken (negative: all).
** source: Y. LeCun, C. Cortes, C. Burges, THE MNIST DATABASE, file formats. */
sl_status sl_idx_header(sl_source *s, sl_idx *h, sl_int limit, sl_err *err);
sl_status sl_idx_payload(sl_source *s, const sl_idx *h, sl_tensor *out,
                         sl_err *err);

/* ---- images (image.c) --------------------------------------------------- */
/* out[i] [r*c] is the area average of in[i] [rows*cols], every output pixel
** the exact mean of the part of the image that it covers: out = A in B' with
** A [r x rows], B [c x cols] of row sums 1. in is u8 or f64, out f64, both
** contiguous [n x pixels]. errors: SL_ESHAPE, SL_EDTYPE, SL_ENOMEM, SL_EINTR */
sl_status sl_image_downsample(sl_tensor *out, sl_int r, sl_int c,
                              const sl_tensor *in, sl_int rows, sl_int cols,
                              sl_err *err);
/* out = (in/unit - mean)/sd, element by element, in one pass; in u8 or f64,
** out f64, both contiguous of one shape. */
sl_status sl_image_scale(sl_tensor *out, const sl_tensor *in, double unit,
                         double mean, double sd, sl_err *err);
/* Mean and standard deviation (of the population) of all elements of a
** contiguous u8 or f64 tensor; for u8 from exact counts. NaN for none. */
sl_status sl_image_moments(const sl_tensor *in, double *mean, double *sd,
                           sl_err *err);
/* out i64 = in u8 + 1: digits 0, 1, ... become classes 1, 2, ...; both [n].
** errors: SL_EFORMAT a digit of `classes` or more */
sl_status sl_image_labels(sl_tensor *out, const sl_tensor *in, sl_int classes,
                          sl_err *err);

#endif
