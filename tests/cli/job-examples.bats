#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The configurations of Neutrino's manual, written as JSON, dry run on a small convolutional network.
load helpers

setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
    export NEUTRINO_HOME=$PWD/home
    small_data
    cat >net.json <<'J'
{"name": "net", "about": "layers as in the examples", "input": [1, 8, 8], "classes": 10, "layers": [
  {"conv": "model.block.0.conv1", "out": 8, "pad": 1}, {"bn": "model.block.0.bn1"}, "relu",
  {"conv": "model.block.0.conv2", "out": 8, "kernel": 1, "pad": 0}, "relu",
  {"conv": "model.block.1.conv1", "out": 8, "pad": 1}, {"bn": "model.block.1.bn1"}, "relu",
  {"conv": "model.block.1.conv2", "out": 8, "pad": 1}, "relu",
  {"conv": "c4", "out": 8, "pad": 1}, "relu", {"conv": "c5", "out": 8, "pad": 1}, "relu",
  {"conv": "c6", "out": 8, "pad": 1}, "relu", {"conv": "c7", "out": 8, "pad": 1}, "relu",
  {"conv": "c8", "out": 8, "pad": 1}, "relu", {"conv": "c9", "out": 8, "pad": 1}, "relu",
  {"conv": "c10", "out": 8, "pad": 1}, "relu",
  "global_average_pool", "flatten", {"linear": "fc", "out": "classes"}]}
J
    nt-zoo net.json -o ref.nt
}

# runs KEYS: a dry run in ./job, to its end
runs()
{
    echo "{\"model\": \"ref.nt\", \"data\": \"idx:data\", $1}" >job.json
    rm -rf job
    nt-optimize --threads 1 -q --dryrun --job-dir job job.json
    [ -s job/opt_model.nt ] && [ -s job/ref_model.nt ] && [ -s job/metrics.json ]
}

# bits LAYER: of its weights in the result, as its table of layers has them
bits()
{
    nt-profile --threads 1 --runs 1 --json --layers job/opt_model.nt | tr -d '\n' |
        grep -oE "\"name\": \"$1\",[^}]*\"bits\": [0-9]+" | grep -oE '[0-9]+$'
}

@test "running a job: all keys of the manual's config" {
    runs '"deepsearch": false, "bn_fusion": true, "delta": 1, "device": "CPU", "use_horovod": false,
          "level": 1, "export": {"format": ["onnx"], "kwargs": {"precision": "fp32"}}'
    for f in ref_modelfp32_dynamic_shape.onnx opt_modelfp32_dynamic_shape.onnx opt_model8x8fp32.onnx; do
        [ -s job/$f ] || { ls job; return 1; }
    done
    nt-profile --threads 1 --runs 1 --layers job/ref_model.nt | grep -q BatchNorm
    ! nt-profile --threads 1 --runs 1 --layers job/opt_model.nt | grep -q BatchNorm
}

@test "running a job: on a GPU, which this build has not" {
    echo '{"model": "ref.nt", "data": "idx:data", "device": "GPU"}' >job.json
    refuses 1 "device: this build has no GPU backend" nt-optimize --dryrun --job-dir job job.json
    [ ! -e job ]
}

@test "level 3 with deepsearch" {
    runs '"delta": 1, "level": 3, "deepsearch": true'
    grep -q '"level": 3' job/job.json && grep -q '"deepsearch": true' job/job.json
}

@test "latency" {
    runs '"optimization": "latency", "delta": 1'
}

@test "quantization by rules" {
    runs '"custom_compression": {"quantization_args": {"quantize_conv11": true, "skip_layers": [8, 9, 10],
          "skip_layers_ratio": 0.1}}'
    [ -s job/opt_modelint8_dynamic_shape.onnx ]
    [ "$(bits model.block.0.conv2)" = 2 ] # 1x1
    [ "$(bits c7)" = 2 ]
    [ "$(bits model.block.0.conv1)" = 32 ] # the first tenth of 12 layers
    [ "$(bits c8)" = 32 ] && [ "$(bits c10)" = 32 ] && [ "$(bits fc)" = 32 ]
}

@test "quantization layer by layer" {
    runs '"custom_compression": {"layers": {"model.block.0.conv1": {"precision": 2},
          "model.block.1.conv2": {"precision": 2}}}'
    [ "$(bits model.block.0.conv1)" = 2 ] && [ "$(bits model.block.1.conv2)" = 2 ]
    [ "$(bits model.block.0.conv2)" = 32 ] && [ "$(bits c4)" = 32 ]
}

@test "export to a folder, in two more resolutions" {
    runs '"export": {"format": ["onnx"], "kwargs": {"root_path": "out", "precision": "fp32",
          "resolutions": [[32, 32], [36, 36]]}}'
    for f in ref_modelfp32_dynamic_shape.onnx opt_modelfp32_dynamic_shape.onnx \
        opt_model32x32fp32.onnx opt_model36x36fp32.onnx; do
        [ -s out/$f ] || { ls out; return 1; }
    done
    nt-info out/opt_model36x36fp32.onnx | grep -q '36'
}

@test "export in fp16" {
    runs '"export": {"format": ["onnx"], "kwargs": {"precision": "fp16"}}'
    [ -s job/opt_modelfp16_dynamic_shape.onnx ] && [ -s job/opt_model8x8fp16.onnx ]
    [ -s job/ref_modelfp32_dynamic_shape.onnx ]
}

@test "a metric and a split of one's own" {
    printf '#!/bin/sh\necho "{\\"accuracy\\": 75.5, \\"loss\\": 1}"\n' >foo
    chmod +x foo
    runs "\"eval_func\": \"$PWD/foo\", \"eval_key\": \"accuracy\", \"eval_split\": \"test\", \"delta\": 1"
    grep -q '"eval_metric": 75.5' job/state.json
}
