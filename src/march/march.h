/* march.h: many independent lanes, many steps, perhaps fresh noise each step. A
** traced step function, as a lane program, is run block by block: the lanes of a
** block stay in the L1 cache for all steps, noise is drawn into rows beside
** them, and nothing goes through main memory in between but what is observed.
** Bits depend neither on the blocks, nor on the number of threads, nor on how
** many lanes run.
** Sees base, kern, tensor and graph.  MIT licence. */
#ifndef SL_MARCH_H
#define SL_MARCH_H

#include "graph/graph.h"
#include "kern/random_lanes.h"

/* ---- machines ------------------------------------------------------------ */

typedef struct sl_march sl_march;

/* Fresh numbers for every lane at every step: `size` of them. Kinds: normal
** (standard deviation b), uniform, sign, exponential, bernoulli, integer, and
** permutation: sample numbers lo .. hi in an order drawn anew each epoch of
** (hi - lo + 1) / size steps. Values are doubles in rows. */
typedef struct sl_noise {
  sl_draw draw;
  sl_int size;
} sl_noise;

enum { SL_MARCH_NOISES = 64 };
#define SL_MARCH_STEPS ((sl_int)1 << 33)

/* SL_EARG, naming noise k (from 1), unless all can be drawn. */
sl_status sl_noise_check(const sl_noise *noise, int n, sl_err *err);

/* A traced step. Inputs of g: the state of one lane, nstate tensors; then the
** clock, a number, if there is one: steps made before; then the noises, each
** with `size` elements. Results: the next state, of the same types, and nout -
** nstate others; when `watch` is set, all are others. Captures and numbers are
** shared by all lanes. */
typedef struct sl_step {
  const sl_graph *g;
  int nstate, nout;
  const sl_node *outs;
  int clock;  /* the number of the clock's input, or -1 */
  bool aged;  /* lanes have clocks of their own: they did not start together */
  bool watch;
  int nnoise, first_noise; /* number of the first noise's input */
  const sl_noise *noise;
} sl_step;

/* *out is NULL, with SL_OK, when the step is too large, or has operations or
** dtypes that cannot be written out by elements: then run it as a program.
** errors: SL_ENOMEM. */
sl_status sl_march_make(sl_march **out, const sl_step *step, sl_err *err);
/* The same for a step without noise whose state tensors have one shape and are
** worked on element by element only: every element is a lane. Captures of that
** shape go with their elements. */
sl_status sl_march_make_elements(sl_march **out, const sl_step *step,
                                 sl_err *err);
void sl_march_free(sl_march *m);
/* Operations on lanes in one step, for reports. */
int32_t sl_march_ops(const sl_march *m);
/* Numbers of noise a lane draws in one step. */
sl_int sl_march_draws(const sl_march *m);
/* Elements of state k of one lane. */
sl_int sl_march_state_size(const sl_march *m, int k);
/* Elements of all results that are not the next state. */
sl_int sl_march_values(const sl_march *m);
/* Results that are not the next state, of a machine with `watch`, and the
** elements of one. */
int sl_march_results(const sl_march *m);
sl_int sl_march_result_size(const sl_march *m, int r);

/* What a machine reads besides its lanes. */
typedef struct sl_reads {
  const sl_tensor *const *captures;
  const double *slots;
} sl_reads;

/* ---- observers ----------------------------------------------------------- */

/* Moments of n values, merged over leaves of 64 lanes in the order of lanes.
** source: Pebay 2008, Sandia report SAND2008-6212. */
typedef struct sl_moments {
  double n, mean, m2, m3, m4, low, high;
} sl_moments;

typedef enum sl_bins { SL_BINS_LINEAR, SL_BINS_LOG, SL_BINS_ASINH } sl_bins;

/* Bins are equal in x, log x, or asinh(x / unit); two more count what lies
** below and above. */
typedef struct sl_histogram {
  sl_bins scale;
  sl_int bins;
  const double *low, *high; /* by value watched */
  double unit;
  bool pooled; /* one for all times */
} sl_histogram;

/* Observed at chosen times: values of the state, by a machine with `watch`.
** What is not finite is left out of moments and histograms. */
typedef struct sl_watch {
  const sl_march *of;
  sl_reads reads;
  sl_int ntime;
  const sl_int *time; /* ascending numbers of steps made */
  sl_tensor *const *keep; /* by result [ntime x lanes x shape], or NULL */
  sl_moments *moments;    /* [ntime x values], or NULL */
  sl_histogram histogram;
  sl_int *count; /* [ntime or 1 x values x bins + 2], or NULL; added to */
} sl_watch;

/* ---- jobs ---------------------------------------------------------------- */

typedef struct sl_march_job {
  sl_int lanes, steps;
  sl_int every; /* 0, or states kept at multiples of it */
  /* State tensors: [lanes x shape of one lane], contiguous f64. final may be
  ** the same tensors as start. path[k]: [steps / every] of them, or NULL. */
  const sl_tensor *const *start;
  sl_tensor *const *final;
  sl_tensor *const *path;
  sl_reads reads;
  uint64_t seed;
  sl_int first;      /* steps made before */
  sl_int first_lane; /* number of the first lane: below 2^32 in all */
  sl_int block;      /* lanes of a block, a multiple of 64; 0: chosen */
  const sl_watch *watch; /* or NULL */
  uint8_t *bad; /* [lanes] set to 1 where the final state is not finite, or
                   NULL */
} sl_march_job;

/* errors: SL_ENOMEM; SL_EINTR, asked every few thousand operations: results
** are then undefined. */
sl_status sl_march_run(const sl_march *m, const sl_march_job *job,
                       sl_err *err);

/* ---- first exits (exit.c) ------------------------------------------------ */

/* Lanes run until they leave an interval, then another lane takes their place.
** The last three results of the machine, which is `aged`, are numbers: where the
** lane was before the step, where it is after it, and the variance of the step's
** Brownian bridge between the two (0: none, only the ends count). A bridge that
** touches a bound ends the lane within the step, at a time drawn from its law:
** docs/sde.md 2. */
typedef struct sl_exits {
  double low, high;         /* the bounds before a step, perhaps infinite */
  double low_end, high_end; /* and after it */
  double rate; /* the bridge's clock: a share u of it is a share
                  -log(1 - (1 - e^-rate) u) / rate of the step; 0: u */
  /* By lane. time: in steps; NaN where the lane stayed inside for all steps, or
  ** went wrong. side: -1, 1, or 0 for none, NaN where the state became NaN or
  ** infinite. */
  double *time, *side;
} sl_exits;

/* job->steps: at most so many for each lane; job->first, every, path and watch
** are of no account. Final states are those at the end of a lane's last step.
** errors: SL_ENOMEM; SL_EINTR: results are then undefined. */
sl_status sl_march_exits(const sl_march *m, const sl_march_job *job,
                         const sl_exits *exits, sl_err *err);

/* ---- adaptive steps (adaptive.c) ----------------------------------------- */

/* Each lane at its own steps, over a tree of its own Brownian motions whose
** nodes are drawn by (seed; lane, node), so that what is rejected is refined and
** never thrown away: docs/sde.md 2. A step of the job is one root of the tree,
** of length `span`, which a lane crosses in dyadic parts.
** The machine's only noise is given: {h, W', H', W'', H''}, the length of the
** trial and for each motion increment and space-time area of its two halves,
** [motion] each. Its clock is a lane's time from 0, in roots, and its last
** result the trial's error: accepted where it is at most 1. */
typedef struct sl_adaptive {
  int motions, deepest; /* halvings at most: what is refused there is taken */
  double span;
  double start;    /* length of the first trial */
  double exponent; /* of the error in the next length: 1 / (order + 1/2) */
  double safety;   /* 0.9, say */
  sl_int *accepted, *rejected, *forced; /* by lane; added to. Or NULL, all */
} sl_adaptive;

/* As sl_march_run, with job->steps roots; job->every is of no account. */
sl_status sl_march_adaptive(const sl_march *m, const sl_march_job *job,
                            const sl_adaptive *adaptive, sl_err *err);

/* ---- steps without a machine (wide.c) ------------------------------------ */

/* A step as a program over all lanes: its inputs, of which the caller made the
** clock's and the noises' ([lanes x size], f64, or i64 for sample numbers), and
** the other set of states. */
typedef struct sl_wide {
  sl_program *program;
  void *scratch;
  const sl_tensor **input; /* by number; states are put in here */
  int nstate, first_state, clock, nnoise, first_noise;
  const sl_noise *noise;
  sl_tensor *const *other;
} sl_wide;

/* As sl_march_run; block is of no account. States may have any dtype when there
** is no watch and `bad` is NULL. */
sl_status sl_march_wide(const sl_wide *w, const sl_march_job *job,
                        sl_err *err);

#endif
