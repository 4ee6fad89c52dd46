/* program.h: the parts of a program that its five files share: fuse.c decides
** what runs together and in what order, layout.c where values live, group.c
** runs fused element-wise groups, program.c makes and runs the whole, plan.c
** prints it and counts its costs.  Private to src/graph.  MIT licence. */
#ifndef SL_PROGRAM_H
#define SL_PROGRAM_H

#include "graph/lanecode.h"
#include "graph/rules.h"

typedef enum sl_place {
  SL_AT_NONE,    /* a view: no storage of its own */
  SL_AT_LEAF,    /* input or capture: the caller's */
  SL_AT_SCRATCH, /* at offset in the scratch block */
  SL_AT_OUT,     /* the caller's result tensor number `out` */
  SL_AT_LANE,    /* in L1 only, while its group runs */
  SL_AT_PART     /* at offset in the storage of the concat `whole` */
} sl_place;

/* One node of the program's graph. */
typedef struct sl_slot {
  uint8_t place;
  bool try_view; /* a reshape of a leaf: a view if its strides allow */
  int32_t group; /* that it is run in, or -1 */
  int32_t root;  /* node whose storage this one reads */
  int32_t item;  /* position at which it is computed */
  int32_t last;  /* last position that reads this one's storage */
  int32_t first; /* position from which its storage is needed */
  int32_t out, whole;
  sl_int offset, bytes;
} sl_slot;

enum {
  SL_GROUP_OPS = 48,    /* nodes of one group */
  SL_GROUP_READS = 24,  /* tensors it reads */
  SL_GROUP_FOLDS = 4,   /* sums and extremes taken of what it computes */
  SL_GROUP_VALUES = SL_GROUP_OPS + SL_GROUP_READS
};

/* Element-wise nodes of one shape, run block by block: an operand is a value:
** first the tensors read, then the members' results. */
typedef struct sl_gop {
  sl_lane_fn *fn; /* NULL: a product done with the sum that reads it */
  int32_t node;
  uint8_t nin, in[3], out; /* numbers of values */
} sl_gop;

/* A reduction taken in the same pass, of member number `value`. */
typedef struct sl_gfold {
  int32_t node;
  uint8_t kind, value; /* sl_fold */
} sl_gfold;

/* Which axes the reductions of a group drop: the last ones or the first ones.
** The shape is seen as [outer x inner]. */
typedef enum sl_sweep {
  SL_SWEEP_NONE,
  SL_SWEEP_INNER,
  SL_SWEEP_OUTER
} sl_sweep;

typedef struct sl_group {
  int32_t op, nop;   /* its operations in program.gop */
  int32_t read, nread; /* nodes it reads, in program.read */
  int32_t nrow;      /* rows of L1 it needs beside loads */
  int32_t weight;    /* of one element, in plain operations */
  sl_type type;      /* shape of the members */
  sl_sweep sweep;
  sl_int outer, inner;
  int nfold;
  sl_gfold fold[SL_GROUP_FOLDS];
  int16_t row[SL_GROUP_VALUES]; /* L1 row of a value, -1: in memory */
} sl_group;

/* What happens at one position. Both: a matrix product, each finished tile of
** which goes through the group. */
typedef struct sl_item {
  int32_t node;  /* run alone, or -1 */
  int32_t group; /* run, or -1 */
} sl_item;

struct sl_program {
  sl_graph g; /* simplified, only what is needed: slot k is node k */
  sl_lanerun *lane; /* a small program: instead of most below */
  sl_slot *slot;
  sl_item *item;
  sl_group *group;
  sl_gop *gop;
  int32_t *read;
  int32_t nitem, ngroup, ngop, nread;
  int nout;
  sl_node *outs;  /* nodes of the results */
  sl_int scratch; /* bytes for values */
  unsigned char *used; /* per input, then per capture: is it read? */
  /* Descriptors of all nodes; those in `moving` change from run to run. */
  sl_tensor *desc;
  int32_t *moving;
  int32_t nmoving;
  void *base;      /* scratch block they refer to */
  double *seconds; /* by item, over `timed` runs */
  int64_t runs, timed;
};

/* fuse.c: fills item, group, gop, read, and slot.group, .item; slots have been
** placed as views, leaves or scratch by sl_layout_views. */
sl_status sl_fuse(struct sl_program *p, sl_err *err);

/* and then the rows of each group, once it is known what stays in it */
void sl_fuse_rows(struct sl_program *p);

/* layout.c: which nodes are views, and of what; then, once items are known,
** where everything lives. */
sl_status sl_layout_views(struct sl_program *p, sl_err *err);
sl_status sl_layout(struct sl_program *p, sl_err *err);

/* group.c: runs a group; desc[] holds the descriptors of all nodes. */
sl_status sl_group_run(const struct sl_program *p, const sl_group *group,
                       const sl_tensor *desc, sl_err *err);
/* A product and the group that follows it, tile by tile. */
sl_status sl_group_run_product(const struct sl_program *p,
                               const sl_group *group, int32_t product,
                               const sl_tensor *desc, sl_err *err);

#endif
