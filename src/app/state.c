/* state.c: the Lua state: luaL_newstate's, with an allocator that keeps small
** blocks. Small tensors come and go by the million, and the collector frees
** them in bursts.  MIT licence. */
#include "app/app.h"

#include <stdio.h>
#include <string.h>

#include "base/pool.h"

static void *allocate(void *ud, void *old, size_t from, size_t to) {
  return sl_pool_resize(ud, old, from, to);
}

static int panic(lua_State *L) {
  const char *text = lua_tostring(L, -1);
  fprintf(stderr, "PANIC: unprotected error in call to Lua API (%s)\n",
          text != NULL ? text : "error object is not a string");
  return 0; /* Lua aborts */
}

typedef struct warning {
  bool on, inside; /* inside: a message of several parts has begun */
} warning;

static void warn(void *ud, const char *text, int more) {
  warning *w = ud;
  bool control = !w->inside && !more && text[0] == '@';
  if (control) {
    w->on = strcmp(text, "@on") == 0 || (w->on && strcmp(text, "@off") != 0);
    return;
  }
  if (w->on) {
    fprintf(stderr, "%s%s%s", w->inside ? "" : "Lua warning: ", text,
            more ? "" : "\n");
  }
  w->inside = more;
}

lua_State *app_new_state(void) {
  static sl_pool blocks;
  static warning warnings;
  lua_State *L = lua_newstate(allocate, &blocks);
  if (L != NULL) {
    lua_atpanic(L, panic);
    lua_setwarnf(L, warn, &warnings);
  }
  return L;
}
