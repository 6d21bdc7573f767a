#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# ONNX Runtime 1.30.0: DynamicQuantizeLinear of NaN 1 2 3 hides the NaN on x86-64 (its code is that
# of 0, the scale a number), so that a network quantized so looks well when it is not. The same
# release compiled to WebAssembly gives a scale of NaN. QuantizeLinear to int8 sends NaN to -128 in
# the one and to 0 in the other.
. "$(dirname "$0")/lib.bash"
npm_package onnxruntime-node@1.30.0 onnxruntime-web@1.30.0
cat >quantize.js <<'END'
const { model } = require('./onnx.js');
const dynamic = model({ inputs: { x: ['float32', [4]] }, outputs: { y: 'uint8', s: 'float32', z: 'uint8' },
    nodes: [['DynamicQuantizeLinear', ['x'], ['y', 's', 'z']]] });
const fixed = model({ inputs: { x: ['float32', [4]] }, outputs: { y: 'int8' },
    constants: { s: ['float32', [], [1]], z: ['int8', [], [7]] }, nodes: [['QuantizeLinear', ['x', 's', 'z'], ['y']]] });

async function run(name, bytes) {
    const ort = require(name), x = new ort.Tensor('float32', Float32Array.from([NaN, 1, 2, 3]), [4]);
    const s = await ort.InferenceSession.create(bytes, { executionProviders: [name.endsWith('web') ? 'wasm' : 'cpu'] });
    const y = await s.run({ x });
    return s.outputNames.map(o => [...y[o].data].map(v => +v.toFixed(4)).join(' ')).join(', ');
}

(async () => {
    for (const name of ['onnxruntime-node', 'onnxruntime-web'])
        console.log(`${name}: ${await run(name, dynamic)}; ${await run(name, fixed)}`);
})();
END
seen "DynamicQuantizeLinear of NaN 1 2 3 (codes, scale, zero point); QuantizeLinear by 1 and 7" node quantize.js <<'END'
onnxruntime-node: 0 85 170 255, 0.0118, 0; -128 8 9 10
onnxruntime-web: 0 0 0 0, NaN, 255; 0 8 9 10
END
