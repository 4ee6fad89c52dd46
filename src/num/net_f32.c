/* net_f32.c: the network passes and the Hessian in single precision.
** MIT licence. */
#define REAL float
#define REAL_OPS sl_net_f32
#define GEMM cblas_sgemm
#define R_TANH tanhf
#define R_EXP expf
#define R_LOG logf
#define R_LOG1P log1pf
#define R_FABS fabsf
#include "num/net_point.inc"
#include "num/net_pass.inc"
#include "num/net_hessian.inc"
