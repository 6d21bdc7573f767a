#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What all tools have in common.
load helpers

# The tools that read a model and write one, with options that suit the networks below.
filters=("nt-import" "nt-fuse-bn" "nt-prune -s 0.5" "nt-shrink" "nt-decompose --rank 2" "nt-export -f onnx")
# Those that read a model and write text.
reporters=("nt-info" "nt-run --random --threads 1" "nt-profile --threads 1 --runs 1")

setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
    nt-zoo resnet8 -o in.nt
    tools=$(cd "$NT_ROOT/tools" && ls nt-*.c | sed 's/\.c$//')
}

# run on a terminal of its own: its output is in the file typescript
on_a_terminal()
{
    script -qec "$*" typescript </dev/null >/dev/null 2>&1
}

@test "-o, standard output and a second run give the same bytes" {
    for f in "${filters[@]}"; do
        $f in.nt -o a.out
        $f in.nt >b.out
        $f -o - <in.nt >c.out
        $f - <in.nt | cmp a.out
        cmp a.out b.out
        cmp a.out c.out
    done
}

@test "-o may name the input" {
    for f in "${filters[@]}"; do
        $f in.nt -o want
        cp in.nt same.nt
        $f same.nt -o same.nt
        cmp want same.nt
    done
}

@test "filters make a pipe" {
    nt-fuse-bn <in.nt | nt-prune -s 0.5 | nt-shrink | nt-export -f onnx -o small.onnx
    nt-info small.onnx >/dev/null
    nt-run small.onnx --random --threads 1 >/dev/null
    [ "$(wc -c <small.onnx)" -lt "$(($(wc -c <in.nt) / 2))" ]
}

@test "bad usage is one line and status 2" {
    for t in $tools; do
        refuses 2 "unknown option '--nonsense'" "$t" --nonsense
        refuses 2 "takes no argument" "$t" --help=3
        refuses 2 "'sideways' is not one of auto, always, never" "$t" --progress sideways
        refuses 2 "exclude each other" "$t" -q -v
    done
    for f in "${filters[@]}" "${reporters[@]}"; do
        refuses 2 "unexpected operand 'b.nt'" $f a.nt b.nt
    done
}

@test "--help and --version answer on standard output" {
    for t in $tools; do
        "$t" --help >out 2>err
        grep -q "^usage: $t " out
        [ ! -s err ]
        "$t" --version | grep -qE "^$t \(nt\) [0-9.]+$"
    done
}

@test "a file that is missing, empty or something else is one line and status 1" {
    : >empty
    head -c 5000 /dev/urandom >noise
    echo '{"format": 1}' >text.json
    mkdir folder
    for f in "${filters[@]}" "${reporters[@]}"; do
        for bad in missing empty noise text.json folder; do
            refuses 1 "$bad" $f $bad
        done
    done
    [ "$(ls -A | sort | tr '\n' ' ')" = "empty folder in.nt noise text.json " ]
}

@test "a failure leaves the old output as it was, and nothing else" {
    echo old >out
    head -c 3000 in.nt >short.nt
    for f in "${filters[@]}"; do
        run $f short.nt -o out
        [ "$status" -eq 1 ]
        [ "$(cat out)" = old ]
    done
    refuses 1 "no/such/folder" nt-import in.nt -o no/such/folder/out
    [ "$(ls -A | sort | tr '\n' ' ')" = "in.nt out short.nt " ]
}

@test "cut archives are refused wherever they are cut" {
    size=$(wc -c <in.nt)
    for n in 1 100 511 512 513 1024 2048 10000 $((size / 2)) $((size - 1024)) $((size - 1025)); do
        head -c "$n" in.nt >cut.nt
        run nt-info cut.nt
        echo "at $n: status $status, $output"
        [ "$n" -ne $((size - 1024)) ] || continue # all members are there, only the end is not
        [ "$status" -eq 1 ]
        [ "${#lines[@]}" -eq 1 ]
    done
}

# flip FILE OFFSET: one bit
flip()
{
    local byte
    byte=$(od -An -tu1 -j "$2" -N 1 "$1")
    echo $((byte ^ 4)) | to_bytes | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

@test "a flipped bit in an archive is an error of one line, or found by --verify" {
    size=$(wc -c <in.nt)
    for n in 3 124 150 600 2000 6000 $((size / 3)) $((size / 2)) $((size - 3000)); do
        cp in.nt flipped.nt
        flip flipped.nt "$n"
        run nt-info --verify flipped.nt
        echo "at $n: status $status, $output"
        [ "$status" -eq 1 ]
        [ "${#lines[@]}" -eq 1 ]
    done
}

@test "damaged ONNX files are refused or read, never a crash" {
    nt-export in.nt -o in.onnx
    size=$(wc -c <in.onnx)
    for n in $(seq 0 37 600) $((size / 2)) $((size - 50)) $((size - 1)); do
        cp in.onnx flipped.onnx
        flip flipped.onnx "$n"
        run nt-info flipped.onnx
        echo "bit at $n: status $status, $output"
        [ "$status" -eq 0 ] || [ "$status ${#lines[@]}" = "1 1" ]
        head -c "$n" in.onnx >cut.onnx
        run nt-import cut.onnx -o out.nt
        echo "cut at $n: status $status, $output"
        [ "$status ${#lines[@]}" = "1 1" ]
        [ ! -e out.nt ]
    done
}

@test "a full device is noticed" {
    for f in "${filters[@]}" "${reporters[@]}"; do
        run bash -c "$f in.nt >/dev/full"
        echo "$f: status $status, $output"
        [ "$status" -eq 1 ]
        [[ "$output" == *"No space left"* ]]
    done
    for t in $tools; do
        run bash -c "$t --help >/dev/full"
        [ "$status" -eq 1 ]
    done
}

@test "a closed standard output is an error" {
    for f in "${filters[@]}" "${reporters[@]}"; do
        run bash -c "$f in.nt >&-"
        [ "$status" -eq 1 ]
    done
}

@test "a model is never written to a terminal, nor read from one" {
    command -v script >/dev/null || skip "no script(1)"
    for f in "nt-zoo mlp" "nt-import in.nt" "nt-fuse-bn in.nt" "nt-prune -s 0.5 in.nt" \
        "nt-shrink in.nt" "nt-export -f onnx in.nt"; do
        run on_a_terminal "$f"
        [ "$status" -eq 2 ]
        grep -q 'standard output is a terminal' typescript
    done
    for f in "${filters[@]}" "${reporters[@]}"; do
        run script -qec "$f -q >out" typescript </dev/null
        [ "$status" -eq 2 ]
        grep -q 'standard input is a terminal' typescript
    done
}

@test "--device gpu is refused, by those that compute" {
    for t in nt-run nt-profile nt-eval nt-finetune "nt-prune -s 0.5"; do
        refuses 1 "this build has no GPU backend" $t --device gpu in.nt
    done
}

# How threads are to wait in a tool that runs with these variables and options: it is held up by
# its input, and looked into.
waiting()
{
    local fifo=$BATS_TEST_TMPDIR/fifo pid
    rm -f "$fifo" && mkfifo "$fifo"
    env "$@" <"$fifo" >/dev/null 2>&1 &
    pid=$!
    exec 9>"$fifo"
    sleep 0.3
    tr '\0' '\n' <"/proc/$pid/environ" | grep -E '^(GOMP_SPINCOUNT|OMP_WAIT_POLICY)=' || true
    exec 9>&-
    wait "$pid" || true
}

@test "a tool that computes with several threads starts again with a short spin, once" {
    unset OMP_WAIT_POLICY GOMP_SPINCOUNT
    [ "$(waiting nt-run --threads 2)" = GOMP_SPINCOUNT=3000 ]
    [ -z "$(waiting nt-run --threads 1)" ]
    [ -z "$(waiting nt-shrink)" ]
}

@test "how the user wants threads to wait is left alone" {
    unset OMP_WAIT_POLICY GOMP_SPINCOUNT
    [ "$(waiting OMP_WAIT_POLICY=active nt-run --threads 2)" = OMP_WAIT_POLICY=active ]
    [ "$(waiting GOMP_SPINCOUNT=7 nt-run --threads 2)" = GOMP_SPINCOUNT=7 ]
}

@test "what a tool starts does not inherit how its threads wait" {
    nt-eval --threads 2 in.nt --command 'printf "{\"spin\": 0%s}" "${GOMP_SPINCOUNT-}${NT_STARTED_AGAIN-}" #' >out
    [ "$(cat out)" = "spin 0" ]
    GOMP_SPINCOUNT=7 nt-eval --threads 2 in.nt \
        --command 'printf "{\"spin\": %s}" "$GOMP_SPINCOUNT" #' | grep -qx "spin 7"
}

@test "a JSON report has the keys in snake case, and --report writes the same" {
    for f in "${reporters[@]}"; do
        $f in.nt --json --report file.json >out.json
        grep -q '^{' out.json
        not grep -oE '"[a-z_]*[A-Z][A-Za-z_]*":' out.json
        cmp out.json file.json
    done
}

# The wall time of the fastest of five runs, in ms
fastest()
{
    local best=1000000 start i
    for i in 1 2 3 4 5; do
        start=${EPOCHREALTIME/./}
        "$@" >/dev/null
        i=$((${EPOCHREALTIME/./} - start))
        [ "$i" -lt "$best" ] && best=$i
    done
    echo $((best / 1000))
}

@test "tools start at once" {
    [ -z "${NT_SAN-}" ] || skip "not with sanitizers"
    for t in $tools; do
        ms=$(fastest "$t" --help)
        echo "# $t --help: $ms ms" >&3
        [ "$ms" -lt 200 ]
    done
    ms=$(fastest nt-info in.nt)
    echo "# nt-info: $ms ms" >&3
    [ "$ms" -lt 200 ]
}

@test "every tool says once that a BatchNormalization is not in the training mode it asks for" {
    idx_split data train 20 2
    idx_split data t10k 20 2
    one_node_onnx BatchNormalization "x s b m v" training_mode=1 "s b m v" >bn.onnx
    want="warning: bn.onnx: node 'only': BatchNormalization: training_mode is 1: the stored mean and variance are used, not the batch's"
    while read -r command; do
        echo "$command"
        $command >out 2>said || true
        cat said
        [ "$(grep -cF "$want" said)" -eq 1 ]
    done <<'END'
nt-import bn.onnx -o a.nt
nt-info bn.onnx
nt-run bn.onnx --random -o out.d
nt-profile bn.onnx
nt-profile bn.onnx --cost-table
nt-eval bn.onnx --data idx:data --split test
nt-prune bn.onnx -s 0.5 -o b.nt
nt-shrink bn.onnx -o c.nt
nt-fuse-bn bn.onnx -o d.nt
nt-quantize bn.onnx --data idx:data -o e.nt
nt-finetune bn.onnx --data idx:data --steps 1 -o f.nt
nt-export bn.onnx -f onnx -o g.onnx
nt-diff bn.onnx a.nt --data idx:data
nt-optimize --model bn.onnx --data idx:data --dryrun --job-dir job
END
    nt-info a.nt 2>said
    grep -q "warning: a.nt: node 'only'" said # in an archive, too
    nt-info -q bn.onnx 2>said
    [ ! -s said ]
}
