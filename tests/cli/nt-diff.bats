#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
load helpers

setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
    small_data
    nt-zoo resnet8 --input 1x8x8 -o a.nt
}

# number TEXT NAME: of a "name value" line
number()
{
    awk -v name="$2" '$1 == name { print $2 }' "$1"
}

@test "a model and itself do not part" {
    nt-diff a.nt a.nt --min-sqnr 200 >out
    not grep -q first_below out
    [ "$(number out top1_agreement)" = 100 ]
    [ "$(number out samples)" = 1 ]
    nt-diff a.nt a.nt --batch-size 3 --json | not grep -q '"equal": false'
    cat a.nt | nt-diff - a.nt | grep -q '^samples 1$'
}

@test "folded normalisations and channels that masks remove are seen through" {
    nt-finetune -q --data idx:data --steps 2 --lr 0.01 --threads 1 a.nt -o t.nt
    nt-fuse-bn -q t.nt -o fused.nt
    nt-diff t.nt fused.nt --data idx:data --min-sqnr 80 --json >out
    grep -q '"first": null' out
    grep -q '"not_compared": \[\]' out
    nt-prune -q -s 0.5 t.nt -o masked.nt
    nt-shrink -q masked.nt -o small.nt
    for pair in "masked.nt small.nt" "small.nt masked.nt"; do
        nt-diff $pair --data idx:data --min-sqnr 80 --json >out
        grep -q '"first": null' out
        grep -q '"not_compared": \[\]' out
    done
    nt-diff t.nt small.nt --json | grep -q '"why": "the shapes differ"'
}

@test "a quantized model shows steps, the first layer that parts, and misses what is asked" {
    nt-quantize -q --bits 4 --data idx:data a.nt -o q.nt
    nt-diff a.nt q.nt --data idx:data --limit 20 >out
    grep -qE 'Relu .* [0-9.]+/[0-9.]+$' out
    [ "$(number out samples)" = 20 ]
    [ "$(number out first_below_60_db)" = "$(awk 'NR == 2 { print $1 }' out)" ]
    nt-diff a.nt q.nt --data idx:data --min-sqnr 0 >out
    run nt-diff a.nt q.nt --data idx:data --min-sqnr 60
    [ "$status" -eq 3 ]
    [[ "$output" == *"nt-diff: 1 of 1 outputs is below 60 dB" ]]
    nt-diff a.nt q.nt --json --report r.json >out.json
    cmp out.json r.json
    for key in tensors max_abs mean_abs relative sqnr_db cosine max_steps mean_steps first \
        top1_agreement top1_confidence; do
        grep -q "\"$key\"" r.json
    done
}

@test "what is executed on codes is at most a step from what is simulated, layer by layer" {
    for net in resnet20 mobilenet_v2; do
        nt-zoo $net --input 1x8x8 | nt-quantize -q --bits 8 --data idx:data -o q.nt
        nt-diff q.nt q.nt --executed --max-steps 1 --data idx:data --limit 20 >out
        [ "$(grep -c QuantizeLinear out)" -gt 20 ]
        nt-export q.nt --dynamic -o q.onnx
        nt-diff q.nt q.onnx --max-steps 0 --data idx:data --limit 20 >out
        nt-diff q.nt q.onnx --executed --max-steps 1 --data idx:data --limit 20 >out
    done
    nt-zoo resnet20 --input 1x8x8 -o b.nt
    nt-quantize -q --bits 4 --data idx:data b.nt -o r.nt
    run nt-diff b.nt r.nt --max-steps 0.1 --data idx:data --limit 20
    [ "$status" -eq 3 ]
    [[ "$output" == *" quantized tensors are more than 0.1 steps off" ]]
    refuses 2 "max-steps" nt-diff a.nt a.nt --max-steps -1
}

@test "the same bytes come twice, and the seed decides random inputs" {
    nt-quantize -q --bits 4/32 a.nt -o q.nt
    nt-diff a.nt q.nt --threads 1 >one
    nt-diff a.nt q.nt --threads 1 --seed 0 >two
    cmp one two
    nt-diff a.nt q.nt --threads 1 --seed 1 >two
    not cmp -s one two
}

@test "a model that does not fit is one line that names it" {
    nt-zoo resnet8 --input 3x8x8 -o b.nt
    refuses 2 "b.nt: input 'input' is float32 [N,3,8,8], but the reference's" nt-diff a.nt b.nt
    refuses 2 "two models are wanted" nt-diff a.nt
    refuses 2 "two models are wanted" nt-diff a.nt a.nt a.nt
    refuses 2 "only one of the models can be standard input" nt-diff - -
    refuses 2 "min-sqnr" nt-diff a.nt a.nt --min-sqnr much
    refuses 1 "missing.nt" nt-diff a.nt missing.nt
    head -c 3000 a.nt >cut.nt
    refuses 1 "cut.nt" nt-diff cut.nt a.nt
    refuses 2 "split 'nowhere'" nt-diff a.nt a.nt --data idx:data --split nowhere
    run bash -c 'nt-diff a.nt a.nt >/dev/full'
    [ "$status" -eq 1 ]
}

@test "both kernel libraries find the same" {
    nt-quantize -q --bits 8 --data idx:data a.nt -o q.nt
    NT_BACKEND=openblas nt-diff a.nt q.nt --data idx:data --min-sqnr 20 >/dev/null
    nt-diff a.nt q.nt --data idx:data --min-sqnr 20 >/dev/null
}

@test "data and noise become the float16 that the inputs are of" {
    nt-export -q --precision fp16 --io fp16 a.nt -o half.onnx
    nt-diff half.onnx half.onnx --data idx:data --min-sqnr 200 >out
    [ "$(number out samples)" = 40 ]
    for given in "--data idx:data" ""; do
        nt-diff a.nt half.onnx $given --min-sqnr 40 # of 11 bits
        nt-diff half.onnx a.nt $given --min-sqnr 40
        run nt-diff a.nt half.onnx $given --min-sqnr 100
        [ "$status" -eq 3 ]
    done
}
