# The main job on real data: a trained network goes in, a smaller one that keeps its promise comes
# out.   make -f pipelines/demo.mk OUT=build/demo DELTA=1 STEPS=4
# Half of the test images choose, the other half judge: the network has seen neither.
# Four steps take some minutes; six go twice as far in twice the time.
SHELL := /bin/bash
.SHELLFLAGS := -e -o pipefail -c

OUT ?= build/demo
MODELS ?= $(dir $(lastword $(MAKEFILE_LIST)))../share/models
MODEL ?= $(MODELS)/fashion-vgg.nt
DATA ?= $(MODELS)/fashion-mnist-search.json
DELTA ?= 1
STEPS ?= 4

demo:
	mkdir -p $(OUT)
	nt-optimize --model $(MODEL) --data $(DATA) --delta $(DELTA) --steps $(STEPS) \
		--teacher-precision int8 --job-dir $(OUT)

.PHONY: demo
