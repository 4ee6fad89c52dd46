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

#endif
