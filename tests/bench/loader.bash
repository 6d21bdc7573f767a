# SPDX-License-Identifier: MIT
# Does the loader keep ahead of training? Sourced by run.

# ResNet-20 in bf16, a fast consumer, on $data_set; its first epoch's speed and share of waiting
loader_round()
{
    local row="loader, $1 thread(s)" report=$work/train.json

    note "$row, images/s" "nt loader alone" "$("$loader" "$data_set" 1 $((batch * steps * 8)))"
    nt-finetune -q --threads "$1" --precision bf16 --data "$data_set" --batch-size "$batch" --steps $((steps * 8)) \
        --lr 0.01 --report "$report" -o /dev/null "$work/resnet20.nt" || return
    note "$row, images/s" "nt training" "$(field "$report" images_per_second)"
    note "$row, % of training in wait of data" "nt training" \
        "$(awk -v w="$(field "$report" data_wait_seconds)" -v s="$(field "$report" seconds)" \
            'BEGIN { printf "%.4f", 100 * w / s }')"
}

loader()
{
    local i t loader=${NT_BIN:-$NT_TOP/build/bin}/../bench/loader

    [ -n "$data_set" ] || { skip loader "no data set was named (-d)"; return; }
    [ -x "$loader" ] || { skip loader "$loader is not there (make bench)"; return; }
    nt-zoo resnet20 -o "$work/resnet20.nt" || return
    for ((i = 0; i < rounds; i++)); do
        for t in "$@"; do loader_round "$t"; done
    done
}
