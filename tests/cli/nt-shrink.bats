#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
load helpers

@test "outputs stay the same, and every network of the zoo gets smaller" {
    for name in lenet5 mlp resnet8 mobilenet_v2; do
        nt-zoo $name | nt-prune -s 0.3 --seed 1 --criterion random -o masked.nt
        nt-shrink masked.nt -o small.nt
        nt-run masked.nt --random --threads 1 -o out
        nt-run small.nt --random --threads 1 --expect out/output.npy
        [ "$(wc -c <small.nt)" -lt "$(wc -c <masked.nt)" ]
    done
}

@test "without masks nothing changes but the history" {
    nt-zoo lenet5 -o a.nt
    nt-shrink a.nt -o b.nt
    nt-run a.nt --random --threads 1 -o out
    nt-run b.nt --random --threads 1 --expect out/output.npy --rtol 0 --atol 0
    nt-info --history b.nt | tail -n 1 | grep -q nt-shrink
}

@test "the report counts what went" {
    nt-zoo lenet5 | nt-prune -s 0.5 | nt-shrink --report r.json >small.nt
    awk -F '[:,]' '/weights_before/ { a = $2 } /weights_after/ { b = $2 } /removed/ { r = $2 }
        END { exit !(r > 0 && 0 < b && b < a / 2) }' r.json
}

@test "no masks are left" {
    nt-zoo lenet5 | nt-prune -s 0.5 | nt-shrink >small.nt
    tar tf small.nt | not grep -q masks
}
