#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
load helpers

@test "it says what the model is" {
    nt-zoo lenet5 | nt-info >out
    grep -qx 'input    input float32 \[N,1,28,28\]' out
    grep -qx 'masks    no' out
    nt-zoo lenet5 | nt-prune -s 0.5 | nt-info | grep -qx 'masks    yes'
}

@test "the digest is that of the file" {
    nt-zoo lenet5 -o a.nt
    nt-info a.nt | grep -qx "digest   $(sha256sum <a.nt | cut -d ' ' -f 1)"
    nt-info a.nt | grep -qx "bytes    $(wc -c <a.nt)"
}

@test "JSON has the layers, in order" {
    nt-zoo lenet5 | nt-info --json >out.json
    [ "$(grep -o '"name": "\(conv\|fc\)[0-9]"' out.json | tr -dc '0-9\n' | tr '\n' ' ')" = \
      "1 2 1 2 3 " ]
}

@test "history lists the tools, and the same commands give the same model" {
    nt-zoo lenet5 --seed 3 | nt-prune -s 0.5 | nt-shrink -o a.nt
    [ "$(nt-info --history a.nt | awk '{ print $2 }' | tr '\n' ' ')" = "nt-zoo nt-prune nt-shrink " ]
    nt-zoo lenet5 --seed 3 | nt-prune -s 0.5 | nt-shrink | cmp - a.nt
}

@test "nothing of the machine is in an archive" {
    mkdir "$PWD/deep"
    nt-zoo lenet5 -o deep/a.nt
    nt-prune -s 0.5 "$PWD/deep/a.nt" -o deep/b.nt
    not grep -qaF "$BATS_TEST_TMPDIR" deep/b.nt
    not grep -qa 'deep' deep/b.nt
    tar tvf deep/b.nt --utc --numeric-owner | not grep -v ' 0/0 .* 1970-01-01 00:00 '
}

@test "--verify says nothing of a whole archive, and wants one" {
    nt-zoo lenet5 -o a.nt
    nt-info --verify a.nt | cmp - <(nt-info a.nt)
    nt-export a.nt -o a.onnx
    refuses 1 "holds no hashes" nt-info --verify a.onnx
}

@test "the operators are listed, as JSON too" {
    nt-info --ops | grep -q '^Conv '
    [ "$(nt-info --ops --json | grep -c '"name"')" -eq "$(($(nt-info --ops | wc -l) - 2))" ]
}

@test "the operators of a model are listed, with the number of their nodes" {
    nt-zoo lenet5 -o a.nt
    nt-info --ops a.nt >ops
    [ "$(awk '$1 == "Conv" { print $3, $4, $5, $6, $7 }' ops)" = "2 yes yes yes yes" ]
    nt-info --ops - <a.nt | cmp - ops
    [ "$(nt-info --ops --json a.nt | grep -c '"nodes"')" -eq "$(($(wc -l <ops) - 2))" ]
    refuses 1 "No such file" nt-info --ops none.onnx
}
