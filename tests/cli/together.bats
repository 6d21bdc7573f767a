#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What a command writes appears together, or not at all.
load helpers

setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
    small_data
    nt-zoo resnet8 --input 1x8x8 -o a.nt
    nt-run a.nt --random --threads 1 -o want
    mkdir full # nothing can be written into it as a file
    nt-zoo lenet5 -o l.nt
    : >there
    ls -A | sort >there
}

# fails STATUS TEXT COMMAND...: and the folder is as it was
fails()
{
    refuses "$@" && ls -A | sort | diff - there && [ -z "$(ls -A full)" ]
}

@test "a wrong size is said before the first file is made" {
    for size in 0x0 text 8 8x 8x8x8 -1x8 8x99999 1e1x8; do
        fails 2 "--resolution: '$size' is not HxW" nt-export a.nt -d set --resolution 8x8 "--resolution=$size"
        fails 2 "'$size' is not HxW" nt-export a.nt -o x.onnx "--resolution=$size"
    done
    fails 2 "" nt-export -f onnx,dlrt a.nt -d set --resolution 8x8 --int4
    fails 2 "format 'pt2'" nt-export -f onnx,pt2 a.nt -d set
}

@test "of several files none appears where one fails" {
    fails 1 "does not fit" nt-export l.nt -d deep/set --resolution 28x28 --resolution 4x4 --verify
    fails 1 "full: is a folder" nt-prune -s 0.5 a.nt -o x.nt --report full
    fails 1 "full: is a folder" nt-prune -s 0.5 a.nt -o full --report r.json
    fails 1 "full: is a folder" nt-prune -s 0.5 a.nt -o x.nt --export-masks masks/all --save-plan full
    fails 1 "a.nt: cannot make the folder" nt-prune -s 0.5 a.nt -o x.nt --save-plan p.json --export-masks a.nt/m
    fails 1 "none/p.json" nt-prune -s 0.5 a.nt -o x.nt --export-masks masks --save-plan none/p.json
    fails 1 "full: is a folder" nt-quantize --bits 8/32 a.nt -o x.nt --save-plan full
    fails 1 "full: is a folder" nt-quantize --bits 8/32 a.nt -o x.nt --save-plan p.json --report full
    fails 1 "full: is a folder" nt-finetune a.nt --data idx:data --steps 1 -o x.nt --report full
    fails 1 "full: is a folder" nt-fuse-bn a.nt -o x.nt --report full
    fails 1 "full: is a folder" nt-shrink a.nt -o x.nt --report full
}

@test "a report that cannot be written is noticed before a model goes to standard output" {
    for t in "nt-prune -s 0.5" "nt-shrink" "nt-fuse-bn" "nt-quantize --bits 8/32"; do
        refuses 1 "full: is a folder" $t a.nt --report full
    done
}

@test "nt-run writes its outputs when all else is done" {
    fails 1 "none.npy" nt-run a.nt --random --threads 1 -o out --expect none.npy
    fails 2 "the model has no output 'y'" nt-run a.nt --random --threads 1 -o out --expect y=want/output.npy
    fails 1 "full: is a folder" nt-run a.nt --random --threads 1 -o out --report full
    fails 1 "cannot make the folder" nt-run a.nt --random --threads 1 -o a.nt/out
    cp want/output.npy b.npy
    nt-run a.nt --random --threads 1 -o b.out --report r.json --expect b.npy
    cmp b.npy b.out/output.npy
    [ -s r.json ]
}

@test "an old file stays when another one fails" {
    echo old >x.nt
    echo old >p.json
    refuses 1 "full: is a folder" nt-prune -s 0.5 a.nt -o x.nt --save-plan p.json --export-masks m --report full
    [ "$(cat x.nt p.json)" = "old
old" ]
    [ ! -e m ]
    nt-prune -q -s 0.5 a.nt -o x.nt --save-plan p.json --export-masks m --report r.json
    nt-info x.nt >/dev/null
    [ -s p.json ] && [ -s r.json ] && [ -s m/masks.json ]
}

@test "the wrong options of a job leave no job folder" {
    fails 2 "" nt-optimize --model a.nt --data idx:data --delta 1 --steps 0 --job-dir job
    echo '{"model": "a.nt", "data": "idx:data", "level": 7}' >job.json
    mv job.json full.json
    echo full.json >>there
    sort -o there there
    fails 2 "level" nt-optimize full.json --job-dir job
}

@test "a tool that is stopped leaves none of its files" {
    nt-finetune a.nt --data idx:data --epochs 100000 --threads 1 -o x.nt --report r.json &
    pid=$!
    sleep 0.5
    kill "$pid"
    run wait "$pid"
    ls -A | sort | diff - there
}

@test "a verified file that differs is there, with status 3; one that cannot be verified is not" {
    nt-export --dynamic a.nt -o d.onnx
    nt-export --fixed --verify a.nt -o f.onnx
    refuses 2 "is open, and a size is wanted (--resolution HxW)" nt-export --dynamic --verify d.onnx -o x.onnx
    [ ! -e x.onnx ]
}
