/* locate.c: finds Saddle's Lua folder from the place of the binary, with
** symbolic links resolved, so that scripts find `saddle` from any directory:
** in the source tree build/<mode>/saddle stands two levels below it, installed
** it is ../share/saddle/lua.  MIT licence. */
#define _GNU_SOURCE
#include <limits.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/app.h"

static const char *const places[] = {
  "../share/saddle/lua",
  "../../lua",
  "lua",
};

/* The folder of the running binary in buf; false when it cannot be had. */
static bool binary_folder(char *buf, size_t size) {
  ssize_t n = readlink("/proc/self/exe", buf, size - 1);
  if (n <= 0) {
    return false;
  }
  buf[n] = '\0';
  char *slash = strrchr(buf, '/');
  if (slash == NULL) {
    return false;
  }
  *slash = '\0';
  return true;
}

static void extend_path(lua_State *L, const char *folder) {
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "path");
  const char *path = lua_tostring(L, -1);
  path = path != NULL ? path : "";
  bool chosen = getenv("LUA_PATH") != NULL || getenv("LUA_PATH_5_4") != NULL;
  if (chosen) {
    lua_pushfstring(L, "%s;%s/?.lua;%s/?/init.lua", path, folder, folder);
  } else {
    lua_pushfstring(L, "%s/?.lua;%s/?/init.lua;%s", folder, folder, path);
  }
  lua_setfield(L, -3, "path");
  lua_pop(L, 2);
}

void app_find_lua(lua_State *L) {
  char folder[PATH_MAX];
  char probe[2 * PATH_MAX];
  char full[PATH_MAX];
  if (!binary_folder(folder, sizeof folder)) {
    return;
  }
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
    snprintf(probe, sizeof probe, "%s/%s/saddle/init.lua", folder, places[i]);
    if (access(probe, R_OK) == 0) {
      snprintf(probe, sizeof probe, "%s/%s", folder, places[i]);
      extend_path(L, realpath(probe, full) != NULL ? full : probe);
      return;
    }
  }
}
