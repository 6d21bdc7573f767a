// SPDX-License-Identifier: MIT
// nan_models.js DIR: NaN and infinities through one operator each, alone and behind a layer that it may be fused with,
// N.onnx, with the input pictures.pb or rows.pb and the right answer N.pb: ONNX Runtime's, but for the operators below
// that are known to differ. Prints N, the input and what it is. Beside them all of one input together, those that nothing is
// fused with among them: all_INPUT.onnx with the outputs yN; all_INPUT lists them.
const fs = require('fs');
const ort = require('onnxruntime-node');
const { T, tensor, node, model, options, save, noise } = require('./onnx.js');
const dir = process.argv[2];
const random = noise(7);
const draw = (n, lo, hi) => Array.from({ length: n }, () => lo + (hi - lo) * random());

// ---- the inputs: in each sample something else at an element's place

const DIMS = { pictures: [7, 6, 8, 9], rows: [7, 21] };
const size = dims => dims.reduce((a, b) => a * b, 1);

// In sample 5 all three meet; 6 is ordinary.
function specials(dims) {
    const n = size(dims.slice(1)), mid = n >> 1, at = (s, i, v) => [s * n + i, v];
    return [at(0, 0, NaN), at(1, mid, NaN), at(2, n - 1, NaN), at(3, mid, Infinity), at(4, mid, -Infinity),
        at(5, 1, NaN), at(5, mid, Infinity), at(5, n - 2, -Infinity)];
}
const plain = Object.fromEntries(Object.entries(DIMS).map(([k, dims]) => [k, Float32Array.from(draw(size(dims), 0.1, 1.9))]));

// The input with what put(v) makes of each special number; undefined leaves the ordinary one.
function given(kind, put) {
    const x = plain[kind].slice();
    for (const [i, v] of specials(DIMS[kind])) x[i] = put(v) ?? x[i];
    return new ort.Tensor('float32', x, DIMS[kind]);
}
const nanTo = to => v => Number.isNaN(v) ? to : v;
const finite = to => v => Number.isNaN(v) ? to : undefined;

// ---- what is right where ONNX Runtime differs: rule(run, kind) where run(x) is what it makes of x

// What depends on the NaN is NaN: what changes when numbers far apart stand there; all else is as without.
const carried = (...apart) => async (run, kind) => {
    const y = await run(given(kind, nanTo(undefined))), own = await run(given(kind, finite(undefined)));
    for (const v of apart) {
        const moved = await run(given(kind, finite(v)));
        y.data.forEach((_, i) => { if (Math.abs(moved.data[i] - own.data[i]) > 1e-4 * Math.abs(own.data[i])) y.data[i] = NaN; });
    }
    return y;
};
const FAR = [1e6, -1e6, 0.25];
// A NaN is beyond all numbers; the infinities are the greatest of them.
const beyond = sign => async (run, kind) => {
    const y = await run(given(kind, v => Number.isNaN(v) ? sign * 1e30 : Math.sign(v) * 1e29));
    if (y.type == 'float32')
        y.data.forEach((v, i) => { if (Math.abs(v) > 1e28) y.data[i] = Math.abs(v) > 5e29 ? NaN : Math.sign(v) * Infinity; });
    return y;
};
// The greatest floats were infinities.
const unbounded = rule => async (run, kind) => {
    const y = await rule(run, kind);
    y.data.forEach((v, i) => { if (Math.abs(v) > 3.4e38) y.data[i] = Math.sign(v) * Infinity; });
    return y;
};
const asItIs = (run, kind) => run(given(kind, v => v));
// The operator's formula with every window summed up by itself; size 3, alpha 0.5, beta 0.75, bias 1.
const windows = async (run, kind) => {
    const x = given(kind, v => v), y = await run(x), [, channels, h, w] = DIMS[kind], plane = h * w;
    x.data.forEach((v, i) => {
        const c = Math.floor(i / plane) % channels;
        let sum = 0;
        for (let k = Math.max(0, c - 1); k <= Math.min(channels - 1, c + 1); k++) sum += x.data[i + (k - c) * plane] ** 2;
        y.data[i] = v / (1 + 0.5 / 3 * sum) ** 0.75;
    });
    return y;
};

const known = {
    MaxPool: unbounded(carried(...FAR)), // leaves a NaN out, but where it is the last of its window; -Inf alone is the least float
    GlobalMaxPool: carried(...FAR),
    ReduceMax: carried(...FAR),          // findings/onnxruntime-reducemax-nan.sh; PyTorch and NumPy carry it
    ReduceMin: carried(...FAR),
    ThresholdedRelu: carried(...FAR),    // 0; PyTorch's threshold gives NaN
    Shrink: carried(...FAR),             // 0; PyTorch's softshrink and hardshrink give NaN
    Resize: carried(...FAR),             // NaN by 0 at the edge, where ONNX's own evaluator has the edge twice
    LRN: windows,                        // its running sum keeps a NaN, and that of Inf - Inf, to the last channel
    ArgMax: beyond(1),                   // leaves it out; PyTorch and NumPy point at it
    ArgMin: beyond(-1),
    Hardmax: beyond(1),
    TopK: beyond(1),                     // findings/onnxruntime-topk-nan.sh
    Clip: unbounded(asItIs),             // without a bound clips to the greatest float; PyTorch does not
};

// ---- the operators

const c = (...values) => ({ type: T.FLOAT, dims: [], values });
const list = (...values) => ({ type: T.INT64, dims: [values.length], values: values.map(BigInt) });
const row = (n, lo, hi) => ({ type: T.FLOAT, dims: [n], values: draw(n, lo, hi) });
const f = v => ({ float: v });

// [operator, further inputs, attributes, { opset, outs, first: inputs before it }]
const elementwise = [
    ['Relu'], ['LeakyRelu', [], { alpha: 0.1 }], ['HardSigmoid'], ['HardSwish'], ['Elu'], ['Selu'], ['Celu'],
    ['ThresholdedRelu'], ['Shrink', [], { lambd: 0.5 }], ['Shrink', [], { lambd: 0.5, bias: 0.25 }], ['Sigmoid'], ['Tanh'], ['Softplus'],
    ['Softsign'], ['Gelu'], ['Gelu', [], { approximate: 'tanh' }], ['Mish'], ['Clip', [c(0), c(6)]], ['Clip', [c(0)]],
    ['PRelu', [c(0.25)]], ['Max', [c(0)]], ['Max', [c(0.75), c(0.25)]], ['Min', [c(6)]], ['Max', [], {}, { first: [c(0)] }],
    ['Min', [], {}, { first: [c(6)] }], ['Mul', [c(2)]], ['Add', [c(1)]], ['Pow', [c(2)]], ['Abs'], ['Neg'],
];
const others = [ // our own kernels, which are fused with nothing: run together only
    ['Sign'], ['Exp'], ['Log'], ['Sqrt'], ['Erf'], ['Ceil'], ['Floor'], ['Round'], ['Reciprocal'], ['Sub', [c(1)]], ['Div', [c(2)]],
    ['Sub', [], {}, { first: [c(1)] }], ['Div', [], {}, { first: [c(2)] }], ['Pow', [], {}, { first: [c(2)] }], ['Pow', [c(0)]],
    ['Sum', [c(2), c(1)]], ['Mean', [c(2), c(1)]], ['Sin'], ['Cos'], ['Tan'], ['Atan'], ['Sinh'], ['Cosh'], ['Asinh'], ['IsNaN'], ['IsInf'],
    ['IsInf', [], { detect_negative: 0 }], ['Greater', [c(1)]], ['GreaterOrEqual', [c(1)]], ['Less', [c(1)]], ['LessOrEqual', [c(1)]],
    ['Equal', [c(Infinity)]], ['Mod', [c(0.75)], { fmod: 1 }],
];
const ofRows = [
    ['Softmax'], ['LogSoftmax'], ['LayerNormalization', [row(21, 0.5, 1.5), row(21, -1, 1)]],
    ['RMSNormalization', [row(21, 0.5, 1.5)], {}, { opset: 23 }], ['Hardmax'], ['LpNormalization'], ['LpNormalization', [], { p: 1 }],
    ['CumSum', [{ type: T.INT64, dims: [], values: [1n] }]], ['TopK', [list(4)], {}, { outs: 2 }],
    ['TopK', [list(4)], { largest: 0 }, { outs: 2 }], ['ArgMax', [], { axis: 1 }], ['ArgMin', [], { axis: 1 }],
    ['ArgMax', [], { axis: 1, select_last_index: 1 }],
];
const SQUARE = { kernel_shape: [2, 2] }, PADDED = { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] };
const reductions = ['Max', 'Min', 'Sum', 'Mean', 'Prod', 'L1', 'L2', 'SumSquare', 'LogSum', 'LogSumExp'];
const pools = [
    ['MaxPool', [], SQUARE], ['MaxPool', [], PADDED], ['MaxPool', [], { kernel_shape: [2, 2], dilations: [2, 2] }], ['GlobalMaxPool'],
    ['AveragePool', [], SQUARE], ['AveragePool', [], PADDED], ['AveragePool', [], { ...PADDED, count_include_pad: 1 }],
    ['GlobalAveragePool'], ['LpPool', [], { kernel_shape: [2, 2] }], ['GlobalLpPool'], ['Softmax', [], { axis: 1 }],
    ['LogSoftmax', [], { axis: 1 }],
];
const normalisations = channels => [
    ['InstanceNormalization', [row(channels, 0.5, 1.5), row(channels, -1, 1)]],
    ['GroupNormalization', [row(channels, 0.5, 1.5), row(channels, -1, 1)], { num_groups: 2 }, { opset: 21 }],
    ['MeanVarianceNormalization', [], { axes: [2, 3] }], ['LayerNormalization', [row(9, 0.5, 1.5)]],
    ['BatchNormalization', ['gamma', 'beta', 'mean', 'var'].map(() => row(channels, 0.5, 1.5))],
];
const ofPictures = [
    ...pools, ...normalisations(6), ...reductions.flatMap(r => [[1], [2, 3]].map(axes => ['Reduce' + r, [list(...axes)]])),
    ['LRN', [], { size: 3, alpha: f(0.5) }], ['Pad', [list(0, 0, 1, 1, 0, 0, 1, 1)], { mode: 'reflect' }],
    ['Resize', [{ type: T.FLOAT, dims: [0], values: [] }, { type: T.FLOAT, dims: [4], values: [1, 1, 2, 2] }], { mode: 'linear' }],
];

// ---- the layers before them

const LAYERS = {
    Conv: { kind: 'pictures', channels: 16, ins: [{ type: T.FLOAT, dims: [16, 6, 3, 3], values: draw(864, -0.5, 0.5) }, row(16, -0.5, 0.5)], attrs: { pads: [1, 1, 1, 1] } },
    BatchNormalization: { kind: 'pictures', channels: 6, ins: ['gamma', 'beta', 'mean', 'var'].map(() => row(6, 0.5, 1.5)), attrs: {} },
    Gemm: { kind: 'rows', ins: [{ type: T.FLOAT, dims: [21, 21], values: draw(441, -0.5, 0.5) }, row(21, -0.5, 0.5)], attrs: {} },
    MatMul: { kind: 'rows', ins: [{ type: T.FLOAT, dims: [21, 21], values: draw(441, -0.5, 0.5) }], attrs: {} },
};

// [layer or null, input, operator]
function* cases() {
    for (const o of [...elementwise, ...others, ...ofRows]) yield [null, 'rows', o];
    for (const o of ofPictures) yield [null, 'pictures', o];
    for (const name of ['Gemm', 'MatMul'])
        for (const o of [...elementwise, ...ofRows.slice(0, 4)]) yield [name, 'rows', o];
    for (const name of ['Conv', 'BatchNormalization'])
        for (const o of [...elementwise, ...pools, ...normalisations(LAYERS[name].channels)]) yield [name, 'pictures', o];
}

// The case's nodes and constants, all named after y.
function parts(y, layer, [op, after = [], attrs = {}, { first = [], outs = 1 } = {}]) {
    const made = [], constants = (prefix, ins) => ins.map((t, i) => {
        made.push(tensor(`${y}_${prefix}${i}`, t.type, t.dims, t.values));
        return t.dims.length == 1 && t.dims[0] == 0 ? '' : `${y}_${prefix}${i}`;
    });
    let x = 'x';
    if (layer) {
        made.push(node(layer, ['x', ...constants('w', LAYERS[layer].ins)], [`${y}_z`], LAYERS[layer].attrs));
        x = `${y}_z`;
    }
    made.push(node(op, [...constants('a', first), x, ...constants('b', after)], [y, `${y}_second`].slice(0, outs), attrs));
    return made;
}

const whole = (kind, opset, nodes, outs) => model({ opset, ir: 10, parts: nodes, ins: [{ name: 'x', dims: DIMS[kind] }],
    outs: outs.map(o => ({ name: o.name, type: o.type, dims: null })) });
const types = { Arg: T.INT64, Is: T.BOOL, Greater: T.BOOL, Less: T.BOOL, Equal: T.BOOL };
const typeOf = op => types[Object.keys(types).find(k => op.startsWith(k))] || T.FLOAT;

(async () => {
    const all = { pictures: { parts: [], outs: [], list: [] }, rows: { parts: [], outs: [], list: [] } };
    let n = 0;
    for (const kind in DIMS) save(`${dir}/${kind}.pb`, given(kind, v => v));
    for (const [layer, kind, o] of cases()) {
        const [op, after = [], attrs = {}, more = {}] = o, opset = more.opset || 20, y = `y${n}`, out = { name: y, type: typeOf(op) };
        const file = `${dir}/${n}`, bytes = whole(kind, opset, parts(y, layer, o), [out]);
        const said = `${layer ? layer + ', ' : ''}${op} ${JSON.stringify(attrs)} ${[...more.first || [], ...after].map(t => `[${t.dims}]`).join(' ')}`;

        fs.writeFileSync(file + '.onnx', bytes);
        const s = await ort.InferenceSession.create(file + '.onnx', options).catch(e => { throw new Error(`${said}: ${e}`); });
        const run = async x => (await s.run({ x }))[y];
        save(file + '.pb', await (known[op] ? known[op](run, kind) : asItIs(run, kind)));
        if (!others.includes(o)) console.log(n, kind, said);
        if (opset == 20) { // others have versions of their own
            all[kind].parts.push(...parts(y, layer, o));
            all[kind].outs.push(out);
            all[kind].list.push(n);
        }
        n++;
    }
    for (const kind in DIMS) {
        fs.writeFileSync(`${dir}/all_${kind}.onnx`, whole(kind, 20, all[kind].parts, all[kind].outs));
        fs.writeFileSync(`${dir}/all_${kind}`, all[kind].list.join('\n') + '\n');
    }
})().catch(e => { console.error(String(e)); process.exit(1); });
