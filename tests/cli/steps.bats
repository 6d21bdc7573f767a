#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# pipelines/steps.mk: one step after the other, by hand.
load helpers

setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
    unset MAKEFLAGS MAKELEVEL
    small_data
    nt-zoo mlp --input 1x8x8 -o net.nt
}

steps()
{
    make -s -f "$NT_ROOT/pipelines/steps.mk" MODEL=net.nt DATA=idx:data THREADS=1 EPOCHS=6 \
        'TRAIN=--lr 0.05 --momentum 0.9' TUNE_EPOCHS=1 'TUNE=--lr 0.01' "$@"
}

@test "each step has those before it made, and the report tells what they came to" {
    steps quantize
    [ "$(cd steps && ls ./*.nt)" = "$(printf './%s.nt\n' finetune prune quantize train)" ]
    [ "$(wc -c <steps/prune.nt)" -lt "$(wc -c <steps/train.nt)" ]
    steps report | grep -q '^Total Parameters'
    [ -s steps/report.json ]
    steps export FORMATS=onnx,dlrt
    [ -s steps/export/model.dlrt ] && ls steps/export/*.onnx
    nt-info --verify steps/quantize.nt
    grep -q -- '--teacher steps/train.nt steps/prune.nt' steps/finetune.command
}

@test "a step is made again where its command changed, and only then" {
    steps finetune
    touch -r steps/train.nt time
    cp -p steps/*.nt .
    steps finetune
    [ ! steps/finetune.nt -nt finetune.nt ]
    steps finetune SPARSITY=0.25
    [ ! steps/train.nt -nt time ] && [ steps/prune.nt -nt prune.nt ] && [ steps/finetune.nt -nt prune.nt ]
    not cmp -s steps/prune.nt prune.nt
    steps finetune
    cmp steps/finetune.nt finetune.nt
    touch net.nt
    steps -q finetune && return 1
    steps train
    [ steps/train.nt -nt time ]
}

@test "a trained network as it is, quantized at once" {
    steps quantize EPOCHS=0 QUANTIZE_OF=train OUT=out
    [ "$(cd out && ls ./*.nt)" = "$(printf './%s.nt\n' quantize train)" ]
    nt-diff net.nt out/train.nt --data idx:data >/dev/null
}

@test "what is missing is said, and a step that fails leaves nothing" {
    run make -s -f "$NT_ROOT/pipelines/steps.mk" train
    [ "$status" -eq 2 ] && [[ "$output" == *"MODEL is missing"* ]]
    run make -s -f "$NT_ROOT/pipelines/steps.mk" MODEL=net.nt EPOCHS=1 train
    [ "$status" -eq 2 ] && [[ "$output" == *"DATA is missing"* ]]
    run steps prune SPARSITY=2
    [ "$status" -eq 2 ] && [ ! -e steps/prune.nt ] && [ -s steps/train.nt ]
}
