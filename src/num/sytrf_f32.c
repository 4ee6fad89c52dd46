/* sytrf_f32.c: LDL' in single precision.  MIT licence. */
#define REAL float
#define NAME sl_sytrf_f32
#define FABS fabsf
#define GEMV cblas_sgemv
#define GEMM cblas_sgemm
#include "num/sytrf.inc"
