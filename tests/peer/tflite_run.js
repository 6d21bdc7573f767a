// SPDX-License-Identifier: MIT
// tflite_run.js tfjs|litert MODEL.tflite PREFIX [IN.npy]...: runs the model by Google's TensorFlow Lite
// (@tensorflow/tfjs-tflite) or LiteRT (@litertjs/core), which NODE_PATH has, and writes its outputs as PREFIX0.npy, ...
// Arrays of four axes are NCHW, the model's NHWC, unless LAYOUT=nchw. Of int8, codes become numbers and back.
const fs = require('fs'), path = require('path'), vm = require('vm');
const npy = require('./npy.js');

const count = dims => dims.reduce((a, b) => a * b, 1);
const folder = name => path.dirname(require.resolve(name + '/package.json', { paths: process.env.NODE_PATH.split(':').map(p => path.dirname(p)) }));

// data of these dims, axes reordered: axis i of the result is axis perm[i]
function transpose({ dims, data }, perm) {
    const to = perm.map(p => dims[p]), out = new data.constructor(data.length), at = perm.map(() => 0);
    const stride = dims.map((d, i) => count(dims.slice(i + 1)));
    for (let i = 0; i < out.length; i++) {
        out[i] = data[perm.reduce((s, p, k) => s + at[k] * stride[p], 0)];
        for (let k = to.length - 1; k >= 0 && ++at[k] == to[k]; k--) at[k] = 0;
    }
    return { dims: to, data: out };
}
const keep = process.env.LAYOUT == 'nchw';
const last = a => a.dims.length == 4 && !keep ? transpose(a, [0, 2, 3, 1]) : a;
const first = a => a.dims.length == 4 && !keep ? transpose(a, [0, 3, 1, 2]) : a;

async function tfjs(bytes, inputs) {
    const dir = path.join(folder('@tensorflow/tfjs-tflite'), 'wasm'), at = f => fs.readFileSync(path.join(dir, f));
    globalThis.window = globalThis.self = globalThis;
    vm.runInThisContext(at('tflite_web_api_cc_simd.js').toString());
    const m = await globalThis.tflite_web_api_ModuleFactory({ wasmBinary: at('tflite_web_api_cc_simd.wasm'), print: console.error, printErr: console.error });
    const p = m._malloc(bytes.length);
    m.HEAPU8.set(bytes, p);
    const made = m.TFLiteWebModelRunner.CreateFromBufferAndOptions(p, bytes.length, { numThreads: 1, enableProfiling: false, maxProfilingBufferEntries: 16 });
    if (!made.ok()) throw new Error(made.errorMessage());
    const runner = made.value(), list = v => Array.from({ length: v.size() }, (_, i) => v.get(i));
    const shape = t => t.shape.split(',').filter(s => s).map(Number);
    list(runner.GetInputs()).forEach((t, i) => {
        if (String(shape(t)) != String(inputs[i].dims)) throw new Error(`input ${i} is [${shape(t)}], not [${inputs[i].dims}]`);
        t.data().set(inputs[i].data);
    });
    if (!runner.Infer()) throw new Error('it does not run');
    return list(runner.GetOutputs()).map(t => ({ dims: shape(t), data: t.data().slice() }));
}

(async () => {
    const [, , runtime, model, prefix, ...files] = process.argv;
    const inputs = files.map(f => last(npy.load(f)));
    const outputs = await { tfjs, litert: (...a) => require('./tflite_litert.js')(folder, ...a) }[runtime](fs.readFileSync(model), inputs);
    outputs.forEach((o, i) => npy.save(`${prefix}${i}.npy`, first({ dims: o.dims, data: Float32Array.from(o.data) })));
})().catch(e => {
    console.error(`${process.argv[3]}: ${e.message || e}`);
    process.exit(1);
});
