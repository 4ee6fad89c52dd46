/* error.c: the one place that raises. Every message starts with the user's
** line: the innermost Lua frame outside Saddle's own Lua folder, so a mistake
** caught deep inside `saddle.optim` still points at the script. The folder is
** found once, when core.c opens, and kept in the registry; a chunk belongs to
** it when its name starts with "@" and that folder.
** Must not own anything while it raises.  MIT licence. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "bind/bind.h"

static const char luadir_key[] = "saddle.luadir";

/* Finds the innermost Lua frame that is not Saddle's own. */
static bool user_frame(lua_State *L, lua_Debug *ar) {
  lua_getfield(L, LUA_REGISTRYINDEX, luadir_key);
  size_t n = 0;
  const char *own = lua_tolstring(L, -1, &n);
  bool found = false;
  for (int level = 0; !found && lua_getstack(L, level, ar); level++) {
    lua_getinfo(L, "Sl", ar);
    found = ar->currentline > 0 &&
            (own == NULL || strncmp(ar->source, own, n) != 0);
  }
  lua_pop(L, 1);
  return found;
}

/* Pushes "file:line: " of the user's frame, or "" when there is none. */
static void push_position(lua_State *L) {
  lua_Debug ar;
  if (user_frame(L, &ar)) {
    lua_pushfstring(L, "%s:%d: ", ar.short_src, ar.currentline);
  } else {
    lua_pushliteral(L, "");
  }
}

/* The caller of the running C function is the user's frame when its source is
** the one found before: the same string at the same address. */
int sl_user_line(lua_State *L, const void **source) {
  lua_Debug ar;
  if (*source != NULL && lua_getstack(L, 1, &ar) &&
      lua_getinfo(L, "Sl", &ar) && ar.source == *source) {
    return ar.currentline;
  }
  if (!user_frame(L, &ar)) {
    return 0;
  }
  *source = ar.source;
  return ar.currentline;
}

static int raise_text(lua_State *L, const char *text) {
  luaL_checkstack(L, 4, "error message");
  push_position(L);
  lua_pushstring(L, text);
  lua_concat(L, 2);
  return lua_error(L);
}

int sl_raise(lua_State *L, const sl_err *err) {
  if (err->code == SL_EINTR && sl_guard() == 0) {
    sl_interrupt_clear(); /* served; a guarding driver asks for it itself */
  }
  return raise_text(L, err->msg);
}

int sl_raisef(lua_State *L, const char *fmt, ...) {
  char text[sizeof((sl_err *)0)->msg];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  return raise_text(L, text);
}

void sl_try(lua_State *L, sl_status status, const sl_err *err) {
  if (status != SL_OK) {
    sl_raise(L, err);
  }
}

/* core.fail(message): the same for Saddle's Lua code. A value that is no
** string (an error being passed on) is raised as it is. */
int sl_lua_fail(lua_State *L) {
  lua_settop(L, 1);
  if (lua_type(L, 1) != LUA_TSTRING) {
    return lua_error(L);
  }
  push_position(L);
  lua_insert(L, 1);
  lua_concat(L, 2);
  return lua_error(L);
}

/* core.where(): "file:line: " of the user's frame, for messages that are
** returned or recorded rather than raised. */
int sl_lua_where(lua_State *L) {
  push_position(L);
  return 1;
}

void sl_set_luadir(lua_State *L, const char *dir) {
  lua_pushfstring(L, "@%s", dir);
  lua_setfield(L, LUA_REGISTRYINDEX, luadir_key);
}
