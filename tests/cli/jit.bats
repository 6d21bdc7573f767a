#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# TorchScript files: what they hold and what is refused. That they compute what nt does, and train, is seen
# by tests/peer/jit in PyTorch.
load helpers
load onnx.bash

# of 3 x 8 x 8: Conv, BatchNormalization, Relu
small()
{
    onnx <<'END'
input x N 3 8 8
const w 4 3 3 3 = 0.5 -1 0.25 1
const g 4 = 1 2
const d 4 = 0.5
const m 4 = 0.1 0.2
const v 4 = 1 2 3 4
node Conv x w -> a
ints pads 1 1 1 1
node BatchNormalization a g d m v -> b
node Relu b -> y
output y N 4 8 8
END
}

# The members of a zip file by its directory, each as "name method bytes date time".
members()
{
    od -A n -v -t u1 -w1 "$1" | awk '
        { b[n++] = $1 + 0 }
        function u(at, size,  v) { for (v = 0; size > 0; size--) v = v * 256 + b[at + size - 1]; return v }
        END {
            at = u(n - 6, 4)
            for (k = u(n - 12, 2); k > 0; k--) {
                name = ""
                for (i = 0; i < u(at + 28, 2); i++) name = name sprintf("%c", b[at + 46 + i])
                print name, u(at + 10, 2), u(at + 24, 4), u(at + 14, 2), u(at + 12, 2)
                at += 46 + u(at + 28, 2) + u(at + 30, 2) + u(at + 32, 2)
            }
        }'
}

@test "a file is a zip of one folder, stored, with code, parameters and a version" {
    small >a.onnx
    nt-export -q -f jit a.onnx -o a.pt
    members a.pt >list
    [ "$(cut -d / -f 1 list | sort -u | wc -l)" = 1 ]
    [ "$(cut -d ' ' -f 2 list | sort -u)" = 0 ]
    for name in data.pkl constants.pkl version; do grep -q "^[^/]*/$name " list; done
    grep -q '^[^/]*/code/__torch__.*\.py ' list
    grep -q '/data/0 0 432 ' list # the filters, 4 x 3 x 3 x 3 floats
    [ "$(cut -d ' ' -f 4- list | sort -u | wc -l)" = 1 ] # of no time
    grep -aq 'running_mean' a.pt
}

@test "the same model gives the same bytes, on standard output too" {
    small >a.onnx
    nt-export -q -f jit a.onnx -o a.pt
    nt-export -q -f jit -o b.pt <a.onnx
    nt-export -q -f jit a.onnx | cmp - a.pt
    cmp a.pt b.pt
}

@test "a set has an open file, and one for each resolution" {
    small >a.onnx
    nt-export -q -f jit a.onnx -d set --name net --resolution 16x16 --resolution 8x8
    [ "$(ls set | LC_ALL=C sort | tr '\n' ' ')" = "net16x16_jit.pt net8x8_jit.pt net_jit.pt " ]
}

@test "weights of float16 take half the room" {
    onnx >a.onnx <<'END'
input x N 64 4 4
const w 64 64 3 3 = 0.5 -1 0.25 1
node Conv x w -> y
output y N 64 2 2
END
    nt-export -q -f jit a.onnx -o a.pt
    nt-export -q -f jit --precision fp16 a.onnx -o h.pt
    [ $((2 * $(stat -c %s h.pt))) -lt $(($(stat -c %s a.pt) + 8192)) ]
}

# refused TEXT: the graph on standard input is, with this in the message, and nothing is left
refused()
{
    onnx >bad.onnx
    refuses 1 "$1" nt-export -f jit bad.onnx -o bad.pt
    [ ! -e bad.pt ]
}

@test "what has no form is refused by node, operator and format" {
    refused "format 'jit': node 'Det_0': Det: it has no form in TorchScript" \
        <<<$'input x 1 2 2\nnode Det x -> y\noutput y 1'
    refused "format 'jit': node 'TopK_0': TopK" \
        <<<$'input x 1 8\nlongs k 1 = 2\nnode TopK x k -> y i\noutput y 1 2'
}

@test "settings of other formats are usage errors" {
    small >a.onnx
    refuses 2 "--int4 is for onnx" nt-export -f jit --int4 a.onnx -o x
    refuses 2 "--layout is for format 'tflite'" nt-export -f jit --layout nchw a.onnx -o x
    refuses 2 "--verify: nt does not read format 'jit'" nt-export -f jit --verify a.onnx -o x
}
