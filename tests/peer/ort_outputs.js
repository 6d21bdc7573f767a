// SPDX-License-Identifier: MIT
// ort_outputs.js MODEL.onnx IN.npy DIR: all outputs of a model of one input, by ONNX Runtime, as
// DIR/0.npy, DIR/1.npy and so on, in the graph's order.
const fs = require('fs');
const ort = require('onnxruntime-node');
const npy = require('./npy.js');
const [model, input, dir] = process.argv.slice(2);

(async () => {
    const s = await ort.InferenceSession.create(model, { intraOpNumThreads: 1, interOpNumThreads: 1,
        logSeverityLevel: 3 });
    const x = npy.load(input);
    const y = await s.run({ [s.inputNames[0]]: new ort.Tensor('float32', x.data, x.dims) });
    fs.mkdirSync(dir, { recursive: true });
    s.outputNames.forEach((name, i) => npy.save(`${dir}/${i}.npy`, y[name]));
})().catch(e => { console.error(String(e)); process.exit(1); });
