#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Each key of a job file, in what --print-config says of the job as it would be run.
load helpers

setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
    export NEUTRINO_HOME=$PWD/home
    small_data
    nt-zoo mlp --input 1x8x8 -o ref.nt
}

# "a.b=3" for each value of indented JSON on standard input, "a=VALUE" for those of an array a
flat()
{
    awk '{ match($0, /^ */); depth = RLENGTH / 2; v = substr($0, RLENGTH + 1); sub(/,$/, "", v); key = ""
           if (match(v, /^"[^"]*": /)) { key = substr(v, 2, RLENGTH - 4); v = substr(v, RLENGTH + 1) }
           name[depth] = key
           if (v ~ /^[]{}[]$/) next
           path = ""
           for (i = 1; i <= depth; i++) if (name[i] != "") path = path (path == "" ? "" : ".") name[i]
           print path "=" v }'
}

# job [KEYS]
job()
{
    echo "{\"model\": \"ref.nt\", \"data\": \"idx:data\"${1:+, $1}}" >job.json
}

# gives KEYS "PATH=VALUE"...: the job has these values, and is the same when it is read again
gives()
{
    local want
    job "$1"
    shift
    nt-optimize --print-config job.json >run.json
    nt-optimize --print-config run.json | cmp run.json
    flat <run.json >run.txt
    for want; do
        grep -qxF "$want" run.txt || { cat job.json; echo "no $want in"; cat run.txt; return 1; }
    done
    [ "$(ls)" = "$(printf '%s\n' data job.json ref.nt run.json run.txt)" ] # nothing was made
}

# warns KEYS LINE "PATH=VALUE"...: accepted as an old spelling, which one line names
warns()
{
    local keys=$1 line=$2
    job "$keys"
    nt-optimize --print-config job.json >run.json 2>err.txt
    [ "$(cat err.txt)" = "nt-optimize: warning: job.json: $line" ] || { cat err.txt; return 1; }
    rm err.txt
    shift 2
    gives "$keys" "$@" 2>/dev/null
}

@test "the defaults" {
    gives '' optimization='"compression"' task_type='"classification"' device='"CPU"' delta=1 \
        confidence=0 level=1 deepsearch=false bn_fusion=false dryrun=false use_horovod=false \
        eval_func=null eval_key='"accuracy"' eval_split='"test"' search_split='"search"' \
        export.format='"onnx"' export.kwargs.precision='"fp32"' 'export.kwargs.resolutions=[]' \
        export.kwargs.root_path=null loss_function='"cross_entropy"' external_training_loop=null \
        budget.time_s=null budget.steps=null budget.scored=null teacher_precision='"auto"' seed=0 jobs=1 launcher=null tools=null \
        config_list=null custom_compression=null
    for t in full_trainer fine_tuner.loop_params; do
        gives '' $t.eval_freq=2 $t.eval_skip=1 $t.eval_key='"accuracy"' $t.eval_split=null \
            $t.early_stopping_patience=0 $t.ema=false $t.loop_test=false \
            $t.optimizer.name='"sgd"' $t.scheduler.factory.name='"onecycle"' \
            $t.scheduler.interval='"iteration"'
    done
    gives '' full_trainer.epochs=6 fine_tuner.loop_params.epochs=1
    gives '"level": 3' full_trainer.epochs=16 fine_tuner.loop_params.epochs=2
}

@test "keys of all jobs" {
    gives '"optimization": "compression"' optimization='"compression"'
    gives '"optimization": "quantization"' optimization='"quantization"'
    gives '"optimization": "latency"' optimization='"latency"' delta=1 target_ms=null cost_table=null
    gives '"optimization": "latency", "target_ms": 2' target_ms=2 delta=null
    gives '"optimization": "latency", "cost_table": "costs.json"' cost_table="\"$PWD/costs.json\""
    gives '"optimization": ["compression", "quantization"]' optimization='"compression"' \
        optimization='"quantization"'
    gives '"task_type": "classification"' task_type='"classification"'
    gives '"device": "CPU"' device='"CPU"'
    gives '"device": "cpu"' device='"cpu"'
    gives '"use_horovod": false' use_horovod=false
    gives '"distributed": false' use_horovod=false
    gives '"eval_key": "top5"' eval_key='"top5"' full_trainer.eval_key='"top5"'
    gives '"eval_split": "train"' eval_split='"train"' search_split='"train"'
    gives '"search_split": "train"' eval_split='"test"' search_split='"train"'
    gives '"bn_fusion": true' bn_fusion=true
    gives '"export": null' export.format='"onnx"'
    gives '"loss_function": "mse"' loss_function='"mse"'
    gives '"eval_func": "./measure"' eval_func.command='"./measure"'
    gives '"eval_func": {"command": "./measure"}, "eval_key": "f1"' eval_func.command='"./measure"' \
        eval_key='"f1"' full_trainer.eval_key='"accuracy"'
    gives '"external_training_loop": "./train"' external_training_loop.command='"./train"'
    gives '"external_training_loop": {"command": "./train"}' external_training_loop.command='"./train"'
    gives '"dryrun": true' dryrun=true full_trainer.loop_test=true fine_tuner.loop_params.loop_test=true
    gives '"dryrun": true, "full_trainer": {"loop_test": false}' full_trainer.loop_test=false
}

@test "keys of compression" {
    gives '"delta": 0' delta=0
    gives '"delta": 100' delta=100
    gives '"delta": 0.03' delta=0.03
    gives '"level": 1' level=1
    gives '"level": 3' level=3
    gives '"deepsearch": true' deepsearch=true
    gives '"deepsearch": true, "level": 3' deepsearch=true level=3
    gives '"confidence": 0.95' confidence=0.95
    gives '"config_list": [{"op_types": ["Linear"], "sparsity": 0.5}]' config_list.sparsity=0.5
    gives '"budget": {"time_s": 5, "steps": 7}' budget.time_s=5 budget.steps=7
    gives '"budget": {"scored": 12}' budget.scored=12
    gives '"seed": 3, "jobs": 2, "launcher": "nice"' seed=3 jobs=2 launcher='"nice"'
    gives '"teacher_precision": "int8"' teacher_precision='"int8"'
    gives '"tools": {"nt-prune": "./mine"}' tools.nt-prune='"./mine"'
}

@test "keys of quantization, which they alone ask for" {
    local a=custom_compression.quantization_args
    gives '"custom_compression": {"quantization_args": {}}' optimization='"quantization"' \
        $a.quantize_conv11=false $a.quantize_group=false $a.skip_layers=null $a.skip_layers_ratio=0
    gives '"custom_compression": {"quantization_args": {"quantize_conv11": true, "quantize_group": true,
           "skip_layers": [0, 2], "skip_layers_ratio": 0.1}}' $a.quantize_conv11=true \
        $a.quantize_group=true "$a.skip_layers=[0, 2]" $a.skip_layers_ratio=0.1
    gives '"custom_compression": {"quantization_args": {"skip_layers_ratio": 1}}' $a.skip_layers_ratio=1
    gives '"custom_compression": {"layers": {"fc1": {"precision": 2}}}' \
        custom_compression.layers.fc1.precision=2 optimization='"quantization"'
    gives '"custom_compression": {"layers": {"fc1": {"precision": 32}}}' \
        custom_compression.layers.fc1.precision=32
}

@test "export" {
    gives '"export": {"format": ["onnx", "dlrt"]}' export.format='"onnx"' export.format='"dlrt"'
    gives '"export": {"format": []}' 'export.format=[]'
    gives '"export": {"format": null}' export.format='"onnx"'
    gives '"export": {"kwargs": {"precision": "fp16"}}' export.kwargs.precision='"fp16"'
    gives '"export": {"kwargs": {"root_path": "out"}}' export.kwargs.root_path="\"$PWD/out\""
    gives '"export": {"kwargs": {"resolutions": [[8, 8]]}}' 'export.kwargs.resolutions=[8, 8]'
}

# Of both trainings, in the keys of either.
@test "trainings" {
    local t o s e
    for t in full_trainer fine_tuner.loop_params; do
        o=$t.optimizer s=$t.scheduler
        trains()
        {
            local keys=$1
            shift
            [ $t = full_trainer ] && keys="\"full_trainer\": {$keys}"
            [ $t = full_trainer ] || keys="\"fine_tuner\": {\"loop_params\": {$keys}}"
            gives "$keys" "$@"
        }
        trains '"epochs": 50' $t.epochs=50
        trains '"optimizer": {"name": "SGD", "lr": 0.1, "momentum": 0.843, "nesterov": true,
                "weight_decay": 0.00036}' $o.name='"sgd"' $o.lr=0.1 $o.momentum=0.843 \
            $o.nesterov=true $o.weight_decay=0.00036 $s.factory.name='"constant"' $s.interval='"epoch"'
        trains '"optimizer": {"name": "AdamW", "kwargs": {"lr": 0.01, "betas": [0.8, 0.99], "eps": 0.5}}' \
            $o.name='"adamw"' $o.lr=0.01 "$o.betas=[0.8, 0.99]" $o.eps=0.5 $o.weight_decay=0.01
        for e in eval epoch iteration; do
            trains "\"scheduler\": {\"factory\": {\"name\": \"StepLR\", \"step_size\": 3}, \"interval\": \"$e\"}" \
                $s.factory.name='"StepLR"' $s.factory.step_size=3 $s.interval="\"$e\""
        done
        trains '"scheduler": {"factory": {"name": "cosine", "kwargs": {"eta_min": 0.5}}}' \
            $s.factory.name='"cosine"' $s.factory.eta_min=0.5 $s.interval='"epoch"'
        trains '"scheduler": {"factory": "plateau"}' $s.factory.name='"plateau"' \
            $s.interval='"eval"' $t.eval_split='"test"'
        trains '"eval_freq": 3, "eval_skip": 4' $t.eval_freq=3 $t.eval_skip=4 $t.eval_split=null
        trains '"early_stopping_patience": 20' $t.early_stopping_patience=20 $t.eval_split='"test"'
        trains '"loop_test": true' $t.loop_test=true
        trains '"eval_key": "loss", "eval_split": "train"' $t.eval_key='"loss"' $t.eval_split='"train"'
        trains '"ema": true' $t.ema.decay_rate=0.9999 $t.ema.period=2000
        trains '"ema": {"decay_rate": 0.99}' $t.ema.decay_rate=0.99 $t.ema.period=2000
        trains '"ema": {"period": 5}' $t.ema.decay_rate=0.9999 $t.ema.period=5
        trains '"ema": false' $t.ema=false
    done
}

@test "what the job says of trainings holds where they say nothing" {
    local f=full_trainer l=fine_tuner.loop_params
    gives '"epochs": 9' $f.epochs=9 $l.epochs=1
    gives '"optimizer": {"name": "adam", "lr": 0.5}, "fine_tuner": {"loop_params": {"optimizer":
           {"name": "adam", "lr": 0.25}}}' $f.optimizer.lr=0.5 $l.optimizer.lr=0.25
    gives '"scheduler": {"factory": "cosine"}' $f.scheduler.factory.name='"cosine"' \
        $l.scheduler.factory.name='"cosine"'
    gives '"eval_freq": 7, "full_trainer": {"eval_freq": 1}' $f.eval_freq=1 $l.eval_freq=7
    gives '"ema": {"decay_rate": 0.5}' $f.ema.decay_rate=0.5 $l.ema.decay_rate=0.5
    gives '"search_split": "train", "full_trainer": {"early_stopping_patience": 3}' $f.eval_split='"train"'
}

@test "old spellings are accepted, and each is named once" {
    warns '"custom_compression": {"quant_args": {"quantize_conv11": true, "skip_layers": [1]}}' \
        "custom_compression.quant_args: an old spelling of 'custom_compression.quantization_args'" \
        custom_compression.quantization_args.quantize_conv11=true \
        'custom_compression.quantization_args.skip_layers=[1]'
    warns '"onnx_precision": "fp16"' "onnx_precision: an old spelling of 'export.kwargs.precision'" \
        export.kwargs.precision='"fp16"' export.format='"onnx"'
    warns '"level": 2' "level: 2 is an old spelling of 3" level=3
    warns '"export": {"format": "dlrt"}' 'export.format: "dlrt" is an old spelling of ["dlrt"]' \
        export.format='"dlrt"'
    warns '"horovod": false' "horovod: an old spelling of 'use_horovod'" use_horovod=false
    warns '"scheduler": {"factory": "step", "eval_based": true}' \
        "scheduler.eval_based: an old spelling of 'scheduler.interval'" \
        full_trainer.scheduler.interval='"eval"' fine_tuner.loop_params.scheduler.interval='"eval"'
    warns '"full_trainer": {"scheduler": {"factory": "step", "eval_based": false}}' \
        "full_trainer.scheduler.eval_based: an old spelling of 'full_trainer.scheduler.interval'" \
        full_trainer.scheduler.interval='"epoch"'
    job '"level": 2'
    nt-optimize --print-config -q job.json >run.json 2>err.txt
    [ ! -s err.txt ]
}

@test "old spellings stand in the job's log, and in nt-finetune's --config" {
    job '"level": 2, "dryrun": true, "delta": 5'
    nt-optimize --threads 1 job.json --job-dir job >out.txt 2>err.txt
    [ "$(cat err.txt)" = "nt-optimize: warning: job.json: level: 2 is an old spelling of 3" ]
    grep -q 'WARNING: level: 2 is an old spelling of 3$' job/job.log
    echo '{"scheduler": {"factory": "step", "eval_based": true}}' >ft.json
    nt-finetune ref.nt --data idx:data --threads 1 --steps 1 --config ft.json -o out.nt 2>err.txt
    grep -qx "nt-finetune: warning: ft.json: scheduler.eval_based: an old spelling of 'scheduler.interval'" err.txt
}

@test "options are settings of the printed job, which is the same job when it is run" {
    job '"delta": 5'
    nt-optimize --print-config job.json --delta 7 --dryrun >run.json
    flat <run.json | grep -qx delta=7
    [ ! -e home ]
    nt-optimize --threads 1 -q run.json
    nt-optimize --threads 1 -q job.json --delta 7 --dryrun
    [ "$(ls home/jobs | wc -l)" = 1 ]
    cmp run.json home/jobs/*/job.json
}
