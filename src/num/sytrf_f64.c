/* sytrf_f64.c: LDL' in double precision.  MIT licence. */
#define REAL double
#define NAME sl_sytrf_f64
#define FABS fabs
#define GEMV cblas_dgemv
#define GEMM cblas_dgemm
#include "num/sytrf.inc"
