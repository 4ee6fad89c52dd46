/* machines.h: what march.c (machines and their jobs) and march_check.c (what is
** demanded of them) share. Lua hands over tables that anybody can write: they
** are checked here, since src/march believes what it is told.
** MIT licence. */
#ifndef SL_MACHINES_H
#define SL_MACHINES_H

#include "bind/tensors.h"
#include "bind/trace.h"
#include "march/march.h"

/* A step, ready: as a machine or as a program over all lanes. User value 1: its
** trace. */
typedef struct machine {
  sl_march *m;
  sl_program *program;
  int nstate, first_state, clock, nnoise, first_noise, ninput, ncapture;
  sl_noise noise[SL_MARCH_NOISES];
  uint64_t serial; /* of the trace */
  bool elements, watch;
} machine;

/* Numbers of steps and of lanes stay exact in doubles. */
#define SL_MACHINE_MOST ((sl_int)1 << 53)

/* A field of the table at idx that is an integer in low .. high, or absent. */
sl_int sl_range_field(lua_State *L, int idx, const char *name, sl_int dflt,
                      sl_int low, sl_int high);
/* Raises unless the inputs of the step are what k says of them, each one thing
** only, and the outs have the types of the states. */
void sl_check_step(lua_State *L, const machine *k, const sl_graph *g, int nout,
                   const sl_node *outs, bool wide);
/* Raises unless x holds state n of that many lanes; f64: of no other dtype. */
void sl_check_state(lua_State *L, const machine *k, const sl_graph *g, int n,
                    const sl_tensor *x, sl_int lanes, bool f64);
/* Raises unless the noises of a program over all lanes are for so many. */
void sl_check_lanes(lua_State *L, const machine *k, const sl_graph *g,
                    sl_int lanes);
/* Raises unless `of` can be made of k's states, at ascending times of the job. */
void sl_check_watch(lua_State *L, const machine *k, const machine *of,
                    const sl_graph *g, const sl_watch *w,
                    const sl_march_job *job);

#endif
