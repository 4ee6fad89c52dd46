/* law.h: distributions on the line, asked for whole arrays. A law is plain data
** (no pointers of its own), made once, read by any thread. x = location +
** scale z; a negative scale turns the law round, which is how a law on u < 0
** is had from the one on u > 0. All in doubles, relative accuracy of
** probabilities about 1e-13 in both tails.
** Inside, a tail is a function of y, in which power tails are straight lines of
** log p: log z for laws on z > 0, asinh z (upper tail: -asinh z) for laws on the
** line. In y quantiles that leave the doubles are harmless.
** Sections of the comments: docs/sde.md.  MIT licence. */
#ifndef SL_LAW_H
#define SL_LAW_H

#include "kern/philox.h"
#include "num/curve.h"

/* Parameters par[] of the standard law, z its variable. */
typedef enum sl_law_kind {
  SL_LAW_NORMAL,    /* none */
  SL_LAW_LOGNORMAL, /* mu, s: log z is normal with mean mu, deviation s */
  SL_LAW_CAUCHY,    /* none */
  SL_LAW_STUDENT,   /* nu > 0 */
  SL_LAW_INVERSE_GAMMA, /* alpha > 0: 1/z has density g^(alpha-1) e^-g */
  SL_LAW_PEARSON4,  /* m > 1/2, n: (1 + z^2)^-m exp(-n atan z), 3.2 */
  SL_LAW_HITTING,   /* drift: first time a Brownian motion with that drift is
                       at 1; defective when drift < 0, 3.3 */
  SL_LAW_EXIT,      /* drift, start: first time a Brownian motion with that
                       drift leaves (0, 1) from start, 3.3 */
  SL_LAW_OU_EXIT,   /* kappa, start: first time dx = kappa x dt + dW leaves
                       (-1, 1) from start, 3.4 */
  SL_NLAW
} sl_law_kind;

typedef enum sl_law_what {
  SL_LAW_PDF, SL_LAW_LOGPDF, SL_LAW_CDF, SL_LAW_SF, SL_LAW_QUANTILE,
  SL_LAW_ISF, /* the quantile of 1 - p */
  SL_LAW_SIDE_PDF /* EXIT: density of leaving at 0; minus z asks for 1 */
} sl_law_what;

#define SL_LAW_MODES 40 /* eigenvalues kept for SL_LAW_OU_EXIT */

typedef struct sl_law {
  sl_law_kind kind;
  double location, scale;
  double par[2];
  double mass;       /* total probability, 1 unless defective */
  double split[2];   /* y where the lower, the upper tail ends */
  double logtail[2]; /* log probability of each tail up to its split */
  double kink;       /* log probability at which the lower tail has a kink */
  double close;      /* error of y that samples below and near it may have */
  bool sampler;      /* inverse[] is made */
  double own[8];     /* what the kind keeps */
  sl_curve forward[2], inverse[2];
  double lambda[SL_LAW_MODES], weight[SL_LAW_MODES];
} sl_law;

/* sl_law_make: errors: SL_EARG names the parameter; SL_ECONVERGE. */
sl_status sl_law_make(sl_law *law, sl_law_kind kind, const double par[2],
                      double location, double scale, sl_err *err);

/* sl_law_eval: out[i] = what of x[i], i < n; out may be x. Spread over threads.
** Probabilities outside [0, 1] give NaN. errors: SL_EINTR */
sl_status sl_law_eval(const sl_law *law, sl_law_what what, sl_int n,
                      const double *x, double *out, sl_err *err);

/* sl_law_sample: n draws; advances r by n. Inversion of one uniform per draw by
** a curve (made at the first call), but normals for SL_LAW_NORMAL and
** SL_LAW_LOGNORMAL. A draw depends on (seed, position) alone. Uniforms have 53
** bits: no draw lies beyond probability 2^-53.
** errors: as sl_random_fill, sl_curve_fit */
sl_status sl_law_sample(sl_law *law, sl_random *r, sl_int n, double *out,
                        sl_err *err);

/* sl_law_logk: log of Pearson IV's constant k, 3.2. */
double sl_law_logk(const sl_law *law);

/* ---- what a kind provides (law_*.c) -------------------------------------- */
/* Sides: 0 the lower tail, 1 the upper. NULL where unsaid. */
typedef struct sl_law_class {
  const char *name;
  sl_status (*make)(sl_law *law, sl_err *err); /* checks par; sets split, own */
  double (*logpdf)(const sl_law *law, double z);
  /* lower and upper probability, conditional on z finite */
  void (*tails)(const sl_law *law, double z, double *p, double *q);
  /* log probability of the tail from the end to y, and its derivative by y */
  double (*logtail)(const sl_law *law, int side, double y, double *slope);
  /* a y near the one whose logtail is logp */
  double (*guess)(const sl_law *law, int side, double logp);
  /* the y itself, where it can be had directly; else NULL */
  double (*inverse)(const sl_law *law, int side, double logp);
  double (*point)(const sl_law *law, int side, double y); /* z at y */
  bool rises; /* the upper tail too grows with y, as with -asinh z */
} sl_law_class;

extern const sl_law_class sl_law_normal, sl_law_lognormal, sl_law_cauchy,
    sl_law_student, sl_law_inverse_gamma, sl_law_pearson4, sl_law_hitting,
    sl_law_exit, sl_law_ou_exit;

/* sl_law_class_of: the class of a kind. sl_law_solve: y with logtail logp, by
** Newton's steps in a bracket, from the class's guess. */
const sl_law_class *sl_law_class_of(sl_law_kind kind);
double sl_law_solve(const sl_law *law, int side, double logp);

/* Points of the two usual coordinates. */
double sl_law_point_log(const sl_law *law, int side, double y);
double sl_law_point_asinh(const sl_law *law, int side, double y);

/* Density of EXIT at one end, 0 or 1, in z. */
double sl_law_exit_side(const sl_law *law, int end, double z);

#endif
