#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A network whose numbers are no longer finite is said to be such, with the layer where it begins.
load helpers
load onnx

setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
    small_data
    network 1e30 >bad.onnx # times 1e30 it is infinite, and the difference of infinities no number
    network 1e-30 >good.onnx
}

network()
{
    onnx <<N
input x N 1 8 8
const c1.weight 2 1 1 1 = $1
node Conv x c1.weight -> a
const c2.weight 2 2 1 1 = 1e30
node Conv a c2.weight -> b
node Relu b -> r
const c3.weight 10 2 1 1 = 1 -1
node Conv r c3.weight -> c
node Relu c -> d
node GlobalAveragePool d -> p
node Flatten p -> y
output y N 10
N
}

@test "nt-eval says how many outputs, and the first layer" {
    nt-eval bad.onnx --data idx:data --json --report r.json >/dev/null 2>err
    [ "$(cat err)" = "nt-eval: warning: bad.onnx: 400 of 400 outputs are not finite, first at layer 'c3' (NaN)" ]
    grep -q '"nonfinite_outputs": 400' r.json
    grep -q '"first_nonfinite_layer": "c3"' r.json
    NT_BACKEND=openblas nt-eval - --data idx:data <bad.onnx 2>err >/dev/null
    grep -q "standard input: 400 of 400 outputs are not finite, first at layer 'c3' (NaN)" err
    nt-eval -q bad.onnx --data idx:data 2>&1 | not grep finite
}

@test "nt-eval of a sound network says nothing, and names a reference that is not" {
    nt-eval good.onnx --data idx:data --json >out 2>err
    [ ! -s err ]
    grep -q '"nonfinite_outputs": 0' out
    not grep -q first_nonfinite_layer out
    nt-eval good.onnx --compare bad.onnx --data idx:data --json >out 2>err
    grep -q "warning: bad.onnx: 400 of 400" err
    grep -q '"reference_first_nonfinite_layer": "c3"' out
}

@test "nt-diff says it of either model" {
    nt-diff good.onnx bad.onnx --data idx:data --json >out 2>err
    [ "$(cat err)" = "nt-diff: warning: bad.onnx: 400 of 400 outputs are not finite, first at layer 'c3' (NaN)" ]
    grep -q '"nonfinite_outputs": 400' out
    grep -q '"first_nonfinite_layer": "c3"' out
    grep -q '"reference_nonfinite_outputs": 0' out
    nt-diff bad.onnx good.onnx --data idx:data --executed 2>&1 >/dev/null | grep -q "bad.onnx: 400 of 400"
}

@test "nt-finetune stops at the loss and names the layer" {
    echo old >out.nt
    for precision in fp32 auto; do
        refuses 1 "step 1: the loss is not finite, first at layer 'c3' (NaN)" \
            nt-finetune bad.onnx --data idx:data --steps 3 --precision $precision -o out.nt
    done
    [ "$(cat out.nt)" = old ]
}

@test "nt-finetune stops at a gradient that is not finite" {
    onnx >root.onnx <<N
input x N 1 8 8
const c1.weight 10 1 1 1 = 0
node Conv x c1.weight -> a
node Sqrt a -> r
const c2.weight 10 10 1 1 = 0.5
node Conv r c2.weight -> c
node GlobalAveragePool c -> p
node Flatten p -> y
output y N 10
N
    refuses 1 "step 1: the gradient is not finite, first at layer 'c1'" \
        nt-finetune root.onnx --data idx:data --steps 3 --precision fp32 -o out.nt
}

@test "nt-finetune says that an evaluation was not finite" {
    onnx >exp.onnx <<N
input x N 1 8 8
const c1.weight 10 1 1 1 = 0.1
node Conv x c1.weight -> a
node Exp a -> b
node GlobalAveragePool b -> p
node Flatten p -> y
output y N 10
N
    nt-finetune exp.onnx --data idx:data --steps 1 --lr 1000000 --eval-split test --precision fp32 \
        --report r.json -o out.nt >/dev/null 2>err
    grep -qE "^nt-finetune: warning: exp.onnx: [0-9]+ of 400 outputs are not finite, first at layer 'Exp_[0-9]+' \(infinity\)$" err
    grep -q '"nonfinite_outputs": [1-9]' r.json
    grep -q '"first_nonfinite_layer": "Exp_' r.json
    nt-finetune exp.onnx --data idx:data --steps 1 --lr 0.01 --eval-split test --report r.json -o out.nt 2>err
    [ ! -s err ]
    grep -q '"nonfinite_outputs": 0' r.json
}
