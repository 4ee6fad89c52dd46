/* net_f64.c: the network passes and the curvatures in double precision.
** MIT licence. */
#define REAL double
#define REAL_DTYPE SL_F64
#define REAL_OPS sl_net_f64
#define GEMM cblas_dgemm
#include "num/net_point.inc"
#include "num/net_pass.inc"
#include "num/net_tangent.inc"
#include "num/net_sum.inc"
#include "num/net_chain.inc"
#include "num/net_hessian.inc"
#include "num/net_entry.inc"
