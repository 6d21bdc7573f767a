#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
load helpers

setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
    nt-zoo lenet5 -o a.nt
}

# kept LAYER: how many channels masks.json keeps
kept()
{
    tar xOf "$1" masks.json | tr -d ' \n' | grep -oE "\"$2\":\{[^}]*\"kept\":\[[0-9,]*\]" |
        sed 's/.*\[//; s/\]//' | tr ',' '\n' | wc -l
}

@test "of n channels floor(s n) go, in each layer" {
    nt-prune -s 0.4 a.nt >b.nt
    [ "$(kept b.nt conv1) $(kept b.nt conv2) $(kept b.nt fc1) $(kept b.nt fc2)" = "4 10 72 51" ]
}

@test "one channel always stays, and -s 0 takes none" {
    nt-prune -s 0.999 a.nt | nt-shrink | nt-info --layers >out
    grep -q ' conv1 .*\[1,1,5,5\]' out
    nt-prune -s 0 a.nt | nt-shrink | nt-info --layers | grep -q ' conv2 .*\[16,6,5,5\]'
}

@test "the layer of the output stays, and naming it is refused" {
    nt-prune -s 0.5 a.nt | nt-shrink | nt-info | grep -qx 'output   output float32 \[N,10\]'
    echo '[{"sparsity": 0.5, "op_names": ["fc3"]}]' >rules.json
    refuses 2 "layer 'fc3' cannot be pruned" nt-prune -c rules.json a.nt -o b.nt
}

@test "every criterion chooses, and they differ" {
    small_data
    nt-zoo mlp --input 1x8x8 -o m.nt
    for c in l1 l2 fpgm random; do
        nt-prune -s 0.5 --criterion $c m.nt -o $c.nt
    done
    nt-prune -s 0.5 --criterion taylor --data idx:data --threads 1 --batch-size 16 m.nt -o taylor.nt
    for c in l2 fpgm random taylor; do
        not cmp -s l1.nt $c.nt
    done
    nt-zoo resnet8 | nt-prune -s 0.5 --criterion slim | nt-info | grep -qx 'masks    yes'
}

@test "masked, and shrunk, the outputs are the same" {
    nt-zoo resnet8 | nt-prune -s 0.5 -o masked.nt
    nt-shrink masked.nt -o small.nt
    nt-run masked.nt --random --threads 1 -o out
    nt-run small.nt --random --threads 1 --expect out/output.npy
}

@test "--shrink is nt-prune and nt-shrink" {
    nt-prune -s 0.5 --shrink a.nt | nt-export -o one.onnx
    nt-prune -s 0.5 a.nt | nt-shrink | nt-export -o two.onnx
    cmp one.onnx two.onnx
}

@test "a plan that was saved gives the same masks" {
    nt-prune -s 0.4 --save-plan plan.json a.nt -o b.nt
    nt-prune --plan plan.json a.nt -o c.nt
    cmp <(tar xOf b.nt masks.json) <(tar xOf c.nt masks.json)
}

@test "rules are by name, glob and kind, and later ones go before" {
    echo '[{"sparsity": 0.5, "op_types": ["Conv2d"]}, {"sparsity": 0.25, "op_names": ["conv2"]}]' >r.json
    nt-prune -c r.json a.nt >b.nt
    [ "$(kept b.nt conv1) $(kept b.nt conv2)" = "3 12" ]
    tar xOf b.nt masks.json | not grep -q fc1
}

@test "masks are exported as files" {
    nt-prune -s 0.5 --export-masks masks a.nt -o b.nt
    cmp masks/masks.json <(tar xOf b.nt masks.json)
    cmp masks/conv1.weight.npy <(tar xOf b.nt masks/conv1.weight.npy)
}

@test "a parameter's mask is called as in the archive, whatever is in its name" {
    cat >net.json <<'J'
{"name": "net", "about": "slashes", "input": [1, 4, 4], "classes": 3, "layers":
  ["flatten", {"linear": "/block/fc1", "out": 6}, "relu", {"linear": "/fc2", "out": "classes"}]}
J
    nt-zoo net.json | nt-prune -s 0.5 --export-masks masks >b.nt
    [ "$(ls masks/*.npy | wc -l)" = 2 ]
    for f in masks/*; do
        case $f in *.npy) cmp "$f" <(tar xOf b.nt "$f") ;; esac
    done
}

@test "rules that match nothing here are told with -v; a type that nobody has is refused" {
    echo '[{"sparsity": 0.5, "op_types": ["ConvTranspose2d"]}]' >r.json
    nt-prune -c r.json a.nt -o b.nt 2>err
    [ ! -s err ]
    nt-prune -v -c r.json a.nt -o b.nt 2>err
    grep -qx "nt-prune: note: config_list\[0\]: no layer is a 'ConvTranspose2d'" err
    echo '[{"sparsity": 0.5, "op_types": ["Conv3D"]}]' >r.json
    refuses 2 "did you mean 'Conv3d'?" nt-prune -c r.json a.nt -o c.nt
    [ ! -e c.nt ]
}

@test "bad usage is one line and status 2" {
    refuses 2 "one of -s" nt-prune a.nt -o b.nt
    refuses 2 "--sparsity: '1' is not a number" nt-prune -s 1 a.nt -o b.nt
    refuses 2 "--sparsity: '0.5x'" nt-prune -s 0.5x a.nt -o b.nt
    refuses 2 "exclude" nt-prune -s 0.5 -c rules.json a.nt -o b.nt
    refuses 2 "'magic' is not one of l1" nt-prune -s 0.5 --criterion magic a.nt -o b.nt
    refuses 2 "needs --data" nt-prune -s 0.5 --criterion taylor a.nt -o b.nt
    [ ! -e b.nt ]
}

@test "wrong rules and plans are one line that names the file" {
    echo '[{"sparsity": 1.5, "op_types": ["default"]}]' >1.json
    echo '[{"sparsity": 0.5, "op_nmaes": ["conv1"]}]' >2.json
    echo '[{"sparsity": 0.5, "op_names": ["conv9"]}]' >3.json
    echo '[{"sparsity": 0.5,' >4.json
    echo '{"sparsity": 0.5}' >5.json
    for f in 1 2 3 4 5; do
        run nt-prune -c $f.json a.nt -o b.nt
        echo "$f: status $status, $output"
        [ "$status" -eq 2 ] || [ "$status" -eq 1 ]
        [ "${#lines[@]}" -eq 1 ]
        [ ! -e b.nt ]
    done
    echo '[{"layer": "conv1", "keep": 99}]' >plan.json
    run nt-prune --plan plan.json a.nt -o b.nt
    echo "plan: status $status, $output"
    [ "$status" -ne 0 ]
    [ "${#lines[@]}" -eq 1 ]
}

@test "a missing data set is one line" {
    refuses 1 "nowhere" nt-prune -s 0.5 --criterion taylor --data idx:nowhere a.nt -o b.nt
    [ ! -e b.nt ]
}

# a conv with a normalisation and two without
two_kinds()
{
    cat >net.json <<'J'
{"name": "net", "about": "two kinds", "input": [1, 8, 8], "classes": 3, "layers":
  [{"conv": "a", "out": 8}, {"bn": "an"}, "relu", {"conv": "b", "out": 6}, "relu",
   "flatten", {"linear": "fc", "out": "classes"}]}
J
    nt-zoo net.json -o net.nt
}

@test "a criterion asks nothing of layers that take no part" {
    two_kinds
    echo '[{"sparsity": 0.5, "op_types": ["default"]}, {"op_names": ["b"], "exclude": true}]' >r.json
    nt-prune --criterion slim -c r.json net.nt -o b.nt >out 2>err
    grep -qx "4 of 17 channels removed" out
    not grep -q warning err
    [ "$(kept b.nt a)" = 4 ]
}

@test "a layer that cannot be scored is named once and keeps its channels" {
    two_kinds
    nt-prune --criterion slim -s 0.5 net.nt -o b.nt 2>err
    [ "$(grep -c "layer 'b'" err)" = 1 ]
    grep -qx "nt-prune: warning: net.nt: layer 'b': criterion 'slim' needs a BatchNormalization after it" err
    [ "$(kept b.nt a)" = 4 ]
    tar xOf b.nt masks.json | not grep -q '"b"'
    refuses 2 "criterion 'slim' needs a BatchNormalization after it" \
        nt-prune --criterion slim -s 0.5 a.nt -o c.nt
    [ ! -e c.nt ]
}

@test "without a list of rules nothing is said of one" {
    nt-prune -v -s 0.5 a.nt -o b.nt 2>err
    not grep -q config_list err
    echo '{"name": "n", "about": "n", "input": [3, 4, 4], "classes": 3, "layers":
        ["relu", "global_average_pool", "flatten"]}' >n.json
    nt-zoo n.json -o n.nt
    refuses 1 "no convolution or dense layer with a constant weight" nt-prune -v -s 0.5 n.nt -o c.nt
    [ ! -e c.nt ]
}

@test "with --shrink the report says what became of the masks" {
    nt-prune -s 0.5 --shrink --report r.json a.nt -o b.nt
    tr -d ' \n\t' <r.json | grep -q '"shrunk":{"channels":[0-9]*,"removed":[0-9]*,"kept_constant":0,"kept_part":0'
}

@test "a quantized network is pruned through its codes, and quant.json follows" {
    small_data
    cat >net.json <<'J'
{"name": "net", "about": "to be quantized", "input": [1, 8, 8], "classes": 10, "layers":
  [{"conv": "a", "out": 8, "pad": 1}, {"bn": "an"}, "relu",
   {"residual": [{"conv": "b", "out": 8, "pad": 1, "bias": true}]}, "relu", {"conv": "c", "out": 6}, "relu",
   "flatten", {"linear": "fc1", "out": 12}, "relu", {"linear": "fc", "out": "classes"}]}
J
    nt-zoo net.json -o net.nt
    for how in "--bits 8" "--bits 4" "--bits 4 --method qat" "--bits 4 --method lsq"; do
        # shellcheck disable=SC2086
        nt-quantize -q $how --data idx:data --split train net.nt -o full.nt
        nt-prune -s 0.5 full.nt -o masked.nt >said
        grep -qx "17 of 44 channels removed" said
        nt-shrink -q masked.nt -o small.nt
        nt-run masked.nt --random --threads 1 -o out
        nt-run small.nt --random --threads 1 --expect out/output.npy
        tar xOf small.nt quant.json | tr -d ' \n' | grep -oE '"tensor":"fc1.weight"[^}]*' |
            grep -qE '"scale":\[[^],]*(,[^],]*){5}\]'
        nt-eval -q --data idx:data small.nt
        nt-export -q --verify small.nt -o small.onnx
        [ "$(wc -c <small.nt)" -lt "$(wc -c <full.nt)" ]
    done
}

@test "a share of the time goes by a table of costs" {
    nt-zoo resnet8 -o r.nt
    nt-profile --cost-table --json --threads 1 --time 2 r.nt >costs.json
    nt-prune -q --time 0.6 --costs costs.json --round 8 r.nt | nt-shrink -q -o small.nt
    macs() { nt-profile --json --threads 1 --runs 1 "$1" | grep -m 1 -oE '"macs": [0-9]+' | cut -d ' ' -f 2; }
    [ "$(macs small.nt)" -lt "$(macs r.nt)" ]
    refuses 2 "go together" nt-prune --time 0.5 r.nt -o x.nt
    refuses 2 "go together" nt-prune --size 0.5 --costs costs.json r.nt -o x.nt
    refuses 2 "exclude each other" nt-prune --size 0.5 --time 0.5 --costs costs.json r.nt -o x.nt
    echo '{"layers": 3}' >bad.json
    refuses 2 "bad.json: a table of costs" nt-prune --time 0.5 --costs bad.json r.nt -o x.nt
    sed 's/"layer": "/"layer": "other/' costs.json >other.json
    refuses 2 "no layer of this network" nt-prune --time 0.5 --costs other.json r.nt -o x.nt
    [ ! -e x.nt ]
}
