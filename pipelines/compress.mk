# The pipeline of a compression job. The Makefile that includes this sets the variables: for each
# candidate STAGES, a pipe of the stages below, and its parent as first prerequisite. Every file
# appears whole or not at all.

SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
MAKEFLAGS += --no-builtin-rules
comma := ,
.DELETE_ON_ERROR:
.SECONDARY:

NT_IMPORT ?= nt-import
NT_PRUNE ?= nt-prune
NT_SHRINK ?= nt-shrink
NT_FUSE_BN ?= nt-fuse-bn
NT_QUANTIZE ?= nt-quantize
NT_FINETUNE ?= nt-finetune
NT_EVAL ?= nt-eval
NT_EXPORT ?= nt-export
NT_PROFILE ?= nt-profile
NT_REPORT ?= nt-report
NT_OPTIMIZE ?= nt-optimize
LAUNCHER ?=
THREADS ?=
COST_TIME ?=
PRECISION ?= fp32

ifdef DONE
all: results $(if $(wildcard metrics.json),report.html)
else
all:  # the search has not ended: go on with it
	$(NT_OPTIMIZE) --job-dir . job.json
endif

# What the reference says of the data, kept for all that ask for it. These are options of our own
# tools alone.
TAUGHT = $(if $(filter nt-finetune,$(notdir $(NT_FINETUNE))),--teacher-cache teacher.said)
OWN_EVAL = $(and $(filter nt-eval,$(notdir $(NT_EVAL))),$(filter-out --command,$(firstword $(EVAL))))
KNOWN_SEARCH = $(if $(OWN_EVAL),--compare-cache search.said)
KNOWN_JUDGE = $(if $(OWN_EVAL),--compare-cache judge.said)

# ---- the reference
ref_model.nt:
	$(LAUNCHER) $(NT_IMPORT) -q $(MODEL) -o $@

ref_model.json: ref_model.nt
	{ printf '{"profile": ' && $(LAUNCHER) $(NT_PROFILE) --json --layers $(THREADS) $< && \
	  printf ', "plan": ' && $(LAUNCHER) $(NT_PRUNE) -q --size 1 --save-plan - -o /dev/null $< && \
	  printf ', "eval": ' && $(LAUNCHER) $(NT_EVAL) --json $(EVAL) $(SEARCH) $(THREADS) \
	    $(subst --compare-cache,--cache,$(KNOWN_SEARCH)) $< && \
	  printf '}\n'; } >$@.part
	mv $@.part $@

# What layers take with fewer channels, on this machine or on that whose table was brought.
ref_model.costs.json: ref_model.nt
	$(if $(COST_TABLE),cp -- $(COST_TABLE) $@.part,\
	  $(LAUNCHER) $(NT_PROFILE) --cost-table --json $(COST_TIME) $(THREADS) $< >$@.part)
	mv $@.part $@

# A teacher that answers faster, and says much the same.
teacher.nt: ref_model.nt
	$(LAUNCHER) $(NT_QUANTIZE) -q --method ptq --bits 8 --data data.json $(THREADS) -o $@ $<

# ---- stages: $(call stage_NAME,INPUT,OPTIONS), a model to standard output or to -o
stage_prune = $(LAUNCHER) $(NT_PRUNE) -q $(2) $(1) | $(LAUNCHER) $(NT_SHRINK) -q
stage_cut = $(stage_prune)
stage_quantize = $(LAUNCHER) $(NT_QUANTIZE) -q --data data.json $(2) $(THREADS) $(1)
# statistics of normalisations found anew, nothing trained
stage_settle = $(LAUNCHER) $(NT_FINETUNE) -q --data data.json $(2) $(THREADS) $(1)
# with the reference as teacher
stage_train = $(LAUNCHER) $(NT_FINETUNE) -q $(TRAIN) $(2) $(THREADS) $(1)

# ---- candidates
PARENT = $(firstword $^)

candidates/%.nt:
	$(STAGES) -o $@

# The time is measured in turn with the reference's.
candidates/%.json: candidates/%.nt ref_model.nt
	{ printf '{"profile": ' && $(LAUNCHER) $(NT_PROFILE) --json --layers $(THREADS) \
	    --compare ref_model.nt $< && \
	  printf ', "plan": ' && $(LAUNCHER) $(NT_PRUNE) -q --size 1 --save-plan - -o /dev/null $< && \
	  printf ', "eval": ' && $(LAUNCHER) $(NT_EVAL) --json $(EVAL) $(SEARCH) $(THREADS) \
	    --compare ref_model.nt $(KNOWN_SEARCH) $< && \
	  printf '}\n'; } >$@.part
	mv $@.part $@

# The last word, on the split the user named.
%.judged.json: %.nt ref_model.nt
	$(LAUNCHER) $(NT_EVAL) --json $(EVAL) $(JUDGE) $(THREADS) --compare ref_model.nt \
	  $(KNOWN_JUDGE) $< >$@.part
	mv $@.part $@

# ---- results
FORMATS ?= onnx
TYPE ?= $(PRECISION)
exported_onnx = ref_modelfp32_dynamic_shape.onnx opt_model$(TYPE)_dynamic_shape.onnx
exported_jit = ref_model_jit.pt opt_model_jit.pt
exported_dlrt = opt_model.dlrt
exported_tflite = opt_model.tflite
exported_c = opt_model.c

results: opt_model.nt report $(foreach f,$(FORMATS),$(exported_$(f)))
	$(if $(ROOT_PATH),mkdir -p $(ROOT_PATH) && shopt -s nullglob && \
	  cp ref_model*.onnx opt_model*.onnx *_model*_jit.pt opt_model*.dlrt opt_model*.tflite \
	    opt_model*.[ch] $(ROOT_PATH))

opt_model.nt: $(if $(BEST),candidates/$(BEST).nt,ref_model.nt)
	$(LAUNCHER) $(if $(FUSE),$(NT_FUSE_BN),$(NT_IMPORT)) -q $< -o $@

report: opt_model.nt ref_model.nt
	$(LAUNCHER) $(NT_PROFILE) $(REPORT) $(THREADS) --report profile.json \
	  --compare ref_model.nt $< >$@.part
	mv $@.part $@

# metrics.json is nt-optimize's
report.html: metrics.json opt_model.nt
	$(LAUNCHER) $(NT_REPORT) -q . -o $@

# The one that leaves open what may be by its own name, whatever the model's weights are; those of
# fixed sizes beside it.
onnx = $(LAUNCHER) $(NT_EXPORT) -q -f onnx $(1) -d . --name $(basename $<) --fixed $(RESOLUTIONS) $<
open_onnx = $(LAUNCHER) $(NT_EXPORT) -q -f onnx $(1) --dynamic -o $@ $<

ref_modelfp32_dynamic_shape.onnx: ref_model.nt
	$(onnx)
	$(open_onnx)

opt_model$(TYPE)_dynamic_shape.onnx: opt_model.nt
	$(call onnx,--precision $(PRECISION))
	$(call open_onnx,--precision $(PRECISION))

ref_model_jit.pt: ref_model.nt
	$(LAUNCHER) $(NT_EXPORT) -q -f jit -d . --name ref_model $(RESOLUTIONS) $<

opt_model_jit.pt: opt_model.nt
	$(LAUNCHER) $(NT_EXPORT) -q -f jit -d . --name opt_model --precision $(PRECISION) $(RESOLUTIONS) $<

opt_model.tflite: opt_model.nt
	$(LAUNCHER) $(NT_EXPORT) -q -f tflite -d . --name opt_model --precision $(PRECISION) $(RESOLUTIONS) $<

opt_model.c: opt_model.nt
	$(LAUNCHER) $(NT_EXPORT) -q -f c -d . --name opt_model $(RESOLUTIONS) $<

opt_model.dlrt: opt_model.nt
	$(LAUNCHER) $(NT_EXPORT) -q -f dlrt -d . --name opt_model $(RESOLUTIONS) $<

# "clean all" with -j: one after the other
ifneq ($(filter clean,$(MAKECMDGOALS)),)
.NOTPARALLEL:
endif

clean:
	rm -f candidates/*.nt candidates/*.json ref_model.* teacher.nt opt_model.* *.onnx *_jit.pt *.dlrt *.tflite opt_model*.[ch] *.said \
	  report report.html profile.json

.PHONY: all results clean
