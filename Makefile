# nt: smaller and faster neural networks, from the shell.   make help lists the targets.
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
MAKEFLAGS += --no-builtin-rules

PREFIX ?= /usr/local
DESTDIR ?=
CC ?= cc
ifeq ($(origin CC),default)
CC := gcc
endif
VERSION := 0.1.0

# One build folder per compiler, sanitizer and set of backends, so that they do not overwrite each
# other. NO_ONEDNN=1 builds the portable kernels alone.
SUFFIX := $(if $(filter clang%,$(notdir $(CC))),-clang)$(if $(SAN),-san)$(if $(NO_ONEDNN),-blas)
B ?= build$(SUFFIX)
BIN := $(B)/bin
Q := $(if $(V),,@)

CFLAGS ?= -O2 -g
WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith
OMP := $(if $(filter clang%,$(notdir $(CC))),-fopenmp=libgomp -Wno-unknown-pragmas,-fopenmp)
comma := ,
SANFLAGS := $(if $(SAN),-fsanitize=address$(comma)undefined -fno-sanitize-recover=undefined \
	-fno-omit-frame-pointer -DNT_SAN=1)
PKGS := libprotobuf-c libarchive libcjson nettle libjpeg libpng libtiff-4 libwebp libwebpdemux libxml-2.0 zlib
# Asked for once, and only when something is compiled: `make deps` must run without pkg-config.
PKG_CFLAGS = $(eval PKG_CFLAGS := $$(shell pkg-config --cflags $(PKGS) openblas lapacke))$(PKG_CFLAGS)
PKG_LIBS = $(eval PKG_LIBS := $$(shell pkg-config --libs $(PKGS) lapacke openblas))$(PKG_LIBS)
ALL_CFLAGS = -std=c11 -D_POSIX_C_SOURCE=200809L -Ilib -I$(B)/gen -MMD -MP -ffp-contract=off \
	$(WARN) $(OMP) $(SANFLAGS) $(PKG_CFLAGS) \
	-DNT_VERSION='"$(VERSION)"' $(if $(NO_ONEDNN),-DNT_NO_ONEDNN) $(CFLAGS)
LIBS = $(PKG_LIBS) $(if $(NO_ONEDNN),,-ldnnl) -lgomp -lpthread -lm

# Layers from the bottom up: a file includes its own layer and those before it.
LAYERS := base archive graph kernel facet lower couple op data exec train prune lowrank quant export \
	measure report search cli
RT_LIB := $(B)/libnt-rt.a
LAYER_LIBS := $(foreach l,$(LAYERS),$(B)/libnt-$(l).a)
SKIP := $(if $(NO_ONEDNN),lib/kernel/onednn/%.c)
# a layer's sources: its own files, and those of its rooms
layer_src = $(sort $(filter-out $(SKIP),$(wildcard lib/$(1)/*.c lib/$(1)/*/*.c)))
TOOL_SRC := $(sort $(wildcard tools/nt-*.c))
TOOLS := $(TOOL_SRC:tools/%.c=$(BIN)/%)
TEST_SRC := $(sort $(wildcard tests/unit/test_*.c))
TESTS := $(TEST_SRC:tests/unit/%.c=$(B)/unit/%)
# what the linker gets: the layers refer downwards only, the group is for the operator registry
LINK_LIBS = -Wl,--start-group $(LAYER_LIBS) $(RT_LIB) -Wl,--end-group -Wl,--as-needed $(LIBS)

all: $(TOOLS) $(B)/libnt-rt.a  ## build the tools into build/bin

# ---- ONNX's protocol buffers, from the distribution's onnx.proto
ONNX_PROTO ?= /usr/include/onnx/onnx.proto
$(B)/gen/onnx.pb-c.c: $(ONNX_PROTO)
	@mkdir -p $(@D)
	protoc-c --proto_path=$(dir $(ONNX_PROTO)) --c_out=$(@D) onnx.proto
$(B)/gen/onnx.pb-c.h: $(B)/gen/onnx.pb-c.c ;
$(B)/gen/%.o: $(B)/gen/%.c
	$(Q)$(CC) -std=c11 $(SANFLAGS) $(CFLAGS) -w -c -o $@ $<

$(B)/%.o: %.c
	@mkdir -p $(@D)
	@$(if $(V),,echo "  CC $<")
	$(Q)$(CC) $(ALL_CFLAGS) $(CPPFLAGS) -c -o $@ $<
$(patsubst %.c,$(B)/%.o,$(wildcard lib/graph/onnx_*.c)): $(B)/gen/onnx.pb-c.h

define layer_rule
$(B)/libnt-$(1).a: $(patsubst %.c,$(B)/%.o,$(call layer_src,$(1))) \
		$(if $(filter graph,$(1)),$(B)/gen/onnx.pb-c.o)
	@rm -f $$@
	@ar qcs $$@ $$^
endef
$(foreach l,$(LAYERS),$(eval $(call layer_rule,$(l))))

# Static patterns name the objects: what is only passed through between a source and a program may
# be missing, and make would not see a new source that is older than the program.
$(TOOLS): $(BIN)/%: $(B)/tools/%.o $(LAYER_LIBS) $(RT_LIB)
	@mkdir -p $(@D)
	@$(if $(V),,echo "  LD $@")
	$(Q)$(CC) $(SANFLAGS) $(OMP) $(LDFLAGS) -o $@ $< $(LINK_LIBS)

# ---- the runtime for .dlrt files: C99, the C library, and each set of kernels with its own flags.
# RT_CC and RT_ARCH build it for another machine, in a folder of its own:
#   make rt RT_CC=aarch64-linux-gnu-gcc RT_ARCH=aarch64
RT_CC ?= $(CC)
RT_ARCH ?= $(shell uname -m)
RT := $(B)$(if $(filter $(RT_ARCH),$(shell uname -m)),,/$(RT_ARCH))
RT_CFLAGS = -std=c99 -pedantic -D_POSIX_C_SOURCE=200809L -Ilib -MMD -MP -ffp-contract=off \
	$(WARN) $(SANFLAGS) $(CFLAGS)
RT_KERN := portable $(if $(filter x86_64,$(RT_ARCH)),avx2 avx512) \
	$(if $(filter aarch64,$(RT_ARCH)),neon neon_dot)
RT_SRC := $(filter-out lib/rt/kern_%.c,$(sort $(wildcard lib/rt/*.c))) \
	$(RT_KERN:%=lib/rt/kern_%.c)
rt_portable := -O2 -ftree-vectorize
rt_steps := -O3
rt_avx2 := -O3 -mavx2 -mfma
rt_avx512 := -O3 -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vnni -mavx512vpopcntdq
rt_neon := -O3
rt_neon_dot := -O3 -march=armv8.2-a+dotprod

$(RT)/lib/rt/%.o: lib/rt/%.c
	@mkdir -p $(@D)
	@$(if $(V),,echo "  CC $<")
	$(Q)$(RT_CC) $(RT_CFLAGS) $(rt_$(patsubst kern_%,%,$(*F))) $(CPPFLAGS) -c -o $@ $<
$(RT)/libnt-rt.a: $(RT_SRC:%.c=$(RT)/%.o)
	@rm -f $@
	@ar rcs $@ $^
$(RT)/rt/%.o: tests/rt/%.c
	@mkdir -p $(@D)
	$(Q)$(RT_CC) $(RT_CFLAGS) $(CPPFLAGS) -c -o $@ $<
$(RT)/rt/fuzz_dlrt.o: tests/fuzz/fuzz_dlrt.c
	@mkdir -p $(@D)
	$(Q)$(RT_CC) $(RT_CFLAGS) -DNT_FUZZ_MAIN $(CPPFLAGS) -c -o $@ $<
RT_TESTS := $(addprefix $(RT)/rt/,test_rt example fuzz_dlrt bench)
$(RT_TESTS): $(RT)/rt/%: $(RT)/rt/%.o $(RT)/rt/make.o $(RT)/libnt-rt.a
	$(Q)$(RT_CC) $(SANFLAGS) $(LDFLAGS) -o $@ $^ -lm -lpthread

fuzz: ## build the fuzz target, with clang and libFuzzer, as build-fuzz/fuzz_dlrt
	@mkdir -p build-fuzz
	clang -g -O1 -std=c99 -D_POSIX_C_SOURCE=200809L -Ilib -fsanitize=fuzzer,address,undefined \
		-DNT_RT_PORTABLE_ONLY -o build-fuzz/fuzz_dlrt tests/fuzz/fuzz_dlrt.c tests/rt/make.c \
		$(filter-out lib/rt/kern_avx% lib/rt/kern_neon%,$(wildcard lib/rt/*.c)) -lm -lpthread

rt: $(RT)/libnt-rt.a $(RT_TESTS)  ## build the runtime for .dlrt files and its test

# ---- tests
$(TESTS): $(B)/unit/%: $(B)/tests/unit/%.o $(LAYER_LIBS) $(RT_LIB)
	@mkdir -p $(@D)
	@$(if $(V),,echo "  LD $@")
	$(Q)$(CC) $(SANFLAGS) $(OMP) $(LDFLAGS) -o $@ $< $(LINK_LIBS) -lcmocka

BENCHES := $(patsubst tests/%.c,$(B)/%,$(sort $(wildcard tests/bench/*.c)))
$(BENCHES): $(B)/bench/%: $(B)/tests/bench/%.o $(LAYER_LIBS) $(RT_LIB)
	@mkdir -p $(@D)
	@$(if $(V),,echo "  LD $@")
	$(Q)$(CC) $(SANFLAGS) $(OMP) $(LDFLAGS) -o $@ $< $(LINK_LIBS)

# What tests are told: where the tools are, and how headers are compiled.
TEST_ENV = NT_BIN='$(abspath $(BIN))' NT_RT='$(abspath $(RT))' NT_CC='$(CC)' NT_CFLAGS='$(subst ','\'',$(ALL_CFLAGS))' \
	OMP_WAIT_POLICY=passive $(if $(SAN),NT_SAN=1 \
	ASAN_OPTIONS=allocator_may_return_null=1:detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1 \
	$(if $(wildcard tests/lsan.supp),LSAN_OPTIONS=suppressions=$(abspath tests/lsan.supp):print_suppressions=0))
# The sanitizers have nothing to say of what is only read: layers, circles and headers, manuals and the
# README. Whole jobs take them minutes; those of nt-optimize.bats are enough for what runs in all of them.
NOT_SAN := $(patsubst %,tests/cli/%.bats,cache job-commands job-examples job-keys job-refused man readme \
	resume steps)
SUITES := $(filter-out $(if $(SAN),$(NOT_SAN)),$(sort $(wildcard tests/cli/*.bats))) \
	$(addprefix tests/suites/,$(if $(SAN),,layers circles headers) golden rt)
JOBS ?= $(shell nproc)
# a make of our own, on all processors unless the user said how many
SUBMAKE = $(MAKE) --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j$(JOBS))

deps:  ## install the Debian packages that are missing
	@share/deps/install share/deps/debian.txt

check:  ## install what is missing, build, run all tests (SAN=1: sanitizers, CC=clang)
	@$(MAKE) --no-print-directory deps
	@$(SUBMAKE) all tests
	@$(MAKE) --no-print-directory check-built

check-built:
	@$(TEST_ENV) JOBS=$(JOBS) tests/run $(B)/check $(SUITES) $(TESTS)

tests: $(TESTS) $(RT_TESTS)  ## build the unit tests

unit: $(TESTS)  ## build and run the unit tests alone
	@$(TEST_ENV) JOBS=$(JOBS) tests/run $(B)/check-unit $(TESTS)

layers:  ## does each file include only what its layer may?
	@tests/run $(B)/check-layers tests/suites/layers

circles: $(LAYER_LIBS) $(RT_LIB)  ## do files of one layer call each other in a circle?
	@$(TEST_ENV) tests/run $(B)/check-circles tests/suites/circles

headers: $(B)/gen/onnx.pb-c.h  ## does each header compile alone?
	@$(TEST_ENV) tests/run $(B)/check-headers tests/suites/headers

golden: $(TOOLS)  ## write tests/golden anew from what the tools say now
	@NT_BIN='$(abspath $(BIN))' tests/suites/golden --write && git --no-pager diff --stat tests/golden

man-lists: $(TOOLS)  ## write the lists of options of the manual pages anew from the tools
	@set -e; for t in $(TOOLS); do p=share/man/man1/$${t##*/}.1; \
		$$t --dump-man | share/man/fill - $$p >$(B)/man-list; cmp -s $(B)/man-list $$p || cp $(B)/man-list $$p; \
	done; git --no-pager diff --stat share/man

check-debian13:  ## make check in a Debian 13 (NT_DEBIAN13_ROOT=DIR: in this one)
	@tests/debian13 $(B)/debian13

bench: all $(B)/bench/loader  ## time nt beside ONNX Runtime and PyTorch
	@NT_BIN='$(abspath $(BIN))' tests/bench/run

# ---- pipelines
demo:  ## install what is missing, build, and make a small network of a trained one
	@$(MAKE) --no-print-directory deps
	@$(SUBMAKE) all
	@PATH='$(abspath $(BIN))':$$PATH $(MAKE) --no-print-directory -f pipelines/demo.mk OUT='$(B)/demo'

reference: all  ## train the demo's reference model again
	@PATH='$(abspath $(BIN))':$$PATH $(MAKE) --no-print-directory -f pipelines/reference.mk \
		OUT='$(B)/reference'

# ---- installation
DATA := $(sort $(wildcard share/zoo/* share/models/* pipelines/*))
MAN := $(sort $(wildcard share/man/man*/*))
install: all  ## into PREFIX (/usr/local), below DESTDIR
	install -d '$(DESTDIR)$(PREFIX)/bin'
	install -m 755 $(TOOLS) '$(DESTDIR)$(PREFIX)/bin'
	install -D -m 644 $(B)/libnt-rt.a '$(DESTDIR)$(PREFIX)/lib/libnt-rt.a'
	install -D -m 644 lib/rt/nt_rt.h '$(DESTDIR)$(PREFIX)/include/nt_rt.h'
	@set -e; for f in $(DATA); do \
		install -D -m 644 $$f "$(DESTDIR)$(PREFIX)/share/nt/$${f#share/}"; done
	@set -e; for f in $(MAN); do \
		install -D -m 644 $$f "$(DESTDIR)$(PREFIX)/$$f"; done
	@set -e; d='$(DESTDIR)$(PREFIX)/share/bash-completion/completions'; \
	install -D -m 644 share/completions/nt.bash "$$d/nt"; \
	for t in $(notdir $(TOOLS)); do ln -sf nt "$$d/$$t"; done

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

clean:  ## remove what was built
	rm -rf build build-*

.PHONY: all rt fuzz deps check check-built tests unit layers circles headers golden man-lists \
	check-debian13 bench demo \
	reference install help clean
-include $(shell find $(B) -path $(B)/debian13 -prune -o -type f -name '*.d' -print 2>/dev/null)
