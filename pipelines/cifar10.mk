# References on CIFAR-10 (folders train/ and test/, one of each class, or the binary files), and
# what nt makes of them:
#   make -f pipelines/cifar10.mk DATA=PATH OUT=build/cifar10 vgg19 resnet18
#   make -f pipelines/cifar10.mk DATA=PATH OUT=build/cifar10 vgg19.compression resnet18.latency
# A reference is trained by one cycle in bf16: VGG19 with batch normalisation (20.0 M parameters),
# ResNet-18 (11.2 M), MobileNetV2 (2.2 M) or another name of nt-zoo. NAME.compression, .latency,
# .quantization and .both (the first and the last under one delta) are jobs of nt-optimize that
# keep accuracy within DELTA points; one half of the test images chooses, the other half judges.
# What was stopped goes on where it was. An epoch of VGG19 takes 210 s of a quiet Zen 5 core, of
# ResNet-18 360 s; 15 epochs of VGG19 end at 87.9 % of the JPEG pictures, so it has 30.
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
DELTA ?= 1
STEPS ?= 6
SHORT ?= 2
LONG ?= 12
VIEWS ?= 4

NETWORKS := vgg19 resnet18 mobilenet_v2 resnet20
JOBS := compression latency quantization both

all: vgg19 resnet18

# ---- data
NORMAL := {"normalize": {"mean": [0.4914, 0.4822, 0.4465], "std": [0.247, 0.2435, 0.2616]}}
define DESCRIPTION
{
  "format": "$(FORMAT)",
  "path": "$(abspath $(DATA))",
  "batch_size": 128,
  "splits": {
    "train": {"shuffle": true, "transforms": [
      {"random_crop": {"size": 32, "padding": 4}}, "random_horizontal_flip",
      $(NORMAL)]},
    "test": {"transforms": [$(NORMAL)]},
    "search": {"from": "test", "random": 0.5, "seed": 1}
  }
}
endef

$(OUT)/data.json:
	mkdir -p $(OUT)
	$(file >$@,$(DESCRIPTION))

# ---- references
$(NETWORKS): %: $(OUT)/%.nt
	nt-eval --data $(OUT)/data.json --threads $(THREADS) $<

$(OUT)/%.initial.nt: | $(OUT)/data.json
	nt-zoo $* --seed $(SEED) -o $@

$(OUT)/%.nt: | $(OUT)/%.initial.nt $(OUT)/data.json
	nt-finetune $(OUT)/$*.initial.nt --data $(OUT)/data.json --epochs $(EPOCHS) --optimizer sgd \
		--lr $(LR) --momentum 0.9 --nesterov --weight-decay 5e-4 \
		--scheduler onecycle,max_lr=$(LR) --seed $(SEED) --precision bf16 --threads $(THREADS) \
		--checkpoint $(OUT)/$*.checkpoint.nt --resume -v --report $(OUT)/$*.report.json -o $@

# ---- jobs
what_both := "compression", "quantization"
define JOB
{
  "model": "$*.nt",
  "data": "data.json",
  "optimization": [$(or $(what_$(1)),"$(1)")],
  "delta": $(DELTA),
  "teacher_precision": "int8",
  "fine_tuner": {"loop_params": {"epochs": $(SHORT), "teacher_views": $(VIEWS)}},
  "full_trainer": {"epochs": $(LONG), "teacher_views": $(VIEWS)},
  "budget": {"steps": $(STEPS)}
}
endef

define job_rules
$(NETWORKS:%=%.$(1)): %.$(1): $(OUT)/%.$(1)/metrics.json
	cat $(OUT)/$$*.$(1)/report

$(OUT)/%.$(1).json: $(OUT)/%.nt
	$$(file >$$@,$$(call JOB,$(1)))

$(OUT)/%.$(1)/metrics.json: $(OUT)/%.$(1).json
	nt-optimize $$< --job-dir $$(@D) --cache $(OUT)/cache --threads $(THREADS)
endef
$(foreach j,$(JOBS),$(eval $(call job_rules,$(j))))

.PRECIOUS: $(OUT)/%.nt $(OUT)/%.initial.nt $(foreach j,$(JOBS),$(OUT)/%.$(j).json)
.PHONY: all $(NETWORKS) $(foreach j,$(JOBS),$(NETWORKS:%=%.$(j)))
