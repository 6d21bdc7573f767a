#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
load helpers

# value KEY <JSON
value()
{
    awk -F '[:,]' -v key="\"$1\"" '$1 ~ key { gsub(/ /, "", $2); print $2; exit }'
}

@test "LeNet-5's figures are those that one works out by hand" {
    nt-zoo lenet5 | nt-profile --json --threads 1 --runs 1 >out
    [ "$(value params <out)" = 61706 ] # 156 + 2416 + 48120 + 10164 + 850
    [ "$(value model_size_bytes <out)" = 246824 ]
    [ "$(value macs <out)" = 416520 ] # 117600 + 240000 + 48000 + 10080 + 840
}

@test "what is pruned is not counted as nonzero" {
    nt-zoo mlp --input 1x4x4 --classes 2 -o a.nt
    all=$(nt-profile --json --threads 1 --runs 1 a.nt | value nonzero_params)
    left=$(nt-prune -s 0.5 a.nt | nt-profile --json --threads 1 --runs 1 | value nonzero_params)
    [ "$left" -lt "$all" ]
}

@test "the table has a row for each layer, and a comparison the other's figures" {
    nt-zoo lenet5 -o a.nt
    nt-prune -s 0.5 --shrink a.nt -o b.nt
    nt-profile --layers --threads 1 --runs 1 a.nt >out
    for l in conv1 conv2 fc1 fc2 fc3; do grep -q "$l" out; done
    nt-profile --compare a.nt --threads 1 --runs 1 b.nt >out
    grep -q 'a\.nt' out
    grep -q 'b\.nt' out
}

@test "with data it evaluates, as nt-eval does" {
    small_data
    nt-zoo mlp --input 1x8x8 -o a.nt
    p=$(nt-profile --json --threads 1 --runs 1 --data idx:data a.nt | value eval_metric)
    e=$(nt-eval --threads 1 --data idx:data a.nt | awk '$1 == "accuracy" { print $2 }')
    awk -v p="$p" -v e="$e" 'BEGIN { exit !(p - e < 1e-6 && e - p < 1e-6) }'
}

@test "a cost table has every layer's time by its channels, as text and as JSON" {
    nt-zoo lenet5 -o a.nt
    nt-profile --cost-table --threads 1 --runs 1 --step 2 --report costs.json a.nt >out
    for l in conv1 conv2 fc1 fc2 fc3; do grep -Eq "^$l .*  [0-9 ]+$" out; done
    [ "$(value out_channels <costs.json)" = 6 ]
    [ "$(grep -c '"layer":' costs.json)" = 5 ]
    grep -q '"out": 4,' costs.json # conv1 with four of its six channels
    nt-profile --cost-table --threads 1 --runs 1 --time 1e-6 --json a.nt >out
    [ "$(value networks <out)" = 1 ] # no time for more
    [ "$(grep -c '"in":' out)" = 5 ]
}

@test "bad usage is one line and status 2" {
    nt-zoo mlp -o a.nt
    refuses 2 "'0' is not an integer" nt-profile --runs 0 a.nt
    refuses 2 "--batch-size" nt-profile --batch-size none a.nt
    refuses 2 "--cost-table goes without" nt-profile --cost-table --layers a.nt
    refuses 2 "--cost-table goes without" nt-profile --cost-table --compare a.nt a.nt
    refuses 2 "are for --cost-table" nt-profile --step 4 a.nt
    refuses 2 "'0' is not an integer" nt-profile --cost-table --step 0 a.nt
    refuses 2 "'0' is not a number" nt-profile --cost-table --time 0 a.nt
    refuses 2 "metric 'bleu' is not known" nt-profile --metric bleu --data idx:x a.nt
}

@test "bad input is one line and status 1" {
    nt-zoo mlp -o a.nt
    refuses 1 "missing.nt" nt-profile --compare missing.nt --threads 1 --runs 1 a.nt
    refuses 1 "missing.nt" nt-profile --cost-table --threads 1 missing.nt
    refuses 1 "nowhere" nt-profile --data idx:nowhere a.nt
}

@test "two models are timed in turn, and the ratio says so" {
    nt-zoo resnet8 -o small.nt
    nt-zoo resnet20 -o large.nt
    nt-profile --threads 1 --json small.nt --compare large.nt >out.json
    grep -q '"turns"' out.json && grep -q '"disturbed"' out.json
    awk '/"turns"/ { t = 1 } t && /"ratio"/ { gsub(/[",]/, ""); exit !($2 > 1) }' out.json
    nt-profile --threads 1 --json small.nt | grep -c '"turns"' | grep -qx 0
}
