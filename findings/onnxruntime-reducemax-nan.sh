#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# ONNX Runtime 1.30.0 on x86-64: the greatest of 1 NaN 2 3 4 5 6 7 is 6, neither the NaN (PyTorch's
# and NumPy's answer) nor the greatest number. Where the NaN comes first it is the answer. In
# MaxPool a NaN is dropped when it is the first of a window and kept when it is the last. The same
# release compiled to WebAssembly has other answers.
. "$(dirname "$0")/lib.bash"
npm_package onnxruntime-node@1.30.0 onnxruntime-web@1.30.0
cat >max.js <<'END'
const { model } = require('./onnx.js');

async function run(name, node, x, dims) {
    const ort = require(name), bytes = model({ inputs: { x: ['float32', dims] }, outputs: { y: 'float32' }, nodes: [node] });
    const s = await ort.InferenceSession.create(bytes, { executionProviders: [name.endsWith('web') ? 'wasm' : 'cpu'] });
    return [...(await s.run({ x: new ort.Tensor('float32', Float32Array.from(x), dims) })).y.data].join(' ');
}

const reduce = ['ReduceMax', ['x'], ['y'], { axes: [1], keepdims: 0 }];
const pool = ['MaxPool', ['x'], ['y'], { kernel_shape: [1, 2], strides: [1, 2] }];
(async () => {
    for (const name of ['onnxruntime-node', 'onnxruntime-web'])
        console.log(`${name}: ReduceMax ${await run(name, reduce, [1, NaN, 2, 3, 4, 5, 6, 7], [1, 8])},`,
            `${await run(name, reduce, [NaN, 1, 2, 3, 4, 5, 6, 7], [1, 8])};`,
            `MaxPool ${await run(name, pool, [NaN, 1, 2, NaN], [1, 1, 1, 4])}`);
})();
END
seen "ReduceMax of 1 NaN 2 3 4 5 6 7 and of NaN 1 2 3 4 5 6 7, MaxPool of (NaN 1) and (2 NaN)" node max.js <<'END'
onnxruntime-node: ReduceMax 6, NaN; MaxPool 1 NaN
onnxruntime-web: ReduceMax 7, NaN; MaxPool NaN NaN
END
