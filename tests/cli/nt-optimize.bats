#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
load helpers

setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
    export NEUTRINO_HOME=$PWD/home
    small_data
    nt-zoo mlp --input 1x8x8 | nt-finetune --data idx:data --epochs 20 --lr 0.05 --momentum 0.9 \
        --threads 1 -o ref.nt
    # a job of some seconds: any network within 90 per cent is good enough
    cat >job.json <<'J'
{"model": "ref.nt", "data": "idx:data", "delta": 90, "budget": {"steps": 3},
 "full_trainer": {"epochs": 2, "optimizer": {"name": "SGD", "lr": 0.02}}}
J
}

optimize()
{
    nt-optimize --threads 1 "$@"
}

state()
{
    grep -oE "\"$2\": [^,]*" "$1/state.json" | cut -d ' ' -f 2-
}

@test "a dry run makes everything there is, and says that it is no result" {
    optimize job.json --dryrun --job-dir job >out
    grep -q 'Dry run' out
    for f in job.json job.log Makefile state.json metrics.json report ref_model.nt opt_model.nt \
        ref_modelfp32_dynamic_shape.onnx opt_modelfp32_dynamic_shape.onnx opt_model8x8fp32.onnx; do
        [ -s "job/$f" ] || { echo "no $f"; return 1; }
    done
    grep -q '"dryrun": true' job/metrics.json
    [ "$(ls job/candidates/*.nt | wc -l)" = 2 ]
    nt-info --verify job/opt_model.nt
}

@test "every format that there is, of sizes asked for, in a folder of their own, too" {
    sed 's|"delta"|"export": {"format": ["onnx", "jit", "tflite", "dlrt", "c"], "kwargs": {"root_path": "out", "resolutions": [[8, 8]]}}, "delta"|' \
        job.json >all.json
    optimize all.json --dryrun --job-dir job >out.txt
    for f in ref_modelfp32_dynamic_shape.onnx opt_modelfp32_dynamic_shape.onnx opt_model8x8fp32.onnx \
        ref_model_jit.pt opt_model_jit.pt opt_model.tflite opt_model.dlrt opt_model.c opt_model.h; do
        [ -s "job/$f" ] || { echo "no job/$f"; ls job; return 1; }
        cmp "job/$f" "out/$f"
    done
    for f in _jit.pt .tflite .dlrt .c; do grep -q "opt_model$f" job/job.log; done
    cp job/opt_model.tflite job/opt_model_jit.pt .
    PATH=/usr/bin:/bin make -s -C job clean all >/dev/null
    cmp job/opt_model.tflite opt_model.tflite
    cmp job/opt_model_jit.pt opt_model_jit.pt
}

@test "a job ends with a smaller model, a table and the whole curve" {
    optimize job.json >out
    dir=$(echo home/jobs/*)
    [[ "$(basename "$dir")" =~ ^[0-9A-F]{8}$ ]]
    grep -q 'Enhancement' out
    grep -q 'within delta' "$dir/job.log"
    [ "$(wc -c <"$dir/opt_model.nt")" -lt "$(wc -c <ref.nt)" ]
    [ "$(state "$dir" finished)" = true ]
    [ "$(grep -c '"move"' "$dir/metrics.json")" = "$(grep -c '"move"' "$dir/state.json")" ]
    nt-eval "$dir/opt_model.nt" --data idx:data --threads 1
}

@test "with --scored ways to a size settle and are measured, and the best is trained" {
    nt-zoo resnet8 --input 1x8x8 | nt-finetune -q --data idx:data --epochs 10 --lr 0.05 --momentum 0.9 \
        --batch-size 20 --threads 1 -o ref.nt
    search() { optimize job.json -q --delta 20 --steps 2 --scored 3 --job-dir job "$@" || [ $? -eq 3 ]; }
    search
    [ "$(grep -c 'nt-finetune -q --data data.json --settle' job/job.log)" = 3 ]
    [ "$(grep -c 'Score [123]: .*the reference, pruned to .*, settled by 32 batches' job/job.log)" = 3 ]
    steps=$(grep -c 'Step [12]: ' job/job.log)
    [ "$steps" -ge 1 ]
    grep -q 'Step 1: .*the reference, pruned to .*, tuned' job/job.log
    [ "$(grep -c '"stage": "settle"' job/state.json)" = 3 ]
    [ "$(grep -c '"measured": true' job/state.json)" = $((3 + steps)) ]
    grep -q 'settled by 32 batches, not trained' job/report.html
    cp -r job one
    rm -rf job
    search --jobs 2 # the same, side by side
    ids() { grep -oE '"id": "[^"]*"' "$1/state.json"; }
    [ "$(ids job)" = "$(ids one)" ]
}

@test "a teacher in int8 is the reference quantized, and is made again as it was" {
    optimize job.json --steps 1 --teacher-precision int8 --job-dir job -q
    grep -qx 'TRAIN = .*--teacher teacher.nt .*' job/Makefile
    grep -q 'nt-quantize .*--bits 8 .*-o teacher.nt ref_model.nt' job/job.log
    nt-info job/teacher.nt | grep -q 'nt-quantize'
    cksum job/teacher.nt job/candidates/*.nt >before
    make -s -C job clean all >/dev/null 2>&1
    cksum job/teacher.nt job/candidates/*.nt | cmp before
    cp ref.nt job/teacher.nt
    run optimize job.json --steps 1 --teacher-precision int8 --job-dir job -q
    [ "$status" -eq 2 ]
    [[ $output == *teacher.nt* ]]
}

@test "the same job has the same folder, and is not done again" {
    optimize job.json -q
    dir=$(echo home/jobs/*)
    stat -c '%n %Y %i' "$dir"/candidates/* "$dir/opt_model.nt" >before
    optimize job.json -q
    [ "$(echo home/jobs/*)" = "$dir" ]
    stat -c '%n %Y %i' "$dir"/candidates/* "$dir/opt_model.nt" | cmp before
    optimize job.json -q --delta 80
    [ "$(ls home/jobs | wc -l)" = 2 ]
}

@test "--json prints metrics.json and nothing else" {
    optimize job.json --json --job-dir job >out.json
    cmp out.json job/metrics.json
}

@test "where nothing keeps the promise the reference is the result, and the status is 3" {
    sed -i 's/"delta": 90/"delta": 0, "eval_func": ".\/worse"/' job.json
    printf '#!/bin/sh\ncase $1 in *ref_model*) m=1;; *) m=0;; esac\necho "{\\"accuracy\\": $m}"\n' >worse
    chmod +x worse
    sed -i "s|./worse|$PWD/worse|" job.json
    run optimize job.json --job-dir job
    [ "$status" -eq 3 ]
    [[ "$output" == *"nothing smaller than the reference keeps accuracy"* ]]
    nt-eval job/opt_model.nt --data idx:data --threads 1 >a
    nt-eval ref.nt --data idx:data --threads 1 | cmp a
}

# Starts slow.json, the job with a tool that waits for the file `go`, and sends it this signal once
# the tool has begun; $status is how it ended.
stop_in_the_middle()
{
    local pid
    cat >slow <<S
#!/bin/sh
[ -e "$PWD/go" ] && exec nt-shrink "\$@"
: >"$PWD/reached"
exec sleep 61
S
    chmod +x slow
    sed "s|\"delta\"|\"tools\": {\"nt-shrink\": \"$PWD/slow\"}, \"delta\"|" job.json >slow.json
    nt-optimize --threads 1 slow.json --job-dir job -q &
    pid=$!
    for _ in $(seq 200); do [ -e reached ] && break; sleep 0.1; done
    [ -e reached ]
    kill "-$1" "$pid"
    status=0
    wait "$pid" || status=$?
    sleep 0.5
    not pgrep -x -f "sleep 61"
    [ -z "$(find job -name '*.part' -o -name '*.tmp*')" ]
    not ls job/candidates/*.nt
    [ "$(state job finished)" = false ]
}

goes_on()
{
    touch go
    optimize slow.json --job-dir job -q
    grep -q 'Going on' job/job.log
    optimize job.json --job-dir whole -q
    cmp job/opt_model.nt whole/opt_model.nt
}

@test "a job that a signal stops leaves nothing half written, and goes on" {
    stop_in_the_middle TERM
    [ "$status" -eq $((128 + 15)) ]
    goes_on
}

@test "a job that was killed outright takes make and the tools along, and goes on" {
    stop_in_the_middle KILL
    [ "$status" -eq $((128 + 9)) ]
    goes_on
}

@test "as long as anything of a job runs nobody else works in its folder" {
    mkdir job
    : >job/job.log
    flock job/job.log sleep 62 &
    sleep 0.2
    refuses 1 "another nt-optimize works in this folder" optimize job.json --job-dir job -q
    kill %1
}

@test "any tool can be another program" {
    printf '#!/bin/sh\necho x >>%q/calls\nexec nt-prune "$@"\n' "$PWD" >my-prune
    chmod +x my-prune
    sed -i "s|\"delta\"|\"tools\": {\"nt-prune\": \"$PWD/my-prune\"}, \"delta\"|" job.json
    optimize job.json --job-dir job -q
    [ -s calls ]
}

@test "a tool that fails ends the job with its own message" {
    sed -i 's|"delta"|"tools": {"nt-shrink": "nt-shrink /nowhere.nt -o -"}, "delta"|' job.json
    refuses 1 "nowhere.nt" optimize job.json --job-dir job -q
    not ls job/candidates/*.nt
}

@test "a job's tools share what the reference says, with the results of those that do not" {
    echo '{"model": "ref.nt", "data": "idx:data,crop=8,padding=1,flip=true", "delta": 90,
        "search_split": "train", "budget": {"steps": 3}}' >job.json
    optimize job.json -q --job-dir job
    grep -q '"teacher_views": 3' job/full_trainer.json
    grep -q '"teacher_views": 1' job/fine_tuner.json
    grep -q 'nt-finetune .*--teacher-cache teacher.said --config full_trainer.json' job/job.log
    for f in teacher search judge; do [ -s "job/$f.said" ]; done
    not grep 'warning' job/job.log
    mkdir want
    cp job/candidates/*.nt want
    PATH=/usr/bin:/bin make -s -C job clean all TAUGHT= OWN_EVAL=
    [ -z "$(find job -name '*.said')" ]
    [ -e job/candidates/"$(state job best | tr -d '"')".nt ]
    for f in job/candidates/*.nt; do cmp "$f" "want/${f##*/}"; done # the best, and what it is of
    # programs of the user's own are not asked for it
    echo '{"model": "ref.nt", "data": "idx:data", "delta": 90, "budget": {"steps": 1},
        "tools": {"nt-finetune": "nice nt-finetune", "nt-eval": "own/eval"}}' >job.json
    mkdir own
    printf '%s\n' '#!/bin/sh' 'for a; do case $a in --*cache) exit 9 ;; esac; done' 'exec nt-eval "$@"' >own/eval
    chmod +x own/eval
    sed -i "s#own/eval#$PWD/own/eval#" job.json
    optimize job.json -q --job-dir other
    [ ! -e other/search.said ]
}

@test "make in the folder finishes, and repeats" {
    optimize job.json --job-dir job -q
    cp job/opt_model.nt want.nt
    rm job/opt_model.nt job/report
    PATH=/usr/bin:/bin make -s -C job
    cmp job/opt_model.nt want.nt
    [ -s job/report ]
    PATH=/usr/bin:/bin make -s -j2 -C job clean all
    cmp job/opt_model.nt want.nt
}

@test "candidates side by side, a launcher, fused normalisation, another split, fp16" {
    cat >job.json <<'J'
{"model": "ref.nt", "data": {"format": "idx", "path": "data",
   "splits": {"train": {}, "test": {}, "val": {"from": "train", "last": 20}}},
 "delta": 90, "search_split": "val", "bn_fusion": true, "jobs": 2, "launcher": "nice",
 "budget": {"steps": 4}, "export": {"format": "onnx", "kwargs": {"precision": "fp16",
   "root_path": "out"}}}
J
    optimize job.json --job-dir job -q
    [ -s job/opt_modelfp16_dynamic_shape.onnx ]
    [ -s out/opt_modelfp16_dynamic_shape.onnx ]
    ls job/candidates/*.judged.json
    grep -q 'nice nt-finetune' job/job.log
}

@test "keys are checked before anything runs" {
    try()
    {
        echo "{\"model\": \"ref.nt\", \"data\": \"idx:data\", $2}" >bad.json
        refuses "$1" "$3" optimize bad.json --job-dir bad
    }
    try 2 '"detla": 1' "unknown key (did you mean 'delta'?)"
    try 2 '"delta": 101' "delta"
    try 2 '"level": 4' "level"
    try 2 '"fine_tuner": {"loop_params": {"epochs": 0}}' "fine_tuner.loop_params.epochs"
    try 2 '"export": {"format": ["pkl"]}' "export.format"
    try 2 '"eval_key": "f1"' "eval_key"
    try 2 '"tools": {"nt-foo": "x"}' "tools.nt-foo"
    try 2 '"config_list": [{"exclude": true, "op_types": ["Liner"]}]' "did you mean 'Linear'?"
    try 2 '"config_list": [{"exclude": true, "op_names": ["fc9"]}]' "layer 'fc9' not found"
    try 1 '"device": "gpu"' "this build has no GPU backend"
    try 2 '"optimization": "speed"' "want 'compression', 'latency', 'quantization'"
    try 2 '"optimization": ["latency", "quantization"]' "optimization: want"
    try 2 '"optimization": []' "optimization: want"
    try 2 '"target_ms": 3' "goes with the optimization 'latency'"
    try 2 '"optimization": "latency", "delta": 1, "target_ms": 3' "takes the place of delta"
    try 2 '"custom_compression": {"layers": {}}' "custom_compression"
    [ ! -e bad ]
    refuses 2 "--model" nt-optimize
    refuses 1 "missing.json" nt-optimize missing.json
}

@test "a delta that any model would meet is refused" {
    printf '#!/bin/sh\necho "{\\"mAP\\": 0.75}"\n' >eval
    chmod +x eval
    sed -i "s|\"delta\": 90|\"delta\": 1, \"eval_key\": \"mAP\", \"eval_func\": \"$PWD/eval\"|" job.json
    refuses 2 "delta: 1 would accept any model" optimize job.json --job-dir job -q
}

@test "a folder is one job's" {
    optimize job.json --job-dir job -q
    refuses 2 "another job" optimize job.json --delta 80 --job-dir job -q
}

# quantization DELTA STEPS [KEYS]
quantization()
{
    cat >job.json <<J
{"model": "ref.nt", "data": "idx:data", "optimization": "quantization", "delta": $1,
 "budget": {"steps": $2}, "full_trainer": {"epochs": 2}${3:+, $3}}
J
}

@test "a quantization job ends with integers in ONNX and .dlrt" {
    quantization 90 3 '"export": {"format": ["onnx", "dlrt"], "kwargs": {"root_path": "out"}}'
    optimize job.json --job-dir job -q
    [ -s job/opt_modelint8_dynamic_shape.onnx ] && [ -s job/opt_model.dlrt ]
    cmp job/opt_model.dlrt out/opt_model.dlrt
    [ -s out/ref_modelfp32_dynamic_shape.onnx ]
    [ "$(state job bits | tail -n 1)" = 3 ] # 8, 4, 3 are three steps
    nt-eval --data idx:data --threads 1 job/opt_model.dlrt | grep -q accuracy
    ! grep -q '"trains": true' job/state.json
    optimize job.json --job-dir again -q
    cmp job/opt_model.nt again/opt_model.nt
}

@test "where quantizing at once is not enough, it is trained" {
    quantization 0.01 12 '"search_split": "test"' # 40 samples, of which some are lost
    run optimize job.json --job-dir job -q
    [ "$status" -eq 0 ] || [ "$status" -eq 3 ]
    grep -q '"trains": true' job/state.json
    grep -q 'nt-quantize -q --data data.json --method lsq --keep-bn ' job/job.log
    grep -q 'nt-finetune -q .*--teacher ref_model.nt' job/job.log
}

@test "bits that the job gives are tried, and no others" {
    quantization 90 9 '"custom_compression": {"layers": {"fc1": {"precision": 2}}}'
    optimize job.json --job-dir job -q
    [ "$(ls job/candidates/*.nt | wc -l)" = 1 ]
    nt-profile --threads 1 --layers job/opt_model.nt | grep -w fc1 | grep -qw 2
    sed -i 's/"fc1"/"fc9"/' job.json
    refuses 2 "custom_compression.layers.fc9" optimize job.json --job-dir other -q
    [ ! -e other ]
}

@test "a dry run of a quantization exports what it would" {
    quantization 90 9 '"export": {"format": "dlrt"}'
    optimize job.json --dryrun --job-dir job -q
    [ -s job/opt_model.dlrt ] && [ ! -e job/opt_modelint8_dynamic_shape.onnx ]
    [ "$(ls job/candidates/*.nt | wc -l)" = 2 ]
}

@test "a quantized result is exported in fp16, too" {
    quantization 90 1 '"export": {"kwargs": {"precision": "fp16"}}'
    optimize job.json --job-dir job -q
    [ -s job/opt_modelfp16_dynamic_shape.onnx ] && [ -s job/opt_model8x8fp16.onnx ]
    [ ! -e job/opt_modelint8_dynamic_shape.onnx ]
}

# a convolutional network, whose time pruning can bring down
conv_job()
{
    nt-zoo resnet8 --input 1x8x8 --classes 10 | nt-finetune -q --data idx:data --epochs 20 \
        --lr 0.05 --momentum 0.9 --threads 1 -o conv.nt
    cat >job.json <<J
{"model": "conv.nt", "data": "idx:data", "full_trainer": {"epochs": 1}, $1}
J
}

@test "a latency job prunes by a table of costs and times in turn" {
    conv_job '"optimization": "latency", "delta": 90, "budget": {"steps": 3}'
    run optimize job.json --job-dir job -q
    [ "$status" -eq 0 ] || [ "$status" -eq 3 ] # the machine decides
    [ -s job/ref_model.costs.json ]
    grep -q 'nt-prune -q --time .*--costs ref_model.costs.json' job/job.log
    grep -q '"ratio"' job/candidates/*.json
    grep -q '"time_share"' job/state.json
    grep -q 'x faster' job/job.log
    grep -q 'quantized to 8 bits a weight' job/job.log
}

@test "a table of costs that is brought takes the place of a measured one" {
    conv_job '"optimization": "latency", "delta": 90, "budget": {"steps": 1}, "cost_table": "costs.json"'
    nt-profile --cost-table --json --threads 1 --time 1 conv.nt >costs.json
    run optimize job.json --job-dir job -q
    cmp costs.json job/ref_model.costs.json
}

@test "a target that the reference meets is refused, one that nothing meets is missed" {
    conv_job '"optimization": "latency", "target_ms": 1e6'
    refuses 2 "target_ms: 1e+06, but the reference takes only" optimize job.json --job-dir job -q
    nt-profile --cost-table --json --threads 1 --time 1 conv.nt >costs.json
    conv_job '"optimization": "latency", "target_ms": 1e-6, "cost_table": "costs.json"'
    refuses 3 "nothing takes at most 1e-06 ms" optimize job.json --job-dir missed -q
    [ -s missed/metrics.json ]
}

@test "compression and then quantization share one delta" {
    quantization 90 4 '"export": {"format": ["onnx", "dlrt"]}'
    sed -i 's/"optimization": "quantization"/"optimization": ["compression", "quantization"]/' job.json
    optimize job.json --job-dir job -q
    [ -s job/opt_model.dlrt ] && [ -s job/opt_modelint8_dynamic_shape.onnx ]
    grep -q '"phase": 1' job/state.json
    optimize job.json --job-dir again -q
    cmp job/opt_model.nt again/opt_model.nt
    optimize job.json --job-dir dry --dryrun -q
    [ "$(ls dry/candidates/*.nt | wc -l)" = 4 ]
}
