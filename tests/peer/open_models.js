// SPDX-License-Identifier: MIT
// open_models.js DIR: one small network with named and nameless open extents, and in float16 and bfloat16.
const fs = require('fs');
const { T, tensor, node, value, model } = require('./onnx.js');
const dir = process.argv[2];

let state = 1;
// multiples of 1/64 from -1 to 1, which all types hold
const noise = n => Array.from({ length: n }, () => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return Math.round(state / 2147483648 * 128 - 64) / 64;
});
const numbers = { w: noise(8 * 9), b: noise(8), s: noise(8), t: noise(8), m: noise(8), f: noise(80), c: noise(10) };

// Conv, BatchNormalization, Relu, GlobalAveragePool, Flatten, Gemm
function pictures(dims, out, type, ends) {
    const cast = type !== ends;
    const parts = [
        tensor('conv.weight', type, [8, 1, 3, 3], numbers.w), tensor('conv.bias', type, [8], numbers.b),
        tensor('bn.weight', type, [8], numbers.s), tensor('bn.bias', type, [8], numbers.t),
        tensor('bn.mean', type, [8], numbers.m), tensor('bn.var', type, [8], Array(8).fill(1.5)),
        tensor('fc.weight', type, [10, 8], numbers.f), tensor('fc.bias', type, [10], numbers.c),
        cast ? node('Cast', ['x'], ['h'], { to: type }) : node('Identity', ['x'], ['h']),
        node('Conv', ['h', 'conv.weight', 'conv.bias'], ['a'], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }),
        node('BatchNormalization', ['a', 'bn.weight', 'bn.bias', 'bn.mean', 'bn.var'], ['n']),
        node('Relu', ['n'], ['r']), node('GlobalAveragePool', ['r'], ['p']),
        node('Flatten', ['p'], ['q'], { axis: 1 }),
        node('Gemm', ['q', 'fc.weight', 'fc.bias'], ['z'], { transB: 1 }),
        cast ? node('Cast', ['z'], ['y'], { to: ends }) : node('Identity', ['z'], ['y']),
        value(13, { name: 'r', type, dims: [dims[0], 8, dims[2], dims[3]] }),
    ];
    return model({ opset: 17, parts, ins: [{ name: 'x', type: ends, dims }], outs: [{ name: 'y', type: ends, dims: out }] });
}

function signals() {
    const parts = [tensor('a.weight', T.FLOAT, [8, 1, 100], noise(800)),
        tensor('y.weight', T.FLOAT, [2, 8, 3], noise(48)),
        node('Conv', ['x', 'a.weight'], ['a'], { kernel_shape: [100] }), node('Relu', ['a'], ['r']),
        node('Conv', ['r', 'y.weight'], ['y'], { kernel_shape: [3] })];
    return model({ opset: 17, parts, ins: [{ name: 'x', dims: ['batch', 1, 'L'] }], outs: [{ name: 'y', dims: ['batch', 2, 'M'] }] });
}

const open = ['batch', 1, 'height', 'width'], fixed = ['batch', 1, 28, 28];
const files = {
    batch: pictures(fixed, ['batch', 10], T.FLOAT, T.FLOAT),
    size: pictures(open, ['batch', 10], T.FLOAT, T.FLOAT),
    own: pictures(open, ['rows', 10], T.FLOAT, T.FLOAT),
    nameless: pictures(['', 1, '', ''], ['', 10], T.FLOAT, T.FLOAT),
    one: pictures([1, 1, 28, 28], [1, 10], T.FLOAT, T.FLOAT),
    half: pictures(open, ['batch', 10], T.FLOAT16, T.FLOAT16),
    half_inside: pictures(open, ['batch', 10], T.FLOAT16, T.FLOAT),
    brain: pictures(open, ['batch', 10], T.BFLOAT16, T.BFLOAT16),
    brain_inside: pictures(open, ['batch', 10], T.BFLOAT16, T.FLOAT),
    signals: signals(),
};
for (const [name, bytes] of Object.entries(files)) fs.writeFileSync(`${dir}/${name}.onnx`, bytes);
