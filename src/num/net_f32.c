/* net_f32.c: the network passes and the curvatures in single precision.
** MIT licence. */
#define REAL float
#define REAL_DTYPE SL_F32
#define REAL_OPS sl_net_f32
#define GEMM cblas_sgemm
#include "num/net_point.inc"
#include "num/net_pass.inc"
#include "num/net_tangent.inc"
#include "num/net_sum.inc"
#include "num/net_chain.inc"
#include "num/net_hessian.inc"
#include "num/net_entry.inc"
