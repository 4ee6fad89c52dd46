/* apply.c: the one door to ops.def. Every operation a script asks for, whether
** on Tensors, symbolic tensors or numbers, passes sl_apply: it finds the
** common dtype, casts, and either runs the kernel or appends to a trace.
** The dtype rule: numpy's, and a Lua number never widens f32.
** MIT licence. */
#include <math.h>
#include <string.h>

#include "bind/tensors.h"

/* What a row wants of its operands' dtypes. Derived from the name of the row's
** shape rule, so that a new row of a known family needs nothing here. */
typedef enum rule {
  R_KEEP,    /* operands as they are: views, casts, indices */
  R_ARITH,   /* common dtype, u8 widened to i64 */
  R_FLOAT,   /* common dtype, integers widened to f64 */
  R_TEST,    /* the same, giving a mask */
  R_COMPARE, /* common dtype */
  R_LOGIC,   /* masks */
  R_WHERE    /* common dtype of all but the first */
} rule;

static const char *const shape_name[] = {
#define SL_OP(name, arity, cls, lane, shape, ...) #shape,
#include "graph/ops.def"
#undef SL_OP
};

static const struct {
  const char *shape;
  rule rule;
} rule_of[] = {
    {"shape_arith", R_ARITH},     {"shape_float", R_FLOAT},
    {"shape_test", R_TEST},      {"shape_compare", R_COMPARE},
    {"shape_logic", R_LOGIC},     {"shape_where", R_WHERE},
    {"shape_axisf", R_FLOAT},     {"shape_dropf", R_FLOAT},
    {"shape_solve", R_FLOAT},     {"shape_matmul", R_ARITH},
    {"shape_concat", R_COMPARE},
};

/* The table by op; writing it twice writes the same bytes. */
static uint8_t rules[SL_NOP];

void sl_apply_setup(void) {
  for (int op = 0; op < SL_NOP; op++) {
    rules[op] = R_KEEP;
    for (size_t k = 0; k < sizeof rule_of / sizeof *rule_of; k++) {
      if (strcmp(shape_name[op], rule_of[k].shape) == 0) {
        rules[op] = (uint8_t)rule_of[k].rule;
      }
    }
  }
}

/* Does it take floats to floats of the same dtype? */
static bool is_real(sl_op op) {
  return rules[op] == R_ARITH || rules[op] == R_FLOAT;
}

/* ---- operands ------------------------------------------------------------ */

/* What sl_apply knows of one operand. A number is a 0-d tensor whose element
** is in `room`. */
typedef struct operand {
  int idx;             /* absolute stack index */
  const sl_tensor *t;  /* NULL for numbers not yet made and symbolic ones */
  sl_tensor number;
  sl_type type;
  bool isnum, issym;
  bool weak; /* a number, or symbolic and stands for one */
  union {
    double f64;
    float f32;
    sl_int i64;
    uint8_t u8;
  } room;
} operand;

bool sl_value_type(lua_State *L, int idx, sl_type *type) {
  sl_object *o = sl_toobject(L, idx);
  const sl_tensor *t = sl_object_tensor(o);
  if (t != NULL) {
    sl_type_copy(type, &t->type);
    return true;
  }
  if (o != NULL) {
    return sl_sym_type(L, idx, type);
  }
  if (lua_type(L, idx) == LUA_TNUMBER) {
    type->dtype = lua_isinteger(L, idx) ? SL_I64 : SL_F64;
    type->ndim = 0;
    return true;
  }
  return false;
}

bool sl_isvalue(lua_State *L, int idx) {
  return lua_type(L, idx) == LUA_TNUMBER || sl_toobject(L, idx) != NULL;
}

void sl_checkvalue(lua_State *L, int arg, sl_type *type) {
  if (lua_istable(L, arg)) {
    sl_push_nested(L, arg, SL_NDTYPE);
    lua_replace(L, arg);
  }
  if (!sl_value_type(L, arg, type)) {
    sl_argerror(L, arg, "expected a tensor or a number, got %s",
                sl_typename(L, arg));
  }
}

/* A nested table becomes a tensor on the stack. */
static void read_operand(lua_State *L, sl_op op, int idx, operand *o) {
  if (lua_istable(L, idx)) {
    sl_push_nested(L, idx, SL_NDTYPE);
    idx = lua_gettop(L);
  }
  o->idx = idx;
  o->t = sl_totensor(L, idx);
  o->isnum = o->issym = o->weak = false;
  if (o->t != NULL) {
    sl_type_copy(&o->type, &o->t->type);
    return;
  }
  o->isnum = lua_type(L, idx) == LUA_TNUMBER;
  o->issym = !o->isnum && sl_issym(L, idx);
  o->weak = sl_isnumber(L, idx);
  if (!sl_value_type(L, idx, &o->type)) {
    sl_raisef(L, "%s: expected a tensor or a number, got %s", sl_ops[op].name,
              sl_typename(L, idx));
  }
}

/* ---- dtypes -------------------------------------------------------------- */

/* Common dtype of operands first .. n-1. Numbers count only by kind: a float
** makes integers f64, an integer changes nothing but u8. */
static sl_dtype common_dtype(const operand *o, int first, int n) {
  int d = -1;
  bool fraction = false, number = false;
  for (int i = first; i < n; i++) {
    if (o[i].weak) {
      number = true;
      fraction |= o[i].type.dtype == SL_F64;
    } else {
      d = d < 0 ? (int)o[i].type.dtype
                : (int)sl_dtype_promote((sl_dtype)d, o[i].type.dtype);
    }
  }
  if (d < 0 || (number && d == SL_U8)) {
    d = SL_I64;
  }
  return fraction && !sl_dtype_isfloat((sl_dtype)d) ? SL_F64 : (sl_dtype)d;
}

static sl_dtype operand_dtype(sl_op op, const operand *o, int n) {
  sl_dtype d = common_dtype(o, rules[op] == R_WHERE ? 1 : 0, n);
  switch ((rule)rules[op]) {
    case R_ARITH:
      return d == SL_U8 ? SL_I64 : d;
    case R_FLOAT:
    case R_TEST:
      return sl_dtype_isfloat(d) ? d : SL_F64;
    case R_LOGIC:
      return SL_U8;
    default:
      return d;
  }
}

/* A number as a 0-d tensor of dtype d. */
static void make_number(lua_State *L, operand *o, sl_dtype d) {
  static const sl_type scalar = {.dtype = SL_F64, .ndim = 0};
  o->type.dtype = d;
  sl_type_copy(&o->number.type, &scalar);
  o->number.type.dtype = d;
  o->number.data = &o->room;
  o->t = &o->number;
  switch (d) {
    case SL_F32:
      o->room.f32 = (float)lua_tonumber(L, o->idx);
      break;
    case SL_I64:
      o->room.i64 = (sl_int)lua_tointeger(L, o->idx);
      break;
    case SL_U8:
      o->room.u8 = lua_tonumber(L, o->idx) != 0;
      break;
    default:
      o->room.f64 = lua_tonumber(L, o->idx);
  }
}

static void check_mask(lua_State *L, sl_op op, const operand *o, int i) {
  if (!o->isnum && o->type.dtype != SL_U8) {
    char text[160];
    sl_raisef(L, "%s: expected masks (u8), operand %d is %s", sl_ops[op].name,
              i + 1, sl_type_text(text, sizeof text, &o->type));
  }
}

/* Brings operand i to dtype d; a cast tensor is left on the stack. */
static void convert(lua_State *L, operand *o, sl_dtype d) {
  if (o->isnum) {
    make_number(L, o, d);
  } else if (o->type.dtype != d) {
    sl_int attr = d;
    sl_apply(L, SL_OP_cast, 1, &o->idx, 1, &attr);
    o->idx = lua_gettop(L);
    o->type.dtype = d;
    o->t = sl_totensor(L, o->idx);
  }
}

static void convert_all(lua_State *L, sl_op op, operand *o, int n) {
  if (rules[op] == R_KEEP) {
    for (int i = 0; i < n; i++) {
      if (o[i].isnum) {
        make_number(L, &o[i], o[i].type.dtype);
      }
    }
    return;
  }
  sl_dtype d = operand_dtype(op, o, n);
  for (int i = 0; i < n; i++) {
    bool mask = rules[op] == R_LOGIC || (rules[op] == R_WHERE && i == 0);
    if (mask) {
      check_mask(L, op, &o[i], i);
    }
    convert(L, &o[i], mask ? SL_U8 : d);
  }
}

/* ---- running ------------------------------------------------------------- */

/* The message names both operands as the user sees them. */
static void check_broadcast(lua_State *L, sl_op op, const operand *o, int n) {
  sl_type sum, next;
  sl_err err;
  bool same = true;
  for (int i = 1; i < n; i++) {
    same &= sl_shape_eq(&o[0].type, &o[i].type);
  }
  if (same) {
    return;
  }
  sl_type_copy(&sum, &o[0].type);
  for (int i = 1; i < n; i++) {
    sl_status st = sl_broadcast(sl_ops[op].name, &sum, &o[i].type, &next, &err);
    sl_try(L, st, &err);
    next.dtype = sum.dtype;
    sum = next;
  }
}

static void run(lua_State *L, sl_op op, int n, const operand *o, int nattr,
                const sl_int *attr) {
  sl_type in[SL_MAXIN], type;
  const sl_tensor *t[SL_MAXIN];
  sl_err err;
  for (int i = 0; i < n; i++) {
    sl_type_copy(&in[i], &o[i].type);
    t[i] = o[i].t;
  }
  if (sl_ops[op].cls == SL_MAP) {
    check_broadcast(L, op, o, n);
  }
  sl_try(L, sl_op_type(op, in, n, attr, nattr, &type, &err), &err);
  sl_tensor view;
  if (sl_ops[op].view != NULL && !o[0].isnum &&
      sl_op_view(op, &view, t[0], attr, nattr, &type)) {
    sl_newview(L, o[0].idx, &view);
    return;
  }
  sl_tensor *out = sl_newtensor(L, &type);
  sl_try(L, sl_op_eval(op, out, t, n, attr, nattr, &err), &err);
}

static void trace(lua_State *L, sl_op op, int n, const operand *o, int nattr,
                  const sl_int *attr) {
  int idx[SL_MAXIN];
  if (sl_ops[op].cls == SL_MAP) {
    check_broadcast(L, op, o, n);
  }
  for (int i = 0; i < n; i++) {
    idx[i] = o[i].idx;
  }
  sl_trace_apply(L, op, n, idx, nattr, attr);
}

/* The commonest case, for which there is a short way: one or two small
** contiguous f64 tensors of one shape, or one and a number or 0-d tensor. */
typedef struct small {
  const sl_tensor *t; /* the tensor whose type the result has */
  int like;           /* its place on the stack */
  const sl_tensor *in[2];
  const void *data[2];
  sl_int step[2];
  double number[2];
} small;

enum { SMALL = 512 };

/* Takes operand i, a tensor; false when it does not fit the one before. */
static bool fit_small(small *c, int i, int arg) {
  const sl_tensor *t = c->in[i];
  if (t->type.dtype != SL_F64 || !sl_is_contiguous(t)) {
    return false;
  }
  c->data[i] = t->data;
  if (c->t != NULL && !sl_shape_eq(&c->t->type, &t->type)) {
    if (t->type.ndim == 0) {
      c->step[i] = 0;
      return true;
    }
    if (c->t->type.ndim > 0) {
      return false;
    }
    c->step[0] = 0;
  }
  c->t = t;
  c->like = arg;
  return true;
}

static bool read_small(lua_State *L, int n, const int *args,
                       sl_object *const *o, small *c) {
  c->t = NULL;
  for (int i = 0; i < n; i++) {
    c->in[i] = sl_object_tensor(o[i]);
    c->step[i] = 1;
    if (c->in[i] != NULL) {
      if (!fit_small(c, i, args[i])) {
        return false;
      }
    } else if (lua_type(L, args[i]) == LUA_TNUMBER) {
      c->number[i] = lua_tonumber(L, args[i]);
      c->data[i] = &c->number[i];
      c->step[i] = 0;
    } else {
      return false;
    }
  }
  return c->t != NULL && sl_numel(&c->t->type) <= SMALL;
}

/* The kernel of a row that floats go through unchanged in type, or NULL. */
static sl_lane_fn *small_lane(sl_op op) {
  return sl_ops[op].cls == SL_MAP && is_real(op)
             ? sl_lane_get(sl_ops[op].lane, SL_F64)
             : NULL;
}

static bool run_small(lua_State *L, sl_op op, int n, const int *args,
                      sl_object *const *o, const sl_int *attr) {
  small c;
  sl_lane_fn *lane = small_lane(op);
  if ((lane == NULL && op != SL_OP_powi) || !read_small(L, n, args, o, &c)) {
    return false;
  }
  sl_int count = sl_numel(&c.t->type);
  sl_tensor *out = sl_newsmall(L, &c.t->type, lua_absindex(L, c.like));
  if (lane != NULL) {
    lane(count, out->data, 1, c.data, c.step);
  } else {
    sl_kern_powi(SL_F64, count, out->data, 1, c.data[0], 1, attr[0]);
  }
  return true;
}

/* The short ways of small tensors and of symbolic ones. */
static bool apply_small(lua_State *L, sl_op op, int n, const int *args,
                        int nattr, const sl_int *attr) {
  sl_object *o[2] = {NULL, NULL};
  bool symbolic = false;
  for (int i = 0; i < n; i++) {
    o[i] = sl_toobject(L, args[i]);
    symbolic |= o[i] != NULL && o[i]->issym;
  }
  if (!symbolic) {
    return run_small(L, op, n, args, o, attr);
  }
  return (is_real(op) || (n == 1 && rules[op] == R_KEEP)) &&
         sl_trace_small(L, op, n, args, o, nattr, attr);
}

void sl_apply(lua_State *L, sl_op op, int nin, const int *args, int nattr,
              const sl_int *attr) {
  if (nin <= 2 && apply_small(L, op, nin, args, nattr, attr)) {
    return;
  }
  int top = lua_gettop(L);
  luaL_checkstack(L, nin + 8, "operands");
  operand o[SL_MAXIN];
  bool symbolic = false, numbers = true;
  int idx[SL_MAXIN];
  for (int i = 0; i < nin; i++) {
    idx[i] = lua_absindex(L, args[i]);
  }
  for (int i = 0; i < nin; i++) {
    read_operand(L, op, idx[i], &o[i]);
    symbolic |= o[i].issym;
    numbers &= o[i].isnum;
  }
  convert_all(L, op, o, nin);
  if (symbolic) {
    trace(L, op, nin, o, nattr, attr);
  } else {
    run(L, op, nin, o, nattr, attr);
  }
  if (numbers && nin > 0) {
    sl_unbox(L);
  }
  if (lua_gettop(L) > top + 1) { /* casts lie below the result */
    lua_replace(L, top + 1);
    lua_settop(L, top + 1);
  }
}

void sl_unbox(lua_State *L) {
  const sl_tensor *t = sl_totensor(L, -1);
  if (t == NULL || t->type.ndim > 0) {
    return;
  }
  if (sl_dtype_isfloat(t->type.dtype)) {
    lua_pushnumber(L, sl_get(t, 0));
  } else {
    lua_pushinteger(L, (lua_Integer)sl_geti(t, 0));
  }
  lua_replace(L, -2);
}

/* ---- short forms --------------------------------------------------------- */

void sl_apply1(lua_State *L, sl_op op, int a) {
  sl_apply(L, op, 1, &a, 0, NULL);
}

void sl_apply2(lua_State *L, sl_op op, int a, int b) {
  int args[2] = {a, b};
  sl_apply(L, op, 2, args, 0, NULL);
}

void sl_apply_attr(lua_State *L, sl_op op, int a, int nattr,
                   const sl_int *attr) {
  sl_apply(L, op, 1, &a, nattr, attr);
}

void sl_apply_cast(lua_State *L, int a, sl_dtype d) {
  sl_type type;
  a = lua_absindex(L, a);
  if (sl_value_type(L, a, &type) && type.dtype == d) {
    lua_pushvalue(L, a);
    return;
  }
  sl_int attr = d;
  sl_apply_attr(L, SL_OP_cast, a, 1, &attr);
}

void sl_apply_reshape(lua_State *L, int a, const sl_type *type) {
  sl_apply_attr(L, SL_OP_reshape, a, type->ndim, type->shape);
}

void sl_apply_broadcast(lua_State *L, int a, const sl_type *type) {
  sl_apply_attr(L, SL_OP_broadcast, a, type->ndim, type->shape);
}

/* ---- in place ------------------------------------------------------------ */

void sl_assign(lua_State *L, const char *what, sl_tensor *dst,
               const sl_tensor *src) {
  sl_err err;
  sl_type type;
  sl_status st = sl_broadcast(what, &dst->type, &src->type, &type, &err);
  sl_try(L, st, &err);
  if (!sl_shape_eq(&type, &dst->type)) {
    char a[160], b[160];
    sl_raisef(L, "%s: %s does not broadcast to the target %s", what,
              sl_type_text(b, sizeof b, &src->type),
              sl_type_text(a, sizeof a, &dst->type));
  }
  type.dtype = src->type.dtype;
  sl_tensor wide;
  sl_view_broadcast(&wide, src, &type);
  sl_try(L, sl_copy(dst, &wide, &err), &err);
}

/* The dtype the operation would give must be of the target's kind: floats take
** anything, integers take no floats. */
static void check_inplace_dtype(lua_State *L, sl_op op, const operand *o,
                                int n) {
  sl_dtype d = operand_dtype(op, o, n);
  sl_dtype target = o[0].type.dtype;
  bool mask_result = rules[op] == R_COMPARE || rules[op] == R_TEST;
  bool ok = !mask_result &&
            (d == target ||
             (sl_dtype_isfloat(target) && sl_dtype_isfloat(d)));
  if (!ok) {
    char text[160];
    sl_raisef(L, "%s_: the target is %s, but the result would be %s",
              sl_ops[op].name, sl_type_text(text, sizeof text, &o[0].type),
              sl_dtype_name(mask_result ? SL_U8 : d));
  }
}

/* An operand that shares bytes with the target but is not the target itself is
** copied first. */
static void separate(lua_State *L, const sl_tensor *target, operand *o) {
  bool same = o->t->data == target->data &&
              sl_type_eq(&o->t->type, &target->type) &&
              memcmp(o->t->stride, target->stride,
                     (size_t)target->type.ndim * sizeof(sl_int)) == 0;
  if (o->isnum || same || !sl_overlap(target, o->t)) {
    return;
  }
  sl_tensor *copy = sl_newtensor(L, &o->t->type);
  sl_err err;
  sl_try(L, sl_copy(copy, o->t, &err), &err);
  o->t = copy;
}

/* The short way: the target first, the other itself, apart, or a number. */
static bool inplace_small(lua_State *L, sl_op op, int n, const int *args) {
  small c;
  sl_object *o[2] = {NULL, NULL};
  for (int i = 0; n <= 2 && i < n; i++) {
    o[i] = sl_toobject(L, args[i]);
  }
  sl_lane_fn *lane = small_lane(op);
  if (n > 2 || lane == NULL || !read_small(L, n, args, o, &c) ||
      c.in[0] == NULL || c.in[0]->type.ndim != c.t->type.ndim ||
      (n == 2 && c.in[1] != NULL && c.in[1]->data != c.in[0]->data &&
       sl_overlap(c.in[0], c.in[1]))) {
    return false;
  }
  sl_tensor *target = sl_checkwritable(L, args[0]);
  lane(sl_numel(&target->type), target->data, 1, c.data, c.step);
  return true;
}

void sl_inplace(lua_State *L, sl_op op, int nin, const int *args) {
  if (inplace_small(L, op, nin, args)) {
    return;
  }
  operand o[3];
  const sl_tensor *in[3];
  sl_tensor wide[3];
  int top = lua_gettop(L);
  for (int i = 0; i < nin; i++) {
    read_operand(L, op, args[i], &o[i]);
    if (o[i].issym) {
      sl_checktensor(L, args[i]);
    }
  }
  sl_tensor *target = sl_checktensor(L, o[0].idx);
  check_inplace_dtype(L, op, o, nin);
  check_broadcast(L, op, o, nin);
  for (int i = 0; i < nin; i++) {
    if (rules[op] == R_LOGIC) {
      check_mask(L, op, &o[i], i);
    }
    convert(L, &o[i], target->type.dtype);
    separate(L, target, &o[i]);
    sl_type sum;
    sl_err err;
    sl_try(L, sl_broadcast(sl_ops[op].name, &target->type, &o[i].type, &sum,
                           &err), &err);
    if (!sl_shape_eq(&sum, &target->type)) {
      char a[160], b[160];
      sl_raisef(L, "%s_: %s does not broadcast to the target %s",
                sl_ops[op].name, sl_type_text(b, sizeof b, &o[i].type),
                sl_type_text(a, sizeof a, &target->type));
    }
    sl_view_broadcast(&wide[i], o[i].t, &target->type);
    in[i] = &wide[i];
  }
  sl_checkwritable(L, o[0].idx);
  sl_err err;
  sl_try(L, sl_map(sl_ops[op].lane, target, nin, in, &err), &err);
  lua_settop(L, top);
}
