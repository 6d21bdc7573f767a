// SPDX-License-Identifier: MIT
// qlinear_models.js DIR: networks of one operator on codes each, of ONNX Runtime's domain com.microsoft or
// what it lets work on them, NAME.onnx, with noise, x.npy, and ONNX Runtime's answers, NAME.npy. Prints NAME and the step of the
// output's scale, a line each.
const fs = require('fs');
const ort = require('onnxruntime-node');
const npy = require('./npy.js');
const dir = process.argv[2];
const onnx = require('./onnx.js');
const { FLOAT, UINT8, INT8, INT32, INT64, BOOL } = onnx.T;
const { tensor } = onnx;

const node = (op, domain, ins, outs, attrs) => onnx.node(op, ins, outs, attrs, domain);
const model = (parts, ins, outs) => onnx.model({ opset: 13, domains: { 'com.microsoft': 1 }, parts,
    ins: [{ name: 'x', dims: ins }], outs: [{ name: 'y', dims: outs }] });

// ---- the networks: x is quantized twice, to a and to b, and what is made of them dequantized

const DIMS = [2, 6, 8, 8];
let state = 1;
const noise = () => (state = (state * 1103515245 + 12345) % 2147483648) / 1073741824 - 1;

function pair(name, type, scale, zero) {
    return [tensor(name + '_s', FLOAT, [], [scale]), tensor(name + '_z', type, [], [zero])];
}
const three = name => [name, name + '_s', name + '_z'];
const two = name => [name + '_s', name + '_z'];

// op(inputs), its output of that scale and zero point
function network({ op, ins, attrs, dims = DIMS, type, scale, zero, domain = 'com.microsoft', more = [] }) {
    const last = type == UINT8 ? '' : 'com.microsoft'; // both domains have it
    return model([
        ...pair('a', type, 0.011, type == UINT8 ? 121 : -3),
        ...pair('b', type, 0.013, type == UINT8 ? 99 : 7), ...pair('q', type, scale, zero), ...more,
        node('QuantizeLinear', last, ['x', ...two('a')], ['a']),
        node('QuantizeLinear', '', ['x', ...two('b')], ['b']),
        node(op, domain, ins, ['q'], attrs),
        node('DequantizeLinear', last, three('q'), ['y']),
    ], DIMS, dims);
}

const DOUBLED = [2, 6, 16, 16], PADDED = [2, 6, 10, 10], POOLED = [2, 6, 1, 1], HALVED = [2, 6, 4, 4], JOINED = [2, 12, 8, 8];
const pool = { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] };
function cases(type) {
    const z = type == UINT8 ? 120 : -4, low = type == UINT8 ? 0 : -128;
    const weight = [tensor('w', INT8, [8, 5], Array.from({ length: 40 }, () => Math.round(127 * noise()))),
        tensor('w_s', FLOAT, [5], [0.004, 0.003, 0.005, 0.006, 0.002]), tensor('w_z', INT8, [5], [0, 0, 0, 0, 0]),
        tensor('c', INT32, [5], [100, -200, 300, 0, 50])];
    return {
        add: { op: 'QLinearAdd', ins: [...three('a'), ...three('b'), ...two('q')], scale: 0.0163, zero: z },
        mul: { op: 'QLinearMul', ins: [...three('a'), ...three('b'), ...two('q')], scale: 0.009, zero: z },
        sigmoid: { op: 'QLinearSigmoid', ins: [...three('a'), ...two('q')], scale: 1 / 256, zero: low },
        leaky_relu: { op: 'QLinearLeakyRelu', ins: [...three('a'), ...two('q')], attrs: { alpha: 0.125 }, scale: 0.007, zero: z },
        softmax: { op: 'QLinearSoftmax', ins: [...three('a'), ...two('q')], attrs: { axis: -1, opset: 13 }, scale: 1 / 256, zero: low },
        average_pool: { op: 'QLinearAveragePool', ins: [...three('a'), ...two('q')], attrs: pool, dims: HALVED, scale: 0.006, zero: z },
        average_pool_padded: { op: 'QLinearAveragePool', ins: [...three('a'), ...two('q')], attrs: { ...pool, count_include_pad: 1 }, dims: HALVED, scale: 0.006, zero: z },
        global_average_pool: { op: 'QLinearGlobalAveragePool', ins: [...three('a'), ...two('q')], dims: POOLED, scale: 0.002, zero: z },
        concat: { op: 'QLinearConcat', ins: [...two('q'), ...three('a'), ...three('b')], attrs: { axis: 1 }, dims: JOINED, scale: 0.012, zero: z },
        where: { op: 'QLinearWhere', ins: ['if', ...three('a'), ...three('b'), ...two('q')], scale: 0.012, zero: z,
            more: [tensor('if', BOOL, [8], [1, 0, 0, 1, 1, 0, 1, 0])] },
        max_pool: { op: 'MaxPool', domain: '', ins: ['a'], attrs: pool, dims: HALVED, scale: 0.011, zero: z },
        resize: { op: 'Resize', domain: '', ins: ['a', '', '', 'sizes'], attrs: {}, dims: DOUBLED, scale: 0.011, zero: z,
            more: [tensor('sizes', INT64, [4], DOUBLED.map(BigInt))] },
        pad: { op: 'Pad', domain: '', ins: ['a', 'pads', 'a_z'], dims: PADDED, scale: 0.011, zero: z,
            more: [tensor('pads', INT64, [8], [0n, 0n, 1n, 1n, 0n, 0n, 1n, 1n])] },
        gemm: { weight, op: 'QGemm', scale: 0.02, zero: z },
        gemm_of_floats: { weight, op: 'QGemm' },
    };
}

// A QGemm works on matrices: x's last axis by w, of a scale for each column.
function gemm({ weight, scale, zero, type }) {
    const coded = scale !== undefined;
    return model([...pair('a', type, 0.011, 3), ...coded ? pair('q', type, scale, zero) : [], ...weight,
        tensor('shape', INT64, [2], [96n, 8n]),
        node('Reshape', '', ['x', 'shape'], ['rows']),
        node('QuantizeLinear', '', ['rows', ...two('a')], ['a']),
        node('QGemm', 'com.microsoft', [...three('a'), ...three('w'), 'c', ...coded ? two('q') : []],
            [coded ? 'q' : 'y'], { alpha: 1.5 }),
        ...coded ? [node('DequantizeLinear', '', three('q'), ['y'])] : []], DIMS, [96, 5]);
}

(async () => {
    const x = { dims: DIMS, data: Float32Array.from({ length: 768 }, () => 1.5 * noise()) };
    npy.save(`${dir}/x.npy`, x);
    for (const [suffix, type] of [['u8', UINT8], ['s8', INT8]])
        for (const [name, c] of Object.entries(cases(type))) {
            const file = `${dir}/${name}_${suffix}`;
            const build = c.weight ? gemm : network;

            fs.writeFileSync(file + '.onnx', build({ ...c, type }));
            const s = await ort.InferenceSession.create(file + '.onnx', { graphOptimizationLevel: 'disabled',
                intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3 });
            const y = (await s.run({ x: new ort.Tensor('float32', x.data, x.dims) })).y;
            npy.save(file + '.npy', { dims: y.dims, data: y.data });
            console.log(`${name}_${suffix} ${c.scale || 1e-5}`);
        }
})().catch(e => { console.error(String(e)); process.exit(1); });
