/* net_f64.c: the network passes and the Hessian in double precision.
** MIT licence. */
#define REAL double
#define REAL_OPS sl_net_f64
#define GEMM cblas_dgemm
#define R_TANH tanh
#define R_EXP exp
#define R_LOG log
#define R_LOG1P log1p
#define R_FABS fabs
#include "num/net_point.inc"
#include "num/net_pass.inc"
#include "num/net_hessian.inc"
