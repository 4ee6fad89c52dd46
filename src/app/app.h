/* app.h: the host program: command line, running chunks, signals, prompt.
** The one executable around the same core that stock Lua loads as a module.
** MIT licence. */
#ifndef SL_APP_H
#define SL_APP_H

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdbool.h>

/* What the command line asks for (options.c). `script` is the index in argv of
** the script's name, argc when there is none. */
typedef struct app_options {
  int script;
  bool interactive, version, no_env, has_code, help, about;
  lua_Integer seed;
  int threads; /* 0: not given */
} app_options;

/* app_options_read: parses argv into *o; the index of the offending word, or 0
** when all is well. */
int app_options_read(app_options *o, int argc, char **argv);
/* app_usage: the complaint about argv's word `bad` and the list of options. */
void app_usage(char **word);
void app_help(void);
/* The words of a banner: app_about is one line on Saddle and its libraries. */
void app_banner(void);
void app_about(void);

/* app_name: program name in front of messages; NULL inside the prompt. */
extern const char *app_name;

/* app_complain: "name: message" on stderr. */
void app_complain(const char *message);
/* app_report: complains about the error object on top when status is not
** LUA_OK, and pops it. Returns status. */
int app_report(lua_State *L, int status);
/* app_call: pcall with traceback, interruptible by Ctrl-C. */
int app_call(lua_State *L, int nargs, int nresults);
int app_run_string(lua_State *L, const char *code, const char *name);
int app_run_file(lua_State *L, const char *path); /* NULL: stdin */
/* app_run_init: LUA_INIT_5_4, else LUA_INIT. */
int app_run_init(lua_State *L);
/* app_run_words: the -e, -l and -W of argv[1 .. end), in order. */
bool app_run_words(lua_State *L, char **argv, int end);
int app_run_script(lua_State *L, char **argv);

/* app_settle_environment: what libraries read when they are loaded; may start
** the program once more. */
void app_settle_environment(char **argv);

/* app_new_state: luaL_newstate with an allocator for many small blocks; NULL
** when there is no memory. */
lua_State *app_new_state(void);

/* app_find_lua: appends to package.path the folder that holds
** saddle/init.lua, found from the place of the running binary. */
void app_find_lua(lua_State *L);

/* app_signals_install: Ctrl-C stops what runs in L: see signals.c. */
void app_signals_install(lua_State *L);
/* app_signals_run: a chunk starts or has ended. Outside chunks Ctrl-C only
** cancels the line being typed: app_signals_cancelled tells whether it was
** pressed there since last asked. */
void app_signals_run(bool running);
bool app_signals_cancelled(void);

/* app_repl: the prompt, until end of input. */
void app_repl(lua_State *L);

#endif
