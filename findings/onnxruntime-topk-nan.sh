#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# ONNX Runtime 1.30.0: the two greatest of 1 NaN 2 3 are 1 and NaN by TopK, so that 3, the greatest
# number, is lost; of 1 2 3 NaN they are 3 and 2. PyTorch and NumPy put NaN above all numbers wherever
# it stands (NaN and 3).
. "$(dirname "$0")/lib.bash"
npm_package onnxruntime-node@1.30.0
cat >topk.js <<'END'
const ort = require('onnxruntime-node');
const { model } = require('./onnx.js');
(async () => {
    const bytes = model({ inputs: { x: ['float32', [1, 4]] }, constants: { k: ['int64', [1], [2]] },
        outputs: { v: 'float32', i: 'int64' }, nodes: [['TopK', ['x', 'k'], ['v', 'i'], { axis: 1 }]] });
    const s = await ort.InferenceSession.create(bytes);
    for (const x of [[1, NaN, 2, 3], [3, 2, NaN, 1], [1, 2, 3, NaN]]) {
        const y = await s.run({ x: new ort.Tensor('float32', Float32Array.from(x), [1, 4]) });
        console.log(`${x.join(' ')}: ${[...y.v.data].join(' ')} at ${[...y.i.data].join(' ')}`);
    }
})();
END
seen "the two greatest" node topk.js <<'END'
1 NaN 2 3: 1 NaN at 0 1
3 2 NaN 1: 3 2 at 0 1
1 2 3 NaN: 3 2 at 2 1
END
