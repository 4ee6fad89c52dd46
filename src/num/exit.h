/* exit.h: exits of one-dimensional diffusions dx = b dt + g dW from an interval
** [lower, upper]. The interval is cut into panels with SL_PANEL Chebyshev
** points each, so short that everything is a polynomial on a panel to working
** accuracy; integrals are running sums of panel integrals. Drift and diffusion
** come as values at the nodes. In the symbols of docs/sde.md 3.5: phi is the
** integral of 2 b / g^2, S' = exp(-phi) the scale density, m = 2 / (g^2 S') the
** speed density. They may differ by thousands of orders of magnitude over the
** interval, so they are held as logarithms.  MIT licence. */
#ifndef SL_EXIT_H
#define SL_EXIT_H

#include "base/base.h"

enum { SL_PANEL = 17 };

/* ---- panels (panels.c) --------------------------------------------------- */
/* x[panels * SL_PANEL]: the nodes between edge[0] < .. < edge[panels]; the ends
** of a panel are nodes, exactly its edges. */
void sl_panel_nodes(double *x, const double *edge, sl_int panels);

/* out[i] = integral of f from a panel's left end (from = 0), or to its right
** end (from = 1), for nodes i of a panel of half width h; in one pass for
** positive f, so without cancellation. */
void sl_panel_integral(double *out, const double *f, double h, int from);
/* The integral over the whole panel. */
double sl_panel_total(const double *f, double h);

/* Ratio of the last Chebyshev coefficients of f on a panel to its largest; 0
** when the coefficients have stopped falling: then it is noise. */
double sl_panel_tail(const double *f);

/* The polynomials with values f at the nodes, at x[n]; NaN outside. */
void sl_panel_at(double *out, const double *x, sl_int n, const double *edge,
                 sl_int panels, const double *f);

/* x[n] with F(x) = y, where F is increasing and has the values f. */
void sl_panel_inverse(double *x, const double *y, sl_int n, const double *edge,
                      sl_int panels, const double *f);

/* Which panels are too wide for b and g: split[p] = 1. Panels at the rounding
** level of their ends stay.  errors: SL_EDOM b or g not finite, g = 0 inside
** or at an end, g or b/g^2 singular; says where. */
sl_status sl_panel_test(uint8_t *split, const double *edge, sl_int panels,
                        const double *b, const double *g, sl_err *err);

/* ---- scale, speed, Green's operator (exit.c) ------------------------------ */
/* Rows of panels * SL_PANEL doubles. */
enum {
  SL_EXIT_PHI,   /* 2 b / g^2 integrated from lower: S' = exp(-phi) */
  SL_EXIT_SCALE, /* log S(lower, x) */
  SL_EXIT_LOWER, /* log of S(lower, x) / S(lower, upper) */
  SL_EXIT_UPPER, /* log of S(x, upper) / S(lower, upper) */
  SL_EXIT_SPEED, /* log m */
  SL_EXIT_TIME,  /* integral of 1 / g: the Lamperti coordinate */
  SL_EXIT_PAST,  /* Green's operator: see exit.c */
  SL_EXIT_AHEAD,
  SL_EXIT_FROM_LOWER,
  SL_EXIT_FROM_UPPER,
  SL_EXIT_ROWS
};

typedef struct sl_exit {
  sl_int panels, nodes; /* nodes = panels * SL_PANEL */
  const double *edge;   /* [panels + 1] */
  double *row[SL_EXIT_ROWS];
} sl_exit;

/* Splits data [SL_EXIT_ROWS * panels * SL_PANEL] into rows. */
void sl_exit_init(sl_exit *e, const double *edge, sl_int panels, double *data);

/* Fills the rows.  errors: SL_EDOM exits take longer than 1e300;
** SL_ENOMEM. */
sl_status sl_exit_build(sl_exit *e, const double *b, const double *g,
                        sl_err *err);

/* u solves (1/2) g^2 u'' + b u' = -f, u = 0 at both ends; f, u [nodes]. With
** f = 1 it is the mean exit time. u is not f. No subtraction where f >= 0. */
void sl_exit_green(const sl_exit *e, double *u, const double *f);

/* p[nodes]: probability to leave through upper, or through lower. */
void sl_exit_side(const sl_exit *e, double *p, bool upper);

/* ---- eigenvalues of the generator (exit_modes.c) -------------------------- */
/* The k smallest eigenvalues lambda of -(1/2) g^2 u'' - b u' = lambda u with
** u = 0 at the ends, ascending, and psi [k x nodes], orthonormal in m dx:
** the share of `weight` [nodes] (1, or the probability of a side) in the mode
** is in coef, so that P(T > t) = sum coef psi exp(-lambda t). *found <= k of
** them are accurate: those with lambda / lambda_1 < 1e7.
** errors: SL_ENOMEM, SL_EINTR, SL_ECONVERGE */
sl_status sl_exit_modes(const sl_exit *e, sl_int k, double *lambda,
                        double *psi, sl_int *found, sl_err *err);
/* Integral of f g m dx, with m scaled as in psi's norm. */
double sl_exit_inner(const sl_exit *e, const double *f, const double *g);

/* ---- Laplace transforms (exit_laplace.c) ---------------------------------- */
typedef enum sl_exit_kind { SL_EXIT_CDF, SL_EXIT_DENSITY } sl_exit_kind;

/* E_x[exp(-s T); through lower] * at_lower + the same for upper * at_upper, for
** real s > -lambda_1: out[n] at x[n]. */
sl_status sl_exit_laplace(const sl_exit *e, double s, double at_lower,
                          double at_upper, const double *x, sl_int n,
                          double *out, sl_err *err);

/* out[n]: P_x(T <= t) or its density in t, exits through lower and upper
** counted with weights; from the transform by Talbot's contour, so small
** probabilities keep their relative accuracy. t > 0.
** source: Abate & Valko 2004, Int. J. Numer. Meth. Engng 60. */
sl_status sl_exit_talbot(const sl_exit *e, double t, sl_exit_kind kind,
                         double at_lower, double at_upper, const double *x,
                         sl_int n, double *out, sl_err *err);

#endif
