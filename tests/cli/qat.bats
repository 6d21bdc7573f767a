#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Quantization-aware training on pictures: what little of it makes of a network, by method.
load helpers

setup_file()
{
    cd "$BATS_FILE_TMPDIR" || return 1
    PATH=${NT_BIN:-$(cd "$BATS_TEST_DIRNAME/../.." && pwd)/build/bin}:$PATH
    [ -e /usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz ] || return 0
    nt-zoo lenet5 --input 1x28x28 |
        nt-finetune -q --data idx:/usr/share/datasets/fashion-mnist,batch_size=64 --steps 400 \
            --lr 0.05 --momentum 0.9 --threads 1 --precision fp32 -o net.nt
}

setup()
{
    cd "$BATS_FILE_TMPDIR" || return 1
    [ -e net.nt ] || skip "$FASHION_MNIST is missing"
    data=idx:$FASHION_MNIST,batch_size=64
}

accuracy()
{
    nt-eval "$1" --data "$data" --threads 1 --precision fp32 | awk '$1 == "accuracy" { print $2 }'
}

# gains METHOD BITS POINTS: 150 steps of it give so much more than rounding at once does, and what
# is exported is as good.
gains()
{
    local before after

    nt-quantize -q --bits "$2" --data "$data" -o rounded.nt net.nt
    before=$(accuracy rounded.nt)
    nt-quantize -q --bits "$2" --method "$1" --data "$data" -o prepared.nt net.nt
    nt-finetune -q --data "$data" --steps 150 --lr 0.01 --momentum 0.9 --threads 1 --precision fp32 \
        "${@:4}" -o trained.nt prepared.nt
    after=$(accuracy trained.nt)
    nt-export -q -f onnx --dynamic -o trained.onnx trained.nt
    echo "$1 at $2: $before rounded, $after trained, $(accuracy trained.onnx) exported"
    awk -v a="$after" -v b="$before" -v d="$3" 'BEGIN { exit !(a - b >= d) }'
    [ "$(accuracy trained.onnx)" = "$after" ]
}

@test "qat gains 15 points with weights of 2 bits" { gains qat 2/4 15; }
@test "lsq gains 20 points at 2 bits" { gains lsq 2/2 20; }
@test "lsq+ gains 20 points at 2 bits" { gains lsq+ 2/2 20; }
@test "dorefa gains 15 points at 2 bits" { gains dorefa 2/2 15; }
@test "pact gains 15 points at 2 bits" { gains pact 2/2 15; }
@test "bnn gains 40 points at 1 bit" { gains bnn 1/1 40; }
@test "xnor gains 35 points at 1 bit" { gains xnor 1/1 35; }

@test "bits that come down, from 8 over 4 to 2, gain as much" {
    gains lsq 2/2 20 --progressive 8:0.04,4:0.04
}
