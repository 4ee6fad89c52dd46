/* repl.c: the prompt. A line is tried as an expression first ("return line"),
** then as a statement that may go on over further lines until it compiles;
** values are shown by `print`. On a terminal lines come from libedit, with a
** history for the session; otherwise from plain reads.  MIT licence. */
#include <editline/readline.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/app.h"

enum { PART_BYTES = 4096 };

/* What reading gave: a line, the end of input, or Ctrl-C. */
typedef enum reading { READ_LINE, READ_END, READ_CANCEL } reading;

enum { CHUNK_END = -1, CHUNK_CANCELLED = -2 };

/* Pushes the prompt: the global _PROMPT or _PROMPT2, else "> " or ">> ". */
static const char *push_prompt(lua_State *L, bool first) {
  if (lua_getglobal(L, first ? "_PROMPT" : "_PROMPT2") == LUA_TNIL) {
    lua_pop(L, 1);
    return lua_pushstring(L, first ? "> " : ">> ");
  }
  const char *text = luaL_tolstring(L, -1, NULL);
  lua_remove(L, -2);
  return text;
}

/* Pushes a line read without editing, of any length; false at the end. */
static bool read_plain(lua_State *L, const char *prompt) {
  char part[PART_BYTES];
  luaL_Buffer b;
  bool any = false;
  fputs(prompt, stdout);
  fflush(stdout);
  luaL_buffinit(L, &b);
  while (fgets(part, sizeof part, stdin) != NULL) {
    size_t n = strlen(part);
    any = true;
    if (n > 0 && part[n - 1] == '\n') {
      luaL_addlstring(&b, part, n - 1);
      break;
    }
    luaL_addlstring(&b, part, n);
  }
  luaL_pushresult(&b);
  if (!any) {
    lua_pop(L, 1);
  }
  return any;
}

/* Pushes the next line, or nothing. */
static reading read_line(lua_State *L, bool first) {
  bool got;
  const char *prompt = push_prompt(L, first);
  app_signals_cancelled();
  if (isatty(STDIN_FILENO)) {
    char *line = readline(prompt);
    got = line != NULL;
    if (got) {
      lua_pushstring(L, line);
      free(line);
    }
  } else {
    got = read_plain(L, prompt);
  }
  if (app_signals_cancelled()) {
    lua_pop(L, got ? 2 : 1);
    return READ_CANCEL;
  }
  lua_remove(L, got ? -2 : -1);
  return got ? READ_LINE : READ_END;
}

static void remember(const char *text) {
  if (text[0] != '\0' && isatty(STDIN_FILENO)) {
    add_history(text);
  }
}

/* Did the chunk fail only because it is not finished? */
static bool incomplete(lua_State *L, int status) {
  static const char mark[] = "<eof>";
  size_t n;
  if (status != LUA_ERRSYNTAX) {
    return false;
  }
  const char *text = lua_tolstring(L, -1, &n);
  return n >= sizeof mark - 1 &&
         strcmp(text + n - (sizeof mark - 1), mark) == 0;
}

/* Line on top: replaces it by the compiled "return line" if that compiles. */
static int try_expression(lua_State *L) {
  const char *line = lua_tostring(L, -1);
  const char *code = lua_pushfstring(L, "return %s", line);
  int status = luaL_loadbuffer(L, code, strlen(code), "=stdin");
  if (status == LUA_OK) {
    remember(line);
    lua_remove(L, -2);
    lua_remove(L, -2);
  } else {
    lua_pop(L, 2);
  }
  return status;
}

/* Line on top: compiles it, with as many further lines as it needs. */
static int read_statement(lua_State *L) {
  for (;;) {
    size_t n;
    const char *text = lua_tolstring(L, -1, &n);
    int status = luaL_loadbuffer(L, text, n, "=stdin");
    if (!incomplete(L, status)) {
      remember(text);
      lua_remove(L, -2);
      return status;
    }
    lua_pop(L, 1);
    reading r = read_line(L, false);
    if (r == READ_CANCEL) {
      return CHUNK_CANCELLED;
    }
    if (r == READ_END) {
      luaL_loadbuffer(L, text, n, "=stdin"); /* gives the message again */
      lua_remove(L, -2);
      return status;
    }
    lua_pushliteral(L, "\n");
    lua_insert(L, -2);
    lua_concat(L, 3);
  }
}

/* Leaves a function or a message alone on the stack; its status, or one of the
** CHUNK_ codes. */
static int read_chunk(lua_State *L) {
  lua_settop(L, 0);
  reading r = read_line(L, true);
  if (r != READ_LINE) {
    return r == READ_END ? CHUNK_END : CHUNK_CANCELLED;
  }
  const char *line = lua_tostring(L, -1);
  if (line[0] == '=') {
    lua_pushfstring(L, "return %s", line + 1);
    lua_remove(L, -2);
  }
  int status = try_expression(L);
  return status == LUA_OK ? status : read_statement(L);
}

/* Values 1 .. n are shown by one print; tensors, of several lines, by one
** each. */
static void print_values(lua_State *L) {
  int n = lua_gettop(L);
  if (n == 0) {
    return;
  }
  luaL_checkstack(L, LUA_MINSTACK, "too many results to print");
  bool apart = false;
  for (int i = 1; i <= n && n > 1; i++) {
    apart = apart || lua_type(L, i) == LUA_TUSERDATA;
  }
  int status = LUA_OK;
  for (int i = 1; apart && i <= n && status == LUA_OK; i++) {
    lua_getglobal(L, "print");
    lua_pushvalue(L, i);
    status = app_call(L, 1, 0);
  }
  if (!apart) {
    lua_getglobal(L, "print");
    lua_insert(L, 1);
    status = app_call(L, n, 0);
  }
  if (status != LUA_OK) {
    app_complain(lua_pushfstring(L, "error calling 'print' (%s)",
                                 lua_tostring(L, -1)));
  }
}

/* Cuts off a traceback's frames below the chunk the user typed: they belong to
** the host. */
static void trim_traceback(lua_State *L) {
  const char *text = lua_tostring(L, -1);
  const char *tail = text != NULL ? strstr(text, "\n\t[C]: in ?") : NULL;
  if (tail != NULL && strchr(tail + 2, '\n') == NULL) {
    lua_pushlstring(L, text, (size_t)(tail - text));
    lua_remove(L, -2);
  }
}

void app_repl(lua_State *L) {
  const char *name = app_name;
  int status;
  app_name = NULL;
  while ((status = read_chunk(L)) != CHUNK_END) {
    if (status == CHUNK_CANCELLED) {
      putchar('\n');
      continue;
    }
    if (status == LUA_OK) {
      status = app_call(L, 0, LUA_MULTRET);
    }
    if (status == LUA_OK) {
      print_values(L);
    } else {
      trim_traceback(L);
      app_report(L, status);
    }
  }
  lua_settop(L, 0);
  putchar('\n');
  fflush(stdout);
  app_name = name;
}
