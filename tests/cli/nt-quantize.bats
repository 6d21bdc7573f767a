#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
load helpers

setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
    small_data
    nt-zoo mlp --input 1x8x8 -o a.nt
}

loss()
{
    nt-eval "$1" --data idx:data --metric loss | awk '$1 == "loss" { print $2 }'
}

@test "8 bits of everything change the loss little, and the same bytes come twice" {
    nt-quantize --data idx:data a.nt -o q.nt
    nt-quantize --data idx:data a.nt -o again.nt
    cmp q.nt again.nt
    awk -v a="$(loss a.nt)" -v q="$(loss q.nt)" 'BEGIN { exit !(a - q < 0.01 && q - a < 0.01) }'
    nt-info --layers q.nt | grep -q DequantizeLinear
    tar xOf q.nt quant.json | grep -q '"scheme": "per_channel_symmetric"'
}

@test "weights alone need no data, activations do" {
    nt-quantize --bits 4/32 a.nt -o q.nt
    nt-info --layers q.nt | not grep -q '[^e]QuantizeLinear'
    refuses 2 "there are none" nt-quantize a.nt -o r.nt
    [ ! -e r.nt ]
}

@test "rounding is learned from data, the same each time, and scales stay" {
    nt-quantize --bits 3/8 --data idx:data a.nt -o q.nt
    for m in adaround gptq; do
        nt-quantize --bits 3/8 --method $m --data idx:data a.nt -o $m.nt
        nt-quantize --bits 3/8 --method $m --data idx:data a.nt -o again.nt
        cmp $m.nt again.nt
        not cmp -s $m.nt q.nt
        cmp <(tar xOf q.nt quant.json | grep -v method) \
            <(tar xOf $m.nt quant.json | grep -v method)
    done
    refuses 2 "there are none" nt-quantize --bits 4/32 --method gptq a.nt -o r.nt
}

@test "blocks are learned from data, the same each time, with the scales of activations" {
    nt-quantize --bits 3/4 --method brecq --steps 50 --data idx:data a.nt -o q.nt
    nt-quantize --bits 3/4 --method brecq --steps 50 --data idx:data a.nt -o again.nt
    cmp q.nt again.nt
    tar xOf q.nt quant.json | grep -q '"method": "brecq"'
    nt-quantize --bits 3/4 --data idx:data a.nt -o p.nt
    diff <(tar xOf p.nt quant.json) <(tar xOf q.nt quant.json) | grep -q '^> *"max"'
    refuses 2 "there are none" nt-quantize --bits 4/32 --method brecq a.nt -o r.nt
    refuses 2 "belongs to --method brecq" nt-quantize --steps 5 --data idx:data a.nt -o r.nt
    refuses 2 "steps" nt-quantize --method brecq --steps 0 --data idx:data a.nt -o r.nt
}

@test "blocks are learned with normalisations folded, and with those that stay" {
    nt-zoo resnet8 --input 1x8x8 -o net.nt
    for how in "" --keep-bn; do
        nt-quantize -q --bits 3/8 --method brecq --steps 20 $how --data idx:data net.nt -o q.nt
        nt-quantize -q --bits 3/8 $how --data idx:data net.nt -o nearest.nt
        not cmp -s <(members q.nt) <(members nearest.nt)
        nt-info --layers q.nt >layers
        if [ "$how" ]; then grep -q BatchNorm layers; else not grep -q BatchNorm layers; fi
        nt-eval q.nt --data idx:data >/dev/null
    done
}

@test "a config_list gives layers their bits" {
    cat >c.json <<'J'
[{"quant_types": ["weight"], "quant_bits": 8, "op_names": ["fc1"]},
 {"quant_types": ["weight"], "quant_bits": 4, "quant_start_step": 0, "op_names": ["fc2"]},
 {"quant_types": ["weight", "output"], "quant_bits": {"weight": 2, "output": 8},
  "op_names": ["fc3"]}]
J
    nt-quantize --config c.json --data idx:data a.nt --save-plan p.json -o q.nt
    grep -A3 '"fc2"' p.json | grep -q '"weight": 4'
    nt-quantize --plan p.json --data idx:data a.nt -o r.nt
    nt-run q.nt --random -o out --threads 1
    nt-run r.nt --random --threads 1 --expect out/output.npy --atol 0 --rtol 0
}

# members FILE: what a quantized archive holds, but for how it came to be
members()
{
    tar xOf "$1" model.onnx quant.json
}

@test "a saved plan gives the same bytes again" {
    nt-zoo resnet8 --input 1x8x8 -o r.nt
    echo '[{"quant_types": ["weight", "input"], "quant_bits": {"weight": 5, "input": 8},
            "quant_dtype": {"input": "int"}, "quant_scheme": {"weight": "per_tensor_symmetric",
            "input": "per_tensor_symmetric"}, "op_types": ["Conv"]},
           {"quant_types": ["output"], "quant_bits": 6, "op_types": ["ReLU"]}]' >c.json
    echo '{"custom_compression": {"quantization_args": {"skip_layers": [0]}}}' >n.json
    for how in "--bits 4/6" "--bits 8" "--bits 2/8 --keep-ends" "--bits 4/32" "--config c.json" \
        "--config n.json"; do
        nt-quantize -q $how --data idx:data r.nt --save-plan p.json -o one.nt
        nt-quantize -q --plan p.json --data idx:data r.nt --save-plan again.json -o two.nt
        cmp p.json again.json
        cmp <(members one.nt) <(members two.nt)
    done
}

@test "a plan may give the range of an activation" {
    echo '[{"layer": "fc1", "bits": {"weight": 8, "input": 8}, "range": {"input": [0, 2.55]}}]' >p.json
    nt-quantize -q --plan p.json --save-plan again.json a.nt -o q.nt
    tar xOf q.nt quant.json | grep -A 12 '"activation"' | tr -d ' \n' |
        grep -qE '"scale":\[0\.0(0999|1000)'
    grep -q '"range"' again.json
    nt-quantize -q --plan again.json a.nt -o r.nt
    cmp <(members q.nt) <(members r.nt)
    nt-prune -q --plan again.json a.nt -o pruned.nt
}

@test "what found the range of an activation is on record" {
    for how in minmax entropy best; do
        nt-quantize -q --bits 4/4 --range $how --data idx:data a.nt -o $how.nt
        tar xOf $how.nt quant.json | grep '"range"' | tr -d ' ",' | sort -u >$how
    done
    [ "$(cat minmax entropy)" = "range:minmax"$'\n'"range:entropy" ]
    not grep -v 'minmax\|moving_average\|percentile\|mse\|entropy' best
    [ -s best ]
}

@test "a config may be a plan, name the method and keep normalisations" {
    nt-zoo resnet8 --input 1x8x8 -o r.nt
    nt-quantize -q --bits 4/6 --method lsq --keep-bn --data idx:data r.nt --save-plan p.json -o one.nt
    echo "{\"method\": \"lsq\", \"keep_bn\": true, \"plan\": $(cat p.json)}" >c.json
    nt-quantize -q --config c.json --data idx:data r.nt -o two.nt
    cmp <(members one.nt) <(members two.nt)
    nt-quantize -q --config p.json --method lsq --keep-bn --data idx:data r.nt -o two.nt
    cmp <(members one.nt) <(members two.nt)
    nt-quantize -q --config c.json --method qat --data idx:data r.nt -o two.nt
    tar xOf two.nt quant.json | grep -q '"method": "qat"'
    echo '{"method": "zip", "plan": []}' >c.json
    refuses 2 "c.json: method: got 'zip'" nt-quantize --config c.json r.nt -o q.nt
}

@test "a wrong configuration is one line and status 2" {
    echo '[{"quant_types": ["wieght"], "quant_bits": 8, "op_names": ["fc1"]}]' >c.json
    refuses 2 "config_list[0].quant_types" nt-quantize --config c.json a.nt -o q.nt
    echo '[{"quant_types": ["weight"], "quant_bits": 32, "op_names": ["fc1"]}]' >c.json
    refuses 2 "config_list[0].quant_bits" nt-quantize --config c.json a.nt -o q.nt
    echo '[{"quant_types": ["weight"], "quant_bits": 8, "op_names": ["fc9"]}]' >c.json
    refuses 2 "did you mean" nt-quantize --config c.json a.nt -o q.nt
    echo '{"custom_compression": {"quantization_args": {"skip": 1}}}' >c.json
    refuses 2 "custom_compression.quantization_args.skip" nt-quantize --config c.json a.nt -o q.nt
    refuses 2 "bits '17'" nt-quantize --bits 17 a.nt -o q.nt
    [ ! -e q.nt ]
}

@test "Neutrino's rules quantize convolutions to 2 bits and spare what they skip" {
    cat >c.json <<'J'
{"custom_compression": {"quantization_args": {"quantize_conv11": true, "skip_layers": [0]}}}
J
    nt-zoo resnet8 --input 1x8x8 -o r.nt
    nt-quantize --config c.json --save-plan p.json --data idx:data r.nt -o q.nt
    grep -A3 '"conv1"' p.json | not grep -q '"weight"'
    grep -A3 '"layer1.0.conv1"' p.json | grep -q '"weight": 2'
    grep -A3 '"fc"' p.json | not grep -q '"weight"'
}

@test "a model goes through the whole chain, and what is exported is integers" {
    nt-zoo resnet8 --input 1x8x8 -o r.nt
    nt-fuse-bn <r.nt | nt-quantize -q --method qat --bits 3/4 --data idx:data |
        nt-finetune -q --data idx:data --steps 3 --lr 0.01 --threads 1 -o t.nt
    nt-info --layers t.nt | grep -q 'conv1.*QuantizeLinear'
    nt-export -q -f onnx -o t.onnx t.nt
    nt-info --layers t.onnx | not grep -q 'weight_QuantizeLinear'
    nt-run t.nt --random --threads 1 --precision fp32 -o out
    nt-run t.onnx --random --threads 1 --precision fp32 --expect out/output.npy --rtol 1e-5 --atol 1e-5
    refuses 1 "does not train weights of 1 bit" nt-quantize -q --method qat --bits 1/32 r.nt -o s.nt
}

# same_exported T.nt: the integers that are exported compute what the trained floats do
same_exported()
{
    nt-export -q -f onnx -o t.onnx "$1"
    nt-info --layers t.onnx | not grep -q 'weight_QuantizeLinear'
    nt-run "$1" --random --threads 1 --precision fp32 -o out
    nt-run t.onnx --random --threads 1 --precision fp32 --expect out/output.npy --rtol 1e-5 --atol 1e-5
}

@test "learned scales move, in quant.json too, and are exported" {
    nt-quantize -q --method lsq --bits 3/4 --data idx:data a.nt -o l.nt
    nt-finetune -q --data idx:data --steps 4 --lr 0.05 --threads 1 -o t.nt l.nt
    tar xOf t.nt quant.json | grep -q '"method": "lsq"'
    not cmp -s <(tar xOf l.nt quant.json) <(tar xOf t.nt quant.json)
    tar xOf l.nt quant.json | grep -q '"range": "mse"'
    not grep '"range"' <(tar xOf t.nt quant.json)
    same_exported t.nt
    nt-export -q -f onnx -o l.onnx l.nt
    run nt-run l.onnx --random --threads 1 --expect out/output.npy
    [ "$status" -eq 3 ]
}

@test "every method of training goes through a pipe, and what it trained is exported" {
    nt-zoo resnet8 --input 1x8x8 -o r.nt
    for m in "qat 4/4" "lsq 2/3" "lsq+ 3/2" "dorefa 2/4" "pact 4/2" "bnn 1/1" "xnor 1/1"; do
        set -- $m
        nt-quantize -q --method "$1" --bits "$2" --keep-bn --data idx:data <r.nt |
            nt-finetune -q --data idx:data --steps 5 --lr 0.01 --freeze-bn 0.5 --threads 1 -o t.nt
        tar xOf t.nt quant.json | grep -q "\"method\": \"$1\""
        same_exported t.nt
    done
}

@test "training finds the ranges where there are no data before it" {
    nt-quantize -q --method lsq+ --bits 4/4 a.nt -o q.nt
    tar xOf q.nt quant.json | grep -q '"min": null'
    nt-finetune -q --data idx:data --steps 3 --lr 0.01 --threads 1 -o t.nt q.nt
    tar xOf t.nt quant.json | not grep -q '"min": null'
    same_exported t.nt
}

@test "quantization starts when the configuration says" {
    echo '[{"quant_types": ["weight", "input"], "quant_bits": 2, "quant_start_step": 3,
            "op_types": ["Linear"]}]' >c.json
    nt-quantize -q --method qat --config c.json --data idx:data a.nt -o q.nt
    tar xOf q.nt quant.json | grep -q '"start_step": 3'
    for steps in 3 4; do
        nt-finetune -q --data idx:data --steps $steps --lr 0.05 --threads 1 -o t$steps.nt q.nt
    done
    cmp <(tar xOf q.nt quant.json) <(tar xOf t3.nt quant.json)
    not cmp -s <(tar xOf q.nt quant.json) <(tar xOf t4.nt quant.json)
}

@test "the configurations of both tutorials run as they are written" {
    cat >nni.json <<'J'
[{"quant_types": ["weight"], "quant_bits": 8, "op_names": ["conv1"]},
 {"quant_types": ["weight"], "quant_bits": 4, "quant_start_step": 0, "op_names": ["conv2"]},
 {"quant_types": ["weight"], "quant_bits": 3, "op_names": ["fc1"]},
 {"quant_types": ["weight"], "quant_bits": 2, "op_names": ["fc2"]}]
J
    cat >late.json <<'J'
[{"quant_types": ["weight"], "quant_bits": {"weight": 8}, "op_types": ["Conv2d", "Linear"]},
 {"quant_types": ["output"], "quant_bits": 8, "quant_start_step": 2, "op_types": ["ReLU"]}]
J
    cat >rules.json <<'J'
{"custom_compression": {"quantization_args": {"quantize_conv11": true, "skip_layers": [8, 9, 10],
                                              "skip_layers_ratio": 0.1}}}
J
    sed 's/quantization_args/quant_args/' rules.json >short.json
    echo '{"custom_compression": {"layers": {"layer1.0.conv1": {"precision": 2},
                                             "layer1.0.conv2": {"precision": 2}}}}' >layers.json
    nt-zoo lenet5 --input 1x28x28 -o l.nt
    nt-zoo resnet20 --input 1x8x8 -o r.nt
    nt-quantize -q --config nni.json --save-plan p.json l.nt -o q.nt
    [ "$(grep -o '"weight": [0-9]' p.json | tr -dc 0-9)" = 8432 ]
    for c in "late qat" "rules lsq" "short lsq+" "layers pact"; do
        set -- $c
        nt-quantize -q --config "$1.json" --method "$2" --data idx:data --save-plan "$1.plan" r.nt |
            nt-finetune -q --data idx:data --steps 3 --lr 0.01 --threads 1 |
            nt-export -q -f dlrt -o q.dlrt
        nt-eval -q --data idx:data --threads 1 q.dlrt
    done
    cmp rules.plan short.plan
    [ "$(grep -c '"weight": 2' layers.plan)" = 2 ]
}

@test "what cannot be trained so is one line" {
    nt-quantize -q --method lsq --data idx:data a.nt -o q.nt
    refuses 2 "phases '9:1'" nt-finetune --data idx:data --progressive 9:1 q.nt -o t.nt
    refuses 2 "nt-quantize has prepared" nt-finetune --data idx:data --progressive 4:1 a.nt -o t.nt
    refuses 2 "freeze-bn" nt-finetune --data idx:data --freeze-bn -1 q.nt -o t.nt
    refuses 2 "method" nt-quantize --method lsq++ a.nt -o t.nt
    [ ! -e t.nt ]
}

@test "weights and activations of one bit are packed at one bit, and run" {
    nt-zoo resnet8 --input 1x8x8 -o r.nt
    for m in bnn xnor; do
        nt-quantize -q --method $m --keep-bn --data idx:data r.nt |
            nt-finetune -q --data idx:data --steps 3 --lr 0.01 --threads 1 -o t.nt
        nt-export -q -f dlrt -o t.dlrt t.nt
        nt-profile --json --layers --runs 1 --threads 1 t.dlrt >p.json
        grep -A12 '"op": "conv"' p.json | grep '"bits"' | not grep -v '"bits": 1,'
        diff <(nt-eval --data idx:data --threads 1 t.nt) <(nt-eval --data idx:data --threads 1 t.dlrt)
    done
}

@test "equalisation changes nothing but what is quantized" {
    nt-zoo resnet8 --input 1x8x8 -o r.nt
    nt-run r.nt --random --threads 1 -o out
    nt-quantize -q --equalize --bits 8/32 r.nt -o e.nt
    nt-quantize -q --bits 8/32 r.nt -o q.nt
    not cmp -s e.nt q.nt
    nt-run e.nt --random --threads 1 --expect out/output.npy --rtol 0.1 --atol 0.1
}

bytes_of()
{
    nt-profile --threads 1 --runs 1 --json "$1" | awk '/"model_size_bytes"/ { print $2 + 0 }'
}

@test "bits by layer keep the budget, and come again from the plan" {
    nt-finetune -q --data idx:data --steps 60 --lr 0.05 --momentum 0.9 --threads 1 a.nt -o t.nt
    nt-quantize -q --bits 3/8 --data idx:data t.nt -o uniform.nt
    nt-quantize --mixed 8/8,4/8,3/8,2/8 --budget bits=3 --data idx:data t.nt -o m.nt \
        --save-plan p.json --report r.json >out
    [ "$(bytes_of m.nt)" -le "$(bytes_of uniform.nt)" ]
    grep -q "$(bytes_of m.nt) bytes of $(bytes_of uniform.nt), kl " out
    grep -q '"front"' r.json
    grep -q '"why": "kl ' p.json
    nt-quantize -q --plan p.json --data idx:data t.nt -o again.nt
    cmp <(members m.nt) <(members again.nt)
    nt-quantize -q --mixed 8/8,4/8,3/8,2/8 --budget bits=3 --data idx:data t.nt -o same.nt \
        --save-plan p.json
    cmp <(members m.nt) <(members same.nt)
    for budget in bops=1e6 "bytes=$(bytes_of uniform.nt)"; do
        nt-quantize -q --mixed 8/8,2/2 --budget "$budget" --sensitivity fisher --data idx:data t.nt -o f.nt
    done
    nt-quantize -q --method qat --mixed 8/8,4/8 --budget bits=6 --data idx:data t.nt -o qat.nt
}

@test "times come from a table" {
    cat >costs.json <<'J'
[{"layer": "*", "bits": {"weight": 8}, "time_ms": 1}, {"layer": "fc1", "bits": {"weight": 4}, "time_ms": 0.5}]
J
    nt-quantize -q --mixed 8/8,4/8 --budget ms=2.5 --costs costs.json --data idx:data a.nt \
        -o q.nt --save-plan p.json
    grep -A3 '"fc1"' p.json | grep -q '"weight": 4'
    grep -A3 '"fc2"' p.json | grep -q '"weight": 8'
    refuses 2 "take at least 2.5" nt-quantize --mixed 8/8,4/8 --budget ms=2 --costs costs.json \
        --data idx:data a.nt -o r.nt
    echo '[{"layer": "fc9", "time_ms": 1}]' >bad.json
    refuses 2 "costs[0].layer: there is no such layer" nt-quantize --mixed 8,4 --budget ms=2 \
        --costs bad.json --data idx:data a.nt -o r.nt
    refuses 2 "belong together" nt-quantize --mixed 8,4 --budget ms=2 --data idx:data a.nt -o r.nt
    [ ! -e r.nt ]
}

@test "bits are given back until the accuracy is near enough" {
    nt-finetune -q --data idx:data --steps 60 --lr 0.05 --momentum 0.9 --threads 1 a.nt -o t.nt
    nt-quantize --bits 1 --delta 1 --data idx:data t.nt -o q.nt --save-plan p.json --report r.json >out
    grep -q ' became 2/2, as the drop was ' out
    awk '/^accuracy/ { exit !($NF <= 1) }' out
    grep -q '"revert"' r.json
    tar xOf q.nt quant.json | not grep -q revert
    drop=$(nt-eval q.nt --data idx:data --compare t.nt | awk '$1 == "accuracy_drop" { print $2 }')
    awk -v d="$drop" 'BEGIN { exit !(d <= 1) }'
    nt-quantize -q --plan p.json --data idx:data t.nt -o again.nt
    cmp <(members q.nt) <(members again.nt)
}

@test "options that do not belong together are refused" {
    refuses 2 "belong together" nt-quantize --mixed 8,4 --data idx:data a.nt -o q.nt
    refuses 2 "belong together" nt-quantize --budget bits=4 --data idx:data a.nt -o q.nt
    refuses 2 "exclude each other" nt-quantize --mixed 8,4 --budget bits=4 --bits 4 a.nt -o q.nt
    refuses 2 "--mixed needs --data" nt-quantize --mixed 8,4 --budget bits=4 a.nt -o q.nt
    refuses 2 "--delta needs --data" nt-quantize --delta 1 a.nt -o q.nt
    refuses 2 "training comes first" nt-quantize --delta 1 --method qat --data idx:data a.nt -o q.nt
    refuses 2 "widths '8;4'" nt-quantize --mixed '8;4' --budget bits=4 --data idx:data a.nt -o q.nt
    refuses 2 "budget 'size=4'" nt-quantize --mixed 8,4 --budget size=4 --data idx:data a.nt -o q.nt
    refuses 2 "take at least" nt-quantize --mixed 8,4 --budget bits=3 --data idx:data a.nt -o q.nt
    refuses 2 "delta" nt-quantize --delta -1 --data idx:data a.nt -o q.nt
    refuses 2 "split 'nowhere'" nt-quantize --delta 1 --eval-split nowhere --data idx:data a.nt -o q.nt
    [ ! -e q.nt ]
}

@test "a quantized model is computed in int8 where that can be, and in floats on request" {
    nt-quantize -q --data idx:data a.nt -o q.nt
    nt-profile -v --layers --threads 1 --runs 1 q.nt >table 2>notes
    if grep -q "no VNNI" notes; then
        not grep -q int8 table
    else
        grep -q int8 table
    fi
    nt-profile -v --layers --precision fp32 --threads 1 --runs 1 q.nt >table 2>notes
    not grep -q int8 table notes
    nt-run -q --random --batch-size 3 --precision fp32 -o floats q.nt
    nt-run -q --random --batch-size 3 --expect floats/*.npy --rtol 0.1 --atol 0.05 q.nt
}
