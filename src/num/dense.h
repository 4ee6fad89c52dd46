/* dense.h: scratch and status handling shared by the LAPACK files of num.
** Internal.  MIT licence. */
#ifndef SL_DENSE_H
#define SL_DENSE_H

#include "num/num.h"
#include "tensor/mat.h"

/* The scratch blocks of one call; zero-initialised, closed once. */
typedef struct sl_bag {
  void *block[8];
  int count;
  bool failed; /* some request could not be met */
  bool raised; /* OpenBLAS has more than one thread until it is closed */
} sl_bag;

/* a x b elements of dtype d, or n LAPACK integers; NULL sets `failed`. */
void *sl_bag_take(sl_bag *bag, sl_dtype d, sl_int a, sl_int b);
lapack_int *sl_bag_ints(sl_bag *bag, sl_int n);

/* SL_ENOMEM when a request failed, and SL_EINTR when asked to stop. */
sl_status sl_bag_ready(const sl_bag *bag, const char *what, sl_err *err);

/* The same for a routine that spends its time in LAPACK on m x n matrices:
** OpenBLAS gets its threads until the bag is closed, if that pays. */
sl_status sl_bag_lapack(sl_bag *bag, sl_int m, sl_int n, const char *what,
                        sl_err *err);

/* Frees everything; returns status, or SL_EINTR when asked to stop. */
sl_status sl_bag_close(sl_bag *bag, sl_status status, const char *what,
                       sl_err *err);

/* info < 0 of LAPACKE, whose arguments we have checked: no memory. */
sl_status sl_info(const char *what, lapack_int info, sl_err *err);

/* eps of a dtype: 2^-52, 2^-23. */
double sl_eps(sl_dtype d);

/* Element i of a scratch array of dtype d. */
double sl_scratch_get(sl_dtype d, const void *p, sl_int i);
void sl_scratch_set(sl_dtype d, void *p, sl_int i, double v);

/* sl_sytrf_f64 (sytrf.inc): the lower triangle of a, n x n column-major, becomes
** its Bunch-Kaufman factors in LAPACK's format; pivot has n entries, w n x
** SL_SYTRF_PANEL elements. What lies above the diagonal is lost. The same bits
** for any number of threads; errors: SL_EINTR, asked between panels. */
enum { SL_SYTRF_PANEL = 48 };
sl_status sl_sytrf_f64(const char *what, sl_int n, double *a,
                       lapack_int *pivot, double *w, sl_err *err);
sl_status sl_sytrf_f32(const char *what, sl_int n, float *a, lapack_int *pivot,
                       float *w, sl_err *err);

#endif
