/* limits.c: the table of limits: what hand-written C over CBLAS reaches on each
** workload in the same run. The two Hessians are bound by arithmetic: the
** driver divides their operations by the rate of "dgemm".  MIT licence. */
#include "limits.h"

#include <cblas.h>
#include <stdio.h>

static const char by_hand[] = "hand-written C";
static const char alone[] = "matrix products alone";

static const workload list[] = {
    {"dgemm", gemm_setup, gemm_run, NULL, 2.0 * 2048 * 2048 * 2048, ""},
    {"gradient", net_setup, net_grad, net_check, 1, by_hand},
    {"hvp", net_setup, net_hvp, net_check, 1, by_hand},
    {"hvp-kept", net_setup_kept, net_hvp, net_check, 1, by_hand},
    {"sgd-64", sgd_setup_64, sgd_run, sgd_check, SGD_STEPS,
     "hand-written C, one thread"},
    {"sgd-128", sgd_setup_128, sgd_run, sgd_check, SGD_STEPS,
     "hand-written C, one thread"},
    {"deep-gradient", deep_setup, deep_grad, NULL, 1, alone},
    {"deep-hvp", deep_setup, deep_hvp, NULL, 1, alone},
    {"deep-hvp-kept", deep_setup, deep_kept, NULL, 1, alone},
    {"iterate", quad_setup, quad_run, quad_check, QUAD_STEPS,
     "C with a call for each gradient"},
    {"iterate-lanes", lanes_setup, lanes_run, lanes_check,
     (double)LANES *LANE_STEPS, "hand-written C, blocks in L1"},
    {"sde-two", sde_setup, sde_two, sde_check,
     (double)SDE_PATHS *SDE_STEPS, "hand-fused C"},
    {"sde-one", sde_setup, sde_one, sde_check,
     (double)SDE_PATHS *SDE_STEPS, "hand-fused C"},
    {"sde-heun", sde_setup, well_run, well_check,
     (double)SDE_PATHS *SDE_STEPS, "hand-fused C"},
    {"sde-fhn", sde_setup, fhn_run, fhn_check,
     SDE_PATHS *(FHN_T / FHN_DT), "hand-fused C"},
    {"sde-normals", normals_setup, normals_run, normals_check, NORMALS,
     "hand-fused C"},
    {"sde-coins", coins_setup, coins_run, coins_check,
     (double)COIN_WALKERS *COIN_STEPS, "hand-fused C"},
};

int main(int argc, char **argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: %s FOLDER, and requests on standard input\n",
            argv[0]);
    return 1;
  }
  openblas_set_num_threads(1);
  char greeting[100];
  snprintf(greeting, sizeof greeting, "C over OpenBLAS, kernel %s",
           openblas_get_corename());
  return bench_serve(greeting, argv[1], list, sizeof list / sizeof *list);
}
