/* run.c: loading and calling chunks with a traceback, and the steps of stock
** Lua's start: the init variables, the words -e, -l, -W, the script with its
** arguments.  MIT licence. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/app.h"

#define INIT_NAME "LUA_INIT"
#define INIT_NAME_VERSION INIT_NAME "_" LUA_VERSION_MAJOR "_" LUA_VERSION_MINOR

const char *app_name = "saddle";

void app_complain(const char *message) {
  fflush(stdout);
  if (app_name != NULL) {
    fprintf(stderr, "%s: ", app_name);
  }
  fprintf(stderr, "%s\n", message);
  fflush(stderr);
}

int app_report(lua_State *L, int status) {
  if (status != LUA_OK) {
    const char *message = lua_tostring(L, -1);
    app_complain(message != NULL ? message : "(error object is not a string)");
    lua_pop(L, 1);
  }
  return status;
}

/* Message handler: an object that can show itself does so; anything else gets
** a traceback. */
static int with_traceback(lua_State *L) {
  const char *message = lua_tostring(L, 1);
  if (message == NULL) {
    if (luaL_callmeta(L, 1, "__tostring") && lua_isstring(L, -1)) {
      return 1;
    }
    message = lua_pushfstring(L, "(error object is a %s value)",
                              luaL_typename(L, 1));
  }
  luaL_traceback(L, L, message, 1);
  return 1;
}

int app_call(lua_State *L, int nargs, int nresults) {
  int base = lua_gettop(L) - nargs;
  lua_pushcfunction(L, with_traceback);
  lua_insert(L, base);
  app_signals_run(true);
  int status = lua_pcall(L, nargs, nresults, base);
  app_signals_run(false);
  lua_remove(L, base);
  return status;
}

static int call_loaded(lua_State *L, int status) {
  if (status == LUA_OK) {
    status = app_call(L, 0, 0);
  }
  return app_report(L, status);
}

int app_run_string(lua_State *L, const char *code, const char *name) {
  return call_loaded(L, luaL_loadbuffer(L, code, strlen(code), name));
}

int app_run_file(lua_State *L, const char *path) {
  return call_loaded(L, luaL_loadfile(L, path));
}

int app_run_init(lua_State *L) {
  const char *name = "=" INIT_NAME_VERSION;
  const char *code = getenv(name + 1);
  if (code == NULL) {
    name = "=" INIT_NAME;
    code = getenv(name + 1);
  }
  if (code == NULL) {
    return LUA_OK;
  }
  return code[0] == '@' ? app_run_file(L, code + 1)
                        : app_run_string(L, code, name);
}

/* `-l mod` or `-l g=mod`. As in later 5.4 releases a version suffix after "-"
** does not belong to the global's name. */
static int run_library(lua_State *L, const char *word) {
  const char *equals = strchr(word, '=');
  const char *module = equals != NULL ? equals + 1 : word;
  size_t n = equals != NULL ? (size_t)(equals - word)
                            : strcspn(word, "-");
  lua_getglobal(L, "require");
  lua_pushstring(L, module);
  int status = app_call(L, 1, 1);
  if (status == LUA_OK) {
    lua_pushglobaltable(L);
    lua_pushlstring(L, word, n);
    lua_pushvalue(L, -3);
    lua_settable(L, -3);
    lua_pop(L, 2);
  }
  return app_report(L, status);
}

bool app_run_words(lua_State *L, char **argv, int end) {
  for (int i = 1; i < end; i++) {
    char kind = argv[i][1];
    if (kind == 'W') {
      lua_warning(L, "@on", 0);
    } else if (kind == 'e' || kind == 'l') {
      const char *word = argv[i][2] != '\0' ? argv[i] + 2 : argv[++i];
      int status = kind == 'e' ? app_run_string(L, word, "=(command line)")
                               : run_library(L, word);
      if (status != LUA_OK) {
        return false;
      }
    } else if (strcmp(argv[i], "--seed") == 0 ||
               strcmp(argv[i], "--threads") == 0) {
      i++;
    }
  }
  return true;
}

/* Pushes arg[1], arg[2], ...; the script may have been handed a changed one by
** the code of -e. */
static int push_arguments(lua_State *L) {
  if (lua_getglobal(L, "arg") != LUA_TTABLE) {
    luaL_error(L, "'arg' is not a table");
  }
  int n = (int)luaL_len(L, -1);
  luaL_checkstack(L, n + 3, "too many arguments to script");
  for (int i = 1; i <= n; i++) {
    lua_rawgeti(L, -i, i);
  }
  lua_remove(L, -n - 1);
  return n;
}

int app_run_script(lua_State *L, char **argv) {
  const char *path = argv[0];
  if (strcmp(path, "-") == 0 && strcmp(argv[-1], "--") != 0) {
    path = NULL;
  }
  int status = luaL_loadfile(L, path);
  if (status == LUA_OK) {
    int n = push_arguments(L);
    status = app_call(L, n, LUA_MULTRET);
  }
  return app_report(L, status);
}
