/* main.c: the host `saddle`: stock Lua's command line around the core. Opens
** the libraries, makes `saddle.core` known, then runs in stock order: init
** variables, -e/-l/-W, script or prompt or stdin.  MIT licence. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/app.h"
#include "base/base.h"
#include "bind/bind.h"

/* Tensors live inside userdata that come and go by the megabyte. Kept in the
** heap instead of being mapped anew, their pages are touched once: a loop over
** 2 MB temporaries then spends its time computing, not in page faults. 32 MB
** is the largest threshold glibc takes; larger blocks are mapped. */
static void keep_freed_pages(void) {
  mallopt(M_MMAP_THRESHOLD, 1 << 25);
  mallopt(M_TRIM_THRESHOLD, 1 << 26);
  mallopt(M_TOP_PAD, 1 << 22);
}

/* arg[0] is the script, the words before it have negative indices. */
static void set_arg(lua_State *L, char **argv, int argc, int script) {
  int zero = script == argc ? 0 : script;
  lua_createtable(L, argc - zero, zero + 1);
  for (int i = 0; i < argc; i++) {
    lua_pushstring(L, argv[i]);
    lua_rawseti(L, -2, i - zero);
  }
  lua_setglobal(L, "arg");
}

static void set_seed(lua_State *L, lua_Integer seed) {
  lua_pushinteger(L, seed);
  lua_setfield(L, LUA_REGISTRYINDEX, "saddle.seed");
  lua_getglobal(L, "math");
  lua_getfield(L, -1, "randomseed");
  lua_pushinteger(L, seed);
  lua_call(L, 1, 0);
  lua_pop(L, 1);
}

static void open_libraries(lua_State *L, const app_options *o) {
  if (o->no_env) {
    lua_pushboolean(L, 1);
    lua_setfield(L, LUA_REGISTRYINDEX, "LUA_NOENV");
  }
  luaL_openlibs(L);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  lua_pushcfunction(L, luaopen_saddle_core);
  lua_setfield(L, -2, "saddle.core");
  lua_pop(L, 1);
  app_find_lua(L);
  set_seed(L, o->seed);
}

static bool run(lua_State *L, const app_options *o, int argc, char **argv) {
  if (!o->no_env && app_run_init(L) != LUA_OK) {
    return false;
  }
  if (!app_run_words(L, argv, o->script < argc ? o->script : argc)) {
    return false;
  }
  if (o->script < argc && app_run_script(L, argv + o->script) != LUA_OK) {
    return false;
  }
  if (o->interactive) {
    app_repl(L);
  } else if (o->script >= argc && !o->has_code && !o->version) {
    if (isatty(STDIN_FILENO)) {
      app_banner();
      app_repl(L);
    } else {
      return app_run_file(L, NULL) == LUA_OK;
    }
  }
  return true;
}

/* Called protected, with argc and argv; returns whether all went well. */
static int protected_main(lua_State *L) {
  int argc = (int)lua_tointeger(L, 1);
  char **argv = lua_touserdata(L, 2);
  app_options o;
  int bad = app_options_read(&o, argc, argv);
  if (bad != 0) {
    app_usage(argv + bad);
    return 0;
  }
  if (o.help || o.about) {
    (o.help ? app_help : app_about)();
    lua_pushboolean(L, 1);
    return 1;
  }
  if (o.version) {
    app_banner();
  }
  if (o.threads > 0) {
    sl_threads_set(o.threads, NULL);
  }
  sl_err err;
  if (sl_threads_start(&err) != SL_OK) {
    app_complain(err.msg);
    return 0;
  }
  open_libraries(L, &o);
  set_arg(L, argv, argc, o.script);
  lua_gc(L, LUA_GCRESTART);
  lua_pushboolean(L, run(L, &o, argc, argv));
  return 1;
}

int main(int argc, char **argv) {
  app_settle_environment(argv);
  if (argv[0] != NULL && argv[0][0] != '\0') {
    app_name = argv[0];
  }
  keep_freed_pages();
  lua_State *L = app_new_state();
  if (L == NULL) {
    app_complain("cannot create state: not enough memory");
    return EXIT_FAILURE;
  }
  lua_gc(L, LUA_GCSTOP);
  app_signals_install(L);
  lua_pushcfunction(L, protected_main);
  lua_pushinteger(L, argc);
  lua_pushlightuserdata(L, argv);
  int status = lua_pcall(L, 2, 1, 0);
  bool good = status == LUA_OK && lua_toboolean(L, -1);
  app_report(L, status);
  lua_close(L);
  return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
