// SPDX-License-Identifier: MIT
// old_opsets_models.js DIR: networks as they were written in opsets 1 to 6, NAME.onnx: attributes for broadcasting,
// consumed_inputs, is_test, constants among the inputs. The right answers NAME_0.pb, ... are ONNX Runtime's to the same
// in opset 13, NAME being written twice by hand. x.pb, p.pb, i.pb are the inputs. Prints NAME, the inputs and how many
// outputs; on standard error how many of the old files ONNX Runtime runs, too. What it computes otherwise
// there is said, too.
const fs = require('fs');
const ort = require('onnxruntime-node');
const { T, tensor, node, model, options, save, noise } = require('./onnx.js');
const dir = process.argv[2];
const random = noise(5);
const draw = (dims, lo = -1.5, hi = 1.5) => Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => lo + (hi - lo) * random());

const DIMS = [2, 3, 4, 5];
const inputs = {
    x: new ort.Tensor('float32', Float32Array.from(draw(DIMS)), DIMS),
    p: new ort.Tensor('float32', Float32Array.from(draw(DIMS, 0.1, 2)), DIMS),
    i: new ort.Tensor('int32', Int32Array.from(draw(DIMS, -4, 4)), DIMS),
};
const types = { float32: T.FLOAT, int32: T.INT32, int64: T.INT64, bool: T.BOOL };

// ---- a network is a list of nodes [operator, inputs, attributes, outputs]; the last ones' outputs are its own

const f = v => ({ float: v });
const c = (dims, values) => ({ type: T.FLOAT, dims, values: values || draw(dims) });
const ints = (...v) => ({ type: T.INT64, dims: [v.length], values: v.map(BigInt) });
const as = (t, ...dims) => ({ ...t, dims });
const N = (op, ins, attrs = {}, outs = ['y']) => [op, ins, attrs, outs];

const cases = [];
const add = (name, opset, old, now, outs = ['y']) => cases.push({ name: `${name}_${opset}`, opset, old, now, outs });
// one node each; `more` to either
const one = (op, opset, ins, attrs, now, nowAttrs = {}) => add(op, opset, [N(op, ins, attrs)], [N(op, now, nowAttrs)]);

// ---- broadcasting by attributes

const channel = c([3]), pair = c([2, 3]), plane = c([4, 5]), number = c([1], [0.75]), whole = c(DIMS), some = c([3], [0.5, 2, 3]);
for (const opset of [1, 6])
    for (const op of ['Add', 'Sub', 'Mul', 'Div']) {
        const old = opset == 1 ? { consumed_inputs: [0, 0] } : {};
        one(op, opset, ['x', channel], { ...old, broadcast: 1, axis: 1 }, ['x', as(channel, 3, 1, 1)]);
        one(op + '_of_equals', opset, ['x', whole], old, ['x', whole]);
    }
one('Add_pair', 6, ['x', pair], { broadcast: 1, axis: 0 }, ['x', as(pair, 2, 3, 1, 1)]);
one('Mul_plane', 6, ['x', plane], { broadcast: 1 }, ['x', plane]);
one('Sub_number', 1, ['x', number], { broadcast: 1 }, ['x', number]);
one('Pow', 1, ['p', some], { broadcast: 1, axis: 1 }, ['p', as(some, 3, 1, 1)]);
one('Greater', 1, ['x', channel], { broadcast: 1, axis: 1 }, ['x', as(channel, 3, 1, 1)]);
one('Less', 1, ['x', plane], { broadcast: 1 }, ['x', plane]);
const three = { type: T.INT32, dims: [3], values: [1, 0, -1] };
one('Equal', 1, ['i', three], { broadcast: 1, axis: 1 }, ['i', as(three, 3, 1, 1)]);
for (const op of ['And', 'Or', 'Xor']) {
    const flags = { type: T.BOOL, dims: [3], values: [1, 0, 1] };
    add(op, 1, [N('Greater', ['x', number], { broadcast: 1 }, ['g']), N(op, ['g', flags], { broadcast: 1, axis: 1 })],
        [N('Greater', ['x', number], {}, ['g']), N(op, ['g', as(flags, 3, 1, 1)])]);
}
add('Not', 1, [N('Less', ['x', number], { broadcast: 1 }, ['g']), N('Not', ['g'])], [N('Less', ['x', number], {}, ['g']), N('Not', ['g'])]);
for (const opset of [1, 6]) {
    const slope = c([3], [0.1, 0.2, 0.3]), old = opset == 1 ? { consumed_inputs: [0, 0] } : {};
    one('PRelu', opset, ['x', slope], old, ['x', as(slope, 3, 1, 1)]);
    one('PRelu_one', opset, ['x', number], old, ['x', number]);
}

// ---- consumed_inputs, and what was an attribute

const used = { consumed_inputs: [0] };
for (const op of ['Abs', 'Neg', 'Exp', 'Log', 'Sqrt', 'Ceil', 'Floor', 'Reciprocal', 'Relu', 'Sigmoid', 'Tanh'])
    one(op, 1, ['Log,Sqrt,Reciprocal'.includes(op) ? 'p' : 'x'], used, ['Log,Sqrt,Reciprocal'.includes(op) ? 'p' : 'x']);
for (const [op, attrs] of [['LeakyRelu', { alpha: 0.2 }], ['Elu', { alpha: 0.5 }], ['HardSigmoid', { alpha: 0.3, beta: 0.4 }], ['Selu', { alpha: 1.5, gamma: 1.25 }]])
    one(op, 1, ['x'], { ...used, ...attrs }, ['x'], attrs);
for (const op of ['Sum', 'Mean', 'Max', 'Min']) {
    one(op, 1, ['x', whole, 'p'], { consumed_inputs: [0, 0, 0] }, ['x', whole, 'p']);
    one(op, 6, ['x', whole], {}, ['x', whole]);
}
one('Clip', 1, ['x'], { ...used, min: -0.5, max: 0.75 }, ['x', c([], [-0.5]), c([], [0.75])]);
one('Clip', 6, ['x'], { max: 0.25 }, ['x', '', c([], [0.25])]);
one('Cast', 1, ['x'], { to: 'INT32' }, ['x'], { to: T.INT32 });
one('Cast_to_float', 1, ['i'], { to: 'FLOAT' }, ['i'], { to: T.FLOAT });
one('Cast', 6, ['x'], { to: T.INT64 }, ['x'], { to: T.INT64 });
one('Concat', 1, ['x', 'p'], {}, ['x', 'p'], { axis: 1 });
one('Concat', 4, ['x', 'p'], { axis: 3 }, ['x', 'p'], { axis: 3 });
one('Reshape', 1, ['x'], { ...used, shape: [0, -1] }, ['x', ints(0, -1)]);
one('Reshape', 5, ['x', ints(4, -1)], {}, ['x', ints(4, -1)]);
const edges = [0, 0, 1, 2, 0, 1, 0, 1];
one('Pad', 1, ['x'], { paddings: edges, value: 0.5 }, ['x', ints(...edges), c([], [0.5])]);
one('Pad_reflect', 1, ['x'], { paddings: edges, mode: 'reflect' }, ['x', ints(...edges)], { mode: 'reflect' });
one('Pad_edge', 2, ['x'], { pads: edges, mode: 'edge' }, ['x', ints(...edges)], { mode: 'edge' });
add('Squeeze', 1, [N('Unsqueeze', ['x'], { axes: [0, 3] }, ['u']), N('Squeeze', ['u'], { axes: [3] })],
    [N('Unsqueeze', ['x', ints(0, 3)], {}, ['u']), N('Squeeze', ['u', ints(3)])]);
one('Slice', 1, ['x'], { starts: [1, -3], ends: [2, 2147483647], axes: [1, 3] }, ['x', ints(1, -3), ints(2, 2147483647), ints(1, 3)]);
one('Slice_all', 1, ['x'], { starts: [0, 1], ends: [2, -1] }, ['x', ints(0, 1), ints(2, -1)]);
add('Split', 1, [N('Split', ['x'], { axis: 3, split: [2, 3] }, ['y', 'z'])], [N('Split', ['x', ints(2, 3)], { axis: 3 }, ['y', 'z'])], ['y', 'z']);
add('Split_input', 1, [N('Split', ['x', c([2], [1, 3])], { axis: 2 }, ['y', 'z'])], [N('Split', ['x', ints(1, 3)], { axis: 2 }, ['y', 'z'])], ['y', 'z']);
add('Split', 2, [N('Split', ['x'], { axis: 2 }, ['y', 'z'])], [N('Split', ['x', ints(2, 2)], { axis: 2 }, ['y', 'z'])], ['y', 'z']);
one('Tile', 1, ['x', c([1], [2]), c([1], [3])], {}, ['x', ints(1, 1, 1, 2)]);
one('Tile', 6, ['x', ints(1, 2, 1, 3)], {}, ['x', ints(1, 2, 1, 3)]);
add('TopK', 1, [N('TopK', ['x'], { axis: 3, k: 2 }, ['y', 'z'])], [N('TopK', ['x', ints(2)], { axis: 3 }, ['y', 'z'])], ['y', 'z']);
for (const [mode, now] of [['nearest', { mode: 'nearest', nearest_mode: 'floor' }], ['bilinear', { mode: 'linear' }]])
    add(`Upsample_${mode}`, 1, [N('Upsample', ['x'], { height_scale: f(2), width_scale: f(3), mode })],
        [N('Resize', ['x', '', c([4], [1, 1, 2, 3])], { ...now, coordinate_transformation_mode: 'asymmetric' })]);
for (const op of ['ReduceMean', 'ReduceMax', 'ReduceL2', 'ReduceLogSumExp', 'ArgMax'])
    one(op, 1, ['x'], op == 'ArgMax' ? { axis: 2 } : { axes: [1, 3], keepdims: 0 }, ['x'], op == 'ArgMax' ? { axis: 2 } : { axes: [1, 3], keepdims: 0 });
one('ReduceSum', 1, ['x'], { axes: [2, 3] }, ['x', ints(2, 3)]);

// ---- layers

const scale = c([3]), shift = c([3]), mean = c([3]), variance = c([3], [0.5, 1, 1.5]), norm = [scale, shift, mean, variance];
one('BatchNormalization', 1, ['x', ...norm], { is_test: 1, consumed_inputs: [0, 0, 0, 1, 1], epsilon: 0.01 }, ['x', ...norm], { epsilon: 0.01 });
one('BatchNormalization', 6, ['x', ...norm], { is_test: 1, spatial: 1, momentum: 0.8 }, ['x', ...norm]);
const each = [c([3, 4, 5]), c([3, 4, 5]), c([3, 4, 5]), c([3, 4, 5], draw([3, 4, 5], 0.5, 1.5))];
add('BatchNormalization_each', 6, [N('BatchNormalization', ['x', ...each], { is_test: 1, spatial: 0, epsilon: 0.01 })],
    [N('Sub', ['x', each[2]], {}, ['d']), N('Add', [each[3], c([], [0.01])], {}, ['v']), N('Sqrt', ['v'], {}, ['r']), N('Div', ['d', 'r'], {}, ['n']),
        N('Mul', ['n', each[0]], {}, ['m']), N('Add', ['m', each[1]])]);
one('Dropout', 1, ['x'], { ...used, is_test: 1, ratio: 0.25 }, ['x']);
one('Dropout', 6, ['x'], { is_test: 1, ratio: 0.25 }, ['x']);
one('InstanceNormalization', 1, ['x', scale, shift], { consumed_inputs: [0, 0, 0], epsilon: 0.01 }, ['x', scale, shift], { epsilon: 0.01 });
const flat = N('Flatten', ['x'], {}, ['t']), matrix = c([60, 7]), turned = c([7, 60]), bias = c([7]), biases = c([2, 7]);
add('Gemm', 1, [flat, N('Gemm', ['t', matrix, bias], { broadcast: 1, alpha: 0.5 })], [flat, N('Gemm', ['t', matrix, bias], { alpha: 0.5 })]);
add('Gemm_whole', 1, [flat, N('Gemm', ['t', matrix, biases], { beta: 0.5 })], [flat, N('Gemm', ['t', matrix, biases], { beta: 0.5 })]);
add('Gemm_turned', 6, [flat, N('Gemm', ['t', turned, number], { broadcast: 1, transB: 1 })], [flat, N('Gemm', ['t', turned, number], { transB: 1 })]);
const filters = c([4, 3, 3, 3]), pool = { kernel_shape: [2, 3], strides: [1, 2] };
one('Conv', 1, ['x', filters], { auto_pad: 'SAME_UPPER', strides: [2, 2] }, ['x', filters], { kernel_shape: [3, 3], auto_pad: 'SAME_UPPER', strides: [2, 2] });
const back = c([3, 2, 3, 3]), wide = { strides: [2, 2], output_shape: [8, 10] };
one('ConvTranspose', 1, ['x', back], wide, ['x', back], wide);
one('AveragePool', 1, ['x'], { ...pool, pads: [1, 1, 0, 1] }, ['x'], { ...pool, pads: [1, 1, 0, 1] });
one('MaxPool', 1, ['x'], { ...pool, auto_pad: 'SAME_LOWER' }, ['x'], { ...pool, auto_pad: 'SAME_LOWER' });
one('LpPool', 1, ['x'], { ...pool, p: f(2) }, ['x'], { ...pool, p: 2 });
one('GlobalLpPool', 1, ['x'], { p: f(3) }, ['x'], { p: 3 });
one('LRN', 1, ['x'], { size: 3, alpha: 0.5, bias: f(2) }, ['x'], { size: 3, alpha: 0.5, bias: f(2) });
one('LpNormalization', 1, ['x'], { axis: 1 }, ['x'], { axis: 1 });
for (const op of ['Softmax', 'LogSoftmax', 'Hardmax'])
    add(op, 1, [N(op, ['x'])], [flat, N(op, ['t'], { axis: 1 }, ['s']), N('Reshape', ['s', ints(...DIMS)])]);
one('Gather', 1, ['x', ints(2, 0)], { axis: 1 }, ['x', ints(2, 0)], { axis: 1 });

// ---- all together, as Caffe2 wrote it

add('network', 1, [N('Conv', ['x', filters], { pads: [1, 1, 1, 1], kernel_shape: [3, 3] }, ['a']),
    N('Add', ['a', c([4], [0.1, 0.2, 0.3, 0.4])], { broadcast: 1, axis: 1, consumed_inputs: [0, 0] }, ['b']), N('Relu', ['b'], used, ['r']),
    N('MaxPool', ['r'], { kernel_shape: [2, 2], strides: [2, 2] }, ['q']), N('Dropout', ['q'], { ...used, is_test: 1 }, ['d']),
    N('Reshape', ['d'], { ...used, shape: [-1, 16] }, ['v']), N('Gemm', ['v', as(c([112]), 16, 7), bias], { broadcast: 1 }, ['g']), N('Softmax', ['g'])],
    []);
{ // the modern one has the same constants
    const last = cases[cases.length - 1], gemm = last.old[6], plus = last.old[1];
    last.now = [last.old[0], N('Add', ['a', as(plus[1][1], 4, 1, 1)], {}, ['b']), N('Relu', ['b'], {}, ['r']), last.old[3],
        N('Reshape', ['q', ints(-1, 16)], {}, ['v']), N('Gemm', gemm[1], {}, ['g']), N('Softmax', ['g'], { axis: 1 })];
}

// ---- writing and running

// The constants are inputs, too, where `ir` is that of the time.
function written(list, opset, ir, outs) {
    const parts = [], named = {}, constants = [], nameOf = t => {
        if (typeof t == 'string') {
            if (inputs[t]) named[t] = { name: t, type: types[inputs[t].type], dims: DIMS };
            return t;
        }
        const name = `c${constants.length}`;
        parts.push(tensor(name, t.type, t.dims, t.values));
        constants.push({ name, type: t.type, dims: t.dims });
        return name;
    };
    for (const [op, ins, attrs, made] of list) parts.push(node(op.split('_')[0], ins.map(nameOf), made, attrs));
    const bytes = types => model({ opset, ir, parts, ins: [...Object.values(named), ...ir < 4 ? constants : []],
        outs: outs.map((name, i) => ({ name, type: types[i], dims: null })) });
    return { bytes, names: Object.keys(named) };
}

async function run(bytes, names) {
    const s = await ort.InferenceSession.create(bytes, options);
    return s.run(Object.fromEntries(names.map(n => [n, inputs[n]])));
}
const typeOf = { Greater: T.BOOL, Less: T.BOOL, Equal: T.BOOL, And: T.BOOL, Or: T.BOOL, Xor: T.BOOL, Not: T.BOOL, ArgMax: T.INT64 };
const outTypes = ({ old, outs, name }) => outs.map((o, i) => {
    const [op, , attrs] = old[old.length - 1], base = op.split('_')[0];
    if (base == 'TopK') return i ? T.INT64 : T.FLOAT;
    if (base == 'Cast') return { INT32: T.INT32, FLOAT: T.FLOAT }[attrs.to] || attrs.to;
    return typeOf[base] || T.FLOAT;
});
const same = (a, b) => a.dims.join() == b.dims.join() && a.data.every((v, i) => v == b.data[i] || Math.abs(Number(v) - Number(b.data[i])) < 1e-5);

(async () => {
    let ran = 0;
    for (const [name, t] of Object.entries(inputs)) save(`${dir}/${name}.pb`, t);
    for (const one of cases) {
        const now = written(one.now, 13, 8, one.outs), old = written(one.old, one.opset, 3, one.outs), of = outTypes(one);
        const right = await run(now.bytes(of), now.names).catch(e => { throw new Error(`${one.name}: ${e}`); });
        fs.writeFileSync(`${dir}/${one.name}.onnx`, old.bytes(of));
        one.outs.forEach((o, i) => save(`${dir}/${one.name}_${i}.pb`, right[o]));
        try {
            const own = await run(old.bytes(of), old.names);
            ran++;
            if (!one.outs.every(o => same(own[o], right[o]))) console.error(`${one.name}: ONNX Runtime computes something else`);
        } catch (e) {
            if (process.env.VERBOSE) console.error(one.name, String(e).slice(0, 200));
        }
        console.log(one.name, old.names.join(), one.outs.length);
    }
    console.error(`ONNX Runtime runs ${ran} of ${cases.length} old files`);
})().catch(e => { console.error(String(e)); process.exit(1); });
