#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Programs of the user's in a job: one that measures, one that trains.
load helpers

setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
    export NEUTRINO_HOME=$PWD/home
    small_data
    nt-zoo mlp --input 1x8x8 -o ref.nt
}

# program NAME TEXT: of the shell
program()
{
    printf '#!/bin/sh\n%s\n' "$2" >"$1"
    chmod +x "$1"
}

# optimize KEYS [OPTION]...: in ./job
optimize()
{
    echo "{\"model\": \"ref.nt\", \"data\": \"idx:data\", \"epochs\": 2, $1}" >job.json
    shift
    nt-optimize --threads 1 -q --job-dir job job.json "$@"
}

# ---- eval_func

@test "of several metrics eval_key's counts" {
    program measure 'case $1 in *ref_model*) f=0.75;; *) f=0.5;; esac
echo "{\"accuracy\": 99, \"f1\": $f, \"seconds\": 3}"'
    optimize "\"eval_func\": \"$PWD/measure\", \"eval_key\": \"f1\", \"delta\": 0.3, \"budget\": {\"steps\": 1}"
    grep -q '"eval_metric": 0.5,' job/state.json && grep -q '"drop": 0.25,' job/state.json
    grep -q '"target": 0.45' job/metrics.json
    rm -r job
    run optimize "\"eval_func\": \"$PWD/measure\", \"eval_key\": \"f1\", \"delta\": 0.2, \"budget\": {\"steps\": 1}"
    [ "$status" -eq 3 ]
}

# measured_as STATUS WORDS PROGRAM: one line
measured_as()
{
    rm -rf job
    program measure "$3"
    refuses "$1" "$2" optimize "\"eval_func\": \"$PWD/measure\", \"eval_key\": \"f1\", \"delta\": 0.1"
    [ ! -e job/ref_model.json ]
}

@test "what a measuring command gets wrong is one line" {
    measured_as 1 "its 'f1' is not a number" 'echo "{\"f1\": \"0.5\"}"'
    measured_as 1 "its 'f1' is not a number" 'echo "{\"f1\": null}"'
    measured_as 1 "its output: line 1" 'echo f1 0.5'
    measured_as 1 "it printed no JSON object" 'echo 0.5'
    measured_as 1 "it printed nothing" ':'
    measured_as 1 "it exited with status 4" 'echo "{\"f1\": 0.5}"; exit 4'
    rm -rf job
    printf '#!/nowhere\n' >measure # what cannot be run at all
    refuses 1 "measure" optimize "\"eval_func\": \"$PWD/measure\""
}

@test "a metric that the command does not give is named" {
    program measure 'echo "{\"accuracy\": 0.5, \"loss\": 1}"'
    refuses 1 "eval_key: 'f1' is not among what was measured (accuracy, loss)" \
        optimize "\"eval_func\": \"$PWD/measure\", \"eval_key\": \"f1\", \"delta\": 0.1" --dryrun
    program measure 'echo "{\"f1\": 0.5}"' # it is asked once more
    optimize "\"eval_func\": \"$PWD/measure\", \"eval_key\": \"f1\", \"delta\": 0.1" --dryrun
}

@test "a delta of another scale is refused with what was measured, and leaves nothing" {
    program measure 'echo "{\"f1\": 0.75}"'
    refuses 2 "delta: 1 would accept any model, since the reference's f1 on 'test' is 0.75" \
        optimize "\"eval_func\": \"$PWD/measure\", \"eval_key\": \"f1\""
    [ ! -e job ]
    mkdir job && echo mine >job/note
    refuses 2 "is 0.75" optimize "\"eval_func\": \"$PWD/measure\", \"eval_key\": \"f1\""
    [ "$(cat job/note)" = mine ] && [ ! -e job/ref_model.json ]
    optimize "\"eval_func\": \"$PWD/measure\", \"eval_key\": \"f1\", \"delta\": 0.1" --dryrun
}

# ---- external_training_loop

trainer='echo "$NT_FINETUNING $NT_EPOCHS $NT_VALIDATION $NT_LOOP_TEST $NT_SEED $NT_EVAL_SPLIT" >>"$0.log"
[ -s "$1" ] && [ ! -s "$2" ] && [ -s "$NT_DATA" ] && [ -s "$NT_TEACHER" ] || exit 9
echo "$NT_SETTINGS" | grep -q "^{.*\"lr\":0.125.*}$" || exit 8
echo noise
exec nt-finetune "$1" --data "$NT_DATA" --steps 1 --threads 1 -q -o "$2"'

@test "trainings by a command: long and short, with their settings, and none of ours" {
    program train "$trainer"
    optimize "\"external_training_loop\": {\"command\": \"$PWD/train\"}, \"delta\": 17, \"seed\": 5,
        \"search_split\": \"test\",
        \"optimizer\": {\"name\": \"SGD\", \"lr\": 0.125}, \"budget\": {\"steps\": 4},
        \"full_trainer\": {\"epochs\": 7, \"early_stopping_patience\": 3}" || [ $? -eq 3 ]
    grep -qx '1 1 0 0 5 ' train.log
    [ "$(grep -cvxE '1 1 0 0 5 |0 7 1 0 5 test' train.log)" -eq 0 ]
    grep -q noise job/job.log
}

@test "a long training by a command, in a dry run" {
    program train "$trainer"
    optimize "\"external_training_loop\": \"$PWD/train\", \"delta\": 5, \"seed\": 5,
        \"optimizer\": {\"name\": \"SGD\", \"lr\": 0.125}" --dryrun
    sort -u train.log >runs
    printf '%s\n' '0 2 0 1 5 ' '1 1 0 1 5 ' | cmp - runs
}

# trained_as WORDS PROGRAM
trained_as()
{
    rm -rf job
    program train "$2"
    refuses 1 "$1" optimize "\"external_training_loop\": \"$PWD/train\", \"delta\": 5" --dryrun
    [ -z "$(ls job/candidates | grep -v plan)" ]
}

@test "a training command that fails, or leaves no model, is one line" {
    trained_as "train': it exited with status 3" 'exit 3'
    trained_as "train': it wrote no model to the second path it was given" ':'
    trained_as "train': what it wrote" 'echo garbage >"$2"'
}

@test "nt-finetune --command: archive in, archive out, nothing left" {
    program train "exec nt-finetune \"\$1\" --data \"\$NT_DATA\" --steps 1 --threads 1 -q -o \"\$2\""
    mkdir tmp
    TMPDIR=$PWD/tmp nt-finetune - --data idx:data --command ./train --threads 1 <ref.nt >out.nt
    nt-info --verify out.nt
    nt-info --history out.nt | grep -q 'nt-finetune .*--command'
    [ -z "$(ls -A tmp)" ]
    program train 'kill -TERM $PPID; sleep 5'
    status=0
    TMPDIR=$PWD/tmp nt-finetune ref.nt --data idx:data --command ./train -o no.nt || status=$?
    [ "$status" -eq 143 ] && [ -z "$(ls -A tmp)" ] && [ ! -e no.nt ]
    refuses 2 "--finetuning goes with --command" nt-finetune ref.nt --data idx:data --finetuning -o no.nt
    refuses 2 "--command goes without" nt-finetune ref.nt --data idx:data --command x --report r -o no.nt
}
