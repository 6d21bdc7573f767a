// SPDX-License-Identifier: MIT
// constants_models.js DIR COUNT SEED: chains of layers, poolings, functions and arithmetic with constants of every
// shape that stretches, drawn at random, as many as ONNX Runtime takes of COUNT: N.onnx, with N_x.pb and its
// answer, N_y.pb. Prints N and what it is.
const fs = require('fs');
const ort = require('onnxruntime-node');
const { T, tensor, node, model, feed, options, save, noise } = require('./onnx.js');
const [dir, count, seed] = process.argv.slice(2);
const random = noise(Number(seed));
const pick = (...list) => list[Math.floor(random() * list.length)];
const chance = p => random() < p;
const between = (lo, hi) => lo + Math.floor(random() * (hi - lo + 1));
const size = dims => dims.reduce((a, b) => a * b, 1);

// ---- a network as it grows: v holds the values made so far

let parts, values, what, names, batch; // batch: a constant says how many samples there are

function begin(dims) {
    parts = [], values = [{ name: 'x', dims }], what = [], names = 0, batch = false;
    return values[0];
}
const name = () => 'v' + names++;

// Numbers of a constant; none of them near 0 where something may be divided by them.
function constant(dims, spread = 1, mean = 0) {
    const n = name(), sign = () => mean ? 1 : pick(-1, 1);
    parts.push(tensor(n, T.FLOAT, dims, Array.from({ length: size(dims) }, () => mean + sign() * spread * (0.25 + 0.75 * random()))));
    return n;
}
function ints(list) {
    const n = name();
    parts.push(tensor(n, T.INT64, [list.length], list.map(BigInt)));
    return n;
}
function add(op, ins, dims, attrs = {}, note = '') {
    const v = { name: name(), dims };
    parts.push(node(op, ins, [v.name], attrs));
    what.push(`${op}${note}`);
    values.push(v);
    return v;
}

// ---- layers

const window = sp => ({ k: Array.from({ length: sp }, () => between(1, 3)), s: Array.from({ length: sp }, () => between(1, 2)),
    d: Array.from({ length: sp }, () => pick(1, 1, 1, 2)) });
const groups = (c, k) => pick(...[1, 2, 3, c].filter(g => c % g == 0 && k % g == 0));

function conv(x) {
    const [n, c, ...plane] = x.dims, sp = plane.length, { k, s, d } = window(sp), p = k.map((r, i) => between(0, (r - 1) * d[i]));
    const out = pick(1, c, c, 2 * c, 8, between(2, 18)), g = groups(c, out);
    const to = plane.map((h, i) => Math.floor((h + 2 * p[i] - (k[i] - 1) * d[i] - 1) / s[i]) + 1);
    if (to.some(h => h < 1)) return x;
    const ins = [x.name, constant([out, c / g, ...k], 1 / Math.sqrt(c / g * size(k))), ...chance(0.5) ? [constant([out])] : []];
    return add('Conv', ins, [n, out, ...to], { strides: s, dilations: d, pads: [...p, ...p], group: g }, ` ${c}>${out}/${g} ${k}`);
}

function convtranspose(x) {
    const [n, c, ...plane] = x.dims, sp = plane.length, { k, s, d } = window(sp);
    const out = pick(1, c, c, 8, between(2, 18)), g = groups(c, out), p = k.map((r, i) => between(0, (r - 1) * d[i] >> 1));
    const op = s.map(v => chance(0.3) ? v - 1 : 0), to = plane.map((h, i) => (h - 1) * s[i] + (k[i] - 1) * d[i] + 1 + op[i] - 2 * p[i]);
    if (to.some(h => h < 1 || h > 24)) return x;
    const ins = [x.name, constant([c, out / g, ...k], 1 / Math.sqrt(c / g * size(k))), ...chance(0.4) ? [constant([out])] : []];
    return add('ConvTranspose', ins, [n, out, ...to], { strides: s, dilations: d, pads: [...p, ...p], output_padding: op, group: g },
        ` ${c}>${out}/${g} ${k}`);
}

function pool(x) {
    const [n, c, ...plane] = x.dims, { k, s } = window(plane.length), p = k.map(r => between(0, r >> 1));
    const to = plane.map((h, i) => Math.floor((h + 2 * p[i] - k[i]) / s[i]) + 1), op = pick('MaxPool', 'AveragePool');
    if (to.some(h => h < 1)) return x;
    const attrs = { kernel_shape: k, strides: s, pads: [...p, ...p] };
    if (op == 'AveragePool') attrs.count_include_pad = between(0, 1);
    return add(op, [x.name], [n, c, ...to], attrs);
}

const globalpool = x => add(pick('GlobalAveragePool', 'GlobalMaxPool'), [x.name], [x.dims[0], x.dims[1], ...x.dims.slice(2).map(() => 1)]);

function norm(x) {
    const c = [x.dims[1]], op = x.dims.length > 2 && chance(0.2) ? 'InstanceNormalization' : 'BatchNormalization';
    const ins = [x.name, constant(c, 0.4, 1), constant(c)];
    if (op == 'BatchNormalization') ins.push(constant(c), constant(c, 0.4, 1));
    return add(op, ins, x.dims, { epsilon: 1e-3 });
}

function product(x) {
    const last = x.dims[x.dims.length - 1], k = pick(1, 4, last, between(2, 17));
    if (x.dims.length != 2 || chance(0.4))
        return add('MatMul', [x.name, constant([last, k], 1 / Math.sqrt(last))], [...x.dims.slice(0, -1), k], {}, ` ${last}>${k}`);
    const transB = between(0, 1), c = pick(null, [k], [1, k], [x.dims[0], 1], [1], [], [x.dims[0], k]);
    batch = batch || (c && c.length == 2 && c[0] > 1);
    return add('Gemm', [x.name, constant(transB ? [k, last] : [last, k], 1 / Math.sqrt(last)), ...c ? [constant(c)] : []], [x.dims[0], k],
        { transB, alpha: pick({ float: 1 }, 0.5), beta: pick({ float: 1 }, 1.5) }, ` ${last}>${k}${c ? ` [${c}]` : ''}`);
}

// Mean, deviation and what follows, as exporters write LayerNormalization, over the last axis.
function layernorm(x) {
    const mean = v => add('ReduceMean', [v.name], [...x.dims.slice(0, -1), 1], { axes: [-1], keepdims: 1 });
    const d = add('Sub', [x.name, mean(x).name], x.dims), square = add('Pow', [d.name, constant([], 0, 2)], x.dims);
    const root = add('Sqrt', [add('Add', [mean(square).name, constant(pick([], [1]), 0, 0.01)], [...x.dims.slice(0, -1), 1]).name],
        [...x.dims.slice(0, -1), 1]);
    let y = add('Div', [d.name, root.name], x.dims);
    if (chance(0.8)) y = arithmetic(y, 'Mul');
    return chance(0.8) ? arithmetic(y, 'Add') : y;
}

// ---- functions

function activation(x) {
    const op = pick('Relu', 'Relu', 'LeakyRelu', 'Sigmoid', 'Tanh', 'HardSwish', 'HardSigmoid', 'Elu', 'Clip', 'Softplus');
    if (op == 'Clip') return add(op, [x.name, constant([], 0, -0.5), constant([], 0, 2)], x.dims);
    return add(op, [x.name], x.dims, op == 'LeakyRelu' || op == 'Elu' ? { alpha: 0.3 } : {});
}

// x g(c x + d) and the like, in pieces.
function gated(x) {
    const inner = chance(0.6) ? arithmetic(x, pick('Mul', 'Div', 'Add')) : x;
    const gate = inner.dims.length == x.dims.length ? inner : x;
    const op = pick('Sigmoid', 'Erf', 'HardSigmoid', 'Tanh'), g = add(op, [gate.name], gate.dims, op == 'HardSigmoid' ? { alpha: 1 / 6 } : {});
    const sum = op == 'Erf' && chance(0.7) ? add('Add', [g.name, constant([], 0, 1)], g.dims) : g;
    const y = add('Mul', chance(0.5) ? [x.name, sum.name] : [sum.name, x.name], gate.dims);
    return chance(0.4) ? add('Mul', [y.name, constant([], 0, 0.5)], y.dims) : y;
}

// ---- arithmetic

// Some of the axes of dims, the others 1; leading ones left out; now and then an axis of 1 in x made wider.
function stretch(dims) {
    const kind = pick('one', 'one', 'channel', 'row', 'some', 'whole'), rank = dims.length;
    if (kind == 'one') return Array(between(0, chance(0.1) ? rank + 1 : rank)).fill(1);
    const keep = dims.map((_, i) => kind == 'whole' || (kind == 'channel' ? i == 1 : kind == 'row' ? i == rank - 1 : chance(0.5)));
    const all = dims.map((d, i) => keep[i] ? d == 1 && chance(0.1) ? 3 : d : 1);
    let from = 0;
    batch = batch || all[0] > 1;
    while (from < rank - 1 && all[from] == 1 && chance(0.6)) from++;
    return all.slice(from);
}

function together(a, b) {
    const rank = Math.max(a.length, b.length), at = (d, i) => d[i - rank + d.length] ?? 1;
    return Array.from({ length: rank }, (_, i) => Math.max(at(a, i), at(b, i)));
}
const fits = (a, b) => together(a, b).every((d, i, t) => [a, b].every(s => [1, d, undefined].includes(s[i - t.length + s.length])));

function arithmetic(x, op = pick('Add', 'Add', 'Sub', 'Mul', 'Mul', 'Div', 'Min', 'Max', 'PRelu')) {
    let c = stretch(x.dims);
    if (op == 'PRelu' && together(c, x.dims).join() != x.dims.join()) op = 'Mul';
    const over = op == 'Div', left = op != 'PRelu' && !over && chance(0.4), v = constant(c, 0.6, over || op == 'PRelu' ? 1 : 0);
    return add(op, left ? [v, x.name] : [x.name, v], together(c, x.dims), {}, left ? ` [${c}]_` : ` _[${c}]`);
}

function residual(x) {
    const others = values.filter(v => v != x && fits(v.dims, x.dims) && together(v.dims, x.dims).join() == x.dims.join());
    if (!others.length) return arithmetic(x);
    const o = pick(...others), op = pick('Add', 'Add', 'Mul', 'Sub'), ins = [x.name, o.name];
    return add(op, chance(0.5) ? ins : ins.reverse(), x.dims, {}, ` ${o.name}`);
}

function quotient(x) { // of a constant, by what is above 0
    const s = add('Sigmoid', [x.name], x.dims), y = add('Add', [s.name, constant([], 0, 0.5)], x.dims), c = stretch(x.dims);
    return add('Div', [constant(c), y.name], together(c, x.dims), {}, ` [${c}]_`);
}

const flatten = x => add('Flatten', [x.name], [x.dims[0], size(x.dims.slice(1))]);
const transpose = x => add('Transpose', [x.name], [x.dims[0], ...x.dims.slice(2), x.dims[1]],
    { perm: [0, ...x.dims.map((_, i) => i).slice(2), 1] });

function step(x) {
    const rank = x.dims.length, pictures = rank >= 3 && rank <= 5;
    const all = [arithmetic, arithmetic, arithmetic, arithmetic, activation, residual, quotient, gated, product,
        ...rank > 1 ? [norm, layernorm] : [], ...pictures ? [conv, conv, convtranspose, convtranspose, pool, transpose] : [],
        ...pictures && chance(0.3) ? [globalpool, flatten] : []];
    return size(x.dims) > 20000 ? arithmetic(x) : pick(...all)(x);
}

function draw() {
    const rank = pick(2, 3, 4, 4, 4, 4, 5), c = pick(1, 3, 4, 6, 8, 16, 20), plane = Array.from({ length: rank - 2 }, () => between(2, 9));
    let y = begin([between(1, 3), c, ...plane]);
    for (let n = between(2, 7); n > 0 && y.dims.length <= 6; n--) y = step(y);
    return { dims: values[0].dims, y, seen: chance(0.1) ? values.filter(v => v != y && v.name != 'x' && chance(0.3)) : [] };
}

(async () => {
    let refused = 0;
    for (let n = 0; n < Number(count); n++) {
        const { dims, y, seen } = draw(), open = dims.map((d, i) => i == 0 && !batch && chance(0.5) ? 'n' : d);
        if (y.name == 'x') continue;
        const file = `${dir}/${n}`, outs = [y, ...seen].map(v => ({ name: v.name, dims: v.dims.map((_, i) => `${v.name}_${i}`) }));
        fs.writeFileSync(file + '.onnx', model({ opset: 17, parts, ins: [{ name: 'x', dims: open }], outs }));
        const data = Float32Array.from({ length: size(dims) }, () => 2 * random() - 1);
        try {
            const s = await ort.InferenceSession.create(file + '.onnx', options);
            const out = (await s.run(feed(ort, { x: { type: T.FLOAT, dims, data } })))[y.name];
            save(file + '_x.pb', new ort.Tensor('float32', data, dims));
            save(file + '_y.pb', out);
            console.log(`${n} [${open}] ${what.join(', ')}${seen.length ? ` seen ${seen.map(v => v.name)}` : ''}`);
        } catch (e) {
            refused++;
            console.error(`${n}: ${what.join(', ')}: ${e.message.split('\n')[0]}`);
        }
    }
    console.error(`${refused} refused by ONNX Runtime`);
})().catch(e => { console.error(String(e)); process.exit(1); });
