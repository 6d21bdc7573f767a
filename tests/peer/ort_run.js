// SPDX-License-Identifier: MIT
// ort_run.js MODEL.onnx IN.npy OUT.npy: the first output of a model of one input, by ONNX Runtime.
const ort = require('onnxruntime-node');
const npy = require('./npy.js');
const [model, input, output] = process.argv.slice(2);

(async () => {
    const s = await ort.InferenceSession.create(model, { intraOpNumThreads: 1, interOpNumThreads: 1 });
    const x = npy.load(input);
    const y = await s.run({ [s.inputNames[0]]: new ort.Tensor('float32', x.data, x.dims) });
    const first = y[s.outputNames[0]];
    npy.save(output, { dims: first.dims, data: first.data });
})().catch(e => { console.error(String(e)); process.exit(1); });
