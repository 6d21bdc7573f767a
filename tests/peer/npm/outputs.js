// SPDX-License-Identifier: MIT
// outputs.js MODEL.onnx INPUTS DIR [own]: what ONNX Runtime makes of a model's seeded inputs: the
// inputs as DIR/in/0.npy, the outputs as DIR/out/0.npy and so on, both in the graph's order. With
// own also DIR/own: those outputs that lie farthest from the first when each input moves by one part
// in ten million, and when nothing is fused.
// INPUTS says what the file leaves open, input by input with semicolons between: NAME=1x3x48x320,
// a fixed value behind a colon (sr=:16000, a scalar). Where nothing is said the file's own extents
// hold.
const fs = require('fs');
const ort = require('onnxruntime-node');
const npy = require('../npy.js');
const [model, spec, dir, own] = process.argv.slice(2);

const given = {};
for (const s of spec.split(';').filter(s => s && s != '-')) {
    const [, name, dims, value] = /^(.*)=([\dx]*)(?::(.*))?$/.exec(s);
    given[name] = { dims: dims ? dims.split('x').map(Number) : [], value };
}

// Numerical Recipes' generator, sums of four for something like a normal distribution.
let state = 1;
const uniform = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
const normal = () => (uniform() + uniform() + uniform() + uniform() - 2) * Math.sqrt(3);

const arrays = { float32: Float32Array, int64: BigInt64Array, int32: Int32Array };

function input(meta) {
    const { dims, value } = given[meta.name] || { dims: meta.shape };
    if (!dims.every(Number.isInteger)) throw new Error(`${meta.name}: say what [${dims}] is`);
    const n = dims.reduce((a, b) => a * b, 1), Array = arrays[meta.type];
    if (!Array) throw new Error(`${meta.name}: no inputs of ${meta.type} are made here`);
    const draw = Array == Float32Array ? normal : () => Math.floor(uniform() * 1000);
    const data = new Array(n), number = Array == BigInt64Array ? BigInt : Number;
    for (let i = 0; i < n; i++) data[i] = number(value ?? draw());
    return { dims, data, type: meta.type };
}

const open = level => ort.InferenceSession.create(model, { logSeverityLevel: 3, graphOptimizationLevel: level });

async function outputs(session, inputs, moved) {
    const feeds = {};
    session.inputMetadata.forEach((meta, i) => {
        const { dims, data, type } = inputs[i];
        const x = moved && type == 'float32' ? data.map((v, j) => v * (1 + (j % 2 ? 1e-7 : -1e-7))) : data;
        feeds[meta.name] = new ort.Tensor(type, x, dims);
    });
    const y = await session.run(feeds);
    return session.outputNames.map(name => y[name]);
}

function save(folder, tensors) {
    fs.mkdirSync(`${dir}/${folder}`, { recursive: true });
    tensors.forEach((t, i) => npy.save(`${dir}/${folder}/${i}.npy`, t));
}

const distance = (a, b) => a.data.reduce((sum, v, i) => sum + (v - b.data[i]) ** 2, 0);
const farther = (from, a, b) => from.map((f, i) => distance(f, a[i]) < distance(f, b[i]) ? b[i] : a[i]);

(async () => {
    const s = await open('all'), inputs = s.inputMetadata.map(input);
    save('in', inputs);
    const y = await outputs(s, inputs);
    save('out', y);
    if (own)
        save('own', farther(y, await outputs(s, inputs, true), await outputs(await open('disabled'), inputs)));
})().catch(e => { console.error(String(e)); process.exit(1); });
