#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
load helpers

setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
    small_data
    nt-zoo mlp --input 1x8x8 -o in.nt
    train=(nt-finetune in.nt --data idx:data --threads 1 --batch-size 16 --lr 0.05 --momentum 0.9)
}

@test "it trains, and the result is better than the start" {
    "${train[@]}" --epochs 10 -o out.nt >report
    [ "$(grep -c '^epoch ' report)" -eq 10 ]
    start=$(nt-eval in.nt --data idx:data --metric loss | awk '$1 == "loss" { print $2 }')
    end=$(nt-eval out.nt --data idx:data --metric loss | awk '$1 == "loss" { print $2 }')
    awk -v a="$start" -v b="$end" 'BEGIN { exit !(b < a / 2) }'
}

@test "-o and standard output give the same bytes, and so does a second run" {
    "${train[@]}" -o a.nt >/dev/null
    "${train[@]}" >b.nt
    cmp a.nt b.nt
    "${train[@]}" -o - <in.nt | cmp a.nt
}

@test "another seed gives another result" {
    "${train[@]}" >a.nt
    "${train[@]}" --seed 1 >b.nt
    not cmp -s a.nt b.nt
}

@test "the report has a record of each epoch, with evaluations" {
    "${train[@]}" --epochs 4 --eval-split test --eval-freq 2 --report r.json >out.nt
    [ "$(grep -c '"images_per_second"' r.json)" -eq 4 ]
    [ "$(grep -c '"data_wait_seconds"' r.json)" -eq 4 ]
    [ "$(grep -c '"accuracy"' r.json)" -eq 3 ] # epochs 2 and 4, and the best one
    grep -q '"stopped": "epochs"' r.json
}

# The first such number of a report.
figure()
{
    sed -n "s/^ *\"$1\": \([0-9.e-]*\),*\$/\1/p" "$2" | head -n 1
}

nearly()
{
    awk -v a="$1" -v b="$2" 'BEGIN { exit !(a > 0 && (a - b) ^ 2 < 1e-10) }'
}

@test "the loss that is watched is the one that is trained, without the teacher's part" {
    still=(nt-finetune in.nt --data idx:data --batch-size 40 --lr 1e-30 --precision fp32
        --split test --eval-split test --metric loss) # one batch, of which nothing is learned
    for loss in cross_entropy mse; do
        "${still[@]}" --loss "$loss" --report "$loss.json" >out.nt
        nearly "$(figure loss "$loss.json")" "$(figure eval_loss "$loss.json")"
        "${still[@]}" --loss "$loss" --teacher in.nt --distill-weight 0.25 --report t.json >out.nt
        nearly "$(figure eval_loss t.json)" "$(figure eval_loss "$loss.json")"
        # the teacher's own part is 0: it says what the network says
        nearly "$(figure loss t.json)" "$(awk "BEGIN { print .75 * $(figure loss "$loss.json") }")"
    done
    not nearly "$(figure eval_loss mse.json)" "$(figure eval_loss cross_entropy.json)"
}

@test "--steps ends the run within an epoch" {
    "${train[@]}" --epochs 9 --steps 5 --report r.json >out.nt
    grep -q '^  "steps": 5,$' r.json
    grep -q '"stopped": "steps"' r.json
}

@test "--recompute takes less memory and gives the same bytes" {
    nt-zoo resnet8 --input 1x8x8 -o deep.nt
    train=(nt-finetune deep.nt --data idx:data --lr 0.1 --batch-size 8 --steps 3)
    "${train[@]}" --report all.json >all.nt
    "${train[@]}" --recompute --report less.json >less.nt
    cmp all.nt less.nt
    bytes() { sed -n 's/.*"activation_memory_bytes": \([0-9]*\).*/\1/p' "$1"; }
    [ "$(bytes less.json)" -lt "$(bytes all.json)" ]
}

# Of an archive: the bytes of the model itself.
network()
{
    tar xOf "$1" model.onnx
}

@test "--settle finds statistics anew and changes nothing else, the same bytes each time" {
    nt-zoo resnet8 --input 1x8x8 -o deep.nt
    settle=(nt-finetune --data idx:data --threads 1 --batch-size 16)
    "${settle[@]}" --settle 3 --report r.json deep.nt -o a.nt
    "${settle[@]}" --settle 3 <deep.nt >b.nt
    cmp a.nt b.nt
    grep -q '"batches": 3,' r.json
    grep -q '"samples": 48' r.json
    not cmp -s <(network deep.nt) <(network a.nt)
    "${settle[@]}" --settle 3 a.nt -o again.nt # from other statistics, the same ones
    cmp <(network a.nt) <(network again.nt)
    "${settle[@]}" --settle 3 --seed 1 deep.nt | not cmp -s a.nt -
    "${settle[@]}" --settle 99 --report r.json deep.nt -o all.nt # 60 samples
    grep -q '"batches": 4,' r.json
    nt-info --history all.nt | grep -q -- '--settle 99'
}

@test "--settle is refused where there is nothing to settle, or something to train" {
    refuses 1 "in.nt: it has no BatchNormalization to settle" \
        nt-finetune --data idx:data --settle 2 in.nt -o out.nt
    refuses 2 "--settle goes without --epochs" \
        nt-finetune --data idx:data --settle 2 --epochs 1 in.nt -o out.nt
    refuses 2 "--settle goes without --teacher" \
        nt-finetune --data idx:data --settle 2 --teacher in.nt in.nt -o out.nt
    refuses 2 "--settle goes without --command" \
        nt-finetune --data idx:data --settle 2 --command true in.nt -o out.nt
    echo '{}' >c.json
    refuses 2 "--settle goes without --config" \
        nt-finetune --data idx:data --settle 2 -c c.json in.nt -o out.nt
    refuses 2 "settle" nt-finetune --data idx:data --settle 0 in.nt -o out.nt
    [ ! -e out.nt ]
}

@test "a run that is resumed gives the bytes of one that never stopped" {
    run_opts=(--epochs 100 --optimizer adam --momentum 0 --scheduler cosine,interval=iteration --ema 0.9)
    "${train[@]}" "${run_opts[@]}" >whole.nt
    "${train[@]}" "${run_opts[@]}" --checkpoint state.nt --checkpoint-every 1 >killed.nt 3>&- &
    for _ in $(seq 100); do [ -e state.nt ] && break; sleep 0.02; done
    kill -KILL $!
    wait $! || true
    cp state.nt middle.nt
    "${train[@]}" "${run_opts[@]}" --checkpoint state.nt --resume >again.nt
    cmp whole.nt again.nt
    "${train[@]}" "${run_opts[@]}" --checkpoint state.nt --resume | cmp whole.nt # it was over
    not cmp -s middle.nt state.nt
    nt-eval state.nt --data idx:data >/dev/null # a checkpoint is a model
    refuses 2 "checkpoint of another training" \
        "${train[@]}" "${run_opts[@]}" --seed 5 --checkpoint state.nt --resume -o x.nt
    [ ! -e x.nt ]
}

@test "the history says how it was made, but not where nor how it was checkpointed" {
    "${train[@]}" --checkpoint state.nt -o out.nt
    nt-info --history out.nt >history
    grep -q nt-finetune history
    tar xOf out.nt manifest.json | not grep -q "checkpoint\|$BATS_TEST_TMPDIR"
    tar tf out.nt | not grep -q '^state/'
    tar tf state.nt | grep -q '^state/train.json$'
}

@test "masked weights stay zero: what was masked can be shrunk away afterwards" {
    nt-prune in.nt -s 0.5 -o masked.nt >/dev/null
    nt-finetune masked.nt --data idx:data --lr 0.1 --momentum 0.9 --epochs 5 -o out.nt >/dev/null
    nt-shrink out.nt -o small.nt >/dev/null
    [ "$(stat -c %s small.nt)" -lt "$(($(stat -c %s out.nt) / 2))" ]
    out=$(nt-eval out.nt --data idx:data --metric loss | awk '$1 == "loss" { print $2 }')
    small=$(nt-eval small.nt --data idx:data --metric loss | awk '$1 == "loss" { print $2 }')
    awk -v a="$out" -v b="$small" 'BEGIN { exit !(a - b < 1e-4 && b - a < 1e-4) }'
}

@test "a teacher, label smoothing, warm-up and a config file work together" {
    cat >config.json <<'J'
{"epochs": 2, "optimizer": {"name": "SGD", "lr": 0.1, "momentum": 0.9},
 "scheduler": {"factory": {"name": "CosineAnnealingLR"}, "interval": "epoch"},
 "eval_key": "accuracy", "eval_split": "test", "ema": {"decay_rate": 0.99, "period": 10}}
J
    nt-finetune in.nt --data idx:data -c config.json --teacher in.nt --label-smoothing 0.1 \
        --warmup 0.5 --report r.json >out.nt
    [ "$(grep -c '"images_per_second"' r.json)" -eq 2 ]
}

taught()
{
    nt-zoo mlp --input 1x8x8 --seed 7 | nt-finetune --data idx:data --epochs 4 --lr 0.1 -o t.nt
    views=(nt-finetune in.nt --data idx:data,crop=8,padding=2,flip=true --threads 1 --batch-size 16
        --lr 0.05 --momentum 0.9 --teacher t.nt)
}

weights()
{
    tar xOf "$1" model.onnx
}

@test "as many views as epochs are those of no views, and fewer are others" {
    taught
    "${views[@]}" --epochs 3 >anew.nt
    "${views[@]}" --epochs 3 --teacher-views 3 >three.nt
    cmp <(weights anew.nt) <(weights three.nt)
    "${views[@]}" --epochs 3 --teacher-views 1 >one.nt
    not cmp -s <(weights anew.nt) <(weights one.nt)
}

@test "asked, remembered or read: what a teacher said of a view makes no difference" {
    taught
    views+=(--epochs 5 --teacher-views 2 -v)
    "${views[@]}" >want.nt
    "${views[@]}" --teacher-cache said -o made.nt 2>made
    cmp want.nt made.nt
    grep -q "asked of 120 pictures, and remembered of 180" made # two views of 60
    cp said before
    "${views[@]}" --teacher-cache said -o read.nt 2>read
    cmp want.nt read.nt
    grep -q "asked of 0 pictures, and remembered of 300" read
    cmp said before
    # a short training leaves what a long one goes on from
    "${views[@]}" --epochs 1 --teacher-cache short -o /dev/null 2>/dev/null
    "${views[@]}" --teacher-cache short -o made.nt 2>made
    cmp want.nt made.nt
    grep -q "asked of 60 pictures" made
    cmp short said
}

@test "a file of views that is damaged or of something else is made anew, another kind refused" {
    taught
    views+=(--epochs 3 --teacher-views 2)
    "${views[@]}" --teacher-cache said -o want.nt >/dev/null
    cp said good
    printf X | dd of=said bs=1 seek=1000 conv=notrunc status=none
    "${views[@]}" --teacher-cache said -o got.nt 2>err
    grep -q "nt-finetune: warning: said: damaged" err
    cmp want.nt got.nt
    cmp said good
    head -c 900 good >said
    "${views[@]}" --teacher-cache said -o got.nt 2>err
    grep -q "said: damaged" err
    cmp want.nt got.nt
    mv want.nt first.nt
    for other in "--seed 1" "--batch-size 10" "--teacher in.nt" "--precision fp32" \
        "--data idx:data,crop=8,padding=1,flip=true"; do
        cp good said
        # shellcheck disable=SC2086 # words are wanted
        "${views[@]}" $other -o want.nt 2>/dev/null
        [ "$other" != "--precision fp32" ] || ! cmp -s <(weights first.nt) <(weights want.nt) || continue
        # shellcheck disable=SC2086
        "${views[@]}" $other --teacher-cache said -o got.nt 2>err
        grep -q "said: holds outputs of something else" err
        cmp want.nt got.nt
    done
    cp in.nt mine.nt
    refuses 1 "mine.nt: holds no outputs of a network" "${views[@]}" --teacher-cache mine.nt -o x.nt
    cmp in.nt mine.nt
    [ ! -e x.nt ]
    refuses 1 "nowhere/said" "${views[@]}" --teacher-cache nowhere/said -o x.nt
    [ ! -e x.nt ]
    refuses 2 "--teacher-cache needs" "${views[@]}" --teacher-views 0 --teacher-cache said -o x.nt
    refuses 2 "--teacher-cache needs" "${train[@]}" --teacher-views 1 --teacher-cache said -o x.nt
}

@test "what is typed goes before what the file says, an optimizer with its defaults" {
    losses() { grep '"loss"' "$1"; }
    run=(nt-finetune in.nt --data idx:data --threads 1 --batch-size 16)
    echo '{"epochs": 3, "optimizer": {"name": "SGD", "lr": 0.3, "momentum": 0.9}}' >config.json
    "${run[@]}" --epochs 2 --lr 0.05 --momentum 0.9 --report want.json >out.nt
    "${run[@]}" --lr 0.05 -c config.json --epochs 2 --report got.json >out.nt
    [ "$(losses got.json)" = "$(losses want.json)" ]
    "${run[@]}" --epochs 3 --optimizer adam --report want.json >out.nt
    "${run[@]}" -c config.json --optimizer adam --report got.json >out.nt
    [ "$(losses got.json)" = "$(losses want.json)" ]
    "${run[@]}" -c config.json --report file.json >out.nt
    [ "$(losses file.json)" != "$(losses want.json)" ]
}

@test "bad usage is one line and status 2" {
    refuses 2 "--data is missing" nt-finetune in.nt -o out.nt
    refuses 2 "--resume needs --checkpoint" "${train[@]}" --resume -o out.nt
    refuses 2 "optimizer 'lamb' is not known" "${train[@]}" --optimizer lamb -o out.nt
    refuses 2 "schedule 'cosin' is not known" "${train[@]}" --scheduler cosin -o out.nt
    refuses 2 "scheduler.T_maxx" "${train[@]}" --scheduler cosine,T_maxx=3 -o out.nt
    refuses 2 "loss 'focal' is not known" "${train[@]}" --loss focal -o out.nt
    refuses 2 "lr" "${train[@]}" --lr 1x -o out.nt
    refuses 2 "need an eval split" "${train[@]}" --keep-best -o out.nt
    refuses 2 "nope" "${train[@]}" --split nope -o out.nt
    refuses 2 "" "${train[@]}" --no-such-option x.json -o out.nt
    echo '{"epoch": 3}' >config.json
    refuses 2 "config.json: epoch: unknown key (did you mean 'epochs'?)" \
        "${train[@]}" -c config.json -o out.nt
    [ ! -e out.nt ]
}

# config NAME HEAD [KEY: VALUE]...: a file of --qat that quantizes all layers to 4 bits
config()
{
    local layers='[{"quant_types": ["weight", "input"], "quant_bits": 4, "op_types": ["default"]'
    echo "{$2 \"config_list\": $layers${3:+, $3}}]}" >"$1"
}

@test "--qat gives what nt-quantize --config and training make together" {
    nt-zoo resnet8 --input 1x8x8 -o net.nt
    train=(nt-finetune -q --data idx:data --batch-size 16 --lr 0.01 --epochs 2 --ema 0.9)
    config list.json
    config lsq.json '"method": "lsq", "keep_bn": true,' '"quant_start_step": 3'
    echo '{"custom_compression": {"quantization_args": {"skip_layers": [0]}}}' >rules.json
    nt-quantize -q --bits 4/8 --data idx:data net.nt --save-plan plan.json -o rounded.nt
    for how in list rules plan lsq; do
        [ $how = lsq ] && method=lsq || method=qat
        nt-quantize -q --config $how.json --method $method --data idx:data --batch-size 16 net.nt |
            "${train[@]}" -o two.nt
        "${train[@]}" --qat $how.json net.nt -o one.nt
        cmp <(tar xOf two.nt model.onnx quant.json) <(tar xOf one.nt model.onnx quant.json)
    done
    tar xOf one.nt quant.json | grep -q '"method": "lsq"'
    nt-info --layers one.nt | grep -q BatchNormalization
    nt-info --history one.nt | grep -q 'qat "lsq.json"'
    tar xOf one.nt manifest.json | grep -q "\"qat\": \"$(sha256sum lsq.json | cut -d ' ' -f 1)\""
}

@test "a run with --qat that is resumed gives the bytes of one that never stopped" {
    config q.json '"method": "lsq",' '"quant_start_step": 5'
    train+=(--qat q.json --epochs 100 --ema 0.9)
    "${train[@]}" >whole.nt
    "${train[@]}" --checkpoint state.nt --checkpoint-every 1 >killed.nt 3>&- &
    for _ in $(seq 100); do [ -e state.nt ] && break; sleep 0.02; done
    kill -KILL $!
    wait $! || true
    "${train[@]}" --checkpoint state.nt --resume | cmp whole.nt
    config q.json '"method": "lsq",' '"quant_start_step": 6'
    refuses 2 "checkpoint of another training" \
        "${train[@]}" --checkpoint state.nt --resume -o x.nt
    [ ! -e x.nt ]
}

@test "a wrong file of --qat is one line, and no output" {
    refuses 1 "missing.json" "${train[@]}" --qat missing.json -o out.nt
    config q.json '"methd": "lsq",'
    refuses 2 "q.json: methd: unknown key (did you mean 'method'?)" \
        "${train[@]}" --qat q.json -o out.nt
    config q.json '"method": "gptq",'
    refuses 2 "q.json: method: nothing is trained by 'gptq'" "${train[@]}" --qat q.json -o out.nt
    echo '[{"quant_types": ["weight"], "quant_bits": 8, "op_names": ["fc9"]}]' >q.json
    refuses 2 "did you mean 'fc1'" "${train[@]}" --qat q.json -o out.nt
    echo '{"method": "lsq"}' >q.json
    refuses 2 "one of config_list, custom_compression and plan" \
        "${train[@]}" --qat q.json -o out.nt
    nt-quantize -q --data idx:data in.nt -o quantized.nt
    config q.json
    refuses 1 "quantized.nt: the model is quantized already" \
        nt-finetune quantized.nt --data idx:data --qat q.json -o out.nt
    [ ! -e out.nt ]
}

@test "bad input is one line and status 1, and the old output stays" {
    echo old >out.nt
    nt-zoo mlp --input 1x9x9 -o big.nt
    refuses 1 "big.nt: input 'input' is [N,1,9,9], but a sample of the data is [1,8,8]" \
        nt-finetune big.nt --data idx:data -o out.nt
    nt-zoo mlp --input 1x8x8 --classes 4 -o few.nt
    refuses 1 "few.nt: the data have 10 classes, the network has 4 outputs" \
        nt-finetune few.nt --data idx:data -o out.nt
    refuses 1 "missing" nt-finetune missing.nt --data idx:data -o out.nt
    refuses 1 "nowhere" nt-finetune in.nt --data idx:nowhere -o out.nt
    refuses 1 "the loss is not finite" "${train[@]}" --lr 100000 --epochs 5 -o out.nt
    [ "$(cat out.nt)" = old ]
    [ "$(ls -A | grep -c 'out.nt')" -eq 1 ]
}

@test "a full device is noticed" {
    run bash -c 'nt-finetune in.nt --data idx:data >/dev/full'
    [ "$status" -eq 1 ]
}

@test "a signal leaves neither output nor temporary files" {
    "${train[@]}" --epochs 1000000 -o out.nt --checkpoint state.nt >/dev/null 3>&- &
    pid=$!
    for _ in $(seq 50); do [ -e state.nt ] && break; sleep 0.1; done
    kill -TERM "$pid"
    status=0
    wait "$pid" || status=$?
    [ "$status" -eq 143 ]
    [ "$(ls -A | sort | tr '\n' ' ')" = "data in.nt state.nt " ]
}
