#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Networks as C: compiled by the machine's compilers, run, and compared with nt-run.
load helpers
load onnx.bash

WARN="-std=c99 -Wall -Wextra -pedantic -Werror"

# drive NAME INPUTS OUTPUTS: a program around NAME_run, shapes like "1,3,8,8 1,2". It writes the
# random numbers it feeds as in0.npy, in1.npy, ... and what comes of them as out0.npy, ...
drive()
{
    local name=$1 i=0 args='' s
    echo "#include \"$name.h\""
    cat <<'C'
#include <stdio.h>
#include <string.h>

/* Version 1.0 of NumPy's files; floats as this machine has them. */
static int save(const char *path, const char *shape, const float *v, unsigned long n)
{
    const int one = 1;
    char head[160];
    FILE *f = fopen(path, "wb");
    int bad;

    sprintf(head, "{'descr': '%cf4', 'fortran_order': False, 'shape': (%s,), }",
            *(const char *)&one ? '<' : '>', shape);
    bad = !f || fwrite("\223NUMPY\1\0\166\0", 1, 10, f) != 10 ||
          fprintf(f, "%-117s\n", head) != 118 || fwrite(v, sizeof *v, n, f) != n;
    return (f && fclose(f)) || bad;
}

static float number(void)
{
    static unsigned long state = 1;

    state = (state * 1103515245UL + 12345UL) & 0x7fffffffUL;
    return (float)(state >> 8) / 4194304.0f - 1.0f;
}

C
    for s in $2; do
        echo "static float in$i[$((${s//,/*}))];"
        args+=", in$i"
        i=$((i + 1))
    done
    i=0
    for s in $3; do
        echo "static float out$i[$((${s//,/*}))];"
        args+=", out$i"
        i=$((i + 1))
    done
    printf '\nint main(void)\n{\n    int bad = 0;\n\n'
    i=0
    for s in $2; do
        echo "    for (unsigned long i = 0; i < $((${s//,/*})); i++) in$i[i] = number();"
        echo "    bad |= save(\"in$i.npy\", \"$s\", in$i, $((${s//,/*})));"
        i=$((i + 1))
    done
    # twice: nothing of the first run may be left in the second
    echo "    for (int i = 0; i < 2; i++) bad |= ${name}_run(${args#, });"
    i=0
    for s in $3; do
        echo "    bad |= save(\"out$i.npy\", \"$s\", out$i, $((${s//,/*})));"
        i=$((i + 1))
    done
    printf '    return bad;\n}\n'
}

# agrees MODEL INPUTS OUTPUTS [COMPILER AND FLAGS]
agrees()
{
    local args=() i=0 s
    nt-export -f c "$1" -o net.c
    drive net "$2" "$3" >main.c
    # shellcheck disable=SC2086 # flags are words
    ${4:-gcc -O2} $WARN net.c main.c -o net -lm
    ./net
    for s in $2; do args+=(-i "in$i.npy"); i=$((i + 1)); done
    i=0
    for s in $3; do args+=(--expect "out$i.npy"); i=$((i + 1)); done
    nt-run "$1" --threads 1 --precision fp32 --rtol 1e-4 --atol 1e-5 "${args[@]}"
}

SANITIZED="gcc -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all"

@test "small networks of the zoo" {
    nt-zoo lenet5 -o lenet.nt
    agrees lenet.nt 1,1,28,28 1,10
    agrees lenet.nt 1,1,28,28 1,10 "$SANITIZED"
    nt-zoo mlp -o mlp.nt
    agrees mlp.nt 1,1,28,28 1,10
    nt-zoo resnet8 -o resnet8.nt
    agrees resnet8.nt 1,3,32,32 1,10
    agrees resnet8.nt 1,3,32,32 1,10 "$SANITIZED"
}

@test "mobilenet_v2, with fewer channels" {
    nt-zoo mobilenet_v2 --input 3x16x16 | nt-prune -s 0.8 --shrink -o mobile.nt
    agrees mobile.nt 1,3,16,16 1,10
    agrees mobile.nt 1,3,16,16 1,10 "$SANITIZED"
}

@test "like vgg, with normalisation that is folded and one that is not" {
    cat >vgg.json <<'J'
{"name": "v", "input": [3, 17, 13], "classes": 7, "layers": [
  {"conv": "a", "out": 6, "pad": 1, "bias": true}, {"bn": "an"}, "relu",
  {"conv": "b", "out": 10, "pad": 2, "kernel": 5, "stride": 2, "bias": true}, {"bn": "bn"}, "relu",
  {"max_pool": 3, "stride": 2, "pad": 1}, {"bn": "cn"}, "hard_swish",
  {"average_pool": 2, "stride": 1, "pad": 1}, "sigmoid", {"dropout": 0.5}, "flatten",
  {"linear": "d", "out": 9}, "tanh", {"linear": "e", "out": "classes"}]}
J
    nt-zoo vgg.json -o vgg.nt
    agrees vgg.nt 1,3,17,13 1,7
    grep -q "BatchNormalization" net.c
    [ "$(grep -c "/\* BatchNormalization" net.c)" -eq 1 ]
    agrees vgg.nt 1,3,17,13 1,7 "$SANITIZED"
}

# Down and up again, with what was on the way beside it
u_net()
{
    onnx <<'T'
input x N 2 12 8
const w1 5 2 3 3 = 0.31 -0.2 0.17 -0.41 0.05 0.23 -0.11
const b1 5 = 0.1 -0.2 0.3
node Conv x w1 b1 -> a1
ints pads 1 1 1 1
node Relu a1 -> r1
node MaxPool r1 -> p1
ints kernel_shape 2 2
ints strides 2 2
const w2 7 5 3 3 = 0.11 -0.12 0.07 -0.21 0.15 0.03 -0.11 0.02 -0.06 0.19 0.04
node Conv p1 w2 -> a2
ints pads 1 1 1 1
node LeakyRelu a2 -> r2
float alpha 0.3
const scales 4 = 1 1 2 2
node Resize r2 - scales -> u1
node Concat r1 u1 -> c1
int axis 1
const w3 3 12 1 1 = 0.2 -0.3 0.1 0.4 -0.25
node Conv c1 w3 -> y
output y N 3 12 8
output r1 N 5 12 8
T
}

@test "like U-Net, with a second output on the way" {
    u_net >u.onnx
    agrees u.onnx 1,2,12,8 "1,3,12,8 1,5,12,8"
    agrees u.onnx 1,2,12,8 "1,3,12,8 1,5,12,8" "$SANITIZED"
}

@test "windows of all kinds: groups, strides, dilations, uneven pads, rounding up" {
    onnx >w.onnx <<'T'
input x N 6 13 11
const w1 10 3 3 2 = 0.31 -0.2 0.17 -0.41 0.05 0.23 -0.11
const b1 10 = 0.1 -0.2 0.3
node Conv x w1 b1 -> a1
int group 2
ints pads 2 0 1 3
ints strides 2 1
ints dilations 1 2
const w2 20 1 3 3 = 0.3 -0.2 0.15 -0.4 0.05 0.25 -0.1
node Conv a1 w2 -> a2
int group 10
ints pads 1 2 1 0
ints strides 1 2
node Clip a2 lo hi -> k2
const lo = -0.8
const hi = 0.9
const w3 20 1 5 3 = 0.3 -0.2 0.15 -0.4 0.05 0.25 -0.1
node Conv k2 w3 -> a3
int group 20
word auto_pad SAME_UPPER
ints dilations 2 1
node AveragePool a3 -> m1
ints kernel_shape 3 2
ints strides 2 2
ints pads 1 1 0 1
int ceil_mode 1
int count_include_pad 1
node AveragePool a3 -> m2
ints kernel_shape 3 2
ints strides 2 2
ints pads 1 1 0 1
int ceil_mode 1
node Sub m1 m2 -> d1
node MaxPool a3 -> m3
ints kernel_shape 2 3
ints strides 2 2
ints pads 1 1 0 1
ints dilations 2 1
int ceil_mode 1
const w4 3 20 7 9 = 0.1 -0.07 0.03 0.05 -0.04
node Conv m3 w4 -> y2
ints pads 4 4 4 4
output d1 N 20 4 4
output y2 N 3 5 4
T
    shapes=$(nt-info w.onnx | sed -n 's/^output .*\[N,\(.*\)\].*/1,\1/p' | tr '\n' ' ')
    agrees w.onnx 1,6,13,11 "$shapes"
    agrees w.onnx 1,6,13,11 "$shapes" "$SANITIZED"
}

@test "rows, and arithmetic with broadcasting" {
    onnx >r.onnx <<'T'
input x N 4 30
input z N 1 30
const w1 6 4 5 = 0.31 -0.2 0.17 -0.41 0.05 0.23 -0.11
node Conv x w1 -> a1
ints pads 2 2
const row 6 1 = 0.5 -1 2 1.5 0.25 -0.75
node Mul a1 row -> a2
node Add z a2 -> a3
node Relu a3 -> a4
const three = 3
node Sub three a4 -> a5
node Div a5 three -> a6
node HardSigmoid a6 -> a7
float alpha 0.3
node Sigmoid a1 -> b0
node Mul a1 b0 -> b1
node ReduceMean b1 -> b2
ints axes 1
int keepdims 1
node Softmax b2 -> b3
node Mul a7 b3 -> y
const w2 30 7 = 0.31 -0.2 0.17 -0.41 0.05 0.23 -0.11
node MatMul y w2 -> y2
node Transpose a3 -> t1
ints perm 0 2 1
node MatMul y t1 -> y3
output y N 6 30
output y2 N 6 7
output y3 N 6 6
T
    agrees r.onnx "1,4,30 1,1,30" "1,6,30 1,6,7 1,6,6"
    agrees r.onnx "1,4,30 1,1,30" "1,6,30 1,6,7 1,6,6" "$SANITIZED"
}

@test "what only moves elements" {
    onnx >m.onnx <<'T'
input x N 4 6 5
node Transpose x -> t1
ints perm 0 3 1 2
longs from 2 = 5 -1
longs to 2 = -7 0
longs axes 2 = 2 3
longs steps 2 = -1 -2
node Slice t1 from to axes steps -> s1
longs pads 8 = 0 1 0 2 0 0 3 1
const fill = -1.5
node Pad s1 pads fill -> y1
longs mirror 8 = 0 0 2 1 0 0 1 2
node Pad x mirror -> p2
word mode reflect
node Split p2 -> h1 h2
int axis 1
node Concat h2 x2 h1 -> y2
int axis 1
const x2 1 1 9 8 = 0.5 -1 2
longs shape 3 = 0 -1 6
node Reshape x shape -> v1
node Identity x -> y4
longs rows 3 = 4 0 2
node Gather v1 rows -> y3
int axis 2
const scales 4 = 1 1 1.5 0.6
node Resize x - scales -> y5
word coordinate_transformation_mode asymmetric
word nearest_mode floor
output y1 N 6 7 6
output y2 N 5 9 8
output y3 N 20 3
output y4 N 4 6 5
output y5 N 4 9 3
T
    shapes=$(nt-info m.onnx | sed -n 's/^output .*\[[N1],\(.*\)\].*/1,\1/p' | tr '\n' ' ')
    agrees m.onnx 1,4,6,5 "$shapes"
    agrees m.onnx 1,4,6,5 "$shapes" "$SANITIZED"
}

@test "up again: transposed convolutions, and points between others" {
    onnx >d.onnx <<'T'
input x N 4 5 6
const w1 4 3 3 2 = 0.31 -0.2 0.17 -0.41 0.05 0.23 -0.11
const b1 6 = 0.1 -0.2 0.3
node ConvTranspose x w1 b1 -> a1
int group 2
ints strides 2 3
ints dilations 2 1
ints pads 1 0 2 1
ints output_padding 1 0
node Relu a1 -> r1
const w2 6 2 4 4 = 0.11 -0.12 0.07 -0.21 0.15 0.03 -0.11 0.02
node ConvTranspose r1 w2 -> y1
ints strides 2 2
word auto_pad SAME_UPPER
const scales 4 = 1 1 2 1.5
node Resize x - scales -> y2
word mode linear
longs sizes 4 = 1 4 9 4
node Resize x - - sizes -> y3
word mode linear
word coordinate_transformation_mode align_corners
node Resize x - - sizes -> y4
word mode cubic
const one 4 = 1 1 1 2
node Resize x - one -> y5
word mode linear
const channels 4 = 1 1.5 1 0.5
node Resize x - channels -> y6
word mode linear
word coordinate_transformation_mode asymmetric
output y1 N 2 24 34
output y2 N 4 10 9
output y3 N 4 9 4
output y4 N 4 9 4
output y5 N 4 5 12
output y6 N 6 5 3
T
    shapes=$(nt-info d.onnx | sed -n 's/^output .*\[[N1],\(.*\)\].*/1,\1/p' | tr '\n' ' ')
    agrees d.onnx 1,4,5,6 "$shapes"
    agrees d.onnx 1,4,5,6 "$shapes" "$SANITIZED"
}

@test "normalisation by what was computed" {
    onnx 21 >n.onnx <<'T'
input x N 6 4 5
const s6 6 = 1.5 -0.5 2 0.25
const b6 6 = 0.1 -0.2 0.3
node InstanceNormalization x s6 b6 -> i1
node Relu i1 -> r1
node GroupNormalization r1 s6 b6 -> y1
int num_groups 3
float epsilon 0.01
const s5 5 = 1 0.5 -2 1.25
node LayerNormalization x s5 -> l1
const s20 4 5 = 1.5 -0.5 2 0.25 0.75 1.1 -0.3
const b20 4 5 = 0.1 -0.2 0.3
node LayerNormalization l1 s20 b20 -> y2
int axis 2
output y1 N 6 4 5
output y2 N 6 4 5
T
    agrees n.onnx 1,6,4,5 "1,6,4,5 1,6,4,5"
    agrees n.onnx 1,6,4,5 "1,6,4,5 1,6,4,5" "$SANITIZED"
}

@test "functions of one element and of two" {
    onnx 20 >f.onnx <<'T'
input x N 3 40
const lo = -0.25
node Max x lo -> a1
node Max lo x -> a2
const row 3 1 = 0.5 -0.25 0.125
node Min x row -> a3
node PRelu a3 row -> a4
node Add a4 a1 -> a5
const two = 2
node Pow a5 two -> a6
node Abs x -> ab
const half = 0.5
node Pow ab half -> a7
node Celu x -> b1
float alpha 0.7
node Gelu x -> b2
node Gelu x -> b3
word approximate tanh
node Mish x -> b4
node HardSwish x -> b5
node Selu x -> b6
node Shrink x -> b7
float lambd 0.3
float bias 0.1
node Softplus x -> b8
node Softsign x -> b9
node ThresholdedRelu x -> b10
float alpha 0.4
const ten = 10
node Mul x ten -> c1
node Round c1 -> c2
node Sign x -> c3
node Sin c1 -> c4
node Cos c1 -> c5
node Elu x -> c6
node Concat a2 a6 a7 b1 b2 b3 b4 b5 b6 b7 b8 b9 b10 c2 c3 c4 c5 c6 -> y
int axis 1
output y N 54 40
T
    agrees f.onnx 1,3,40 1,54,40
    agrees f.onnx 1,3,40 1,54,40 "$SANITIZED"
    command -v clang >/dev/null || return 0
    agrees f.onnx 1,3,40 1,54,40 "clang -O2"
}

@test "--verify compiles and runs what was written" {
    nt-zoo resnet8 -o a.nt
    nt-export -f c --verify a.nt -o net.c
    [ -e net.c ] && [ -e net.h ]
    CC="gcc -O3" nt-export -f onnx,c --verify --fixed a.nt -d set --name 'a b'
    [ -e "set/a b.c" ] && [ -e "set/a b.h" ]
    mkdir tmp
    CC=no-such-compiler refuses 1 "no C compiler" nt-export -f c --verify a.nt -o b.c
    CC=false refuses 1 "no success" nt-export -f c --verify a.nt -o b.c
    u_net >u.onnx
    cat >half <<'H'
#!/bin/sh
# a compiler whose programs halve what convolutions make
for f; do case $f in */b.c) sed -i 's/cut(a\[/0.5f * cut(a[/' "$f" ;; esac; done
exec gcc "$@"
H
    chmod +x half
    TMPDIR=$PWD/tmp CC=./half refuses 3 "of the written file differs by" nt-export -f c --verify u.onnx -o b.c
    [ -z "$(ls tmp)" ]
    [ -e b.c ] && [ -e b.h ] # what missed is there to be looked at
}

@test "clang compiles it too" {
    command -v clang >/dev/null || skip "no clang"
    u_net >u.onnx
    agrees u.onnx 1,2,12,8 "1,3,12,8 1,5,12,8" "clang -O2"
}

@test "C++ includes the header" {
    command -v g++ >/dev/null || skip "no g++"
    u_net >u.onnx
    nt-export -f c u.onnx -o net.c
    echo '#include "net.h"' >h.cc
    g++ -Wall -Wextra -pedantic -Werror -c h.cc -o h.o
}

@test "what is shown of the arena is what the files have; two exports are the same bytes" {
    nt-zoo resnet8 -o a.nt
    nt-export -f c a.nt -o net.c --arena-report >report
    [ "$(sed -n 's/^arena: \(.*\) bytes$/\1/p' report)" = "$(sed -n 's/^#define net_ARENA_BYTES //p' net.h)" ]
    # as much as the largest step needs: input and output of a residual block, and its sum
    [ "$(awk 'NR > 2 && $1 + $2 > max { max = $1 + $2 } END { print max }' report)" = \
        "$(sed -n 's/^#define net_ARENA_BYTES //p' net.h)" ]
    mkdir two
    nt-export -f c a.nt -o two/net.c
    cmp net.c two/net.c
    cmp net.h two/net.h
}

@test "-d writes both files, for each resolution, under names that are C" {
    nt-zoo resnet8 -o a.nt
    nt-export -f onnx,c --fixed a.nt -d set --name 1st.net --resolution 16x24
    [ "$(LC_ALL=C ls set | tr '\n' ' ')" = "1st.net.c 1st.net.h 1st.net16x24.c 1st.net16x24.h 1st.net16x24fp32.onnx 1st.net32x32fp32.onnx " ] ||
        { ls set; false; }
    grep -q '^int n1st_net16x24_run(const float \*in, float \*out);$' set/1st.net16x24.h
    grep -q '^#include "1st.net16x24.h"$' set/1st.net16x24.c
    gcc $WARN -c set/1st.net.c -o o.o
}

@test "what has no form in C is refused by node, and nothing is left behind" {
    onnx >l.onnx <<'T'
input x N 4 6 5
node TopK x k -> y i
longs k 1 = 2
output y N 4 6 2
T
    refuses 1 "operator 'TopK' has no form in C" nt-export -f c l.onnx -o net.c
    [[ "$output" == *"node 'TopK_0'"* ]]
    nt-zoo resnet8 --input 1x8x8 | nt-quantize --bits 8/32 -o q.nt
    refuses 1 "Linear' has no form in C" nt-export -f c q.nt -o net.c
    nt-zoo lenet5 -o a.nt
    refuses 2 "give -o NAME.c or -d DIR" nt-export -f c a.nt -o net
    refuses 2 "give -o NAME.c or -d DIR" bash -c 'nt-export -f c a.nt | cat; exit "${PIPESTATUS[0]}"'
    refuses 2 "no file of such a name" nt-export -f c a.nt -o 'a"b.c'
    refuses 2 "neither --precision fp16 nor --dynamic" nt-export -f c --precision fp16 a.nt -o net.c
    refuses 2 "--arena-report is for format 'c'" nt-export --arena-report a.nt -o net.onnx
    [ ! -e net.c ] && [ ! -e net.h ] && [ ! -e net ] && [ ! -e net.onnx ]
}
