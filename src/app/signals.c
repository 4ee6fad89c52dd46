/* signals.c: Ctrl-C. The first one sets the core's flag, which long C loops
** poll, and a debug hook, which stops pure Lua; under a driver that ends in
** good order by itself (core.system.guard) the hook lets it. A second Ctrl-C
** within a second raises at the next instruction whoever is in charge; a third
** ends the process, unless the others were served more than a second ago.
** MIT licence. */
#define _GNU_SOURCE
#include <signal.h>
#include <stddef.h>

#include "app/app.h"
#include "base/base.h"

static lua_State *state;
static volatile sig_atomic_t presses;
static volatile sig_atomic_t active; /* a chunk is running */
static volatile sig_atomic_t cancelled; /* Ctrl-C at the prompt */
static volatile double first_press;

/* The flag stands for a request nobody has served yet: a C loop that was
** stopped by it has cleared it (sl_raise), and one press raises once. */
static void stop_lua(lua_State *L, lua_Debug *ar) {
  (void)ar;
  bool pending = active && sl_interrupted();
  if (pending && presses < 2 && sl_guard() > 0) {
    return;
  }
  lua_sethook(L, NULL, 0, 0);
  if (pending) {
    sl_interrupt_clear();
    luaL_error(L, "interrupted!");
  }
}

static void on_interrupt(int number) {
  if (!active) {
    cancelled = 1;
    return;
  }
  double now = sl_clock();
  if (now - first_press > 1.0 && (presses < 2 || !sl_interrupted())) {
    presses = 0;
  }
  if (presses == 0) {
    first_press = now;
  }
  presses++;
  if (presses >= 3) {
    signal(number, SIG_DFL);
    raise(number);
    return;
  }
  sl_interrupt_set();
  int mask = LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT;
  lua_sethook(state, stop_lua, mask, 1);
}

void app_signals_install(lua_State *L) {
  struct sigaction action = {.sa_handler = on_interrupt};
  state = L;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, NULL);
}

bool app_signals_cancelled(void) {
  bool yes = cancelled != 0;
  cancelled = 0;
  return yes;
}

void app_signals_run(bool running) {
  active = 0;
  presses = 0;
  lua_sethook(state, NULL, 0, 0);
  sl_interrupt_clear();
  sl_guard_set(0);
  active = running;
}
