/* num.h: dense linear algebra over LAPACK, on borrowed descriptors.
** Inputs: f64 or f32, any strides, entries finite. Outputs: made by the caller
** with the shapes given here and the dtype of a; outputs may be views, and
** overlap no other output. `..` are leading batch axes, looped over; outputs
** have the same. Sizes of 0 are allowed everywhere unless said.
** Errors of all: SL_EDTYPE, SL_ESHAPE, SL_ENOMEM; SL_EDOM when an entry is NaN
** or infinite (its row and column are named); SL_EINTR, asked before and after
** each LAPACK call. Where symmetry is assumed the lower triangle is read.
** Krylov methods: krylov.h; networks: network.h.  MIT licence. */
#ifndef SL_NUM_H
#define SL_NUM_H

#include "tensor/tensor.h"

/* ---- eigenvalues and singular values (eigen.c) --------------------------- */
/* sl_eigh: a = V diag(w) V', w ascending, vectors in columns. V may be NULL.
**   shapes: a, V [.. n n], w [.. n]     source: LAPACK syevd, and
**   syevd_2stage for the eigenvalues alone from n = 3500 on
**   errors: SL_ECONVERGE */
sl_status sl_eigh(sl_tensor *w, sl_tensor *V, const sl_tensor *a, sl_err *err);

/* sl_eig: a v = w v with complex parts apart; columns of V have 2-norm 1;
** conjugate pairs adjoin, positive imaginary part first. V_re and V_im may be
** NULL together.
**   shapes: a, V_re, V_im [n n], w_re, w_im [n]    source: LAPACK geev
**   errors: SL_ECONVERGE */
sl_status sl_eig(sl_tensor *w_re, sl_tensor *w_im, sl_tensor *V_re,
                 sl_tensor *V_im, const sl_tensor *a, sl_err *err);

/* sl_svd: a = U diag(s) Vt, thin, s descending; Vt is V transposed, as LAPACK
** has it. U and Vt may be NULL together. k = min(m, n).
**   shapes: a [.. m n], U [.. m k], s [.. k], Vt [.. k n]
**   errors: SL_ECONVERGE     source: gesdd, and gesvd where that fails */
sl_status sl_svd(sl_tensor *U, sl_tensor *s, sl_tensor *Vt, const sl_tensor *a,
                 sl_err *err);

/* ---- factorisations (factor.c) ------------------------------------------- */
/* sl_qr: a = Q R, thin; signs are LAPACK's, the diagonal of R may be negative.
**   shapes: a [m n], Q [m k], R [k n], k = min(m, n)   source: geqrf, orgqr */
sl_status sl_qr(sl_tensor *Q, sl_tensor *R, const sl_tensor *a, sl_err *err);

/* sl_chol: a = L L', L lower triangular.
**   shapes: a, L [.. n n]     source: potrf
**   errors: SL_EDOM not positive definite; names the leading minor */
sl_status sl_chol(sl_tensor *L, const sl_tensor *a, sl_err *err);

/* sl_lu: a[perm] = L U with partial pivoting; packed (may be NULL) holds both
** factors in one array, as LAPACK does. A singular a is no error.
**   shapes: a, packed [m n], perm i64 [m] 0-based, L [m k], U [k n]
**   source: getrf */
sl_status sl_lu(sl_tensor *perm, sl_tensor *L, sl_tensor *U, sl_tensor *packed,
                const sl_tensor *a, sl_err *err);

/* sl_inv: shapes: a, out [.. n n]. errors: SL_ESINGULAR when rcond < eps. */
sl_status sl_inv(sl_tensor *out, const sl_tensor *a, sl_err *err);

/* sl_slogdet: det a = sign exp(logabs); singular: 0 and -inf.
**   shapes: a [.. n n], sign, logabs [..] */
sl_status sl_slogdet(sl_tensor *sign, sl_tensor *logabs, const sl_tensor *a,
                     sl_err *err);

/* sl_det: shapes: a [.. n n], out [..]; the empty determinant is 1. */
sl_status sl_det(sl_tensor *out, const sl_tensor *a, sl_err *err);

/* ---- least squares (lstsq.c) --------------------------------------------- */
/* sl_lstsq: x of least norm among those minimising |a x - b| column by column.
** Singular values under rcond * largest count as 0 (rcond < 0: eps * max(m,n)).
**   shapes: a [m n], b [m k], x [n k], s [min(m, n)]; *rank is returned
**   errors: SL_ECONVERGE     source: gelsd */
sl_status sl_lstsq(sl_tensor *x, sl_int *rank, sl_tensor *s, const sl_tensor *a,
                   const sl_tensor *b, double rcond, sl_err *err);

/* sl_pinv: Moore-Penrose inverse; rcond as in sl_lstsq.
**   shapes: a [m n], out [n m] */
sl_status sl_pinv(sl_tensor *out, const sl_tensor *a, double rcond,
                  sl_err *err);

/* sl_matrix_rank: singular values above tol (tol < 0: eps max(m,n) largest). */
sl_status sl_matrix_rank(sl_int *rank, const sl_tensor *a, double tol,
                         sl_err *err);

/* ---- symmetric indefinite (ldl.c) ---------------------------------------- */
/* sl_ldl: a[perm, perm] = L D L', L unit lower triangular, D block diagonal
** with blocks of 1 and 2. Bunch-Kaufman, blocked, interrupted between panels.
**   shapes: a, L, D [n n], perm i64 [n] 0-based    cost: n^3 / 3
**   source: LAPACK lasyf, sytf2 */
sl_status sl_ldl(sl_tensor *L, sl_tensor *D, sl_tensor *perm,
                 const sl_tensor *a, sl_err *err);

/* sl_inertia: numbers of negative, zero and positive eigenvalues of
** a - shift I, those of size <= tol counted as zero (tol < 0: n eps times its
** Frobenius norm). By Sylvester's law from the signs of D, at shift - tol and
** at shift + tol: the size of an entry of D says nothing of an eigenvalue. To
** ask how many eigenvalues of a lie under t, shift by t with tol 0.
**   shapes: a [n n], count[3] = {negative, zero, positive} */
sl_status sl_inertia(sl_int count[3], const sl_tensor *a, double shift,
                     double tol, sl_err *err);

/* ---- norms (norm.c) ------------------------------------------------------ */
typedef enum sl_norm_kind {
  SL_NORM_FRO, /* all entries, 2-norm; also of vectors */
  SL_NORM_P,   /* vector: (sum |x|^p)^(1/p); p = 0 counts, inf max, -inf min;
                  matrix: p = 1, 2, inf, the operator norms */
  SL_NORM_NUC  /* sum of singular values */
} sl_norm_kind;

/* sl_norm: a [n] or [m n]. NaN and infinity propagate, except in the 2- and
** nuclear norm of a matrix (SL_EDOM). errors: SL_EARG kind or p unfit. */
sl_status sl_norm(double *out, const sl_tensor *a, sl_norm_kind kind, double p,
                  sl_err *err);

#endif
