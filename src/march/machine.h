/* machine.h: what march's files share: a step made ready for lanes, and one
** thread's copy of it with rows for a block of lanes.
** Private to src/march.  MIT licence. */
#ifndef SL_MACHINE_H
#define SL_MACHINE_H

#include "graph/lanecode.h"
#include "march/march.h"

/* Rows by number: 0 .. width-1 and width .. 2 width-1 the state, which changes
** places between them; then two for each number of noise, for even and odd
** steps (of a sign or a permutation only the second is its value); then the
** other results, loads and what lives within a step. */
struct sl_march {
  sl_lanecode *code;
  int nstate;
  sl_int width;  /* state elements of a lane, all tensors together */
  sl_int *first; /* [nstate + 1] where each tensor's begin */
  sl_int nnext;  /* results that are the next state: width, or 0 */
  sl_int nvalue; /* results that are not */
  int nnoise;
  sl_noise noise[SL_MARCH_NOISES];
  sl_int draws;  /* numbers of noise a step, all noises together */
  int32_t *row;  /* by value: its row; -1 for a cell; below, a table */
  int32_t nrow;
  int32_t clock; /* value of the step number, or -1 */
  bool elements; /* every element of the state tensors is a lane */
};

static inline sl_int sl_rounded(sl_int n, sl_int to) {
  return (n + to - 1) / to * to;
}

/* Bytes in whole cache lines. */
static inline sl_int sl_aligned(sl_int bytes) { return sl_rounded(bytes, 64); }

/* build.c: the machine of a step whose captures have the levels given (NULL: the
** same for all lanes). *out is NULL, with SL_OK, when there is none. */
sl_status sl_march_build(sl_march **out, const sl_step *step, bool elements,
                         const sl_level *captures, sl_err *err);

/* The "row" of a value that is a table: load number i. */
static inline int32_t sl_table_row(int32_t i) { return -2 - i; }

static inline sl_int sl_noise_row(const sl_march *m) { return 2 * m->width; }
static inline sl_int sl_value_row(const sl_march *m) {
  return 2 * (m->width + m->draws);
}

/* The row of result element j, as it lies before an even step. */
static inline int32_t sl_result_row(const sl_march *m, sl_int j) {
  return (int32_t)(j < m->nnext ? m->width + j
                                : sl_value_row(m) + j - m->nnext);
}

/* Kinds whose value is a row of its own at every step. */
static inline bool sl_noise_single(sl_random_kind kind) {
  return kind == SL_RSIGN || kind == SL_RPERMUTATION || kind == SL_RGIVEN;
}

/* ---- noise (noise.c) ----------------------------------------------------- */

/* Where noise comes from for one block of lanes. */
typedef struct sl_noises {
  uint64_t seed;
  uint64_t *at;      /* by slot: lane - (pair of its first step << 32) */
  uint64_t *at_sign; /* the same with groups of SL_SIGN_STEPS steps */
  bool together;   /* all lanes began at the same step */
  uint64_t pair, group; /* what the rows hold; UINT64_MAX: nothing */
  double *ahead; /* [draws][2][64] for few lanes: several steps at once */
  uint64_t ahead_from;
  sl_int ahead_pairs; /* so many pairs of steps from that one on */
  uint32_t *order;  /* permutations: [noise][block][n], drawn for an epoch */
  sl_int *order_epoch; /* by noise; -1: none */
} sl_noises;

/* ---- a thread's machine (machine.c) -------------------------------------- */

typedef struct sl_machine {
  const sl_march *m;
  sl_reads reads;
  sl_int block, room; /* lanes of a block at most; doubles from row to row */
  sl_int lanes;       /* lanes in it now */
  double *cell;       /* by value */
  double *rows;       /* [nrow][room] */
  sl_instr *code[2];  /* before even steps, before odd ones */
  int32_t ncode;
  sl_noises noise;
} sl_machine;

/* Bytes that sl_machine_init needs for blocks of that many lanes. */
sl_int sl_machine_bytes(const sl_march *m, sl_int block);
/* base: 64-byte aligned. */
void sl_machine_init(sl_machine *k, const sl_march *m, const sl_reads *reads,
                     uint64_t seed, sl_int block, char *base);
/* Row r as it lies before a step of that parity. */
double *sl_machine_row(const sl_machine *k, int32_t r, int odd);
/* The clocks of an aged machine's lanes, by slot; NULL where nobody reads them. */
static inline double *sl_machine_clocks(const sl_machine *k) {
  const int32_t clock = k->m->clock;
  return clock >= 0 && k->m->row[clock] >= 0
             ? k->rows + k->m->row[clock] * k->room
             : NULL;
}
/* From now on the block has n lanes, slots 0 .. n-1. */
void sl_machine_lanes(sl_machine *k, sl_int n);
/* Slots 0 .. n-1 are lanes number, number + 1, ... at age 0 when step 0 begins. */
void sl_machine_number(sl_machine *k, uint64_t number);
/* Steps s .. s + count - 1; the state lies in the rows for s's parity. */
void sl_machine_step(sl_machine *k, sl_int s, sl_int count);
/* Runs the step's operations without drawing noise or moving the clock. */
void sl_machine_execute(sl_machine *k, int odd);
/* States of lanes lane .. lane + n of `from`, to slots slot .. */
void sl_machine_read(const sl_machine *k, const sl_tensor *const *from,
                     sl_int lane, sl_int n, sl_int slot, int odd);
/* State rows to tensors [.. x lanes x shape], item `at` of the first axis. */
void sl_machine_write(const sl_machine *k, sl_int lane, sl_int n, int odd,
                      sl_tensor *const *to, sl_int at, sl_int lanes);
/* Lanes of a block: so many that the rows stay in L1. */
sl_int sl_machine_fit(const sl_march *m);

/* noise.c: bytes and layout; the rows of step s. */
sl_int sl_noises_lay(sl_noises *z, const sl_march *m, sl_int block, sl_int room,
                     char *base);
void sl_noises_draw(sl_machine *k, sl_int s);
/* What was drawn belongs to other lanes now. */
void sl_noises_forget(sl_noises *z, const sl_march *m);

/* Denormals become zero while noise is drawn: decaying paths would run many
** times slower. Returns what to give back. */
unsigned sl_flush_denormals(void);
void sl_restore_denormals(unsigned state);

/* ---- observing (observe.c) ----------------------------------------------- */

/* One thread's observer. */
typedef struct sl_observer {
  const sl_watch *w;
  sl_machine machine;
  sl_moments *moments; /* of the slab at work: [ntime x values] */
  sl_int *count;       /* of the thread: as w->count */
  double *scaled;
} sl_observer;

sl_int sl_observer_bytes(const sl_watch *w, sl_int block);
void sl_observer_init(sl_observer *o, const sl_watch *w, sl_int block,
                      sl_int *count, char *base);
/* The states in k's rows after s steps, number `at` of the times; k's slots are
** lanes lane, lane + 1, ... of `lanes`. */
void sl_observe(sl_observer *o, const sl_machine *k, sl_int s, int odd,
                sl_int at, sl_int lane, sl_int lanes);
/* The same for states that lie in the observer's own rows. */
void sl_observe_rows(sl_observer *o, sl_int s, sl_int at, sl_int lane,
                     sl_int lanes);
void sl_moments_merge(sl_moments *a, const sl_moments *b);
/* Those of all slabs, [slabs x values], merged pairwise into the first's. */
void sl_moments_gather(sl_moments *m, sl_int slabs, sl_int values);

/* ---- lanes in slabs (march.c) -------------------------------------------- */

/* Slabs of lanes, of a size that follows from their number alone: threads take
** whole slabs, statistics are merged within one and then over them. */
sl_int sl_slab_size(sl_int lanes);
/* Lanes of a block: what fits, in equal parts of a slab; asked: 0, or that. */
sl_int sl_block_size(const sl_march *m, sl_int lanes, sl_int slab,
                     sl_int asked);
/* Lane operations of so many lanes and steps, draws among them; the threads
** that so many are worth. */
double sl_march_work(const sl_march *m, double lanes, double steps);
int sl_march_threads(double work);

/* One thread at work, and what it does with a block: lanes lane .. lane + n of
** the job, numbered; own: per_lane bytes for each lane of a block. */
typedef struct sl_worker {
  sl_machine k;
  sl_observer *o; /* or NULL */
  const sl_march_job *job;
  const void *user;
  char *own;
} sl_worker;
typedef void sl_block_fn(sl_worker *w, sl_int lane, sl_int n);

/* All blocks of a job over threads; statistics are gathered. */
sl_status sl_slabs_run(const sl_march *m, const sl_march_job *job,
                       sl_block_fn *march, const void *user, sl_int per_lane,
                       sl_err *err);
/* Observes the block after s steps if a time says so; seen: times before, and
** returned, those after. */
sl_int sl_worker_observe(sl_worker *w, sl_int s, sl_int seen, int odd,
                         sl_int lane);
/* The block's states are final. */
void sl_worker_finish(sl_worker *w, sl_int lane, int odd);

#endif
