# A network made smaller step by step, by hand. Each step is a target, and has those before it made:
#   make -f pipelines/steps.mk MODEL=net.onnx DATA=idx:data report
#   train     MODEL, trained on for EPOCHS; with 0, the default, as it is
#   prune     whole channels removed
#   finetune  trained again, the network of the first step as its teacher
#   quantize  integers
#   export    files for others, in OUT/export
#   report    the last beside the first, measured and evaluated
# In OUT lie the archive of each step, its command beside it, and a report: a step is made again
# where its command or what it is made of changed. Here are the variables with their defaults;
# ?= leaves those alone that the command line or the environment has.

MODEL ?= $(error MODEL is missing: an archive, an ONNX file or a name of "nt-zoo list")
DATA ?= $(error DATA is missing: a description of data, see nt-data(5))
OUT ?= steps
SPLIT ?= test
SEED ?= 0
THREADS ?= $(shell nproc)

EPOCHS ?= 0
TRAIN ?= --optimizer sgd --lr 0.1 --momentum 0.9 --nesterov --weight-decay 5e-4 --scheduler onecycle
SPARSITY ?= 0.5
PRUNE ?= --criterion l1 --scope global
TUNE_EPOCHS ?= 2
TUNE ?= --optimizer sgd --lr 0.05 --momentum 0.9 --nesterov --weight-decay 5e-4 --scheduler onecycle
BITS ?= 8
QUANTIZE ?= --method ptq
QUANTIZE_OF ?= finetune
FORMATS ?= onnx
NAME ?= model

SHELL := /bin/bash
.SHELLFLAGS := -e -o pipefail -c
MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.SECONDARY:

with_data = --data '$(DATA)' --seed $(SEED) --threads $(THREADS)

# ---- the commands
train = nt-import -q '$(MODEL)' $(if $(filter-out 0,$(EPOCHS)), \
  | nt-finetune -q $(with_data) --epochs $(EPOCHS) $(TRAIN)) -o $(OUT)/train.nt
prune = nt-prune -q -s $(SPARSITY) $(PRUNE) $(OUT)/train.nt | nt-shrink -q -o $(OUT)/prune.nt
finetune = nt-finetune -q $(with_data) --epochs $(TUNE_EPOCHS) $(TUNE) \
  --teacher $(OUT)/train.nt $(OUT)/prune.nt -o $(OUT)/finetune.nt
quantize = nt-quantize -q --bits $(BITS) $(QUANTIZE) $(with_data) \
  $(OUT)/$(QUANTIZE_OF).nt -o $(OUT)/quantize.nt
export = nt-export -q -f $(FORMATS) -d $(OUT)/export --name '$(NAME)' $(OUT)/quantize.nt
report = nt-profile --data '$(DATA)' --split $(SPLIT) --threads $(THREADS) \
  --report $(OUT)/report.json --compare $(OUT)/train.nt $(OUT)/quantize.nt

# ---- the steps, and what each is made of
train prune finetune quantize: %: $(OUT)/%.nt
export: $(OUT)/export.done
report: $(OUT)/report.txt
	@cat $<

$(OUT)/train.nt: $(wildcard $(MODEL))
$(OUT)/prune.nt: $(OUT)/train.nt
$(OUT)/finetune.nt: $(OUT)/prune.nt $(OUT)/train.nt
$(OUT)/quantize.nt: $(OUT)/$(QUANTIZE_OF).nt
$(OUT)/export.done: $(OUT)/quantize.nt
$(OUT)/report.txt: $(OUT)/quantize.nt $(OUT)/train.nt

$(OUT)/%.nt: $(OUT)/%.command
	$($*)
$(OUT)/%.done: $(OUT)/%.command
	$($*)
	touch $@
$(OUT)/%.txt: $(OUT)/%.command
	$($*) >$@

# A step's command as it is now, written only where it is another one than before.
$(OUT)/%.command: export COMMAND = $($*)
$(OUT)/%.command: FORCE
	@mkdir -p $(OUT)
	@cmp -s $@ - <<<"$$COMMAND" || cat >$@ <<<"$$COMMAND"

FORCE:
.PHONY: train prune finetune quantize export report FORCE
