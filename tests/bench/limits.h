/* limits.h: the hand-written limits of the benchmark's workloads, and the
** numbers that all sides share.  MIT licence. */
#ifndef BENCH_LIMITS_H
#define BENCH_LIMITS_H

#include <stdbool.h>

#include "protocol.h"

/* Also in workloads.lua and peer.py. */
#define SGD_STEPS 100
#define SGD_RATE 0.05
#define QUAD_STEPS 1000000
#define QUAD_RATE 1e-6
#define LANES 100000
#define LANE_STEPS 1000
#define LANE_RATE 1e-3

/* The noise rows: the saddle model, normals, walks by a coin. COIN_BELOW is the
** probability not to be above the start after COIN_STEPS, exact from integers:
** the sum over k <= 525 of C(1000, k) / 2^1000. */
#define SDE_PATHS 100000
#define SDE_STEPS 1000
#define SDE_DT 1e-3
#define SDE_X0 1.0
#define SDE_A 0.3
#define SDE_SIGMA 0.5
#define SDE_TAU 0.4
#define SDE_RHO 0.5
#define NORMALS 1000000
#define COIN_WALKERS 1000000
#define COIN_STEPS 1000
#define COIN_SIZE 0.1
#define COIN_BELOW 0.946625228982840

/* dx = (x - x^3) dt + sigma x o dW from 1, by Heun's scheme. */
#define WELL_SIGMA 0.5
#define WELL_DT 1e-2

/* FitzHugh-Nagumo with correlated noise, from (0, 0):
**   dv = (v - v^3/3 - w + I) dt + s sqrt(1 + v^2) dW1
**   dw = eps (v + a - b w) dt + r v dW2,   dW1 dW2 = rho dt,   Ito. */
#define FHN_A 0.7
#define FHN_B 0.8
#define FHN_EPS 0.08
#define FHN_I 0.5
#define FHN_S 0.3
#define FHN_R 0.1
#define FHN_RHO 0.6
#define FHN_T 10.0
#define FHN_DT 1e-2
/* E v, E w, E v^2, E w^2, E v w of Euler-Maruyama at T, and standard errors: 4e6
** paths of limit_sde.c. Other sides' generators and arithmetic judge them. */
#define FHN_EULER                                                 \
  {                                                               \
    {0.6298433, 5.4e-4}, {1.1315355, 1.6e-4}, {1.5748997, 6.1e-4}, \
        {1.3840776, 3.5e-4}, {0.6784753, 6.3e-4}                  \
  }

/* limit_net.c: network 100-50-10 on 10,000 samples. */
int net_setup(const char *dir);
int net_setup_kept(const char *dir);
void net_grad(void);
void net_hvp(void);
double net_check(void);
int sgd_setup_64(const char *dir);
int sgd_setup_128(const char *dir);
void sgd_run(void);
double sgd_check(void);

/* limit_gemm.c: bounds made of matrix products alone. */
int gemm_setup(const char *dir);
void gemm_run(void);
int deep_setup(const char *dir);
void deep_grad(void);
void deep_hvp(void);
void deep_kept(void);

/* limit_quad.c: gradient steps on 5 x^2 - y^2. */
int quad_setup(const char *dir);
void quad_run(void);
double quad_check(void);
int lanes_setup(const char *dir);
void lanes_run(void);
double lanes_check(void);

/* limit_sde.c: ensembles and random numbers; the checks are standard errors. */
int sde_setup(const char *dir);
void sde_two(void);
void sde_one(void);
double sde_check(void);
void well_run(void);
double well_check(void);
void fhn_run(void);
double fhn_check(void);
int normals_setup(const char *dir);
void normals_run(void);
double normals_check(void);
int coins_setup(const char *dir);
void coins_run(void);
double coins_check(void);

#endif
