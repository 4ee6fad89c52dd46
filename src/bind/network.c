/* network.c: `core.network`: a feed-forward network as a handle with value,
** gradient, Hessian and their kin, all from structure. A specification table
** is checked once by new{...}; the handle holds no data and no parameters.
** Labels are 1-based.  MIT licence. */
#include "num/network.h"

#include <math.h>
#include <string.h>

#include "bind/tensors.h"

static const char meta_name[] = "saddle.Network";

static const sl_net *check_net(lua_State *L) {
  const sl_net *net = luaL_testudata(L, 1, meta_name);
  if (net == NULL) {
    sl_argerror(L, 1, "expected a network (call it as net:%s), got %s",
                sl_callee(L), luaL_typename(L, 1));
  }
  return net;
}

/* ---- the specification --------------------------------------------------- */
/* Raises: `given` is none of the names that name_of gives. */
static void unknown(lua_State *L, const char *what, const char *given,
                    const char *(*name_of)(int), int count) {
  const char *names[8] = {NULL};
  for (int i = 0; i < count; i++) {
    names[i] = name_of(i);
  }
  const char *near = sl_nearest(given, names);
  sl_raisef(L, "network.new: unknown %s '%s'%s%s%s", what, given,
            near ? " (did you mean '" : "", near ? near : "",
            near ? "'?)" : "");
}

static const char *act_name(int i) {
  return sl_activation_name((sl_activation)i);
}

static const char *loss_name(int i) { return sl_loss_name((sl_loss)i); }

/* Field `name` of the specification must be a list of `count` entries; it is
** left on the stack. */
static void list_field(lua_State *L, const char *name, int count) {
  if (lua_getfield(L, 1, name) != LUA_TTABLE) {
    sl_raisef(L, "network.new: %s must be a list, got %s", name,
              luaL_typename(L, -1));
  }
  if (count > 0 && (int)lua_rawlen(L, -1) != count) {
    sl_raisef(L, "network.new: %s must have %d entries, has %d", name, count,
              (int)lua_rawlen(L, -1));
  }
}

static void read_sizes(lua_State *L, sl_net *net) {
  list_field(L, "sizes", 0);
  int count = (int)lua_rawlen(L, -1);
  if (count < 2 || count > SL_NET_MAXLAYERS + 1) {
    sl_raisef(L, "network.new: sizes must have 2 to %d entries, has %d",
              SL_NET_MAXLAYERS + 1, count);
  }
  net->layers = count - 1;
  for (int l = 0; l < count; l++) {
    lua_rawgeti(L, -1, l + 1);
    net->size[l] = sl_checkint(L, lua_gettop(L), "sizes");
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

static void read_activations(lua_State *L, sl_net *net) {
  list_field(L, "activations", net->layers);
  for (int l = 0; l < net->layers; l++) {
    if (lua_rawgeti(L, -1, l + 1) != LUA_TSTRING) {
      sl_raisef(L, "network.new: activations must be names, got %s",
                luaL_typename(L, -1));
    }
    const char *name = lua_tostring(L, -1);
    if (!sl_activation_parse(name, &net->act[l])) {
      unknown(L, "activation", name, act_name, SL_NACT);
    }
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

/* bias: a list of booleans, or one for all layers (true when absent). */
static void read_bias(lua_State *L, sl_net *net) {
  bool list = lua_getfield(L, 1, "bias") == LUA_TTABLE;
  bool all = lua_isnil(L, -1) || lua_toboolean(L, -1);
  lua_pop(L, 1);
  if (list) {
    list_field(L, "bias", net->layers);
  }
  for (int l = 0; l < net->layers; l++) {
    net->bias[l] = all;
    if (list) {
      lua_rawgeti(L, -1, l + 1);
      net->bias[l] = lua_toboolean(L, -1);
      lua_pop(L, 1);
    }
  }
  lua_pop(L, list ? 1 : 0);
}

static void read_loss(lua_State *L, sl_net *net) {
  if (lua_getfield(L, 1, "loss") != LUA_TSTRING) {
    sl_raisef(L, "network.new: loss must be a name, got %s",
              luaL_typename(L, -1));
  }
  const char *name = lua_tostring(L, -1);
  if (!sl_loss_parse(name, &net->loss)) {
    unknown(L, "loss", name, loss_name, SL_NLOSS);
  }
  lua_pop(L, 1);
  if (lua_getfield(L, 1, "l2") != LUA_TNIL) {
    net->l2 = sl_checknum(L, lua_gettop(L), "l2");
  }
  lua_pop(L, 1);
}

/* network.new{sizes = {100, 5, 10}, activations = {"tanh", "identity"},
** bias = {true, true}, loss = "cross_entropy", l2 = 1e-3} */
static int network_new(lua_State *L) {
  static const char *const names[] = {"sizes", "activations", "bias",
                                      "loss",  "l2",          NULL};
  sl_err err;
  luaL_checktype(L, 1, LUA_TTABLE);
  sl_checkopts(L, 1, names);
  sl_net *net = lua_newuserdatauv(L, sizeof *net, 0);
  *net = (sl_net){.label_base = 1};
  read_sizes(L, net);
  read_activations(L, net);
  read_bias(L, net);
  read_loss(L, net);
  sl_try(L, sl_net_check(net, &err), &err);
  luaL_setmetatable(L, meta_name);
  return 1;
}

/* ---- arguments ----------------------------------------------------------- */
/* Converted, contiguous arguments; y labels or targets by the loss. */
typedef struct call {
  const sl_net *net;
  const sl_tensor *w, *v, *x, *y;
  sl_tensor y2; /* targets [N] as [N x 1] */
} call;

static const sl_tensor *as_floats(lua_State *L, int arg) {
  const sl_tensor *t = sl_totensor(L, arg);
  bool own = t != NULL && sl_dtype_isfloat(t->type.dtype);
  return sl_ascontiguous(L, arg, own ? t->type.dtype : SL_F64);
}

/* Class labels: integers, or floats that are integral. */
static const sl_tensor *as_labels(lua_State *L, int arg) {
  const sl_tensor *t = sl_astensor(L, arg, SL_NDTYPE);
  sl_int count = sl_dtype_isfloat(t->type.dtype) ? sl_numel(&t->type) : 0;
  for (sl_int i = 0; i < count; i++) {
    double label = sl_get(t, i);
    if (label != floor(label) || !isfinite(label)) {
      sl_raisef(L, "%s: y must be integer class labels, has %g at position "
                "%lld",
                sl_callee(L), label, (long long)(i + 1));
    }
  }
  bool same = t == sl_totensor(L, arg);
  return sl_ascontiguous(L, same ? arg : lua_gettop(L), SL_I64);
}

static void check_call(lua_State *L, call *c, bool vector) {
  int at = vector ? 4 : 3;
  *c = (call){.net = check_net(L)};
  lua_settop(L, at + 1);
  c->w = as_floats(L, 2);
  sl_dtype d = c->w->type.dtype;
  c->v = vector ? sl_ascontiguous(L, 3, d) : NULL;
  c->x = sl_ascontiguous(L, at, d);
  if (c->net->loss == SL_LOSS_CROSS_ENTROPY) {
    c->y = as_labels(L, at + 1);
    return;
  }
  c->y = sl_ascontiguous(L, at + 1, d);
  if (c->y->type.ndim == 1 && c->net->size[c->net->layers] == 1) {
    sl_type type = c->y->type;
    type.ndim = 2;
    type.shape[1] = 1;
    sl_tensor_init(&c->y2, &type, c->y->data);
    c->y = &c->y2;
  }
}

static sl_tensor *push(lua_State *L, const call *c, int ndim, sl_int m,
                       sl_int n) {
  sl_int shape[2] = {m, n};
  return sl_newtensor_nd(L, c->w->type.dtype, ndim, shape);
}

/* ---- methods ------------------------------------------------------------- */
static int network_dim(lua_State *L) {
  lua_pushinteger(L, sl_net_dim(check_net(L)));
  return 1;
}

/* value(w, x, y) */
static int network_value(lua_State *L) {
  sl_err err;
  call c;
  double value = 0;
  check_call(L, &c, false);
  sl_try(L, sl_net_value(c.net, &value, c.w, c.x, c.y, &err), &err);
  lua_pushnumber(L, value);
  return 1;
}

/* Leaves the gradient on top. */
static double gradient(lua_State *L) {
  sl_err err;
  call c;
  double value = 0;
  check_call(L, &c, false);
  sl_tensor *grad = push(L, &c, 1, sl_net_dim(c.net), 0);
  sl_try(L, sl_net_value_grad(c.net, &value, grad, c.w, c.x, c.y, &err), &err);
  return value;
}

/* value, grad = value_grad(w, x, y) */
static int network_value_grad(lua_State *L) {
  double value = gradient(L);
  lua_pushnumber(L, value);
  lua_insert(L, -2);
  return 2;
}

static int network_grad(lua_State *L) {
  gradient(L);
  return 1;
}

/* hvp(w, v, x, y) */
static int network_hvp(lua_State *L) {
  sl_err err;
  call c;
  check_call(L, &c, true);
  sl_tensor *out = push(L, &c, 1, sl_net_dim(c.net), 0);
  sl_try(L, sl_net_hvp(c.net, out, c.w, c.v, c.x, c.y, &err), &err);
  return 1;
}

/* slope, curve = along(w, v, x, y): per sample v'g_n and v'H_n v */
static int network_along(lua_State *L) {
  sl_err err;
  call c;
  check_call(L, &c, true);
  sl_int samples = c.x->type.ndim == 2 ? c.x->type.shape[0] : 0;
  sl_tensor *slope = push(L, &c, 1, samples, 0);
  sl_tensor *curve = push(L, &c, 1, samples, 0);
  sl_try(L, sl_net_along(c.net, slope, curve, c.w, c.v, c.x, c.y, &err), &err);
  return 2;
}

/* hvps(w, V, x, y): H V_j for the rows of V [k x P] */
static int network_hvps(lua_State *L) {
  sl_err err;
  call c;
  check_call(L, &c, true);
  bool rows = c.v->type.ndim == 2;
  sl_int P = sl_net_dim(c.net);
  sl_tensor *out = push(L, &c, rows ? 2 : 1, rows ? c.v->type.shape[0] : P, P);
  sl_try(L, sl_net_hvps(c.net, out, c.w, c.v, c.x, c.y, &err), &err);
  return 1;
}

typedef sl_status square_fn(const sl_net *net, sl_tensor *H,
                            const sl_tensor *w, const sl_tensor *x,
                            const sl_tensor *y, sl_err *err);

static int square(lua_State *L, square_fn *fn) {
  sl_err err;
  call c;
  check_call(L, &c, false);
  sl_int P = sl_net_dim(c.net);
  sl_tensor *H = push(L, &c, 2, P, P);
  sl_try(L, fn(c.net, H, c.w, c.x, c.y, &err), &err);
  return 1;
}

static int network_hessian(lua_State *L) { return square(L, sl_net_hessian); }

static int network_gauss_newton(lua_State *L) {
  return square(L, sl_net_gauss_newton);
}

/* second_moment(w, x, y, centered) */
static int network_second_moment(lua_State *L) {
  sl_err err;
  call c;
  bool centred = lua_toboolean(L, 5);
  check_call(L, &c, false);
  sl_int P = sl_net_dim(c.net);
  sl_tensor *S = push(L, &c, 2, P, P);
  sl_try(L, sl_net_second_moment(c.net, centred, S, c.w, c.x, c.y, &err),
         &err);
  return 1;
}

static sl_int layer_dim(const sl_net *net, int l) {
  return sl_net_offset(net, l + 1) - sl_net_offset(net, l);
}

/* A layer's number at arg. */
static int check_layer(lua_State *L, const sl_net *net, int arg,
                       const char *name) {
  sl_int l = sl_checkint(L, arg, name);
  if (l < 1 || l > net->layers) {
    sl_raisef(L, "%s: %s must be a layer, 1 to %d, is %lld", sl_callee(L),
              name, net->layers, (long long)l);
  }
  return (int)l;
}

/* hessian_block(w, x, y, row, column), row >= column */
static int layer_block(lua_State *L, sl_curvature kind) {
  sl_err err;
  call c;
  const sl_net *net = check_net(L);
  int row = check_layer(L, net, 5, "row");
  int column = check_layer(L, net, 6, "column");
  check_call(L, &c, false);
  sl_tensor *out = push(L, &c, 2, layer_dim(net, row),
                        layer_dim(net, column));
  sl_try(L, sl_net_block(net, kind, out, row, column, c.w, c.x, c.y, &err),
         &err);
  return 1;
}

static int network_hessian_block(lua_State *L) {
  return layer_block(L, SL_CURVATURE_HESSIAN);
}

static int network_gauss_newton_block(lua_State *L) {
  return layer_block(L, SL_CURVATURE_GAUSS_NEWTON);
}

static int diagonal(lua_State *L, sl_curvature kind) {
  sl_err err;
  call c;
  check_call(L, &c, false);
  sl_tensor *out = push(L, &c, 1, sl_net_dim(c.net), 0);
  sl_try(L, sl_net_diagonal(c.net, kind, out, c.w, c.x, c.y, &err), &err);
  return 1;
}

static int network_hessian_diagonal(lua_State *L) {
  return diagonal(L, SL_CURVATURE_HESSIAN);
}

static int network_gauss_newton_diagonal(lua_State *L) {
  return diagonal(L, SL_CURVATURE_GAUSS_NEWTON);
}

static int network_sample_grads(lua_State *L) {
  sl_err err;
  call c;
  check_call(L, &c, false);
  sl_int samples = c.x->type.ndim == 2 ? c.x->type.shape[0] : 0;
  sl_tensor *out = push(L, &c, 2, samples, sl_net_dim(c.net));
  sl_try(L, sl_net_sample_grads(c.net, out, c.w, c.x, c.y, &err), &err);
  return 1;
}

/* ---- points -------------------------------------------------------------- */
/* A userdata holding a sl_net_point, 64-byte aligned, inline; its user value
** keeps the tensors it reads. */
static const char point_name[] = "saddle.NetworkPoint";

static sl_net_point *aligned(void *block) {
  return (sl_net_point *)(((uintptr_t)block + 63) & ~(uintptr_t)63);
}

static sl_net_point *check_point(lua_State *L) {
  void *block = luaL_testudata(L, 1, point_name);
  if (block == NULL) {
    sl_argerror(L, 1, "expected a point (call it as point:%s), got %s",
                sl_callee(L), luaL_typename(L, 1));
  }
  return aligned(block);
}

/* point, bytes, kept = point(w, x, y, limit): kept is false where the tapes
** would take more than limit bytes. */
static int network_point(lua_State *L) {
  sl_err err;
  call c;
  double limit = lua_isnoneornil(L, 5) ? HUGE_VAL : sl_checknum(L, 5, "limit");
  check_call(L, &c, false);
  sl_dtype d = c.w->type.dtype;
  sl_int N = c.x->type.ndim == 2 ? c.x->type.shape[0] : 0;
  sl_int bytes = sl_net_point_bytes(c.net, d, N, true);
  bool keep = bytes >= 0 && (double)bytes <= limit;
  bytes = keep ? bytes : sl_net_point_bytes(c.net, d, N, false);
  int top = lua_gettop(L);
  lua_createtable(L, top, 0);
  for (int i = 1; i <= top; i++) {
    lua_pushvalue(L, i);
    lua_rawseti(L, top + 1, i);
  }
  sl_net_point *p = aligned(lua_newuserdatauv(L, (size_t)bytes + 64, 1));
  lua_insert(L, top + 1);
  lua_setiuservalue(L, top + 1, 1);
  sl_try(L, sl_net_point_init(p, keep, c.net, c.w, c.x, c.y, &err), &err);
  luaL_setmetatable(L, point_name);
  lua_pushinteger(L, bytes);
  lua_pushboolean(L, keep);
  return 3;
}

static int point_value(lua_State *L) {
  lua_pushnumber(L, sl_net_point_value(check_point(L)));
  return 1;
}

static int point_grad(lua_State *L) {
  sl_err err;
  const sl_net_point *p = check_point(L);
  sl_dtype d;
  sl_int P = sl_net_point_dim(p, &d);
  sl_tensor *grad = sl_newtensor_nd(L, d, 1, &P);
  sl_try(L, sl_net_point_grad(p, grad, &err), &err);
  return 1;
}

/* hvps(V): V [P] or [k x P] */
static int point_hvps(lua_State *L) {
  sl_err err;
  sl_dtype d;
  const sl_net_point *p = check_point(L);
  sl_net_point_dim(p, &d);
  const sl_tensor *V = sl_ascontiguous(L, 2, d);
  sl_tensor *out = sl_newtensor_nd(L, d, V->type.ndim, V->type.shape);
  sl_try(L, sl_net_point_hvps(p, out, V, &err), &err);
  return 1;
}

static int network_text(lua_State *L) {
  const sl_net *net = check_net(L);
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  luaL_addstring(&b, "network ");
  for (int l = 0; l <= net->layers; l++) {
    lua_pushfstring(L, l > 0 ? "-%I" : "%I", (lua_Integer)net->size[l]);
    luaL_addvalue(&b);
  }
  lua_pushfstring(L, ", %s, %I parameters", sl_loss_name(net->loss),
                  (lua_Integer)sl_net_dim(net));
  luaL_addvalue(&b);
  luaL_pushresult(&b);
  return 1;
}

static const luaL_Reg methods[] = {{"dim", network_dim},
                                   {"value", network_value},
                                   {"value_grad", network_value_grad},
                                   {"grad", network_grad},
                                   {"hvp", network_hvp},
                                   {"along", network_along},
                                   {"hvps", network_hvps},
                                   {"hessian", network_hessian},
                                   {"hessian_block", network_hessian_block},
                                   {"hessian_diagonal",
                                    network_hessian_diagonal},
                                   {"gauss_newton", network_gauss_newton},
                                   {"gauss_newton_block",
                                    network_gauss_newton_block},
                                   {"gauss_newton_diagonal",
                                    network_gauss_newton_diagonal},
                                   {"second_moment", network_second_moment},
                                   {"point", network_point},
                                   {"sample_grads", network_sample_grads},
                                   {NULL, NULL}};

static const luaL_Reg point_methods[] = {{"value", point_value},
                                         {"grad", point_grad},
                                         {"hvps", point_hvps},
                                         {NULL, NULL}};

int sl_open_network(lua_State *L) {
  if (luaL_newmetatable(L, point_name)) {
    luaL_newlib(L, point_methods);
    lua_setfield(L, -2, "__index");
    lua_pushliteral(L, "network point");
    lua_setfield(L, -2, "__name");
  }
  lua_pop(L, 1);
  if (luaL_newmetatable(L, meta_name)) {
    luaL_newlib(L, methods);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, network_text);
    lua_setfield(L, -2, "__tostring");
    lua_pushliteral(L, "network");
    lua_setfield(L, -2, "__name");
  }
  lua_pop(L, 1);
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, network_new);
  lua_setfield(L, -2, "new");
  return 1;
}
