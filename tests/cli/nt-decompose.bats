#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
load helpers

# value KEY FILE: the number of the last line with this key
value()
{
    grep "\"$1\"" "$2" | tail -n 1 | tr -dc '0-9.\n'
}

# profiled KEY MODEL: of the whole network
profiled()
{
    nt-profile --json "$2" | grep -m 1 "^  \"$1\"" | tr -dc '0-9\n'
}

# names MODEL: of its layers of weights
names()
{
    nt-decompose --rank 1 "$1" -o /dev/null --json | sed -n 's/.*"layer": "\(.*\)",/\1/p'
}

@test "at full rank the outputs are the same, both ways" {
    nt-zoo resnet8 -o a.nt
    nt-run a.nt --random --threads 1 -o out
    for method in spatial tucker; do
        nt-decompose --rank 1000 --force --method $method a.nt -o b.nt --report r.json
        nt-run b.nt --random --threads 1 --expect out/output.npy --rtol 1e-4 --atol 1e-5
        [ "$(grep -c '"why": null' r.json)" -eq 10 ]
    done
}

@test "the report's counts are those of nt-profile, within the budget" {
    nt-zoo resnet8 -o a.nt
    for key in size macs; do
        nt-decompose --$key 0.5 a.nt -o b.nt --report r.json
        [ "$(value params_before r.json)" -eq "$(profiled params a.nt)" ]
        [ "$(value macs_before r.json)" -eq "$(profiled macs a.nt)" ]
        [ "$(value params_after r.json)" -eq "$(profiled params b.nt)" ]
        [ "$(value macs_after r.json)" -eq "$(profiled macs b.nt)" ]
        key=${key/size/params}
        awk -v a="$(value "${key}_before" r.json)" -v b="$(value "${key}_after" r.json)" \
            'BEGIN { exit !(b <= a / 2 && b > 0.45 * a) }'
    done
}

@test "same input, same bytes; -o and standard output the same" {
    nt-zoo resnet8 -o a.nt
    for how in "--size 0.4" "--energy 0.8 --method tucker" "--vbmf"; do
        # shellcheck disable=SC2086 # words
        nt-decompose $how a.nt -o b.nt
        # shellcheck disable=SC2086
        nt-decompose $how <a.nt >c.nt
        cmp b.nt c.nt
    done
}

@test "a plan that was saved gives the same network, and can be edited" {
    nt-zoo resnet8 -o a.nt
    nt-decompose --energy 0.7 --method tucker --save-plan plan.json a.nt -o b.nt
    nt-decompose --plan plan.json --save-plan again.json a.nt -o c.nt
    diff <(grep -v why plan.json) <(grep -v why again.json)
    cmp <(tar xOf b.nt model.onnx) <(tar xOf c.nt model.onnx)
    echo '[{"layer": "layer3.0.conv2", "rank": 5}, {"layer": "layer3.0.conv1", "rank": [6, 7]}]' >plan.json
    nt-decompose --plan plan.json a.nt -o d.nt --report r.json
    names d.nt >list
    grep -qx 'layer3.0.conv2.1' list
    grep -qx 'layer3.0.conv1.2' list
    [ "$(grep -c '"why": null' r.json)" -eq 2 ]
    nt-run d.nt --random -o out
}

@test "config_list chooses layers, and says more of them" {
    nt-zoo resnet8 -o a.nt
    echo '[{"op_types": ["Conv2d"], "rank": 4}, {"op_names": ["layer1.*"], "exclude": true},
        {"op_names": ["layer3.0.conv2"], "rank": 6, "method": "tucker"}]' >c.json
    nt-decompose -c c.json a.nt -o b.nt --save-plan plan.json
    names b.nt >list
    grep -qx 'layer2.0.conv1.1' list
    grep -qx 'layer3.0.conv2.2' list
    grep -qx 'layer1.0.conv1' list
    grep -qx 'fc' list
    grep -q 'config_list does not name it' plan.json
}

@test "what cannot or need not be smaller stays, with the reason" {
    nt-zoo mobilenet_v2 -o a.nt
    nt-decompose --rank 1000 a.nt -o b.nt >said
    grep -q 'a grouped convolution' said
    grep -q 'would be no smaller' said
    grep -q '^0 of ' said
    cmp <(tar xOf a.nt model.onnx) <(tar xOf b.nt model.onnx)
}

@test "a budget that cannot be kept is exit 3, with the smallest there is" {
    nt-zoo resnet8 -o a.nt
    run nt-decompose --size 0.001 a.nt -o b.nt
    [ "$status" -eq 3 ]
    [[ "$output" == *"parameters are left at least"* ]]
    nt-run b.nt --random -o out
}

@test "bad usage is one line and exit 2" {
    nt-zoo lenet5 -o a.nt
    refuses 2 "one of --rank" nt-decompose a.nt -o b.nt
    refuses 2 "exclude each other" nt-decompose --rank 3 --energy 0.5 a.nt -o b.nt
    refuses 2 "--energy" nt-decompose --energy 1.5 a.nt -o b.nt
    refuses 2 "--plan excludes" nt-decompose --plan p.json --method tucker a.nt -o b.nt
    refuses 2 "--method" nt-decompose --rank 3 --method cp a.nt -o b.nt
    echo '[{"layer": "fc9", "rank": 3}]' >p.json
    refuses 2 "layer 'fc9' not found" nt-decompose --plan p.json a.nt -o b.nt
    echo '[{"layer": "0", "rank": 0}]' >p.json
    refuses 2 "plan[0].rank" nt-decompose --plan p.json a.nt -o b.nt
    echo '[{"layer": 0, "rank": 1000}]' >p.json
    refuses 2 "rank 1000 is above" nt-decompose --plan p.json a.nt -o b.nt
    echo '[{"op_names": ["x"], "rank": 3}]' >c.json
    refuses 2 "layer 'x' not found" nt-decompose -c c.json a.nt -o b.nt
    echo '[{"op_types": ["default"], "rang": 3}]' >c.json
    refuses 2 "did you mean 'rank'" nt-decompose -c c.json a.nt -o b.nt
    echo '[{"op_types": ["default"], "rank": 3, "energy": 0.5}]' >c.json
    refuses 2 "exclude each other" nt-decompose -c c.json a.nt -o b.nt
    echo '[{"op_types": ["default"], "method": "cp", "rank": 3}]' >c.json
    refuses 2 "method" nt-decompose -c c.json a.nt -o b.nt
    [ ! -e b.nt ]
}

@test "masks and quantized models are refused" {
    nt-zoo lenet5 | nt-prune -s 0.5 -o masked.nt
    refuses 1 "run nt-shrink first" nt-decompose --rank 3 masked.nt -o b.nt
    idx_split data train 20 28
    idx_split data t10k 20 28
    nt-zoo lenet5 | nt-quantize --bits 8 --data idx:data --calibrate 10 -o q.nt
    refuses 1 "the model is quantized" nt-decompose --rank 3 q.nt -o b.nt
    [ ! -e b.nt ]
}

@test "an output that is there stays when it fails" {
    nt-zoo lenet5 -o a.nt
    echo old >b.nt
    echo '[{"layer": "nothing", "rank": 3}]' >p.json
    not nt-decompose --plan p.json a.nt -o b.nt
    [ "$(cat b.nt)" = old ]
    refuses 1 "" nt-decompose --rank 2 a.nt -o /dev/full
}
