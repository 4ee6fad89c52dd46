/* file.c: saddle.core.file: array files and atomic writing for Lua. Sources
** and sinks live in userdata that are made closed and then opened, with one
** idempotent close for __gc and __close, so that an error between a file's
** header and its payload leaks nothing.  MIT licence. */
#include <string.h>
#include <sys/stat.h>

#include "bind/tensors.h"
#include "tensor/file.h"

static const char source_name[] = "saddle.source";
static const char sink_name[] = "saddle.sink";

static int source_close(lua_State *L) {
  sl_source_close(luaL_checkudata(L, 1, source_name));
  return 0;
}

static int sink_close(lua_State *L) {
  sl_sink_close(luaL_checkudata(L, 1, sink_name));
  return 0;
}

/* ---- arguments ---------------------------------------------------------- */

static const char *check_path(lua_State *L, int arg, const char *what) {
  size_t n;
  if (lua_type(L, arg) != LUA_TSTRING) {
    sl_raisef(L, "%s: path: expected a string, got %s", what,
              luaL_typename(L, arg));
  }
  const char *path = lua_tolstring(L, arg, &n);
  if (n == 0 || strlen(path) != n) {
    sl_raisef(L, "%s: path: expected a file name, got %s", what,
              n == 0 ? "an empty string" : "a string with a zero byte");
  }
  return path;
}

/* Pushes a closed source. Only the head of the struct needs clearing. */
static sl_source *push_source(lua_State *L) {
  sl_source *s = lua_newuserdatauv(L, sizeof *s, 0);
  memset(s, 0, offsetof(sl_source, in));
  luaL_setmetatable(L, source_name);
  return s;
}

static sl_sink *push_sink(lua_State *L) {
  sl_sink *k = lua_newuserdatauv(L, sizeof *k, 0);
  k->file = NULL;
  luaL_setmetatable(L, sink_name);
  return k;
}

/* Files are closed before the error is raised, not when collected. */
static void try_source(lua_State *L, sl_source *s, sl_status status,
                       const sl_err *err) {
  if (status != SL_OK) {
    sl_source_close(s);
    sl_raise(L, err);
  }
}

static void try_sink(lua_State *L, sl_sink *k, sl_status status,
                     const sl_err *err) {
  if (status != SL_OK) {
    sl_sink_close(k);
    sl_raise(L, err);
  }
}

/* ---- loading ------------------------------------------------------------ */

/* Pushes the array that starts at the source's next byte. */
static void push_npy(lua_State *L, sl_source *s) {
  sl_npy h;
  sl_err err;
  try_source(L, s, sl_npy_header(s, &h, &err), &err);
  sl_tensor *stored = sl_newtensor(L, &h.stored);
  try_source(L, s, sl_npy_payload(s, &h, stored, &err), &err);
  if (h.fortran && h.type.ndim > 1) {
    sl_tensor view;
    sl_npy_view(&h, stored, &view);
    sl_newview(L, lua_gettop(L), &view);
    lua_remove(L, -2);
  }
}

/* a.npy is the array named "a". */
static void push_array_name(lua_State *L, sl_source *s,
                            const sl_zip_entry *e) {
  size_t n = strlen(e->name);
  if (n < 5 || strcmp(e->name + n - 4, ".npy") != 0) {
    sl_err err;
    try_source(L, s,
               sl_source_bad(s, &err, e->at, "member name",
                             "expected one that ends in .npy, found '%.100s'",
                             e->name),
               &err);
  }
  lua_pushlstring(L, e->name, n - 4);
}

/* Pushes a table of the archive's arrays by name. */
static void push_npz(lua_State *L, sl_source *s) {
  sl_zip z;
  sl_zip_entry e;
  sl_err err;
  bool more;
  lua_newtable(L);
  try_source(L, s, sl_zip_open(&z, s, &err), &err);
  for (;;) {
    try_source(L, s, sl_zip_next(&z, &e, &more, &err), &err);
    if (!more) {
      return;
    }
    push_array_name(L, s, &e);
    lua_pushvalue(L, -1);
    if (lua_rawget(L, -3) != LUA_TNIL) {
      try_source(L, s,
                 sl_source_bad(s, &err, e.at, "member name",
                               "expected each once, found '%.100s' again",
                               e.name),
                 &err);
    }
    lua_pop(L, 1);
    try_source(L, s, sl_zip_enter(&z, &e, &err), &err);
    push_npy(L, s);
    try_source(L, s, sl_zip_leave(&z, &e, &err), &err);
    lua_rawset(L, -3);
  }
}

static bool is_zip(sl_source *s) {
  unsigned char b[2] = {0, 0};
  bool zip = s->coding == SL_PLAIN && fread(b, 1, 2, s->file) == 2 &&
             b[0] == 'P' && b[1] == 'K';
  rewind(s->file);
  return zip;
}

/* load(path): a tensor (.npy, also gzipped) or a table of them (.npz); the
** contents decide, not the name. */
static int file_load(lua_State *L) {
  const char *path = check_path(L, 1, "load");
  lua_settop(L, 1);
  sl_source *s = push_source(L);
  sl_err err;
  sl_try(L, sl_source_open(s, path, &err), &err);
  if (is_zip(s)) {
    push_npz(L, s);
  } else {
    try_source(L, s, sl_source_start(s, 0, s->size, s->total, s->coding, &err),
               &err);
    push_npy(L, s);
    try_source(L, s, sl_source_end(s, &err), &err);
  }
  sl_source_close(s);
  return 1;
}

/* idx(path [, n]): the tensor of an IDX file, at most n items of axis 1, and
** its type as text, "[60000 x 28 x 28] u8". */
static int file_idx(lua_State *L) {
  const char *path = check_path(L, 1, "idx");
  sl_int limit = lua_isnoneornil(L, 2) ? -1 : sl_checkint(L, 2, "n");
  if (limit < 0 && !lua_isnoneornil(L, 2)) {
    return sl_raisef(L, "idx: n: expected 0 or more, got %lld",
                     (long long)limit);
  }
  lua_settop(L, 1);
  sl_source *s = push_source(L);
  sl_idx h;
  sl_err err;
  sl_try(L, sl_source_open(s, path, &err), &err);
  try_source(L, s, sl_idx_header(s, &h, limit, &err), &err);
  sl_tensor *t = sl_newtensor(L, &h.type);
  try_source(L, s, sl_idx_payload(s, &h, t, &err), &err);
  sl_source_close(s);
  char text[320];
  lua_pushstring(L, sl_type_text(text, sizeof text, &h.type));
  return 2;
}

/* ---- saving ------------------------------------------------------------- */

/* save_npy(path, tensor) */
static int file_save_npy(lua_State *L) {
  const char *path = check_path(L, 1, "save");
  luaL_checkany(L, 2);
  const sl_tensor *t = sl_ascontiguous(L, 2, SL_NDTYPE);
  sl_sink *k = push_sink(L);
  sl_err err;
  sl_try(L, sl_sink_open(k, path, &err), &err);
  try_sink(L, k, sl_npy_write(k, t, &err), &err);
  sl_try(L, sl_sink_commit(k, &err), &err);
  return 0;
}

/* Do the strings at the stack's two topmost places stand in byte order? */
static bool in_order(lua_State *L) {
  size_t na, nb;
  const char *a = lua_tolstring(L, -2, &na), *b = lua_tolstring(L, -1, &nb);
  int c = memcmp(a, b, na < nb ? na : nb);
  return c != 0 ? c < 0 : na <= nb;
}

/* Pushes the array of the names in the table at 2, in byte order, so that
** a file does not depend on the order of hashing. */
static sl_int push_sorted_names(lua_State *L) {
  lua_newtable(L);
  sl_int n = 0;
  lua_pushnil(L);
  while (lua_next(L, 2) != 0) {
    lua_pop(L, 1);
    if (lua_type(L, -1) != LUA_TSTRING) {
      sl_raisef(L, "save: names of arrays: expected strings, got a %s",
                luaL_typename(L, -1));
    }
    size_t len;
    const char *name = lua_tolstring(L, -1, &len);
    if (strlen(name) != len) {
      sl_raisef(L, "save: name of an array: expected printable characters, "
                "got a zero byte");
    }
    sl_int i = n++;
    lua_pushvalue(L, -1);
    for (; i > 0; i--) {
      lua_rawgeti(L, -3, i);
      lua_insert(L, -2);
      if (in_order(L)) {
        lua_remove(L, -2);
        break;
      }
      lua_insert(L, -2);
      lua_rawseti(L, -4, i + 1);
    }
    lua_rawseti(L, -3, i + 1);
  }
  return n;
}

/* save_npz(path, table [, {compress = false}]) */
static int file_save_npz(lua_State *L) {
  const char *path = check_path(L, 1, "save");
  lua_settop(L, 3);
  if (!lua_istable(L, 2)) {
    return sl_raisef(L, "save: arrays: expected a table of tensors by name, "
                     "got %s", luaL_typename(L, 2));
  }
  bool compress = sl_optflag(L, 3, "compress");
  sl_int n = push_sorted_names(L); /* at 4 */
  sl_zip_entry *entries =
      sl_bind_scratch(L, (n > 0 ? n : 1) * (sl_int)sizeof *entries);
  sl_sink *k = push_sink(L);
  sl_zip_out z = {.sink = k, .entries = entries, .capacity = n,
                  .compress = compress};
  sl_err err;
  sl_try(L, sl_sink_open(k, path, &err), &err);
  int top = lua_gettop(L);
  for (sl_int i = 1; i <= n; i++) {
    lua_rawgeti(L, 4, i);
    lua_pushvalue(L, -1);
    lua_rawget(L, 2);
    const sl_tensor *t = sl_ascontiguous(L, top + 2, SL_NDTYPE);
    try_sink(L, k, sl_zip_add(&z, lua_tostring(L, top + 1), t, &err), &err);
    lua_settop(L, top);
  }
  try_sink(L, k, sl_zip_finish(&z, &err), &err);
  sl_try(L, sl_sink_commit(k, &err), &err);
  return 0;
}

/* write(path, string): the whole file, or nothing of it. */
static int file_write(lua_State *L) {
  const char *path = check_path(L, 1, "write");
  size_t n;
  if (lua_type(L, 2) != LUA_TSTRING) {
    sl_raisef(L, "write: text: expected a string, got %s",
              luaL_typename(L, 2));
  }
  const char *text = lua_tolstring(L, 2, &n);
  sl_sink *k = push_sink(L);
  sl_err err;
  sl_try(L, sl_sink_open(k, path, &err), &err);
  try_sink(L, k, sl_sink_write(k, text, (sl_int)n, &err), &err);
  sl_try(L, sl_sink_commit(k, &err), &err);
  return 0;
}

/* exists(path): "file", "directory", "other", or nil. */
static int file_exists(lua_State *L) {
  struct stat st;
  if (stat(check_path(L, 1, "exists"), &st) != 0) {
    luaL_pushfail(L);
  } else {
    lua_pushstring(L, S_ISREG(st.st_mode)   ? "file"
                      : S_ISDIR(st.st_mode) ? "directory"
                                            : "other");
  }
  return 1;
}

/* ---- images ------------------------------------------------------------- */

/* downsample(x, rows, cols, r, c): [n x rows*cols] u8 or f64 -> [n x r*c]. */
static int file_downsample(lua_State *L) {
  sl_int rows = sl_checkint(L, 2, "rows"), cols = sl_checkint(L, 3, "cols");
  sl_int r = sl_checkint(L, 4, "new rows"), c = sl_checkint(L, 5, "new cols");
  const sl_tensor *in = sl_ascontiguous(L, 1, SL_NDTYPE);
  sl_int shape[2] = {in->type.ndim > 0 ? in->type.shape[0] : 0, 0};
  sl_err err;
  if (!sl_mul(r, c, &shape[1])) {
    return sl_raisef(L, "downsample: sizes: expected 1 or more, got %lld x "
                     "%lld", (long long)r, (long long)c);
  }
  sl_tensor *out = sl_newtensor_nd(L, SL_F64, 2, shape);
  sl_try(L, sl_image_downsample(out, r, c, in, rows, cols, &err), &err);
  return 1;
}

/* scale(x, unit, mean, sd): (x/unit - mean)/sd as f64. */
static int file_scale(lua_State *L) {
  double unit = sl_checknum(L, 2, "unit"), mean = sl_checknum(L, 3, "mean");
  double sd = sl_checknum(L, 4, "sd");
  const sl_tensor *in = sl_ascontiguous(L, 1, SL_NDTYPE);
  sl_type type = in->type;
  type.dtype = SL_F64;
  sl_tensor *out = sl_newtensor(L, &type);
  sl_err err;
  sl_try(L, sl_image_scale(out, in, unit, mean, sd, &err), &err);
  return 1;
}

/* moments(x): mean and standard deviation of all elements. */
static int file_moments(lua_State *L) {
  const sl_tensor *in = sl_ascontiguous(L, 1, SL_NDTYPE);
  double mean, sd;
  sl_err err;
  sl_try(L, sl_image_moments(in, &mean, &sd, &err), &err);
  lua_pushnumber(L, mean);
  lua_pushnumber(L, sd);
  return 2;
}

/* labels(digits, classes): classes 1, 2, ... as i64, or nil and a message. */
static int file_labels(lua_State *L) {
  sl_int classes = sl_checkint(L, 2, "classes");
  const sl_tensor *in = sl_ascontiguous(L, 1, SL_NDTYPE);
  sl_type type = in->type;
  type.dtype = SL_I64;
  sl_tensor *out = sl_newtensor(L, &type);
  sl_err err;
  if (sl_image_labels(out, in, classes, &err) == SL_OK) {
    return 1;
  }
  luaL_pushfail(L);
  lua_pushstring(L, err.msg);
  return 2;
}

static const luaL_Reg functions[] = {
  {"load", file_load},
  {"save_npy", file_save_npy}, {"save_npz", file_save_npz},
  {"idx", file_idx},           {"write", file_write},
  {"exists", file_exists},     {"downsample", file_downsample},
  {"scale", file_scale},       {"moments", file_moments},
  {"labels", file_labels},     {NULL, NULL},
};

static void make_class(lua_State *L, const char *name, lua_CFunction close) {
  luaL_newmetatable(L, name);
  lua_pushcfunction(L, close);
  lua_setfield(L, -2, "__gc");
  lua_pushcfunction(L, close);
  lua_setfield(L, -2, "__close");
  lua_pop(L, 1);
}

int sl_open_file(lua_State *L) {
  make_class(L, source_name, source_close);
  make_class(L, sink_name, sink_close);
  luaL_newlib(L, functions);
  return 1;
}
