// SPDX-License-Identifier: MIT
// pruned_models.js DIR: networks whose layer 'a' makes channels that go separate ways, NAME.onnx; by magnitude
// half of a's channels go, the first or the last ones. And noise, x.npy. Prints NAME and the layers that lose them
// together, as JSON, a line each.
const fs = require('fs');
const npy = require('./npy.js');
const { T, tensor, node, model } = require('./onnx.js');
const dir = process.argv[2];

const HALVES = [4n, 4n];
let state = 1, uid = 0;
const noise = () => (state = (state * 1103515245 + 12345) % 2147483648) / 1073741824 - 1;
const count = dims => dims.reduce((a, b) => a * b, 1);
const list = (name, values) => tensor(name, T.INT64, [values.length], values);

// ---- layers: each adds to the parts and gives the name of what it makes

class Net {
    constructor(small) {
        this.parts = [];
        this.small = small; // which half of a's filters
    }

    op(type, ins, attrs, out = `v${++uid}`) {
        this.parts.push(node(type, ins, [out], attrs));
        return out;
    }

    constant(name, dims, f) {
        this.parts.push(tensor(name, T.FLOAT, dims, Array.from({ length: count(dims) }, (_, i) => f(i))));
        return name;
    }

    // numbers by fan-in; of layer a half of the filters along axis 0 are small
    weight(name, dims, layer) {
        const fan = count(dims.slice(1)), half = dims[0] / 2;
        const factor = i => this.bottleneck && layer == 'm2' && this.small == 'last' ||
            layer == 'a' && Math.floor(i / fan) < half == (this.small == 'first') ? 0.01 : 1;
        return this.constant(name, dims, i => 2 * noise() * factor(i) / Math.sqrt(fan));
    }

    conv(name, x, c, k, r = 1, group = 1) {
        return this.op('Conv', [x, this.weight(`${name}.weight`, [k, c / group, r, r], name),
            this.constant(`${name}.bias`, [k], noise)], { pads: [r >> 1, r >> 1, r >> 1, r >> 1], group });
    }

    first(x = 'x', act = 'Relu', c = 3) {
        return this.op(act, [this.conv('a', x, c, 8, 3)]);
    }

    split(x) {
        const out = [`v${++uid}`, `v${++uid}`], sizes = `v${++uid}`;
        this.parts.push(list(sizes, HALVES), node('Split', [x, sizes], out, { axis: 1 }));
        return out;
    }

    slice(x, from, to) {
        const names = [from, to, 1].map(v => {
            const n = `v${++uid}`;
            this.parts.push(list(n, [BigInt(v)]));
            return n;
        });
        return this.op('Slice', [x, ...names]);
    }

    concat(...ins) {
        return this.op('Concat', ins, { axis: 1 });
    }

    silu(x) {
        return this.op('Mul', [x, this.op('Sigmoid', [x])]);
    }

    head(x, c) {
        const flat = this.op('Flatten', [this.op('GlobalAveragePool', [x])]);
        return this.op('Gemm', [flat, this.weight('head.weight', [5, c]), this.constant('head.bias', [5], noise)],
            { transB: 1 }, 'y');
    }
}

// ---- the networks

const nets = {
    split_joined(n) {
        n.head(n.conv('c', n.concat(...n.split(n.first())), 8, 4, 3), 4);
    },
    split_added(n) {
        const [p, q] = n.split(n.first());
        n.head(n.op('Add', [n.conv('p', p, 4, 6, 3), n.conv('q', q, 4, 6)]), 6);
    },
    sliced(n) {
        const h = n.first();
        n.head(n.op('Add', [n.conv('p', n.slice(h, 0, 4), 4, 6), n.conv('q', n.slice(h, 4, 1000), 4, 6, 3)]), 6);
    },
    split_sigmoid(n) {
        const [p, q] = n.split(n.first('x', 'Sigmoid'));
        n.head(n.conv('c', n.concat(n.conv('p', p, 4, 6, 3), n.conv('q', q, 4, 6)), 12, 4, 3), 4);
    },
    grouped(n) {
        const [p, q] = n.split(n.first());
        n.head(n.conv('c', n.concat(n.conv('p', p, 4, 4, 3, 2), n.conv('q', q, 4, 8, 3, 4)), 12, 4), 4);
    },
    transposed(n) {
        const up = (name, x) => n.op('ConvTranspose', [x, n.weight(`${name}.weight`, [4, 6, 2, 2]),
            n.constant(`${name}.bias`, [6], noise)], { strides: [2, 2] });
        const [p, q] = n.split(n.first());
        n.head(n.op('Add', [up('p', p), up('q', q)]), 6);
    },
    pooled(n) {
        const pool = { kernel_shape: [3, 3], pads: [1, 1, 1, 1] };
        const [p, q] = n.split(n.first());
        n.head(n.op('Add', [n.conv('p', n.op('MaxPool', [p], pool), 4, 6),
            n.conv('q', n.op('AveragePool', [q], pool), 4, 6)]), 6);
    },
    instance(n) {
        const norm = (name, x) => n.op('InstanceNormalization', [x, n.constant(`${name}.weight`, [4], noise),
            n.constant(`${name}.bias`, [4], noise)]);
        const [p, q] = n.split(n.first());
        n.head(n.conv('c', n.concat(norm('pn', p), norm('qn', n.conv('q', q, 4, 4, 3))), 8, 4), 4);
    },
    c2f_short(n) {
        n.bottleneck = true; // m2's channels are those of a's last half
        const [p, q] = n.split(n.silu(n.conv('a', 'x', 3, 8)));
        const m = n.silu(n.conv('m2', n.silu(n.conv('m1', q, 4, 4, 3)), 4, 4, 3));
        n.head(n.silu(n.conv('c', n.concat(p, q, n.op('Add', [q, m])), 12, 6)), 6);
    },
    c2f_plain(n) {
        const [p, q] = n.split(n.silu(n.conv('a', 'x', 3, 8)));
        const m = n.silu(n.conv('m2', n.silu(n.conv('m1', q, 4, 4, 3)), 4, 4, 3));
        n.head(n.silu(n.conv('c', n.concat(p, q, m), 12, 6)), 6);
    },
    gate(n) {
        const s = n.op('Relu', [n.conv('s', 'x', 3, 6, 3)]);
        const u = n.conv('u', n.first(n.op('GlobalAveragePool', [s]), 'Relu', 6), 8, 6);
        n.head(n.op('Mul', [s, n.op('Sigmoid', [u])]), 6);
    },
    groups(n) {
        const h = n.op('GroupNormalization', [n.first(), n.constant('an.weight', [8], noise),
            n.constant('an.bias', [8], noise)], { num_groups: 4 });
        const [p, q] = n.split(h);
        n.head(n.op('Add', [n.conv('p', p, 4, 6, 3), n.conv('q', q, 4, 6)]), 6);
    },
    // weights of 8 bits with a scale each, the bias of 32, the activations of 8
    coded(n) {
        const coded = (name, dims) => {
            const half = dims[0] / 2, small = i => name == 'a' && i < half == (n.small == 'first');
            n.constant(`${name}.scale`, [dims[0]], i => small(i) ? 0.0002 : 0.004);
            n.parts.push(tensor(`${name}.zero`, T.INT8, [dims[0]], Array(dims[0]).fill(0)),
                tensor(`${name}.weight`, T.INT8, dims, Array.from({ length: count(dims) }, () => Math.round(127 * noise()))));
            return n.op('DequantizeLinear', [`${name}.weight`, `${name}.scale`, `${name}.zero`], { axis: 0 });
        };
        const bias = (name, k) => {
            n.constant(`${name}.bias_scale`, [k], () => 0.001);
            n.parts.push(tensor(`${name}.bias`, T.INT32, [k], Array.from({ length: k }, () => Math.round(300 * noise()))));
            return n.op('DequantizeLinear', [`${name}.bias`, `${name}.bias_scale`], { axis: 0 });
        };
        const rounded = (x, scale, zero) => {
            const s = n.constant(`v${++uid}`, [], () => scale), z = `v${++uid}`;
            n.parts.push(tensor(z, T.UINT8, [], [zero]));
            return n.op('DequantizeLinear', [n.op('QuantizeLinear', [x, s, z]), s, z]);
        };
        const conv = (name, x, dims, pads) => n.op('Conv', [x, coded(name, dims), bias(name, dims[0])], { pads });
        const [p, q] = n.split(rounded(n.op('Relu', [conv('a', rounded('x', 0.02, 128), [8, 3, 3, 3], [1, 1, 1, 1])]), 0.03, 0));
        n.head(n.op('Add', [conv('p', p, [6, 4, 3, 3], [1, 1, 1, 1]), conv('q', q, [6, 4, 1, 1], [0, 0, 0, 0])]), 6);
    },
};

const together = { grouped: ['a', 'p', 'q'], c2f_short: ['a', 'm2'] };
const DIMS = [2, 3, 8, 8];
npy.save(`${dir}/x.npy`, { dims: DIMS, data: Float32Array.from({ length: count(DIMS) }, () => 1.5 * noise()) });
for (const [name, build] of Object.entries(nets))
    for (const small of ['first', 'last']) {
        const n = new Net(small);
        build(n);
        fs.writeFileSync(`${dir}/${name}_${small}.onnx`, model({ opset: name == 'groups' ? 21 : 17, parts: n.parts,
            ins: [{ name: 'x', dims: ['N', 3, 8, 8] }], outs: [{ name: 'y', dims: ['N', 5] }] }));
        console.log(`${name}_${small} ${JSON.stringify(together[name] || ['a'])}`);
    }
