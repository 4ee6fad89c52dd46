/* process.c: `core.process`: children without a shell, memory files, and
** columns of numbers packed as raw little-endian doubles for them. Handles are
** userdata with one idempotent close behind __gc and __close. The loop that
** waits for an answer is Lua (plot/gnuplot.lua): here is one turn of it.
** MIT licence. */
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/process.h"
#include "bind/bind.h"

#define PROCESS "saddle.process"
#define MEMFILE "saddle.memfile"

/* Bytes read from each stream in one turn; strings in one argv or env. */
enum { ROOM = 1 << 14, MAXWORDS = 64 };

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "columns are packed as they lie in memory");

/* ---- children ------------------------------------------------------------ */

/* The strings of the list at arg, NULL-terminated; they stay anchored in it. */
static void check_words(lua_State *L, int arg, const char **words) {
  luaL_checktype(L, arg, LUA_TTABLE);
  lua_Integer n = (lua_Integer)lua_rawlen(L, arg); /* no metamethod runs */
  luaL_argcheck(L, n < MAXWORDS, arg, "too many strings");
  for (lua_Integer i = 1; i <= n; i++) {
    luaL_argcheck(L, lua_rawgeti(L, arg, i) == LUA_TSTRING, arg,
                  "a list of strings is expected");
    words[i - 1] = lua_tostring(L, -1);
    lua_pop(L, 1);
  }
  words[n] = NULL;
}

/* start(argv [, env]): a process; nil and a message when the program is not
** installed; raises on any other failure. */
static int process_start(lua_State *L) {
  const char *argv[MAXWORDS], *env[MAXWORDS] = {NULL};
  check_words(L, 1, argv);
  luaL_argcheck(L, argv[0] != NULL, 1, "the program's name is missing");
  if (!lua_isnoneornil(L, 2)) {
    check_words(L, 2, env);
  }
  sl_process *p = lua_newuserdatauv(L, sizeof *p, 0);
  *p = SL_PROCESS_CLOSED;
  luaL_setmetatable(L, PROCESS);
  sl_err err;
  bool missing;
  sl_status status = sl_process_start(p, argv, env, &missing, &err);
  if (status != SL_OK && missing) {
    lua_pushnil(L);
    lua_pushstring(L, err.msg);
    return 2;
  }
  sl_try(L, status, &err);
  return 1;
}

/* p:exchange(text, from, seconds): one turn. Sends from byte `from` of text.
** Returns the bytes sent, what came on standard output, on standard error, and
** whether the child has closed both. */
static int process_exchange(lua_State *L) {
  sl_process *p = luaL_checkudata(L, 1, PROCESS);
  size_t n;
  const char *text = luaL_checklstring(L, 2, &n);
  lua_Integer from = luaL_checkinteger(L, 3);
  double seconds = luaL_checknumber(L, 4);
  luaL_argcheck(L, from >= 1 && from <= (lua_Integer)n + 1, 3,
                "outside the text");
  char out[ROOM], errors[ROOM];
  sl_exchange x = {.data = text + from - 1,
                   .n = (sl_int)n - from + 1,
                   .out = out,
                   .err = errors,
                   .cap = ROOM};
  sl_err err;
  sl_try(L, sl_process_exchange(p, &x, seconds, &err), &err);
  lua_pushinteger(L, x.sent);
  lua_pushlstring(L, out, (size_t)x.nout);
  lua_pushlstring(L, errors, (size_t)x.nerr);
  lua_pushboolean(L, x.ended);
  return 4;
}

/* p:close([grace]): exit code, or minus the signal. */
static int process_close(lua_State *L) {
  sl_process *p = luaL_checkudata(L, 1, PROCESS);
  double grace = luaL_optnumber(L, 2, 0.0);
  lua_pushinteger(L, sl_process_close(p, grace));
  return 1;
}

/* __gc and __close: the second argument of __close is an error object. */
static int process_gc(lua_State *L) {
  sl_process *p = luaL_checkudata(L, 1, PROCESS);
  sl_process_close(p, 0.0);
  return 0;
}

static int process_pid(lua_State *L) {
  sl_process *p = luaL_checkudata(L, 1, PROCESS);
  lua_pushinteger(L, p->pid);
  return 1;
}

/* ---- memory files -------------------------------------------------------- */

static int check_memfile(lua_State *L) {
  int fd = *(int *)luaL_checkudata(L, 1, MEMFILE);
  luaL_argcheck(L, fd >= 0, 1, "the memory file is closed");
  return fd;
}

/* memfile(strings...): a memory file that holds them one after the other. */
static int memfile_new(lua_State *L) {
  int n = lua_gettop(L);
  for (int i = 1; i <= n; i++) {
    luaL_checkstring(L, i);
  }
  int *fd = lua_newuserdatauv(L, sizeof *fd, 0);
  *fd = -1;
  luaL_setmetatable(L, MEMFILE);
  sl_err err;
  sl_try(L, sl_memfile_open(fd, &err), &err);
  for (int i = 1; i <= n; i++) {
    size_t size;
    const char *bytes = lua_tolstring(L, i, &size);
    sl_try(L, sl_memfile_append(*fd, bytes, (sl_int)size, &err), &err);
  }
  return 1;
}

static int memfile_append(lua_State *L) {
  int fd = check_memfile(L);
  size_t size;
  const char *bytes = luaL_checklstring(L, 2, &size);
  sl_err err;
  sl_try(L, sl_memfile_append(fd, bytes, (sl_int)size, &err), &err);
  lua_settop(L, 1);
  return 1;
}

static int memfile_path(lua_State *L) {
  int fd = check_memfile(L);
  lua_pushfstring(L, "/proc/%d/fd/%d", (int)getpid(), fd);
  return 1;
}

static int memfile_size(lua_State *L) {
  sl_int size;
  sl_err err;
  sl_try(L, sl_memfile_size(check_memfile(L), &size, &err), &err);
  lua_pushinteger(L, size);
  return 1;
}

static int memfile_read(lua_State *L) {
  int fd = check_memfile(L);
  sl_int size;
  sl_err err;
  sl_try(L, sl_memfile_size(fd, &size, &err), &err);
  luaL_Buffer b;
  char *to = luaL_buffinitsize(L, &b, (size_t)size);
  sl_try(L, sl_memfile_read(fd, 0, to, size, &err), &err);
  luaL_pushresultsize(&b, (size_t)size);
  return 1;
}

/* m:save(path): true; nil and a message when the path cannot be written. */
static int memfile_save(lua_State *L) {
  int fd = check_memfile(L);
  size_t n;
  const char *path = luaL_checklstring(L, 2, &n);
  luaL_argcheck(L, strlen(path) == n, 2, "a path cannot hold a zero byte");
  sl_err err;
  if (sl_memfile_save(fd, path, &err) != SL_OK) {
    lua_pushnil(L);
    lua_pushstring(L, err.msg);
    return 2;
  }
  lua_pushboolean(L, 1);
  return 1;
}

static int memfile_close(lua_State *L) {
  int *fd = luaL_checkudata(L, 1, MEMFILE);
  if (*fd >= 0) {
    close(*fd);
  }
  *fd = -1;
  return 0;
}

/* ---- columns ------------------------------------------------------------- */

/* column(v): the numbers of a tensor or table as raw f64 in row-major order,
** and its shape as a list. */
static int process_column(lua_State *L) {
  luaL_checkany(L, 1);
  const sl_tensor *t = sl_ascontiguous(L, 1, SL_F64);
  sl_int n = sl_numel(&t->type);
  lua_pushlstring(L, n > 0 ? t->data : "", (size_t)n * sizeof(double));
  lua_createtable(L, t->type.ndim, 0);
  for (int i = 0; i < t->type.ndim; i++) {
    lua_pushinteger(L, t->type.shape[i]);
    lua_rawseti(L, -2, i + 1);
  }
  return 2;
}

/* interleave(a, b, ...): columns of one length as records of doubles. */
static int process_interleave(lua_State *L) {
  int n = lua_gettop(L);
  size_t size = 0;
  luaL_checkstring(L, 1);
  for (int i = 1; i <= n; i++) {
    size_t len;
    luaL_checklstring(L, i, &len);
    size = i == 1 ? len : size;
    luaL_argcheck(L, len == size && len % sizeof(double) == 0, i,
                  "columns of one length are expected");
  }
  luaL_Buffer b;
  char *to = luaL_buffinitsize(L, &b, size * (size_t)n);
  for (int i = 0; i < n; i++) {
    const char *from = lua_tostring(L, i + 1);
    for (size_t k = 0; k < size; k += sizeof(double)) {
      memcpy(to + k * (size_t)n + (size_t)i * sizeof(double), from + k,
             sizeof(double));
    }
  }
  luaL_pushresultsize(&b, size * (size_t)n);
  return 1;
}

/* extent(column): least and largest finite value, the least positive one, and
** how many are finite; the first three are nil when there is none. */
static int process_extent(lua_State *L) {
  size_t size;
  const char *at = luaL_checklstring(L, 1, &size);
  double low = HUGE_VAL, high = -HUGE_VAL, positive = HUGE_VAL;
  lua_Integer finite = 0;
  for (size_t k = 0; k + sizeof(double) <= size; k += sizeof(double)) {
    double v;
    memcpy(&v, at + k, sizeof v);
    if (!isfinite(v)) {
      continue;
    }
    finite++;
    low = fmin(low, v);
    high = fmax(high, v);
    positive = v > 0 ? fmin(positive, v) : positive;
  }
  lua_settop(L, 0);
  for (int i = 0; i < 3; i++) {
    double v = i == 0 ? low : i == 1 ? high : positive;
    if (isfinite(v)) {
      lua_pushnumber(L, v);
    } else {
      lua_pushnil(L);
    }
  }
  lua_pushinteger(L, finite);
  return 4;
}

static int process_isdir(lua_State *L) {
  struct stat st;
  const char *path = luaL_checkstring(L, 1);
  lua_pushboolean(L, stat(path, &st) == 0 && S_ISDIR(st.st_mode));
  return 1;
}

static const luaL_Reg process_methods[] = {{"exchange", process_exchange},
                                           {"close", process_close},
                                           {"pid", process_pid},
                                           {"__gc", process_gc},
                                           {"__close", process_gc},
                                           {NULL, NULL}};

static const luaL_Reg memfile_methods[] = {{"append", memfile_append},
                                           {"path", memfile_path},
                                           {"size", memfile_size},
                                           {"read", memfile_read},
                                           {"save", memfile_save},
                                           {"close", memfile_close},
                                           {"__gc", memfile_close},
                                           {"__close", memfile_close},
                                           {NULL, NULL}};

static const luaL_Reg functions[] = {{"start", process_start},
                                     {"memfile", memfile_new},
                                     {"column", process_column},
                                     {"interleave", process_interleave},
                                     {"extent", process_extent},
                                     {"isdir", process_isdir},
                                     {NULL, NULL}};

static void new_class(lua_State *L, const char *name, const luaL_Reg *methods) {
  luaL_newmetatable(L, name);
  luaL_setfuncs(L, methods, 0);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}

int sl_open_process(lua_State *L) {
  new_class(L, PROCESS, process_methods);
  new_class(L, MEMFILE, memfile_methods);
  luaL_newlib(L, functions);
  return 1;
}
