#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Job files that are wrong, in job-refused.txt: each gets one line with the path of its key and what
# is allowed there, and nothing is made.
load helpers

setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
    export NEUTRINO_HOME=$PWD/home
    small_data
    nt-zoo mlp --input 1x8x8 -o ref.nt
}

# trimmed TEXT: without the blanks around it
trimmed()
{
    local text=$1
    text=${text#"${text%%[! ]*}"}
    echo "${text%"${text##*[! ]}"}"
}

# Refused as the row KEYS | PATH | WORDS has it?
row()
{
    printf '{"model": "ref.nt", "data": "idx:data", %s}' "$1" >bad.json
    run nt-optimize --threads 1 bad.json
    [ "$status" -eq 2 ] && [ "${#lines[@]}" -eq 1 ] &&
        [[ $output == "nt-optimize: bad.json: $2"* && $output == *"$3"* ]] &&
        [ "$(ls)" = "$before" ] || { echo "status $status: $1"; echo "$output"; ls; return 1; }
}

@test "a hundred bad job files and more: status 2, one line, nothing made" {
    local keys path words n=0
    touch bad.json
    before=$(ls)
    while IFS='|' read -r keys path words; do
        row "$(trimmed "$keys")" "$(trimmed "$path")" "$(trimmed "$words")"
        n=$((n + 1))
    done < <(grep -v '^#' "$BATS_TEST_DIRNAME/job-refused.txt")
    [ "$n" -ge 100 ]
}

# refused STATUS TEXT FILE'S TEXT
refused()
{
    echo "$3" >bad.json
    local before
    before=$(ls)
    refuses "$1" "$2" nt-optimize --threads 1 bad.json
    [ "$(ls)" = "$before" ]
}

@test "what is no job at all" {
    refused 2 "bad.json: want a JSON object" '[]'
    refused 2 "bad.json: line 1, column" '{"model": "ref.nt",'
    refused 2 "bad.json: no JSON value" ''
    refused 2 "bad.json: model: missing" '{"data": "idx:data"}'
    refused 2 "bad.json: data: missing" '{"model": "ref.nt"}'
    refused 2 "bad.json: model: got 5" '{"model": 5, "data": "idx:data"}'
    refused 2 "bad.json: data" '{"model": "ref.nt", "data": 5}'
    refused 1 "bad.json: data" '{"model": "ref.nt", "data": "films:data"}'
    refused 1 "none.nt" '{"model": "none.nt", "data": "idx:data"}'
    refused 1 "none" '{"model": "ref.nt", "data": "idx:none"}'
}

@test "well formed, but not in this build: status 1" {
    try()
    {
        refused 1 "bad.json: $2: $3" "{\"model\": \"ref.nt\", \"data\": \"idx:data\", $1}"
    }
    try '"device": "GPU"' device "this build has no GPU backend"
    try '"device": "gpu"' device "this build has no GPU backend"
    try '"task_type": "object_detection"' task_type "'object_detection' is not supported"
    try '"task_type": "segmentation"' task_type "'segmentation' is not supported"
    try '"use_horovod": true' use_horovod "this build has no distributed training"
    try '"horovod": true' use_horovod "this build has no distributed training"
    try '"eval_func": "x", "confidence": 0.95' confidence "there is no interval"
}

@test "a key of an option is checked as in the file, and what is malformed comes before what is lacking" {
    echo '{"model": "ref.nt", "data": "idx:data", "device": "GPU", "budget": {"steps": 0}}' >bad.json
    refuses 2 "budget.steps" nt-optimize bad.json
    refuses 2 "--delta" nt-optimize bad.json --delta 101
    refuses 2 "--level" nt-optimize bad.json --level 4
}
