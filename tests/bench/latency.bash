# SPDX-License-Identifier: MIT
# Inference and start-up beside ONNX Runtime; sourced by run.

# put_network NAME: makes $nets/NAME/eval.onnx if it is not there; its picture's extent goes to $extent
put_network()
{
    local name=$1 dir=$nets/$1

    extent=224
    case $name in resnet20 | vgg19) extent=32 ;; esac
    [ ! -e "$dir/eval.onnx" ] || return 0
    mkdir -p "$dir"
    if [ "$extent" = 32 ]; then
        nt-zoo "$name" -o "$dir/$name.nt" && tar xOf "$dir/$name.nt" model.onnx >"$dir/made" &&
            mv "$dir/made" "$dir/eval.onnx"
        return
    fi
    find_python torch torchvision numpy ||
        { echo "no Python with torchvision (Debian: python3-torchvision)" >"$work/said"; return 1; }
    "$python" "$NT_TOP/tests/peer/torchvision_export.py" "$name" "$dir" >"$work/said" 2>&1 &&
        rm -f "$dir/bn.onnx"
}

# "NAME MODEL EXTENT" of the networks that can be had, into $ready
find_networks()
{
    local name extent

    ready=()
    for name in "${networks[@]}"; do
        put_network "$name" || { skip "$name" "$(tail -n 1 "$work/said")"; continue; }
        ready+=("$name $nets/$name/eval.onnx $extent")
    done
}

# ---- latency

# nt_latency MODEL BATCH THREADS PRECISION RUNS [min]: the median or the fastest of RUNS runs
nt_latency()
{
    nt-run -q --random --json --batch-size "$2" --threads "$3" --precision "$4" --time "$5" "$1" \
        >"$work/run.json" && field "$work/run.json" "execution_time_${6:+${6}_}ms"
}

start_ort()
{
    [ -n "${version[ONNX Runtime]-}" ] || ! find_ort || start "ONNX Runtime" node "$here/ort_time.js"
    [ -n "${version[ONNX Runtime]-}" ] || skip "ONNX Runtime" "$why"
}

# one round of one network: MODEL EXTENT NAME BATCH THREADS
latency_round()
{
    local model=$1 extent=$2 row="$3, batch $4, $5 thread(s), ms" n=$((runs / $4))

    [ "$n" -ge 3 ] || n=3
    note "$row" "nt fp32" "$(nt_latency "$model" "$4" "$5" fp32 "$n")"
    [ -z "${version[ONNX Runtime]-}" ] ||
        note "$row" "ONNX Runtime fp32" "$(ask "ONNX Runtime" "$model $4x3x${extent}x$extent $5 $n")"
    [ "$bf16" = no ] || note "$row" "nt bf16" "$(nt_latency "$model" "$4" "$5" bf16 "$n")"
}

latency()
{
    local i t b entry name model extent

    start_ort
    for ((i = 0; i < rounds; i++)); do
        for entry in "${ready[@]}"; do
            read -r name model extent <<<"$entry"
            for b in "${batches[@]}"; do
                for t in "$@"; do latency_round "$model" "$extent" "$name" "$b" "$t"; done
            done
        done
    done
}

# ---- start-up

# The wall time of a whole nt-run, and the most memory it held where GNU time can say that. A run
# before it is not counted: its peer, too, finds the file in memory, and memory that was in use a
# moment ago, which a virtual machine may else have to ask its host for.
nt_startup()
{
    local name=$1 model=$2 t=$3 from measure=()

    [ -z "$gnu_time" ] || measure=("$gnu_time" -o "$work/peak" -f %M)
    nt-run -q --random --threads "$t" "$model" >"$work/run.txt" || return
    from=${EPOCHREALTIME/./}
    "${measure[@]}" nt-run -q --random --threads "$t" "$model" >"$work/run.txt" || return
    note "$name, file to first answer, $t thread(s), ms" "nt fp32" \
        "$(awk -v us=$((${EPOCHREALTIME/./} - from)) 'BEGIN { print us / 1000 }')"
    [ -z "$gnu_time" ] || note "$name, peak memory, $t thread(s), MB" "nt fp32" \
        "$(awk '{ print $1 / 1024 }' "$work/peak")"
}

# Within a node that runs already: the session and its first run; the memory is all of node's.
ort_startup()
{
    local name=$1 model=$2 t=$3 extent=$4 ms=failed mb=failed

    read -r ms mb <<<"$(node "$here/ort_start.js" "$model" "1x3x${extent}x$extent" "$t" 2>/dev/null)"
    note "$name, file to first answer, $t thread(s), ms" "ONNX Runtime fp32" "$ms"
    [ -z "$gnu_time" ] || note "$name, peak memory, $t thread(s), MB" "ONNX Runtime fp32" "$mb"
}

startup()
{
    local i t entry name model extent ort='' gnu_time

    gnu_time=$(type -P time) || skip "peak memory" "GNU time is not installed"
    if find_ort; then ort=yes; else skip "ONNX Runtime" "$why"; fi
    for ((i = 0; i < rounds; i++)); do
        for entry in "${ready[@]}"; do
            read -r name model extent <<<"$entry"
            for t in "$@"; do
                nt_startup "$name" "$model" "$t"
                [ -z "$ort" ] || ort_startup "$name" "$model" "$t" "$extent"
            done
        done
    done
}
