#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A job that goes on: with what it was made with, or not at all.
load helpers

setup_file()
{
    cd "$BATS_FILE_TMPDIR" || return 1
    small_data
    train 0 ref.nt
}

setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
    cp -r "$BATS_FILE_TMPDIR/data" "$BATS_FILE_TMPDIR/ref.nt" .
    cat >job.json <<'J'
{"model": "ref.nt", "data": "idx:data", "delta": 90, "budget": {"steps": 2},
 "fine_tuner": {"loop_params": {"epochs": 1}}, "full_trainer": {"epochs": 1}}
J
}

# train SEED FILE
train()
{
    nt-zoo mlp --input 1x8x8 | nt-finetune --data idx:data --epochs 8 --lr 0.05 --momentum 0.9 \
        --threads 1 --seed "$1" -q -o "$2"
}

optimize()
{
    nt-optimize --threads 1 -q "${@:-job.json}" --job-dir job
}

# ... to its end, with or without a result.
goes_on()
{
    optimize "$@" || [ $? -eq 3 ]
}

# What the job has made, but for the record of it.
made()
{
    (cd job && sha256sum ref_model.* candidates/* opt_model.nt)
}

# Going on is refused with this text and changes nothing; accepted it is once, and then forgotten.
is_noticed()
{
    made >before
    cp job/digests.json digests.before
    refuses 2 "$1" optimize
    [[ "$output" == *"--accept-changes"* ]]
    made | cmp - before
    cmp job/digests.json digests.before
    goes_on job.json --accept-changes
    grep -q "Accepted: .*$1" job/job.log
    goes_on
}

a_candidate() { set -- job/candidates/*.nt; echo "$1"; }

@test "another model in the model's place is noticed" {
    optimize
    train 1 ref.nt
    is_noticed "model: '$PWD/ref.nt'"
    made | cmp - before # what was made with the old one
}

@test "other data are noticed: an image, a label, the description" {
    optimize
    printf '\1' | dd of=data/train-images-idx3-ubyte bs=1 seek=100 conv=notrunc status=none
    is_noticed "data: '$PWD/data/train-images-idx3-ubyte'"
    printf '\2' | dd of=data/t10k-labels-idx1-ubyte bs=1 seek=8 conv=notrunc status=none
    sed -i 's/"idx:data"/"idx:data,batch_size=16"/' job.json
    is_noticed "data: the description"
}

@test "of a folder of pictures each file is known" {
    local s c i
    for s in train test; do
        for c in a b; do
            mkdir -p "pics/$s/$c"
            for i in 1 2 3 4 5 6; do
                { printf 'P6\n8 8\n255\n'; head -c 192 /dev/zero | tr '\0' "$c"; } >"pics/$s/$c/$i.ppm"
            done
        done
    done
    nt-zoo mlp --input 3x8x8 --classes 2 -o ref.nt
    sed -i 's/idx:data/folder:pics/; s/90/0.5/; s/: 2}/: 1}/' job.json
    goes_on
    printf x | dd of=pics/train/b/3.ppm bs=1 seek=40 conv=notrunc status=none
    is_noticed "data: '$PWD/pics/train/b/3.ppm'"
    rm pics/test/a/2.ppm
    is_noticed "data: '$PWD/pics/test/a/2.ppm'"
    cp pics/train/a/1.ppm pics/train/a/7.ppm
    cp pics/train/a/1.ppm pics/train/a/8.ppm
    is_noticed "data: '$PWD/pics/train/a/7.ppm' and 1 more"
    touch pics/train/a/1.ppm # as it was
    echo no picture >pics/train/a/notes.txt
    goes_on
}

@test "another program in a tool's place is noticed" {
    local t bin
    bin=$(dirname "$(type -P nt-optimize)")
    mkdir bin
    for t in "$bin"/nt-*; do ln -s "$t" bin; done
    rm bin/nt-optimize bin/nt-eval
    cp "$bin/nt-optimize" "$bin/nt-eval" bin
    export NT_SHARE=$NT_ROOT/share
    PATH=$PWD/bin:$PATH
    optimize
    printf x >>bin/nt-eval
    is_noticed "tools: 'nt-eval'"
}

@test "another command in a tool's place is noticed" {
    sed -i 's|"delta"|"tools": {"nt-shrink": "nt-shrink -q"}, "delta"|' job.json
    optimize
    sed -i 's|"nt-shrink -q"|"env nt-shrink"|' job.json
    is_noticed "tools: 'nt-shrink'"
    sed -i 's|"tools": {[^}]*}, ||' job.json
    is_noticed "tools: 'nt-shrink'"
}

@test "a candidate that was edited is noticed, and what was made of it is made again" {
    optimize
    local c
    c=$(a_candidate)
    printf x >>"$c"
    is_noticed "candidates/$(basename "$c")"
}

@test "a candidate that was cut off is noticed, and made again where it is deleted" {
    optimize
    cp job/opt_model.nt want.nt
    local c
    c=$(a_candidate)
    truncate -s 3000 "$c"
    refuses 2 "candidates/$(basename "$c")" optimize
    refuses 1 "$(basename "$c")" optimize job.json --accept-changes
    rm "$c"
    optimize job.json --accept-changes
    cmp job/opt_model.nt want.nt
}

@test "a candidate that another took the place of is noticed, its time kept or not" {
    optimize
    local c
    c=$(a_candidate)
    touch -r "$c" time
    cp ref.nt "$c"
    touch -r time "$c"
    is_noticed "candidates/$(basename "$c")"
}

@test "a measurement that was edited is noticed, and made again" {
    optimize
    local j
    j=$(a_candidate)
    j=${j%.nt}.json
    sed -i 's/"drop": {/"drop": { /; s/"accuracy": [0-9.]*/"accuracy": 99.5/' "$j"
    is_noticed "candidates/$(basename "$j")"
    not grep -q '"accuracy": 99.5' "$j"
}

@test "the result that was edited is noticed" {
    optimize
    printf x >>job/opt_model.nt
    is_noticed "'opt_model.nt'"
}

@test "what nobody had time to record is known by its own digests" {
    optimize
    local c
    c=$(a_candidate)
    sed -i "/$(basename "$c")/d" job/digests.json
    optimize
    grep -q "$(basename "$c")" job/digests.json
    sed -i "/$(basename "$c")/d" job/digests.json
    printf x | dd of="$c" bs=1 seek=$(($(wc -c <"$c") / 2)) conv=notrunc status=none
    refuses 2 "$(basename "$c")" optimize
}

@test "a folder of which nothing is recorded is not gone on with" {
    optimize
    rm job/digests.json
    refuses 2 "digests.json is missing" optimize
    optimize job.json --accept-changes
    optimize
}

@test "what make repeats is no change" {
    optimize
    make -s -j2 -C job clean all
    optimize
    not grep -q Accepted job/job.log
}

@test "a folder is one job's, before its first candidate, too" {
    optimize
    rm job/state.json
    refuses 2 "another job" optimize job.json --delta 80
}
