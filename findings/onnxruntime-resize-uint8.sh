#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# ONNX Runtime 1.30.0: Resize of uint8 rounds to nearest with antialias=1 and cuts off without it. Where
# an image grows the filter is the same with and without, as float32 shows; of the same picture in
# uint8 half of the pixels come out one grey level apart.
. "$(dirname "$0")/lib.bash"
npm_package onnxruntime-node@1.30.0
cat >resize.js <<'END'
const ort = require('onnxruntime-node');
const { model } = require('./onnx.js');

async function run(type, antialias) {
    const bytes = model({ inputs: { x: [type, [1, 1, 1, 4]] }, outputs: { y: type }, opset: 18,
        constants: { r: ['float32', [0], []], s: ['float32', [4], [1, 1, 1, 2]] },
        nodes: [['Resize', ['x', 'r', 's'], ['y'], { mode: 'linear', antialias }]] });
    const s = await ort.InferenceSession.create(bytes), x = [0, 11, 21, 34];
    const array = type == 'uint8' ? Uint8Array.from(x) : Float32Array.from(x);
    return [...(await s.run({ x: new ort.Tensor(type, array, [1, 1, 1, 4]) })).y.data].join(' ');
}

(async () => {
    for (const type of ['float32', 'uint8'])
        for (const antialias of [0, 1]) console.log(`${type}, antialias ${antialias}: ${await run(type, antialias)}`);
})();
END
seen "0 11 21 34 at twice the size, linear" node resize.js <<'END'
float32, antialias 0: 0 2.75 8.25 13.5 18.5 24.25 30.75 34
float32, antialias 1: 0 2.75 8.25 13.5 18.5 24.25 30.75 34
uint8, antialias 0: 0 2 8 13 18 24 30 34
uint8, antialias 1: 0 3 8 14 19 24 31 34
END
