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
PKGS := libprotobuf-c libarchive libcjson nettle libjpeg libpng zlib
ALL_CFLAGS = -std=c11 -D_POSIX_C_SOURCE=200809L -Ilib -I$(B)/gen -MMD -MP -ffp-contract=off \
	$(WARN) $(OMP) $(SANFLAGS) $(shell pkg-config --cflags $(PKGS) openblas lapacke) \
	-DNT_VERSION='"$(VERSION)"' $(if $(NO_ONEDNN),-DNT_NO_ONEDNN) $(CFLAGS)
LIBS = $(shell pkg-config --libs $(PKGS) lapacke openblas) $(if $(NO_ONEDNN),,-ldnnl) -lgomp -lpthread -lm

# Layers from the bottom up: a file includes its own layer and those before it.
LAYERS := base archive graph kernel op data exec train compress export report search cli
LAYER_LIBS := $(foreach l,$(LAYERS),$(B)/libnt-$(l).a)
SKIP := $(if $(NO_ONEDNN),lib/kernel/dnn_%.c)
LIB_SRC := $(sort $(filter-out $(SKIP),$(foreach l,$(LAYERS),$(wildcard lib/$(l)/*.c))))
TOOL_SRC := $(sort $(wildcard tools/nt-*.c))
TOOLS := $(TOOL_SRC:tools/%.c=$(BIN)/%)
TEST_SRC := $(sort $(wildcard tests/unit/test_*.c))
TESTS := $(TEST_SRC:tests/unit/%.c=$(B)/unit/%)
# what the linker gets: the layers refer downwards only, the group is for the operator registry
LINK_LIBS = -Wl,--start-group $(LAYER_LIBS) -Wl,--end-group -Wl,--as-needed $(LIBS)

all: $(TOOLS)  ## build the tools into build/bin

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
$(B)/libnt-$(1).a: $(patsubst %.c,$(B)/%.o,$(sort $(filter-out $(SKIP),$(wildcard lib/$(1)/*.c)))) \
		$(if $(filter graph,$(1)),$(B)/gen/onnx.pb-c.o)
	@rm -f $$@
	@ar rcs $$@ $$^
endef
$(foreach l,$(LAYERS),$(eval $(call layer_rule,$(l))))

$(BIN)/%: $(B)/tools/%.o $(LAYER_LIBS)
	@mkdir -p $(@D)
	@$(if $(V),,echo "  LD $@")
	$(Q)$(CC) $(SANFLAGS) $(OMP) $(LDFLAGS) -o $@ $< $(LINK_LIBS)

# ---- tests
$(B)/unit/%: $(B)/tests/unit/%.o $(LAYER_LIBS)
	@mkdir -p $(@D)
	@$(if $(V),,echo "  LD $@")
	$(Q)$(CC) $(SANFLAGS) $(OMP) $(LDFLAGS) -o $@ $< $(LINK_LIBS) -lcmocka

unit: $(TESTS)  ## build and run the unit tests
	@fail=0; for t in $(TESTS); do $$t >$$t.log 2>&1 || { fail=1; echo "FAILED $$t"; \
		tail -n 30 $$t.log; }; done; exit $$fail

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

clean:  ## remove what was built
	rm -rf build build-clang build-san build-clang-san build-blas

.PHONY: all unit help clean
-include $(shell find $(B) -name '*.d' 2>/dev/null)
