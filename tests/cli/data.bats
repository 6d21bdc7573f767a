#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What the tools make of data: pictures of all kinds, skipped ones, none with labels, NHWC.
load helpers

setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
    source "$BATS_TEST_DIRNAME/onnx.bash"
}

# picture FILE SEED: a PPM of 4 x 4
picture()
{
    mkdir -p "$(dirname "$1")"
    { printf 'P6 4 4 255\n'
      awk -v s="$2" 'BEGIN { for (i = 0; i < 48; i++) print (i * i * 7 + s * 31 + i % 3 * 60) % 256 }' |
          to_bytes
    } >"$1"
}

# Splits train and test of 12 pictures in two classes, in ./pics
pictures()
{
    for i in 0 1 2 3 4 5 6 7 8 9 10 11; do
        picture "pics/train/$((i % 2))/$i.ppm" "$i"
        picture "pics/test/$((i % 2))/$i.ppm" "$((i + 40))"
    done
}

# network NHWC|NCHW map|scores|both FILE: Conv - Relu, then a map, class scores, or the map first
network()
{
    local x=x
    { if [ "$1" = NHWC ]; then
          x=planes
          echo "input x N 4 4 3
                node Transpose x -> planes
                ints perm 0 3 1 2"
      else
          echo "input x N 3 4 4"
      fi
      echo "const a.weight 4 3 1 1 = -0.9 0.8 0.4 -0.2 0.7 0.3 -0.5
            const a.bias 4 = 0.3 -0.1 0.2
            node Conv $x a.weight a.bias -> a
            node Relu a -> r"
      [ "$2" = scores ] || echo "const b.weight 2 4 1 1 = 0.6 -0.8 0.1 0.5 -0.4
            node Conv r b.weight -> b
            node Sigmoid b -> map
            output map N 2 4 4"
      [ "$2" = map ] || echo "const c.weight 4 2 = 0.2 -0.3 0.9 0.4 -0.7
            node GlobalAveragePool r -> p
            node Flatten p -> f
            node Gemm f c.weight -> scores
            output scores N 2"
    } | onnx >"$3"
}

@test "a network with its channels last does all that the same one in planes does" {
    pictures
    network NCHW scores planes.onnx
    network NHWC scores last.onnx
    for m in planes last; do
        nt-eval $m.onnx --data folder:pics --metric accuracy,loss >$m.eval
        nt-profile $m.onnx --data folder:pics --runs 1 --threads 1 --json | grep -q '"eval_metric"'
        nt-quantize -q $m.onnx --data folder:pics --method brecq --steps 20 --threads 1 -o $m.q.nt
        nt-eval $m.q.nt --data folder:pics --metric loss >$m.q.eval
        nt-prune -q $m.onnx --criterion taylor --batch-size 4 -s 0.5 --shrink --data folder:pics -o $m.p.nt
        nt-eval $m.p.nt --data folder:pics --metric loss >$m.p.eval
        nt-finetune -q $m.onnx --data folder:pics --steps 3 --batch-size 4 --lr 0.1 --threads 1 \
            --precision fp32 -o $m.t.nt
        nt-eval $m.t.nt --data folder:pics --metric loss >$m.t.eval
        nt-diff --data folder:pics $m.onnx $m.q.nt --json | grep -q '"samples": 12'
    done
    cmp planes.eval last.eval
    cmp planes.q.eval last.q.eval
    cmp planes.p.eval last.p.eval
    cmp planes.t.eval last.t.eval
    nt-finetune -q last.onnx --teacher planes.onnx --data folder:pics --steps 1 --batch-size 4 -o t.nt
}

@test "the layout can be told, and what does not fit names the key" {
    pictures
    network NHWC scores last.onnx
    nt-eval last.onnx --data folder:pics >want
    nt-eval last.onnx --data folder:pics,layout=nhwc | cmp want
    echo '{"format": "folder", "path": "pics", "layout": "nhwc"}' >data.json
    nt-eval last.onnx --data data.json | cmp want
    refuses 1 "the data's \"layout\" is \"nchw\"" nt-eval last.onnx --data folder:pics,layout=nchw
    refuses 1 "neither \"layout\" of the data" nt-eval last.onnx --data folder:pics,size=6x5
    refuses 2 "layout: got 'chwn'" nt-eval last.onnx --data folder:pics,layout=chwn
}

@test "pictures that cannot be read are refused, or skipped, named and counted" {
    pictures
    network NCHW scores m.onnx
    nt-eval m.onnx --data folder:pics --json >whole.json
    not grep -q skipped whole.json
    printf 'GIF89a' >pics/test/0/x.gif
    refuses 1 "0/x.gif: a kind of picture that is not read" nt-eval m.onnx --data folder:pics
    truncate -s 30 pics/test/1/5.ppm
    echo text >pics/test/1/readme.txt
    nt-eval m.onnx --data folder:pics,on_error=skip --json >out.json 2>err
    grep -q '"samples": 11' out.json
    grep -q '"skipped_samples": 2' out.json
    grep -q '"1/5.ppm: damaged PNM: cut short"' out.json
    grep -q '"ignored_files": 1' out.json
    [ "$(wc -l <err)" = 1 ]
    grep -q 'nt-eval: warning: .*2 pictures are skipped, the first is 0/x.gif' err
    nt-eval m.onnx --data folder:pics,on_error=skip -q --compare m.onnx | grep -q '^accuracy_drop 0$'
    printf 'GIF89a' >pics/train/0/x.gif
    truncate -s 30 pics/train/1/7.ppm
    for b in 1 5; do
        nt-finetune m.onnx --data folder:pics,on_error=skip --epochs 2 --batch-size $b --lr 0.01 \
            --eval-split test --threads 1 --report fine.json -o t.nt 2>err
        grep -q '"skipped_samples": 2' fine.json
        [ "$(grep -c 'warning: .* skipped' err)" = 2 ]
    done
    nt-quantize m.onnx --data folder:pics,on_error=skip --method brecq --steps 5 --report q.json \
        -o q.nt 2>err
    grep -q '"skipped_samples": 2' q.json
    grep -q 'warning: .*2 pictures are skipped' err
    nt-diff m.onnx q.nt --data folder:pics,on_error=skip --json 2>err | grep -q '"samples": 11'
}

@test "a folder of pictures without classes calibrates, and cannot be judged by" {
    for i in 1 2 3 4 5 6 7 8; do picture "flat/$i.ppm" $i; done
    network NCHW scores m.onnx
    network NHWC both both.onnx
    for m in m both; do
        nt-quantize -q $m.onnx --data folder:flat -o $m.nt
        nt-diff $m.onnx $m.nt --data folder:flat --min-sqnr 25 >/dev/null
    done
    nt-quantize -q m.onnx --mixed 8/8,4/8 --budget bits=8 --data folder:flat -o x.nt
    refuses 1 "the data have no labels, which a metric needs" nt-eval m.onnx --data folder:flat
    refuses 1 "the data have no labels, which training needs" \
        nt-finetune m.onnx --data folder:flat --steps 1 -o x.nt
    refuses 1 "which the Fisher information needs" nt-quantize m.onnx --data folder:flat \
        --mixed 8/8,4/8 --budget bits=8 --sensitivity fisher -o y.nt
    [ ! -e y.nt ]
}

@test "a map as output is calibrated by every method, and by mse where layers are compared" {
    pictures
    network NCHW map map.onnx
    for method in ptq adaround gptq brecq; do
        nt-quantize -q map.onnx --data folder:pics --method $method -o q.nt
        nt-diff map.onnx q.nt --data folder:pics --min-sqnr 25 >/dev/null
    done
    nt-quantize -q map.onnx --mixed 8/8,4/8 --budget bits=6 --sensitivity mse --data folder:pics -o q.nt
    refuses 1 "--sensitivity mse" nt-quantize map.onnx --mixed 8/8,4/8 --budget bits=6 \
        --data folder:pics -o y.nt
    refuses 1 "want float32 of [N,classes] for a metric" nt-quantize map.onnx --delta 1 \
        --data folder:pics -o y.nt
}

@test "an input that the data have nothing for is named" {
    pictures
    onnx >two.onnx <<'M'
input x N 3 -1 -1
input b N 2
const w 2 3 1 1 = 0.5 -1 0.2 1
node Conv x w -> c
node GlobalAveragePool c -> p
node Flatten p -> f
node Add f b -> y
output y N 2
M
    for tool in nt-eval nt-finetune "nt-prune -s 0.5 --criterion taylor" nt-quantize; do
        refuses 1 "input 'b': the data have nothing for it" $tool two.onnx --data folder:pics
    done
}

@test "what was equalized is reported, and what was not says why" {
    pictures
    network NCHW both m.onnx
    nt-quantize -v m.onnx --equalize --data folder:pics --report q.json -o q.nt 2>err
    grep -q "nt-quantize: note: layer 'a': not equalized: 2 nodes read it" err
    grep -q '"equalized"' q.json
    network NCHW map m.onnx
    nt-quantize -v m.onnx --equalize --data folder:pics --report q.json -o q.nt >out 2>err
    grep -q "of 1 pairs of layers equalized" out
    grep -q '"sqnr_before_db"' q.json
    tar xOf q.nt quant.json | not grep -q equalized
    nt-quantize -v m.onnx --equalize --bits 8/32 -o q.nt 2>err
    grep -q "layer 'a' and 'b': equalized by weights" err
}

# voc FOLDER: two pictures of 4 x 4, one with two boxes and one that has no area, one with none
voc()
{
    picture "$1/JPEGImages/a.ppm" 1
    picture "$1/JPEGImages/b.ppm" 2
    mkdir -p "$1/Annotations" "$1/ImageSets/Main"
    printf 'a\nb\n' | tee "$1/ImageSets/Main/train.txt" >"$1/ImageSets/Main/test.txt"
    box() { echo "<object><name>$1</name><bndbox><xmin>$2</xmin><ymin>$3</ymin><xmax>$4</xmax><ymax>$5</ymax></bndbox></object>"; }
    echo "<annotation>$(box cat 1 1 2 2)$(box dog 2 3 4 4)$(box dog 3 1 2 2)</annotation>" >"$1/Annotations/a.xml"
    echo "<annotation></annotation>" >"$1/Annotations/b.xml"
}

@test "boxes go to the input that the description names, and what cannot take them says so" {
    voc set
    onnx >two.onnx <<'M'
input x N 3 4 4
input where N 2 4
const w 2 3 1 1 = 0.5 -1 0.2 1
node Conv x w -> c
node GlobalAveragePool c -> p
node Flatten p -> f
node Flatten where -> g
const k 8 2 = 0.1 -0.2
node MatMul g k -> h
node Add f h -> y
output y N 2
M
    told='{"format": "voc", "path": "set", "inputs": {"where": "boxes"}}'
    nt-quantize two.onnx --data "$told" -o q.nt --report q.json 2>err
    grep -q 'warning: .*set: 1 box without area is dropped, the first is in Annotations/a.xml' err
    refuses 1 "input 'where': the data have nothing for it, only 'picture', 'boxes', 'boxes.count'" \
        nt-quantize -q two.onnx --data voc:set -o x.nt
    refuses 1 "input 'where' is float32 [N,2,4], but the data's 'boxes.label' is int32 [-1,2]" \
        nt-quantize -q two.onnx --data "${told/\"boxes\"/\"boxes.label\"}" -o x.nt
    refuses 1 "a metric wants the field 'label' or 'mask', the data have 'picture', 'boxes'" \
        nt-eval -q two.onnx --data "$told"
    refuses 1 "training wants the field 'label' or 'mask'" \
        nt-finetune -q two.onnx --data "$told" --steps 1 -o x.nt
    refuses 2 "inputs.where: no field 'box', the data have 'picture', 'boxes'" \
        nt-quantize -q two.onnx --data "${told/\"boxes\"/\"box\"}" -o x.nt
    [ ! -e x.nt ]
}
