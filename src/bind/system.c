/* system.c: `saddle.core.system`: what a script may ask of the process it runs
** in: time, threads, memory, terminal, processor, and whether the user asked
** to stop. A driver that keeps its best result runs under guard(): there the
** first Ctrl-C only sets the flag (interrupted()), and the driver ends in good
** order; a second one raises.  MIT licence. */
#include <cblas.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bind/bind.h"

static int system_clock(lua_State *L) {
  lua_pushnumber(L, sl_clock());
  return 1;
}

static int system_version(lua_State *L) {
  lua_pushstring(L, sl_version());
  return 1;
}

static int system_threads(lua_State *L) {
  lua_pushinteger(L, sl_threads());
  return 1;
}

static int system_set_threads(lua_State *L) {
  sl_err err;
  sl_int n = sl_checkint(L, 1, "n");
  int count = n < 0 || n > 1 << 20 ? -1 : (int)n;
  sl_try(L, sl_threads_set(count, &err), &err);
  return 0;
}

static int system_isatty(lua_State *L) {
  lua_pushboolean(L, isatty((int)sl_checkint(L, 1, "descriptor")));
  return 1;
}

/* The number in the line `key: number kB` of /proc/self/status, in bytes; 0
** where there is no such file. */
static lua_Integer status_bytes(const char *key) {
  char line[256];
  long long kb = 0;
  FILE *f = fopen("/proc/self/status", "r");
  if (f == NULL) {
    return 0;
  }
  size_t n = strlen(key);
  while (fgets(line, sizeof line, f) != NULL) {
    if (strncmp(line, key, n) == 0 && sscanf(line + n, "%lld", &kb) == 1) {
      break;
    }
  }
  fclose(f);
  return (lua_Integer)kb * 1024;
}

/* memory(): resident bytes now and at their peak; {lua =} is the collector's
** own count. */
static int system_memory(lua_State *L) {
  lua_createtable(L, 0, 3);
  lua_pushinteger(L, status_bytes("VmRSS:"));
  lua_setfield(L, -2, "current");
  lua_pushinteger(L, status_bytes("VmHWM:"));
  lua_setfield(L, -2, "peak");
  int kb = lua_gc(L, LUA_GCCOUNT);
  lua_pushinteger(L, (lua_Integer)kb * 1024 + lua_gc(L, LUA_GCCOUNTB));
  lua_setfield(L, -2, "lua");
  return 1;
}

static void cpu_model(char *out, size_t size) {
  char line[256];
  snprintf(out, size, "unknown");
  FILE *f = fopen("/proc/cpuinfo", "r");
  if (f == NULL) {
    return;
  }
  while (fgets(line, sizeof line, f) != NULL) {
    const char *value = strchr(line, ':');
    if (strncmp(line, "model name", 10) == 0 && value != NULL) {
      snprintf(out, size, "%s", value + 1 + strspn(value + 1, " "));
      out[strcspn(out, "\n")] = '\0';
      break;
    }
  }
  fclose(f);
}

/* cpu(): {model =, blas =, kernel =, processors =}; `kernel` is the processor
** kernel OpenBLAS chose, on which the bits of its results depend. */
static int system_cpu(lua_State *L) {
  char model[200];
  cpu_model(model, sizeof model);
  lua_createtable(L, 0, 4);
  lua_pushstring(L, model);
  lua_setfield(L, -2, "model");
  lua_pushstring(L, openblas_get_config());
  lua_setfield(L, -2, "blas");
  lua_pushstring(L, openblas_get_corename());
  lua_setfield(L, -2, "kernel");
  lua_pushinteger(L, sl_processors());
  lua_setfield(L, -2, "processors");
  return 1;
}

/* interrupted(take): has the user asked to stop? With take, the request counts
** as served. */
static int system_interrupted(lua_State *L) {
  bool yes = sl_interrupted();
  if (yes && lua_toboolean(L, 1)) {
    sl_interrupt_clear();
  }
  lua_pushboolean(L, yes);
  return 1;
}

/* interrupt(): what Ctrl-C does to the core; for tests of drivers. */
static int system_interrupt(lua_State *L) {
  (void)L;
  sl_interrupt_set();
  return 0;
}

static int guard_finish(lua_State *L, int status, lua_KContext depth) {
  sl_guard_set((int)depth);
  if (status != LUA_OK && status != LUA_YIELD) {
    return lua_error(L);
  }
  return lua_gettop(L);
}

/* guard(fn, ...): calls fn; see the header. Errors pass through. */
static int system_guard(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  int depth = sl_guard();
  sl_guard_set(depth + 1);
  int status = lua_pcallk(L, lua_gettop(L) - 1, LUA_MULTRET, 0, depth,
                          guard_finish);
  return guard_finish(L, status, depth);
}

/* seed(): the seed the process was started with (--seed), 0 by default. */
static int system_seed(lua_State *L) {
  if (lua_getfield(L, LUA_REGISTRYINDEX, "saddle.seed") != LUA_TNUMBER) {
    lua_pushinteger(L, 0);
  }
  return 1;
}

static const luaL_Reg functions[] = {
  {"clock", system_clock},
  {"version", system_version},
  {"threads", system_threads},
  {"set_threads", system_set_threads},
  {"isatty", system_isatty},
  {"memory", system_memory},
  {"cpu", system_cpu},
  {"interrupted", system_interrupted},
  {"interrupt", system_interrupt},
  {"guard", system_guard},
  {"seed", system_seed},
  {NULL, NULL},
};

int sl_open_system(lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}
