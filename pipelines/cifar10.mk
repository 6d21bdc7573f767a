# References on CIFAR-10 (folders train/ and test/, one of each class, or the binary files):
#   make -f pipelines/cifar10.mk DATA=PATH vgg19 resnet18 OUT=build/cifar10
# VGG19 with batch normalisation (20.0 M parameters) and ResNet-18 (11.2 M), one cycle in bf16. A run
# that was stopped goes on from its checkpoint.
SHELL := /bin/bash
.SHELLFLAGS := -e -o pipefail -c
.DELETE_ON_ERROR:

DATA ?= /usr/share/datasets/cifar10
FORMAT ?= folder
OUT ?= build/cifar10
SEED ?= 1
EPOCHS ?= 30
LR ?= 0.1
THREADS ?= 1

SPEC := $(FORMAT):$(DATA),mean=0.4914:0.4822:0.4465,std=0.2470:0.2435:0.2616,crop=32,padding=4,flip=true,batch_size=128
NETWORKS := vgg19 resnet18

all: $(NETWORKS)

$(NETWORKS): %: $(OUT)/%.nt
	nt-eval --data '$(SPEC)' --threads $(THREADS) $<

$(OUT)/%.initial.nt:
	mkdir -p $(OUT)
	nt-zoo $* --seed $(SEED) -o $@

$(OUT)/%.nt: $(OUT)/%.initial.nt
	nt-finetune $< --data '$(SPEC)' --epochs $(EPOCHS) --optimizer sgd --lr $(LR) --momentum 0.9 \
		--nesterov --weight-decay 5e-4 --scheduler onecycle,max_lr=$(LR) --seed $(SEED) \
		--precision bf16 --threads $(THREADS) --checkpoint $(OUT)/$*.checkpoint.nt --resume -v \
		--report $(OUT)/$*.report.json -o $@

.PRECIOUS: $(OUT)/%.initial.nt
.PHONY: all $(NETWORKS)
