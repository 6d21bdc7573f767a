#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# ONNX 1.12.0's own test of Resize with align_corners and scales of 0.6 (Debian's libonnx-testdata
# 1.12.0-2): of rows 1 2 3 4 and 5 6 7 8 it wants 1 and 3.142857. What "align corners" promises, that
# the last pixel stays the last, does not hold there, since the file divides by the size times the
# scale, less one, which is no whole number. ONNX Runtime 1.30.0 gives 1 and 4.
. "$(dirname "$0")/lib.bash"
npm_package onnxruntime-node@1.30.0
debian_package libonnx-testdata=1.12.0-2
cat >align.js <<'END'
const fs = require('fs');
const ort = require('onnxruntime-node');
const { fields } = require('./onnx.js');
const folder = 'root/usr/share/libonnx-testdata/data/node/test_resize_downsample_scales_linear_align_corners';

// A TensorProto of float32: dims are field 1, raw_data is field 9.
function tensor(file) {
    const all = [...fields(fs.readFileSync(`${folder}/test_data_set_0/${file}`))];
    const raw = all.find(([f]) => f == 9)[1];
    const data = new Float32Array(raw.buffer.slice(raw.byteOffset, raw.byteOffset + raw.length));
    return { data, dims: all.filter(([f]) => f == 1).map(([, v]) => v) };
}

(async () => {
    const s = await ort.InferenceSession.create(`${folder}/model.onnx`), feeds = {};
    s.inputNames.forEach((name, i) => {
        const t = tensor(`input_${i}.pb`);
        feeds[name] = new ort.Tensor('float32', t.data, t.dims);
    });
    const y = Object.values(await s.run(feeds))[0];
    console.log(`of ${[...feeds[s.inputNames[0]].data].join(' ')}`);
    console.log(`the test file: ${[...tensor('output_0.pb').data].map(v => +v.toFixed(6)).join(' ')}`);
    console.log(`ONNX Runtime: ${[...y.data].map(v => +v.toFixed(6)).join(' ')}`);
})();
END
seen "Resize, linear, align_corners, scales 0.6" node align.js <<'END'
of 1 2 3 4 5 6 7 8
the test file: 1 3.142857
ONNX Runtime: 1 4
END
