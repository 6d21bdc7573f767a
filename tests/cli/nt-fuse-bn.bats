#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
load helpers

@test "outputs stay the same, and no batch normalisation is left" {
    nt-zoo resnet8 -o a.nt
    nt-fuse-bn --strict a.nt -o b.nt
    nt-info --layers b.nt | not grep -q BatchNormalization
    nt-run a.nt --random --threads 1 -o out
    nt-run b.nt --random --threads 1 --expect out/output.npy
}

@test "what was fused is reported" {
    nt-zoo resnet8 | nt-fuse-bn --report r.json >b.nt
    grep -q '"fused": 9' r.json
    nt-fuse-bn --report r.json b.nt -o c.nt >/dev/null
    grep -q '"fused": 0' r.json
}

@test "--strict is status 3 where one is left, and nothing is written" {
    cat >net.json <<'J'
{"name": "n", "about": "a", "input": [2, 4, 4], "classes": 3,
 "layers": [{"conv": "c", "out": 4, "pad": 1}, "relu", {"bn": "late"}, "flatten",
            {"linear": "l", "out": "classes"}]}
J
    nt-zoo ./net.json -o a.nt
    nt-fuse-bn a.nt -o b.nt
    rm b.nt
    refuses 3 "'late'" nt-fuse-bn --strict a.nt -o b.nt
    [ ! -e b.nt ]
}
