# Trains the demo's reference model from seeded initial weights:
#   make -f pipelines/reference.mk OUT=build/reference
# One thread, bf16 with fp32 master weights: about 20 minutes on one AVX512-BF16 core, 94.0 % of
# the 10,000 test images. The same machine type gives the same bytes again.
SHELL := /bin/bash
.SHELLFLAGS := -e -o pipefail -c
.DELETE_ON_ERROR:

OUT ?= build/reference
MODELS ?= $(dir $(lastword $(MAKEFILE_LIST)))../share/models
SEED ?= 1
EPOCHS ?= 14
LR ?= 0.1

all: $(OUT)/fashion-vgg.nt
	nt-eval --data $(MODELS)/fashion-mnist.json $<

$(OUT)/fashion-vgg.initial.nt: $(MODELS)/fashion-vgg.json
	mkdir -p $(OUT)
	nt-zoo $< --seed $(SEED) -o $@

$(OUT)/fashion-vgg.nt: $(OUT)/fashion-vgg.initial.nt
	nt-finetune $< --data $(MODELS)/fashion-mnist.json --epochs $(EPOCHS) \
		--optimizer sgd --lr $(LR) --momentum 0.9 --nesterov --weight-decay 5e-4 \
		--scheduler onecycle,max_lr=$(LR) --seed $(SEED) --precision bf16 --threads 1 \
		--eval-split test --eval-freq 2 --checkpoint $(OUT)/checkpoint.nt --resume -v \
		--report $(OUT)/fashion-vgg.report.json -o $@

.PHONY: all
