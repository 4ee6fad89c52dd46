/* core.c: opens `saddle.core`, the only thing Saddle's Lua code sees of C: one
** table with a field for each bound module, and the raising functions of
** error.c. The same function serves the host (package.preload) and the shared
** object that stock Lua loads.  MIT licence. */
#include <cblas.h>
#include <string.h>

#include "bind/bind.h"

#pragma weak sl_open_tensor
#pragma weak sl_open_graph
#pragma weak sl_open_linalg
#pragma weak sl_open_random
#pragma weak sl_open_file
#pragma weak sl_open_process
#pragma weak sl_open_network

static const luaL_Reg functions[] = {
  {"fail", sl_lua_fail},
  {"where", sl_lua_where},
  {"set_luadir", sl_lua_set_luadir},
  {NULL, NULL},
};

static const luaL_Reg modules[] = {
  {"system", sl_open_system},   {"tensor", sl_open_tensor},
  {"linalg", sl_open_linalg},   {"graph", sl_open_graph},
  {"random", sl_open_random},   {"file", sl_open_file},
  {"process", sl_open_process}, {"network", sl_open_network},
  {NULL, NULL},
};

/* Tells error.c Saddle's Lua folder, as far as package.path knows it, for
** those who load a submodule without loading `saddle` first. */
static void find_luadir(lua_State *L) {
  int top = lua_gettop(L);
  if (lua_getglobal(L, LUA_LOADLIBNAME) == LUA_TTABLE &&
      lua_getfield(L, -1, "searchpath") == LUA_TFUNCTION &&
      lua_getfield(L, -2, "path") == LUA_TSTRING) {
    lua_pushliteral(L, "saddle");
    lua_insert(L, -2);
    if (lua_pcall(L, 2, 1, 0) == LUA_OK && lua_isstring(L, -1)) {
      const char *file = lua_tostring(L, -1);
      const char *slash = strrchr(file, '/');
      if (slash != NULL) {
        lua_pushcfunction(L, sl_lua_set_luadir);
        lua_pushlstring(L, file, (size_t)(slash + 1 - file));
        lua_call(L, 1, 0);
      }
    }
  }
  lua_settop(L, top);
}

int luaopen_saddle_core(lua_State *L) {
  /* OpenBLAS's own threads change the last bits of its results; ours, spread
  ** over tiles fixed by shape, do not. */
  openblas_set_num_threads(1);
  find_luadir(L);
  luaL_newlib(L, functions);
  for (const luaL_Reg *m = modules; m->name != NULL; m++) {
    if (m->func != NULL) {
      lua_pushcfunction(L, m->func);
      lua_call(L, 0, 1);
      lua_setfield(L, -2, m->name);
    }
  }
  return 1;
}
