#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
load helpers

setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
    small_data
    nt-zoo mlp --input 1x8x8 -o a.nt
    nt-zoo mlp --input 1x8x8 --seed 1 -o b.nt
}

value()
{
    awk -v name="$1" '$1 == name { print $2 }'
}

@test "text is one name and value a line" {
    nt-eval a.nt --data idx:data --metric accuracy,top5,loss >out
    [ "$(cut -d ' ' -f 1 out | tr '\n' ' ')" = \
      "accuracy top5 loss accuracy_low accuracy_high top5_low top5_high loss_low loss_high samples " ]
    [ "$(value samples <out)" = 40 ]
    awk '$1 == "accuracy" { a = $2 } $1 == "accuracy_low" { l = $2 } $1 == "accuracy_high" { h = $2 }
         END { exit !(l <= a && a <= h && h <= 100) }' out
    awk '$1 == "loss" { a = $2 } $1 == "loss_low" { l = $2 } $1 == "loss_high" { h = $2 }
         END { exit !(l < a && a < h) }' out
}

@test "JSON has metrics, samples and confidence" {
    nt-eval a.nt --data idx:data --json --report file.json >out.json
    cmp out.json file.json
    grep -q '"metrics"' out.json
    grep -q '"confidence"' out.json
    grep -q '"samples": 40' out.json
}

@test "standard input and another batch size give the same figures" {
    nt-eval a.nt --data idx:data --metric accuracy,loss >want
    nt-eval --data idx:data --metric accuracy,loss <a.nt | cmp want
    nt-eval a.nt --data idx:data --metric accuracy --batch-size 7 | grep '^accuracy ' |
        cmp - <(grep '^accuracy ' want)
}

@test "a model compared with itself has no drop, and p is 1" {
    nt-eval a.nt --data idx:data --compare a.nt >out
    [ "$(value accuracy_drop <out)" = 0 ]
    [ "$(value accuracy_mcnemar_p <out)" = 1 ]
    awk '$1 == "accuracy_drop_low" { exit !($2 < 0) }' out
}

@test "a comparison is of the reference minus the model" {
    nt-eval a.nt --data idx:data --compare b.nt >out
    a=$(nt-eval a.nt --data idx:data | value accuracy)
    b=$(nt-eval b.nt --data idx:data | value accuracy)
    [ "$(value accuracy_reference <out)" = "$b" ]
    awk -v d="$(value accuracy_drop <out)" -v a="$a" -v b="$b" \
        'BEGIN { e = d - (b - a); exit !(e < 1e-4 && e > -1e-4) }'
}

@test "a command gives the metrics, and is handed the path as one word" {
    mkdir "my models"
    cp a.nt "my models/a b.nt"
    cat >measure <<'S'
#!/bin/sh
[ -f "$2" ] && printf '{"map": 0.%s, "speed": 3}' "$1"
S
    chmod +x measure
    nt-eval "my models/a b.nt" --command "./measure 25" >out
    [ "$(cat out)" = "map 0.25
speed 3" ]
    nt-eval a.nt --command "./measure 25" --compare b.nt | grep -q '^map_drop 0$'
}

@test "a command that fails or prints something else is an error" {
    refuses 1 "exited with status 3" nt-eval a.nt --command "exit 3;"
    refuses 1 "it printed nothing" nt-eval a.nt --command "true"
    refuses 1 "is not a number" nt-eval a.nt --command "echo '{\"a\": \"b\"}' #"
    refuses 1 "its output" nt-eval a.nt --command "echo hello #"
}

@test "bad usage is one line and status 2" {
    refuses 2 "--data is missing" nt-eval a.nt
    refuses 2 "metric 'bleu' is not known (accuracy, top5, loss)" \
        nt-eval a.nt --data idx:data --metric bleu
    refuses 2 "asked for twice" nt-eval a.nt --data idx:data --metric loss,loss
    refuses 2 "nope" nt-eval a.nt --data idx:data --split nope
    refuses 2 "wants the model as a file" nt-eval --command true
}

@test "bad input is one line and status 1" {
    nt-zoo mlp --input 3x8x8 -o rgb.nt
    refuses 1 "rgb.nt: input 'input' is [N,3,8,8], but a sample of the data is [1,8,8]" \
        nt-eval rgb.nt --data idx:data
    refuses 1 "missing.nt" nt-eval missing.nt --data idx:data
    run bash -c 'nt-eval a.nt --data idx:data >/dev/full'
    [ "$status" -eq 1 ]
}

@test "outputs that were kept give the same figures, and are noticed when they are not those" {
    ask=(nt-eval a.nt --data idx:data --metric accuracy,top5,loss --compare b.nt --json)
    "${ask[@]}" >want
    "${ask[@]}" --cache a.said --compare-cache b.said | cmp want
    cp a.said a.good
    "${ask[@]}" --cache a.said --compare-cache b.said | cmp want
    cmp a.said a.good
    printf X | dd of=a.said bs=1 seek=500 conv=notrunc status=none
    "${ask[@]}" --cache a.said --compare-cache b.said 2>err | cmp want
    grep -q "nt-eval: warning: a.said: damaged" err
    cmp a.said a.good
    "${ask[@]}" --cache b.said --compare-cache a.said 2>err | cmp want # each other's
    [ "$(grep -c 'holds outputs of something else' err)" -eq 2 ]
    "${ask[@]}" --limit 20 >want
    "${ask[@]}" --limit 20 --cache b.said 2>err | cmp want
    grep -q "b.said: holds outputs of something else" err
    refuses 1 "a.nt: holds no outputs of a network" nt-eval a.nt --data idx:data --cache a.nt
    refuses 2 "--compare-cache needs --compare" nt-eval a.nt --data idx:data --compare-cache c
    refuses 2 "want the model as a file" nt-eval - --data idx:data --cache c
    refuses 2 "do not go with --command" nt-eval a.nt --command true --cache c
}
