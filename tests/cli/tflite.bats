#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Files for TensorFlow Lite: what they hold and what is refused. That they compute what nt does is seen by
# tests/peer/tflite, in the runtimes themselves.
load helpers
load onnx.bash

# of 3 x 8 x 8: Conv, BatchNormalization, Relu
small()
{
    onnx <<'END'
input x N 3 8 8
const w 4 3 3 3 = 0.5 -1 0.25 1
const g 4 = 1 2
node Conv x w -> a
ints pads 1 1 1 1
node BatchNormalization a g g g g -> b
node Relu b -> y
output y N 4 8 8
END
}

# word FILE AT: four bytes of a file as a number
word() { od -A n -t u4 -j "$2" -N 4 "$1" | tr -d ' '; }

@test "a file has the identifier of schema 3, buffers of 16 bytes and the oldest runtime's version" {
    small >a.onnx
    nt-export -q -f tflite a.onnx -o a.tflite
    [ "$(head -c 8 a.tflite | tail -c 4)" = TFL3 ]
    [ $(($(stat -c %s a.tflite) % 16)) -eq 0 ]
    [ "$(word a.tflite 0)" -lt "$(stat -c %s a.tflite)" ]
    strings a.tflite | grep -qx min_runtime_version
    strings a.tflite | grep -qx '1\.5\.0'
    strings a.tflite | grep -qx serving_default
}

@test "the same model gives the same bytes, on standard output too" {
    small >a.onnx
    nt-export -q -f tflite a.onnx -o a.tflite
    nt-export -q -f tflite -o b.tflite <a.onnx
    nt-export -q -f tflite a.onnx | cmp - a.tflite
    cmp a.tflite b.tflite
}

@test "weights of float16 take half the room, behind a DEQUANTIZE of runtimes from 1.15 on" {
    onnx >a.onnx <<'END'
input x N 64 4 4
const w 64 64 3 3 = 0.5 -1 0.25 1
node Conv x w -> y
output y N 64 2 2
END
    nt-export -q -f tflite a.onnx -o a.tflite
    nt-export -q -f tflite --precision fp16 a.onnx -o h.tflite
    [ $((2 * $(stat -c %s h.tflite))) -lt $(($(stat -c %s a.tflite) + 4096)) ]
    strings h.tflite | grep -qx '1\.15\.0'
    ! strings a.tflite | grep -q '1\.15\.0'
}

@test "a weight that float16 cannot hold stays float32" {
    onnx >a.onnx <<'END'
input x N 4
const w 4 4 = 70000 1
node MatMul x w -> y
output y N 4
END
    nt-export -q -f tflite a.onnx -o a.tflite
    nt-export -q -f tflite --precision fp16 a.onnx -o h.tflite
    cmp a.tflite h.tflite
}

@test "NCHW is kept where it is asked for, with a transposition" {
    small >a.onnx
    nt-export -q -f tflite a.onnx -o a.tflite
    nt-export -q -f tflite --layout nchw a.onnx -o c.tflite
    strings c.tflite | grep -q 'x/nhwc'
    ! strings a.tflite | grep -q '/nhwc'
}

@test "a set has a file for each resolution" {
    small >a.onnx
    nt-export -q -f tflite,onnx a.onnx -d set --name net --resolution 16x16 --fixed
    [ "$(ls set | LC_ALL=C sort | tr '\n' ' ')" = "net.tflite net16x16.tflite net16x16fp32.onnx net8x8fp32.onnx " ]
}

# refused TEXT: the graph on standard input is, with this in the message, and nothing is left
refused()
{
    onnx >bad.onnx
    refuses 1 "$1" nt-export -f tflite bad.onnx -o bad.tflite
    [ ! -e bad.tflite ]
}

@test "what has no form is refused by node, operator and format" {
    refused "Erf_0': Erf: the operator has no form in TFLite" <<<$'input x 1 4\nnode Erf x -> y\noutput y 1 4'
    refused "Elu_0': Elu: an alpha other than 1 has no form in TFLite" \
        <<<$'input x 1 4\nnode Elu x -> y\nfloat alpha 2\noutput y 1 4'
    refused "MaxPool_0': MaxPool: a dilation has no form in TFLite" \
        <<<$'input x 1 2 8 8\nnode MaxPool x -> y\nints kernel_shape 2 2\nints dilations 2 2\noutput y 1 2 6 6'
    refused "Pad_0': Pad: mode 'edge' has no form in TFLite" \
        <<<$'input x 1 2 8 8\nlongs p 8 = 0 0 1 1 0 0 1 1\nnode Pad x p -> y\nword mode edge\noutput y 1 2 10 10'
    refused "ConvTranspose_0': ConvTranspose: a dilation has no form in TFLite" \
        <<<$'input x 1 2 8 8\nconst w 2 2 2 2 = 1\nnode ConvTranspose x w -> y\nints dilations 2 2\noutput y 1 2 10 10'
    refused "Resize_0': Resize: mode 'cubic' has no form in TFLite" \
        <<<$'input x 1 2 4 4\nconst s 4 = 1 1 2 2\nnode Resize x - s -> y\nword mode cubic\noutput y 1 2 8 8'
    refused "Resize_0': Resize: such a coordinate_transformation_mode has no form in TFLite" \
        <<<$'input x 1 2 6 6\nconst s 4 = 1 1 0.4 1\nnode Resize x - s -> y\nword mode linear\noutput y 1 2 2 6'
}

@test "weights of 8 bits without activations are float32 in the file" {
    nt-zoo -q mlp -o a.nt
    nt-quantize -q --bits 8/32 a.nt -o q.nt
    nt-export -q -f tflite a.nt -o a.tflite
    nt-export -q -f tflite q.nt -o q.tflite
    [ "$(stat -c %s q.tflite)" -le $(($(stat -c %s a.tflite) + 512)) ]
    ! cmp -s a.tflite q.tflite
}

@test "a network of 8 bits is a third of the size or less" {
    data=idx:/usr/share/datasets/fashion-mnist
    [ -d "${data#idx:}" ] || skip "no fashion-mnist"
    nt-zoo -q mlp -o a.nt
    nt-quantize -q --bits 8/8 --data "$data" --calibrate 32 a.nt -o q.nt
    nt-export -q -f tflite a.nt -o a.tflite
    nt-export -q -f tflite q.nt -o q.tflite
    [ $((3 * $(stat -c %s q.tflite))) -lt "$(stat -c %s a.tflite)" ]
}

@test "settings of other formats are usage errors" {
    small >a.onnx
    refuses 2 "a .tflite file has no --dynamic" nt-export -f tflite --dynamic a.onnx -o x
    refuses 2 "inputs and outputs of float32" nt-export -f tflite --precision fp16 --io fp16 a.onnx -o x
    refuses 2 "--int4 is for onnx" nt-export -f tflite --int4 a.onnx -o x
    refuses 2 "--layout is for format 'tflite'" nt-export --layout nchw a.onnx -o x
    refuses 2 "--verify: nt does not read format 'tflite'" nt-export -f tflite --verify a.onnx -o x
}
