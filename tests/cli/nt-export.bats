#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
load helpers

setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
    nt-zoo resnet8 -o a.nt
    nt-run a.nt --random --threads 1 -o out
}

@test "the file gives the same outputs" {
    nt-export -f onnx a.nt -o a.onnx --verify
    nt-run a.onnx --random --threads 1 --expect out/output.npy
}

@test "weights of 4 bits are written as INT4 on request, and mean the same" {
    nt-zoo resnet8 --input 1x8x8 | nt-quantize --bits 4/32 -o q.nt
    nt-export q.nt -o byte.onnx
    nt-export --int4 --verify q.nt -o half.onnx
    nt-info half.onnx | grep -q '^opset *21'
    awk -v a="$(stat -c %s byte.onnx)" -v b="$(stat -c %s half.onnx)" \
        'BEGIN { print a, b; exit !(b < 0.65 * a) }'
    nt-run -q --random --threads 1 --precision fp32 -o out byte.onnx
    nt-run --random --threads 1 --precision fp32 --expect out/output.npy --atol 0 --rtol 0 half.onnx
    nt-run --random --threads 1 --expect out/output.npy half.onnx
    nt-zoo resnet8 --input 1x8x8 | nt-quantize --bits 8/32 -o q8.nt
    refuses 2 "no weight has 4 bits or fewer" nt-export --int4 q8.nt -o x.onnx
    refuses 2 "packed anyway" nt-export -f dlrt --int4 q.nt -o x.dlrt
    [ ! -e x.onnx ] && [ ! -e x.dlrt ]
}

@test "fp16 halves the file, keeps fp32 inputs and outputs, and is near" {
    nt-export a.nt -o a.onnx
    nt-export --precision fp16 a.nt -o half.onnx --verify
    [ "$(wc -c <half.onnx)" -lt "$(($(wc -c <a.onnx) * 6 / 10))" ]
    nt-info half.onnx | grep -q 'input    input float32'
    nt-run half.onnx --random --threads 1 --expect out/output.npy --rtol 0.05 --atol 0.05
}

@test "what is open in the model stays open; --fixed has batch 1, and says so with -v; --dynamic opens it" {
    nt-export -v a.nt -o a.onnx 2>err
    grep -q 'note: a.onnx: what is open in the model is open (--fixed fixes it)' err
    nt-info a.onnx | grep -q 'input    input float32 \[N,3,32,32\]'
    nt-export -v --fixed a.nt -o f.onnx 2>err
    grep -q 'note: f.onnx: the batch is fixed at 1' err
    nt-info f.onnx | grep -q 'input    input float32 \[1,3,32,32\]'
    nt-info f.onnx | grep -q 'output   output float32 \[1,10\]'
    nt-export --dynamic f.onnx -o d.onnx
    nt-info d.onnx | grep -q 'input    input float32 \[N,3,height,width\]'
    nt-info d.onnx | grep -q 'output   output float32 \[N,10\]'
    nt-run d.onnx --random --threads 1 --resolution 32x32 --expect out/output.npy
    nt-export -v --dynamic a.nt -o b.onnx 2>err
    grep -q 'note: b.onnx: open batch' err
    nt-info b.onnx | grep -q 'input    input float32 \[N,'
}

# Symbols of the model's own, named like nobody else's; and the outputs' too
own_names()
{
    nt-export --dynamic a.nt -o d.onnx
    sed 's/height/heigth/g; s/width/wiidt/g' d.onnx >own.onnx
}

@test "symbols keep their names through every tool" {
    own_names
    small_data
    for t in "nt-import" "nt-fuse-bn" "nt-prune -s 0.5" "nt-prune -s 0.5 --shrink" "nt-shrink" \
        "nt-quantize --bits 8/32" "nt-export -f onnx" "nt-export --dynamic" "nt-export --precision fp16"; do
        echo "$t"
        $t own.onnx -o x
        [ "$(nt-info x | grep -E '^(in|out)put')" = "$(nt-info own.onnx | grep -E '^(in|out)put')" ]
    done
    nt-info x | grep -q 'input    input float32 \[N,3,heigth,wiidt\]'
    nt-export own.onnx -d set --resolution 16x24 --resolution 32x32 --verify
    [ "$(ls set | tr '\n' ' ')" = "model16x24fp32.onnx model32x32fp32.onnx modelfp32_dynamic_shape.onnx " ]
    nt-info set/modelfp32_dynamic_shape.onnx | grep -q 'input    input float32 \[N,3,heigth,wiidt\]'
    nt-info set/model16x24fp32.onnx | grep -q 'input    input float32 \[1,3,16,24\]'
}

@test "a size that is open and wanted is asked for by name, and given with --resolution" {
    own_names
    want="input 'input': dimension 2 ('heigth') is open, and a size is wanted (--resolution HxW)"
    refuses 2 "$want" nt-export --fixed own.onnx -o x
    refuses 2 "$want" nt-export --dynamic --verify own.onnx -o x
    refuses 2 "$want" nt-export -f dlrt own.onnx -o x
    refuses 2 "$want" nt-profile own.onnx
    refuses 2 "its shape is not fixed ('heigth' is open): give a tensor, or --resolution HxW" nt-run --random own.onnx
    refuses 2 "data are wanted, or --resolution HxW" nt-diff own.onnx own.onnx
    [ ! -e x ]
    nt-export --dynamic --verify --resolution 16x24 own.onnx -o x
    nt-info x | grep -q 'input    input float32 \[N,3,heigth,wiidt\]'
    nt-run --random --threads 1 --resolution 32x32 own.onnx --expect out/output.npy
    nt-diff --threads 1 own.onnx a.nt --resolution 32x32
    nt-profile --threads 1 --runs 1 --resolution 32x32 --json own.onnx | grep -m 1 '"macs"' >one
    nt-profile --threads 1 --runs 1 --json a.nt | grep -m 1 '"macs"' | cmp - one
    refuses 2 "'32' is not HxW" nt-profile --resolution 32 own.onnx
}

@test "nt-profile takes an open size from the data" {
    small_data
    nt-zoo resnet8 --input 1x8x8 -o small.nt
    nt-export --dynamic small.nt -o open.onnx
    nt-profile --threads 1 --runs 1 --data idx:data --json open.onnx | grep -m 1 '"macs"' >one
    nt-profile --threads 1 --runs 1 --json small.nt | grep -m 1 '"macs"' | cmp - one
}

@test "-d writes the set of files" {
    nt-export a.nt -d set --name net --resolution 48x64
    [ "$(ls set | tr '\n' ' ')" = "net32x32fp32.onnx net48x64fp32.onnx netfp32_dynamic_shape.onnx " ]
    nt-info set/net48x64fp32.onnx | grep -q 'input .*,3,48,64\]'
    nt-info set/netfp32_dynamic_shape.onnx | grep -qE 'input +input float32 \[[A-Za-z]'
}

@test "bad usage is one line and status 2" {
    refuses 2 "format 'pt2' is not supported (onnx, jit, tflite, dlrt, c)" nt-export -f pt2 a.nt -o x
    refuses 2 "'32' is not HxW" nt-export --resolution 32 a.nt -o x
    refuses 2 "exclude each other" nt-export a.nt -d x -o y
    refuses 2 "one file has one resolution" nt-export --resolution 32x32 --resolution 64x64 a.nt -o x
    run bash -c 'nt-export --verify a.nt >x'
    [ "$status" -eq 2 ]
    [ "${#lines[@]}" -eq 1 ]
    [ ! -s x ]
}

@test "a resolution that does not fit is refused, and nothing is left" {
    nt-zoo lenet5 -o l.nt
    run nt-export --resolution 4x4 l.nt -o x.onnx
    echo "status $status, $output"
    [ "$status" -ne 0 ]
    [ "${#lines[@]}" -eq 1 ]
    [ ! -e x.onnx ]
}

# A network all in float16, and one of float16 between float32
halves()
{
    nt-export --precision fp16 --io fp16 a.nt -o all.onnx
    nt-export --precision fp16 a.nt -o inside.onnx
    nt-info all.onnx | grep -q 'input    input float16 \[N,'
    nt-info all.onnx | grep -q 'output   output float16 \[N,'
    nt-info inside.onnx | grep -q 'input    input float32 \[N,'
}

@test "--precision fp32 makes float32 of float16, inputs and outputs too" {
    halves
    nt-run all.onnx --random --threads 1 -o want
    for m in all inside; do
        for o in "" "--precision fp32"; do
            nt-export $o --verify $m.onnx -o f.onnx
            nt-info f.onnx | grep -q 'input    input float32 \[N,'
            nt-info f.onnx | grep -q 'output   output float32 \[N,'
            [ "$(wc -c <f.onnx)" -gt "$(($(wc -c <$m.onnx) * 17 / 10))" ]
            not grep -qa 'Cast' f.onnx
            nt-run f.onnx --random --threads 1 --expect out/output.npy --rtol 0.05 --atol 0.05
        done
    done
    for io in keep:float16 fp16:float16 fp32:float32; do
        nt-export --precision fp16 --io ${io%:*} --verify all.onnx -o h.onnx
        nt-info h.onnx | grep -q "input    input ${io#*:} "
        nt-info h.onnx | grep -q "output   output ${io#*:} "
    done
    refuses 2 "--io fp16 goes with --precision fp16" nt-export --io fp16 a.nt -o x
}

@test "tools that change weights bring float16 to float32 first, and say so with -v" {
    small_data
    nt-zoo resnet8 --input 1x8x8 -o a.nt
    halves
    for m in all inside; do
        nt-export $m.onnx -o f.onnx
        for t in "nt-prune -s 0.5" "nt-prune -s 0.5 --shrink" "nt-shrink" "nt-fuse-bn" "nt-quantize --bits 8/32" \
            "nt-quantize --bits 8/8 --data idx:data --calibrate 20" "nt-finetune --data idx:data --steps 2 --threads 1"; do
            echo "$m $t"
            $t -v $m.onnx -o h.nt 2>err
            grep -q "note: the model's float16 and bfloat16 become float32" err
            $t f.onnx -o f.nt
            [ "$(tar xOf h.nt model.onnx | sha256sum)" = "$(tar xOf f.nt model.onnx | sha256sum)" ]
        done
        nt-eval --threads 1 --data idx:data $m.onnx >one
        nt-eval --threads 1 --data idx:data f.onnx | cmp - one
        nt-profile --threads 1 --runs 1 --data idx:data $m.onnx >/dev/null
    done
    nt-finetune --data idx:data --steps 2 --threads 1 a.nt --teacher all.onnx -o t.nt
}
