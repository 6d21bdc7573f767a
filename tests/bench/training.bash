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

training()
{
    local i t name data variant row n

    if find_python torch; then
        start PyTorch "$python" "$here/torch_train.py"
    else
        skip PyTorch "no Python with PyTorch (Debian: python3-torch)"
    fi
    make_data "$steps"
    nt-zoo vgg19 --classes 100 -o "$work/vgg19.nt" && nt-zoo "$here/small_cnn.json" -o "$work/small_cnn.nt" || return
    for ((i = 0; i < rounds; i++)); do
        for name in vgg19 small_cnn; do
            n=$steps data=cifar100:$work/cifar
            [ "$name" = vgg19 ] || n=$((10 * steps)) data=idx:$work/idx
            for t in "$@"; do
                row="$name, batch $batch, $t thread(s), images/s"
                for variant in fp32 bf16; do
                    note "$row" "nt $variant" "$(nt_training "$work/$name.nt" "$data" "$variant" "$t")"
                done
                [ -n "${version[PyTorch]-}" ] || continue
                for variant in fp32 fp32_cl autocast autocast_cl weights weights_cl; do
                    note "$row" "PyTorch $variant" "$(ask PyTorch "$name $variant $batch $t $n")"
                done
            done
        done
    done
}
