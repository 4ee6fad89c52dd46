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
/* The integral over the whole panel, and its weights for h = 1: out[SL_PANEL].
** Weights of the integral to node i: sl_panel_weights(out, i). */
double sl_panel_total(const double *f, double h);
void sl_panel_weights(double *out, int i);

/* Ratio of the last Chebyshev coefficients of f on a panel to its largest; 0
** when the coefficients have stopped falling: then it is noise. */
double sl_panel_tail(const double *f);

/* The polynomials with values f at the nodes, at x[n]; NaN outside. */
void sl_panel_at(double *out, const double *x, sl_int n, const double *edge,
                 sl_int panels, const double *f);

/* x[n] with F(x) = y, where F is increasing and has the values f. errors:
** SL_EINTR. */
sl_status sl_panel_inverse(double *x, const double *y, sl_int n,
                           const double *edge, sl_int panels, const double *f,
                           sl_err *err);

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

/* weight[nodes]: sum of weight f h = integral of f h m dx, with m in units of
** its largest value. */
void sl_exit_weights(const sl_exit *e, double *weight);

/* ---- eigenvalues of the generator (exit_modes.c) -------------------------- */
/* The k smallest eigenvalues lambda of -(1/2) g^2 u'' - b u' = lambda u, u = 0
** at the ends, ascending, with chi [k x nodes]: psi = chi / sqrt(m), m in units
** of its largest value, is orthonormal in the weights above, and
** P(T > t) = sum <1, psi> psi(x) exp(-lambda t). The panels must resolve psi.
** *found <= k of them are accurate: those with lambda < 1e7 lambda[0].
**   errors: SL_ENOMEM, SL_EINTR, SL_ECONVERGE     source: Lanczos on Green's
** operator, whose eigenvalues are 1 / lambda */
sl_status sl_exit_modes(const sl_exit *e, sl_int k, double *lambda,
                        double *chi, sl_int *found, sl_err *err);

/* ---- Laplace transforms (exit_laplace.c) ---------------------------------- */
/* out[n] = E_x[exp(-s T); lower] at_lower + E_x[exp(-s T); upper] at_upper for
** real s >= 0, at x[n]. Panels must resolve sqrt(2 s) / g: sl_exit_talbot. */
sl_status sl_exit_laplace(const sl_exit *e, double s, double at_lower,
                          double at_upper, const double *x, sl_int n,
                          double *out, sl_err *err);

/* How many eigenvalues of sl_exit_modes are below lambda: the zeros inside of
** the solution for s = -lambda that vanishes at lower (Sturm). Panels as for
** s = lambda.  errors: SL_ENOMEM */
sl_status sl_exit_count(const sl_exit *e, double lambda, sl_int *count,
                        sl_err *err);

enum { SL_EXIT_POINTS = 256 };

/* out[n] = P_x(T <= t), or its density in t, t > 0, the sides weighted as in
** sl_exit_laplace: the transform inverted on Talbot's contour of `points`
** points, which crosses the real axis at 2 points / (5 t). 22 points give 11
** digits where the answer is not small; a small one keeps them when the
** contour crosses near the s of least F(s) exp(s t). No panel may be longer
** than 3 / sqrt(6.4 points / t) in the Lamperti coordinate.
**   errors: SL_ENOMEM, SL_EINTR, SL_EARG points not in 1 .. SL_EXIT_POINTS
** source: Abate & Valko 2004, Int. J. Numer. Meth. Engng
** 60, 979 */
sl_status sl_exit_talbot(const sl_exit *e, double t, int points, bool density,
                         double at_lower, double at_upper, const double *x,
                         sl_int n, double *out, sl_err *err);

/* out[n] = c where P_x(T > t, sides weighted) has the term c exp(-lambda t),
** lambda one of sl_exit_modes: minus the residue of the transform over s at
** -lambda, from a circle of that radius, a quarter of the way to the next
** eigenvalue or to 0.  errors: SL_ENOMEM, SL_EINTR */
sl_status sl_exit_residue(const sl_exit *e, double lambda, double radius,
                          double at_lower, double at_upper, const double *x,
                          sl_int n, double *out, sl_err *err);

#endif
