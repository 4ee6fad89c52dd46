/* options.c: the command line. It is that of stock Lua 5.4, to which --seed,
** --threads, --version and --help are added; a long option's value follows it
** as the next word or after "=". This file only reads words; run.c executes
** -e, -l and -W later, in the order given.  MIT licence. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>

#include "app/app.h"
#include "base/base.h"

static const char options_text[] =
    "Options:\n"
    "  -e stat       execute string 'stat'\n"
    "  -i            enter interactive mode after executing 'script'\n"
    "  -l mod        require library 'mod' into global 'mod'\n"
    "  -l g=mod      require library 'mod' into global 'g'\n"
    "  -v            show version information\n"
    "  -E            ignore environment variables\n"
    "  -W            turn warnings on\n"
    "  --seed N      seed of the default generator and of math.random (0)\n"
    "  --threads N   threads for large operations (default: all processors)\n"
    "  --version     show the versions of Saddle and its libraries\n"
    "  --help        show this text\n"
    "  --            stop handling options\n"
    "  -             stop handling options and execute stdin\n";

static bool read_integer(const char *text, lua_Integer low, lua_Integer high,
                         lua_Integer *out) {
  char *end;
  errno = 0;
  long long value = strtoll(text, &end, 0);
  if (end == text || *end != '\0' || errno != 0 || value < low ||
      value > high) {
    return false;
  }
  *out = value;
  return true;
}

/* The value of `--name N` or `--name=N` at argv[*i], NULL when it is another
** option; *i moves to the last word used; a missing value is "". */
static const char *long_value(char **argv, int *i, const char *name) {
  size_t n = strlen(name);
  const char *word = argv[*i];
  if (strncmp(word, name, n) != 0) {
    return NULL;
  }
  if (word[n] == '=') {
    return word + n + 1;
  }
  if (word[n] != '\0') {
    return NULL;
  }
  if (argv[*i + 1] == NULL) {
    return "";
  }
  *i += 1;
  return argv[*i];
}

static bool long_option(app_options *o, char **argv, int *i) {
  const char *value;
  lua_Integer n;
  if (strcmp(argv[*i], "--help") == 0) {
    return o->help = true;
  }
  if (strcmp(argv[*i], "--version") == 0) {
    return o->about = true;
  }
  if ((value = long_value(argv, i, "--seed")) != NULL) {
    return read_integer(value, LLONG_MIN, LLONG_MAX, &o->seed);
  }
  if ((value = long_value(argv, i, "--threads")) != NULL &&
      read_integer(value, 1, 1024, &n)) {
    o->threads = (int)n;
    return true;
  }
  return false;
}

/* One word of a single dash; false when it is not understood. */
static bool short_option(app_options *o, char **argv, int *i) {
  const char *word = argv[*i];
  bool alone = word[2] == '\0';
  switch (word[1]) {
    case 'E':
      o->no_env = true;
      return alone;
    case 'W':
      return alone;
    case 'i':
      o->interactive = o->version = true;
      return alone;
    case 'v':
      o->version = true;
      return alone;
    case 'e':
      o->has_code = true; /* fall through */
    case 'l':
      if (alone) {
        *i += 1;
        return argv[*i] != NULL && argv[*i][0] != '-';
      }
      return true;
    default:
      return false;
  }
}

int app_options_read(app_options *o, int argc, char **argv) {
  memset(o, 0, sizeof *o);
  for (int i = 1; i < argc; i++) {
    const char *word = argv[i];
    int first = i;
    o->script = i;
    if (word[0] != '-' || word[1] == '\0') {
      return 0;
    }
    if (strcmp(word, "--") == 0) {
      o->script = i + 1;
      return 0;
    }
    if (!(word[1] == '-' ? long_option : short_option)(o, argv, &i)) {
      return first;
    }
  }
  o->script = argc;
  return 0;
}

/* `--seed x` as it was written, and which numbers are meant. */
static void complain_number(const char *name, char **word) {
  bool threads = strncmp(*word, "--threads", 9) == 0;
  bool apart = strchr(*word, '=') == NULL && word[1] != NULL;
  fprintf(stderr, "%s: '%s%s%s' needs a whole number%s\n", name, *word,
          apart ? " " : "", apart ? word[1] : "",
          threads ? " from 1 to 1024" : " of 64 bits");
}

void app_usage(char **word) {
  const char *name = app_name != NULL ? app_name : "saddle", *bad = *word;
  bool lacks = bad[1] == 'e' || bad[1] == 'l';
  bool number = strncmp(bad, "--seed", 6) == 0 ||
                strncmp(bad, "--threads", 9) == 0;
  fflush(stdout);
  if (number) {
    complain_number(name, word);
  } else if (lacks) {
    fprintf(stderr, "%s: '%s' needs argument\n", name, bad);
  } else {
    fprintf(stderr, "%s: unrecognized option '%s'\n", name, bad);
  }
  fprintf(stderr, "usage: %s [options] [script [args]]\n%s", name,
          options_text);
}

void app_help(void) {
  printf("Saddle %s: a laboratory for saddle points, curvature and noisy"
         " optimisation\nusage: %s [options] [script [args]]\n%s",
         sl_version(), app_name != NULL ? app_name : "saddle", options_text);
}

void app_banner(void) {
  printf("Saddle %s  %s\n", sl_version(), LUA_COPYRIGHT);
  fflush(stdout);
}

void app_about(void) {
  printf("Saddle %s\n%s\n%s, kernel %s\n", sl_version(), LUA_RELEASE,
         openblas_get_config(), openblas_get_corename());
}
