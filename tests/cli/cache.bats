#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Candidates that another job has made.
load helpers

setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
    export NEUTRINO_HOME=$PWD/home
    unset NEUTRINO_CACHE
    small_data
    nt-zoo mlp --input 1x8x8 | nt-finetune --data idx:data --epochs 8 --lr 0.05 --momentum 0.9 \
        --threads 1 -q -o ref.nt
    cat >job.json <<'J'
{"model": "ref.nt", "data": "idx:data", "delta": 90, "budget": {"steps": 2},
 "fine_tuner": {"loop_params": {"epochs": 1}}, "full_trainer": {"epochs": 1}}
J
}

optimize() { nt-optimize --threads 1 -q "$@"; }
hits() { grep -c "from the cache: $2" "$1/job.log"; }

@test "another job takes what it would make, and ends with the same bytes" {
    optimize job.json --job-dir one --cache cache
    [ "$(hits one)" = 0 ]
    optimize job.json --delta 80 --job-dir two --cache cache
    [ "$(hits two 'its archive and its measurement')" = 2 ]
    not grep -q nt-finetune two/job.log
    cmp one/opt_model.nt two/opt_model.nt
    for f in one/candidates/*.nt one/candidates/????????????.json; do cmp "$f" "two/${f#one/}"; done
    optimize job.json --delta 80 --job-dir two --cache cache # and goes on
    optimize job.json --seed 1 --job-dir three --cache cache
    [ "$(hits three)" = 0 ]
}

@test "it is used where it is asked for" {
    optimize job.json
    [ ! -e home/cache ]
    NEUTRINO_CACHE=0 optimize job.json --delta 89
    [ ! -e home/cache ]
    NEUTRINO_CACHE=1 optimize job.json --delta 88
    ls home/cache/*.nt
    NEUTRINO_CACHE=1 optimize job.json --delta 87 --job-dir last
    [ "$(hits last)" = 2 ]
}

@test "what is damaged there is made anew" {
    optimize job.json --job-dir one --cache cache
    for f in cache/*.nt; do truncate -s 2000 "$f"; done
    for f in cache/*.measured; do sed -i 's/"accuracy": [0-9.]*/"accuracy": 99/' "$f"; done
    optimize job.json --delta 80 --job-dir two --cache cache
    [ "$(hits two)" = 0 ]
    cmp one/opt_model.nt two/opt_model.nt
    optimize job.json --delta 70 --job-dir three --cache cache
    [ "$(hits three)" = 2 ]
}

@test "with commands in place of tools it is not used, and the log says so" {
    sed -i 's|"delta"|"tools": {"nt-shrink": "nt-shrink -q"}, "delta"|' job.json
    optimize job.json --job-dir job --cache cache
    grep -q 'Cache: not used' job/job.log
    [ ! -e cache ]
}

@test "a cache that cannot be is said" {
    : >file
    refuses 1 "file" optimize job.json --job-dir job --cache file
}
