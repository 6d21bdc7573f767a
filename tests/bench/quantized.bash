# SPDX-License-Identifier: MIT
# Quantized networks beside ONNX Runtime; sourced by run. Weights are seeded or torchvision's initial ones
# and pictures are noise: this is about time only.

packed_bits='8/8 4/4 2/2 1/1' packed_isas='avx512 avx2 portable'

# put_quantized NAME MODEL EXTENT: $work/packed/NAME/q8.onnx, pack-W-A.nt and .dlrt if they are not there
put_quantized()
{
    local dir=$work/packed/$1 bits to

    mkdir -p "$dir"
    printf '{"format": "cifar100", "path": "%s/cifar", "splits": {"train": {"transforms": [{"resize": {"size": %s}}]}}}' \
        "$work" "$3" >"$work/noise.json"
    for bits in $packed_bits; do
        to=$dir/pack-${bits/\//-}
        [ ! -e "$to.dlrt" ] || continue
        nt-quantize -q "$2" --bits "$bits" --keep-ends --calibrate 8 --data "$work/noise.json" -o "$to.nt" &&
            nt-export -q "$to.nt" -f dlrt -o "$to.dlrt" || return
    done >"$work/said" 2>&1
    [ -e "$dir/q8.onnx" ] || nt-export -q "$dir/pack-8-8.nt" -f onnx -o "$dir/q8.onnx" >"$work/said" 2>&1
}

# one round of one network: NAME MODEL EXTENT THREADS
quantized_round()
{
    local name=$1 dir=$work/packed/$1 shape=1x3x$3x$3 t=$4 row="$4 thread(s), ms" fp32='' bits isa

    note "$name int8, $row" "nt int8" "$(nt_latency "$dir/pack-8-8.nt" 1 "$t" auto "$runs")"
    if [ -n "${version[ONNX Runtime]-}" ]; then
        note "$name int8, $row" "ONNX Runtime int8" "$(ask "ONNX Runtime" "$dir/q8.onnx $shape $t $runs")"
        fp32=$(ask "ONNX Runtime" "$2 $shape $t $runs")
    fi
    for bits in $packed_bits; do
        for isa in $packed_isas; do
            note "$name dlrt $bits $isa, $row" "nt dlrt" \
                "$(NT_RT_ISA=$isa nt_latency "$dir/pack-${bits/\//-}.dlrt" 1 "$t" auto "$runs")"
            [ -z "$fp32" ] || note "$name dlrt $bits $isa, $row" "ONNX Runtime fp32" "$fp32"
        done
    done
}

quantized()
{
    local i t entry name model extent

    start_ort
    make_data 1
    for ((i = 0; i < rounds; i++)); do
        for entry in "${ready[@]}"; do
            read -r name model extent <<<"$entry"
            put_quantized "$name" "$model" "$extent" || { skip "$name" "$(tail -n 1 "$work/said")"; continue; }
            for t in "$@"; do quantized_round "$name" "$model" "$extent" "$t"; done
        done
    done
}
