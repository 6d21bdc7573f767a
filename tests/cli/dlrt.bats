#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# .dlrt files: written by nt-export, read by nt-run, nt-eval and nt-profile.
load helpers

setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
    small_data
}

# ARCHITECTURE BITS: q.nt and q.dlrt
quantized()
{
    nt-zoo "$1" --input 1x8x8 | nt-quantize --bits "$2" --keep-ends --data idx:data -o q.nt
    nt-export -f dlrt --verify -o q.dlrt q.nt
}

# The first number of that key in nt-profile's JSON
metric()
{
    nt-profile --json --runs 1 --threads 1 "$2" | sed -nE "s/^ *\"$1\": ([0-9.]+),?$/\1/p" | head -n 1
}

@test "networks of 8, 4 and 2 bits give what the models give, in files as small as the bits say" {
    for bits in 8 4 2; do
        quantized resnet8 "$bits"
        nt-eval --data idx:data --threads 1 q.nt >want
        nt-eval --data idx:data --threads 1 q.dlrt >got
        diff want got
    done
    nt-zoo resnet8 --input 1x8x8 -o a.nt
    awk -v a="$(metric model_size_bytes a.nt)" -v q="$(metric model_size_bytes q.dlrt)" \
        'BEGIN { print a, q; exit !(a > 11 * q) }'
}

@test "ResNet-20 with its ends at 8 bits takes at most the promised share of the fp32 archive" {
    nt-zoo resnet20 --input 1x8x8 -o a.nt
    for promise in "8 3.8" "4 7" "2 13"; do
        read -r bits times <<<"$promise"
        quantized resnet20 "$bits"
        awk -v a="$(stat -c %s a.nt)" -v q="$(stat -c %s q.dlrt)" -v t="$times" \
            'BEGIN { print a, q; exit !(a >= t * q) }'
    done
}

@test "depthwise convolutions, global means and dense layers run in integers" {
    quantized mobilenet_v2 8
    nt-run -q --random --threads 1 -o out q.nt
    nt-run --random --threads 1 --expect out/output.npy --atol 0.02 --rtol 0.02 q.dlrt
    nt-profile --json --layers --runs 1 --threads 1 q.dlrt >p.json
    not grep -q '"bits": 32,' <(grep -B12 -A12 '"op": "conv"' p.json)
    [ "$(metric macs q.nt)" = "$(metric macs q.dlrt)" ]
}

@test "a network that is not quantized is written in fp32" {
    nt-zoo resnet8 --input 1x8x8 | nt-fuse-bn -o a.nt
    nt-export -f dlrt -o a.dlrt a.nt
    nt-run -q --random --threads 1 --batch-size 3 -o out a.nt
    nt-run --random --threads 1 --batch-size 3 --expect out/output.npy --atol 1e-4 --rtol 1e-3 a.dlrt
}

@test "all kernels and any number of threads give the same bytes" {
    quantized resnet8 4/8
    nt-run -q --random --threads 1 -o one q.dlrt
    nt-run -q --random --threads 2 -o two q.dlrt
    cmp one/output.npy two/output.npy
    for isa in portable avx2 avx512 neon; do
        NT_RT_ISA=$isa nt-run -q --random --threads 1 -o "$isa" q.dlrt 2>err || {
            grep -q 'NT_RT_ISA names instructions' err
            continue
        }
        nt-run --random --threads 1 --expect "$isa/output.npy" --atol 1e-6 --rtol 0 q.dlrt
    done
    [ -e portable/output.npy ]
    refuses 2 "NT_RT_ISA" env NT_RT_ISA=mmx nt-run --random q.dlrt
}

@test "the same model gives the same bytes, and -d names files" {
    quantized mlp 8
    nt-export -f dlrt q.nt >again.dlrt
    cmp q.dlrt again.dlrt
    nt-export -f onnx,dlrt -d set --name net q.nt
    [ "$(ls set | tr '\n' ' ')" = "net.dlrt net8x8int8.onnx netint8_dynamic_shape.onnx " ]
    cmp q.dlrt set/net.dlrt
}

@test "what cannot be is refused in one line" {
    nt-zoo resnet8 --input 1x8x8 -o a.nt
    refuses 2 "one file has one format" nt-export -f onnx,dlrt -o x a.nt
    refuses 2 "neither --precision fp16 nor --dynamic" nt-export -f dlrt --dynamic -o x a.nt
    refuses 1 "nt-fuse-bn" nt-export -f dlrt -o x a.nt
    [ ! -e x ]
    quantized mlp 8
    head -c 1000 q.dlrt >cut.dlrt
    refuses 1 "cut short" nt-run --random cut.dlrt
    { head -c 600 q.dlrt; printf x; tail -c +602 q.dlrt; } >bad.dlrt
    refuses 1 "checksum" nt-eval --data idx:data bad.dlrt
    refuses 1 "cut.dlrt" nt-profile cut.dlrt
}
