#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
load helpers

@test "every network of the list is built, and runs" {
    nt-zoo list >list
    [ "$(wc -l <list)" -eq "$(ls "$NT_ROOT/share/zoo" | wc -l)" ]
    [ "$(nt-zoo)" = "$(cat list)" ]
    for name in $(cut -d ' ' -f 1 list); do
        nt-zoo "$name" -o a.nt
        nt-run a.nt --random --threads 1 >/dev/null
    done
}

@test "the seed decides the weights" {
    nt-zoo mlp >a.nt
    nt-zoo mlp --seed 0 | cmp - a.nt
    nt-zoo mlp --seed 1 | not cmp -s - a.nt
}

@test "--classes and --input change the network" {
    nt-zoo resnet8 --classes 7 --input 1x16x24 | nt-info >info
    grep -qx 'input    input float32 \[N,1,16,24\]' info
    grep -qx 'output   output float32 \[N,7\]' info
}

@test "a description of one's own is built" {
    cat >net.json <<'J'
{"name": "tiny", "about": "a line", "input": [2, 4, 4], "classes": 3,
 "layers": [{"conv": "first", "out": 5, "pad": 1}, "relu", "flatten", {"linear": "last", "out": "classes"}]}
J
    nt-zoo ./net.json | nt-info --layers >out
    grep -q ' first  .*\[5,2,3,3\]' out
    grep -q ' last  .*\[3,80\]' out
}

@test "the data sets are listed" {
    nt-zoo data | grep -q '^idx  .*idx:PATH'
}

@test "bad usage is one line and status 2" {
    refuses 2 "'resnet21' is not in the zoo" nt-zoo resnet21 -o a.nt
    refuses 2 "'3x32' is not CxHxW" nt-zoo mlp --input 3x32
    refuses 2 "'0x8x8' is not CxHxW" nt-zoo mlp --input 0x8x8
    refuses 2 "'ten' is not an integer" nt-zoo mlp --classes ten
    refuses 2 "one architecture at a time" nt-zoo mlp lenet5
    [ ! -e a.nt ]
}

@test "a description that is wrong is one line" {
    echo '{"name": "x", "input": [1, 2, 2], "layers": [{"convolution": "a"}]}' >a.json
    echo '{"name": ' >b.json
    for f in a.json b.json missing.json; do
        run nt-zoo "./$f" -o out.nt
        echo "$f: status $status, $output"
        [ "$status" -eq 1 ] || [ "$status" -eq 2 ]
        [ "${#lines[@]}" -eq 1 ]
        [[ "$output" == *"$f"* ]]
        [ ! -e out.nt ]
    done
}

@test "the descriptions may lie elsewhere" {
    mkdir -p share/zoo
    sed 's/"mlp"/"mine"/' "$NT_ROOT/share/zoo/mlp.json" >share/zoo/mine.json
    [ "$(NT_SHARE=$PWD/share nt-zoo list | cut -d ' ' -f 1)" = mine ]
    NT_SHARE=$PWD/share nt-zoo mine | nt-info >/dev/null
}
