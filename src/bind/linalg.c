/* linalg.c: `saddle.linalg`: dense factorisations and Krylov methods for Lua.
** Matrices may be tensors, numbers' tables or integers (taken as f64); leading
** axes are batches where the core loops over them. An operator of the Krylov
** methods is a symmetric matrix or a function v -> A v. Indices (perm) are
** 1-based.  MIT licence. */
#include <math.h>
#include <string.h>

#include "bind/tensors.h"
#include "num/krylov.h"
#include "num/num.h"

/* The argument as an f64 or f32 tensor of at least `ndim` axes. */
static const sl_tensor *floats(lua_State *L, int arg, const char *name) {
  if (sl_issym(L, arg)) {
    sl_raisef(L, "%s: %s is being traced, and %s has no derivative rule",
              sl_callee(L), name, sl_callee(L));
  }
  const sl_tensor *t = sl_astensor(L, arg, SL_NDTYPE);
  if (sl_dtype_isfloat(t->type.dtype)) {
    return t;
  }
  return sl_astensor(L, t == sl_totensor(L, arg) ? arg : lua_gettop(L), SL_F64);
}

static const sl_tensor *matrix(lua_State *L, int arg, const char *name,
                               bool batch) {
  const sl_tensor *t = floats(L, arg, name);
  char text[200];
  if (t->type.ndim < 2 || (!batch && t->type.ndim > 2)) {
    sl_raisef(L, "%s: %s must be a matrix%s, is %s", sl_callee(L), name,
              batch ? " or a batch of them" : "",
              sl_type_text(text, sizeof text, &t->type));
  }
  return t;
}

/* ... and square, so that outputs can be sized before the core looks. */
static const sl_tensor *square(lua_State *L, int arg, bool batch) {
  const sl_tensor *t = matrix(L, arg, "a", batch);
  char text[200];
  if (t->type.shape[t->type.ndim - 1] != t->type.shape[t->type.ndim - 2]) {
    sl_raisef(L, "%s: a must be square, is %s", sl_callee(L),
              sl_type_text(text, sizeof text, &t->type));
  }
  return t;
}

/* Pushes a tensor [.., tail] with the batch axes and dtype of a. */
static sl_tensor *push_like(lua_State *L, const sl_tensor *a, int tail,
                            sl_int m, sl_int n) {
  sl_type type = a->type;
  type.ndim = a->type.ndim - 2 + tail;
  type.shape[a->type.ndim - 2] = m;
  if (tail == 2) {
    type.shape[a->type.ndim - 1] = n;
  }
  return sl_newtensor(L, &type);
}

static sl_int rows(const sl_tensor *a) {
  return a->type.shape[a->type.ndim - 2];
}

static sl_int columns(const sl_tensor *a) {
  return a->type.shape[a->type.ndim - 1];
}

static sl_int shorter(const sl_tensor *a) {
  return rows(a) < columns(a) ? rows(a) : columns(a);
}

/* 0-based indices from the core, made 1-based. */
static void from_one(sl_tensor *perm) {
  for (sl_int i = 0; i < sl_numel(&perm->type); i++) {
    sl_set(perm, i, 0, sl_geti(perm, i) + 1);
  }
}

/* ---- eigenvalues --------------------------------------------------------- */
/* w, V = eigh(a): a symmetric (its lower triangle is read). */
static int linalg_eigh(lua_State *L) {
  sl_err err;
  const sl_tensor *a = square(L, 1, true);
  sl_tensor *w = push_like(L, a, 1, rows(a), 0);
  sl_tensor *V = push_like(L, a, 2, rows(a), rows(a));
  sl_try(L, sl_eigh(w, V, a, &err), &err);
  return 2;
}

static int linalg_eigvalsh(lua_State *L) {
  sl_err err;
  const sl_tensor *a = square(L, 1, true);
  sl_tensor *w = push_like(L, a, 1, rows(a), 0);
  sl_try(L, sl_eigh(w, NULL, a, &err), &err);
  return 1;
}

/* w_re, w_im, V_re, V_im = eig(a) */
static int linalg_eig(lua_State *L) {
  sl_err err;
  const sl_tensor *a = square(L, 1, false);
  sl_int n = rows(a);
  sl_tensor *re = push_like(L, a, 1, n, 0), *im = push_like(L, a, 1, n, 0);
  sl_tensor *V = push_like(L, a, 2, n, n), *W = push_like(L, a, 2, n, n);
  sl_try(L, sl_eig(re, im, V, W, a, &err), &err);
  return 4;
}

/* U, s, Vt = svd(a), thin */
static int linalg_svd(lua_State *L) {
  sl_err err;
  const sl_tensor *a = matrix(L, 1, "a", true);
  sl_int k = shorter(a);
  sl_tensor *U = push_like(L, a, 2, rows(a), k);
  sl_tensor *s = push_like(L, a, 1, k, 0);
  sl_tensor *Vt = push_like(L, a, 2, k, columns(a));
  sl_try(L, sl_svd(U, s, Vt, a, &err), &err);
  return 3;
}

/* ---- factorisations ------------------------------------------------------ */
/* Q, R = qr(a), thin */
static int linalg_qr(lua_State *L) {
  sl_err err;
  const sl_tensor *a = matrix(L, 1, "a", false);
  sl_int k = shorter(a);
  sl_tensor *Q = push_like(L, a, 2, rows(a), k);
  sl_tensor *R = push_like(L, a, 2, k, columns(a));
  sl_try(L, sl_qr(Q, R, a, &err), &err);
  return 2;
}

static int linalg_chol(lua_State *L) {
  sl_err err;
  const sl_tensor *a = square(L, 1, true);
  sl_tensor *out = push_like(L, a, 2, rows(a), rows(a));
  sl_try(L, sl_chol(out, a, &err), &err);
  return 1;
}

/* P, L, U, perm, packed = lu(a): a = P L U and a[perm] = L U */
static int linalg_lu(lua_State *L) {
  sl_err err;
  const sl_tensor *a = matrix(L, 1, "a", false);
  sl_int m = rows(a), k = shorter(a);
  sl_tensor *P = push_like(L, a, 2, m, m), *low = push_like(L, a, 2, m, k);
  sl_tensor *up = push_like(L, a, 2, k, columns(a));
  sl_tensor *perm = sl_newtensor_nd(L, SL_I64, 1, &m);
  sl_tensor *packed = push_like(L, a, 2, m, columns(a));
  sl_try(L, sl_lu(perm, low, up, packed, a, &err), &err);
  sl_fill(P, 0, 0);
  for (sl_int i = 0; i < m; i++) {
    sl_set(P, sl_geti(perm, i) * m + i, 1, 1);
  }
  from_one(perm);
  return 5;
}

/* l, D, perm = ldl(a): a[perm, perm] = l D l' */
static int linalg_ldl(lua_State *L) {
  sl_err err;
  const sl_tensor *a = square(L, 1, false);
  sl_int n = rows(a);
  sl_tensor *low = push_like(L, a, 2, n, n), *D = push_like(L, a, 2, n, n);
  sl_tensor *perm = sl_newtensor_nd(L, SL_I64, 1, &n);
  sl_try(L, sl_ldl(low, D, perm, a, &err), &err);
  from_one(perm);
  return 3;
}

/* negative, zero, positive = inertia(a, {shift = 0, tol =}) of a - shift I */
static int linalg_inertia(lua_State *L) {
  static const char *const names[] = {"shift", "tol", NULL};
  sl_err err;
  sl_int count[3];
  sl_checkopts(L, 2, names);
  double shift = sl_optnum(L, 2, "shift", 0), tol = sl_optnum(L, 2, "tol", -1);
  const sl_tensor *a = square(L, 1, false);
  sl_try(L, sl_inertia(count, a, shift, tol, &err), &err);
  for (int i = 0; i < 3; i++) {
    lua_pushinteger(L, count[i]);
  }
  return 3;
}

static int linalg_inv(lua_State *L) {
  sl_err err;
  const sl_tensor *a = square(L, 1, true);
  sl_tensor *out = push_like(L, a, 2, rows(a), rows(a));
  sl_try(L, sl_inv(out, a, &err), &err);
  return 1;
}

static int linalg_det(lua_State *L) {
  sl_err err;
  const sl_tensor *a = square(L, 1, true);
  sl_tensor *out = push_like(L, a, 0, 0, 0);
  sl_try(L, sl_det(out, a, &err), &err);
  sl_unbox(L);
  return 1;
}

/* sign, log|det| = slogdet(a) */
static int linalg_slogdet(lua_State *L) {
  sl_err err;
  const sl_tensor *a = square(L, 1, true);
  sl_tensor *sign = push_like(L, a, 0, 0, 0);
  sl_tensor *logabs = push_like(L, a, 0, 0, 0);
  sl_try(L, sl_slogdet(sign, logabs, a, &err), &err);
  if (a->type.ndim == 2) {
    lua_pushnumber(L, sl_get(sign, 0));
    lua_pushnumber(L, sl_get(logabs, 0));
  }
  return 2;
}

/* ---- systems ------------------------------------------------------------- */
/* x, rank, s = lstsq(a, b, {rcond =}) */
static int linalg_lstsq(lua_State *L) {
  static const char *const names[] = {"rcond", NULL};
  sl_err err;
  lua_settop(L, 3);
  sl_checkopts(L, 3, names);
  double rcond = sl_optnum(L, 3, "rcond", -1);
  const sl_tensor *a = matrix(L, 1, "a", false), *b = floats(L, 2, "b");
  char text[200];
  if (b->type.ndim < 1 || b->type.ndim > 2) {
    sl_raisef(L, "lstsq: b must be a vector or a matrix, is %s",
              sl_type_text(text, sizeof text, &b->type));
  }
  sl_tensor two = *b; /* a vector as one column */
  if (b->type.ndim == 1) {
    two.type.ndim = 2;
    two.type.shape[1] = 1;
    two.stride[1] = 1;
  }
  sl_int shape[2] = {columns(a), two.type.shape[1]};
  sl_tensor *x = sl_newtensor_nd(L, a->type.dtype, b->type.ndim, shape);
  int at = lua_gettop(L);
  sl_tensor *s = push_like(L, a, 1, shorter(a), 0), x2;
  sl_type type = {.dtype = a->type.dtype, .ndim = 2,
                  .shape = {shape[0], shape[1]}};
  sl_tensor_init(&x2, &type, x->data);
  sl_int rank = 0;
  sl_try(L, sl_lstsq(&x2, &rank, s, a, &two, rcond, &err), &err);
  lua_pushvalue(L, at);
  lua_pushinteger(L, rank);
  lua_pushvalue(L, at + 1);
  return 3;
}

static int linalg_pinv(lua_State *L) {
  static const char *const names[] = {"rcond", NULL};
  sl_err err;
  sl_checkopts(L, 2, names);
  double rcond = sl_optnum(L, 2, "rcond", -1);
  const sl_tensor *a = matrix(L, 1, "a", false);
  sl_tensor *out = push_like(L, a, 2, columns(a), rows(a));
  sl_try(L, sl_pinv(out, a, rcond, &err), &err);
  return 1;
}

static int linalg_matrix_rank(lua_State *L) {
  static const char *const names[] = {"tol", NULL};
  sl_err err;
  sl_int rank = 0;
  sl_checkopts(L, 2, names);
  double tol = sl_optnum(L, 2, "tol", -1);
  sl_try(L, sl_matrix_rank(&rank, matrix(L, 1, "a", false), tol, &err), &err);
  lua_pushinteger(L, rank);
  return 1;
}

/* norm(a, "fro" | "nuc" | p); vectors 2-norm, matrices Frobenius unless told */
static int linalg_norm(lua_State *L) {
  static const char *const names[] = {"fro", "nuc", "inf", NULL};
  sl_err err;
  sl_norm_kind kind = SL_NORM_FRO;
  double p = 2, out = 0;
  if (lua_type(L, 2) == LUA_TSTRING) {
    const char *name = lua_tostring(L, 2);
    int which = 0;
    while (names[which] != NULL && strcmp(names[which], name) != 0) {
      which++;
    }
    if (names[which] == NULL) {
      sl_raisef(L, "norm: p: expected a number, 'fro', 'nuc' or 'inf', got "
                "'%.60s'", name);
    }
    kind = which == 0 ? SL_NORM_FRO : (which == 1 ? SL_NORM_NUC : SL_NORM_P);
    p = HUGE_VAL;
  } else if (!lua_isnoneornil(L, 2)) {
    kind = SL_NORM_P;
    p = sl_checknum(L, 2, "p");
  }
  sl_try(L, sl_norm(&out, floats(L, 1, "a"), kind, p, &err), &err);
  lua_pushnumber(L, out);
  return 1;
}

/* ---- Krylov methods ------------------------------------------------------ */
/* An operator argument: a Lua function, or a square f64 matrix. */
typedef struct oper {
  int at;             /* its place on the stack */
  const sl_tensor *A; /* NULL for a function */
  sl_int n;
} oper;

static oper check_oper(lua_State *L, int arg, sl_int n) {
  oper op = {.at = arg, .n = n};
  char text[200];
  if (lua_isfunction(L, arg)) {
    return op;
  }
  if (!sl_totensor(L, arg)) {
    sl_argerror(L, arg, "expected a function v -> A v or a matrix, got %s",
                luaL_typename(L, arg));
  }
  op.A = sl_ascontiguous(L, arg, SL_F64);
  if (op.A->type.ndim != 2 || rows(op.A) != n || columns(op.A) != n) {
    sl_argerror(L, arg, "the matrix must be [%lld x %lld] by the vector, is %s",
                (long long)n, (long long)n,
                sl_type_text(text, sizeof text, &op.A->type));
  }
  return op;
}

static sl_tensor column(double *p, sl_int n) {
  sl_type type = {.dtype = SL_F64, .ndim = 2, .shape = {n, 1}};
  sl_tensor t;
  sl_tensor_init(&t, &type, p);
  return t;
}

static void call_function(lua_State *L, const oper *op, const double *v,
                          double *out) {
  int top = lua_gettop(L);
  char text[200];
  lua_pushvalue(L, op->at);
  sl_tensor *arg = sl_newtensor_nd(L, SL_F64, 1, &op->n);
  memcpy(arg->data, v, (size_t)op->n * sizeof *v);
  lua_call(L, 1, 1);
  const sl_tensor *y = sl_ascontiguous(L, top + 1, SL_F64);
  if (y->type.ndim != 1 || y->type.shape[0] != op->n) {
    sl_raisef(L, "the operator must return [%lld] f64, returned %s",
              (long long)op->n, sl_type_text(text, sizeof text, &y->type));
  }
  memcpy(out, y->data, (size_t)op->n * sizeof *out);
  lua_settop(L, top);
}

/* out = A v; leaves the stack as it was. */
static void operate(lua_State *L, const oper *op, double *v, double *out) {
  sl_err err;
  sl_try(L, sl_poll(&err, "the operator"), &err);
  if (!op->A) {
    call_function(L, op, v, out);
    return;
  }
  sl_tensor from = column(v, op->n), to = column(out, op->n);
  sl_try(L, sl_matmul(&to, op->A, &from, false, false, &err), &err);
}

/* The vector argument, [n] f64. */
static const sl_tensor *check_vector(lua_State *L, int arg, const char *name) {
  const sl_tensor *t = sl_ascontiguous(L, arg, SL_F64);
  char text[200];
  if (t->type.ndim != 1 || t->type.shape[0] < 1) {
    sl_raisef(L, "%s: %s must be a vector [n], is %s", sl_callee(L), name,
              sl_type_text(text, sizeof text, &t->type));
  }
  return t;
}

static double *doubles(lua_State *L, sl_int count) {
  sl_int bytes = 0;
  if (!sl_mul(count, (sl_int)sizeof(double), &bytes)) {
    sl_raisef(L, "%s: too large", sl_callee(L));
  }
  return sl_bind_scratch(L, bytes);
}

static void set_number(lua_State *L, const char *name, double value) {
  lua_pushnumber(L, value);
  lua_setfield(L, -2, name);
}

static void set_integer(lua_State *L, const char *name, sl_int value) {
  lua_pushinteger(L, value);
  lua_setfield(L, -2, name);
}

/* Pushes a new [n] tensor with these values. */
static void push_vector(lua_State *L, const double *v, sl_int n) {
  sl_tensor *t = sl_newtensor_nd(L, SL_F64, 1, &n);
  memcpy(t->data, v, (size_t)n * sizeof *v);
}

/* x, info = minres_qlp(op, b, {maxiter, rtol, maxxnorm, acondlim, trancond});
** info: flag, iterations, qlp_iterations, residual, a_residual, anorm, acond,
** xnorm */
static int linalg_minres_qlp(lua_State *L) {
  static const char *const names[] = {"maxiter",  "rtol",     "maxxnorm",
                                      "acondlim", "trancond", NULL};
  sl_err err;
  sl_minres s;
  sl_minres_opts o = sl_minres_default;
  lua_settop(L, 3);
  sl_checkopts(L, 3, names);
  o.maxit = sl_optint(L, 3, "maxiter", 0);
  o.rtol = sl_optnum(L, 3, "rtol", o.rtol);
  o.maxxnorm = sl_optnum(L, 3, "maxxnorm", o.maxxnorm);
  o.acondlim = sl_optnum(L, 3, "acondlim", o.acondlim);
  o.trancond = sl_optnum(L, 3, "trancond", o.trancond);
  const sl_tensor *b = check_vector(L, 2, "b");
  sl_int n = b->type.shape[0];
  oper op = check_oper(L, 1, n);
  double *work = doubles(L, (SL_MINRES_VECTORS + 1) * n);
  double *av = work + SL_MINRES_VECTORS * n;
  sl_try(L, sl_minres_init(&s, n, b->data, &o, work, &err), &err);
  while (!s.done) {
    operate(L, &op, s.v, av);
    sl_try(L, sl_minres_step(&s, av, &err), &err);
  }
  push_vector(L, s.x, n);
  lua_createtable(L, 0, 8);
  lua_pushstring(L, sl_minres_flag_name(s.flag));
  lua_setfield(L, -2, "flag");
  set_integer(L, "iterations", s.iterations);
  set_integer(L, "qlp_iterations", s.qlp_iterations);
  set_number(L, "residual", s.residual);
  set_number(L, "a_residual", s.a_residual);
  set_number(L, "anorm", s.anorm);
  set_number(L, "acond", s.acond);
  set_number(L, "xnorm", s.xnorm);
  return 2;
}

/* x, info = cg(op, b, {maxiter, rtol}); info: flag, iterations, residual,
** curvature, and with flag "negative_curvature" the direction */
static int linalg_cg(lua_State *L) {
  static const char *const names[] = {"maxiter", "rtol", NULL};
  sl_err err;
  sl_cg s;
  lua_settop(L, 3);
  sl_checkopts(L, 3, names);
  sl_int maxit = sl_optint(L, 3, "maxiter", 0);
  double rtol = sl_optnum(L, 3, "rtol", 1e-10);
  const sl_tensor *b = check_vector(L, 2, "b");
  sl_int n = b->type.shape[0];
  oper op = check_oper(L, 1, n);
  double *work = doubles(L, (SL_CG_VECTORS + 1) * n);
  double *av = work + SL_CG_VECTORS * n;
  sl_try(L, sl_cg_init(&s, n, b->data, rtol, maxit, work, &err), &err);
  while (!s.done) {
    operate(L, &op, s.v, av);
    sl_try(L, sl_cg_step(&s, av, &err), &err);
  }
  push_vector(L, s.x, n);
  lua_createtable(L, 0, 5);
  lua_pushstring(L, sl_cg_flag_name(s.flag));
  lua_setfield(L, -2, "flag");
  set_integer(L, "iterations", s.iterations);
  set_number(L, "residual", s.residual);
  set_number(L, "curvature", s.curvature);
  if (s.flag == SL_CG_NEGATIVE) {
    push_vector(L, s.v, n);
    lua_setfield(L, -2, "direction");
  }
  return 2;
}

/* alpha, beta, V, info = lanczos(op, v0, steps): alpha [k], beta [k - 1],
** V [n x k] with V'AV tridiagonal; info: steps, breakdowns, remainder */
static int linalg_lanczos(lua_State *L) {
  sl_err err;
  sl_lanczos s;
  lua_settop(L, 3);
  const sl_tensor *v0 = check_vector(L, 2, "v0");
  sl_int steps = sl_checkint(L, 3, "steps"), n = v0->type.shape[0];
  oper op = check_oper(L, 1, n);
  sl_int count = sl_lanczos_work(n, steps > 0 ? steps : 1);
  sl_tensor *work = sl_newtensor_nd(L, SL_F64, 1, &count);
  int owner = lua_gettop(L);
  double *av = doubles(L, n);
  sl_try(L, sl_lanczos_init(&s, n, v0->data, steps, work->data, &err), &err);
  while (!s.done) {
    operate(L, &op, s.v, av);
    sl_try(L, sl_lanczos_step(&s, av, &err), &err);
  }
  push_vector(L, s.alpha, s.k);
  push_vector(L, s.beta, s.k - 1);
  sl_tensor V = {.type = {.dtype = SL_F64, .ndim = 2, .shape = {n, s.k}},
                 .stride = {1, n},
                 .data = s.V};
  sl_newview(L, owner, &V);
  lua_createtable(L, 0, 3);
  set_integer(L, "steps", s.k);
  set_integer(L, "breakdowns", s.breakdowns);
  set_number(L, "remainder", s.beta[s.k - 1]);
  return 4;
}

/* theta, weights = tridiagonal(alpha, beta): eigenvalues of the matrix with
** that diagonal and off-diagonal, squared first components of the vectors */
static int linalg_tridiagonal(lua_State *L) {
  sl_err err;
  lua_settop(L, 2);
  const sl_tensor *d = check_vector(L, 1, "alpha");
  const sl_tensor *e = sl_ascontiguous(L, 2, SL_F64);
  sl_int m = d->type.shape[0];
  char text[200];
  if (e->type.ndim != 1 || e->type.shape[0] != m - 1) {
    sl_raisef(L, "tridiagonal: beta must be [%lld], is %s", (long long)(m - 1),
              sl_type_text(text, sizeof text, &e->type));
  }
  sl_tensor *theta = sl_newtensor_nd(L, SL_F64, 1, &m);
  sl_tensor *weight = sl_newtensor_nd(L, SL_F64, 1, &m);
  sl_status status =
      sl_tridiagonal(theta->data, weight->data, d->data, e->data, m, &err);
  sl_try(L, status, &err);
  return 2;
}

static const luaL_Reg functions[] = {
    {"eigh", linalg_eigh},       {"eigvalsh", linalg_eigvalsh},
    {"eig", linalg_eig},         {"svd", linalg_svd},
    {"qr", linalg_qr},           {"chol", linalg_chol},
    {"lu", linalg_lu},           {"ldl", linalg_ldl},
    {"inertia", linalg_inertia}, {"inv", linalg_inv},
    {"det", linalg_det},         {"slogdet", linalg_slogdet},
    {"solve", sl_method_solve},  {"lstsq", linalg_lstsq},
    {"pinv", linalg_pinv},       {"matrix_rank", linalg_matrix_rank},
    {"norm", linalg_norm},       {"minres_qlp", linalg_minres_qlp},
    {"cg", linalg_cg},           {"lanczos", linalg_lanczos},
    {"tridiagonal", linalg_tridiagonal},
    {NULL, NULL}};

int sl_open_linalg(lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}
