# Saddle's build. `make help` lists the targets; all products go to build/.
# Variables: MODE (release, debug, asan, memcheck), ARCH (native), B, PREFIX,
# V=1 shows whole commands.
MODE ?= release
ARCH ?= native
B := build/$(MODE)
PREFIX ?= /usr/local
Q := $(if $(V),,@)

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes \
  -Wmissing-prototypes -Wvla -Wformat=2 -Wdouble-promotion -Wconversion
OPT_release := -O3 -march=$(ARCH) -DNDEBUG
OPT_debug := -O0 -g3
OPT_asan := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined \
  -fno-sanitize-recover=undefined
OPT_memcheck := -O1 -g
# No fused or reordered arithmetic: results are the same bits for any
# thread count and vector width.
FLAGS := -std=gnu11 $(WARN) $(OPT_$(MODE)) -fPIC -fopenmp -ffp-contract=off \
  -fno-math-errno $(CFLAGS)
CPPFLAGS := -Isrc $(shell pkg-config --cflags lua5.4) -MMD -MP $(CPPFLAGS)
LDLIBS := -llapacke -lopenblas -lz -lm -ldl

objects = $(patsubst src/%.c,$(B)/obj/%.o,$(wildcard $(addprefix src/,$(addsuffix /*.c,$(1)))))
CORE := $(call objects,base kern tensor graph march num)
BIND := $(call objects,bind)
APP := $(call objects,app)
TESTS := $(patsubst tests/c/%.c,$(B)/test_%,$(wildcard tests/c/*.c))
TESTS := $(subst /test_test_,/test_,$(TESTS))
SADDLE := $(abspath $(B))/saddle
MODULE_ENV := LUA_PATH="lua/?.lua;lua/?/init.lua;;" \
  LUA_CPATH="$(abspath $(B))/module/?.so;;"

all: $(B)/saddle $(B)/module/saddle/core.so ## the host and the Lua module

$(B)/saddle: $(APP) $(BIND) $(CORE)
	@echo "  link $@"
	$(Q)$(CC) $(FLAGS) $(LDFLAGS) -o $@ $^ -llua5.4 -ledit $(LDLIBS)

# nodelete: Lua closes modules at exit, OpenMP threads may still be in ours.
$(B)/module/saddle/core.so: $(BIND) $(CORE)
	@mkdir -p $(@D) && echo "  link $@"
	$(Q)$(CC) $(FLAGS) $(LDFLAGS) -shared -Wl,-z,nodelete -o $@ $^ $(LDLIBS)

$(B)/libcore.a: $(CORE)
	@rm -f $@
	$(Q)ar rcs $@ $^

$(B)/test_%: tests/c/test_%.c $(B)/libcore.a
	@echo "  cc   $<"
	$(Q)$(CC) $(CPPFLAGS) -MF $@.d $(FLAGS) -o $@ $< $(B)/libcore.a -lcriterion $(LDLIBS)

$(B)/obj/%.o: src/%.c
	@mkdir -p $(@D) && echo "  cc   $<"
	$(Q)$(CC) $(CPPFLAGS) $(FLAGS) -c -o $@ $<

# Lets conditional expressions become blends; no value depends on it.
$(addprefix $(B)/obj/kern/,lanes.o powi.o softmax.o): FLAGS += -fno-trapping-math

objects: $(CORE) $(BIND) $(APP)

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' Makefile

test: all style packed suites ## C suites, Lua specs, examples, reproductions
	$(SADDLE) tests/lua/run.lua
	$(MODULE_ENV) lua5.4 tests/lua/run.lua module opt tensor methods inplace traced_methods
	$(SADDLE) scripts/examples.lua $(B)/examples
	$(SADDLE) scripts/reproduce.lua --quick --out $(B)/figures

tiny: all ## the quickest tests, for while you type
	$(SADDLE) tests/lua/run.lua opt progress tensor

tests: $(TESTS)

suites: $(TESTS)
	@bad=0; for t in $^; do echo "$${t##*/}:"; $$t || bad=1; done; exit $$bad

demo: all ## critical points of a real network, with a figure
	$(SADDLE) examples/critical_points.lua --out build/figures

debug: ## an unoptimised build with debug information
	$(MAKE) MODE=debug B=build/debug all

asan: ## all tests under the address and undefined-behaviour sanitizers
	$(MAKE) MODE=asan B=build/asan all tests
	sh scripts/sanitized build/asan

memcheck: need-valgrind ## a smoke run under valgrind
	$(MAKE) MODE=memcheck B=build/memcheck all
	OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive OPENBLAS_NUM_THREADS=1 OPENBLAS_THREAD_TIMEOUT=20 \
	  valgrind -q --error-exitcode=1 --leak-check=full \
	  --show-leak-kinds=definite --suppressions=scripts/valgrind.supp \
	  build/memcheck/saddle --threads 1 tests/lua/smoke.lua

packed: $(CORE) ## that the kernels are vector code
	$(if $(filter release,$(MODE)),lua5.4 scripts/packed.lua $(B)/obj,@echo "packed: skipped, $(MODE)")

style: ## layers and lint
	lua5.4 scripts/layers.lua
	lua5.4 scripts/lint.lua

check: style need-clang ## warnings as errors under gcc and clang, layers, style
	$(MAKE) B=build/check-gcc CC=gcc CFLAGS=-Werror objects
	$(MAKE) B=build/check-clang CC=clang CFLAGS=-Werror objects

need-%:
	@command -v $* >/dev/null || \
	  { echo "please install (Debian packages): $* $($*_needs)"; exit 1; }
clang_needs := libomp-dev

# Hand-written limits of the benchmark: not Saddle's code, so any arithmetic
# the compiler likes.
BENCH := limits limit_net limit_gemm limit_quad limit_sde
build/bench/limits: $(BENCH:%=tests/bench/%.c)
build/bench/kernels: tests/bench/kernels.c
build/bench/limits build/bench/kernels: tests/bench/protocol.c $(wildcard tests/bench/*.h)
	@mkdir -p $(@D) && echo "  cc   $@"
	$(Q)$(CC) -std=gnu11 $(WARN) -O3 -march=$(ARCH) -fopenmp -fno-math-errno \
	  -fno-trapping-math -o $@ $(filter %.c,$^) -lopenblas -lm

bench: all build/bench/limits ## times beside limits and peers; CASES="hessian sgd"
	CC="$(CC)" $(SADDLE) tests/bench/run.lua $(CASES)

bench-blas: build/bench/kernels ## is OpenBLAS's kernel for this processor the best?
	lua5.4 tests/bench/kernels.lua $<

docs: all ## regenerate the reference in docs/
	$(SADDLE) scripts/reference.lua docs/reference.md

figures: all ## regenerate the figures of the documentation
	for example in examples/*.lua; do $(SADDLE) $$example --out docs/figures || exit 1; done
	$(SADDLE) scripts/reproduce.lua --out docs/figures/noise --digest docs/reproductions.md

install: all ## into DESTDIR/PREFIX: host, Lua files, module for stock Lua
	install -d $(addprefix $(DESTDIR)$(PREFIX)/,bin share/saddle share/lua/5.4 lib/lua/5.4/saddle)
	install $(B)/saddle $(DESTDIR)$(PREFIX)/bin/saddle
	install -m 644 $(B)/module/saddle/core.so $(DESTDIR)$(PREFIX)/lib/lua/5.4/saddle/core.so
	rm -rf $(DESTDIR)$(PREFIX)/share/saddle/lua && cp -r lua $(DESTDIR)$(PREFIX)/share/saddle/lua
	ln -sfn ../../saddle/lua/saddle $(DESTDIR)$(PREFIX)/share/lua/5.4/saddle

clean: ## remove build/
	rm -rf build

-include $(wildcard $(B)/obj/*/*.d $(B)/*.d)
.PHONY: style packed all objects help test tiny tests suites demo debug asan memcheck check bench \
  bench-blas docs figures install clean
