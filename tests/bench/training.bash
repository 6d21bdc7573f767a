# SPDX-License-Identifier: MIT
# Training steps beside PyTorch; sourced by run.

# as many images as $1 steps need, in the files of CIFAR-100 (its labels: any byte below 100) and MNIST
make_data()
{
    local n=$((batch * $1)) small=$((batch * $1 * 10))

    mkdir -p "$work/cifar" "$work/idx"
    seq 1 $((3074 * n / 2)) | head -c $((3074 * n)) >"$work/cifar/train.bin"
    head -c 3074 "$work/cifar/train.bin" >"$work/cifar/test.bin"
    { printf '\0\0\10\3%b\0\0\0\34\0\0\0\34' "$(be32 "$small")"
      seq 1 $((784 * small / 2)) | head -c $((784 * small)); } >"$work/idx/train-images-idx3-ubyte"
    { printf '\0\0\10\1%b' "$(be32 "$small")"
      yes 0 | tr -d '\n' | tr 0 '\1' | head -c "$small"; } >"$work/idx/train-labels-idx1-ubyte"
}
be32() { printf '\\0%03o' $(($1 >> 24)) $(($1 >> 16 & 255)) $(($1 >> 8 & 255)) $(($1 & 255)); }

# The first epoch warms up.
nt_training()
{
    nt-finetune -q --threads "$4" --precision "$3" --data "$2" --batch-size "$batch" --epochs 3 --lr 0.01 \
        --momentum 0.9 --report "$work/train.json" -o /dev/null "$1" &&
        field "$work/train.json" images_per_second | sed 1d | median
}

# put_trainee NAME: the description and the archive of a network, and its data, into $spec, $model, $data, $n
put_trainee()
{
    n=$steps data=cifar100:$work/cifar spec=$NT_TOP/share/zoo/$1.json model=$work/$1.train.nt
    [ "$1" != small_cnn ] || n=$((10 * steps)) data=idx:$work/idx spec=$here/$1.json
    [ -e "$model" ] || nt-zoo --classes 100 "$spec" -o "$model" 2>"$work/said"
}

# one round of one network: NAME THREADS
training_round()
{
    local row="$1, batch $batch, $2 thread(s), images/s" variant

    for variant in fp32 bf16; do
        note "$row" "nt $variant" "$(nt_training "$model" "$data" "$variant" "$2")"
    done
    [ -n "${version[PyTorch]-}" ] || return 0
    for variant in fp32 fp32_cl autocast autocast_cl weights weights_cl; do
        note "$row" "PyTorch $variant" "$(ask PyTorch "$spec $variant $batch $2 $n")"
    done
}

training()
{
    local i t name ready=() n data spec model

    if find_python torch; then
        start PyTorch "$python" "$here/torch_train.py"
    else
        skip PyTorch "no Python with PyTorch (Debian: python3-torch)"
    fi
    make_data "$steps"
    for name in "${networks[@]}"; do
        if put_trainee "$name"; then ready+=("$name"); else skip "$name" "$(tail -n 1 "$work/said")"; fi
    done
    for ((i = 0; i < rounds; i++)); do
        for name in "${ready[@]}"; do
            put_trainee "$name"
            for t in "$@"; do training_round "$name" "$t"; done
        done
    done
}
