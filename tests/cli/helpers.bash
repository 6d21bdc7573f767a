# SPDX-License-Identifier: MIT
# What the command-line tests share: load helpers, then each test has the tools first on PATH and
# runs in an empty folder of its own.

NT_ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
PATH=${NT_BIN:-$NT_ROOT/build/bin}:$PATH
FASHION_MNIST=/usr/share/datasets/fashion-mnist

setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
}

# The command fails. (A plain ! would not end a test that goes on after it.)
not()
{
    ! "$@"
}

# The command fails with this status and says one line: status, text in it, command...
refuses()
{
    local want=$1 text=$2
    shift 2
    run "$@"
    echo "status $status, want $want: $output"
    [ "$status" -eq "$want" ] && [ "${#lines[@]}" -eq 1 ] && [[ "$output" == *"$text"* ]]
}

# No more than so many KiB of memory for what follows; the sanitizers' shadow is larger than any.
limit_memory()
{
    [ -n "${NT_SAN-}" ] || ulimit -v "$1"
}

# Numbers on standard input, one a line, as bytes.
to_bytes()
{
    printf "$(awk '{ printf "\\%03o", $1 % 256 }')"
}

be32()
{
    echo "$1" | awk '{ for (k = 24; k >= 0; k -= 8) print int($1 / 2^k) % 256 }' | to_bytes
}

# Writes one idx split: folder, train|t10k, samples, side. Labels run 0..9, and each image shows
# its label (every tenth pixel is bright), so that it can be learned.
idx_split()
{
    local dir=$1 name=$2 n=$3 side=$4
    mkdir -p "$dir"
    { printf '\0\0\10\3'; be32 "$n"; be32 "$side"; be32 "$side"
      awk -v n="$n" -v m="$((side * side))" 'BEGIN { for (i = 0; i < n; i++) for (k = 0; k < m; k++)
          print k % 10 == i % 10 ? 250 : (i * 7 + k * 3) % 100 }' | to_bytes
    } >"$dir/$name-images-idx3-ubyte"
    { printf '\0\0\10\1'; be32 "$n"
      awk -v n="$n" 'BEGIN { for (i = 0; i < n; i++) print i % 10 }' | to_bytes
    } >"$dir/$name-labels-idx1-ubyte"
}

# Splits train and test of 60 and 40 images of 8 x 8 in ./data: --data idx:data
small_data()
{
    idx_split data train 60 8
    idx_split data t10k 40 8
}

# A field of a protobuf message: number, text (no byte of it 0); and one that is an integer below
# 128 and not 0.
pb_field()
{
    local LC_ALL=C n=${#2}
    if [ "$n" -lt 128 ]; then
        printf "\\$(printf %03o $(($1 << 3 | 2)))\\$(printf %03o "$n")%s" "$2"
    else
        printf "\\$(printf %03o $(($1 << 3 | 2)))\\$(printf %03o $((n & 127 | 128)))\\$(printf %03o $((n >> 7)))%s" "$2"
    fi
}
pb_number()
{
    printf "\\$(printf %03o $(($1 << 3)))\\$(printf %03o "$2")"
}

# An ONNX model of opset 17 with x [1,1,2,2] and y, one node, and one channel of 0.747 for each of
# the inputs named: operator, inputs ("x s"), attribute = integer, constants ("s")
one_node_onnx()
{
    local d graph node='' v shape='' type
    for v in $2; do node+=$(pb_field 1 "$v"); done
    node+=$(pb_field 2 y)$(pb_field 3 only)$(pb_field 4 "$1")
    node+=$(pb_field 5 "$(pb_field 1 "${3%=*}")$(pb_number 3 "${3#*=}")")
    graph=$(pb_field 1 "$node")$(pb_field 2 g)
    for v in $4; do graph+=$(pb_field 5 "$(pb_number 1 1)$(pb_number 2 1)$(pb_field 8 "$v")$(pb_field 9 '????')"); done
    for d in 1 1 2 2; do shape+=$(pb_field 1 "$(pb_number 1 "$d")"); done
    type=$(pb_field 2 "$(pb_field 1 "$(pb_number 1 1)$(pb_field 2 "$shape")")")
    graph+=$(pb_field 11 "$(pb_field 1 x)$type")$(pb_field 12 "$(pb_field 1 y)")
    printf %s "$(pb_number 1 8)$(pb_field 8 "$(pb_number 2 17)")$(pb_field 7 "$graph")"
}
