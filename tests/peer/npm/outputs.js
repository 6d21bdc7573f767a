// SPDX-License-Identifier: MIT
// outputs.js MODEL.onnx INPUTS DIR [own]: what ONNX Runtime makes of a model's seeded inputs: the
// inputs as DIR/in/0.npy, the outputs as DIR/out/0.npy and so on, both in the graph's order. With
// own also DIR/own: of what it makes of them when it fuses less (optimisation levels basic and
// disabled), or of inputs that each move by one part in ten million, the outputs that lie farthest from
// the first. The last is for networks of integers, which all levels compute bit for bit.
// INPUTS says what the file leaves open, input by input with semicolons between: extents
// (NAME=1x3x48x320), values (NAME=0..255 for the file's own extents), or both with a colon between
// (sr=:16000, a scalar). Values are one number, or LO..HI, even between the two; with commas between
// one for each index of the last axis. What is not given is like a normal distribution.
const fs = require('fs');
const ort = require('onnxruntime-node');
const npy = require('../npy.js');
const [model, spec, dir, own] = process.argv.slice(2);

const given = {};
for (const s of spec.split(';').filter(s => s && s != '-')) {
    const [, name, first, second] = /^(.*)=([^:]*)(?::(.*))?$/.exec(s);
    const [dims, values] = second == null && first.includes('..') ? [null, first] : [first, second];
    given[name] = { dims: dims == null ? null : dims ? dims.split('x').map(Number) : [],
                    values: values && values.split(',').map(v => v.split('..').map(Number)) };
}

// Numerical Recipes' generator, sums of four for something like a normal distribution.
let state = 1;
const uniform = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
const normal = () => (uniform() + uniform() + uniform() + uniform() - 2) * Math.sqrt(3);

const arrays = { float32: Float32Array, int64: BigInt64Array, int32: Int32Array };

function input(meta) {
    const { dims: said, values } = given[meta.name] || {}, dims = said || meta.shape;
    if (!dims.every(Number.isInteger)) throw new Error(`${meta.name}: say what [${dims}] is`);
    const n = dims.reduce((a, b) => a * b, 1), Array = arrays[meta.type];
    if (!Array) throw new Error(`${meta.name}: no inputs of ${meta.type} are made here`);
    const draw = Array == Float32Array ? normal : () => Math.floor(uniform() * 1000);
    const data = new Array(n), number = Array == BigInt64Array ? BigInt : Number;
    for (let i = 0; i < n; i++) {
        const [lo, hi] = values ? values[i % values.length] : [];
        data[i] = number(lo == null ? draw() : hi == null ? lo : lo + (hi - lo) * uniform());
    }
    return { dims, data, type: meta.type };
}

async function outputs(level, inputs) {
    const s = await ort.InferenceSession.create(model, { logSeverityLevel: 3, graphOptimizationLevel: level });
    const stray = Object.keys(given).find(name => !s.inputNames.includes(name));
    if (stray) throw new Error(`${stray}: no input of the model`);
    inputs = inputs || s.inputMetadata.map(input);
    const feeds = Object.fromEntries(inputs.map((t, i) => [s.inputNames[i], new ort.Tensor(t.type, t.data, t.dims)]));
    const y = await s.run(feeds);
    return { inputs, y: s.outputNames.map(name => y[name]) };
}

function save(folder, tensors) {
    fs.mkdirSync(`${dir}/${folder}`, { recursive: true });
    tensors.forEach((t, i) => npy.save(`${dir}/${folder}/${i}.npy`, t));
}

const distance = (a, b) => a.data.reduce((sum, v, i) => sum + (v - b.data[i]) ** 2, 0);
const farther = (from, a, b) => from.map((f, i) => distance(f, a[i]) < distance(f, b[i]) ? b[i] : a[i]);
const moved = t => t.type == 'float32' ? { ...t, data: t.data.map((v, i) => v * (1 + (i % 2 ? 1e-7 : -1e-7))) } : t;

(async () => {
    const { inputs, y } = await outputs('all');
    save('in', inputs);
    save('out', y);
    if (!own) return;
    let far = y;
    for (const [level, x] of [['basic', inputs], ['disabled', inputs], ['all', inputs.map(moved)]])
        far = farther(y, far, (await outputs(level, x)).y);
    save('own', far);
})().catch(e => { console.error(String(e)); process.exit(1); });
