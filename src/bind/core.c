/* core.c: opens `saddle.core`, the only thing Saddle's Lua code sees of C: one
** table with a field for each bound module, and the raising functions of
** error.c. The same function serves the host (package.preload) and the shared
** object that stock Lua loads.  MIT licence. */
#include <cblas.h>

#include "bind/bind.h"

static const luaL_Reg functions[] = {
  {"fail", sl_lua_fail},
  {"where", sl_lua_where},
  {NULL, NULL},
};

static const luaL_Reg modules[] = {
  {"system", sl_open_system},   {"tensor", sl_open_tensor},
  {"linalg", sl_open_linalg},   {"graph", sl_open_graph},
  {"random", sl_open_random},   {"file", sl_open_file},
  {"process", sl_open_process}, {"network", sl_open_network},
  {"march", sl_open_march},     {"law", sl_open_law},
  {"diffusion", sl_open_diffusion},
  {NULL, NULL},
};

/* Tells error.c the folder of Saddle's Lua code, whichever module of it is
** loaded first. */
static void find_luadir(lua_State *L) {
  static const char code[] =
      "local file = package.searchpath('saddle', package.path)\n"
      "return file and file:match('^(.*[/\\\\])')";
  if (luaL_dostring(L, code) == LUA_OK && lua_isstring(L, -1)) {
    sl_set_luadir(L, lua_tostring(L, -1));
  }
  lua_pop(L, 1);
}

int luaopen_saddle_core(lua_State *L) {
  /* OpenBLAS's own threads change the last bits of its results; ours, spread
  ** over tiles fixed by shape, do not. */
  openblas_set_num_threads(1);
  sl_err err;
  sl_try(L, sl_threads_start(&err), &err);
  find_luadir(L);
  luaL_newlib(L, functions);
  for (const luaL_Reg *m = modules; m->name != NULL; m++) {
    lua_pushcfunction(L, m->func);
    lua_call(L, 0, 1);
    lua_setfield(L, -2, m->name);
  }
  return 1;
}
