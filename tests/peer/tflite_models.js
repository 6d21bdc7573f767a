// SPDX-License-Identifier: MIT
// tflite_models.js DIR: small networks of the operators that nt-export writes for TensorFlow Lite, NAME.onnx each with
// its input, NAME.npy, and prints their names: with how many TRANSPOSE and other operators at most, where that matters.
const fs = require('fs');
const npy = require('./npy.js');
const { T, tensor, node, model, noise } = require('./onnx.js');
const dir = process.argv[2];
const random = noise(5);
const numbers = n => Float32Array.from({ length: n }, () => 2 * random() - 1);
const count = dims => dims.reduce((a, b) => a * b, 1);

// x: the input's dims; parts: nodes and constants from 'x' to 'y' (of dims y)
function write(name, x, y, parts, { opset = 17, scale = 1, most = '' } = {}) {
    const outs = Array.isArray(y[0]) ? y.map((dims, i) => ({ name: i ? 'y' + i : 'y', dims })) : [{ name: 'y', dims: y }];
    fs.writeFileSync(`${dir}/${name}.onnx`, model({ opset, parts, ins: [{ name: 'x', dims: x }], outs }));
    npy.save(`${dir}/${name}.npy`, { dims: x, data: numbers(count(x)).map(v => scale * v) });
    console.log(name, most);
}
const f = (name, dims, values) => tensor(name, T.FLOAT, dims, values || numbers(count(dims)));
const i = (name, values) => tensor(name, T.INT64, [values.length], values.map(BigInt));
const conv = (x, y, w, attrs = {}, bias = true) => [f(y + '_w', w), ...bias ? [f(y + '_b', [w[0]])] : [],
    node('Conv', [x, y + '_w', ...bias ? [y + '_b'] : []], [y], attrs)];

// ---- convolutions
const P = [1, 3, 9, 11];
write('conv_valid', P, [1, 5, 7, 9], conv('x', 'y', [5, 3, 3, 3]));
write('conv_same', P, [1, 5, 9, 11], conv('x', 'y', [5, 3, 3, 3], { pads: [1, 1, 1, 1] }, false), { most: 'PAD=0 TRANSPOSE=0' });
write('conv_stride_same', [1, 3, 9, 11], [1, 5, 5, 6], conv('x', 'y', [5, 3, 3, 3], { pads: [1, 1, 1, 1], strides: [2, 2] }), { most: 'PAD=0' });
write('conv_stride_pads', [1, 3, 8, 12], [1, 5, 4, 6], conv('x', 'y', [5, 3, 3, 3], { pads: [1, 1, 1, 1], strides: [2, 2] }), { most: 'PAD=1' });
write('conv_dilated', P, [1, 5, 9, 11], conv('x', 'y', [5, 3, 3, 3], { pads: [2, 2, 2, 2], dilations: [2, 2] }));
write('conv_uneven', P, [1, 4, 10, 12], conv('x', 'y', [4, 3, 2, 3], { pads: [0, 2, 2, 1] }));
write('conv_same_lower', [1, 3, 8, 9], [1, 4, 4, 5], conv('x', 'y', [4, 3, 3, 2], { auto_pad: 'SAME_LOWER', strides: [2, 2] }));
write('conv_same_upper', [1, 3, 8, 9], [1, 4, 4, 5], conv('x', 'y', [4, 3, 3, 2], { auto_pad: 'SAME_UPPER', strides: [2, 2] }), { most: 'PAD=0' });
write('conv_depthwise', [1, 4, 8, 8], [1, 4, 8, 8], conv('x', 'y', [4, 1, 3, 3], { pads: [1, 1, 1, 1], group: 4 }));
write('conv_multiplier', [1, 4, 8, 8], [1, 8, 4, 4], conv('x', 'y', [8, 1, 2, 2], { strides: [2, 2], group: 4 }));
write('conv_depth_dilated', [1, 4, 9, 9], [1, 4, 9, 9], conv('x', 'y', [4, 1, 3, 3], { pads: [2, 2, 2, 2], dilations: [2, 2], group: 4 }));
write('conv_groups', [1, 6, 8, 8], [1, 4, 6, 6], conv('x', 'y', [4, 3, 3, 3], { group: 2 }));
write('conv_row', [2, 3, 10], [2, 4, 10], conv('x', 'y', [4, 3, 3], { pads: [1, 1] }));
write('conv_chain', P, [1, 2, 9, 11], [...conv('x', 'a', [5, 3, 3, 3], { pads: [1, 1, 1, 1] }), node('Relu', ['a'], ['b']),
    ...conv('b', 'c', [4, 5, 1, 1]), node('Clip', ['c', 'lo', 'hi'], ['d']), f('lo', [], [0]), f('hi', [], [6]),
    ...conv('d', 'y', [2, 4, 3, 3], { pads: [1, 1, 1, 1] })], { most: 'TRANSPOSE=0 RELU=0 RELU6=0' });
write('conv_two_readers', P, [1, 3, 9, 11], [...conv('x', 'a', [3, 3, 1, 1]), node('Relu', ['a'], ['b']), node('Add', ['a', 'b'], ['y'])]);
write('batchnorm', P, [1, 5, 7, 9], [...conv('x', 'a', [5, 3, 3, 3], {}, false), f('g', [5]), f('b', [5]), f('m', [5]), f('v', [5], [1, .5, 2, 3, .1]),
    node('BatchNormalization', ['a', 'g', 'b', 'm', 'v'], ['y'])], { most: 'MUL=0 ADD=0' });
write('batchnorm_alone', P, P, [f('g', [3]), f('b', [3]), f('m', [3]), f('v', [3], [1, .5, 2]),
    node('BatchNormalization', ['x', 'g', 'b', 'm', 'v'], ['y'])]);
const deconv = (name, x, y, w, attrs) => write(name, x, y, [f('w', w), f('b', [w[1]]), node('ConvTranspose', ['x', 'w', 'b'], ['y'], attrs)]);
deconv('deconv_2x', [1, 3, 4, 5], [1, 4, 8, 10], [3, 4, 2, 2], { strides: [2, 2] });
deconv('deconv_same', [1, 3, 4, 5], [1, 4, 8, 10], [3, 4, 4, 4], { strides: [2, 2], pads: [1, 1, 1, 1] });
deconv('deconv_cut', [1, 3, 4, 5], [1, 4, 8, 10], [3, 4, 3, 3], { strides: [2, 2], pads: [1, 1, 1, 1], output_padding: [1, 1] });
deconv('deconv_whole', [1, 3, 4, 5], [1, 4, 9, 11], [3, 4, 3, 3], { strides: [2, 2] });
deconv('deconv_one', [1, 3, 4, 5], [1, 4, 4, 5], [3, 4, 3, 3], { pads: [1, 1, 1, 1] });

// ---- pools
const pool = (name, op, x, y, attrs, o) => write(name, x, y, [node(op, ['x'], ['y'], attrs)], o);
pool('max_valid', 'MaxPool', P, [1, 3, 4, 5], { kernel_shape: [2, 2], strides: [2, 2] });
pool('max_pads', 'MaxPool', [1, 3, 8, 12], [1, 3, 4, 6], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] });
pool('max_ceil', 'MaxPool', P, [1, 3, 5, 6], { kernel_shape: [2, 2], strides: [2, 2], ceil_mode: 1 });
write('max_relu', [1, 3, 8, 12], [1, 3, 4, 6], [node('Relu', ['x'], ['a']), node('MaxPool', ['a'], ['y'],
    { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] })], { most: 'PADV2=0' });
pool('average_valid', 'AveragePool', P, [1, 3, 4, 5], { kernel_shape: [2, 2], strides: [2, 2] });
pool('average_same', 'AveragePool', P, P, { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }, { most: 'PAD=0 MUL=0' });
pool('average_pads', 'AveragePool', [1, 3, 8, 12], [1, 3, 4, 6], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] });
pool('average_counts', 'AveragePool', P, P, { kernel_shape: [3, 3], pads: [1, 1, 1, 1], count_include_pad: 1 }, { most: 'MUL=0' });
pool('average_ceil', 'AveragePool', P, [1, 3, 5, 6], { kernel_shape: [2, 2], strides: [2, 2], ceil_mode: 1 });
pool('average_ceil_counts', 'AveragePool', [1, 3, 8, 8], [1, 3, 5, 5], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1], ceil_mode: 1, count_include_pad: 1 });
pool('average_row', 'AveragePool', [1, 3, 10], [1, 3, 5], { kernel_shape: [2], strides: [2] });
pool('global_average', 'GlobalAveragePool', P, [1, 3, 1, 1], {});
pool('global_max', 'GlobalMaxPool', P, [1, 3, 1, 1], {});

// ---- dense
write('gemm', [1, 7], [1, 5], [f('w', [5, 7]), f('b', [5]), node('Gemm', ['x', 'w', 'b'], ['y'], { transB: 1 })]);
write('gemm_factors', [4, 7], [4, 5], [f('w', [7, 5]), f('b', [1]), node('Gemm', ['x', 'w', 'b'], ['a'], { alpha: .5, beta: 2.5 }), node('Relu', ['a'], ['y'])], { most: 'RELU=0' });
write('matmul', [2, 3, 7], [2, 3, 5], [f('w', [7, 5]), node('MatMul', ['x', 'w'], ['y'])]);
write('matmul_two', [2, 3, 7], [2, 3, 3], [node('Transpose', ['x'], ['t'], { perm: [0, 2, 1] }), node('MatMul', ['x', 't'], ['y'])]);
write('flatten_gemm', [1, 3, 4, 5], [1, 6], [...conv('x', 'a', [4, 3, 3, 3]), node('Flatten', ['a'], ['b']), f('w', [24, 6]),
    node('Gemm', ['b', 'w'], ['y'])], { most: 'TRANSPOSE=0' });
write('reshape_gemm', [1, 3, 4, 5], [1, 6], [...conv('x', 'a', [4, 3, 3, 3]), i('s', [1, -1]), node('Reshape', ['a', 's'], ['b']), f('w', [24, 6]),
    node('MatMul', ['b', 'w'], ['y'])], { most: 'TRANSPOSE=0' });
write('flatten_alone', [1, 3, 4, 5], [1, 24], [...conv('x', 'a', [4, 3, 3, 3]), node('Flatten', ['a'], ['b']), node('Tanh', ['b'], ['y'])]);
write('flatten_output', [1, 3, 4, 5], [1, 24], [...conv('x', 'a', [4, 3, 3, 3]), node('Flatten', ['a'], ['y'])]);
write('head', [1, 3, 6, 6], [1, 5], [...conv('x', 'a', [4, 3, 3, 3]), node('GlobalAveragePool', ['a'], ['b']), node('Flatten', ['b'], ['c']), f('w', [5, 4]),
    node('Gemm', ['c', 'w'], ['d'], { transB: 1 }), node('Softmax', ['d'], ['y'], { axis: 1 })], { most: 'TRANSPOSE=0' });

// ---- element by element
for (const [op, attrs = {}] of [['Abs'], ['Ceil'], ['Elu'], ['Exp'], ['Floor'], ['HardSwish'], ['LeakyRelu', { alpha: .2 }], ['Neg'], ['Relu'], ['Sigmoid'], ['Tanh'],
    ['HardSigmoid', { alpha: .3, beta: .4 }]])
    write('unary_' + op, P, P, [node(op, ['x'], ['y'], attrs)], { scale: 5, most: 'TRANSPOSE=0' });
for (const [k, approximate] of ['none', 'tanh'].entries())
    write('unary_Gelu' + k, P, P, [node('Gelu', ['x'], ['y'], { approximate })], { opset: 20, scale: 4 });
write('unary_positive', P, P, [node('Abs', ['x'], ['a']), node('Sqrt', ['a'], ['b']), f('c', [], [.5]), node('Add', ['b', 'c'], ['d']), node('Log', ['d'], ['e']),
    node('Pow', ['d', 'c'], ['g']), node('Add', ['e', 'g'], ['y'])]);
for (const [k, lo, hi] of [[0, 0, 6], [1, -1, 1], [2, -.5, .25]])
    write('clip' + k, P, P, [f('lo', [], [lo]), f('hi', [], [hi]), node('Clip', ['x', 'lo', 'hi'], ['y'])], { scale: 3 });
write('clip_low', P, P, [f('lo', [], [-.25]), node('Clip', ['x', 'lo'], ['y'])]);
write('prelu', P, P, [f('s', [3, 1, 1]), node('PRelu', ['x', 's'], ['y'])]);
for (const op of ['Add', 'Sub', 'Mul', 'Div', 'Max', 'Min']) {
    write('number_' + op, P, P, [f('c', [], [1.5]), node(op, ['x', 'c'], ['y'])]);
    write('channels_' + op, P, P, [f('c', [3, 1, 1], [1.5, -2, 3]), node(op, ['x', 'c'], ['y'])], { most: 'TRANSPOSE=0' });
    write('columns_' + op, P, P, [f('c', [11], numbers(11).map(v => v + 2)), node(op, ['c', 'x'], ['a']), node('Tanh', ['a'], ['y'])]);
    write('both_' + op, [1, 2, 4, 4], [1, 2, 4, 4], [node('Exp', ['x'], ['a']), node(op, ['x', 'a'], ['b']), node('Relu', ['b'], ['y'])], { most: 'TRANSPOSE=0' });
}
write('gate', [1, 4, 5, 5], [1, 4, 5, 5], [node('GlobalAveragePool', ['x'], ['a']), ...conv('a', 'b', [4, 4, 1, 1]), node('Sigmoid', ['b'], ['c']),
    node('Mul', ['x', 'c'], ['y'])], { most: 'TRANSPOSE=0' });
write('gate_dense', [1, 4, 5, 5], [1, 4, 5, 5], [node('GlobalAveragePool', ['x'], ['a']), node('Flatten', ['a'], ['b']), f('w', [4, 4]), node('MatMul', ['b', 'w'], ['c']),
    i('s', [1, 4, 1, 1]), node('Reshape', ['c', 's'], ['d']), node('Mul', ['x', 'd'], ['y'])], { most: 'TRANSPOSE=0' });
write('sum_of_three', P, P, [node('Tanh', ['x'], ['a']), node('Sum', ['x', 'a', 'x'], ['y'])]);

// ---- reductions and softmax
write('mean_plane', P, [1, 3], [i('a', [2, 3]), node('ReduceMean', ['x', 'a'], ['y'], { keepdims: 0 })], { opset: 18, most: 'TRANSPOSE=0' });
write('mean_channels', P, [1, 1, 9, 11], [node('ReduceMean', ['x'], ['y'], { axes: [1] })], { most: 'TRANSPOSE=0' });
write('mean_columns', P, [1, 3, 9], [node('ReduceMean', ['x'], ['y'], { axes: [3], keepdims: 0 })]);
write('mean_all', P, [1, 1, 1, 1], [node('ReduceMean', ['x'], ['y'])]);
write('reduce_max', P, [1, 3, 1, 1], [node('ReduceMax', ['x'], ['y'], { axes: [2, 3] })]);
write('reduce_min', P, [1, 3, 1, 1], [node('ReduceMin', ['x'], ['y'], { axes: [2, 3] })]);
write('reduce_sum', P, [1, 3, 1, 1], [i('a', [2, 3]), node('ReduceSum', ['x', 'a'], ['y'])]);
for (const axis of [1, 2, 3]) write('softmax' + axis, P, P, [node('Softmax', ['x'], ['y'], { axis })], { scale: 4 });
write('softmax_rows', [2, 3, 4], [2, 3, 4], [node('Softmax', ['x'], ['y'], { axis: 1 })], { opset: 11, scale: 4 });
write('log_softmax', [2, 5], [2, 5], [node('LogSoftmax', ['x'], ['y'], { axis: 1 })], { scale: 4 });

// ---- moving
write('concat', P, [1, 6, 9, 11], [node('Tanh', ['x'], ['a']), node('Concat', ['x', 'a'], ['y'], { axis: 1 })], { most: 'TRANSPOSE=0' });
write('concat_rows', P, [1, 3, 18, 11], [node('Tanh', ['x'], ['a']), node('Concat', ['x', 'a'], ['y'], { axis: -2 })]);
write('split', [1, 6, 3, 4], [[1, 2, 3, 4], [1, 4, 3, 4]], [i('s', [2, 4]), node('Split', ['x', 's'], ['y', 'y1'], { axis: 1 })]);
write('slice', P, [1, 2, 4, 3], [i('s', [1, 1, 8]), i('e', [3, 9, 2]), i('a', [1, 2, 3]), i('t', [1, 2, -2]), node('Slice', ['x', 's', 'e', 'a', 't'], ['y'])]);
write('slice_back', P, P, [i('s', [-1]), i('e', [-100]), i('a', [3]), i('t', [-1]), node('Slice', ['x', 's', 'e', 'a', 't'], ['y'])]);
write('slice_focus', [1, 3, 8, 8], [1, 6, 4, 4], [i('a', [2, 3]), i('e', [99, 99]), i('t', [2, 2]), i('s', [0, 0]), i('u', [1, 0]),
    node('Slice', ['x', 's', 'e', 'a', 't'], ['p']), node('Slice', ['x', 'u', 'e', 'a', 't'], ['q']), node('Concat', ['p', 'q'], ['y'], { axis: 1 })], { most: 'TRANSPOSE=0' });
write('pad', P, [1, 3, 12, 12], [i('p', [0, 0, 1, 0, 0, 0, 2, 1]), node('Pad', ['x', 'p'], ['y'])]);
write('pad_number', P, [1, 4, 9, 12], [i('p', [0, 1, 0, 0, 0, 0, 0, 1]), f('v', [], [-1.5]), node('Pad', ['x', 'p', 'v'], ['y'])]);
write('pad_reflect', P, [1, 3, 12, 13], [i('p', [0, 0, 1, 2, 0, 0, 2, 0]), node('Pad', ['x', 'p'], ['y'], { mode: 'reflect' })]);
write('gather', [1, 6, 3, 4], [1, 4, 3, 4], [i('p', [5, 0, -2, 1]), node('Gather', ['x', 'p'], ['y'], { axis: 1 })], { most: 'TRANSPOSE=0' });
write('gather_one', [2, 3, 5], [2, 5], [tensor('p', T.INT64, [], [-1n]), node('Gather', ['x', 'p'], ['y'], { axis: 1 })]);
write('shuffle', [1, 6, 3, 4], [1, 6, 3, 4], [i('s', [1, 2, 3, 3, 4]), i('u', [1, 6, 3, 4]), node('Reshape', ['x', 's'], ['a']),
    node('Transpose', ['a'], ['b'], { perm: [0, 2, 1, 3, 4] }), node('Reshape', ['b', 'u'], ['y'])]);
write('depth_to_space', [1, 8, 3, 4], [1, 2, 6, 8], [node('DepthToSpace', ['x'], ['y'], { blocksize: 2 })], { most: 'TRANSPOSE=0' });
write('space_to_depth', [1, 2, 6, 8], [1, 8, 3, 4], [node('SpaceToDepth', ['x'], ['y'], { blocksize: 2 })], { most: 'TRANSPOSE=0' });
write('transpose', P, [1, 9, 11, 3], [node('Tanh', ['x'], ['a']), node('Transpose', ['a'], ['y'], { perm: [0, 2, 3, 1] })]);
write('transpose_twice', [2, 3, 4], [2, 3, 4], [node('Transpose', ['x'], ['a'], { perm: [2, 0, 1] }), node('Tanh', ['a'], ['b']), node('Transpose', ['b'], ['y'], { perm: [1, 2, 0] })]);
write('views', [1, 3, 4, 5], [1, 1, 12, 5], [i('s', [12, 5]), node('Reshape', ['x', 's'], ['a']), i('u', [0, 1]), node('Unsqueeze', ['a', 'u'], ['y'])]);
write('squeeze', [1, 3, 1, 5], [3, 5], [i('a', [0, 2]), node('Squeeze', ['x', 'a'], ['y'])]);
write('copy', P, P, [node('Identity', ['x'], ['y'])]);
write('twice', P, [P, P], [node('Tanh', ['x'], ['y']), node('Identity', ['y'], ['y1'])]);
const resize = (name, y, attrs, most) => write('resize_' + name, [1, 3, 6, 5], y, [f('scales', [4], y.map((d, k) => d / [1, 3, 6, 5][k])),
    node('Resize', ['x', '', 'scales'], ['y'], attrs)], { most });
resize('nearest', [1, 3, 12, 10], { mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' }, 'GATHER=0 TRANSPOSE=0');
resize('nearest_half', [1, 3, 12, 10], { mode: 'nearest' }, 'GATHER=0');
resize('nearest_ceil', [1, 3, 9, 10], { mode: 'nearest', nearest_mode: 'round_prefer_ceil' }, 'GATHER=0');
resize('nearest_ties', [1, 3, 3, 10], { mode: 'nearest' });
resize('nearest_up', [1, 3, 9, 8], { mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'ceil' });
resize('linear', [1, 3, 12, 10], { mode: 'linear' }, 'TRANSPOSE=0');
resize('linear_odd', [1, 3, 9, 8], { mode: 'linear' });
resize('linear_corners', [1, 3, 11, 9], { mode: 'linear', coordinate_transformation_mode: 'align_corners' });
resize('linear_asymmetric', [1, 3, 12, 10], { mode: 'linear', coordinate_transformation_mode: 'asymmetric' });
write('unet', [1, 3, 8, 8], [1, 2, 8, 8], [...conv('x', 'a', [4, 3, 3, 3], { pads: [1, 1, 1, 1] }), node('Relu', ['a'], ['b']),
    node('MaxPool', ['b'], ['c'], { kernel_shape: [2, 2], strides: [2, 2] }), ...conv('c', 'd', [6, 4, 3, 3], { pads: [1, 1, 1, 1] }), node('Relu', ['d'], ['e']),
    f('w', [6, 4, 2, 2]), node('ConvTranspose', ['e', 'w'], ['g'], { strides: [2, 2] }), node('Concat', ['g', 'b'], ['h'], { axis: 1 }),
    ...conv('h', 'y', [2, 8, 1, 1])], { most: 'TRANSPOSE=0 PAD=0 RELU=0' });
write('attention', [2, 4, 6], [2, 4, 6], [f('q', [6, 6]), f('k', [6, 6]), node('MatMul', ['x', 'q'], ['a']), node('MatMul', ['x', 'k'], ['b']),
    node('Transpose', ['b'], ['c'], { perm: [0, 2, 1] }), node('MatMul', ['a', 'c'], ['d']), node('Softmax', ['d'], ['e'], { axis: -1 }), node('MatMul', ['e', 'x'], ['y'])]);

// ---- int8: outputs are codes of a step of 0.02, computed on codes alone but for the ends
const one = (name, type, v) => tensor(name, type, [], [v]);
// x rounded to codes of uint8 or int8
const round = (x, y, scale = .02, zero = 128, type = T.UINT8) => [one(y + '_s', T.FLOAT, scale), one(y + '_z', type, zero),
    node('QuantizeLinear', [x, y + '_s', y + '_z'], [y + '_q']), node('DequantizeLinear', [y + '_q', y + '_s', y + '_z'], [y])];
// a weight of int8 with a scale for each output
const coded = (y, dims, axis = 0) => {
    const k = dims[axis];
    return [tensor(y + '_q', T.INT8, dims, numbers(count(dims)).map(v => Math.round(127 * v))), f(y + '_s', [k], numbers(k).map(v => .002 * (1.5 + v))),
        tensor(y + '_z', T.INT8, [k], new Array(k).fill(0)), node('DequantizeLinear', [y + '_q', y + '_s', y + '_z'], [y], { axis })];
};
const qconv = (x, y, w, attrs = {}) => [...coded(y + '_w', w), f(y + '_b', [w[0]]), node('Conv', [x, y + '_w', y + '_b'], [y], attrs)];
const ends = 'QUANTIZE=1 DEQUANTIZE=1 TRANSPOSE=0';
const int8 = (name, x, y, parts, most = ends) => write('int8_' + name, x, y, [...round('x', 'in', .01, 120), ...parts, ...round('out', 'y')], { most });

int8('conv', P, [1, 5, 9, 11], qconv('in', 'out', [5, 3, 3, 3], { pads: [1, 1, 1, 1] }));
int8('conv_pads', [1, 3, 8, 12], [1, 5, 4, 6], qconv('in', 'out', [5, 3, 3, 3], { pads: [1, 1, 1, 1], strides: [2, 2] }));
int8('conv_relu', P, [1, 5, 7, 9], [...qconv('in', 'a', [5, 3, 3, 3]), node('Relu', ['a'], ['out'])], ends + ' RELU=0');
int8('depthwise', [1, 4, 8, 8], [1, 8, 6, 6], qconv('in', 'out', [8, 1, 3, 3], { group: 4 }), ends + ' DEPTHWISE_CONV_2D=1');
int8('groups', [1, 6, 8, 8], [1, 4, 6, 6], qconv('in', 'out', [4, 3, 3, 3], { group: 2 }));
int8('group_filters', [1, 6, 8, 8], [1, 2, 6, 6], qconv('in', 'out', [2, 3, 3, 3], { group: 2 }));
int8('one_filter', [1, 4, 8, 8], [1, 1, 6, 6], qconv('in', 'out', [1, 4, 3, 3]));
int8('chain', P, [1, 4, 9, 11], [...qconv('in', 'a', [5, 3, 3, 3], { pads: [1, 1, 1, 1] }), node('Relu', ['a'], ['b']), ...round('b', 'c', .015, 0),
    ...qconv('c', 'out', [4, 5, 1, 1])]);
int8('max', [1, 3, 8, 12], [1, 5, 4, 6], [...qconv('in', 'a', [5, 3, 1, 1]), node('MaxPool', ['a'], ['out'], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] })]);
int8('max_even', [1, 3, 8, 12], [1, 5, 4, 6], [...qconv('in', 'a', [5, 3, 1, 1]), node('Relu', ['a'], ['b']), node('MaxPool', ['b'], ['out'], { kernel_shape: [2, 2], strides: [2, 2] })]);
int8('signed', P, [1, 5, 7, 9], [...qconv('in', 'a', [5, 3, 1, 1]), ...round('a', 'b', .02, 3, T.INT8), ...qconv('b', 'out', [5, 5, 3, 3])]);
int8('residual', P, [1, 3, 9, 11], [...qconv('in', 'a', [3, 3, 3, 3], { pads: [1, 1, 1, 1] }), ...round('a', 'b', .025, 100), node('Add', ['b', 'in'], ['c']), node('Relu', ['c'], ['out'])]);
int8('global', P, [1, 5, 1, 1], [...qconv('in', 'a', [5, 3, 3, 3]), ...round('a', 'b', .02, 128), node('GlobalAveragePool', ['b'], ['out'])]);
int8('concat', P, [1, 9, 9, 11], [...qconv('in', 'a', [5, 3, 1, 1]), ...qconv('in', 'b', [4, 3, 1, 1]), node('Concat', ['a', 'b'], ['out'], { axis: 1 })]);
int8('dense', [2, 7], [2, 5], [...coded('w', [5, 7]), f('b', [5]), node('Gemm', ['in', 'w', 'b'], ['out'], { transB: 1 })]);
int8('matmul', [2, 7], [2, 5], [...coded('w', [7, 5], 1), node('MatMul', ['in', 'w'], ['out'])]);
int8('flatten', [1, 3, 4, 5], [1, 6], [...qconv('in', 'a', [4, 3, 3, 3]), node('Flatten', ['a'], ['b']), ...round('b', 'c'), ...coded('w', [6, 24]),
    f('w_b', [6]), node('Gemm', ['c', 'w', 'w_b'], ['out'], { transB: 1 })]);
int8('flatten_max', [1, 3, 6, 6], [1, 6], [...qconv('in', 'a', [4, 3, 3, 3]), node('Relu', ['a'], ['b']), node('MaxPool', ['b'], ['c'], { kernel_shape: [2, 2], strides: [2, 2] }),
    node('Flatten', ['c'], ['d']), ...round('d', 'e', .02, 0), ...coded('w', [6, 16]), f('w_b', [6]), node('Gemm', ['e', 'w', 'w_b'], ['out'], { transB: 1 })]);
// what has no codes between: float32, and right
int8('sigmoid', P, P, [node('Sigmoid', ['in'], ['out'])], 'QUANTIZE=2 DEQUANTIZE=2');
int8('concat_scales', P, [1, 6, 9, 11], [node('Tanh', ['x'], ['a']), ...round('a', 'b', .008, 128), node('Concat', ['in', 'b'], ['out'], { axis: 1 })], '');
int8('average', P, [1, 3, 4, 5], [node('AveragePool', ['in'], ['out'], { kernel_shape: [2, 2], strides: [2, 2] })], '');
write('int8_weights', P, [1, 5, 7, 9], [...coded('w', [5, 3, 3, 3]), node('Conv', ['x', 'w'], ['y'])], { most: 'QUANTIZE=0' });
write('int8_tail', [1, 7], [1, 5], [...round('x', 'in'), ...coded('w', [5, 7]), node('Gemm', ['in', 'w'], ['y'], { transB: 1 })], { most: 'QUANTIZE=1 DEQUANTIZE=1' });
