// SPDX-License-Identifier: MIT
// tflite_run.js tfjs|litert LIST: runs models by Google's TensorFlow Lite (@tensorflow/tfjs-tflite) or LiteRT
// (@litertjs/core), which NODE_PATH has. A line of LIST is MODEL.tflite PREFIX IN.npy...; outputs become PREFIX0.npy, ...
// Arrays of four axes are NCHW, the model's NHWC, unless LAYOUT=nchw. Prints the models that do not run, and why.
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

async function tfjs() {
    const dir = path.join(folder('@tensorflow/tfjs-tflite'), 'wasm'), at = f => fs.readFileSync(path.join(dir, f));
    const shape = t => t.shape.split(',').filter(s => s).map(Number), list = v => Array.from({ length: v.size() }, (_, i) => v.get(i));
    globalThis.window = globalThis.self = globalThis;
    vm.runInThisContext(at('tflite_web_api_cc_simd.js').toString());
    const m = await globalThis.tflite_web_api_ModuleFactory({ wasmBinary: at('tflite_web_api_cc_simd.wasm'), print: () => {}, printErr: () => {} });
    return async bytes => {
        const p = m._malloc(bytes.length);
        m.HEAPU8.set(bytes, p);
        const made = m.TFLiteWebModelRunner.CreateFromBufferAndOptions(p, bytes.length, { numThreads: 1, enableProfiling: false, maxProfilingBufferEntries: 16 });
        if (!made.ok()) throw new Error(made.errorMessage());
        const runner = made.value();
        const infer = async inputs => {
            list(runner.GetInputs()).forEach((t, i) => {
                if (String(shape(t)) != String(inputs[i].dims)) throw new Error(`input ${i} is [${shape(t)}], not [${inputs[i].dims}]`);
                t.data().set(inputs[i].data);
            });
            if (!runner.Infer()) throw new Error('it does not run');
            return list(runner.GetOutputs()).map(t => ({ dims: shape(t), data: t.data().slice() }));
        };
        return { infer, close: () => { runner.delete(); m._free(p); } };
    };
}

async function litert(files) {
    const dir = path.join(folder('@litertjs/core'), 'wasm'), saw = [];
    globalThis.window = globalThis.self = globalThis;
    globalThis.importScripts = f => vm.runInThisContext(fs.readFileSync(f.replace(/^file:\/\//, '')).toString());
    globalThis.require = require; // it sees that this is node
    Object.assign(globalThis, { __dirname: dir, navigator: { gpu: { requestAdapter: async () => null } } });
    globalThis.Module = { wasmBinary: fs.readFileSync(path.join(dir, 'litert_wasm_compat_internal.wasm')), print: t => saw.push(t), printErr: t => saw.push(t) };
    const { loadLiteRt, loadAndCompile, Tensor } = await import(path.join(folder('@litertjs/core'), 'dist/index.js'));
    await loadLiteRt(path.join(dir, 'litert_wasm_compat_internal.js'));
    return async bytes => {
        saw.length = 0;
        const model = await loadAndCompile(new Uint8Array(bytes), { accelerator: 'wasm' });
        const infer = async inputs => {
            const given = inputs.map(a => new Tensor(a.data, a.dims)), results = await model.run(given);
            const said = saw.find(t => !/^(INFO|WARNING|VERBOSE)/.test(t) && /error|fail/i.test(t)); // its calls resolve even then
            if (said) throw new Error(said);
            const outputs = results.map(t => ({ dims: [...t.type.layout.dimensions], data: t.toTypedArray().slice() }));
            [...given, ...results].forEach(t => t.delete());
            return outputs;
        };
        return { infer, close: () => model.delete() };
    };
}

const main = async () => {
    const [, , runtime, list] = process.argv;
    const open = await { tfjs, litert }[runtime]();
    for (const line of fs.readFileSync(list, 'utf8').split('\n').filter(l => l)) {
        const [model, prefix, ...files] = line.split(' ');
        try {
            const opened = await open(fs.readFileSync(model)), outputs = await opened.infer(files.map(f => last(npy.load(f))));
            opened.close();
            outputs.forEach((o, i) => npy.save(`${prefix}${i}.npy`, first({ dims: o.dims, data: Float32Array.from(o.data) })));
        } catch (e) {
            console.log(`${model}: ${e.message || e}`);
        }
    }
    process.exit(0);
};

module.exports = { tfjs, litert };
if (require.main === module)
    main().catch(e => {
        console.log(e.stack || e);
        process.exit(1);
    });
